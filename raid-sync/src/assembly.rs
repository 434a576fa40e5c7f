// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which of the members' records speaks for the set (`sync.md` I7, I16).
//!
//! | records | verdict |
//! |---|---|
//! | all of one generation | the one with the highest number speaks |
//! | some of an older generation | the newest speaks; the older members are stale |
//! | two that each call the other's member absent | split brain: refused, never merged |
//!
//! A stale member is not lost: if the newest record keeps its debt, only that is copied.

use crate::debt::Generation;
use crate::defect::{Defect, planted};
use core::fmt;
use raid_core::units::{Slot, SlotSet};

/// One member's own record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Where the record was found.
    pub slot: Slot,
    /// Its generation.
    pub generation: Generation,
    /// Its number in the generation and beyond: records are numbered without a gap.
    pub number: u64,
    /// Who takes no part, it says.
    pub absent: SlotSet,
    /// When it was written, by a clock that may have been set. Never decides.
    pub stamp: u64,
}

/// The verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshest {
    /// Place, among the records given, of the one that speaks.
    pub newest: usize,
    /// Members whose own record is older.
    pub stale: SlotSet,
}

/// Two members were each written without the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitBrain {
    /// One of them.
    pub one: Slot,
    /// The other.
    pub other: Slot,
}

impl fmt::Display for SplitBrain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "members {} and {} were each written without the other", self.one, self.other)
    }
}

impl core::error::Error for SplitBrain {}

/// Chooses the record that speaks; `None` if there is none. `bits` is the width of the generation
/// counter.
///
/// # Errors
/// [`SplitBrain`].
pub fn freshest(records: &[Seen], bits: u8) -> Result<Option<Freshest>, SplitBrain> {
    for (index, one) in records.iter().enumerate() {
        let rest = records.iter().skip(index.saturating_add(1));
        for other in rest {
            let apart = one.absent.contains(other.slot) && other.absent.contains(one.slot);
            if apart && !planted(Defect::MergeSplitBrain) {
                return Err(SplitBrain { one: one.slot, other: other.slot });
            }
        }
    }
    let newer = |a: &Seen, b: &Seen| match planted(Defect::NewestByStamp) {
        true => a.stamp > b.stamp,
        false => {
            a.generation.is_newer_than(b.generation, bits)
                || (a.generation == b.generation && a.number > b.number)
        }
    };
    let mut newest: Option<(usize, &Seen)> = None;
    for (index, record) in records.iter().enumerate() {
        if newest.is_none_or(|(_, best)| newer(record, best)) {
            newest = Some((index, record));
        }
    }
    Ok(newest.map(|(newest, best)| {
        let older = |record: &&Seen| {
            record.generation != best.generation || best.absent.contains(record.slot)
        };
        let stale = records.iter().filter(older).map(|record| record.slot).collect();
        Freshest { newest, stale }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_table::rows;
    use std::vec;

    fn seen(slot: u8, generation: u64, number: u64, absent: &[u8]) -> Seen {
        let absent = absent.iter().map(|slot| Slot(*slot)).collect();
        Seen { slot: Slot(slot), generation: Generation(generation), number, absent, stamp: 0 }
    }

    #[test]
    #[cfg_attr(miri, ignore = "parses a table of the documentation: safe code, slowly")]
    fn every_row_of_the_table_of_verdicts_holds() {
        let verdict = |records: &[Seen]| freshest(records, 32);
        let stale = |slots: &[u8]| slots.iter().map(|slot| Slot(*slot)).collect::<SlotSet>();
        let speaks = |newest, slots| Ok(Some(Freshest { newest, stale: stale(slots) }));
        assert_eq!(verdict(&[]), Ok(None));
        let table = rows(include_str!("assembly.rs"), "| records | verdict |");
        assert_eq!(table.len(), 3);
        for row in table {
            let [records, says] = row[..] else { panic!("{row:?}") };
            let (a, b) = (seen(0, 3, 10, &[]), seen(1, 3, 11, &[]));
            let gone = seen(0, 4, 5, &[1]);
            let wrapped = (seen(0, 0, 1, &[]), seen(1, 0xffff_ffff, 99, &[]));
            // Whoever has the highest number, and whoever the newest generation, in either order.
            let found = match records {
                "all of one generation" => vec![vec![a, b], vec![b, a]],
                "some of an older generation" => {
                    vec![vec![b, gone], vec![gone, b], vec![wrapped.1, wrapped.0]]
                }
                "two that each call the other's member absent" => {
                    vec![vec![gone, seen(1, 4, 9, &[0])], vec![seen(1, 3, 9, &[0]), gone]]
                }
                other => panic!("no test knows {other}"),
            };
            for records in found {
                let answer = verdict(&records);
                let place = |slot| records.iter().position(|seen| seen.slot == Slot(slot)).unwrap();
                match says {
                    "the one with the highest number speaks" => {
                        assert_eq!(answer, speaks(place(1), &[]), "{records:?}");
                    }
                    "the newest speaks; the older members are stale" => {
                        assert_eq!(answer, speaks(place(0), &[1]), "{records:?}");
                    }
                    "split brain: refused, never merged" => {
                        let (one, other) = (records[0].slot, records[1].slot);
                        assert_eq!(answer, Err(SplitBrain { one, other }), "{records:?}");
                    }
                    other => panic!("no test knows {other}"),
                }
            }
        }
    }
}
