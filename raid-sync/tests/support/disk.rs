// SPDX-License-Identifier: MIT OR Apache-2.0
//! A member with a volatile cache: what was not flushed survives a power cut in part, or not at all.

use super::random::Random;
use raid_core::metadata::RuntimeState;
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
    /// Number and content of the newest record stored whole.
    pub(crate) record: Option<(u64, RuntimeState)>,
}

impl Disk {
    pub(crate) fn new(rows: u64, content: u64) -> Self {
        let medium = vec![content; rows as usize];
        Self { medium, cache: Vec::new(), written: 0, dead: false, record: None }
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
