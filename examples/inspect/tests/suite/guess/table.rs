// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sets by seed, and how many of them were guessed right. Sure and wrong must be none.
//!
//! `RAID_GUESS_SETS` is the number of sets, `RAID_GUESS_FIRST` the first seed.

use super::images::{self, Numbers};
use super::maps::is_right;
use super::sets::{Harm, Set, Shape};
use raid_core::array::{Level, Placement, QNumbering};
use raid_inspect::guess::verdict::DiskRole;
use std::collections::BTreeMap;

/// A set by seed, and the name of its kind.
fn set_of(seed: u64, volume: &[u8]) -> (String, Set) {
    let mut numbers = Numbers(seed ^ 0xA5A5_0000);
    let mut one_of = |choices: &[u64]| choices[numbers.below(choices.len() as u64) as usize];
    let chunk = one_of(&[1, 2, 4, 8, 16, 16, 32]);
    let rotations = [
        Placement::NContinue,
        Placement::NRestart,
        Placement::ZeroContinue,
        Placement::ZeroRestart,
    ];
    let placement = rotations[one_of(&[0, 1, 2, 3]) as usize];
    let kind = one_of(&[0, 1, 2, 3, 4, 4, 4, 4, 5, 6, 6, 6]);
    let disks = one_of(&[3, 4, 5, 6]) as u16;
    let harm =
        [Harm::None, Harm::Missing, Harm::Foreign, Harm::Stale][one_of(&[0, 1, 2, 3]) as usize];
    if seed % 8 == 3 {
        return hazard(seed, volume, chunk, disks);
    }
    let (shape, disks) = match kind {
        0 => (Shape::raid0(chunk), disks.min(5)),
        1 => (Shape::raid1(), disks.min(3)),
        2 => (Shape::raid10(chunk), if disks < 5 { 4 } else { 6 }),
        3 => (Shape::raid4(chunk), disks),
        4 => (Shape { placement, ..Shape::raid5(chunk) }, disks),
        5 => {
            let shift = one_of(&[1, 2, 4]) as u8;
            let shape = Shape { placement, shift, ..Shape::raid5(chunk.min(4)) };
            (Shape { level: Level::Raid5R, ..shape }, disks)
        }
        _ => {
            let numbering = [QNumbering::ByData, QNumbering::BySlot][one_of(&[0, 1]) as usize];
            (Shape { placement, numbering, ..Shape::raid6(chunk) }, disks.max(4))
        }
    };
    let name = format!("{:?}{} {harm:?}", shape.level, if kind == 2 { "+0" } else { "" });
    (name, Set::new(volume, shape, disks, seed, harm))
}

/// A set that cannot be told, or is not looked for, and looks like one that can.
fn hazard(seed: u64, volume: &[u8], chunk: u64, disks: u16) -> (String, Set) {
    let shifted = |placement| Shape::of(Level::Raid1E, placement, chunk);
    let (name, shape, disks, harm) = match seed / 8 % 8 {
        0 => ("raid0, a disk lost", Shape::raid0(chunk), disks.min(5), Harm::Missing),
        1 => ("raid10, a pair lost", Shape::raid10(chunk), 4, Harm::TwoMissing),
        2 => ("raid10, a pair of 3 lost", Shape::raid10(chunk), 6, Harm::TwoMissing),
        3 => ("raid5, two lost", Shape::raid5(chunk), disks.max(4), Harm::TwoMissing),
        4 => ("raid6, two lost", Shape::raid6(chunk), disks.max(5), Harm::TwoMissing),
        5 => ("raid1e adjacent", shifted(Placement::Adjacent), disks | 1, Harm::None),
        6 => ("raid1e offset", shifted(Placement::Offset), disks, Harm::None),
        _ => ("raid1e far", shifted(Placement::Far), disks, Harm::None),
    };
    (name.to_owned(), Set::new(volume, shape, disks, seed, harm))
}

#[test]
fn sets_of_many_seeds_are_right_or_cannot_be_told_and_never_sure_and_wrong() {
    let number = |name: &str, usual: u64| {
        std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(usual)
    };
    let (first, sets) = (number("RAID_GUESS_FIRST", 1), number("RAID_GUESS_SETS", 16));
    let mut table: BTreeMap<String, [u32; 4]> = BTreeMap::new();
    let mut failures = Vec::new();
    for seed in first..first + sets {
        let noise = seed % 16 == 15;
        let pages = 1536 + (seed % 5) as usize * 256;
        let volume = if noise { images::noise(seed, pages) } else { images::mixed(seed, pages) };
        let (name, set) = set_of(seed, &volume);
        // Some are sampled at a few places only.
        let budget = if seed % 8 == 6 { (volume.len() / 3) as u64 } else { 100 << 20 };
        let verdict = set.verdict_within(budget);
        let right = verdict.guesses.first().is_some_and(|guess| is_right(&set, guess));
        // A disk that is named stale or foreign must be the one.
        let named = |role, harm| {
            let named = verdict.disks.iter().position(|disk| disk.1 == role);
            named.is_none() || named == set.odd(harm)
        };
        let roles = named(DiskRole::Stale, Harm::Stale) && named(DiskRole::Foreign, Harm::Foreign);
        let class = match (right && roles, verdict.sure) {
            (true, true) => 0,
            (true, false) => 1,
            (false, false) => 2,
            (false, true) => 3,
        };
        let name = if noise { "noise".to_owned() } else { name };
        table.entry(name.clone()).or_default()[class] += 1;
        if class > 0 {
            let why: Vec<&str> = verdict.doubts.iter().map(|d| d.reason.as_str()).collect();
            println!(
                "seed {seed} {name} {:?} chunk {} of {}, {:?}: class {class} {why:?}",
                (set.geometry.placement, set.geometry.q_numbering, &set.places),
                set.geometry.strip.0,
                set.images.len(),
                verdict.redundancy
            );
        }
        if class == 3 {
            failures.push(format!("seed {seed} {name}: {:#?} {verdict:#?}", set.geometry));
        }
    }
    println!("{:24} sure  right  cannot tell  sure and wrong", "kind");
    let mut sum = [0; 4];
    for (name, counts) in &table {
        println!("{name:24} {:4} {:6} {:12} {:15}", counts[0], counts[1], counts[2], counts[3]);
        sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    println!("{:24} {:4} {:6} {:12} {:15}", "all", sum[0], sum[1], sum[2], sum[3]);
    assert!(failures.is_empty(), "sure and wrong: {}", failures.join("\n"));
    assert!(sum[0] * 2 >= sets as u32, "too few are sure: {sum:?}");
}
