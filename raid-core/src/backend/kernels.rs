// SPDX-License-Identifier: MIT OR Apache-2.0
//! The loops of all backends, written once and stamped out for each instruction set.
//!
//! ```text
//!            one step: N registers of every block
//!          |<----->|
//!   D0     |///////|               |   |   walk all blocks at one step, keep the sums of P and Q
//!   D1     |///////|               |   |   in registers, use them; then the next step
//!   D2     |///////|               |   |
//!   P, Q   |=======|               |===|
//!                                  |<->|
//!                                  the rest: a step that ends there, over bytes that are done
//! ```
//!
//! A step is wide where the row is in a cache, and 64 bytes of each block where it comes from
//! memory: there, several lines in a row of one block keep the others waiting (Zen 4, 8 disks of
//! 64 KiB: 12 % for P and Q). Blocks of less than a register go through the same arithmetic, in a
//! register filled in part.
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
//! | `WIDE` | the same for rows of many blocks in a cache near the core |
//! | `LINE` | registers of 64 bytes, the step of rows that come from memory; 0 if the usual step is that small |
//! | `PAIRS` | whether two blocks at a time are cheaper than one after the other |
//! | `PARTS` | whether less than a step goes through a register filled in part even so: it costs no more, or code is to be small |
//! | `WHOLE` | whether rows without absent blocks get loops of their own, which need not look for them |
//! | `zero()`, `xor(a, b)`, `xor3(a, b, c)`, `or(a, b)`, `and(a, b)` | bytewise |
//! | `any(a)` | whether a bit is set |
//! | `start(d)`, `horner(q, d)`, `finish(q)` | `d`, `2·q + d` and `q`, in a form of `q` that only these know |
//! | `horner2(q, high, low)` | `horner(horner(q, high), low)` |
//! | `Factor`, `factor(c)`, `scale(f, a)` | `c·a` with `c` constant over the call |
//! | `Sink<STREAM>`, `put(&sink, &mut bytes, a)` | where results go: past the cache if `STREAM` and if it can be done |
//! | `load_part(bytes)`, `put_part(&mut bytes, a)` | a register from fewer than `LANES` bytes, at least one (if `PARTS`, up to `LANES`), and back, in an order that only these know |

/// Blocks of a row from which on something pays (Zen 4, 4 to 16 blocks).
pub(super) mod from_blocks {
    /// `WIDE` steps in a near cache.
    pub(in crate::backend) const WIDE: usize = 12;
    /// Single lines from memory.
    pub(in crate::backend) const LINES: usize = 6;
    /// The same where P alone is summed.
    pub(in crate::backend) const LINES_OF_P: usize = 12;
    /// Stores past the cache from the last level.
    pub(in crate::backend) const PAST: usize = 6;
    /// The same where P alone is summed.
    pub(in crate::backend) const PAST_OF_P: usize = 4;
}

/// Carries a kernel over blocks of `$len` bytes: over whole steps, as wide as their place asks for, the
/// last one over bytes that are done if there is a rest, and over blocks of less than a register.
///
/// All of a small call, and most of any other, is the usual steps of a row in a cache: those have a
/// function to themselves, and the others another one, for the registers that they save.
macro_rules! by_place {
    // A row with results, one without, and one with results that is never whole, as a block is lost.
    (row $row:ident of $len:expr, $($rest:tt)*) => {
        by_place!($row, !WHOLE, $len, true, $($rest)*)
    };
    (check $row:ident of $len:expr, $($rest:tt)*) => {
        by_place!($row, !WHOLE, $len, false, $($rest)*)
    };
    (lossy $row:ident of $len:expr, $($rest:tt)*) => {
        by_place!($row, true, $len, true, $($rest)*)
    };
    (
        $row:ident, $absent:expr, $len:expr, $stores:literal, $usual:expr,
        $kernel:ident($($argument:expr),*)
    ) => {{
        const P_ALONE: bool = $usual > VECTORS;
        const HALF: usize = $usual / 2;
        const QUARTER: usize = $usual / 4;
        let wide = WIDE > $usual && $row.blocks().len() >= from_blocks::WIDE;
        let usual = LINE != 0 && !wide && $len % (LANES * $usual) == 0;
        if let (true, Some($row)) = (usual, $row.plain($absent)) {
            $kernel::<{ $usual }, false, false>(0, $($argument),*);
        } else {
            apart::<{ LINE != 0 }>(move || {
                let (len, mut from) = ($len, 0);
                let (locality, blocks) = ($row.locality(), $row.blocks().len());
                let lines = locality == Locality::Memory
                    && blocks >= if P_ALONE { from_blocks::LINES_OF_P } else { from_blocks::LINES };
                let past = $stores && match locality {
                    Locality::Memory => true,
                    Locality::LastLevel => {
                        !wide && blocks >= if P_ALONE { from_blocks::PAST_OF_P } else { from_blocks::PAST }
                    }
                    _ => false,
                };
                if LINE != 0 && lines {
                    from = $kernel::<LINE, false, true>(from, $($argument),*);
                } else if LINE != 0 && past && P_ALONE && LANES * $usual > 256 {
                    from = $kernel::<HALF, false, $stores>(from, $($argument),*);
                } else if LINE != 0 && past {
                    from = $kernel::<{ $usual }, false, $stores>(from, $($argument),*);
                } else {
                    if wide {
                        by_place!(steps WIDE, from, len, $kernel($($argument),*));
                    }
                    by_place!(steps $usual, from, len, $kernel($($argument),*));
                }
                if VECTORS != 1 {
                    by_place!(steps HALF, from, len, $kernel($($argument),*));
                }
                if QUARTER > 1 {
                    by_place!(steps QUARTER, from, len, $kernel($($argument),*));
                }
                if VECTORS != 1 || $usual != 1 && !PARTS {
                    by_place!(steps 1, from, len, $kernel($($argument),*));
                }
                if from < len {
                    $kernel::<1, true, false>(from, $($argument),*);
                }
            });
        }
    }};
    // Steps of `$count` registers, if there is one; the last one again over bytes that are done, which
    // become the same ones. None of those is on its way past the cache: see `Span::end_of_steps`.
    (steps $count:tt, $from:ident, $len:expr, $kernel:ident($($argument:expr),*)) => {
        while $len.saturating_sub($from) >= LANES * $count {
            $from = $kernel::<$count, false, false>($from, $($argument),*);
            if $from >= $len {
                break;
            }
            $from = $len.saturating_sub(LANES * $count);
        }
    };
}

/// The same for blocks of `$len` bytes that change in place, each byte once: the last step is over bytes
/// that are done as well, and leaves them as they are.
///
/// Where the blocks were before makes no difference, as they are in the cache by then.
macro_rules! in_place {
    ($len:expr, $kernel:ident($($argument:expr),*)) => {{
        const HALF: usize = VECTORS / 2;
        if LINE != 0 && $len % (LANES * VECTORS) == 0 {
            $kernel::<VECTORS, false, false>(0, $($argument),*);
        } else {
            apart::<{ LINE != 0 }>(move || {
                let (len, mut from) = ($len, 0);
                in_place!(steps VECTORS, from, len, $kernel($($argument),*));
                if VECTORS != 1 {
                    in_place!(steps HALF, from, len, $kernel($($argument),*));
                    in_place!(steps 1, from, len, $kernel($($argument),*));
                }
                if from < len {
                    $kernel::<1, true, false>(from, $($argument),*);
                }
            });
        }
    }};
    (steps $count:tt, $from:ident, $len:expr, $kernel:ident($($argument:expr),*)) => {
        if $len.saturating_sub($from) >= LANES * $count {
            $from = $kernel::<$count, false, false>($from, $($argument),*);
            if !PARTS && $from < $len {
                $from = $kernel::<$count, false, true>($len.saturating_sub(LANES * $count), $($argument),*);
            }
        }
    };
}

/// Runs loops in a function of their own, if they are to be `APART`: small calls would pay for the
/// registers that they save.
#[inline(always)]
pub(super) fn apart<const APART: bool>(run: impl FnOnce()) {
    #[inline(never)]
    fn elsewhere(run: impl FnOnce()) {
        run();
    }
    if APART {
        elsewhere(run);
    } else {
        run();
    }
}

pub(super) use {by_place, in_place};

pub(super) mod change;
pub(super) mod recover;

macro_rules! kernels {
    ($name:literal, $(#[$feature:meta])?, #[$inline:meta]) => {
        use crate::backend::columns;
        use crate::backend::kernels::change::change_kernels;
        use crate::backend::kernels::recover::recover_kernels;
        use crate::backend::kernels::{apart, by_place, from_blocks, in_place};
        use crate::backend::row::{Blocks, Row, Span};
        use crate::backend::{Locality, Ops};
        use crate::gf256;
        use crate::parity::{Change, Located, Suspects, inverse_power, two_data_coefficients};
        use core::ops::ControlFlow::{self, Break, Continue};
        use zerocopy::transmute;

        /// What a step of `N` registers holds of one block.
        type Step<const N: usize> = [Vector; N];

        /// Registers of a step where P alone is summed: nothing else needs them.
        const P_VECTORS: usize = 2 * VECTORS;

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

        /// The registers of these bytes.
        #[$inline]
        $(#[$feature])?
        fn fetch<const N: usize, const REST: bool>(bytes: &[u8]) -> Step<N> {
            let mut step = [zero(); N];
            if REST {
                for vector in &mut step {
                    *vector = load_part(bytes);
                }
            } else {
                for (vector, bytes) in step.iter_mut().zip(bytes.as_chunks::<LANES>().0) {
                    *vector = transmute!(*bytes);
                }
            }
            step
        }

        /// One step of a block. All blocks of a call are equally long: the step is always there.
        #[$inline]
        $(#[$feature])?
        fn load<const N: usize, const REST: bool>(block: &[u8], at: Span) -> Option<Step<N>> {
            Some(fetch::<N, REST>(block.get(at.range())?))
        }

        #[$inline]
        $(#[$feature])?
        fn store<const N: usize, const REST: bool, const STREAM: bool>(
            sink: &Sink<STREAM>,
            block: &mut [u8],
            at: Span,
            value: Step<N>,
        ) {
            let Some(bytes) = block.get_mut(at.range()) else { return };
            if REST {
                for value in value {
                    put_part(bytes, value);
                }
                return;
            }
            // Stores past the cache fill lines: one that they fill in part is read again for the rest.
            let lines = STREAM && bytes.as_ptr().addr() % 64 == 0;
            for (bytes, value) in bytes.as_chunks_mut::<LANES>().0.iter_mut().zip(value) {
                if lines {
                    put(sink, bytes, value);
                } else {
                    put(&Sink::<false>::new(), bytes, value);
                }
            }
        }

        #[$inline]
        $(#[$feature])?
        fn sum<const N: usize>(a: &Step<N>, b: &Step<N>) -> Step<N> {
            let mut sum = *a;
            for (sum, b) in sum.iter_mut().zip(b) {
                *sum = xor(*sum, *b);
            }
            sum
        }

        #[$inline]
        $(#[$feature])?
        fn product<const N: usize>(factor: &Factor, value: &Step<N>) -> Step<N> {
            let mut product = *value;
            for product in &mut product {
                *product = scale(factor, *product);
            }
            product
        }

        // ---- the walk over a row ----

        /// Sums P and Q of the data from byte `from` on, step by step, and hands the sums to `then`.
        /// A P that is not asked for is zero. Returns where the last whole step ends, or `usize::MAX`
        /// if `then` breaks.
        #[$inline]
        $(#[$feature])?
        fn walk<const P: bool, const N: usize, const REST: bool, const STREAM: bool>(
            from: usize,
            len: usize,
            data: Row<'_>,
            then: impl FnMut(Span, Step<N>, Step<N>) -> ControlFlow<()>,
        ) -> usize {
            match data.whole(len) {
                Some(whole) if WHOLE && N >= VECTORS && !REST => walk_by::<P, N, REST, STREAM, true>(from, whole, then),
                _ => walk_by::<P, N, REST, STREAM, false>(from, data.any(len), then),
            }
        }

        #[$inline]
        $(#[$feature])?
        fn walk_by<
            const P: bool,
            const N: usize,
            const REST: bool,
            const STREAM: bool,
            const WHOLE: bool,
        >(
            from: usize,
            data: Blocks<'_, WHOLE>,
            mut then: impl FnMut(Span, Step<N>, Step<N>) -> ControlFlow<()>,
        ) -> usize {
            for (at, mut column) in data.steps::<LANES, N, REST, STREAM>(from) {
                let mut p: Step<N> = fetch::<N, REST>(column.take_first());
                let mut q = p;
                for q in &mut q {
                    *q = start(*q);
                }
                if PAIRS {
                    while let Some([low, high]) = column.take_two() {
                        let (low, high) = (fetch::<N, REST>(low), fetch::<N, REST>(high));
                        for (((p, q), low), high) in p.iter_mut().zip(&mut q).zip(low).zip(high) {
                            if P {
                                *p = xor3(*p, high, low);
                            }
                            *q = horner2(*q, high, low);
                        }
                    }
                }
                while let Some(block) = column.take_one() {
                    let block = fetch::<N, REST>(block);
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
                    return usize::MAX;
                }
            }
            data.end_of_steps::<LANES, N, REST, STREAM>(from)
        }

        /// Sums P alone: absent blocks are passed over.
        #[$inline]
        $(#[$feature])?
        fn walk_p<const N: usize, const REST: bool, const STREAM: bool>(
            from: usize,
            len: usize,
            data: Row<'_>,
            then: impl FnMut(Span, Step<N>) -> ControlFlow<()>,
        ) -> usize {
            match data.whole(len) {
                Some(whole) if WHOLE && N >= VECTORS && !REST => walk_p_by::<N, REST, STREAM, true>(from, whole, then),
                _ => walk_p_by::<N, REST, STREAM, false>(from, data.any(len), then),
            }
        }

        #[$inline]
        $(#[$feature])?
        fn walk_p_by<const N: usize, const REST: bool, const STREAM: bool, const WHOLE: bool>(
            from: usize,
            data: Blocks<'_, WHOLE>,
            mut then: impl FnMut(Span, Step<N>) -> ControlFlow<()>,
        ) -> usize {
            for (at, column) in data.steps::<LANES, N, REST, STREAM>(from) {
                let mut blocks = column.present();
                let mut p = match blocks.next() {
                    Some(first) => fetch::<N, REST>(first),
                    None => [zero(); N],
                };
                for block in blocks {
                    let block = fetch::<N, REST>(block);
                    for (p, block) in p.iter_mut().zip(block) {
                        *p = xor(*p, block);
                    }
                }
                if then(at, p).is_break() {
                    return usize::MAX;
                }
            }
            data.end_of_steps::<LANES, N, REST, STREAM>(from)
        }

        // ---- generate ----

        $(#[$feature])?
        pub(super) fn p_generate(p: &mut [u8], data: Row<'_>) {
            by_place!(row data of p.len(), P_VECTORS, p_generate_by(p, data));
        }

        #[$inline]
        $(#[$feature])?
        fn p_generate_by<const N: usize, const REST: bool, const STREAM: bool>(
            from: usize,
            p: &mut [u8],
            data: Row<'_>,
        ) -> usize {
            let sink = Sink::<STREAM>::new();
            walk_p::<N, REST, STREAM>(from, p.len(), data, |at, sum| {
                store::<N, REST, STREAM>(&sink, p, at, sum);
                Continue(())
            })
        }

        $(#[$feature])?
        fn q_generate(q: &mut [u8], data: Row<'_>) {
            by_place!(row data of q.len(), VECTORS, q_generate_by(q, data));
        }

        #[$inline]
        $(#[$feature])?
        fn q_generate_by<const N: usize, const REST: bool, const STREAM: bool>(
            from: usize,
            q: &mut [u8],
            data: Row<'_>,
        ) -> usize {
            let sink = Sink::<STREAM>::new();
            walk::<false, N, REST, STREAM>(from, q.len(), data, |at, _, q_sum| {
                store::<N, REST, STREAM>(&sink, q, at, q_sum);
                Continue(())
            })
        }

        $(#[$feature])?
        fn pq_generate(p: &mut [u8], q: &mut [u8], data: Row<'_>) {
            by_place!(row data of p.len(), VECTORS, pq_generate_by(p, q, data));
        }

        #[$inline]
        $(#[$feature])?
        fn pq_generate_by<const N: usize, const REST: bool, const STREAM: bool>(
            from: usize,
            p: &mut [u8],
            q: &mut [u8],
            data: Row<'_>,
        ) -> usize {
            let sink = Sink::<STREAM>::new();
            walk::<true, N, REST, STREAM>(from, p.len(), data, |at, p_sum, q_sum| {
                store::<N, REST, STREAM>(&sink, p, at, p_sum);
                store::<N, REST, STREAM>(&sink, q, at, q_sum);
                Continue(())
            })
        }

        // ---- check ----

        $(#[$feature])?
        fn p_check(p: &[u8], data: Row<'_>) -> Option<usize> {
            let mut first = None;
            let found = &mut first;
            by_place!(check data of p.len(), P_VECTORS, p_check_by(p, data, found));
            first
        }

        #[$inline]
        $(#[$feature])?
        fn p_check_by<const N: usize, const REST: bool, const STREAM: bool>(
            from: usize,
            p: &[u8],
            data: Row<'_>,
            found: &mut Option<usize>,
        ) -> usize {
            walk_p::<N, REST, STREAM>(from, p.len(), data, |at, p_sum| {
                let Some(p_there) = load::<N, REST>(p, at) else { return Break(()) };
                let dp = sum(&p_sum, &p_there);
                if !differ(&dp, &dp) {
                    return Continue(());
                }
                *found = if REST {
                    columns::p_check(p, data, at.start())
                } else {
                    first_difference(at.start(), copy(&dp), copy(&dp))
                };
                Break(())
            })
        }

        $(#[$feature])?
        fn pq_check(p: &[u8], q: &[u8], data: Row<'_>) -> Option<usize> {
            let mut first = None;
            let found = &mut first;
            by_place!(check data of p.len(), VECTORS, pq_check_by(p, q, data, found));
            first
        }

        #[$inline]
        $(#[$feature])?
        fn pq_check_by<const N: usize, const REST: bool, const STREAM: bool>(
            from: usize,
            p: &[u8],
            q: &[u8],
            data: Row<'_>,
            found: &mut Option<usize>,
        ) -> usize {
            walk::<true, N, REST, STREAM>(from, p.len(), data, |at, p_sum, q_sum| {
                let (Some(p_there), Some(q_there)) =
                    (load::<N, REST>(p, at), load::<N, REST>(q, at)) else { return Break(()) };
                let (dp, dq) = (sum(&p_sum, &p_there), sum(&q_sum, &q_there));
                if !differ(&dp, &dq) {
                    return Continue(());
                }
                *found = if REST {
                    columns::pq_check(p, q, data, at.start())
                } else {
                    first_difference(at.start(), copy(&dp), copy(&dq))
                };
                Break(())
            })
        }

        $(#[$feature])?
        fn locate(p: &[u8], q: &[u8], data: Row<'_>) -> Located {
            let mut all = Suspects::none();
            let suspects = &mut all;
            by_place!(check data of p.len(), VECTORS, locate_by(p, q, data, suspects));
            all.verdict(data.blocks())
        }

        #[$inline]
        $(#[$feature])?
        fn locate_by<const N: usize, const REST: bool, const STREAM: bool>(
            from: usize,
            p: &[u8],
            q: &[u8],
            data: Row<'_>,
            suspects: &mut Suspects,
        ) -> usize {
            walk::<true, N, REST, STREAM>(from, p.len(), data, |at, p_sum, q_sum| {
                let (Some(p), Some(q)) =
                    (load::<N, REST>(p, at), load::<N, REST>(q, at)) else { return Break(()) };
                let (dp, dq) = (sum(&p_sum, &p), sum(&q_sum, &q));
                if differ(&dp, &dq) {
                    for (dp, dq) in copy(&dp).into_iter().zip(copy(&dq)) {
                        // Columns that a register has twice, or that are none, change no verdict.
                        suspects.columns::<LANES>(&transmute!(dp), &transmute!(dq))?;
                    }
                }
                Continue(())
            })
        }

        /// Whether a stored P or Q differs from the computed one, by their differences.
        #[$inline]
        $(#[$feature])?
        fn differ<const N: usize>(dp: &Step<N>, dq: &Step<N>) -> bool {
            let mut all = zero();
            for (dp, dq) in dp.iter().zip(dq) {
                all = or(all, or(*dp, *dq));
            }
            any(all)
        }

        /// The same in other memory: what functions get that are not inlined, so that loops need not
        /// keep differences in memory in case there are any.
        #[$inline]
        $(#[$feature])?
        fn copy<const N: usize>(value: &Step<N>) -> Step<N> {
            let mut copy = [zero(); N];
            for (copy, value) in copy.iter_mut().zip(value) {
                *copy = *value;
            }
            copy
        }

        #[cold]
        #[inline(never)]
        $(#[$feature])?
        fn first_difference<const N: usize>(
            at: usize,
            dp: Step<N>,
            dq: Step<N>,
        ) -> Option<usize> {
            for (from, (dp, dq)) in (at..).step_by(LANES).zip(dp.into_iter().zip(dq)) {
                let (dp, dq): ([u8; LANES], [u8; LANES]) = (transmute!(dp), transmute!(dq));
                if let Some(within) = dp.iter().zip(&dq).position(|(dp, dq)| *dp | *dq != 0) {
                    return from.checked_add(within);
                }
            }
            None
        }

        change_kernels!($(#[$feature])?, #[$inline]);
        recover_kernels!($(#[$feature])?, #[$inline]);
    };
}
pub(super) use kernels;
