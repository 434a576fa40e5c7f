// SPDX-License-Identifier: MIT OR Apache-2.0
//! The loops of all backends, written once and stamped out for each instruction set.
//!
//! ```text
//!            one step: WIDTH bytes of every block
//!          |<----->|
//!   D0     |///////|               |      walk all blocks at one step, keep the sums of P and Q
//!   D1     |///////|               |      in registers, use them; then the next step
//!   D2     |///////|               |
//!   P, Q   |=======|               |      what is left at the end goes byte by byte: tail.rs
//! ```
//!
//! Q is summed by Horner's rule from the highest exponent down, `q = 2·q + D`, or two blocks at a
//! time where an instruction set has `q = 4·q + 2·high + low` at a better price.
//!
//! The file that invokes [`kernels!`] names the attribute that turns its instruction set on and the
//! one that gets small functions inlined, and provides:
//!
//! | item | meaning |
//! |---|---|
//! | `Vector`, `LANES` | a register, and its bytes |
//! | `VECTORS` | registers of one step: enough to hide the latency of a product, few enough for P and Q to stay in registers |
//! | `PAIRS` | whether two blocks at a time make Q cheaper |
//! | `zero()`, `xor(a, b)`, `xor3(a, b, c)`, `or(a, b)` | bytewise |
//! | `any(a)` | whether a bit is set |
//! | `start()`, `horner(q, d)`, `finish(q)` | 0, `2·q + d` and `q`, in a form of `q` that only these know |
//! | `horner2(q, high, low)` | `horner(horner(q, high), low)` |
//! | `Factor`, `factor(c)`, `scale(f, a)` | `c·a` with `c` constant over the call |
//! | `Sink<STREAM>`, `put(&sink, &mut bytes, step)` | where results go: past the cache if `STREAM` and if it can be done |

/// Leaves out what is not there above the highest block that is.
pub(super) fn trim<'a, 'b>(data: &'a [Option<&'b [u8]>]) -> &'a [Option<&'b [u8]>] {
    let mut rest = data;
    while let [lower @ .., None] = rest {
        rest = lower;
    }
    rest
}

macro_rules! kernels {
    ($name:literal, $(#[$feature:meta])?, #[$inline:meta]) => {
        use crate::backend::Ops;
        use crate::backend::kernels::trim;
        use crate::backend::tail;
        use crate::gf256;
        use crate::parity::{Located, Suspects, inverse_power, two_data_coefficients};
        use core::ops::ControlFlow::{self, Break, Continue};
        use zerocopy::transmute;

        /// Bytes of a step.
        const WIDTH: usize = LANES * VECTORS;

        /// What a step holds of one block.
        type Step = [Vector; VECTORS];

        /// What an absent block holds.
        static ZEROS: [u8; WIDTH] = [0; WIDTH];

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

        /// One step of a block.
        #[$inline]
        $(#[$feature])?
        fn load(block: &[u8], step: usize) -> Step {
            // All blocks of a call are equally long: the step is always there.
            transmute!(*block.as_chunks::<WIDTH>().0.get(step).unwrap_or(&ZEROS))
        }

        /// One step of a block that may be absent.
        #[$inline]
        $(#[$feature])?
        fn load_or_zero(block: Option<&[u8]>, step: usize) -> Step {
            let Some(block) = block else { return transmute!(ZEROS) };
            load(block, step)
        }

        #[$inline]
        $(#[$feature])?
        fn store<const STREAM: bool>(
            sink: &Sink<STREAM>,
            block: &mut [u8],
            step: usize,
            value: Step,
        ) {
            if let Some(bytes) = block.as_chunks_mut::<WIDTH>().0.get_mut(step) {
                put(sink, bytes, value);
            }
        }

        /// Where the last whole step of a block ends.
        const fn tail_of(len: usize) -> usize {
            len.saturating_sub(len % WIDTH)
        }

        #[$inline]
        $(#[$feature])?
        fn sum(a: &Step, b: &Step) -> Step {
            let mut sum = *a;
            for (sum, b) in sum.iter_mut().zip(b) {
                *sum = xor(*sum, *b);
            }
            sum
        }

        #[$inline]
        $(#[$feature])?
        fn product(factor: &Factor, value: &Step) -> Step {
            let mut product = *value;
            for product in &mut product {
                *product = scale(factor, *product);
            }
            product
        }

        // ---- the walk over a row ----

        /// Sums P and Q of the data, step by step, and hands the sums to `then`. A sum that is not
        /// asked for is zero.
        #[$inline]
        $(#[$feature])?
        fn walk<const P: bool, const Q: bool>(
            len: usize,
            data: &[Option<&[u8]>],
            mut then: impl FnMut(usize, Step, Step) -> ControlFlow<()>,
        ) {
            let data = trim(data);
            for step in 0..len / WIDTH {
                let mut p = [zero(); VECTORS];
                let mut q = [if Q { start() } else { zero() }; VECTORS];
                let mut rest = data;
                if PAIRS || !Q {
                    while let [lower @ .., low, high] = rest {
                        rest = lower;
                        let (low, high) = (load_or_zero(*low, step), load_or_zero(*high, step));
                        for (((p, q), low), high) in p.iter_mut().zip(&mut q).zip(low).zip(high) {
                            if P {
                                *p = xor3(*p, high, low);
                            }
                            if Q {
                                *q = horner2(*q, high, low);
                            }
                        }
                    }
                }
                for block in rest.iter().rev() {
                    let block = load_or_zero(*block, step);
                    for ((p, q), block) in p.iter_mut().zip(&mut q).zip(block) {
                        if P {
                            *p = xor(*p, block);
                        }
                        if Q {
                            *q = horner(*q, block);
                        }
                    }
                }
                if Q {
                    for q in &mut q {
                        *q = finish(*q);
                    }
                }
                if then(step, p, q).is_break() {
                    return;
                }
            }
        }

        // ---- exclusive or ----

        $(#[$feature])?
        fn xor_into(dst: &mut [u8], srcs: &[&[u8]]) {
            let sink = Sink::<false>::new();
            for step in 0..dst.len() / WIDTH {
                let mut all = load(dst, step);
                let mut rest = srcs;
                while let [a, b, others @ ..] = rest {
                    rest = others;
                    let (a, b) = (load(a, step), load(b, step));
                    for ((all, a), b) in all.iter_mut().zip(a).zip(b) {
                        *all = xor3(*all, a, b);
                    }
                }
                if let [last] = rest {
                    all = sum(&all, &load(last, step));
                }
                store(&sink, dst, step, all);
            }
            tail::xor_into(dst, srcs, tail_of(dst.len()));
        }

        // ---- generate ----

        $(#[$feature])?
        fn p_generate(p: &mut [u8], data: &[Option<&[u8]>], stream: bool) {
            if stream {
                p_generate_to(&Sink::<true>::new(), p, data);
            } else {
                p_generate_to(&Sink::<false>::new(), p, data);
            }
            tail::p_generate(p, data, tail_of(p.len()));
        }

        $(#[$feature])?
        fn p_generate_to<const S: bool>(sink: &Sink<S>, p: &mut [u8], data: &[Option<&[u8]>]) {
            walk::<true, false>(p.len(), data, |step, p_sum, _| {
                store(sink, p, step, p_sum);
                Continue(())
            });
        }

        $(#[$feature])?
        fn q_generate(q: &mut [u8], data: &[Option<&[u8]>], stream: bool) {
            if stream {
                q_generate_to(&Sink::<true>::new(), q, data);
            } else {
                q_generate_to(&Sink::<false>::new(), q, data);
            }
            tail::q_generate(q, data, tail_of(q.len()));
        }

        $(#[$feature])?
        fn q_generate_to<const S: bool>(sink: &Sink<S>, q: &mut [u8], data: &[Option<&[u8]>]) {
            walk::<false, true>(q.len(), data, |step, _, q_sum| {
                store(sink, q, step, q_sum);
                Continue(())
            });
        }

        $(#[$feature])?
        fn pq_generate(p: &mut [u8], q: &mut [u8], data: &[Option<&[u8]>], stream: bool) {
            if stream {
                pq_generate_to(&Sink::<true>::new(), p, q, data);
            } else {
                pq_generate_to(&Sink::<false>::new(), p, q, data);
            }
            let from = tail_of(p.len());
            tail::p_generate(p, data, from);
            tail::q_generate(q, data, from);
        }

        $(#[$feature])?
        fn pq_generate_to<const S: bool>(
            sink: &Sink<S>,
            p: &mut [u8],
            q: &mut [u8],
            data: &[Option<&[u8]>],
        ) {
            walk::<true, true>(p.len(), data, |step, p_sum, q_sum| {
                store(sink, p, step, p_sum);
                store(sink, q, step, q_sum);
                Continue(())
            });
        }

        // ---- check ----

        $(#[$feature])?
        fn p_check(p: &[u8], data: &[Option<&[u8]>]) -> Option<usize> {
            let mut found = None;
            walk::<true, false>(p.len(), data, |step, p_sum, nothing| {
                let dp = sum(&p_sum, &load(p, step));
                if !differ(&dp, &nothing) {
                    return Continue(());
                }
                found = first_difference(step, dp, nothing);
                Break(())
            });
            found.or_else(|| tail::p_check(p, data, tail_of(p.len())))
        }

        $(#[$feature])?
        fn pq_check(p: &[u8], q: &[u8], data: &[Option<&[u8]>]) -> Option<usize> {
            let mut found = None;
            walk::<true, true>(p.len(), data, |step, p_sum, q_sum| {
                let (dp, dq) = (sum(&p_sum, &load(p, step)), sum(&q_sum, &load(q, step)));
                if !differ(&dp, &dq) {
                    return Continue(());
                }
                found = first_difference(step, dp, dq);
                Break(())
            });
            found.or_else(|| tail::pq_check(p, q, data, tail_of(p.len())))
        }

        $(#[$feature])?
        fn locate(p: &[u8], q: &[u8], data: &[Option<&[u8]>]) -> Located {
            let mut suspects = Suspects::none();
            walk::<true, true>(p.len(), data, |step, p_sum, q_sum| {
                let (dp, dq) = (sum(&p_sum, &load(p, step)), sum(&q_sum, &load(q, step)));
                if differ(&dp, &dq) {
                    suspects.columns::<WIDTH>(&transmute!(dp), &transmute!(dq))
                } else {
                    Continue(())
                }
            });
            let _ = tail::locate(&mut suspects, p, q, data, tail_of(p.len()));
            suspects.verdict(data)
        }

        /// Whether a stored P or Q differs from the computed one, by their differences.
        #[$inline]
        $(#[$feature])?
        fn differ(dp: &Step, dq: &Step) -> bool {
            let mut all = zero();
            for (dp, dq) in dp.iter().zip(dq) {
                all = or(all, or(*dp, *dq));
            }
            any(all)
        }

        #[cold]
        $(#[$feature])?
        fn first_difference(step: usize, dp: Step, dq: Step) -> Option<usize> {
            let (dp, dq): ([u8; WIDTH], [u8; WIDTH]) = (transmute!(dp), transmute!(dq));
            let within = dp.iter().zip(&dq).position(|(dp, dq)| *dp | *dq != 0)?;
            step.checked_mul(WIDTH)?.checked_add(within)
        }

        // ---- update ----

        $(#[$feature])?
        fn pq_update(
            p: Option<&mut [u8]>,
            q: Option<&mut [u8]>,
            exponent: u8,
            old: &[u8],
            new: &[u8],
        ) {
            let c = gf256::pow2(exponent);
            match (p, q) {
                (Some(p), Some(q)) => update::<true, true>(p, q, c, old, new),
                (Some(p), None) => update::<true, false>(p, &mut [], c, old, new),
                (None, Some(q)) => update::<false, true>(&mut [], q, c, old, new),
                (None, None) => {}
            }
        }

        $(#[$feature])?
        fn update<const P: bool, const Q: bool>(
            p: &mut [u8],
            q: &mut [u8],
            c: u8,
            old: &[u8],
            new: &[u8],
        ) {
            let factor = factor(c);
            // Never past the cache: P and Q were read a moment ago.
            let sink = Sink::<false>::new();
            for step in 0..old.len() / WIDTH {
                let change = sum(&load(old, step), &load(new, step));
                if P {
                    let changed = sum(&load(p, step), &change);
                    store(&sink, p, step, changed);
                }
                if Q {
                    let changed = sum(&load(q, step), &product(&factor, &change));
                    store(&sink, q, step, changed);
                }
            }
            tail::update(p, 1, old, new, tail_of(p.len()));
            tail::update(q, c, old, new, tail_of(q.len()));
        }

        // ---- recover ----

        $(#[$feature])?
        fn recover_data(x: &mut [u8], data: &[Option<&[u8]>], p: &[u8], stream: bool) {
            if stream {
                recover_data_to(&Sink::<true>::new(), x, data, p);
            } else {
                recover_data_to(&Sink::<false>::new(), x, data, p);
            }
            tail::recover_data(x, data, p, tail_of(x.len()));
        }

        $(#[$feature])?
        fn recover_data_to<const S: bool>(
            sink: &Sink<S>,
            x: &mut [u8],
            data: &[Option<&[u8]>],
            p: &[u8],
        ) {
            walk::<true, false>(x.len(), data, |step, p_sum, _| {
                store(sink, x, step, sum(&p_sum, &load(p, step)));
                Continue(())
            });
        }

        $(#[$feature])?
        fn recover_data_from_q(
            x: (u8, &mut [u8]),
            data: &[Option<&[u8]>],
            q: &[u8],
            stream: bool,
        ) {
            let b = factor(inverse_power(x.0));
            if stream {
                recover_data_from_q_to(&Sink::<true>::new(), x.1, &b, data, q);
            } else {
                recover_data_from_q_to(&Sink::<false>::new(), x.1, &b, data, q);
            }
            let from = tail_of(x.1.len());
            tail::recover_data_from_q(x, data, q, from);
        }

        $(#[$feature])?
        fn recover_data_from_q_to<const S: bool>(
            sink: &Sink<S>,
            x: &mut [u8],
            b: &Factor,
            data: &[Option<&[u8]>],
            q: &[u8],
        ) {
            walk::<false, true>(x.len(), data, |step, _, q_sum| {
                let lost = product(b, &sum(&q_sum, &load(q, step)));
                store(sink, x, step, lost);
                Continue(())
            });
        }

        $(#[$feature])?
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
                recover_data_data_to(&Sink::<true>::new(), (x.1, y.1), &by, data, (p, q));
            } else {
                recover_data_data_to(&Sink::<false>::new(), (x.1, y.1), &by, data, (p, q));
            }
            let from = tail_of(x.1.len());
            tail::recover_data_data(x, y, data, (p, q), from);
        }

        $(#[$feature])?
        fn recover_data_data_to<const S: bool>(
            sink: &Sink<S>,
            (x, y): (&mut [u8], &mut [u8]),
            (a, b): &(Factor, Factor),
            data: &[Option<&[u8]>],
            (p, q): (&[u8], &[u8]),
        ) {
            walk::<true, true>(x.len(), data, |step, p_sum, q_sum| {
                let both = sum(&p_sum, &load(p, step));
                let weighted = sum(&q_sum, &load(q, step));
                let lost = sum(&product(a, &both), &product(b, &weighted));
                store(sink, x, step, lost);
                store(sink, y, step, sum(&both, &lost));
                Continue(())
            });
        }

        $(#[$feature])?
        fn recover_data_p(
            x: (u8, &mut [u8]),
            p: &mut [u8],
            data: &[Option<&[u8]>],
            q: &[u8],
            stream: bool,
        ) {
            let b = factor(inverse_power(x.0));
            if stream {
                recover_data_p_to(&Sink::<true>::new(), (x.1, p), &b, data, q);
            } else {
                recover_data_p_to(&Sink::<false>::new(), (x.1, p), &b, data, q);
            }
            let from = tail_of(x.1.len());
            tail::recover_data_p(x, p, data, q, from);
        }

        $(#[$feature])?
        fn recover_data_p_to<const S: bool>(
            sink: &Sink<S>,
            (x, p): (&mut [u8], &mut [u8]),
            b: &Factor,
            data: &[Option<&[u8]>],
            q: &[u8],
        ) {
            walk::<true, true>(x.len(), data, |step, p_sum, q_sum| {
                let lost = product(b, &sum(&q_sum, &load(q, step)));
                store(sink, x, step, lost);
                store(sink, p, step, sum(&p_sum, &lost));
                Continue(())
            });
        }

        $(#[$feature])?
        fn recover_data_q(
            x: (u8, &mut [u8]),
            q: &mut [u8],
            data: &[Option<&[u8]>],
            p: &[u8],
            stream: bool,
        ) {
            let c = factor(gf256::pow2(x.0));
            if stream {
                recover_data_q_to(&Sink::<true>::new(), (x.1, q), &c, data, p);
            } else {
                recover_data_q_to(&Sink::<false>::new(), (x.1, q), &c, data, p);
            }
            let from = tail_of(x.1.len());
            tail::recover_data_q(x, q, data, p, from);
        }

        $(#[$feature])?
        fn recover_data_q_to<const S: bool>(
            sink: &Sink<S>,
            (x, q): (&mut [u8], &mut [u8]),
            c: &Factor,
            data: &[Option<&[u8]>],
            p: &[u8],
        ) {
            walk::<true, true>(x.len(), data, |step, p_sum, q_sum| {
                let lost = sum(&p_sum, &load(p, step));
                store(sink, x, step, lost);
                store(sink, q, step, sum(&q_sum, &product(c, &lost)));
                Continue(())
            });
        }
    };
}
pub(super) use kernels;
