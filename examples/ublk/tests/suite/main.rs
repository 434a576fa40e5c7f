// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tests of the program from outside: one program, so that what they share is built once.

mod attack;
mod commit;
mod found;
mod operator;
mod page;
mod peers;
mod serve;
mod served;
mod starts;
mod status;
mod system;
