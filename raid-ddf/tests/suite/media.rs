// SPDX-License-Identifier: MIT OR Apache-2.0
//! Disks for the tests of the writing half: media that lose power, and the buffers over them.
#![allow(dead_code, unreachable_pub)]

use crate::support::{Disk, Told, assemble, read_disk};
use raid_core::array::{ArrayId, MemberId, MemberState};
use raid_core::array::{Geometry, Initialisation, Level, Name, Placement, QNumbering, Secondary};
use raid_core::metadata::{
    Admin, ArrayRequest, BadBlocks, ChangeError, DiskBuffer, DiskCondition, DiskShape, DiskView,
    Lookup, Piece, PieceMut, RunTime, RuntimeState, Stamp, Step,
};
use raid_core::units::{Blocks, Extent, Lba, SlotSet};
use raid_ddf::{Ddf, Options};
use std::collections::BTreeMap;

/// What a disk holds, in units of 512 bytes: zeros where nothing was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Medium {
    sectors: BTreeMap<u64, [u8; 512]>,
}

impl Medium {
    pub fn write(&mut self, at: u64, bytes: &[u8]) {
        for (sector, bytes) in (at / 512..).zip(bytes.chunks(512)) {
            self.sectors.insert(sector, bytes.try_into().unwrap());
        }
    }

    pub fn read(&self, at: u64, len: usize) -> Vec<u8> {
        let sectors = at / 512..at / 512 + len as u64 / 512;
        sectors.flat_map(|s| self.sectors.get(&s).copied().unwrap_or([0; 512])).collect()
    }

    /// All sectors that were written.
    pub fn sectors(&self) -> impl Iterator<Item = (u64, &[u8; 512])> {
        self.sectors.iter().map(|(sector, bytes)| (*sector, bytes))
    }
}

/// One step of a commit, owning its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stepped {
    Write(u64, Vec<u8>),
    Flush,
}

/// Some disks, and the buffers over their metadata.
#[derive(Clone, Debug)]
pub struct Rig {
    pub media: Vec<Medium>,
    pub disks: Vec<Disk>,
    pub live: Vec<bool>,
    /// The word of whoever creates arrays here that unconfirmed codes may be written.
    pub unverified: bool,
    ticks: u64,
}

/// 64 MiB in blocks of 512 bytes: half of it for arrays.
pub const SMALL: DiskShape = DiskShape { blocks: Blocks(131_072), block_size: 512 };

impl Rig {
    /// Blank disks with buffers for new metadata.
    pub fn blank(shapes: &[DiskShape], options: &Options) -> Self {
        let disk = |shape: &DiskShape| Disk {
            shape: *shape,
            pieces: (0..)
                .map_while(|index| raid_ddf::new_area(*shape, index, options))
                .map(|area| {
                    let len = area.len.bytes(shape.block_size).unwrap();
                    (area.start, vec![0; usize::try_from(len).unwrap()])
                })
                .collect(),
            answer: Lookup::Complete,
        };
        Self {
            media: vec![Medium::default(); shapes.len()],
            disks: shapes.iter().map(disk).collect(),
            live: vec![true; shapes.len()],
            unverified: true,
            ticks: 0,
        }
    }

    /// An empty configuration over `count` small disks, written.
    pub fn container(count: usize) -> Self {
        let mut rig = Self::blank(&vec![SMALL; count], &Options::LINUX);
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().initialise(disks, stamp)).unwrap();
        rig.commit();
        rig.reread();
        rig
    }

    /// Sets the clock.
    pub fn set_clock(&mut self, ticks: u64) {
        self.ticks = ticks;
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
        let mut lent: Vec<(DiskShape, Vec<PieceMut<'_>>)> = self
            .disks
            .iter_mut()
            .map(|disk| {
                let pieces = disk.pieces.iter_mut();
                (disk.shape, pieces.map(|(at, bytes)| PieceMut { at: *at, bytes }).collect())
            })
            .collect();
        let mut buffers: Vec<DiskBuffer<'_, '_>> = lent
            .iter_mut()
            .zip(&self.live)
            .map(|((shape, pieces), live)| DiskBuffer { shape: *shape, pieces, live: *live })
            .collect();
        edit(&mut buffers)
    }

    /// The steps that write disk `disk`.
    pub fn steps(&mut self, disk: usize) -> Vec<Stepped> {
        self.collect(disk, |disk, index, block| {
            Ddf::new().commit_step(disk, index, block).map(|step| owned(disk, step))
        })
    }

    /// The steps that destroy the metadata of disk `disk`.
    pub fn erase_steps(&mut self, disk: usize) -> Vec<Stepped> {
        self.collect(disk, |disk, index, block| {
            Ddf::new().erase_step(disk, index, block).map(|step| owned(disk, step))
        })
    }

    fn collect(
        &mut self,
        disk: usize,
        step: impl Fn(&DiskBuffer<'_, '_>, usize, &mut [u8]) -> Option<Stepped>,
    ) -> Vec<Stepped> {
        self.edit(|disks| {
            let mut block = vec![0; disks[disk].shape.block_size as usize];
            (0..).map_while(|index| step(&disks[disk], index, &mut block)).collect()
        })
    }

    /// Adds the disks of another rig.
    pub fn append(&mut self, other: &Self) {
        self.media.extend(other.media.iter().cloned());
        self.disks.extend(other.disks.iter().cloned());
        self.live.extend(other.live.iter().copied());
    }

    /// These disks alone, as after a start with no others plugged in.
    pub fn only(&self, disks: &[usize]) -> Self {
        let mut apart = Self {
            media: disks.iter().map(|disk| self.media[*disk].clone()).collect(),
            disks: disks.iter().map(|disk| self.disks[*disk].clone()).collect(),
            live: vec![true; disks.len()],
            ..self.clone()
        };
        apart.reread();
        apart
    }

    /// Puts disks back that were taken out by [`only`](Self::only).
    pub fn take_back(&mut self, disks: &[usize], apart: Self) {
        for (disk, medium) in disks.iter().zip(apart.media) {
            self.media[*disk] = medium;
        }
        self.ticks = self.ticks.max(apart.ticks);
        self.reread();
    }

    /// Writes every live disk.
    pub fn commit(&mut self) {
        for disk in 0..self.disks.len() {
            if self.live[disk] {
                for step in self.steps(disk) {
                    if let Stepped::Write(at, bytes) = step {
                        self.media[disk].write(at, &bytes);
                    }
                }
            }
        }
    }

    /// Reads the buffers anew, as after a restart. Disks without the format are not live.
    pub fn reread(&mut self) {
        for (disk, medium) in self.disks.iter_mut().zip(&self.media) {
            let size = u64::from(disk.shape.block_size);
            *disk = read_disk(disk.shape, |extent| {
                let len = usize::try_from(extent.len.0 * size).unwrap();
                Some(medium.read(extent.start.0 * size, len))
            });
        }
        self.live = self.disks.iter().map(|disk| disk.answer == Lookup::Complete).collect();
    }

    /// What discovery tells of the buffers.
    pub fn told(&self) -> Told {
        assemble(&self.disks)
    }

    /// Lends all disks for reading.
    pub fn views<R>(&self, see: impl FnOnce(&[DiskView<'_>]) -> R) -> R {
        let pieces = self
            .disks
            .iter()
            .map(|disk| disk.pieces.iter().map(|(at, bytes)| Piece { at: *at, bytes }).collect());
        let pieces: Vec<Vec<Piece<'_>>> = pieces.collect();
        let disks = self.disks.iter().zip(&pieces);
        let views = disks.map(|(disk, pieces)| DiskView { shape: disk.shape, pieces });
        see(&views.collect::<Vec<_>>())
    }

    /// The stored state of a set.
    pub fn state(&self, array: ArrayId, set: u16) -> Option<RuntimeState> {
        self.views(|views| Ddf::new().state(views, array, set))
    }

    /// Lends one disk for reading.
    pub fn view<R>(&self, disk: usize, see: impl FnOnce(&DiskView<'_>) -> R) -> R {
        let pieces = self.disks[disk].pieces.iter();
        let pieces: Vec<_> = pieces.map(|(at, bytes)| Piece { at: *at, bytes }).collect();
        see(&DiskView { shape: self.disks[disk].shape, pieces: &pieces })
    }

    /// The bad ranges of a disk.
    pub fn bad_ranges(&self, disk: usize) -> Vec<BadBlocks> {
        self.view(disk, |view| {
            (0..).map_while(|index| Ddf::new().bad_blocks(view, index)).collect()
        })
    }

    pub fn workspace(&self, disk: usize) -> Option<Extent> {
        self.view(disk, |view| Ddf::new().workspace(view))
    }

    /// The stored condition of a disk.
    pub fn condition(&self, disk: MemberId) -> Option<DiskCondition> {
        self.views(|views| Ddf::new().disk_condition(views, disk))
    }

    /// All bytes of all buffers.
    pub fn bytes(&self) -> Vec<Vec<(Lba, Vec<u8>)>> {
        self.disks.iter().map(|disk| disk.pieces.clone()).collect()
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
        let stamp = self.stamp();
        let name = Name::new(name.as_bytes());
        let request = ArrayRequest {
            initialisation: Initialisation::Full,
            unverified: self.unverified,
            ..ArrayRequest::new(name, geometry, disks)
        };
        self.edit(|buffers| Ddf::new().create_array(buffers, &request, stamp))
    }

    pub fn set_state(
        &mut self,
        array: ArrayId,
        set: u16,
        state: &RuntimeState,
    ) -> Result<(), ChangeError> {
        let stamp = self.stamp();
        self.edit(|buffers| Ddf::new().set_state(buffers, array, set, state, stamp))
    }

    /// The states of an array's members, set by set.
    pub fn members(&self, name: &str) -> Vec<(Option<usize>, MemberState)> {
        let told = self.told();
        let (_, members) = told.array(name);
        members.iter().map(|member| (member.disk, member.state)).collect()
    }
}

/// A set of `slots` members of 4096 blocks with strips of 128.
pub fn geometry(level: Level, placement: Placement, slots: u16) -> Geometry {
    Geometry {
        level,
        placement,
        slots,
        strip: match level {
            Level::Raid1 | Level::Single | Level::Concat => Blocks(0),
            _ => Blocks(128),
        },
        member_blocks: Blocks(4096),
        secondary: Secondary::None,
        sets: 1,
        q_numbering: QNumbering::BySlot,
        parities: 0,
        rotate_shift: 0,
        block_size: 512,
    }
}

/// RAID-10: `sets` mirrors of two.
pub fn raid10(sets: u16) -> Geometry {
    Geometry {
        strip: Blocks(128),
        sets,
        secondary: Secondary::Striped,
        ..geometry(Level::Raid1, Placement::Fixed, 2)
    }
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

/// The extent `from..from + len`.
pub fn extent(from: u64, len: u64) -> Extent {
    Extent::new(from, len)
}

/// A stamp far from those of any other rig.
pub fn later(rig: &mut Rig) -> Stamp {
    let stamp = rig.stamp();
    Stamp { unix_seconds: stamp.unix_seconds + 86_400, random: !stamp.random }
}

impl Rig {
    /// Disks that were read before, all live.
    pub fn of(disks: Vec<Disk>) -> Self {
        let live = disks.iter().map(|disk| disk.answer == Lookup::Complete).collect();
        let media = vec![Medium::default(); disks.len()];
        Self { media, disks, live, unverified: true, ticks: 1 << 20 }
    }
}

fn owned(disk: &DiskBuffer<'_, '_>, step: Step<'_>) -> Stepped {
    match step {
        Step::Write { at, bytes } => {
            Stepped::Write(at.0 * u64::from(disk.shape.block_size), bytes.to_vec())
        }
        Step::Flush => Stepped::Flush,
    }
}

/// One disk of another configuration, with an array that has number 0.
pub fn other_configuration(options: &Options) -> Rig {
    let mut rig = Rig::blank(&[SMALL], options);
    let stamp = later(&mut rig);
    rig.edit(|disks| raid_ddf::initialise(disks, stamp, options)).unwrap();
    rig.ticks += 1 << 10;
    rig.create("theirs", geometry(Level::Single, Placement::Fixed, 1), &[0]).unwrap();
    rig.commit();
    rig.reread();
    rig
}

/// Marks headers and disks as not yet taken over, on the media.
pub fn make_foreign(rig: &mut Rig) {
    use raid_ddf::{ByteOrder, CrcVariant, DdfHeader, PdType, PhysicalDiskRecords, Record};
    for disk in &mut rig.disks {
        for (_, bytes) in &mut disk.pieces {
            if let Some(header) = DdfHeader::view_mut(&mut bytes[..512])
                && header.signature.get(ByteOrder::Big) == DdfHeader::SIGNATURE
            {
                header.foreign_flag = 1;
                raid_ddf::seal(CrcVariant::B, ByteOrder::Big, &mut bytes[..512]);
            }
            for at in (0..bytes.len()).step_by(512) {
                let Some(section) = bytes.get_mut(at..at + 1024) else { continue };
                let Some(records) = PhysicalDiskRecords::view_mut(section) else { continue };
                if records.signature.get(ByteOrder::Big) != PhysicalDiskRecords::SIGNATURE {
                    continue;
                }
                for entry in &mut records.entries[..3] {
                    let pd_type = entry.pd_type(ByteOrder::Big) | PdType::FOREIGN;
                    entry.set_pd_type(ByteOrder::Big, pd_type);
                }
                raid_ddf::seal(CrcVariant::B, ByteOrder::Big, section);
            }
        }
    }
    for (medium, disk) in rig.media.iter_mut().zip(&rig.disks) {
        for (at, bytes) in &disk.pieces {
            medium.write(at.0 * 512, bytes);
        }
    }
}

/// The headers in a disk's buffer, each with the index of its piece.
fn headers(rig: &Rig, disk: usize) -> Vec<(usize, raid_ddf::DdfHeader)> {
    use raid_ddf::{DdfHeader, Record};
    let pieces = rig.disks[disk].pieces.iter().enumerate();
    let headers = pieces.filter_map(|(index, (_, bytes))| {
        DdfHeader::byte_order(bytes)?;
        Some((index, *DdfHeader::view(bytes)?))
    });
    headers.collect()
}

/// Counts the headers on and nothing else, as somebody does who keeps the records as they are.
pub fn touch(rig: &mut Rig) {
    use raid_ddf::{ByteOrder, CrcVariant, DdfHeader, Record};
    for disk in 0..rig.disks.len() {
        for (piece, header) in headers(rig, disk) {
            let order = ByteOrder::Big;
            let Some(sequence) = header.sequence_number.present(order) else { continue };
            let bytes = &mut rig.disks[disk].pieces[piece].1[..512];
            DdfHeader::view_mut(bytes).unwrap().sequence_number.set(order, sequence + 1);
            raid_ddf::seal(CrcVariant::B, order, bytes);
        }
    }
}

/// One byte of what a disk's buffer holds.
pub fn byte(rig: &Rig, disk: usize, at: u64) -> u8 {
    let mut pieces = rig.disks[disk].pieces.iter();
    let found = pieces.find_map(|(start, bytes)| {
        bytes.get(usize::try_from(at.checked_sub(start.0 * 512)?).ok()?)
    });
    *found.unwrap()
}

/// Fills bytes without a meaning with noise, alike in all copies on all disks: reserved bytes of
/// headers and sections, vendor's data, a record that nobody knows. Returns disk, address and value
/// of each.
pub fn fill_reserved(rig: &mut Rig) -> Vec<(usize, u64, u8)> {
    use raid_ddf::{ByteOrder, CrcVariant, Section};
    let order = ByteOrder::Big;
    let mut noise = Vec::new();
    for disk in 0..rig.disks.len() {
        for (piece, header) in headers(rig, disk) {
            let at = rig.disks[disk].pieces[piece].0;
            let start = at.0 * 512;
            let mut ranges = [51..96, 142..192, 256..512].map(|bytes| (start, bytes)).to_vec();
            let mut sealed = vec![(start, 512)];
            if header.header_type != 0 {
                let section = |section| {
                    let extent = header.section_extent(order, at, section).unwrap();
                    (extent.start.0 * 512, extent.len.0 * 512)
                };
                let controller = section(Section::ControllerData);
                let disks = section(Section::PhysicalDiskRecords);
                let arrays = section(Section::VirtualDiskRecords);
                let own = section(Section::PhysicalDiskData);
                ranges.extend([56..64, 64..512].map(|bytes| (controller.0, bytes)));
                // The heads, and the first entry of each.
                ranges.extend([12..64, 104..122, 124..128].map(|bytes| (disks.0, bytes)));
                ranges.extend([12..64, 90..92, 99..112].map(|bytes| (arrays.0, bytes)));
                ranges.push((own.0, 38..512));
                sealed.extend([controller, disks, arrays, own]);
                let records = section(Section::ConfigurationRecords);
                let length = u64::from(header.configuration_record_length.get(order)) * 512;
                if disk < 2 {
                    let vendor = [40..64, 91..96, 129..135, 137..140, 145..384, 384..480];
                    ranges.extend(vendor.map(|bytes| (records.0, bytes)));
                    sealed.push((records.0, length));
                }
                ranges.push((records.0 + records.1 - length, 0..length));
            }
            for (from, range) in ranges {
                for at in range.map(|at| from + at) {
                    let value = u8::try_from((at - start) * 7 % 251).unwrap();
                    poke(rig, disk, at, value);
                    noise.push((disk, at, value));
                }
            }
            for (start, len) in sealed {
                let mut bytes: Vec<u8> =
                    (start..start + len).map(|at| byte(rig, disk, at)).collect();
                raid_ddf::seal(CrcVariant::B, order, &mut bytes);
                for (at, value) in (start..).zip(bytes) {
                    poke(rig, disk, at, value);
                }
            }
        }
    }
    noise
}

fn poke(rig: &mut Rig, disk: usize, at: u64, value: u8) {
    let mut pieces = rig.disks[disk].pieces.iter_mut();
    let found = pieces.find_map(|(start, bytes)| {
        bytes.get_mut(usize::try_from(at.checked_sub(start.0 * 512)?).ok()?)
    });
    *found.unwrap() = value;
}
