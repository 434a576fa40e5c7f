// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads and writes: a request for data blocks of a set, cut into steps.

use super::band::RowPart;
use super::copies::{CopyRun, CopyWork};
use super::plan::{Method, RequestPart, RowPlan, Work, range};
use super::recipe::RowHealth;
use super::row_work::RowWork;
use super::{Cursor, Health, NotPossible};
use crate::layout::Layout;
use crate::units::{Blocks, Extent, Rows, Slot, SlotSet};

/// Blocks after which reads of a mirror go on to the next copy, if nobody prefers one.
const TURN: u64 = 256;

/// Parity strips of a row whose equations are known: P and Q.
const MOST_PARITIES: u8 = 2;

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

/// Steps of a read. See [`super::read`].
#[derive(Clone, Debug)]
pub struct ReadSteps<'m> {
    layout: Layout<'m>,
    health: Health,
    prefer: Option<Slot>,
    cursor: Cursor,
}

impl<'m> ReadSteps<'m> {
    pub(super) fn new(
        layout: &Layout<'m>,
        health: Health,
        at: Extent,
        prefer: Option<Slot>,
    ) -> Self {
        let cursor = Cursor::new(at.start.0, at.len.0, layout.set_blocks().0);
        Self { layout: *layout, health, prefer, cursor }
    }

    /// Reads `run`, which begins at the cursor, as it is, from one of the slots that can be read.
    fn direct(&self, run: &CopyRun, readable: SlotSet) -> Option<MemberIo> {
        let preferred = self.prefer.filter(|slot| readable.contains(*slot));
        let unit = if self.layout.row_unit() > 1 { self.layout.row_unit() } else { TURN };
        let turn = run.block.checked_div(unit)?.checked_rem(u64::from(readable.len()))?;
        let slot = preferred.or_else(|| readable.iter().nth(usize::try_from(turn).ok()?))?;
        Some(MemberIo { slot, at: run.on_member(slot), offset: self.cursor.offset })
    }

    /// The plan for the whole of `part`; `None` if all it wants can be read as it is.
    ///
    /// # Errors
    /// What keeps `part` from being recovered, said of `rows`.
    fn reconstruct(&self, part: &RowPart, rows: Rows) -> Result<Option<RowPlan>, NotPossible> {
        if self.health == Health::OPTIMAL {
            return Ok(None);
        }
        let health = RowHealth::new(&part.map, &self.health);
        let mut bands = part.bands();
        let wanted = |band: &_| RowWork::wanted(&part.map, band);
        if !bands.iter().any(|band| wanted(band).intersects(health.unreadable)) {
            return Ok(None);
        }
        let parities = part.map.parity_strips();
        if parities > MOST_PARITIES {
            return Err(NotPossible::ParityUnknown { parities, rows });
        }
        for band in &mut bands {
            let recipe = health.read(&part.map, wanted(band));
            let missing = health.unreadable;
            band.recipe = recipe.ok_or(NotPossible::Lost { missing, rows })?;
        }
        let work = RowWork::new(part, bands, self.cursor.offset.0, false);
        let request = Some((self.cursor, part.len));
        plan(&self.layout, Method::DegradedRead, work, request).map(Some)
    }
}

/// A plan for work on a stripe row.
pub(super) fn plan(
    layout: &Layout<'_>,
    method: Method,
    work: RowWork,
    request: Option<(Cursor, u64)>,
) -> Result<RowPlan, NotPossible> {
    let (rows, parities) = (work.rows(), work.map.parity_strips());
    if parities > MOST_PARITIES {
        return Err(NotPossible::ParityUnknown { parities, rows });
    }
    let request =
        request.map(|(cursor, len)| RequestPart { offset: cursor.offset, len: Blocks(len) });
    let block_size = layout.geometry().block_size;
    Ok(RowPlan { rows, method, request, block_size, work: Work::Row(work) })
}

impl Iterator for ReadSteps<'_> {
    type Item = Result<ReadStep, NotPossible>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(refusal) = self.cursor.refusal.take() {
            return Some(Err(refusal));
        }
        let (block, left) = (self.cursor.at, self.cursor.left);
        let run = CopyRun::new(&self.layout, block, left)?;
        let rows = self.layout.rows_of(Extent::new(block, run.len));
        let mut refusal = None;
        if let Some(part) = RowPart::new(&self.layout, block, left) {
            match self.reconstruct(&part, rows) {
                Ok(None) => {}
                Ok(Some(plan)) => {
                    self.cursor.advance(part.len);
                    return Some(Ok(ReadStep::Reconstruct(plan)));
                }
                Err(why) => refusal = Some(why),
            }
        }
        // Where the row cannot be recovered, what can be read of it still is, strip by strip.
        let step = match run.readable(&self.health) {
            Ok(readable) => Ok(ReadStep::Direct(self.direct(&run, readable)?)),
            Err(lost) => Err(refusal.unwrap_or(lost)),
        };
        self.cursor.advance(run.len);
        Some(step)
    }
}

/// Plans of a write. See [`super::write`].
#[derive(Clone, Debug)]
pub struct Writes<'m> {
    layout: Layout<'m>,
    health: Health,
    trust_parity: bool,
    cursor: Cursor,
}

impl<'m> Writes<'m> {
    pub(super) fn new(layout: &Layout<'m>, health: Health, at: Extent) -> Self {
        let cursor = Cursor::new(at.start.0, at.len.0, layout.set_blocks().0);
        Self { layout: *layout, health, trust_parity: true, cursor }
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

    fn row(&self, part: &RowPart) -> Result<RowPlan, NotPossible> {
        let health = RowHealth::new(&part.map, &self.health);
        let mut bands = part.bands();
        let mut possible = true;
        for band in bands.iter_mut().filter(|band| band.len > 0) {
            match health.write(&part.map, RowWork::wanted(&part.map, band), self.trust_parity) {
                Some(recipe) => band.recipe = recipe,
                None => possible = false,
            }
        }
        let work = RowWork::new(part, bands, self.cursor.offset.0, true);
        let plan = plan(&self.layout, work.write_method(), work, Some((self.cursor, part.len)))?;
        if !possible {
            return Err(NotPossible::Lost { missing: health.unreadable, rows: plan.rows });
        }
        Ok(plan)
    }

    fn copies(&self, run: CopyRun) -> Result<RowPlan, NotPossible> {
        run.readable(&self.health)?;
        let writes = run.slots.without(self.health.unavailable);
        let offset = self.cursor.offset;
        let work = CopyWork { run, reads: SlotSet::EMPTY, writes, new_data: Some(offset) };
        Ok(RowPlan {
            rows: run.rows(),
            method: Method::Copy,
            request: Some(RequestPart { offset, len: Blocks(run.len) }),
            block_size: self.layout.geometry().block_size,
            work: Work::Copies(work),
        })
    }
}

impl Iterator for Writes<'_> {
    type Item = Result<RowPlan, NotPossible>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(refusal) = self.cursor.refusal.take() {
            return Some(Err(refusal));
        }
        let (block, left) = (self.cursor.at, self.cursor.left);
        let (len, plan) = match RowPart::new(&self.layout, block, left) {
            Some(part) => (part.len, self.row(&part)),
            None => {
                let run = CopyRun::new(&self.layout, block, left)?;
                (run.len, self.copies(run))
            }
        };
        self.cursor.advance(len);
        Some(plan)
    }
}
