// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arrays of one or more sets next to a flat array of bytes, with failures between any two steps.

use crate::stripe::machine::{Fault, Machine, Pass};
use crate::stripe::world::{BLOCK, World, bytes, geometry, noise};
use crate::stripe::{every_geometry, mirror, raid5, raid6};
use proptest::prelude::*;
use raid_core::array::{Geometry, Level, Placement, Secondary};
use raid_core::layout::{Elements, Layout};
use raid_core::stripe::{Health, Mark};
use raid_core::units::{Blocks, Extent, Row, Rows, Slot};

/// Sets under a secondary level, each of its own geometry and size.
struct Array {
    sets: Vec<Machine>,
    secondary: Secondary,
    sizes: Vec<Blocks>,
    /// What a reader of the array must see.
    flat: Vec<u8>,
}

impl Array {
    const STRIP: Blocks = Blocks(3);

    /// `None` if the sets are too small to be joined.
    fn new(secondary: Secondary, worlds: Vec<World>, careful: bool) -> Option<Self> {
        let sizes: Vec<_> = worlds.iter().map(|world| world.layout.set_blocks()).collect();
        let size = Elements::new(secondary, Self::STRIP, &sizes).ok()?.size().0;
        let sets = worlds.into_iter().map(|world| Machine::new(world, careful)).collect();
        let mut array = Self { sets, secondary, sizes, flat: vec![0; size as usize * BLOCK] };
        array.write(Extent::new(0, size), &noise(3, size));
        Some(array)
    }

    fn elements(&self) -> Elements<'_> {
        Elements::new(self.secondary, Self::STRIP, &self.sizes).unwrap()
    }

    /// The sets that hold a piece in set `set`.
    fn holders(&self, set: u16) -> std::ops::Range<usize> {
        let set = usize::from(set);
        set..set + usize::from(self.elements().set_copies())
    }

    fn write(&mut self, at: Extent, new: &[u8]) {
        for piece in self.elements().split(at).collect::<Vec<_>>() {
            let here = Extent::new(at.start.0 + piece.offset.0, piece.at.len.0);
            let new = &new[bytes(Extent::new(piece.offset.0, piece.at.len.0))];
            let mut holders = self.holders(piece.set);
            let done = holders.all(|set| self.sets[set].write(piece.at, new));
            self.flat[bytes(here)].copy_from_slice(new);
            self.reopen(piece.set, if done { None } else { Some(piece.at) });
            if !done {
                return;
            }
        }
    }

    /// After an interruption: what the first copy holds now is what the array holds.
    fn reopen(&mut self, first: u16, stopped: Option<Extent>) {
        for set in 0..self.sets.len() {
            let holders = self.holders(if self.holders(0).len() > 1 { 0 } else { set as u16 });
            let mut open = std::mem::take(&mut self.sets[set].open);
            if self.holders(first).contains(&set)
                && let Some(at) = stopped
            {
                open.extend(at.start.0..at.start.0 + at.len.0);
            }
            for block in open {
                // Sets may reach past the end of the array.
                let at = self.elements().array_block(holders.start as u16, block);
                let Some(at) = at else { continue };
                let held = self.sets[holders.start].world.modelled(block).to_vec();
                for other in holders.clone().skip(1) {
                    self.sets[other].notice_all();
                    self.sets[other].world.write_bytes(Extent::new(block, 1), &held);
                }
                self.flat[bytes(Extent::new(at, 1))].copy_from_slice(&held);
            }
        }
    }

    fn read(&mut self, at: Extent, prefer: Option<Slot>) {
        for piece in self.elements().split(at).collect::<Vec<_>>() {
            let here = Extent::new(at.start.0 + piece.offset.0, piece.at.len.0);
            for set in self.holders(piece.set) {
                // The set compares what it reads with its own model.
                assert!(self.sets[set].world.model[bytes(piece.at)] == self.flat[bytes(here)]);
                if !self.sets[set].read(piece.at, prefer) {
                    return;
                }
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Act {
    Write(u64, u64),
    Read(u64, u64, Option<u8>),
    Rebuild(u64),
    Resync,
    Scrub,
    Mend(u8, u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => (any::<u64>(), 1..40u64).prop_map(|(start, len)| Act::Write(start, len)),
        2 => (any::<u64>(), 1..40u64, any::<Option<u8>>())
            .prop_map(|(start, len, prefer)| Act::Read(start, len, prefer)),
        2 => (1..9u64).prop_map(Act::Rebuild),
        1 => Just(Act::Resync),
        1 => Just(Act::Scrub),
        1 => (any::<u8>(), any::<u64>()).prop_map(|(slot, block)| Act::Mend(slot, block)),
    ]
}

fn fault() -> impl Strategy<Value = (u32, Fault)> {
    let fault = prop_oneof![
        3 => any::<u8>().prop_map(Fault::Die),
        2 => (any::<u8>(), any::<u64>(), 1..6u64)
            .prop_map(|(slot, start, len)| Fault::Spoil(slot, start, len)),
        1 => Just(Fault::Stop),
    ];
    (0..24u32, fault)
}

fn perform(array: &mut Array, act: &Act, set: usize) {
    let end = array.flat.len() as u64 / BLOCK as u64;
    let clip = |start: u64, len: u64| Extent::new(start % end, len.min(end - start % end));
    let machine = &mut array.sets[set];
    let rows = Rows::new(0, machine.world.layout.rows());
    match *act {
        Act::Write(start, len) => {
            let at = clip(start, len);
            let new = machine.world.noise(at.len.0);
            array.write(at, &new);
        }
        Act::Read(start, len, prefer) => array.read(clip(start, len), prefer.map(Slot)),
        Act::Rebuild(window) => {
            machine.world.health.unavailable.iter().for_each(|slot| machine.world.replace(slot));
            machine.rebuild(window);
        }
        Act::Resync => drop(machine.pass(Pass::Resync, rows)),
        Act::Scrub => drop(machine.pass(Pass::Scrub, rows)),
        Act::Mend(slot, block) => {
            if machine.proves() {
                let slot = Slot(slot % machine.world.layout.geometry().slots as u8);
                machine.mend(slot, block % machine.world.member_blocks(slot));
            }
        }
    }
}

/// A set over members of sizes of their own.
fn unequal_members() -> World {
    static SIZES: [Blocks; 3] = [Blocks(9), Blocks(4), Blocks(14)];
    let geometry = geometry(Level::Concat, Placement::Fixed, 3, 0, 0);
    World::over(Layout::concatenation(&geometry, &SIZES).unwrap(), &SIZES)
}

fn any_geometry() -> impl Strategy<Value = Geometry> {
    (3..8u16, 1..5u64, 4..8u64)
        .prop_flat_map(|(slots, strip, rows)| {
            proptest::sample::select(every_geometry(slots, strip, rows))
        })
        .prop_filter("has a layout", |geometry| Layout::new(geometry).is_ok())
}

proptest! {
    #![proptest_config(ProptestConfig {
        // More by PROPTEST_CASES.
        cases: ProptestConfig::default().cases.max(1000),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn members_fail_between_any_two_steps_and_nothing_else_changes(
        geometries in proptest::collection::vec(any_geometry(), 1..4),
        concatenation in proptest::bool::weighted(0.1),
        secondary in proptest::sample::select(vec![
            Secondary::Striped, Secondary::Mirrored, Secondary::Concatenated, Secondary::Spanned,
        ]),
        careful in any::<bool>(),
        acts in proptest::collection::vec(
            (act(), any::<usize>(), proptest::collection::vec(fault(), 0..4)), 1..16),
    ) {
        let mut worlds: Vec<_> = geometries.iter().map(World::new).collect();
        if concatenation {
            worlds[0] = unequal_members();
        }
        let secondary = if worlds.len() == 1 { Secondary::None } else { secondary };
        let Some(mut array) = Array::new(secondary, worlds, careful) else { return Ok(()) };
        for (act, set, faults) in &acts {
            let set = set % array.sets.len();
            array.sets[set].expect(faults.clone());
            perform(&mut array, act, set);
            array.sets[set].expect(Vec::new());
        }
        let whole = Extent::new(0, array.flat.len() as u64 / BLOCK as u64);
        array.read(whole, None);
        for machine in &mut array.sets {
            machine.notice_all();
            machine.world.assert_members_agree();
            machine.world.rebuild(5);
            machine.world.assert_members_agree();
        }
        array.read(whole, None);
    }
}

/// What is done to a set of one state.
type Doing = fn(&mut Machine) -> bool;

/// Every failure of every member, and every stop, before every step of what is done.
fn at_every_step(careful: bool, start: &World, what: Doing) -> u32 {
    let slots = start.layout.geometry().slots as u8;
    let deaths = (0..slots).map(Fault::Die);
    let spoils = (0..slots).map(|slot| Fault::Spoil(slot, 0, 64));
    let mut holes = 0;
    for fault in deaths.chain(spoils).chain([Fault::Stop]) {
        for step in 0.. {
            let mut machine = Machine::new(start.clone(), careful);
            machine.expect(vec![(step, fault)]);
            let done = what(&mut machine);
            let over = machine.steps <= step;
            assert!(done || matches!(fault, Fault::Stop));
            machine.notice_all();
            machine.world.assert_all_reads_as_modelled();
            machine.world.assert_members_agree();
            holes += machine.holes;
            if over {
                break;
            }
        }
    }
    holes
}

fn write_some(machine: &mut Machine) -> bool {
    let new = machine.world.noise(11);
    machine.write(Extent::new(3, 11), &new)
}

#[test]
fn whatever_step_fails_the_rest_is_done_with_the_members_left() {
    let short = |geometry: Geometry, lost: &[u8]| {
        let mut world = World::new(&geometry);
        lost.iter().for_each(|slot| world.fail(Slot(*slot)));
        world
    };
    let filling = |geometry: Geometry| {
        let mut world = short(geometry, &[1]);
        world.replace(Slot(1));
        world.fill_up_to(Slot(1), 3);
        world
    };
    let shifted = geometry(Level::Raid1E, Placement::Adjacent, 3, 2, 8);
    let bytewise = geometry(Level::Raid3, Placement::ParityLast, 4, 1, 8);
    let doings: [Doing; 5] = [
        write_some,
        |machine| machine.read(Extent::new(1, 15), None),
        |machine| machine.rebuild(3),
        |machine| machine.pass(Pass::Resync, Rows::new(0, 8)),
        |machine| machine.pass(Pass::Scrub, Rows::new(0, 8)),
    ];
    for geometry in [raid5(4), raid6(5), mirror(3), shifted, bytewise] {
        let (whole, filling) = (World::new(&geometry), filling(geometry));
        for careful in [true, false] {
            // Reads, resyncs and scrubs of what agrees do not depend on care.
            for what in doings.into_iter().take(if careful { 5 } else { 1 }) {
                let holes = at_every_step(careful, &whole, what);
                // Every block has its member, or its row was left whole. A row of a RAID-3 that is
                // left halfway cannot be read: each of its blocks is on every member.
                assert!(holes == 0 || (geometry == bytewise && !careful));
                at_every_step(careful, &filling, what);
            }
        }
    }
    for lost in [0, 4] {
        let short = short(raid6(5), &[lost]);
        for what in doings {
            at_every_step(false, &short, what);
        }
    }
    // Stopped in a row that lacks a member already, what that member held is not to be had: the one
    // case in which a block that nobody wrote changes.
    assert!(at_every_step(true, &short(raid5(4), &[1]), write_some) > 0);
}

#[test]
fn a_stopped_rebuild_is_true_below_its_mark_only() {
    let mut world = World::new(&raid5(4));
    world.fail(Slot(1));
    world.replace(Slot(1));
    let mut machine = Machine::new(world, true);
    machine.expect(vec![(5, Fault::Stop)]);
    assert!(!machine.rebuild(4));
    assert_eq!(machine.world.marks, [Mark { slot: Slot(1), row: Row(4) }]);
    machine.world.assert_members_agree();
    assert!(machine.rebuild(4));
    machine.world.assert_members_agree();
    assert_eq!((&machine.world.marks[..], machine.world.health), (&[][..], Health::OPTIMAL));
}
