// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the write interlock adds to every user write, beside two other designs.
//!
//! | design | keeps writes and sync apart by | a write waits for |
//! |---|---|---|
//! | ticket table (raid-sync) | a table of extents with a bit mask of the windows each holds up | a window over its rows |
//! | hash buckets (md raid1) | counters of pending, waiting and barred requests per bucket of 64 MiB units | a window anywhere in its bucket |
//! | lock per array (md raid10) | one set of counters | any window |
//!
//! The contenders only count: no dirty record, no routing by a mark, no acknowledgements, no refusals.
//! All are called by one owner, so neither locks nor atomics are measured.
//!
//! `cargo bench -p raid-benches --bench admission`, once, on two virtual processors with nothing else
//! running, nanoseconds:
//!
//! | | ticket table | buckets | lock | aim |
//! |---|---|---|---|---|
//! | admit and complete, no window, 255 under way | 19 | | 0.8 | |
//! | … 1 of 16 windows open | 21 | | every write waits | |
//! | … 15 of 16 windows open, the write behind them all | 21 | 1.4 | every write waits | 30 |
//! | … 15 of 16 windows open, the write among them | 25 | waits | every write waits | 30 |
//! | land a window and open the next, 256 tickets | 459 | | | 500 |
//! | … 1024 tickets | 1202 | | | |
//! | … 4096 tickets | 4208 | | | |
//! | the gate, entered and left | 6.6 | | | |
//!
//! With overlaps kept apart, beside so many others (the fastest of 300 samples, other work on the machine), and before
//! the requests of a neighbourhood were chained, in the same run:
//!
//! | under way, all over the set | 0 | 32 | 255 | 1000 |
//! |---|--:|--:|--:|--:|
//! | every request is looked at | 22 | 47 | 247 | 868 |
//! | those of the neighbourhood are | 31 | 32 | 32 | 32 |
//!
//! A short run of some of it, with criterion's own flags:
//! `cargo bench -p raid-benches --bench admission -- 'ticket table/15' --warm-up-time 0.5 --measurement-time 1
//! --sample-size 20`. Every figure is of one run; those to be compared stand side by side in it.
#![allow(missing_docs)] // criterion's macros

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use raid_core::metadata::{Capabilities, Operation, RuntimeState};
use raid_core::units::{Row, Rows, SlotSet};
use raid_sync::{
    AboveMark, Access, Ack, Admit, Command, Config, Found, Gate, Limits, Redundancy, Start,
    SyncCore, Ticket, Time,
};
use std::hint::black_box;

const NOW: Time = Time(1);
const WRITE: Access = Access::Write { durable: false };
const ROWS: u64 = 1 << 30;
/// Rows of a window.
const WINDOW: u64 = 128;

type Core<const TICKETS: usize> = SyncCore<TICKETS, 16>;

fn settle<const TICKETS: usize>(core: &mut Core<TICKETS>) {
    while let Some(command) = core.poll(NOW) {
        match command {
            Command::Persist { seq, .. } => core.persisted(NOW, seq, SlotSet::EMPTY).unwrap(),
            Command::Flush { id, .. } => core.flushed(NOW, id, SlotSet::EMPTY).unwrap(),
            _ => {}
        }
    }
}

/// A set that has recorded that writes are under way, with this many windows of a resync open.
fn open<const TICKETS: usize>(windows: u8, overlap: bool) -> Core<TICKETS> {
    let found = RuntimeState::clean();
    let format = Capabilities {
        mark: true,
        mark_after_unclean: false,
        dirty: true,
        failure: true,
        bad_ranges: 0,
        generation_bits: 32,
    };
    let limits = Limits { windows, rows_per_window: WINDOW, ..Limits::default() };
    let members = SlotSet::first(2);
    let config = Config { limits, overlap, ..Config::new(ROWS, members, Redundancy::Mirror) };
    let mut core = Core::EMPTY;
    core.restore(config, &Found::plain(found), format, Start::Normal).unwrap();
    if windows > 0 {
        let later = Time(1 << 40);
        core.start(later, Operation::Resync, AboveMark::Skip).unwrap();
        let mut copies = Vec::new();
        while copies.len() < usize::from(windows) {
            match core.poll(later) {
                Some(Command::Persist { seq, .. }) => {
                    core.persisted(later, seq, SlotSet::EMPTY).unwrap();
                }
                Some(Command::Flush { id, .. }) => {
                    core.flushed(later, id, SlotSet::EMPTY).unwrap();
                }
                Some(Command::Copy { window, rows, .. }) => copies.push((window, rows)),
                Some(_) => {}
                None => break,
            }
        }
        assert_eq!(core.status().windows, windows);
        // One in the middle has landed: writes go on there, with closed windows on both sides.
        if let Some((window, rows)) = copies.iter().find(|(_, rows)| rows.start == AMONG) {
            core.copied(later, *window, raid_sync::CopyResult::good(rows.len)).unwrap();
        }
    }
    dirty(&mut core);
    core
}

/// The writes that follow find the set recorded as dirty.
fn dirty<const TICKETS: usize>(core: &mut Core<TICKETS>) {
    for _ in 0..8 {
        match core.admit(NOW, Rows::new(FAR, 1), WRITE) {
            Admit::Go(grant) => {
                let _ = core.complete(NOW, grant.ticket, SlotSet::EMPTY).unwrap();
                return;
            }
            Admit::Wait(_) => {
                while let Some(command) = core.poll(NOW) {
                    match command {
                        Command::Persist { seq, .. } => {
                            core.persisted(NOW, seq, SlotSet::EMPTY).unwrap();
                            break;
                        }
                        Command::Flush { id, .. } => core.flushed(NOW, id, SlotSet::EMPTY).unwrap(),
                        _ => {}
                    }
                }
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("the set does not become dirty");
}

fn write<const TICKETS: usize>(core: &mut Core<TICKETS>, row: u64) -> Ticket {
    match core.admit(NOW, black_box(Rows::new(row, 8)), WRITE) {
        Admit::Go(grant) => grant.ticket,
        other => panic!("{other:?}"),
    }
}

/// The design of md's raid1: counters in 1024 buckets, a bucket for each unit of 64 MiB.
struct Buckets {
    pending: [u32; 1024],
    barred: [u32; 1024],
}

impl Buckets {
    const UNIT: u64 = 1 << 17;

    fn of(row: u64) -> usize {
        ((row / Self::UNIT).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as usize
    }

    /// The part of the request in its first unit.
    fn admit(&mut self, rows: Rows) -> Option<(usize, u64)> {
        let bucket = Self::of(rows.start.0);
        if self.barred[bucket] > 0 {
            return None;
        }
        self.pending[bucket] += 1;
        Some((bucket, rows.len.min(Self::UNIT - rows.start.0 % Self::UNIT)))
    }

    fn complete(&mut self, bucket: usize) {
        self.pending[bucket] -= 1;
    }

    fn bar(&mut self, row: u64) -> bool {
        let bucket = Self::of(row);
        self.barred[bucket] += 1;
        self.pending[bucket] == 0
    }
}

/// The design of md's raid10: one of each for the whole array.
#[derive(Default)]
struct OneLock {
    pending: u32,
    barred: u32,
}

impl OneLock {
    fn admit(&mut self, _: Rows) -> bool {
        let free = self.barred == 0;
        self.pending += u32::from(free);
        free
    }

    fn complete(&mut self) {
        self.pending -= 1;
    }
}

/// A row among the windows, in one that has landed.
const AMONG: Row = Row(7 * WINDOW);
/// A row that no window and no other request is near.
const FAR: u64 = 1 << 29;

fn admission(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("admit and complete");
    let (behind, among) = (Row(FAR), AMONG);
    for (windows, row) in [(0, behind), (1, behind), (15, behind), (15, among)] {
        let mut core = open::<256>(windows, false);
        for other in 0..255 {
            let _ = write(&mut core, FAR + 1000 + 8 * other);
        }
        let place = if row == among { ", among them" } else { "" };
        let name = format!("{windows} of 16 windows{place}, 255 under way");
        group.bench_function(BenchmarkId::new("ticket table", name), |bench| {
            bench.iter(|| {
                let ticket = write(&mut core, row.0);
                core.complete(NOW, ticket, SlotSet::EMPTY) == Ok(Ack::Now)
            });
        });
    }
    let mut buckets = Box::new(Buckets { pending: [0; 1024], barred: [0; 1024] });
    for window in 0..15 {
        buckets.bar(window * WINDOW);
    }
    group.bench_function("hash buckets/15 windows, 255 under way", |bench| {
        bench.iter(|| {
            let (bucket, len) = buckets.admit(black_box(Rows::new(FAR, 8))).unwrap();
            buckets.complete(black_box(bucket));
            black_box(len)
        });
    });
    let mut lock = OneLock { pending: 255, barred: 0 };
    group.bench_function("lock per array/no window (with one, every write waits)", |bench| {
        bench.iter(|| {
            let free = lock.admit(black_box(Rows::new(FAR, 8)));
            lock.complete();
            black_box(free)
        });
    });
    let gate = Gate::<4>::new();
    gate.open();
    group.bench_function("gate/open", |bench| {
        bench.iter(|| {
            let pass = gate.enter(black_box(1)).unwrap();
            gate.leave(black_box(pass));
        });
    });
    group.finish();
}

/// Opening a window: the scan of all tickets, with the record stream and the copy command around it.
fn window<const TICKETS: usize>(criterion: &mut Criterion) {
    let mut core = open::<TICKETS>(0, false);
    let limits = Limits { windows: 1, rows_per_window: WINDOW, ..Limits::default() };
    core.set_limits(Limits { checkpoint_rows: u64::MAX, checkpoint_every: u64::MAX, ..limits });
    for other in 0..TICKETS as u64 {
        let _ = write(&mut core, FAR + 1000 + 8 * other);
    }
    let later = Time(1 << 40);
    core.start(later, Operation::Resync, AboveMark::Skip).unwrap();
    let next = |core: &mut Core<TICKETS>| loop {
        match core.poll(later) {
            Some(Command::Copy { window, rows, .. }) => return (window, rows),
            Some(Command::Persist { seq, .. }) => {
                core.persisted(later, seq, SlotSet::EMPTY).unwrap();
            }
            Some(Command::Flush { id, .. }) => core.flushed(later, id, SlotSet::EMPTY).unwrap(),
            Some(_) => {}
            None => panic!("the pass has ended"),
        }
    };
    let mut under_way = next(&mut core);
    criterion.bench_function(
        &format!("land a window and open the next, {TICKETS} tickets"),
        |bench| {
            bench.iter(|| {
                let (window, rows) = under_way;
                core.copied(later, window, raid_sync::CopyResult::good(rows.len)).unwrap();
                if rows.end().0 >= FAR {
                    // The pass must not reach the writes, or its end: begin anew.
                    core.abort().unwrap();
                    settle(&mut core);
                    core.start_over(
                        later,
                        Operation::Resync,
                        raid_sync::Scope::All,
                        AboveMark::Skip,
                    )
                    .unwrap();
                }
                under_way = next(&mut core);
            });
        },
    );
}

/// A write where overlaps are kept apart, beside so many others: all over the set, or right before it, as a
/// sequential stream does.
fn overlaps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("overlaps kept apart");
    for under_way in [0, 32, 255, 1000] {
        for (name, apart) in [("all over the set", 4096), ("a stream", 1)] {
            let mut core = open::<1024>(0, true);
            for other in 1..=under_way {
                let _ = write(&mut core, FAR - 8 * apart * other);
            }
            group.bench_function(BenchmarkId::new(name, under_way), |bench| {
                bench.iter(|| {
                    let ticket = write(&mut core, FAR);
                    core.complete(NOW, ticket, SlotSet::EMPTY) == Ok(Ack::Now)
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, admission, overlaps, window::<256>, window::<1024>, window::<4096>);
criterion_main!(benches);
