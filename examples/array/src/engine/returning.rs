// SPDX-License-Identifier: MIT OR Apache-2.0
//! A disk that left comes back to its place.
//!
//! Its own metadata is read and compared with what was last written to it: if a byte differs, it is
//! another disk, or another program wrote it, and all rows are copied, unless it has run alone: then the
//! array has forked, and the user chooses. If not, the sync engine knows which regions it has missed.

use super::group::{Ask, Results};
use super::{CallError, Engine, Event, Owner, Set};
use crate::backplane::Transfer;
use raid_core::array::{MemberDescriptor, Place};
use raid_core::metadata::{MemberKey, Seen};
use raid_sync::Refusal;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Who a member's disk is: a digest of its identity that the next start finds again.
pub(super) fn key_of(member: &MemberDescriptor) -> Option<MemberKey> {
    const FNV: u64 = 0x0100_0000_01b3;
    let Some(identity) = member.id else {
        return member.disk.and_then(|disk| MemberKey::new(disk as u64 + 1));
    };
    let digest = identity
        .0
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV));
    // 0 is no key.
    MemberKey::new(digest.max(1))
}

/// What a disk's metadata looked like.
pub(super) fn fingerprint<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> u64 {
    let mut hasher = DefaultHasher::new();
    pieces.for_each(|piece| piece.hash(&mut hasher));
    hasher.finish()
}

impl Engine {
    /// Remembers what a finished commit has left on a disk.
    pub(super) fn note_committed(&mut self, disk: usize) {
        let pieces = self.store.disks[disk].pieces.iter().map(|(_, bytes)| bytes.as_slice());
        let print = fingerprint(pieces);
        self.committed.insert(disk, print);
        self.unlike.remove(&disk);
    }

    /// Reads what a returning disk says of itself.
    pub(super) fn read_back(&mut self, place: Place, disk: usize) {
        self.commits.disk_returned(disk);
        let pieces = &self.store.disks[disk].pieces;
        let ios = (0u32..).zip(pieces).map(|(tag, (at, bytes))| {
            Ask::of_disk(disk, tag, Transfer::Read { at: *at, len: bytes.len() })
        });
        let ios = ios.collect();
        self.groups.start(Owner::Return(place, disk), ios);
    }

    pub(super) fn returned(&mut self, place: Place, disk: usize, mut results: Results) {
        results.sort_by_key(|(tag, _)| *tag);
        let read: Option<Vec<&[u8]>> =
            results.iter().map(|(_, result)| result.as_deref().ok()).collect();
        // A disk that cannot be read is not back.
        let Some(read) = read else {
            let why = CallError::Unread { place, disk };
            return self.events.push_back(Event::NotTaken { place, disk, why });
        };
        let same = self.committed.get(&disk) == Some(&fingerprint(read.iter().copied()));
        if !same && self.went_on_alone(disk, &read) {
            let why = Refusal::Diverged(place.slot).into();
            return self.events.push_back(Event::NotTaken { place, disk, why });
        }
        self.commits.request_return(place, disk, same);
    }

    /// Whether discovery would find a fork, were the array started with this on a disk that returns: the disk
    /// has run without the others, which have gone on without it.
    fn went_on_alone(&self, disk: usize, read: &[&[u8]]) -> bool {
        let mut with = self.store.clone();
        for ((_, held), read) in with.disks[disk].pieces.iter_mut().zip(read) {
            *held = Arc::new(read.to_vec());
        }
        self.listing_of(&with).is_forked(self.array)
    }

    /// Reports it to the sync engine; `false` if it cannot take the disk just now.
    pub(super) fn take_back(&mut self, place: Place, disk: usize, same: bool) -> bool {
        let Set { core, slots, .. } = &mut self.sets[usize::from(place.set)];
        let Some(seat) = slots.get_mut(place.slot.index()) else { return true };
        let key = if same { seat.key } else { None };
        let seen = core.account(place.slot).map_or(core.status().generation, |own| own.left);
        match core.member_returned(place.slot, key, &Seen::plain(place.slot, seen)) {
            Err(Refusal::Busy) => return false,
            Err(why) => {
                self.events.push_back(Event::NotTaken { place, disk, why: why.into() });
                return true;
            }
            Ok(owed) => {
                if !same {
                    self.unlike.insert(disk);
                }
                seat.epoch += 1;
                self.store.disks[disk].live = true;
                self.events.push_back(Event::MemberReturned { place, owed });
            }
        }
        self.start_owed(usize::from(place.set));
        true
    }
}
