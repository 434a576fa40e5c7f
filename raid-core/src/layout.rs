// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which block of which member holds a block of the array, and the other way round.
//!
//! ```text
//!          array blocks
//!               │ split / array_block          secondary   striped, mirrored, concatenated, spanned
//!        data blocks of a set
//!               │ locate, copies / role        primary     one module a family, below
//!   (slot, block of the member's extent)
//! ```
//!
//! | module | levels |
//! |---|---|
//! | `striped` | RAID-0 |
//! | here | RAID-1, single disk: every slot holds every block |
//! | `shifted` | RAID-1E, md's raid10 |
//! | `interleaved` | RAID-3 |
//! | `rotation`, `row` | RAID-4, 5, 5E, 5EE, 5R, 6, MDF |
//! | `concatenated` | concatenation |
//!
//! The two directions share no formula, so that each is a test of the other.
//!
//! What holds each row, in `tests/suite/layouts.rs` where no file is named; for all of them
//! `forward_and_inverse_map_agree_everywhere`, `any_sound_geometry_maps_there_and_back`,
//! `any_member_block_has_one_role_and_is_found_again`, `sizes_are_what_the_standard_says`, and up to the
//! last block `arrays_that_end_just_below_2_to_the_64_are_mapped_to_their_last_block`:
//!
//! | level | tables and equations | written by Linux (`tests/suite/stripe/kernel.rs`) |
//! |---|---|---|
//! | RAID-0, single | `striping_and_mirroring_are_as_in_the_standard` | `raid0_and_raid1e_adjacent` |
//! | RAID-1 | `striping_and_mirroring_are_as_in_the_standard` | `two_mirrors_striped` |
//! | concatenation | `a_concatenation_takes_each_members_own_size` | – |
//! | RAID-1E adjacent, offset | `shifted_copies_are_as_in_the_standard_and_in_md_raid10` | `raid0_and_raid1e_adjacent` (adjacent) |
//! | RAID-10 near, far, offset | `more_copies_are_as_in_the_manual_of_md`, `raid10_of_md_is_where_its_own_search_finds_it` | `image_of_raid1e_far` (far) |
//! | RAID-3 | `bytes_of_raid3_go_round_the_data_members` | – |
//! | RAID-4 | `dedicated_parity_is_first_or_last` | `images_of_raid4_raid5_and_raid6` |
//! | RAID-5, every RLQ | `rotating_parity_is_as_in_the_four_layouts_of_md`, `rotating_levels_follow_the_equations` | `images_of_raid4_raid5_and_raid6`, `raid5_rotating_parity_0_restart_and_n_continuation` |
//! | RAID-5R | `rotating_parity_is_as_in_the_four_layouts_of_md`, `rotating_levels_follow_the_equations` | – |
//! | RAID-5E, 5EE | `spare_space_is_at_the_end_or_follows_parity`, `rotating_levels_follow_the_equations` | – |
//! | RAID-6 of DDF, every RLQ | `raid6_of_ddf_is_as_in_the_standard`, `rotating_levels_follow_the_equations` | `raid6_rotating_parity_n_continuation` |
//! | RAID-6 of md | `raid6_of_md_has_q_right_after_p_and_starts_one_row_earlier`, `rotating_levels_follow_the_equations` | `images_of_raid4_raid5_and_raid6` |
//! | exponents of Q | `exponents_count_slots_for_ddf_and_data_after_q_for_md` | same images |
//! | MDF | `more_than_two_parities_run_on_and_wrap`, `rotating_levels_follow_the_equations` | – |
//! | md's names and numbers | `names_and_numbers_of_md_mean_its_layouts` | – |
//! | secondary striped | `striped_sets_take_whole_strips_of_a_mirror_in_turn` | `two_mirrors_striped` |
//! | concatenated, mirrored | `concatenated_sets_follow_one_another_and_mirrored_sets_hold_everything` | – |
//! | unequal elements | `sets_of_unequal_size_are_striped_as_far_as_all_reach_and_spanned_further`, `sets_of_unequal_size_are_concatenated_whole_and_mirrored_by_the_smallest`, `elements_of_any_sizes_are_joined_there_and_back` | – |
//!
//! ```
//! use raid_core::array::{Geometry, Level, Placement, QNumbering, Secondary};
//! use raid_core::layout::{Layout, Location, Role};
//! use raid_core::units::{Blocks, Lba, Slot};
//!
//! // Linux's default RAID-5 over four disks with strips of 128 blocks.
//! let layout = Layout::new(&Geometry {
//!     level: Level::Raid5,
//!     placement: Placement::NContinue,
//!     slots: 4,
//!     strip: Blocks(128),
//!     member_blocks: Blocks(1 << 20),
//!     secondary: Secondary::None,
//!     sets: 1,
//!     q_numbering: QNumbering::BySlot,
//!     parities: 0,
//!     rotate_shift: 0,
//!     block_size: 512,
//! })?;
//! assert_eq!(layout.size(), Blocks(3 << 20));
//! // Strip 3 opens the second row, right after the parity that has moved to slot 2.
//! assert_eq!(layout.locate(3 * 128), Some(Location { slot: Slot(3), block: Lba(128) }));
//! assert_eq!(layout.role(Slot(2), 128), Role::Parity(0));
//! assert_eq!(layout.role(Slot(3), 128), Role::Data(3 * 128));
//! # Ok::<(), raid_core::layout::GeometryError>(())
//! ```

mod concatenated;
mod divisor;
mod error;
mod interleaved;
mod piece;
mod rotation;
mod row;
mod secondary;
mod shifted;
mod striped;
mod validate;

pub(crate) use divisor::Divisor;
pub use error::GeometryError;
pub use interleaved::ByteLocation;
pub use piece::{Piece, Pieces};
pub use row::{RowMap, StripRole};
pub use secondary::{Elements, SetPiece, Split};
pub(crate) use shifted::Spread;

use crate::array::{Geometry, Level};
use crate::units::{Blocks, Extent, Lba, Rows, Slot, SlotSet};
use concatenated::Sizes;
use core::num::NonZeroU64;
use interleaved::Interleaved;
use rotation::Rotation;
use shifted::Shifted;

/// A place on a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Location {
    /// Which slot of the set.
    pub slot: Slot,
    /// Block of the member's extent.
    pub block: Lba,
}

/// What a block of a member is to its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// This data block of the set; its first copy where there are several.
    Data(u64),
    /// A further copy.
    Copy {
        /// Of this data block.
        of: u64,
    },
    /// Parity of its row: 0 is P, 1 is Q.
    Parity(u8),
    /// Bytes of several data blocks of the set, taken in turn (RAID-3): see
    /// [`Layout::byte_at`].
    Interleaved {
        /// The first of those data blocks; they are as many as there are data members.
        first: u64,
    },
    /// Spare space (RAID-5E, RAID-5EE).
    HotSpace,
    /// Nothing: past the last full row.
    Unused,
}

/// A geometry that was found sound, with the numbers that follow from it.
///
/// A small `Copy` value; it borrows only the sizes of a concatenation's members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout<'m> {
    geometry: Geometry,
    family: Family<'m>,
    strips: Strips,
    joint: Elements<'m>,
}

/// How a level maps blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Family<'m> {
    Striped,
    Mirrored,
    Shifted(Shifted),
    Interleaved(Interleaved, RowMap),
    Parity(Rotation),
    Concatenated(Sizes<'m>),
}

/// The strips of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Strips {
    /// Blocks of a strip; 1 where the level has none.
    len: Divisor,
    /// Slots of the set.
    slots: NonZeroU64,
    /// Data strips of a row; as many as slots where rows are not of parity.
    in_row: NonZeroU64,
    /// Strips of a member that are in use.
    rows: u64,
    /// Data strips of the set.
    count: u64,
}

impl Strips {
    /// Block of a member: `within` blocks into strip `row`.
    fn block(&self, row: u64, within: u64) -> u64 {
        row.saturating_mul(self.len.get()).saturating_add(within)
    }

    /// Data block of the set: `within` blocks into strip `strip`; `None` past the last strip.
    fn data_block(&self, strip: u64, within: u64) -> Option<u64> {
        (strip < self.count).then(|| strip.saturating_mul(self.len.get()).saturating_add(within))
    }
}

/// Slot number `index`, which is below 256.
fn slot_at(index: u64) -> Slot {
    Slot(u8::try_from(index).unwrap_or(u8::MAX))
}

impl<'m> Layout<'m> {
    /// The geometry this is the layout of.
    #[must_use]
    pub const fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Blocks of the array. The host may be shown less, never more.
    #[must_use]
    pub const fn size(&self) -> Blocks {
        self.joint.size()
    }

    /// Data blocks of one set.
    #[must_use]
    pub const fn set_blocks(&self) -> Blocks {
        Blocks(self.joint.set_blocks())
    }

    /// [`Row`](crate::units::Row)s of one set; spare space at the end of members has none.
    #[must_use]
    pub fn rows(&self) -> u64 {
        match self.family {
            Family::Parity(_) | Family::Interleaved(..) => self.strips.block(self.strips.rows, 0),
            _ => self.joint.set_blocks(),
        }
    }

    /// Rows that share one assignment of slots: a strip, or 1 where every row is alike.
    #[must_use]
    pub const fn row_unit(&self) -> u64 {
        match self.family {
            Family::Mirrored | Family::Concatenated(_) | Family::Interleaved(..) => 1,
            _ => self.strips.len.get(),
        }
    }

    /// The slots of a set.
    #[must_use]
    pub fn slots(&self) -> SlotSet {
        SlotSet::first(self.geometry.slots)
    }

    /// How many copies of a data block there are, the first included; 0 for RAID-3, which keeps no
    /// block in one place.
    #[must_use]
    pub fn copy_count(&self) -> u16 {
        match self.family {
            Family::Mirrored => self.geometry.slots,
            Family::Shifted(shifted) => shifted.copies(),
            Family::Interleaved(..) => 0,
            _ => 1,
        }
    }

    /// Where data block `block` of a set is, the first copy; `None` past the end of the set, and for
    /// RAID-3 ([`Self::locate_byte`]).
    #[must_use]
    pub fn locate(&self, block: u64) -> Option<Location> {
        self.run(block).map(|(first, _)| first)
    }

    /// Where data block `block` is, the first copy, and how many data blocks from it on, itself
    /// included, follow one another on their members.
    #[inline]
    pub(crate) fn run(&self, block: u64) -> Option<(Location, u64)> {
        let left = self.joint.set_blocks().checked_sub(block).filter(|left| *left > 0)?;
        let s = &self.strips;
        let (strip, within) = s.len.split(block);
        let first = match &self.family {
            Family::Mirrored => return Some((Location { slot: Slot(0), block: Lba(block) }, left)),
            Family::Concatenated(sizes) => {
                return sizes.locate(block).map(|(first, run)| (first, run.min(left)));
            }
            Family::Interleaved(..) => return None,
            Family::Striped => striped::locate(s, strip, within),
            Family::Shifted(shifted) => shifted.first(s, strip, within),
            Family::Parity(rotation) => {
                let (row, index) = (strip / s.in_row, strip % s.in_row);
                let slot = rotation.row(row).data_slot(u16::try_from(index).ok()?)?;
                Location { slot, block: Lba(s.block(row, within)) }
            }
        };
        Some((first, s.len.get().saturating_sub(within).min(left)))
    }

    /// The way from the first copy of a block to the others.
    pub(crate) fn spread(&self) -> Spread {
        match &self.family {
            Family::Shifted(shifted) => shifted.spread(&self.strips),
            _ => Spread::default(),
        }
    }

    /// Every place that holds data block `block` of a set; none past the end of the set.
    pub fn copies(&self, block: u64) -> impl Iterator<Item = Location> + use<'m> {
        let (first, spread, slots) = (self.locate(block), self.spread(), self.geometry.slots);
        let copies = first.map_or(0, |_| self.copy_count());
        (0..copies).filter_map(move |copy| Some(spread.copy(first?, copy, slots)))
    }

    /// What block `block` of the member in `slot` is: the inverse of [`Self::copies`].
    #[must_use]
    pub fn role(&self, slot: Slot, block: u64) -> Role {
        let s = &self.strips;
        if u16::from(slot.0) >= self.geometry.slots {
            return Role::Unused;
        }
        let (row, within) = s.len.split(block);
        match &self.family {
            Family::Mirrored if block >= self.joint.set_blocks() => Role::Unused,
            Family::Mirrored if slot == Slot(0) => Role::Data(block),
            Family::Mirrored => Role::Copy { of: block },
            Family::Concatenated(sizes) => sizes.role(slot, block),
            _ if row >= s.rows => self.past_rows(block),
            Family::Striped => striped::role(s, slot, row, within),
            Family::Shifted(shifted) => shifted.role(s, slot, row, within),
            Family::Interleaved(map, _) => map.role(s, slot, row),
            Family::Parity(rotation) => match rotation.row(row).role(slot) {
                Some(StripRole::Data(index)) => s
                    .data_block(
                        row.saturating_mul(s.in_row.get()).saturating_add(u64::from(index)),
                        within,
                    )
                    .map_or(Role::Unused, Role::Data),
                Some(StripRole::Parity(index)) => Role::Parity(index),
                Some(StripRole::Hot) => Role::HotSpace,
                None => Role::Unused,
            },
        }
    }

    /// What a block past the rows in use is: RAID-5E keeps its spare space there.
    fn past_rows(&self, block: u64) -> Role {
        let spare = self.geometry.level == Level::Raid5E && block < self.geometry.member_blocks.0;
        if spare { Role::HotSpace } else { Role::Unused }
    }

    /// Roles of the slots in stripe row `stripe` (`stripe` × [`Self::row_unit`] is its first row);
    /// `None` past the last one and for levels without parity.
    #[must_use]
    #[inline]
    pub fn row_map(&self, stripe: u64) -> Option<RowMap> {
        match &self.family {
            Family::Interleaved(_, row) if stripe < self.strips.rows => Some(*row),
            Family::Parity(rotation) if stripe < self.strips.rows => Some(rotation.row(stripe)),
            _ => None,
        }
    }

    /// The rows that hold `at` (data blocks of a set), in one run: what a request must lock.
    #[must_use]
    pub fn rows_of(&self, at: Extent) -> Rows {
        let (Family::Parity(_) | Family::Interleaved(..)) = self.family else {
            return Rows::new(at.start.0, at.len.0);
        };
        let Some(last) = at.len.0.checked_sub(1) else {
            return Rows::new(self.row_of(at.start.0), 0);
        };
        let s = &self.strips;
        let last = at.start.0.saturating_add(last);
        let ((first_strip, first), (last_strip, last)) =
            (s.len.split(at.start.0), s.len.split(last));
        let (first_row, last_row) = (first_strip / s.in_row, last_strip / s.in_row);
        // Another strip in the first row is held from the strip's first block on, and another in
        // the last row up to its last block.
        let more_in_first =
            last_strip > first_strip && first_strip % s.in_row != s.in_row.get().saturating_sub(1);
        let more_in_last = last_strip > first_strip && last_strip % s.in_row != 0;
        let from = if more_in_first { 0 } else { first };
        let to = if more_in_last { s.len.get().saturating_sub(1) } else { last };
        let (from, to) = (s.block(first_row, from), s.block(last_row, to));
        // Two strips of neighbouring rows may be held in falling order of offset; never of rows.
        Rows::new(from, to.saturating_sub(from).saturating_add(1))
    }

    /// The row of data block `block` of a parity level.
    fn row_of(&self, block: u64) -> u64 {
        let (strip, within) = self.strips.len.split(block);
        self.strips.block(strip / self.strips.in_row, within)
    }

    /// Data strips of a stripe row of a parity level, and blocks of a strip.
    pub(crate) const fn row_shape(&self) -> (NonZeroU64, Divisor) {
        (self.strips.in_row, self.strips.len)
    }

    /// Whether the bytes of a row's blocks are taken in turn: RAID-3.
    pub(crate) const fn is_interleaved(&self) -> bool {
        matches!(self.family, Family::Interleaved(..))
    }
}
