// SPDX-License-Identifier: MIT OR Apache-2.0
//! `create`: an array, and its spares, on disks that hold nothing.

use crate::beside_md;
use crate::failure::Failure;
use crate::level::{self, ChosenLevel, parse_bytes};
use clap::Args;
use raid_array::discover::discover_members;
use raid_array::formats::FORMATS;
use raid_array::member::{FileMember, Member};
use raid_array::store::{CommitStep, Store};
use raid_core::array::{Initialisation, Name};
use raid_core::layout::Layout;
use raid_core::metadata::{Admin, ArrayRequest, ChangeError, DiskShape, Stamp};
use raid_core::units::{Blocks, Lba};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What of a disk must be zeros at its beginning, where partition tables and file systems stand.
const LOOKED_AT: usize = 1 << 20;

/// What array is made, and of what.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// RAID level
    #[arg(long, value_enum)]
    level: ChosenLevel,
    /// Its name
    #[arg(long, default_value = "array", value_parser = named)]
    name: String,
    /// What each member gives to the array, e.g. 10G; as much as there is if not given
    #[arg(long, value_parser = parse_bytes)]
    size: Option<u64>,
    /// Strip of each member
    #[arg(long, default_value = "64K", value_parser = parse_bytes)]
    chunk: u64,
    /// Metadata format
    #[arg(long, default_value = "ddf")]
    metadata: String,
    /// A disk that stands by for a member that fails; may be given several times
    #[arg(long, value_name = "PATH")]
    spare: Vec<PathBuf>,
    /// The members agree already, e.g. because they are zeros everywhere: nothing is initialised
    #[arg(long)]
    assume_clean: bool,
    /// The disks may hold something, which is lost
    #[arg(long)]
    overwrite: bool,
    /// Members, in order: block devices or files
    #[arg(required = true)]
    paths: Vec<PathBuf>,
}

/// A name by which an array can be found again.
fn named(name: &str) -> Result<String, String> {
    match name {
        "" => Err("an array needs a name, by which it is found".into()),
        long if long.len() > 32 => Err(format!("{} bytes; a name has 32 at most", long.len())),
        name if name.trim() != name || name.contains(char::is_control) => {
            Err("a name neither begins nor ends with a space, and has no control characters".into())
        }
        name => Ok(name.into()),
    }
}

/// Makes the array; what to tell the user.
pub(crate) fn run(options: &Options) -> Result<String, Failure> {
    let format = writer(&options.metadata)?;
    let refuses = |error: &ChangeError| {
        Failure::refused(format!("{} metadata does not hold this: {error}", format.name()))
    };
    let paths: Vec<PathBuf> = options.paths.iter().chain(&options.spare).cloned().collect();
    let members = FileMember::open_all(&paths)?;
    let mut members = if options.overwrite { members } else { blank(members)? };
    let shapes: Vec<_> = members.iter().map(Member::shape).collect();
    let block_size = shapes[0].block_size;
    if let Some(other) = shapes.iter().position(|shape| shape.block_size != block_size) {
        return Err(Failure::refused(format!(
            "{} has blocks of {} bytes, {} of {block_size}; an array needs one size",
            paths[other].display(),
            shapes[other].block_size,
            paths[0].display()
        )));
    }
    let count = u16::try_from(options.paths.len());
    let count = count.map_err(|_| format!("{} members are too many", options.paths.len()))?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let unix_seconds = now.map_or(0, |now| now.as_secs());
    let stamp = || Stamp { unix_seconds, random: fastrand::u64(..) };
    let holds = |disk: usize, member: u64| {
        let shape: DiskShape = shapes[disk];
        let bytes = |blocks: Blocks| blocks.bytes(block_size).unwrap_or(u64::MAX);
        let (whole, usable) = (bytes(shape.blocks), bytes(format.usable(shape)));
        match usable >= member.max(1) {
            true => Ok(()),
            false => {
                let path = paths[disk].display();
                let what = match member {
                    0 => format!("the metadata leaves {usable}, so nothing is left for a member"),
                    member => format!("the metadata leaves {usable}, a member takes {member}"),
                };
                Err(Failure::refused(format!(
                    "{path} is too small: of its {whole} bytes {what}; give a larger disk"
                )))
            }
        }
    };
    (0..paths.len()).try_for_each(|disk| holds(disk, options.size.unwrap_or(0)))?;
    let mut store = Store::for_new_disks(format, &shapes);
    store.edit(|disks| format.initialise(disks, stamp())).map_err(|error| refuses(&error))?;
    let disks: Vec<_> = (0..options.paths.len()).map(Some).collect();
    let name = Name::new(options.name.as_bytes());
    let shape = |size| level::geometry(options.level, count, options.chunk, size, block_size);
    let request = |geometry| ArrayRequest {
        initialisation: match options.assume_clean {
            true => Initialisation::Full,
            false => Initialisation::None,
        },
        ..ArrayRequest::new(name, geometry, &disks)
    };
    let size = match options.size {
        Some(size) => size,
        None => {
            let smallest = shapes.iter().map(|shape| format.usable(*shape)).min();
            let usable = smallest.unwrap_or(Blocks(0)).bytes(block_size).unwrap_or(u64::MAX);
            let geometry = shape(usable)?;
            let most = store.edit(|disks| format.largest_member(disks, &request(geometry)));
            let most = most.map_err(|error| refuses(&error))?;
            most.bytes(block_size).unwrap_or(u64::MAX)
        }
    };
    let geometry = shape(size)?;
    let array = store
        .edit(|disks| format.create_array(disks, &request(geometry), stamp()))
        .map_err(|error| refuses(&error))?;
    for (spare, path) in paths.iter().enumerate().skip(options.paths.len()) {
        holds(spare, size)?;
        store
            .edit(|disks| format.add_spare(disks, spare, stamp()))
            .map_err(|error| Failure::refused(format!("{}: {error}", path.display())))?;
    }
    // Nothing was written so far, and nothing is refused from here on.
    for (disk, member) in members.iter_mut().enumerate() {
        for step in store.commit_steps(format, disk) {
            let done = match step {
                CommitStep::Write(at, bytes) => member.write(at, &bytes),
                CommitStep::Flush => member.flush(),
            };
            done.map_err(|error| {
                format!(
                    "{}: {error}; the array is not made, and disks may carry a part of its metadata: `create \
                     --overwrite` begins again",
                    paths[disk].display()
                )
            })?;
        }
    }
    if let Some(warning) = beside_md::warning(Path::new("/"), format.name(), &paths) {
        eprintln!("raid-ublk: {warning}");
    }
    let size =
        Layout::new(&geometry).map_or(0, |layout| layout.size().bytes(block_size).unwrap_or(0));
    let name = geometry.level_name();
    let usable: Vec<Blocks> = shapes.iter().map(|shape| format.usable(*shape)).collect();
    let smallest = (0..count.into()).min_by_key(|disk: &usize| usable[*disk]);
    let decides = smallest.filter(|smallest| {
        options.size.is_none()
            && usable[..usize::from(count)].iter().any(|other| *other > usable[*smallest])
    });
    let decides = decides.map(|disk| {
        let whole = shapes[disk].blocks.bytes(block_size).unwrap_or(u64::MAX);
        format!(
            "; the smallest disk decides what each gives: {}, {whole} bytes",
            paths[disk].display()
        )
    });
    let decides = decides.unwrap_or_default();
    Ok(format!("array {} created: {array}, {name}, {size} bytes{decides}", options.name))
}

/// These disks, if no format claims one and none begins with something.
pub(crate) fn blank(members: Vec<FileMember>) -> Result<Vec<FileMember>, Failure> {
    let named = members.into_iter().map(|member| (member.path().display().to_string(), member));
    let (discovery, mut members) = discover_members(named.collect(), FORMATS);
    for (found, member) in discovery.disks.iter().zip(&mut members) {
        let name = &found.name;
        if let Some(claim) = found.claims.first() {
            let format = claim.format_name;
            return Err(Failure::refused(format!(
                "{name} carries {format} metadata; raid-inspect shows it, --overwrite loses it"
            )));
        }
        let shape = member.shape();
        let len = LOOKED_AT.min(shape.blocks.0 as usize * shape.block_size as usize);
        let mut bytes = vec![0; len];
        member.read(Lba(0), &mut bytes).map_err(|error| format!("{name}: {error}"))?;
        if let Some(at) = bytes.iter().position(|byte| *byte != 0) {
            let why = format!("{name} holds something at byte {at}; --overwrite loses it");
            return Err(Failure::refused(why));
        }
    }
    Ok(members)
}

/// The format of this name, if arrays of it can be made.
pub(crate) fn writer(name: &str) -> Result<&'static dyn Admin, String> {
    let known = || FORMATS.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ");
    let format = (FORMATS.iter())
        .find(|format| format.name().eq_ignore_ascii_case(name))
        .ok_or_else(|| format!("unknown metadata format {name:?}; known: {}", known()))?;
    format.admin().ok_or_else(|| format!("{name} metadata cannot be written yet"))
}
