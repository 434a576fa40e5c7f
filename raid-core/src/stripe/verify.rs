// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a scrub found: whether redundancy agrees with the data, where it does not, and which
//! member is wrong if that can be told.
//!
//! | redundancy read | a wrong block is |
//! |---|---|
//! | P and Q with all data | located, if one slot alone is wrong |
//! | three or more copies | located, if a majority agrees |
//! | one parity, two copies, P and Q short of a member | seen |

use super::band::Band;
use super::compute::ComputeError;
use super::copies::CopyWork;
use super::plan::{RowPlan, Work, range};
use super::recipe::Lost;
use super::row_work::RowWork;
use super::sums::Operands;
use crate::backend::Backend;
use crate::mirror;
use crate::parity::Located;
use crate::units::{Blocks, Row, Rows, Slot, SlotSet};

/// A run of rows that disagree in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mismatch {
    /// The rows.
    pub rows: Rows,
    /// The slots that are wrong; none if that cannot be told.
    pub wrong: SlotSet,
}

/// What a scrub of one plan's rows found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[must_use]
pub struct Verdict {
    /// Rows that disagree.
    pub mismatches: u64,
    /// Those among them whose wrong slot cannot be told.
    pub unexplained: u64,
    /// Slots that were found wrong.
    pub wrong: SlotSet,
    /// From the first row that disagrees to the last.
    pub rows: Rows,
}

impl Verdict {
    /// Whether every row agrees.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.mismatches == 0
    }

    fn add(&mut self, found: &Mismatch) {
        let start = if self.is_clean() { found.rows.start } else { self.rows.start };
        self.rows = Rows { start, len: found.rows.end().0.saturating_sub(start.0) };
        self.mismatches = self.mismatches.saturating_add(found.rows.len);
        if found.wrong.is_empty() {
            self.unexplained = self.unexplained.saturating_add(found.rows.len);
        }
        self.wrong = self.wrong | found.wrong;
    }
}

impl RowPlan {
    /// Compares what a scrub plan read, after every [`Self::reads`] has been done. Plans of other
    /// kinds find nothing.
    ///
    /// # Errors
    /// A slab that is too short.
    pub fn verify(&self, backend: Backend, slab: &mut [u8]) -> Result<Verdict, ComputeError> {
        self.verify_each(backend, slab, |_| ())
    }

    /// As [`Self::verify`], and names every run of rows that disagree, in ascending order.
    ///
    /// # Errors
    /// A slab that is too short.
    pub fn verify_each(
        &self,
        backend: Backend,
        slab: &mut [u8],
        mut found: impl FnMut(Mismatch),
    ) -> Result<Verdict, ComputeError> {
        let backend = backend.with_bytes_in_use(slab.len());
        let mut verdict = Verdict::default();
        // Recovers what cannot be read, as far as the plan asks for it.
        self.compute(backend, slab, &[])?;
        let mut next = self.rows().start;
        while let Some(mismatch) = self.mismatch(backend, slab, next)? {
            verdict.add(&mismatch);
            found(mismatch);
            next = mismatch.rows.end();
        }
        Ok(verdict)
    }

    /// The first run of rows at or after `from` that disagree in the same way.
    pub(super) fn mismatch(
        &self,
        backend: Backend,
        slab: &mut [u8],
        from: Row,
    ) -> Result<Option<Mismatch>, ComputeError> {
        let end = self.rows().end();
        let Some(first) = self.first_differing(backend, slab, from, end)? else { return Ok(None) };
        let wrong = self.wrong(backend, slab, first)?;
        let mut len = 1u64;
        while let Some(row) = first.0.checked_add(len).map(Row).filter(|row| row.0 < end.0) {
            let after = Row(row.0.saturating_add(1));
            let differs = self.first_differing(backend, slab, row, after)?.is_some();
            if !differs || self.wrong(backend, slab, row)? != wrong {
                break;
            }
            len = len.saturating_add(1);
        }
        Ok(Some(Mismatch { rows: Rows { start: first, len }, wrong }))
    }

    /// The first row in `from..to` that disagrees.
    fn first_differing(
        &self,
        backend: Backend,
        slab: &mut [u8],
        from: Row,
        to: Row,
    ) -> Result<Option<Row>, ComputeError> {
        let start = from.0.saturating_sub(self.rows().start.0);
        let len = to.0.saturating_sub(from.0);
        if len == 0 {
            return Ok(None);
        }
        let at = match &self.work {
            Work::Row(row) => self.compare_row(row, backend, slab, (start, len))?,
            Work::Copies(copies) => self.compare_copies(copies, slab, (start, len))?,
        };
        let block = u64::from(self.block_size);
        Ok(at
            .and_then(|at| from.0.checked_add(u64::try_from(at).ok()?.checked_div(block)?))
            .map(Row))
    }

    /// The one band of a scrub plan, cut to rows from `start` of the plan on.
    pub(super) fn cut(row: &RowWork, (start, len): (u64, u64)) -> Band {
        let band = row.bands.iter().next().unwrap_or_default();
        Band { from: band.from.saturating_add(start), len, ..band }
    }

    fn compare_row(
        &self,
        row: &RowWork,
        backend: Backend,
        slab: &mut [u8],
        rows: (u64, u64),
    ) -> Result<Option<usize>, ComputeError> {
        let band = Self::cut(row, rows);
        let found = slab.len();
        let all = self.columns(row, (band.from, band.len), slab, Lost::NONE);
        let all = all.ok_or_else(|| self.short_slab(found))?;
        let known = band.known(row.map.data_strips());
        let operands =
            Operands { plan: self, row, band: &band, columns: all.data, known, new: None };
        // Q alone is never in a scrub's slab: P is computed beside it.
        let Some(p) = all.p else { return Ok(None) };
        operands.check(backend, p, all.q).map_err(ComputeError::Parity)
    }

    /// The columns of a run of copies, cut to `len` rows from `start` on.
    fn copy_columns<'a>(
        &self,
        copies: &CopyWork,
        slab: &'a [u8],
        (start, len): (u64, u64),
    ) -> impl Iterator<Item = (Slot, &'a [u8])> + Clone {
        copies.reads.slots().filter_map(move |slot| {
            let first = copies.column(slot).checked_add(Blocks(start))?;
            let (from, to) = range(first, Blocks(len), self.block_size)?;
            Some((slot, slab.get(from..to)?))
        })
    }

    fn compare_copies(
        &self,
        copies: &CopyWork,
        slab: &[u8],
        rows: (u64, u64),
    ) -> Result<Option<usize>, ComputeError> {
        let found = mirror::compare_each(self.copy_columns(copies, slab, rows));
        Ok(found.map_err(ComputeError::Mirror)?.map(|mismatch| mismatch.offset))
    }

    /// The slots that are wrong in a row that disagrees; none if that cannot be told.
    fn wrong(&self, backend: Backend, slab: &mut [u8], at: Row) -> Result<SlotSet, ComputeError> {
        let start = at.0.saturating_sub(self.rows().start.0);
        match &self.work {
            Work::Row(row) => {
                let slot = self.locate(row, backend, slab, start)?;
                Ok(slot.into_iter().collect())
            }
            Work::Copies(copies) => {
                let columns = self.copy_columns(copies, slab, (start, 1));
                let right = mirror::majority_of_each(columns).map_err(ComputeError::Mirror)?;
                Ok(right.map_or(SlotSet::EMPTY, |right| copies.reads.without(right)))
            }
        }
    }

    /// The slot that alone explains the differences of a row, by P and Q.
    fn locate(
        &self,
        row: &RowWork,
        backend: Backend,
        slab: &mut [u8],
        start: u64,
    ) -> Result<Option<Slot>, ComputeError> {
        let band = Self::cut(row, (start, 1));
        let (p, q) = (row.map.parity_slot(0), row.map.parity_slot(1));
        let both = band.recipe.reads_parity(0) && band.recipe.reads_parity(1);
        // A parity that helped to recover data, or was itself computed, proves nothing.
        if !both || band.recipe.recovers() {
            return Ok(None);
        }
        let found = slab.len();
        let all = self.columns(row, (band.from, band.len), slab, Lost::NONE);
        let all = all.ok_or_else(|| self.short_slab(found))?;
        let known = band.known(row.map.data_strips());
        let operands =
            Operands { plan: self, row, band: &band, columns: all.data, known, new: None };
        let (Some(wrong_p), Some(wrong_q)) = (all.p, all.q) else { return Ok(None) };
        let located = operands.locate(backend, wrong_p, wrong_q);
        Ok(match located.map_err(ComputeError::Parity)? {
            Located::Data(exponent) => row.map.slot_of_exponent(exponent),
            Located::P => p,
            Located::Q => q,
            Located::Clean | Located::Several => None,
        })
    }
}
