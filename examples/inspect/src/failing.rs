// SPDX-License-Identifier: MIT OR Apache-2.0
//! A member that fails to read, for tests.

use raid_array::discover::ReadAt;
use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

/// A member that cannot read some sectors, all of them together for so many times.
pub(crate) struct Failing {
    pub(crate) bytes: Vec<u8>,
    pub(crate) bad: BTreeSet<u64>,
    pub(crate) times: AtomicU32,
}

impl ReadAt for Failing {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let (first, end) = (offset / 512, (offset + into.len() as u64).div_ceil(512));
        if self.bad.range(first..end).next().is_some()
            && self
                .times
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |t| t.checked_sub(1))
                .is_ok()
        {
            return Err(io::Error::other("a bad sector"));
        }
        into.copy_from_slice(&self.bytes[offset as usize..][..into.len()]);
        Ok(())
    }
}
