// SPDX-License-Identifier: MIT OR Apache-2.0
//! Metadata of one block size that passes for that of another: what holds together counts.

use crate::bench::{images, sources};
use crate::on_disk::{edit, number};
use raid_array::discover::discover;
use raid_array::formats::{FORMATS, SEARCHING};
use raid_core::array::ArrayState;
use raid_core::metadata::{Format, Severity};
use raid_testdata::{SparseImage, scenario};
use std::sync::Arc;

/// A disk of 4096-byte blocks with `more` bytes behind its anchor, whose headers have a CRC over 512
/// bytes, as a disk of 512-byte blocks has.
fn resealed(image: &SparseImage, more: u64) -> Arc<SparseImage> {
    let anchor = image.len - 4096;
    let mut image = image.resized(image.len + more);
    let copies = [96, 104].map(|field| number(&image, anchor + field, 8));
    let copies = copies.into_iter().filter(|at| *at != u64::MAX).map(|at| at * 4096);
    for at in copies.chain([anchor]) {
        edit(&mut image, at, 512, |_| {});
    }
    Arc::new(image)
}

/// Case D1.
#[test]
fn a_disk_is_read_with_the_block_size_that_holds_together() {
    let images = images(&scenario("ddf-graid", "be-4k-raid1"));
    let found = |search: bool, more: u64| {
        let formats: &[&dyn Format] = if search { SEARCHING } else { FORMATS };
        let disks: Vec<_> = images.iter().map(|image| resealed(image, more)).collect();
        discover(&sources(&disks), formats)
    };
    for (search, more) in [(false, 0), (true, 0), (true, 4096)] {
        let found = found(search, more);
        let sizes: Vec<_> = found.disks.iter().map(|disk| disk.shape.block_size).collect();
        assert_eq!(sizes, [4096; 2], "{search} {more}");
        let states: Vec<_> = found.arrays.iter().map(|array| array.descriptor.state).collect();
        assert_eq!(states, [ArrayState::Optimal], "{search} {more}");
        let bad = found.findings.iter().filter(|one| one.finding.severity >= Severity::Damage);
        assert_eq!(bad.count(), 0, "{:?}", found.findings);
    }
    // Where nothing is searched, an anchor that is in neither of its places is none.
    assert!(found(false, 4096).arrays.is_empty());
}
