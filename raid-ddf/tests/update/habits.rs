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
//! the anchor is the time of the update. No image shows a record of another vendor; the source of mdadm
//! overwrites those.

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

    /// Configuration records of the volume with this index among the virtual disk entries.
    fn records(&mut self, volume: usize) -> Vec<std::ops::Range<usize>> {
        let len = self.record_len();
        let guid = self.sections[1][64 + 64 * volume..][..24].to_vec();
        let all = self.sections[2].chunks_exact(len).enumerate();
        let own = all.filter(|(_, record)| record[..4] == [0xee; 4] && record[8..32] == guid[..]);
        own.map(|(at, _)| at * len..(at + 1) * len).collect()
    }

    fn change(&mut self, volume: usize, habit: Habit, time: u32) {
        match habit {
            Habit::StartWithout(gone) => {
                let reference = self.reference(gone);
                let missing = FAILED | MISSING;
                self.state_of_disk(gone).copy_from_slice(&missing.to_be_bytes());
                for at in self.records(volume) {
                    let elements = usize::from(u16_at(&self.sections[2][at.clone()], 64));
                    let record = &mut self.sections[2][at];
                    for element in 0..elements {
                        let at = 512 + 4 * element;
                        if u32_at(record, at) == reference {
                            record[at..at + 4].fill(0);
                        }
                    }
                    record[32..36].copy_from_slice(&time.to_be_bytes());
                    add_one(record, 36, 2);
                    seal(record);
                }
            }
            Habit::Fail(disk) => self.raise(disk, FAILED),
            Habit::Remove(disk) => self.raise(disk, MISSING),
            Habit::Dirty => self.sections[1][64 + 64 * volume + 32] |= NOT_CONSISTENT,
            Habit::Clean => self.sections[1][64 + 64 * volume + 32] &= !NOT_CONSISTENT,
        }
        if let Some(at) = self.records(volume).first().cloned() {
            let state = self.judged(&self.sections[2][at]);
            let own = &mut self.sections[1][64 + 64 * volume + 32];
            *own = (*own & 0xf8) | state;
        }
        // Of what is no volume and no spare nothing is kept.
        let len = self.record_len();
        for record in self.sections[2].chunks_exact_mut(len) {
            if record[..4] != [0xee; 4] && record[..4] != [0x55; 4] {
                record.fill(0xff);
            }
        }
        self.sections[..2].iter_mut().for_each(|section| seal(section));
        add_one(&mut self.header, 40, 1);
        self.header[44..48].copy_from_slice(&time.to_be_bytes());
        seal(&mut self.header);
    }

    fn raise(&mut self, disk: usize, bits: u16) {
        let own = self.state_of_disk(disk);
        let state = u16_at(own, 0) | bits;
        own.copy_from_slice(&state.to_be_bytes());
    }
}

/// Which physical disk entry a disk is.
pub(crate) fn entry_of(disk: &mut dyn Blocks) -> usize {
    let anchor = disk.get(disk.count() - 1, 1);
    let primary = u64_at(&anchor, 96);
    let header = disk.get(primary, 1);
    let own = disk.get(primary + u64::from(u32_at(&header, 224)), 1);
    let copy = Copy::read(disk, primary);
    let entries = copy.sections[0][64..].chunks_exact(64);
    let mut own = entries.zip(0..).filter(|(entry, _)| entry[24..28] == own[32..36]);
    own.next().expect("a disk of a container has an entry").1
}

/// Carries a habit out on all disks of a container that are present, at this time (seconds since 1980).
pub(crate) fn carry_out<D: Blocks>(disks: &mut [D], volume: usize, habit: Habit, time: u32) {
    for disk in disks {
        let last = disk.count() - 1;
        let mut anchor = disk.get(last, 1);
        for field in [96, 104] {
            let at = u64_at(&anchor, field);
            if at != u64::MAX {
                let mut copy = Copy::read(disk, at);
                copy.change(volume, habit, time);
                copy.write(disk);
            }
        }
        anchor[44..48].copy_from_slice(&time.to_be_bytes());
        seal(&mut anchor);
        disk.put(last, &anchor);
    }
}
