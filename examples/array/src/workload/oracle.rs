// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which versions of each sector a reader may see.
//!
//! Per sector three versions are kept: the newest that is *durable* (acknowledged before a flush
//! that was acknowledged as well), the newest *acknowledged*, the newest *submitted*. While the
//! array runs a read must give something from acknowledged-when-it-began to submitted-by-its-end.
//! After a power cut anything from durable to submitted is right, and what is found then is what
//! stays.
//!
//! Two things weaken that, and only for the sectors that the array itself calls at risk. Copies that were
//! caught by a power cut may differ until a resync has reached them: if the one that was read dies first,
//! the other one counts, which has anything from what was *promised* before the cut. And a parity set that
//! loses a member in such a row has lost what that member held, until it is written again.

use super::stamp::{self, Content, SECTOR};
use std::fmt;

/// Tracks one array.
#[derive(Clone, Debug)]
pub struct Oracle {
    seed: u64,
    durable: Vec<u64>,
    acknowledged: Vec<u64>,
    submitted: Vec<u64>,
    /// What was found after a power cut, and what another copy of it may hold, from and to.
    adopted: Vec<u64>,
    promised: Vec<u64>,
    reachable: Vec<u64>,
    /// May hold anything.
    lost: Vec<bool>,
    /// In a row whose parity may be wrong.
    hole: Vec<bool>,
    /// The newest version that was submitted before a member's death was noticed, and whether one is not.
    unsure: u64,
    dying: bool,
    newest: u64,
}

/// One sector that was not right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Its address in the array.
    pub sector: u64,
    /// What was there.
    pub found: Content,
    /// The lowest version that would have been right.
    pub from: u64,
    /// The highest.
    pub to: u64,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sector {}: expected version {} to {}, found ", self.sector, self.from, self.to)?;
        match self.found {
            Content::Zero => f.write_str("zeros"),
            Content::Version(version) => write!(f, "version {version}"),
            Content::Misplaced { address, version } => {
                write!(f, "version {version} of sector {address}")
            }
            Content::Damaged => f.write_str("damaged bytes"),
        }
    }
}

/// What was acknowledged when a read began.
#[derive(Clone, Debug)]
pub struct ReadFloor {
    sector: u64,
    floor: Vec<u64>,
    lost: Vec<bool>,
}

/// What a flush will make durable once it is acknowledged.
#[derive(Clone, Debug)]
pub struct FlushFloor(Vec<u64>);

impl Oracle {
    /// Of an array of this many sectors, all zeros.
    #[must_use]
    pub fn new(seed: u64, sectors: u64) -> Self {
        let versions = vec![0; sectors as usize];
        let (acknowledged, submitted) = (versions.clone(), versions.clone());
        let (adopted, promised, reachable) = (versions.clone(), versions.clone(), versions.clone());
        let lost = vec![false; versions.len()];
        let (durable, hole) = (versions, lost.clone());
        Self {
            seed,
            durable,
            acknowledged,
            submitted,
            adopted,
            promised,
            reachable,
            lost,
            hole,
            unsure: 0,
            dying: false,
            newest: 0,
        }
    }

    /// Sectors of the array.
    #[must_use]
    pub fn sectors(&self) -> u64 {
        self.durable.len() as u64
    }

    /// All copies agree: what was found is what every one of them holds.
    pub fn copies_agree(&mut self) {
        self.promised.clone_from(&self.durable);
        self.reachable.clone_from(&self.submitted);
        self.hole.fill(false);
    }

    /// The copy that was read after a power cut is gone, and another one may be older, or newer.
    pub fn other_copy_counts(&mut self, sector: u64) {
        let at = sector as usize;
        if self.acknowledged[at] == self.adopted[at] {
            self.acknowledged[at] = self.promised[at];
            self.durable[at] = self.promised[at];
            self.submitted[at] = self.submitted[at].max(self.reachable[at]);
        }
    }

    /// The sector may hold anything until it is written, and again if another member dies before parity
    /// is known to be right.
    pub fn lose(&mut self, sector: u64) {
        self.lost[sector as usize] = true;
        self.hole[sector as usize] = true;
    }

    /// Another member has died; what is written before the array notices may meet its death half-way.
    pub fn member_died(&mut self) {
        self.dying = true;
        self.lost.iter_mut().zip(&self.hole).for_each(|(lost, hole)| *lost |= hole);
    }

    /// The array has noticed.
    pub fn death_noticed(&mut self) {
        self.dying = false;
        self.unsure = self.newest;
    }

    /// The bytes of a write of `version` over `count` sectors from `sector`.
    #[must_use]
    pub fn submit_write(&mut self, sector: u64, count: u64, version: u64) -> Vec<u8> {
        let mut bytes = vec![0; count as usize * SECTOR];
        self.newest = version;
        for (index, chunk) in bytes.chunks_exact_mut(SECTOR).enumerate() {
            let address = sector + index as u64;
            self.submitted[address as usize] = version;
            stamp::write(chunk, self.seed, address, version);
        }
        bytes
    }

    /// The write was acknowledged.
    pub fn acknowledge_write(&mut self, sector: u64, count: u64, version: u64, durable: bool) {
        for address in sector as usize..(sector + count) as usize {
            self.acknowledged[address] = version;
            self.lost[address] &= self.dying || version <= self.unsure;
            if durable {
                self.durable[address] = version;
            }
        }
    }

    /// A flush begins.
    #[must_use]
    pub fn submit_flush(&self) -> FlushFloor {
        FlushFloor(self.acknowledged.clone())
    }

    /// The flush was acknowledged.
    pub fn acknowledge_flush(&mut self, flush: &FlushFloor) {
        let acknowledged = self.durable.iter_mut().zip(&self.acknowledged);
        for ((durable, acknowledged), floor) in acknowledged.zip(&flush.0) {
            // A copy that took over meanwhile may be older than what was acknowledged.
            *durable = (*durable).max((*floor).min(*acknowledged));
        }
    }

    /// A read begins.
    #[must_use]
    pub fn submit_read(&self, sector: u64, count: u64) -> ReadFloor {
        let range = sector as usize..(sector + count) as usize;
        let lost = self.lost[range.clone()].to_vec();
        ReadFloor { sector, floor: self.acknowledged[range].to_vec(), lost }
    }

    /// The first sector of a read that is not right, if any.
    #[must_use]
    pub fn check_read(&self, read: &ReadFloor, bytes: &[u8]) -> Option<Wrong> {
        bytes.chunks_exact(SECTOR).zip(&read.floor).enumerate().find_map(
            |(index, (chunk, from))| {
                let sector = read.sector + index as u64;
                // A copy that took over meanwhile may be older than what was acknowledged.
                let from = (*from).min(self.acknowledged[sector as usize]);
                self.judge(sector, chunk, from).err().filter(|_| !read.lost[index])
            },
        )
    }

    /// Takes what a sector holds after a power cut as what it holds from now on.
    ///
    /// # Errors
    /// It is older than what was durable, or not of this run.
    pub fn adopt(&mut self, sector: u64, bytes: &[u8]) -> Result<(), Wrong> {
        let index = sector as usize;
        let version = self.judge(sector, bytes, self.durable[index])?;
        // What was written since the cut before and flushed is on every copy; what was found then is not.
        if self.durable[index] != self.adopted[index] {
            self.promised[index] = self.durable[index];
        }
        self.reachable[index] = self.reachable[index].max(self.submitted[index]);
        self.adopted[index] = version;
        self.durable[index] = version;
        self.acknowledged[index] = version;
        self.submitted[index] = version;
        Ok(())
    }

    fn judge(&self, sector: u64, bytes: &[u8], from: u64) -> Result<u64, Wrong> {
        let to = self.submitted[sector as usize];
        let found = stamp::read(bytes, self.seed, sector);
        match found {
            Content::Zero if from == 0 => Ok(0),
            Content::Version(version) if (from..=to).contains(&version) => Ok(version),
            _ if self.lost[sector as usize] => Ok(from),
            _ => Err(Wrong { sector, found, from, to }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_stale_or_misplaced_write_is_caught() {
        let mut oracle = Oracle::new(9, 8);
        let old = oracle.submit_write(2, 1, 1);
        oracle.acknowledge_write(2, 1, 1, false);
        let read = oracle.submit_read(2, 1);
        assert_eq!(oracle.check_read(&read, &old), None);
        assert!(oracle.check_read(&read, &[0; SECTOR]).is_some(), "lost");
        let new = oracle.submit_write(2, 1, 2);
        assert_eq!(oracle.check_read(&read, &old), None, "still in flight");
        assert_eq!(oracle.check_read(&read, &new), None, "already there");
        oracle.acknowledge_write(2, 1, 2, false);
        let read = oracle.submit_read(2, 1);
        assert!(oracle.check_read(&read, &old).is_some(), "stale");
        let read = oracle.submit_read(3, 1);
        assert!(oracle.check_read(&read, &new).is_some(), "misplaced");
    }

    #[test]
    fn a_copy_that_takes_over_may_differ_only_where_nothing_was_written_since_the_cut() {
        let mut oracle = Oracle::new(9, 2);
        let old = oracle.submit_write(0, 1, 1);
        oracle.acknowledge_write(0, 1, 1, true);
        let new = oracle.submit_write(0, 1, 2);
        oracle.adopt(0, &new).unwrap();
        let read = oracle.submit_read(0, 1);
        assert!(oracle.check_read(&read, &old).is_some(), "what was found stays");
        oracle.other_copy_counts(0);
        let read = oracle.submit_read(0, 1);
        assert_eq!(oracle.check_read(&read, &old), None);
        assert!(oracle.check_read(&read, &[0; SECTOR]).is_some(), "promised before the cut");
        let newest = oracle.submit_write(0, 1, 3);
        oracle.acknowledge_write(0, 1, 3, false);
        oracle.other_copy_counts(0);
        let read = oracle.submit_read(0, 1);
        assert!(oracle.check_read(&read, &new).is_some(), "written since, so on both");
        oracle.lose(0);
        assert_eq!(oracle.check_read(&read, &[7; SECTOR]), None, "lost");
        oracle.member_died();
        oracle.acknowledge_write(0, 1, 3, false);
        assert_eq!(oracle.check_read(&read, &[7; SECTOR]), None, "written while a member died");
        oracle.death_noticed();
        oracle.acknowledge_write(0, 1, 4, false);
        assert!(oracle.check_read(&read, &[7; SECTOR]).is_some(), "written again");
        assert_eq!(oracle.check_read(&read, &newest), None);
    }

    #[test]
    fn after_a_power_cut_only_flushed_versions_are_owed() {
        let mut oracle = Oracle::new(9, 4);
        let first = oracle.submit_write(0, 1, 1);
        oracle.acknowledge_write(0, 1, 1, false);
        assert!(oracle.clone().adopt(0, &[0; SECTOR]).is_ok(), "not flushed yet");
        let flush = oracle.submit_flush();
        oracle.acknowledge_flush(&flush);
        assert!(oracle.clone().adopt(0, &[0; SECTOR]).is_err(), "flushed, so owed");
        let second = oracle.submit_write(0, 1, 2);
        assert!(oracle.clone().adopt(0, &second).is_ok(), "in flight at the cut");
        oracle.adopt(0, &first).unwrap();
        let read = oracle.submit_read(0, 1);
        assert!(oracle.check_read(&read, &second).is_some(), "what was found stays");
    }
}
