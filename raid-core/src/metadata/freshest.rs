// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which of the members' records speaks for the set (`sync.md` I7, I16).
//!
//! | records | verdict |
//! |---|---|
//! | all of one generation | the one with the highest number speaks |
//! | some of an older generation | the newest speaks; the older members are stale |
//! | one calls the other's member absent, of equal number | the one that does speaks; the other member is stale |
//! | one calls the other's member absent, of a lower number | the one that does speaks; the other member is stale |
//! | the highest number is with a member that it is filling | the one with the highest number of a trusted member speaks |
//! | two that each call the other's member absent | split brain: refused, never merged |
//! | one calls the other's member absent, the other is filling the first | split brain: refused, never merged |
//! | two that call each other's member absent, and a third calls one of them absent | the newest speaks; the older members are stale |
//! | three that call each other's member absent in a ring | split brain: refused, never merged |
//! | three in a ring, and a fourth that calls all of them absent, as they do it | split brain: refused, never merged |
//! | of equal number and different content, neither calls the other's member absent | split brain: refused, never merged |
//!
//! Numbers are counted from the disks that are *present* at a start: no format knows those of a disk that is
//! away. So a record that was on its way to all when power failed may have the number of one that the others
//! wrote later without its member, or a higher one. Which is which is decided by content:
//!
//! - *Whom a record calls absent, and who does not call its member absent, is overruled.* The others went on
//!   without it. It cannot have come back since: that it is being filled is durable on all before it is
//!   filled, and trusted later still. One that is being filled counts as absent here: it came back, and what
//!   its own record says is from before.
//! - *Who call each other absent have both gone on alone.* Nobody can know which of them was promised more,
//!   unless a third shows that one of them is overruled. Three in a ring show nothing.
//! - *A record counts on members that it trusts.* It is durable when those hold it; the others need not.
//!
//! A stale member is not lost: if the newest record keeps its debt, only that is copied.

use super::Generation;
use crate::units::{Slot, SlotSet};
use core::fmt;

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
    /// Who takes part and is being filled, it says.
    pub filling: SlotSet,
}

/// The verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshest {
    /// Place, among the records given, of the one that speaks.
    pub newest: usize,
    /// Members whose own record is older.
    pub stale: SlotSet,
}

/// Two members were each written without the other, as far as their records tell: to take either for the newer
/// one may lose what was promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitBrain {
    /// One of them.
    pub one: Slot,
    /// The other.
    pub other: Slot,
}

impl SplitBrain {
    /// Number for C callers and log searches. Stable; never reused.
    #[must_use]
    pub const fn code(&self) -> u16 {
        1
    }
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
    let stands = |record: &&Seen| !records.iter().any(|other| other.overrules(record));
    let overruled = overruled(records);
    if let Some(one) = records.iter().find(|one| !stands(one) && !overruled.contains(one.slot)) {
        // No order can be proven of those in a ring: to go by another that none of them overrules may lose what
        // they were promised.
        let by = records.iter().find(|other| other.overrules(one)).unwrap_or(one);
        return Err(SplitBrain { one: one.slot, other: by.slot });
    }
    for one in records.iter().filter(stands) {
        let apart = |other: &&Seen| one.accuses(other) && other.accuses(one);
        if let Some(other) = records.iter().filter(stands).find(apart) {
            return Err(SplitBrain { one: one.slot, other: other.slot });
        }
    }
    let of = |trusting: bool| {
        let mut newest: Option<(usize, &Seen)> = None;
        let stand = records.iter().enumerate().filter(|(_, record)| stands(record));
        for (index, record) in stand.filter(|(_, record)| !trusting || record.trusts_itself()) {
            if newest.is_none_or(|(_, best)| record.is_newer_than(best, bits)) {
                newest = Some((index, record));
            }
        }
        newest
    };
    let Some((newest, best)) = of(true).or_else(|| of(false)) else { return Ok(None) };
    let differs = |record: &&Seen| {
        let equal = record.generation == best.generation && record.number == best.number;
        equal && (record.absent, record.filling) != (best.absent, best.filling)
    };
    let mut of_equal_number = records.iter().filter(stands).filter(|record| record.trusts_itself());
    if let Some(other) = of_equal_number.find(differs) {
        return Err(SplitBrain { one: best.slot, other: other.slot });
    }
    let older =
        |record: &&Seen| record.generation != best.generation || best.absent.contains(record.slot);
    let stale = records.iter().filter(older).map(|record| record.slot).collect();
    Ok(Some(Freshest { newest, stale }))
}

/// Whose record is overruled by one that stands, perhaps over others that are overruled so.
fn overruled(records: &[Seen]) -> SlotSet {
    let stands = |record: &&Seen| !records.iter().any(|other| other.overrules(record));
    let mut before: SlotSet = records.iter().filter(stands).map(|record| record.slot).collect();
    let mut overruled = SlotSet::EMPTY;
    // Each round but the last adds one of them, at least.
    for _ in records {
        let by = |record: &&Seen| {
            let known = |other: &&Seen| before.contains(other.slot);
            records.iter().filter(known).any(|other| other.overrules(record))
        };
        let found: SlotSet = records.iter().filter(by).map(|record| record.slot).collect();
        overruled = overruled | found;
        before = before | found;
    }
    overruled
}

impl Seen {
    /// A record that calls nobody absent.
    #[must_use]
    pub const fn plain(slot: Slot, generation: Generation) -> Self {
        let (absent, filling) = (SlotSet::EMPTY, SlotSet::EMPTY);
        Self { slot, generation, number: 0, absent, filling }
    }

    /// Whether its member went on without these members, which have gone on without it: no order can be
    /// proven, and [`freshest()`] refuses them together, whatever their generations.
    #[must_use]
    pub fn went_on_without(&self, members: SlotSet) -> bool {
        !members.is_empty() && (self.absent | self.filling).contains_all(members)
    }

    /// Whether this record says that the other's member is not to be believed: it takes no part, or is
    /// being filled.
    fn accuses(&self, other: &Self) -> bool {
        other.slot != self.slot && (self.absent | self.filling).contains(other.slot)
    }

    /// Whether this record was written by a set that had gone on without the other's member.
    fn overrules(&self, other: &Self) -> bool {
        self.accuses(other) && !other.accuses(self)
    }

    fn trusts_itself(&self) -> bool {
        !(self.absent | self.filling).contains(self.slot)
    }

    fn is_newer_than(&self, other: &Self, bits: u8) -> bool {
        let (generation, of_other) = (self.generation, other.generation);
        generation.is_newer_than(of_other, bits)
            || (generation == of_other && self.number > other.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;
    use std::vec::Vec;

    fn seen(slot: u8, generation: u64, number: u64, absent: &[u8]) -> Seen {
        let absent = absent.iter().map(|slot| Slot(*slot)).collect();
        Seen {
            slot: Slot(slot),
            generation: Generation(generation),
            number,
            absent,
            filling: SlotSet::EMPTY,
        }
    }

    /// Case C8.
    #[test]
    fn a_returning_member_is_refused_where_a_start_would_refuse_its_record() {
        for (absent, filling) in (0u64..8).flat_map(|a| (0u64..8).map(move |f| (a, f))) {
            for generation in [3, 4, 5] {
                let slots =
                    |bits: u64| (0..3u8).filter(|slot| bits >> slot & 1 == 1).map(Slot).collect();
                let theirs = Seen {
                    absent: slots(absent & 3),
                    filling: slots(filling & 3),
                    ..seen(2, generation, 9, &[])
                };
                let here = [seen(0, 4, 7, &[2]), seen(1, 4, 7, &[2]), theirs];
                let members = SlotSet::first(2);
                assert_eq!(theirs.went_on_without(members), freshest(&here, 32).is_err());
            }
        }
    }

    #[test]
    fn the_order_in_which_records_are_found_decides_nothing() {
        let newer = seen(0, 4, 11, &[]);
        for older in [seen(1, 4, 10, &[]), seen(1, 3, 12, &[])] {
            let newest = |records: &[Seen]| freshest(records, 32).map(|f| f.map(|f| f.newest));
            assert_eq!(newest(&[newer, older]), Ok(Some(0)), "{newer:?} {older:?}");
            assert_eq!(newest(&[older, newer]), Ok(Some(1)), "{newer:?} {older:?}");
        }
    }

    /// Case C8.
    #[test]
    #[cfg_attr(miri, ignore = "parses a table of the documentation: safe code, slowly")]
    fn every_row_of_the_table_of_verdicts_holds() {
        let verdict = |records: &[Seen]| freshest(records, 32);
        let stale = |slots: &[u8]| slots.iter().map(|slot| Slot(*slot)).collect::<SlotSet>();
        let speaks = |newest, slots| Ok(Some(Freshest { newest, stale: stale(slots) }));
        assert_eq!(verdict(&[]), Ok(None));
        let lines = include_str!("freshest.rs").lines();
        let table = lines.skip_while(|line| *line != "//! | records | verdict |").skip(2);
        let rows: Vec<&str> = table.map_while(|line| line.strip_prefix("//! | ")).collect();
        assert_eq!(rows.len(), 11);
        for row in rows {
            let cells = row.trim_end_matches(" |").split_once(" | ");
            let Some((records, says)) = cells else { panic!("{row:?}") };
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
                "one calls the other's member absent, of equal number" => {
                    let (clean, alone) = (seen(1, 3, 11, &[]), seen(0, 3, 11, &[1]));
                    let third = seen(2, 3, 10, &[]);
                    vec![vec![clean, alone], vec![alone, clean], vec![third, clean, alone]]
                }
                "one calls the other's member absent, of a lower number" => {
                    let (clean, alone) = (seen(1, 3, 12, &[]), seen(0, 3, 11, &[1]));
                    vec![vec![clean, alone], vec![alone, clean]]
                }
                "the highest number is with a member that it is filling" => {
                    let filling = SlotSet::of(Slot(0));
                    let target = Seen { filling, ..seen(0, 3, 12, &[]) };
                    let (source, other) = (Seen { slot: Slot(1), number: 11, ..target }, a);
                    let other = Seen { slot: Slot(2), ..other };
                    vec![vec![target, source, other], vec![other, source, target]]
                }
                "one calls the other's member absent, the other is filling the first" => {
                    let filling = SlotSet::of(Slot(0));
                    vec![vec![seen(0, 3, 10, &[1]), Seen { filling, ..seen(1, 3, 11, &[]) }]]
                }
                "two that call each other's member absent, and a third calls one of them absent" => {
                    // 0 and 2 went on without 1, which never knew that 0 had come back.
                    let (left, third) = (seen(1, 3, 9, &[0]), seen(2, 4, 4, &[1]));
                    vec![vec![left, gone, third], vec![third, left, gone]]
                }
                "three that call each other's member absent in a ring" => {
                    let ring = [seen(0, 3, 9, &[1]), seen(1, 3, 9, &[2]), seen(2, 3, 9, &[0])];
                    vec![vec![ring[0], ring[2], ring[1]], vec![ring[1], ring[0], ring[2]]]
                }
                "three in a ring, and a fourth that calls all of them absent, as they do it" => {
                    // Only the fourth is overruled by nobody, and it is behind.
                    let ring = [
                        seen(0, 3, 9, &[1, 3]),
                        seen(1, 3, 9, &[2, 3]),
                        seen(2, 3, 9, &[0, 3]),
                        seen(3, 3, 12, &[0, 1, 2]),
                    ];
                    let order = |order: [usize; 4]| order.map(|place| ring[place]).to_vec();
                    vec![order([0, 2, 1, 3]), order([1, 0, 3, 2])]
                }
                "of equal number and different content, neither calls the other's member absent" => {
                    vec![vec![seen(0, 3, 11, &[3]), seen(1, 3, 11, &[])]]
                }
                other => panic!("no test knows {other}"),
            };
            for records in found {
                let answer = verdict(&records);
                let place = |slot| records.iter().position(|seen| seen.slot == Slot(slot)).unwrap();
                match says {
                    "the one with the highest number speaks"
                    | "the one with the highest number of a trusted member speaks" => {
                        assert_eq!(answer, speaks(place(1), &[]), "{records:?}");
                    }
                    "the one that does speaks; the other member is stale"
                    | "the newest speaks; the older members are stale" => {
                        assert_eq!(answer, speaks(place(0), &[1]), "{records:?}");
                    }
                    "split brain: refused, never merged" => {
                        let (one, other) = (records[0].slot, records[1].slot);
                        let either = [
                            Err(SplitBrain { one, other }),
                            Err(SplitBrain { one: other, other: one }),
                        ];
                        assert!(either.contains(&answer), "{records:?}: {answer:?}");
                    }
                    other => panic!("no test knows {other}"),
                }
            }
        }
    }
}
