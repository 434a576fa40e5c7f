// SPDX-License-Identifier: MIT OR Apache-2.0
//! Blocks at every alignment between bytes that must stay as they are, and blocks that end where
//! memory ends.

/// What surrounds a block in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// That many bytes after an aligned address, other bytes before and behind it.
    Skewed(usize),
    /// Right before an unmapped page.
    #[cfg(all(unix, not(miri)))]
    AtTheEndOfMemory,
}

/// A block in its place.
pub(crate) struct Buffer {
    memory: Memory,
    start: usize,
    len: usize,
}

enum Memory {
    Heap(Vec<u8>),
    #[cfg(all(unix, not(miri)))]
    Mapped(mapped::Mapped),
}

/// Bytes on either side of a skewed block.
const MARGIN: usize = 64;
const UNTOUCHED: u8 = 0xa5;

impl Buffer {
    /// A block of `len` bytes, not yet filled.
    pub(crate) fn new(place: Place, len: usize) -> Self {
        match place {
            Place::Skewed(skew) => {
                let memory = vec![UNTOUCHED; skew + len + 3 * MARGIN];
                let aligned = memory.as_ptr().addr().next_multiple_of(64) - memory.as_ptr().addr();
                Self { memory: Memory::Heap(memory), start: aligned + MARGIN + skew, len }
            }
            #[cfg(all(unix, not(miri)))]
            Place::AtTheEndOfMemory => {
                let memory = mapped::Mapped::new(len);
                let start = memory.len() - len;
                Self { memory: Memory::Mapped(memory), start, len }
            }
        }
    }

    /// A block with these bytes.
    pub(crate) fn holding(place: Place, bytes: &[u8]) -> Self {
        let mut buffer = Self::new(place, bytes.len());
        buffer.block_mut().copy_from_slice(bytes);
        buffer
    }

    fn memory(&self) -> &[u8] {
        match &self.memory {
            Memory::Heap(memory) => memory,
            #[cfg(all(unix, not(miri)))]
            Memory::Mapped(memory) => memory.bytes(),
        }
    }

    pub(crate) fn block(&self) -> &[u8] {
        &self.memory()[self.start..][..self.len]
    }

    pub(crate) fn block_mut(&mut self) -> &mut [u8] {
        let memory = match &mut self.memory {
            Memory::Heap(memory) => memory,
            #[cfg(all(unix, not(miri)))]
            Memory::Mapped(memory) => memory.bytes_mut(),
        };
        &mut memory[self.start..][..self.len]
    }

    /// The block; its surroundings must not have been written.
    pub(crate) fn finish(self) -> Vec<u8> {
        match &self.memory {
            Memory::Heap(memory) => {
                let mut around =
                    memory[..self.start].iter().chain(&memory[self.start + self.len..]);
                assert!(around.all(|byte| *byte == UNTOUCHED), "written outside the block");
            }
            #[cfg(all(unix, not(miri)))]
            Memory::Mapped(_) => {}
        }
        self.block().to_vec()
    }
}

#[cfg(all(unix, not(miri)))]
mod mapped {
    use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
    use std::ffi::c_void;

    const PAGE: usize = 64 << 10; // a multiple of every page size in use

    /// Memory with an inaccessible page behind it.
    pub(super) struct Mapped {
        start: *mut c_void,
        len: usize,
    }

    impl Mapped {
        pub(super) fn new(at_least: usize) -> Self {
            let len = at_least.max(1).next_multiple_of(PAGE);
            let access = ProtFlags::READ | ProtFlags::WRITE;
            // SAFETY: a new mapping, anywhere; nobody has anything there.
            let start = unsafe {
                mmap_anonymous(std::ptr::null_mut(), len + PAGE, access, MapFlags::PRIVATE)
            }
            .unwrap();
            // SAFETY: the mapping above is one page longer than `len`.
            let behind = unsafe { start.byte_add(len) };
            // SAFETY: that page belongs to the mapping above, and nobody refers to it.
            unsafe { mprotect(behind, PAGE, MprotectFlags::empty()) }.unwrap();
            Self { start, len }
        }

        pub(super) fn len(&self) -> usize {
            self.len
        }

        pub(super) fn bytes(&self) -> &[u8] {
            // SAFETY: `len` bytes from `start` are mapped, zeroed, and borrowed through `self`.
            unsafe { std::slice::from_raw_parts(self.start.cast(), self.len) }
        }

        pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
            // SAFETY: as above, borrowed exclusively.
            unsafe { std::slice::from_raw_parts_mut(self.start.cast(), self.len) }
        }
    }

    impl Drop for Mapped {
        fn drop(&mut self) {
            // SAFETY: mapped in `new` with this length, and all borrows are over.
            unsafe { munmap(self.start, self.len + PAGE) }.unwrap();
        }
    }
}
