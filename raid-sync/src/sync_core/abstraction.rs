// SPDX-License-Identifier: MIT OR Apache-2.0
//! The core as the proven model sees it: `docs/proof.md`.

use super::SyncCore;
use crate::operation::{Family, Phase, Running};
use crate::proven::{self, Abstract, StreamState, WindowState};
use crate::record::{Raise, Stream};
use crate::window::State;
use raid_core::metadata::{Operation, RuntimeState};
use raid_core::units::{Row, Slot, SlotSet};

/// A cursor, or what stands for one in a prepared record.
type Below<'a> = &'a dyn Fn(Slot, Row) -> bool;

impl<const TICKETS: usize, const WINDOWS: usize, const REGIONS: usize, const BAD: usize>
    SyncCore<TICKETS, WINDOWS, REGIONS, BAD>
{
    /// How many flushes of its own the core has commanded.
    pub(crate) fn flushes(&self) -> u64 {
        self.records.flushes()
    }

    /// The part of the model's state that the core holds.
    pub(crate) fn abstraction(&self, a: &mut Abstract) {
        a.set_failed = self.set_failed;
        a.speaker = self.members.trusted().lowest().map_or(0, Slot::index);
        self.abstract_operation(a);
        self.abstract_stream(a);
        a.regions = if self.log.by_region { self.log.grain.count } else { 1 };
        for row in 0..a.rows {
            self.abstract_row(a, row);
        }
        let named = self.records.recorded.failed | self.records.recorded.rebuilding;
        for member in 0..a.members {
            let slot = Slot(member as u8);
            a.failed[member] = self.members.failed.contains(slot);
            a.filling[member] = self.members.filling.contains(slot);
            a.waiting[member] = self.members.waiting.contains(slot);
            a.named[member] = named.contains(slot);
        }
    }

    fn abstract_operation(&self, a: &mut Abstract) {
        // A pause that finds nothing open is one already.
        let still = |running: Running| {
            let mark = self.mark_of(running.family());
            self.windows.used() == 0 && mark.issued == mark.done
        };
        a.preparing = self.running.is_some_and(|running| match running.phase {
            Phase::Preparing | Phase::Paused => true,
            Phase::Pausing => still(running),
            _ => false,
        });
        a.operation = match self.running.map(|running| running.family()) {
            None => proven::Operation::Nothing,
            Some(Family::Rebuild) => proven::Operation::Rebuild,
            Some(Family::Equalise) => proven::Operation::Resync,
            Some(Family::Scrub) => proven::Operation::Scrub,
        };
    }

    fn abstract_stream(&self, a: &mut Abstract) {
        let none = SlotSet::EMPTY;
        let (to, out) = match &self.records.stream {
            Stream::Writing { to, .. } => (*to, none),
            Stream::Flushing(_) => (none, self.records.flush_out.unwrap_or(none)),
            _ => (none, none),
        };
        a.stream = match &self.records.stream {
            Stream::Idle => StreamState::Idle,
            Stream::Flushing(_) | Stream::Flushed(_) => StreamState::Flushing,
            Stream::Writing { raise: None, .. } => StreamState::Lowering,
            Stream::Writing { .. } => StreamState::Raising,
        };
        for member in 0..a.members {
            a.addressed[member] = to.contains(Slot(member as u8));
            a.flush_leg[member] = out.contains(Slot(member as u8));
        }
        let ends = |raise: Raise| {
            let filling = self.members.filling;
            raise.finish && !filling.is_empty() && !raise.image.rebuilding.intersects(filling)
        };
        a.finish = self.prepared().is_some_and(ends);
        a.finishing = a.finish
            && self.running.is_some_and(|running| {
                running.phase == Phase::Finishing && running.family() == Family::Rebuild
            });
        // What is said of the members, against what is to be said.
        let differs = |said: &RuntimeState, trusts_filled: bool| {
            let filling = if trusts_filled { none } else { self.members.filling };
            said.failed != self.members.failed
                || said.rebuilding != (self.members.waiting | filling)
        };
        let now = self.lower_image().operation();
        let other = |said: &RuntimeState| self.capabilities.mark && said.operation() != now;
        // A record that ends an operation does not name it any more.
        let ends = |raise: &Option<Raise>| {
            let finishing = self.running.is_some_and(|running| running.phase == Phase::Finishing);
            finishing && raise.is_some_and(|raise| raise.finish)
        };
        a.lowered = match &self.records.stream {
            Stream::Writing { image, raise, .. } => {
                differs(image, a.finish) || (!ends(raise) && other(image))
            }
            _ => differs(&self.records.recorded, false) || other(&self.records.recorded),
        };
    }

    fn prepared(&self) -> Option<Raise> {
        match self.records.stream {
            Stream::Flushing(raise) | Stream::Flushed(raise) => Some(raise),
            Stream::Writing { raise, .. } => raise,
            Stream::Idle => None,
        }
    }

    fn abstract_row(&self, a: &mut Abstract, index: usize) {
        let row = Row(index as u64);
        let by_region = self.log.by_region;
        let region = if by_region { self.log.grain.of(row.0) } else { 0 };
        a.region_of[index] = region;
        a.region[region] = self.log.recorded_state(region);
        a.window[index] = match self.windows.state_at(row) {
            State::Free | State::Looking => WindowState::Free,
            State::Closing { .. } => WindowState::Closing,
            State::Active | State::Recording { .. } => WindowState::Active,
            // What a scrub has seen keeps nobody out.
            State::Landed if a.operation == proven::Operation::Scrub => WindowState::Free,
            State::Landed => WindowState::Landed,
        };
        // A single copy agrees with itself, once no copy that was commanded may change it any more.
        let resyncs = a.operation == proven::Operation::Resync;
        let copies = resyncs || a.operation == proven::Operation::Scrub;
        let many = self.members.trusted().len() > 1 || (copies && self.windows.commanded());
        let disagrees = self.log.disagrees(row);
        let open = self.owed.is_some() || self.log.may_disagree();
        // A row that a resync has copied agrees, though its position stands before it.
        let copied = resyncs && a.window[index] == WindowState::Landed;
        a.owed[index] = open && many && row >= self.agreed_below() && disagrees && !copied;
        a.settled[index] = self.log.is_clean_at(row);
        a.settling[index] = self.log.is_being_cleaned_at(row);
        let owes = |slot: Slot| self.debtors.bit(slot) & self.log.debt(row) != 0;
        let account = |slot: Slot| self.debtors.bit(slot) != 0 && !owes(slot);
        let below = |cursor: Row| {
            move |slot: Slot, row: Row| self.members.filling.contains(slot) && row < cursor
        };
        // The position that is being recorded may be that of an operation before this one, and speaks of the
        // targets of that one only.
        let mark = self.prepared().and_then(|raise| match raise.image.operation() {
            Some(Operation::Rebuild { targets }) => Some((targets, raise.mark?)),
            _ => None,
        });
        let prepared = |slot: Slot| match mark {
            Some((targets, mark)) if targets.contains(slot) => mark,
            _ => self.rebuild.durable,
        };
        // Of a member that is filled only since then nothing was prepared.
        let speaks_of = |slot: Slot| {
            self.prepared().is_some_and(|raise| match raise.image.operation() {
                Some(Operation::Rebuild { targets }) => targets.contains(slot),
                _ => raise.finish && !raise.image.rebuilding.contains(slot),
            })
        };
        // The record of a resync has a place for its own position only; regions keep the accounts in any record.
        let by_account = self.prepared().is_some_and(|raise| {
            let resync =
                matches!(raise.image.operation(), Some(Operation::Resync | Operation::Initialise));
            resync && resyncs && by_region
        });
        // What is owed a resync counts as held by nobody else.
        let owed = a.owed[index];
        let pick = |position: Below<'_>, slot| !owed && (position(slot, row) || account(slot));
        for member in 0..a.members {
            let slot = Slot(member as u8);
            if self.members.trusted().contains(slot) {
                continue;
            }
            let issued = below(self.rebuild.issued);
            a.issued[member][index] = issued(slot, row) || account(slot);
            a.held[member][index] = pick(&below(self.rebuild.done), slot);
            a.flushed[member][index] = pick(&below(self.rebuild.flushed), slot);
            a.durable[member][index] = pick(&below(self.rebuild.durable), slot);
            let never = |_: Slot, _: Row| false;
            a.prepared[member][index] = match speaks_of(slot) {
                true => pick(&below(prepared(slot)), slot),
                false => by_account && self.members.filling.contains(slot) && pick(&never, slot),
            };
        }
    }
}
