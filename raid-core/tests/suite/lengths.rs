// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every backend × every operation × every length × every misalignment, against arithmetic byte by
//! byte, between guard bytes.
//!
//! Every byte column stands for itself. So one long row is computed byte by byte, and any cut of its
//! blocks has the same cut of its parity. A cut also moves the blocks to another alignment.

use crate::textbook::{Row, mul_by_hand, power_by_hand};
use raid_core::backend::{Backend, Locality};
use raid_core::parity::{Change, Located};
use std::ops::Range;

/// Lengths of which each is tested: more than two of the widest step, and all of them if asked.
fn longest() -> usize {
    match std::env::var_os("RAID_CORE_ALL_LENGTHS") {
        _ if cfg!(miri) => 70,
        Some(_) => 8192,
        None => 1100,
    }
}

/// A block begins at up to that many bytes behind an aligned address.
const MISALIGNMENTS: usize = if cfg!(miri) { 2 } else { 128 };

const GUARD: u8 = 0xa5;
const MARGIN: usize = 128;

/// Miri has no non-temporal stores.
const LOCALITIES: &[Locality] = if cfg!(miri) {
    &[Locality::Cached]
} else {
    &[Locality::Cached, Locality::LastLevel, Locality::Memory]
};

/// A row that was computed byte by byte.
struct Known {
    row: Row,
    p: Vec<u8>,
    q: Vec<u8>,
    /// The exponents of the blocks that are recovered, and change.
    lost: [usize; 2],
}

impl Known {
    fn new(entries: usize) -> Self {
        let row = Row::random(entries, longest() + 2 * MISALIGNMENTS + 64, 7);
        let (p, q) = (row.p(), row.q());
        Self { row, p, q, lost: [entries / 3, entries - 1] }
    }

    fn block(&self, exponent: usize) -> &[u8] {
        self.row.blocks[exponent].as_deref().unwrap()
    }

    /// The data list of a cut, without the blocks that are lost.
    fn list(&self, cut: &Range<usize>, lost: &[usize]) -> Vec<Option<&[u8]>> {
        (0..self.row.blocks.len())
            .map(|exponent| (!lost.contains(&exponent)).then(|| &self.block(exponent)[cut.clone()]))
            .collect()
    }
}

/// Two blocks to write between guard bytes.
struct Outputs {
    memory: [Vec<u8>; 2],
    start: [usize; 2],
    len: usize,
}

impl Outputs {
    /// Blocks of `len` bytes, that far from aligned addresses.
    fn new(skews: [usize; 2], len: usize) -> Self {
        let memory = [(); 2].map(|()| vec![GUARD; len + 4 * MARGIN]);
        let mut start = skews;
        for (start, memory) in start.iter_mut().zip(&memory) {
            *start += memory.as_ptr().align_offset(MARGIN) + MARGIN;
        }
        Self { memory, start, len }
    }

    /// Runs an operation on blocks with these contents and says what it must leave in them.
    fn run(
        &mut self,
        name: &str,
        before: [&[u8]; 2],
        after: [&[u8]; 2],
        operation: impl FnOnce(&mut [u8], &mut [u8]),
    ) {
        let [a, b] = &mut self.memory;
        let blocks = self.start.map(|start| start..start + self.len);
        a[blocks[0].clone()].copy_from_slice(before[0]);
        b[blocks[1].clone()].copy_from_slice(before[1]);
        operation(&mut a[blocks[0].clone()], &mut b[blocks[1].clone()]);
        for ((memory, block), expected) in self.memory.iter_mut().zip(blocks).zip(after) {
            assert!(memory[block.clone()] == *expected, "{name}");
            memory[block].fill(GUARD);
            assert!(memory.iter().all(|byte| *byte == GUARD), "{name} writes outside");
        }
    }
}

/// Holds all operations of a backend against one cut.
fn agrees(backend: Backend, known: &Known, cut: &Range<usize>, skews: [usize; 2]) {
    let name = |operation: &str| {
        format!("{operation} of {backend:?}, bytes {cut:?} of {} blocks", known.row.blocks.len())
    };
    let mut out = Outputs::new(skews, cut.len());
    let (p, q) = (&known.p[cut.clone()], &known.q[cut.clone()]);
    let [x, y] = known.lost;
    let (lost_x, lost_y) = (&known.block(x)[cut.clone()], &known.block(y)[cut.clone()]);
    let [e, f] = known.lost.map(|exponent| u8::try_from(exponent).unwrap());
    let (junk, same) = ([0x3c; 9000], &known.block(0)[cut.clone()]);
    let junk = &junk[..cut.len()];
    let whole = known.list(cut, &[]);
    let (one, two) = (known.list(cut, &[x]), known.list(cut, &[x, y]));

    out.run(&name("p_generate"), [junk, same], [p, same], |a, _| {
        backend.p_generate(a, &whole).unwrap();
    });
    out.run(&name("q_generate"), [same, junk], [same, q], |_, b| {
        backend.q_generate(b, &whole).unwrap();
    });
    out.run(&name("pq_generate"), [junk, junk], [p, q], |a, b| {
        backend.pq_generate(a, b, &whole).unwrap();
    });
    out.run(&name("recover_data"), [junk, same], [lost_x, same], |a, _| {
        backend.recover_data(a, &one, p).unwrap();
    });
    out.run(&name("recover_data_from_q"), [junk, same], [lost_x, same], |a, _| {
        backend.recover_data_from_q((e, a), &one, q).unwrap();
    });
    out.run(&name("recover_data_data"), [junk, junk], [lost_x, lost_y], |a, b| {
        backend.recover_data_data((e, a), (f, b), &two, p, q).unwrap();
    });
    out.run(&name("recover_data_p"), [junk, junk], [lost_x, p], |a, b| {
        backend.recover_data_p((e, a), b, &one, q).unwrap();
    });
    out.run(&name("recover_data_q"), [junk, junk], [lost_x, q], |a, b| {
        backend.recover_data_q((e, a), b, &one, p).unwrap();
    });
    // P of all but x and y, to which both are added.
    let sources: Vec<&[u8]> = two.iter().flatten().copied().collect();
    let both: Vec<u8> = lost_x.iter().zip(lost_y).map(|(x, y)| x ^ y).collect();
    out.run(&name("xor_into"), [&both, same], [p, same], |a, _| {
        backend.xor_into(a, &sources).unwrap();
    });

    // Block x becomes block y, whose bytes are other ones.
    let power = power_by_hand(e);
    let new_p: Vec<u8> = p.iter().zip(&both).map(|(p, change)| p ^ change).collect();
    let times = |change: &u8| mul_by_hand(power, *change);
    let new_q: Vec<u8> = q.iter().zip(&both).map(|(q, change)| q ^ times(change)).collect();
    out.run(&name("pq_update"), [p, q], [&new_p, &new_q], |a, b| {
        backend.pq_update(Some(a), Some(b), e, lost_x, lost_y).unwrap();
    });
    out.run(&name("pq_update of P"), [p, q], [&new_p, q], |a, _| {
        backend.pq_update(Some(a), None, e, lost_x, lost_y).unwrap();
    });
    out.run(&name("pq_update of Q"), [p, q], [p, &new_q], |_, b| {
        backend.pq_update(None, Some(b), e, lost_x, lost_y).unwrap();
    });
    let changes = [
        Change { exponent: e, old: Some(lost_x), new: None },
        Change { exponent: e, old: None, new: Some(lost_y) },
    ];
    out.run(&name("pq_update_blocks"), [p, q], [&new_p, &new_q], |a, b| {
        backend.pq_update_blocks(Some(a), Some(b), &changes).unwrap();
    });

    // The checks see no difference, and the one in the last byte.
    assert_eq!(backend.p_check(p, &whole), Ok(None), "{}", name("p_check"));
    assert_eq!(backend.pq_check(p, q, &whole), Ok(None), "{}", name("pq_check"));
    assert_eq!(backend.locate(p, q, &whole), Ok(Located::Clean), "{}", name("locate"));
    let Some(last) = cut.len().checked_sub(1) else { return };
    let mut wrong = q.to_vec();
    wrong[last] ^= 0x10;
    assert_eq!(backend.pq_check(p, &wrong, &whole), Ok(Some(last)), "{}", name("pq_check"));
    assert_eq!(backend.locate(p, &wrong, &whole), Ok(Located::Q), "{}", name("locate"));
    let mut wrong = p.to_vec();
    wrong[last] ^= 0x01;
    assert_eq!(backend.p_check(&wrong, &whole), Ok(Some(last)), "{}", name("p_check"));
}

/// Every backend wherever it takes the row to be.
fn backends() -> impl Iterator<Item = (Backend, Locality)> {
    Backend::available()
        .flat_map(|one| LOCALITIES.iter().map(move |place| (one.with_locality(*place), *place)))
}

/// A row of few blocks, and one of as many as get the widest steps.
fn rows() -> [Known; 2] {
    [Known::new(3), Known::new(if cfg!(miri) { 4 } else { 13 })]
}

#[test]
fn every_length_is_computed_as_byte_by_byte() {
    let rows = rows();
    for (backend, place) in backends() {
        for known in &rows {
            for len in (0..=longest()).rev().step_by(if cfg!(miri) { 23 } else { 1 }) {
                let skew = len * 7 % MISALIGNMENTS;
                // Results go past the cache where they begin a line.
                let skews = match place {
                    Locality::Cached => [len, len + 1].map(|skew| skew % MISALIGNMENTS),
                    _ => [0, 64],
                };
                agrees(backend, known, &(skew..skew + len), skews);
            }
        }
    }
}

#[test]
fn every_misalignment_is_computed_as_byte_by_byte() {
    // A register, a step and a rest of each instruction set, and lines of which some are whole.
    let lens = [1, 17, 33, 100, 200, 257, 600, 1024, 1091];
    let rows = rows();
    for (backend, _) in backends() {
        for known in &rows {
            for skew in 0..MISALIGNMENTS {
                let len = lens[skew % lens.len()].min(longest());
                let (next, back) = ((skew + 1) % MISALIGNMENTS, MISALIGNMENTS - 1 - skew);
                agrees(backend, known, &(skew..skew + len), [back, next]);
                // Whole steps at every alignment.
                let len = 512.min(longest());
                agrees(backend, known, &(skew..skew + len), [skew, next]);
            }
        }
    }
}
