// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sees that another program has written a disk since it was read, before a commit writes over it.
//!
//! | run, one block each | another update, if on the disk |
//! |---|---|
//! | anchor | no header, another configuration, other places of the copies |
//! | header of each copy | the same; another update counter; a copy that was closed is open; where no counter is kept, another time |
//! | first block of the physical and of the virtual disk records | another signature, another CRC |
//! | first block of each configuration record, of the first 16 | another volume, another number of the record |
//!
//! Sections are those of the copy that a commit takes its bytes from: they are on the disk as the
//! buffer has them, whether they were read or committed. Older versions of mdadm change the records
//! and do not count the update, and graid counts none: so the records are looked at as well.
//!
//! Not looked at is what firmware may touch without an update: reserved and vendor's bytes of headers
//! and configuration records, this disk's own data, logs and workspace. A header whose CRC is wrong is
//! damage, which the commit mends.

use crate::commit::source;
use crate::disk_bytes::DiskBytes;
use crate::header::{DdfHeader, OpenState, Section};
use crate::integer::{ByteOrder, U32};
use crate::locate::{CopyKind, HeaderBlock, anchor};
use crate::record::Record;
use crate::structure::ConfigurationRecord;
use crate::update::copies::{Copies, block};
use crate::vd_configuration::VdConfiguration;
use raid_core::metadata::{DiskView, MovedOn, Piece};
use raid_core::units::{Extent, Lba};
use zerocopy::FromBytes;

/// Most configuration records that are looked at.
const MAX_RECORDS: usize = 16;

/// What stands in a run.
#[derive(Clone, Copy)]
enum Part {
    Anchor,
    Header,
    Records(Section),
    Configuration,
}

/// The `index`-th run to read again, and what stands there.
fn run(disk: DiskBytes<'_>, index: usize) -> Option<(Part, Lba)> {
    let (_, anchor) = anchor(disk)?;
    let copies = Copies::recall(disk, source(disk)?, false)?;
    let headers = CopyKind::ALL.into_iter().filter_map(|kind| copies.at(kind));
    let records = [Section::PhysicalDiskRecords, Section::VirtualDiskRecords].into_iter();
    let records = records.filter_map(|section| {
        Some((Part::Records(section), copies.extent(copies.chosen, section)?.start))
    });
    let slots = copies.structure(disk).into_iter().flat_map(|structure| structure.records());
    let used = |record| matches!(record, ConfigurationRecord::VirtualDisk(_));
    let slots = slots.filter(|slot| used(slot.record)).take(MAX_RECORDS);
    [(Part::Anchor, anchor.at)]
        .into_iter()
        .chain(headers.map(|at| (Part::Header, at)))
        .chain(records)
        .chain(slots.map(|slot| (Part::Configuration, slot.at)))
        .nth(index)
}

/// The `index`-th run to read again before a commit.
pub(crate) fn guard(disk: DiskBytes<'_>, index: usize) -> Option<Extent> {
    run(disk, index).map(|(_, at)| block(at))
}

/// How `found` differs from what the `index`-th run held, if another program wrote it.
pub(crate) fn moved_on(disk: DiskBytes<'_>, index: usize, found: &[u8]) -> Option<MovedOn> {
    let (part, at) = run(disk, index)?;
    let copies = Copies::recall(disk, source(disk)?, false)?;
    let held = disk.block(at).unwrap_or_default();
    if found.is_empty() || held == found {
        return None;
    }
    let moved = |what, found, expected| Some(MovedOn { at, what, found, expected });
    let order = copies.order;
    match part {
        Part::Anchor | Part::Header => {
            let shape = disk.shape();
            let piece = [Piece { at, bytes: found }];
            let now = HeaderBlock::read(DiskBytes::View(DiskView { shape, pieces: &piece }), at);
            let before = HeaderBlock::read(disk, at);
            let Some(now) = now.filter(|now| now.order == order) else {
                before?;
                let signature = u64::from(word(order, found, 0));
                return moved("signature of the header", signature, DdfHeader::SIGNATURE.into());
            };
            now.crc?;
            let before = before.filter(|before| before.crc.is_some());
            let before = before.map_or(&copies.header, |before| before.header);
            let (what, found, expected) = match part {
                Part::Anchor => compare_places(order, now.header, before),
                // Every commit writes both copies, so where they were not alike this one is what the
                // good one was.
                _ if compare_headers(order, now.header, &copies.header).is_none() => None,
                _ => compare_headers(order, now.header, before),
            }?;
            moved(what, found, expected)
        }
        Part::Records(section) => {
            let different = |at| {
                let (found, expected) = (word(order, found, at), word(order, held, at));
                (found != expected).then_some((u64::from(found), u64::from(expected)))
            };
            let (found, expected) = different(0).or_else(|| different(4))?;
            moved(section.name(), found, expected)
        }
        Part::Configuration => {
            let what = "configuration record";
            let (now, before) = (VdConfiguration::view(found)?, VdConfiguration::view(held)?);
            if now.signature != before.signature {
                let (found, expected) = (now.signature.get(order), before.signature.get(order));
                return moved(what, found.into(), expected.into());
            }
            if now.vd_guid != before.vd_guid {
                let (found, expected) = now.vd_guid.difference(&before.vd_guid);
                return moved(what, found, expected);
            }
            let number = |record: &VdConfiguration| record.sequence_number.get(order).into();
            let (found, expected) = (number(now), number(before));
            (found != expected).then_some(MovedOn { at, what, found, expected })
        }
    }
}

/// The number of 32 bits at `at`; 0 past the end.
fn word(order: ByteOrder, bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..).and_then(|bytes| U32::ref_from_prefix(bytes).ok());
    word.map_or(0, |(word, _)| word.get(order))
}

type Difference = Option<(&'static str, u64, u64)>;

/// How two headers differ in the configuration that they name, and where its copies are.
fn compare_places(order: ByteOrder, now: &DdfHeader, before: &DdfHeader) -> Difference {
    if now.ddf_header_guid != before.ddf_header_guid {
        let (found, expected) = now.ddf_header_guid.difference(&before.ddf_header_guid);
        return Some(("GUID of the configuration", found, expected));
    }
    let places = |header: &DdfHeader| {
        [header.primary_header_lba.get(order), header.secondary_header_lba.get(order)]
    };
    let mut pairs = places(now).into_iter().zip(places(before));
    let (found, expected) = pairs.find(|(now, before)| now != before)?;
    Some(("place of a copy", found, expected))
}

/// How two headers of one copy differ as after another update.
fn compare_headers(order: ByteOrder, now: &DdfHeader, before: &DdfHeader) -> Difference {
    let number = |header: &DdfHeader| u64::from(header.sequence_number.get(order));
    let time = |header: &DdfHeader| u64::from(header.timestamp.get(order));
    let open = |header: &DdfHeader| header.open_state() == OpenState::Open;
    let kept = before.sequence_number.present(order).is_some();
    let differ = |what, found, expected| (found != expected).then_some((what, found, expected));
    let sections = || {
        let pairs = || now.sections.iter().zip(&before.sections);
        let (now, before) = pairs().find(|(now, before)| now != before)?;
        let address = |address: &crate::header::SectionAddress| {
            u64::from(address.offset.get(order)) << 32 | u64::from(address.length.get(order))
        };
        Some(("place of a section", address(now), address(before)))
    };
    // In a buffer the secondary copy may be marked open although the commit closed it.
    let opened = || {
        let flags = (now.open_flag.into(), before.open_flag.into());
        (open(now) && !open(before)).then_some(("open flag of the header", flags.0, flags.1))
    };
    compare_places(order, now, before)
        .or_else(|| differ("update counter of the header", number(now), number(before)))
        .or_else(opened)
        .or_else(|| if kept { None } else { differ("time of the header", time(now), time(before)) })
        .or_else(sections)
}
