// SPDX-License-Identifier: MIT OR Apache-2.0
//! Volumes that the Linux kernel wrote: the first sector of every strip of the first six rows of
//! DDF volumes made by mdadm 4.2 and filled and synced by md of Linux 6.1, strips of 32 sectors.
//!
//! Data sector `k` holds `(k + 1) * 0x9E3779B97F4A7C15` mod 2^64, 64 times. A table names a data
//! strip by its number and parity by its first word.
//!
//! The images of `testdata/ddf-mdadm` add the levels that are not in the tables.

use crate::stripe::world::{BLOCK, geometry};
use raid_core::array::{Geometry, Level, Placement, Secondary};
use raid_core::backend::Backend;
use raid_core::layout::{Layout, Role};
use raid_core::stripe::{self, Health, ReadStep, RowPlan};
use raid_core::units::{Blocks, Extent, Rows, Slot, SlotSet};

/// One strip.
#[derive(Clone, Copy)]
enum Is {
    Data(u64),
    Parity(u64),
}
use Is::{Data as D, Parity as P};

fn word(strip: u64) -> u64 {
    (strip * 32 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn sector(is: Is) -> Vec<u8> {
    let word = match is {
        D(strip) => word(strip),
        P(word) => word,
    };
    word.to_le_bytes().repeat(BLOCK / 8)
}

/// What md left: the first sector of each strip of each slot, and of each strip of the data.
struct Wrote<'a> {
    members: &'a [Vec<Vec<u8>>],
    data: &'a dyn Fn(u64) -> Vec<u8>,
}

impl Wrote<'_> {
    fn at(&self, slot: Slot, row: u64) -> &[u8] {
        &self.members[slot.index()][row as usize]
    }

    fn slab(&self, plan: &RowPlan) -> Vec<u8> {
        let mut slab = vec![0; plan.slab_blocks().0 as usize * BLOCK];
        for io in plan.reads() {
            assert_eq!(io.at.len, Blocks(1));
            let from = self.at(io.slot, io.at.start.0);
            io.bytes(512, &mut slab).unwrap().copy_from_slice(from);
        }
        slab
    }

    /// Reads every strip without `lost`, as md wrote it.
    fn assert_reads(&self, layout: &Layout<'_>, lost: SlotSet) {
        let health = Health { unavailable: lost, ..Health::OPTIMAL };
        for strip in 0..layout.set_blocks().0 {
            let mut read = vec![0; BLOCK];
            let request = Extent::new(strip, 1);
            match stripe::read(layout, health, request, None).next().unwrap().unwrap() {
                ReadStep::Direct(io) => read = self.at(io.slot, io.at.start.0).to_vec(),
                ReadStep::Reconstruct(plan) => {
                    let mut slab = self.slab(&plan);
                    plan.compute(Backend::portable(), &mut slab, &[]).unwrap();
                    plan.extract(&slab, &mut read).unwrap();
                }
            }
            assert!(read == (self.data)(strip), "strip {strip} without {lost:?}");
        }
    }

    /// Maps, checks and reads without any members that may fail.
    fn assert_is(&self, geometry: &Geometry, may_fail: u16) {
        let layout = Layout::new(geometry).unwrap();
        let mut data_strips = 0;
        for (slot, member) in (0..).map(Slot).zip(self.members) {
            for (row, sector) in (0..).zip(member) {
                if let Role::Data(strip) | Role::Copy { of: strip } = layout.role(slot, row) {
                    assert!(*sector == (self.data)(strip), "slot {slot} row {row} is not {strip}");
                    data_strips += 1;
                }
            }
        }
        assert!(data_strips >= layout.set_blocks().0);
        for plan in stripe::scrub(&layout, Health::OPTIMAL, Rows::new(0, layout.rows())) {
            let plan = plan.unwrap();
            let mut slab = self.slab(&plan);
            assert!(plan.verify(Backend::portable(), &mut slab).unwrap().is_clean());
        }
        for a in layout.slots().iter() {
            for b in layout.slots().iter() {
                let lost: SlotSet = [a, b].into_iter().collect();
                if lost.len() <= may_fail {
                    self.assert_reads(&layout, lost);
                }
            }
        }
        self.assert_reads(&layout, SlotSet::EMPTY);
    }
}

fn assert_as_md_wrote_it(geometry: &Geometry, members: &[Vec<Is>]) {
    let layout = Layout::new(geometry).unwrap();
    for (slot, member) in (0..).map(Slot).zip(members) {
        for (row, is) in (0..).zip(member) {
            let parity = matches!(layout.role(slot, row), Role::Parity(_));
            assert_eq!(parity, matches!(is, P(_)), "slot {slot} row {row}");
        }
    }
    let members: Vec<Vec<Vec<u8>>> =
        members.iter().map(|member| member.iter().map(|is| sector(*is)).collect()).collect();
    let wrote = Wrote { members: &members, data: &|strip| sector(D(strip)) };
    wrote.assert_is(geometry, u16::from(geometry.parity_strips()));
}

/// The first volume of an image set of `testdata/ddf-mdadm`, every row of it.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn assert_image(name: &str, level: Level, placement: Placement, may_fail: u16) {
    let scenario = raid_testdata::scenario("ddf-mdadm", name);
    let volume = &scenario.volumes[0];
    let facts = scenario.facts.as_ref().unwrap();
    let chunk = volume.chunk_bytes;
    let rows = facts.volumes[0].component_kib * 1024 / chunk;
    let mut members = vec![Vec::new(); volume.slots];
    for member in &volume.members {
        let image = scenario.image(member.disk);
        members[member.slot] =
            (0..rows).map(|row| image.bytes(member.start_bytes + row * chunk, BLOCK)).collect();
    }
    let wrote =
        Wrote { members: &members, data: &|strip| volume.pattern.bytes(strip * chunk, BLOCK) };
    wrote.assert_is(&geometry(level, placement, volume.slots as u16, 1, rows), may_fail);
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn images_of_raid4_raid5_and_raid6() {
    use Placement::{NContinue, NRestart, ParityLast, ZeroRestart};
    assert_image("raid4-4d-32k", Level::Raid4, ParityLast, 1);
    assert_image("raid5-0-restart-5d-16k", Level::Raid5, ZeroRestart, 1);
    assert_image("raid5-n-restart-3d-64k", Level::Raid5, NRestart, 1);
    assert_image("raid5-n-continue-4d-128k", Level::Raid5, NContinue, 1);
    assert_image("raid6-0-restart-4d-64k", Level::Raid6, ZeroRestart, 2);
    assert_image("raid6-n-restart-5d-32k", Level::Raid6, NRestart, 2);
    assert_image("raid6-n-continue-6d-16k", Level::Raid6, NContinue, 2);
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn image_of_raid1e_far() {
    assert_image("raid1e-far-4d-64k", Level::Raid1E, Placement::Far, 1);
}

#[test]
fn raid5_rotating_parity_0_restart_and_n_continuation() {
    let (p0, p1, p2) =
        (P(0xd704_2149_463a_03f5), P(0xca12_c499_1269_8c55), P(0x9ca2_0be8_de96_14b5));
    let (p3, p4, p5) =
        (P(0xd551_1338_aac6_9d15), P(0x367f_3688_76f3_2575), P(0x9f0b_7ad7_c323_add5));
    let members = [
        vec![p0, D(3), D(6), D(9), p4, D(15)],
        vec![D(0), p1, D(7), D(10), D(12), p5],
        vec![D(1), D(4), p2, D(11), D(13), D(16)],
        vec![D(2), D(5), D(8), p3, D(14), D(17)],
    ];
    let raid5 = geometry(Level::Raid5, Placement::ZeroRestart, 4, 1, 6);
    assert_as_md_wrote_it(&raid5, &members);
    let members = [
        vec![D(0), D(4), D(8), p3, D(12), D(16)],
        vec![D(1), D(5), p2, D(9), D(13), D(17)],
        vec![D(2), p1, D(6), D(10), D(14), p5],
        vec![p0, D(3), D(7), D(11), p4, D(15)],
    ];
    let raid5 = geometry(Level::Raid5, Placement::NContinue, 4, 1, 6);
    assert_as_md_wrote_it(&raid5, &members);
}

#[test]
fn raid6_rotating_parity_n_continuation() {
    let members = [
        vec![D(0), D(4), D(8), P(0xef05_d515_dac8_1597), P(0x367f_3688_76f3_2575), D(15)],
        vec![D(1), D(5), P(0x37e3_2636_84c0_5df0), P(0xd551_1338_aac6_9d15), D(12), D(16)],
        vec![D(2), P(0x2f7f_bcd2_a992_a414), P(0x9ca2_0be8_de96_14b5), D(9), D(13), D(17)],
        vec![
            P(0xe42f_8312_f6e6_a32b),
            P(0xca12_c499_1269_8c55),
            D(6),
            D(10),
            D(14),
            P(0x2b07_fc5e_d105_d2b1),
        ],
        vec![
            P(0xd704_2149_463a_03f5),
            D(3),
            D(7),
            D(11),
            P(0xfaef_c8b7_9134_3a05),
            P(0x9f0b_7ad7_c323_add5),
        ],
    ];
    let raid6 = geometry(Level::Raid6, Placement::NContinue, 5, 1, 6);
    assert_as_md_wrote_it(&raid6, &members);
}

#[test]
fn raid0_and_raid1e_adjacent() {
    let striped: Vec<Vec<Is>> =
        (0..3).map(|slot| (0..6).map(|row| D(row * 3 + slot)).collect()).collect();
    assert_as_md_wrote_it(&geometry(Level::Raid0, Placement::Fixed, 3, 1, 6), &striped);
    let members = [
        [0, 1, 3, 4, 6, 7].map(D).to_vec(),
        [0, 2, 3, 5, 6, 8].map(D).to_vec(),
        [1, 2, 4, 5, 7, 8].map(D).to_vec(),
    ];
    assert_as_md_wrote_it(&geometry(Level::Raid1E, Placement::Adjacent, 3, 1, 6), &members);
}

#[test]
fn two_mirrors_striped() {
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2, 1, 6);
    let joined = Geometry { secondary: Secondary::Spanned, sets: 2, ..mirror };
    let layout = Layout::new(&joined).unwrap();
    let wrote = [[0, 2, 4, 6, 8, 10], [1, 3, 5, 7, 9, 11]];
    for (set, strips) in (0..).zip(wrote) {
        for (block, strip) in (0..).zip(strips) {
            assert_eq!(layout.array_block(set, block), Some(strip));
        }
    }
}
