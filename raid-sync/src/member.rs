// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who takes part, and whose data may be trusted.
//!
//! | state | holds its rows | reads | writes | leaves by |
//! |---|---|---|---|---|
//! | Trusted | all | yes | must | failure → Failed |
//! | Filling | below `done` of the rebuild | below `done` | must below `issued`, may above | end record durable → Trusted; failure → Failed |
//! | Waiting | none | no | no | a rebuild takes it in → Filling; failure → Failed |
//! | Failed | unknown | no | no | another disk sits there → Waiting |

use raid_core::array::Level;
use raid_core::layout::Layout;
use raid_core::units::{Slot, SlotSet};

/// What keeps the data of a set when members are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Redundancy {
    /// Nothing: every member is needed.
    None,
    /// Every member holds every row: one trusted member is enough.
    Mirror,
    /// Any this many members may be absent: 1 for RAID-3, 4, 5 and 1E, 2 for RAID-6, one less than there are copies for
    /// md's raid10.
    Parity(u8),
}

impl Redundancy {
    /// What keeps the data of a set of this layout, whatever its level.
    #[must_use]
    pub fn of(layout: &Layout<'_>) -> Self {
        let geometry = layout.geometry();
        if geometry.level == Level::Raid1 {
            return Self::Mirror;
        }
        let copies = u8::try_from(layout.copy_count()).unwrap_or(u8::MAX);
        match geometry.parity_strips().max(copies.saturating_sub(1)) {
            0 => Self::None,
            absent => Self::Parity(absent),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Members {
    pub(crate) all: SlotSet,
    pub(crate) failed: SlotSet,
    pub(crate) filling: SlotSet,
    pub(crate) waiting: SlotSet,
    pub(crate) redundancy: Redundancy,
}

impl Members {
    pub(crate) const NOBODY: Self = Self {
        all: SlotSet::EMPTY,
        failed: SlotSet::EMPTY,
        filling: SlotSet::EMPTY,
        waiting: SlotSet::EMPTY,
        redundancy: Redundancy::None,
    };

    pub(crate) fn live(&self) -> SlotSet {
        self.all.without(self.failed)
    }

    pub(crate) fn untrusted(&self) -> SlotSet {
        self.failed | self.filling | self.waiting
    }

    pub(crate) fn rebuilding(&self) -> SlotSet {
        self.filling | self.waiting
    }

    pub(crate) fn trusted(&self) -> SlotSet {
        self.all.without(self.untrusted())
    }

    /// How many members must hold a row.
    pub(crate) fn needed(&self) -> u16 {
        match self.redundancy {
            Redundancy::None => self.all.len(),
            Redundancy::Mirror => 1,
            Redundancy::Parity(absent) => self.all.len().saturating_sub(u16::from(absent)).max(1),
        }
    }

    /// Whether these members together hold every row.
    pub(crate) fn suffice(&self, holders: SlotSet) -> bool {
        holders.len() >= self.needed()
    }

    /// Whether there is redundancy that can be compared or made to agree.
    pub(crate) fn redundant(&self) -> bool {
        match self.redundancy {
            Redundancy::None => false,
            Redundancy::Mirror => self.trusted().len() > 1,
            Redundancy::Parity(_) => self.untrusted().is_empty(),
        }
    }

    pub(crate) fn fail(&mut self, slot: Slot) {
        self.failed.insert(slot);
        self.filling.remove(slot);
        self.waiting.remove(slot);
    }

    pub(crate) fn join(&mut self, slot: Slot) {
        self.failed.remove(slot);
        self.waiting.insert(slot);
    }

    /// Chooses who is filled next; the others wait.
    pub(crate) fn fill(&mut self, targets: SlotSet) {
        let rebuilding = self.rebuilding();
        self.filling = targets & rebuilding;
        self.waiting = rebuilding.without(targets);
    }

    /// The members being filled hold every row, and a record says so.
    pub(crate) const fn trust_filled(&mut self) {
        self.filling = SlotSet::EMPTY;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raid_core::array::{Geometry, Placement};
    use raid_core::layout::Location;
    use raid_core::units::Blocks;

    fn set(slots: &[u8]) -> SlotSet {
        slots.iter().map(|slot| Slot(*slot)).collect()
    }

    #[test]
    fn the_table_of_member_states_holds() {
        let all = SlotSet::first(3);
        let mut m = Members {
            all,
            failed: SlotSet::EMPTY,
            filling: SlotSet::EMPTY,
            waiting: SlotSet::EMPTY,
            redundancy: Redundancy::Mirror,
        };
        m.fail(Slot(1));
        assert_eq!((m.trusted(), m.live()), (set(&[0, 2]), set(&[0, 2])));
        m.join(Slot(1));
        assert_eq!((m.trusted(), m.live(), m.waiting), (set(&[0, 2]), all, set(&[1])));
        m.fill(set(&[1]));
        assert_eq!((m.trusted(), m.filling, m.waiting), (set(&[0, 2]), set(&[1]), set(&[])));
        m.trust_filled();
        assert_eq!(m.trusted(), all);
        for (slot, prepare) in [(2, set(&[2])), (1, set(&[]))] {
            let mut m = m;
            m.fail(Slot(slot));
            m.join(Slot(slot));
            m.fill(prepare);
            m.fail(Slot(slot));
            assert_eq!(m.rebuilding(), SlotSet::EMPTY);
            assert_eq!(m.failed, set(&[slot]));
        }
    }

    /// Every level, with as many members as it may lose, any of them, and what is left of its blocks.
    #[test]
    fn every_level_may_lose_what_its_redundancy_says() {
        let one = |level, placement, slots, parities| {
            let strip = match level {
                Level::Raid1 | Level::Raid3 | Level::Single | Level::Concat => Blocks(0),
                _ => Blocks(8),
            };
            Geometry { level, placement, parities, ..Geometry::raid0(slots, strip, Blocks(64)) }
        };
        use Placement::{Adjacent, Far, FarCopies, Fixed, NContinue, NearCopies, Offset};
        use Placement::{OffsetCopies, ParityLast};
        for (geometry, expected) in [
            (one(Level::Raid0, Fixed, 3, 0), Redundancy::None),
            (one(Level::Single, Fixed, 1, 0), Redundancy::None),
            (one(Level::Raid1, Fixed, 3, 0), Redundancy::Mirror),
            (one(Level::Raid1E, Adjacent, 3, 0), Redundancy::Parity(1)),
            (one(Level::Raid1E, Offset, 5, 0), Redundancy::Parity(1)),
            (one(Level::Raid10, Adjacent, 4, 0), Redundancy::Parity(1)),
            (one(Level::Raid10, Far, 3, 0), Redundancy::Parity(1)),
            (one(Level::Raid10, NearCopies(3), 4, 0), Redundancy::Parity(2)),
            (one(Level::Raid10, OffsetCopies(3), 5, 0), Redundancy::Parity(2)),
            (one(Level::Raid10, FarCopies(4), 4, 0), Redundancy::Parity(3)),
            (one(Level::Raid3, ParityLast, 3, 0), Redundancy::Parity(1)),
            (one(Level::Raid4, ParityLast, 3, 0), Redundancy::Parity(1)),
            (one(Level::Raid5, NContinue, 3, 0), Redundancy::Parity(1)),
            (one(Level::Raid5E, NContinue, 4, 0), Redundancy::Parity(1)),
            (one(Level::Raid5EE, NContinue, 4, 0), Redundancy::Parity(1)),
            (one(Level::Raid5R, NContinue, 3, 0), Redundancy::Parity(1)),
            (one(Level::Raid6, NContinue, 5, 0), Redundancy::Parity(2)),
            (one(Level::Mdf, NContinue, 6, 3), Redundancy::Parity(3)),
        ] {
            let name = (geometry.level_name(), geometry.placement);
            let layout = Layout::new(&geometry).unwrap_or_else(|why| panic!("{name:?}: {why}"));
            assert_eq!(Redundancy::of(&layout), expected, "{name:?}");
            let Redundancy::Parity(absent) = expected else { continue };
            if layout.copy_count() < 2 {
                continue;
            }
            for lost in 0..1u16 << geometry.slots {
                if lost.count_ones() > u32::from(absent) {
                    continue;
                }
                for block in 0..layout.set_blocks().0 {
                    let here = |at: Location| lost >> at.slot.0 & 1 == 0;
                    assert!(layout.copies(block).any(here), "{name:?} {block} without {lost:b}");
                }
            }
        }
    }

    #[test]
    fn each_kind_of_redundancy_needs_its_number_of_members() {
        for (redundancy, members, needed) in [
            (Redundancy::None, 4, 4),
            (Redundancy::Mirror, 4, 1),
            (Redundancy::Parity(1), 4, 3),
            (Redundancy::Parity(2), 4, 2),
            (Redundancy::Parity(200), 4, 1),
        ] {
            let m = Members {
                all: SlotSet::first(members),
                failed: SlotSet::EMPTY,
                filling: SlotSet::EMPTY,
                waiting: SlotSet::EMPTY,
                redundancy,
            };
            assert_eq!(m.needed(), needed);
            assert!(m.suffice(SlotSet::first(needed)));
            assert!(!m.suffice(SlotSet::first(needed - 1)));
        }
    }
}
