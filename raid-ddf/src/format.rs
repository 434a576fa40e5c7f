// SPDX-License-Identifier: MIT OR Apache-2.0
//! DDF as one of several formats that a tool may know.

use crate::assemble::{Assembly, DISK_WORDS, RECORD_WORDS};
use crate::build::{Options, VENDOR};
use crate::disk_bytes::DiskBytes;
use crate::locate::{AnchorSearch, next_read};
use raid_core::array::{ArrayId, Name};
use raid_core::metadata::{Admin, Creator, DiskView, Format, Inventory, Lookup, Piece, RunTime};
use raid_core::units::{Extent, Lba};

/// Words of scratch that [`Format::assemble`] has on its own stack: 64 disks with two records each.
/// More work as well, only slower; [`Format::assemble_with`] takes the caller's.
const OWN_SCRATCH: usize = 64 * (DISK_WORDS + 2 * RECORD_WORDS);

/// The format, with the choices of the caller. [`Ddf::new`] is for Linux and LSI, writes no checkpoints and
/// searches for nothing.
///
/// ```
/// use raid_core::metadata::{Format, RunTime};
/// use raid_ddf::{AnchorSearch, Ddf};
///
/// let format = Ddf::new().with_checkpoints();
/// assert!(format.capabilities().mark && !Ddf::default().capabilities().mark);
/// // What a search finds is for reading only.
/// assert!(Ddf::new().with_search(AnchorSearch::RESERVE).run_time().is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ddf {
    /// What new disks look like.
    pub options: Options,
    /// Whether the position of an operation is kept, in the vendor's scratch space of configuration
    /// records. Off by default: whether other implementations keep those bytes is unverified.
    pub checkpoints: bool,
    /// How far to search for anchors that stand in neither of their two places: to rescue what is on
    /// disks whose controller is gone. A search looks through the window of every disk that has no
    /// anchor in place, and what it finds is for reading only: [`run_time`](Format::run_time) and
    /// [`admin`](Format::admin) are then `None`.
    pub search: AnchorSearch,
    /// Whether configurations of a minor revision that is not known here may be changed. Off by
    /// default: they are read only.
    pub unknown_revisions: bool,
}

impl Ddf {
    /// New disks for Linux and LSI, no checkpoints, no search, unknown revisions read only.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            options: Options::LINUX,
            checkpoints: false,
            search: AnchorSearch::NONE,
            unknown_revisions: false,
        }
    }

    /// The same with new disks as `options` say.
    #[must_use]
    pub const fn with_options(self, options: Options) -> Self {
        Self { options, ..self }
    }

    /// The same with checkpoints.
    #[must_use]
    pub const fn with_checkpoints(self) -> Self {
        Self { checkpoints: true, ..self }
    }

    /// The same with a search for anchors, for reading only.
    #[must_use]
    pub const fn with_search(self, search: AnchorSearch) -> Self {
        Self { search, ..self }
    }

    /// The same with the caller's confirmation that minor revisions that are not known here may be
    /// written.
    #[must_use]
    pub const fn with_unknown_revisions(self) -> Self {
        Self { unknown_revisions: true, ..self }
    }

    /// Whether what discovery finds may be written: not what only a search finds.
    fn writes(&self) -> bool {
        self.search == AnchorSearch::NONE
    }
}

impl Default for Ddf {
    fn default() -> Self {
        Self::new()
    }
}

impl Format for Ddf {
    fn name(&self) -> &'static str {
        "ddf"
    }

    /// The T10 vendor with which the identity of a configuration begins (`ddf.md` 4.2).
    fn creator(&self, configuration: ArrayId) -> Creator {
        let [a, b, c, d, e, f, g, h, ..] = configuration.0;
        let vendor = [a, b, c, d, e, f, g, h];
        match vendor {
            VENDOR => Creator::Own,
            _ => Creator::Other(Name::new(vendor.trim_ascii_end())),
        }
    }

    fn next_read(&self, disk: &DiskView<'_>) -> Lookup {
        next_read(DiskBytes::View(*disk), self.search)
    }

    fn search_run(&self, disk: &DiskView<'_>, index: usize) -> Option<Extent> {
        self.search.run(DiskBytes::View(*disk), index)
    }

    fn found_in(&self, disk: &DiskView<'_>, run: &Piece<'_>) -> Option<Lba> {
        self.search.found_in(DiskBytes::View(*disk), run)
    }

    fn assemble(&self, disks: &[DiskView<'_>], into: &mut dyn Inventory) {
        self.assemble_with(disks, &mut [0; OWN_SCRATCH], into);
    }

    fn scratch_words(&self, disks: &[DiskView<'_>]) -> usize {
        Assembly::searched_scratch_words(&disks, self.search)
    }

    fn assemble_with(&self, disks: &[DiskView<'_>], scratch: &mut [u64], into: &mut dyn Inventory) {
        let mut tell = |finding| into.finding(&finding);
        Assembly::searched(&disks, self.search, scratch, &mut tell).report(into);
    }

    fn run_time(&self) -> Option<&dyn RunTime> {
        self.writes().then_some(self)
    }

    fn admin(&self) -> Option<&dyn Admin> {
        self.writes().then_some(self)
    }
}
