// SPDX-License-Identifier: MIT OR Apache-2.0
//! One running array: *admit, plan, read, compute, write, complete, commit*.
//!
//! The engine does no I/O and knows no format: it takes [`Request`]s, hands out
//! [`MemberIo`]s, takes their [`Completion`]s, and reports [`Event`]s.
//!
//! ```text
//! submit ─▶ pieces, one stripe row each ─▶ SyncCore::admit ─▶ stripe plan ─▶ reads ─▶ compute
//!   ─▶ (write journal, while short of a member) ─▶ writes ─▶ SyncCore::complete ─▶ acknowledged
//! SyncCore::poll ─▶ Copy: rows of a window │ Flush │ Persist: RunTime::set_state + commit steps
//! ```
//!
//! | room | subject |
//! |---|---|
//! | `open`, `open_error` | from the metadata of the disks to a running array, or why not |
//! | `calls` | what an operator may ask
//! | `request` | user requests and their pieces |
//! | `row` | one piece, or one stripe row of a window, from plan to written |
//! | `window` | copy windows of the sync engine |
//! | `commit` | records: metadata commits, one at a time |
//! | `guard` | no commit over what another program wrote |
//! | `journal`, `replay` | the write journal, while the set runs and at a start |
//! | `head` | which record a journal belongs to |
//! | `returning` | a disk that left comes back to its place |
//! | `listing` | what the format reports of the disks |
//! | `group` | I/O that is waited for together |

mod calls;
mod commit;
mod group;
mod guard;
mod head;
mod journal;
mod listing;
mod open;
mod open_error;
mod recorded;
mod replay;
mod request;
mod returning;
mod row;
mod window;

pub use calls::CallError;
pub use open::Options;
pub use open_error::OpenError;
pub use replay::JournalFault;
pub use request::{Request, RequestError, RequestId};
pub use window::Mismatch;

use crate::backplane::{Completion, IoId, MemberIo, Transfer};
use crate::journal::Fragment;
use crate::member::MemberError;
use crate::store::{CommitStep, Store};
use crate::trust::Taken;
use commit::Commits;
use group::{Ask, Asked, Groups, Sent};
use head::Heads;
use journal::Journal;
use raid_core::array::{ArrayId, Geometry, Place};
use raid_core::backend::Backend;
use raid_core::layout::Layout;
use raid_core::metadata::{ChangeError, MemberKey, RunTime, Stamp};
use raid_core::stripe::ComputeError;
use raid_core::units::{Extent, Lba, Slot, SlotSet};
use raid_sync::{
    Command, Finish, FlushId, Interlock, Notice, Refusal, SyncCore, Time, Unexpected, WaitFor,
    WindowId,
};
use request::PendingRequest;
use row::RowTask;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fmt;
use window::{Copy, WindowTask};

type RowId = u64;

/// The size that `open` makes a core in; nobody else names it. A thousand regions: what a member owes that leaves and returns while the array runs. A format that
/// records one flag for the set does not keep them over a restart.
type Core = SyncCore<256, 8, REGIONS, 64>;
const REGIONS: usize = 1024;

/// Who waits for a group of I/O.
#[derive(Clone, Copy, Debug)]
enum Owner {
    Row(RowId),
    CoreFlush(usize, FlushId),
    UserFlush(RequestId, usize),
    Window(u64),
    Journal(usize),
    Commit(usize),
    Guard(u64),
    Return(Place, usize),
}

impl Owner {
    /// Whether it reads a disk that returns to this place.
    fn returns(&self, place: Place) -> bool {
        matches!(self, Self::Return(to, _) if *to == place)
    }
}

/// What the engine has to say.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A request is done; a read gives its bytes.
    Finished {
        /// Which.
        request: RequestId,
        /// When it was submitted.
        submitted: Time,
        /// What came of it.
        result: Result<Vec<u8>, RequestError>,
    },
    /// The sync engine of a set has something to say.
    Notice {
        /// Which set.
        set: u16,
        /// What.
        notice: Notice,
    },
    /// A member takes no part from here on.
    MemberFailed {
        /// Where.
        place: Place,
        /// Index of its disk.
        disk: usize,
        /// Why.
        why: FailureCause,
    },
    /// Check or repair found rows that do not agree, confirmed under the lock.
    Mismatch(Mismatch),
    /// A spare has taken a place; its rebuild begins.
    SpareActivated {
        /// Where.
        place: Place,
        /// Index of the disk.
        disk: usize,
        /// The disk that failed there, which has no part in the array any more.
        left: Option<usize>,
    },
    /// A disk that had left is back in its place.
    MemberReturned {
        /// Where.
        place: Place,
        /// What it is owed.
        owed: raid_sync::Return,
    },
    /// The start took this on trust, as its options allow.
    Trusted(Taken),
    /// A metadata commit is on all live disks.
    Committed,
    /// The format refuses a change; nothing was written.
    Refused(ChangeError),
    /// A disk did not take its place, though nothing spoke against it when that was asked.
    NotTaken {
        /// The place.
        place: Place,
        /// Index of the disk.
        disk: usize,
        /// Why.
        why: CallError,
    },
    /// The sync engine refuses to start what it says is owed.
    NotStarted {
        /// Which set.
        set: u16,
        /// Why.
        why: Refusal,
    },
    /// Parity could not be computed: a fault of this engine, never of a disk. Nothing was written.
    Miscomputed {
        /// Which set.
        set: u16,
        /// Why.
        why: ComputeError,
    },
    /// The sync engine did not expect a report: a fault of this engine, never of a disk.
    Unexpected {
        /// Which set.
        set: u16,
        /// What it did not expect.
        what: Unexpected,
    },
}

/// Why a member takes no part any more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureCause {
    /// Somebody declared it failed.
    Declared,
    /// Its disk could not do what it was asked.
    Io {
        /// What that was, and what came of it.
        what: String,
    },
}

impl fmt::Display for FailureCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Declared => f.write_str("it was declared failed"),
            Self::Io { what } => f.write_str(what),
        }
    }
}

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    /// Requests that had to wait for a window.
    pub window_waits: u64,
    /// Their waiting time together, in ns.
    pub window_wait_total: u64,
    /// The longest wait for a window, in ns.
    pub window_wait_longest: u64,
    /// Metadata commits.
    pub commits: u64,
    /// Bytes written to write journals.
    pub journal_bytes: u64,
    /// Rows copied to members that were being filled.
    pub rebuilt_rows: u64,
    /// Pieces that had to be computed from other members.
    pub reconstructed: u64,
}

/// Where a member of a set sits.
#[derive(Clone, Copy, Debug)]
struct Seat {
    disk: Option<usize>,
    start: Lba,
    /// Who the disk is.
    key: Option<MemberKey>,
    /// How often a disk has taken the seat. What was sent to a member that failed, or to its
    /// predecessor, says nothing of the one that sits here now.
    epoch: u64,
}

/// A row that waits for the sync engine.
#[derive(Clone, Copy, Debug)]
struct Parked {
    wait: WaitFor,
    row: RowId,
    since: Time,
}

/// One redundancy set.
#[derive(Debug)]
struct Set {
    core: Box<dyn Interlock + Send>,
    slots: Vec<Seat>,
    journal: Journal,
    /// Member failures noticed so far.
    failures: u64,
    /// Rows being written must be in the journal first.
    needs_journal: bool,
    /// Rows being written that are not in the journal.
    unjournaled: usize,
    /// Members that the disks say are gone or being filled.
    named: SlotSet,
    parked: VecDeque<Parked>,
    /// When what is owed is tried again, after a row that nobody could give.
    retry_at: Option<Time>,
}

/// Between two tries of what is owed and ends at a row that nobody can give, in ns. At once it would be
/// tried for ever: where no member is left to be asked, without a single I/O.
const RETRY_AFTER: u64 = 1_000_000_000;

impl Set {
    fn all(&self) -> SlotSet {
        SlotSet::first(self.slots.len() as u16)
    }

    /// Members that are written.
    fn live(&self) -> SlotSet {
        self.core.live()
    }

    /// Whether the disks say so of everyone who is not in sync. Before that a start takes one of them for a
    /// member that holds all rows, and computes others from what it missed.
    fn losses_recorded(&self) -> bool {
        self.named.contains_all(self.all().without(self.in_sync()))
    }

    /// Too many members are gone. From here on nothing is written: what the disks say then lets the next start
    /// put right what was under way.
    fn has_failed(&self) -> bool {
        self.core.status().set_failed
    }

    /// Members that hold all their data.
    fn in_sync(&self) -> SlotSet {
        self.live().without(self.core.status().rebuilding)
    }
}

/// One running array.
#[derive(Debug)]
pub struct Engine {
    format: &'static dyn RunTime,
    store: Store,
    array: ArrayId,
    geometry: Geometry,
    layout: Layout<'static>,
    backend: Backend,
    /// What lies on the disks of any array, by disk: no journal may stand there.
    members: Vec<(usize, Extent)>,
    sets: Vec<Set>,
    groups: Groups<Owner>,
    rows: HashMap<RowId, RowTask>,
    ready: VecDeque<RowId>,
    windows: Vec<WindowTask>,
    /// How often the rows of a window were looked at in this pass.
    looks: HashMap<(usize, WindowId), u8>,
    requests: BTreeMap<RequestId, PendingRequest>,
    commits: Commits,
    heads: Heads,
    /// What the metadata of each disk looked like after the last commit that reached it.
    committed: HashMap<usize, u64>,
    /// Disks whose metadata in memory is not what they hold: a commit failed there, or they came back with
    /// other bytes. The next commit that reaches them ends that.
    unlike: HashSet<usize>,
    /// What makes a disk whole on which a commit broke off, before it gets the next update.
    settling: HashMap<usize, Vec<CommitStep>>,
    events: VecDeque<Event>,
    /// Seats whose failure was told, with their epochs.
    told: HashSet<(Place, u64)>,
    stats: Stats,
    random: fastrand::Rng,
    unix_start: u64,
    now: Time,
    next_id: u64,
}

impl Engine {
    /// Bytes of a block of the array.
    #[must_use]
    pub fn block_size(&self) -> u32 {
        self.geometry.block_size
    }

    /// Shape of the array.
    #[must_use]
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Block addresses of the array.
    #[must_use]
    pub fn layout(&self) -> &Layout<'static> {
        &self.layout
    }

    /// Identity of the array.
    #[must_use]
    pub fn array(&self) -> ArrayId {
        self.array
    }

    /// Number of sets.
    #[must_use]
    pub fn set_count(&self) -> u16 {
        self.sets.len() as u16
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The disk in a place, if one is at hand.
    #[must_use]
    pub fn disk_at(&self, place: Place) -> Option<usize> {
        let seat = self.sets.get(usize::from(place.set))?.slots.get(place.slot.index())?;
        seat.disk
    }

    /// First block of a member's extent on its disk.
    #[must_use]
    pub fn start_of(&self, place: Place) -> Option<Lba> {
        let seat = self.sets.get(usize::from(place.set))?.slots.get(place.slot.index())?;
        Some(seat.start)
    }

    /// Whether nothing at all is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.groups.is_idle()
            && self.requests.is_empty()
            && self.rows.is_empty()
            && self.windows.is_empty()
            && self.commits.is_idle()
    }

    /// Whether there is a member I/O to carry out.
    #[must_use]
    pub fn has_io(&self) -> bool {
        self.groups.has_io()
    }

    /// The next member I/O to carry out.
    pub fn next_io(&mut self) -> Option<MemberIo> {
        self.groups.next_io()
    }

    /// Whether it writes metadata.
    #[must_use]
    pub fn is_commit_write(&self, io: &MemberIo) -> bool {
        let write = matches!(io.transfer, Transfer::Write { .. });
        write && matches!(self.groups.owner(io.id), Some(Owner::Commit(_)))
    }

    /// Takes the result of one.
    pub fn complete_io(&mut self, now: Time, mut completion: Completion) {
        if self.groups.sent(completion.id).is_some_and(|sent| self.has_left(sent)) {
            completion.result = Err(MemberError::Left);
        }
        if let Err(why) = &completion.result {
            self.tell_cause(completion.id, why);
        }
        self.groups.complete(completion);
        self.run(now);
    }

    /// An I/O has failed: says so of the members whose disk it went to, which fail of it.
    fn tell_cause(&mut self, io: IoId, why: &MemberError) {
        let Some(Asked { disk, what, at }) = self.groups.asked(io) else { return };
        let alone = matches!(why, MemberError::Unreadable(_));
        if matches!(why, MemberError::Left) || (alone && self.format.capabilities().bad_ranges > 0)
        {
            return;
        }
        let at = at.map(|at| format!(" at block {}", at.0)).unwrap_or_default();
        let what = format!("{what}{at} failed: {why}");
        for place in self.seats_of(disk) {
            self.tell_failure(place, FailureCause::Io { what: what.clone() });
        }
    }

    /// Says once why a member that takes part is about to fail.
    fn tell_failure(&mut self, place: Place, why: FailureCause) {
        let Some(set) = self.sets.get(usize::from(place.set)) else { return };
        let seat = set.slots.get(place.slot.index());
        let seat = seat.filter(|_| set.live().contains(place.slot));
        let Some((disk, epoch)) = seat.and_then(|seat| Some((seat.disk?, seat.epoch))) else {
            return;
        };
        if self.told.insert((place, epoch)) {
            self.events.push_back(Event::MemberFailed { place, disk, why });
        }
    }

    /// Where a disk sits in this array; in each set it may sit once.
    fn seats_of(&self, disk: usize) -> Vec<Place> {
        let sets = (0u16..).zip(&self.sets);
        let seats = sets.flat_map(|(set, found)| {
            (0u8..).map(Slot).zip(&found.slots).map(move |(slot, seat)| (Place { set, slot }, seat))
        });
        seats.filter(|(_, seat)| seat.disk == Some(disk)).map(|(place, _)| place).collect()
    }

    /// Whether the member that an I/O was sent to has failed since.
    fn has_left(&self, sent: Sent) -> bool {
        let Some(set) = self.sets.get(sent.set) else { return true };
        let seat = set.slots.get(sent.slot.index());
        !set.live().contains(sent.slot) || seat.is_none_or(|seat| seat.epoch != sent.epoch)
    }

    /// When [`run`](Self::run) must be called though nothing else happens.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.sets.iter().flat_map(|set| [set.core.deadline(), set.retry_at]).flatten().min()
    }

    /// The next thing to tell.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Moves everything on as far as it goes without waiting.
    pub fn run(&mut self, now: Time) {
        // The clock as it is, also where it jumps: the sync engines count what has passed.
        self.now = now;
        for set in 0..self.sets.len() {
            if self.sets[set].retry_at.is_some_and(|at| at <= now) {
                self.start_owed(set);
            }
        }
        loop {
            let mut moved = false;
            while let Some((owner, results)) = self.groups.next_finished() {
                moved = true;
                match owner {
                    Owner::Row(row) => self.row_resumed(row, results),
                    Owner::Window(window) => self.window_resumed(window, results),
                    Owner::CoreFlush(set, id) => self.core_flushed(set, id, results),
                    Owner::UserFlush(request, set) => self.user_flushed(request, set, results),
                    Owner::Journal(set) => self.journal_resumed(set, results),
                    Owner::Commit(disk) => self.commit_resumed(disk, results),
                    Owner::Guard(id) => self.guard_resumed(id, &results),
                    Owner::Return(place, disk) => self.returned(place, disk, results),
                }
            }
            for set in 0..self.sets.len() {
                while let Some(command) = self.sets[set].core.poll(self.now) {
                    moved = true;
                    self.carry_out(set, command);
                }
                self.pump_journal(set);
            }
            while let Some(row) = self.ready.pop_front() {
                moved = true;
                self.advance_row(row);
            }
            moved |= self.pump_commits();
            if !moved && !self.groups.has_finished() {
                break;
            }
        }
    }

    fn carry_out(&mut self, set: usize, command: Command) {
        match command {
            Command::Copy { window, rows, operation, from, targets, verify } => {
                self.start_window(set, Copy { window, rows, operation, from, targets, verify });
            }
            Command::Flush { id, slots } => {
                self.flush_members(set, slots, Owner::CoreFlush(set, id));
            }
            Command::Persist { seq, to } => {
                let disk = |slot: Slot| self.sets[set].slots.get(slot.index())?.disk;
                let to = to.iter().map(|slot| (slot, disk(slot))).collect();
                self.commits.request_record(set, seq, to);
            }
            Command::Wake(wait) => self.wake(set, wait),
            Command::Notice(notice) => self.noticed(set, notice),
        }
    }

    fn noticed(&mut self, set: usize, notice: Notice) {
        self.events.push_back(Event::Notice { set: set as u16, notice });
        match notice {
            Notice::SetFailed => {
                self.refuse_writes(set);
                self.fail_parked(set);
            }
            Notice::Finished { why, .. } => {
                self.looks.retain(|(of, ..), _| *of != set);
                match why {
                    Finish::Unreadable(_) | Finish::NoRoomForBadRanges(_) => {
                        let again = self.now.0.saturating_add(RETRY_AFTER);
                        self.sets[set].retry_at = Some(Time(again));
                    }
                    _ => self.start_owed(set),
                }
            }
            _ => {}
        }
    }

    /// What was about to be written to a set that has failed is not.
    fn refuse_writes(&mut self, set: usize) {
        let Self { groups, rows, windows, commits, .. } = self;
        groups.refuse_writes(|owner| match owner {
            Owner::Row(row) => rows.get(row).is_some_and(|task| task.set() == set),
            Owner::Window(number) => windows.iter().any(|task| task.is(*number, set)),
            Owner::Journal(of) => *of == set,
            Owner::Commit(_) => commits.is_about(set),
            Owner::CoreFlush(..) | Owner::UserFlush(..) | Owner::Guard(_) | Owner::Return(..) => {
                false
            }
        });
    }

    /// Starts what the sync engine says is owed.
    fn start_owed(&mut self, set: usize) {
        self.sets[set].retry_at = None;
        let core = &mut self.sets[set].core;
        let Some(operation) = core.owed() else { return };
        if let Err(why) = core.start(self.now, operation, raid_sync::AboveMark::Skip) {
            self.events.push_back(Event::NotStarted { set: set as u16, why });
        }
    }

    /// A plan and its memory do not fit: the piece or the window fails, and somebody must hear of it.
    fn miscomputed(&mut self, set: usize, why: ComputeError) {
        self.events.push_back(Event::Miscomputed { set: set as u16, why });
    }

    /// A report that the sync engine did not expect: nothing depends on it, but somebody must hear it.
    fn expect(&mut self, set: usize, taken: Result<(), Unexpected>) {
        if let Err(what) = taken {
            self.events.push_back(Event::Unexpected { set: set as u16, what });
        }
    }

    fn wake(&mut self, set: usize, wait: WaitFor) {
        let released = |parked: WaitFor| match (wait, parked) {
            (WaitFor::Record(done), WaitFor::Record(waits_for)) => waits_for <= done,
            _ => wait == parked,
        };
        let parked = std::mem::take(&mut self.sets[set].parked);
        let (woken, kept): (Vec<Parked>, Vec<Parked>) =
            parked.into_iter().partition(|parked| released(parked.wait));
        self.sets[set].parked = kept.into();
        for parked in woken {
            if let WaitFor::Window(_) = parked.wait {
                let waited = self.now.0.saturating_sub(parked.since.0);
                self.stats.window_waits += 1;
                self.stats.window_wait_total += waited;
                self.stats.window_wait_longest = self.stats.window_wait_longest.max(waited);
            }
            self.ready.push_back(parked.row);
        }
    }

    fn park(&mut self, set: usize, row: RowId, wait: WaitFor) {
        self.sets[set].parked.push_back(Parked { wait, row, since: self.now });
    }

    /// A member of a set no longer takes part.
    fn member_failed(&mut self, set: usize, slot: Slot) {
        self.sets[set].core.member_failed(slot);
        self.note_failures(set, SlotSet::of(slot));
    }

    fn disk_of(&self, set: usize, slot: Slot) -> Option<usize> {
        let seat = self.sets[set].slots.get(slot.index())?;
        let live = self.sets[set].live().contains(slot);
        seat.disk.filter(|_| live)
    }

    /// A block of a member's extent as a block of its disk.
    fn disk_block(&self, set: usize, slot: Slot, block: Lba) -> Lba {
        let start = self.sets[set].slots.get(slot.index()).map_or(Lba(0), |seat| seat.start);
        Lba(start.0 + block.0)
    }

    /// Starts I/O to members of a set; each of it is judged by the member that it was sent to.
    fn start_on(&mut self, set: usize, owner: Owner, ios: Vec<(Slot, u32, Transfer)>) {
        let ios = ios.into_iter().map(|(slot, tag, transfer)| {
            let epoch = self.sets[set].slots.get(slot.index()).map_or(0, |seat| seat.epoch);
            let sent = Some(Sent { set, slot, epoch });
            Ask { disk: self.disk_of(set, slot), sent, tag, transfer }
        });
        let ios = ios.collect();
        self.groups.start(owner, ios);
    }

    /// Reads runs of members; tagged in the order given.
    fn read_members(&mut self, set: usize, wanted: Vec<(Slot, Extent)>, owner: Owner) {
        let block = self.block_size() as usize;
        let ios = (0u32..).zip(wanted).map(|(tag, (slot, at))| {
            let len = at.len.0 as usize * block;
            (slot, tag, Transfer::Read { at: self.disk_block(set, slot, at.start), len })
        });
        self.start_on(set, owner, ios.collect());
    }

    /// Writes runs of members; tagged with their slots.
    fn write_members(&mut self, set: usize, writes: Vec<Fragment>, owner: Owner) {
        let ios = writes.into_iter().map(|Fragment { slot, at, bytes }| {
            let at = self.disk_block(set, slot, at.start);
            (slot, u32::from(slot.0), Transfer::Write { at, bytes })
        });
        self.start_on(set, owner, ios.collect());
    }

    /// Flushes the disks of these members.
    fn flush_members(&mut self, set: usize, slots: SlotSet, owner: Owner) {
        let ios = slots.iter().map(|slot| (slot, u32::from(slot.0), Transfer::Flush)).collect();
        self.start_on(set, owner, ios);
    }

    fn core_flushed(&mut self, set: usize, id: FlushId, results: group::Results) {
        let failed = failed_slots(&results);
        self.note_failures(set, failed);
        let taken = self.sets[set].core.flushed(self.now, id, failed);
        self.expect(set, taken);
    }

    /// Prepares for what the sync engine will do about failures reported with a result.
    fn note_failures(&mut self, set: usize, failed: SlotSet) {
        if failed.is_empty() {
            return;
        }
        let parity = self.geometry.parity_strips() > 0;
        let set = &mut self.sets[set];
        set.failures += 1;
        set.needs_journal |= parity && set.journal.available();
    }

    /// The caller's clock and randomness for the format.
    fn stamp(&mut self) -> Stamp {
        let unix_seconds = self.unix_start + self.now.0 / 1_000_000_000;
        Stamp { unix_seconds, random: self.random.u64(..) }
    }

    fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}

/// The slots whose I/O did not work. Of a member that had failed before its answer came the sync engine
/// knows; the one that sits there now has not failed.
fn failed_slots(results: &group::Results) -> SlotSet {
    let failed = |result: &Result<Vec<u8>, MemberError>| {
        result.as_ref().is_err_and(|why| !matches!(why, MemberError::Left))
    };
    let slots = results.iter().filter(|(_, result)| failed(result));
    slots.map(|(tag, _)| Slot(*tag as u8)).collect()
}
