// SPDX-License-Identifier: MIT OR Apache-2.0
//! Other crates. Their plans and tables are made beforehand, as a caller would keep them.

use super::{Contender, Proof, Role, Run};
use crate::stripes::{Operation, Stripe};
use reed_solomon_erasure::galois_8::ReedSolomon;
use reed_solomon_simd::ReedSolomonEncoder;
use rusty_erasure::{Matrix, coder, raid};

pub(super) fn contenders(operation: Operation, disks: usize, len: usize) -> Vec<Contender> {
    let mut all =
        vec![Contender::new("rusty_erasure", Role::Peer, rusty_erasure(operation, disks, len))];
    // Codes of their own: no P and Q that anybody else could read.
    if operation == Operation::Generate {
        let mut erasure =
            Contender::new("reed-solomon-erasure", Role::Peer, reed_solomon_erasure(disks));
        erasure.proof = Proof::Own(reed_solomon_erasure_recovers(disks));
        let mut simd =
            Contender::new("reed-solomon-simd", Role::Peer, reed_solomon_simd(disks, len));
        simd.proof = Proof::Own(reed_solomon_simd_recovers(disks));
        all.extend([erasure, simd]);
    }
    all
}

fn rusty_erasure(operation: Operation, disks: usize, len: usize) -> Run {
    let matrix = Matrix::reed_solomon(disks, 2).expect("a code of RAID-6");
    let coder = coder(matrix).expect("more rows than columns");
    match operation {
        Operation::Xor => Box::new(|row| {
            let row = row.parts();
            raid::xor_gen(row.sources, row.x).is_ok()
        }),
        Operation::Generate => Box::new(|row| {
            let row = row.parts();
            raid::pq_gen(row.sources, row.x, row.y).is_ok()
        }),
        Operation::Check => Box::new(|row| {
            let row = row.parts();
            matches!(raid::pq_check(row.sources, row.parity[0], row.parity[1]), Ok(None))
        }),
        Operation::RecoverDataData | Operation::RecoverDataP => {
            let x = disks / 3;
            let lost_too = match operation {
                Operation::RecoverDataData => disks * 2 / 3,
                _ => disks,
            };
            let present: Vec<bool> =
                (0..disks + 2).map(|entry| entry != x && entry != lost_too).collect();
            let plan = coder.decode_plan(&present, &[x, lost_too]).expect("two are lost");
            let p_lost = operation == Operation::RecoverDataP;
            Box::new(move |row: &mut Stripe<'_>| {
                let row = row.parts();
                let mut shards = [None; 18];
                shards[..disks].copy_from_slice(row.list);
                let (p, q) = if p_lost { (None, 0) } else { (Some(row.parity[0]), 1) };
                shards[disks] = p;
                shards[disks + 1] = Some(row.parity[q]);
                coder.recover_with(&plan, &shards[..disks + 2], &mut [row.x, row.y]).is_ok()
            })
        }
        Operation::Update => {
            let mut change = vec![0; len];
            Box::new(move |row: &mut Stripe<'_>| {
                let row = row.parts();
                let delta = raid::xor_gen(row.sources, &mut change).is_ok();
                let shard = usize::from(row.lost[0]);
                delta && coder.update(shard, &change, &mut [row.x, row.y]).is_ok()
            })
        }
    }
}

fn reed_solomon_erasure(disks: usize) -> Run {
    let code = ReedSolomon::new(disks, 2).expect("a code");
    Box::new(move |row| {
        let row = row.parts();
        code.encode_sep(row.sources, &mut [row.x, row.y]).is_ok()
    })
}

fn reed_solomon_simd(disks: usize, len: usize) -> Run {
    let mut encoder = ReedSolomonEncoder::new(disks, 2, len).expect("a code");
    Box::new(move |row| {
        let row = row.parts();
        for source in row.sources {
            if encoder.add_original_shard(source).is_err() {
                return false;
            }
        }
        let Ok(result) = encoder.encode() else { return false };
        let (Some(x), Some(y)) = (result.recovery(0), result.recovery(1)) else { return false };
        row.x.copy_from_slice(x);
        row.y.copy_from_slice(y);
        true
    })
}

/// Blocks that are taken away to see whether they come back: as many as there are parities.
const LOST: usize = 2;

fn reed_solomon_erasure_recovers(disks: usize) -> Run {
    let code = ReedSolomon::new(disks, 2).expect("a code");
    Box::new(move |row| {
        let row = row.parts();
        let blocks = row.sources.iter().copied().chain([&*row.x, &*row.y]);
        let mut shards: Vec<Option<Vec<u8>>> = blocks.map(|block| Some(block.to_vec())).collect();
        shards[..LOST].fill(None);
        code.reconstruct_data(&mut shards).is_ok()
            && row.sources.iter().zip(&shards).all(|(old, new)| new.as_deref() == Some(*old))
    })
}

fn reed_solomon_simd_recovers(disks: usize) -> Run {
    Box::new(move |row| {
        let row = row.parts();
        let kept = row.sources.iter().enumerate().skip(LOST);
        let parities = [(0, &*row.x), (1, &*row.y)];
        let Ok(restored) = reed_solomon_simd::decode(disks, 2, kept, parities) else {
            return false;
        };
        let back = |(at, old): (usize, &&[u8])| restored.get(&at).is_some_and(|new| new == *old);
        row.sources.iter().enumerate().take(LOST).all(back)
    })
}
