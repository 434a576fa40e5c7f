// SPDX-License-Identifier: MIT OR Apache-2.0
//! A redundancy set in memory, executed by the planner's plans, next to a flat model of its data.
//!
//! The oracle asks only [`Layout::role`] and multiplies in the field bit by bit: it shares nothing
//! with what plans are made of.

use raid_core::array::{Geometry, Level, Placement, QNumbering, Secondary};
use raid_core::backend::Backend;
use raid_core::layout::{Layout, Role};
use raid_core::stripe::{self, Health, Method, NotPossible, ReadStep, RowPlan};
use raid_core::units::{Blocks, Extent, Rows, Slot, SlotSet};
use std::sync::OnceLock;

pub(crate) const BLOCK: usize = 512;

pub(crate) fn geometry(
    level: Level,
    placement: Placement,
    slots: u16,
    strip: u64,
    rows: u64,
) -> Geometry {
    Geometry {
        level,
        placement,
        slots,
        strip: Blocks(strip),
        member_blocks: Blocks(strip * rows),
        secondary: Secondary::None,
        sets: 1,
        q_numbering: QNumbering::BySlot,
        parities: if level == Level::Mdf { 2 } else { 0 },
        rotate_shift: if level == Level::Raid5R { 1 } else { 0 },
        block_size: 512,
    }
}

/// Product in the field of RAID-6, by the schoolbook.
fn multiply(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b != 0 {
        if b & 1 != 0 {
            product ^= a;
        }
        a = (a << 1) ^ if a & 0x80 != 0 { 0x1D } else { 0 };
        b >>= 1;
    }
    product
}

/// 2^exponent in the field.
pub(crate) fn power(exponent: u8) -> u8 {
    (0..exponent).fold(1, |power, _| multiply(power, 2))
}

/// The products of a constant with every byte, worked out once to keep the oracle fast.
pub(crate) fn products(constant: u8) -> &'static [u8; 256] {
    static TABLES: [OnceLock<[u8; 256]>; 256] = [const { OnceLock::new() }; 256];
    TABLES[usize::from(constant)]
        .get_or_init(|| std::array::from_fn(|byte| multiply(constant, byte as u8)))
}

/// Bytes that differ from block to block and from seed to seed.
pub(crate) fn noise(seed: u64, blocks: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut noise = Vec::with_capacity(blocks as usize * BLOCK);
    for _ in 0..blocks * BLOCK as u64 / 8 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend_from_slice(&state.to_le_bytes());
    }
    noise
}

pub(crate) fn bytes(at: Extent) -> std::ops::Range<usize> {
    at.start.0 as usize * BLOCK..(at.start.0 + at.len.0) as usize * BLOCK
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) layout: Layout<'static>,
    pub(crate) health: Health,
    pub(crate) members: Vec<Vec<u8>>,
    /// What a reader must see.
    pub(crate) model: Vec<u8>,
    seed: u64,
}

impl World {
    /// A set whose every block has been written once.
    pub(crate) fn new(geometry: &Geometry) -> Self {
        let layout = Layout::new(geometry).unwrap();
        let member = |slot| noise(1000 + u64::from(slot), geometry.member_blocks.0);
        let blocks = layout.set_blocks().0;
        let mut world = Self {
            layout,
            health: Health::OPTIMAL,
            members: (0..geometry.slots).map(member).collect(),
            model: noise(1, blocks),
            seed: 2,
        };
        world.write(Extent::new(0, blocks));
        world
    }

    pub(crate) fn noise(&mut self, blocks: u64) -> Vec<u8> {
        self.seed += 1;
        noise(self.seed, blocks)
    }

    fn unreadable(&self) -> SlotSet {
        self.health.unavailable | self.health.write_only
    }

    /// Whether a block of a member belongs to the rows.
    fn inside(&self, rows: Rows, slot: Slot, block: u64) -> bool {
        let row = match self.layout.role(slot, block) {
            _ if self.layout.geometry().parity_strips() > 0 => block,
            Role::Data(block) | Role::Copy { of: block } => block,
            role => panic!("{role:?} is no place for a plan"),
        };
        row >= rows.start.0 && row < rows.end().0
    }

    /// Reads what the plan reads, into a slab of rubbish.
    pub(crate) fn fill_slab(&self, plan: &RowPlan) -> Vec<u8> {
        let mut slab = noise(77, plan.slab_blocks().0);
        let mut taken = vec![false; slab.len() / BLOCK];
        for io in plan.reads() {
            assert!(!self.unreadable().contains(io.slot), "reads slot {}", io.slot);
            for block in 0..io.at.len.0 {
                assert!(self.inside(plan.rows(), io.slot, io.at.start.0 + block));
                assert!(!std::mem::replace(&mut taken[(io.slab.0 + block) as usize], true));
            }
            let from = &self.members[io.slot.index()][bytes(io.at)];
            io.bytes(512, &mut slab).unwrap().copy_from_slice(from);
        }
        slab
    }

    pub(crate) fn execute(&mut self, plan: &RowPlan, new: &[u8]) {
        let mut slab = self.fill_slab(plan);
        plan.compute(Backend::portable(), &mut slab, new).unwrap();
        for io in plan.writes() {
            assert!(!self.health.unavailable.contains(io.slot), "writes slot {}", io.slot);
            for block in 0..io.at.len.0 {
                assert!(self.inside(plan.rows(), io.slot, io.at.start.0 + block));
            }
            let new = io.bytes(512, &slab, new).unwrap();
            self.members[io.slot.index()][bytes(io.at)].copy_from_slice(new);
        }
    }

    /// Writes new noise, which must be possible. The ways that were taken.
    pub(crate) fn write(&mut self, at: Extent) -> Vec<Method> {
        let new = self.noise(at.len.0);
        self.write_bytes(at, &new)
    }

    /// Writes `new`, which must be possible. The ways that were taken.
    pub(crate) fn write_bytes(&mut self, at: Extent, new: &[u8]) -> Vec<Method> {
        let mut methods = Vec::new();
        let mut next = 0;
        for plan in stripe::write(&self.layout.clone(), self.health, at) {
            let plan = plan.unwrap();
            let part = plan.request().unwrap();
            assert_eq!(part.offset.0, next);
            next += part.len.0;
            let part = Extent::new(at.start.0 + part.offset.0, part.len.0);
            assert_eq!(plan.rows(), self.layout.rows_of(part));
            self.execute(&plan, new);
            methods.push(plan.method());
        }
        assert_eq!(next, at.len.0);
        self.model[bytes(at)].copy_from_slice(new);
        methods
    }

    /// Reads, step by step; blocks that cannot be had are `None`.
    pub(crate) fn try_read(
        &self,
        at: Extent,
        prefer: Option<Slot>,
    ) -> Vec<Result<Vec<u8>, NotPossible>> {
        let mut request = vec![0; at.len.0 as usize * BLOCK];
        let mut parts = Vec::new();
        let mut next = 0;
        for step in stripe::read(&self.layout, self.health, at, prefer) {
            let (offset, len) = match step {
                Ok(ReadStep::Direct(io)) => {
                    assert!(!self.unreadable().contains(io.slot), "reads slot {}", io.slot);
                    let from = &self.members[io.slot.index()][bytes(io.at)];
                    io.bytes(512, &mut request).unwrap().copy_from_slice(from);
                    (io.offset.0, io.at.len.0)
                }
                Ok(ReadStep::Reconstruct(plan)) => {
                    let mut slab = self.fill_slab(&plan);
                    plan.compute(Backend::portable(), &mut slab, &[]).unwrap();
                    plan.extract(&slab, &mut request).unwrap();
                    assert_eq!(plan.writes().count(), 0);
                    let part = plan.request().unwrap();
                    (part.offset.0, part.len.0)
                }
                Err(NotPossible::Lost { missing, rows }) => {
                    assert!(!missing.is_empty());
                    parts.push(Err(NotPossible::Lost { missing, rows }));
                    next += rows.len;
                    continue;
                }
                Err(other) => panic!("{other}"),
            };
            assert_eq!(offset, next);
            next += len;
            parts.push(Ok(request[bytes(Extent::new(offset, len))].to_vec()));
        }
        assert_eq!(next, at.len.0);
        parts
    }

    pub(crate) fn assert_reads_as_modelled(&self, at: Extent, prefer: Option<Slot>) {
        let read: Vec<u8> =
            self.try_read(at, prefer).into_iter().flat_map(|part| part.unwrap()).collect();
        assert!(read == self.model[bytes(at)], "{:?} of {:?}", at, self.layout.geometry());
    }

    pub(crate) fn assert_all_reads_as_modelled(&self) {
        self.assert_reads_as_modelled(Extent::new(0, self.layout.set_blocks().0), None);
    }

    /// Data block of the set as modelled.
    pub(crate) fn modelled(&self, block: u64) -> &[u8] {
        &self.model[bytes(Extent::new(block, 1))]
    }

    /// What `slot` must hold at `block`, by the model; `None` where it may hold anything.
    pub(crate) fn expected(&self, slot: Slot, block: u64) -> Option<Vec<u8>> {
        let parity = match self.layout.role(slot, block) {
            Role::Data(block) | Role::Copy { of: block } => {
                return Some(self.modelled(block).to_vec());
            }
            Role::Parity(parity) => parity,
            Role::HotSpace | Role::Unused => return None,
        };
        let mut sum = vec![0; BLOCK];
        for other in self.layout.slots().iter() {
            let Role::Data(data) = self.layout.role(other, block) else { continue };
            let constant = if parity == 0 { 1 } else { power(self.exponent(other, block)) };
            let products = products(constant);
            for (sum, byte) in sum.iter_mut().zip(self.modelled(data)) {
                *sum ^= products[usize::from(*byte)];
            }
        }
        Some(sum)
    }

    /// Exponent of the data of `slot` in Q, from the words of the two definitions.
    fn exponent(&self, slot: Slot, block: u64) -> u8 {
        if self.layout.geometry().q_numbering == QNumbering::BySlot {
            return slot.0;
        }
        let slots = self.layout.geometry().slots;
        let holds = |at: u16| self.layout.role(Slot(at as u8), block);
        let q = (0..slots).find(|at| holds(*at) == Role::Parity(1)).unwrap();
        let after_q = (1..slots).map(|distance| (q + distance) % slots);
        let data = after_q.filter(|at| matches!(holds(*at), Role::Data(_)));
        data.take_while(|at| *at != u16::from(slot.0)).count() as u8
    }

    /// Every readable member holds exactly what the model and the layout say.
    pub(crate) fn assert_members_agree(&self) {
        for slot in self.layout.slots().without(self.unreadable()).iter() {
            for block in 0..self.layout.geometry().member_blocks.0 {
                let Some(expected) = self.expected(slot, block) else { continue };
                let found = &self.members[slot.index()][bytes(Extent::new(block, 1))];
                let role = self.layout.role(slot, block);
                assert!(
                    found == expected,
                    "slot {slot} block {block} {role:?} of {:?}",
                    self.layout.geometry()
                );
            }
        }
    }

    /// Whether every data block could still be read without `slot`.
    pub(crate) fn survives_without(&self, slot: Slot) -> bool {
        let gone = self.unreadable() | SlotSet::of(slot);
        let parities = self.layout.geometry().parity_strips();
        if parities > 0 {
            return gone.len() <= u16::from(parities);
        }
        (0..self.layout.set_blocks().0)
            .all(|block| self.layout.copies(block).any(|copy| !gone.contains(copy.slot)))
    }

    /// Takes a member away; what it held is lost.
    pub(crate) fn fail(&mut self, slot: Slot) {
        self.health.unavailable.insert(slot);
        self.health.write_only.remove(slot);
        self.members[slot.index()] = self.noise(self.layout.geometry().member_blocks.0);
    }

    /// Puts an empty member in place of a failed one.
    pub(crate) fn replace(&mut self, slot: Slot) {
        self.health.unavailable.remove(slot);
        self.health.write_only.insert(slot);
    }

    /// Fills the members that are being filled, `window` rows at a time.
    pub(crate) fn rebuild(&mut self, window: u64) {
        let targets = self.health.write_only;
        let end = self.layout.rows();
        let mut start = 0;
        while start < end {
            let rows = Rows::new(start, window.min(end - start));
            for plan in stripe::rebuild(&self.layout.clone(), self.health, targets, rows) {
                let plan = plan.unwrap();
                assert_eq!(plan.method(), Method::Rebuild);
                assert!(plan.writes().all(|io| targets.contains(io.slot)));
                assert!(rows.start <= plan.rows().start && plan.rows().end() <= rows.end());
                self.execute(&plan, &[]);
            }
            start += window;
        }
        self.health.write_only = SlotSet::EMPTY;
    }
}
