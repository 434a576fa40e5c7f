// SPDX-License-Identifier: MIT OR Apache-2.0
//! What no client should send: it is told, or cut off, and nobody else is hurt.

use super::client::{self, Client, go};
use super::{Memory, served};
use raid_array::nbd::Export;

const UNSUPPORTED: u32 = 0x8000_0001;
const INVALID: u32 = 0x8000_0003;
const UNKNOWN: u32 = 0x8000_0006;
const TOO_BIG: u32 = 0x8000_0009;

#[test]
fn a_client_of_another_kind_is_cut_off() {
    let memory = Memory::new(1 << 20);
    let ended = served("other", &[("m", &memory)], |server| {
        for flags in [[0, 0, 0, 0], [0xFF; 4], *b"GET "] {
            let mut client = Client::connect(server);
            client.send(&flags);
            assert!(client.is_cut_off(), "{flags:?}");
        }
    });
    assert_eq!(ended, ["invalid data"; 3]);
}

#[test]
fn options_that_are_wrong_are_answered_and_the_next_one_counts() {
    let memory = Memory::new(1 << 20);
    let ended = served("options", &[("m", &memory), ("n", &memory)], |server| {
        let mut client = Client::greeted(server);
        client.option(0x1234, b"what is this");
        assert_eq!(client.reply().0, UNSUPPORTED);
        client.option(client::GO, &[0; 70_000]);
        assert_eq!(client.reply().0, TOO_BIG);
        for wrong in [&[][..], &[0xFF; 9], &go("m")[..4], &[&go("m")[..], &[0]].concat()] {
            client.option(client::GO, wrong);
            assert_eq!(client.reply().0, INVALID, "{wrong:?}");
        }
        client.option(client::GO, &go("o"));
        let (kind, words) = client.reply();
        assert_eq!(kind, UNKNOWN);
        assert!(String::from_utf8(words).unwrap().contains("no export \"o\""));
        // Of two exports none is the default.
        client.option(client::GO, &go(""));
        assert_eq!(client.reply().0, UNKNOWN);
        // What runs hold cannot be told without structured replies.
        client.option(10, &[&go("m")[..5], &[0; 4]].concat());
        assert_eq!(client.reply().0, INVALID);
        client.option(client::GO, &go("n"));
        while client.reply().0 != 1 {}
        assert_eq!(client.read(0, 512), (0, vec![0; 512]));
    });
    assert_eq!(ended, [""; 0]);
}

#[test]
fn an_option_longer_than_any_request_and_a_wrong_frame_are_cut_off() {
    let memory = Memory::new(1 << 20);
    let ended = served("frames", &[("m", &memory)], |server| {
        let mut client = Client::greeted(server);
        client.send(b"IHAVEOPT\0\0\0\x07\xFF\xFF\xFF\xFF");
        assert!(client.is_cut_off());
        let mut client = Client::greeted(server);
        client.send(b"IHAVEOPS\0\0\0\x07\0\0\0\0");
        assert!(client.is_cut_off());
        let mut client = Client::chosen(server, "m");
        client.send(&[0; 28]);
        assert!(client.is_cut_off());
        let mut client = Client::chosen(server, "m");
        client.ask(client::WRITE, 0, 0, u32::MAX, &[]);
        assert!(client.is_cut_off());
    });
    assert_eq!(ended, ["invalid data"; 4]);
}

#[test]
fn requests_that_may_not_be_made_change_nothing_and_the_next_one_counts() {
    let memory = Memory::new(1 << 20);
    memory.write(0, &[5; 4096], true).unwrap();
    let (invalid, no_space) = (22, 28);
    let ended = served("requests", &[("m", &memory)], |server| {
        let mut client = Client::chosen(server, "m");
        let end = 1 << 20;
        for (kind, flags, offset, len, error) in [
            (client::READ, 0, end, 512, invalid),
            (client::READ, 0, u64::MAX - 511, 512, invalid),
            (client::READ, 0, 0, 0, invalid),
            (client::READ, 0, 1, 512, invalid),
            (client::READ, 0, 0, 511, invalid),
            (client::READ, 0, 0, u32::MAX, invalid),
            (client::READ, 1 << 9, 0, 512, invalid),
            (client::WRITE, 0, end, 512, no_space),
            (client::WRITE, 0, u64::MAX, 512, no_space),
            (client::WRITE, 0, 7, 512, invalid),
            (client::FLUSH, 0, 512, 0, invalid),
            (client::BLOCK_STATUS, 0, 0, 512, invalid),
            (0x7777, 0, 0, 0, invalid),
        ] {
            let payload = if kind == client::WRITE { vec![9; len as usize] } else { Vec::new() };
            let told = client.request(kind, flags, offset, len, &payload);
            assert_eq!(told, (error, Vec::new()), "{kind} {flags} {offset} {len}");
        }
        assert_eq!(client.read(0, 4096), (0, vec![5; 4096]));
    });
    assert_eq!(ended, [""; 0]);
}

#[test]
fn a_client_that_goes_in_the_middle_of_a_write_has_written_nothing() {
    let memory = Memory::new(1 << 20);
    let ended = served("gone", &[("m", &memory)], |server| {
        let mut client = Client::chosen(server, "m");
        client.ask(client::WRITE, 0, 0, 4096, &[9; 4095]);
        drop(client);
        let mut other = Client::chosen(server, "m");
        assert_eq!(other.read(0, 4096), (0, vec![0; 4096]));
    });
    assert!(ended.len() <= 1, "{ended:?}");
    let mut bytes = [1; 4096];
    memory.read(0, &mut bytes).unwrap();
    assert_eq!(bytes, [0; 4096]);
}

#[test]
fn what_is_read_only_is_not_written_and_the_client_is_told_in_words() {
    let mut memory = Memory::new(1 << 20);
    memory.shape.readonly = true;
    served("readonly", &[("m", &memory)], |server| {
        let mut client = Client::greeted(server);
        client.option(8, &[]);
        assert_eq!(client.reply(), (1, Vec::new()));
        client.option(client::GO, &go("m"));
        while client.reply().0 != 1 {}
        client.ask(client::WRITE, 0, 0, 512, &[9; 512]);
        let (kind, told) = client.chunk();
        assert_eq!((kind, &told[..4]), (0x8001, &[0, 0, 0, 1][..]));
        assert_eq!(&told[6..], b"the export is read only");
        // Nothing is there: it is told as a hole.
        client.ask(client::READ, 0, 4096, 4096, &[]);
        let hole = [&4096_u64.to_be_bytes()[..], &4096_u32.to_be_bytes()].concat();
        assert_eq!(client.chunk(), (2, hole));
    });
    let mut bytes = [1; 512];
    memory.read(0, &mut bytes).unwrap();
    assert_eq!(bytes, [0; 512]);
}
