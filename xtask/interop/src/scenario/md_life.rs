// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arrays under two drivers in turns: this library's engine, and Linux md with mdmon.
//!
//! ```text
//! all shapes in one container   created ─▶ md: write, read, check ─▶ here: compare, read
//! each shape alone              created, written ─▶ md: read, check, lose a disk while it writes,
//!                               rebuild, three of them: take the disk back, lose another, rebuild
//!                                 ─▶ here: compare, read, scrub, write ─▶ md: read, check
//! ```
//!
//! Disks fail with one volume in the container only: mdmon looks for free space for each volume as
//! if the others had found none yet, and lets rebuilt members overlap.

use crate::Result;
use crate::arrays::{self, Running, content, same};
use crate::guest;
use crate::md::{self, Volume};
use crate::shapes::{Shape, in_ddf, md_terms};
use raid_array::discover::{Discovery, FoundArray};
use raid_core::array::{ArrayState, Geometry, Level, MemberState};
use raid_core::metadata::{Admin, Severity};
use raid_inspect::Inspection;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The arrays whose first failed disk is given back.
const GIVEN_BACK: [&str; 3] = ["r1", "r5-Ncontinue", "r6-0restart"];

/// The arrays that lose no disk. To RAID 1E mdmon gives no spare; of two mirrors of three it writes a
/// wrong record when it does, one member twice and another not at all (4.2).
const KEPT_WHOLE: [&str; 3] = ["r0", "r1e", "r10-three"];

/// Containers and volumes of md that the metadata names; what `mdadm` calls DDF.
const FORMAT: &str = "ddf";

/// Arrays that were created here.
pub(super) fn on_ours() -> Result<String> {
    life(false)
}

/// Arrays that mdadm created.
pub(super) fn on_md() -> Result<String> {
    life(true)
}

fn life(by_mdadm: bool) -> Result<String> {
    let disks = guest::disks()?;
    let all = Life::new(&disks, in_ddf(), by_mdadm)?;
    guest::part("all together", || {
        all.create()?;
        all.write_under_md(1)?;
        all.under_md(1)?;
        all.back_here(1)
    })?;
    for shape in in_ddf() {
        let alone = shape.alone();
        let spare = alone.disks.len();
        let life = Life::new(&disks[..=spare], vec![alone], by_mdadm)?;
        guest::part(&format!("{} alone", shape.name), || {
            life.create()?;
            life.write_under_md(1)?;
            life.alone(GIVEN_BACK.contains(&shape.name))
        })?;
    }
    Ok(format!("{} arrays together, and each alone", all.shapes.len()))
}

struct Life {
    format: &'static dyn Admin,
    disks: Vec<PathBuf>,
    shapes: Vec<Shape>,
    by_mdadm: bool,
    start: Instant,
}

impl Life {
    fn new(disks: &[PathBuf], shapes: Vec<Shape>, by_mdadm: bool) -> Result<Self> {
        let format = arrays::writer(FORMAT)?;
        Ok(Self { format, disks: disks.to_vec(), shapes, by_mdadm, start: Instant::now() })
    }

    fn create(&self) -> Result<()> {
        match self.by_mdadm {
            true => self.create_by_mdadm(),
            false => self.create_here(),
        }
    }

    /// New arrays of this library's, run by md; disks that none uses are spares.
    fn create_here(&self) -> Result<()> {
        self.say("created here");
        let used = |disk: &usize| self.shapes.iter().any(|shape| shape.disks.contains(disk));
        let spares: Vec<usize> = (0..self.disks.len()).filter(|disk| !used(disk)).collect();
        arrays::create(self.format, &self.disks, &self.shapes, &spares)?;
        md::assemble(&self.disks)
    }

    /// New arrays of mdadm's.
    fn create_by_mdadm(&self) -> Result<()> {
        self.say("created by mdadm");
        md::create_container(&self.disks)?;
        for shape in &self.shapes {
            let terms = md_terms(&shape.geometry).ok_or("not one of md's shapes")?;
            let members: Vec<_> =
                shape.disks.iter().map(|disk| self.disks[*disk].as_path()).collect();
            md::create_volume(shape.name, &terms, &shape.geometry, &members)?;
        }
        md::settled().map(drop)
    }

    fn say(&self, what: &str) {
        println!("== {:>3} s  {what}", self.start.elapsed().as_secs());
    }

    /// The engine writes every array.
    fn write_here(&self, version: u64) -> Result<()> {
        self.say(&format!("write {version}, by the engine"));
        let discovery = arrays::found(&self.disks)?;
        for shape in &self.shapes {
            let size = bytes(arrays::named(&discovery, shape.name)?);
            let mut array = Running::start(self.format, &self.disks, shape.name)?;
            array.write(content(shape.name, size, version))?;
            array.stop()?;
        }
        Ok(())
    }

    /// Every array reads back, without the engine.
    fn read_here(&self, version: u64, what: &str) -> Result<()> {
        self.say(&format!("read {version} here"));
        let inspection = Inspection::open(&self.disks);
        for shape in &self.shapes {
            let read = arrays::read(&inspection, shape.name)?;
            let expected = content(shape.name, read.len() as u64, version);
            same(&format!("{}, {what}", shape.name), &read, &expected)?;
        }
        Ok(())
    }

    /// Bytes of a volume that its metadata promises. Of a RAID 1E over N members mdadm records
    /// floor(N / 2) extents; the kernel, once it has assembled it, has N / 2.
    fn size(&self, shape: &Shape, volume: &Volume) -> u64 {
        let Geometry { level, slots, member_blocks, .. } = shape.geometry;
        match self.by_mdadm && level == Level::Raid1E {
            true => u64::from(slots / 2) * member_blocks.0 * 512,
            false => volume.size,
        }
    }

    fn write_under_md(&self, version: u64) -> Result<()> {
        self.say(&format!("write {version}, through md"));
        for (shape, volume) in self.shapes.iter().zip(self.volumes()?) {
            let bytes = content(shape.name, self.size(shape, &volume), version);
            volume.takes_writes()?;
            arrays::write_device(&volume.device(), &bytes)?;
        }
        Ok(())
    }

    /// The volumes that md runs: every one of ours, and with the shape that it was given.
    fn volumes(&self) -> Result<Vec<Volume>> {
        let volumes = md::volumes()?;
        let found: Vec<usize> = volumes.iter().map(|volume| volume.index).collect();
        let expected: Vec<usize> = (0..self.shapes.len()).collect();
        if found != expected {
            return Err(format!("md runs volumes {found:?}, not {expected:?}"));
        }
        for (shape, volume) in self.shapes.iter().zip(&volumes) {
            let terms = md_terms(&shape.geometry).ok_or("not one of md's shapes")?;
            let md = (volume.level.as_str(), volume.layout, volume.chunk);
            let ours = (terms.level, terms.layout, shape.geometry.strip.0 * 512);
            if md != ours {
                return Err(format!("{}: md has {md:?}, not {ours:?}", shape.name));
            }
        }
        Ok(volumes)
    }

    /// md reads `version` everywhere, and finds copies and parity in order.
    fn under_md(&self, version: u64) -> Result<()> {
        self.say(&format!("read {version} through md, and check"));
        for (shape, volume) in self.shapes.iter().zip(self.volumes()?) {
            let size = self.size(shape, &volume);
            let mut read = arrays::read_device(&volume.device())?;
            read.truncate(size as usize);
            let expected = content(shape.name, size, version);
            same(&format!("{} through md", shape.name), &read, &expected)?;
            if let Some(mismatches @ 1..) = volume.check()? {
                return Err(format!("{}: md's check finds {mismatches}", shape.name));
            }
        }
        Ok(())
    }

    /// What is done with an array that is alone in its container.
    fn alone(&self, given_back: bool) -> Result<()> {
        self.under_md(1)?;
        let mut version = 1;
        if !KEPT_WHOLE.contains(&self.shapes[0].name) {
            version = self.lose_a_disk(1, version)?;
        }
        if given_back {
            md::remove(&self.disks[1])?;
            md::add_again(&self.disks[1])?;
            version = self.lose_a_disk(0, version)?;
        }
        self.back_here(version)?;
        self.scrub()?;
        self.write_here(version + 1)?;
        md::assemble(&self.disks)?;
        self.under_md(version + 1)?;
        self.back_here(version + 1)
    }

    /// md loses a disk while it writes, and rebuilds onto a spare. Gives the version written.
    fn lose_a_disk(&self, disk: usize, version: u64) -> Result<u64> {
        self.say("a disk fails");
        self.volumes()?.iter().try_for_each(Volume::rebuilds_slowly)?;
        self.fail(&self.disks[disk])?;
        self.write_under_md(version + 1)?;
        md::settled()?;
        self.under_md(version + 1)?;
        Ok(version + 1)
    }

    /// Fails a disk in one volume; mdmon then takes it out of all.
    fn fail(&self, disk: &Path) -> Result<()> {
        let volumes = md::volumes()?;
        let uses = |volume: &&Volume| volume.slots.iter().any(|slot| slot.disk == disk);
        md::fail(volumes.iter().find(uses).ok_or("no volume uses the disk")?, disk)
    }

    /// md stops; what it left is compared and read here.
    fn back_here(&self, version: u64) -> Result<()> {
        let kernel = self.volumes()?;
        kernel.iter().try_for_each(Volume::is_clean_soon)?;
        // mdmon records the end of a rebuild some time after the kernel has ended it, and is stopped in
        // between if it may. Should it never, the comparison below says what is missing.
        let _ = guest::wait("mdmon to record what md has", || self.compare(&kernel).ok());
        md::stop()?;
        self.compare(&kernel)?;
        self.read_here(version, "what md left")
    }

    /// The engine finds all copies and parity in order.
    fn scrub(&self) -> Result<()> {
        self.say("scrub");
        let redundant = |shape: &&Shape| shape.geometry.level != Level::Raid0;
        for shape in self.shapes.iter().filter(redundant) {
            let mut array = Running::start(self.format, &self.disks, shape.name)?;
            match array.scrub()? {
                0 => array.stop()?,
                rows => return Err(format!("{}: {rows} rows do not agree", shape.name)),
            }
        }
        Ok(())
    }

    /// What the metadata says here is what the kernel said while it ran.
    fn compare(&self, kernel: &[Volume]) -> Result<()> {
        let discovery = arrays::found(&self.disks)?;
        refuse_findings(&discovery)?;
        if discovery.arrays.len() != kernel.len() {
            return Err(format!("{} arrays found, not {}", discovery.arrays.len(), kernel.len()));
        }
        for (shape, volume) in self.shapes.iter().zip(kernel) {
            let array = arrays::named(&discovery, shape.name)?;
            let found = array.descriptor;
            if found.geometry != shape.geometry {
                return Err(format!("{}: {:?}", shape.name, found.geometry));
            }
            let whole = found.state == ArrayState::Optimal;
            let ours = (whole, found.clean, bytes(array));
            if ours != (volume.degraded == 0, true, self.size(shape, volume)) {
                return Err(format!("{}: {ours:?}, in md {volume:?}", shape.name));
            }
            let mut ours: Vec<_> = (array.members.iter().map(|member| member.descriptor))
                .filter(|member| member.state == MemberState::InSync)
                .map(|member| {
                    let disk = member.disk.and_then(|disk| self.disks.get(disk).cloned());
                    (Some(array.running(member.place)), disk, member.start.0)
                })
                .collect();
            ours.sort();
            let members = volume.slots.iter().filter(|slot| slot.slot.is_some() && slot.in_sync);
            let md: Vec<_> =
                members.map(|slot| (slot.slot, Some(slot.disk.clone()), slot.offset)).collect();
            if ours != md {
                return Err(format!("{}: members {ours:?}, in md {md:?}", shape.name));
            }
        }
        Ok(())
    }
}

fn bytes(array: &FoundArray) -> u64 {
    array.descriptor.size.0 * u64::from(array.descriptor.geometry.block_size)
}

/// Nothing may be damaged or refused; remarks are written to the log.
fn refuse_findings(discovery: &Discovery) -> Result<()> {
    for found in &discovery.findings {
        println!("   {:?} {}", found.finding.severity, found.finding);
    }
    let bad = |severity| severity == Severity::Damage || severity == Severity::Refusal;
    match discovery.findings.iter().find(|found| bad(found.finding.severity)) {
        Some(found) => Err(found.finding.to_string()),
        None => Ok(()),
    }
}
