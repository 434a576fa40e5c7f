// SPDX-License-Identifier: MIT OR Apache-2.0
//! `raid-ublk`: RAID arrays in user space.
//!
//! ```text
//! raid-ublk create --level raid6 d0 d1 d2 d3 d4 --spare d5     an array on disks that hold nothing
//! raid-ublk serve --ublk --control a.ctl d0 … d5               the array as a block device, /dev/ublkbN
//! raid-ublk serve --socket a.sock --control a.ctl d0 … d5      the array over NBD
//! raid-ublk serve --ublk --control a.ctl --need home           the same, its disks found by looking at all there are
//! raid-ublk recover --control a.ctl --need home                takes over the block device of a server that was killed
//! raid-ublk status|fail|return|spare|scrub|stop --control a.ctl …   while it is served
//! raid-ublk features  what the kernel's ublk driver offers, and what of it is used
//! raid-ublk demo      one array's whole life: created, used, failed, rebuilt, cut off from power, scrubbed
//! ```

mod beside_md;
mod control;
mod create;
mod demo;
mod events;
mod failure;
mod find;
mod level;
mod pace;
mod readonly;
mod serve;
mod ublk;

use clap::{Args, Parser, Subcommand, ValueEnum};
use failure::Failure;
use raid_inspect::ExitCode;
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::process;
use std::time::Duration;

#[derive(Debug, Parser)]
#[command(name = "raid-ublk", version, about = "RAID arrays in user space", after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes of every command, as raid-inspect's: 0 done, `status`: all is well; 1 `status`: an array is degraded or \
being filled; 2 refused by an array, a disk or a server, `status`: a set has failed; 4 the command line is wrong, \
something cannot be opened or read, nobody answers; 8 two formats claim a disk; 16 no such array was found.";

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
    /// Serve an array whose server was killed: its block device must be there still, and goes on
    ///
    /// As `serve --ublk`, which makes a block device where there is none.
    Recover(serve::Which),
    /// Say how an array that is served is
    Status {
        #[command(flatten)]
        control: Control,
        /// For programs: JSON, format "raid-status/1"
        #[arg(long)]
        json: bool,
        /// Of an array that is being started: wait until it is served, at most so long; 60 if no number is given
        #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "60")]
        wait: Option<u64>,
    },
    /// Declare a member failed
    Fail {
        #[command(flatten)]
        at: At,
        /// Although the set fails without it
        #[arg(long)]
        force: bool,
    },
    /// The disk of a failed member is back: only what it missed is copied
    Return(At),
    /// Disks that stand by for members that fail
    Spare {
        #[command(flatten)]
        control: Control,
        /// What to do
        what: Spare,
        /// A block device or file
        path: PathBuf,
        /// A disk that is taken in may hold something, which is lost
        #[arg(long)]
        overwrite: bool,
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
    /// Stop an array cleanly; done when its disks are free
    Stop {
        #[command(flatten)]
        control: Control,
        /// Although its block device is in use
        #[arg(long)]
        force: bool,
        /// Keep the block device for the next server, a newer one perhaps: programs that use it wait, and go on
        ///
        /// Needs Linux 6.16 or later.
        #[arg(long, conflicts_with = "force")]
        keep_device: bool,
    },
    /// Say what the kernel's ublk driver offers, and what of it is used
    Features,
    /// Remove a block device whose server is gone and cannot be started again: what waits for it fails
    Remove {
        /// N of /dev/ublkbN, or that path
        #[arg(value_parser = block_device)]
        device: u32,
        /// Although another program made it
        #[arg(long)]
        force: bool,
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
    /// Say how far it is, how fast it goes, and what was found
    Status,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Spare {
    /// Take a blank disk in
    Add,
    /// Give one back that has no place: its metadata is erased
    Release,
}

/// The number of a block device, also of its path.
fn block_device(named: &str) -> Result<u32, String> {
    let number = named.strip_prefix("/dev/").unwrap_or(named);
    let number = number.strip_prefix("ublkb").unwrap_or(number);
    number.parse().map_err(|_| String::from("N or /dev/ublkbN is needed, such as /dev/ublkb0"))
}

fn main() -> process::ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // A closed pipe is no reason to complain about a complaint.
            let _ = error.print();
            let code = if error.use_stderr() { ExitCode::Usage } else { ExitCode::Consistent };
            return (code as u8).into();
        }
    };
    let said = match arguments.command {
        Command::Demo(options) => return demo::main(&options),
        command => run(command),
    };
    let code = match said {
        Ok((code, words)) if words.is_empty() => code,
        Ok((code, words)) => match writeln!(std::io::stdout(), "{words}") {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                eprintln!("raid-ublk: standard output: {error}");
                ExitCode::Usage
            }
            _ => code,
        },
        Err(Failure { code, why }) => {
            eprintln!("raid-ublk: {why}");
            code
        }
    };
    (code as u8).into()
}

/// Carries out a command; what to tell the user, and how it is.
fn run(command: Command) -> Result<(ExitCode, String), Failure> {
    let done = |words| Ok((ExitCode::Consistent, words));
    let quiet = |()| (ExitCode::Consistent, String::new());
    match command {
        Command::Demo(_) => done(String::new()),
        Command::Create(options) => done(create::run(&options)?),
        Command::Serve(options) => serve::run(&options).map(quiet),
        Command::Recover(which) => serve::run(&serve::Options::recover(which)).map(quiet),
        Command::Status { control, json, wait } => {
            let asked = json!({ "do": "status" });
            let status = match wait {
                None => ask(&control, &asked)?,
                Some(seconds) => {
                    let patience = Duration::from_secs(seconds);
                    control::ask_and_wait(&control.control, &asked, patience)?
                }
            };
            let words = if json { format!("{status:#}") } else { control::words(&status) };
            Ok((control::health(&status), words))
        }
        Command::Fail { at, force } => {
            let answer = at.ask("fail", force)?;
            done(match answer["recorded"] == json!(false) {
                true => String::from(
                    "declared failed, but no disk has recorded it yet: a server that is killed now takes it for sound",
                ),
                false => String::new(),
            })
        }
        Command::Return(at) => {
            let answer = at.ask("return", false)?;
            done(match answer["taken"] == json!(false) {
                true => String::from(
                    "the disk is on its way; the log of the server says when it is back",
                ),
                false => String::from("the disk is back: what it missed is copied to it"),
            })
        }
        Command::Spare { control, what, path, overwrite } => {
            let absolute = std::path::absolute(&path);
            let path = absolute.map_err(|error| format!("{}: {error}", path.display()))?;
            let (what, now) = match what {
                Spare::Add => ("add_spare", "is a spare"),
                Spare::Release => {
                    ("release_spare", "is released: its metadata is erased, its data is not")
                }
            };
            let answer =
                ask(&control, &json!({ "do": what, "path": path, "overwrite": overwrite }))?;
            done(format!("disk {}, {}, {now}", answer["disk"], path.display()))
        }
        Command::Scrub { control, what: Scrub::Status, .. } => {
            done(control::scrub_words(&ask(&control, &json!({ "do": "status" }))?))
        }
        Command::Scrub { control, what: Scrub::Start, repair, set } => {
            let asked = json!({ "do": "scrub", "set": set, "repair": repair });
            ask(&control, &asked).map(drop).map(quiet)
        }
        Command::Scrub { control, what: Scrub::Abort, set, .. } => {
            ask(&control, &json!({ "do": "abort", "set": set })).map(drop).map(quiet)
        }
        Command::Stop { control, force, keep_device } => {
            let asked = json!({ "do": "stop", "force": force, "keep_device": keep_device });
            control::ask_and_stay(&control.control, &asked).map(drop).map(quiet)
        }
        Command::Features => done(ublk::features()?),
        Command::Remove { device, force } => Ok(ublk::remove(device, force).map(quiet)?),
    }
}

fn ask(control: &Control, asked: &Value) -> Result<Value, Failure> {
    let patience = match asked["do"].as_str() {
        Some("add_spare" | "release_spare" | "return") => control::WORK,
        _ => control::ANSWER,
    };
    control::ask(&control.control, asked, patience)
}

impl At {
    fn ask(&self, what: &str, force: bool) -> Result<Value, Failure> {
        let asked = json!({ "do": what, "set": self.set, "slot": self.slot, "force": force });
        ask(&self.control, &asked)
    }
}
