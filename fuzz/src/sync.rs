// SPDX-License-Identifier: MIT OR Apache-2.0
//! A core of raid-sync and an engine that obeys it, in an order that the input chooses.
//!
//! | after each call | has to hold |
//! |---|---|
//! | refused, or a report that does not fit | the core is what it was |
//! | granted | the rows are a part of those asked for, and no failed member is to be written or read |
//! | polled to its end | no record is for a failed member, one record at a time |
//! | work is left | a command or a request is out, or there is a deadline |
//! | the set failed and nothing is out | nobody waits |
//! | at the end, when all goes well | everybody was answered |

mod world;

use crate::input::Input;
use raid_core::array::Initialisation;
use raid_core::metadata::{
    Capabilities, Generation, MemberKey, Operation, Progress, RuntimeState, Seen,
};
use raid_core::units::{Row, Rows, Slot, SlotSet};
use raid_sync::{
    AboveMark, Access, Config, CopyResult, Found, Limits, Policy, Redundancy, Scope, Seated, Start,
    SyncCore, Time,
};
use world::World;

/// Small, so that every table is full at times.
type Core = SyncCore<4, 2, 8, 4>;

/// Calls of one input.
const CALLS: usize = 400;
/// Slots that a call may name: more than any set has.
const SLOTS: u64 = 8;

fn slots(input: &mut Input<'_>, of: u16) -> SlotSet {
    let bits = input.byte();
    (0..8).filter(|bit| bits >> bit & 1 == 1 && u16::from(*bit) < of).map(Slot).collect()
}

fn rows(input: &mut Input<'_>, of: u64) -> Rows {
    // A little past the end at times, and empty at times.
    let start = input.below(of + 2);
    Rows::new(start, input.below(12))
}

fn operation(input: &mut Input<'_>, members: u16) -> Operation {
    match input.byte() % 5 {
        0 => Operation::Rebuild { targets: slots(input, members) },
        1 => Operation::Resync,
        2 => Operation::Initialise,
        3 => Operation::Check,
        _ => Operation::Repair,
    }
}

/// No rate and no number of windows is 0, so that every operation has an end, and soon enough for
/// [`World::finish`]: a set that cannot be recorded clean is looked at once in each `clean_after_idle`.
fn limits(input: &mut Input<'_>) -> Limits {
    let (rates, sizes) = (input.byte(), input.byte());
    Limits {
        min_rate: 1 + u64::from(rates & 15) * 100,
        max_rate: if rates & 16 == 0 { u64::MAX } else { 50 + u64::from(rates >> 5) * 50 },
        windows: 1 + (sizes & 1),
        rows_per_window: u64::from(sizes >> 2 & 7),
        yield_for: if sizes & 32 == 0 { 0 } else { 20_000_000 },
        checkpoint_every: 1_000_000_000,
        checkpoint_rows: 1 + u64::from(sizes >> 6) * 8,
        clean_after_idle: 1_000_000,
    }
}

fn state(input: &mut Input<'_>, members: u16) -> RuntimeState {
    let flags = input.byte();
    let failed = slots(input, members);
    let operation = (flags & 8 == 0).then(|| operation(input, members));
    RuntimeState {
        clean: flags & 1 == 0,
        failed,
        rebuilding: slots(input, members).without(failed),
        initialisation: match flags >> 1 & 3 {
            0 => Initialisation::None,
            1 => Initialisation::Running,
            _ => Initialisation::Full,
        },
        progress: {
            let mark = Row(input.below(80));
            operation.map(|operation| Progress { operation, mark })
        },
    }
}

/// A set as a start finds it; `None` if the start is refused.
fn start(input: &mut Input<'_>) -> Option<(World<Core>, u16, u64)> {
    let members = u16::try_from(input.below(6) + 1).ok()?;
    let kinds = input.byte();
    let redundancy = match kinds & 3 {
        0 | 1 => Redundancy::Mirror,
        2 => Redundancy::Parity(1),
        _ => Redundancy::Parity(2),
    };
    let size = input.below(64) + 1;
    let config = Config {
        align: 1 + u64::from(kinds >> 2 & 3),
        absent: slots(input, members),
        volatile: slots(input, members),
        overlap: kinds & 16 == 0,
        strict: kinds & 32 == 0,
        repair: if kinds & 64 == 0 { Policy::Majority } else { Policy::First },
        limits: limits(input),
        ..Config::new(size, SlotSet::first(members), redundancy)
    };
    let can = input.byte();
    let capabilities = Capabilities {
        mark: can & 1 == 0,
        mark_after_unclean: can & 2 == 0,
        dirty: can & 4 == 0,
        failure: can & 8 == 0,
        bad_ranges: if can & 16 == 0 { 4 } else { 0 },
        generation_bits: if can & 32 == 0 { 32 } else { 2 },
    };
    let how = match input.byte() % 4 {
        0 => Start::Force,
        1 => Start::JournalReplayed,
        _ => Start::Normal,
    };
    let seated: Vec<Seated> = (0..members)
        .filter_map(|slot| u8::try_from(slot).ok())
        .map(|slot| Seated { slot: Slot(slot), key: key(slot) })
        .collect();
    let plain = Found::plain(state(input, members));
    let seated = if can & 64 == 0 { &seated[..] } else { &[] };
    let found = Found { seated, generation: Generation(input.below(4)), ..plain };
    let mut core = Core::EMPTY;
    match core.restore(config, &found, capabilities, how) {
        Ok(()) => Some((World::new(core, capabilities.failure), members, size)),
        Err(refusal) => {
            assert!(!refusal.to_string().is_empty());
            assert!(core.live().is_empty() && core.poll(Time(1)).is_none(), "it is empty still");
            None
        }
    }
}

/// Who the first disk of a slot is.
const fn key(slot: u8) -> Option<MemberKey> {
    MemberKey::new(1 + slot as u64)
}

/// Runs what the input says.
///
/// # Panics
/// If something does not hold.
pub fn calls_hold(input: &mut Input<'_>) {
    let Some((mut world, members, size)) = start(input) else { return };
    world.settle();
    for _ in 0..CALLS {
        if input.is_empty() {
            break;
        }
        call(input, &mut world, members, size);
        world.settle();
    }
    world.finish();
}

fn call(input: &mut Input<'_>, world: &mut World<Core>, members: u16, size: u64) {
    let now = world.now;
    let slot = |input: &mut Input<'_>| Slot(u8::try_from(input.below(SLOTS)).unwrap_or(0));
    match input.byte() % 20 {
        0 | 1 => world.ask(rows(input, size), Access::Write { durable: false }),
        2 => world.ask(rows(input, size), Access::Write { durable: true }),
        3 => world.ask(rows(input, size), Access::Reconstruct),
        4 | 5 => world.complete(input.byte(), slots(input, members)),
        6 | 7 => {
            let (which, kind, rows) = (input.byte(), input.byte(), input.below(9));
            world.copied(which, |asked| match kind & 3 {
                0 | 1 => CopyResult::good(asked),
                2 => CopyResult {
                    good: rows.min(asked.saturating_sub(1)),
                    unreadable: u64::from(kind >> 2 & 3),
                    ..CopyResult::default()
                },
                _ => CopyResult {
                    write_failed: SlotSet::of(Slot(kind >> 2 & 7)),
                    mismatched: u64::from(kind >> 5),
                    ..CopyResult::good(asked)
                },
            });
        }
        8 => world.flushed(slots(input, members)),
        9 => world.persisted(slots(input, members)),
        10 => {
            let slot = slot(input);
            world.core.member_failed(slot);
        }
        11 => {
            let slot = slot(input);
            world.refusable(|core| core.member_joined(slot));
        }
        12 => {
            let (slot, seen) = (slot(input), Generation(input.below(6)));
            world.refusable(|core| {
                core.member_returned(slot, key(slot.0), &Seen::plain(slot, seen)).map(|_| ())
            });
        }
        13 => {
            let above =
                if input.byte() & 1 == 0 { AboveMark::Skip } else { AboveMark::WriteThrough };
            let Some(owed) = world.core.owed() else { return };
            world.refusable(|core| core.start(now, owed, above));
        }
        14 => {
            let scope = match input.byte() % 3 {
                0 => Scope::Owed,
                1 => Scope::All,
                _ => Scope::Unwritten,
            };
            let operation = operation(input, members);
            world.refusable(|core| core.start_over(now, operation, scope, AboveMark::Skip));
        }
        15 => match input.byte() % 4 {
            0 => world.refusable(SyncCore::pause),
            1 => world.refusable(|core| core.resume(now)),
            2 => world.refusable(SyncCore::abort),
            _ => world.core.quiesce(),
        },
        16 => {
            let (shift, back) = (input.byte(), input.byte());
            world.pass(1 << (shift % 40), back & 3 == 0);
        }
        17 => match input.byte() & 1 {
            0 => world.core.set_limits(limits(input)),
            _ => {
                let rows = rows(input, size);
                world.refusable(|core| core.set_range(rows));
            }
        },
        18 => {
            let (slot, rows) = (slot(input), rows(input, size));
            let what = input.byte();
            match what % 3 {
                0 if rows.len > 0 && rows.end().0 <= size => {
                    world.core.unwritable(slot, rows);
                }
                1 if what >= 0x80 => world.core.rewritten(slot, rows),
                1 => world.refusable(|core| core.owe_rows(rows)),
                _ => world.refusable(|core| core.distrust(slot)),
            }
        }
        _ => world.read(rows(input, size), slots(input, members)),
    }
}
