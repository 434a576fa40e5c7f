// SPDX-License-Identifier: MIT OR Apache-2.0
//! Metadata commits, one at a time over all disks of the configuration.
//!
//! | stage | waits for |
//! |---|---|
//! | `Draining` | a record that says "short of a member": rows under way that are not in the journal |
//! | `OpeningJournal` | the journal of a new epoch |
//! | `Guarding` | every live disk's [guard](super::guard), read again; what was waited for is then looked at again |
//! | `Writing` | every live disk's steps, each disk at its own pace |
//!
//! Several sets may share one configuration, so their records queue here.

use super::group::{Ask, Results};
use super::guard::Guards;
use super::returning::key_of;
use super::{CallError, Engine, Event, Owner, Set};
use crate::backplane::Transfer;
use crate::store::{CommitStep, Store};
use raid_core::array::{MemberId, Place};
use raid_core::metadata::{
    Admin, ChangeError, DiskBuffer, DiskShape, Operation, Progress, RuntimeState, Seen, SetRecord,
    Stamp,
};
use raid_core::units::{Extent, Slot, SlotSet};
use raid_sync::{RecordSeq, Refusal};
use std::collections::{BTreeMap, VecDeque};

#[derive(Clone, Copy, Debug)]
enum Job {
    /// Write what was found at the start once more: an update that a power cut interrupted is then on
    /// every disk, or on none. Without it a disk that missed that update and the next would be two
    /// behind, and taken for a stale one.
    ///
    /// What was interrupted may become complete by this without a new number. Then it is written
    /// `again`, under the next one: with the first record of the run that makes two, and nothing is
    /// promised before that record. So an older copy of a disk, from before the run, is two behind
    /// and cannot be mistaken for a disk that an interrupted update did not reach.
    Align { set: usize, again: bool },
    /// Write the run-time state of a set.
    Record { set: usize, seq: RecordSeq },
    /// Put a spare into a place.
    Activate { place: Place, disk: usize },
    /// Take back the disk that left a place.
    Return { place: Place, disk: usize, same: bool },
    /// Take a blank disk into the configuration.
    AddSpare { disk: usize, shape: DiskShape },
    /// Take a spare out of the configuration, and its metadata off it.
    ReleaseSpare { disk: usize, id: MemberId },
}

impl Job {
    /// Whether it concerns this set. A new disk concerns all of them.
    fn is_about(self, set: usize) -> bool {
        match self {
            Self::Record { set: of, .. } | Self::Align { set: of, .. } => of == set,
            Self::Activate { place, .. } | Self::Return { place, .. } => {
                usize::from(place.set) == set
            }
            Self::AddSpare { .. } | Self::ReleaseSpare { .. } => true,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Draining,
    OpeningJournal,
    Guarding,
    Writing,
}

#[derive(Debug)]
struct Run {
    job: Job,
    stage: Stage,
    /// What is read before the first step; `None` until that was asked for.
    guards: Option<Guards>,
    /// Steps that are left, by disk.
    steps: BTreeMap<usize, VecDeque<CommitStep>>,
    /// Disks that hold all of it.
    stored: Vec<usize>,
    failed: Vec<usize>,
    /// Disks that came back while they were written. What their caches held is not known, so an answer
    /// that arrives now says nothing of what they hold.
    returned: Vec<usize>,
    /// The record says of these members that they are gone or being filled.
    named: SlotSet,
    /// How many failures had been noticed when it was made.
    failures: u64,
    /// Whether it is another update than the newest on the disks before it.
    counted: bool,
}

/// The members that must store a record, with the disks that they had when it was issued.
pub(super) type Storers = Vec<(Slot, Option<usize>)>;

/// Commits that wait, and the one under way.
#[derive(Debug, Default)]
pub(super) struct Commits {
    queue: VecDeque<Job>,
    run: Option<Run>,
    /// Joined members that the sync engine could not take at once.
    joining: Vec<(usize, Slot)>,
    /// Returned members that it could not take at once.
    returning: Vec<(Place, usize, bool)>,
    /// For each record that is not written yet its set, and the members that must store it with the
    /// disks that they had when it was issued.
    to: Vec<(usize, Storers)>,
}

impl Commits {
    pub(super) fn request_alignment(&mut self, set: usize) {
        self.queue.push_back(Job::Align { set, again: false });
    }

    pub(super) fn request_record(&mut self, set: usize, seq: RecordSeq, to: Storers) {
        self.to.retain(|(of, _)| *of != set);
        self.to.push((set, to));
        self.queue.push_back(Job::Record { set, seq });
    }

    fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.queue.iter().chain(self.run.iter().map(|run| &run.job))
    }

    /// Whether a disk is on its way into this place.
    pub(super) fn names_place(&self, place: Place) -> bool {
        let into = |job: &Job| match job {
            Job::Activate { place: to, .. } | Job::Return { place: to, .. } => *to == place,
            _ => false,
        };
        self.jobs().any(into)
            || self.joining.contains(&(usize::from(place.set), place.slot))
            || self.returning.iter().any(|(to, ..)| *to == place)
    }

    /// Whether this disk is on its way into a place, or into the configuration.
    pub(super) fn names_disk(&self, disk: usize) -> bool {
        let names = |job: &Job| match job {
            Job::Activate { disk: named, .. }
            | Job::Return { disk: named, .. }
            | Job::AddSpare { disk: named, .. }
            | Job::ReleaseSpare { disk: named, .. } => *named == disk,
            _ => false,
        };
        self.jobs().any(names) || self.returning.iter().any(|(_, named, _)| *named == disk)
    }

    /// What changes whenever a commit moves on.
    fn position(&self) -> (usize, Option<Stage>, usize, usize) {
        let stage = self.run.as_ref().map(|run| run.stage);
        (self.queue.len(), stage, self.joining.len(), self.returning.len())
    }

    pub(super) fn request_activation(&mut self, place: Place, disk: usize) {
        self.queue.push_back(Job::Activate { place, disk });
    }

    pub(super) fn request_return(&mut self, place: Place, disk: usize, same: bool) {
        self.queue.push_back(Job::Return { place, disk, same });
    }

    pub(super) fn request_spare(&mut self, disk: usize, shape: DiskShape) {
        self.queue.push_back(Job::AddSpare { disk, shape });
    }

    pub(super) fn request_release(&mut self, disk: usize, id: MemberId) {
        self.queue.push_back(Job::ReleaseSpare { disk, id });
    }

    /// Whether the commit under way writes this disk.
    pub(super) fn writes(&self, disk: usize) -> bool {
        self.run.as_ref().is_some_and(|run| run.steps.contains_key(&disk))
    }

    /// A disk is back: what is being written there does not count.
    pub(super) fn disk_returned(&mut self, disk: usize) {
        let run = self.run.as_mut().filter(|run| run.steps.contains_key(&disk));
        if let Some(run) = run {
            run.returned.push(disk);
        }
    }

    /// Whether disks are being written.
    pub(super) fn is_writing(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.stage == Stage::Writing)
    }

    /// Whether what is being written is this set's.
    pub(super) fn is_about(&self, set: usize) -> bool {
        self.run.as_ref().is_some_and(|run| run.job.is_about(set))
    }

    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty()
            && self.run.is_none()
            && self.joining.is_empty()
            && self.returning.is_empty()
    }
}

impl Engine {
    /// Moves commits on as far as they go without waiting. Whether any moved: a change that was refused
    /// has moved as well, what stands behind it can go on.
    pub(super) fn pump_commits(&mut self) -> bool {
        let before = self.commits.position();
        self.retry_joins();
        // One that must wait for another goes behind it.
        for _ in 0..self.commits.queue.len() {
            if self.commits.run.is_none()
                && let Some(job) = self.next_job()
            {
                let run = Run {
                    job,
                    stage: Stage::Draining,
                    guards: None,
                    steps: BTreeMap::new(),
                    stored: Vec::new(),
                    failed: Vec::new(),
                    returned: Vec::new(),
                    named: SlotSet::EMPTY,
                    failures: 0,
                    counted: false,
                };
                self.commits.run = Some(run);
            }
            self.resume_commit();
        }
        self.resume_commit();
        before != self.commits.position()
    }

    /// The first job whose time has come. A disk takes its place only when the sync engine would seat it
    /// now: what it waits for may be a record that stands behind it.
    fn next_job(&mut self) -> Option<Job> {
        let ready = |job: &Job| match *job {
            Job::Activate { place, .. } | Job::Return { place, .. } => {
                self.would_seat(place) != Err(Refusal::Busy)
            }
            _ => true,
        };
        let first = self.commits.queue.iter().position(ready)?;
        self.commits.queue.remove(first)
    }

    /// Whether the sync engine would seat a disk in this place now.
    fn would_seat(&self, place: Place) -> Result<(), Refusal> {
        self.sets[usize::from(place.set)].core.can_join(place.slot)
    }

    /// Whether a set that this is about has failed: then nothing is written any more.
    fn is_abandoned(&self, job: Job) -> bool {
        (0..self.sets.len()).any(|set| job.is_about(set) && self.sets[set].has_failed())
    }

    /// Drops the job under way: its set has failed.
    fn abandon(&mut self, job: Job) {
        let stored = self.commits.run.take().map_or(Vec::new(), |run| run.stored);
        stored.into_iter().for_each(|disk| self.note_committed(disk));
        match job {
            Job::Record { set, seq } => self.record_stored(set, seq, &[]),
            Job::Align { .. } => {}
            Job::Activate { place, disk } | Job::Return { place, disk, .. } => {
                let why = match self.would_seat(place) {
                    Err(why) => why,
                    Ok(()) => Refusal::Member(place.slot),
                };
                self.events.push_back(Event::NotTaken { place, disk, why: why.into() });
            }
            Job::AddSpare { disk, .. } | Job::ReleaseSpare { disk, .. } => {
                let what =
                    "not changed: too few members are left, nothing is written before a new start";
                self.events.push_back(Event::Refused(ChangeError::Disk { disk, what }));
            }
        }
    }

    /// What the record says, of the disks that sit in the set now, and that the members have failed which
    /// did so since it was made: rows that were under way without them are behind it. Where another disk has
    /// taken a seat since, or the same one is back, that one has not failed: it is being filled.
    fn record(&self, set: usize, seq: RecordSeq) -> Option<RuntimeState> {
        let core = &self.sets[set].core;
        let mut state = core.snapshot(seq)?;
        let joins = self.commits.joining.iter().filter(|(of, _)| *of == set);
        let joins: SlotSet = joins.map(|(_, slot)| *slot).collect();
        let seated = (state.failed & core.live()) | joins;
        let failed = (state.failed | core.status().failed).without(seated);
        state.failed = failed;
        state.rebuilding = (state.rebuilding | seated).without(failed);
        if let Some(Progress { operation: Operation::Rebuild { targets }, .. }) =
            &mut state.progress
        {
            *targets = targets.without(failed);
            if targets.is_empty() {
                state.progress = None;
            }
        }
        Some(state)
    }

    /// The stage under way may be over.
    pub(super) fn resume_commit(&mut self) {
        let Some((job, stage)) = self.commits.run.as_ref().map(|run| (run.job, run.stage)) else {
            return;
        };
        if stage != Stage::Writing && self.is_abandoned(job) {
            return self.abandon(job);
        }
        let set = match job {
            Job::Record { set, .. } | Job::Align { set, .. } => set,
            Job::Activate { place, .. } | Job::Return { place, .. } => usize::from(place.set),
            Job::AddSpare { .. } | Job::ReleaseSpare { .. } => 0,
        };
        match stage {
            Stage::Guarding | Stage::Writing => {}
            Stage::Draining => self.drain(job),
            Stage::OpeningJournal => {
                if self.sets[set].journal.open {
                    self.write_commit(job);
                } else if !self.sets[set].losses_recorded() {
                    match job {
                        // The epoch waits for this record, which is to name one more.
                        Job::Record { .. } if self.sets[set].journal.in_use => self.drain(job),
                        Job::Record { .. } => {}
                        _ => self.defer(job),
                    }
                }
            }
        }
    }

    /// Whether no other program wrote the disks, as far as has been asked; else that is asked first.
    fn is_guarded(&mut self, job: Job) -> bool {
        if self.commits.run.as_ref().is_none_or(|run| run.guards.is_some()) {
            return true;
        }
        let also = match job {
            Job::Activate { disk, .. } | Job::ReleaseSpare { disk, .. } => Some(disk),
            _ => None,
        };
        let guards = self.start_guard(also);
        let waits = !guards.is_empty();
        if let Some(run) = &mut self.commits.run {
            run.guards = Some(guards);
            if waits {
                run.stage = Stage::Guarding;
            }
        }
        !waits
    }

    /// The disks were looked at again.
    pub(super) fn guard_resumed(&mut self, id: u64, results: &Results) {
        // The commit may have been dropped meanwhile, and another one may be under way.
        let run = self.commits.run.as_mut();
        let own = |run: &&mut Run| run.guards.as_ref().is_some_and(|own| own.id == id);
        let Some(run) = run.filter(own) else { return };
        let (job, guards) = (run.job, run.guards.clone().unwrap_or_default());
        run.stage = Stage::Draining;
        self.settle_broken(&guards, results);
        match self.moved_on(&guards, results) {
            None => self.resume_commit(),
            Some((disk, moved)) => {
                self.give_way(disk, moved);
                self.abandon(job);
            }
        }
    }

    fn drain(&mut self, job: Job) {
        if let Job::Activate { place, disk } | Job::Return { place, disk, .. } = job {
            if let Err(why) = self.would_seat(place)
                && why != Refusal::Busy
            {
                self.commits.run = None;
                return self.events.push_back(Event::NotTaken { place, disk, why: why.into() });
            }
            let set = &mut self.sets[usize::from(place.set)];
            if set.needs_journal {
                // What the journal holds for the failed member must never be replayed onto the spare.
                if !set.losses_recorded() {
                    return self.defer(job);
                }
                set.journal.request_open();
                return self.set_stage(Stage::OpeningJournal);
            }
        }
        if let Job::Record { set: index, seq } = job {
            let Some(state) = self.record(index, seq) else {
                // Overtaken by a later record.
                self.commits.run = None;
                return;
            };
            let set = &mut self.sets[index];
            let short = !(state.failed | state.rebuilding).is_empty();
            // From this record on the journal counts. What it holds now is of another time.
            if short && set.needs_journal && !set.journal.in_use {
                if set.unjournaled == 0 {
                    set.journal.request_open();
                    self.set_stage(Stage::OpeningJournal);
                }
                return;
            }
            let named = state.failed | state.rebuilding;
            if set.losses_recorded() && self.counts_on_windows(index, named) {
                self.sets[index].journal.request_open();
                return self.set_stage(Stage::OpeningJournal);
            }
        }
        self.write_commit(job);
    }

    /// A new epoch waits for a record that waits behind this: it goes first.
    fn defer(&mut self, job: Job) {
        self.commits.run = None;
        self.commits.queue.push_back(job);
    }

    fn set_stage(&mut self, stage: Stage) {
        if let Some(run) = &mut self.commits.run {
            run.stage = stage;
        }
    }

    /// Edits the metadata in memory and starts writing it.
    fn write_commit(&mut self, job: Job) {
        if let Job::Return { place, disk, same } = job {
            // Nothing to write yet: the record of it will say that it is being filled.
            self.commits.run = None;
            self.commits.returning.push((place, disk, same));
            return self.retry_joins();
        }
        // Both write the head of a journal, and the later one must be the one that stays.
        let begins = |set: usize| self.sets[set].journal.writes_head() || self.wants_epoch(set);
        if (0..self.sets.len()).any(begins) || !self.is_guarded(job) {
            return;
        }
        let counts = !self.heads.is_empty() || matches!(job, Job::Align { again: false, .. });
        let before = if counts { self.updates() } else { Vec::new() };
        let mut record = None;
        if let Job::Record { set, seq } = job {
            let Some(state) = self.record(set, seq) else {
                self.commits.run = None;
                return;
            };
            for slot in state.failed.iter() {
                if let Some(disk) = self.sets[set].slots[slot.index()].disk {
                    self.store.disks[disk].live = false;
                    self.heads.remove(disk);
                }
            }
            let named = state.failed | state.rebuilding;
            self.heads.only_gone(self.set_id(set), named);
            if self.counts_on_windows(set, named) {
                // A member failed before a new epoch could begin: until then no journal counts.
                self.heads.forget(self.set_id(set));
                self.sets[set].journal.request_open();
            }
            let Set { failures, journal, needs_journal, .. } = &mut self.sets[set];
            journal.in_use |= *needs_journal && !named.is_empty();
            if let Some(run) = &mut self.commits.run {
                (run.named, run.failures) = (named, *failures);
            }
            record = Some(state);
        }
        let edited = self.edit_without_refusers(job, record);
        let erased = match edited.and_then(|()| self.erasure(job)) {
            Ok(erased) => erased,
            Err(why) => return self.refuse_commit(job, why),
        };
        let live: Vec<usize> =
            (0..self.store.disks.len()).filter(|disk| self.store.disks[*disk].live).collect();
        self.stats.commits += 1;
        let after = if counts { self.updates() } else { Vec::new() };
        let update = |of: &[Option<u64>], disk: usize| of.get(disk).copied().flatten();
        let mut steps = BTreeMap::new();
        for disk in live {
            let mut own = self.settling.remove(&disk).unwrap_or_default();
            let erased = erased.filter(|(spare, _)| *spare == disk);
            if erased.is_some() {
                own.clear();
            }
            own.extend(self.tie(disk, [update(&before, disk), update(&after, disk)]));
            own.extend(match erased {
                Some((_, admin)) => self.store.erase_steps(admin, disk),
                None => self.store.commit_steps(self.format, disk),
            });
            steps.insert(disk, VecDeque::from(own));
        }
        let disks: Vec<usize> = steps.keys().copied().collect();
        if let Some(run) = &mut self.commits.run {
            run.stage = Stage::Writing;
            run.steps = steps;
            let newest =
                |of: &[Option<u64>]| disks.iter().filter_map(|disk| update(of, *disk)).max();
            run.counted = newest(&before) != newest(&after);
        }
        disks.into_iter().for_each(|disk| self.next_commit_step(disk));
        self.finish_commit();
    }

    /// Edits the metadata of all live disks. A disk on which the format refuses the change fails alone:
    /// the others take it without that disk.
    fn edit_without_refusers(
        &mut self,
        job: Job,
        record: Option<RuntimeState>,
    ) -> Result<(), ChangeError> {
        let stamp = self.stamp();
        loop {
            let why = match self.edit(job, record, stamp) {
                Ok(()) => return Ok(()),
                Err(why) => why,
            };
            let Some(disk) = self.refuser(job, record, stamp, &why) else { return Err(why) };
            self.store.disks[disk].live = false;
            self.events.push_back(Event::Refused(why));
            if let Some(run) = &mut self.commits.run {
                run.failed.push(disk);
            }
        }
    }

    /// The disk that stands against a change: the one that the format names, or the one without which it
    /// would accept. The disk that a change is about has no others to leave it out.
    fn refuser(
        &self,
        job: Job,
        record: Option<RuntimeState>,
        stamp: Stamp,
        why: &ChangeError,
    ) -> Option<usize> {
        let about = match job {
            Job::Activate { disk, .. }
            | Job::AddSpare { disk, .. }
            | Job::ReleaseSpare { disk, .. } => Some(disk),
            _ => None,
        };
        let live = |disk: &usize| {
            self.store.disks.get(*disk).is_some_and(|known| known.live) && about != Some(*disk)
        };
        match why.refusing_disk() {
            // Who wrote that disk has newer records: nobody is written over them.
            Some(_) if matches!(why, ChangeError::MovedOn { .. }) => None,
            Some(disk) => Some(disk).filter(live),
            None if about.is_some() => None,
            None => (0..self.store.disks.len()).filter(live).find(|disk| {
                let mut trial = self.store.clone();
                trial.disks[*disk].live = false;
                self.edit_in(&mut trial, job, record, stamp).is_ok()
            }),
        }
    }

    fn edit(
        &mut self,
        job: Job,
        record: Option<RuntimeState>,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        let mut store = std::mem::take(&mut self.store);
        let edited = self.edit_in(&mut store, job, record, stamp);
        self.store = store;
        edited
    }

    /// The disk that this commit erases, and what erases it.
    fn erasure(&self, job: Job) -> Result<Option<(usize, &'static dyn Admin)>, ChangeError> {
        match job {
            Job::ReleaseSpare { disk, .. } => self.admin().map(|admin| Some((disk, admin))),
            _ => Ok(None),
        }
    }

    /// The part of the format that takes disks in and out.
    pub(super) fn admin(&self) -> Result<&'static dyn Admin, ChangeError> {
        self.format.admin().ok_or(ChangeError::Unsupported("disks that come and go"))
    }

    fn edit_in(
        &self,
        store: &mut Store,
        job: Job,
        record: Option<RuntimeState>,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        let (format, array) = (self.format, self.array);
        match job {
            Job::Record { set, seq } => {
                let state = record.ok_or(ChangeError::NoSuchArray(array))?;
                let whole = self.sets[set].core.record(seq).map(|whole| whole.with_state(state));
                let record: &dyn SetRecord = whole.as_ref().map_or(&state, |whole| whole);
                store.edit(|disks| format.set_state(disks, array, set as u16, record, stamp))
            }
            Job::Align { set, .. } => {
                let found = store.view(|disks| format.state(disks, array, set as u16));
                let unknown = ChangeError::NoSuchArray(array);
                store.edit(|disks| {
                    format.set_state(disks, array, set as u16, &found.ok_or(unknown)?, stamp)
                })
            }
            Job::Activate { place, disk } => {
                // A spare of no configuration becomes one of this one.
                edit_with(store, disk, |disks| format.activate(disks, array, place, disk, stamp))
            }
            Job::Return { .. } => Ok(()),
            Job::AddSpare { disk, shape } => {
                let admin = self.admin()?;
                let before = store.disks.get(disk).cloned();
                store.insert(admin, disk, shape);
                let edited = store.edit(|disks| admin.add_spare(disks, disk, stamp));
                if let (Err(_), Some(known)) = (&edited, store.disks.get_mut(disk)) {
                    known.live = false;
                    known.pieces.clear();
                    if let Some(before) = before {
                        *known = before;
                    }
                }
                edited
            }
            Job::ReleaseSpare { disk, id } => {
                let admin = self.admin()?;
                edit_with(store, disk, |disks| release(admin, disks, (disk, id), stamp))
            }
        }
    }

    /// The format cannot hold the change. A record that is written nowhere fails every member; other
    /// changes just do not happen.
    fn refuse_commit(&mut self, job: Job, why: ChangeError) {
        let run = self.commits.run.take();
        let failed = run.map_or(Vec::new(), |run| run.failed);
        self.fail_disks(&failed, None);
        match job {
            Job::Record { set, seq } => {
                self.events.push_back(Event::Refused(why));
                self.record_stored(set, seq, &[]);
            }
            Job::Activate { place, disk } => {
                self.events.push_back(Event::NotTaken { place, disk, why: CallError::Format(why) });
            }
            Job::AddSpare { .. }
            | Job::ReleaseSpare { .. }
            | Job::Align { .. }
            | Job::Return { .. } => {
                self.events.push_back(Event::Refused(why));
            }
        }
    }

    /// Disks failed in a commit: members of every set fail, those of `own` are reported with its record.
    fn fail_disks(&mut self, disks: &[usize], own: Option<usize>) {
        for set in (0..self.sets.len()).filter(|set| Some(*set) != own) {
            let failed = self.slots_on(set, disks);
            failed.iter().for_each(|slot| self.member_failed(set, slot));
        }
    }

    /// A record is on these disks. Members that were to store it, and whose disk is not among them, have
    /// failed: all of them, if it reached nobody.
    fn record_stored(&mut self, set: usize, seq: RecordSeq, stored: &[usize]) {
        let place = self.commits.to.iter().position(|(of, _)| *of == set);
        let to = place.map_or(Vec::new(), |place| self.commits.to.swap_remove(place).1);
        let has_it = |disk: &Option<usize>| disk.is_some_and(|disk| stored.contains(&disk));
        let failed: SlotSet =
            to.iter().filter(|(_, disk)| !has_it(disk)).map(|(slot, _)| *slot).collect();
        self.note_failures(set, failed);
        let taken = self.sets[set].core.persisted(self.now, seq, failed);
        self.expect(set, taken);
    }

    /// Starts the writes up to the next flush, or the flush.
    fn next_commit_step(&mut self, disk: usize) {
        let Some(run) = &mut self.commits.run else { return };
        let Some(steps) = run.steps.get_mut(&disk) else { return };
        let mut ios = Vec::new();
        while let Some(step) = steps.front() {
            match step {
                CommitStep::Flush if ios.is_empty() => {
                    steps.pop_front();
                    ios.push(Ask::of_disk(disk, 0, Transfer::Flush));
                    break;
                }
                CommitStep::Flush => break,
                CommitStep::Write(..) => {
                    if let Some(CommitStep::Write(at, bytes)) = steps.pop_front() {
                        ios.push(Ask::of_disk(disk, 0, Transfer::Write { at, bytes }));
                    }
                }
            }
        }
        if ios.is_empty() {
            run.steps.remove(&disk);
            run.stored.push(disk);
        } else {
            self.groups.start(Owner::Commit(disk), ios);
        }
    }

    pub(super) fn commit_resumed(&mut self, disk: usize, results: Results) {
        let Some(run) = &mut self.commits.run else { return };
        let job = run.job;
        if self.is_abandoned(job) {
            // As if the power had gone here. The disk is at neither update, and no other program did that.
            let Some(run) = &mut self.commits.run else { return };
            run.steps.remove(&disk);
            let over = run.steps.is_empty();
            self.unlike.insert(disk);
            if over {
                self.abandon(job);
            }
            return;
        }
        let Some(run) = &mut self.commits.run else { return };
        if results.iter().any(|(_, result)| result.is_err()) || run.returned.contains(&disk) {
            run.failed.push(disk);
            run.steps.remove(&disk);
            self.store.disks[disk].live = false;
            self.unlike.insert(disk);
        } else {
            self.next_commit_step(disk);
        }
        self.finish_commit();
    }

    fn finish_commit(&mut self) {
        if !self.commits.run.as_ref().is_some_and(|run| run.steps.is_empty()) {
            return;
        }
        let Some(run) = self.commits.run.take() else { return };
        if !run.stored.is_empty() {
            self.events.push_back(Event::Committed);
        }
        run.stored.iter().for_each(|disk| self.note_committed(*disk));
        let own = match run.job {
            Job::Record { set, .. } => Some(set),
            _ => None,
        };
        self.fail_disks(&run.failed, own);
        match run.job {
            Job::Record { set, seq } => {
                let failed = self.slots_on(set, &run.failed);
                self.note_failures(set, failed);
                let own = &mut self.sets[set];
                own.named = run.named;
                if run.named.is_empty() {
                    own.journal.close();
                    // A member that failed while the record was written needs the journal again.
                    own.needs_journal &= run.failures != own.failures;
                }
                if run.named.is_empty() {
                    self.heads.forget(self.set_id(set));
                }
                self.record_stored(set, seq, &run.stored);
            }
            Job::Activate { place, disk } => match run.stored.contains(&disk) {
                true => self.seat(place, disk),
                false => {
                    let why = CallError::NotStored { disk };
                    self.events.push_back(Event::NotTaken { place, disk, why });
                }
            },
            Job::Align { set, again: false } if !run.counted => {
                self.commits.queue.push_front(Job::Align { set, again: true });
            }
            Job::ReleaseSpare { disk, .. } => self.forget_disk(disk),
            Job::Align { .. } | Job::AddSpare { .. } | Job::Return { .. } => {}
        }
    }

    /// A disk is of this configuration no more. If it failed meanwhile, it is not written any more either.
    pub(super) fn forget_disk(&mut self, disk: usize) {
        let known = &mut self.store.disks[disk];
        known.live = false;
        known.pieces.clear();
        self.committed.remove(&disk);
        self.heads.remove(disk);
    }

    fn slots_on(&self, set: usize, disks: &[usize]) -> SlotSet {
        let seats = (0u8..).map(Slot).zip(&self.sets[set].slots);
        seats
            .filter(|(_, seat)| seat.disk.is_some_and(|disk| disks.contains(&disk)))
            .map(|(slot, _)| slot)
            .collect()
    }

    /// A spare's activation is on stable storage: it takes its seat.
    fn seat(&mut self, place: Place, disk: usize) {
        let found = self.listing();
        let Some(member) = found.members_of(self.array).filter(|own| own.place == place).last()
        else {
            let why = CallError::Format(ChangeError::NoSuchPlace(place));
            return self.events.push_back(Event::NotTaken { place, disk, why });
        };
        let set = usize::from(place.set);
        self.members.push((disk, Extent { start: member.start, len: member.len }));
        let space = self.journal_space(disk);
        let seat = &mut self.sets[set].slots[place.slot.index()];
        let (left, epoch) = (seat.disk, seat.epoch + 1);
        let key = key_of(member);
        *seat = super::Seat { disk: Some(disk), start: member.start, key, epoch };
        // The one that sat here before is a member no more.
        let left = left.filter(|left| self.seat_of(*left).is_none());
        if let Some(left) = left {
            self.store.disks[left].live = false;
        }
        if let Some(room) = self.sets[set].journal.space.get_mut(place.slot.index()) {
            *room = space;
        }
        self.commits.joining.push((set, place.slot));
        self.events.push_back(Event::SpareActivated { place, disk, left });
        self.retry_joins();
    }

    fn retry_joins(&mut self) {
        for (set, slot) in std::mem::take(&mut self.commits.joining) {
            let key = self.sets[set].slots[slot.index()].key;
            let core = &mut self.sets[set].core;
            let generation = core.status().generation;
            let joined = match core.member_returned(slot, key, &Seen::plain(slot, generation)) {
                // The disk that left was made anew for this place.
                Err(Refusal::Diverged(_)) => core.member_joined(slot),
                other => other.map(|_| ()),
            };
            match joined {
                Ok(()) => self.start_owed(set),
                Err(Refusal::Busy) => self.commits.joining.push((set, slot)),
                Err(why) => {
                    let place = Place { set: set as u16, slot };
                    let disk = self.sets[set].slots[slot.index()].disk.unwrap_or_default();
                    self.events.push_back(Event::NotTaken { place, disk, why: why.into() });
                }
            }
        }
        for (place, disk, same) in std::mem::take(&mut self.commits.returning) {
            if !self.take_back(place, disk, same) {
                self.commits.returning.push((place, disk, same));
            }
        }
    }
}

/// Edits all live disks and this one, which stays live if the format makes the change.
fn edit_with(
    store: &mut Store,
    disk: usize,
    edit: impl FnOnce(&mut [DiskBuffer<'_, '_>]) -> Result<(), ChangeError>,
) -> Result<(), ChangeError> {
    let before = store.clone();
    if let Some(known) = store.disks.get_mut(disk) {
        known.live = true;
    }
    store.edit(edit).inspect_err(|_| *store = before)
}

/// Takes a spare out of its configuration; of a format that keeps no list of disks it is no spare then. One edit:
/// two would count the update twice, and a member that a power cut kept it from would be two behind, and stale.
///
/// Refused where the format cannot erase the disk: it would go away with metadata that still names it.
pub(super) fn release(
    admin: &dyn Admin,
    disks: &mut [DiskBuffer<'_, '_>],
    (disk, id): (usize, MemberId),
    stamp: Stamp,
) -> Result<(), ChangeError> {
    match admin.remove_disk(disks, id, stamp) {
        Err(ChangeError::Unsupported(_)) => admin.release_spare(disks, disk, stamp),
        removed => removed,
    }?;
    let erases = disks.get(disk).is_some_and(|disk| {
        let mut block = vec![0; disk.shape.block_size as usize];
        admin.erase_step(disk, 0, &mut block).is_some()
    });
    if erases { Ok(()) } else { Err(ChangeError::Unsupported("erasing a disk")) }
}
