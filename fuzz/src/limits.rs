// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one input may cost: time of the processor and memory, both counted here.
//!
//! An allocation beyond the limit ends the program where it is asked for, so that the stack shows who
//! asked. Time is that of the thread, which other programs on the machine do not lengthen.

use rustix::time::{ClockId, clock_gettime};
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::process::abort;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Of the processor, for one input of up to 4 MiB.
const SECONDS: f64 = 2.0;
/// More than was in use when the input came.
const BYTES: usize = 64 << 20;

struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
/// Bytes in use when the input came; all others stand for no limit.
static BEFORE: AtomicUsize = AtomicUsize::new(0);
static LIMITED: AtomicBool = AtomicBool::new(false);

fn taken(bytes: usize) {
    let now = IN_USE.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
    let limit = BEFORE.load(Ordering::Relaxed).saturating_add(BYTES);
    if LIMITED.load(Ordering::Relaxed) && now > limit {
        LIMITED.store(false, Ordering::Relaxed);
        let _ = std::io::stderr().write_all(b"the input takes more than 64 MiB of memory\n");
        abort();
    }
}

fn given_back(bytes: usize) {
    IN_USE.fetch_sub(bytes, Ordering::Relaxed);
}

// SAFETY: every call is handed on to the system's allocator as it came; counting touches nothing else.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: the caller's promise is the system allocator's condition.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        taken(size);
        given_back(layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        given_back(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Does the work of one input within the limits.
///
/// # Panics
/// If it took longer.
pub fn bounded(work: impl FnOnce()) {
    BEFORE.store(IN_USE.load(Ordering::Relaxed), Ordering::Relaxed);
    LIMITED.store(true, Ordering::Relaxed);
    let began = processor_seconds();
    work();
    let took = processor_seconds() - began;
    LIMITED.store(false, Ordering::Relaxed);
    assert!(took <= SECONDS, "the input takes {took:.1} s of the processor, limit {SECONDS} s");
}
