// SPDX-License-Identifier: MIT OR Apache-2.0
//! One array's whole life, on real metadata, with every byte verified.
//!
//! | room | subject |
//! |---|---|
//! | `shape` | options to geometry and disks |
//! | `life` | the stages |
//! | `bar` | progress |
//! | `picture`, `report` | what is shown |

mod bar;
mod life;
mod picture;
mod report;
mod shape;

pub(crate) use shape::Options;
use std::io::Write;
use std::process::ExitCode;

/// Runs the demo; exit code 0 only if every byte was right.
pub(crate) fn main(options: &Options) -> ExitCode {
    match life::live(options) {
        Ok(report) => {
            if options.json {
                match serde_json::to_string_pretty(&report) {
                    Ok(json) => {
                        let _ = writeln!(std::io::stdout(), "{json}");
                    }
                    Err(error) => {
                        eprintln!("raid-ublk: {error}");
                        return ExitCode::from(4);
                    }
                }
            } else {
                let _ = writeln!(std::io::stdout(), "{report}");
            }
            if report.good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("raid-ublk: {error}");
            ExitCode::from(4)
        }
    }
}
