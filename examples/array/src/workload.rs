// SPDX-License-Identifier: MIT OR Apache-2.0
//! Verified work on an array: several writers, every sector stamped, an oracle that knows what each
//! may hold. For the demo, and for tests of the engine.

mod array_engine;
mod machine;
mod oracle;
mod rig;
mod stamp;

pub use array_engine::{ArrayEngine, Call};
pub use machine::{Caches, Kept, Machine, Running, Volume, look_for, write_all};
pub use oracle::{FlushFloor, Oracle, ReadFloor, Wrong};
pub use rig::{Rig, Tally};
pub use stamp::{Content, SECTOR, read as read_stamp, write as write_stamp};
