// SPDX-License-Identifier: MIT OR Apache-2.0
//! The gate as one long write to all rows: the core waits for it as for any other.
#![cfg(not(loom))]

use raid_core::metadata::{Capabilities, Operation, RuntimeState};
use raid_core::units::{Rows, Slot, SlotSet};
use raid_sync::*;

const NOW: Time = Time(1);
const NONE: SlotSet = SlotSet::EMPTY;
const WRITE: Access = Access::Write { durable: false };

fn quiet() -> SyncCore<4, 2> {
    let found = RuntimeState::clean();
    let format = Capabilities {
        mark: true,
        mark_after_unclean: false,
        dirty: true,
        failure: true,
        bad_ranges: 0,
        generation_bits: 32,
    };
    let config = Config {
        overlap: false,
        limits: Limits { clean_after_idle: 10, ..Limits::default() },
        ..Config::new(1 << 20, SlotSet::first(2), Redundancy::Mirror)
    };
    let mut core = SyncCore::EMPTY;
    core.restore(config, &Found::plain(found), format, Start::Normal).unwrap();
    core
}

/// Obeys records and flushes; returns what else was asked for.
fn settle(core: &mut SyncCore<4, 2>, now: Time) -> Vec<Command> {
    let mut rest = Vec::new();
    while let Some(command) = core.poll(now) {
        match command {
            Command::Persist { seq, .. } => core.persisted(now, seq, NONE).unwrap(),
            Command::Flush { id, .. } => core.flushed(now, id, NONE).unwrap(),
            other => rest.push(other),
        }
    }
    rest
}

fn open(core: &mut SyncCore<4, 2>, gate: &Gate<2>) -> Ticket {
    let all = Rows::new(0, 1 << 20);
    assert!(matches!(core.admit(NOW, all, WRITE), Admit::Wait(WaitFor::Record(_))));
    settle(core, NOW);
    let Admit::Go(grant) = core.admit(NOW, all, WRITE) else { panic!("nothing is going on") };
    assert_eq!((grant.rows, grant.must), (all, SlotSet::first(2)));
    gate.open();
    grant.ticket
}

#[test]
fn an_operation_waits_until_the_gate_is_drained() {
    let (mut core, gate) = (quiet(), Gate::<2>::new());
    let ticket = open(&mut core, &gate);
    let inside = gate.enter(0).unwrap();
    core.start(NOW, Operation::Resync, AboveMark::Skip).unwrap();
    gate.close();
    assert!(!gate.drained());
    let copies = |commands: Vec<Command>| {
        commands.into_iter().filter(|c| matches!(c, Command::Copy { .. })).count()
    };
    assert_eq!(copies(settle(&mut core, NOW)), 0);
    gate.leave(inside);
    assert!(gate.drained());
    assert_eq!(core.complete(NOW, ticket, NONE), Ok(Ack::Now));
    assert!(copies(settle(&mut core, NOW)) > 0);
}

#[test]
fn the_set_is_not_recorded_clean_while_the_gate_is_open() {
    let (mut core, gate) = (quiet(), Gate::<2>::new());
    let ticket = open(&mut core, &gate);
    let later = Time(1_000_000);
    settle(&mut core, later);
    assert!(!core.status().clean);
    gate.close();
    assert_eq!(core.complete(later, ticket, NONE), Ok(Ack::Now));
    let idle = core.deadline().unwrap();
    settle(&mut core, idle);
    assert!(core.status().clean);
}

#[test]
fn a_failure_inside_the_gate_is_recorded_before_it_is_acknowledged() {
    let (mut core, gate) = (quiet(), Gate::<2>::new());
    let ticket = open(&mut core, &gate);
    let inside = gate.enter(1).unwrap();
    gate.close();
    gate.leave(inside);
    let ack = core.complete(NOW, ticket, SlotSet::of(Slot(1))).unwrap();
    let Ack::After(seq) = ack else { panic!("{ack:?}") };
    assert!(settle(&mut core, NOW).contains(&Command::Wake(WaitFor::Record(seq))));
}
