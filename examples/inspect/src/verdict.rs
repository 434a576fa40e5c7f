// SPDX-License-Identifier: MIT OR Apache-2.0
//! The exit code: how bad is the worst of what was found.

use crate::disks::Inspection;
use crate::readiness::{Readiness, Refusal};
use raid_array::discover::FoundArray;
use raid_array::trust::Accept;
use raid_core::array::{ArrayState, MemberState};
use raid_core::metadata::Severity;

/// Exit codes of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Nothing is wrong.
    Consistent = 0,
    /// An array is degraded, and can be read.
    Degraded = 1,
    /// An array cannot be read.
    NotReadable = 2,
    /// Metadata is damaged, or copies disagree.
    Damaged = 3,
    /// A disk cannot be read, or the command line is wrong.
    Usage = 4,
    /// Two formats claim one disk.
    Conflict = 8,
    /// No format was found on any disk, or no array of the name that was given.
    Nothing = 16,
}

/// The exit code for all that was found: the first that applies of 4, 8, 2, 3, 1.
pub(crate) fn of(inspection: &Inspection) -> ExitCode {
    let found = &inspection.discovery;
    let damaged = found.findings.iter().any(|f| f.finding.severity >= Severity::Damage);
    if inspection.has_io_errors() {
        ExitCode::Usage
    } else if found.conflicts().next().is_some() {
        ExitCode::Conflict
    } else if found.arrays.iter().any(|array| is_lost(inspection, array)) || is_refused(inspection)
    {
        ExitCode::NotReadable
    } else if damaged {
        ExitCode::Damaged
    } else if found.arrays.iter().any(is_degraded) {
        ExitCode::Degraded
    } else if found.disks.iter().all(|disk| disk.claims.is_empty()) {
        ExitCode::Nothing
    } else {
        ExitCode::Consistent
    }
}

/// Whether an array's data cannot be had. A shape without a known mapping is not the array's fault.
fn is_lost(inspection: &Inspection, array: &FoundArray) -> bool {
    let refusal = Readiness::of(inspection, array, Accept::NOTHING).err();
    matches!(array.descriptor.state, ArrayState::Failed | ArrayState::Forked)
        || refusal.is_some_and(|refusal| !matches!(refusal, Refusal::Unsupported(_)))
}

fn is_degraded(array: &FoundArray) -> bool {
    let out = |state| state != MemberState::InSync;
    array.descriptor.state != ArrayState::Optimal
        || array.members.iter().any(|member| out(member.descriptor.state))
}

/// Whether a format refused something that no readable array stands for.
fn is_refused(inspection: &Inspection) -> bool {
    let found = &inspection.discovery;
    let refusals = found.findings.iter().filter(|f| f.finding.severity == Severity::Refusal);
    refusals.into_iter().any(|refusal| match refusal.finding.array {
        Some(id) => inspection.array(id).is_none(),
        None => refusal.finding.disk.is_none(),
    })
}

impl ExitCode {
    /// What it means, in words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Consistent => "consistent",
            Self::Degraded => "degraded, readable",
            Self::NotReadable => "an array cannot be read",
            Self::Damaged => "metadata is damaged, or copies disagree",
            Self::Usage => "a disk cannot be read",
            Self::Conflict => "two formats claim one disk",
            Self::Nothing => "nothing found",
        }
    }
}
