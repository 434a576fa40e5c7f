// SPDX-License-Identifier: MIT OR Apache-2.0
//! Work on one stripe row of a parity level: bands, and one column of the slab a strip in use.
//!
//! ```text
//! slab   │ P │ Q │ strip 3 │ strip 4 │ strip 0 │      the parities and data strips that take part
//!          └ rows: from the first band's first row to the last band's last row
//! ```
//!
//! Of RAID-3, whose bytes are interleaved, every data strip has a column: new data is taken apart into
//! the slab before it is written, and what was read is put together from it.

use super::band::{Band, Bands, RowPart, parities, parity};
use super::plan::{Buffer, Method, SlabIo, WriteIo};
use super::recipe::{Lost, Way};
use super::strips::Strips;
use crate::layout::{RowMap, StripRole};
use crate::units::{Blocks, Extent, Rows, Slot, SlotSet};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowWork {
    pub(super) map: RowMap,
    pub(super) bands: Bands,
    /// First block of the stripe row on every member.
    start: u64,
    /// Blocks of a strip.
    strip: u64,
    /// First data block of the request in the row's data.
    within: u64,
    /// Data strips that have a column in the slab.
    pub(super) columns: Strips,
    /// Parities that have one, by their bits.
    pub(super) parities: u8,
    /// What is written.
    writes: Writes,
    /// Whether the wanted strips are new data, rather than wanted by a reader or by nobody.
    pub(super) new_data: bool,
    /// Whether bytes are interleaved.
    pub(super) interleaved: bool,
}

/// What the bands of a row write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Writes {
    /// Data strips that are written.
    pub(super) data: Written,
    /// Whether computed parity is.
    pub(super) parity: bool,
}

/// Data strips that are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Written {
    #[default]
    None,
    /// The wanted ones but these.
    AllBut(Lost),
    /// These.
    Only(Lost),
}

/// What a plan keeps of its work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Totals {
    pub(super) slab: Blocks,
    pub(super) reads: u16,
    pub(super) writes: u16,
}

impl RowWork {
    /// Work on `part`; the bands are to come, then [`Self::seal`].
    #[inline]
    pub(super) fn new(part: &RowPart, new_data: bool, writes: Writes) -> Self {
        Self {
            map: part.map,
            bands: Bands::NONE,
            start: part.start,
            strip: part.strip.get(),
            within: part.within,
            columns: Strips::NONE,
            parities: 0,
            writes,
            new_data,
            interleaved: part.interleaved,
        }
    }

    /// Takes account of the bands.
    #[inline]
    pub(super) fn seal(&mut self) -> Totals {
        let of = self.map.data_strips();
        let (mut columns, mut parities) = (Strips::NONE, 0);
        for band in self.bands.iter() {
            columns = columns.join(band.known(of), of);
            parities |= band.recipe.old_parity | band.recipe.parity;
        }
        self.columns = if self.interleaved { Strips::new(0, of) } else { columns };
        self.parities = parities;
        let (reads, writes) = match self.bands.only() {
            Some(band) => (band.reads(of), self.written(&band)),
            None => (self.count(Direction::Read), self.count(Direction::Write)),
        };
        let columns = u64::from(self.columns.count().saturating_add(self::parities(parities)));
        let (_, rows) = self.bands.hull();
        Totals { slab: Blocks(columns.saturating_mul(rows)), reads, writes }
    }

    fn count(&self, direction: Direction) -> u16 {
        u16::try_from(self.runs(direction).count()).unwrap_or(u16::MAX)
    }

    /// The work on those of its rows that are in `rows`.
    pub(super) fn within(&self, rows: Rows) -> Self {
        let [from, to] = [rows.start, rows.end()].map(|row| row.0.saturating_sub(self.start));
        Self { bands: self.bands.within(from, to), ..*self }
    }

    /// First row of the bands, from the start of the strip, and rows in them.
    #[inline]
    pub(super) fn hull(&self) -> (u64, u64) {
        self.bands.hull()
    }

    /// The rows of the bands.
    #[inline]
    pub(super) fn rows(&self) -> Rows {
        let (from, len) = self.hull();
        Rows::new(self.start.saturating_add(from), len)
    }

    /// Which way the bands of a write take together.
    #[inline]
    pub(super) fn write_method(&self) -> Method {
        let of = self.map.data_strips();
        let mut methods = self.bands.iter().map(|band| {
            let recipe = &band.recipe;
            match recipe.way {
                _ if recipe.parity == 0 => Method::WithoutParity,
                Way::Update => Method::ReadModifyWrite,
                Way::Generate if recipe.recovers() => Method::SolveThenWrite,
                Way::Generate if band.reads(of) == 0 => Method::FullStripe,
                Way::Generate => Method::ReconstructWrite,
            }
        });
        let first = methods.next().unwrap_or(Method::WithoutParity);
        if methods.all(|method| method == first) { first } else { Method::Mixed }
    }

    /// Where row `offset` of data strip `index` is, from the first block that the request wants of the row.
    #[inline]
    pub(super) fn in_part(&self, index: u16, offset: u64) -> u64 {
        let in_row = u64::from(index).saturating_mul(self.strip).saturating_add(offset);
        in_row.saturating_sub(self.within)
    }

    /// First byte of row `offset` of an interleaved level, as it would be in the request, whose first block
    /// that the row wants is `start`: negative as the second of the two; and the bytes of the request's part.
    pub(super) fn row_in_request(
        &self,
        offset: u64,
        start: u64,
        block_size: u32,
    ) -> Option<(u64, u64)> {
        let first = offset.checked_mul(self.map.data_strips().into())?;
        let bytes = |blocks: u64| blocks.checked_mul(block_size.into());
        let (ahead, behind) =
            (first.saturating_sub(self.within), self.within.saturating_sub(first));
        Some((bytes(start.checked_add(ahead)?)?, bytes(behind)?))
    }

    /// Where row `offset` of a strip is in the slab.
    #[inline]
    pub(super) fn place(&self, strip: StripRole, offset: u64) -> Blocks {
        let column = match strip {
            StripRole::Parity(0) | StripRole::Hot => 0,
            StripRole::Parity(_) => parities(self.parities & 1),
            StripRole::Data(strip) => {
                let position = self.columns.position(strip, self.map.data_strips()).unwrap_or(0);
                parities(self.parities).saturating_add(position)
            }
        };
        let (from, rows) = self.hull();
        let column = u64::from(column).saturating_mul(rows);
        Blocks(column.saturating_add(offset.saturating_sub(from)))
    }

    /// Blocks of a member: `len` from row `from` of the strip on.
    #[inline]
    fn on_member(&self, from: u64, len: u64) -> Extent {
        Extent::new(self.start.saturating_add(from), len)
    }

    /// Strips that a band writes.
    #[inline]
    fn written(&self, band: &Band) -> u16 {
        self.data_written(band).saturating_add(parities(self.parity_written(band)))
    }

    #[inline]
    fn data_written(&self, band: &Band) -> u16 {
        match self.writes.data {
            Written::None => 0,
            Written::AllBut(lost) => {
                let lost = lost.iter().filter(|lost| band.wants(*lost)).count();
                band.strips.saturating_sub(u16::try_from(lost).unwrap_or(u16::MAX))
            }
            Written::Only(these) => these.count(),
        }
    }

    #[inline]
    fn parity_written(&self, band: &Band) -> u8 {
        if self.writes.parity { band.recipe.parity } else { 0 }
    }

    /// The strip that a band writes as number `n`: data in rising order, then P and Q.
    #[inline]
    fn write_of(&self, band: &Band, n: u16) -> Option<StripRole> {
        match (n.checked_sub(self.data_written(band)), self.writes.data) {
            (Some(n), _) => parity(self.parity_written(band), n),
            (None, Written::AllBut(lost)) => Some(StripRole::Data(lost.passed(n, band.first))),
            (None, Written::Only(these)) => these.iter().nth(n.into()).map(StripRole::Data),
            (None, Written::None) => None,
        }
    }

    /// Whether a band writes this strip.
    fn is_written(&self, band: &Band, strip: StripRole) -> bool {
        match (strip, self.writes.data) {
            (StripRole::Data(strip), Written::AllBut(lost)) => {
                band.wants(strip) && !lost.contains(strip)
            }
            (StripRole::Data(strip), Written::Only(these)) => these.contains(strip),
            (StripRole::Parity(index), _) => {
                let bit = 1u8.checked_shl(index.into()).unwrap_or(0);
                self.parity_written(band) & bit != 0
            }
            _ => false,
        }
    }

    /// What is read or written, strip by strip, each over the bands that follow one another.
    #[inline]
    pub(super) fn runs(&self, direction: Direction) -> Runs<'_> {
        Runs { row: self, direction, only: self.bands.only(), next: 0, band: 0 }
    }

    #[inline]
    pub(super) fn read_io(&self, run: Run) -> Option<SlabIo> {
        let slot = self.map.slot_of(run.strip)?;
        let at = self.on_member(run.from, run.len);
        Some(SlabIo { slot, at, slab: self.place(run.strip, run.from) })
    }

    /// The same of a write; `offset` is where the part begins in the request.
    #[inline]
    pub(super) fn write_io(&self, run: Run, offset: Blocks) -> Option<WriteIo> {
        let slot = self.map.slot_of(run.strip)?;
        let from = match run.strip {
            StripRole::Data(index) if self.new_data && !self.interleaved => {
                let in_part = self.in_part(index, run.from);
                Buffer::Request(Blocks(offset.0.saturating_add(in_part)))
            }
            strip => Buffer::Slab(self.place(strip, run.from)),
        };
        Some(WriteIo { slot, at: self.on_member(run.from, run.len), from })
    }

    /// All rows of `slot`: on the member, and in the slab.
    pub(super) fn whole(&self, slot: Slot) -> Option<(Extent, Blocks)> {
        let (from, len) = self.hull();
        Some((self.on_member(from, len), self.place(self.map.role(slot)?, from)))
    }

    /// The parities that `band` of a scrub reads and does not need to recover data.
    pub(super) fn checked_parity(&self, band: &Band) -> SlotSet {
        (0..self.map.parity_strips())
            .filter(|index| band.recipe.reads_parity(*index))
            .skip(band.recipe.lost.count().into())
            .filter_map(|index| self.map.parity_slot(index))
            .collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Read,
    Write,
}

/// Rows of a strip that are read or written in one go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    strip: StripRole,
    /// From the start of the strip.
    from: u64,
    len: u64,
}

/// See [`RowWork::runs`].
#[derive(Clone, Debug)]
pub(super) struct Runs<'p> {
    row: &'p RowWork,
    direction: Direction,
    /// The band, if there is one only: then a run has a number.
    only: Option<Band>,
    /// The strip at hand, P and Q after the data, or the number of the next run of the only band.
    next: u16,
    /// The band to go on with.
    band: usize,
}

impl Runs<'_> {
    /// Run number `n` of the only band.
    #[inline]
    fn of_band(&self, band: &Band, n: u16) -> Option<Run> {
        let strip = match self.direction {
            Direction::Read => band.read(n, self.row.map.data_strips()),
            Direction::Write => self.row.write_of(band, n),
        };
        Some(Run { strip: strip?, from: band.from, len: band.len })
    }

    fn has(&self, band: &Band, strip: StripRole) -> bool {
        match self.direction {
            Direction::Read => band.is_read(strip, self.row.map.data_strips()),
            Direction::Write => self.row.is_written(band, strip),
        }
    }

    /// The next run of several bands.
    fn of_bands(&mut self) -> Option<Run> {
        let data = self.row.map.data_strips();
        loop {
            let strip = match self.next.checked_sub(data) {
                None => StripRole::Data(self.next),
                Some(parity @ (0 | 1)) => StripRole::Parity(u8::from(parity == 1)),
                Some(_) => return None,
            };
            let mut run: Option<Run> = None;
            for band in self.row.bands.iter().skip(self.band) {
                let here = self.has(&band, strip);
                if run.is_some() && !here {
                    break;
                }
                self.band = self.band.saturating_add(1);
                if here {
                    let run = run.get_or_insert(Run { strip, from: band.from, len: 0 });
                    run.len = run.len.saturating_add(band.len);
                }
            }
            if run.is_some() {
                return run;
            }
            (self.next, self.band) = (self.next.saturating_add(1), 0);
        }
    }
}

impl Iterator for Runs<'_> {
    type Item = Run;

    #[inline]
    fn next(&mut self) -> Option<Run> {
        match &self.only {
            Some(band) => {
                let run = self.of_band(band, self.next);
                self.next = self.next.saturating_add(1);
                run
            }
            None => self.of_bands(),
        }
    }

    #[inline]
    fn nth(&mut self, n: usize) -> Option<Run> {
        match &self.only {
            Some(_) => {
                let n = u16::try_from(n).unwrap_or(u16::MAX);
                self.next = self.next.saturating_add(n);
                self.next()
            }
            None => {
                for _ in 0..n {
                    self.of_bands()?;
                }
                self.of_bands()
            }
        }
    }
}
