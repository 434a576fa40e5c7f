// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one core can do at most, measured beside the race: loads from the first level, and the arithmetic
//! of the kernels on registers alone, without loads and stores.
//!
//! | name | does |
//! |---|---|
//! | `load 256`, `load 512` | nothing but loads of that many bits |
//! | `xor 256`, `xor 512` | the XOR of blocks, two at a time in 512 bits |
//! | the name of a backend | its sums of P and Q |

use serde_json::{Map, Value};

/// Gigabytes of blocks per second of everything that this machine can do.
#[must_use]
pub fn measure() -> Map<String, Value> {
    #[cfg(target_arch = "x86_64")]
    return x86::measure();
    #[cfg(not(target_arch = "x86_64"))]
    Map::new()
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use crate::paired::median;
    use serde_json::{Map, Value, json};
    use std::arch::{asm, is_x86_feature_detected as has};
    use std::time::Instant;

    /// Turns of a loop in one repetition.
    const TURNS: u32 = 20_000;
    const REPETITIONS: usize = 31;

    /// No load crosses a line.
    #[repr(align(64))]
    struct Aligned([u8; 1024]);

    /// A loop, and the bytes of blocks that one turn of it is about.
    type Probe = (&'static str, bool, unsafe fn(u32, &Aligned), u32);

    macro_rules! turns {
        ($(#[$about:meta])* $name:ident: $($line:expr),+ $(,)?) => {
            $(#[$about])*
            ///
            /// # Safety
            ///
            /// - The CPU has the instructions.
            unsafe fn $name(turns: u32, bytes: &Aligned) {
                // SAFETY: reads inside `bytes`, and changes no registers but those named.
                unsafe {
                    asm!(
                        "/* {p} */", "2:", $($line,)+ "dec {turns:e}", "jnz 2b", "vzeroupper",
                        turns = inout(reg) turns => _,
                        p = in(reg) bytes.0.as_ptr(),
                        out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
                        out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
                        out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                        out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
                        options(nostack, readonly),
                    );
                }
            }
        };
    }

    /// Sums of P and Q in one register of each, `$t` to spare; a block in register 14, constants in 15.
    macro_rules! ssse3 {
        ($p:literal, $q:literal, $t:literal) => {
            concat!(
                "movdqa xmm",
                $t,
                ", xmm15\n pshufb xmm",
                $t,
                ", xmm",
                $q,
                "\n paddb xmm",
                $q,
                ", xmm",
                $q,
                "\n pxor xmm",
                $q,
                ", xmm",
                $t,
                "\n pxor xmm",
                $q,
                ", xmm14\n pxor xmm",
                $p,
                ", xmm14"
            )
        };
    }
    macro_rules! avx2 {
        ($p:literal, $q:literal, $t:literal) => {
            concat!(
                "vpaddb ymm",
                $t,
                ", ymm",
                $q,
                ", ymm",
                $q,
                "\n vpshufb ymm",
                $q,
                ", ymm15, ymm",
                $q,
                "\n vpxor ymm",
                $q,
                ", ymm",
                $q,
                ", ymm",
                $t,
                "\n vpxor ymm",
                $q,
                ", ymm",
                $q,
                ", ymm14\n vpxor ymm",
                $p,
                ", ymm",
                $p,
                ", ymm14"
            )
        };
    }
    macro_rules! avx2_gfni {
        ($p:literal, $q:literal) => {
            concat!(
                "vgf2p8affineqb ymm",
                $q,
                ", ymm",
                $q,
                ", ymm15, 0\n vpxor ymm",
                $q,
                ", ymm",
                $q,
                ", ymm14\n vpxor ymm",
                $p,
                ", ymm",
                $p,
                ", ymm14"
            )
        };
    }
    macro_rules! avx512 {
        ($p:literal, $q:literal, $t:literal) => {
            concat!(
                "vpternlogq zmm",
                $p,
                ", zmm14, zmm13, 0x96\n",
                "vpaddb zmm",
                $t,
                ", zmm",
                $q,
                ", zmm",
                $q,
                "\n vpshufb zmm",
                $q,
                ", zmm15, zmm",
                $q,
                "\n vpternlogq zmm",
                $q,
                ", zmm",
                $t,
                ", zmm14, 0x96\n",
                "vpaddb zmm",
                $t,
                ", zmm",
                $q,
                ", zmm",
                $q,
                "\n vpshufb zmm",
                $q,
                ", zmm15, zmm",
                $q,
                "\n vpternlogq zmm",
                $q,
                ", zmm",
                $t,
                ", zmm13, 0x96"
            )
        };
    }
    macro_rules! avx512_gfni {
        ($p:literal, $q:literal, $t:literal) => {
            concat!(
                "vpternlogq zmm",
                $p,
                ", zmm14, zmm13, 0x96\n",
                "vgf2p8affineqb zmm",
                $t,
                ", zmm",
                $q,
                ", zmm15, 0\n vgf2p8affineqb zmm",
                $q,
                ", zmm14, zmm12, 0\n vpternlogq zmm",
                $q,
                ", zmm",
                $t,
                ", zmm13, 0x96"
            )
        };
    }

    turns!(
        /// Sixteen loads of 32 bytes.
        load_256:
        "vmovdqu ymm0, [{p}]", "vmovdqu ymm1, [{p} + 32]", "vmovdqu ymm2, [{p} + 64]",
        "vmovdqu ymm3, [{p} + 96]", "vmovdqu ymm4, [{p} + 128]", "vmovdqu ymm5, [{p} + 160]",
        "vmovdqu ymm6, [{p} + 192]", "vmovdqu ymm7, [{p} + 224]", "vmovdqu ymm8, [{p} + 256]",
        "vmovdqu ymm9, [{p} + 288]", "vmovdqu ymm10, [{p} + 320]", "vmovdqu ymm11, [{p} + 352]",
        "vmovdqu ymm12, [{p} + 384]", "vmovdqu ymm13, [{p} + 416]", "vmovdqu ymm14, [{p} + 448]",
        "vmovdqu ymm15, [{p} + 480]",
    );
    turns!(
        /// Sixteen loads of 64 bytes.
        load_512:
        "vmovdqu64 zmm0, [{p}]", "vmovdqu64 zmm1, [{p} + 64]", "vmovdqu64 zmm2, [{p} + 128]",
        "vmovdqu64 zmm3, [{p} + 192]", "vmovdqu64 zmm4, [{p} + 256]", "vmovdqu64 zmm5, [{p} + 320]",
        "vmovdqu64 zmm6, [{p} + 384]", "vmovdqu64 zmm7, [{p} + 448]", "vmovdqu64 zmm8, [{p} + 512]",
        "vmovdqu64 zmm9, [{p} + 576]", "vmovdqu64 zmm10, [{p} + 640]",
        "vmovdqu64 zmm11, [{p} + 704]", "vmovdqu64 zmm12, [{p} + 768]",
        "vmovdqu64 zmm13, [{p} + 832]", "vmovdqu64 zmm14, [{p} + 896]",
        "vmovdqu64 zmm15, [{p} + 960]",
    );
    turns!(
        /// One block into eight registers.
        xor_256:
        "vpxor ymm0, ymm0, ymm15", "vpxor ymm1, ymm1, ymm15", "vpxor ymm2, ymm2, ymm15",
        "vpxor ymm3, ymm3, ymm15", "vpxor ymm4, ymm4, ymm15", "vpxor ymm5, ymm5, ymm15",
        "vpxor ymm6, ymm6, ymm15", "vpxor ymm7, ymm7, ymm15",
    );
    turns!(
        /// Two blocks into eight registers.
        xor_512:
        "vpternlogq zmm0, zmm14, zmm15, 0x96", "vpternlogq zmm1, zmm14, zmm15, 0x96",
        "vpternlogq zmm2, zmm14, zmm15, 0x96", "vpternlogq zmm3, zmm14, zmm15, 0x96",
        "vpternlogq zmm4, zmm14, zmm15, 0x96", "vpternlogq zmm5, zmm14, zmm15, 0x96",
        "vpternlogq zmm6, zmm14, zmm15, 0x96", "vpternlogq zmm7, zmm14, zmm15, 0x96",
    );
    turns!(
        /// One block into four registers each.
        pq_ssse3: ssse3!(0, 4, 8), ssse3!(1, 5, 9), ssse3!(2, 6, 10), ssse3!(3, 7, 11)
    );
    turns!(
        /// One block into four registers each.
        pq_avx2: avx2!(0, 4, 8), avx2!(1, 5, 9), avx2!(2, 6, 10), avx2!(3, 7, 11)
    );
    turns!(
        /// One block into four registers each.
        pq_avx2_gfni: avx2_gfni!(0, 4), avx2_gfni!(1, 5), avx2_gfni!(2, 6), avx2_gfni!(3, 7)
    );
    turns!(
        /// Two blocks into four registers each.
        pq_avx512: avx512!(0, 4, 8), avx512!(1, 5, 9), avx512!(2, 6, 10), avx512!(3, 7, 11)
    );
    turns!(
        /// Two blocks into four registers each.
        pq_avx512_gfni: avx512_gfni!(0, 4, 8), avx512_gfni!(1, 5, 9), avx512_gfni!(2, 6, 10),
        avx512_gfni!(3, 7, 11)
    );

    pub(super) fn measure() -> Map<String, Value> {
        let (avx2, gfni) = (has!("avx2"), has!("gfni"));
        let avx512 = has!("avx512f") && has!("avx512bw");
        let probes: [Probe; 9] = [
            ("load 256", avx2, load_256, 512),
            ("load 512", avx512, load_512, 1024),
            ("xor 256", avx2, xor_256, 256),
            ("xor 512", avx512, xor_512, 1024),
            ("ssse3", avx2, pq_ssse3, 64),
            ("avx2", avx2, pq_avx2, 128),
            ("avx2_gfni", avx2 && gfni, pq_avx2_gfni, 128),
            ("avx512", avx512, pq_avx512, 512),
            ("avx512_gfni", avx512 && gfni, pq_avx512_gfni, 512),
        ];
        let bytes = Aligned([0; 1024]);
        let mut speeds = probes.map(|_| Vec::new());
        for _ in 0..REPETITIONS {
            for (speeds, (_, present, probe, each)) in speeds.iter_mut().zip(&probes) {
                if *present {
                    let began = Instant::now();
                    // SAFETY: the instructions were detected.
                    unsafe { probe(TURNS, &bytes) };
                    let took = began.elapsed().as_secs_f64() * 1e9;
                    speeds.push(f64::from(TURNS) * f64::from(*each) / took);
                }
            }
        }
        let named = probes.iter().zip(speeds).filter(|(_, speeds)| !speeds.is_empty());
        named.map(|((name, ..), speeds)| ((*name).to_owned(), json!(median(speeds)))).collect()
    }
}
