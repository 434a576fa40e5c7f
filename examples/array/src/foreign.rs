// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arrays that another implementation made: who, and what the first record of a start would write over.

use crate::discover::{Discovery, FoundArray};
use crate::store::{CommitStep, Store};
use raid_core::array::ArrayId;
use raid_core::metadata::{Creator, RunTime, RuntimeState, Stamp};
use raid_core::units::{Blocks, Extent, Lba};
use std::collections::BTreeMap;
use std::fmt;

/// Why an array counts as another implementation's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// The one that made it, or that the format does not say.
    pub creator: Creator,
    /// Name of the format.
    pub format_name: &'static str,
    /// What the first record would change.
    pub changes: Vec<ChangedBlocks>,
}

/// Blocks of a disk that the first record would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedBlocks {
    /// Name of the disk.
    pub name: String,
    /// From the first to the last of them.
    pub within: Extent,
    /// How many.
    pub blocks: u64,
}

/// Identity of the configuration that an array belongs to.
#[must_use]
pub fn configuration_of(discovery: &Discovery, array: &FoundArray) -> Option<ArrayId> {
    let disks = array.members.iter().filter_map(|member| member.descriptor.disk);
    let claims = disks.filter_map(|disk| discovery.disks.get(disk)).flat_map(|disk| &disk.claims);
    let own = claims.filter(|claim| claim.format == array.format);
    own.filter_map(|claim| claim.descriptor).map(|disk| disk.configuration).next()
}

impl Foreign {
    /// `None` if this library made the array.
    #[must_use]
    pub fn of(format: &dyn RunTime, discovery: &Discovery, array: &FoundArray) -> Option<Self> {
        let configuration = configuration_of(discovery, array);
        let creator = configuration.map_or(Creator::Unrecorded, |id| format.creator(id));
        (creator != Creator::Own).then(|| Self {
            creator,
            format_name: format.name(),
            changes: first_record(format, discovery, array),
        })
    }
}

/// What differs on each disk once the array is recorded as in use. Tried on a copy in memory.
fn first_record(
    format: &dyn RunTime,
    discovery: &Discovery,
    array: &FoundArray,
) -> Vec<ChangedBlocks> {
    let id = array.descriptor.id;
    let before = Store::from_discovery(discovery, array);
    let mut after = before.clone();
    let Some(state) = before.view(|disks| format.state(disks, id, 0)) else { return Vec::new() };
    let in_use = RuntimeState { clean: false, ..state };
    let stamp = Stamp { unix_seconds: 0, random: 0 };
    if after.edit(|disks| format.set_state(disks, id, 0, &in_use, stamp)).is_err() {
        // The start is refused by that, with its reason.
        return Vec::new();
    }
    let mut changes = Vec::new();
    for (disk, found) in discovery.disks.iter().enumerate() {
        if !before.disks[disk].live {
            continue;
        }
        let size = found.shape.block_size as usize;
        let mut written = BTreeMap::new();
        for step in after.commit_steps(format, disk) {
            let CommitStep::Write(at, bytes) = step else { continue };
            let blocks = (at.0..).zip(bytes.chunks(size));
            written.extend(blocks.map(|(at, block)| (at, block.to_vec())));
        }
        let stands = |at: u64, block: &[u8]| {
            before.disks[disk].pieces.iter().any(|(start, bytes)| {
                let from = at.checked_sub(start.0).map(|blocks| blocks as usize * size);
                from.and_then(|from| bytes.get(from..from + size)) == Some(block)
            })
        };
        written.retain(|at, block| !stands(*at, block));
        if let (Some((first, _)), Some((last, _))) =
            (written.first_key_value(), written.last_key_value())
        {
            let within = Extent { start: Lba(*first), len: Blocks(last - first + 1) };
            let name = found.name.clone();
            changes.push(ChangedBlocks { name, within, blocks: written.len() as u64 });
        }
    }
    changes
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.creator {
            Creator::Other(name) => write!(f, "made by {name:?}, not by this program")?,
            _ => write!(f, "{} metadata does not record who made it", self.format_name)?,
        }
        f.write_str("; the first write would change")?;
        for (index, change) in self.changes.iter().enumerate() {
            let ChangedBlocks { name, within, blocks } = change;
            let comma = if index == 0 { " " } else { ", " };
            let last = within.start.0 + within.len.0 - 1;
            write!(
                f,
                "{comma}{name}: {blocks} blocks of metadata from {} to {last}",
                within.start.0
            )?;
        }
        if self.changes.is_empty() {
            f.write_str(" its metadata")?;
        }
        Ok(())
    }
}
