// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which actions may lead from one state to another, in the order in which they are tried.

// Members and rows are places in several tables at once.
#![allow(clippy::needless_range_loop)]

use super::{raising, trusted, writing};
use crate::proven::{
    self, Abstract, Action, Operation, RegionState, StreamState, WindowState, With,
};

type Try<'a> = dyn FnMut(Action, &With) -> bool + 'a;

/// Tries each action that may be part of a way from `s` to `t`, until one succeeds. What the core commands in a step
/// comes back in a later one: `first`, as long as the core has done nothing yet, what it commanded before may land.
/// `flushes`: it has commanded a flush of its own.
pub(super) fn candidates(
    s: &Abstract,
    t: &Abstract,
    (first, flushes): (bool, bool),
    to: &mut Try<'_>,
) -> bool {
    (first && data(s, t, flushes, to))
        || members(s, t, to)
        || records(s, t, to)
        || users(s, t, to)
        || operations(s, t, to)
        || raises(s, t, flushes, to)
        || losses(s, t, to)
}

/// What reaches members: data, copies, flushes, records.
fn data(s: &Abstract, t: &Abstract, flushes: bool, to: &mut Try<'_>) -> bool {
    for member in 0..s.members {
        for row in 0..s.rows {
            let with = With { member, row, ..With::default() };
            let due = s.leg[member][row] && !(t.in_flight[row] && t.leg[member][row]);
            if due && t.cached[member][row] == s.admitted[row] && to(proven::LAND, &with) {
                return true;
            }
            let read = s.source[member][row] && s.window[row] == WindowState::Active;
            let same =
                t.window[row] != WindowState::Copying || s.cached[member][row] == t.buffer[row];
            let on = t.window[row] != WindowState::Active;
            let mut gone = [true; 4];
            for m in 0..s.members {
                gone[m] = t.window[row] != WindowState::Copying || !t.copying[m][row];
            }
            if read && on && same && to(proven::COPY_READS, &With { gone, ..with }) {
                return true;
            }
            let still = t.window[row] == WindowState::Copying && t.copying[member][row];
            if s.copying[member][row]
                && !still
                && t.cached[member][row] == s.buffer[row]
                && to(proven::COPY_LANDS, &with)
            {
                return true;
            }
        }
        let with = With { member, ..With::default() };
        let still = t.stream == StreamState::Flushing && t.flush_leg[member] && !flushes;
        let due = s.flush_leg[member] && !still;
        if due && !t.failed[member] && to(proven::FLUSH_LANDS, &with) {
            return true;
        }
        for flush in 0..s.flushes {
            let due =
                s.flush_due[flush][member] && !(t.flush_open[flush] && t.flush_due[flush][member]);
            let with = With { member, flush, ..With::default() };
            if due
                && s.flush_open[flush]
                && !t.failed[member]
                && to(proven::USER_FLUSH_LANDS, &with)
            {
                return true;
            }
        }
        let newest = s.record[member] != s.last && t.record[member] == s.last;
        if writing(s) && newest && to(proven::RECORD_LANDS, &with) {
            return true;
        }
    }
    false
}

fn members(s: &Abstract, t: &Abstract, to: &mut Try<'_>) -> bool {
    for member in 0..s.members {
        let with = With { member, ..With::default() };
        if t.failed[member] && !s.failed[member] {
            for heir in [t.speaker, s.speaker].into_iter().chain(0..s.members) {
                if heir != member && trusted(s, heir) {
                    if to(proven::FAIL, &With { heir, ..with }) {
                        return true;
                    }
                    break;
                }
            }
        }
        if s.failed[member] && !t.failed[member] {
            let awaited = (0..s.flushes).any(|u| t.flush_due[u][member]);
            let with = With { awaited, ..with };
            if s.disk[member] == t.disk[member] && to(proven::COME_BACK, &with) {
                return true;
            }
            let content = t.cached[member];
            let keeps_record = t.record[member] >= 0;
            if to(proven::JOIN, &With { content, keeps_record, ..with }) {
                return true;
            }
        }
    }
    let stays = |row: usize| matches!(s.window[row], WindowState::Active | WindowState::Copying);
    let agrees = (0..s.rows).any(|row| s.owed[row] && !t.owed[row] && !stays(row));
    agrees && to(proven::AGREE_ALONE, &With::default())
}

/// The record under way has returned.
fn records(s: &Abstract, t: &Abstract, to: &mut Try<'_>) -> bool {
    if !writing(s) || (writing(t) && s.last == t.last) {
        return false;
    }
    let last = s.last as usize;
    let got = |m: usize| s.record[m] == s.last;
    let lacks = (0..s.members).find(|m| !s.rec_untrusted[last][*m] && !got(*m));
    let Some(has) = (0..s.members).find(|m| s.addressed[*m] && got(*m)) else { return false };
    let with = With { durable: lacks.is_none(), lacks: lacks.unwrap_or(0), has, ..With::default() };
    let speaks = |speaker, to: &mut Try<'_>| to(proven::PERSISTED, &With { speaker, ..with });
    if speaks(t.speaker, to) || speaks(s.speaker, to) {
        return true;
    }
    // What it raises counts before the member that it did not reach has failed.
    let late = (0..s.members).filter(|m| s.addressed[*m] && !got(*m) && t.failed[*m]);
    for member in late {
        for heir in (0..s.members).filter(|heir| *heir != member) {
            let with = With { member, heir, ..with };
            let speaks =
                |speaker, to: &mut Try<'_>| to(proven::PERSISTED_SHORT, &With { speaker, ..with });
            if speaks(s.speaker, to) || speaks(t.speaker, to) {
                return true;
            }
        }
    }
    false
}

fn users(s: &Abstract, t: &Abstract, to: &mut Try<'_>) -> bool {
    for row in 0..s.rows {
        let with = With { row, ..With::default() };
        let ends = s.in_flight[row] && (!t.in_flight[row] || t.admitted[row] > s.admitted[row]);
        if ends && to(proven::COMPLETE, &with) {
            return true;
        }
        if s.unanswered[row] && t.acked[row] >= s.completed[row] && to(proven::ACKNOWLEDGE, &with) {
            return true;
        }
        let region = s.region_of[row];
        let clean = matches!(s.region[region], RegionState::Clean | RegionState::CleanWanted);
        let wanted = matches!(t.region[region], RegionState::Wanted | RegionState::Writing);
        if clean && wanted && to(proven::WANT, &with) {
            return true;
        }
        if !s.in_flight[row] && t.admitted[row] > s.admitted[row] {
            let goes = |m: usize| t.leg[m][row] || t.cached[m][row] == s.admitted[row] + 1;
            let fills = |m: usize| s.filling[m];
            let through = (0..s.members).any(|m| fills(m) && goes(m) && !s.issued[m][row]);
            let mut early = [false; 4];
            for m in 0..s.members {
                early[m] = fills(m) && s.issued[m][row] && !goes(m);
            }
            if to(proven::ADMIT, &With { fua: t.fua[row], through, early, ..with }) {
                return true;
            }
        }
    }
    for flush in 0..s.flushes {
        let with = With { flush, ..With::default() };
        if s.flush_open[flush] && !t.flush_open[flush] && to(proven::COMPLETE_FLUSH, &with) {
            return true;
        }
        if !s.flush_open[flush] && t.flush_open[flush] && to(proven::USER_FLUSH, &with) {
            return true;
        }
    }
    false
}

fn operations(s: &Abstract, t: &Abstract, to: &mut Try<'_>) -> bool {
    for row in 0..s.rows {
        let with = With { row, ..With::default() };
        let (is, then) = (s.window[row], t.window[row]);
        let commanded = matches!(is, WindowState::Active | WindowState::Copying);
        // A window that is given up leaves its row as it was for who is filled, and for who is to agree.
        let lacks = |m: usize| s.issued[m][row] && t.issued[m][row] && !t.held[m][row];
        let filled = |m: usize| s.filling[m] && t.filling[m] && lacks(m);
        let given_up = then == WindowState::Free
            && ((s.operation == Operation::Rebuild && (0..s.members).any(filled))
                || ((t.operation == Operation::Nothing || t.preparing) && falls_back(s, t, row)));
        // The cursor may have gone back to a row that is owed again.
        let passed = is == WindowState::Landed && then != WindowState::Landed && !given_up;
        let anew = falls_back(s, t, row);
        if passed && to(proven::ADVANCE, &With { anew, ..with }) {
            return true;
        }
        if is == WindowState::Copying && then != WindowState::Copying {
            let agrees = !t.owed[row];
            if to(proven::COPIED, &With { agrees, ..with }) {
                return true;
            }
        }
        if commanded && then == WindowState::Free && to(proven::COPY_ENDS_EARLY, &with) {
            return true;
        }
        let idle = matches!(is, WindowState::Closing | WindowState::Landed);
        if idle && then == WindowState::Free && to(proven::GIVE_UP_WINDOW, &with) {
            return true;
        }
    }
    // What was issued falls back to what is held; more than that is forgotten.
    let fell = |m: usize, r: usize| s.issued[m][r] && !s.held[m][r] && !t.issued[m][r];
    let back = |m: usize| s.filling[m] && (0..s.rows).any(|r| fell(m, r));
    let waits = t.preparing && !s.preparing;
    let pauses = t.operation != Operation::Nothing && (waits || (0..s.members).any(back));
    if s.operation != Operation::Nothing && (t.operation == Operation::Nothing || pauses) {
        let mut again = [false; 6];
        for row in 0..s.rows {
            again[row] = falls_back(s, t, row);
        }
        for lowers in [false, true] {
            if to(proven::STOP, &With { lowers, pauses, again, ..With::default() }) {
                return true;
            }
        }
    }
    if s.lowered && !t.lowered && to(proven::SAID_ALREADY, &With::default()) {
        return true;
    }
    for row in 0..s.rows {
        let with = With { row, ..With::default() };
        if t.owed[row] && !s.owed[row] && to(proven::OWE, &with) {
            return true;
        }
    }
    if s.operation == Operation::Nothing && t.operation != Operation::Nothing {
        for lowers in [false, true] {
            let with = With { what: t.operation, targets: t.filling, lowers, ..With::default() };
            if to(proven::START, &with) {
                return true;
            }
        }
    }
    if s.preparing && !t.preparing && to(proven::BEGIN, &With::default()) {
        return true;
    }
    for row in 0..s.rows {
        let with = With { row, ..With::default() };
        let (is, then) = (s.window[row], t.window[row]);
        if is == WindowState::Free && then != WindowState::Free && to(proven::OPEN_WINDOW, &with) {
            return true;
        }
        let goes = !matches!(then, WindowState::Free | WindowState::Closing);
        if is == WindowState::Closing && goes && to(proven::COMMAND_COPY, &with) {
            return true;
        }
    }
    false
}

/// Whether a row that a resync has copied counts as owed again.
fn falls_back(s: &Abstract, t: &Abstract, row: usize) -> bool {
    let copied = s.operation == Operation::Resync && s.window[row] == WindowState::Landed;
    copied && !s.owed[row] && t.owed[row]
}

fn raises(s: &Abstract, t: &Abstract, flushes: bool, to: &mut Try<'_>) -> bool {
    // Nothing is raised without a flush, unless there is nothing to flush.
    let caches = (0..s.members).any(|m| s.volatile[m] && !s.failed[m]);
    let may = flushes || (!caches && t.stream != StreamState::Lowering);
    if s.stream == StreamState::Idle && may {
        let mut regions = [false; 6];
        let mut taken_back = false;
        for region in 0..s.regions {
            let cleans = matches!(t.region[region], RegionState::CleanWanted | RegionState::Clean);
            // Its cleaning was taken back at once, for a write or a repair.
            let wanted = matches!(t.region[region], RegionState::Wanted | RegionState::Writing);
            let dirty = s.region[region] == RegionState::Dirty;
            regions[region] = dirty && (cleans || (wanted && flushes));
            taken_back |= dirty && wanted && flushes;
        }
        let target = (0..s.members).find(|m| s.filling[*m]).unwrap_or(0);
        let mut sweeps = [false; 6];
        for row in 0..s.rows {
            let settles = t.settled[row] && !s.settled[row];
            sweeps[row] = (raising(t) && t.settling[row]) || settles;
        }
        let remembers = sweeps.contains(&true);
        if raising(t) || remembers || taken_back {
            for marks in [true, false] {
                let finish = t.finish;
                // A record owes no more than it must.
                let agrees = true;
                let with =
                    With { regions, sweeps, marks, agrees, finish, target, ..With::default() };
                if to(proven::COLLECT, &with) {
                    return true;
                }
            }
        }
    }
    if s.stream == StreamState::Flushing {
        let more = |m: usize| (0..s.rows).any(|r| t.flushed[m][r] && !s.flushed[m][r]);
        let with = With { settles: settles(s, t), ..With::default() };
        if ((0..s.members).any(more) || with.settles) && to(proven::NOTE_FLUSHED, &with) {
            return true;
        }
        if t.stream == StreamState::Raising
            && t.last == s.last + 1
            && to(proven::ISSUE_RAISE, &says(s, t))
        {
            return true;
        }
        let again = (0..s.members).all(|m| !s.flush_leg[m]) && flushes;
        let other = t.stream != StreamState::Flushing || t.lowered != s.lowered || again;
        if other && t.stream != StreamState::Raising && to(proven::DROP_RAISE, &With::default()) {
            return true;
        }
    }
    let lowers = s.stream == StreamState::Idle && t.stream == StreamState::Lowering;
    lowers && t.last == s.last + 1 && to(proven::ISSUE_LOWER, &says(s, t))
}

/// Whether rows count as flushed that the flush under way covers.
fn settles(s: &Abstract, t: &Abstract) -> bool {
    (0..s.rows).any(|row| t.settled[row] && !s.settled[row] && s.settling[row])
}

/// What the record that is issued says less of members, and more of rows and regions.
fn says(s: &Abstract, t: &Abstract) -> With {
    let n = (s.last + 1) as usize;
    // It says nothing of a disk that it takes for another.
    let mut less = t.rec_held[n];
    for m in 0..s.members {
        if t.rec_disk[n][m] != t.disk[m] {
            less[m] = [false; 6];
        }
    }
    With { less, more: t.rec_owed[n], coarse: t.rec_dirty[n], ..With::default() }
}

/// What is given up at no cost.
fn losses(s: &Abstract, t: &Abstract, to: &mut Try<'_>) -> bool {
    let mut rows = [false; 6];
    for row in 0..s.rows {
        let settling = s.settling[row] && raising(s) && raising(t) && !t.settling[row];
        rows[row] = (s.settled[row] && !t.settled[row]) || settling;
    }
    if rows.contains(&true) && to(proven::DOUBT, &With { rows, ..With::default() }) {
        return true;
    }
    for member in (0..s.members).filter(|m| !trusted(s, *m)) {
        let less = |s: &[[bool; 6]; 4], t: &[[bool; 6]; 4]| {
            (0..6).any(|row| s[member][row] && !t[member][row])
        };
        let (sure, ready) = (t.durable[member], t.prepared[member]);
        let mut on = t.issued[member];
        for row in 0..s.rows {
            on[row] |= t.held[member][row];
        }
        for kept in [on, t.held[member], t.flushed[member], t.durable[member]] {
            let any = (s.filling[member] && less(&s.issued, &t.issued))
                || less(&s.held, &t.held)
                || less(&s.flushed, &t.flushed)
                || less(&s.durable, &t.durable)
                || (raising(t) && less(&s.prepared, &t.prepared));
            let changes = (0..s.rows).any(|r| {
                let one = s.held[member][r]
                    || s.flushed[member][r]
                    || s.prepared[member][r]
                    || (s.filling[member] && s.issued[member][r]);
                let prepared = raising(t) && !ready[r] && s.prepared[member][r];
                (!kept[r] && one) || (!sure[r] && s.durable[member][r]) || prepared
            });
            let with = With { member, kept, sure, ready, ..With::default() };
            if any && changes && to(proven::FORGET, &with) {
                return true;
            }
        }
    }
    false
}
