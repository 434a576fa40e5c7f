// SPDX-License-Identifier: MIT OR Apache-2.0
//! Parity on every backend that this CPU can run.
//!
//! ```text
//! cargo bench -p raid-benches --bench parity -- pq_generate
//! ```
//!
//! Throughput counts data bytes, never parity: the row's, or those of the one block that changes.
#![allow(missing_docs)] // criterion's macros

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use raid_benches::blocks;
use raid_core::backend::Backend;
use std::hint::black_box;
use std::time::Duration;

/// Data disks of a row, and bytes of a block: a row that fits the second-level cache, and a whole
/// default strip of Linux.
const SHAPES: [(usize, usize); 4] = [(4, 4 << 10), (8, 4 << 10), (16, 4 << 10), (8, 512 << 10)];

/// What one call works on.
#[derive(Clone, Copy)]
enum Works {
    OnRow,
    OnBlock,
}

/// Runs `operation` for every backend and shape.
fn each(
    criterion: &mut Criterion,
    name: &str,
    works: Works,
    operation: impl Fn(Backend, &[&[u8]], &mut [u8], &mut [u8]),
) {
    let mut group = criterion.benchmark_group(name);
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    for (disks, len) in SHAPES {
        let data = blocks(disks, len);
        let data: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
        let (mut x, mut y) = (vec![0; len], vec![0; len]);
        group.throughput(Throughput::Bytes(match works {
            Works::OnRow => (disks * len) as u64,
            Works::OnBlock => len as u64,
        }));
        for backend in Backend::available() {
            let id = BenchmarkId::new(backend.name(), format!("{disks}x{}K", len >> 10));
            group.bench_function(id, |bench| {
                bench.iter(|| operation(backend, black_box(&data), &mut x, &mut y));
            });
        }
    }
    group.finish();
}

fn parity(criterion: &mut Criterion) {
    each(criterion, "xor_into", Works::OnRow, |backend, data, x, _| {
        backend.xor_into(x, data).unwrap();
    });
    each(criterion, "pq_generate", Works::OnRow, |backend, data, p, q| {
        backend.pq_generate(p, q, &present(data)).unwrap();
    });
    each(criterion, "pq_update", Works::OnBlock, |backend, data, p, q| {
        backend.pq_update(Some(p), Some(q), 1, data[0], data[1]).unwrap();
    });
    each(criterion, "recover_data_data", Works::OnRow, |backend, data, x, y| {
        // The parities are not the data's: the arithmetic is the same, and so is its cost.
        let (p, q) = (data[2], data[3]);
        let mut data = present(data);
        (data[0], data[1]) = (None, None);
        backend.recover_data_data((0, x), (1, y), &data, p, q).unwrap();
    });
}

fn present<'a>(data: &[&'a [u8]]) -> Vec<Option<&'a [u8]>> {
    data.iter().copied().map(Some).collect()
}

criterion_group!(benches, parity);
criterion_main!(benches);
