// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where stripe rows end and requests are cut, against the place of every single block.

use crate::stripe::every_geometry;
use raid_core::array::{Geometry, Level};
use raid_core::layout::Layout;
use raid_core::stripe::{self, Health};
use raid_core::units::{Blocks, Extent};
use std::collections::BTreeSet;

fn sets() -> Vec<Geometry> {
    let shapes = [(4, 3, 4), (5, 2, 4), (5, 4, 3)];
    shapes
        .into_iter()
        .flat_map(|(slots, strip, rows)| every_geometry(slots, strip, rows))
        .filter(|geometry| Layout::new(geometry).is_ok())
        .collect()
}

/// The row of a data block, from where its first byte is.
fn row(layout: &Layout<'_>, block: u64) -> u64 {
    let parity = layout.geometry().parity_strips() > 0;
    if parity { layout.locate_byte(block, 0).unwrap().block.0 } else { block }
}

/// What must be the same of two blocks that are in one stripe row.
fn stripe_row(layout: &Layout<'_>, block: u64) -> u64 {
    let geometry = layout.geometry();
    match geometry.level {
        Level::Raid3 => layout.locate_byte(block, 0).unwrap().block.0,
        Level::Raid0 => layout.locate(block).unwrap().block.0 / geometry.strip.0,
        _ if geometry.parity_strips() > 0 => {
            layout.locate(block).unwrap().block.0 / geometry.strip.0
        }
        _ => 0,
    }
}

/// Whether a run of blocks can be one piece.
fn is_whole(layout: &Layout<'_>, at: Extent) -> bool {
    let blocks = || at.start.0..at.start.0 + at.len.0;
    let level = layout.geometry().level;
    if layout.geometry().parity_strips() == 0 {
        // Every copy of a block is followed by that of the next.
        let places = |block| layout.copies(block).collect::<Vec<_>>();
        return blocks().skip(1).all(|block| {
            let before = places(block - 1).into_iter();
            before
                .zip(places(block))
                .all(|(one, next)| one.slot == next.slot && one.block.0 + 1 == next.block.0)
        });
    }
    let rows: BTreeSet<u64> = blocks().map(|block| row(layout, block)).collect();
    let gapless = rows.last().unwrap() - rows.first().unwrap() + 1 == rows.len() as u64;
    let stripes: BTreeSet<u64> = blocks().map(|block| stripe_row(layout, block)).collect();
    gapless && (level == Level::Raid3 || stripes.len() == 1)
}

#[test]
fn stripe_rows_end_where_the_next_block_is_in_another_one() {
    for geometry in sets() {
        let layout = Layout::new(&geometry).unwrap();
        let end = layout.set_blocks().0;
        for block in 0..end {
            let here = stripe_row(&layout, block);
            let next = (block..end).find(|next| stripe_row(&layout, *next) != here).unwrap_or(end);
            assert_eq!(layout.row_end(block), Some(next), "{block} of {geometry:?}");
        }
        assert_eq!(layout.row_end(end), None);
        assert_eq!(layout.row_end(u64::MAX), None);
        let alike = geometry.parity_strips() == 0 && geometry.level != Level::Raid0;
        let blocks = layout.row_blocks().map(std::num::NonZeroU64::get);
        assert_eq!(blocks, (!alike).then(|| layout.row_end(0).unwrap()), "{geometry:?}");
    }
}

#[test]
fn a_piece_is_as_long_as_one_run_of_rows_of_one_stripe_row_allows() {
    for geometry in sets() {
        let layout = Layout::new(&geometry).unwrap();
        let end = layout.set_blocks().0;
        for start in 0..end {
            for len in 1..=end - start {
                let mut next = start;
                for piece in layout.pieces(Extent::new(start, len)) {
                    assert_eq!((piece.at.start.0, piece.offset), (next, Blocks(next - start)));
                    let left = start + len - next;
                    let longest = (1..=left)
                        .rev()
                        .find(|len| is_whole(&layout, Extent::new(next, *len)))
                        .unwrap();
                    assert_eq!(piece.at.len.0, longest, "{next} of {start}+{len} {geometry:?}");
                    next += longest;
                    let rows: BTreeSet<u64> =
                        (piece.at.start.0..next).map(|block| row(&layout, block)).collect();
                    assert_eq!(piece.rows.start.0, *rows.first().unwrap());
                    assert_eq!(piece.rows.len, rows.len() as u64);
                    let stripe = match geometry.level {
                        _ if geometry.parity_strips() == 0 => None,
                        Level::Raid3 => Some(0),
                        _ => Some(stripe_row(&layout, piece.at.start.0)),
                    };
                    assert_eq!(piece.stripe, stripe);
                }
                assert_eq!(next, start + len);
            }
        }
    }
}

#[test]
fn a_healthy_write_has_a_plan_for_each_piece() {
    for geometry in sets() {
        let layout = Layout::new(&geometry).unwrap();
        let end = layout.set_blocks().0;
        for start in 0..end {
            for len in 1..=end - start {
                let at = Extent::new(start, len);
                let plans = stripe::write(&layout, Health::OPTIMAL, at).map(|plan| {
                    let plan = plan.unwrap();
                    let part = plan.request().unwrap();
                    (part.offset, part.len, plan.rows())
                });
                let pieces =
                    layout.pieces(at).map(|piece| (piece.offset, piece.at.len, piece.rows));
                assert!(plans.eq(pieces), "{at:?} of {geometry:?}");
            }
        }
    }
}

#[test]
fn pieces_end_with_the_set() {
    for geometry in sets() {
        let layout = Layout::new(&geometry).unwrap();
        let end = layout.set_blocks().0;
        let blocks = |at| layout.pieces(at).map(|piece| piece.at.len.0).sum::<u64>();
        assert_eq!(blocks(Extent::new(end - 1, u64::MAX)), 1);
        assert_eq!(blocks(Extent::new(0, u64::MAX)), end);
        assert_eq!(blocks(Extent::new(end, 1)), 0);
        assert_eq!(blocks(Extent::new(u64::MAX, 1)), 0);
        assert_eq!(blocks(Extent::new(0, 0)), 0);
    }
}
