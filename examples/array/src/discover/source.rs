// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the bytes of a disk come from: a file or a block device, opened for reading only.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, FileTypeExt};
use std::path::Path;

/// Bytes that can be read at any offset; nothing here can write.
pub trait ReadAt: Send + Sync {
    /// Size in bytes.
    fn len(&self) -> u64;

    /// Whether there is nothing to read.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of a logical block, if the medium says so.
    fn block_size(&self) -> Option<u32> {
        None
    }

    /// Fills `into` from byte `offset` on.
    ///
    /// # Errors
    /// What the medium says; `into` is then undefined.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()>;
}

/// A disk to look at: its name for people, and its bytes.
pub struct Source {
    /// Usually the path.
    pub name: String,
    /// The bytes.
    pub bytes: Box<dyn ReadAt>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("name", &self.name).field("len", &self.bytes.len()).finish()
    }
}

impl Source {
    /// Opens a regular file or a block device for reading.
    ///
    /// # Errors
    /// What the operating system says, or that the path is neither.
    pub fn open(path: &Path) -> io::Result<Self> {
        let kind = std::fs::metadata(path)?.file_type();
        if !kind.is_file() && !kind.is_block_device() {
            return Err(io::Error::other("neither a regular file nor a block device"));
        }
        let mut file = File::open(path)?;
        let len = file.seek(SeekFrom::End(0))?;
        let block_size = match kind.is_block_device() {
            true => Some(rustix::fs::ioctl_blksszget(&file)?),
            false => None,
        };
        let name = path.display().to_string();
        Ok(Self { name, bytes: Box::new(FileBytes { file, len, block_size }) })
    }
}

struct FileBytes {
    file: File,
    len: u64,
    block_size: Option<u32>,
}

impl ReadAt for FileBytes {
    fn len(&self) -> u64 {
        self.len
    }

    fn block_size(&self) -> Option<u32> {
        self.block_size
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(into, offset)
    }
}
