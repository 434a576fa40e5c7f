// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which copy of a disk's structure to use.
//!
//! | | mdadm (`ddf.md` 6.3) | here |
//! |---|---|---|
//! | a copy with damaged sections | used | only if there is no sound one |
//! | an open copy, newer than a closed one | used | only if the closed one is not sound |
//! | both closed and sound | higher sequence number, else primary | the same |

use crate::disk_bytes::DiskBytes;
use crate::finding::Fault;
use crate::header::{HeaderType, Section};
use crate::integer::ByteOrder;
use crate::locate::{AnchorPlace, CopyKind, HeaderBlock, HeaderCrc, anchor};
use crate::structure::{Structure, Verdict, crc_flaw};
use raid_core::metadata::Finding;

/// The copy of a disk's structure that is used. Small, so that many can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    pub(crate) place: AnchorPlace,
    pub(crate) kind: CopyKind,
    pub(crate) order: ByteOrder,
    pub(crate) crc: HeaderCrc,
    pub(crate) sound: bool,
}

/// A copy that can be used.
struct Candidate<'a> {
    structure: Structure<'a>,
    sound: bool,
}

/// Judges both copies of a disk, tells what is wrong, and chooses. `None`: no DDF disk, or none of
/// the copies can be used.
pub(crate) fn choose(disk: DiskBytes<'_>, tell: &mut dyn FnMut(Finding)) -> Option<Choice> {
    let (place, anchor) = anchor(disk)?;
    tell_anchor(disk, place, &anchor, tell);
    let [primary, secondary] = CopyKind::ALL.map(|kind| candidate(disk, &anchor, kind, tell));
    if let (Some(primary), Some(secondary)) = (&primary, &secondary) {
        compare(primary, secondary, tell);
    }
    let rank = |candidate: &Candidate<'_>| {
        let Candidate { structure, sound } = candidate;
        // Later wins among equals, so the primary comes last.
        (*sound, !structure.is_open(), structure.sequence())
    };
    let Some(best) = [secondary, primary].into_iter().flatten().max_by_key(rank) else {
        tell(Finding { copy: "anchor", at: Some(anchor.at), ..Fault::NoUsableCopy.on(None) });
        return None;
    };
    let used = best.structure;
    let revision = used.header().revision();
    if !matches!(revision.major(), Some(1 | 2)) {
        let found = Some(u64::from_be_bytes(revision.0));
        let copy = used.kind().header_name();
        tell(Finding { copy, at: Some(used.at()), found, ..Fault::Revision.on(None) });
        return None;
    }
    tell_used(&used, tell);
    let (kind, order, crc) = (used.kind(), used.order(), used.header_crc());
    Some(Choice { place, kind, order, crc, sound: best.sound })
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
        (Some(HeaderCrc { struct_only: true, .. }), _) => tell(flaw(Fault::CrcOverStruct)),
        _ => {}
    }
    if anchor.header.header_type() != HeaderType::Anchor {
        let found = Some(anchor.header.header_type.into());
        tell(Finding { found, expected: Some(0), ..flaw(Fault::AnchorType) });
    }
    if place == AnchorPlace::Adaptec {
        tell(flaw(Fault::AnchorPlace));
    }
    if anchor.order == ByteOrder::Little {
        tell(flaw(Fault::LittleEndian));
    }
}

/// Tells how the copies of one disk differ.
fn compare(primary: &Candidate<'_>, secondary: &Candidate<'_>, tell: &mut dyn FnMut(Finding)) {
    let (first, second) = (&primary.structure, &secondary.structure);
    let flaw = |fault: Fault| Finding {
        copy: second.kind().header_name(),
        at: Some(second.at()),
        found: second.sequence().map(u64::from),
        expected: first.sequence().map(u64::from),
        ..fault.on(None)
    };
    let apart = match (first.sequence(), second.sequence()) {
        (Some(first), Some(second)) => first.abs_diff(second),
        (None, None) => 0,
        _ => u32::MAX,
    };
    match apart {
        0 => {}
        1 => tell(flaw(Fault::CopiesOneApart)),
        _ => tell(flaw(Fault::CopiesApart)),
    }
    if apart != 0 || first.is_open() || second.is_open() {
        return;
    }
    for section in Section::REQUIRED {
        if first.section(section) != second.section(section) {
            let at = second.section_extent(section).map(|extent| extent.start);
            tell(Finding { copy: section.name(), at, ..Fault::CopiesDiffer.on(None) });
        }
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
        tell(flaw(Fault::UsedSecondary));
    }
    if used.is_open() {
        let found = Some(used.header().open_flag.into());
        tell(Finding { found, ..flaw(Fault::UsedOpen) });
    }
}
