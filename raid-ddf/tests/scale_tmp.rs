#![allow(missing_docs)]
#[path = "support/large.rs"]
mod large;
#[path = "support/disks.rs"]
mod support;
use large::*;
use raid_core::metadata::*;
use raid_ddf::Ddf;
use std::time::Instant;
#[derive(Default)]
struct Count(usize, usize, Vec<u16>);
impl Inventory for Count {
    fn disk(&mut self, _: &DiskDescriptor) {}
    fn array(&mut self, a: &raid_core::array::ArrayDescriptor) {
        self.0 += 1;
        if self.0 == 1 {
            println!("{:?} {:?}", a.state, a.geometry)
        }
    }
    fn member(&mut self, m: &raid_core::array::MemberDescriptor) {
        if m.state == raid_core::array::MemberState::InSync {
            self.1 += 1;
        }
    }
    fn raw(&mut self, _: Subject, _: &'static str, _: u64) {}
    fn finding(&mut self, f: &Finding) {
        self.2.push(f.code)
    }
}
fn run(made: &Large) {
    let pieces = made.pieces();
    let views: Vec<DiskView> =
        pieces.iter().map(|p| DiskView { shape: made.shape(), pieces: p }).collect();
    for v in &views {
        assert_eq!(Ddf.next_read(v), Lookup::Complete);
    }
    for _ in 0..3 {
        let t = Instant::now();
        let mut c = Count::default();
        Ddf.assemble(&views, &mut c);
        println!("{:?} arrays {} insync {} findings {:?}", t.elapsed(), c.0, c.1, c.2.len());
    }
}
#[test]
fn small() {
    let vols = [
        Volume { level: (6, 3, 0xFF), sets: vec![(0..12).collect()], start: 0, blocks: 1 << 16 },
        Volume { level: (5, 3, 0xFF), sets: vec![(12..24).collect()], start: 0, blocks: 1 << 16 },
        Volume {
            level: (1, 0, 3),
            sets: (0..12).map(|i| vec![2 * i, 2 * i + 1]).collect(),
            start: 1 << 16,
            blocks: 1 << 16,
        },
    ];
    run(&Large::new(24, MDADM, &vols));
}
#[test]
fn many() {
    let n: usize = std::env::var("N").map_or(127, |n| n.parse().unwrap());
    let tables = Tables { volumes: 15, partitions: 3, ..MDADM };
    let vols = [Volume {
        level: (6, 3, 0),
        sets: (0..n)
            .collect::<Vec<_>>()
            .chunks(128)
            .map(|c| c[..n.min(128) - 1].to_vec())
            .collect(),
        start: 0,
        blocks: 1 << 16,
    }];
    run(&Large::new(n, tables, &vols));
}
