// SPDX-License-Identifier: MIT OR Apache-2.0
//! The disks on the command line, opened for reading, and what was discovered on them.

use crate::copies::{Remark, RemarkKind};
use crate::patient;
use raid_array::discover::{
    Cause, Discovery, FoundArray, MetadataBound, ReadAt, Source, discover, discover_within,
};
use raid_array::formats::FORMATS;
use raid_array::member::writer;
use raid_core::array::{ArrayDescriptor, ArrayId, Level, MemberDescriptor, MemberState, Place};
use raid_core::layout::{GeometryError, Layout};
use raid_core::metadata::Format;
use raid_core::units::{Blocks, Lba, Row, Slot};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The disks and what is on them.
#[derive(Debug)]
pub struct Inspection {
    /// The disks, in the order given.
    pub sources: Vec<Source>,
    /// Where they are; none where they were open already.
    pub(crate) paths: Vec<PathBuf>,
    /// Why a disk could not be opened, by its index.
    unopened: Vec<Option<String>>,
    /// What is to be known of disks beyond their metadata.
    pub remarks: Vec<Remark>,
    /// What was found.
    pub discovery: Discovery,
    /// Members of which a layout file says that they are stale, and from which row on.
    pub(crate) marks: Vec<(Place, Row)>,
}

impl Inspection {
    /// Opens the paths and looks for every format. A path that cannot be opened keeps its index.
    #[must_use]
    pub fn open(paths: &[PathBuf]) -> Self {
        Self::open_as(paths, FORMATS)
    }

    /// As [`open`](Self::open), looking for these formats.
    #[must_use]
    pub fn open_as(paths: &[PathBuf], formats: &[&dyn Format]) -> Self {
        Self::open_and_leave_out(paths, formats, &[], MetadataBound::default())
    }

    /// As [`open_as`](Self::open_as), as if the disks named in `without` had not been given. They keep
    /// their index. No more metadata is held than `bound` allows.
    ///
    /// # Errors
    /// A name is not one of a disk given.
    pub fn open_without(
        paths: &[PathBuf],
        formats: &[&dyn Format],
        without: &[String],
        bound: MetadataBound,
    ) -> Result<Self, String> {
        let out = left_out(paths, without)?;
        Ok(Self::open_and_leave_out(paths, formats, &out, bound))
    }

    fn open_and_leave_out(
        paths: &[PathBuf],
        formats: &[&dyn Format],
        out: &[usize],
        bound: MetadataBound,
    ) -> Self {
        let (sources, unopened, remarks) = open_sources(paths, out);
        let discovery = discover_within(&sources, formats, bound);
        let paths = paths.to_vec();
        let marks = Vec::new();
        let mut inspection = Self { sources, paths, unopened, remarks, discovery, marks };
        inspection.look_for_copies(formats);
        inspection
    }

    /// Looks for every format on disks that are open already.
    #[must_use]
    pub fn of(sources: Vec<Source>) -> Self {
        let discovery = discover(&sources, FORMATS);
        Self::with(sources, discovery)
    }

    /// Disks and what was found on them by other means.
    #[must_use]
    pub fn with(sources: Vec<Source>, discovery: Discovery) -> Self {
        let (unopened, paths, remarks) = (vec![None; sources.len()], Vec::new(), Vec::new());
        Self { sources, paths, unopened, remarks, discovery, marks: Vec::new() }
    }

    /// Disks and the array that a layout file puts on them, with the rows from which on members are stale.
    pub(crate) fn of_layout(
        sources: Vec<Source>,
        paths: Vec<PathBuf>,
        unopened: Vec<Option<String>>,
        remarks: Vec<Remark>,
        discovery: Discovery,
        marks: Vec<(Place, Row)>,
    ) -> Self {
        Self { sources, paths, unopened, remarks, discovery, marks }
    }

    /// From now on each read of a disk fails that takes longer than this.
    ///
    /// # Errors
    /// A disk cannot be given a thread.
    pub(crate) fn wait_at_most(&mut self, patience: Duration) -> io::Result<()> {
        for source in std::mem::take(&mut self.sources) {
            self.sources.push(patient::with(source, patience)?);
        }
        Ok(())
    }

    /// The disks that could not be opened, and why.
    pub fn unopened(&self) -> impl Iterator<Item = (&str, &str)> {
        let errors = self.sources.iter().zip(&self.unopened);
        errors.filter_map(|(source, error)| Some((source.name.as_str(), error.as_deref()?)))
    }

    /// Why disk `disk` could not be opened.
    #[must_use]
    pub fn open_error(&self, disk: usize) -> Option<&str> {
        self.unopened.get(disk)?.as_deref()
    }

    /// Whether a disk is open and nothing is known of it beyond its metadata.
    pub(crate) fn is_at_hand(&self, disk: usize) -> bool {
        self.open_error(disk).is_none() && !self.remarks.iter().any(|remark| remark.disk == disk)
    }

    /// Whether a disk could not be opened, or not be read.
    #[must_use]
    pub fn has_io_errors(&self) -> bool {
        let unreadable = self.discovery.disks.iter().flat_map(|disk| &disk.unreadable);
        self.unopened().next().is_some()
            || unreadable.into_iter().any(|run| run.cause != Cause::NothingThere)
    }

    /// Why a disk's metadata was not read: too much would have been held.
    #[must_use]
    pub fn over_bound(&self, disk: usize) -> Option<&str> {
        let unreadable = &self.discovery.disks.get(disk)?.unreadable;
        let over = unreadable.iter().find(|run| run.cause == Cause::OverBound)?;
        Some(&over.why)
    }

    /// The name of a disk.
    #[must_use]
    pub fn disk_name(&self, disk: usize) -> &str {
        self.sources.get(disk).map_or("?", |source| source.name.as_str())
    }

    /// The array with this identity.
    #[must_use]
    pub fn array(&self, id: ArrayId) -> Option<&FoundArray> {
        self.discovery.arrays.iter().find(|array| array.descriptor.id == id)
    }
}

/// What opening the paths gives, by their index: the disks, why one could not be opened, what is to be known of them.
type Opened = (Vec<Source>, Vec<Option<String>>, Vec<Remark>);

/// Opens the paths; those whose index is in `out` count as if they had not been given.
pub(crate) fn open_sources(paths: &[PathBuf], out: &[usize]) -> Opened {
    let (mut sources, mut unopened, mut remarks) = (Vec::new(), Vec::new(), Vec::new());
    for (disk, path) in paths.iter().enumerate() {
        if out.contains(&disk) {
            sources.push(closed(path.display().to_string()));
            unopened.push(None);
            remarks.push(Remark { disk, kind: RemarkKind::LeftOut, text: "left out".to_owned() });
            continue;
        }
        if let Some(holder) = std::fs::metadata(path).ok().and_then(|found| writer(&found)) {
            let text = format!(
                "in use by {holder}, which may write it now: what is read may be old or torn"
            );
            remarks.push(Remark { disk, kind: RemarkKind::InUse(holder.to_string()), text });
        }
        let (source, error) = match Source::open(path) {
            Ok(source) => (source, None),
            Err(error) => (closed(path.display().to_string()), Some(error.to_string())),
        };
        sources.push(source);
        unopened.push(error);
    }
    (sources, unopened, remarks)
}

/// The disks that these names leave out, by their index: a path, a file name, or `d` and the index.
///
/// # Errors
/// A name is not one of a disk given, or of several.
pub fn left_out(paths: &[PathBuf], without: &[String]) -> Result<Vec<usize>, String> {
    let index =
        |name: &String| named_disk(paths, name).map_err(|why| format!("--without {name}: {why}"));
    without.iter().map(index).collect()
}

/// The disk with this name, by its index: a path, a file name, or `d` and the index.
///
/// # Errors
/// None of the disks given has it, or several.
pub(crate) fn named_disk(paths: &[PathBuf], name: &str) -> Result<usize, String> {
    let whole = |path: &PathBuf| path.as_os_str() == name;
    let last = |path: &PathBuf| path.file_name().is_some_and(|last| last == name);
    let number = name.strip_prefix('d').and_then(|number| number.parse::<usize>().ok());
    let number = number.filter(|number| *number < paths.len());
    let chosen: Vec<usize> = match paths.iter().position(whole).or(number) {
        Some(index) => vec![index],
        None => (0..paths.len()).filter(|index| last(&paths[*index])).collect(),
    };
    match chosen.as_slice() {
        [index] => Ok(*index),
        [] => Err("no such disk was given".to_owned()),
        several => Err(format!("{} disks have this name; give the path", several.len())),
    }
}

/// A disk that could not be opened: nothing is on it.
pub(crate) fn closed(name: String) -> Source {
    struct Closed;
    impl ReadAt for Closed {
        fn len(&self) -> u64 {
            0
        }
        fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<()> {
            Err(io::Error::other("not open"))
        }
    }
    Source { name, bytes: Box::new(Closed) }
}

/// One member for every place of the array, in order: the best of those that claim the place, or a
/// missing one.
pub(crate) fn places(array: &FoundArray) -> Vec<MemberDescriptor> {
    let geometry = &array.descriptor.geometry;
    let mut best: BTreeMap<Place, MemberDescriptor> = BTreeMap::new();
    for member in array.members.iter().map(|member| member.descriptor) {
        let known = best.entry(member.place).or_insert(member);
        if is_readable(&member) && !is_readable(known) {
            *known = member;
        }
    }
    let places = (0..geometry.sets)
        .flat_map(|set| (0..geometry.slots).map(move |slot| (set, slot)))
        .filter_map(|(set, slot)| Some(Place { set, slot: Slot(u8::try_from(slot).ok()?) }));
    let missing = |place| MemberDescriptor {
        array: array.descriptor.id,
        place,
        disk: None,
        id: None,
        start: Lba(0),
        len: Blocks(0),
        state: MemberState::Missing,
    };
    places.map(|place| best.get(&place).copied().unwrap_or_else(|| missing(place))).collect()
}

/// The sizes of a concatenation's members; nothing for other levels, whose members are of one size.
pub(crate) fn sizes(array: &FoundArray, places: &[MemberDescriptor]) -> Vec<Blocks> {
    let geometry = &array.descriptor.geometry;
    match geometry.level {
        Level::Concat => {
            places.iter().take(usize::from(geometry.slots)).map(|member| member.len).collect()
        }
        _ => Vec::new(),
    }
}

/// The layout of an array whose members have these [`sizes`].
///
/// # Errors
/// A geometry that gives no addresses.
pub(crate) fn layout<'s>(
    descriptor: &ArrayDescriptor,
    sizes: &'s [Blocks],
) -> Result<Layout<'s>, GeometryError> {
    match (descriptor.geometry.level, descriptor.geometry.sets) {
        (Level::Concat, 1) => Layout::concatenation(&descriptor.geometry, sizes),
        _ => Layout::new(&descriptor.geometry),
    }
}

/// Whether a member holds its data and is at hand.
pub(crate) fn is_readable(member: &MemberDescriptor) -> bool {
    member.state == MemberState::InSync && member.disk.is_some()
}
