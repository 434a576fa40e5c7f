// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table of states, and what is counted.

use super::*;
use crate::state_table::{name, rows};
use State::{Clean, CleanWanted, Dirty, Resting, Unwritten, Wanted, Writing};
use raid_core::units::{Row, Rows};
use std::format;

const ROWS: Rows = Rows { start: Row(0), len: 4 };

fn log(by_region: bool) -> DirtyLog<4> {
    let mut log = DirtyLog::EMPTY;
    log.reset(Grain::new(16, 1, 4), by_region);
    log
}

fn put(log: &mut DirtyLog<4>, state: State) {
    match log.by_region {
        true => log.regions[0].set(state),
        false => log.flag.set(state),
    }
    log.recount();
}

#[test]
fn the_table_of_states_holds() {
    type Input = fn(&mut DirtyLog<4>);
    let write: Input = |log| _ = log.write_wanted(ROWS);
    let issued: Input = DirtyLog::issued;
    let durable: Input = |log| log.durable(true, false, 7);
    let partly: Input = |log| log.durable(false, false, 7);
    let cleaned: Input = |log| log.durable(true, true, 7);
    let sweep: Input = |log| log.rest(9, |_| false);
    let busy: Input = |log| log.rest(9, |_| true);
    let prepare: Input = |log| _ = log.prepare_clean(true);
    let rested: Input = |log| _ = log.prepare_clean(false);
    let dropped: Input = DirtyLog::drop_clean;
    for (state, input, next) in [
        (Clean, write, Wanted),
        (Unwritten, write, Wanted),
        (Wanted, write, Wanted),
        (Writing, write, Writing),
        (Dirty, write, Dirty),
        (Resting, write, Dirty),
        (CleanWanted, write, Wanted),
        (Clean, issued, Clean),
        (Wanted, issued, Writing),
        (Wanted, durable, Wanted),
        (Writing, durable, Dirty),
        (Writing, partly, Wanted),
        (CleanWanted, durable, CleanWanted),
        (CleanWanted, cleaned, Clean),
        (Dirty, cleaned, Dirty),
        (Dirty, sweep, Resting),
        (Dirty, busy, Dirty),
        (Resting, busy, Dirty),
        (Dirty, rested, Dirty),
        (Resting, rested, CleanWanted),
        (Dirty, prepare, CleanWanted),
        (Writing, prepare, Writing),
        (Unwritten, prepare, Unwritten),
        (CleanWanted, dropped, Dirty),
        (Wanted, dropped, Wanted),
    ] {
        let mut log = log(true);
        put(&mut log, state);
        input(&mut log);
        assert_eq!(log.regions[0].state(), next, "from {state:?}");
        let wanted = log.regions.iter().filter(|r| r.state() == Wanted).count();
        assert_eq!(log.wanted as usize, wanted);
        assert_eq!(log.regions[0].owed(), state == Unwritten && next == Wanted);
    }
}

#[test]
#[cfg_attr(miri, ignore = "parses a table of the documentation: safe code, slowly")]
fn every_row_of_the_table_of_states_holds() {
    let table = rows(include_str!("../region.rs"), "| state | the record says | input | next |");
    assert_eq!(table.len(), 11);
    for row in table {
        let [states, recorded, input, next] = row[..] else { panic!("{row:?}") };
        for state in states.split(", ") {
            let all = [Clean, Wanted, Writing, Dirty, Resting, CleanWanted, Unwritten];
            let from = all.into_iter().find(|known| format!("{known:?}") == state).unwrap();
            let mut log = log(true);
            put(&mut log, from);
            let says = log.records(0).next().unwrap();
            match recorded {
                "clean" if from == Clean => assert_eq!(says, RegionRecord(0)),
                "unwritten" => assert!(says.unwritten() && !says.dirty()),
                "dirty" if from != CleanWanted => assert!(says.dirty()),
                _ => {}
            }
            let mut waits = false;
            match input {
                "write wants to start" => waits = log.write_wanted(ROWS) >= Write::Waits,
                "write" => assert_eq!(log.write_wanted(ROWS), Write::Goes),
                "a record is issued" => log.issued(),
                "durable on every member" => log.durable(true, false, 7),
                "not on every member" => log.durable(false, false, 7),
                "a sweep finds no write in flight" => log.rest(9, |_| false),
                "idle for long enough, nothing owed" => {
                    assert!(log.prepare_clean(true).any);
                    let mut owed = self::log(true);
                    owed.owe(ROWS);
                    put(&mut owed, from);
                    assert!(!owed.prepare_clean(true).any, "{state}: owed");
                }
                "raise dropped" => log.drop_clean(),
                "clean record durable" => log.durable(true, true, 7),
                other => panic!("no test knows the input {other}"),
            }
            let stands = log.regions[0].state();
            assert_eq!(format!("{stands:?}"), name(next), "{state}: {input}");
            assert_eq!(waits, input == "write wants to start", "{state}: {input}");
            let owed = log.regions[0].owed();
            assert_eq!(owed, next.contains("owed a resync"), "{state}: {input}");
        }
    }
}

/// Case G7.
#[test]
#[cfg_attr(miri, ignore = "parses a table of the documentation: safe code, slowly")]
fn every_row_of_the_table_of_regions_behind_one_flag_holds() {
    let table = rows(include_str!("../region.rs"), "| region behind one flag | input | next |");
    assert_eq!(table.len(), 6);
    for row in table {
        let [states, input, next] = row[..] else { panic!("{row:?}") };
        for state in states.split(", ") {
            let all = [Clean, Dirty, Resting, CleanWanted];
            let from = all.into_iter().find(|known| format!("{known:?}") == state).unwrap();
            let mut log = log(false);
            log.flag.set(Dirty);
            log.regions[0].set(from);
            log.recount();
            match input {
                "a write is admitted" => assert_eq!(log.write_wanted(ROWS), Write::Goes),
                "a resync, an initialisation or a repair has written there" => log.written(ROWS),
                "a sweep finds no write in flight" => log.rest(9, |_| false),
                "idle for long enough" => assert!(log.prepare_clean(false).any),
                "every member is flushed" => log.forgotten(),
                "raise dropped" => log.drop_clean(),
                other => panic!("no test knows the input {other}"),
            }
            let stands = log.regions[0].state();
            assert_eq!(format!("{stands:?}"), name(next), "{state}: {input}");
            let (unclean, dirty) = (log.unclean, log.dirty);
            log.recount();
            assert_eq!((unclean, dirty), (log.unclean, log.dirty), "{state}: {input}");
        }
    }
}

#[test]
fn only_a_dirty_region_lets_a_write_start() {
    for by_region in [true, false] {
        for state in [Clean, Wanted, Writing, Dirty, Resting, CleanWanted] {
            let mut log = log(by_region);
            put(&mut log, state);
            let goes = log.write_wanted(ROWS) == Write::Goes;
            assert_eq!(goes, matches!(state, Dirty | Resting), "{by_region} {state:?}");
        }
    }
}

#[test]
fn idle_time_counts_from_the_wake_up() {
    for by_region in [true, false] {
        let mut log = log(by_region);
        assert_eq!(log.clean_from(5), None);
        log.write_wanted(ROWS);
        log.issued();
        log.durable(true, false, 100);
        assert_eq!(log.clean_from(5), Some(105));
        log.touched(200);
        assert_eq!(log.clean_from(5), Some(205));
        log.hurry();
        assert_eq!(log.clean_from(5), Some(200));
    }
}

#[test]
fn regions_are_whole_alignments_and_cover_the_set() {
    for (size, align, room) in
        [(16, 1, 4), (17, 1, 4), (1, 1, 4), (1000, 3, 7), (u64::MAX, 1, 16), (100, 100, 3)]
    {
        let grain = Grain::new(size, align, room);
        assert!(grain.count <= room && grain.count > 0, "{grain:?}");
        assert_eq!(grain.rows % align, 0);
        assert!(grain.end(grain.count - 1) >= Row(size));
        assert_eq!(grain.of(size - 1), grain.count - 1);
        assert_eq!(grain.range(Rows::new(0, size)), 0..grain.count);
    }
}

#[test]
fn an_owed_region_is_never_recorded_clean() {
    let mut log = log(true);
    log.owe(ROWS);
    log.issued();
    log.durable(true, false, 0);
    assert_eq!(log.prepare_clean(true), Cleaning { any: false, all: false });
    assert_eq!(log.clean_from(0), None);
    log.agreed(Row(0), Row(3));
    assert!(log.owes(), "half a region does not agree");
    log.agreed(Row(0), Row(4));
    assert_eq!(log.prepare_clean(true), Cleaning { any: true, all: true });
    assert!(log.records(0).all(|record| !record.dirty()), "as it will be");
}

#[test]
fn debt_is_kept_apart_for_each_debtor() {
    let mut log = log(true);
    log.charge(Rows::new(3, 2), 1);
    log.charge(Rows::new(12, 1), 2);
    assert_eq!((log.debts(1), log.debts(2), log.debts(3)), (2, 1, 3));
    assert_eq!(log.next_debt(Row(1), 1), Some(Row(1)));
    assert_eq!(log.next_debt(Row(8), 1), None);
    assert_eq!(log.next_debt(Row(8), 3), Some(Row(12)));
    assert_eq!(log.alike(Row(0), Row(16), 3), Row(8));
    assert_eq!(log.alike(Row(8), Row(16), 1), Row(16));
    log.forgive(1);
    assert_eq!(log.debts(3), 1);
    log.write_wanted(Rows::new(5, 1));
    log.charge_leaver(4, Row(0));
    assert_eq!(log.next_debt(Row(0), 4), Some(Row(4)));
    assert_eq!(log.debts(4), 1, "what is clean on it is not owed");
}
