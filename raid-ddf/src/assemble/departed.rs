// SPDX-License-Identifier: MIT OR Apache-2.0
//! What disks show of a volume that are no members of it any more: they know of their own failure, or another
//! disk has their place. As long as they are plugged in, updates are written to them as well.
//!
//! Such a disk has no data and no say, but its record is of a history that others have made. It shows that a
//! member is an older copy of that disk, and is not heard, if its record
//!
//! - counts that disk in, and is two updates further on;
//! - is later, and another disk has the place of that one;
//! - says that the disk is out, and descends from what that disk says;
//!
//! unless the member's own history parted from that one, or goes on from it, or may have: it calls the departed disk
//! out, and stamps do not tell.
//!
//! Where the [stamps of runs](crate::roster::Kin) say that it is of a history that parted from the speaker's, and nobody
//! is heard who carries that one on, the volume forked: those who made it are away. So it did where stamps do not tell,
//! and another disk has the place of a member there which is not known to be an older copy: it cannot be the later one.

use super::VirtualDisk;
use super::descent::Word;
use super::virtual_disk::SetRecord;
use crate::roster::Kin;
use crate::update::disk_set::DiskSet;

impl SetRecord<'_> {
    /// Whether its disk is no member any more, as it says itself.
    fn has_departed(&self) -> bool {
        self.word_on_disk_of(self).is_out()
    }

    /// Whether another disk has the place of the other record's disk there: that one is no later one then.
    fn gave_away_the_place_of(&self, other: &Self) -> bool {
        let them = other.disk.reference();
        self.has_later_members(other) && !self.references().any(|element| Some(element) == them)
    }

    /// Whether it says that the disk of the other record is out, and descends from that record, as far as that
    /// is known.
    fn went_on_without(&self, other: &Self) -> bool {
        self.accuses(other)
            && match other.kin(self) {
                Kin::Earlier => true,
                _ => !other.accuses(self) && self.compare_number(other).is_gt(),
            }
    }
}

impl<'a> VirtualDisk<'a> {
    /// The records on disks that have departed, but that of the disk of `claim`.
    fn departed(&self, claim: SetRecord<'a>) -> impl Iterator<Item = SetRecord<'a>> + use<'_, 'a> {
        self.claims().filter(move |other| !other.is_on(&claim) && other.has_departed())
    }

    /// Whether a disk that has departed shows that this is an older copy of a disk. Where there are several
    /// volumes that do not count their own updates, they may be another's.
    #[inline(never)]
    pub(super) fn is_older_than_a_departed_one(&self, claim: &SetRecord<'a>) -> bool {
        let counts_its_own = |other: &SetRecord<'a>| {
            other.roster().is_some() || self.configuration.entries().nth(1).is_none()
        };
        self.departed(*claim).any(|other| {
            let kin = claim.kin(&other);
            // Who went on without that disk may have parted from those who replaced it. Who does not name it
            // because it is from before it came has not, if everybody was there.
            let is_before =
                || kin == Kin::Earlier || !claim.accuses(&other) || claim.is_outlived_by(&other);
            let replaced = || other.replaced(claim) && is_before();
            !matches!(kin, Kin::Later | Kin::Apart)
                && (other.outran(claim) || replaced() || other.went_on_without(claim))
                && counts_its_own(&other)
        })
    }

    /// Whether a disk that has departed shows that a [witness](super::witness) is an older copy of a disk: that one had
    /// every update while it was filled.
    #[inline(never)]
    pub(super) fn is_witness_of_old(&self, witness: &SetRecord<'a>) -> bool {
        let fills = |other: &SetRecord<'a>| {
            other.roster().is_some()
                && other.word_on_disk_of(witness) == Word::Filling
                && !matches!(witness.kin(other), Kin::Later | Kin::Apart)
                && other.is_two_updates_ahead_of(witness)
        };
        self.is_older_than_a_departed_one(witness)
            || self.departed(*witness).any(|other| fills(&other))
    }

    /// Disks that have departed from a history that nobody carries on who is heard, each with a standing member
    /// whose history parted from that one.
    pub(super) fn parted_from_departed<'s>(
        &'s self,
        heard: &'s DiskSet,
        standing: &'s DiskSet,
    ) -> impl Iterator<Item = (SetRecord<'a>, SetRecord<'a>)> + use<'s, 'a> {
        self.among(standing).flat_map(move |member| {
            let parted = self.departed(member).filter(move |other| {
                let goes_on = |third: &SetRecord<'a>| match third.kin(other) {
                    Kin::Same | Kin::Later => true,
                    Kin::Unknown => !other.gave_away_the_place_of(third) && other.counts_in(third),
                    Kin::Earlier | Kin::Apart => false,
                };
                let has_parted = match member.kin(other) {
                    Kin::Apart => true,
                    Kin::Unknown => other.gave_away_the_place_of(&member),
                    Kin::Same | Kin::Earlier | Kin::Later => false,
                };
                has_parted && !self.among(heard).any(|third| goes_on(&third))
            });
            parted.map(move |other| (other, member))
        })
    }
}
