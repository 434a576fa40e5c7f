// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bytes of a RAID-3 row: taken apart into the slab's columns, put together from them.

use super::band::Band;
use super::plan::{RowPlan, range};
use super::row_work::RowWork;
use crate::layout::StripRole;
use crate::units::Blocks;

/// The bytes of one block of the slab, and where they are in the request.
struct Lane {
    /// Bytes of the slab.
    slab: (usize, usize),
    /// First byte of the row in the request, and bytes of the row that precede the request.
    row: (usize, usize),
    /// Number of the data strip, and how many there are.
    index: usize,
    of: usize,
}

impl Lane {
    /// Offset in the request of each byte of the lane; `None` for those before the request.
    fn offsets(&self) -> impl Iterator<Item = Option<usize>> + use<> {
        let (first, before) = self.row;
        (self.index..)
            .step_by(self.of.max(1))
            .map(move |byte| byte.checked_sub(before).and_then(|byte| byte.checked_add(first)))
    }
}

impl RowPlan {
    /// Every block of a band: its bytes in the slab, and where they are in the request.
    fn lanes(&self, row: &RowWork, band: &Band) -> impl Iterator<Item = Lane> {
        let of = row.map.data_strips();
        let rows = band.from..band.from.saturating_add(band.len);
        let start = self.request.offset.0;
        rows.flat_map(move |offset| (0..of).map(move |index| (offset, index))).filter_map(
            move |(offset, index)| {
                let slab = row.place(StripRole::Data(index), offset);
                let slab = range(slab, Blocks(1), self.block_size)?;
                let (first, before) = row.row_in_request(offset, start, self.block_size)?;
                let row = (usize::try_from(first).ok()?, usize::try_from(before).ok()?);
                Some(Lane { slab, row, index: index.into(), of: of.into() })
            },
        )
    }

    /// The request's bytes that the plan covers end here.
    fn request_end(&self) -> usize {
        let part = self.request;
        range(part.offset, part.len, self.block_size).map_or(0, |(_, end)| end)
    }

    /// Takes a band's new data apart into the columns of the slab; bytes outside the request stay.
    pub(super) fn take_apart(&self, row: &RowWork, band: &Band, slab: &mut [u8], new: &[u8]) {
        let new = new.get(..self.request_end()).unwrap_or_default();
        for lane in self.lanes(row, band) {
            let Some(bytes) = slab.get_mut(lane.slab.0..lane.slab.1) else { continue };
            for (byte, at) in bytes.iter_mut().zip(lane.offsets()) {
                if let Some(new) = at.and_then(|at| new.get(at)) {
                    *byte = *new;
                }
            }
        }
    }

    /// Puts a band's part of the request together from the columns of the slab.
    pub(super) fn put_together(&self, row: &RowWork, band: &Band, slab: &[u8], request: &mut [u8]) {
        let request = request.get_mut(..self.request_end()).unwrap_or_default();
        for lane in self.lanes(row, band) {
            let Some(bytes) = slab.get(lane.slab.0..lane.slab.1) else { continue };
            for (byte, at) in bytes.iter().zip(lane.offsets()) {
                if let Some(to) = at.and_then(|at| request.get_mut(at)) {
                    *to = *byte;
                }
            }
        }
    }
}
