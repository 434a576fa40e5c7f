// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a drive says of itself, and the PD_GUID that the standard makes of it (`ddf.md` 4.3).
//!
//! | drive | bytes 0-7 | 8-23 |
//! |---|---|---|
//! | SCSI, SAS, Fibre Channel | T10 vendor | identifier, right-justified, its last 16 characters |
//!
//! | drive | bytes 0-3 | 4-23 |
//! |---|---|---|
//! | ATA | `ATA `  | serial number |
//! | SATA, through page 89h of a SAS drive | `HDD ` | serial number |

use crate::guid::Guid;

/// Who a drive is. Only what the drive itself reports: a name that others may have as well makes no
/// GUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiskIdentity<'a> {
    /// A SCSI, SAS or Fibre Channel drive.
    Scsi {
        /// T10 vendor, padded with blanks. The first byte is neither `20`, `00` nor `FF`.
        vendor: [u8; 8],
        /// Identifier of page 83h (association 0; type 1, 2, 3 or 8) or the serial number of page
        /// 80h. Of a longer one the last 16 bytes count; blanks at its end do not.
        identifier: &'a [u8],
    },
    /// An ATA drive: the serial number of Identify Device.
    Ata {
        /// As reported, 20 characters.
        serial: [u8; 20],
    },
    /// A SATA drive behind SAS: the serial number of page 89h.
    SataBehindSas {
        /// As reported, 20 characters.
        serial: [u8; 20],
    },
}

impl DiskIdentity<'_> {
    /// The GUID; `None` if the drive reports no number.
    pub(crate) fn guid(&self) -> Option<Guid> {
        let blank = |byte: &u8| matches!(byte, b' ' | 0);
        let mut guid = Guid([b' '; 24]);
        let (head, tail): (&[u8], &[u8]) = match self {
            Self::Scsi { vendor, identifier } => {
                let end = identifier.iter().rposition(|byte| !blank(byte))?.saturating_add(1);
                let identifier = identifier.get(..end)?;
                let skipped = identifier.len().saturating_sub(16);
                (vendor, identifier.get(skipped..)?)
            }
            Self::Ata { serial } => (b"ATA ", serial),
            Self::SataBehindSas { serial } => (b"HDD ", serial),
        };
        if tail.iter().all(blank) {
            return None;
        }
        guid.0.iter_mut().zip(head).for_each(|(to, from)| *to = *from);
        guid.0.iter_mut().rev().zip(tail.iter().rev()).for_each(|(to, from)| *to = *from);
        Some(guid)
    }

    /// The first byte of the GUID that no GUID begins with, if there is one.
    pub(crate) const fn unusable_vendor(&self) -> Option<u8> {
        match self {
            Self::Scsi { vendor: [first @ (0x20 | 0x00 | 0xFF), ..], .. } => Some(*first),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_are_laid_out_as_the_tables_say() {
        let scsi = |identifier| {
            DiskIdentity::Scsi { vendor: *b"SEAGATE ", identifier }.guid().map(|guid| guid.0)
        };
        assert_eq!(scsi(b"3KQ0BN9Z"), Some(*b"SEAGATE         3KQ0BN9Z"));
        // Left-justified numbers are right-justified first.
        assert_eq!(scsi(b"3KQ0BN9Z            "), Some(*b"SEAGATE         3KQ0BN9Z"));
        assert_eq!(scsi(b"0123456789abcdefghij"), Some(*b"SEAGATE 456789abcdefghij"));
        let serial = *b"        WD-WCAV12345";
        let ata = DiskIdentity::Ata { serial }.guid();
        assert_eq!(ata.map(|guid| guid.0), Some(*b"ATA         WD-WCAV12345"));
        let sata = DiskIdentity::SataBehindSas { serial }.guid();
        assert_eq!(sata.map(|guid| guid.0), Some(*b"HDD         WD-WCAV12345"));
    }

    #[test]
    fn no_number_makes_no_guid() {
        for identifier in [&b""[..], b"    ", &[0; 16]] {
            assert_eq!(DiskIdentity::Scsi { vendor: *b"SEAGATE ", identifier }.guid(), None);
        }
        assert_eq!(DiskIdentity::Ata { serial: [b' '; 20] }.guid(), None);
        let nobody = DiskIdentity::Scsi { vendor: [b' '; 8], identifier: b"1" };
        assert_eq!(nobody.unusable_vendor(), Some(b' '));
        assert_eq!(DiskIdentity::Ata { serial: [b' '; 20] }.unusable_vendor(), None);
    }
}
