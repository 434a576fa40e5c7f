// SPDX-License-Identifier: MIT OR Apache-2.0
//! Races all contenders in all cells, and writes what came out as JSON: `cargo xtask bench` makes
//! the tables of it.
//!
//! ```text
//! cargo run --release -p raid-benches --features peers --bin ratios -- [--quick] [--show] [--seed=NUMBER] [OPERATION…]
//! ```

use raid_benches::caches::Caches;
use raid_benches::cells::Cell;
use raid_benches::stripes::Operation;
use raid_benches::{contenders, machine};
use raid_core::backend::Backend;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let flag = |name: &str| arguments.iter().any(|argument| argument == name);
    let (quick, show) = (flag("--quick"), flag("--show"));
    let value = |name: &str| {
        arguments.iter().find_map(|argument| argument.strip_prefix(name)).map(str::to_owned)
    };
    let (set, only) = (value("--set="), value("--only="));
    // Not chosen by anybody, unless somebody wants the same again.
    let seed = value("--seed=").and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| fastrand::u64(..100_000));
    let wanted: Vec<&String> =
        arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let caches = Caches::of_this_machine();
    let cells: Vec<Cell> = Operation::ALL
        .into_iter()
        .filter(|operation| {
            wanted.is_empty() || wanted.iter().any(|name| **name == operation.to_string())
        })
        .flat_map(|operation| Cell::all(operation, caches, quick))
        .filter(|cell| set.as_ref().is_none_or(|set| *set == cell.set.to_string()))
        .collect();
    let began = Instant::now();
    let only = |name: &str| {
        only.as_ref().is_none_or(|only| only.split(',').any(|part| name.starts_with(part)))
    };
    let mut results = Vec::new();
    for (index, cell) in cells.iter().enumerate() {
        eprintln!(
            "[{:>3}/{}] {:>4} s  {} k={} {} {} B, {}",
            index + 1,
            cells.len(),
            began.elapsed().as_secs(),
            cell.operation,
            cell.disks,
            cell.set,
            cell.len,
            cell.placement
        );
        match cell.measure(quick, seed, &only) {
            Ok(result) => {
                if show {
                    print_speeds(&result);
                }
                results.push(result);
            }
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        }
    }
    if !show {
        let caches = json!({ "l1": caches.l1, "l2": caches.l2, "llc": caches.llc });
        let report = json!({
            "cpu": cpu(),
            "detected": Backend::detect().name(),
            "caches": caches,
            "seed": seed,
            "attendance": contenders::attendance(),
            "machine": machine::measure(),
            "cells": results,
        });
        println!("{report:#}");
    }
    ExitCode::SUCCESS
}

/// What Linux calls the processor.
fn cpu() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_once(": ").map(|(_, value)| value.to_owned())
    };
    match (field("model name"), field("cpu family"), field("model\t")) {
        (Some(name), Some(family), Some(model)) => {
            format!("{name} (family {family} model {model})")
        }
        _ => String::from(std::env::consts::ARCH),
    }
}

/// The speeds of one cell, the fastest first.
fn print_speeds(cell: &Value) {
    let mut speeds: Vec<(&String, f64)> = cell["speeds"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, speed)| (name, speed.as_f64().unwrap_or(f64::NAN)))
        .collect();
    speeds.sort_by(|a, b| b.1.total_cmp(&a.1));
    let line: Vec<String> =
        speeds.iter().map(|(name, speed)| format!("{name} {speed:.1}")).collect();
    println!(
        "{} k={} {} {} {}: {}",
        cell["operation"],
        cell["disks"],
        cell["set"],
        cell["len"],
        cell["placement"],
        line.join(", ")
    );
}
