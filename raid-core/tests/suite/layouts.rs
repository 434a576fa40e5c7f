// SPDX-License-Identifier: MIT OR Apache-2.0
//! Layouts against the tables of the standard and of Linux md, and against their own inverse.

use proptest::prelude::*;
use raid_core::array::{Geometry, Level, Placement, QNumbering, Secondary};
use raid_core::layout::{Elements, GeometryError, Layout, Role};
use raid_core::units::{Blocks, Extent, Rows, Slot, SlotSet};
use std::collections::BTreeSet;

fn geometry(level: Level, placement: Placement, slots: u16, strip: u64, members: u64) -> Geometry {
    Geometry {
        level,
        placement,
        slots,
        // Bytes, not strips, go round a RAID-3.
        strip: Blocks(if level == Level::Raid3 { 0 } else { strip }),
        member_blocks: Blocks(members),
        secondary: Secondary::None,
        sets: 1,
        q_numbering: QNumbering::BySlot,
        parities: if level == Level::Mdf { 3 } else { 0 },
        rotate_shift: if level == Level::Raid5R { 1 } else { 0 },
        block_size: 512,
    }
}

/// Every level with every placement it has.
fn every_placement() -> Vec<(Level, Placement)> {
    use Placement::{Adjacent, Far, Fixed, Offset, ParityFirst, ParityLast};
    use Placement::{FarCopies, NearCopies, OffsetCopies};
    use Placement::{NContinue, NRestart, ZeroContinue, ZeroRestart};
    let rotating =
        [Level::Raid5, Level::Raid5E, Level::Raid5EE, Level::Raid5R, Level::Raid6, Level::Mdf];
    let mut all = vec![
        (Level::Raid0, Fixed),
        (Level::Raid1, Fixed),
        (Level::Single, Fixed),
        (Level::Concat, Fixed),
        (Level::Raid1E, Adjacent),
        (Level::Raid1E, Offset),
        (Level::Raid1E, Far),
        (Level::Raid10, Adjacent),
        (Level::Raid10, NearCopies(3)),
        (Level::Raid10, OffsetCopies(3)),
        (Level::Raid10, FarCopies(3)),
        (Level::Raid10, NearCopies(5)),
        (Level::Raid3, ParityFirst),
        (Level::Raid3, ParityLast),
        (Level::Raid4, ParityFirst),
        (Level::Raid4, ParityLast),
    ];
    for level in rotating {
        all.extend([ZeroRestart, ZeroContinue, NRestart, NContinue].map(|at| (level, at)));
    }
    all
}

/// The strips of a layout with strips of one block, row by row: `3` is data strip 3, `3'` its
/// second copy, `P`, `Q`, `R` parity, `S` spare space, `-` unused.
fn table(geometry: &Geometry) -> String {
    let layout = Layout::new(geometry).unwrap();
    let mut lines = Vec::new();
    for row in 0..geometry.member_blocks.0 {
        let cells: Vec<String> = (0..geometry.slots)
            .map(|slot| match layout.role(Slot(slot as u8), row) {
                Role::Data(block) => format!("{block}"),
                Role::Copy { of } => format!("{of}'"),
                Role::Parity(index) => ["P", "Q", "R"][usize::from(index)].into(),
                Role::Interleaved { first } => format!("{first}~"),
                Role::HotSpace => "S".into(),
                Role::Unused => "-".into(),
            })
            .collect();
        lines.push(cells.join(" "));
    }
    lines.join(" | ")
}

fn assert_table(level: Level, placement: Placement, slots: u16, rows: u64, expected: &str) {
    let found = table(&geometry(level, placement, slots, 1, rows));
    assert_eq!(found, expected, "{level:?} {placement:?} over {slots}");
}

#[test]
fn striping_and_mirroring_are_as_in_the_standard() {
    assert_table(Level::Raid0, Placement::Fixed, 3, 2, "0 1 2 | 3 4 5");
    assert_table(Level::Raid1, Placement::Fixed, 3, 2, "0 0' 0' | 1 1' 1'");
    assert_table(Level::Single, Placement::Fixed, 1, 2, "0 | 1");
    assert_table(Level::Concat, Placement::Fixed, 2, 2, "0 2 | 1 3");
}

#[test]
fn shifted_copies_are_as_in_the_standard_and_in_md_raid10() {
    use Placement::{Adjacent, Far, Offset};
    assert_table(Level::Raid1E, Adjacent, 3, 4, "0 0' 1 | 1' 2 2' | 3 3' 4 | 4' 5 5'");
    assert_table(Level::Raid1E, Adjacent, 3, 3, "0 0' 1 | 1' 2 2' | 3 3' -");
    assert_table(Level::Raid1E, Adjacent, 4, 2, "0 0' 1 1' | 2 2' 3 3'");
    assert_table(
        Level::Raid1E,
        Offset,
        5,
        5,
        "0 1 2 3 4 | 4' 0' 1' 2' 3' | 5 6 7 8 9 | 9' 5' 6' 7' 8' | - - - - -",
    );
    assert_table(Level::Raid1E, Far, 3, 5, "0 1 2 | 3 4 5 | 2' 0' 1' | 5' 3' 4' | - - -");
}

#[test]
fn more_copies_are_as_in_the_manual_of_md() {
    use Placement::{FarCopies, NearCopies, OffsetCopies};
    let raid10 = |placement, slots, rows, expected| {
        assert_table(Level::Raid10, placement, slots, rows, expected);
    };
    raid10(NearCopies(3), 4, 3, "0 0' 0' 1 | 1' 1' 2 2' | 2' 3 3' 3'");
    raid10(NearCopies(3), 5, 2, "0 0' 0' 1 1' | 1' 2 2' 2' -");
    raid10(
        OffsetCopies(3),
        4,
        7,
        "0 1 2 3 | 3' 0' 1' 2' | 2' 3' 0' 1' | 4 5 6 7 | 7' 4' 5' 6' | 6' 7' 4' 5' | - - - -",
    );
    raid10(
        FarCopies(3),
        4,
        7,
        "0 1 2 3 | 4 5 6 7 | 3' 0' 1' 2' | 7' 4' 5' 6' | 2' 3' 0' 1' | 6' 7' 4' 5' | - - - -",
    );
    raid10(NearCopies(2), 3, 2, "0 0' 1 | 1' 2 2'");
    raid10(OffsetCopies(2), 2, 2, "0 1 | 1' 0'");
    for (two, placement) in [
        (NearCopies(2), Placement::Adjacent),
        (OffsetCopies(2), Placement::Offset),
        (FarCopies(2), Placement::Far),
    ] {
        for slots in 2..7 {
            let raid1e = table(&geometry(Level::Raid1E, placement, slots, 1, 9));
            assert_table(Level::Raid10, two, slots, 9, &raid1e);
            assert_table(Level::Raid10, placement, slots, 9, &raid1e);
        }
    }
}

/// md's raid10, as its source describes the search for a block: near copies of strip `strip` follow
/// one another from place `strip * near` on, and from each of them the far copies, each the next
/// `near` slots on and `stride` rows down. All that `mdadm` makes has one of both at 1.
fn md_raid10(
    near: u64,
    far: u64,
    offset: bool,
    slots: u64,
    rows: u64,
    strip: u64,
) -> Vec<(u64, u64)> {
    let used = rows / far * slots / near * near * far;
    let stride = if offset { 1 } else { used.div_ceil(slots) / far };
    let mut found = Vec::new();
    for copy in 0..near {
        let place = strip * near + copy;
        let first_row = strip * near / slots * if offset { far } else { 1 };
        let row = first_row + place / slots - strip * near / slots;
        for step in 0..far {
            found.push(((place + step * near) % slots, row + step * stride));
        }
    }
    found
}

#[test]
fn raid10_of_md_is_where_its_own_search_finds_it() {
    use Placement::{FarCopies, NearCopies, OffsetCopies};
    for slots in 2..=9u16 {
        for copies in 2..=slots.min(6) as u8 {
            let wide = u32::from(copies);
            for (placement, near, far, offset, word) in [
                (NearCopies(copies), copies, 1, false, 0x100 | wide),
                (FarCopies(copies), 1, copies, false, wide << 8 | 1),
                (OffsetCopies(copies), 1, copies, true, 1 << 16 | wide << 8 | 1),
            ] {
                assert_eq!(Placement::of_md_raid10(word), Some(placement));
                let rows = 23;
                let layout =
                    Layout::new(&geometry(Level::Raid10, placement, slots, 1, rows)).unwrap();
                for strip in 0..layout.set_blocks().0 {
                    let here: Vec<_> = layout
                        .copies(strip)
                        .map(|place| (u64::from(place.slot.0), place.block.0))
                        .collect();
                    let there =
                        md_raid10(near.into(), far.into(), offset, slots.into(), rows, strip);
                    assert_eq!(here, there, "{placement:?} over {slots}, strip {strip}");
                }
            }
        }
    }
}

#[test]
fn names_and_numbers_of_md_mean_its_layouts() {
    use QNumbering::{ByData, BySlot};
    assert_eq!(Placement::of_md_parity(2), Some((Placement::LEFT_SYMMETRIC, ByData)));
    assert_eq!(Placement::of_md_parity(10), Some((Placement::NContinue, BySlot)));
    for (number, name) in
        (0..).zip(["left-asymmetric", "right-asymmetric", "left-symmetric", "right-symmetric"])
    {
        let (placement, _) = Placement::of_md_parity(number).unwrap();
        assert_eq!(placement.md_name(), Some(name));
    }
    for unknown in [6, 7, 11, 16, 20, u32::MAX] {
        assert_eq!(Placement::of_md_parity(unknown), None);
    }
    // One copy, near and far at once, far sets.
    for unknown in [0, 0x101, 0x202, 0x1_0202, 0x2_0201, 0x8000_0102] {
        assert_eq!(Placement::of_md_raid10(unknown), None);
    }
    assert_eq!(Placement::Fixed.md_name(), None);
    let md6 = |number| {
        let (placement, q_numbering) = Placement::of_md_parity(number).unwrap();
        let raid6 = geometry(Level::Raid6, placement, 5, 1, 2);
        table(&Geometry { q_numbering, ..raid6 })
    };
    assert_eq!(md6(0), "Q 0 1 2 P | 3 4 5 P Q");
    assert_eq!(md6(1), "P Q 0 1 2 | 3 P Q 4 5");
    assert_eq!(md6(4), "P Q 0 1 2 | P Q 3 4 5");
    assert_eq!(md6(5), "0 1 2 P Q | 3 4 5 P Q");
    let ddf = geometry(Level::Raid6, Placement::ParityLast, 5, 1, 2);
    assert!(matches!(Layout::new(&ddf), Err(GeometryError::Placement { .. })));
}

#[test]
fn bytes_of_raid3_go_round_the_data_members() {
    let (first, last) = (Placement::ParityFirst, Placement::ParityLast);
    assert_table(Level::Raid3, last, 4, 2, "0~ 0~ 0~ P | 3~ 3~ 3~ P");
    assert_table(Level::Raid3, first, 3, 2, "P 0~ 0~ | P 2~ 2~");
    for (placement, first) in [(first, 1), (last, 0)] {
        for slots in 2..=6u16 {
            let layout = Layout::new(&geometry(Level::Raid3, placement, slots, 0, 5)).unwrap();
            assert_eq!(layout.set_blocks(), Blocks(5 * u64::from(slots - 1)));
            assert_eq!(layout.locate(0), None);
            // The array's bytes one by one, as they are dealt out.
            let (mut slot, mut row, mut offset) = (0, 0, 0);
            for byte in 0..layout.set_blocks().0 * 512 {
                let (block, within) = (byte / 512, (byte % 512) as u32);
                let at = layout.locate_byte(block, within).unwrap();
                let expected = (slot + first, row, offset);
                assert_eq!((u16::from(at.slot.0), at.block.0, at.offset), expected);
                assert_eq!(layout.byte_at(at.slot, row, offset), Some((block, within)));
                slot += 1;
                if slot == slots - 1 {
                    (slot, offset) = (0, offset + 1);
                }
                if offset == 512 {
                    (row, offset) = (row + 1, 0);
                }
            }
            assert_eq!(layout.locate_byte(layout.set_blocks().0, 0), None);
            assert_eq!(layout.locate_byte(0, 512), None);
            assert_eq!(layout.byte_at(Slot(0), 5, 0), None);
            assert_eq!(layout.byte_at(Slot(0), 0, 512), None);
        }
    }
    // Blocks of other levels are kept together.
    let layout = Layout::new(&geometry(Level::Raid5, Placement::NContinue, 4, 1, 5)).unwrap();
    let at = layout.locate_byte(4, 17).unwrap();
    assert_eq!((at.slot, at.block.0, at.offset), (Slot(0), 1, 17));
    assert_eq!(layout.byte_at(Slot(0), 1, 17), Some((4, 17)));
    assert_eq!(layout.byte_at(Slot(2), 1, 17), None);
}

#[test]
fn dedicated_parity_is_first_or_last() {
    assert_table(Level::Raid4, Placement::ParityFirst, 4, 2, "P 0 1 2 | P 3 4 5");
    assert_table(Level::Raid4, Placement::ParityLast, 4, 2, "0 1 2 P | 3 4 5 P");
}

#[test]
fn rotating_parity_is_as_in_the_four_layouts_of_md() {
    use Placement::{NContinue, NRestart, ZeroContinue, ZeroRestart};
    // left-symmetric, left-asymmetric, right-symmetric, right-asymmetric
    let left_symmetric = "0 1 2 P | 4 5 P 3 | 8 P 6 7 | P 9 10 11 | 12 13 14 P";
    let left_asymmetric = "0 1 2 P | 3 4 P 5 | 6 P 7 8 | P 9 10 11 | 12 13 14 P";
    let right_symmetric = "P 0 1 2 | 5 P 3 4 | 7 8 P 6 | 9 10 11 P | P 12 13 14";
    let right_asymmetric = "P 0 1 2 | 3 P 4 5 | 6 7 P 8 | 9 10 11 P | P 12 13 14";
    assert_table(Level::Raid5, NContinue, 4, 5, left_symmetric);
    assert_table(Level::Raid5, NRestart, 4, 5, left_asymmetric);
    assert_table(Level::Raid5, ZeroContinue, 4, 5, right_symmetric);
    assert_table(Level::Raid5, ZeroRestart, 4, 5, right_asymmetric);
    // RAID-5R turns every second row here.
    assert_table(Level::Raid5R, NRestart, 3, 5, "0 1 P | 2 3 P | 4 P 5 | 6 P 7 | P 8 9");
}

#[test]
fn raid6_of_ddf_is_as_in_the_standard() {
    use Placement::{NContinue, NRestart, ZeroContinue, ZeroRestart};
    let zero = "P Q 0 1 2 | 3 P Q 4 5 | 6 7 P Q 8 | 9 10 11 P Q | Q 12 13 14 P";
    let n_restart = "0 1 2 P Q | 3 4 P Q 5 | 6 P Q 7 8 | P Q 9 10 11 | Q 12 13 14 P";
    let n_continue = "0 1 2 Q P | 4 5 Q P 3 | 8 Q P 6 7 | Q P 9 10 11 | P 12 13 14 Q";
    let zero_continue = "P Q 0 1 2 | 5 P Q 3 4 | 7 8 P Q 6 | 9 10 11 P Q | Q 12 13 14 P";
    assert_table(Level::Raid6, ZeroRestart, 5, 5, zero);
    assert_table(Level::Raid6, NRestart, 5, 5, n_restart);
    assert_table(Level::Raid6, NContinue, 5, 5, n_continue);
    assert_table(Level::Raid6, ZeroContinue, 5, 5, zero_continue);
    // MDF with two parities is called identical.
    for placement in [ZeroRestart, ZeroContinue, NRestart, NContinue] {
        let raid6 = geometry(Level::Raid6, placement, 5, 1, 5);
        let mdf = Geometry { level: Level::Mdf, parities: 2, ..raid6 };
        assert_eq!(table(&mdf), table(&raid6));
    }
}

#[test]
fn raid6_of_md_has_q_right_after_p_and_starts_one_row_earlier() {
    use Placement::{NContinue, NRestart, ZeroContinue};
    let table = |placement| {
        let raid6 = geometry(Level::Raid6, placement, 5, 1, 3);
        table(&Geometry { q_numbering: QNumbering::ByData, ..raid6 })
    };
    // left-symmetric, left-asymmetric, right-symmetric
    assert_eq!(table(NContinue), "Q 0 1 2 P | 3 4 5 P Q | 7 8 P Q 6");
    assert_eq!(table(NRestart), "Q 0 1 2 P | 3 4 5 P Q | 6 7 P Q 8");
    assert_eq!(table(ZeroContinue), "P Q 0 1 2 | 5 P Q 3 4 | 7 8 P Q 6");
}

#[test]
fn exponents_count_slots_for_ddf_and_data_after_q_for_md() {
    let ddf = geometry(Level::Raid6, Placement::NRestart, 5, 1, 3);
    let md = Geometry { q_numbering: QNumbering::ByData, ..ddf };
    let exponents = |geometry: &Geometry, stripe| {
        let map = Layout::new(geometry).unwrap().row_map(stripe).unwrap();
        (0..5).map(|slot| map.exponent(Slot(slot))).collect::<Vec<_>>()
    };
    // 3 4 P Q 5
    assert_eq!(exponents(&ddf, 1), [Some(0), Some(1), None, None, Some(4)]);
    // 6 7 P Q 8: md counts from slot 4 on.
    assert_eq!(exponents(&md, 2), [Some(1), Some(2), None, None, Some(0)]);
    for geometry in [ddf, md] {
        for stripe in 0..3 {
            let map = Layout::new(&geometry).unwrap().row_map(stripe).unwrap();
            for slot in (0..5).map(Slot) {
                let back = map.exponent(slot).and_then(|power| map.slot_of_exponent(power));
                assert_eq!(back, map.exponent(slot).map(|_| slot));
            }
        }
    }
}

#[test]
fn spare_space_is_at_the_end_or_follows_parity() {
    use Placement::{NContinue, NRestart, ZeroRestart};
    assert_table(Level::Raid5E, NRestart, 3, 4, "0 1 P | 2 P 3 | S S S | S S S");
    let zero = "P S 0 1 | 2 P S 3 | 4 5 P S | S 6 7 P";
    assert_table(Level::Raid5EE, ZeroRestart, 4, 4, zero);
    assert_table(Level::Raid5EE, NRestart, 4, 3, "0 1 P S | 2 P S 3 | P S 4 5");
    assert_table(Level::Raid5EE, NContinue, 4, 3, "0 1 P S | 3 P S 2 | P S 4 5");
}

#[test]
fn more_than_two_parities_run_on_and_wrap() {
    use Placement::{NContinue, ZeroRestart};
    assert_table(Level::Mdf, ZeroRestart, 5, 4, "P Q R 0 1 | 2 P Q R 3 | 4 5 P Q R | R 6 7 P Q");
    assert_table(Level::Mdf, NContinue, 5, 4, "0 1 P Q R | 3 P Q R 2 | P Q R 4 5 | Q R 6 7 P");
}

/// The roles of a stripe row by the equations of `ddf.md` 5.4 to 5.8, slot by slot: the run of strips
/// that are not data is put down first, then data goes to the slots left.
fn row_by_equation(geometry: &Geometry, row: u64) -> Vec<Role> {
    use Placement::{NContinue, ParityFirst, ParityLast, ZeroContinue, ZeroRestart};
    let n = u64::from(geometry.slots);
    let parities = u64::from(geometry.parity_strips());
    let run = parities + u64::from(geometry.level == Level::Raid5EE);
    let by_data = geometry.level == Level::Raid6 && geometry.q_numbering == QNumbering::ByData;
    let turn = row / (1 << geometry.rotate_shift) % n;
    let start = match geometry.placement {
        ParityFirst => 0,
        ParityLast => n - run,
        ZeroRestart | ZeroContinue => turn,
        _ if by_data => (n - 1 + n - turn) % n,
        _ => (n - run + n - turn) % n,
    };
    let mut roles = vec![Role::Unused; usize::from(geometry.slots)];
    for place in 0..run {
        let q_first = geometry.placement == NContinue && parities == 2 && !by_data;
        roles[((start + place) % n) as usize] = match place {
            _ if place == parities => Role::HotSpace,
            _ if q_first => Role::Parity(1 - place as u8),
            _ => Role::Parity(place as u8),
        };
    }
    let first = match geometry.placement {
        NContinue | ZeroContinue => start + run,
        _ => 0,
    };
    let free: Vec<u64> = (0..n)
        .map(|on| (first + on) % n)
        .filter(|slot| roles[*slot as usize] == Role::Unused)
        .collect();
    for (index, slot) in (0..).zip(&free) {
        roles[*slot as usize] = Role::Data(row * (n - run) + index);
    }
    roles
}

#[test]
fn rotating_levels_follow_the_equations() {
    use Placement::{ParityFirst, ParityLast};
    let rows = 25;
    let md_only = [(Level::Raid6, ParityFirst), (Level::Raid6, ParityLast)];
    let mut layouts = 0;
    for (level, placement) in every_placement().into_iter().chain(md_only) {
        for slots in 2..=9 {
            for numbering in [QNumbering::BySlot, QNumbering::ByData] {
                let mut geometry = geometry(level, placement, slots, 1, rows);
                geometry.q_numbering = numbering;
                // Byte-interleaved rows are of another kind; MDF's numbering says nothing here.
                if geometry.parity_strips() == 0 || level == Level::Raid3 {
                    continue;
                }
                let Ok(layout) = Layout::new(&geometry) else { continue };
                layouts += 1;
                for row in 0..layout.rows() {
                    let expected = row_by_equation(&geometry, row);
                    for (slot, expected) in (0..).map(Slot).zip(expected) {
                        let found = layout.role(slot, row);
                        assert_eq!(found, expected, "{geometry:?} row {row} slot {slot}");
                    }
                }
            }
        }
    }
    assert!(layouts > 300, "{layouts}");
}

#[test]
fn every_test_that_the_table_of_levels_names_is_there() {
    let tests = [include_str!("layouts.rs"), include_str!("stripe/kernel.rs")].concat();
    let rows =
        include_str!("../../src/layout.rs").lines().filter(|line| line.starts_with("//! | "));
    let cells = rows.flat_map(|row| row.split('|').skip(2)).flat_map(|cell| {
        cell.split('`').skip(1).step_by(2).filter(|name| name.len() > 12 && name.contains('_'))
    });
    let mut named = 0;
    for name in cells {
        assert!(tests.contains(&format!("fn {name}(")), "no test `{name}`");
        named += 1;
    }
    assert!(named > 25, "{named}");
}

/// Forward and inverse map agree on every block of every member.
fn assert_bijection(layout: &Layout<'_>, members: &[u64]) {
    let mut seen = BTreeSet::new();
    for block in 0..layout.set_blocks().0 {
        assert_eq!(layout.locate(block), layout.copies(block).next());
        for (copy, place) in layout.copies(block).enumerate() {
            assert!(place.block.0 < members[place.slot.index()], "{block} past its member");
            assert!(seen.insert((place.slot.0, place.block.0)), "{block} shares its place");
            let expected = if copy == 0 { Role::Data(block) } else { Role::Copy { of: block } };
            assert_eq!(layout.role(place.slot, place.block.0), expected);
        }
    }
    for (slot, blocks) in members.iter().enumerate() {
        for block in 0..blocks + 3 {
            let role = layout.role(Slot(slot as u8), block);
            let named = matches!(role, Role::Data(_) | Role::Copy { .. });
            assert_eq!(named, seen.contains(&(slot as u8, block)), "slot {slot} block {block}");
        }
    }
    assert_eq!(layout.locate(layout.set_blocks().0), None);
}

#[test]
fn forward_and_inverse_map_agree_everywhere() {
    for (level, placement) in every_placement() {
        if level == Level::Raid3 {
            continue;
        }
        for slots in 1..=7 {
            for members in if cfg!(miri) { 7..8 } else { 1..26 } {
                let mut geometry = geometry(level, placement, slots, 2, members);
                for numbering in [QNumbering::BySlot, QNumbering::ByData] {
                    geometry.q_numbering = numbering;
                    if let Ok(layout) = Layout::new(&geometry) {
                        assert_bijection(&layout, &vec![members; usize::from(slots)]);
                    }
                }
            }
        }
    }
}

#[test]
fn every_row_has_each_parity_once_and_the_row_map_agrees_with_the_roles() {
    for (level, placement) in every_placement() {
        if level == Level::Raid3 {
            continue;
        }
        let geometry = geometry(level, placement, 6, 3, 40);
        let Ok(layout) = Layout::new(&geometry) else { continue };
        let parities = geometry.parity_strips();
        assert_eq!(layout.row_map(0).is_some(), parities > 0);
        let mut stripe = 0;
        while let Some(map) = layout.row_map(stripe) {
            let parity: Vec<_> =
                (0..parities).map(|index| map.parity_slot(index).unwrap()).collect();
            let data: Vec<_> = (0..map.data_strips()).map(|i| map.data_slot(i).unwrap()).collect();
            let all: SlotSet = parity.iter().chain(&data).copied().chain(map.hot_slot()).collect();
            assert_eq!(all.len(), 6);
            for (index, slot) in (0..).zip(&parity) {
                assert_eq!(layout.role(*slot, stripe * 3 + 1), Role::Parity(index));
            }
            for (index, slot) in (0..).zip(&data) {
                let block = (stripe * u64::from(map.data_strips()) + index) * 3 + 1;
                assert_eq!(layout.role(*slot, stripe * 3 + 1), Role::Data(block));
            }
            assert_eq!(map.parity_slots(), parity.iter().copied().collect());
            for first in 0..=data.len() + 1 {
                for count in 0..=data.len() + 1 {
                    let slots = data.iter().skip(first).take(count).copied().collect();
                    let found = map.data_slots(first as u16, count as u16);
                    assert_eq!(found, slots, "{level:?} {placement:?} {first} {count}");
                }
            }
            assert_eq!(map.role(Slot(6)), None);
            assert_eq!(map.parity_slot(parities), None);
            assert_eq!(map.data_slot(map.data_strips()), None);
            stripe += 1;
        }
        if parities > 0 {
            assert_eq!(stripe * 3, layout.rows());
        }
    }
}

#[test]
fn a_concatenation_takes_each_members_own_size() {
    let sizes = [Blocks(3), Blocks(0), Blocks(5)];
    let geometry = geometry(Level::Concat, Placement::Fixed, 3, 0, 0);
    let layout = Layout::concatenation(&geometry, &sizes).unwrap();
    assert_eq!(layout.size(), Blocks(8));
    assert_bijection(&layout, &[3, 0, 5]);
    let place = layout.locate(3).unwrap();
    assert_eq!((place.slot, place.block.0), (Slot(2), 0));
    let error = Layout::concatenation(&geometry, &sizes[..2]).unwrap_err();
    assert_eq!(error, GeometryError::MemberSizes { found: 2, expected: 3 });
    let striped = Geometry { level: Level::Raid0, ..geometry };
    assert!(Layout::concatenation(&striped, &sizes).is_err());
}

#[test]
fn sizes_are_what_the_standard_says() {
    let size = |level, placement, slots, strip, members| {
        Layout::new(&geometry(level, placement, slots, strip, members)).unwrap().size().0
    };
    // 10 rows of strips of 4 and 3 blocks that fill no strip.
    assert_eq!(size(Level::Raid0, Placement::Fixed, 3, 4, 43), 120);
    assert_eq!(size(Level::Raid1, Placement::Fixed, 3, 4, 43), 43);
    assert_eq!(size(Level::Raid1E, Placement::Adjacent, 3, 4, 43), 60);
    assert_eq!(size(Level::Raid1E, Placement::Adjacent, 3, 4, 39), 13 * 4);
    assert_eq!(size(Level::Raid1E, Placement::Offset, 3, 4, 39), 12 * 4);
    assert_eq!(size(Level::Raid4, Placement::ParityLast, 4, 4, 43), 120);
    assert_eq!(size(Level::Raid5, Placement::NContinue, 4, 4, 43), 120);
    assert_eq!(size(Level::Raid6, Placement::NContinue, 5, 4, 43), 120);
    assert_eq!(size(Level::Raid5EE, Placement::NRestart, 5, 4, 43), 120);
    // floor(10 * 3 / 4) = 7 rows of 4 data strips
    assert_eq!(size(Level::Raid5E, Placement::NRestart, 5, 4, 43), 7 * 4 * 4);
    assert_eq!(size(Level::Mdf, Placement::NRestart, 5, 4, 43), 80);
}

fn joined(secondary: Secondary, sets: u16) -> Geometry {
    Geometry { secondary, sets, ..geometry(Level::Raid1, Placement::Fixed, 2, 4, 10) }
}

#[test]
fn striped_sets_take_whole_strips_of_a_mirror_in_turn() {
    let layout = Layout::new(&joined(Secondary::Striped, 3)).unwrap();
    assert_eq!((layout.set_blocks(), layout.size()), (Blocks(8), Blocks(24)));
    let pieces: Vec<_> = layout
        .split(Extent::new(3, 12))
        .map(|piece| (piece.set, piece.at.start.0, piece.at.len.0, piece.offset.0))
        .collect();
    assert_eq!(pieces, [(0, 3, 1, 0), (1, 0, 4, 1), (2, 0, 4, 5), (0, 4, 3, 9)]);
    assert_eq!(table(&joined(Secondary::Striped, 3)).matches('-').count(), 4);
}

#[test]
fn concatenated_sets_follow_one_another_and_mirrored_sets_hold_everything() {
    let layout = Layout::new(&joined(Secondary::Concatenated, 3)).unwrap();
    assert_eq!(layout.size(), Blocks(30));
    let pieces: Vec<_> =
        layout.split(Extent::new(8, 20)).map(|piece| (piece.set, piece.at)).collect();
    let expected = [(0, Extent::new(8, 2)), (1, Extent::new(0, 10)), (2, Extent::new(0, 8))];
    assert_eq!(pieces, expected);

    let layout = Layout::new(&joined(Secondary::Mirrored, 3)).unwrap();
    assert_eq!((layout.size(), layout.set_copies()), (Blocks(10), 3));
    let pieces: Vec<_> = layout.split(Extent::new(2, 5)).collect();
    assert_eq!((pieces.len(), pieces[0].set, pieces[0].at), (1, 0, Extent::new(2, 5)));
    assert_eq!(layout.array_block(2, 7), Some(7));
}

#[test]
fn split_and_array_block_are_inverse_for_every_secondary_level() {
    use Secondary::{Concatenated, Mirrored, None, Spanned, Striped};
    for (secondary, sets) in
        [(None, 1), (Striped, 1), (Striped, 3), (Spanned, 2), (Concatenated, 3), (Mirrored, 2)]
    {
        let layout = Layout::new(&joined(secondary, sets)).unwrap();
        let mut seen = BTreeSet::new();
        for block in 0..layout.size().0 {
            let piece = layout.split(Extent::new(block, 1)).next().unwrap();
            assert!(seen.insert((piece.set, piece.at.start.0)));
            assert!(piece.at.start.0 < layout.set_blocks().0);
            assert_eq!(layout.array_block(piece.set, piece.at.start.0), Some(block));
        }
        assert_eq!(layout.split(Extent::new(layout.size().0, 1)).next(), Option::None);
        assert_eq!(layout.array_block(sets, 0), Option::None);
        assert_eq!(layout.array_block(0, layout.set_blocks().0), Option::None);
    }
}

/// What each set holds, strip by strip: strips of the array.
fn dealt(secondary: Secondary, strips: &[u64]) -> Vec<Vec<Option<u64>>> {
    let sizes: Vec<_> = strips.iter().map(|strips| Blocks(strips * 4 + 1)).collect();
    let elements = Elements::new(secondary, Blocks(4), &sizes).unwrap();
    let mut sets: Vec<Vec<Option<u64>>> =
        strips.iter().map(|strips| vec![None; *strips as usize]).collect();
    for strip in 0..elements.size().0 / 4 {
        let pieces: Vec<_> = elements.split(Extent::new(strip * 4, 4)).collect();
        assert_eq!((pieces.len(), pieces[0].at.len.0), (1, 4));
        let (set, at) = (usize::from(pieces[0].set), pieces[0].at.start.0);
        assert_eq!((at % 4, sets[set][at as usize / 4].replace(strip)), (0, None));
    }
    for (set, found) in (0..).zip(&sets) {
        for block in 0..strips[usize::from(set)] * 4 + 3 {
            let strip = found.get(block as usize / 4).copied().flatten();
            let expected = strip.map(|strip| strip * 4 + block % 4);
            assert_eq!(elements.array_block(set, block), expected);
        }
    }
    sets
}

#[test]
fn sets_of_unequal_size_are_striped_as_far_as_all_reach_and_spanned_further() {
    let some = |strips: &[u64]| strips.iter().copied().map(Some).collect::<Vec<_>>();
    let striped = dealt(Secondary::Striped, &[3, 1, 2]);
    assert_eq!(striped, [vec![Some(0), None, None], some(&[1]), vec![Some(2), None]]);
    let spanned = dealt(Secondary::Spanned, &[3, 1, 2]);
    assert_eq!(spanned, [some(&[0, 3, 5]), some(&[1]), some(&[2, 4])]);
    let spanned = dealt(Secondary::Spanned, &[2, 5, 2, 3, 0]);
    let expected =
        [some(&[0, 4]), some(&[1, 5, 8, 10, 11]), some(&[2, 6]), some(&[3, 7, 9]), vec![]];
    assert_eq!(spanned, expected);
    // Of equal sets both are alike, as they are in a geometry.
    assert_eq!(dealt(Secondary::Spanned, &[2, 2, 2]), dealt(Secondary::Striped, &[2, 2, 2]));
}

#[test]
fn sets_of_unequal_size_are_concatenated_whole_and_mirrored_by_the_smallest() {
    let sizes = [Blocks(5), Blocks(0), Blocks(3)];
    let all = Extent::new(0, u64::MAX);
    let pieces = |elements: Elements<'_>| {
        elements.split(all).map(|piece| (piece.set, piece.at)).collect::<Vec<_>>()
    };
    let concatenated = Elements::new(Secondary::Concatenated, Blocks(0), &sizes).unwrap();
    assert_eq!(pieces(concatenated), [(0, Extent::new(0, 5)), (2, Extent::new(0, 3))]);
    assert_eq!(concatenated.array_block(2, 2), Some(7));
    assert_eq!(concatenated.array_block(1, 0), None);
    let mirrored = Elements::new(Secondary::Mirrored, Blocks(0), &sizes[..1]).unwrap();
    assert_eq!((mirrored.size(), mirrored.set_copies()), (Blocks(5), 1));
    let sizes = [Blocks(5), Blocks(3)];
    let mirrored = Elements::new(Secondary::Mirrored, Blocks(0), &sizes).unwrap();
    assert_eq!((mirrored.size(), mirrored.set_copies()), (Blocks(3), 2));
    assert_eq!(mirrored.array_block(0, 3), None);

    let refused = |secondary, strip, sizes: &[Blocks]| {
        Elements::new(secondary, Blocks(strip), sizes).unwrap_err()
    };
    use GeometryError as E;
    let (striped, alone) = (Secondary::Striped, Secondary::None);
    assert_eq!(refused(striped, 0, &sizes), E::NoStrip);
    assert_eq!(refused(striped, 4, &[]), E::Sets { found: 0, secondary: striped });
    assert_eq!(refused(alone, 4, &sizes), E::Sets { found: 2, secondary: alone });
    assert_eq!(refused(striped, 4, &sizes), E::MemberTooSmall { found: 0, expected: 4 });
    let huge = [Blocks(u64::MAX), Blocks(u64::MAX)];
    assert_eq!(refused(Secondary::Concatenated, 0, &huge), E::TooLarge);
    assert_eq!(refused(Secondary::Spanned, 1, &huge), E::TooLarge);
}

#[test]
fn unsound_geometries_are_refused_with_what_was_found() {
    use GeometryError as E;
    let good = geometry(Level::Raid5, Placement::NContinue, 4, 8, 64);
    let refused = |geometry: Geometry| Layout::new(&geometry).unwrap_err();
    assert_eq!(refused(Geometry { slots: 1, ..good }), E::Slots { found: 1, least: 2, most: 256 });
    assert_eq!(
        refused(Geometry { slots: 257, ..good }),
        E::Slots { found: 257, least: 2, most: 256 }
    );
    assert_eq!(
        refused(Geometry { slots: 256, level: Level::Raid6, ..good }),
        E::Slots { found: 256, least: 3, most: 255 }
    );
    assert_eq!(
        refused(Geometry { slots: 0, level: Level::Raid0, ..good }),
        E::Slots { found: 0, least: 1, most: 256 }
    );
    assert_eq!(refused(Geometry { strip: Blocks(0), ..good }), E::NoStrip);
    assert_eq!(
        refused(Geometry { member_blocks: Blocks(7), ..good }),
        E::MemberTooSmall { found: 7, expected: 8 }
    );
    assert_eq!(
        refused(Geometry { placement: Placement::Fixed, ..good }),
        E::Placement { level: Level::Raid5, found: Placement::Fixed }
    );
    assert_eq!(
        refused(Geometry { level: Level::Raid4, ..good }),
        E::Placement { level: Level::Raid4, found: Placement::NContinue }
    );
    assert_eq!(
        refused(Geometry { sets: 2, ..good }),
        E::Sets { found: 2, secondary: Secondary::None }
    );
    assert_eq!(
        refused(Geometry { sets: 0, secondary: Secondary::Striped, ..good }),
        E::Sets { found: 0, secondary: Secondary::Striped }
    );
    assert_eq!(refused(Geometry { block_size: 520, ..good }), E::BlockSize { found: 520 });
    assert_eq!(
        refused(Geometry { level: Level::Mdf, parities: 0, ..good }),
        E::Parities { found: 0, least: 1, most: 255 }
    );
    assert_eq!(
        refused(Geometry { level: Level::Mdf, parities: 4, ..good }),
        E::Slots { found: 4, least: 5, most: 255 }
    );
    assert_eq!(
        refused(Geometry { level: Level::Raid5R, rotate_shift: 64, ..good }),
        E::RotateShift { found: 64, most: 63 }
    );
    let raid3 = Geometry { level: Level::Raid3, placement: Placement::ParityLast, ..good };
    assert!(matches!(refused(raid3), E::Unsupported { level: Level::Raid3, .. }));
    let raid10 = Geometry { level: Level::Raid10, ..good };
    for found in [0, 1, 5, 255] {
        let too_many = Geometry { placement: Placement::NearCopies(found), ..raid10 };
        assert_eq!(refused(too_many), E::Copies { found, least: 2, most: 4 });
    }
    assert_eq!(
        refused(Geometry { placement: Placement::NearCopies(2), level: Level::Raid1E, ..good }),
        E::Placement { level: Level::Raid1E, found: Placement::NearCopies(2) }
    );
    let concat = geometry(Level::Concat, Placement::Fixed, 2, 8, 64);
    let joined = Geometry { sets: 2, secondary: Secondary::Striped, ..concat };
    assert!(matches!(refused(joined), E::Unsupported { level: Level::Concat, .. }));
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2, 8, 0);
    let joined = Geometry { sets: 2, secondary: Secondary::Striped, ..mirror };
    assert_eq!(
        refused(Geometry { member_blocks: Blocks(7), ..joined }),
        E::MemberTooSmall { found: 7, expected: 8 }
    );
    assert_eq!(refused(Geometry { member_blocks: Blocks(u64::MAX), ..good }), E::TooLarge);
    let joined = Geometry { member_blocks: Blocks(1 << 61), sets: 8, ..good };
    let striped = Geometry { secondary: Secondary::Striped, ..joined };
    assert_eq!(refused(striped), E::TooLarge);
    assert!(refused(striped).to_string().contains("2^64"));
}

#[test]
fn every_refusal_reads_as_a_sentence_with_its_numbers() {
    let good = geometry(Level::Raid5, Placement::NContinue, 4, 8, 64);
    let text = |geometry: Geometry| Layout::new(&geometry).unwrap_err().to_string();
    assert_eq!(text(Geometry { slots: 1, ..good }), "1 members in a set, expected 2 to 256");
    assert_eq!(text(Geometry { sets: 2, ..good }), "2 sets without a secondary level, expected 1");
    assert_eq!(
        text(Geometry { block_size: 520, ..good }),
        "blocks of 520 bytes, expected 512 or 4096"
    );
}

/// The rows of a request, by asking every block.
fn rows_by_block(layout: &Layout<'_>, at: Extent) -> Rows {
    let parity = layout.geometry().parity_strips() > 0;
    let rows: Vec<u64> = (at.start.0..at.start.0 + at.len.0)
        .map(|block| if parity { layout.locate_byte(block, 0).unwrap().block.0 } else { block })
        .collect();
    let (first, last) = (rows.iter().min().unwrap(), rows.iter().max().unwrap());
    Rows::new(*first, last - first + 1)
}

#[test]
fn rows_of_a_request_are_the_hull_of_the_rows_of_its_blocks() {
    for (level, placement) in every_placement() {
        let geometry =
            geometry(level, placement, if level == Level::Single { 1 } else { 5 }, 3, 12);
        let layout = Layout::new(&geometry).unwrap();
        let end = layout.set_blocks().0.min(if cfg!(miri) { 6 } else { 60 });
        for start in 0..end {
            for len in 1..=end - start {
                let at = Extent::new(start, len);
                assert_eq!(layout.rows_of(at), rows_by_block(&layout, at), "{level:?} {at:?}");
            }
            assert_eq!(layout.rows_of(Extent::new(start, 0)).len, 0);
        }
    }
}

#[test]
fn arrays_that_end_just_below_2_to_the_64_are_mapped_to_their_last_block() {
    for (level, placement) in every_placement() {
        if level == Level::Raid3 {
            continue;
        }
        let single = level == Level::Single;
        let slots = if single { 1 } else { 6 };
        // The most blocks that any level maps with six members, and strips that leave a rest.
        let members = if single { u64::MAX } else { u64::MAX / 6 };
        let geometry = geometry(level, placement, slots, 7, members);
        let layout = Layout::new(&geometry).unwrap();
        let last = layout.set_blocks().0 - 1;
        for block in [last, last - 6, last - 7, last / 2] {
            for (copy, place) in layout.copies(block).enumerate() {
                let expected = if copy == 0 { Role::Data(block) } else { Role::Copy { of: block } };
                assert_eq!(layout.role(place.slot, place.block.0), expected, "{level:?}");
                assert!(place.block.0 < members);
            }
        }
        let rows = layout.rows_of(Extent::new(last - 40, 41));
        assert!(rows.end().0 <= layout.rows(), "{level:?}");
        let piece = layout.split(Extent::new(last, u64::MAX)).last().unwrap();
        assert_eq!(piece.at, Extent::new(last, 1));
        assert_eq!(layout.role(Slot(0), u64::MAX), Role::Unused);
    }
    let raid3 = Layout::new(&geometry(Level::Raid3, Placement::ParityLast, 7, 0, u64::MAX / 6));
    let (layout, last) = (raid3.unwrap(), u64::MAX / 6 * 6 - 1);
    assert_eq!(layout.set_blocks().0, last + 1);
    let at = layout.locate_byte(last, 511).unwrap();
    assert_eq!((at.slot, at.block.0, at.offset), (Slot(5), u64::MAX / 6 - 1, 511));
    assert_eq!(layout.byte_at(at.slot, at.block.0, 511), Some((last, 511)));
    let mirror = geometry(Level::Raid1E, Placement::Adjacent, 2, 1, u64::MAX);
    assert_eq!(Layout::new(&mirror).unwrap().size(), Blocks(u64::MAX));
}

fn any_geometry() -> impl Strategy<Value = Geometry> {
    let level = proptest::sample::select(every_placement());
    let secondary = proptest::sample::select(vec![
        (Secondary::None, 1),
        (Secondary::Striped, 3),
        (Secondary::Mirrored, 2),
        (Secondary::Concatenated, 4),
        (Secondary::Spanned, 2),
    ]);
    (level, 1..=256u16, 0..200u64, any::<u64>(), 0..64u32, secondary, 0..6u8, 0..66u8).prop_map(
        |(
            (level, placement),
            slots,
            strip,
            members,
            shift,
            (secondary, sets),
            parities,
            rotate,
        )| {
            Geometry {
                level,
                placement,
                slots,
                strip: Blocks(if level == Level::Raid3 { 0 } else { strip }),
                member_blocks: Blocks(members >> shift),
                secondary,
                sets,
                q_numbering: if rotate % 2 == 0 { QNumbering::BySlot } else { QNumbering::ByData },
                parities,
                rotate_shift: rotate,
                block_size: 4096,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 8 } else { 2000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_sound_geometry_maps_there_and_back(geometry in any_geometry(), at in any::<u64>()) {
        let Ok(layout) = Layout::new(&geometry) else { return Ok(()) };
        let block = at % layout.set_blocks().0;
        let mut slots = SlotSet::EMPTY;
        for (copy, place) in layout.copies(block).enumerate() {
            prop_assert!(!slots.contains(place.slot));
            slots.insert(place.slot);
            prop_assert!(u16::from(place.slot.0) < geometry.slots);
            prop_assert!(place.block.0 < geometry.member_blocks.0);
            let expected = if copy == 0 { Role::Data(block) } else { Role::Copy { of: block } };
            prop_assert_eq!(layout.role(place.slot, place.block.0), expected);
        }
        prop_assert_eq!(u32::from(slots.len()), u32::from(layout.copy_count()));
        let whole = at % layout.size().0;
        let piece = layout.split(Extent::new(whole, 1)).next().unwrap();
        prop_assert_eq!(layout.array_block(piece.set, piece.at.start.0), Some(whole));
    }

    #[test]
    fn any_member_block_has_one_role_and_is_found_again(
        geometry in any_geometry(), slot in any::<u8>(), block in any::<u64>(), shift in 0..64u32,
    ) {
        let Ok(layout) = Layout::new(&geometry) else { return Ok(()) };
        let (slot, block) = (Slot(slot), block >> shift);
        match layout.role(slot, block) {
            Role::Data(of) | Role::Copy { of } => {
                let found = layout.copies(of).find(|place| place.slot == slot);
                prop_assert_eq!(found.map(|place| place.block.0), Some(block));
            }
            Role::Parity(index) => {
                let map = layout.row_map(block / layout.row_unit()).unwrap();
                prop_assert_eq!(map.parity_slot(index), Some(slot));
            }
            Role::Interleaved { first } => {
                let (of, byte) = layout.byte_at(slot, block, 7).unwrap();
                prop_assert!(of >= first && of - first < u64::from(geometry.slots));
                let at = layout.locate_byte(of, byte).unwrap();
                prop_assert_eq!((at.slot, at.block.0, at.offset), (slot, block, 7));
            }
            Role::HotSpace | Role::Unused => {}
        }
    }

    #[test]
    fn elements_of_any_sizes_are_joined_there_and_back(
        secondary in proptest::sample::select(vec![
            Secondary::Striped, Secondary::Mirrored, Secondary::Concatenated, Secondary::Spanned,
        ]),
        strip in 1..9u64,
        sizes in proptest::collection::vec((any::<u64>(), 0..64u32), 1..9),
        at in any::<u64>(),
        len in 1..100u64,
    ) {
        let sizes: Vec<_> = sizes.into_iter().map(|(size, shift)| Blocks(size >> shift)).collect();
        let Ok(elements) = Elements::new(secondary, Blocks(strip), &sizes) else { return Ok(()) };
        let start = at % elements.size().0;
        let mut covered = 0;
        for piece in elements.split(Extent::new(start, len)) {
            prop_assert_eq!(piece.offset.0, covered);
            prop_assert!(piece.at.start.0 + piece.at.len.0 <= sizes[usize::from(piece.set)].0);
            for block in 0..piece.at.len.0 {
                let back = elements.array_block(piece.set, piece.at.start.0 + block);
                prop_assert_eq!(back, Some(start + covered + block));
            }
            covered += piece.at.len.0;
        }
        prop_assert_eq!(covered, len.min(elements.size().0 - start));
    }

    #[test]
    fn the_pieces_of_a_request_cover_it_once_and_in_order(
        geometry in any_geometry(), start in any::<u64>(), len in 1..500u64,
    ) {
        let Ok(layout) = Layout::new(&geometry) else { return Ok(()) };
        let start = start % layout.size().0;
        let len = len.min(layout.size().0 - start);
        let mut covered = 0;
        for piece in layout.split(Extent::new(start, len)) {
            prop_assert_eq!(piece.offset.0, covered);
            let first = layout.array_block(piece.set, piece.at.start.0);
            prop_assert_eq!(first, Some(start + covered));
            let last = layout.array_block(piece.set, piece.at.start.0 + piece.at.len.0 - 1);
            prop_assert_eq!(last, Some(start + covered + piece.at.len.0 - 1));
            covered += piece.at.len.0;
        }
        prop_assert_eq!(covered, len);
    }
}
