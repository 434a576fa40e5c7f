// SPDX-License-Identifier: MIT OR Apache-2.0
//! A member in a file, or on a block device opened with `O_DIRECT`.

use super::owner::{self, DiskError, Identity, Unowned};
use super::{Member, MemberError, OpenFile, byte_range};
use raid_core::metadata::DiskShape;
use raid_core::units::{Blocks, Lba};
use rustix::fs::{FallocateFlags, OFlags};
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What `O_DIRECT` asks of addresses in memory, for any disk in use today.
pub(super) const ALIGNMENT: usize = 4096;

/// A regular file or a block device, whose one writer this is until it is dropped.
#[derive(Debug)]
pub struct FileMember {
    path: PathBuf,
    identity: Identity,
    shape: DiskShape,
    file: File,
    /// An aligned place for transfers past the page cache; `None` for buffered files.
    direct: Option<Vec<u8>>,
    /// Whether a flush reaches the medium.
    synced: bool,
}

impl FileMember {
    /// Makes a file of `blocks` blocks of 512 bytes, all zeros, as its one writer. What was in it is lost, but
    /// not while somebody else writes it. Its place is reserved where the file system can do that: one that is
    /// full refuses here, not in the middle of somebody's write.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn create(path: &Path, blocks: u64) -> Result<Self, DiskError> {
        let create = || {
            let mut options = OpenOptions::new();
            // Cut short only once it is ours.
            let file = options.read(true).write(true).create(true).truncate(false).open(path)?;
            let identity = owner::own(&file)?;
            file.set_len(0)?;
            let bytes = blocks * 512;
            file.set_len(bytes)?;
            reserve(&file, bytes).inspect_err(|_| {
                // What was reserved so far; the error of the reservation says more than one of this.
                let _ = file.set_len(0);
            })?;
            let shape = DiskShape { blocks: Blocks(blocks), block_size: 512 };
            Ok(Self { path: path.to_owned(), identity, shape, file, direct: None, synced: true })
        };
        create().map_err(|why| DiskError { path: path.to_owned(), why })
    }

    /// Opens a file or, past the page cache, a block device, as its one writer: before the first byte is
    /// read, until this is dropped. Blocks of a file have 512 bytes until
    /// [`set_block_size`](Member::set_block_size).
    ///
    /// # Errors
    /// [`DiskError`]: also if somebody else writes it, under whatever name.
    pub fn open(path: &Path) -> Result<Self, DiskError> {
        Self::open_beside(path, &[])
    }

    /// Opens disks that belong together, each once.
    ///
    /// # Errors
    /// [`DiskError`] of the first that cannot be opened, or that two of the paths lead to; none stays open.
    pub fn open_all(paths: &[PathBuf]) -> Result<Vec<Self>, DiskError> {
        paths.iter().try_fold(Vec::new(), |mut disks, path| {
            disks.push(Self::open_beside(path, &disks)?);
            Ok(disks)
        })
    }

    fn open_beside(path: &Path, others: &[Self]) -> Result<Self, DiskError> {
        let refused = |why| DiskError { path: path.to_owned(), why };
        let metadata = std::fs::metadata(path).map_err(|error| refused(error.into()))?;
        let identity = Identity::of(&metadata).ok_or_else(|| refused(Unowned::NotADisk))?;
        if let Some(same) = others.iter().find(|other| other.identity == identity) {
            return Err(refused(Unowned::SameDisk(same.path.clone())));
        }
        let device = matches!(identity, Identity::Device(_));
        let opened = owner::patiently(|| match Self::open_as(path, device) {
            Err(Unowned::Os(error)) if device && error.kind() == io::ErrorKind::ResourceBusy => {
                Err(Unowned::InUse(owner::writer(&metadata)))
            }
            opened => opened,
        });
        opened.map_err(refused)
    }

    fn open_as(path: &Path, device: bool) -> Result<Self, Unowned> {
        let flags = if device { OFlags::DIRECT | OFlags::EXCL } else { OFlags::empty() };
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(flags.bits() as i32);
        let mut file = options.open(path)?;
        let identity = owner::own(&file)?;
        // The path may have been given to another file since it was looked at.
        if device != matches!(identity, Identity::Device(_)) {
            return Err(Unowned::NotADisk);
        }
        let block_size = match device {
            true => rustix::fs::ioctl_blksszget(&file).map_err(io::Error::from)?,
            false => 512,
        };
        let blocks = file.seek(SeekFrom::End(0))? / u64::from(block_size);
        let shape = DiskShape { blocks: Blocks(blocks), block_size };
        let direct = device.then(Vec::new);
        Ok(Self { path: path.to_owned(), identity, shape, file, direct, synced: true })
    }

    /// The path it was opened under.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// For files that need not outlive the machine, such as the media of simulated disks: a flush
    /// stays in the page cache.
    #[must_use]
    pub fn unsynced(self) -> Self {
        Self { synced: false, ..self }
    }
}

/// Reserves the place of a file's bytes; a file system that cannot leaves it sparse.
fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    use rustix::io::Errno;
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Err(Errno::NOSYS | Errno::OPNOTSUPP) => Ok(()),
        reserved => reserved.map_err(io::Error::from),
    }
}

/// `len` bytes of `room` at an aligned address.
fn aligned(room: &mut Vec<u8>, len: usize) -> &mut [u8] {
    room.resize(len + ALIGNMENT, 0);
    let skip = room.as_ptr().align_offset(ALIGNMENT);
    &mut room[skip..skip + len]
}

impl Member for FileMember {
    fn shape(&self) -> DiskShape {
        self.shape
    }

    fn fixed_block_size(&self) -> Option<u32> {
        matches!(self.identity, Identity::Device(_)).then_some(self.shape.block_size)
    }

    fn physical_block_size(&self) -> u32 {
        let of_device = || rustix::fs::ioctl_blkpbszget(&self.file).ok();
        let size = match self.identity {
            Identity::Device(_) => of_device().filter(|size| size.is_power_of_two()),
            // A file system writes no less; a smaller part is read first.
            Identity::File { .. } => Some(4096),
        };
        size.unwrap_or(self.shape.block_size).max(self.shape.block_size)
    }

    fn open_file(&self) -> Option<OpenFile<'_>> {
        Some(OpenFile { file: &self.file, aligned: self.direct.is_some(), synced: self.synced })
    }

    fn set_block_size(&mut self, block_size: u32) -> bool {
        if self.fixed_block_size().is_none() && block_size.is_power_of_two() {
            let bytes = self.shape.blocks.0.saturating_mul(u64::from(self.shape.block_size));
            self.shape = DiskShape { blocks: Blocks(bytes / u64::from(block_size)), block_size };
        }
        self.shape.block_size == block_size
    }

    fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), MemberError> {
        let range = byte_range(self.shape, at, into.len())?;
        match &mut self.direct {
            None => self.file.read_exact_at(into, range.start)?,
            Some(room) => {
                let place = aligned(room, into.len());
                self.file.read_exact_at(place, range.start)?;
                into.copy_from_slice(place);
            }
        }
        Ok(())
    }

    fn write(&mut self, at: Lba, bytes: &[u8]) -> Result<(), MemberError> {
        let range = byte_range(self.shape, at, bytes.len())?;
        match &mut self.direct {
            None => self.file.write_all_at(bytes, range.start)?,
            Some(room) => {
                let place = aligned(room, bytes.len());
                place.copy_from_slice(bytes);
                self.file.write_all_at(place, range.start)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), MemberError> {
        if self.synced {
            self.file.sync_data()?;
        }
        Ok(())
    }
}
