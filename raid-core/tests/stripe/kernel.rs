// SPDX-License-Identifier: MIT OR Apache-2.0
//! Volumes that the Linux kernel wrote: the first sector of every strip of the first six rows of
//! DDF volumes made by mdadm 4.2 and filled and synced by md of Linux 6.1, strips of 32 sectors.
//!
//! Data sector `k` holds `(k + 1) * 0x9E3779B97F4A7C15` mod 2^64, 64 times. A table names a data
//! strip by its number and parity by its first word.

use crate::world::{BLOCK, geometry};
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

fn read_slab(plan: &RowPlan, members: &[Vec<Is>]) -> Vec<u8> {
    let mut slab = vec![0; plan.slab_blocks().0 as usize * BLOCK];
    for io in plan.reads() {
        assert_eq!(io.at.len, Blocks(1));
        let from = sector(members[io.slot.index()][io.at.start.0 as usize]);
        io.bytes(512, &mut slab).unwrap().copy_from_slice(&from);
    }
    slab
}

/// Reads every strip without `lost`, as md wrote it.
fn assert_reads(layout: &Layout<'_>, members: &[Vec<Is>], lost: SlotSet) {
    let health = Health { unavailable: lost, ..Health::OPTIMAL };
    for strip in 0..layout.set_blocks().0 {
        let mut read = vec![0; BLOCK];
        match stripe::read(layout, health, Extent::new(strip, 1), None).next().unwrap().unwrap() {
            ReadStep::Direct(io) => {
                read = sector(members[io.slot.index()][io.at.start.0 as usize]);
            }
            ReadStep::Reconstruct(plan) => {
                let mut slab = read_slab(&plan, members);
                plan.compute(Backend::portable(), &mut slab, &[]).unwrap();
                plan.extract(&slab, &mut read).unwrap();
            }
        }
        assert!(read == sector(D(strip)), "strip {strip} without {lost:?}");
    }
}

fn assert_as_md_wrote_it(geometry: &Geometry, members: &[Vec<Is>]) {
    let layout = Layout::new(geometry).unwrap();
    for (slot, member) in (0..).map(Slot).zip(members) {
        for (row, is) in (0..).zip(member) {
            match (layout.role(slot, row), is) {
                (Role::Data(strip) | Role::Copy { of: strip }, D(found)) => {
                    assert_eq!(strip, *found, "slot {slot} row {row}");
                }
                (Role::Parity(_), P(_)) => {}
                (role, _) => panic!("slot {slot} row {row} is no {role:?}"),
            }
        }
    }
    for plan in stripe::scrub(&layout, Health::OPTIMAL, Rows::new(0, layout.rows())) {
        let plan = plan.unwrap();
        let mut slab = read_slab(&plan, members);
        assert!(plan.verify(Backend::portable(), &mut slab).unwrap().is_clean());
    }
    let parities = u16::from(geometry.parity_strips());
    for a in layout.slots().iter() {
        for b in layout.slots().iter() {
            let lost: SlotSet = [a, b].into_iter().collect();
            if lost.len() <= parities {
                assert_reads(&layout, members, lost);
            }
        }
    }
    assert_reads(&layout, members, SlotSet::EMPTY);
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
