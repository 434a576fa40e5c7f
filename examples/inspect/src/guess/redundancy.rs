// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the members keep twice: copies, one parity, two parities, or nothing; and which member does
//! not fit in.
//!
//! Rows that have one filled page, or copies of one, prove nothing: a row of RAID-5 with one data page
//! looks like a mirror. Counted are rows of rank 2 or more.

use crate::guess::algebra::{Parities, Relations};
use crate::guess::entropy;
use crate::guess::sample::{PAGE, PageState, Sample};
use std::collections::BTreeMap;

/// Pages with something in them below which nothing can be said.
const FEWEST_PAGES: usize = 24;
/// Rows whose relations are computed.
const ROWS: usize = 600;
/// Rows that must show a relation.
const FEWEST_ROWS: usize = 8;
/// Share of the rows that must show it. The rest may be stale.
const SHARE: f32 = 0.2;
/// Share of equal rows that makes two members copies. It leaves space for a stale half.
const COPIES: f32 = 0.4;
/// The same where most rows have rank 1, as those of a mirror do.
const COPIES_OF_ALL: f32 = 0.55;
/// Share of the rows that must hold P and Q of all members where the others show which one is stale: one that was out
/// for long is not foreign.
const OLD_PARITY: f32 = 0.02;
/// Share of equal rows that makes a member an old copy of others that are copies, and bits a byte of pages that
/// count: what is alike everywhere says nothing.
const OLD_COPIES: f32 = 0.05;
const TELLING: f32 = 0.5;
/// Rows that name the stale member, and their majority.
const STALE_ROWS: usize = 10;
const STALE_MAJORITY: f32 = 0.55;
/// Bits a byte by which one member must stand out in such a row.
const STALE_LEAD: f32 = 0.1;
/// Bits a byte that its new content may have more than the old.
const STALE_RISE: f32 = 0.3;

/// How redundancy is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redundancy {
    /// Not at all, or too many members are missing.
    None,
    /// Groups of members that hold the same.
    Copies(Vec<Vec<usize>>),
    /// Copies of one member's pages on another member, elsewhere or in part of the rows only.
    ShiftedCopies,
    /// The XOR of all is zero.
    Xor,
    /// P and Q.
    DoubleParity,
    /// P and Q, and one member is missing.
    DoubleParityShort,
}

/// What was found out about redundancy.
#[derive(Clone, Debug)]
pub struct Found {
    /// How it is kept.
    pub redundancy: Redundancy,
    /// The members that take part, in the order given.
    pub members: Vec<usize>,
    /// Those that do not.
    pub foreign: Vec<usize>,
    /// The member whose content is older than that of the others.
    pub stale: Option<usize>,
    /// Rows that could show redundancy, and rows that do.
    pub tested: usize,
    /// Rows that show it.
    pub agreed: usize,
    /// First and last page number of the rows that show it.
    pub extent: Option<(u64, u64)>,
    /// Rows that contradict it: nothing else is concluded from them.
    pub(crate) masked: Vec<bool>,
    /// What the rows of P and Q may be, by their place among the members. A missing member is the last.
    pub(crate) double: BTreeMap<usize, Vec<Parities>>,
}

/// Finds out how redundancy is kept; `None` if there is too little on the members.
#[must_use]
pub fn find(sample: &Sample) -> Option<Found> {
    let columns = sample.columns();
    let filled = |row: usize| columns.iter().filter(|c| c.has_data(row)).count();
    if (0..sample.rows()).map(filled).sum::<usize>() < FEWEST_PAGES {
        return None;
    }
    let relations = relations_of(sample);
    let found = copies(sample, &relations)
        .or_else(|| double_parity(sample, &relations))
        .or_else(|| xor(sample, &relations))
        .unwrap_or_else(|| nothing(sample, &relations));
    Some(found)
}

/// Relations of the rows that may have some.
fn relations_of(sample: &Sample) -> Vec<(usize, Relations)> {
    let filled = |row: &usize| sample.columns().iter().filter(|c| c.has_data(*row)).count() > 1;
    let several: Vec<usize> = (0..sample.rows()).filter(filled).collect();
    let rows = spread(&several, ROWS).into_iter();
    rows.map(|row| (row, Relations::of(sample, row))).collect()
}

impl Found {
    /// P and Q as if their stale member were missing: one that was out for long leaves few rows that hold both.
    pub(crate) fn without_stale_member(&self, sample: &Sample) -> Option<Self> {
        let stale = self.stale.filter(|_| self.redundancy == Redundancy::DoubleParity)?;
        let short = double_parity_short(sample, &relations_of(sample))?;
        let same = self.members.iter().filter(|member| **member != stale).eq(&short.members);
        same.then(|| Self { stale: self.stale, foreign: self.foreign.clone(), ..short })
    }

    /// The same if members without a copy are foreign; `None` where there are none of them. They may as well
    /// be what is left of a pair.
    #[must_use]
    pub fn without_single_copies(&self) -> Option<Self> {
        let Redundancy::Copies(groups) = &self.redundancy else { return None };
        let (single, several): (Vec<_>, Vec<_>) =
            groups.iter().cloned().partition(|group| group.len() == 1);
        (!single.is_empty()).then(|| Self {
            members: several.iter().flatten().copied().collect(),
            redundancy: Redundancy::Copies(several),
            foreign: single.concat(),
            ..self.clone()
        })
    }
}

/// At most `count` of the rows, over all of them and at changing distances.
fn spread(rows: &[usize], count: usize) -> Vec<usize> {
    let pick = |n: usize| rows[n * rows.len() / count];
    if rows.len() <= count { rows.to_vec() } else { (0..count).map(pick).collect() }
}

fn rank(relations: &Relations) -> usize {
    relations.filled - relations.vectors.len()
}

fn nothing(sample: &Sample, relations: &[(usize, Relations)]) -> Found {
    let rich = relations.iter().filter(|(_, found)| rank(found) > 1);
    let redundancy =
        if has_shifted_copies(sample) { Redundancy::ShiftedCopies } else { Redundancy::None };
    Found {
        redundancy,
        members: (0..sample.columns().len()).collect(),
        foreign: Vec::new(),
        stale: None,
        tested: rich.count(),
        agreed: 0,
        extent: None,
        masked: vec![false; sample.rows()],
        double: BTreeMap::new(),
    }
}

/// Members that hold the same pages.
fn copies(sample: &Sample, relations: &[(usize, Relations)]) -> Option<Found> {
    let columns = sample.columns();
    let count = columns.len();
    let mut equal = vec![vec![false; count]; count];
    for a in 0..count {
        for b in a + 1..count {
            let any = |row: usize| columns[a].has_data(row) || columns[b].has_data(row);
            let read =
                |row: usize| [a, b].iter().all(|m| columns[*m].state(row) != PageState::Absent);
            let same = |row: usize| columns[a].page(row) == columns[b].page(row);
            let rich: Vec<usize> = (relations.iter().filter(|(_, found)| rank(found) > 1))
                .map(|(row, _)| *row)
                .filter(|row| any(*row) && read(*row))
                .collect();
            let all: Vec<usize> =
                (0..sample.rows()).filter(|row| any(*row) && read(*row)).collect();
            let share = |rows: &[usize]| {
                rows.iter().filter(|row| same(**row)).count() as f32 / rows.len().max(1) as f32
            };
            equal[a][b] = (rich.len() >= FEWEST_ROWS && share(&rich) > COPIES)
                || (all.len() >= FEWEST_PAGES && share(&all) > COPIES_OF_ALL)
                || (count == 2 && were_copies(sample, a, b));
            equal[b][a] = equal[a][b];
        }
    }
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (member, equal) in equal.iter().enumerate() {
        match groups.iter_mut().find(|group| group.iter().any(|other| equal[*other])) {
            Some(group) => group.push(member),
            None => groups.push(vec![member]),
        }
    }
    if groups.iter().all(|group| group.len() < 2) {
        return None;
    }
    join_old_copies(sample, &mut groups, &mut equal);
    // Every member of a group must equal every other one, and be in no second group.
    let whole = groups.iter().all(|group| {
        group.iter().all(|m| {
            (0..count).all(|other| other == *m || equal[*m][other] == group.contains(&other))
        })
    });
    let mut found = nothing(sample, &[]);
    let mut rows = Vec::new();
    for row in 0..sample.rows() {
        let tested = groups.iter().any(|group| group.len() > 1 && columns[group[0]].has_data(row));
        let agrees = groups.iter().all(|group| {
            let first = columns[group[0]].page(row);
            group[1..].iter().all(|m| columns[*m].page(row) == first)
        });
        found.masked[row] = !agrees;
        found.tested += usize::from(tested);
        found.agreed += usize::from(tested && agrees);
        if tested && agrees {
            rows.push(sample.page_number(row));
        }
    }
    found.extent = rows.first().copied().zip(rows.last().copied());
    found.stale = if whole { stale_copy(sample, &groups) } else { None };
    found.redundancy = if whole { Redundancy::Copies(groups) } else { Redundancy::ShiftedCopies };
    Some(found)
}

/// Whether two members, alone or beside copies, have telling pages at the same places: those of a mirror only do.
fn were_copies(sample: &Sample, a: usize, b: usize) -> bool {
    let columns = sample.columns();
    let any = |row: &usize| columns[a].has_data(*row) || columns[b].has_data(*row);
    let same = |row: &usize| {
        let page = columns[a].page(*row);
        columns[b].page(*row) == page && entropy::of(page) >= TELLING
    };
    let rows: Vec<usize> = (0..sample.rows()).filter(any).collect();
    let same = rows.iter().filter(|row| same(row)).count();
    same >= FEWEST_ROWS && same as f32 > OLD_COPIES * rows.len() as f32
}

/// Puts members that were copies once into their groups: a disk that was out for long has little in common with the others,
/// and a foreign one nothing.
fn join_old_copies(sample: &Sample, groups: &mut Vec<Vec<usize>>, equal: &mut [Vec<bool>]) {
    let (single, mut several): (Vec<_>, Vec<_>) =
        groups.drain(..).partition(|group| group.len() == 1);
    let mut left = Vec::new();
    for member in single.concat() {
        match several.iter_mut().find(|group| were_copies(sample, member, group[0])) {
            Some(group) => {
                for other in group.iter() {
                    equal[member][*other] = true;
                    equal[*other][member] = true;
                }
                group.push(member);
            }
            None => left.push(vec![member]),
        }
    }
    several.extend(left);
    several.iter_mut().for_each(|group| group.sort_unstable());
    several.sort_unstable();
    *groups = several;
}

/// The one of three or more copies that differs where the others agree. Of two nobody knows.
fn stale_copy(sample: &Sample, groups: &[Vec<usize>]) -> Option<usize> {
    let columns = sample.columns();
    let mut votes: BTreeMap<usize, usize> = BTreeMap::new();
    for group in groups.iter().filter(|group| group.len() > 2) {
        for row in 0..sample.rows() {
            let lone = |m: &&usize| {
                group.iter().filter(|o| columns[**o].page(row) == columns[**m].page(row)).count()
                    == 1
            };
            let lone: Vec<&usize> = group.iter().filter(lone).collect();
            if let [member] = lone.as_slice() {
                *votes.entry(**member).or_default() += 1;
            }
        }
    }
    majority(&votes)
}

fn majority(votes: &BTreeMap<usize, usize>) -> Option<usize> {
    let all: usize = votes.values().sum();
    let (member, most) = votes.iter().max_by_key(|(_, count)| **count)?;
    (all >= STALE_ROWS && *most as f32 > STALE_MAJORITY * all as f32).then_some(*member)
}

/// Whether pages of one member stand on another member too, always the same distance away.
fn has_shifted_copies(sample: &Sample) -> bool {
    let mut seen: BTreeMap<u64, Vec<(usize, u64)>> = BTreeMap::new();
    let mut filled = 0usize;
    for (member, column) in sample.columns().iter().enumerate() {
        for row in (0..sample.rows()).filter(|row| column.has_data(*row)) {
            let page = column.page(row);
            if entropy::of(&page[..PAGE / 4]) >= TELLING {
                seen.entry(fingerprint(page)).or_default().push((member, sample.page_number(row)));
                filled += 1;
            }
        }
    }
    let mut distances: BTreeMap<u64, usize> = BTreeMap::new();
    for places in seen.values() {
        if let [(a, at), (b, and)] = places.as_slice()
            && a != b
        {
            *distances.entry(at.abs_diff(*and)).or_default() += 1;
        }
    }
    let most = distances.values().max().copied().unwrap_or(0);
    most >= 16 && most * 20 > filled
}

/// A hash of a page, the same in every run.
fn fingerprint(page: &[u8]) -> u64 {
    page.chunks_exact(8).fold(0xCBF2_9CE4_8422_2325, |hash: u64, eight| {
        let word = eight.iter().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
        (hash ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)
    })
}

/// One parity, wherever it stands.
fn xor(sample: &Sample, relations: &[(usize, Relations)]) -> Option<Found> {
    let columns = sample.columns();
    let single = |found: &&(usize, Relations)| {
        rank(&found.1) > 1 && found.1.vectors.len() == 1 && equal_coefficients(&found.1.vectors[0])
    };
    let single: Vec<&(usize, Relations)> = relations.iter().filter(single).collect();
    if single.len() < FEWEST_ROWS {
        return None;
    }
    let members = members_of(single.iter().map(|(_, found)| &found.vectors[0]), columns.len());
    let mut found = nothing(sample, &[]);
    let mut pages = Vec::new();
    let mut sum = vec![0u8; PAGE];
    for row in 0..sample.rows() {
        sum.fill(0);
        let mut filled = 0;
        for member in &members {
            let page = columns[*member].page(row);
            sum.iter_mut().zip(page).for_each(|(sum, byte)| *sum ^= byte);
            filled += usize::from(columns[*member].has_data(row));
        }
        let read = members.iter().all(|m| columns[*m].state(row) != PageState::Absent);
        let agrees = read && sum.iter().all(|byte| *byte == 0);
        found.masked[row] = !agrees;
        // Two filled pages may be equal by chance of zeros; three prove something.
        if read && filled > 2 {
            found.tested += 1;
            found.agreed += usize::from(agrees);
            if agrees {
                pages.push(sample.page_number(row));
            }
        }
    }
    if found.agreed < FEWEST_ROWS || (found.agreed as f32) < SHARE * found.tested as f32 {
        return None;
    }
    found.extent = pages.first().copied().zip(pages.last().copied());
    found.foreign = (0..columns.len()).filter(|m| !members.contains(m)).collect();
    found.members = members;
    found.redundancy = Redundancy::Xor;
    Some(found)
}

fn equal_coefficients(vector: &[u8]) -> bool {
    let mut used = vector.iter().filter(|c| **c != 0);
    let first = used.next();
    used.all(|c| Some(c) == first)
}

/// The members in at least one of fifty of the relations.
fn members_of<'a>(vectors: impl Iterator<Item = &'a Vec<u8>>, count: usize) -> Vec<usize> {
    let (mut seen, mut all) = (vec![0usize; count], 0);
    for vector in vectors {
        all += 1;
        seen.iter_mut().zip(vector).for_each(|(seen, c)| *seen += usize::from(*c != 0));
    }
    (0..count).filter(|member| seen[*member] * 50 > all).collect()
}

/// The stale member of an array with one parity, once it is known where parity stands.
///
/// In a row that contradicts, each data page is replaced by the XOR of the others. Where that is the stale page,
/// the result is what it should hold; anywhere else old and new data are mixed in it. The page of parity
/// itself says nothing: old parity is as good as new.
pub(crate) fn stale_of_one_parity(
    sample: &Sample,
    found: &Found,
    parity: &dyn Fn(usize) -> Option<usize>,
) -> Option<usize> {
    let columns: Vec<_> = found.members.iter().map(|m| &sample.columns()[*m]).collect();
    let full = |row: &usize| found.masked[*row] && columns.iter().all(|c| c.has_data(*row));
    let rows: Vec<usize> = (0..sample.rows()).filter(full).collect();
    let mut votes = BTreeMap::new();
    let mut page = vec![0u8; PAGE];
    for row in spread(&rows, ROWS / 2) {
        let mut rises = Vec::new();
        for (member, column) in columns.iter().enumerate() {
            if parity(row) == Some(member) {
                continue;
            }
            page.fill(0);
            for other in (0..columns.len()).filter(|other| *other != member) {
                page.iter_mut().zip(columns[other].page(row)).for_each(|(sum, b)| *sum ^= b);
            }
            rises.push((entropy::of(&page) - entropy::of(column.page(row)), found.members[member]));
        }
        rises.sort_by(|a, b| a.0.total_cmp(&b.0));
        // Where all become more random, parity itself is stale.
        if let [first, second, ..] = rises.as_slice()
            && second.0 - first.0 > STALE_LEAD
            && first.0 < STALE_RISE
        {
            *votes.entry(first.1).or_default() += 1;
        }
    }
    majority(&votes)
}

/// P and Q.
fn double_parity(sample: &Sample, relations: &[(usize, Relations)]) -> Option<Found> {
    let columns = sample.columns();
    let rich = || relations.iter().filter(|(_, found)| rank(found) > 1 && found.filled > 3);
    let mut found = nothing(sample, &[]);
    found.tested = rich().count();
    let two: Vec<&(usize, Relations)> = rich().filter(|(_, f)| f.vectors.len() == 2).collect();
    let supports: Vec<Vec<u8>> = two
        .iter()
        .map(|(_, f)| f.vectors[0].iter().zip(&f.vectors[1]).map(|(a, b)| a | b).collect())
        .collect();
    let members = members_of(supports.iter(), columns.len());
    let among = |vector: &Vec<u8>| members.iter().map(|m| vector[*m]).collect::<Vec<u8>>();
    for (row, relations) in &two {
        // Those of a row that is not full are not unique: a member without data has no coefficient.
        if let [a, b] = relations.vectors.as_slice()
            && members.iter().all(|member| columns[*member].has_data(*row))
            && let Some(parities) = Parities::of_two(&among(a), &among(b))
        {
            found.double.insert(*row, vec![parities]);
        }
    }
    let full = |row: &usize| members.iter().all(|m| columns[*m].has_data(*row));
    let unequal = |(row, f): &&(usize, Relations)| {
        full(row) && f.vectors.len() == 1 && !equal_coefficients(&f.vectors[0])
    };
    let votes = rich().filter(unequal).fold(BTreeMap::new(), |mut votes, (_, f)| {
        let absent: Vec<usize> =
            members.iter().copied().filter(|m| f.vectors[0][*m] == 0).collect();
        if let [member] = absent.as_slice() {
            *votes.entry(*member).or_default() += 1;
        }
        votes
    });
    found.stale = majority(&votes);
    found.agreed = two.len();
    // Where a missing member holds zeros, the others satisfy two relations as well; but no row is without one of them.
    let share = if found.stale.is_some() { OLD_PARITY } else { SHARE };
    if found.double.len() < FEWEST_ROWS || (two.len() as f32) < share * found.tested as f32 {
        return double_parity_short(sample, relations);
    }
    for (row, relations) in rich().filter(|(row, _)| full(row)) {
        found.masked[*row] = relations.vectors.len() != 2;
    }
    let mut pages = found.double.keys().map(|row| sample.page_number(*row));
    found.extent = pages.next().map(|first| (first, pages.next_back().unwrap_or(first)));
    found.foreign = (0..columns.len()).filter(|m| !members.contains(m)).collect();
    found.members = members;
    found.redundancy = Redundancy::DoubleParity;
    Some(found)
}

/// P and Q without one member: one relation with different coefficients.
fn double_parity_short(sample: &Sample, relations: &[(usize, Relations)]) -> Option<Found> {
    let columns = sample.columns();
    let one = |(_, f): &&(usize, Relations)| f.filled > 2 && rank(f) > 1 && f.vectors.len() == 1;
    let one: Vec<&(usize, Relations)> = relations.iter().filter(one).collect();
    let members = members_of(one.iter().map(|(_, f)| &f.vectors[0]), columns.len());
    let full = |row: usize| members.iter().all(|m| columns[*m].has_data(row));
    let mut found = nothing(sample, &[]);
    let mut unequal = 0;
    for (row, relations) in relations.iter().filter(|(row, _)| members.len() > 2 && full(*row)) {
        // Two relations: the missing page is zero.
        if relations.vectors.len() > 1 {
            continue;
        }
        found.tested += 1;
        let among = |vector: &Vec<u8>| members.iter().map(|m| vector[*m]).collect::<Vec<u8>>();
        let parities =
            relations.vectors.first().map_or(Vec::new(), |vector| Parities::of_one(&among(vector)));
        found.masked[*row] = parities.is_empty();
        found.agreed += usize::from(!parities.is_empty());
        unequal += usize::from(parities.iter().any(|p| p.p.is_some()));
        if !parities.is_empty() {
            found.double.insert(*row, parities);
        }
    }
    if unequal < FEWEST_ROWS || (unequal as f32) < SHARE * found.tested as f32 {
        return None;
    }
    let mut pages = found.double.keys().map(|row| sample.page_number(*row));
    found.extent = pages.next().map(|first| (first, pages.next_back().unwrap_or(first)));
    found.foreign = (0..columns.len()).filter(|m| !members.contains(m)).collect();
    found.members = members;
    found.redundancy = Redundancy::DoubleParityShort;
    Some(found)
}
