// SPDX-License-Identifier: MIT OR Apache-2.0
//! The disks of the demo: made, powered on, replaced.

use super::{CREATED, Life};
use raid_array::backplane::{Backplane, IoId, MemberIo, Simulated, Transfer};
use raid_array::discover::{self, Discovery, Source};
use raid_array::engine::{self, Engine};
use raid_array::member::{FileMember, Member};
use raid_array::store::{CommitStep, Store};
use raid_array::trust::Accept;
use raid_array::workload::{Oracle, Rig};
use raid_core::array::{ArrayId, Geometry, Initialisation, Name};
use raid_core::backend::Backend;
use raid_core::metadata::{Admin, ArrayRequest, DiskShape, Stamp};
use raid_sync::Time;
use std::path::Path;

/// The array and a spare on new disks, in memory.
pub(super) fn record(
    format: &dyn Admin,
    disk: DiskShape,
    geometry: &Geometry,
    stamps: [Stamp; 3],
) -> Result<(Store, ArrayId), String> {
    let members = usize::from(geometry.slots) * usize::from(geometry.sets);
    let mut store = Store::for_new_disks(format, &vec![disk; members + 1]);
    let disks: Vec<_> = (0..members).map(Some).collect();
    let request = ArrayRequest {
        // New files are zeros everywhere, and so is the parity of zeros.
        initialisation: Initialisation::Full,
        // Nothing but this program is to read them.
        unverified: true,
        ..ArrayRequest::new(Name::new(b"demo"), *geometry, &disks)
    };
    let array = store.edit(|disks| {
        format.initialise(disks, stamps[0])?;
        let array = format.create_array(disks, &request, stamps[1])?;
        format.add_spare(disks, members, stamps[2])?;
        Ok(array)
    });
    Ok((store, array.map_err(|error: raid_core::metadata::ChangeError| error.to_string())?))
}

impl Life<'_> {
    pub(super) fn create(&mut self) -> Result<(), String> {
        let members = usize::from(self.geometry.slots) * usize::from(self.geometry.sets);
        for _ in 0..=members {
            self.new_file()?;
        }
        let mut stamp = || Stamp { unix_seconds: CREATED, random: self.random.u64(..) };
        let stamps = [stamp(), stamp(), stamp()];
        let (mut store, array) = record(self.format, self.disk, &self.geometry, stamps)?;
        self.array = array;
        let mut backplane = self.backplane(Time(0))?;
        for disk in 0..=members {
            for step in store.commit_steps(self.format, disk) {
                let transfer = match step {
                    CommitStep::Write(at, bytes) => Transfer::Write { at, bytes },
                    CommitStep::Flush => Transfer::Flush,
                };
                backplane.submit(MemberIo { id: IoId(0), disk, transfer });
                let done = backplane.next().ok_or("nothing in flight")?;
                done.result.map_err(|error| error.to_string())?;
            }
        }
        backplane.cut_power().map_err(|error| error.to_string())?;
        Ok(())
    }

    /// The file of a disk that will be made at the next power on.
    pub(super) fn new_file(&mut self) -> Result<usize, String> {
        let number = self.files.len();
        let path = self.dir.join(format!("disk{number}.img"));
        if path.exists() {
            return Err(format!("{} exists already and is left as it is", path.display()));
        }
        self.files.push(Some(path));
        Ok(number)
    }

    /// The disk of a file, which has no other writer until it is dropped.
    pub(super) fn open_file(&self, path: &Path) -> Result<FileMember, String> {
        let member = match path.exists() {
            true => FileMember::open(path),
            false => FileMember::create(path, self.disk.blocks.0),
        };
        Ok(member.map_err(|error| error.to_string())?.unsynced())
    }

    /// All disks that are left.
    fn open_files(&mut self) -> Result<Vec<FileMember>, String> {
        self.present = (0..self.files.len()).filter(|n| self.files[*n].is_some()).collect();
        self.power_cycles += 1;
        self.files.iter().flatten().map(|path| self.open_file(path)).collect()
    }

    /// All disks that are left, behind new caches.
    pub(super) fn backplane(&mut self, now: Time) -> Result<Simulated, String> {
        let media = self.open_files()?;
        Ok(self.behind_caches(media, now))
    }

    fn behind_caches(&self, media: Vec<FileMember>, now: Time) -> Simulated {
        let media = media.into_iter().map(|medium| Box::new(medium) as Box<dyn Member>);
        Simulated::new(media.collect(), self.seed ^ self.power_cycles << 48, now)
    }

    pub(super) fn discover(&self) -> Result<Discovery, String> {
        let sources = (self.files.iter().flatten())
            .map(|path| Source::open(path).map_err(|error| format!("{}: {error}", path.display())))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(discover::discover(&sources, &self.formats))
    }

    /// Starts the array from the bytes on the disks, and nothing else.
    pub(super) fn power_on(
        &mut self,
        now: Time,
        oracle: Oracle,
        slowly: bool,
    ) -> Result<Rig, String> {
        let media = self.open_files()?;
        let named = media.into_iter().map(|medium| (medium.path().display().to_string(), medium));
        let (discovery, media) = discover::discover_members(named.collect(), &self.formats);
        let mut backplane = self.behind_caches(media, now);
        let options = engine::Options {
            accept: Accept::NOTHING,
            limits: self.limits(slowly),
            backend: Backend::detect(),
            unix_start: CREATED,
            seed: self.seed ^ self.power_cycles,
        };
        let engine = Engine::open(self.format, &discovery, self.array, &mut backplane, options)
            .map_err(|error| error.to_string())?;
        let writers = usize::from(self.options.writers);
        Ok(Rig::new(backplane, engine, oracle, self.seed ^ 0xD0 ^ self.power_cycles, writers))
    }

    pub(super) fn insert_disk(&mut self, rig: &mut Rig) -> Result<usize, String> {
        let number = self.new_file()?;
        let path = self.files[number].clone().ok_or("no file")?;
        let disk = rig.backplane.insert(Box::new(self.open_file(&path)?));
        self.present.push(number);
        rig.engine.insert_disk(rig.now(), disk, self.disk).map_err(|why| why.to_string())?;
        rig.wait_until(|rig| rig.engine.is_idle());
        Ok(disk)
    }
}
