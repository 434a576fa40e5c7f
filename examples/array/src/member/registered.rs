// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a ring has registered with the kernel, so that an I/O need not look it up: the files of its disks, and
//! buffers for transfers past the page cache.
//!
//! Either may be refused, by an old kernel or by the limit of locked memory: then the ring does without it.

use super::file::ALIGNMENT;
use io_uring::IoUring;
use std::io;

/// Files that can be registered.
const FILES: u32 = 256;
/// Buffers, and the bytes of each: together less than what a user without privilege may lock.
const BUFFERS: u16 = 32;
const BUFFER: usize = 128 << 10;

/// Places for files.
#[derive(Debug)]
pub(super) struct Files {
    free: Vec<u32>,
}

impl Files {
    /// Places, if the kernel has them.
    pub(super) fn register(ring: &IoUring) -> Option<Self> {
        ring.submitter().register_files_sparse(FILES).ok()?;
        Some(Self { free: (0..FILES).rev().collect() })
    }

    /// Puts an open file in; its number. `None`: it is used by its descriptor.
    pub(super) fn add(&mut self, ring: &IoUring, descriptor: i32) -> Option<u32> {
        let number = self.free.pop()?;
        match ring.submitter().register_files_update(number, &[descriptor]) {
            Ok(1) => Some(number),
            _ => {
                self.free.push(number);
                None
            }
        }
    }

    /// Takes a file out that has no I/O under way: from then on the ring does not keep it open.
    pub(super) fn remove(&mut self, ring: &IoUring, number: u32) -> io::Result<()> {
        ring.submitter().register_files_update(number, &[-1])?;
        self.free.push(number);
        Ok(())
    }
}

/// Aligned buffers of one size.
#[derive(Debug)]
pub(super) struct Buffers {
    memory: Vec<u8>,
    /// Where in it the first begins.
    skip: usize,
    free: Vec<u16>,
}

impl Buffers {
    /// Registers them, if the kernel lets that many bytes be locked.
    pub(super) fn register(ring: &IoUring) -> Option<Self> {
        let mut memory = vec![0; usize::from(BUFFERS) * BUFFER + ALIGNMENT];
        let skip = memory.as_ptr().align_offset(ALIGNMENT);
        let parts = memory[skip..].chunks_exact_mut(BUFFER).take(usize::from(BUFFERS));
        let parts: Vec<libc::iovec> = parts
            .map(|part| libc::iovec { iov_base: part.as_mut_ptr().cast(), iov_len: part.len() })
            .collect();
        // SAFETY: the memory is on the heap and is freed only by `drop` of this, after `Work` has unregistered it, or
        // never: `leak`.
        unsafe { ring.submitter().register_buffers(&parts) }.ok()?;
        Some(Self { memory, skip, free: (0..BUFFERS).rev().collect() })
    }

    /// One for a transfer of so many bytes.
    pub(super) fn take(&mut self, len: usize) -> Option<u16> {
        (len <= BUFFER).then(|| self.free.pop())?
    }

    /// It is free again.
    pub(super) fn give(&mut self, number: u16) {
        self.free.push(number);
    }

    /// The bytes of one that was taken.
    pub(super) fn get(&mut self, number: u16) -> &mut [u8] {
        let from = self.skip + usize::from(number) * BUFFER;
        &mut self.memory[from..from + BUFFER]
    }

    /// The kernel may write it still: it is never freed.
    pub(super) fn leak(&mut self) {
        std::mem::forget(std::mem::take(&mut self.memory));
    }
}
