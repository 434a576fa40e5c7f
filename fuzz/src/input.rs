// SPDX-License-Identifier: MIT OR Apache-2.0
//! The input as a stream of small numbers; zeros after its end.

/// What is left of an input.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// Whether all has been taken.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    /// The next two bytes.
    pub fn pair(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// A number in `0..limit`, from one byte.
    pub fn below(&mut self, limit: u64) -> u64 {
        u64::from(self.byte()) % limit.max(1)
    }

    /// The next bytes, at most `len`.
    pub fn take(&mut self, len: usize) -> &'a [u8] {
        let (front, back) = self.0.split_at(len.min(self.0.len()));
        self.0 = back;
        front
    }
}
