// SPDX-License-Identifier: MIT OR Apache-2.0
//! A layout file as disks with one array on them, in place of what metadata says.

use super::{LayoutFile, LayoutMember, SECTOR};
use crate::disks::{Inspection, left_out, open_sources};
use raid_array::discover::{Discovery, FoundArray, FoundDisk, FoundMember, Source};
use raid_core::array::{
    ArrayDescriptor, ArrayId, ArrayState, Geometry, Initialisation, Level, MemberDescriptor,
    MemberState, Name, Place,
};
use raid_core::layout::Layout;
use raid_core::metadata::DiskShape;
use raid_core::units::{Blocks, Lba, Row, Slot};
use std::path::{Path, PathBuf};

/// What the array is of, in place of a format of metadata.
const NAME: &str = "layout file";

/// Opens the disks of a file, and puts its array on them. Disks named in `without` are missing.
///
/// # Errors
/// What is wrong with the file, and where.
pub(crate) fn open(path: &Path, without: &[String]) -> Result<Inspection, String> {
    let file = LayoutFile::read(path)?;
    let of_file = |why: String| format!("{}: {why}", path.display());
    let (shape, places) = file.shape_and_places().map_err(of_file)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut disks: Vec<Option<usize>> = Vec::new();
    for (index, member) in file.members.iter().enumerate() {
        member.check().map_err(|why| of_file(format!("members[{index}]: {why}")))?;
        disks.push(member.disk.as_ref().map(|disk| {
            let disk = folder.join(disk);
            paths.iter().position(|known| *known == disk).unwrap_or_else(|| {
                paths.push(disk);
                paths.len() - 1
            })
        }));
    }
    let out = left_out(&paths, without)?;
    let (sources, unopened, remarks) = open_sources(&paths, &out);
    let there = |disk: Option<usize>| disk.filter(|d| unopened[*d].is_none() && !out.contains(d));
    let disks: Vec<Option<usize>> = disks.into_iter().map(there).collect();
    let array = file.array(&shape, &places, &disks, &sources).map_err(of_file)?;
    let mut marks = Vec::new();
    for (member, from) in array.members.iter().zip(&places) {
        if let Some(from) = file.members[*from].stale_from_bytes {
            let row = (from / SECTOR).saturating_sub(member.descriptor.start.0);
            marks.push((member.descriptor.place, Row(row)));
        }
    }
    let discovery = Discovery {
        disks: sources.iter().map(found).collect(),
        arrays: vec![array],
        findings: Vec::new(),
    };
    Ok(Inspection::of_layout(sources, paths, unopened, remarks, discovery, marks))
}

fn found(source: &Source) -> FoundDisk {
    let blocks = Blocks(source.bytes.len() / SECTOR);
    FoundDisk {
        name: source.name.clone(),
        shape: DiskShape { blocks, block_size: SECTOR as u32 },
        claims: Vec::new(),
        unreadable: Vec::new(),
        same_as: None,
    }
}

impl LayoutMember {
    fn check(&self) -> Result<(), String> {
        let numbers = [
            ("start_bytes", Some(self.start_bytes)),
            ("length_bytes", self.length_bytes),
            ("stale_from_bytes", self.stale_from_bytes),
        ];
        for (name, number) in numbers {
            if let Some(number) = number.filter(|number| !number.is_multiple_of(SECTOR)) {
                return Err(format!("{name} is {number}, expected a multiple of {SECTOR}"));
            }
        }
        Ok(())
    }

    /// Sectors of a disk of so many bytes that belong to the array.
    fn sectors(&self, bytes: u64) -> u64 {
        self.length_bytes.unwrap_or_else(|| bytes.saturating_sub(self.start_bytes)) / SECTOR
    }
}

impl LayoutFile {
    fn array(
        &self,
        shape: &Geometry,
        places: &[usize],
        disks: &[Option<usize>],
        sources: &[Source],
    ) -> Result<FoundArray, String> {
        let id = ArrayId([0; 24]);
        let length = |member: usize| {
            let bytes = disks[member].map(|disk| sources[disk].bytes.len());
            let known = bytes.or(self.members[member].length_bytes.map(|_| 0));
            known.map(|bytes| self.members[member].sectors(bytes))
        };
        let shortest = places.iter().filter_map(|member| length(*member)).min();
        let shortest = shortest.ok_or("no member is present, and no length_bytes is given")?;
        let strip = shape.strip.0.max(1);
        let geometry = Geometry { member_blocks: Blocks(shortest / strip * strip), ..*shape };
        let member = |(index, from): (usize, &usize)| {
            let (set, slot) =
                (index / usize::from(geometry.slots), index % usize::from(geometry.slots));
            let set = u16::try_from(set).map_err(|_| format!("{set} sets"))?;
            let slot = u8::try_from(slot).map(Slot).map_err(|_| format!("{slot} slots"))?;
            let disk = disks[*from];
            let len = match geometry.level {
                Level::Concat => length(*from).ok_or("a missing member without length_bytes")?,
                _ => geometry.member_blocks.0,
            };
            let descriptor = MemberDescriptor {
                array: id,
                place: Place { set, slot },
                disk,
                id: None,
                start: Lba(self.members[*from].start_bytes / SECTOR),
                len: Blocks(len),
                state: if disk.is_some() { MemberState::InSync } else { MemberState::Missing },
            };
            Ok(FoundMember { descriptor, raw: Vec::new() })
        };
        let members: Vec<FoundMember> =
            places.iter().enumerate().map(member).collect::<Result<_, String>>()?;
        let lens: Vec<Blocks> = members.iter().map(|member| member.descriptor.len).collect();
        let layout = match geometry.level {
            Level::Concat => Layout::concatenation(&geometry, &lens),
            _ => Layout::new(&geometry),
        };
        let most = layout.map_err(|error| error.to_string())?.size();
        let size = match self.size_bytes {
            None => most,
            Some(bytes) if bytes.is_multiple_of(SECTOR) && bytes / SECTOR <= most.0 => {
                Blocks(bytes / SECTOR)
            }
            Some(bytes) => {
                let most = most.0.saturating_mul(SECTOR);
                return Err(format!(
                    "size_bytes is {bytes}, expected a multiple of {SECTOR} up to {most}"
                ));
            }
        };
        let descriptor = ArrayDescriptor {
            id,
            name: Name::new(self.name.as_bytes()),
            geometry,
            size,
            state: ArrayState::Optimal,
            clean: true,
            initialisation: Initialisation::Full,
        };
        Ok(FoundArray {
            format: 0,
            format_name: NAME,
            descriptor,
            members,
            raw: Vec::new(),
            branches: Vec::new(),
        })
    }
}
