// SPDX-License-Identifier: MIT OR Apache-2.0
//! Volumes with content like that of a file system, the same for a seed in every run.

pub(crate) const PAGE: usize = 4096;

/// Numbers that look random.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// Noise: an encrypted volume.
pub(crate) fn noise(seed: u64, pages: usize) -> Vec<u8> {
    let mut numbers = Numbers(seed ^ 0x5EED);
    (0..pages * PAGE / 8).flat_map(|_| numbers.next().to_le_bytes()).collect()
}

/// A partition table, then files of text, records, tables and noise, one after another, with free space
/// between them.
pub(crate) fn mixed(seed: u64, pages: usize) -> Vec<u8> {
    let mut numbers = Numbers(seed);
    let mut volume = partition_table(&mut numbers, pages);
    while volume.len() < pages * PAGE {
        let length = (2 + numbers.below(60)) as usize * PAGE;
        volume.extend(file(&mut numbers, length));
        // A file ends somewhere in its last page.
        let end = volume.len() - numbers.below(PAGE as u64 - 1) as usize;
        volume[end..].fill(0);
    }
    volume.truncate(pages * PAGE);
    volume
}

/// A file of one kind, or free space.
pub(crate) fn file(numbers: &mut Numbers, length: usize) -> Vec<u8> {
    match numbers.below(10) {
        0..4 => words(numbers, length),
        4..6 => records(numbers, length),
        6..8 => table(numbers, length),
        8 => noise(numbers.next(), length / PAGE),
        _ => vec![0; length],
    }
}

/// A classic partition table with one partition from 1 MiB to the end; the sectors after it are free.
fn partition_table(numbers: &mut Numbers, pages: usize) -> Vec<u8> {
    let mut bytes = vec![0; 16 * PAGE];
    let sectors = (pages * PAGE / 512) as u32;
    bytes[440..444].copy_from_slice(&(numbers.next() as u32).to_le_bytes());
    bytes[446 + 4] = 0x83;
    bytes[446 + 8..446 + 12].copy_from_slice(&128u32.to_le_bytes());
    bytes[446 + 12..446 + 16].copy_from_slice(&(sectors - 128).to_le_bytes());
    bytes[510..512].copy_from_slice(&[0x55, 0xAA]);
    bytes
}

/// Text of a vocabulary of its own.
fn words(numbers: &mut Numbers, length: usize) -> Vec<u8> {
    let word = |numbers: &mut Numbers| -> Vec<u8> {
        let letters = 2 + numbers.below(8);
        (0..letters).map(|_| b"etaoinshrdlucmfwypvbgkjq"[numbers.below(24) as usize]).collect()
    };
    let vocabulary: Vec<Vec<u8>> = (0..60 + numbers.below(300)).map(|_| word(numbers)).collect();
    let mut bytes = Vec::with_capacity(length + 16);
    while bytes.len() < length {
        // Frequent words are those at the front.
        let span = 1 + numbers.below(vocabulary.len() as u64);
        bytes.extend_from_slice(&vocabulary[numbers.below(span) as usize]);
        bytes.extend_from_slice(if numbers.below(12) == 0 { b".\n" } else { b" " });
    }
    bytes.truncate(length);
    bytes
}

/// A log: lines that count and repeat.
fn records(numbers: &mut Numbers, length: usize) -> Vec<u8> {
    let service = numbers.below(100_000);
    let (mut second, mut bytes) = (numbers.below(1 << 30), Vec::with_capacity(length + 128));
    while bytes.len() < length {
        second += numbers.below(9);
        let (kind, value) = (numbers.below(4), numbers.below(10_000));
        let kind = ["accepted", "refused", "timeout", "closed"][kind as usize];
        bytes.extend(format!("{second} service-{service}: request {value} {kind}\n").bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Binary records of one length, with fields that grow.
fn table(numbers: &mut Numbers, length: usize) -> Vec<u8> {
    let (magic, mut key) = (numbers.next() as u32, numbers.below(1 << 24) as u32);
    let fields = 2 + numbers.below(6);
    let mut bytes = Vec::with_capacity(length + 64);
    while bytes.len() < length {
        bytes.extend(magic.to_le_bytes());
        key = key.wrapping_add(1 + numbers.below(3) as u32);
        bytes.extend(key.to_le_bytes());
        (0..fields).for_each(|_| bytes.extend((numbers.below(2000) as u32).to_le_bytes()));
    }
    bytes.truncate(length);
    bytes
}
