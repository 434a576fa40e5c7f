// SPDX-License-Identifier: MIT OR Apache-2.0
//! Work on one stripe row of a parity level: bands, and one column of the slab a slot in use.
//!
//! ```text
//! slab   │ column of slot 0 │ column of slot 2 │ column of slot 3 │      slots that take part
//!          └ rows hull: from the first band's first row to the last band's last row
//! ```

use super::band::{Band, RowPart};
use super::plan::{Buffer, Method, SlabIo, WriteIo};
use super::recipe::{Recipe, Way};
use crate::layout::{RowMap, StripRole};
use crate::units::{Blocks, Extent, Rows, Slot, SlotSet};
use core::num::NonZeroU64;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowWork {
    pub(super) map: RowMap,
    pub(super) bands: [Band; 3],
    /// Slots that have a column in the slab.
    pub(super) room: SlotSet,
    /// First block of the stripe row on every member.
    start: u64,
    /// Blocks of a strip.
    strip: NonZeroU64,
    /// First row of the hull, from the start of the strip, and rows in it.
    pub(super) hull: (u64, u64),
    /// First data block of the request in the row's data, and where it is in the request.
    origin: (u64, u64),
    /// Whether the wanted strips are new data, rather than wanted by a reader or by nobody.
    pub(super) new_data: bool,
}

impl RowWork {
    /// Work on `part` of a request, whose first block is `offset` blocks into the request.
    pub(super) fn new(part: &RowPart, bands: [Band; 3], offset: u64, new_data: bool) -> Self {
        let used = || bands.iter().filter(|band| band.len > 0);
        let from = used().map(|band| band.from).min().unwrap_or(0);
        let to = used().map(|band| band.from.saturating_add(band.len)).max().unwrap_or(0);
        let room = bands.iter().fold(SlotSet::EMPTY, |all, band| all | band.recipe.room());
        Self {
            map: part.map,
            bands,
            room,
            start: part.stripe.saturating_mul(part.strip.get()),
            strip: part.strip,
            hull: (from, to.saturating_sub(from)),
            origin: (part.within, offset),
            new_data,
        }
    }

    /// Work on `len` rows of a stripe row from row `from` of the strip on, for no request.
    pub(super) fn of_rows(part: &RowPart, from: u64, len: u64, recipe: Recipe) -> Self {
        let band = Band { from, len, recipe, ..Band::default() };
        Self::new(part, [band, Band::default(), Band::default()], 0, false)
    }

    /// The hull as rows of the set.
    pub(super) fn rows(&self) -> Rows {
        Rows::new(self.start.saturating_add(self.hull.0), self.hull.1)
    }

    /// The slots of the data strips that `band` wants.
    pub(super) fn wanted(map: &RowMap, band: &Band) -> SlotSet {
        band.wanted().filter_map(|index| map.data_slot(index)).collect()
    }

    /// Which way the bands of a write take together.
    pub(super) fn write_method(&self) -> Method {
        let mut methods = self.bands.iter().filter(|band| band.len > 0).map(|band| {
            let recipe = &band.recipe;
            match recipe.way {
                _ if recipe.parity.is_empty() => Method::WithoutParity,
                Way::Update => Method::ReadModifyWrite,
                Way::Generate if !recipe.lost.is_empty() => Method::SolveThenWrite,
                Way::Generate if recipe.reads.is_empty() => Method::FullStripe,
                Way::Generate => Method::ReconstructWrite,
            }
        });
        let first = methods.next().unwrap_or(Method::WithoutParity);
        if methods.all(|method| method == first) { first } else { Method::Mixed }
    }

    /// Where block `offset` of data strip `index` is in the request.
    pub(super) fn in_request(&self, index: u16, offset: u64) -> Blocks {
        let in_row = u64::from(index).saturating_mul(self.strip.get()).saturating_add(offset);
        Blocks(in_row.saturating_sub(self.origin.0).saturating_add(self.origin.1))
    }

    /// First block of the slab column of `slot`.
    fn column(&self, slot: Slot) -> u64 {
        let before = self.room & SlotSet::first(u16::from(slot.0));
        u64::from(before.len()).saturating_mul(self.hull.1)
    }

    /// Where row `offset` of the strip of `slot` is in the slab.
    pub(super) fn in_slab(&self, slot: Slot, offset: u64) -> Blocks {
        Blocks(self.column(slot).saturating_add(offset.saturating_sub(self.hull.0)))
    }

    pub(super) fn slab_blocks(&self) -> Blocks {
        Blocks(u64::from(self.room.len()).saturating_mul(self.hull.1))
    }

    /// Runs of rows of each slot that `pick` names, neighbouring bands joined.
    fn runs(
        &self,
        pick: fn(&Recipe) -> SlotSet,
    ) -> impl Iterator<Item = (Slot, u64, u64)> + use<'_> {
        let any = self.bands.iter().fold(SlotSet::EMPTY, |all, band| all | pick(&band.recipe));
        any.iter().flat_map(move |slot| {
            let picked = move |band: &&Band| pick(&band.recipe).contains(slot);
            let mut bands = self.bands.iter().filter(picked).peekable();
            core::iter::from_fn(move || {
                let Band { from, mut len, .. } = *bands.next()?;
                while let Some(more) =
                    bands.next_if(|band| Some(band.from) == from.checked_add(len))
                {
                    len = len.saturating_add(more.len);
                }
                Some((slot, from, len))
            })
        })
    }

    /// Blocks of a member: `len` from row `from` of the strip on.
    fn on_member(&self, from: u64, len: u64) -> Extent {
        Extent::new(self.start.saturating_add(from), len)
    }

    pub(super) fn reads(&self) -> impl Iterator<Item = SlabIo> + use<'_> {
        self.runs(|recipe| recipe.reads).map(|(slot, from, len)| SlabIo {
            slot,
            at: self.on_member(from, len),
            slab: self.in_slab(slot, from),
        })
    }

    pub(super) fn writes(&self) -> impl Iterator<Item = WriteIo> + use<'_> {
        self.runs(|recipe| recipe.writes).map(|(slot, from, len)| {
            let buffer = match self.map.role(slot) {
                Some(StripRole::Data(index)) if self.new_data => {
                    Buffer::Request(self.in_request(index, from))
                }
                _ => Buffer::Slab(self.in_slab(slot, from)),
            };
            WriteIo { slot, at: self.on_member(from, len), from: buffer }
        })
    }

    /// All rows of `slot`: on the member, and in the slab.
    pub(super) fn whole(&self, slot: Slot) -> (Extent, Blocks) {
        let (from, len) = self.hull;
        (self.on_member(from, len), self.in_slab(slot, from))
    }

    /// The parities that `recipe` of a scrub reads and does not need to recover data.
    pub(super) fn checked_parity(&self, recipe: &Recipe) -> SlotSet {
        (0..self.map.parity_strips())
            .filter_map(|index| self.map.parity_slot(index))
            .filter(|slot| recipe.reads.contains(*slot))
            .skip(usize::from(recipe.lost.len()))
            .collect()
    }
}
