// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one step of the stripe planner costs: from the request to the plan, nothing executed.
//!
//! ```text
//! cargo bench -p raid-benches --bench planner
//! ```
//!
//! A step is what a plan tells its caller to do: read from a member, compute, write to a member. Each
//! figure is one `next()` of the planner with its making and all steps of its plan, walked and not
//! executed; the throughput counts steps, so 10 Melem/s are 100 ns a step.
//!
//! A request is of 4 KiB unless said otherwise, strips are of 64 KiB, each address is a new one. `read`
//! and `write` are of a healthy set, `read_lost` is of a strip whose member is gone, `update` a
//! read-modify-write, `row` a full stripe; `rebuild` and `scrub` are of one row.
#![allow(missing_docs)] // criterion's macros

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use raid_core::array::{Geometry, Level, Placement, QNumbering, Secondary};
use raid_core::layout::Layout;
use raid_core::stripe::{self, Health, ReadStep, RowPlan};
use raid_core::units::{Blocks, Extent, Rows, Slot, SlotSet};
use std::hint::black_box;
use std::time::Duration;

const STRIP: u64 = 128;

fn layout(level: Level, placement: Placement, slots: u16) -> Layout<'static> {
    Layout::new(&Geometry {
        level,
        placement,
        slots,
        strip: Blocks(STRIP),
        member_blocks: Blocks(1 << 32),
        secondary: Secondary::None,
        sets: 1,
        q_numbering: QNumbering::BySlot,
        parities: 0,
        rotate_shift: 0,
        block_size: 512,
    })
    .unwrap()
}

fn sets() -> Vec<(&'static str, Layout<'static>)> {
    use Placement::{Adjacent, Fixed, NContinue};
    vec![
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

/// Walks the steps of a plan and counts them.
fn walk(plan: &RowPlan) -> u64 {
    let mut steps = 1; // the computation
    for io in plan.reads() {
        black_box(io);
        steps += 1;
    }
    for io in plan.writes() {
        black_box(io);
        steps += 1;
    }
    steps
}

fn walk_read(step: &ReadStep) -> u64 {
    match step {
        ReadStep::Direct(io) => {
            black_box(io);
            1
        }
        ReadStep::Reconstruct(plan) => walk(plan),
    }
}

fn planner(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("planner");
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(800));
    for (name, layout) in sets() {
        let layout = black_box(layout);
        let parities = layout.geometry().parity_strips();
        let mut step = |what: &str, unit: u64, plan: &dyn Fn(u64) -> u64| {
            let mut next = addresses(&layout, unit);
            group.throughput(Throughput::Elements(plan(next())));
            group.bench_function(BenchmarkId::new(what, name), |bench| {
                bench.iter_batched(&mut next, plan, BatchSize::SmallInput);
            });
        };
        step("read", 8, &|at| {
            let request = Extent::new(at, 8);
            walk_read(
                &stripe::read(&layout, Health::OPTIMAL, request, None).next().unwrap().unwrap(),
            )
        });
        if parities == 0 {
            step("write", 8, &|at| {
                let request = Extent::new(at, 8);
                walk(&stripe::write(&layout, Health::OPTIMAL, request).next().unwrap().unwrap())
            });
            continue;
        }
        step("update", 8, &|at| {
            let request = Extent::new(at, 8);
            walk(&stripe::write(&layout, Health::OPTIMAL, request).next().unwrap().unwrap())
        });
        let row = STRIP * u64::from(layout.row_map(0).unwrap().data_strips());
        step("row", row, &|at| {
            let request = Extent::new(at, row);
            walk(&stripe::write(&layout, Health::OPTIMAL, request).next().unwrap().unwrap())
        });
        step("read_lost", row * 256, &|at| {
            let slot = layout.locate(at).unwrap().slot;
            let health = Health { unavailable: SlotSet::of(slot), ..Health::OPTIMAL };
            walk_read(
                &stripe::read(&layout, health, Extent::new(at, 8), None).next().unwrap().unwrap(),
            )
        });
        step("rebuild", STRIP, &|at| {
            let rows = Rows::new(at % layout.rows(), STRIP);
            let target = SlotSet::of(Slot(1));
            walk(&stripe::rebuild(&layout, Health::OPTIMAL, target, rows).next().unwrap().unwrap())
        });
        step("scrub", STRIP, &|at| {
            let rows = Rows::new(at % layout.rows(), STRIP);
            walk(&stripe::scrub(&layout, Health::OPTIMAL, rows).next().unwrap().unwrap())
        });
    }
    group.finish();
}

criterion_group!(benches, planner);
criterion_main!(benches);
