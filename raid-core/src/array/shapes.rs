// SPDX-License-Identifier: MIT OR Apache-2.0
//! The usual arrays by name, and what else they may have.

use super::{Geometry, Level, Placement, QNumbering, Secondary};
use crate::units::Blocks;

/// ```
/// use raid_core::array::{Geometry, Placement};
/// use raid_core::units::Blocks;
///
/// // Eight disks of 1 TiB, 256 KiB a strip, as DDF writers and md place the parity by default.
/// let usual = Geometry::raid6(8, Blocks(512), Blocks(1 << 31));
/// // Two of five, striped, parity where md has it with `--layout=ra`.
/// let other = Geometry::raid5(5, Blocks(128), Blocks(1 << 21))
///     .with_placement(Placement::RIGHT_ASYMMETRIC)
///     .striped_over(2);
/// assert_eq!((usual.slots, other.sets), (8, 2));
/// ```
impl Geometry {
    /// One set of blocks of 512 bytes; the rest as the level needs it.
    const fn usual(
        level: Level,
        placement: Placement,
        slots: u16,
        strip: Blocks,
        member_blocks: Blocks,
    ) -> Self {
        Self {
            level,
            placement,
            slots,
            strip,
            member_blocks,
            secondary: Secondary::None,
            sets: 1,
            q_numbering: QNumbering::BySlot,
            parities: 0,
            rotate_shift: 0,
            block_size: 512,
        }
    }

    /// One disk, addressed as it is.
    #[must_use]
    pub const fn single(member_blocks: Blocks) -> Self {
        Self::usual(Level::Single, Placement::Fixed, 1, Blocks(0), member_blocks)
    }

    /// Strips of `strip` blocks over `slots` members of `member_blocks` each, without redundancy.
    #[must_use]
    pub const fn raid0(slots: u16, strip: Blocks, member_blocks: Blocks) -> Self {
        Self::usual(Level::Raid0, Placement::Fixed, slots, strip, member_blocks)
    }

    /// `slots` copies of `member_blocks` each.
    #[must_use]
    pub const fn raid1(slots: u16, member_blocks: Blocks) -> Self {
        Self::usual(Level::Raid1, Placement::Fixed, slots, Blocks(0), member_blocks)
    }

    /// One parity on the last member, as md's raid4.
    #[must_use]
    pub const fn raid4(slots: u16, strip: Blocks, member_blocks: Blocks) -> Self {
        Self::usual(Level::Raid4, Placement::ParityLast, slots, strip, member_blocks)
    }

    /// One rotating parity, left-symmetric: what md and most DDF writers make by default.
    #[must_use]
    pub const fn raid5(slots: u16, strip: Blocks, member_blocks: Blocks) -> Self {
        Self::usual(Level::Raid5, Placement::LEFT_SYMMETRIC, slots, strip, member_blocks)
    }

    /// Two rotating parities, left-symmetric. Q is numbered as DDF has it; for an array with md's own metadata:
    /// [`with_q_numbering`](Self::with_q_numbering).
    #[must_use]
    pub const fn raid6(slots: u16, strip: Blocks, member_blocks: Blocks) -> Self {
        Self::usual(Level::Raid6, Placement::LEFT_SYMMETRIC, slots, strip, member_blocks)
    }

    /// Strips over `sets` mirrors of `copies` members each: DDF's RAID-10. (md's raid10 is one set:
    /// [`Level::Raid10`].)
    #[must_use]
    pub const fn raid10(sets: u16, copies: u16, strip: Blocks, member_blocks: Blocks) -> Self {
        let mirror = Self::usual(Level::Raid1, Placement::Fixed, copies, strip, member_blocks);
        mirror.striped_over(sets)
    }

    /// The same with parity or copies placed so.
    #[must_use]
    pub const fn with_placement(self, placement: Placement) -> Self {
        Self { placement, ..self }
    }

    /// The same with these exponents in Q.
    #[must_use]
    pub const fn with_q_numbering(self, q_numbering: QNumbering) -> Self {
        Self { q_numbering, ..self }
    }

    /// The same in blocks of this many bytes, 512 or 4096. The other sizes are counts of blocks, and stay.
    #[must_use]
    pub const fn with_block_size(self, block_size: u32) -> Self {
        Self { block_size, ..self }
    }

    /// So many sets of this shape, joined so. One set is not joined to anything.
    #[must_use]
    pub const fn with_sets(self, sets: u16, secondary: Secondary) -> Self {
        let secondary = if sets > 1 { secondary } else { Secondary::None };
        Self { sets, secondary, ..self }
    }

    /// So many sets of this shape, strips going round robin: of RAID-5 this is RAID-50.
    #[must_use]
    pub const fn striped_over(self, sets: u16) -> Self {
        self.with_sets(sets, Secondary::Striped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Layout;

    #[test]
    fn each_of_the_usual_arrays_has_a_layout() {
        let (strip, member) = (Blocks(16), Blocks(128));
        let expected = [
            (Geometry::single(member), "single", 128),
            (Geometry::raid0(3, strip, member), "raid0", 3 * 128),
            (Geometry::raid1(3, member), "raid1", 128),
            (Geometry::raid4(3, strip, member), "raid4", 2 * 128),
            (Geometry::raid5(4, strip, member), "raid5", 3 * 128),
            (Geometry::raid6(5, strip, member), "raid6", 3 * 128),
            (Geometry::raid10(3, 2, strip, member), "raid10", 3 * 128),
            (Geometry::raid5(3, strip, member).striped_over(2), "raid5", 4 * 128),
            (
                Geometry::raid0(2, strip, member).with_sets(2, Secondary::Mirrored),
                "raid01",
                2 * 128,
            ),
        ];
        for (geometry, name, blocks) in expected {
            let layout = Layout::new(&geometry).expect(name);
            assert_eq!((geometry.level_name(), layout.size()), (name, Blocks(blocks)));
        }
    }

    #[test]
    fn what_is_asked_for_is_there_and_nothing_else_changes() {
        let usual = Geometry::raid6(5, Blocks(16), Blocks(128));
        let placed = usual.with_placement(Placement::NRestart);
        assert_eq!(placed, Geometry { placement: Placement::NRestart, ..usual });
        let numbered = usual.with_q_numbering(QNumbering::ByData);
        assert_eq!(numbered, Geometry { q_numbering: QNumbering::ByData, ..usual });
        assert_eq!(usual.with_block_size(4096), Geometry { block_size: 4096, ..usual });
        assert_eq!(usual.striped_over(1), usual);
        let secondary = Secondary::Striped;
        assert_eq!(usual.striped_over(2), Geometry { sets: 2, secondary, ..usual });
    }
}
