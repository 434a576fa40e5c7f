// SPDX-License-Identifier: MIT OR Apache-2.0
//! P and Q of a row, and a check of P.
#![no_std]
#![no_main]

#[unsafe(no_mangle)]
pub fn _start(data: &[Option<&[u8]>], p: &mut [u8], q: &mut [u8]) -> bool {
    size_consumer::parity(data, p, q)
}
