// SPDX-License-Identifier: MIT OR Apache-2.0
//! From what discovery found to a running array.
//!
//! ```text
//! Discovery ─▶ members' seats ─▶ run-time state of each set ─▶ ledger replayed, if it was in use
//!   ─▶ SyncCore: what may be trusted, what is owed ─▶ Engine
//! ```
//!
//! A parity set that was open when it stopped and is short of a member has a write hole. It is
//! started only if its ledger covers it, or by force.

use super::commit::Commits;
use super::group::Groups;
use super::returning::key_of;
use super::{Core, Engine, REGIONS, Seat, Set, Stats};
use crate::backplane::{Backplane, IoId, MemberIo, Transfer};
use crate::discover::{Discovery, FoundArray};
use crate::engine::journal::Journal;
use crate::ledger;
use crate::member::MemberError;
use crate::store::Store;
use crate::sync_log::{LogFormat, SyncLog};
use raid_core::array::{ArrayId, MemberState};
use raid_core::backend::Backend;
use raid_core::layout::{GeometryError, Layout};
use raid_core::metadata::{DiskShape, FormatWriter, RuntimeState};
use raid_core::units::{Extent, Lba, Rows, Slot, SlotSet};
use raid_sync::{Config, Found, Limits, MemberKey, Redundancy, Refusal, Start, rows_at_risk};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;

/// How to start an array.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Start though rows may be inconsistent and cannot be repaired.
    pub force: bool,
    /// Limits of background work.
    pub limits: Limits,
    /// Kernels for parity.
    pub backend: Backend,
    /// Unix time at the backplane's time 0.
    pub unix_start: u64,
    /// Seed of identities and stamps.
    pub seed: u64,
    /// Where the format keeps regions, debts and bad ranges, if it does.
    pub log: Option<&'static dyn LogFormat>,
}

/// Why an array was not started. Nothing was written but, perhaps, rows that its ledger holds.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// No such array was found.
    NoSuchArray(ArrayId),
    /// The format of the array cannot be written by this version.
    ReadOnlyFormat(&'static str),
    /// The shape is not one that can be mapped.
    Geometry(GeometryError),
    /// Every set is on its own: mirrored secondary levels are not run.
    Unsupported(&'static str),
    /// The run-time state is not in the metadata.
    NoState {
        /// Of which set.
        set: u16,
    },
    /// The sync engine refuses.
    Refused {
        /// Which set.
        set: u16,
        /// Its members that are missing.
        missing: SlotSet,
        /// Why.
        why: Refusal,
        /// Rows that may have been in flight at the stop, where that is why: what a forced start may
        /// find damaged. All rows where the metadata does not tell.
        at_risk: Vec<Rows>,
        /// Rows of the set.
        rows: u64,
    },
    /// The disk is not of the size that its metadata was read with.
    Shape {
        /// Which disk.
        disk: usize,
        /// Its size as the backplane has it.
        found: DiskShape,
        /// Its size at discovery.
        expected: DiskShape,
    },
    /// A member failed while the ledger was replayed.
    Member {
        /// Which disk.
        disk: usize,
        /// Why.
        error: MemberError,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchArray(id) => write!(f, "no array {id} was found"),
            Self::ReadOnlyFormat(name) => write!(f, "{name} metadata cannot be written yet"),
            Self::Geometry(error) => write!(f, "{error}"),
            Self::Unsupported(what) => write!(f, "cannot be run: {what}"),
            Self::NoState { set } => write!(f, "no run-time state of set {set} in the metadata"),
            Self::Refused { set, missing, why, at_risk, rows } => {
                write!(f, "set {set}, slots missing {missing:?}: {why}")?;
                write_rows_at_risk(f, at_risk, *rows)
            }
            Self::Shape { disk, found, expected } => write!(
                f,
                "disk {disk} has {} blocks of {} bytes, its metadata was read with {} of {}; open it \
                 again and look for arrays on what was opened",
                found.blocks.0, found.block_size, expected.blocks.0, expected.block_size
            ),
            Self::Member { disk, error } => write!(f, "disk {disk}: {error}"),
        }
    }
}

/// What a forced start may lose; the first few ranges, and how many rows in all.
fn write_rows_at_risk(f: &mut fmt::Formatter<'_>, at_risk: &[Rows], rows: u64) -> fmt::Result {
    const FEW: usize = 8;
    let total: u64 = at_risk.iter().map(|range| range.len).sum();
    match total {
        0 => return Ok(()),
        _ if total >= rows => return write!(f, "; at risk: all {rows} rows"),
        _ => write!(f, "; at risk: {total} of {rows} rows:")?,
    }
    for range in at_risk.iter().take(FEW) {
        write!(f, " {}..{}", range.start.0, range.end().0)?;
    }
    if at_risk.len() > FEW { f.write_str(" …") } else { Ok(()) }
}

impl std::error::Error for OpenError {}

impl From<GeometryError> for OpenError {
    fn from(error: GeometryError) -> Self {
        Self::Geometry(error)
    }
}

/// Carries out one transfer and waits for it.
fn transfer(
    backplane: &mut dyn Backplane,
    disk: usize,
    transfer: Transfer,
) -> Result<Vec<u8>, OpenError> {
    backplane.submit(MemberIo { id: IoId(u64::MAX), disk, transfer });
    let completion = backplane.next().map_or(Err(MemberError::Gone), |done| done.result);
    completion.map_err(|error| OpenError::Member { disk, error })
}

impl Engine {
    /// Starts an array that discovery found.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(
        format: &'static dyn FormatWriter,
        discovery: &Discovery,
        array: ArrayId,
        backplane: &mut dyn Backplane,
        options: Options,
    ) -> Result<Self, OpenError> {
        let found = (discovery.arrays.iter())
            .find(|found| found.descriptor.id == array && found.format_name == format.name())
            .ok_or(OpenError::NoSuchArray(array))?;
        let store = Store::from_discovery(discovery, found);
        for (disk, expected) in store.disks.iter().map(|disk| disk.shape).enumerate() {
            let found = backplane.shape(disk);
            if !store.disks[disk].pieces.is_empty() && found != expected {
                return Err(OpenError::Shape { disk, found, expected });
            }
        }
        let geometry = found.descriptor.geometry;
        let layout = Layout::new(&geometry)?;
        if layout.set_copies() > 1 {
            return Err(OpenError::Unsupported("a mirrored secondary level"));
        }
        let mut engine = Self {
            format,
            log: options.log,
            store,
            array,
            geometry,
            layout,
            backend: options.backend,
            sets: Vec::new(),
            groups: Groups::new(),
            rows: HashMap::new(),
            ready: VecDeque::new(),
            windows: Vec::new(),
            looks: HashMap::new(),
            requests: BTreeMap::new(),
            commits: Commits::default(),
            committed: HashMap::new(),
            events: VecDeque::new(),
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
        let nobody = Seat { disk: None, start: Lba(0), key: MemberKey(0) };
        let mut slots = vec![nobody; usize::from(self.geometry.slots)];
        let mut absent = members;
        for member in found.members.iter().map(|member| &member.descriptor) {
            if member.place.set != set {
                continue;
            }
            let usable = matches!(member.state, MemberState::InSync | MemberState::Rebuilding);
            let disk = member.disk.filter(|_| usable);
            slots[member.place.slot.index()] =
                Seat { disk, start: member.start, key: key_of(member) };
            if disk.is_some() {
                absent.remove(member.place.slot);
            }
        }
        let (format, array) = (self.format, self.array);
        let state = self.store.view(|disks| format.state(disks, array, set));
        let state = state.ok_or(OpenError::NoState { set })?;
        let space: Vec<Option<Extent>> = self.store.view(|disks| {
            // The ledger is laid out in blocks of 512 bytes.
            let suited = |disk: &usize| disks[*disk].shape.block_size as usize == ledger::BLOCK;
            let space = |seat: &Seat| {
                seat.disk.filter(suited).and_then(|disk| format.workspace(&disks[disk]))
            };
            slots.iter().map(space).collect()
        });
        let mut journal = Journal::new(space);
        let replayed = self.replay_ledger(&mut journal, &slots, set, &state, backplane)?;
        let start = match (replayed, options.force) {
            (true, _) => Start::LedgerReplayed,
            (false, true) => Start::Force,
            (false, false) => Start::Normal,
        };
        let mut config = Config::new(self.layout.rows(), members, self.redundancy());
        config.align = if self.geometry.parity_strips() > 0 { self.layout.row_unit() } else { 1 };
        config.absent = absent;
        config.limits = options.limits;
        let seated: Vec<(Slot, MemberKey)> = ((0u8..).map(Slot).zip(&slots))
            .filter_map(|(slot, seat)| seat.disk.map(|_| (slot, seat.key)))
            .collect();
        let log =
            self.log.and_then(|format| self.store.view(|disks| format.log(disks, array, set)));
        let log = log.unwrap_or_default();
        let SyncLog { generation, debtors, regions, bad } = &log;
        let (generation, debtors) = (*generation, *debtors);
        let found = Found { state, generation, debtors, regions, bad, seated: &seated };
        let core = Core::restore(config, &found, format.capabilities(), start).map_err(|why| {
            let mut at_risk: Vec<Rows> = Vec::new();
            if let Refusal::DirtyAndDegraded { .. } = why {
                let capabilities = format.capabilities();
                rows_at_risk::<REGIONS>(&config, &found, capabilities, |rows| {
                    match at_risk.last_mut().filter(|last| last.end() == rows.start) {
                        Some(last) => last.len += rows.len,
                        None => at_risk.push(rows),
                    }
                });
            }
            OpenError::Refused { set, missing: absent, why, at_risk, rows: config.rows }
        })?;
        let short = !(absent | state.failed | state.rebuilding).is_empty();
        let needs_ledger = short && self.geometry.parity_strips() > 0 && journal.available();
        if needs_ledger {
            journal.request_open();
        }
        let parked = VecDeque::new();
        Ok(Set { core, slots, journal, failures: 0, needs_ledger, unledgered: 0, parked })
    }

    fn redundancy(&self) -> Redundancy {
        use raid_core::array::Level;
        match self.geometry.level {
            Level::Raid1 => Redundancy::Mirror,
            Level::Raid1E => Redundancy::Parity(1),
            _ => match self.geometry.parity_strips() {
                0 => Redundancy::None,
                strips => Redundancy::Parity(strips),
            },
        }
    }

    /// Brings every row that was under way at an unclean stop to its new content. `true` if the
    /// ledger covers the set.
    ///
    /// The ledger is in use exactly while the metadata says that a member is missing or being
    /// filled; at any other time what it holds is old and must not be replayed.
    fn replay_ledger(
        &mut self,
        journal: &mut Journal,
        slots: &[Seat],
        set: u16,
        state: &RuntimeState,
        backplane: &mut dyn Backplane,
    ) -> Result<bool, OpenError> {
        let in_use = !(state.failed | state.rebuilding).is_empty();
        let mut newest = None;
        for (seat, space) in slots.iter().zip(&journal.space) {
            let (Some(disk), Some(space)) = (seat.disk, space) else { continue };
            let len = space.len.0 as usize * ledger::BLOCK;
            // A copy that cannot be read is no copy; another may do.
            let read = transfer(backplane, disk, Transfer::Read { at: space.start, len });
            let Ok(bytes) = read else { continue };
            let Some((epoch, batches)) = ledger::decode(&bytes, self.array, set) else { continue };
            journal.epoch = journal.epoch.max(epoch);
            let better = newest.as_ref().is_none_or(|(best, found): &(u64, Vec<_>)| {
                (epoch, batches.len()) > (*best, found.len())
            });
            if better {
                newest = Some((epoch, batches));
            }
        }
        let Some((_, batches)) = newest.filter(|_| in_use && !state.clean) else {
            return Ok(false);
        };
        for fragment in batches.iter().flatten() {
            let seat = slots.get(fragment.slot.index());
            let Some((disk, start)) = seat.and_then(|seat| Some((seat.disk?, seat.start))) else {
                continue;
            };
            let at = Lba(start.0 + fragment.at.start.0);
            let bytes = fragment.bytes.clone();
            transfer(backplane, disk, Transfer::Write { at, bytes })?;
        }
        for disk in slots.iter().filter_map(|seat| seat.disk) {
            transfer(backplane, disk, Transfer::Flush)?;
        }
        Ok(true)
    }
}
