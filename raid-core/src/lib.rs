// SPDX-License-Identifier: MIT OR Apache-2.0
//! Parity, layouts, the stripe planner, and the vocabulary of a RAID stack.
//!
//! | module | what |
//! |---|---|
//! | [`array`](mod@array) | what an array is, in words that no metadata format owns: [`Geometry`](array::Geometry), levels, members and their states |
//! | [`metadata`] | what a format offers: discovery in memory of the caller's ([`Probe`](metadata::Probe), [`OneArray`](metadata::OneArray)), records, changes |
//! | [`layout`] | which block of the array is which block of which member, both ways: [`Layout`](layout::Layout) |
//! | [`stripe`] | what to read, compute and write for a request, healthy or short of members: [`read`](stripe::read), [`write`](stripe::write), rebuild, resync, scrub |
//! | [`parity`], [`mirror`] | the arithmetic, one call each, and who lies among several |
//! | [`backend`] | its kernels, and what they know of caches |
//! | [`units`] | blocks, rows, slots: one type each |
//!
//! From disks to data: a format of another crate finds the array and its members, `layout` says which set and which
//! members a block stands on, and `stripe` plans the reads. A member's blocks start at `MemberDescriptor::start`.
//!
//! ```
//! use raid_core::array::Geometry;
//! use raid_core::layout::Layout;
//! use raid_core::stripe::{self, Health, ReadStep};
//! use raid_core::units::{Blocks, Extent, Slot, SlotSet};
//!
//! // Three members of 64 blocks, strips of 8; the second member is away.
//! let layout = Layout::new(&Geometry::raid5(3, Blocks(8), Blocks(64)))?;
//! assert_eq!(layout.size(), Blocks(128));
//! let health = Health { unavailable: SlotSet::of(Slot(1)), write_only: SlotSet::EMPTY };
//! for piece in layout.split(Extent::new(16, 8)) {
//!     for step in stripe::read(&layout, health, piece.at, None) {
//!         match step? {
//!             // Stands on a member that is there.
//!             ReadStep::Direct(io) => println!("read {:?} of slot {}", io.at, io.slot),
//!             // To be computed from the others: read, then `compute` and `extract`.
//!             ReadStep::Reconstruct(plan) => assert_eq!(plan.reads().count(), 2),
//!         }
//!     }
//! }
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
#![no_std]
#![deny(unsafe_code)]
#![deny(missing_docs, missing_debug_implementations, unreachable_pub)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::as_conversions
    )
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod array;
pub mod backend;
pub mod gf256;
pub mod layout;
pub mod metadata;
pub mod mirror;
pub mod parity;
pub mod stripe;
pub mod units;
