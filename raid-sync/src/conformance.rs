// SPDX-License-Identifier: MIT OR Apache-2.0
//! A state of the real core and what surrounds it satisfies the invariant that is proven of the model.
//!
//! [`Scene`] is what surrounds the core, [`Abstract`] the state as the model counts it. What is on a medium may
//! be any of several versions until a flush: every conjunct speaks of one row of one medium, and compares it
//! only, so the oldest and the newest of them stand for all.

use crate::proven::{ALL, Abstract, OF_MEDIA, PARTS, ROWS, WindowState, broken, readable};
use crate::steps::{explain, explain_start};
use crate::sync_core::SyncCore;
use crate::world::scene::{Copy, Record, Scene};
use core::cell::{Cell, RefCell};
use raid_core::metadata::{Debtor, MemberKey, Operation};
use raid_core::units::{Row, Rows, Slot, SlotSet};
use std::format;
use std::string::String;
use std::vec::Vec;

std::thread_local! {
    static STEPS: Cell<bool> = const { Cell::new(true) };
    static INVARIANT: Cell<bool> = const { Cell::new(true) };
    static FORGOTTEN: Cell<Option<usize>> = const { Cell::new(None) };
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static SEEN: RefCell<[bool; PARTS.len()]> = const { RefCell::new([false; PARTS.len()]) };
}

/// Leaves a part of the abstraction of this thread out, or none.
pub(crate) fn forget(part: Option<usize>) {
    FORGOTTEN.set(part);
}

/// Leaves steps or the invariant unjudged in this thread.
pub(crate) fn judge(steps: bool, invariant: bool) {
    STEPS.set(steps);
    INVARIANT.set(invariant);
}

/// Runs this, and returns which parts of the abstraction were ever filled.
pub(crate) fn parts_seen(run: impl FnOnce()) -> [bool; PARTS.len()] {
    WATCHED.set(true);
    run();
    WATCHED.set(false);
    SEEN.replace([false; PARTS.len()])
}

/// What the model knows of the past, and the core need not: which rows count as owed as far as records and
/// caches may say.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    owed_on_disk: [bool; ROWS],
    owed_prepared: [bool; ROWS],
    /// Which rows each record calls owed, by its serial number.
    owed: Vec<(u32, [bool; ROWS])>,
}

impl History {
    /// The history of a state of the model that has these records.
    fn of(a: &Abstract, records: &[Record]) -> Self {
        let owed = records.iter().zip(&a.rec_owed).map(|(record, owed)| (record.serial, *owed));
        Self { owed_on_disk: a.owed_on_disk, owed_prepared: a.owed_prepared, owed: owed.collect() }
    }

    fn add_to(&self, a: &mut Abstract, records: &[Record]) {
        (a.owed_on_disk, a.owed_prepared) = (self.owed_on_disk, self.owed_prepared);
        for (record, owed) in records.iter().zip(&mut a.rec_owed) {
            if let Some((_, known)) = self.owed.iter().find(|(serial, _)| *serial == record.serial)
            {
                *owed = *known;
            }
        }
        if let Some(part) = FORGOTTEN.get() {
            a.forget(part);
        }
        if WATCHED.get() {
            SEEN.with_borrow_mut(|seen| {
                seen.iter_mut().zip(a.seen()).for_each(|(all, one)| *all |= one);
            });
        }
    }
}

/// A state, to be compared with the one after the next step.
#[derive(Debug)]
pub(crate) struct State {
    a: Abstract,
    /// Flushes that the core has commanded.
    flushes: u64,
    records: Vec<Record>,
}

/// Follows a core from state to state.
#[derive(Debug, Default)]
pub(crate) struct Follower {
    before: Option<State>,
}

impl Follower {
    /// Whether a step of the core is a sequence of the model's actions, and the state after it satisfies the
    /// invariant.
    pub(crate) fn see<const T: usize, const W: usize, const R: usize, const B: usize>(
        &mut self,
        core: &SyncCore<T, W, R, B>,
        scene: Scene,
    ) -> Result<(), String> {
        let before = self.before.take();
        let history = match (scene.start, &before) {
            (Some(_), before) => {
                let known = before.as_ref().map(|before| History::of(&before.a, &before.records));
                start(core, &scene, known)?
            }
            (None, Some(before)) => follow(before, core, &scene)?,
            (None, None) => None,
        };
        self.before = history.and_then(|history| state(core, &scene, &history));
        Ok(())
    }
}

/// Whether the model knows such states: a failed set promises nothing, and the model heals no bad ranges.
fn compares<const T: usize, const W: usize, const R: usize, const B: usize>(
    core: &SyncCore<T, W, R, B>,
) -> bool {
    let status = core.status();
    !status.set_failed && status.bad_ranges == 0
}

/// The state, to be compared with the one after a step.
pub(crate) fn state<const T: usize, const W: usize, const R: usize, const B: usize>(
    core: &SyncCore<T, W, R, B>,
    scene: &Scene,
    history: &History,
) -> Option<State> {
    let mut a = compares(core).then(|| abstraction(core, scene))?;
    history.add_to(&mut a, &scene.records);
    Some(State { a, flushes: core.flushes(), records: scene.records.clone() })
}

/// Whether the step from a state to this one is a sequence of the model's actions, and this one satisfies the
/// invariant; its history.
pub(crate) fn follow<const T: usize, const W: usize, const R: usize, const B: usize>(
    before: &State,
    core: &SyncCore<T, W, R, B>,
    scene: &Scene,
) -> Result<Option<History>, String> {
    if core.status().set_failed {
        let mut a = abstraction(core, scene);
        History::of(&before.a, &before.records).add_to(&mut a, &scene.records);
        has_failed(&a)?;
    }
    if !compares(core) {
        return Ok(None);
    }
    // Records that are nowhere any more keep their numbers.
    let known = |record: &&Record| scene.records.iter().all(|one| one.serial != record.serial);
    let gone: Vec<_> = before.records.iter().filter(known).cloned().collect();
    let mut a = abstraction(core, scene);
    let (to, records) = match gone.is_empty() {
        true => (a.clone(), &scene.records),
        false => {
            let mut all = Scene { records: gone, ..scene.clone() };
            all.records.extend_from_slice(&scene.records);
            all.records.sort_unstable_by_key(|record| record.serial);
            (abstraction(core, &all), &all.records.clone())
        }
    };
    let mut from = before.a.clone();
    let mut to = to;
    if !scene.flushes_known {
        let open = Abstract::default().flush_open;
        (from.flush_open, to.flush_open) = (open, open);
    }
    let flushes = core.flushes() != before.flushes;
    let history = match explain(&from, &to, (flushes, scene.flushes_known)) {
        Ok(end) => History::of(&end, records),
        Err(wrong) if STEPS.get() => return Err(wrong),
        Err(_) => History::of(&before.a, &before.records),
    };
    history.add_to(&mut a, &scene.records);
    conforms(core, scene, a)?;
    Ok(Some(history))
}

/// The same of a core that was just restored.
pub(crate) fn start<const T: usize, const W: usize, const R: usize, const B: usize>(
    core: &SyncCore<T, W, R, B>,
    scene: &Scene,
    history: Option<History>,
) -> Result<Option<History>, String> {
    let Some((found, present)) = scene.start.filter(|_| compares(core)) else { return Ok(None) };
    let place = scene.records.iter().position(|record| record.serial == found);
    let found = place.ok_or("a start from a record that no disk has")?;
    let mut a = abstraction(core, scene);
    history.unwrap_or_default().add_to(&mut a, &scene.records);
    let history = match explain_start(&a, found, |m| present.contains(Slot(m as u8))) {
        Ok(end) => History::of(&end, &scene.records),
        Err(wrong) if STEPS.get() => return Err(wrong),
        Err(_) => History::of(&a, &scene.records),
    };
    history.add_to(&mut a, &scene.records);
    conforms(core, scene, a)?;
    Ok(Some(history))
}

/// Whether a set that has failed says so. Nothing else is asked of it: it tidies nothing up.
fn has_failed(a: &Abstract) -> Result<(), String> {
    let wanted = ALL.iter().find(|(name, _)| *name == "p0_somebody_is_trusted");
    let (name, holds) = wanted.ok_or("the invariant has no p0")?;
    match !INVARIANT.get() || holds(a) {
        true => Ok(()),
        false => Err(format!("{name} does not hold: {:#?}", a.told())),
    }
}

/// Whether this state satisfies the invariant.
fn conforms<const T: usize, const W: usize, const R: usize, const B: usize>(
    core: &SyncCore<T, W, R, B>,
    scene: &Scene,
    mut a: Abstract,
) -> Result<(), String> {
    if !INVARIANT.get() {
        return Ok(());
    }
    let wrong = |name: &str, a: &Abstract| Err(format!("{name} does not hold: {:#?}", a.told()));
    if let Some(name) = broken(ALL, &a) {
        return wrong(name, &a);
    }
    for row in 0..a.rows {
        let plan = core.plan_read(Rows::new(row as u64, 1), SlotSet::EMPTY);
        let from = plan.map_or(SlotSet::EMPTY, |plan| plan.from);
        if let Some(slot) = from.iter().find(|slot| !readable(&a, slot.index(), row)) {
            return wrong(&format!("row {row} is read from slot {slot}: `readable`"), &a);
        }
    }
    let mut several = false;
    for (medium, disk) in a.medium.iter_mut().zip(&scene.disks) {
        for (row, cell) in medium.iter_mut().zip(&disk.cells) {
            several |= *row != cell.most;
            *row = cell.most;
        }
    }
    match broken(OF_MEDIA, &a).filter(|_| several) {
        Some(name) => wrong(name, &a),
        None => Ok(()),
    }
}

fn each(slots: SlotSet, members: &mut [bool]) {
    for (slot, member) in (0u8..).map(Slot).zip(members) {
        *member = slots.contains(slot);
    }
}

/// The state as the model counts it, the oldest versions on the media.
pub(crate) fn abstraction<const T: usize, const W: usize, const R: usize, const B: usize>(
    core: &SyncCore<T, W, R, B>,
    scene: &Scene,
) -> Abstract {
    let mut a = Abstract {
        relaxed: !scene.strict,
        members: scene.disks.len(),
        rows: scene.rows.len(),
        flushes: scene.flushes.len().min(2),
        records: scene.records.len(),
        ..Abstract::default()
    };
    core.abstraction(&mut a);
    for (member, disk) in scene.disks.iter().enumerate() {
        a.volatile[member] = scene.volatile;
        // The account of a disk says nothing of another one that sits in its slot unseen.
        let account = core.account(Slot(member as u8));
        if a.failed[member] && account.is_some_and(|account| account.id != MemberKey::new(disk.key))
        {
            for rows in [&mut a.held, &mut a.flushed, &mut a.durable, &mut a.prepared] {
                rows[member] = [false; ROWS];
            }
        }
        a.disk[member] = disk.key as i16;
        let place = scene.records.iter().position(|record| Some(record.serial) == disk.record);
        a.record[member] = place.map_or(-1, |place| place as i16);
        for (row, cell) in disk.cells.iter().enumerate() {
            (a.cached[member][row], a.medium[member][row]) = (cell.now, cell.least);
        }
    }
    records(&mut a, scene);
    for (row, promise) in scene.rows.iter().enumerate() {
        a.admitted[row] = promise.admitted;
        a.acked[row] = promise.acknowledged;
        a.promised[row] = promise.promised;
        a.unanswered[row] = promise.held.is_some();
        (a.completed[row], a.completed_fua[row]) =
            promise.held.unwrap_or((promise.acknowledged, false));
    }
    for write in &scene.writes {
        for (row, out) in &write.rows {
            (a.in_flight[*row], a.fua[*row]) = (true, write.durable);
            for member in 0..a.members {
                a.leg[member][*row] = out.contains(Slot(member as u8));
            }
        }
    }
    for (flush, of) in scene.flushes.iter().enumerate().take(2) {
        a.flush_open[flush] = true;
        each(of.due, &mut a.flush_due[flush]);
        for (row, version) in &of.versions {
            a.flush_upto[flush][*row] = *version;
        }
    }
    for row in 0..a.rows {
        a.agreed[row] = agreed(&a, row);
        a.buffer[row] = a.agreed[row];
    }
    scene.copies.iter().for_each(|copy| copies(&mut a, copy));
    if let Some(part) = FORGOTTEN.get() {
        a.forget(part);
    }
    a
}

/// The version that the copies of a row agree on.
fn agreed(a: &Abstract, row: usize) -> i16 {
    let trusted = |m: usize| !a.failed[m] && !a.filling[m] && !a.waiting[m];
    let landed = a.window[row] == WindowState::Landed;
    let filled = |m: usize| a.held[m][row] || (landed && a.issued[m][row]);
    let counts = |m: &usize| trusted(*m) || (a.filling[*m] && filled(*m));
    let before = (0..a.members).filter(counts).find(|m| a.leg[*m][row]);
    match before {
        _ if a.owed[row] => a.cached[a.speaker][row],
        Some(member) => a.cached[member][row],
        None if a.in_flight[row] => a.completed[row],
        None => a.cached[a.speaker][row],
    }
}

fn copies(a: &mut Abstract, copy: &Copy) {
    for (row, value, out) in &copy.rows {
        // What a scrub sees without the lock does not count.
        if a.window[*row] != WindowState::Active {
            continue;
        }
        for member in 0..a.members {
            let slot = Slot(member as u8);
            a.copying[member][*row] = copy.from.is_none() && out.contains(slot);
            a.source[member][*row] = copy.from.is_some_and(|from| from.contains(slot));
        }
        if copy.from.is_none() {
            a.window[*row] = WindowState::Copying;
            a.buffer[*row] = value.unwrap_or(a.agreed[*row]);
        }
    }
}

/// The records that a start may find, and which of them all hold whom it trusts.
fn records(a: &mut Abstract, scene: &Scene) {
    a.last = scene.records.len() as i16 - 1;
    for (place, record) in scene.records.iter().enumerate() {
        let Record { state, .. } = record;
        each(state.failed, &mut a.rec_failed[place]);
        each(state.failed | state.rebuilding, &mut a.rec_untrusted[place]);
        for (member, disk) in record.disks.iter().enumerate() {
            let of = |debtor: &&Debtor| debtor.slot.index() == member;
            let account = record
                .debtors
                .iter()
                .flatten()
                .find(of)
                .map(|debtor| debtor.id.map_or(0, MemberKey::get));
            a.rec_disk[place][member] = account.unwrap_or(*disk) as i16;
        }
        let equalises =
            matches!(state.operation(), Some(Operation::Resync | Operation::Initialise));
        let filled = match state.operation() {
            Some(Operation::Rebuild { targets }) => targets,
            _ => SlotSet::EMPTY,
        };
        for row in 0..a.rows {
            let region = a.region_of[row];
            let regions = record.regions.as_ref().and_then(|regions| regions.get(region));
            a.rec_dirty[place][region] = regions.map_or(!state.clean, |region| region.dirty());
            let owed = equalises && Row(row as u64) >= state.mark();
            a.rec_owed[place][row] = owed && (regions.is_none() || state.clean);
            for member in 0..a.members {
                let slot = Slot(member as u8);
                let named = (state.failed | state.rebuilding).contains(slot);
                let below = filled.contains(slot) && Row(row as u64) < state.mark();
                let is =
                    |debtor: &Option<_>| debtor.is_some_and(|debtor: Debtor| debtor.slot == slot);
                let bit = record.debtors.iter().position(is);
                let owes = |bit| regions.is_none_or(|region| region.debt() >> bit & 1 != 0);
                let account = bit.is_some_and(|bit| !owes(bit));
                a.rec_held[place][member][row] = named && (below || account);
            }
        }
        if record.serial == scene.confirmed {
            a.confirmed = place as i16;
        }
    }
}
