// SPDX-License-Identifier: MIT OR Apache-2.0
//! The RAID table: 16 blocks, a header and room for 127 configuration lines.
//!
//! ```text
//! block 0        header, lines 0 … 6        a table of up to 7 lines changes in one sector write
//! block 1 … 15   8 lines each: 7 … 126
//! ```
//!
//! Every member carries the table of its whole array; the members are each other's backup.

use crate::record::{Record, expect, whole};
use crate::tree::{Node, Nodes, Tree};
use crate::{Checksum, ConfigurationLine, RecordError, TableHeader};
use core::mem::size_of;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The table, byte for byte as on disk.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct RaidTable {
    /// The header.
    pub header: TableHeader,
    /// The lines, unused ones included.
    pub lines: [ConfigurationLine; 127],
}

const _: () = assert!(size_of::<RaidTable>() == 8192);

impl Record for RaidTable {
    const NAME: &'static str = "RAID table";
}

impl RaidTable {
    /// Lines that fit on a disk, whatever `maxelm` says.
    pub const ROOM: u16 = 127;

    /// Looks at the front of `bytes` as a table and checks magic, size of a line and number of
    /// lines. The checksum is left to [`Table::checksum`]: a mismatch is not always damage.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn check(bytes: &[u8]) -> Result<Table<'_>, RecordError> {
        let raw: &Self = whole(bytes)?;
        let header = &raw.header;
        expect(header.ridcode, TableHeader::MAGIC, |found| RecordError::TableMagic { found })?;
        if header.elmsize.get() != ConfigurationLine::SIZE {
            return Err(RecordError::LineSize { found: header.elmsize.get() });
        }
        let limit = header.maxelm.get().min(Self::ROOM);
        let found = header.elmcnt.get();
        match raw.lines.get(..usize::from(found)) {
            Some(lines) if (1..=limit).contains(&found) => Ok(Table { raw, lines }),
            _ => Err(RecordError::LineCount { found, limit }),
        }
    }

    /// The lines in use, as many as fit.
    #[must_use]
    pub fn lines_in_use(&self) -> &[ConfigurationLine] {
        self.lines.get(..usize::from(self.header.elmcnt.get())).unwrap_or(&self.lines)
    }

    /// Stores the checksum; the last step of every edit.
    pub fn seal(&mut self) {
        self.header.rchksum = Checksum::compute(self.lines_in_use()).into();
    }
}

/// A table whose magic, line size and line count are right. Only [`RaidTable::check`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    raw: &'a RaidTable,
    lines: &'a [ConfigurationLine],
}

/// Which line names a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OwnLine {
    /// No line: a foreign disk, or one freshly put in.
    None,
    /// This line.
    One(usize),
    /// More than one; the disk's place is not known.
    Several {
        /// The first of them.
        first: usize,
        /// The last of them.
        last: usize,
    },
}

impl<'a> Table<'a> {
    /// The record behind it.
    #[must_use]
    pub const fn record(self) -> &'a RaidTable {
        self.raw
    }

    /// The header.
    #[must_use]
    pub const fn header(self) -> &'a TableHeader {
        &self.raw.header
    }

    /// The lines in use, 1 to 127.
    #[must_use]
    pub const fn lines(self) -> &'a [ConfigurationLine] {
        self.lines
    }

    /// The checksum, stored and computed.
    #[must_use]
    pub fn checksum(self) -> Checksum {
        Checksum { stored: self.header().rchksum.get(), computed: Checksum::compute(self.lines) }
    }

    /// The line whose `raidmagic` is this `drivemagic`. Array lines do not count: only a disk line
    /// names a disk.
    #[must_use]
    pub fn own_line(self, drivemagic: u32) -> OwnLine {
        let mut own = OwnLine::None;
        for (index, line) in self.lines.iter().enumerate() {
            if line.raidmagic.get() == drivemagic && line.level() == crate::TreeLevel::Fwp {
                own = match own {
                    OwnLine::None => OwnLine::One(index),
                    OwnLine::One(first) | OwnLine::Several { first, .. } => {
                        OwnLine::Several { first, last: index }
                    }
                };
            }
        }
        own
    }

    /// The tree's nodes of the first rank: arrays, and lines that stand in none.
    #[must_use]
    pub const fn nodes(self) -> Nodes<'a> {
        Nodes::new(self.lines)
    }

    /// The arrays, each with everything below it.
    pub fn arrays(self) -> impl Iterator<Item = Tree<'a>> {
        self.nodes().filter_map(|node| match node {
            Node::Array(tree) => Some(tree),
            Node::Stray(_) => None,
        })
    }

    /// The array in which line `index` stands.
    #[must_use]
    pub fn array_of(self, index: usize) -> Option<Tree<'a>> {
        self.arrays().find(|tree| tree.holds(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::FromZeros;

    fn table(elmcnt: u16, maxelm: u16) -> RaidTable {
        let mut table = RaidTable::new_zeroed();
        table.header.ridcode = TableHeader::MAGIC.into();
        table.header.elmsize = 64.into();
        table.header.elmcnt = elmcnt.into();
        table.header.maxelm = maxelm.into();
        table
    }

    #[test]
    fn the_number_of_lines_is_bounded_by_the_disk_not_by_the_header() {
        for (elmcnt, maxelm, limit) in
            [(0, 127, 127), (128, 0xFFFF, 127), (0xFFFF, 0xFFFF, 127), (5, 4, 4), (1, 0, 0)]
        {
            let table = table(elmcnt, maxelm);
            assert_eq!(
                RaidTable::check(table.as_bytes()).err(),
                Some(RecordError::LineCount { found: elmcnt, limit })
            );
        }
        let full = table(127, 0xFFFF);
        assert_eq!(RaidTable::check(full.as_bytes()).unwrap().lines().len(), 127);
        assert_eq!(table(0xFFFF, 0).lines_in_use().len(), 127);
    }

    #[test]
    fn a_table_needs_its_magic_and_64_byte_lines() {
        let mut bad = table(1, 127);
        bad.header.ridcode = 0x9007_65C5.into();
        let error = RecordError::TableMagic { found: 0x9007_65C5 };
        assert_eq!(RaidTable::check(bad.as_bytes()).err(), Some(error));
        let mut bad = table(1, 127);
        bad.header.elmsize = 128.into();
        let error = RecordError::LineSize { found: 128 };
        assert_eq!(RaidTable::check(bad.as_bytes()).err(), Some(error));
        let error = RecordError::Truncated { record: "RAID table", found: 8191, expected: 8192 };
        assert_eq!(RaidTable::check(&table(1, 127).as_bytes()[..8191]).err(), Some(error));
    }

    #[test]
    fn only_a_disk_line_in_use_names_a_disk() {
        let mut table = table(3, 127);
        for index in [0, 2, 3] {
            table.lines[index].raidmagic = 7.into();
        }
        table.lines[0].raidlevel = 1;
        let own =
            |table: &RaidTable, magic| RaidTable::check(table.as_bytes()).unwrap().own_line(magic);
        assert_eq!(own(&table, 7), OwnLine::One(2));
        assert_eq!(own(&table, 8), OwnLine::None);
        table.lines[1].raidmagic = 7.into();
        assert_eq!(own(&table, 7), OwnLine::Several { first: 1, last: 2 });
    }

    #[test]
    fn sealing_covers_the_lines_in_use_only() {
        let mut table = table(2, 127);
        table.lines[1].name = crate::LineName::padded(b"x");
        table.lines[2].name = crate::LineName::padded(b"y");
        table.seal();
        let checked = RaidTable::check(table.as_bytes()).unwrap();
        assert_eq!(checked.checksum().stored, u16::from(b'x') + 15 * 32);
        assert_eq!(checked.checksum().stored, checked.checksum().computed);
    }
}
