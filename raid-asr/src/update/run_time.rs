// SPDX-License-Identifier: MIT OR Apache-2.0
//! The run-time state of one set: read from the newest copy of the table, and recorded in it.
//!
//! `dirty` is one mark for the whole table. In an array of several sets flag 0x80 of a set's line,
//! "table needs an update", says which of them are open: their table does need one, to say clean.
//! Readers that do not know this see an open array, which is true as well.

use super::spread::spread;
use super::survey::{SetLines, Survey, raidmagic_of};
use crate::assemble::members_of;
use crate::assemble::newest::Newest;
use crate::set_line::{self, Health, initialisation, joined, mark, operation, store_joined};
use crate::{
    ConfigurationLine, DiskLineState, LineFlags, MemberOrder, OpenMark, RaidType, Tree, TreeLevel,
    Worth,
};
use raid_core::array::{ArrayId, Initialisation, Place};
use raid_core::metadata::{
    ChangeError, DiskBuffer, Disks, LiveDisks, Operation, Progress, RuntimeState, Stamp,
};
use raid_core::units::{Row, Slot, SlotSet};

/// The run-time state of one set, as the newest copy says.
pub(crate) fn state(
    disks: &dyn Disks,
    array: ArrayId,
    set: u16,
    order: MemberOrder,
) -> Option<RuntimeState> {
    let newest = Newest::choose(disks, raidmagic_of(array)?)?;
    let tree = newest.member.tree;
    let found = order.sets(&tree).nth(set.into())?;
    let [mut failed, mut rebuilding, mut filling] = [SlotSet::EMPTY; 3];
    for (slot, (_, line)) in (0u8..).map(Slot).zip(order.disks(found)) {
        match line.disk_state().worth() {
            Worth::Holds => {}
            Worth::BeingFilled => {
                rebuilding.insert(slot);
                if is_filling(line.disk_state()) {
                    filling.insert(slot);
                }
            }
            Worth::Nothing => failed.insert(slot),
        }
    }
    let line = found.line();
    // Firmware may name the target and leave its state at "replaced".
    let says = line.array_state() == crate::ArrayLineState::Rebuilding;
    let targets = if says && filling.is_empty() { rebuilding } else { filling };
    let operation = operation(line, targets);
    let clean = is_clean(disks, &newest, &tree, line);
    Some(RuntimeState {
        clean,
        failed,
        rebuilding,
        initialisation: established(&tree, line),
        progress: operation.map(|operation| Progress {
            operation,
            mark: if clean { mark(line, Some(operation)) } else { Row(0) },
        }),
    })
}

/// How far a set's redundancy was established. A top line that alone says less is believed.
fn established(tree: &Tree<'_>, line: &ConfigurationLine) -> Initialisation {
    let told_below = tree.sets().any(|set| initialisation(set.line()) != Initialisation::Full);
    if told_below { initialisation(line) } else { initialisation(tree.top()) }
}

/// Whether a disk is being filled at this time, and does not wait for it.
const fn is_filling(state: DiskLineState) -> bool {
    matches!(state, DiskLineState::Building | DiskLineState::Rebuilding | DiskLineState::FirstBuild)
}

fn is_clean(
    disks: &dyn Disks,
    newest: &Newest<'_>,
    tree: &Tree<'_>,
    line: &ConfigurationLine,
) -> bool {
    let mut known = true;
    let mut open = false;
    for member in members_of(disks, newest.member.array()) {
        if newest.is_current(&member) {
            match member.table.header().open_mark() {
                OpenMark::Clean => {}
                OpenMark::Dirty => open = true,
                OpenMark::Other(_) => known = false,
            }
        }
    }
    if known && open && several(tree) && tree.sets().any(|set| is_open(set.line())) {
        return !is_open(line);
    }
    known && !open
}

/// Whether the array has sets that become clean one by one.
fn several(tree: &Tree<'_>) -> bool {
    tree.top().level() == TreeLevel::Fwl2 && tree.sets().nth(1).is_some()
}

fn is_open(line: &ConfigurationLine) -> bool {
    line.line_flags().contains(LineFlags::NEEDS_UPDATE)
}

/// Records the run-time state of one set.
pub(crate) fn set_state(
    disks: &mut [DiskBuffer<'_, '_>],
    array: ArrayId,
    set: u16,
    state: &RuntimeState,
    order: MemberOrder,
    stamp: Stamp,
) -> Result<(), ChangeError> {
    let survey = Survey::ordered(disks, array, order)?;
    let nowhere = |slot| ChangeError::NoSuchPlace(Place { set, slot });
    let lines = survey.set(&LiveDisks(disks), set).ok_or(nowhere(Slot(0)))?;
    let slots = SlotSet::first(lines.count());
    if let Some(slot) = (state.failed | state.rebuilding).without(slots).lowest() {
        return Err(nowhere(slot));
    }
    let open = open_sets(disks, &survey, &array, order);
    let line = survey.line(disks, lines.line).ok_or(nowhere(Slot(0)))?;
    let redundant = line.raid_type() == RaidType::Raid1 && lines.count() > 1;
    let health = Health { redundant, slots };
    let told = health.tells_operation(state);
    let mut changed = false;
    for (slot, index) in (0u8..).map(Slot).zip(lines.slots()) {
        changed |= survey.edit_line(disks, index, |line| {
            line.raidstate = next_state(line.disk_state(), state, slot, told).raw();
        });
    }
    changed |= survey.edit_line(disks, lines.line, |line| health.store(state, line));
    changed |= join(disks, &survey);
    changed |= store_open(disks, &survey, &lines, state.clean, open);
    // What is promised after a record counts on its generation, also where it says the same as the one
    // before: else an older copy of a disk would pass for one that an interrupted update did not reach.
    // What an interrupted update left undone is the same update.
    changed |= survey.is_on_all(&LiveDisks(disks));
    spread(disks, &survey, changed, stamp);
    Ok(())
}

/// The state of a disk line. One that says the same already stays as it is.
fn next_state(old: DiskLineState, state: &RuntimeState, slot: Slot, told: bool) -> DiskLineState {
    let filled = match state.operation() {
        Some(Operation::Rebuild { targets }) => targets.contains(slot),
        // Beside an operation that the array line tells, the disk's is not asked which of the two it is.
        _ => told && is_filling(old),
    };
    // A slot in both sets has failed: that is what is safe to believe.
    if state.failed.contains(slot) {
        match old.worth() {
            Worth::Nothing => old,
            _ => DiskLineState::Failed { sub: 0 },
        }
    } else if state.rebuilding.contains(slot) {
        match old.worth() {
            Worth::BeingFilled if is_filling(old) == filled => old,
            _ if filled => DiskLineState::Rebuilding,
            _ => DiskLineState::Replaced,
        }
    } else {
        match old.worth() {
            Worth::Holds => old,
            _ => DiskLineState::Optimal,
        }
    }
}

/// Which sets are open, by table order of their lines: bit n for the n-th.
fn open_sets(
    disks: &[DiskBuffer<'_, '_>],
    survey: &Survey,
    array: &ArrayId,
    order: MemberOrder,
) -> SlotSet {
    let live = LiveDisks(disks);
    let mut open = SlotSet::EMPTY;
    for set in 0..survey.sets {
        let clean = state(&live, *array, set, order).is_some_and(|state| state.clean);
        if let (false, Ok(set)) = (clean, u8::try_from(set)) {
            open.insert(Slot(set));
        }
    }
    open
}

/// Joins the states of the sets in the top line of an array of arrays.
pub(crate) fn join(disks: &mut [DiskBuffer<'_, '_>], survey: &Survey) -> bool {
    let live = LiveDisks(disks);
    let Some(member) = survey.member(&live) else { return false };
    let tree = member.tree;
    if tree.top().level() != TreeLevel::Fwl2 {
        return false;
    }
    let mirrored = tree.top().raid_type() == RaidType::Raid1;
    let state = joined(tree.sets().map(|set| set.line().array_state()), mirrored);
    let unfinished = |line: &ConfigurationLine| {
        line.array_state() == crate::ArrayLineState::Building
            && set_line::initialisation(line) != Initialisation::Full
    };
    let built = !tree.sets().any(|set| unfinished(set.line()));
    let Some(state) = state else { return false };
    survey.edit_line(disks, survey.top, |top| store_joined(top, state, built))
}

/// Records which sets are open.
fn store_open(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    own: &SetLines,
    clean: bool,
    before: SlotSet,
) -> bool {
    let mut changed = false;
    let mut any = !clean;
    if survey.sets > 1 {
        for set in 0..survey.sets {
            let Some(lines) = survey.set(&LiveDisks(disks), set) else { continue };
            let was = u8::try_from(set).is_ok_and(|set| before.contains(Slot(set)));
            let open = if lines.line == own.line { !clean } else { was };
            any |= open;
            changed |= survey.edit_line(disks, lines.line, |line| {
                let flag = LineFlags::NEEDS_UPDATE.bits();
                line.flags = if open { line.flags | flag } else { line.flags & !flag };
            });
        }
    }
    let dirty = if any { OpenMark::Dirty } else { OpenMark::Clean };
    let edited = survey.edit_table(disks, |table| {
        let same = (table.header.open_mark() == OpenMark::Clean) == (dirty == OpenMark::Clean);
        if !same {
            table.header.dirty = dirty.raw();
        }
        !same
    });
    changed | edited.unwrap_or(false)
}
