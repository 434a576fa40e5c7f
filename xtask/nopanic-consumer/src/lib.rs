// SPDX-License-Identifier: MIT OR Apache-2.0
//! An embedder in miniature: refers to the entry points of the four crates and to nothing else.
//!
//! Linked as a whole with fat LTO, it holds what those entry points can reach and not one function
//! more. No argument is known here, so nothing is optimised away because a caller was kind.
//!
//! Each value of the `control` cfg switches on one fault: the gate must find each of them.
#![no_std]

mod core_entries;
mod format_entries;
mod sync_entries;

use core::ffi::c_void;

/// Functions that must stay, and with them all that they call.
#[repr(transparent)]
pub struct Table<const N: usize>([*const c_void; N]);

// SAFETY: addresses of functions, never read through.
unsafe impl<const N: usize> Sync for Table<N> {}

/// `entries!(NAME: path, path, …)` keeps functions; each path as it would be called.
macro_rules! entries {
    ($name:ident: $($function:expr),+ $(,)?) => {
        #[unsafe(no_mangle)]
        pub static $name: crate::Table<{ [$(stringify!($function)),+].len() }> =
            crate::Table([$($function as *const core::ffi::c_void),+]);
    };
}
pub(crate) use entries;

unsafe extern "C" {
    /// Defined nowhere: whoever reaches it shows in the object file.
    safe fn panic_reached() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    panic_reached()
}

#[cfg(control = "index")]
#[unsafe(no_mangle)]
pub fn control_index(bytes: &[u8], at: usize) -> u8 {
    bytes[at]
}

#[cfg(control = "division")]
#[unsafe(no_mangle)]
pub fn control_division(a: u128, b: core::num::NonZeroU128) -> u128 {
    a / b
}

#[cfg(control = "float")]
#[unsafe(no_mangle)]
pub fn control_float(a: f64, b: f64) -> f64 {
    a + b
}

#[cfg(control = "stack")]
#[unsafe(no_mangle)]
pub fn control_frame(fill: u8) -> u8 {
    let block = core::hint::black_box([fill; 4096]);
    block.iter().fold(0, |sum, byte| sum ^ byte)
}

#[cfg(control = "stack")]
#[unsafe(no_mangle)]
pub fn control_recursion(depth: u32, visit: fn(u32)) {
    if depth > 0 {
        control_recursion(depth - 1, visit);
        visit(depth);
    }
}
