// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is done in the guest.

mod dmraid;
mod md_life;
mod ublk;
mod ublk_commands;
mod ublk_errors;
mod ublk_libublk;
mod ublk_system;

use crate::Result;

/// What a scenario is: it ends with a note, or with what went wrong.
pub type Scenario = fn() -> Result<String>;

/// The scenarios, by the names that the runner knows them by.
const SCENARIOS: [(&str, Scenario); 10] = [
    ("md-on-ours", md_life::on_ours),
    ("ours-on-md", md_life::on_md),
    ("dmraid", dmraid::reads_ours),
    ("ublk-levels", ublk::levels),
    ("ublk-faults", ublk::faults),
    ("ublk-commands", ublk_commands::run_all),
    ("ublk-errors", ublk_errors::run_all),
    ("ublk-newest", ublk::newest),
    ("ublk-libublk", ublk_libublk::run_all),
    ("ublk-systemd", ublk_system::run_all),
];

/// The scenario of that name.
#[must_use]
pub fn find(name: &str) -> Option<Scenario> {
    SCENARIOS.iter().find(|(known, _)| *known == name).map(|(_, run)| *run)
}

/// All names.
#[must_use]
pub fn names() -> String {
    SCENARIOS.map(|(name, _)| name).join(", ")
}
