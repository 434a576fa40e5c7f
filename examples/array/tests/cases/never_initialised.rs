// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arrays on disks that held something, whose copies and parity nobody ever made agree.

use crate::harness::{ASR, DDF, DDF_MARKS, UnderTest, geometry, options};
use raid_array::backplane::{Backplane, Simulated};
use raid_array::engine::{Event, OpenError, Request};
use raid_array::member::{Member, MemoryMember};
use raid_array::store::Store;
use raid_array::trust::{Accept, Risk};
use raid_array::workload::{ArrayEngine, Call, Kept, look_for, write_all};
use raid_core::array::{ArrayId, Geometry, Initialisation, Level, Name, Place};
use raid_core::metadata::{ArrayRequest, Stamp};
use raid_core::units::{Extent, Lba, Slot};
use raid_sync::Time;

/// Lets an array work until it has an answer to this request.
fn ask(engine: &mut UnderTest, backplane: &mut Simulated, request: Request) -> Vec<u8> {
    let asked = engine.submit(backplane.now(), request);
    loop {
        while let Some(event) = engine.next_event() {
            match event {
                Event::Finished { request, result, .. } if request == asked => {
                    return result.unwrap();
                }
                _ => {}
            }
        }
        assert!(step(engine, backplane), "nothing moves on");
    }
}

fn step(engine: &mut UnderTest, backplane: &mut Simulated) -> bool {
    while let Some(io) = engine.next_io() {
        backplane.submit(io);
    }
    match (backplane.next(), engine.deadline()) {
        (Some(done), _) => engine.complete_io(backplane.now(), done),
        (None, Some(deadline)) => {
            backplane.idle(deadline);
            engine.run(backplane.now());
        }
        (None, None) => return false,
    }
    true
}

/// An array on disks full of something, recorded as never initialised; `None` if the format has no such array.
fn on_used_disks(kept: &Kept, shape: Geometry) -> Option<(ArrayId, Vec<Box<dyn Member>>)> {
    let disks: Vec<_> = (0..usize::from(shape.slots)).map(Some).collect();
    let mut random = fastrand::Rng::with_seed(5);
    let blocks = shape.member_blocks.0 + (34 << 11);
    let media = disks.iter().map(|_| {
        let mut medium = MemoryMember::new(blocks);
        let bytes: Vec<u8> = (0..shape.member_blocks.0 * 512).map(|_| random.u8(..)).collect();
        medium.write(Lba(0), &bytes).unwrap();
        Box::new(medium) as Box<dyn Member>
    });
    let media: Vec<Box<dyn Member>> = media.collect();
    let shapes: Vec<_> = media.iter().map(Member::shape).collect();
    let mut store = Store::for_new_disks(kept.format, &shapes);
    let stamp = |random| Stamp { unix_seconds: 1_700_000_000, random };
    let request = ArrayRequest::new(Name::new(b"v"), shape, &disks);
    assert_eq!(request.initialisation, Initialisation::None);
    let made = store.edit(|disks| {
        kept.format.initialise(disks, stamp(1))?;
        kept.format.create_array(disks, &request, stamp(2))
    });
    let array = made.ok()?;
    let mut backplane = Simulated::new(media, 1, Time(0));
    write_all(kept.format, &mut store, &mut backplane);
    Some((array, backplane.cut_power_keeping(|versions| versions.checked_sub(1)).unwrap()))
}

/// What was written to such an array is there when a member is not, whenever that is. Parity is made to agree
/// without being asked for, and recorded as such.
#[test]
fn an_array_that_was_never_initialised_keeps_what_is_written_to_it() {
    // So wide that a write updates parity rather than compute it anew.
    for (level, slots) in [(Level::Raid5, 5), (Level::Raid6, 7), (Level::Raid1, 2)] {
        for kept in [&DDF, &DDF_MARKS, &ASR] {
            for wait in [false, true] {
                let shape = geometry(level, slots, 1);
                let Some((id, media)) = on_used_disks(kept, shape) else {
                    assert!(kept.name == "asr" && level != Level::Raid1, "{} {level:?}", kept.name);
                    continue;
                };
                let (discovery, media) = look_for(kept.format, media);
                let mut disks = Simulated::new(media, 2, Time(0));
                let mut engine =
                    UnderTest::open(kept.format, &discovery, id, &mut disks, options()).unwrap();
                let what = |at: u64| vec![at as u8 | 1; 2 * 512];
                let places = [0, 5, 70, 133, 200];
                for at in places {
                    let write = Request::Write { at, bytes: what(at), durable: true };
                    ask(&mut engine, &mut disks, write);
                }
                while wait && engine.status(0).operation.is_some() {
                    assert!(step(&mut engine, &mut disks));
                }
                let lost = Place { set: 0, slot: Slot(0) };
                engine.call(disks.now(), Call::Fail(lost)).unwrap();
                let case = format!("{} {level:?}, wait {wait}", kept.name);
                for at in places {
                    let bytes = ask(&mut engine, &mut disks, Request::Read(Extent::new(at, 2)));
                    assert!(bytes == what(at), "{case}: block {at}");
                }
            }
        }
    }
}

/// Without a member it is not started: what parity nobody made gives is as good as nothing.
#[test]
fn an_array_that_was_never_initialised_is_not_started_short_of_a_member() {
    for kept in [&DDF, &DDF_MARKS] {
        let (id, mut media) = on_used_disks(kept, geometry(Level::Raid5, 3, 1)).unwrap();
        media.remove(1);
        let (discovery, media) = look_for(kept.format, media);
        let mut disks = Simulated::new(media, 2, Time(0));
        let opened = UnderTest::open(kept.format, &discovery, id, &mut disks, options());
        let Err(refused @ OpenError::Refused { .. }) = opened else {
            panic!("{}: {opened:?}", kept.name)
        };
        let words = refused.to_string();
        for part in ["never made to agree everywhere", "at risk: all", "never-initialised"] {
            assert!(words.contains(part), "{}: {words}", kept.name);
        }
        assert!(!words.contains("unclean"), "{}: {words}", kept.name);
        let accept = Accept::NOTHING.and(Risk::NeverInitialised);
        let taken = raid_array::engine::Options { accept, ..options() };
        assert!(UnderTest::open(kept.format, &discovery, id, &mut disks, taken).is_ok());
    }
}
