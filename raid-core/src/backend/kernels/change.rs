// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernels that change blocks in place: sums and updates.
//!
//! They never store past the cache: what they write was read a moment ago. Where the blocks were
//! before makes no difference: single lines from memory bring nothing (Zen 4: within 1 %).

macro_rules! change_kernels {
    ($(#[$feature:meta])?, #[$inline:meta]) => {
        // ---- the rest of a block ----

        /// All bits of the bytes that are not done yet, of the last `N` registers of blocks of `len` bytes,
        /// if others of their bytes are done and come `AGAIN`.
        #[$inline]
        $(#[$feature])?
        fn fresh<const N: usize, const AGAIN: bool>(len: usize) -> Step<N> {
            let bytes = const { &[[[0; LANES]; N], [[u8::MAX; LANES]; N]] };
            let rest = len.checked_rem(LANES.wrapping_mul(N)).unwrap_or(0);
            match bytes.as_flattened().as_flattened().get(rest..) {
                Some(bytes) if AGAIN => fetch::<N, false>(bytes),
                _ => [zero(); N],
            }
        }

        /// These bytes of a step, and zeros.
        #[$inline]
        $(#[$feature])?
        fn only<const N: usize>(fresh: &Step<N>, value: &Step<N>) -> Step<N> {
            let mut only = *value;
            for (only, fresh) in only.iter_mut().zip(fresh) {
                *only = and(*only, *fresh);
            }
            only
        }

        // ---- exclusive or ----

        $(#[$feature])?
        fn xor_into(dst: &mut [u8], srcs: &[&[u8]], _: Locality) {
            in_place!(dst.len(), xor_into_by(dst, srcs));
        }

        #[$inline]
        $(#[$feature])?
        fn xor_into_by<const N: usize, const REST: bool, const AGAIN: bool>(
            from: usize,
            dst: &mut [u8],
            srcs: &[&[u8]],
        ) -> usize {
            let (sink, fresh) = (Sink::<false>::new(), fresh::<N, AGAIN>(dst.len()));
            for at in Span::steps::<LANES, N, REST, false>(from, dst.len()) {
                let Some(there) = load::<N, REST>(dst, at) else { break };
                let mut all = if AGAIN { [zero(); N] } else { there };
                let mut rest = srcs;
                while let [a, b, others @ ..] = rest {
                    rest = others;
                    let (Some(a), Some(b)) = (load::<N, REST>(a, at), load::<N, REST>(b, at)) else {
                        return usize::MAX;
                    };
                    for ((all, a), b) in all.iter_mut().zip(a).zip(b) {
                        *all = xor3(*all, a, b);
                    }
                }
                if let [last] = rest {
                    let Some(last) = load::<N, REST>(last, at) else { return usize::MAX };
                    all = sum(&all, &last);
                }
                if AGAIN {
                    all = sum(&there, &only(&fresh, &all));
                }
                store::<N, REST, false>(&sink, dst, at, all);
            }
            Span::end_of_steps::<LANES, N, REST, false>(from, dst.len())
        }

        // ---- update ----

        $(#[$feature])?
        fn pq_update(
            p: Option<&mut [u8]>,
            q: Option<&mut [u8]>,
            exponent: u8,
            old: &[u8],
            new: &[u8],
            locality: Locality,
        ) {
            match (p, q) {
                (Some(p), Some(q)) => {
                    let c = factor(gf256::pow2(exponent));
                    in_place!(old.len(), update(p, q, &c, old, new));
                }
                (Some(p), None) => xor_into(p, &[old, new], locality),
                (None, q) => {
                    let change = Change { exponent, old: Some(old), new: Some(new) };
                    pq_update_blocks(None, q, &[change], locality);
                }
            }
        }

        #[$inline]
        $(#[$feature])?
        fn update<const N: usize, const REST: bool, const AGAIN: bool>(
            from: usize,
            p: &mut [u8],
            q: &mut [u8],
            c: &Factor,
            old: &[u8],
            new: &[u8],
        ) -> usize {
            let (sink, fresh) = (Sink::<false>::new(), fresh::<N, AGAIN>(old.len()));
            for at in Span::steps::<LANES, N, REST, false>(from, old.len()) {
                let (Some(before), Some(after)) =
                    (load::<N, REST>(old, at), load::<N, REST>(new, at)) else { break };
                let (Some(p_there), Some(q_there)) =
                    (load::<N, REST>(p, at), load::<N, REST>(q, at)) else { break };
                let mut change = sum(&before, &after);
                if AGAIN {
                    change = only(&fresh, &change);
                }
                store::<N, REST, false>(&sink, p, at, sum(&p_there, &change));
                store::<N, REST, false>(&sink, q, at, sum(&q_there, &product(c, &change)));
            }
            Span::end_of_steps::<LANES, N, REST, false>(from, old.len())
        }

        $(#[$feature])?
        fn pq_update_blocks(
            p: Option<&mut [u8]>,
            q: Option<&mut [u8]>,
            changes: &[Change<'_>],
            _: Locality,
        ) {
            // A parity that is lost has no steps.
            let (p, q) = (p.unwrap_or_default(), q.unwrap_or_default());
            let len = p.len().max(q.len());
            in_place!(len, update_blocks(p, q, changes));
        }

        #[$inline]
        $(#[$feature])?
        fn update_blocks<const N: usize, const REST: bool, const AGAIN: bool>(
            from: usize,
            p: &mut [u8],
            q: &mut [u8],
            changes: &[Change<'_>],
        ) -> usize {
            let len = p.len().max(q.len());
            let (sink, fresh) = (Sink::<false>::new(), fresh::<N, AGAIN>(len));
            for at in Span::steps::<LANES, N, REST, false>(from, len) {
                let (mut p_sum, mut q_sum) = (load::<N, REST>(p, at), load::<N, REST>(q, at));
                for change in changes {
                    let mut delta = [zero(); N];
                    for block in [change.old, change.new].into_iter().flatten() {
                        let Some(block) = load::<N, REST>(block, at) else { return usize::MAX };
                        delta = sum(&delta, &block);
                    }
                    if AGAIN {
                        delta = only(&fresh, &delta);
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
                        store::<N, REST, false>(&sink, parity, at, changed);
                    }
                }
            }
            Span::end_of_steps::<LANES, N, REST, false>(from, len)
        }
    };
}
pub(in crate::backend) use change_kernels;
