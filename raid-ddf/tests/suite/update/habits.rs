// SPDX-License-Identifier: MIT OR Apache-2.0
//! What mdadm 4.2 to 4.4 and its mdmon write at run time into a container that they have: a model for
//! tests, in the order of bytes and with the CRC that mdadm uses. `mdadm.rs` beside this file holds it to
//! images:
//!
//! | before | after | habits |
//! |---|---|---|
//! | `ddf-mdadm-4.2/degraded` disk 1 | the same, disks 0 and 2 | the failed disk is removed; the volume is clean |
//! | `ddf-mdadm/stale-metadata-raid1` disk 1 | the same, disk 0 | a start without a disk; a write; the volume is clean |
//!
//! The disk of the earlier state left the container at that moment, so all else is as it was. Of a failure
//! there is no image from before: there the model must find nothing to change in the states of
//! `degraded-raid5-failed`, `degraded-raid5-stale`, `degraded-raid6-two` and `mdadm44-degraded-raid6`.
//!
//! One habit is one update: the sequence number of the headers goes up by one, and their time and that of
//! the anchor is the time of the update. No image shows a record of another vendor, or of a volume that
//! this disk is no member of any more; the source of mdadm overwrites those.

/// A disk in blocks of 512 bytes.
pub(crate) trait Blocks {
    /// How many.
    fn count(&self) -> u64;
    fn get(&mut self, at: u64, blocks: u64) -> Vec<u8>;
    fn put(&mut self, at: u64, bytes: &[u8]);
}

/// What happens to a disk, by its index among the physical disk entries, or to a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// The volume is started, and this disk is not there.
    StartWithout(usize),
    /// A member fails: the kernel saw an error, or the operator said so.
    Fail(usize),
    /// A failed disk is taken out of the container.
    Remove(usize),
    /// The first write after a clean time.
    Dirty,
    /// No write for a while, or a stop.
    Clean,
}

const ONLINE: u16 = 1;
const FAILED: u16 = 2;
const REBUILDING: u16 = 4;
const MISSING: u16 = 0x40;
const NOT_CONSISTENT: u8 = 0x10;

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(bytes[at..at + 2].try_into().unwrap())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// The CRC-32 without its last inversion, over the record with `FF` in the place of the CRC.
fn seal(record: &mut [u8]) {
    record[4..8].fill(0xff);
    let mut crc = 0u32;
    for byte in &*record {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
        }
    }
    record[4..8].copy_from_slice(&crc.to_be_bytes());
}

fn add_one(bytes: &mut [u8], at: usize, by: u32) {
    let next = u32_at(bytes, at).wrapping_add(by);
    bytes[at..at + 4].copy_from_slice(&next.to_be_bytes());
}

/// The sections of one copy that change at run time.
struct Copy {
    header_at: u64,
    header: Vec<u8>,
    /// Physical disk records, virtual disk records, configuration records.
    sections: [Vec<u8>; 3],
}

const SECTIONS: [usize; 3] = [200, 208, 216];

impl Copy {
    fn read(disk: &mut dyn Blocks, header_at: u64) -> Self {
        let header = disk.get(header_at, 1);
        let sections = SECTIONS.map(|field| {
            let (at, len) = (u32_at(&header, field), u32_at(&header, field + 4));
            disk.get(header_at + u64::from(at), u64::from(len))
        });
        Self { header_at, header, sections }
    }

    fn write(&self, disk: &mut dyn Blocks) {
        for (field, bytes) in SECTIONS.into_iter().zip(&self.sections) {
            disk.put(self.header_at + u64::from(u32_at(&self.header, field)), bytes);
        }
        disk.put(self.header_at, &self.header);
    }

    fn record_len(&self) -> usize {
        usize::from(u16_at(&self.header, 134)) * 512
    }

    fn state_of_disk(&mut self, disk: usize) -> &mut [u8] {
        &mut self.sections[0][64 + 64 * disk + 30..][..2]
    }

    fn reference(&self, disk: usize) -> u32 {
        u32_at(&self.sections[0], 64 + 64 * disk + 24)
    }

    /// Which physical disk entry has this reference, and its state.
    fn state_of(&self, reference: u32) -> Option<u16> {
        let entries = self.sections[0][64..].chunks_exact(64);
        let mut own = entries.filter(|entry| u32_at(entry, 24) == reference);
        own.next().map(|entry| u16_at(entry, 30))
    }

    /// The state of the volume that this configuration record describes.
    fn judged(&self, record: &[u8]) -> u8 {
        let elements = usize::from(u16_at(record, 64));
        let working = (0..elements)
            .filter(|element| {
                let state = self.state_of(u32_at(record, 512 + 4 * element)).unwrap_or(FAILED);
                state & (ONLINE | FAILED | REBUILDING) == ONLINE
            })
            .count();
        const DEGRADED: u8 = 1;
        const PARTIALLY_OPTIMAL: u8 = 5;
        const FAILED_VOLUME: u8 = 4;
        match (record[67], elements - working) {
            (_, 0) => 0,
            (1, _) if working == 0 => FAILED_VOLUME,
            (1, _) if working >= 2 => PARTIALLY_OPTIMAL,
            (1, _) | (3..=5, 1) | (6, 2) => DEGRADED,
            (6, 1) => PARTIALLY_OPTIMAL,
            _ => FAILED_VOLUME,
        }
    }

    /// The GUID of the volume with this index among the virtual disk entries.
    fn guid(&self, volume: usize) -> [u8; 24] {
        self.sections[1][64 + 64 * volume..][..24].try_into().unwrap()
    }

    /// The newest configuration record of a volume that this copy holds.
    fn record(&self, guid: [u8; 24]) -> Option<&[u8]> {
        let all = self.sections[2].chunks_exact(self.record_len());
        let own = all.filter(|record| record[..4] == [0xee; 4] && record[8..32] == guid);
        own.max_by_key(|record| u32_at(record, 36))
    }

    fn raise(&mut self, disk: usize, bits: u16) {
        let own = self.state_of_disk(disk);
        let state = u16_at(own, 0) | bits;
        own.copy_from_slice(&state.to_be_bytes());
    }

    /// Changes both tables, and the newest record of the volume.
    fn change(&mut self, record: &mut [u8], volume: usize, habit: Habit, time: u32) {
        match habit {
            Habit::StartWithout(gone) => {
                let reference = self.reference(gone);
                let missing = FAILED | MISSING;
                self.state_of_disk(gone).copy_from_slice(&missing.to_be_bytes());
                for element in 0..usize::from(u16_at(record, 64)) {
                    let at = 512 + 4 * element;
                    if u32_at(record, at) == reference {
                        record[at..at + 4].fill(0);
                    }
                }
                record[32..36].copy_from_slice(&time.to_be_bytes());
                add_one(record, 36, 2);
                seal(record);
            }
            Habit::Fail(disk) => self.raise(disk, FAILED),
            Habit::Remove(disk) => self.raise(disk, MISSING),
            Habit::Dirty => self.sections[1][64 + 64 * volume + 32] |= NOT_CONSISTENT,
            Habit::Clean => self.sections[1][64 + 64 * volume + 32] &= !NOT_CONSISTENT,
        }
        let state = self.judged(record);
        let own = &mut self.sections[1][64 + 64 * volume + 32];
        *own = (*own & 0xf8) | state;
    }

    /// Takes over what all disks share, and keeps of its own records those that name this disk.
    fn take_over(&mut self, shared: &Self, record: &[u8], reference: u32, time: u32) {
        let guid = &record[8..32];
        let elements = record[512..].chunks_exact(4).take(usize::from(u16_at(record, 64)));
        let named = elements.into_iter().any(|element| u32_at(element, 0) == reference);
        for own in self.sections[2].chunks_exact_mut(record.len()) {
            let volume = own[..4] == [0xee; 4];
            if volume && own[8..32] == *guid && named {
                own.copy_from_slice(record);
            } else if (volume && own[8..32] == *guid) || (!volume && own[..4] != [0x55; 4]) {
                // Of what is neither a volume on this disk nor a spare nothing is kept.
                own.fill(0xff);
            }
        }
        for section in 0..2 {
            self.sections[section].copy_from_slice(&shared.sections[section]);
            seal(&mut self.sections[section]);
        }
        let sequence = u32_at(&shared.header, 40);
        self.header[40..44].copy_from_slice(&sequence.to_be_bytes());
        self.header[44..48].copy_from_slice(&time.to_be_bytes());
        seal(&mut self.header);
    }
}

/// Where the two copies of a disk are: the anchor says so. A disk without one is none of the container's.
fn places(disk: &mut dyn Blocks) -> Vec<u64> {
    let anchor = disk.get(disk.count() - 1, 1);
    if anchor[..4] != [0xde, 0x11, 0xde, 0x11] {
        return Vec::new();
    }
    [96, 104].map(|field| u64_at(&anchor, field)).into_iter().filter(|at| *at != u64::MAX).collect()
}

/// The reference of a disk, as its own data says it.
fn reference_of(disk: &mut dyn Blocks) -> u32 {
    let primary = places(disk)[0];
    let header = disk.get(primary, 1);
    let own = disk.get(primary + u64::from(u32_at(&header, 224)), 1);
    u32_at(&own, 32)
}

/// Which physical disk entry a disk is.
pub(crate) fn entry_of(disk: &mut dyn Blocks) -> usize {
    let reference = reference_of(disk);
    let primary = places(disk)[0];
    let copy = Copy::read(disk, primary);
    let mut entries = copy.sections[0][64..].chunks_exact(64);
    let own = entries.position(|entry| u32_at(entry, 24) == reference);
    own.expect("a disk of a container has an entry")
}

/// Carries a habit out on all disks of a container that are present, at this time (seconds since 1980).
/// What all disks share is taken from the disk with the highest sequence number.
pub(crate) fn carry_out<D: Blocks>(disks: &mut [D], volume: usize, habit: Habit, time: u32) {
    let primaries: Vec<Copy> = (disks.iter_mut())
        .filter_map(|disk| {
            let primary = places(disk).first().copied()?;
            Some(Copy::read(disk, primary))
        })
        .collect();
    let newest = |copy: &&Copy| u32_at(&copy.header, 40);
    let guid = primaries.iter().max_by_key(newest).expect("a disk").guid(volume);
    let records = primaries.iter().filter_map(|copy| copy.record(guid));
    let record = records.max_by_key(|record| u32_at(record, 36));
    let mut record = record.expect("a record of the volume").to_vec();
    let mut shared = primaries.into_iter().max_by_key(|copy| newest(&copy)).expect("a disk");
    shared.change(&mut record, volume, habit, time);
    add_one(&mut shared.header, 40, 1);
    for disk in disks {
        let places = places(disk);
        if places.is_empty() {
            continue;
        }
        let reference = reference_of(disk);
        for at in places {
            let mut copy = Copy::read(disk, at);
            copy.take_over(&shared, &record, reference, time);
            copy.write(disk);
        }
        let last = disk.count() - 1;
        let mut anchor = disk.get(last, 1);
        anchor[44..48].copy_from_slice(&time.to_be_bytes());
        seal(&mut anchor);
        disk.put(last, &anchor);
    }
}
