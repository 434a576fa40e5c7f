// SPDX-License-Identifier: MIT OR Apache-2.0
//! The std engine that the examples share.
//!
//! ```text
//! discover ─▶ engine ─▶ backplane ─▶ member          workload: verified work on the engine
//!    │          │
//!  formats    store, ledger
//! ```

pub mod backplane;
pub mod discover;
pub mod engine;
pub mod formats;
pub mod ledger;
pub mod member;
pub mod store;
pub mod sync_log;
pub mod trust;
pub mod workload;
