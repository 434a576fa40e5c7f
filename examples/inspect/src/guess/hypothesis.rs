// SPDX-License-Identifier: MIT OR Apache-2.0
//! One possible geometry: a layout of raid-core over the columns of a sample, in pages.

use raid_core::array::{Geometry, Level};
use raid_core::layout::{Layout, Role};
use raid_core::units::{Blocks, Slot};

/// The columns of one row of chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowPlan {
    /// Those with data, in the order of the volume.
    pub(crate) data: Vec<usize>,
    pub(crate) p: Option<usize>,
    pub(crate) q: Option<usize>,
}

/// What distinguishes one block map from another, wherever the volume begins.
pub(crate) type Signature = (u64, u64, Vec<RowPlan>);

/// A geometry, and who is who in it.
#[derive(Clone, Debug)]
pub(crate) struct Hypothesis {
    /// Blocks are pages.
    pub(crate) geometry: Geometry,
    /// The column of each slot.
    pub(crate) order: Vec<usize>,
    /// Page of the members where a turn of the rotation begins; below [`Self::period`].
    pub(crate) start: u64,
    /// The rows of one turn.
    pub(crate) rows: Vec<RowPlan>,
}

impl Hypothesis {
    /// `None` if raid-core has no layout of this geometry. The order has one column for each slot.
    pub(crate) fn new(geometry: Geometry, order: Vec<usize>, start: u64) -> Option<Self> {
        // Parity that stays on its disk makes every row like the one before, as none does.
        let stays = geometry.level == Level::Raid4 || geometry.parity_strips() == 0;
        let turn = if stays { 1 } else { u64::from(geometry.slots) << geometry.rotate_shift };
        let chunk = geometry.strip.0;
        let geometry = Geometry { member_blocks: Blocks(chunk * turn * 2), ..geometry };
        let layout = Layout::new(&geometry).ok()?;
        let rows = (0..turn).map(|row| plan(&layout, &order, row * chunk)).collect();
        Some(Self { geometry, order, start: start % (chunk * turn), rows })
    }

    /// Pages of a chunk.
    pub(crate) fn chunk(&self) -> u64 {
        self.geometry.strip.0
    }

    /// Pages of a member after which everything repeats.
    pub(crate) fn period(&self) -> u64 {
        self.chunk() * self.rows.len() as u64
    }

    /// Where chunks begin, modulo the chunk.
    pub(crate) fn phase(&self) -> u64 {
        self.start % self.chunk()
    }

    fn index_of(&self, page: u64) -> usize {
        let rows = self.rows.len() as u64;
        ((page + self.period() - self.start) / self.chunk() % rows) as usize
    }

    /// The row of chunks that page number `page` of the members belongs to.
    pub(crate) fn row(&self, page: u64) -> &RowPlan {
        &self.rows[self.index_of(page)]
    }

    /// Which page of the volume, counted from a turn of the rotation before the members begin, stands there.
    pub(crate) fn volume_page(&self, column: usize, page: u64) -> Option<u64> {
        let row = self.row(page);
        let index = row.data.iter().position(|data| *data == column)? as u64;
        let from = page + self.period() - self.start;
        let strip = from / self.chunk() * row.data.len() as u64 + index;
        Some(strip * self.chunk() + from % self.chunk())
    }

    /// The row before it.
    pub(crate) fn row_before(&self, page: u64) -> &RowPlan {
        let rows = self.rows.len();
        &self.rows[(self.index_of(page) + rows - 1) % rows]
    }

    /// The signature without data: equal for hypotheses that agree on chunk, phase, and places of P and Q.
    pub(crate) fn parities(&self) -> Signature {
        let (chunk, phase, mut rows) = self.signature();
        rows.iter_mut().for_each(|row| row.data.clear());
        (chunk, phase, rows)
    }

    /// Equal for hypotheses that put the same pages next to one another.
    pub(crate) fn signature(&self) -> Signature {
        let first = self.index_of(self.phase());
        let (before, from) = self.rows.split_at(first);
        (self.chunk(), self.phase(), [from, before].concat())
    }
}

fn plan(layout: &Layout<'_>, order: &[usize], page: u64) -> RowPlan {
    let mut data = Vec::new();
    let (mut p, mut q) = (None, None);
    for (slot, column) in order.iter().enumerate() {
        match layout.role(Slot(u8::try_from(slot).unwrap_or(u8::MAX)), page) {
            Role::Data(block) => data.push((block, *column)),
            Role::Parity(0) => p = Some(*column),
            Role::Parity(_) => q = Some(*column),
            _ => {}
        }
    }
    data.sort_unstable();
    RowPlan { data: data.into_iter().map(|(_, column)| column).collect(), p, q }
}
