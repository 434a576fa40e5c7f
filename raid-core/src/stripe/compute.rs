// SPDX-License-Identifier: MIT OR Apache-2.0
//! The arithmetic of a plan, on the slab: recover, take in new data, compute parity.

use super::band::Band;
use super::plan::{RowPlan, Work, range};
use super::recipe::{Way, data, entry};
use super::row_work::RowWork;
use crate::backend::Backend;
use crate::layout::StripRole;
use crate::mirror::MirrorError;
use crate::parity::ParityError;
use crate::units::{Blocks, SlotSet};
use core::fmt;

/// Why a plan could not be computed. The slab's content is unspecified then; nothing else changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ComputeError {
    /// The slab is shorter than the plan's blocks.
    Slab {
        /// Bytes given.
        found: usize,
        /// Bytes needed; 2^64 − 1 if more.
        expected: u64,
    },
    /// The request's bytes end before the part that the plan covers.
    Request {
        /// Bytes given.
        found: usize,
        /// Bytes needed; 2^64 − 1 if more.
        expected: u64,
    },
    /// The parity operation refused its operands.
    Parity(ParityError),
    /// The comparison of copies refused its operands.
    Mirror(MirrorError),
}

impl ComputeError {
    /// Number for C callers and log searches. Stable; never reused.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::Slab { .. } => 1,
            Self::Request { .. } => 2,
            Self::Parity(_) => 3,
            Self::Mirror(_) => 4,
        }
    }
}

impl fmt::Display for ComputeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slab { found, expected } => {
                write!(f, "slab of {found} bytes, expected {expected} or more")
            }
            Self::Request { found, expected } => {
                write!(f, "request of {found} bytes, expected {expected} or more")
            }
            Self::Parity(error) => error.fmt(f),
            Self::Mirror(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ComputeError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Parity(error) => Some(error),
            Self::Mirror(error) => Some(error),
            _ => None,
        }
    }
}

/// One operand a slot, by its entry in the table of the row's data.
pub(super) type Operands<'a> = [Option<&'a [u8]>; 256];

/// The columns of a slab, cut to some rows, each in its role.
pub(super) struct Columns<'a> {
    /// Data, without what is to be recovered.
    pub(super) data: Operands<'a>,
    /// Columns to recover, by entry.
    pub(super) lost: [Option<(u8, &'a mut [u8])>; 2],
    pub(super) p: Option<&'a mut [u8]>,
    pub(super) q: Option<&'a mut [u8]>,
}

impl Columns<'_> {
    /// The part of the table that can be in use: parity operations take no more.
    pub(super) fn table(&self) -> &[Option<&[u8]>] {
        self.data.get(..crate::parity::MAX_ENTRIES).unwrap_or_default()
    }
}

impl RowPlan {
    /// Recovers, takes in new data, and computes parity, all in the slab, after every
    /// [`Self::reads`] has been done.
    ///
    /// `new_data` is the whole request of a write (its blocks in order), and is not looked at for
    /// other plans.
    ///
    /// Where the backend does not know where the rows are, they are taken to be where a slab and a
    /// request of that size fit: see [`Locality`](crate::backend::Locality).
    ///
    /// # Errors
    /// A slab or request that is too short.
    pub fn compute(
        &self,
        backend: Backend,
        slab: &mut [u8],
        new_data: &[u8],
    ) -> Result<(), ComputeError> {
        self.check_slab(slab)?;
        let Work::Row(row) = &self.work else { return Ok(()) };
        let backend = backend.with_bytes_in_use(slab.len().saturating_add(new_data.len()));
        if row.new_data {
            self.check_request(new_data)?;
        }
        for band in row.bands.iter() {
            let recipe = &band.recipe;
            if recipe.recovers() {
                self.recover(row, band, backend, slab)?;
            }
            if row.interleaved && row.new_data {
                self.take_apart(row, band, slab, new_data);
            }
            if recipe.parity != 0 {
                match recipe.way {
                    Way::Generate => self.generate(row, band, backend, slab, new_data)?,
                    Way::Update => self.update(row, band, backend, slab, new_data)?,
                }
            }
        }
        Ok(())
    }

    /// Copies the part of the request that the plan covers from the slab to its place in
    /// `request`: the last step of [`super::ReadStep::Reconstruct`].
    ///
    /// # Errors
    /// A slab or request that is too short.
    pub fn extract(&self, slab: &[u8], request: &mut [u8]) -> Result<(), ComputeError> {
        self.check_slab(slab)?;
        self.check_request(request)?;
        let Work::Row(row) = &self.work else { return Ok(()) };
        let columns = row.slab();
        for band in row.bands.iter() {
            if row.interleaved {
                self.put_together(row, band, slab, request);
                continue;
            }
            for index in band.wanted() {
                let Some(slot) = row.map.data_slot(index) else { continue };
                let from = range(columns.at(slot, band.from), Blocks(band.len), self.block_size)
                    .and_then(|(from, to)| slab.get(from..to));
                let to = range(row.in_request(index, band.from), Blocks(band.len), self.block_size)
                    .and_then(|(from, to)| request.get_mut(from..to));
                // Both are `band.len` blocks; said once more for the compiler of a 32-bit target.
                if let (Some(from), Some(to)) = (from, to)
                    && from.len() == to.len()
                {
                    to.copy_from_slice(from);
                }
            }
        }
        Ok(())
    }

    pub(super) fn check_slab(&self, slab: &[u8]) -> Result<(), ComputeError> {
        let (found, blocks) = (slab.len(), self.slab_blocks());
        match range(Blocks(0), blocks, self.block_size) {
            Some((_, expected)) if found >= expected => Ok(()),
            _ => {
                let expected = blocks.bytes(self.block_size).unwrap_or(u64::MAX);
                Err(ComputeError::Slab { found, expected })
            }
        }
    }

    fn check_request(&self, request: &[u8]) -> Result<(), ComputeError> {
        let Some(part) = self.request else { return Ok(()) };
        let found = request.len();
        match range(part.offset, part.len, self.block_size) {
            Some((_, expected)) if found >= expected => Ok(()),
            _ => {
                let end = part.offset.checked_add(part.len);
                let expected = end.and_then(|end| end.bytes(self.block_size)).unwrap_or(u64::MAX);
                Err(ComputeError::Request { found, expected })
            }
        }
    }

    /// The slab's columns cut to `len` rows from `from` on, by role: `known` data, `lost` data to
    /// recover, parity.
    pub(super) fn columns<'a>(
        &self,
        row: &RowWork,
        (from, len): (u64, u64),
        slab: &'a mut [u8],
        known: SlotSet,
        lost: SlotSet,
    ) -> Columns<'a> {
        let mut columns = Columns { data: [None; 256], lost: [None, None], p: None, q: None };
        let (start, rows) = row.hull;
        let within = range(Blocks(from.saturating_sub(start)), Blocks(len), self.block_size);
        let column = range(Blocks(0), Blocks(rows), self.block_size);
        let (Some((from, to)), Some((_, column))) = (within, column) else { return columns };
        // A column of no bytes would be a division by zero; the plan has none.
        for (slot, bytes) in row.slab().room.iter().zip(slab.chunks_exact_mut(column.max(1))) {
            let Some(bytes) = bytes.get_mut(from..to) else { continue };
            match (row.map.role(slot), entry(&row.map, slot)) {
                (Some(StripRole::Parity(0)), _) => columns.p = Some(bytes),
                (Some(StripRole::Parity(_)), _) => columns.q = Some(bytes),
                (_, Some(entry)) if lost.contains(slot) => {
                    let [x, y] = &mut columns.lost;
                    *(if x.is_none() { x } else { y }) = Some((entry, bytes));
                }
                (_, Some(entry)) if known.contains(slot) => {
                    if let Some(operand) = columns.data.get_mut(usize::from(entry)) {
                        *operand = Some(bytes);
                    }
                }
                _ => {}
            }
        }
        columns
    }

    /// Recovers the lost data of a band from what was read.
    pub(super) fn recover(
        &self,
        row: &RowWork,
        band: &Band,
        backend: Backend,
        slab: &mut [u8],
    ) -> Result<(), ComputeError> {
        let lost = band.recipe.lost.slots(&row.map);
        let known = band.reads(&row.map);
        let mut all = self.columns(row, (band.from, band.len), slab, known, lost);
        let p = all.p.take().filter(|_| band.recipe.reads_parity(0));
        // Q is looked at only where P falls short, and was read then.
        let q = all.q.take();
        let [x, y] = core::mem::take(&mut all.lost);
        let done = match (x, y, p, q) {
            (Some((_, x)), None, Some(p), _) => backend.recover_data(x, all.table(), p),
            (Some(x), None, None, Some(q)) => backend.recover_data_from_q(x, all.table(), q),
            (Some(x), Some(y), Some(p), Some(q)) => {
                backend.recover_data_data(x, y, all.table(), p, q)
            }
            // No recipe asks for more than its parities give.
            _ => Ok(()),
        };
        done.map_err(ComputeError::Parity)
    }

    /// Computes the parity of a band from all its data.
    pub(super) fn generate(
        &self,
        row: &RowWork,
        band: &Band,
        backend: Backend,
        slab: &mut [u8],
        new_data: &[u8],
    ) -> Result<(), ComputeError> {
        let recipe = &band.recipe;
        let apart = row.interleaved && row.new_data;
        let known = if apart { data(&row.map) } else { band.known(&row.map) };
        let mut all = self.columns(row, (band.from, band.len), slab, known, SlotSet::EMPTY);
        if row.new_data && !apart {
            for index in band.wanted() {
                let slot = row.map.data_slot(index);
                let entry = slot.and_then(|slot| entry(&row.map, slot));
                if let Some(operand) = entry.and_then(|at| all.data.get_mut(usize::from(at))) {
                    *operand = self.new_strip(row, band, index, new_data);
                }
            }
        }
        let p = all.p.take().filter(|_| recipe.computes(0));
        let q = all.q.take().filter(|_| recipe.computes(1));
        let done = match (p, q) {
            (Some(p), Some(q)) => backend.pq_generate(p, q, all.table()),
            (Some(p), None) => backend.p_generate(p, all.table()),
            (None, Some(q)) => backend.q_generate(q, all.table()),
            (None, None) => Ok(()),
        };
        done.map_err(ComputeError::Parity)
    }

    /// Carries the change of a band's wanted data into its parity.
    fn update(
        &self,
        row: &RowWork,
        band: &Band,
        backend: Backend,
        slab: &mut [u8],
        new_data: &[u8],
    ) -> Result<(), ComputeError> {
        let old = band.wanted_slots(&row.map);
        let mut all = self.columns(row, (band.from, band.len), slab, old, SlotSet::EMPTY);
        for index in band.wanted() {
            let slot = row.map.data_slot(index);
            let Some(entry) = slot.and_then(|slot| entry(&row.map, slot)) else { continue };
            let old = all.data.get(usize::from(entry)).copied().flatten();
            let new = self.new_strip(row, band, index, new_data);
            let (Some(old), Some(new)) = (old, new) else { continue };
            backend
                .pq_update(all.p.as_deref_mut(), all.q.as_deref_mut(), entry, old, new)
                .map_err(ComputeError::Parity)?;
        }
        Ok(())
    }

    /// The new data of a band of data strip `index`.
    fn new_strip<'b>(
        &self,
        row: &RowWork,
        band: &Band,
        index: u16,
        new_data: &'b [u8],
    ) -> Option<&'b [u8]> {
        let first = row.in_request(index, band.from);
        let (from, to) = range(first, Blocks(band.len), self.block_size)?;
        new_data.get(from..to)
    }
}
