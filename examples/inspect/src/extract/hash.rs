// SPDX-License-Identifier: MIT OR Apache-2.0
//! SHA-256 of a file, taken while the file is written as far as that goes in order.

use sha2::{Digest, Sha256};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes read back at a time.
const PIECE: u64 = 1 << 20;

/// The hash of the first bytes of a file.
#[derive(Debug, Default)]
pub(super) struct Hash {
    taken: Sha256,
    end: u64,
}

impl Hash {
    /// How many bytes it is of.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Takes in bytes that the file has from `at` on, where they are the next ones. Others stay for
    /// [`finish`](Self::finish).
    pub(super) fn take(&mut self, at: u64, bytes: &[u8]) {
        if at == self.end {
            self.taken.update(bytes);
            self.end += bytes.len() as u64;
        }
    }

    /// Reads back what was not taken in of the first `size` bytes, and gives the hash of them.
    pub(super) fn finish(mut self, file: &File, size: u64) -> io::Result<String> {
        let mut buffer = Vec::new();
        while self.end < size {
            buffer.resize(PIECE.min(size - self.end) as usize, 0);
            file.read_exact_at(&mut buffer, self.end)?;
            self.take(self.end, &buffer);
        }
        Ok(self.taken.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}
