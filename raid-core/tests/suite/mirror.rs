// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mirrors: agreement of copies, majority, choice of a source.

use proptest::prelude::*;
use raid_core::mirror::{Load, MirrorError, Mismatch, choose_source, compare, majority};
use raid_core::units::{Lba, Slot, SlotSet};

fn slots(slots: &[u8]) -> SlotSet {
    slots.iter().map(|slot| Slot(*slot)).collect()
}

#[test]
fn copies_that_agree_have_no_mismatch() {
    assert_eq!(compare(&[]), Ok(None));
    assert_eq!(compare(&[None, Some(b"abc"), None, Some(b"abc")]), Ok(None));
    assert_eq!(compare(&[Some(b""), Some(b"")]), Ok(None));
}

#[test]
fn a_mismatch_names_its_first_byte_and_every_copy_that_differs() {
    let copies: [Option<&[u8]>; 5] =
        [None, Some(b"abcd"), Some(b"abXd"), Some(b"abcd"), Some(b"aXcd")];
    assert_eq!(compare(&copies), Ok(Some(Mismatch { offset: 1, differing: slots(&[2, 4]) })));
    // The first byte of a copy that differs in several, and the first over all copies.
    for (copies, offset) in [
        (["abcd", "aXcX", "abcd"], 1),
        (["abcd", "abXX", "XbcX"], 0),
        (["abcd", "XXXX", "abcX"], 0),
    ] {
        let copies = copies.map(|copy| Some(copy.as_bytes()));
        assert_eq!(compare(&copies).unwrap().unwrap().offset, offset);
    }
}

#[test]
fn a_majority_is_more_than_half_of_the_copies_at_hand() {
    assert_eq!(majority(&[]), Ok(None));
    assert_eq!(majority(&[None, Some(b"a")]), Ok(Some(slots(&[1]))));
    assert_eq!(majority(&[Some(b"a"), Some(b"b")]), Ok(None));
    assert_eq!(majority(&[Some(b"a"), Some(b"b"), Some(b"b")]), Ok(Some(slots(&[1, 2]))));
    assert_eq!(majority(&[Some(b"a"), Some(b"b"), Some(b"b"), Some(b"a")]), Ok(None));
    assert_eq!(majority(&[Some(b"a"), Some(b"b"), Some(b"c")]), Ok(None));
}

#[test]
fn copies_of_unequal_length_are_refused_by_slot() {
    let copies: [Option<&[u8]>; 4] = [None, Some(b"ab"), Some(b"ab"), Some(b"a")];
    let error = MirrorError::Length { slot: Slot(3), expected: 2, found: 1 };
    assert_eq!(compare(&copies), Err(error));
    assert_eq!(majority(&copies), Err(error));
    assert_eq!(error.to_string(), "copy in slot 3 has 1 bytes, the first one 2");
    assert_eq!(compare(&[None; 257]), Err(MirrorError::TooManyCopies { found: 257 }));
}

#[test]
fn a_sequential_reader_stays_with_its_member() {
    let loads = [
        Load { pending: 0, head: Lba(500) },
        Load { pending: 3, head: Lba(100) },
        Load { pending: 0, head: Lba(90) },
    ];
    let load = |slot: Slot| loads[slot.index()];
    assert_eq!(choose_source(slots(&[0, 1, 2]), Lba(100), load), Some(Slot(1)));
    assert_eq!(choose_source(slots(&[0, 2]), Lba(100), load), Some(Slot(2)), "nearest head");
    assert_eq!(choose_source(slots(&[0, 1, 2]), Lba(101), load), Some(Slot(2)), "fewest pending");
    assert_eq!(choose_source(slots(&[1]), Lba(0), load), Some(Slot(1)));
    assert_eq!(choose_source(SlotSet::EMPTY, Lba(0), load), None);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 8 } else { 1000 },
        failure_persistence: None, // no file system under Miri
        ..ProptestConfig::default()
    })]

    #[test]
    fn majority_agrees_with_counting(copies in prop::collection::vec(prop::option::of(0u8..3), 0..12)) {
        let bytes: Vec<Option<[u8; 1]>> = copies.iter().map(|copy| copy.map(|byte| [byte])).collect();
        let list: Vec<Option<&[u8]>> = bytes.iter().map(|copy| copy.as_ref().map(|b| &b[..])).collect();
        let all = copies.iter().flatten().count();
        let counted = (0u8..3).find_map(|byte| {
            let agreeing: SlotSet = (0..).zip(&copies)
                .filter(|(_, copy)| **copy == Some(byte)).map(|(slot, _)| Slot(slot)).collect();
            (usize::from(agreeing.len()) * 2 > all).then_some(agreeing)
        });
        prop_assert_eq!(majority(&list).unwrap(), counted);
    }
}
