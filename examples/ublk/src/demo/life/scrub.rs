// SPDX-License-Identifier: MIT OR Apache-2.0
//! Silent corruption is planted; a scrub must name it, repair it, and then find nothing.

use super::Life;
use crate::demo::bar::Bar;
use raid_array::engine;
use raid_array::workload::{ArrayEngine, Rig, SECTOR};
use raid_core::array::{Level, Place};
use raid_core::layout::Role;
use raid_core::metadata::Operation;
use raid_core::units::{Lba, Rows, Slot, SlotSet};

impl Life<'_> {
    /// Where silent corruption is planted: where the level can still tell the truth from it.
    pub(super) fn victim_rows(&mut self, rig: &Rig) -> (Place, Vec<Rows>) {
        let layout = rig.engine.layout();
        let set = self.random.u16(..self.geometry.sets);
        let unit = layout.row_unit().max(1);
        let stripes = layout.rows() / unit;
        let can_locate = self.geometry.parity_strips() >= 2
            || (self.geometry.level == Level::Raid1 && self.geometry.slots > 2);
        let slots = u8::try_from(self.geometry.slots).unwrap_or(u8::MAX);
        let slot = match (can_locate, self.geometry.level) {
            (true, _) => Slot(self.random.u8(..slots)),
            (false, Level::Raid1) => Slot(slots - 1),
            // The member that holds parity in the first row that is hit.
            (false, _) => layout.row_map(0).and_then(|row| row.parity_slot(0)).unwrap_or(Slot(0)),
        };
        // With one parity only damage to parity itself can be told from damage to data: take rows in which
        // this member holds it, of a small array perhaps fewer than three.
        let anywhere = can_locate || self.geometry.parity_strips() == 0;
        let holds_parity = |stripe: &u64| {
            layout.row_map(*stripe).is_some_and(|row| row.parity_slot(0) == Some(slot))
        };
        let suited: Vec<u64> =
            (0..stripes).filter(|stripe| anywhere || holds_parity(stripe)).collect();
        let mut rows = Vec::new();
        for _ in 0..3 {
            let Some(stripe) = self.random.choice(&suited) else { break };
            let start = stripe * unit + self.random.u64(..unit);
            rows.push(Rows::new(start, self.random.u64(1..=8).min(unit - start % unit)));
        }
        rows.sort_by_key(|rows| rows.start);
        (Place { set, slot }, rows)
    }

    pub(super) fn scrub(&mut self, rig: &mut Rig) {
        self.stage("Silent corruption, and a scrub that finds and repairs it", rig, |life, rig| {
            rig.settle();
            let (place, rows) = life.victim_rows(rig);
            let disk = rig.engine.disk_at(place).ok_or("no disk in the slot")?;
            let start = rig.engine.start_of(place).ok_or("no such slot")?;
            for rows in &rows {
                let mut damage = vec![0; rows.len as usize * SECTOR];
                life.random.fill(&mut damage);
                let at = Lba(start.0 + rows.start.0);
                rig.backplane.member(disk).corrupt(at, &damage).map_err(|e| e.to_string())?;
            }
            let planted: u64 = rows.iter().map(|rows| rows.len).sum();
            life.faults.push(format!("{planted} blocks of disk {disk} corrupted silently"));
            // Nobody can tell a reader of damaged data from one of good data, and a write beside it may
            // carry the damage into parity: only the scrub meets these rows.
            rig.avoid = life.sectors_of(rig, place.set, &rows);
            let found = life.scrub_once(rig, place.set, true)?;
            rig.avoid.clear();
            life.judge_scrub(&found, place, &rows)?;
            for mismatch in &found {
                let culprits: Vec<String> = (mismatch.culprits.iter())
                    .map(|slot| format!("slot {slot}"))
                    .collect();
                let who = if culprits.is_empty() { "?".into() } else { culprits.join(", ") };
                let (from, to) = (mismatch.rows.start.0, mismatch.rows.end().0 - 1);
                life.say(&format!("   rows {from} to {to}: {who} was wrong, repaired"));
            }
            let again = life.scrub_once(rig, place.set, false)?;
            if !again.is_empty() {
                return Err(format!("a second scrub still finds {} places", again.len()));
            }
            rig.verify_all();
            Ok(format!(
                "disk {disk} (set {} slot {}) named, {} places repaired, a second scrub finds nothing",
                place.set,
                place.slot,
                found.len()
            ))
        });
    }

    /// The array's sectors beside and under `rows` of a set, in ascending order.
    pub(super) fn sectors_of(&self, rig: &Rig, set: u16, rows: &[Rows]) -> Vec<u64> {
        let layout = rig.engine.layout();
        let mut sectors = Vec::new();
        for rows in rows {
            for slot in (0..self.geometry.slots).map(|slot| Slot(slot as u8)) {
                for row in rows.start.0..rows.end().0 {
                    if let Role::Data(block) = layout.role(slot, row) {
                        sectors.extend(layout.array_block(set, block));
                    }
                }
            }
        }
        sectors.sort_unstable();
        sectors
    }

    pub(super) fn scrub_once(
        &mut self,
        rig: &mut Rig,
        set: u16,
        repair: bool,
    ) -> Result<Vec<engine::Mismatch>, String> {
        rig.engine.set_limits(self.limits(false));
        rig.mismatches.clear();
        rig.engine.scrub(rig.now(), set, repair).map_err(|error| error.to_string())?;
        let name = if repair { "repair" } else { "check" };
        let mut bar = Bar::new(name, rig.engine.layout().rows(), self.options.json);
        rig.work_until(|rig| {
            let status = rig.engine.status(set);
            bar.update(&status, rig.engine.stats());
            !matches!(status.operation, Some(Operation::Check | Operation::Repair))
        });
        rig.settle();
        Ok(std::mem::take(&mut rig.mismatches))
    }

    /// The scrub must have named exactly what was planted.
    pub(super) fn judge_scrub(
        &self,
        found: &[engine::Mismatch],
        place: Place,
        planted: &[Rows],
    ) -> Result<(), String> {
        for rows in planted {
            if !found.iter().any(|mismatch| mismatch.rows.overlaps(*rows)) {
                return Err(format!(
                    "rows {} on were damaged, the scrub missed them",
                    rows.start.0
                ));
            }
        }
        let only = SlotSet::of(place.slot);
        for mismatch in found {
            if !planted.iter().any(|rows| mismatch.rows.overlaps(*rows)) {
                return Err(format!("rows {} on were not damaged", mismatch.rows.start.0));
            }
            if !mismatch.culprits.is_empty() && mismatch.culprits != only {
                let named = mismatch.culprits;
                return Err(format!("slot {} was damaged, {named:?} named", place.slot));
            }
        }
        Ok(())
    }
}
