// SPDX-License-Identifier: MIT OR Apache-2.0
//! Adaptec ASR metadata, as HostRAID controllers and dpt_i2o cards keep it on their disks.
//!
//! ```text
//! block 0                                                   N-17                  N-1
//! ├ array data, from block 0 ──────────────┤ … slack … ├ RAID table, 16 blocks ┤ reserved block ┤
//!                                                        ▲                        │
//!                                                        └──────── raidtbl ───────┘
//! RAID table   TableHeader │ line 0: array │ line 1: disk │ line 2: disk │ …   up to 127 lines
//! ```
//!
//! Every integer is big-endian, every block has 512 bytes, every record has alignment 1. The records
//! ([`ReservedBlock`], [`RaidTable`], [`TableHeader`], [`ConfigurationLine`]) are the bytes on disk:
//! [`Record::view`] judges nothing, [`Record::view_mut`] edits in place and keeps what it does not know, `check` gives a
//! judged view ([`Identity`], [`Table`]). [`Asr`] reads whole sets of disks through
//! [`raid_core::metadata::Format`], runs them through [`raid_core::metadata::RunTime`], and makes and
//! changes them through [`raid_core::metadata::Admin`].
//!
//! ```
//! use raid_asr::{LineName, RaidTable, Record, TreeLevel};
//!
//! // 16 blocks as read from a disk; here an array line and one disk line, made by hand.
//! let mut blocks = [0u8; 8192];
//! let raw = RaidTable::view_mut(&mut blocks).unwrap();
//! raw.header.ridcode = raid_asr::TableHeader::MAGIC.into();
//! (raw.header.maxelm, raw.header.elmcnt, raw.header.elmsize) = (127.into(), 2.into(), 64.into());
//! raw.lines[0].raidlevel = TreeLevel::Fwl.raw();
//! raw.lines[0].raidcnt = 1.into();
//! raw.lines[0].name = LineName::padded(b"SYSTEM");
//! raw.lines[1].raidmagic = 0x91AA_7059.into();
//! raw.seal();
//!
//! let table = RaidTable::check(&blocks)?;
//! let array = table.arrays().next().unwrap();
//! assert_eq!(array.top().name.trimmed(), b"SYSTEM");
//! assert_eq!(array.disks().count(), 1);
//! # Ok::<(), raid_asr::RecordError>(())
//! ```
//!
//! # Guarantees
//! - `no_std`, no allocation, no I/O, no `unsafe`; no panic, whatever the bytes.
//! - Discovery reads at most three ranges of a disk, 33 blocks together, and writes nothing.
//! - A refused change changes nothing. A change keeps every byte that has no part in it.
//! - A power cut during a commit, on any number of disks, leaves the old configuration or the new one;
//!   with more than 7 lines and every copy torn, each member as before or as after.
//! - What is reported does not depend on the order of the disks, except for the indices in it.
//! - Nothing is assembled quietly that readers of the format would understand differently: each
//!   doubt is a [`finding`] with the disk, the block, what was found and what was expected.
//!
//! Facts are cited as `asr.md` with the section, the reference this crate was written from. What
//! they rest on, and what is unverified, stands in `docs/formats/asr.md`.
#![no_std]
#![forbid(unsafe_code)]
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

#[cfg(test)]
extern crate std;

mod assemble;
mod build;
mod checksum;
mod commit;
mod configuration_line;
mod error;
pub mod finding;
mod format;
mod guard;
mod level;
mod locate;
mod name;
mod order;
mod record;
mod reserved_block;
mod set_line;
mod state;
mod table;
mod table_header;
mod tree;
mod update;
mod writer;

pub use checksum::{Checksum, ChecksumVerdict};
pub use configuration_line::{ConfigurationLine, DiskAddress, LineFlags};
pub use error::RecordError;
pub use format::Asr;
pub use level::{RaidType, TreeLevel};
pub use name::LineName;
pub use order::MemberOrder;
pub use record::Record;
pub use reserved_block::{DiskFlags, Identity, ReservedBlock};
pub use state::{ArrayLineState, DiskLineState, Worth};
pub use table::{OwnLine, RaidTable, Table};
pub use table_header::{IrocFlags, OpenMark, TableHeader};
pub use tree::{LineCount, Node, Nodes, Set, Tree};

/// Blocks of the RAID table.
pub const TABLE_BLOCKS: u64 = 16;
/// Blocks at the end of a disk that the format takes: the table and the reserved block.
pub const TAIL_BLOCKS: u64 = 17;
