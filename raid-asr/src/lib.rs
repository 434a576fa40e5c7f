// SPDX-License-Identifier: MIT OR Apache-2.0
//! Being built.
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
mod checksum;
mod configuration_line;
mod error;
pub mod finding;
mod format;
mod level;
mod locate;
mod name;
mod reserved_block;
mod state;
mod table;
mod table_header;
mod tree;

pub use checksum::{Checksum, ChecksumVerdict};
pub use configuration_line::{ConfigurationLine, LineFlags};
pub use error::RecordError;
pub use format::Asr;
pub use level::{RaidType, TreeLevel};
pub use name::LineName;
pub use reserved_block::{DiskFlags, Identity, ReservedBlock};
pub use state::{ArrayLineState, DiskLineState, Worth};
pub use table::{OwnLine, RaidTable, Table};
pub use table_header::{IrocFlags, OpenMark, TableHeader};
pub use tree::{Node, Nodes, Set, Tree};

/// Blocks of the RAID table.
pub const TABLE_BLOCKS: u64 = 16;
/// Blocks at the end of a disk that the format takes: the table and the reserved block.
pub const TAIL_BLOCKS: u64 = 17;
