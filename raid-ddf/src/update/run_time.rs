// SPDX-License-Identifier: MIT OR Apache-2.0
//! The run-time state of one set: read from the metadata, and recorded in it.

use super::array_state::update_arrays;
use super::checkpoint::Checkpoint;
use super::rosters;
use super::set_note::{self, SetNote};
use super::spread::{edit_newest, spread};
use super::survey::{Live, RecordAt, Survey, next, set_of};
use crate::assemble::Assembly;
use crate::choice::choose;
use crate::disk::DdfDisk;
use crate::disk_bytes::{DiskBytes, Disks};
use crate::geometry::{Codes, Writer};
use crate::guid::Guid;
use crate::header::Section;
use crate::locate::AnchorSearch;
use crate::physical_disk_records::{PdState, PhysicalDiskEntry, PhysicalDiskRecords, is_reference};
use crate::roster::{Age, Roster};
use crate::vd_configuration::VdConfiguration;
use crate::virtual_disk_records::{VdCondition, VdFlags, VirtualDiskEntry};
use raid_core::array::{ArrayId, Geometry, Place};
use raid_core::metadata::{ChangeError, DiskBuffer, Operation, Progress, RuntimeState, Stamp};
use raid_core::units::{Blocks, Slot, SlotSet};

/// The run-time state of one set, as the newest copy says.
pub(crate) fn state(disks: &dyn Disks, array: ArrayId, set: u16) -> Option<RuntimeState> {
    let mut scratch = [0; 512];
    let assembly = Assembly::new(disks, &mut scratch, &mut |_| {});
    let volume = assembly.volume(&array.into())?;
    let claim = volume.set_record(set).filter(|_| set < volume.sets())?;
    let newest = volume.speaker();
    let [mut failed, mut rebuilding] = [SlotSet::EMPTY; 2];
    for slot in SlotSet::first(volume.slots()).iter() {
        let reference = claim.reference(slot);
        let state =
            reference.and_then(|reference| volume.state_of(reference)).unwrap_or(PdState::MISSING);
        if state.is_usable() {
        } else if state.contains(PdState::REBUILDING) && !state.is_gone() {
            rebuilding.insert(slot);
        } else {
            failed.insert(slot);
        }
    }
    let shared = volume.note();
    // Only disks that the newest update reached speak for it.
    let told = || {
        let claims = volume.set_claims(set).filter(|claim| volume.is_of_speaker(claim));
        claims.map(|claim| (claim.record, claim.disk.order(), claim.disk.sequence()))
    };
    let own = told()
        .find_map(|(record, order, sequence)| SetNote::of_record(record, order, sequence))
        .filter(|_| volume.sets() > 1);
    let note = own.map_or(shared, |own| own.within(shared));
    let operation = (!rebuilding.is_empty()).then_some(Operation::Rebuild { targets: rebuilding });
    let state = RuntimeState {
        clean: note.clean || volume.was_opened_in_vain(),
        failed,
        rebuilding,
        initialisation: note.initialisation,
        progress: operation.map(Progress::start),
    };
    let who = |slot| {
        let reference = claim.reference(slot)?;
        Some((reference, newest.entry_of(reference)?.pd_guid))
    };
    let kept =
        told().find_map(|(record, order, sequence)| Checkpoint::of_record(record, order, sequence));
    let kept = kept.filter(|kept| kept.is_of(&who)).map(|kept| kept.checkpoint);
    let kept = kept.filter(|kept| match kept.operation {
        Operation::Rebuild { targets } => targets == rebuilding,
        // What a parity set owes stays owed while a member is filled first.
        Operation::Resync | Operation::Initialise => true,
        _ => rebuilding.is_empty(),
    });
    Some(kept.map_or(state, |kept| RuntimeState {
        clean: kept.note.clean,
        initialisation: kept.note.initialisation,
        progress: Some(Progress { operation: kept.operation, mark: kept.mark }),
        ..state
    }))
}

impl PdState {
    /// Whether a disk has been given up.
    pub(crate) const fn is_gone(self) -> bool {
        self.intersects(Self::FAILED.union(Self::MISSING))
    }
}

/// Records the run-time state of one set; the position of its operation only if `checkpoints`.
pub(crate) fn set_state(
    disks: &mut [DiskBuffer<'_, '_>],
    (array, set): (ArrayId, u16),
    state: &RuntimeState,
    checkpoints: bool,
    stamp: Stamp,
) -> Result<(), ChangeError> {
    let live = Live(disks);
    let guid = Guid::from(array);
    let mut survey = Survey::of_array(&live, guid)?;
    let nowhere = |slot| ChangeError::NoSuchPlace(Place { set, slot });
    let at = survey.record(&live, guid, set).ok_or(nowhere(Slot(0)))?;
    let record = survey.at(&live, at).ok_or(nowhere(Slot(0)))?;
    let slots = SlotSet::first(record.primary_element_count.get(survey.order));
    let named = state.failed | state.rebuilding;
    if let Some(slot) = named.without(slots).lowest() {
        return Err(nowhere(slot));
    }
    let found = self::state(&live, array, set);
    let begun = rosters::begin(disks, &survey, guid)?;
    let volume = begun.volume;
    let speaks_last = survey.next_sequence == survey.copies.sequence().map(next);
    let alike = !survey.differs && volume.is_none_or(|volume| volume.alike);
    let last = volume.is_none_or(|volume| volume.speaks_last());
    if !alike && last && speaks_last && found == Some(*state) {
        // What an interrupted update left undone: the same update, not another one, so that no disk
        // falls two behind. Not a byte of what the disk says that speaks changes. A second copy that was
        // being written makes no disk fall behind: an update that counts mends it as well.
        if let Some(volume) = volume {
            rosters::share(disks, &survey, guid, &volume);
            rosters::write(disks, &survey, guid, &volume.roster);
            rosters::update_lists(disks, &survey);
            update_arrays(disks, &survey, guid, None, |_| {});
        }
        // Where only what a volume says for itself differs, an update of another volume has reached all since:
        // one that counts would be taken for the first of a start, and neither number nor stamp says so.
        survey.next_sequence = survey.copies.sequence();
        spread(disks, &survey, &begun, stamp);
        return Ok(());
    }
    let in_sync = slots.without(named);
    let mut roster = None;
    match volume {
        Some(volume) => {
            rosters::share(disks, &survey, guid, &volume);
            // A state that changes nothing is what a start records.
            let mut begins = (found == Some(*state)).then_some(Age::Opened);
            let mut next = volume.next();
            for slot in slots.iter() {
                let live = Live(disks);
                let record = survey.at(&live, at);
                let them = record.and_then(|own| survey.references(&live, own).nth(slot.index()));
                let Some(them) = them.filter(|them| is_reference(*them)) else { continue };
                let old = next.state_of(them).unwrap_or(PdState::ONLINE);
                let new = state_of_member(disks, them, old, wanted(state, slot));
                let heard = next.has_heard(them);
                next.set(them, new);
                if (heard || old.is_usable()) && new.is_gone() {
                    begins = Some(Age::Parted);
                }
                if !old.is_gone() && new.is_gone() && !new.contains(PdState::MISSING) {
                    rosters::fail(disks, &survey, guid, them, new);
                } else if old.is_gone() && new.is_filling() {
                    rosters::take_back(disks, &survey, guid, them);
                }
            }
            let is_at = |run| rosters::is_at_run(disks, &guid, run);
            let leaves = rosters::leaves_a_member(disks, &survey, &volume.roster);
            let lacks = rosters::leaves_a_member(disks, &survey, &next);
            next.go_on(begins, (stamp.random, volume.number()), (leaves, lacks), is_at);
            rosters::write(disks, &survey, guid, &next);
            rosters::update_lists(disks, &survey);
            rosters::update_entry(disks, &survey, guid, next.note);
            roster = Some(next);
        }
        None => {
            let speaks =
                |disks: &dyn Disks, disk, _: &VdConfiguration| survey.says_the_same(disks, disk);
            set_note::share(disks, &survey, guid, &speaks);
            for slot in slots.iter() {
                set_member(disks, &survey, (guid, set), at, slot, wanted(state, slot));
            }
        }
    }
    let checkpoint = if checkpoints { checkpoint(&Live(disks), &survey, at, state) } else { None };
    let note = SetNote { clean: state.clean, initialisation: state.initialisation };
    let note = checkpoint.map_or(note, |checkpoint| checkpoint.careful());
    set_note::keep(disks, &survey, guid, set, None);
    let all = set_note::record(disks, &survey, guid, set, note);
    if checkpoint.is_some() {
        set_note::keep(disks, &survey, guid, set, checkpoint);
    }
    if let Some(roster) = roster {
        rosters::write(disks, &survey, guid, &Roster { note: all, ..roster });
    }
    update_arrays(disks, &survey, guid, Some((set, in_sync)), |entry| all.store_in_entry(entry));
    spread(disks, &survey, &begun, stamp);
    Ok(())
}

/// The position of the operation, with the disk that it belongs to.
fn checkpoint(
    disks: &dyn Disks,
    survey: &Survey,
    at: RecordAt,
    state: &RuntimeState,
) -> Option<Checkpoint> {
    let record = survey.at(disks, at)?;
    Checkpoint::of_state(state, &|slot| {
        let reference = survey.references(disks, record).nth(slot.index())?;
        let entry = survey.physical_disks(disks)?.find(survey.order, reference)?;
        Some((reference, entry.pd_guid))
    })
}

/// What is to become of a member.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    InSync,
    Rebuilding,
    Failed,
}

/// A slot in both sets has failed: that is what is safe to believe.
fn wanted(state: &RuntimeState, slot: Slot) -> Wanted {
    if state.failed.contains(slot) {
        Wanted::Failed
    } else if state.rebuilding.contains(slot) {
        Wanted::Rebuilding
    } else {
        Wanted::InSync
    }
}

fn set_member(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    own: (Guid, u16),
    at: RecordAt,
    slot: Slot,
    wanted: Wanted,
) {
    let live = Live(disks);
    let order = survey.order;
    let reference =
        survey.at(&live, at).and_then(|record| survey.references(&live, record).nth(slot.index()));
    let Some(reference) = reference.filter(|reference| is_reference(*reference)) else { return };
    let Some(entry) = survey.physical_disks(&live).and_then(|all| all.find(order, reference))
    else {
        return;
    };
    let others = Others::on(&live, survey, own, reference);
    let old = entry.pd_state(order);
    let next = absent(disks, reference, old, next_state(old, wanted, others));
    edit_disk(disks, survey, reference, |entry| entry.set_pd_state(order, next));
}

/// What becomes of a member of an array that says for itself who is in sync. Its disk serves others too:
/// only a rebuild takes it back.
fn state_of_member(
    disks: &[DiskBuffer<'_, '_>],
    reference: u32,
    old: PdState,
    wanted: Wanted,
) -> PdState {
    absent(disks, reference, old, next_state(old, wanted, Others::Whole))
}

/// A disk that is not among those given was absent, and is not known to have failed.
fn absent(disks: &[DiskBuffer<'_, '_>], reference: u32, old: PdState, next: PdState) -> PdState {
    let absent = next.is_gone() && !old.is_gone() && !is_given(disks, reference);
    if absent { next | PdState::MISSING } else { next }
}

/// Whether the disk with this reference is among those given, live or not.
fn is_given(disks: &[DiskBuffer<'_, '_>], reference: u32) -> bool {
    let mut given = disks.iter().map(DiskBytes::of_buffer);
    given.any(|bytes| {
        let choice = choose(bytes, AnchorSearch::NONE, &mut |_| {});
        let disk = choice.and_then(|choice| DdfDisk::open(0, bytes, choice));
        disk.is_some_and(|disk| disk.reference() == Some(reference))
    })
}

impl PdState {
    /// Whether a disk is being filled for a volume.
    pub(crate) const fn is_filling(self) -> bool {
        self.contains(Self::ONLINE.union(Self::REBUILDING)) && !self.is_gone()
    }
}

/// Edits the newest entry of the disk with this reference.
pub(crate) fn edit_disk(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    reference: u32,
    edit: impl FnOnce(&mut PhysicalDiskEntry),
) {
    edit_newest(
        disks,
        survey,
        Section::PhysicalDiskRecords,
        |records: &mut PhysicalDiskRecords| {
            let mut used = records.entries.iter_mut().filter(|entry| !entry.pd_guid.is_unused());
            if let Some(entry) =
                used.find(|entry| entry.pd_reference.get(survey.order) == reference)
            {
                edit(entry);
            }
        },
    );
}

/// What else a disk serves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Others {
    Nothing,
    /// Sets that all have its data.
    Whole,
    /// A set that waits for it.
    Short,
}

impl Others {
    /// What the disk with `reference` serves besides set `own`.
    fn on(disks: &dyn Disks, survey: &Survey, own: (Guid, u16), reference: u32) -> Self {
        let mut others = Self::Nothing;
        let Some(arrays) = survey.virtual_disks(disks) else { return others };
        for (_, record) in survey.records(disks) {
            let listed = survey.references(disks, record).any(|element| element == reference);
            if !listed || (record.vd_guid, set_of(record)) == own {
                continue;
            }
            let entry = arrays.find(survey.order, &record.vd_guid);
            let waits = entry.is_some_and(|e| e.condition() != VdCondition::Optimal);
            if waits {
                return Self::Short;
            }
            others = Self::Whole;
        }
        others
    }
}

fn next_state(old: PdState, wanted: Wanted, others: Others) -> PdState {
    let trouble = PdState::FAILED | PdState::MISSING | PdState::TRANSITION;
    match wanted {
        Wanted::Failed => (old | PdState::FAILED).difference(PdState::REBUILDING),
        Wanted::Rebuilding => old.difference(trouble) | PdState::ONLINE | PdState::REBUILDING,
        Wanted::InSync if old.is_usable() => old,
        Wanted::InSync if others != Others::Nothing && old.is_gone() => old,
        Wanted::InSync if others == Others::Short => old,
        Wanted::InSync => old.difference(trouble | PdState::REBUILDING) | PdState::ONLINE,
    }
}

/// A record of array `guid`, and its geometry.
pub(crate) fn geometry<'d>(
    disks: &'d dyn Disks,
    survey: &Survey,
    guid: Guid,
) -> Option<(&'d VdConfiguration, Geometry)> {
    let (_, record) = survey.records(disks).find(|(_, record)| record.vd_guid == guid)?;
    let codes = Codes {
        record,
        order: survey.order,
        writer: Writer::of(&survey.guid),
        member_blocks: Blocks(record.block_count.get(survey.order)),
        equal_sets: true,
        block_size: survey.block_size,
    };
    Some((record, codes.geometry().ok()?))
}

impl SetNote {
    /// What the array's entry says of all its sets.
    pub(crate) const fn of_entry(entry: &VirtualDiskEntry) -> Self {
        Self {
            clean: !entry.vd_flags().contains(VdFlags::NOT_CONSISTENT),
            initialisation: entry.initialisation(),
        }
    }

    /// Stores it as the state of all sets.
    pub(crate) fn store_in_entry(self, entry: &mut VirtualDiskEntry) {
        let mut flags = entry.vd_flags();
        flags.set(VdFlags::NOT_CONSISTENT, !self.clean);
        entry.set_vd_flags(flags);
        entry.set_initialisation(self.initialisation);
    }
}
