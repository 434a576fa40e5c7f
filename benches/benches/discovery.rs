// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the metadata of real disks to arrays and members.
#![allow(missing_docs)] // criterion's macros

use criterion::{Criterion, criterion_group, criterion_main};
use raid_core::array::{ArrayDescriptor, MemberDescriptor};
use raid_core::metadata::{
    DiskDescriptor, DiskShape, DiskView, Finding, Format, Inventory, Piece, Subject,
};
use raid_core::units::{Blocks, Lba};
use raid_ddf::Ddf;
use std::hint::black_box;

/// Counts what is reported, and keeps nothing.
#[derive(Default)]
struct Count {
    arrays: usize,
    members: usize,
}

impl Inventory for Count {
    fn disk(&mut self, _: &DiskDescriptor) {}
    fn array(&mut self, _: &ArrayDescriptor) {
        self.arrays += 1;
    }
    fn member(&mut self, _: &MemberDescriptor) {
        self.members += 1;
    }
    fn raw(&mut self, _: Subject, _: &'static str, _: u64) {}
    fn finding(&mut self, _: &Finding) {}
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
                Ddf.assemble(black_box(&disks), &mut count);
                assert!(count.arrays > 0 && count.members > 0);
                count.members
            });
        });
    }
}

criterion_group!(benches, discovery);
criterion_main!(benches);
