// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which copy of a disk's structure to use.
//!
//! | | mdadm (`ddf.md` 6.3) | here |
//! |---|---|---|
//! | a copy with damaged sections | used | only if there is no sound one |
//! | an open copy, newer than a closed one | used | only if the closed one is not sound |
//! | both closed and sound | higher sequence number, else primary | the same |

use crate::crc::stored_crc;
use crate::disk_bytes::DiskBytes;
use crate::finding::Fault;
use crate::header::{DdfHeader, HeaderType, Section};
use crate::integer::ByteOrder;
use crate::locate::{AnchorPlace, AnchorSearch, CopyKind, HeaderBlock, HeaderCrc, find_anchor};
use crate::record::Record;
use crate::sequence::{compare_kept, updates_between};
use crate::structure::{ConfigurationRecord, RecordSlot, Structure, Verdict, crc_flaw};
use core::cmp::Ordering;
use raid_core::metadata::Finding;
use raid_core::units::Lba;

/// The copy of a disk's structure that is used. Small, so that many can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    pub(crate) anchor: Lba,
    pub(crate) kind: CopyKind,
    pub(crate) order: ByteOrder,
    pub(crate) crc: HeaderCrc,
    pub(crate) sound: bool,
}

/// A copy that can be used.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    structure: Structure<'a>,
    sound: bool,
}

impl Candidate<'_> {
    /// Orders by which of the two is to be used.
    fn compare(&self, other: &Self) -> Ordering {
        let closed = |candidate: &Self| !candidate.structure.is_open();
        self.sound
            .cmp(&other.sound)
            .then(closed(self).cmp(&closed(other)))
            .then(compare_kept(self.structure.sequence(), other.structure.sequence()))
    }
}

/// Judges both copies of a disk, tells what is wrong, and chooses. `None`: no DDF disk, or none of
/// the copies can be used.
pub(crate) fn choose(
    disk: DiskBytes<'_>,
    search: AnchorSearch,
    tell: &mut dyn FnMut(Finding),
) -> Option<Choice> {
    let (place, anchor) = find_anchor(disk, search)?;
    tell_anchor(disk, place, &anchor, tell);
    let [primary, secondary] = CopyKind::ALL.map(|kind| candidate(disk, &anchor, kind, tell));
    if let (Some(primary), Some(secondary)) = (&primary, &secondary) {
        compare(primary, secondary, tell);
    }
    // The primary, unless the secondary is better.
    let best = match (primary, secondary) {
        (Some(primary), Some(secondary)) if secondary.compare(&primary).is_gt() => secondary,
        (Some(primary), _) => primary,
        (None, Some(secondary)) => secondary,
        (None, None) => {
            let named = CopyKind::ALL.into_iter().filter(|kind| anchor.copy_lba(*kind).is_some());
            let (found, expected) = (Some(0), u64::try_from(named.count().max(1)).ok());
            let (copy, at) = ("anchor", Some(anchor.at));
            tell(Finding { copy, at, found, expected, ..Fault::NoUsableCopy.on(None) });
            return None;
        }
    };
    let used = best.structure;
    let revision = used.header().revision();
    if !matches!(revision.major(), Some(1 | 2)) {
        let found = Some(u64::from_be_bytes(revision.0));
        let copy = used.kind().header_name();
        tell(Finding { copy, at: Some(used.at()), found, ..Fault::Revision.on(None) });
        return None;
    }
    if !revision.is_known() {
        let found = Some(u64::from_be_bytes(revision.0));
        let copy = used.kind().header_name();
        tell(Finding { copy, at: Some(used.at()), found, ..Fault::MinorRevision.on(None) });
    }
    tell_used(&used, tell);
    let (kind, order, crc) = (used.kind(), used.order(), used.header_crc());
    Some(Choice { anchor: anchor.at, kind, order, crc, sound: best.sound })
}

fn candidate<'a>(
    disk: DiskBytes<'a>,
    anchor: &HeaderBlock<'_>,
    kind: CopyKind,
    tell: &mut dyn FnMut(Finding),
) -> Option<Candidate<'a>> {
    if kind == CopyKind::Secondary && anchor.copy_lba(kind).is_none() {
        return None;
    }
    match Structure::read(disk, anchor, kind) {
        Ok(structure) => {
            let Verdict { usable, sound } = structure.verify(anchor, tell);
            usable.then_some(Candidate { structure, sound })
        }
        Err(error) => {
            tell(error.finding(kind));
            None
        }
    }
}

fn tell_anchor(
    disk: DiskBytes<'_>,
    place: AnchorPlace,
    anchor: &HeaderBlock<'_>,
    tell: &mut dyn FnMut(Finding),
) {
    let flaw = |fault: Fault| Finding { copy: "anchor", at: Some(anchor.at), ..fault.on(None) };
    match (anchor.crc, disk.block(anchor.at)) {
        (None, Some(block)) => tell(crc_flaw(flaw(Fault::AnchorCrc), anchor.order, block)),
        (Some(HeaderCrc { struct_only: true, .. }), _) => {
            let (found, expected) = over_struct(disk);
            tell(Finding { found, expected, ..flaw(Fault::CrcOverStruct) });
        }
        _ => {}
    }
    if anchor.header.header_type() != HeaderType::Anchor {
        let found = Some(anchor.header.header_type.into());
        tell(Finding { found, expected: Some(0), ..flaw(Fault::AnchorType) });
    }
    let elsewhere = match place {
        AnchorPlace::LastBlock => None,
        AnchorPlace::Adaptec => Some(Fault::AnchorPlace),
        AnchorPlace::Searched => Some(Fault::AnchorSearched),
    };
    if let Some(fault) = elsewhere {
        let expected = AnchorPlace::LastBlock.lba(disk.shape()).map(|lba| lba.0);
        tell(Finding { found: Some(anchor.at.0), expected, ..flaw(fault) });
    }
    if anchor.order == ByteOrder::Little {
        let found = Some(anchor.header.signature.get(ByteOrder::Big).into());
        let expected = Some(DdfHeader::SIGNATURE.into());
        tell(Finding { found, expected, ..flaw(Fault::LittleEndian) });
    }
}

/// Bytes that the CRC of a header on larger blocks covers, and bytes that it should.
pub(crate) fn over_struct(disk: DiskBytes<'_>) -> (Option<u64>, Option<u64>) {
    (u64::try_from(size_of::<DdfHeader>()).ok(), Some(disk.shape().block_size.into()))
}

/// Tells how the copies of one disk differ.
fn compare(primary: &Candidate<'_>, secondary: &Candidate<'_>, tell: &mut dyn FnMut(Finding)) {
    let (first, second) = (&primary.structure, &secondary.structure);
    let flaw = |fault: Fault| Finding {
        copy: second.kind().header_name(),
        at: Some(second.at()),
        found: Some(second.stored_sequence().into()),
        expected: Some(first.stored_sequence().into()),
        ..fault.on(None)
    };
    let apart = match (first.sequence(), second.sequence()) {
        (Some(first), Some(second)) => {
            updates_between(first, second).max(updates_between(second, first))
        }
        (None, None) => 0,
        _ => u32::MAX,
    };
    // What an interrupted commit of this library leaves, whatever the other number is.
    let interrupted = |copy: &Structure<'_>| {
        copy.is_open() && copy.stored_sequence() == crate::commit::OPEN_SEQUENCE
    };
    let apart = if apart != 0 && (interrupted(first) != interrupted(second)) { 1 } else { apart };
    match apart {
        0 => {}
        1 => tell(flaw(Fault::CopiesOneApart)),
        _ => tell(flaw(Fault::CopiesApart)),
    }
    if apart != 0 || first.is_open() || second.is_open() {
        return;
    }
    for section in Section::REQUIRED {
        if section != Section::ConfigurationRecords {
            let (mine, theirs) = (first.section(section), second.section(section));
            let at = second.section_lba(section);
            tell_difference(section.name(), at, mine, theirs, primary, secondary, tell);
        }
    }
    // Slots that are unused in both may differ: what is left in them means nothing.
    let used = |slot: &RecordSlot<'_>| !matches!(slot.record, ConfigurationRecord::Unused);
    for (mine, theirs) in first.records().zip(second.records()) {
        if used(&mine) || used(&theirs) {
            let name = Section::ConfigurationRecords.name();
            let at = Some(theirs.at);
            tell_difference(
                name,
                at,
                Some(mine.bytes),
                Some(theirs.bytes),
                primary,
                secondary,
                tell,
            );
        }
    }
}

/// Tells when a part of the copies differs. Parts whose CRC was found right are compared by it.
fn tell_difference(
    copy: &'static str,
    at: Option<Lba>,
    first: Option<&[u8]>,
    second: Option<&[u8]>,
    primary: &Candidate<'_>,
    secondary: &Candidate<'_>,
    tell: &mut dyn FnMut(Finding),
) {
    let order = primary.structure.order();
    let crc = |bytes: Option<&[u8]>| bytes.and_then(|bytes| stored_crc(order, bytes));
    let same = if primary.sound && secondary.sound {
        // Signature and CRC, and the length by way of the CRC.
        first.and_then(|bytes| bytes.first_chunk::<8>())
            == second.and_then(|bytes| bytes.first_chunk::<8>())
    } else {
        first == second
    };
    if !same {
        let (found, expected) = (crc(second).map(u64::from), crc(first).map(u64::from));
        tell(Finding { copy, at, found, expected, ..Fault::CopiesDiffer.on(None) });
    }
}

/// Tells when another than the closed primary copy is used.
fn tell_used(used: &Structure<'_>, tell: &mut dyn FnMut(Finding)) {
    let flaw = |fault: Fault| Finding {
        copy: used.kind().header_name(),
        at: Some(used.at()),
        ..fault.on(None)
    };
    if used.kind() == CopyKind::Secondary {
        let byte = |kind: CopyKind| Some(kind.header_type().to_byte().into());
        let (found, expected) = (byte(used.kind()), byte(CopyKind::Primary));
        tell(Finding { found, expected, ..flaw(Fault::UsedSecondary) });
    }
    if used.is_open() {
        let found = Some(used.header().open_flag.into());
        tell(Finding { found, expected: Some(0), ..flaw(Fault::UsedOpen) });
    }
}
