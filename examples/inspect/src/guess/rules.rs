// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules that keep a guess from being sure and wrong.
//!
//! Bits of correlated evidence add up, so a large sum alone proves nothing: a RAID-0 without one of its disks
//! gives hundreds of bits to a wrong order. All rules must hold; each that does not is reported.

use crate::guess::borders::PARTS;
use crate::guess::candidates::{Candidate, Candidates};
use crate::guess::hypothesis::Signature;
use crate::guess::origin::{self, Kind, Origin};
use crate::guess::redundancy::{Found, Redundancy};
use crate::guess::sample::PAGE;
use crate::guess::verdict::{Doubt, Guess, Start};
use crate::size::human;
use raid_core::array::{Geometry, Level, Placement, Secondary};
use raid_core::units::Blocks;

/// Bits by which the best guess must lead the next one with another block map.
const LEAD: f32 = 14.0;
/// Bits that the links which the best guess makes must give.
const ORDER: f32 = 12.0;
/// Borders that make a pair of neighbouring disks count.
const BORDERS: u32 = 4;
/// Bits of each pair where every row is alike, and where parity rotates, which makes more pairs.
const PAIR: f32 = 3.0;
const PAIR_ROTATING: f32 = -4.0;
/// Blocks that may stand elsewhere than they say: copies in journals.
const DISAGREEING: u32 = 3;
/// Bits by which the next guess may lead in one part of the sample.
const PART: f32 = 4.0;
/// Bits of chunk borders that mirrors may have.
const NO_CHUNKS: f32 = 8.0;
/// Guesses that are reported.
const REPORTED: usize = 5;

/// The outcome.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) guesses: Vec<Guess>,
    pub(crate) evidence: Vec<String>,
    pub(crate) doubts: Vec<Doubt>,
    pub(crate) sure: bool,
    /// Whether links and addresses say how the disks follow one another.
    pub(crate) ordered: bool,
}

impl Judged {
    /// Takes in other guesses, behind these.
    pub(crate) fn followed_by(&mut self, others: Self) {
        self.guesses.extend(others.guesses);
        self.guesses.truncate(REPORTED);
    }
}

/// Judges what was found.
pub(crate) fn judge(candidates: &Candidates, found: &Found) -> Judged {
    let mut judged = Judged {
        guesses: Vec::new(),
        evidence: Vec::new(),
        doubts: Vec::new(),
        sure: false,
        ordered: false,
    };
    let mut doubts = Vec::new();
    let mut doubt = |what, reason: String| doubts.push(Doubt { what, reason });
    if let Some(reason) = &candidates.doubt {
        doubt("the order of the disks", reason.clone());
    }
    if found.redundancy != Redundancy::None && found.agreed < found.tested && found.stale.is_none()
    {
        let rows = found.tested - found.agreed;
        // Few rows may be of what stands before or after the array.
        if rows * 50 > found.tested {
            doubt(
                "which disk is stale",
                format!("{rows} rows do not agree, and no disk stands out"),
            );
        }
    }
    let origins = origin::find(&candidates.sample);
    match &found.redundancy {
        Redundancy::Copies(groups) if groups.len() == 1 => {
            mirror(candidates, found, &origins, &mut judged, &mut doubt);
        }
        _ => stripes(candidates, found, &origins, &mut judged, &mut doubt),
    }
    judged.sure = doubts.is_empty() && !judged.guesses.is_empty();
    if judged.sure && !matches!(judged.guesses[0].start, Start::Sure(_)) {
        doubts.push(start_doubt(judged.guesses[0].start));
    }
    judged.doubts = doubts;
    judged
}

fn start_doubt(start: Start) -> Doubt {
    let reason = match start {
        Start::Likely(at) => format!(
            "a file system begins at {} of each disk; a partition table before it may be lost",
            human(at)
        ),
        _ => "no partition table and no file system begins where a turn of the rotation does"
            .to_owned(),
    };
    Doubt { what: "the start of the volume", reason }
}

/// The guess, with all disks of each group of copies.
fn guess(candidates: &Candidates, found: &Found, candidate: &Candidate, start: Start) -> Guess {
    let hypothesis = &candidate.hypothesis;
    let chunk = hypothesis.chunk();
    let first = match start {
        Start::Unknown => hypothesis.start,
        Start::Likely(at) | Start::Sure(at) => at / PAGE as u64,
    };
    let pages = candidates.sample.member_pages.saturating_sub(first) / chunk * chunk;
    let geometry = Geometry { member_blocks: Blocks(pages), ..hypothesis.geometry };
    let disk = |column: &usize| candidates.disks.get(*column).copied().flatten();
    let places = hypothesis.order.iter().map(disk).collect();
    let Redundancy::Copies(groups) = &found.redundancy else {
        return Guess { geometry, places, first, start, bits: candidate.bits };
    };
    let slots = groups.iter().map(Vec::len).max().unwrap_or(1).max(2);
    let geometry = Geometry {
        level: Level::Raid1,
        slots: u16::try_from(slots).unwrap_or(u16::MAX),
        secondary: Secondary::Striped,
        sets: u16::try_from(groups.len()).unwrap_or(u16::MAX),
        ..geometry
    };
    let group = |column: &usize| {
        let group = groups.get(*column).map_or(&[][..], Vec::as_slice);
        (0..slots).map(|slot| group.get(slot).copied()).collect::<Vec<_>>()
    };
    let places = hypothesis.order.iter().flat_map(group).collect();
    Guess { geometry, places, first, start, bits: candidate.bits }
}

fn stripes(
    candidates: &Candidates,
    found: &Found,
    origins: &[Origin],
    judged: &mut Judged,
    doubt: &mut dyn FnMut(&'static str, String),
) {
    let Some(best) = candidates.ranked.first() else {
        if candidates.doubt.is_none() {
            doubt("the order of the disks", "no geometry fits what was found".to_owned());
        }
        return;
    };
    let mut maps: Vec<Signature> = Vec::new();
    for candidate in &candidates.ranked {
        let signature = candidate.hypothesis.signature();
        if maps.contains(&signature) || maps.len() == REPORTED {
            continue;
        }
        let (chosen, start, _) = start_of(candidates, &signature, candidate, origins);
        judged.guesses.push(guess(candidates, found, chosen, start));
        maps.push(signature);
    }
    let (chosen, _, origin) = start_of(candidates, &maps[0], best, origins);
    let next = candidates.ranked.iter().find(|other| other.hypothesis.signature() != maps[0]);
    let lead = next.map_or(f32::INFINITY, |next| best.bits - next.bits);
    judged.evidence.push(format!(
        "links between pages: {:.0} bits for this order, {lead:.0} more than for the next",
        best.score.order
    ));
    if best.fold > 0.0 {
        judged.evidence.push(format!("place of parity: {:.0} bits", best.fold));
    }
    let known = best.agreement;
    if known.agree + known.disagree > 0 {
        judged.evidence.push(format!(
            "blocks that know their address: {} stand there, {} do not",
            known.agree, known.disagree
        ));
    }
    if known.disagree > (2 * known.agree).max(DISAGREEING) {
        doubt(
            "the order of the disks",
            format!("{} blocks of file systems do not stand where they say", known.disagree),
        );
    }
    if lead < LEAD {
        doubt(
            "the order of the disks",
            format!("the next guess is only {lead:.0} bits behind, {LEAD:.0} are needed"),
        );
    }
    judged.ordered = best.score.order + known.bits() >= ORDER;
    if !judged.ordered {
        doubt(
            "the order of the disks",
            format!(
                "pages that follow one another give {:.0} bits, {ORDER:.0} are needed: noise, or too little data",
                best.score.order
            ),
        );
    }
    pairs(best, doubt);
    if let Some(next) = next {
        let behind = |part: &usize| best.score.parts[*part] + PART < next.score.parts[*part];
        if let Some(part) = (0..PARTS).find(behind) {
            doubt(
                "the order of the disks",
                format!(
                    "part {} of {PARTS} of what was read says otherwise: two arrays, or copies elsewhere",
                    part + 1
                ),
            );
        }
    }
    let redundant = !matches!(found.redundancy, Redundancy::None | Redundancy::Copies(_));
    let rotating = chosen.hypothesis.rows.len() > 1;
    match origin.and_then(|origin| Some((origin, origin.claims?))) {
        Some((origin, claims)) => {
            let guess = &judged.guesses[0];
            let row = chosen.hypothesis.row(origin.page).data.len() as u64 * PAGE as u64;
            let capacity = guess.geometry.member_blocks.0.saturating_mul(row);
            judged.evidence.push(format!(
                "{} at {} claims {}, the disks give {}",
                origin.name,
                human(origin.page * PAGE as u64),
                human(claims),
                human(capacity)
            ));
            let spare = chosen.hypothesis.period().saturating_mul(2).saturating_mul(row);
            if claims > capacity.saturating_add(spare) {
                doubt(
                    "the number of disks",
                    format!(
                        "a member is missing: the volume wants {}, these disks give {}",
                        human(claims),
                        human(capacity)
                    ),
                );
            }
        }
        // Without parity nothing else would show that a disk is missing.
        None if !redundant && !rotating => doubt(
            "the number of disks",
            "nothing was found that says how large the volume is; a member may be missing"
                .to_owned(),
        ),
        None => {}
    }
}

/// Every pair of disks that follow one another must stand by itself.
fn pairs(best: &Candidate, doubt: &mut dyn FnMut(&'static str, String)) {
    let rotating = best.hypothesis.rows.len() > 1;
    let least = if rotating { PAIR_ROTATING } else { PAIR };
    let mut counted = 0;
    let mut wanted = Vec::new();
    let rows = &best.hypothesis.rows;
    for (index, row) in rows.iter().enumerate() {
        let before = &rows[(index + rows.len() - 1) % rows.len()];
        let first = before.data.last().zip(row.data.first()).map(|(a, b)| (*a, *b));
        wanted.extend(first.into_iter().chain(row.data.windows(2).map(|pair| (pair[0], pair[1]))));
    }
    wanted.sort_unstable();
    wanted.dedup();
    for (a, b) in wanted.into_iter().filter(|(a, b)| a != b) {
        let (borders, bits) = best.score.edges[a][b];
        if borders < BORDERS {
            if !rotating {
                doubt(
                    "the order of the disks",
                    format!(
                        "only {borders} borders say whether column {b} follows column {a}; --sample reads more"
                    ),
                );
                return;
            }
            continue;
        }
        counted += 1;
        if bits <= least {
            doubt(
                "the order of the disks",
                format!(
                    "column {b} does not follow column {a} as it should ({bits:.0} bits): a member may be \
                 missing"
                ),
            );
            return;
        }
    }
    if counted == 0 {
        doubt("the order of the disks", "too few links between disks".to_owned());
    }
}

/// The start, and the candidate among those with this block map that has it.
fn start_of<'c>(
    candidates: &'c Candidates,
    signature: &Signature,
    best: &'c Candidate,
    origins: &[Origin],
) -> (&'c Candidate, Start, Option<Origin>) {
    let same = |other: &&&Candidate| other.hypothesis.signature() == *signature;
    let variants: Vec<&Candidate> =
        candidates.ranked.iter().take(400).filter(|c| same(&c)).collect();
    let fits = |origin: &Origin, candidate: &Candidate| {
        let hypothesis = &candidate.hypothesis;
        origin.page % hypothesis.period() == hypothesis.start
            && hypothesis.row(origin.page).data.first() == Some(&origin.column)
    };
    let mut all = origins.iter().filter_map(|origin| {
        variants.iter().find(|candidate| fits(origin, candidate)).map(|c| (*origin, *c))
    });
    let Some((origin, candidate)) = all.next() else { return (best, Start::Unknown, None) };
    let at = origin.page * PAGE as u64;
    // A second one of the best kind is a copy, and it is not known which is.
    let twice = all.any(|(other, _)| other.kind == origin.kind && other.page != origin.page);
    let sure = match origin.kind {
        Kind::PartitionTable => !twice,
        Kind::FileSystem => origin.page == 0,
    };
    (candidate, if sure { Start::Sure(at) } else { Start::Likely(at) }, Some(origin))
}

fn mirror(
    candidates: &Candidates,
    found: &Found,
    origins: &[Origin],
    judged: &mut Judged,
    doubt: &mut dyn FnMut(&'static str, String),
) {
    let Redundancy::Copies(groups) = &found.redundancy else { return };
    let Some(group) = groups.first() else { return };
    let origin = origins.first();
    let start = match origin {
        Some(origin) if origin.kind == Kind::PartitionTable || origin.page == 0 => {
            Start::Sure(origin.page * PAGE as u64)
        }
        Some(origin) => Start::Likely(origin.page * PAGE as u64),
        None => Start::Unknown,
    };
    let first = origin.map_or(0, |origin| origin.page);
    let pages = candidates.sample.member_pages.saturating_sub(first);
    let geometry = Geometry {
        level: Level::Raid1,
        placement: Placement::Fixed,
        slots: u16::try_from(group.len()).unwrap_or(u16::MAX),
        strip: Blocks(0),
        member_blocks: Blocks(pages),
        secondary: Secondary::None,
        sets: 1,
        q_numbering: raid_core::array::QNumbering::BySlot,
        parities: 0,
        rotate_shift: 0,
        block_size: PAGE as u32,
    };
    let places = group.iter().map(|disk| Some(*disk)).collect();
    judged.guesses.push(Guess { geometry, places, first, start, bits: 0.0 });
    if candidates.chunk_bits > NO_CHUNKS {
        doubt(
            "the number of disks",
            format!(
                "the copies are broken into chunks ({:.0} bits): other pairs of a RAID-10 may be missing",
                candidates.chunk_bits
            ),
        );
    }
    let Some((origin, claims)) = origin.and_then(|origin| Some((origin, origin.claims?))) else {
        return doubt(
            "the number of disks",
            "nothing was found that says how large the volume is; other pairs may be missing"
                .to_owned(),
        );
    };
    let capacity = pages.saturating_mul(PAGE as u64);
    let (name, claims, gives) = (origin.name, human(claims), (human(capacity), claims > capacity));
    judged.evidence.push(format!("{name} claims {claims}, the disks give {}", gives.0));
    if gives.1 {
        doubt(
            "the number of disks",
            format!("members are missing: the volume wants {claims}, these disks give {}", gives.0),
        );
    }
}
