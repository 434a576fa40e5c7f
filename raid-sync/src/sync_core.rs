// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`SyncCore`]: the rooms joined.
//!
//! | file | inputs |
//! |---|---|
//! | `restart` | `restore`: what the metadata says becomes a state; `clear` |
//! | `admission` | `admit`, `plan_read` |
//! | `completion` | `complete`, `complete_flush`, and what an acknowledgement waits for |
//! | `steering` | `start`, `pause`, `resume`, `abort`, limits and range |
//! | `membership` | members that fail, join, return, or cannot be written in places |
//! | `report` | `copied`, `flushed`, `persisted` |
//! | `poll` | `poll`, `deadline` |

#[cfg(test)]
mod abstraction;
mod admission;
#[cfg(test)]
mod canonical;
mod completion;
mod membership;
mod poll;
mod report;
mod restart;
#[cfg(test)]
mod state_tables;
mod steering;

pub use membership::Return;
pub use restart::{rows_at_risk, rows_missed};

use crate::bad_range::{BadRanges, Filling};
use crate::command::Status;
use crate::config::Config;
use crate::debt::Debtors;
use crate::defect::Defect;
use crate::mark::{Mark, Marks};
use crate::member::{Members, Redundancy};
use crate::operation::{Family, Finish, Phase, Running, family};
use crate::record::{RecordSeq, Records, Stream, same};
use crate::record_view::RecordView;
use crate::region::DirtyLog;
use crate::throttle::Throttle;
use crate::ticket::Tickets;
use crate::time::Clock;
use crate::window::Windows;
use core::num::NonZeroU64;
use raid_core::array::Initialisation;
use raid_core::metadata::{
    Capabilities, Debtor, Generation, MemberKey, Operation, Progress, RuntimeState,
};
use raid_core::units::{Row, Rows, Slot, SlotSet};

/// Slots, from the first on, of which the core keeps the identity. A member in a later slot is always
/// filled in full when it comes back.
const NAMED: usize = 32;

/// The sync marks and the write interlock of one redundancy set.
///
/// | parameter | room for |
/// |---|---|
/// | `TICKETS` | requests in flight, fewer than 65535 |
/// | `WINDOWS` | windows, at most 32 |
/// | `REGIONS` | regions of the dirty log, at most 2²⁴; with one region there is no partial resync |
/// | `BAD` | bad ranges of all members together |
///
/// One owner: the embedder brings the lock.
///
/// # Memory
///
/// All of it is in the value; nothing is allocated, ever. It is made where it is to stay: a static, a field or a box begins as
/// [`EMPTY`](Self::EMPTY), and [`restore`](Self::restore) fills it there, so that no stack holds a core. In bytes, on targets of 64 bits (a unit test holds
/// the table against `size_of`):
///
/// | tickets | windows | regions | bad ranges | bytes | for example |
/// |--:|--:|--:|--:|--:|---|
/// | 16 | 2 | 1 | 0 | 2736 | a mirror in firmware, one flag |
/// | 256 | 8 | 1 | 0 | 11328 | the default |
/// | 256 | 16 | 1 | 0 | 11912 | many windows |
/// | 256 | 8 | 4096 | 64 | 16960 | regions of 4 GiB in 16 TiB |
/// | 1024 | 16 | 262144 | 512 | 312456 | regions of 64 MiB in 16 TiB, 1024 writes in flight |
///
/// That is 34 for a ticket, 1 for a region, 24 for a bad range, and 73 for a window.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SyncCore<
    const TICKETS: usize = 256,
    const WINDOWS: usize = 8,
    const REGIONS: usize = 1,
    const BAD: usize = 0,
> {
    config: Config,
    capabilities: Capabilities,
    /// The operator accepted that the format cannot name failed members.
    forced: bool,
    members: Members,
    names: [Option<MemberKey>; NAMED],
    generation: Generation,
    /// What every live member's record says, and what the one being written says.
    generation_recorded: Generation,
    generation_writing: Generation,
    set_failed: bool,
    log: DirtyLog<REGIONS>,
    debtors: Debtors,
    bad: BadRanges<BAD>,
    /// Copies or parity may disagree in the regions that are owed, at and above `equalise.done`, and
    /// which operation mends it.
    owed: Option<Operation>,
    /// Rows from here on became owed behind `equalise.done`: the pass goes back when no window is open.
    back: Option<Row>,
    initialisation: Initialisation,
    rebuild: Mark,
    equalise: Mark,
    scrub: Mark,
    scrub_of: Option<Operation>,
    running: Option<Running>,
    tickets: Tickets<TICKETS>,
    windows: Windows<WINDOWS>,
    records: Records,
    throttle: Throttle,
    clock: Clock,
    checkpointed: u64,
    news: News,
    counters: Counters,
    ticket_waiters: Waiters,
    /// See [`Self::version`].
    version: u32,
}

/// What has happened and was not yet told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct News {
    set_failed: bool,
    degraded: bool,
    write_hole: bool,
    needs_spare: SlotSet,
    marks: Option<Marks>,
    finished: Option<(Operation, Finish)>,
    mismatch: Option<(Rows, NonZeroU64, u64)>,
    filling: Option<Filling>,
}

impl News {
    const NOTHING: Self = Self {
        set_failed: false,
        degraded: false,
        write_hole: false,
        needs_spare: SlotSet::EMPTY,
        marks: None,
        finished: None,
        mismatch: None,
        filling: None,
    };
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Counters {
    window_waits: u64,
    mismatches: u64,
    unreadable: u64,
    /// Rows that the pass has done, and since when it counts.
    pass: u64,
    pass_since: u64,
}

impl Counters {
    const ZERO: Self =
        Self { window_waits: 0, mismatches: 0, unreadable: 0, pass: 0, pass_since: 0 };
}

/// Whether anybody is parked under a value, and is to be woken.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Waiters {
    waited: bool,
    wake: bool,
}

impl Waiters {
    const NOBODY: Self = Self { waited: false, wake: false };

    const fn due(&mut self) {
        self.wake |= self.waited;
        self.waited = false;
    }
}

/// What a record says, the part that depends on how far an operation has come.
struct Claim {
    members: Members,
    owed: Option<Operation>,
    initialisation: Initialisation,
    progress: Option<Progress>,
    clean: bool,
}

impl<const TICKETS: usize, const WINDOWS: usize, const REGIONS: usize, const BAD: usize>
    SyncCore<TICKETS, WINDOWS, REGIONS, BAD>
{
    /// Members that a user's flush must go to.
    #[must_use]
    pub fn live(&self) -> SlotSet {
        self.members.live()
    }

    /// A number that is another one as soon as a member that an answer of [`plan_read`](Self::plan_read) named may not be
    /// read there any more. As long as it is the same, all earlier answers hold, so that a queue may keep one for
    /// the whole set and ask again only when the number has changed. What is gained, a member that is filled, rows
    /// that agree, need not change it.
    ///
    /// An embedder publishes it (in an atomic) before it lets go of the lock under which it called. A read that was
    /// sent before may still come back from a member that has failed since. It wraps around: an answer from four
    /// thousand million changes ago would be taken for a new one.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// Answers of [`plan_read`](Self::plan_read) may not hold any more.
    pub(crate) fn outdate_reads(&mut self) {
        if !self.has(Defect::KeepVersion) {
            self.version = self.version.wrapping_add(1);
        }
    }

    /// The operation that the set needs next, if any: agreement of its copies first, then the members
    /// that wait to be filled. A parity set that is short of a member is filled first.
    #[must_use]
    pub fn owed(&self) -> Option<Operation> {
        let targets = self.members.rebuilding();
        match self.owed {
            _ if self.running.is_some() || self.set_failed => None,
            Some(operation) if self.members.redundant() || self.has_agreed() => Some(operation),
            _ if !targets.is_empty() => Some(Operation::Rebuild { targets }),
            _ => None,
        }
    }

    /// Whether the rows of a parity set that were owed all agree, and only the record of it is missing. For that
    /// no member is needed that has failed since. (The last copy of a mirror owes nothing anyway.)
    const fn has_agreed(&self) -> bool {
        let parity = matches!(self.members.redundancy, Redundancy::Parity(_));
        parity && self.owed.is_some() && !self.log.owes()
    }

    /// The cursors of the operation under way.
    #[must_use]
    pub fn marks(&self) -> Option<Marks> {
        let running = self.running.as_ref()?;
        Some(self.mark_of(running.family()).with_limit(running.limit))
    }

    /// What record `seq` must say, while it is being written.
    #[must_use]
    pub fn snapshot(&self, seq: RecordSeq) -> Option<RuntimeState> {
        match &self.records.stream {
            Stream::Writing { image, .. } if self.records.writing() == Some(seq) => Some(*image),
            _ => None,
        }
    }

    /// The whole of record `seq`, while it is being written: its [`snapshot`](Self::snapshot), and what a format
    /// with more room stores as well.
    #[must_use]
    pub fn record(&self, seq: RecordSeq) -> Option<RecordView<'_>> {
        let Stream::Writing { image, raise, .. } = &self.records.stream else { return None };
        if self.records.writing() != Some(seq) {
            return None;
        }
        let finishes = raise.is_some_and(|raise| raise.finish);
        let paid = if finishes { self.members.filling } else { SlotSet::EMPTY };
        let lasting = self.debtors.bits(self.debtors.slots().without(paid));
        let (debtors, generation) = (&self.debtors, self.generation_writing);
        let (state, raised) = (*image, raise.is_some());
        let (regions, bad) = (&self.log, &self.bad);
        Some(RecordView { state, generation, debtors, lasting, regions, bad, raised })
    }

    /// Regions that the member of this slot has missed writes to; `None` where no account is kept: it
    /// holds everything, or owes everything.
    #[must_use]
    pub fn debt(&self, slot: Slot) -> Option<u32> {
        let bit = self.debtors.bit(slot);
        (bit != 0).then(|| self.log.debts(bit))
    }

    /// The account of the member of this slot, if one is kept.
    #[must_use]
    pub fn account(&self, slot: Slot) -> Option<Debtor> {
        self.debtors.get(slot).copied()
    }

    /// Where the set stands.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            operation: self.running.map(|running| running.operation),
            phase: self.running.map_or(Phase::Idle, |running| running.phase),
            marks: self.marks(),
            failed: self.members.failed,
            rebuilding: self.members.rebuilding(),
            set_failed: self.set_failed,
            clean: self.records.recorded.clean && self.log.is_clean(),
            unrecorded: self.lower_due() || self.records.writing().is_some(),
            rate: self.rate(),
            tickets: self.tickets.in_flight(),
            windows: self.windows.used(),
            oldest_window: self.windows.oldest().map(|opened| self.clock.since(opened)),
            window_waits: self.counters.window_waits,
            mismatches: self.counters.mismatches,
            unreadable: self.counters.unreadable,
            owed_regions: self.log.owed_regions(),
            bad_ranges: u16::try_from(self.bad.len()).unwrap_or(u16::MAX),
            filling: self.bad.filling(),
            generation: self.generation,
        }
    }

    fn rate(&self) -> u64 {
        // In microseconds, so that no product leaves 64 bits in a lifetime.
        let passed = self.clock.since(self.counters.pass_since).checked_div(1000).unwrap_or(0);
        let rows = self.counters.pass.saturating_mul(1_000_000);
        rows.checked_div(passed).filter(|_| self.running.is_some()).unwrap_or(0)
    }

    /// Rows below this agree, whatever the log says.
    fn agreed_below(&self) -> Row {
        self.back.map_or(self.equalise.done, |back| back.min(self.equalise.done))
    }

    /// Members being filled that are given what is written to this row: all below the cursor, above it
    /// those that do not owe its region, as soon as their own record says that they are being filled.
    fn filled_at(&self, row: Row, cursor: Row) -> SlotSet {
        if row < cursor {
            return self.members.filling;
        }
        let told = self.told_of_filling();
        let bits = self.debtors.bits(told);
        self.debtors.slots_of(bits & !self.log.debt(row)) & told
    }

    /// Members that a pass fills, and whose own record says so. Until then a start from one of them alone takes it
    /// for what it was when it left. A pass may stand still, or end, before that record is written.
    fn told_of_filling(&self) -> SlotSet {
        if self.running.is_none() {
            return SlotSet::EMPTY;
        }
        match self.capabilities.failure {
            true => self.members.filling & self.records.recorded.rebuilding,
            false => self.members.filling,
        }
    }

    fn mark_of(&self, family: Family) -> &Mark {
        match family {
            Family::Rebuild => &self.rebuild,
            Family::Equalise => &self.equalise,
            Family::Scrub => &self.scrub,
        }
    }

    fn mark_mut(&mut self, family: Family) -> &mut Mark {
        match family {
            Family::Rebuild => &mut self.rebuild,
            Family::Equalise => &mut self.equalise,
            Family::Scrub => &mut self.scrub,
        }
    }

    /// Whether writes need a dirty record at all.
    fn tracks_writes(&self) -> bool {
        self.capabilities.dirty && self.members.redundancy != Redundancy::None
    }

    fn serialises(&self) -> bool {
        (self.config.overlap || matches!(self.members.redundancy, Redundancy::Parity(_)))
            && !self.has(crate::defect::Defect::AllowOverlap)
    }

    /// Whether an operation leaves traces in the records. A scrub does only where its position can be
    /// kept.
    const fn is_recorded(&self, operation: Operation) -> bool {
        self.capabilities.mark || !matches!(family(operation), Family::Scrub)
    }

    /// The operation that a record names: the one under way, else the one that is owed.
    fn shown(
        &self,
        members: &Members,
        owed: Option<Operation>,
        under_way: bool,
    ) -> Option<Progress> {
        let running =
            self.running.filter(|running| under_way && self.is_recorded(running.operation));
        // A journal may settle what is unclean, so what is owed is named, whatever else runs.
        let parity = matches!(members.redundancy, Redundancy::Parity(_));
        let first = owed.filter(|_| parity);
        let operation = match first.or(running.map(|running| running.operation)).or(owed) {
            Some(Operation::Rebuild { .. }) | None => (!members.filling.is_empty())
                .then_some(Operation::Rebuild { targets: members.filling }),
            other => other,
        }?;
        Some(Progress { operation, mark: self.mark_of(family(operation)).durable })
    }

    fn describe(&self, claim: &Claim) -> RuntimeState {
        // "Clean" would hide what the record does not say: that a resync is owed, or who has failed. A
        // parity set that lost a member before its parity agreed is rebuilt first; it stays unclean, for
        // the rows of its target are not known either. A log by region names what is owed itself.
        let named = claim.progress.map(|progress| progress.operation);
        let said =
            self.capabilities.mark && named == claim.owed && claim.members.filling.is_empty();
        let unsaid = claim.owed.is_some() && !said;
        let hidden = (unsaid && !self.log.by_region) || self.hides_failures(claim);
        let clean = match self.tracks_writes() {
            true => claim.clean && !hidden,
            false => self.records.recorded.clean,
        };
        RuntimeState {
            clean,
            failed: claim.members.failed,
            rebuilding: claim.members.rebuilding(),
            initialisation: claim.initialisation,
            progress: claim.progress,
        }
    }

    /// Whether a clean record would hide a failure that the format cannot name.
    fn hides_failures(&self, claim: &Claim) -> bool {
        !claim.members.failed.is_empty() && !self.capabilities.failure
    }

    fn claim(&self) -> Claim {
        Claim {
            members: self.members,
            owed: self.owed,
            initialisation: self.initialisation,
            progress: self.shown(&self.members, self.owed, true),
            clean: self.log.is_clean(),
        }
    }

    /// What the metadata has to say at once: every loss of trust, no gain.
    fn lower_image(&self) -> RuntimeState {
        self.describe(&self.claim())
    }

    /// Whether the metadata claims more than is true, or a write waits for its dirty record.
    fn lower_due(&self) -> bool {
        let wanted = self.tracks_writes() && self.log.is_wanted();
        let bad = self.capabilities.bad_ranges > 0 && self.bad.is_unrecorded();
        wanted || bad || !same(&self.lower_image(), &self.records.recorded, &self.capabilities)
    }

    /// Members that hold the row at `start`, whether its copies agree, and up to where both hold.
    #[inline]
    fn holders(&self, start: Row, end: Row) -> (SlotSet, bool, Row) {
        let (mut holders, mut agreed, mut end) = (self.members.trusted(), true, end);
        if self.owed.is_some() || self.log.may_disagree() {
            let below = self.agreed_below();
            agreed = start < below || !self.log.disagrees(start);
            if start < below {
                end = end.min(below);
            } else {
                end = self.log.alike(start, end, 0);
                if !agreed && self.members.redundancy == Redundancy::Mirror {
                    // Copies may differ: one of them speaks for all, so that no two reads disagree.
                    holders = holders.lowest().map_or(SlotSet::EMPTY, SlotSet::of);
                }
            }
        }
        if !self.members.filling.is_empty() {
            let done = match self.has(Defect::ReadByIssued) {
                true => self.rebuild.issued,
                false => self.rebuild.done,
            };
            // Nor does one that is being filled answer beside it: it may have been filled from another.
            if agreed || self.members.redundancy != Redundancy::Mirror {
                holders = holders | self.filled_at(start, done);
            }
            if start < done {
                end = end.min(done);
            } else {
                end = self.log.alike(start, end, self.debtors.bits(self.members.filling));
            }
        }
        (holders, agreed, end)
    }

    /// The same, without the members that cannot give these rows back.
    #[inline]
    fn readable(&self, start: Row, end: Row) -> (SlotSet, bool, Row) {
        let (holders, agreed, end) = self.holders(start, end);
        if self.bad.is_empty() {
            return (holders, agreed, end);
        }
        let (bad, end) = self.bad.at(start, end);
        (holders.without(bad), agreed, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// The table under "Memory": the four numbers and the bytes.
    fn stated() -> Vec<[usize; 5]> {
        let lines = include_str!("sync_core.rs").lines().map(str::trim);
        let rows = lines
            .skip_while(|line| *line != "/// # Memory")
            .skip_while(|line| !line.contains("--:"));
        let rows = rows.skip(1).map_while(|line| line.strip_prefix("/// | "));
        let numbers = |row: &str| {
            let cells: Vec<usize> =
                row.split('|').map_while(|cell| cell.trim().parse().ok()).collect();
            cells.try_into().unwrap()
        };
        rows.map(numbers).collect()
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn the_memory_of_a_core_is_what_the_table_says() {
        let sizes = [
            ([16, 2, 1, 0], size_of::<SyncCore<16, 2>>()),
            ([256, 8, 1, 0], size_of::<SyncCore>()),
            ([256, 16, 1, 0], size_of::<SyncCore<256, 16>>()),
            ([256, 8, 4096, 64], size_of::<SyncCore<256, 8, 4096, 64>>()),
            ([1024, 16, 262_144, 512], size_of::<SyncCore<1024, 16, 262_144, 512>>()),
        ];
        let stated = stated();
        assert_eq!(stated.len(), sizes.len());
        for (([tickets, windows, regions, bad], size), row) in sizes.into_iter().zip(stated) {
            let [.., bytes] = row;
            assert_eq!(row, [tickets, windows, regions, bad, bytes]);
            // Another compiler may pad otherwise: never more than is said, and not much less.
            assert!(size <= bytes && bytes - size <= 64, "{row:?}: {size} bytes");
        }
        let base = size_of::<SyncCore<16, 2>>();
        assert_eq!(size_of::<SyncCore<20, 2>>() - base, 4 * 34);
        assert_eq!(size_of::<SyncCore<16, 2, 1, 1>>() - base, 24);
        assert_eq!(size_of::<SyncCore<16, 2, 9, 0>>() - base, 8);
        assert_eq!(size_of::<SyncCore<16, 10>>() - base, 8 * 73);
    }
}
