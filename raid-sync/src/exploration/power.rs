// SPDX-License-Identifier: MIT OR Apache-2.0
//! Power failures: everything that may be left on the media, and the start from there.
//!
//! Of each row of each member any version may be left that was cached or on its way since the last
//! completed flush. Of a record being written each member holds the new one or the one before (a torn
//! record reads as the one before). A dead member may be back with what it last held, or stay away; or
//! one more member stays away. Members stay away only as far as a record that was acknowledged on all
//! others allows: with fewer, data is gone whatever the core does.

use super::member::{Cell, Ghost, Image, Member, ROWS};
use super::scenario::Scenario;
use super::search::Fingerprint;
use super::stripe::{COLUMNS, Value, renumbered, versions};
use super::world::{Block, Journal, Left, Purpose, Wish, World, build};
use crate::conformance::History;
use crate::defect::freshest;
use crate::{Refusal, Start, Time};
use raid_core::metadata::{Operation, RuntimeState, Seen, SplitBrain};
use raid_core::units::{Slot, SlotSet};
use std::format;
use std::string::String;
use std::vec::Vec;

/// What a power failure leaves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Stopped {
    pub(super) members: Vec<Member>,
    blocks: [[Block; COLUMNS]; ROWS],
    distrusted: SlotSet,
    journal: Journal,
    left: Left,
    serials: Ghost<u32>,
    confirmed: Ghost<Image>,
    history: Ghost<Option<History>>,
}

/// What may be left of one member.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Options {
    rows: [Vec<Value>; ROWS],
    records: Vec<Option<(u8, Image)>>,
    dead: bool,
}

fn add<T: PartialEq>(options: &mut Vec<T>, option: T) {
    if !options.contains(&option) {
        options.push(option);
    }
}

impl World {
    fn options(&self, scenario: &Scenario) -> Vec<Options> {
        let option = |(slot, member): (Slot, &Member)| {
            let mut rows = member.cells.map(|cell| {
                let mut values = Vec::new();
                cell.values().iter().for_each(|value| add(&mut values, *value));
                values
            });
            let mut records = Vec::from([member.record]);
            for job in self.jobs.iter().filter(|_| !member.dead) {
                for leg in job.legs.iter().filter(|leg| leg.slot == slot.0) {
                    for (values, value) in rows.iter_mut().zip(leg.rows) {
                        value.into_iter().for_each(|value| add(values, value));
                    }
                }
                match &job.purpose {
                    Purpose::Persist { to, number, image, .. }
                        if to.contains(slot) && self.begins(scenario, &job.purpose) =>
                    {
                        add(&mut records, Some((*number, **image)));
                    }
                    _ => {}
                }
            }
            rows.iter_mut().for_each(|values| values.sort_unstable());
            Options { rows, records, dead: member.dead }
        };
        (0u8..).map(Slot).zip(&self.members).map(option).collect()
    }

    /// Blocks as a start sees them: nothing counts but what was promised.
    fn promised(&self) -> [[Block; COLUMNS]; ROWS] {
        self.blocks.map(|columns| {
            columns.map(|block| Block {
                acknowledged: block.promised,
                seen: block.promised,
                ..block
            })
        })
    }

    /// Stands for all that a power failure here may leave.
    pub(super) fn cut(&self, scenario: &Scenario) -> (u64, u64) {
        let promised = (self.promised(), self.distrusted, self.journal);
        Fingerprint::of(&(self.options(scenario), promised, self.left))
    }

    /// Every outcome of a power failure in this state.
    pub(super) fn power_fails<E>(
        &self,
        scenario: &Scenario,
        then: &mut dyn FnMut(Stopped) -> Result<(), E>,
    ) -> Result<(), E> {
        let options = self.options(scenario);
        let left = Left { crashes: self.left.crashes - 1, ..self.left };
        let mut away: Vec<SlotSet> = Vec::from([SlotSet::EMPTY]);
        let dead: SlotSet = slots(&options).filter(|(_, o)| o.dead).map(|(slot, _)| slot).collect();
        add(&mut away, dead);
        scenario.all().iter().for_each(|slot| add(&mut away, dead | SlotSet::of(slot)));
        scenario.all().iter().for_each(|slot| add(&mut away, SlotSet::of(slot)));
        let trusted = scenario.all().without(self.distrusted);
        away.retain(|away| trusted.without(*away).len() >= scenario.needed());
        let stopped = Stopped {
            members: self.members.clone(),
            blocks: self.promised(),
            distrusted: self.distrusted,
            journal: self.journal,
            left,
            serials: self.serials,
            confirmed: self.confirmed,
            history: self.history.clone(),
        };
        for away in away {
            let mut stopped = stopped.clone();
            for (slot, member) in (0u8..).map(Slot).zip(&mut stopped.members) {
                member.dead = away.contains(slot);
            }
            choose(&options, 0, stopped, then)?;
        }
        Ok(())
    }
}

fn slots(options: &[Options]) -> impl Iterator<Item = (Slot, &Options)> {
    (0u8..).map(Slot).zip(options)
}

/// All combinations, member by member.
fn choose<E>(
    options: &[Options],
    index: usize,
    stopped: Stopped,
    then: &mut dyn FnMut(Stopped) -> Result<(), E>,
) -> Result<(), E> {
    let Some(option) = options.get(index) else { return then(stopped.renumbered()) };
    // What an absent member holds matters if it may come back.
    let matters = stopped.left.crashes > 0 || !stopped.members[index].dead;
    let few = |len: usize| if matters { len } else { 1 };
    for record in &option.records[..few(option.records.len())] {
        for first in &option.rows[0][..few(option.rows[0].len())] {
            for second in &option.rows[1][..few(option.rows[1].len())] {
                let mut stopped = stopped.clone();
                let member = &mut stopped.members[index];
                member.cells = [Cell::of(*first), Cell::of(*second)];
                member.record = *record;
                choose(options, index + 1, stopped, then)?;
            }
        }
    }
    Ok(())
}

impl Stopped {
    /// The same with versions and records numbered anew: those that are nowhere left do not count.
    fn renumbered(mut self) -> Self {
        for row in 0..ROWS {
            for column in 0..COLUMNS {
                let block = &mut self.blocks[row][column];
                let logged = self.journal.rows[row].iter().flatten().copied();
                let there = self.members.iter().map(|m| m.row(row as u64)).chain(logged);
                let left = there.map(|value| versions(column, value));
                let left = left.fold(1u16 << block.promised, |all, some| all | some);
                let rank = |version: u8| (left & ((1 << version) - 1)).count_ones() as u8;
                block.versions = left.count_ones() as u8;
                let promised = rank(block.promised);
                (block.promised, block.acknowledged, block.seen) = (promised, promised, promised);
                block.lost = block.lost.map(|_| block.versions);
                for member in &mut self.members {
                    let new = renumbered(column, member.row(row as u64), rank);
                    member.cells[row] = Cell::of(new);
                }
                for value in self.journal.rows[row].iter_mut().flatten() {
                    *value = renumbered(column, *value, rank);
                }
            }
        }
        let mut numbers: Vec<u8> = self.members.iter().filter_map(|m| Some(m.record?.0)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        for member in &mut self.members {
            if let Some((number, _)) = &mut member.record {
                *number = numbers.iter().position(|n| n == number).unwrap_or(0) as u8;
            }
        }
        self
    }

    pub(super) fn fingerprint(&self) -> (u64, u64) {
        Fingerprint::of(&("stopped", self))
    }

    /// The records that are there, by slot.
    fn records(&self) -> impl Iterator<Item = (Slot, u8, Image)> + '_ {
        let here = (0u8..).map(Slot).zip(&self.members).filter(|(_, member)| !member.dead);
        here.filter_map(|(slot, member)| member.record.map(|(n, image)| (slot, n, image)))
    }

    /// What the record says that speaks for the set.
    fn found(&self) -> Result<Option<Image>, SplitBrain> {
        let seen = |(slot, number, image): (Slot, u8, Image)| {
            let (absent, filling) = (image.state.failed, image.state.rebuilding);
            let (generation, number) = (image.generation, number.into());
            Seen { slot, generation, number, absent, filling }
        };
        let seen: Vec<Seen> = self.records().map(seen).collect();
        let newest = freshest(&seen, 32)?.map(|freshest| freshest.newest);
        Ok(newest.and_then(|newest| self.records().nth(newest)).map(|(_, _, image)| image))
    }

    /// Whether two records that are there do not believe each other's member, or three or more call each other's
    /// members absent in a ring, so that none stands.
    fn is_split(&self) -> bool {
        let accuses =
            |says: &Image, slot| (says.state.failed | says.state.rebuilding).contains(slot);
        let overruled = |(one, _, says): (Slot, u8, Image)| {
            self.records().any(|(other, _, of_other)| {
                other != one && accuses(&of_other, one) && !accuses(&says, other)
            })
        };
        let ring = self.records().all(overruled);
        ring || self.records().any(|(one, _, says)| {
            let apart = |(other, _, of_other): (Slot, u8, Image)| {
                other != one && accuses(&says, other) && accuses(&of_other, one)
            };
            self.records().any(apart)
        })
    }

    /// Writes to the members what the journal holds. It is in use exactly while the record says that a
    /// member is missing or being filled; at any other time what it holds is old.
    fn replay(&mut self, found: &Image, absent: SlotSet) -> Start {
        let in_use = !(found.state.failed | found.state.rebuilding).is_empty();
        if !in_use {
            self.journal = Journal::default();
        }
        if found.state.clean || !self.journal.open {
            return Start::Normal;
        }
        for (row, logged) in self.journal.rows.iter().enumerate() {
            let members = (0u8..).map(Slot).zip(&mut self.members).zip(logged);
            for ((slot, member), value) in members {
                if let Some(value) = value.filter(|_| !absent.contains(slot)) {
                    member.cells[row] = Cell::of(value);
                }
            }
        }
        Start::JournalReplayed
    }

    /// The set started again; `None` if that was rightly refused.
    pub(super) fn restart(mut self, scenario: &Scenario) -> Result<Option<World>, String> {
        let found = match self.found() {
            Ok(found) => found.ok_or("no member has a record")?,
            // Both went on alone: nobody can know which of them was promised more.
            Err(_) if self.is_split() => return Ok(None),
            Err(split) => return Err(format!("refused without need: {split}: {:?}", self.members)),
        };
        // A disk without a record is not known as a member.
        let here = |member: &Member| !member.dead && member.record.is_some();
        let absent = (0u8..).map(Slot).zip(&self.members).filter(|(_, member)| !here(member));
        let absent: SlotSet = absent.map(|(slot, _)| slot).collect();
        let start = self.replay(&found, absent);
        let core = match build(scenario, absent, &found, &self.members, start) {
            Ok(core) => core,
            Err(refusal) if justified(scenario, &refusal, &found.state, absent) => return Ok(None),
            Err(refusal) => return Err(format!("{found:?} is refused: {refusal}")),
        };
        let mut world = World::new(scenario);
        // No format knows the numbers of a disk that is away.
        world.records = self.records().map(|(_, number, _)| number).max().unwrap_or(0);
        world.core = core;
        world.now = Time(0);
        world.wishes = scenario.again.iter().map(|w| Wish::new(w, scenario.durable)).collect();
        world.alone = self.left.crashes == 0;
        world.blocks = self.blocks;
        world.distrusted = self.distrusted;
        world.journal = self.journal;
        world.serials = self.serials;
        world.confirmed = self.confirmed;
        world.history = self.history;
        world.left = self.left;
        world.failed = world.core.status().failed;
        world.members = self.members;
        for (slot, member) in (0u8..).map(Slot).zip(&mut world.members) {
            member.dead |= absent.contains(slot);
        }
        world.start(scenario, &found, absent)?;
        let before = world.state(scenario);
        world.pump(scenario)?;
        world.keep_journal(scenario)?;
        world.judge(scenario)?;
        world.follow(scenario, before.as_ref())?;
        Ok(Some(world))
    }
}

/// Whether the record that was found leaves the core no other choice.
fn justified(
    scenario: &Scenario,
    refusal: &Refusal,
    found: &RuntimeState,
    absent: SlotSet,
) -> bool {
    let trusted = scenario.all().without(found.failed | found.rebuilding | absent);
    match refusal {
        Refusal::DirtyAndDegraded { .. } | Refusal::ResyncOwedAndDegraded { .. } => {
            let unclean = !found.clean || found.operation() == Some(Operation::Resync);
            scenario.parity > 0 && unclean && trusted != scenario.all()
        }
        Refusal::NoCopyLeft { .. } => trusted.len() < scenario.needed(),
        _ => false,
    }
}
