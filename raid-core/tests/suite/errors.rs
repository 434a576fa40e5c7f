// SPDX-License-Identifier: MIT OR Apache-2.0
//! The numbers of errors are stable: each of them stands here once.

use core::error::Error;
use raid_core::array::{ArrayId, Level, Place, Placement, Secondary};
use raid_core::layout::GeometryError;
use raid_core::metadata::{ChangeError, MovedOn, SplitBrain};
use raid_core::mirror::MirrorError;
use raid_core::parity::ParityError;
use raid_core::stripe::{ComputeError, NotPossible};
use raid_core::units::{Lba, Rows, Slot, SlotSet};

/// Each error has the number of its place in the list, from 1, and says something.
fn numbered<E: Error>(errors: &[E], code: impl Fn(&E) -> u16) {
    for (place, error) in (1..).zip(errors) {
        assert_eq!(code(error), place, "{error:?}");
        assert!(!error.to_string().is_empty(), "{error:?}");
    }
}

#[test]
fn errors_of_metadata_keep_their_numbers() {
    let (disk, at, what, found, expected) = (0, Lba(0), "a field", 1, 2);
    let changes = [
        ChangeError::Unsupported(what),
        ChangeError::Invalid { what, found, expected },
        ChangeError::NoSuchArray(ArrayId([0; 24])),
        ChangeError::NoSuchPlace(Place { set: 0, slot: Slot(0) }),
        ChangeError::Disk { disk, what },
        ChangeError::Damaged { disk, at, what, found, expected },
        ChangeError::UnknownVersion { what, found },
        ChangeError::MovedOn { disk, moved: MovedOn { at, what, found, expected } },
    ];
    numbered(&changes, ChangeError::code);
    numbered(&[SplitBrain { one: Slot(0), other: Slot(1) }], SplitBrain::code);
}

#[test]
fn errors_of_geometry_keep_their_numbers() {
    let level = Level::Raid5;
    let errors = [
        GeometryError::Unsupported { level, why: "no reference" },
        GeometryError::Slots { found: 1, least: 3, most: 256 },
        GeometryError::NoStrip,
        GeometryError::MemberTooSmall { found: 1, expected: 8 },
        GeometryError::Placement { level, found: Placement::Fixed },
        GeometryError::Sets { found: 2, secondary: Secondary::None },
        GeometryError::Parities { found: 4, least: 1, most: 3 },
        GeometryError::Copies { found: 9, least: 1, most: 4 },
        GeometryError::RotateShift { found: 99, most: 63 },
        GeometryError::BlockSize { found: 520 },
        GeometryError::MemberSizes { found: 1, expected: 3 },
        GeometryError::TooLarge,
    ];
    numbered(&errors, GeometryError::code);
}

#[test]
fn errors_of_parity_and_copies_keep_their_numbers() {
    let parity = [
        ParityError::Length { expected: 512, found: 511 },
        ParityError::TooManyEntries { found: 256 },
        ParityError::Exponent { found: 255, entries: 255 },
        ParityError::NotLost { exponent: 0 },
        ParityError::TooFewParities { lost: 2, parities: 1 },
        ParityError::SameBlock { exponent: 0 },
    ];
    numbered(&parity, ParityError::code);
    let mirror = [
        MirrorError::Length { slot: Slot(1), expected: 512, found: 511 },
        MirrorError::TooManyCopies { found: 257 },
    ];
    numbered(&mirror, MirrorError::code);
    let compute = [
        ComputeError::Slab { found: 0, expected: 512 },
        ComputeError::Request { found: 0, expected: 512 },
        ComputeError::Parity(parity[0]),
        ComputeError::Mirror(mirror[0]),
    ];
    numbered(&compute, ComputeError::code);
    let rows = Rows::new(0, 1);
    let plan = [
        NotPossible::Lost { missing: SlotSet::EMPTY, rows },
        NotPossible::ParityUnknown { parities: 3, rows },
        NotPossible::OutOfRange { end: 9, expected: 8 },
    ];
    numbered(&plan, NotPossible::code);
}
