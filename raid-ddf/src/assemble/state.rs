// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a set, and an array of sets, is worth with the members at hand (`ddf.md` 5.10).

use raid_core::array::{ArrayState, Geometry, Level, Placement, Secondary};
use raid_core::units::{Slot, SlotSet};

/// Worth of one set of which the slots in `readable` hold their data.
pub(crate) fn set_state(geometry: &Geometry, readable: SlotSet) -> ArrayState {
    let lost = geometry.slots.saturating_sub(readable.len());
    if lost == 0 {
        return ArrayState::Optimal;
    }
    match geometry.level {
        Level::Raid1 => match readable.len() {
            0 => ArrayState::Failed,
            1 => ArrayState::Degraded,
            _ => ArrayState::PartiallyOptimal,
        },
        Level::Raid1E if survives_in_pairs(geometry, readable) => ArrayState::Degraded,
        _ => match u16::from(geometry.parity_strips()).checked_sub(lost) {
            None => ArrayState::Failed,
            Some(0) => ArrayState::Degraded,
            Some(_) => ArrayState::PartiallyOptimal,
        },
    }
}

/// Whether of every two neighbours that share strips one is readable.
fn survives_in_pairs(geometry: &Geometry, readable: SlotSet) -> bool {
    // With adjacent copies and an even number of slots, slots 0 and 1 share all their strips, 2 and
    // 3, and so on; else every slot shares strips with both neighbours.
    let closed_pairs =
        geometry.placement == Placement::Adjacent && geometry.slots.is_multiple_of(2);
    let slot = |index: u16| u8::try_from(index).map_or(Slot(u8::MAX), Slot);
    (0..geometry.slots).filter(|index| !closed_pairs || index.is_multiple_of(2)).all(|index| {
        let next = index.saturating_add(1);
        let neighbour = if next == geometry.slots { 0 } else { next };
        readable.contains(slot(index)) || readable.contains(slot(neighbour))
    })
}

/// Worth of an array of sets.
pub(crate) fn join_sets(
    secondary: Secondary,
    sets: impl Iterator<Item = ArrayState>,
) -> ArrayState {
    let mut count = [0u32; 4];
    for state in sets {
        let [optimal, partly, degraded, failed] = &mut count;
        let counter = match state {
            ArrayState::Optimal => optimal,
            ArrayState::PartiallyOptimal => partly,
            ArrayState::Degraded => degraded,
            _ => failed,
        };
        *counter = counter.saturating_add(1);
    }
    let [optimal, partly, degraded, failed] = count;
    match (secondary, optimal, partly, degraded, failed) {
        (_, 0, 0, 0, _) => ArrayState::Failed,
        (_, _, 0, 0, 0) => ArrayState::Optimal,
        (Secondary::Mirrored, 1.., ..) => ArrayState::PartiallyOptimal,
        (Secondary::Mirrored, ..) => ArrayState::Degraded,
        (_, _, _, _, 1..) => ArrayState::Failed,
        (_, _, _, 1.., _) => ArrayState::Degraded,
        _ => ArrayState::PartiallyOptimal,
    }
}

#[cfg(test)]
mod tests {
    use super::ArrayState::{Degraded, Failed, Optimal, PartiallyOptimal};
    use super::*;
    use raid_core::array::QNumbering;
    use raid_core::units::Blocks;

    fn state(level: Level, placement: Placement, slots: u16, lost: &[u8]) -> ArrayState {
        let geometry = Geometry {
            level,
            placement,
            slots,
            strip: Blocks(8),
            member_blocks: Blocks(64),
            secondary: Secondary::None,
            sets: 1,
            q_numbering: QNumbering::BySlot,
            parities: 3,
            rotate_shift: 0,
            block_size: 512,
        };
        let lost = lost.iter().copied().map(Slot).collect();
        set_state(&geometry, SlotSet::first(slots).without(lost))
    }

    #[test]
    fn each_level_bears_what_it_promises_and_no_more() {
        let fixed = Placement::Fixed;
        for level in [Level::Raid0, Level::Concat] {
            assert_eq!(state(level, fixed, 3, &[]), Optimal);
            assert_eq!(state(level, fixed, 3, &[1]), Failed);
        }
        assert_eq!(state(Level::Raid1, fixed, 3, &[0]), PartiallyOptimal);
        assert_eq!(state(Level::Raid1, fixed, 3, &[0, 2]), Degraded);
        assert_eq!(state(Level::Raid1, fixed, 3, &[0, 1, 2]), Failed);
        let rotating = Placement::NRestart;
        for level in [Level::Raid4, Level::Raid5, Level::Raid5E, Level::Raid5EE, Level::Raid5R] {
            assert_eq!(state(level, rotating, 4, &[3]), Degraded);
            assert_eq!(state(level, rotating, 4, &[0, 3]), Failed);
        }
        assert_eq!(state(Level::Raid6, rotating, 5, &[1]), PartiallyOptimal);
        assert_eq!(state(Level::Raid6, rotating, 5, &[1, 2]), Degraded);
        assert_eq!(state(Level::Raid6, rotating, 5, &[1, 2, 3]), Failed);
        assert_eq!(state(Level::Mdf, rotating, 6, &[1, 2]), PartiallyOptimal);
        assert_eq!(state(Level::Mdf, rotating, 6, &[1, 2, 3]), Degraded);
    }

    #[test]
    fn shifted_copies_bear_the_loss_of_slots_that_share_nothing() {
        let lost = |placement, slots, lost: &[u8]| state(Level::Raid1E, placement, slots, lost);
        assert_eq!(lost(Placement::Adjacent, 4, &[0, 2]), Degraded);
        assert_eq!(lost(Placement::Adjacent, 4, &[1, 2]), Degraded);
        assert_eq!(lost(Placement::Adjacent, 4, &[2, 3]), Failed);
        assert_eq!(lost(Placement::Adjacent, 5, &[1, 2]), Failed);
        assert_eq!(lost(Placement::Adjacent, 5, &[1, 3]), Degraded);
        assert_eq!(lost(Placement::Offset, 4, &[1, 2]), Failed);
        assert_eq!(lost(Placement::Far, 4, &[3, 0]), Failed);
        assert_eq!(lost(Placement::Far, 4, &[1, 3]), Degraded);
    }

    #[test]
    fn striped_sets_are_as_good_as_the_worst_and_mirrored_ones_as_the_best() {
        let join = |secondary, sets: &[ArrayState]| join_sets(secondary, sets.iter().copied());
        assert_eq!(join(Secondary::None, &[Degraded]), Degraded);
        assert_eq!(join(Secondary::None, &[Failed]), Failed);
        assert_eq!(join(Secondary::Striped, &[Optimal, Optimal]), Optimal);
        assert_eq!(join(Secondary::Striped, &[Optimal, PartiallyOptimal]), PartiallyOptimal);
        assert_eq!(join(Secondary::Striped, &[Optimal, Degraded]), Degraded);
        assert_eq!(join(Secondary::Striped, &[Optimal, Failed]), Failed);
        assert_eq!(join(Secondary::Mirrored, &[Optimal, Failed]), PartiallyOptimal);
        assert_eq!(join(Secondary::Mirrored, &[Degraded, Failed]), Degraded);
        assert_eq!(join(Secondary::Mirrored, &[Failed, Failed]), Failed);
        assert_eq!(join(Secondary::Striped, &[]), Failed);
    }
}
