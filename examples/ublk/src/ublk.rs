// SPDX-License-Identifier: MIT OR Apache-2.0
//! An array as a block device of the kernel, `/dev/ublkbN`, by its ublk driver.
//!
//! ```text
//! driver    /dev/ublk-control: add, set parameters, start │ recover, stop, delete
//! queue     /dev/ublkcN: requests of the block layer ─▶ the array, and back
//! limits    where the block layer cuts requests
//! target    an array that runs, or one that is only read
//! abi       numbers and structures of linux/ublk_cmd.h
//! ```
//!
//! The device outlives a server that is killed: programs wait, and the next server of the same array takes it over
//! with every request that was not answered. The driver keeps a number for its server, which says whose device it is.

mod abi;
mod driver;
mod features;
mod limits;
mod queue;
mod target;

pub(crate) use features::table as features;
pub(crate) use target::{Done, Facts, Target};

use abi::{DeviceInfo, Parameters, command, state};
use driver::Driver;
use raid_core::array::ArrayId;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};
use std::{fmt, fs, thread};

/// Requests under way at a time.
const DEPTH: u16 = 128;
/// How long the kernel may take to notice that a server is gone, and udev to make a device file.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is asked meanwhile.
const AGAIN: Duration = Duration::from_millis(20);

/// A device that is not started yet, or runs.
pub(crate) struct Device {
    driver: Driver,
    info: DeviceInfo,
    /// Requests and their data.
    channel: File,
    /// It is there already, and waits for its server.
    recovers: bool,
    /// It is being handed over, as its queue knows.
    leaves: Arc<AtomicBool>,
}

impl Device {
    /// The device of an array: a new one, or the one that the array's last server left behind. `array` is the
    /// number by which it is found again; `number` is which device it is to be, any if not given. Nothing is asked of
    /// the array yet.
    pub(crate) fn of(facts: &Facts, array: u64, number: Option<u32>) -> Result<Self, String> {
        let mut driver = Driver::open()?;
        let offered = driver.features().map_err(|error| {
            format!("the ublk driver does not say what it offers: {error}; Linux 6.5 and later do")
        })?;
        let used = features::used(offered)?;
        let told = limits::of(facts);
        let left = left_behind(&mut driver, array)?;
        let recovers = left.is_some();
        let info = match left {
            Some(info) => {
                adopt(&mut driver, &info, &told)?;
                info
            }
            None => {
                let mut info = DeviceInfo {
                    queues: 1,
                    queue_depth: DEPTH,
                    max_io_bytes: (told.max_sectors * abi::SECTOR).next_multiple_of(abi::PAGE),
                    device: number.unwrap_or(u32::MAX),
                    server: std::process::id() as i32,
                    features: used,
                    array,
                    ..DeviceInfo::default()
                };
                let added = driver.add(&mut info);
                added.map_err(|error| match error.kind() {
                    ErrorKind::AlreadyExists => {
                        format!("{} is there already; choose another number", block(info.device))
                    }
                    _ => format!("a ublk device cannot be added: {error}"),
                })?;
                let set = driver.set_parameters(info.device, &told);
                if let Err(error) = set {
                    return Err(undone(
                        &mut driver,
                        &info,
                        &format!("its parameters {told:?} are refused: {error}"),
                    ));
                }
                info
            }
        };
        match open_when_there(&channel(info.device)) {
            Ok(channel) => Ok(Self { driver, info, channel, recovers, leaves: Arc::default() }),
            Err(error) if recovers => Err(format!("{}: {error}", channel(info.device).display())),
            Err(error) => {
                let why = format!("{}: {error}", channel(info.device).display());
                Err(undone(&mut driver, &info, &why))
            }
        }
    }

    /// The block device.
    pub(crate) fn path(&self) -> PathBuf {
        block_path(self.info.device)
    }

    /// Whether it was there already.
    pub(crate) const fn is_recovered(&self) -> bool {
        self.recovers
    }

    /// What carries requests: to be served from a thread of its own, from before [`start`](Self::start) to after
    /// [`stop`](Self::stop).
    pub(crate) fn queue(&self) -> Result<Queue, String> {
        let failed = |why: String| format!("{self}: {why}");
        let channel = self.channel.try_clone().map_err(|error| failed(error.to_string()))?;
        let depth = self.info.queue_depth;
        let leaves = Arc::clone(&self.leaves);
        Ok(Queue { channel, depth, parts: queue::Parts::new(depth).map_err(failed)?, leaves })
    }

    /// Gives it up before it was started: one that was there already waits for the next server.
    pub(crate) fn give_up(self) -> Result<(), String> {
        if self.recovers { Ok(()) } else { self.delete() }
    }

    /// Lets requests come. The queue must be ready: it is read for partitions before this returns.
    pub(crate) fn start(&mut self) -> Result<(), String> {
        let operation = if self.recovers { command::END_USER_RECOVERY } else { command::START_DEV };
        let server = u64::from(std::process::id());
        let started = self.driver.order(operation, self.info.device, server);
        started.map_err(|error| format!("{self} cannot be started: {error}"))
    }

    /// Takes the device away. What user programs have written to its page cache is written first; the queue ends.
    pub(crate) fn stop(&mut self) -> Result<(), String> {
        let stopped = self.driver.order(command::STOP_DEV, self.info.device, 0);
        stopped.map_err(|error| format!("{self} cannot be stopped: {error}"))
    }

    /// Lets go of it for the next server: what is under way is answered first, the queue ends, and programs wait.
    /// The device stays when this is dropped.
    pub(crate) fn hand_over(&mut self) -> Result<(), String> {
        self.leaves.store(true, Ordering::Release);
        // Without a limit of time: the driver does not go back from a wait that it gave up.
        let quiesced = self.driver.order(command::QUIESCE_DEV, self.info.device, 0);
        quiesced.map_err(|error| format!("{self} cannot be handed over: {error}"))
    }

    /// Removes what is left of it once its queue has ended.
    pub(crate) fn delete(self) -> Result<(), String> {
        let Self { mut driver, info, channel, .. } = self;
        drop(channel);
        let deleted = driver.delete(info.device);
        deleted.map_err(|error| format!("{} cannot be removed: {error}", block(info.device)))
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&block(self.info.device))
    }
}

/// Requests of a device.
pub(crate) struct Queue {
    channel: File,
    depth: u16,
    parts: queue::Parts,
    leaves: Arc<AtomicBool>,
}

impl Queue {
    /// Serves until the device goes. `ready` is told when the device may be started, or why it may not.
    pub(crate) fn serve(
        self,
        target: &dyn Target,
        ready: &Sender<Result<(), String>>,
    ) -> io::Result<()> {
        queue::serve(&self.channel, self.depth, self.parts, target, ready, &self.leaves)
    }
}

/// Why a device must not be stopped yet: something else than this server uses it. A mount, md, or a program that
/// opened it for itself alone; one that merely has it open is not seen.
pub(crate) fn in_use(path: &Path) -> Option<String> {
    let flags = rustix::fs::OFlags::EXCL.bits() as i32;
    let opened = File::options().read(true).custom_flags(flags).open(path);
    let busy = opened.is_err_and(|error| error.kind() == ErrorKind::ResourceBusy);
    let holder = fs::metadata(path).ok().and_then(|found| raid_array::member::writer(&found));
    let holder = holder.map_or_else(|| String::from("a mount or a program"), |by| by.to_string());
    busy.then(|| format!("{} is in use by {holder}; unmount it first", path.display()))
}

/// Why a device cannot be kept for the next server while this one stops.
pub(crate) fn not_kept(path: &Path) -> Option<String> {
    let asked = || {
        let number = path.to_str().and_then(|path| path.strip_prefix("/dev/ublkb")?.parse().ok());
        let number = number.ok_or_else(|| format!("{} is no ublk device", path.display()))?;
        let info = Driver::open()?.info(number);
        let info = info.map_err(|error| format!("{}: {error}", path.display()))?;
        match info.features & features::HAND_OVER {
            0 => Err(format!(
                "{} cannot be kept: the driver had no quiesce when it was made (Linux 6.16 has it); a server that is \
                 killed leaves its device to the next one",
                path.display()
            )),
            _ => Ok(()),
        }
    };
    asked().err()
}

/// Removes a device whose server is gone and does not come back: what waits for it fails.
pub(crate) fn remove(device: u32, force: bool) -> Result<(), String> {
    let mut driver = Driver::open()?;
    let failed = |error: io::Error| format!("{}: {error}", block(device));
    let info = driver.info(device).map_err(failed)?;
    if !force && !is_ours(info.array) {
        return Err(format!(
            "{} was made by another program, which may take it over again; use that, or --force",
            block(device)
        ));
    }
    if is_served(&info) {
        let (name, server) = (block(device), info.server);
        return Err(format!("{name} is served by process {server}; stop that instead"));
    }
    driver.delete(device).map_err(failed)
}

/// The highest bits of the numbers by which devices made here are found again.
const MARK: u64 = 0x7264 << 48;

/// By which a device is known to be this array's: a mark, and FNV-1a of its identity.
pub(crate) fn number_of(id: ArrayId) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = id.to_string().bytes().fold(0xcbf2_9ce4_8422_2325, step);
    MARK | (hash >> 16 ^ hash) & !(0xffff << 48)
}

/// Whether a device was made here, by the number that the driver keeps of it.
const fn is_ours(number: u64) -> bool {
    number >> 48 == MARK >> 48
}

fn is_served(info: &DeviceInfo) -> bool {
    info.state == state::LIVE && Path::new("/proc").join(info.server.to_string()).exists()
}

fn block_path(device: u32) -> PathBuf {
    PathBuf::from(block(device))
}

fn block(device: u32) -> String {
    format!("/dev/ublkb{device}")
}

fn channel(device: u32) -> PathBuf {
    PathBuf::from(format!("/dev/ublkc{device}"))
}

/// The device of this array that waits for a server. One that nobody can take over is removed.
fn left_behind(driver: &mut Driver, array: u64) -> Result<Option<DeviceInfo>, String> {
    for device in devices() {
        // It may have gone since it was listed.
        let Ok(mut info) = driver.info(device) else { continue };
        if info.array != array {
            continue;
        }
        let until = Instant::now() + PATIENCE;
        while info.state == state::LIVE {
            if is_served(&info) || Instant::now() >= until {
                let (name, server) = (block(device), info.server);
                return Err(format!("this array is {name} already, served by process {server}"));
            }
            // The kernel has not noticed yet.
            thread::sleep(AGAIN);
            info = driver.info(device).map_err(|error| format!("{}: {error}", block(device)))?;
        }
        if info.state == state::QUIESCED {
            return Ok(Some(info));
        }
        let gone = driver.delete(device);
        gone.map_err(|error| format!("{}, left by a server, stays: {error}", block(device)))?;
    }
    Ok(None)
}

/// The numbers of all devices of the driver.
fn devices() -> Vec<u32> {
    let entries = fs::read_dir("/sys/class/ublk-char").into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter_map(|name| name.strip_prefix("ublkc")?.parse().ok()).collect()
}

/// Whether a device of this array waits for a server, or may before long.
pub(crate) fn is_left_behind(array: u64) -> Result<bool, String> {
    let mut driver = Driver::open()?;
    let mut infos = devices().into_iter().filter_map(|device| driver.info(device).ok());
    Ok(infos.any(|info| info.array == array))
}

/// Begins to take over a device; it must be the array's, as it is.
fn adopt(driver: &mut Driver, info: &DeviceInfo, told: &Parameters) -> Result<(), String> {
    let name = block(info.device);
    let failed = |error: io::Error| format!("{name} cannot be taken over: {error}");
    let kept = driver.parameters(info.device).map_err(failed)?;
    let is_read_only = |of: &Parameters| of.attributes & abi::attribute::READ_ONLY != 0;
    if is_read_only(&kept) != is_read_only(told) {
        let how = if is_read_only(&kept) { "with" } else { "without" };
        return Err(format!("{name} was served {how} --readonly; serve it so, or remove it first"));
    }
    let same = |of: &Parameters| (of.device_sectors, of.logical_shift);
    if same(&kept) != same(told) {
        return Err(format!(
            "{name} has {} sectors and the array {}; remove the device first: its programs \
             must not see another one",
            kept.device_sectors, told.device_sectors
        ));
    }
    let until = Instant::now() + PATIENCE;
    loop {
        match driver.order(command::START_USER_RECOVERY, info.device, 0) {
            Ok(()) => return Ok(()),
            // The last server is still going.
            Err(error) if error.kind() == ErrorKind::ResourceBusy && Instant::now() < until => {
                thread::sleep(AGAIN);
            }
            Err(error) => return Err(failed(error)),
        }
    }
}

/// Takes a device away again that could not be used; `why` it could not.
fn undone(driver: &mut Driver, info: &DeviceInfo, why: &str) -> String {
    let name = block(info.device);
    match driver.delete(info.device) {
        Ok(()) => format!("{name}: {why}"),
        Err(error) => format!("{name}: {why}; it stays there: {error}"),
    }
}

/// Where udev runs, the file of a new device comes a moment later.
fn open_when_there(path: &Path) -> io::Result<File> {
    let until = Instant::now() + PATIENCE;
    loop {
        match File::options().read(true).write(true).open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound && Instant::now() < until => {
                thread::sleep(AGAIN);
            }
            opened => return opened,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_known_by_their_arrays_and_told_from_those_of_others() {
        let number = |seed| number_of(ArrayId([seed; 24]));
        assert_ne!(number(1), number(2));
        assert!(is_ours(number(1)) && is_ours(number(2)));
        // Servers that keep nothing there, flags of their own, or eight letters.
        for other in [0, 1, 0xff, u64::MAX, u64::from_be_bytes(*b"libublk\0")] {
            assert!(!is_ours(other), "{other:#x}");
        }
    }
}
