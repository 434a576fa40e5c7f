// SPDX-License-Identifier: MIT OR Apache-2.0
//! The two copies of the structure on one disk, as a writer sees them: which of them counts, where
//! the other one goes, and whether that one may be trusted until it is written.
//!
//! Which copy counts is discovery's decision ([`choose`]); this module adds where edits go.

use crate::choice::choose;
use crate::crc::{Seal, seal};
use crate::disk_bytes::DiskBytes;
use crate::header::{DdfHeader, Section};
use crate::integer::ByteOrder;
use crate::locate::{AnchorSearch, CopyKind, HeaderBlock, HeaderCrc, anchor};
use crate::record::Record;
use crate::structure::{ConfigurationRecord, RecordSlot, Structure};

use raid_core::units::{Blocks, Extent, Lba};

/// One block at `at`.
pub(crate) const fn block(at: Lba) -> Extent {
    Extent { start: at, len: Blocks(1) }
}

/// Why a disk that carries the format cannot be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unusable {
    pub(crate) at: Lba,
    pub(crate) what: &'static str,
    pub(crate) found: u64,
    pub(crate) expected: u64,
}

/// Both copies on one disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Copies {
    pub(crate) order: ByteOrder,
    /// How the anchor is sealed: what is new on this disk is sealed alike.
    pub(crate) crc: HeaderCrc,
    /// Header of the copy that counts. Its offsets hold for both.
    pub(crate) header: DdfHeader,
    pub(crate) kind: CopyKind,
    /// Block of the header of the copy that counts.
    pub(crate) chosen: Lba,
    /// Block of the other header; `None` if there is no other copy.
    pub(crate) twin: Option<Lba>,
    /// Whether the other copy says the same, as far as sequence numbers and CRCs tell.
    pub(crate) twin_sound: bool,
}

impl Copies {
    /// The copies on `disk`; `None` if it does not carry the format.
    pub(crate) fn find(disk: DiskBytes<'_>) -> Result<Option<Self>, Unusable> {
        let Some((_, anchor)) = anchor(disk) else { return Ok(None) };
        let unusable =
            |what, found, expected| Err(Unusable { at: anchor.at, what, found, expected });
        let Some(choice) = choose(disk, AnchorSearch::NONE, &mut |_| {}) else {
            return unusable("neither copy of the structure can be used", 0, 1);
        };
        let Some(mut copies) = Self::recall(disk, choice.kind, false) else {
            return unusable("no blocks of the structure", 0, 1);
        };
        let other = copies.kind.other();
        copies.twin_sound = Structure::read(disk, &anchor, other).is_ok_and(|other| {
            !other.is_open()
                && other.sequence() == copies.sequence()
                && other.verify(&anchor, &mut |_| {}).sound
        });
        copies.check_places(disk, &anchor)?;
        Ok(Some(copies))
    }

    /// What [`find`](Self::find) found, without a second look at CRCs.
    pub(crate) fn recall(disk: DiskBytes<'_>, kind: CopyKind, twin_sound: bool) -> Option<Self> {
        let (_, anchor) = anchor(disk)?;
        let chosen = anchor.copy_lba(kind)?;
        let header = *DdfHeader::view(disk.block(chosen)?)?;
        let found = HeaderBlock { header: &header, ..HeaderBlock::read(disk, chosen)? };
        // A damaged anchor led to the copy that counts; the rest that copy says itself.
        let trusted = if anchor.crc.is_some() { anchor } else { found };
        Some(Self {
            order: anchor.order,
            crc: trusted.crc?,
            header,
            kind,
            chosen,
            twin: trusted.copy_lba(kind.other()),
            twin_sound,
        })
    }

    /// The copy that counts, for reading.
    pub(crate) fn structure<'d>(&self, disk: DiskBytes<'d>) -> Option<Structure<'d>> {
        Structure::reread(disk, self.kind, self.chosen, self.order, self.crc)
    }

    /// The blocks of a section of the copy at `copy`.
    pub(crate) fn extent(&self, copy: Lba, section: Section) -> Option<Extent> {
        self.header.section_extent(self.order, copy, section)
    }

    /// Block of the header of a copy; `None` if there is no such copy.
    pub(crate) fn at(&self, kind: CopyKind) -> Option<Lba> {
        if kind == self.kind { Some(self.chosen) } else { self.twin }
    }

    /// The headers of both copies, as far as there are two.
    pub(crate) fn copies(&self) -> impl Iterator<Item = Lba> + use<> {
        [Some(self.chosen), self.twin].into_iter().flatten()
    }

    /// The blocks of slot `slot` of the copy that counts.
    pub(crate) fn slot(&self, slot: usize) -> Option<Extent> {
        let section = self.extent(self.chosen, Section::ConfigurationRecords)?;
        let len = Blocks(u64::from(self.header.configuration_record_length.get(self.order)));
        let skip = u64::try_from(slot).ok()?.checked_mul(len.0)?;
        let start = section.start.checked_add(Blocks(skip))?;
        Some(Extent { start, len }).filter(|extent| section.contains(*extent))
    }

    /// Update counter of the copy that counts; `None` where the writer keeps none.
    pub(crate) fn sequence(&self) -> Option<u32> {
        self.header.sequence_number.present(self.order)
    }

    /// How the header at `at` is sealed; as the anchor if its CRC is wrong.
    pub(crate) fn header_crc(&self, disk: DiskBytes<'_>, at: Lba) -> HeaderCrc {
        HeaderBlock::read(disk, at).and_then(|block| block.crc).unwrap_or(self.crc)
    }

    /// Stores the CRC of a header block the way it had it.
    pub(crate) fn seal_header(&self, crc: HeaderCrc, header: &mut [u8]) {
        let covered = if crc.struct_only { size_of::<DdfHeader>() } else { header.len() };
        if let Some(covered) = header.get_mut(..covered) {
            seal(crc.variant, self.order, covered);
        }
    }

    /// How a section is sealed; as headers are if its CRC is wrong.
    pub(crate) fn section_seal(&self, block_size: u32, bytes: &[u8]) -> Seal {
        Seal::found(self.crc.variant, self.order, block_size, bytes).unwrap_or(self.usual_seal())
    }

    /// How what is new is sealed where nothing else tells.
    const fn usual_seal(&self) -> Seal {
        match self.crc {
            HeaderCrc { variant, struct_only: false } => Seal::whole(variant),
            HeaderCrc { variant, struct_only: true } => Seal::without_padding(variant),
        }
    }

    /// How what comes into slot `slot` of the copy that counts is sealed: as what stands there, else
    /// as another record of the disk, else as headers are.
    pub(crate) fn slot_seal(
        &self,
        structure: &Structure<'_>,
        block_size: u32,
        slot: usize,
    ) -> Seal {
        let sealed = |bytes: &[u8]| Seal::found(self.crc.variant, self.order, block_size, bytes);
        let own = structure.slot(slot).and_then(|slot| sealed(slot.bytes));
        let used = |slot: &RecordSlot<'_>| !matches!(slot.record, ConfigurationRecord::Unused);
        let others = || structure.records().filter(used).find_map(|slot| sealed(slot.bytes));
        own.or_else(others).unwrap_or(self.usual_seal())
    }

    /// Refuses offsets that would let one part overwrite another, the anchor, or user data. The
    /// standard has no rule where a structure stands: a copy that is not recognised where the header
    /// points to has to be outside the part of the disk that volumes use.
    fn check_places(&self, disk: DiskBytes<'_>, anchor: &HeaderBlock<'_>) -> Result<(), Unusable> {
        let parts = |copy: Option<Lba>| {
            let header = copy.map(block);
            let sections = Section::ALL.into_iter();
            let sections = sections.filter_map(move |section| self.extent(copy?, section));
            header.into_iter().chain(sections)
        };
        let all = || {
            let anchor = Some(block(anchor.at)).into_iter();
            anchor.chain(parts(Some(self.chosen))).chain(parts(self.twin)).enumerate()
        };
        let bad = |what, found, expected| Err(Unusable { at: self.chosen, what, found, expected });
        for (index, part) in all() {
            if let Some((_, other)) = all().find(|(i, other)| *i > index && other.overlaps(part)) {
                return bad("two parts of the metadata overlap", other.start.0, part.start.0);
            }
            if part.end().is_none_or(|end| end.0 > disk.shape().blocks.0) {
                return bad("a part of the metadata lies outside the disk", part.start.0, 0);
            }
        }
        let structure = self.structure(disk);
        let own = structure.and_then(|structure| {
            let reference = structure.disk_data()?.pd_reference.get(self.order);
            let entry = structure.physical_disks()?.find(self.order, reference)?;
            Some(entry.configured_size.get(self.order))
        });
        let (Some(twin), Some(usable)) = (self.twin, own) else { return Ok(()) };
        if !self.twin_sound && twin.0 < usable {
            return bad("damaged copy in the part that volumes use", twin.0, usable);
        }
        Ok(())
    }
}
