// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the compiler made of the parity kernels: their hot loops contain the vector instructions that
//! were meant, and little else.

use super::shell::{Shell, cargo, target};
use super::toolchain::Need;
use super::{Outcome, Stop};
use rustc_demangle::demangle;
use std::fs;

/// What one loop of one kernel must look like.
struct Hot {
    /// The module of the kernel, and its function.
    kernel: &'static str,
    /// Instructions, each with the registers it must use, and how many there are of it.
    contains: &'static [(&'static str, &'static str, usize)],
    /// Instructions of the whole loop, at most.
    length: usize,
}

const fn hot(
    kernel: &'static str,
    contains: &'static [(&'static str, &'static str, usize)],
    length: usize,
) -> Hot {
    Hot { kernel, contains, length }
}

const X86_64: &[Hot] = &[
    hot("x86::ssse3::pq_generate", &[("pshufb", "xmm", 4), ("paddb", "xmm", 4)], 70),
    hot("x86::ssse3::recover_data_data", &[("pshufb", "xmm", 4)], 70),
    hot("x86::avx2::p_generate", &[("vxorps", "ymm", 8)], 16),
    hot("x86::avx2::pq_generate", &[("vpshufb", "ymm", 4), ("vpaddb", "ymm", 4)], 34),
    hot("x86::avx2::pq_check", &[("vpshufb", "ymm", 4), ("vpaddb", "ymm", 4)], 34),
    hot("x86::avx2::pq_update", &[("vpshufb", "ymm", 8)], 80),
    hot("x86::avx2_gfni::pq_generate", &[("vgf2p8affineqb", "ymm", 4)], 22),
    hot("x86::avx512::p_generate", &[("vpxord", "zmm", 8)], 20),
    hot("x86::avx512::pq_generate", &[("vpshufb", "zmm", 8), ("vpternlogq", "zmm", 12)], 56),
    hot(
        "x86::avx512_gfni::pq_generate",
        &[("vgf2p8affineqb", "zmm", 8), ("vpternlogq", "zmm", 8)],
        40,
    ),
    hot(
        "x86::avx512_gfni::pq_check",
        &[("vgf2p8affineqb", "zmm", 8), ("vpternlogq", "zmm", 8)],
        40,
    ),
    hot(
        "x86::avx512_gfni::recover_data_data",
        &[("vgf2p8affineqb", "zmm", 8), ("vpternlogq", "zmm", 8)],
        40,
    ),
    // What plain Rust is vectorised to.
    hot("portable::bytes::p_generate", &[("pxor", "xmm", 8)], 26),
    hot("portable::bytes::pq_generate", &[("paddb", "xmm", 4), ("pxor", "xmm", 8)], 80),
];

const AARCH64: &[Hot] = &[
    hot("aarch64::neon::p_generate", &[("eor", ".16b", 8)], 60),
    hot("aarch64::neon::pq_generate", &[("cmlt", ".16b", 4), ("eor", ".16b", 8)], 60),
    hot("aarch64::neon::pq_update", &[("tbl", ".16b", 8)], 90),
];

pub(super) const NEEDS: &[Need] =
    &[Need::Target("x86_64-unknown-linux-gnu"), Need::Target("aarch64-unknown-linux-gnu")];

pub(crate) fn loops(shell: &mut Shell) -> Outcome {
    let mut looked = 0;
    for (triple, expected) in
        [("x86_64-unknown-linux-gnu", X86_64), ("aarch64-unknown-linux-gnu", AARCH64)]
    {
        let folder = target().join("kernels");
        shell.run(
            cargo(&format!("rustc --release -p raid-core --lib --features std --target {triple}"))
                .args(["--", "--emit=asm", "-Ccodegen-units=1", "-Cdebuginfo=0"])
                .env("CARGO_TARGET_DIR", &folder),
        )?;
        let assembly = newest_assembly(&folder.join(triple).join("release/deps"))?;
        let mut wrong = Vec::new();
        for hot in expected {
            if let Err(why) = hot.look(&assembly) {
                wrong.push(format!("{triple}: {}: {why}", hot.kernel));
            }
        }
        if !wrong.is_empty() {
            wrong.iter().for_each(|line| shell.note(line));
            return Err(Stop::Failed(wrong.join("; ")));
        }
        looked += expected.len();
    }
    Ok(format!("{looked} loops"))
}

fn newest_assembly(folder: &std::path::Path) -> Result<String, Stop> {
    let failed = |error: std::io::Error| Stop::Failed(format!("{}: {error}", folder.display()));
    let mut newest = None;
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("raid_core") && name.ends_with(".s") {
            let modified = path.metadata().and_then(|data| data.modified()).map_err(failed)?;
            if newest.as_ref().is_none_or(|(when, _)| *when < modified) {
                newest = Some((modified, path));
            }
        }
    }
    let (_, path) = newest.ok_or_else(|| Stop::Failed(String::from("no assembly was written")))?;
    fs::read_to_string(path).map_err(failed)
}

impl Hot {
    fn look(&self, assembly: &str) -> Result<(), String> {
        let bodies = bodies(assembly, self.kernel);
        if bodies.is_empty() {
            return Err(String::from("not in the object"));
        }
        let loops: Vec<_> = bodies.iter().flat_map(|body| innermost_loops(body)).collect();
        let fits = |inner: &&[&str]| {
            inner.len() <= self.length
                && self.contains.iter().all(|(name, registers, count)| {
                    let is = |line: &&&str| {
                        let mut words = line.split_whitespace();
                        words.next() == Some(name) && line.contains(registers)
                    };
                    inner.iter().filter(is).count() >= *count
                })
        };
        if loops.iter().any(|inner| fits(&inner.as_slice())) {
            return Ok(());
        }
        let lengths: Vec<usize> = loops.iter().map(Vec::len).collect();
        Err(format!(
            "no loop of at most {} with {:?}; loops of {lengths:?}",
            self.length, self.contains
        ))
    }
}

/// The lines of a function, instructions and labels: of the kernel, and of what it is made of for each step,
/// whose name ends in `_by`.
fn bodies<'a>(assembly: &'a str, kernel: &str) -> Vec<Vec<&'a str>> {
    let mut lines = assembly.lines();
    let mut bodies = Vec::new();
    let begins = |line: &str| {
        line.strip_suffix(':').is_some_and(|label| {
            let name = format!("{:#}", demangle(label));
            let name = name.strip_prefix("raid_core::backend::").unwrap_or_default();
            name == kernel || name.strip_suffix("_by") == Some(kernel)
        })
    };
    while lines.by_ref().any(begins) {
        let body = lines
            .by_ref()
            .take_while(|line| !line.trim_start().starts_with(".Lfunc_end"))
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#') && !line.starts_with("//"))
            .filter(|line| line.ends_with(':') || !line.starts_with('.'));
        bodies.push(body.collect());
    }
    bodies
}

/// The instructions between a label and a jump back to it, where no other such pair is inside.
fn innermost_loops<'a>(body: &[&'a str]) -> Vec<Vec<&'a str>> {
    let mut loops: Vec<(usize, usize)> = Vec::new();
    for (end, line) in body.iter().enumerate() {
        let Some(to) = line.split_whitespace().last().filter(|word| word.starts_with(".LBB"))
        else {
            continue;
        };
        let is_target = |line: &&str| line.strip_suffix(':') == Some(to);
        if let Some(start) = body[..end].iter().position(is_target) {
            loops.push((start, end));
        }
    }
    let inside = |outer: &(usize, usize)| {
        loops.iter().any(|inner| inner != outer && inner.0 >= outer.0 && inner.1 <= outer.1)
    };
    loops
        .iter()
        .filter(|outer| !inside(outer))
        .map(|(start, end)| {
            body[*start..=*end].iter().copied().filter(|line| !line.ends_with(':')).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASSEMBLY: &str = "\
_ZN9raid_core7backend3x864avx211pq_generate17h0123456789abcdefE:
\t.cfi_startproc
\txorl %eax, %eax
.LBB0_1:
\tmovq (%rdi), %rcx
.LBB0_2:
\tvpxor %ymm0, %ymm1, %ymm0
\tvpxor %xmm2, %xmm1, %xmm2
\tjne .LBB0_2
\tjmp .LBB0_1
.Lfunc_end0:
";

    #[test]
    fn the_inner_loop_is_the_one_that_is_judged() {
        let kernel = "x86::avx2::pq_generate";
        let loops = innermost_loops(&bodies(ASSEMBLY, kernel)[0]);
        assert_eq!(loops.len(), 1);
        assert_eq!(loops[0].len(), 3);
        assert!(hot(kernel, &[("vpxor", "ymm", 1)], 3).look(ASSEMBLY).is_ok());
        assert!(hot(kernel, &[("vpxor", "ymm", 2)], 3).look(ASSEMBLY).is_err());
        assert!(hot(kernel, &[("vpxor", "ymm", 1)], 2).look(ASSEMBLY).is_err());
        assert!(hot(kernel, &[("xorl", "eax", 1)], 9).look(ASSEMBLY).is_err());
        assert!(hot("x86::avx2::p_generate", &[], 9).look(ASSEMBLY).is_err());
    }
}
