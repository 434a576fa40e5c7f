// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sync-mark and write-interlock state machine of a RAID set.
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

mod command;
mod config;
mod defect;
mod error;
mod mark;
mod member;
mod operation;
mod record;
mod region;
mod sync_core;
mod throttle;
mod ticket;
mod time;
mod window;

pub use command::{
    Access, Ack, Admit, Command, CopyResult, Grant, Notice, ReadPlan, Status, Verify, WaitFor,
};
pub use config::{Config, Start};
pub use error::{Refusal, Unexpected};
pub use mark::Marks;
pub use member::Redundancy;
pub use operation::{AboveMark, Finish, Phase};
pub use record::{FlushId, RecordSeq};
pub use sync_core::SyncCore;
pub use throttle::Limits;
pub use ticket::Ticket;
pub use time::Time;
pub use window::WindowId;
