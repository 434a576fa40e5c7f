// SPDX-License-Identifier: MIT OR Apache-2.0
//! The stages of an array's life.

mod disks;
mod failures;
mod removal;
mod scrub;

use super::picture;
use super::report::{Latency, Report, Stage, WrongSector, bytes};
use super::shape::{self, Options};
use crate::create::writer;
use crate::level::ChosenLevel;
use raid_array::engine;
use raid_array::formats::FORMATS;
use raid_array::workload::{ArrayEngine, Oracle, Rig};
use raid_core::array::{ArrayId, Geometry, Level, MemberState};
use raid_core::metadata::{Admin, DiskShape, Format, Stamp};
use raid_sync::{Limits, Time};
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

/// Any fixed day, so that a seed gives the same bytes every time.
const CREATED: u64 = 1_780_000_000;

/// The array's disks over all power cycles.
struct Life<'o> {
    options: &'o Options,
    format: &'static dyn Admin,
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
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..1 << 48));
    let format = writer(&options.metadata)?;
    let (geometry, disk) = choose(options, format)?;
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
        // What cannot be removed from a temporary folder is no failure of the array.
        Ok(report) if report.good && temporary => drop(std::fs::remove_dir_all(&dir)),
        // There never was an array to look at.
        Err(_) if temporary && life.stages.is_empty() => drop(std::fs::remove_dir_all(&dir)),
        _ => eprintln!("the members' files are kept in {}", dir.display()),
    }
    report
}

/// The first geometry and size of disk on which the format records the array that is asked for.
fn choose(options: &Options, format: &dyn Admin) -> Result<(Geometry, DiskShape), String> {
    let mut refused = String::new();
    for level in ChosenLevel::BY_CHOICE {
        if options.level.is_some_and(|asked| asked != level) {
            continue;
        }
        let tried = shape::geometry(options, level).and_then(|geometry| {
            let disk = shape::disk_for(format, geometry.member_blocks)?;
            let stamps = [1, 2, 3].map(|random| Stamp { unix_seconds: CREATED, random });
            disks::record(format, disk, &geometry, stamps)?;
            Ok((geometry, disk))
        });
        match tried {
            Ok(chosen) => return Ok(chosen),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

impl Life<'_> {
    fn say(&self, text: &str) {
        if !self.options.json {
            // A reader who has seen enough is no reason to stop.
            let _ = writeln!(std::io::stdout(), "{text}");
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
        self.unplug_and_return(&mut rig);
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
        // Whoever asked for the files wants to look at them.
        if self.options.dir.is_none() {
            self.stage("The array is deleted, its disks are erased", &mut rig, Self::remove);
        }
        Ok(self.report(rig))
    }

    fn redundant(&self) -> bool {
        self.geometry.level != Level::Raid0
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
            "   members: files of {} in {} ({}); chunk {}; placement {}; seed {}",
            bytes(self.disk.blocks.0 * 512),
            self.dir.display(),
            if self.options.dir.is_some() { "kept" } else { "removed at the end" },
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
        self.past.journal_bytes += stats.journal_bytes;
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
            journal_bytes: self.past.journal_bytes,
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
