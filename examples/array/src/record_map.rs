// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which field of which record each byte of metadata is: for tools that compare what stands on disks.
//!
//! ```text
//! runs that a format asked for ──▶ copies ──▶ records, by number where there are several ──▶ fields
//!                                     └──▶ what is no record
//! ```
//!
//! Every byte of the runs is in one field. Nothing is judged: a record is what stands where the format has one.

mod asr;
mod ddf;

pub(crate) use asr::fields as asr;
pub(crate) use ddf::fields as ddf;

use crate::discover::ReadPiece;
use crate::formats::RECORD_MAPS;
use std::ops::Range;

/// The fields of one disk's runs, whose blocks are of so many bytes.
pub type RecordMap = fn(&[ReadPiece], u32) -> Vec<Field>;

/// A field as it stands on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// What tells it from every other field of the disk.
    pub name: FieldName,
    /// Its first byte on the disk.
    pub at: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The name of a field, the same on every disk of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldName {
    /// The copy of the metadata, e.g. `primary`.
    pub copy: &'static str,
    /// The record.
    pub record: &'static str,
    /// Which of several records, by their place in the section; of bytes that are no record their distance from the
    /// copy's start.
    pub index: Option<u64>,
    /// Which entry of the record's list.
    pub entry: Option<u64>,
    /// The field, named as the format's crate names it; `rest` for what no field names.
    pub field: &'static str,
}

/// The fields of the runs that format number `format` of the list read of a disk, in ascending order of bytes.
#[must_use]
pub fn fields_of(format: usize, pieces: &[ReadPiece], block_size: u32) -> Vec<Field> {
    let mut fields = RECORD_MAPS.get(format).map_or_else(Vec::new, |map| map(pieces, block_size));
    fields.sort_by_key(|field| field.at);
    fields
}

/// First bytes and names of a record's fields, in order.
type Table = &'static [(&'static str, usize)];

/// A [`Table`] from a record's type.
macro_rules! table {
    ($record:ty: $($field:ident)*) => {
        &[$((stringify!($field), core::mem::offset_of!($record, $field))),*]
    };
}
use table;

/// Takes the runs apart.
struct Taking<'p> {
    pieces: &'p [ReadPiece],
    block: u64,
    fields: Vec<Field>,
}

impl<'p> Taking<'p> {
    fn new(pieces: &'p [ReadPiece], block_size: u32) -> Self {
        Self { pieces, block: u64::from(block_size).max(1), fields: Vec::new() }
    }

    /// Bytes of the disk, as far as a run has them from the first on.
    fn bytes(&self, range: Range<u64>) -> &'p [u8] {
        let within = |piece: &'p ReadPiece| {
            let start = piece.at.0.checked_mul(self.block)?;
            let from = usize::try_from(range.start.checked_sub(start)?).ok()?;
            let rest = piece.bytes.get(from..).filter(|rest| !rest.is_empty())?;
            let len = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
            Some(&rest[..len.min(rest.len())])
        };
        self.pieces.iter().find_map(within).unwrap_or_default()
    }

    /// The fields of a record of which `bytes` begin at `at`; its table ends with what comes before `end`.
    fn record(&mut self, name: FieldName, at: u64, bytes: &[u8], table: Table, end: usize) {
        let ends = table.iter().skip(1).map(|next| next.1).chain([end]);
        for ((field, from), to) in table.iter().copied().zip(ends) {
            self.field(FieldName { field, ..name }, at, bytes, from..to);
        }
    }

    /// The field at these bytes of a record.
    fn field(&mut self, name: FieldName, at: u64, bytes: &[u8], range: Range<usize>) {
        let end = range.end.min(bytes.len());
        if let Some(own) = bytes.get(range.start..end).filter(|own| !own.is_empty()) {
            let at = at.saturating_add(range.start as u64);
            self.fields.push(Field { name, at, bytes: own.to_vec() });
        }
    }

    /// All fields, those of bytes that no record took with them. `start_of` gives the copy that bytes belong to, and
    /// where it starts.
    fn finish(mut self, start_of: impl Fn(u64) -> (&'static str, u64)) -> Vec<Field> {
        self.fields.sort_by_key(|field| field.at);
        let taken: Vec<(u64, u64)> = self
            .fields
            .iter()
            .map(|field| (field.at, field.at.saturating_add(field.bytes.len() as u64)))
            .collect();
        let mut gaps: Vec<Range<u64>> = Vec::new();
        for piece in self.pieces {
            let start = piece.at.0.saturating_mul(self.block);
            let end = start.saturating_add(piece.bytes.len() as u64);
            let mut at = start;
            let first = taken.partition_point(|taken| taken.1 <= start);
            for (from, to) in taken[first..].iter().take_while(|taken| taken.0 < end) {
                if *from > at {
                    gaps.push(at..*from);
                }
                at = at.max(*to);
            }
            if at < end {
                gaps.push(at..end);
            }
        }
        for gap in gaps {
            let (copy, start) = start_of(gap.start);
            let index = Some(gap.start.saturating_sub(start));
            let name = FieldName { copy, record: "no record", index, entry: None, field: "rest" };
            let bytes = self.bytes(gap.clone()).to_vec();
            self.fields.push(Field { name, at: gap.start, bytes });
        }
        self.fields
    }
}
