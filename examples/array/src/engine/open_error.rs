// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why an array was not started.

use super::replay::JournalFault;
use crate::discover::{Choice, FoundBranch};
use crate::member::MemberError;
use crate::trust::{Accept, Risk, Taken};
use raid_core::array::ArrayId;
use raid_core::layout::GeometryError;
use raid_core::metadata::{ChangeError, DiskShape};
use raid_core::units::{Rows, SlotSet};
use raid_sync::Refusal;
use std::fmt;

/// Why an array was not started. Nothing was written but, perhaps, rows that its journal holds.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// No such array was found.
    NoSuchArray(ArrayId),
    /// The format of the array cannot be written by this version.
    ReadOnlyFormat(&'static str),
    /// The format does not change this array, e.g. because its version is not known.
    ReadOnly(ChangeError),
    /// The shape is not one that can be mapped.
    Geometry(GeometryError),
    /// Every set is on its own: mirrored secondary levels are not run.
    Unsupported(&'static str),
    /// The run-time state is not in the metadata.
    NoState {
        /// Of which set.
        set: u16,
    },
    /// The array has several histories: one is chosen by giving the disks that carry it.
    Forked {
        /// The histories, the one with the newest record first.
        branches: Vec<FoundBranch>,
        /// The names of the disks, by index.
        names: Vec<String>,
        /// Name of the format.
        format: &'static str,
    },
    /// Discovery refuses the array: two disks of one identity, records that contradict each other.
    Contradiction {
        /// Why, with the name of the disk; never empty.
        reasons: Vec<String>,
    },
    /// A risk that was not accepted.
    Risk(Taken),
    /// The sync engine refuses.
    Refused {
        /// Which set.
        set: u16,
        /// Its members that are missing.
        missing: SlotSet,
        /// Why.
        why: Refusal,
        /// Rows that may have been in flight at the stop, where that is why: what a forced start may
        /// find damaged. All rows where the metadata does not tell.
        at_risk: Vec<Rows>,
        /// Rows of the set.
        rows: u64,
        /// Why the set's write journal does not cover it, where it was in use.
        journal: Option<Box<JournalFault>>,
        /// What must be accepted to start all the same; none where nothing helps.
        risks: Accept,
    },
    /// The disk is not of the size that its metadata was read with.
    Shape {
        /// Which disk.
        disk: usize,
        /// Its size as the backplane has it.
        found: DiskShape,
        /// Its size at discovery.
        expected: DiskShape,
    },
    /// A member failed while the journal was replayed.
    Member {
        /// Which disk.
        disk: usize,
        /// Why.
        error: MemberError,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchArray(id) => {
                write!(f, "no array {id} on the disks given; check the identity and the disks")
            }
            Self::ReadOnlyFormat(name) => {
                write!(f, "{name} metadata cannot be written yet; the array can only be read")
            }
            Self::ReadOnly(why) => write!(f, "the array can only be read: {why}"),
            Self::Geometry(error) => write!(f, "{error}"),
            Self::Unsupported(what) => {
                write!(f, "the array cannot be run: {what}; it can only be read")
            }
            Self::NoState { set } => write!(
                f,
                "no run-time state of set {set} in the metadata of the disks given; give more of the \
                 array's disks"
            ),
            Self::Forked { branches, names, format } => write_branches(f, branches, names, format),
            Self::Contradiction { reasons } => {
                f.write_str("the disks contradict each other")?;
                reasons.iter().try_for_each(|reason| write!(f, "; {reason}"))?;
                f.write_str("; leave out the disk that is not meant, then start again")
            }
            Self::Risk(Taken { risk, what, .. }) => {
                write!(f, "{what}; to start all the same, accept the risk {}", risk.name())
            }
            Self::Refused { set, missing, why, at_risk, rows, journal, risks } => {
                write!(f, "set {set}{}: {why}", write_missing(*missing))?;
                if let Some(fault) = journal {
                    write!(f, "; {fault}")?;
                }
                write_rows_at_risk(f, at_risk, *rows)?;
                match names_of(&risks.risks()).as_str() {
                    "" => Ok(()),
                    names => write!(f, "; to start all the same, accept {names}"),
                }
            }
            Self::Shape { disk, found, expected } => write!(
                f,
                "disk {disk} has {} blocks of {} bytes, its metadata was read with {} of {}; open it \
                 again and look for arrays on what was opened",
                found.blocks.0, found.block_size, expected.blocks.0, expected.block_size
            ),
            Self::Member { disk, error } => write!(
                f,
                "disk {disk} failed while the write journal was read or replayed: {error}; start \
                 without it"
            ),
        }
    }
}

impl OpenError {
    /// The risks that must be accepted to start all the same; none where nothing helps.
    #[must_use]
    pub fn risks(&self) -> Vec<Risk> {
        match self {
            Self::Risk(taken) => vec![taken.risk],
            Self::Refused { risks, .. } => risks.risks(),
            _ => Vec::new(),
        }
    }
}

/// `, slots 0 and 2 missing`.
fn write_missing(missing: SlotSet) -> String {
    let slots: Vec<String> = missing.iter().map(|slot| slot.to_string()).collect();
    match slots.as_slice() {
        [] => String::new(),
        [slot] => format!(", slot {slot} missing"),
        [first @ .., last] => format!(", slots {} and {last} missing", first.join(", ")),
    }
}

/// `the risk a`, `the risks a and b`.
fn names_of(risks: &[Risk]) -> String {
    match risks {
        [] => String::new(),
        [risk] => format!("the risk {}", risk.name()),
        several => {
            let names: Vec<_> = several.iter().map(|risk| risk.name()).collect();
            format!("the risks {}", names.join(" and "))
        }
    }
}

/// The histories of a forked array, what settles it in favour of each, and what is lost then.
fn write_branches(
    f: &mut fmt::Formatter<'_>,
    branches: &[FoundBranch],
    names: &[String],
    format: &str,
) -> fmt::Result {
    let named = |disks: &[usize]| -> String {
        let names = disks.iter().map(|disk| names.get(*disk).map_or("?", String::as_str));
        names.collect::<Vec<_>>().join(", ")
    };
    f.write_str("its disks ran apart, and each history has writes that the others lack")?;
    for choice in Choice::all(branches) {
        let Choice { kept, given_back, .. } = &choice;
        write!(f, "; history {}: ", kept.number)?;
        if kept.disks.is_empty() {
            write!(f, "{}: none of the disks given holds its data", kept.last_record())?;
            f.write_str("; to keep it, give those that do")?;
            continue;
        }
        let own = named(&kept.disks);
        write!(f, "{own}, {}: to keep it, start with {own} alone", kept.last_record())?;
        if !given_back.is_empty() {
            let others = named(given_back);
            write!(f, ", then give back {others} as new disks, to be filled")?;
        }
        if !choice.others.is_empty() {
            write!(f, "; lost then is {}", choice.lost(format))?;
        }
    }
    f.write_str("; nothing was written")
}

/// What a forced start may lose; the first few ranges, and how many rows in all.
fn write_rows_at_risk(f: &mut fmt::Formatter<'_>, at_risk: &[Rows], rows: u64) -> fmt::Result {
    const FEW: usize = 8;
    let total: u64 = at_risk.iter().map(|range| range.len).sum();
    match total {
        0 => return Ok(()),
        _ if total >= rows => return write!(f, "; at risk: all {rows} rows"),
        _ => write!(f, "; at risk: {total} of {rows} rows:")?,
    }
    for range in at_risk.iter().take(FEW) {
        write!(f, " {}..{}", range.start.0, range.end().0)?;
    }
    if at_risk.len() > FEW { f.write_str(" …") } else { Ok(()) }
}

impl std::error::Error for OpenError {}

impl From<GeometryError> for OpenError {
    fn from(error: GeometryError) -> Self {
        Self::Geometry(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_whose_data_is_on_none_of_the_disks_given_is_not_offered_to_be_kept_with_them() {
        let branch = |number, disks: &[usize]| FoundBranch {
            number,
            disks: disks.to_vec(),
            sequence: Some(10 + u64::from(number)),
            unix_seconds: None,
            failed: Vec::new(),
            written: None,
        };
        let names = vec!["a".to_owned(), "b".to_owned()];
        let branches = vec![branch(0, &[]), branch(1, &[1])];
        let told = OpenError::Forked { branches, names, format: "native" }.to_string();
        for words in [
            "history 1: b, last record 11",
            "to keep it, start with b alone; lost then is what history 0 wrote",
            "history 0: last record 10 without a time: none of the disks given holds its data",
        ] {
            assert!(told.contains(words), "{told}");
        }
        for broken in [": ,", "with  alone", "back  as"] {
            assert!(!told.contains(broken), "{told}");
        }
        let (branches, names) = (vec![branch(1, &[1])], vec!["a".to_owned(), "b".to_owned()]);
        let told = OpenError::Forked { branches, names, format: "asr" }.to_string();
        assert!(told.ends_with("start with b alone; nothing was written"), "{told}");
    }
}
