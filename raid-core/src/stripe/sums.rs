// SPDX-License-Identifier: MIT OR Apache-2.0
//! The parity operations on a band of a row, for any number of data strips, on little stack.
//!
//! The kernels take a list of data blocks by entry. A list of all 255 entries is 4 KiB of stack, so there is
//! one of [`TABLE`] entries, which is all of a row of a usual set. Of a wider row the rest is added to P and Q
//! some blocks at a time, before or after, and taken out again where P and Q are to stay: in this field to
//! subtract is to add.

use super::band::Band;
use super::plan::{RowPlan, range};
use super::recipe::Lost;
use super::row_work::RowWork;
use super::strips::Strips;
use crate::backend::Backend;
use crate::gf256;
use crate::parity::{Change, Located, ParityError, Suspects, two_data_coefficients};
use crate::units::Blocks;

/// Entries of the list of data blocks: half a KiB.
const TABLE: usize = 32;

/// Blocks that are added at a time.
const AT_ONCE: usize = 8;

type Table<'a> = [Option<&'a [u8]>; TABLE];

/// A column to recover, and its entry.
type Wanted<'a> = (u8, &'a mut [u8]);

/// The columns of a slab, cut to the rows of a band, each in its role.
pub(super) struct Columns<'a> {
    pub(super) p: Option<&'a mut [u8]>,
    pub(super) q: Option<&'a mut [u8]>,
    /// Columns to recover, by strip.
    pub(super) lost: [Option<(u16, &'a mut [u8])>; 2],
    /// The data columns without those.
    pub(super) data: DataColumns<'a>,
}

/// The data columns of a slab.
#[derive(Clone, Copy)]
pub(super) struct DataColumns<'a> {
    /// Their bytes without the columns to recover: runs and where those begin.
    runs: [(usize, &'a [u8]); 3],
    /// Bytes of a column, and the part of it that is asked for.
    column: usize,
    within: (usize, usize),
    /// Which strips they are, in a row of `of`.
    strips: Strips,
    of: u16,
}

impl<'a> DataColumns<'a> {
    /// The rows of strip `strip`.
    #[inline]
    pub(super) fn get(&self, strip: u16) -> Option<&'a [u8]> {
        let position = usize::from(self.strips.position(strip, self.of)?);
        let start = position.checked_mul(self.column)?;
        let (from, to) = (start.checked_add(self.within.0)?, start.checked_add(self.within.1)?);
        let in_run = |(at, bytes): &(usize, &'a [u8])| {
            bytes.get(from.checked_sub(*at)?..to.checked_sub(*at)?)
        };
        self.runs.iter().find_map(in_run)
    }
}

impl RowPlan {
    /// The columns of the slab cut to `len` rows from `from` on; those of `lost` are apart. `None` if the
    /// slab is too short.
    #[inline]
    pub(super) fn columns<'a>(
        &self,
        row: &RowWork,
        (from, len): (u64, u64),
        slab: &'a mut [u8],
        lost: Lost,
    ) -> Option<Columns<'a>> {
        let (start, rows) = row.hull();
        let (from, to) = range(Blocks(from.checked_sub(start)?), Blocks(len), self.block_size)?;
        let (_, column) = range(Blocks(0), Blocks(rows), self.block_size)?;
        let (strips, of) = (row.columns, row.map.data_strips());
        let parity = |bit| if row.parities & bit == 0 { 0 } else { column };
        let (p, slab) = slab.split_at_mut_checked(parity(1))?;
        let (q, mut rest) = slab.split_at_mut_checked(parity(2))?;

        let mut places = lost.iter().filter_map(|strip| Some((strips.position(strip, of)?, strip)));
        let (mut one, mut two) = (places.next(), places.next());
        if let (Some((first, _)), Some((second, _))) = (one, two)
            && second < first
        {
            core::mem::swap(&mut one, &mut two);
        }
        let (mut runs, mut apart, mut at) = ([(0, &[][..]); 3], [None, None], 0usize);
        for ((place, run), apart) in [one, two].into_iter().zip(&mut runs).zip(&mut apart) {
            let Some((position, strip)) = place else { break };
            let first = usize::from(position).checked_mul(column)?.checked_add(from)?;
            let before = first.checked_sub(at)?;
            let (before, behind) = core::mem::take(&mut rest).split_at_mut_checked(before)?;
            let (bytes, behind) = behind.split_at_mut_checked(to.checked_sub(from)?)?;
            *run = (at, &*before);
            *apart = Some((strip, bytes));
            at = first.checked_add(to.checked_sub(from)?)?;
            rest = behind;
        }
        let [.., last] = &mut runs;
        *last = (at, &*rest);
        let data = DataColumns { runs, column, within: (from, to), strips, of };
        Some(Columns { p: p.get_mut(from..to), q: q.get_mut(from..to), lost: apart, data })
    }
}

/// The data of a band: of every strip what is in the request, or else in the slab.
pub(super) struct Operands<'a, 'p> {
    pub(super) plan: &'p RowPlan,
    pub(super) row: &'p RowWork,
    pub(super) band: &'p Band,
    pub(super) columns: DataColumns<'a>,
    /// Strips whose columns hold data.
    pub(super) known: Strips,
    /// The request, if the strips that the band wants are new data.
    pub(super) new: Option<&'a [u8]>,
}

impl<'a> Operands<'a, '_> {
    /// The data of strip `strip` of a row; `None` if it is not there.
    #[inline]
    pub(super) fn get(&self, strip: u16) -> Option<&'a [u8]> {
        match self.new {
            Some(new) if self.band.wants(strip) => {
                self.plan.new_strip(self.row, self.band, strip, new)
            }
            _ => {
                self.known.position(strip, self.row.map.data_strips())?;
                self.columns.get(strip)
            }
        }
    }

    /// Whether there are more entries than in the list.
    fn is_wide(&self) -> bool {
        usize::from(self.row.map.entries()) > TABLE
    }

    /// Every strip that there is, with its entry.
    fn entries(&self) -> impl Iterator<Item = (u8, &'a [u8])> {
        (0..self.row.map.data_strips())
            .filter_map(|strip| Some((self.row.map.entry(strip)?, self.get(strip)?)))
    }

    /// The list of data blocks, and how many entries of it the row has.
    #[inline]
    fn table(&self) -> (Table<'a>, usize) {
        let mut table = [None; TABLE];
        for (entry, bytes) in self.entries() {
            if let Some(place) = table.get_mut(usize::from(entry)) {
                *place = Some(bytes);
            }
        }
        (table, usize::from(self.row.map.entries()).min(TABLE))
    }

    /// Adds the data whose entries are from `from` on to P and Q.
    fn add(
        &self,
        backend: Backend,
        from: usize,
        mut p: Option<&mut [u8]>,
        mut q: Option<&mut [u8]>,
    ) -> Result<(), ParityError> {
        let mut rest = self.entries().filter(|(entry, _)| usize::from(*entry) >= from);
        loop {
            let mut some = [Change { exponent: 0, old: None, new: None }; AT_ONCE];
            let mut used = 0usize;
            for (change, (exponent, bytes)) in some.iter_mut().zip(&mut rest) {
                *change = Change { exponent, old: None, new: Some(bytes) };
                used = used.saturating_add(1);
            }
            let some = some.get(..used).filter(|some| !some.is_empty());
            let Some(some) = some else { return Ok(()) };
            backend.pq_update_blocks(p.as_deref_mut(), q.as_deref_mut(), some)?;
        }
    }

    /// Computes P, Q or both.
    pub(super) fn generate(
        &self,
        backend: Backend,
        mut p: Option<&mut [u8]>,
        mut q: Option<&mut [u8]>,
    ) -> Result<(), ParityError> {
        let (table, used) = self.table();
        let data = table.get(..used).unwrap_or_default();
        match (p.as_deref_mut(), q.as_deref_mut()) {
            (Some(p), Some(q)) => backend.pq_generate(p, q, data),
            (Some(p), None) => backend.p_generate(p, data),
            (None, Some(q)) => backend.q_generate(q, data),
            (None, None) => Ok(()),
        }?;
        if self.is_wide() { self.add(backend, TABLE, p, q) } else { Ok(()) }
    }

    /// The first byte at which P, or P or Q, is not the sum. Both are left as they were.
    pub(super) fn check(
        &self,
        backend: Backend,
        p: &mut [u8],
        mut q: Option<&mut [u8]>,
    ) -> Result<Option<usize>, ParityError> {
        if self.is_wide() {
            self.add(backend, TABLE, Some(&mut *p), q.as_deref_mut())?;
        }
        let (table, used) = self.table();
        let data = table.get(..used).unwrap_or_default();
        let found = match q.as_deref() {
            Some(q) => backend.pq_check(p, q, data),
            None => backend.p_check(p, data),
        }?;
        if self.is_wide() {
            self.add(backend, TABLE, Some(p), q)?;
        }
        Ok(found)
    }

    /// Which block alone explains what P and Q say. Both are left as they were.
    pub(super) fn locate(
        &self,
        backend: Backend,
        p: &mut [u8],
        q: &mut [u8],
    ) -> Result<Located, ParityError> {
        if !self.is_wide() {
            let (table, used) = self.table();
            return backend.locate(p, q, table.get(..used).unwrap_or_default());
        }
        self.add(backend, 0, Some(&mut *p), Some(&mut *q))?;
        let mut suspects = Suspects::none();
        for (p, q) in p.iter().zip(q.iter()) {
            if suspects.columns(&[*p], &[*q]).is_break() {
                break;
            }
        }
        self.add(backend, 0, Some(p), Some(q))?;
        Ok(suspects.found())
    }

    /// Recovers one column from P, or from Q if there is no P, or two from both. P and Q are left as they
    /// were.
    pub(super) fn recover(
        &self,
        backend: Backend,
        wanted: [Option<Wanted<'_>>; 2],
        p: Option<&mut [u8]>,
        q: Option<&mut [u8]>,
    ) -> Result<(), ParityError> {
        let [x, y] = wanted;
        if self.is_wide() {
            return self.recover_wide(backend, x, y, p, q);
        }
        let (table, used) = self.table();
        let data = table.get(..used).unwrap_or_default();
        match (x, y, p, q) {
            (Some((_, x)), None, Some(p), _) => backend.recover_data(x, data, p),
            (Some(x), None, None, Some(q)) => backend.recover_data_from_q(x, data, q),
            (Some(x), Some(y), Some(p), Some(q)) => backend.recover_data_data(x, y, data, p, q),
            // No recipe asks for more than its parities give.
            _ => Ok(()),
        }
    }

    fn recover_wide(
        &self,
        backend: Backend,
        x: Option<Wanted<'_>>,
        y: Option<Wanted<'_>>,
        p: Option<&mut [u8]>,
        q: Option<&mut [u8]>,
    ) -> Result<(), ParityError> {
        match (x, y, p, q) {
            (Some((_, x)), None, Some(p), _) => {
                backend.recover_data(x, &[], p)?;
                self.add(backend, 0, Some(x), None)
            }
            (Some((at, x)), None, None, Some(q)) => {
                self.add(backend, 0, None, Some(&mut *q))?;
                // What is left in Q is the block times 2^at, and 2^255 is 1.
                sum(backend, x, &[(255u8.wrapping_sub(at) % 255, &*q)])?;
                self.add(backend, 0, None, Some(q))
            }
            (Some((at, x)), Some((and, y)), Some(p), Some(q)) => {
                self.add(backend, 0, Some(&mut *p), Some(&mut *q))?;
                let factors = two_data_coefficients(at, and)
                    .and_then(|(a, b)| Some((gf256::log2(a)?, gf256::log2(b)?)));
                // Two columns have two entries.
                let (a, b) = factors.ok_or(ParityError::SameBlock { exponent: at })?;
                sum(backend, x, &[(a, &*p), (b, &*q)])?;
                backend.recover_data(y, &[Some(&*x)], p)?;
                self.add(backend, 0, Some(p), Some(q))
            }
            _ => Ok(()),
        }
    }
}

/// The sum of blocks, each times a power of the generator, into `to`.
fn sum<const N: usize>(
    backend: Backend,
    to: &mut [u8],
    blocks: &[(u8, &[u8]); N],
) -> Result<(), ParityError> {
    to.fill(0);
    let changes = blocks.map(|(exponent, block)| Change { exponent, old: None, new: Some(block) });
    backend.pq_update_blocks(None, Some(to), &changes)
}
