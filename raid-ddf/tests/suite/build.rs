// SPDX-License-Identifier: MIT OR Apache-2.0
//! New configurations, arrays and spares: what is built is what discovery finds.

mod arrays;
mod containers;
mod deletion;
mod levels;
mod mdadm;
mod refusals;
mod spanned;
mod structures;
