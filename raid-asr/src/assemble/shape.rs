// SPDX-License-Identifier: MIT OR Apache-2.0
//! An array's lines → its geometry and size, and every reason to refuse them (`asr.md` 3).
//!
//! | top line | arrays below | becomes |
//! |---|---|---|
//! | RAID 0, RAID 1 | – | one set |
//! | RAID 0 | RAID 1 | striped mirrors |
//! | RAID 1 | RAID 0 | mirrored stripes |
//! | RAID 1 | RAID 1 | mirrors of the same data |
//!
//! The stripe unit is the disk lines' `strpsize`; the array line's is the full stripe.

use super::{Member, Report};
use crate::finding;
use crate::order::first_conflict;
use crate::{
    ConfigurationLine, LineCount, MemberOrder, RaidType, ReservedBlock, Set, Tree, TreeLevel,
};
use raid_core::array::{Geometry, Level, Place, Placement, QNumbering, Secondary};
use raid_core::metadata::FindingKind;
use raid_core::units::{Blocks, Slot};

/// Geometry and size of an array.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) geometry: Geometry,
    /// Size the host sees.
    pub(crate) size: Blocks,
}

/// The member lines with their places: sets and slots in this order.
pub(crate) fn places<'a>(
    tree: &Tree<'a>,
    order: MemberOrder,
) -> impl Iterator<Item = (Place, usize, &'a ConfigurationLine)> + use<'a> {
    (0u16..).zip(order.sets(tree)).flat_map(move |(set, lines)| {
        (0u8..)
            .zip(order.disks(lines))
            .map(move |(slot, (index, line))| (Place { set, slot: Slot(slot) }, index, line))
    })
}

/// The levels of an array, and whether data is spread over members or sets in stripes.
#[derive(Clone, Copy)]
struct Levels {
    level: Level,
    secondary: Secondary,
}

impl Levels {
    fn is_striped(self) -> bool {
        self.level != Level::Raid1 && self.level != Level::Single
            || self.secondary == Secondary::Striped
    }
}

impl Shape {
    /// The shape that the lines of this copy describe; `None` if they describe none at all. What is
    /// wrong goes to `report`.
    pub(crate) fn of(member: &Member<'_>, report: &mut Report<'_>) -> Option<Self> {
        let tree = &member.tree;
        check_counts(member, report);
        check_repeats(member, report);
        check_offsets(member, report);
        let levels = levels(member, report)?;
        check_order(member, levels, report);
        let first = tree.sets().next()?;
        let slots = u16::try_from(first.disks().count()).ok().filter(|slots| *slots > 0)?;
        let sets = u16::try_from(tree.sets().count()).ok()?;
        let strip = strip(member, levels, report)?;
        let member_blocks = member_blocks(member, strip, report)?;
        let size = size(member, levels, member_blocks, strip, report)?;
        let geometry = Geometry {
            level: levels.level,
            placement: Placement::Fixed,
            slots,
            strip: Blocks(strip),
            member_blocks: Blocks(member_blocks),
            secondary: levels.secondary,
            sets,
            q_numbering: QNumbering::default(),
            parities: 0,
            rotate_shift: 0,
            block_size: crate::locate::BLOCK_SIZE,
        };
        Some(Self { geometry, size: Blocks(size) })
    }

    /// Whether the data outlives a member.
    pub(crate) fn is_redundant(&self) -> bool {
        self.geometry.level == Level::Raid1 || self.geometry.secondary == Secondary::Mirrored
    }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn mismatch(
    report: &mut Report<'_>,
    member: &Member<'_>,
    index: usize,
    kind: FindingKind,
    found: impl Into<u64>,
    expected: impl Into<u64>,
) {
    report.tell(report.line(member, index).mismatch(kind, found, expected));
}

fn check_counts(member: &Member<'_>, report: &mut Report<'_>) {
    let LineCount { found, promised } = member.tree.set_count();
    if found != promised {
        let index = member.tree.index();
        mismatch(report, member, index, finding::SET_COUNT, number(found), number(promised));
    }
    for set in member.tree.sets() {
        let LineCount { found, promised } = set.disk_count();
        if found != promised {
            let index = set.index();
            mismatch(report, member, index, finding::DISK_COUNT, number(found), number(promised));
        }
    }
}

fn check_repeats(member: &Member<'_>, report: &mut Report<'_>) {
    let named = |line: &ConfigurationLine| line.raidmagic.get();
    for (index, line) in member.tree.disks() {
        let before = member.tree.disks().take_while(|(earlier, _)| *earlier < index);
        let none = named(line) == ReservedBlock::NO_DRIVEMAGIC;
        if !none && before.map(|(_, line)| named(line)).any(|magic| magic == named(line)) {
            let place = report.line(member, index);
            report.tell(place.finding(finding::REPEATED_DISK, named(line)));
        }
    }
    let own = member.array();
    let same = member.table.arrays().filter(|tree| named(tree.top()) == own);
    if let Some(second) = same.into_iter().nth(1) {
        let place = report.line(member, second.index());
        report.tell(place.finding(finding::REPEATED_ARRAY, own));
    }
}

fn check_offsets(member: &Member<'_>, report: &mut Report<'_>) {
    for (index, line) in (member.tree.index()..).zip(member.tree.lines()) {
        if line.loffset.get() != 0 {
            let disk = line.level() == TreeLevel::Fwp;
            let kind = if disk { finding::OFFSET } else { finding::ARRAY_OFFSET };
            let place = report.line(member, index);
            report.tell(place.finding(kind, line.loffset.get()));
        }
    }
}

/// The level of an array of disks; `None` where not even its kind is known.
fn level_of(raid_type: RaidType) -> Option<Level> {
    match raid_type {
        RaidType::Raid0 => Some(Level::Raid0),
        RaidType::Raid1 => Some(Level::Raid1),
        RaidType::Raid3 => Some(Level::Raid3),
        RaidType::Raid4 => Some(Level::Raid4),
        RaidType::Raid5 => Some(Level::Raid5),
        RaidType::Redirect => Some(Level::Single),
        RaidType::Spare | RaidType::Other(_) => None,
    }
}

fn levels(member: &Member<'_>, report: &mut Report<'_>) -> Option<Levels> {
    let tree = &member.tree;
    let first = tree.sets().next()?;
    let below = first.line();
    for set in tree.sets() {
        check_types(member, &set, report);
        let differs =
            set.line().raidtype != below.raidtype || set.disks().count() != first.disks().count();
        if differs {
            let (found, expected) = (set.line().raidtype, below.raidtype);
            mismatch(report, member, set.index(), finding::UNEQUAL_SETS, found, expected);
        }
    }
    if !matches!(below.raid_type(), RaidType::Raid0 | RaidType::Raid1) {
        let place = report.line(member, first.index());
        report.tell(place.finding(finding::RAID_TYPE, below.raidtype));
    }
    let level = level_of(below.raid_type())?;
    if tree.top().level() == TreeLevel::Fwl {
        // A mirror has at least two places; one disk under such a line stands for itself.
        let single =
            level == Level::Raid1 && first.disk_count() == LineCount { found: 1, promised: 1 };
        let level = if single { Level::Single } else { level };
        return Some(Levels { level, secondary: Secondary::None });
    }
    let top = tree.top();
    let secondary = match top.raid_type() {
        RaidType::Raid0 => Secondary::Striped,
        RaidType::Raid1 => Secondary::Mirrored,
        _ => {
            let place = report.line(member, tree.index());
            report.tell(place.finding(finding::RAID_TYPE, top.raidtype));
            return None;
        }
    };
    // What the outer stripe unit of a stripe over stripes is, nothing says.
    if secondary == Secondary::Striped && level != Level::Raid1 {
        let (found, expected) = (top.raidtype, below.raidtype);
        mismatch(report, member, tree.index(), finding::NESTING, found, expected);
    }
    Some(Levels { level, secondary })
}

fn check_types(member: &Member<'_>, set: &Set<'_>, report: &mut Report<'_>) {
    for (index, line) in set.disks().filter(|(_, line)| line.raidtype != set.line().raidtype) {
        let (found, expected) = (line.raidtype, set.line().raidtype);
        mismatch(report, member, index, finding::DISK_TYPE, found, expected);
    }
}

/// Readers differ in whether the table or the address orders the members; where data is striped,
/// the wrong one of the two destroys it (`asr.md` 3.3).
fn check_order(member: &Member<'_>, levels: Levels, report: &mut Report<'_>) {
    let mut check =
        |striped: bool, lines: &mut dyn Iterator<Item = (usize, &ConfigurationLine)>| {
            let Some((index, line, earlier)) = first_conflict(lines) else { return };
            let kind = match (striped, report.order) {
                (true, MemberOrder::Undecided) => finding::ORDER,
                (true, _) => finding::ORDER_DECIDED,
                (false, _) => finding::MIRROR_ORDER,
            };
            let (found, expected) = (line.raidid.get(), earlier.raidid.get());
            mismatch(report, member, index, kind, found, expected);
        };
    for set in member.tree.sets() {
        check(levels.level != Level::Raid1, &mut set.disks());
    }
    let mut firsts = member.tree.sets().filter_map(|set| set.disks().next());
    check(levels.secondary == Secondary::Striped, &mut firsts);
}

/// The stripe unit; 0 where nothing is striped, `None` where it should be there and is not.
fn strip(member: &Member<'_>, levels: Levels, report: &mut Report<'_>) -> Option<u64> {
    if !levels.is_striped() {
        return Some(0);
    }
    let (first, line) = member.tree.disks().next()?;
    let unit = line.strpsize.get();
    if unit == 0 {
        let place = report.line(member, first);
        report.tell(place.finding(finding::NO_STRIPE_UNIT, unit));
        return None;
    }
    for (index, line) in member.tree.disks().filter(|(_, line)| line.strpsize.get() != unit) {
        mismatch(report, member, index, finding::UNEQUAL_UNITS, line.strpsize.get(), unit);
    }
    if levels.level == Level::Raid0 {
        for set in member.tree.sets() {
            check_full_stripe(member, set.index(), set.line(), unit, set.disks().count(), report);
        }
    }
    if levels.secondary == Secondary::Striped {
        let (index, top) = (member.tree.index(), member.tree.top());
        check_full_stripe(member, index, top, unit, member.tree.sets().count(), report);
    }
    Some(u64::from(unit))
}

fn check_full_stripe(
    member: &Member<'_>,
    index: usize,
    line: &ConfigurationLine,
    unit: u16,
    components: usize,
    report: &mut Report<'_>,
) {
    let expected = u64::from(unit).saturating_mul(number(components));
    if u64::from(line.strpsize.get()) != expected {
        mismatch(report, member, index, finding::FULL_STRIPE, line.strpsize.get(), expected);
    }
}

/// `blocks` without the part of a stripe unit at its end.
fn round_down(blocks: u64, strip: u64) -> u64 {
    blocks.saturating_sub(blocks.checked_rem(strip).unwrap_or(0))
}

/// What each member gives: the smallest member's capacity in whole stripe units.
fn member_blocks(member: &Member<'_>, strip: u64, report: &mut Report<'_>) -> Option<u64> {
    let mut least = u64::MAX;
    for (index, line) in member.tree.disks() {
        let blocks = round_down(line.lcapcty.get().into(), strip);
        if blocks == 0 {
            let place = report.line(member, index);
            report.tell(place.finding(finding::NO_CAPACITY, line.lcapcty.get()));
            return None;
        }
        least = least.min(blocks);
    }
    Some(least)
}

/// The size that the array lines state, if the components give as much.
fn size(
    member: &Member<'_>,
    levels: Levels,
    member_blocks: u64,
    strip: u64,
    report: &mut Report<'_>,
) -> Option<u64> {
    let tree = &member.tree;
    let first = tree.sets().next()?;
    let mut of_set = 0;
    for set in tree.sets() {
        let disks = number(set.disks().count());
        let data_disks = match levels.level {
            Level::Raid0 => disks,
            Level::Raid3 | Level::Raid4 | Level::Raid5 => disks.saturating_sub(1),
            _ => 1,
        };
        let given = member_blocks.saturating_mul(data_disks);
        of_set = stated(member, set.index(), set.line(), given, report)?;
        if set.line().lcapcty != first.line().lcapcty {
            let (found, expected) = (set.line().lcapcty.get(), first.line().lcapcty.get());
            mismatch(report, member, set.index(), finding::UNEQUAL_SETS, found, expected);
        }
    }
    let given = match levels.secondary {
        Secondary::None => return Some(of_set),
        Secondary::Striped => round_down(of_set, strip).saturating_mul(number(tree.sets().count())),
        _ => of_set,
    };
    stated(member, tree.index(), tree.top(), given, report)
}

/// The capacity of an array line, compared with what its components give.
fn stated(
    member: &Member<'_>,
    index: usize,
    line: &ConfigurationLine,
    given: u64,
    report: &mut Report<'_>,
) -> Option<u64> {
    let stated = u64::from(line.lcapcty.get());
    if stated == 0 {
        let place = report.line(member, index);
        report.tell(place.finding(finding::NO_CAPACITY, stated));
        return None;
    }
    if stated > given {
        mismatch(report, member, index, finding::CAPACITY_OVER, stated, given);
    }
    if stated < given {
        mismatch(report, member, index, finding::CAPACITY_UNDER, stated, given);
    }
    Some(stated.min(given))
}
