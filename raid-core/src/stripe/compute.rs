// SPDX-License-Identifier: MIT OR Apache-2.0
//! The arithmetic of a plan, on the slab: recover, take in new data, compute parity.

use super::band::Band;
use super::plan::{RowPlan, Work, range};
use super::recipe::{Lost, Way};
use super::row_work::RowWork;
use super::strips::Strips;
use super::sums::Operands;
use crate::backend::Backend;
use crate::layout::StripRole;
use crate::mirror::MirrorError;
use crate::parity::ParityError;
use crate::units::Blocks;
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
                self.recover(row, &band, backend, slab)?;
            }
            if row.interleaved && row.new_data {
                self.take_apart(row, &band, slab, new_data);
            }
            if recipe.parity != 0 {
                match recipe.way {
                    Way::Generate => self.generate(row, &band, backend, slab, new_data)?,
                    Way::Update => self.update(row, &band, backend, slab, new_data)?,
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
        for band in row.bands.iter() {
            if row.interleaved {
                self.put_together(row, &band, slab, request);
                continue;
            }
            for index in band.wanted() {
                let from = row.place(StripRole::Data(index), band.from);
                let from = range(from, Blocks(band.len), self.block_size)
                    .and_then(|(from, to)| slab.get(from..to));
                let to = self.in_request(row, index, band.from);
                let to = range(to, Blocks(band.len), self.block_size)
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
        match range(Blocks(0), self.slab, self.block_size) {
            Some((_, expected)) if slab.len() >= expected => Ok(()),
            _ => Err(self.short_slab(slab.len())),
        }
    }

    /// What is said of a slab of so many bytes.
    #[cold]
    pub(super) fn short_slab(&self, found: usize) -> ComputeError {
        let expected = self.slab.bytes(self.block_size).unwrap_or(u64::MAX);
        ComputeError::Slab { found, expected }
    }

    fn check_request(&self, request: &[u8]) -> Result<(), ComputeError> {
        let (part, found) = (self.request, request.len());
        match range(part.offset, part.len, self.block_size) {
            Some((_, expected)) if found >= expected => Ok(()),
            _ => {
                let end = part.offset.checked_add(part.len);
                let expected = end.and_then(|end| end.bytes(self.block_size)).unwrap_or(u64::MAX);
                Err(ComputeError::Request { found, expected })
            }
        }
    }

    /// Recovers the lost data of a band from what was read.
    pub(super) fn recover(
        &self,
        row: &RowWork,
        band: &Band,
        backend: Backend,
        slab: &mut [u8],
    ) -> Result<(), ComputeError> {
        let recipe = &band.recipe;
        let found = slab.len();
        let all = self.columns(row, (band.from, band.len), slab, recipe.lost);
        let all = all.ok_or_else(|| self.short_slab(found))?;
        let known = band.known(row.map.data_strips());
        let operands = Operands { plan: self, row, band, columns: all.data, known, new: None };
        let p = all.p.filter(|_| recipe.reads_parity(0));
        let q = all.q.filter(|_| recipe.reads_parity(1));
        let wanted = all.lost.map(|lost| {
            let (strip, bytes) = lost?;
            Some((row.map.entry(strip)?, bytes))
        });
        operands.recover(backend, wanted, p, q).map_err(ComputeError::Parity)
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
        let found = slab.len();
        let all = self.columns(row, (band.from, band.len), slab, Lost::NONE);
        let all = all.ok_or_else(|| self.short_slab(found))?;
        let (strips, apart) = (row.map.data_strips(), row.interleaved && row.new_data);
        let known = if apart { Strips::new(0, strips) } else { band.known(strips) };
        let new = (row.new_data && !apart).then_some(new_data);
        let operands = Operands { plan: self, row, band, columns: all.data, known, new };
        let p = all.p.filter(|_| band.recipe.computes(0));
        let q = all.q.filter(|_| band.recipe.computes(1));
        operands.generate(backend, p, q).map_err(ComputeError::Parity)
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
        let found = slab.len();
        let all = self.columns(row, (band.from, band.len), slab, Lost::NONE);
        let all = all.ok_or_else(|| self.short_slab(found))?;
        let mut p = all.p.filter(|_| band.recipe.computes(0));
        let mut q = all.q.filter(|_| band.recipe.computes(1));
        for index in band.wanted() {
            let old = all.data.get(index);
            let new = self.new_strip(row, band, index, new_data);
            let (Some(entry), Some(old), Some(new)) = (row.map.entry(index), old, new) else {
                continue;
            };
            backend
                .pq_update(p.as_deref_mut(), q.as_deref_mut(), entry, old, new)
                .map_err(ComputeError::Parity)?;
        }
        Ok(())
    }

    /// The new data of a band of data strip `index`.
    #[inline]
    pub(super) fn new_strip<'b>(
        &self,
        row: &RowWork,
        band: &Band,
        index: u16,
        new_data: &'b [u8],
    ) -> Option<&'b [u8]> {
        let first = self.in_request(row, index, band.from);
        let (from, to) = range(first, Blocks(band.len), self.block_size)?;
        new_data.get(from..to)
    }
}
