// SPDX-License-Identifier: MIT OR Apache-2.0
//! Discovery of hostile disks, and a short life of each array that the engine starts on them.

use crate::input::Input;
use crate::sparse::Sparse;
use raid_array::backplane::{Backplane, Simulated};
use raid_array::discover::{Discovery, Source, discover};
use raid_array::engine::{Engine, Options, Request};
use raid_array::formats::{FORMATS, SEARCHING};
use raid_array::member::Member;
use raid_array::trust::Accept;
use raid_core::array::{ArrayId, Place};
use raid_core::backend::Backend;
use raid_core::metadata::Admin;
use raid_core::units::{Extent, Slot};
use raid_sync::{Limits, Time};

/// Member I/Os of one life.
const STEPS: usize = 120;
/// What an operator and a user do in it.
const CALLS: usize = 8;
/// Arrays that are started: hostile metadata may name many.
const ARRAYS: usize = 2;

/// Looks at the disks as the tools do; nothing may be written by that, and nothing that is reported may
/// name a disk that is not there.
pub fn look(disks: &[Sparse], search: bool) -> Discovery {
    let sources: Vec<Source> = (disks.iter())
        .map(|disk| Source { name: "disk".into(), bytes: Box::new(disk.clone()) })
        .collect();
    let discovery = discover(&sources, if search { SEARCHING } else { FORMATS });
    assert_eq!(discovery.disks.len(), disks.len());
    for finding in &discovery.findings {
        let finding = &finding.finding;
        assert!(finding.disk.is_none_or(|disk| disk < disks.len()), "{finding}");
    }
    for member in discovery.arrays.iter().flat_map(|array| &array.members) {
        assert!(member.descriptor.disk.is_none_or(|disk| disk < disks.len()), "{member:?}");
    }
    discovery
}

/// Starts the arrays that were found, each on disks of its own, and lets them live.
pub fn lives(input: &mut Input<'_>, disks: &[Sparse], discovery: &Discovery) {
    for array in discovery.arrays.iter().take(ARRAYS) {
        let Some(format) = FORMATS
            .iter()
            .filter_map(|format| format.admin())
            .find(|format| format.name() == array.format_name)
        else {
            continue;
        };
        life(input, format, array.descriptor.id, disks, discovery);
    }
}

fn options(trusting: bool) -> Options {
    Options {
        accept: if trusting { Accept::ALL } else { Accept::NOTHING },
        limits: Limits { rows_per_window: 64, windows: 2, min_rate: 200_000, ..Limits::default() },
        backend: Backend::portable(),
        unix_start: 1_700_000_000,
        seed: 1,
    }
}

fn life(
    input: &mut Input<'_>,
    format: &'static dyn Admin,
    array: ArrayId,
    disks: &[Sparse],
    discovery: &Discovery,
) {
    let media = disks.iter().map(|disk| Box::new(disk.clone()) as Box<dyn Member>);
    let mut backplane = Simulated::new(media.collect(), 1, Time(0));
    let options = options(input.byte() & 1 != 0);
    let mut engine = match Engine::open(format, discovery, array, &mut backplane, options) {
        Ok(engine) => engine,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    for _ in 0..CALLS {
        call(input, &mut engine, &backplane, disks.len());
        go_on(&mut engine, &mut backplane, STEPS / CALLS);
        if input.is_empty() {
            break;
        }
    }
    engine.quiesce(backplane.now());
    go_on(&mut engine, &mut backplane, STEPS);
}

/// One call of an operator or a user. Refusals are part of the game.
#[allow(clippy::let_unit_value)] // Some of the calls answer, some do not.
fn call(input: &mut Input<'_>, engine: &mut Engine, backplane: &Simulated, disks: usize) {
    let now = backplane.now();
    let set = u16::from(input.byte()) % engine.set_count();
    let slots = engine.geometry().slots;
    let place =
        Place { set, slot: Slot(u8::try_from(u16::from(input.byte()) % slots).unwrap_or(0)) };
    let disk = usize::from(input.byte()) % disks;
    let size = engine.layout().size().0.max(1);
    let at = u64::from(input.pair()) % size;
    match input.byte() % 9 {
        0 => {
            // What is refused changes nothing, of this call and of those below.
            let _ = engine.take_spare(now, place, disk);
        }
        1 => {
            let _ = engine.scrub(now, set, disk % 2 == 0);
        }
        2 => {
            let _ = engine.fail_member(now, place);
        }
        3 => {
            let _ = engine.return_member(now, place);
        }
        4 => backplane.faults(disk).pull(),
        5 => backplane.faults(disk).plug(),
        6 => {
            engine.submit(now, Request::Flush);
        }
        7 => {
            engine.submit(now, Request::Read(Extent::new(at, 8.min(size - at))));
        }
        _ => {
            let block = engine.block_size() as usize;
            let bytes = vec![0x5a; block * usize::try_from(4.min(size - at)).unwrap_or(1)];
            engine.submit(now, Request::Write { at, bytes, durable: disk % 2 == 0 });
        }
    }
}

/// So many member I/Os, or until nothing is to be done.
fn go_on(engine: &mut Engine, backplane: &mut Simulated, steps: usize) {
    for _ in 0..steps {
        while let Some(io) = engine.next_io() {
            backplane.submit(io);
        }
        if let Some(done) = backplane.next() {
            engine.complete_io(backplane.now(), done);
        } else if let Some(deadline) = engine.deadline() {
            backplane.idle(deadline);
            engine.run(backplane.now());
        } else {
            break;
        }
        while engine.next_event().is_some() {}
    }
}
