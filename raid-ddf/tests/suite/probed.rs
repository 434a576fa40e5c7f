// SPDX-License-Identifier: MIT OR Apache-2.0
//! Real disks, read into memory of the caller's and kept one array at a time.

use crate::support::{assemble, read_image};
use raid_core::metadata::{DiskRead, DiskShape, Format, OneArray, Probe};
use raid_core::units::Blocks;
use raid_ddf::Ddf;
use raid_testdata::scenarios;

/// Case P7. Each array of each scenario, with its own members and none of another's, as the whole report has it.
#[test]
fn each_array_of_real_disks_is_found_in_memory_of_the_callers_with_its_own_members() {
    let mut memory = vec![0; 24 << 20];
    let (mut arrays, mut beside_others) = (0, 0);
    for scenario in scenarios() {
        let images = scenario.images();
        let size = u64::from(scenario.block_size);
        let whole: Vec<_> =
            images.iter().map(|image| read_image(image, scenario.block_size)).collect();
        let told = assemble(&whole);
        let mut left = &mut memory[..];
        let mut disks = Vec::new();
        for image in &images {
            let blocks = Blocks(image.len / size);
            let shape = DiskShape { blocks, block_size: scenario.block_size };
            let mut probe = Probe::new(shape, left);
            while let Some(wanted) = probe.next(&Ddf::new()).expect(&scenario.name) {
                image.read_at(wanted.at.start.0 * size, wanted.into);
                probe.add(true);
            }
            let disk;
            (disk, left) = probe.finish();
            disks.push(disk);
        }
        let views: Vec<_> = disks.iter().map(DiskRead::view).collect();
        for (array, members) in &told.arrays {
            let mut room = [None; 16];
            let mut one = OneArray::of(array.id, &mut room);
            Ddf::new().assemble(&views, &mut one);
            assert_eq!(one.found(), Some(array), "{}", scenario.name);
            let own: Vec<_> = one.members().copied().collect();
            assert_eq!((&own, one.is_crowded()), (members, false), "{}", scenario.name);
            assert_eq!(one.has_others(), told.arrays.len() > 1, "{}", scenario.name);
            arrays += 1;
            beside_others += usize::from(one.has_others());
        }
    }
    assert!(arrays > 40 && beside_others > 5, "{arrays} arrays, {beside_others} beside others");
}
