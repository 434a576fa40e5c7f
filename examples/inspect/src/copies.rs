// SPDX-License-Identifier: MIT OR Apache-2.0
//! Disks that are given twice: one disk under two names, and copies of a disk.
//!
//! | found | what is done |
//! |---|---|
//! | the same file or device again | it is one disk, noted |
//! | the same metadata, and the same data wherever they were compared | the first is used, a warning; while an array is read each byte of it is compared |
//! | the same metadata, other data | both are left in, so that the format refuses them; the way out is named |
//! | one identity, other metadata | the same |

use crate::disks::{Inspection, closed};
use raid_array::discover::{FoundDisk, Source, discover};
use raid_core::metadata::Format;

/// Places that are compared at most, and bytes of one.
const PLACES: u64 = 256;
const PLACE: u64 = 4096;

/// What is to be known of a disk beyond its metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Index of the disk.
    pub disk: usize,
    /// What kind of thing it is.
    pub kind: RemarkKind,
    /// For people, without the name of the disk.
    pub text: String,
}

/// Kinds of remarks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemarkKind {
    /// Left out by `--without`.
    LeftOut,
    /// Somebody has it open for writing.
    InUse(String),
    /// The disk with this index under another name.
    SameDisk(usize),
    /// A copy of the disk with this index, which is read in its place.
    CopyOf(usize),
    /// It passes for the disk with this index, and is another.
    Differs(usize),
}

impl RemarkKind {
    /// A short name for JSON.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::LeftOut => "left_out",
            Self::InUse(_) => "in_use",
            Self::SameDisk(_) => "same_disk",
            Self::CopyOf(_) => "copy_of",
            Self::Differs(_) => "differs",
        }
    }

    /// Index of the other disk.
    #[must_use]
    pub const fn other(&self) -> Option<usize> {
        match self {
            Self::LeftOut | Self::InUse(_) => None,
            Self::SameDisk(other) | Self::CopyOf(other) | Self::Differs(other) => Some(*other),
        }
    }
}

impl Inspection {
    /// Copies of a disk, which are not used, and are compared while it is read.
    pub(crate) fn copies_of(&self, disk: usize) -> impl Iterator<Item = &Source> {
        let copies = self.remarks.iter().filter(move |r| r.kind == RemarkKind::CopyOf(disk));
        copies.filter_map(|remark| self.sources.get(remark.disk))
    }

    /// Finds disks that are given twice. A copy is taken out of what was found.
    pub(crate) fn look_for_copies(&mut self, formats: &[&dyn Format]) {
        let mut copies = Vec::new();
        for disk in 0..self.discovery.disks.len() {
            if let Some(first) = self.discovery.disks[disk].same_as {
                let text = format!("the same disk as {}; it is read once", self.disk_name(first));
                self.remarks.push(Remark { disk, kind: RemarkKind::SameDisk(first), text });
                continue;
            }
            let earlier = (0..disk).filter(|earlier| !copies.contains(earlier));
            let pass = |first: &usize| {
                let disks = &self.discovery.disks;
                passes_for(&disks[disk], &disks[*first])
            };
            let Some(first) = earlier.into_iter().find(pass) else { continue };
            let name = self.disk_name(first);
            let (kind, text) = match self.difference(first, disk) {
                None => {
                    copies.push(disk);
                    let text = format!(
                        "a copy of {name}, equal wherever it was compared: {name} is used; what is read \
                         is compared with this one"
                    );
                    (RemarkKind::CopyOf(first), text)
                }
                Some(what) => {
                    let own = self.disk_name(disk);
                    let text = format!(
                        "passes for {name}, and differs in {what}; leave out the one that is not meant: \
                         --without {own} or --without {name}"
                    );
                    (RemarkKind::Differs(first), text)
                }
            };
            self.remarks.push(Remark { disk, kind, text });
        }
        if copies.is_empty() {
            return;
        }
        let put_away: Vec<Source> = (copies.iter())
            .map(|copy| {
                let name = self.sources[*copy].name.clone();
                std::mem::replace(&mut self.sources[*copy], closed(name))
            })
            .collect();
        self.discovery = discover(&self.sources, formats);
        for (copy, source) in copies.iter().zip(put_away) {
            self.sources[*copy] = source;
        }
    }

    /// Where two disks that pass for one differ; `None` if they do not wherever they were compared.
    fn difference(&self, one: usize, other: usize) -> Option<String> {
        let (left, right) = (&self.discovery.disks[one], &self.discovery.disks[other]);
        if left.shape != right.shape {
            return Some("size".to_owned());
        }
        let runs = |disk: &FoundDisk| -> Vec<_> {
            disk.claims.iter().flat_map(|claim| claim.pieces.clone()).collect()
        };
        if runs(left) != runs(right) {
            return Some("metadata".to_owned());
        }
        let (left, right) = (&self.sources[one].bytes, &self.sources[other].bytes);
        let places = (left.len() / PLACE).max(1);
        let taken = places.min(PLACES);
        for index in 0..taken {
            let place = match taken {
                1 => 0,
                _ => (u128::from(index) * u128::from(places - 1) / u128::from(taken - 1)) as u64,
            };
            let at = place * PLACE;
            let len = PLACE.min(left.len() - at) as usize;
            let (mut mine, mut theirs) = (vec![0; len], vec![0; len]);
            let read = (left.read_at(at, &mut mine), right.read_at(at, &mut theirs));
            // What cannot be read contradicts nothing.
            if read.0.is_ok() && read.1.is_ok() && mine != theirs {
                return Some(format!("bytes {at} to {}", at + len as u64));
            }
        }
        None
    }
}

/// Whether two disks say of themselves that they are one.
fn passes_for(disk: &FoundDisk, other: &FoundDisk) -> bool {
    disk.claims.iter().any(|mine| {
        let theirs = other.claims.iter().find(|theirs| theirs.format == mine.format);
        let theirs = theirs.and_then(|claim| claim.descriptor);
        mine.descriptor.zip(theirs).is_some_and(|(mine, theirs)| {
            (mine.id, mine.configuration) == (theirs.id, theirs.configuration)
        })
    })
}
