// SPDX-License-Identifier: MIT OR Apache-2.0
//! Metadata of the SNIA Common RAID Disk Data Format (DDF), revisions 1.0, 1.2 and 2.0.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs, missing_debug_implementations, unreachable_pub)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::as_conversions
    )
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(test)]
extern crate std;

mod assemble;
mod bad_block_log;
mod choice;
mod controller_data;
mod crc;
mod disk;
mod disk_bytes;
mod error;
mod finding;
mod format;
mod geometry;
mod guid;
mod header;
mod integer;
mod level;
mod locate;
mod physical_disk_data;
mod physical_disk_records;
mod record;
mod spare_assignment;
mod structure;
mod time;
mod vd_configuration;
mod vendor_log;
mod vendor_unique_configuration;
mod virtual_disk_records;

pub use assemble::{Assembly, Configuration, Role, SetRecord, VirtualDisk};
pub use bad_block_log::{BadBlockCounts, BadBlockEntry, BadBlockLog};
pub use choice::Choice;
pub use controller_data::ControllerData;
pub use crc::{CrcVariant, compute_crc, matching_crc, seal, stored_crc};
pub use disk::DdfDisk;
pub use disk_bytes::{DiskBytes, Disks};
pub use error::{RecordError, StructureError};
pub use format::Ddf;
pub use geometry::Writer;
pub use guid::Guid;
pub use header::{DdfHeader, HeaderType, OpenState, Revision, Section, SectionAddress};
pub use integer::{ByteOrder, U16, U32, U64};
pub use level::{PrimaryLevel, SecondaryLevel};
pub use locate::{AnchorPlace, CopyKind, HeaderBlock, HeaderCrc, MAX_RUN_BYTES, anchor, next_read};
pub use physical_disk_data::PhysicalDiskData;
pub use physical_disk_records::{
    PdState, PdType, PhysicalDiskEntry, PhysicalDiskRecords, is_reference,
};
pub use record::{Checked, Record, Stamp};
pub use spare_assignment::{SpareAssignment, SpareAssignmentEntry, SpareType};
pub use structure::{ConfigurationRecord, RecordSlot, Structure};
pub use time::{DdfTime, UNIX_TO_DDF_EPOCH};
pub use vd_configuration::{
    CachePolicies, ElementLists, ElementListsMut, VdConfiguration, element_slots,
};
pub use vendor_log::VendorLog;
pub use vendor_unique_configuration::VendorUniqueConfiguration;
pub use virtual_disk_records::{
    UserAccess, VdCondition, VdFlags, VdType, VirtualDiskEntry, VirtualDiskRecords,
};
