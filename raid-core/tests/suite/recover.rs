// SPDX-License-Identifier: MIT OR Apache-2.0
//! The recovery matrix: what any one or two lost blocks of a row come back as, against a textbook.

use crate::textbook::{self, Row, mul_by_hand};
use proptest::prelude::*;
use raid_core::backend::Backend;
use raid_core::parity::{Change, Located, MAX_ENTRIES, ParityError, locate_column};

const LEN: usize = if cfg!(miri) { 40 } else { 300 };

fn backend() -> Backend {
    Backend::portable()
}

#[test]
fn p_and_q_are_those_of_the_textbook() {
    for entries in 0..=if cfg!(miri) { 4 } else { 12 } {
        let row = Row::random(entries, LEN, 1);
        let (mut p, mut q) = (vec![1; LEN], vec![2; LEN]);
        backend().pq_generate(&mut p, &mut q, &row.list()).unwrap();
        assert_eq!((&p, &q), (&row.p(), &row.q()), "{entries} entries");
        p.fill(3);
        q.fill(4);
        backend().p_generate(&mut p, &row.list()).unwrap();
        backend().q_generate(&mut q, &row.list()).unwrap();
        assert_eq!((p, q), (row.p(), row.q()), "{entries} entries, one at a time");
    }
}

#[test]
fn an_absent_entry_is_a_block_of_zeros() {
    for absent in (0u32..1 << 6).step_by(if cfg!(miri) { 13 } else { 1 }) {
        let mut row = Row::random(6, LEN, 2);
        for entry in (0..6).filter(|entry| absent >> entry & 1 == 1) {
            row.blocks[entry] = None;
        }
        let (mut p, mut q) = (vec![1; LEN], vec![2; LEN]);
        backend().pq_generate(&mut p, &mut q, &row.list()).unwrap();
        assert_eq!((p, q), (row.p(), row.q()), "absent: {absent:#b}");
    }
}

/// All ways to lose up to two of `entries` data blocks, P and Q.
fn recover_every_pair(entries: usize) {
    let row = Row::random(entries, LEN, 3);
    let (p, q) = (row.p(), row.q());
    for x in 0..entries {
        recover_one(&row, x, &p, &q);
        for y in (0..entries).filter(|y| *y != x) {
            recover_two(&row, x, y, &p, &q);
        }
    }
}

fn recover_one(row: &Row, x: usize, p: &[u8], q: &[u8]) {
    let mut lost = row.clone();
    let original = lost.blocks[x].take().unwrap();
    let exponent = u8::try_from(x).unwrap();
    let data = lost.list();
    let (mut out, mut parity) = (vec![7; LEN], vec![8; LEN]);

    backend().recover_data(&mut out, &data, p).unwrap();
    assert_eq!(out, original, "data {x} from P");

    out.fill(7);
    backend().recover_data_from_q((exponent, &mut out), &data, q).unwrap();
    assert_eq!(out, original, "data {x} from Q");

    out.fill(7);
    backend().recover_data_p((exponent, &mut out), &mut parity, &data, q).unwrap();
    assert_eq!((&out, &parity[..]), (&original, p), "data {x} and P");

    out.fill(7);
    backend().recover_data_q((exponent, &mut out), &mut parity, &data, p).unwrap();
    assert_eq!((&out, &parity[..]), (&original, q), "data {x} and Q");
}

fn recover_two(row: &Row, x: usize, y: usize, p: &[u8], q: &[u8]) {
    let mut lost = row.clone();
    let originals = (lost.blocks[x].take().unwrap(), lost.blocks[y].take().unwrap());
    let (mut out_x, mut out_y) = (vec![7; LEN], vec![8; LEN]);
    let (ex, ey) = (u8::try_from(x).unwrap(), u8::try_from(y).unwrap());
    backend().recover_data_data((ex, &mut out_x), (ey, &mut out_y), &lost.list(), p, q).unwrap();
    assert_eq!((out_x, out_y), originals, "data {x} and {y}");
}

#[test]
fn every_pair_of_lost_blocks_comes_back_for_up_to_twelve_disks() {
    for entries in 1..=if cfg!(miri) { 3 } else { 10 } {
        recover_every_pair(entries);
    }
}

#[test]
#[cfg_attr(miri, ignore = "255 blocks take minutes under Miri; narrower rows run")]
fn sampled_pairs_of_lost_blocks_come_back_in_rows_as_wide_as_they_can_be() {
    let mut rng = 12345_usize;
    let mut sample = |below: usize| {
        rng = rng.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (rng >> 33) % below
    };
    for entries in [11, 16, 33, 64, 127, 128, 200, 254, MAX_ENTRIES] {
        let row = Row::random(entries, LEN, 4);
        let (p, q) = (row.p(), row.q());
        let mut pairs = vec![(0, entries - 1), (entries - 1, 0), (1, entries / 2)];
        pairs.extend((0..5).map(|_| (sample(entries), sample(entries))));
        for (x, y) in pairs {
            recover_one(&row, x, &p, &q);
            if x != y {
                recover_two(&row, x, y, &p, &q);
            }
        }
    }
}

#[test]
fn a_change_carried_into_p_and_q_equals_a_new_computation() {
    let mut row = Row::random(9, LEN, 5);
    let (mut p, mut q) = (row.p(), row.q());
    for (step, entry) in [0usize, 8, 3, 3, 7].into_iter().enumerate() {
        let old = row.blocks[entry].clone().unwrap();
        let new =
            Row::random(1, LEN, 100 + u64::try_from(step).unwrap()).blocks[0].clone().unwrap();
        let exponent = u8::try_from(entry).unwrap();
        if step % 2 == 0 {
            backend().pq_update(Some(&mut p), Some(&mut q), exponent, &old, &new).unwrap();
        } else {
            backend().pq_update(Some(&mut p), None, exponent, &old, &new).unwrap();
            backend().pq_update(None, Some(&mut q), exponent, &old, &new).unwrap();
        }
        row.blocks[entry] = Some(new);
        assert_eq!((&p, &q), (&row.p(), &row.q()), "step {step}");
    }
}

#[test]
fn several_changes_carried_into_p_and_q_at_once_equal_a_new_computation() {
    for changed in 0u32..1 << 5 {
        let mut row = Row::random(5, LEN, 15);
        row.blocks[1] = None; // zeros become something
        let (mut p, mut q) = (row.p(), row.q());
        let mut target = Row::random(5, LEN, 16);
        target.blocks[3] = None; // something becomes zeros
        let entries: Vec<usize> = (0..5).filter(|entry| changed >> entry & 1 == 1).collect();
        let change = |entry: &usize| Change {
            exponent: u8::try_from(*entry).unwrap(),
            old: row.blocks[*entry].as_deref(),
            new: target.blocks[*entry].as_deref(),
        };
        let changes: Vec<Change<'_>> = entries.iter().map(change).collect();
        backend().pq_update_blocks(Some(&mut p), Some(&mut q), &changes).unwrap();
        for entry in entries {
            row.blocks[entry] = target.blocks[entry].clone();
        }
        assert_eq!((p, q), (row.p(), row.q()), "{changed:#b}");
    }
}

#[test]
fn several_changes_are_refused_whole() {
    let (good, short) = ([1u8; 16], [1u8; 15]);
    let change = |exponent, old, new| Change { exponent, old, new };
    let fine = change(0, Some(&good[..]), None);
    let b = backend();
    let length = ParityError::Length { expected: 16, found: 15 };
    let uneven = [fine, change(1, None, Some(&short[..]))];
    refused(|p, q| b.pq_update_blocks(Some(p), Some(q), &uneven), length);
    refused(|p, q| b.pq_update_blocks(Some(p), Some(&mut q[1..]), &[fine]), length);
    refused(|p, _| b.pq_update_blocks(Some(p), None, &[change(1, Some(&short), None)]), length);
    refused(
        |p, q| b.pq_update_blocks(Some(p), Some(q), &[fine, change(255, Some(&good), None)]),
        ParityError::Exponent { found: 255, entries: 255 },
    );
    b.pq_update_blocks(None, None, &[fine]).unwrap();
    b.pq_update_blocks(Some(&mut [0; 3]), None, &[]).unwrap();
}

#[test]
fn columns_are_judged_one_by_one() {
    let row = Row::random(6, LEN, 17);
    let (mut p, mut q) = (row.p(), row.q());
    assert_eq!(backend().locate_columns(&p, &q, &row.list()).unwrap().count(), 0);
    let mut bad = row.clone();
    bad.blocks[2].as_mut().unwrap()[1] ^= 7;
    bad.blocks[5].as_mut().unwrap()[LEN - 1] ^= 9;
    p[3] ^= 1;
    q[20] ^= 1;
    // An error that only a block 200 could explain.
    p[30] ^= 1;
    q[30] ^= textbook::power_by_hand(200);
    let found: Vec<_> = backend().locate_columns(&p, &q, &bad.list()).unwrap().collect();
    let expected = [
        (1, Located::Data(2)),
        (3, Located::P),
        (20, Located::Q),
        (30, Located::Several),
        (LEN - 1, Located::Data(5)),
    ];
    assert_eq!(found, expected);
    assert!(backend().locate_columns(&p, &q[1..], &row.list()).is_err());
}

#[test]
fn check_finds_the_first_wrong_byte() {
    let row = Row::random(5, LEN, 6);
    let (p, q) = (row.p(), row.q());
    assert_eq!(backend().pq_check(&p, &q, &row.list()), Ok(None));
    assert_eq!(backend().p_check(&p, &row.list()), Ok(None));
    for at in 0..LEN {
        let mut bad = row.clone();
        bad.blocks[2].as_mut().unwrap()[at..].fill(0);
        let first = (at..LEN).find(|i| row.blocks[2].as_ref().unwrap()[*i] != 0);
        assert_eq!(backend().pq_check(&p, &q, &bad.list()), Ok(first));
        assert_eq!(backend().p_check(&p, &bad.list()), Ok(first));

        let mut bad_q = q.clone();
        bad_q[at] ^= 0x80;
        assert_eq!(backend().pq_check(&p, &bad_q, &row.list()), Ok(Some(at)));
    }
}

#[test]
fn locate_names_the_one_wrong_block() {
    let row = Row::random(14, LEN, 7);
    let (p, q) = (row.p(), row.q());
    assert_eq!(backend().locate(&p, &q, &row.list()), Ok(Located::Clean));
    for entry in 0..14 {
        let mut bad = row.clone();
        let block = bad.blocks[entry].as_mut().unwrap();
        block[LEN - 1] ^= 0xff;
        block[3] ^= 0x01;
        let blamed = Located::Data(u8::try_from(entry).unwrap());
        assert_eq!(backend().locate(&p, &q, &bad.list()), Ok(blamed));
        // A second wrong block in another column: no single block explains both.
        bad.blocks[(entry + 1) % 14].as_mut().unwrap()[9] ^= 0x40;
        assert_eq!(backend().locate(&p, &q, &bad.list()), Ok(Located::Several));
    }
    let (mut bad_p, mut bad_q) = (p.clone(), q.clone());
    bad_p[LEN - 1] ^= 1;
    bad_q[LEN - 2] ^= 1;
    assert_eq!(backend().locate(&bad_p, &q, &row.list()), Ok(Located::P));
    assert_eq!(backend().locate(&p, &bad_q, &row.list()), Ok(Located::Q));
    assert_eq!(backend().locate(&bad_p, &bad_q, &row.list()), Ok(Located::Several));
}

#[test]
fn locate_never_blames_a_block_that_is_not_there() {
    // Seven entries, of which 2 is absent; an error that points to 2, and one that points to 7.
    let mut row = Row::random(7, LEN, 8);
    row.blocks[2] = None;
    for (exponent, error) in [(2, 0x35), (7, 0x35), (254, 1)] {
        let (mut p, mut q) = (row.p(), row.q());
        p[0] ^= error;
        q[0] ^= mul_by_hand(textbook::power_by_hand(exponent), error);
        assert_eq!(locate_column(error, q[0] ^ row.q()[0]), Located::Data(exponent));
        assert_eq!(backend().locate(&p, &q, &row.list()), Ok(Located::Several), "{exponent}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "65536 columns take minutes under Miri, and are plain arithmetic")]
fn every_column_verdict_is_the_textbooks() {
    for dp in 0..=255 {
        for dq in 0..=255 {
            let verdict = match (dp, dq) {
                (0, 0) => Located::Clean,
                (_, 0) => Located::P,
                (0, _) => Located::Q,
                _ => match locate_column(dp, dq) {
                    Located::Data(z) => {
                        assert_eq!(mul_by_hand(textbook::power_by_hand(z), dp), dq);
                        assert!(usize::from(z) < MAX_ENTRIES);
                        continue;
                    }
                    other => other,
                },
            };
            assert_eq!(locate_column(dp, dq), verdict, "{dp:#x} {dq:#x}");
        }
    }
}

#[test]
fn blocks_of_no_bytes_are_fine_everywhere() {
    let data: [Option<&[u8]>; 3] = [Some(&[]), None, Some(&[])];
    let b = backend();
    let e = || -> &'static mut [u8] { &mut [] };
    b.xor_into(e(), &[&[], &[]]).unwrap();
    b.pq_generate(e(), e(), &data).unwrap();
    assert_eq!(b.pq_check(&[], &[], &data), Ok(None));
    assert_eq!(b.locate(&[], &[], &data), Ok(Located::Clean));
    b.pq_update(Some(e()), Some(e()), 2, &[], &[]).unwrap();
    b.recover_data_p((1, e()), e(), &data, &[]).unwrap();
    b.pq_generate(e(), e(), &[]).unwrap();
}

/// A refused call, and whether it left `0x5a` in all its destinations.
fn refused(call: impl Fn(&mut [u8], &mut [u8]) -> Result<(), ParityError>, error: ParityError) {
    let (mut a, mut b) = ([0x5a; 16], [0x5a; 16]);
    assert_eq!(call(&mut a, &mut b), Err(error));
    assert_eq!((a, b), ([0x5a; 16], [0x5a; 16]), "{error}");
}

#[test]
fn a_refused_call_says_why_and_changes_nothing() {
    let (good, short) = ([1u8; 16], [1u8; 15]);
    let (good, short): (&[u8], &[u8]) = (&good, &short);
    let length = ParityError::Length { expected: 16, found: 15 };
    let fine = [Some(good), None, None];
    let uneven = [Some(good), None, Some(short)];
    let many = [None; 256];
    let too_many = ParityError::TooManyEntries { found: 256 };
    let b = backend();

    refused(|x, _| b.xor_into(x, &[good, short]), length);
    refused(|p, _| b.p_generate(p, &uneven), length);
    refused(|p, _| b.p_generate(p, &many), too_many);
    refused(|q, _| b.q_generate(q, &uneven), length);
    refused(|p, q| b.pq_generate(p, q, &uneven), length);
    refused(|p, q| b.pq_generate(p, &mut q[..15], &fine), length);
    refused(|p, q| b.pq_generate(p, q, &many), too_many);
    refused(|p, q| b.pq_update(Some(p), Some(q), 1, good, short), length);
    refused(|p, q| b.pq_update(Some(p), Some(&mut q[1..]), 1, good, good), length);
    refused(
        |p, q| b.pq_update(Some(&mut p[1..]), Some(q), 1, short, short),
        ParityError::Length { expected: 15, found: 16 },
    );
    refused(
        |p, q| b.pq_update(Some(p), Some(q), 255, good, good),
        ParityError::Exponent { found: 255, entries: 255 },
    );
    refused(|x, _| b.recover_data(x, &fine, short), length);
    refused(|x, _| b.recover_data(x, &uneven, good), length);

    let present = ParityError::NotLost { exponent: 0 };
    let outside = ParityError::Exponent { found: 3, entries: 3 };
    for (exponent, error) in [(0, present), (3, outside)] {
        refused(|x, _| b.recover_data_from_q((exponent, x), &fine, good), error);
        refused(|x, p| b.recover_data_p((exponent, x), p, &fine, good), error);
        refused(|x, q| b.recover_data_q((exponent, x), q, &fine, good), error);
        refused(|x, y| b.recover_data_data((exponent, x), (1, y), &fine, good, good), error);
        refused(|x, y| b.recover_data_data((1, x), (exponent, y), &fine, good, good), error);
    }
    refused(|x, _| b.recover_data_from_q((1, x), &fine, short), length);
    refused(|x, _| b.recover_data_from_q((1, x), &uneven, good), length);
    refused(|x, p| b.recover_data_p((1, x), p, &uneven, good), length);
    refused(|x, p| b.recover_data_p((1, x), p, &fine, short), length);
    refused(|x, p| b.recover_data_p((1, x), &mut p[1..], &fine, good), length);
    refused(|x, q| b.recover_data_q((1, x), q, &uneven, good), length);
    refused(|x, q| b.recover_data_q((1, x), q, &fine, short), length);
    refused(|x, q| b.recover_data_q((1, x), &mut q[1..], &fine, good), length);
    let uneven = [Some(good), None, None, Some(short)];
    refused(|x, y| b.recover_data_data((1, x), (2, y), &uneven, good, good), length);
    refused(|x, y| b.recover_data_data((1, x), (2, y), &fine, short, good), length);
    refused(|x, y| b.recover_data_data((1, x), (2, y), &fine, good, short), length);
    refused(|x, y| b.recover_data_data((1, x), (2, &mut y[1..]), &fine, good, good), length);
    refused(
        |x, y| b.recover_data_data((1, x), (1, y), &fine, good, good),
        ParityError::SameBlock { exponent: 1 },
    );

    assert_eq!(b.p_check(short, &fine), Err(ParityError::Length { expected: 15, found: 16 }));
    assert_eq!(b.pq_check(good, short, &fine), Err(length));
    assert_eq!(b.pq_check(good, good, &many), Err(too_many));
    assert_eq!(b.locate(good, short, &fine), Err(length));
    assert_eq!(b.locate(good, good, &uneven), Err(length));
}

#[test]
fn errors_say_what_was_found_and_what_was_expected() {
    let text = |error: ParityError| error.to_string();
    assert_eq!(
        text(ParityError::Length { expected: 512, found: 510 }),
        "block of 510 bytes in a row of blocks of 512 bytes"
    );
    assert_eq!(
        text(ParityError::TooManyEntries { found: 300 }),
        "data list of 300 entries, at most 255 can be told apart"
    );
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 200 },
        failure_persistence: None, // no file system under Miri
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_two_lost_blocks_of_a_row_with_holes_come_back(
        entries in 2usize..if cfg!(miri) { 6 } else { 40 },
        holes in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        lost in any::<[prop::sample::Index; 2]>(),
        seed in any::<u64>(),
    ) {
        let mut row = Row::random(entries, LEN, seed);
        for hole in holes {
            row.blocks[hole.index(entries)] = Some(vec![0; LEN]);
        }
        let (x, y) = (lost[0].index(entries), lost[1].index(entries));
        let (p, q) = (row.p(), row.q());
        recover_one(&row, x, &p, &q);
        if x != y {
            recover_two(&row, x, y, &p, &q);
        }
    }

    #[test]
    fn one_wrong_block_is_always_located(
        entries in 1usize..if cfg!(miri) { 6 } else { 60 },
        entry in any::<prop::sample::Index>(),
        wrong in prop::collection::vec((0..LEN, 1u8..), 1..20),
        seed in any::<u64>(),
    ) {
        let row = Row::random(entries, LEN, seed);
        let (p, q) = (row.p(), row.q());
        let entry = entry.index(entries);
        let mut bad = row.clone();
        for (at, error) in wrong {
            // Set, not XORed: two errors in one column must not cancel.
            bad.blocks[entry].as_mut().unwrap()[at] = row.blocks[entry].as_ref().unwrap()[at] ^ error;
        }
        let blamed = Located::Data(u8::try_from(entry).unwrap());
        prop_assert_eq!(backend().locate(&p, &q, &bad.list()).unwrap(), blamed);
    }
}
