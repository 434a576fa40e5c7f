// SPDX-License-Identifier: MIT OR Apache-2.0
//! The slots of the configuration records section: each is told by its first four bytes.

use crate::integer::{ByteOrder, U32};
use crate::record::Record;
use crate::spare_assignment::SpareAssignment;
use crate::vd_configuration::VdConfiguration;
use crate::vendor_unique_configuration::VendorUniqueConfiguration;
use raid_core::units::Lba;
use zerocopy::FromBytes;

/// A slot of the configuration records section.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ConfigurationRecord<'a> {
    /// Layout of a basic virtual disk that this disk is a member of.
    VirtualDisk(&'a VdConfiguration),
    /// Whom this spare serves.
    Spare(&'a SpareAssignment),
    /// The vendor's own.
    VendorUnique(&'a VendorUniqueConfiguration),
    /// Nothing. The rest of the slot may hold an old record.
    Unused,
    /// Another signature.
    Other(u32),
}

/// A slot with its place.
#[derive(Clone, Copy, Debug)]
pub struct RecordSlot<'a> {
    /// Its number in the section.
    pub index: usize,
    /// Its first block on the disk.
    pub at: Lba,
    /// The whole slot, which the record's CRC covers.
    pub bytes: &'a [u8],
    /// What stands in it.
    pub record: ConfigurationRecord<'a>,
}

impl<'a> ConfigurationRecord<'a> {
    /// What stands in a slot: its first four bytes say.
    #[must_use]
    pub fn of(slot: &'a [u8], order: ByteOrder) -> Self {
        let Ok((signature, _)) = U32::ref_from_prefix(slot) else { return Self::Unused };
        let signature = signature.get(order);
        match signature {
            // All ones as the standard says; 0 occurs as well.
            0 | u32::MAX => Some(Self::Unused),
            VdConfiguration::SIGNATURE => VdConfiguration::view(slot).map(Self::VirtualDisk),
            SpareAssignment::SIGNATURE => SpareAssignment::view(slot).map(Self::Spare),
            VendorUniqueConfiguration::SIGNATURE => {
                VendorUniqueConfiguration::view(slot).map(Self::VendorUnique)
            }
            _ => None,
        }
        .unwrap_or(Self::Other(signature))
    }
}
