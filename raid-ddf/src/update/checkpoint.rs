// SPDX-License-Identifier: MIT OR Apache-2.0
//! How far an operation over one set has come, in the vendor's scratch space of its configuration
//! records (`sync.md` 4.7). The standard has no field for it, so it is optional and off by default:
//! whether other implementations keep these bytes is unverified.
//!
//! ```text
//!  0      4         5           6      7       8      16   24         28
//!  | RRcp | version | operation | slot | flags | mark | FF | identity | CRC |
//! ```
//!
//! - What the standard's own fields say stays careful: rebuilding, not fully initialised, not
//!   consistent. Who does not know the checkpoint starts again from the beginning.
//! - It counts only while the record's sequence number and the header's are those it was written
//!   with. Both are under the CRC: mdadm runs an array without touching its records.
//! - A rebuild's mark belongs to the disk in the slot: its reference and GUID make the identity. Two
//!   rebuilds at once have no checkpoint.
//! - Flags: bit 0 clean, bits 1 and 2 initialisation; a checkpoint takes the place of a
//!   [note](super::set_note).

use super::set_note::{SetNote, Who};
use crate::crc::plain_crc;
use crate::integer::{ByteOrder, U32, U64};
use crate::vd_configuration::VdConfiguration;
use raid_core::array::Initialisation;
use raid_core::metadata::{Operation, Progress, RuntimeState};
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
    unused_16: [u8; 8],
    identity: U32,
    crc: U32,
}

const _: () = assert!(size_of::<Stored>() == 32);

const MAGIC: [u8; 4] = *b"RRcp";
const VERSION: u8 = 3;
/// Slot and identity of an operation over all members.
const ALL: u8 = 0xFF;

/// How far an operation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) operation: Operation,
    pub(crate) mark: Row,
    /// What the set says of itself while the checkpoint counts.
    pub(crate) note: SetNote,
}

/// A checkpoint as it was found, with what else stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) checkpoint: Checkpoint,
    identity: u32,
}

impl Found {
    /// Whether the disks it speaks of are those that `who` finds in their slots.
    pub(crate) fn is_of(&self, who: &Who<'_>) -> bool {
        self.checkpoint.identity(who) == Some(self.identity)
    }
}

impl Checkpoint {
    /// The checkpoint of a state; `None` if there is nothing to keep, or if `who` does not know the
    /// disk that is being filled.
    pub(crate) fn of_state(state: &RuntimeState, who: &Who<'_>) -> Option<Self> {
        let Progress { operation, mark } = state.progress?;
        if let Operation::Rebuild { targets } = operation {
            who(targets.lowest().filter(|_| targets.len() == 1)?)?;
        }
        code(operation)?;
        let note = SetNote { clean: state.clean, initialisation: state.initialisation };
        Some(Self { operation, mark, note })
    }

    /// The checkpoint in a record, if it counts under update counter `sequence` of the header.
    pub(crate) fn of_record(
        record: &VdConfiguration,
        order: ByteOrder,
        sequence: Option<u32>,
    ) -> Option<Found> {
        let stored = Stored::ref_from_bytes(&record.vendor_specific_scratch_space).ok()?;
        let number = record.sequence_number.get(order);
        let counts = stored.magic == MAGIC
            && stored.version == VERSION
            && stored.crc.get(order) == crc(stored, number, sequence);
        if !counts {
            return None;
        }
        let checkpoint = Self {
            operation: operation(stored.operation, Slot(stored.slot))?,
            mark: Row(stored.mark.get(order)),
            note: SetNote {
                clean: stored.flags & 1 != 0,
                initialisation: match stored.flags >> 1 & 3 {
                    0 => Initialisation::None,
                    1 => Initialisation::Running,
                    _ => Initialisation::Full,
                },
            },
        };
        Some(Found { checkpoint, identity: stored.identity.get(order) })
    }

    /// The disk that a checkpoint speaks of, as a number; `None` if it is not known.
    fn identity(&self, who: &Who<'_>) -> Option<u32> {
        let target = match self.operation {
            Operation::Rebuild { targets } => targets.lowest(),
            _ => None,
        };
        let Some(slot) = target else { return Some(0) };
        let (reference, guid) = who(slot)?;
        Some(plain_crc(&[&[slot.0], &reference.to_be_bytes(), &guid.0]))
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

    /// The bytes that count under number `number` of the record and update counter `sequence`;
    /// `None` if a disk that they speak of is not known.
    pub(crate) fn bytes(
        &self,
        order: ByteOrder,
        (number, sequence): (u32, Option<u32>),
        who: &Who<'_>,
    ) -> Option<[u8; 32]> {
        let (operation, slot) = code(self.operation)?;
        let initialisation = match self.note.initialisation {
            Initialisation::None => 0,
            Initialisation::Running => 1,
            Initialisation::Full => 2,
        };
        let mut stored = Stored {
            magic: MAGIC,
            version: VERSION,
            operation,
            slot,
            flags: u8::from(self.note.clean) | initialisation << 1,
            mark: U64::new(order, self.mark.0),
            unused_16: [u8::MAX; 8],
            identity: U32::new(order, self.identity(who)?),
            crc: U32::ALL_ONES,
        };
        stored.crc = U32::new(order, crc(&stored, number, sequence));
        stored.as_bytes().first_chunk().copied()
    }
}

/// Whether the scratch space holds a checkpoint, counting or not.
pub(super) fn is_one(space: &[u8]) -> bool {
    space.starts_with(&MAGIC)
}

/// Over all but the CRC itself, the header's update counter and the record's number.
fn crc(stored: &Stored, number: u32, sequence: Option<u32>) -> u32 {
    let counter = sequence.unwrap_or(u32::MAX).to_be_bytes();
    let body = stored.as_bytes().get(..28).unwrap_or_default();
    plain_crc(&[body, &counter, &number.to_be_bytes()])
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
    use crate::guid::Guid;
    use crate::record::Record;

    const ORDER: ByteOrder = ByteOrder::Big;
    const REBUILD: Operation = Operation::Rebuild { targets: SlotSet::EMPTY };

    fn record(bytes: &mut [u8; 512]) -> &mut VdConfiguration {
        let Some(record) = VdConfiguration::view_mut(bytes) else { unreachable!() };
        record
    }

    fn rebuild() -> Operation {
        Operation::Rebuild { targets: SlotSet::of(Slot(3)) }
    }

    fn state(operation: Operation) -> RuntimeState {
        RuntimeState {
            clean: true,
            failed: SlotSet::EMPTY,
            rebuilding: SlotSet::EMPTY,
            initialisation: Initialisation::Full,
            progress: Some(Progress { operation, mark: Row(0x0102_0304_0506) }),
        }
    }

    fn who(slot: Slot) -> Option<(u32, Guid)> {
        Some((0x1000 + u32::from(slot.0), Guid([slot.0; 24])))
    }

    /// Another disk in one slot.
    fn other_in(other: u8) -> impl Fn(Slot) -> Option<(u32, Guid)> {
        move |slot| who(slot).map(|(own, guid)| (if slot.0 == other { 9 } else { own }, guid))
    }

    #[test]
    fn what_is_stored_is_what_is_read_under_the_same_counters_alone() {
        let mut bytes = [0xFF; 512];
        let record = record(&mut bytes);
        for operation in [rebuild(), Operation::Resync, Operation::Initialise, Operation::Check] {
            record.sequence_number = U32::new(ORDER, 7);
            let Some(kept) = Checkpoint::of_state(&state(operation), &who) else { unreachable!() };
            let Some(space) = kept.bytes(ORDER, (7, Some(40)), &who) else { unreachable!() };
            record.vendor_specific_scratch_space = space;
            let Some(found) = Checkpoint::of_record(record, ORDER, Some(40)) else {
                unreachable!()
            };
            assert_eq!(found.checkpoint, kept);
            assert!(found.is_of(&who));
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
    fn a_checkpoint_belongs_to_its_disks_and_two_rebuilds_at_once_have_none() {
        let mut bytes = [0xFF; 512];
        let record = record(&mut bytes);
        record.sequence_number = U32::new(ORDER, 7);
        let Some(kept) = Checkpoint::of_state(&state(rebuild()), &who) else { unreachable!() };
        let Some(space) = kept.bytes(ORDER, (7, None), &who) else { unreachable!() };
        record.vendor_specific_scratch_space = space;
        let Some(found) = Checkpoint::of_record(record, ORDER, None) else { unreachable!() };
        assert!(found.is_of(&who));
        assert!(!found.is_of(&other_in(3)) && found.is_of(&other_in(1)));
        let both = Operation::Rebuild { targets: SlotSet::first(2) };
        assert_eq!(Checkpoint::of_state(&state(both), &who), None);
        assert_eq!(Checkpoint::of_state(&state(REBUILD), &who), None);
        assert_eq!(Checkpoint::of_state(&state(rebuild()), &|_| None), None);
    }

    #[test]
    fn the_layout_is_the_one_of_the_picture() {
        let Some(kept) = Checkpoint::of_state(&state(rebuild()), &who) else { unreachable!() };
        let Some(space) = kept.bytes(ORDER, (7, Some(40)), &who) else { unreachable!() };
        assert_eq!(space[..8], *b"RRcp\x03\x01\x03\x05");
        assert_eq!(space[8..16], 0x0102_0304_0506_u64.to_be_bytes());
        assert_eq!(space[16..24], [0xFF; 8]);
    }
}
