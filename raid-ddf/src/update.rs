// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changes at run time: which members failed or are being filled, whether copies agree, spares.
//!
//! ```text
//!  buffers ──survey──▶ checks, the newest disk ──edit──▶ its copy ──spread──▶ all copies, all disks
//!            nothing changed up to here: a refusal leaves every byte
//! ```
//!
//! What each state becomes on the disk, as mdadm writes it (`ddf.md` 6.6):
//!
//! | state | PD_State | VD_State |
//! |---|---|---|
//! | member in sync | online | by level (`ddf.md` 5.10) |
//! | member failed | failed added, rebuilding taken away | degraded, partially optimal or failed |
//! | member being filled | online, rebuilding | as if failed |
//! | not clean | | bit 4, not consistent |
//!
//! PD_State belongs to the disk, not to one array on it. Where several arrays share disks each says for
//! itself which of them are in sync, and PD_State says the worst of all; see [`rosters`]. An array of
//! which that cannot be kept has what PD_State says: one set's failure is a failure for all, and only a
//! rebuild takes it back.
//!
//! VD_State and Init_State belong to the array, not to one set of it. Where there are several sets,
//! each set's own state stands in the vendor's scratch space of its configuration records; see
//! [`set_note`]. The format has no field for marks: they are stored there too, and only if asked for.
//!
//! After an interrupted update, disks are one update apart, and discovery takes a disk that is two
//! behind as stale. So whoever starts an array whose disks differ records the state it found, as it
//! is, and commits that before anything else: a state that changes nothing counts as the update that
//! was interrupted, not as another one. Where no disk is behind it counts as another one: two updates of
//! a run, before anything is promised, tell an older copy of a disk from one that was not reached.

pub(crate) mod activate;
pub(crate) mod array_state;
pub(crate) mod bad_blocks;
pub(crate) mod checkpoint;
pub(crate) mod condition;
pub(crate) mod copies;
pub(crate) mod disk_set;
pub(crate) mod import;
pub(crate) mod rosters;
pub(crate) mod run_time;
pub(crate) mod set_note;
pub(crate) mod spread;
pub(crate) mod survey;
