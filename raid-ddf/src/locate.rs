// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the metadata of a disk stands, and what discovery has to read of it.
//!
//! ```text
//! 1. last block ── no header ──▶ block 257 from the end (Adaptec) ── no header ──▶ absent
//!        │ anchor                     │ anchor
//! 2.     └────────────┬───────────────┘
//!          primary header, secondary header                one block each
//! 3.       the sections behind each header that is sound   one run each
//! ```
//!
//! Every answer depends only on the blocks at hand, and no run is asked for twice, so a hostile disk
//! gets at most six answers. A run is bounded by [`MAX_RUN_BYTES`].

use crate::crc::{CrcVariant, matching_crc};
use crate::disk_bytes::DiskBytes;
use crate::header::{DdfHeader, HeaderType};
use crate::integer::ByteOrder;
use crate::record::Record;
use crate::structure::Structure;
use raid_core::metadata::{DiskShape, Lookup};
use raid_core::units::{Blocks, Extent, Lba};

/// Most bytes that the sections of one copy may span: the size of the reserve that the standard
/// asks for, and twice what its own limits add up to.
pub const MAX_RUN_BYTES: u64 = 32 << 20;

/// Adaptec's anchor stands this many blocks before the end.
const ADAPTEC_FROM_END: u64 = 257;

/// Where an anchor may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnchorPlace {
    /// In the last block, as the standard says.
    LastBlock,
    /// 257 blocks before the end, as some Adaptec firmware does.
    Adaptec,
}

impl AnchorPlace {
    const ALL: [Self; 2] = [Self::LastBlock, Self::Adaptec];

    /// Its address; `None` on a disk that is too small.
    #[must_use]
    pub fn lba(self, shape: DiskShape) -> Option<Lba> {
        let from_end = match self {
            Self::LastBlock => 1,
            Self::Adaptec => ADAPTEC_FROM_END,
        };
        shape.blocks.0.checked_sub(from_end).map(Lba)
    }
}

/// Which copy of the structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CopyKind {
    /// The one that always exists.
    Primary,
    /// The optional one.
    Secondary,
}

impl CopyKind {
    /// Both, the primary first.
    pub const ALL: [Self; 2] = [Self::Primary, Self::Secondary];

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Primary => Self::Secondary,
            Self::Secondary => Self::Primary,
        }
    }

    /// The type that its header has.
    #[must_use]
    pub const fn header_type(self) -> HeaderType {
        match self {
            Self::Primary => HeaderType::Primary,
            Self::Secondary => HeaderType::Secondary,
        }
    }

    /// For findings.
    #[must_use]
    pub const fn header_name(self) -> &'static str {
        match self {
            Self::Primary => "primary header",
            Self::Secondary => "secondary header",
        }
    }
}

/// A header block that has the signature.
#[derive(Clone, Copy, Debug)]
pub struct HeaderBlock<'a> {
    /// Its address.
    pub at: Lba,
    /// The record.
    pub header: &'a DdfHeader,
    /// Byte order of the disk, from the signature.
    pub order: ByteOrder,
    /// The CRC that matched; `None`: damaged.
    pub crc: Option<HeaderCrc>,
}

/// How a header's CRC matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderCrc {
    /// Which variant.
    pub variant: CrcVariant,
    /// Whether over the first 512 bytes of a larger block.
    pub struct_only: bool,
}

impl<'a> HeaderBlock<'a> {
    /// The header at `at`; `None` if the block is not at hand or has another signature.
    #[must_use]
    pub fn read(disk: DiskBytes<'a>, at: Lba) -> Option<Self> {
        let block = disk.block(at)?;
        let order = DdfHeader::byte_order(block)?;
        let header = DdfHeader::view(block)?;
        let whole = matching_crc(CrcVariant::default(), order, block)
            .map(|variant| HeaderCrc { variant, struct_only: false });
        let crc = whole.or_else(|| {
            let bytes = block.get(..size_of::<DdfHeader>()).filter(|_| block.len() > 512)?;
            let variant = matching_crc(CrcVariant::default(), order, bytes)?;
            Some(HeaderCrc { variant, struct_only: true })
        });
        Some(Self { at, header, order, crc })
    }

    /// The address of a copy's header; `None` if there is no such copy.
    #[must_use]
    pub fn copy_lba(&self, kind: CopyKind) -> Option<Lba> {
        let lba = match kind {
            CopyKind::Primary => self.header.primary_header_lba,
            CopyKind::Secondary => self.header.secondary_header_lba,
        };
        lba.present(self.order).map(Lba)
    }
}

/// The anchor of a disk: one with a right CRC, else one that has at least the signature.
#[must_use]
pub fn anchor(disk: DiskBytes<'_>) -> Option<(AnchorPlace, HeaderBlock<'_>)> {
    let found = || {
        AnchorPlace::ALL
            .into_iter()
            .filter_map(|place| Some((place, HeaderBlock::read(disk, place.lba(disk.shape())?)?)))
    };
    found().find(|(_, block)| block.crc.is_some()).or_else(|| found().next())
}

/// What to read next of a disk.
#[must_use]
pub fn next_read(disk: DiskBytes<'_>) -> Lookup {
    for place in AnchorPlace::ALL {
        let Some(at) = place.lba(disk.shape()) else { continue };
        match HeaderBlock::read(disk, at) {
            Some(HeaderBlock { crc: Some(_), .. }) => break,
            _ if disk.block(at).is_none() && !disk.was_asked(at) => {
                return Lookup::Read(Extent { start: at, len: Blocks(1) });
            }
            _ => {}
        }
    }
    let Some((_, anchor)) = anchor(disk) else { return Lookup::Absent };
    for kind in CopyKind::ALL {
        let in_disk = |at: &Lba| at.0 < disk.shape().blocks.0;
        let Some(at) = anchor.copy_lba(kind).filter(in_disk) else { continue };
        if disk.block(at).is_none() {
            if !disk.was_asked(at) {
                return Lookup::Read(Extent { start: at, len: Blocks(1) });
            }
            continue;
        }
        let run =
            Structure::read(disk, &anchor, kind).ok().and_then(|copy| copy.sections_run().ok());
        if let Some(run) = run
            && disk.get(run).is_none()
            && !disk.was_asked(run.start)
        {
            return Lookup::Read(run);
        }
    }
    Lookup::Complete
}
