// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tests of this crate from outside: one program, so that what they share is built once.

mod assembly;
mod build;
mod changes;
mod crash;
mod damage;
mod descent;
mod discovery;
mod document;
mod every_update;
mod generator;
mod guard;
mod property;
mod real_table;
mod rig;
mod update;
mod versions;
