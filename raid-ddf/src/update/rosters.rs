// SPDX-License-Identifier: MIT OR Apache-2.0
//! The [rosters](crate::roster) of all volumes of a configuration in an update of one of them.
//!
//! | of | what an update does |
//! |---|---|
//! | the volume that is updated | one roster, a number later, on every disk that the update is written to |
//! | another volume | on each disk what that disk's copy said of it before, whatever that is |
//! | PD_State | the worst that the newest roster of any volume says of the disk |
//!
//! A disk whose copy has no roster of a volume yet gets one from its own lists, before these are
//! overwritten. So an update of one volume takes back nothing that a disk knows of another one, also
//! where the other one's disks ran apart, or where its last update did not reach all of them.

use super::array_state;
use super::run_time::edit_disk;
use super::set_note::{self, SetNote};
use super::spread::{edit_newest, edit_record, replace_record};
use super::survey::{Live, RecordAt, Survey, set_of};
use crate::assemble;
use crate::choice::choose;
use crate::disk::DdfDisk;
use crate::disk_bytes::{DiskBytes, Disks};
use crate::guid::Guid;
use crate::header::Section;
use crate::locate::AnchorSearch;
use crate::physical_disk_records::{PdState, is_reference};
use crate::roster::{self, Roster};
use crate::sequence::{compare_sequences, update_before};
use crate::vd_configuration::VdConfiguration;
use crate::virtual_disk_records::VirtualDiskRecords;
use raid_core::metadata::{ChangeError, DiskBuffer};

/// What is known of a volume before its update.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    /// The roster of the disk that speaks for it.
    pub(crate) roster: Roster,
    /// The highest number on any disk.
    highest: u32,
    /// Whether all disks say the same of it.
    pub(crate) alike: bool,
}

impl Found {
    /// Whether the disk that speaks has the highest number.
    pub(crate) const fn speaks_last(&self) -> bool {
        self.roster.number == self.highest
    }

    /// The roster that the update begins with.
    pub(crate) const fn next(&self) -> Roster {
        Roster { number: self.highest.wrapping_add(1), ..self.roster }
    }

    /// Number of the update that counts before this one.
    pub(crate) const fn number(&self) -> u32 {
        self.roster.number
    }
}

/// What stands for an update that has begun: nothing can be [spread](super::spread::spread) without it.
#[derive(Debug)]
pub(crate) struct Begun {
    /// What is known of the volume that is updated; `None` if there are no rosters, or it is of none.
    pub(crate) volume: Option<Found>,
}

/// Why an update is refused that a disk without rosters would forget by.
const FORGETFUL: &str = "its records say that another array ran without a disk that this update counts \
                         in, and there is no room to keep that; read this array, copy it elsewhere";

/// The roster that counts in a record on disk `disk`.
pub(crate) fn read(
    disks: &dyn Disks,
    survey: &Survey,
    disk: usize,
    record: &VdConfiguration,
) -> Option<Roster> {
    let of = |update| Roster::of_record(record, survey.order, update);
    of(survey.copies.sequence()).or_else(|| of(survey.number_of(disks, disk)))
}

/// Begins an update of volume `own`, or of none: every record on every disk says of its volume what the
/// disk's own copy says, in terms of the newest copy. A disk that missed updates is known by that alone as soon as
/// the lists of all disks are the same. So no update goes without it, also one that no volume knows of.
pub(crate) fn begin(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    own: Guid,
) -> Result<Begun, ChangeError> {
    let live = Live(disks);
    let Some(update) = survey.copies.sequence() else { return Ok(Begun { volume: None }) };
    if let Some(why) = obstacle(&live, survey) {
        return Err(why);
    }
    let speaker = assemble::speaker(&live, own);
    for disk in 0..disks.len() {
        for slot in 0..survey.slots(&Live(disks), disk) {
            let live = Live(disks);
            let Some(record) = survey.volume(&live, disk, slot) else { continue };
            let roster = has_room(record)
                .then(|| {
                    read(&live, survey, disk, record).or_else(|| made(&live, survey, disk, record))
                })
                .flatten();
            let space = set_note::in_terms_of_newest(&live, survey, disk, record);
            edit_record(disks, survey, disk, slot, |record| {
                if let Some(roster) = roster {
                    roster.store(record, survey.order, update);
                }
                if let Some(space) = space {
                    record.vendor_specific_scratch_space = space;
                }
            });
        }
    }
    replace_overruled(disks, survey, own);
    Ok(Begun { volume: found(&Live(disks), survey, own, speaker) })
}

/// Why no update can be written, if a disk is in the way.
pub(crate) fn obstacle(disks: &dyn Disks, survey: &Survey) -> Option<ChangeError> {
    let several =
        || survey.virtual_disks(disks).is_some_and(|all| all.used(survey.order).count() > 1);
    let needed = survey.copies.sequence().is_none() || several();
    let disk = forgetful(disks, survey).filter(|_| needed)?;
    Some(ChangeError::Disk { disk, what: FORGETFUL })
}

/// Whether a record has room for a roster, as far as that is known without one.
fn has_room(record: &VdConfiguration) -> bool {
    roster::is_ours(record)
}

/// The rosters of a volume, by disk.
pub(crate) fn of<'d>(
    disks: &'d dyn Disks,
    survey: &'d Survey,
    volume: Guid,
) -> impl Iterator<Item = (usize, Roster)> + use<'d> {
    let own = survey.records(disks).filter(move |(_, record)| record.vd_guid == volume);
    own.filter_map(move |(at, record)| Some((at.disk, read(disks, survey, at.disk, record)?)))
}

/// The newest roster of a volume.
pub(crate) fn newest(disks: &dyn Disks, survey: &Survey, volume: Guid) -> Option<Roster> {
    let key = |roster: &Roster| roster.accusations();
    of(disks, survey, volume).map(|(_, roster)| roster).reduce(|newest, roster| {
        let later = compare_sequences(roster.number, newest.number)
            .then_with(|| key(&roster).cmp(&key(&newest)));
        if later.is_gt() { roster } else { newest }
    })
}

/// Whether a record on disk `disk` is overruled by this roster of its volume, the newest: that is of a later update,
/// and the disk is out.
pub(crate) fn overruled(
    disks: &dyn Disks,
    survey: &Survey,
    disk: usize,
    record: &VdConfiguration,
    newest: &Roster,
) -> bool {
    let own = read(disks, survey, disk, record);
    let is_earlier = own.is_some_and(|own| compare_sequences(own.number, newest.number).is_lt());
    let state = survey.reference(disks, disk).and_then(|them| newest.state_of(them));
    is_earlier && state.is_some_and(PdState::is_gone)
}

/// Puts the record that counts in the place of those that are [`overruled`], before their disks get the roster that
/// overrules them: then nothing would tell them from it any more.
#[inline(never)]
fn replace_overruled(disks: &mut [DiskBuffer<'_, '_>], survey: &Survey, own: Guid) {
    let Some(newest) = newest(&Live(disks), survey, own) else { return };
    for disk in 0..disks.len() {
        for slot in 0..survey.slots(&Live(disks), disk) {
            let live = Live(disks);
            let Some(record) = survey.volume(&live, disk, slot) else { continue };
            if record.vd_guid != own || !overruled(&live, survey, disk, record, &newest) {
                continue;
            }
            let counts = survey.record(&live, own, set_of(record)).filter(|at| {
                let members = |record| survey.references(&live, record);
                let other = survey.at(&live, *at);
                other.is_some_and(|other| !members(other).eq(members(record)))
            });
            if let Some(counts) = counts {
                replace_record(disks, survey, counts, (disk, slot));
            }
        }
    }
}

fn found(
    disks: &dyn Disks,
    survey: &Survey,
    volume: Guid,
    speaker: Option<usize>,
) -> Option<Found> {
    let (_, first) = of(disks, survey, volume).next()?;
    let highest = newest(disks, survey, volume)?.number;
    let alike = of(disks, survey, volume).all(|(_, roster)| roster == first);
    let spoken = of(disks, survey, volume).find(|(disk, _)| Some(*disk) == speaker);
    Some(Found { roster: spoken.map_or(first, |(_, roster)| roster), highest, alike })
}

/// The roster that a disk's own lists give a volume; `None` if there is no room.
fn made(
    disks: &dyn Disks,
    survey: &Survey,
    disk: usize,
    record: &VdConfiguration,
) -> Option<Roster> {
    let (_, copies, structure) = survey.member(disks, disk)?;
    let order = survey.order;
    let listed = structure.virtual_disks()?.find(order, &record.vd_guid)?;
    let stored = copies.sequence()?;
    let number = if structure.is_open() { update_before(stored) } else { stored };
    let list = structure.physical_disks()?;
    let state = |reference| list.find(order, reference).map(|entry| entry.pd_state(order));
    // In one order, so that the disks of all sets begin with the same.
    let sets = (0..u16::from(record.secondary_element_count.max(1))).filter_map(|set| {
        if set == set_of(record) {
            return Some(record);
        }
        survey.at(disks, survey.record(disks, record.vd_guid, set)?)
    });
    let all = sets.flat_map(|record| survey.references(disks, record));
    let all = all.filter(|reference| is_reference(*reference));
    let gone = PdState::FAILED.union(PdState::MISSING);
    let members = all.map(|reference| (reference, state(reference).unwrap_or(gone)));
    Roster::founded(&record.vd_guid, number, SetNote::of_entry(listed), members)
}

/// Whether one of the disks given that the update is not written to stands at this run of a volume.
pub(crate) fn is_at_run(disks: &[DiskBuffer<'_, '_>], volume: &Guid, run: u32) -> bool {
    let away = disks.iter().filter(|disk| !disk.live).map(DiskBytes::of_buffer);
    away.into_iter().any(|bytes| {
        let choice = choose(bytes, AnchorSearch::NONE, &mut |_| {});
        let Some(disk) = choice.and_then(|choice| DdfDisk::open(0, bytes, choice)) else {
            return false;
        };
        let mut own = disk.volumes().filter(|record| record.vd_guid == *volume);
        own.any(|record| {
            let roster = Roster::of_record(record, disk.order(), disk.sequence());
            roster.is_some_and(|roster| roster.is_at(run))
        })
    })
}

/// Whether the update does not reach a member that a roster counts in, or fills: that before it, or its own.
pub(crate) fn leaves_a_member(
    disks: &[DiskBuffer<'_, '_>],
    survey: &Survey,
    roster: &Roster,
) -> bool {
    let live = Live(disks);
    let reached = |them| (0..disks.len()).any(|disk| survey.reference(&live, disk) == Some(them));
    roster.named().any(|(them, state)| !state.is_gone() && !reached(them))
}

/// A disk that is a member of a volume without a roster, and calls a disk out which the newest list
/// counts in: the update would take that back.
fn forgetful(disks: &dyn Disks, survey: &Survey) -> Option<usize> {
    let newest = survey.physical_disks(disks)?;
    (0..disks.count()).filter(|disk| *disk != survey.newest).find(|disk| {
        let Some((_, _, structure)) = survey.member(disks, *disk) else { return false };
        let Some(list) = structure.physical_disks() else { return false };
        let state =
            |reference| list.find(survey.order, reference).map(|e| e.pd_state(survey.order));
        structure.volumes().any(|record| {
            let kept = has_room(record)
                && (read(disks, survey, *disk, record).is_some()
                    || made(disks, survey, *disk, record).is_some());
            !kept
                && survey.references(disks, record).any(|them| {
                    let known = newest.find(survey.order, them);
                    state(them).is_some_and(PdState::is_gone)
                        && known.is_some_and(|entry| !entry.pd_state(survey.order).is_gone())
                })
        })
    })
}

/// Gives the notes of a volume's sets to the disks that its last update did not reach.
pub(crate) fn share(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    volume: Guid,
    found: &Found,
) {
    let speaks = |disks: &dyn Disks, disk: usize, record: &VdConfiguration| {
        read(disks, survey, disk, record) == Some(found.roster)
    };
    set_note::share(disks, survey, volume, &speaks);
}

/// Stores in the newest lists what a volume says of all its sets.
pub(crate) fn update_entry(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    volume: Guid,
    note: SetNote,
) {
    let section = Section::VirtualDiskRecords;
    edit_newest(disks, survey, section, |all: &mut VirtualDiskRecords| {
        for entry in all.entries.iter_mut().filter(|entry| entry.vd_guid == volume) {
            note.store_in_entry(entry);
        }
    });
}

/// A disk has failed: every volume but `own` that names it says so, but those that cannot run without
/// it. Such a one is not run meanwhile, and as good as it was when the disk comes back. It counts as no
/// update of theirs: they did not run.
pub(crate) fn fail(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    own: Guid,
    reference: u32,
    state: PdState,
) {
    change_others(disks, survey, own, |live, volume, roster| {
        let holds = roster.state_of(reference).is_some_and(|state| !state.is_gone());
        let fails = roster.names(reference)
            && holds
            && array_state::runs_without(live, survey, volume, reference);
        fails && roster.hear(reference, state)
    });
}

/// A disk that had failed is being filled for volume `own`: those that said with it that it failed have
/// to fill it as well, unless they have only heard so, and the disk has the record of their last update: it is as good
/// as it was. One that went on without the disk, or that the disk went on with, says what it said.
pub(crate) fn take_back(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    own: Guid,
    reference: u32,
) {
    let failed = PdState::ONLINE.union(PdState::FAILED);
    change_others(disks, survey, own, |live, volume, roster| {
        let of_disk = || {
            let all = of(live, survey, volume);
            all.filter(|(disk, _)| survey.reference(live, *disk) == Some(reference))
        };
        let stayed = of_disk().all(|(_, its)| {
            compare_sequences(its.number, roster.number).is_le() && !its.accuses(roster)
        });
        let has_all = roster.has_heard(reference)
            && of_disk().any(|(_, its)| {
                let counts_itself_in = its.state_of(reference).is_some_and(PdState::is_usable);
                counts_itself_in && its.number == roster.number && its.run == roster.run
            });
        let waits = roster.names(reference) && roster.state_of(reference) == Some(failed);
        let filled = if has_all { PdState::empty() } else { PdState::REBUILDING };
        (waits && stayed).then(|| roster.set(reference, PdState::ONLINE.union(filled))).is_some()
    });
}

/// Changes the rosters of all volumes but `own`, each on its own disk.
fn change_others(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    own: Guid,
    edit: impl Fn(&Live<'_, '_>, Guid, &mut Roster) -> bool,
) {
    let Some(update) = survey.copies.sequence() else { return };
    for disk in 0..disks.len() {
        for slot in 0..survey.slots(&Live(disks), disk) {
            let live = Live(disks);
            let Some(record) = survey.volume(&live, disk, slot) else { continue };
            let volume = record.vd_guid;
            let Some(mut roster) = read(&live, survey, disk, record).filter(|_| volume != own)
            else {
                continue;
            };
            if edit(&live, volume, &mut roster) {
                edit_record(disks, survey, disk, slot, |record| {
                    roster.store(record, survey.order, update);
                });
            }
        }
    }
}

/// Gives a volume this roster, on every disk.
pub(crate) fn write(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    volume: Guid,
    roster: &Roster,
) {
    let Some(update) = survey.copies.sequence() else { return };
    for disk in 0..disks.len() {
        for slot in 0..survey.slots(&Live(disks), disk) {
            let live = Live(disks);
            let record = survey.volume(&live, disk, slot);
            if record.is_some_and(|record| record.vd_guid == volume && has_room(record)) {
                edit_record(disks, survey, disk, slot, |record| {
                    roster.store(record, survey.order, update);
                });
            }
        }
    }
}

/// Whether a record on disk `disk` may be replaced by a newer one of its set: what the disk knows of the
/// volume would be lost otherwise.
pub(crate) fn agree(
    disks: &dyn Disks,
    survey: &Survey,
    disk: usize,
    record: &VdConfiguration,
    newer: RecordAt,
) -> bool {
    let other = survey.at(disks, newer).and_then(|other| read(disks, survey, newer.disk, other));
    let own = read(disks, survey, disk, record);
    own.is_none() || other.is_none() || own == other
}

/// Renews what counts in a record on disk `disk` for the update that is being made; what does not count
/// is taken away.
pub(crate) fn renewed(
    disks: &dyn Disks,
    survey: &Survey,
    disk: usize,
    record: &VdConfiguration,
) -> impl FnOnce(&mut VdConfiguration) + use<> {
    let ours = roster::is_ours(record) && record.v0 != [u8::MAX; 32];
    let counts = read(disks, survey, disk, record).zip(survey.next_sequence);
    let order = survey.order;
    move |record| match counts {
        Some((roster, update)) => roster.store(record, order, update),
        None if ours => roster::remove(record),
        None => {}
    }
}

/// Brings the lists of disks and of volumes up to date with the rosters.
pub(crate) fn update_lists(disks: &mut [DiskBuffer<'_, '_>], survey: &Survey) {
    let gone = PdState::FAILED.union(PdState::MISSING);
    let said = gone.union(PdState::REBUILDING).union(PdState::TRANSITION);
    let order = survey.order;
    each_roster(disks, survey, |disks, volume, roster| {
        update_entry(disks, survey, volume, roster.note);
        for (reference, _) in roster.named() {
            // What a volume without a roster says of its disks is what the list says.
            if !is_named_without(&Live(disks), survey, reference) {
                edit_disk(disks, survey, reference, |entry| {
                    let state = entry.pd_state(order).difference(said);
                    entry.set_pd_state(order, state | PdState::ONLINE);
                });
            }
        }
    });
    each_roster(disks, survey, |disks, _, roster| {
        for (reference, state) in roster.named() {
            edit_disk(disks, survey, reference, |entry| {
                let state = entry.pd_state(order) | (state & said);
                let filled =
                    if state.intersects(gone) { PdState::REBUILDING } else { PdState::empty() };
                entry.set_pd_state(order, state.difference(filled));
            });
        }
    });
}

/// Shows the newest roster of each volume.
fn each_roster(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    mut see: impl FnMut(&mut [DiskBuffer<'_, '_>], Guid, &Roster),
) {
    let count = survey.virtual_disks(&Live(disks)).map_or(0, |all| all.entries.len());
    for index in 0..count {
        let live = Live(disks);
        let listed = survey.virtual_disks(&live).and_then(|all| all.entries.get(index));
        let volume = listed.map(|listed| listed.vd_guid).filter(|volume| !volume.is_unused());
        let Some(volume) = volume else { continue };
        if let Some(roster) = newest(&live, survey, volume) {
            see(disks, volume, &roster);
        }
    }
}

/// Whether a volume without a roster names a disk.
fn is_named_without(disks: &dyn Disks, survey: &Survey, reference: u32) -> bool {
    survey.records(disks).any(|(at, record)| {
        survey.lists(disks, record)
            && read(disks, survey, at.disk, record).is_none()
            && survey.references(disks, record).any(|them| them == reference)
            && newest(disks, survey, record.vd_guid).is_none()
    })
}
