// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one step of the stripe planner costs: from the request to the plan, nothing executed.
//!
//! ```text
//! cargo bench -p raid-benches --bench planner
//! ```
//!
//! Two figures each: one `next()` of the planner with its making, which ends in a plan; and the same with
//! every step of the plan walked, not executed (a step is a read from a member, the computation, or a
//! write to a member), whose throughput counts steps: 10 Melem/s are 100 ns a step. A table of both follows
//! at the end.
//!
//! A request is of 4 KiB unless said otherwise, strips are of 64 KiB, each address is a new one. `read`
//! and `write` are of a healthy set, `read_lost` is of a strip whose member is gone, `read_beside` of one
//! beside it, `update` a read-modify-write, `row` a full stripe; `rebuild` and `scrub` are of one row.
#![allow(missing_docs)] // criterion's macros

use criterion::measurement::WallTime;
use criterion::{
    BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use raid_core::array::{Geometry, Level, Placement};
use raid_core::layout::Layout;
use raid_core::stripe::{self, Health, NotPossible, ReadStep, RowPlan};
use raid_core::units::{Blocks, Extent, Rows, Slot, SlotSet};
use serde_json::Value;
use std::hint::black_box;
use std::time::Duration;

const STRIP: u64 = 128;

fn layout(level: Level, placement: Placement, slots: u16) -> Layout<'static> {
    let geometry = Geometry::raid0(slots, Blocks(STRIP), Blocks(1 << 32));
    Layout::new(&Geometry { level, placement, ..geometry }).unwrap()
}

fn sets() -> [(&'static str, Layout<'static>); 6] {
    use Placement::{Adjacent, Fixed, NContinue};
    [
        ("raid0x8", layout(Level::Raid0, Fixed, 8)),
        ("raid1x2", layout(Level::Raid1, Fixed, 2)),
        ("raid1ex5", layout(Level::Raid1E, Adjacent, 5)),
        ("raid5x5", layout(Level::Raid5, NContinue, 5)),
        ("raid6x10", layout(Level::Raid6, NContinue, 10)),
        ("raid6x255", layout(Level::Raid6, NContinue, 255)),
    ]
}

/// Addresses that no branch predictor or cache of divisions can learn.
fn addresses(layout: &Layout<'_>, unit: u64) -> impl FnMut() -> u64 + use<> {
    let units = layout.set_blocks().0 / unit;
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % units * unit
    }
}

/// Steps of a plan.
trait Steps {
    /// Walks them and counts them.
    fn walk(&self) -> u64;
}

impl Steps for RowPlan {
    fn walk(&self) -> u64 {
        let mut steps = 1; // the computation
        for io in self.reads() {
            black_box(io);
            steps += 1;
        }
        for io in self.writes() {
            black_box(io);
            steps += 1;
        }
        steps
    }
}

impl Steps for ReadStep {
    fn walk(&self) -> u64 {
        match self {
            ReadStep::Direct(io) => {
                black_box(io);
                1
            }
            ReadStep::Reconstruct(plan) => plan.walk(),
        }
    }
}

/// Benches of one set.
struct Set<'a, 'c> {
    name: &'static str,
    layout: &'a Layout<'static>,
    group: &'a mut BenchmarkGroup<'c, WallTime>,
    done: &'a mut Vec<Done>,
}

/// A cell of the table.
struct Done {
    what: &'static str,
    set: &'static str,
    steps: u64,
}

impl Done {
    /// The median that criterion keeps, in nanoseconds.
    fn median(&self, kind: &str) -> Option<f64> {
        let kept = concat!(env!("CARGO_TARGET_TMPDIR"), "/../criterion/planner");
        let kept = format!("{kept}/{kind}_{}/{}/new/estimates.json", self.what, self.set);
        let estimates: Value = serde_json::from_slice(&std::fs::read(kept).ok()?).ok()?;
        estimates["median"]["point_estimate"].as_f64()
    }

    /// A plan, and a step of it.
    fn cell(&self) -> Option<String> {
        let step = self.median("walk")? / self.steps as f64;
        Some(format!("{:.0} ({step:.0})", self.median("next")?))
    }
}

/// Prints what was measured.
fn table(done: &[Done]) {
    let mut kinds: Vec<_> = done.iter().map(|done| done.what).collect();
    kinds.sort_by_key(|what| done.iter().position(|done| done.what == *what));
    kinds.dedup();
    let sets = sets().map(|(name, _)| name);
    println!("\n`next()`, and in brackets what a step of its plan costs in all, in nanoseconds:\n");
    println!("| | {} |\n|---{}|", sets.join(" | "), "|---:".repeat(sets.len()));
    for what in kinds {
        let of = |set: &str| done.iter().find(|done| done.what == what && done.set == set);
        let cells = sets.map(|set| of(set).and_then(Done::cell).unwrap_or_else(|| "–".into()));
        println!("| {what} | {} |", cells.join(" | "));
    }
}

impl Set<'_, '_> {
    /// What `plan` gives for addresses that are multiples of `unit`, and the health that `health` says
    /// the set has then.
    fn bench<S: Steps>(
        &mut self,
        what: &'static str,
        unit: u64,
        health: impl Fn(u64) -> Health,
        plan: impl Fn(u64, Health) -> Planned<S>,
    ) {
        let mut address = addresses(self.layout, unit);
        let mut next = || {
            let at = address();
            (at, health(at))
        };
        let plan = |(at, health): &mut (u64, Health)| plan(*at, *health);
        let steps = plan(&mut next()).unwrap().unwrap().walk();
        self.done.push(Done { what, set: self.name, steps });
        let id = |kind| BenchmarkId::new(format!("{kind}/{what}"), self.name);
        self.group.throughput(Throughput::Elements(1));
        self.group.bench_function(id("next"), |bench| {
            let plan = |request: &mut _| {
                black_box(plan(request));
            };
            bench.iter_batched_ref(&mut next, plan, BatchSize::SmallInput);
        });
        self.group.throughput(Throughput::Elements(steps));
        self.group.bench_function(id("walk"), |bench| {
            let walk = |request: &mut _| plan(request).as_ref().unwrap().as_ref().unwrap().walk();
            bench.iter_batched_ref(&mut next, walk, BatchSize::SmallInput);
        });
    }
}

type Planned<S> = Option<Result<S, NotPossible>>;

fn planner(criterion: &mut Criterion) {
    let mut done = Vec::new();
    let mut group = criterion.benchmark_group("planner");
    group.warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(400));
    for (name, layout) in sets() {
        let layout = black_box(layout);
        let mut set = Set { name, layout: &layout, group: &mut group, done: &mut done };
        let sound = |_| Health::OPTIMAL;
        let read = |at, health| stripe::read(&layout, health, Extent::new(at, 8), None).next();
        let write = |len| {
            let layout = &layout;
            move |at, health| stripe::write(layout, health, Extent::new(at, len)).next()
        };
        set.bench("read", 8, sound, read);
        if layout.geometry().parity_strips() == 0 {
            set.bench("write", 8, sound, write(8));
            continue;
        }
        let without = |block| {
            let slot = layout.locate(block).unwrap().slot;
            Health { unavailable: SlotSet::of(slot), ..Health::OPTIMAL }
        };
        let row = STRIP * u64::from(layout.row_map(0).unwrap().data_strips());
        set.bench("update", 8, sound, write(8));
        set.bench("row", row, sound, write(row));
        set.bench("read_lost", row, without, read);
        set.bench("read_beside", row, |at| without(at + STRIP), read);
        set.bench("write_lost", row, without, write(8));
        let rows = |at: u64| Rows::new(at % layout.rows(), STRIP);
        let target = SlotSet::of(Slot(1));
        set.bench("rebuild", STRIP, sound, |at, health| {
            stripe::rebuild(&layout, health, target, rows(at)).next()
        });
        set.bench("scrub", STRIP, sound, |at, health| {
            stripe::scrub(&layout, health, rows(at)).next()
        });
    }
    group.finish();
    table(&done);
}

criterion_group!(benches, planner);
criterion_main!(benches);
