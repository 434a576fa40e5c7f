// SPDX-License-Identifier: MIT OR Apache-2.0
//! Members that fail, join, return, or cannot be written in places.
//!
//! | who comes to the slot | owes |
//! |---|---|
//! | the disk that left, with the generation in which it left | what its account says |
//! | the same disk, account lost or not kept | everything |
//! | the same disk, with an older generation | everything |
//! | the same disk, with a newer generation | refused: it was written without the others |
//! | a disk whose own record calls every member absent that holds the data | refused: it was written without the others |
//! | another disk | everything |

use super::SyncCore;
use crate::defect::Defect;
use crate::error::Refusal;
use crate::mark::Mark;
use crate::member::Redundancy;
use crate::operation::{Family, Finish, Running};
use crate::record::Stream;
use raid_core::array::Initialisation;
use raid_core::metadata::{Debtor, Generation, MemberKey, Operation, Seen};
use raid_core::units::{Row, Rows, Slot, SlotSet};

/// What a returning disk must be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Return {
    /// The regions that it missed: so many.
    Partial {
        /// Regions to copy.
        regions: u32,
    },
    /// All rows.
    Full,
}

impl<const TICKETS: usize, const WINDOWS: usize, const REGIONS: usize, const BAD: usize>
    SyncCore<TICKETS, WINDOWS, REGIONS, BAD>
{
    /// A member is gone. Nothing happens if it was gone before.
    pub fn member_failed(&mut self, slot: Slot) {
        if !self.members.live().contains(slot) {
            return;
        }
        self.outdate_reads();
        let was_filled = self.members.rebuilding().contains(slot);
        self.keep_account(slot, was_filled);
        self.members.fail(slot);
        self.tickets.age();
        self.news.needs_spare.insert(slot);
        if self.members.filling.is_empty() {
            self.rebuild = Mark::ZERO;
        }
        let holders = match self.has(Defect::CountFillingLegs) {
            true => self.members.trusted() | self.members.filling,
            false => self.members.trusted(),
        };
        if !self.members.suffice(holders) {
            if !self.set_failed {
                self.news.set_failed = true;
                self.set_failed = true;
                self.wake_everybody();
            }
            self.end(Finish::SourceFailed);
            return;
        }
        if !was_filled {
            self.news.degraded = true;
            let parity = matches!(self.members.redundancy, Redundancy::Parity(_));
            self.news.write_hole |= parity && self.owed.is_some() && !self.has_agreed();
        }
        self.agree_alone();
        let Some(running) = self.running else { return };
        match running.family() {
            Family::Rebuild if self.members.filling.is_empty() => self.end(Finish::TargetFailed),
            Family::Rebuild => {
                let operation = Operation::Rebuild { targets: self.members.filling };
                self.running = Some(Running { operation, ..running });
            }
            _ if !self.members.redundant() => self.end(Finish::SourceFailed),
            _ => {}
        }
    }

    /// No record will be written any more, so nobody may wait for one, nor for anything else: all ask
    /// again, and are refused.
    fn wake_everybody(&mut self) {
        self.records.release_all();
        self.windows.wake_all();
        self.tickets.wake_all();
        self.ticket_waiters.due();
    }

    /// What the leaving member has missed so far, and the generation in which it leaves.
    fn keep_account(&mut self, slot: Slot, was_filled: bool) {
        let left = self.generation;
        let since = self.generation_recorded;
        self.generation = self.generation.next(self.generation_bits());
        let wrapped = self.generation == Generation(0);
        if wrapped {
            // Numbers that return cannot tell old from new: whoever is away is filled in full.
            for absent in self.members.failed.iter() {
                self.close_account(absent);
            }
        }
        let id = self.name_of(slot);
        let known = self.debtors.bit(slot) != 0;
        let bit = match was_filled && !known {
            // It held nothing that an account could start from.
            true => 0,
            false => self.debtors.keep(Debtor { slot, id, since, left }),
        };
        let filled = match was_filled && self.members.filling.contains(slot) {
            true => self.rebuild.flushed,
            false => Row(0),
        };
        if !was_filled && bit != 0 {
            self.log.forgive(bit);
        }
        if bit != 0 {
            self.log.charge_leaver(bit, filled);
        }
        if wrapped {
            self.close_account(slot);
        }
    }

    /// Width of the generation counter; the core's own where no record holds one.
    pub(super) const fn generation_bits(&self) -> u8 {
        match self.capabilities.generation_bits {
            0 => 64,
            bits => bits,
        }
    }

    pub(super) fn close_account(&mut self, slot: Slot) {
        let bit = self.debtors.forget(slot);
        if bit != 0 {
            self.log.forgive(bit);
        }
    }

    /// From now on it owes everything.
    pub(super) fn owe_everything(&mut self, slot: Slot, id: Option<MemberKey>) {
        let (since, left) = (self.generation, self.generation);
        let bit = self.debtors.keep(Debtor { slot, id, since, left });
        if bit != 0 {
            self.log.charge_all(bit);
        }
    }

    fn name_of(&self, slot: Slot) -> Option<MemberKey> {
        self.names.get(slot.index()).copied().flatten()
    }

    pub(super) fn name(&mut self, slot: Slot, key: Option<MemberKey>) {
        if let Some(name) = self.names.get_mut(slot.index()) {
            *name = key;
        }
    }

    /// The last copy of a mirror agrees with itself, as soon as no copy that was commanded before may
    /// change it: until then its rows are owed, and count neither as clean nor as flushed. Beside a
    /// member that is being filled they stay owed: that one may hold some of them already.
    pub(super) fn agree_alone(&mut self) {
        let mirror = self.members.redundancy == Redundancy::Mirror;
        let alone = mirror && self.members.live().len() == 1;
        let Some(operation) = self.owed.filter(|_| alone && !self.windows.commanded()) else {
            return;
        };
        self.owed = None;
        self.back = None;
        self.log.forgive_all();
        if operation == Operation::Initialise {
            self.initialisation = Initialisation::Full;
        }
    }

    /// Another disk sits in the slot of a failed member. It holds nothing yet: a rebuild is owed.
    ///
    /// # Errors
    /// As [`can_join`](Self::can_join).
    pub fn member_joined(&mut self, slot: Slot) -> Result<(), Refusal> {
        self.seat(slot, None)
    }

    /// A disk with this identity sits in the slot of a failed member; `seen` is its own record. If it is
    /// the disk that left, it is owed only what it missed. `id` is `None` where nobody can tell which disk it is.
    ///
    /// # Errors
    /// As [`can_join`](Self::can_join); [`Refusal::Diverged`] if it was written without the
    /// others: by the same rule as at a start, see [`freshest`](raid_core::metadata::freshest).
    pub fn member_returned(
        &mut self,
        slot: Slot,
        id: Option<MemberKey>,
        seen: &Seen,
    ) -> Result<Return, Refusal> {
        self.can_join(slot)?;
        if seen.went_on_without(self.members.trusted()) {
            return Err(Refusal::Diverged(slot));
        }
        let seen = seen.generation;
        let bits = self.generation_bits();
        let account = self.debtors.get(slot).copied();
        let same = self.has(Defect::AnyIdentity)
            || (id.is_some() && account.is_some_and(|account| account.id == id));
        let Some(account) = account.filter(|_| same) else {
            self.seat(slot, id)?;
            return Ok(Return::Full);
        };
        if seen.is_newer_than(account.left, bits) {
            return Err(Refusal::Diverged(slot));
        }
        if account.since.is_newer_than(seen, bits) {
            self.seat(slot, id)?;
            return Ok(Return::Full);
        }
        self.join(slot);
        self.name(slot, id);
        Ok(Return::Partial { regions: self.log.debts(self.debtors.bit(slot)) })
    }

    fn join(&mut self, slot: Slot) {
        self.outdate_reads();
        self.members.join(slot);
        self.records.joined(slot);
        self.news.needs_spare.remove(slot);
    }

    fn seat(&mut self, slot: Slot, id: Option<MemberKey>) -> Result<(), Refusal> {
        self.can_join(slot)?;
        self.join(slot);
        self.bad.forget(slot);
        self.name(slot, id);
        self.owe_everything(slot, id);
        Ok(())
    }

    /// Whether a disk may take this slot now, so that the caller can ask before it seats anything:
    /// [`member_joined`](Self::member_joined) answers the same, and changes nothing if it refuses.
    ///
    /// # Errors
    /// [`Refusal::NoCopyLeft`] if the set has failed; [`Refusal::Member`] if there is no such slot;
    /// [`Refusal::Occupied`] while the member of this slot takes part or is being filled;
    /// [`Refusal::Busy`] while requests or commands that name the old disk are out, or its failure is not
    /// recorded yet: ask again after the next report.
    pub fn can_join(&self, slot: Slot) -> Result<(), Refusal> {
        if self.set_failed {
            return Err(self.too_few(self.members.trusted()));
        }
        if !self.members.all.contains(slot) {
            return Err(Refusal::Member(slot));
        }
        if !self.members.failed.contains(slot) {
            return Err(Refusal::Occupied(slot));
        }
        // Before a record says that the old disk failed, a restart would take the new one for it.
        let unnamed = !self.names_failures(&self.records.recorded);
        match unnamed
            || self.tickets.elders()
            || self.windows.commanded()
            || self.records_name(slot)
        {
            true => Err(Refusal::Busy),
            false => Ok(()),
        }
    }

    fn records_name(&self, slot: Slot) -> bool {
        let written = match &self.records.stream {
            Stream::Writing { to, .. } => *to,
            _ => SlotSet::EMPTY,
        };
        let flushed = self.records.flush_out.unwrap_or(SlotSet::EMPTY);
        (written | flushed).contains(slot)
    }

    /// Nothing on the member is to be taken as it is, e.g. after its medium was exchanged under it: it
    /// will be filled in full. For a member that waits to be filled.
    ///
    /// # Errors
    /// [`Refusal::Member`] if it does not wait.
    pub fn distrust(&mut self, slot: Slot) -> Result<(), Refusal> {
        if !self.members.waiting.contains(slot) {
            return Err(Refusal::Member(slot));
        }
        let id = self.name_of(slot);
        self.owe_everything(slot, id);
        Ok(())
    }

    /// These rows could not be written on this member, which otherwise works: to be told before the
    /// write is [`complete`](Self::complete). They go on the list of bad ranges, and the
    /// acknowledgement waits for the record of that; without room the member fails.
    ///
    /// Whether it stays.
    pub fn unwritable(&mut self, slot: Slot, rows: Rows) -> bool {
        if !self.members.live().contains(slot) {
            return false;
        }
        self.tickets.failing(rows);
        if self.note_bad(SlotSet::of(slot), rows) {
            return true;
        }
        self.member_failed(slot);
        false
    }

    /// These rows of this member were written without an error: to be told before the write is
    /// [`complete`](Self::complete), or the window [`copied`](Self::copied). They leave the list of bad
    /// ranges with the next record that raises trust.
    ///
    /// Nobody needs to report what a write of a mirror or the target of a rebuild has written. A write to a
    /// parity set writes some members of its rows, a resync the parity, a repair what was wrong: without
    /// a report none of these takes a row off the list.
    pub fn rewritten(&mut self, slot: Slot, rows: Rows) {
        if !self.bad.is_empty() && self.members.live().contains(slot) {
            self.bad.heal(SlotSet::of(slot), rows);
        }
    }

    /// Puts rows of these members on the list of bad ranges. Whether there was room for all.
    pub(super) fn note_bad(&mut self, slots: SlotSet, rows: Rows) -> bool {
        let before = self.bad.filling();
        let room = slots.iter().all(|slot| self.bad.add(slot, rows));
        self.outdate_reads();
        let now = self.bad.filling();
        if now > before {
            self.news.filling = Some(now);
        }
        if room {
            self.drop_raise();
        }
        room
    }
}
