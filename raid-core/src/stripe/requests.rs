// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads and writes: a request for data blocks of a set, cut into steps.

use super::band::{NoBands, RowPart};
use super::copies::{CopyRun, CopyWork};
use super::plan::{Method, RowPlan, Work, range};
use super::recipe::MOST_PARITIES;
use super::row_work::{self, RowWork};
use super::{Cursor, HealthByRow, NotPossible};
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

/// What an iterator of steps gives next: filled in place, a plan is large.
type Step = Option<Result<ReadStep, NotPossible>>;

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

    /// Puts the plan for the whole of `part` into `to`. Whether there is one: `false` if all that it
    /// wants can be read as it is.
    ///
    /// # Errors
    /// What keeps `part` from being recovered.
    #[inline]
    fn reconstruct(&self, part: &RowPart, to: &mut Step) -> Result<bool, NotPossible> {
        let request = self.cursor.part(part.len);
        let mut plain = !part.interleaved;
        let (rows, block_size) = (Rows::default(), self.layout.geometry().block_size);
        let work = RowWork::new(part, request.offset.0, false, row_work::Writes::default());
        let (method, request) = (Method::DegradedRead, Some(request));
        let plan = RowPlan { rows, method, request, block_size, work: Work::Row(work) };
        *to = Some(Ok(ReadStep::Reconstruct(plan)));
        let Some(Ok(ReadStep::Reconstruct(RowPlan { rows, work: Work::Row(work), .. }))) = to
        else {
            return Ok(false);
        };
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
        *rows = work.seal();
        Ok(true)
    }

    /// The next step of a parity level with a member that cannot be read everywhere; the blocks it
    /// covers.
    #[inline]
    fn next_of_row(&self, part: &RowPart, to: &mut Step) -> u64 {
        if let Some((slot, at)) = part.first_run(&self.health) {
            *to = Some(Ok(ReadStep::Direct(MemberIo { slot, at, offset: self.cursor.offset })));
            return at.len.0;
        }
        match self.reconstruct(part, to) {
            Ok(true) => return part.len,
            Ok(false) => {}
            // Where the row cannot be recovered, what can be read of it still is, piece by piece.
            Err(_) => {
                let piece = part.first_piece(&self.health);
                match self.reconstruct(&piece, to) {
                    Ok(true) => return piece.len,
                    Ok(false) => {}
                    Err(why) => {
                        *to = Some(Err(why));
                        return piece.len;
                    }
                }
            }
        }
        self.next_direct(to)
    }

    /// The next blocks that can be read as they are, if the first of them can; the blocks it covers.
    fn next_direct(&self, to: &mut Step) -> u64 {
        *to = None;
        let Some(run) = CopyRun::new(self.layout, self.cursor.at, self.cursor.left) else {
            return 0;
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
        *to = match run.readable(&health) {
            Ok(readable) => self.direct(&run, readable).map(|io| Ok(ReadStep::Direct(io))),
            Err(lost) => Some(Err(lost)),
        };
        len
    }
}

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
        if let Some(refusal) = self.cursor.refusal.take() {
            return Some(Err(refusal));
        }
        if self.cursor.left == 0 {
            return None;
        }
        let mut step = None;
        let by_row = self.layout.is_interleaved() || !self.health.is_optimal();
        let (at, left) = (self.cursor.at, self.cursor.left);
        let len = if !by_row && self.layout.copy_count() == 1 {
            // One place, and it can be read.
            let (Location { slot, block }, run) = self.layout.run(at)?;
            let len = run.min(left);
            let at = Extent { start: block, len: Blocks(len) };
            step = Some(Ok(ReadStep::Direct(MemberIo { slot, at, offset: self.cursor.offset })));
            len
        } else {
            match by_row.then(|| RowPart::new(self.layout, at, left)).flatten() {
                Some(part) => self.next_of_row(&part, &mut step),
                None => self.next_direct(&mut step),
            }
        };
        self.cursor.advance(len);
        step
    }
}

/// As [`Step`].
pub(super) type Plan = Option<Result<RowPlan, NotPossible>>;

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

    /// Puts the plan for the whole of `part` into `to`.
    #[inline]
    fn row(&self, part: &RowPart, to: &mut Plan) -> Result<(), NotPossible> {
        let map = &part.map;
        if map.parity_strips() > MOST_PARITIES {
            return Err(parity_unknown(map, part.rows()));
        }
        let request = self.cursor.part(part.len);
        let (rows, block_size) = (Rows::default(), self.layout.geometry().block_size);
        let data = !self.health.health.unavailable;
        let writes = row_work::Writes { data, parity: true };
        let work = Work::Row(RowWork::new(part, request.offset.0, true, writes));
        let (method, request) = (Method::WithoutParity, Some(request));
        *to = Some(Ok(RowPlan { rows, method, request, block_size, work }));
        let Some(Ok(RowPlan { rows, method, work: Work::Row(work), .. })) = to else {
            return Ok(());
        };
        let bands = part.bands(&self.health, &mut work.bands, |band, here| {
            if band.in_part {
                here.write_in_part(map, self.trust_parity)
            } else {
                here.write(map, band, self.trust_parity)
            }
        });
        bands.map_err(|why| refusal(part, why))?;
        *rows = work.seal();
        *method = work.write_method();
        Ok(())
    }

    /// Where not all rows are alike, what can be written is; the blocks it covers.
    #[cold]
    fn piece(&self, part: &RowPart, to: &mut Plan) -> u64 {
        let piece = part.first_piece(&self.health);
        if let Err(why) = self.row(&piece, to) {
            *to = Some(Err(why));
        }
        piece.len
    }

    #[inline]
    fn copies(&self, run: CopyRun, health: &super::Health) -> Result<RowPlan, NotPossible> {
        run.readable(health)?;
        let writes = run.slots.without(health.unavailable);
        let offset = self.cursor.offset;
        let work = CopyWork { run, reads: SlotSet::EMPTY, writes, new_data: Some(offset) };
        Ok(RowPlan {
            rows: run.rows(),
            method: Method::Copy,
            request: Some(self.cursor.part(run.len)),
            block_size: self.layout.geometry().block_size,
            work: Work::Copies(work),
        })
    }
}

impl Iterator for Writes<'_> {
    type Item = Result<RowPlan, NotPossible>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if let Some(refusal) = self.cursor.refusal.take() {
            return Some(Err(refusal));
        }
        let (block, left) = (self.cursor.at, self.cursor.left);
        let Some(part) = RowPart::new(self.layout, block, left) else {
            let run = CopyRun::new(self.layout, block, left)?;
            let (health, len) = self.health.at_run(&run);
            let plan = self.copies(run.cut(len), &health);
            self.cursor.advance(len);
            return Some(plan);
        };
        let mut plan = None;
        let len = match self.row(&part, &mut plan) {
            Ok(()) => part.len,
            Err(_) if !self.health.is_uniform() => self.piece(&part, &mut plan),
            Err(why) => {
                plan = Some(Err(why));
                part.len
            }
        };
        self.cursor.advance(len);
        plan
    }
}
