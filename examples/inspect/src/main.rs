// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program `raid-inspect`: see the library for what it does.

use clap::Parser;
use raid_inspect::{Arguments, ExitCode};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

fn main() -> std::process::ExitCode {
    let code = match Arguments::try_parse() {
        Ok(arguments) => {
            let output = io::stdout().as_fd().try_clone_to_owned().map(File::from);
            let output = output.and_then(|output| output.metadata()).ok();
            let disk =
                output.and_then(|output| raid_inspect::output_is_a_disk(&arguments, &output));
            if let Some(disk) = disk {
                eprintln!(
                    "raid-inspect: {} is the standard output too, and would be written; nothing was \
                     done; write to another file",
                    disk.display()
                );
                return std::process::ExitCode::from(ExitCode::Usage as u8);
            }
            let mut out = io::BufWriter::new(io::stdout().lock());
            let code = raid_inspect::run(&arguments, &mut out, &mut io::stderr());
            let flushed = out.flush();
            raid_inspect::after_output(code, flushed, &mut io::stderr())
        }
        Err(error) => {
            // A closed pipe is no reason to complain about a complaint.
            let _ = error.print();
            if error.use_stderr() { ExitCode::Usage } else { ExitCode::Consistent }
        }
    };
    std::process::ExitCode::from(code as u8)
}
