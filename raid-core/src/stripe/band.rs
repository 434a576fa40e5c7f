// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cuts a request's part of one stripe row into bands that ask the same of every block.
//!
//! A request that begins and ends inside strips touches different data strips at different offsets.
//! Two cuts, at its first and at its last offset, leave at most three bands of rows, which follow one
//! another, and inside a band every data strip is wanted whole or not at all. A mark or the end of a bad range cuts once
//! more, so that inside a band every member can be used or not. So the cheapest way is found band by
//! band, and nothing is read that the band does not need.
//!
//! ```text
//!  offset      D0  D1  D2
//!  0        ┌  .   ##  ##     band 0: D1 D2          # wanted
//!           └  .   ##  ##                            . not
//!  first    ┌  ##  ##  ##     band 1: D0 D1 D2
//!           └  ##  ##  ##
//!  mark     ┌  ##  ##  ##     band 2: D0 D1 D2, and D1 is stale
//!  end      ├  ##  ##  .      band 3: D0 D1
//!  strip    └  ##  ##  .
//! ```
//!
//! The bytes of a RAID-3 row are interleaved: every band wants all data strips, a first and a last
//! row in part.

use super::health::HealthByRow;
use super::recipe::{Lost, Reads, Recipe, RowHealth, Way};
use super::strips::Strips;
use crate::layout::{Divisor, Layout, RowMap, StripRole};
use crate::units::{Extent, Rows, Slot, SlotSet};

/// A run of rows inside a stripe row and what is done with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Band {
    /// First row, from the start of the strip.
    pub(super) from: u64,
    /// Rows.
    pub(super) len: u64,
    /// First data strip wanted.
    pub(super) first: u16,
    /// Data strips wanted.
    pub(super) strips: u16,
    /// Whether only some bytes of the strips are wanted (RAID-3).
    pub(super) in_part: bool,
    /// What to read, compute and write.
    pub(super) recipe: Recipe,
}

impl Band {
    pub(super) const NONE: Self =
        Self { from: 0, len: 0, first: 0, strips: 0, in_part: false, recipe: Recipe::NONE };

    /// The data strips wanted.
    pub(super) fn wanted(&self) -> impl Iterator<Item = u16> + use<> {
        self.first..self.first.saturating_add(self.strips)
    }

    /// Whether data strip `strip` is wanted.
    #[inline(always)]
    pub(super) const fn wants(&self, strip: u16) -> bool {
        strip >= self.first && strip < self.first.saturating_add(self.strips)
    }

    /// The slots of the data strips wanted.
    #[inline]
    pub(super) fn wanted_slots(&self, map: &RowMap) -> SlotSet {
        map.data_slots(self.first, self.strips)
    }

    /// The data strips, of a row of `of`, that are known once what is read has been read and what is lost
    /// recovered.
    #[inline]
    pub(super) fn known(&self, of: u16) -> Strips {
        match self.recipe.data {
            Reads::None => Strips::NONE,
            Reads::Wanted => Strips::new(self.first, self.strips),
            Reads::Stays => {
                let behind = self.first.saturating_add(self.strips);
                let first = if behind < of { behind } else { 0 };
                Strips::new(first, of.saturating_sub(self.strips))
            }
            Reads::All => Strips::new(0, of),
        }
    }

    /// Strips that are read.
    #[inline]
    pub(super) fn reads(&self, of: u16) -> u16 {
        let recipe = &self.recipe;
        self.data_reads(of).saturating_add(parities(recipe.old_parity))
    }

    #[inline(always)]
    fn data_reads(&self, of: u16) -> u16 {
        self.known(of).count().saturating_sub(self.recipe.lost.count())
    }

    /// The strip that is read as number `n`: data in the order of the run, then P and Q.
    #[inline]
    pub(super) fn read(&self, n: u16, of: u16) -> Option<StripRole> {
        match n.checked_sub(self.data_reads(of)) {
            Some(n) => parity(self.recipe.old_parity, n),
            None => self.known(of).nth(self.recipe.lost.passed(n, 0), of).map(StripRole::Data),
        }
    }

    /// Whether this strip is read.
    #[inline]
    pub(super) fn is_read(&self, strip: StripRole, of: u16) -> bool {
        match strip {
            StripRole::Data(strip) => {
                self.known(of).position(strip, of).is_some() && !self.recipe.lost.contains(strip)
            }
            StripRole::Parity(index) => self.recipe.reads_parity(index),
            StripRole::Hot => false,
        }
    }
}

/// How many parities these bits are.
#[inline(always)]
pub(super) const fn parities(bits: u8) -> u16 {
    match bits {
        0 => 0,
        0b11 => 2,
        _ => 1,
    }
}

/// The parity that is number `n` of these bits.
#[inline(always)]
pub(super) const fn parity(bits: u8, n: u16) -> Option<StripRole> {
    match (bits, n) {
        (1 | 0b11, 0) => Some(StripRole::Parity(0)),
        (2, 0) | (0b11, 1) => Some(StripRole::Parity(1)),
        _ => None,
    }
}

/// The bands of a part, from the first row on, each beginning where the one before ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bands {
    /// First row, from the start of the strip.
    from: u64,
    bands: [Kept; Self::MOST],
    used: u8,
}

/// A band as it is kept in a plan: two words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kept {
    len: u64,
    wanted: Strips,
    lost: Lost,
    /// Bits 0 and 1 the parities that are read, 2 and 3 those that are computed, 4 and 5 the data that is
    /// read, 6 whether parity is updated, 7 whether strips are wanted in part.
    bits: u8,
}

impl Kept {
    const NONE: Self = Self { len: 0, wanted: Strips::NONE, lost: Lost::NONE, bits: 0 };

    #[inline]
    fn new(band: &Band) -> Self {
        let Band { len, first, strips, in_part, recipe, .. } = *band;
        let Recipe { data, lost, old_parity, parity, way } = recipe;
        let data = match data {
            Reads::None => 0u8,
            Reads::Wanted => 1,
            Reads::Stays => 2,
            Reads::All => 3,
        };
        let update = u8::from(way == Way::Update);
        let bits = old_parity & 3 | (parity & 3) << 2;
        let bits = bits | data << 4 | update << 6 | u8::from(in_part) << 7;
        Self { len, wanted: Strips::new(first, strips), lost, bits }
    }

    #[inline]
    fn band(&self, from: u64) -> Band {
        let Self { len, wanted, lost, bits } = *self;
        let data = match bits >> 4 & 3 {
            0 => Reads::None,
            1 => Reads::Wanted,
            2 => Reads::Stays,
            _ => Reads::All,
        };
        let way = if bits & 1 << 6 == 0 { Way::Generate } else { Way::Update };
        let recipe = Recipe { data, lost, old_parity: bits & 3, parity: bits >> 2 & 3, way };
        let (first, strips) = (wanted.first(), wanted.count());
        Band { from, len, first, strips, in_part: bits & 1 << 7 != 0, recipe }
    }
}

impl Bands {
    /// Three, and three marks or ends of bad ranges inside one strip.
    pub(super) const MOST: usize = 6;

    pub(super) const NONE: Self = Self { from: 0, bands: [Kept::NONE; Self::MOST], used: 0 };

    #[inline]
    pub(super) fn iter(&self) -> impl Iterator<Item = Band> + Clone {
        let mut from = self.from;
        self.bands.iter().take(self.used.into()).map(move |kept| {
            let band = kept.band(from);
            from = from.saturating_add(kept.len);
            band
        })
    }

    /// The band, if there is one only.
    #[inline]
    pub(super) fn only(&self) -> Option<Band> {
        let [kept, ..] = &self.bands;
        (self.used == 1).then(|| kept.band(self.from))
    }

    /// `None` if there is no room.
    #[inline]
    fn push(&mut self, band: &Band) -> Option<()> {
        *self.bands.get_mut(usize::from(self.used))? = Kept::new(band);
        if self.used == 0 {
            self.from = band.from;
        }
        self.used = self.used.saturating_add(1);
        Some(())
    }

    /// Only this one.
    #[inline]
    pub(super) fn set(&mut self, band: &Band) {
        self.used = 0;
        // The first always has room.
        let _ = self.push(band);
    }

    /// Those rows of them that are in `from..to`, counted from the start of the strip.
    pub(super) fn within(&self, from: u64, to: u64) -> Self {
        let mut within = Self::NONE;
        for band in self.iter() {
            let (start, end) = (band.from.max(from), band.from.saturating_add(band.len).min(to));
            let len = end.saturating_sub(start);
            if len > 0 {
                // There is no more than one for each.
                let _ = within.push(&Band { from: start, len, ..band });
            }
        }
        within
    }

    /// First row, and rows to the end of the last band.
    #[inline]
    pub(super) fn hull(&self) -> (u64, u64) {
        let bands = self.bands.iter().take(self.used.into());
        (self.from, bands.fold(0, |rows, kept| rows.saturating_add(kept.len)))
    }
}

/// Why a part has no bands.
#[derive(Clone, Copy, Debug)]
pub(super) enum NoBands {
    /// A band has no way: these slots cannot be read.
    Lost(SlotSet),
    /// More bands than are kept.
    TooMany,
}

/// The part of a request that lies in one stripe row.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowPart {
    /// First row of the stripe row.
    pub(super) start: u64,
    /// Roles in it.
    pub(super) map: RowMap,
    /// Blocks of a strip.
    pub(super) strip: Divisor,
    /// First data block wanted, from the start of the row's data.
    pub(super) within: u64,
    /// Data blocks wanted.
    pub(super) len: u64,
    /// Whether bytes are interleaved; `start` is 0 then.
    pub(super) interleaved: bool,
}

impl RowPart {
    /// The part of the `left` data blocks from `block` on that is one piece of its stripe row, see
    /// [`Layout::pieces`]; `None` for levels without parity and past the end.
    #[inline]
    pub(super) fn new(layout: &Layout<'_>, block: u64, left: u64) -> Option<Self> {
        let (data_strips, strip) = layout.row_shape();
        if layout.is_interleaved() {
            let map = layout.row_map(0)?;
            let part = Self { start: 0, map, strip, within: block, len: left, interleaved: true };
            return (left > 0).then_some(part);
        }
        let (index, offset) = strip.split(block);
        let (stripe, index) = (index / data_strips, index % data_strips);
        let map = layout.row_map(stripe)?;
        let within = index.checked_mul(strip.get())?.checked_add(offset)?;
        let len = layout.part_len(within, left)?;
        let start = stripe.checked_mul(strip.get())?;
        (len > 0).then_some(Self { start, map, strip, within, len, interleaved: false })
    }

    /// The stripe row of row `row`, wanting no data; how far into its strips the row is, and how
    /// many rows follow, itself included. `None` for levels without parity and past the end.
    #[inline]
    pub(super) fn of_stripe(layout: &Layout<'_>, row: u64) -> Option<(Self, u64, u64)> {
        let (_, strip) = layout.row_shape();
        let interleaved = layout.is_interleaved();
        let (stripe, from) = if interleaved { (0, row) } else { strip.split(row) };
        let start = stripe.checked_mul(strip.get())?;
        let map = layout.row_map(stripe)?;
        let rows = if interleaved { layout.rows() } else { strip.get() };
        let part = Self { start, map, strip, within: 0, len: 0, interleaved };
        Some((part, from, rows.saturating_sub(from)))
    }

    /// Data strip and offset in it of the first block, and the same of the last block.
    #[inline]
    fn ends(&self) -> (u16, u64, u16, u64) {
        let last = self.within.saturating_add(self.len.saturating_sub(1));
        let ((first, from), (last, to)) = (self.strip.split(self.within), self.strip.split(last));
        // Data strips of a row are fewer than 256.
        let index = |strip: u64| u16::try_from(strip).unwrap_or(u16::MAX);
        (index(first), from, index(last), to)
    }

    /// The row that block `within` of the row's data is in, from the start of the strip; of an
    /// interleaved level also whether it is the row's first.
    fn row_of(&self, within: u64) -> (u64, bool) {
        let data = u64::from(self.map.data_strips());
        let row = within.checked_div(data).unwrap_or(0);
        (row, row.saturating_mul(data) == within)
    }

    /// What is asked alike by the request alone: at most three cuts, in rising order of rows. What
    /// they follow from is worked out once, so that each cut is a few comparisons.
    #[inline]
    fn cuts(&self) -> impl Fn(u8) -> Cut {
        let interleaved = self.interleaved;
        let strips = self.map.data_strips();
        let (a, a_row, b, b_row) = if interleaved { (0, 0, 0, 0) } else { self.ends() };
        let (whole, strip) = (self.whole_rows(), self.strip.get());
        move |number| {
            if interleaved {
                let (from, first, to, last) = whole;
                let (from, to, in_part) = match number {
                    0 => (from, first, true),
                    1 => (first, to, false),
                    _ => (to.max(first), last, true),
                };
                return Cut { from, to, first: 0, strips, in_part };
            }
            let b_end = b_row.saturating_add(1);
            let (after_a, before_b) = (a.saturating_add(1), b.saturating_sub(1));
            let (from, to, first, last) = match number {
                0 if a == b => (a_row, b_end, a, b),
                _ if a == b => (0, 0, 0, 0),
                0 => (0, a_row.min(b_end), after_a, b),
                1 if a_row < b_end => (a_row, b_end, a, b),
                1 => (b_end, a_row, after_a, before_b),
                _ => (a_row.max(b_end), strip, a, before_b),
            };
            // Data strips `first..=last`, which may be none.
            let strips = last.saturating_add(1).saturating_sub(first);
            Cut { from, to: if strips == 0 { from } else { to }, first, strips, in_part: false }
        }
    }

    /// Of an interleaved level: the first row touched, the first touched whole, the end of those,
    /// and the end of all.
    #[inline]
    fn whole_rows(&self) -> (u64, u64, u64, u64) {
        if !self.interleaved {
            return (0, 0, 0, 0);
        }
        let (from, whole_from) = self.row_of(self.within);
        let (to, whole_to) = self.row_of(self.within.saturating_add(self.len));
        let first = if whole_from { from } else { from.saturating_add(1) };
        (from, first, to, if whole_to { to } else { to.saturating_add(1) })
    }

    /// The bands of the part, each with what `recipe` says of it, into `bands`, which are none.
    #[inline]
    pub(super) fn bands(
        &self,
        health: &HealthByRow<'_>,
        bands: &mut Bands,
        mut recipe: impl FnMut(&Band, &RowHealth) -> Option<Recipe>,
    ) -> Result<(), NoBands> {
        // What is known of the members, and up to which row: cuts come in rising order.
        let (mut here, mut end) = (RowHealth::default(), 0);
        let cut = self.cuts();
        for number in 0..3 {
            let Cut { mut from, to, first, strips, in_part } = cut(number);
            while from < to {
                if from >= end {
                    let (now, until) = health.at_row(self.start.saturating_add(from));
                    here = RowHealth::new(&self.map, &now);
                    end = until.saturating_sub(self.start);
                }
                let len = to.min(end).saturating_sub(from);
                let mut band = Band { from, len, first, strips, in_part, ..Band::default() };
                let Some(recipe) = recipe(&band, &here) else {
                    return Err(NoBands::Lost(here.unreadable(&self.map)));
                };
                band.recipe = recipe;
                bands.push(&band).ok_or(NoBands::TooMany)?;
                from = from.saturating_add(len);
            }
        }
        Ok(())
    }

    /// Where the first blocks of the part are that are in one strip, if all that the part wants can be
    /// read as it is. `None` also where rows differ in health: bands tell there.
    #[inline]
    pub(super) fn first_run(&self, health: &HealthByRow<'_>) -> Option<(Slot, Extent)> {
        if self.interleaved || !health.is_uniform() {
            return None;
        }
        let (first, from, last, _) = self.ends();
        // Inside a row a request leaves out no strip between its first and its last.
        let strips = last.saturating_add(1).saturating_sub(first);
        let wanted = Band { first, strips, ..Band::NONE };
        if RowHealth::new(&self.map, &health.health).wants_lost(&self.map, &wanted) {
            return None;
        }
        let len = self.len.min(self.strip.get().saturating_sub(from));
        let at = Extent::new(self.start.saturating_add(from), len);
        Some((self.map.data_slot(first)?, at))
    }

    /// The first blocks of the part that are in one strip and have one health: a part of one band.
    pub(super) fn first_piece(&self, health: &HealthByRow<'_>) -> Self {
        if self.interleaved {
            let (row, _) = self.row_of(self.within);
            let (_, end) = health.at_row(row);
            let data = u64::from(self.map.data_strips());
            let rest = end.saturating_mul(data).saturating_sub(self.within);
            return Self { len: self.len.min(rest), ..*self };
        }
        let (_, from, _, _) = self.ends();
        let (_, end) = health.at_row(self.start.saturating_add(from));
        let in_strip = self.strip.get().saturating_sub(from);
        let alike = end.saturating_sub(self.start).saturating_sub(from);
        Self { len: self.len.min(in_strip).min(alike), ..*self }
    }

    /// The rows of the part, in one run.
    pub(super) fn rows(&self) -> Rows {
        let cut = self.cuts();
        let mut used = (0..3).map(cut).filter(|cut| cut.from < cut.to);
        let Some(Cut { from, to, .. }) = used.next() else { return Rows::new(self.start, 0) };
        let to = used.next_back().map_or(to, |cut| cut.to);
        Rows::new(self.start.saturating_add(from), to.saturating_sub(from))
    }
}

/// A run of rows that the request asks the same of.
struct Cut {
    from: u64,
    to: u64,
    /// First data strip, and how many.
    first: u16,
    strips: u16,
    /// Whether some bytes of them only.
    in_part: bool,
}
