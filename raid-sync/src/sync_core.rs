// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`SyncCore`]: the rooms joined.
//!
//! | file | inputs |
//! |---|---|
//! | `restart` | `new`: what the metadata says becomes a state |
//! | `admission` | `admit`, `plan_read` |
//! | `completion` | `complete`, `complete_flush`, and what an acknowledgement waits for |
//! | `steering` | `start`, `pause`, `resume`, `abort`, limits and range, members coming and going |
//! | `report` | `copied`, `flushed`, `persisted` |
//! | `poll` | `poll`, `deadline` |

mod admission;
#[cfg(test)]
mod canonical;
mod completion;
mod poll;
mod report;
mod restart;
mod steering;

use crate::command::Status;
use crate::config::Config;
#[cfg(test)]
use crate::defect::Defect;
use crate::mark::{Mark, Marks};
use crate::member::{Members, Redundancy};
use crate::operation::{Family, Finish, Phase, Running, family};
use crate::record::{RecordSeq, Records, Stream, same};
use crate::region::{self, Region};
use crate::throttle::Throttle;
use crate::ticket::Tickets;
use crate::time::Clock;
use crate::window::Windows;
use raid_core::array::Initialisation;
use raid_core::metadata::{Capabilities, Operation, RuntimeState};
use raid_core::units::{Row, SlotSet};

/// The sync marks and the write interlock of one redundancy set.
///
/// Up to `TICKETS` requests in flight (fewer than 65535) and `WINDOWS` windows (at most 32). One
/// owner: the embedder brings the lock.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SyncCore<const TICKETS: usize = 256, const WINDOWS: usize = 8> {
    config: Config,
    capabilities: Capabilities,
    /// The operator accepted that the format cannot name failed members.
    forced: bool,
    members: Members,
    set_failed: bool,
    region: Region,
    /// Copies or parity may disagree at and above `equalise.done`, and which operation mends it.
    owed: Option<Operation>,
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
    overlap_waiters: Waiters,
    ticket_waiters: Waiters,
    #[cfg(test)]
    pub(crate) defect: Option<Defect>,
}

/// What has happened and was not yet told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct News {
    set_failed: bool,
    degraded: bool,
    write_hole: bool,
    needs_spare: SlotSet,
    marks: Option<Marks>,
    finished: Option<(Operation, Finish)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Counters {
    window_waits: u64,
    mismatches: u64,
    unreadable: u64,
}

/// Whether anybody is parked under a value, and is to be woken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Waiters {
    waited: bool,
    wake: bool,
}

impl Waiters {
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
    operation: Option<(Operation, Row)>,
    clean: bool,
}

impl<const TICKETS: usize, const WINDOWS: usize> SyncCore<TICKETS, WINDOWS> {
    /// Members that a user's flush must go to.
    #[must_use]
    pub fn live(&self) -> SlotSet {
        self.members.live()
    }

    /// The operation that the set needs next, if any: agreement of its copies first, then the members
    /// that wait to be filled. A parity set that is short of a member is filled first.
    #[must_use]
    pub fn owed(&self) -> Option<Operation> {
        let targets = self.members.rebuilding();
        match self.owed {
            _ if self.running.is_some() || self.set_failed => None,
            Some(operation) if self.members.redundant() => Some(operation),
            _ if !targets.is_empty() => Some(Operation::Rebuild { targets }),
            _ => None,
        }
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
            clean: self.records.recorded.clean && self.region.state == region::State::Clean,
            unrecorded: self.lower_due() || self.records.writing().is_some(),
            tickets: self.tickets.in_flight(),
            windows: self.windows.used(),
            oldest_window: self.windows.oldest().map(|opened| self.clock.since(opened)),
            window_waits: self.counters.window_waits,
            mismatches: self.counters.mismatches,
            unreadable: self.counters.unreadable,
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
    ) -> Option<(Operation, Row)> {
        let running =
            self.running.filter(|running| under_way && self.is_recorded(running.operation));
        let operation = match running.map(|running| running.operation).or(owed) {
            Some(Operation::Rebuild { .. }) | None => (!members.filling.is_empty())
                .then_some(Operation::Rebuild { targets: members.filling }),
            other => other,
        }?;
        Some((operation, self.mark_of(family(operation)).durable))
    }

    fn describe(&self, claim: &Claim) -> RuntimeState {
        // "Clean" would hide what the record does not say: that a resync is owed, or who has failed. A
        // parity set that lost a member before its parity agreed is rebuilt first, and the record then
        // names the rebuild.
        let named = claim.operation.map(|(operation, _)| operation);
        let hidden = (claim.owed.is_some() && (!self.capabilities.mark || named != claim.owed))
            || (!claim.members.failed.is_empty() && !self.capabilities.failure);
        let clean = match self.tracks_writes() {
            true => claim.clean && !hidden,
            false => self.records.recorded.clean,
        };
        RuntimeState {
            clean,
            failed: claim.members.failed,
            rebuilding: claim.members.rebuilding(),
            initialisation: claim.initialisation,
            operation: claim.operation.map(|(operation, _)| operation),
            mark: claim.operation.map_or(Row(0), |(_, mark)| mark),
        }
    }

    fn claim(&self) -> Claim {
        Claim {
            members: self.members,
            owed: self.owed,
            initialisation: self.initialisation,
            operation: self.shown(&self.members, self.owed, true),
            clean: self.region.state == region::State::Clean,
        }
    }

    /// What the metadata has to say at once: every loss of trust, no gain.
    fn lower_image(&self) -> RuntimeState {
        self.describe(&self.claim())
    }

    /// Whether the metadata claims more than is true, or a write waits for its dirty record.
    fn lower_due(&self) -> bool {
        let wanted = self.tracks_writes() && self.region.state == region::State::DirtyWanted;
        wanted || !same(&self.lower_image(), &self.records.recorded, &self.capabilities)
    }

    /// Members that hold the row at which `rows` starts, whether its copies agree, and up to where
    /// both hold.
    fn holders(&self, start: Row, end: Row) -> (SlotSet, bool, Row) {
        let (mut holders, mut agreed, mut end) = (self.members.trusted(), true, end);
        if self.owed.is_some() {
            agreed = start < self.equalise.done;
            if agreed {
                end = end.min(self.equalise.done);
            } else if self.members.redundancy == Redundancy::Mirror {
                // Copies may differ: one of them speaks for all, so that no two reads disagree.
                holders = holders.lowest().map_or(SlotSet::EMPTY, SlotSet::of);
            }
        }
        if !self.members.filling.is_empty() {
            let done = match self.has(crate::defect::Defect::ReadByIssued) {
                true => self.rebuild.issued,
                false => self.rebuild.done,
            };
            if start < done {
                holders = holders | self.members.filling;
                end = end.min(done);
            }
        }
        (holders, agreed, end)
    }
}
