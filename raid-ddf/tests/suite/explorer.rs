// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cuts power at every point of a commit and looks at what is left.
//!
//! ```text
//!  disk A   ──────────── finished, or not begun
//!  disk B   ───── ▲ cut: any subset of the blocks since the last flush arrived, one of them torn
//!  disk C   ──────────── finished, or not begun
//! ```
//!
//! | | ordinary run | thorough run |
//! |---|---|---|
//! | subsets of at most this many changed blocks: all | 8 | 14 |
//! | subsets of more: none, all, one, all but one, prefixes, suffixes, and at random | 64 | 4096 |
//! | places where a block is torn, new first and old first | 1 | 5 |
//! | the other blocks then | all arrived | all, none |
//! | disks that are cut, one at a time | each | each |
//! | the other disks | none begun, all finished | every combination |
//! | all disks cut at once, at random | 32 | 4096 |
//!
//! The thorough run is that with `RAID_DDF_CRASH=thorough` in the environment, best in release. With
//! `RAID_DDF_CRASH_SHARD=3/8` as well it looks at the third eighth of each disk's states, so that parts
//! can run one after the other, or side by side.
//! Blocks that an update writes as they are do not count: whether they arrive makes no difference.
#![allow(dead_code, unreachable_pub)]

use crate::media::{Medium, Rig, Stepped};
use crate::support::Told;
use raid_core::array::{ArrayId, Initialisation, MemberState};
use raid_core::metadata::{Admin, BadBlocks, DiskView, Piece, RuntimeState, Severity, Subject};
use raid_core::units::Lba;
use raid_ddf::{Assembly, ConfigurationRecord, Ddf};

/// How much is looked at.
#[derive(Clone, Copy)]
struct Depth {
    all_subsets: usize,
    random_subsets: usize,
    tears: usize,
    every_combination: bool,
    random_cuts: usize,
}

pub fn is_thorough() -> bool {
    std::env::var("RAID_DDF_CRASH").is_ok_and(|depth| depth == "thorough")
}

fn depth() -> Depth {
    if is_thorough() {
        Depth {
            all_subsets: 14,
            random_subsets: 4096,
            tears: 5,
            every_combination: true,
            random_cuts: 4096,
        }
    } else {
        Depth {
            all_subsets: 8,
            random_subsets: 64,
            tears: 1,
            every_combination: false,
            random_cuts: 32,
        }
    }
}

/// Which part of the states is looked at, from 0, and how many parts there are.
fn shard() -> (usize, usize) {
    let Ok(text) = std::env::var("RAID_DDF_CRASH_SHARD") else { return (0, 1) };
    let parts = text.split_once('/').and_then(|(part, of)| {
        let (part, of): (usize, usize) = (part.parse().ok()?, of.parse().ok()?);
        (1..=of).contains(&part).then(|| (part - 1, of))
    });
    parts.unwrap_or_else(|| panic!("RAID_DDF_CRASH_SHARD={text}: expected a part such as 3/8"))
}

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed ^ (mixed >> 27)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }
}

/// A block that a phase changes.
struct Changed {
    at: u64,
    old: Vec<u8>,
    new: Vec<u8>,
}

/// The blocks that writes change on what is on stable storage.
fn changed(stable: &Medium, writes: &[Stepped]) -> Vec<Changed> {
    let mut blocks = Vec::new();
    for step in writes {
        let Stepped::Write(at, bytes) = step else { continue };
        for (block, new) in bytes.chunks(512).enumerate() {
            let at = at + block as u64 * 512;
            let old = stable.read(at, 512);
            if old != new {
                blocks.push(Changed { at, old, new: new.to_vec() });
            }
        }
    }
    blocks
}

/// The subsets of `count` blocks to look at.
fn subsets(count: usize, depth: Depth, tally: &mut Tally) -> Vec<Vec<bool>> {
    if count <= depth.all_subsets {
        tally.exhaustive += 1;
        let bits = |set: usize| (0..count).map(|bit| set >> bit & 1 == 1).collect();
        return (0..1 << count).map(bits).collect();
    }
    tally.sampled += 1;
    let with = |arrived: &dyn Fn(usize) -> bool| (0..count).map(arrived).collect::<Vec<bool>>();
    let mut sets = Vec::new();
    for edge in 0..count {
        sets.push(with(&|block| block < edge));
        sets.push(with(&|block| block >= edge));
        sets.push(with(&|block| block == edge));
        sets.push(with(&|block| block != edge));
    }
    let mut numbers = Numbers(count as u64);
    for _ in 0..depth.random_subsets {
        let set = (0..count).map(|_| numbers.next() & 1 == 1).collect();
        sets.push(set);
    }
    sets
}

/// Every state that a cut may leave one disk in.
pub fn cuts_of(before: &Medium, steps: &[Stepped]) -> Vec<Medium> {
    cuts(before, steps, &mut Tally::default())
}

/// Every state that a cut may leave a disk in, in the order of the commit.
fn cuts(before: &Medium, steps: &[Stepped], tally: &mut Tally) -> Vec<Medium> {
    let depth = depth();
    let mut states = vec![before.clone()];
    let mut stable = before.clone();
    for pending in steps.split(|step| *step == Stepped::Flush) {
        let blocks = changed(&stable, pending);
        for arrived in subsets(blocks.len(), depth, tally) {
            let mut state = stable.clone();
            for (block, arrived) in blocks.iter().zip(arrived) {
                if arrived {
                    state.write(block.at, &block.new);
                }
            }
            states.push(state);
        }
        for (index, block) in blocks.iter().enumerate() {
            for at in &[60, 400, 12, 200, 300][..depth.tears] {
                for (first, last) in [(&block.new, &block.old), (&block.old, &block.new)] {
                    for others in &[true, false][..if depth.every_combination { 2 } else { 1 }] {
                        let mut state = stable.clone();
                        for (other, block) in blocks.iter().enumerate() {
                            if *others && other != index {
                                state.write(block.at, &block.new);
                            }
                        }
                        state.write(block.at, &[&first[..*at], &last[*at..]].concat());
                        states.push(state);
                    }
                }
            }
        }
        blocks.iter().for_each(|block| stable.write(block.at, &block.new));
    }
    let mut seen = std::collections::BTreeSet::new();
    states.retain(|state| seen.insert(state.clone()));
    states
}

/// An array: identity, clean, initialisation, number, state of each set, members.
type ArrayFacts = (
    ArrayId,
    bool,
    Initialisation,
    Option<u64>,
    Vec<Option<RuntimeState>>,
    Vec<(Option<usize>, MemberState, Lba)>,
);

/// Role, PD_Type and PD_State.
type DiskFacts = (&'static str, Option<u64>, Option<u64>);

/// Foreign_Flag, bad ranges, vendor's records.
type LocalFacts = (Option<u64>, Vec<BadBlocks>, Vec<Vec<u8>>);

/// What a configuration says.
#[derive(Clone, Debug)]
pub struct Facts {
    arrays: Vec<ArrayFacts>,
    /// Of each disk that was found.
    disks: Vec<Option<DiskFacts>>,
    /// What each disk says of itself alone.
    local: Vec<LocalFacts>,
}

impl Facts {
    pub fn of(rig: &Rig, told: &Told) -> Self {
        let arrays = told.arrays.iter().map(|(array, members)| {
            let states = (0..array.geometry.sets).map(|set| rig.state(array.id, set)).collect();
            let members = members.iter().map(|m| (m.disk, m.state, m.start)).collect();
            let number = told.raw_of(array.id, "VD_Number");
            (array.id, array.clean, array.initialisation, number, states, members)
        });
        let raw = |disk: usize, field| told.raw(Subject::Disk(disk), field);
        let disks = (0..rig.disks.len()).map(|disk| {
            let found = told.disks.iter().find(|found| found.disk == disk)?;
            Some((found.role.name(), raw(disk, "PD_Type"), raw(disk, "PD_State")))
        });
        let local = (0..rig.disks.len()).map(|disk| {
            let pieces = rig.disks[disk].pieces.iter();
            let pieces: Vec<_> = pieces.map(|(at, bytes)| Piece { at: *at, bytes }).collect();
            let view = DiskView { shape: rig.disks[disk].shape, pieces: &pieces };
            let ranges = (0..).map_while(|index| Ddf::new().bad_blocks(&view, index)).collect();
            (raw(disk, "Foreign_Flag"), ranges, vendor_records(view))
        });
        Self { arrays: arrays.collect(), disks: disks.collect(), local: local.collect() }
    }

    /// Whether all disks that both know are alike.
    fn lists_agree(&self, other: &Self) -> bool {
        let mut disks = self.disks.iter().zip(&other.disks);
        disks.all(|(a, b)| a.is_none() || b.is_none() || a == b)
    }

    /// Whether all disks that both know are alike, and all arrays.
    fn agrees(&self, other: &Self) -> bool {
        self.arrays == other.arrays && self.lists_agree(other)
    }
}

/// The vendor's records in the copy that counts, with the array each belongs to.
fn vendor_records(view: DiskView<'_>) -> Vec<Vec<u8>> {
    let views = [view];
    let (views, mut scratch) = (views.as_slice(), [0; 16]);
    let assembly = Assembly::new(&views, &mut scratch, &mut |_| {});
    let records = assembly.disk(0).into_iter().flat_map(|disk| disk.structure().records());
    let vendors =
        records.filter(|slot| matches!(slot.record, ConfigurationRecord::VendorUnique(_)));
    vendors.map(|slot| slot.bytes[8..].to_vec()).collect()
}

/// What is special about an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    Nothing,
    /// An array is created: it is not there before a disk of every set is written.
    Creation,
    /// Disks get or lose all of their metadata: a torn anchor may lead nowhere.
    WholeDisk,
}

/// How a run over all cuts went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub cuts: usize,
    pub old: usize,
    pub new: usize,
    pub from_secondary: usize,
    /// Phases between two flushes of which all subsets were looked at, and of which some.
    pub exhaustive: usize,
    pub sampled: usize,
}

/// One update, to be cut at every point.
pub struct Exploration<'r> {
    /// The media from before.
    before: &'r Rig,
    steps: Vec<Vec<Stepped>>,
    finished: Rig,
    old: Facts,
    new: Facts,
    special: Special,
    tally: Tally,
}

impl<'r> Exploration<'r> {
    pub fn with(self, special: Special) -> Self {
        Self { special, ..self }
    }

    /// The commit of `edited`.
    pub fn of_commit(before: &'r Rig, edited: &mut Rig) -> Self {
        let steps = (0..edited.disks.len())
            .map(|disk| if edited.live[disk] { edited.steps(disk) } else { Vec::new() });
        let steps = steps.collect();
        Self::of(before, steps)
    }

    pub fn of(before: &'r Rig, steps: Vec<Vec<Stepped>>) -> Self {
        let mut finished = before.clone();
        for (medium, steps) in finished.media.iter_mut().zip(&steps) {
            steps.iter().for_each(|step| {
                if let Stepped::Write(at, bytes) = step {
                    medium.write(*at, bytes);
                }
            });
        }
        finished.reread();
        let mut old = before.clone();
        old.reread();
        let (old, new) = (Facts::of(&old, &old.told()), Facts::of(&finished, &finished.told()));
        let (special, tally) = (Special::Nothing, Tally::default());
        Self { before, steps, finished, old, new, special, tally }
    }

    /// Looks at every cut; what is left goes to `then` as well.
    pub fn run(mut self, mut then: impl FnMut(&Rig)) -> Tally {
        let count = self.before.disks.len();
        let states: Vec<Vec<Medium>> = (0..count)
            .map(|disk| cuts(&self.before.media[disk], &self.steps[disk], &mut self.tally))
            .collect();
        let written: Vec<usize> = (0..count).filter(|d| !self.steps[*d].is_empty()).collect();
        for cut in written.iter().copied() {
            let rest = ((1usize << count) - 1) ^ 1 << cut;
            let masks: Vec<usize> = if depth().every_combination {
                (0..1 << count).filter(|mask| mask & 1 << cut == 0).collect()
            } else {
                vec![0, rest]
            };
            let (part, parts) = shard();
            for state in states[cut].iter().skip(part).step_by(parts) {
                for mask in &masks {
                    let mut rig = self.before.clone();
                    for disk in (0..count).filter(|disk| mask & 1 << disk != 0) {
                        rig.media[disk] = self.finished.media[disk].clone();
                    }
                    rig.media[cut] = state.clone();
                    let is_finished = |disk: &&usize| mask & 1 << **disk != 0;
                    let mut finished = written.iter().filter(is_finished);
                    let others = finished.any(|disk| self.speaks(*disk));
                    self.judge(&mut rig, others);
                    then(&rig);
                }
            }
        }
        let mut numbers = Numbers(1);
        for _ in 0..depth().random_cuts {
            let mut rig = self.before.clone();
            for disk in 0..count {
                rig.media[disk] = states[disk][numbers.below(states[disk].len())].clone();
            }
            self.judge(&mut rig, false);
        }
        self.tally
    }

    /// Whether what a disk says after the update decides what the arrays are: a member of one, or any
    /// disk where there are none.
    fn speaks(&self, disk: usize) -> bool {
        let seats = |facts: &Facts| {
            let members: Vec<_> = facts.arrays.iter().flat_map(|array| array.5.clone()).collect();
            members.is_empty() || members.iter().any(|member| member.0 == Some(disk))
        };
        seats(&self.old) || seats(&self.new)
    }

    /// Looks at what is left; where another disk was finished it has to be the new configuration.
    fn judge(&mut self, rig: &mut Rig, must_be_new: bool) {
        rig.reread();
        let told = rig.told();
        let found = Facts::of(rig, &told);
        let is_new = found.agrees(&self.new);
        // A volume says for itself who is in sync: the lists of a disk that is no member of it may be newer.
        let lists_agree = found.lists_agree(&self.old) || found.lists_agree(&self.new);
        let is_old = found.arrays == self.old.arrays && lists_agree;
        assert!(
            is_new || (is_old && !(must_be_new && self.special != Special::Creation)),
            "found {found:#?}\nold {:#?}\nnew {:#?}\n{:#?}",
            self.old,
            self.new,
            told.findings
        );
        for (disk, local) in found.local.iter().enumerate() {
            let known = [&self.old.local[disk], &self.new.local[disk]];
            let gone = found.disks[disk].is_none();
            assert!(gone || known.contains(&local), "disk {disk}: {local:?} of {known:?}");
        }
        let mut findings = told.findings.iter();
        let torn = |code| self.special == Special::WholeDisk && code == 201;
        assert!(findings.all(|f| f.severity < Severity::Refusal || torn(f.code)), "{told:#?}");
        // Which copy was used is told: 1 is the primary, 2 the secondary.
        for disk in &told.disks {
            let copy = told.raw(Subject::Disk(disk.disk), "Header_Type").unwrap();
            let other = told.findings.iter().any(|f| f.code == 202 && f.disk == Some(disk.disk));
            assert_eq!(copy == 2, other, "disk {}: copy {copy}", disk.disk);
            assert!(copy == 1 || copy == 2);
        }
        self.tally.cuts += 1;
        self.tally.old += usize::from(is_old);
        self.tally.new += usize::from(is_new);
        self.tally.from_secondary += usize::from(told.has(202));
    }
}
