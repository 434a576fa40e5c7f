// SPDX-License-Identifier: MIT OR Apache-2.0
//! Work on one stripe row of a parity level: bands, and one column of the slab a slot in use.
//!
//! ```text
//! slab   │ column of slot 0 │ column of slot 2 │ column of slot 3 │      slots that take part
//!          └ rows hull: from the first band's first row to the last band's last row
//! ```
//!
//! Of RAID-3, whose bytes are interleaved, every data strip has a column: new data is taken apart into
//! the slab before it is written, and what was read is put together from it.

use super::band::{Band, Bands, RowPart};
use super::plan::{Buffer, Method, SlabIo, WriteIo};
use super::recipe::{Way, data, parity_slots};
use crate::layout::{RowMap, StripRole};
use crate::units::{Blocks, Extent, Rows, Slot, SlotSet, Slots};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowWork {
    pub(super) map: RowMap,
    pub(super) bands: Bands,
    /// What is written.
    writes: Writes,
    /// First block of the stripe row on every member.
    start: u64,
    /// Blocks of a strip.
    strip: u64,
    /// First row of the hull, from the start of the strip, and rows in it.
    pub(super) hull: (u64, u64),
    /// First data block of the request in the row's data, and where it is in the request.
    origin: (u64, u64),
    /// Whether the wanted strips are new data, rather than wanted by a reader or by nobody.
    pub(super) new_data: bool,
    /// Whether bytes are interleaved.
    pub(super) interleaved: bool,
}

/// What the bands of a row write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Writes {
    /// The slots of wanted data strips that are written.
    pub(super) data: SlotSet,
    /// Whether computed parity is.
    pub(super) parity: bool,
}

impl RowWork {
    /// Work on `part` of a request, whose first block is `offset` blocks into the request; the
    /// bands are to come, then [`Self::seal`].
    #[inline]
    pub(super) fn new(part: &RowPart, offset: u64, new_data: bool, writes: Writes) -> Self {
        Self {
            map: part.map,
            bands: Bands::NONE,
            writes,
            start: part.start,
            strip: part.strip.get(),
            hull: (0, 0),
            origin: (part.within, offset),
            new_data,
            interleaved: part.interleaved,
        }
    }

    /// Takes account of the bands; the rows they span.
    #[inline]
    pub(super) fn seal(&mut self) -> Rows {
        self.hull = self.bands.hull();
        Rows::new(self.start.saturating_add(self.hull.0), self.hull.1)
    }

    /// Which way the bands of a write take together.
    #[inline]
    pub(super) fn write_method(&self) -> Method {
        let mut methods = self.bands.iter().map(|band| {
            let recipe = &band.recipe;
            match recipe.way {
                _ if recipe.parity == 0 => Method::WithoutParity,
                Way::Update => Method::ReadModifyWrite,
                Way::Generate if recipe.recovers() => Method::SolveThenWrite,
                Way::Generate if recipe.reads_nothing(&self.map, band) => Method::FullStripe,
                Way::Generate => Method::ReconstructWrite,
            }
        });
        let first = methods.next().unwrap_or(Method::WithoutParity);
        if methods.all(|method| method == first) { first } else { Method::Mixed }
    }

    /// Where block `offset` of data strip `index` is in the request.
    pub(super) fn in_request(&self, index: u16, offset: u64) -> Blocks {
        let in_row = u64::from(index).saturating_mul(self.strip).saturating_add(offset);
        Blocks(in_row.saturating_sub(self.origin.0).saturating_add(self.origin.1))
    }

    /// First byte of row `offset` of an interleaved level, as it would be in the request: negative
    /// as the second of the two; and the bytes of the request's part.
    pub(super) fn row_in_request(&self, offset: u64, block_size: u32) -> Option<(u64, u64)> {
        let (within, start) = self.origin;
        let first = offset.checked_mul(self.map.data_strips().into())?;
        let bytes = |blocks: u64| blocks.checked_mul(block_size.into());
        let (ahead, behind) = (first.saturating_sub(within), within.saturating_sub(first));
        Some((bytes(start.checked_add(ahead)?)?, bytes(behind)?))
    }

    /// The columns of the slab.
    #[inline]
    pub(super) fn slab(&self) -> Slab {
        let none = if self.interleaved { data(&self.map) } else { SlotSet::EMPTY };
        let room = self.bands.iter().fold(none, |all, band| all | band.room(&self.map));
        Slab { room, hull: self.hull }
    }

    /// Runs of rows of each slot that `pick` names, neighbouring bands joined.
    #[inline]
    fn runs(&self, pick: impl Fn(&Band) -> SlotSet) -> Runs<'_> {
        let (mut picked, mut any) = ([SlotSet::EMPTY; Bands::MOST], SlotSet::EMPTY);
        for (band, picked) in self.bands.iter().zip(&mut picked) {
            *picked = pick(band);
            any = any | *picked;
        }
        Runs { bands: &self.bands, picked, slots: any.slots(), slot: None, from: 0 }
    }

    /// Blocks of a member: `len` from row `from` of the strip on.
    fn on_member(&self, from: u64, len: u64) -> Extent {
        Extent::new(self.start.saturating_add(from), len)
    }

    /// The slots that a band writes.
    #[inline]
    fn written(&self, band: &Band) -> SlotSet {
        let data = band.wanted_slots(&self.map) & self.writes.data;
        let parity = if self.writes.parity { band.recipe.parity } else { 0 };
        data | parity_slots(&self.map, parity)
    }

    #[inline]
    pub(super) fn reads(&self) -> impl Iterator<Item = SlabIo> + use<'_> {
        let slab = self.slab();
        self.runs(|band| band.reads(&self.map)).map(move |(slot, from, len)| SlabIo {
            slot,
            at: self.on_member(from, len),
            slab: slab.at(slot, from),
        })
    }

    #[inline]
    pub(super) fn writes(&self) -> impl Iterator<Item = WriteIo> + use<'_> {
        let slab = self.slab();
        self.runs(|band| self.written(band)).map(move |(slot, from, len)| {
            let buffer = match self.map.role(slot) {
                Some(StripRole::Data(index)) if self.new_data && !self.interleaved => {
                    Buffer::Request(self.in_request(index, from))
                }
                _ => Buffer::Slab(slab.at(slot, from)),
            };
            WriteIo { slot, at: self.on_member(from, len), from: buffer }
        })
    }

    /// All rows of `slot`: on the member, and in the slab.
    pub(super) fn whole(&self, slot: Slot) -> (Extent, Blocks) {
        let (from, len) = self.hull;
        (self.on_member(from, len), self.slab().at(slot, from))
    }

    /// The parities that `band` of a scrub reads and does not need to recover data.
    pub(super) fn checked_parity(&self, band: &Band) -> SlotSet {
        (0..self.map.parity_strips())
            .filter(|index| band.recipe.reads_parity(*index))
            .skip(usize::from(band.recipe.lost.slots(&self.map).len()))
            .filter_map(|index| self.map.parity_slot(index))
            .collect()
    }
}

/// Columns of the slab, one a slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slab {
    /// Slots that have one.
    pub(super) room: SlotSet,
    /// As of [`RowWork`].
    hull: (u64, u64),
}

impl Slab {
    /// Where row `offset` of the strip of `slot` is.
    #[inline]
    pub(super) fn at(&self, slot: Slot, offset: u64) -> Blocks {
        let (from, rows) = self.hull;
        let before = self.room & SlotSet::first(u16::from(slot.0));
        let column = u64::from(before.len()).saturating_mul(rows);
        Blocks(column.saturating_add(offset.saturating_sub(from)))
    }

    #[inline]
    pub(super) fn blocks(&self) -> Blocks {
        Blocks(u64::from(self.room.len()).saturating_mul(self.hull.1))
    }
}

/// See [`RowWork::runs`]: slot by slot, first row and rows.
struct Runs<'p> {
    bands: &'p Bands,
    /// What each band picks.
    picked: [SlotSet; Bands::MOST],
    /// Slots to come.
    slots: Slots,
    /// The slot at hand, and the band to go on with.
    slot: Option<Slot>,
    from: usize,
}

impl Iterator for Runs<'_> {
    type Item = (Slot, u64, u64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let slot = match self.slot {
                Some(slot) => slot,
                None => self.slots.next()?,
            };
            self.slot = Some(slot);
            let mut run: Option<(u64, u64)> = None;
            for (band, picked) in self.bands.iter().zip(&self.picked).skip(self.from) {
                let apart = |(from, len): (u64, u64)| Some(band.from) != from.checked_add(len);
                if run.is_some_and(|run| !picked.contains(slot) || apart(run)) {
                    break;
                }
                self.from = self.from.saturating_add(1);
                if picked.contains(slot) {
                    let (from, len) = run.unwrap_or((band.from, 0));
                    run = Some((from, len.saturating_add(band.len)));
                }
            }
            match run {
                Some((from, len)) => return Some((slot, from, len)),
                None => (self.slot, self.from) = (None, 0),
            }
        }
    }
}
