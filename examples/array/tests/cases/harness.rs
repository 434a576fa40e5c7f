// SPDX-License-Identifier: MIT OR Apache-2.0
//! The engine under test, the formats it runs on, and the arrays that cases are made of.

// Each kind of case needs another part of it.
#![allow(dead_code)]

use crate::format::{NATIVE, TOY};
use raid_array::engine::{Engine, OpenError, Options};
use raid_array::trust::Accept;
use raid_array::workload::{Caches, Call, Kept, Machine, Rig, Running};
use raid_core::array::{Geometry, Level, Place, Placement, QNumbering, Secondary};
use raid_core::backend::Backend;
use raid_core::units::{Blocks, Slot};
use raid_ddf::Ddf;
use raid_sync::{Limits, Status};

/// The engine that the cases run on. Another one takes its place here.
pub(crate) type UnderTest = Engine;

/// DDF with the optional checkpoint in the vendor's area.
static DDF_WITH_MARKS: Ddf = Ddf::new().with_checkpoints();

pub(crate) static TOY_FORMAT: Kept = Kept { name: "toy", format: &TOY };
pub(crate) static NATIVE_FORMAT: Kept = Kept { name: "native", format: &NATIVE };
pub(crate) static DDF: Kept = Kept { name: "ddf", format: &Ddf::new() };
pub(crate) static DDF_MARKS: Kept = Kept { name: "ddf with marks", format: &DDF_WITH_MARKS };
pub(crate) static ASR: Kept = Kept { name: "asr", format: &raid_asr::Asr::new() };

/// Every format that can be written.
pub(crate) static FORMATS: [&Kept; 5] = [&TOY_FORMAT, &NATIVE_FORMAT, &DDF, &DDF_MARKS, &ASR];

/// A small array: strips of 16 blocks, 512 blocks a member.
pub(crate) fn geometry(level: Level, slots: u16, sets: u16) -> Geometry {
    let placement = match level {
        Level::Raid1 => Placement::Fixed,
        _ => Placement::NContinue,
    };
    Geometry {
        level,
        placement,
        slots,
        strip: Blocks(16),
        member_blocks: Blocks(512),
        secondary: if sets > 1 { Secondary::Striped } else { Secondary::None },
        sets,
        q_numbering: QNumbering::BySlot,
        parities: 0,
        rotate_shift: 0,
        block_size: 512,
    }
}

pub(crate) fn place(set: u16, slot: u8) -> Place {
    Place { set, slot: Slot(slot) }
}

/// Small windows, frequent checkpoints, no force.
pub(crate) fn options() -> Options {
    let limits = Limits {
        rows_per_window: 64,
        windows: 2,
        min_rate: 200_000,
        checkpoint_rows: 128,
        ..Limits::default()
    };
    Options { accept: Accept::NOTHING, limits, backend: Backend::detect(), unix_start: 0, seed: 1 }
}

/// Starts a volume of the machine without force.
pub(crate) fn start(
    machine: &mut Machine,
    volume: usize,
    disks: &[usize],
) -> Result<Running<UnderTest>, OpenError> {
    machine.start(volume, disks, options())
}

/// Lets `ios` member I/Os happen while users work.
pub(crate) fn work(rig: &mut Rig<UnderTest>, ios: u64) {
    let mut left = ios;
    rig.work_until(|_| {
        left = left.saturating_sub(1);
        left == 0
    });
}

/// Lets `ios` member I/Os happen without new requests.
pub(crate) fn wait(rig: &mut Rig<UnderTest>, ios: u64) {
    let mut left = ios;
    rig.wait_until(|_| {
        left = left.saturating_sub(1);
        left == 0
    });
}

/// Every read was right and every request was answered without an error.
#[track_caller]
pub(crate) fn good(rig: &Rig<UnderTest>, what: &str) {
    assert!(rig.tally.is_good(), "{what}: {:?} {:?}", rig.tally.wrong, rig.tally.errors);
}

/// Stops cleanly, and cuts the power: what was not flushed is lost.
pub(crate) fn stop(machine: &mut Machine, mut running: Running<UnderTest>) {
    running.rig.flush();
    running.call(Call::Stop).unwrap();
    assert!(running.rig.wait_until(|rig| rig.engine.is_idle()));
    good(&running.rig, machine.kept().name);
    running.cut(machine, Caches::KeepNothing);
}

/// How many lives a case lives: `few` in an ordinary run, as many times as many as `RAID_ARRAY_LIVES`
/// says in a deep one.
pub(crate) fn lives(few: u64) -> u64 {
    let times = std::env::var("RAID_ARRAY_LIVES").ok().and_then(|n| n.parse::<u64>().ok());
    few * times.unwrap_or(1)
}

/// A mirror, a RAID-5 and a RAID-6 on every format that has them. `case` answers `None` where the format
/// has no such array.
pub(crate) fn each_array(mut case: impl FnMut(&'static Kept, Level, u16) -> Option<()>) {
    let mut ran = 0;
    for kept in FORMATS {
        for (level, slots) in [(Level::Raid1, 2), (Level::Raid5, 3), (Level::Raid6, 4)] {
            ran += u64::from(case(kept, level, slots).is_some());
        }
    }
    assert!(ran >= 10, "the case ran on {ran} arrays only");
}

/// A machine with one such array, and spares.
pub(crate) fn shape(
    kept: &Kept,
    level: Level,
    slots: u16,
    spares: usize,
    seed: u64,
) -> Option<Machine> {
    Machine::create(*kept, geometry(level, slots, 1), spares, seed).ok()
}

/// All disks of such a machine, in their order.
pub(crate) fn starts(slots: u16, spares: usize) -> Vec<usize> {
    (0..usize::from(slots) + spares).collect()
}

/// Every member holds everything, and nothing is under way.
pub(crate) fn whole(status: &Status) -> bool {
    (status.failed | status.rebuilding).is_empty() && status.operation.is_none()
}
