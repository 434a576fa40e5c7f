// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tests of the engine from outside that are no case and no life: one program, so that what they share is built once.
//! `owner` is another one: it starts processes while it holds locks, which must be alone.

#[path = "../toy/array.rs"]
mod array;
mod engine;
#[path = "../toy/format.rs"]
mod format;
mod formats;
mod journal;
mod nbd;
