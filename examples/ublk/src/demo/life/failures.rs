// SPDX-License-Identifier: MIT OR Apache-2.0
//! Members fail, a spare takes over, the power goes in the middle of the rebuild.

use super::Life;
use crate::demo::bar::Bar;
use raid_array::workload::{ArrayEngine, Rig};
use raid_core::array::{Level, Place};
use raid_core::units::Slot;

impl Life<'_> {
    /// Which members to fail, one after the other: as many as may be, at most two.
    pub(super) fn victims(&mut self) -> Vec<Place> {
        let slots = u8::try_from(self.geometry.slots).unwrap_or(u8::MAX);
        let any = |random: &mut fastrand::Rng| Slot(random.u8(..slots));
        let first =
            Place { set: self.random.u16(..self.geometry.sets), slot: any(&mut self.random) };
        let survives = match self.geometry.level {
            Level::Raid0 => return Vec::new(),
            Level::Raid1 => self.geometry.slots - 1,
            _ => u16::from(self.geometry.parity_strips()),
        };
        if self.geometry.sets > 1 {
            let set = (first.set + 1) % self.geometry.sets;
            return vec![first, Place { set, slot: any(&mut self.random) }];
        }
        if survives < 2 {
            return vec![first];
        }
        let second = Slot((first.slot.0 + self.random.u8(1..slots)) % slots);
        vec![first, Place { set: 0, slot: second }]
    }

    pub(super) fn fail_members(&mut self, rig: &mut Rig) -> Vec<Place> {
        let victims = self.victims();
        for (index, place) in victims.iter().copied().enumerate() {
            let name = ["A member fails under load", "A second member fails under load"][index];
            self.stage(name, rig, |life, rig| {
                let disk = rig.engine.disk_at(place).ok_or("no disk in the slot")?;
                life.pull(rig, disk);
                rig.work(life.options.requests);
                let failed = rig.engine.status(place.set).failed;
                if !failed.contains(place.slot) {
                    return Err(format!("the failure of slot {} was not noticed", place.slot));
                }
                let told = format!("set {} slot {} (disk {disk}) pulled", place.set, place.slot);
                life.faults.push(told.clone());
                Ok(format!("{told}; {}", life.worked(rig)))
            });
        }
        victims
    }

    /// A member is unplugged for a moment and comes back: it is owed what it missed, and no more.
    pub(super) fn unplug_and_return(&mut self, rig: &mut Rig) {
        let Some(place) = self.victims().first().copied() else { return };
        self.stage("A member is unplugged and comes back", rig, |life, rig| {
            let disk = rig.engine.disk_at(place).ok_or("no disk in the slot")?;
            // What was written so far is known to be on every disk.
            rig.flush();
            rig.engine.quiesce(rig.now());
            rig.wait_until(|rig| rig.engine.is_idle() && rig.engine.status(place.set).clean);
            rig.backplane.faults(disk).pull();
            for _ in 0..8 {
                rig.work(1);
                if rig.engine.status(place.set).failed.contains(place.slot) {
                    break;
                }
            }
            rig.engine.fail_member(rig.now(), place).map_err(|why| why.to_string())?;
            rig.wait_until(|rig| rig.engine.is_idle());
            rig.backplane.faults(disk).plug();
            let before = rig.engine.stats().rebuilt_rows;
            rig.engine.return_member(rig.now(), place).map_err(|why| why.to_string())?;
            life.rebuild_to_the_end(rig, place)?;
            rig.verify_all();
            let copied = rig.engine.stats().rebuilt_rows - before;
            let all = rig.engine.layout().rows();
            let told = format!("set {} slot {} (disk {disk}) unplugged", place.set, place.slot);
            life.faults.push(format!("{told} and returned"));
            Ok(format!("{told} and returned: {copied} of its {all} rows copied"))
        });
    }

    pub(super) fn pull(&mut self, rig: &Rig, disk: usize) {
        rig.backplane.faults(disk).pull();
        self.files[self.present[disk]] = None;
    }

    pub(super) fn rebuild_across_a_power_cut(
        &mut self,
        mut rig: Rig,
        failures: &[Place],
    ) -> Result<Rig, String> {
        let place = failures[0];
        let cut_at = self.random.u64(30..70);
        let goal = rig.engine.layout().rows() * cut_at / 100;
        self.stage("The spare takes over, rebuild under load", &mut rig, |life, rig| {
            rig.engine.set_limits(life.limits(true));
            let spare = life.unused_disk(rig).ok_or("no spare is left")?;
            rig.engine.take_spare(rig.now(), place, spare).map_err(|why| why.to_string())?;
            let mut bar = Bar::new("rebuild", rig.engine.layout().rows(), life.options.json);
            rig.work_until(|rig| {
                let status = rig.engine.status(place.set);
                bar.update(&status, rig.engine.stats());
                status.marks.is_some_and(|marks| marks.done.0 >= goal)
            });
            let done = rig.engine.status(place.set).marks.map_or(0, |marks| marks.done.0);
            if done < goal {
                return Err(format!("the rebuild stopped at row {done}"));
            }
            Ok(format!("disk {spare} in slot {}, rebuilt to {cut_at} %", place.slot))
        });
        if self.stages.last().is_some_and(|stage| !stage.good) {
            return Err(self.stages.last().map(|stage| stage.result.clone()).unwrap_or_default());
        }
        let mut rig = self.cut_power(rig, cut_at)?;
        self.stage("Everything is read back after the power cut", &mut rig, |life, rig| {
            rig.adopt_all();
            Ok(life.worked(rig))
        });
        self.stage("The rebuild goes on under load and finishes", &mut rig, |life, rig| {
            life.rebuild_to_the_end(rig, place)?;
            rig.verify_all();
            Ok(life.worked(rig))
        });
        for place in failures.iter().copied().skip(1) {
            self.stage("A new disk replaces the other failed member", &mut rig, |life, rig| {
                let disk = life.insert_disk(rig)?;
                rig.engine.take_spare(rig.now(), place, disk).map_err(|why| why.to_string())?;
                life.rebuild_to_the_end(rig, place)?;
                rig.verify_all();
                Ok(format!("disk {disk} in slot {}; {}", place.slot, life.worked(rig)))
            });
        }
        Ok(rig)
    }

    /// A disk that no place uses.
    pub(super) fn unused_disk(&self, rig: &Rig) -> Option<usize> {
        (0..self.present.len()).find(|disk| {
            self.files[self.present[*disk]].is_some()
                && !self.places().any(|place| rig.engine.disk_at(place) == Some(*disk))
        })
    }

    pub(super) fn places(&self) -> impl Iterator<Item = Place> + use<> {
        let slots = self.geometry.slots;
        (0..self.geometry.sets)
            .flat_map(move |set| (0..slots).map(move |slot| Place { set, slot: Slot(slot as u8) }))
    }

    pub(super) fn rebuild_to_the_end(&mut self, rig: &mut Rig, place: Place) -> Result<(), String> {
        rig.engine.set_limits(self.limits(true));
        let mut bar = Bar::new("rebuild", rig.engine.layout().rows(), self.options.json);
        let mut begun = false;
        let whole = |rig: &Rig| {
            let status = rig.engine.status(place.set);
            !status.rebuilding.contains(place.slot) && !status.failed.contains(place.slot)
        };
        rig.work_until(|rig| {
            let status = rig.engine.status(place.set);
            bar.update(&status, rig.engine.stats());
            begun |= status.operation.is_some();
            begun && whole(rig) && status.operation.is_none()
        });
        rig.settle();
        drop(bar);
        if whole(rig) { Ok(()) } else { Err(format!("slot {} is not in sync", place.slot)) }
    }

    /// The lights go out: caches are lost in any part, records in flight are torn.
    pub(super) fn cut_power(&mut self, rig: Rig, cut_at: u64) -> Result<Rig, String> {
        self.remember(rig.engine.stats());
        let now = rig.now();
        let (backplane, oracle, tally, version) = rig.cut_power();
        backplane.cut_power().map_err(|error| error.to_string())?;
        self.faults.push(format!("power cut at {cut_at} % of the rebuild"));
        self.say("\n   *** power cut: every cache lost in part, records in flight torn ***");
        let mut rig = self.power_on(now, oracle, true)?;
        rig.carry_over(tally, version);
        Ok(rig)
    }
}
