// SPDX-License-Identifier: MIT OR Apache-2.0
//! The format as the rest of the stack sees it.

use crate::MemberOrder;
use crate::assemble;
use crate::locate::{Located, locate};
use raid_core::metadata::{Admin, DiskBytes, DiskView, Format, Inventory, Lookup, RunTime};

/// The Adaptec ASR format, with the choices of the caller. [`Asr::new`] decides nothing that the disks leave open.
///
/// ```
/// use raid_asr::{Asr, MemberOrder};
///
/// assert_eq!(Asr::default().order, MemberOrder::Undecided);
/// assert_eq!(Asr::new().with_order(MemberOrder::Table).order, MemberOrder::Table);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Asr {
    /// Which order of members counts where table and addresses contradict each other.
    pub order: MemberOrder,
    /// Whether tables of a version that is not known here may be changed. Off by default: they are
    /// read only. Version 2 is known.
    pub unknown_versions: bool,
}

impl Asr {
    /// The order of members undecided, unknown versions read only.
    #[must_use]
    pub const fn new() -> Self {
        Self { order: MemberOrder::Undecided, unknown_versions: false }
    }

    /// The same with this order of members.
    #[must_use]
    pub const fn with_order(self, order: MemberOrder) -> Self {
        Self { order, ..self }
    }

    /// The same with the caller's confirmation that tables of unknown versions may be written.
    #[must_use]
    pub const fn with_unknown_versions(self) -> Self {
        Self { unknown_versions: true, ..self }
    }
}

impl Format for Asr {
    fn name(&self) -> &'static str {
        "asr"
    }

    /// Asks for the last block, then for 16 blocks at `raidtbl`, and only if no table is there for
    /// the 16 blocks before the last.
    fn next_read(&self, disk: &DiskView<'_>) -> Lookup {
        match locate(DiskBytes::View(*disk)) {
            Located::Unread(extent) => Lookup::Read(extent),
            Located::Absent => Lookup::Absent,
            Located::Trace(_) | Located::Found(_) => Lookup::Complete,
        }
    }

    /// Reports disks, then arrays with their members, by the rules of `asr.md` section 4.
    ///
    /// Arrays are told apart by the `raidmagic` of their top line, never by name. An array that has
    /// a refusal is reported as failed.
    fn assemble(&self, disks: &[DiskView<'_>], into: &mut dyn Inventory) {
        assemble::assemble(&disks, self.order, into);
    }

    fn run_time(&self) -> Option<&dyn RunTime> {
        Some(self)
    }

    fn admin(&self) -> Option<&dyn Admin> {
        Some(self)
    }
}
