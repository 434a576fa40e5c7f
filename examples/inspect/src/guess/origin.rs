// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a volume begins: a partition table or the first block of a file system, and the size that it
//! claims.
//!
//! A parity of zeros and one such page is a copy of it on another member, and file systems keep backups: all are
//! taken in, and the block map decides which can be the first page of the volume.

use crate::guess::sample::{PAGE, Sample};

/// Bytes of a sector, as these tables count.
const SECTOR: u64 = 512;

/// What begins here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    PartitionTable,
    FileSystem,
}

/// A page that may be the first of the volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) kind: Kind,
    pub(crate) name: &'static str,
    /// Page number on the member.
    pub(crate) page: u64,
    pub(crate) column: usize,
    /// Bytes that the volume must have at least, if it says so.
    pub(crate) claims: Option<u64>,
}

/// All candidates: partition tables first, then by place.
pub(crate) fn find(sample: &Sample) -> Vec<Origin> {
    let mut found = Vec::new();
    for (column, pages) in sample.columns().iter().enumerate() {
        for row in (0..sample.rows()).filter(|row| pages.has_data(*row)) {
            if let Some((kind, name, claims)) = judge(pages.page(row)) {
                found.push(Origin { kind, name, page: sample.page_number(row), column, claims });
            }
        }
    }
    found.sort_by_key(|origin| (origin.kind, origin.page));
    found
}

/// Bytes as a little-endian number.
pub(crate) fn little(page: &[u8], at: usize, bytes: usize) -> u64 {
    page[at..at + bytes].iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// Bytes as a big-endian number.
pub(crate) fn big(page: &[u8], at: usize, bytes: usize) -> u64 {
    page[at..at + bytes].iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// What a page is, and the size it claims.
fn judge(page: &[u8]) -> Option<(Kind, &'static str, Option<u64>)> {
    debug_assert_eq!(page.len(), PAGE);
    let boot = page[510..512] == [0x55, 0xAA];
    let sector = little(page, 0x0B, 2);
    if &page[3..11] == b"NTFS    " && boot {
        let bytes = little(page, 0x28, 8).checked_mul(sector)?;
        return Some((Kind::FileSystem, "NTFS", Some(bytes)));
    }
    if boot && (&page[0x52..0x57] == b"FAT32" || &page[0x36..0x39] == b"FAT") {
        let small = little(page, 0x13, 2);
        let sectors = if small == 0 { little(page, 0x20, 4) } else { small };
        return Some((Kind::FileSystem, "FAT", Some(sectors * sector)));
    }
    if &page[..4] == b"XFSB" {
        let bytes = big(page, 8, 8).checked_mul(big(page, 4, 4))?;
        return Some((Kind::FileSystem, "XFS", Some(bytes)));
    }
    let ext = &page[1024..];
    if ext[0x38..0x3A] == [0x53, 0xEF] && little(ext, 0x5A, 2) == 0 && little(ext, 0x18, 4) <= 6 {
        let blocks = little(ext, 4, 4);
        return Some((Kind::FileSystem, "ext2/3/4", Some(blocks << (10 + little(ext, 0x18, 4)))));
    }
    if &page[..6] == b"LUKS\xBA\xBE" {
        return Some((Kind::FileSystem, "LUKS", None));
    }
    if &page[512..520] == b"LABELONE" {
        return Some((Kind::FileSystem, "LVM", physical_volume(&page[512..1024])));
    }
    if boot { partition_table(page) } else { None }
}

/// The size of the device that a label of LVM stands on: after the 32 bytes of the volume's identity, which begin where
/// the label says.
fn physical_volume(label: &[u8]) -> Option<u64> {
    let at = usize::try_from(little(label, 20, 4)).ok()?.checked_add(32)?;
    let size = label.get(at..at.checked_add(8)?)?;
    Some(little(size, 0, 8)).filter(|size| *size > 0)
}

fn partition_table(page: &[u8]) -> Option<(Kind, &'static str, Option<u64>)> {
    let entries: Vec<&[u8]> = page[446..510].chunks_exact(16).collect();
    let used = |entry: &&&[u8]| entry[4] != 0 && little(entry, 12, 4) != 0;
    let sound = entries.iter().all(|entry| entry[0] & 0x7F == 0);
    if !sound || entries.iter().filter(used).count() == 0 {
        return None;
    }
    for sector in [512, 4096usize] {
        let header = page.get(sector..sector + 92).filter(|header| &header[..8] == b"EFI PART");
        if let Some(header) = header {
            let claims = little(header, 32, 8).checked_add(1)?.checked_mul(sector as u64)?;
            return Some((Kind::PartitionTable, "GPT", Some(claims)));
        }
    }
    // A protective entry without its header claims what its author knew of the disk.
    let ends = entries.iter().filter(used).map(|entry| little(entry, 8, 4) + little(entry, 12, 4));
    Some((Kind::PartitionTable, "MBR", ends.max().map(|end| end * SECTOR)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_file_systems_are_told_with_the_size_they_claim() {
        let mut page = vec![0; PAGE];
        page[510..512].copy_from_slice(&[0x55, 0xAA]);
        assert_eq!(judge(&page), None, "no entry");
        page[450] = 0x83;
        page[454] = 8;
        page[458] = 24;
        assert_eq!(judge(&page), Some((Kind::PartitionTable, "MBR", Some(32 * 512))));
        page[446] = 0x33;
        assert_eq!(judge(&page), None, "code, not a table");
        page[446] = 0;
        page[512..520].copy_from_slice(b"EFI PART");
        page[512 + 32] = 99;
        assert_eq!(judge(&page), Some((Kind::PartitionTable, "GPT", Some(100 * 512))));
        let mut page = vec![0; PAGE];
        page[1024 + 4] = 200;
        page[1024 + 0x18] = 2;
        page[1024 + 0x38..1024 + 0x3A].copy_from_slice(&[0x53, 0xEF]);
        assert_eq!(judge(&page), Some((Kind::FileSystem, "ext2/3/4", Some(200 << 12))));
        page[1024 + 0x5A] = 1;
        assert_eq!(judge(&page), None, "a backup");
        let mut page = vec![0; PAGE];
        page[512..520].copy_from_slice(b"LABELONE");
        page[512 + 20] = 32;
        page[512 + 64 + 2] = 3;
        assert_eq!(judge(&page), Some((Kind::FileSystem, "LVM", Some(3 << 16))));
        // A label that leads out of its sector, or to nothing.
        for wrong in [0xFF, 0] {
            page[512 + 21] = wrong;
            page[512 + 20] = 128;
            assert_eq!(judge(&page), Some((Kind::FileSystem, "LVM", None)));
        }
        assert_eq!(judge(&vec![0xFF; PAGE]), None);
    }

    #[test]
    fn any_bytes_are_judged_without_panic() {
        for value in 0..=255u8 {
            let mut page = vec![value; PAGE];
            page[510..512].copy_from_slice(&[0x55, 0xAA]);
            for magic in [&b"XFSB"[..], b"\0\0\0NTFS    "] {
                page[..magic.len()].copy_from_slice(magic);
                judge(&page);
            }
        }
    }
}
