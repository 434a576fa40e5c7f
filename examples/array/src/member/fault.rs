// SPDX-License-Identifier: MIT OR Apache-2.0
//! A member behind a volatile write cache, with faults that a test or a demo injects.
//!
//! ```text
//! write ──▶ cache: every version of a block since the last flush ──flush──▶ medium
//!                    │
//!               power cut: of each block any one version, or the one on the medium, survives
//! ```

use super::{Member, MemberError, byte_range};
use raid_core::metadata::DiskShape;
use raid_core::units::Lba;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What is wrong with a disk, shared with whoever injects it.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    gone: bool,
    /// How often it was pulled: what its cache held is lost each time.
    pulls: u64,
    unreadable: Vec<Lba>,
    /// Blocks that cannot be written.
    unwritable: Vec<Lba>,
    /// Flushes that fail from now on.
    bad_flushes: u32,
    /// A flush is answered and does nothing.
    lies: bool,
}

impl Faults {
    /// From now on every request fails, as if the disk had been pulled.
    pub fn pull(&self) {
        let mut state = self.0.lock().expect("no holder panics");
        state.gone = true;
        state.pulls += 1;
    }

    /// The disk is back, with what was on its medium when it was pulled.
    pub fn plug(&self) {
        self.0.lock().expect("no holder panics").gone = false;
    }

    /// Reading `at` fails until it is written.
    pub fn make_unreadable(&self, at: Lba) {
        self.0.lock().expect("no holder panics").unreadable.push(at);
    }

    /// Reading `at` works again, and gives what the block held.
    pub fn make_readable(&self, at: Lba) {
        self.0.lock().expect("no holder panics").unreadable.retain(|bad| *bad != at);
    }

    /// Writing `at` fails from now on; the block keeps what it has.
    pub fn make_unwritable(&self, at: Lba) {
        self.0.lock().expect("no holder panics").unwritable.push(at);
    }

    /// The next `count` flushes fail, and what is in the cache stays there.
    pub fn fail_flushes(&self, count: u32) {
        self.0.lock().expect("no holder panics").bad_flushes = count;
    }

    /// From now on a flush succeeds without a byte leaving the cache.
    pub fn lie_about_flushes(&self) {
        self.0.lock().expect("no holder panics").lies = true;
    }

    /// How often the disk was pulled, unless it is away.
    fn check(&self) -> Result<u64, MemberError> {
        let state = self.0.lock().expect("no holder panics");
        if state.gone { Err(MemberError::Gone) } else { Ok(state.pulls) }
    }
}

/// Any member, behind a volatile cache.
#[derive(Debug)]
pub struct FaultMember {
    medium: Box<dyn Member>,
    /// Versions written since the last flush, oldest first.
    cache: BTreeMap<u64, Vec<Vec<u8>>>,
    faults: Faults,
    pulls: u64,
}

impl FaultMember {
    /// `medium` behind an empty cache.
    #[must_use]
    pub fn new(medium: Box<dyn Member>, faults: Faults) -> Self {
        Self { medium, cache: BTreeMap::new(), faults, pulls: 0 }
    }

    fn check(&mut self) -> Result<(), MemberError> {
        let pulls = self.faults.check()?;
        if pulls != self.pulls {
            self.pulls = pulls;
            self.cache.clear();
        }
        Ok(())
    }

    /// Cuts the power: of every block in the cache, `choose(n)` says which of its `n` versions
    /// survives, or that none does. Returns the medium for the next start.
    ///
    /// # Errors
    /// What the medium says.
    pub fn cut_power(
        mut self,
        mut choose: impl FnMut(usize) -> Option<usize>,
    ) -> Result<Box<dyn Member>, MemberError> {
        for (block, versions) in std::mem::take(&mut self.cache) {
            if let Some(version) = choose(versions.len()).and_then(|which| versions.get(which)) {
                self.medium.write(Lba(block), version)?;
            }
        }
        Ok(self.medium)
    }

    /// Changes blocks on the medium behind everybody's back, cache included: silent corruption.
    ///
    /// # Errors
    /// What the medium says.
    pub fn corrupt(&mut self, at: Lba, bytes: &[u8]) -> Result<(), MemberError> {
        let block = self.shape().block_size as usize;
        for (index, _) in bytes.chunks(block).enumerate() {
            self.cache.remove(&(at.0 + index as u64));
        }
        self.medium.write(at, bytes)
    }
}

impl Member for FaultMember {
    fn shape(&self) -> DiskShape {
        self.medium.shape()
    }

    fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), MemberError> {
        self.check()?;
        let block = self.shape().block_size as usize;
        let blocks = at.0..at.0.saturating_add((into.len() / block) as u64);
        if let Some(bad) = (self.faults.0.lock().expect("no holder panics").unreadable.iter())
            .find(|bad| blocks.contains(&bad.0))
        {
            return Err(MemberError::Unreadable(*bad));
        }
        self.medium.read(at, into)?;
        for (cached, versions) in self.cache.range(blocks.clone()) {
            let offset = (cached - blocks.start) as usize * block;
            if let Some(newest) = versions.last() {
                into[offset..offset + block].copy_from_slice(newest);
            }
        }
        Ok(())
    }

    fn write(&mut self, at: Lba, bytes: &[u8]) -> Result<(), MemberError> {
        self.check()?;
        byte_range(self.shape(), at, bytes.len())?;
        let block = self.shape().block_size as usize;
        let blocks = at.0..at.0.saturating_add((bytes.len() / block) as u64);
        let state = self.faults.0.lock().expect("no holder panics");
        if state.unwritable.iter().any(|bad| blocks.contains(&bad.0)) {
            return Err(std::io::Error::other("the medium cannot be written there").into());
        }
        drop(state);
        for (index, version) in bytes.chunks(block).enumerate() {
            let address = at.0 + index as u64;
            self.cache.entry(address).or_default().push(version.to_vec());
            let unreadable = &mut self.faults.0.lock().expect("no holder panics").unreadable;
            unreadable.retain(|bad| bad.0 != address);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), MemberError> {
        self.check()?;
        let mut state = self.faults.0.lock().expect("no holder panics");
        if state.bad_flushes > 0 {
            state.bad_flushes -= 1;
            return Err(std::io::Error::other("the flush failed").into());
        }
        if state.lies {
            return Ok(());
        }
        drop(state);
        for (block, versions) in std::mem::take(&mut self.cache) {
            if let Some(newest) = versions.last() {
                self.medium.write(Lba(block), newest)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::MemoryMember;
    use super::*;

    fn disk() -> FaultMember {
        FaultMember::new(Box::new(MemoryMember::new(8)), Faults::default())
    }

    fn first_byte(disk: &mut dyn Member, at: u64) -> u8 {
        let mut block = [0; 512];
        disk.read(Lba(at), &mut block).unwrap();
        block[0]
    }

    #[test]
    fn a_power_cut_keeps_any_version_of_unflushed_blocks_and_all_flushed_ones() {
        for survivor in [None, Some(0), Some(1)] {
            let mut disk = disk();
            disk.write(Lba(1), &[1; 512]).unwrap();
            disk.write(Lba(2), &[1; 512]).unwrap();
            disk.flush().unwrap();
            disk.write(Lba(2), &[2; 512]).unwrap();
            disk.write(Lba(2), &[3; 512]).unwrap();
            assert_eq!(first_byte(&mut disk, 2), 3);
            let mut medium = disk.cut_power(|_| survivor).unwrap();
            assert_eq!(first_byte(&mut *medium, 1), 1);
            let expected = survivor.map_or(1, |version| [2, 3][version]);
            assert_eq!(first_byte(&mut *medium, 2), expected);
        }
    }

    #[test]
    fn a_pulled_disk_answers_nothing() {
        let mut disk = disk();
        disk.faults.clone().pull();
        assert!(matches!(disk.read(Lba(0), &mut [0; 512]), Err(MemberError::Gone)));
        assert!(matches!(disk.write(Lba(0), &[0; 512]), Err(MemberError::Gone)));
        assert!(matches!(disk.flush(), Err(MemberError::Gone)));
    }

    #[test]
    fn a_failed_flush_or_write_changes_nothing_and_a_lying_flush_loses_what_it_promised() {
        let mut disk = disk();
        let faults = disk.faults.clone();
        disk.write(Lba(1), &[1; 512]).unwrap();
        faults.fail_flushes(1);
        assert!(disk.flush().is_err());
        faults.make_unwritable(Lba(2));
        assert!(disk.write(Lba(1), &[2; 1024]).is_err());
        assert_eq!(first_byte(&mut disk, 1), 1);
        faults.lie_about_flushes();
        disk.flush().unwrap();
        let mut medium = disk.cut_power(|_| None).unwrap();
        assert_eq!(first_byte(&mut *medium, 1), 0);
    }

    #[test]
    fn an_unreadable_block_is_healed_by_writing_it() {
        let mut disk = disk();
        disk.faults.clone().make_unreadable(Lba(3));
        assert!(matches!(disk.read(Lba(2), &mut [0; 1024]), Err(MemberError::Unreadable(Lba(3)))));
        disk.write(Lba(3), &[4; 512]).unwrap();
        assert_eq!(first_byte(&mut disk, 3), 4);
    }
}
