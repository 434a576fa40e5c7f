// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the metadata says becomes a state.
//!
//! | found | mirror | parity |
//! |---|---|---|
//! | clean, no operation | nothing owed | nothing owed |
//! | clean, rebuild at a mark | goes on at the mark | goes on at the mark |
//! | clean, resync or initialise at a mark | owed from the mark | owed from the mark; refused if degraded |
//! | clean, never initialised | initialise owed if two are trusted | initialise owed; refused if degraded |
//! | unclean, all trusted | resync owed from 0 | resync owed from 0 |
//! | unclean, a member short or being filled | resync owed if two are trusted; rebuild from 0 | refused without force or journal |
//! | unclean, journal replayed | nothing owed, rebuild from 0 | nothing owed, rebuild from 0 |
//! | unclean, resync or initialise named, journal replayed | still owed, from 0 | still owed, from 0; refused if one more is missing |
//! | unclean, journal replayed, a format without marks | resync owed if redundancy is left | resync owed if redundancy is left |
//! | too few trusted members | refused | refused |
//!
//! A replay of the journal settles the rows that were in flight since the loss, and no others. What was owed a
//! resync before the loss stays owed: the record of a parity set names it, also while a rebuild runs. If one
//! more member is missing than the record names, what it held in those rows cannot be computed, so the
//! start is refused. A format without marks cannot name it, so there all rows are owed, unless all redundancy is lost: a rebuild
//! then computes what is missing from all that is left, and nothing can disagree with it.
//!
//! A mark at the last row says that all rows agree, and only that the operation has ended is not recorded: that needs no
//! member that is missing, so nothing is refused for it.
//!
//! Where one dirty flag covers the whole set, rows below a mark may differ after an unclean stop as well:
//! the mark is used only if the record is clean (`sync.md` result 3). Where the format records regions:
//!
//! | found | region | member being filled, or absent with an account |
//! |---|---|---|
//! | clean | agrees | owes it if its account says so |
//! | dirty | owed a resync, if two members are trusted; recorded again before the first write | owes it |
//! | below the mark of a rebuild, clean | agrees | holds it |
//! | unwritten | agrees when it is written | the same |
//!
//! A mark and an account belong to one disk and no other (I11): where a format gives the identities of
//! those who are [`seated`](crate::Found::seated), they are compared; otherwise it reports mark 0 and no
//! account if they differ.

use super::{Counters, NAMED, News, SyncCore, Waiters};
use crate::bad_range::BadRanges;
use crate::config::{Config, Start};
use crate::debt::Debtors;
use crate::defect::{Defect, planted};
use crate::error::Refusal;
use crate::mark::Mark;
use crate::member::{Members, Redundancy};
use crate::operation::{Family, family};
use crate::record::Records;
use crate::record_view::{Found, Seated};
use crate::region::{DirtyLog, Grain};
use crate::throttle::Throttle;
use crate::ticket::Tickets;
use crate::time::Clock;
use crate::window::Windows;
use raid_core::array::Initialisation;
use raid_core::metadata::{
    Capabilities, Debtor, Generation, Operation, Progress, RegionRecord, RuntimeState,
};
use raid_core::units::{Row, Rows, Slot, SlotSet};

impl<const TICKETS: usize, const WINDOWS: usize, const REGIONS: usize, const BAD: usize>
    SyncCore<TICKETS, WINDOWS, REGIONS, BAD>
{
    /// A core without a set: a set that has failed, without rows and without members.
    pub const EMPTY: Self = Self {
        config: Config::new(0, SlotSet::EMPTY, Redundancy::None),
        capabilities: NO_FORMAT,
        forced: false,
        members: Members::NOBODY,
        names: [None; NAMED],
        generation: Generation(0),
        generation_recorded: Generation(0),
        generation_writing: Generation(0),
        set_failed: true,
        log: DirtyLog::EMPTY,
        debtors: Debtors::NOBODY,
        bad: BadRanges::EMPTY,
        owed: None,
        back: None,
        initialisation: Initialisation::Full,
        rebuild: Mark::ZERO,
        equalise: Mark::ZERO,
        scrub: Mark::ZERO,
        scrub_of: None,
        running: None,
        tickets: Tickets::EMPTY,
        windows: Windows::EMPTY,
        records: Records::new(RuntimeState::clean()),
        throttle: Throttle::NEW,
        clock: Clock::NEW,
        checkpointed: 0,
        news: News::NOTHING,
        counters: Counters::ZERO,
        ticket_waiters: Waiters::NOBODY,
        version: 0,
    };

    /// Becomes [`EMPTY`](Self::EMPTY) where it is, but for its [`version`](Self::version), which goes on. What was
    /// admitted or commanded must have come back: its reports would be taken for those of the next set.
    pub fn clear(&mut self) {
        self.outdate_reads();
        let Self { config, capabilities, forced, members, names, .. } = self;
        *config = Config::new(0, SlotSet::EMPTY, Redundancy::None);
        (*capabilities, *forced, *members) = (NO_FORMAT, false, Members::NOBODY);
        names.fill(None);
        let Self { generation, generation_recorded, generation_writing, set_failed, .. } = self;
        (*generation, *generation_recorded) = (Generation(0), Generation(0));
        (*generation_writing, *set_failed) = (Generation(0), true);
        let Self { log, debtors, bad, owed, back, initialisation, .. } = self;
        log.reset(Grain::NOTHING, false);
        *debtors = Debtors::NOBODY;
        bad.reset(0);
        (*owed, *back, *initialisation) = (None, None, Initialisation::Full);
        let Self { rebuild, equalise, scrub, scrub_of, running, .. } = self;
        (*rebuild, *equalise, *scrub) = (Mark::ZERO, Mark::ZERO, Mark::ZERO);
        (*scrub_of, *running) = (None, None);
        let Self { tickets, windows, records, throttle, clock, checkpointed, .. } = self;
        tickets.reset(1);
        windows.reset();
        *records = Records::new(RuntimeState::clean());
        (*throttle, *clock, *checkpointed) = (Throttle::NEW, Clock::NEW, 0);
        let Self { news, counters, ticket_waiters, .. } = self;
        (*news, *counters, *ticket_waiters) = (News::NOTHING, Counters::ZERO, Waiters::NOBODY);
    }

    /// Fills an [`EMPTY`](Self::EMPTY) core, where it is, with the set that `config` describes and of which the metadata
    /// says `found`: [`Found::plain`] from a format that holds no more than that.
    ///
    /// A core that refuses stays empty.
    ///
    /// # Errors
    /// [`Refusal::Busy`] if it has a set: [`clear`](Self::clear) it first. [`Refusal::Config`], also where more bad ranges
    /// were found than are kept; [`Refusal::NoCopyLeft`], [`Refusal::DirtyAndDegraded`],
    /// [`Refusal::ResyncOwedAndDegraded`].
    pub fn restore(
        &mut self,
        config: Config,
        found: &Found<'_>,
        capabilities: Capabilities,
        start: Start,
    ) -> Result<(), Refusal> {
        if self.config.rows > 0 {
            return Err(Refusal::Busy);
        }
        check(&config)?;
        let state = &found.state;
        let members = members(&config, state);
        let owed = startable(&config, &members, state, capabilities, start)?;
        let by_region = capabilities.dirty && capabilities.mark_after_unclean;
        self.config = config;
        self.capabilities = capabilities;
        self.forced = start == Start::Force;
        self.members = members;
        self.generation = found.generation;
        self.generation_recorded = found.generation;
        self.generation_writing = found.generation;
        self.set_failed = false;
        self.log.reset(Grain::new(config.rows, config.align, REGIONS), by_region);
        self.bad.reset(capabilities.bad_ranges);
        self.owed = owed;
        self.initialisation = state.initialisation;
        self.tickets.reset(config.unit());
        self.records = Records::new(confirmed(state));
        self.news.degraded = !members.failed.is_empty();
        self.news.needs_spare = members.failed;
        if let Err(refusal) = self.keep_names(found) {
            self.clear();
            return Err(refusal);
        }
        self.outdate_reads();
        self.keep_mark(state);
        self.keep_log(found);
        self.keep_accounts(found);
        Ok(())
    }

    /// Takes over who sits where, and which rows of whom may not be read: one that was left out would be.
    fn keep_names(&mut self, found: &Found<'_>) -> Result<(), Refusal> {
        for Seated { slot, key } in found.seated {
            self.name(*slot, *key);
        }
        if !found.bad.iter().all(|range| self.bad.add(range.slot, range.rows)) {
            let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
            let what = "bad ranges in the record of the set, more than are kept here";
            return Err(Refusal::Config {
                what,
                found: count(found.bad.len()),
                expected: count(BAD),
            });
        }
        self.bad.found();
        Ok(())
    }

    /// Takes over the regions, or what stands for them.
    fn keep_log(&mut self, found: &Found<'_>) {
        let rows = Rows::new(0, self.config.rows);
        if self.log.by_region && found.regions.len() == self.log.grain.count {
            self.debtors.restore(&found.debtors);
            if !self.has(Defect::ForgetLog) {
                self.log.found(found.regions, self.owed.is_some());
            }
            if found.state.clean && self.owed.is_some() {
                self.log.owe(rows);
            }
            self.owed = self.owed.filter(|_| self.log.owes());
        } else if !found.state.clean {
            self.log.found_unclean(self.owed.is_some());
        } else if self.owed.is_some() {
            self.log.owe(rows);
        }
        let done = self.equalise.done;
        self.log.agreed(Row(0), done);
    }

    /// Takes over who owes what, and begins accounts for those who are away since now.
    fn keep_accounts(&mut self, found: &Found<'_>) {
        let away = self.members.failed.without(found.state.failed).without(found.state.rebuilding);
        let shrank = !away.is_empty();
        let filled = match found.state.operation() {
            Some(Operation::Rebuild { .. }) if self.capabilities.mark => found.state.mark(),
            _ => Row(0),
        };
        let named = |slot: Slot| {
            let seat = found.seated.iter().find(|seated| seated.slot == slot);
            seat.map(|seated| seated.key)
        };
        // Copies were still to be made equal. One that is alone now agrees with itself, and owes nothing; those
        // that come back do not agree with it. One flag does not say in which rows; nor do regions, where a record
        // names a resync and calls none of them dirty.
        let alone = !self.log.by_region || (found.state.clean && self.owed.is_none());
        let disagreed = alone && interrupted(&found.state).is_some();
        let known = self.debtors.slots();
        for slot in known.without(self.members.untrusted()).iter() {
            self.close_account(slot);
        }
        for slot in self.members.rebuilding().iter() {
            let account = self.debtors.get(slot).copied();
            let here = named(slot);
            let same = account.is_some_and(|account| here.is_none_or(|id| id == account.id));
            if !same && !self.has(Defect::AnyIdentity) && self.log.by_region {
                if self.members.filling.contains(slot) && account.is_some() {
                    self.rebuild = Mark::ZERO;
                }
                self.owe_everything(slot, here.flatten());
            } else if account.is_none() {
                self.owe_everything(slot, here.flatten());
            } else {
                // The rows below the mark are there, but for those that were being written.
                let below = if self.members.filling.contains(slot) { filled } else { Row(0) };
                let below = if self.rebuild == Mark::ZERO { below } else { Row(0) };
                let bit = self.debtors.bit(slot);
                self.charge_found(bit, below, disagreed);
            }
        }
        for slot in (self.members.failed & self.debtors.slots()).iter() {
            let bit = self.debtors.bit(slot);
            self.charge_found(bit, Row(0), disagreed);
        }
        for slot in away.iter() {
            let (id, left) = (named(slot).unwrap_or_default(), self.generation);
            let bit = self.debtors.keep(Debtor { slot, id, since: left, left });
            self.charge_found(bit, Row(0), disagreed);
        }
        if shrank {
            self.generation = self.generation.next(self.generation_bits());
        }
    }

    /// What a member owes whose account was found, or begins now: all that is not known to be clean, or all.
    fn charge_found(&mut self, debtor: u8, filled: Row, everything: bool) {
        if debtor == 0 {
            return;
        }
        match everything {
            true => self.log.charge_all(debtor),
            false => self.log.charge_leaver(debtor, filled),
        }
    }

    /// Takes over the recorded position, if it may be trusted.
    fn keep_mark(&mut self, found: &RuntimeState) {
        let kept = kept_mark(&self.config, found, self.capabilities);
        let Some(Progress { operation, mark }) = kept else { return };
        let mark = Mark::at(mark);
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

/// Gives the rows of a set whose parity may not agree: those that may have been in flight when it stopped, and
/// those that a resync or an initialisation had left when it stopped clean. For the operator, when a start is
/// refused with [`Refusal::DirtyAndDegraded`] or [`Refusal::ResyncOwedAndDegraded`]. `REGIONS` is that of the
/// core.
pub fn rows_at_risk<const REGIONS: usize>(
    config: &Config,
    found: &Found<'_>,
    capabilities: Capabilities,
    mut to: impl FnMut(Rows),
) {
    let by_region = capabilities.dirty && capabilities.mark_after_unclean;
    let grain = Grain::new(config.rows, config.align.max(1), REGIONS);
    if found.state.clean {
        let Some(owed) = interrupted(&found.state) else { return };
        let kept = kept_mark(config, &found.state, capabilities);
        let start = kept.filter(|kept| kept.operation == owed).map_or(Row(0), |kept| kept.mark);
        let len = config.rows.saturating_sub(start.0);
        if len > 0 {
            to(Rows { start, len });
        }
        return;
    }
    if !by_region || found.regions.len() != grain.count {
        return to(Rows::new(0, config.rows));
    }
    for (region, record) in found.regions.iter().enumerate() {
        if record.dirty() {
            let (start, end) = (grain.start(region), grain.end(region));
            to(Rows { start, len: end.0.saturating_sub(start.0) });
        }
    }
}

/// Gives the rows that these members have missed, as a record of the others says, whose `found` are its
/// debtors and its regions: for the operator who must choose one of two histories. All rows where one of
/// the members has no account. `REGIONS` is that of the core.
pub fn rows_missed<const REGIONS: usize>(
    rows: u64,
    align: u64,
    (debtors, regions): (&[Option<Debtor>], &[RegionRecord]),
    members: SlotSet,
    mut to: impl FnMut(Rows),
) {
    let grain = Grain::new(rows, align.max(1), REGIONS);
    let (mut owing, mut known) = (0u8, SlotSet::EMPTY);
    for (bit, debtor) in debtors.iter().enumerate() {
        let Some(debtor) = debtor.filter(|debtor| members.contains(debtor.slot)) else { continue };
        owing |= u32::try_from(bit).ok().and_then(|bit| 1u8.checked_shl(bit)).unwrap_or(0);
        known.insert(debtor.slot);
    }
    if !known.contains_all(members) || regions.len() != grain.count {
        return to(Rows::new(0, rows));
    }
    for (region, record) in regions.iter().enumerate() {
        if record.debt() & owing != 0 {
            let (start, end) = (grain.start(region), grain.end(region));
            to(Rows { start, len: end.0.saturating_sub(start.0) });
        }
    }
}

/// A format that records nothing.
const NO_FORMAT: Capabilities = Capabilities {
    mark: false,
    mark_after_unclean: false,
    dirty: false,
    failure: false,
    bad_ranges: 0,
    generation_bits: 0,
};

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
    if let Some(Operation::Rebuild { targets }) = found.operation() {
        members.fill(targets);
    }
    members
}

/// Whether a set may be started like this, and which operation must make its copies or parity agree.
fn startable(
    config: &Config,
    members: &Members,
    state: &RuntimeState,
    capabilities: Capabilities,
    start: Start,
) -> Result<Option<Operation>, Refusal> {
    let (trusted, needed) = (members.trusted(), members.needed());
    if !members.suffice(trusted) {
        return Err(Refusal::NoCopyLeft { trusted: trusted.len(), needed });
    }
    let owed = owed(members, state, capabilities, start);
    let parity = matches!(members.redundancy, Redundancy::Parity(_));
    let agreed = kept_mark(config, state, capabilities)
        .is_some_and(|kept| Some(kept.operation) == owed && kept.mark.0 == config.rows);
    let hole = parity && owed.is_some() && !members.redundant() && !agreed;
    // The journal has settled the rows since the loss that the record names, not those that were owed a
    // resync before it: what another member held in them cannot be computed.
    let more = !members.failed.without(state.failed | state.rebuilding).is_empty();
    let covered = match start {
        Start::Normal => planted(Defect::StartDegradedDirty),
        Start::JournalReplayed => !more || interrupted(state).is_none(),
        Start::Force => true,
    };
    if hole && !covered {
        let (trusted, members) = (trusted.len(), members.all.len());
        return Err(match state.clean {
            true => Refusal::ResyncOwedAndDegraded { trusted, members },
            false => Refusal::DirtyAndDegraded { trusted, members },
        });
    }
    Ok(owed)
}

/// The recorded position and its operation, if it may be trusted.
fn kept_mark(
    config: &Config,
    found: &RuntimeState,
    capabilities: Capabilities,
) -> Option<Progress> {
    let Progress { operation, mark } = found.progress.filter(|_| capabilities.mark)?;
    let trusted = found.clean || planted(Defect::TrustMarkAfterUnclean);
    let part = mark.0.checked_rem(config.align)?;
    let inside = mark.0 <= config.rows;
    let mark = Row(mark.0.saturating_sub(part));
    (trusted && inside).then_some(Progress { operation, mark })
}

/// Which operation must make copies or parity agree again.
fn owed(
    members: &Members,
    found: &RuntimeState,
    capabilities: Capabilities,
    start: Start,
) -> Option<Operation> {
    let spare = members.trusted().len() > members.needed();
    let settled = start == Start::JournalReplayed && (capabilities.mark || !spare);
    let operation = match interrupted(found) {
        Some(operation) => operation,
        None if !found.clean && !settled => Operation::Resync,
        None => return None,
    };
    match members.redundancy {
        Redundancy::None => None,
        // A single copy agrees with itself.
        Redundancy::Mirror => (members.trusted().len() > 1).then_some(operation),
        Redundancy::Parity(_) => Some(operation),
    }
}

/// The operation that was to make copies or parity agree and has not ended.
fn interrupted(found: &RuntimeState) -> Option<Operation> {
    match found.initialisation {
        // Nobody ever made them agree, and what a write to a part of a row makes of its parity is as
        // wrong as what was there.
        Initialisation::None | Initialisation::Running => Some(Operation::Initialise),
        Initialisation::Full => {
            found.operation().filter(|operation| family(*operation) == Family::Equalise)
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::scenarios::rig::*;
    use crate::world::native;
    use crate::{Admit, Config, Found, Refusal, Return, Start, Time};
    use raid_core::metadata::{BadRows, Capabilities, Operation, Progress, RuntimeState};
    use raid_core::units::{Rows, Slot};

    /// A set of two of which nobody wrote, in the middle of a resync, started with the second copy alone: the first
    /// one is given everything when it comes back.
    #[track_caller]
    fn assert_owes_everything(format: Capabilities) {
        let state = RuntimeState { progress: Some(Progress::start(Operation::Resync)), ..clean() };
        let mut rig = Rig::new(config(2), state, format);
        rig.disks[0].write(6, 50, true);
        rig.disks[1].write(6, 60, true);
        rig.restart(&[0]).unwrap();
        let regions = u32::try_from(rig.core.log.grain.count).unwrap();
        rig.run();
        assert_eq!(rig.give_back(0), Ok(Return::Partial { regions }));
        rig.run();
        rig.assert_whole();
    }

    #[test]
    fn who_comes_back_from_a_resync_that_never_ended_owes_everything() {
        // Recorded clean, for nobody writes, and yet the copies differ; one flag, so no region says where.
        assert_owes_everything(flag_only());
    }

    #[test]
    fn a_core_is_filled_where_it_is_and_cleared_there() {
        let mut core = Core::EMPTY;
        assert_eq!(core.poll(Time(1)), None, "an empty core has nothing to do");
        assert_eq!((core.deadline(), core.owed(), core.live()), (None, None, NONE));
        core.clear();
        let (format, found) = (native::capabilities(), clean());
        let bad = [BadRows { slot: Slot(0), rows: Rows::new(0, 1) }; 5].map({
            let mut row = 0;
            move |range| {
                row += 2;
                BadRows { rows: Rows::new(row, 1), ..range }
            }
        });
        let too_many = Found { bad: &bad, ..Found::plain(found) };
        let missing = Config { absent: slots(&[0, 1]), ..config(2) };
        let empty = core.clone();
        for (config, found) in [(config(2), too_many), (missing, Found::plain(found))] {
            assert!(core.restore(config, &found, format, Start::Normal).is_err());
            core.version = empty.version;
            assert_eq!(core, empty, "a core that refuses stays empty");
        }
        // A life that leaves something in every part of it, and then another set.
        let mut rig = Rig::rebuilding(3, 1);
        rig.write(0, 9);
        rig.start_held();
        rig.core.unwritable(Slot(0), Rows::new(9, 1));
        let _ = rig.go(12, 2);
        assert!(matches!(rig.admit(13, 1, PLAIN), Admit::Wait(_)));
        rig.core.member_failed(Slot(2));
        rig.settle();
        let busy = rig.core.restore(config(2), &Found::plain(found), format, Start::Normal);
        assert_eq!(busy, Err(Refusal::Busy));
        let version = rig.core.version();
        rig.core.clear();
        assert_ne!(rig.core.version(), version, "no answer to a reader holds any more");
        rig.core.version = 0;
        assert_eq!(rig.core, Core::EMPTY, "nothing of the other set is left");
        rig.core.restore(config(2), &Found::plain(found), format, Start::Normal).unwrap();
        core.restore(config(2), &Found::plain(found), format, Start::Normal).unwrap();
        (rig.core.version, core.version) = (0, 0);
        assert_eq!(rig.core, core);
    }

    /// Case G7.
    #[test]
    fn who_is_away_when_a_set_that_never_was_made_equal_is_started_owes_everything() {
        // With regions, of which none is called dirty: nobody has written yet.
        assert_owes_everything(native::capabilities());
    }
}
