// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arrays exchanged with other implementations: Linux md with mdadm, dmraid, libblkid.
//!
//! | module | who |
//! |---|---|
//! | [`arrays`] | this project: metadata by a format's writer, data by the engine |
//! | [`md`] | mdadm and the Linux kernel, in what sysfs says of them |
//! | [`scenario`] | what is done with both |
//! | [`shapes`] | the shapes that are exchanged, in md's words too |
//! | [`guest`] | disks and programs of the emulated machine |

pub mod arrays;
pub mod guest;
pub mod md;
pub mod scenario;
pub mod served;
pub mod shapes;

/// Why a scenario failed, for people.
pub type Result<T> = std::result::Result<T, String>;
