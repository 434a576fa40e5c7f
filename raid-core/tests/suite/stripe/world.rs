// SPDX-License-Identifier: MIT OR Apache-2.0
//! A redundancy set in memory, executed by the planner's plans, next to a flat model of its data.
//!
//! The oracle asks only [`Layout::role`] and multiplies in the field bit by bit: it shares nothing
//! with what plans are made of.

use raid_core::array::{Geometry, Level, Placement, QNumbering, Secondary};
use raid_core::backend::Backend;
use raid_core::layout::{Layout, Role};
use raid_core::stripe::{
    self, BadRange, Health, HealthByRow, Mark, Method, NotPossible, ReadStep, RowPlan,
};
use raid_core::units::{Blocks, Extent, Row, Rows, Slot, SlotSet};
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
        // Bytes, not strips, go round a RAID-3.
        strip: Blocks(if level == Level::Raid3 { 0 } else { strip }),
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
    /// Members that have been filled up to a row.
    pub(crate) marks: Vec<Mark>,
    /// Blocks that cannot be read.
    pub(crate) bad: Vec<BadRange>,
    pub(crate) members: Vec<Vec<u8>>,
    /// What a reader must see.
    pub(crate) model: Vec<u8>,
    /// Rows that a plan is carried out at a time.
    pub(crate) rows_at_a_time: u64,
    seed: u64,
}

/// Reads and writes have numbers, and are as many as the plan says.
fn assert_numbered(plan: &RowPlan) {
    let (reads, writes): (Vec<_>, Vec<_>) = (plan.reads().collect(), plan.writes().collect());
    assert_eq!((plan.read_count(), plan.write_count()), (reads.len() as u16, writes.len() as u16));
    for (n, io) in (0..).zip(&reads) {
        assert_eq!(plan.nth_read(n).as_ref(), Some(io));
    }
    for (n, io) in (0..).zip(&writes) {
        assert_eq!(plan.nth_write(n).as_ref(), Some(io));
    }
    assert_eq!((plan.nth_read(plan.read_count()), plan.nth_read(u16::MAX)), (None, None));
    assert_eq!((plan.nth_write(plan.write_count()), plan.nth_write(u16::MAX)), (None, None));
}

impl World {
    /// A set whose every block has been written once.
    pub(crate) fn new(geometry: &Geometry) -> Self {
        let members = vec![geometry.member_blocks; geometry.slots.into()];
        Self::over(Layout::new(geometry).unwrap(), &members)
    }

    /// The same over members of these blocks each.
    pub(crate) fn over(layout: Layout<'static>, members: &[Blocks]) -> Self {
        let blocks = layout.set_blocks().0;
        let mut world = Self {
            layout,
            health: Health::OPTIMAL,
            marks: Vec::new(),
            bad: Vec::new(),
            members: (1000..).zip(members).map(|(seed, size)| noise(seed, size.0)).collect(),
            model: noise(1, blocks),
            rows_at_a_time: u64::MAX,
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

    /// What the planner is told.
    pub(crate) fn by_row(&self) -> HealthByRow<'_> {
        HealthByRow { health: self.health, marks: &self.marks, bad: &self.bad }
    }

    pub(crate) fn member_blocks(&self, slot: Slot) -> u64 {
        (self.members[slot.index()].len() / BLOCK) as u64
    }

    /// The row that a block of a member belongs to.
    pub(crate) fn row_of(&self, slot: Slot, block: u64) -> Option<u64> {
        match self.layout.role(slot, block) {
            Role::Unused | Role::HotSpace => None,
            _ if self.layout.geometry().parity_strips() > 0 => Some(block),
            Role::Data(block) | Role::Copy { of: block } => Some(block),
            role => panic!("{role:?} without parity"),
        }
    }

    /// Whether a block of a member may be read.
    pub(crate) fn readable(&self, slot: Slot, block: u64) -> bool {
        let stale = |mark: &Mark| {
            mark.slot == slot && self.row_of(slot, block).is_none_or(|row| row >= mark.row.0)
        };
        let bad = |bad: &BadRange| {
            bad.slot == slot && block >= bad.at.start.0 && block < bad.at.start.0 + bad.at.len.0
        };
        !self.unreadable().contains(slot)
            && !self.marks.iter().any(stale)
            && !self.bad.iter().any(bad)
    }

    /// Whether a block of a member belongs to the rows.
    fn inside(&self, rows: Rows, slot: Slot, block: u64) -> bool {
        let row = self.row_of(slot, block).expect("no place for a plan");
        row >= rows.start.0 && row < rows.end().0
    }

    /// Reads what the plan reads, into a slab of rubbish.
    pub(crate) fn fill_slab(&self, plan: &RowPlan) -> Vec<u8> {
        let mut slab = noise(77, plan.slab_blocks().0);
        assert_numbered(plan);
        self.assert_reads_are_allowed(plan);
        for io in plan.reads() {
            let from = &self.members[io.slot.index()][bytes(io.at)];
            io.bytes(512, &mut slab).unwrap().copy_from_slice(from);
        }
        slab
    }

    /// A plan reads what can be read of its own rows, each block to a place of its own.
    pub(crate) fn assert_reads_are_allowed(&self, plan: &RowPlan) {
        let mut taken = vec![false; plan.slab_blocks().0 as usize];
        for io in plan.reads() {
            for block in 0..io.at.len.0 {
                let at = io.at.start.0 + block;
                assert!(self.readable(io.slot, at), "reads slot {} block {at}", io.slot);
                assert!(self.inside(plan.rows(), io.slot, at));
                assert!(!std::mem::replace(&mut taken[(io.slab.0 + block) as usize], true));
            }
        }
    }

    /// A plan writes members that are there, in its own rows.
    pub(crate) fn assert_writes_are_allowed(&self, plan: &RowPlan) {
        for io in plan.writes() {
            assert!(!self.health.unavailable.contains(io.slot), "writes slot {}", io.slot);
            for block in io.at.start.0..io.at.start.0 + io.at.len.0 {
                assert!(self.inside(plan.rows(), io.slot, block));
            }
        }
    }

    /// The plan, a few rows at a time if it is to be so.
    pub(crate) fn parts(&self, plan: &RowPlan) -> Vec<RowPlan> {
        let (rows, few) = (plan.rows(), self.rows_at_a_time);
        if rows.len <= few {
            return vec![*plan];
        }
        let starts = (rows.start.0..rows.end().0).step_by(few as usize);
        let parts: Vec<_> = starts.map(|start| plan.within(Rows::new(start, few))).collect();
        for part in &parts {
            // RAID-3 keeps a column of every strip; others have no more columns than the whole.
            assert!(part.slab_blocks().0 <= plan.slab_blocks().0 / rows.len * part.rows().len);
            assert!(part.rows().len <= few);
        }
        let blocks = |plan: &RowPlan| -> (u64, u64) {
            let written: u64 = plan.writes().map(|io| io.at.len.0).sum();
            (plan.reads().map(|io| io.at.len.0).sum(), written)
        };
        let sums = parts.iter().map(blocks).fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
        assert_eq!(sums, blocks(plan));
        let nothing = plan.within(Rows::new(rows.end().0, few));
        assert_eq!(blocks(&nothing), (0, 0));
        assert_eq!(nothing.slab_blocks(), Blocks(0));
        parts
    }

    pub(crate) fn execute(&mut self, plan: &RowPlan, new: &[u8]) {
        for part in self.parts(plan) {
            self.execute_part(&part, new);
        }
    }

    fn execute_part(&mut self, plan: &RowPlan, new: &[u8]) {
        let mut slab = self.fill_slab(plan);
        plan.compute(Backend::portable(), &mut slab, new).unwrap();
        self.assert_writes_are_allowed(plan);
        for io in plan.writes() {
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
        let told = self.clone();
        let plans = stripe::write(&told.layout, told.by_row(), at);
        // One place for all plans: nothing of the one before must stay.
        let (mut place, mut alone) = (RowPlan::EMPTY, plans.clone());
        let mut plans = plans;
        while let Some(made) = plans.next_into(&mut place) {
            made.unwrap();
            let plan = place;
            assert_eq!(alone.next(), Some(Ok(plan)));
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
        let direct = |step| matches!(step, Ok(ReadStep::Direct(_)));
        let all_direct = stripe::read(&self.layout, self.by_row(), at, prefer).all(direct);
        assert_eq!(stripe::needs_row(&self.layout, self.by_row(), at), !all_direct, "{at:?}");
        for step in stripe::read(&self.layout, self.by_row(), at, prefer) {
            let (offset, len) = match step {
                Ok(ReadStep::Direct(io)) => {
                    for block in io.at.start.0..io.at.start.0 + io.at.len.0 {
                        assert!(self.readable(io.slot, block), "reads {} {block}", io.slot);
                    }
                    let from = &self.members[io.slot.index()][bytes(io.at)];
                    io.bytes(512, &mut request).unwrap().copy_from_slice(from);
                    (io.offset.0, io.at.len.0)
                }
                Ok(ReadStep::Reconstruct(plan)) => {
                    for plan in self.parts(&plan) {
                        let mut slab = self.fill_slab(&plan);
                        plan.compute(Backend::portable(), &mut slab, &[]).unwrap();
                        plan.extract(&slab, &mut request).unwrap();
                        assert_eq!(plan.writes().count(), 0);
                    }
                    let part = plan.request().unwrap();
                    (part.offset.0, part.len.0)
                }
                Err(NotPossible::Lost { missing, rows }) => {
                    assert!(!missing.is_empty());
                    parts.push(Err(NotPossible::Lost { missing, rows }));
                    next += if self.layout.geometry().level == Level::Raid3 {
                        let data = u64::from(self.layout.geometry().slots) - 1;
                        (rows.end().0 * data - at.start.0).min(at.len.0) - next
                    } else {
                        rows.len
                    };
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
            Role::Interleaved { .. } => return Some(self.dealt(slot, block)),
        };
        let mut sum = vec![0; BLOCK];
        for other in self.layout.slots().iter() {
            let data = match self.layout.role(other, block) {
                Role::Data(data) => self.modelled(data).to_vec(),
                Role::Interleaved { .. } => self.dealt(other, block),
                _ => continue,
            };
            let constant = if parity == 0 { 1 } else { power(self.exponent(other, block)) };
            let products = products(constant);
            for (sum, byte) in sum.iter_mut().zip(&data) {
                *sum ^= products[usize::from(*byte)];
            }
        }
        Some(sum)
    }

    /// What a data member of a RAID-3 must hold at `block`.
    fn dealt(&self, slot: Slot, block: u64) -> Vec<u8> {
        let byte = |offset| {
            let (of, byte) = self.layout.byte_at(slot, block, offset).unwrap();
            self.model[of as usize * BLOCK + byte as usize]
        };
        (0..BLOCK as u32).map(byte).collect()
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
            for block in 0..self.member_blocks(slot) {
                if !self.readable(slot, block) {
                    continue;
                }
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

    /// Whether every data block can be read, and every row be written.
    pub(crate) fn survives(&self) -> bool {
        let parities = usize::from(self.layout.geometry().parity_strips());
        if parities > 0 {
            let lost = |row| {
                let slots = self.layout.slots().iter();
                slots
                    .filter(|slot| self.row_of(*slot, row).is_some() && !self.readable(*slot, row))
                    .count()
            };
            return (0..self.layout.rows()).all(|row| lost(row) <= parities);
        }
        (0..self.layout.set_blocks().0).all(|block| {
            self.layout.copies(block).any(|copy| self.readable(copy.slot, copy.block.0))
        })
    }

    /// Whether every data block could still be read without `slot`.
    pub(crate) fn survives_without(&self, slot: Slot) -> bool {
        // Spare space counts as a loss here: a slot more rows depend on.
        let gone = self.unreadable() | SlotSet::of(slot);
        let parities = self.layout.geometry().parity_strips();
        if parities > 0 && gone.len() > u16::from(parities) {
            return false;
        }
        let mut after = Self { marks: self.marks.clone(), bad: self.bad.clone(), ..self.clone() };
        after.health.unavailable.insert(slot);
        after.survives()
    }

    /// Takes a member away; what it held is lost.
    pub(crate) fn fail(&mut self, slot: Slot) {
        self.health.unavailable.insert(slot);
        self.health.write_only.remove(slot);
        self.marks.retain(|mark| mark.slot != slot);
        self.bad.retain(|bad| bad.slot != slot);
        self.members[slot.index()] = self.noise(self.member_blocks(slot));
    }

    /// Puts an empty member in place of a failed one.
    pub(crate) fn replace(&mut self, slot: Slot) {
        self.health.unavailable.remove(slot);
        self.health.write_only.insert(slot);
    }

    /// Spoils blocks of a member, unless data would be lost.
    pub(crate) fn spoil(&mut self, slot: Slot, at: Extent) {
        self.bad.push(BadRange { slot, at });
        if !self.survives() {
            self.bad.pop();
            return;
        }
        let noise = self.noise(at.len.0);
        let end = self.members[slot.index()].len() / BLOCK;
        for (block, noise) in (at.start.0..end as u64).zip(noise.chunks(BLOCK)) {
            let spoilt = bytes(Extent::new(block, 1));
            if self.bad.last().is_some_and(|bad| block < bad.at.start.0 + bad.at.len.0) {
                self.members[slot.index()][spoilt].copy_from_slice(noise);
            }
        }
    }

    /// Rebuilds a member that is being filled up to `row` and marks it there.
    pub(crate) fn fill_up_to(&mut self, slot: Slot, row: u64) {
        self.rebuild_rows(SlotSet::of(slot), Rows::new(0, row));
        self.health.write_only.remove(slot);
        self.marks.push(Mark { slot, row: Row(row) });
    }

    /// Fills `targets` over some rows.
    fn rebuild_rows(&mut self, targets: SlotSet, rows: Rows) {
        let told = self.clone();
        let mut plans = stripe::rebuild(&told.layout, told.by_row(), targets, rows);
        let mut plan = RowPlan::EMPTY;
        while let Some(made) = plans.next_into(&mut plan) {
            made.unwrap();
            assert_eq!(plan.method(), Method::Rebuild);
            assert!(plan.writes().all(|io| targets.contains(io.slot)));
            assert!(rows.start <= plan.rows().start && plan.rows().end() <= rows.end());
            self.execute(&plan, &[]);
        }
    }

    /// Fills the members that are being filled, `window` rows at a time, and rewrites what could
    /// not be read.
    pub(crate) fn rebuild(&mut self, window: u64) {
        for bad in self.bad.clone() {
            for block in bad.at.start.0..bad.at.start.0 + bad.at.len.0 {
                if let Some(row) = self.row_of(bad.slot, block) {
                    self.rebuild_rows(SlotSet::of(bad.slot), Rows::new(row, 1));
                }
            }
        }
        self.bad.clear();
        let (targets, end) = (self.health.write_only, self.layout.rows());
        let mut start = 0;
        while start < end {
            self.rebuild_rows(targets, Rows::new(start, window.min(end - start)));
            start += window;
        }
        // From the mark on: below it the member may be the only one to have its row.
        while let Some(mark) = self.marks.last().copied() {
            self.rebuild_rows(SlotSet::of(mark.slot), Rows::new(mark.row.0, end - mark.row.0));
            self.marks.pop();
        }
        self.health.write_only = SlotSet::EMPTY;
    }
}
