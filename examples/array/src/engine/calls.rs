// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an operator may ask of a running array, and why it may be refused.
//!
//! A refused call changes nothing. What can only be known later (the disk cannot be read, the format
//! refuses the change once its turn has come, the set fails meanwhile) is reported as an event.

use super::{Engine, commit};
use raid_core::array::Place;
use raid_core::metadata::{ChangeError, DiskShape, RuntimeState, Stamp};
use raid_core::units::SlotSet;
use raid_sync::{Limits, Redundancy, Refusal, Status, Time};
use std::fmt;

/// Why a call was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError {
    /// The array has no such set.
    NoSuchSet {
        /// The number given.
        set: u16,
        /// Sets of the array.
        sets: u16,
    },
    /// A set of the array has no such slot.
    NoSuchSlot {
        /// The place given.
        place: Place,
        /// Slots of a set.
        slots: u16,
    },
    /// No such disk is present.
    NoSuchDisk {
        /// The number given.
        disk: usize,
        /// Disks that are known.
        disks: usize,
    },
    /// The place has a member that works or is being filled.
    NotFailed(Place),
    /// A disk is on its way into the place already.
    UnderWay(Place),
    /// The disk is on its way into a place, or into the configuration, already.
    Promised {
        /// Its number.
        disk: usize,
    },
    /// The disk sits in a place of this array.
    Member {
        /// Its number.
        disk: usize,
        /// Where it sits.
        place: Place,
    },
    /// The disk carries metadata that is in use.
    InUse {
        /// Its number.
        disk: usize,
    },
    /// The disk is no spare of this configuration.
    NotASpare {
        /// Its number.
        disk: usize,
    },
    /// No disk is known that could come back to the place.
    NoDisk(Place),
    /// The disk of the place cannot be read.
    Unread {
        /// The place.
        place: Place,
        /// Its disk.
        disk: usize,
    },
    /// The disk has blocks of another size than the array.
    BlockSize {
        /// Its number.
        disk: usize,
        /// Bytes of its blocks.
        found: u32,
        /// Bytes of the array's blocks.
        expected: u32,
    },
    /// The disk is too small for any member of the array.
    TooSmall {
        /// Its number.
        disk: usize,
        /// Bytes of the disk.
        size: u64,
        /// Bytes of them that the format leaves to a member.
        usable: u64,
        /// Bytes that a member takes.
        needed: u64,
    },
    /// Nobody stored the record that puts the disk in.
    NotStored {
        /// Its number.
        disk: usize,
    },
    /// The format refuses.
    Format(ChangeError),
    /// The sync engine refuses.
    Sync(Refusal),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchSet { set, sets } => {
                write!(f, "no set {set}: the array has {sets}, numbered from 0")
            }
            Self::NoSuchSlot { place, slots } => write!(
                f,
                "no slot {} in set {}: a set has {slots} slots, numbered from 0",
                place.slot, place.set
            ),
            Self::NoSuchDisk { disk, disks } => {
                write!(f, "no disk {disk}: {disks} are known, numbered from 0")
            }
            Self::NotFailed(Place { set, slot }) => write!(
                f,
                "the member of set {set}, slot {slot} has not failed; declare it failed first"
            ),
            Self::UnderWay(Place { set, slot }) => {
                write!(f, "a disk is on its way into set {set}, slot {slot} already")
            }
            Self::Promised { disk } => write!(f, "disk {disk} is on its way into a place already"),
            Self::Member { disk, place } => write!(
                f,
                "disk {disk} sits in set {}, slot {} of this array; if it failed there, let it return",
                place.set, place.slot
            ),
            Self::InUse { disk } => {
                write!(f, "disk {disk} carries metadata that is in use; a blank disk is needed")
            }
            Self::NotASpare { disk } => {
                write!(f, "disk {disk} is no spare of this configuration; add it as a spare first")
            }
            Self::NoDisk(Place { set, slot }) => write!(
                f,
                "no disk is known that could return to set {set}, slot {slot}; use a spare"
            ),
            Self::Unread { place, disk } => write!(
                f,
                "disk {disk} cannot return to set {}, slot {}: its metadata cannot be read",
                place.set, place.slot
            ),
            Self::BlockSize { disk, found, expected } => write!(
                f,
                "disk {disk} has blocks of {found} bytes, the array has blocks of {expected}"
            ),
            Self::TooSmall { disk, size, usable, needed } => write!(
                f,
                "disk {disk} is too small: of its {size} bytes the metadata leaves {usable}, a member takes \
                 {needed}; give a larger one"
            ),
            Self::NotStored { disk } => {
                write!(f, "disk {disk} was not put in: no disk stored the record of it")
            }
            Self::Format(why) => write!(f, "the metadata cannot hold this: {why}"),
            Self::Sync(why) => write!(f, "{why}"),
        }
    }
}

impl std::error::Error for CallError {}

impl From<Refusal> for CallError {
    fn from(why: Refusal) -> Self {
        Self::Sync(why)
    }
}

impl Engine {
    /// State of the sync engine of a set.
    ///
    /// # Errors
    /// [`CallError::NoSuchSet`].
    pub fn state_of_set(&self, set: u16) -> Result<Status, CallError> {
        let index = self.known_set(set)?;
        self.sets.get(index).map(|set| set.core.status()).ok_or_else(|| self.no_set(set))
    }

    fn no_set(&self, set: u16) -> CallError {
        CallError::NoSuchSet { set, sets: self.set_count() }
    }

    fn known_set(&self, set: u16) -> Result<usize, CallError> {
        if set < self.set_count() { Ok(usize::from(set)) } else { Err(self.no_set(set)) }
    }

    fn known_place(&self, place: Place) -> Result<usize, CallError> {
        let set = self.known_set(place.set)?;
        let slots = self.geometry.slots;
        match place.slot.index() < usize::from(slots) {
            true => Ok(set),
            false => Err(CallError::NoSuchSlot { place, slots }),
        }
    }

    fn known_disk(&self, disk: usize) -> Result<(), CallError> {
        let disks = self.store.disks.len();
        if disk < disks { Ok(()) } else { Err(CallError::NoSuchDisk { disk, disks }) }
    }

    /// Changes the limits of background work.
    pub fn set_limits(&mut self, limits: Limits) {
        self.sets.iter_mut().for_each(|set| set.core.set_limits(limits));
    }

    /// Runs a check or repair over a set.
    ///
    /// # Errors
    /// There is no such set, or the sync engine refuses.
    pub fn scrub(&mut self, now: Time, set: u16, repair: bool) -> Result<(), CallError> {
        use raid_core::metadata::Operation::{Check, Repair};
        let operation = if repair { Repair } else { Check };
        let index = self.known_set(set)?;
        self.sets[index].core.start(now, operation, raid_sync::AboveMark::Skip)?;
        self.run(now);
        Ok(())
    }

    /// Stops the operation under way in a set at a border between windows, until it is resumed.
    ///
    /// # Errors
    /// There is no such set, or nothing is running there.
    pub fn pause(&mut self, now: Time, set: u16) -> Result<(), CallError> {
        let index = self.known_set(set)?;
        self.sets[index].core.pause()?;
        self.run(now);
        Ok(())
    }

    /// Lets the paused operation of a set go on, or what ended at a row that no member gives: without this
    /// call that is tried again after a while.
    ///
    /// # Errors
    /// There is no such set, or nothing is paused there.
    pub fn resume(&mut self, now: Time, set: u16) -> Result<(), CallError> {
        let index = self.known_set(set)?;
        match self.sets[index].retry_at {
            Some(_) => self.start_owed(index),
            None => self.sets[index].core.resume(now)?,
        }
        self.run(now);
        Ok(())
    }

    /// Gives the operation under way in a set up. What the set is owed begins again where it was: pause
    /// it to have it wait.
    ///
    /// # Errors
    /// There is no such set, or there is no operation.
    pub fn abort(&mut self, now: Time, set: u16) -> Result<(), CallError> {
        let index = self.known_set(set)?;
        self.sets[index].core.abort()?;
        self.run(now);
        Ok(())
    }

    /// Whether a set fails if this member does: it holds the last copy of some data.
    ///
    /// # Errors
    /// There is no such place.
    pub fn is_last(&self, place: Place) -> Result<bool, CallError> {
        let set = &self.sets[self.known_place(place)?];
        if set.has_failed() || !set.live().contains(place.slot) {
            return Ok(false);
        }
        let left = set.in_sync().without(SlotSet::of(place.slot));
        Ok(match self.redundancy() {
            Redundancy::None => true,
            Redundancy::Mirror => left.is_empty(),
            Redundancy::Parity(strips) => {
                let lost = set.all().without(left).len();
                // One that is being filled gives nothing.
                lost > u16::from(strips) && set.in_sync().contains(place.slot)
            }
        })
    }

    /// Declares a member failed. Nothing happens if it has failed before.
    ///
    /// # Errors
    /// There is no such place.
    pub fn fail_member(&mut self, now: Time, place: Place) -> Result<(), CallError> {
        let set = self.known_place(place)?;
        self.tell_failure(place, super::FailureCause::Declared);
        self.member_failed(set, place.slot);
        self.run(now);
        Ok(())
    }

    /// Whether the disks say of every member of a set that is not in sync that it is not, or never will: the set has
    /// failed. Before that the next start may take a member that failed for one that holds all rows.
    #[must_use]
    pub fn is_loss_recorded(&self, set: u16) -> bool {
        let set = self.sets.get(usize::from(set));
        set.is_none_or(|set| set.has_failed() || set.losses_recorded())
    }

    /// Puts a spare disk into the place of a failed member and rebuilds it.
    ///
    /// # Errors
    /// The place has not failed, or a disk is on its way into it; the disk is no spare, or the format
    /// does not let it serve this place.
    pub fn take_spare(&mut self, now: Time, place: Place, disk: usize) -> Result<(), CallError> {
        let set = self.known_place(place)?;
        self.known_disk(disk)?;
        self.is_vacant(set, place)?;
        if let Some(place) = self.seat_of(disk) {
            return Err(CallError::Member { disk, place });
        }
        if self.commits.names_disk(disk) {
            return Err(CallError::Promised { disk });
        }
        self.may_serve(place, disk)?;
        self.commits.request_activation(place, disk);
        self.run(now);
        Ok(())
    }

    /// The disk of a failed member is back. If it is as it was left, only what it missed is copied.
    ///
    /// # Errors
    /// The place has not failed, or a disk is on its way into it; or no disk is known that left it.
    pub fn return_member(&mut self, now: Time, place: Place) -> Result<(), CallError> {
        let set = self.known_place(place)?;
        self.is_vacant(set, place)?;
        let disk = self.disk_at(place).ok_or(CallError::NoDisk(place))?;
        self.read_back(place, disk);
        self.run(now);
        Ok(())
    }

    /// Takes a blank disk into the configuration, as a spare.
    ///
    /// # Errors
    /// The disk is in use, or does not fit the array.
    pub fn insert_disk(
        &mut self,
        now: Time,
        disk: usize,
        shape: DiskShape,
    ) -> Result<(), CallError> {
        const MOST: usize = 4096;
        let disks = self.store.disks.len();
        if disk >= disks + MOST {
            return Err(CallError::NoSuchDisk { disk, disks });
        }
        if let Some(place) = self.seat_of(disk) {
            return Err(CallError::Member { disk, place });
        }
        if self.commits.names_disk(disk) {
            return Err(CallError::Promised { disk });
        }
        let known = self.store.disks.get(disk);
        let used = known.is_some_and(|known| known.live || known.foreign);
        let found = self.listing();
        if used || found.is_member(disk) || found.is_spare(disk) {
            return Err(CallError::InUse { disk });
        }
        let (found, expected) = (shape.block_size, self.block_size());
        if found != expected {
            return Err(CallError::BlockSize { disk, found, expected });
        }
        let block = u64::from(found);
        let admin = self.admin().map_err(CallError::Format)?;
        let usable = admin.usable(shape).0.saturating_mul(block);
        let needed = self.smallest_member().saturating_mul(block);
        if usable < needed {
            let size = shape.blocks.0.saturating_mul(block);
            return Err(CallError::TooSmall { disk, size, usable, needed });
        }
        self.commits.request_spare(disk, shape);
        self.run(now);
        Ok(())
    }

    /// Blocks of the smallest member of the array.
    fn smallest_member(&self) -> u64 {
        let found = self.listing();
        found.members_of(self.array).map(|own| own.len.0).min().unwrap_or(0)
    }

    /// Gives up a disk that has no part in the array: neither a member nor a spare, and written by no commit. It may
    /// be closed then, and taken in again as another disk. Nothing is written to it.
    ///
    /// # Errors
    /// It sits in a place or is on its way into one, or commits write it.
    pub fn give_up_disk(&mut self, disk: usize) -> Result<(), CallError> {
        self.known_disk(disk)?;
        if let Some(place) = self.seat_of(disk) {
            return Err(CallError::Member { disk, place });
        }
        if self.commits.names_disk(disk) || self.commits.writes(disk) {
            return Err(CallError::Promised { disk });
        }
        if self.store.disks[disk].live || self.listing().is_spare(disk) {
            return Err(CallError::InUse { disk });
        }
        self.forget_disk(disk);
        Ok(())
    }

    /// Gives a spare back: it leaves the configuration, and its metadata is erased. Once that is done
    /// [`is_given_back`](Self::is_given_back) says so.
    ///
    /// # Errors
    /// The disk is no spare, sits in a place or is on its way into one, or the format has no way.
    pub fn release_spare(&mut self, now: Time, disk: usize) -> Result<(), CallError> {
        // One that is on its way in is known by its number only.
        if self.commits.names_disk(disk) {
            return Err(CallError::Promised { disk });
        }
        self.known_disk(disk)?;
        if let Some(place) = self.seat_of(disk) {
            return Err(CallError::Member { disk, place });
        }
        let found = self.listing();
        let own = found.disk(disk).filter(|own| own.role.is_spare() && !found.is_member(disk));
        let id = own.map(|own| own.id);
        let id = id.ok_or(CallError::NotASpare { disk })?;
        // Tried on a copy: what is refused later is heard by nobody who asked.
        let admin = self.admin().map_err(CallError::Format)?;
        let mut trial = self.store.clone();
        trial.disks[disk].live = true;
        let stamp = Stamp { unix_seconds: 0, random: 0 };
        let tried = trial.edit(|disks| commit::release(admin, disks, (disk, id), stamp));
        tried.map_err(CallError::Format)?;
        self.commits.request_release(disk, id);
        self.run(now);
        Ok(())
    }

    /// Whether a disk has left the configuration, or was never in it.
    #[must_use]
    pub fn is_given_back(&self, disk: usize) -> bool {
        let known = self.store.disks.get(disk);
        known.is_none_or(|known| known.pieces.is_empty()) && !self.commits.names_disk(disk)
    }

    /// Whether a disk is on its way nowhere: neither into a place or the configuration, nor out of it.
    #[must_use]
    pub fn is_settled(&self, disk: usize) -> bool {
        !self.commits.names_disk(disk)
    }

    /// Asks for a clean stop: the clean record is written as soon as nothing is under way.
    pub fn quiesce(&mut self, now: Time) {
        self.sets.iter_mut().for_each(|set| set.core.quiesce());
        self.run(now);
    }

    /// Whether a disk is on its way into a place.
    #[must_use]
    pub fn is_awaited(&self, place: Place) -> bool {
        self.commits.names_place(place) || self.groups.any_of(|owner| owner.returns(place))
    }

    /// Whether a disk may be put into a place: its member has failed, and no other disk is on its way.
    fn is_vacant(&self, set: usize, place: Place) -> Result<(), CallError> {
        if self.is_awaited(place) {
            return Err(CallError::UnderWay(place));
        }
        match self.sets[set].core.can_join(place.slot) {
            // It can before long.
            Ok(()) | Err(Refusal::Busy) => Ok(()),
            Err(Refusal::Occupied(_)) => Err(CallError::NotFailed(place)),
            Err(why) => Err(why.into()),
        }
    }

    /// Where a disk sits in this array.
    pub(super) fn seat_of(&self, disk: usize) -> Option<Place> {
        self.seats_of(disk).first().copied()
    }

    /// Whether a disk can serve a place, as the format says. Tried on a copy of the metadata: the
    /// failure of the place may not be recorded yet.
    fn may_serve(&self, place: Place, disk: usize) -> Result<(), CallError> {
        let found = self.listing();
        if !found.is_spare(disk) && !found.is_member(disk) {
            return Err(CallError::NotASpare { disk });
        }
        let (format, array, set) = (self.format, self.array, place.set);
        let mut trial = self.store.clone();
        let stamp = Stamp { unix_seconds: 0, random: 0 };
        let failed = self.sets[usize::from(set)].core.status().failed;
        if let Some(state) = trial.view(|disks| format.state(disks, array, set)) {
            let rebuilding = state.rebuilding.without(failed);
            let state = RuntimeState { failed: state.failed | failed, rebuilding, ..state };
            // Refused here, it is refused when its turn comes, and then it is heard.
            if trial.edit(|disks| format.set_state(disks, array, set, &state, stamp)).is_err() {
                return Ok(());
            }
        }
        if let Some(spare) = trial.disks.get_mut(disk) {
            spare.live = true;
        }
        loop {
            let tried = trial.edit(|disks| format.activate(disks, array, place, disk, stamp));
            let Err(why) = tried else { return Ok(()) };
            // Another disk that refuses is left out of the commit, and fails alone.
            match why.refusing_disk().filter(|other| *other != disk) {
                Some(other) if trial.disks.get(other).is_some_and(|other| other.live) => {
                    trial.disks[other].live = false;
                }
                _ => return Err(CallError::Format(why)),
            }
        }
    }
}
