// SPDX-License-Identifier: MIT OR Apache-2.0
//! Descent: which copy of an array's table is the latest, judged by who was there when it was written.
//!
//! Disks can run apart, and each part counts on from what it finds. So neither `raidseq` nor the
//! timestamp proves which of two tables is the later one. What proves something are the disk lines of
//! each member's own table: a write is acknowledged only when the table that allows it is on every disk
//! that the table counts in.
//!
//! | `x` says of `y` | `y` says of `x` | |
//! |---|---|---|
//! | in | in | one history; the higher generation is the later |
//! | given up | in | `x` is the later one: it was there for every write that `y` may have acknowledged |
//! | given up, or no line | given up, or no line | `y` is the earlier one if a disk that it counts in carries a table without it, of another generation; or if it only does not know `x`, and both count in another disk, or it counts all in, one of whom is being filled where `x` is. Else a fork |
//! | given up, or no line | being filled | `x` is the later one if both count in another disk. Else a fork: the table that took `x` in may not have reached it. Without a line it is from before `y` came if it is older |
//! | being filled | being filled | a fork, unless both count in another disk |
//!
//! Members that count themselves in have a say; a spare has none. Nor has a disk that is being filled, as long
//! as a member is present that its table counts in: that one knows the same, and better, unless it is an older
//! copy of its disk, two generations behind. Where none is, the disk
//! is a *witness*: its table is of a history that those have made, and members that this history went on
//! without are the earlier ones, and so are older copies. It is a fork if they have gone on as well and count in
//! nobody whom the witness counts in: its word stands for those who fill it.
//!
//! An update notes itself in the lines of the disks that it is written to. So the table of a disk tells how far it
//! brought another one, also when it went on alone, and who was not there though it counts them in. That `x` was
//! written with a disk after `y` was, which `y` counts in, proves nothing: an older copy of that disk may have been the
//! fellow of `y`, or have been filled over by `x`.
//!
//! A disk keeps its place. One that is found in another was filled there, and is not what a table means that counts it
//! in.

use super::newest::{compare, compare_generations, compare_sequences, sequence, timestamp};
use super::{Member, members_of};
use crate::{ChecksumVerdict, ConfigurationLine, TableHeader, Worth};
use core::cmp::Ordering;
use raid_core::metadata::Disks;

/// What a table says of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// Holds its data.
    In,
    /// Is being filled.
    Filling,
    /// Given up.
    GivenUp,
    /// There is no line for it.
    Unknown,
}

impl Word {
    pub(crate) const fn is_out(self) -> bool {
        matches!(self, Self::GivenUp | Self::Unknown)
    }
}

/// What the table of `member` says of the disk with this identity.
pub(crate) fn word(member: &Member<'_>, drivemagic: u32) -> Word {
    let mut lines = member.tree.disks().map(|(_, line)| line);
    match lines.find(|line| line.raidmagic.get() == drivemagic) {
        None => Word::Unknown,
        Some(line) => match line.disk_state().worth() {
            Worth::Holds => Word::In,
            Worth::BeingFilled => Word::Filling,
            Worth::Nothing => Word::GivenUp,
        },
    }
}

/// What the table of `member` says of another member. A disk that has another place by its own table is not the one
/// that is meant: whoever takes a place is filled there.
fn says(member: &Member<'_>, other: &Member<'_>) -> Word {
    let place = |of: &Member<'_>| {
        let mut lines = of.tree.disks().map(|(_, line)| line.raidmagic.get());
        lines.position(|drivemagic| drivemagic == other.drivemagic)
    };
    match word(member, other.drivemagic) {
        Word::In if place(member) != place(other) => Word::Unknown,
        word => word,
    }
}

/// The lines of each place in two tables; none where one of them has more places.
fn places<'m>(
    a: &Member<'m>,
    b: &Member<'m>,
) -> impl Iterator<Item = (&'m ConfigurationLine, &'m ConfigurationLine)> + use<'m> {
    let alike = a.tree.disks().count() == b.tree.disks().count();
    let both = a.tree.disks().zip(b.tree.disks()).filter(move |_| alike);
    both.map(|((_, own), (_, theirs))| (own, theirs))
}

/// The lines of disks that two tables name in the same place.
fn same_disks<'m>(
    a: &Member<'m>,
    b: &Member<'m>,
) -> impl Iterator<Item = (&'m ConfigurationLine, &'m ConfigurationLine)> + use<'m> {
    places(a, b).filter(|(own, theirs)| own.raidmagic == theirs.raidmagic)
}

/// Whether a copy can be believed: the sum of versions 0 and 1 is right.
pub(crate) fn is_trusted(member: &Member<'_>) -> bool {
    // The sum is looked at only where it counts: it costs as much as everything else here.
    member.table.header().rversion.get() >= TableHeader::VERSION_2
        || member.checksum() == ChecksumVerdict::Good
}

fn counts_itself_in(member: &Member<'_>) -> bool {
    word(member, member.drivemagic) == Word::In
}

/// Whether a member has a say.
pub(crate) fn is_heard(member: &Member<'_>) -> bool {
    counts_itself_in(member) && is_trusted(member)
}

/// Members that have a say.
pub(crate) fn heard(disks: &dyn Disks, raidmagic: u32) -> impl Iterator<Item = Member<'_>> {
    members_of(disks, raidmagic).filter(is_heard)
}

fn is_being_filled(member: &Member<'_>) -> bool {
    word(member, member.drivemagic) == Word::Filling
}

/// Of the disks that are being filled the one with the newest table, if it is a witness.
pub(crate) fn witness(disks: &dyn Disks, raidmagic: u32) -> Option<Member<'_>> {
    let filled = members_of(disks, raidmagic).filter(is_being_filled);
    filled.filter(is_trusted).max_by(compare).filter(|witness| is_witness(disks, witness))
}

/// Whether a disk is being filled, and nobody is heard whom it counts in and who is not behind what it knows, nor
/// anybody who went on with all of these. Its word is that of those who fill it.
pub(crate) fn is_witness(disks: &dyn Disks, disk: &Member<'_>) -> bool {
    let knows = |member: &Member<'_>| {
        (word(disk, member.drivemagic) == Word::In && !is_overtaken(member, disk))
            || has_its_sources(member, disk)
    };
    is_being_filled(disk)
        && is_trusted(disk)
        && !heard(disks, disk.array()).any(|member| knows(&member))
}

/// Whether another member was there for every write that this one may have acknowledged, and carries
/// a table without it; or a witness knows of such members.
pub(crate) fn is_superseded(disks: &dyn Disks, member: &Member<'_>) -> bool {
    heard(disks, member.array()).any(|other| supersedes(disks, &other, member))
        || is_outlived(disks, member, |_| true)
}

/// Whether a witness that says something of this kind of `member` knows that the history went on after it.
fn is_outlived(disks: &dyn Disks, member: &Member<'_>, says: impl Fn(Word) -> bool) -> bool {
    counts_itself_in(member)
        && witness(disks, member.array()).is_some_and(|witness| {
            says(word(&witness, member.drivemagic)) && outlives(disks, &witness, member)
        })
}

/// Whether another history is known to have all of this member's. That a witness counts the disk in, and `member` is
/// an older copy of it, does not say whether the copy ran.
fn is_explained(disks: &dyn Disks, member: &Member<'_>) -> bool {
    heard(disks, member.array()).any(|other| supersedes(disks, &other, member))
        || is_outlived(disks, member, |word| word != Word::In)
}

/// Whether the history that a witness knows went on after the last of this member.
fn outlives(disks: &dyn Disks, witness: &Member<'_>, member: &Member<'_>) -> bool {
    let (theirs, ours) = (says(witness, member), says(member, witness));
    let later = || compare_generations(witness, member) == Ordering::Greater;
    match (theirs, ours) {
        // What the disk had then it has no more.
        (Word::In, _) => is_overtaken(member, witness),
        // Each began to fill it. What `member` acknowledged before may be missing in the other history.
        (_, Word::Filling) if !share_a_disk(disks, witness, member) => false,
        (Word::GivenUp, Word::Filling) | (_, Word::In) => !is_overtaken(witness, member),
        (_, Word::Filling) | (Word::Filling, Word::Unknown) => later(),
        _ => later() && share_a_disk(disks, witness, member),
    }
}

fn supersedes(disks: &dyn Disks, other: &Member<'_>, member: &Member<'_>) -> bool {
    if other.drivemagic == member.drivemagic {
        return false;
    }
    let (theirs, ours) = (says(other, member), says(member, other));
    let later = || compare_generations(other, member) == Ordering::Greater;
    match (theirs, ours) {
        _ if has_its_sources(other, member) => true,
        // That its table was written to `other` is not said: what it acknowledged alone may be missing there.
        (Word::GivenUp | Word::Unknown, Word::Filling) if !share_a_disk(disks, other, member) => {
            false
        }
        (Word::GivenUp | Word::Unknown, Word::In) if is_left_out(other, member) => false,
        (Word::GivenUp, Word::In | Word::Filling) => {
            !is_overtaken(other, member) && !is_tied(disks, member, other)
        }
        // Its line was given to another disk meanwhile.
        (Word::Unknown, Word::In | Word::Filling) => later() && !is_tied(disks, member, other),
        (_, Word::Unknown) if theirs.is_out() => {
            later()
                && (share_a_disk(disks, other, member) || was_left_by_its_own(disks, other, member))
        }
        _ => false,
    }
}

/// Whether `member` is being filled, and the history of `other` went on with every disk that it counts in, after
/// its table was written. That one promised what those disks have, and nothing on `member` itself.
fn has_its_sources(other: &Member<'_>, member: &Member<'_>) -> bool {
    let went_on = |(source, line): (&ConfigurationLine, &ConfigurationLine)| {
        line.raidmagic == source.raidmagic
            && compare_sequences(line.raidseq.get(), sequence(member)) == Ordering::Greater
    };
    let sources =
        || places(member, other).filter(|(own, _)| own.disk_state().worth() == Worth::Holds);
    word(member, member.drivemagic) == Word::Filling
        && notes_updates(other)
        // Else `other` is, or has it from, an older copy of a source.
        && !is_overtaken(other, member)
        && sources().next().is_some()
        && sources().all(went_on)
}

/// Whether a disk that `member` counts in is being filled in the history of `other`, and `member` counts every disk
/// in. What it acknowledged that disk had then, and no disk can have been filled but from one that had it; it does
/// not know `other`, so that one came later.
fn was_left_by_its_own(disks: &dyn Disks, other: &Member<'_>, member: &Member<'_>) -> bool {
    let mut lines = member.tree.disks().map(|(_, line)| line);
    let whole = lines.all(|line| line.disk_state().worth() == Worth::Holds);
    let left = |third: Member<'_>| {
        says(member, &third) == Word::In
            && word(&third, third.drivemagic) == Word::Filling
            && word(&third, other.drivemagic) == Word::In
            && word(&third, member.drivemagic).is_out()
            && compare_generations(&third, member) == Ordering::Greater
            && is_trusted(&third)
    };
    whole && members_of(disks, member.array()).any(left)
}

/// Whether the accused is further on than its accuser can have let it come: a disk that is counted in
/// is never two generations behind. Then neither explains the other, and one that the accused counts in is an
/// older copy of its disk. No time is asked: clocks go back.
fn is_overtaken(accuser: &Member<'_>, accused: &Member<'_>) -> bool {
    let known = last_written(accuser, accused).unwrap_or_else(|| sequence(accuser));
    matches!(sequence(accused).wrapping_sub(known), 2..=0x7FFF)
}

/// Whether `by` counts a disk in, but was last written without it, and counts out one that this disk counts in: a set
/// of which the disk is no member went on, and promised without it. A set that has failed gives nobody up.
fn is_left_out(disk: &Member<'_>, by: &Member<'_>) -> bool {
    let mut lines = disk.tree.disks().map(|(_, line)| line);
    last_written(by, disk).is_some_and(|last| last != sequence(by))
        && lines.any(|line| {
            line.disk_state().worth() == Worth::Holds && word(by, line.raidmagic.get()).is_out()
        })
}

/// Whether `other`, which `member` counts in, has no line for it and is at most one update behind. Who holds its data
/// was seated before that.
fn is_unknown_to_its_own(member: &Member<'_>, other: &Member<'_>) -> bool {
    counts_itself_in(member)
        && counts_itself_in(other)
        && notes_updates(member)
        && sequence(member).wrapping_sub(sequence(other)) <= 1
}

/// The last update of the history of `member` that the other disk was written by: an update notes itself in the
/// lines of the disks that it is written to, and of no others. `None` where there is no line, or the writer does not do
/// so.
fn last_written(member: &Member<'_>, other: &Member<'_>) -> Option<u16> {
    let line = member.tree.disks().find(|(_, line)| line.raidmagic.get() == other.drivemagic);
    line.filter(|_| notes_updates(member)).map(|(_, line)| line.raidseq.get())
}

/// Whether an update counts on from the generations of the disks that it is written to, and notes itself in their
/// lines. Only writers that keep the timestamp are known to do so.
fn notes_updates(member: &Member<'_>) -> bool {
    let own = member.table.lines().get(member.own);
    timestamp(member) != 0 && own.is_some_and(|own| own.raidseq == member.tree.top().raidseq)
}

/// Whether two copies have one generation, and the disk of the first and somebody whom the second
/// counts in call each other out: that is left to the user.
fn is_tied(disks: &dyn Disks, member: &Member<'_>, other: &Member<'_>) -> bool {
    sequence(member) == sequence(other)
        && heard(disks, member.array()).any(|third| {
            word(&third, member.drivemagic).is_out()
                && word(member, third.drivemagic).is_out()
                && !word(other, third.drivemagic).is_out()
        })
}

/// Whether both count the same disk in: what either acknowledged, that disk had. Not where an older copy of it is
/// here that does not know one of them: it may be of the other one's history alone.
fn share_a_disk(disks: &dyn Disks, a: &Member<'_>, b: &Member<'_>) -> bool {
    let shared = || {
        let both = same_disks(a, b).filter(|(own, line)| counts_on(a, own) && counts_on(b, line));
        both.map(|(own, _)| own.raidmagic.get())
    };
    let older = members_of(disks, a.array()).filter(|member| {
        shared().any(|drivemagic| drivemagic == member.drivemagic)
            && [a, b].into_iter().any(|by| is_from_elsewhere(member, by))
    });
    shared().count() > older.count()
}

/// Whether a table counts the disk of this line of its own in, and was written to it: what was promised then, that
/// disk had.
fn counts_on(member: &Member<'_>, line: &ConfigurationLine) -> bool {
    line.disk_state().worth() == Worth::Holds
        && (!notes_updates(member) || line.raidseq == member.tree.top().raidseq)
}

/// Whether a disk, which another one counts in, does not count that one in, and lacks two updates that were written
/// to both.
fn is_from_elsewhere(member: &Member<'_>, by: &Member<'_>) -> bool {
    let written = last_written(by, member).unwrap_or_else(|| sequence(by));
    word(member, by.drivemagic).is_out()
        && matches!(written.wrapping_sub(sequence(member)), 2..=0x7FFF)
}

/// Whether two members have each gone on without the other, as far as these two tell.
fn contradict(disks: &dyn Disks, a: &Member<'_>, b: &Member<'_>) -> bool {
    let (theirs, ours) = (says(a, b), says(b, a));
    // A disk that knows that it is being filled has not gone on, but those who fill it have.
    let went_on = |member: &Member<'_>| counts_itself_in(member) || is_witness(disks, member);
    let both_went_on = || !share_a_disk(disks, a, b) && went_on(a) && went_on(b);
    let contradicts = match (theirs, ours) {
        (Word::GivenUp | Word::Unknown, Word::In) if is_left_out(a, b) => true,
        (Word::In, Word::GivenUp | Word::Unknown) if is_left_out(b, a) => true,
        (Word::In, Word::Unknown) => is_unknown_to_its_own(a, b),
        (Word::Unknown, Word::In) => is_unknown_to_its_own(b, a),
        (Word::GivenUp, Word::In) => is_overtaken(a, b),
        (Word::In, Word::GivenUp) => is_overtaken(b, a),
        (Word::GivenUp | Word::Filling, Word::Filling) | (Word::Filling, Word::GivenUp) => {
            both_went_on()
        }
        (Word::Unknown, Word::Filling) => !is_from_before(a, b) && both_went_on(),
        (Word::Filling, Word::Unknown) => !is_from_before(b, a) && both_went_on(),
        _ => theirs.is_out() && ours.is_out(),
    };
    a.drivemagic != b.drivemagic && contradicts
}

/// Whether `member`, which has no line for `other`, is from before that one came and took it for a disk to be filled:
/// the table of a disk that is of that generation, or later, was written after that. Who counts nobody in but itself
/// was not left by anybody.
fn is_from_before(member: &Member<'_>, other: &Member<'_>) -> bool {
    let taken = last_written(other, member);
    compare_generations(member, other) == Ordering::Less
        && taken.is_none_or(|at| compare_sequences(at, sequence(member)) == Ordering::Greater)
        && !is_alone(member)
}

/// Whether it counts in itself, and nobody else.
fn is_alone(member: &Member<'_>) -> bool {
    let mut lines = member.tree.disks().map(|(_, line)| line);
    counts_itself_in(member)
        && lines.all(|line| {
            line.raidmagic.get() == member.drivemagic || line.disk_state().worth() != Worth::Holds
        })
}

/// Whether two members of which neither is explained have each gone on without the other.
pub(crate) fn is_dispute(disks: &dyn Disks, a: &Member<'_>, b: &Member<'_>) -> bool {
    contradict(disks, a, b) && !is_explained(disks, a) && !is_explained(disks, b)
}

/// Whether `copy` is an older copy of a disk that the newest table counts in, or a disk that does not know yet that it
/// is being filled, and went on without everybody who carries that table: it counts none of them in, and gives up
/// one of them or its place. An older copy that the others were filled from, and that did not run, has the same
/// bytes.
pub(crate) fn is_apart(disks: &dyn Disks, newest: &Member<'_>, copy: &Member<'_>) -> bool {
    let carriers = || {
        heard(disks, newest.array()).filter(|carrier| {
            carrier.disk != copy.disk
                && word(newest, carrier.drivemagic) == Word::In
                && (sequence(carrier), timestamp(carrier)) == (sequence(newest), timestamp(newest))
        })
    };
    let gives_up = |carrier: &Member<'_>| match word(copy, carrier.drivemagic) {
        Word::GivenUp => true,
        Word::Unknown => {
            // Its place is out, or was that of the copy itself, which was not made a new disk to be filled since.
            let line = copy.table.lines().get(carrier.own);
            let is_in = word(newest, copy.drivemagic) == Word::In;
            let own = |line: &ConfigurationLine| is_in && line.raidmagic.get() == copy.drivemagic;
            line.is_some_and(|line| line.disk_state().worth() != Worth::Holds || own(line))
        }
        Word::In | Word::Filling => false,
    };
    let may_be = match word(newest, copy.drivemagic) {
        Word::In => is_overtaken(copy, newest),
        Word::Filling => true,
        Word::GivenUp | Word::Unknown => false,
    };
    may_be
        && counts_itself_in(copy)
        && is_trusted(copy)
        && carriers().all(|carrier| word(copy, carrier.drivemagic).is_out())
        && carriers().any(|carrier| gives_up(&carrier))
        // A witness knows that the copy is old, not whether it ran.
        && !heard(disks, copy.array()).any(|other| supersedes(disks, &other, copy))
}
