// SPDX-License-Identifier: MIT OR Apache-2.0
//! Discovery in memory of the caller's: what a format asks for of a disk is read run by run, until it has
//! all it needs.
//!
//! ```text
//! memory ──▶ Probe ──next──▶ Wanted { at, into } ──read──▶ add ──▶ … ──finish──▶ DiskRead, the memory left
//! ```

use super::{DiskShape, DiskView, Format, Lookup, Piece};
use crate::units::{Extent, Lba};
use core::{fmt, mem};

/// Runs of a disk that a format may ask for. The formats of this library ask for six at most.
pub const PROBE_RUNS: usize = 16;

/// Reads the metadata of one disk into memory of the caller's, with no I/O of its own.
///
/// What stands elsewhere than the format looks ([`Format::search_run`]) is not searched for.
#[derive(Debug)]
pub struct Probe<'m> {
    shape: DiskShape,
    memory: &'m mut [u8],
    /// Where the runs read so far start, and how many bytes each has: 0 where it could not be read.
    runs: [(Lba, usize); PROBE_RUNS],
    count: usize,
    /// Bytes of all of them.
    used: usize,
    /// The run that was asked for last, and its bytes.
    wanted: Option<(Lba, usize)>,
    state: Lookup,
}

/// A run of blocks to read now.
#[derive(Debug)]
pub struct Wanted<'p> {
    /// Which blocks.
    pub at: Extent,
    /// Where to put them: as many bytes as they have.
    pub into: &'p mut [u8],
}

/// What was read of one disk.
#[derive(Clone, Copy, Debug)]
pub struct DiskRead<'m> {
    shape: DiskShape,
    pieces: [Piece<'m>; PROBE_RUNS],
    count: usize,
}

/// A probe that cannot go on. What it has read before stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProbeError {
    /// The next run has more bytes than there is memory left.
    NoRoom {
        /// The run.
        at: Extent,
        /// Bytes of the memory that is left.
        found: usize,
        /// Bytes that the run has.
        expected: u64,
    },
    /// The format asks for more than [`PROBE_RUNS`] runs.
    TooManyRuns {
        /// The run that is one too many.
        at: Extent,
    },
}

impl<'m> Probe<'m> {
    /// Nothing has been read of this disk. `memory` has room for what its metadata needs, which only the disk tells:
    /// 633,344 bytes of one that mdadm made with DDF, 32 MiB a run at most; where it is too little, [`next`](Self::next)
    /// says how much is missing.
    #[must_use]
    pub fn new(shape: DiskShape, memory: &'m mut [u8]) -> Self {
        let runs = [(Lba(0), 0); PROBE_RUNS];
        let state = Lookup::Absent;
        Self { shape, memory, runs, count: 0, used: 0, wanted: None, state }
    }

    /// The next run to read; `None` when the format has all it needs, or does not know the disk. The caller
    /// reads it and says so ([`add`](Self::add)); asked again before that, the run is the same.
    ///
    /// # Errors
    /// [`ProbeError`]: with more memory a new probe of the disk gets further.
    pub fn next<F: Format + ?Sized>(
        &mut self,
        format: &F,
    ) -> Result<Option<Wanted<'_>>, ProbeError> {
        self.wanted = None;
        let pieces = pieces(self.memory, &self.runs);
        let known = pieces.get(..self.count).unwrap_or_default();
        self.state = format.next_read(&DiskView { shape: self.shape, pieces: known });
        let Lookup::Read(at) = self.state else { return Ok(None) };
        if self.count >= PROBE_RUNS {
            return Err(ProbeError::TooManyRuns { at });
        }
        let expected = at.len.bytes(self.shape.block_size).unwrap_or(u64::MAX);
        let left = self.memory.get_mut(self.used..).unwrap_or_default();
        let found = left.len();
        let into = usize::try_from(expected).ok().and_then(|bytes| left.get_mut(..bytes));
        let into = into.ok_or(ProbeError::NoRoom { at, found, expected })?;
        self.wanted = Some((at.start, into.len()));
        Ok(Some(Wanted { at, into }))
    }

    /// Adds the run that was asked for last to what is known of the disk; `was_read` is false where it could not be
    /// read: the format may know another copy. Nothing happens if none was asked for.
    pub fn add(&mut self, was_read: bool) {
        let Some((at, bytes)) = self.wanted.take() else { return };
        let bytes = if was_read { bytes } else { 0 };
        if let Some(run) = self.runs.get_mut(self.count) {
            *run = (at, bytes);
            self.count = self.count.saturating_add(1);
            self.used = self.used.saturating_add(bytes);
        }
    }

    /// What was read, and the memory that is left for the next disk: all of it if the disk does not carry
    /// the format.
    #[must_use]
    pub fn finish(mut self) -> (DiskRead<'m>, &'m mut [u8]) {
        let memory = mem::take(&mut self.memory);
        let (used, count) = match self.state {
            Lookup::Absent => (0, 0),
            Lookup::Read(_) | Lookup::Complete => (self.used.min(memory.len()), self.count),
        };
        let (own, left) = memory.split_at_mut(used);
        (DiskRead { shape: self.shape, pieces: pieces(own, &self.runs), count }, left)
    }
}

/// The runs, one behind the other in memory; those that are not there are empty.
fn pieces<'b>(memory: &'b [u8], runs: &[(Lba, usize); PROBE_RUNS]) -> [Piece<'b>; PROBE_RUNS] {
    let mut rest = memory;
    runs.map(|(at, bytes)| {
        let (own, behind) = rest.split_at_checked(bytes).unwrap_or_default();
        rest = behind;
        Piece { at, bytes: own }
    })
}

impl DiskRead<'_> {
    /// Of a disk that does not carry the format, or was not looked at.
    #[must_use]
    pub const fn nothing(shape: DiskShape) -> Self {
        Self { shape, pieces: [Piece { at: Lba(0), bytes: &[] }; PROBE_RUNS], count: 0 }
    }

    /// As a format is shown it; without any piece if the disk does not carry the format.
    #[must_use]
    pub fn view(&self) -> DiskView<'_> {
        DiskView { shape: self.shape, pieces: self.pieces.get(..self.count).unwrap_or_default() }
    }

    /// Whether the disk carries the format; also where its probe could not go on and something of it was read.
    #[must_use]
    pub const fn carries(&self) -> bool {
        self.count > 0
    }
}

impl ProbeError {
    /// Number for C callers and log searches. Stable; never reused.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::NoRoom { .. } => 1,
            Self::TooManyRuns { .. } => 2,
        }
    }
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoom { at, found, expected } => write!(
                f,
                "block {}: the metadata needs {expected} more bytes of memory, {found} are left; \
                 probe the disk again with more",
                at.start.0
            ),
            Self::TooManyRuns { at } => write!(
                f,
                "block {}: the metadata is in more than {PROBE_RUNS} runs of blocks",
                at.start.0
            ),
        }
    }
}

impl core::error::Error for ProbeError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Inventory;
    use crate::units::Blocks;
    use std::string::ToString;
    use std::vec::Vec;

    const SHAPE: DiskShape = DiskShape { blocks: Blocks(100), block_size: 512 };

    /// Its metadata: the last block, which says how many runs of two blocks there are before it. Where one of them cannot
    /// be read, block 0 holds a copy of it.
    #[derive(Debug)]
    struct Chain;

    impl Format for Chain {
        fn name(&self) -> &'static str {
            "chain"
        }

        fn next_read(&self, disk: &DiskView<'_>) -> Lookup {
            let [last, runs @ ..] = disk.pieces else {
                return Lookup::Read(Extent::new(99, 1));
            };
            let Some([b'C', runs_there, ..]) = last.bytes.first_chunk::<2>().map(|head| &head[..])
            else {
                return Lookup::Absent;
            };
            if runs.last().is_some_and(|run| run.bytes.is_empty() && run.at != Lba(0)) {
                return Lookup::Read(Extent::new(0, 2));
            }
            let good = runs.iter().filter(|run| !run.bytes.is_empty()).count() as u64;
            match good < u64::from(*runs_there) {
                true => Lookup::Read(Extent::new(97 - 2 * good, 2)),
                false => Lookup::Complete,
            }
        }

        fn assemble(&self, _: &[DiskView<'_>], _: &mut dyn Inventory) {}
    }

    /// Blocks filled with their number, the last one as the format wants it.
    fn read(wanted: &mut Wanted<'_>, runs: u8) {
        for (at, block) in (wanted.at.start.0..).zip(wanted.into.chunks_exact_mut(512)) {
            block.fill(at as u8);
            if at == 99 {
                block[..2].copy_from_slice(&[b'C', runs]);
            }
        }
    }

    /// Probes a disk with so many runs, of which the `bad`-th that is asked for cannot be read.
    fn probed(
        memory: &mut [u8],
        runs: u8,
        bad: Option<usize>,
    ) -> Result<(DiskRead<'_>, &mut [u8]), ProbeError> {
        let mut probe = Probe::new(SHAPE, memory);
        let mut asked = 0;
        while let Some(mut wanted) = probe.next(&Chain)? {
            read(&mut wanted, runs);
            probe.add(bad != Some(asked));
            asked += 1;
        }
        Ok(probe.finish())
    }

    fn starts(disk: &DiskRead<'_>) -> Vec<(u64, usize)> {
        disk.view().pieces.iter().map(|piece| (piece.at.0, piece.bytes.len())).collect()
    }

    #[test]
    fn what_is_asked_for_stands_one_behind_the_other_and_the_rest_is_left() {
        let mut memory = [0xEE; 8 * 512];
        let (disk, left) = probed(&mut memory, 2, None).unwrap();
        assert_eq!(starts(&disk), [(99, 512), (97, 1024), (95, 1024)]);
        assert!(disk.carries());
        assert_eq!(disk.view().shape, SHAPE);
        for piece in disk.view().pieces.iter().skip(1) {
            let (first, second) = piece.bytes.split_at(512);
            assert!(first.iter().all(|byte| u64::from(*byte) == piece.at.0));
            assert!(second.iter().all(|byte| u64::from(*byte) == piece.at.0 + 1));
        }
        assert_eq!(left, [0xEE; 3 * 512]);
    }

    #[test]
    fn a_run_that_cannot_be_read_is_an_empty_piece_and_takes_no_memory() {
        let mut memory = [0; 8 * 512];
        let (disk, left) = probed(&mut memory, 2, Some(1)).unwrap();
        assert_eq!(starts(&disk), [(99, 512), (97, 0), (0, 1024), (95, 1024)]);
        assert_eq!(left.len(), 3 * 512);
    }

    #[test]
    fn a_disk_without_the_format_leaves_all_memory() {
        let mut memory = [0; 8 * 512];
        let mut probe = Probe::new(SHAPE, &mut memory);
        let wanted = probe.next(&Chain).unwrap().unwrap();
        wanted.into.fill(0xFF);
        probe.add(true);
        assert!(probe.next(&Chain).unwrap().is_none());
        let (disk, left) = probe.finish();
        assert_eq!((disk.carries(), disk.view().pieces.len(), left.len()), (false, 0, 8 * 512));
    }

    #[test]
    fn who_is_asked_twice_answers_the_same_and_only_what_was_asked_for_is_added() {
        let mut memory = [0; 8 * 512];
        let mut probe = Probe::new(SHAPE, &mut memory);
        // Nothing was asked for yet.
        probe.add(true);
        for _ in 0..2 {
            let wanted = probe.next(&Chain).unwrap().unwrap();
            assert_eq!((wanted.at, wanted.into.len()), (Extent::new(99, 1), 512));
        }
        read(&mut probe.next(&Chain).unwrap().unwrap(), 1);
        probe.add(true);
        // Not a second time.
        probe.add(true);
        assert_eq!(probe.next(&Chain).unwrap().unwrap().at, Extent::new(97, 2));
    }

    #[test]
    fn too_little_memory_is_told_with_what_is_missing_and_nothing_is_lost() {
        let mut memory = [0; 3 * 512 - 1];
        let told = probed(&mut memory, 1, None).unwrap_err();
        let at = Extent::new(97, 2);
        assert_eq!(told, ProbeError::NoRoom { at, found: 1023, expected: 1024 });
        assert_eq!(
            told.to_string(),
            "block 97: the metadata needs 1024 more bytes of memory, 1023 are left; probe the disk again with more"
        );
        let mut memory = [0; 3 * 512];
        let (disk, left) = probed(&mut memory, 1, None).unwrap();
        assert_eq!((disk.view().pieces.len(), left.len()), (2, 0));
    }

    #[test]
    fn a_format_that_never_has_enough_is_stopped() {
        let mut memory = [0; 64 * 512];
        let told = probed(&mut memory, 40, None).unwrap_err();
        assert_eq!(told, ProbeError::TooManyRuns { at: Extent::new(97 - 30, 2) });
        assert_eq!(
            (
                told.code(),
                ProbeError::NoRoom { at: Extent::new(0, 0), found: 0, expected: 1 }.code()
            ),
            (2, 1)
        );
    }

    #[test]
    fn a_run_past_all_memory_is_refused_and_not_computed_with() {
        #[derive(Debug)]
        struct Huge;
        impl Format for Huge {
            fn name(&self) -> &'static str {
                "huge"
            }
            fn next_read(&self, _: &DiskView<'_>) -> Lookup {
                Lookup::Read(Extent::new(u64::MAX, u64::MAX))
            }
            fn assemble(&self, _: &[DiskView<'_>], _: &mut dyn Inventory) {}
        }
        let mut memory = [0; 512];
        let told = Probe::new(SHAPE, &mut memory).next(&Huge).unwrap_err();
        let at = Extent::new(u64::MAX, u64::MAX);
        assert_eq!(told, ProbeError::NoRoom { at, found: 512, expected: u64::MAX });
    }
}
