// SPDX-License-Identifier: MIT OR Apache-2.0
//! A new array: the same table on each of its disks.

use super::lines::Lines;
use super::{identity, invalid, table_mut, usable};
use crate::assemble::disk::{Standing, standing};
use crate::assemble::{array_id, member_at};
use crate::locate::{Located, locate};
use crate::set_line::{Health, joined, store_joined};
use crate::update::survey::{timestamp_after, unused_at};
use crate::{DiskLineState, LineName};
use raid_core::array::{ArrayId, Initialisation, Level, Secondary};
use raid_core::metadata::{
    ArrayRequest, ChangeError, DiskBuffer, Disks, LiveDisks, RuntimeState, Stamp,
};
use raid_core::units::{Blocks, Lba, Slot, SlotSet};

/// Longest name, in bytes.
const MAX_NAME: usize = 16;

/// Makes an array of unused disks.
// Not inlined: the changes of `Admin::apply` would share one frame, as large as theirs together.
#[inline(never)]
pub(crate) fn create(
    disks: &mut [DiskBuffer<'_, '_>],
    request: &ArrayRequest<'_>,
    stamp: Stamp,
) -> Result<ArrayId, ChangeError> {
    let mut lines = check(disks, request)?;
    let all: &dyn Disks = &&*disks;
    let none_left = invalid("identities left", 0, 1);
    lines.magic = identity::of_arrays(all, stamp, lines.below()).ok_or(none_left)?;
    lines.name = name(request, lines.magic);
    check_name(all, lines.name)?;
    let timestamp = timestamp_after(0, stamp);
    for index in request.disks.iter().flatten() {
        let Ok(at) = unused(disks, *index) else { continue };
        // Taken before the table is lent for editing: one table at a time.
        let mut magics = [None; 128];
        let places = request.disks.iter().map(|index| drivemagic(disks, (*index)?));
        magics.iter_mut().zip(places).for_each(|(to, from)| *to = from);
        let Some(table) = disks.get_mut(*index).and_then(|disk| table_mut(disk, at)) else {
            continue;
        };
        lines.write(
            table,
            |position| magics.get(position).copied().flatten(),
            |set, line| {
                let state = state_of(request, &lines, set);
                let slots = SlotSet::first(lines.slots);
                Health { redundant: lines.redundant(), slots }.store(&state, line);
                line.flags |= built(request, &lines);
            },
            |position, line| {
                if request.disks.get(position) == Some(&None) {
                    line.raidstate = DiskLineState::Failed { sub: 0 }.raw();
                }
            },
        );
        table.header.timestamp = timestamp.into();
        table.header.raidmagic = 0.into();
        join_sets(table, &lines, request);
        table.seal();
    }
    Ok(array_id(lines.magic))
}

/// The largest `member_blocks` with which the request would be accepted.
pub(crate) fn largest_member(
    disks: &[DiskBuffer<'_, '_>],
    request: &ArrayRequest<'_>,
) -> Result<Blocks, ChangeError> {
    let geometry = &request.geometry;
    let strip = geometry.strip.0.max(1);
    let smallest = request.disks.iter().flatten().filter_map(|index| disks.get(*index));
    let mut most = smallest.map(|disk| usable(disk.shape).0).min().unwrap_or(0);
    let mut shares = u64::from(u32::MAX);
    if geometry.level == Level::Raid0 {
        shares = shares.checked_div(geometry.slots.into()).unwrap_or(0);
    } else if geometry.secondary == Secondary::Striped {
        shares = shares.checked_div(geometry.sets.into()).unwrap_or(0);
    }
    most = most.min(shares);
    most = most.saturating_sub(most.checked_rem(strip).unwrap_or(0));
    let mut request = *request;
    request.geometry.member_blocks = Blocks(most);
    check(disks, &request)?;
    Ok(Blocks(most))
}

fn check(disks: &[DiskBuffer<'_, '_>], request: &ArrayRequest<'_>) -> Result<Lines, ChangeError> {
    let geometry = &request.geometry;
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    if geometry.block_size != crate::locate::BLOCK_SIZE {
        return Err(invalid("bytes of a block", geometry.block_size.into(), 512));
    }
    let wanted = u64::from(geometry.slots).saturating_mul(geometry.sets.into());
    if number(request.disks.len()) != wanted || wanted == 0 {
        return Err(invalid("number of disks", number(request.disks.len()), wanted));
    }
    if request.name.as_bytes().len() > MAX_NAME {
        let found = number(request.name.as_bytes().len());
        return Err(invalid("bytes of the name", found, number(MAX_NAME)));
    }
    if let Some(start) = request.starts.iter().find(|start| **start != Lba(0)) {
        return Err(invalid("first block of a member: data starts at block", start.0, 0));
    }
    if !request.set_blocks.is_empty() {
        return Err(ChangeError::Unsupported("sets of sizes of their own"));
    }
    let lines = Lines::of(geometry, request.unverified)?;
    check_places(request, &lines)?;
    for (position, index) in request.disks.iter().enumerate() {
        let Some(index) = index else { continue };
        let refuse = |what| Err(ChangeError::Disk { disk: *index, what });
        if request.disks.iter().take(position).any(|earlier| *earlier == Some(*index)) {
            return refuse("named twice");
        }
        unused(disks, *index)?;
        let shape = disks.get(*index).map(|disk| disk.shape);
        let most = shape.map_or(0, |shape| usable(shape).0);
        if geometry.member_blocks.0 > most {
            return Err(invalid("blocks of each member", geometry.member_blocks.0, most));
        }
    }
    Ok(lines)
}

/// Every mirror has a member at hand, everything else has all of them.
fn check_places(request: &ArrayRequest<'_>, lines: &Lines) -> Result<(), ChangeError> {
    for members in request.disks.chunks(usize::from(lines.slots).max(1)) {
        let at_hand = members.iter().flatten().count();
        let needed = if lines.redundant() { 1 } else { members.len() };
        if at_hand < needed {
            let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
            return Err(invalid("members at hand of a set", number(at_hand), number(needed)));
        }
    }
    Ok(())
}

/// Where the empty table of an unused disk is.
fn unused(disks: &[DiskBuffer<'_, '_>], index: usize) -> Result<Lba, ChangeError> {
    let refuse = |what| Err(ChangeError::Disk { disk: index, what });
    let live = LiveDisks(disks);
    let Some(disk) = live.disk(index).map(locate) else {
        return refuse("not a live disk");
    };
    let Located::Found(found) = disk else { return refuse("does not carry the format") };
    match standing(index, &found) {
        Standing::Unused if found.identity.drivemagic().is_none() => refuse("has no identity"),
        Standing::Unused => unused_at(&found)
            .ok_or(ChangeError::Disk { disk: index, what: "no buffer where the metadata goes" }),
        Standing::Member(_) => refuse("a member of an array"),
        Standing::Spare { .. } => refuse("a spare"),
        _ => refuse("its table is damaged, or does not name it"),
    }
}

fn drivemagic(disks: &[DiskBuffer<'_, '_>], index: usize) -> Option<u32> {
    match locate(LiveDisks(disks).disk(index)?) {
        Located::Found(found) => found.identity.drivemagic(),
        _ => None,
    }
}

/// The name asked for. An array without one is named after its identity: readers that tell arrays
/// apart by name must not join two that have none (`asr.md` 6.3).
fn name(request: &ArrayRequest<'_>, magic: u32) -> LineName {
    let asked = LineName::padded(request.name.as_bytes());
    if !asked.trimmed().is_empty() {
        return asked;
    }
    let mut digits = [0; 8];
    let mut left = magic;
    for digit in &mut digits {
        left = left.rotate_left(4);
        let value = u8::try_from(left & 0xF).unwrap_or(0);
        let letter = value.checked_sub(10).map(|letter| b'A'.wrapping_add(letter));
        *digit = letter.unwrap_or(b'0'.wrapping_add(value));
    }
    LineName::padded(&digits)
}

/// Refuses the name of another array at hand.
fn check_name(disks: &dyn Disks, name: LineName) -> Result<(), ChangeError> {
    for index in 0..disks.count() {
        let Some(member) = member_at(disks, index) else { continue };
        let top = member.tree.top();
        if top.name.trimmed() == name.trimmed() {
            let what = "name of another array, which some readers would join it with";
            return Err(invalid(what, top.raidmagic.get().into(), 0));
        }
    }
    Ok(())
}

fn state_of(request: &ArrayRequest<'_>, lines: &Lines, set: u16) -> RuntimeState {
    let slots = usize::from(lines.slots);
    let members = request.disks.chunks(slots.max(1)).nth(set.into()).unwrap_or_default();
    let missing = (0u8..).map(Slot).zip(members);
    let missing = missing.filter(|(_, index)| index.is_none());
    RuntimeState {
        clean: true,
        failed: missing.map(|(slot, _)| slot).collect(),
        rebuilding: SlotSet::EMPTY,
        initialisation: request.initialisation,
        progress: None,
    }
}

/// The flag of a set whose first build is over.
fn built(request: &ArrayRequest<'_>, lines: &Lines) -> u8 {
    let built = lines.redundant() && request.initialisation == Initialisation::Full;
    if built { crate::LineFlags::BUILT.bits() } else { 0 }
}

fn join_sets(table: &mut crate::RaidTable, lines: &Lines, request: &ArrayRequest<'_>) {
    if lines.below() == 0 {
        return;
    }
    let mirrored = request.geometry.secondary == Secondary::Mirrored;
    let sets = table.lines_in_use().iter().skip(1);
    let states = sets.filter(|line| line.level() == crate::TreeLevel::Fwl);
    let state = joined(states.map(crate::ConfigurationLine::array_state), mirrored);
    if let (Some(state), Some(top)) = (state, table.lines.first_mut()) {
        store_joined(top, state, false);
    }
}
