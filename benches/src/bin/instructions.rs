// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls one operation of one backend a number of times on a row of 8 blocks of 4 KiB, for a tool that
//! counts instructions: `cargo xtask ci instructions`.
//!
//! ```text
//! instructions BACKEND OPERATION CALLS
//! ```

use raid_benches::blocks;
use raid_core::backend::{Backend, Locality};
use std::hint::black_box;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, operation, calls] = &arguments[..] else {
        eprintln!("usage: instructions BACKEND OPERATION CALLS");
        return ExitCode::from(2);
    };
    let Some(backend) = Backend::available().find(|backend| backend.name() == name) else {
        eprintln!("`{name}` cannot run here");
        return ExitCode::from(3);
    };
    let backend = backend.with_locality(Locality::Cached);
    let blocks = blocks(10, 4096);
    let (mut x, mut y) = (vec![0; 4096], vec![0; 4096]);
    let data: Vec<Option<&[u8]>> = blocks[..8].iter().map(|block| Some(&block[..])).collect();
    let mut lost = data.clone();
    (lost[2], lost[5]) = (None, None);
    let (p, q) = (&blocks[8][..], &blocks[9][..]);
    backend.pq_generate(&mut x, &mut y, &data).expect("a row");
    let sums = (x.clone(), y.clone());
    for _ in 0..calls.parse().unwrap_or(0_u32) {
        let done = match operation.as_str() {
            "xor" => backend.p_generate(&mut x, black_box(&data)),
            "generate" => backend.pq_generate(&mut x, &mut y, black_box(&data)),
            "check" => backend.pq_check(&sums.0, &sums.1, black_box(&data)).map(|_| ()),
            "recover" => {
                backend.recover_data_data((2, &mut x), (5, &mut y), black_box(&lost), p, q)
            }
            "update" => backend.pq_update(Some(&mut x), Some(&mut y), 5, black_box(p), q),
            other => {
                eprintln!("unknown operation `{other}`");
                return ExitCode::from(2);
            }
        };
        done.expect("a row");
        black_box((&mut x, &mut y));
    }
    ExitCode::SUCCESS
}
