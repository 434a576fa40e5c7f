// SPDX-License-Identifier: MIT OR Apache-2.0
//! The geometries that are possible after what redundancy and parity say, ranked by their links.

use crate::guess::addresses::{self, Address, Agreement};
use crate::guess::borders::{Borders, LONGEST_CHUNK, Score, SelfLinks};
use crate::guess::fold::{Fold, Votes};
use crate::guess::hypothesis::Hypothesis;
use crate::guess::links::Links;
use crate::guess::redundancy::{Found, Redundancy};
use crate::guess::sample::{Column, PAGE, PageState, Sample};
use crate::guess::slots;
use raid_core::array::{Geometry, Level, Placement, QNumbering, Secondary};
use raid_core::layout::Layout;
use raid_core::layout::StripRole;
use raid_core::units::{Blocks, Slot};

/// Members whose order is looked for where no parity gives it.
pub(crate) const MOST_UNORDERED: usize = 8;
/// Folds that are followed up.
const FOLDS: usize = 8;
/// Bits by which a rotation must beat a fixed parity, or the other way round.
const ROTATION_LEAD: f32 = 20.0;
/// Rows of two parities that may contradict a hypothesis.
const CONTRADICTIONS: f32 = 0.1;

/// Places of P and Q for which what a missing member held is computed.
const PLACES_OF_PARITY: usize = 4;

/// A hypothesis with its score.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) hypothesis: Hypothesis,
    pub(crate) score: Score,
    /// Bits of the fold that it comes from.
    pub(crate) fold: f32,
    /// Blocks that know their address.
    pub(crate) agreement: Agreement,
    /// Rank: links, fold and addresses.
    pub(crate) bits: f32,
}

/// The columns that are ordered, and what is possible.
#[derive(Debug)]
pub(crate) struct Candidates {
    /// Columns: members, copies of which only the first counts, and one that was computed.
    pub(crate) sample: Sample,
    /// The disk of each column; `None`: computed.
    pub(crate) disks: Vec<Option<usize>>,
    /// Best first.
    pub(crate) ranked: Vec<Candidate>,
    /// Bits of the best chunk border, against none.
    pub(crate) chunk_bits: f32,
    /// Why there are none, or why they are not to be trusted.
    pub(crate) doubt: Option<String>,
}

struct Search<'s> {
    sample: &'s Sample,
    masked: &'s [bool],
    links: Links,
    own: SelfLinks,
    borders: Vec<Borders>,
    addresses: Vec<Address>,
    ranked: Vec<Candidate>,
}

/// All that is possible.
pub(crate) fn find(sample: &Sample, found: &Found) -> Candidates {
    let (mut disks, mut doubt): (Vec<Option<usize>>, _) = match &found.redundancy {
        Redundancy::Copies(groups) => {
            (groups.iter().map(|group| group.first().copied()).collect(), None)
        }
        _ => (found.members.iter().map(|member| Some(*member)).collect(), None),
    };
    // What a missing member of P and Q held depends on the order: its pages are absent.
    let lost = found.redundancy == Redundancy::DoubleParityShort;
    let column = |disk: &Option<usize>| disk.and_then(|disk| sample.columns().get(disk)).cloned();
    let mut columns: Vec<_> = disks.iter().filter_map(column).collect();
    if lost {
        disks.push(None);
        columns.push(Column::absent(sample.rows()));
    }
    let mut short = sample.with_columns(columns.clone());
    let mut rotating = Vec::new();
    let mut fixed = None;
    match found.redundancy {
        Redundancy::Xor | Redundancy::DoubleParity | Redundancy::DoubleParityShort => {
            let votes = if found.redundancy == Redundancy::Xor {
                Votes::by_entropy(&short, &found.masked)
            } else {
                Votes::by_algebra(&short, found, |row| row.p)
            };
            (rotating, fixed, doubt) = rotation(&votes);
        }
        Redundancy::None if columns.len() > 1 => {
            // What a missing member of a RAID-5 would hold is the XOR of the others.
            columns.push(short.xor_of_columns());
            let with = sample.with_columns(columns);
            let votes = Votes::by_entropy(&with, &found.masked);
            let computed = disks.len();
            let (folds, parity, unsure) = rotation(&votes);
            match parity {
                _ if unsure.is_some() => {
                    doubt = Some("parity or not: noise, or too little data".to_owned());
                }
                // The XOR of all is more random than each: nothing is parity.
                Some(column) if column == computed => {}
                _ => {
                    disks.push(None);
                    short = with;
                    (rotating, fixed) = (folds, parity);
                }
            }
        }
        Redundancy::None | Redundancy::Copies(_) => {}
        Redundancy::ShiftedCopies => {
            doubt = Some(
                "copies at shifted places (RAID-1E, raid10 far or offset) are not searched"
                    .to_owned(),
            );
        }
    }
    let masked: Vec<bool> = match found.redundancy {
        Redundancy::None => vec![false; sample.rows()],
        _ => found.masked.clone(),
    };
    let links = Links::calibrate(&short, &masked);
    let own = SelfLinks::new(&short, &masked, &links);
    let chunk_bits = own.chunks().first().map_or(0.0, |best| best.0);
    let mut search = Search {
        sample: &short,
        masked: &masked,
        links,
        own,
        borders: Vec::new(),
        addresses: addresses::find(&short),
        ranked: Vec::new(),
    };
    let all: Vec<usize> = (0..disks.len()).collect();
    match (&found.redundancy, fixed) {
        (Redundancy::ShiftedCopies, _) => {}
        (Redundancy::Copies(groups), _) if groups.len() < 2 => {}
        (Redundancy::DoubleParity | Redundancy::DoubleParityShort, _) => {
            search.rotations(&rotating, disks.len(), Some((found, 0)));
            if lost {
                // Where P may be one of two, Q may be known.
                let folds = Votes::by_algebra(&short, found, |row| row.q).folds(FOLDS);
                search.rotations(&folds, disks.len(), Some((found, 1)));
            }
            if search.ranked.is_empty() {
                search.slots(disks.len(), found);
                doubt = doubt.filter(|_| search.ranked.is_empty());
            }
        }
        (_, Some(parity)) if doubt.is_none() => {
            let data: Vec<usize> = all.into_iter().filter(|column| *column != parity).collect();
            search.unordered(&data, Some(parity), &mut doubt);
        }
        (_, _) if !rotating.is_empty() => search.rotations(&rotating, disks.len(), None),
        (Redundancy::None | Redundancy::Copies(_), None) => {
            search.unordered(&all, None, &mut doubt);
        }
        _ => {}
    }
    let mut ranked = search.ranked;
    if lost {
        (short, ranked) = with_lost_column(&short, &masked, ranked);
    }
    ranked.sort_by(|a, b| b.bits.total_cmp(&a.bits));
    Candidates { sample: short, disks, ranked, chunk_bits, doubt }
}

/// Judges the candidates again with what the missing member held, and gives the sample that has it for the best.
///
/// Without it, two candidates would be compared on different borders: where the one has the missing member, the other
/// may have a link. What it held depends on where Q stands, so that candidates are taken by that.
fn with_lost_column(
    sample: &Sample,
    masked: &[bool],
    mut ranked: Vec<Candidate>,
) -> (Sample, Vec<Candidate>) {
    ranked.sort_by(|a, b| b.bits.total_cmp(&a.bits));
    let mut best: Option<(f32, Sample)> = None;
    let mut judged: Vec<Candidate> = Vec::new();
    for _ in 0..PLACES_OF_PARITY {
        let Some(places) = ranked.first().map(|first| first.hypothesis.parities()) else { break };
        let (same, others): (Vec<Candidate>, Vec<Candidate>) =
            ranked.into_iter().partition(|other| other.hypothesis.parities() == places);
        ranked = others;
        let with = sample.with_columns(columns_with_lost(sample, &same[0].hypothesis));
        let links = Links::calibrate(&with, masked);
        let borders = Borders::new(&with, masked, &links, (places.0, places.1));
        let addresses = addresses::find(&with);
        let again = |candidate: Candidate| {
            let score = borders.score(&candidate.hypothesis);
            let agreement = addresses::agreement(&addresses, &candidate.hypothesis);
            let bits = score.bits + candidate.fold + agreement.bits();
            Candidate { score, agreement, bits, ..candidate }
        };
        let again: Vec<Candidate> = same.into_iter().map(again).collect();
        let most = again.iter().map(|candidate| candidate.bits).fold(f32::MIN, f32::max);
        if best.as_ref().is_none_or(|(bits, _)| most > *bits) {
            best = Some((most, with));
        }
        judged.extend(again);
    }
    (best.map_or_else(|| sample.clone(), |(_, sample)| sample), judged)
}

/// The columns, the last one computed: XOR of the others but Q where it has data, absent elsewhere.
fn columns_with_lost(sample: &Sample, hypothesis: &Hypothesis) -> Vec<Column> {
    let mut columns = sample.columns().to_vec();
    let Some(lost) = columns.len().checked_sub(1) else { return columns };
    let page = |row: usize| {
        let plan = hypothesis.row(sample.page_number(row));
        let others = || (0..lost).filter(|column| plan.q != Some(*column));
        let read = others().all(|column| columns[column].state(row) != PageState::Absent);
        (read && plan.data.contains(&lost)).then(|| {
            let mut sum = vec![0u8; PAGE];
            for column in others() {
                sum.iter_mut().zip(columns[column].page(row)).for_each(|(sum, b)| *sum ^= b);
            }
            sum
        })
    };
    let column = Column::of_pages((0..sample.rows()).map(page).collect());
    columns[lost] = column;
    columns
}

/// The folds, the column that is always parity, and a doubt if it cannot be said which of both it is.
fn rotation(votes: &Votes) -> (Vec<Fold>, Option<usize>, Option<String>) {
    let folds = votes.folds(FOLDS);
    let best = folds.first().map_or(0.0, |fold| fold.bits);
    let (column, fixed) = votes.fixed().unwrap_or((0, 0.0));
    if (best - fixed).abs() < ROTATION_LEAD {
        let doubt = "no disk looks like parity, in no rotation: noise, or too little data";
        return (folds, None, Some(doubt.to_owned()));
    }
    if fixed > best { (Vec::new(), Some(column), None) } else { (folds, None, None) }
}

impl Search<'_> {
    fn consider(&mut self, hypothesis: Hypothesis, fold: f32) {
        let at = (hypothesis.chunk(), hypothesis.phase());
        if !self.borders.iter().any(|borders| (borders.chunk, borders.phase) == at) {
            self.borders.push(Borders::new(self.sample, self.masked, &self.links, at));
        }
        let Some(borders) = self.borders.iter().find(|b| (b.chunk, b.phase) == at) else { return };
        let score = borders.score(&hypothesis);
        let agreement = addresses::agreement(&self.addresses, &hypothesis);
        let bits = score.bits + fold + agreement.bits();
        self.ranked.push(Candidate { hypothesis, score, fold, agreement, bits });
    }

    /// Orders of columns of which none is parity, or always the same one.
    fn unordered(&mut self, data: &[usize], parity: Option<usize>, doubt: &mut Option<String>) {
        if data.len() > MOST_UNORDERED {
            *doubt = Some(format!("orders of more than {MOST_UNORDERED} disks are not searched"));
            return;
        }
        if data.len() < 2 {
            return;
        }
        let mut chunks: Vec<(u64, u64)> =
            self.own.chunks().into_iter().take(4).map(|(_, chunk, phase)| (chunk, phase)).collect();
        let best = chunks.first().copied().unwrap_or((1, 0));
        chunks.extend([(best.0 * 2, best.1), (best.0 * 2, best.1 + best.0), (best.0 / 2, best.1)]);
        chunks.retain(|(chunk, _)| (1..=LONGEST_CHUNK).contains(chunk));
        chunks.iter_mut().for_each(|(chunk, phase)| *phase %= *chunk);
        chunks.sort_unstable();
        chunks.dedup();
        for (chunk, phase) in chunks {
            let borders = Borders::new(self.sample, self.masked, &self.links, (chunk, phase));
            let orders = borders.orders(data, 6);
            self.borders.push(borders);
            for mut order in orders {
                let (level, placement) = match parity {
                    Some(parity) => {
                        order.push(parity);
                        (Level::Raid4, Placement::ParityLast)
                    }
                    None => (Level::Raid0, Placement::Fixed),
                };
                let shape = geometry(level, placement, order.len(), chunk);
                if let Some(hypothesis) = Hypothesis::new(shape, order, phase) {
                    self.consider(hypothesis, 0.0);
                }
            }
        }
    }

    /// Orders that follow from where parity stands.
    fn rotations(&mut self, folds: &[Fold], count: usize, double: Option<(&Found, u8)>) {
        for fold in folds {
            let mut chunks = Vec::new();
            for shift in 0..=6u8 {
                let chunk = fold.turn >> shift;
                if chunk == 0 || chunk > LONGEST_CHUNK || (double.is_some() && shift > 0) {
                    continue;
                }
                chunks.push((self.own.chunk_bits(chunk, fold.phase % chunk), chunk, shift));
            }
            chunks.sort_by(|a, b| b.0.total_cmp(&a.0));
            for (_, chunk, shift) in chunks.into_iter().take(3) {
                self.rotation(fold, count, (chunk, shift), double);
            }
        }
    }

    /// Geometries whose order follows from the exponents of Q.
    fn slots(&mut self, count: usize, found: &Found) {
        let Some(order) = slots::order(found, count) else { return };
        for (placement, chunk) in
            slots::ROTATING.into_iter().flat_map(|p| slots::chunks().map(move |chunk| (p, chunk)))
        {
            let shape = geometry(Level::Raid6, placement, count, chunk);
            for start in slots::starts(self.sample, found, &order, &shape) {
                let Some(hypothesis) = Hypothesis::new(shape, order.clone(), start) else {
                    continue;
                };
                if agrees(&hypothesis, found, self.sample) {
                    self.consider(hypothesis, 0.0);
                }
            }
        }
    }

    fn rotation(
        &mut self,
        fold: &Fold,
        count: usize,
        (chunk, shift): (u64, u8),
        double: Option<(&Found, u8)>,
    ) {
        let numberings: &[QNumbering] = match double {
            Some(_) => &[QNumbering::ByData, QNumbering::BySlot],
            None => &[QNumbering::BySlot],
        };
        let level = match (double, shift) {
            (Some(_), _) => Level::Raid6,
            (None, 0) => Level::Raid5,
            (None, _) => Level::Raid5R,
        };
        for placement in slots::ROTATING {
            for numbering in numberings {
                for offset in 0..count as u64 {
                    let shape = geometry(level, placement, count, chunk);
                    let shape = Geometry { q_numbering: *numbering, rotate_shift: shift, ..shape };
                    let Some(order) =
                        order_of_fold(&shape, fold, offset, double.map_or(0, |(_, parity)| parity))
                    else {
                        continue;
                    };
                    let period = fold.turn * count as u64;
                    let start = (fold.phase + period - offset * fold.turn) % period;
                    let Some(hypothesis) = Hypothesis::new(shape, order, start) else { continue };
                    if double.is_none_or(|(found, _)| agrees(&hypothesis, found, self.sample)) {
                        // Algebra has accepted or refused: how many rows there were is no evidence.
                        let bits = if double.is_some() { 0.0 } else { fold.bits };
                        self.consider(hypothesis, bits);
                    }
                }
            }
        }
    }
}

fn geometry(level: Level, placement: Placement, count: usize, chunk: u64) -> Geometry {
    let slots = u16::try_from(count).unwrap_or(u16::MAX);
    Geometry {
        level,
        placement,
        slots,
        strip: Blocks(chunk),
        member_blocks: Blocks(chunk * 2 * (u64::from(slots) << 6)),
        secondary: Secondary::None,
        sets: 1,
        q_numbering: QNumbering::BySlot,
        parities: 0,
        rotate_shift: 0,
        block_size: PAGE as u32,
    }
}

/// Who must be in which slot if the first turn of the fold, of P (0) or Q (1), is turn `offset` of the layout.
fn order_of_fold(shape: &Geometry, fold: &Fold, offset: u64, parity: u8) -> Option<Vec<usize>> {
    let layout = Layout::new(shape).ok()?;
    let mut order = vec![None; fold.columns.len()];
    for (turn, column) in fold.columns.iter().enumerate() {
        let row = (turn as u64 + offset) % fold.columns.len() as u64;
        let slot = layout.row_map(row << shape.rotate_shift)?.parity_slot(parity)?;
        *order.get_mut(usize::from(slot.0))? = Some(*column);
    }
    order.into_iter().collect()
}

/// Whether the rows whose parities are known are as the hypothesis has them, exponents included.
fn agrees(hypothesis: &Hypothesis, found: &Found, sample: &Sample) -> bool {
    let Ok(layout) = Layout::new(&hypothesis.geometry) else { return false };
    let turn = hypothesis.rows.len() as u64;
    let mut wrong = 0;
    for (row, parities) in &found.double {
        let page = sample.page_number(*row);
        let index = (page + hypothesis.period() - hypothesis.start) / hypothesis.chunk() % turn;
        let Some(map) = layout.row_map(index) else { return false };
        let fits = parities.iter().any(|parities| {
            hypothesis.order.iter().enumerate().all(|(slot, column)| {
                let slot = Slot(u8::try_from(slot).unwrap_or(u8::MAX));
                let may_be = |found: Option<usize>| found.is_none_or(|found| found == *column);
                match map.role(slot) {
                    Some(StripRole::Parity(0)) => may_be(parities.p),
                    Some(StripRole::Parity(_)) => may_be(parities.q),
                    _ => {
                        let known = parities.exponents.get(*column).copied().flatten();
                        let role = parities.p == Some(*column) || parities.q == Some(*column);
                        !role && (known.is_none() || known == map.exponent(slot))
                    }
                }
            })
        });
        wrong += usize::from(!fits);
    }
    wrong as f32 <= CONTRADICTIONS * found.double.len() as f32
}
