// SPDX-License-Identifier: MIT OR Apache-2.0
//! The CRC at bytes 4 to 7 of every record, in the two variants that exist.
//!
//! | | start | final | check of `123456789` | written by |
//! |---|---|---|---|---|
//! | A | all ones | inverted | `cbf43926` | graid; Adaptec firmware |
//! | B | 0 | as it is | `2dfd2d88` | mdadm; LSI, Dell and Intel firmware |
//!
//! Same polynomial, bits reflected; the four CRC bytes count as `FF` (`ddf.md` 3). For one length
//! the two differ by a constant, so no record satisfies both. Which of the two the standard's text
//! means is unverified: readers take both, writers keep what they found.

mod coverage;
mod run;

pub(crate) use coverage::Seal;

use crate::integer::{ByteOrder, U32};
use zerocopy::FromBytes;

/// Which of the two CRCs a record carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CrcVariant {
    /// Ordinary CRC-32: graid, Adaptec.
    A,
    /// Without inversions: mdadm, LSI.
    #[default]
    B,
}

impl CrcVariant {
    /// `a` or `b`, for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    /// The variant as it is told in findings: its letter as a hexadecimal digit.
    pub(crate) const fn letter(self) -> u8 {
        match self {
            Self::A => 0xA,
            Self::B => 0xB,
        }
    }

    /// The CRC of a record of `len` bytes of which `bare` is variant B.
    fn of_bare(self, bare: u32, len: usize) -> u32 {
        match self {
            Self::A => bare ^ !run::after_zeros(u32::MAX, len),
            Self::B => bare,
        }
    }
}

/// Variant B of a whole record, its CRC field counted as all ones.
fn bare_crc(record: &[u8]) -> u32 {
    let parts = record.split_at_checked(4).and_then(|(signature, rest)| {
        let (_, body) = rest.split_at_checked(4)?;
        Some((signature, body))
    });
    match parts {
        Some((signature, body)) => [signature, &[0xFF; 4], body].into_iter().fold(0, run::update),
        None => run::update(0, record),
    }
}

/// The CRC of a whole record, its CRC field counted as all ones.
///
/// Fewer than 8 bytes are no record; they are digested as they are.
#[must_use]
pub fn compute_crc(variant: CrcVariant, record: &[u8]) -> u32 {
    variant.of_bare(bare_crc(record), record.len())
}

/// The ordinary CRC-32 of parts that follow each other, for notes of our own.
pub(crate) fn plain_crc(parts: &[&[u8]]) -> u32 {
    !parts.iter().fold(u32::MAX, |register, part| run::update(register, part))
}

/// The CRC that a record stores; `None` if it has fewer than 8 bytes.
#[must_use]
pub fn stored_crc(order: ByteOrder, record: &[u8]) -> Option<u32> {
    let field = U32::ref_from_bytes(record.get(4..8)?).ok()?;
    Some(field.get(order))
}

/// The variant whose CRC the record stores. One pass is enough for both: for one length they differ
/// by a constant. `first` is named if that constant should ever be 0.
#[must_use]
pub fn matching_crc(first: CrcVariant, order: ByteOrder, record: &[u8]) -> Option<CrcVariant> {
    let stored = stored_crc(order, record)?;
    let bare = bare_crc(record);
    [first, CrcVariant::B, CrcVariant::A]
        .into_iter()
        .find(|variant| variant.of_bare(bare, record.len()) == stored)
}

/// Stores the CRC of a whole record. The last thing to do to it; does nothing to fewer than 8
/// bytes.
pub fn seal(variant: CrcVariant, order: ByteOrder, record: &mut [u8]) {
    let crc = compute_crc(variant, record);
    if let Some(Ok(field)) = record.get_mut(4..8).map(U32::mut_from_bytes) {
        field.set(order, crc);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;
    use std::vec::Vec;

    /// `ddf.md` 3.1, the check values that were computed there independently.
    #[test]
    fn known_answers_of_both_variants() {
        assert_eq!(CrcVariant::A.of_bare(run::update(0, b"123456789"), 9), 0xCBF4_3926);
        assert_eq!(run::update(0, b"123456789"), 0x2DFD_2D88);

        let ones = [0xFF; 512];
        let mut header = ones;
        header[..4].copy_from_slice(&[0xDE, 0x11, 0xDE, 0x11]);
        let counting: Vec<u8> = (0..512u16).map(|i| i.to_le_bytes()[0]).collect();
        for (record, a, b) in [
            (&ones[..], 0xBD7B_C39F, 0x0FD1_B6E7),
            (&header[..], 0xFFDE_2F6A, 0x4D74_5A12),
            (&counting[..], 0xF606_3A0A, 0x44AC_4F72),
        ] {
            assert_eq!(compute_crc(CrcVariant::A, record), a);
            assert_eq!(compute_crc(CrcVariant::B, record), b);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "thousands of bytes of plain arithmetic, one by one")]
    fn the_variants_differ_by_a_constant_for_each_length() {
        for (len, constant) in [(64, 0x758D_6336), (512, 0xB2AA_7578), (3584, 0x3B82_887C)] {
            let record = vec![0x5A; len];
            let difference =
                compute_crc(CrcVariant::A, &record) ^ compute_crc(CrcVariant::B, &record);
            assert_eq!(difference, constant);
        }
    }

    #[test]
    fn a_sealed_record_matches_only_its_own_variant_and_order() {
        for variant in [CrcVariant::A, CrcVariant::B] {
            for order in [ByteOrder::Big, ByteOrder::Little] {
                let mut record = vec![0x11; 64];
                seal(variant, order, &mut record);
                for first in [CrcVariant::A, CrcVariant::B] {
                    assert_eq!(matching_crc(first, order, &record), Some(variant));
                }
                record[63] ^= 1;
                assert_eq!(matching_crc(variant, order, &record), None);
            }
        }
    }

    #[test]
    fn too_few_bytes_are_neither_sealed_nor_matched() {
        let mut stub = [1, 2, 3, 4, 5, 6, 7];
        seal(CrcVariant::A, ByteOrder::Big, &mut stub);
        assert_eq!(stub, [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(matching_crc(CrcVariant::A, ByteOrder::Big, &stub), None);
    }
}
