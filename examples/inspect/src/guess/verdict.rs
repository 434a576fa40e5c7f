// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the data says about the array, and what it does not say.

use crate::guess::redundancy::{self, Found, Redundancy};
use crate::guess::sample::{PAGE, Sample};
use crate::size::human;
use crate::verdict::ExitCode;
use raid_array::discover::Source;

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

/// The verdict.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// How much was read, in words.
    pub sampled: String,
    /// The disks: name, role, pages that could not be read.
    pub disks: Vec<(String, DiskRole, u64)>,
    /// How redundancy is kept; `None` where there is too little data.
    pub redundancy: Option<Redundancy>,
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
            evidence: Vec::new(),
            doubts: Vec::new(),
        };
        match redundancy::find(sample) {
            Some(found) => verdict.take(&found),
            None => verdict.doubt(
                "anything",
                "nearly all that was read is zeros; --sample reads more".to_owned(),
            ),
        }
        verdict
    }

    fn doubt(&mut self, what: &'static str, reason: String) {
        self.doubts.push(Doubt { what, reason });
    }

    fn take(&mut self, found: &Found) {
        let shown = found.redundancy != Redundancy::None;
        for (index, disk) in self.disks.iter_mut().enumerate() {
            disk.1 = match () {
                () if found.foreign.contains(&index) => DiskRole::Foreign,
                () if found.stale == Some(index) => DiskRole::Stale,
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
        if shown && agreed < tested && found.stale.is_none() {
            let rows = tested - agreed;
            self.doubt(
                "which disk is stale",
                format!("{rows} rows do not agree, and no disk stands out"),
            );
        }
        self.doubt("chunk size and order of the disks", "not looked for yet".to_owned());
        self.redundancy = Some(found.redundancy.clone());
    }

    /// The exit code.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self.doubts.is_empty() {
            true => ExitCode::Consistent,
            false => ExitCode::Nothing,
        }
    }
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
            Self::DoubleParityShort => "two parities (P and Q), one member missing or stale",
        }
    }
}
