// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a race found: cells, the speeds in them, and who is ahead of whom by how much.

use serde_json::Value;
use std::error::Error;

/// All cells of a run.
pub(super) struct Report {
    pub(super) cells: Vec<Cell>,
    /// Who took part, and who could not.
    pub(super) attendance: Vec<String>,
    /// Bytes of the first, second and last level.
    pub(super) caches: [u64; 3],
    pub(super) cpu: String,
    /// The kernels that `Backend::detect` chooses.
    pub(super) best: String,
    /// What rows were placed and contenders ordered by.
    pub(super) seed: u64,
    /// What one core can do at most: see `benches/src/machine.rs`.
    pub(super) machine: Vec<Runner>,
}

/// One comparison.
pub(super) struct Cell {
    pub(super) operation: String,
    pub(super) disks: u64,
    pub(super) set: String,
    pub(super) len: u64,
    pub(super) placement: String,
    value: Value,
}

impl Report {
    pub(super) fn parse(text: &str) -> Result<Self, Box<dyn Error>> {
        let value: Value = serde_json::from_str(text)?;
        let strings = |list: &Value| -> Vec<String> {
            list.as_array()
                .into_iter()
                .flatten()
                .filter_map(|text| text.as_str().map(str::to_owned))
                .collect()
        };
        let cells: Vec<Cell> = value["cells"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|cell| Cell {
                operation: cell["operation"].as_str().unwrap_or_default().to_owned(),
                disks: cell["disks"].as_u64().unwrap_or_default(),
                set: cell["set"].as_str().unwrap_or_default().to_owned(),
                len: cell["len"].as_u64().unwrap_or_default(),
                placement: cell["placement"].as_str().unwrap_or_default().to_owned(),
                value: cell.clone(),
            })
            .collect();
        if cells.is_empty() {
            return Err("a report without cells".into());
        }
        let probes = value["machine"].as_object().into_iter().flatten();
        let machine = probes
            .map(|(name, speed)| Runner {
                name: name.clone(),
                speed: speed.as_f64().unwrap_or(f64::NAN),
            })
            .collect();
        Ok(Self {
            cells,
            machine,
            attendance: strings(&value["attendance"]),
            caches: ["l1", "l2", "llc"].map(|name| value["caches"][name].as_u64().unwrap_or(0)),
            cpu: value["cpu"].as_str().unwrap_or_default().to_owned(),
            seed: value["seed"].as_u64().unwrap_or_default(),
            best: value["detected"].as_str().unwrap_or_default().to_owned(),
        })
    }
}

/// The last report with the cells of some operations as a new one has them.
pub(super) fn merged(last: &str, new: &str, operations: &[&str]) -> Result<String, Box<dyn Error>> {
    if last.is_empty() {
        return Ok(new.to_owned());
    }
    let (last, mut new): (Value, Value) = (serde_json::from_str(last)?, serde_json::from_str(new)?);
    if last["cpu"] != new["cpu"] || last["attendance"] != new["attendance"] {
        return Err("the last run was on another machine, or had other contenders".into());
    }
    let (Some(kept), Some(cells)) = (last["cells"].as_array(), new["cells"].as_array_mut()) else {
        return Err("a report without cells".into());
    };
    let kept = kept.iter().filter(|cell| {
        cell["operation"].as_str().is_some_and(|operation| !operations.contains(&operation))
    });
    cells.extend(kept.cloned());
    cells.sort_by_key(|cell| {
        let operation = cell["operation"].as_str().unwrap_or_default();
        super::summary::OPERATIONS.iter().position(|(name, _)| *name == operation)
    });
    Ok(format!("{new:#}"))
}

/// Somebody, and how fast.
#[derive(Clone)]
pub(super) struct Runner {
    pub(super) name: String,
    /// Gigabytes of what is read, per second.
    pub(super) speed: f64,
}

impl Cell {
    /// Those of a role, the fastest first.
    fn runners(&self, wanted: impl Fn(&str, &str) -> bool) -> Vec<Runner> {
        let mut all: Vec<Runner> = self.value["speeds"]
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| wanted(name, self.value["roles"][*name].as_str().unwrap_or("")))
            .map(|(name, speed)| Runner {
                name: name.clone(),
                speed: speed.as_f64().unwrap_or(f64::NAN),
            })
            .collect();
        all.sort_by(|a, b| b.speed.total_cmp(&a.speed));
        all
    }

    /// These kernels of ours, told where the rows are.
    pub(super) fn ours(&self, backend: &str) -> Option<Runner> {
        self.named(backend)
    }

    /// The same wherever rows can be, the fastest first.
    pub(super) fn forced(&self, backend: &str) -> Option<Runner> {
        let own = ["cached", "last level", "memory"].map(|place| format!("{backend} {place}"));
        self.runners(|name, _| own.iter().any(|own| own == name)).into_iter().next()
    }

    /// The fastest of the other libraries, at their best or with kernels of any instruction set.
    pub(super) fn any_peer(&self) -> Option<Runner> {
        self.runners(|_, role| role != "ours" && role != "limit").into_iter().next()
    }

    /// The other libraries' kernels for one instruction set.
    pub(super) fn peer_of(&self, isa: &str) -> Option<Runner> {
        let same = |name: &str, role: &str| {
            // The best that rusty_erasure has is AVX2 with GFNI.
            role == isa || (isa == "avx2_gfni" && name == "rusty_erasure")
        };
        self.runners(same).into_iter().next()
    }

    /// The loads and stores of the operation, whichever way they are faster.
    pub(super) fn limit(&self) -> Option<Runner> {
        let reads_only = self.operation == "check";
        self.runners(|name, role| {
            role == "limit" && (reads_only || !name.starts_with("limit-read"))
        })
        .into_iter()
        .next()
    }

    pub(super) fn named(&self, name: &str) -> Option<Runner> {
        self.runners(|other, _| other == name).into_iter().next()
    }

    /// How many times as fast as another one, from pairs of the same repetition.
    pub(super) fn ratio(&self, own: &Runner, other: &Runner) -> f64 {
        let key = format!("{}/{}", own.name, other.name);
        self.value["ratios"][key].as_f64().unwrap_or(f64::NAN)
    }
}
