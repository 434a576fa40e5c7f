// SPDX-License-Identifier: MIT OR Apache-2.0
//! Integers as they stand on the disk, read through the disk's byte order.
//!
//! DDF is big-endian. Adaptec firmware and FreeBSD's graid also write whole disks little-endian, so
//! the order is known only once the anchor's signature has been seen (`ddf.md` 1.2). The integers
//! here are plain bytes of alignment 1: one set of records serves both orders without copying, and
//! the order is a value that is passed to [`U32::get`] and [`U32::set`].

use core::fmt;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Byte order of every multi-byte field of one disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// As the standard says.
    #[default]
    Big,
    /// As Adaptec firmware writes.
    Little,
}

macro_rules! integer {
    ($(#[$doc:meta])* $name:ident, $int:ty, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        #[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
        #[repr(transparent)]
        pub struct $name([u8; $len]);

        impl $name {
            /// All ones: the value of a field that is not set.
            pub const ALL_ONES: Self = Self([0xFF; $len]);

            /// `value` in the given order.
            #[must_use]
            pub const fn new(order: ByteOrder, value: $int) -> Self {
                match order {
                    ByteOrder::Big => Self(value.to_be_bytes()),
                    ByteOrder::Little => Self(value.to_le_bytes()),
                }
            }

            /// The value.
            #[must_use]
            pub const fn get(self, order: ByteOrder) -> $int {
                match order {
                    ByteOrder::Big => <$int>::from_be_bytes(self.0),
                    ByteOrder::Little => <$int>::from_le_bytes(self.0),
                }
            }

            /// The value, or `None` for all ones, DDF's mark of a field that is not set.
            #[must_use]
            pub const fn present(self, order: ByteOrder) -> Option<$int> {
                match self.get(order) {
                    <$int>::MAX => None,
                    value => Some(value),
                }
            }

            /// Stores `value`.
            pub const fn set(&mut self, order: ByteOrder, value: $int) {
                *self = Self::new(order, value);
            }
        }

        impl fmt::Debug for $name {
            /// The bytes in the order they stand on the disk.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    };
}

integer!(
    /// 16 bits on the disk.
    U16, u16, 2
);
integer!(
    /// 32 bits on the disk.
    U32, u32, 4
);
integer!(
    /// 64 bits on the disk.
    U64, u64, 8
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_stands_in_the_order_of_its_disk() {
        let big = U32::new(ByteOrder::Big, 0xDE11_DE10);
        let little = U32::new(ByteOrder::Little, 0xDE11_DE10);
        assert_eq!(big.as_bytes(), [0xDE, 0x11, 0xDE, 0x10]);
        assert_eq!(little.as_bytes(), [0x10, 0xDE, 0x11, 0xDE]);
        assert_eq!(big.get(ByteOrder::Big), little.get(ByteOrder::Little));
        assert_ne!(big.get(ByteOrder::Little), 0xDE11_DE10);
    }

    #[test]
    fn all_ones_are_absent_in_either_order() {
        for order in [ByteOrder::Big, ByteOrder::Little] {
            assert_eq!(U16::ALL_ONES.present(order), None);
            assert_eq!(U64::ALL_ONES.present(order), None);
            assert_eq!(U64::new(order, 7).present(order), Some(7));
        }
    }
}
