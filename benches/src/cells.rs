// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is compared: operations × data disks × working sets × sizes of blocks.

use crate::caches::Caches;
use crate::contenders::{self, Contender, Role};
use crate::paired::{Effort, Times, race};
use crate::stripes::{Arena, Operation, Placement};
use raid_core::backend::Locality;
use serde_json::{Map, Value, json};
use std::fmt;
use std::time::Duration;

/// Where the rows are when they are worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// In the first-level cache.
    L1,
    /// In the second-level cache.
    L2,
    /// In the last-level cache.
    Llc,
    /// In memory.
    Dram,
}

impl Set {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::L1, Self::L2, Self::Llc, Self::Dram];
}

impl Set {
    /// What a caller knows who knows this.
    #[must_use]
    pub fn locality(self) -> Locality {
        match self {
            Self::L1 | Self::L2 => Locality::Cached,
            Self::Llc => Locality::LastLevel,
            Self::Dram => Locality::Memory,
        }
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::L1 => "L1",
            Self::L2 => "L2",
            Self::Llc => "LLC",
            Self::Dram => "DRAM",
        })
    }
}

/// One comparison.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    /// What is done.
    pub operation: Operation,
    /// Data disks of a row.
    pub disks: usize,
    /// Where the rows are.
    pub set: Set,
    /// Bytes of all rows.
    pub bytes: usize,
    /// Bytes of a block.
    pub len: usize,
    /// Where blocks begin.
    pub placement: Placement,
}

impl Cell {
    /// The cells of an operation that this machine has room for.
    #[must_use]
    pub fn all(operation: Operation, caches: Caches, quick: bool) -> Vec<Self> {
        let mut cells = Vec::new();
        for &disks in operation.disks().iter().filter(|disks| !quick || **disks == 8) {
            let slots = match operation {
                Operation::Xor => disks + 1,
                Operation::Update => 4,
                _ => disks + 2,
            };
            for set in Set::ALL {
                let (bytes, most) = match set {
                    Set::L1 => (caches.l1 / 2, caches.l1 * 3 / 4),
                    Set::L2 => (caches.l2 / 2, caches.l2 * 3 / 4),
                    Set::Llc => (caches.llc / 4, caches.llc * 3 / 4),
                    Set::Dram => (caches.llc * 4, usize::MAX),
                };
                let lens: &[usize] = match (set, quick) {
                    (Set::L1, _) => &[4 << 10, 2 << 10, 1 << 10],
                    (Set::L2, false) => &[4 << 10, 16 << 10, 64 << 10],
                    (Set::L2, true) => &[4 << 10, 64 << 10],
                    (_, false) => &[4 << 10, 16 << 10, 64 << 10, 1 << 20],
                    (_, true) => &[64 << 10],
                };
                let fitting = lens.iter().filter(|len| *len * slots <= most);
                let count = if set == Set::L1 { 1 } else { usize::MAX };
                // And what a call costs that is over before its loop is.
                let small: &[usize] = if set == Set::L1 { &[512] } else { &[] };
                cells.extend(fitting.take(count).chain(small).map(|&len| Self {
                    operation,
                    disks,
                    set,
                    bytes,
                    len,
                    placement: Placement::Pages,
                }));
            }
        }
        if !quick {
            let skewed: Vec<Self> = cells
                .iter()
                .filter(|cell| cell.disks == 8 && cell.len == 64 << 10)
                .copied()
                .collect();
            for placement in [Placement::Lines, Placement::Misaligned] {
                // The others only where the place of a block in its page matters most.
                let wanted = skewed.iter().filter(|cell| {
                    operation == Operation::Generate
                        || (placement == Placement::Lines && cell.set == Set::L2)
                });
                cells.extend(wanted.map(|cell| Self { placement, ..*cell }));
            }
        }
        cells
    }

    fn effort(self, quick: bool) -> Effort {
        let (repetitions, micros, settling) = match self.set {
            Set::L1 => (21, 200, 3),
            Set::L2 => (15, 400, 1),
            Set::Llc => (9, 800, 1),
            Set::Dram => (7, 1000, 0),
        };
        let repetitions = if quick { (repetitions / 2) | 1 } else { repetitions };
        Effort { repetitions, slice: Duration::from_micros(micros), settling }
    }

    /// Verifies all contenders, times them, and returns their speeds and the ratios between them.
    ///
    /// # Errors
    ///
    /// Says which contender computes something else than the others.
    pub fn measure(
        self,
        quick: bool,
        seed: u64,
        only: &dyn Fn(&str) -> bool,
    ) -> Result<Value, String> {
        // Where memory happens to be matters, most of all in the first level: several times elsewhere.
        let rounds = if self.set == Set::L1 { 5 } else { 1 };
        let mut times: Vec<Times> = Vec::new();
        let mut count = 0;
        for round in 0..rounds {
            let mut arena =
                Arena::new(self.operation, self.disks, self.len, self.bytes, self.placement);
            let seed = seed.wrapping_add(round);
            let mut rows = arena.rows(seed);
            count = rows.len();
            let mut contenders = self.contenders();
            contenders.retain(|one| only(&one.name));
            for one in &mut contenders {
                for index in [0, count - 1] {
                    if !one.verify(self.operation, &mut rows[index]) {
                        return Err(format!("{} computes something else: {self:?}", one.name));
                    }
                }
            }
            let here = race(&mut contenders, &mut rows, self.effort(quick), seed);
            if times.is_empty() {
                times = here;
            } else {
                for (all, here) in times.iter_mut().zip(here) {
                    all.nanoseconds.extend(here.nanoseconds);
                }
            }
        }
        let bytes = count * self.len * self.operation.blocks(self.disks).0;
        Ok(self.report(&times, bytes))
    }

    /// Who takes part here.
    #[must_use]
    pub fn contenders(&self) -> Vec<Contender> {
        let mut contenders =
            contenders::all(self.operation, self.disks, self.len, self.set.locality());
        contenders.retain(|one| self.wanted(&one.name, one.role));
        contenders
    }

    /// Beyond the caches, all but the slowest wait for memory; and ISA-L and streaming stores fault on
    /// blocks that are not aligned.
    fn wanted(self, name: &str, role: Role) -> bool {
        let aligned_only = name.starts_with("isal") || name.starts_with("limit-rw-nt");
        if self.placement == Placement::Misaligned && aligned_only {
            return false;
        }
        let main = self.disks == 8 && self.placement == Placement::Pages;
        let alien = name.starts_with("reed-solomon");
        let slow = matches!(role, Role::PeerOf(_)) || name.starts_with("ssse3") || name == "words";
        match self.set {
            Set::L1 | Set::L2 => main || !alien,
            Set::Llc | Set::Dram => !alien && (main || !slow),
        }
    }

    fn report(self, times: &[Times], bytes: usize) -> Value {
        let is_ours = |one: &&Times| one.role == Role::Ours;
        let gigabytes = |one: &Times| bytes as f64 / one.median();
        let mut ratios = Map::new();
        for own in times.iter().filter(is_ours) {
            for other in times.iter().filter(|other| other.name != own.name) {
                let key = format!("{}/{}", own.name, other.name);
                ratios.insert(key, json!(own.speed_over(other)));
            }
        }
        let speeds: Map<String, Value> =
            times.iter().map(|one| (one.name.clone(), json!(gigabytes(one)))).collect();
        let spreads: Map<String, Value> =
            times.iter().map(|one| (one.name.clone(), json!(one.spread()))).collect();
        let roles: Map<String, Value> = times
            .iter()
            .map(|one| {
                let role = match one.role {
                    Role::Ours => "ours",
                    Role::Peer => "peer",
                    Role::PeerOf(isa) => isa,
                    Role::Limit => "limit",
                };
                (one.name.clone(), json!(role))
            })
            .collect();
        json!({
            "operation": self.operation.to_string(),
            "disks": self.disks,
            "set": self.set.to_string(),
            "len": self.len,
            "placement": self.placement.to_string(),
            "speeds": speeds,
            "roles": roles,
            "ratios": ratios,
            "spreads": spreads,
        })
    }
}
