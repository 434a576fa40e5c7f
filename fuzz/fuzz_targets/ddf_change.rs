// SPDX-License-Identifier: MIT OR Apache-2.0
//! DDF metadata changed and committed over up to six disks of FreeBSD's graid, damaged as the input
//! says.
//!
//! A refused change leaves every byte as it was. The commit of an accepted one comes to an end, stays
//! inside the metadata, and what it leaves is assembled; if it is cut short, that is too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use raid_core::array::{ArrayId, Initialisation, MemberId, Place};
use raid_core::metadata::{
    Admin, ChangeError, DiskBuffer, DiskShape, Format, PieceMut, RunTime, RuntimeState, Stamp, Step,
};
use raid_core::units::{Blocks, Lba, Slot, SlotSet};
use raid_ddf::{Ddf, PhysicalDiskRecords};
use raid_ddf::{DdfHeader, Guid, Record, VirtualDiskRecords};
use raid_fuzz::limits::bounded;
use raid_fuzz::{graid, input::Input, inventory::Disk, inventory::discovery_holds};

/// Most steps that a commit of eleven blocks may take.
const MOST_STEPS: usize = 64;

/// GUIDs that the disks list: of arrays and of disks.
fn listed(disks: &[Disk]) -> (Vec<ArrayId>, Vec<MemberId>) {
    let (mut arrays, mut members) = (Vec::new(), Vec::new());
    for disk in disks {
        let order = DdfHeader::byte_order(&disk.tail).unwrap_or_default();
        let records = VirtualDiskRecords::view(&disk.tail[2048..2560]);
        let used = records.into_iter().flat_map(|records| records.used(order));
        arrays.extend(used.map(|(_, entry)| ArrayId::from(entry.vd_guid)));
        let records = PhysicalDiskRecords::view(&disk.tail[1024..2048]);
        let used = records.into_iter().flat_map(|records| records.used(order));
        members.extend(used.map(|(_, entry)| MemberId::from(entry.pd_guid)));
    }
    arrays.push(Guid([7; 24]).into());
    members.push(Guid([7; 24]).into());
    (arrays, members)
}

/// The disks as buffers, the ones in `failed` not live, handed to `with`.
fn buffers<T>(
    disks: &mut [Disk],
    failed: u8,
    with: impl FnOnce(&mut [DiskBuffer<'_, '_>]) -> T,
) -> T {
    let mut pieces: Vec<[PieceMut<'_>; 1]> = disks
        .iter_mut()
        .map(|disk| {
            let at = Lba(disk.blocks - disk.tail.len() as u64 / 512);
            [PieceMut { at, bytes: &mut disk.tail }]
        })
        .collect();
    let mut buffers: Vec<DiskBuffer<'_, '_>> = pieces
        .iter_mut()
        .enumerate()
        .map(|(index, pieces)| {
            let shape = DiskShape { blocks: Blocks(73728), block_size: 512 };
            DiskBuffer { shape, pieces, live: failed & (1 << index) == 0 }
        })
        .collect();
    with(&mut buffers)
}

fn change(
    input: &mut Input<'_>,
    arrays: &[ArrayId],
    members: &[MemberId],
    buffers: &mut [DiskBuffer<'_, '_>],
) -> Result<(), ChangeError> {
    let ddf: &dyn Admin = &Ddf::new();
    let random = u64::from(input.pair()) << 20;
    let stamp = Stamp { unix_seconds: 1_700_000_000 + u64::from(input.byte()), random };
    let array = arrays[usize::from(input.byte()) % arrays.len()];
    let member = members[usize::from(input.byte()) % members.len()];
    let disk = usize::from(input.byte() % 7);
    let place = Place { set: u16::from(input.byte() % 3), slot: Slot(input.byte() % 5) };
    match input.byte() % 8 {
        0 => ddf.add_spare(buffers, disk, stamp),
        1 => ddf.activate(buffers, array, place, disk, stamp),
        2 => ddf.delete_array(buffers, array, stamp),
        3 => ddf.release_spare(buffers, disk, stamp),
        4 => ddf.remove_disk(buffers, member, stamp),
        5 => ddf.import(buffers, Guid(array.0).into(), stamp),
        _ => {
            let slots = |bits: u8| -> SlotSet {
                (0..8).filter(|slot| bits & (1 << slot) != 0).map(Slot).collect()
            };
            let failed = slots(input.byte());
            let state = RuntimeState {
                clean: input.byte() & 1 == 0,
                failed,
                rebuilding: slots(input.byte()).without(failed),
                initialisation: match input.byte() % 3 {
                    0 => Initialisation::None,
                    1 => Initialisation::Running,
                    _ => Initialisation::Full,
                },
                progress: None,
            };
            ddf.set_state(buffers, array, place.set, &state, stamp)
        }
    }
}

/// Writes the buffers' commit to `media`, at most `limit` steps of it.
fn commit(buffers: &mut [DiskBuffer<'_, '_>], media: &mut [Disk], limit: usize) {
    let mut left = limit;
    let mut block = [0; 4096];
    for (buffer, disk) in buffers.iter().zip(media).filter(|(buffer, _)| buffer.live) {
        let tail_at = disk.blocks - disk.tail.len() as u64 / 512;
        for index in 0.. {
            assert!(index < MOST_STEPS, "a commit without end");
            let Some(step) = Ddf::new().commit_step(buffer, index, &mut block) else { break };
            if left == 0 {
                return;
            }
            left -= 1;
            if let Step::Write { at, bytes } = step {
                let from = usize::try_from(at.0.checked_sub(tail_at).unwrap()).unwrap() * 512;
                disk.tail[from..from + bytes.len()].copy_from_slice(bytes);
            }
        }
    }
}

fuzz_target!(|data: &[u8]| bounded(|| {
    let mut input = Input(data);
    let mut disks: Vec<Disk> = Vec::new();
    let count = usize::from(input.byte() % 6) + 1;
    while disks.len() < count {
        let disk = graid::disk(&mut input, disks.last());
        disks.push(disk);
    }
    for _ in 0..8 {
        if input.is_empty() {
            break;
        }
        let (failed, cut) = (input.byte(), input.byte());
        let (arrays, members) = listed(&disks);
        let before = disks.clone();
        let mut media = disks.clone();
        let done = buffers(&mut disks, failed, |buffers| {
            let done = change(&mut input, &arrays, &members, buffers);
            if done.is_ok() {
                commit(buffers, &mut media, if cut < 128 { cut.into() } else { usize::MAX });
            }
            done
        });
        if let Err(error) = done {
            assert!(!error.to_string().is_empty());
            let same = before.iter().zip(&disks).all(|(before, after)| before.tail == after.tail);
            assert!(same, "a refused change has changed something: {error}");
            continue;
        }
        disks = media;
        discovery_holds(&Ddf::new(), &disks);
        assert_eq!(Format::name(&Ddf::new()), "ddf");
    }
}));
