// SPDX-License-Identifier: MIT OR Apache-2.0
//! Other people's clients.

use super::{Memory, folder, served};
use raid_array::nbd::{Export, Server};
use std::fs;
use std::process::Command;

const SIZE: u64 = 24 << 20;

/// What a program says; it must end well.
fn says(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn uri(server: &Server) -> String {
    server.address().uri("m")
}

/// Bytes that repeat nowhere, with a gap of zeros in the middle.
fn content() -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut bytes: Vec<u8> = (0..SIZE).map(|_| random.u8(..)).collect();
    bytes[8 << 20..12 << 20].fill(0);
    bytes
}

#[test]
#[ignore = "needs libnbd-bin: cargo xtask ci nbd"]
fn nbdinfo_sees_the_export_as_it_is() {
    let memory = Memory::new(SIZE);
    memory.write(1 << 20, &[1; 8192], false).unwrap();
    let ended = served("info", &[("m", &memory)], |server| {
        let told = says("nbdinfo", &["--json", &uri(server)]).replace(' ', "");
        for line in [
            "\"protocol\":\"newstyle-fixed\"",
            "\"TLS\":false",
            "\"structured\":true",
            "\"export-name\":\"m\"",
            "\"description\":\"memoryofatest\"",
            "\"base:allocation\"",
            "\"export-size\":25165824",
            "\"is_read_only\":false",
            "\"can_flush\":true",
            "\"can_fua\":true",
            "\"can_trim\":true",
            "\"can_zero\":true",
            "\"can_df\":true",
            "\"can_multi_conn\":true",
            "\"block_size_minimum\":512",
            "\"block_size_preferred\":4096",
            "\"block_size_maximum\":33554432",
        ] {
            assert!(told.contains(line), "{line} is not in {told}");
        }
        let map = says("nbdinfo", &["--map", &uri(server)]);
        let rows: Vec<Vec<&str>> =
            map.lines().map(|row| row.split_whitespace().collect()).collect();
        assert_eq!(rows.len(), 3, "{map}");
        assert_eq!(rows[0][..3], ["0", "1048576", "3"]);
        assert_eq!(rows[1][..3], ["1048576", "8192", "0"]);
        assert_eq!(rows[2][2], "3");
    });
    assert_eq!(ended, [""; 0]);
}

#[test]
#[ignore = "needs libnbd-bin and qemu-utils: cargo xtask ci nbd"]
fn nbdcopy_and_qemu_bring_all_bytes_in_and_out() {
    let folder = folder("copy");
    let (from, to) = (folder.join("from"), folder.join("to"));
    fs::write(&from, content()).unwrap();
    let (from, to) = (from.to_str().unwrap(), to.to_str().unwrap());
    let memory = Memory::new(SIZE);
    let ended = served("copy", &[("m", &memory)], |server| {
        let uri = &uri(server);
        says("nbdcopy", &["--flush", from, uri]);
        says("qemu-img", &["compare", "-f", "raw", "-F", "raw", from, uri]);
        says("nbdcopy", &[uri, to]);
        assert!(fs::read(to).unwrap() == content());
        let write = "write -f -P 0x5a 1M 64k";
        let zeros = "write -z 2M 128k";
        let discard = "discard 3M 128k";
        says(
            "qemu-io",
            &["-f", "raw", uri, "-c", write, "-c", zeros, "-c", discard, "-c", "flush"],
        );
        let mut expected = content();
        expected[1 << 20..(1 << 20) + (64 << 10)].fill(0x5A);
        expected[2 << 20..(2 << 20) + (128 << 10)].fill(0);
        expected[3 << 20..(3 << 20) + (128 << 10)].fill(0);
        says("qemu-img", &["convert", "-f", "raw", "-O", "raw", uri, to]);
        assert!(fs::read(to).unwrap() == expected);
    });
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(ended, [""; 0]);
}

#[test]
#[ignore = "needs fio with its nbd engine: cargo xtask ci nbd"]
fn fio_verifies_random_writes_of_several_jobs() {
    let memory = Memory::new(SIZE);
    let ended = served("fio", &[("m", &memory)], |server| {
        let uri = format!("--uri={}", uri(server));
        let told = says(
            "fio",
            &[
                "--name=verify",
                "--ioengine=nbd",
                &uri,
                "--rw=randrw",
                "--bsrange=512-128k",
                "--blockalign=512",
                "--iodepth=16",
                "--numjobs=3",
                "--size=8M",
                "--offset_increment=8M",
                "--verify=crc32c",
                "--verify_fatal=1",
                "--verify_state_save=0",
                "--fsync=32",
                "--randseed=3",
                "--minimal",
            ],
        );
        assert_eq!(told.lines().filter(|line| line.contains(";verify;")).count(), 3, "{told}");
    });
    assert_eq!(ended, [""; 0]);
}
