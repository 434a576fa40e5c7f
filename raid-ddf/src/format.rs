// SPDX-License-Identifier: MIT OR Apache-2.0
//! DDF as one of several formats that a tool may know.

use crate::assemble::{Assembly, DISK_WORDS, RECORD_WORDS};
use crate::build::VENDOR;
use crate::disk_bytes::DiskBytes;
use crate::locate::{AnchorSearch, next_read};
use raid_core::array::{ArrayId, Name};
use raid_core::metadata::{Admin, Creator, DiskView, Format, Inventory, Lookup, Piece, RunTime};
use raid_core::units::{Extent, Lba};

/// Words of scratch that [`Format::assemble`] has on its own stack: 64 disks with two records each.
/// More work as well, only slower; [`Format::assemble_with`] takes the caller's.
const OWN_SCRATCH: usize = 64 * (DISK_WORDS + 2 * RECORD_WORDS);

/// The format: a value without state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ddf;

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
        next_read(DiskBytes::View(*disk), AnchorSearch::NONE)
    }

    fn assemble(&self, disks: &[DiskView<'_>], into: &mut dyn Inventory) {
        self.assemble_with(disks, &mut [0; OWN_SCRATCH], into);
    }

    fn scratch_words(&self, disks: &[DiskView<'_>]) -> usize {
        Assembly::scratch_words(&disks)
    }

    fn assemble_with(&self, disks: &[DiskView<'_>], scratch: &mut [u64], into: &mut dyn Inventory) {
        Assembly::new(&disks, scratch, &mut |finding| into.finding(&finding)).report(into);
    }

    fn run_time(&self) -> Option<&dyn RunTime> {
        Some(self)
    }

    fn admin(&self) -> Option<&dyn Admin> {
        Some(self)
    }
}

/// DDF with a search for anchors that stand in neither of their two places: to rescue what is on
/// disks whose controller is gone. It looks through the window of every disk that has no anchor in
/// place, and what it finds is for reading only.
#[derive(Clone, Copy, Debug)]
pub struct DdfSearch {
    /// How far to search.
    pub search: AnchorSearch,
}

impl Format for DdfSearch {
    fn name(&self) -> &'static str {
        Ddf.name()
    }

    fn creator(&self, configuration: ArrayId) -> Creator {
        Ddf.creator(configuration)
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
}
