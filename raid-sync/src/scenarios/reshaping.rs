// SPDX-License-Identifier: MIT OR Apache-2.0
//! A change of shape over a small model of it: the three cursors, a backup row, a crash at every step.

use super::scenarios;
use crate::reshape::{Clearance, Direction, ReshapeMark};
use raid_core::units::{Row, Rows};
use std::vec;
use std::vec::Vec;

/// Sources of two blocks a row become rows of `wide`, in the same place; both layouts hold the blocks in
/// order.
#[derive(Clone)]
struct Model {
    rows: Vec<Vec<u64>>,
    /// What the record says: `safe`, the destination rows done, the backup of source blocks.
    record: (Row, Row, Vec<(u64, u64)>),
    mark: ReshapeMark,
    narrow: usize,
    wide: usize,
    blocks: u64,
    up: bool,
}

impl Model {
    fn new(up: bool) -> Self {
        let (narrow, wide, blocks) = if up { (2, 3, 12) } else { (3, 2, 12) };
        let source = Row(blocks / narrow as u64);
        let destination = Row(blocks / wide as u64);
        let mut rows = vec![vec![0; 3]; 6];
        for block in 0..blocks {
            rows[(block / narrow as u64) as usize][(block % narrow as u64) as usize] = block + 1;
        }
        let direction = if up { Direction::Up } else { Direction::Down };
        let mark = ReshapeMark::begin(direction, source, destination);
        let record = (mark.safe(), mark.write(), Vec::new());
        Self { rows, record, mark, narrow, wide, blocks, up }
    }

    /// What a block reads as after a restart, by what the record says.
    fn read(&self, block: u64) -> u64 {
        let (_, written, backup) = &self.record;
        let destination = block / self.wide as u64;
        let done = if self.up { destination < written.0 } else { destination >= written.0 };
        if done {
            return self.rows[destination as usize][(block % self.wide as u64) as usize];
        }
        if let Some((_, value)) = backup.iter().find(|(saved, _)| *saved == block) {
            return *value;
        }
        self.rows[(block / self.narrow as u64) as usize][(block % self.narrow as u64) as usize]
    }

    fn judge(&self, step: &str) {
        for block in 0..self.blocks {
            assert_eq!(self.read(block), block + 1, "block {block} after {step}");
        }
    }

    /// One destination row; a crash may fall after each of its steps.
    fn step(&mut self) -> bool {
        let end = self.blocks / self.wide as u64;
        let at = self.mark.write().0;
        if if self.up { at >= end } else { at == 0 } {
            return false;
        }
        let row = if self.up { at } else { at - 1 };
        let blocks = row * self.wide as u64..(row + 1) * self.wide as u64;
        let data: Vec<(u64, u64)> = blocks.map(|block| (block, self.read(block))).collect();
        let narrow = self.narrow as u64;
        let (first, last) = (data[0].0 / narrow, (data[data.len() - 1].0) / narrow);
        // The first source row that still has blocks to move.
        let read = match self.up {
            true => Row((data[data.len() - 1].0 + 1) / narrow),
            false => Row(data[0].0.div_ceil(narrow)),
        };
        let _ = (first, last);
        match self.mark.clearance(Rows::new(row, 1)) {
            Clearance::Free => {}
            Clearance::Record => {
                self.mark.recorded(self.mark.read());
                self.record = (self.mark.safe(), self.mark.write(), Vec::new());
                self.judge("the record");
            }
            Clearance::Backup => {
                let mut saved: Vec<(u64, u64)> = data.clone();
                // Blocks of the source row that is overwritten and not moved yet.
                let here = row * narrow..(row + 1) * narrow;
                saved.extend(here.filter(|b| *b < self.blocks).map(|b| (b, self.read(b))));
                self.record = (self.mark.safe(), self.mark.write(), saved);
                self.judge("the backup");
            }
        }
        for (block, value) in &data {
            self.rows[row as usize][(block % self.wide as u64) as usize] = *value;
            self.judge("a write");
        }
        let next = if self.up { Row(row + 1) } else { Row(row) };
        self.mark.moved(read, next);
        let keep = std::mem::take(&mut self.record.2);
        self.mark.recorded(read);
        self.record = (self.mark.safe(), next, keep);
        self.judge("the last record");
        true
    }
}

scenarios! {
    fn scenario_45_a_reshape_and_a_crash_at_every_step() {
        for up in [true, false] {
            let mut model = Model::new(up);
            while model.step() {
                // A restart begins at what is recorded.
                let (_, written, _) = model.record.clone();
                model.mark = model.mark.restarted(written);
            }
            let done = (0..model.blocks).all(|block| {
                let row = &model.rows[(block / model.wide as u64) as usize];
                row[(block % model.wide as u64) as usize] == block + 1
            });
            assert!(done, "the new layout holds everything");
        }
    }
}
