// SPDX-License-Identifier: MIT OR Apache-2.0
//! The 24-byte identifiers of controllers, disks, virtual disks and configurations.
//!
//! ```text
//!  0        8                16          20
//!  | vendor | controller IDs | timestamp | random |   configuration, virtual disk
//!  | vendor | padding and serial number           |   controller, SCSI disk
//!  | "ATA " | serial number, 20 characters        |   ATA disk
//! ```
//!
//! They are compared as bytes. Nothing else about them can be relied on: mdadm stores binary random
//! bytes, and LSI's software RAID changes the timestamp inside a virtual disk's GUID at every boot
//! (`ddf.md` 4).

use crate::integer::{ByteOrder, U32};
use crate::time::DdfTime;
use core::fmt;
use raid_core::array::{ArrayId, MemberId};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A DDF GUID.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    FromBytes,
    IntoBytes,
    KnownLayout,
    Immutable,
    Unaligned,
)]
#[repr(transparent)]
pub struct Guid(pub [u8; 24]);

const _: () = assert!(size_of::<Guid>() == 24);

impl Guid {
    /// All ones: marks an entry as unused.
    pub const UNUSED: Self = Self([0xFF; 24]);

    /// Whether this marks an unused entry.
    #[must_use]
    pub fn is_unused(&self) -> bool {
        *self == Self::UNUSED
    }

    /// Whether both name the same thing: equal, or equal but for the last four bytes, which some
    /// Adaptec firmware leaves all ones on one side.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        let (Some((mine, my_end)), Some((theirs, their_end))) =
            (self.0.split_last_chunk::<4>(), other.0.split_last_chunk::<4>())
        else {
            return false;
        };
        let left_out = *my_end == [0xFF; 4] || *their_end == [0xFF; 4];
        mine == theirs && (my_end == their_end || left_out)
    }

    /// Whether dmraid takes both for one volume: it tests whether the last four bytes were left out by
    /// their AND, so any bit in common to the four of one GUID does.
    pub(crate) fn is_alike_for_dmraid(&self, other: &Self) -> bool {
        let (Some((mine, my_end)), Some((theirs, their_end))) =
            (self.0.split_last_chunk::<4>(), other.0.split_last_chunk::<4>())
        else {
            return false;
        };
        let common = |[a, b, c, d]: [u8; 4]| a & b & c & d != 0;
        mine == theirs && (my_end == their_end || common(*my_end) || common(*their_end))
    }

    /// The first eight bytes, on a multiple of eight, in which two GUIDs differ: of both, big-endian.
    pub(crate) fn difference(&self, other: &Self) -> (u64, u64) {
        let words = |guid: &Self| {
            let (words, _) = guid.0.as_chunks::<8>();
            words
                .iter()
                .map(|word| u64::from_be_bytes(*word))
                .fold((0, 0, 0), |(_, b, c), word| (b, c, word))
        };
        let ((a, b, c), (x, y, z)) = (words(self), words(other));
        let pairs = [(a, x), (b, y), (c, z)];
        pairs.into_iter().find(|(mine, theirs)| mine != theirs).unwrap_or((a, x))
    }

    /// The vendor, padded with blanks. ATA disks have `ATA ` and four characters of the serial
    /// number here.
    #[must_use]
    pub const fn vendor(&self) -> &[u8; 8] {
        let (vendor, _) = self.0.split_at(8);
        match vendor.first_chunk() {
            Some(vendor) => vendor,
            None => &[0; 8],
        }
    }

    /// The creation time in the GUID of a configuration or of a virtual disk. Meaningless in other
    /// GUIDs, and in those that a vendor builds in a way of its own.
    #[must_use]
    pub fn created(&self, order: ByteOrder) -> DdfTime {
        self.0
            .get(16..20)
            .and_then(|bytes| U32::ref_from_bytes(bytes).ok())
            .map_or(DdfTime::UNSET, |time| DdfTime(time.get(order)))
    }
}

impl From<Guid> for ArrayId {
    fn from(guid: Guid) -> Self {
        Self(guid.0)
    }
}

impl From<ArrayId> for Guid {
    fn from(id: ArrayId) -> Self {
        Self(id.0)
    }
}

impl From<Guid> for MemberId {
    fn from(guid: Guid) -> Self {
        Self(guid.0)
    }
}

impl From<MemberId> for Guid {
    fn from(id: MemberId) -> Self {
        Self(id.0)
    }
}

/// Printable characters as they are, the rest as `\xNN`.
impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|&byte| match byte {
            b' '..=b'~' => write!(f, "{}", char::from(byte)),
            _ => write!(f, "\\x{byte:02x}"),
        })
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guid(\"{self}\")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_configuration_guid_of_mdadm_says_who_and_when() {
        let mut guid = Guid(*b"Linux-MD\xDE\xAD\xBE\xEF\0\0\0\0\x39\x23\xF6\xE3 \x9As\xE6");
        assert_eq!(guid.vendor(), b"Linux-MD");
        // 2010-05-18 13:57:55 UTC.
        assert_eq!(guid.created(ByteOrder::Big).to_unix(), Some(1_274_191_075));
        assert_eq!(
            guid.to_string(),
            r"Linux-MD\xde\xad\xbe\xef\x00\x00\x00\x009#\xf6\xe3 \x9as\xe6"
        );
        assert!(!guid.is_unused());
        guid.0 = [0xFF; 24];
        assert!(guid.is_unused());
    }

    #[test]
    fn guids_match_if_adaptec_left_out_the_end_of_one() {
        let guid = Guid(*b"0123456789abcdefghijklmn");
        let left_out = Guid(*b"0123456789abcdefghij\xFF\xFF\xFF\xFF");
        assert!(guid.matches(&guid) && guid.matches(&left_out) && left_out.matches(&guid));
        assert!(!guid.matches(&Guid(*b"0123456789abcdefghijklmo")));
        assert!(!guid.matches(&Guid(*b"1123456789abcdefghij\xFF\xFF\xFF\xFF")));
    }
}
