// SPDX-License-Identifier: MIT OR Apache-2.0
//! `raid-ublk`: RAID arrays in user space.
//!
//! `raid-ublk demo` carries one array through its whole life: created, used, failed, rebuilt, cut
//! off from power, scrubbed. It needs no root and no kernel support.

mod demo;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(name = "raid-ublk", version, about = "RAID arrays in user space")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Carry one array through its whole life, verifying every byte.
    Demo(demo::Options),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Demo(options) => demo::main(&options),
    }
}
