// SPDX-License-Identifier: MIT OR Apache-2.0
//! Passes over rows of a set: rebuild, resync, scrub.

use super::band::{Band, RowPart};
use super::copies::{CopyRun, CopyWork};
use super::plan::{Method, RequestPart, RowPlan, Work};
use super::recipe::{Lost, MOST_PARITIES, RowHealth};
use super::row_work::{RowWork, Writes, Written};
use super::{Cursor, Health, HealthByRow, NotPossible, requests};
use crate::layout::Layout;
use crate::units::{Rows, SlotSet};

/// Plans of a pass over rows. See [`super::rebuild`], [`super::resync`], [`super::scrub`].
#[derive(Clone, Debug)]
pub struct Passes<'m> {
    layout: &'m Layout<'m>,
    health: HealthByRow<'m>,
    task: Task,
    cursor: Cursor,
}

#[derive(Clone, Copy, Debug)]
enum Task {
    Rebuild(SlotSet),
    Resync,
    Scrub,
}

impl Task {
    const fn method(self) -> Method {
        match self {
            Self::Rebuild(_) => Method::Rebuild,
            Self::Resync => Method::Resync,
            Self::Scrub => Method::Scrub,
        }
    }
}

impl<'m> Passes<'m> {
    #[inline]
    fn new(layout: &'m Layout<'m>, health: HealthByRow<'m>, task: Task, rows: Rows) -> Self {
        let cursor = Cursor::new(rows.start.0, rows.len, layout.rows());
        Self { layout, health, task, cursor }
    }

    #[inline]
    pub(super) fn rebuild(
        layout: &'m Layout<'m>,
        health: HealthByRow<'m>,
        targets: SlotSet,
        rows: Rows,
    ) -> Self {
        Self::new(layout, health, Task::Rebuild(targets), rows)
    }

    #[inline]
    pub(super) fn resync(layout: &'m Layout<'m>, health: HealthByRow<'m>, rows: Rows) -> Self {
        Self::new(layout, health, Task::Resync, rows)
    }

    #[inline]
    pub(super) fn scrub(layout: &'m Layout<'m>, health: HealthByRow<'m>, rows: Rows) -> Self {
        Self::new(layout, health, Task::Scrub, rows)
    }

    /// Makes `to` the plan for `len` rows from row `from` of the strip on; `false` if there is nothing to do.
    #[inline]
    fn row(
        &self,
        part: &RowPart,
        (from, len): (u64, u64),
        health: &Health,
        to: &mut RowPlan,
    ) -> Result<bool, NotPossible> {
        let rows = Rows::new(part.start.saturating_add(from), len);
        if part.map.parity_strips() > MOST_PARITIES {
            return Err(requests::parity_unknown(&part.map, rows));
        }
        let targets = match self.task {
            Task::Rebuild(targets) => targets.without(health.unavailable),
            _ => SlotSet::EMPTY,
        };
        // Targets hold nothing worth reading.
        let write_only = health.write_only | targets;
        let here = RowHealth::new(&part.map, &Health { write_only, ..*health });
        let recipe = match self.task {
            Task::Rebuild(_) => here.rebuild(&part.map, targets),
            Task::Resync => here.resync(),
            Task::Scrub => here.scrub(),
        };
        let Ok(recipe) = recipe else {
            return Err(NotPossible::Lost { missing: here.unreadable(&part.map), rows });
        };
        let Some(recipe) = recipe else { return Ok(false) };
        let writes = match self.task {
            // Targets are lost, and a row that can be solved has no more lost strips than these name.
            Task::Rebuild(_) => {
                let data = Written::Only(Lost::among(&part.map, targets));
                Writes { data, parity: true }
            }
            Task::Resync => Writes { parity: true, ..Writes::default() },
            Task::Scrub => Writes::default(),
        };
        self.begin(to);
        let Some(work) = to.work.row(RowWork::new(part, false, writes)) else { return Ok(false) };
        work.bands.set(&Band { from, len, recipe, ..Band::default() });
        to.seal();
        Ok(true)
    }

    fn begin(&self, to: &mut RowPlan) {
        to.method = self.task.method();
        to.request = RequestPart::default();
        to.block_size = self.layout.geometry().block_size;
    }

    /// Makes `to` the plan for a run of copies; `false` if there is nothing to do.
    fn copies(&self, run: CopyRun, health: &Health, to: &mut RowPlan) -> Result<bool, NotPossible> {
        let writable = run.slots().without(health.unavailable);
        let (reads, writes) = match self.task {
            Task::Rebuild(targets) => {
                let writes = writable & targets;
                if writes.is_empty() {
                    return Ok(false);
                }
                let write_only = health.write_only | targets;
                let sources = run.readable(&Health { write_only, ..*health })?;
                (sources.lowest().into_iter().collect(), writes)
            }
            Task::Resync => {
                let source: SlotSet = run.readable(health)?.lowest().into_iter().collect();
                (source, writable.without(source))
            }
            Task::Scrub => (run.readable(health)?, SlotSet::EMPTY),
        };
        let idle = match self.task {
            Task::Scrub => reads.len() < 2,
            _ => writes.is_empty(),
        };
        if idle {
            return Ok(false);
        }
        self.begin(to);
        to.work = Work::Copies(CopyWork { run, reads, writes, new_data: false });
        to.seal();
        Ok(true)
    }

    /// Makes `to` the next plan, of nothing after an error.
    #[inline]
    pub fn next_into(&mut self, to: &mut RowPlan) -> Option<Result<(), NotPossible>> {
        if let Some(refusal) = self.cursor.refusal.take() {
            return Some(Err(refusal));
        }
        while self.cursor.left > 0 {
            let (row, left) = (self.cursor.at, self.cursor.left);
            let (done, len) = match RowPart::of_stripe(self.layout, row) {
                Some((part, from, rows)) => {
                    let (health, end) = self.health.at_row(row);
                    let len = left.min(rows).min(end.saturating_sub(row));
                    (self.row(&part, (from, len), &health, to), len)
                }
                None => {
                    let run = CopyRun::new(self.layout, row, left)?;
                    let (health, len) = self.health.at_run(&run);
                    (self.copies(run.cut(len), &health, to), len)
                }
            };
            self.cursor.advance(len);
            match done {
                Ok(true) => return Some(Ok(())),
                Ok(false) => {}
                Err(why) => {
                    *to = RowPlan::EMPTY;
                    return Some(Err(why));
                }
            }
        }
        None
    }
}

impl Iterator for Passes<'_> {
    type Item = Result<RowPlan, NotPossible>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let mut plan = RowPlan::EMPTY;
        self.next_into(&mut plan).map(|done| done.map(|()| plan))
    }
}
