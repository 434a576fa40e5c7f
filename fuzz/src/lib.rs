// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the fuzz targets share: a reader of the input, what an input may cost, disks, what has to hold of
//! any discovery, and models: of a set of members, of an engine under raid-sync.

pub mod arrays;
pub mod graid;
pub mod input;
pub mod inventory;
pub mod life;
pub mod limits;
pub mod set;
pub mod sparse;
pub mod sync;
