// SPDX-License-Identifier: MIT OR Apache-2.0
//! One redundancy set in memory, beside the bytes it should hold: plans are executed on the members,
//! and whatever is read has to be what was written.

use crate::input::Input;
use raid_core::array::{Geometry, Level, Placement, QNumbering, Secondary};
use raid_core::backend::Backend;
use raid_core::layout::Layout;
use raid_core::stripe::{self, Health, ReadStep, RowPlan};
use raid_core::units::{Blocks, Extent, Rows, Slot, SlotSet};

const BLOCK: usize = 512;

/// A geometry small enough to be held in memory; most are sound, not all.
pub fn geometry(input: &mut Input<'_>) -> Geometry {
    use Placement::{
        Adjacent, Far, FarCopies, Fixed, NContinue, NRestart, NearCopies, Offset, OffsetCopies,
        ParityFirst, ParityLast, ZeroContinue, ZeroRestart,
    };
    let levels = [
        Level::Raid0,
        Level::Raid1,
        Level::Raid1E,
        Level::Raid4,
        Level::Raid5,
        Level::Raid5E,
        Level::Raid5EE,
        Level::Raid5R,
        Level::Raid6,
        Level::Mdf,
        Level::Single,
        Level::Concat,
        Level::Raid3,
        Level::Raid10,
    ];
    let placements = [
        Fixed,
        ParityFirst,
        ParityLast,
        ZeroRestart,
        ZeroContinue,
        NRestart,
        NContinue,
        Adjacent,
        Offset,
        Far,
        NearCopies(3),
        OffsetCopies(3),
        FarCopies(3),
    ];
    let level = levels[usize::from(input.byte()) % levels.len()];
    let fitting: &[Placement] = match level {
        Level::Raid0 | Level::Raid1 | Level::Single | Level::Concat => &placements[..1],
        Level::Raid1E => &placements[7..10],
        Level::Raid10 => &placements[7..],
        Level::Raid3 | Level::Raid4 => &placements[1..3],
        Level::Raid5EE => &placements[3..5],
        _ => &placements[3..7],
    };
    Geometry {
        level,
        placement: fitting[usize::from(input.byte()) % fitting.len()],
        slots: u16::from(input.byte() % 9),
        strip: Blocks(if level == Level::Raid3 { 0 } else { input.below(6) }),
        member_blocks: Blocks(input.below(40)),
        secondary: Secondary::None,
        sets: 1,
        q_numbering: if input.byte() & 1 == 0 { QNumbering::BySlot } else { QNumbering::ByData },
        parities: if level == Level::Mdf { input.byte() % 4 } else { 0 },
        rotate_shift: if level == Level::Raid5R { input.byte() % 66 } else { 0 },
        block_size: 512,
    }
}

/// Members that may be lost with all data still there.
fn tolerance(geometry: &Geometry) -> u16 {
    match geometry.level {
        Level::Raid1 => geometry.slots - 1,
        Level::Raid1E | Level::Raid10 => 1,
        _ => u16::from(geometry.parity_strips().min(2)),
    }
}

/// The members, what they should hold together, and which of them count.
pub struct Set {
    layout: Layout<'static>,
    members: Vec<Vec<u8>>,
    data: Vec<u8>,
    health: Health,
}

impl Set {
    /// A set of zeros, of which parity and copies agree; `None` for a geometry without a layout.
    pub fn new(geometry: &Geometry) -> Option<Self> {
        let layout = Layout::new(geometry).ok()?;
        // Larger parities are laid out, and not computed.
        if geometry.parity_strips() > 2 {
            return None;
        }
        let bytes = |blocks: Blocks| usize::try_from(blocks.0).unwrap() * BLOCK;
        let member = vec![0; bytes(geometry.member_blocks)];
        let members = vec![member; usize::from(geometry.slots)];
        let data = vec![0; bytes(layout.set_blocks())];
        Some(Self { layout, members, data, health: Health::OPTIMAL })
    }

    fn lost(&self) -> SlotSet {
        self.health.unavailable | self.health.write_only
    }

    fn request(&self, input: &mut Input<'_>) -> Extent {
        let blocks = self.layout.set_blocks().0;
        let start = u64::from(input.pair()) % blocks;
        Extent::new(start, 1 + input.below(blocks - start))
    }

    /// Does one thing that the input asks for.
    pub fn step(&mut self, input: &mut Input<'_>) {
        match input.byte() % 8 {
            0..=2 => self.write(input),
            3 => self.read(input),
            4 => self.lose(input),
            5 => self.replace(),
            6 => self.rebuild(),
            _ => self.scrub(),
        }
    }

    fn write(&mut self, input: &mut Input<'_>) {
        let at = self.request(input);
        let seed = input.byte();
        let new: Vec<u8> = (0..at.len.0 * 512).map(|i| mixed(seed, i)).collect();
        let plans: Vec<_> = stripe::write(&self.layout, self.health, at).collect();
        for plan in plans {
            let plan = plan.expect("no more members are lost than the level makes up for");
            self.execute(&plan, &new);
        }
        let range = range(at);
        self.data[range].copy_from_slice(&new);
    }

    /// Reads, computes, writes: what an engine does with a plan. Gives back the slab.
    fn execute(&mut self, plan: &RowPlan, new: &[u8]) -> Vec<u8> {
        let mut slab = self.fetched(plan);
        plan.compute(Backend::portable(), &mut slab, new).unwrap();
        for io in plan.writes() {
            assert!(!self.health.unavailable.contains(io.slot), "a lost member is written");
            let bytes = io.bytes(512, &slab, new).unwrap();
            self.members[io.slot.index()][range(io.at)].copy_from_slice(bytes);
        }
        slab
    }

    fn fetched(&self, plan: &RowPlan) -> Vec<u8> {
        // Whatever a caller's buffer held before must not matter.
        let mut slab = vec![0xEE; usize::try_from(plan.slab_blocks().0).unwrap() * BLOCK];
        for io in plan.reads() {
            assert!(!self.lost().contains(io.slot), "a member without its data is read");
            let from = &self.members[io.slot.index()][range(io.at)];
            io.bytes(512, &mut slab).unwrap().copy_from_slice(from);
        }
        slab
    }

    fn read(&self, input: &mut Input<'_>) {
        let at = self.request(input);
        let prefer = Some(Slot(input.byte())).filter(|slot| slot.0 < 9);
        self.check(at, prefer);
    }

    /// Whether the set holds what it should.
    pub fn check_all(&self) {
        self.check(Extent { start: Default::default(), len: self.layout.set_blocks() }, None);
    }

    fn check(&self, at: Extent, prefer: Option<Slot>) {
        let mut out = vec![0x11; usize::try_from(at.len.0).unwrap() * BLOCK];
        for step in stripe::read(&self.layout, self.health, at, prefer) {
            match step.expect("no more members are lost than the level makes up for") {
                ReadStep::Direct(io) => {
                    assert!(!self.lost().contains(io.slot), "a member without its data is read");
                    let from = &self.members[io.slot.index()][range(io.at)];
                    io.bytes(512, &mut out).unwrap().copy_from_slice(from);
                }
                ReadStep::Reconstruct(plan) => {
                    let mut slab = self.fetched(&plan);
                    plan.compute(Backend::portable(), &mut slab, &[]).unwrap();
                    plan.extract(&slab, &mut out).unwrap();
                }
            }
        }
        assert!(out == self.data[range(at)], "read something else than was written");
    }

    /// Loses a member, if its data can be made up for.
    fn lose(&mut self, input: &mut Input<'_>) {
        let geometry = *self.layout.geometry();
        let slot = Slot(input.byte() % u8::try_from(geometry.slots).unwrap());
        let mut lost = self.lost();
        lost.insert(slot);
        if lost.len() <= tolerance(&geometry) {
            self.health.unavailable.insert(slot);
            self.health.write_only.remove(slot);
            self.members[slot.index()].fill(0xDB);
        }
    }

    /// Puts fresh disks in for all lost members.
    fn replace(&mut self) {
        self.health.write_only = self.lost();
        self.health.unavailable = SlotSet::EMPTY;
    }

    fn rebuild(&mut self) {
        let targets = self.health.write_only;
        let rows = Rows::new(0, self.layout.rows());
        let plans: Vec<_> = stripe::rebuild(&self.layout, self.health, targets, rows).collect();
        for plan in plans {
            self.execute(&plan.expect("the targets can be made up for"), &[]);
        }
        self.health.write_only = SlotSet::EMPTY;
    }

    /// A scrub finds nothing, a resync changes nothing.
    fn scrub(&mut self) {
        let rows = Rows::new(0, self.layout.rows());
        for plan in stripe::scrub(&self.layout, self.health, rows) {
            let plan = plan.expect("a scrub reads what there is");
            let mut slab = self.fetched(&plan);
            let verdict = plan.verify(Backend::portable(), &mut slab).unwrap();
            assert!(verdict.is_clean(), "{verdict:?}");
        }
        if self.lost().is_empty() {
            let before = self.members.clone();
            let plans: Vec<_> = stripe::resync(&self.layout, self.health, rows).collect();
            for plan in plans {
                self.execute(&plan.expect("all members are there"), &[]);
            }
            assert!(self.members == before, "a resync of an agreeing set wrote something else");
        }
    }
}

fn range(at: Extent) -> std::ops::Range<usize> {
    let start = usize::try_from(at.start.0).unwrap() * BLOCK;
    start..start + usize::try_from(at.len.0).unwrap() * BLOCK
}

/// Bytes that differ from block to block and from byte to byte.
fn mixed(seed: u8, i: u64) -> u8 {
    let x = (i / 8 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(u64::from(seed) << 32);
    (x ^ (x >> 29)).to_le_bytes()[(i % 8) as usize]
}
