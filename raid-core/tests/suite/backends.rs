// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every backend this machine can run × every operation × alignments × lengths, against one of
//! them, which `recover.rs` holds against a textbook.

use crate::buffer::{Buffer, Place};
use crate::textbook::{self, Row};
use proptest::prelude::*;
use raid_core::backend::{Backend, Caches, Locality, Ops};
use raid_core::parity::{Change, Located};

/// The blocks of one row, and where outputs are to be.
struct Case {
    place: Place,
    len: usize,
    data: Vec<Option<Buffer>>,
    p: Buffer,
    q: Buffer,
    /// A block that stands in for a new or a lost one.
    other: Buffer,
    lost: (u8, u8),
}

impl Case {
    /// A row of `row` with entries `x` and `y` lost, all blocks in `place`.
    fn new(place: Place, mut row: Row, x: usize, y: usize) -> Self {
        let (p, q) = (row.p(), row.q());
        let other = row.blocks[x].take().unwrap();
        row.blocks[y] = None;
        let lay = |bytes: &[u8]| Buffer::holding(place, bytes);
        Self {
            place,
            len: row.len,
            data: row.blocks.iter().map(|block| block.as_deref().map(lay)).collect(),
            p: lay(&p),
            q: lay(&q),
            other: lay(&other),
            lost: (u8::try_from(x).unwrap(), u8::try_from(y).unwrap()),
        }
    }

    fn list(&self) -> Vec<Option<&[u8]>> {
        self.data.iter().map(|block| block.as_ref().map(Buffer::block)).collect()
    }

    /// What an operation with two destinations leaves in them.
    fn two(&self, operation: impl FnOnce(&mut [u8], &mut [u8])) -> [Vec<u8>; 2] {
        let fresh = |byte: u8| Buffer::holding(self.place, &vec![byte; self.len]);
        let (mut a, mut b) = (fresh(0x11), fresh(0x22));
        operation(a.block_mut(), b.block_mut());
        [a.finish(), b.finish()]
    }
}

/// All that the operations of a backend make of a case.
#[derive(Debug, PartialEq)]
struct Outcome {
    blocks: Vec<(&'static str, [Vec<u8>; 2])>,
    checks: Vec<Option<usize>>,
    located: Vec<Located>,
}

fn outcome(backend: Backend, case: &Case) -> Outcome {
    let list = case.list();
    let (p, q, other) = (case.p.block(), case.q.block(), case.other.block());
    let (x, y) = case.lost;
    let mut sources: Vec<&[u8]> = list.iter().flatten().copied().collect();
    sources.push(q);
    let blocks = vec![
        (
            "xor_into",
            case.two(|a, b| {
                backend.xor_into(a, &sources).unwrap();
                backend.xor_into(b, &sources[1..]).unwrap();
            }),
        ),
        ("p_generate", case.two(|a, _| backend.p_generate(a, &list).unwrap())),
        ("q_generate", case.two(|a, _| backend.q_generate(a, &list).unwrap())),
        ("pq_generate", case.two(|a, b| backend.pq_generate(a, b, &list).unwrap())),
        (
            "pq_update",
            case.two(|a, b| {
                backend.pq_update(Some(a), Some(b), x, other, q).unwrap();
            }),
        ),
        ("pq_update of p", case.two(|a, _| backend.pq_update(Some(a), None, y, other, q).unwrap())),
        ("pq_update of q", case.two(|_, b| backend.pq_update(None, Some(b), y, other, q).unwrap())),
        (
            "pq_update_blocks",
            case.two(|a, b| {
                let (first, second) = (Some(other), list.iter().flatten().next().copied());
                let changes = [
                    Change { exponent: x, old: first, new: second },
                    Change { exponent: y, old: None, new: Some(q) },
                    Change { exponent: 254, old: Some(p), new: None },
                ];
                backend.pq_update_blocks(Some(a), Some(b), &changes).unwrap();
                backend.pq_update_blocks(Some(a), None, &changes[1..]).unwrap();
                backend.pq_update_blocks(None, Some(b), &changes[..1]).unwrap();
            }),
        ),
        ("recover_data", case.two(|a, _| backend.recover_data(a, &list, p).unwrap())),
        (
            "recover_data_from_q",
            case.two(|a, _| {
                backend.recover_data_from_q((x, a), &list, q).unwrap();
            }),
        ),
        (
            "recover_data_data",
            case.two(|a, b| {
                backend.recover_data_data((x, a), (y, b), &list, p, q).unwrap();
            }),
        ),
        ("recover_data_p", case.two(|a, b| backend.recover_data_p((x, a), b, &list, q).unwrap())),
        ("recover_data_q", case.two(|a, b| backend.recover_data_q((x, a), b, &list, p).unwrap())),
    ];
    let mut full = list.clone();
    full[usize::from(x)] = Some(other);
    let checks = vec![
        backend.p_check(p, &list).unwrap(),
        backend.p_check(p, &full).unwrap(),
        backend.pq_check(p, q, &list).unwrap(),
        backend.pq_check(p, q, &full).unwrap(),
    ];
    let located = vec![
        backend.locate(p, q, &list).unwrap(),
        backend.locate(p, q, &full).unwrap(),
        backend.locate(q, p, &full).unwrap(),
    ];
    Outcome { blocks, checks, located }
}

/// Miri has no non-temporal stores.
const LOCALITIES: &[Locality] = if cfg!(miri) {
    &[Locality::Cached]
} else {
    &[Locality::Cached, Locality::LastLevel, Locality::Memory]
};

/// Holds every backend, wherever it takes the row to be, against the one that `recover.rs` has checked.
fn agree(case: &Case) {
    let expected = outcome(Backend::portable(), case);
    for backend in Backend::available() {
        for locality in LOCALITIES.iter().copied() {
            let backend = backend.with_locality(locality);
            let found = outcome(backend, case);
            for (found, expected) in found.blocks.iter().zip(&expected.blocks) {
                assert!(
                    found == expected,
                    "{} of {backend:?}, {} bytes, {:?}",
                    found.0,
                    case.len,
                    case.place
                );
            }
            assert_eq!(found, expected, "{backend:?}, {} bytes, {:?}", case.len, case.place);
        }
    }
}

/// Around the widths of registers and steps of all instruction sets.
const LENGTHS: [usize; 24] = [
    0, 1, 2, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 128, 129, 192, 255, 256, 257, 300, 511, 512,
    513, 1000,
];

#[test]
fn the_backends_of_this_machine_are_told() {
    let names: Vec<_> = Backend::available().map(Backend::name).collect();
    println!("{names:?}");
    assert_eq!(Backend::detect().name(), names[0]);
    let (native, portable) = names.split_at(names.len() - 2);
    assert_eq!(portable[0], Backend::portable().name());
    assert!(portable.contains(&"bytes") && portable.contains(&"words"));
    if cfg!(raid_core_backend = "portable") {
        assert!(native.is_empty());
    } else if cfg!(all(target_arch = "x86_64", not(miri))) {
        assert!(!native.is_empty(), "any x86-64 CPU of the last fifteen years has SSSE3");
    }
    // What the build takes for granted, as the build for Miri does.
    for (built, name) in [
        (cfg!(target_feature = "ssse3"), "ssse3"),
        (cfg!(target_feature = "avx2"), "avx2"),
        (cfg!(all(target_feature = "avx2", target_feature = "gfni")), "avx2_gfni"),
    ] {
        let forced =
            cfg!(raid_core_backend = "portable") || option_env!("RAID_CORE_FORCED").is_some();
        assert!(!built || forced || native.contains(&name), "{name} of {names:?}");
    }
}

#[test]
fn every_backend_agrees_at_every_alignment() {
    for skew in (0..64).step_by(if cfg!(miri) { 31 } else { 1 }) {
        for length in LENGTHS.into_iter().skip(skew % 12).step_by(12) {
            agree(&Case::new(Place::Skewed(skew), Row::random(5, length, 1), 3, 1));
        }
    }
}

#[test]
fn every_backend_agrees_at_every_length() {
    // Under Miri a step of the widest loop and a rest.
    let lengths = if cfg!(miri) { 69..70 } else { 0..512 };
    for length in lengths {
        agree(&Case::new(Place::Skewed(1), Row::random(3, length, 2), 0, 2));
    }
}

#[test]
fn every_backend_agrees_for_every_number_of_blocks_and_every_lost_pair() {
    for entries in 2..=if cfg!(miri) { 3 } else { 6 } {
        for x in 0..entries {
            for y in (0..entries).filter(|y| *y != x) {
                agree(&Case::new(Place::Skewed(0), Row::random(entries, 300, 3), x, y));
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "255 blocks take minutes under Miri; narrower rows run")]
fn every_backend_agrees_on_rows_as_wide_as_they_can_be() {
    for (x, y) in [(0, 254), (254, 253), (100, 1)] {
        agree(&Case::new(Place::Skewed(0), Row::random(255, 257, 4), x, y));
    }
}

#[cfg(all(unix, not(miri)))]
#[test]
fn no_backend_reads_past_the_end_of_a_block() {
    // The end is at a page's, so these begin at every skew to a vector.
    for length in LENGTHS.into_iter().chain(450..514) {
        agree(&Case::new(Place::AtTheEndOfMemory, Row::random(5, length, 5), 4, 2));
    }
}

#[test]
fn the_first_difference_is_found_wherever_it_is() {
    let len = if cfg!(miri) { 70 } else { 700 };
    let row = Row::random(4, len, 6);
    for backend in Backend::available() {
        let (mut p, mut q) = (row.p(), row.q());
        for at in (0..len).rev() {
            p[at] ^= 1;
            assert_eq!(backend.p_check(&p, &row.list()), Ok(Some(at)), "{backend:?}");
            assert_eq!(backend.pq_check(&p, &q, &row.list()), Ok(Some(at)), "{backend:?}");
            p[at] ^= 1;
            q[at] ^= 0x80;
            assert_eq!(backend.pq_check(&p, &q, &row.list()), Ok(Some(at)), "{backend:?}");
            assert_eq!(backend.locate(&p, &q, &row.list()), Ok(Located::Q), "{backend:?}");
            q[at] ^= 0x80;
        }
    }
}

#[test]
fn an_update_by_every_exponent_is_the_textbooks() {
    let len = 256;
    let old: Vec<u8> = vec![0; len];
    let new: Vec<u8> = (0..=255).collect();
    for backend in Backend::available() {
        for exponent in (0..255u8).step_by(if cfg!(miri) { 200 } else { 1 }) {
            let power = textbook::power_by_hand(exponent);
            let mut q = vec![0; len];
            backend.pq_update(None, Some(&mut q), exponent, &old, &new).unwrap();
            for (byte, product) in new.iter().zip(q) {
                assert_eq!(product, textbook::mul_by_hand(power, *byte), "{backend:?}");
            }
        }
    }
}

#[test]
fn a_backend_can_be_chosen_by_name_when_a_program_is_built() {
    // Told by whoever builds with `--cfg raid_core_backend=...`.
    let Some(forced) = option_env!("RAID_CORE_FORCED") else { return };
    let detected = Backend::detect().name();
    assert!(detected == forced || detected == Backend::portable().name(), "{detected}");
    assert!(Backend::available().all(|one| [forced, "bytes", "words"].contains(&one.name())));
}

#[test]
fn an_embedders_kernels_are_called_and_the_rest_is_portable() {
    fn no_parity(p: &mut [u8], data: raid_core::backend::Row<'_>) {
        p.fill(match data.locality() {
            Locality::Unknown => 0,
            Locality::Cached => 1,
            Locality::LastLevel => 2,
            Locality::Memory => 3,
        });
    }
    static ENGINE: Ops = Ops { name: "engine", p_generate: no_parity, ..Ops::PORTABLE };
    // SAFETY: `no_parity` needs no special instructions. It does not compute P; nobody relies on it.
    let engine = unsafe { Backend::from_ops(&ENGINE) };
    assert_eq!(engine.name(), "engine");
    assert_eq!(format!("{engine:?}"), "Backend(engine, Unknown)");

    let block = vec![7; 64];
    let mut p = vec![0; 64];
    for (backend, expected) in [
        (engine, 1),
        (engine.with_locality(Locality::LastLevel), 2),
        (engine.with_locality(Locality::Memory), 3),
        (engine.with_bytes_in_use(64 << 10), 1),
        (engine.with_bytes_in_use(1 << 20), 2),
        (engine.with_bytes_in_use(1 << 30), 3),
        (engine.with_locality(Locality::Cached).with_bytes_in_use(1 << 30), 1),
    ] {
        backend.p_generate(&mut p, &[Some(&block)]).unwrap();
        assert_eq!(p, [expected; 64], "{backend:?}");
    }
    engine.q_generate(&mut p, &[Some(&block)]).unwrap();
    assert_eq!(p, [7; 64]);

    // By size: two blocks of 16 KiB fit a second level of 64 KiB, two of 40 KiB do not.
    let small = engine.with_caches(Caches::new(64 << 10, 1 << 20));
    for (len, expected) in [(16 << 10, 1), (40 << 10, 3)] {
        let block = vec![7; len];
        let mut p = vec![0; len];
        small.p_generate(&mut p, &[Some(&block)]).unwrap();
        assert_eq!(p[0], expected, "{len} bytes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 60 },
        failure_persistence: None, // no file system under Miri
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_backend_agrees_on_any_row(
        entries in 2usize..20,
        len in 0usize..700,
        skew in 0usize..64,
        lost in any::<[prop::sample::Index; 2]>(),
        holes in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        seed in any::<u64>(),
    ) {
        let (x, y) = (lost[0].index(entries), lost[1].index(entries));
        let y = if x == y { (x + 1) % entries } else { y };
        let mut case = Case::new(Place::Skewed(skew), Row::random(entries, len, seed), x, y);
        for hole in holes {
            case.data[hole.index(entries)] = None;
        }
        // The stored P and Q no longer fit the holes: recoveries are of garbage, the same everywhere.
        agree(&case);
    }
}
