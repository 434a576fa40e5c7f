// SPDX-License-Identifier: MIT OR Apache-2.0
//! The protocol, step by step: one test a rule, through the public interface only.

use raid_core::metadata::{Capabilities, Operation, Progress, RuntimeState};
use raid_core::units::{Row, Rows, Slot, SlotSet};
use raid_sync::*;

type Core = SyncCore<4, 2>;

const NOW: Time = Time(1);
const PLAIN: Access = Access::Write { durable: false };
const NONE: SlotSet = SlotSet::EMPTY;

fn slots(slots: &[u8]) -> SlotSet {
    slots.iter().map(|slot| Slot(*slot)).collect()
}

fn clean() -> RuntimeState {
    RuntimeState::clean()
}

fn format(mark: bool) -> Capabilities {
    Capabilities {
        mark,
        mark_after_unclean: false,
        dirty: true,
        failure: true,
        bad_ranges: 0,
        generation_bits: 32,
    }
}

fn config(members: u16, redundancy: Redundancy) -> Config {
    let limits = Limits {
        windows: 1,
        rows_per_window: 4,
        checkpoint_rows: 8,
        yield_for: 0,
        clean_after_idle: 1000,
        ..Limits::default()
    };
    Config { limits, ..Config::new(16, SlotSet::first(members), redundancy) }
}

fn mirror(members: u16, found: RuntimeState) -> Core {
    restored(config(members, Redundancy::Mirror), &found, format(true), Start::Normal).unwrap()
}

/// A core by value, as tests like to have it.
fn restored(
    config: Config,
    found: &RuntimeState,
    capabilities: Capabilities,
    start: Start,
) -> Result<Core, Refusal> {
    let mut core = Core::EMPTY;
    core.restore(config, &Found::plain(*found), capabilities, start)?;
    Ok(core)
}

fn filling(slot: u8) -> RuntimeState {
    RuntimeState { rebuilding: slots(&[slot]), ..clean() }
}

/// Obeys records and flushes at once; returns everything else that was asked for.
fn settle(core: &mut Core) -> Vec<Command> {
    let mut rest = Vec::new();
    while let Some(command) = core.poll(NOW) {
        match command {
            Command::Persist { seq, .. } => core.persisted(NOW, seq, NONE).unwrap(),
            Command::Flush { id, .. } => core.flushed(NOW, id, NONE).unwrap(),
            other => rest.push(other),
        }
    }
    rest
}

fn go(core: &mut Core, start: u64, len: u64) -> Grant {
    for _ in 0..2 {
        match core.admit(NOW, Rows::new(start, len), PLAIN) {
            Admit::Go(grant) => return grant,
            Admit::Wait(WaitFor::Record(_)) => settle(core),
            other => panic!("{other:?}"),
        };
    }
    panic!("the record is durable and the write still waits")
}

fn window(commands: &[Command]) -> (WindowId, Rows) {
    let copy = commands.iter().find_map(|command| match command {
        Command::Copy { window, rows, .. } => Some((*window, *rows)),
        _ => None,
    });
    copy.unwrap_or_else(|| panic!("no copy in {commands:?}"))
}

fn rebuild(core: &mut Core) -> Vec<Command> {
    let owed = core.owed().unwrap();
    core.start(NOW, owed, AboveMark::Skip).unwrap();
    settle(core)
}

/// Finishes windows until the operation ends.
fn run(core: &mut Core, mut commands: Vec<Command>) -> Option<(Operation, Finish)> {
    for _ in 0..100 {
        let finished = commands.iter().find_map(|command| match command {
            Command::Notice(Notice::Finished { operation, why }) => Some((*operation, *why)),
            _ => None,
        });
        if finished.is_some() {
            return finished;
        }
        for command in &commands {
            if let Command::Copy { window, rows, .. } = command {
                core.copied(NOW, *window, CopyResult::good(rows.len)).unwrap();
            }
        }
        commands = settle(core);
    }
    None
}

#[test]
fn a_window_waits_for_older_writes_newer_ones_wait_for_it_and_are_cut_at_the_mark() {
    let mut core = mirror(2, filling(1));
    let older = go(&mut core, 2, 1);
    let none = rebuild(&mut core);
    assert!(!none.iter().any(|c| matches!(c, Command::Copy { .. })), "the window must drain");
    let Admit::Wait(WaitFor::Window(waited)) = core.admit(NOW, Rows::new(3, 9), PLAIN) else {
        panic!("a closing window keeps writers out");
    };
    assert_eq!(core.complete(NOW, older.ticket, NONE), Ok(Ack::Now));
    let (first, rows) = window(&settle(&mut core));
    assert_eq!((first, rows), (waited, Rows::new(0, 4)));
    core.copied(NOW, first, CopyResult::good(4)).unwrap();
    assert_eq!(core.poll(NOW), Some(Command::Wake(WaitFor::Window(first))));
    settle(&mut core);
    // The next window is [4, 8): below it the target must be written, above it may not.
    let below = go(&mut core, 3, 9);
    assert_eq!(
        (below.rows, below.must, below.read),
        (Rows::new(3, 1), slots(&[0, 1]), slots(&[0, 1]))
    );
    let above = go(&mut core, 8, 8);
    assert_eq!((above.rows, above.must, above.may), (Rows::new(8, 8), slots(&[0]), NONE));
    assert_eq!(core.plan_read(Rows::new(2, 9), NONE).unwrap().rows, Rows::new(2, 2));
    assert_eq!(core.plan_read(Rows::new(4, 9), NONE).unwrap().from, slots(&[0]));
}

#[test]
fn a_rebuild_ends_trusted_only_after_its_last_record() {
    let mut core = mirror(2, filling(1));
    let mut commands = rebuild(&mut core);
    while core.marks().unwrap().done < Row(16) {
        let (id, rows) = window(&commands);
        core.copied(NOW, id, CopyResult::good(rows.len)).unwrap();
        commands = match core.marks().unwrap().done {
            Row(16) => Vec::new(),
            _ => settle(&mut core),
        };
    }
    let Some(Command::Flush { id, slots: flushed }) = core.poll(NOW) else { panic!() };
    assert_eq!(flushed, slots(&[0, 1]), "all members, not only the target");
    assert_eq!(core.poll(NOW), None);
    assert_eq!(core.status().rebuilding, slots(&[1]));
    core.flushed(NOW, id, NONE).unwrap();
    let Some(Command::Persist { seq, .. }) = core.poll(NOW) else { panic!() };
    assert_eq!(core.snapshot(seq).unwrap().rebuilding, NONE);
    assert_eq!(core.status().rebuilding, slots(&[1]), "not before the record is durable");
    core.persisted(NOW, seq, NONE).unwrap();
    assert_eq!(core.status().rebuilding, NONE);
    assert_eq!(core.owed(), None);
}

#[test]
fn a_target_that_fails_during_the_last_flush_is_not_recorded_in_sync() {
    let mut core = mirror(2, filling(1));
    let mut commands = rebuild(&mut core);
    for _ in 0..3 {
        let (id, rows) = window(&commands);
        core.copied(NOW, id, CopyResult::good(rows.len)).unwrap();
        commands = settle(&mut core);
    }
    let (id, _) = window(&commands);
    core.copied(NOW, id, CopyResult::good(4)).unwrap();
    let Some(Command::Flush { id, .. }) = core.poll(NOW) else { panic!() };
    core.flushed(NOW, id, slots(&[1])).unwrap();
    while let Some(command) = core.poll(NOW) {
        if let Command::Persist { seq, to } = command {
            assert_eq!(to, slots(&[0]));
            let record = core.snapshot(seq).unwrap();
            assert_eq!((record.failed, record.rebuilding), (slots(&[1]), NONE));
            core.persisted(NOW, seq, NONE).unwrap();
        }
    }
}

/// Found by the exploration: the record before says that the target is being filled, the one being
/// written does not, and a start may find either.
#[test]
fn a_target_that_fails_while_the_last_record_is_written_holds_promises_until_the_next() {
    let mut core = mirror(2, filling(1));
    let mut commands = rebuild(&mut core);
    for _ in 0..3 {
        let (id, rows) = window(&commands);
        core.copied(NOW, id, CopyResult::good(rows.len)).unwrap();
        commands = settle(&mut core);
    }
    let (id, _) = window(&commands);
    core.copied(NOW, id, CopyResult::good(4)).unwrap();
    let Some(Command::Flush { id, .. }) = core.poll(NOW) else { panic!() };
    core.flushed(NOW, id, NONE).unwrap();
    let Some(Command::Persist { seq, .. }) = core.poll(NOW) else { panic!() };
    assert_eq!(core.complete_flush(NONE), Ack::After(seq), "nothing has failed, but it may");
    let Ack::After(promised) = core.complete_flush(slots(&[1])) else { panic!() };
    assert!(promised > seq);
    core.persisted(NOW, seq, NONE).unwrap();
    while let Some(command) = core.poll(NOW) {
        match command {
            Command::Persist { seq, .. } => {
                assert_eq!(core.snapshot(seq).unwrap().failed, slots(&[1]));
                core.persisted(NOW, seq, NONE).unwrap();
            }
            Command::Wake(WaitFor::Record(woken)) => assert!(woken >= promised, "{woken:?}"),
            _ => {}
        }
    }
}

#[test]
fn several_members_are_filled_in_one_pass() {
    let mut core = mirror(3, RuntimeState { rebuilding: slots(&[1, 2]), ..clean() });
    let commands = rebuild(&mut core);
    let both = Operation::Rebuild { targets: slots(&[1, 2]) };
    let copy = commands.iter().find(|c| matches!(c, Command::Copy { .. })).unwrap();
    let Command::Copy { targets, from, .. } = copy else { panic!() };
    assert_eq!((*targets, *from), (slots(&[1, 2]), slots(&[0])));
    assert_eq!(run(&mut core, commands), Some((both, Finish::Complete)));
    assert_eq!(core.status().rebuilding, NONE);
}

#[test]
fn promises_wait_for_the_record_of_a_failure() {
    for (strict, access, held) in
        [(true, PLAIN, true), (false, PLAIN, false), (false, Access::Write { durable: true }, true)]
    {
        let config = Config { strict, ..config(2, Redundancy::Mirror) };
        let mut core = restored(config, &clean(), format(true), Start::Normal).unwrap();
        go(&mut core, 0, 1);
        let Admit::Go(grant) = core.admit(NOW, Rows::new(4, 1), access) else { panic!() };
        let ack = core.complete(NOW, grant.ticket, slots(&[1])).unwrap();
        assert_eq!(matches!(ack, Ack::After(_)), held, "strict {strict}, {access:?}");
        let flush = core.complete_flush(NONE);
        let Ack::After(seq) = flush else { panic!("a flush is always held") };
        let commands = settle(&mut core);
        assert!(commands.contains(&Command::Wake(WaitFor::Record(seq))), "{commands:?}");
        assert_eq!(core.complete_flush(NONE), Ack::Now);
    }
}

#[test]
fn a_record_that_fails_on_a_member_wakes_nobody_until_the_next_one() {
    let mut core = mirror(3, clean());
    let grant = go(&mut core, 0, 1);
    let Ok(Ack::After(held)) = core.complete(NOW, grant.ticket, slots(&[2])) else { panic!() };
    let mut woken_by = None;
    while let Some(command) = core.poll(NOW) {
        match command {
            Command::Persist { seq, to } => {
                let failed = if seq == held { slots(&[1]) } else { NONE };
                assert_eq!(to.contains(Slot(1)), seq == held);
                core.persisted(NOW, seq, failed).unwrap();
            }
            Command::Wake(WaitFor::Record(seq)) => woken_by = Some(seq),
            _ => {}
        }
    }
    assert!(woken_by > Some(held), "{woken_by:?}");
}

#[test]
fn a_record_that_fails_everywhere_fails_the_set() {
    let mut core = mirror(2, clean());
    assert!(matches!(core.admit(NOW, Rows::new(0, 1), PLAIN), Admit::Wait(_)));
    let Some(Command::Persist { seq, to }) = core.poll(NOW) else { panic!() };
    core.persisted(NOW, seq, to).unwrap();
    assert_eq!(core.poll(NOW), Some(Command::Notice(Notice::SetFailed)));
    assert!(matches!(core.admit(NOW, Rows::new(0, 1), PLAIN), Admit::Refuse(_)));
    assert!(core.plan_read(Rows::new(0, 1), NONE).is_err());
    settle(&mut core);
    assert_eq!(core.deadline(), None);
}

#[test]
fn reports_that_do_not_fit_change_nothing() {
    let mut core = mirror(2, filling(1));
    let grant = go(&mut core, 12, 1);
    let (id, _) = window(&rebuild(&mut core));
    assert_eq!(core.complete(NOW, grant.ticket, NONE), Ok(Ack::Now));
    core.copied(NOW, id, CopyResult::good(4)).unwrap();
    let before = core.clone();
    assert_eq!(
        core.complete(NOW, grant.ticket, slots(&[0])),
        Err(Unexpected::Ticket(grant.ticket))
    );
    assert_eq!(core.copied(NOW, id, CopyResult::default()), Err(Unexpected::Window(id)));
    let seq = RecordSeq(99);
    assert_eq!(
        core.persisted(NOW, seq, slots(&[0])),
        Err(Unexpected::Record { found: seq, expected: None })
    );
    assert_eq!(core.member_joined(Slot(0)), Err(Refusal::Occupied(Slot(0))));
    assert_eq!(core.start(NOW, Operation::Check, AboveMark::Skip), Err(Refusal::Busy));
    assert_eq!(core.resume(NOW), Err(Refusal::NoOperation));
    assert!(core.set_range(Rows::new(16, 1)).is_err());
    assert!(matches!(core.admit(NOW, Rows::new(16, 1), PLAIN), Admit::Refuse(_)));
    assert!(matches!(core.admit(NOW, Rows::new(u64::MAX, 2), PLAIN), Admit::Refuse(_)));
    assert!(matches!(core.admit(NOW, Rows::new(0, 0), PLAIN), Admit::Refuse(_)));
    assert_eq!(core, before);
}

#[test]
fn a_pause_leaves_no_window_and_resume_goes_on_at_the_mark() {
    let mut core = mirror(2, filling(1));
    let held = go(&mut core, 4, 1);
    let (first, _) = window(&rebuild(&mut core));
    core.copied(NOW, first, CopyResult::good(4)).unwrap();
    settle(&mut core);
    let Admit::Wait(WaitFor::Window(closing)) = core.admit(NOW, Rows::new(5, 1), PLAIN) else {
        panic!("the second window is closing");
    };
    core.pause().unwrap();
    let commands = settle(&mut core);
    assert!(commands.contains(&Command::Wake(WaitFor::Window(closing))), "{commands:?}");
    let status = core.status();
    assert_eq!((status.phase, status.windows), (Phase::Paused, 0));
    let marks = status.marks.unwrap();
    assert_eq!((marks.durable, marks.done, marks.issued), (Row(4), Row(4), Row(4)));
    assert_eq!(go(&mut core, 5, 1).must, slots(&[0]), "above the mark");
    assert_eq!(go(&mut core, 3, 1).must, slots(&[0, 1]), "below the mark");
    assert_eq!(core.complete(NOW, held.ticket, NONE), Ok(Ack::Now));
    core.resume(NOW).unwrap();
    assert_eq!(core.status().phase, Phase::Preparing);
}

#[test]
fn an_abort_keeps_the_mark_and_wakes_the_waiters() {
    let mut core = mirror(2, filling(1));
    let (first, _) = window(&rebuild(&mut core));
    core.copied(NOW, first, CopyResult::good(4)).unwrap();
    let (second, _) = window(&settle(&mut core));
    go_waits(&mut core, 6, second);
    core.abort().unwrap();
    assert!(settle(&mut core).is_empty(), "the copy under way must end first");
    core.copied(NOW, second, CopyResult::good(4)).unwrap();
    let commands = settle(&mut core);
    assert!(commands.contains(&Command::Wake(WaitFor::Window(second))));
    assert_eq!(core.status().phase, Phase::Idle);
    rebuild(&mut core);
    assert_eq!(core.marks().unwrap().done, Row(4), "neither lost nor moved by the abort");
}

fn go_waits(core: &mut Core, row: u64, window: WindowId) {
    if let Admit::Wait(WaitFor::Record(_)) = core.admit(NOW, Rows::new(row, 1), PLAIN) {
        settle(core);
    }
    assert_eq!(core.admit(NOW, Rows::new(row, 1), PLAIN), Admit::Wait(WaitFor::Window(window)));
}

#[test]
fn an_unreadable_source_row_ends_a_rebuild_and_keeps_the_mark() {
    let mut core = mirror(2, filling(1));
    let (first, _) = window(&rebuild(&mut core));
    core.copied(NOW, first, CopyResult::good(4)).unwrap();
    let (second, _) = window(&settle(&mut core));
    core.copied(NOW, second, CopyResult::good(1)).unwrap();
    let finished = run(&mut core, Vec::new()).unwrap();
    assert_eq!(finished.1, Finish::NoRoomForBadRanges(Row(5)));
    assert_eq!(core.status().rebuilding, slots(&[1]), "never silently in sync");
}

#[test]
fn a_check_stalls_no_writer_unless_copies_differ() {
    let mut core = mirror(2, clean());
    go(&mut core, 0, 1);
    core.start(NOW, Operation::Check, AboveMark::Skip).unwrap();
    let (first, _) = window(&settle(&mut core));
    let writer = go(&mut core, 2, 1);
    let differs = CopyResult { mismatched: 1, ..CopyResult::good(4) };
    core.copied(NOW, first, differs).unwrap();
    assert!(settle(&mut core).is_empty(), "the second look waits for the writer");
    assert_eq!(core.status().mismatches, 0);
    go_waits(&mut core, 1, first);
    assert_eq!(core.complete(NOW, writer.ticket, NONE), Ok(Ack::Now));
    // Row 0's ticket is still in flight as well.
    assert!(!settle(&mut core).iter().any(|c| matches!(c, Command::Copy { .. })));
}

#[test]
fn a_repair_counts_and_fixes_only_what_still_differs_under_the_lock() {
    let mut core = mirror(2, clean());
    core.start(NOW, Operation::Repair, AboveMark::Skip).unwrap();
    let commands = settle(&mut core);
    let (first, _) = window(&commands);
    assert!(matches!(commands[0], Command::Copy { verify: Verify::Compare, targets, .. }
        if targets == NONE));
    let differs = CopyResult { mismatched: 2, ..CopyResult::good(4) };
    core.copied(NOW, first, differs).unwrap();
    let commands = settle(&mut core);
    assert!(matches!(commands[0], Command::Copy { verify: Verify::CompareAndFix(_), .. }));
    core.copied(NOW, first, CopyResult { mismatched: 1, ..differs }).unwrap();
    let commands = settle(&mut core);
    assert_eq!(run(&mut core, commands), Some((Operation::Repair, Finish::Complete)));
    assert_eq!(core.status().mismatches, 1);
}

/// Case E8. What a caller left as it was, because nothing proves it, is not reported as repaired.
#[test]
fn a_repair_reports_how_many_rows_were_put_right() {
    for repaired in 0..=2 {
        let mut core = mirror(2, clean());
        core.start(NOW, Operation::Repair, AboveMark::Skip).unwrap();
        let (first, _) = window(&settle(&mut core));
        let differs = CopyResult { mismatched: 2, ..CopyResult::good(4) };
        core.copied(NOW, first, differs).unwrap();
        settle(&mut core);
        core.copied(NOW, first, CopyResult { repaired, ..differs }).unwrap();
        let told = settle(&mut core).into_iter().find_map(|command| match command {
            Command::Notice(Notice::Mismatch { differing, repaired, .. }) => {
                Some((differing, repaired))
            }
            _ => None,
        });
        assert_eq!(told, Some((2, repaired)));
    }
}

#[test]
fn a_range_ends_at_a_border_and_pauses() {
    let mut core = mirror(2, clean());
    core.start(NOW, Operation::Check, AboveMark::Skip).unwrap();
    core.set_range(Rows::new(4, 3)).unwrap();
    let commands = settle(&mut core);
    assert_eq!(window(&commands).1, Rows::new(4, 3));
    assert_eq!(run(&mut core, commands), Some((Operation::Check, Finish::Paused)));
    core.set_range(Rows::new(7, 100)).unwrap();
    core.resume(NOW).unwrap();
    let commands = settle(&mut core);
    assert_eq!(run(&mut core, commands), Some((Operation::Check, Finish::Complete)));
}

#[test]
fn windows_never_cut_a_stripe_row() {
    let strip = Config { align: 3, ..config(3, Redundancy::Parity(1)) };
    let mut core = restored(strip, &filling(2), format(true), Start::Normal).unwrap();
    let mut commands = rebuild(&mut core);
    let mut borders = Vec::new();
    while core.marks().is_some_and(|marks| marks.done < marks.limit) {
        let (id, rows) = window(&commands);
        borders.push(rows.end().0);
        core.copied(NOW, id, CopyResult::good(rows.len)).unwrap();
        commands = settle(&mut core);
    }
    assert_eq!(borders, [6, 12, 16]);
}

#[test]
fn a_read_that_reconstructs_goes_beside_a_rebuild_but_not_beside_a_write() {
    let found = filling(2);
    let mut core =
        restored(config(3, Redundancy::Parity(1)), &found, format(true), Start::Normal).unwrap();
    let write = go(&mut core, 8, 1);
    let rebuild = rebuild(&mut core);
    window(&rebuild);
    let read = |core: &mut Core, row| core.admit(NOW, Rows::new(row, 1), Access::Reconstruct);
    let Admit::Go(grant) = read(&mut core, 1) else { panic!("the window writes only slot 2") };
    assert_eq!((grant.must, grant.read), (NONE, slots(&[0, 1])));
    let wait = WaitFor::Overlap(write.ticket);
    assert_eq!(read(&mut core, 8), Admit::Wait(wait));
    assert_eq!(core.complete(NOW, write.ticket, NONE), Ok(Ack::Now));
    assert_eq!(core.poll(NOW), Some(Command::Wake(wait)));
    let Admit::Go(grant) = read(&mut core, 8) else { panic!("nobody writes there any more") };
    let wait = WaitFor::Overlap(grant.ticket);
    assert_eq!(core.admit(NOW, Rows::new(8, 1), PLAIN), Admit::Wait(wait));
}

/// Found by the exploration: a record names one operation, and "clean, being rebuilt" would hide that
/// the rebuild reads parity that was not made to agree.
#[test]
fn a_parity_set_rebuilt_before_its_parity_agrees_stays_unclean() {
    let parity = config(3, Redundancy::Parity(1));
    let unclean = RuntimeState { clean: false, ..clean() };
    let mut core = restored(parity, &unclean, format(true), Start::Normal).unwrap();
    assert_eq!(core.owed(), Some(Operation::Resync));
    core.member_failed(Slot(2));
    settle(&mut core);
    core.member_joined(Slot(2)).unwrap();
    settle(&mut core);
    core.quiesce();
    let rebuild = core.owed().unwrap();
    assert_eq!(rebuild, Operation::Rebuild { targets: slots(&[2]) });
    core.start(NOW, rebuild, AboveMark::Skip).unwrap();
    while let Some(command) = core.poll(NOW) {
        match command {
            Command::Persist { seq, .. } => {
                let record = core.snapshot(seq).unwrap();
                assert_eq!((record.operation(), record.clean), (Some(rebuild), false));
                let again = restored(parity, &record, format(true), Start::Normal);
                assert!(matches!(again, Err(Refusal::DirtyAndDegraded { .. })), "{again:?}");
                core.persisted(NOW, seq, NONE).unwrap();
            }
            Command::Flush { id, .. } => core.flushed(NOW, id, NONE).unwrap(),
            _ => {}
        }
    }
}

#[test]
fn a_restart_trusts_what_the_table_says() {
    let rebuild = |mark| RuntimeState {
        rebuilding: slots(&[1]),
        progress: Some(Progress {
            operation: Operation::Rebuild { targets: slots(&[1]) },
            mark: Row(mark),
        }),
        ..clean()
    };
    let dirty = |found: RuntimeState| RuntimeState { clean: false, ..found };
    let resync = RuntimeState {
        progress: Some(Progress { operation: Operation::Resync, mark: Row(8) }),
        ..clean()
    };
    let target = Some(Operation::Rebuild { targets: slots(&[1]) });
    let cases = [
        (clean(), None, 0),
        (rebuild(8), target, 8),
        (rebuild(17), target, 0),
        (dirty(rebuild(8)), target, 0),
        (dirty(clean()), Some(Operation::Resync), 0),
        (resync, Some(Operation::Resync), 8),
        (dirty(resync), Some(Operation::Resync), 0),
    ];
    for (found, owed, mark) in cases {
        let mut core = mirror(2, found);
        assert_eq!(core.owed(), owed, "{found:?}");
        if let Some(owed) = owed {
            core.start(NOW, owed, AboveMark::Skip).unwrap();
            assert_eq!(core.marks().unwrap().done, Row(mark), "{found:?}");
        }
    }
    let parity = |found: &RuntimeState, absent, start| {
        let config = Config { absent, ..config(3, Redundancy::Parity(1)) };
        restored(config, found, format(true), start)
    };
    let refused = Err(Refusal::DirtyAndDegraded { trusted: 2, members: 3 });
    let unclean = dirty(clean());
    assert_eq!(parity(&unclean, slots(&[0]), Start::Normal), refused);
    assert_eq!(parity(&dirty(filling(1)), NONE, Start::Normal), refused);
    assert!(parity(&unclean, slots(&[0]), Start::Force).is_ok());
    assert!(parity(&unclean, slots(&[0]), Start::JournalReplayed).unwrap().owed().is_none());
    assert!(parity(&clean(), slots(&[0]), Start::Normal).is_ok());
    let none = Refusal::NoCopyLeft { trusted: 1, needed: 2 };
    assert_eq!(parity(&clean(), slots(&[0, 1]), Start::Force), Err(none));
}

#[test]
fn where_copies_may_differ_one_member_speaks_for_all() {
    let mut core = mirror(3, RuntimeState { clean: false, ..clean() });
    let read = |core: &Core, not| core.plan_read(Rows::new(0, 16), not).map(|plan| plan.from);
    assert_eq!(read(&core, NONE), Ok(slots(&[0])));
    assert_eq!(read(&core, slots(&[0])), Ok(slots(&[1])));
    let commands = rebuild(&mut core);
    let (first, _) = window(&commands);
    core.copied(NOW, first, CopyResult::good(4)).unwrap();
    assert_eq!(read(&core, NONE), Ok(slots(&[0, 1, 2])), "below the mark");
    let commands = settle(&mut core);
    assert_eq!(run(&mut core, commands), Some((Operation::Resync, Finish::Complete)));
}

#[test]
fn the_set_is_clean_only_after_idle_time_and_a_flush() {
    let mut core = mirror(2, clean());
    let grant = go(&mut core, 0, 1);
    assert_eq!(core.complete(NOW, grant.ticket, NONE), Ok(Ack::Now));
    assert_eq!(core.poll(NOW), None);
    let due = core.deadline().unwrap();
    assert_eq!(due, Time(1001));
    assert_eq!(core.poll(Time(1000)), None);
    let Some(Command::Flush { id, .. }) = core.poll(due) else { panic!() };
    // A write that comes now waits for a newer record, though none says "clean" yet.
    let Admit::Wait(WaitFor::Record(_)) = core.admit(due, Rows::new(0, 1), PLAIN) else { panic!() };
    let Some(Command::Persist { seq, .. }) = core.poll(due) else { panic!() };
    assert!(!core.snapshot(seq).unwrap().clean, "the clean record was dropped");
    core.flushed(due, id, NONE).unwrap();
    core.persisted(due, seq, NONE).unwrap();
    assert!(!core.status().clean);
}

#[test]
fn a_format_without_marks_gets_no_checkpoints_but_a_last_record() {
    let config = config(2, Redundancy::Mirror);
    let mut core = restored(config, &filling(1), format(false), Start::Normal).unwrap();
    core.start(NOW, core.owed().unwrap(), AboveMark::Skip).unwrap();
    let mut records = Vec::new();
    while let Some(command) = core.poll(NOW) {
        match command {
            Command::Persist { seq, .. } => {
                records.push(core.snapshot(seq).unwrap());
                core.persisted(NOW, seq, NONE).unwrap();
            }
            Command::Flush { id, .. } => core.flushed(NOW, id, NONE).unwrap(),
            Command::Copy { window, rows, .. } => {
                core.copied(NOW, window, CopyResult::good(rows.len)).unwrap();
            }
            _ => {}
        }
    }
    assert!(records.iter().all(|record| record.mark() == Row(0)));
    assert_eq!(records.last().unwrap().rebuilding, NONE);
    assert_eq!(records.len(), 2, "the target is announced, and trusted: {records:?}");
}
