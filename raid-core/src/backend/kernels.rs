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
//! | `PAIRS` | whether two blocks at a time are cheaper than one after the other |
//! | `WHOLE` | whether rows without absent blocks get loops of their own, which need not look for them |
//! | `zero()`, `xor(a, b)`, `xor3(a, b, c)`, `or(a, b)` | bytewise |
//! | `any(a)` | whether a bit is set |
//! | `start(d)`, `horner(q, d)`, `finish(q)` | `d`, `2·q + d` and `q`, in a form of `q` that only these know |
//! | `horner2(q, high, low)` | `horner(horner(q, high), low)` |
//! | `Factor`, `factor(c)`, `scale(f, a)` | `c·a` with `c` constant over the call |
//! | `Sink<STREAM>`, `put(&sink, &mut bytes, a)` | where results go: past the cache if `STREAM` and if it can be done |

macro_rules! kernels {
    ($name:literal, $(#[$feature:meta])?, #[$inline:meta]) => {
        use crate::backend::Ops;
        use crate::backend::row::{Blocks, Row};
        use crate::backend::tail;
        use crate::gf256;
        use crate::parity::{Change, Located, Suspects, inverse_power, two_data_coefficients};
        use core::ops::ControlFlow::{self, Break, Continue};
        use zerocopy::transmute;

        /// Bytes of a step.
        const WIDTH: usize = LANES * VECTORS;

        /// What a step holds of one block.
        type Step = [Vector; VECTORS];

        /// The kernels of this file.
        pub(super) const OPS: Ops = Ops {
            name: $name,
            xor_into,
            p_generate,
            q_generate,
            pq_generate,
            p_check,
            pq_check,
            pq_update,
            pq_update_blocks,
            recover_data,
            recover_data_from_q,
            recover_data_data,
            recover_data_p,
            recover_data_q,
            locate,
        };

        // ---- steps of a block ----

        /// The bytes of the step that begins at `at`.
        #[$inline]
        $(#[$feature])?
        fn step(block: &[u8], at: usize) -> Option<&[u8; WIDTH]> {
            block.get(at..at.wrapping_add(WIDTH))?.try_into().ok()
        }

        /// One step of a block. All blocks of a call are equally long: the step is always there.
        #[$inline]
        $(#[$feature])?
        fn load(block: &[u8], at: usize) -> Option<Step> {
            Some(transmute!(*step(block, at)?))
        }

        #[$inline]
        $(#[$feature])?
        fn store<const STREAM: bool>(
            sink: &Sink<STREAM>,
            block: &mut [u8],
            at: usize,
            value: Step,
        ) {
            let Some(bytes) = block.get_mut(at..at.wrapping_add(WIDTH)) else { return };
            for (bytes, value) in bytes.as_chunks_mut::<LANES>().0.iter_mut().zip(value) {
                put(sink, bytes, value);
            }
        }

        /// Where the steps of a block begin.
        fn steps(len: usize) -> core::iter::StepBy<core::ops::Range<usize>> {
            (0..len.saturating_sub(len % WIDTH)).step_by(WIDTH)
        }

        /// Where what no step has of a block begins, if there is any.
        fn tail_of(len: usize) -> Option<usize> {
            let left = len % WIDTH;
            (left != 0).then_some(len.saturating_sub(left))
        }

        /// The same where P alone is summed.
        fn tail_of_p(len: usize) -> Option<usize> {
            let left = len % (2 * WIDTH);
            (left != 0).then_some(len.saturating_sub(left))
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

        /// Sums P and Q of the data, step by step, and hands the sums to `then`. A P that is not
        /// asked for is zero.
        #[$inline]
        $(#[$feature])?
        fn walk<const P: bool>(
            data: Row<'_>,
            then: impl FnMut(usize, Step, Step) -> ControlFlow<()>,
        ) {
            match data.whole() {
                Some(whole) if WHOLE => walk_by::<P, true>(whole, then),
                _ => walk_by::<P, false>(data.any(), then),
            }
        }

        #[$inline]
        $(#[$feature])?
        fn walk_by<const P: bool, const WHOLE: bool>(
            data: Blocks<'_, WHOLE>,
            mut then: impl FnMut(usize, Step, Step) -> ControlFlow<()>,
        ) {
            for (at, mut column) in data.steps::<WIDTH>() {
                let mut p: Step = transmute!(*column.take_first());
                let mut q = p;
                for q in &mut q {
                    *q = start(*q);
                }
                if PAIRS {
                    while let Some([low, high]) = column.take_two() {
                        let (low, high): (Step, Step) = (transmute!(*low), transmute!(*high));
                        for (((p, q), low), high) in p.iter_mut().zip(&mut q).zip(low).zip(high) {
                            if P {
                                *p = xor3(*p, high, low);
                            }
                            *q = horner2(*q, high, low);
                        }
                    }
                }
                while let Some(block) = column.take_one() {
                    let block: Step = transmute!(*block);
                    for ((p, q), block) in p.iter_mut().zip(&mut q).zip(block) {
                        if P {
                            *p = xor(*p, block);
                        }
                        *q = horner(*q, block);
                    }
                }
                for q in &mut q {
                    *q = finish(*q);
                }
                if then(at, p, q).is_break() {
                    return;
                }
            }
        }

        /// Sums P alone, in steps of twice as many bytes: nothing else needs the registers.
        #[$inline]
        $(#[$feature])?
        fn walk_p(
            data: Row<'_>,
            then: impl FnMut(usize, [Step; 2]) -> ControlFlow<()>,
        ) {
            match data.whole() {
                Some(whole) if WHOLE => walk_p_by(whole, then),
                _ => walk_p_by(data.any(), then),
            }
        }

        #[$inline]
        $(#[$feature])?
        fn walk_p_by<const WHOLE: bool>(
            data: Blocks<'_, WHOLE>,
            mut then: impl FnMut(usize, [Step; 2]) -> ControlFlow<()>,
        ) {
            for (at, mut column) in data.steps::<{ 2 * WIDTH }>() {
                let mut p: [Vector; 2 * VECTORS] = transmute!(*column.take_first());
                while let Some(block) = column.take_one() {
                    let block: [Vector; 2 * VECTORS] = transmute!(*block);
                    for (p, block) in p.iter_mut().zip(block) {
                        *p = xor(*p, block);
                    }
                }
                if then(at, transmute!(p)).is_break() {
                    return;
                }
            }
        }

        // ---- exclusive or ----

        $(#[$feature])?
        fn xor_into(dst: &mut [u8], srcs: &[&[u8]]) {
            let sink = Sink::<false>::new();
            for at in steps(dst.len()) {
                let Some(mut all) = load(dst, at) else { break };
                let mut rest = srcs;
                while let [a, b, others @ ..] = rest {
                    rest = others;
                    let (Some(a), Some(b)) = (load(a, at), load(b, at)) else { return };
                    for ((all, a), b) in all.iter_mut().zip(a).zip(b) {
                        *all = xor3(*all, a, b);
                    }
                }
                if let [last] = rest {
                    let Some(last) = load(last, at) else { return };
                    all = sum(&all, &last);
                }
                store(&sink, dst, at, all);
            }
            if let Some(from) = tail_of(dst.len()) {
                tail::xor_into(dst, srcs, from);
            }
        }

        // ---- generate ----

        $(#[$feature])?
        pub(super) fn p_generate(p: &mut [u8], data: Row<'_>, stream: bool) {
            if stream {
                p_generate_to(&Sink::<true>::new(), p, data);
            } else {
                p_generate_to(&Sink::<false>::new(), p, data);
            }
            if let Some(from) = tail_of_p(p.len()) {
                tail::p_generate(p, data, from);
            }
        }

        $(#[$feature])?
        fn p_generate_to<const S: bool>(sink: &Sink<S>, p: &mut [u8], data: Row<'_>) {
            walk_p(data, |at, [first, second]| {
                store(sink, p, at, first);
                store(sink, p, at.wrapping_add(WIDTH), second);
                Continue(())
            });
        }

        $(#[$feature])?
        fn q_generate(q: &mut [u8], data: Row<'_>, stream: bool) {
            if stream {
                q_generate_to(&Sink::<true>::new(), q, data);
            } else {
                q_generate_to(&Sink::<false>::new(), q, data);
            }
            if let Some(from) = tail_of(q.len()) {
                tail::q_generate(q, data, from);
            }
        }

        $(#[$feature])?
        fn q_generate_to<const S: bool>(sink: &Sink<S>, q: &mut [u8], data: Row<'_>) {
            walk::<false>(data, |at, _, q_sum| {
                store(sink, q, at, q_sum);
                Continue(())
            });
        }

        $(#[$feature])?
        fn pq_generate(p: &mut [u8], q: &mut [u8], data: Row<'_>, stream: bool) {
            if stream {
                pq_generate_to(&Sink::<true>::new(), p, q, data);
            } else {
                pq_generate_to(&Sink::<false>::new(), p, q, data);
            }
            if let Some(from) = tail_of(p.len()) {
                tail::p_generate(p, data, from);
                tail::q_generate(q, data, from);
            }
        }

        $(#[$feature])?
        fn pq_generate_to<const S: bool>(
            sink: &Sink<S>,
            p: &mut [u8],
            q: &mut [u8],
            data: Row<'_>,
        ) {
            walk::<true>(data, |at, p_sum, q_sum| {
                store(sink, p, at, p_sum);
                store(sink, q, at, q_sum);
                Continue(())
            });
        }

        // ---- check ----

        $(#[$feature])?
        fn p_check(p: &[u8], data: Row<'_>) -> Option<usize> {
            let mut found = None;
            walk_p(data, |at, [first, second]| {
                let next = at.wrapping_add(WIDTH);
                let (Some(p), Some(p_next)) = (load(p, at), load(p, next)) else { return Break(()) };
                let (dp, dp_next) = (sum(&first, &p), sum(&second, &p_next));
                if !differ(&dp, &dp_next) {
                    return Continue(());
                }
                let nothing = [zero(); VECTORS];
                found = first_difference(at, dp, nothing)
                    .or_else(|| first_difference(next, dp_next, nothing));
                Break(())
            });
            found.or_else(|| tail::p_check(p, data, tail_of_p(p.len())?))
        }

        $(#[$feature])?
        fn pq_check(p: &[u8], q: &[u8], data: Row<'_>) -> Option<usize> {
            let mut found = None;
            walk::<true>(data, |at, p_sum, q_sum| {
                let (Some(p), Some(q)) = (load(p, at), load(q, at)) else { return Break(()) };
                let (dp, dq) = (sum(&p_sum, &p), sum(&q_sum, &q));
                if !differ(&dp, &dq) {
                    return Continue(());
                }
                found = first_difference(at, dp, dq);
                Break(())
            });
            found.or_else(|| tail::pq_check(p, q, data, tail_of(p.len())?))
        }

        $(#[$feature])?
        fn locate(p: &[u8], q: &[u8], data: Row<'_>) -> Located {
            let mut suspects = Suspects::none();
            walk::<true>(data, |at, p_sum, q_sum| {
                let (Some(p), Some(q)) = (load(p, at), load(q, at)) else { return Break(()) };
                let (dp, dq) = (sum(&p_sum, &p), sum(&q_sum, &q));
                if differ(&dp, &dq) {
                    suspects.columns::<WIDTH>(&transmute!(dp), &transmute!(dq))
                } else {
                    Continue(())
                }
            });
            if let Some(from) = tail_of(p.len()) {
                let _ = tail::locate(&mut suspects, p, q, data, from);
            }
            suspects.verdict(data.blocks())
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
        #[inline(never)]
        $(#[$feature])?
        fn first_difference(at: usize, dp: Step, dq: Step) -> Option<usize> {
            let (dp, dq): ([u8; WIDTH], [u8; WIDTH]) = (transmute!(dp), transmute!(dq));
            let within = dp.iter().zip(&dq).position(|(dp, dq)| *dp | *dq != 0)?;
            at.checked_add(within)
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
            for at in steps(old.len()) {
                let (Some(old), Some(new)) = (load(old, at), load(new, at)) else { break };
                let change = sum(&old, &new);
                if P {
                    let Some(stored) = load(p, at) else { break };
                    store(&sink, p, at, sum(&stored, &change));
                }
                if Q {
                    let Some(stored) = load(q, at) else { break };
                    store(&sink, q, at, sum(&stored, &product(&factor, &change)));
                }
            }
            if let Some(from) = tail_of(old.len()) {
                tail::update(p, 1, old, new, from);
                tail::update(q, c, old, new, from);
            }
        }

        $(#[$feature])?
        fn pq_update_blocks(
            p: Option<&mut [u8]>,
            q: Option<&mut [u8]>,
            changes: &[Change<'_>],
        ) {
            // A parity that is lost has no steps.
            let (p, q) = (p.unwrap_or_default(), q.unwrap_or_default());
            let sink = Sink::<false>::new();
            for at in steps(p.len().max(q.len())) {
                let (mut p_sum, mut q_sum) = (load(p, at), load(q, at));
                for change in changes {
                    let mut delta = [zero(); VECTORS];
                    for block in [change.old, change.new].into_iter().flatten() {
                        let Some(block) = load(block, at) else { return };
                        delta = sum(&delta, &block);
                    }
                    if let Some(p_sum) = &mut p_sum {
                        *p_sum = sum(p_sum, &delta);
                    }
                    if let Some(q_sum) = &mut q_sum {
                        let factor = factor(gf256::pow2(change.exponent));
                        *q_sum = sum(q_sum, &product(&factor, &delta));
                    }
                }
                for (parity, changed) in [(&mut *p, p_sum), (&mut *q, q_sum)] {
                    if let Some(changed) = changed {
                        store(&sink, parity, at, changed);
                    }
                }
            }
            if let Some(from) = tail_of(p.len().max(q.len())) {
                tail::update_blocks(p, |_| 1, changes, from);
                tail::update_blocks(q, |change| gf256::pow2(change.exponent), changes, from);
            }
        }

        // ---- recover ----

        $(#[$feature])?
        pub(super) fn recover_data(x: &mut [u8], data: Row<'_>, p: &[u8], stream: bool) {
            if stream {
                recover_data_to(&Sink::<true>::new(), x, data, p);
            } else {
                recover_data_to(&Sink::<false>::new(), x, data, p);
            }
            if let Some(from) = tail_of_p(x.len()) {
                tail::recover_data(x, data, p, from);
            }
        }

        $(#[$feature])?
        fn recover_data_to<const S: bool>(
            sink: &Sink<S>,
            x: &mut [u8],
            data: Row<'_>,
            p: &[u8],
        ) {
            walk_p(data, |at, [first, second]| {
                let next = at.wrapping_add(WIDTH);
                let (Some(p), Some(p_next)) = (load(p, at), load(p, next)) else { return Break(()) };
                store(sink, x, at, sum(&first, &p));
                store(sink, x, next, sum(&second, &p_next));
                Continue(())
            });
        }

        $(#[$feature])?
        fn recover_data_from_q(
            x: (u8, &mut [u8]),
            data: Row<'_>,
            q: &[u8],
            stream: bool,
        ) {
            let b = factor(inverse_power(x.0));
            if stream {
                recover_data_from_q_to(&Sink::<true>::new(), x.1, &b, data, q);
            } else {
                recover_data_from_q_to(&Sink::<false>::new(), x.1, &b, data, q);
            }
            if let Some(from) = tail_of(x.1.len()) {
                tail::recover_data_from_q(x, data, q, from);
            }
        }

        $(#[$feature])?
        fn recover_data_from_q_to<const S: bool>(
            sink: &Sink<S>,
            x: &mut [u8],
            b: &Factor,
            data: Row<'_>,
            q: &[u8],
        ) {
            walk::<false>(data, |at, _, q_sum| {
                let Some(q) = load(q, at) else { return Break(()) };
                let lost = product(b, &sum(&q_sum, &q));
                store(sink, x, at, lost);
                Continue(())
            });
        }

        $(#[$feature])?
        fn recover_data_data(
            x: (u8, &mut [u8]),
            y: (u8, &mut [u8]),
            data: Row<'_>,
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
            if let Some(from) = tail_of(x.1.len()) {
                tail::recover_data_data(x, y, data, (p, q), from);
            }
        }

        $(#[$feature])?
        fn recover_data_data_to<const S: bool>(
            sink: &Sink<S>,
            (x, y): (&mut [u8], &mut [u8]),
            (a, b): &(Factor, Factor),
            data: Row<'_>,
            (p, q): (&[u8], &[u8]),
        ) {
            walk::<true>(data, |at, p_sum, q_sum| {
                let (Some(p), Some(q)) = (load(p, at), load(q, at)) else { return Break(()) };
                let (both, weighted) = (sum(&p_sum, &p), sum(&q_sum, &q));
                let lost = sum(&product(a, &both), &product(b, &weighted));
                store(sink, x, at, lost);
                store(sink, y, at, sum(&both, &lost));
                Continue(())
            });
        }

        $(#[$feature])?
        fn recover_data_p(
            x: (u8, &mut [u8]),
            p: &mut [u8],
            data: Row<'_>,
            q: &[u8],
            stream: bool,
        ) {
            let b = factor(inverse_power(x.0));
            if stream {
                recover_data_p_to(&Sink::<true>::new(), (x.1, p), &b, data, q);
            } else {
                recover_data_p_to(&Sink::<false>::new(), (x.1, p), &b, data, q);
            }
            if let Some(from) = tail_of(x.1.len()) {
                tail::recover_data_p(x, p, data, q, from);
            }
        }

        $(#[$feature])?
        fn recover_data_p_to<const S: bool>(
            sink: &Sink<S>,
            (x, p): (&mut [u8], &mut [u8]),
            b: &Factor,
            data: Row<'_>,
            q: &[u8],
        ) {
            walk::<true>(data, |at, p_sum, q_sum| {
                let Some(q) = load(q, at) else { return Break(()) };
                let lost = product(b, &sum(&q_sum, &q));
                store(sink, x, at, lost);
                store(sink, p, at, sum(&p_sum, &lost));
                Continue(())
            });
        }

        $(#[$feature])?
        fn recover_data_q(
            x: (u8, &mut [u8]),
            q: &mut [u8],
            data: Row<'_>,
            p: &[u8],
            stream: bool,
        ) {
            let c = factor(gf256::pow2(x.0));
            if stream {
                recover_data_q_to(&Sink::<true>::new(), (x.1, q), &c, data, p);
            } else {
                recover_data_q_to(&Sink::<false>::new(), (x.1, q), &c, data, p);
            }
            if let Some(from) = tail_of(x.1.len()) {
                tail::recover_data_q(x, q, data, p, from);
            }
        }

        $(#[$feature])?
        fn recover_data_q_to<const S: bool>(
            sink: &Sink<S>,
            (x, q): (&mut [u8], &mut [u8]),
            c: &Factor,
            data: Row<'_>,
            p: &[u8],
        ) {
            walk::<true>(data, |at, p_sum, q_sum| {
                let Some(p) = load(p, at) else { return Break(()) };
                let lost = sum(&p_sum, &p);
                store(sink, x, at, lost);
                store(sink, q, at, sum(&q_sum, &product(c, &lost)));
                Continue(())
            });
        }
    };
}
pub(super) use kernels;
