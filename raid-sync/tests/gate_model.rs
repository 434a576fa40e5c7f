// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every execution of the gate that the memory model allows: `cargo xtask ci loom`.
#![cfg(loom)]

use loom::model::Builder;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};
use loom::thread;
use raid_sync::{Gate, Without};
use std::panic::{AssertUnwindSafe, catch_unwind};

type Make = fn() -> Gate<2>;

/// What a writer does inside, without any ordering of its own.
struct Write {
    begun: AtomicBool,
    done: AtomicBool,
}

impl Write {
    fn new() -> Self {
        Self { begun: AtomicBool::new(false), done: AtomicBool::new(false) }
    }

    fn carry_out(&self) {
        self.begun.store(true, Relaxed);
        self.done.store(true, Relaxed);
    }

    fn under_way(&self) -> bool {
        let done = self.done.load(Relaxed);
        self.begun.load(Relaxed) != done
    }
}

/// Writers on these shards, and a closer: nobody is inside once the gate is drained.
fn writers_against_a_closer<const WRITERS: usize>(make: Make, shards: [usize; WRITERS]) {
    // More switches between three threads than these find nothing new and take minutes.
    let preemption_bound = if WRITERS > 1 { Some(3) } else { None };
    let mut model = Builder::new();
    model.preemption_bound = preemption_bound;
    model.check(move || {
        let gate = Arc::new(make());
        gate.open();
        let writers = shards.map(|shard| {
            let (gate, write) = (gate.clone(), Arc::new(Write::new()));
            let (inside, seen) = (gate.clone(), write.clone());
            let thread = thread::spawn(move || {
                if let Some(pass) = inside.enter(shard) {
                    write.carry_out();
                    inside.leave(pass);
                }
            });
            (thread, seen)
        });
        gate.close();
        if gate.drained() {
            let overlooked = writers.iter().any(|(_, write)| write.under_way());
            assert!(!overlooked, "somebody is inside a drained gate");
        }
        writers.into_iter().for_each(|(thread, _)| thread.join().unwrap());
    });
}

/// What was done while the gate was closed is seen by who is let in.
fn a_writer_after_opening(make: Make) {
    loom::model(move || {
        let (gate, route) = (Arc::new(make()), Arc::new(AtomicBool::new(false)));
        let writer = {
            let (gate, route) = (gate.clone(), route.clone());
            thread::spawn(move || {
                if let Some(pass) = gate.enter(0) {
                    assert!(route.load(Relaxed), "who is let in does not see where to write");
                    gate.leave(pass);
                }
            })
        };
        route.store(true, Relaxed);
        gate.open();
        writer.join().unwrap();
    });
}

fn one(make: Make) {
    writers_against_a_closer(make, [0]);
}

fn two(make: Make) {
    writers_against_a_closer(make, [0, 1]);
}

/// One who comes and goes does not hide the other.
fn two_on_one_shard(make: Make) {
    writers_against_a_closer(make, [0, 0]);
}

fn fails(model: fn(Make), make: Make) -> bool {
    catch_unwind(AssertUnwindSafe(|| model(make))).is_err()
}

#[test]
fn nobody_is_inside_a_drained_gate() {
    for model in [one, two, two_on_one_shard, a_writer_after_opening] {
        model(Gate::new);
    }
}

#[test]
fn without_the_writers_fence_the_model_fails() {
    assert!(fails(one, || Gate::broken(Without::WriterFence)));
}

#[test]
fn without_the_closers_fence_the_model_fails() {
    assert!(fails(one, || Gate::broken(Without::CloserFence)));
}

#[test]
fn without_the_release_on_leave_the_model_fails() {
    assert!(fails(one, || Gate::broken(Without::ReleaseOnLeave)));
}

#[test]
fn without_the_release_on_open_the_model_fails() {
    assert!(fails(a_writer_after_opening, || Gate::broken(Without::ReleaseOnOpen)));
}

#[test]
fn with_the_counters_read_in_the_other_order_the_model_fails() {
    assert!(fails(two_on_one_shard, || Gate::broken(Without::LeftBeforeEntered)));
}
