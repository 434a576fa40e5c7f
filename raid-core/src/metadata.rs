// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a metadata format offers the rest of a RAID stack.
//!
//! A format is a value without state. The bytes of the disks *are* the configuration: discovery
//! reads them into buffers of the caller's, run-time changes edit the same buffers in place, and a
//! commit writes ranges of them back. So there is one parser, one set of records, and nothing to
//! keep in step.
//!
//! ```text
//! Format    DiskView ──next_read──▶ Read{..} (repeat) ──▶ assemble ──▶ Inventory: arrays, members, findings
//! RunTime   set_state │ activate ──▶ edits DiskBuffers ──▶ commit_step 0, 1, 2 … per disk
//! Admin     new_areas ▶ apply(Change) ▶ edits DiskBuffers ▶ commit_step …, after the last change erase_step …
//! ```
//!
//! | trait | for whom | can |
//! |---|---|---|
//! | [`Format`] | tools and firmware that look | read; its accessors lead to the others |
//! | [`RunTime`] | engines | store records, activate spares, commit |
//! | [`Admin`] | tools that administer | make, change and delete configurations, by values ([`Change`]) |
//!
//! Changes that no program here makes yet, and the one that will:
//!
//! | change | will be made by |
//! |---|---|
//! | [`SetDiskCondition`](Change::SetDiskCondition), read by [`disk_condition`](Admin::disk_condition) | the engine, for a disk that predicts its failure or went away as a whole |
//! | [`AddBadBlocks`](Change::AddBadBlocks), read by [`bad_blocks`](Admin::bad_blocks) | the engine, for a block that cannot be written while a set is short of a member |
//! | [`AssignSpare`](Change::AssignSpare) with [`Served`], revertible or of an enclosure | `raid-ublk spare add`, by options |
//! | [`Import`](Change::Import) | `raid-ublk serve`, for disks that come from another controller |
//! | [`Dissolve`](Change::Dissolve) | `raid-ublk`, to give disks back; today `xtask interop` alone |
//!
//! What a record says of a set stands here as well, since formats store it: its [`Generation`], whose
//! writes are owed ([`Debtor`], [`RegionRecord`]), which rows are lost ([`BadRows`]), and which of several
//! records speaks ([`freshest()`]). A whole record is lent as a [`SetRecord`].
//!
//! Programs that look at disks read them with a [`Probe`] for each, in memory of their own, and keep what they
//! want of the report: [`OneArray`], or an [`Inventory`] of their own.
//!
//! Everything here is object-safe and allocation-free: a tool holds `&[&dyn Format]` and names no
//! format anywhere else.

mod admin;
mod bad_rows;
mod change;
mod debtor;
mod disk_bytes;
mod disk_role;
mod freshest;
mod generation;
mod one_array;
mod probe;
mod region_record;
mod run_time;
mod set_record;

pub use admin::{Admin, Change};
pub use bad_rows::BadRows;
pub use change::{
    ArrayRequest, BadBlocks, ChangeError, DiskCondition, MovedOn, Served, SpareRequest, Stamp,
};
pub use debtor::{DEBTORS, Debtor, MemberKey};
pub use disk_bytes::{DiskBytes, Disks, LiveDisks};
pub use disk_role::DiskRole;
pub use freshest::{Freshest, Seen, SplitBrain, freshest};
pub use generation::Generation;
pub use one_array::OneArray;
pub use probe::{DiskRead, PROBE_RUNS, Probe, ProbeError, Wanted};
pub use region_record::RegionRecord;
pub use run_time::{GUARD_BLOCKS, RunTime, Step};
pub use set_record::SetRecord;

use crate::array::{
    ArrayDescriptor, ArrayId, Initialisation, MemberDescriptor, MemberId, Name, Place,
};
use crate::units::{Blocks, Extent, Lba, Row, Slot, SlotSet};
use core::fmt;

/// Size of a disk as its driver reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DiskShape {
    /// Addressable blocks.
    pub blocks: Blocks,
    /// Bytes of a block: 512 or 4096.
    pub block_size: u32,
}

/// A run of blocks that was read from a disk.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Address of its first block.
    pub at: Lba,
    /// The bytes, a whole number of blocks.
    pub bytes: &'a [u8],
}

/// What is known of one disk: its shape and the blocks read so far.
#[derive(Clone, Copy, Debug)]
pub struct DiskView<'a> {
    /// Size.
    pub shape: DiskShape,
    /// Runs read so far, in any order.
    pub pieces: &'a [Piece<'a>],
}

/// A run of blocks in memory that is to be edited.
#[derive(Debug)]
pub struct PieceMut<'a> {
    /// Address of its first block.
    pub at: Lba,
    /// The bytes, a whole number of blocks.
    pub bytes: &'a mut [u8],
}

/// One disk's metadata in memory: the same ranges that discovery asked for.
///
/// The list of runs (`'p`) and their bytes (`'b`) are lent apart: who has changed and committed a disk has its runs back, and may
/// lend them again.
#[derive(Debug)]
pub struct DiskBuffer<'p, 'b> {
    /// Size.
    pub shape: DiskShape,
    /// The runs, each at its place.
    pub pieces: &'p mut [PieceMut<'b>],
    /// Whether the disk is to be written: failed and foreign disks are left alone.
    pub live: bool,
}

/// What discovery should do next with a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lookup {
    /// Read this run, add it to the pieces, ask again. A run that cannot be read is added as an
    /// empty piece at the same address.
    Read(Extent),
    /// The disk does not carry this format.
    Absent,
    /// The disk carries this format and all that is needed has been read.
    Complete,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing, e.g. a vendor's habit.
    Note,
    /// Unusual; what was found can be used all the same.
    Warning,
    /// A copy is damaged, or copies disagree.
    Damage,
    /// Something cannot be used, and the reason.
    Refusal,
}

/// A kind of finding, as a format lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FindingKind {
    /// Number for log searches, unique inside a format. Stable; never reused.
    pub code: u16,
    /// How bad.
    pub severity: Severity,
    /// What is wrong.
    pub what: &'static str,
}

/// One thing that discovery noticed: where, what was found, what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// Stable number for log searches, unique inside a format.
    pub code: u16,
    /// Index of the disk among those given, if it is about one.
    pub disk: Option<usize>,
    /// The array, if it is about one.
    pub array: Option<ArrayId>,
    /// Which copy or record, e.g. `primary header`.
    pub copy: &'static str,
    /// Address on the disk.
    pub at: Option<Lba>,
    /// What is wrong, e.g. `crc`.
    pub what: &'static str,
    /// The value found.
    pub found: Option<u64>,
    /// The value expected.
    pub expected: Option<u64>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(disk) = self.disk {
            write!(f, "disk {disk}, ")?;
        }
        f.write_str(self.copy)?;
        if let Some(at) = self.at {
            write!(f, " at block {}", at.0)?;
        }
        write!(f, ": {}", self.what)?;
        if let Some(found) = self.found {
            write!(f, ", found {found:#x}")?;
        }
        if let Some(expected) = self.expected {
            write!(f, ", expected {expected:#x}")?;
        }
        Ok(())
    }
}

/// A disk that carries a format, as discovery found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskDescriptor {
    /// Index among the disks given.
    pub disk: usize,
    /// Identity of the configuration (container, table) it belongs to.
    pub configuration: ArrayId,
    /// Its own identity.
    pub id: MemberId,
    /// Update counter of its metadata, if the format has one.
    pub sequence: Option<u64>,
    /// What it is there for.
    pub role: DiskRole,
    /// Blocks that arrays may use, from block 0.
    pub usable: Blocks,
}

/// What a raw field belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// The disk with this index.
    Disk(usize),
    /// The array.
    Array(ArrayId),
    /// The member of the array.
    Member(ArrayId, Place),
}

/// One history of a [forked](crate::array::ArrayState::Forked) array: its disks ran without those
/// of the other histories.
///
/// A history with many disks or failed places is reported in several parts with the same `number`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Branch<'a> {
    /// The array.
    pub array: ArrayId,
    /// Number of the history in the array, from 0: the one with the newest record first.
    pub number: u16,
    /// Disks that carry it, as indices among those given.
    pub disks: &'a [usize],
    /// Update counter of its last record, if the format has one.
    pub sequence: Option<u64>,
    /// Time of its last record in seconds since 1970, if the format stores it.
    pub unix_seconds: Option<u64>,
    /// Places that it calls failed or missing.
    pub failed: &'a [Place],
}

/// Receives what discovery found, and by default lets it pass. Each array comes before its members, and all arrays
/// on the disks are reported: who is after one compares the identity in each call, or lets [`OneArray`] do it.
pub trait Inventory {
    /// A disk that carries the format.
    fn disk(&mut self, disk: &DiskDescriptor) {
        let _ = disk;
    }
    /// An array.
    fn array(&mut self, array: &ArrayDescriptor) {
        let _ = array;
    }
    /// A member of the array given last.
    fn member(&mut self, member: &MemberDescriptor) {
        let _ = member;
    }
    /// A field as stored, named as the format's text names it.
    fn raw(&mut self, of: Subject, field: &'static str, value: u64) {
        let _ = (of, field, value);
    }
    /// Something worth telling.
    fn finding(&mut self, finding: &Finding) {
        let _ = finding;
    }
    /// One history of the forked array given last, or a part of one.
    fn branch(&mut self, branch: &Branch<'_>) {
        let _ = branch;
    }
}

/// What run-time state a format can hold; the sync engine adapts its *claims* to this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Capabilities {
    /// The position of an operation survives a restart.
    pub mark: bool,
    /// A mark that was written while the array was open may be trusted after an unclean stop. False
    /// wherever one flag covers the whole array (`sync.md` result 3).
    pub mark_after_unclean: bool,
    /// "Writes are under way" can be recorded.
    pub dirty: bool,
    /// Which member failed can be recorded.
    pub failure: bool,
    /// Bad ranges that a member may have.
    pub bad_ranges: u16,
    /// Bits of the generation counter.
    pub generation_bits: u8,
}

/// A background operation over one redundancy set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Fill members that do not hold their data yet.
    Rebuild {
        /// The members being filled.
        targets: SlotSet,
    },
    /// Make copies or parity agree after an unclean stop.
    Resync,
    /// Establish redundancy for the first time.
    Initialise,
    /// Read and compare.
    Check,
    /// Read, compare, and fix.
    Repair,
}

/// How far an operation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Progress {
    /// The operation.
    pub operation: Operation,
    /// Rows below this are done.
    pub mark: Row,
}

impl Progress {
    /// At row 0.
    #[must_use]
    pub const fn start(operation: Operation) -> Self {
        Self { operation, mark: Row(0) }
    }
}

/// Run-time state of one redundancy set: what a format is asked to remember, and what it gives back
/// at the next start. Always the whole state, never a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RuntimeState {
    /// No write is under way: every copy agrees.
    pub clean: bool,
    /// Slots whose member no longer takes part.
    pub failed: SlotSet,
    /// Slots whose member is present and being filled.
    pub rebuilding: SlotSet,
    /// Redundancy established so far.
    pub initialisation: Initialisation,
    /// The operation under way, if any, and how far it has come.
    pub progress: Option<Progress>,
}

impl RuntimeState {
    /// Of a set that was stopped clean: all members hold everything and agree, and nothing is under way.
    #[must_use]
    pub const fn clean() -> Self {
        Self {
            clean: true,
            failed: SlotSet::EMPTY,
            rebuilding: SlotSet::EMPTY,
            initialisation: Initialisation::Full,
            progress: None,
        }
    }

    /// The operation under way.
    #[must_use]
    pub const fn operation(&self) -> Option<Operation> {
        match self.progress {
            Some(progress) => Some(progress.operation),
            None => None,
        }
    }

    /// Rows below this are done by the operation under way; row 0 without one.
    #[must_use]
    pub const fn mark(&self) -> Row {
        match self.progress {
            Some(progress) => progress.mark,
            None => Row(0),
        }
    }

    /// The same with the operation, if there is one, at this row.
    #[must_use]
    pub const fn at(self, mark: Row) -> Self {
        match self.progress {
            Some(progress) => Self { progress: Some(Progress { mark, ..progress }), ..self },
            None => self,
        }
    }
}

/// Who made a configuration. Another implementation may rely on fields that this library does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Creator {
    /// This library.
    Own,
    /// Another implementation or a controller, by the name that it gives itself.
    Other(Name),
    /// The format does not record it.
    Unrecorded,
}

/// A metadata format, for discovery: nothing here can write.
pub trait Format: fmt::Debug + Sync {
    /// Short lower-case name, e.g. `ddf`.
    fn name(&self) -> &'static str;

    /// Creator of the configuration with this identity.
    fn creator(&self, configuration: ArrayId) -> Creator {
        let _ = configuration;
        Creator::Unrecorded
    }

    /// What to read next of a disk of which `disk` has been read so far. Bounded: a hostile disk
    /// cannot ask for more than the format's own limits, nor for ever.
    fn next_read(&self, disk: &DiskView<'_>) -> Lookup;

    /// The `index`-th run to look through on a disk of which [`next_read`](Self::next_read) says that it does
    /// not carry the format; `None` when there is no more. Only what was made to search has any.
    ///
    /// A run is not added to the pieces: only the block that [`found_in`](Self::found_in) names is. After the
    /// last run `next_read` is asked again.
    fn search_run(&self, disk: &DiskView<'_>, index: usize) -> Option<Extent> {
        let _ = (disk, index);
        None
    }

    /// The one block of a run looked through that shows where the metadata is.
    fn found_in(&self, disk: &DiskView<'_>, run: &Piece<'_>) -> Option<Lba> {
        let _ = (disk, run);
        None
    }

    /// Reports what stands on these disks, in any order given. Disks that do not carry the format
    /// are passed over.
    fn assemble(&self, disks: &[DiskView<'_>], into: &mut dyn Inventory);

    /// Words of scratch with which [`assemble_with`](Self::assemble_with) looks at nothing twice.
    fn scratch_words(&self, disks: &[DiskView<'_>]) -> usize {
        let _ = disks;
        0
    }

    /// As [`assemble`](Self::assemble), with memory of the caller's for what is kept in mind about
    /// many disks. With less than [`scratch_words`](Self::scratch_words) the report is the same and
    /// takes longer.
    fn assemble_with(&self, disks: &[DiskView<'_>], scratch: &mut [u64], into: &mut dyn Inventory) {
        let _ = scratch;
        self.assemble(disks, into);
    }

    /// The format as an engine uses it, if this version of the library writes the format.
    fn run_time(&self) -> Option<&dyn RunTime> {
        None
    }

    /// The format as tools administer it, if this version of the library does.
    fn admin(&self) -> Option<&dyn Admin> {
        None
    }
}

/// The slot of a place, for callers that deal with one set.
impl From<Place> for Slot {
    fn from(place: Place) -> Self {
        place.slot
    }
}
