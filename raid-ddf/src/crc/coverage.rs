// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a record is sealed: with which CRC, and over how much of it.
//!
//! On blocks larger than 512 bytes a record is followed by padding. graid's CRC covers it; whether
//! LSI's does is unverified (`ddf.md` 1.4). Readers take both, writers seal a record again the way
//! they found it.

use super::{CrcVariant, bare_crc, matching_crc, run, seal, stored_crc};
use crate::integer::ByteOrder;

/// A CRC that leaves out padding covers a whole number of these.
const UNIT: usize = 512;

/// How the CRC of a record is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    variant: CrcVariant,
    /// Bytes that it covers at least, if it leaves out padding.
    covered: Option<usize>,
}

impl Seal {
    /// Over all of a record.
    pub(crate) const fn whole(variant: CrcVariant) -> Self {
        Self { variant, covered: None }
    }

    /// Over what is in use of a record.
    pub(crate) const fn without_padding(variant: CrcVariant) -> Self {
        Self { variant, covered: Some(0) }
    }

    /// How `record` on a disk with blocks of `block_size` bytes is sealed; `None`: its CRC is wrong.
    /// `first` is the variant to expect.
    pub(crate) fn found(
        first: CrcVariant,
        order: ByteOrder,
        block_size: u32,
        record: &[u8],
    ) -> Option<Self> {
        if let Some(variant) = matching_crc(first, order, record) {
            return Some(Self::whole(variant));
        }
        if block_size <= 512 {
            return None;
        }
        let (variant, covered) = covered_part(order, record)?;
        Some(Self { variant, covered: Some(covered) })
    }

    /// Bytes that it covers if it leaves out padding.
    pub(crate) const fn covered(self) -> Option<usize> {
        self.covered
    }

    /// Seals `record` this way; bytes that came into use behind what was covered are covered too.
    pub(crate) fn store(self, order: ByteOrder, record: &mut [u8]) {
        let len = match self.covered {
            Some(covered) => covered.max(in_use(record)).min(record.len()),
            None => record.len(),
        };
        if let Some(part) = record.get_mut(..len) {
            seal(self.variant, order, part);
        }
    }
}

/// The variant of a CRC that leaves out padding, and the bytes that it covers. One pass, whatever the
/// length: the CRC of a part goes on from that of the part before.
fn covered_part(order: ByteOrder, record: &[u8]) -> Option<(CrcVariant, usize)> {
    let stored = stored_crc(order, record)?;
    let mut covered = in_use(record);
    let (head, padding) = record.split_at_checked(covered)?;
    let (mut bare, mut difference) = (bare_crc(head), run::after_zeros(u32::MAX, covered));
    for unit in padding.as_chunks::<UNIT>().0 {
        if stored == bare {
            return Some((CrcVariant::B, covered));
        }
        if stored == bare ^ !difference {
            return Some((CrcVariant::A, covered));
        }
        bare = run::update(bare, unit);
        difference = run::after_zeros(difference, unit.len());
        covered = covered.checked_add(unit.len())?;
    }
    None
}

/// Bytes up to the last that is not all ones, in whole units; at least one.
fn in_use(record: &[u8]) -> usize {
    let last = record.iter().rposition(|byte| *byte != 0xFF).unwrap_or(0);
    last.checked_div(UNIT).unwrap_or(0).saturating_add(1).saturating_mul(UNIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    const ORDER: ByteOrder = ByteOrder::Big;

    #[test]
    #[cfg_attr(miri, ignore = "thousands of bytes of plain arithmetic, one by one")]
    fn a_record_is_sealed_again_the_way_it_was() {
        for variant in [CrcVariant::A, CrcVariant::B] {
            for covered in [512, 1024, 4096, 8192] {
                let mut record = vec![0xFF; 8192];
                record[..400].fill(0x11);
                seal(variant, ORDER, &mut record[..covered]);
                let found = Seal::found(CrcVariant::B, ORDER, 4096, &record);
                let Some(found) = found else { panic!("{variant:?} over {covered}") };
                assert_eq!(found.covered.is_some(), covered < 8192);
                let before = record.clone();
                record[4..8].fill(0);
                found.store(ORDER, &mut record);
                assert_eq!(record, before, "{variant:?} over {covered}");
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "thousands of bytes of plain arithmetic, one by one")]
    fn bytes_that_come_into_use_are_covered() {
        let mut record = vec![0xFF; 4096];
        record[..400].fill(0x11);
        seal(CrcVariant::B, ORDER, &mut record[..512]);
        let Some(found) = Seal::found(CrcVariant::B, ORDER, 4096, &record) else { unreachable!() };
        record[700] = 0;
        found.store(ORDER, &mut record);
        assert_eq!(matching_crc(CrcVariant::B, ORDER, &record[..1024]), Some(CrcVariant::B));
    }

    /// On blocks of 512 bytes there is no padding.
    #[test]
    fn a_part_counts_on_larger_blocks_alone() {
        let mut record = vec![0xFF; 1024];
        record[..400].fill(0x11);
        seal(CrcVariant::A, ORDER, &mut record[..512]);
        assert!(Seal::found(CrcVariant::B, ORDER, 4096, &record).is_some());
        assert_eq!(Seal::found(CrcVariant::B, ORDER, 512, &record), None);
        // Nor does one that leaves out bytes in use.
        record[600] = 0;
        assert_eq!(Seal::found(CrcVariant::B, ORDER, 4096, &record), None);
    }
}
