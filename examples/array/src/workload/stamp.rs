// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the workload writes: every 512-byte sector says which sector it is and which write made it.
//!
//! ```text
//! 0   8         16        24          32                                  512
//! │seed │ address │ version │ check    │ words derived from the three     │
//! ```
//!
//! The words are not linear over XOR: what a wrong reconstruction makes of several sectors is no stamp.
//!
//! A sector that reads back with a valid stamp was written by this run, at this address, by that
//! write: lost, stale, misplaced and damaged writes all show. A sector of zeros was never written.

/// Bytes of a sector.
pub const SECTOR: usize = 512;

/// What a sector was found to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Never written.
    Zero,
    /// Written by this run at this address.
    Version(u64),
    /// Written by this run at another address.
    Misplaced {
        /// The address it was meant for.
        address: u64,
        /// The write that made it.
        version: u64,
    },
    /// Neither zeros nor a whole stamp.
    Damaged,
}

fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Fills `sector` with the stamp of `version` at `address`.
pub fn write(sector: &mut [u8], seed: u64, address: u64, version: u64) {
    let check = mix(seed ^ mix(address ^ mix(version)));
    let head = [seed, address, version, check];
    for (index, word) in sector.chunks_exact_mut(8).enumerate() {
        let value = head.get(index).copied();
        let value = value.unwrap_or_else(|| mix(check.wrapping_add(index as u64)));
        word.copy_from_slice(&value.to_le_bytes());
    }
}

/// Says what `sector` holds.
#[must_use]
pub fn read(sector: &[u8], seed: u64, address: u64) -> Content {
    let word = |index: usize| {
        let bytes = sector.get(index * 8..index * 8 + 8);
        bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
    };
    if sector.iter().all(|byte| *byte == 0) {
        return Content::Zero;
    }
    let (at, version) = (word(1), word(2));
    let mut expected = [0; SECTOR];
    write(&mut expected, seed, at, version);
    match sector == expected {
        false => Content::Damaged,
        true if at == address => Content::Version(version),
        true => Content::Misplaced { address: at, version },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_wrong_reconstruction_makes_of_stamps_is_no_stamp() {
        let stamp = |address, version| {
            let mut sector = [0; SECTOR];
            write(&mut sector, 1, address, version);
            sector
        };
        for (one, two, three) in [(1, 2, 3), (5, 5, 4), (7, 8, 15)] {
            // The address and the versions cancel out to an address and a version.
            let (a, b, c) = (stamp(7, one), stamp(9, two), stamp(9, three));
            let mut xor = [0; SECTOR];
            for (index, byte) in xor.iter_mut().enumerate() {
                *byte = a[index] ^ b[index] ^ c[index];
            }
            assert_eq!(read(&xor, 1, 7), Content::Damaged, "{one} {two} {three}");
            let words: Vec<&[u8]> = xor.chunks_exact(8).collect();
            let version = one ^ two ^ three;
            let stamp = stamp(7, version);
            let alike = words.iter().zip(stamp.chunks_exact(8)).skip(3).filter(|(a, b)| **a == *b);
            assert_eq!(alike.count(), 0, "{one} {two} {three}");
        }
    }

    #[test]
    fn a_stamp_tells_its_version_and_any_flip_is_seen() {
        let mut sector = [0; SECTOR];
        assert_eq!(read(&sector, 1, 7), Content::Zero);
        write(&mut sector, 1, 7, 42);
        assert_eq!(read(&sector, 1, 7), Content::Version(42));
        assert_eq!(read(&sector, 1, 8), Content::Misplaced { address: 7, version: 42 });
        assert_eq!(read(&sector, 2, 7), Content::Damaged, "another run's sector");
        for bit in 0..SECTOR * 8 {
            sector[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&sector, 1, 7), Content::Damaged, "bit {bit}");
            sector[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
