// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a write of 4 KiB costs beyond its parity kernel: the plan, its reads and writes by number, and what
//! `compute` does around the kernel.
//!
//! ```text
//! cargo bench -p raid-benches --bench small_write
//! ```
//!
//! Both run in turns over the same buffers, which fit the first-level cache, at addresses that no branch
//! predictor can learn. Figures are medians of rounds, in nanoseconds a write; a plan is made where it is
//! kept, and nothing is copied from or to members. Goal: at most 300 ns over the kernel.

use raid_core::array::{Geometry, Level};
use raid_core::backend::{Backend, Locality};
use raid_core::layout::Layout;
use raid_core::stripe::{self, Health, Method, RowPlan};
use raid_core::units::{Blocks, Extent};
use std::hint::black_box;
use std::time::Instant;

const STRIP: u64 = 128;
const LEN: usize = 4096;
const ROUNDS: usize = 41;
const WRITES: u32 = 4000;

fn layout(level: Level, slots: u16) -> Layout<'static> {
    let geometry = Geometry::raid5(slots, Blocks(STRIP), Blocks(1 << 32));
    Layout::new(&Geometry { level, ..geometry }).expect("a sound geometry")
}

/// Nanoseconds of one of many.
fn time(mut one: impl FnMut()) -> f64 {
    let start = Instant::now();
    (0..WRITES).for_each(|_| one());
    start.elapsed().as_nanos() as f64 / f64::from(WRITES)
}

fn median(of: &mut [f64]) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

/// The steps of a write, each with those before it.
struct Steps {
    plan: Vec<f64>,
    walk: Vec<f64>,
    all: Vec<f64>,
    kernel: Vec<f64>,
}

fn measure(layout: &Layout<'_>, backend: Backend) -> Steps {
    let [mut old, new, mut p, mut q] = [1u8, 2, 3, 4].map(|byte| vec![byte; LEN]);
    let mut slab = vec![5u8; 3 * LEN];
    let blocks = layout.set_blocks().0 / 8;
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut address = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Extent::new(state % blocks * 8, 8)
    };
    let raid6 = layout.geometry().parity_strips() == 2;
    let mut plan = RowPlan::EMPTY;
    let mut steps = Steps { plan: vec![], walk: vec![], all: vec![], kernel: vec![] };
    for _ in 0..ROUNDS {
        steps.kernel.push(time(|| {
            let exponent = (black_box(address()).start.0 % 8) as u8;
            let q = raid6.then_some(&mut q[..]);
            let done =
                backend.pq_update(Some(&mut p), q, exponent, black_box(&old), black_box(&new));
            done.expect("blocks of one length");
        }));
        let mut make = |plan: &mut RowPlan| {
            let made = stripe::write(layout, Health::OPTIMAL, address()).next_into(plan);
            made.expect("a plan").expect("a healthy set");
        };
        steps.plan.push(time(|| {
            make(&mut plan);
            black_box(&plan);
        }));
        let walk = |plan: &RowPlan| {
            for n in 0..plan.read_count() {
                black_box(plan.nth_read(n));
            }
            for n in 0..plan.write_count() {
                black_box(plan.nth_write(n));
            }
        };
        steps.walk.push(time(|| {
            make(&mut plan);
            walk(black_box(&plan));
        }));
        steps.all.push(time(|| {
            make(&mut plan);
            walk(black_box(&plan));
            let slab = &mut slab[..plan.slab_blocks().0 as usize * 512];
            plan.compute(backend, slab, black_box(&new)).expect("slab and request are long enough");
        }));
        old[0] = old[0].wrapping_add(1);
    }
    assert_eq!(plan.method(), Method::ReadModifyWrite);
    steps
}

fn main() {
    let backend = Backend::detect().with_locality(Locality::Cached);
    println!(
        "4 KiB writes, {}, ns each; a plan takes {} bytes\n",
        backend.name(),
        size_of::<RowPlan>()
    );
    println!("| set | kernel | plan | + reads and writes | + compute | over the kernel |");
    println!("|---|---:|---:|---:|---:|---:|");
    for (name, layout) in [
        ("raid5x5", layout(Level::Raid5, 5)),
        ("raid6x10", layout(Level::Raid6, 10)),
        ("raid6x255", layout(Level::Raid6, 255)),
    ] {
        let mut steps = measure(&black_box(layout), backend);
        let over = steps.all.iter().zip(&steps.kernel).map(|(all, kernel)| all - kernel);
        let over = median(&mut over.collect::<Vec<_>>());
        let [kernel, plan, walk, all] =
            [&mut steps.kernel, &mut steps.plan, &mut steps.walk, &mut steps.all]
                .map(|rounds| median(rounds));
        println!("| {name} | {kernel:.0} | {plan:.0} | {walk:.0} | {all:.0} | {over:.0} |");
    }
}
