// SPDX-License-Identifier: MIT OR Apache-2.0
//! The stages of an array's life.

use super::bar::Bar;
use super::picture;
use super::report::{Latency, Report, Stage, WrongSector, bytes};
use super::shape::{self, Options};
use raid_array::backplane::{Backplane, IoId, MemberIo, Simulated, Transfer};
use raid_array::discover::{self, Discovery, Source};
use raid_array::engine::{self, Engine};
use raid_array::formats::FORMATS;
use raid_array::member::{FileMember, Member};
use raid_array::store::{CommitStep, Store};
use raid_array::workload::{Oracle, Rig, SECTOR};
use raid_core::array::{ArrayId, Geometry, Initialisation, Level, MemberState, Name, Place};
use raid_core::backend::Backend;
use raid_core::layout::Role;
use raid_core::metadata::{ArrayRequest, DiskShape, Format, FormatWriter, Operation, Stamp};
use raid_core::units::{Lba, Rows, Slot, SlotSet};
use raid_sync::{Limits, Time};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Any fixed day, so that a seed gives the same bytes every time.
const CREATED: u64 = 1_780_000_000;

/// The array's disks over all power cycles.
struct Life<'o> {
    options: &'o Options,
    format: &'static dyn FormatWriter,
    formats: Vec<&'static dyn Format>,
    geometry: Geometry,
    seed: u64,
    random: fastrand::Rng,
    dir: PathBuf,
    /// Every disk there ever was; `None` once it was pulled.
    files: Vec<Option<PathBuf>>,
    /// The file of each disk of this power cycle.
    present: Vec<usize>,
    disk: DiskShape,
    array: ArrayId,
    stages: Vec<Stage>,
    faults: Vec<String>,
    power_cycles: u64,
    /// Counters of power cycles that are over.
    past: engine::Stats,
}

/// Carries an array through its life.
pub(crate) fn live(options: &Options) -> Result<Report, String> {
    let geometry = shape::geometry(options)?;
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..1 << 48));
    let format = writer(&options.metadata)?;
    let disk = shape::disk_for(format, geometry.member_blocks)?;
    let (dir, temporary) = match &options.dir {
        Some(dir) => (dir.clone(), false),
        None => {
            let name = format!("raid-demo-{}-{seed}", std::process::id());
            (std::env::temp_dir().join(name), true)
        }
    };
    std::fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let mut life = Life {
        options,
        format,
        formats: FORMATS.to_vec(),
        geometry,
        seed,
        random: fastrand::Rng::with_seed(seed),
        dir: dir.clone(),
        files: Vec::new(),
        present: Vec::new(),
        disk,
        array: ArrayId([0; 24]),
        stages: Vec::new(),
        faults: Vec::new(),
        power_cycles: 0,
        past: engine::Stats::default(),
    };
    let report = life.run();
    match &report {
        Ok(report) if report.good && temporary => {
            // What cannot be removed from a temporary folder is no failure of the array.
            let _ = std::fs::remove_dir_all(&dir);
        }
        _ => eprintln!("the members' files are kept in {}", dir.display()),
    }
    report
}

fn writer(name: &str) -> Result<&'static dyn FormatWriter, String> {
    let known = || FORMATS.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ");
    let format = (FORMATS.iter())
        .find(|format| format.name().eq_ignore_ascii_case(name))
        .ok_or_else(|| format!("unknown metadata format {name:?}; known: {}", known()))?;
    format.writer().ok_or_else(|| format!("{name} metadata cannot be written yet"))
}

impl Life<'_> {
    fn say(&self, text: &str) {
        if !self.options.json {
            println!("{text}");
        }
    }

    fn stage(
        &mut self,
        name: &str,
        rig: &mut Rig,
        run: impl FnOnce(&mut Self, &mut Rig) -> Result<String, String>,
    ) {
        self.say(&format!("\n{}. {name}", self.stages.len() + 1));
        let start = Instant::now();
        let outcome = run(self, rig);
        let good = outcome.is_ok() && rig.tally.is_good();
        let result = outcome.unwrap_or_else(|error| format!("FAILED: {error}"));
        let seconds = start.elapsed().as_secs_f64();
        self.say(&format!("   {result} ({seconds:.1} s)"));
        self.stages.push(Stage { name: name.into(), result, good, seconds });
    }

    fn run(&mut self) -> Result<Report, String> {
        let start = Instant::now();
        self.create()?;
        let mut rig = self.power_on(Time(0), Oracle::new(self.seed, 0), false)?;
        let sectors = rig.engine.layout().size().0;
        rig.oracle = Oracle::new(self.seed, sectors);
        self.show_layout(&rig, start);
        self.stage("Writers at work", &mut rig, |life, rig| {
            rig.work(life.options.requests);
            Ok(life.worked(rig))
        });
        let failures = self.fail_members(&mut rig);
        let rig = if failures.is_empty() {
            self.stop_and_restart(rig)?
        } else {
            self.rebuild_across_a_power_cut(rig, &failures)?
        };
        let mut rig = rig;
        if self.redundant() {
            self.scrub(&mut rig);
        }
        self.stage("Clean stop", &mut rig, Self::stop);
        Ok(self.report(rig))
    }

    fn redundant(&self) -> bool {
        self.geometry.level != Level::Raid0
    }

    // ---- stage 1 ---------------------------------------------------------------------------

    fn create(&mut self) -> Result<(), String> {
        let members = usize::from(self.geometry.slots) * usize::from(self.geometry.sets);
        for _ in 0..=members {
            self.new_file();
        }
        let shapes = vec![self.disk; members + 1];
        let mut store = Store::for_new_disks(self.format, &shapes);
        let (format, geometry) = (self.format, self.geometry);
        let disks: Vec<usize> = (0..members).collect();
        let request = ArrayRequest {
            name: Name::new(b"demo"),
            geometry,
            disks: &disks,
            // New files are zeros everywhere, and so is the parity of zeros.
            initialisation: Initialisation::Full,
        };
        let mut stamp = || Stamp { unix_seconds: CREATED, random: self.random.u64(..) };
        let stamps = [stamp(), stamp(), stamp()];
        self.array = store
            .edit(|disks| {
                format.initialise(disks, stamps[0])?;
                let array = format.create_array(disks, &request, stamps[1])?;
                format.add_spare(disks, members, stamps[2])?;
                Ok(array)
            })
            .map_err(|error: raid_core::metadata::ChangeError| error.to_string())?;
        let mut backplane = self.backplane(Time(0))?;
        for disk in 0..shapes.len() {
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
    fn new_file(&mut self) -> usize {
        let number = self.files.len();
        self.files.push(Some(self.dir.join(format!("disk{number}.img"))));
        number
    }

    fn open_file(&self, path: &Path) -> Result<Box<dyn Member>, String> {
        let member = match path.exists() {
            true => FileMember::open(path),
            false => FileMember::create(path, self.disk.blocks.0),
        };
        let member = member.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Box::new(member.unsynced()))
    }

    /// All disks that are left, behind new caches.
    fn backplane(&mut self, now: Time) -> Result<Simulated, String> {
        self.present = (0..self.files.len()).filter(|n| self.files[*n].is_some()).collect();
        let media = (self.files.iter().flatten()).map(|path| self.open_file(path));
        let media: Vec<Box<dyn Member>> = media.collect::<Result<_, _>>()?;
        self.power_cycles += 1;
        Ok(Simulated::new(media, self.seed ^ self.power_cycles << 48, now))
    }

    fn discover(&self) -> Result<Discovery, String> {
        let sources = (self.files.iter().flatten())
            .map(|path| Source::open(path).map_err(|error| format!("{}: {error}", path.display())))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(discover::discover(&sources, &self.formats))
    }

    /// Starts the array from the bytes on the disks, and nothing else.
    fn power_on(&mut self, now: Time, oracle: Oracle, slowly: bool) -> Result<Rig, String> {
        let discovery = self.discover()?;
        let mut backplane = self.backplane(now)?;
        let options = engine::Options {
            force: false,
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

    fn limits(&self, slowly: bool) -> Limits {
        let strip = self.geometry.strip.0.max(128);
        let mut limits = Limits { windows: 4, rows_per_window: 2 * strip, ..Limits::default() };
        if slowly {
            // A pass takes some 0.3 seconds of simulated time beside the writers: long enough that
            // they meet it everywhere.
            limits.min_rate = self.geometry.member_blocks.0 * 3;
        } else {
            limits.min_rate = u64::MAX;
        }
        limits
    }

    fn show_layout(&mut self, rig: &Rig, start: Instant) {
        let geometry = &self.geometry;
        let size = rig.engine.layout().size().bytes(512).unwrap_or(0);
        let name = format!(
            "Created {} of {} members and a spare, {} metadata, {}",
            geometry.level_name(),
            self.options.members,
            self.format.name(),
            bytes(size)
        );
        self.say(&format!("1. {name}"));
        self.say(&format!(
            "   members: files of {} in {}; chunk {}; placement {}; seed {}",
            bytes(self.disk.blocks.0 * 512),
            self.dir.display(),
            bytes(geometry.strip.0 * 512),
            geometry.placement.name(),
            self.seed
        ));
        self.say(&picture::draw(rig.engine.layout(), 6.min(u64::from(geometry.slots) + 1)));
        let seconds = start.elapsed().as_secs_f64();
        self.stages.push(Stage { name: "Create".into(), result: name, good: true, seconds });
    }

    fn worked(&self, rig: &Rig) -> String {
        let tally = &rig.tally;
        format!(
            "{} reads, {} writes, {} flushes so far; {} verified, {} wrong",
            tally.reads,
            tally.writes,
            tally.flushes,
            bytes(tally.bytes_verified),
            tally.wrong_count
        )
    }

    // ---- failures --------------------------------------------------------------------------

    /// Which members to fail, one after the other: as many as may be, at most two.
    fn victims(&mut self) -> Vec<Place> {
        let slots = u8::try_from(self.geometry.slots).unwrap_or(u8::MAX);
        let any = |random: &mut fastrand::Rng| Slot(random.u8(..slots));
        let first =
            Place { set: self.random.u16(..self.geometry.sets), slot: any(&mut self.random) };
        let survives = match self.geometry.level {
            Level::Raid0 => return Vec::new(),
            Level::Raid1 => self.geometry.slots - 1,
            _ => u16::from(self.geometry.parity_strips()),
        };
        if self.geometry.sets > 1 {
            let set = (first.set + 1) % self.geometry.sets;
            return vec![first, Place { set, slot: any(&mut self.random) }];
        }
        if survives < 2 {
            return vec![first];
        }
        let second = Slot((first.slot.0 + self.random.u8(1..slots)) % slots);
        vec![first, Place { set: 0, slot: second }]
    }

    fn fail_members(&mut self, rig: &mut Rig) -> Vec<Place> {
        let victims = self.victims();
        for (index, place) in victims.iter().copied().enumerate() {
            let name = ["A member fails under load", "A second member fails under load"][index];
            self.stage(name, rig, |life, rig| {
                let disk = rig.engine.disk_at(place).ok_or("no disk in the slot")?;
                life.pull(rig, disk);
                rig.work(life.options.requests);
                let failed = rig.engine.status(place.set).failed;
                if !failed.contains(place.slot) {
                    return Err(format!("the failure of slot {} was not noticed", place.slot));
                }
                let told = format!("set {} slot {} (disk {disk}) pulled", place.set, place.slot);
                life.faults.push(told.clone());
                Ok(format!("{told}; {}", life.worked(rig)))
            });
        }
        victims
    }

    fn pull(&mut self, rig: &Rig, disk: usize) {
        rig.backplane.faults(disk).pull();
        self.files[self.present[disk]] = None;
    }

    // ---- rebuild and power cut -------------------------------------------------------------

    fn rebuild_across_a_power_cut(
        &mut self,
        mut rig: Rig,
        failures: &[Place],
    ) -> Result<Rig, String> {
        let place = failures[0];
        let cut_at = self.random.u64(30..70);
        let goal = rig.engine.layout().rows() * cut_at / 100;
        self.stage("The spare takes over, rebuild under load", &mut rig, |life, rig| {
            rig.engine.set_limits(life.limits(true));
            let spare = life.unused_disk(rig).ok_or("no spare is left")?;
            rig.engine.take_spare(rig.now(), place, spare);
            let mut bar = Bar::new("rebuild", rig.engine.layout().rows(), life.options.json);
            rig.work_until(|rig| {
                let status = rig.engine.status(place.set);
                bar.update(&status, rig.engine.stats());
                status.marks.is_some_and(|marks| marks.done.0 >= goal)
            });
            let done = rig.engine.status(place.set).marks.map_or(0, |marks| marks.done.0);
            if done < goal {
                return Err(format!("the rebuild stopped at row {done}"));
            }
            Ok(format!("disk {spare} in slot {}, rebuilt to {cut_at} %", place.slot))
        });
        if self.stages.last().is_some_and(|stage| !stage.good) {
            return Err(self.stages.last().map(|stage| stage.result.clone()).unwrap_or_default());
        }
        let mut rig = self.cut_power(rig, cut_at)?;
        self.stage("Everything is read back after the power cut", &mut rig, |life, rig| {
            rig.adopt_all();
            Ok(life.worked(rig))
        });
        self.stage("The rebuild goes on under load and finishes", &mut rig, |life, rig| {
            life.rebuild_to_the_end(rig, place)?;
            rig.verify_all();
            Ok(life.worked(rig))
        });
        for place in failures.iter().copied().skip(1) {
            self.stage("A new disk replaces the other failed member", &mut rig, |life, rig| {
                let disk = life.insert_disk(rig)?;
                rig.engine.take_spare(rig.now(), place, disk);
                life.rebuild_to_the_end(rig, place)?;
                rig.verify_all();
                Ok(format!("disk {disk} in slot {}; {}", place.slot, life.worked(rig)))
            });
        }
        Ok(rig)
    }

    /// A disk that no place uses.
    fn unused_disk(&self, rig: &Rig) -> Option<usize> {
        (0..self.present.len()).find(|disk| {
            self.files[self.present[*disk]].is_some()
                && !self.places().any(|place| rig.engine.disk_at(place) == Some(*disk))
        })
    }

    fn places(&self) -> impl Iterator<Item = Place> + use<> {
        let slots = self.geometry.slots;
        (0..self.geometry.sets)
            .flat_map(move |set| (0..slots).map(move |slot| Place { set, slot: Slot(slot as u8) }))
    }

    fn insert_disk(&mut self, rig: &mut Rig) -> Result<usize, String> {
        let number = self.new_file();
        let path = self.files[number].clone().ok_or("no file")?;
        let disk = rig.backplane.insert(self.open_file(&path)?);
        self.present.push(number);
        rig.engine.insert_disk(rig.now(), disk, self.disk);
        rig.wait_until(|rig| rig.engine.is_idle());
        Ok(disk)
    }

    fn rebuild_to_the_end(&mut self, rig: &mut Rig, place: Place) -> Result<(), String> {
        rig.engine.set_limits(self.limits(true));
        let mut bar = Bar::new("rebuild", rig.engine.layout().rows(), self.options.json);
        let mut begun = false;
        let whole = |rig: &Rig| {
            let status = rig.engine.status(place.set);
            !status.rebuilding.contains(place.slot) && !status.failed.contains(place.slot)
        };
        rig.work_until(|rig| {
            let status = rig.engine.status(place.set);
            bar.update(&status, rig.engine.stats());
            begun |= status.operation.is_some();
            begun && whole(rig) && status.operation.is_none()
        });
        rig.settle();
        drop(bar);
        if whole(rig) { Ok(()) } else { Err(format!("slot {} is not in sync", place.slot)) }
    }

    /// The lights go out: caches are lost in any part, records in flight are torn.
    fn cut_power(&mut self, rig: Rig, cut_at: u64) -> Result<Rig, String> {
        self.remember(rig.engine.stats());
        let now = rig.now();
        let (backplane, oracle, tally, version) = rig.cut_power();
        backplane.cut_power().map_err(|error| error.to_string())?;
        self.faults.push(format!("power cut at {cut_at} % of the rebuild"));
        self.say("\n   *** power cut: every cache lost in part, records in flight torn ***");
        let mut rig = self.power_on(now, oracle, true)?;
        rig.carry_over(tally, version);
        Ok(rig)
    }

    /// Without redundancy there is nothing to rebuild: a clean stop and a new start.
    fn stop_and_restart(&mut self, mut rig: Rig) -> Result<Rig, String> {
        self.stage("Stop and start again from the disks alone", &mut rig, |life, rig| {
            life.stop(rig)
        });
        self.remember(rig.engine.stats());
        let now = rig.now();
        let (backplane, oracle, tally, version) = rig.cut_power();
        backplane.cut_power().map_err(|error| error.to_string())?;
        let mut rig = self.power_on(now, oracle, false)?;
        rig.carry_over(tally, version);
        self.stage("Everything is read back", &mut rig, |life, rig| {
            rig.verify_all();
            Ok(life.worked(rig))
        });
        Ok(rig)
    }

    // ---- scrub -----------------------------------------------------------------------------

    /// Where silent corruption is planted: where the level can still tell the truth from it.
    fn victim_rows(&mut self, rig: &Rig) -> (Place, Vec<Rows>) {
        let layout = rig.engine.layout();
        let set = self.random.u16(..self.geometry.sets);
        let unit = layout.row_unit().max(1);
        let stripes = layout.rows() / unit;
        let can_locate = self.geometry.parity_strips() >= 2
            || (self.geometry.level == Level::Raid1 && self.geometry.slots > 2);
        let slots = u8::try_from(self.geometry.slots).unwrap_or(u8::MAX);
        let slot = match (can_locate, self.geometry.level) {
            (true, _) => Slot(self.random.u8(..slots)),
            (false, Level::Raid1) => Slot(slots - 1),
            // The member that holds parity in the first row that is hit.
            (false, _) => layout.row_map(0).and_then(|row| row.parity_slot(0)).unwrap_or(Slot(0)),
        };
        let mut rows = Vec::new();
        for index in 0..3 {
            // With one parity only damage to parity itself can be told from damage to data: take
            // rows in which this member holds it.
            let stripe = match can_locate || self.geometry.parity_strips() == 0 {
                true => self.random.u64(..stripes),
                false => index * u64::from(self.geometry.slots) % stripes,
            };
            let start = stripe * unit + self.random.u64(..unit);
            rows.push(Rows::new(start, self.random.u64(1..=8).min(unit - start % unit)));
        }
        rows.sort_by_key(|rows| rows.start);
        (Place { set, slot }, rows)
    }

    fn scrub(&mut self, rig: &mut Rig) {
        self.stage("Silent corruption, and a scrub that finds and repairs it", rig, |life, rig| {
            rig.settle();
            let (place, rows) = life.victim_rows(rig);
            let disk = rig.engine.disk_at(place).ok_or("no disk in the slot")?;
            let start = rig.engine.start_of(place).ok_or("no such slot")?;
            for rows in &rows {
                let mut damage = vec![0; rows.len as usize * SECTOR];
                life.random.fill(&mut damage);
                let at = Lba(start.0 + rows.start.0);
                rig.backplane.member(disk).corrupt(at, &damage).map_err(|e| e.to_string())?;
            }
            let planted: u64 = rows.iter().map(|rows| rows.len).sum();
            life.faults.push(format!("{planted} blocks of disk {disk} corrupted silently"));
            // Nobody can tell a reader of damaged data from one of good data, and a write beside it may
            // carry the damage into parity: only the scrub meets these rows.
            rig.avoid = life.sectors_of(rig, place.set, &rows);
            let found = life.scrub_once(rig, place.set, true)?;
            rig.avoid.clear();
            life.judge_scrub(&found, place, &rows)?;
            for mismatch in &found {
                let culprits: Vec<String> = (mismatch.culprits.iter())
                    .map(|slot| format!("slot {slot}"))
                    .collect();
                let who = if culprits.is_empty() { "?".into() } else { culprits.join(", ") };
                let (from, to) = (mismatch.rows.start.0, mismatch.rows.end().0 - 1);
                life.say(&format!("   rows {from} to {to}: {who} was wrong, repaired"));
            }
            let again = life.scrub_once(rig, place.set, false)?;
            if !again.is_empty() {
                return Err(format!("a second scrub still finds {} places", again.len()));
            }
            rig.verify_all();
            Ok(format!(
                "disk {disk} (set {} slot {}) named, {} places repaired, a second scrub finds nothing",
                place.set,
                place.slot,
                found.len()
            ))
        });
    }

    /// The array's sectors beside and under `rows` of a set, in ascending order.
    fn sectors_of(&self, rig: &Rig, set: u16, rows: &[Rows]) -> Vec<u64> {
        let layout = rig.engine.layout();
        let mut sectors = Vec::new();
        for rows in rows {
            for slot in (0..self.geometry.slots).map(|slot| Slot(slot as u8)) {
                for row in rows.start.0..rows.end().0 {
                    if let Role::Data(block) = layout.role(slot, row) {
                        sectors.extend(layout.array_block(set, block));
                    }
                }
            }
        }
        sectors.sort_unstable();
        sectors
    }

    fn scrub_once(
        &mut self,
        rig: &mut Rig,
        set: u16,
        repair: bool,
    ) -> Result<Vec<engine::Mismatch>, String> {
        rig.engine.set_limits(self.limits(false));
        rig.mismatches.clear();
        rig.engine.scrub(rig.now(), set, repair).map_err(|error| error.to_string())?;
        let name = if repair { "repair" } else { "check" };
        let mut bar = Bar::new(name, rig.engine.layout().rows(), self.options.json);
        rig.work_until(|rig| {
            let status = rig.engine.status(set);
            bar.update(&status, rig.engine.stats());
            !matches!(status.operation, Some(Operation::Check | Operation::Repair))
        });
        rig.settle();
        Ok(std::mem::take(&mut rig.mismatches))
    }

    /// The scrub must have named exactly what was planted.
    fn judge_scrub(
        &self,
        found: &[engine::Mismatch],
        place: Place,
        planted: &[Rows],
    ) -> Result<(), String> {
        for rows in planted {
            if !found.iter().any(|mismatch| mismatch.rows.overlaps(*rows)) {
                return Err(format!(
                    "rows {} on were damaged, the scrub missed them",
                    rows.start.0
                ));
            }
        }
        let only = SlotSet::of(place.slot);
        for mismatch in found {
            if !planted.iter().any(|rows| mismatch.rows.overlaps(*rows)) {
                return Err(format!("rows {} on were not damaged", mismatch.rows.start.0));
            }
            if !mismatch.culprits.is_empty() && mismatch.culprits != only {
                let named = mismatch.culprits;
                return Err(format!("slot {} was damaged, {named:?} named", place.slot));
            }
        }
        Ok(())
    }

    // ---- the end ---------------------------------------------------------------------------

    /// Stops cleanly and looks at the disks as the next start would.
    fn stop(&mut self, rig: &mut Rig) -> Result<String, String> {
        rig.verify_all();
        rig.flush();
        rig.engine.quiesce(rig.now());
        let clean = |rig: &Rig| {
            let mut sets = 0..rig.engine.set_count();
            rig.engine.is_idle() && sets.all(|set| rig.engine.status(set).clean)
        };
        if !rig.wait_until(clean) {
            return Err(format!("the array does not become clean: {:?}", rig.engine.status(0)));
        }
        let discovery = self.discover()?;
        let found = (discovery.arrays.iter())
            .find(|array| array.descriptor.id == self.array)
            .ok_or("the array is not found on its disks")?;
        let strangers = (found.members.iter())
            .filter(|member| member.descriptor.state != MemberState::InSync)
            .count();
        if !found.descriptor.clean || strangers > 0 {
            return Err(format!(
                "on the disks the array is {}, clean: {}, members not in sync: {strangers}",
                found.descriptor.state.name(),
                found.descriptor.clean
            ));
        }
        Ok(format!("on the disks: {}, clean, every member in sync", found.descriptor.state.name()))
    }

    fn remember(&mut self, stats: &engine::Stats) {
        self.past.commits += stats.commits;
        self.past.ledger_bytes += stats.ledger_bytes;
        self.past.window_waits += stats.window_waits;
        self.past.window_wait_total += stats.window_wait_total;
        let longest = self.past.window_wait_longest.max(stats.window_wait_longest);
        self.past.window_wait_longest = longest;
    }

    fn report(&mut self, rig: Rig) -> Report {
        self.remember(rig.engine.stats());
        let layout = rig.engine.layout();
        let wrong: Vec<WrongSector> = (rig.tally.wrong.iter())
            .filter_map(|wrong| {
                let piece = layout.split(raid_core::units::Extent::new(wrong.sector, 1)).next()?;
                let place = layout.locate(piece.at.start.0)?;
                Some(WrongSector {
                    sector: wrong.sector,
                    set: piece.set,
                    slot: place.slot.0,
                    row: layout.rows_of(piece.at).start.0,
                    what: wrong.to_string(),
                })
            })
            .collect();
        let seconds = rig.now().0 as f64 / 1e9;
        let moved = rig.tally.bytes_verified + rig.tally.bytes_written;
        Report {
            format: "raid-demo/1",
            seed: self.seed,
            level: self.geometry.level_name().into(),
            metadata: self.format.name().into(),
            members: usize::from(self.options.members),
            size_bytes: layout.size().bytes(512).unwrap_or(0),
            chunk_bytes: self.geometry.strip.0 * 512,
            stages: self.stages.clone(),
            bytes_verified: rig.tally.bytes_verified,
            bytes_written: rig.tally.bytes_written,
            reads: rig.tally.reads,
            writes: rig.tally.writes,
            flushes: rig.tally.flushes,
            faults_survived: self.faults.clone(),
            metadata_commits: self.past.commits,
            ledger_bytes: self.past.ledger_bytes,
            window_waits: self.past.window_waits,
            longest_window_wait_us: self.past.window_wait_longest as f64 / 1000.0,
            simulated_seconds: seconds,
            simulated_bytes_per_second: moved as f64 / seconds.max(1e-9),
            good: rig.tally.is_good() && self.stages.iter().all(|stage| stage.good),
            wrong,
            wrong_count: rig.tally.wrong_count,
            errors: rig.tally.errors.clone(),
            read_latency: Latency::of(rig.tally.read_latencies),
            write_latency: Latency::of(rig.tally.write_latencies),
        }
    }
}
