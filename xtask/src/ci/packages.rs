// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a registry would hand out: the packages of the four crates, unpacked where nothing of the repository is beside
//! them.
//!
//! ```text
//! publish    a dry run of the four, in the order of their dependencies
//! tests      unit and doc tests of the packages as they are unpacked
//! lowest     the lowest versions of the dependencies that each manifest allows build
//! docs       as docs.rs builds them, with its cfg and each package's metadata
//! ```

use super::host;
use super::shell::{Shell, cargo, target};
use super::toolchain::{NIGHTLY, Need};
use super::{CRATES, Outcome, Stop, remove};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) const NEEDS: &[Need] = &[Need::Compiler(NIGHTLY, &[])];

pub(crate) fn gate(shell: &mut Shell) -> Outcome {
    let packages = CRATES.map(|name| format!("-p {name}")).join(" ");
    shell.cargo(&format!("publish --dry-run --no-verify --allow-dirty {packages}"))?;
    pack(shell)?;
    let unpacked = unpack(shell, "unpacked")?;
    shell.run(&mut within(&unpacked, "test --workspace --no-run"))?;
    // The lives and explorations of raid-sync take minutes: `deep-packages` has them.
    let quick = "test -p raid-core -p raid-ddf -p raid-asr";
    let counted = host::tests_run(&shell.run(&mut within(&unpacked, quick))?)?;
    shell.run(&mut within(&unpacked, "test -p raid-sync --doc"))?;
    lowest(shell)?;
    docs(shell, &unpacked)?;
    Ok(format!("{counted} of the packages; lowest versions build; docs.rs has its pages"))
}

/// All tests of all packages.
pub(crate) fn deep(shell: &mut Shell) -> Outcome {
    pack(shell)?;
    let unpacked = unpack(shell, "unpacked")?;
    let mut tests = within(&unpacked, "test --workspace");
    host::tests_run(&shell.run(tests.env("CARGO_PROFILE_TEST_OPT_LEVEL", "2"))?)
}

/// Packs the four crates.
fn pack(shell: &mut Shell) -> Result<(), Stop> {
    // A package of an earlier run must not be taken for one of this.
    remove(&target().join("package"))?;
    let packages = CRATES.map(|name| format!("-p {name}")).join(" ");
    shell.cargo(&format!("package --no-verify --allow-dirty {packages}"))?;
    Ok(())
}

/// The packages of the four crates in a workspace of their own, which take each other from there.
fn unpack(shell: &mut Shell, name: &str) -> Result<PathBuf, Stop> {
    let folder = target().join("packages").join(name);
    remove(&folder)?;
    fs::create_dir_all(&folder).map_err(failed)?;
    for name in CRATES {
        let packed = packed(name)?;
        shell.run(Command::new("tar").arg("-xzf").arg(&packed).arg("-C").arg(&folder))?;
        let stem = packed.file_stem().unwrap_or_default();
        fs::rename(folder.join(stem), folder.join(name)).map_err(failed)?;
        for file in ["LICENSE-MIT", "LICENSE-APACHE"] {
            if !folder.join(name).join(file).exists() {
                return Err(Stop::Failed(format!("the package of {name} lacks {file}")));
            }
        }
    }
    let members = CRATES.map(|name| format!("\"{name}\"")).join(", ");
    let patches = CRATES.map(|name| format!("{name} = {{ path = \"{name}\" }}\n")).concat();
    let manifest = format!(
        "[workspace]\nresolver = \"3\"\nmembers = [{members}]\n[patch.crates-io]\n{patches}"
    );
    fs::write(folder.join("Cargo.toml"), manifest).map_err(failed)?;
    Ok(folder)
}

/// The package of this version.
fn packed(name: &str) -> Result<PathBuf, Stop> {
    let folder = target().join("package");
    let file = folder.join(format!("{name}-{}.crate", env!("CARGO_PKG_VERSION")));
    match file.exists() {
        true => Ok(file),
        false => {
            Err(Stop::Failed(format!("{} is not there, though it was packed", file.display())))
        }
    }
}

/// Cargo in the unpacked workspace: nothing of this one's settings reaches it but the place where it builds.
fn within(folder: &Path, arguments: &str) -> Command {
    let mut command = cargo(arguments);
    command.arg("--manifest-path").arg(folder.join("Cargo.toml"));
    command.env("CARGO_TARGET_DIR", target().join("packages/build"));
    // Nobody looks at them with a debugger.
    command.env("CARGO_PROFILE_DEV_DEBUG", "0");
    command
}

/// The lowest versions that the manifests allow. What only tests need is left out: it would raise the others.
fn lowest(shell: &mut Shell) -> Result<(), Stop> {
    let folder = unpack(shell, "lowest")?;
    for name in CRATES {
        let manifest = folder.join(name).join("Cargo.toml");
        let text = fs::read_to_string(&manifest).map_err(failed)?;
        fs::write(&manifest, without_tests(&text)).map_err(failed)?;
    }
    let resolve = format!("+{NIGHTLY} -Z direct-minimal-versions generate-lockfile");
    shell.run(&mut within(&folder, &resolve))?;
    shell.run(&mut within(&folder, "check --workspace --lib --all-features"))?;
    Ok(())
}

/// A manifest without its tables of dependencies of tests, and of the model of the gate.
fn without_tests(manifest: &str) -> String {
    let mut left_out = false;
    let kept = manifest.lines().filter(|line| {
        if line.starts_with('[') {
            left_out = line.contains("dev-dependencies") || line.contains("cfg(loom)");
        }
        !left_out
    });
    kept.flat_map(|line| [line, "\n"]).collect()
}

/// As docs.rs calls rustdoc.
fn docs(shell: &mut Shell, folder: &Path) -> Result<(), Stop> {
    for name in CRATES {
        let manifest = fs::read_to_string(folder.join(name).join("Cargo.toml")).map_err(failed)?;
        let all = if manifest.contains("all-features = true") { "--all-features" } else { "" };
        let mut doc = within(folder, &format!("+{NIGHTLY} doc --no-deps -p {name} {all}"));
        shell.run(doc.env("RUSTDOCFLAGS", "--cfg docsrs -D warnings"))?;
    }
    let page = target().join("packages/build/doc/raid_core/backend/struct.Backend.html");
    let page = fs::read_to_string(page).map_err(failed)?;
    // Behind a feature that is off by default.
    match page.contains("method.detect") {
        true => Ok(()),
        false => Err(Stop::Failed(String::from("docs.rs would not show `Backend::detect`"))),
    }
}

fn failed(error: std::io::Error) -> Stop {
    Stop::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_of_tests_are_left_out() {
        let manifest = "[dependencies.crc]\nversion = \"3.2\"\n[dev-dependencies.proptest]\nversion = \"1\"\n\
            [target.\"cfg(unix)\".dev-dependencies.rustix]\nversion = \"1\"\n[lints.rust]\nmissing_docs = \"warn\"\n";
        assert_eq!(
            without_tests(manifest),
            "[dependencies.crc]\nversion = \"3.2\"\n[lints.rust]\nmissing_docs = \"warn\"\n"
        );
    }
}
