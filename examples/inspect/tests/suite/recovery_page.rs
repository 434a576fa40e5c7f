// SPDX-License-Identifier: MIT OR Apache-2.0
//! `docs/recover.md`: its commands run, and print what stands there.

use crate::bench::images;
use crate::program::{Folder, text};
use raid_core::layout::{Layout, Role};
use raid_inspect::Inspection;
use raid_testdata::{SparseImage, scenario};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A block of commands, and what is said to be printed.
struct Block {
    line: usize,
    commands: String,
    printed: Option<String>,
}

/// The blocks that are marked `sh`; a block marked `text` that follows at once is what one prints.
fn blocks(page: &str) -> Vec<Block> {
    let (mut blocks, mut fence, mut between) = (Vec::<Block>::new(), None, 0);
    for (number, line) in page.lines().enumerate() {
        match (fence, line.strip_prefix("```")) {
            (None, Some("sh")) => {
                fence = Some("sh");
                blocks.push(Block { line: number + 1, commands: String::new(), printed: None });
            }
            (None, Some("text")) => {
                fence = Some(if between == 0 { "printed" } else { "text" });
            }
            (None, Some(other)) => panic!("line {}: a block marked {other:?}", number + 1),
            (None, None) => between += usize::from(!line.is_empty()),
            (Some(_), Some(_)) => {
                fence = None;
                between = 0;
            }
            (Some("sh"), None) => blocks.last_mut().unwrap().commands += &format!("{line}\n"),
            (Some("printed"), None) => {
                let block = blocks.last_mut().expect("commands before what they print");
                *block.printed.get_or_insert_default() += &format!("{line}\n");
            }
            (Some(_), None) => {}
        }
    }
    blocks
}

/// The disks of the page: those of the test data, their volume filled with `volume`, parity made anew.
fn write_disks(folder: &Path, volume: &[u8]) {
    let scenario = scenario("ddf-mdadm", "raid5-n-restart-3d-64k");
    let paths: Vec<PathBuf> = (0..3).map(|disk| folder.join(format!("d{disk}.img"))).collect();
    let mut disks: Vec<SparseImage> = images(&scenario).iter().map(|i| (**i).clone()).collect();
    for (path, disk) in paths.iter().zip(&disks) {
        disk.write_to(path).unwrap();
    }
    let inspection = Inspection::open(&paths);
    let array = &inspection.discovery.arrays[0];
    let layout = Layout::new(&array.descriptor.geometry).unwrap();
    let block = array.descriptor.geometry.block_size as usize;
    assert_eq!(volume.len() as u64, array.descriptor.size.0 * block as u64);
    for row in 0..layout.rows() {
        let mut sum = vec![0; block];
        let mut parity = None;
        for known in &scenario.volumes[0].members {
            let member = &array.members[known.slot].descriptor;
            let at = known.start_bytes + row * block as u64;
            match layout.role(member.place.slot, row) {
                Role::Data(of) => {
                    let data = &volume[of as usize * block..][..block];
                    sum.iter_mut().zip(data).for_each(|(sum, byte)| *sum ^= byte);
                    disks[known.disk].write_at(at, data);
                }
                Role::Parity(0) => parity = Some((known.disk, at)),
                other => panic!("{other:?}"),
            }
        }
        let (disk, at) = parity.unwrap();
        disks[disk].write_at(at, &sum);
    }
    for (path, disk) in paths.iter().zip(&disks) {
        fs::remove_file(path).unwrap();
        disk.write_to(path).unwrap();
    }
}

#[test]
fn every_command_of_the_page_runs_and_prints_what_stands_there() {
    let folder = Folder::new("recovery-page");
    let program = Path::new(env!("CARGO_BIN_EXE_raid-inspect"));
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}:/usr/sbin:/sbin", program.parent().unwrap().display());
    let sh = |commands: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-e", "-c", commands]).env("PATH", &path).current_dir(&folder.0);
        shell.output().unwrap()
    };
    for needed in ["mke2fs", "debugfs", "nbdcopy"] {
        if !sh(&format!("command -v {needed}")).status.success() {
            println!("SKIPPED: {needed} is not installed");
            return;
        }
    }
    // One file after the other, so that each has its inode.
    let made = sh("mkdir tree && echo 'Dear reader, all of it is here.' > tree/letter.txt &&
        head -c 300000 /dev/zero | tr '\\0' 'x' > drawing.bin &&
        mke2fs -q -t ext4 -b 1024 -d tree volume 8M &&
        debugfs -w -R 'write drawing.bin drawing.bin' volume 2>/dev/null");
    assert!(made.status.success(), "{}", text(&made.stderr));
    let volume = fs::read(folder.0.join("volume")).unwrap();
    write_disks(&folder.0, &volume);
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/recover.md");
    let blocks = blocks(&fs::read_to_string(page).unwrap());
    assert!(blocks.len() >= 12, "{}", blocks.len());
    for Block { line, commands, printed } in blocks {
        let ran = sh(&commands);
        let said = text(&ran.stdout);
        assert!(ran.status.success(), "line {line}: {commands}{said}{}", text(&ran.stderr));
        assert_eq!(said, printed.unwrap_or_default(), "line {line}: {commands}");
    }
    assert!(fs::read(folder.0.join("r5.img")).unwrap() == volume);
}
