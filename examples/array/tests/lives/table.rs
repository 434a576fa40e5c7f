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

/// How often each kind of event must be met in a run of so many lives, on each format and level that has it.
const OFTEN: (u64, u64) = (500, 1_500);

/// Lives from which on the share of excused sectors means something.
const SHARE_FROM: u64 = 100;

/// Whether an array can have such events, by its name.
fn has(array: &str, kind: Kind) -> bool {
    let parity = array.contains("raid5") || array.contains("raid6");
    let format = array.split(',').next().unwrap_or_default();
    match kind {
        Kind::CutInJournal | Kind::Forced => parity,
        // Any two sets of disks that suffice share one that knows both runs.
        Kind::BackAfterAlone => !(array.contains("raid5 of") || array.contains("raid6 of 5")),
        // The model of mdadm knows one volume of one set, in its own format.
        Kind::Elsewhere => {
            format.starts_with("ddf") && array.contains(" of ") && !array.contains("raid10")
        }
        // Their records do not tell an older copy of a disk from the disk.
        Kind::Cloned => !matches!(format, "toy" | "native"),
        _ => true,
    }
}

/// Whether a kind is asked for: others are counted alone.
fn is_asked(kind: Kind) -> bool {
    !matches!(kind, Kind::Lied | Kind::LieFound | Kind::Refused | Kind::Forked)
}

/// What is wrong with the counts of a run of so many lives of each array: an event that was met too rarely, or a
/// rule that excused more than 1 % of the compared sectors (any, of mirrors).
pub(crate) fn faults(rows: &[(String, Counts)], lives: u64) -> Vec<String> {
    let mut faults = Vec::new();
    for (array, counts) in rows {
        let kinds = Kind::ALL.into_iter().filter(|(kind, _)| is_asked(*kind) && has(array, *kind));
        for (kind, what) in kinds.filter(|_| lives >= OFTEN.1) {
            let (met, often) = (counts.of(kind), OFTEN.0);
            if met < often {
                faults.push(format!("{array}: {what} was met {met} times, expected {often}"));
            }
        }
        let parity = array.contains("raid5") || array.contains("raid6");
        let most = if parity { counts.compared / 100 } else { 0 };
        for (rule, excused) in [("hole", counts.hole), ("forced", counts.forced)] {
            if lives >= SHARE_FROM && excused > most {
                let of = counts.compared;
                faults.push(format!(
                    "{array}: {rule} excused {excused} of {of} sectors, at most {most}"
                ));
            }
        }
    }
    faults
}

/// A line for each format and level, a line for each kind below it that it can have; read by `cargo xtask lives`,
/// which adds up the runs.
pub(crate) fn lines(rows: &[(String, Counts)]) -> String {
    let mut text = String::new();
    for (name, counts) in rows {
        for (kind, what) in Kind::ALL {
            let asked = if is_asked(kind) { "asked" } else { "told" };
            if has(name, kind) {
                // A string takes everything, here and below.
                let _ = writeln!(text, "{asked}\t{name}\t{what}\t{}", counts.of(kind));
            }
        }
        let numbers = [
            ("member I/O", counts.ios),
            ("sectors compared", counts.compared),
            ("excused: hole", counts.hole),
            ("excused: forced", counts.forced),
        ];
        for (what, count) in numbers {
            let _ = writeln!(text, "told\t{name}\t{what}\t{count}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts of a run in which each kind was met so often, and these sectors were excused.
    fn run(array: &str, met: u64, hole: u64, forced: u64) -> Vec<(String, Counts)> {
        let kinds = Kind::ALL.into_iter().map(|(kind, _)| (kind, met)).collect();
        vec![(array.to_owned(), Counts { kinds, ios: 0, compared: 10_000, hole, forced })]
    }

    #[test]
    fn more_than_one_percent_excused_by_a_rule_fails_a_run_and_any_on_a_mirror() {
        for (array, most) in [("ddf, raid5 of 4", 100), ("ddf, raid1 of 2", 0)] {
            assert!(faults(&run(array, 0, most, most), SHARE_FROM).is_empty());
            assert_eq!(faults(&run(array, 0, most + 1, most + 1), SHARE_FROM).len(), 2);
            assert!(faults(&run(array, 0, most + 1, 0), SHARE_FROM - 1).is_empty(), "too few");
        }
    }

    #[test]
    fn an_event_that_an_array_can_have_and_rarely_had_fails_a_deep_run() {
        let (often, lives) = OFTEN;
        let mut rows = run("toy, raid1 of 2", often, 0, 0);
        rows[0].1.kinds.insert(Kind::Cloned, 0);
        assert!(faults(&rows, lives).is_empty(), "its records do not tell a copy from the disk");
        rows[0].1.kinds.insert(Kind::Cut, often - 1);
        assert_eq!(faults(&rows, lives).len(), 1);
        assert!(faults(&rows, lives - 1).is_empty(), "too few lives");
    }
}
