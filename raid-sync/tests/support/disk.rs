// SPDX-License-Identifier: MIT OR Apache-2.0
//! A member with a volatile cache: what was not flushed survives a power cut in part, or not at all.

use super::native::Image;
use super::random::Random;
use raid_core::metadata::MemberKey;
use std::prelude::v1::*;
use std::vec;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Cached {
    number: u64,
    row: u64,
    value: u64,
}

/// One member: a medium of rows, a cache, and a place for its record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Disk {
    medium: Vec<u64>,
    cache: Vec<Cached>,
    written: u64,
    /// Every access fails.
    pub(crate) dead: bool,
    /// The two places for its record, written in turn.
    places: [Vec<u8>; 2],
    /// Who it is.
    pub(crate) key: Option<MemberKey>,
}

impl Disk {
    pub(crate) fn new(rows: u64, content: u64) -> Self {
        let medium = vec![content; rows as usize];
        Self {
            medium,
            cache: Vec::new(),
            written: 0,
            dead: false,
            places: [Vec::new(), Vec::new()],
            key: None,
        }
    }

    /// Number and content of the newest record stored whole.
    pub(crate) fn record(&self) -> Option<(u64, Image)> {
        let whole = self.places.iter().filter_map(|bytes| Image::decode(bytes));
        whole.max_by_key(|(number, _)| *number)
    }

    /// Stores a record, or only its first bytes, over the older of the two.
    pub(crate) fn store(&mut self, number: u64, image: &Image, bytes: Option<usize>) {
        let new = image.encode(number);
        let newest = self.places.iter().map(|bytes| Image::decode(bytes).map(|(n, _)| n)).max();
        let newest = newest.flatten();
        let is_newest =
            |bytes: &[u8]| newest.is_some() && Image::decode(bytes).map(|(n, _)| n) == newest;
        let place = usize::from(is_newest(&self.places[0]));
        let old = &mut self.places[place];
        let len = bytes.unwrap_or(new.len()).min(new.len());
        if bytes.is_none() {
            *old = new;
        } else {
            old.resize(old.len().max(len), 0);
            old[..len].copy_from_slice(&new[..len]);
        }
    }

    /// Every value of a row that a power cut may leave.
    pub(crate) fn may_hold(&self, row: u64) -> impl Iterator<Item = u64> + '_ {
        let cached = self.cache.iter().filter(move |cached| cached.row == row);
        core::iter::once(self.medium[row as usize]).chain(cached.map(|cached| cached.value))
    }

    /// What a read returns now.
    pub(crate) fn read(&self, row: u64) -> u64 {
        let cached = self.cache.iter().rev().find(|cached| cached.row == row);
        cached.map_or(self.medium[row as usize], |cached| cached.value)
    }

    pub(crate) fn write(&mut self, row: u64, value: u64, durable: bool) {
        if durable {
            self.cache.retain(|cached| cached.row != row);
            self.medium[row as usize] = value;
        } else {
            self.written += 1;
            self.cache.push(Cached { number: self.written, row, value });
        }
    }

    /// A flush that is issued now covers writes up to this number.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    pub(crate) fn flush(&mut self, up_to: u64) {
        for cached in &self.cache {
            if cached.number <= up_to {
                self.medium[cached.row as usize] = cached.value;
            }
        }
        self.cache.retain(|cached| cached.number > up_to);
    }

    /// Power is cut, and nothing of the cache survives.
    pub(crate) fn forget_cache(&mut self) {
        self.cache.clear();
    }

    /// Power is cut: any subset of the cached writes reached the medium.
    pub(crate) fn crash(&mut self, random: &mut Random) {
        let keep = random.below(4);
        for cached in std::mem::take(&mut self.cache) {
            let survives = match keep {
                0 => false,
                1 => true,
                _ => random.coin(),
            };
            if survives {
                self.medium[cached.row as usize] = cached.value;
            }
        }
    }
}
