// SPDX-License-Identifier: MIT OR Apache-2.0
//! What reading accepts, writing accepts: damage of one byte on one disk, before every update.

use crate::every_update::{CHANGES, two_arrays};
use crate::rig::{Rig, SMALL};
use raid_core::array::MemberState;

const TABLE: u64 = SMALL.blocks.0 - 17;

fn is_accepted(rig: &Rig) -> bool {
    rig.members().contains(&(Some(0), MemberState::InSync))
}

/// Case E1. Where the damaged disk is still a member no update is refused; where it is not, the
/// refusal names that disk, and without it the update is made.
#[test]
#[cfg_attr(miri, ignore = "thousands of updates")]
fn one_damaged_byte_of_what_reading_accepts_refuses_no_update() {
    let (healthy, array, _) = two_arrays();
    let (mut accepted, mut refused) = (0, 0);
    for block in [TABLE, TABLE + 1, TABLE + 16] {
        for byte in 0..512 {
            let mut rig = healthy.clone();
            let mut bytes = healthy.media[0].read(block, 1);
            bytes[byte] ^= 0x04;
            rig.media[0].write(block, &bytes);
            rig.reread();
            let is_accepted = is_accepted(&rig);
            accepted += usize::from(is_accepted);
            for (name, _, change) in CHANGES {
                let what = format!("{name}, block {block:#x}, byte {byte:#x}");
                let mut rig = rig.clone();
                let before = rig.buffers.clone();
                if let Err(error) = change(&mut rig, array) {
                    refused += 1;
                    assert!(!is_accepted, "{what}: {error}");
                    assert_eq!(error.refusing_disk(), Some(0), "{what}: {error}");
                    assert_eq!(rig.buffers, before, "{what}: a refusal changes nothing");
                    rig.live[0] = false;
                    change(&mut rig, array).unwrap_or_else(|error| panic!("{what}: {error}"));
                }
                rig.commit();
                rig.reread();
                if is_accepted && !["deletion", "failure"].contains(&name) {
                    assert!(self::is_accepted(&rig), "{what}");
                }
            }
        }
    }
    assert!(accepted > 1000, "{accepted}");
    println!("{accepted} damaged disks accepted, {refused} updates refused");
}
