// SPDX-License-Identifier: MIT OR Apache-2.0
//! One piece of a request: a part of one stripe row, from admission to acknowledgement.
//!
//! | phase | waits for | then |
//! |---|---|---|
//! | `Admit` | the sync engine | a plan for the members that may be used |
//! | `Reading` | member reads; one that fails is a failed member and a new plan | compute |
//! | `Journal` | the write journal, while the set is short of a member | writing |
//! | `Writing` | member writes | flush if durable, then completion |
//! | `Flushing` | flush of the members written | completion |
//! | `Acknowledge` | a record, if a member failed meanwhile | done |

use super::group::Results;
use super::request::RequestId;
use super::{Engine, Owner, RowId, Set};
use crate::journal::{self, Fragment};
use crate::member::MemberError;
use raid_core::layout::Layout;
use raid_core::stripe::{
    self, BadRange, Health, HealthByRow, MemberIo, NotPossible, ReadStep, RowPlan,
};
use raid_core::units::{Extent, Lba, Rows, Slot, SlotSet};
use raid_sync::{Access, Ack, Admit, Grant, Redundancy, WaitFor};

/// What a piece is for.
#[derive(Debug)]
pub(super) enum Job {
    Write {
        request: RequestId,
        bytes: Vec<u8>,
        durable: bool,
    },
    Read {
        request: RequestId,
        offset: usize,
    },
    /// Only an acknowledgement is left.
    Flush {
        request: RequestId,
    },
}

impl Job {
    pub(super) fn request(&self) -> Option<RequestId> {
        match self {
            Self::Write { request, .. } | Self::Read { request, .. } | Self::Flush { request } => {
                Some(*request)
            }
        }
    }

    /// Cuts the job after `at` bytes; the rest is returned.
    fn split_off(&mut self, at: usize) -> Self {
        match self {
            Self::Write { request, bytes, durable } => {
                Self::Write { request: *request, bytes: bytes.split_off(at), durable: *durable }
            }
            Self::Read { request, offset } => {
                Self::Read { request: *request, offset: *offset + at }
            }
            Self::Flush { request } => Self::Flush { request: *request },
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Admit,
    Reading,
    Journal,
    Writing,
    Flushing,
    Acknowledge,
}

/// A plan and its scratch memory.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) plan: RowPlan,
    pub(super) slab: Vec<u8>,
}

impl Work {
    pub(super) fn new(plan: RowPlan, block_size: u32) -> Self {
        Self { slab: vec![0; plan.slab_blocks().0 as usize * block_size as usize], plan }
    }
}

/// A piece under way.
#[derive(Debug)]
pub(super) struct RowTask {
    set: usize,
    at: Extent,
    rows: Rows,
    job: Job,
    phase: Phase,
    grant: Option<Grant>,
    /// Reads that need no computation.
    direct: Vec<MemberIo>,
    work: Vec<Work>,
    /// What the reads of the phase are, by tag: which blocks, of which work and where in its slab.
    reads: Vec<(Slot, Extent, Option<usize>, usize)>,
    /// Members that failed this piece.
    failed: SlotSet,
    /// Blocks that cannot be read, which are for the list of bad ranges. Around them a member is as good
    /// as any: where copies may differ another one would give another version.
    bad: Vec<BadRange>,
    /// Members that were written.
    written: SlotSet,
    /// In the journal, or counted as not being in it.
    journaled: Option<bool>,
    /// Of a piece that is too large for the journal: the rows that are written now.
    part: Option<Rows>,
}

impl RowTask {
    pub(super) fn new(set: usize, at: Extent, rows: Rows, job: Job) -> Self {
        let phase =
            if matches!(job, Job::Flush { .. }) { Phase::Acknowledge } else { Phase::Admit };
        Self {
            set,
            at,
            rows,
            job,
            phase,
            grant: None,
            direct: Vec::new(),
            work: Vec::new(),
            reads: Vec::new(),
            failed: SlotSet::EMPTY,
            bad: Vec::new(),
            written: SlotSet::EMPTY,
            journaled: None,
            part: None,
        }
    }

    /// Cuts what is written now to what a batch of so many bytes takes; `false` if that is not even one row.
    pub(super) fn cut_to(&mut self, bytes: usize, fragments: usize) -> bool {
        let len = journal::blocks_that_fit(bytes, fragments) as u64;
        let Rows { start, .. } = self.part.unwrap_or(self.rows);
        self.part = Some(Rows { start, len });
        len > 0
    }

    /// Goes on to the rows behind the part that was written; `false` if it was the last.
    fn next_part(&mut self) -> bool {
        let Some(end) = self.part.map(Rows::end) else { return false };
        let len = self.rows.end().0.saturating_sub(end.0);
        self.part = Some(Rows { start: end, len });
        len > 0
    }

    pub(super) fn set(&self) -> usize {
        self.set
    }

    fn new_bytes(&self) -> &[u8] {
        match &self.job {
            Job::Write { bytes, .. } => bytes,
            _ => &[],
        }
    }

    /// What the piece will write, member by member.
    pub(super) fn planned_writes(&self, block_size: u32) -> Vec<Fragment> {
        let mut fragments = Vec::new();
        for Work { plan, slab } in &self.work {
            for io in plan.writes() {
                let bytes = io.bytes(block_size, slab, self.new_bytes()).unwrap_or_default();
                let Some((at, bytes)) = self.in_part(io.at, bytes, block_size as usize) else {
                    continue;
                };
                fragments.push(Fragment { slot: io.slot, at, bytes: bytes.to_vec() });
            }
        }
        fragments
    }

    /// What of a run belongs to the rows that are written now.
    fn in_part<'b>(&self, at: Extent, bytes: &'b [u8], block: usize) -> Option<(Extent, &'b [u8])> {
        let Some(part) = self.part else { return Some((at, bytes)) };
        let start = at.start.0.max(part.start.0);
        let end = (at.start.0 + at.len.0).min(part.end().0);
        let from = start.checked_sub(at.start.0)? as usize * block;
        let len = end.checked_sub(start).filter(|len| *len > 0)?;
        let bytes = bytes.get(from..from + len as usize * block)?;
        Some((Extent::new(start, len), bytes))
    }
}

/// The plans of a write. Where parity is not known to agree with the data it is computed from all
/// data rather than updated, unless lost data leaves no choice.
fn write_plans(
    layout: &Layout<'static>,
    health: HealthByRow<'_>,
    at: Extent,
    agreed: bool,
) -> Result<Vec<RowPlan>, NotPossible> {
    let plans = stripe::write(layout, health, at);
    if !agreed && let Ok(plans) = plans.distrusting_parity().collect() {
        return Ok(plans);
    }
    stripe::write(layout, health, at).collect()
}

/// Whether the plans of a piece can be carried out together: where a stripe row needs more plans than one,
/// they update the same parity one after the other.
fn at_once(plans: &[RowPlan]) -> bool {
    let mut written: Vec<(Slot, Extent)> = Vec::new();
    plans.iter().flat_map(RowPlan::writes).all(|io| {
        let alone = written.iter().all(|(slot, at)| *slot != io.slot || !at.overlaps(io.at));
        written.push((io.slot, io.at));
        alone
    })
}

impl Engine {
    /// A piece may move on: it was begun, or what it was parked for has come.
    pub(super) fn advance_row(&mut self, id: RowId) {
        match self.rows.get(&id).map(|task| task.phase) {
            Some(Phase::Admit) => self.admit_row(id),
            Some(Phase::Acknowledge) => self.row_done(id),
            _ => {}
        }
    }

    fn admit_row(&mut self, id: RowId) {
        let Some(task) = self.rows.get_mut(&id) else { return };
        // A read that failed comes back here, and may have to wait.
        task.phase = Phase::Admit;
        let set = task.set;
        let access = match &task.job {
            Job::Write { durable, .. } => Access::Write { durable: *durable },
            _ => match self.try_direct_read(id) {
                true => return,
                false => Access::Reconstruct,
            },
        };
        let Some(rows) = self.rows.get(&id).map(|task| task.rows) else { return };
        match self.sets[set].core.admit(self.now, rows, access) {
            Admit::Go(grant) => {
                if !self.keep_prefix(id, grant.rows) {
                    self.give_back(set, grant, SlotSet::EMPTY);
                    return self.admit_row(id);
                }
                if let Some(task) = self.rows.get_mut(&id) {
                    task.grant = Some(grant);
                }
                self.plan_row(id);
            }
            Admit::Wait(wait) => self.park(set, id, wait),
            Admit::Refuse(_) => self.fail_row(id),
        }
    }

    /// Cuts a piece to the rows that were admitted; the rest becomes a piece of its own. `false`: where a
    /// row holds blocks of several strips, a prefix of the rows is no prefix of the piece, so it was cut
    /// to one strip, and its rows are to be asked for again.
    fn keep_prefix(&mut self, id: RowId, admitted: Rows) -> bool {
        let block = self.block_size() as usize;
        let strip = self.geometry.strip.0.max(1);
        let parity = matches!(self.redundancy(), Redundancy::Parity(_));
        let Some(task) = self.rows.get_mut(&id) else { return true };
        if admitted.len >= task.rows.len {
            return true;
        }
        let in_strip = strip - task.at.start.0 % strip;
        let several = parity && in_strip < task.at.len.0;
        let keep = if several { in_strip } else { admitted.len };
        let rest_at = Extent::new(task.at.start.0 + keep, task.at.len.0 - keep);
        task.at.len.0 = keep;
        task.rows = self.layout.rows_of(task.at);
        let rest = task.job.split_off(keep as usize * block);
        let set = task.set;
        self.start_rest(set, rest_at, rest);
        !several
    }

    /// Reads that need no other member's blocks need no admission. `false`: they do.
    fn try_direct_read(&mut self, id: RowId) -> bool {
        let Some(task) = self.rows.get(&id) else { return true };
        let core = &self.sets[task.set].core;
        // Of a piece of copies all blocks are read from one member, so the piece is the bad block alone.
        let mut not_from = task.failed;
        if self.redundancy() == Redundancy::Mirror {
            task.bad.iter().for_each(|bad| not_from.insert(bad.slot));
        }
        let Ok(trusted) = core.plan_read(task.rows, not_from) else {
            self.fail_row(id);
            return true;
        };
        if !self.keep_prefix(id, trusted.rows) {
            return self.try_direct_read(id);
        }
        let Some(task) = self.rows.get_mut(&id) else { return true };
        let everyone = SlotSet::first(self.geometry.slots);
        let health =
            Health { unavailable: everyone.without(trusted.from), write_only: SlotSet::EMPTY };
        let health = HealthByRow { health, marks: &[], bad: &task.bad };
        if stripe::needs_row(&self.layout, health, task.at) {
            return false;
        }
        let direct = |step| match step {
            Ok(ReadStep::Direct(io)) => Some(io),
            _ => None,
        };
        let steps = stripe::read(&self.layout, health, task.at, None);
        task.direct = steps.filter_map(direct).collect();
        task.work.clear();
        self.issue_reads(id);
        true
    }

    /// Plans an admitted piece with the members that are left.
    fn plan_row(&mut self, id: RowId) {
        let block_size = self.block_size();
        let mirror = self.redundancy() == Redundancy::Mirror;
        let Some(task) = self.rows.get_mut(&id) else { return };
        let Some(grant) = task.grant else { return };
        let everyone = SlotSet::first(self.geometry.slots);
        let written = (grant.must | grant.may).without(task.failed);
        // A write of copies reads nothing, and what it has written can be read: also where no copy could be.
        let copies = matches!(task.job, Job::Write { .. }) && mirror;
        let readable = if copies { grant.must } else { grant.read }.without(task.failed);
        let usable = readable | written;
        let health =
            Health { unavailable: everyone.without(usable), write_only: usable.without(readable) };
        let bad = std::mem::take(&mut task.bad);
        let health = HealthByRow { health, marks: &[], bad: &bad };
        task.direct.clear();
        task.work.clear();
        let mut possible = true;
        match &task.job {
            Job::Write { .. } => {
                let plans = write_plans(&self.layout, health, task.at, grant.agreed);
                if task.at.len.0 > 1 && plans.as_ref().is_ok_and(|plans| !at_once(plans)) {
                    task.bad = bad;
                    return self.write_half(id);
                }
                match plans {
                    Ok(plans) => {
                        let work = plans.into_iter().map(|plan| Work::new(plan, block_size));
                        task.work.extend(work);
                    }
                    Err(_) => possible = false,
                }
            }
            _ => {
                for step in stripe::read(&self.layout, health, task.at, None) {
                    match step {
                        Ok(ReadStep::Direct(io)) => task.direct.push(io),
                        Ok(ReadStep::Reconstruct(plan)) => {
                            task.work.push(Work::new(plan, block_size));
                        }
                        Err(_) => possible = false,
                    }
                }
                self.stats.reconstructed += 1;
            }
        }
        task.bad = bad;
        if possible { self.issue_reads(id) } else { self.fail_row(id) }
    }

    /// The first half of a piece is written under its ticket; the other one becomes a piece of its own, and
    /// waits for it.
    fn write_half(&mut self, id: RowId) {
        let block = self.block_size() as usize;
        let Some(task) = self.rows.get_mut(&id) else { return };
        let keep = task.at.len.0 / 2;
        let rest_at = Extent::new(task.at.start.0 + keep, task.at.len.0 - keep);
        task.at.len.0 = keep;
        task.rows = self.layout.rows_of(task.at);
        let rest = task.job.split_off(keep as usize * block);
        let set = task.set;
        self.start_rest(set, rest_at, rest);
        self.plan_row(id);
    }

    /// A block of a member that an I/O of this piece found unreadable; all that it asked for, if the disk
    /// names a block elsewhere.
    fn bad_block(&self, set: usize, slot: Slot, asked: Extent, at: Lba) -> BadRange {
        let block = at.0.wrapping_sub(self.disk_block(set, slot, Lba(0)).0);
        let inside = asked.start.0 <= block && block - asked.start.0 < asked.len.0;
        BadRange { slot, at: if inside { Extent::new(block, 1) } else { asked } }
    }

    /// Cuts a piece of copies around a bad block: the blocks before and behind it go on as they were.
    fn cut_around(&mut self, id: RowId, bad: Extent) {
        let block = self.block_size() as usize;
        let mut last = id;
        for at in [bad.start.0, bad.start.0 + bad.len.0] {
            let Some(task) = self.rows.get_mut(&last) else { return };
            let keep = at.saturating_sub(task.at.start.0);
            if keep == 0 || keep >= task.at.len.0 {
                continue;
            }
            let rest_at = Extent::new(at, task.at.len.0 - keep);
            task.at.len.0 = keep;
            task.rows.len = keep;
            let rest = task.job.split_off(keep as usize * block);
            let set = task.set;
            last = self.start_rest(set, rest_at, rest);
        }
    }

    fn issue_reads(&mut self, id: RowId) {
        let block = self.block_size() as usize;
        let Some(task) = self.rows.get_mut(&id) else { return };
        task.phase = Phase::Reading;
        task.reads.clear();
        let mut wanted: Vec<(Slot, Extent)> = Vec::new();
        for io in &task.direct {
            task.reads.push((io.slot, io.at, None, io.offset.0 as usize * block));
            wanted.push((io.slot, io.at));
        }
        for (index, work) in task.work.iter().enumerate() {
            for io in work.plan.reads() {
                task.reads.push((io.slot, io.at, Some(index), io.slab.0 as usize * block));
                wanted.push((io.slot, io.at));
            }
        }
        let set = task.set;
        self.read_members(set, wanted, Owner::Row(id));
    }

    /// The I/O that a piece waited for is done.
    pub(super) fn row_resumed(&mut self, id: RowId, results: Results) {
        match self.rows.get(&id).map(|task| task.phase) {
            Some(Phase::Reading) => self.row_read(id, results),
            // Its writes were refused, which says nothing of the members.
            Some(Phase::Writing | Phase::Flushing)
                if self.set_of(id).is_some_and(Set::has_failed) =>
            {
                self.complete_row(id);
            }
            Some(Phase::Writing) => self.row_written(id, &results),
            Some(Phase::Flushing) => {
                self.row_failures(id, &results);
                self.complete_row(id);
            }
            _ => {}
        }
    }

    fn set_of(&self, id: RowId) -> Option<&Set> {
        self.sets.get(self.rows.get(&id)?.set)
    }

    fn row_read(&mut self, id: RowId, results: Results) {
        let Some(task) = self.rows.get_mut(&id) else { return };
        let set = task.set;
        let block = self.geometry.block_size as usize;
        let mut bytes_read = vec![0; task.at.len.0 as usize * block];
        let keeps_ranges = self.format.capabilities().bad_ranges > 0;
        let [mut failed, mut left] = [SlotSet::EMPTY; 2];
        let mut unread = Vec::new();
        for (tag, result) in results {
            let (slot, asked, work, offset) = task.reads[tag as usize];
            match (result, work) {
                (Err(MemberError::Unreadable(at)), _) if keeps_ranges => {
                    unread.push((slot, asked, at));
                }
                (Err(MemberError::Left), _) => left.insert(slot),
                (Err(_), _) => failed.insert(slot),
                (Ok(bytes), Some(work)) => {
                    task.work[work].slab[offset..offset + bytes.len()].copy_from_slice(&bytes);
                }
                (Ok(bytes), None) => {
                    bytes_read[offset..offset + bytes.len()].copy_from_slice(&bytes);
                }
            }
        }
        if !(failed | left).is_empty() || !unread.is_empty() {
            // The sync engine knows who has left. What was admitted goes on without that one, and with
            // nobody who has come in its place.
            let admitted = task.grant.is_some();
            task.failed = task.failed | failed | if admitted { left } else { SlotSet::EMPTY };
            return self.read_again(id, set, failed, &unread);
        }
        let Some(task) = self.rows.get_mut(&id) else { return };
        let Job::Read { request, offset } = task.job else { return self.compute_row(id) };
        let computed = task.work.iter_mut().try_for_each(|Work { plan, slab }| {
            plan.compute(self.backend, slab, &[])?;
            plan.extract(slab, &mut bytes_read)
        });
        if let Err(why) = computed {
            self.miscomputed(set, why);
            return self.fail_row(id);
        }
        let Some(task) = self.rows.get_mut(&id) else { return };
        if let Some(grant) = task.grant {
            self.give_back(set, grant, SlotSet::EMPTY);
        }
        self.rows.remove(&id);
        self.piece_done(request, Some((offset, &bytes_read)));
    }

    /// Reads of a piece failed: it is planned again, without members that failed and around bad blocks.
    fn read_again(
        &mut self,
        id: RowId,
        set: usize,
        failed: SlotSet,
        unread: &[(Slot, Extent, Lba)],
    ) {
        let copies = self.redundancy() == Redundancy::Mirror;
        for (slot, asked, at) in unread {
            let bad = self.bad_block(set, *slot, *asked, *at);
            let Some(task) = self.rows.get_mut(&id) else { return };
            let own = task.at;
            if !copies || own.len.0 == 1 || bad.at == *asked {
                task.bad.push(bad);
            } else {
                // The next look finds it again, alone.
                self.cut_around(id, Extent::new(bad.at.start.0, 1));
            }
        }
        failed.iter().for_each(|slot| self.member_failed(set, slot));
        match self.rows.get(&id).map(|task| task.grant.is_some()) {
            Some(true) => self.plan_row(id),
            Some(false) => self.admit_row(id),
            None => {}
        }
    }

    fn compute_row(&mut self, id: RowId) {
        let Some(task) = self.rows.get_mut(&id) else { return };
        let Job::Write { bytes, .. } = &task.job else { return };
        let computed = (task.work.iter_mut())
            .try_for_each(|Work { plan, slab }| plan.compute(self.backend, slab, bytes));
        let index = task.set;
        if let Err(why) = computed {
            self.miscomputed(index, why);
            return self.fail_row(id);
        }
        let Some(task) = self.rows.get_mut(&id) else { return };
        let set = &mut self.sets[index];
        if set.has_failed() {
            // No record will open a journal any more.
            return self.fail_row(id);
        }
        task.journaled = Some(set.needs_journal);
        if set.needs_journal {
            task.phase = Phase::Journal;
            set.journal.enqueue(id);
            let set = task.set;
            self.pump_journal(set);
        } else {
            set.unjournaled += 1;
            self.write_row(id);
        }
    }

    /// A piece that waited for the journal is written without it.
    pub(super) fn leave_journal(&mut self, id: RowId) {
        if let Some(task) = self.rows.get_mut(&id) {
            task.journaled = Some(false);
            if let Some(part) = &mut task.part {
                part.len = task.rows.end().0.saturating_sub(part.start.0);
            }
        }
    }

    /// Writes the members of a piece whose content is known, and in the journal if it must be.
    pub(super) fn write_row(&mut self, id: RowId) {
        let block_size = self.block_size();
        let Some(task) = self.rows.get_mut(&id) else { return };
        task.phase = Phase::Writing;
        let fragments = task.planned_writes(block_size);
        task.written = task.written | fragments.iter().map(|fragment| fragment.slot).collect();
        let set = task.set;
        self.write_members(set, fragments, Owner::Row(id));
    }

    fn row_failures(&mut self, id: RowId, results: &Results) {
        let failed = super::failed_slots(results);
        let Some(task) = self.rows.get_mut(&id) else { return };
        task.failed = task.failed | failed;
        let set = task.set;
        self.note_failures(set, failed);
    }

    fn row_written(&mut self, id: RowId, results: &Results) {
        self.row_failures(id, results);
        let Some(task) = self.rows.get_mut(&id) else { return };
        if task.next_part() {
            task.phase = Phase::Journal;
            let set = task.set;
            let journal = &mut self.sets[set].journal;
            journal.row_done();
            journal.enqueue(id);
            return self.pump_journal(set);
        }
        if !matches!(task.job, Job::Write { durable: true, .. }) {
            return self.complete_row(id);
        }
        task.phase = Phase::Flushing;
        let (set, slots) = (task.set, task.written.without(task.failed));
        self.flush_members(set, slots, Owner::Row(id));
    }

    /// Reports what a write to a parity set has written: blocks that could not be read can be now.
    fn report_rewritten(&mut self, id: RowId) {
        let Some(task) = self.rows.get(&id) else { return };
        if !matches!(self.redundancy(), Redundancy::Parity(_)) {
            return;
        }
        let core = &mut self.sets[task.set].core;
        let writes = task.work.iter().flat_map(|work| work.plan.writes());
        for io in writes.filter(|io| !task.failed.contains(io.slot)) {
            core.rewritten(io.slot, Rows::new(io.at.start.0, io.at.len.0));
        }
    }

    /// All members have answered: the sync engine says when to acknowledge.
    fn complete_row(&mut self, id: RowId) {
        self.report_rewritten(id);
        let Some(task) = self.rows.get_mut(&id) else { return };
        let Some(grant) = task.grant else { return };
        let (index, failed) = (task.set, task.failed);
        // Noted when the write failed, and perhaps forgotten since: a record that was written meanwhile could
        // not name who the sync engine hears of now.
        self.note_failures(index, failed);
        let Some(task) = self.rows.get_mut(&id) else { return };
        let set = &mut self.sets[index];
        match task.journaled {
            Some(true) => set.journal.row_done(),
            Some(false) => set.unjournaled -= 1,
            None => {}
        }
        task.phase = Phase::Acknowledge;
        match set.core.complete(self.now, grant.ticket, failed) {
            Ok(Ack::After(seq)) => self.park(index, id, WaitFor::Record(seq)),
            Ok(Ack::Now) => self.row_done(id),
            Ok(Ack::NoCopyLeft) => {
                self.refuse_row(id);
                self.row_done(id);
            }
            Err(what) => {
                self.expect(index, Err(what));
                self.refuse_row(id);
                self.row_done(id);
            }
        }
    }

    fn refuse_row(&mut self, id: RowId) {
        let Some(task) = self.rows.get(&id) else { return };
        if let Some(request) = task.job.request() {
            let error = self.set_failed(task.set);
            self.refuse(request, error);
        }
    }

    fn row_done(&mut self, id: RowId) {
        if let Some(request) = self.rows.remove(&id).and_then(|task| task.job.request()) {
            self.piece_done(request, None);
        }
    }

    /// A piece that cannot be done with the members that are left.
    pub(super) fn fail_row(&mut self, id: RowId) {
        self.refuse_row(id);
        let Some(task) = self.rows.get(&id) else { return };
        if let Some(grant) = task.grant {
            let (set, failed) = (task.set, task.failed);
            self.give_back(set, grant, failed);
        }
        self.row_done(id);
    }

    /// Gives a ticket back where nothing waits for what the sync engine says of it: the bytes that were
    /// read are there, or the request is refused already.
    fn give_back(&mut self, set: usize, grant: Grant, failed: SlotSet) {
        let taken = self.sets[set].core.give_up(self.now, grant.ticket, failed);
        self.expect(set, taken);
    }

    /// A set has failed: acknowledgements that wait for its records will not be given, nor will a
    /// journal be opened. Whatever else is parked asks again, and is refused.
    pub(super) fn fail_parked(&mut self, set: usize) {
        for row in self.sets[set].journal.take_queue() {
            self.fail_row(row);
        }
        for parked in std::mem::take(&mut self.sets[set].parked) {
            let waits = self.rows.get(&parked.row).is_some_and(|task| task.phase == Phase::Admit);
            if waits {
                self.ready.push_back(parked.row);
            } else {
                self.refuse_row(parked.row);
                self.row_done(parked.row);
            }
        }
    }
}
