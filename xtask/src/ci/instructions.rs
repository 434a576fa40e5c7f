// SPDX-License-Identifier: MIT OR Apache-2.0
//! How many instructions the portable and the AVX2 kernels take: the same number in each run, on any
//! machine, under valgrind. (It knows no AVX-512 and no GFNI.)

use super::shell::{Shell, cargo, target};
use super::{Outcome, Stop};
use std::process::Command;

/// Instructions for a row of 8 blocks of 4 KiB: backend, operation, and how many they were when this
/// was last thought about.
const EXPECTED: [(&str, &str, u64); 10] = [
    ("bytes", "xor", 6366),
    ("bytes", "generate", 20_626),
    ("bytes", "check", 23_711),
    ("bytes", "recover", 51_604),
    ("bytes", "update", 14_621),
    ("avx2", "xor", 1999),
    ("avx2", "generate", 7662),
    ("avx2", "check", 8219),
    ("avx2", "recover", 11_366),
    ("avx2", "update", 1949),
];

/// Percent that another compiler may differ by.
const TOLERANCE: u64 = 5;

pub(crate) fn counts(shell: &mut Shell) -> Outcome {
    if cfg!(not(target_arch = "x86_64")) {
        return Err(Stop::Beyond(String::from("the numbers are those of x86-64")));
    }
    shell.run(&mut cargo("build --release -p raid-benches --bin instructions"))?;
    let mut wrong = Vec::new();
    for (backend, operation, expected) in EXPECTED {
        // What the program does before and after cancels.
        let few = collected(shell, backend, operation, 1)?;
        let many = collected(shell, backend, operation, 11)?;
        let each = many.saturating_sub(few) / 10;
        shell.note(&format!("{backend} {operation}: {each} instructions"));
        if each.abs_diff(expected) * 100 > expected * TOLERANCE {
            wrong.push(format!("{backend} {operation}: {each} instructions, not {expected}"));
        }
    }
    if wrong.is_empty() {
        Ok(format!("{} kernels within {TOLERANCE} %", EXPECTED.len()))
    } else {
        Err(Stop::Failed(wrong.join("; ")))
    }
}

/// Instructions of the whole program.
fn collected(shell: &mut Shell, backend: &str, operation: &str, calls: u32) -> Result<u64, Stop> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.arg(target().join("release/instructions"));
    command.args([backend, operation, &calls.to_string()]);
    let output = shell.run(&mut command)?;
    output
        .lines()
        .find_map(|line| line.split_once("Collected : "))
        .and_then(|(_, count)| count.trim().parse().ok())
        .ok_or_else(|| Stop::Failed(String::from("callgrind printed no count")))
}
