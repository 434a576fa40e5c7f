// SPDX-License-Identifier: MIT OR Apache-2.0
//! Disk images written by other implementations, with what is known of them.
//!
//! ```text
//! testdata/<group>/<scenario>/<disk>.img.xz   one packed image a disk
//!          ddf-mdadm            facts.json    what the kernel said of the running volumes
//!          ddf-mdadm-4.2  ┐
//!          ddf-graid      ┘     known.rs      the same facts, taken from the records by hand
//!          ddf-util-linux, asr                one disk each, volumes not known
//! ```
//!
//! An image is 34 to 96 MiB of mostly zeros, so it is kept as a [`SparseImage`].
//!
//! ```
//! let scenario = raid_testdata::scenario("ddf-mdadm", "raid5-n-restart-3d-64k");
//! let disks = scenario.images();
//! let volume = &scenario.volumes[0];
//! let first = volume.members.iter().find(|member| member.slot == 0).unwrap();
//! let mut word = [0; 8];
//! disks[first.disk].read_at(first.start_bytes, &mut word);
//! assert_eq!(Some(u64::from_le_bytes(word)), volume.pattern.word(0));
//! ```

mod facts;
mod known;
mod pattern;
mod scenario;
mod schema;
mod sparse;

pub use facts::{Facts, FactsDisk, FactsSlot, FactsVolume};
pub use pattern::Pattern;
pub use scenario::{KnownMember, Scenario, Volume, scenario, scenarios};
pub use schema::{schema, schema_faults};
pub use sparse::SparseImage;
