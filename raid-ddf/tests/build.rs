// SPDX-License-Identifier: MIT OR Apache-2.0
//! New configurations, arrays and spares: what is built is what discovery finds.

#[path = "rig/media.rs"]
mod media;
#[path = "support/disks.rs"]
mod support;

#[path = "build/arrays.rs"]
mod arrays;
#[path = "build/containers.rs"]
mod containers;
#[path = "build/deletion.rs"]
mod deletion;
#[path = "build/levels.rs"]
mod levels;
#[path = "build/mdadm.rs"]
mod mdadm;
#[path = "build/refusals.rs"]
mod refusals;
#[path = "build/spanned.rs"]
mod spanned;
#[path = "build/structures.rs"]
mod structures;
