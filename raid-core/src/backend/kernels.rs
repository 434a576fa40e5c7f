// SPDX-License-Identifier: MIT OR Apache-2.0
//! The loops of all backends, written once and stamped out for each instruction set.
//!
//! ```text
//!            one step: WIDTH bytes of every block
//!          |<----->|
//!   D0     |///////|               |      walk all blocks at one step, keep the sums of P and Q
//!   D1     |///////|               |      in registers, store once; then the next step
//!   D2     |///////|               |
//!   P, Q   |=======|               |      the last, shorter step is padded with zeros
//! ```
//!
//! Q is summed by Horner's rule from the highest exponent down, `q = 2·q + D`, two blocks at a time
//! so that an instruction set can have `q = 4·q + 2·high + low` at a better price. A block that is
//! not there costs the doubling only.
//!
//! The file that invokes [`kernels!`] names the attribute that turns its instruction set on, and
//! provides:
//!
//! | item | meaning |
//! |---|---|
//! | `Vector`, `LANES` | a register, and its bytes |
//! | `zero()`, `xor(a, b)`, `xor3(a, b, c)`, `or(a, b)` | bytewise |
//! | `any(a)` | whether a bit is set |
//! | `start()`, `horner(q, d)`, `double(q)`, `finish(q)` | Horner's rule; `q` between `start` and `finish` may be in a form of its own |
//! | `horner2(q, high, low)` | `horner(horner(q, high), low)` |
//! | `Factor`, `factor(c)`, `scale(f, a)` | `c·a` with `c` constant over the call |
//! | `Sink<STREAM>`, `put(&sink, &mut bytes, step)` | where results go: past the cache if `STREAM` and if it can be done |

/// Vectors of one step: enough to hide the latency of a multiplication, few enough for the sums of
/// P and Q to stay in sixteen registers.
pub(super) const VECTORS: usize = 4;

macro_rules! kernels {
    ($name:literal $(, #[$feature:meta])*) => {
        use crate::backend::Ops;
        use crate::backend::kernels::VECTORS;
        use crate::parity::{Located, Suspects, inverse_power, two_data_coefficients};
        use crate::gf256;
        use zerocopy::transmute;

        /// Bytes of a step.
        const WIDTH: usize = LANES * VECTORS;

        /// What a step holds of one block.
        type Step = [Vector; VECTORS];

        /// The kernels of this file.
        pub(super) static OPS: Ops = Ops {
            name: $name,
            xor_into,
            p_generate,
            q_generate,
            pq_generate,
            p_check,
            pq_check,
            pq_update,
            recover_data,
            recover_data_from_q,
            recover_data_data,
            recover_data_p,
            recover_data_q,
            locate,
        };

        // ---- steps of a block ----

        /// The steps of a block of `len` bytes, as `(index, whether it is the short one)`.
        fn steps(len: usize) -> (core::ops::Range<usize>, Option<usize>) {
            let whole = len / WIDTH;
            (0..whole, if len % WIDTH == 0 { None } else { Some(whole) })
        }

        #[inline]
        $(#[$feature])*
        fn load<const SHORT: bool>(block: &[u8], step: usize) -> Step {
            let (whole, rest) = block.as_chunks::<WIDTH>();
            if SHORT {
                let mut padded = [0; WIDTH];
                for (to, from) in padded.iter_mut().zip(rest) {
                    *to = *from;
                }
                return transmute!(padded);
            }
            match whole.get(step) {
                Some(bytes) => transmute!(*bytes),
                // Not reached: all blocks of a call are equally long.
                None => [zero(); VECTORS],
            }
        }

        #[inline]
        $(#[$feature])*
        fn store<const SHORT: bool, const STREAM: bool>(
            sink: &Sink<STREAM>,
            block: &mut [u8],
            step: usize,
            value: Step,
        ) {
            let (whole, rest) = block.as_chunks_mut::<WIDTH>();
            if SHORT {
                let padded: [u8; WIDTH] = transmute!(value);
                for (to, from) in rest.iter_mut().zip(padded) {
                    *to = from;
                }
            } else if let Some(bytes) = whole.get_mut(step) {
                put(sink, bytes, value);
            }
        }

        #[inline]
        $(#[$feature])*
        fn add(sum: &mut Step, value: &Step) {
            for (sum, value) in sum.iter_mut().zip(value) {
                *sum = xor(*sum, *value);
            }
        }

        #[inline]
        $(#[$feature])*
        fn add2(sum: &mut Step, a: &Step, b: &Step) {
            for ((sum, a), b) in sum.iter_mut().zip(a).zip(b) {
                *sum = xor3(*sum, *a, *b);
            }
        }

        #[inline]
        $(#[$feature])*
        fn scale_step(factor: &Factor, value: &Step) -> Step {
            let mut scaled = [zero(); VECTORS];
            for (to, from) in scaled.iter_mut().zip(value) {
                *to = scale(factor, *from);
            }
            scaled
        }

        // ---- sums over a row ----

        /// The sums of P and of Q over the blocks that are there. A sum that is not asked for is
        /// not computed.
        #[inline]
        $(#[$feature])*
        fn sums<const P: bool, const Q: bool, const SHORT: bool>(
            data: &[Option<&[u8]>],
            step: usize,
        ) -> (Step, Step) {
            let (mut p, mut q) = ([zero(); VECTORS], [start(); VECTORS]);
            let mut rest = data;
            while let [lower @ .., low, high] = rest {
                rest = lower;
                match (high, low) {
                    (Some(high), Some(low)) => {
                        let (high, low) = (load::<SHORT>(high, step), load::<SHORT>(low, step));
                        if P {
                            add2(&mut p, &high, &low);
                        }
                        if Q {
                            for ((q, high), low) in q.iter_mut().zip(&high).zip(&low) {
                                *q = horner2(*q, *high, *low);
                            }
                        }
                    }
                    (Some(high), None) => {
                        let high = load::<SHORT>(high, step);
                        if P {
                            add(&mut p, &high);
                        }
                        if Q {
                            for (q, high) in q.iter_mut().zip(&high) {
                                *q = double(horner(*q, *high));
                            }
                        }
                    }
                    (None, Some(low)) => {
                        let low = load::<SHORT>(low, step);
                        if P {
                            add(&mut p, &low);
                        }
                        if Q {
                            for (q, low) in q.iter_mut().zip(&low) {
                                *q = horner(double(*q), *low);
                            }
                        }
                    }
                    (None, None) => {
                        if Q {
                            for q in &mut q {
                                *q = double(double(*q));
                            }
                        }
                    }
                }
            }
            if let [first] = rest {
                let first = match first {
                    Some(first) => load::<SHORT>(first, step),
                    None => [zero(); VECTORS],
                };
                if P {
                    add(&mut p, &first);
                }
                if Q {
                    for (q, first) in q.iter_mut().zip(&first) {
                        *q = horner(*q, *first);
                    }
                }
            }
            for q in &mut q {
                *q = finish(*q);
            }
            (p, q)
        }

        /// Leaves out what is not there above the highest block that is.
        fn trim<'a, 'b>(data: &'a [Option<&'b [u8]>]) -> &'a [Option<&'b [u8]>] {
            let mut rest = data;
            while let [lower @ .., None] = rest {
                rest = lower;
            }
            rest
        }

        // ---- exclusive or ----

        $(#[$feature])*
        fn xor_into(dst: &mut [u8], srcs: &[&[u8]]) {
            let (whole, short) = steps(dst.len());
            for step in whole {
                xor_step::<false>(dst, srcs, step);
            }
            if let Some(step) = short {
                xor_step::<true>(dst, srcs, step);
            }
        }

        #[inline]
        $(#[$feature])*
        fn xor_step<const SHORT: bool>(dst: &mut [u8], srcs: &[&[u8]], step: usize) {
            let mut sum = load::<SHORT>(dst, step);
            let mut rest = srcs;
            while let [a, b, others @ ..] = rest {
                add2(&mut sum, &load::<SHORT>(a, step), &load::<SHORT>(b, step));
                rest = others;
            }
            if let [last] = rest {
                add(&mut sum, &load::<SHORT>(last, step));
            }
            store::<SHORT, false>(&Sink::new(), dst, step, sum);
        }

        // ---- generate ----

        $(#[$feature])*
        fn p_generate(p: &mut [u8], data: &[Option<&[u8]>], stream: bool) {
            if stream {
                generate::<true, false, true>(p, &mut [], data);
            } else {
                generate::<true, false, false>(p, &mut [], data);
            }
        }

        $(#[$feature])*
        fn q_generate(q: &mut [u8], data: &[Option<&[u8]>], stream: bool) {
            if stream {
                generate::<false, true, true>(&mut [], q, data);
            } else {
                generate::<false, true, false>(&mut [], q, data);
            }
        }

        $(#[$feature])*
        fn pq_generate(p: &mut [u8], q: &mut [u8], data: &[Option<&[u8]>], stream: bool) {
            if stream {
                generate::<true, true, true>(p, q, data);
            } else {
                generate::<true, true, false>(p, q, data);
            }
        }

        $(#[$feature])*
        fn generate<const P: bool, const Q: bool, const STREAM: bool>(
            p: &mut [u8],
            q: &mut [u8],
            data: &[Option<&[u8]>],
        ) {
            let sink = Sink::<STREAM>::new();
            let data = trim(data);
            let (whole, short) = steps(if P { p.len() } else { q.len() });
            for step in whole {
                let (p_sum, q_sum) = sums::<P, Q, false>(data, step);
                if P {
                    store::<false, STREAM>(&sink, p, step, p_sum);
                }
                if Q {
                    store::<false, STREAM>(&sink, q, step, q_sum);
                }
            }
            if let Some(step) = short {
                let (p_sum, q_sum) = sums::<P, Q, true>(data, step);
                if P {
                    store::<true, STREAM>(&sink, p, step, p_sum);
                }
                if Q {
                    store::<true, STREAM>(&sink, q, step, q_sum);
                }
            }
        }

        // ---- check ----

        $(#[$feature])*
        fn p_check(p: &[u8], data: &[Option<&[u8]>]) -> Option<usize> {
            check::<false>(p, &[], data)
        }

        $(#[$feature])*
        fn pq_check(p: &[u8], q: &[u8], data: &[Option<&[u8]>]) -> Option<usize> {
            check::<true>(p, q, data)
        }

        $(#[$feature])*
        fn check<const Q: bool>(p: &[u8], q: &[u8], data: &[Option<&[u8]>]) -> Option<usize> {
            let data = trim(data);
            let (whole, short) = steps(p.len());
            for step in whole {
                let (dp, dq) = differences::<Q, false>(p, q, data, step);
                if any_of(&dp, &dq) {
                    return first_difference(step, dp, dq);
                }
            }
            let (dp, dq) = differences::<Q, true>(p, q, data, short?);
            first_difference(short?, dp, dq)
        }

        /// What the stored P and Q differ by from the computed ones.
        #[inline]
        $(#[$feature])*
        fn differences<const Q: bool, const SHORT: bool>(
            p: &[u8],
            q: &[u8],
            data: &[Option<&[u8]>],
            step: usize,
        ) -> (Step, Step) {
            let (mut dp, mut dq) = sums::<true, Q, SHORT>(data, step);
            add(&mut dp, &load::<SHORT>(p, step));
            if Q {
                add(&mut dq, &load::<SHORT>(q, step));
            } else {
                dq = [zero(); VECTORS];
            }
            (dp, dq)
        }

        #[inline]
        $(#[$feature])*
        fn any_of(dp: &Step, dq: &Step) -> bool {
            let mut all = zero();
            for (dp, dq) in dp.iter().zip(dq) {
                all = or(all, or(*dp, *dq));
            }
            any(all)
        }

        #[cold]
        $(#[$feature])*
        fn first_difference(step: usize, dp: Step, dq: Step) -> Option<usize> {
            let (dp, dq): ([u8; WIDTH], [u8; WIDTH]) = (transmute!(dp), transmute!(dq));
            let within = dp.iter().zip(&dq).position(|(dp, dq)| *dp | *dq != 0)?;
            step.checked_mul(WIDTH)?.checked_add(within)
        }

        $(#[$feature])*
        fn locate(p: &[u8], q: &[u8], data: &[Option<&[u8]>]) -> Located {
            let mut suspects = Suspects::none();
            let (whole, short) = steps(p.len());
            for step in whole {
                let (dp, dq) = differences::<true, false>(p, q, data, step);
                if any_of(&dp, &dq) {
                    suspect(&mut suspects, dp, dq);
                }
            }
            if let Some(step) = short {
                let (dp, dq) = differences::<true, true>(p, q, data, step);
                suspect(&mut suspects, dp, dq);
            }
            suspects.verdict(data)
        }

        #[cold]
        $(#[$feature])*
        fn suspect(suspects: &mut Suspects, dp: Step, dq: Step) {
            let (dp, dq): ([u8; WIDTH], [u8; WIDTH]) = (transmute!(dp), transmute!(dq));
            suspects.columns(&dp, &dq);
        }

        // ---- update ----

        $(#[$feature])*
        fn pq_update(
            p: Option<&mut [u8]>,
            q: Option<&mut [u8]>,
            exponent: u8,
            old: &[u8],
            new: &[u8],
        ) {
            let factor = factor(gf256::pow2(exponent));
            match (p, q) {
                (Some(p), Some(q)) => update::<true, true>(p, q, &factor, old, new),
                (Some(p), None) => update::<true, false>(p, &mut [], &factor, old, new),
                (None, Some(q)) => update::<false, true>(&mut [], q, &factor, old, new),
                (None, None) => {}
            }
        }

        $(#[$feature])*
        fn update<const P: bool, const Q: bool>(
            p: &mut [u8],
            q: &mut [u8],
            factor: &Factor,
            old: &[u8],
            new: &[u8],
        ) {
            let (whole, short) = steps(old.len());
            for step in whole {
                update_step::<P, Q, false>(p, q, factor, old, new, step);
            }
            if let Some(step) = short {
                update_step::<P, Q, true>(p, q, factor, old, new, step);
            }
        }

        #[inline]
        $(#[$feature])*
        fn update_step<const P: bool, const Q: bool, const SHORT: bool>(
            p: &mut [u8],
            q: &mut [u8],
            factor: &Factor,
            old: &[u8],
            new: &[u8],
            step: usize,
        ) {
            // Never past the cache: P and Q were read a moment ago.
            let sink = Sink::<false>::new();
            let mut change = load::<SHORT>(old, step);
            add(&mut change, &load::<SHORT>(new, step));
            if P {
                let mut sum = load::<SHORT>(p, step);
                add(&mut sum, &change);
                store::<SHORT, false>(&sink, p, step, sum);
            }
            if Q {
                let mut sum = load::<SHORT>(q, step);
                add(&mut sum, &scale_step(factor, &change));
                store::<SHORT, false>(&sink, q, step, sum);
            }
        }

        // ---- recover ----

        $(#[$feature])*
        fn recover_data(x: &mut [u8], data: &[Option<&[u8]>], p: &[u8], stream: bool) {
            if stream {
                recover_from_p::<true>(x, data, p);
            } else {
                recover_from_p::<false>(x, data, p);
            }
        }

        $(#[$feature])*
        fn recover_from_p<const STREAM: bool>(x: &mut [u8], data: &[Option<&[u8]>], p: &[u8]) {
            let sink = Sink::<STREAM>::new();
            let (whole, short) = steps(x.len());
            for step in whole {
                let (mut sum, _) = sums::<true, false, false>(data, step);
                add(&mut sum, &load::<false>(p, step));
                store::<false, STREAM>(&sink, x, step, sum);
            }
            if let Some(step) = short {
                let (mut sum, _) = sums::<true, false, true>(data, step);
                add(&mut sum, &load::<true>(p, step));
                store::<true, STREAM>(&sink, x, step, sum);
            }
        }

        $(#[$feature])*
        fn recover_data_from_q(
            x: (u8, &mut [u8]),
            data: &[Option<&[u8]>],
            q: &[u8],
            stream: bool,
        ) {
            let b = factor(inverse_power(x.0));
            if stream {
                recover_from_q::<true>(x.1, &b, data, q);
            } else {
                recover_from_q::<false>(x.1, &b, data, q);
            }
        }

        $(#[$feature])*
        fn recover_from_q<const STREAM: bool>(
            x: &mut [u8],
            b: &Factor,
            data: &[Option<&[u8]>],
            q: &[u8],
        ) {
            let sink = Sink::<STREAM>::new();
            let data = trim(data);
            let (whole, short) = steps(x.len());
            for step in whole {
                let (_, mut sum) = sums::<false, true, false>(data, step);
                add(&mut sum, &load::<false>(q, step));
                store::<false, STREAM>(&sink, x, step, scale_step(b, &sum));
            }
            if let Some(step) = short {
                let (_, mut sum) = sums::<false, true, true>(data, step);
                add(&mut sum, &load::<true>(q, step));
                store::<true, STREAM>(&sink, x, step, scale_step(b, &sum));
            }
        }

        $(#[$feature])*
        fn recover_data_data(
            x: (u8, &mut [u8]),
            y: (u8, &mut [u8]),
            data: &[Option<&[u8]>],
            p: &[u8],
            q: &[u8],
            stream: bool,
        ) {
            // Two different exponents always have coefficients.
            let Some((a, b)) = two_data_coefficients(x.0, y.0) else { return };
            let by = (factor(a), factor(b));
            if stream {
                recover_two::<true, true>(x.1, y.1, &by, data, p, q);
            } else {
                recover_two::<true, false>(x.1, y.1, &by, data, p, q);
            }
        }

        $(#[$feature])*
        fn recover_data_p(
            x: (u8, &mut [u8]),
            p: &mut [u8],
            data: &[Option<&[u8]>],
            q: &[u8],
            stream: bool,
        ) {
            let by = (factor(0), factor(inverse_power(x.0)));
            if stream {
                recover_two::<false, true>(x.1, p, &by, data, &[], q);
            } else {
                recover_two::<false, false>(x.1, p, &by, data, &[], q);
            }
        }

        /// `x = a·P' + b·Q'` and `y = x + P'`. With the stored P, that is two data blocks; without
        /// it (and `a` = 0), P' lacks x only, and y is P.
        $(#[$feature])*
        fn recover_two<const P: bool, const STREAM: bool>(
            x: &mut [u8],
            y: &mut [u8],
            by: &(Factor, Factor),
            data: &[Option<&[u8]>],
            p: &[u8],
            q: &[u8],
        ) {
            let sink = Sink::<STREAM>::new();
            let data = trim(data);
            let (whole, short) = steps(x.len());
            for step in whole {
                recover_two_step::<P, STREAM, false>(&sink, x, y, by, (data, p, q), step);
            }
            if let Some(step) = short {
                recover_two_step::<P, STREAM, true>(&sink, x, y, by, (data, p, q), step);
            }
        }

        #[inline]
        $(#[$feature])*
        fn recover_two_step<const P: bool, const STREAM: bool, const SHORT: bool>(
            sink: &Sink<STREAM>,
            x: &mut [u8],
            y: &mut [u8],
            (a, b): &(Factor, Factor),
            (data, p, q): (&[Option<&[u8]>], &[u8], &[u8]),
            step: usize,
        ) {
            let (mut p_sum, mut q_sum) = sums::<true, true, SHORT>(data, step);
            add(&mut q_sum, &load::<SHORT>(q, step));
            let mut lost = scale_step(b, &q_sum);
            if P {
                add(&mut p_sum, &load::<SHORT>(p, step));
                add(&mut lost, &scale_step(a, &p_sum));
            }
            store::<SHORT, STREAM>(sink, x, step, lost);
            add(&mut p_sum, &lost);
            store::<SHORT, STREAM>(sink, y, step, p_sum);
        }

        $(#[$feature])*
        fn recover_data_q(
            x: (u8, &mut [u8]),
            q: &mut [u8],
            data: &[Option<&[u8]>],
            p: &[u8],
            stream: bool,
        ) {
            let coefficient = factor(gf256::pow2(x.0));
            if stream {
                recover_with_q::<true>(x.1, q, &coefficient, data, p);
            } else {
                recover_with_q::<false>(x.1, q, &coefficient, data, p);
            }
        }

        $(#[$feature])*
        fn recover_with_q<const STREAM: bool>(
            x: &mut [u8],
            q: &mut [u8],
            coefficient: &Factor,
            data: &[Option<&[u8]>],
            p: &[u8],
        ) {
            let sink = Sink::<STREAM>::new();
            let data = trim(data);
            let (whole, short) = steps(x.len());
            for step in whole {
                recover_with_q_step::<STREAM, false>(&sink, x, q, coefficient, (data, p), step);
            }
            if let Some(step) = short {
                recover_with_q_step::<STREAM, true>(&sink, x, q, coefficient, (data, p), step);
            }
        }

        #[inline]
        $(#[$feature])*
        fn recover_with_q_step<const STREAM: bool, const SHORT: bool>(
            sink: &Sink<STREAM>,
            x: &mut [u8],
            q: &mut [u8],
            coefficient: &Factor,
            (data, p): (&[Option<&[u8]>], &[u8]),
            step: usize,
        ) {
            let (mut lost, mut q_sum) = sums::<true, true, SHORT>(data, step);
            add(&mut lost, &load::<SHORT>(p, step));
            add(&mut q_sum, &scale_step(coefficient, &lost));
            store::<SHORT, STREAM>(sink, x, step, lost);
            store::<SHORT, STREAM>(sink, q, step, q_sum);
        }
    };
}
pub(super) use kernels;
