// SPDX-License-Identifier: MIT OR Apache-2.0
//! Block maps of sets and of guesses, compared page by page.

use super::sets::Set;
use raid_core::array::Geometry;
use raid_core::layout::{Layout, Role};
use raid_core::units::Slot;
use raid_inspect::guess::verdict::{Guess, Start};

/// What a page of a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Volume(u64),
    Parity(u8),
    Nothing,
}

/// A block map: disks in their places, and the page from which it counts.
struct Map<'m> {
    layout: Layout<'m>,
    places: &'m [Option<usize>],
    first: u64,
}

impl<'m> Map<'m> {
    fn new(geometry: &Geometry, places: &'m [Option<usize>], first: u64) -> Option<Self> {
        Some(Self { layout: Layout::new(geometry).ok()?, places, first })
    }

    fn what(&self, disk: usize, page: u64) -> What {
        let (Some(place), Some(page)) =
            (self.places.iter().position(|p| *p == Some(disk)), page.checked_sub(self.first))
        else {
            return What::Nothing;
        };
        let slots = usize::from(self.layout.geometry().slots);
        let (set, slot) = ((place / slots) as u16, Slot((place % slots) as u8));
        match self.layout.role(slot, page) {
            Role::Data(block) | Role::Copy { of: block } => {
                self.layout.array_block(set, block).map_or(What::Nothing, What::Volume)
            }
            Role::Parity(index) => What::Parity(index),
            _ => What::Nothing,
        }
    }
}

/// Whether the guess maps every page as the set was made; if its start is not sure, up to a shift.
pub(crate) fn is_right(set: &Set, guess: &Guess) -> bool {
    let count = usize::from(set.geometry.sets) * usize::from(set.geometry.slots);
    let mut places = vec![None; count];
    for (disk, place) in set.places.iter().enumerate() {
        if let Some(place) = place {
            places[*place] = Some(disk);
        }
    }
    let truth = Map::new(&set.geometry, &places, set.start).expect("a sound geometry");
    let Some(guessed) = Map::new(&guess.geometry, &guess.places, guess.first) else { return false };
    let known = matches!(guess.start, Start::Sure(_));
    let mut shift: Option<i64> = known.then_some(0);
    let mut compared = 0;
    for page in set.start..set.start + set.geometry.member_blocks.0 {
        for disk in 0..set.images.len() {
            let equal = match (truth.what(disk, page), guessed.what(disk, page)) {
                // Before the start, or past the size, of a guess.
                (_, What::Nothing) if set.places[disk].is_none() || page < guess.first => continue,
                (What::Volume(a), What::Volume(b)) => {
                    compared += 1;
                    let off = a as i64 - b as i64;
                    *shift.get_or_insert(off) == off
                }
                (a, b) => a == b,
            };
            if !equal {
                return false;
            }
        }
    }
    compared > 100
}
