// SPDX-License-Identifier: MIT OR Apache-2.0
//! Power cuts at every point of a commit: what was in the disk's cache arrives in any part, in any
//! order, torn anywhere. What discovery then finds is the old configuration or the new one.
//!
//! ```text
//!  disk A   ──────────── finished, or not begun
//!  disk B   ───── ▲ cut: any subset of the writes since the last flush, or one of them torn
//!  disk C   ──────────── finished, or not begun
//! ```

#[path = "rig/media.rs"]
mod media;
#[path = "support/disks.rs"]
mod support;

use media::{Medium, Rig, SMALL, Stepped, geometry, healthy};
use raid_core::array::{ArrayId, Initialisation, Level, MemberState, Place, Placement};
use raid_core::metadata::{FormatWriter, RuntimeState, Severity};
use raid_core::units::{Lba, Slot, SlotSet};
use raid_ddf::{Ddf, Options};

/// An optimised build looks at every subset of writes on every disk; a debug build at a sample.
const THOROUGH: bool = !cfg!(debug_assertions);

/// What matters of a configuration: arrays, members, states.
type Summary = Vec<(ArrayId, bool, Initialisation, Vec<(Option<usize>, MemberState, Lba)>)>;

fn summary(told: &support::Told) -> Summary {
    let arrays = told.arrays.iter().map(|(array, members)| {
        let members = members.iter().map(|m| (m.disk, m.state, m.start)).collect();
        (array.id, array.clean, array.initialisation, members)
    });
    arrays.collect()
}

/// Small tables, so that many cuts can be looked at.
fn options() -> Options {
    let mut options = Options::LINUX;
    (options.max_pd_entries, options.max_vd_entries) = (15, 15);
    (options.max_partitions, options.max_primary_element_entries) = (2, 16);
    options
}

fn container(count: usize) -> Rig {
    let mut rig = Rig::blank(&vec![SMALL; count], &options());
    let stamp = rig.stamp();
    rig.edit(|disks| raid_ddf::initialise(disks, stamp, &options())).unwrap();
    rig.commit();
    rig.reread();
    rig
}

/// A RAID-5 over disks 0 to 2; disk 3, if any, is a spare.
fn raid5(count: usize) -> (Rig, ArrayId) {
    let mut rig = container(count);
    let array =
        rig.create("five", geometry(Level::Raid5, Placement::NContinue, 3), &[0, 1, 2]).unwrap();
    rig.commit();
    if count > 3 {
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf.add_spare(disks, 3, stamp)).unwrap();
        rig.commit();
    }
    rig.reread();
    (rig, array)
}

/// Writes `new` over `old`, torn at `at` bytes from the start: what comes first is new, or old.
fn torn(old: &[u8], new: &[u8], at: usize, new_first: bool) -> Vec<u8> {
    let (first, second) = if new_first { (new, old) } else { (old, new) };
    [&first[..at], &second[at..]].concat()
}

/// Every state that a cut may leave a disk in.
fn cuts(before: &Medium, steps: &[Stepped]) -> Vec<Medium> {
    let mut states = Vec::new();
    let mut stable = before.clone();
    for pending in steps.split(|step| *step == Stepped::Flush) {
        let writes: Vec<(u64, &[u8])> = pending
            .iter()
            .filter_map(|step| match step {
                Stepped::Write(at, bytes) => Some((*at, bytes.as_slice())),
                Stepped::Flush => None,
            })
            .collect();
        let all = (1u32 << writes.len()) - 1;
        for arrived in 0..=all {
            // None, all, one only, all but one.
            if !THOROUGH && arrived.count_ones() > 1 && (all ^ arrived).count_ones() > 1 {
                continue;
            }
            let mut state = stable.clone();
            for (index, (at, bytes)) in writes.iter().enumerate() {
                if arrived & 1 << index != 0 {
                    state.write(*at, bytes);
                }
            }
            states.push(state);
        }
        for (index, (at, new)) in writes.iter().enumerate() {
            let old = stable.read(*at, new.len());
            // Inside the first block, on a block's edge, and inside the last.
            let tears = [60, new.len() - 100, 12, 300, new.len() / 1024 * 512];
            for tear in &tears[..if THOROUGH { 5 } else { 1 }] {
                let ways = [(true, true), (false, true), (true, false)];
                for (others, new_first) in &ways[..if THOROUGH { 3 } else { 1 }] {
                    let mut state = stable.clone();
                    for (other, (at, bytes)) in writes.iter().enumerate() {
                        if *others && other != index {
                            state.write(*at, bytes);
                        }
                    }
                    state.write(*at, &torn(&old, new, *tear, *new_first));
                    states.push(state);
                }
            }
        }
        writes.iter().for_each(|(at, bytes)| stable.write(*at, bytes));
    }
    states
}

/// How a run over all cuts went.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    cuts: usize,
    old: usize,
    new: usize,
    from_secondary: usize,
}

/// Cuts the commit of `edited` at every point, and looks at what is left. `before` holds the media
/// from before. Every state that comes out is handed to `then`.
fn explore(before: &Rig, edited: &mut Rig, mut then: impl FnMut(&Rig)) -> Tally {
    let old = summary(&before.told());
    let all_steps: Vec<Vec<Stepped>> = (0..edited.disks.len())
        .map(|disk| if edited.live[disk] { edited.steps(disk) } else { Vec::new() })
        .collect();
    let mut finished = before.clone();
    for (medium, steps) in finished.media.iter_mut().zip(&all_steps) {
        for step in steps {
            if let Stepped::Write(at, bytes) = step {
                medium.write(*at, bytes);
            }
        }
    }
    finished.reread();
    let new = summary(&finished.told());
    let count = before.disks.len();
    let mut tally = Tally::default();
    let begun = |disk: &usize| !all_steps[*disk].is_empty();
    let last = (0..count).rfind(begun);
    for cut in (0..count).filter(begun).filter(|disk| THOROUGH || Some(*disk) == last) {
        let steps = &all_steps[cut];
        for state in cuts(&before.media[cut], steps) {
            // The others are where parallel writing has got them: each finished or not begun.
            for others in 0..1usize << count {
                let rest = ((1 << count) - 1) ^ 1 << cut;
                if others & 1 << cut != 0 || (!THOROUGH && others != 0 && others != rest) {
                    continue;
                }
                let mut rig = before.clone();
                for disk in 0..count {
                    if others & 1 << disk != 0 {
                        rig.media[disk] = finished.media[disk].clone();
                    }
                }
                rig.media[cut] = state.clone();
                rig.reread();
                let told = rig.told();
                let found = summary(&told);
                let written = (0..count).any(|d| others & 1 << d != 0 && !all_steps[d].is_empty());
                assert!(
                    found == new || (found == old && !written),
                    "disk {cut} cut, {others:#b} finished:\n{found:?}\nold {old:?}\nnew {new:?}\n{:#?}",
                    told.findings
                );
                assert!(told.findings.iter().all(|f| f.severity < Severity::Refusal), "{told:#?}");
                tally.cuts += 1;
                tally.old += usize::from(found == old);
                tally.new += usize::from(found == new);
                tally.from_secondary += usize::from(told.has(202));
                then(&rig);
            }
        }
    }
    tally
}

fn state_of(clean: bool, failed: &[u8], rebuilding: &[u8]) -> RuntimeState {
    let set = |slots: &[u8]| -> SlotSet { slots.iter().copied().map(Slot).collect() };
    RuntimeState { clean, failed: set(failed), rebuilding: set(rebuilding), ..healthy() }
}

/// Every kind of change, one after the other, each cut at every point.
#[test]
#[cfg_attr(miri, ignore = "thousands of power cuts")]
fn a_cut_leaves_the_old_state_or_the_new() {
    let (mut rig, array) = raid5(4);
    let place = Place { set: 0, slot: Slot(1) };
    for change in [0, 1, 2, 4, 5] {
        let mut edited = rig.clone();
        match change {
            0 => edited.set_state(array, 0, &state_of(false, &[], &[])),
            1 => {
                edited.live[1] = false;
                edited.set_state(array, 0, &state_of(false, &[1], &[]))
            }
            2 => {
                edited.live[1] = false;
                let stamp = edited.stamp();
                edited.edit(|disks| Ddf.activate(disks, array, place, 3, stamp))
            }
            4 => edited.set_state(array, 0, &state_of(false, &[], &[])),
            _ => edited.set_state(array, 0, &state_of(true, &[], &[])),
        }
        .unwrap();
        if change > 2 {
            edited.live[1] = false;
        }
        let tally = explore(&rig, &mut edited, |_| {});
        println!("change {change}: {tally:?}");
        assert!(tally.old > 10 && tally.new > 50 && tally.from_secondary > 10, "{tally:?}");
        edited.commit();
        rig = edited;
        rig.reread();
        rig.live[1] = change == 0;
    }
    let members = rig.members("five");
    assert_eq!(members[1], (Some(3), MemberState::InSync));
}

/// A second cut, in the update that follows the first one, loses neither what the first left.
#[test]
#[cfg_attr(miri, ignore = "thousands of power cuts")]
fn a_second_cut_leaves_what_the_first_left_or_the_new_state() {
    let (rig, array) = raid5(3);
    let mut edited = rig.clone();
    edited.set_state(array, 0, &state_of(false, &[], &[])).unwrap();
    let mut survivors: Vec<Rig> = Vec::new();
    explore(&rig, &mut edited, |left| survivors.push(left.clone()));
    let mut tally = Tally::default();
    // A sample, with a step that shares no factor with the number of combinations.
    for left in survivors.iter().step_by(if THOROUGH { 151 } else { 3 }) {
        // As whoever starts the array does: first what the update left undone.
        let mut healed = left.clone();
        let found = healed.state(array, 0).unwrap();
        healed.set_state(array, 0, &found).unwrap();
        let first = explore(left, &mut healed, |_| {});
        assert_eq!((first.old, first.new), (first.cuts, first.cuts));
        healed.commit();
        healed.reread();
        let mut again = healed.clone();
        // Not the disk that the first cut hit: that one is hit again.
        again.live[0] = false;
        again.set_state(array, 0, &state_of(false, &[0], &[])).unwrap();
        let second = explore(&healed, &mut again, |_| {});
        tally.cuts += second.cuts;
        tally.old += second.old;
        tally.new += second.new;
    }
    println!("{} first cuts, then {tally:?}", survivors.len());
    assert!(tally.old > 100 && tally.new > 100, "{tally:?}");
}

/// An array that is being created is there as soon as one disk knows of it, or not at all.
#[test]
#[cfg_attr(miri, ignore = "hundreds of power cuts")]
fn a_cut_during_creation_leaves_no_half_array() {
    let rig = container(3);
    let mut edited = rig.clone();
    let shape = geometry(Level::Raid5, Placement::NContinue, 3);
    edited.create("five", shape, &[2, 0, 1]).unwrap();
    let tally = explore(&rig, &mut edited, |_| {});
    assert!(tally.old > 10 && tally.new > 50, "{tally:?}");
}

/// A new disk is no DDF disk until its anchor is written; what stood in its place before does not
/// become half of the new configuration.
#[test]
#[cfg_attr(miri, ignore = "hundreds of power cuts")]
fn a_cut_during_initialisation_leaves_the_old_configuration_nothing_or_the_new() {
    let (old, _) = raid5(3);
    let blank = Rig::blank(&[SMALL; 3], &options());
    for before in [old, blank] {
        let mut new = Rig::blank(&[SMALL; 3], &options());
        let stamp = media::later(&mut new);
        new.edit(|disks| raid_ddf::initialise(disks, stamp, &options())).unwrap();
        let wanted = new.told().disks[0].configuration;
        let had = before.told().disks.first().map(|disk| disk.configuration);
        let steps = new.steps(0);
        let (mut seen, mut last) = ([0; 3], None);
        for state in cuts(&before.media[0], &steps) {
            let mut rig = before.clone();
            rig.media[0] = state;
            rig.reread();
            let told = rig.told();
            let found = told.disks.iter().find(|disk| disk.disk == 0).map(|d| d.configuration);
            let kind = match found {
                None => 0,
                Some(found) if Some(found) == had => 1,
                Some(found) => {
                    assert_eq!(found, wanted);
                    2
                }
            };
            seen[kind] += 1;
            last = Some(kind);
        }
        println!("nothing, old, new: {seen:?}");
        assert!(seen[0] > 10 && seen[2] > 0 && last.is_some(), "{seen:?}");
        assert_eq!(seen[1] > 0, had.is_some());
    }
}
