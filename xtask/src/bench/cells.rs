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
        Ok(Self {
            cells,
            attendance: strings(&value["attendance"]),
            caches: ["l1", "l2", "llc"].map(|name| value["caches"][name].as_u64().unwrap_or(0)),
            cpu: value["cpu"].as_str().unwrap_or_default().to_owned(),
            best: value["detected"].as_str().unwrap_or_default().to_owned(),
        })
    }
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

    /// These kernels of ours, with plain or with streaming stores, whichever is faster here.
    pub(super) fn ours(&self, backend: &str) -> Option<Runner> {
        let own = |name: &str| name == backend || name.strip_suffix("+nt") == Some(backend);
        self.runners(|name, role| role == "ours" && own(name)).into_iter().next()
    }

    /// The fastest of the other libraries, at their best.
    pub(super) fn peer(&self) -> Option<Runner> {
        self.runners(|_, role| role == "peer").into_iter().next()
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
        self.runners(|name, role| role == "limit" && (reads_only || name != "limit-read"))
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
