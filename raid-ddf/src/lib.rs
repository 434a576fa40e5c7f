// SPDX-License-Identifier: MIT OR Apache-2.0
//! Metadata of the SNIA Common RAID Disk Data Format (DDF), revisions 1.0, 1.2 and 2.0.
//!
//! ```text
//! block 0                                                                          last block
//! ├ volumes ── below Configured_Size ──┤ … │ secondary copy │ … │ primary copy │ … │ anchor │
//!                                          ▲                    ▲                   │
//!                                          └────────────────────┴───────────────────┘
//! a copy       header │ controller data │ physical disk records │ virtual disk records │
//!              configuration records │ physical disk data │ bad block log, vendor's areas
//! ```
//!
//! | layer | what | where |
//! |---|---|---|
//! | records | the bytes on disk, in either byte order | [`DdfHeader`], [`ControllerData`], [`PhysicalDiskRecords`], [`VirtualDiskRecords`], [`VdConfiguration`], [`SpareAssignment`], [`VendorUniqueConfiguration`], [`PhysicalDiskData`], [`BadBlockLog`], [`VendorLog`] |
//! | one disk | where its metadata stands, and which copy of it to use | [`next_read`], [`Structure`], [`DdfDisk`] |
//! | many disks | configurations, volumes, members, and what contradicts what | [`Assembly`], [`Configuration`], [`VirtualDisk`] |
//! | the format | all of it behind traits that tools share | [`Ddf`] |
//!
//! A record is viewed without judgement ([`Record::view`]), or checked ([`Record::check`]): length,
//! signature, and one of the two CRCs that exist ([`CrcVariant`]).
//!
//! ```
//! use raid_ddf::{ByteOrder, CrcVariant, DdfHeader, HeaderType, Record, U32, U64, seal};
//!
//! // The last block of a disk, made by hand.
//! let mut block = [0xFF; 512];
//! let header = DdfHeader::view_mut(&mut block).unwrap();
//! header.signature = U32::new(ByteOrder::Big, DdfHeader::SIGNATURE);
//! header.ddf_rev = *b"01.02.00";
//! header.header_type = HeaderType::Anchor.to_byte();
//! header.primary_header_lba = U64::new(ByteOrder::Big, 36_864);
//! seal(CrcVariant::B, ByteOrder::Big, &mut block);
//!
//! // Read back: the signature tells the byte order, the CRC who may have written it.
//! let order = DdfHeader::byte_order(&block).unwrap();
//! let header = DdfHeader::check(&block, order)?;
//! assert_eq!(header.crc_variant(), CrcVariant::B);
//! assert_eq!(header.primary_header_lba.get(order), 36_864);
//! assert_eq!(header.secondary_header_lba.present(order), None);
//! # Ok::<(), raid_ddf::RecordError>(())
//! ```
//!
//! Discovery asks for blocks until it has all it needs; they are read into memory of the caller's, and what
//! they form is reported:
//!
//! ```
//! use raid_core::array::ArrayDescriptor;
//! use raid_core::metadata::{DiskRead, DiskShape, Format, OneArray, Probe, ProbeError};
//! use raid_core::units::{Blocks, Extent};
//! use raid_ddf::Ddf;
//!
//! /// The first array on these disks. `read` is false where a disk does not give the blocks.
//! fn find<const DISKS: usize>(
//!     shapes: [DiskShape; DISKS],
//!     mut memory: &mut [u8],
//!     read: impl Fn(usize, Extent, &mut [u8]) -> bool,
//! ) -> Result<Option<ArrayDescriptor>, ProbeError> {
//!     let mut disks = shapes.map(DiskRead::nothing);
//!     for disk in 0..DISKS {
//!         let mut probe = Probe::new(shapes[disk], memory);
//!         while let Some(wanted) = probe.next(&Ddf::new())? {
//!             let was_read = read(disk, wanted.at, wanted.into);
//!             probe.add(was_read);
//!         }
//!         (disks[disk], memory) = probe.finish();
//!     }
//!     let mut members = [None; 8];
//!     let mut array = OneArray::first(&mut members);
//!     Ddf::new().assemble(&disks.each_ref().map(DiskRead::view), &mut array);
//!     Ok(array.found().copied())
//! }
//!
//! // Two disks that hold zeros everywhere.
//! let shape = DiskShape { blocks: Blocks(1 << 21), block_size: 512 };
//! let zeros = |_, _, into: &mut [u8]| {
//!     into.fill(0);
//!     true
//! };
//! assert_eq!(find([shape; 2], &mut [0; 4096], zeros), Ok(None));
//! ```
//!
//! # Guarantees
//! - `no_std`, no allocation, no I/O, no `unsafe`; no panic, whatever the bytes.
//! - Discovery reads at most six runs of a disk, none longer than 32 MiB, and writes nothing.
//! - What is reported does not depend on the order of the disks, except for the indices in it.
//! - A copy whose update was not finished is not used while a sound one is at hand.
//! - A disk whose data may be older than the volume's is never a readable member.
//! - Bytes that have no meaning here are kept.
//!
//! Facts are cited as `ddf.md` with the section, the reference this crate was written from. What they
//! rest on, what each vendor does, and what is unverified, stands in `docs/formats/ddf.md`.
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

#[macro_use]
mod pinned;

mod assemble;
mod bad_block_log;
mod build;
mod choice;
mod commit;
mod controller_data;
mod crc;
mod disk;
mod disk_bytes;
mod erase;
mod error;
pub mod finding;
mod format;
mod geometry;
mod guard;
mod guid;
mod header;
mod integer;
mod level;
mod locate;
mod physical_disk_data;
mod physical_disk_records;
mod record;
mod roster;
mod sequence;
mod spare_assignment;
mod structure;
mod time;
mod update;
mod vd_configuration;
mod vendor_log;
mod vendor_unique_configuration;
mod virtual_disk_records;
mod writer;

pub use assemble::{Assembly, Configuration, SetRecord, VirtualDisk};
pub use bad_block_log::{BadBlockCounts, BadBlockEntry, BadBlockLog};
pub use build::spare::assign_spare_as;
pub use build::vendor_record::set_vendor_record;
pub use build::{
    BadBlockOptions, Controller, DiskIdentity, Options, VendorLogOptions, initialise,
    initialise_as, new_area,
};
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
pub use locate::{
    AnchorPlace, AnchorSearch, CopyKind, HeaderBlock, HeaderCrc, MAX_RUN_BYTES, SEARCH_RUN_BYTES,
    anchor, find_anchor, next_read,
};
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
