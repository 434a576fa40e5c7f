// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tests of this crate from outside: one program, so that what they share is built once.

mod backends;
mod buffer;
mod errors;
mod golden;
mod layouts;
mod lengths;
mod mirror;
#[cfg(not(miri))]
mod pieces;
mod recover;
#[cfg(not(miri))]
mod stripe;
mod textbook;
mod triple;
