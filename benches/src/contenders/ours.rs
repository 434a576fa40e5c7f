// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every backend that this machine can run.

use super::{Contender, Proof, Role, Run};
use crate::stripes::Operation;
use crate::stripes::Stripe;
use raid_core::backend::{Backend, Locality};
use raid_core::gf256;

/// Each backend, told where the rows are; and the best one as it is without being told, and as it is
/// wherever rows can be, by which the two are judged.
pub(super) fn contenders(operation: Operation, locality: Locality) -> Vec<Contender> {
    let ours = |name: String, backend| Contender::new(name, Role::Ours, run(backend, operation));
    let mut all: Vec<Contender> = Backend::available()
        .map(|backend| ours(backend.name().into(), backend.with_locality(locality)))
        .collect();
    let best = Backend::detect();
    all.push(ours(format!("{} untold", best.name()), best));
    for (name, other) in [
        ("cached", Locality::Cached),
        ("last level", Locality::LastLevel),
        ("memory", Locality::Memory),
    ] {
        all.push(ours(format!("{} {name}", best.name()), best.with_locality(other)));
    }
    if operation == Operation::Generate {
        all.push(by_element(best.with_locality(locality)));
    }
    all
}

/// The best kernels with the other numbering of Q: by element, as DDF has it, with P and Q themselves in
/// the middle of the list, where they cost most.
fn by_element(backend: Backend) -> Contender {
    let run = move |row: &mut Stripe<'_>| {
        let row = row.parts();
        backend.pq_generate(row.x, row.y, row.by_element).is_ok()
    };
    let mut one =
        Contender::new(format!("{} by element", backend.name()), Role::Ours, Box::new(run));
    one.proof = Proof::Own(Box::new(is_by_element));
    one
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
