// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows that a member in use cannot give back, as a record lists them.

use crate::units::{Rows, Slot};

/// Rows of one member that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BadRows {
    /// Whose.
    pub slot: Slot,
    /// Which.
    pub rows: Rows,
}
