// SPDX-License-Identifier: MIT OR Apache-2.0
//! The order in which a disk's metadata is written, so that a power cut leaves the old or the new.
//!
//! ```text
//!  first copy    header open ▸ F ▸ sections ▸ F ▸ header closed ▸ F ▸
//!  second copy   header open ▸ F ▸ sections ▸ F ▸ header closed ▸ F ▸
//!  anchor        ▸ F                                                     F = flush
//! ```
//!
//! The first copy is the primary, unless the secondary on the disk is not the good one (it is
//! damaged, of an update before, or marked open in the buffer, see [`spread`](crate::update::spread)): the good copy is
//! never opened before the other one is good. While a copy is open its header carries sequence
//! number 1, the lowest there is, so that readers that compare numbers before flags (mdadm) take the
//! closed copy too. On a disk with one copy alone it carries the number of the update.
//!
//! The anchor's bytes do not change with an update, so a torn rewrite leaves it as it was; a damaged one
//! is mended with an update. On a new disk it comes last and makes the rest visible. Sections are written whole: which of them changed
//! cannot be told from the buffer, and a flush costs more than the blocks.

use crate::disk_bytes::DiskBytes;
use crate::header::{DdfHeader, OpenState, Section};
use crate::locate::{CopyKind, anchor};
use crate::record::Record;
use crate::sequence::compare_kept;
use crate::structure::Structure;
use crate::update::copies::Copies;
use crate::update::spread::{CLOSED, OPEN};
use core::cmp::Ordering;
use raid_core::metadata::{DiskBuffer, Step};

/// Sections that are written, as far as the buffer holds them. Diagnostic space and vendor logs are
/// held on new disks only, and each copy has its own.
const WRITTEN: [Section; 8] = [
    Section::ControllerData,
    Section::PhysicalDiskRecords,
    Section::VirtualDiskRecords,
    Section::ConfigurationRecords,
    Section::PhysicalDiskData,
    Section::BadBlockLog,
    Section::DiagnosticSpace,
    Section::VendorSpecificLogs,
];

/// Whether the two copies of a section on a disk may differ: only the vendor knows.
const fn is_vendors(section: Section) -> bool {
    matches!(section, Section::DiagnosticSpace | Section::VendorSpecificLogs)
}

/// Sequence number of a header while its copy is open.
pub(crate) const OPEN_SEQUENCE: u32 = 1;

/// The `index`-th step of writing `disk`; `None` past the last, or if the buffer holds no structure.
pub(crate) fn step<'a>(
    disk: &'a DiskBuffer<'_, '_>,
    index: usize,
    block: &'a mut [u8],
) -> Option<Step<'a>> {
    let bytes = DiskBytes::of_buffer(disk);
    let (copies, order) = order(bytes)?;
    let held = |section: &Section| {
        let held = |copy| copies.extent(copy, *section).is_some_and(|at| bytes.get(at).is_some());
        held(copies.chosen) && (!is_vendors(*section) || copies.copies().all(held))
    };
    let sections = || WRITTEN.into_iter().filter(held);
    let end = sections().count().checked_add(2)?;
    let mut left = index;
    for kind in order.into_iter().flatten() {
        if left == 0 || left == end.checked_add(1)? {
            return header(bytes, &copies, kind, left == 0, block);
        }
        if left == 1 || left == end || left == end.checked_add(2)? {
            return Some(Step::Flush);
        }
        if left < end {
            let section = sections().nth(left.checked_sub(2)?)?;
            let target = copies.extent(copies.at(kind)?, section)?;
            let chosen = copies.extent(copies.chosen, section)?;
            let (at, source) = (target.start, if is_vendors(section) { target } else { chosen });
            return Some(Step::Write { at, bytes: bytes.get(source)? });
        }
        left = left.checked_sub(end.checked_add(3)?)?;
    }
    let (_, anchor) = anchor(bytes)?;
    match left {
        0 => Some(Step::Write { at: anchor.at, bytes: bytes.block(anchor.at)? }),
        1 => Some(Step::Flush),
        _ => None,
    }
}

/// A copy that the buffer holds.
#[derive(Clone, Copy)]
struct Held {
    closed: bool,
    sequence: Option<u32>,
}

impl Held {
    /// Orders by which of two copies is to be kept.
    fn compare(self, other: Self) -> Ordering {
        self.closed.cmp(&other.closed).then(compare_kept(self.sequence, other.sequence))
    }
}

/// The copy of this kind, if the buffer holds it whole.
fn held(disk: DiskBytes<'_>, kind: CopyKind) -> Option<Held> {
    let (_, anchor) = anchor(disk)?;
    let copy = Structure::read(disk, &anchor, kind).ok()?;
    let whole = Section::REQUIRED.into_iter().all(|section| copy.section(section).is_some());
    whole.then(|| Held { closed: !copy.is_open(), sequence: copy.sequence() })
}

/// The copy to take the bytes from.
pub(crate) fn source(disk: DiskBytes<'_>) -> Option<CopyKind> {
    match (held(disk, CopyKind::Primary), held(disk, CopyKind::Secondary)) {
        (Some(primary), Some(secondary)) if secondary.compare(primary).is_gt() => {
            Some(CopyKind::Secondary)
        }
        (Some(_), _) => Some(CopyKind::Primary),
        (None, other) => other.map(|_| CopyKind::Secondary),
    }
}

/// The copy to take the bytes from, and which copy to write first.
fn order(disk: DiskBytes<'_>) -> Option<(Copies, [Option<CopyKind>; 2])> {
    let source = source(disk)?;
    let [one, other] = [source, source.other()].map(|kind| held(disk, kind));
    let alike = one.zip(other).is_some_and(|(one, other)| one.compare(other).is_eq());
    // The one that the disk does not hold whole, or of an update before, comes first.
    let first = if alike { CopyKind::Primary } else { source.other() };
    let copies = Copies::recall(disk, source, false)?;
    Some((copies, [first, first.other()].map(|kind| copies.at(kind).map(|_| kind))))
}

/// The header of the copy of this kind, open or closed.
fn header<'a>(
    disk: DiskBytes<'_>,
    copies: &Copies,
    kind: CopyKind,
    open: bool,
    block: &'a mut [u8],
) -> Option<Step<'a>> {
    let source = disk.block(copies.chosen)?;
    let block = block.get_mut(..source.len())?;
    block.copy_from_slice(source);
    let header = DdfHeader::view_mut(block)?;
    header.header_type = kind.header_type().to_byte();
    if open {
        header.open_flag = OPEN;
        // With no closed copy beside it, an open one has to say which update it belongs to.
        let alone = copies.at(kind.other()).is_none();
        if !alone && header.sequence_number.present(copies.order).is_some() {
            header.sequence_number.set(copies.order, OPEN_SEQUENCE);
        }
    } else if header.open_state() == OpenState::Open {
        header.open_flag = CLOSED;
    }
    let at = copies.at(kind)?;
    copies.seal_header(copies.header_crc(disk, at), block);
    Some(Step::Write { at, bytes: block })
}
