// SPDX-License-Identifier: MIT OR Apache-2.0
//! One state of everything: the core, the engine's jobs, the members, the users, and what was promised.
//!
//! What takes time is a job. Data reaches one member at a time; a flush, a record and the read of a copy
//! take effect when they are reported. That loses nothing: at a power failure each part of a job that is
//! not reported yet has landed or not, whatever the step at which it might have.

use super::member::{Cell, Ghost, Image, Issued, Member, ROWS};
use super::scenario::{Scenario, Write};
use super::search::Fingerprint;
use super::stripe::{self, COLUMNS, GARBAGE, MEMBERS, Strip, Value, slot_of, strip_of, value};
use crate::conformance::History;
use crate::world::reads::still_hold;
use crate::*;
use raid_core::metadata::{Generation, MemberKey, Operation, Progress, Seen, SetRecord};
use raid_core::units::{Rows, Slot, SlotSet};
use std::boxed::Box;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

pub(super) type Core = SyncCore<2, 2, 2, 2>;
pub(super) type Verdict = Result<(), String>;

/// Row, column and version of each block that a promise is about.
pub(super) type Versions = Vec<(u8, u8, u8)>;

/// Places in the caches that a flush covers.
type Covered = Vec<(u8, [u8; ROWS])>;

/// Data on its way to one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Leg {
    pub(super) slot: u8,
    pub(super) rows: [Option<Value>; ROWS],
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    Write { ticket: Ticket, versions: Versions, durable: bool, logged: bool },
    UserFlush { versions: Versions, covered: Covered },
    Flush { id: FlushId, covered: Covered },
    Persist { seq: RecordSeq, to: SlotSet, number: u8, image: Box<Image> },
    Read(Copy),
    Copied { window: WindowId, at: Rows, mismatched: u64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Copy {
    window: WindowId,
    pub(super) rows: Rows,
    operation: Operation,
    pub(super) from: SlotSet,
    targets: SlotSet,
    verify: Verify,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Job {
    pub(super) purpose: Purpose,
    pub(super) legs: Vec<Leg>,
    pub(super) failed: SlotSet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Turn {
    New,
    Parked(WaitFor),
    Woken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Wish {
    rows: Rows,
    column: usize,
    durable: bool,
    turn: Turn,
}

impl Wish {
    pub(super) fn new(&(row, len, column): &Write, durable: bool) -> Self {
        Self { rows: Rows::new(row, len), column, durable, turn: Turn::New }
    }
}

/// The write journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Journal {
    /// Whether rows are logged since the loss that the record names.
    pub(super) open: bool,
    /// What it holds of each row, for each member.
    pub(super) rows: [[Option<Value>; MEMBERS]; ROWS],
}

/// Versions of a block are numbered from 0 in the order of admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Block {
    pub(super) versions: u8,
    pub(super) acknowledged: u8,
    pub(super) promised: u8,
    pub(super) seen: u8,
    /// Lost in a write hole that the core announced, when it had this many versions.
    pub(super) lost: Option<u8>,
}

/// What may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Left {
    pub(super) crashes: u8,
    pub(super) failures: u8,
    pub(super) returns: u8,
    pub(super) flushes: u8,
    pub(super) spares: u8,
    pub(super) steering: u8,
    pub(super) scrubs: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) core: Core,
    pub(super) now: Time,
    pub(super) members: Vec<Member>,
    pub(super) jobs: Vec<Job>,
    pub(super) wishes: Vec<Wish>,
    pub(super) acks: Vec<(RecordSeq, Versions, bool)>,
    pub(super) blocks: [[Block; COLUMNS]; ROWS],
    /// Members of which a record says, on all others, that they are not to be trusted.
    pub(super) distrusted: SlotSet,
    pub(super) records: u8,
    /// Records of all runs, this one and those before.
    pub(super) serials: Ghost<u32>,
    /// The newest record of which was reported that all hold it whom it trusts.
    pub(super) confirmed: Ghost<Image>,
    pub(super) history: Ghost<Option<History>>,
    pub(super) journal: Journal,
    pub(super) left: Left,
    pub(super) over: bool,
    /// Power has failed for the last time: one step is as good as another.
    pub(super) alone: bool,
    /// Members whose failure the users' reads have taken note of.
    pub(super) failed: SlotSet,
    pub(super) unsettled: bool,
}

/// One step.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    Ask(usize),
    Start,
    Tick,
    UserFlush,
    Fails(Slot),
    Replace(Slot),
    /// A failed member is back, its cache lost.
    Return(Slot),
    Pause,
    Abort,
    Resume,
    Scrub(Operation),
    /// Data reaches a member; the last of a job is reported.
    Land(usize, usize),
    Report(usize),
}

impl World {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let found = scenario.found();
        let block = Block { versions: 1, acknowledged: 0, promised: 0, seen: 0, lost: None };
        let mut data = [value(0, 0), value(1, 0)];
        data[scenario.columns()..].fill(0);
        let mut members = Vec::new();
        for slot in 0..scenario.members {
            let mut member = Member::holding(value(0, 0), 1 + u64::from(slot));
            for row in 0..ROWS {
                let content = match found.rebuilding.contains(Slot(slot)) {
                    true => GARBAGE,
                    false => stripe::block(strip_of(scenario, row as u64, slot), &data),
                };
                member.cells[row] = Cell::of(content);
            }
            member.record = Some((0, Image::plain(found)));
            members.push(member);
        }
        let mut disks = [0; MEMBERS];
        disks.iter_mut().zip(&members).for_each(|(key, member)| *key = member.key);
        for (_, image) in members.iter_mut().filter_map(|member| member.record.as_mut()) {
            image.issued = Ghost(Issued { disks, ..Issued::default() });
        }
        let mut blocks = [[block; COLUMNS]; ROWS];
        if scenario.unclean {
            // The newer version is Q's in a set with two parities.
            members[1].cells[0] = Cell::of(value(0, 1));
            blocks[0][0].versions = 2;
        }
        let confirmed = members[0].record.map_or(Image::plain(found), |(_, image)| image);
        Self {
            core: build(scenario, SlotSet::EMPTY, &Image::plain(found), &members, Start::Normal)
                .unwrap(),
            now: Time(0),
            members,
            jobs: Vec::new(),
            wishes: scenario.writes.iter().map(|w| Wish::new(w, scenario.durable)).collect(),
            acks: Vec::new(),
            blocks,
            distrusted: found.rebuilding,
            records: 0,
            serials: Ghost(0),
            confirmed: Ghost(confirmed),
            history: Ghost(None),
            journal: Journal::default(),
            left: Left {
                crashes: scenario.crashes,
                failures: scenario.failures,
                returns: scenario.returns,
                flushes: scenario.flushes,
                spares: scenario.spares,
                steering: scenario.steering,
                scrubs: scenario.scrubs,
            },
            over: false,
            alone: false,
            failed: SlotSet::EMPTY,
            unsettled: false,
        }
    }

    /// Stands for this state and all that do the same from now on: the order in which jobs were begun,
    /// the numbers of past records and the time are of no account.
    pub(super) fn fingerprint(&self) -> (u64, u64) {
        let (core, last) = self.core.canonical();
        let wait = |wait: WaitFor| match wait {
            WaitFor::Window(window) => (0, u64::from(window.index())),
            WaitFor::Record(seq) => (1, seq.0.wrapping_sub(last.0)),
            WaitFor::Overlap(ticket) => (2, u64::from(ticket.index())),
            WaitFor::Ticket => (3, 0),
        };
        let (mut a, mut b) = (0u64, 0u64);
        let mut add = |(x, y): (u64, u64)| (a, b) = (a.wrapping_add(x), b.wrapping_add(y));
        for Job { purpose, legs, failed } in &self.jobs {
            let rest = (legs, failed);
            add(match purpose {
                Purpose::Write { ticket, versions, durable, logged } => {
                    Fingerprint::of(&(0, ticket.index(), versions, durable, logged, rest))
                }
                Purpose::UserFlush { versions, covered } => {
                    Fingerprint::of(&(1, versions, covered, rest))
                }
                Purpose::Flush { covered, .. } => Fingerprint::of(&(2, covered, rest)),
                Purpose::Persist { to, image, .. } => Fingerprint::of(&(3, to, image, rest)),
                Purpose::Read(copy) => {
                    let Copy { window, rows, operation, from, targets, verify } = copy;
                    Fingerprint::of(&(4, window.index(), rows, operation, from, targets, verify))
                }
                Purpose::Copied { window, at, mismatched } => {
                    Fingerprint::of(&(5, window.index(), at.len, mismatched, rest))
                }
            });
        }
        for Wish { rows, column, durable, turn } in &self.wishes {
            let turn = match turn {
                Turn::New => (4, 0),
                Turn::Parked(waited) => wait(*waited),
                Turn::Woken => (5, 0),
            };
            add(Fingerprint::of(&(6, rows, column, durable, turn)));
        }
        for (seq, versions, durable) in &self.acks {
            add(Fingerprint::of(&(7, wait(WaitFor::Record(*seq)), versions, durable)));
        }
        let flags = (self.over, self.alone, self.failed, self.unsettled, self.distrusted);
        let members = (self.numbered(), self.journal);
        Fingerprint::of(&(core, members, self.blocks, self.left, flags, a, b))
    }

    /// The members, with the numbers of their records counted from the newest.
    fn numbered(&self) -> Vec<Member> {
        let mut members = self.members.clone();
        for (number, _) in members.iter_mut().filter_map(|member| member.record.as_mut()) {
            *number = self.records.wrapping_sub(*number);
        }
        members
    }

    // ---- what may happen next

    pub(super) fn successors(&self, scenario: &Scenario) -> Vec<(Action, Result<Self, String>)> {
        let mut actions = self.actions(scenario);
        if self.alone {
            actions.truncate(1);
        }
        let before = self.state(scenario);
        let step = |action: Action| {
            let mut world = self.clone();
            let verdict = world.act(scenario, action);
            let size = (ROWS as u64, u16::from(scenario.members));
            let verdict = verdict.and_then(|()| still_hold(&self.core, &world.core, size));
            let verdict = verdict.and_then(|()| world.follow(scenario, before.as_ref()));
            (action, verdict.map(|()| world))
        };
        actions.into_iter().map(step).collect()
    }

    /// What a disk says of itself. A format without generations has none to show: the engine knows the
    /// disk by what it wrote to it last, and that was in the generation in which it left.
    fn identity(&self, scenario: &Scenario, slot: Slot) -> (Option<MemberKey>, Generation) {
        let (key, seen) = self.members[slot.index()].identity();
        match self.core.account(slot) {
            Some(account) if !scenario.regions => (key, account.left),
            _ => (key, seen),
        }
    }

    // ---- the journal

    /// Whether rows are written to the journal first: a member is missing or being filled.
    fn is_logging(&self, scenario: &Scenario) -> bool {
        let status = self.core.status();
        scenario.journal && !(status.failed | status.rebuilding).is_empty()
    }

    /// Rows are neither logged nor written without a member before its loss is durable.
    fn journal_serves(&self, scenario: &Scenario) -> bool {
        self.journal.open && !self.loss_is_unnamed(scenario)
    }

    fn loss_is_unnamed(&self, scenario: &Scenario) -> bool {
        let status = self.core.status();
        let missing = status.failed | status.rebuilding;
        self.is_logging(scenario) && !self.distrusted.contains_all(missing)
    }

    /// The record of a loss waits for rows that were sent before it and are not in the journal.
    pub(super) fn begins(&self, scenario: &Scenario, purpose: &Purpose) -> bool {
        let Purpose::Persist { image, .. } = purpose else { return true };
        let unlogged = |job: &Job| matches!(job.purpose, Purpose::Write { logged: false, .. });
        let names = !(image.state.failed | image.state.rebuilding).is_empty();
        !(scenario.journal && names && self.jobs.iter().any(unlogged))
    }

    /// Nothing is kept of members that the disks call gone, nor of a set that is whole. Of one that is
    /// only absent all is kept until its loss is durable: it may be back after the next cut.
    pub(super) fn keep_journal(&mut self, scenario: &Scenario) -> Verdict {
        let status = self.core.status();
        let gone = status.failed & self.distrusted;
        let whole = (status.failed | status.rebuilding | self.distrusted).is_empty();
        if self.is_logging(scenario) && !self.journal.open && !self.loss_is_unnamed(scenario) {
            // What was written without the journal is flushed before it opens. It opens in one go: how
            // that is done is the engine's business.
            let covered = self.covered(self.core.live());
            let failed = self.flush(&covered);
            self.journal.open = failed.is_empty();
            failed.iter().for_each(|slot| self.core.member_failed(slot));
            self.pump(scenario)?;
        }
        if whole {
            self.journal = Journal::default();
        }
        for row in &mut self.journal.rows {
            for (slot, value) in (0u8..).map(Slot).zip(row) {
                if gone.contains(slot) {
                    *value = None;
                }
            }
        }
        Ok(())
    }

    fn actions(&self, scenario: &Scenario) -> Vec<Action> {
        let mut actions = Vec::new();
        for (index, job) in self.jobs.iter().enumerate() {
            match job.legs.len() {
                0 if !self.begins(scenario, &job.purpose) => {}
                0 => actions.push(Action::Report(index)),
                legs => actions.extend((0..legs).map(|leg| Action::Land(index, leg))),
            }
        }
        let held = self.is_logging(scenario) && !self.journal_serves(scenario) && !self.over;
        for (index, wish) in self.wishes.iter().enumerate() {
            if !matches!(wish.turn, Turn::Parked(_)) && !held {
                actions.push(Action::Ask(index));
            }
        }
        if self.over {
            return actions;
        }
        let status = self.core.status();
        if self.core.owed().is_some() {
            actions.push(Action::Start);
        }
        if status.phase == Phase::Paused {
            actions.push(Action::Resume);
        }
        // Who was woken asks before the idle time is over.
        let woken = self.wishes.iter().any(|wish| wish.turn == Turn::Woken);
        if !woken && self.core.deadline().is_some() {
            actions.push(Action::Tick);
        }
        if self.alone {
            return actions;
        }
        let unpromised = |block: &Block| block.acknowledged > block.promised;
        if self.left.flushes > 0 && self.blocks.iter().flatten().any(unpromised) {
            actions.push(Action::UserFlush);
        }
        for (slot, member) in (0u8..).map(Slot).zip(&self.members) {
            if self.left.failures > 0 && !member.dead && self.core.live().contains(slot) {
                actions.push(Action::Fails(slot));
            }
            let away = status.failed.contains(slot);
            if away && self.left.spares > 0 && self.core.clone().member_joined(slot).is_ok() {
                actions.push(Action::Replace(slot));
            }
            let (key, seen) = self.identity(scenario, slot);
            if away
                && self.left.returns > 0
                && self.core.clone().member_returned(slot, key, &Seen::plain(slot, seen)).is_ok()
            {
                actions.push(Action::Return(slot));
            }
        }
        if self.left.steering > 0 && matches!(status.phase, Phase::Preparing | Phase::Running) {
            actions.extend([Action::Pause, Action::Abort]);
        }
        if self.left.scrubs > 0 && status.phase == Phase::Idle && self.core.owed().is_none() {
            actions.extend([Operation::Check, Operation::Repair].map(Action::Scrub));
        }
        actions
    }

    fn act(&mut self, scenario: &Scenario, action: Action) -> Verdict {
        let above = match scenario.write_through {
            true => AboveMark::WriteThrough,
            false => AboveMark::Skip,
        };
        let refused = |refusal: Refusal| refusal.to_string();
        match action {
            Action::Ask(index) => self.ask(scenario, index)?,
            Action::Start => {
                let owed = self.core.owed().ok_or("nothing is owed")?;
                self.core.start(self.now, owed, above).map_err(refused)?;
            }
            Action::Tick => self.now = self.core.deadline().ok_or("no deadline")?,
            Action::UserFlush => self.user_flush(),
            Action::Fails(slot) => {
                self.left.failures -= 1;
                self.members[slot.index()].dead = true;
            }
            Action::Replace(slot) => {
                self.left.spares -= 1;
                self.core.member_joined(slot).map_err(refused)?;
                let key = self.members[slot.index()].key + 100;
                self.members[slot.index()] = Member::holding(GARBAGE, key);
            }
            Action::Return(slot) => {
                self.left.returns -= 1;
                let member = &mut self.members[slot.index()];
                member.dead = false;
                member.cells = member.cells.map(|cell| Cell::of(cell.values()[0]));
                let (key, seen) = self.identity(scenario, slot);
                self.core.member_returned(slot, key, &Seen::plain(slot, seen)).map_err(refused)?;
            }
            Action::Pause => {
                self.left.steering -= 1;
                self.core.pause().map_err(refused)?;
            }
            Action::Abort => {
                self.left.steering -= 1;
                self.core.abort().map_err(refused)?;
            }
            Action::Resume => self.core.resume(self.now).map_err(refused)?,
            Action::Scrub(operation) => {
                self.left.scrubs -= 1;
                // Refused where there is nothing to compare.
                let _ = self.core.start(self.now, operation, above);
            }
            Action::Land(job, leg) => self.land(scenario, job, leg)?,
            Action::Report(job) => {
                let job = self.jobs.remove(job);
                self.report(scenario, job)?;
            }
        }
        self.pump(scenario)?;
        self.keep_journal(scenario)?;
        self.judge(scenario)
    }

    fn ask(&mut self, scenario: &Scenario, index: usize) -> Verdict {
        let wish = self.wishes[index];
        match self.core.admit(self.now, wish.rows, Access::Write { durable: wish.durable }) {
            Admit::Go(grant) => {
                self.send(scenario, &wish, &grant)?;
                match wish.rows.len - grant.rows.len {
                    0 => _ = self.wishes.remove(index),
                    left => self.wishes[index].rows = Rows::new(grant.rows.end().0, left),
                }
            }
            Admit::Wait(wait) => self.wishes[index].turn = Turn::Parked(wait),
            Admit::Refuse(_) if self.core.status().set_failed => _ = self.wishes.remove(index),
            Admit::Refuse(refusal) => return Err(format!("a write is refused: {refusal}")),
        }
        Ok(())
    }

    fn send(&mut self, scenario: &Scenario, wish: &Wish, grant: &Grant) -> Verdict {
        let to = grant.must | grant.may;
        let none = |slot: Slot| Leg { slot: slot.0, rows: [None; ROWS] };
        let mut legs: Vec<Leg> = to.iter().map(none).collect();
        let mut versions = Versions::new();
        for row in grant.rows.start.0..grant.rows.end().0 {
            let block = &mut self.blocks[row as usize][wish.column];
            let version = block.versions;
            block.versions += 1;
            versions.push((row as u8, wish.column as u8, version));
            let mut data = match scenario.parity {
                0 => [0; COLUMNS],
                _ => self.data(scenario, row, grant.read)?,
            };
            data[wish.column] = value(wish.column, version);
            for leg in &mut legs {
                leg.rows[row as usize] = match strip_of(scenario, row, leg.slot) {
                    Strip::Data(column) if column != wish.column => None,
                    strip => Some(stripe::block(strip, &data)),
                };
            }
        }
        legs.retain(|leg| leg.rows.iter().any(Option::is_some));
        let (ticket, durable) = (grant.ticket, wish.durable);
        let logged = self.is_logging(scenario);
        for leg in legs.iter().filter(|_| logged) {
            for (row, value) in self.journal.rows.iter_mut().zip(leg.rows) {
                row[usize::from(leg.slot)] = value.or(row[usize::from(leg.slot)]);
            }
        }
        let purpose = Purpose::Write { ticket, versions, durable, logged };
        self.jobs.push(Job { purpose, legs, failed: SlotSet::EMPTY });
        Ok(())
    }

    /// The data of a row of a parity set, lost blocks computed from the others.
    pub(super) fn data(
        &self,
        scenario: &Scenario,
        row: u64,
        read: SlotSet,
    ) -> Result<[Value; COLUMNS], String> {
        let there =
            |slot: u8| read.contains(Slot(slot)).then(|| self.members[usize::from(slot)].row(row));
        let data = stripe::data(scenario, row, there);
        data.ok_or_else(|| format!("row {row} is to be computed from {read:?}"))
    }

    /// Whether what these members hold of a row fits together.
    pub(super) fn fits(&self, scenario: &Scenario, row: u64, slots: SlotSet) -> bool {
        let Ok(data) = self.data(scenario, row, slots) else { return true };
        slots.iter().all(|slot| {
            let block = stripe::block(strip_of(scenario, row, slot.0), &data);
            self.members[slot.index()].row(row) == block
        })
    }

    fn covered(&self, slots: SlotSet) -> Covered {
        let place = |slot: Slot| (slot.0, self.members[slot.index()].cells.map(|cell| cell.last()));
        slots.iter().map(place).collect()
    }

    fn user_flush(&mut self) {
        self.left.flushes -= 1;
        let mut versions = Versions::new();
        for (row, columns) in (0u8..).zip(&self.blocks) {
            for (column, block) in (0u8..).zip(columns) {
                if block.acknowledged > block.promised {
                    versions.push((row, column, block.acknowledged));
                }
            }
        }
        let covered = self.covered(self.core.live());
        self.job(Purpose::UserFlush { versions, covered });
    }

    fn job(&mut self, purpose: Purpose) {
        self.jobs.push(Job { purpose, legs: Vec::new(), failed: SlotSet::EMPTY });
    }

    // ---- the engine

    pub(super) fn pump(&mut self, scenario: &Scenario) -> Verdict {
        for _ in 0..1000 {
            let Some(command) = self.core.poll(self.now) else { return Ok(()) };
            match command {
                Command::Copy { window, rows, operation, from, targets, verify } => {
                    self.job(Purpose::Read(Copy {
                        window,
                        rows,
                        operation,
                        from,
                        targets,
                        verify,
                    }));
                }
                Command::Flush { id, slots } => {
                    let covered = self.covered(slots);
                    self.job(Purpose::Flush { id, covered });
                }
                Command::Persist { seq, to } => {
                    let image = self.image(scenario, seq).ok_or("no snapshot of a record")?;
                    if to.intersects(image.state.failed) {
                        return Err(format!("a record goes to a failed member: {image:?}"));
                    }
                    self.records += 1;
                    self.serials.0 += 1;
                    self.job(Purpose::Persist {
                        seq,
                        to,
                        number: self.records,
                        image: Box::new(image),
                    });
                }
                Command::Wake(wake) => self.wake(wake),
                Command::Notice(Notice::SetFailed) => {
                    self.over = true;
                    self.acks.clear();
                }
                Command::Notice(Notice::WriteHole) => self.lose_what_disagrees(scenario),
                Command::Notice(_) => {}
            }
        }
        Err("poll never ends".to_string())
    }

    fn image(&self, scenario: &Scenario, seq: RecordSeq) -> Option<Image> {
        let mut state = self.core.snapshot(seq)?;
        if !scenario.mark {
            // Such a format has a place for who is being filled, and for no operation.
            let targets = state.rebuilding;
            let rebuild = Progress::start(Operation::Rebuild { targets });
            state.progress = (!targets.is_empty()).then_some(rebuild);
        }
        let mut disks = [0; MEMBERS];
        disks.iter_mut().zip(&self.members).for_each(|(key, member)| *key = member.key);
        let issued = Ghost(Issued { serial: self.serials.0 + 1, disks });
        if !scenario.regions {
            return Some(Image { issued, ..Image::plain(state) });
        }
        let record = self.core.record(seq)?;
        let mut regions = Vec::new();
        record.regions(&mut |region| regions.push(region));
        let regions = regions.try_into().ok();
        let (generation, debtors) = (record.generation(), record.debtors());
        Some(Image { state, generation, debtors, regions, issued })
    }

    fn wake(&mut self, wake: WaitFor) {
        let hit = |wait: WaitFor| match (wait, wake) {
            (WaitFor::Record(waited), WaitFor::Record(now)) => waited <= now,
            _ => wait == wake,
        };
        for wish in &mut self.wishes {
            if matches!(wish.turn, Turn::Parked(wait) if hit(wait)) {
                wish.turn = Turn::Woken;
            }
        }
        for (seq, versions, durable) in std::mem::take(&mut self.acks) {
            match hit(WaitFor::Record(seq)) {
                true => self.acknowledge(&versions, durable),
                false => self.acks.push((seq, versions, durable)),
            }
        }
    }

    fn lose_what_disagrees(&mut self, scenario: &Scenario) {
        let failed = self.core.status().failed;
        for row in 0..ROWS as u64 {
            let fits = self.fits(scenario, row, scenario.all());
            for column in 0..scenario.columns() {
                let block = &mut self.blocks[row as usize][column];
                if !fits && failed.contains(Slot(slot_of(scenario, row, column))) {
                    block.lost = Some(block.versions);
                }
            }
        }
    }

    fn land(&mut self, scenario: &Scenario, index: usize, leg: usize) -> Verdict {
        let job = &mut self.jobs[index];
        let durable = match &job.purpose {
            Purpose::Write { durable, .. } => *durable || !scenario.cached,
            _ => !scenario.cached,
        };
        let leg = job.legs.remove(leg);
        if self.members[usize::from(leg.slot)].dead {
            job.failed.insert(Slot(leg.slot));
        } else {
            for (row, value) in leg.rows.into_iter().enumerate() {
                let Some(value) = value else { continue };
                let cell = &mut self.members[usize::from(leg.slot)].cells[row];
                cell.write(value);
                if durable {
                    let last = cell.last();
                    self.settle(leg.slot, row, last);
                }
            }
        }
        if self.jobs[index].legs.is_empty() {
            let job = self.jobs.remove(index);
            self.report(scenario, job)?;
        }
        Ok(())
    }

    /// What is at `place` of a cell is on the medium; places that flushes under way cover move down.
    fn settle(&mut self, slot: u8, row: usize, place: u8) {
        self.members[usize::from(slot)].cells[row].settle(place);
        for job in &mut self.jobs {
            if let Purpose::UserFlush { covered, .. } | Purpose::Flush { covered, .. } =
                &mut job.purpose
                && let Some((_, places)) = covered.iter_mut().find(|(at, _)| *at == slot)
            {
                places[row] = places[row].saturating_sub(place);
            }
        }
    }

    fn flush(&mut self, covered: &Covered) -> SlotSet {
        let mut failed = SlotSet::EMPTY;
        for (slot, places) in covered {
            match self.members[usize::from(*slot)].dead {
                true => failed.insert(Slot(*slot)),
                false => {
                    (0..ROWS).for_each(|row| self.settle(*slot, row, places[row]));
                }
            }
        }
        failed
    }

    fn report(&mut self, scenario: &Scenario, job: Job) -> Verdict {
        let wrong = |error: Unexpected| error.to_string();
        let now = self.now;
        match job.purpose {
            Purpose::Write { ticket, versions, durable, .. } => {
                let ack = self.core.complete(now, ticket, job.failed).map_err(wrong)?;
                self.answer(ack, versions, durable || (!scenario.cached && scenario.strict));
            }
            Purpose::UserFlush { versions, covered } => {
                let failed = self.flush(&covered);
                let ack = self.core.complete_flush(failed);
                self.answer(ack, versions, true);
            }
            Purpose::Flush { id, covered } => {
                let failed = self.flush(&covered);
                self.core.flushed(now, id, failed).map_err(wrong)?;
            }
            Purpose::Persist { seq, to, number, image } => {
                let mut failed = SlotSet::EMPTY;
                for slot in to.iter() {
                    let member = &mut self.members[slot.index()];
                    match member.dead {
                        true => failed.insert(slot),
                        false => member.record = Some((number, *image)),
                    }
                }
                // It counts if all hold it that it trusts.
                let named = image.state.failed | image.state.rebuilding;
                if named.contains_all(failed) {
                    self.distrusted = named;
                    self.confirmed = Ghost(*image);
                }
                self.core.persisted(now, seq, failed).map_err(wrong)?;
            }
            Purpose::Read(copy) => self.copy(scenario, &copy)?,
            Purpose::Copied { window, at, mismatched } => {
                let write_failed = job.failed;
                let result = CopyResult { write_failed, mismatched, ..CopyResult::good(at.len) };
                self.core.copied(now, window, result).map_err(wrong)?;
            }
        }
        Ok(())
    }

    /// Reads the sources of a copy; what it writes follows. Every source is asked before a row counts as
    /// unreadable.
    fn copy(&mut self, scenario: &Scenario, copy: &Copy) -> Verdict {
        let dead = |slot: &Slot| self.members[slot.index()].dead;
        let scrub = matches!(copy.operation, Operation::Check | Operation::Repair);
        let whole = scenario.parity > 0 || scrub;
        let (mut sources, mut failed) = (SlotSet::EMPTY, SlotSet::EMPTY);
        for slot in copy.from.iter() {
            match dead(&slot) {
                true => failed.insert(slot),
                false if whole || sources.is_empty() => sources.insert(slot),
                false => {}
            }
            if !whole && !sources.is_empty() {
                break;
            }
        }
        failed.iter().for_each(|slot| self.core.member_failed(slot));
        // A resync needs all data, a scrub all copies.
        let needed = match scenario.parity {
            0 if scrub => copy.from.len(),
            _ if matches!(copy.operation, Operation::Rebuild { .. }) => scenario.needed(),
            0 => 1,
            _ => copy.from.len(),
        };
        if sources.len() < needed {
            let result = CopyResult { read_failed: failed, ..CopyResult::default() };
            let window = copy.window;
            return self.core.copied(self.now, window, result).map_err(|error| error.to_string());
        }
        let mut mismatched = 0;
        let none = |slot: Slot| Leg { slot: slot.0, rows: [None; ROWS] };
        let mut legs: Vec<Leg> = copy.targets.iter().map(none).collect();
        let lowest = sources.lowest().ok_or("a copy without a source")?;
        for row in copy.rows.start.0..copy.rows.end().0 {
            let get = |slot: Slot| self.members[slot.index()].row(row);
            let data = match scenario.parity {
                0 => [get(lowest), 0],
                _ => self.data(scenario, row, sources)?,
            };
            let block = |slot: Slot| stripe::block(strip_of(scenario, row, slot.0), &data);
            let differ = sources.iter().any(|slot| get(slot) != block(slot));
            let scrub = copy.verify != Verify::Overwrite;
            mismatched += u64::from(scrub && differ);
            if copy.verify == Verify::Compare || (scrub && !differ) {
                continue;
            }
            let rebuild = matches!(copy.operation, Operation::Rebuild { .. });
            for leg in &mut legs {
                let slot = Slot(leg.slot);
                let data = matches!(strip_of(scenario, row, leg.slot), Strip::Data(_));
                let kept = match scenario.parity {
                    0 => slot == lowest,
                    // A resync writes parity only.
                    _ => !rebuild && data,
                };
                leg.rows[row as usize] = (!kept).then(|| block(slot));
            }
        }
        legs.retain(|leg| leg.rows.iter().any(Option::is_some));
        let (window, at) = (copy.window, copy.rows);
        let purpose = Purpose::Copied { window, at, mismatched };
        self.jobs.push(Job { purpose, legs, failed: SlotSet::EMPTY });
        Ok(())
    }

    fn answer(&mut self, ack: Ack, versions: Versions, durable: bool) {
        match ack {
            Ack::Now => self.acknowledge(&versions, durable),
            Ack::After(seq) => self.acks.push((seq, versions, durable)),
            Ack::NoCopyLeft => {}
        }
    }

    fn acknowledge(&mut self, versions: &Versions, durable: bool) {
        for (row, column, version) in versions {
            let block = &mut self.blocks[usize::from(*row)][usize::from(*column)];
            block.acknowledged = block.acknowledged.max(*version);
            if durable {
                block.promised = block.promised.max(*version);
                block.lost = block.lost.filter(|versions| version < versions);
            }
        }
    }
}

/// A core as a start finds it.
pub(super) fn build(
    scenario: &Scenario,
    absent: SlotSet,
    found: &Image,
    members: &[Member],
    start: Start,
) -> Result<Core, Refusal> {
    crate::defect::plant(scenario.defect);
    let here = |(slot, _): &(Slot, &Member)| !absent.contains(*slot);
    let seated = (0u8..).map(Slot).zip(members).filter(here);
    let seated: Vec<_> =
        seated.map(|(slot, member)| Seated { slot, key: MemberKey::new(member.key) }).collect();
    let regions = found.regions.as_ref().map_or(&[][..], |regions| regions);
    let Image { state, generation, debtors, .. } = *found;
    let found = Found { state, generation, debtors, regions, bad: &[], seated: &seated };
    let mut core = Core::EMPTY;
    core.restore(scenario.config(absent), &found, scenario.capabilities(), start)?;
    Ok(core)
}
