// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads and writes: a request for data blocks of a set, cut into steps.

use super::band::{NoBands, RowPart};
use super::copies::{CopyRun, CopyWork};
use super::plan::{Method, RowPlan, Work, range};
use super::recipe::{Lost, MOST_PARITIES};
use super::row_work::{self, RowWork, Written};
use super::{Cursor, Health, HealthByRow, NotPossible};
use crate::layout::{Layout, Location, RowMap};
use crate::units::{Blocks, Extent, Rows, Slot, SlotSet};

/// Blocks after which reads of a mirror go on to the next copy, if nobody prefers one.
const TURN: u64 = 256;

/// Blocks of a member that are blocks of the request as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemberIo {
    /// Which slot of the set.
    pub slot: Slot,
    /// Blocks of the member's extent.
    pub at: Extent,
    /// First block in the request.
    pub offset: Blocks,
}

impl MemberIo {
    /// The bytes of the request to read into; `None` if the request is too short.
    #[must_use]
    pub fn bytes<'b>(&self, block_size: u32, request: &'b mut [u8]) -> Option<&'b mut [u8]> {
        let (from, to) = range(self.offset, self.at.len, block_size)?;
        request.get_mut(from..to)
    }
}

/// How to read a part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// As with plans themselves: they are values on the stack.
#[allow(clippy::large_enum_variant)]
pub enum ReadStep {
    /// Read these blocks into the request.
    Direct(MemberIo),
    /// Execute the plan, then [`RowPlan::extract`] its part of the request.
    Reconstruct(RowPlan),
}

/// What is said of a row whose parity cannot be computed.
#[cold]
pub(super) fn parity_unknown(map: &RowMap, rows: Rows) -> NotPossible {
    NotPossible::ParityUnknown { parities: map.parity_strips(), rows }
}

/// How to read a part of a request, whose plan, if it has one, is where the caller keeps it. See
/// [`ReadSteps::next_into`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadPart {
    /// Read these blocks into the request.
    Direct(MemberIo),
    /// Execute the plan, then [`RowPlan::extract`] its part of the request.
    Reconstruct,
}

/// Steps of a read. See [`super::read`].
#[derive(Clone, Debug)]
pub struct ReadSteps<'m> {
    layout: &'m Layout<'m>,
    health: HealthByRow<'m>,
    prefer: Option<Slot>,
    cursor: Cursor,
}

impl<'m> ReadSteps<'m> {
    #[inline]
    pub(super) fn new(
        layout: &'m Layout<'m>,
        health: HealthByRow<'m>,
        at: Extent,
        prefer: Option<Slot>,
    ) -> Self {
        let cursor = Cursor::new(at.start.0, at.len.0, layout.set_blocks().0);
        Self { layout, health, prefer, cursor }
    }

    /// Reads `run`, which begins at the cursor, as it is, from one of the slots that can be read.
    #[inline]
    fn direct(&self, run: &CopyRun, readable: SlotSet) -> Option<MemberIo> {
        let preferred = self.prefer.filter(|slot| readable.contains(*slot));
        let slot = match (preferred, readable.len()) {
            (Some(slot), _) => slot,
            (None, 1) => readable.lowest()?,
            (None, copies) => {
                let unit = match self.layout.row_unit() {
                    1 => TURN,
                    strip => strip,
                };
                let turn = run.block.checked_div(unit)?.checked_rem(copies.into())?;
                readable.iter().nth(usize::try_from(turn).ok()?)?
            }
        };
        Some(MemberIo { slot, at: run.on_member(slot), offset: self.cursor.offset })
    }

    /// Makes `to` the plan for the whole of `part`. Whether there is one: `false` if all that it wants can be
    /// read as it is.
    ///
    /// # Errors
    /// What keeps `part` from being recovered.
    #[inline]
    fn reconstruct(&self, part: &RowPart, to: &mut RowPlan) -> Result<bool, NotPossible> {
        let mut plain = !part.interleaved;
        to.method = Method::DegradedRead;
        to.request = self.cursor.part(part.len);
        to.block_size = self.layout.geometry().block_size;
        let work = RowWork::new(part, false, row_work::Writes::default());
        let Some(work) = to.work.row(work) else { return Ok(false) };
        let bands = part.bands(&self.health, &mut work.bands, |band, here| {
            let recipe = here.read(&part.map, band);
            plain &= recipe.is_some_and(|recipe| !recipe.recovers());
            recipe
        });
        if plain && bands.is_ok() {
            return Ok(false);
        }
        if part.map.parity_strips() > MOST_PARITIES {
            return Err(parity_unknown(&part.map, part.rows()));
        }
        bands.map_err(|why| refusal(part, why))?;
        to.seal();
        Ok(true)
    }

    /// The next part of a parity level with a member that cannot be read everywhere, and the blocks it
    /// covers.
    #[inline]
    fn next_of_row(&self, part: &RowPart, to: &mut RowPlan) -> (Option<Part>, u64) {
        if let Some((slot, at)) = part.first_run(&self.health) {
            let io = MemberIo { slot, at, offset: self.cursor.offset };
            return (Some(Ok(ReadPart::Direct(io))), at.len.0);
        }
        match self.reconstruct(part, to) {
            Ok(true) => return (Some(Ok(ReadPart::Reconstruct)), part.len),
            Ok(false) => {}
            // Where the row cannot be recovered, what can be read of it still is, piece by piece.
            Err(_) => {
                let piece = part.first_piece(&self.health);
                match self.reconstruct(&piece, to) {
                    Ok(true) => return (Some(Ok(ReadPart::Reconstruct)), piece.len),
                    Ok(false) => {}
                    Err(why) => return (Some(Err(why)), piece.len),
                }
            }
        }
        self.next_direct()
    }

    /// The next blocks that can be read as they are, if the first of them can; the blocks it covers.
    fn next_direct(&self) -> (Option<Part>, u64) {
        let Some(run) = CopyRun::new(self.layout, self.cursor.at, self.cursor.left) else {
            return (None, 0);
        };
        // With parity, health goes by the row, which is the block of the member.
        let by_run = self.health.is_uniform() || self.layout.geometry().parity_strips() == 0;
        let (health, len) = if by_run {
            self.health.at_run(&run)
        } else {
            let row = run.first_block();
            let (health, end) = self.health.at_row(row);
            (health, run.len.min(end.saturating_sub(row)))
        };
        let run = run.cut(len);
        let part = match run.readable(&health) {
            Ok(readable) => self.direct(&run, readable).map(|io| Ok(ReadPart::Direct(io))),
            Err(lost) => Some(Err(lost)),
        };
        (part, len)
    }

    /// The next step, its plan made in `to`, if it has one; else nothing is to be made of what is in `to`.
    #[inline]
    pub fn next_into(&mut self, to: &mut RowPlan) -> Option<Result<ReadPart, NotPossible>> {
        if let Some(refusal) = self.cursor.refusal.take() {
            return Some(Err(refusal));
        }
        if self.cursor.left == 0 {
            return None;
        }
        let by_row = self.layout.is_interleaved() || !self.health.is_optimal();
        let (at, left) = (self.cursor.at, self.cursor.left);
        let (part, len) = if !by_row && self.layout.copy_count() == 1 {
            // One place, and it can be read.
            let (Location { slot, block }, run) = self.layout.run(at)?;
            let len = run.min(left);
            let at = Extent { start: block, len: Blocks(len) };
            let io = MemberIo { slot, at, offset: self.cursor.offset };
            (Some(Ok(ReadPart::Direct(io))), len)
        } else {
            match by_row.then(|| RowPart::new(self.layout, at, left)).flatten() {
                Some(part) => self.next_of_row(&part, to),
                None => self.next_direct(),
            }
        };
        self.cursor.advance(len);
        part
    }
}

type Part = Result<ReadPart, NotPossible>;

/// What is said of a part without bands.
#[cold]
fn refusal(part: &RowPart, why: NoBands) -> NotPossible {
    let missing = match why {
        NoBands::Lost(missing) => missing,
        NoBands::TooMany => SlotSet::EMPTY,
    };
    NotPossible::Lost { missing, rows: part.rows() }
}

impl Iterator for ReadSteps<'_> {
    type Item = Result<ReadStep, NotPossible>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let mut plan = RowPlan::EMPTY;
        let part = self.next_into(&mut plan)?;
        Some(part.map(|part| match part {
            ReadPart::Direct(io) => ReadStep::Direct(io),
            ReadPart::Reconstruct => ReadStep::Reconstruct(plan),
        }))
    }
}

/// Plans of a write. See [`super::write`].
#[derive(Clone, Debug)]
pub struct Writes<'m> {
    layout: &'m Layout<'m>,
    health: HealthByRow<'m>,
    trust_parity: bool,
    cursor: Cursor,
}

impl<'m> Writes<'m> {
    #[inline]
    pub(super) fn new(layout: &'m Layout<'m>, health: HealthByRow<'m>, at: Extent) -> Self {
        let cursor = Cursor::new(at.start.0, at.len.0, layout.set_blocks().0);
        Self { layout, health, trust_parity: true, cursor }
    }

    /// The same plans without any that reads parity: for rows whose parity was never made to agree
    /// with the data, or may not after an unclean stop. What is written is protected from then on,
    /// where a read-modify-write would carry the error along.
    ///
    /// Rows with lost data that only parity could give are refused.
    #[must_use]
    pub const fn distrusting_parity(self) -> Self {
        Self { trust_parity: false, ..self }
    }

    /// Makes `to` the plan for the whole of `part`.
    #[inline]
    fn row(&self, part: &RowPart, to: &mut RowPlan) -> Result<(), NotPossible> {
        let map = &part.map;
        if map.parity_strips() > MOST_PARITIES {
            return Err(parity_unknown(map, part.rows()));
        }
        // Of a row that can be written no more strips are lost than these name.
        let data = Written::AllBut(Lost::among(map, self.health.health.unavailable));
        let writes = row_work::Writes { data, parity: true };
        to.request = self.cursor.part(part.len);
        to.block_size = self.layout.geometry().block_size;
        let Some(work) = to.work.row(RowWork::new(part, true, writes)) else { return Ok(()) };
        let bands = part.bands(&self.health, &mut work.bands, |band, here| {
            if band.in_part {
                here.write_in_part(map, self.trust_parity)
            } else {
                here.write(map, band, self.trust_parity)
            }
        });
        bands.map_err(|why| refusal(part, why))?;
        to.method = work.write_method();
        to.seal();
        Ok(())
    }

    /// Where not all rows are alike, what can be written is; the blocks it covers.
    #[cold]
    fn piece(&self, part: &RowPart, to: &mut RowPlan) -> (Result<(), NotPossible>, u64) {
        let piece = part.first_piece(&self.health);
        (self.row(&piece, to), piece.len)
    }

    #[inline]
    fn copies(&self, run: CopyRun, health: &Health, to: &mut RowPlan) -> Result<(), NotPossible> {
        run.readable(health)?;
        let writes = run.slots().without(health.unavailable);
        to.method = Method::Copy;
        to.request = self.cursor.part(run.len);
        to.block_size = self.layout.geometry().block_size;
        to.work = Work::Copies(CopyWork { run, reads: SlotSet::EMPTY, writes, new_data: true });
        to.seal();
        Ok(())
    }

    /// Makes `to` the next plan, of nothing after an error.
    #[inline]
    pub fn next_into(&mut self, to: &mut RowPlan) -> Option<Result<(), NotPossible>> {
        if let Some(refusal) = self.cursor.refusal.take() {
            return Some(Err(refusal));
        }
        let (block, left) = (self.cursor.at, self.cursor.left);
        let (done, len) = match RowPart::new(self.layout, block, left) {
            Some(part) => match self.row(&part, to) {
                Err(_) if !self.health.is_uniform() => self.piece(&part, to),
                done => (done, part.len),
            },
            None => {
                let run = CopyRun::new(self.layout, block, left)?;
                let (health, len) = self.health.at_run(&run);
                (self.copies(run.cut(len), &health, to), len)
            }
        };
        self.cursor.advance(len);
        if done.is_err() {
            *to = RowPlan::EMPTY;
        }
        Some(done)
    }
}

impl Iterator for Writes<'_> {
    type Item = Result<RowPlan, NotPossible>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let mut plan = RowPlan::EMPTY;
        self.next_into(&mut plan).map(|done| done.map(|()| plan))
    }
}
