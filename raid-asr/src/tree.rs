// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tree of a RAID table: lines in depth-first order, an array before its components.
//!
//! ```text
//! one level                  two levels (order inferred, asr.md 3.6)
//! FWL   raidcnt = disks      FWL_2  raidcnt = number of FWLs
//! FWP                        FWL    raidcnt = disks
//! FWP                        FWP, FWP …
//! …                          FWL    raidcnt = disks
//!                            FWP, FWP …
//! ```
//!
//! The walk only groups lines; it is bounded by the lines in use, and no count that was read from
//! disk makes it longer. Whether the counts are true is asked of each array: [`Tree::set_count`],
//! [`Set::disk_count`].

use crate::{ConfigurationLine, RaidType, TreeLevel};

/// A node of the first rank.
#[derive(Clone, Copy, Debug)]
pub enum Node<'a> {
    /// An array with everything below it.
    Array(Tree<'a>),
    /// The index of a line that stands in no array.
    Stray(usize),
}

/// One array of the first rank.
#[derive(Clone, Copy, Debug)]
pub struct Tree<'a> {
    lines: &'a [ConfigurationLine],
    top: &'a ConfigurationLine,
    index: usize,
    end: usize,
}

/// Lines that follow another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LineCount {
    /// As many as there are.
    pub found: usize,
    /// As many as the line before them promises.
    pub promised: usize,
}

/// An array of disks: one `FWL` line and the disk lines that follow it.
#[derive(Clone, Copy, Debug)]
pub struct Set<'a> {
    line: &'a ConfigurationLine,
    index: usize,
    below: &'a [ConfigurationLine],
}

/// Iterator over the nodes of the first rank; see [`Table::nodes`](crate::Table::nodes).
#[derive(Clone, Debug)]
pub struct Nodes<'a> {
    lines: &'a [ConfigurationLine],
    next: usize,
}

/// Index of the first line at or after `from` that is no disk line.
fn end_of_disks(lines: &[ConfigurationLine], from: usize) -> usize {
    let disks = lines.iter().skip(from).take_while(|line| line.level() == TreeLevel::Fwp).count();
    from.saturating_add(disks)
}

impl<'a> Nodes<'a> {
    pub(crate) const fn new(lines: &'a [ConfigurationLine]) -> Self {
        Self { lines, next: 0 }
    }

    fn end_of(&self, top: &ConfigurationLine, index: usize) -> usize {
        let mut end = end_of_disks(self.lines, index.saturating_add(1));
        if top.level() == TreeLevel::Fwl2 {
            for _ in 0..top.raidcnt.get() {
                match self.lines.get(end) {
                    Some(line) if line.level() == TreeLevel::Fwl => {
                        end = end_of_disks(self.lines, end.saturating_add(1));
                    }
                    _ => break,
                }
            }
        }
        end
    }
}

impl<'a> Iterator for Nodes<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        let index = self.next;
        let top = self.lines.get(index)?;
        if !matches!(top.level(), TreeLevel::Fwl | TreeLevel::Fwl2) {
            self.next = index.saturating_add(1);
            return Some(Node::Stray(index));
        }
        let end = self.end_of(top, index);
        self.next = end;
        Some(Node::Array(Tree { lines: self.lines, top, index, end }))
    }
}

impl<'a> Tree<'a> {
    /// The line at the top.
    #[must_use]
    pub const fn top(&self) -> &'a ConfigurationLine {
        self.top
    }

    /// Its index in the table.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// Whether line `index` is this array's, the top included.
    #[must_use]
    pub fn holds(&self, index: usize) -> bool {
        (self.index..self.end).contains(&index)
    }

    /// All lines of the array, the top first.
    #[must_use]
    pub fn lines(&self) -> &'a [ConfigurationLine] {
        self.lines.get(self.index..self.end).unwrap_or_default()
    }

    /// The arrays of disks: the top itself, or those below it.
    pub fn sets(&self) -> impl Iterator<Item = Set<'a>> + use<'a> {
        let (lines, end) = (self.lines, self.end);
        (self.index..end).filter_map(move |index| {
            let line = lines.get(index)?;
            let below =
                lines.get(index.saturating_add(1)..end_of_disks(lines, index.saturating_add(1)))?;
            (line.level() == TreeLevel::Fwl).then_some(Set { line, index, below })
        })
    }

    /// How many arrays of disks follow, and how many the top line promises.
    #[must_use]
    pub fn set_count(&self) -> LineCount {
        let promised = match self.top.level() {
            TreeLevel::Fwl2 => usize::from(self.top.raidcnt.get()),
            _ => 1,
        };
        LineCount { found: self.sets().count(), promised }
    }

    /// The disk lines of all sets, in table order, each with its index in the table.
    pub fn disks(&self) -> impl Iterator<Item = (usize, &'a ConfigurationLine)> + use<'a> {
        self.sets().flat_map(|set| set.disks())
    }
}

impl<'a> Set<'a> {
    /// The array line.
    #[must_use]
    pub const fn line(&self) -> &'a ConfigurationLine {
        self.line
    }

    /// Its index in the table.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// The member lines in table order, which is the order of the data, each with its index in the
    /// table. Spares that stand among them hold no data and are left out.
    pub fn disks(&self) -> impl Iterator<Item = (usize, &'a ConfigurationLine)> + use<'a> {
        (self.index.saturating_add(1)..)
            .zip(self.below)
            .filter(|(_, line)| line.raid_type() != RaidType::Spare)
    }

    /// How many member lines follow, and how many the array line promises.
    #[must_use]
    pub fn disk_count(&self) -> LineCount {
        let promised = usize::from(self.line.raidcnt.get());
        LineCount { found: self.disks().count(), promised }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;
    use zerocopy::FromZeros;

    fn lines(levels: &[(u8, u16)]) -> Vec<ConfigurationLine> {
        levels
            .iter()
            .map(|&(raidlevel, raidcnt)| {
                let mut line = ConfigurationLine::new_zeroed();
                line.raidlevel = raidlevel;
                line.raidcnt = raidcnt.into();
                line
            })
            .collect()
    }

    /// Index, end, and number of disks of each set.
    type Extent = (usize, usize, Vec<usize>);

    /// Every array, and the strays.
    fn shape(lines: &[ConfigurationLine]) -> (Vec<Extent>, Vec<usize>) {
        let (mut arrays, mut strays) = (Vec::new(), Vec::new());
        for node in Nodes::new(lines) {
            match node {
                Node::Array(tree) => arrays.push((
                    tree.index,
                    tree.end,
                    tree.sets().map(|set| set.disks().count()).collect(),
                )),
                Node::Stray(index) => strays.push(index),
            }
        }
        (arrays, strays)
    }

    #[test]
    fn a_one_level_array_takes_the_disks_after_it() {
        let table = lines(&[(1, 3), (0, 0), (0, 0), (0, 0)]);
        assert_eq!(shape(&table), (Vec::from([(0, 4, Vec::from([3]))]), Vec::new()));
        let table = lines(&[(1, 9), (0, 0)]);
        let Some(Node::Array(tree)) = Nodes::new(&table).next() else { panic!() };
        assert_eq!(tree.sets().next().unwrap().disk_count(), LineCount { found: 1, promised: 9 });
    }

    #[test]
    fn a_two_level_array_takes_as_many_arrays_as_it_counts() {
        let table =
            lines(&[(3, 2), (1, 2), (0, 0), (0, 0), (1, 2), (0, 0), (0, 0), (1, 1), (0, 0)]);
        let (arrays, strays) = shape(&table);
        assert_eq!(arrays, [(0, 7, Vec::from([2, 2])), (7, 9, Vec::from([1]))]);
        assert!(strays.is_empty());
        let table = lines(&[(3, 0xFFFF), (1, 1), (0, 0)]);
        let Some(Node::Array(tree)) = Nodes::new(&table).next() else { panic!() };
        assert_eq!(tree.set_count(), LineCount { found: 1, promised: 0xFFFF });
    }

    #[test]
    fn lines_outside_any_array_are_strays() {
        let table = lines(&[(0, 0), (2, 1), (1, 1), (0, 0), (7, 0), (0, 0)]);
        let (arrays, strays) = shape(&table);
        assert_eq!(arrays, [(2, 4, Vec::from([1]))]);
        assert_eq!(strays, [0, 1, 4, 5]);
    }

    #[test]
    fn disks_directly_below_an_array_of_arrays_are_no_members() {
        let table = lines(&[(3, 1), (0, 0), (1, 1), (0, 0)]);
        let Some(Node::Array(tree)) = Nodes::new(&table).next() else { panic!() };
        assert_eq!(tree.disks().map(|(index, _)| index).collect::<Vec<_>>(), [3]);
        assert!(tree.holds(1) && tree.holds(3) && !tree.holds(4));
    }

    #[test]
    fn a_spare_among_the_members_is_left_out() {
        let mut table = lines(&[(1, 2), (0, 0), (0, 0), (0, 0)]);
        table[2].raidtype = 0xFE;
        let Some(Node::Array(tree)) = Nodes::new(&table).next() else { panic!() };
        assert_eq!(tree.disks().map(|(index, _)| index).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(tree.sets().next().unwrap().disk_count(), LineCount { found: 2, promised: 2 });
    }
}
