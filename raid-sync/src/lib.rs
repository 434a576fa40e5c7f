// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sync-mark and write-interlock state machine of one redundancy set.
//!
//! A [`SyncCore`] stands between an array engine and its members. It decides when a user write may
//! start and where it goes, which rows are copied next, what the metadata must say before a promise
//! may be made, and whom a read may trust. It does no I/O, reads no clock, takes no lock, allocates
//! nothing, and knows no metadata format and no RAID layout: a *row* is all it counts in.
//!
//! ```text
//!  user writes ── admit ──▶ ┌────────────┐ ── poll ──▶ Copy     read, write, report `copied`
//!      done ──── complete ▶ │            │             Flush    caches,     report `flushed`
//!                  ◀── Ack ─│  SyncCore  │             Persist  a record,   report `persisted`
//!  user reads ─ plan_read ▶ │            │             Wake     parked requests ask again
//!  failed, joined, start ─▶ └────────────┘             Notice   for the operator
//! ```
//!
//! ```
//! use raid_core::{metadata::{Capabilities, RuntimeState}, units::*};
//! use raid_sync::*;
//!
//! let found = RuntimeState::clean();
//! let format = Capabilities {
//!     mark: true, mark_after_unclean: false, dirty: true, failure: true, bad_ranges: 0,
//!     generation_bits: 32,
//! };
//! let config = Config::new(1 << 20, SlotSet::first(2), Redundancy::Mirror);
//! let mut core: SyncCore = SyncCore::EMPTY;
//! core.restore(config, &Found::plain(found), format, Start::Normal)?;
//!
//! // The first write waits until the metadata says that the set is dirty.
//! let write = Access::Write { durable: false };
//! let parked = match core.admit(Time(0), Rows::new(8, 4), write) {
//!     Admit::Wait(wait) => wait,
//!     other => panic!("{other:?}"),
//! };
//! let Some(Command::Persist { seq, to }) = core.poll(Time(0)) else { panic!() };
//! assert!(!core.snapshot(seq).unwrap().clean && to == SlotSet::first(2));
//! core.persisted(Time(1), seq, SlotSet::EMPTY)?; // stored on both members
//! assert_eq!(core.poll(Time(1)), Some(Command::Wake(parked)));
//!
//! // Now it may start. One member fails it: the acknowledgement waits for the record of that.
//! let Admit::Go(grant) = core.admit(Time(1), Rows::new(8, 4), write) else { panic!() };
//! let ack = core.complete(Time(2), grant.ticket, SlotSet::of(Slot(1)))?;
//! let Ack::After(record) = ack else { panic!() };
//! while let Some(command) = core.poll(Time(2)) {
//!     if let Command::Persist { seq, .. } = command {
//!         assert_eq!(seq, record);
//!         assert_eq!(core.snapshot(seq).unwrap().failed, SlotSet::of(Slot(1)));
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The contract
//!
//! - Inputs are methods, outputs are polled: call [`SyncCore::poll`] after every other call and at
//!   [`SyncCore::deadline`], until it returns `None`.
//! - One owner. Requests that must wait are parked by the caller, under the same lock, first in first
//!   out; there is no queue in here, so memory is bounded whatever happens.
//! - When the set fails, [`Notice::SetFailed`] comes before any further wake: fail what is parked under
//!   [`Ack::After`] then. Everything else that is parked is woken, asks again, and is refused. A failed
//!   set admits nothing, commands nothing, and takes no disk.
//! - Ask [`SyncCore::can_join`] before a spare or a returning disk is seated.
//! - Time is a parameter and may jump.
//! - A report that does not fit ([`Unexpected`]) and a request that is refused ([`Refusal`]) change
//!   nothing.
//!
//! # What holds at every instant
//!
//! | rule (`sync.md`) | kept by |
//! |---|---|
//! | reads use trusted copies only (I1) | [`SyncCore::plan_read`] clips at the mark |
//! | a recorded mark vouches for flushed data (I2) | every member is flushed before any record that raises trust is written |
//! | no user write inside an open window (I3) | tickets drain before a copy begins, new writes wait |
//! | writes go where the mark says (I4) | the decision is taken once, at admission, by `issued` |
//! | dirty before write, clean after flush (I5) | admission waits for the record |
//! | failure recorded before a promise (I6) | [`Ack::After`], for writes and for flushes |
//! | a degraded parity set, unclean or owed a resync, is not started unasked (I9) | [`Refusal::DirtyAndDegraded`], [`Refusal::ResyncOwedAndDegraded`] |
//! | nobody waits for ever (I10) | a pass locks a row once; rates have a minimum |
//! | overlapping writes reach all members in one order (I13) | [`WaitFor::Overlap`] |
//! | a member is trusted only after the last record (I14) | flush, re-check, record, then trust |
//! | a prepared record is dropped if trust was lost meanwhile (I15) | re-checked when its flush returns |
//! | one record at a time (I18) | the one record stream |
//!
//! The crate's tests break each of these on purpose and require a named scenario to notice.
//!
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs, missing_debug_implementations, unreachable_pub)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::as_conversions
    )
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(test)]
extern crate std;

// The crash simulator is shared with the integration tests, which know the crate by its name.
#[cfg(test)]
extern crate self as raid_sync;
#[cfg(test)]
#[path = "../tests/support/world.rs"]
mod world;

mod bad_range;
mod command;
mod config;
#[cfg(test)]
mod conformance;
mod debt;
mod defect;
mod error;
#[cfg(test)]
mod exploration;
mod fence;
#[cfg(target_has_atomic = "ptr")]
pub mod gate;
mod interlock;
mod mark;
mod member;
mod operation;
#[cfg(test)]
#[rustfmt::skip]
#[allow(clippy::all, clippy::pedantic, dead_code, unused_parens, unused_variables)]
mod proven;
mod record;
mod record_view;
mod region;
#[cfg(test)]
mod reshape;
mod sync_core;
mod throttle;
mod ticket;
mod time;
mod window;

#[cfg(test)]
mod mutation;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod state_table;
#[cfg(test)]
mod steps;

pub use bad_range::Filling;
pub use command::{
    Access, Ack, Admit, Command, CopyResult, Grant, Notice, ReadPlan, Status, Verify, WaitFor,
};
pub use config::{Config, Start};
pub use error::{Refusal, Unexpected};
#[cfg(all(loom, target_has_atomic = "ptr"))]
pub use gate::Without;
#[cfg(target_has_atomic = "ptr")]
pub use gate::{Gate, GatePass};
pub use interlock::Interlock;
pub use mark::Marks;
pub use member::Redundancy;
pub use operation::{AboveMark, Finish, Phase, Policy, Scope};
pub use record::{FlushId, RecordSeq};
pub use record_view::{Found, RecordView, Seated};
pub use sync_core::{Return, SyncCore, rows_at_risk, rows_missed};
pub use throttle::Limits;
pub use ticket::Ticket;
pub use time::Time;
pub use window::WindowId;
