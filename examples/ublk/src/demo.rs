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
            let text = match options.json {
                true => serde_json::to_string_pretty(&report).map_err(std::io::Error::from),
                false => Ok(report.to_string()),
            };
            match text.and_then(|text| writeln!(std::io::stdout(), "{text}")) {
                // A reader who has seen enough is no reason to call it a failure.
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                    eprintln!("raid-ublk: standard output: {error}");
                    ExitCode::from(4)
                }
                _ if report.good => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            }
        }
        Err(error) => {
            eprintln!("raid-ublk: {error}");
            ExitCode::from(4)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Options, life};
    use crate::level::ChosenLevel;

    /// Case E8.
    #[test]
    fn a_demo_on_an_array_of_few_stripes_is_right() {
        let options = Options {
            level: Some(ChosenLevel::Raid5),
            // The 16 stripes are no multiple of it.
            members: 10,
            size: 16 << 16,
            chunk: 1 << 16,
            metadata: "ddf".into(),
            seed: Some(1),
            requests: 50,
            writers: 2,
            dir: None,
            json: true,
        };
        let report = life::live(&options).unwrap();
        let wrong: Vec<_> = report.stages.iter().filter(|stage| !stage.good).collect();
        assert!(report.good, "{wrong:?} {:?}", report.errors);
    }
}
