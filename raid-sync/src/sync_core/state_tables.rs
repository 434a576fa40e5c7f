// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tables of windows, operations, records, acknowledgements, members, debts, starts and admission, walked
//! row by row over a core that is driven.

use crate::scenarios::rig::*;
use crate::state_table::{name, rows};
use crate::world::native;
use crate::*;
use raid_core::array::Initialisation;
use raid_core::metadata::{
    Capabilities, Debtor, Generation, MemberKey, Operation, Progress, RegionRecord, RuntimeState,
    Seen,
};
use raid_core::units::{Row, Rows, Slot, SlotSet};
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use crate::record::Stream;
use crate::record_view::Found;
use crate::window::State;

/// A rebuild of the second member in two windows at a time; its copies are held back.
fn two_windows() -> Rig {
    let mut rig = Rig::rebuilding(2, 1);
    rig.core.set_limits(Limits { windows: 2, ..rig.config.limits });
    rig.hold_copies = true;
    rig
}

/// The second of the two windows goes first.
fn copy_second(rig: &mut Rig) {
    rig.copies.swap(0, 1);
    rig.copy();
}

fn check(rig: &mut Rig) {
    let time = rig.time();
    rig.hold_copies = true;
    rig.core.set_limits(Limits { windows: 2, ..rig.config.limits });
    rig.core.start(time, Operation::Check, AboveMark::Skip).unwrap();
    rig.settle();
}

// ---- windows: the second of two, rows 4 to 7

fn window(rig: &Rig) -> String {
    match rig.core.windows.state_at(Row(4)) {
        State::Free => "Free",
        State::Looking => "Looking",
        State::Closing { tickets: 0 } => "Closing, ready",
        State::Closing { .. } => "Closing",
        State::Active => "Active",
        State::Recording { .. } => "Recording",
        State::Landed => "Landed",
    }
    .to_string()
}

/// A set whose second window is in this state, and a write that holds it up.
fn with_window(state: &str, input: &str) -> (Rig, Option<Grant>) {
    let (mut rig, mut held) = (two_windows(), None);
    match state {
        "Free" => {}
        "Looking" => {
            rig = Rig::mirror(2);
            check(&mut rig);
        }
        "Closing" | "Closing, ready" => {
            held = Some(rig.go(5, 1));
            rig.start();
            if state == "Closing, ready" {
                assert_eq!(rig.done(&held.take().unwrap(), &[]), Ack::Now);
            }
        }
        "Active" | "Landed" | "Recording" => {
            if input.contains("no source") || input.contains("bad ranges") || state == "Recording" {
                rig.spoiled = [(0, 5)].into();
            }
            rig.start();
            if input.contains("bad ranges") || state == "Recording" {
                rig.hold_records = true;
                copy_second(&mut rig);
                rig.settle();
            }
            if state == "Landed" || state == "Recording" {
                copy_second(&mut rig);
                rig.settle();
            }
        }
        other => panic!("no test knows the state {other}"),
    }
    assert_eq!(window(&rig), state, "before {input}");
    (rig, held)
}

#[test]
#[cfg_attr(miri, ignore = "parses a table of the documentation: safe code, slowly")]
fn every_row_of_the_table_of_windows_holds() {
    let table =
        rows(include_str!("../window.rs"), "| state | input | next | user writes | effect |");
    assert_eq!(table.len(), 13);
    for row in table {
        let [state, input, next, writes, _] = row[..] else { panic!("{row:?}") };
        let (mut rig, held) = with_window(state, input);
        match input {
            "opened by a copying operation" => {
                let _ = rig.go(5, 1);
                rig.start();
            }
            "opened by a scrub" => {
                rig = Rig::mirror(2);
                check(&mut rig);
            }
            "copies differ" => {
                rig.disks[1].write(5, 99, false);
                copy_second(&mut rig);
                // A writer came in between: the second look waits for it.
                assert_eq!(window(&rig), "Closing, ready");
                let (mut later, _) = with_window(state, input);
                let _ = later.go(5, 1);
                later.disks[1].write(5, 99, false);
                copy_second(&mut later);
                rig = later;
            }
            "last counted ticket completes" => {
                assert_eq!(rig.done(&held.unwrap(), &[]), Ack::Now);
            }
            "polled" | "the record is durable" => {
                rig.hold_records = false;
                if state == "Recording" {
                    rig.record(NONE);
                }
                rig.settle();
            }
            "pause or abort" => {
                let (mut other, _) = with_window(state, input);
                other.core.abort().unwrap();
                assert_eq!(window(&other), name(next));
                rig.core.pause().unwrap();
            }
            "copied up to a row that no source could give" => {
                copy_second(&mut rig);
                rig.settle();
                assert_eq!(rig.copies.last().unwrap().rows.start, Row(6));
            }
            "copied" | "copies equal" | "copied, bad ranges noted on the way" => {
                copy_second(&mut rig);
            }
            "copied, operation is being aborted" => {
                rig.core.abort().unwrap();
                copy_second(&mut rig);
            }
            "all lower windows have landed" => {
                rig.copy();
                assert_eq!(rig.core.marks().unwrap().done, Row(8));
            }
            other => panic!("no test knows the input {other}"),
        }
        let expected = if next == "Closing, ready" { next } else { name(next) };
        assert_eq!(window(&rig), expected, "{state}: {input}");
        rig.hold_records = false;
        if rig.records.last().is_some_and(|(_, to, _)| !to.is_empty()) && writes == "go on" {
            rig.record(NONE);
        }
        assert_eq!(rig.blocked(6).is_some(), writes == "wait", "{state}: {input}: user writes");
    }
}

// ---- operations

fn with_phase(phase: &str, input: &str) -> Rig {
    let mut rig = Rig::rebuilding(2, 1);
    match phase {
        "Idle" => return rig,
        "Preparing" => {
            rig.hold_records = true;
            rig.start();
        }
        "Running" | "Pausing" | "Paused" => {
            rig.start_held();
            if input.contains("range") {
                rig.core.set_range(Rows::new(0, 4)).unwrap();
            }
            if phase != "Running" {
                rig.core.pause().unwrap();
            }
            if phase == "Paused" {
                rig.copy();
                rig.settle();
            }
        }
        "Finishing" | "Aborting" => {
            rig.hold_flushes = true;
            rig.start();
            if phase == "Aborting" {
                rig.core.abort().unwrap();
            }
        }
        other => panic!("no test knows the phase {other}"),
    }
    let stands = std::format!("{:?}", rig.core.status().phase);
    assert_eq!(stands, phase, "before {input}");
    rig
}

#[test]
#[cfg_attr(miri, ignore = "parses a table of the documentation: safe code, slowly")]
fn every_row_of_the_table_of_operations_holds() {
    let table = rows(include_str!("../operation.rs"), "| phase | leaves by | to | record |");
    assert_eq!(table.len(), 10);
    let all = "Preparing, Running, Pausing, Paused, Finishing";
    for row in table {
        let [phases, input, next, _] = row[..] else { panic!("{row:?}") };
        let phases = if phases == "any but Idle" { all } else { phases };
        for phase in phases.split(", ") {
            let mut rig = with_phase(phase, input);
            let time = rig.time();
            rig.told.clear();
            match input {
                "`start`" => {
                    let owed = rig.core.owed().unwrap();
                    rig.core.start(time, owed, AboveMark::Skip).unwrap();
                }
                "the record is durable" => {
                    rig.hold_copies = true;
                    rig.record(NONE);
                    rig.settle();
                }
                "all windows done, end of the set" | "all windows done, end of the range" => {
                    rig.hold_copies = false;
                    rig.hold_flushes = true;
                    rig.copy();
                    rig.settle();
                }
                "`pause`" => rig.core.pause().unwrap(),
                "no window in use" => {
                    rig.hold_flushes = false;
                    while !rig.copies.is_empty() {
                        rig.copy();
                    }
                    rig.settle();
                }
                "`resume`" => rig.core.resume(time).unwrap(),
                "all members flushed, nothing failed, record durable" => {
                    rig.run();
                    rig.assert_whole();
                }
                "target failed, sources gone, `abort`, unreadable rows" => {
                    let mut other = with_phase(phase, input);
                    other.core.member_failed(Slot(1));
                    assert_eq!(other.core.status().phase, Phase::Aborting, "{phase}: target");
                    let mut other = with_phase(phase, input);
                    other.core.member_failed(Slot(0));
                    assert_eq!(other.core.status().phase, Phase::Aborting, "{phase}: source");
                    rig.core.abort().unwrap();
                }
                other => panic!("no test knows the input {other}"),
            }
            let stands = std::format!("{:?}", rig.core.status().phase);
            assert_eq!(stands, name(next), "{phase}: {input}");
            let end = match next {
                "Idle, `Complete`" => Some(Finish::Complete),
                "Idle, with the reason" => Some(Finish::Aborted),
                "Paused" => Some(Finish::Paused),
                _ => None,
            };
            assert_eq!(rig.finished().last().copied(), end, "{phase}: {input}");
        }
    }
}

// ---- records

fn stream(rig: &Rig) -> &'static str {
    match rig.core.records.stream {
        Stream::Idle => "Idle",
        Stream::Flushing(_) => "Flushing",
        Stream::Flushed(_) => "Flushed",
        Stream::Writing { raise: Some(_), .. } => "Writing",
        Stream::Writing { raise: None, .. } => "Writing, raise dropped",
    }
}

/// Three copies; the set was written to, and may be made clean.
fn with_stream(state: &str, input: &str) -> Rig {
    let mut config = config(3);
    if input.contains("no caches") {
        config.volatile = NONE;
    }
    let format = match input.contains("own memory") {
        true => flag_only(),
        false => native::capabilities(),
    };
    let mut rig = Rig::new(config, clean(), format);
    rig.write(0, 1);
    rig.settle();
    (rig.hold_flushes, rig.hold_records) = (true, true);
    if input.contains("own memory") {
        // Another write is under way, so the flag stays; the region that rests is flushed all the same.
        let _ = rig.go(8, 1);
        for _ in 0..2 {
            rig.now += 1001;
            rig.settle();
        }
    }
    match state {
        "Idle" | "any" => {}
        "Flushing" | "Flushed" => {
            if stream(&rig) == "Idle" {
                rig.core.quiesce();
                rig.settle();
            }
            if state == "Flushed" && !input.contains("own memory") {
                rig.flush(NONE);
            }
        }
        "Writing" => {
            let _ = rig.admit(12, 1, PLAIN);
            rig.settle();
        }
        other => panic!("no test knows the state {other}"),
    }
    rig
}

/// Case G9.
#[test]
#[cfg_attr(miri, ignore = "parses a table of the documentation: safe code, slowly")]
fn every_row_of_the_table_of_records_holds() {
    let table = rows(include_str!("../record.rs"), "| state | input | next | command |");
    assert_eq!(table.len(), 12);
    for row in table {
        let [state, input, next, command] = row[..] else { panic!("{row:?}") };
        let mut rig = with_stream(state, input);
        let (records, flushes) = (rig.records.len(), rig.flushes.len());
        match input {
            "something lowered" => rig.fail(1),
            "something to raise" | "something to raise, no caches" => {
                rig.core.quiesce();
                rig.settle();
            }
            "flushed" | "it was only for the log's own memory" => rig.flush(NONE),
            "nothing lowered since" => rig.settle(),
            "persisted everywhere" => rig.record(NONE),
            "persisted, members failed at it that it trusts" => {
                rig.woken.clear();
                rig.record(slots(&[2]));
                assert_eq!(stream(&rig), name(next));
                assert!(matches!(rig.admit(12, 1, PLAIN), Admit::Wait(WaitFor::Record(_))));
                rig.settle();
                assert!(rig.woken.is_empty(), "{:?}", rig.woken);
                assert!(rig.last_record().state.failed.contains(Slot(2)), "the next record");
                continue;
            }
            "persisted, only members failed at it that it names" => {
                let mut rig = Rig::rebuilding(3, 2);
                rig.write(0, 1);
                rig.hold_records = true;
                let grant = rig.go(1, 1);
                let Ack::After(seq) = rig.done(&grant, &[1]) else { panic!("it waits") };
                rig.settle();
                rig.woken.clear();
                rig.record(slots(&[2]));
                assert_eq!(stream(&rig), name(next));
                rig.settle();
                assert_eq!(rig.woken, [WaitFor::Record(seq)], "as an acknowledgement asked now");
                assert_eq!(rig.core.complete_flush(NONE), Ack::Now);
                continue;
            }
            "set failed" => {
                for slot in 0..3 {
                    rig.core.member_failed(Slot(slot));
                }
                rig.settle();
            }
            other => panic!("no test knows the input {other}"),
        }
        if next == "no further record" {
            assert_eq!(rig.records.len(), records, "{input}");
            continue;
        }
        let stands = stream(&rig);
        let expected = if next.contains("dropped") { next } else { name(next) };
        assert_eq!(
            if expected == "Writing" { name(stands) } else { stands },
            expected,
            "{state}: {input}"
        );
        assert_eq!(
            rig.records.len() > records,
            command.starts_with("`Persist`"),
            "{state}: {input}"
        );
        assert_eq!(rig.flushes.len() > flushes, command.starts_with("`Flush`"), "{state}: {input}");
    }
}

// ---- acknowledgements

#[test]
#[cfg_attr(miri, ignore = "parses a table of the documentation: safe code, slowly")]
fn every_row_of_the_table_of_acknowledgements_holds() {
    let header = "| a member failed, or has a new bad range, and no record names it yet | strict | relaxed |";
    let table = rows(include_str!("completion.rs"), header);
    assert_eq!(table.len(), 4);
    for row in table {
        let [request, strict, relaxed] = row[..] else { panic!("{row:?}") };
        for (strict, expected) in [(true, strict), (false, relaxed)] {
            for bad_range in [false, true] {
                let caches = if request.contains("no volatile") { NONE } else { slots(&[0, 1]) };
                let config = Config { strict, volatile: caches, ..config(2) };
                let mut rig = Rig::new(config, clean(), native::capabilities());
                rig.write(0, 1);
                let lost: &[u8] = match request {
                    "anything, and too few members are left" => &[0, 1],
                    _ if bad_range => &[],
                    _ => &[1],
                };
                let accesses: &[Access] = match request {
                    "FUA write, flush" => &[FUA],
                    "anything, and too few members are left" => &[PLAIN, FUA],
                    _ => &[PLAIN],
                };
                for access in accesses {
                    let mut rig_of_one = Rig::new(config, clean(), native::capabilities());
                    rig_of_one.write(0, 1);
                    let Admit::Go(grant) = rig_of_one.admit(1, 1, *access) else { panic!() };
                    if bad_range {
                        assert!(rig_of_one.core.unwritable(Slot(1), grant.rows));
                    }
                    let ack = rig_of_one.done(&grant, lost);
                    assert_eq!(answer(ack), expected, "{request} {access:?} {bad_range}");
                }
                if !request.starts_with("plain") {
                    if bad_range {
                        assert!(rig.core.unwritable(Slot(1), Rows::new(1, 1)));
                    }
                    let ack = rig.core.complete_flush(slots(lost));
                    assert_eq!(answer(ack), expected, "a flush: {request} {bad_range}");
                }
            }
        }
    }
}

fn answer(ack: Ack) -> &'static str {
    match ack {
        Ack::Now => "now",
        Ack::After(_) => "after the record",
        Ack::NoCopyLeft => "never",
    }
}

// ---- members: the second of two

fn member(rig: &Rig) -> &'static str {
    let (members, slot) = (&rig.core.members, Slot(1));
    match () {
        () if members.failed.contains(slot) => "Failed",
        () if members.filling.contains(slot) => "Filling",
        () if members.waiting.contains(slot) => "Waiting",
        () => "Trusted",
    }
}

fn with_member(state: &str) -> Rig {
    let mut rig = Rig::rebuilding(2, 1);
    match state {
        "Waiting" => {}
        "Trusted" => rig = Rig::mirror(2),
        "Filling" => {
            rig.write(0, 16);
            rig.start_held();
            rig.copy();
            rig.settle();
        }
        "Failed" => {
            rig = Rig::mirror(2);
            rig.fail(1);
        }
        other => panic!("no test knows the state {other}"),
    }
    assert_eq!(member(&rig), state);
    rig
}

#[test]
#[cfg_attr(miri, ignore = "parses a table of the documentation: safe code, slowly")]
fn every_row_of_the_table_of_members_holds() {
    let header = "| state | holds its rows | reads | writes | leaves by |";
    let table = rows(include_str!("../member.rs"), header);
    assert_eq!(table.len(), 4);
    for row in table {
        let [state, _, reads, writes, exits] = row[..] else { panic!("{row:?}") };
        // The rebuild has done rows 0 to 3; 4 to 7 are under way.
        let reads = match reads {
            "yes" => [true, true],
            "below `done`" => [true, false],
            "no" => [false, false],
            other => panic!("no test knows {other}"),
        };
        let writes = match writes {
            "must" => [true, true],
            "must below `issued`, may above" => [true, false],
            "no" => [false, false],
            other => panic!("no test knows {other}"),
        };
        let mut rig = with_member(state);
        for (row, (reads, writes)) in [0, 12].into_iter().zip(reads.into_iter().zip(writes)) {
            let plan = rig.core.plan_read(Rows::new(row, 1), NONE).unwrap();
            assert_eq!(plan.from.contains(Slot(1)), reads, "{state}: read of row {row}");
            let grant = rig.go(row, 1);
            assert_eq!(grant.must.contains(Slot(1)), writes, "{state}: write of row {row}");
            assert_eq!(rig.done(&grant, &[]), Ack::Now);
        }
        for exit in exits.split("; ") {
            let (event, next) = exit.split_once(" → ").unwrap();
            let mut rig = with_member(state);
            match event {
                "failure" => rig.fail(1),
                "end record durable" => rig.run(),
                "a rebuild takes it in" => rig.start_held(),
                "another disk sits there" => rig.replace(1),
                other => panic!("no test knows the event {other}"),
            }
            assert_eq!(member(&rig), next, "{state}: {event}");
        }
    }
}

// ---- debt: who comes to the slot of a member that left

#[test]
#[cfg_attr(miri, ignore = "parses a table of the documentation: safe code, slowly")]
fn every_row_of_the_table_of_returns_holds() {
    let table = rows(include_str!("membership.rs"), "| who comes to the slot | owes |");
    assert_eq!(table.len(), 6);
    for row in table {
        let [who, owes] = row[..] else { panic!("{row:?}") };
        let mut rig = Rig::mirror(2);
        rig.write(0, 16);
        rig.core.quiesce();
        rig.run();
        rig.fail(1);
        rig.write(0, 1);
        rig.settle();
        let account = *rig.core.debtors.get(Slot(1)).unwrap();
        let key = rig.disks[1].key;
        let mut alone = slots(&[]);
        let (id, seen) = match who {
            "the disk that left, with the generation in which it left" => (key, account.left),
            "the same disk, account lost or not kept" => {
                rig.core.close_account(Slot(1));
                (key, account.left)
            }
            "the same disk, with an older generation" => {
                (key, Generation(account.since.0.wrapping_sub(1)))
            }
            "the same disk, with a newer generation" => {
                (key, Generation(account.left.0.wrapping_add(1)))
            }
            "another disk" => (MemberKey::new(1000), account.left),
            "a disk whose own record calls every member absent that holds the data" => {
                alone = slots(&[0]);
                (key, account.left)
            }
            other => panic!("no test knows {other}"),
        };
        let seen = Seen { absent: alone, ..Seen::plain(Slot(1), seen) };
        let before = rig.core.clone();
        let answer = rig.core.member_returned(Slot(1), id, &seen);
        assert!(answer.is_ok() || rig.core == before, "a refusal changes nothing");
        let (all, owed) = (
            rig.core.log.grain.count as u32,
            rig.core.log.debts(rig.core.debtors.bits(slots(&[1]))),
        );
        match owes {
            "what its account says" => assert_eq!(answer, Ok(Return::Partial { regions: 1 })),
            "everything" => assert_eq!((answer, owed), (Ok(Return::Full), all), "{who}"),
            "refused: it was written without the others" => {
                assert_eq!((answer, owed), (Err(Refusal::Diverged(Slot(1))), 1), "{who}");
                assert_eq!(member(&rig), "Failed");
            }
            other => panic!("no test knows {other}"),
        }
    }
}

// ---- debt: the slot of the third of three members

fn with_slot(state: &str) -> Rig {
    let mut rig = Rig::mirror(3);
    rig.write(0, 1);
    if state != "trusted" {
        rig.fail(2);
        assert_eq!(rig.core.debt(Slot(2)), Some(1), "region 0 was not clean");
    }
    if state == "waiting" || state == "filling" {
        assert_eq!(rig.give_back(2), Ok(Return::Partial { regions: 1 }));
        rig.settle();
    }
    if state == "filling" {
        rig.start_held();
    }
    assert_eq!(slot_state(&rig), state);
    rig
}

fn slot_state(rig: &Rig) -> &'static str {
    let (members, slot) = (&rig.core.members, Slot(2));
    match () {
        () if members.failed.contains(slot) => "failed",
        () if members.filling.contains(slot) => "filling",
        () if members.waiting.contains(slot) => "waiting",
        () => "trusted",
    }
}

/// A pass that makes the two trusted members equal writes to row 12.
fn repair(rig: &mut Rig) {
    rig.disks[1].write(12, 99, true);
    let time = rig.time();
    rig.core.start(time, Operation::Repair, AboveMark::Skip).unwrap();
    rig.settle();
    assert_eq!(rig.disks[1].read(12), rig.disks[0].read(12), "repaired");
}

#[test]
#[cfg_attr(miri, ignore = "parses a table of the documentation: safe code, slowly")]
fn every_row_of_the_table_of_debts_holds() {
    let table = rows(include_str!("../debt.rs"), "| state of the slot | debt | leaves by |");
    assert_eq!(table.len(), 4);
    let debt = |rig: &Rig| rig.core.debt(Slot(2));
    let mut grows = "";
    for row in table {
        let [state, owes, exits] = row[..] else { panic!("{row:?}") };
        let mut rig = with_slot(state);
        let owes = if owes == "grows the same way" { grows } else { owes };
        match owes {
            "none kept" => {
                rig.write(8, 1);
                assert_eq!(debt(&rig), None);
            }
            "grows with every write and every sync write" => {
                grows = owes;
                rig.write(8, 1);
                assert_eq!(debt(&rig), Some(2), "{state}: a write");
                repair(&mut rig);
                assert_eq!(debt(&rig), Some(3), "{state}: a sync write");
            }
            "grows no more: it gets every write to what it does not owe" => {
                let grant = rig.go(8, 1);
                assert!(grant.must.contains(Slot(2)), "a region that it does not owe");
                assert_eq!(debt(&rig), Some(1));
                assert!(rig.blocked(0).is_some(), "the region that it owes is being copied");
            }
            other => panic!("no test knows the debt {other}"),
        }
        for exit in exits.split("; ") {
            let mut rig = with_slot(state);
            match exit {
                "failure → owes the regions that are not clean" => {
                    rig.write(8, 1);
                    rig.fail(2);
                    assert_eq!((slot_state(&rig), debt(&rig)), ("failed", Some(2)), "{exit}");
                }
                "the same disk returns: kept" => {
                    assert_eq!(rig.give_back(2), Ok(Return::Partial { regions: 1 }));
                    assert_eq!((slot_state(&rig), debt(&rig)), ("waiting", Some(1)), "{exit}");
                }
                "another disk joins: everything" => {
                    rig.replace(2);
                    assert_eq!((slot_state(&rig), debt(&rig)), ("waiting", Some(4)), "{exit}");
                }
                "a rebuild takes it in" => {
                    rig.start_held();
                    assert_eq!((slot_state(&rig), debt(&rig)), ("filling", Some(1)), "{exit}");
                }
                "end record durable → none" => {
                    rig.run();
                    assert_eq!((slot_state(&rig), debt(&rig)), ("trusted", None), "{exit}");
                    rig.assert_whole();
                }
                other => panic!("no test knows the exit {other}"),
            }
        }
    }
}

// ---- restart: what is found, on a mirror and on parity of three members

const MARK: Row = Row(8);

/// Starts a set of this shape on one flag, from this state, with rows up to 8 done.
fn started(
    redundancy: Redundancy,
    members: u16,
    state: RuntimeState,
    start: Start,
) -> Result<Core, Refusal> {
    let config = Config { redundancy, ..config(members) };
    restored(config, &Found::plain(state.at(MARK)), flag_only(), start)
}

/// Case B3.
#[test]
#[cfg_attr(miri, ignore = "parses a table of the documentation: safe code, slowly")]
fn every_row_of_the_table_of_starts_holds() {
    let table = rows(include_str!("restart.rs"), "| found | mirror | parity |");
    assert_eq!(table.len(), 10);
    for row in table {
        let [found, mirror, parity] = row[..] else { panic!("{row:?}") };
        for (redundancy, expected) in
            [(Redundancy::Mirror, mirror), (Redundancy::Parity(1), parity)]
        {
            assert_start(found, redundancy, expected);
        }
    }
}

fn being_filled() -> RuntimeState {
    let rebuild = Operation::Rebuild { targets: slots(&[2]) };
    RuntimeState { progress: Some(Progress::start(rebuild)), ..filling(2) }
}

/// The states that a cell of the first column stands for.
fn states(found: &str) -> Vec<RuntimeState> {
    let one_gone = RuntimeState { failed: slots(&[2]), ..clean() };
    let unclean = |state: RuntimeState| RuntimeState { clean: false, ..state };
    let under_way =
        |operation| RuntimeState { progress: Some(Progress::start(operation)), ..clean() };
    match found {
        "clean, no operation" => vec![clean()],
        "clean, rebuild at a mark" => vec![being_filled()],
        "clean, resync or initialise at a mark" => {
            let initialisation = Initialisation::Running;
            let initialise = RuntimeState { initialisation, ..under_way(Operation::Initialise) };
            vec![under_way(Operation::Resync), initialise]
        }
        "clean, never initialised" => {
            vec![RuntimeState { initialisation: Initialisation::None, ..clean() }]
        }
        "unclean, all trusted" => vec![unclean(clean()), unclean(under_way(Operation::Resync))],
        "unclean, a member short or being filled" => {
            vec![unclean(one_gone), unclean(being_filled())]
        }
        "unclean, journal replayed" => vec![unclean(being_filled())],
        "unclean, resync or initialise named, journal replayed" => {
            let initialisation = Initialisation::Running;
            let initialise = RuntimeState { initialisation, ..filling(2) };
            let resync =
                RuntimeState { progress: Some(Progress::start(Operation::Resync)), ..filling(2) };
            vec![unclean(resync), unclean(initialise)]
        }
        "unclean, journal replayed, a format without marks" => {
            vec![unclean(filling(2)), unclean(one_gone)]
        }
        "too few trusted members" => {
            let all = RuntimeState { failed: slots(&[0, 1, 2]), ..clean() };
            vec![all, unclean(all)]
        }
        other => panic!("no test knows what is found: {other}"),
    }
}

fn assert_start(found: &str, redundancy: Redundancy, expected: &str) {
    let start = match found.contains("journal") {
        true => Start::JournalReplayed,
        false => Start::Normal,
    };
    for state in states(found) {
        let core = started(redundancy, 3, state, start);
        let parts: Vec<&str> = expected.split([';', ',']).map(str::trim).collect();
        for part in parts {
            let context = std::format!("{found}: {redundancy:?}: {part}: {state:?}");
            let stands = || core.as_ref().unwrap_or_else(|refusal| panic!("{context}: {refusal}"));
            let rebuild = (!state.rebuilding.is_empty())
                .then_some(Operation::Rebuild { targets: state.rebuilding });
            match part {
                "nothing owed" => {
                    assert_eq!((stands().owed, stands().owed()), (None, rebuild), "{context}");
                }
                "goes on at the mark" => {
                    assert_eq!((stands().owed, stands().owed()), (None, rebuild), "{context}");
                    assert_eq!(stands().rebuild.done, MARK, "{context}");
                }
                "rebuild from 0" => {
                    assert_eq!(stands().members.rebuilding(), state.rebuilding, "{context}");
                    assert_eq!(stands().rebuild.done, Row(0), "{context}");
                }
                "owed from the mark" => {
                    assert_eq!(stands().owed(), state.operation(), "{context}");
                    assert_eq!(agreeing(stands()), MARK.0, "{context}");
                }
                "resync owed from 0" => {
                    assert_eq!(stands().owed(), Some(Operation::Resync), "{context}");
                    assert_eq!(agreeing(stands()), 0, "{context}");
                }
                "initialise owed" => {
                    assert_eq!(stands().owed(), Some(Operation::Initialise), "{context}");
                    assert_eq!(agreeing(stands()), 0, "{context}");
                }
                "resync owed if two are trusted" | "initialise owed if two are trusted" => {
                    let operation = match part.starts_with("resync") {
                        true => Operation::Resync,
                        false => Operation::Initialise,
                    };
                    assert_eq!(stands().owed(), Some(operation), "{context}");
                    assert_eq!(agreeing(stands()), 0, "{context}");
                    let two_gone = RuntimeState { failed: state.failed | slots(&[1, 2]), ..state };
                    let alone = started(redundancy, 3, two_gone, start).unwrap();
                    assert_eq!((alone.owed, agreeing(&alone)), (None, ROWS), "{context}");
                }
                "still owed" => {
                    let owed = match state.initialisation {
                        Initialisation::Running => Operation::Initialise,
                        _ => Operation::Resync,
                    };
                    assert_eq!(stands().owed, Some(owed), "{context}");
                }
                "from 0" => {
                    assert_eq!(agreeing(stands()), 0, "{context}");
                    assert_eq!(stands().members.rebuilding(), state.rebuilding, "{context}");
                }
                "resync owed if redundancy is left" => {
                    let (redundancy, last) = match redundancy {
                        Redundancy::Mirror => (redundancy, slots(&[1, 3])),
                        _ => (Redundancy::Parity(2), slots(&[1])),
                    };
                    let start = |failed| {
                        let state = RuntimeState { failed: state.failed | failed, ..state };
                        let format = Capabilities { mark: false, ..flag_only() };
                        let config = Config { redundancy, ..config(4) };
                        restored(config, &Found::plain(state), format, start).unwrap()
                    };
                    assert_eq!(start(NONE).owed, Some(Operation::Resync), "{context}");
                    assert_eq!(start(last).owed, None, "{context}");
                }
                "refused if one more is missing" => {
                    let config = Config { redundancy: Redundancy::Parity(2), ..config(4) };
                    let start = |absent, start| {
                        let config = Config { absent, ..config };
                        restored(config, &Found::plain(state), flag_only(), start)
                    };
                    assert!(start(NONE, Start::JournalReplayed).is_ok(), "{context}");
                    assert!(start(slots(&[2]), Start::JournalReplayed).is_ok(), "{context}");
                    let expected = Refusal::DirtyAndDegraded { trusted: 2, members: 4 };
                    let refused = start(slots(&[0]), Start::JournalReplayed).unwrap_err();
                    assert_eq!(refused, expected, "{context}");
                    assert!(start(slots(&[0]), Start::Force).is_ok(), "{context}");
                }
                "refused if degraded" => {
                    let gone = RuntimeState { failed: slots(&[2]), ..state };
                    let refused = started(redundancy, 3, gone, start).unwrap_err();
                    let expected = Refusal::ResyncOwedAndDegraded { trusted: 2, members: 3 };
                    assert_eq!(refused, expected, "{context}");
                }
                "refused without force or journal" => {
                    let expected = Refusal::DirtyAndDegraded { trusted: 2, members: 3 };
                    assert_eq!(core.as_ref().unwrap_err(), &expected, "{context}");
                    for start in [Start::Force, Start::JournalReplayed] {
                        assert!(started(redundancy, 3, state, start).is_ok(), "{context}");
                    }
                }
                "refused" => {
                    let needed = if redundancy == Redundancy::Mirror { 1 } else { 2 };
                    let expected = Refusal::NoCopyLeft { trusted: 0, needed };
                    assert_eq!(core.as_ref().unwrap_err(), &expected, "{context}");
                }
                other => panic!("no test knows {other}"),
            }
        }
    }
}

/// Up to where the copies are known to agree.
fn agreeing(core: &Core) -> u64 {
    (0..ROWS).find(|row| !core.holders(Row(*row), Row(row + 1)).1).unwrap_or(ROWS)
}

// ---- restart, where regions are recorded: the second of four, rows 4 to 7; the third member is away

/// A set of which the record says this of the second region and of its third member.
fn found_region(record: RegionRecord, state: RuntimeState) -> Rig {
    let mut rig = Rig::mirror(3);
    let (id, since) = (rig.disks[2].key, Generation(3));
    let debtor = Debtor { slot: Slot(2), id, since, left: since };
    let regions =
        [RegionRecord::default(), record, RegionRecord::default(), RegionRecord::default()];
    let seated: Vec<_> = (0u8..)
        .map(Slot)
        .zip(&rig.disks)
        .map(|(slot, disk)| Seated { slot, key: disk.key })
        .collect();
    let found = Found {
        generation: Generation(4),
        debtors: [Some(debtor), None, None, None],
        regions: &regions,
        seated: &seated,
        ..Found::plain(state)
    };
    let start = Start::Normal;
    rig.core = restored(rig.config, &found, native::capabilities(), start).unwrap();
    rig.before = None;
    rig
}

#[test]
#[cfg_attr(miri, ignore = "parses a table of the documentation: safe code, slowly")]
fn every_row_of_the_table_of_recorded_regions_holds() {
    let header = "| found | region | member being filled, or absent with an account |";
    let table = rows(include_str!("restart.rs"), header);
    assert_eq!(table.len(), 4);
    for row in table {
        let [found, region, member] = row[..] else { panic!("{row:?}") };
        let member = if member == "the same" { region } else { member };
        let absent = RuntimeState { failed: slots(&[2]), ..clean() };
        for state in [filling(2), being_filled(), absent] {
            for accounted in [false, true] {
                let debt = u8::from(accounted);
                let (record, state) = match found {
                    "clean" => (RegionRecord::new(false, false, debt), state),
                    "dirty" => {
                        let state = RuntimeState { clean: false, ..state };
                        (RegionRecord::new(true, false, debt), state)
                    }
                    "below the mark of a rebuild, clean" => {
                        let state = being_filled().at(MARK);
                        (RegionRecord::new(false, false, debt), state)
                    }
                    "unwritten" => (RegionRecord::new(false, true, debt), state),
                    other => panic!("no test knows what is found: {other}"),
                };
                let mut rig = found_region(record, state);
                let context = std::format!("{found}: {state:?}, {record:?}");
                let owes = |rig: &Rig| {
                    let bits = rig.core.debtors.bit(Slot(2));
                    assert_ne!(bits, 0, "{context}: it has an account");
                    rig.core.log.debt(Row(4)) & bits != 0
                };
                match member {
                    "owes it if its account says so" => {
                        assert_eq!(owes(&rig), accounted, "{context}");
                    }
                    "owes it" => assert!(owes(&rig), "{context}"),
                    "holds it" => {
                        let plan = rig.core.plan_read(Rows::new(4, 1), NONE).unwrap();
                        assert!(plan.from.contains(Slot(2)), "{context}");
                    }
                    "agrees when it is written" => {}
                    other => panic!("no test knows {other}"),
                }
                match region {
                    "agrees" => {
                        assert!(!rig.core.log.disagrees(Row(4)), "{context}");
                        assert_eq!(rig.core.owed, None, "{context}");
                    }
                    "owed a resync, if two members are trusted; recorded again before the first write" =>
                    {
                        assert!(rig.core.log.disagrees(Row(4)), "{context}");
                        assert!(!rig.core.log.disagrees(Row(0)), "{context}");
                        assert_eq!(rig.core.owed, Some(Operation::Resync), "{context}");
                        let failed = state.failed | slots(&[1]);
                        let alone = found_region(record, RuntimeState { failed, ..state });
                        assert_eq!(alone.core.owed, None, "{context}");
                        let waits = rig.admit(4, 1, PLAIN);
                        assert!(matches!(waits, Admit::Wait(WaitFor::Record(_))), "{waits:?}");
                    }
                    "agrees when it is written" => {
                        assert_eq!(rig.core.owed, None, "{context}");
                        rig.disks[1].write(6, 98, true);
                        rig.disks[2].write(7, 99, true);
                        rig.write(5, 1);
                        assert_eq!(rig.core.owed, Some(Operation::Resync), "{context}");
                        rig.run();
                        if state.failed.contains(Slot(2)) {
                            let key = rig.disks[2].key;
                            let returned = {
                                let seen = Seen::plain(Slot(2), Generation(3));
                                rig.core.member_returned(Slot(2), key, &seen)
                            };
                            assert!(matches!(returned, Ok(Return::Partial { .. })), "{context}");
                            rig.run();
                        }
                        rig.assert_whole();
                    }
                    other => panic!("no test knows {other}"),
                }
            }
        }
    }
}

// ---- admission

fn go(answer: Admit) -> Grant {
    let Admit::Go(grant) = answer else { panic!("{answer:?}") };
    grant
}

/// How many rows are let in, and who must and may have them; after the record, if there is one to wait for.
fn let_in(rig: &mut Rig, start: u64, access: Access) -> (u64, SlotSet, SlotSet) {
    let mut answer = rig.admit(start, 4, access);
    if matches!(answer, Admit::Wait(WaitFor::Record(_))) {
        rig.settle();
        answer = rig.admit(start, 4, access);
    }
    let grant = go(answer);
    (grant.rows.len, grant.must, grant.may)
}

/// A pass over the first two windows: the second is being copied, the first is done.
fn in_second_window(mut rig: Rig, operation: Operation, above: AboveMark) -> Rig {
    rig.write(0, 16);
    let time = rig.time();
    rig.hold_copies = true;
    rig.core.start(time, operation, above).unwrap();
    rig.settle();
    rig.copy();
    rig.settle();
    rig
}

fn rebuild_in_second_window(above: AboveMark) -> Rig {
    let operation = Operation::Rebuild { targets: slots(&[1]) };
    in_second_window(Rig::rebuilding(2, 1), operation, above)
}

/// A resync whose second window is being copied.
fn resync_in_second_window() -> Rig {
    let state = RuntimeState { progress: Some(Progress::start(Operation::Resync)), ..clean() };
    in_second_window(Rig::new(config(2), state, flag_only()), Operation::Resync, AboveMark::Skip)
}

#[test]
#[cfg_attr(miri, ignore = "parses a table of the documentation: safe code, slowly")]
fn every_row_of_the_table_of_admission_holds() {
    let table =
        rows(include_str!("admission.rs"), "| question | answer | reads that reconstruct |");
    assert_eq!(table.len(), 6);
    let read = Access::Reconstruct;
    for row in table {
        let [question, answer, reads] = row[..] else { panic!("{row:?}") };
        let context = std::format!("{question} {answer}: {reads}");
        match (question, answer) {
            ("is the data there, are the rows in the set?", "refuse") => {
                assert_eq!(reads, "the same");
                for access in [PLAIN, FUA, read] {
                    let mut rig = Rig::mirror(2);
                    let refused = rig.admit(ROWS - 1, 2, access);
                    assert!(matches!(refused, Admit::Refuse(Refusal::OutOfRange { .. })));
                    rig.core.member_failed(Slot(0));
                    rig.core.member_failed(Slot(1));
                    let refused = rig.admit(0, 1, access);
                    assert!(matches!(refused, Admit::Refuse(Refusal::NoCopyLeft { .. })));
                }
            }
            (
                "is its first row in a window that keeps writers out?",
                "wait for the window; else clip at the next one",
            ) => {
                assert_eq!(reads, "only windows that rewrite what it reads");
                for rewrites in [true, false] {
                    for access in [PLAIN, read] {
                        let mut rig = match rewrites {
                            true => resync_in_second_window(),
                            false => rebuild_in_second_window(AboveMark::Skip),
                        };
                        let waits =
                            matches!(rig.admit(5, 1, access), Admit::Wait(WaitFor::Window(_)));
                        assert_eq!(waits, rewrites || access == PLAIN, "{context}");
                        assert_eq!(let_in(&mut rig, 2, access).0, 2, "{context}");
                    }
                }
            }
            (
                "does it cross `issued` of a rebuild, or the edge of what a member owes?",
                "clip: a target must be written below, and where it owes nothing; elsewhere it may",
            ) => {
                assert_eq!(reads, "clip at `done`");
                let (all, target) = (slots(&[0, 1]), slots(&[1]));
                for above in [AboveMark::Skip, AboveMark::WriteThrough] {
                    let mut rig = rebuild_in_second_window(above);
                    let marks = rig.core.marks().unwrap();
                    assert_eq!((marks.done, marks.issued), (Row(4), Row(8)));
                    assert_eq!(let_in(&mut rig, 2, read).0, 2, "{context}");
                    rig.core.pause().unwrap();
                    rig.copy();
                    assert_eq!(let_in(&mut rig, 6, PLAIN), (2, all, NONE), "{context}");
                    let may = if above == AboveMark::Skip { NONE } else { target };
                    assert_eq!(let_in(&mut rig, 8, PLAIN), (4, slots(&[0]), may), "{context}");
                }
                // It owes the first and the third region; the pass stands in the first.
                let mut rig = Rig::mirror(2);
                rig.write(0, 16);
                rig.core.quiesce();
                rig.run();
                rig.fail(1);
                rig.write(0, 1);
                rig.write(8, 1);
                rig.settle();
                assert_eq!(rig.give_back(1), Ok(Return::Partial { regions: 2 }));
                rig.start_held();
                rig.core.pause().unwrap();
                rig.copy();
                assert_eq!(let_in(&mut rig, 6, PLAIN), (2, all, NONE), "{context}");
                assert_eq!(let_in(&mut rig, 8, PLAIN).1, slots(&[0]), "{context}");
            }
            (
                "does it share rows with a request in flight?",
                "wait, if overlaps are serialised",
            ) => {
                assert_eq!(reads, "only with writes");
                for overlap in [true, false] {
                    let config = Config { overlap, ..config(2) };
                    let mut rig = Rig::new(config, clean(), native::capabilities());
                    let reading = go(rig.admit(5, 1, read));
                    let _ = go(rig.admit(5, 1, read));
                    rig.write(4, 1);
                    let waits = matches!(rig.admit(4, 2, PLAIN), Admit::Wait(WaitFor::Overlap(_)));
                    assert_eq!(waits, overlap, "a write over reads: {context}");
                    let mut rig = Rig::new(config, clean(), native::capabilities());
                    let other = rig.go(reading.rows.start.0, 1);
                    for access in [PLAIN, read] {
                        let wait = WaitFor::Overlap(other.ticket);
                        let waits = rig.admit(4, 2, access) == Admit::Wait(wait);
                        assert_eq!(waits, overlap, "over a write: {context}");
                    }
                }
            }
            ("are its regions recorded dirty?", "wait for the record") => {
                assert_eq!(reads, "not asked");
                let mut rig = Rig::mirror(2);
                assert!(matches!(rig.admit(0, 1, PLAIN), Admit::Wait(WaitFor::Record(_))));
                let _ = go(rig.admit(0, 1, read));
            }
            ("is there a free ticket?", "wait") => {
                assert_eq!(reads, "the same");
                let mut rig = Rig::mirror(2);
                for row in [0, 1] {
                    let _ = rig.go(row, 1);
                    let _ = go(rig.admit(2, 1, read));
                }
                for access in [PLAIN, read] {
                    assert_eq!(rig.admit(3, 1, access), Admit::Wait(WaitFor::Ticket), "{context}");
                }
            }
            other => panic!("no test knows {other:?}"),
        }
    }
}
