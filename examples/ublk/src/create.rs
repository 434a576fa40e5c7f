// SPDX-License-Identifier: MIT OR Apache-2.0
//! `create`: an array, and its spares, on disks that hold nothing.

use crate::beside_md;
use crate::level::{self, ChosenLevel, parse_bytes};
use clap::Args;
use raid_array::discover::discover_members;
use raid_array::formats::FORMATS;
use raid_array::member::{FileMember, Member};
use raid_array::store::{CommitStep, Store};
use raid_core::array::{Initialisation, Name};
use raid_core::metadata::{ArrayRequest, DiskShape, FormatWriter, Stamp};
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
    #[arg(long, default_value = "array")]
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

/// Makes the array; what to tell the user.
pub(crate) fn run(options: &Options) -> Result<String, String> {
    let format = writer(&options.metadata)?;
    let paths: Vec<PathBuf> = options.paths.iter().chain(&options.spare).cloned().collect();
    let members = FileMember::open_all(&paths).map_err(|error| error.to_string())?;
    let mut members = if options.overwrite { members } else { blank(members)? };
    let shapes: Vec<_> = members.iter().map(Member::shape).collect();
    let block_size = shapes[0].block_size;
    if let Some(other) = shapes.iter().position(|shape| shape.block_size != block_size) {
        return Err(format!(
            "{} has blocks of {} bytes, {} of {block_size}; an array needs one size",
            paths[other].display(),
            shapes[other].block_size,
            paths[0].display()
        ));
    }
    let count = u16::try_from(options.paths.len()).map_err(|_| "too many members")?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let unix_seconds = now.map_or(0, |now| now.as_secs());
    let stamp = || Stamp { unix_seconds, random: fastrand::u64(..) };
    let holds = |disk: usize, member: u64| {
        let shape: DiskShape = shapes[disk];
        let bytes = |blocks: Blocks| blocks.bytes(block_size).unwrap_or(u64::MAX);
        let (whole, usable) = (bytes(shape.blocks), bytes(format.usable(shape)));
        match usable >= member.max(1) {
            true => Ok(()),
            false => Err(format!(
                "{} is too small: of its {whole} bytes the metadata leaves {usable}, a member takes {}; give a \
                 larger disk",
                paths[disk].display(),
                if member == 0 { String::from("some") } else { member.to_string() },
            )),
        }
    };
    (0..paths.len()).try_for_each(|disk| holds(disk, options.size.unwrap_or(0)))?;
    let mut store = Store::for_new_disks(format, &shapes);
    store
        .edit(|disks| format.initialise(disks, stamp()))
        .map_err(|error| format!("the disks: {error}"))?;
    let disks: Vec<usize> = (0..options.paths.len()).collect();
    if options.name.len() > 32 {
        return Err("--name has more than 32 bytes".into());
    }
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
            let most = most.map_err(|error| error.to_string())?;
            most.bytes(block_size).unwrap_or(u64::MAX)
        }
    };
    let geometry = shape(size)?;
    let array = store
        .edit(|disks| format.create_array(disks, &request(geometry), stamp()))
        .map_err(|error| error.to_string())?;
    for (spare, path) in paths.iter().enumerate().skip(options.paths.len()) {
        holds(spare, size)?;
        store
            .edit(|disks| format.add_spare(disks, spare, stamp()))
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    for (disk, member) in members.iter_mut().enumerate() {
        for step in store.commit_steps(format, disk) {
            let done = match step {
                CommitStep::Write(at, bytes) => member.write(at, &bytes),
                CommitStep::Flush => member.flush(),
            };
            done.map_err(|error| format!("{}: {error}", paths[disk].display()))?;
        }
    }
    if let Some(warning) = beside_md::warning(Path::new("/"), format.name(), &paths) {
        eprintln!("raid-ublk: {warning}");
    }
    Ok(format!("array {} created: {array}, {}", options.name, geometry.level_name()))
}

/// These disks, if no format claims one and none begins with something.
pub(crate) fn blank(members: Vec<FileMember>) -> Result<Vec<FileMember>, String> {
    let named = members.into_iter().map(|member| (member.path().display().to_string(), member));
    let (discovery, mut members) = discover_members(named.collect(), FORMATS);
    for (found, member) in discovery.disks.iter().zip(&mut members) {
        let name = &found.name;
        if let Some(claim) = found.claims.first() {
            let format = claim.format_name;
            return Err(format!(
                "{name} carries {format} metadata; raid-inspect shows it, --overwrite loses it"
            ));
        }
        let shape = member.shape();
        let len = LOOKED_AT.min(shape.blocks.0 as usize * shape.block_size as usize);
        let mut bytes = vec![0; len];
        member.read(Lba(0), &mut bytes).map_err(|error| format!("{name}: {error}"))?;
        if let Some(at) = bytes.iter().position(|byte| *byte != 0) {
            return Err(format!("{name} holds something at byte {at}; --overwrite loses it"));
        }
    }
    Ok(members)
}

/// The format of this name, if arrays of it can be made.
pub(crate) fn writer(name: &str) -> Result<&'static dyn FormatWriter, String> {
    let known = || FORMATS.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ");
    let format = (FORMATS.iter())
        .find(|format| format.name().eq_ignore_ascii_case(name))
        .ok_or_else(|| format!("unknown metadata format {name:?}; known: {}", known()))?;
    format.writer().ok_or_else(|| format!("{name} metadata cannot be written yet"))
}
