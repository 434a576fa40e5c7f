// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads the bytes of an array through its layout; what is missing is computed.
//!
//! ```text
//! bytes ──▶ blocks ──split──▶ sets ──stripe::read──▶ a member's blocks, or a row to reconstruct
//! ```
//!
//! A member that fails to read is left out for the run of blocks in question, and the run is read
//! from what remains.

use crate::disks::Inspection;
use crate::readiness::{Readiness, Refusal};
use raid_array::discover::{FoundArray, Source};
use raid_array::trust::Accept;
use raid_core::array::{ArrayDescriptor, MemberDescriptor, Place};
use raid_core::backend::Backend;
use raid_core::layout::Layout;
use raid_core::stripe::{self, Health, HealthByRow, NotPossible, ReadStep, RowPlan};
use raid_core::units::{Extent, Slot};
use std::sync::Arc;
use std::{fmt, io};

/// Why bytes of an array could not be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// A member failed to read, and nothing else has the data.
    Medium {
        /// The disk.
        disk: String,
        /// First byte on it.
        byte: u64,
        /// What the medium said.
        error: io::Error,
    },
    /// Two disks that passed for copies of each other differ.
    Copies {
        /// The disk that is read.
        disk: String,
        /// The other.
        copy: String,
        /// First byte of the run in which they differ.
        byte: u64,
    },
    /// The members that are left do not have the data.
    Lost(NotPossible),
    /// The request leaves the array.
    OutOfRange {
        /// First byte past the request.
        end: u64,
        /// Bytes of the array.
        size: u64,
    },
    /// The planner and the reader do not agree: a defect.
    Defect(String),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Medium { disk, byte, error } => write!(f, "{disk}, byte {byte}: {error}"),
            Self::Copies { disk, copy, byte } => write!(
                f,
                "{disk} and {copy} carry the same metadata and differ from byte {byte} on; leave one \
                 of them out (--without {copy})"
            ),
            Self::Lost(why) => write!(f, "{why}"),
            Self::OutOfRange { end, size } => {
                write!(f, "up to byte {end} asked for, the array has {size}")
            }
            Self::Defect(what) => write!(f, "defect: {what}"),
        }
    }
}

impl std::error::Error for ReadError {}

/// Where bytes of an array came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// This disk, from this byte on.
    Disk { disk: usize, byte: u64 },
    /// What these disks hold in the same rows.
    Computed(Vec<usize>),
}

/// A run of bytes that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    /// Byte of the array.
    pub(crate) offset: u64,
    pub(crate) len: u64,
    pub(crate) from: From,
}

impl Trace {
    /// Whether `next` is the same run continued.
    pub(crate) fn goes_on_with(&self, next: &Self) -> bool {
        let follows = self.offset.checked_add(self.len) == Some(next.offset);
        follows
            && match (&self.from, &next.from) {
                (From::Disk { disk, byte }, From::Disk { disk: other, byte: at }) => {
                    disk == other && byte.checked_add(self.len) == Some(*at)
                }
                (From::Computed(disks), From::Computed(others)) => disks == others,
                _ => false,
            }
    }
}

/// An array that can be read.
#[derive(Debug)]
pub struct ArrayReader<'a> {
    inspection: &'a Inspection,
    descriptor: ArrayDescriptor,
    ready: Arc<Readiness>,
    backend: Backend,
    slab: Vec<u8>,
    /// Members that failed to read so far, for people.
    pub complaints: Vec<String>,
    /// Where bytes came from, if that is asked for: of reads that failed too.
    pub(crate) trace: Option<Vec<Trace>>,
}

impl<'a> ArrayReader<'a> {
    /// Makes `array` ready to be read, with these risks accepted.
    ///
    /// # Errors
    /// Why it is not read.
    pub fn new(
        inspection: &'a Inspection,
        array: &FoundArray,
        accept: Accept,
    ) -> Result<Self, Refusal> {
        Ok(Self::over(inspection, array, Readiness::of(inspection, array, accept)?))
    }

    /// Reads `array` from the members that `ready` names.
    pub(crate) fn over(inspection: &'a Inspection, array: &FoundArray, ready: Readiness) -> Self {
        Self {
            inspection,
            descriptor: array.descriptor,
            ready: Arc::new(ready),
            backend: Backend::detect(),
            slab: Vec::new(),
            complaints: Vec::new(),
            trace: None,
        }
    }

    /// Another reader of the same array, to read at the same time.
    pub(crate) fn twin(&self) -> Self {
        Self {
            inspection: self.inspection,
            descriptor: self.descriptor,
            ready: Arc::clone(&self.ready),
            backend: self.backend,
            slab: Vec::new(),
            complaints: Vec::new(),
            trace: None,
        }
    }

    /// Bytes of the array.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.descriptor.size.bytes(self.descriptor.geometry.block_size).unwrap_or(u64::MAX)
    }

    /// What of the array is read.
    #[must_use]
    pub fn readiness(&self) -> &Readiness {
        &self.ready
    }

    /// The same, to be held while this reads.
    pub(crate) fn shared_readiness(&self) -> Arc<Readiness> {
        Arc::clone(&self.ready)
    }

    pub(crate) const fn descriptor(&self) -> &ArrayDescriptor {
        &self.descriptor
    }

    pub(crate) const fn backend(&self) -> Backend {
        self.backend
    }

    pub(crate) fn disk_name(&self, disk: usize) -> &str {
        self.inspection.disk_name(disk)
    }

    /// Bytes of a block of the disk, as members' first blocks are counted.
    pub(crate) fn disk_block(&self, disk: usize) -> u64 {
        let found = self.inspection.discovery.disks.get(disk);
        found.map_or(0, |found| u64::from(found.shape.block_size))
    }

    /// Fills `into` from byte `offset` of the array on.
    ///
    /// # Errors
    /// [`ReadError`]; `into` is then undefined.
    pub fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        let size = self.size();
        let end = offset.checked_add(into.len() as u64).filter(|end| *end <= size);
        let end = end
            .ok_or(ReadError::OutOfRange { end: offset.saturating_add(into.len() as u64), size })?;
        let block = u64::from(self.descriptor.geometry.block_size);
        let at = Extent::new(offset / block, end.div_ceil(block) - offset / block);
        if let Some(trace) = &mut self.trace {
            trace.clear();
        }
        if offset.is_multiple_of(block) && end.is_multiple_of(block) {
            return self.read_blocks(at, into);
        }
        let mut whole = vec![0; (at.len.0 * block) as usize];
        self.read_blocks(at, &mut whole)?;
        let skip = (offset % block) as usize;
        into.copy_from_slice(&whole[skip..skip + into.len()]);
        Ok(())
    }

    fn read_blocks(&mut self, at: Extent, into: &mut [u8]) -> Result<(), ReadError> {
        let ready = Arc::clone(&self.ready);
        let layout =
            ready.layout(&self.descriptor).map_err(|e| ReadError::Defect(e.to_string()))?;
        for piece in layout.split(at) {
            let set = match layout.set_copies() {
                1 => usize::from(piece.set),
                _ => ready.mirrored_set,
            };
            let health = ready.health.get(set).copied().unwrap_or_default();
            let part = self.part(into, piece.offset.0, piece.at.len.0)?;
            let block = at.start.0.saturating_add(piece.offset.0);
            self.read_set(&layout, (set, block), health, piece.at, part)?;
        }
        Ok(())
    }

    /// The bytes of `blocks` blocks of `into` from block `from` on.
    fn part<'b>(
        &self,
        into: &'b mut [u8],
        from: u64,
        blocks: u64,
    ) -> Result<&'b mut [u8], ReadError> {
        let block = self.descriptor.geometry.block_size as usize;
        let (from, len) = (from as usize * block, blocks as usize * block);
        let part = into.get_mut(from..).and_then(|rest| rest.get_mut(..len));
        part.ok_or_else(|| ReadError::Defect(format!("blocks {from} + {len} of the request")))
    }

    /// Reads data blocks of one set, which are those of the array from a block on.
    fn read_set(
        &mut self,
        layout: &Layout<'_>,
        (set, block): (usize, u64),
        health: Health,
        at: Extent,
        into: &mut [u8],
    ) -> Result<(), ReadError> {
        // Copies of a mirror that was not closed cleanly may differ: all from one, if it can be.
        let prefer = layout.slots().without(health.unavailable).lowest();
        let ready = Arc::clone(&self.ready);
        let marks = ready.marks.get(set).map_or(&[][..], Vec::as_slice);
        let by_row = HealthByRow { health, marks, bad: &[] };
        for step in stripe::read(layout, by_row, at, prefer) {
            match step.map_err(ReadError::Lost)? {
                ReadStep::Direct(io) => {
                    let part = self.part(into, io.offset.0, io.at.len.0)?;
                    let block = block.saturating_add(io.offset.0);
                    let Err(error) = self.read_member(set, io.slot, io.at, part) else {
                        self.note(set, (block, io.at.len.0), &[(io.slot, io.at)], false);
                        continue;
                    };
                    let again = Extent::new(at.start.0 + io.offset.0, io.at.len.0);
                    self.without(layout, (set, block), health, io.slot, again, part, error)?;
                }
                ReadStep::Reconstruct(plan) => {
                    let request = plan.request().ok_or_else(|| defect("no request"))?;
                    let block = block.saturating_add(request.offset.0);
                    let Err((slot, error)) = self.reconstruct(set, &plan, into)? else {
                        let reads: Vec<_> = plan.reads().map(|io| (io.slot, io.at)).collect();
                        self.note(set, (block, request.len.0), &reads, true);
                        continue;
                    };
                    let again = Extent::new(at.start.0 + request.offset.0, request.len.0);
                    let part = self.part(into, request.offset.0, request.len.0)?;
                    self.without(layout, (set, block), health, slot, again, part, error)?;
                }
            }
        }
        Ok(())
    }

    /// Reads `at` again without `slot`, which failed with `error`.
    #[allow(clippy::too_many_arguments)]
    fn without(
        &mut self,
        layout: &Layout<'_>,
        at_set: (usize, u64),
        mut health: Health,
        slot: Slot,
        at: Extent,
        into: &mut [u8],
        error: ReadError,
    ) -> Result<(), ReadError> {
        if !self.ready.parity_trusted || matches!(error, ReadError::Copies { .. }) {
            return Err(error);
        }
        health.unavailable.insert(slot);
        match self.read_set(layout, at_set, health, at, into) {
            Ok(()) => {
                self.complaints.push(error.to_string());
                Ok(())
            }
            Err(ReadError::Lost(_)) => Err(error),
            Err(other) => Err(other),
        }
    }

    /// Remembers where blocks of the array came from.
    fn note(
        &mut self,
        set: usize,
        (block, blocks): (u64, u64),
        reads: &[(Slot, Extent)],
        computed: bool,
    ) {
        if self.trace.is_none() {
            return;
        }
        let bytes =
            |blocks: u64| blocks.saturating_mul(u64::from(self.descriptor.geometry.block_size));
        let member = |slot| self.member(set, slot).ok();
        let disks = reads.iter().filter_map(|(slot, _)| member(*slot)?.disk);
        let from = match reads {
            [(slot, at)] if !computed => member(*slot).and_then(|member| {
                let disk = member.disk?;
                let start = member.start.0.saturating_mul(self.disk_block(disk));
                Some(From::Disk { disk, byte: start.saturating_add(bytes(at.start.0)) })
            }),
            _ => {
                let mut disks: Vec<usize> = disks.collect();
                disks.sort_unstable();
                disks.dedup();
                Some(From::Computed(disks))
            }
        };
        let run = from.map(|from| Trace { offset: bytes(block), len: bytes(blocks), from });
        if let Some(trace) = &mut self.trace {
            trace.extend(run);
        }
    }

    /// Computes what `plan` is for. The inner error is a member that failed to read.
    fn reconstruct(
        &mut self,
        set: usize,
        plan: &RowPlan,
        into: &mut [u8],
    ) -> Result<Result<(), (Slot, ReadError)>, ReadError> {
        let mut slab = std::mem::take(&mut self.slab);
        let needed = plan.slab_blocks().0 as usize * plan.block_size() as usize;
        if slab.len() < needed {
            slab.resize(needed, 0);
        }
        for io in plan.reads() {
            let part = self.part(&mut slab, io.slab.0, io.at.len.0)?;
            if let Err(error) = self.read_member(set, io.slot, io.at, part) {
                return Ok(Err((io.slot, error)));
            }
        }
        plan.compute(self.backend, &mut slab, &[])
            .and_then(|()| plan.extract(&slab, into))
            .map_err(|error| defect(&error.to_string()))?;
        self.slab = slab;
        Ok(Ok(()))
    }

    /// Reads blocks of a member's extent.
    pub(crate) fn read_member(
        &self,
        set: usize,
        slot: Slot,
        at: Extent,
        into: &mut [u8],
    ) -> Result<(), ReadError> {
        let member = self.member(set, slot)?;
        let disk = member.disk.ok_or_else(|| defect("a missing member was to be read"))?;
        let source: &Source =
            self.inspection.sources.get(disk).ok_or_else(|| defect("no such disk"))?;
        let shape = self.inspection.discovery.disks[disk].shape;
        let block = u64::from(self.descriptor.geometry.block_size);
        let inside = at
            .end()
            .is_some_and(|end| end.0.checked_mul(block) <= member.len.bytes(shape.block_size));
        let start = member.start.0.checked_mul(u64::from(shape.block_size));
        let byte = start.zip(at.start.0.checked_mul(block)).and_then(|(a, b)| a.checked_add(b));
        let (Some(byte), true) = (byte, inside) else {
            return Err(defect(&format!("{at:?} leaves the member of {} blocks", member.len.0)));
        };
        source.bytes.read_at(byte, into).map_err(|error| ReadError::Medium {
            disk: source.name.clone(),
            byte,
            error,
        })?;
        for copy in self.inspection.copies_of(disk) {
            let mut same = vec![0; into.len()];
            // A copy that cannot be read contradicts nothing.
            if copy.bytes.read_at(byte, &mut same).is_ok() && same != into {
                let (disk, copy) = (source.name.clone(), copy.name.clone());
                return Err(ReadError::Copies { disk, copy, byte });
            }
        }
        Ok(())
    }

    fn member(&self, set: usize, slot: Slot) -> Result<&MemberDescriptor, ReadError> {
        let member = self.ready.members.get(set).and_then(|members| members.get(slot.index()));
        let place = Place { set: set as u16, slot };
        member.ok_or_else(|| defect(&format!("no member at {place:?}")))
    }
}

fn defect(what: &str) -> ReadError {
    ReadError::Defect(what.to_owned())
}
