// SPDX-License-Identifier: MIT OR Apache-2.0
//! Volumes split over members by the layouts of raid-core, which are tested elsewhere.

use super::images::{self, Numbers};
use raid_array::discover::{ReadAt, Source};
use raid_core::array::{Geometry, Level, Placement, QNumbering, Secondary};
use raid_core::gf256::{mul, pow2};
use raid_core::layout::{Layout, Role};
use raid_core::units::{Blocks, Slot};
use raid_inspect::guess::sample::{PAGE, Plan};
use raid_inspect::guess::verdict::Verdict;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Level, placement and chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) level: Level,
    pub(crate) placement: Placement,
    pub(crate) numbering: QNumbering,
    /// Pages of a chunk.
    pub(crate) chunk: u64,
    pub(crate) shift: u8,
    pub(crate) mirrored_pairs: bool,
}

impl Shape {
    pub(crate) fn of(level: Level, placement: Placement, chunk: u64) -> Self {
        let numbering = QNumbering::ByData;
        Self { level, placement, numbering, chunk, shift: 0, mirrored_pairs: false }
    }
    pub(crate) fn raid0(chunk: u64) -> Self {
        Self::of(Level::Raid0, Placement::Fixed, chunk)
    }
    pub(crate) fn raid1() -> Self {
        Self::of(Level::Raid1, Placement::Fixed, 0)
    }
    pub(crate) fn raid10(chunk: u64) -> Self {
        Self { mirrored_pairs: true, ..Self::of(Level::Raid1, Placement::Fixed, chunk) }
    }
    pub(crate) fn raid4(chunk: u64) -> Self {
        Self::of(Level::Raid4, Placement::ParityLast, chunk)
    }
    pub(crate) fn raid5(chunk: u64) -> Self {
        Self::of(Level::Raid5, Placement::NContinue, chunk)
    }
    pub(crate) fn raid6(chunk: u64) -> Self {
        Self::of(Level::Raid6, Placement::NContinue, chunk)
    }

    pub(crate) fn geometry(&self, disks: u16, member_pages: u64) -> Geometry {
        let sets = if self.mirrored_pairs { disks / 2 } else { 1 };
        Geometry {
            level: self.level,
            placement: self.placement,
            slots: if self.mirrored_pairs { 2 } else { disks },
            strip: Blocks(self.chunk),
            member_blocks: Blocks(member_pages),
            secondary: if sets > 1 { Secondary::Striped } else { Secondary::None },
            sets,
            q_numbering: self.numbering,
            parities: 0,
            rotate_shift: self.shift,
            block_size: PAGE as u32,
        }
    }
}

/// What is wrong with a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Harm {
    None,
    /// One disk is of another volume.
    Foreign,
    /// One disk left the array, which was written meanwhile.
    Stale,
    /// One disk is not given.
    Missing,
    /// Two disks are not given: both of a pair where there are pairs.
    TwoMissing,
}

impl Harm {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "whole",
            Self::Foreign => "one foreign",
            Self::Stale => "one stale",
            Self::Missing => "one missing",
            Self::TwoMissing => "two missing",
        }
    }
}

/// Members, shuffled.
pub(crate) struct Set {
    pub(crate) images: Vec<Vec<u8>>,
    /// Which place of the array (set × slots + slot) each disk has; `None`: foreign.
    pub(crate) places: Vec<Option<usize>>,
    pub(crate) geometry: Geometry,
    /// Pages before the array.
    pub(crate) start: u64,
    pub(crate) harm: Harm,
    /// The disk that is not as it should be.
    odd: Option<usize>,
}

/// What else there is on the members.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Frame {
    /// Pages before the array.
    pub(crate) start: u64,
    /// Whether the first of them is noise.
    pub(crate) noise_before: bool,
    /// Pages behind the array.
    pub(crate) behind: u64,
}

/// What is written after a stale disk has left, and what a foreign disk holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Other<'v> {
    /// Made of this seed.
    Synthetic(u64),
    /// Parts of another volume.
    Volume(&'v [u8]),
}

impl Other<'_> {
    fn changed(self, numbers: &mut Numbers) -> Vec<u8> {
        match self {
            Self::Synthetic(_) => {
                let length = (16 + numbers.below(48)) as usize;
                images::mixed(numbers.next(), length + 64).split_off(64 * PAGE)
            }
            Self::Volume(volume) => {
                let length = (128 + numbers.below(1408)) as usize;
                let at = numbers.below((volume.len() / PAGE - length) as u64) as usize;
                volume[at * PAGE..(at + length) * PAGE].to_vec()
            }
        }
    }

    fn foreign(self, numbers: &mut Numbers, pages: usize) -> Vec<u8> {
        match self {
            Self::Synthetic(seed) => images::mixed(seed + 1000, pages),
            Self::Volume(volume) => {
                let from = numbers.below((volume.len() / PAGE / 2) as u64) as usize * PAGE;
                let mut bytes = volume[from..].to_vec();
                bytes.resize(pages * PAGE, 0);
                bytes
            }
        }
    }
}

impl Set {
    /// Splits a volume; `seed` chooses order, start, and who is harmed.
    pub(crate) fn new(volume: &[u8], shape: Shape, disks: u16, seed: u64, harm: Harm) -> Self {
        let start = [0, 16, 64, 64 + 9][Numbers(seed.wrapping_mul(77)).below(4) as usize];
        let frame = Frame { start, ..Frame::default() };
        Self::framed(volume, (shape, disks), seed, harm, frame, Other::Synthetic(seed))
    }

    /// Splits a volume over disks that hold more than it; `seed` chooses order, and who is harmed.
    pub(crate) fn framed(
        volume: &[u8],
        (shape, disks): (Shape, u16),
        seed: u64,
        harm: Harm,
        frame: Frame,
        other: Other<'_>,
    ) -> Self {
        let mut numbers = Numbers(seed.wrapping_mul(77));
        numbers.next();
        let start = frame.start;
        let period = (shape.chunk.max(1) * u64::from(disks)) << shape.shift;
        let blocks = |pages| {
            let geometry = shape.geometry(disks, pages);
            Layout::new(&geometry).expect("a sound geometry").size().0
        };
        let periods = ((volume.len() / PAGE) as u64).div_ceil(blocks(period));
        let geometry = shape.geometry(disks, period * periods);
        let mut images = split(volume, &geometry, start);
        let harmed = numbers.below(images.len() as u64) as usize;
        let mut places: Vec<Option<usize>> = (0..images.len()).map(Some).collect();
        match harm {
            Harm::None => {}
            Harm::Stale => {
                let mut newer = volume.to_vec();
                for _ in 0..12 {
                    let changed = other.changed(&mut numbers);
                    let free = (newer.len() - changed.len()) / PAGE;
                    let at = numbers.below(free as u64) as usize * PAGE;
                    newer[at..at + changed.len()].copy_from_slice(&changed);
                }
                let old = images.swap_remove(harmed);
                images = split(&newer, &geometry, start);
                images[harmed] = old;
            }
            Harm::Foreign => {
                let pages = images[0].len() / PAGE;
                images.push(other.foreign(&mut numbers, pages));
                places.push(None);
            }
            Harm::Missing => {
                images.remove(harmed);
                places.remove(harmed);
            }
            Harm::TwoMissing => {
                for gone in [harmed | 1, harmed & !1] {
                    let gone = gone.min(images.len() - 1);
                    images.remove(gone);
                    places.remove(gone);
                }
            }
        }
        for (index, image) in images.iter_mut().enumerate() {
            if frame.noise_before {
                image[..PAGE].copy_from_slice(&images::noise(seed + index as u64, 1));
            }
            image.resize(image.len() + frame.behind as usize * PAGE, 0);
        }
        let mut order: Vec<usize> = (0..images.len()).collect();
        (1..order.len()).rev().for_each(|i| order.swap(i, numbers.below(i as u64 + 1) as usize));
        let harmed = if harm == Harm::Foreign { images.len() - 1 } else { harmed };
        let odd = order.iter().position(|from| *from == harmed);
        Self {
            images: order.iter().map(|from| std::mem::take(&mut images[*from])).collect(),
            places: order.iter().map(|from| places[*from]).collect(),
            geometry,
            start,
            harm,
            odd: odd.filter(|_| matches!(harm, Harm::Foreign | Harm::Stale)),
        }
    }

    /// The disk with this harm.
    pub(crate) fn odd(&self, harm: Harm) -> Option<usize> {
        self.odd.filter(|_| self.harm == harm)
    }

    /// What the data says about the set.
    pub(crate) fn verdict(&self) -> Verdict {
        self.verdict_within(100 << 20)
    }

    /// What so many bytes of the data say.
    pub(crate) fn verdict_within(&self, budget: u64) -> Verdict {
        let source = |(index, image): (usize, &Vec<u8>)| Source {
            name: format!("d{index}"),
            bytes: Box::new(Bytes(image.clone())),
        };
        let members: Vec<Source> = self.images.iter().enumerate().map(source).collect();
        let sample = Plan::new(&members, budget).read(&members, &mut |_| ());
        Verdict::of(&members, &sample, String::new())
    }

    /// The members as files.
    pub(crate) fn write_to(&self, folder: &Path) -> Vec<PathBuf> {
        let write = |(index, image): (usize, &Vec<u8>)| {
            let path = folder.join(format!("m{index}.img"));
            fs::write(&path, image).unwrap();
            path
        };
        self.images.iter().enumerate().map(write).collect()
    }
}

struct Bytes(Vec<u8>);

impl ReadAt for Bytes {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let from = self.0.get(offset as usize..).and_then(|rest| rest.get(..into.len()));
        into.copy_from_slice(from.ok_or_else(|| io::Error::other("past the end"))?);
        Ok(())
    }
}

/// The members' images, in the order of their places.
fn split(volume: &[u8], geometry: &Geometry, start: u64) -> Vec<Vec<u8>> {
    let layout = Layout::new(geometry).expect("a sound geometry");
    let pages = geometry.member_blocks.0;
    let places = usize::from(geometry.sets) * usize::from(geometry.slots);
    let mut images = vec![vec![0; (start + pages) as usize * PAGE]; places];
    let array_page = |set, role| match role {
        Role::Data(block) | Role::Copy { of: block } => layout.array_block(set, block),
        _ => None,
    };
    let bytes = |number: u64| volume.get(number as usize * PAGE..(number as usize + 1) * PAGE);
    for page in 0..pages {
        let at = (start + page) as usize * PAGE;
        for set in 0..geometry.sets {
            let first = usize::from(set * geometry.slots);
            let (mut p, mut q) = (vec![0; PAGE], vec![0; PAGE]);
            let mut parities = Vec::new();
            for slot in 0..geometry.slots {
                let role = layout.role(Slot(slot as u8), page);
                let image = &mut images[first + usize::from(slot)][at..at + PAGE];
                if let Role::Parity(index) = role {
                    parities.push((first + usize::from(slot), index));
                }
                let Some(data) = array_page(set, role).and_then(bytes) else { continue };
                image.copy_from_slice(data);
                let stripe = page / layout.row_unit();
                let exponent =
                    layout.row_map(stripe).and_then(|row| row.exponent(Slot(slot as u8)));
                let factor = exponent.map_or(1, pow2);
                p.iter_mut().zip(data).for_each(|(sum, byte)| *sum ^= byte);
                q.iter_mut().zip(data).for_each(|(sum, byte)| *sum ^= mul(factor, *byte));
            }
            for (place, index) in parities {
                images[place][at..at + PAGE].copy_from_slice(if index == 0 { &p } else { &q });
            }
        }
    }
    images
}
