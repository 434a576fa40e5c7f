// SPDX-License-Identifier: MIT OR Apache-2.0
//! A disk loses its metadata: no tool finds it again.
//!
//! ```text
//!  anchor, and the block where some Adaptec firmware looks for one ▸ F ▸ all other headers ▸ F
//! ```
//!
//! A cut leaves the anchor, and with it everything, or no anchor. After a cut in between, headers are
//! left that only a search through the whole reserve would find; erasing once more from a buffer that
//! holds them (the ranges of a new disk) destroys them too.

use crate::disk_bytes::DiskBytes;
use crate::header::DdfHeader;
use crate::locate::{AnchorPlace, anchor};
use crate::update::copies::Copies;
use raid_core::metadata::{DiskBuffer, Step};
use raid_core::units::{Blocks, Lba};

/// The `index`-th step of erasing `disk`; `None` past the last, and if the buffer holds no header.
pub(crate) fn step<'a>(
    disk: &DiskBuffer<'_, '_>,
    index: usize,
    block: &'a mut [u8],
) -> Option<Step<'a>> {
    let bytes = DiskBytes::of_buffer(disk);
    headers(bytes).next()?;
    let anchors = || anchors(bytes);
    let others = || headers(bytes).filter(move |at| anchors().all(|anchor| anchor != *at));
    let size = usize::try_from(disk.shape.block_size).ok()?;
    let zeros = block.get_mut(..size)?;
    zeros.fill(0);
    let first = anchors().count();
    let end = first.checked_add(1)?.checked_add(others().count())?;
    let at = if index == first || index == end {
        return Some(Step::Flush);
    } else if index < first {
        anchors().nth(index)?
    } else {
        others().nth(index.checked_sub(first)?.checked_sub(1)?)?
    };
    Some(Step::Write { at, bytes: zeros })
}

/// Where tools look for an anchor, as far as a header stands there. The other place is taken too if it
/// lies in the disk's reserve: what stood there before the disk was set up is not known.
fn anchors(disk: DiskBytes<'_>) -> impl Iterator<Item = Lba> {
    let place = |place: AnchorPlace| place.lba(disk.shape());
    let last = place(AnchorPlace::LastBlock).filter(|at| is_header(disk, *at));
    let other = place(AnchorPlace::Adaptec)
        .filter(|at| is_header(disk, *at) || reserve(disk).is_some_and(|reserve| *at >= reserve));
    [last, other].into_iter().flatten()
}

/// Where the disk's reserve begins, as its own entry says.
fn reserve(disk: DiskBytes<'_>) -> Option<Lba> {
    anchor(disk)?;
    let copies = Copies::find(disk).ok()??;
    let structure = copies.structure(disk)?;
    let own = structure.disk_data()?.pd_reference.get(copies.order);
    let entry = structure.physical_disks()?.find(copies.order, own)?;
    Some(Lba(entry.configured_size.get(copies.order)))
}

/// The blocks in memory that headers stand in.
fn headers(disk: DiskBytes<'_>) -> impl Iterator<Item = Lba> {
    disk.runs().flat_map(move |run| {
        let blocks = (0..run.len.0).filter_map(move |skip| run.start.checked_add(Blocks(skip)));
        blocks.filter(move |at| is_header(disk, *at))
    })
}

fn is_header(disk: DiskBytes<'_>, at: Lba) -> bool {
    disk.block(at).is_some_and(|block| DdfHeader::byte_order(block).is_some())
}
