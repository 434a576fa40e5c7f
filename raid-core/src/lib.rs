// SPDX-License-Identifier: MIT OR Apache-2.0
//! Parity, layouts, the stripe planner, and the vocabulary of a RAID stack.
#![no_std]
#![deny(unsafe_code)]
#![deny(missing_docs, missing_debug_implementations, unreachable_pub)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::as_conversions
    )
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod array;
pub mod backend;
pub mod gf256;
pub mod layout;
pub mod metadata;
pub mod mirror;
pub mod parity;
pub mod stripe;
pub mod units;
