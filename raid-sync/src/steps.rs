// SPDX-License-Identifier: MIT OR Apache-2.0
//! A step of the real core is a short sequence of the model's actions.
//!
//! [`explain`] looks for one, depth first. [`candidates`] proposes actions of which the state after the step says
//! that they may have happened, with their parameters; whether they may is asked of the guards that
//! `proof/rust.py` prints. Two states count as one if they differ only in what nothing asks for any more: see
//! [`settled`]. Nor is compared what only the world decides (what a cache has written back), and what the model
//! has for the sake of its proof (the version that copies agree on): no guard reads either.

mod candidates;

use crate::proven::{self, Abstract, Operation, StreamState, WindowState, With};
use candidates::candidates;
use std::format;
use std::string::String;
use std::vec::Vec;

/// Steps of the core are short; a search that has tried this many actions has lost its way.
const PATIENCE: u32 = 3000;
const LONGEST: usize = 40;

/// Whether a member is trusted.
pub(crate) fn trusted(s: &Abstract, m: usize) -> bool {
    !s.failed[m] && !s.filling[m] && !s.waiting[m]
}

pub(crate) fn writing(s: &Abstract) -> bool {
    matches!(s.stream, StreamState::Lowering | StreamState::Raising)
}

pub(crate) fn raising(s: &Abstract) -> bool {
    matches!(s.stream, StreamState::Flushing | StreamState::Raising)
}

/// Whether an action is something that lands.
fn lands(action: &str) -> bool {
    ["land", "flush_lands", "user_flush_lands", "record_lands", "copy_reads", "copy_lands"]
        .contains(&action)
}

/// The state without what no action asks for before it is set again.
fn settled(mut s: Abstract) -> Abstract {
    let none = Abstract::default();
    (s.medium, s.agreed) = (none.medium, none.agreed);
    (s.owed_on_disk, s.owed_prepared) = (none.owed_on_disk, none.owed_prepared);
    // Records that no start may find; and a disk is the one that was named, or another.
    for n in 0..s.records {
        if (n as i16) < s.confirmed || n as i16 > s.last {
            s.rec_failed[n] = none.rec_failed[n];
            s.rec_untrusted[n] = none.rec_untrusted[n];
            s.rec_dirty[n] = none.rec_dirty[n];
            s.rec_owed[n] = none.rec_owed[n];
            s.rec_held[n] = none.rec_held[n];
            s.rec_disk[n] = none.rec_disk[n];
            continue;
        }
        for m in 0..s.members {
            s.rec_disk[n][m] = i16::from(s.rec_disk[n][m] == s.disk[m]);
            for r in 0..s.rows {
                // Nobody asks who holds a row that may differ, nor for a claim of another disk.
                let differs = s.rec_owed[n][r] || s.rec_dirty[n][s.region_of[r]];
                let claims = s.rec_untrusted[n][m] && s.rec_disk[n][m] != 0 && !differs;
                s.rec_held[n][m][r] &= claims;
            }
            if s.rec_held[n][m] == none.rec_held[n][m] {
                s.rec_disk[n][m] = 0;
            }
        }
        for r in 0..s.rows {
            s.rec_owed[n][r] |= s.rec_dirty[n][s.region_of[r]];
        }
    }
    s.disk = none.disk;
    s.records = none.records;
    let (raising, writing) = (raising(&s), writing(&s));
    // The record that ends a rebuild trusts nobody any more if all who were filled have failed.
    let fills = (0..s.members).any(|m| s.filling[m]);
    s.finish &= raising && fills;
    s.finishing &= raising && fills;
    if s.operation == Operation::Nothing {
        s.preparing = false;
    }
    for m in 0..s.members {
        s.addressed[m] &= writing;
        s.flush_leg[m] &= s.stream == StreamState::Flushing;
        for r in 0..s.rows {
            s.issued[m][r] &= s.filling[m];
            s.prepared[m][r] &= s.filling[m] && raising;
            if trusted(&s, m) {
                (s.held[m][r], s.flushed[m][r], s.durable[m][r]) = (false, false, false);
            }
            s.copying[m][r] &= s.window[r] == WindowState::Copying;
            // A member that has failed may still be read, or not.
            s.source[m][r] &= s.window[r] == WindowState::Active && !s.failed[m];
            s.leg[m][r] &= s.in_flight[r];
        }
    }
    for r in 0..s.rows {
        s.settling[r] &= raising;
        s.fua[r] &= s.in_flight[r];
        s.completed_fua[r] &= s.unanswered[r];
        if !s.unanswered[r] {
            s.completed[r] = 0;
        }
        if s.window[r] != WindowState::Copying {
            s.buffer[r] = 0;
        }
    }
    for u in 0..s.flushes {
        for m in 0..s.members {
            s.flush_due[u][m] &= s.flush_open[u] && !s.failed[m];
        }
        for r in 0..s.rows {
            if !s.flush_open[u] || s.flush_upto[u][r] <= s.promised[r] {
                s.flush_upto[u][r] = 0;
            }
        }
    }
    s.flushes = none.flushes;
    s
}

/// The sequence that came closest, and the parts that it leaves different.
struct Best {
    path: Vec<&'static str>,
    apart: Vec<&'static str>,
    here: Abstract,
    goal: Abstract,
}

type Owed = [[bool; proven::ROWS]; proven::RECORDS];

struct Search<'a> {
    goal: &'a Abstract,
    /// The settled goal, if these rows are owed by the records.
    goal_of: Option<(Owed, Abstract)>,
    /// What users were promised is compared.
    promises: bool,
    /// A flush of the core's own was commanded in this step.
    flushes: bool,
    /// The last state of the way that was found.
    end: Option<Abstract>,
    tried: u32,
    path: Vec<(&'static str, With)>,
    /// Whether to find out why there is none.
    told: bool,
    best: Option<Best>,
    refused: Vec<(&'static str, &'static str)>,
}

impl Search<'_> {
    fn reaches(&mut self, s: &Abstract) -> bool {
        // Which rows records call owed is history: the model knows it, the core need not.
        if self.goal_of.as_ref().is_none_or(|(owed, _)| *owed != s.rec_owed) {
            let goal = settled(Abstract { rec_owed: s.rec_owed, ..self.goal.clone() });
            self.goal_of = Some((s.rec_owed, goal));
        }
        let Some((_, goal)) = &self.goal_of else { return false };
        let mut here = settled(s.clone());
        if !self.promises {
            here.promised = goal.promised;
        }
        // A flush that was commanded for a raise begins a new one, though it may look like the one before.
        let began = !self.flushes
            || !raising(goal)
            || self.path.iter().any(|(name, _)| *name == proven::COLLECT.name);
        if here == *goal && began {
            self.end = Some(s.clone());
            return true;
        }
        if self.told {
            let apart = here.apart(goal);
            let goal = goal.clone();
            if self.best.as_ref().is_none_or(|best| apart.len() < best.apart.len()) {
                let path = self.path.iter().map(|(name, _)| *name).collect();
                self.best = Some(Best { path, apart, here, goal });
            }
        }
        let goal = self.goal;
        // Nothing that follows makes an account hold more.
        let short = |m: usize| {
            s.failed[m] && goal.failed[m] && (0..s.rows).any(|r| goal.held[m][r] && !s.held[m][r])
        };
        if self.path.len() >= LONGEST || (0..s.members).any(short) {
            return false;
        }
        let first = self.path.iter().all(|(name, _)| lands(name));
        candidates(s, goal, (first, self.flushes), &mut |action, with| {
            if self.tried >= PATIENCE {
                return true;
            }
            self.tried += 1;
            if let Some(asker) = (action.refused_by)(s, with) {
                if !self.refused.contains(&(action.name, asker)) {
                    self.refused.push((action.name, asker));
                }
                return false;
            }
            self.path.push((action.name, *with));
            let next = (action.after)(s, with);
            let found = self.reaches(&next);
            if !found {
                self.path.pop();
            }
            found
        }) && self.tried < PATIENCE
    }
}

/// The last state of a sequence of the model's actions that leads from `s` to `t`; if none is found, why.
pub(crate) fn explain(
    s: &Abstract,
    t: &Abstract,
    (flushes, promises): (bool, bool),
) -> Result<Abstract, String> {
    let mut from = s.clone();
    from.flushes = from.flushes.max(t.flushes);
    // What a disk that comes back holds is the world's choice.
    from.medium = t.cached;
    let search = |told| {
        let (path, refused) = (Vec::new(), Vec::new());
        let mut search = Search {
            goal_of: None,
            goal: t,
            flushes,
            promises,
            end: None,
            tried: 0,
            path,
            told,
            best: None,
            refused,
        };
        search.reaches(&from);
        search
    };
    if let Some(end) = search(false).end {
        return Ok(end);
    }
    let Search { best, refused, .. } = search(true);
    let Some(Best { path, apart, here, goal }) = best else {
        return Err(String::from("no search"));
    };
    let mut told =
        format!("no sequence of the model's actions is this step; closest comes {path:?}");
    for part in apart {
        told += &format!("\n  {part} is {}, and the core has {}", here.part(part), goal.part(part));
    }
    told += &format!("\n  refused, and by whom: {refused:?}");
    told += &format!("\nbefore: {:#?}\nafter: {:#?}", s.told(), t.told());
    Err(told)
}

/// The state of the model that is `t`, after a start from record `found` of a set that stopped with what is on its
/// disks.
pub(crate) fn explain_start(
    t: &Abstract,
    found: usize,
    present: impl Fn(usize) -> bool,
) -> Result<Abstract, String> {
    // All that a start sees is on the media.
    let mut stopped = t.clone();
    stopped.medium = t.cached;
    let mut with =
        With { found: found as i16, fill: t.filling, speaker: t.speaker, ..With::default() };
    for m in 0..t.members {
        with.present[m] = present(m);
    }
    let confirmed = t.confirmed as usize;
    let holds = |m: &usize| with.present[*m] && t.record[*m] == found as i16;
    with.holder = (0..t.members).find(holds).unwrap_or(0);
    let knows = |m: &usize| with.present[*m] && !t.rec_untrusted[confirmed][*m];
    with.witness = (0..t.members).find(knows).unwrap_or(0);
    let action = proven::POWER_CUT_AND_RESTART;
    if let Some(asker) = (action.refused_by)(&stopped, &with) {
        return Err(format!("`{asker}` refuses this start: {with:?}\n{:#?}", t.told()));
    }
    explain(&(action.after)(&stopped, &with), t, (false, true))
}

mod tests {
    use super::*;
    use crate::proven::RegionState;

    /// A quiet mirror of two, of one row, that was written.
    fn mirror() -> Abstract {
        let mut s = Abstract { members: 2, rows: 1, regions: 1, records: 1, ..Abstract::default() };
        s.volatile = [true, true, false, false];
        s.region[0] = RegionState::Dirty;
        s.rec_dirty[0][0] = true;
        s
    }

    #[test]
    fn a_cleaning_that_a_repair_takes_back_in_the_same_step_is_explained() {
        let before = mirror();
        let mut after = mirror();
        after.stream = StreamState::Lowering;
        after.region[0] = RegionState::Writing;
        (after.last, after.records) = (1, 2);
        after.rec_dirty[1][0] = true;
        after.addressed = [true, true, false, false];
        assert!(explain(&before, &after, (true, true)).is_ok());
        // Nothing but a flush that was commanded says that a cleaning was begun.
        assert!(explain(&before, &after, (false, true)).is_err());
    }

    #[test]
    fn a_flush_that_looks_like_the_one_before_is_a_new_one() {
        let mut before = mirror();
        before.stream = StreamState::Flushing;
        before.settling[0] = true;
        before.flush_leg = before.volatile;
        before.addressed = before.volatile;
        before.owed_prepared[0] = true;
        let end = explain(&before, &before, (true, true)).unwrap();
        assert!(!end.owed_prepared[0], "what is said to be owed was not asked again");
    }
}
