// SPDX-License-Identifier: MIT OR Apache-2.0
//! `raid-ublk`: RAID arrays in user space.
//!
//! ```text
//! raid-ublk create --level raid6 d0 d1 d2 d3 d4 --spare d5     an array on disks that hold nothing
//! raid-ublk serve --ublk --control a.ctl d0 … d5               the array as a block device, /dev/ublkbN
//! raid-ublk serve --socket a.sock --control a.ctl d0 … d5      the array over NBD
//! raid-ublk status|fail|return|add|scrub|stop --control a.ctl …   while it is served
//! raid-ublk features  what the kernel's ublk driver offers, and what of it is used
//! raid-ublk demo      one array's whole life: created, used, failed, rebuilt, cut off from power, scrubbed
//! ```

mod control;
mod create;
mod demo;
mod level;
mod serve;
mod ublk;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(name = "raid-ublk", version, about = "RAID arrays in user space")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Carry one array through its whole life, verifying every byte
    Demo(demo::Options),
    /// Make an array on disks that hold nothing
    Create(create::Options),
    /// Serve an array as a block device or over NBD until Ctrl-C or `stop`, then stop it cleanly
    ///
    /// A spare takes the place of a member that fails by itself.
    Serve(serve::Options),
    /// Say how an array that is served is
    Status {
        #[command(flatten)]
        control: Control,
        /// For programs: JSON, format "raid-status/1"
        #[arg(long)]
        json: bool,
    },
    /// Declare a member failed
    Fail(At),
    /// The disk of a failed member is back: only what it missed is copied
    Return(At),
    /// Take a blank disk in as a spare
    Add {
        #[command(flatten)]
        control: Control,
        /// A block device or file
        path: PathBuf,
    },
    /// Read all rows and compare redundancy; start says what is done with what differs
    Scrub {
        #[command(flatten)]
        control: Control,
        /// What to do
        what: Scrub,
        /// Put right what differs
        #[arg(long)]
        repair: bool,
        /// Which set
        #[arg(long, default_value_t = 0)]
        set: u16,
    },
    /// Stop an array cleanly
    Stop {
        #[command(flatten)]
        control: Control,
        /// Although its block device is in use
        #[arg(long)]
        force: bool,
    },
    /// Say what the kernel's ublk driver offers, and what of it is used
    Features,
    /// Remove a block device whose server is gone and cannot be started again: what waits for it fails
    Remove {
        /// N of /dev/ublkbN
        device: u32,
    },
}

#[derive(Debug, Args)]
struct Control {
    /// Where `serve` was told to listen for this
    #[arg(long, value_name = "PATH")]
    control: PathBuf,
}

#[derive(Debug, Args)]
struct At {
    #[command(flatten)]
    control: Control,
    /// Which slot
    #[arg(long)]
    slot: u8,
    /// Of which set
    #[arg(long, default_value_t = 0)]
    set: u16,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Scrub {
    /// Begin
    Start,
    /// Give it up
    Abort,
}

fn main() -> ExitCode {
    let said = match Arguments::parse().command {
        Command::Demo(options) => return demo::main(&options),
        Command::Create(options) => create::run(&options),
        Command::Serve(options) => serve::run(&options).map(|()| String::new()),
        Command::Status { control, json } => {
            ask(&control, &json!({ "do": "status" })).map(|status| match json {
                true => format!("{status:#}"),
                false => control::words(&status),
            })
        }
        Command::Fail(at) => at.ask("fail"),
        Command::Return(at) => at.ask("return"),
        Command::Add { control, path } => match std::path::absolute(&path) {
            Ok(path) => ask(&control, &json!({ "do": "add", "path": path }))
                .map(|added| format!("disk {} is a spare", added["disk"])),
            Err(error) => Err(format!("{}: {error}", path.display())),
        },
        Command::Scrub { control, what: Scrub::Start, repair, set } => {
            done(ask(&control, &json!({ "do": "scrub", "set": set, "repair": repair })))
        }
        Command::Scrub { control, what: Scrub::Abort, set, .. } => {
            done(ask(&control, &json!({ "do": "abort", "set": set })))
        }
        Command::Stop { control, force } => {
            done(ask(&control, &json!({ "do": "stop", "force": force })))
        }
        Command::Features => ublk::features(),
        Command::Remove { device } => ublk::remove(device).map(|()| String::new()),
    };
    match said {
        Ok(words) if words.is_empty() => ExitCode::SUCCESS,
        Ok(words) => match writeln!(std::io::stdout(), "{words}") {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                eprintln!("raid-ublk: standard output: {error}");
                ExitCode::from(4)
            }
            _ => ExitCode::SUCCESS,
        },
        Err(why) => {
            eprintln!("raid-ublk: {why}");
            ExitCode::from(4)
        }
    }
}

fn ask(control: &Control, asked: &Value) -> Result<Value, String> {
    control::ask(&control.control, asked)
}

/// Nothing is to be said where all went well.
fn done(answer: Result<Value, String>) -> Result<String, String> {
    answer.map(|_| String::new())
}

impl At {
    fn ask(&self, what: &str) -> Result<String, String> {
        done(ask(&self.control, &json!({ "do": what, "set": self.set, "slot": self.slot })))
    }
}
