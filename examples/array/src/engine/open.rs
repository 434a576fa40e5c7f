// SPDX-License-Identifier: MIT OR Apache-2.0
//! From what discovery found to a running array.
//!
//! ```text
//! Discovery ─▶ members' seats ─▶ run-time state of each set ─▶ journal replayed, if it was in use
//!   ─▶ SyncCore: what may be trusted, what is owed ─▶ Engine
//! ```
//!
//! A parity set that was open when it stopped and is short of a member has a write hole. It is
//! started only if its journal covers it, or if that [risk](crate::trust) is accepted.

use super::commit::Commits;
use super::group::Groups;
use super::head::Heads;
use super::open_error::OpenError;
use super::recorded::Recorded;
use super::replay::Replay;
use super::returning::key_of;
use super::{Core, Engine, Event, REGIONS, Seat, Set, Stats};
use crate::backplane::{Backplane, IoId, MemberIo, Transfer};
use crate::discover::{Discovery, FoundArray, FoundBranch, FoundMember, RowsOfSet};
use crate::engine::journal::Journal;
use crate::member::MemberError;
use crate::store::Store;
use crate::trust::{Accept, Risk, Taken};
use raid_core::array::{
    ArrayDescriptor, ArrayId, ArrayState, Initialisation, MemberDescriptor, MemberState,
};
use raid_core::backend::Backend;
use raid_core::layout::Layout;
use raid_core::metadata::{Capabilities, Finding, Operation, Progress, RunTime, Severity};
use raid_core::units::{Extent, Lba, Rows, Slot, SlotSet};
use raid_sync::{Config, Found, Limits, Redundancy, Seated, Start, rows_at_risk, rows_missed};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// How to start an array.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What may be taken on trust. Each thing that is, is reported by [`Event::Trusted`].
    pub accept: Accept,
    /// Limits of background work.
    pub limits: Limits,
    /// Kernels for parity.
    pub backend: Backend,
    /// Unix time at the backplane's time 0.
    pub unix_start: u64,
    /// Seed of identities and stamps.
    pub seed: u64,
}

/// Rows that may have been in flight at the stop, adjoining ones joined.
fn at_risk(config: &Config, found: &Found<'_>, capabilities: Capabilities) -> Vec<Rows> {
    let mut all: Vec<Rows> = Vec::new();
    rows_at_risk::<REGIONS>(config, found, capabilities, |rows| {
        match all.last_mut().filter(|last| last.end() == rows.start) {
            Some(last) => last.len += rows.len,
            None => all.push(rows),
        }
    });
    all
}

/// Whether discovery lets the array be started, and what of that is taken on trust.
fn permitted(
    discovery: &Discovery,
    found: &FoundArray,
    accept: Accept,
) -> Result<Vec<Taken>, OpenError> {
    let name = |disk: usize| discovery.disks.get(disk).map_or("?", |disk| disk.name.as_str());
    let state = found.descriptor.state;
    let members = || found.members.iter().filter_map(|member| member.descriptor.disk);
    // Whatever is left of the array: what the metadata contradicts is not the engine's to settle.
    let about = |finding: &Finding| match finding.array {
        Some(array) => array == found.descriptor.id,
        None => finding.disk.is_some_and(|disk| members().any(|own| own == disk)),
    };
    let refusals = discovery.findings.iter().map(|found| found.finding);
    let refusals = refusals.filter(|f| f.severity == Severity::Refusal && about(f));
    let text = |finding: Finding| match finding.disk {
        Some(disk) => format!("{}, {}", name(disk), Finding { disk: None, ..finding }),
        None => finding.to_string(),
    };
    let mut reasons: Vec<String> = refusals.map(text).collect();
    // Of the disks that have no place yet discovery says nothing.
    if let Some((one, other)) = discovery.twins(found).filter(|_| reasons.is_empty()) {
        reasons.push(format!("{} and {} say that they are one disk", name(one), name(other)));
    }
    if !reasons.is_empty() {
        return Err(OpenError::Contradiction { reasons });
    }
    let mut taken = Vec::new();
    // Too few members are the sync engine's to refuse, with the slots that are missing.
    let gone = |member: &FoundMember| member.descriptor.state != MemberState::InSync;
    if state == ArrayState::Failed && !found.members.iter().any(gone) {
        let what = "the array is recorded as failed, though no member is".to_owned();
        taken.push(Taken::of_array(Risk::DeclaredFailed, what));
    }
    if let Some(disk) = discovery.conflicts().find(|disk| members().any(|own| own == *disk)) {
        let formats = discovery.disks[disk].claims.iter().map(|claim| claim.format_name);
        let formats: Vec<_> = formats.collect();
        let what = format!("{}: {} formats claim the disk: {formats:?}", name(disk), formats.len());
        let taken_disk = Taken::of_array(Risk::TwoFormats, what);
        taken.push(Taken { disk: Some(disk), ..taken_disk });
    }
    if let Some(shared) = discovery.shared_blocks(found) {
        let (disk, at, other) = (shared.disk, shared.at.0, shared.other);
        let what = format!("{}: block {at} is in a member of array {other} too", name(disk));
        taken.push(Taken { disk: Some(disk), ..Taken::of_array(Risk::SharedBlocks, what) });
    }
    match taken.iter().position(|taken| !accept.accepts(taken.risk)) {
        Some(first) => Err(OpenError::Risk(taken.swap_remove(first))),
        None => Ok(taken),
    }
}

/// Which rows a history of a forked array has written without the members that it calls absent, as the
/// records of its own disks say.
fn note_rows(branch: &mut FoundBranch, store: &Store, format: &dyn RunTime, found: &FoundArray) {
    let FoundArray { descriptor: ArrayDescriptor { id, geometry, .. }, .. } = found;
    let Ok(layout) = Layout::new(geometry) else { return };
    let mut own = store.clone();
    let others = |disk: &usize| !branch.disks.contains(disk);
    (0..own.disks.len()).filter(others).for_each(|disk| own.disks[disk].pieces.clear());
    let mut written = Vec::new();
    for set in 0..geometry.sets {
        let recorded = Recorded::of(&own, format, *id, set);
        if recorded.regions.is_empty() {
            return;
        }
        let absent = branch.failed.iter().filter(|place| place.set == set);
        let absent: SlotSet = absent.map(|place| place.slot).collect();
        let align = if geometry.parity_strips() > 0 { layout.row_unit() } else { 1 };
        let found = (recorded.debtors.as_slice(), recorded.regions.as_slice());
        rows_missed::<REGIONS>(layout.rows(), align, found, absent, |rows| {
            match written.last_mut() {
                Some(RowsOfSet { set: of, rows: last })
                    if *of == set && last.end() == rows.start =>
                {
                    last.len += rows.len;
                }
                _ => written.push(RowsOfSet { set, rows }),
            }
        });
    }
    branch.written = Some(written);
}

/// Carries out one transfer and waits for it.
pub(super) fn transfer(
    backplane: &mut dyn Backplane,
    disk: usize,
    transfer: Transfer,
) -> Result<Vec<u8>, OpenError> {
    backplane.submit(MemberIo { id: IoId(u64::MAX), disk, transfer });
    let completion = backplane.next().map_or(Err(MemberError::Gone), |done| done.result);
    completion.map_err(|error| OpenError::Member { disk, error })
}

/// Where members of any array lie, by disk.
fn extents_of_members(discovery: &Discovery) -> Vec<(usize, Extent)> {
    let members = discovery.arrays.iter().flat_map(|array| &array.members);
    let extent = |member: &FoundMember| {
        let MemberDescriptor { disk, start, len, .. } = member.descriptor;
        Some((disk?, Extent { start, len }))
    };
    members.filter_map(extent).collect()
}

impl Engine {
    /// Starts an array that discovery found.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(
        format: &'static dyn RunTime,
        discovery: &Discovery,
        array: ArrayId,
        backplane: &mut dyn Backplane,
        options: Options,
    ) -> Result<Self, OpenError> {
        let found = (discovery.arrays.iter())
            .find(|found| found.descriptor.id == array && found.format_name == format.name())
            .ok_or(OpenError::NoSuchArray(array))?;
        let store = Store::from_discovery(discovery, found);
        if found.descriptor.state == ArrayState::Forked {
            let names = discovery.disks.iter().map(|disk| disk.name.clone()).collect();
            let mut branches = found.branches.clone();
            branches.iter_mut().for_each(|branch| note_rows(branch, &store, format, found));
            return Err(OpenError::Forked { branches, names, format: format.name() });
        }
        let trusted = permitted(discovery, found, options.accept)?;
        for (disk, expected) in store.disks.iter().map(|disk| disk.shape).enumerate() {
            let found = backplane.shape(disk);
            if !store.disks[disk].pieces.is_empty() && found != expected {
                return Err(OpenError::Shape { disk, found, expected });
            }
        }
        if let Some(why) = store.view(|disks| format.read_only(disks, array)) {
            return Err(OpenError::ReadOnly(why));
        }
        let geometry = found.descriptor.geometry;
        let layout = Layout::new(&geometry)?;
        if layout.set_copies() > 1 {
            return Err(OpenError::Unsupported("a mirrored secondary level"));
        }
        let mut engine = Self {
            format,
            store,
            array,
            geometry,
            layout,
            backend: options.backend,
            members: extents_of_members(discovery),
            sets: Vec::new(),
            groups: Groups::new(),
            rows: HashMap::new(),
            ready: VecDeque::new(),
            windows: Vec::new(),
            looks: HashMap::new(),
            requests: BTreeMap::new(),
            commits: Commits::default(),
            heads: Heads::default(),
            committed: HashMap::new(),
            unlike: HashSet::new(),
            settling: HashMap::new(),
            events: trusted.into_iter().map(Event::Trusted).collect(),
            told: HashSet::new(),
            stats: Stats::default(),
            random: fastrand::Rng::with_seed(options.seed),
            unix_start: options.unix_start,
            now: backplane.now(),
            next_id: 0,
        };
        for set in 0..geometry.sets {
            let opened = engine.open_set(found, set, backplane, &options)?;
            engine.sets.push(opened);
        }
        for set in 0..engine.sets.len() {
            engine.write_replayed(set, backplane)?;
        }
        engine.carry_others(discovery, backplane);
        for set in 0..engine.sets.len() {
            let of = engine.set_id(set);
            for (disk, head) in std::mem::take(&mut engine.sets[set].journal.replayed) {
                engine.heads.put(disk, of, head);
            }
            let passed_over = std::mem::take(&mut engine.sets[set].journal.passed_over);
            if !passed_over.is_empty() {
                let epoch = engine.next_epoch(set);
                passed_over.into_iter().for_each(|disk| engine.heads.end(disk, of, epoch));
            }
        }
        for set in 0..engine.sets.len() {
            engine.commits.request_alignment(set);
            engine.start_owed(set);
        }
        engine.run(engine.now);
        Ok(engine)
    }

    fn open_set(
        &mut self,
        found: &FoundArray,
        set: u16,
        backplane: &mut dyn Backplane,
        options: &Options,
    ) -> Result<Set, OpenError> {
        let members = SlotSet::first(self.geometry.slots);
        let nobody = Seat { disk: None, start: Lba(0), key: None, epoch: 0 };
        let mut slots = vec![nobody; usize::from(self.geometry.slots)];
        let mut absent = members;
        for member in found.members.iter().map(|member| &member.descriptor) {
            if member.place.set != set {
                continue;
            }
            let usable = matches!(member.state, MemberState::InSync | MemberState::Rebuilding);
            let disk = member.disk.filter(|_| usable);
            slots[member.place.slot.index()] =
                Seat { disk, start: member.start, key: key_of(member), epoch: 0 };
            if disk.is_some() {
                absent.remove(member.place.slot);
            }
        }
        let (format, array) = (self.format, self.array);
        let state = self.store.view(|disks| format.state(disks, array, set));
        let mut state = state.ok_or(OpenError::NoState { set })?;
        let space = slots.iter().map(|seat| self.journal_space(seat.disk?)).collect();
        let mut journal = Journal::new(space);
        let replayed = self.replay_journal(&mut journal, &slots, set, &state, backplane)?;
        let fault = match replayed {
            Replay::Impossible(fault) => Some(Box::new(fault)),
            Replay::NotNeeded | Replay::Done => None,
        };
        // What a format without marks cannot say of the time before the loss, the journal says; one that
        // keeps them through a clean stop only may have lost them with the last change of its records.
        let owed = journal.replayed.iter().any(|(_, head)| head.owed);
        if owed && !format.capabilities().mark_after_unclean {
            state.progress = Some(Progress::start(Operation::Resync));
        }
        let unrecorded = !format.capabilities().failure && !absent.is_empty();
        let start = match unrecorded && options.accept.accepts(Risk::UnrecordedFailure) {
            _ if replayed == Replay::Done => Start::JournalReplayed,
            true => Start::Force,
            false => Start::Normal,
        };
        let mut config = Config::of(&self.layout);
        config.absent = absent;
        config.limits = options.limits;
        let seated: Vec<Seated> = ((0u8..).map(Slot).zip(&slots))
            .filter_map(|(slot, seat)| seat.disk.map(|_| Seated { slot, key: seat.key }))
            .collect();
        let recorded = Recorded::of(&self.store, format, array, set);
        let Recorded { generation, debtors, regions, bad } = &recorded;
        let (generation, debtors) = (*generation, *debtors);
        let found = Found { state, generation, debtors, regions, bad, seated: &seated };
        let mut core: Box<Core> = Box::new(Core::EMPTY);
        let mut restore = |start| core.restore(config, &found, format.capabilities(), start).err();
        let mut taken = Vec::new();
        if start == Start::Force {
            let what =
                format!("set {set}: {} cannot record that a member is missing", format.name());
            taken.push((Risk::UnrecordedFailure, what));
        }
        let mut refused = restore(start);
        if let Some(why) = refused.filter(|why| why.yields_to_force()) {
            let at_risk = at_risk(&config, &found, format.capabilities());
            let total: u64 = at_risk.iter().map(|range| range.len).sum();
            let what = format!("set {set}: {total} of {} rows", config.rows);
            let young = state.initialisation != Initialisation::Full;
            let unclean = !state.clean || !young;
            let needed = [(Risk::UncleanDegraded, unclean), (Risk::NeverInitialised, young)];
            let mut needed = needed.into_iter().filter(|(_, needed)| *needed).map(|(risk, _)| risk);
            if !needed.clone().all(|risk| options.accept.accepts(risk)) {
                let (missing, rows, risks) = (absent, config.rows, needed.collect());
                let journal = fault;
                return Err(OpenError::Refused {
                    set,
                    missing,
                    why,
                    at_risk,
                    rows,
                    journal,
                    risks,
                });
            }
            let journal = fault.as_ref().map(|fault| format!("; {fault}")).unwrap_or_default();
            needed.by_ref().for_each(|risk| taken.push((risk, format!("{what}: {why}{journal}"))));
            refused = restore(Start::Force);
        }
        if let Some(why) = refused {
            return Err(OpenError::Refused {
                set,
                missing: absent,
                why,
                at_risk: Vec::new(),
                rows: config.rows,
                journal: None,
                risks: Accept::NOTHING,
            });
        }
        for (risk, what) in taken {
            let taken = Taken { risk, set: Some(set), place: None, disk: None, what };
            self.events.push_back(Event::Trusted(taken));
        }
        let short = !(absent | state.failed | state.rebuilding).is_empty();
        let needs_journal = short && self.geometry.parity_strips() > 0 && journal.available();
        // Until the disks name everyone who is gone, what the journal holds may still be needed.
        journal.in_use = needs_journal && replayed != Replay::NotNeeded;
        if needs_journal {
            journal.request_open();
        }
        let parked = VecDeque::new();
        let (failures, unjournaled, named) = (0, 0, SlotSet::EMPTY);
        Ok(Set {
            core,
            slots,
            journal,
            failures,
            needs_journal,
            unjournaled,
            named,
            parked,
            retry_at: None,
        })
    }

    pub(super) fn redundancy(&self) -> Redundancy {
        Redundancy::of(&self.layout)
    }
}
