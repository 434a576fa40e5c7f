// SPDX-License-Identifier: MIT OR Apache-2.0
//! How far an operation over one set has come, in the vendor's scratch space of its configuration
//! records (`sync.md` 4.7). The standard has no field for it, so it is optional and off by default:
//! whether other implementations keep these bytes is unverified.
//!
//! ```text
//!  0      4         5           6      7       8      16           20          24         28
//!  | RRcp | version | operation | slot | flags | mark | reference  | disk hash | VD seq   | CRC |
//! ```
//!
//! - What the standard's own fields say stays careful: rebuilding, not fully initialised, not
//!   consistent. Who does not know the checkpoint starts again from the beginning.
//! - It counts only while the record's sequence number and the header's are those it was written
//!   with. The header's is under the CRC: mdadm runs an array without touching its records.
//! - A rebuild's mark belongs to the disk in the slot: its reference and a CRC-32 of its GUID. Two
//!   rebuilds at once have no checkpoint.
//! - Flags: bit 0 clean, bits 1 and 2 initialisation; a checkpoint takes the place of a
//!   [note](super::set_note).

use super::set_note::SetNote;
use crate::crc::plain_crc;
use crate::guid::Guid;
use crate::integer::{ByteOrder, U32, U64};
use crate::vd_configuration::VdConfiguration;
use raid_core::array::Initialisation;
use raid_core::metadata::{Operation, RuntimeState};
use raid_core::units::{Row, Slot, SlotSet};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The checkpoint as it stands in the scratch space.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Stored {
    magic: [u8; 4],
    version: u8,
    operation: u8,
    slot: u8,
    flags: u8,
    mark: U64,
    reference: U32,
    disk_hash: U32,
    sequence: U32,
    crc: U32,
}

const _: () = assert!(size_of::<Stored>() == 32);

const MAGIC: [u8; 4] = *b"RRcp";
const VERSION: u8 = 1;
/// Slot and identity of an operation over all members.
const ALL: u8 = 0xFF;

/// How far an operation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) operation: Operation,
    pub(crate) mark: Row,
    /// What the set says of itself while the checkpoint counts.
    pub(crate) note: SetNote,
    /// Reference and GUID hash of the disk that is being filled.
    target: Option<(u32, u32)>,
}

impl Checkpoint {
    /// The checkpoint of a state; `None` if there is nothing to keep. `disk` gives reference and GUID
    /// of the disk in a slot.
    pub(crate) fn of_state(
        state: &RuntimeState,
        disk: impl Fn(Slot) -> Option<(u32, Guid)>,
    ) -> Option<Self> {
        let operation = state.operation?;
        let target = match operation {
            Operation::Rebuild { targets } => {
                let slot = targets.lowest().filter(|_| targets.len() == 1)?;
                let (reference, guid) = disk(slot)?;
                Some((reference, hash(&guid)))
            }
            _ => None,
        };
        code(operation)?;
        let note = SetNote { clean: state.clean, initialisation: state.initialisation };
        Some(Self { operation, mark: state.mark, note, target })
    }

    /// The checkpoint in a record, if it counts under update counter `sequence` of the header.
    pub(crate) fn of_record(
        record: &VdConfiguration,
        order: ByteOrder,
        sequence: Option<u32>,
    ) -> Option<Self> {
        let stored = Stored::ref_from_bytes(&record.vendor_specific_scratch_space).ok()?;
        let counts = stored.magic == MAGIC
            && stored.version == VERSION
            && stored.sequence == record.sequence_number
            && stored.crc.get(order) == crc(stored, sequence);
        if !counts {
            return None;
        }
        let operation = operation(stored.operation, Slot(stored.slot))?;
        let rebuild = matches!(operation, Operation::Rebuild { .. });
        Some(Self {
            operation,
            mark: Row(stored.mark.get(order)),
            note: SetNote {
                clean: stored.flags & 1 != 0,
                initialisation: match stored.flags >> 1 & 3 {
                    0 => Initialisation::None,
                    1 => Initialisation::Running,
                    _ => Initialisation::Full,
                },
            },
            target: rebuild.then(|| (stored.reference.get(order), stored.disk_hash.get(order))),
        })
    }

    /// Whether the disk in the slot is the one that was being filled.
    pub(crate) fn is_of(&self, reference: u32, guid: &Guid) -> bool {
        self.target.is_none_or(|target| target == (reference, hash(guid)))
    }

    /// What the standard's fields say meanwhile.
    pub(crate) fn careful(&self) -> SetNote {
        let equalises = matches!(self.operation, Operation::Resync | Operation::Initialise);
        let running = matches!(self.operation, Operation::Initialise);
        SetNote {
            clean: self.note.clean && !equalises,
            initialisation: if running {
                Initialisation::Running
            } else {
                self.note.initialisation
            },
        }
    }

    /// Stores the checkpoint; it counts under update counter `sequence`.
    pub(crate) fn store(
        &self,
        record: &mut VdConfiguration,
        order: ByteOrder,
        sequence: Option<u32>,
    ) {
        let Some((operation, slot)) = code(self.operation) else { return };
        let initialisation = match self.note.initialisation {
            Initialisation::None => 0,
            Initialisation::Running => 1,
            Initialisation::Full => 2,
        };
        let (reference, disk_hash) = self.target.unwrap_or((u32::MAX, u32::MAX));
        let mut stored = Stored {
            magic: MAGIC,
            version: VERSION,
            operation,
            slot,
            flags: u8::from(self.note.clean) | initialisation << 1,
            mark: U64::new(order, self.mark.0),
            reference: U32::new(order, reference),
            disk_hash: U32::new(order, disk_hash),
            sequence: record.sequence_number,
            crc: U32::ALL_ONES,
        };
        stored.crc = U32::new(order, crc(&stored, sequence));
        if let Ok(space) = Stored::mut_from_bytes(&mut record.vendor_specific_scratch_space) {
            *space = stored;
        }
    }
}

/// Whether the scratch space holds a checkpoint, counting or not.
pub(super) fn is_one(space: &[u8]) -> bool {
    space.starts_with(&MAGIC)
}

fn hash(guid: &Guid) -> u32 {
    plain_crc(&[&guid.0])
}

/// Over all but the CRC itself, and the header's update counter.
fn crc(stored: &Stored, sequence: Option<u32>) -> u32 {
    let counter = sequence.unwrap_or(u32::MAX).to_be_bytes();
    let body = stored.as_bytes().get(..28).unwrap_or_default();
    plain_crc(&[body, &counter])
}

fn code(operation: Operation) -> Option<(u8, u8)> {
    Some(match operation {
        Operation::Rebuild { targets } => match targets.lowest() {
            Some(slot) => (1, slot.0),
            None => return None,
        },
        Operation::Resync => (2, ALL),
        Operation::Initialise => (3, ALL),
        Operation::Check => (4, ALL),
        Operation::Repair => (5, ALL),
        _ => return None,
    })
}

fn operation(code: u8, slot: Slot) -> Option<Operation> {
    Some(match code {
        1 => Operation::Rebuild { targets: SlotSet::of(slot) },
        2 => Operation::Resync,
        3 => Operation::Initialise,
        4 => Operation::Check,
        5 => Operation::Repair,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;

    const ORDER: ByteOrder = ByteOrder::Big;

    fn record(bytes: &mut [u8; 512]) -> &mut VdConfiguration {
        let Some(record) = VdConfiguration::view_mut(bytes) else { unreachable!() };
        record
    }

    fn state(operation: Operation) -> RuntimeState {
        RuntimeState {
            clean: true,
            failed: SlotSet::EMPTY,
            rebuilding: SlotSet::EMPTY,
            initialisation: Initialisation::Full,
            operation: Some(operation),
            mark: Row(0x0102_0304_0506),
        }
    }

    fn disk(slot: Slot) -> Option<(u32, Guid)> {
        Some((0x1000 + u32::from(slot.0), Guid([slot.0; 24])))
    }

    #[test]
    fn what_is_stored_is_what_is_read_under_the_same_counters_alone() {
        let mut bytes = [0xFF; 512];
        let record = record(&mut bytes);
        record.sequence_number = U32::new(ORDER, 7);
        let rebuild = Operation::Rebuild { targets: SlotSet::of(Slot(3)) };
        for operation in [rebuild, Operation::Resync, Operation::Initialise, Operation::Check] {
            let Some(kept) = Checkpoint::of_state(&state(operation), disk) else { unreachable!() };
            kept.store(record, ORDER, Some(40));
            assert_eq!(Checkpoint::of_record(record, ORDER, Some(40)), Some(kept));
            assert_eq!(Checkpoint::of_record(record, ORDER, Some(41)), None);
            record.sequence_number = U32::new(ORDER, 8);
            assert_eq!(Checkpoint::of_record(record, ORDER, Some(40)), None);
            record.sequence_number = U32::new(ORDER, 7);
            for byte in 0..32 {
                record.vendor_specific_scratch_space[byte] ^= 1;
                assert_eq!(Checkpoint::of_record(record, ORDER, Some(40)), None, "{byte}");
                record.vendor_specific_scratch_space[byte] ^= 1;
            }
        }
    }

    #[test]
    fn a_rebuild_belongs_to_its_disk_and_two_at_once_have_no_checkpoint() {
        let rebuild = Operation::Rebuild { targets: SlotSet::of(Slot(3)) };
        let Some(kept) = Checkpoint::of_state(&state(rebuild), disk) else { unreachable!() };
        assert!(kept.is_of(0x1003, &Guid([3; 24])));
        assert!(!kept.is_of(0x1003, &Guid([4; 24])) && !kept.is_of(0x1004, &Guid([3; 24])));
        let both = Operation::Rebuild { targets: SlotSet::first(2) };
        assert_eq!(Checkpoint::of_state(&state(both), disk), None);
        assert_eq!(Checkpoint::of_state(&state(rebuild), |_| None), None);
    }

    #[test]
    fn the_layout_is_the_one_of_the_picture() {
        let mut bytes = [0xFF; 512];
        let record = record(&mut bytes);
        record.sequence_number = U32::new(ORDER, 7);
        let rebuild = Operation::Rebuild { targets: SlotSet::of(Slot(3)) };
        let Some(kept) = Checkpoint::of_state(&state(rebuild), disk) else { unreachable!() };
        kept.store(record, ORDER, Some(40));
        let space = record.vendor_specific_scratch_space;
        assert_eq!(space[..8], *b"RRcp\x01\x01\x03\x05");
        assert_eq!(space[8..16], 0x0102_0304_0506_u64.to_be_bytes());
        assert_eq!(space[16..20], 0x1003_u32.to_be_bytes());
        assert_eq!(space[24..28], 7_u32.to_be_bytes());
    }
}
