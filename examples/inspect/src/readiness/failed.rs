// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which of the members that were declared failed are read, if that risk is accepted.
//!
//! A disk stops being written when it is declared failed, so its own update counter says when that
//! was. Some implementations go on updating the records of a failed disk: of equal counters, one whose own
//! records call it failed had failed before one whose records do not. Those that failed last are read, as few as
//! suffice; the older ones are computed. Where that decides nothing, redundancy does if there is some: members
//! that agree with the others everywhere are of one age. Else the user chooses.

use super::{Gap, Readiness, Refusal, survives};
use crate::disks::Inspection;
use crate::reader::ArrayReader;
use raid_array::discover::FoundArray;
use raid_array::formats::FORMATS;
use raid_array::trust::{Accept, Risk, Taken};
use raid_core::array::{MemberDescriptor, MemberState};
use raid_core::stripe::Health;
use raid_core::units::SlotSet;
use std::cmp::Reverse;

/// Bytes compared at a time, and how often at most: all of an array of 64 MiB.
const CHUNK: u64 = 64 << 10;
const CHUNKS: u64 = 1024;

/// A member that is read although it was declared failed.
#[derive(Clone, Debug)]
pub(super) struct Revived {
    pub(super) member: MemberDescriptor,
    /// What of it is taken on trust.
    pub(super) taken: Taken,
}

/// When a member's disk was a member last: its update counter, unless one of them has none, and whether
/// its own records do not call it failed.
type Age = (Option<u64>, bool);

/// The members, each with its age.
fn with_ages(
    inspection: &Inspection,
    array: &FoundArray,
    members: Vec<MemberDescriptor>,
) -> Vec<(Age, MemberDescriptor)> {
    let format = FORMATS.iter().find(|format| format.name() == array.format_name);
    let in_sync_to_itself = |member: &MemberDescriptor| {
        let (Some(format), Some(disk)) = (format, member.disk) else { return false };
        let seen = inspection.discovery.as_seen_by(disk, array.format, *format);
        let same = seen.iter().filter(|seen| seen.descriptor.id == array.descriptor.id);
        let mut all = same.flat_map(|seen| &seen.members).map(|seen| seen.descriptor);
        all.any(|seen| seen.disk == Some(disk) && seen.state == MemberState::InSync)
    };
    let counter = |member: &MemberDescriptor| counter(inspection, array, member);
    let counted = members.iter().all(|member| counter(member).is_some());
    let age = |member: &MemberDescriptor| {
        (counter(member).filter(|_| counted), in_sync_to_itself(member))
    };
    members.into_iter().map(|member| (age(&member), member)).collect()
}

/// The update counter of a member's disk.
fn counter(inspection: &Inspection, array: &FoundArray, member: &MemberDescriptor) -> Option<u64> {
    let disk = inspection.discovery.disks.get(member.disk?)?;
    let claim = disk.claims.iter().find(|claim| claim.format == array.format)?;
    claim.descriptor?.sequence
}

/// The failed members to read, set by set; none if they do not suffice either.
///
/// # Errors
/// [`Refusal::AgesUnknown`], if the risk is accepted.
pub(super) fn newest(
    inspection: &Inspection,
    array: &FoundArray,
    accept: Accept,
    gaps: &[Gap],
) -> Result<Vec<Revived>, Refusal> {
    let mut revived = Vec::new();
    for set in 0..array.descriptor.geometry.sets {
        let gaps: Vec<&Gap> = gaps.iter().filter(|gap| gap.member.place.set == set).collect();
        revived.extend(of_set(inspection, array, accept, &gaps)?);
    }
    Ok(revived)
}

fn of_set(
    inspection: &Inspection,
    array: &FoundArray,
    accept: Accept,
    gaps: &[&Gap],
) -> Result<Vec<Revived>, Refusal> {
    let plain = Readiness {
        marks: Vec::new(),
        health: Vec::new(),
        gaps: Vec::new(),
        parity_trusted: false,
        trusted: Vec::new(),
        mirrored_set: 0,
        members: Vec::new(),
        sizes: super::places(array).iter().map(|member| member.len).collect(),
    };
    let Ok(layout) = plain.layout(&array.descriptor) else { return Ok(Vec::new()) };
    let suffices = |read: &[MemberDescriptor]| {
        let gone = gaps.iter().filter(|gap| !read.contains(&gap.member));
        let unavailable: SlotSet = gone.map(|gap| gap.member.place.slot).collect();
        survives(&layout, Health { unavailable, write_only: SlotSet::EMPTY })
    };
    let here =
        |member: &MemberDescriptor| member.state == MemberState::Failed && member.disk.is_some();
    let left: Vec<MemberDescriptor> = gaps.iter().map(|gap| gap.member).filter(here).collect();
    let mut left = with_ages(inspection, array, left);
    left.sort_by_key(|(age, _)| Reverse(*age));
    let mut read: Vec<MemberDescriptor> = Vec::new();
    while !suffices(&read) {
        let Some((first, _)) = left.first().copied() else { return Ok(Vec::new()) };
        let same = left.iter().take_while(|(age, _)| *age == first).count();
        let group: Vec<MemberDescriptor> = left.drain(..same).map(|(_, member)| member).collect();
        let all = [&read[..], &group].concat();
        if suffices(&all) {
            let mut chosen = settle(inspection, array, accept, &read, &group, &suffices)?;
            let older = left.iter().map(|(_, older)| {
                let name = older.disk.map_or("?", |disk| inspection.disk_name(disk));
                let (set, slot) = (older.place.set, older.place.slot);
                format!("; {name} (set {set} slot {slot}) failed earlier and is computed")
            });
            if let Some(first) = chosen.first_mut() {
                first.taken.what.extend(older);
            }
            return Ok(chosen);
        }
        read = all;
    }
    Ok(read.iter().map(|member| revived(inspection, array, member, "")).collect())
}

/// `group` are of one age, or of unknown ages, and with `read` they suffice.
fn settle(
    inspection: &Inspection,
    array: &FoundArray,
    accept: Accept,
    read: &[MemberDescriptor],
    group: &[MemberDescriptor],
    suffices: &dyn Fn(&[MemberDescriptor]) -> bool,
) -> Result<Vec<Revived>, Refusal> {
    let all = [read, group].concat();
    if !suffices(&all) {
        return Ok(Vec::new());
    }
    let revive = |why: &str| -> Vec<Revived> {
        all.iter().map(|member| revived(inspection, array, member, why)).collect()
    };
    let without = |out: &MemberDescriptor| -> Vec<MemberDescriptor> {
        all.iter().filter(|member| *member != out).copied().collect()
    };
    // Those that are needed anyway are read; the others are compared with what is computed for them.
    let spare: Vec<&MemberDescriptor> =
        group.iter().filter(|member| suffices(&without(member))).collect();
    if spare.is_empty() || !accept.accepts(Risk::DeclaredFailed) {
        return Ok(revive(""));
    }
    let everybody = revive("");
    let ready = Readiness::with(inspection, array, Accept::ALL, &everybody)?;
    let mut compared = 0;
    for member in spare {
        let mut less = ready.clone();
        if let Some(health) = less.health.get_mut(usize::from(member.place.set)) {
            health.unavailable.insert(member.place.slot);
        }
        compared = agree(inspection, array, &ready, &less).ok_or_else(|| {
            let named = |member: &MemberDescriptor| {
                member.disk.map_or("?", |disk| inspection.disk_name(disk)).to_owned()
            };
            let names: Vec<String> = group.iter().map(named).collect();
            Refusal::AgesUnknown(format!(
                "{} were declared failed, do not agree, and nothing says which failed last; leave \
                 out the one that failed first, e.g. --without {}",
                names.join(", "),
                named(member)
            ))
        })?;
    }
    Ok(revive(&format!(", and agrees with the others in the {compared} bytes compared")))
}

fn revived(
    inspection: &Inspection,
    array: &FoundArray,
    member: &MemberDescriptor,
    why: &str,
) -> Revived {
    let name = member.disk.map_or("?", |disk| inspection.disk_name(disk));
    let number = counter(inspection, array, member);
    let number = number.map_or(String::new(), |number| format!(", last update {number}"));
    let (set, slot) = (member.place.set, member.place.slot);
    let what = format!("{name} (set {set} slot {slot}), declared failed{number}, is read{why}");
    let taken = Taken {
        risk: Risk::DeclaredFailed,
        set: Some(set),
        place: Some(member.place),
        disk: member.disk,
        what,
    };
    Revived { member: *member, taken }
}

/// How many bytes were compared, if the array reads alike both ways.
fn agree(
    inspection: &Inspection,
    array: &FoundArray,
    one: &Readiness,
    other: &Readiness,
) -> Option<u64> {
    let mut one = ArrayReader::over(inspection, array, one.clone());
    let mut other = ArrayReader::over(inspection, array, other.clone());
    let size = one.size();
    let chunks = size.div_ceil(CHUNK);
    let taken = chunks.min(CHUNKS);
    let mut compared = 0;
    for index in 0..taken {
        // Spread evenly, the first and the last included.
        let chunk = match taken {
            0 | 1 => 0,
            _ => (u128::from(index) * u128::from(chunks - 1) / u128::from(taken - 1)) as u64,
        };
        let at = chunk * CHUNK;
        let len = CHUNK.min(size - at) as usize;
        let (mut left, mut right) = (vec![0; len], vec![0; len]);
        one.read_at(at, &mut left).ok()?;
        other.read_at(at, &mut right).ok()?;
        if left != right {
            return None;
        }
        compared += len as u64;
    }
    Some(compared)
}
