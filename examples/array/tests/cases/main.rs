// SPDX-License-Identifier: MIT OR Apache-2.0
//! Faults that were found, one test each, by kind. A test names its cases in a doc line, by which
//! `cargo xtask cases` finds it. The engine is reached through [`ArrayEngine`] alone.
//!
//! [`ArrayEngine`]: raid_array::workload::ArrayEngine

#[path = "../toy/format.rs"]
mod format;
mod harness;
mod refusing;
mod release;

mod broken_off;
mod failures_heard;
mod harness_itself;
mod kind_a;
mod kind_b;
mod kind_b_records;
mod kind_b_windows;
mod kind_c;
mod kind_c_parts;
mod kind_c_spares;
mod kind_e;
mod kind_f;
mod kind_g;
mod never_initialised;
mod older_copies;
