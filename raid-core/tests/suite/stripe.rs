// SPDX-License-Identifier: MIT OR Apache-2.0
//! The stripe planner against a model: every level, random failures, rebuilds, scrubs.
//!
//! Not for Miri, which takes minutes a test over this much data: the only unsafe code in reach is
//! the backend's, and that has tests of its own.

mod interrupted;
mod kernel;
mod least;
mod machine;
mod world;

use proptest::prelude::*;
use raid_core::array::{Geometry, Level, Placement, QNumbering};
use raid_core::backend::Backend;
use raid_core::layout::Layout;
use raid_core::stripe::{
    self, BadRange, Buffer, ComputeError, Health, HealthByRow, Mark, Method, NotPossible, ReadStep,
    Repair,
};
use raid_core::units::{Blocks, Extent, Lba, Row, Rows, Slot, SlotSet};
use std::collections::BTreeSet;
use world::{BLOCK, World, bytes, geometry};

/// Every level that can be planned, with every placement it has; small members.
pub(crate) fn every_geometry(slots: u16, strip: u64, rows: u64) -> Vec<Geometry> {
    use Placement::{Adjacent, Far, Fixed, Offset, ParityFirst, ParityLast};
    use Placement::{FarCopies, NearCopies, OffsetCopies};
    use Placement::{NContinue, NRestart, ZeroContinue, ZeroRestart};
    let of = |level, placement| geometry(level, placement, slots, strip, rows);
    let mut all = vec![
        of(Level::Raid0, Fixed),
        of(Level::Raid1, Fixed),
        of(Level::Concat, Fixed),
        geometry(Level::Single, Fixed, 1, strip, rows),
        of(Level::Raid1E, Adjacent),
        of(Level::Raid1E, Offset),
        of(Level::Raid1E, Far),
        of(Level::Raid10, NearCopies(3)),
        of(Level::Raid10, OffsetCopies(3)),
        of(Level::Raid10, FarCopies(3)),
        of(Level::Raid3, ParityFirst),
        of(Level::Raid3, ParityLast),
        of(Level::Raid4, ParityFirst),
        of(Level::Raid4, ParityLast),
    ];
    let levels = [Level::Raid5, Level::Raid5E, Level::Raid5EE, Level::Raid5R, Level::Raid6];
    for level in levels.into_iter().chain([Level::Mdf]) {
        for placement in [ZeroRestart, ZeroContinue, NRestart, NContinue] {
            let geometry = of(level, placement);
            all.push(geometry);
            if level == Level::Raid6 {
                all.push(Geometry { q_numbering: QNumbering::ByData, ..geometry });
            }
        }
    }
    all
}

fn raid5(slots: u16) -> Geometry {
    geometry(Level::Raid5, Placement::NContinue, slots, 4, 6)
}

fn raid6(slots: u16) -> Geometry {
    geometry(Level::Raid6, Placement::NContinue, slots, 4, 7)
}

fn mirror(slots: u16) -> Geometry {
    geometry(Level::Raid1, Placement::Fixed, slots, 0, 0).with_members(20)
}

trait WithMembers {
    fn with_members(self, blocks: u64) -> Self;
}

impl WithMembers for Geometry {
    fn with_members(self, blocks: u64) -> Self {
        Self { member_blocks: Blocks(blocks), ..self }
    }
}

fn slots<const N: usize>(slots: [u8; N]) -> SlotSet {
    slots.map(Slot).into_iter().collect()
}

fn without(unavailable: SlotSet) -> Health {
    Health { unavailable, ..Health::OPTIMAL }
}

#[test]
fn a_first_write_of_everything_reads_nothing_and_leaves_every_member_as_it_must_be() {
    for geometry in every_geometry(5, 2, 6) {
        let mut world = World::new(&geometry);
        world.assert_members_agree();
        world.assert_all_reads_as_modelled();
        let whole = Extent::new(0, world.layout.set_blocks().0);
        let way = if geometry.parity_strips() > 0 { Method::FullStripe } else { Method::Copy };
        assert!(world.write(whole).into_iter().all(|method| method == way));
    }
}

#[test]
fn every_request_of_a_small_set_is_written_and_read_in_every_state_it_survives() {
    let all = [
        geometry(Level::Raid5, Placement::NContinue, 4, 2, 2),
        geometry(Level::Raid6, Placement::NContinue, 4, 2, 2),
        geometry(Level::Raid1E, Placement::Adjacent, 3, 2, 4),
        geometry(Level::Raid10, Placement::OffsetCopies(3), 4, 1, 6),
        geometry(Level::Raid3, Placement::ParityLast, 4, 1, 4),
    ];
    for geometry in &all {
        for (failed, few) in (0..1u8 << geometry.slots).flat_map(|it| [(it, u64::MAX), (it, 1)]) {
            let mut world = World::new(geometry);
            world.rows_at_a_time = few;
            for slot in (0..geometry.slots as u8).filter(|slot| failed >> slot & 1 != 0) {
                if world.survives_without(Slot(slot)) {
                    world.fail(Slot(slot));
                }
            }
            let end = world.layout.set_blocks().0;
            for start in 0..end {
                for len in 1..=end - start {
                    world.write(Extent::new(start, len));
                    world.assert_reads_as_modelled(Extent::new(start, len), None);
                }
            }
            world.assert_all_reads_as_modelled();
            world.assert_members_agree();
        }
    }
}

#[derive(Clone, Debug)]
enum Act {
    Write(u64, u64),
    Read(u64, u64, Option<u8>),
    Fail(u8),
    Replace,
    Fill(u64),
    Spoil(u8, u64, u64),
    Rebuild(u64),
    Resync,
    Scrub,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (any::<u64>(), 1..40u64).prop_map(|(start, len)| Act::Write(start, len)),
        2 => (any::<u64>(), 1..40u64, any::<Option<u8>>())
            .prop_map(|(start, len, prefer)| Act::Read(start, len, prefer)),
        3 => any::<u8>().prop_map(Act::Fail),
        2 => Just(Act::Replace),
        2 => any::<u64>().prop_map(Act::Fill),
        3 => (any::<u8>(), any::<u64>(), 1..6u64)
            .prop_map(|(slot, start, len)| Act::Spoil(slot, start, len)),
        1 => (1..9u64).prop_map(Act::Rebuild),
        1 => Just(Act::Resync),
        1 => Just(Act::Scrub),
    ]
}

/// A request inside the set.
fn clip(world: &World, start: u64, len: u64) -> Extent {
    let end = world.layout.set_blocks().0;
    let start = start % end;
    Extent::new(start, len.min(end - start))
}

fn perform(world: &mut World, act: &Act) {
    let rows = Rows::new(0, world.layout.rows());
    match *act {
        Act::Write(start, len) => {
            world.write(clip(world, start, len));
        }
        Act::Read(start, len, prefer) => {
            world.assert_reads_as_modelled(clip(world, start, len), prefer.map(Slot));
        }
        Act::Fail(slot) => {
            let slot = Slot((u16::from(slot) % world.layout.geometry().slots) as u8);
            if world.survives_without(slot) {
                world.fail(slot);
            }
        }
        Act::Replace => {
            if let Some(slot) = world.health.unavailable.lowest() {
                world.replace(slot);
            }
        }
        Act::Fill(row) => {
            if let Some(slot) = world.health.write_only.lowest() {
                world.fill_up_to(slot, row % (world.layout.rows() + 1));
            }
        }
        Act::Spoil(slot, start, len) => {
            let slot = Slot((u16::from(slot) % world.layout.geometry().slots) as u8);
            let start = start % world.layout.geometry().member_blocks.0;
            world.spoil(slot, Extent::new(start, len));
        }
        Act::Rebuild(window) => world.rebuild(window),
        Act::Resync => {
            let told = world.clone();
            for plan in stripe::resync(&told.layout, told.by_row(), rows) {
                world.execute(&plan.unwrap(), &[]);
            }
        }
        Act::Scrub => {
            for plan in stripe::scrub(&world.layout, world.by_row(), rows) {
                for plan in world.parts(&plan.unwrap()) {
                    let mut slab = world.fill_slab(&plan);
                    assert!(plan.verify(Backend::portable(), &mut slab).unwrap().is_clean());
                    assert_eq!(plan.writes().count(), 0);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Every row is planned as if all rows were in its state, wherever marks and bad ranges cut.
    #[test]
    fn rows_of_different_health_are_planned_as_each_would_be_alone(
        geometry in proptest::sample::select(every_geometry(6, 8, 3)),
        marks in proptest::collection::vec((0..6u8, 0..26u64), 0..3),
        bad in proptest::collection::vec((0..6u8, 0..26u64, 1..9u64), 0..3),
        failed in proptest::option::of(0..6u8),
        start in any::<u64>(),
        len in 1..60u64,
    ) {
        let layout = Layout::new(&geometry).unwrap();
        let marks: Vec<_> = marks.into_iter().map(|(slot, row)| Mark { slot: Slot(slot), row: Row(row) }).collect();
        let bad: Vec<_> = bad.into_iter()
            .map(|(slot, start, len)| BadRange { slot: Slot(slot), at: Extent::new(start, len) })
            .collect();
        let health = without(failed.map(Slot).into_iter().collect());
        let by_row = HealthByRow { health, marks: &marks, bad: &bad };
        // Members of RAID-1E and raid10 keep a row at several addresses: there only by the model.
        if geometry.parity_strips() == 0 {
            return Ok(());
        }
        let end = layout.set_blocks().0;
        let at = Extent::new(start % end, len.min(end - start % end));
        let at_row = |row: u64| {
            let mut health = health;
            marks.iter().filter(|mark| mark.row.0 <= row).for_each(|mark| health.write_only.insert(mark.slot));
            let here = |bad: &&BadRange| bad.at.contains(Extent::new(row, 1));
            bad.iter().filter(here).for_each(|bad| health.write_only.insert(bad.slot));
            health
        };
        let reads = |plan: &stripe::RowPlan, row: u64| -> SlotSet {
            let here = |io: &stripe::SlabIo| io.at.contains(Extent::new(row, 1));
            plan.reads().filter(here).map(|io| io.slot).collect()
        };
        let mut at_block = at.start.0;
        for plan in stripe::write(&layout, by_row, at) {
            let Ok(plan) = plan else { return Ok(()) };
            let part = Extent { start: Lba(at_block), len: plan.request().unwrap().len };
            at_block += part.len.0;
            let touched: BTreeSet<u64> = (part.start.0..at_block)
                .map(|block| layout.locate_byte(block, 0).unwrap().block.0)
                .collect();
            for row in plan.rows().start.0..plan.rows().end().0 {
                if !touched.contains(&row) {
                    prop_assert!(reads(&plan, row).is_empty());
                    continue;
                }
                let alone = stripe::write(&layout, at_row(row), part).next().unwrap().unwrap();
                prop_assert_eq!(reads(&plan, row), reads(&alone, row), "row {} of {:?}", row, part);
                let writes = |plan: &stripe::RowPlan| -> SlotSet {
                    let here = |io: &stripe::WriteIo| io.at.contains(Extent::new(row, 1));
                    plan.writes().filter(here).map(|io| io.slot).collect()
                };
                prop_assert_eq!(writes(&plan), writes(&alone));
            }
        }
        prop_assert_eq!(at_block, at.start.0 + at.len.0);
    }

    #[test]
    fn whatever_happens_members_and_readers_see_what_was_written(
        geometry in (3..8u16, 1..5u64, 4..8u64)
            .prop_flat_map(|(slots, strip, rows)| {
                proptest::sample::select(every_geometry(slots, strip, rows))
            })
            .prop_filter("has a layout", |geometry| Layout::new(geometry).is_ok()),
        acts in proptest::collection::vec(act(), 1..20),
        few in 1..9u64,
    ) {
        let mut world = World::new(&geometry);
        world.rows_at_a_time = few;
        for act in &acts {
            perform(&mut world, act);
        }
        world.assert_members_agree();
        world.assert_all_reads_as_modelled();
        world.rebuild(5);
        world.assert_members_agree();
        world.assert_all_reads_as_modelled();
    }
}

#[test]
fn methods_are_chosen_by_the_blocks_they_read() {
    let mut world = World::new(&raid5(6));
    // 5 data strips of 4 blocks a row.
    assert_eq!(world.write(Extent::new(0, 20)), [Method::FullStripe]);
    assert_eq!(world.write(Extent::new(0, 4)), [Method::ReadModifyWrite]);
    assert_eq!(world.write(Extent::new(1, 2)), [Method::ReadModifyWrite]);
    assert_eq!(world.write(Extent::new(0, 12)), [Method::ReconstructWrite]);
    // 2 strips: 3 reads either way; the way that does not trust old parity.
    assert_eq!(world.write(Extent::new(0, 8)), [Method::ReconstructWrite]);
    // One strip and a half: each half its own way.
    assert_eq!(world.write(Extent::new(0, 6)), [Method::Mixed]);
    assert_eq!(world.write(Extent::new(0, 0)), []);
    // Row 0 is 0 1 2 P. Without strip 2 both ways left read three; nothing need be recovered.
    let mut world = World::new(&raid5(4));
    world.fail(Slot(2));
    assert_eq!(world.write(Extent::new(0, 8)), [Method::ReadModifyWrite]);
}

#[test]
fn a_write_that_distrusts_parity_makes_it_true_where_a_read_modify_write_would_not() {
    let mut world = World::new(&raid5(6));
    corrupt(&mut world, 5, 2);
    let at = Extent::new(0, 4);
    assert_eq!(world.write(at), [Method::ReadModifyWrite]);
    assert_eq!(scrub(&mut world, None).0, [(2, 1, SlotSet::EMPTY)]);
    let new = world.noise(4);
    let plans: Vec<_> =
        stripe::write(&world.layout, world.health, at).distrusting_parity().collect();
    assert_eq!(plans.len(), 1);
    let plan = plans[0].unwrap();
    assert_eq!(plan.method(), Method::ReconstructWrite);
    world.execute(&plan, &new);
    world.model[bytes(at)].copy_from_slice(&new);
    world.assert_members_agree();
    // Lost data that stays could come from parity only.
    let mut plans = stripe::write(&world.layout, without(slots([1])), at).distrusting_parity();
    assert!(matches!(plans.next(), Some(Err(NotPossible::Lost { .. }))));
    // Lost data that is overwritten is not needed.
    let mut plans = stripe::write(&world.layout, without(slots([0])), at).distrusting_parity();
    assert_eq!(plans.next().unwrap().unwrap().method(), Method::ReconstructWrite);
}

#[test]
fn missing_parity_is_skipped_and_lost_data_goes_into_parity() {
    let mut world = World::new(&raid5(4));
    // Row 0 is 0 1 2 P.
    world.fail(Slot(3));
    assert_eq!(world.write(Extent::new(0, 4)), [Method::WithoutParity]);
    let plan =
        stripe::write(&world.layout, world.health, Extent::new(0, 4)).next().unwrap().unwrap();
    assert_eq!((plan.reads().count(), plan.slab_blocks()), (0, Blocks(0)));
    assert_eq!(plan.writes().map(|io| io.slot).collect::<Vec<_>>(), [Slot(0)]);

    let mut world = World::new(&raid5(4));
    world.fail(Slot(0));
    let plan =
        stripe::write(&world.layout, world.health, Extent::new(0, 4)).next().unwrap().unwrap();
    assert_eq!(plan.method(), Method::ReconstructWrite);
    assert_eq!(plan.reads().map(|io| io.slot).collect::<Vec<_>>(), [Slot(1), Slot(2)]);
    assert_eq!(plan.writes().map(|io| io.slot).collect::<Vec<_>>(), [Slot(3)]);
    world.write(Extent::new(0, 4));
    world.assert_all_reads_as_modelled();
}

#[test]
fn two_lost_strips_of_which_one_is_written_are_solved_first() {
    let mut world = World::new(&raid6(6));
    // Row 0 is 0 1 2 3 Q P.
    world.fail(Slot(0));
    world.fail(Slot(1));
    assert_eq!(world.write(Extent::new(0, 4)), [Method::SolveThenWrite]);
    world.assert_all_reads_as_modelled();
    world.assert_members_agree();
}

#[test]
fn new_data_is_written_from_the_request_and_parity_from_the_slab() {
    let world = World::new(&raid5(4));
    let plan =
        stripe::write(&world.layout, world.health, Extent::new(6, 4)).next().unwrap().unwrap();
    let writes: Vec<_> = plan.writes().map(|io| (io.slot.0, io.at, io.from)).collect();
    // Block 6 is in strip 1, block 8 opens strip 2; row 0 is 0 1 2 P. Where P goes in the slab is
    // the plan's own affair.
    assert_eq!(writes[0], (1, Extent::new(2, 2), Buffer::Request(Blocks(0))));
    assert_eq!(writes[1], (2, Extent::new(0, 2), Buffer::Request(Blocks(2))));
    assert!(matches!(writes[2], (3, at, Buffer::Slab(_)) if at == Extent::new(0, 4)));
    assert_eq!(writes.len(), 3);
    assert_eq!(plan.rows(), Rows::new(0, 4));
}

#[test]
fn what_cannot_be_had_is_refused_and_the_rest_is_served() {
    for geometry in every_geometry(5, 2, 6) {
        let mut world = World::new(&geometry);
        let tolerance = (0..geometry.slots as u8).map(Slot).collect::<Vec<_>>();
        for slot in tolerance {
            world.fail(slot);
            let whole = Extent::new(0, world.layout.set_blocks().0);
            for (block, part) in (0..whole.len.0)
                .map(|block| (block, world.try_read(Extent::new(block, 1), None).pop().unwrap()))
            {
                if let Ok(part) = part {
                    assert!(part == world.modelled(block), "{geometry:?} block {block}");
                }
            }
            // One request for everything gives as much as one request a block.
            for part in world.try_read(whole, None) {
                assert!(part.is_ok() || !world.survives_without(slot));
            }
            for plan in stripe::write(&world.layout, world.health, whole) {
                let refused = matches!(plan, Err(NotPossible::Lost { .. }));
                assert!(!refused || !world.survives_without(slot), "{geometry:?}");
            }
        }
    }
}

#[test]
fn a_plan_is_cut_where_health_changes_and_stays_one_plan() {
    // Row 0 is 0 1 2 3 4 P, strips of 8 rows; slot 1 is rebuilt up to row 3.
    let mut world = World::new(&geometry(Level::Raid5, Placement::NContinue, 6, 8, 6));
    world.fail(Slot(1));
    world.replace(Slot(1));
    world.fill_up_to(Slot(1), 3);
    let reads = |at| match stripe::read(&world.layout, world.by_row(), at, None).next() {
        Some(Ok(ReadStep::Reconstruct(plan))) => {
            plan.reads().map(|io| (io.slot.0, io.at.start.0, io.at.len.0)).collect::<Vec<_>>()
        }
        step => panic!("{step:?}"),
    };
    // Below the mark the strip itself, from it on the others and P.
    let expected = [(0, 3, 5), (1, 0, 3), (2, 3, 5), (3, 3, 5), (4, 3, 5), (5, 3, 5)];
    assert_eq!(reads(Extent::new(8, 8)), expected);
    // Old data and old parity below; above, the old data is not to be had.
    assert_eq!(world.write(Extent::new(8, 8)), [Method::Mixed]);
    assert_eq!(world.write(Extent::new(8, 3)), [Method::ReadModifyWrite]);
    assert_eq!(world.write(Extent::new(11, 5)), [Method::ReconstructWrite]);
    assert_eq!(world.write(Extent::new(0, 40)), [Method::FullStripe]);
    world.assert_members_agree();
    world.assert_all_reads_as_modelled();

    // Another member's bad range below the mark is made up for, above it is not.
    for (row, lost) in [(1, false), (5, true)] {
        let bad = [BadRange { slot: Slot(2), at: Extent::new(row, 1) }];
        let by_row = HealthByRow { bad: &bad, ..world.by_row() };
        let all = Extent::new(16, 8);
        let refused: Vec<_> =
            stripe::read(&world.layout, by_row, all, None).filter_map(Result::err).collect();
        let expected = NotPossible::Lost { missing: slots([1, 2]), rows: Rows::new(5, 1) };
        assert_eq!(refused, if lost { vec![expected] } else { vec![] });
        let writes: Vec<_> = stripe::write(&world.layout, by_row, all).collect();
        assert_eq!(writes.iter().filter_map(|plan| plan.err()).collect::<Vec<_>>(), refused);
        let rest = Rows::new(3, 5);
        let plans = stripe::rebuild(&world.layout, by_row, slots([1]), rest);
        assert_eq!(plans.filter_map(Result::err).collect::<Vec<_>>(), refused);
    }
}

#[test]
fn more_changes_of_health_than_a_plan_holds_are_planned_strip_by_strip() {
    for geometry in every_geometry(6, 16, 3) {
        let mut world = World::new(&geometry);
        if geometry.slots < 3 {
            continue;
        }
        for row in (1..16).step_by(2) {
            world.spoil(Slot(2), Extent::new(row, 1));
        }
        assert!(world.bad.len() == 8 || !world.survives_without(Slot(2)));
        let all = Extent::new(0, world.layout.set_blocks().0);
        world.assert_all_reads_as_modelled();
        for start in [0, 3, 17] {
            let len = (all.len.0 - start).min(70);
            world.write(Extent::new(start, len));
        }
        world.assert_members_agree();
        world.assert_all_reads_as_modelled();
        world.rebuild(7);
        world.assert_members_agree();
    }
}

#[test]
fn a_write_that_could_not_be_read_back_is_refused() {
    let layout = Layout::new(&raid5(4)).unwrap();
    // Full stripes need no reads, and are refused all the same.
    let lost = without(slots([0, 1]));
    let refusal = stripe::write(&layout, lost, Extent::new(0, 12)).next().unwrap().unwrap_err();
    assert_eq!(refusal, NotPossible::Lost { missing: slots([0, 1]), rows: Rows::new(0, 4) });
    assert_eq!(refusal.to_string(), "rows 0 to 4 cannot be served without slots {0, 1}");
    let filling = Health { unavailable: slots([0]), write_only: slots([3]) };
    assert!(stripe::write(&layout, filling, Extent::new(0, 12)).next().unwrap().is_err());
    let layout = Layout::new(&mirror(2)).unwrap();
    let filling = Health { unavailable: slots([0]), write_only: slots([1]) };
    assert!(stripe::write(&layout, filling, Extent::new(0, 1)).next().unwrap().is_err());
    assert!(stripe::read(&layout, filling, Extent::new(0, 1), None).next().unwrap().is_err());
}

#[test]
fn requests_past_the_end_are_refused_whole() {
    let layout = Layout::new(&raid5(4)).unwrap();
    let expected = layout.set_blocks().0;
    let refusal = |end| NotPossible::OutOfRange { end, expected };
    for (start, len, end) in [(expected, 1, expected + 1), (0, expected + 1, expected + 1)] {
        let at = Extent::new(start, len);
        let steps: Vec<_> = stripe::read(&layout, Health::OPTIMAL, at, None).collect();
        assert_eq!(steps, [Err(refusal(end))]);
        let plans: Vec<_> = stripe::write(&layout, Health::OPTIMAL, at).collect();
        assert_eq!(plans, [Err(refusal(end))]);
    }
    let at = Extent::new(u64::MAX, 2);
    let plans: Vec<_> = stripe::write(&layout, Health::OPTIMAL, at).collect();
    assert_eq!(plans, [Err(refusal(u64::MAX))]);
    let largest = Layout::new(&mirror(2).with_members(u64::MAX)).unwrap();
    let past = Extent::new(u64::MAX - 1, 2);
    assert!(stripe::write(&largest, Health::OPTIMAL, past).next().unwrap().is_err());
    let last = Extent::new(u64::MAX - 1, 1);
    assert!(stripe::write(&largest, Health::OPTIMAL, last).next().unwrap().is_ok());
    let rows = Rows::new(0, layout.rows() + 1);
    let plans: Vec<_> = stripe::resync(&layout, Health::OPTIMAL, rows).collect();
    let expected = layout.rows();
    assert_eq!(plans, [Err(NotPossible::OutOfRange { end: expected + 1, expected })]);
    assert_eq!(stripe::write(&layout, Health::OPTIMAL, Extent::new(0, 0)).next(), None);
}

#[test]
fn unknown_parity_is_read_as_it_is_and_never_computed() {
    let mdf = geometry(Level::Mdf, Placement::ZeroRestart, 6, 2, 6);
    let layout = Layout::new(&Geometry { parities: 3, ..mdf }).unwrap();
    let unknown = |rows| NotPossible::ParityUnknown { parities: 3, rows };
    let at = Extent::new(0, 2);
    let step = stripe::read(&layout, Health::OPTIMAL, at, None).next().unwrap();
    assert!(matches!(step, Ok(ReadStep::Direct(io)) if io.slot == Slot(3)));
    let rows = Rows::new(0, 2);
    let lost = without(slots([3]));
    assert_eq!(stripe::read(&layout, lost, at, None).next(), Some(Err(unknown(rows))));
    assert_eq!(stripe::write(&layout, Health::OPTIMAL, at).next(), Some(Err(unknown(rows))));
    for mut plans in [
        stripe::scrub(&layout, Health::OPTIMAL, rows),
        stripe::resync(&layout, Health::OPTIMAL, rows),
        stripe::rebuild(&layout, Health::OPTIMAL, slots([3]), rows),
    ] {
        assert_eq!(plans.next(), Some(Err(unknown(rows))));
    }
}

#[test]
fn mirrors_read_the_preferred_copy_or_take_turns() {
    let layout = Layout::new(&mirror(3).with_members(2048)).unwrap();
    let source =
        |health, block, prefer| match stripe::read(&layout, health, Extent::new(block, 8), prefer)
            .next()
        {
            Some(Ok(ReadStep::Direct(io))) => io.slot.0,
            step => panic!("{step:?}"),
        };
    assert_eq!(source(Health::OPTIMAL, 0, Some(Slot(2))), 2);
    assert_eq!(source(without(slots([2])), 0, Some(Slot(2))), 0);
    let turns: Vec<_> = (0..4).map(|turn| source(Health::OPTIMAL, turn * 256, None)).collect();
    assert_eq!(turns, [0, 1, 2, 0]);
    let turns: Vec<_> = (0..4).map(|turn| source(without(slots([1])), turn * 256, None)).collect();
    assert_eq!(turns, [0, 2, 0, 2]);
    // A mirror's request is one step however long it is.
    let all = Extent::new(0, 2048);
    assert_eq!(stripe::read(&layout, Health::OPTIMAL, all, None).count(), 1);
    assert_eq!(stripe::write(&layout, Health::OPTIMAL, all).count(), 1);
}

#[test]
fn resync_makes_parity_and_copies_follow_the_data() {
    for geometry in every_geometry(5, 2, 6) {
        let mut world = World::new(&geometry);
        let rubbish: Vec<_> =
            (0..geometry.slots).map(|_| world.noise(geometry.member_blocks.0)).collect();
        world.members = rubbish;
        for block in 0..world.layout.set_blocks().0 {
            let Some(source) = world.layout.copies(block).min_by_key(|copy| copy.slot) else {
                for (byte, offset) in (block as usize * BLOCK..).zip(0..BLOCK as u32) {
                    let at = world.layout.locate_byte(block, offset).unwrap();
                    let from = at.block.0 as usize * BLOCK + at.offset as usize;
                    world.model[byte] = world.members[at.slot.index()][from];
                }
                continue;
            };
            let at = Extent { start: source.block, len: Blocks(1) };
            let data = world.members[source.slot.index()][bytes(at)].to_vec();
            world.model[bytes(Extent::new(block, 1))].copy_from_slice(&data);
        }
        let rows = Rows::new(0, world.layout.rows());
        for plan in stripe::resync(&world.layout.clone(), world.health, rows) {
            world.execute(&plan.unwrap(), &[]);
        }
        world.assert_members_agree();
    }
}

#[test]
fn a_degraded_resync_recomputes_only_parity_that_is_not_needed_for_recovery() {
    let world = World::new(&raid6(6));
    // Row 0 is 0 1 2 3 Q P.
    let rows = Rows::new(0, 4);
    let plan = |lost| stripe::resync(&world.layout, without(lost), rows).next();
    let one = plan(slots([0])).unwrap().unwrap();
    assert_eq!(one.writes().map(|io| io.slot).collect::<Vec<_>>(), [Slot(4)]);
    assert!(plan(slots([0, 1])).is_none());
    assert!(plan(slots([0, 5])).is_none());
    assert!(matches!(plan(slots([0, 1, 2])), Some(Err(NotPossible::Lost { .. }))));
    let raid5 = World::new(&self::raid5(4));
    assert_eq!(stripe::resync(&raid5.layout, without(slots([1])), rows).next(), None);
}

#[test]
fn a_rebuild_computes_and_holds_no_more_than_it_writes() {
    let layout = Layout::new(&raid6(6)).unwrap();
    // Row 0 is 0 1 2 3 Q P: three strips and P are read, one is recovered, Q is left out.
    let rows = Rows::new(1, 2);
    let mut plans = stripe::rebuild(&layout, Health::OPTIMAL, slots([0]), rows);
    let plan = plans.next().unwrap().unwrap();
    assert_eq!(plan.slab_blocks(), Blocks(5 * 2));
    assert_eq!(plan.reads().map(|io| io.slot).collect::<SlotSet>(), slots([1, 2, 3, 5]));
    assert_eq!(plan.rows(), rows);
    assert_eq!((plan.request(), plan.block_size()), (None, 512));
}

#[test]
fn a_lost_spare_strip_costs_its_row_nothing() {
    // P S 0 1 | 2 P S 3 | 4 5 P S | S 6 7 P: rows of strips of 2 blocks.
    let spare = geometry(Level::Raid5EE, Placement::ZeroRestart, 4, 2, 4);
    let layout = Layout::new(&spare).unwrap();
    let health = without(slots([1, 2]));
    let whole = Extent::new(0, layout.set_blocks().0);
    let possible: Vec<_> = stripe::write(&layout, health, whole).map(|plan| plan.is_ok()).collect();
    assert_eq!(possible, [true, true, false, false]);
    let refused = stripe::write(&layout, health, whole).find_map(Result::err).unwrap();
    let expected = NotPossible::Lost { missing: slots([1, 2]), rows: Rows::new(4, 2) };
    assert_eq!(refused, expected);
    // Nor is it named among those that are missing: row 0 lacks slots 2 and 3, and its spare strip.
    let health = without(slots([1, 2, 3]));
    let refused = stripe::write(&layout, health, Extent::new(0, 4)).next().unwrap().unwrap_err();
    let expected = NotPossible::Lost { missing: slots([2, 3]), rows: Rows::new(0, 2) };
    assert_eq!(refused, expected);
}

#[test]
fn rows_in_which_a_target_has_no_part_are_not_rebuilt() {
    // Slot 0 is spare space in row 3 of P S 0 1 | 2 P S 3 | 4 5 P S | S 6 7 P.
    let spare = geometry(Level::Raid5EE, Placement::ZeroRestart, 4, 2, 4);
    let layout = Layout::new(&spare).unwrap();
    let rows = Rows::new(0, 8);
    let plans = stripe::rebuild(&layout, Health::OPTIMAL, slots([0]), rows);
    let rows: Vec<_> = plans.map(|plan| plan.unwrap().rows().start.0).collect();
    assert_eq!(rows, [0, 2, 4]);
    let striped = Layout::new(&geometry(Level::Raid0, Placement::Fixed, 3, 2, 2)).unwrap();
    let plans: Vec<_> =
        stripe::rebuild(&striped, Health::OPTIMAL, slots([1]), Rows::new(0, 6)).collect();
    assert!(matches!(plans[..], [Err(NotPossible::Lost { missing, .. })] if missing == slots([1])));
}

/// Scrubs all rows; the mismatching rows with the slots found wrong, and the rows left by a repair.
fn scrub(world: &mut World, repair: Option<Repair>) -> (Vec<(u64, u64, SlotSet)>, u64) {
    let rows = Rows::new(0, world.layout.rows());
    let (mut found, mut left) = (Vec::new(), 0);
    for plan in stripe::scrub(&world.layout.clone(), world.health, rows) {
        let plan = plan.unwrap();
        assert_eq!(plan.method(), Method::Scrub);
        let mut slab = world.fill_slab(&plan);
        let mut runs = Vec::new();
        let verdict = plan
            .verify_each(Backend::portable(), &mut slab, |mismatch| {
                runs.push((mismatch.rows.start.0, mismatch.rows.len, mismatch.wrong));
            })
            .unwrap();
        assert_eq!(verdict.mismatches, runs.iter().map(|run| run.1).sum::<u64>());
        let unexplained = runs.iter().filter(|run| run.2.is_empty()).map(|run| run.1).sum::<u64>();
        assert_eq!(verdict.unexplained, unexplained);
        if let (Some(first), Some(last)) = (runs.first(), runs.last()) {
            assert_eq!(verdict.rows, Rows::new(first.0, last.0 + last.1 - first.0));
        }
        found.extend(runs);
        let Some(policy) = repair else { continue };
        let repaired = plan.repair(Backend::portable(), &mut slab, policy).unwrap();
        left += repaired.left();
        for io in repaired.writes() {
            assert!(repaired.slots().contains(io.slot));
            let new = io.bytes(512, &slab, &[]).unwrap().to_vec();
            world.members[io.slot.index()][bytes(io.at)].copy_from_slice(&new);
        }
    }
    (found, left)
}

/// Changes one bit of a block of a member.
fn corrupt(world: &mut World, slot: u8, block: usize) {
    world.members[usize::from(slot)][block * BLOCK + 100] ^= 0x40;
}

#[test]
fn p_and_q_locate_the_wrong_slot_and_mend_it() {
    for numbering in [QNumbering::BySlot, QNumbering::ByData] {
        for slot in 0..6 {
            let mut world = World::new(&Geometry { q_numbering: numbering, ..raid6(6) });
            corrupt(&mut world, slot, 5);
            corrupt(&mut world, slot, 6);
            corrupt(&mut world, slot, 17);
            let expected = [(5, 2, slots([slot])), (17, 1, slots([slot]))];
            assert_eq!(scrub(&mut world, None).0, expected);
            assert_eq!(scrub(&mut world, Some(Repair::Proven)).1, 0);
            world.assert_members_agree();
            assert_eq!(scrub(&mut world, None).0, []);
        }
    }
}

#[test]
fn different_slots_wrong_in_different_rows_of_one_strip_are_each_mended() {
    let mut world = World::new(&raid6(6));
    corrupt(&mut world, 0, 0);
    corrupt(&mut world, 1, 1);
    corrupt(&mut world, 5, 3);
    let expected = [(0, 1, slots([0])), (1, 1, slots([1])), (3, 1, slots([5]))];
    assert_eq!(scrub(&mut world, Some(Repair::Proven)).0, expected);
    world.assert_members_agree();
}

#[test]
fn what_is_not_proven_is_left_alone_or_follows_the_data() {
    let mut world = World::new(&raid6(6));
    corrupt(&mut world, 0, 2);
    // At another byte: the same change in both would cancel in P and look like a wrong Q.
    world.members[1][2 * BLOCK] ^= 1;
    let before = world.members.clone();
    let (found, left) = scrub(&mut world, Some(Repair::Proven));
    assert_eq!((found, left), (vec![(2, 1, SlotSet::EMPTY)], 1));
    assert!(world.members == before);
    assert_eq!(scrub(&mut world, Some(Repair::FromData)).1, 0);
    assert_eq!(scrub(&mut world, None).0, []);
    // Data was believed as it is.
    for slot in [0, 1] {
        assert!(world.members[slot] == before[slot]);
    }
    let mut world = World::new(&raid5(4));
    corrupt(&mut world, 3, 1);
    assert_eq!(scrub(&mut world, Some(Repair::Proven)), (vec![(1, 1, SlotSet::EMPTY)], 1));
    assert_eq!(scrub(&mut world, Some(Repair::FromData)).1, 0);
    world.assert_members_agree();
}

#[test]
fn a_majority_of_copies_mends_the_others_and_two_copies_follow_the_lowest_slot() {
    let mut world = World::new(&mirror(4));
    corrupt(&mut world, 0, 7);
    corrupt(&mut world, 2, 9);
    let expected = [(7, 1, slots([0])), (9, 1, slots([2]))];
    assert_eq!(scrub(&mut world, Some(Repair::Proven)).0, expected);
    world.assert_members_agree();

    for geometry in [mirror(2), geometry(Level::Raid1E, Placement::Adjacent, 3, 4, 6)] {
        let mut world = World::new(&geometry);
        corrupt(&mut world, 1, 0);
        assert_eq!(scrub(&mut world, Some(Repair::Proven)), (vec![(0, 1, SlotSet::EMPTY)], 1));
        assert_eq!(scrub(&mut world, Some(Repair::FromData)).1, 0);
        world.assert_members_agree();
    }
}

#[test]
fn a_degraded_scrub_sees_what_it_can_and_proves_nothing() {
    // Row 0 of six slots is 0 1 2 3 Q P: without P, without Q, without data.
    for lost in [5, 4, 0] {
        let mut world = World::new(&raid6(6));
        world.fail(Slot(lost));
        assert_eq!(scrub(&mut world, None).0, []);
        corrupt(&mut world, 1, 2);
        assert_eq!(scrub(&mut world, None).0, [(2, 1, SlotSet::EMPTY)], "without {lost}");
        assert_eq!(scrub(&mut world, Some(Repair::Proven)).1, 1);
        assert_eq!(scrub(&mut world, Some(Repair::FromData)).1, 0);
        assert_eq!(scrub(&mut world, None).0, []);
    }
    // Were the lost strip zeros, slot 1 alone would explain it: but nobody can know.
    let mut world = World::new(&raid6(6));
    world.write_bytes(Extent::new(0, 4), &[0; 4 * BLOCK]);
    world.fail(Slot(0));
    corrupt(&mut world, 1, 2);
    assert_eq!(scrub(&mut world, None).0, [(2, 1, SlotSet::EMPTY)]);
    let rows = Rows::new(0, 4);
    let plan = stripe::scrub(&world.layout, world.health, rows).next().unwrap().unwrap();
    let mut slab = world.fill_slab(&plan);
    let repaired = plan.repair(Backend::portable(), &mut slab, Repair::FromData).unwrap();
    // P gave the lost strip, so only Q is left to follow the data.
    assert_eq!((repaired.slots(), repaired.rows()), (slots([4]), Rows::new(2, 1)));

    let raid5 = World::new(&raid5(4));
    let rows = Rows::new(0, raid5.layout.rows());
    assert_eq!(stripe::scrub(&raid5.layout, without(slots([1])), rows).next(), None);
    let one = World::new(&mirror(1));
    assert_eq!(stripe::scrub(&one.layout, Health::OPTIMAL, Rows::new(0, 20)).next(), None);
}

#[test]
fn short_buffers_are_refused_with_what_was_needed() {
    let world = World::new(&raid5(4));
    let plan =
        stripe::write(&world.layout, world.health, Extent::new(2, 4)).next().unwrap().unwrap();
    let (mut slab, new) = (world.fill_slab(&plan), vec![0; 4 * BLOCK]);
    let short = slab.len() - 1;
    assert_eq!(
        plan.compute(Backend::portable(), &mut slab[..short], &new),
        Err(ComputeError::Slab { found: short, expected: short as u64 + 1 })
    );
    assert_eq!(
        plan.compute(Backend::portable(), &mut slab, &new[1..]),
        Err(ComputeError::Request { found: 2047, expected: 2048 })
    );
    let lost = without(slots([0]));
    let step = stripe::read(&world.layout, lost, Extent::new(0, 4), None).next().unwrap().unwrap();
    let ReadStep::Reconstruct(plan) = step else { panic!("slot 0 is lost") };
    let mut request = vec![0; 4 * BLOCK];
    assert!(matches!(plan.extract(&[], &mut request), Err(ComputeError::Slab { found: 0, .. })));
    let slab = vec![0; plan.slab_blocks().0 as usize * BLOCK];
    assert_eq!(
        plan.extract(&slab, &mut request[1..]),
        Err(ComputeError::Request { found: 2047, expected: 2048 })
    );
}

#[test]
fn sets_of_the_most_slots_are_planned() {
    for (level, slots) in [(Level::Raid5, 256), (Level::Raid6, 255), (Level::Raid1, 256)] {
        let placement = if level == Level::Raid1 { Placement::Fixed } else { Placement::NContinue };
        let mut world = World::new(&geometry(level, placement, slots, 1, 2));
        world.write(Extent::new(1, 1));
        world.fail(Slot(0));
        world.write(Extent::new(0, 1));
        world.assert_all_reads_as_modelled();
        world.replace(Slot(0));
        world.rebuild(2);
        world.assert_members_agree();
        assert_eq!(scrub(&mut world, None).0, []);
    }
}

#[test]
fn wide_sets_do_without_any_two_slots_and_find_a_wrong_one() {
    for (slots, numbering) in [
        (32, QNumbering::BySlot),
        (33, QNumbering::BySlot),
        (34, QNumbering::ByData),
        (35, QNumbering::ByData),
        (41, QNumbering::BySlot),
        (255, QNumbering::BySlot),
    ] {
        let geometry = geometry(Level::Raid6, Placement::NContinue, slots, 1, 2);
        let geometry = Geometry { q_numbering: numbering, ..geometry };
        let last = (slots - 1) as u8;
        // Data with entries in the list of the planner and past it, P and Q: row 0 has them last.
        for (one, two) in
            [(0, 1), (1, 31), (2, last - 2), (last - 3, last - 2), (0, last), (3, last - 1)]
        {
            let mut world = World::new(&geometry);
            world.write(Extent::new(1, 1));
            world.fail(Slot(one));
            world.assert_all_reads_as_modelled();
            assert_eq!(scrub(&mut world, None).0, []);
            world.fail(Slot(two));
            world.assert_all_reads_as_modelled();
            world.write(Extent::new(0, 1));
            world.write(Extent::new(u64::from(slots) - 4, 1));
            world.assert_all_reads_as_modelled();
            world.assert_members_agree();
            world.replace(Slot(one));
            world.replace(Slot(two));
            world.rebuild(2);
            world.assert_members_agree();
            assert_eq!(scrub(&mut world, None).0, []);
            for wrong in [one, two] {
                corrupt(&mut world, wrong, 1);
                let expected = [(1, 1, self::slots([wrong]))];
                assert_eq!(scrub(&mut world, Some(Repair::Proven)), (expected.to_vec(), 0));
                world.assert_members_agree();
            }
        }
    }
}

#[test]
fn a_write_over_the_edge_of_a_strip_holds_and_takes_its_own_blocks() {
    let raid6 = geometry(Level::Raid6, Placement::NContinue, 10, 128, 20);
    let mut world = World::new(&raid6);
    let at = Extent::new(124, 8);
    let plans: Vec<_> =
        stripe::write(&world.layout, world.health, at).map(Result::unwrap).collect();
    // Old data, P and Q of four rows at the end of the strips, and of four at their start.
    let slabs: Vec<_> = plans.iter().map(|plan| plan.slab_blocks().0).collect();
    assert_eq!(slabs, [12, 12]);
    let rows: Vec<_> = plans.iter().map(stripe::RowPlan::rows).collect();
    assert_eq!(rows, [Rows::new(124, 4), Rows::new(0, 4)]);
    assert_eq!(world.write(at), [Method::ReadModifyWrite; 2]);
    world.assert_members_agree();
    // With strips between, or more of both strips, one plan has all rows.
    for (at, rows) in [
        (Extent::new(124, 140), Rows::new(0, 128)),
        (Extent::new(64, 128), Rows::new(0, 128)),
        (Extent::new(64, 127), Rows::new(64, 64)),
    ] {
        let plan = stripe::write(&world.layout, world.health, at).next().unwrap().unwrap();
        assert_eq!(plan.rows(), rows);
    }
}

#[test]
fn what_is_wrong_is_found_and_mended_a_row_at_a_time() {
    for geometry in [raid6(6), mirror(4)] {
        let mut world = World::new(&geometry);
        corrupt(&mut world, 1, 5);
        corrupt(&mut world, 3, 6);
        let rows = Rows::new(0, world.layout.rows());
        let mut found = Vec::new();
        for plan in stripe::scrub(&world.layout.clone(), world.health, rows).map(Result::unwrap) {
            for row in plan.rows().start.0..plan.rows().end().0 {
                let plan = plan.within(Rows::new(row, 1));
                let mut slab = world.fill_slab(&plan);
                let verdict = plan.verify(Backend::portable(), &mut slab).unwrap();
                if verdict.is_clean() {
                    continue;
                }
                found.push((verdict.rows, verdict.wrong));
                let repaired = plan.repair(Backend::portable(), &mut slab, Repair::Proven).unwrap();
                for io in repaired.writes() {
                    let new = io.bytes(512, &slab, &[]).unwrap().to_vec();
                    world.members[io.slot.index()][bytes(io.at)].copy_from_slice(&new);
                }
            }
        }
        let expected = [(Rows::new(5, 1), slots([1])), (Rows::new(6, 1), slots([3]))];
        assert_eq!(found, expected);
        world.assert_members_agree();
    }
}

#[test]
fn a_plan_is_small() {
    assert!(size_of::<stripe::RowPlan>() <= 200, "{}", size_of::<stripe::RowPlan>());
}

#[test]
fn plans_at_the_end_of_the_address_space_stay_inside_it() {
    let huge = raid5(4).with_members(u64::MAX / 3);
    let layout = Layout::new(&huge).unwrap();
    let at = Extent::new(layout.set_blocks().0 - 9, 9);
    for health in [Health::OPTIMAL, without(slots([2]))] {
        for plan in stripe::write(&layout, health, at).map(Result::unwrap) {
            assert!(plan.rows().end().0 <= layout.rows());
            for io in plan.writes() {
                assert!(io.at.start.0 + io.at.len.0 <= huge.member_blocks.0);
            }
        }
        assert!(stripe::read(&layout, health, at, None).all(|step| step.is_ok()));
        let rows = Rows::new(layout.rows() - 5, 5);
        assert_eq!(stripe::rebuild(&layout, health, slots([1]), rows).count(), 2);
    }
}
