// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules about files rather than about behaviour: licence lines, licence texts, dependencies.

use super::shell::{Shell, cargo, root};
use super::{CRATES, Outcome, Stop};
use std::fs;
use std::path::Path;
use std::process::Command;

const SPDX: &str = "// SPDX-License-Identifier: MIT OR Apache-2.0";

/// Looks at every file that git tracks.
pub(crate) fn sources(shell: &mut Shell) -> Outcome {
    let listed = shell.run(Command::new("git").args(["ls-files", "*.rs"]))?;
    let mut faults = Vec::new();
    let mut files = 0;
    for name in listed.lines() {
        let Ok(text) = fs::read_to_string(root().join(name)) else { continue };
        files += 1;
        if text.lines().next() != Some(SPDX) {
            faults.push(format!("{name}: the first line is not the licence line"));
        }
        let mark = ["TO", "DO"].concat();
        if let Some(line) = text.lines().position(|line| line.contains(&mark)) {
            faults.push(format!("{name}:{}: {mark}", line + 1));
        }
    }
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        let text = fs::read(root().join(licence)).unwrap_or_default();
        for name in CRATES {
            let copy = fs::read(root().join(Path::new(name).join(licence))).unwrap_or_default();
            if text.is_empty() || copy != text {
                faults.push(format!("{name}/{licence} is not a copy of {licence}"));
            }
        }
    }
    if faults.is_empty() {
        Ok(format!("{files} files"))
    } else {
        Err(Stop::Failed(faults.join("; ")))
    }
}

/// Licences, duplicate versions and registries, against `deny.toml`.
pub(crate) fn licences(shell: &mut Shell) -> Outcome {
    shell.cargo("deny --all-features check licenses bans sources")?;
    Ok(String::from("licenses, bans, sources"))
}

/// Known vulnerabilities. The database is fetched; without it there is nothing to check.
pub(crate) fn advisories(shell: &mut Shell) -> Outcome {
    if !shell.succeeds(&mut cargo("deny fetch db")) {
        return Err(Stop::Beyond(String::from(
            "the advisory database, a service elsewhere, cannot be fetched",
        )));
    }
    shell.cargo("deny --all-features check advisories")?;
    Ok(String::from("no known vulnerability"))
}
