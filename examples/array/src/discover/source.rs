// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the bytes of a disk come from: a file or a block device opened for reading only, or a member
//! that is open already.

use super::{Discovery, discover};
use crate::member::{Identity, Member};
use raid_core::metadata::Format;
use raid_core::units::Lba;
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

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

    /// Which disk this is under whatever name, if the medium says so.
    fn identity(&self) -> Option<Identity> {
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
        let neither = || io::Error::other("neither a regular file nor a block device");
        Identity::of(&std::fs::metadata(path)?).ok_or_else(neither)?;
        let mut file = File::open(path)?;
        let identity = Identity::of(&file.metadata()?).ok_or_else(neither)?;
        let len = file.seek(SeekFrom::End(0))?;
        let block_size = match identity {
            Identity::Device(_) => Some(rustix::fs::ioctl_blksszget(&file)?),
            Identity::File { .. } => None,
        };
        let name = path.display().to_string();
        Ok(Self { name, bytes: Box::new(FileBytes { file, identity, len, block_size }) })
    }
}

struct FileBytes {
    file: File,
    identity: Identity,
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

    fn identity(&self) -> Option<Identity> {
        Some(self.identity)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(into, offset)
    }
}

/// A member that is lent for discovery.
struct Lent<M>(Arc<Mutex<M>>);

impl<M: Member> Lent<M> {
    fn with<R>(&self, see: impl FnOnce(&mut M) -> R) -> R {
        // A panic while it was read left nothing half done.
        see(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl<M: Member> ReadAt for Lent<M> {
    fn len(&self) -> u64 {
        let shape = self.with(|member| member.shape());
        shape.blocks.0.saturating_mul(u64::from(shape.block_size))
    }

    fn block_size(&self) -> Option<u32> {
        self.with(|member| member.fixed_block_size())
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.with(|member| {
            let block = u64::from(member.shape().block_size);
            member.read(Lba(offset / block), into).map_err(io::Error::other)
        })
    }
}

/// Looks for every format on members that are open already, each with its name for people. An engine's
/// disks are looked at in this way: whoever else could write them was locked out before the first byte was
/// read. Members that can address other blocks then use the size that their metadata is written in.
#[must_use]
pub fn discover_members<M: Member + 'static>(
    members: Vec<(String, M)>,
    formats: &[&dyn Format],
) -> (Discovery, Vec<M>) {
    let (names, lent): (Vec<_>, Vec<_>) =
        members.into_iter().map(|(name, member)| (name, Arc::new(Mutex::new(member)))).unzip();
    let sources: Vec<Source> = (names.into_iter().zip(&lent))
        .map(|(name, member)| Source { name, bytes: Box::new(Lent(Arc::clone(member))) })
        .collect();
    let discovery = discover(&sources, formats);
    drop(sources);
    let members = lent.into_iter().zip(&discovery.disks).map(|(member, disk)| {
        let member = Arc::into_inner(member).expect("the sources are dropped");
        let mut member = member.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !disk.claims.is_empty() {
            // One that cannot is refused by the engine, which compares the sizes.
            member.set_block_size(disk.shape.block_size);
        }
        member
    });
    let members = members.collect();
    (discovery, members)
}
