// SPDX-License-Identifier: MIT OR Apache-2.0
//! No panic, no allocation, no float, no 128-bit division, proved from object files.
//!
//! ```text
//! libraries   the four crates, every function compiled       what they refer to themselves
//! consumer    nopanic-consumer, linked with fat LTO          what they reach through core and others
//! controls    the consumer with its faults switched on        that the gate finds what it looks for
//! ```

use super::shell::{Shell, cargo, root, target};
use super::symbols::{Forbidden, References};
use super::{CRATES, Outcome, Stop};
use std::path::Path;

/// Soft floats, so that every float is a call; and 32 bits, where other lengths overflow.
pub(super) const TARGETS: [&str; 2] = ["x86_64-unknown-none", "thumbv7em-none-eabihf"];

/// A `control` of the consumer, and what it must be found as.
const CONTROLS: [(&str, Forbidden); 3] = [
    ("index", Forbidden::Panic),
    ("division", Forbidden::Division128),
    ("float", Forbidden::Float),
];

/// Generated inside our crates, but led to by nothing that they offer: `bitflags`' parser of flag
/// names.
const NOT_OURS: [&str; 1] = ["InternalBitFlags as core::str::traits::FromStr"];

pub(crate) fn gate(shell: &mut Shell) -> Outcome {
    let mut functions = 0;
    let mut ways = Vec::new();
    for triple in TARGETS {
        let mut seen = libraries(shell, triple)?;
        seen.extend(consumer(shell, triple, &[])?);
        for (count, findings) in seen {
            if count == 0 {
                return Err(Stop::Failed(format!("{triple}: a library without functions")));
            }
            functions += count;
            ways.extend(findings.iter().map(|(kind, way)| format!("{triple}: {kind:?}: {way}")));
        }
    }
    if let Some(first) = ways.first() {
        ways.iter().for_each(|way| shell.note(way));
        return Err(Stop::Failed(format!("{} ways, e.g. {first}", ways.len())));
    }
    let seen = consumer(shell, TARGETS[0], &CONTROLS.map(|(name, _)| name))?;
    for (name, kind) in CONTROLS {
        let function = format!("control_{name}");
        let mut findings = seen.iter().flat_map(|(_, findings)| findings);
        if !findings.any(|(found, way)| *found == kind && way.contains(&function)) {
            return Err(Stop::Failed(format!("control `{name}` was not found: the gate is blind")));
        }
    }
    Ok(format!("{functions} functions clean; {} controls found", CONTROLS.len()))
}

/// Functions looked at, and ways to something forbidden.
type Seen = (usize, Vec<(Forbidden, String)>);

/// The four crates with every function compiled, `#[inline]` or not, called or not.
fn libraries(shell: &mut Shell, triple: &str) -> Result<Vec<Seen>, Stop> {
    let folder = target().join("no-panic/libraries");
    let packages = CRATES.map(|name| format!("-p {name}")).join(" ");
    shell.run(
        cargo(&format!("build --release {packages} --target {triple}"))
            .env("CARGO_TARGET_DIR", &folder)
            .env("RUSTFLAGS", "-Cpanic=abort -Ccodegen-units=1 -Clink-dead-code"),
    )?;
    CRATES
        .iter()
        .map(|name| {
            let name = name.replace('-', "_");
            let library = folder.join(triple).join(format!("release/lib{name}.rlib"));
            // Dead code is kept, and with it copies of core's functions that no one calls.
            look(&library, &name, |function| {
                function.contains("raid_") && !NOT_OURS.iter().any(|part| function.contains(part))
            })
        })
        .collect()
}

/// The consumer, with some of its faults.
fn consumer(shell: &mut Shell, triple: &str, controls: &[&str]) -> Result<Vec<Seen>, Stop> {
    let folder = target().join("no-panic/consumer");
    let mut build = cargo(&format!("rustc --locked --release --target {triple} --manifest-path"));
    build.arg(root().join("xtask/nopanic-consumer/Cargo.toml"));
    build.env("CARGO_TARGET_DIR", &folder).arg("--");
    for control in controls {
        build.args(["--cfg", &format!("control=\"{control}\"")]);
    }
    shell.run(&mut build)?;
    let library = folder.join(triple).join("release/libnopanic_consumer.a");
    // The panic handler is exported as well: everything leads to it, it leads nowhere.
    Ok(vec![look(&library, "nopanic_consumer", |function| !function.contains("panic"))?])
}

fn look(library: &Path, name: &str, ours: impl Fn(&str) -> bool) -> Result<Seen, Stop> {
    let references = References::read(library, name)
        .map_err(|error| Stop::Failed(format!("{}: {error}", library.display())))?;
    Ok((references.functions(), references.findings(ours)))
}
