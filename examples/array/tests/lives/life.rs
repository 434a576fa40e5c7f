// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lives a plan: carries out its steps, and asks the oracle at every start.

#[path = "elsewhere.rs"]
mod elsewhere;

use crate::disks::{Cache, Disk};
use crate::forks;
use crate::machine::{Birth, Copied, Machine, Volume, look};
use crate::oracle::{Sight, Tree};
use crate::plan::{Off, Step, Where, Which, is_off, plan};
use crate::run::{Finding, Run};
use crate::table::{Counts, Kind};
use fastrand::Rng;
use raid_array::engine::OpenError;
use raid_array::workload::{ArrayEngine, Call};
use raid_core::metadata::Operation;
use raid_core::units::{Extent, Slot};
use raid_sync::{Limits, Phase, Status, Time};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A lie by a pick from here on is about blocks of members alone.
pub(crate) const LIES_ABOUT_MEMBERS: u8 = 128;

/// How a finding of a scrub ends.
const DIFFER: &str = " rows differ at the end";

/// A life that is being lived.
#[derive(Debug)]
struct Life<E> {
    machine: Machine,
    run: Option<Run<E>>,
    random: Rng,
    seed: u64,
    starts: u64,
    counts: Counts,
    /// Disks of the start before, by volume.
    before: Vec<Vec<usize>>,
    /// Disks that left in the run before, and lost something of their caches.
    left: Vec<(usize, Cache)>,
    /// Disks that left and must stay away, as long as their return is a known fault.
    banned: Vec<usize>,
    /// A set can lose nothing more: its members come back, or spares take their places.
    mend: bool,
    /// An older copy of a disk has taken its place.
    copied_back: bool,
    /// Nothing more is tried.
    over: bool,
    story: Vec<String>,
}

/// What came of a life.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) counts: Counts,
    pub(crate) finding: Option<Finding>,
    /// What was found after a disk had lost what its flush had called durable: its doing.
    pub(crate) lie: Option<String>,
    pub(crate) story: Vec<String>,
}

/// Lives the plan of this seed.
pub(crate) fn live<E: ArrayEngine>(birth: &Birth, volumes: usize, seed: u64) -> Outcome {
    live_plan::<E>(birth, seed, &plan(seed, volumes))
}

/// Lives this plan.
pub(crate) fn live_plan<E: ArrayEngine>(birth: &Birth, seed: u64, steps: &[Step]) -> Outcome {
    let machine = Machine::new(birth);
    let mut life = Life::<E> {
        before: vec![Vec::new(); machine.volumes.len()],
        machine,
        run: None,
        random: Rng::with_seed(seed ^ 0x11FE),
        seed,
        starts: 0,
        counts: Counts::default(),
        left: Vec::new(),
        banned: Vec::new(),
        mend: false,
        copied_back: false,
        over: false,
        story: Vec::new(),
    };
    let lived = catch_unwind(AssertUnwindSafe(|| life.live(steps)));
    let panicked = lived.is_err();
    let finding = match lived {
        Ok(Ok(())) => None,
        Ok(Err(finding)) => Some(finding),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().cloned();
            let said = said.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            Some(Finding(format!("panic: {}", said.unwrap_or_default())))
        }
    };
    for volume in &life.machine.volumes {
        life.counts.compared += volume.oracle.compared.sectors;
        life.counts.hole += volume.oracle.compared.hole;
        life.counts.forced += volume.oracle.compared.forced;
    }
    if let Some(run) = &life.run {
        life.counts.ios += run.ios;
    }
    let liar = finding.as_ref().and_then(|finding| life.laid_to(finding));
    let (finding, lie) = match (finding, liar) {
        (Some(finding), Some(liar)) if !panicked => {
            life.counts.count(Kind::LieFound);
            (None, Some(format!("{liar}: {finding}")))
        }
        (finding, _) => (finding, None),
    };
    Outcome { counts: life.counts, finding, lie, story: life.story }
}

impl<E: ArrayEngine> Life<E> {
    fn live(&mut self, steps: &[Step]) -> Result<(), Finding> {
        for step in steps {
            if self.over {
                return Ok(());
            }
            self.step(*step)?;
        }
        self.end()
    }

    /// Disks that lied about a flush, and lost what they had called durable.
    fn liars(&self) -> Vec<(usize, &Disk)> {
        let at_rest =
            (0..).zip(&self.machine.disks).filter_map(|(at, own)| Some((at, own.as_ref()?)));
        let running =
            self.run.iter().flat_map(|run| run.order.iter().copied().zip(&run.plugged.disks));
        let all = at_rest.chain(running);
        all.filter(|(_, disk)| !disk.lost_by_lie.is_empty()).collect()
    }

    /// Whether what was found is the doing of a disk that lied about a flush. Where it lost blocks of records or
    /// of a journal, everything later is. Where it lost blocks of members alone, sectors in the rows of these
    /// are wrong, or rows differ, and nothing else.
    fn laid_to(&self, finding: &Finding) -> Option<String> {
        let liars = self.liars();
        let (number, disk) = liars.first()?;
        let extents = &self.machine.extents;
        let inside = |block: u64, at: &Extent| (at.start.0..at.start.0 + at.len.0).contains(&block);
        let is_data = |block: &u64| extents.iter().any(|(_, at)| inside(*block, at));
        let mut lost = liars.iter().flat_map(|(_, disk)| &disk.lost_by_lie);
        if lost.clone().all(is_data) && !finding.0.ends_with(DIFFER) {
            let run = self.run.as_ref()?;
            let volume = &self.machine.volumes[run.volume];
            let row = volume.oracle.map.row(run.wrong?);
            let own = || extents.iter().filter(|(id, _)| *id == volume.id);
            if !lost.any(|block| own().any(|(_, at)| at.start.0 + row == *block)) {
                return None;
            }
        }
        let lost = disk.lost_by_lie.len();
        Some(format!("disk {number} lied about a flush and lost {lost} blocks when its power went"))
    }

    fn step(&mut self, step: Step) -> Result<(), Finding> {
        match step {
            Step::Start { volume, which, shuffle, clock_back, insist } => {
                return self.start(volume, which, (shuffle, clock_back), insist);
            }
            Step::Clone(pick) => {
                self.clone_disk(pick);
                return Ok(());
            }
            Step::Elsewhere(pick) => {
                self.runs_elsewhere(pick);
                return Ok(());
            }
            Step::Resize { pick, grow } => {
                self.resize(pick, grow);
                return Ok(());
            }
            Step::Cut { at, within, cache } => return self.cut(at, within, cache),
            _ => {}
        }
        let Some(mut run) = self.run.take() else { return Ok(()) };
        let mut done = self.while_it_runs(&mut run, step);
        if done.is_ok() && std::mem::take(&mut self.mend) {
            done = self.mend(&mut run);
        }
        self.run = Some(run);
        done
    }

    fn while_it_runs(&mut self, run: &mut Run<E>, step: Step) -> Result<(), Finding> {
        let machine = &mut self.machine;
        match step {
            Step::Work(ios) => run.work(machine, ios, |_| false),
            Step::Wait(ios) => run.wait(machine, ios),
            Step::Settle => run.settle(machine),
            Step::Sweep => run.sweep(machine),
            Step::Pull { pick, cache, late, back } => self.pull(run, pick, cache, (late, back)),
            Step::Return => self.give_all_back(run),
            Step::Fail(pick) => self.fail(run, pick),
            Step::TakeSpare => self.take_spare(run, false),
            Step::TakeSpareAgain => self.take_spare(run, true),
            Step::Scrub { repair } => {
                let set = self.random.u16(..run.sets(machine));
                let kind = if repair { Kind::Repair } else { Kind::Scrub };
                self.counts.count(kind);
                self.story.push(format!("{:>6} scrub set {set}, repair {repair}", run.ios));
                run.call(machine, Call::Scrub { set, repair }).map(drop)
            }
            Step::Pause(pick) => self.steer(run, Kind::Pause, pick),
            Step::Abort(pick) => self.steer(run, Kind::Abort, pick),
            Step::Resume => self.pause_and_resume(run),
            Step::Lie(pick) => {
                let disk = usize::from(pick) % run.order.len();
                let own = &mut run.plugged.disks[disk];
                own.lies = true;
                let mut what = "";
                if pick >= LIES_ABOUT_MEMBERS {
                    (own.lies_in, what) = (run.areas.extents(disk), " about members");
                }
                self.counts.count(Kind::Lied);
                self.story.push(format!("{:>6} disk {} lies{what}", run.ios, run.order[disk]));
                Ok(())
            }
            Step::Limits(pick) => {
                self.counts.count(Kind::Limits);
                let limits = Limits {
                    rows_per_window: u64::from(pick % 64),
                    windows: pick % 4,
                    min_rate: 1_000 + u64::from(pick) * 1000,
                    checkpoint_rows: 16 + u64::from(pick),
                    clean_after_idle: u64::from(pick) * 100_000,
                    ..Limits::default()
                };
                self.story.push(format!("{:>6} {limits:?}", run.ios));
                run.call(machine, Call::Limit(limits)).map(drop)
            }
            Step::Stop => {
                self.counts.count(Kind::Stop);
                self.story.push(format!("{:>6} stop", run.ios));
                run.settle(machine)?;
                run.call(machine, Call::Stop).map(drop)
            }
            Step::Hold { pick, ios, fail } => self.hold(run, pick, ios, fail),
            Step::Lag { pick, times } => {
                let disk = usize::from(pick) % run.order.len();
                self.counts.count(Kind::Lag);
                run.plugged.delays[disk] = u64::from(times) * 100_000;
                self.story.push(format!("{:>6} disk {} lags {times}", run.ios, run.order[disk]));
                Ok(())
            }
            Step::FailFlush(pick) => {
                self.hurt_one(run, Off::FailFlush, Kind::FailedFlush, pick, None)
            }
            Step::Unreadable { pick, row } => {
                self.hurt_one(run, Off::Unreadable, Kind::Unreadable, pick, Some(row))
            }
            Step::Unwritable { pick, row } => {
                self.hurt_one(run, Off::Unwritable, Kind::WriteError, pick, Some(row))
            }
            _ => Ok(()),
        }
    }

    /// A member that works, if the set may lose it now.
    fn pick(&mut self, run: &Run<E>, pick: u8) -> Option<(raid_core::array::Place, usize)> {
        let working: Vec<_> = run.working(&self.machine);
        let working: Vec<_> =
            working.into_iter().filter(|(_, disk)| !run.away.contains(disk)).collect();
        if working.is_empty() {
            return None;
        }
        let (place, disk) = working[usize::from(pick) % working.len()];
        let short = run.can_spare(&self.machine, place.set) == 0;
        if short && (is_off(Off::SecondFailureBeyond) || self.random.u8(..4) > 0) {
            // A set that has failed makes a short life. It is mended more often than that.
            self.mend = true;
            return None;
        }
        let status = run.status(place.set);
        if status.rebuilding.contains(place.slot) && is_off(Off::TargetLeaves) {
            return None;
        }
        if !(status.failed | status.rebuilding).is_empty() {
            self.counts.count(Kind::SecondFailure);
        }
        Some((place, disk))
    }

    fn pull(
        &mut self,
        run: &mut Run<E>,
        pick: u8,
        cache: Cache,
        (late, back): (bool, bool),
    ) -> Result<(), Finding> {
        let Some((place, disk)) = self.pick(run, pick) else { return Ok(()) };
        let late = late && !is_off(Off::Late);
        let number = run.order[disk];
        self.story.push(format!(
            "{:>6} disk {number} in {place:?} leaves, {cache:?}, late {late}, back {back}",
            run.ios
        ));
        run.hurt(disk);
        run.leaves(&mut self.machine, disk);
        run.away.push(disk);
        run.plugged.pull(disk, cache, late);
        if is_off(Off::BackAfterCut) {
            self.banned.push(number);
        } else {
            self.left.push((number, cache));
        }
        if !back || is_off(Off::BackWithin) {
            return Ok(());
        }
        run.work(&mut self.machine, 400, |run| run.status(place.set).failed.contains(place.slot))?;
        if run.status(place.set).failed.contains(place.slot) {
            self.counts.count(Kind::BackWithinCommand);
            if late {
                self.counts.count(Kind::LateAnswer);
            }
            return self.give_back(run, disk);
        }
        Ok(())
    }

    /// Plugs a disk in that the array knows to be gone, and gives it back.
    fn give_back(&mut self, run: &mut Run<E>, disk: usize) -> Result<(), Finding> {
        run.away.retain(|other| *other != disk);
        run.plugged.plug(disk);
        self.banned.retain(|other| *other != run.order[disk]);
        let failed = run.failed(&self.machine);
        let place = failed.iter().find(|(_, seat)| *seat == Some(disk));
        let Some((place, _)) = place else { return Ok(()) };
        self.counts.count(Kind::Return);
        self.story.push(format!("{:>6} disk {} returns to {place:?}", run.ios, run.order[disk]));
        run.call(&mut self.machine, Call::Return(*place)).map(drop)
    }

    fn give_all_back(&mut self, run: &mut Run<E>) -> Result<(), Finding> {
        if is_off(Off::BackWithin) {
            return Ok(());
        }
        for (_, disk) in run.failed(&self.machine) {
            if let Some(disk) = disk {
                self.give_back(run, disk)?;
            }
        }
        Ok(())
    }

    fn fail(&mut self, run: &mut Run<E>, pick: u8) -> Result<(), Finding> {
        let Some((place, disk)) = self.pick(run, pick) else { return Ok(()) };
        self.counts.count(Kind::Fail);
        self.story.push(format!("{:>6} fail {place:?}, disk {}", run.ios, run.order[disk]));
        run.hurt(disk);
        if is_off(Off::BackAfterCut) {
            self.banned.push(run.order[disk]);
        }
        run.call(&mut self.machine, Call::Fail(place)).map(drop)
    }

    /// Pauses or aborts the operation of a set; there is one soon.
    fn steer(&mut self, run: &mut Run<E>, kind: Kind, pick: u8) -> Result<(), Finding> {
        let machine = &mut self.machine;
        let runs = |run: &Run<E>, set: &u16| run.status(*set).operation.is_some();
        let sets = 0..run.sets(machine);
        let mut running: Vec<u16> = sets.clone().filter(|set| runs(run, set)).collect();
        if running.is_empty() && run.set_is_short() {
            // Only a whole set is scrubbed; one that is filled runs an operation as well.
            self.mend(run)?;
            let some =
                |run: &Run<E>| !run.set_is_short() || sets.clone().any(|set| runs(run, &set));
            run.work(&mut self.machine, 300, some)?;
            running = sets.clone().filter(|set| runs(run, set)).collect();
        }
        let machine = &mut self.machine;
        let set = match running.len() {
            0 => {
                let set = u16::from(pick) % run.sets(machine);
                let repair = pick.is_multiple_of(2);
                let mut started = run.call(machine, Call::Scrub { set, repair })?;
                if started.is_err() {
                    self.mend(run)?;
                    let whole = |own: &Status| (own.failed | own.rebuilding).is_empty();
                    run.work(&mut self.machine, 300, |run| whole(run.status(set)))?;
                    started = run.call(&mut self.machine, Call::Scrub { set, repair })?;
                }
                if started.is_err() {
                    return Ok(());
                }
                run.work(&mut self.machine, u64::from(pick % 4), |_| false)?;
                set
            }
            many => running[usize::from(pick) % many],
        };
        let call = if kind == Kind::Pause { Call::Pause(set) } else { Call::Abort(set) };
        let answer = run.call(&mut self.machine, call)?;
        if answer.is_ok() {
            self.counts.count(kind);
        }
        self.story.push(format!("{:>6} {}, set {set}: {answer:?}", run.ios, kind.name()));
        Ok(())
    }

    /// Resumes what is paused; something is, soon.
    fn pause_and_resume(&mut self, run: &mut Run<E>) -> Result<(), Finding> {
        if !run.statuses().any(|own| own.phase == Phase::Paused) {
            let pick = self.random.u8(..);
            self.steer(run, Kind::Pause, pick)?;
            let paused = |run: &Run<E>| run.statuses().any(|own| own.phase == Phase::Paused);
            run.work(&mut self.machine, 400, paused)?;
        }
        self.resume(run)
    }

    fn resume(&mut self, run: &mut Run<E>) -> Result<(), Finding> {
        for set in 0..run.sets(&self.machine) {
            let phase = run.status(set).phase;
            if phase == Phase::Paused {
                self.counts.count(Kind::Resume);
                self.story.push(format!("{:>6} call: resume, set {set}", run.ios));
                let answer = run.call(&mut self.machine, Call::Resume(set))?;
                answer.map_err(|why| Finding(format!("set {set} is paused: {why}")))?;
            }
        }
        Ok(())
    }

    /// A member fails where none has, so that a spare or a journal is needed.
    fn make_short(&mut self, run: &mut Run<E>) -> Result<(), Finding> {
        if !run.set_is_short() {
            let pick = self.random.u8(..);
            self.fail(run, pick)?;
        }
        Ok(())
    }

    /// What left comes back; where nothing can, spares are taken.
    fn mend(&mut self, run: &mut Run<E>) -> Result<(), Finding> {
        for _ in 0..self.random.u8(1..3) {
            let failed = run.failed(&self.machine);
            if failed.iter().any(|(_, disk)| disk.is_some()) && self.random.u8(..8) > 0 {
                self.give_all_back(run)?;
            } else if !failed.is_empty() {
                self.seat_spare(run, false)?;
            }
            let ios = self.random.u64(1..200);
            run.work(&mut self.machine, ios, |_| false)?;
        }
        Ok(())
    }

    fn take_spare(&mut self, run: &mut Run<E>, again: bool) -> Result<(), Finding> {
        if again && is_off(Off::TakeSpareAgain) {
            return Ok(());
        }
        self.make_short(run)?;
        self.seat_spare(run, again)
    }

    fn seat_spare(&mut self, run: &mut Run<E>, again: bool) -> Result<(), Finding> {
        let machine = &mut self.machine;
        let mut places: Vec<_> = run.failed(machine).into_iter().map(|(place, _)| place).collect();
        if again {
            for set in 0..run.sets(machine) {
                let rebuilding = run.status(set).rebuilding.iter();
                places.extend(rebuilding.map(|slot| raid_core::array::Place { set, slot }));
            }
            if let Some((place, _)) = run.seated.last() {
                places.push(*place);
            }
        }
        if places.is_empty() {
            return Ok(());
        }
        let place = places[self.random.usize(..places.len())];
        if is_off(Off::TakeSpareAgain) {
            if run.activating > 0 || run.status(place.set).unrecorded {
                return Ok(());
            }
            if run.set_failed() {
                return Ok(());
            }
        }
        let seated: Vec<usize> = run.working(machine).iter().map(|(_, disk)| *disk).collect();
        let failed = run.failed(machine);
        let free: Vec<usize> = (0..run.order.len())
            .filter(|disk| {
                let free =
                    !seated.contains(disk) && !failed.iter().any(|(_, seat)| *seat == Some(*disk));
                (free || again) && !run.away.contains(disk) && run.order[*disk] >= machine.members
            })
            .collect();
        if free.is_empty() {
            return Ok(());
        }
        let disk = free[self.random.usize(..free.len())];
        self.counts.count(if again { Kind::TakeSpareTwice } else { Kind::TakeSpare });
        self.story.push(format!("{:>6} spare {} for {place:?}", run.ios, run.order[disk]));
        let before = std::mem::replace(&mut run.activating, 1);
        let taken = run.call(machine, Call::TakeSpare(place, disk))?;
        if let Err(why) = taken {
            run.activating = before;
            self.story.push(format!("{:>6} refused: {why}", run.ios));
        }
        Ok(())
    }

    fn hold(&mut self, run: &mut Run<E>, pick: u8, ios: u64, fail: bool) -> Result<(), Finding> {
        if is_off(Off::Late) {
            return Ok(());
        }
        let Some((place, disk)) = self.pick(run, pick) else { return Ok(()) };
        self.story.push(format!("{:>6} disk {} holds, fail {fail}", run.ios, run.order[disk]));
        run.plugged.hold(disk);
        run.work(&mut self.machine, ios, |_| false)?;
        if fail {
            run.hurt(disk);
            self.counts.count(Kind::Fail);
            self.counts.count(Kind::LateAnswer);
            run.call(&mut self.machine, Call::Fail(place))?.ok();
            run.work(&mut self.machine, ios, |_| false)?;
            if is_off(Off::BackAfterCut) {
                self.banned.push(run.order[disk]);
            }
        }
        run.plugged.release(disk);
        Ok(())
    }

    fn hurt_one(
        &mut self,
        run: &mut Run<E>,
        off: Off,
        kind: Kind,
        pick: u8,
        row: Option<u16>,
    ) -> Result<(), Finding> {
        if is_off(off) {
            return Ok(());
        }
        let Some((place, disk)) = self.pick(run, pick) else { return Ok(()) };
        run.hurt(disk);
        let at = run.areas.data(disk, self.machine.volumes[run.volume].id);
        let block = row.zip(at).map(|(row, at)| at.start.0 + u64::from(row) % at.len.0);
        self.story.push(format!(
            "{:>6} {} on disk {} in {place:?}, block {block:?}",
            run.ios,
            kind.name(),
            run.order[disk]
        ));
        if row.is_some() && block.is_none() {
            return Ok(());
        }
        self.counts.count(kind);
        if let (Some(block), Some(at)) = (block, at)
            && self.machine.kept.format.capabilities().bad_ranges > 0
        {
            let set = usize::from(place.set);
            let oracle = &mut self.machine.volumes[run.volume].oracle;
            oracle.trees[set].blinded(&oracle.map, set, place.slot, block - at.start.0);
        }
        let own = &mut run.plugged.disks[disk];
        match (kind, block) {
            (Kind::FailedFlush, _) => own.bad_flushes = 1,
            (Kind::Unreadable, Some(block)) => {
                own.unreadable.insert(block);
                run.unreadable = true;
            }
            (_, Some(block)) => {
                own.unwritable.insert(block);
                run.unreadable = true;
            }
            _ => {}
        }
        Ok(())
    }

    /// The disks that a start gets.
    fn choose(&mut self, volume: usize, which: Which) -> Vec<usize> {
        let all: Vec<usize> =
            (0..self.machine.disks.len()).filter(|disk| !self.banned.contains(disk)).collect();
        let trees = &self.machine.volumes[volume].oracle.trees;
        let newest = |disk: &usize| {
            trees.iter().any(|tree| tree.one_history(&all).contains(disk))
                || !trees.iter().any(|tree| tree.known(*disk))
        };
        let before = &self.before[volume];
        match which {
            Which::All => all,
            Which::Newest => all.iter().copied().filter(newest).collect(),
            Which::Without(count) => {
                let mut rest = all;
                for _ in 0..count {
                    rest.remove(self.random.usize(..rest.len()));
                }
                rest
            }
            Which::Short => {
                let knows = |disk: &&usize| trees.iter().any(|tree| tree.known(**disk));
                let members: Vec<usize> =
                    all.iter().filter(|disk| newest(disk)).filter(knows).copied().collect();
                let mut rest = all;
                if !members.is_empty() {
                    let away = members[self.random.usize(..members.len())];
                    rest.retain(|disk| *disk != away);
                }
                rest
            }
            Which::Alone => vec![all[self.random.usize(..all.len())]],
            Which::Enough => {
                let geometry = &self.machine.volumes[volume].geometry;
                let needed = match geometry.parity_strips() {
                    0 => 1,
                    parities => usize::from(geometry.slots) - usize::from(parities),
                };
                let mut some = Vec::new();
                for tree in trees {
                    let mut members: Vec<usize> =
                        all.iter().copied().filter(|disk| tree.known(*disk)).collect();
                    self.random.shuffle(&mut members);
                    some.extend(members.into_iter().take(needed));
                }
                // A spare may know of several sets.
                some.sort_unstable();
                some.dedup();
                if some.is_empty() { all } else { some }
            }
            Which::Same if !before.is_empty() => {
                before.iter().copied().filter(|disk| all.contains(disk)).collect()
            }
            Which::Others if !before.is_empty() => {
                let others = |disk: &usize| !before.contains(disk);
                let mut others: Vec<usize> = all.iter().copied().filter(others).collect();
                let geometry = &self.machine.volumes[volume].geometry;
                let needed = match geometry.parity_strips() {
                    0 => 1,
                    parities => usize::from(geometry.slots) - usize::from(parities),
                };
                while others.len() < needed.min(all.len()) {
                    let disk = all[self.random.usize(..all.len())];
                    if !others.contains(&disk) {
                        others.push(disk);
                    }
                }
                others
            }
            _ => all,
        }
    }

    fn start(
        &mut self,
        volume: usize,
        which: Which,
        (shuffle, clock_back): (bool, bool),
        insist: bool,
    ) -> Result<(), Finding> {
        if self.run.is_some() {
            self.cut(Where::Anywhere, 0, Cache::Torn)?;
        }
        let mut order = self.choose(volume, which);
        if self.several(volume, &order) {
            self.counts.count(Kind::BackAfterAlone);
            if self.forgets_who_was_there() && self.random.u8(..8) > 0 {
                order = self.choose(volume, Which::Newest);
            }
        }
        if shuffle {
            self.random.shuffle(&mut order);
            self.counts.count(Kind::Swapped);
        }
        if order.len() < self.machine.disks.len() {
            self.counts.count(Kind::Subset);
        }
        if clock_back {
            self.machine.unix = self.machine.unix.saturating_sub(self.random.u64(1..50_000));
            self.machine.now = Time(self.random.u64(..=self.machine.now.0));
            self.counts.count(Kind::ClockBack);
        } else {
            self.machine.unix += self.random.u64(..3) * 60;
        }
        if self.try_start(volume, &order, false)? {
            return Ok(());
        }
        if insist && self.try_start(volume, &order, true)? {
            return Ok(());
        }
        // Refused. All disks, then those of the newest history.
        for which in [Which::All, Which::Newest] {
            let order = self.choose(volume, which);
            if self.forgets_who_was_there() && self.several(volume, &order) {
                continue;
            }
            if self.try_start(volume, &order, false)? {
                return Ok(());
            }
        }
        let order = self.choose(volume, Which::Newest);
        if !self.try_start(volume, &order, true)? {
            self.over = self.machine.volumes.len() == 1;
        }
        Ok(())
    }

    /// Whether these disks ran apart.
    fn several(&self, volume: usize, order: &[usize]) -> bool {
        let trees = &self.machine.volumes[volume].oracle.trees;
        trees.iter().any(|tree| matches!(tree.sight(order), Sight::Harmless | Sight::Forked))
    }

    /// Records of these formats do not tell who was there.
    fn forgets_who_was_there(&self) -> bool {
        ["toy", "native"].contains(&self.machine.kept.name)
    }

    /// Tries a start; by `force` only where rows are at risk.
    fn try_start(&mut self, volume: usize, order: &[usize], force: bool) -> Result<bool, Finding> {
        self.starts += 1;
        let seed = self.seed.wrapping_mul(1000) + self.starts;
        let sights: Vec<Sight> = {
            let oracle = &self.machine.volumes[volume].oracle;
            oracle.trees.iter().map(|tree| tree.sight(order)).collect()
        };
        let forked = sights.contains(&Sight::Forked);
        if forked || sights.contains(&Sight::Harmless) {
            self.counts.count(Kind::Forked);
        }
        let knew = {
            let oracle = &self.machine.volumes[volume].oracle;
            let makers = |set: usize| oracle.trees[set].up_to_date(order);
            (0..oracle.trees.len()).map(makers).collect::<Vec<_>>()
        };
        let listed = if force { self.listed(volume, order) } else { Vec::new() };
        if force && listed.is_empty() {
            return Ok(false);
        }
        match Run::<E>::start(&mut self.machine, volume, order, force, seed) {
            Ok(mut run) => {
                let told: Vec<String> = (run.statuses())
                    .map(|own| {
                        let short = own.failed | own.rebuilding;
                        format!("short of {short:?}, {:?}, clean {}", own.operation, own.clean)
                    })
                    .collect();
                self.story.push(format!(
                    "   --- volume {volume} on {order:?}, force {force}, {sights:?}: {told:?}"
                ));
                let several = forked || sights.contains(&Sight::Harmless);
                if several && self.forgets_who_was_there() {
                    // A life ends here.
                    self.over = true;
                    return Ok(true);
                }
                if forked {
                    self.run = Some(run);
                    return Err(Finding(format!(
                        "started from {order:?}, though histories with promises differ"
                    )));
                }
                if sights.contains(&Sight::Nothing) {
                    self.run = Some(run);
                    return Err(Finding(format!(
                        "started from {order:?}, none of which was a member"
                    )));
                }
                if force {
                    self.counts.count(Kind::Forced);
                }
                for (number, cache) in std::mem::take(&mut self.left) {
                    if order.contains(&number) {
                        self.counts.count(Kind::BackAfterCut);
                        if matches!(cache, Cache::Lost | Cache::Torn) {
                            self.counts.count(Kind::BackOldCache);
                        }
                    }
                }
                self.begun(&mut run, volume, order, &knew, &listed);
                self.before[volume] = order.to_vec();
                self.run = Some(run);
                Ok(true)
            }
            Err(error) => {
                self.story
                    .push(format!("   --- volume {volume} on {order:?}: {error}; {sights:?}"));
                self.counts.count(Kind::Refused);
                self.may_refuse(volume, order, &error)?;
                Ok(false)
            }
        }
    }

    /// Rows at risk, by set, that a refusal lists.
    fn listed(
        &mut self,
        volume: usize,
        order: &[usize],
    ) -> Vec<(u16, Vec<raid_core::units::Rows>)> {
        self.starts += 1;
        let seed = self.seed.wrapping_mul(1000) + self.starts;
        match Run::<E>::start(&mut self.machine, volume, order, false, seed) {
            Err(OpenError::Refused { set, why, at_risk, .. }) if why.yields_to_force() => {
                vec![(set, at_risk)]
            }
            Ok(run) => {
                run.cut(&mut self.machine, Cache::Torn, &mut Counts::default());
                Vec::new()
            }
            Err(_) => Vec::new(),
        }
    }

    fn begun(
        &mut self,
        run: &mut Run<E>,
        volume: usize,
        order: &[usize],
        knew: &[Vec<usize>],
        listed: &[(u16, Vec<raid_core::units::Rows>)],
    ) {
        let working = run.working(&self.machine);
        let sets: Vec<_> = (0..run.sets(&self.machine)).map(|set| *run.status(set)).collect();
        let Machine { volumes, .. } = &mut self.machine;
        let oracle = &mut volumes[volume].oracle;
        for (set, status) in sets.iter().enumerate() {
            let tree = &mut oracle.trees[set];
            tree.begin(order);
            let members: Vec<usize> = (working.iter())
                .filter(|(place, _)| usize::from(place.set) == set)
                .map(|(_, disk)| order[*disk])
                .collect();
            if !knew[set].iter().all(|disk| members.contains(disk)) || !tree.all_know(&knew[set]) {
                tree.begun_short(&oracle.map, set);
            }
            for (place, disk) in working.iter().filter(|(place, _)| usize::from(place.set) == set) {
                let filled = status.rebuilding.contains(place.slot);
                tree.takes_part(order[*disk], filled, &knew[set]);
            }
            let missing = status.failed | status.rebuilding;
            if let Some((_, rows)) = listed.iter().find(|(own, _)| usize::from(*own) == set) {
                tree.forced(&oracle.map, set, missing, rows);
            }
        }
    }

    /// Whether the format cannot tell an older disk from one that ran apart.
    fn cannot_be_told(&self, volume: &Volume, order: &[usize]) -> bool {
        let disks = |numbers: Vec<usize>| -> Vec<&Disk> {
            numbers.into_iter().filter_map(|disk| self.machine.disks[disk].as_ref()).collect()
        };
        volume.oracle.trees.iter().any(|tree| {
            let newest = tree.up_to_date(order);
            let older = |disk: &usize| tree.known(*disk) && !newest.contains(disk);
            let older = order.iter().copied().filter(older).collect();
            forks::cannot_be_told(self.machine.kept, &disks(older), &disks(newest))
        })
    }

    /// A start was refused: not where the disks tell all; for rows that were in flight there must have been some,
    /// and a member missing.
    fn may_refuse(&self, volume: usize, order: &[usize], error: &OpenError) -> Result<(), Finding> {
        let wrong = |why: &str| {
            Err(Finding(format!("refused from {order:?} without a reason: {error}: but {why}")))
        };
        let ill = |disk: &usize| self.machine.disks[*disk].as_ref().is_some_and(Disk::is_ill);
        if order.iter().any(ill) || self.copied_back || is_off(Off::Subsets) {
            return Ok(());
        }
        // A format may keep one record for all volumes.
        let mut volumes = 0..self.machine.volumes.len();
        let apart = volumes.any(|volume| self.several(volume, order));
        let volume = &self.machine.volumes[volume];
        let slots = usize::from(volume.geometry.slots);
        let parities = usize::from(volume.geometry.parity_strips());
        let needed = if parities == 0 { 1 } else { slots - parities };
        let sets = volume.oracle.trees.iter().map(|tree| tree.can_serve(order));
        let sets: Vec<(Vec<usize>, bool)> = sets.collect();
        let tells_all = |tree: &Tree| tree.tells_all(order, slots, needed);
        let forked = matches!(error, OpenError::Forked { .. });
        if !apart
            && volume.oracle.trees.iter().all(tells_all)
            && !(forked && self.cannot_be_told(volume, order))
        {
            return wrong("a record names who is missing, and everybody in sync is here");
        }
        let set = match error {
            OpenError::Refused { set, why, .. } if why.yields_to_force() => set,
            _ => return Ok(()),
        };
        let (serve, clean) = &sets[usize::from(*set)];
        match parities {
            _ if apart => Ok(()),
            0 => wrong("each copy of a mirror tells all"),
            _ if serve.len() == slots => wrong("no member is missing"),
            _ if *clean && serve.len() >= needed => {
                wrong("it was stopped clean, and nothing was owed")
            }
            _ => Ok(()),
        }
    }

    fn cut(&mut self, at: Where, within: u64, cache: Cache) -> Result<(), Finding> {
        let Some(mut run) = self.run.take() else { return Ok(()) };
        if at != Where::Anywhere
            && let Err(finding) = self.reach(&mut run, at, within)
        {
            self.run = Some(run);
            return Err(finding);
        }
        // What was never noticed is away no longer: the plugs are in again at the next start.
        self.story.push(format!("{:>6} cut, {cache:?}", run.ios));
        run.cut(&mut self.machine, cache, &mut self.counts);
        for disk in self.machine.disks.iter_mut().flatten() {
            // Some disks put another block in the place of one that cannot be written.
            if self.random.bool() {
                disk.unwritable.clear();
            }
        }
        Ok(())
    }

    /// Works until that is under way in which the power is to go.
    fn reach(&mut self, run: &mut Run<E>, at: Where, within: u64) -> Result<(), Finding> {
        let rebuilding = |run: &Run<E>| run.statuses().any(|own| !own.rebuilding.is_empty());
        match at {
            Where::Journal => self.make_short(run)?,
            Where::Activation => self.take_spare(run, false)?,
            Where::Rebuild if !rebuilding(run) => self.take_spare(run, false)?,
            _ => {}
        }
        let resync = |own: &Status| own.operation == Some(Operation::Resync);
        let there = |run: &Run<E>| match at {
            Where::Anywhere => true,
            Where::Record => run.writes_on_the_way().0,
            Where::Journal => run.writes_on_the_way().1,
            Where::Activation => run.activating > 0 && run.writes_on_the_way().0,
            Where::Rebuild => rebuilding(run),
            Where::Resync => run.statuses().any(resync),
        };
        if !there(run) {
            run.work(&mut self.machine, within, there)?;
        }
        if matches!(at, Where::Rebuild | Where::Resync) {
            let more = self.random.u64(..12);
            run.work(&mut self.machine, more, |_| false)?;
        }
        Ok(())
    }

    fn clone_disk(&mut self, pick: u8) {
        if is_off(Off::Clones) || self.run.is_some() {
            return;
        }
        if self.forgets_who_was_there() {
            // Their records do not tell an older copy of a disk from the disk.
            return;
        }
        if let Some(Copied { number, mut disk, knew }) = self.machine.copy.take() {
            self.story.push(format!("       disk {number} is as it was copied"));
            let lost = self.machine.disks[number].as_ref().map(|own| own.lost_by_lie.clone());
            disk.lost_by_lie = lost.unwrap_or_default();
            self.machine.disks[number] = Some(disk);
            self.copied_back = true;
            for (volume, knew) in self.machine.volumes.iter_mut().zip(knew) {
                for (tree, tip) in volume.oracle.trees.iter_mut().zip(knew) {
                    tree.replace(number, tip);
                }
            }
            self.counts.count(Kind::Cloned);
            return;
        }
        let number = usize::from(pick) % self.machine.disks.len();
        let Some(disk) = self.machine.disks[number].clone() else { return };
        let tips =
            self.machine.volumes.iter().map(|volume| {
                volume.oracle.trees.iter().map(|tree| tree.knowledge(number)).collect()
            });
        self.machine.copy = Some(Copied { number, disk, knew: tips.collect() });
        self.story.push(format!("       disk {number} is copied"));
    }

    fn resize(&mut self, pick: u8, grow: bool) {
        if is_off(Off::Resize) || self.run.is_some() {
            return;
        }
        let number = usize::from(pick) % self.machine.disks.len();
        if let Some(disk) = &mut self.machine.disks[number] {
            let blocks = if grow { disk.blocks() + 64 } else { disk.blocks() - 64 };
            disk.resize(blocks);
            self.counts.count(Kind::Resized);
            self.story.push(format!("       disk {number} has {blocks} blocks"));
            // Records at the end of a disk are not found then, unless it ended there before; others are.
            let discovery = look(self.machine.kept.format, std::slice::from_ref(disk));
            for volume in &mut self.machine.volumes {
                let found = discovery.arrays.iter().any(|found| found.descriptor.id == volume.id);
                volume.oracle.trees.iter_mut().for_each(|tree| tree.resized(number, found));
            }
        }
    }

    /// Faults end: each volume is started once more from all disks, everything is answered, and the sets
    /// end in their best state, also after a stop and a new start.
    fn end(&mut self) -> Result<(), Finding> {
        for volume in 0..self.machine.volumes.len() {
            if self.over {
                return Ok(());
            }
            for disk in self.machine.disks.iter_mut().flatten() {
                disk.heal();
            }
            if self.run.is_none() || self.machine.volumes.len() > 1 {
                self.start(volume, Which::All, (false, false), false)?;
            }
            let Some(mut run) = self.run.take() else { continue };
            let ended = self.end_of(&mut run);
            self.run = Some(run);
            if ended? {
                self.begin_again(volume)?;
            }
        }
        Ok(())
    }

    /// Whether the volume was stopped clean; it was not if a set has failed.
    fn end_of(&mut self, run: &mut Run<E>) -> Result<bool, Finding> {
        for disk in 0..run.order.len() {
            run.plugged.disks[disk].heal();
            // Who is away comes back when the array knows that it was: it may have lost its cache.
            run.plugged.disks[disk].gone = run.away.contains(&disk);
            run.plugged.release(disk);
            run.plugged.delays[disk] = 0;
        }
        run.settle(&mut self.machine)?;
        self.resume(run)?;
        run.rest(&mut self.machine)?;
        for (place, disk) in run.working(&self.machine) {
            if run.away.contains(&disk) {
                let failed = run.call(&mut self.machine, Call::Fail(place))?;
                failed.map_err(|why| Finding(format!("{place:?} cannot be failed: {why}")))?;
            }
        }
        for disk in std::mem::take(&mut run.away) {
            run.plugged.plug(disk);
        }
        let mut refused = BTreeMap::new();
        for round in 0..3 {
            if run.set_failed() {
                break;
            }
            self.make_whole(run, round, &mut refused)?;
            run.rest(&mut self.machine)?;
        }
        let machine = &mut self.machine;
        run.settle(machine)?;
        run.sweep(machine)?;
        if run.set_failed() {
            return Ok(false);
        }
        for set in 0..run.sets(machine) {
            let status = *run.status(set);
            let hopeless = |slot| refused.contains_key(&(set, slot));
            let whole = status.rebuilding.is_empty() && status.failed.iter().all(hopeless);
            let idle = status.operation.is_none()
                && (status.owed_regions == 0 || !status.failed.is_empty());
            if !whole || !idle {
                return Err(Finding(format!(
                    "set {set} does not end in its best state: {status:?}, refused {refused:?}"
                )));
            }
            if run.call(machine, Call::Scrub { set, repair: false })?.is_ok() {
                run.rest(machine)?;
                let differ = run.status(set).mismatches;
                if differ > 0 && !run.set_failed() {
                    return Err(Finding(format!("set {set}: {differ}{DIFFER}")));
                }
            }
        }
        let stopped = run.call(machine, Call::Stop)?;
        stopped.map_err(|why| Finding(format!("cannot be stopped: {why}")))?;
        run.rest(machine)?;
        for set in 0..run.sets(machine) {
            let status = run.status(set);
            if !status.clean && status.failed.is_empty() && !status.set_failed {
                return Err(Finding(format!("set {set} was stopped and is not clean: {status:?}")));
            }
        }
        Ok(!run.set_failed())
    }

    /// Puts back what left; where that is refused, or did not help before, a spare. Keeps why a place
    /// stays empty: nothing is free, or the reasons that were given.
    fn make_whole(
        &mut self,
        run: &mut Run<E>,
        round: u8,
        refused: &mut BTreeMap<(u16, Slot), String>,
    ) -> Result<(), Finding> {
        for (place, disk) in run.failed(&self.machine) {
            let mut why = String::from("no disk");
            if disk.is_some() && round == 0 {
                match run.call(&mut self.machine, Call::Return(place))? {
                    Ok(()) => {
                        self.story.push(format!("       end: {place:?} returns"));
                        continue;
                    }
                    Err(reason) => why = reason,
                }
            }
            let spares: Vec<usize> = (0..run.order.len())
                .filter(|disk| run.order[*disk] >= self.machine.members)
                .collect();
            let mut taken = false;
            for spare in spares {
                match run.call(&mut self.machine, Call::TakeSpare(place, spare))? {
                    Ok(()) => {
                        self.story.push(format!("       end: {place:?} takes spare"));
                        taken = true;
                        break;
                    }
                    Err(reason) => why = format!("{why}; spare: {reason}"),
                }
            }
            match taken {
                true => refused.remove(&(place.set, place.slot)),
                false => refused.insert((place.set, place.slot), why),
            };
            run.rest(&mut self.machine)?;
        }
        Ok(())
    }

    /// ASR keeps no line for a disk whose place was given away. Where all whom its own table counts in were replaced
    /// as well, it cannot be told from one that ran apart with them: it is named, and the user leaves it out.
    fn starts_without_replaced(
        &mut self,
        volume: usize,
        order: &[usize],
        members: &[usize],
    ) -> Result<bool, Finding> {
        let refused = self.story.last().is_some_and(|story| story.contains("its disks ran apart"));
        let trees = &self.machine.volumes[volume].oracle.trees;
        let known = |disk: &usize| trees.iter().any(|tree| tree.known(*disk));
        let stays = |disk: &usize| members.contains(disk) || !known(disk);
        let rest: Vec<usize> = order.iter().copied().filter(stays).collect();
        let asr = self.machine.kept.name == "asr";
        Ok(asr && refused && rest.len() < order.len() && self.try_start(volume, &rest, false)?)
    }

    /// After a clean stop nothing is lost, whatever caches do: the same disks start, clean and as whole
    /// as they were.
    fn begin_again(&mut self, volume: usize) -> Result<(), Finding> {
        let Some(run) = self.run.take() else { return Ok(()) };
        let order = run.order.clone();
        let short = |status: &Status| status.failed | status.rebuilding;
        let before: Vec<_> = run.statuses().map(short).collect();
        let clean = run.statuses().all(|own| own.clean && own.owed_regions == 0);
        self.story.push(String::from("       stopped"));
        let members: Vec<usize> =
            run.working(&self.machine).iter().map(|(_, disk)| order[*disk]).collect();
        run.cut(&mut self.machine, Cache::Lost, &mut self.counts);
        if !self.try_start(volume, &order, false)?
            && !self.starts_without_replaced(volume, &order, &members)?
        {
            if !clean {
                // Short, and owed what only a whole set can pay.
                return Ok(());
            }
            let last = self.story.last().cloned().unwrap_or_default();
            return Err(Finding(format!("does not start after a clean stop: {last}")));
        }
        if self.over {
            return Ok(());
        }
        let Some(mut run) = self.run.take() else { return Ok(()) };
        let after: Vec<_> = run.statuses().map(short).collect();
        let owed = run.statuses().any(|own| own.owed_regions > 0 && own.failed.is_empty());
        let swept = match before == after && !owed {
            true => run.sweep(&mut self.machine),
            false => {
                Err(Finding(format!("after a clean stop it is another: {before:?}, {after:?}")))
            }
        };
        self.run = Some(run);
        swept
    }
}
