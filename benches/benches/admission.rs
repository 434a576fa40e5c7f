// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the write interlock adds to every user write: admission, and completion of the ticket.
#![allow(missing_docs)] // criterion's macros

use criterion::{Criterion, criterion_group, criterion_main};
use raid_core::array::Initialisation;
use raid_core::metadata::{Capabilities, RuntimeState};
use raid_core::units::{Row, Rows, SlotSet};
use raid_sync::{Access, Admit, Command, Config, Redundancy, Start, SyncCore, Ticket, Time};
use std::hint::black_box;

const NOW: Time = Time(1);
const WRITE: Access = Access::Write { durable: false };

/// A clean set that has recorded that writes are under way.
fn open() -> SyncCore {
    let found = RuntimeState {
        clean: true,
        failed: SlotSet::EMPTY,
        rebuilding: SlotSet::EMPTY,
        initialisation: Initialisation::Full,
        operation: None,
        mark: Row(0),
    };
    let format = Capabilities {
        mark: true,
        mark_after_unclean: false,
        dirty: true,
        failure: true,
        bad_ranges: 0,
        generation_bits: 32,
    };
    let config = Config::new(1 << 30, SlotSet::first(2), Redundancy::Mirror);
    let mut core = SyncCore::new(config, &found, format, Start::Normal).unwrap();
    assert!(matches!(core.admit(NOW, Rows::new(0, 1), WRITE), Admit::Wait(_)));
    while let Some(command) = core.poll(NOW) {
        if let Command::Persist { seq, .. } = command {
            core.persisted(NOW, seq, SlotSet::EMPTY).unwrap();
        }
    }
    core
}

fn write(core: &mut SyncCore, row: u64) -> Ticket {
    match core.admit(NOW, black_box(Rows::new(row, 1)), WRITE) {
        Admit::Go(grant) => grant.ticket,
        other => panic!("{other:?}"),
    }
}

fn admission(criterion: &mut Criterion) {
    for under_way in [0, 31, 255] {
        let mut core = open();
        for row in 0..under_way {
            write(&mut core, 1000 + row);
        }
        criterion.bench_function(&format!("admit and complete, {under_way} under way"), |bench| {
            bench.iter(|| {
                let ticket = write(&mut core, 7);
                black_box(core.complete(NOW, ticket, SlotSet::EMPTY).unwrap())
            });
        });
    }
}

criterion_group!(benches, admission);
criterion_main!(benches);
