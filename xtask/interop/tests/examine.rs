// SPDX-License-Identifier: MIT OR Apache-2.0
//! `mdadm --examine` and this library say the same of disks that are made here, field by field, and
//! libblkid recognises them until they are erased. (mdadm's own disks: `raid-ddf/tests/suite/golden.rs`.)

use raid_array::discover::{Discovery, FoundDisk};
use raid_core::metadata::{DiskView, Piece};
use raid_ddf::{Assembly, ByteOrder, Structure};
use raid_inspect::Inspection;
use raid_interop::arrays;
use raid_interop::shapes::{self, Shape};
use std::path::{Path, PathBuf};
use std::process::Command;

const BE: ByteOrder = ByteOrder::Big;

/// A field of mdadm's text and its value.
type Field = (String, String);

/// What mdadm's text says, field by field; the rows of the table of disks are fields of their own.
/// Left out are device names, and the readable part of GUIDs, which is the hexadecimal part again.
fn fields(text: &str) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for line in text.lines().skip(1) {
        let words: Vec<&str> =
            line.split_whitespace().filter(|word| !word.starts_with("/dev/")).collect();
        if let Some((field, value)) = line.split_once(" : ") {
            fields.push((field.trim().to_owned(), value.trim_end().trim_start().to_owned()));
        } else if let [number, reference, rest @ ..] = &words[..]
            && number.parse::<u16>().is_ok()
            && u32::from_str_radix(reference, 16).is_ok()
        {
            fields.push((format!("disk {number} {reference}"), rest.join(" ")));
        }
    }
    fields.sort();
    fields
}

/// The same from the copy that this library uses.
fn ours(structure: &Structure<'_>) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    let mut say = |field: String, value: String| fields.push((field, value));
    let (header, order) = (structure.header(), structure.order());
    say("Magic".into(), format!("{:08x}", header.signature.get(order)));
    say("Version".into(), String::from_utf8_lossy(&header.ddf_rev).into_owned());
    let controller = structure.controller_data().expect("controller data");
    say("Controller GUID".into(), guid(&controller.controller_guid.0));
    say("Container GUID".into(), guid(&header.ddf_header_guid.0));
    say("Seq".into(), format!("{:08x}", header.sequence_number.get(order)));
    let secondary = header.secondary_header_lba.present(order).is_some();
    say("Redundant hdr".into(), String::from(if secondary { "yes" } else { "no" }));
    let volumes = structure.virtual_disks().expect("virtual disk records");
    let populated = volumes.populated_vdes.get(order);
    say("Virtual Disks".into(), populated.to_string());
    for (number, entry) in volumes.entries.iter().take(populated.into()).enumerate() {
        if entry.vd_guid.is_unused() {
            continue;
        }
        say(format!("VD GUID[{number}]"), guid(&entry.vd_guid.0));
        say(format!("unit[{number}]"), entry.vd_number.get(order).to_string());
        say(format!("state[{number}]"), volume_state(entry.vd_state));
        let initialised = ["Not Initialised", "QuickInit in Progress", "Fully Initialised"];
        say(format!("init state[{number}]"), initialised[usize::from(entry.init_state & 3)].into());
        let access = ["Read/Write", "Reserved", "Read Only", "Blocked (no access)"];
        say(format!("access[{number}]"), access[usize::from(entry.init_state >> 6)].into());
        let name: Vec<u8> = entry.vd_name.iter().copied().take_while(|byte| *byte != 0).collect();
        say(format!("Name[{number}]"), String::from_utf8_lossy(&name).trim_end().into());
        for record in structure.volumes().filter(|record| record.vd_guid == entry.vd_guid) {
            for (field, value) in configuration(structure, record) {
                say(format!("{field}[{number}]"), value);
            }
        }
    }
    let disks = structure.physical_disks().expect("physical disk records");
    say("Physical Disks".into(), disks.max_pde_supported.get(order).to_string());
    for (number, entry) in disks.entries.iter().enumerate() {
        let reference = entry.pd_reference.get(order);
        if reference != u32::MAX {
            let kib = entry.configured_size.get(order) / 2;
            let state = disk_state(entry.pd_type.get(order), entry.pd_state.get(order));
            say(format!("disk {number} {reference:08x}"), format!("{kib}K {state}"));
        }
    }
    fields.sort();
    fields
}

fn guid(bytes: &[u8; 24]) -> String {
    let words = bytes.as_chunks().0.iter().map(|word| format!("{:08X}", u32::from_be_bytes(*word)));
    words.collect::<Vec<_>>().join(":")
}

fn volume_state(byte: u8) -> String {
    let states =
        ["Optimal", "Degraded", "Deleted", "Missing", "Failed", "Partially Optimal", "-", "-"];
    let morphing = if byte & 8 != 0 { "Morphing, " } else { "" };
    let consistent = if byte & 16 != 0 { "Not Consistent" } else { "Consistent" };
    format!("{}, {morphing}{consistent}", states[usize::from(byte & 7)])
}

fn disk_state(kind: u16, state: u16) -> String {
    let say = |bits: u16, names: &[(u16, &str)]| -> String {
        names.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect()
    };
    let kinds =
        [(2, "active"), (4, "Global-Spare"), (8, "spare"), (16, ", foreign"), (32, "pass-through")];
    // Failed counts for more than online, rebuilding and in transition.
    let state = if state & 2 != 0 { state & !(1 | 4 | 8) } else { state };
    let states = [
        (2, ", Failed"),
        (4, ", Rebuilding"),
        (8, ", in-transition"),
        (16, ", SMART-errors"),
        (32, ", Unrecovered-Read-Errors"),
        (64, ", Missing"),
    ];
    let online = if state & 1 != 0 { "Online" } else { "Offline" };
    format!("{}/{online}{}", say(kind, &kinds), say(state, &states))
}

/// A configuration record in mdadm's words.
fn configuration(
    structure: &Structure<'_>,
    record: &raid_ddf::VdConfiguration,
) -> Vec<(&'static str, String)> {
    let order = structure.order();
    let elements = record.elements(structure.element_slots()).expect("element lists");
    let disks = &structure.physical_disks().expect("physical disk records").entries;
    let count = usize::from(record.primary_element_count.get(order));
    let places = elements.references.iter().zip(elements.starting_blocks).take(count);
    let places = places.map(|(reference, start)| {
        let number = disks.iter().position(|disk| disk.pd_reference == *reference);
        let number = number.map_or(String::from("--"), |number| number.to_string());
        format!("{number}@{}K", start.get(order) / 2)
    });
    let mut fields =
        vec![("Raid Devices", format!("{count} ({})", places.collect::<Vec<_>>().join(" ")))];
    if record.strip_size != 255 {
        fields.push(("Chunk Size", format!("{} sectors", 1u64 << record.strip_size)));
    }
    let level = match record.primary_raid_level {
        0x0F => "JBOD",
        0x11 => "RAID1E",
        0x1F => "CONCAT",
        0x15 => "RAID5E",
        0x25 => "RAID5EE",
        level => ["RAID0", "RAID1", "-", "RAID3", "RAID4", "RAID5", "RAID6"][usize::from(level)],
    };
    fields.push(("Raid Level", String::from(level)));
    if record.secondary_element_count != 1 {
        let (which, of) = (record.secondary_element_seq, record.secondary_element_count);
        fields.push(("Secondary Position", format!("{which} of {of}")));
        let levels = ["Striped", "Mirrored", "Concat", "Spanned"];
        fields.push(("Secondary Level", levels[usize::from(record.secondary_raid_level)].into()));
    }
    fields.push(("Device Size", (record.block_count.get(order) / 2).to_string()));
    fields.push(("Array Size", (record.vd_size.get(order) / 2).to_string()));
    fields
}

/// Compares one disk with mdadm's text of it.
fn agrees(what: &str, disk: &FoundDisk, text: &str) {
    let claim = disk.claims.first().unwrap_or_else(|| panic!("{what}: not recognised"));
    let pieces: Vec<Piece<'_>> =
        claim.pieces.iter().map(|piece| Piece { at: piece.at, bytes: &piece.bytes }).collect();
    let views = [DiskView { shape: disk.shape, pieces: &pieces }];
    let views = &views[..];
    let assembly = Assembly::new(&views, &mut [], &mut |_| {});
    let found = assembly.disk(0).unwrap_or_else(|| panic!("{what}: no usable copy"));
    assert_eq!(found.structure().order(), BE, "{what}");
    let (ours, theirs) = (ours(&found.structure()), fields(text));
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs, "{what}: ours and mdadm's");
    }
    assert_eq!(ours.len(), theirs.len(), "{what}");
}

/// A folder for images.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = format!("raid-interop-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays lies among the temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Arrays of every shape on sparse images.
fn made_here(scratch: &Scratch, format: &str, shapes: &[Shape], disks: usize) -> Vec<PathBuf> {
    let paths: Vec<PathBuf> = (0..disks)
        .map(|disk| {
            let path = scratch.0.join(format!("disk{disk}.img"));
            std::fs::File::create(&path).unwrap().set_len(64 << 20).unwrap();
            path
        })
        .collect();
    arrays::create(arrays::writer(format).unwrap(), &paths, shapes, &[disks - 1]).unwrap();
    paths
}

/// What a program prints; panics if it is not there.
fn output(program: &str, arguments: &[&str], path: &Path) -> String {
    let output = Command::new(program).args(arguments).arg(path).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
#[ignore = "needs mdadm: cargo xtask ci interop"]
fn mdadm_reads_our_disks_as_we_do() {
    let scratch = Scratch::new("examine");
    let paths = made_here(&scratch, "ddf", &shapes::in_ddf(), 7);
    let Discovery { disks, .. } = Inspection::open(&paths).discovery;
    for (disk, path) in disks.iter().zip(&paths) {
        agrees(&disk.name, disk, &output("mdadm", &["--examine"], path));
    }
}

/// Format, libblkid's name of it, level.
const RECOGNISED: [(&str, &str, &str); 2] =
    [("ddf", "ddf_raid_member", "01.02.00"), ("asr", "adaptec_raid_member", "8")];

#[test]
#[ignore = "needs mdadm, blkid and wipefs: cargo xtask ci interop"]
fn libblkid_recognises_our_disks_until_they_are_erased() {
    for (format, kind, version) in RECOGNISED {
        let scratch = Scratch::new(format);
        let shape = shapes::in_ddf().remove(1);
        let paths = made_here(&scratch, format, &[shape], 3);
        for path in &paths {
            let found = output("blkid", &["-p", "-O", "0"], path);
            for word in [
                format!("TYPE=\"{kind}\""),
                format!("VERSION=\"{version}\""),
                "USAGE=\"raid\"".into(),
            ] {
                assert!(found.contains(&word), "{format}: {word} in {found}");
            }
            let found = output("wipefs", &["--no-act"], path);
            assert!(found.contains(kind), "{format}: {found}");
        }
        let writer = arrays::writer(format).unwrap();
        // All arrays deleted: still disks of the format, of an empty configuration.
        if format == "ddf" {
            arrays::dissolve(writer, &paths).unwrap();
            for path in &paths {
                let found = output("blkid", &["-p", "-O", "0"], path);
                assert!(found.contains(kind), "{format}: {found}");
                let found = output("mdadm", &["--examine"], path);
                assert!(found.contains("Virtual Disks : 0\n"), "{found}");
                assert!(found.contains("Physical Disks : 255\n"), "{found}");
            }
        }
        // Erased as far as the first flush, and then to the end.
        let cut = scratch.0.join("cut.img");
        std::fs::copy(&paths[0], &cut).unwrap();
        arrays::erase_until(writer, std::slice::from_ref(&cut), 1).unwrap();
        let left = std::fs::read(&cut).unwrap();
        let header = raid_ddf::DdfHeader::byte_order;
        let headers = left.chunks(512).filter(|block| header(block).is_some()).count();
        assert_eq!(headers, if format == "ddf" { 2 } else { 0 }, "{format}");
        arrays::erase(writer, &paths).unwrap();
        for path in paths.iter().chain([&cut]) {
            assert_eq!(output("blkid", &["-p", "-O", "0"], path), "", "{format}");
            assert_eq!(output("wipefs", &["--no-act"], path), "", "{format}");
            let found = output("mdadm", &["--examine"], path);
            assert!(found.contains("No md superblock"), "{format}: {found}");
        }
        let found = arrays::found(&paths).unwrap();
        assert!(found.disks.iter().all(|disk| disk.claims.is_empty()), "{format}");
    }
}
