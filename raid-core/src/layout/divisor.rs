// SPDX-License-Identifier: MIT OR Apache-2.0
//! Division by a strip. Strips are powers of two but for experiments, and a shift costs a tenth.

use core::num::NonZeroU64;

/// What addresses are divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Divisor {
    value: NonZeroU64,
    /// Logarithm of the value, if it is a power of two.
    shift: Option<u32>,
}

impl Divisor {
    pub(super) const ONE: Self = Self { value: NonZeroU64::MIN, shift: Some(0) };

    pub(super) fn new(value: u64) -> Option<Self> {
        let value = NonZeroU64::new(value)?;
        let shift = value.is_power_of_two().then(|| value.trailing_zeros());
        Some(Self { value, shift })
    }

    pub(crate) const fn get(&self) -> u64 {
        self.value.get()
    }

    /// Quotient and remainder.
    #[inline]
    pub(crate) fn split(&self, of: u64) -> (u64, u64) {
        match self.shift {
            Some(shift) => (of.wrapping_shr(shift), of & self.value.get().wrapping_sub(1)),
            None => (of / self.value, of % self.value),
        }
    }
}
