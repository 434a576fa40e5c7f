// SPDX-License-Identifier: MIT OR Apache-2.0
//! Times every operation of every backend at every length, beside the next multiple of 64 bytes: the
//! figures of how much an odd length costs.
//!
//! ```text
//! cargo run --release -p raid-benches --bin lengths -- [--to=BYTES] [--every=BYTES] [--rounds=NUMBER] [--skew=BYTES] [BACKEND…]
//! ```
//!
//! A line for each backend, operation, place and number of disks: how many lengths were timed, for how many of them
//! a call costs more than 1.25 times that of the next multiple of 64 bytes and 10 ns, and the worst one.

use raid_benches::blocks;
use raid_core::backend::{Backend, Locality};
use raid_core::parity::Change;
use std::hint::black_box;
use std::time::Instant;

/// What a call may cost, of the call for the next multiple of [`LINE`] bytes.
const FACTOR: f64 = 1.25;
const MORE_NANOSECONDS: f64 = 10.0;
const LINE: usize = 64;

/// Calls under one reading of the clock.
const BATCH: usize = 16;

/// How often a length is timed again before it is said to cost too much.
const AGAIN: usize = 30;

const DISKS: [usize; 3] = [3, 8, 16];

const OPERATIONS: [&str; 13] = [
    "xor_into",
    "p_generate",
    "q_generate",
    "pq_generate",
    "p_check",
    "pq_check",
    "locate",
    "pq_update",
    "pq_update_blocks",
    "recover_data",
    "recover_data_from_q",
    "recover_data_data",
    "recover_data_p",
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str, usual: usize| {
        let found = arguments.iter().find_map(|argument| argument.strip_prefix(name));
        found.and_then(|found| found.parse().ok()).unwrap_or(usual)
    };
    let (to, every, rounds) = (value("--to=", 8192), value("--every=", 1), value("--rounds=", 9));
    let skew = value("--skew=", 0) % LINE;
    let wanted: Vec<&String> = arguments.iter().filter(|name| !name.starts_with("--")).collect();
    for backend in Backend::available() {
        if !wanted.is_empty() && !wanted.iter().any(|name| *name == backend.name()) {
            continue;
        }
        for (place, locality) in [("cached", Locality::Cached), ("memory", Locality::Memory)] {
            for operation in OPERATIONS {
                for disks in DISKS {
                    let mut bench =
                        Bench::new(backend.with_locality(locality), operation, disks, to, skew);
                    let verdict = bench.all_lengths(to, every, rounds);
                    println!(
                        "{:<12} {place} {operation:<20} {disks:>2} disks: {verdict}",
                        backend.name()
                    );
                }
            }
        }
    }
}

/// Blocks for one operation, the data first, then P, Q and two results.
struct Bench {
    backend: Backend,
    operation: &'static str,
    memory: Vec<Vec<u8>>,
    disks: usize,
    skew: usize,
}

impl Bench {
    /// Blocks that begin `skew` bytes behind a line.
    fn new(
        backend: Backend,
        operation: &'static str,
        disks: usize,
        to: usize,
        skew: usize,
    ) -> Self {
        let memory = blocks(disks + 4, to.next_multiple_of(LINE) + 2 * LINE);
        let mut bench = Self { backend, operation, memory, disks, skew };
        let [data, mut sums, _] = bench.parts(to.next_multiple_of(LINE));
        let list: Vec<Option<&[u8]>> = data.iter().map(|block| Some(&**block)).collect();
        if let [p, q] = &mut sums[..] {
            backend.pq_generate(p, q, &list).expect("a row");
        }
        bench
    }

    /// Data, P and Q, and two results.
    fn parts(&mut self, len: usize) -> [Vec<&mut [u8]>; 3] {
        let skew = self.skew;
        let mut blocks: Vec<&mut [u8]> = self
            .memory
            .iter_mut()
            .map(|memory| {
                let start = memory.as_ptr().align_offset(LINE) + skew;
                &mut memory[start..start + len]
            })
            .collect();
        let results = blocks.split_off(self.disks + 2);
        let sums = blocks.split_off(self.disks);
        [blocks, sums, results]
    }

    fn all_lengths(&mut self, to: usize, every: usize, rounds: usize) -> String {
        let (mut timed, mut over) = (0_u32, 0_u32);
        let mut worst = (0.0, 0, 0.0, 0.0);
        for whole in (LINE..=to.next_multiple_of(LINE)).step_by(LINE) {
            let lens: Vec<usize> =
                (whole - LINE + 1..whole.min(to + 1)).step_by(every).chain([whole]).collect();
            let mut times = vec![f64::INFINITY; lens.len()];
            for _ in 0..rounds {
                for (time, len) in times.iter_mut().zip(&lens) {
                    *time = time.min(self.once(*len));
                }
            }
            let Some((next, parts)) = times.split_last() else { continue };
            let limit = next.mul_add(FACTOR, MORE_NANOSECONDS);
            for (time, len) in parts.iter().zip(&lens) {
                timed += 1;
                let (mut time, mut limit) = (*time, limit);
                // What others did meanwhile is not ours.
                for _ in 0..AGAIN {
                    if time <= limit {
                        break;
                    }
                    time = time.min(self.once(*len));
                    limit = limit.min(self.once(whole).mul_add(FACTOR, MORE_NANOSECONDS));
                }
                let excess = time / limit;
                over += u32::from(excess > 1.0);
                if excess > worst.0 {
                    worst = (excess, *len, time, *next);
                }
            }
        }
        let (excess, len, time, next) = worst;
        format!(
            "{over:>4} of {timed} over; worst {excess:.2} at {len} bytes: {time:.0} ns, next {next:.0} ns"
        )
    }

    /// Nanoseconds of one call.
    fn once(&mut self, len: usize) -> f64 {
        let (backend, operation) = (self.backend, self.operation);
        let last = self.disks - 1;
        let lost = match operation {
            "recover_data_data" => [Some(0), Some(last)],
            "recover_data" | "recover_data_from_q" | "recover_data_p" => [Some(0), None],
            _ => [None, None],
        };
        let [data, sums, mut results] = self.parts(len);
        let list: Vec<Option<&[u8]>> = (0..)
            .zip(&data)
            .map(|(at, block)| (!lost.contains(&Some(at))).then_some(&**block))
            .collect();
        let sources: Vec<&[u8]> = list.iter().flatten().copied().collect();
        let changes: Vec<Change<'_>> = (0..)
            .zip(data.chunks_exact(2))
            .map(|(exponent, two)| Change { exponent, old: Some(two[0]), new: Some(two[1]) })
            .collect();
        let ([p, q], [x, y]) = (&sums[..], &mut results[..]) else { return f64::NAN };
        let y_at = u8::try_from(last).unwrap_or(0);
        let mut call = || match operation {
            "xor_into" => backend.xor_into(x, black_box(&sources)).is_ok(),
            "p_generate" => backend.p_generate(x, black_box(&list)).is_ok(),
            "q_generate" => backend.q_generate(x, black_box(&list)).is_ok(),
            "pq_generate" => backend.pq_generate(x, y, black_box(&list)).is_ok(),
            "p_check" => backend.p_check(p, black_box(&list)).is_ok(),
            "pq_check" => backend.pq_check(p, q, black_box(&list)).is_ok(),
            "locate" => backend.locate(p, q, black_box(&list)).is_ok(),
            "pq_update" => {
                backend.pq_update(Some(x), Some(y), 5, black_box(sources[0]), sources[1]).is_ok()
            }
            "pq_update_blocks" => {
                backend.pq_update_blocks(Some(x), Some(y), black_box(&changes)).is_ok()
            }
            "recover_data" => backend.recover_data(x, black_box(&list), p).is_ok(),
            "recover_data_from_q" => {
                backend.recover_data_from_q((0, x), black_box(&list), q).is_ok()
            }
            "recover_data_data" => {
                backend.recover_data_data((0, x), (y_at, y), black_box(&list), p, q).is_ok()
            }
            _ => backend.recover_data_p((0, x), y, black_box(&list), q).is_ok(),
        };
        let mut least = f64::INFINITY;
        for _ in 0..3 {
            let began = Instant::now();
            for _ in 0..BATCH {
                assert!(call(), "a row");
            }
            let took = u32::try_from(began.elapsed().as_nanos()).unwrap_or(u32::MAX);
            least = least.min(f64::from(took) / 16.0);
        }
        least
    }
}
