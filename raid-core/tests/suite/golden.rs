// SPDX-License-Identifier: MIT OR Apache-2.0
//! Parity that another implementation wrote: see `golden/README.md`.

use raid_core::backend::Backend;
use raid_core::parity::Located;

const STRIPS: &[u8] = include_bytes!("golden/md-ddf-raid6-5d.bin");
const SLOTS: usize = 5;
const LEN: usize = 64;
const ROWS: [usize; 10] = [0, 1, 2, 3, 4, 35, 36, 37, 38, 39];

/// The slots of row `row`, and which of them hold P and Q.
fn row(index: usize) -> ([&'static [u8]; SLOTS], usize, usize) {
    let strips = STRIPS.as_chunks::<LEN>().0;
    let q = SLOTS - 1 - ROWS[index] % SLOTS;
    let p = (q + SLOTS - 1) % SLOTS;
    (std::array::from_fn(|slot| &strips[index * SLOTS + slot][..]), p, q)
}

/// DDF's data list: exponents are slots, P and Q counted.
fn by_slot(slots: [&'static [u8]; SLOTS], p: usize, q: usize) -> [Option<&'static [u8]>; SLOTS] {
    std::array::from_fn(|slot| (slot != p && slot != q).then_some(slots[slot]))
}

#[test]
fn the_extract_is_the_one_described() {
    assert_eq!(STRIPS.len(), ROWS.len() * SLOTS * LEN);
    for (index, number) in ROWS.into_iter().enumerate() {
        let (slots, p, q) = row(index);
        let mut offset = u64::try_from(number * 3 * 32768 + 0x1a40).unwrap();
        for strip in by_slot(slots, p, q).into_iter().flatten() {
            let word = u64::from_le_bytes(strip[..8].try_into().unwrap());
            assert_eq!(word ^ 0x5eed_0900_0000_0000, offset);
            offset += 32768;
        }
    }
}

#[test]
fn p_and_q_of_a_ddf_array_are_those_that_linux_wrote() {
    for index in 0..ROWS.len() {
        let (slots, p, q) = row(index);
        let (mut new_p, mut new_q) = ([0; LEN], [0; LEN]);
        let data = by_slot(slots, p, q);
        for backend in Backend::available() {
            backend.pq_generate(&mut new_p, &mut new_q, &data).unwrap();
            assert_eq!((&new_p[..], &new_q[..]), (slots[p], slots[q]), "{backend:?}");
            assert_eq!(backend.pq_check(slots[p], slots[q], &data), Ok(None));
            assert_eq!(backend.locate(slots[p], slots[q], &data), Ok(Located::Clean));
        }
    }
}

#[test]
fn exponents_counted_by_data_block_are_not_those_of_a_ddf_array() {
    let wrong = (0..ROWS.len()).filter(|index| {
        let (slots, p, q) = row(*index);
        let data: Vec<_> = by_slot(slots, p, q).into_iter().filter(Option::is_some).collect();
        Backend::portable().pq_check(slots[p], slots[q], &data) != Ok(None)
    });
    // Where P and Q are the last two slots, both numberings are the same.
    let same: Vec<_> = (0..ROWS.len()).filter(|index| row(*index).2 == 4).collect();
    assert_eq!(wrong.count(), ROWS.len() - same.len());
}

#[test]
fn lost_disks_of_a_linux_array_come_back() {
    for (index, number) in ROWS.into_iter().enumerate() {
        let (slots, p, q) = row(index);
        let present = by_slot(slots, p, q);
        let data: Vec<usize> = (0..SLOTS).filter(|slot| present[*slot].is_some()).collect();
        for (x, y) in [(data[0], data[1]), (data[0], data[2]), (data[1], data[2])] {
            let mut list = present;
            (list[x], list[y]) = (None, None);
            let (mut out_x, mut out_y) = ([0; LEN], [0; LEN]);
            let exponent = |slot| u8::try_from(slot).unwrap();
            let (lost_x, lost_y) = ((exponent(x), &mut out_x[..]), (exponent(y), &mut out_y[..]));
            Backend::portable()
                .recover_data_data(lost_x, lost_y, &list, slots[p], slots[q])
                .unwrap();
            assert_eq!((&out_x[..], &out_y[..]), (slots[x], slots[y]), "row {number}");
        }
    }
}
