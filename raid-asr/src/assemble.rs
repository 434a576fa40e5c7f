// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many disks' copies → arrays, members, and everything that does not fit together.
//!
//! ```text
//! each disk    locate ▶ standing: member, spare, unused, not listed …      assemble/disk.rs
//! each array   copies with the same top raidmagic ▶ the newest one          assemble/newest.rs
//!              its lines ▶ geometry, size, refusals                         assemble/shape.rs
//!              its disk lines + the disks at hand ▶ member states           assemble/member.rs
//! ```
//!
//! Nothing is kept between the steps: disks are looked at again where they are needed, which is
//! cheap, since a look is a cast and a few comparisons.

mod branch;
pub(crate) mod descent;
pub(crate) mod disk;
mod member;
pub(crate) mod newest;
mod raw_fields;
mod shape;

use crate::finding::{self, Place};
use crate::locate::{Located, locate};
use crate::set_line;
use crate::{
    ChecksumVerdict, ConfigurationLine, DiskLineState, MemberOrder, OpenMark, RaidType, Tree,
    TreeLevel, Worth,
};
use disk::{Member, Standing, standing};
use member::Resolver;
use newest::Newest;
use raid_core::array::{
    ArrayDescriptor, ArrayId, ArrayState, Initialisation, Level, MemberDescriptor, MemberId,
    MemberState, Name, Secondary,
};
use raid_core::metadata::{Disks, Inventory, Severity, Subject};
use raid_core::units::{Blocks, Lba};
use shape::Shape;

/// Identity of the array with this `raidmagic`.
pub(crate) fn array_id(raidmagic: u32) -> ArrayId {
    ArrayId(identity(raidmagic))
}

/// Identity of the disk with this `drivemagic`.
pub(crate) fn member_id(drivemagic: u32) -> MemberId {
    MemberId(identity(drivemagic))
}

fn identity(magic: u32) -> [u8; 24] {
    let mut id = [0; 24];
    if let Some(front) = id.first_chunk_mut::<4>() {
        *front = magic.to_be_bytes();
    }
    id
}

/// Block of configuration line `index` of a table at `table_at`.
pub(crate) fn line_at(table_at: Lba, index: usize) -> Lba {
    let lines_before = u64::try_from(index).unwrap_or(u64::MAX).saturating_add(1);
    Lba(table_at.0.saturating_add(lines_before / 8))
}

/// The member that disk `index` is by its own table.
pub(crate) fn member_at(disks: &dyn Disks, index: usize) -> Option<Member<'_>> {
    match locate(disks.disk(index)?) {
        Located::Found(found) => match standing(index, &found) {
            Standing::Member(member) => Some(member),
            _ => None,
        },
        _ => None,
    }
}

/// The members, by their own tables, of the array with this `raidmagic`.
pub(crate) fn members_of(disks: &dyn Disks, raidmagic: u32) -> impl Iterator<Item = Member<'_>> {
    (0..disks.count())
        .filter_map(|index| member_at(disks, index))
        .filter(move |member| member.array() == raidmagic)
}

pub(crate) fn assemble(disks: &dyn Disks, order: MemberOrder, into: &mut dyn Inventory) {
    for index in 0..disks.count() {
        disk::report(disks, index, into);
    }
    for index in 0..disks.count() {
        let Some(member) = member_at(disks, index) else { continue };
        let first = members_of(disks, member.array()).next();
        if disk::was_deleted(disks, &member) {
            let place = Place {
                disk: Some(index),
                array: Some(array_id(member.array())),
                copy: "table header",
                at: Some(member.table_at),
            };
            into.finding(&place.finding(finding::DELETED, member.array()));
        } else if first.is_some_and(|first| first.disk == index) {
            report_array(disks, member.array(), order, into);
        }
    }
}

/// Passes findings on and remembers whether one was a refusal of the array.
pub(crate) struct Report<'i> {
    pub(crate) into: &'i mut dyn Inventory,
    pub(crate) array: ArrayId,
    pub(crate) refused: bool,
    /// Whether its members have gone on without each other.
    pub(crate) forked: bool,
    /// Whose order of the members counts.
    pub(crate) order: MemberOrder,
}

impl Report<'_> {
    /// A place on the copy of `member`.
    pub(crate) fn line(&self, member: &Member<'_>, index: usize) -> Place {
        Place {
            disk: Some(member.disk),
            array: Some(self.array),
            copy: "configuration line",
            at: Some(line_at(member.table_at, index)),
        }
    }

    pub(crate) fn header(&self, member: &Member<'_>) -> Place {
        Place { copy: "table header", at: Some(member.table_at), ..self.line(member, 0) }
    }

    /// A finding about the array as a whole: a refusal refuses it.
    pub(crate) fn tell(&mut self, finding: raid_core::metadata::Finding) {
        self.refused |= finding.severity == Severity::Refusal;
        self.into.finding(&finding);
    }
}

fn report_array(disks: &dyn Disks, raidmagic: u32, order: MemberOrder, into: &mut dyn Inventory) {
    let mut report =
        Report { into, array: array_id(raidmagic), refused: false, forked: false, order };
    let Some(newest) = Newest::choose(disks, raidmagic) else { return };
    newest.report_others(disks, &mut report);
    let Some(shape) = Shape::of(&newest.member, &mut report) else {
        raw_fields::array(&newest.member, report.array, report.into);
        return;
    };
    let resolver = Resolver { disks, newest: &newest, redundant: shape.is_redundant() };
    let clean = is_clean(disks, &newest, &mut report);
    let initialisation = initialisation(&newest.member.tree);
    report_states(&newest.member, &mut report);
    let state = match (report.forked, report.refused) {
        (true, _) => ArrayState::Forked,
        (_, true) => ArrayState::Failed,
        _ => array_state(&shape, &resolver),
    };
    report.into.array(&ArrayDescriptor {
        id: report.array,
        name: name(&newest.member),
        geometry: shape.geometry,
        size: shape.size,
        state,
        clean,
        initialisation,
    });
    if report.forked {
        branch::report(disks, &newest, &mut report);
    }
    raw_fields::array(&newest.member, report.array, report.into);
    report_members(&newest, &resolver, &mut report);
}

/// The label: the top line's, or line 0's where the firmware named only that one.
fn name(member: &Member<'_>) -> Name {
    let own = member.tree.top().name.trimmed();
    let first = member.table.lines().first().map(|line| line.name.trimmed()).unwrap_or_default();
    Name::new(if own.is_empty() { first } else { own })
}

/// Whether every copy of the newest generation says that no write was under way.
fn is_clean(disks: &dyn Disks, newest: &Newest<'_>, report: &mut Report<'_>) -> bool {
    let mut clean = true;
    for member in members_of(disks, newest.member.array()) {
        if !newest.is_current(&member) {
            continue;
        }
        let header = member.table.header();
        match header.open_mark() {
            OpenMark::Clean => continue,
            OpenMark::Dirty => {
                report.tell(report.header(&member).finding(finding::DIRTY, header.dirty));
            }
            OpenMark::Other(raw) => {
                report.tell(report.header(&member).finding(finding::DIRTY_UNKNOWN, raw));
            }
        }
        clean = false;
    }
    clean
}

/// How far redundancy was established: the least of what the array lines say.
fn initialisation(tree: &Tree<'_>) -> Initialisation {
    let rank = |established: &Initialisation| match established {
        Initialisation::None => 0,
        Initialisation::Running => 1,
        Initialisation::Full => 2,
    };
    core::iter::once(tree.top())
        .chain(tree.sets().map(|set| set.line()))
        .map(set_line::initialisation)
        .min_by_key(rank)
        .unwrap_or_default()
}

/// Judges the states of the array lines (`asr.md` 2.2), and of disk lines that concern the layout.
fn report_states(member: &Member<'_>, report: &mut Report<'_>) {
    use crate::ArrayLineState as State;
    let tree = &member.tree;
    let mirrored = tree.top().raid_type() == RaidType::Raid1;
    for (index, line) in (tree.index()..).zip(tree.lines()) {
        let place = report.line(member, index);
        if line.level() == TreeLevel::Fwp {
            if line.disk_state() == DiskLineState::Expanding {
                report.tell(place.finding(finding::ARRAY_STATE, line.raidstate));
            }
            continue;
        }
        let kind = match line.array_state() {
            State::Optimal => continue,
            State::Rebuilding if !names_a_target(tree, index) && !is_torn(member) => {
                finding::NO_REBUILD_TARGET
            }
            // A dead copy of what another set holds.
            State::Dead { .. } if mirrored && index != tree.index() => finding::ARRAY_STATE_NOTED,
            State::Degraded { .. }
            | State::Rebuilding
            | State::AwaitingBuild
            | State::DeadBuilding
            | State::Warning
            | State::Verifying
            | State::VerifyingRepair
            | State::VerifyingUntilError
            | State::Building
            | State::Diagnosing => finding::ARRAY_STATE_NOTED,
            State::Morphing
            | State::WrongDriveReplaced
            | State::Dead { .. }
            | State::NoRaidTable
            | State::Other(_) => finding::ARRAY_STATE,
        };
        report.tell(place.finding(kind, line.raidstate));
    }
}

/// Whether a disk line below array line `index` says that its disk does not hold its data. If none
/// does while a rebuild runs, source and target of the copy cannot be told apart.
fn names_a_target(tree: &Tree<'_>, index: usize) -> bool {
    let lacks = |(_, line): (usize, &ConfigurationLine)| line.disk_state().worth() != Worth::Holds;
    match tree.sets().find(|set| set.index() == index) {
        Some(set) => set.disks().any(lacks),
        None => tree.disks().any(lacks),
    }
}

/// Whether some blocks of this copy are of an update that did not reach its first block.
fn is_torn(member: &Member<'_>) -> bool {
    let next = member.tree.top().raidseq.get().wrapping_add(1);
    let newer = |line: &ConfigurationLine| line.raidseq.get() == next;
    member.checksum() != ChecksumVerdict::Good && member.tree.lines().iter().any(newer)
}

/// What the array is worth: every set by its own rule, then the sets together.
fn array_state(shape: &Shape, resolver: &Resolver<'_>) -> ArrayState {
    let mirrored_sets = shape.geometry.secondary == Secondary::Mirrored;
    let mut copies = Copies { whole: 0, of: 0 };
    let mut worst = ArrayState::Optimal;
    for set in resolver.newest.member.tree.sets() {
        let (mut good, mut all) = (0u32, 0u32);
        for (_, line) in set.disks() {
            all = all.saturating_add(1);
            if resolver.resolve(line).state == MemberState::InSync {
                good = good.saturating_add(1);
            }
        }
        let of_set = match shape.geometry.level {
            Level::Raid1 | Level::Single => Copies { whole: good, of: all },
            _ => Copies { whole: u32::from(good == all), of: 1 },
        };
        worst = worse(worst, of_set.state());
        copies.whole = copies.whole.saturating_add(of_set.whole);
        copies.of = copies.of.saturating_add(of_set.of);
    }
    if mirrored_sets { copies.state() } else { worst }
}

/// Whole copies of the same data.
struct Copies {
    whole: u32,
    of: u32,
}

impl Copies {
    const fn state(&self) -> ArrayState {
        match self.whole {
            0 => ArrayState::Failed,
            whole if whole == self.of => ArrayState::Optimal,
            1 => ArrayState::Degraded,
            _ => ArrayState::PartiallyOptimal,
        }
    }
}

/// The worse of two states.
const fn worse(a: ArrayState, b: ArrayState) -> ArrayState {
    const fn rank(state: ArrayState) -> u8 {
        match state {
            ArrayState::Optimal => 0,
            ArrayState::PartiallyOptimal => 1,
            ArrayState::Degraded => 2,
            _ => 3,
        }
    }
    if rank(a) < rank(b) { b } else { a }
}

fn report_members(newest: &Newest<'_>, resolver: &Resolver<'_>, report: &mut Report<'_>) {
    for (place, index, line) in shape::places(&newest.member.tree, report.order) {
        let resolved = resolver.resolve(line);
        report.into.member(&MemberDescriptor {
            array: report.array,
            place,
            disk: resolved.disk,
            id: Some(member_id(line.raidmagic.get())),
            start: Lba(0),
            len: Blocks(line.lcapcty.get().into()),
            state: resolved.state,
        });
        raw_fields::line(Subject::Member(report.array, place), line, report.into);
        resolver.report(index, line, &resolved, report);
    }
}
