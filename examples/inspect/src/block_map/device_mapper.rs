// SPDX-License-Identifier: MIT OR Apache-2.0
//! An array as tables of Linux's device-mapper, read only.
//!
//! ```text
//! disk ──linear──▶ member ──raid, striped, linear──▶ set ──striped, linear──▶ array
//! ```
//!
//! Each member is a device of its own, which begins and ends with its extent. The names of the target `raid` are those
//! of md (`Documentation/admin-guide/device-mapper/dm-raid.rst`), but for RAID-4: its documentation puts the parity of
//! `raid4` last, its code first. `raid5_n` is last in both, and says the same. Superblocks are not given to it (`-`), so
//! that none is written, and `nosync` keeps it from a resync.

use crate::disks::Inspection;
use crate::readiness::Readiness;
use raid_array::discover::FoundArray;
use raid_core::array::{Geometry, Level, MemberDescriptor, Placement, QNumbering, Secondary};
use raid_core::units::SlotSet;

/// Bytes of what device-mapper counts in.
const SECTOR: u64 = 512;
/// Devices that the target `raid` takes (`MAX_RAID_DEVICES`).
const MOST: usize = 253;

/// Devices in the order in which they are made, the last one is the array.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) disks: Vec<Disk>,
    pub(super) devices: Vec<Device>,
}

/// A disk that tables name.
#[derive(Debug)]
pub(super) struct Disk {
    /// In tables, after a `$`.
    pub(super) name: String,
    pub(super) path: String,
    /// Whether it is a file, which needs a loop device.
    pub(super) is_file: bool,
}

/// A device of device-mapper.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) name: String,
    pub(super) table: Vec<String>,
}

/// A device that was made, and its sectors.
type Made = (String, u64);

/// The array over the members that are read.
///
/// # Errors
/// Why device-mapper has no such target.
pub(super) fn of(
    inspection: &Inspection,
    array: &FoundArray,
    ready: &Readiness,
) -> Result<Script, String> {
    let descriptor = &array.descriptor;
    let geometry = &descriptor.geometry;
    let layout = ready.layout(descriptor).map_err(|error| error.to_string())?;
    let sectors = |blocks: u64| blocks.saturating_mul(u64::from(geometry.block_size) / SECTOR);
    let script = Script { disks: Vec::new(), devices: Vec::new() };
    let name = name_of(&descriptor.name.to_string());
    let mut making = Making { inspection, geometry, name, script };
    let sets = match layout.set_copies() {
        1 => 0..geometry.sets,
        // Every set holds all of it: the one that is read.
        _ => {
            let set = u16::try_from(ready.mirrored_set).unwrap_or(0);
            set..set.saturating_add(1)
        }
    };
    let mut parts = Vec::new();
    for set in sets {
        parts.push(making.set(ready, set, sectors(layout.set_blocks().0))?);
    }
    let (top, len) = making.join(parts)?;
    let size = sectors(descriptor.size.0);
    let Making { name, mut script, .. } = making;
    match script.devices.last_mut() {
        Some(last) if len == size => last.name = name,
        _ => script.devices.push(Device { name, table: vec![linear(0, size, &top, 0)] }),
    }
    Ok(script)
}

/// What device-mapper takes as a name without escapes.
fn name_of(name: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || "_.".contains(c) { c } else { '_' };
    let name: String = name.trim_end().chars().take(60).map(kept).collect();
    if name.is_empty() { "array".to_owned() } else { name }
}

fn linear(at: u64, len: u64, device: &str, start: u64) -> String {
    format!("{at} {len} linear {device} {start}")
}

struct Making<'a> {
    inspection: &'a Inspection,
    geometry: &'a Geometry,
    name: String,
    script: Script,
}

impl Making<'_> {
    fn put(&mut self, name: String, table: Vec<String>) -> String {
        let device = format!("/dev/mapper/{name}");
        self.script.devices.push(Device { name, table });
        device
    }

    /// A member's extent; none if it is not read.
    fn member(&mut self, member: &MemberDescriptor, sectors: u64) -> Option<String> {
        let disk = member.disk?;
        let found = self.inspection.discovery.disks.get(disk)?;
        let name = format!("d{disk}");
        if self.script.disks.iter().all(|known| known.name != name) {
            let is_file = self.inspection.sources.get(disk)?.bytes.block_size().is_none();
            let path = found.name.clone();
            self.script.disks.push(Disk { name: name.clone(), path, is_file });
        }
        let start = member.start.0.checked_mul(u64::from(found.shape.block_size) / SECTOR)?;
        let table = vec![linear(0, sectors, &format!("${name}"), start)];
        let place = member.place;
        let name = format!("{}-s{}m{}", self.name, place.set, place.slot.0);
        Some(self.put(name, table))
    }

    /// One redundancy set with so many sectors of data.
    fn set(&mut self, ready: &Readiness, set: u16, len: u64) -> Result<Made, String> {
        let geometry = self.geometry;
        let index = usize::from(set);
        let members = ready.members.get(index).map_or(&[][..], Vec::as_slice);
        let mut gone = ready.health.get(index).map_or(SlotSet::EMPTY, |h| h.unavailable);
        // What is stale from some row on is computed everywhere.
        for mark in ready.marks.get(index).into_iter().flatten() {
            gone.insert(mark.slot);
        }
        let unit = u64::from(geometry.block_size) / SECTOR;
        let concat = geometry.level == Level::Concat;
        let sectors = |member: &MemberDescriptor| {
            let blocks = if concat { member.len } else { geometry.member_blocks };
            blocks.0.saturating_mul(unit)
        };
        let mut devices: Vec<(Option<String>, u64)> = Vec::new();
        for member in members {
            let sectors = sectors(member);
            let device = match gone.contains(member.place.slot) {
                true => None,
                false => self.member(member, sectors),
            };
            devices.push((device, sectors));
        }
        let name = format!("{}-s{set}", self.name);
        let chunk = geometry.strip.0.saturating_mul(unit);
        let plain: Option<Vec<String>> = devices.iter().map(|(device, _)| device.clone()).collect();
        let whole = || plain.clone().ok_or("without redundancy, and a member is missing");
        let table = match geometry.level {
            Level::Single | Level::Concat => {
                let mut at = 0u64;
                let mut table = Vec::new();
                for (device, (_, sectors)) in whole()?.iter().zip(&devices) {
                    table.push(linear(at, *sectors, device, 0));
                    at = at.saturating_add(*sectors);
                }
                table
            }
            Level::Raid0 => vec![striped(len, chunk, &whole()?)],
            _ => {
                let devices: Vec<Option<String>> = devices.into_iter().map(|made| made.0).collect();
                vec![raid(geometry, len, chunk, devices)?]
            }
        };
        Ok((self.put(name, table), len))
    }

    /// The sets one after another, or striped.
    fn join(&mut self, parts: Vec<Made>) -> Result<Made, String> {
        if let [one] = parts.as_slice() {
            return Ok(one.clone());
        }
        let len = parts.iter().map(|part| part.1).sum();
        let name = format!("{}-sets", self.name);
        let devices: Vec<String> = parts.iter().map(|part| part.0.clone()).collect();
        let table = match self.geometry.secondary {
            Secondary::Concatenated => {
                let mut at = 0;
                let part = |(device, sectors): &Made| {
                    let line = linear(at, *sectors, device, 0);
                    at += sectors;
                    line
                };
                parts.iter().map(part).collect()
            }
            // Sets of one geometry are of one size: spanned is striped.
            Secondary::Striped | Secondary::Spanned => {
                let unit = u64::from(self.geometry.block_size) / SECTOR;
                vec![striped(len, self.geometry.strip.0.saturating_mul(unit), &devices)]
            }
            _ => return Err("how its sets are joined is not known".to_owned()),
        };
        Ok((self.put(name, table), len))
    }
}

fn striped(len: u64, chunk: u64, devices: &[String]) -> String {
    let places: Vec<String> = devices.iter().map(|device| format!("{device} 0")).collect();
    format!("0 {len} striped {} {chunk} {}", devices.len(), places.join(" "))
}

/// A set with redundancy: the type of md, further words, and the order of the slots.
fn raid(
    geometry: &Geometry,
    len: u64,
    chunk: u64,
    mut devices: Vec<Option<String>>,
) -> Result<String, String> {
    let named = |name: &str| Ok((name.to_owned(), String::new()));
    let rotation = |what: &str| {
        let name = match geometry.placement {
            Placement::NRestart => "la",
            Placement::NContinue => "ls",
            Placement::ZeroRestart => "ra",
            Placement::ZeroContinue => "rs",
            other => return Err(format!("{what} with {} has no target", other.name())),
        };
        Ok((format!("raid5_{name}"), String::new()))
    };
    let by_slot = geometry.q_numbering == QNumbering::BySlot;
    let (kind, further) = match (geometry.level, geometry.placement) {
        (Level::Raid1, _) => named("raid1"),
        (Level::Raid1E | Level::Raid10, placement) => {
            let (format, copies) = match placement {
                Placement::Adjacent => ("near", 2),
                Placement::Offset => ("offset", 2),
                Placement::Far => ("far", 2),
                Placement::NearCopies(copies) => ("near", copies),
                Placement::OffsetCopies(copies) => ("offset", copies),
                Placement::FarCopies(copies) => ("far", copies),
                other => return Err(format!("copies with {} have no target", other.name())),
            };
            let slots = devices.len() as u64;
            let all = len.saturating_mul(u64::from(copies));
            if slots == 0 || !all.is_multiple_of(slots.saturating_mul(chunk.max(1))) {
                return Err(format!(
                    "the target raid takes whole rows of {slots} chunks; the last row of copies is not"
                ));
            }
            Ok(("raid10".to_owned(), format!(" raid10_copies {copies} raid10_format {format}")))
        }
        (Level::Raid4, placement) => {
            if placement == Placement::ParityFirst {
                devices.rotate_left(1);
            }
            named("raid5_n")
        }
        (Level::Raid5 | Level::Raid5E, _) => rotation("raid5"),
        (Level::Raid5R, _) if geometry.rotate_shift == 0 => rotation("raid5"),
        (Level::Raid5R, _) => {
            Err("parity moves in every row of the target raid, here it stays".into())
        }
        (Level::Raid5EE, _) => Err("no target has spare space in its rows".into()),
        (Level::Raid6, Placement::ZeroRestart) if by_slot => named("raid6_zr"),
        (Level::Raid6, Placement::NRestart) if by_slot => named("raid6_nr"),
        (Level::Raid6, Placement::NContinue) if by_slot => named("raid6_nc"),
        (Level::Raid6, placement @ (Placement::ParityFirst | Placement::ParityLast)) => {
            if placement == Placement::ParityFirst {
                devices.rotate_left(2);
            }
            named("raid6_n_6")
        }
        (Level::Raid6, placement) => {
            let numbered = if by_slot { "slot" } else { "data" };
            let name = placement.name();
            Err(format!("raid6 with {name} and Q numbered by {numbered} has no target; md has it"))
        }
        _ => Err(format!("{} has no target", geometry.level_name())),
    }?;
    let mirror = geometry.level == Level::Raid1;
    if !(mirror || chunk.is_power_of_two() && chunk >= 8) {
        let bytes = chunk.saturating_mul(SECTOR);
        return Err(format!(
            "chunks of {bytes} bytes: the target raid takes powers of two from 4096 on"
        ));
    }
    let least = match geometry.level {
        Level::Raid6 => 4,
        _ => 2,
    };
    let count = devices.len();
    if mirror && count == 1 {
        let device = devices.into_iter().next().flatten().ok_or("its member is missing")?;
        return Ok(linear(0, len, &device, 0));
    }
    if !(least..=MOST).contains(&count) {
        return Err(format!("{count} members: {kind} takes {least} to {MOST}"));
    }
    let chunk = if mirror { 0 } else { chunk };
    let words = 2 + further.split_whitespace().count();
    let members: Vec<String> = devices
        .into_iter()
        .map(|device| format!("- {}", device.as_deref().unwrap_or("-")))
        .collect();
    Ok(format!("0 {len} raid {kind} {words} {chunk} nosync{further} {count} {}", members.join(" ")))
}
