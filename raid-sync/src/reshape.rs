// SPDX-License-Identifier: MIT OR Apache-2.0
//! The three positions of a change of shape (`sync.md` I19).
//!
//! ```text
//!  growing:    0 ──── write ────────── safe ──── read ──────────── rows     (rows move up in the address)
//!                     │                │         └ next source row
//!                     │                └ what the record says: sources before it may be overwritten
//!                     └ next destination row
//! ```
//!
//! A destination row may be written only where no source row lies that a restart would still read: on
//! the far side of `safe`. Where the distance has shrunk to nothing, the rows go to a backup area first,
//! and the record says so before they are overwritten.
//!
//! No format records the cursors yet, so nothing of this is public: the arithmetic stands here with its proof by
//! trial, for the first format that does.
//!
//! | rows to write | allowed |
//! |---|---|
//! | no source row at or beyond `safe` is in them | at once |
//! | a source row between `safe` and `read` | after the record that moves `safe` |
//! | a source row at or beyond `read` | only from a recorded backup |

use crate::defect::{Defect, planted};
use raid_core::units::{Row, Rows};

/// Which way a reshape works through the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Direction {
    /// From row 0 up: the new layout takes fewer rows of each member (members were added).
    Up,
    /// From the last row down: the new layout takes more rows of each member.
    Down,
}

/// What must happen before destination rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Clearance {
    /// Nothing.
    Free,
    /// A record that moves `safe` to `read`, after a flush of every member.
    Record,
    /// A copy of the sources in the backup area, and a record that says so.
    Backup,
}

/// The three cursors, in source rows (`read`, `safe`) and destination rows (`write`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ReshapeMark {
    direction: Direction,
    /// Next source row to read; for `Down` the row after it.
    read: Row,
    /// Next destination row to write; for `Down` the row after it.
    write: Row,
    /// `read` as the record on every member says.
    safe: Row,
}

impl ReshapeMark {
    /// The beginning: source rows from one end, destination rows from the same end.
    pub(crate) const fn begin(
        direction: Direction,
        source_rows: Row,
        destination_rows: Row,
    ) -> Self {
        match direction {
            Direction::Up => Self { direction, read: Row(0), write: Row(0), safe: Row(0) },
            Direction::Down => {
                Self { direction, read: source_rows, write: destination_rows, safe: source_rows }
            }
        }
    }

    /// Next source row.
    pub(crate) const fn read(&self) -> Row {
        self.read
    }

    /// Next destination row.
    pub(crate) const fn write(&self) -> Row {
        self.write
    }

    /// What the record says.
    pub(crate) const fn safe(&self) -> Row {
        self.safe
    }

    /// What must happen before `rows`, destination rows, may be written.
    pub(crate) fn clearance(&self, rows: Rows) -> Clearance {
        let (behind_safe, behind_read) = match self.direction {
            Direction::Up => (rows.end() <= self.safe, rows.end() <= self.read),
            Direction::Down => (rows.start >= self.safe, rows.start >= self.read),
        };
        match (behind_safe, behind_read) {
            _ if planted(Defect::OverwriteSources) => Clearance::Free,
            (true, _) => Clearance::Free,
            (false, true) => Clearance::Record,
            (false, false) => Clearance::Backup,
        }
    }

    /// Source rows up to here were read and their destination rows up to there written. Cursors never
    /// go back.
    pub(crate) fn moved(&mut self, read: Row, write: Row) {
        match self.direction {
            Direction::Up => {
                self.read = self.read.max(read);
                self.write = self.write.max(write);
            }
            Direction::Down => {
                self.read = self.read.min(read);
                self.write = self.write.min(write);
            }
        }
    }

    /// A record with this `read` is durable on every member, written after a flush of all of them.
    pub(crate) fn recorded(&mut self, read: Row) {
        self.safe = match self.direction {
            Direction::Up => self.safe.max(read).min(self.read),
            Direction::Down => self.safe.min(read).max(self.read),
        };
    }

    /// A restart: what was not recorded did not happen. `write` is what the record says.
    pub(crate) const fn restarted(self, write: Row) -> Self {
        Self { read: self.safe, write, ..self }
    }
}
