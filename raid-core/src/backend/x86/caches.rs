// SPDX-License-Identifier: MIT OR Apache-2.0
//! The caches of this CPU, as `cpuid` enumerates them.

use crate::backend::Caches;
use core::arch::x86_64::{__cpuid_count, CpuidResult};

/// Where Intel and where AMD enumerate caches, one a subleaf; both in the same form.
const LEAVES: [u32; 2] = [4, 0x8000_001d];

/// More caches than any CPU has: the list ends before.
const MOST: u32 = 16;

/// What this CPU says; [`Caches::USUAL`] if it does not.
pub(in crate::backend) fn of_this_cpu() -> Caches {
    LEAVES.into_iter().find_map(enumerated).unwrap_or(Caches::USUAL)
}

fn enumerated(leaf: u32) -> Option<Caches> {
    let highest = cpuid(leaf & 0x8000_0000, 0).eax;
    if leaf > highest {
        return None;
    }
    let (mut second, mut last) = (0, 0);
    let all = (0..MOST).map(|subleaf| cpuid(leaf, subleaf)).map_while(level_and_bytes);
    for (level, bytes) in all {
        if level <= 2 {
            second = second.max(bytes);
        }
        last = last.max(bytes);
    }
    (second != 0).then(|| Caches::new(second, last))
}

/// Level and bytes of a cache, no bytes for instructions; `None` past the last one.
fn level_and_bytes(found: CpuidResult) -> Option<(u32, usize)> {
    let (kind, level) = (found.eax & 0x1f, found.eax >> 5 & 7);
    let [ways, partitions, line] = [found.ebx >> 22, found.ebx >> 12 & 0x3ff, found.ebx & 0xfff];
    let product =
        [ways, partitions, line, found.ecx].into_iter().try_fold(1, |bytes: usize, less_one| {
            bytes.checked_mul(usize::try_from(less_one).ok()?.checked_add(1)?)
        });
    match kind {
        0 => None,
        2 => Some((level, 0)),
        _ => Some((level, product.unwrap_or(0))),
    }
}

#[allow(unused_unsafe)] // safe since Rust 1.94
fn cpuid(leaf: u32, subleaf: u32) -> CpuidResult {
    // SAFETY: every CPU of x86-64 has the instruction.
    unsafe { __cpuid_count(leaf, subleaf) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_is_read_as_the_manuals_write_it() {
        let second = CpuidResult { eax: 0x0000_0143, ebx: 0x01c0_003f, ecx: 0x0000_07ff, edx: 2 };
        assert_eq!(level_and_bytes(second), Some((2, 1 << 20)));
        let code = CpuidResult { eax: 0x0000_0122, ..second };
        assert_eq!(level_and_bytes(code), Some((1, 0)));
        let end = CpuidResult { eax: 0, ..second };
        assert_eq!(level_and_bytes(end), None);
    }
}
