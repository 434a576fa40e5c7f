// SPDX-License-Identifier: MIT OR Apache-2.0
//! Times contenders side by side: the same rows, a random order in each repetition, and ratios taken
//! inside a repetition, so that what slows the machine down for a while slows everybody down.

use crate::contenders::{Contender, Role};
use crate::stripes::Stripe;
use fastrand::Rng;
use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;
use std::time::Duration;

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Repetitions, of which the median counts.
    pub repetitions: usize,
    /// The least time of one contender in one repetition.
    pub slice: Duration,
    /// Passes that are not timed before one contender's that are: for working sets of which
    /// something stays in a cache.
    pub settling: u32,
}

/// The times of one contender, in nanoseconds for all rows once, one of each repetition.
#[derive(Clone, Debug)]
pub struct Times {
    /// Whose.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// The times.
    pub nanoseconds: Vec<f64>,
}

impl Times {
    /// How many times as fast as `other`: the median of the ratios of all repetitions.
    #[must_use]
    pub fn speed_over(&self, other: &Self) -> f64 {
        let both = other.nanoseconds.iter().zip(&self.nanoseconds);
        median(both.map(|(other, own)| other / own).collect())
    }

    /// How far the middle half of the times reaches, as a part of the median.
    #[must_use]
    pub fn spread(&self) -> f64 {
        let mut times = self.nanoseconds.clone();
        times.sort_by(f64::total_cmp);
        let quarter = times.len() / 4;
        match (times.get(quarter), times.iter().nth_back(quarter)) {
            (Some(low), Some(high)) => (high - low) / self.median(),
            _ => f64::NAN,
        }
    }

    /// The median time.
    #[must_use]
    pub fn median(&self) -> f64 {
        median(self.nanoseconds.clone())
    }
}

/// The middle one.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// Times all contenders on the same rows.
#[must_use]
pub fn race(
    contenders: &mut [Contender],
    rows: &mut [Stripe<'_>],
    effort: Effort,
    seed: u64,
) -> Vec<Times> {
    let mut rng = Rng::with_seed(seed);
    let passes: Vec<u32> = contenders
        .iter_mut()
        .map(|contender| {
            pass(contender, rows);
            let began = cpu_time();
            pass(contender, rows);
            let once = (cpu_time() - began).max(Duration::from_nanos(20));
            let passes = effort.slice.as_nanos().div_ceil(once.as_nanos());
            u32::try_from(passes).unwrap_or(u32::MAX).max(1)
        })
        .collect();
    let mut times: Vec<Times> = contenders
        .iter()
        .map(|one| Times { name: one.name.clone(), role: one.role, nanoseconds: Vec::new() })
        .collect();
    let mut order: Vec<usize> = (0..contenders.len()).collect();
    for _ in 0..effort.repetitions {
        rng.shuffle(&mut order);
        for &turn in &order {
            // What the one before left in the caches must not matter.
            for _ in 0..effort.settling {
                pass(&mut contenders[turn], rows);
            }
            let began = cpu_time();
            for _ in 0..passes[turn] {
                pass(&mut contenders[turn], rows);
            }
            let took = (cpu_time() - began).as_secs_f64() * 1e9;
            times[turn].nanoseconds.push(took / f64::from(passes[turn]));
        }
    }
    times
}

/// The time of this thread on a CPU: what others do meanwhile does not count.
fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

fn pass(contender: &mut Contender, rows: &mut [Stripe<'_>]) {
    clear_upper_halves();
    for row in rows {
        black_box((contender.run)(black_box(row)));
    }
}

/// Some contenders leave the upper halves of vector registers in use, which slows down all SSE code
/// after them, until somebody clears them.
fn clear_upper_halves() {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx") {
        // SAFETY: the CPU has the instruction; by the calling convention of x86-64, nobody expects
        // vector registers to survive this call.
        unsafe { std::arch::asm!("vzeroupper", clobber_abi("C"), options(nomem, nostack)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_that_inside_a_repetition() {
        let times = |nanoseconds: &[f64]| Times {
            name: String::new(),
            role: Role::Peer,
            nanoseconds: nanoseconds.to_vec(),
        };
        // The machine was slower in the second repetition, for both.
        let (fast, slow) = (times(&[1.0, 10.0, 1.0]), times(&[2.0, 20.0, 2.5]));
        assert_eq!(fast.speed_over(&slow).to_bits(), 2.0_f64.to_bits());
        assert_eq!(median(vec![3.0, 1.0, 2.0, 4.0]).to_bits(), 2.5_f64.to_bits());
    }
}
