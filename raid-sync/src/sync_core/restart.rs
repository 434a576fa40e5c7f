// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the metadata says becomes a state.
//!
//! | found | mirror | parity |
//! |---|---|---|
//! | clean, no operation | nothing owed | nothing owed |
//! | clean, rebuild at a mark | goes on at the mark | goes on at the mark |
//! | clean, resync or initialise at a mark | owed from the mark | owed from the mark; refused if degraded |
//! | unclean, all trusted | resync owed from 0 | resync owed from 0 |
//! | unclean, a member short or being filled | resync owed if two are trusted; rebuild from 0 | refused without force or ledger |
//! | unclean, ledger replayed | nothing owed, rebuild from 0 | nothing owed, rebuild from 0 |
//! | too few trusted members | refused | refused |
//!
//! One dirty flag covers the whole set, so after an unclean stop rows below a mark may differ as well:
//! the mark is used only if the record is clean, whatever the format could do (`sync.md` result 3).
//! That a mark belongs to the disk in the slot and to no other (I11) is for the format to check: it
//! reports mark 0 if the identities differ.

use super::{Counters, News, SyncCore, Waiters};
use crate::config::{Config, Start};
use crate::defect::Defect;
use crate::error::Refusal;
use crate::mark::Mark;
use crate::member::{Members, Redundancy};
use crate::operation::{Family, family};
use crate::record::Records;
use crate::region::Region;
use crate::throttle::Throttle;
use crate::ticket::Tickets;
use crate::time::Clock;
use crate::window::Windows;
use raid_core::array::Initialisation;
use raid_core::metadata::{Capabilities, Operation, RuntimeState};
use raid_core::units::{Row, SlotSet};

impl<const TICKETS: usize, const WINDOWS: usize> SyncCore<TICKETS, WINDOWS> {
    /// A core for the set that `config` describes and of which the metadata says `found`.
    ///
    /// # Errors
    /// [`Refusal::Config`], [`Refusal::NoCopyLeft`], [`Refusal::DirtyAndDegraded`].
    pub fn new(
        config: Config,
        found: &RuntimeState,
        capabilities: Capabilities,
        start: Start,
    ) -> Result<Self, Refusal> {
        check(&config)?;
        let members = members(&config, found);
        let (trusted, needed) = (members.trusted(), members.needed());
        if !members.suffice(trusted) {
            return Err(Refusal::NoCopyLeft { trusted: trusted.len(), needed });
        }
        let owed = owed(&members, found, start);
        let parity = matches!(members.redundancy, Redundancy::Parity(_));
        if parity && owed.is_some() && !members.redundant() && start == Start::Normal {
            let (trusted, members) = (trusted.len(), members.all.len());
            return Err(Refusal::DirtyAndDegraded { trusted, members });
        }
        let mut core = Self {
            config,
            capabilities,
            forced: start == Start::Force,
            members,
            set_failed: false,
            region: Region::new(found.clean),
            owed,
            initialisation: found.initialisation,
            rebuild: Mark::ZERO,
            equalise: Mark::ZERO,
            scrub: Mark::ZERO,
            scrub_of: None,
            running: None,
            tickets: Tickets::new(),
            windows: Windows::new(),
            records: Records::new(confirmed(found)),
            throttle: Throttle::default(),
            clock: Clock::default(),
            checkpointed: 0,
            news: News {
                degraded: !members.failed.is_empty(),
                needs_spare: members.failed,
                ..News::default()
            },
            counters: Counters::default(),
            overlap_waiters: Waiters::default(),
            ticket_waiters: Waiters::default(),
            #[cfg(test)]
            defect: None,
        };
        core.keep_mark(found);
        Ok(core)
    }

    /// Takes over the recorded position, if it may be trusted.
    pub(crate) fn keep_mark(&mut self, found: &RuntimeState) {
        let Some(operation) = found.operation.filter(|_| self.capabilities.mark) else { return };
        let whole = found.mark.0.checked_rem(self.config.align).unwrap_or(0);
        let mark = Mark::at(Row(found.mark.0.saturating_sub(whole)));
        let trusted = found.clean || self.has(Defect::TrustMarkAfterUnclean);
        if !trusted || found.mark.0 > self.config.rows {
            return;
        }
        match operation {
            Operation::Rebuild { targets } if targets == found.rebuilding => {
                // A waiting member holds nothing: only those that were being filled have the rows.
                self.members.fill(targets);
                self.rebuild = mark;
            }
            Operation::Rebuild { .. } => {}
            _ if family(operation) == Family::Equalise => self.equalise = mark,
            _ => {
                self.scrub = mark;
                self.scrub_of = Some(operation);
            }
        }
    }
}

/// What *every* live member is known to say. The newest record may have reached only some of them
/// before the power went; they may be lost before the next stop. So what it lowered counts as not yet
/// recorded, and the first record of this run says it again.
fn confirmed(found: &RuntimeState) -> RuntimeState {
    RuntimeState { failed: SlotSet::EMPTY, rebuilding: SlotSet::EMPTY, ..*found }
}

fn check(config: &Config) -> Result<(), Refusal> {
    let fault = |what, found, expected| Err(Refusal::Config { what, found, expected });
    if config.rows == 0 {
        return fault("rows of the set", 0, 1);
    }
    if config.align == 0 {
        return fault("alignment in rows", 0, 1);
    }
    if config.members.is_empty() {
        return fault("members", 0, 1);
    }
    if let Redundancy::Parity(absent) = config.redundancy {
        let members = config.members.len();
        if members <= u16::from(absent) {
            let expected = u64::from(absent).saturating_add(1);
            return fault("members of a parity set", u64::from(members), expected);
        }
    }
    Ok(())
}

fn members(config: &Config, found: &RuntimeState) -> Members {
    let failed = (found.failed | config.absent) & config.members;
    let mut members = Members {
        all: config.members,
        failed,
        filling: SlotSet::EMPTY,
        waiting: (found.rebuilding & config.members).without(failed),
        redundancy: config.redundancy,
    };
    if let Some(Operation::Rebuild { targets }) = found.operation {
        members.fill(targets);
    }
    members
}

/// Which operation must make copies or parity agree again.
fn owed(members: &Members, found: &RuntimeState, start: Start) -> Option<Operation> {
    let interrupted = found.operation.filter(|operation| family(*operation) == Family::Equalise);
    let operation = match (found.initialisation, interrupted) {
        (Initialisation::Running, _) => Operation::Initialise,
        (_, Some(operation)) => operation,
        _ if !found.clean && start != Start::LedgerReplayed => Operation::Resync,
        _ => return None,
    };
    match members.redundancy {
        Redundancy::None => None,
        // A single copy agrees with itself.
        Redundancy::Mirror => (members.trusted().len() > 1).then_some(operation),
        Redundancy::Parity(_) => Some(operation),
    }
}
