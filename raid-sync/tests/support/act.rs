// SPDX-License-Identifier: MIT OR Apache-2.0
//! What may be simulated, and what may happen next.

use super::random::Random;

/// What to simulate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) members: u16,
    pub(crate) rows: u64,
    pub(crate) parity: bool,
    pub(crate) align: u64,
    pub(crate) windows: u8,
    pub(crate) rows_per_window: u64,
    pub(crate) mark: bool,
    /// The metadata is our own format, with regions; else one flag for the set.
    pub(crate) native: bool,
    pub(crate) strict: bool,
    pub(crate) write_through: bool,
}

/// One thing that may happen next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Write {
        row: u64,
        len: u64,
        column: u64,
        durable: bool,
    },
    Flush,
    /// A read of lost blocks, computed from the other members.
    Reconstruct(u64),
    /// One leg of one job.
    Leg(u64),
    Legs(u64),
    Time(u64),
    Kill(u64),
    Tell(u64),
    /// Another disk for a failed member, or the same one back.
    Replace(u64),
    /// Rows whose copies may differ, somebody says.
    Owe(u64),
    Start,
    Scrub(bool),
    Resync,
    Pause,
    Resume,
    Abort,
    Quiesce,
    Limits(u64),
    Crash(u64),
    /// Left alone until nothing moves.
    Drain,
}

impl Setup {
    pub(crate) fn random(random: &mut Random) -> Self {
        let parity = random.below(3) == 0;
        let rows_per_window = 1 + random.below(2);
        Self {
            members: 2 + random.below(2) as u16 + u16::from(parity),
            rows: 6,
            parity,
            align: rows_per_window,
            windows: 1 + random.below(2) as u8,
            rows_per_window,
            mark: random.coin(),
            native: random.coin(),
            strict: random.coin(),
            write_through: random.coin(),
        }
    }
}

impl Act {
    pub(crate) fn random(random: &mut Random, rows: u64) -> Self {
        match random.below(100) {
            0..=21 => Self::Write {
                row: random.below(rows),
                len: 1 + random.below(3),
                column: random.below(8),
                durable: random.below(4) == 0,
            },
            22..=24 => Self::Flush,
            25..=28 => Self::Reconstruct(random.below(rows)),
            29..=59 => Self::Leg(random.next()),
            60..=67 => Self::Legs(random.next()),
            68..=71 => Self::Time(random.below(2000)),
            72..=73 => Self::Kill(random.next()),
            74..=75 => Self::Tell(random.next()),
            76..=79 => Self::Replace(random.next()),
            80..=84 => Self::Start,
            85 => Self::Scrub(random.coin()),
            86 if random.coin() => Self::Resync,
            86 => Self::Owe(random.next()),
            87 => Self::Pause,
            88..=89 => Self::Resume,
            90 => Self::Abort,
            91..=92 => Self::Quiesce,
            93 => Self::Limits(random.next()),
            94..=96 => Self::Crash(random.next()),
            _ => Self::Drain,
        }
    }
}
