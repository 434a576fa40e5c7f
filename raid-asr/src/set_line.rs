// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the array line of one set says of it, and how it is made to say something else.
//!
//! | `raidstate` | initialisation | operation at `curAppBlock` |
//! |---|---|---|
//! | 0x54 awaits its first build | none | – |
//! | 0x0B, 0x44 building, flag 0x10 clear | running | initialise |
//! | 0x0B building, flag 0x10 set | full | resync |
//! | 0x02 rebuilding | full | rebuild |
//! | 0x0A, 0x2A verifying | full | check |
//! | 0x1A verifying with repair | full | repair |
//! | everything else | full | – |
//!
//! The first two rows are `asr.md` 2.2 and 2.3; that the flag tells a second build from the first is
//! this crate's reading of its name. `curAppBlock` counts from the start of the set's members, in
//! whole stripes; its unit is unverified (`asr.md` 5.3). While the set is open it is 0: it is not
//! believed then, and a state that is read must be no change when it is recorded once more.

use crate::{ArrayLineState, ConfigurationLine, LineFlags};
use raid_core::array::Initialisation;
use raid_core::metadata::{Operation, RuntimeState};
use raid_core::units::{Row, SlotSet};

/// How far redundancy was established, as the line says.
pub(crate) const fn initialisation(line: &ConfigurationLine) -> Initialisation {
    match line.array_state() {
        ArrayLineState::AwaitingBuild => Initialisation::None,
        ArrayLineState::DeadBuilding => Initialisation::Running,
        ArrayLineState::Building if !line.line_flags().contains(LineFlags::BUILT) => {
            Initialisation::Running
        }
        _ => Initialisation::Full,
    }
}

/// The operation that the line says is under way. `filling` are the slots that are being filled.
pub(crate) fn operation(line: &ConfigurationLine, filling: SlotSet) -> Option<Operation> {
    let rebuild = (!filling.is_empty()).then_some(Operation::Rebuild { targets: filling });
    match line.array_state() {
        ArrayLineState::Building | ArrayLineState::DeadBuilding => {
            Some(match initialisation(line) {
                Initialisation::Full => Operation::Resync,
                _ => Operation::Initialise,
            })
        }
        ArrayLineState::Verifying | ArrayLineState::VerifyingUntilError => Some(Operation::Check),
        ArrayLineState::VerifyingRepair => Some(Operation::Repair),
        _ => rebuild,
    }
}

/// Where the operation stands: whole stripes, and no more than the members hold.
pub(crate) fn mark(line: &ConfigurationLine, operation: Option<Operation>) -> Row {
    let says = match line.array_state() {
        ArrayLineState::Rebuilding => matches!(operation, Some(Operation::Rebuild { .. })),
        _ => !matches!(operation, None | Some(Operation::Rebuild { .. })),
    };
    let stored = line.cur_app_block.get();
    if says && stored <= line.lcapcty.get() { Row(whole(line, stored).into()) } else { Row(0) }
}

/// `block` rounded down to a whole stripe of the line.
fn whole(line: &ConfigurationLine, block: u32) -> u32 {
    let part = block.checked_rem(line.strpsize.get().into()).unwrap_or(0);
    block.saturating_sub(part)
}

/// How the members of a set are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Health {
    /// Whether the set's data outlives a member.
    pub(crate) redundant: bool,
    pub(crate) slots: SlotSet,
}

impl Health {
    /// The state that the line of a set is to have.
    fn wanted(self, state: &RuntimeState) -> ArrayLineState {
        let short = state.failed | state.rebuilding;
        let in_sync = self.slots.without(short).len();
        let lost = if self.redundant { in_sync == 0 } else { !short.is_empty() };
        let verify = match state.operation() {
            Some(Operation::Check) => Some(ArrayLineState::Verifying),
            Some(Operation::Repair) => Some(ArrayLineState::VerifyingRepair),
            _ => None,
        };
        if lost {
            return ArrayLineState::Dead { sub: 0 };
        }
        if !self.redundant {
            return verify.unwrap_or(ArrayLineState::Optimal);
        }
        // What a single copy once owed to the others, nobody owes any more.
        match state.initialisation {
            Initialisation::None if in_sync > 1 => return ArrayLineState::AwaitingBuild,
            Initialisation::Running if in_sync > 1 => return ArrayLineState::Building,
            _ => {}
        }
        match state.operation() {
            Some(Operation::Rebuild { targets }) if targets.intersects(state.rebuilding) => {
                ArrayLineState::Rebuilding
            }
            Some(Operation::Initialise | Operation::Resync) => ArrayLineState::Building,
            _ => verify.unwrap_or(match short.is_empty() {
                true => ArrayLineState::Optimal,
                false => ArrayLineState::Degraded { sub: 0 },
            }),
        }
    }

    /// Writes the state of a set into its array line. What says the same already stays as it is:
    /// sub-states, warnings, and what firmware alone understands.
    pub(crate) fn store(self, state: &RuntimeState, line: &mut ConfigurationLine) {
        let wanted = self.wanted(state);
        let was = initialisation(line);
        if !alike(line.array_state(), wanted) {
            line.raidstate = wanted.raw();
        }
        let built = LineFlags::BUILT.bits();
        let in_sync = self.slots.without(state.failed | state.rebuilding).len();
        let full = state.initialisation == Initialisation::Full || in_sync < 2;
        match (wanted, full) {
            (ArrayLineState::Building, true) => line.flags |= built,
            (_, true) if was != Initialisation::Full => line.flags |= built,
            (_, false) if self.redundant => line.flags &= !built,
            _ => {}
        }
        if wanted != ArrayLineState::Rebuilding {
            // A copy that firmware began, and that is over.
            line.flags &= !(LineFlags::MIRROR_COPY | LineFlags::COPY_DIRECTION).bits();
        }
        let mark = u32::try_from(state.mark().0).unwrap_or(0).min(line.lcapcty.get());
        let counts = state.clean && self.tells_operation(state);
        line.cur_app_block = if counts { whole(line, mark).into() } else { 0.into() };
    }

    /// Whether the line of a set in this state tells which operation is under way.
    pub(crate) fn tells_operation(self, state: &RuntimeState) -> bool {
        let wanted = self.wanted(state);
        state.operation().is_some_and(|operation| self.is_told(wanted, operation))
    }

    /// Whether a line in this state tells that `operation` is under way.
    fn is_told(self, wanted: ArrayLineState, operation: Operation) -> bool {
        match operation {
            Operation::Rebuild { .. } => wanted == ArrayLineState::Rebuilding,
            Operation::Resync | Operation::Initialise => wanted == ArrayLineState::Building,
            Operation::Check => wanted == ArrayLineState::Verifying,
            _ => wanted == ArrayLineState::VerifyingRepair,
        }
    }
}

/// Whether two states of an array line mean the same here.
fn alike(stored: ArrayLineState, wanted: ArrayLineState) -> bool {
    use ArrayLineState as S;
    match wanted {
        S::Optimal => matches!(stored, S::Optimal | S::Warning | S::Diagnosing | S::Other(_)),
        S::Degraded { .. } => matches!(stored, S::Degraded { .. }),
        S::Dead { .. } => matches!(stored, S::Dead { .. } | S::WrongDriveReplaced),
        S::Building => matches!(stored, S::Building | S::DeadBuilding),
        S::Verifying => matches!(stored, S::Verifying | S::VerifyingUntilError),
        other => stored == other,
    }
}

/// The state of an array of arrays whose sets are in these states.
pub(crate) fn joined(
    sets: impl Iterator<Item = ArrayLineState>,
    mirrored: bool,
) -> Option<ArrayLineState> {
    use ArrayLineState as S;
    let dead = |state: &S| matches!(state, S::Dead { .. } | S::WrongDriveReplaced);
    let rank = |state: &S| match state {
        S::Rebuilding => 7u8,
        S::Degraded { .. } => 6,
        S::AwaitingBuild => 5,
        S::Building | S::DeadBuilding => 4,
        S::VerifyingRepair => 3,
        S::Verifying | S::VerifyingUntilError => 2,
        _ => 0,
    };
    let (mut all, mut lost) = (0u16, 0u16);
    let mut worst: Option<S> = None;
    for state in sets {
        all = all.saturating_add(1);
        if dead(&state) {
            lost = lost.saturating_add(1);
        } else if worst.is_none_or(|worst| rank(&state) > rank(&worst)) {
            worst = Some(state);
        }
    }
    match (mirrored, lost) {
        (_, lost) if all > 0 && lost == all => Some(S::Dead { sub: 0 }),
        (false, 1..) => Some(S::Dead { sub: 0 }),
        (true, 1..) if worst.is_none_or(|worst| rank(&worst) < 6) => Some(S::Degraded { sub: 0 }),
        _ => match worst? {
            state if rank(&state) > 0 => Some(state),
            _ => Some(S::Optimal),
        },
    }
}

/// Writes the joined state of its sets into the top line.
pub(crate) fn store_joined(top: &mut ConfigurationLine, state: ArrayLineState, built: bool) {
    if !alike(top.array_state(), state) {
        top.raidstate = state.raw();
    }
    if state == ArrayLineState::Building {
        let flag = LineFlags::BUILT.bits();
        top.flags = if built { top.flags | flag } else { top.flags & !flag };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raid_core::metadata::Progress;
    use raid_core::units::Slot;
    use zerocopy::FromZeros;

    fn line() -> ConfigurationLine {
        let mut line = ConfigurationLine::new_zeroed();
        line.lcapcty = 4096.into();
        line.strpsize = 128.into();
        line
    }

    fn set(slots: &[u8]) -> SlotSet {
        slots.iter().copied().map(Slot).collect()
    }

    fn state(failed: &[u8], rebuilding: &[u8], operation: Option<Operation>) -> RuntimeState {
        RuntimeState {
            clean: true,
            failed: set(failed),
            rebuilding: set(rebuilding),
            initialisation: Initialisation::Full,
            progress: operation.map(|operation| Progress { operation, mark: Row(1000) }),
        }
    }

    const MIRROR: Health = Health { redundant: true, slots: SlotSet::EMPTY };

    /// What is stored is read back: operation, how far redundancy goes, and the mark in whole stripes.
    #[test]
    fn every_operation_is_read_back_with_its_mark() {
        let mirror = Health { slots: set(&[0, 1, 2]), ..MIRROR };
        let rebuild = Operation::Rebuild { targets: set(&[1]) };
        for (failed, rebuilding, operation, raw) in [
            (&[][..], &[][..], None, 0x00),
            (&[2], &[], None, 0x01),
            (&[2], &[1], Some(rebuild), 0x02),
            (&[], &[], Some(Operation::Resync), 0x0B),
            (&[], &[], Some(Operation::Check), 0x0A),
            (&[], &[], Some(Operation::Repair), 0x1A),
            (&[0, 1, 2], &[], None, 0x04),
        ] {
            let mut stored = line();
            mirror.store(&state(failed, rebuilding, operation), &mut stored);
            assert_eq!(stored.raidstate, raw, "{operation:?}");
            assert_eq!(self::operation(&stored, set(rebuilding)), operation);
            assert_eq!(initialisation(&stored), Initialisation::Full);
            let expected = if operation.is_some() { 896 } else { 0 };
            assert_eq!(mark(&stored, operation), Row(expected), "{operation:?}");
        }
    }

    #[test]
    fn a_first_build_is_told_from_a_second_one() {
        let mirror = Health { slots: set(&[0, 1]), ..MIRROR };
        for (initialisation, raw, operation) in [
            (Initialisation::None, 0x54, None),
            (Initialisation::Running, 0x0B, Some(Operation::Initialise)),
            (Initialisation::Full, 0x00, None),
        ] {
            let mut stored = line();
            let state = RuntimeState { initialisation, ..state(&[], &[], operation) };
            mirror.store(&state, &mut stored);
            assert_eq!(stored.raidstate, raw);
            assert_eq!(self::initialisation(&stored), initialisation);
            assert_eq!(self::operation(&stored, SlotSet::EMPTY), operation);
        }
    }

    #[test]
    fn what_says_the_same_already_is_kept() {
        let mirror = Health { slots: set(&[0, 1]), ..MIRROR };
        for (raw, failed) in
            [(0x05, &[][..]), (0xFD, &[]), (0x77, &[]), (0x31, &[1]), (0x74, &[0, 1])]
        {
            let mut stored = line();
            stored.raidstate = raw;
            stored.flags = 0x8F;
            mirror.store(&state(failed, &[], None), &mut stored);
            assert_eq!((stored.raidstate, stored.flags), (raw, 0x8F), "{raw:#x}");
        }
        let mut stored = line();
        stored.flags = 0xEF;
        mirror.store(&state(&[], &[], None), &mut stored);
        assert_eq!(stored.flags, 0x8F, "a copy that is over");
    }

    #[test]
    fn the_worst_set_speaks_for_stripes_and_the_best_for_mirrors() {
        use ArrayLineState as S;
        let dead = S::Dead { sub: 0 };
        let degraded = S::Degraded { sub: 0 };
        for (sets, striped, mirrored) in [
            ([S::Optimal, S::Optimal], S::Optimal, S::Optimal),
            ([S::Warning, S::Optimal], S::Optimal, S::Optimal),
            ([degraded, S::Rebuilding], S::Rebuilding, S::Rebuilding),
            ([S::Optimal, S::AwaitingBuild], S::AwaitingBuild, S::AwaitingBuild),
            ([dead, S::Optimal], dead, degraded),
            ([dead, S::Rebuilding], dead, S::Rebuilding),
            ([dead, dead], dead, dead),
        ] {
            assert_eq!(joined(sets.into_iter(), false), Some(striped), "{sets:?}");
            assert_eq!(joined(sets.into_iter(), true), Some(mirrored), "{sets:?}");
        }
        assert_eq!(joined(core::iter::empty(), false), None);
    }
}
