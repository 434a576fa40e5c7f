// SPDX-License-Identifier: MIT OR Apache-2.0
//! Layout files: JSON, format `raid-layout/1`, that say how disks form an array.
//!
//! ```text
//! guess, show ──▶ file ──an editor──▶ file ──▶ shape, rows ──▶ a layout of raid-core ──▶ cat, serve, …
//! ```
//!
//! `guess` and `show` write them, people edit them, every command that reads an array takes them in place of metadata
//! (`--layout FILE`). The block map is a level and a layout by name, or a table of rows, or both, which then must
//! agree. A table is read by finding the layout of raid-core that it is one turn of: there is no second planner and no
//! second reader.

mod made;
mod opened;
mod rows;
mod shape;

pub(crate) use made::{of_guess, write_of_array};
pub(crate) use opened::open;

use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Name and number of the format.
pub(crate) const FORMAT: &str = "raid-layout/1";
/// Longest file that is read.
const LONGEST: u64 = 4 << 20;
/// What offsets and lengths are multiples of.
pub(crate) const SECTOR: u64 = 512;

/// A layout file. All offsets and lengths are in bytes, multiples of 512.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LayoutFile {
    pub(crate) format: String,
    /// For people, and of the export when it is served.
    #[serde(default)]
    pub(crate) name: String,
    /// As in raid-inspect/1; absent: `rows` says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) level: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) layout: Option<String>,
    /// Of near-copies, offset-copies and far-copies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) copies: Option<u8>,
    /// How exponents of Q are counted: by_slot or by_data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) q_numbering: Option<String>,
    /// Rows of chunks for which parity stays on a disk, a power of two; absent: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parity_stays_rows: Option<u64>,
    /// 0 where the level has no chunks.
    pub(crate) chunk_bytes: u64,
    /// Redundancy sets, each of the same number of members.
    #[serde(default = "one")]
    pub(crate) sets: u16,
    /// How sets are joined: striped unless it is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secondary: Option<String>,
    /// Bytes of the array, if it is smaller than its members allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) size_bytes: Option<u64>,
    /// One turn of the block map: a cell for each member, the number of a chunk of the array, P, Q, or S for spare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rows: Option<Vec<String>>,
    /// In the order of places: set after set.
    pub(crate) members: Vec<LayoutMember>,
}

/// A member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LayoutMember {
    /// Its path, from the folder of the file on; null: missing.
    pub(crate) disk: Option<String>,
    /// Where the array begins on the disk.
    #[serde(default)]
    pub(crate) start_bytes: u64,
    /// How much of the disk belongs to the array; absent: up to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) length_bytes: Option<u64>,
    /// Byte of the disk from which on its content is old: not read, computed from the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stale_from_bytes: Option<u64>,
}

const fn one() -> u16 {
    1
}

impl LayoutFile {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let name = path.display();
        let length = fs::metadata(path).map_err(|error| format!("{name}: {error}"))?.len();
        if length > LONGEST {
            return Err(format!("{name}: {length} bytes are no layout file (at most {LONGEST})"));
        }
        let text = fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
        let file: Self = serde_json::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
        match file.format.as_str() {
            FORMAT => Ok(file),
            other => Err(format!("{name}: format {other:?}, expected {FORMAT:?}")),
        }
    }

    /// Writes a new file: one that is there stays as it is.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = File::create_new(path)?;
        serde_json::to_writer_pretty(&mut file, self)?;
        writeln!(file)
    }
}
