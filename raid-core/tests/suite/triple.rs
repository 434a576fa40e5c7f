// SPDX-License-Identifier: MIT OR Apache-2.0
//! Triple parity against the textbook: every loss of up to three blocks of small rows, sampled to
//! 255 data blocks.

use crate::textbook::Row;
use raid_core::backend::Backend;
use raid_core::parity::{Parity, ParityError, TripleParity};

/// Longer than what is worked on at a time, and no multiple of any register.
const LONG: usize = if cfg!(miri) { 37 } else { 2 * 1024 + 37 };

fn parities(row: &Row) -> [Vec<u8>; 3] {
    [row.p(), row.q(), row.r()]
}

/// Loses blocks, of which those past the data are P, Q and R, and recovers them.
fn assert_recovers(backend: Backend, row: &Row, stored: &[Vec<u8>; 3], lost: &[usize]) {
    let entries = row.blocks.len();
    let mut list = row.list();
    let mut blocks: Vec<(u8, Vec<u8>)> = Vec::new();
    for at in lost.iter().filter(|at| **at < entries) {
        list[*at] = None;
        blocks.push((u8::try_from(*at).unwrap(), vec![0xEE; row.len]));
    }
    let mut computed = [0, 1, 2].map(|_| vec![0xEE; row.len]);
    let mut operands = computed.iter_mut().enumerate().map(|(at, new)| {
        if lost.contains(&(entries + at)) {
            Parity::Wanted(new)
        } else {
            Parity::Given(&stored[at])
        }
    });
    let operands = [(); 3].map(|()| operands.next().unwrap());
    let mut wanted: Vec<(u8, &mut [u8])> =
        blocks.iter_mut().map(|(at, block)| (*at, &mut block[..])).collect();
    TripleParity::new(backend).recover(&mut wanted, &list, operands).unwrap();
    for (at, block) in &blocks {
        let expected = row.blocks[usize::from(*at)].as_ref().unwrap();
        assert!(block == expected, "{backend:?}: data {at} of {lost:?} of {entries}");
    }
    for at in (0..3).filter(|at| lost.contains(&(entries + at))) {
        assert!(computed[at] == stored[at], "{backend:?}: parity {at} of {lost:?} of {entries}");
    }
}

#[test]
fn every_loss_of_up_to_three_blocks_of_small_rows_is_made_up_for() {
    for entries in 1..=if cfg!(miri) { 3 } else { 8 } {
        let row = Row::random(entries, 41, entries as u64);
        let stored = parities(&row);
        let all = entries + 3;
        for backend in Backend::available() {
            for a in 0..all {
                for b in a..all {
                    for c in b..all {
                        let mut lost = vec![a, b, c];
                        lost.dedup();
                        assert_recovers(backend, &row, &stored, &lost);
                    }
                }
            }
        }
    }
}

#[test]
fn rows_of_up_to_255_data_blocks_recover_sampled_losses() {
    for entries in if cfg!(miri) { vec![20] } else { vec![17, 128, 254, 255] } {
        let row = Row::random(entries, 64, 3);
        let stored = parities(&row);
        let marks = [0, 1, entries / 2 - 1, entries / 2, entries - 2, entries - 1];
        let all: Vec<_> = marks.into_iter().chain(entries..entries + 3).collect();
        for (i, a) in all.iter().enumerate() {
            for (j, b) in all.iter().enumerate().skip(i + 1) {
                for c in all.iter().skip(j + 1) {
                    assert_recovers(Backend::detect(), &row, &stored, &[*a, *b, *c]);
                }
            }
        }
    }
}

#[test]
fn every_backend_generates_what_the_textbook_says_at_every_length() {
    for len in [0, 1, 63, 64, 1023, 1024, 1025, LONG].into_iter().filter(|len| *len <= LONG) {
        let mut row = Row::random(11, len, 5);
        row.blocks[4] = None;
        let expected = parities(&row);
        for backend in Backend::available() {
            let triple = TripleParity::new(backend);
            for wanted in 0..8u8 {
                let mut found = [0, 1, 2].map(|_| vec![0xEE; len]);
                let mut each = (0..).zip(found.iter_mut());
                let operands = [(); 3].map(|()| {
                    let (at, block) = each.next().unwrap();
                    (wanted >> at & 1 != 0).then_some(&mut block[..])
                });
                triple.generate(operands, &row.list()).unwrap();
                for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
                    let untouched = vec![0xEE; len];
                    let expected = if wanted >> at & 1 != 0 { expected } else { &untouched };
                    assert!(found == expected, "{backend:?} parity {at} of {len} bytes");
                }
            }
        }
    }
}

#[test]
fn a_check_names_the_first_wrong_byte_whichever_block_it_is_in() {
    let row = Row::random(6, LONG, 9);
    let stored = parities(&row);
    let list = row.list();
    for backend in Backend::available() {
        let triple = TripleParity::new(backend);
        let [p, q, r] = &stored;
        assert_eq!(triple.check([p, q, r], &list), Ok(None));
        for at in [0, 36, LONG / 2, LONG - 1] {
            for parity in 0..3 {
                let mut wrong = stored.clone();
                wrong[parity][at] ^= 0x10;
                let later = LONG - 1;
                wrong[(parity + 1) % 3][later] ^= 1;
                let [p, q, r] = &wrong;
                assert_eq!(triple.check([p, q, r], &list), Ok(Some(at)), "{backend:?}");
            }
            let mut data = row.clone();
            data.blocks[3].as_mut().unwrap()[at] ^= 0x80;
            assert_eq!(triple.check([p, q, r], &data.list()), Ok(Some(at)));
        }
    }
}

#[test]
fn updates_carry_the_change_of_any_block_into_every_parity_at_hand() {
    for entries in [3usize, 255] {
        for exponent in [0, 1, entries - 1] {
            let row = Row::random(entries, 77, 21);
            let mut changed = row.clone();
            changed.blocks[exponent] = Row::random(1, 77, 99).blocks[0].clone();
            let (old, new) = (
                row.blocks[exponent].as_ref().unwrap(),
                changed.blocks[exponent].as_ref().unwrap(),
            );
            for backend in Backend::available() {
                for lost in 0..8u8 {
                    let mut found = parities(&row);
                    let mut each = (0..).zip(found.iter_mut());
                    let operands = [(); 3].map(|()| {
                        let (at, block) = each.next().unwrap();
                        (lost >> at & 1 == 0).then_some(&mut block[..])
                    });
                    let at = u8::try_from(exponent).unwrap();
                    TripleParity::new(backend).update(operands, at, old, new).unwrap();
                    let (before, after) = (parities(&row), parities(&changed));
                    for parity in 0..3 {
                        let kept = lost >> parity & 1 != 0;
                        let expected = if kept { &before[parity] } else { &after[parity] };
                        assert!(found[parity] == *expected, "{backend:?} parity {parity}");
                    }
                }
            }
        }
    }
}

#[test]
fn what_cannot_be_recovered_is_refused_and_changes_nothing() {
    let row = Row::random(4, 64, 1);
    let [p, q, r] = parities(&row);
    let triple = TripleParity::new(Backend::portable());
    let mut list = row.list();
    (list[0], list[1]) = (None, None);
    let (mut x, mut y) = (vec![0xEE; 64], vec![0xEE; 64]);
    let few = triple.recover(
        &mut [(0, &mut x), (1, &mut y)],
        &list,
        [Parity::Given(&p), Parity::Absent, Parity::Absent],
    );
    assert_eq!(few, Err(ParityError::TooFewParities { lost: 2, parities: 1 }));
    assert_eq!(few.unwrap_err().to_string(), "2 lost data blocks, 1 parities to recover them from");
    let all = || [Parity::Given(&p[..]), Parity::Given(&q), Parity::Given(&r)];
    let same = triple.recover(&mut [(0, &mut x), (0, &mut y)], &list, all());
    assert_eq!(same, Err(ParityError::SameBlock { exponent: 0 }));
    let given = triple.recover(&mut [(0, &mut x), (2, &mut y)], &list, all());
    assert_eq!(given, Err(ParityError::NotLost { exponent: 2 }));
    let past = triple.recover(&mut [(0, &mut x), (4, &mut y)], &list, all());
    assert_eq!(past, Err(ParityError::Exponent { found: 4, entries: 4 }));
    let short = triple.recover(&mut [(0, &mut x), (1, &mut y[1..])], &list, all());
    assert_eq!(short, Err(ParityError::Length { expected: 64, found: 63 }));
    let short = triple.recover(
        &mut [(0, &mut x)],
        &list,
        [Parity::Given(&p), Parity::Given(&q[1..]), Parity::Absent],
    );
    assert_eq!(short, Err(ParityError::Length { expected: 64, found: 63 }));
    assert!(x.iter().chain(&y).all(|byte| *byte == 0xEE));

    let long = vec![None; 256];
    let many = triple.generate([Some(&mut x), None, None], &long);
    assert_eq!(many, Err(ParityError::TooManyEntries { found: 256 }));
    assert_eq!(triple.check([&p, &q, &r], &long), Err(ParityError::TooManyEntries { found: 256 }));
    let past = triple.update([Some(&mut x), None, None], 255, &p, &q);
    assert_eq!(past, Err(ParityError::Exponent { found: 255, entries: 255 }));
    assert!(x.iter().all(|byte| *byte == 0xEE));
    // Nothing asked for is nothing done.
    assert_eq!(triple.recover(&mut [], &list, all()), Ok(()));
    assert_eq!(triple.generate([None, None, None], &list), Ok(()));
    let four = triple.recover(
        &mut [(0, &mut [][..]), (1, &mut []), (2, &mut []), (3, &mut [])],
        &[None; 4],
        [Parity::Given(&[]), Parity::Given(&[]), Parity::Given(&[])],
    );
    assert_eq!(four, Err(ParityError::TooFewParities { lost: 4, parities: 3 }));
}
