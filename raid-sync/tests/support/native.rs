// SPDX-License-Identifier: MIT OR Apache-2.0
//! A format that can hold all the core has to say: regions, debts, bad ranges, 64-bit generations.
//!
//! | bytes | field |
//! |---|---|
//! | 8 | magic `NATIVE01` |
//! | 8 | number of the record |
//! | 8 | generation |
//! | 1, 1, 1, 1 | clean, initialisation, operation, padding |
//! | 8 | mark |
//! | 8, 8, 8 | failed, rebuilding, targets: one bit a slot |
//! | 4 × 32 | debtors: used, slot, padding to 8, identity, since, left |
//! | 4, n | regions: how many, a byte each |
//! | 4, 24 × n | bad ranges: how many; slot, first row, rows |
//! | 8 | checksum of all before |

use raid_core::array::Initialisation;
use raid_core::metadata::{
    BadRows, Capabilities, DEBTORS, Debtor, Generation, MemberKey, Operation, Progress,
    RegionRecord, RuntimeState, SetRecord,
};
use raid_core::units::{Row, Rows, Slot, SlotSet};
use raid_sync::{Found, RecordSeq, Seated, SyncCore};
use std::prelude::v1::*;

const MAGIC: &[u8; 8] = b"NATIVE01";

/// One record, whole.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Image {
    pub(crate) state: RuntimeState,
    pub(crate) generation: Generation,
    pub(crate) debtors: [Option<Debtor>; DEBTORS],
    pub(crate) regions: Vec<RegionRecord>,
    pub(crate) bad: Vec<BadRows>,
}

/// What the format can hold.
pub(crate) fn capabilities() -> Capabilities {
    Capabilities {
        mark: true,
        mark_after_unclean: true,
        dirty: true,
        failure: true,
        bad_ranges: 512,
        generation_bits: 64,
    }
}

fn slots(bits: u64) -> SlotSet {
    (0u8..64).filter(|slot| bits >> slot & 1 == 1).map(Slot).collect()
}

fn bits(slots: SlotSet) -> u64 {
    slots.iter().fold(0, |bits, slot| bits | 1 << slot.0)
}

impl From<&dyn SetRecord> for Image {
    fn from(record: &dyn SetRecord) -> Self {
        let mut image = Self::plain(record.state());
        image.generation = record.generation();
        image.debtors = record.debtors();
        record.regions(&mut |region| image.regions.push(region));
        record.bad_rows(&mut |rows| image.bad.push(rows));
        image
    }
}

impl SetRecord for Image {
    fn state(&self) -> RuntimeState {
        self.state
    }

    fn generation(&self) -> Generation {
        self.generation
    }

    fn debtors(&self) -> [Option<Debtor>; DEBTORS] {
        self.debtors
    }

    fn regions(&self, to: &mut dyn FnMut(RegionRecord)) {
        self.regions.iter().copied().for_each(to);
    }

    fn bad_rows(&self, to: &mut dyn FnMut(BadRows)) {
        self.bad.iter().copied().for_each(to);
    }
}

impl Image {
    pub(crate) fn plain(state: RuntimeState) -> Self {
        Self {
            state,
            generation: Generation(0),
            debtors: [None; DEBTORS],
            regions: Vec::new(),
            bad: Vec::new(),
        }
    }

    /// What the record being written must say.
    pub(crate) fn of<const T: usize, const W: usize, const R: usize, const B: usize>(
        core: &SyncCore<T, W, R, B>,
        seq: RecordSeq,
    ) -> Option<Self> {
        core.record(seq).map(|record| Self::from(&record as &dyn SetRecord))
    }

    pub(crate) fn found<'a>(&'a self, seated: &'a [Seated]) -> Found<'a> {
        let Self { state, generation, debtors, regions, bad } = self;
        let (state, generation, debtors) = (*state, *generation, *debtors);
        Found { state, generation, debtors, regions, bad, seated }
    }

    pub(crate) fn encode(&self, number: u64) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let state = &self.state;
        bytes.extend(number.to_le_bytes());
        bytes.extend(self.generation.0.to_le_bytes());
        let (operation, targets) = match state.operation() {
            None => (0, 0),
            Some(Operation::Rebuild { targets }) => (1, bits(targets)),
            Some(Operation::Resync) => (2, 0),
            Some(Operation::Initialise) => (3, 0),
            Some(Operation::Check) => (4, 0),
            Some(_) => (5, 0),
        };
        let initialisation = match state.initialisation {
            Initialisation::None => 0,
            Initialisation::Running => 1,
            Initialisation::Full => 2,
        };
        bytes.extend([u8::from(state.clean), initialisation, operation, 0]);
        for number in [state.mark().0, bits(state.failed), bits(state.rebuilding), targets] {
            bytes.extend(number.to_le_bytes());
        }
        for debtor in &self.debtors {
            let slot = debtor.map_or(0, |debtor| debtor.slot.0);
            bytes.extend([u8::from(debtor.is_some()), slot, 0, 0, 0, 0, 0, 0]);
            let number = |f: fn(&Debtor) -> u64| debtor.as_ref().map_or(0, f).to_le_bytes();
            bytes.extend(number(|debtor| debtor.id.map_or(0, MemberKey::get)));
            bytes.extend(number(|debtor| debtor.since.0));
            bytes.extend(number(|debtor| debtor.left.0));
        }
        bytes.extend((self.regions.len() as u32).to_le_bytes());
        bytes.extend(self.regions.iter().map(|region| region.0));
        bytes.extend((self.bad.len() as u32).to_le_bytes());
        for range in &self.bad {
            for number in [u64::from(range.slot.0), range.rows.start.0, range.rows.len] {
                bytes.extend(number.to_le_bytes());
            }
        }
        let sum = checksum(&bytes);
        bytes.extend(sum.to_le_bytes());
        bytes
    }

    /// The number and the record, unless the bytes are torn.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(u64, Self)> {
        let body = bytes.get(..bytes.len().checked_sub(8)?)?;
        let mut at = Reader(bytes);
        if at.take(8)? != MAGIC || checksum(body).to_le_bytes()[..] != *bytes.get(body.len()..)? {
            return None;
        }
        let (number, generation) = (at.u64()?, Generation(at.u64()?));
        let flags = at.take(4)?;
        let (mark, failed, rebuilding) = (Row(at.u64()?), slots(at.u64()?), slots(at.u64()?));
        let targets = slots(at.u64()?);
        let operation = match flags[2] {
            0 => None,
            1 => Some(Operation::Rebuild { targets }),
            2 => Some(Operation::Resync),
            3 => Some(Operation::Initialise),
            4 => Some(Operation::Check),
            _ => Some(Operation::Repair),
        };
        let initialisation = match flags[1] {
            0 => Initialisation::None,
            1 => Initialisation::Running,
            _ => Initialisation::Full,
        };
        let clean = flags[0] == 1;
        let progress = operation.map(|operation| Progress { operation, mark });
        let state = RuntimeState { clean, failed, rebuilding, initialisation, progress };
        let mut image = Self { generation, ..Self::plain(state) };
        for debtor in &mut image.debtors {
            let head = at.take(8)?;
            let (used, slot) = (head[0] == 1, Slot(head[1]));
            let (id, since) = (MemberKey::new(at.u64()?), Generation(at.u64()?));
            let left = Generation(at.u64()?);
            *debtor = used.then_some(Debtor { slot, id, since, left });
        }
        let regions = at.u32()? as usize;
        image.regions = at.take(regions)?.iter().map(|byte| RegionRecord(*byte)).collect();
        for _ in 0..at.u32()? {
            let slot = Slot(at.u64()? as u8);
            let rows = Rows::new(at.u64()?, at.u64()?);
            image.bad.push(BadRows { slot, rows });
        }
        Some((number, image))
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(len)?;
        self.0 = tail;
        Some(head)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }
}

fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
