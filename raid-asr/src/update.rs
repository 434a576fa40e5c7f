// SPDX-License-Identifier: MIT OR Apache-2.0
//! Run-time changes: the newest copy of an array's table is edited, then carried to its other disks.
//!
//! ```text
//! survey     the newest copy among the live disks, checked           update/survey.rs
//! edit       lines of the newest copy, in place
//! spread     raidseq and timestamp on, checksum, copied to all       update/spread.rs
//! ```
//!
//! A state that changes nothing is no new generation where the update before was interrupted: it
//! finishes, on every live disk, what that one left undone. Elsewhere it is one, so that an older copy
//! of a disk cannot be mistaken for one that an interrupted update did not reach. A line's `raidseq` is that of the last change its disk took part in,
//! so a disk that a change did not reach is told from one that was not there.

pub(crate) mod activate;
pub(crate) mod delete;
pub(crate) mod run_time;
pub(crate) mod spread;
pub(crate) mod survey;
