// SPDX-License-Identifier: MIT OR Apache-2.0
//! A lock-free way past the core while nothing is going on.
//!
//! ```text
//!   writer                              closer (holds the core's lock)
//!   entered += 1                        closed = true
//!   ── fence ──                         ── fence ──
//!   closed?  no: write, left += 1       all shards: left == entered?  then nobody is inside
//!            yes: left += 1, to the core
//! ```
//!
//! Either the writer sees `closed`, or the closer sees that it has entered: that is what the two
//! fences are for, and the model checker fails if either is taken out. Each shard counts who has come
//! and who has gone and both only grow, so there is nothing that could go below zero; the closer reads
//! `left` before `entered`, so that a writer who comes and goes between the two reads cannot hide
//! another one who is still inside.
//!
//! # How it goes with the core
//!
//! To the core an open gate is *one write to all rows* that takes long. The embedder, under the core's
//! lock:
//!
//! 1. admits a write to the whole set; if it is granted whole, opens the gate. The set is then
//!    recorded dirty, no window is open, and the grant's `must` is where writes go;
//! 2. when a member fails, an operation is wanted or the set has been quiet for long: closes the gate,
//!    waits until it is [`drained`](Gate::drained), and completes that ticket, with the members that
//!    failed. From then on all writes are admitted one by one.
//!
//! Operations, failures and the clean record wait for that ticket as for any other, so no rule of the
//! core knows of the gate. Writes that share rows are not kept apart inside the gate: it is for mirrors
//! whose users do not overlap writes ([`Config::overlap`](crate::Config::overlap) off). A write that lost
//! a leg is acknowledged after the ticket's [`Ack`](crate::Ack).
//!
//! Keep the gate closed for the length of an operation rather than closing it for each window.

#[cfg(not(loom))]
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
#[cfg(loom)]
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

/// Writers of one queue or processor; on lines of their own (two of 64 bytes, which are fetched in pairs).
#[derive(Debug)]
#[repr(align(128))]
struct Shard {
    entered: AtomicUsize,
    left: AtomicUsize,
}

impl Shard {
    #[cfg(not(loom))]
    const fn new() -> Self {
        Self { entered: AtomicUsize::new(0), left: AtomicUsize::new(0) }
    }

    #[cfg(loom)]
    fn new() -> Self {
        Self { entered: AtomicUsize::new(0), left: AtomicUsize::new(0) }
    }
}

/// Lets writes pass without the core while it is open; see the [module](self).
///
/// One shard for each queue or processor that writes; any number works, none lets nobody pass.
#[derive(Debug)]
pub struct Gate<const SHARDS: usize> {
    shards: [Shard; SHARDS],
    closed: AtomicBool,
    #[cfg(loom)]
    without: Option<Without>,
}

/// What the model checker takes out, to see that it is needed.
#[cfg(loom)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    /// The fence between a writer's two steps.
    WriterFence,
    /// The fence between a closer's two steps.
    CloserFence,
    /// The release with which a writer leaves.
    ReleaseOnLeave,
    /// The release with which the gate is opened.
    ReleaseOnOpen,
    /// The order in which a closer reads the counters.
    LeftBeforeEntered,
}

/// Somebody is inside a gate; to be given back to it with [`Gate::leave`].
#[derive(Debug)]
#[must_use = "a pass that is dropped keeps the gate from ever draining"]
pub struct GatePass {
    shard: usize,
}

impl<const SHARDS: usize> Default for Gate<SHARDS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const SHARDS: usize> Gate<SHARDS> {
    /// A closed gate.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self { shards: [const { Shard::new() }; SHARDS], closed: AtomicBool::new(true) }
    }

    /// A closed gate.
    #[cfg(loom)]
    pub fn new() -> Self {
        let shards = core::array::from_fn(|_| Shard::new());
        Self { shards, closed: AtomicBool::new(true), without: None }
    }

    /// A gate that lacks something.
    #[cfg(loom)]
    pub fn broken(without: Without) -> Self {
        Self { without: Some(without), ..Self::new() }
    }

    #[cfg(loom)]
    fn lacks(&self, what: Without) -> bool {
        self.without == Some(what)
    }

    /// Lets a writer in, or sends it to the core. Shards beyond the last are taken in turn.
    pub fn enter(&self, shard: usize) -> Option<GatePass> {
        let shard = shard.checked_rem(SHARDS)?;
        let counts = self.shards.get(shard)?;
        counts.entered.fetch_add(1, Ordering::Relaxed);
        #[cfg(loom)]
        if !self.lacks(Without::WriterFence) {
            fence(Ordering::SeqCst);
        }
        #[cfg(not(loom))]
        fence(Ordering::SeqCst);
        // Acquire: what was done while the gate was closed comes before what is done inside.
        let pass = GatePass { shard };
        if self.closed.load(Ordering::Acquire) {
            self.leave(pass);
            return None;
        }
        Some(pass)
    }

    /// A writer has completed on all its members.
    pub fn leave(&self, pass: GatePass) {
        if let Some(counts) = self.shards.get(pass.shard) {
            // Release: what was done inside comes before what is done once the gate is drained.
            counts.left.fetch_add(1, self.leaving());
        }
    }

    /// Sends every later writer to the core. Those inside may stay for a while: see
    /// [`drained`](Self::drained).
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        #[cfg(loom)]
        if self.lacks(Without::CloserFence) {
            return;
        }
        fence(Ordering::SeqCst);
    }

    /// Whether nobody is inside; stays so until the gate is opened. To be asked by who closed it.
    #[must_use]
    pub fn drained(&self) -> bool {
        self.shards.iter().all(|shard| {
            #[cfg(loom)]
            if self.lacks(Without::LeftBeforeEntered) {
                let entered = shard.entered.load(Ordering::Acquire);
                return entered == shard.left.load(Ordering::Acquire);
            }
            let left = shard.left.load(Ordering::Acquire);
            left == shard.entered.load(Ordering::Relaxed)
        })
    }

    /// Lets writers in again.
    pub fn open(&self) {
        self.closed.store(false, self.opening());
    }

    #[cfg(not(loom))]
    const fn leaving(&self) -> Ordering {
        Ordering::Release
    }

    #[cfg(not(loom))]
    const fn opening(&self) -> Ordering {
        Ordering::Release
    }

    #[cfg(loom)]
    fn leaving(&self) -> Ordering {
        if self.lacks(Without::ReleaseOnLeave) { Ordering::Relaxed } else { Ordering::Release }
    }

    #[cfg(loom)]
    fn opening(&self) -> Ordering {
        if self.lacks(Without::ReleaseOnOpen) { Ordering::Relaxed } else { Ordering::Release }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_closed_gate_sends_everybody_to_the_core() {
        let gate = Gate::<2>::new();
        assert!(gate.enter(0).is_none() && gate.drained());
        gate.open();
        let (a, b) = (gate.enter(0).unwrap(), gate.enter(7).unwrap());
        gate.close();
        assert!(gate.enter(1).is_none());
        gate.leave(a);
        assert!(!gate.drained());
        gate.leave(b);
        assert!(gate.drained());
        assert!(Gate::<0>::new().enter(0).is_none());
    }

    #[test]
    fn a_pass_of_another_gate_lets_nobody_be_overlooked() {
        let (gate, other) = (Gate::<1>::new(), Gate::<1>::new());
        gate.open();
        other.open();
        let (inside, foreign) = (gate.enter(0).unwrap(), other.enter(0).unwrap());
        gate.leave(foreign);
        gate.leave(inside);
        gate.close();
        assert!(!gate.drained(), "counters that do not fit are not taken for an empty gate");
    }

    #[test]
    fn shards_are_on_lines_of_their_own() {
        assert_eq!(align_of::<Shard>(), 128);
        assert!(size_of::<Gate<4>>() >= 4 * 128);
    }
}
