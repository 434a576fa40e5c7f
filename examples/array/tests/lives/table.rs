// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was tried how often, on which format and level.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Something that happens in a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Cut,
    CutInRecord,
    CutInJournal,
    CutInActivation,
    CutInRestart,
    CutInRebuild,
    CutInResync,
    BackWithinCommand,
    BackAfterCut,
    BackOldCache,
    BackAfterAlone,
    SecondFailure,
    Unreadable,
    WriteError,
    FailedFlush,
    LateAnswer,
    Lag,
    ClockBack,
    Subset,
    Swapped,
    Cloned,
    Resized,
    Elsewhere,
    TakeSpare,
    TakeSpareTwice,
    Return,
    Fail,
    Scrub,
    Repair,
    Pause,
    Resume,
    Abort,
    Limits,
    Stop,
    Lied,
    LieFound,
    Refused,
    Forked,
    Forced,
}

impl Kind {
    pub(crate) const ALL: [(Self, &'static str); 39] = [
        (Self::Cut, "power cut"),
        (Self::CutInRecord, "cut in record"),
        (Self::CutInJournal, "cut in journal block"),
        (Self::CutInActivation, "cut in activation"),
        (Self::CutInRestart, "cut in restart"),
        (Self::CutInRebuild, "cut in rebuild"),
        (Self::CutInResync, "cut in resync"),
        (Self::BackWithinCommand, "return within a command"),
        (Self::BackAfterCut, "return after the cut"),
        (Self::BackOldCache, "return, cache lost"),
        (Self::BackAfterAlone, "return after running alone"),
        (Self::SecondFailure, "second failure"),
        (Self::Unreadable, "unreadable block"),
        (Self::WriteError, "write error"),
        (Self::FailedFlush, "failed flush"),
        (Self::LateAnswer, "late answer"),
        (Self::Lag, "lagging disk"),
        (Self::ClockBack, "clock back"),
        (Self::Subset, "start of a subset"),
        (Self::Swapped, "disks in another order"),
        (Self::Cloned, "disk cloned"),
        (Self::Resized, "disk grown or cut short"),
        (Self::Elsewhere, "run by mdadm"),
        (Self::TakeSpare, "call: take spare"),
        (Self::TakeSpareTwice, "call: take spare again"),
        (Self::Return, "call: return"),
        (Self::Fail, "call: fail"),
        (Self::Scrub, "call: scrub"),
        (Self::Repair, "call: repair"),
        (Self::Pause, "call: pause"),
        (Self::Resume, "call: resume"),
        (Self::Abort, "call: abort"),
        (Self::Limits, "call: limits"),
        (Self::Stop, "call: stop"),
        (Self::Lied, "lying disk"),
        (Self::LieFound, "loss by a lying disk"),
        (Self::Refused, "start refused"),
        (Self::Forked, "fork met"),
        (Self::Forced, "start forced"),
    ];

    pub(crate) fn name(self) -> &'static str {
        let own = Self::ALL.iter().find(|(kind, _)| *kind == self);
        own.map_or("", |(_, name)| name)
    }
}

/// Counts of one format and level.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) kinds: BTreeMap<Kind, u64>,
    pub(crate) ios: u64,
    pub(crate) compared: u64,
    pub(crate) hole: u64,
    pub(crate) forced: u64,
}

impl Counts {
    pub(crate) fn count(&mut self, kind: Kind) {
        *self.kinds.entry(kind).or_default() += 1;
    }

    pub(crate) fn of(&self, kind: Kind) -> u64 {
        self.kinds.get(&kind).copied().unwrap_or(0)
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (kind, count) in &other.kinds {
            *self.kinds.entry(*kind).or_default() += count;
        }
        self.ios += other.ios;
        self.compared += other.compared;
        self.hole += other.hole;
        self.forced += other.forced;
    }
}

/// A line for each format and level, a line for each kind below it; read by `cargo xtask explore`.
pub(crate) fn lines(rows: &[(String, Counts)]) -> String {
    let mut text = String::new();
    for (name, counts) in rows {
        for (kind, what) in Kind::ALL {
            let _ = writeln!(text, "lives\t{name}\t{what}\t{}", counts.of(kind));
        }
        let numbers = [
            ("member I/O", counts.ios),
            ("sectors compared", counts.compared),
            ("excused: hole", counts.hole),
            ("excused: forced", counts.forced),
        ];
        for (what, count) in numbers {
            let _ = writeln!(text, "lives\t{name}\t{what}\t{count}");
        }
    }
    text
}
