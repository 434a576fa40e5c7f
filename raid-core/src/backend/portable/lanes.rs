// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernels want to know of a "register", for arrays of plain integers.
//!
//! The file that invokes [`lanes!`] names the kernels and provides `Lane`, an integer, `COUNT` of which
//! are a register, `PARTS`, and `double(lane)`, which doubles each of its bytes in the field.

macro_rules! lanes {
    ($name:literal) => {
        use super::Sink;
        use crate::backend::kernels::kernels;

        type Vector = [Lane; COUNT];
        const LANES: usize = size_of::<Vector>();
        const VECTORS: usize = 1;
        const WIDE: usize = 1;
        const LINE: usize = 0;
        const PAIRS: bool = false;
        const WHOLE: bool = false;

        kernels!($name, , #[inline(always)]);

        #[inline(always)]
        fn zero() -> Vector {
            [0; COUNT]
        }

        #[inline(always)]
        fn xor(a: Vector, b: Vector) -> Vector {
            let mut sum = a;
            for (sum, b) in sum.iter_mut().zip(b) {
                *sum ^= b;
            }
            sum
        }

        #[inline(always)]
        fn xor3(a: Vector, b: Vector, c: Vector) -> Vector {
            xor(xor(a, b), c)
        }

        #[inline(always)]
        fn or(a: Vector, b: Vector) -> Vector {
            let mut union = a;
            for (union, b) in union.iter_mut().zip(b) {
                *union |= b;
            }
            union
        }

        #[inline(always)]
        fn and(a: Vector, b: Vector) -> Vector {
            let mut common = a;
            for (common, b) in common.iter_mut().zip(b) {
                *common &= b;
            }
            common
        }

        #[inline(always)]
        fn any(a: Vector) -> bool {
            a != zero()
        }

        #[inline(always)]
        fn start(d: Vector) -> Vector {
            d
        }

        #[inline(always)]
        fn horner(q: Vector, d: Vector) -> Vector {
            xor(q.map(double), d)
        }

        #[inline(always)]
        fn horner2(q: Vector, high: Vector, low: Vector) -> Vector {
            horner(horner(q, high), low)
        }

        #[inline(always)]
        fn finish(q: Vector) -> Vector {
            q
        }

        /// The constant itself: its bits are walked for every register.
        type Factor = u8;

        #[inline(always)]
        fn factor(c: u8) -> Factor {
            c
        }

        #[inline(always)]
        fn scale(factor: &Factor, a: Vector) -> Vector {
            let mut product = zero();
            let mut bits = *factor;
            for _ in 0..8 {
                product = product.map(double);
                if bits & 0x80 != 0 {
                    product = xor(product, a);
                }
                bits <<= 1;
            }
            product
        }

        #[inline(always)]
        fn put<const STREAM: bool>(_: &Sink<STREAM>, to: &mut [u8; LANES], value: Vector) {
            to.copy_from_slice(value.as_bytes());
        }

    };
}
pub(super) use lanes;
