// SPDX-License-Identifier: MIT OR Apache-2.0
//! Blocks of file systems that say where in the volume they stand.
//!
//! | block | says |
//! |---|---|
//! | ext2/3/4 superblock | its group, and how long groups are |
//! | XFS superblock with AGF behind it | its allocation group, and how long groups are |
//! | XFS v5 trees and directories | its own address |
//! | NTFS file record | its number in the table, which usually begins in one piece |
//!
//! Where the file system begins in the volume is not known: blocks of one kind and one file system must agree on it.
//! Copies in journals and on parity stand elsewhere, so that the majority counts and the rest costs little.

use crate::guess::hypothesis::Hypothesis;
use crate::guess::origin::{big, little};
use crate::guess::sample::{PAGE, Sample};
use std::collections::{BTreeMap, BTreeSet};

/// Bits of each block that agrees, beyond the first, and of each that does not.
const AGREES: f32 = 5.0;
const DISAGREES: f32 = -1.5;
/// Blocks of one kind that count.
const MOST: usize = 400;

/// What says so, and in which file system: only blocks with equal keys are compared.
type Key = (&'static str, u64);
/// A column, and a chunk of it.
type Chunk = (usize, u64);

/// A block that says where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    key: Key,
    page: u64,
    column: usize,
    /// Bytes from the beginning of the file system, or of the table, to the beginning of the page.
    says: i128,
}

/// How many blocks stand where they say, and how many do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Agreement {
    pub(crate) agree: u32,
    pub(crate) disagree: u32,
}

impl Agreement {
    /// As evidence; the first of each kind only says where the file system begins.
    pub(crate) fn bits(self) -> f32 {
        self.agree as f32 * AGREES + self.disagree as f32 * DISAGREES
    }
}

/// All that were sampled.
pub(crate) fn find(sample: &Sample) -> Vec<Address> {
    let mut found = Vec::new();
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for (column, pages) in sample.columns().iter().enumerate() {
        for row in (0..sample.rows()).filter(|row| pages.has_data(*row)) {
            for (key, says) in judge(pages.page(row)) {
                let count = counts.entry(key.0).or_default();
                *count += 1;
                if *count <= MOST {
                    found.push(Address { key, page: sample.page_number(row), column, says });
                }
            }
        }
    }
    found
}

/// What a hypothesis makes of them.
pub(crate) fn agreement(addresses: &[Address], hypothesis: &Hypothesis) -> Agreement {
    let mut keys: BTreeMap<Key, BTreeMap<i128, BTreeSet<Chunk>>> = BTreeMap::new();
    for address in addresses {
        let Some(volume) = hypothesis.volume_page(address.column, address.page) else { continue };
        let base = i128::from(volume) * PAGE as i128 - address.says;
        // Blocks of one chunk are one witness.
        let chunk = (
            address.column,
            (address.page - hypothesis.phase().min(address.page)) / hypothesis.chunk(),
        );
        keys.entry(address.key).or_default().entry(base).or_default().insert(chunk);
    }
    let mut sum = Agreement::default();
    for bases in keys.values() {
        let counts = || bases.values().map(|chunks| chunks.len() as u32);
        let most = counts().max().unwrap_or(0);
        sum.agree += most.saturating_sub(1);
        sum.disagree += counts().sum::<u32>() - most;
    }
    sum
}

type Said = (Key, i128);

fn judge(page: &[u8]) -> Vec<Said> {
    [ext(page, 0), ext(page, 1024), xfs_group(page), xfs_block(page), ntfs(page)]
        .into_iter()
        .flatten()
        .collect()
}

/// A superblock `at` bytes into the page. The first one stands 1024 bytes into its block.
fn ext(page: &[u8], at: usize) -> Option<Said> {
    let sb = page.get(at..at + 1024)?;
    let (log, group) = (little(sb, 0x18, 4), little(sb, 0x5A, 2));
    if sb[0x38..0x3A] != [0x53, 0xEF] || log > 6 {
        return None;
    }
    let block = 1024i128 << log;
    let first =
        i128::from(little(sb, 0x14, 4)) + i128::from(group) * i128::from(little(sb, 0x20, 4));
    let inside = if group == 0 && log > 0 { 1024 } else { 0 };
    let says = first * block + inside - at as i128;
    Some((("ext superblock", little(sb, 0x68, 8)), says))
}

/// The first page of an allocation group with sectors of 512 bytes.
fn xfs_group(page: &[u8]) -> Option<Said> {
    if &page[..4] != b"XFSB" || &page[512..516] != b"XAGF" {
        return None;
    }
    let group = i128::from(big(page, 84, 4)) * i128::from(big(page, 4, 4));
    Some((("XFS group", big(page, 32, 8)), i128::from(big(page, 512 + 8, 4)) * group))
}

/// A block of a tree or a directory of XFS with checksums, which holds its own address in sectors.
fn xfs_block(page: &[u8]) -> Option<Said> {
    let at = match &page[..4] {
        b"AB3B" | b"AB3C" | b"IAB3" | b"FIB3" | b"R3FC" | b"RMB3" => 16,
        b"BMA3" => 24,
        b"XDB3" | b"XDD3" => 8,
        _ => return None,
    };
    let address = big(page, at, 8);
    (address < 1 << 48).then_some((("XFS block", 0), i128::from(address) * 512))
}

/// A page of file records of 1 KiB, each with its number.
fn ntfs(page: &[u8]) -> Option<Said> {
    let record = |index: usize| {
        let record = &page[index * 1024..];
        (&record[..4] == b"FILE").then(|| little(record, 0x2C, 4))
    };
    let first = record(0)?;
    let follow = (1..4).all(|index| record(index) == Some(first + index as u64));
    follow.then_some((("NTFS file record", 0), i128::from(first) * 1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_say_where_they_stand() {
        let mut page = vec![0; PAGE];
        let superblock = |page: &mut [u8], log: u8, group: u8, first: u8| {
            page[0x14] = first;
            page[0x18] = log;
            page[0x21] = 0x80; // 32768 blocks a group
            page[0x38..0x3A].copy_from_slice(&[0x53, 0xEF]);
            page[0x5A] = group;
        };
        superblock(&mut page, 2, 3, 0);
        assert_eq!(judge(&page), [(("ext superblock", 0), 3 << 27)]);
        // The first one is 1024 bytes into its block, of any size.
        for (log, first) in [(2, 0), (0, 1)] {
            let mut page = vec![0; PAGE];
            superblock(&mut page[1024..], log, 0, first);
            assert_eq!(judge(&page), [(("ext superblock", 0), 0)]);
        }
        let mut page = vec![0; PAGE];
        page[..4].copy_from_slice(b"XDB3");
        page[14] = 2;
        assert_eq!(judge(&page), [(("XFS block", 0), 512 * 512)]);
        let mut page = vec![0; PAGE];
        for index in 0..4 {
            page[index * 1024..][..4].copy_from_slice(b"FILE");
            page[index * 1024 + 0x2C] = 40 + index as u8;
        }
        assert_eq!(judge(&page), [(("NTFS file record", 0), 40 << 10)]);
        page[2048 + 0x2C] = 1;
        assert_eq!(judge(&page), []);
    }
}
