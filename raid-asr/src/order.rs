// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether the table or the disks' addresses order the members of an array.
//!
//! Readers of the format differ in this (`asr.md` 3.3). As a rule both orders are the same. Where they
//! are not, striped data is in one of the two, and nothing on the disks says in which.

use crate::tree::{Set, Tree};
use crate::{ConfigurationLine, DiskAddress, TreeLevel};

/// Whose word counts if table order and address order differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MemberOrder {
    /// Nobody's: striped data is refused, copies are taken in table order.
    #[default]
    Undecided,
    /// The table's, as the management software sends it.
    Table,
    /// The addresses', as dmraid sorts: adapter, channel, unit, id.
    Address,
}

type Key = (DiskAddress, usize);

impl MemberOrder {
    fn key(self, index: usize, line: &ConfigurationLine) -> Key {
        match self {
            Self::Address => (line.address(), index),
            Self::Undecided | Self::Table => (DiskAddress::default(), index),
        }
    }

    /// The member lines of a set, in this order, each with its index in the table.
    pub(crate) fn disks<'a>(
        self,
        set: Set<'a>,
    ) -> impl Iterator<Item = (usize, &'a ConfigurationLine)> + use<'a> {
        ascending(move |after| {
            let lines = set.disks().map(|(index, line)| (self.key(index, line), (index, line)));
            lines
                .filter(|(key, _)| after.is_none_or(|after| *key > after))
                .min_by_key(|(key, _)| *key)
        })
    }

    /// The sets of an array, in this order: sets of striped mirrors by their first member.
    pub(crate) fn sets<'a>(self, tree: &Tree<'a>) -> impl Iterator<Item = Set<'a>> + use<'a> {
        let tree = *tree;
        ascending(move |after| {
            let first = |set: &Set<'a>| {
                let keys = set.disks().map(|(index, line)| self.key(index, line));
                keys.min().unwrap_or(self.key(set.index(), set.line()))
            };
            let sets = tree.sets().map(|set| (first(&set), set));
            sets.filter(|(key, _)| after.is_none_or(|after| *key > after))
                .min_by_key(|(key, _)| *key)
        })
    }
}

/// What `next` gives, called with the key of what it gave last.
fn ascending<T>(next: impl Fn(Option<Key>) -> Option<(Key, T)>) -> impl Iterator<Item = T> {
    let mut last = None;
    core::iter::from_fn(move || {
        let (key, item) = next(last)?;
        last = Some(key);
        Some(item)
    })
}

/// Two lines whose addresses stand in another order than they do in the table, if there are any.
pub(crate) fn first_conflict<'a>(
    lines: impl Iterator<Item = (usize, &'a ConfigurationLine)>,
) -> Option<(usize, &'a ConfigurationLine, &'a ConfigurationLine)> {
    let mut highest: Option<&ConfigurationLine> = None;
    for (index, line) in lines.filter(|(_, line)| line.level() == TreeLevel::Fwp) {
        match highest {
            Some(earlier) if earlier.address() > line.address() => {
                return Some((index, line, earlier));
            }
            _ => highest = Some(line),
        }
    }
    None
}
