// SPDX-License-Identifier: MIT OR Apache-2.0
//! One owner of a disk: two programs that write one configuration lose each other's updates.
//!
//! | medium | one writer by | another name of it |
//! |---|---|---|
//! | block device | `O_EXCL`: refused while mounted, or held by a driver or a program | the same device number |
//! | regular file | `flock` of the open file; none if a program has locked parts of it, as qemu does | the same inode |
//!
//! Whoever reads a disk for long, and would not see what changes, takes a shared `flock` of it, a [`ReadLock`]: any
//! number of readers go together, and none with a writer, whichever of the two comes first. A writer takes the
//! exclusive one of a device too; udev has a shared one while it probes, so that is waited for. Whoever only looks for a
//! moment takes none, and says who writes.
//!
//! The lock of a file belongs to the open file, as a lock of kind `F_OFD_SETLK` does: it excludes the own
//! process too, and it ends when the last handle is closed, after `SIGKILL` as well. `flock` is in std
//! without unsafe code, and unlike the other kind `/proc/locks` names its process.

use std::fs::{File, Metadata, TryLockError};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
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
    /// Other block devices that are made of it, or of a partition of it, e.g. `md127`.
    Driver(String),
    /// A mount of it, or of a partition of it: where.
    Mount(String),
    /// Swap space on it, or on a partition of it.
    Swap,
}

impl Holder {
    /// A process, with the name of its program if it may be read.
    pub(crate) fn process(id: u32) -> Self {
        let name = std::fs::read_to_string(format!("/proc/{id}/comm")).ok();
        Self::Process(id, name.map(|name| name.trim_end().to_owned()))
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(id, Some(name)) => write!(f, "process {id} ({name})"),
            Self::Process(id, None) => write!(f, "process {id}"),
            Self::Driver(device) => write!(f, "device {device}"),
            Self::Mount(place) => write!(f, "the mount at {place}"),
            Self::Swap => f.write_str("swap space"),
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
    /// Somebody reads it, and would go on with what was there before.
    Read(Option<Holder>),
    /// It was to be read only, and somebody writes it.
    Written(Option<Holder>),
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
                write!(f, "{path} is in use by {}", named(holder))?;
                f.write_str(", and a disk has one writer; stop that one, then start again")
            }
            Unowned::Read(holder) => {
                write!(f, "{path} is read by {}", named(holder))?;
                f.write_str(
                    ", which would not see what is written; stop that one, then start again",
                )
            }
            Unowned::Written(holder) => {
                write!(f, "{path} is written by {}: what is read may be old or torn", named(holder))
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

/// Who it is, or who it may be.
fn named(holder: &Option<Holder>) -> String {
    let unknown = || String::from("a mount, a driver or a program that cannot be named");
    holder.as_ref().map_or_else(unknown, Holder::to_string)
}

impl std::error::Error for DiskError {}

impl From<io::Error> for Unowned {
    fn from(error: io::Error) -> Self {
        Self::Os(error)
    }
}

/// Makes `file` the one handle that may write its disk, until it is closed.
///
/// A block device is exclusive since it was opened. Its lock keeps udev from probing it, shows readers who writes, and
/// shows that nobody reads it for long. One that somebody else has exclusively, without the device, is no error.
pub(super) fn own(file: &File) -> Result<Identity, Unowned> {
    let metadata = file.metadata()?;
    let identity = Identity::of(&metadata).ok_or(Unowned::NotADisk)?;
    match (file.try_lock(), identity) {
        (Ok(()), Identity::Device(_)) => Ok(identity),
        // Locks of the other kinds exclude nobody who does not ask.
        (Ok(()), Identity::File { .. }) => match lock_holder(&metadata, is_other_lock) {
            Some(holder) => Err(Unowned::InUse(Some(holder))),
            None => Ok(identity),
        },
        (Err(TryLockError::WouldBlock), _) => match (reader(&metadata), identity) {
            (Some(reader), _) => Err(Unowned::Read(Some(reader))),
            (None, Identity::Device(_)) => Ok(identity),
            (None, Identity::File { .. }) => Err(Unowned::InUse(writer(&metadata))),
        },
        (Err(TryLockError::Error(error)), _) => Err(error.into()),
    }
}

/// A disk that is read for long, and that nobody writes meanwhile, until this is dropped.
#[derive(Debug)]
pub struct ReadLock {
    _file: File,
}

impl ReadLock {
    /// Locks a disk, which is opened for reading.
    ///
    /// # Errors
    /// [`DiskError`]; [`Unowned::Written`] if somebody writes it.
    pub fn take(path: &Path) -> Result<Self, DiskError> {
        let locked = patiently(|| {
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            Identity::of(&metadata).ok_or(Unowned::NotADisk)?;
            match file.try_lock_shared() {
                Ok(()) => match held(&metadata) {
                    None => Ok(Self { _file: file }),
                    writer => Err(Unowned::Written(writer)),
                },
                Err(TryLockError::WouldBlock) => Err(Unowned::Written(writer(&metadata))),
                Err(TryLockError::Error(error)) => Err(error.into()),
            }
        });
        locked.map_err(|why| DiskError { path: path.to_owned(), why })
    }
}

/// How long a disk may be held by a program that has ended, and is not quite gone: what io_uring has under way for one
/// that was killed keeps its files open until it is done. As long may udev probe a device.
const LINGERING: Duration = Duration::from_secs(10);

/// Tries until it is done, or refused by somebody who goes on.
pub(super) fn patiently<T>(mut open: impl FnMut() -> Result<T, Unowned>) -> Result<T, Unowned> {
    let until = Instant::now() + LINGERING;
    loop {
        let why = match open() {
            Ok(opened) => return Ok(opened),
            Err(why) => why,
        };
        let passes = match &why {
            Unowned::InUse(holder) | Unowned::Written(holder) => !lives(Path::new("/proc"), holder),
            Unowned::Read(holder) => !lives(Path::new("/proc"), holder) || is_udev(holder),
            _ => false,
        };
        if !passes || Instant::now() >= until {
            return Err(why);
        }
        std::thread::sleep(LINGERING / 1000);
    }
}

/// udev looks at devices for a moment.
fn is_udev(holder: &Option<Holder>) -> bool {
    matches!(holder, Some(Holder::Process(_, Some(name))) if name.contains("udev"))
}

/// Whether this holder is one that goes on: nobody known may be one that has ended and is not quite gone. One that was
/// killed is there until all of its files are closed.
fn lives(proc: &Path, holder: &Option<Holder>) -> bool {
    let Some(holder) = holder else { return false };
    let Holder::Process(id, _) = holder else { return true };
    let read = |file: &str| std::fs::read_to_string(proc.join(id.to_string()).join(file));
    let Ok(stat) = read("stat") else { return false };
    !is_exiting(&stat) && !is_killed(&read("status").unwrap_or_default())
}

/// Whether `/proc/N/stat` shows a process on its way out. The name before may hold anything.
fn is_exiting(stat: &str) -> bool {
    const PF_EXITING: u64 = 4;
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let mut fields = after.split_whitespace();
    let state = fields.next().unwrap_or_default();
    let flags = fields.nth(5).and_then(|flags| flags.parse::<u64>().ok()).unwrap_or(0);
    matches!(state, "Z" | "X" | "x") || flags & PF_EXITING != 0
}

/// Whether `/proc/N/status` shows SIGKILL on its way.
fn is_killed(status: &str) -> bool {
    const SIGKILL: u64 = 1 << 8;
    let pending = status.lines().filter_map(|line| {
        let of = line.strip_prefix("SigPnd:").or_else(|| line.strip_prefix("ShdPnd:"))?;
        u64::from_str_radix(of.trim(), 16).ok()
    });
    pending.into_iter().any(|pending| pending & SIGKILL != 0)
}

/// Who reads this disk for long, if anybody does.
fn reader(metadata: &Metadata) -> Option<Holder> {
    lock_holder(metadata, |kind, mode| (kind, mode) == ("FLOCK", "READ"))
}

/// Who writes a disk of which a shared lock was taken.
fn held(metadata: &Metadata) -> Option<Holder> {
    lock_holder(metadata, is_other_lock).or_else(|| match Identity::of(metadata)? {
        Identity::Device(number) => holder(Path::new("/"), number),
        Identity::File { .. } => None,
    })
}

/// Who writes this disk now, as far as the system says. Takes no lock and opens no disk.
#[must_use]
pub fn writer(metadata: &Metadata) -> Option<Holder> {
    let by_lock = lock_holder(metadata, |kind, mode| {
        (kind, mode) == ("FLOCK", "WRITE") || is_other_lock(kind, mode)
    });
    by_lock.or_else(|| match Identity::of(metadata)? {
        Identity::Device(number) => holder(Path::new("/"), number),
        Identity::File { .. } => None,
    })
}

/// Whether a lock that is no `flock` says that a program writes the file, or lets nobody else do so: qemu
/// holds read locks of single bytes while it writes.
fn is_other_lock(kind: &str, mode: &str) -> bool {
    kind == "OFDLCK" || (kind, mode) == ("POSIX", "WRITE")
}

/// Who has locked this inode, with a lock of such a kind and mode.
fn lock_holder(metadata: &Metadata, counts: impl Fn(&str, &str) -> bool) -> Option<Holder> {
    let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    let process = locks.lines().filter_map(Lock::of_line).find_map(|lock| {
        let counts = counts(lock.kind, lock.mode);
        if counts && lock.inode == metadata.ino() { lock.process_of(metadata) } else { None }
    })?;
    Some(Holder::process(process))
}

/// A line such as `1: FLOCK  ADVISORY  WRITE 1234 fd:01:5678 0 EOF`. A line with `->` is somebody who waits.
#[derive(Debug, PartialEq, Eq)]
struct Lock<'l> {
    kind: &'l str,
    mode: &'l str,
    /// Of locks that belong to an open file, and not to a process, it is not recorded.
    process: Option<u32>,
    device: (u64, u64),
    inode: u64,
}

impl<'l> Lock<'l> {
    fn of_line(line: &'l str) -> Option<Self> {
        let mut words = line.split_whitespace().skip(1);
        let (kind, _, mode) = (words.next()?, words.next()?, words.next()?);
        let process = words.next()?.parse().ok();
        let mut place = words.next()?.split(':');
        let mut number = |radix| u64::from_str_radix(place.next()?, radix).ok();
        let device = (number(16)?, number(16)?);
        Some(Self { kind, mode, process, device, inode: number(10)? })
    }

    /// The process that holds it, if it is a lock of this inode.
    fn process_of(&self, metadata: &Metadata) -> Option<u32> {
        let device = metadata.dev();
        let own = (u64::from(rustix::fs::major(device)), u64::from(rustix::fs::minor(device)));
        match self.process {
            // Some file systems report another device to `stat` than to `/proc/locks`: ask the process then.
            Some(process) => {
                let same = self.device == own || has_open(process, metadata);
                same.then_some(process)
            }
            None => {
                let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
                let mut all = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
                let me = std::process::id();
                all.find(|process| *process != me && has_open(*process, metadata))
            }
        }
    }
}

fn has_open(process: u32, metadata: &Metadata) -> bool {
    let files = std::fs::read_dir(format!("/proc/{process}/fd"));
    let mut open =
        files.into_iter().flatten().flatten().filter_map(|f| std::fs::metadata(f.path()).ok());
    open.any(|other| (other.dev(), other.ino()) == (metadata.dev(), metadata.ino()))
}

/// What holds a block device or one of its partitions, as the file systems `sys` and `proc` below `root` say.
fn holder(root: &Path, number: u64) -> Option<Holder> {
    let place = root.join(format!("sys/dev/block/{}", numbers(number)));
    let entries = |path: &Path| {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    };
    let partitions = entries(&place).into_iter().filter(|path| path.join("partition").exists());
    let own: Vec<PathBuf> = std::iter::once(place).chain(partitions).collect();
    let name = |path: PathBuf| Some(path.file_name()?.to_string_lossy().into_owned());
    let holders = own.iter().flat_map(|path| entries(&path.join("holders")));
    let holders: Vec<String> = holders.filter_map(name).collect();
    if !holders.is_empty() {
        return Some(Holder::Driver(holders.join(", ")));
    }
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    let mut known: Vec<String> = own.iter().map(|path| read(path.join("dev"))).collect();
    known.iter_mut().for_each(|number| *number = number.trim().to_owned());
    known.push(numbers(number));
    // `36 35 98:0 / /mnt rw,noatime …`
    let mounts = read(root.join("proc/self/mountinfo"));
    let mount = mounts.lines().find_map(|line| {
        let mut words = line.split(' ').skip(2);
        let device = words.next()?;
        let at = words.nth(1)?;
        known.iter().any(|own| own == device).then(|| at.to_owned())
    });
    if let Some(at) = mount {
        return Some(Holder::Mount(at));
    }
    let swaps = read(root.join("proc/swaps"));
    let is_own = |path: &str| {
        let found = std::fs::metadata(path).ok().and_then(|found| Identity::of(&found));
        matches!(found, Some(Identity::Device(swap)) if known.contains(&numbers(swap)))
    };
    let mut paths = swaps.lines().skip(1).filter_map(|line| line.split_whitespace().next());
    paths.any(is_own).then_some(Holder::Swap)
}

fn numbers(device: u64) -> String {
    format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A root with these files and directories (a name that ends with `/`), removed at the end.
    struct Root(PathBuf);

    impl Root {
        fn with(test: &str, files: &[(&str, &str)]) -> Self {
            let name = format!("raid-array-owner-{test}-{}", std::process::id());
            let root = std::env::temp_dir().join(name);
            for (path, text) in files {
                let place = root.join(path);
                if path.ends_with('/') {
                    fs::create_dir_all(place).unwrap();
                } else {
                    fs::create_dir_all(place.parent().unwrap()).unwrap();
                    fs::write(place, text).unwrap();
                }
            }
            Self(root)
        }

        fn holder(&self) -> Option<String> {
            holder(&self.0, rustix::fs::makedev(8, 16)).map(|holder| holder.to_string())
        }
    }

    impl Drop for Root {
        fn drop(&mut self) {
            // What stays lies among the temporary files.
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn every_device_that_holds_a_disk_is_named_by_sysfs() {
        let nobody = Root::with("nobody", &[("sys/dev/block/8:16/holders/", "")]);
        assert_eq!(nobody.holder(), None);
        let md = Root::with(
            "md",
            &[
                ("sys/dev/block/8:16/holders/md127", ""),
                ("sys/dev/block/8:16/holders/dm-0", ""),
                ("sys/dev/block/8:32/holders/dm-7", ""),
            ],
        );
        assert_eq!(md.holder().as_deref(), Some("device dm-0, md127"));
    }

    #[test]
    fn a_holder_or_a_mount_of_a_partition_holds_the_disk() {
        let partition = [
            ("sys/dev/block/8:16/sdb1/partition", "1\n"),
            ("sys/dev/block/8:16/sdb1/dev", "8:17\n"),
            ("sys/dev/block/8:16/queue/dev", ""),
        ];
        let held = [&partition[..], &[("sys/dev/block/8:16/sdb1/holders/dm-3", "")]].concat();
        assert_eq!(Root::with("part", &held).holder().as_deref(), Some("device dm-3"));
        let mounts =
            "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n36 22 8:17 / /srv rw - ext4 /dev/sdb1 rw\n";
        let mounted = [&partition[..], &[("proc/self/mountinfo", mounts)]].concat();
        assert_eq!(Root::with("mount", &mounted).holder().as_deref(), Some("the mount at /srv"));
        let elsewhere = [("proc/self/mountinfo", mounts)];
        assert_eq!(Root::with("elsewhere", &elsewhere).holder(), None);
    }

    #[test]
    fn a_process_that_was_killed_or_is_on_its_way_out_does_not_go_on() {
        let root = Root::with(
            "lives",
            &[
                ("7/stat", "7 (a) Z 4) S 1 7 7 0 -1 4194304 100 0\n"),
                ("7/status", "SigPnd:\t0000000000000000\nShdPnd:\t0000000000004000\n"),
                ("8/stat", "8 (raid-ublk) S 1 8 8 0 -1 4194304 100 0\n"),
                ("8/status", "SigPnd:\t0000000000000000\nShdPnd:\t0000000000000100\n"),
                ("9/stat", "9 (raid-ublk) D 1 9 9 0 -1 4195332 100 0\n"),
                ("10/stat", "10 (raid-ublk) Z 1 10 10 0 -1 4194304 100 0\n"),
            ],
        );
        for (id, goes_on) in [(7, true), (8, false), (9, false), (10, false), (11, false)] {
            assert_eq!(lives(&root.0, &Some(Holder::Process(id, None))), goes_on, "process {id}");
        }
        assert!(!lives(&root.0, &None) && lives(&root.0, &Some(Holder::Swap)));
    }

    #[test]
    fn locks_of_every_kind_are_read_and_those_who_wait_are_not() {
        let lock = |line| Lock::of_line(line).filter(|lock| lock.inode == 5678);
        let flock = lock("1: FLOCK  ADVISORY  WRITE 1234 fd:01:5678 0 EOF").unwrap();
        assert_eq!((flock.process, flock.device), (Some(1234), (0xfd, 1)));
        let qemu = lock("2: OFDLCK ADVISORY  READ -1 fd:01:5678 100 100").unwrap();
        assert!(qemu.process.is_none() && is_other_lock(qemu.kind, qemu.mode));
        assert_eq!(lock("1: -> FLOCK  ADVISORY  WRITE 77 fd:01:5678 0 EOF"), None);
        assert_eq!(lock("3: LEASE  ACTIVE    READ"), None);
        for (kind, mode, counts) in
            [("POSIX", "WRITE", true), ("POSIX", "READ", false), ("FLOCK", "READ", false)]
        {
            assert_eq!(is_other_lock(kind, mode), counts, "{kind} {mode}");
        }
    }
}
