// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask recover`: sets made of real file systems, and what `raid-inspect guess` says about them.
//!
//! | variable | meaning |
//! |---|---|
//! | `RAID_RECOVER_SETS` | how many sets |
//! | `RAID_RECOVER_SEED` | the seed of the run; that of its sets follow from it |
//! | `RAID_RECOVER_KEEP` | whether the disks of the last set stay, to be looked at |
//! | `RAID_RECOVER_FOLDER` | where a set stands while it is judged |
//! | `RAID_RECOVER_ONLY` | the seed of one set, as a run prints it: this one only |
//!
//! File systems whose programs are not installed are left out, and named at the end.

#[path = "../generator/images.rs"]
mod images;
#[path = "../generator/maps.rs"]
mod maps;
#[path = "../generator/sets.rs"]
#[allow(dead_code, reason = "shared with the suite, which needs more")]
mod sets;

mod content;
mod file_systems;
mod judged;
mod plan;
mod table;
mod volumes;

use file_systems::NotMade;
use images::Numbers;
use judged::Judged;
use plan::{Expected, Plan};
use std::collections::BTreeMap;
use std::time::Instant;
use table::Table;
use volumes::Volume;

/// Share of the sets with evidence whose first guess must be right, in percent. One that is not is no share of a short
/// run.
const RIGHT: usize = 98;

fn number(name: &str, usual: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(usual, |given| {
        given.parse().unwrap_or_else(|_| panic!("{name} is {given:?}, expected a number"))
    })
}

#[test]
#[ignore = "needs mke2fs, mkfs.xfs, mkfs.fat, mcopy, mkntfs, ntfscp, sgdisk, cryptsetup: cargo xtask recover"]
fn sets_of_real_file_systems_are_guessed_right_or_not_at_all() {
    let seed = number("RAID_RECOVER_SEED", 1);
    let mut numbers = Numbers(seed.wrapping_mul(0x1_0001));
    let seeds: Vec<u64> = match std::env::var("RAID_RECOVER_ONLY") {
        Ok(_) => vec![number("RAID_RECOVER_ONLY", 0)],
        Err(_) => {
            (0..number("RAID_RECOVER_SETS", 40)).map(|_| numbers.below(1_000_000_000)).collect()
        }
    };
    let folder = judged::folder();
    let mut table = Table::default();
    let mut skipped: BTreeMap<&'static str, (u32, String)> = BTreeMap::new();
    for (index, seed) in seeds.iter().enumerate() {
        let began = Instant::now();
        let plan = Plan::of(*seed);
        let volume = match Volume::make(&folder, *seed) {
            Ok(volume) => volume,
            Err(why) => {
                let kind = Volume::kind_of(*seed).name();
                let (NotMade::Missing(text) | NotMade::Failed(text)) = &why;
                println!("{:3}/{} seed {seed}: {kind} not made: {text}", index + 1, seeds.len());
                assert!(matches!(why, NotMade::Missing(_)), "seed {seed}: {kind}: {text}");
                skipped.entry(kind).or_insert((0, text.clone())).0 += 1;
                continue;
            }
        };
        // What a foreign disk holds, and what was written meanwhile.
        let other = content::pages(&mut Numbers(*seed ^ 0x07E2), 48 << 20);
        let set = plan.split(&volume, &other);
        let expected = plan.expected(volume.kind, &set);
        let judged = Judged::of(&set, &folder);
        let outcome = table.take(&plan, expected, &judged);
        println!(
            "{:3}/{} seed {seed}: {}; {}: {outcome}, {:.2} s of CPU ({:.0} s with making it)",
            index + 1,
            seeds.len(),
            plan.name(),
            volume.name(),
            judged.took.as_secs_f64(),
            began.elapsed().as_secs_f64(),
        );
        if judged.is_sure_and_wrong() || (expected == Expected::Right && !judged.right) {
            println!("        {}", judged.said);
            println!(
                "        the disks' places: {:?}, counted from page {}",
                set.places, set.start
            );
        }
    }
    match std::env::var_os(judged::KEEP) {
        Some(_) => println!("kept: {}", folder.display()),
        None => std::fs::remove_dir_all(&folder).expect("the folder"),
    }
    table.print();
    for (kind, (sets, why)) in &skipped {
        println!("SKIPPED: {sets} sets of {kind}: {why}");
    }
    assert_eq!(table.sure_and_wrong(), 0, "sure and wrong");
    assert!(table.judged() > 0, "no set was judged");
    let (right, of) = table.right();
    assert!(
        of - right <= 1 || right * 100 >= of * RIGHT,
        "the first guess is right in {right} of {of} sets with evidence, expected {RIGHT} %"
    );
}
