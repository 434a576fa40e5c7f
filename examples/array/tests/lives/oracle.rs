// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a reader may see: a tree of histories, one for each set of a volume.
//!
//! ```text
//!  run ──┬── a disk leaves ──┬── cut          a node: what every sector may hold where it ended
//!        │ disk 1 knows this │ disk 0 knows this
//!        └── disk 1 alone ──── cut             two ends with promises: a start that sees both is refused
//! ```
//!
//! A disk knows the history up to the moment at which it left. A start may read only what the newest
//! history allows that any of its disks knows. Within one history the rules are:
//!
//! | while it runs | a read gives a version from the acknowledged one (when it began) to the newest submitted |
//! |---|---|
//! | after a cut | any version from the promised one to the newest submitted; what is found stays |
//! | another copy (mirrors) | until a resync has passed, the copy that answers may die: then the other's version counts |
//! | `hole` (parity) | a row in flight at a cut, not resynced, whose member dies: what that member held is lost; if one block of it cannot be read, what that block held |
//! | `forced` (parity) | the same at a start by force, in a row that the refusal had listed |
//!
//! `hole` and `forced` are the only excuses; each is given to single sectors and counted.

use raid_array::workload::{Content, read_stamp, write_stamp};
use raid_core::array::Geometry;
use raid_core::layout::Layout;
use raid_core::metadata::{Generation, Operation};
use raid_core::units::{Extent, Rows, Slot, SlotSet};
use raid_sync::Status;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A version of a sector; 0 is "never written".
pub(crate) type Version = u32;

/// Why a sector may hold anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Excuse {
    Hole,
    Forced,
}

/// One sector.
#[derive(Clone, Debug, Default)]
struct Sector {
    /// What it may hold, oldest first: each submitted write adds one.
    versions: Vec<Version>,
    /// Index of the newest that is promised, and of the newest that is acknowledged.
    durable: usize,
    acknowledged: usize,
    /// What another copy may hold.
    other: Vec<Version>,
    lost: Option<Excuse>,
    /// What was lost is covered by a write that is in a cache: until a cut.
    covered: bool,
    /// Nothing was submitted since the start.
    fresh: bool,
}

impl Sector {
    fn new() -> Self {
        Self { versions: vec![0], fresh: true, ..Self::default() }
    }

    fn excuse(&self) -> Option<Excuse> {
        self.lost.filter(|_| !self.covered)
    }

    /// What it may hold at the end of a history is this version, or a newer one.
    fn must_hold(&mut self, version: Version) {
        match self.versions.iter().rposition(|own| *own == version) {
            Some(at) => drop(self.versions.drain(..at)),
            None => self.versions = vec![version],
        }
        self.other.clear();
    }

    fn in_flight(&self) -> bool {
        !self.fresh && self.durable + 1 < self.versions.len()
    }
}

/// Where the sectors of a set are.
#[derive(Debug)]
pub(crate) struct Map {
    /// Of each sector of the volume: its set, and its index there.
    pub(crate) sets: Vec<(usize, usize)>,
    /// Of each set, of each of its sectors: address in the volume, slot, row.
    places: Vec<Vec<(u64, Slot, u64)>>,
    rows: u64,
    parity: bool,
}

impl Map {
    pub(crate) fn new(geometry: &Geometry) -> Self {
        let layout = Layout::new(geometry).expect("a sound geometry");
        let mut places = vec![Vec::new(); usize::from(geometry.sets)];
        let mut sets = Vec::new();
        for sector in 0..layout.size().0 {
            let piece = layout.split(Extent::new(sector, 1)).next().expect("inside");
            let at = layout.locate(piece.at.start.0).expect("inside");
            let rows = layout.rows_of(piece.at);
            let own: &mut Vec<_> = &mut places[usize::from(piece.set)];
            sets.push((usize::from(piece.set), own.len()));
            own.push((sector, at.slot, rows.start.0));
        }
        let parity = geometry.parity_strips() > 0;
        Self { sets, places, rows: layout.rows(), parity }
    }

    pub(crate) fn sectors(&self) -> u64 {
        self.sets.len() as u64
    }

    pub(crate) fn parity(&self) -> bool {
        self.parity
    }

    /// The row of a sector of the volume.
    pub(crate) fn row(&self, sector: u64) -> u64 {
        let (set, index) = self.sets[sector as usize];
        self.places[set][index].2
    }
}

/// What every sector of one set may hold.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    sectors: Vec<Sector>,
    /// Rows in flight at a cut, until a resync has passed them.
    hole: Vec<bool>,
    /// Blocks that may not be read, by slot and row, where the format lists them.
    blind: BTreeSet<(Slot, u64)>,
    /// Members that died since the start, and whether the array knows.
    dead: SlotSet,
    unnoticed: bool,
    /// The newest version submitted before the last death was noticed.
    unsure: Version,
    newest: Version,
}

/// One sector that was not right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) sector: u64,
    found: Content,
    allowed: Vec<Version>,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sector, found, allowed } = self;
        write!(f, "sector {sector}: found {found:?}, allowed are the versions {allowed:?}")
    }
}

/// Sectors that were compared, and of these the ones that were wrong and excused.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Compared {
    pub(crate) sectors: u64,
    pub(crate) hole: u64,
    pub(crate) forced: u64,
}

impl Book {
    fn new(map: &Map, set: usize) -> Self {
        Self {
            sectors: vec![Sector::new(); map.places[set].len()],
            hole: vec![false; map.rows as usize],
            blind: BTreeSet::new(),
            dead: SlotSet::EMPTY,
            unnoticed: false,
            unsure: 0,
            newest: 0,
        }
    }

    /// The power goes; `journaled`: rows in flight are in a journal.
    fn cut(&mut self, map: &Map, set: usize, journaled: bool) {
        for (sector, (_, _, row)) in self.sectors.iter_mut().zip(&map.places[set]) {
            if map.parity && sector.in_flight() && !journaled {
                self.hole[*row as usize] = true;
            }
            if sector.durable > 0 {
                sector.other.clear();
            }
            sector.versions.drain(..sector.durable);
            (sector.durable, sector.acknowledged) = (0, 0);
            sector.covered = false;
            sector.fresh = true;
        }
        self.lose_blind(map, set);
        self.dead = SlotSet::EMPTY;
        self.unnoticed = false;
        self.unsure = self.newest;
    }

    /// The copy that answered so far may be gone.
    fn another_copy_answers(&mut self, map: &Map, set: usize, from_row: u64) {
        for (sector, (_, _, row)) in self.sectors.iter_mut().zip(&map.places[set]) {
            if *row >= from_row && sector.acknowledged == 0 {
                for version in std::mem::take(&mut sector.other) {
                    if !sector.versions.contains(&version) {
                        sector.versions.insert(0, version);
                    }
                }
            }
        }
    }

    /// What the blocks held that cannot be read is gone where parity may not agree.
    fn lose_blind(&mut self, map: &Map, set: usize) {
        for (sector, (_, slot, row)) in self.sectors.iter_mut().zip(&map.places[set]) {
            if self.blind.contains(&(*slot, *row)) && self.hole[*row as usize] {
                (sector.lost, sector.covered) = (Some(Excuse::Hole), false);
            }
        }
    }

    /// What `slots` held is gone, as far as no other member can tell.
    fn lose(
        &mut self,
        map: &Map,
        set: usize,
        slots: SlotSet,
        why: Excuse,
        rows: impl Fn(u64) -> bool,
    ) -> u64 {
        let mut lost = 0;
        for (sector, (_, slot, row)) in self.sectors.iter_mut().zip(&map.places[set]) {
            if slots.contains(*slot) && self.hole[*row as usize] && rows(*row) {
                (sector.lost, sector.covered) = (Some(why), false);
                lost += 1;
            }
        }
        lost
    }

    fn merge(&mut self, other: &Self) {
        for (own, other) in self.sectors.iter_mut().zip(&other.sectors) {
            for version in other.versions.iter().chain(&other.other) {
                if !own.versions.contains(version) {
                    own.versions.push(*version);
                }
            }
            own.lost = own.lost.or(other.lost);
        }
        for (own, other) in self.hole.iter_mut().zip(&other.hole) {
            *own |= other;
        }
        self.blind.extend(&other.blind);
    }
}

/// The history of a set up to one moment.
#[derive(Debug)]
struct Node {
    parent: Option<usize>,
    /// Whether something was promised between its parent's end and its own.
    promised: bool,
    end: Option<Book>,
    ends: Ends,
}

/// How a history ended, as durable records say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ends {
    /// In a clean stop, and nothing was owed.
    pub(crate) clean: bool,
    /// The records name everyone who was missing, and no resync was owed: rows under way are in a journal where
    /// somebody was.
    pub(crate) settled: bool,
}

impl Node {
    fn after(parent: usize) -> Self {
        Self { parent: Some(parent), promised: false, end: None, ends: Ends::default() }
    }
}

/// All histories of one set.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    /// The last that each disk (by its number in the machine) knows of.
    tips: BTreeMap<usize, usize>,
    /// What a disk knew whose records cannot be found, as it ends elsewhere now.
    hidden: BTreeMap<usize, usize>,
    /// What disks knew that are other ones now.
    replaced: BTreeSet<usize>,
    /// Disks that hold all rows as of what they know, and a durable record says so.
    whole: BTreeSet<usize>,
    now: Book,
    current: usize,
    /// Members that died so far, in any history.
    deaths: u64,
    /// A resync is owed, of which nothing is left to see where a lost member has ended it.
    owes: bool,
    /// Histories that ended when a member left, oldest first, as long as the array does not know that it did.
    leaving: Vec<(usize, Slot)>,
}

/// What a disk knows of a set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Knowledge {
    tip: Option<usize>,
    hidden: Option<usize>,
}

/// What a start with certain disks may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// One history is the newest.
    One,
    /// There are several, and of no two has each promised what the other lacks.
    Harmless,
    /// Several with promises: the start must be refused.
    Forked,
    /// None of these disks was ever in use.
    Nothing,
}

impl Tree {
    pub(crate) fn new(map: &Map, set: usize, members: impl Iterator<Item = usize>) -> Self {
        let now = Book::new(map, set);
        let root = Node {
            parent: None,
            promised: false,
            end: Some(now.clone()),
            ends: Ends { clean: true, settled: true },
        };
        let tips: BTreeMap<usize, usize> = members.map(|disk| (disk, 0)).collect();
        let whole = tips.keys().copied().collect();
        let (hidden, replaced) = (BTreeMap::new(), BTreeSet::new());
        let (nodes, leaving) = (vec![root], Vec::new());
        let (current, deaths, owes) = (0, 0, false);
        Self { nodes, tips, hidden, replaced, whole, now, current, deaths, owes, leaving }
    }

    fn path(&self, node: usize) -> Vec<usize> {
        let mut path: Vec<usize> =
            std::iter::successors(Some(node), |node| self.nodes[*node].parent).collect();
        path.reverse();
        path
    }

    /// The newest histories that these disks know.
    fn newest(&self, disks: &[usize]) -> Vec<usize> {
        let mut tips: Vec<usize> =
            disks.iter().filter_map(|disk| self.tips.get(disk).copied()).collect();
        tips.sort_unstable();
        tips.dedup();
        let paths: Vec<Vec<usize>> = tips.iter().map(|tip| self.path(*tip)).collect();
        let older =
            |tip: &usize| paths.iter().any(|path| path.last() != Some(tip) && path.contains(tip));
        tips.iter().copied().filter(|tip| !older(tip)).collect()
    }

    /// Whether `tip` promised something that is not in the history of `other`.
    fn promised_beyond(&self, tip: usize, other: usize) -> bool {
        let known = self.path(other);
        self.path(tip).iter().any(|node| !known.contains(node) && self.nodes[*node].promised)
    }

    /// Disks that know the newest history, of these.
    pub(crate) fn up_to_date(&self, disks: &[usize]) -> Vec<usize> {
        let newest = self.newest(disks);
        let knows = |disk: &usize| self.tips.get(disk).is_some_and(|tip| newest.contains(tip));
        disks.iter().copied().filter(knows).collect()
    }

    /// Disks of these that know the newest history; where there are several, the one that most of them know.
    pub(crate) fn one_history(&self, disks: &[usize]) -> Vec<usize> {
        let newest = self.newest(disks);
        let knows = |disk: &usize, tip: usize| self.tips.get(disk) == Some(&tip);
        let many = |tip: &usize| disks.iter().filter(|disk| knows(disk, *tip)).count();
        let Some(chosen) = newest.into_iter().max_by_key(many) else { return Vec::new() };
        disks.iter().copied().filter(|disk| knows(disk, chosen)).collect()
    }

    pub(crate) fn sight(&self, disks: &[usize]) -> Sight {
        let newest = self.newest(disks);
        match newest.len() {
            0 => Sight::Nothing,
            1 => Sight::One,
            _ => {
                let apart = |one: &usize, other: &usize| {
                    self.promised_beyond(*one, *other) && self.promised_beyond(*other, *one)
                };
                let forked = newest.iter().any(|one| newest.iter().any(|other| apart(one, other)));
                if forked { Sight::Forked } else { Sight::Harmless }
            }
        }
    }

    /// A start with these disks has succeeded.
    pub(crate) fn begin(&mut self, disks: &[usize]) {
        let mut newest = self.newest(disks);
        // Those that lack no promise of another, if there are any.
        let all = newest.clone();
        let has_all = |tip: &usize| all.iter().all(|other| !self.promised_beyond(*other, *tip));
        if all.iter().any(has_all) {
            newest.retain(has_all);
        }
        let Some(first) = newest.first().copied() else { return };
        let end = |node: usize| self.nodes[node].end.as_ref().expect("ended");
        let mut now = end(first).clone();
        newest.iter().skip(1).for_each(|other| now.merge(end(*other)));
        self.now = now;
        self.nodes.push(Node::after(first));
        self.current = self.nodes.len() - 1;
        self.leaving.clear();
    }

    /// A member of a start. One that is to be filled may not carry the record that says so: it knows what
    /// it knew before, until a record of this run is on it.
    pub(crate) fn takes_part(&mut self, disk: usize, filled: bool, knew: &[usize]) {
        if !filled || knew.contains(&disk) {
            self.knows(disk);
        }
    }

    /// `disk` takes part and knows all that happens.
    pub(crate) fn knows(&mut self, disk: usize) {
        self.tips.insert(disk, self.current);
    }

    /// The newest history that a disk knows.
    pub(crate) fn knowledge(&self, disk: usize) -> Knowledge {
        Knowledge { tip: self.tips.get(&disk).copied(), hidden: self.hidden.get(&disk).copied() }
    }

    /// The disk is another one now, and knows this.
    pub(crate) fn replace(&mut self, disk: usize, Knowledge { tip, hidden }: Knowledge) {
        self.replaced.extend([self.tips.get(&disk), self.hidden.get(&disk)].into_iter().flatten());
        for (of, knows) in [(&mut self.tips, tip), (&mut self.hidden, hidden)] {
            match knows {
                Some(tip) => of.insert(disk, tip),
                None => of.remove(&disk),
            };
        }
        // What the other one holds is not followed.
        self.whole.remove(&disk);
    }

    /// The disk ends elsewhere now: its records are found there, or are not. What it knows comes and goes
    /// with them.
    pub(crate) fn resized(&mut self, disk: usize, found: bool) {
        let (from, to) = match found {
            true => (&mut self.hidden, &mut self.tips),
            false => (&mut self.tips, &mut self.hidden),
        };
        if let Some(tip) = from.remove(&disk) {
            to.insert(disk, tip);
            self.whole.remove(&disk);
        }
    }

    /// A disk holds all rows, and a durable record says so; or it does not.
    pub(crate) fn holds_all(&mut self, disk: usize, holds: bool) {
        match holds {
            true => self.whole.insert(disk),
            false => self.whole.remove(&disk),
        };
    }

    /// Of these disks, those that know the newest history and hold all rows; and whether it ended clean.
    pub(crate) fn can_serve(&self, disks: &[usize]) -> (Vec<usize>, bool) {
        let serve: Vec<usize> =
            self.up_to_date(disks).into_iter().filter(|disk| self.whole.contains(disk)).collect();
        let clean = self.newest(disks).iter().all(|tip| self.nodes[*tip].ends.clean);
        (serve, clean)
    }

    /// Whether these disks tell all: one history is the newest, every disk that holds all rows of it is here, and
    /// they are all `slots` members, or at least `needed` ones, and the records name the others.
    pub(crate) fn tells_all(&self, disks: &[usize], slots: usize, needed: usize) -> bool {
        let all: Vec<usize> = self.tips.keys().copied().collect();
        let &[newest] = &self.newest(&all)[..] else { return false };
        let holds =
            |disk: &usize| self.tips.get(disk) == Some(&newest) && self.whole.contains(disk);
        let serve: Vec<usize> = all.into_iter().filter(holds).collect();
        let enough = match serve.len() == slots {
            true => true,
            false => serve.len() >= needed && self.nodes[newest].ends.settled,
        };
        enough && self.hidden.is_empty() && serve.iter().all(|disk| disks.contains(disk))
    }

    /// The set is seen after it was seen before. A lost member ends the resync of parity that spares no other, and
    /// what it had not done stays owed, until a rebuild has gone over every row.
    pub(crate) fn sees(&mut self, before: &Status, now: &Status) {
        let resync = |status: &Status| status.operation == Some(Operation::Resync);
        let lost = !now.failed.without(before.failed).is_empty();
        let whole = (now.failed | now.rebuilding).is_empty();
        let ended = (resync(before) && !resync(now) && !lost)
            || (now.operation.is_none() && whole && now.owed_regions == 0);
        self.owes = resync(now) || (self.owes && !ended);
    }

    pub(crate) fn owes_resync(&self) -> bool {
        self.owes
    }

    pub(crate) fn known(&self, disk: usize) -> bool {
        self.tips.contains_key(&disk)
    }

    /// Whether nobody else has known the newest history that these know: one that has gone on from there, whose
    /// records cannot be found, or who is another one now, may have answered in it.
    pub(crate) fn all_know(&self, disks: &[usize]) -> bool {
        let Some(parent) = self.nodes[self.current].parent else { return true };
        let others = self.tips.iter().chain(&self.hidden).filter(|(disk, _)| !disks.contains(disk));
        let mut knew = others.map(|(_, tip)| tip).chain(&self.replaced);
        !knew.any(|tip| self.path(*tip).contains(&parent))
    }

    /// `disks` stop taking part at this moment; the others go on.
    pub(crate) fn left(&mut self, map: &Map, set: usize, disks: &[usize], journaled: bool) {
        let takes_part = |disk: &usize| self.tips.get(disk) == Some(&self.current);
        if !disks.iter().any(takes_part) {
            return;
        }
        let mut end = self.now.clone();
        end.cut(map, set, journaled);
        let (old, new) = (self.current, self.nodes.len());
        self.nodes[old].end = Some(end);
        self.nodes.push(Node::after(old));
        self.current = new;
        for (disk, tip) in &mut self.tips {
            if *tip == old && !disks.contains(disk) {
                *tip = new;
            }
        }
    }

    /// A member leaves, and the array does not know it yet: what it acknowledges until then, it takes to be on
    /// that member, as far as it concerns it.
    pub(crate) fn left_unnoticed(
        &mut self,
        map: &Map,
        set: usize,
        (disk, slot): (usize, Slot),
        journaled: bool,
    ) {
        let old = self.current;
        self.left(map, set, &[disk], journaled);
        if self.current != old {
            self.leaving.push((old, slot));
        }
    }

    /// The array knows that these members are gone: from now on it promises without them.
    pub(crate) fn knows_of(&mut self, failed: SlotSet) {
        self.leaving.retain(|(_, slot)| !failed.contains(*slot));
    }

    /// A promise, which every history keeps that a member has left of which the array does not know.
    fn promise(&mut self, index: usize, version: Version) {
        let shared = self.leaving.first().map_or(self.current, |(node, _)| *node);
        self.nodes[shared].promised = true;
        for node in self.path(self.current).into_iter().skip_while(|node| *node != shared) {
            if let Some(end) = &mut self.nodes[node].end {
                end.sectors[index].must_hold(version);
            }
        }
    }

    /// A member dies while rows are owed a resync; those above `mark` count.
    pub(crate) fn died(&mut self, map: &Map, set: usize, slot: Slot, mark: u64) -> u64 {
        self.now.dead.insert(slot);
        self.now.unnoticed = true;
        self.deaths += 1;
        if !map.parity {
            self.now.another_copy_answers(map, set, mark);
            return 0;
        }
        let dead = self.now.dead;
        self.now.lose(map, set, dead, Excuse::Hole, |row| row >= mark)
    }

    /// A block cannot be read from now on, though its member works.
    pub(crate) fn blinded(&mut self, map: &Map, set: usize, slot: Slot, row: u64) {
        if map.parity {
            self.now.blind.insert((slot, row));
            self.now.lose_blind(map, set);
        }
    }

    /// The array has noticed that members died.
    pub(crate) fn noticed(&mut self) {
        self.now.unnoticed = false;
        self.now.unsure = self.now.newest;
    }

    /// The start was not made by all members that made the history: the copy that answered may be away.
    pub(crate) fn begun_short(&mut self, map: &Map, set: usize) {
        if !map.parity {
            self.now.another_copy_answers(map, set, 0);
        }
    }

    /// The start was forced: what the missing members held in rows that were listed may be lost.
    pub(crate) fn forced(&mut self, map: &Map, set: usize, missing: SlotSet, rows: &[Rows]) -> u64 {
        self.now.dead = self.now.dead | missing;
        let listed = |row| rows.iter().any(|range| (range.start.0..range.end().0).contains(&row));
        self.now.lose(map, set, missing, Excuse::Forced, listed)
    }

    /// A resync has passed these rows: all copies, and parity, agree.
    pub(crate) fn agree(&mut self, map: &Map, set: usize, below: u64) {
        if below > 0 {
            let rows = self.now.hole.iter_mut().take(below as usize);
            rows.for_each(|hole| *hole = false);
            for (sector, (_, _, row)) in self.now.sectors.iter_mut().zip(&map.places[set]) {
                if *row < below {
                    sector.other.clear();
                }
            }
        }
    }

    /// The power goes.
    pub(crate) fn cut(&mut self, map: &Map, set: usize, journaled: bool, ends: Ends) {
        let mut end = self.now.clone();
        end.cut(map, set, journaled);
        self.nodes[self.current].end = Some(end);
        self.nodes[self.current].ends = ends;
        self.leaving.clear();
    }

    fn submit(&mut self, index: usize, version: Version) {
        let sector = &mut self.now.sectors[index];
        sector.versions.push(version);
        sector.fresh = false;
        self.now.newest = version;
    }

    fn acknowledge(&mut self, index: usize, version: Version, durable: bool) {
        let (unnoticed, unsure) = (self.now.unnoticed, self.now.unsure);
        let sector = &mut self.now.sectors[index];
        let Some(at) = sector.versions.iter().rposition(|own| *own == version) else { return };
        sector.acknowledged = sector.acknowledged.max(at);
        sector.covered |= !unnoticed && version > unsure;
        if durable && at > sector.durable {
            sector.durable = at;
            if sector.covered {
                sector.lost = None;
            }
            self.promise(index, version);
        }
    }

    fn check(
        &self,
        index: usize,
        at: u64,
        seed: u64,
        floor: usize,
        bytes: &[u8],
        lost: Option<Excuse>,
    ) -> Result<Option<usize>, Wrong> {
        let sector = &self.now.sectors[index];
        let found = read_stamp(bytes, seed, at);
        let version = match found {
            Content::Zero => Some(0),
            Content::Version(version) => Version::try_from(version).ok(),
            _ => None,
        };
        let position =
            version.and_then(|version| sector.versions.iter().rposition(|own| *own == version));
        match position {
            Some(position) if position >= floor => Ok(Some(position)),
            _ if lost.is_some() || sector.excuse().is_some() => Ok(None),
            _ => {
                let allowed = sector.versions.get(floor..).unwrap_or_default().to_vec();
                Err(Wrong { sector: at, found, allowed })
            }
        }
    }
}

/// What a flush will make durable, or a read must at least give.
#[derive(Clone, Debug)]
pub(crate) struct Floor {
    start: u64,
    /// Of each sector: index, or version for a flush; and its excuse.
    floors: Vec<(usize, Version, Option<Excuse>)>,
}

/// A volume: its sets, and the next version.
#[derive(Debug)]
pub(crate) struct Oracle {
    pub(crate) map: Map,
    pub(crate) trees: Vec<Tree>,
    pub(crate) compared: Compared,
    seed: u64,
    next: Version,
}

impl Oracle {
    pub(crate) fn new(geometry: &Geometry, disks: &[usize], seed: u64) -> Self {
        let map = Map::new(geometry);
        let slots = usize::from(geometry.slots);
        let trees = (0..usize::from(geometry.sets)).map(|set| {
            let members = disks.iter().copied().skip(set * slots).take(slots);
            Tree::new(&map, set, members)
        });
        let trees = trees.collect();
        Self { trees, map, seed, next: 1, compared: Compared::default() }
    }

    /// The bytes of the next write there, and its version.
    pub(crate) fn submit_write(&mut self, at: Extent) -> (Version, Vec<u8>) {
        let version = self.next;
        self.next += 1;
        let mut bytes = vec![0; at.len.0 as usize * 512];
        for (sector, chunk) in (at.start.0..).zip(bytes.chunks_exact_mut(512)) {
            let (set, index) = self.map.sets[sector as usize];
            self.trees[set].submit(index, version);
            write_stamp(chunk, self.seed, sector, u64::from(version));
        }
        (version, bytes)
    }

    pub(crate) fn acknowledge_write(&mut self, at: Extent, version: Version, durable: bool) {
        for sector in at.start.0..at.start.0 + at.len.0 {
            let (set, index) = self.map.sets[sector as usize];
            let tree = &mut self.trees[set];
            tree.acknowledge(index, version, durable);
            if durable {
                let (_, slot, row) = self.map.places[set][index];
                tree.now.blind.remove(&(slot, row));
            }
        }
    }

    pub(crate) fn floor(&self, at: Extent) -> Floor {
        let floors = (at.start.0..at.start.0 + at.len.0).map(|sector| {
            let (set, index) = self.map.sets[sector as usize];
            let own = &self.trees[set].now.sectors[index];
            (own.acknowledged, own.versions[own.acknowledged], own.excuse())
        });
        Floor { start: at.start.0, floors: floors.collect() }
    }

    pub(crate) fn acknowledge_flush(&mut self, floor: &Floor) {
        for (sector, (_, version, _)) in (floor.start..).zip(&floor.floors) {
            let (set, index) = self.map.sets[sector as usize];
            let tree = &mut self.trees[set];
            let own = &mut tree.now.sectors[index];
            // A copy that took over meanwhile may be older than what was acknowledged.
            let at = own.versions.iter().rposition(|own| own == version).unwrap_or(0);
            let at = at.min(own.acknowledged);
            if at > own.durable {
                own.durable = at;
                if own.covered && *version > tree.now.unsure {
                    own.lost = None;
                }
                tree.promise(index, *version);
            }
        }
    }

    pub(crate) fn check_read(&mut self, floor: &Floor, bytes: &[u8]) -> Result<(), Wrong> {
        let sectors = (floor.start..).zip(&floor.floors).zip(bytes.chunks_exact(512));
        for ((sector, (at_least, _, lost)), chunk) in sectors {
            let (set, index) = self.map.sets[sector as usize];
            let tree = &self.trees[set];
            let least = (*at_least).min(tree.now.sectors[index].acknowledged);
            let excuse = lost.or(tree.now.sectors[index].excuse());
            let found = tree.check(index, sector, self.seed, least, chunk, *lost)?;
            self.compared.count(excuse.filter(|_| found.is_none()));
        }
        Ok(())
    }

    /// Members that died so far.
    pub(crate) fn deaths(&self) -> u64 {
        self.trees.iter().map(|tree| tree.deaths).sum()
    }

    /// What a sector is found to hold after a cut stays, unless a member has died since the read began:
    /// the copy that was read may be gone.
    pub(crate) fn adopt(
        &mut self,
        floor: &Floor,
        deaths: Option<u64>,
        bytes: &[u8],
    ) -> Result<(), Wrong> {
        let stays = deaths == Some(self.deaths());
        let sectors = (floor.start..).zip(&floor.floors).zip(bytes.chunks_exact(512));
        for ((sector, (at_least, _, lost)), chunk) in sectors {
            let (set, index) = self.map.sets[sector as usize];
            let tree = &mut self.trees[set];
            let excuse = lost.or(tree.now.sectors[index].excuse());
            // Writes that a disk held back may be answered while the read is under way.
            let least = (*at_least).min(tree.now.sectors[index].acknowledged);
            let found = tree.check(index, sector, self.seed, least, chunk, *lost)?;
            self.compared.count(excuse.filter(|_| found.is_none()));
            let own = &mut tree.now.sectors[index];
            if let (Some(found), true) = (found, own.fresh && stays) {
                let version = own.versions.swap_remove(found);
                for rest in std::mem::replace(&mut own.versions, vec![version]) {
                    if rest != version && !own.other.contains(&rest) {
                        own.other.push(rest);
                    }
                }
            }
        }
        Ok(())
    }
}

impl Compared {
    fn count(&mut self, lost: Option<Excuse>) {
        self.sectors += 1;
        match lost {
            Some(Excuse::Hole) => self.hole += 1,
            Some(Excuse::Forced) => self.forced += 1,
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::geometry;
    use raid_core::array::Level;
    use raid_sync::{Filling, Phase};

    /// These disks run, and stop.
    fn run(tree: &mut Tree, map: &Map, disks: &[usize], promises: bool) {
        tree.begin(disks);
        disks.iter().for_each(|disk| tree.takes_part(*disk, false, disks));
        if promises {
            let version = tree.now.newest + 1;
            tree.submit(0, version);
            tree.acknowledge(0, version, true);
        }
        tree.cut(map, 0, false, Ends::default());
    }

    #[test]
    fn histories_are_a_fork_where_each_of_two_promised_what_the_other_lacks() {
        let map = Map::new(&geometry(Level::Raid1, 3, 1));
        let mut tree = Tree::new(&map, 0, 0..3);
        run(&mut tree, &map, &[2], false);
        run(&mut tree, &map, &[0, 1], true);
        run(&mut tree, &map, &[1], false);
        run(&mut tree, &map, &[0], true);
        // Disk 1 has promised nothing that disk 0 lacks, though disk 2 lacks it.
        assert_eq!(tree.sight(&[0, 1, 2]), Sight::Harmless);
        run(&mut tree, &map, &[1], true);
        assert_eq!(tree.sight(&[0, 1, 2]), Sight::Forked);
        assert_eq!(tree.sight(&[0, 2]), Sight::Harmless);
    }

    #[test]
    fn a_write_answered_before_its_loss_is_noticed_is_on_the_disk_that_left_and_a_later_one_is_not()
    {
        for noticed in [false, true] {
            let mut oracle = Oracle::new(&geometry(Level::Raid1, 2, 1), &[0, 1], 1);
            let (at, both) = (Extent::new(3, 1), [0, 1]);
            oracle.trees[0].begin(&both);
            both.iter().for_each(|disk| oracle.trees[0].takes_part(*disk, false, &both));
            let (version, bytes) = oracle.submit_write(at);
            oracle.trees[0].left_unnoticed(&oracle.map, 0, (1, Slot(1)), false);
            if noticed {
                oracle.trees[0].knows_of(SlotSet::of(Slot(1)));
            }
            oracle.acknowledge_write(at, version, true);
            oracle.trees[0].cut(&oracle.map, 0, false, Ends::default());
            run(&mut oracle.trees[0], &oracle.map, &[1], true);
            let seen = if noticed { Sight::Forked } else { Sight::Harmless };
            assert_eq!(oracle.trees[0].sight(&both), seen);
            // The planted fault that this must not hide: an answer before the write is on the disk that left.
            oracle.trees[0].begin(&[1]);
            let floor = oracle.floor(at);
            assert_eq!(oracle.check_read(&floor, &bytes), Ok(()));
            assert_eq!(oracle.check_read(&floor, &[0; 512]).is_ok(), noticed);
        }
    }

    /// The planted fault that this must not hide: a start refused after a resync that ended, or of a set that lost
    /// a member with nothing owed.
    #[test]
    fn a_resync_that_a_lost_member_ended_stays_owed_and_one_that_ended_does_not() {
        let map = Map::new(&geometry(Level::Raid5, 3, 1));
        let idle = Status {
            operation: None,
            phase: Phase::Idle,
            marks: None,
            failed: SlotSet::EMPTY,
            rebuilding: SlotSet::EMPTY,
            set_failed: false,
            clean: true,
            unrecorded: false,
            rate: 0,
            tickets: 0,
            windows: 0,
            oldest_window: None,
            window_waits: 0,
            mismatches: 0,
            unreadable: 0,
            owed_regions: 0,
            bad_ranges: 0,
            filling: Filling::Low,
            generation: Generation(0),
        };
        let resync = Status { operation: Some(Operation::Resync), ..idle };
        let short = Status { failed: SlotSet::of(Slot(1)), ..idle };
        for (seen, owes) in [
            (&[resync, short, short][..], true),
            (&[resync, short, idle], false),
            (&[resync, idle, short], false),
            (&[idle, short], false),
        ] {
            let mut tree = Tree::new(&map, 0, 0..3);
            tree.sees(&seen[0], &seen[0]);
            seen.windows(2).for_each(|pair| tree.sees(&pair[0], &pair[1]));
            assert_eq!(tree.owes_resync(), owes, "{seen:?}");
        }
    }

    #[test]
    fn a_disk_that_is_to_be_filled_knows_of_a_start_what_it_knew_before() {
        let map = Map::new(&geometry(Level::Raid1, 2, 1));
        let mut tree = Tree::new(&map, 0, 0..2);
        run(&mut tree, &map, &[0], true);
        tree.begin(&[0, 1, 2]);
        let knew = [0];
        for (disk, filled) in [(0, false), (1, true), (2, true)] {
            tree.takes_part(disk, filled, &knew);
        }
        tree.cut(&map, 0, false, Ends::default());
        assert_eq!(tree.up_to_date(&[0, 1, 2]), [0]);
        assert!(!tree.known(2));
        assert_eq!(tree.up_to_date(&[1, 2]), [1]);
    }

    /// The planted fault that this must not hide: another version where the copy that answered is here.
    #[test]
    fn another_copy_may_answer_where_the_one_that_did_has_gone_on_or_is_another_disk_now() {
        for case in ["here", "gone on", "replaced"] {
            let mut oracle = Oracle::new(&geometry(Level::Raid1, 2, 1), &[0, 1], 1);
            let at = Extent::new(3, 1);
            let begin = |oracle: &mut Oracle, disks: &[usize]| {
                let tree = &mut oracle.trees[0];
                let knew = tree.up_to_date(disks);
                tree.begin(disks);
                if !tree.all_know(&knew) {
                    tree.begun_short(&oracle.map, 0);
                }
                disks.iter().for_each(|disk| tree.takes_part(*disk, false, &knew));
            };
            let cut = |oracle: &mut Oracle| {
                oracle.trees[0].cut(&oracle.map, 0, false, Ends::default());
            };
            let answers_nothing = |oracle: &mut Oracle| {
                let (floor, deaths) = (oracle.floor(at), Some(oracle.deaths()));
                assert_eq!(oracle.adopt(&floor, deaths, &[0; 512]), Ok(()), "{case}");
            };
            let old = oracle.trees[0].knowledge(0);
            begin(&mut oracle, &[0, 1]);
            let (_, bytes) = oracle.submit_write(at);
            cut(&mut oracle);
            // Disk 0 answers, and disk 1 may hold the write.
            begin(&mut oracle, &[0, 1]);
            answers_nothing(&mut oracle);
            cut(&mut oracle);
            match case {
                "here" => begin(&mut oracle, &[0, 1]),
                "gone on" => {
                    begin(&mut oracle, &[0]);
                    answers_nothing(&mut oracle);
                    cut(&mut oracle);
                    begin(&mut oracle, &[1]);
                }
                _ => {
                    oracle.trees[0].replace(0, old);
                    begin(&mut oracle, &[1]);
                }
            }
            let floor = oracle.floor(at);
            assert_eq!(oracle.check_read(&floor, &bytes).is_err(), case == "here", "{case}");
        }
    }

    #[test]
    fn a_disk_that_ends_again_where_it_did_knows_what_it_knew() {
        let map = Map::new(&geometry(Level::Raid1, 2, 1));
        let mut tree = Tree::new(&map, 0, 0..2);
        run(&mut tree, &map, &[0, 1], true);
        run(&mut tree, &map, &[1], true);
        let newest = tree.knowledge(1).tip;
        tree.resized(1, false);
        assert_eq!(tree.up_to_date(&[0, 1]), [0], "its records cannot be found");
        let copy = tree.knowledge(1);
        tree.resized(1, true);
        assert_eq!((tree.up_to_date(&[0, 1]), tree.knowledge(1).tip), (vec![1], newest));
        tree.replace(1, copy);
        assert!(!tree.known(1));
        tree.resized(1, true);
        assert_eq!(tree.up_to_date(&[0, 1]), [1], "the copy of a disk of the other size");
    }

    #[test]
    fn a_sweep_may_find_what_was_acknowledged_when_it_began() {
        let mut oracle = Oracle::new(&geometry(Level::Raid1, 2, 1), &[0, 1], 1);
        oracle.trees[0].begin(&[0, 1]);
        let at = Extent::new(3, 1);
        let floor = oracle.floor(at);
        let (version, bytes) = oracle.submit_write(at);
        oracle.acknowledge_write(at, version, true);
        assert_eq!(oracle.adopt(&floor, None, &[0; 512]), Ok(()));
        let floor = oracle.floor(at);
        assert!(oracle.adopt(&floor, None, &[0; 512]).is_err(), "it began after the write");
        assert_eq!(oracle.adopt(&floor, None, &bytes), Ok(()));
    }

    /// The planted fault that the excuse must not hide: wrong bytes beside the block, and in rows at rest.
    #[test]
    fn a_block_that_cannot_be_read_is_excused_where_its_row_was_in_flight_and_nowhere_else() {
        for (written, excusable) in [(16, 0..1), (17, 1..2), (200, 0..0)] {
            let mut oracle = Oracle::new(&geometry(Level::Raid5, 3, 1), &[0, 1, 2], 1);
            let disks = [0, 1, 2];
            oracle.trees[0].begin(&disks);
            disks.iter().for_each(|disk| oracle.trees[0].takes_part(*disk, false, &disks));
            // Sectors 0 and 16 are in row 0, on two members.
            for row in 0..2 {
                let (_, slot, own) = oracle.map.places[0][row];
                assert_eq!(own, row as u64);
                oracle.trees[0].blinded(&oracle.map, 0, slot, own);
            }
            oracle.submit_write(Extent::new(written, 1));
            oracle.trees[0].cut(&oracle.map, 0, false, Ends::default());
            oracle.trees[0].begin(&disks);
            for sector in [0, 1, 16, 17, 32] {
                let floor = oracle.floor(Extent::new(sector, 1));
                let excused = oracle.check_read(&floor, &[7; 512]).is_ok();
                assert_eq!(excused, excusable.contains(&sector), "{written}: {sector}");
            }
        }
    }
}
