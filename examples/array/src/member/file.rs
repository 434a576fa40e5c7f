// SPDX-License-Identifier: MIT OR Apache-2.0
//! A member in a file, or on a block device opened with `O_DIRECT`.

use super::{Member, MemberError, byte_range};
use raid_core::metadata::DiskShape;
use raid_core::units::{Blocks, Lba};
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// What `O_DIRECT` asks of addresses in memory, for any disk in use today.
const ALIGNMENT: usize = 4096;

/// A regular file or a block device.
#[derive(Debug)]
pub struct FileMember {
    shape: DiskShape,
    file: File,
    /// An aligned place for transfers past the page cache; `None` for buffered files.
    direct: Option<Vec<u8>>,
    /// Whether a flush reaches the medium.
    synced: bool,
}

impl FileMember {
    /// Makes a sparse file of `blocks` blocks of 512 bytes.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn create(path: &Path, blocks: u64) -> Result<Self, MemberError> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        file.set_len(blocks * 512)?;
        let shape = DiskShape { blocks: Blocks(blocks), block_size: 512 };
        Ok(Self { shape, file, direct: None, synced: true })
    }

    /// Opens a file, or a block device exclusively and past the page cache: one that is mounted or
    /// held by another driver is refused.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open(path: &Path) -> Result<Self, MemberError> {
        let device = std::fs::metadata(path)?.file_type().is_block_device();
        let flags = if device { OFlags::DIRECT | OFlags::EXCL } else { OFlags::empty() };
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(flags.bits() as i32);
        let mut file = options.open(path)?;
        let block_size = if device {
            rustix::fs::ioctl_blksszget(&file).map_err(std::io::Error::from)?
        } else {
            512
        };
        let blocks = file.seek(SeekFrom::End(0))? / u64::from(block_size);
        let shape = DiskShape { blocks: Blocks(blocks), block_size };
        Ok(Self { shape, file, direct: device.then(Vec::new), synced: true })
    }

    /// For files that need not outlive the machine, such as the media of simulated disks: a flush
    /// stays in the page cache.
    #[must_use]
    pub fn unsynced(self) -> Self {
        Self { synced: false, ..self }
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
