// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program `raid-inspect`: see the library for what it does.

use clap::Parser;
use raid_inspect::{Arguments, ExitCode};
use std::io::{self, Write};

fn main() -> std::process::ExitCode {
    let code = match Arguments::try_parse() {
        Ok(arguments) => {
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
