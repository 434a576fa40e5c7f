// SPDX-License-Identifier: MIT OR Apache-2.0
//! A disk that carries DDF, seen through the copy of its structure that is used.

use crate::choice::Choice;
use crate::disk_bytes::DiskBytes;
use crate::guid::Guid;
use crate::header::DdfHeader;
use crate::integer::ByteOrder;
use crate::locate::CopyKind;
use crate::physical_disk_records::{PhysicalDiskEntry, is_reference};
use crate::record::Record;
use crate::sequence::{compare_kept, compare_sequences as compare_records, update_before};
use crate::structure::Structure;
use crate::vd_configuration::VdConfiguration;
use core::cmp::Ordering;
use core::ops::Deref;
use raid_core::units::{Blocks, Lba};

/// A disk of a configuration. What the copy in use says is reached by dereferencing.
#[derive(Clone, Copy, Debug)]
pub struct DdfDisk<'a> {
    index: usize,
    bytes: DiskBytes<'a>,
    choice: Choice,
    anchor_at: Lba,
    structure: Structure<'a>,
}

impl<'a> DdfDisk<'a> {
    /// The disk, through a copy that was chosen before.
    pub(crate) fn open(index: usize, bytes: DiskBytes<'a>, choice: Choice) -> Option<Self> {
        let anchor_at = choice.anchor;
        let anchor = DdfHeader::view(bytes.block(anchor_at)?)?;
        let at = match choice.kind {
            CopyKind::Primary => anchor.primary_header_lba,
            CopyKind::Secondary => anchor.secondary_header_lba,
        };
        let at = Lba(at.present(choice.order)?);
        let structure = Structure::reread(bytes, choice.kind, at, choice.order, choice.crc)?;
        Some(Self { index, bytes, choice, anchor_at, structure })
    }

    /// Its index among the disks given.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// Its blocks in memory.
    #[must_use]
    pub const fn bytes(&self) -> DiskBytes<'a> {
        self.bytes
    }

    /// The copy in use.
    #[must_use]
    pub const fn structure(&self) -> Structure<'a> {
        self.structure
    }

    /// Block of the anchor.
    #[must_use]
    pub const fn anchor_at(&self) -> Lba {
        self.anchor_at
    }

    /// Whether every CRC of the copy in use is right.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.choice.sound
    }

    /// The configuration it belongs to.
    #[must_use]
    pub const fn configuration(&self) -> Guid {
        self.structure.header().ddf_header_guid
    }

    /// Its own GUID.
    #[must_use]
    pub fn guid(&self) -> Guid {
        self.structure.disk_data().map_or(Guid::UNUSED, |data| data.pd_guid)
    }

    /// Its own reference; `None` if it has none that names a disk.
    #[must_use]
    pub fn reference(&self) -> Option<u32> {
        let data = self.structure.disk_data()?;
        Some(data.pd_reference.get(self.structure.order())).filter(|stored| is_reference(*stored))
    }

    /// How new its metadata is: an update that had only begun counts as the one before it. `None` if
    /// the writer keeps no number.
    #[must_use]
    pub fn effective_sequence(&self) -> Option<u32> {
        let stored = self.structure.sequence()?;
        Some(if self.structure.is_open() { update_before(stored) } else { stored })
    }

    /// The newest number among its configuration records.
    fn record_sequence(&self) -> Option<u32> {
        let order = self.structure.order();
        let numbers = self.structure.volumes().map(|record| record.sequence_number.get(order));
        numbers.reduce(|newest, number| match compare_records(number, newest) {
            Ordering::Greater => number,
            _ => newest,
        })
    }

    /// Orders by how much a disk's copy of the shared sections is to be trusted.
    pub(crate) fn compare_freshness(&self, other: &Self) -> Ordering {
        let records = match (self.record_sequence(), other.record_sequence()) {
            (Some(mine), Some(theirs)) => compare_records(mine, theirs),
            (mine, theirs) => mine.is_some().cmp(&theirs.is_some()),
        };
        compare_kept(self.effective_sequence(), other.effective_sequence())
            .then(self.is_sound().cmp(&other.is_sound()))
            .then(records)
            .then(other.index.cmp(&self.index))
    }

    /// What this disk's copy of the records says of the disk with this reference.
    #[must_use]
    pub fn entry_of(&self, reference: u32) -> Option<&'a PhysicalDiskEntry> {
        self.structure.physical_disks()?.find(self.structure.order(), reference)
    }

    /// This disk's record of one part of a volume, the newest if there are several.
    #[must_use]
    pub fn record_of(&self, volume: &Guid, set: u8) -> Option<&'a VdConfiguration> {
        let order = self.structure.order();
        let own = self
            .structure
            .volumes()
            .filter(|record| record.vd_guid.matches(volume) && record.secondary_element_seq == set);
        own.reduce(|newest, record| {
            let (number, known) =
                (record.sequence_number.get(order), newest.sequence_number.get(order));
            if compare_records(number, known).is_gt() { record } else { newest }
        })
    }

    /// First block that its metadata takes: volumes have to end before it if they begin before.
    #[must_use]
    pub fn lowest_metadata(&self) -> Lba {
        let header = self.structure.header();
        let order = self.structure.order();
        [header.primary_header_lba, header.secondary_header_lba]
            .into_iter()
            .filter_map(|lba| lba.present(order))
            .fold(self.anchor_at, |lowest, lba| lowest.min(Lba(lba)))
    }

    /// Blocks that volumes may use, as its entry (in records of `order`) says. Some Adaptec firmware leaves garbage in the
    /// upper half of the field, old versions of graid in the upper 16 bits.
    #[must_use]
    pub fn configured_size(&self, entry: &PhysicalDiskEntry, order: ByteOrder) -> Blocks {
        let stored = entry.configured_size.get(order);
        let sane = match stored >> 32 {
            0xFFFF_FFFF => stored & 0xFFFF_FFFF,
            0x1_0000.. => stored & 0xFFFF_FFFF_FFFF,
            _ => stored,
        };
        Blocks(sane.min(self.anchor_at.0))
    }
}

impl<'a> Deref for DdfDisk<'a> {
    type Target = Structure<'a>;

    fn deref(&self) -> &Structure<'a> {
        &self.structure
    }
}
