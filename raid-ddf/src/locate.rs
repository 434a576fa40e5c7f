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
//! gets at most six answers. A run is bounded by [`MAX_RUN_BYTES`]. A search looks through runs of
//! [`SEARCH_RUN_BYTES`], of which at most two blocks are kept.

use crate::crc::{CrcVariant, matching_crc};
use crate::disk_bytes::DiskBytes;
use crate::header::{DdfHeader, HeaderType};
use crate::integer::ByteOrder;
use crate::record::Record;
use crate::structure::Structure;
use raid_core::metadata::{DiskShape, DiskView, Lookup, Piece};
use raid_core::units::{Blocks, Extent, Lba};

/// Most bytes that the sections of one copy may span: the size of the reserve that the standard
/// asks for, and twice what its own limits add up to.
pub const MAX_RUN_BYTES: u64 = 32 << 20;

/// Most bytes that a search looks through at a time.
pub const SEARCH_RUN_BYTES: u64 = 1 << 20;

/// Adaptec's anchor stands this many blocks before the end.
const ADAPTEC_FROM_END: u64 = 257;

/// Where an anchor may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnchorPlace {
    /// In the last block, as the standard says.
    LastBlock,
    /// 257 blocks before the end, as some Adaptec firmware does.
    Adaptec,
    /// Elsewhere, found by an [`AnchorSearch`].
    Searched,
}

impl AnchorPlace {
    const FIXED: [Self; 2] = [Self::LastBlock, Self::Adaptec];

    /// Its address; `None` on a disk that is too small, and where only a search can tell.
    #[must_use]
    pub fn lba(self, shape: DiskShape) -> Option<Lba> {
        let from_end = match self {
            Self::LastBlock => 1,
            Self::Adaptec => ADAPTEC_FROM_END,
            Self::Searched => return None,
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

/// How far from the end of a disk an anchor is looked for that stands in neither of its two places.
///
/// Some PERC models put it elsewhere, and a disk that was copied to a larger one has it where the
/// smaller one ended (`ddf.md` 7.5, 8). A search reads the window from the end on down until it finds an
/// anchor, so nothing searches unless it is asked to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnchorSearch {
    /// Bytes at the end of the disk.
    pub window: u64,
}

impl AnchorSearch {
    /// No search.
    pub const NONE: Self = Self { window: 0 };
    /// The reserve that the standard asks for, which is what mdadm searches.
    pub const RESERVE: Self = Self { window: 32 << 20 };

    /// The first block of the window.
    fn lowest(self, shape: DiskShape) -> u64 {
        let window = self.window.checked_div(shape.block_size.into()).unwrap_or(0);
        shape.blocks.0.saturating_sub(window)
    }

    /// The `index`-th run to look through, from the end of the disk on down; `None` past the window, and
    /// once an anchor was found.
    pub(crate) fn run(self, disk: DiskBytes<'_>, index: usize) -> Option<Extent> {
        let is_anchor = |block: &HeaderBlock<'_>| block.header.header_type() == HeaderType::Anchor;
        if self.find(disk).as_ref().is_some_and(is_anchor) {
            return None;
        }
        let shape = disk.shape();
        let per_run = SEARCH_RUN_BYTES.checked_div(shape.block_size.into())?.max(1);
        let end = shape.blocks.0.checked_sub(per_run.checked_mul(u64::try_from(index).ok()?)?)?;
        let start = end.saturating_sub(per_run).max(self.lowest(shape));
        let len = end.checked_sub(start).filter(|len| *len > 0)?;
        Some(Extent { start: Lba(start), len: Blocks(len) })
    }

    /// The block of a run that is to be kept: the last anchor, else the last header of any type unless one
    /// was kept before.
    pub(crate) fn found_in(self, disk: DiskBytes<'_>, run: &Piece<'_>) -> Option<Lba> {
        let pieces = [*run];
        let bytes = DiskBytes::View(DiskView { shape: disk.shape(), pieces: &pieces });
        let run = bytes.runs().next()?;
        let headers = || {
            let blocks = (run.start.0..run.start.0.saturating_add(run.len.0)).rev();
            let headers = blocks.filter_map(move |at| HeaderBlock::read(bytes, Lba(at)));
            headers.filter(|block| block.crc.is_some())
        };
        let anchor = headers().find(|block| block.header.header_type() == HeaderType::Anchor);
        let any = || if self.find(disk).is_none() { headers().next() } else { None };
        Some(anchor.or_else(any)?.at)
    }

    /// Of the headers in the window that were kept: the anchor that comes last, else the last of any type,
    /// for all three say where the copies are.
    fn find(self, disk: DiskBytes<'_>) -> Option<HeaderBlock<'_>> {
        let lowest = self.lowest(disk.shape());
        let kept = || {
            let single = disk.runs().filter(move |run| run.len.0 == 1 && run.start.0 >= lowest);
            let headers = single.filter_map(move |run| HeaderBlock::read(disk, run.start));
            headers.filter(|block| block.crc.is_some())
        };
        let anchors = kept().filter(|block| block.header.header_type() == HeaderType::Anchor);
        anchors.max_by_key(|block| block.at).or_else(|| kept().max_by_key(|block| block.at))
    }
}

/// The anchor of a disk: one with a right CRC, else one that has at least the signature.
#[must_use]
pub fn anchor(disk: DiskBytes<'_>) -> Option<(AnchorPlace, HeaderBlock<'_>)> {
    let found = || {
        AnchorPlace::FIXED
            .into_iter()
            .filter_map(|place| Some((place, HeaderBlock::read(disk, place.lba(disk.shape())?)?)))
    };
    found().find(|(_, block)| block.crc.is_some()).or_else(|| found().next())
}

/// The anchor in one of its two places, else one that a search finds.
#[must_use]
pub fn find_anchor(
    disk: DiskBytes<'_>,
    search: AnchorSearch,
) -> Option<(AnchorPlace, HeaderBlock<'_>)> {
    anchor(disk).or_else(|| Some((AnchorPlace::Searched, search.find(disk)?)))
}

/// What to read next of a disk.
#[must_use]
pub fn next_read(disk: DiskBytes<'_>, search: AnchorSearch) -> Lookup {
    let ask = |run: Extent| {
        let wanted = disk.get(run).is_none() && !disk.was_asked(run.start);
        wanted.then_some(Lookup::Read(run))
    };
    let one = |at| Extent { start: at, len: Blocks(1) };
    for place in AnchorPlace::FIXED {
        let Some(at) = place.lba(disk.shape()) else { continue };
        if HeaderBlock::read(disk, at).is_some_and(|block| block.crc.is_some()) {
            break;
        }
        if let Some(read) = ask(one(at)) {
            return read;
        }
    }
    let Some((_, anchor)) = find_anchor(disk, search) else { return Lookup::Absent };
    for kind in CopyKind::ALL {
        let in_disk = |at: &Lba| at.0 < disk.shape().blocks.0;
        let Some(at) = anchor.copy_lba(kind).filter(in_disk) else { continue };
        if let Some(read) = ask(one(at)) {
            return read;
        }
        let copy = Structure::read(disk, &anchor, kind).ok();
        let run = copy.and_then(|copy| copy.sections_run().ok());
        if let Some(read) = run.and_then(ask) {
            return read;
        }
    }
    Lookup::Complete
}
