// SPDX-License-Identifier: MIT OR Apache-2.0
//! The plan of a life: what happens, in which order. It is drawn from the seed before anything runs, so
//! that a story can be shortened by leaving steps out.

use crate::disks::Cache;
use fastrand::Rng;

/// Which disks a start gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    All,
    /// Those that know the newest history, and the spares.
    Newest,
    /// All but this many, drawn by the seed.
    Without(usize),
    /// One member alone, and no spare.
    Alone,
    /// Those that the start before had.
    Same,
    /// Those that the start before did not have, and as many of the others as are needed.
    Others,
}

/// Where the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    Anywhere,
    Record,
    Journal,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Starts a volume. Who insists takes the risk that a refusal names; who does not tries other disks.
    Start {
        volume: usize,
        which: Which,
        shuffle: bool,
        clock_back: bool,
        insist: bool,
    },
    /// Users work for so many member I/Os.
    Work(u64),
    /// The array works for so many, users do not.
    Wait(u64),
    /// Users wait until everything is answered.
    Settle,
    /// Everything is read.
    Sweep,
    /// The power goes, at the next such block or after so many member I/Os.
    Cut {
        at: Where,
        within: u64,
        cache: Cache,
    },
    /// A member leaves, and is back in its place as soon as the array has noticed, if it is to be.
    Pull {
        pick: u8,
        cache: Cache,
        late: bool,
        back: bool,
    },
    /// All that left and was noticed is plugged in again, and given back.
    Return,
    /// The operator's calls.
    Fail(u8),
    TakeSpare,
    TakeSpareAgain,
    Scrub {
        repair: bool,
    },
    Limits(u8),
    Stop,
    /// A disk answers nothing for so many member I/Os of the others; its member may be given up.
    Hold {
        pick: u8,
        ios: u64,
        fail: bool,
    },
    Lag {
        pick: u8,
        times: u8,
    },
    FailFlush(u8),
    Unreadable {
        pick: u8,
        row: u16,
    },
    Unwritable {
        pick: u8,
        row: u16,
    },
    /// Between starts.
    Clone(u8),
    Resize {
        pick: u8,
        grow: bool,
    },
}

/// Steps that find a fault that is known and not mended yet, and its number.
pub(crate) const NOT_YET: &[(Off, &str)] = &[];

/// What can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Off {
    /// More members fail than the set can spare.
    SecondFailureBeyond,
    /// A disk that left is plugged in at the next start.
    BackAfterCut,
    /// A disk that left comes back in the same run.
    BackWithin,
    FailFlush,
    Subsets,
    Volumes,
    TakeSpareAgain,
    Unreadable,
    Unwritable,
    Clones,
    Late,
    Resize,
    /// Requests to a set that has failed are answered.
    FailedSetAnswers,
    /// A member leaves that is being filled, while the set can spare no other.
    TargetLeaves,
}

impl Off {
    const ALL: [Self; 14] = [
        Self::SecondFailureBeyond,
        Self::BackAfterCut,
        Self::BackWithin,
        Self::FailFlush,
        Self::Subsets,
        Self::Volumes,
        Self::TakeSpareAgain,
        Self::Unreadable,
        Self::Unwritable,
        Self::Clones,
        Self::Late,
        Self::Resize,
        Self::FailedSetAnswers,
        Self::TargetLeaves,
    ];
}

/// `RAID_ARRAY_ON` switches on, by name or `all`, what the table switches off.
pub(crate) fn is_off(what: Off) -> bool {
    static ON: std::sync::LazyLock<Vec<Off>> = std::sync::LazyLock::new(|| {
        let on = std::env::var("RAID_ARRAY_ON").unwrap_or_default();
        let named =
            |off: &Off| on.split(',').any(|name| name == "all" || name == format!("{off:?}"));
        Off::ALL.into_iter().filter(named).collect()
    });
    NOT_YET.iter().any(|(off, _)| *off == what) && !ON.contains(&what)
}

fn cache(random: &mut Rng) -> Cache {
    match random.u8(..8) {
        0 => Cache::Lost,
        1 => Cache::Saved,
        _ => Cache::Torn,
    }
}

/// A plan for an array of `volumes` volumes.
pub(crate) fn plan(seed: u64, volumes: usize) -> Vec<Step> {
    let mut random = Rng::with_seed(seed);
    let random = &mut random;
    let mut steps = Vec::new();
    for round in 0..random.u8(2..6) {
        let volume = random.usize(..volumes);
        let which = match random.u8(..12) {
            _ if round == 0 && random.u8(..4) > 0 => Which::All,
            0..4 => Which::All,
            4..6 => Which::Newest,
            6..8 => Which::Without(1),
            8 => Which::Without(2),
            9 => Which::Alone,
            10 => Which::Same,
            _ => Which::Others,
        };
        let start = Step::Start {
            volume,
            which,
            shuffle: random.bool(),
            clock_back: random.u8(..8) == 0,
            insist: random.u8(..8) == 0,
        };
        steps.push(start);
        if random.u8(..4) == 0 {
            steps.push(Step::Lag { pick: random.u8(..), times: random.u8(1..100) });
        }
        if random.u8(..3) == 0 {
            // Power fails once more before anybody has read anything.
            steps.push(Step::Wait(random.u64(1..60)));
            steps.push(Step::Cut { at: Where::Anywhere, within: 1, cache: cache(random) });
            let which = if random.bool() { Which::Same } else { which };
            steps.push(Step::Start {
                volume,
                which,
                shuffle: false,
                clock_back: false,
                insist: false,
            });
        }
        if random.u8(..5) > 0 {
            steps.push(Step::Sweep);
        }
        steps.push(Step::Work(random.u64(1..150)));
        for _ in 0..random.u8(..4) {
            steps.push(event(random));
            if random.u8(..4) > 0 {
                steps.push(Step::Work(random.u64(1..200)));
            }
        }
        if random.u8(..4) == 0 {
            steps.push(Step::Stop);
            steps.push(Step::Wait(random.u64(1..20)));
        }
        let (at, within) = match random.u8(..4) {
            0 => (Where::Record, 200),
            1 => (Where::Journal, 200),
            _ => (Where::Anywhere, 1),
        };
        steps.push(Step::Cut { at, within, cache: cache(random) });
        match random.u8(..12) {
            0 => steps.push(Step::Clone(random.u8(..))),
            1 => steps.push(Step::Resize { pick: random.u8(..), grow: random.bool() }),
            _ => {}
        }
    }
    steps
}

fn event(random: &mut Rng) -> Step {
    let pick = random.u8(..);
    let row = random.u16(..);
    match random.u8(..30) {
        0..8 => {
            let cache = match random.u8(..4) {
                0 => Cache::Stays,
                1 => Cache::Lost,
                _ => Cache::Torn,
            };
            Step::Pull { pick, cache, late: random.u8(..3) == 0, back: random.u8(..3) == 0 }
        }
        8..13 => Step::TakeSpare,
        13 => Step::TakeSpareAgain,
        14..16 => Step::Return,
        16..18 => Step::Fail(pick),
        18 => Step::Scrub { repair: false },
        19 => Step::Scrub { repair: true },
        20 => Step::Limits(pick),
        21 => Step::Stop,
        22 => Step::Hold { pick, ios: random.u64(1..60), fail: random.bool() },
        23 => Step::Lag { pick, times: random.u8(..100) },
        24 => Step::FailFlush(pick),
        25..27 => Step::Unreadable { pick, row },
        27 => Step::Unwritable { pick, row },
        28 => Step::Settle,
        _ => Step::Sweep,
    }
}
