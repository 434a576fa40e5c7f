// SPDX-License-Identifier: MIT OR Apache-2.0
//! The contenders of `cargo xtask bench` on the same rows, one after the other under criterion, whose
//! reports compare a run with the one before.
//!
//! ```text
//! cargo bench -p raid-benches --features peers --bench parity -- --quick 'generate/8 disks/L2'
//! RAID_BENCHES=all cargo bench ...        every number of disks, every size of blocks
//! ```
//!
//! Without `peers`, our backends and the limits of the machine alone. For ratios take the table, whose
//! contenders take turns. Throughput counts the bytes that the operation reads.
#![allow(missing_docs)] // criterion's macros

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use raid_benches::caches::Caches;
use raid_benches::cells::{Cell, Set};
use raid_benches::stripes::{Arena, Operation};
use std::hint::black_box;
use std::time::Duration;

fn parity(criterion: &mut Criterion) {
    let all = std::env::var_os("RAID_BENCHES").is_some_and(|what| what == "all");
    let caches = Caches::of_this_machine();
    for operation in Operation::ALL {
        for cell in Cell::all(operation, caches, !all) {
            // By default one size of blocks, in the first level, in the second, and in memory.
            let small = cell.set == Set::L1 || cell.len == 64 << 10;
            if all || (small && cell.set != Set::Llc) {
                race(criterion, &cell);
            }
        }
    }
}

fn race(criterion: &mut Criterion, cell: &Cell) {
    let mut arena = Arena::new(cell.operation, cell.disks, cell.len, cell.bytes, cell.placement);
    let mut rows = arena.rows(1);
    let mut group = criterion.benchmark_group(format!(
        "{}/{} disks/{}/{} B/{}",
        cell.operation, cell.disks, cell.set, cell.len, cell.placement
    ));
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    group.sample_size(10);
    let bytes = rows.len() * cell.len * cell.operation.blocks(cell.disks).0;
    group.throughput(Throughput::Bytes(bytes as u64));
    for mut one in cell.contenders() {
        let name = one.name.clone();
        let mut verified = false;
        group.bench_function(name, |bench| {
            if !verified {
                assert!(
                    one.verify(cell.operation, &mut rows[0]),
                    "{one:?} computes something else"
                );
                verified = true;
            }
            bench.iter(|| {
                for row in &mut rows {
                    black_box((one.run)(black_box(row)));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, parity);
criterion_main!(benches);
