// SPDX-License-Identifier: MIT OR Apache-2.0
//! No plan reads more than the least that algebra allows: for every row of every plan, all sets of
//! members are tried in order of size, and a set will do if what is needed is a linear combination,
//! over the field, of what the set holds.

use crate::stripe::world::{World, geometry, power, products};
use raid_core::array::{Geometry, Level, Placement};
use raid_core::layout::{Layout, Role};
use raid_core::stripe::{self, Health, ReadStep, RowPlan};
use raid_core::units::{Extent, Rows, Slot, SlotSet};
use std::collections::HashMap;

/// Coefficients of one block in terms of the row's old data, one a slot.
type Combination = Vec<u8>;

fn inverse(of: u8) -> u8 {
    let products = products(of);
    (1..=255u8).find(|by| products[usize::from(*by)] == 1).unwrap()
}

/// Whether every one of `needed` is a combination of `given`.
fn spans(given: &[Combination], needed: &[Combination]) -> bool {
    let mut basis: Vec<(usize, Combination)> = Vec::new();
    let reduce = |basis: &[(usize, Combination)], mut row: Combination| {
        for (pivot, by) in basis {
            let products = products(row[*pivot]);
            for (value, by) in row.iter_mut().zip(by) {
                *value ^= products[usize::from(*by)];
            }
        }
        row
    };
    for row in given {
        let row = reduce(&basis, row.clone());
        let Some(pivot) = row.iter().position(|value| *value != 0) else { continue };
        let scale = products(inverse(row[pivot]));
        basis.push((pivot, row.iter().map(|value| scale[usize::from(*value)]).collect()));
    }
    needed.iter().all(|row| reduce(&basis, row.clone()).iter().all(|value| *value == 0))
}

/// What a slot holds in the row of `block`.
fn combination(layout: &Layout<'_>, slot: Slot, block: u64) -> Combination {
    let among = |other: Slot| match layout.role(slot, block) {
        Role::Data(_) => u8::from(other == slot),
        Role::Parity(parity) => match layout.role(other, block) {
            Role::Data(_) if parity == 0 => 1,
            Role::Data(_) => power(other.0),
            _ => 0,
        },
        _ => 0,
    };
    layout.slots().iter().map(among).collect()
}

/// The fewest readable members that give everything needed.
fn least(
    layout: &Layout<'_>,
    block: u64,
    readable: SlotSet,
    needed: &[Combination],
) -> Option<u32> {
    let slots: Vec<Slot> = readable.iter().collect();
    let mut masks: Vec<u32> = (0..1 << slots.len()).collect();
    masks.sort_by_key(|mask| mask.count_ones());
    let given: Vec<_> = slots.iter().map(|slot| combination(layout, *slot, block)).collect();
    masks.into_iter().find_map(|mask| {
        let chosen: Vec<_> =
            (0..slots.len()).filter(|at| mask >> at & 1 != 0).map(|at| given[at].clone()).collect();
        spans(&chosen, needed).then_some(mask.count_ones())
    })
}

/// How often `block` of any member is read.
fn reads_of(plan: &RowPlan, block: u64) -> u32 {
    let of = |at: Extent| at.start.0 <= block && block < at.start.0 + at.len.0;
    plan.reads().filter(|io| of(io.at)).count() as u32
}

/// All ways in which up to `most` slots cannot be read.
fn healths(slots: u16, most: u16) -> Vec<Health> {
    (0..3u32.pow(u32::from(slots)))
        .map(|mut code| {
            let mut health = Health::OPTIMAL;
            for slot in (0..slots as u8).map(Slot) {
                match code % 3 {
                    1 => health.unavailable.insert(slot),
                    2 => health.write_only.insert(slot),
                    _ => {}
                }
                code /= 3;
            }
            health
        })
        .filter(|health| (health.unavailable | health.write_only).len() <= most)
        .collect()
}

struct Least {
    layout: Layout<'static>,
    known: HashMap<(u64, SlotSet, Vec<Combination>), Option<u32>>,
}

impl Least {
    fn of(&mut self, block: u64, readable: SlotSet, needed: Vec<Combination>) -> Option<u32> {
        let stripe = block / self.layout.row_unit();
        let layout = self.layout;
        self.known
            .entry((stripe, readable, needed.clone()))
            .or_insert_with(|| least(&layout, block, readable, &needed))
            .to_owned()
    }

    /// What must be known to write `wanted` in a row: what the other data add to each parity.
    fn of_write(&mut self, block: u64, health: Health, wanted: SlotSet) -> Option<u32> {
        let slots = self.layout.slots();
        let readable = slots.without(health.unavailable | health.write_only);
        let parity = |slot: &Slot| matches!(self.layout.role(*slot, block), Role::Parity(_));
        let needed = slots.without(health.unavailable).iter().filter(parity).map(|slot| {
            let mut whole = combination(&self.layout, slot, block);
            wanted.iter().for_each(|slot| whole[slot.index()] = 0);
            whole
        });
        let needed = needed.collect();
        self.of(block, readable, needed)
    }

    fn of_slots(&mut self, block: u64, readable: SlotSet, wanted: SlotSet) -> Option<u32> {
        let needed = wanted.iter().map(|slot| combination(&self.layout, slot, block)).collect();
        self.of(block, readable, needed)
    }
}

/// The slots of the data blocks of `at` whose member block is `block`.
fn wanted(layout: &Layout<'_>, at: Extent, block: u64) -> SlotSet {
    (at.start.0..at.start.0 + at.len.0)
        .filter_map(|data| layout.locate(data))
        .filter(|place| place.block.0 == block)
        .map(|place| place.slot)
        .collect()
}

fn sets() -> Vec<Geometry> {
    let small = |level, placement, slots| geometry(level, placement, slots, 2, slots.into());
    vec![
        small(Level::Raid5, Placement::NContinue, 3),
        small(Level::Raid5, Placement::NRestart, 5),
        small(Level::Raid4, Placement::ParityLast, 5),
        small(Level::Raid6, Placement::NContinue, 4),
        small(Level::Raid6, Placement::ZeroRestart, 5),
        small(Level::Raid6, Placement::NRestart, 6),
        small(Level::Raid5EE, Placement::ZeroRestart, 5),
    ]
}

/// Requests inside the first two stripe rows.
fn requests(layout: &Layout<'_>) -> Vec<Extent> {
    let row = layout.row_unit() * u64::from(layout.row_map(0).unwrap().data_strips());
    let inside = |start: u64| (1..=row - start % row).map(move |len| Extent::new(start, len));
    (0..row * 2).flat_map(inside).collect()
}

#[test]
fn no_write_reads_more_than_it_must() {
    for geometry in sets() {
        let layout = World::new(&geometry).layout;
        let mut least = Least { layout, known: HashMap::new() };
        for health in healths(geometry.slots, geometry.parity_strips().into()) {
            for at in requests(&layout) {
                for plan in stripe::write(&layout, health, at).map(Result::unwrap) {
                    for row in plan.rows().start.0..plan.rows().end().0 {
                        let wanted = wanted(&layout, at, row);
                        let fewest = if wanted.is_empty() {
                            0
                        } else {
                            least.of_write(row, health, wanted).unwrap()
                        };
                        assert_eq!(
                            reads_of(&plan, row),
                            fewest,
                            "{geometry:?} {health:?} {at:?} {row}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn no_read_reads_more_than_it_must() {
    for geometry in sets() {
        let layout = World::new(&geometry).layout;
        let mut least = Least { layout, known: HashMap::new() };
        for health in healths(geometry.slots, geometry.parity_strips().into()) {
            let readable = layout.slots().without(health.unavailable | health.write_only);
            for at in requests(&layout) {
                let mut reads: HashMap<u64, u32> = HashMap::new();
                for step in stripe::read(&layout, health, at, None) {
                    match step.unwrap() {
                        ReadStep::Direct(io) => {
                            for block in io.at.start.0..io.at.start.0 + io.at.len.0 {
                                *reads.entry(block).or_default() += 1;
                            }
                        }
                        ReadStep::Reconstruct(plan) => {
                            for row in plan.rows().start.0..plan.rows().end().0 {
                                *reads.entry(row).or_default() += reads_of(&plan, row);
                            }
                        }
                    }
                }
                for (row, count) in reads {
                    let wanted = wanted(&layout, at, row);
                    let fewest = least.of_slots(row, readable, wanted).unwrap();
                    assert_eq!(count, fewest, "{geometry:?} {health:?} {at:?} {row}");
                }
            }
        }
    }
}

#[test]
fn no_rebuild_reads_more_than_it_must() {
    for geometry in sets() {
        let layout = World::new(&geometry).layout;
        let mut least = Least { layout, known: HashMap::new() };
        for health in healths(geometry.slots, geometry.parity_strips().into()) {
            let readable = layout.slots().without(health.unavailable | health.write_only);
            let rows = Rows::new(0, layout.rows());
            for plan in stripe::rebuild(&layout, health, health.write_only, rows) {
                let plan = plan.unwrap();
                let row = plan.rows().start.0;
                let targets = plan.writes().map(|io| io.slot).collect();
                let fewest = least.of_slots(row, readable, targets).unwrap();
                assert_eq!(reads_of(&plan, row), fewest, "{geometry:?} {health:?} {row}");
            }
        }
    }
}
