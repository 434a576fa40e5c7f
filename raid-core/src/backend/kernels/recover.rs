// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernels that recover lost blocks, in one pass over the survivors. Their rows are never whole.

macro_rules! recover_kernels {
    ($(#[$feature:meta])?, #[$inline:meta]) => {
        $(#[$feature])?
        pub(super) fn recover_data(x: &mut [u8], data: Row<'_>, p: &[u8]) {
            by_place!(lossy data of x.len(), P_VECTORS, recover_data_by(x, data, p));
        }

        #[$inline]
        $(#[$feature])?
        fn recover_data_by<const N: usize, const REST: bool, const STREAM: bool>(
            from: usize,
            x: &mut [u8],
            data: Row<'_>,
            p: &[u8],
        ) -> usize {
            let sink = Sink::<STREAM>::new();
            walk_p_by::<N, REST, STREAM, false>(from, data.any(x.len()), |at, p_sum| {
                let Some(p) = load::<N, REST>(p, at) else { return Break(()) };
                store::<N, REST, STREAM>(&sink, x, at, sum(&p_sum, &p));
                Continue(())
            })
        }

        $(#[$feature])?
        fn recover_data_from_q(
            (exponent, x): (u8, &mut [u8]),
            data: Row<'_>,
            q: &[u8],
        ) {
            let b = factor(inverse_power(exponent));
            by_place!(lossy data of x.len(), VECTORS, recover_data_from_q_by(x, &b, data, q));
        }

        #[$inline]
        $(#[$feature])?
        fn recover_data_from_q_by<const N: usize, const REST: bool, const STREAM: bool>(
            from: usize,
            x: &mut [u8],
            b: &Factor,
            data: Row<'_>,
            q: &[u8],
        ) -> usize {
            let sink = Sink::<STREAM>::new();
            walk_by::<false, N, REST, STREAM, false>(from, data.any(x.len()), |at, _, q_sum| {
                let Some(q) = load::<N, REST>(q, at) else { return Break(()) };
                let lost = product(b, &sum(&q_sum, &q));
                store::<N, REST, STREAM>(&sink, x, at, lost);
                Continue(())
            })
        }

        $(#[$feature])?
        fn recover_data_data(
            x: (u8, &mut [u8]),
            y: (u8, &mut [u8]),
            data: Row<'_>,
            p: &[u8],
            q: &[u8],
        ) {
            // Two different exponents always have coefficients.
            let Some((a, b)) = two_data_coefficients(x.0, y.0) else { return };
            let (x, y, by) = (x.1, y.1, (factor(a), factor(b)));
            by_place!(lossy data of x.len(), VECTORS, recover_data_data_by(x, y, &by, data, (p, q)));
        }

        #[$inline]
        $(#[$feature])?
        fn recover_data_data_by<const N: usize, const REST: bool, const STREAM: bool>(
            from: usize,
            x: &mut [u8],
            y: &mut [u8],
            (a, b): &(Factor, Factor),
            data: Row<'_>,
            (p, q): (&[u8], &[u8]),
        ) -> usize {
            let sink = Sink::<STREAM>::new();
            walk_by::<true, N, REST, STREAM, false>(from, data.any(x.len()), |at, p_sum, q_sum| {
                let (Some(p), Some(q)) =
                    (load::<N, REST>(p, at), load::<N, REST>(q, at)) else { return Break(()) };
                let (both, weighted) = (sum(&p_sum, &p), sum(&q_sum, &q));
                let lost = sum(&product(a, &both), &product(b, &weighted));
                store::<N, REST, STREAM>(&sink, x, at, lost);
                store::<N, REST, STREAM>(&sink, y, at, sum(&both, &lost));
                Continue(())
            })
        }

        $(#[$feature])?
        fn recover_data_p(
            (exponent, x): (u8, &mut [u8]),
            p: &mut [u8],
            data: Row<'_>,
            q: &[u8],
        ) {
            let b = factor(inverse_power(exponent));
            by_place!(lossy data of x.len(), VECTORS, recover_data_p_by(x, p, &b, data, q));
        }

        #[$inline]
        $(#[$feature])?
        fn recover_data_p_by<const N: usize, const REST: bool, const STREAM: bool>(
            from: usize,
            x: &mut [u8],
            p: &mut [u8],
            b: &Factor,
            data: Row<'_>,
            q: &[u8],
        ) -> usize {
            let sink = Sink::<STREAM>::new();
            walk_by::<true, N, REST, STREAM, false>(from, data.any(x.len()), |at, p_sum, q_sum| {
                let Some(q) = load::<N, REST>(q, at) else { return Break(()) };
                let lost = product(b, &sum(&q_sum, &q));
                store::<N, REST, STREAM>(&sink, x, at, lost);
                store::<N, REST, STREAM>(&sink, p, at, sum(&p_sum, &lost));
                Continue(())
            })
        }

        $(#[$feature])?
        fn recover_data_q(
            (exponent, x): (u8, &mut [u8]),
            q: &mut [u8],
            data: Row<'_>,
            p: &[u8],
        ) {
            let c = factor(gf256::pow2(exponent));
            by_place!(lossy data of x.len(), VECTORS, recover_data_q_by(x, q, &c, data, p));
        }

        #[$inline]
        $(#[$feature])?
        fn recover_data_q_by<const N: usize, const REST: bool, const STREAM: bool>(
            from: usize,
            x: &mut [u8],
            q: &mut [u8],
            c: &Factor,
            data: Row<'_>,
            p: &[u8],
        ) -> usize {
            let sink = Sink::<STREAM>::new();
            walk_by::<true, N, REST, STREAM, false>(from, data.any(x.len()), |at, p_sum, q_sum| {
                let Some(p) = load::<N, REST>(p, at) else { return Break(()) };
                let lost = sum(&p_sum, &p);
                store::<N, REST, STREAM>(&sink, x, at, lost);
                store::<N, REST, STREAM>(&sink, q, at, sum(&q_sum, &product(c, &lost)));
                Continue(())
            })
        }
    };
}
pub(in crate::backend) use recover_kernels;
