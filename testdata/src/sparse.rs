// SPDX-License-Identifier: MIT OR Apache-2.0
//! A disk image of which only the 4 KiB blocks that are not all zero are kept.

use liblzma::read::XzDecoder;
use liblzma::stream::{IGNORE_CHECK, Stream};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

const BLOCK: usize = 4096;
const ZEROS: [u8; BLOCK] = [0; BLOCK];

/// A disk image without its zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SparseImage {
    /// Length in bytes.
    pub len: u64,
    /// Blocks of 4 KiB that hold something, by number.
    pub blocks: BTreeMap<u64, Box<[u8]>>,
}

impl SparseImage {
    /// An image of `len` zeros.
    #[must_use]
    pub fn zeroed(len: u64) -> Self {
        Self { len, blocks: BTreeMap::new() }
    }

    /// The image that `reader` gives.
    ///
    /// # Errors
    /// What the reader says.
    pub fn read_from(reader: &mut dyn Read) -> io::Result<Self> {
        let mut image = Self::zeroed(0);
        let mut chunk = vec![0; 256 * BLOCK];
        loop {
            let got = fill(reader, &mut chunk)?;
            for part in chunk[..got].chunks(BLOCK) {
                if *part != ZEROS[..part.len()] {
                    let mut block = part.to_vec();
                    block.resize(BLOCK, 0);
                    image.blocks.insert(image.len / BLOCK as u64, block.into());
                }
                image.len += part.len() as u64;
            }
            if got < chunk.len() {
                return Ok(image);
            }
        }
    }

    /// Unpacks an `.xz` file, without its integrity check: SHA-256 over 64 MiB of zeros would take
    /// most of the time, and `PACKED-SHA256SUMS` covers the file.
    ///
    /// # Errors
    /// What the file system or the decoder says.
    pub fn unpack(path: &Path) -> io::Result<Self> {
        let decoder = Stream::new_stream_decoder(u64::MAX, IGNORE_CHECK)?;
        Self::read_from(&mut XzDecoder::new_stream(File::open(path)?, decoder))
    }

    /// Fills `into` from `offset` on.
    ///
    /// # Panics
    /// If the range leaves the image.
    pub fn read_at(&self, offset: u64, into: &mut [u8]) {
        self.check(offset, into.len());
        for (block, skip, part) in pieces(offset, into.len()) {
            let into = &mut into[part.clone()];
            match self.blocks.get(&block) {
                Some(bytes) => into.copy_from_slice(&bytes[skip..skip + part.len()]),
                None => into.fill(0),
            }
        }
    }

    /// Puts `bytes` at `offset`.
    ///
    /// # Panics
    /// If the range leaves the image.
    pub fn write_at(&mut self, offset: u64, bytes: &[u8]) {
        self.check(offset, bytes.len());
        for (block, skip, part) in pieces(offset, bytes.len()) {
            let to = self.blocks.entry(block).or_insert_with(|| ZEROS.into());
            to[skip..skip + part.len()].copy_from_slice(&bytes[part]);
        }
    }

    /// The `len` bytes from `offset` on.
    ///
    /// # Panics
    /// If the range leaves the image.
    #[must_use]
    pub fn bytes(&self, offset: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.read_at(offset, &mut bytes);
        bytes
    }

    /// The whole image.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        self.bytes(0, self.len as usize)
    }

    /// The first `len` bytes of the image; it becomes longer if `len` is larger.
    #[must_use]
    pub fn resized(&self, len: u64) -> Self {
        let kept = self.len.min(len);
        let mut image = Self::zeroed(len);
        for (number, bytes) in &self.blocks {
            let from = number * BLOCK as u64;
            if from < kept {
                let part = (kept - from).min(BLOCK as u64) as usize;
                image.write_at(from, &bytes[..part]);
            }
        }
        image
    }

    /// Writes the image to a new file with holes where it is zero.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_to(&self, path: &Path) -> io::Result<()> {
        let file = File::create(path)?;
        file.set_len(self.len)?;
        for (number, bytes) in &self.blocks {
            let from = number * BLOCK as u64;
            let part = (self.len - from).min(BLOCK as u64) as usize;
            file.write_all_at(&bytes[..part], from)?;
        }
        Ok(())
    }

    fn check(&self, offset: u64, len: usize) {
        let end = offset.checked_add(len as u64);
        assert!(
            end.is_some_and(|end| end <= self.len),
            "{len} bytes at {offset} leave an image of {} bytes",
            self.len
        );
    }
}

/// `(block number, offset in the block, range of the caller's buffer)` for every block touched.
fn pieces(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == len {
            return None;
        }
        let at = offset + done as u64;
        let skip = (at % BLOCK as u64) as usize;
        let part = (BLOCK - skip).min(len - done);
        let piece = (at / BLOCK as u64, skip, done..done + part);
        done += part;
        Some(piece)
    })
}

/// Reads until `chunk` is full or the reader is at its end.
fn fill(reader: &mut dyn Read, chunk: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < chunk.len() {
        match reader.read(&mut chunk[got..])? {
            0 => break,
            more => got += more,
        }
    }
    Ok(got)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back_across_block_borders() {
        let mut image = SparseImage::zeroed(20_000);
        let bytes: Vec<u8> = (0..9000u32).map(|n| (n % 251) as u8 + 1).collect();
        image.write_at(4000, &bytes);
        assert_eq!(image.bytes(4000, 9000), bytes);
        assert_eq!(image.bytes(3990, 10), [0; 10]);
        assert_eq!(image.to_vec().len(), 20_000);
        assert_eq!(SparseImage::read_from(&mut image.to_vec().as_slice()).unwrap(), image);
    }

    #[test]
    fn a_shortened_image_forgets_what_was_cut_off() {
        let mut image = SparseImage::zeroed(8192);
        image.write_at(0, &[7; 8192]);
        let longer = image.resized(100).resized(8192);
        assert_eq!(longer.bytes(0, 100), [7; 100]);
        assert_eq!(longer.bytes(100, 8092), [0; 8092]);
    }

    #[test]
    #[should_panic(expected = "leave an image")]
    fn reading_past_the_end_panics() {
        SparseImage::zeroed(100).read_at(90, &mut [0; 11]);
    }
}
