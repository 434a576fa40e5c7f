// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one disk is by its own metadata, and what is wrong with that.

use super::{array_id, line_at, member_id, raw_fields};
use crate::build::table_extent;
use crate::finding::{self, Place};
use crate::locate::{Found, Located, TableCopy, TableFault, Trace, locate};
use crate::tree::Node;
use crate::update::survey::unused_at;
use crate::{
    Checksum, ChecksumVerdict, ConfigurationLine, OwnLine, RaidTable, RaidType, Record,
    RecordError, Table, TableHeader, Tree, Worth,
};
use raid_core::array::ArrayId;
use raid_core::metadata::{DiskBytes, DiskDescriptor, DiskRole, Disks, Inventory};
use raid_core::units::{Blocks, Lba};

/// A disk that is a member of an array by its own table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member<'a> {
    /// Index among the disks given.
    pub(crate) disk: usize,
    pub(crate) drivemagic: u32,
    pub(crate) table_at: Lba,
    pub(crate) table: Table<'a>,
    pub(crate) tree: Tree<'a>,
    /// Index of its own line.
    pub(crate) own: usize,
}

impl Member<'_> {
    /// `raidmagic` of the array at the top.
    pub(crate) fn array(&self) -> u32 {
        self.tree.top().raidmagic.get()
    }

    /// What the checksum of its copy says.
    pub(crate) fn checksum(&self) -> ChecksumVerdict {
        self.table.checksum().verdict(self.table.header().rversion.get())
    }
}

/// What a disk with a right reserved block is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Standing<'a> {
    /// A member of an array.
    Member(Member<'a>),
    /// A spare; `for_array` is the array it is tied to.
    Spare { line: &'a ConfigurationLine, own: usize, for_array: Option<u32> },
    /// In no set: its table has no lines.
    Unused,
    /// No usable table.
    NoTable(TableFault),
    /// It has no identity.
    NoDrivemagic,
    /// Its own table does not name it.
    NotListed,
    /// Its own table names it more than once.
    ListedTwice { first: usize, last: usize },
    /// Its line stands in no array.
    InNoArray { own: usize },
}

/// The disks at hand with this identity.
pub(crate) fn holders(
    disks: &dyn Disks,
    drivemagic: u32,
) -> impl Iterator<Item = (usize, Found<'_>)> {
    (0..disks.count()).filter_map(move |index| match locate(disks.disk(index)?) {
        Located::Found(found) if found.identity.drivemagic() == Some(drivemagic) => {
            Some((index, found))
        }
        _ => None,
    })
}

/// Whether a disk at hand says that the array of `member` was deleted after `member` was written.
pub(crate) fn was_deleted(disks: &dyn Disks, member: &Member<'_>) -> bool {
    let stamp = member.table.header().timestamp.get();
    (0..disks.count()).any(|index| {
        let Some((view, Located::Found(found))) = disks.disk(index).map(|d| (d, locate(d))) else {
            return false;
        };
        // An empty table that names an array is a note of ours; see `update/delete.rs`.
        let header = unused_at(&found)
            .and_then(|at| view.get(table_extent(at)))
            .and_then(RaidTable::view)
            .map(|table| &table.header);
        header.is_some_and(|header| {
            header.raidmagic.get() == member.array() && header.timestamp.get() > stamp
        })
    })
}

/// The array whose newest table names a disk that does not carry that table yet: a change that was
/// cut short, or a spare that is taken.
fn claimant(disks: &dyn Disks, drivemagic: u32) -> Option<u32> {
    (0..disks.count()).find_map(|index| {
        let names = |member: &Member<'_>| {
            let mut lines = member.tree.disks().map(|(_, line)| line);
            lines.any(|line| {
                line.raidmagic.get() == drivemagic && line.disk_state().worth() != Worth::Nothing
            })
        };
        let member = super::member_at(disks, index).filter(names)?;
        let newest = super::Newest::choose(disks, member.array())?.member;
        (names(&newest) && !was_deleted(disks, &newest)).then_some(newest.array())
    })
}

/// Says what a disk is.
pub(crate) fn standing<'a>(disk: usize, found: &Found<'a>) -> Standing<'a> {
    let TableCopy { at, table } = match found.table {
        Ok(copy) => copy,
        Err(TableFault::Record { error: RecordError::LineCount { found: 0, .. }, .. }) => {
            return Standing::Unused;
        }
        Err(fault) => return Standing::NoTable(fault),
    };
    let Some(drivemagic) = found.identity.drivemagic() else { return Standing::NoDrivemagic };
    let own = match table.own_line(drivemagic) {
        OwnLine::None => return Standing::NotListed,
        OwnLine::Several { first, last } => return Standing::ListedTwice { first, last },
        OwnLine::One(own) => own,
    };
    let tree = table.array_of(own);
    if let Some(line) = table.lines().get(own)
        && line.raid_type() == RaidType::Spare
    {
        return Standing::Spare { line, own, for_array: spare_of(table, tree) };
    }
    match tree {
        Some(tree)
            if tree.disks().any(|(index, _)| index == own)
                && tree.top().raid_type() != RaidType::Spare =>
        {
            Standing::Member(Member { disk, drivemagic, table_at: at, table, tree, own })
        }
        _ => Standing::InNoArray { own },
    }
}

/// The array that a spare is tied to (`asr.md` 3.7; unverified in practice).
fn spare_of(table: Table<'_>, tree: Option<Tree<'_>>) -> Option<u32> {
    match tree {
        Some(tree) if tree.top().raid_type() != RaidType::Spare => Some(tree.top().raidmagic.get()),
        _ => Some(table.header().raidmagic.get())
            .filter(|magic| *magic != 0 && *magic != TableHeader::ANY_ARRAY),
    }
}

/// Reports one disk.
pub(crate) fn report(disks: &dyn Disks, disk: usize, into: &mut dyn Inventory) {
    let Some(view) = disks.disk(disk) else { return };
    match locate(view) {
        Located::Absent => {}
        // Without its last block, nothing says that the disk carries the format.
        Located::Unread(extent) if extent.end() == Some(Lba(view.shape().blocks.0)) => {}
        Located::Unread(extent) => {
            let place = Place {
                disk: Some(disk),
                copy: "metadata",
                at: Some(extent.start),
                ..Place::default()
            };
            into.finding(&place.finding(finding::UNREAD, extent.len.0));
        }
        Located::Trace(trace) => report_trace(disk, view, trace, into),
        Located::Found(found) => report_found(disks, disk, &found, into),
    }
}

fn report_trace(disk: usize, view: DiskBytes<'_>, trace: Trace<'_>, into: &mut dyn Inventory) {
    let place = |copy, at| Place { disk: Some(disk), array: None, copy, at: Some(at) };
    match trace {
        Trace::BlockSize { at } => into.finding(&place("reserved block", at).mismatch(
            finding::BLOCK_SIZE,
            view.shape().block_size,
            crate::locate::BLOCK_SIZE,
        )),
        Trace::ReservedBlock { at, record, error } => {
            let (found, expected) = error.values();
            into.finding(&raid_core::metadata::Finding {
                what: error.field(),
                ..place("reserved block", at).mismatch(finding::RESERVED_BLOCK, found, expected)
            });
            raw_fields::reserved_block(disk, record, into);
        }
        Trace::ReservedBlockUnreadable { at, table_at } => into.finding(
            &place("reserved block", at).finding(finding::RESERVED_BLOCK_UNREADABLE, table_at.0),
        ),
    }
}

fn report_found(disks: &dyn Disks, disk: usize, found: &Found<'_>, into: &mut dyn Inventory) {
    let standing = standing(disk, found);
    into.disk(&descriptor(disks, disk, found, &standing));
    raw_fields::reserved_block(disk, found.identity.record(), into);
    report_pointer(disk, found, into);
    if let Ok(copy) = found.table {
        raw_fields::header(disk, copy.table.header(), into);
        report_table(disk, copy, &standing, into);
    }
    report_standing(disk, found, &standing, into);
    if let Standing::Member(member) = standing {
        report_spare_of_member(disks, &member, into);
    }
}

fn descriptor(
    disks: &dyn Disks,
    disk: usize,
    found: &Found<'_>,
    standing: &Standing<'_>,
) -> DiskDescriptor {
    let claimed = match standing {
        Standing::Spare { .. } | Standing::Unused => {
            found.identity.drivemagic().and_then(|own| claimant(disks, own))
        }
        _ => None,
    };
    let claim = |array| (DiskRole::Member, array_id(array), None);
    let (role, configuration, sequence) = claimed.map(claim).unwrap_or_else(|| match standing {
        Standing::Member(member) => {
            let top = member.tree.top();
            (DiskRole::Member, array_id(member.array()), Some(u64::from(top.raidseq.get())))
        }
        Standing::Spare { line, for_array, .. } => {
            let usable = line.disk_state().worth() == Worth::Holds;
            let role = match (usable, for_array) {
                (false, _) => DiskRole::Failed,
                (true, None) => DiskRole::GlobalSpare,
                (true, Some(_)) => DiskRole::DedicatedSpare,
            };
            let id = for_array.map_or(ArrayId::ANY, array_id);
            (role, id, Some(u64::from(line.raidseq.get())))
        }
        Standing::Unused => (DiskRole::Unused, array_id(0), None),
        Standing::NoTable(_) => (DiskRole::NoTable, array_id(0), None),
        Standing::NoDrivemagic => (DiskRole::NoIdentity, array_id(0), None),
        Standing::NotListed => (DiskRole::NotInOwnTable, table_id(found), None),
        Standing::ListedTwice { .. } => (DiskRole::TwiceInOwnTable, table_id(found), None),
        Standing::InNoArray { .. } => (DiskRole::InNoArray, table_id(found), None),
    });
    let usable = found.table.map_or(found.at, |copy| copy.at);
    DiskDescriptor {
        disk,
        configuration,
        id: member_id(found.identity.record().drivemagic.get()),
        sequence,
        role,
        usable: Blocks(usable.0),
    }
}

/// The identity of a table that belongs to no known array of this disk: its first line's.
fn table_id(found: &Found<'_>) -> ArrayId {
    let first = found.table.ok().and_then(|copy| copy.table.lines().first());
    array_id(first.map_or(0, |line| line.raidmagic.get()))
}

fn report_pointer(disk: usize, found: &Found<'_>, into: &mut dyn Inventory) {
    let Some(fault) = found.pointer_fault else { return };
    let place = Place { disk: Some(disk), copy: "reserved block", at: Some(found.at), array: None };
    into.finding(&match fault {
        TableFault::Record { error: error @ RecordError::TablePointer { .. }, .. } => {
            let (found, expected) = error.values();
            place.mismatch(finding::TABLE_POINTER, found, expected)
        }
        TableFault::Record { .. } | TableFault::Unreadable { .. } => {
            place.finding(finding::TABLE_NOT_AT_POINTER, found.identity.record().raidtbl.get())
        }
    });
}

fn report_table(disk: usize, copy: TableCopy<'_>, own: &Standing<'_>, into: &mut dyn Inventory) {
    let header = Place { disk: Some(disk), copy: "table header", at: Some(copy.at), array: None };
    let sum @ Checksum { stored, computed } = copy.table.checksum();
    match sum.verdict(copy.table.header().rversion.get()) {
        ChecksumVerdict::Good => {}
        ChecksumVerdict::NotMaintained => {
            into.finding(&header.mismatch(finding::CHECKSUM_NOT_MAINTAINED, stored, computed));
        }
        ChecksumVerdict::Suspect => {
            into.finding(&header.mismatch(finding::CHECKSUM_SUSPECT, stored, computed));
        }
    }
    let version = copy.table.header().rversion.get();
    if version != TableHeader::VERSION_2 {
        let known = TableHeader::VERSION_2;
        into.finding(&header.mismatch(finding::TABLE_VERSION, version, known));
    }
    let own = match own {
        Standing::Member(member) => Some(member.own),
        Standing::Spare { own, .. } | Standing::InNoArray { own } => Some(*own),
        _ => None,
    };
    for node in copy.table.nodes() {
        let (kind, index) = match node {
            Node::Array(tree) if own.is_none_or(|own| tree.holds(own)) => continue,
            Node::Array(tree) => (finding::OTHER_ARRAY, tree.index()),
            Node::Stray(index) => (finding::STRAY_LINE, index),
        };
        let Some(line) = copy.table.lines().get(index) else { continue };
        let at = Some(line_at(copy.at, index));
        let place = Place { copy: "configuration line", at, ..header };
        into.finding(&place.finding(kind, line.raidmagic.get()));
    }
}

fn report_standing(
    disk: usize,
    found: &Found<'_>,
    standing: &Standing<'_>,
    into: &mut dyn Inventory,
) {
    let drivemagic = found.identity.record().drivemagic.get();
    let reserved =
        Place { disk: Some(disk), copy: "reserved block", at: Some(found.at), array: None };
    let table_at = found.table.map_or(found.at, |copy| copy.at);
    let line = |index| Place {
        copy: "configuration line",
        at: Some(line_at(table_at, index)),
        ..reserved
    };
    let number = |index: usize| u64::try_from(index).unwrap_or(u64::MAX);
    match *standing {
        Standing::Member(_) | Standing::Unused => {}
        Standing::Spare { line: spare, own, .. } => {
            if spare.disk_state().worth() != Worth::Holds {
                into.finding(&line(own).finding(finding::SPARE_STATE, spare.raidstate));
            }
        }
        Standing::NoTable(TableFault::Unreadable { at }) => {
            let place = Place { copy: "RAID table", at: Some(at), ..reserved };
            into.finding(&raid_core::metadata::Finding {
                found: None,
                ..place.finding(finding::TABLE, 0u8)
            });
        }
        Standing::NoTable(TableFault::Record { at, error }) => {
            let (found, expected) = error.values();
            let place = Place { copy: "RAID table", at: Some(at), ..reserved };
            into.finding(&raid_core::metadata::Finding {
                what: error.field(),
                ..place.mismatch(finding::TABLE, found, expected)
            });
        }
        Standing::NoDrivemagic => {
            into.finding(&reserved.finding(finding::NO_DRIVEMAGIC, drivemagic));
        }
        Standing::NotListed => into.finding(&reserved.finding(finding::NOT_LISTED, drivemagic)),
        Standing::ListedTwice { first, last } => {
            into.finding(&line(first).mismatch(finding::LISTED_TWICE, number(first), number(last)));
        }
        Standing::InNoArray { own } => {
            into.finding(&line(own).finding(finding::IN_NO_ARRAY, drivemagic));
        }
    }
}

/// A member's header may name a spare of its own: says so if that disk is not at hand.
fn report_spare_of_member(disks: &dyn Disks, member: &Member<'_>, into: &mut dyn Inventory) {
    let spare = member.table.header().sparedrivemagic.get();
    if spare == 0 || spare == TableHeader::ANY_ARRAY {
        return;
    }
    if holders(disks, spare).next().is_none() {
        let place = Place {
            disk: Some(member.disk),
            array: Some(array_id(member.array())),
            copy: "table header",
            at: Some(member.table_at),
        };
        into.finding(&place.finding(finding::SPARE_ABSENT, spare));
    }
}
