// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a change finds: the newest copy of an array's table on the live disks, and where its lines
//! are.

use crate::assemble::disk::{Member, Standing, holders, standing};
use crate::assemble::member_at;
use crate::assemble::newest::Newest;
use crate::build::{table_extent, table_mut};
use crate::locate::{Found, Located, TableFault, locate};
use crate::{ConfigurationLine, MemberOrder, RaidTable, Record, RecordError, TableHeader};
use raid_core::array::ArrayId;
use raid_core::metadata::{ChangeError, DiskBuffer, DiskBytes, Disks, LiveDisks, Stamp};
use raid_core::units::Lba;

/// An array on the live disks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Survey {
    /// The disk with the newest copy.
    pub(crate) newest: usize,
    /// Where its table is.
    pub(crate) at: Lba,
    /// `raidmagic` of the top line.
    pub(crate) raidmagic: u32,
    /// Index of the top line.
    pub(crate) top: usize,
    /// Index past the array's last line.
    pub(crate) end: usize,
    /// Number of sets.
    pub(crate) sets: u16,
    pub(crate) order: MemberOrder,
}

/// Where the lines of one set are in the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SetLines {
    /// Index of the array line.
    pub(crate) line: usize,
    slots: [u8; 128],
    count: u8,
}

impl SetLines {
    /// How many members the set has.
    pub(crate) fn count(&self) -> u16 {
        self.count.into()
    }

    /// Index of the line of a slot.
    pub(crate) fn slot(&self, slot: usize) -> Option<usize> {
        let lines = self.slots.get(..usize::from(self.count))?;
        lines.get(slot).map(|index| usize::from(*index))
    }

    /// Index of the line of each slot.
    pub(crate) fn slots(&self) -> impl Iterator<Item = usize> + use<'_> {
        self.slots.iter().take(self.count.into()).map(|index| usize::from(*index))
    }
}

/// The identity as the format keeps it; `None` if it keeps no such one.
pub(crate) fn raidmagic_of(array: ArrayId) -> Option<u32> {
    let (magic, rest) = array.0.split_first_chunk::<4>()?;
    rest.iter().all(|byte| *byte == 0).then_some(u32::from_be_bytes(*magic))
}

/// The stamp of a change that follows one with stamp `before`: the time, and later in any case, so
/// that it counts changes where the time does not go on. Never 0, which stands for "not kept".
pub(crate) fn timestamp_after(before: u32, stamp: Stamp) -> u32 {
    u32::try_from(stamp.unix_seconds).unwrap_or(u32::MAX).max(before.saturating_add(1))
}

/// Where the table of a disk without a line is.
pub(crate) fn unused_at(found: &Found<'_>) -> Option<Lba> {
    match found.table {
        Err(TableFault::Record { at, error: RecordError::LineCount { found: 0, .. } }) => Some(at),
        _ => None,
    }
}

impl Survey {
    /// The array on the live disks.
    pub(crate) fn of(disks: &[DiskBuffer<'_, '_>], array: ArrayId) -> Result<Self, ChangeError> {
        Self::ordered(disks, array, MemberOrder::Undecided)
    }

    /// The same, with places counted in this order.
    pub(crate) fn ordered(
        disks: &[DiskBuffer<'_, '_>],
        array: ArrayId,
        order: MemberOrder,
    ) -> Result<Self, ChangeError> {
        let live = LiveDisks(disks);
        let none = ChangeError::NoSuchArray(array);
        let raidmagic = raidmagic_of(array).ok_or(none)?;
        let newest = Newest::choose(&live, raidmagic).ok_or(none)?.member;
        let top = newest.tree.index();
        let survey = Self {
            newest: newest.disk,
            at: newest.table_at,
            raidmagic,
            top,
            end: top.saturating_add(newest.tree.lines().len()),
            sets: u16::try_from(newest.tree.sets().count()).unwrap_or(u16::MAX),
            order,
        };
        survey.check(&live)?;
        Ok(survey)
    }

    /// Refuses disks that a change could not be carried to without doubt.
    fn check(&self, live: &LiveDisks<'_, '_>) -> Result<(), ChangeError> {
        let Some(member) = self.member(live) else { return Ok(()) };
        for (_, line) in member.tree.disks() {
            let mut named = holders(live, line.raidmagic.get());
            if let (Some(_), Some((disk, _))) = (named.next(), named.next()) {
                let what = "another live disk carries the same identity";
                return Err(ChangeError::Disk { disk, what });
            }
        }
        Ok(())
    }

    /// The newest copy.
    pub(crate) fn member<'d>(&self, disks: &'d dyn Disks) -> Option<Member<'d>> {
        member_at(disks, self.newest)
    }

    /// Whether the newest update is on every live disk of the array.
    pub(crate) fn is_on_all(&self, live: &LiveDisks<'_, '_>) -> bool {
        let Some(newest) = self.member(live).map(|member| Newest { member }) else { return false };
        let written = (0..live.count()).filter(|index| self.table_on(live, *index).is_some());
        written
            .into_iter()
            .all(|index| member_at(live, index).is_some_and(|member| newest.is_current(&member)))
    }

    /// The header of the newest copy.
    pub(crate) fn header<'d>(&self, disks: &'d [DiskBuffer<'_, '_>]) -> Option<&'d TableHeader> {
        let bytes = DiskBytes::of_buffer(disks.get(self.newest)?);
        RaidTable::view(bytes.get(table_extent(self.at))?).map(|table| &table.header)
    }

    /// Where the lines of a set are.
    pub(crate) fn set(&self, disks: &dyn Disks, set: u16) -> Option<SetLines> {
        let member = self.member(disks)?;
        let found = self.order.sets(&member.tree).nth(set.into())?;
        let mut lines = SetLines { line: found.index(), slots: [0; 128], count: 0 };
        for (place, (index, _)) in lines.slots.iter_mut().zip(self.order.disks(found)) {
            *place = u8::try_from(index).ok()?;
            lines.count = lines.count.saturating_add(1);
        }
        Some(lines)
    }

    /// A line of the newest copy.
    pub(crate) fn line<'d>(
        &self,
        disks: &'d [DiskBuffer<'_, '_>],
        index: usize,
    ) -> Option<&'d ConfigurationLine> {
        let bytes = DiskBytes::of_buffer(disks.get(self.newest)?);
        RaidTable::view(bytes.get(table_extent(self.at))?)?.lines.get(index)
    }

    /// Edits the newest copy.
    pub(crate) fn edit_table<R>(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        edit: impl FnOnce(&mut RaidTable) -> R,
    ) -> Option<R> {
        disks.get_mut(self.newest).and_then(|disk| table_mut(disk, self.at)).map(edit)
    }

    /// Edits a line of the newest copy; whether that changed it.
    pub(crate) fn edit_line(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        index: usize,
        edit: impl FnOnce(&mut ConfigurationLine),
    ) -> bool {
        let changed = self.edit_table(disks, |table| {
            table.lines.get_mut(index).is_some_and(|line| {
                let before = *line;
                edit(line);
                *line != before
            })
        });
        changed.unwrap_or(false)
    }

    /// Where this array's table goes on disk `index`; `None` if that disk is not one of its own.
    pub(crate) fn table_on(&self, live: &LiveDisks<'_, '_>, index: usize) -> Option<Lba> {
        let member = self.member(live)?;
        let disk = live.disk(index)?;
        let Located::Found(found) = locate(disk) else { return None };
        let drivemagic = found.identity.drivemagic()?;
        if !member.tree.disks().any(|(_, line)| line.raidmagic.get() == drivemagic) {
            return None;
        }
        if let Standing::Member(other) = standing(index, &found)
            && other.array() != self.raidmagic
        {
            return None;
        }
        let blocks = disk.shape().blocks.0;
        let usual = Lba(blocks.saturating_sub(crate::TAIL_BLOCKS));
        let pointed = found.identity.table_at(blocks).map_or(usual, Lba);
        let at = match found.table {
            Ok(copy) => copy.at,
            Err(_) => unused_at(&found).unwrap_or(pointed),
        };
        [at, usual].into_iter().find(|at| disk.get(table_extent(*at)).is_some())
    }
}
