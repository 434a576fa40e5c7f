// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the metadata of real disks to arrays and members.
#![allow(missing_docs)] // criterion's macros

use criterion::{Criterion, criterion_group, criterion_main};
use raid_core::array::{ArrayDescriptor, MemberDescriptor};
use raid_core::metadata::{DiskShape, DiskView, Format, Inventory, Lookup, Piece};
use raid_core::units::{Blocks, Lba};
use raid_ddf::Ddf;
use std::hint::black_box;

#[path = "../../raid-ddf/tests/suite/large.rs"]
mod large;

/// Counts what is reported, and keeps nothing.
#[derive(Default)]
struct Count {
    arrays: usize,
    members: usize,
}

impl Inventory for Count {
    fn array(&mut self, _: &ArrayDescriptor) {
        self.arrays += 1;
    }
    fn member(&mut self, _: &MemberDescriptor) {
        self.members += 1;
    }
}

fn discovery(criterion: &mut Criterion) {
    for name in ["raid1-2d", "raid5-n-restart-3d-64k", "multi-6vd"] {
        let images: Vec<Vec<u8>> = raid_testdata::scenario("ddf-mdadm", name)
            .images()
            .iter()
            .map(raid_testdata::SparseImage::to_vec)
            .collect();
        let pieces: Vec<[Piece<'_>; 1]> =
            images.iter().map(|bytes| [Piece { at: Lba(0), bytes }]).collect();
        let disks: Vec<DiskView<'_>> = pieces
            .iter()
            .map(|pieces| DiskView {
                shape: DiskShape {
                    blocks: Blocks(pieces[0].bytes.len() as u64 / 512),
                    block_size: 512,
                },
                pieces,
            })
            .collect();
        criterion.bench_function(&format!("ddf assemble, {name}"), |bench| {
            bench.iter(|| {
                let mut count = Count::default();
                Ddf::new().assemble(black_box(&disks), &mut count);
                assert!(count.arrays > 0 && count.members > 0);
                count.members
            });
        });
    }
}

/// Discovery of 24 disks whose blocks are in memory: what to read is asked until all is there, then
/// all is put together. 24 x 626 KiB in mdadm's geometry, both copies judged.
fn container(criterion: &mut Criterion) {
    let made = large::Large::new(24, large::MDADM, &large::three_volumes());
    let pieces = made.pieces();
    let disks: Vec<DiskView<'_>> =
        pieces.iter().map(|pieces| DiskView { shape: made.shape(), pieces }).collect();
    let mut scratch = vec![0; Ddf::new().scratch_words(&disks)];
    criterion.bench_function("ddf probe + assemble, 24 disks", |bench| {
        bench.iter(|| {
            let disks = black_box(&disks);
            assert!(disks.iter().all(|disk| Ddf::new().next_read(disk) == Lookup::Complete));
            let mut count = Count::default();
            Ddf::new().assemble_with(disks, &mut scratch, &mut count);
            assert_eq!((count.arrays, count.members), (3, 48));
            count.members
        });
    });
}

criterion_group!(benches, discovery, container);
criterion_main!(benches);
