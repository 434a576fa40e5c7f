// SPDX-License-Identifier: MIT OR Apache-2.0
//! The plan of a life: what happens, in which order. It is drawn from the seed before anything runs, so
//! that a story can be shortened by leaving steps out.

use crate::disks::Cache;
use fastrand::Rng;

/// Which disks a start gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    All,
    /// Those that know the newest history, or one of them, and the spares.
    Newest,
    /// All but this many, drawn by the seed.
    Without(usize),
    /// All but one that knows the newest history.
    Short,
    /// One member alone, and no spare.
    Alone,
    /// Those that the start before had.
    Same,
    /// Those that the start before did not have, and as many of the others as are needed.
    Others,
    /// Of each set as many members as it needs, and no spare.
    Enough,
}

/// Where the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    Anywhere,
    Record,
    Journal,
    /// In the record that seats a spare.
    Activation,
    Rebuild,
    Resync,
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
    /// Of the operation under way; a scrub is started where there is none.
    Pause(u8),
    Resume,
    Abort(u8),
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
    /// From now on a disk answers flushes that it does not carry out.
    Lie(u8),
    Unreadable {
        pick: u8,
        row: u16,
    },
    Unwritable {
        pick: u8,
        row: u16,
    },
    /// Between starts another implementation runs the volume.
    Elsewhere(u8),
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
    /// Another implementation runs the volume in between.
    Elsewhere,
}

impl Off {
    const ALL: [Self; 15] = [
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
        Self::Elsewhere,
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

/// One life in so many has a disk that lies about flushes.
const LIARS: u64 = 12;

/// What a round of a life aims at. What chance alone would bring too rarely has a share of its own;
/// `cargo xtask explore` counts what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    Anything,
    /// Some disks run alone, then the others, then all together.
    Apart,
    /// A start without a disk, by force, after a cut.
    Force,
    /// A spare is seated while the power goes: the first spare, for later none may be free.
    Seat,
    /// Another implementation runs the volume after a clean stop.
    Elsewhere,
}

const AIMS: [(u8, Aim); 4] =
    [(6, Aim::Anything), (5, Aim::Apart), (9, Aim::Force), (8, Aim::Elsewhere)];

/// Of the first round: disks are clean and whole then, and spares are free.
const FIRST_AIMS: [(u8, Aim); 5] =
    [(1, Aim::Anything), (12, Aim::Apart), (9, Aim::Force), (16, Aim::Seat), (14, Aim::Elsewhere)];

/// Where a round ends.
const CUTS: [(u8, Where); 6] = [
    (2, Where::Anywhere),
    (1, Where::Record),
    (3, Where::Journal),
    (4, Where::Activation),
    (5, Where::Rebuild),
    (8, Where::Resync),
];

/// What happens while an array runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Happens {
    Pull,
    TakeSpare,
    TakeSpareAgain,
    Return,
    Fail,
    Scrub,
    Repair,
    Pause,
    Resume,
    Abort,
    Limits,
    Stop,
    Hold,
    Lag,
    FailFlush,
    Unreadable,
    Unwritable,
    Settle,
    Sweep,
}

const EVENTS: [(u8, Happens); 19] = [
    (20, Happens::Pull),
    (1, Happens::TakeSpare),
    (5, Happens::TakeSpareAgain),
    (3, Happens::Return),
    (2, Happens::Fail),
    (5, Happens::Scrub),
    (4, Happens::Repair),
    (2, Happens::Pause),
    (10, Happens::Resume),
    (7, Happens::Abort),
    (4, Happens::Limits),
    (1, Happens::Stop),
    (11, Happens::Hold),
    (1, Happens::Lag),
    (10, Happens::FailFlush),
    (10, Happens::Unreadable),
    (9, Happens::Unwritable),
    (1, Happens::Settle),
    (1, Happens::Sweep),
];

/// One of these, each with its share.
fn drawn<T: Copy>(random: &mut Rng, shares: &[(u8, T)]) -> T {
    let all: u16 = shares.iter().map(|(share, _)| u16::from(*share)).sum();
    let mut at = random.u16(..all);
    let own = shares.iter().find(|(share, _)| {
        let here = at < u16::from(*share);
        at = at.saturating_sub(u16::from(*share));
        here
    });
    own.expect("a share of the whole").1
}

/// A start of these disks, with nothing else about it.
fn start(volume: usize, which: Which) -> Step {
    Step::Start { volume, which, shuffle: false, clock_back: false, insist: false }
}

fn cut(random: &mut Rng, at: Where) -> Step {
    let within = if at == Where::Anywhere { 1 } else { 200 };
    Step::Cut { at, within, cache: cache(random) }
}

/// A plan for an array of `volumes` volumes.
pub(crate) fn plan(seed: u64, volumes: usize) -> Vec<Step> {
    let mut random = Rng::with_seed(seed);
    let random = &mut random;
    let mut steps = Vec::new();
    for round in 0..random.u8(2..6) {
        let mut volume = random.usize(..volumes);
        let aim = drawn(random, if round == 0 { &FIRST_AIMS[..] } else { &AIMS });
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
        match aim {
            Aim::Anything => {}
            Aim::Apart => {
                let some = match random.u8(..12) {
                    0 => Which::Alone,
                    1 => Which::Without(1),
                    2..4 => Which::Without(2),
                    _ => Which::Enough,
                };
                for which in [some, Which::Others] {
                    let insist = random.bool() || some == Which::Enough;
                    let (shuffle, clock_back) = (false, false);
                    steps.push(Step::Start { volume, which, shuffle, clock_back, insist });
                    steps.push(Step::Work(random.u64(40..160)));
                    steps.push(cut(random, Where::Anywhere));
                }
            }
            Aim::Seat => {
                steps.push(start(volume, Which::All));
                steps.push(Step::Work(random.u64(1..60)));
                steps.push(cut(random, Where::Activation));
            }
            Aim::Elsewhere => {
                steps.push(start(volume, Which::All));
                steps.push(Step::Work(random.u64(1..100)));
                steps.push(Step::Stop);
                steps.push(Step::Wait(200));
                steps.push(cut(random, Where::Anywhere));
                let pick = random.u8(..);
                steps.push(Step::Elsewhere(pick));
                // Once more, where it ended clean with all members.
                steps.push(Step::Elsewhere(pick.wrapping_mul(77).wrapping_add(29)));
            }
            Aim::Force => {
                // Only a set with parity asks for force: the first one, where there is one.
                volume = 0;
                steps.push(start(volume, Which::All));
                steps.push(Step::Work(random.u64(40..160)));
                steps.push(cut(random, Where::Anywhere));
            }
        }
        steps.push(Step::Start {
            volume,
            which: match aim {
                Aim::Anything | Aim::Seat | Aim::Elsewhere => which,
                Aim::Apart => Which::All,
                Aim::Force => Which::Short,
            },
            shuffle: random.bool(),
            clock_back: random.u8(..4) == 0,
            insist: aim == Aim::Force || random.u8(..8) == 0,
        });
        if seed % LIARS == LIARS - 1 && round == 0 {
            steps.push(Step::Lie(random.u8(..)));
        }
        if random.u8(..4) == 0 {
            steps.push(Step::Lag { pick: random.u8(..), times: random.u8(1..100) });
        }
        if random.u8(..3) == 0 {
            // Power fails once more before anybody has read anything.
            steps.push(Step::Wait(random.u64(1..60)));
            steps.push(cut(random, Where::Anywhere));
            steps.push(start(volume, if random.bool() { Which::Same } else { which }));
        }
        if random.u8(..5) > 0 {
            steps.push(Step::Sweep);
        }
        steps.push(Step::Work(random.u64(1..100)));
        for _ in 0..random.u8(2..9) {
            steps.push(event(random));
            if random.u8(..4) > 0 {
                let most = if random.u8(..4) == 0 { 200 } else { 60 };
                steps.push(Step::Work(random.u64(1..most)));
            }
        }
        if random.u8(..4) == 0 {
            steps.push(Step::Stop);
            steps.push(Step::Wait(random.u64(1..20)));
        }
        let at = drawn(random, &CUTS);
        if at == Where::Resync {
            // A whole set that users write to is what a resync is owed.
            steps.push(Step::Return);
            steps.push(Step::Wait(250));
            steps.push(Step::Work(random.u64(20..60)));
            steps.push(cut(random, Where::Anywhere));
            steps.push(start(volume, Which::All));
            if random.u8(..4) == 0 {
                steps.push(Step::Work(random.u64(1..30)));
            }
        }
        steps.push(cut(random, at));
        match random.u8(..4) {
            0..2 => steps.push(Step::Clone(random.u8(..))),
            2 => steps.push(Step::Resize { pick: random.u8(..), grow: random.bool() }),
            _ => {}
        }
    }
    steps
}

fn event(random: &mut Rng) -> Step {
    let pick = random.u8(..);
    let row = random.u16(..);
    match drawn(random, &EVENTS) {
        Happens::Pull => {
            let cache = match random.u8(..4) {
                0 => Cache::Stays,
                1 => Cache::Lost,
                _ => Cache::Torn,
            };
            Step::Pull { pick, cache, late: random.bool(), back: random.bool() }
        }
        Happens::TakeSpare => Step::TakeSpare,
        Happens::TakeSpareAgain => Step::TakeSpareAgain,
        Happens::Return => Step::Return,
        Happens::Fail => Step::Fail(pick),
        Happens::Scrub => Step::Scrub { repair: false },
        Happens::Repair => Step::Scrub { repair: true },
        Happens::Pause => Step::Pause(pick),
        Happens::Resume => Step::Resume,
        Happens::Abort => Step::Abort(pick),
        Happens::Limits => Step::Limits(pick),
        Happens::Stop => Step::Stop,
        Happens::Hold => Step::Hold { pick, ios: random.u64(1..60), fail: random.u8(..4) > 0 },
        Happens::Lag => Step::Lag { pick, times: random.u8(..100) },
        Happens::FailFlush => Step::FailFlush(pick),
        Happens::Unreadable => Step::Unreadable { pick, row },
        Happens::Unwritable => Step::Unwritable { pick, row },
        Happens::Settle => Step::Settle,
        Happens::Sweep => Step::Sweep,
    }
}
