// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rows that contenders work on, scattered over memory as the pages of a stripe cache are.

use fastrand::Rng;
use raid_core::gf256;
use std::fmt;
use std::marker::PhantomData;

/// What is done to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The XOR of all data blocks.
    Xor,
    /// P and Q of all data blocks.
    Generate,
    /// P and Q against the data blocks.
    Check,
    /// Two lost data blocks from the others, P and Q.
    RecoverDataData,
    /// A lost data block and P from the others and Q.
    RecoverDataP,
    /// The change of one block carried into P and Q.
    Update,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Xor,
        Self::Generate,
        Self::Check,
        Self::RecoverDataData,
        Self::RecoverDataP,
        Self::Update,
    ];

    /// Blocks read and blocks written for a row of `disks` data disks.
    #[must_use]
    pub fn blocks(self, disks: usize) -> (usize, usize) {
        match self {
            Self::Xor => (disks, 1),
            Self::Generate => (disks, 2),
            Self::Check => (disks + 2, 0),
            Self::RecoverDataData | Self::RecoverDataP => (disks, 2),
            Self::Update => (4, 2),
        }
    }

    /// Data disks to compare at.
    #[must_use]
    pub fn disks(self) -> &'static [usize] {
        match self {
            Self::Xor => &[2, 4, 8, 16],
            Self::Generate | Self::Check | Self::RecoverDataData => &[4, 8, 16],
            _ => &[8],
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Xor => "xor",
            Self::Generate => "generate",
            Self::Check => "check",
            Self::RecoverDataData => "recover DD",
            Self::RecoverDataP => "recover DP",
            Self::Update => "update",
        })
    }
}

/// Where a block begins in its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// At the start of the page: the usual case, and the one where all blocks of a row fight for the
    /// same lines of the first level.
    Pages,
    /// Each block of a row in another line of its page.
    Lines,
    /// Eight bytes behind the start of the page: no vector is aligned.
    Misaligned,
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pages => "pages",
            Self::Lines => "lines",
            Self::Misaligned => "8 bytes off",
        })
    }
}

const PAGE: usize = 4096;

/// No block.
const NONE: *mut [u8] = std::ptr::slice_from_raw_parts_mut(std::ptr::dangling_mut(), 0);

/// Memory full of rows.
#[derive(Debug)]
pub struct Arena {
    memory: Vec<u8>,
    operation: Operation,
    disks: usize,
    len: usize,
    placement: Placement,
}

impl Arena {
    /// Memory for rows that use about `bytes`, at least one.
    #[must_use]
    pub fn new(
        operation: Operation,
        disks: usize,
        len: usize,
        bytes: usize,
        placement: Placement,
    ) -> Self {
        let slots = Self::slots(operation, disks);
        let rows = (bytes / (slots * len)).max(1);
        let memory = vec![0; Self::stride(len, placement) * slots * rows + PAGE];
        Self { memory, operation, disks, len, placement }
    }

    fn slots(operation: Operation, disks: usize) -> usize {
        match operation {
            Operation::Xor => disks + 1,
            Operation::Update => 4,
            _ => disks + 2,
        }
    }

    /// From the start of one block to the start of the next.
    fn stride(len: usize, placement: Placement) -> usize {
        let room = if placement == Placement::Pages { 0 } else { PAGE };
        // Small ones are packed: at the start of a page each, they would fight for the same lines of
        // the first level, and not fit it.
        if len < PAGE { len + room } else { len.next_multiple_of(PAGE) + room }
    }

    /// Fills the memory and hands out the rows, placed by the seed.
    pub fn rows(&mut self, seed: u64) -> Vec<Stripe<'_>> {
        let (operation, disks, len) = (self.operation, self.disks, self.len);
        let start =
            self.memory.as_ptr().addr().next_multiple_of(PAGE) - self.memory.as_ptr().addr();
        let stride = Self::stride(len, self.placement);
        let mut rng = Rng::with_seed(seed);
        let mut blocks: Vec<&mut [u8]> = self.memory[start..].chunks_exact_mut(stride).collect();
        for block in &mut blocks {
            rng.fill(block);
        }
        rng.shuffle(&mut blocks);
        let slots = Self::slots(operation, disks);
        let mut rows = Vec::new();
        while blocks.len() >= slots {
            let row = blocks.split_off(blocks.len() - slots).into_iter().enumerate();
            let placed = row.map(|(slot, block)| {
                let from = match self.placement {
                    Placement::Pages => 0,
                    Placement::Lines => 64 * (slot + 1),
                    Placement::Misaligned => 8,
                };
                &mut block[from..from + len]
            });
            rows.push(Stripe::new(operation, placed.collect()));
        }
        rows
    }
}

/// One row, in all the forms that contenders take.
#[derive(Debug)]
pub struct Stripe<'a> {
    sources: Vec<&'a [u8]>,
    list: Vec<Option<&'a [u8]>>,
    by_element: Vec<Option<&'a [u8]>>,
    parity: Vec<&'a [u8]>,
    lost: [u8; 2],
    len: usize,
    /// Where results go: `outputs` blocks of `len` bytes, exclusively this row's.
    pointers: Vec<*mut u8>,
    /// The first and the second of them, without bytes if there is none: taking a row apart is to cost
    /// the contenders that need it nothing.
    written: [*mut [u8]; 2],
    /// What they must become.
    expected: Vec<Vec<u8>>,
    memory: PhantomData<&'a mut [u8]>,
}

/// A row, taken apart.
#[derive(Debug)]
pub struct Parts<'a> {
    /// Data blocks that are there, in the order of exponents; for [`Operation::Update`] the old and
    /// the new one.
    pub sources: &'a [&'a [u8]],
    /// The data list, `None` where a block is lost.
    pub list: &'a [Option<&'a [u8]>],
    /// The same by element, with the elements of P and Q, `None`, in the middle.
    pub by_element: &'a [Option<&'a [u8]>],
    /// The stored P and Q, of operations that read them.
    pub parity: &'a [&'a [u8]],
    /// The exponents of what is lost, or changes.
    pub lost: [u8; 2],
    /// The first block that is written, or none.
    pub x: &'a mut [u8],
    /// The second block that is written, or none.
    pub y: &'a mut [u8],
}

impl<'a> Stripe<'a> {
    fn new(operation: Operation, mut blocks: Vec<&'a mut [u8]>) -> Self {
        let len = blocks.first().map_or(0, |block| block.len());
        let mut parity = blocks.split_off(match operation {
            Operation::Xor => blocks.len() - 1,
            _ => blocks.len() - 2,
        });
        let [p, q] = sums(&blocks);
        let (x, y) = (blocks.len() / 3, blocks.len() * 2 / 3);
        let lost: &[usize] = match operation {
            Operation::RecoverDataData => &[x, y],
            Operation::RecoverDataP => &[x],
            _ => &[],
        };
        let (expected, stored) = match operation {
            Operation::Xor => (vec![p], vec![]),
            Operation::Generate => (vec![p, q], vec![]),
            Operation::Check => (vec![], vec![p, q]),
            Operation::RecoverDataData => {
                (vec![blocks[x].to_vec(), blocks[y].to_vec()], vec![p, q])
            }
            Operation::RecoverDataP => (vec![blocks[x].to_vec(), p], vec![q]),
            Operation::Update => (vec![], vec![]),
        };
        let mut written: Vec<&'a mut [u8]> = Vec::new();
        let mut row = Self {
            sources: Vec::new(),
            list: Vec::new(),
            by_element: Vec::new(),
            parity: Vec::new(),
            lost: if operation == Operation::Update {
                [5, 5]
            } else {
                [x, y].map(|entry| u8::try_from(entry).unwrap_or(u8::MAX))
            },
            len,
            pointers: Vec::new(),
            written: [NONE; 2],
            expected,
            memory: PhantomData,
        };
        for (entry, block) in blocks.into_iter().enumerate() {
            if lost.contains(&entry) {
                written.push(block);
                row.list.push(None);
            } else {
                let block: &'a [u8] = block;
                row.sources.push(block);
                row.list.push(Some(block));
            }
        }
        let (below, above) = row.list.split_at(row.list.len() / 2);
        row.by_element = [below, &[None, None], above].concat();
        for sum in stored.into_iter().rev() {
            if let Some(block) = parity.pop() {
                block.copy_from_slice(&sum);
                row.parity.insert(0, block);
            }
        }
        written.extend(parity);
        let read = row.sources.iter().chain(&row.parity);
        row.pointers = read.map(|block| block.as_ptr().cast_mut()).collect();
        for (at, block) in written.into_iter().enumerate() {
            row.pointers.push(block.as_mut_ptr());
            row.written[at] = block;
        }
        row
    }

    /// Bytes of a block.
    #[must_use]
    pub fn block_len(&self) -> usize {
        self.len
    }

    /// The addresses of all that is read, then of all that is written.
    #[must_use]
    pub fn pointers(&self) -> &[*mut u8] {
        &self.pointers
    }

    /// The exponents of what is lost, or changes.
    #[must_use]
    pub fn lost(&self) -> [u8; 2] {
        self.lost
    }

    /// The row, taken apart.
    pub fn parts(&mut self) -> Parts<'_> {
        // SAFETY: blocks of this row, taken over from exclusive references in `new`, different from all
        // others, and lent out only while `self` is borrowed; or no bytes at all.
        let [x, y] = self.written.map(|block| unsafe { &mut *block });
        Parts {
            sources: &self.sources,
            list: &self.list,
            by_element: &self.by_element,
            parity: &self.parity,
            lost: self.lost,
            x,
            y,
        }
    }

    /// Runs a contender and says whether it left what it should, by arithmetic that has nothing to
    /// do with it.
    pub fn verify(&mut self, operation: Operation, run: &mut dyn FnMut(&mut Self) -> bool) -> bool {
        let parts = self.parts();
        if operation == Operation::Update {
            let change = parts.sources[0].iter().zip(parts.sources[1]);
            let change: Vec<u8> = change.map(|(old, new)| old ^ new).collect();
            let carried = |parity: &[u8], factor| {
                let both = parity.iter().zip(&change);
                both.map(|(parity, change)| parity ^ gf256::mul(factor, *change)).collect()
            };
            let q = carried(parts.y, gf256::pow2(parts.lost[0]));
            self.expected = vec![carried(parts.x, 1), q];
        } else {
            parts.x.fill(0x5a);
            parts.y.fill(0x5a);
        }
        let held = run(self);
        let expected = std::mem::take(&mut self.expected);
        let parts = self.parts();
        let found = [parts.x, parts.y];
        let same = found.iter().zip(&expected).all(|(found, want)| *found == want);
        self.expected = expected;
        held && same
    }
}

fn sums(blocks: &[&mut [u8]]) -> [Vec<u8>; 2] {
    let len = blocks.first().map_or(0, |block| block.len());
    let (mut p, mut q) = (vec![0; len], vec![0; len]);
    for block in blocks.iter().rev() {
        for ((p, q), byte) in p.iter_mut().zip(&mut q).zip(block.iter()) {
            *p ^= byte;
            *q = gf256::double(*q) ^ byte;
        }
    }
    [p, q]
}
