// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every backend that this machine can run, for rows in a cache, and for rows in memory where that differs.

use super::{Contender, Proof, Role, Run};
use crate::stripes::Operation;
use crate::stripes::Stripe;
use raid_core::backend::{Backend, Locality};
use raid_core::gf256;

pub(super) fn contenders(operation: Operation) -> Vec<Contender> {
    let mut all = Vec::new();
    for backend in Backend::available() {
        let run = run(backend.with_locality(Locality::Cached), operation);
        all.push(Contender::new(backend.name(), Role::Ours { streaming: false }, run));
        let plain = ["bytes", "words"].contains(&backend.name());
        if !plain {
            let run = run_streaming(backend, operation);
            let name = format!("{}+nt", backend.name());
            all.push(Contender::new(name, Role::Ours { streaming: true }, run));
        }
    }
    if operation == Operation::Generate {
        all.extend(by_element());
    }
    all
}

/// The best kernels with the other numbering of Q: by element, as DDF has it, with P and Q themselves in
/// the middle of the list, where they cost most.
fn by_element() -> [Contender; 2] {
    [Locality::Cached, Locality::Memory].map(|locality| {
        let backend = Backend::detect().with_locality(locality);
        let run = move |row: &mut Stripe<'_>| {
            let row = row.parts();
            backend.pq_generate(row.x, row.y, row.by_element).is_ok()
        };
        let streaming = locality == Locality::Memory;
        let name = format!("{}{} by element", backend.name(), if streaming { "+nt" } else { "" });
        let mut one = Contender::new(name, Role::Ours { streaming }, Box::new(run));
        one.proof = Proof::Own(Box::new(is_by_element));
        one
    })
}

/// Whether P and Q are those of the data by element.
fn is_by_element(row: &mut Stripe<'_>) -> bool {
    let row = row.parts();
    (0..row.x.len()).all(|column| {
        let (mut p, mut q) = (0, 0);
        for (element, block) in (0..).zip(row.by_element) {
            let byte = block.map_or(0, |block| block[column]);
            p ^= byte;
            q ^= gf256::mul(gf256::pow2(element), byte);
        }
        (row.x[column], row.y[column]) == (p, q)
    })
}

fn run_streaming(backend: Backend, operation: Operation) -> Run {
    run(backend.with_locality(Locality::Memory), operation)
}

fn run(backend: Backend, operation: Operation) -> Run {
    match operation {
        Operation::Xor => Box::new(move |row| {
            let row = row.parts();
            backend.p_generate(row.x, row.list).is_ok()
        }),
        Operation::Generate => Box::new(move |row| {
            let row = row.parts();
            backend.pq_generate(row.x, row.y, row.list).is_ok()
        }),
        Operation::Check => Box::new(move |row| {
            let row = row.parts();
            backend.pq_check(row.parity[0], row.parity[1], row.list) == Ok(None)
        }),
        Operation::RecoverDataData => Box::new(move |row| {
            let row = row.parts();
            let [x, y] = row.lost;
            let (p, q) = (row.parity[0], row.parity[1]);
            backend.recover_data_data((x, row.x), (y, row.y), row.list, p, q).is_ok()
        }),
        Operation::RecoverDataP => Box::new(move |row| {
            let row = row.parts();
            backend.recover_data_p((row.lost[0], row.x), row.y, row.list, row.parity[0]).is_ok()
        }),
        Operation::Update => Box::new(move |row| {
            let row = row.parts();
            let (old, new) = (row.sources[0], row.sources[1]);
            backend.pq_update(Some(row.x), Some(row.y), row.lost[0], old, new).is_ok()
        }),
    }
}
