// SPDX-License-Identifier: MIT OR Apache-2.0
//! One owner of a disk: two programs that write one configuration lose each other's updates.
//!
//! | medium | one writer by | another name of it |
//! |---|---|---|
//! | block device | `O_EXCL`: refused while mounted, or held by a driver or a program | the same device number |
//! | regular file | `flock` of the open file | the same inode |
//!
//! The lock of a file belongs to the open file, as a lock of kind `F_OFD_SETLK` does: it excludes the own
//! process too, and it ends when the last handle is closed, after `SIGKILL` as well. `flock` is in std
//! without unsafe code, and unlike the other kind `/proc/locks` names its process.

use std::fs::{File, Metadata, TryLockError};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::{fmt, io};

/// Which disk a path leads to, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// A regular file.
    File {
        /// Number of its file system.
        device: u64,
        /// Number of the file there.
        inode: u64,
    },
    /// A block device.
    Device(u64),
}

impl Identity {
    /// Of an open file; `None` if it is neither a regular file nor a block device.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Option<Self> {
        let kind = metadata.file_type();
        if kind.is_block_device() {
            return Some(Self::Device(metadata.rdev()));
        }
        kind.is_file().then(|| Self::File { device: metadata.dev(), inode: metadata.ino() })
    }
}

/// Who has a disk open for writing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Holder {
    /// A process, and the name of its program if it may be read.
    Process(u32, Option<String>),
    /// Another block device that is made of it, e.g. `md127`.
    Driver(String),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(id, Some(name)) => write!(f, "process {id} ({name})"),
            Self::Process(id, None) => write!(f, "process {id}"),
            Self::Driver(device) => write!(f, "device {device}"),
        }
    }
}

/// A disk that was not opened for writing, and why.
#[derive(Debug)]
pub struct DiskError {
    /// The path.
    pub path: PathBuf,
    /// Why.
    pub why: Unowned,
}

/// Why a disk was not opened for writing.
#[derive(Debug)]
#[non_exhaustive]
pub enum Unowned {
    /// Somebody else writes it.
    InUse(Option<Holder>),
    /// It is one of the disks opened already, under this path.
    SameDisk(PathBuf),
    /// It is neither a regular file nor a block device.
    NotADisk,
    /// What the operating system said.
    Os(io::Error),
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.why {
            Unowned::InUse(holder) => {
                write!(f, "{path} is in use by ")?;
                match holder {
                    Some(holder) => write!(f, "{holder}")?,
                    None => f.write_str("a mount, a driver or a program that cannot be named")?,
                }
                f.write_str(", and a disk has one writer; stop that one, then start again")
            }
            Unowned::SameDisk(first) => {
                write!(f, "{path} is the same disk as {}; give it once", first.display())
            }
            Unowned::NotADisk => {
                write!(f, "{path} is neither a regular file nor a block device; give one of these")
            }
            Unowned::Os(error) => write!(f, "{path}: {error}"),
        }
    }
}

impl std::error::Error for DiskError {}

impl From<io::Error> for Unowned {
    fn from(error: io::Error) -> Self {
        Self::Os(error)
    }
}

/// Makes `file` the one handle that may write its disk, until it is closed.
///
/// A block device is exclusive since it was opened. Its lock keeps udev from probing it and shows readers who
/// writes; udev itself may hold it for a moment, so a device without the lock is no error.
pub(super) fn own(file: &File) -> Result<Identity, Unowned> {
    let metadata = file.metadata()?;
    let identity = Identity::of(&metadata).ok_or(Unowned::NotADisk)?;
    match (file.try_lock(), identity) {
        (Ok(()), _) | (Err(_), Identity::Device(_)) => Ok(identity),
        (Err(TryLockError::WouldBlock), _) => Err(Unowned::InUse(writer(&metadata))),
        (Err(TryLockError::Error(error)), _) => Err(error.into()),
    }
}

/// Who writes this disk now, as far as the system says. Takes no lock and opens no disk.
#[must_use]
pub fn writer(metadata: &Metadata) -> Option<Holder> {
    let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    let by_lock = locks.lines().find_map(|line| {
        let process = lock_of(line, metadata)?;
        let name = std::fs::read_to_string(format!("/proc/{process}/comm")).ok();
        Some(Holder::Process(process, name.map(|name| name.trim_end().to_owned())))
    });
    by_lock.or_else(|| driver(metadata))
}

/// The process of a line such as `1: FLOCK  ADVISORY  WRITE 1234 fd:01:5678 0 EOF`, if it locks that inode
/// for writing. A line with `->` is somebody who waits.
fn lock_of(line: &str, metadata: &Metadata) -> Option<u32> {
    let mut words = line.split_whitespace().skip(1);
    if (words.next()?, words.next()?, words.next()?) != ("FLOCK", "ADVISORY", "WRITE") {
        return None;
    }
    let process: u32 = words.next()?.parse().ok()?;
    let mut place = words.next()?.split(':');
    let mut number = |radix| u64::from_str_radix(place.next()?, radix).ok();
    let (major, minor, inode) = (number(16)?, number(16)?, number(10)?);
    let device = metadata.dev();
    let own = (u64::from(rustix::fs::major(device)), u64::from(rustix::fs::minor(device)));
    // Some file systems report another device to `stat` than to `/proc/locks`: ask the process then.
    let same = inode == metadata.ino() && ((major, minor) == own || has_open(process, metadata));
    same.then_some(process)
}

fn has_open(process: u32, metadata: &Metadata) -> bool {
    let files = std::fs::read_dir(format!("/proc/{process}/fd"));
    let mut open =
        files.into_iter().flatten().flatten().filter_map(|f| std::fs::metadata(f.path()).ok());
    open.any(|other| (other.dev(), other.ino()) == (metadata.dev(), metadata.ino()))
}

/// The first device that is made of a block device.
fn driver(metadata: &Metadata) -> Option<Holder> {
    let Identity::Device(number) = Identity::of(metadata)? else { return None };
    let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
    let holders = Path::new("/sys/dev/block").join(format!("{major}:{minor}")).join("holders");
    let first = std::fs::read_dir(holders).ok()?.flatten().next()?;
    Some(Holder::Driver(first.file_name().to_string_lossy().into_owned()))
}
