// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the data says about the array, and what it does not say.

use crate::guess::borders::SelfLinks;
use crate::guess::candidates;
use crate::guess::links::Links;
use crate::guess::redundancy::{self, Found, Redundancy};
use crate::guess::rules::{self, Judged};
use crate::guess::sample::{PAGE, Sample};
use crate::size::human;
use crate::verdict::ExitCode;
use raid_array::discover::Source;
use raid_core::array::Geometry;

/// What a disk turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskRole {
    /// It belongs to the array.
    Member,
    /// It belongs to the array, and its content is older than that of the others.
    Stale,
    /// Its data has nothing to do with the others.
    Foreign,
    /// Not known.
    Unknown,
}

impl DiskRole {
    /// A short name for people and for JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Stale => "stale",
            Self::Foreign => "foreign",
            Self::Unknown => "unknown",
        }
    }
}

/// One thing that cannot be told, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// What cannot be told.
    pub what: &'static str,
    /// Why, and what would help.
    pub reason: String,
}

/// Where the volume begins on the members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Not known; everything else may be.
    Unknown,
    /// What begins there may have something before it in the volume.
    Likely(u64),
    /// Bytes from the beginning of each member.
    Sure(u64),
}

/// One possible geometry.
#[derive(Clone, Debug)]
pub struct Guess {
    /// The shape, in blocks of 4096 bytes.
    pub geometry: Geometry,
    /// The disk of each place (set × slots + slot); `None`: missing.
    pub places: Vec<Option<usize>>,
    /// Page of each member from which the geometry counts: a turn of the rotation begins there.
    pub first: u64,
    /// Where the volume begins.
    pub start: Start,
    /// Bits of evidence, comparable with those of other guesses only.
    pub bits: f32,
}

/// The verdict.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// How much was read, in words.
    pub sampled: String,
    /// The disks: name, role, pages that could not be read.
    pub disks: Vec<(String, DiskRole, u64)>,
    /// How redundancy is kept; `None` where there is too little data.
    pub redundancy: Option<Redundancy>,
    /// Possible geometries, the best first. None is exactly like another one.
    pub guesses: Vec<Guess>,
    /// Whether the first is sure: the whole block map, with or without its start.
    pub sure: bool,
    /// What the verdict rests on.
    pub evidence: Vec<String>,
    /// What cannot be told.
    pub doubts: Vec<Doubt>,
}

impl Verdict {
    /// Of these members.
    #[must_use]
    pub fn of(members: &[Source], sample: &Sample, sampled: String) -> Self {
        let disk = |(member, column): (&Source, &crate::guess::sample::Column)| {
            (member.name.clone(), DiskRole::Unknown, column.unreadable)
        };
        let mut verdict = Self {
            sampled,
            disks: members.iter().zip(sample.columns()).map(disk).collect(),
            redundancy: None,
            guesses: Vec::new(),
            sure: false,
            evidence: Vec::new(),
            doubts: Vec::new(),
        };
        match redundancy::find(sample) {
            Some(found) => {
                let narrow = found.without_single_copies().map(|found| judge(sample, found));
                let (judged, found) = match narrow {
                    Some(narrow) if narrow.0.sure => narrow,
                    narrow => broad_or(narrow, judge_stripes(sample, found)),
                };
                verdict.take(&found);
                let Judged { guesses, evidence, doubts, sure, .. } = judged;
                verdict.guesses = guesses;
                verdict.evidence.extend(evidence);
                verdict.doubts.extend(doubts);
                verdict.sure = sure;
            }
            None => verdict.doubts.push(Doubt {
                what: "anything",
                reason: "nearly all that was read is zeros; --sample reads more".to_owned(),
            }),
        }
        verdict
    }

    fn take(&mut self, found: &Found) {
        let shown = found.redundancy != Redundancy::None;
        for (index, disk) in self.disks.iter_mut().enumerate() {
            disk.1 = match () {
                () if found.stale == Some(index) => DiskRole::Stale,
                () if found.foreign.contains(&index) => DiskRole::Foreign,
                () if shown && found.members.contains(&index) => DiskRole::Member,
                () => DiskRole::Unknown,
            };
        }
        let (agreed, tested) = (found.agreed, found.tested);
        self.evidence.push(format!("{} in {agreed} of {tested} rows", found.redundancy.text()));
        if let Some((first, last)) = found.extent {
            let bytes = |page: u64| human(page.saturating_mul(PAGE as u64));
            self.evidence.push(format!("seen from {} to {}", bytes(first), bytes(last + 1)));
        }
        self.redundancy = Some(found.redundancy.clone());
    }

    /// The exit code.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        let start_known =
            self.guesses.first().is_some_and(|guess| matches!(guess.start, Start::Sure(_)));
        let missing = self.guesses.first().is_some_and(|guess| guess.places.contains(&None));
        let stale = self.disks.iter().any(|disk| disk.1 == DiskRole::Stale);
        match () {
            () if !self.sure || !start_known => ExitCode::Nothing,
            () if missing || stale => ExitCode::Degraded,
            () => ExitCode::Consistent,
        }
    }
}

/// As [`judge`]; where that is not sure, also without the stale member of P and Q, and where nothing is redundant
/// without the disk that is not broken into chunks.
fn judge_stripes(sample: &Sample, found: Found) -> (Judged, Found) {
    let all = judge(sample, found);
    if !all.0.sure
        && let Some(short) = all.1.without_stale_member(sample)
    {
        let (mut judged, found) = judge(sample, short);
        // The place that is left is the stale member's.
        for guess in &mut judged.guesses {
            guess.places.iter_mut().filter(|place| place.is_none()).for_each(|p| *p = found.stale);
        }
        return if judged.sure { (judged, found) } else { all };
    }
    if all.0.sure || all.1.redundancy != Redundancy::None {
        return all;
    }
    let masked = vec![false; sample.rows()];
    let links = SelfLinks::new(sample, &masked, &Links::calibrate(sample, &masked));
    let Some(odd) = links.unbroken_column() else { return all };
    let members = all.1.members.iter().copied().filter(|member| *member != odd).collect();
    let narrow = judge(sample, Found { members, foreign: vec![odd], ..all.1.clone() });
    if narrow.0.sure { narrow } else { broad_or(Some(narrow), all) }
}

/// What is said where it is not sure that disks without a copy are foreign: that they are, unless links order them
/// among the others.
fn broad_or(narrow: Option<(Judged, Found)>, broad: (Judged, Found)) -> (Judged, Found) {
    match narrow {
        Some((mut judged, found)) if !broad.0.sure && !broad.0.ordered => {
            judged.followed_by(broad.0);
            // Which disks they are is as little known as the rest.
            (judged, Found { foreign: Vec::new(), ..found })
        }
        _ => broad,
    }
}

/// Ranks and judges. Who is stale may depend on where parity stands.
fn judge(sample: &Sample, mut found: Found) -> (Judged, Found) {
    let candidates = candidates::find(sample, &found);
    if found.redundancy == Redundancy::Xor
        && let Some(best) = candidates.ranked.first()
    {
        let parity = |row| best.hypothesis.row(sample.page_number(row)).p;
        found.stale = redundancy::stale_of_one_parity(sample, &found, &parity);
    }
    (rules::judge(&candidates, &found), found)
}

impl Redundancy {
    /// A short name for JSON.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Copies(_) => "copies",
            Self::ShiftedCopies => "shifted_copies",
            Self::Xor => "xor",
            Self::DoubleParity => "double_parity",
            Self::DoubleParityShort => "double_parity_short",
        }
    }

    /// In words.
    #[must_use]
    pub const fn text(&self) -> &'static str {
        match self {
            Self::None => "no redundancy",
            Self::Copies(_) => "copies",
            Self::ShiftedCopies => "copies at other places",
            Self::Xor => "one parity (XOR)",
            Self::DoubleParity => "two parities (P and Q)",
            Self::DoubleParityShort => "two parities (P and Q), one member missing",
        }
    }
}
