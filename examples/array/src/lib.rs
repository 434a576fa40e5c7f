// SPDX-License-Identifier: MIT OR Apache-2.0
//! The std engine that the examples share.
//!
//! ```text
//! discover ─▶ engine ─▶ backplane ─▶ member          workload: verified work on the engine
//!    │          │
//!  formats    store, journal
//! ```
//!
//! `service` runs an engine on real disks, `nbd` serves whatever can be read or written.

pub mod backplane;
pub mod discover;
pub mod engine;
mod fault_point;
pub mod foreign;
pub mod formats;
pub mod journal;
pub mod member;
pub mod nbd;
pub mod record_map;
pub mod service;
pub mod store;
pub mod trust;
pub mod workload;
