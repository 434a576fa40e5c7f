// SPDX-License-Identifier: MIT OR Apache-2.0
//! Linux md: mdadm for orders, sysfs for what the kernel itself says.

use crate::Result;
use crate::guest::{self, Word, run};
use std::fs;
use std::path::{Path, PathBuf};

/// Where the container is.
const CONTAINER: &str = "/dev/md/ddf";

/// A volume that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Kernel name, e.g. `md126`.
    pub kernel_name: String,
    /// Number of the volume in its container.
    pub index: usize,
    /// md's level.
    pub level: String,
    /// md's layout number.
    pub layout: u32,
    /// Bytes of a chunk, 0 where the level has none.
    pub chunk: u64,
    /// Bytes.
    pub size: u64,
    /// Slots that are not in sync.
    pub degraded: usize,
    /// The members.
    pub slots: Vec<Slot>,
}

/// A member, as the kernel has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// Number of the slot; `None` once it has failed.
    pub slot: Option<usize>,
    /// Device.
    pub disk: PathBuf,
    /// Where its extent begins, in sectors.
    pub offset: u64,
    /// In sync.
    pub in_sync: bool,
}

impl Volume {
    /// The block device.
    #[must_use]
    pub fn device(&self) -> PathBuf {
        Path::new("/dev").join(&self.kernel_name)
    }

    fn attribute(&self, name: &str) -> Option<String> {
        attribute(&self.kernel_name, name)
    }

    /// Whether no background operation is under way or about to begin.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.attribute("sync_action").is_none_or(|action| action == "idle")
    }

    /// Waits until md takes writes: a volume of a container is read-only until mdmon has it.
    ///
    /// # Errors
    /// It does not come so far.
    pub fn takes_writes(&self) -> Result<()> {
        const BEFORE: [&str; 4] = ["clear", "inactive", "suspended", "readonly"];
        let state = || self.attribute("array_state").filter(|now| !BEFORE.contains(&now.as_str()));
        guest::wait(&format!("{} to take writes", self.kernel_name), state).map(drop)
    }

    /// Has md declare the volume clean as soon as nothing is written, not after the five seconds that mdadm asks for.
    ///
    /// # Errors
    /// sysfs does not take it.
    pub fn is_clean_soon(&self) -> Result<()> {
        let delay = sysfs(&self.kernel_name).join("safe_mode_delay");
        fs::write(&delay, "0.2").map_err(|error| format!("{}: {error}", delay.display()))
    }

    /// Has a rebuild take its time: mdmon does not record the end of one that it has not seen run.
    ///
    /// # Errors
    /// sysfs does not take it.
    pub fn rebuilds_slowly(&self) -> Result<()> {
        let most = sysfs(&self.kernel_name).join("sync_speed_max");
        // Kilobytes a second.
        fs::write(&most, "500").map_err(|error| format!("{}: {error}", most.display()))
    }

    /// Asks for a check, at full speed.
    fn order_check(&self) -> Result<()> {
        for (name, word) in [("sync_speed_max", "system"), ("sync_action", "check")] {
            let order = sysfs(&self.kernel_name).join(name);
            fs::write(&order, word).map_err(|error| format!("{}: {error}", order.display()))?;
        }
        Ok(())
    }

    /// Has the kernel compare data with copies or parity: sectors that do not agree, `None` where the
    /// level has neither.
    ///
    /// # Errors
    /// It does not start or end.
    pub fn check(&self) -> Result<Option<u64>> {
        if self.attribute("sync_action").is_none() {
            return Ok(None);
        }
        self.order_check()?;
        guest::wait("a check by md", || self.is_idle().then_some(()))?;
        let count = self.attribute("mismatch_cnt").and_then(|text| text.parse().ok());
        Ok(Some(count.ok_or("no mismatch_cnt")?))
    }
}

fn sysfs(kernel_name: &str) -> PathBuf {
    Path::new("/sys/block").join(kernel_name).join("md")
}

fn attribute(kernel_name: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(sysfs(kernel_name).join(name)).ok()?;
    Some(text.trim().to_owned())
}

/// Everything that runs in the container, in the order of the volumes' numbers.
///
/// # Errors
/// sysfs is not as expected.
pub fn volumes() -> Result<Vec<Volume>> {
    let entries = fs::read_dir("/sys/block").map_err(|error| format!("/sys/block: {error}"))?;
    let names = (entries.filter_map(std::result::Result::ok))
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut volumes: Vec<Volume> = names.filter_map(|name| volume(&name)).collect();
    volumes.sort_by_key(|volume| volume.index);
    Ok(volumes)
}

fn volume(kernel_name: &str) -> Option<Volume> {
    // `external:/md127/3`: volume 3 of the container md127.
    let version = attribute(kernel_name, "metadata_version")?;
    let index = version.strip_prefix("external:")?.rsplit_once('/')?.1.parse().ok()?;
    let number = |name| attribute(kernel_name, name)?.split(' ').next()?.parse().ok();
    let sectors = fs::read_to_string(Path::new("/sys/block").join(kernel_name).join("size"));
    let mut slots: Vec<Slot> = (fs::read_dir(sysfs(kernel_name)).ok()?)
        .filter_map(|entry| member(&entry.ok()?.path()))
        .collect();
    slots.sort();
    Some(Volume {
        kernel_name: kernel_name.to_owned(),
        index,
        level: attribute(kernel_name, "level")?,
        layout: number("layout").unwrap_or(0) as u32,
        chunk: number("chunk_size").unwrap_or(0),
        size: sectors.ok()?.trim().parse::<u64>().ok()? * 512,
        degraded: number("degraded").unwrap_or(0) as usize,
        slots,
    })
}

/// A folder `dev-vda` of a volume.
fn member(folder: &Path) -> Option<Slot> {
    let disk = folder.file_name()?.to_str()?.strip_prefix("dev-")?;
    let read = |name| Some(fs::read_to_string(folder.join(name)).ok()?.trim().to_owned());
    Some(Slot {
        slot: read("slot")?.parse().ok(),
        disk: Path::new("/dev").join(disk),
        offset: read("offset")?.parse().ok()?,
        in_sync: read("state")?.split(',').any(|word| word == "in_sync"),
    })
}

/// Makes an empty container.
///
/// # Errors
/// mdadm's.
pub fn create_container(disks: &[PathBuf]) -> Result<()> {
    let count = disks.len().to_string();
    let mut words: Vec<Word<'_>> =
        vec![&"mdadm", &"--create", &CONTAINER, &"--run", &"-e", &"ddf", &"-n", &count];
    words.extend(disks.iter().map(|disk| disk as Word<'_>));
    run(&words).map(drop)
}

/// Makes a volume in the container; mdadm chooses the disks' slots, and the disks if it may.
///
/// # Errors
/// mdadm's.
pub fn create_volume(
    name: &str,
    terms: &crate::shapes::MdTerms,
    geometry: &raid_core::array::Geometry,
    disks: &[&Path],
) -> Result<()> {
    let device = format!("/dev/md/{name}");
    let count = (geometry.slots * geometry.sets).to_string();
    let size = (geometry.member_blocks.0 / 2).to_string();
    let chunk = (geometry.strip.0 / 2).to_string();
    let mut words: Vec<Word<'_>> =
        vec![&"mdadm", &"--create", &device, &"--run", &"-l", &terms.level, &"-n", &count];
    words.extend([&"-z" as Word<'_>, &size]);
    if geometry.strip.0 > 0 {
        words.extend([&"-c" as Word<'_>, &chunk]);
    }
    if !terms.layout_name.is_empty() {
        words.extend([&"-p" as Word<'_>, &terms.layout_name]);
    }
    match disks.is_empty() {
        true => words.push(&CONTAINER),
        false => words.extend(disks.iter().map(|disk| disk as Word<'_>)),
    }
    run(&words).map(drop)
}

/// Assembles the container and starts all its volumes, degraded ones too.
///
/// # Errors
/// mdadm's.
pub fn assemble(disks: &[PathBuf]) -> Result<()> {
    let mut words: Vec<Word<'_>> = vec![&"mdadm", &"--assemble", &CONTAINER];
    words.extend(disks.iter().map(|disk| disk as Word<'_>));
    run(&words)?;
    run(&[&"mdadm", &"--incremental", &"--run", &CONTAINER]).map(drop)
}

/// Stops all volumes, then the container, and waits until everything is written.
///
/// # Errors
/// mdadm's.
pub fn stop() -> Result<()> {
    guest::wait("md to stop", || {
        let (good, _) = guest::try_run(&[&"mdadm", &"--stop", &"--scan"]).ok()?;
        let state = fs::read_to_string("/proc/mdstat").ok()?;
        let running = state.lines().any(|line| line.starts_with("md"));
        (good && !running).then_some(())
    })?;
    // Links that nobody else removes, for want of udevd.
    if let Ok(links) = fs::read_dir("/dev/md") {
        links
            .filter_map(std::result::Result::ok)
            .for_each(|link| drop(fs::remove_file(link.path())));
    }
    Ok(())
}

/// Marks a disk as failed in a volume.
///
/// # Errors
/// mdadm's.
pub fn fail(volume: &Volume, disk: &Path) -> Result<()> {
    run(&[&"mdadm", &"--fail", &volume.device(), &disk]).map(drop)
}

/// Takes a failed disk out of the container, once mdmon has let go of it.
///
/// # Errors
/// mdadm's.
pub fn remove(disk: &Path) -> Result<()> {
    guest::wait("md to give up a disk", || {
        guest::try_run(&[&"mdadm", &"--remove", &CONTAINER, &disk]).ok()?.0.then_some(())
    })
}

/// Gives a disk that failed back to the container, as a spare. `mdadm --add` dies of a segmentation
/// fault on DDF containers, its own as well (4.2); this does the same.
///
/// # Errors
/// mdadm's.
pub fn add_again(disk: &Path) -> Result<()> {
    // The status says whether it started a volume, which it has no reason to.
    guest::try_run(&[&"mdadm", &"--incremental", &disk])?;
    guest::wait("md to take a disk back", || {
        let holders = Path::new("/sys/block").join(disk.file_name()?).join("holders");
        fs::read_dir(holders).ok()?.next().map(drop)
    })
}

/// Waits until every volume rests with all its members in sync.
///
/// # Errors
/// It takes minutes.
pub fn settled() -> Result<Vec<Volume>> {
    guest::wait("rebuilds by md", || {
        let volumes = volumes().ok()?;
        let whole = |volume: &Volume| {
            let members = volume.slots.iter().filter(|slot| slot.slot.is_some());
            volume.degraded == 0 && volume.is_idle() && members.clone().all(|slot| slot.in_sync)
        };
        volumes.iter().all(whole).then_some(volumes)
    })
    .inspect_err(|_| print!("{}", fs::read_to_string("/proc/mdstat").unwrap_or_default()))
}
