// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tests of this crate from outside: one program, so that what they share is built once.

mod assemble;
mod build;
mod copies;
mod crash;
mod decode;
mod descent;
mod explorer;
mod findings;
mod golden;
mod hostile;
mod incremental;
mod large;
mod media;
mod probed;
mod scale;
mod support;
mod update;
