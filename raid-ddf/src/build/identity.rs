// SPDX-License-Identifier: MIT OR Apache-2.0
//! Identities of what is made here, from the caller's clock and randomness (`ddf.md` 4).
//!
//! | | bytes 0-7 | 8-15 | 16-19 | 20-23 |
//! |---|---|---|---|---|
//! | configuration, virtual disk | vendor | controller type | time | random |
//! | controller | vendor | serial, or time, hex | random, hex | |
//! | disk (forced) | vendor | `yyyymmdd` | random, hex | |
//!
//! dmraid takes two volumes whose GUIDs agree in the first twenty bytes for one if the last four bytes
//! of either have a bit in common: it tests for all ones by AND. Two volumes made within a second agree
//! so far, so the last four bytes of what is made here have no bit in common.

use super::{Controller, VENDOR};
use crate::guid::Guid;
use crate::integer::{ByteOrder, U16, U32};
use crate::time::DdfTime;
use raid_core::metadata::Stamp;
use zerocopy::IntoBytes;

/// GUID of a configuration or a virtual disk.
pub(crate) fn created(controller: &Controller, order: ByteOrder, stamp: Stamp, salt: u32) -> Guid {
    let pci = controller.pci.map(|id| U16::new(order, id));
    let time = U32::new(order, DdfTime::from_unix(stamp.unix_seconds).0);
    let random = U32::new(order, without_common_bit(stamp, salt));
    join([&controller.vendor, pci.as_bytes(), time.as_bytes(), random.as_bytes()])
}

/// GUID of the controller that writes.
pub(crate) fn controller(controller: &Controller, stamp: Stamp) -> Guid {
    if let Some(serial) = &controller.serial {
        return join([&controller.vendor, serial, &[], &[]]);
    }
    let time = hex(DdfTime::from_unix(stamp.unix_seconds).0);
    join([&controller.vendor, &time, &hex(number(stamp, u32::MAX)), &[]])
}

/// GUID of a disk whose serial number is not known.
pub(crate) fn disk(stamp: Stamp, salt: u32) -> Guid {
    join([&VENDOR, &date(stamp.unix_seconds), &hex(number(stamp, salt)), &[]])
}

/// Number `salt` of a stamp: different salts give different numbers.
pub(crate) fn number(stamp: Stamp, salt: u32) -> u32 {
    let [a, b] = halves(stamp.random);
    // Every step is a bijection of 32 bits, so distinct salts stay distinct.
    let mut mixed = salt ^ a;
    for (multiplier, add) in [(0x85EB_CA6B, b), (0xC2B2_AE35, a), (0x9E37_79B1, b)] {
        mixed ^= mixed >> 16;
        mixed = mixed.wrapping_mul(multiplier).wrapping_add(add);
    }
    mixed ^ (mixed >> 15)
}

/// Number `salt` of a stamp whose four bytes have no bit in common.
fn without_common_bit(stamp: Stamp, salt: u32) -> u32 {
    // Salts that differ in these bits stand for the same thing, so numbers stay distinct.
    let numbers = (0..64).map(|retry| number(stamp, salt ^ retry << 20));
    // Two of five numbers have one: all of 64 do in one case of 10^25.
    numbers
        .into_iter()
        .find(|number| {
            let [a, b, c, d] = number.to_be_bytes();
            a & b & c & d == 0
        })
        .unwrap_or(salt)
}

fn halves(random: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = random.to_be_bytes();
    [u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])]
}

fn join(parts: [&[u8]; 4]) -> Guid {
    let mut guid = Guid([b' '; 24]);
    let bytes = parts.into_iter().flatten();
    guid.0.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    guid
}

fn hex(number: u32) -> [u8; 8] {
    let mut left = number;
    [(); 8].map(|()| {
        left = left.rotate_left(4);
        let digit = u8::try_from(left & 0xF).unwrap_or(0);
        let letter = digit.checked_sub(10).map(|letter| b'A'.wrapping_add(letter));
        letter.unwrap_or(b'0'.wrapping_add(digit))
    })
}

/// `yyyymmdd` in UTC.
fn date(unix_seconds: u64) -> [u8; 8] {
    // Days counted from 0000-03-01, so that leap days end a year; 400 years are 146 097 days. Years
    // past 9999 do not fit and stay there.
    let days = (unix_seconds / 86_400).min(2_932_896).saturating_add(719_468);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let leaps = (day_of_era / 36_524).saturating_sub(day_of_era / 146_096);
    let year_of_era = day_of_era.saturating_sub(day_of_era / 1460).saturating_add(leaps) / 365;
    let before = (year_of_era.saturating_mul(365))
        .saturating_add(year_of_era / 4)
        .saturating_sub(year_of_era / 100);
    let day_of_year = day_of_era.saturating_sub(before);
    let month_from_march = day_of_year.saturating_mul(5).saturating_add(2) / 153;
    let before_month = month_from_march.saturating_mul(153).saturating_add(2) / 5;
    let day = day_of_year.saturating_sub(before_month).saturating_add(1);
    let (month, next_year) = match month_from_march {
        0..=9 => (month_from_march.saturating_add(3), 0),
        late => (late.saturating_sub(9), 1),
    };
    let year = era.saturating_mul(400).saturating_add(year_of_era).saturating_add(next_year);
    let number = year.saturating_mul(10_000).saturating_add(month.saturating_mul(100));
    decimal(number.saturating_add(day))
}

fn decimal(number: u64) -> [u8; 8] {
    let mut left = number;
    let mut digits = [b'0'; 8];
    for digit in digits.iter_mut().rev() {
        *digit = b'0'.wrapping_add(u8::try_from(left % 10).unwrap_or(0));
        left /= 10;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn dates_agree_with_the_calendar() {
        for (seconds, expected) in [
            (0, b"19700101"),
            (951_782_399, b"20000228"),
            (951_782_400, b"20000229"),
            (951_868_800, b"20000301"),
            (1_709_294_400, b"20240301"),
            (1_735_689_599, b"20241231"),
            (4_107_542_400, b"21000301"),
            (u64::MAX, b"99991231"),
        ] {
            assert_eq!(date(seconds), *expected, "{seconds}");
        }
    }

    #[test]
    fn numbers_of_one_stamp_are_all_different() {
        let count = if cfg!(miri) { 50 } else { 1000 };
        for random in [0, 1, u64::MAX, 0x0123_4567_89AB_CDEF] {
            let stamp = Stamp { unix_seconds: 0, random };
            let numbers: BTreeSet<u32> = (0..count).map(|salt| number(stamp, salt)).collect();
            assert_eq!(numbers.len(), count as usize);
        }
    }

    /// Case H7.
    #[test]
    fn guids_made_within_a_second_differ_for_dmraid() {
        // As dmraid compares.
        let same = |one: &Guid, two: &Guid| {
            let end = |guid: &Guid| guid.0[20..].iter().fold(0xFF, |all, byte| all & byte);
            one.0[..20] == two.0[..20] && (end(one) != 0 || end(two) != 0 || one == two)
        };
        let count = if cfg!(miri) { 10 } else { 300 };
        for random in [0, 7, u64::MAX, 0x0123_4567_89AB_CDEF] {
            let stamp = Stamp { unix_seconds: 1_709_294_400, random };
            let made = |salt| created(&Controller::OWN, ByteOrder::Big, stamp, salt);
            let guids: std::vec::Vec<Guid> = (1..count).chain([u32::MAX - 1]).map(made).collect();
            for (index, guid) in guids.iter().enumerate() {
                assert!(!guids[..index].iter().any(|other| same(guid, other)), "{guid}");
            }
        }
    }

    #[test]
    fn guids_are_laid_out_as_the_table_says() {
        let stamp = Stamp { unix_seconds: 1_709_294_400, random: 7 };
        let disk = disk(stamp, 3);
        assert_eq!(&disk.0[..16], b"RAID-RS 20240301");
        assert!(disk.0[16..].iter().all(u8::is_ascii_hexdigit));
        let array = created(&Controller::OWN, ByteOrder::Big, stamp, 0);
        assert_eq!(array.created(ByteOrder::Big).to_unix(), Some(1_709_294_400));
        assert_eq!(&array.0[8..16], [0xFF; 8]);
        let lsi = Controller {
            vendor: *b"LSI     ",
            pci: [0x1000, 0x005B, 0x1000, 0x9270],
            ..Controller::OWN
        };
        let theirs = created(&lsi, ByteOrder::Big, stamp, 0);
        assert_eq!(&theirs.0[..16], b"LSI     \x10\x00\x00\x5B\x10\x00\x92\x70");
        assert_eq!(&controller(&Controller::OWN, stamp).0[..8], b"RAID-RS ");
        let serial = Some(*b"      SV34116348");
        let named = controller(&Controller { serial, ..lsi }, stamp);
        assert_eq!(&named.0, b"LSI           SV34116348");
        assert_eq!(hex(0x0189_ABEF), *b"0189ABEF");
    }
}
