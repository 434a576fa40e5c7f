// SPDX-License-Identifier: MIT OR Apache-2.0
//! ISA-L: its RAID module, and its general erasure code where that module has no answer.

use super::{Contender, Role, Run};
use crate::stripes::{Operation, Stripe};
use raid_core::gf256;
use std::ffi::{c_int, c_uchar};

#[link(name = "isal")]
unsafe extern "C" {
    fn xor_gen(vects: c_int, len: c_int, array: *const *mut u8) -> c_int;
    fn pq_gen(vects: c_int, len: c_int, array: *const *mut u8) -> c_int;
    fn pq_check(vects: c_int, len: c_int, array: *const *mut u8) -> c_int;
    fn ec_init_tables(k: c_int, rows: c_int, a: *const c_uchar, tables: *mut c_uchar);
    fn ec_encode_data(
        len: c_int,
        k: c_int,
        rows: c_int,
        tables: *const c_uchar,
        data: *const *mut u8,
        coding: *const *mut u8,
    );
    fn ec_encode_data_update(
        len: c_int,
        k: c_int,
        rows: c_int,
        vec_i: c_int,
        tables: *const c_uchar,
        data: *const c_uchar,
        coding: *const *mut u8,
    );
}

#[cfg(target_arch = "x86_64")]
#[link(name = "isal")]
unsafe extern "C" {
    fn xor_gen_sse(vects: c_int, len: c_int, array: *const *mut u8) -> c_int;
    fn xor_gen_avx(vects: c_int, len: c_int, array: *const *mut u8) -> c_int;
    fn xor_gen_avx512(vects: c_int, len: c_int, array: *const *mut u8) -> c_int;
    fn pq_gen_sse(vects: c_int, len: c_int, array: *const *mut u8) -> c_int;
    fn pq_gen_avx2(vects: c_int, len: c_int, array: *const *mut u8) -> c_int;
    fn pq_gen_avx512(vects: c_int, len: c_int, array: *const *mut u8) -> c_int;
}

#[cfg(all(target_arch = "x86_64", isal_gfni))]
#[link(name = "isal")]
unsafe extern "C" {
    fn pq_gen_avx2_gfni(vects: c_int, len: c_int, array: *const *mut u8) -> c_int;
    fn pq_gen_avx512_gfni(vects: c_int, len: c_int, array: *const *mut u8) -> c_int;
}

type Whole = unsafe extern "C" fn(c_int, c_int, *const *mut u8) -> c_int;

pub(super) fn contenders(operation: Operation, disks: usize, len: usize) -> Vec<Contender> {
    let mut all = vec![Contender::new("isal", Role::Peer, run(operation, disks, len))];
    // Faster ways than those that its documentation shows.
    match operation {
        Operation::Check => {
            all.push(Contender::new("isal generate + compare", Role::Peer, compare(disks)));
        }
        Operation::Update => {
            all.push(Contender::new("isal in one call", Role::Peer, update_in_one_call()));
        }
        _ => {}
    }
    #[cfg(target_arch = "x86_64")]
    for (isa, present, xor, pq) in variants() {
        let whole = match operation {
            Operation::Xor => xor,
            Operation::Generate => pq,
            _ => continue,
        };
        if present {
            let name = format!("isal-{isa}");
            all.push(Contender::new(name, Role::PeerOf(isa), on_whole_row(whole)));
        }
    }
    all
}

/// Our name of the instruction set, whether it is there, and ISA-L's kernels for it.
#[cfg(target_arch = "x86_64")]
fn variants() -> Vec<(&'static str, bool, Whole, Whole)> {
    use std::arch::is_x86_feature_detected as has;
    let avx512 = has!("avx512f") && has!("avx512bw") && has!("avx512vl");
    vec![
        ("ssse3", true, xor_gen_sse, pq_gen_sse),
        ("avx2", has!("avx2"), xor_gen_avx, pq_gen_avx2),
        ("avx512", avx512, xor_gen_avx512, pq_gen_avx512),
        #[cfg(isal_gfni)]
        ("avx2_gfni", has!("avx2") && has!("gfni"), xor_gen_avx, pq_gen_avx2_gfni),
        #[cfg(isal_gfni)]
        ("avx512_gfni", avx512 && has!("gfni"), xor_gen_avx512, pq_gen_avx512_gfni),
    ]
}

/// All of the row in one array of pointers.
fn on_whole_row(function: Whole) -> Run {
    Box::new(move |row| {
        let pointers = row.pointers();
        // SAFETY: as many pointers as are named, to blocks of as many bytes, all multiples of 32 and
        // aligned to that; the last ones are the row's own to write.
        unsafe { function(int(pointers.len()), int(row.block_len()), pointers.as_ptr()) == 0 }
    })
}

fn int(value: usize) -> c_int {
    c_int::try_from(value).expect("small")
}

fn run(operation: Operation, disks: usize, len: usize) -> Run {
    match operation {
        Operation::Xor => on_whole_row(xor_gen),
        Operation::Generate => on_whole_row(pq_gen),
        Operation::Check => on_whole_row(pq_check),
        Operation::RecoverDataData | Operation::RecoverDataP => recover(operation, disks),
        Operation::Update => update(len),
    }
}

fn tables(k: usize, rows: usize, matrix: &[u8]) -> Vec<u8> {
    let mut tables = vec![0; 32 * k * rows];
    // SAFETY: a matrix of `rows` rows of `k` bytes, and 32 bytes of table for each of them.
    unsafe { ec_init_tables(int(k), int(rows), matrix.as_ptr(), tables.as_mut_ptr()) };
    tables
}

/// Lost blocks as linear combinations of all that is read, with tables made beforehand.
fn recover(operation: Operation, disks: usize) -> Run {
    let (x, y) = (disks / 3, disks * 2 / 3);
    let power = |entry: usize| gf256::pow2(u8::try_from(entry).expect("small"));
    let survivors = |lost: &'static str| {
        let lost_y = lost == "xy";
        (0..disks).filter(move |entry| *entry != x && (!lost_y || *entry != y))
    };
    let mut rows = [Vec::new(), Vec::new()];
    if operation == Operation::RecoverDataData {
        let b = gf256::inverse(power(x) ^ power(y)).expect("different");
        let a = gf256::mul(power(y), b);
        for entry in survivors("xy") {
            let from_x = a ^ gf256::mul(b, power(entry));
            rows[0].push(from_x);
            rows[1].push(from_x ^ 1);
        }
        rows[0].extend([a, b]);
        rows[1].extend([a ^ 1, b]);
    } else {
        let b = gf256::inverse(power(x)).expect("not zero");
        for entry in survivors("x") {
            let from_x = gf256::mul(b, power(entry));
            rows[0].push(from_x);
            rows[1].push(from_x ^ 1);
        }
        rows[0].push(b);
        rows[1].push(b);
    }
    let k = rows[0].len();
    let tables = tables(k, 2, &rows.concat());
    Box::new(move |row: &mut Stripe<'_>| {
        let (read, written) = row.pointers().split_at(k);
        // SAFETY: tables for `k` blocks that are read and two that are written, which are the row's
        // own; all of as many bytes as are named.
        unsafe {
            ec_encode_data(
                int(row.block_len()),
                int(k),
                2,
                tables.as_ptr(),
                read.as_ptr(),
                written.as_ptr(),
            );
        }
        true
    })
}

/// The change of a block in pieces that stay in the cache, then its products added to P and Q.
fn update(len: usize) -> Run {
    const PIECE: usize = 4096;
    #[repr(align(64))]
    struct Aligned([u8; PIECE]);
    let mut change = Box::new(Aligned([0; PIECE]));
    let matrix: Vec<u8> = [1; 8].into_iter().chain((0..8).map(gf256::pow2)).collect();
    let tables = tables(8, 2, &matrix);
    Box::new(move |row: &mut Stripe<'_>| {
        let index = c_int::from(row.lost()[0]);
        for from in (0..len).step_by(PIECE) {
            let piece = PIECE.min(len - from);
            // SAFETY: `from` is inside every block.
            let at = |slot: usize| unsafe { row.pointers()[slot].add(from) };
            let change = change.0.as_mut_ptr();
            let sources = [at(0), at(1), change];
            // SAFETY: two blocks of `piece` bytes into a third one of at least as many.
            unsafe { xor_gen(3, int(piece), sources.as_ptr()) };
            let parity = [at(2), at(3)];
            // SAFETY: tables for eight data blocks and two parities, which are the row's own.
            unsafe {
                ec_encode_data_update(
                    int(piece),
                    8,
                    2,
                    index,
                    tables.as_ptr(),
                    change,
                    parity.as_ptr(),
                );
            }
        }
        true
    })
}

/// P and Q of 4 KiB at a time beside those that are stored, and a comparison.
fn compare(disks: usize) -> Run {
    const PIECE: usize = 4096;
    #[repr(align(64))]
    struct Aligned([u8; 2 * PIECE]);
    let mut sums = Box::new(Aligned([0; 2 * PIECE]));
    let mut pointers = vec![std::ptr::null_mut(); disks + 2];
    Box::new(move |row: &mut Stripe<'_>| {
        let len = row.block_len();
        let mut same = true;
        for from in (0..len).step_by(PIECE) {
            let piece = PIECE.min(len - from);
            for (to, block) in pointers.iter_mut().zip(&row.pointers()[..disks]) {
                // SAFETY: `from` is inside every block.
                *to = unsafe { block.add(from) };
            }
            let (p, q) = sums.0.split_at_mut(PIECE);
            pointers[disks] = p.as_mut_ptr();
            pointers[disks + 1] = q.as_mut_ptr();
            // SAFETY: as many pointers as are named, to as many bytes each; the last two are our own.
            unsafe { pq_gen(int(disks + 2), int(piece), pointers.as_ptr()) };
            let stored = row.parts().parity;
            same &= p[..piece] == stored[0][from..from + piece];
            same &= q[..piece] == stored[1][from..from + piece];
        }
        same
    })
}

/// The new P and Q as two sums over the old block, the new one, P and Q.
fn update_in_one_call() -> Run {
    let mut made = None;
    Box::new(move |row: &mut Stripe<'_>| {
        let power = gf256::pow2(row.lost()[0]);
        let tables: &mut Vec<u8> =
            made.get_or_insert_with(|| tables(4, 2, &[1, 1, 1, 0, power, power, 0, 1]));
        let blocks = row.pointers();
        let written = [blocks[2], blocks[3]];
        // SAFETY: tables for four blocks that are read and two that are written, which are the row's
        // own and read before they are written, register by register.
        unsafe {
            ec_encode_data(
                int(row.block_len()),
                4,
                2,
                tables.as_ptr(),
                blocks.as_ptr(),
                written.as_ptr(),
            );
        }
        true
    })
}
