// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sound arrays made with our own formats, and their records patched as an input says, checksums put right
//! after that.
//!
//! ```text
//! a patch    record, flags, offset (2), value
//! flags      width; one disk or all, and there one copy or all; sealed or not; an extreme number or the byte
//! ```

use crate::input::Input;
use crate::sparse::{BLOCK, Sparse};
use raid_array::store::{CommitStep, Store};
use raid_asr::{RaidTable, Record as _};
use raid_core::array::{Geometry, Initialisation, Level, Name, Placement, QNumbering, Secondary};
use raid_core::metadata::{Admin, ArrayRequest, DiskShape, Stamp};
use raid_core::units::Blocks;
use raid_ddf::{ByteOrder, CrcVariant, matching_crc, seal};
use std::sync::OnceLock;

/// Blocks that a member gives.
const MEMBER: u64 = 2048;
/// Longest record that is looked for.
const LONGEST: usize = 64;

/// How a record is sealed.
#[derive(Clone, Copy, Debug)]
enum Seal {
    Crc(CrcVariant),
    Table,
    Nothing,
}

/// Where a record stands.
#[derive(Clone, Copy, Debug)]
struct Record {
    at: u64,
    blocks: usize,
    seal: Seal,
    /// Its first bytes: copies have the same.
    kind: [u8; 4],
}

/// Disks with a sound array, and where their records are.
#[derive(Debug)]
struct Base {
    disks: Vec<Sparse>,
    records: Vec<Record>,
}

fn geometry(level: Level, slots: u16, sets: u16) -> Geometry {
    let parities = match level {
        Level::Raid5 => 1,
        Level::Raid6 => 2,
        _ => 0,
    };
    Geometry {
        level,
        placement: match parities {
            0 => Placement::Fixed,
            _ => Placement::NContinue,
        },
        slots,
        strip: Blocks(if level == Level::Raid1 && sets == 1 { 0 } else { 16 }),
        member_blocks: Blocks(MEMBER),
        secondary: if sets > 1 { Secondary::Striped } else { Secondary::None },
        sets,
        q_numbering: QNumbering::BySlot,
        parities,
        rotate_shift: 0,
        block_size: 512,
    }
}

/// All that either format makes, each with a spare.
fn bases() -> &'static [Base] {
    static BASES: OnceLock<Vec<Base>> = OnceLock::new();
    BASES.get_or_init(|| {
        let mut bases = Vec::new();
        for format in [&raid_ddf::Ddf::new() as &dyn Admin, &raid_asr::Asr::new()] {
            for (level, slots, sets, arrays) in [
                (Level::Raid1, 2, 1, 1),
                (Level::Raid1, 2, 2, 1),
                (Level::Raid5, 3, 1, 1),
                (Level::Raid6, 4, 1, 1),
                (Level::Raid1, 3, 1, 2),
            ] {
                bases.extend(base(format, geometry(level, slots, sets), arrays));
            }
        }
        bases
    })
}

/// Disks with so many arrays of one shape; `None` if the format has no such array.
fn base(format: &dyn Admin, geometry: Geometry, arrays: u64) -> Option<Base> {
    let members = usize::from(geometry.slots * geometry.sets);
    let shape = |step: u64| DiskShape { blocks: Blocks(8192 + step * 2048), block_size: 512 };
    let room = arrays * MEMBER + 4096;
    let shape = (1..64).map(shape).find(|shape| format.usable(*shape).0 >= room)?;
    let mut store = Store::for_new_disks(format, &vec![shape; members + 1]);
    let indices: Vec<_> = (0..members).map(Some).collect();
    let request = ArrayRequest {
        initialisation: Initialisation::Full,
        unverified: true,
        ..ArrayRequest::new(Name::new(b"fuzz"), geometry, &indices)
    };
    let stamp = |random| Stamp { unix_seconds: 1_700_000_000, random };
    store.edit(|buffers| {
        format.initialise(buffers, stamp(77)).ok()?;
        for number in 0..arrays {
            format.create_array(buffers, &request, stamp(78 + number)).ok()?;
        }
        format.add_spare(buffers, members, stamp(99)).ok()
    })?;
    let disks: Vec<Sparse> = (0..=members)
        .map(|disk| {
            let mut medium = Sparse::new(shape);
            for step in store.commit_steps(format, disk) {
                if let CommitStep::Write(at, bytes) = step {
                    assert!(medium.put(at.0, &bytes), "a commit leaves the disk");
                }
            }
            medium.settled()
        })
        .collect();
    let records = records(&disks[0]);
    Some(Base { disks, records })
}

/// What on a sound disk is a record, in the order of its blocks.
fn records(disk: &Sparse) -> Vec<Record> {
    let mut records = Vec::new();
    let mut next = 0;
    for at in disk.written() {
        let mut bytes = vec![0; LONGEST * BLOCK];
        let fits = (1..=LONGEST).rev().find(|blocks| disk.get(at, &mut bytes[..blocks * BLOCK]));
        let bytes = &bytes[..fits.unwrap_or(0) * BLOCK];
        let kind = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if at < next || bytes.iter().take(BLOCK).all(|byte| *byte == 0) {
            continue;
        }
        let crc = (1..=bytes.len() / BLOCK).find_map(|blocks| {
            let record = &bytes[..blocks * BLOCK];
            let variant = matching_crc(CrcVariant::B, ByteOrder::Big, record)?;
            Some(Record { at, blocks, seal: Seal::Crc(variant), kind })
        });
        let table = || {
            let table = RaidTable::check(bytes).ok()?;
            let _ = table.checksum();
            Some(Record { at, blocks: 16, seal: Seal::Table, kind })
        };
        let bare = Record { at, blocks: 1, seal: Seal::Nothing, kind };
        let record = crc.or_else(table).unwrap_or(bare);
        next = at + record.blocks as u64;
        records.push(record);
    }
    records
}

/// Numbers at which arithmetic goes wrong.
const EXTREMES: [u64; 12] = [
    0,
    1,
    u64::MAX,
    u64::MAX - 1,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_8000_8080,
    0x7fff_7fff_7fff_7f7f,
    0x0000_0001_0000_0100,
    0x0000_0000_ffff_ffff,
    0x00ff_00ff_00ff_00ff,
    0x0000_0010_0000_1000,
    0xfffe_fffe_fffe_fffe,
];

const ALL_DISKS: u8 = 4;
const UNSEALED: u8 = 8;
const RAW: u8 = 16;
/// With [`ALL_DISKS`].
const ALL_COPIES: u8 = 32;

/// Makes the arrays that inputs begin with, once: no part of the work of the input that comes first.
pub fn prepare() {
    bases();
}

/// The disks of an input.
pub fn disks(input: &mut Input<'_>) -> Vec<Sparse> {
    let bases = bases();
    let base = &bases[usize::from(input.byte()) % bases.len()];
    let mut disks = base.disks.clone();
    let (missing, patches) = (input.byte(), input.byte());
    for _ in 0..patches % 24 {
        patch(input, base, &mut disks);
    }
    // One disk fewer, or the first one twice.
    match usize::from(missing % 16) {
        disk if disk < disks.len() => drop(disks.remove(disk)),
        15 => disks.push(disks[0].clone()),
        _ => {}
    }
    disks
}

fn patch(input: &mut Input<'_>, base: &Base, disks: &mut [Sparse]) {
    let chosen = base.records[usize::from(input.byte()) % base.records.len()];
    let (flags, offset, value) = (input.byte(), usize::from(input.pair()), input.byte());
    let value = match flags & RAW {
        0 => EXTREMES[usize::from(value) % EXTREMES.len()],
        _ => u64::from(value),
    };
    let only = usize::from(flags >> 5) % disks.len();
    let all_copies = flags & ALL_DISKS != 0 && flags & ALL_COPIES != 0;
    for record in &base.records {
        let same = record.kind == chosen.kind && record.blocks == chosen.blocks;
        if record.at != chosen.at && !(all_copies && same) {
            continue;
        }
        for (index, disk) in disks.iter_mut().enumerate() {
            if flags & ALL_DISKS != 0 || index == only {
                write(disk, record, 1 << (flags & 3), offset, value, flags & UNSEALED == 0);
            }
        }
    }
}

/// Puts the low bytes of a number into a record.
fn write(
    disk: &mut Sparse,
    record: &Record,
    width: usize,
    offset: usize,
    value: u64,
    sealed: bool,
) {
    let mut bytes = vec![0; record.blocks * BLOCK];
    if !disk.get(record.at, &mut bytes) {
        return;
    }
    let at = offset % bytes.len();
    let end = bytes.len().min(at + width);
    let to = &mut bytes[at..end];
    let from = 8 - to.len();
    to.copy_from_slice(&value.to_be_bytes()[from..]);
    match record.seal {
        _ if !sealed => {}
        Seal::Crc(variant) => seal(variant, ByteOrder::Big, &mut bytes),
        Seal::Table => {
            if let Some(table) = RaidTable::view_mut(&mut bytes) {
                table.seal();
            }
        }
        Seal::Nothing => {}
    }
    disk.put(record.at, &bytes);
}
