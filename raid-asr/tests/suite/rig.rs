// SPDX-License-Identifier: MIT OR Apache-2.0
//! Disks for the tests of the writing half: media that lose power, and the buffers over them.
#![allow(dead_code, unreachable_pub, missing_docs)]

use crate::generator::{Found, Image, Probe};
use raid_asr::Asr;
use raid_core::array::{
    ArrayId, Geometry, Initialisation, Level, MemberState, Name, Placement, QNumbering, Secondary,
};
use raid_core::metadata::{
    Admin, ArrayRequest, ChangeError, DiskBuffer, DiskShape, DiskView, Format, Lookup, Piece,
    PieceMut, RunTime, RuntimeState, Stamp, Step,
};
use raid_core::units::{Blocks, Lba, Slot, SlotSet};
use std::collections::BTreeMap;

/// 8 MiB.
pub const SMALL: DiskShape = DiskShape { blocks: Blocks(16384), block_size: 512 };
/// What each member of the arrays here gives.
pub const MEMBER: u64 = 8192;

/// What a disk holds: zeros where nothing was written. A block is written whole or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Medium {
    blocks: BTreeMap<u64, [u8; 512]>,
}

impl Medium {
    pub fn write(&mut self, at: u64, bytes: &[u8]) {
        for (block, bytes) in (at..).zip(bytes.chunks(512)) {
            self.blocks.insert(block, bytes.try_into().unwrap());
        }
    }

    pub fn read(&self, at: u64, blocks: u64) -> Vec<u8> {
        (at..at + blocks)
            .flat_map(|block| self.blocks.get(&block).copied().unwrap_or([0; 512]))
            .collect()
    }

    /// The last 17 blocks.
    pub fn image(&self, shape: DiskShape) -> Image {
        let blocks = shape.blocks.0;
        Image { blocks, tail: self.read(blocks - 17, 17) }
    }
}

/// One step of a commit, owning its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stepped {
    Write(u64, Vec<u8>),
    Flush,
}

/// Buffers over one disk's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buffer {
    pub shape: DiskShape,
    pub pieces: Vec<(Lba, Vec<u8>)>,
}

/// Some disks, and the buffers over their metadata.
#[derive(Clone, Debug)]
pub struct Rig {
    pub media: Vec<Medium>,
    pub buffers: Vec<Buffer>,
    pub live: Vec<bool>,
    ticks: u64,
}

fn blank(shape: DiskShape) -> Buffer {
    let areas = (0..).map_while(|index| Asr::new().new_area(shape, index));
    let pieces =
        areas.map(|area| (area.start, vec![0; usize::try_from(area.len.0).unwrap() * 512]));
    Buffer { shape, pieces: pieces.collect() }
}

impl Rig {
    /// Blank disks with buffers for new metadata.
    pub fn blank(shapes: &[DiskShape]) -> Self {
        Self {
            media: vec![Medium::default(); shapes.len()],
            buffers: shapes.iter().map(|shape| blank(*shape)).collect(),
            live: vec![true; shapes.len()],
            ticks: 0,
        }
    }

    /// Disks of no array, written and read again.
    pub fn unused(count: usize) -> Self {
        let mut rig = Self::blank(&vec![SMALL; count]);
        let stamp = rig.stamp();
        rig.edit(|disks| Asr::new().initialise(disks, stamp)).unwrap();
        rig.commit();
        rig.reread();
        rig
    }

    /// Disks with these images.
    pub fn of_images(images: &[Image]) -> Self {
        let shapes: Vec<DiskShape> = images
            .iter()
            .map(|image| DiskShape { blocks: Blocks(image.blocks), block_size: 512 })
            .collect();
        let mut rig = Self::blank(&shapes);
        for (medium, image) in rig.media.iter_mut().zip(images) {
            medium.write(image.blocks - 17, &image.tail);
        }
        rig.reread();
        rig
    }

    /// Plugs in another blank disk; its index.
    pub fn insert(&mut self, shape: DiskShape) -> usize {
        self.media.push(Medium::default());
        self.buffers.push(blank(shape));
        self.live.push(true);
        self.media.len() - 1
    }

    /// Sets the clock.
    pub fn set_clock(&mut self, ticks: u64) {
        self.ticks = ticks;
    }

    /// These disks alone, as after a start with no others plugged in.
    pub fn only(&self, disks: &[usize]) -> Self {
        let mut apart = Self {
            media: disks.iter().map(|disk| self.media[*disk].clone()).collect(),
            buffers: disks.iter().map(|disk| self.buffers[*disk].clone()).collect(),
            live: vec![true; disks.len()],
            ticks: self.ticks,
        };
        apart.reread();
        apart
    }

    /// Puts disks back that were taken out by [`only`](Self::only).
    pub fn take_back(&mut self, disks: &[usize], apart: Self) {
        for (disk, medium) in disks.iter().zip(apart.media) {
            self.media[*disk] = medium;
        }
        self.reread();
    }

    /// A stamp that no earlier one equals.
    pub fn stamp(&mut self) -> Stamp {
        self.ticks += 1;
        Stamp {
            unix_seconds: 1_709_294_400 + self.ticks,
            random: self.ticks.wrapping_mul(0x9E37_79B9_7F4A_7C15),
        }
    }

    /// Lends the buffers.
    pub fn edit<R>(&mut self, edit: impl FnOnce(&mut [DiskBuffer<'_, '_>]) -> R) -> R {
        let mut lent: Vec<(DiskShape, Vec<PieceMut<'_>>)> = (self.buffers.iter_mut())
            .map(|buffer| {
                let pieces = buffer.pieces.iter_mut();
                (buffer.shape, pieces.map(|(at, bytes)| PieceMut { at: *at, bytes }).collect())
            })
            .collect();
        let mut buffers: Vec<DiskBuffer<'_, '_>> = (lent.iter_mut())
            .zip(&self.live)
            .map(|((shape, pieces), live)| DiskBuffer { shape: *shape, pieces, live: *live })
            .collect();
        edit(&mut buffers)
    }

    /// The steps that write disk `disk`, or erase it.
    pub fn steps(&mut self, disk: usize, erase: bool) -> Vec<Stepped> {
        self.edit(|disks| {
            let disk = &disks[disk];
            let mut block = [0xEE; 512];
            let mut steps = Vec::new();
            loop {
                let step = match erase {
                    true => Asr::new().erase_step(disk, steps.len(), &mut block),
                    false => Asr::new().commit_step(disk, steps.len(), &mut block),
                };
                steps.push(match step {
                    None => return steps,
                    Some(Step::Write { at, bytes }) => Stepped::Write(at.0, bytes.to_vec()),
                    Some(Step::Flush) => Stepped::Flush,
                });
                assert!(steps.len() < 64, "a commit without end");
            }
        })
    }

    /// The steps of every live disk, none of the others.
    pub fn all_steps(&mut self) -> Vec<Vec<Stepped>> {
        (0..self.media.len())
            .map(|disk| if self.live[disk] { self.steps(disk, false) } else { Vec::new() })
            .collect()
    }

    /// Writes every live disk.
    pub fn commit(&mut self) {
        for (medium, steps) in self.all_steps().into_iter().enumerate() {
            for step in steps {
                if let Stepped::Write(at, bytes) = step {
                    self.media[medium].write(at, &bytes);
                }
            }
        }
    }

    /// Erases a disk.
    pub fn erase(&mut self, disk: usize) {
        for step in self.steps(disk, true) {
            if let Stepped::Write(at, bytes) = step {
                self.media[disk].write(at, &bytes);
            }
        }
    }

    /// Reads the buffers anew, as after a restart. Disks without the format are not live.
    pub fn reread(&mut self) {
        for disk in 0..self.media.len() {
            let shape = self.buffers[disk].shape;
            let probe = Probe::of(&self.media[disk].image(shape), &[]);
            self.live[disk] = probe.last == Lookup::Complete;
            self.buffers[disk].pieces = probe.pieces;
        }
    }

    /// Lends the buffers for reading.
    pub fn view<R>(&self, see: impl FnOnce(&[DiskView<'_>]) -> R) -> R {
        let pieces: Vec<Vec<Piece<'_>>> = (self.buffers.iter())
            .map(|disk| disk.pieces.iter().map(|(at, bytes)| Piece { at: *at, bytes }).collect())
            .collect();
        let views: Vec<DiskView<'_>> = (self.buffers.iter().zip(&pieces))
            .map(|(disk, pieces)| DiskView { shape: disk.shape, pieces })
            .collect();
        see(&views)
    }

    /// What discovery tells of the buffers.
    pub fn found(&self) -> Found {
        self.found_by(&Asr::new())
    }

    pub fn found_by(&self, format: &dyn Format) -> Found {
        let mut found = Found::default();
        self.view(|disks| format.assemble(disks, &mut found));
        found
    }

    /// The states of all members, in the order told.
    pub fn members(&self) -> Vec<(Option<usize>, MemberState)> {
        self.found().members.iter().map(|member| (member.disk, member.state)).collect()
    }

    pub fn state(&self, array: ArrayId, set: u16) -> Option<RuntimeState> {
        self.view(|disks| Asr::new().state(disks, array, set))
    }

    pub fn set_state(
        &mut self,
        array: ArrayId,
        set: u16,
        state: &RuntimeState,
    ) -> Result<(), ChangeError> {
        let stamp = self.stamp();
        self.edit(|disks| Asr::new().set_state(disks, array, set, state, stamp))
    }

    /// As whoever starts the array does: what an update left undone is written to all disks, one update
    /// after the other.
    pub fn align(&mut self, array: ArrayId, sets: u16) {
        for set in 0..sets {
            let found = self.state(array, set).expect("a set of the array");
            self.set_state(array, set, &found).unwrap();
            self.commit();
        }
    }

    pub fn create(
        &mut self,
        name: &str,
        geometry: Geometry,
        disks: &[usize],
    ) -> Result<ArrayId, ChangeError> {
        let disks: Vec<_> = disks.iter().copied().map(Some).collect();
        self.create_in(name, geometry, &disks)
    }

    /// As [`create`](Self::create), with places that are left empty.
    pub fn create_in(
        &mut self,
        name: &str,
        geometry: Geometry,
        disks: &[Option<usize>],
    ) -> Result<ArrayId, ChangeError> {
        let request = ArrayRequest {
            initialisation: Initialisation::Full,
            unverified: true,
            ..ArrayRequest::new(Name::new(name.as_bytes()), geometry, disks)
        };
        self.request(&request)
    }

    pub fn request(&mut self, request: &ArrayRequest<'_>) -> Result<ArrayId, ChangeError> {
        let stamp = self.stamp();
        self.edit(|disks| Asr::new().create_array(disks, request, stamp))
    }

    /// An array on the first disks of `count` unused ones, written and read again.
    pub fn with_array(geometry: Geometry, count: usize) -> (Self, ArrayId) {
        let mut rig = Self::unused(count);
        let disks: Vec<usize> = (0..usize::from(geometry.slots * geometry.sets)).collect();
        let array = rig.create("array", geometry, &disks).unwrap();
        rig.commit();
        rig.reread();
        (rig, array)
    }
}

/// One set of `slots` members.
pub fn geometry(level: Level, slots: u16) -> Geometry {
    Geometry {
        level,
        placement: Placement::Fixed,
        slots,
        strip: if level == Level::Raid0 { Blocks(128) } else { Blocks(0) },
        member_blocks: Blocks(MEMBER),
        secondary: Secondary::None,
        sets: 1,
        q_numbering: QNumbering::BySlot,
        parities: 0,
        rotate_shift: 0,
        block_size: 512,
    }
}

/// `sets` sets of two, joined.
pub fn joined(level: Level, secondary: Secondary, sets: u16) -> Geometry {
    Geometry { secondary, sets, strip: Blocks(128), ..geometry(level, 2) }
}

/// `sets` mirrors of two, striped.
pub fn raid10(sets: u16) -> Geometry {
    joined(Level::Raid1, Secondary::Striped, sets)
}

/// Everything well.
pub fn healthy() -> RuntimeState {
    RuntimeState {
        clean: true,
        failed: SlotSet::EMPTY,
        rebuilding: SlotSet::EMPTY,
        initialisation: Initialisation::Full,
        progress: None,
    }
}

pub fn slots(of: &[u8]) -> SlotSet {
    of.iter().copied().map(Slot).collect()
}
