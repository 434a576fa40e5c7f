// SPDX-License-Identifier: MIT OR Apache-2.0
//! The stripe planner: what to read, compute and write for a request to one redundancy set.
//!
//! It does no I/O and holds no memory. A request becomes an iterator of plans, one a stripe row
//! (one a run of blocks for levels without parity). The caller executes them, in any order and any
//! number at a time, as long as it keeps others off the rows a plan names.
//!
//! ```text
//!           Layout ─┐
//!  Health(ByRow) ───┼─▶ read    ─▶ Direct(MemberIo) | Reconstruct(RowPlan)
//!  request ─────────┘   write   ─▶ RowPlan   full stripe, reconstruct-write or read-modify-write,
//!                                            whichever reads the fewest blocks
//!  rows ────────────┬─▶ rebuild ─▶ RowPlan   fills members
//!                   ├─▶ resync  ─▶ RowPlan   makes parity or copies agree with the data
//!                   └─▶ scrub   ─▶ RowPlan   compares; verify and repair say and mend what is wrong
//! ```
//!
//! A write to a degraded RAID-5, and reading it back:
//!
//! ```
//! use raid_core::array::Geometry;
//! use raid_core::backend::Backend;
//! use raid_core::layout::Layout;
//! use raid_core::stripe::{self, Health, ReadStep};
//! use raid_core::units::{Blocks, Extent, Slot, SlotSet};
//!
//! let layout = Layout::new(&Geometry::raid5(3, Blocks(8), Blocks(64)))?;
//! let mut members = vec![vec![0u8; 64 * 512]; 3];
//! let bytes = |at: Extent| at.start.0 as usize * 512..(at.start.0 + at.len.0) as usize * 512;
//!
//! let health = Health { unavailable: SlotSet::of(Slot(1)), write_only: SlotSet::EMPTY };
//! let request = Extent::new(20, 9);
//! let data = vec![0xA5; 9 * 512];
//! for plan in stripe::write(&layout, health, request) {
//!     let plan = plan?; // here: lock plan.rows()
//!     let mut slab = vec![0; plan.slab_blocks().0 as usize * 512];
//!     for io in plan.reads() {
//!         let from = &members[io.slot.index()][bytes(io.at)];
//!         io.bytes(512, &mut slab).unwrap().copy_from_slice(from);
//!     }
//!     plan.compute(Backend::portable(), &mut slab, &data)?;
//!     for io in plan.writes() {
//!         let new = io.bytes(512, &slab, &data).unwrap();
//!         members[io.slot.index()][bytes(io.at)].copy_from_slice(new);
//!     }
//! }
//!
//! let mut read = vec![0; 9 * 512];
//! for step in stripe::read(&layout, health, request, None) {
//!     match step? {
//!         ReadStep::Direct(io) => {
//!             let from = &members[io.slot.index()][bytes(io.at)];
//!             io.bytes(512, &mut read).unwrap().copy_from_slice(from);
//!         }
//!         ReadStep::Reconstruct(plan) => {
//!             let mut slab = vec![0; plan.slab_blocks().0 as usize * 512];
//!             for io in plan.reads() {
//!                 let from = &members[io.slot.index()][bytes(io.at)];
//!                 io.bytes(512, &mut slab).unwrap().copy_from_slice(from);
//!             }
//!             plan.compute(Backend::portable(), &mut slab, &[])?;
//!             plan.extract(&slab, &mut read)?;
//!         }
//!     }
//! }
//! assert_eq!(read, data);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # Cost
//!
//! `next()`, and in brackets what a step of its plan costs in all (planned and walked, not executed; a
//! step is a read from a member, the computation, or a write to a member), in nanoseconds. Printed by
//! `cargo bench -p raid-benches --bench planner`, which says what the rows are, on an AMD EPYC (family
//! 25 model 17); columns are levels and their slots.
//!
//! | | raid0x8 | raid1x2 | raid1ex5 | raid5x5 | raid6x10 | raid6x255 |
//! |---|---:|---:|---:|---:|---:|---:|
//! | read | 17 (20) | 39 (41) | 47 (49) | 20 (21) | 19 (22) | 22 (24) |
//! | write | 34 (28) | 33 (19) | 39 (26) | – | – | – |
//! | update | – | – | – | 50 (40) | 50 (33) | 52 (42) |
//! | row | – | – | – | 51 (37) | 53 (26) | 53 (14) |
//! | read_lost | – | – | – | 84 (58) | 85 (38) | 87 (18) |
//! | read_beside | – | – | – | 50 (53) | 51 (53) | 50 (54) |
//! | write_lost | – | – | – | 60 (42) | 60 (27) | 65 (18) |
//! | rebuild | – | – | – | 59 (46) | 58 (32) | 66 (18) |
//! | scrub | – | – | – | 45 (41) | 47 (27) | 45 (18) |

mod band;
mod compute;
mod copies;
mod health;
mod interleave;
mod needs_row;
mod passes;
mod plan;
mod recipe;
mod repair;
mod requests;
mod row_work;
mod strips;
mod sums;
mod verify;

pub use compute::ComputeError;
pub use health::{BadRange, Health, HealthByRow, Mark};
pub use needs_row::needs_row;
pub use passes::Passes;
pub use plan::{Buffer, Method, RequestPart, RowPlan, SlabIo, WriteIo};
pub use repair::{Repair, Repaired};
pub use requests::{MemberIo, ReadPart, ReadStep, ReadSteps, Writes};
pub use verify::{Mismatch, Verdict};

use crate::layout::Layout;
use crate::units::{Blocks, Extent, Rows, Slot, SlotSet};
use core::fmt;

/// Why a part of a request has no plan. The iterator goes on with the next part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotPossible {
    /// Redundancy is gone: data is missing, or would be.
    Lost {
        /// Members the part needs and cannot read.
        missing: SlotSet,
        /// The rows.
        rows: Rows,
    },
    /// The level's parity equations are not known here (MDF with more than two parities).
    ParityUnknown {
        /// Parity strips of a row.
        parities: u8,
        /// The rows.
        rows: Rows,
    },
    /// The request ends past the end of the set. Nothing of it has a plan.
    OutOfRange {
        /// End of the request; 2^64 − 1 if it is past that.
        end: u64,
        /// End of the set: data blocks or rows, as the request's.
        expected: u64,
    },
}

impl NotPossible {
    /// Number for C callers and log searches. Stable; never reused.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::Lost { .. } => 1,
            Self::ParityUnknown { .. } => 2,
            Self::OutOfRange { .. } => 3,
        }
    }
}

impl fmt::Display for NotPossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { missing, rows } => write!(
                f,
                "rows {} to {} cannot be served without slots {missing:?}",
                rows.start.0,
                rows.end().0
            ),
            Self::ParityUnknown { parities, rows } => write!(
                f,
                "rows {} to {} have {parities} parities, at most 2 can be computed",
                rows.start.0,
                rows.end().0
            ),
            Self::OutOfRange { end, expected } => {
                write!(f, "the request ends at {end}, the set at {expected}")
            }
        }
    }
}

impl core::error::Error for NotPossible {}

/// Steps that read `at` (data blocks of a set).
///
/// Blocks that can be read as they are become [`ReadStep::Direct`]; a stripe row with wanted data
/// that is lost becomes one [`ReadStep::Reconstruct`]. `prefer` names the copy to read where there
/// are several ([`crate::mirror::choose_source`] finds a good one); without it, or if it cannot be
/// read, copies take turns by address.
pub fn read<'m, H: Into<HealthByRow<'m>>>(
    layout: &'m Layout<'m>,
    health: H,
    at: Extent,
    prefer: Option<Slot>,
) -> ReadSteps<'m> {
    ReadSteps::new(layout, health.into(), at, prefer)
}

/// Plans that write `at` (data blocks of a set), in order of address.
///
/// Writes to a lost strip go into parity, parity that cannot be written is left out, copies are
/// written wherever they can be. A part is refused with [`NotPossible::Lost`] when what it writes
/// could not be read back.
pub fn write<'m, H: Into<HealthByRow<'m>>>(
    layout: &'m Layout<'m>,
    health: H,
    at: Extent,
) -> Writes<'m> {
    Writes::new(layout, health.into(), at)
}

/// Plans that fill `targets` over `rows`: each reads what the targets' blocks follow from and writes
/// the targets. Rows in which no target has a part have no plan.
pub fn rebuild<'m, H: Into<HealthByRow<'m>>>(
    layout: &'m Layout<'m>,
    health: H,
    targets: SlotSet,
    rows: Rows,
) -> Passes<'m> {
    Passes::rebuild(layout, health.into(), targets, rows)
}

/// Plans that make redundancy agree with the data over `rows`: parity is computed anew, copies are
/// overwritten from the readable one in the lowest slot. Rows without redundancy left have no plan.
pub fn resync<'m, H: Into<HealthByRow<'m>>>(
    layout: &'m Layout<'m>,
    health: H,
    rows: Rows,
) -> Passes<'m> {
    Passes::resync(layout, health.into(), rows)
}

/// Plans that read all that can be read of `rows` for [`RowPlan::verify`]. Rows without redundancy
/// left have no plan.
pub fn scrub<'m, H: Into<HealthByRow<'m>>>(
    layout: &'m Layout<'m>,
    health: H,
    rows: Rows,
) -> Passes<'m> {
    Passes::scrub(layout, health.into(), rows)
}

/// How far a walk over blocks or rows has come.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    at: u64,
    left: u64,
    offset: Blocks,
    /// Reported once, instead of any step.
    refusal: Option<NotPossible>,
}

impl Cursor {
    /// From `start`, `len` long, in a space of `expected`.
    #[inline]
    fn new(start: u64, len: u64, expected: u64) -> Self {
        let end = start.saturating_add(len);
        let sound = end <= expected && start.checked_add(len).is_some();
        let refusal = (!sound).then_some(NotPossible::OutOfRange { end, expected });
        Self { at: start, left: if sound { len } else { 0 }, offset: Blocks(0), refusal }
    }

    /// The part of the request that the next `len` blocks are.
    fn part(&self, len: u64) -> RequestPart {
        RequestPart { offset: self.offset, len: Blocks(len) }
    }

    fn advance(&mut self, len: u64) {
        self.at = self.at.saturating_add(len);
        self.left = self.left.saturating_sub(len);
        self.offset = Blocks(self.offset.0.saturating_add(len));
    }
}
