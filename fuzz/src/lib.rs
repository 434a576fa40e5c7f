// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the fuzz targets share: a reader of the input, what has to hold of any discovery, and the
//! model of a set of members.

pub mod graid;
pub mod input;
pub mod inventory;
pub mod set;
