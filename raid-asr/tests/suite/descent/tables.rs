// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tables of mirrors, of each place the disk that has it, and what is made of them.

use super::GIVEN_UP;
use crate::generator::{Disk, Found, Line, assemble, magic, one_level};
use raid_core::array::ArrayState;

pub(super) const IN: u8 = 0;

/// A mirror's table of this generation: of each place the disk, its state, and the generation of its line.
pub(super) fn table(sequence: u16, places: &[(u32, u8, u16)]) -> Vec<Line> {
    let mut lines = one_level(1, u16::try_from(places.len()).unwrap());
    lines[0].sequence = sequence;
    for (line, (disk, state, own)) in lines[1..].iter_mut().zip(places) {
        (line.magic, line.state, line.sequence) = (magic(*disk), *state, *own);
    }
    lines
}

/// Who is given up was so long ago. The others' lines are of the generation of the table.
pub(super) fn lines(sequence: u16, places: &[(u32, u8)]) -> Vec<Line> {
    let own = |state: u8| if state == GIVEN_UP { 4 } else { sequence };
    let places: Vec<_> = places.iter().map(|(disk, state)| (*disk, *state, own(*state))).collect();
    table(sequence, &places)
}

pub(super) fn found(disks: &[(u32, &Vec<Line>)]) -> Found {
    let disk = |(at, lines): &(u32, &Vec<Line>)| Disk {
        timestamp: 100 + u32::from(lines[0].sequence),
        ..Disk::new(magic(*at), lines)
    };
    assemble(&disks.iter().map(disk).collect::<Vec<_>>())
}

pub(super) fn told(found: &Found) -> (ArrayState, Vec<Vec<usize>>) {
    (found.arrays[0].state, found.branches.iter().map(|branch| branch.disks.clone()).collect())
}
