// SPDX-License-Identifier: MIT OR Apache-2.0
//! The proof of the sync protocol: `raid-sync/proof`, by two solvers that are fetched as wheels.

use super::shell::{Shell, root, target};
use super::toolchain::Need;
use super::{Outcome, Stop};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The module that puts pip into an environment is a package of its own on Debian.
pub(super) const NEEDS: &[Need] = &[Need::Module("ensurepip", "python3 python3-venv")];

const FOLDER: &str = "raid-sync/proof";

fn python(script: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(environment().join("bin/python"));
    command.arg("-B").arg(root().join(FOLDER).join(script)).args(arguments);
    command
}

fn environment() -> PathBuf {
    target().join("proof")
}

/// The solvers, in the versions and with the hashes of `requirements.txt`.
fn bring_solvers(shell: &mut Shell) -> Result<(), Stop> {
    let wanted = root().join(FOLDER).join("requirements.txt");
    let text = fs::read(&wanted).map_err(|error| Stop::Failed(format!("requirements: {error}")))?;
    let installed = environment().join("requirements.txt");
    if fs::read(&installed).is_ok_and(|there| there == text) {
        return Ok(());
    }
    let made =
        shell.succeeds(Command::new("python3").args(["-m", "venv", "--clear"]).arg(environment()));
    if !made {
        return Err(Stop::Skipped(String::from(
            "python3 makes no environment: python3-venv is missing",
        )));
    }
    let mut pip = Command::new(environment().join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    pip.args(["--require-hashes", "--only-binary", ":all:", "-r"]).arg(&wanted);
    let (status, said) =
        shell.try_run(&mut pip).map_err(|error| Stop::Failed(format!("pip: {error}")))?;
    if !status.is_some_and(|status| status.success()) {
        let last = said.trim_end().lines().last().unwrap_or("it said nothing");
        let why = format!("the solvers are not here, and pip cannot fetch their wheels: {last}");
        // A wheel with another hash is no lack of this machine.
        return Err(if said.contains("HASHES") { Stop::Failed(why) } else { Stop::Beyond(why) });
    }
    fs::write(installed, text).map_err(|error| Stop::Failed(format!("requirements: {error}")))
}

/// Every obligation, by both solvers, and a few planted defects.
pub(super) fn all(shell: &mut Shell) -> Outcome {
    bring_solvers(shell)?;
    shell.run(&mut python("check.py", &[]))?;
    shell.run(&mut python("rust.py", &["--check"]))?;
    let said = shell.run(&mut python("prove.py", &[]))?;
    shell.run(&mut python("prove.py", &["--solver", "cvc5"]))?;
    shell.run(&mut python("vacuity.py", &["--few"]))?;
    let last = said.lines().last().unwrap_or_default();
    Ok(last.split(" proven").next().unwrap_or(last).trim_start_matches("z3: ").to_owned()
        + " proven")
}

/// Every planted defect.
pub(super) fn vacuity(shell: &mut Shell) -> Outcome {
    bring_solvers(shell)?;
    let said = shell.run(&mut python("vacuity.py", &[]))?;
    Ok(said.lines().last().unwrap_or_default().to_owned())
}
