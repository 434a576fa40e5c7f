// SPDX-License-Identifier: MIT OR Apache-2.0
//! The std engine that the examples share.
pub mod member;
