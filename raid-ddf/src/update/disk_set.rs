// SPDX-License-Identifier: MIT OR Apache-2.0
//! A set of disks by their index among those given, up to 4096: more than a configuration can list.

/// A set of disk indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DiskSet([u64; 64]);

impl DiskSet {
    pub(crate) const EMPTY: Self = Self([0; 64]);
    /// One past the highest index a set can hold.
    pub(crate) const LIMIT: usize = 4096;

    /// Adds `disk`; `false` if the index is too high.
    pub(crate) fn insert(&mut self, disk: usize) -> bool {
        match self.0.get_mut(disk / 64) {
            Some(word) => {
                *word |= 1u64 << (disk % 64);
                true
            }
            None => false,
        }
    }

    pub(crate) fn contains(&self, disk: usize) -> bool {
        self.0.get(disk / 64).is_some_and(|word| word & (1u64 << (disk % 64)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_and_refuses_what_it_cannot_hold() {
        let mut set = DiskSet::EMPTY;
        for disk in [0, 63, 64, DiskSet::LIMIT - 1] {
            assert!(!set.contains(disk));
            assert!(set.insert(disk));
            assert!(set.contains(disk));
        }
        assert!(!set.contains(1));
        assert!(!set.insert(DiskSet::LIMIT));
        assert!(!set.contains(DiskSet::LIMIT));
    }
}
