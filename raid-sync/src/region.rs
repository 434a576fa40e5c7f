// SPDX-License-Identifier: MIT OR Apache-2.0
//! The dirty log: one byte for each region of the set.
//!
//! | state | the record says | input | next |
//! |---|---|---|---|
//! | Clean | clean | write wants to start | Wanted, the write waits for the record |
//! | Unwritten | unwritten | write wants to start | Wanted, and the region is owed a resync |
//! | Wanted | clean or on its way | a record is issued | Writing |
//! | Writing | dirty, on its way | durable on every member | Dirty, waiters woken |
//! | Writing | dirty, on its way | not on every member | Wanted |
//! | Dirty | dirty | a sweep finds no write in flight | Resting |
//! | Resting | dirty | write | Dirty |
//! | Dirty, Resting | dirty | idle for long enough, nothing owed | CleanWanted, all members flushed |
//! | CleanWanted | dirty or on its way | write wants to start | Wanted |
//! | CleanWanted | dirty | raise dropped | Dirty |
//! | CleanWanted | clean | clean record durable | Clean |
//!
//! *CleanWanted counts as clean*: from the moment the clean record is being prepared, a write waits
//! for a newer dirty record, whatever becomes of the clean one (`sync.md` I5).
//!
//! Where a format holds one flag for the whole set, the flag goes through these states instead, and
//! the regions only remember what was written since it was last known to be flushed: that is what a
//! member owes that leaves and comes back while the set runs.
//!
//! | region behind one flag | input | next |
//! |---|---|---|
//! | Clean, Resting, CleanWanted | a write is admitted | Dirty |
//! | Clean, Resting, CleanWanted | a resync, an initialisation or a repair has written there | Dirty |
//! | Dirty | a sweep finds no write in flight | Resting |
//! | Resting | idle for long enough | CleanWanted, all members flushed |
//! | CleanWanted | every member is flushed | Clean |
//! | CleanWanted | raise dropped | Dirty |
//!
//! Beside its state a region says whether its copies are owed a resync, and which of the
//! [`Debtors`](crate::debt::Debtors) have missed a write to it.
mod grain;
mod owed;
mod recording;
mod writes;

pub(crate) use grain::Grain;
pub(crate) use recording::Cleaning;
pub(crate) use writes::Write;

use raid_core::metadata::RegionRecord;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum State {
    Clean,
    Wanted,
    Writing,
    Dirty,
    Resting,
    CleanWanted,
    Unwritten,
}

const STATE: u8 = 0b111;
const DIRTY: u8 = 3;
const OWED: u8 = 0b1000;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Region(u8);

impl Region {
    const CLEAN: Self = Self(0);

    const fn state(self) -> State {
        match self.0 & STATE {
            0 => State::Clean,
            1 => State::Wanted,
            2 => State::Writing,
            DIRTY => State::Dirty,
            4 => State::Resting,
            5 => State::CleanWanted,
            _ => State::Unwritten,
        }
    }

    const fn set(&mut self, state: State) {
        let bits = match state {
            State::Clean => 0,
            State::Wanted => 1,
            State::Writing => 2,
            State::Dirty => DIRTY,
            State::Resting => 4,
            State::CleanWanted => 5,
            State::Unwritten => 6,
        };
        self.0 = (self.0 & !STATE) | bits;
    }

    const fn is_clean(self) -> bool {
        matches!(self.state(), State::Clean | State::Unwritten)
    }

    const fn is_unwritten(self) -> bool {
        matches!(self.state(), State::Unwritten)
    }

    const fn is_dirty(self) -> bool {
        matches!(self.state(), State::Dirty | State::Resting)
    }

    const fn owed(self) -> bool {
        self.0 & OWED != 0
    }

    /// Which debtors have missed writes.
    const fn debt(self) -> u8 {
        self.0 >> 4
    }

    const fn charge(&mut self, debtors: u8) {
        self.0 |= debtors << 4;
    }

    const fn forgive(&mut self, debtors: u8) {
        self.0 &= !(debtors << 4);
    }
}

/// The regions of a set, and the flag of a format that knows none.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct DirtyLog<const N: usize> {
    regions: [Region; N],
    pub(crate) grain: Grain,
    /// The format records regions; otherwise it records `flag`.
    pub(crate) by_region: bool,
    flag: Region,
    /// Recorded entries in `Wanted`.
    wanted: u32,
    /// Regions that are neither clean nor unwritten.
    unclean: u32,
    /// Regions in `Dirty` or `Resting`.
    dirty: u32,
    /// Regions owed a resync, and regions never written.
    owed: u32,
    unwritten: u32,
    /// When the last write completed or was let go, on the own clock.
    quiet_since: u64,
    swept_at: u64,
    /// The caller expects no more writes: do not wait for the idle time.
    hurry: bool,
}

impl<const N: usize> core::fmt::Debug for DirtyLog<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let dirty = self.used().filter(|region| region.state() != State::Clean).count();
        f.debug_struct("DirtyLog")
            .field("grain", &self.grain)
            .field("flag", &self.flag.state())
            .field("regions not clean", &dirty)
            .field("owed", &self.owed)
            .finish_non_exhaustive()
    }
}

impl<const N: usize> DirtyLog<N> {
    const HAS_REGIONS: () = assert!(N > 0 && N <= 1 << 24, "1 to 16 Mi regions");

    /// Of no set.
    pub(crate) const EMPTY: Self = {
        let () = Self::HAS_REGIONS;
        Self {
            regions: [Region::CLEAN; N],
            grain: Grain::NOTHING,
            by_region: false,
            flag: Region::CLEAN,
            wanted: 0,
            unclean: 0,
            dirty: 0,
            owed: 0,
            unwritten: 0,
            quiet_since: 0,
            swept_at: 0,
            hurry: false,
        }
    };

    /// Becomes a log that is clean all over.
    pub(crate) fn reset(&mut self, grain: Grain, by_region: bool) {
        let Self { regions, grain: own, by_region: recorded, flag, wanted, unclean, .. } = self;
        regions.fill(Region::CLEAN);
        (*own, *recorded, *flag) = (grain, by_region, Region::CLEAN);
        (*wanted, *unclean) = (0, 0);
        let Self { dirty, owed, unwritten, quiet_since, swept_at, hurry, .. } = self;
        (*dirty, *owed, *unwritten) = (0, 0, 0);
        (*quiet_since, *swept_at, *hurry) = (0, 0, false);
    }

    fn used(&self) -> impl Iterator<Item = Region> {
        self.regions.iter().take(self.grain.count).copied()
    }

    fn of(&self, region: usize) -> Region {
        self.regions.get(region).copied().unwrap_or(Region::CLEAN)
    }

    /// The entries that records are about.
    fn recorded(&mut self) -> &mut [Region] {
        match self.by_region {
            true => {
                let count = self.grain.count;
                self.regions.get_mut(..count).unwrap_or_default()
            }
            false => core::slice::from_mut(&mut self.flag),
        }
    }

    fn recount(&mut self) {
        let mut wanted = 0u32;
        for entry in self.recorded() {
            wanted = wanted.saturating_add(u32::from(entry.state() == State::Wanted));
        }
        self.wanted = wanted;
        let (mut unclean, mut dirty, mut owed, mut unwritten) = (0u32, 0u32, 0u32, 0u32);
        for region in self.used() {
            unclean = unclean.saturating_add(u32::from(!region.is_clean()));
            dirty = dirty.saturating_add(u32::from(region.is_dirty()));
            owed = owed.saturating_add(u32::from(region.owed()));
            unwritten = unwritten.saturating_add(u32::from(region.is_unwritten()));
        }
        (self.unclean, self.dirty) = (unclean, dirty);
        (self.owed, self.unwritten) = (owed, unwritten);
    }

    // ---- what a restart found

    /// The set was not stopped cleanly and nothing finer is known. The dirty record may be on some
    /// members only: it is written again before the first write.
    pub(crate) fn found_unclean(&mut self, owed: bool) {
        self.flag.set(State::Wanted);
        let state = if self.by_region { State::Wanted } else { State::Dirty };
        for region in self.regions.iter_mut().take(self.grain.count) {
            region.set(state);
            region.0 |= if owed { OWED } else { 0 };
        }
        self.recount();
    }

    /// What the records of a set said of its regions, in order.
    pub(crate) fn found(&mut self, records: &[RegionRecord], owed: bool) {
        for (region, record) in self.regions.iter_mut().zip(records) {
            region.set(match (record.dirty(), record.unwritten()) {
                (true, _) => State::Wanted,
                (false, true) => State::Unwritten,
                (false, false) => State::Clean,
            });
            region.0 |= if owed && record.dirty() { OWED } else { 0 };
            region.charge(record.debt());
        }
        self.recount();
    }

    /// What a record says of each region, of the debt of these debtors only.
    pub(crate) fn records(&self, debtors: u8) -> impl Iterator<Item = RegionRecord> + '_ {
        self.used().map(move |region| {
            let clean = region.is_clean() || region.state() == State::CleanWanted;
            let dirty = region.owed() || !clean;
            RegionRecord::new(dirty, region.is_unwritten(), region.debt() & debtors)
        })
    }
}

#[cfg(test)]
mod tests;
