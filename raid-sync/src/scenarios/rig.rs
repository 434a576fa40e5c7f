// SPDX-License-Identifier: MIT OR Apache-2.0
//! A mirror of small disks under the real core, driven step by step.

use crate::world::disk::Disk;
use crate::world::native::{self, Image};
use crate::world::reads::still_hold;
use crate::*;
use raid_core::metadata::{Capabilities, Generation, MemberKey, Operation, RuntimeState, Seen};
use raid_core::units::{Rows, Slot, SlotSet};
use std::vec;
use std::vec::Vec;

pub(crate) const NONE: SlotSet = SlotSet::EMPTY;
pub(crate) const PLAIN: Access = Access::Write { durable: false };
pub(crate) const FUA: Access = Access::Write { durable: true };
pub(crate) const ROWS: u64 = 16;

/// Four regions of four rows each.
pub(crate) type Core = SyncCore<4, 2, 4, 4>;

/// A core by value, as tests like to have it.
pub(crate) fn restored(
    config: Config,
    found: &Found<'_>,
    capabilities: Capabilities,
    start: Start,
) -> Result<Core, Refusal> {
    let mut core = Core::EMPTY;
    core.restore(config, found, capabilities, start)?;
    Ok(core)
}

pub(crate) fn slots(slots: &[u8]) -> SlotSet {
    slots.iter().map(|slot| Slot(*slot)).collect()
}

pub(crate) fn clean() -> RuntimeState {
    RuntimeState::clean()
}

pub(crate) fn filling(slot: u8) -> RuntimeState {
    RuntimeState { rebuilding: slots(&[slot]), ..clean() }
}

/// One flag for the set, as in DDF.
pub(crate) fn flag_only() -> Capabilities {
    Capabilities { mark_after_unclean: false, bad_ranges: 0, ..native::capabilities() }
}

pub(crate) fn config(members: u16) -> Config {
    let limits = Limits {
        windows: 1,
        rows_per_window: 4,
        checkpoint_rows: 4,
        yield_for: 0,
        clean_after_idle: 1000,
        ..Limits::default()
    };
    Config { limits, ..Config::new(ROWS, SlotSet::first(members), Redundancy::Mirror) }
}

/// A copy that was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) window: WindowId,
    pub(crate) rows: Rows,
    pub(crate) from: SlotSet,
    pub(crate) targets: SlotSet,
    pub(crate) verify: Verify,
}

pub(crate) struct Rig {
    pub(crate) core: Core,
    pub(crate) config: Config,
    pub(crate) capabilities: Capabilities,
    pub(crate) disks: Vec<Disk>,
    pub(crate) now: u64,
    number: u64,
    value: u64,
    /// How often everything was done: a scenario that goes round for ever has failed.
    turns: u32,
    pub(crate) hold_copies: bool,
    pub(crate) hold_flushes: bool,
    pub(crate) hold_records: bool,
    pub(crate) copies: Vec<Wanted>,
    pub(crate) flushes: Vec<(FlushId, SlotSet)>,
    pub(crate) records: Vec<(RecordSeq, SlotSet, Image)>,
    pub(crate) told: Vec<Notice>,
    pub(crate) woken: Vec<WaitFor>,
    /// Rows that were copied in all.
    pub(crate) copied: Vec<Rows>,
    /// Rows that a disk cannot read.
    pub(crate) spoiled: Vec<(u8, u64)>,
    /// The core as a reader saw it last.
    pub(crate) before: Option<Core>,
}

impl Rig {
    pub(crate) fn new(config: Config, state: RuntimeState, capabilities: Capabilities) -> Self {
        let members = config.members.len();
        let mut disks = vec![Disk::new(config.rows, 0); usize::from(members)];
        let image = Image::plain(state);
        for (disk, key) in disks.iter_mut().zip(1..) {
            disk.key = MemberKey::new(key);
            disk.store(0, &image, None);
        }
        for slot in state.rebuilding.iter() {
            let key = disks[slot.index()].key;
            disks[slot.index()] = Disk::new(config.rows, 0xdead);
            disks[slot.index()].key = key;
        }
        let seated: Vec<_> = (0u8..)
            .map(Slot)
            .zip(&disks)
            .map(|(slot, disk)| Seated { slot, key: disk.key })
            .collect();
        let core = restored(config, &image.found(&seated), capabilities, Start::Normal);
        Self {
            core: core.unwrap(),
            config,
            capabilities,
            disks,
            now: 1,
            number: 0,
            value: 0,
            turns: 0,
            hold_copies: false,
            hold_flushes: false,
            hold_records: false,
            copies: Vec::new(),
            flushes: Vec::new(),
            records: Vec::new(),
            told: Vec::new(),
            woken: Vec::new(),
            copied: Vec::new(),
            spoiled: Vec::new(),
            before: None,
        }
    }

    pub(crate) fn mirror(members: u16) -> Self {
        Self::new(config(members), clean(), native::capabilities())
    }

    pub(crate) fn rebuilding(members: u16, slot: u8) -> Self {
        Self::new(config(members), filling(slot), native::capabilities())
    }

    pub(crate) fn time(&self) -> Time {
        Time(self.now)
    }

    /// Carries out what is asked for, but for what is held.
    pub(crate) fn settle(&mut self) {
        self.obey();
        // All answers to readers, each time: safe code, and too much for Miri.
        if cfg!(miri) {
            return;
        }
        if let Some(before) = self.before.replace(self.core.clone()) {
            let size = (self.config.rows, self.config.members.len());
            still_hold(&before, &self.core, size).unwrap();
        }
    }

    fn obey(&mut self) {
        self.turns += 1;
        assert!(self.turns < 3000, "it never ends: {:?}", self.core.status());
        for _ in 0..1000 {
            let Some(command) = self.core.poll(self.time()) else { return };
            match command {
                Command::Copy { window, rows, from, targets, verify, .. } => {
                    self.copies.push(Wanted { window, rows, from, targets, verify });
                    if !self.hold_copies {
                        self.copy();
                    }
                }
                Command::Flush { id, slots } => {
                    self.flushes.push((id, slots));
                    if !self.hold_flushes {
                        self.flush(NONE);
                    }
                }
                Command::Persist { seq, to } => {
                    let image = Image::of(&self.core, seq).unwrap();
                    assert!(!to.intersects(image.state.failed), "a record to a failed member");
                    let earlier = self.records.iter().all(|(earlier, ..)| *earlier < seq);
                    assert!(earlier, "{seq:?} is not newer than all before");
                    let held = self.hold_records;
                    let writing = self.records.iter().filter(|(_, to, _)| !to.is_empty()).count();
                    assert_eq!(writing, 0, "two records are written at a time");
                    self.records.push((seq, to, image));
                    if !held {
                        self.record(NONE);
                    }
                }
                Command::Wake(wait) => {
                    let failed = self.core.status().set_failed;
                    assert!(!failed || self.told.contains(&Notice::SetFailed), "{wait:?}");
                    self.woken.push(wait);
                }
                Command::Notice(notice) => self.told.push(notice),
            }
        }
        panic!("poll never ends");
    }

    /// The record under way is durable, but for these members.
    pub(crate) fn record(&mut self, failed: SlotSet) {
        let Some((seq, to, image)) = self.records.last_mut() else { panic!("no record") };
        let (seq, to, image) = (*seq, std::mem::take(to), image.clone());
        self.number += 1;
        for slot in to.without(failed).iter() {
            self.disks[slot.index()].store(self.number, &image, None);
        }
        self.core.persisted(self.time(), seq, failed).unwrap();
    }

    /// The newest record that was issued.
    pub(crate) fn last_record(&self) -> &Image {
        &self.records.last().unwrap().2
    }

    pub(crate) fn flush(&mut self, failed: SlotSet) {
        let (id, slots) = self.flushes.remove(0);
        for slot in slots.without(failed).iter() {
            let disk = &mut self.disks[slot.index()];
            let all = disk.written();
            disk.flush(all);
        }
        self.core.flushed(self.time(), id, failed).unwrap();
    }

    /// Does the oldest copy that was asked for.
    pub(crate) fn copy(&mut self) {
        let wanted = self.copies.remove(0);
        let result = self.move_data(&wanted);
        self.copied.push(Rows { len: result.good, ..wanted.rows });
        self.core.copied(self.time(), wanted.window, result).unwrap();
    }

    pub(crate) fn move_data(&mut self, wanted: &Wanted) -> CopyResult {
        let mut result = CopyResult::good(wanted.rows.len);
        for (index, row) in (wanted.rows.start.0..wanted.rows.end().0).enumerate() {
            let readable = |slot: &Slot| !self.spoiled.contains(&(slot.0, row));
            let from: Vec<Slot> = wanted.from.iter().filter(readable).collect();
            let Some(source) = from.first() else {
                return CopyResult { good: index as u64, unreadable: 1, ..result };
            };
            let truth = self.disks[source.index()].read(row);
            let differs = from.iter().any(|slot| self.disks[slot.index()].read(row) != truth);
            result.mismatched += u64::from(differs && wanted.verify != Verify::Overwrite);
            let writes = wanted.verify == Verify::Overwrite || differs;
            if writes && wanted.verify != Verify::Compare {
                result.repaired += u64::from(differs && wanted.verify != Verify::Overwrite);
                for slot in wanted.targets.iter().filter(|slot| slot != source) {
                    self.disks[slot.index()].write(row, truth, false);
                }
            }
        }
        result
    }

    // ---- users

    pub(crate) fn admit(&mut self, start: u64, len: u64, access: Access) -> Admit {
        let time = self.time();
        self.core.admit(time, Rows::new(start, len), access)
    }

    /// Admitted now, or after the record it waits for.
    pub(crate) fn go(&mut self, start: u64, len: u64) -> Grant {
        for _ in 0..3 {
            match self.admit(start, len, PLAIN) {
                Admit::Go(grant) => return grant,
                Admit::Wait(WaitFor::Record(_)) => self.settle(),
                other => panic!("{other:?}"),
            }
        }
        panic!("the record is durable and the write still waits")
    }

    /// Puts a new value on the members of a grant.
    pub(crate) fn send(&mut self, grant: &Grant) -> u64 {
        self.value += 1;
        for row in grant.rows.start.0..grant.rows.end().0 {
            for slot in (grant.must | grant.may).iter() {
                self.disks[slot.index()].write(row, self.value, false);
            }
        }
        self.value
    }

    pub(crate) fn done(&mut self, grant: &Grant, failed: &[u8]) -> Ack {
        let time = self.time();
        self.core.complete(time, grant.ticket, slots(failed)).unwrap()
    }

    /// Writes rows, as many pieces as it takes.
    pub(crate) fn write(&mut self, start: u64, len: u64) {
        let (mut at, end) = (start, start + len);
        while at < end {
            let grant = self.go(at, end - at);
            self.send(&grant);
            assert_eq!(self.done(&grant, &[]), Ack::Now);
            at = grant.rows.end().0;
        }
    }

    pub(crate) fn blocked(&mut self, row: u64) -> Option<WindowId> {
        match self.admit(row, 1, PLAIN) {
            Admit::Wait(WaitFor::Window(window)) => Some(window),
            Admit::Wait(WaitFor::Record(_)) => {
                self.settle();
                self.blocked(row)
            }
            Admit::Go(grant) => {
                assert_eq!(self.done(&grant, &[]), Ack::Now);
                None
            }
            other => panic!("{other:?}"),
        }
    }

    // ---- operations

    /// Starts what is owed, with its copies held back.
    pub(crate) fn start_held(&mut self) {
        self.hold_copies = true;
        self.start();
    }

    pub(crate) fn start(&mut self) {
        let owed = self.core.owed().expect("nothing is owed");
        let time = self.time();
        self.core.start(time, owed, AboveMark::Skip).unwrap();
        self.settle();
    }

    /// Lets everything come to an end.
    pub(crate) fn run(&mut self) {
        self.hold_copies = false;
        self.hold_flushes = false;
        self.hold_records = false;
        for _ in 0..1000 {
            if self.records.last().is_some_and(|(_, to, _)| !to.is_empty()) {
                self.record(NONE);
            }
            while !self.flushes.is_empty() {
                self.flush(NONE);
            }
            while !self.copies.is_empty() {
                self.copy();
            }
            self.settle();
            let status = self.core.status();
            if status.set_failed {
                return;
            }
            if status.operation.is_some() || self.core.owed().is_none() {
                let Some(at) = self.core.deadline() else {
                    assert_eq!(status.operation, None, "it never ends: {status:?}");
                    return;
                };
                self.now = self.now.max(at.0);
            } else {
                self.start();
            }
        }
        panic!("never at rest: {:?}", self.core.status());
    }

    pub(crate) fn finished(&self) -> Vec<Finish> {
        let end = |notice: &Notice| match notice {
            Notice::Finished { why, .. } => Some(*why),
            _ => None,
        };
        self.told.iter().filter_map(end).collect()
    }

    pub(crate) fn operation(&self) -> Option<Operation> {
        self.core.status().operation
    }

    // ---- members and power

    /// All members that may be read hold the same in every row.
    pub(crate) fn assert_equal(&self) {
        for row in 0..self.config.rows {
            let plan = self.core.plan_read(Rows::new(row, 1), NONE).unwrap();
            let values: Vec<u64> =
                plan.from.iter().map(|slot| self.disks[slot.index()].read(row)).collect();
            assert!(values.windows(2).all(|pair| pair[0] == pair[1]), "row {row}: {values:?}");
            assert!(!values.contains(&0xdead), "row {row} was never copied: {values:?}");
        }
    }

    /// All members of the set do.
    pub(crate) fn assert_whole(&self) {
        let status = self.core.status();
        assert!((status.failed | status.rebuilding).is_empty(), "{status:?}");
        self.assert_equal();
    }

    pub(crate) fn fail(&mut self, slot: u8) {
        self.core.member_failed(Slot(slot));
        self.settle();
    }

    /// The same disk comes back.
    pub(crate) fn give_back(&mut self, slot: u8) -> Result<Return, Refusal> {
        let disk = &self.disks[usize::from(slot)];
        let seen = disk.record().unwrap().1.generation;
        self.core.member_returned(Slot(slot), disk.key, &Seen::plain(Slot(slot), seen))
    }

    pub(crate) fn replace(&mut self, slot: u8) {
        let mut new = Disk::new(self.config.rows, 0xdead);
        new.key = MemberKey::new(1000 + u64::from(slot));
        let returned = {
            let seen = Seen::plain(Slot(slot), Generation(0));
            self.core.member_returned(Slot(slot), new.key, &seen)
        };
        assert_eq!(returned, Ok(Return::Full));
        self.disks[usize::from(slot)] = new;
    }

    /// The power goes: of each cache survives nothing, or all. Then a new start with these absent.
    pub(crate) fn power_cut(&mut self, caches_survive: &[bool], absent: &[u8]) {
        for (disk, survives) in self.disks.iter_mut().zip(caches_survive) {
            if *survives {
                let all = disk.written();
                disk.flush(all);
            }
            disk.forget_cache();
        }
        self.restart(absent).unwrap();
    }

    /// A new core from the newest record of those present.
    pub(crate) fn restart(&mut self, absent: &[u8]) -> Result<(), Refusal> {
        let absent = slots(absent);
        let here = |(slot, _): &(Slot, &Disk)| !absent.contains(*slot);
        let records = (0u8..).map(Slot).zip(&self.disks).filter(here);
        let newest =
            records.filter_map(|(_, disk)| disk.record()).max_by_key(|(number, _)| *number);
        let (number, image) = newest.unwrap();
        let seated: Vec<_> = (0u8..)
            .map(Slot)
            .zip(&self.disks)
            .map(|(slot, disk)| Seated { slot, key: disk.key })
            .collect();
        let config = Config { absent, ..self.config };
        let (copies, capabilities) = (self.hold_copies, self.capabilities);
        let core = restored(config, &image.found(&seated), capabilities, Start::Normal)?;
        let disks = std::mem::take(&mut self.disks);
        let spoiled = std::mem::take(&mut self.spoiled);
        let value = self.value;
        *self = Self {
            core,
            disks,
            spoiled,
            number,
            value,
            ..Self::new(self.config, clean(), capabilities)
        };
        self.hold_copies = copies;
        Ok(())
    }
}
