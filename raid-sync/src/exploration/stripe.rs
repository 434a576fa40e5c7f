// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows of parity sets: which member holds what, and what can be computed from what.
//!
//! A value is a vector of symbols of the field with four elements, two bits each. Symbol `k` of column `c`
//! stands for version `k` of the block in that column. A data block holds one symbol, P the sum of its row's
//! blocks, Q the sum of all blocks of which the second is multiplied by a generator: so nothing is mistaken
//! for anything else, and any two blocks of a row can be computed from the others.

use super::scenario::Scenario;

/// What a block holds.
pub(super) type Value = u64;

/// Columns of a row, at most.
pub(super) const COLUMNS: usize = 2;

/// Members of a set, at most.
pub(super) const MEMBERS: usize = COLUMNS + 2;

/// What a disk holds that never was a member.
pub(super) const GARBAGE: Value = 1 << 62;

/// Versions of a block, at most.
const VERSIONS: usize = 12;

const fn place(column: usize, version: usize) -> usize {
    2 * (column * VERSIONS + version)
}

/// The value of a version of a block in a column.
pub(super) fn value(column: usize, version: u8) -> Value {
    assert!(usize::from(version) < VERSIONS, "versions of a block do not fit");
    1 << place(column, version.into())
}

/// Which version of the block in a column this is, if it is one.
pub(super) fn version(column: usize, found: Value) -> Option<u8> {
    (0..VERSIONS as u8).find(|version| value(column, *version) == found)
}

/// The versions of a column that are part of a value.
pub(super) fn versions(column: usize, value: Value) -> u16 {
    (0..VERSIONS).fold(0, |all, k| all | u16::from(value >> place(column, k) & 3 != 0) << k)
}

/// The same value with the versions of a column numbered as `rank` says.
pub(super) fn renumbered(column: usize, value: Value, rank: impl Fn(u8) -> u8) -> Value {
    let mut new = value & !(((1 << (2 * VERSIONS)) - 1) << place(column, 0));
    for k in 0..VERSIONS as u8 {
        let symbol = value >> place(column, k.into()) & 3;
        if symbol != 0 {
            new ^= symbol << place(column, rank(k).into());
        }
    }
    new
}

/// Every symbol multiplied by the generator `g`, for which `g² = g + 1`.
const fn times(value: Value) -> Value {
    const LOW: Value = 0x5555_5555_5555_5555;
    let (low, high) = (value & LOW, value >> 1 & LOW);
    high | (low ^ high) << 1
}

/// What a member holds of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strip {
    Data(usize),
    P,
    Q,
}

/// What a member holds of a row: parity turns.
pub(super) fn strip_of(scenario: &Scenario, row: u64, slot: u8) -> Strip {
    let members = u64::from(scenario.members);
    let (p, q) = (row % members, (row + 1) % members);
    match scenario.parity {
        0 => Strip::Data(0),
        _ if u64::from(slot) == p => Strip::P,
        2 if u64::from(slot) == q => Strip::Q,
        parity => {
            let taken = |other: &u8| {
                let other = u64::from(*other);
                other == p || (parity == 2 && other == q)
            };
            Strip::Data((0..slot).filter(|other| !taken(other)).count())
        }
    }
}

/// The member that holds a data column of a row.
pub(super) fn slot_of(scenario: &Scenario, row: u64, column: usize) -> u8 {
    let mut slots = 0..scenario.members;
    slots.find(|slot| strip_of(scenario, row, *slot) == Strip::Data(column)).unwrap()
}

/// What a member is to hold of a row with this data.
pub(super) fn block(strip: Strip, data: &[Value; COLUMNS]) -> Value {
    match strip {
        Strip::Data(column) => data[column],
        Strip::P => data[0] ^ data[1],
        Strip::Q => data[0] ^ times(data[1]),
    }
}

/// The data of a row from what is there; `None` if too little is.
pub(super) fn data(
    scenario: &Scenario,
    row: u64,
    there: impl Fn(u8) -> Option<Value>,
) -> Option<[Value; COLUMNS]> {
    let (mut data, mut p, mut q) = ([None; COLUMNS], None, None);
    data[scenario.columns()..].fill(Some(0));
    for slot in 0..scenario.members {
        match strip_of(scenario, row, slot) {
            Strip::Data(column) => data[column] = there(slot),
            Strip::P => p = there(slot),
            Strip::Q => q = there(slot),
        }
    }
    // The inverse of `g` is `g²`, and `g + 1` is that too.
    Some(match (data, p, q) {
        ([Some(a), Some(b)], ..) => [a, b],
        ([Some(a), None], Some(p), _) => [a, a ^ p],
        ([None, Some(b)], Some(p), _) => [b ^ p, b],
        ([Some(a), None], None, Some(q)) => [a, times(times(a ^ q))],
        ([None, Some(b)], None, Some(q)) => [times(b) ^ q, b],
        ([None, None], Some(p), Some(q)) => {
            let b = times(p ^ q);
            [p ^ b, b]
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::scenario::MIRROR;
    use super::*;

    #[test]
    fn any_two_blocks_of_a_row_are_computed_from_the_others() {
        for (members, parity) in [(2, 1), (3, 1), (3, 2), (4, 2)] {
            let set = Scenario { members, parity, ..MIRROR };
            let mut wanted = [value(0, 3) | GARBAGE, value(1, 5) ^ value(1, 7)];
            wanted[set.columns()..].fill(0);
            for row in 0..5 {
                let of = |slot| block(strip_of(&set, row, slot), &wanted);
                for (one, other) in (0..members).flat_map(|a| (0..members).map(move |b| (a, b))) {
                    let there = |slot| (slot != one && slot != other).then(|| of(slot));
                    let found = data(&set, row, there);
                    let few = parity == 1 && one != other;
                    assert_eq!(found, (!few).then_some(wanted), "{members} {row} {one} {other}");
                }
            }
        }
        assert_eq!(times(times(times(GARBAGE | 0b11))), GARBAGE | 0b11);
        assert_eq!(version(1, value(1, 4)), Some(4));
        assert_eq!(version(1, value(1, 4) ^ value(1, 3)), None);
        let sum = value(1, 4) ^ times(value(1, 9)) ^ value(0, 4);
        assert_eq!((versions(1, sum), versions(0, sum)), (1 << 4 | 1 << 9, 1 << 4));
        let less = renumbered(1, sum, |k| k - 3);
        assert_eq!(less, value(1, 1) ^ times(value(1, 6)) ^ value(0, 4));
    }
}
