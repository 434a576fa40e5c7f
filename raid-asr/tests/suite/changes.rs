// SPDX-License-Identifier: MIT OR Apache-2.0
//! What holds for any changes, one after the other, of any disks whatever: sound ones with arrays and
//! spares, or cut from hostile bytes. The fuzz target `asr_change` calls the same function.
#![allow(missing_docs)]

use crate::property;

use crate::rig::{Rig, SMALL, Stepped, geometry, joined, raid10};
use raid_asr::{Asr, MemberOrder};
use raid_core::array::{ArrayId, Initialisation, Level, Name, Place, Secondary};
use raid_core::metadata::{
    Admin, ArrayRequest, ChangeError, Operation, Progress, RunTime, RuntimeState, Served,
    SpareRequest,
};
use raid_core::units::{Blocks, Row, Slot, SlotSet};

/// The input as a stream of small numbers; zeros after its end.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit.max(1)
    }

    fn take(&mut self, len: usize) -> &'a [u8] {
        let (front, back) = self.0.split_at(len.min(self.0.len()));
        self.0 = back;
        front
    }

    fn slots(&mut self) -> SlotSet {
        let bits = self.byte();
        (0..8).filter(|n| bits >> n & 1 == 1).map(Slot).collect()
    }

    fn state(&mut self) -> RuntimeState {
        let (failed, rebuilding, targets) = (self.slots(), self.slots(), self.slots());
        let kinds = self.byte();
        RuntimeState {
            clean: kinds & 1 == 0,
            failed,
            rebuilding: rebuilding.without(failed),
            initialisation: match kinds >> 1 & 3 {
                0 => Initialisation::None,
                1 => Initialisation::Running,
                _ => Initialisation::Full,
            },
            progress: {
                let mark = Row(u64::from(self.byte()) << (self.byte() % 60));
                let operation = match kinds >> 3 & 7 {
                    0 => Some(Operation::Rebuild { targets }),
                    1 => Some(Operation::Resync),
                    2 => Some(Operation::Initialise),
                    3 => Some(Operation::Check),
                    4 => Some(Operation::Repair),
                    _ => None,
                };
                operation.map(|operation| Progress { operation, mark })
            },
        }
    }
}

/// The disks to begin with: hostile ones, or unused ones.
fn disks(input: &mut Input<'_>) -> (Rig, bool) {
    let hostile = usize::from(input.byte()) * 8;
    let images = property::images_from(input.take(hostile));
    match images.is_empty() {
        true => (Rig::unused(6), false),
        false => (Rig::of_images(&images), true),
    }
}

/// Runs changes that `data` describes.
pub(crate) fn changes_hold(data: &[u8]) {
    let mut input = Input(data);
    let (mut rig, mut hostile) = disks(&mut input);
    for _ in 0..24 {
        if input.0.is_empty() {
            break;
        }
        let before = rig.buffers.clone();
        let choice = input.byte();
        match choice % 16 {
            12 => {
                rig.commit();
                rig.reread();
            }
            13 => cut(&mut rig, &mut input),
            14 => hostile |= patch(&mut rig, &mut input),
            15 => {
                let disk = input.below(rig.live.len());
                rig.live[disk] = !rig.live[disk] && !rig.buffers[disk].pieces.is_empty();
            }
            _ => {
                if change(&mut rig, choice, &mut input, hostile).is_err() {
                    assert!(rig.buffers == before, "a refused change changed something");
                }
            }
        }
        stays_in_place(&mut rig);
    }
    let images: Vec<_> = rig
        .media
        .iter()
        .zip(&rig.buffers)
        .map(|(medium, buffer)| medium.image(buffer.shape))
        .collect();
    if images.len() <= 8 {
        property::assembly_holds(&images, &[]);
    }
}

/// One of the arrays that are found, or one that is not there.
fn array(rig: &Rig, input: &mut Input<'_>) -> (ArrayId, u16) {
    let found = rig.found().arrays;
    let pick = input.below(found.len() + 1);
    found.get(pick).map_or((ArrayId([3; 24]), 1), |array| (array.id, array.geometry.sets))
}

fn change(
    rig: &mut Rig,
    choice: u8,
    input: &mut Input<'_>,
    hostile: bool,
) -> Result<(), ChangeError> {
    let order = Asr::new().with_order(match choice >> 4 & 3 {
        0 => MemberOrder::Table,
        1 => MemberOrder::Address,
        _ => MemberOrder::Undecided,
    });
    let (id, sets) = array(rig, input);
    let set = u16::from(input.byte()) % (sets + 1);
    let disk = input.below(rig.live.len() + 1);
    let stamp = rig.stamp();
    match choice % 16 {
        0..=3 => {
            let state = input.state();
            rig.edit(|disks| order.set_state(disks, id, set, &state, stamp))?;
            if !hostile && rig.live.iter().all(|live| *live) {
                let found = rig.view(|disks| order.state(disks, id, set)).expect("just recorded");
                assert_eq!(found.failed, state.failed);
                assert_eq!(found.rebuilding, state.rebuilding);
                assert_eq!(found.clean, state.clean);
                assert!(found.mark() <= state.mark());
            }
            Ok(())
        }
        4 => {
            let place = Place { set, slot: Slot(input.byte() % 4) };
            rig.edit(|disks| order.activate(disks, id, place, disk, stamp))
        }
        5 => {
            let shapes = [
                geometry(Level::Raid0, 2),
                geometry(Level::Raid1, 2),
                geometry(Level::Raid1, 3),
                geometry(Level::Single, 1),
                raid10(2),
                raid10(3),
                joined(Level::Raid0, Secondary::Mirrored, 2),
                geometry(Level::Raid5, 3),
            ];
            let mut shape = shapes[input.below(shapes.len())];
            shape.member_blocks = Blocks(128 * (1 + input.below(128)) as u64);
            let count = usize::from(shape.slots * shape.sets);
            let disks: Vec<_> = (0..count)
                .map(|_| match input.byte() {
                    0xFF => None,
                    byte => Some(usize::from(byte) % (rig.live.len() + 1)),
                })
                .collect();
            let name = input.take(input.0.len().min(2));
            let request = ArrayRequest {
                unverified: true,
                initialisation: input.state().initialisation,
                ..ArrayRequest::new(Name::new(name), shape, &disks)
            };
            rig.edit(|disks| Asr::new().create_array(disks, &request, stamp)).map(drop)
        }
        6 => rig.edit(|disks| Asr::new().add_spare(disks, disk, stamp)),
        7 => {
            let serves = [Served::all(id)];
            let request = SpareRequest::dedicated(disk, &serves);
            rig.edit(|disks| Asr::new().assign_spare(disks, &request, stamp))
        }
        8 => rig.edit(|disks| Asr::new().release_spare(disks, disk, stamp)),
        9 => rig.edit(|disks| Asr::new().delete_array(disks, id, stamp)),
        10 => rig.edit(|disks| Asr::new().dissolve(disks, id, stamp)),
        _ => {
            if rig.live.len() < 8 && choice & 0x80 != 0 {
                rig.insert(SMALL);
            }
            Ok(())
        }
    }
}

/// The power goes while disks are written: of each, some steps are done.
fn cut(rig: &mut Rig, input: &mut Input<'_>) {
    for (disk, steps) in rig.all_steps().into_iter().enumerate() {
        let done = input.below(steps.len() + 1);
        for step in &steps[..done] {
            if let Stepped::Write(at, bytes) = step {
                rig.media[disk].write(*at, bytes);
            }
        }
    }
    rig.reread();
}

/// Damages a disk.
fn patch(rig: &mut Rig, input: &mut Input<'_>) -> bool {
    let disk = input.below(rig.media.len());
    let at = usize::from(u16::from_be_bytes([input.byte(), input.byte()])) % (17 * 512);
    let first = rig.buffers[disk].shape.blocks.0 - 17;
    let block = first + at as u64 / 512;
    let mut bytes = rig.media[disk].read(block, 1);
    bytes[at % 512] = input.byte();
    rig.media[disk].write(block, &bytes);
    rig.reread();
    true
}

/// No commit and no erasure writes where user data is.
fn stays_in_place(rig: &mut Rig) {
    for disk in 0..rig.live.len() {
        let pieces: Vec<(u64, u64)> = rig.buffers[disk]
            .pieces
            .iter()
            .map(|(at, bytes)| (at.0, at.0 + bytes.len() as u64 / 512))
            .collect();
        let tail = rig.buffers[disk].shape.blocks.0 - 17;
        for erase in [false, true] {
            for step in rig.steps(disk, erase) {
                if let Stepped::Write(at, bytes) = step {
                    let end = at + bytes.len() as u64 / 512;
                    let held = pieces.iter().any(|(from, to)| *from <= at && end <= *to);
                    assert!(held || at >= tail, "block {at} was never metadata");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            cases: if cfg!(miri) { 2 } else { 300 },
            ..ProptestConfig::default()
        })]

        #[test]
        fn changes_of_sound_disks_hold(bytes in prop::collection::vec(any::<u8>(), 0..160)) {
            changes_hold(&[&[0][..], &bytes].concat());
        }

        #[test]
        fn changes_of_hostile_disks_hold(
            hostile in prop::collection::vec(prop_oneof![Just(0u8), 0u8..4, any::<u8>()], 240),
            bytes in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            changes_hold(&[&[30][..], &hostile, &bytes].concat());
        }
    }

    /// The way to an array that is used, so that the changes above are of something.
    #[test]
    fn the_input_reaches_arrays_that_live() {
        let create = [5, 0, 0, 0, 1, 63, 0, 1, b'a', b'b', 0, 0, 0, 4, 0, 0];
        let mut rig = Rig::unused(6);
        let mut input = Input(&create[1..]);
        change(&mut rig, create[0], &mut input, false).unwrap();
        assert_eq!(rig.found().arrays.len(), 1);
        changes_hold(&[&[0][..], &create, &[12, 0, 0, 0, 0, 1, 0, 0, 4, 0, 0]].concat());
    }
}
