// SPDX-License-Identifier: MIT OR Apache-2.0
//! What must hold in every state.
//!
//! 1. Whoever may serve a read holds a version that was acknowledged, or a later one, and all of them
//!    hold the same, unless a write is under way.
//! 2. Without a power failure no read goes back in time.
//! 3. After a power failure "acknowledged" means promised: durably written, or flushed.
//! 4. The cursors are in order, and a scrub finds no difference that lasts.
//! 5. What counts as clean is on the media: no trusted member has it in its cache only.
//! 6. Left alone, everything ends.

use super::member::ROWS;
use super::scenario::Scenario;
use super::stripe::{Value, slot_of, version};
use super::world::{Purpose, Verdict, World};
use crate::{Access, Admit};
use raid_core::units::{Row, Rows, Slot, SlotSet};
use std::format;
use std::string::ToString;

impl World {
    /// Judges this state.
    pub(super) fn judge(&mut self, scenario: &Scenario) -> Verdict {
        let seen = self.observe(scenario);
        if scenario.proven_only { Ok(()) } else { seen }
    }

    /// Judges it by what may be read, and notes what users may have read in it.
    fn observe(&mut self, scenario: &Scenario) -> Verdict {
        if self.over {
            return Ok(());
        }
        if let Some(m) = self.core.marks() {
            let ordered = [m.durable, m.flushed, m.done, m.issued, m.limit].is_sorted();
            if !ordered {
                return Err(format!("cursors out of order: {m:?}"));
            }
        }
        let status = self.core.status();
        if self.failed != status.failed {
            self.failed = status.failed;
            self.unsettled = true;
        }
        if self.unsettled {
            // Copies that differ since a power failure had one speaker; now another one speaks, and
            // copies from the old one may be under way.
            self.blocks.iter_mut().flatten().for_each(|block| block.seen = block.acknowledged);
            self.unsettled = status.windows > 0;
        }
        let lost = self.blocks.iter().flatten().any(|block| block.lost.is_some());
        if status.mismatches > 0 && !lost {
            return Err(format!("a scrub found {} differences", status.mismatches));
        }
        self.observe_media()?;
        for row in 0..ROWS as u64 {
            let busy = self.jobs.iter().any(|job| match &job.purpose {
                Purpose::Write { versions, .. } => versions.iter().any(|v| u64::from(v.0) == row),
                _ => false,
            });
            match scenario.parity {
                _ if busy => {}
                0 => self.observe_copies(row)?,
                _ => self.observe_stripe(scenario, row)?,
            }
        }
        Ok(())
    }

    /// A region is clean from the flush on, and not later: whoever leaves owes nothing there.
    fn observe_media(&self) -> Verdict {
        let status = self.core.status();
        let trusted = (0u8..).map(Slot).zip(&self.members).filter(|(slot, member)| {
            !member.dead && !(status.failed | status.rebuilding).contains(*slot)
        });
        for (slot, member) in trusted {
            for (row, cell) in member.cells.iter().enumerate() {
                if cell.values().len() > 1 && self.core.holds_flushed(Row(row as u64)) {
                    return Err(format!("row {row} is clean and in the cache of slot {slot}"));
                }
            }
        }
        Ok(())
    }

    fn alive(&self) -> SlotSet {
        (0u8..).map(Slot).zip(&self.members).filter(|(_, m)| !m.dead).map(|(s, _)| s).collect()
    }

    fn readable(&self, row: u64) -> Result<SlotSet, std::string::String> {
        let plan = self.core.plan_read(Rows::new(row, 1), SlotSet::EMPTY);
        let plan = plan.map_err(|refusal| format!("row {row} cannot be read: {refusal}"))?;
        Ok(plan.from & self.alive())
    }

    fn observe_copies(&mut self, row: u64) -> Verdict {
        let from = self.readable(row)?;
        let mut first = None;
        for slot in from.iter() {
            let value = self.members[slot.index()].row(row);
            if *first.get_or_insert(value) != value {
                return Err(format!("row {row}: copies {from:?} differ"));
            }
            self.observe_block(row, 0, value, slot)?;
        }
        Ok(())
    }

    fn observe_stripe(&mut self, scenario: &Scenario, row: u64) -> Verdict {
        let from = self.readable(row)?;
        let rows = Rows::new(row, 1);
        let grant = match self.core.clone().admit(self.now, rows, Access::Reconstruct) {
            Admit::Go(grant) => Some(grant),
            _ => None,
        };
        if let Some(grant) = grant
            && grant.agreed
            && !self.fits(scenario, row, grant.read & self.alive())
        {
            let held: std::vec::Vec<_> = self.members.iter().map(|m| m.row(row)).collect();
            return Err(format!(
                "row {row}: parity of {:?} does not agree with data: {held:x?}",
                grant.read
            ));
        }
        for column in 0..scenario.columns() {
            let slot = Slot(slot_of(scenario, row, column));
            if from.contains(slot) {
                let value = self.members[slot.index()].row(row);
                self.observe_block(row, column, value, slot)?;
            } else if let Some(grant) = grant
                && grant.agreed
                && self.alive().contains_all(grant.read)
                && !grant.read.contains(slot)
            {
                let value = self.data(scenario, row, grant.read)?[column];
                self.observe_block(row, column, value, slot)?;
            }
        }
        Ok(())
    }

    fn observe_block(&mut self, row: u64, column: usize, value: Value, slot: Slot) -> Verdict {
        let block = &mut self.blocks[row as usize][column];
        if block.lost.is_some() {
            return Ok(());
        }
        let floor = block.acknowledged.max(block.seen);
        match version(column, value) {
            Some(version) if (floor..block.versions).contains(&version) => {
                block.seen = version;
                Ok(())
            }
            found => Err(format!(
                "row {row} column {column}: slot {slot} gives version {found:?} ({value:#x}), \
                 {floor} was given before, of {}",
                block.versions
            )),
        }
    }

    /// Nothing can happen any more: then nothing may be left to do.
    pub(super) fn at_rest(&self, scenario: &Scenario) -> Verdict {
        if scenario.proven_only {
            return Ok(());
        }
        if self.over {
            // Nobody waits for a set that has failed.
            return match self.wishes.is_empty() && self.acks.is_empty() {
                true => Ok(()),
                false => Err(format!("users wait for a failed set: {:?}", self.wishes)),
            };
        }
        let status = self.core.status();
        // A parity set that lost a member before its parity agreed stays unclean, and says so (I9).
        let clean = status.clean || (scenario.parity > 0 && !status.failed.is_empty());
        let users = self.wishes.is_empty() && self.acks.is_empty() && self.jobs.is_empty();
        let owes = status.operation.is_some() || self.core.owed().is_some();
        match users && clean && !owes && !status.unrecorded && status.windows == 0 {
            true => Ok(()),
            false => Err(format!("stuck: {status:?}").to_string()),
        }
    }
}
