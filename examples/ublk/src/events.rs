// SPDX-License-Identifier: MIT OR Apache-2.0
//! What happens to a running array, in sentences: the log of `serve`.

use raid_array::engine::Event;
use raid_array::service::Told;
use raid_core::array::Place;
use raid_core::metadata::Operation;
use raid_sync::{Finish, Notice, Return, Status};

/// What is known of an array whose events are put in words.
pub(crate) struct Known<'k> {
    /// What a disk is called.
    pub(crate) name: &'k dyn Fn(usize) -> String,
    /// A disk that stands by.
    pub(crate) standing_by: Option<String>,
    /// Its metadata records how far background work is.
    pub(crate) goes_on: bool,
}

/// The sentence for it, without a full stop; `None` for what happens all the time.
pub(crate) fn sentence(told: &Told, known: &Known<'_>) -> Option<String> {
    let name = known.name;
    let event = match told {
        Told::Event(event) => event,
        Told::Threads(error) => {
            return Some(format!(
                "io_uring is refused ({error}): each disk is read and written by a thread"
            ));
        }
        Told::NotPaused { set, why } => {
            return Some(format!("set {set}: background work cannot be paused: {why}"));
        }
        told => return Some(format!("{told:?}")),
    };
    let at = |Place { set, slot }: &Place| format!("set {set}, slot {slot}");
    Some(match event {
        Event::Finished { .. } | Event::Committed => return None,
        Event::Notice { set, notice } => return notice_of(*set, notice, known),
        Event::MemberFailed { place, disk, why } => {
            format!("{}: {} has failed: {why}", at(place), name(*disk))
        }
        Event::Mismatch(found) => {
            let rows = rows_of(found.rows.start.0, found.rows.len);
            let culprits: Vec<String> =
                found.culprits.iter().map(|slot| slot.to_string()).collect();
            let whose = match culprits.is_empty() {
                true => String::from("redundancy cannot say which member is wrong"),
                false => format!("wrong in slot {}", culprits.join(", ")),
            };
            let repaired = if found.repaired { "repaired" } else { "not repaired" };
            format!("set {}: {rows} did not agree: {whose}, {repaired}", found.set)
        }
        Event::SpareActivated { place, disk, left } => {
            let (disk, at) = (name(*disk), at(place));
            match left.map(name) {
                Some(left) => format!(
                    "{at}: spare {disk} takes the place of {left} and is filled; {left} is no member any more"
                ),
                None => format!("{at}: spare {disk} takes the place and is filled"),
            }
        }
        Event::MemberReturned { place, owed: Return::Full } => {
            format!("{}: the disk is back; all rows are copied to it", at(place))
        }
        Event::MemberReturned { place, owed: Return::Partial { regions } } => {
            format!("{}: the disk is back; {regions} regions that it missed are copied", at(place))
        }
        Event::Trusted(taken) => taken.to_string(),
        Event::Refused(why) => format!("the metadata cannot hold a change: {why}"),
        Event::NotTaken { place, disk, why } => {
            format!("{}: {} did not take the place: {why}", at(place), name(*disk))
        }
        Event::NotStarted { set, why } => {
            format!("set {set}: background work that is owed does not start: {why}")
        }
        Event::Miscomputed { set, why } => format!(
            "set {set}: parity was not computed, nothing was written: {why}; this is a defect of raid-ublk"
        ),
        Event::Unexpected { set, what } => {
            format!("set {set}: {what}; this is a defect of raid-ublk")
        }
        other => format!("{other:?}"),
    })
}

/// What a set that has just been started has to do, for what its last stop left; `None` for nothing.
pub(crate) fn begun(set: u16, state: &Status) -> Option<String> {
    let owed = state.owed_regions;
    Some(match state.operation {
        Some(Operation::Resync) => format!(
            "set {set} was not stopped cleanly: a resync of {owed} regions begins, which makes copies or parity agree"
        ),
        Some(Operation::Initialise) => {
            format!("set {set}: the initialisation begins, or goes on where it was")
        }
        Some(Operation::Rebuild { .. }) => {
            format!("set {set}: the rebuild begins, or goes on where it was")
        }
        _ if !state.clean && !state.set_failed => {
            format!("set {set} was not stopped cleanly, and no resync can run now")
        }
        _ => return None,
    })
}

fn notice_of(set: u16, notice: &Notice, known: &Known<'_>) -> Option<String> {
    Some(match notice {
        // The slots are named one by one, and a checkpoint is routine.
        Notice::Degraded | Notice::MarkMoved(_) => return None,
        // The rows are named by an event of their own.
        Notice::Mismatch { .. } => return None,
        Notice::Finished { operation, why } => {
            format!("set {set}: {}", ended(*operation, *why, known.goes_on))
        }
        Notice::SetFailed => format!(
            "set {set} has failed: too few members are left; nothing is written to it any more"
        ),
        Notice::NeedsSpare(slot) => {
            let then = match &known.standing_by {
                Some(spare) => format!("spare {spare} stands by and takes the place if it fits"),
                None => String::from("no spare stands by: `raid-ublk spare add` gives it one"),
            };
            format!("set {set} is degraded: slot {slot} has no working member; {then}")
        }
        Notice::BadRanges(_) => {
            format!("set {set}: the list of bad ranges is almost full, or full")
        }
        Notice::WriteHole => format!(
            "set {set} lost a member before its parity was known to be right: what is computed for that \
             member may be wrong"
        ),
        other => format!("set {set}: {other:?}"),
    })
}

fn ended(operation: Operation, why: Finish, goes_on: bool) -> String {
    let what = match operation {
        Operation::Rebuild { .. } => "the rebuild",
        Operation::Resync => "the resync",
        Operation::Initialise => "the initialisation",
        Operation::Check => "the check",
        Operation::Repair => "the repair",
        _ => "background work",
    };
    match why {
        Finish::Complete => format!("{what} is complete"),
        // No format records how far a scrub is.
        Finish::Paused if matches!(operation, Operation::Check | Operation::Repair) => {
            format!(
                "{what} is stopped, and its position is not recorded: `scrub start` begins again"
            )
        }
        Finish::Paused if goes_on => format!("{what} is paused, and goes on from there"),
        Finish::Paused => {
            format!("{what} is paused, and begins again: the metadata does not record its position")
        }
        Finish::Aborted => format!("{what} was given up"),
        Finish::TargetFailed => format!("{what} ended: the members that it filled have failed"),
        Finish::SourceFailed => format!("{what} ended: too few members are left for it"),
        Finish::Unreadable(row) => {
            format!("{what} stopped at row {}: no member gives it; it is tried again", row.0)
        }
        Finish::NoRoomForBadRanges(row) => format!(
            "{what} stopped at row {}: no member gives it, and the format cannot record it; it is tried again",
            row.0
        ),
        _ => format!("{what} ended: {why:?}"),
    }
}

/// "row 7", "rows 7 to 9".
fn rows_of(start: u64, len: u64) -> String {
    match len {
        0 | 1 => format!("row {start}"),
        _ => format!("rows {start} to {}", start.saturating_add(len - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raid_array::engine::{FailureCause, Mismatch};
    use raid_core::units::{Row, Rows, Slot, SlotSet};

    fn said_with(event: Event, standing_by: Option<&str>, goes_on: bool) -> String {
        let told = Told::Event(event);
        let name = |disk| format!("d{disk}");
        let standing_by = standing_by.map(str::to_owned);
        sentence(&told, &Known { name: &name, standing_by, goes_on }).unwrap_or_default()
    }

    fn said(event: Event) -> String {
        said_with(event, None, true)
    }

    #[test]
    fn work_that_is_stopped_is_said_to_go_on_only_where_it_does() {
        let paused = |operation| Event::Notice {
            set: 0,
            notice: Notice::Finished { operation, why: Finish::Paused },
        };
        for operation in [Operation::Check, Operation::Repair] {
            let words = said(paused(operation));
            assert!(words.ends_with("is not recorded: `scrub start` begins again"), "{words}");
        }
        assert!(said(paused(Operation::Resync)).ends_with("goes on from there"));
        let words = said_with(paused(Operation::Resync), None, false);
        assert!(words.contains("begins again") && !words.contains("goes on"), "{words}");
    }

    #[test]
    fn a_spare_is_asked_for_only_where_none_stands_by() {
        let needed = || Event::Notice { set: 0, notice: Notice::NeedsSpare(Slot(2)) };
        assert!(said(needed()).contains("no spare stands by"));
        let words = said_with(needed(), Some("d5"), true);
        assert!(words.ends_with("spare d5 stands by and takes the place if it fits"), "{words}");
    }

    #[test]
    fn what_happens_is_said_in_sentences_that_name_disks_and_no_types() {
        let place = Place { set: 0, slot: Slot(2) };
        let notice = |notice| Event::Notice { set: 0, notice };
        let finished = |operation, why| notice(Notice::Finished { operation, why });
        let mismatch = Mismatch {
            set: 0,
            rows: Rows { start: Row(7), len: 3 },
            culprits: SlotSet::of(Slot(1)),
            repaired: true,
        };
        for (event, expected) in [
            (
                Event::SpareActivated { place, disk: 5, left: Some(2) },
                "set 0, slot 2: spare d5 takes the place of d2 and is filled; d2 is no member any more",
            ),
            (
                Event::MemberReturned { place, owed: Return::Partial { regions: 3 } },
                "set 0, slot 2: the disk is back; 3 regions that it missed are copied",
            ),
            (finished(Operation::Check, Finish::Complete), "set 0: the check is complete"),
            (
                finished(Operation::Rebuild { targets: SlotSet::EMPTY }, Finish::Paused),
                "set 0: the rebuild is paused, and goes on from there",
            ),
            (
                notice(Notice::NeedsSpare(Slot(2))),
                "set 0 is degraded: slot 2 has no working member; no spare stands by: `raid-ublk spare add` gives it \
                 one",
            ),
            (
                Event::Mismatch(mismatch),
                "set 0: rows 7 to 9 did not agree: wrong in slot 1, repaired",
            ),
            (
                Event::MemberFailed { place, disk: 2, why: FailureCause::Declared },
                "set 0, slot 2: d2 has failed: it was declared failed",
            ),
            (Event::Committed, ""),
        ] {
            assert_eq!(said(event), expected);
        }
        // Nothing of Rust's own way to print things is left in any of them.
        let all = [
            notice(Notice::SetFailed),
            notice(Notice::WriteHole),
            finished(Operation::Initialise, Finish::Unreadable(Row(3))),
            finished(Operation::Resync, Finish::NoRoomForBadRanges(Row(3))),
            finished(Operation::Repair, Finish::SourceFailed),
        ];
        for text in all.map(said) {
            assert!(!text.is_empty() && !text.contains(['{', '(', '"']), "{text}");
        }
    }
}
