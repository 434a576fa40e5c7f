// SPDX-License-Identifier: MIT OR Apache-2.0
//! DDF as one of several formats that a tool may know.

use crate::assemble::Assembly;
use crate::disk_bytes::DiskBytes;
use crate::locate::next_read;
use raid_core::metadata::{DiskView, Format, FormatWriter, Inventory, Lookup};

/// Disks of which the copy in use is kept in mind during [`Format::assemble`]. More disks work as
/// well, only slower.
const REMEMBERED: usize = 128;

/// The format: a value without state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ddf;

impl Format for Ddf {
    fn name(&self) -> &'static str {
        "ddf"
    }

    fn next_read(&self, disk: &DiskView<'_>) -> Lookup {
        next_read(DiskBytes::View(*disk))
    }

    fn assemble(&self, disks: &[DiskView<'_>], into: &mut dyn Inventory) {
        let mut scratch = [None; REMEMBERED];
        let assembly = Assembly::new(&disks, &mut scratch, &mut |finding| into.finding(&finding));
        assembly.report(into);
    }

    fn writer(&self) -> Option<&dyn FormatWriter> {
        Some(self)
    }
}
