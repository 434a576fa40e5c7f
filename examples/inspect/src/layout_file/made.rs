// SPDX-License-Identifier: MIT OR Apache-2.0
//! Layout files of what was guessed from data, and of what metadata says.

use super::{LayoutFile, LayoutMember};
use crate::arguments::Choice;
use crate::chosen;
use crate::disks::{Inspection, is_readable, places};
use crate::guess::sample::PAGE;
use crate::guess::verdict::Guess;
use crate::verdict::ExitCode;
use raid_array::discover::FoundArray;
use raid_core::array::{Geometry, Level, MemberDescriptor};
use std::io::{self, Write};
use std::path::{Path, absolute};

/// A path that means the same in every folder.
fn disk(path: &Path) -> String {
    absolute(path).unwrap_or_else(|_| path.to_path_buf()).display().to_string()
}

/// Of a guess; `disks` are the paths of the disks that it counts.
pub(crate) fn of_guess(guess: &Guess, disks: &[String]) -> LayoutFile {
    let page = PAGE as u64;
    let start_bytes = guess.first.saturating_mul(page);
    let length = guess.geometry.member_blocks.0.saturating_mul(page);
    let member = |place: &Option<usize>| LayoutMember {
        disk: place.and_then(|index| disks.get(index)).map(|path| disk(Path::new(path))),
        start_bytes,
        length_bytes: Some(length),
        stale_from_bytes: None,
    };
    LayoutFile {
        name: "guessed".to_owned(),
        rows: LayoutFile::rows_of(&guess.geometry),
        members: guess.places.iter().map(member).collect(),
        ..LayoutFile::of_geometry(&guess.geometry)
    }
}

/// Of an array that metadata describes.
///
/// # Errors
/// A level that no layout file describes.
fn of_array(inspection: &Inspection, array: &FoundArray) -> Result<LayoutFile, String> {
    let descriptor = &array.descriptor;
    let geometry: &Geometry = &descriptor.geometry;
    if matches!(geometry.level, Level::Raid3 | Level::Mdf) {
        return Err(format!("{} has no layout file", geometry.level_name()));
    }
    let block = geometry.block_size;
    let bytes = |blocks: u64, size: u32| blocks.saturating_mul(u64::from(size));
    let member = |member: MemberDescriptor| {
        let known = member.disk.and_then(|disk| inspection.discovery.disks.get(disk));
        let readable = known.filter(|_| is_readable(&member));
        LayoutMember {
            disk: readable.map(|known| disk(Path::new(&known.name))),
            start_bytes: known.map_or(0, |known| bytes(member.start.0, known.shape.block_size)),
            length_bytes: Some(bytes(geometry.member_blocks.0, block))
                .filter(|_| geometry.level != Level::Concat)
                .or_else(|| known.map(|known| bytes(member.len.0, known.shape.block_size))),
            stale_from_bytes: None,
        }
    };
    Ok(LayoutFile {
        name: descriptor.name.to_string(),
        size_bytes: descriptor.size.bytes(block),
        rows: LayoutFile::rows_of(geometry),
        members: places(array).into_iter().map(member).collect(),
        ..LayoutFile::of_geometry(geometry)
    })
}

/// Writes how the disks form the array that is meant to a new file.
pub(crate) fn write_of_array(
    inspection: &Inspection,
    array: Option<&str>,
    file: &Path,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let choice = Choice { array: array.map(str::to_owned), ..Choice::default() };
    let chosen = chosen::choose(inspection, &choice);
    let written = chosen.and_then(|array| {
        let made = of_array(inspection, array).map_err(|why| (ExitCode::Usage, why))?;
        let written = made.write(file);
        written.map_err(|error| (ExitCode::Usage, format!("{}: {error}", file.display())))
    });
    match written {
        Ok(()) => writeln!(out, "{}", file.display()).map(|()| ExitCode::Consistent),
        Err((code, why)) => writeln!(err, "raid-inspect: {why}").map(|()| code),
    }
}
