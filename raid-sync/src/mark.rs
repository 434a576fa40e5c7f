// SPDX-License-Identifier: MIT OR Apache-2.0
//! The mark: five cursors of one operation.
//!
//! ```text
//!  0 ───────── durable ──── flushed ──── done ════════ issued ───────────── limit ─── rows
//!   restart from here │          │          │ open windows │                  │
//!                     │          │          └ reads use the target below      └ this pass ends here
//!                     │          └ covered by a completed flush
//!                     └ what the metadata on all live members says
//! ```
//!
//! `durable ≤ flushed ≤ done ≤ issued ≤ limit` at every moment. Writes are routed by `issued`, reads
//! by `done`, a restart begins at `durable` (`sync.md` result 6).
//!
//! | event | durable | flushed | done | issued |
//! |---|---|---|---|---|
//! | window opened | | | | its end |
//! | lowest windows landed | | | end of the last of them | |
//! | flush of all members returned, nothing failed meanwhile | | `done` at its start | | |
//! | record written | what it said | | | |
//! | rows that are not owed passed over | | | | the next owed row |
//! | pass stopped, windows closed | | | | `done` |
//! | rows became owed behind the cursor, no window in use | their start | their start | their start | their start |
//! | other target, other source of truth | 0 | 0 | 0 | 0 |

use raid_core::units::Row;

/// The five cursors of an operation, as shown to the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Marks {
    /// What the metadata on all live members says.
    pub durable: Row,
    /// Done, and covered by a completed cache flush.
    pub flushed: Row,
    /// All windows below have finished; reads may use a rebuild target below it.
    pub done: Row,
    /// Upper end of the highest window opened in this pass; decides where writes go.
    pub issued: Row,
    /// End of this pass.
    pub limit: Row,
}

/// The four cursors that outlive a pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Mark {
    pub(crate) durable: Row,
    pub(crate) flushed: Row,
    pub(crate) done: Row,
    pub(crate) issued: Row,
}

impl Mark {
    pub(crate) const ZERO: Self = Self::at(Row(0));

    pub(crate) const fn at(row: Row) -> Self {
        Self { durable: row, flushed: row, done: row, issued: row }
    }

    pub(crate) const fn with_limit(self, limit: Row) -> Marks {
        let Self { durable, flushed, done, issued } = self;
        Marks { durable, flushed, done, issued, limit }
    }

    pub(crate) fn open_to(&mut self, end: Row) {
        self.issued = self.issued.max(end);
    }

    pub(crate) fn land_to(&mut self, end: Row) {
        self.done = self.done.max(end).min(self.issued);
    }

    pub(crate) fn flushed_to(&mut self, row: Row) {
        self.flushed = self.flushed.max(row).min(self.done);
    }

    pub(crate) fn recorded_at(&mut self, row: Row) {
        self.durable = row.min(self.flushed);
    }

    /// Rows from here on are owed again, and no window is open.
    pub(crate) fn back_to(&mut self, row: Row) {
        self.durable = self.durable.min(row);
        self.flushed = self.flushed.min(row);
        self.done = self.done.min(row);
        self.issued = self.issued.min(row);
    }

    /// The pass has stopped and no window is open.
    pub(crate) const fn stop(&mut self) {
        self.issued = self.done;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_order(mark: Mark) -> bool {
        let m = mark.with_limit(Row(100));
        m.durable <= m.flushed && m.flushed <= m.done && m.done <= m.issued && m.issued <= m.limit
    }

    #[test]
    #[cfg_attr(miri, ignore = "parses a table of the documentation: safe code, slowly")]
    fn every_row_of_the_table_of_events_holds() {
        let header = "| event | durable | flushed | done | issued |";
        let table = crate::state_table::rows(include_str!("mark.rs"), header);
        assert_eq!(table.len(), 8);
        for row in table {
            let [durable, flushed, done, issued] = [2, 4, 6, 8].map(Row);
            let before = Mark { durable, flushed, done, issued };
            let (mut mark, at) = (before, Row(1));
            match row[0] {
                "window opened" | "rows that are not owed passed over" => mark.open_to(Row(9)),
                "lowest windows landed" => mark.land_to(Row(7)),
                "flush of all members returned, nothing failed meanwhile" => {
                    mark.flushed_to(Row(5));
                }
                "record written" => mark.recorded_at(Row(3)),
                "pass stopped, windows closed" => mark.stop(),
                "rows became owed behind the cursor, no window in use" => mark.back_to(at),
                "other target, other source of truth" => mark = Mark::ZERO,
                other => panic!("no test knows the event {other}"),
            }
            let was = [before.durable, before.flushed, before.done, before.issued];
            let is = [mark.durable, mark.flushed, mark.done, mark.issued];
            for ((cell, was), is) in row[1..].iter().zip(was).zip(is) {
                let expected = match *cell {
                    "" => was,
                    "its end" | "the next owed row" => Row(9),
                    "end of the last of them" => Row(7),
                    "`done` at its start" => Row(5),
                    "what it said" => Row(3),
                    "`done`" => before.done,
                    "their start" => at,
                    "0" => Row(0),
                    other => panic!("no test knows {other}"),
                };
                assert_eq!(is, expected, "{}: {cell}", row[0]);
            }
        }
    }

    #[test]
    fn no_event_breaks_the_order_of_the_cursors() {
        let events: [fn(&mut Mark, Row); 6] = [
            Mark::open_to,
            Mark::land_to,
            Mark::flushed_to,
            Mark::recorded_at,
            Mark::back_to,
            |mark, _| mark.stop(),
        ];
        let (rows, mut seen) = ([0, 3, 8].map(Row), std::vec![Mark::ZERO]);
        let mut next = 0;
        while let Some(&mark) = seen.get(next) {
            next += 1;
            for event in events {
                for row in rows {
                    let mut mark = mark;
                    event(&mut mark, row);
                    assert!(in_order(mark), "{mark:?}");
                    if !seen.contains(&mark) {
                        seen.push(mark);
                    }
                }
            }
        }
        assert!(seen.len() > 10);
    }
}
