// SPDX-License-Identifier: MIT OR Apache-2.0
//! dmraid, a reader with code of its own: it recognises our arrays of every format, and device-mapper
//! gives their data back where dmraid understands the shape.

use crate::Result;
use crate::arrays::{self, Running, content, same};
use crate::guest::{self, run, try_run};
use crate::shapes::{Shape, geometry, striped};
use raid_core::array::{Geometry, Level, Placement, Secondary};
use raid_core::metadata::Admin;
use std::path::{Path, PathBuf};

/// What dmraid makes of a shape in a format.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Activated, and every byte read back.
    Right,
    /// Recognised with the right table; this kernel does not activate it.
    TableOnly,
    /// Recognised and misread: never activated.
    Misread,
}
use Verdict::{Misread, Right, TableOnly};

/// Format, dmraid's name of it, array, what is to be seen.
type Case = (&'static str, &'static str, &'static str, Verdict);

/// Names are unique: dmraid tells ASR arrays apart by nothing else.
const CASES: [Case; 8] = [
    ("ddf", "ddf1", "stripe", Right),
    ("ddf", "ddf1", "mirror", Right),
    // "Region size is smaller than the chunk size" for members of this size.
    ("ddf", "ddf1", "five", TableOnly),
    // Taken for one mirror of four.
    ("ddf", "ddf1", "mirrors", Misread),
    ("asr", "asr", "stripe", Right),
    ("asr", "asr", "mirror", Right),
    ("asr", "asr", "stripes", Right),
    // Taken for a mirror of mirrors.
    ("asr", "asr", "mirrors", Misread),
];

fn shape(name: &str) -> Option<Geometry> {
    let stripe = geometry(Level::Raid0, Placement::Fixed, 2);
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
    Some(match name {
        "stripe" => geometry(Level::Raid0, Placement::Fixed, 3),
        "mirror" => mirror,
        "five" => geometry(Level::Raid5, Placement::NRestart, 3),
        "mirrors" => striped(2, mirror),
        "stripes" => Geometry { secondary: Secondary::Mirrored, sets: 2, ..stripe },
        _ => return None,
    })
}

pub(super) fn reads_ours() -> Result<String> {
    let disks = guest::disks()?;
    let mut read = 0;
    for (format, handler, name, verdict) in CASES {
        let what = format!("{format} {name}");
        let geometry = shape(name).ok_or("no such shape")?;
        let count = usize::from(geometry.slots * geometry.sets);
        let disks = &disks[..count];
        let array = Shape { name, geometry, disks: (0..count).collect() };
        guest::part(&what, || {
            one(format, handler, &array, verdict, disks)?;
            erased(arrays::writer(format)?, disks)
        })?;
        read += usize::from(verdict == Right);
    }
    Ok(format!("{} arrays recognised, {read} read back", CASES.len()))
}

fn one(
    format: &str,
    handler: &str,
    array: &Shape,
    verdict: Verdict,
    disks: &[PathBuf],
) -> Result<()> {
    let format = arrays::writer(format)?;
    arrays::create(format, disks, std::slice::from_ref(array), &[])?;
    let discovery = arrays::found(disks)?;
    let size = arrays::named(&discovery, array.name)?.descriptor.size.0 * 512;
    let expected = content(array.name, size, 1);
    if array.geometry.secondary == Secondary::Mirrored {
        // The engine does not run these; plain stripes on each half hold the same.
        write_members(array, disks, &discovery, &expected)?;
    } else {
        let mut running = Running::start(format, disks, array.name)?;
        running.write(expected.clone())?;
        running.stop()?;
    }
    let members = run(&[&"dmraid", &"-i", &"-r"])?;
    for disk in disks {
        let line = format!("{}: {handler}, ", disk.display());
        if !members.lines().any(|found| found.starts_with(&line) && found.contains(", ok, ")) {
            return Err(format!("dmraid -r does not list {}", disk.display()));
        }
    }
    let set = format!("{handler}_{}", array.name);
    let sets = run(&[&"dmraid", &"-i", &"-s"])?;
    if !sets.contains(&set) {
        return Err(format!("dmraid -s does not name {set}"));
    }
    match verdict {
        Misread => {}
        TableOnly => {
            let (_, table) = try_run(&[&"dmraid", &"-i", &"-t", &"-ay", &set])?;
            let wanted = format!("{set}: 0 {} ", size / 512);
            if !table.contains(&wanted) {
                return Err(format!("the table does not begin with {wanted:?}"));
            }
        }
        Right => {
            run(&[&"dmraid", &"-i", &"-ay", &"-p", &set])?;
            let device = Path::new("/dev/mapper").join(&set);
            let read = arrays::read_device(&device)?;
            same("through device-mapper", read.get(..expected.len()).unwrap_or(&read), &expected)?;
            run(&[&"dmraid", &"-i", &"-an", &set])?;
        }
    }
    Ok(())
}

/// Writes `bytes` to every set of a mirrored stripe.
fn write_members(
    array: &Shape,
    disks: &[PathBuf],
    discovery: &raid_array::discover::Discovery,
    bytes: &[u8],
) -> Result<()> {
    use raid_array::member::{FileMember, Member};
    use raid_core::layout::Layout;
    use raid_core::units::Lba;
    let single = Geometry { secondary: Secondary::None, sets: 1, ..array.geometry };
    let layout = Layout::new(&single).map_err(|error| error.to_string())?;
    for member in &arrays::named(discovery, array.name)?.members {
        let member = member.descriptor;
        let disk = member.disk.ok_or("a member is missing")?;
        let mut device = FileMember::open(&disks[disk]).map_err(|error| error.to_string())?;
        for (block, sector) in (0..).zip(bytes.chunks(512)) {
            let place = layout.locate(block).ok_or("a block without a place")?;
            if place.slot == member.place.slot {
                device
                    .write(Lba(member.start.0 + place.block.0), sector)
                    .map_err(|error| error.to_string())?;
            }
        }
    }
    Ok(())
}

/// Once its metadata is erased, dmraid does not recognise a disk.
fn erased(format: &'static dyn Admin, disks: &[PathBuf]) -> Result<()> {
    arrays::erase(format, disks)?;
    let listed = try_run(&[&"dmraid", &"-i", &"-r"])?.1;
    match disks.iter().find(|disk| listed.contains(&*disk.to_string_lossy())) {
        Some(disk) => Err(format!("dmraid -r still lists {}", disk.display())),
        None => Ok(()),
    }
}
