// SPDX-License-Identifier: MIT OR Apache-2.0
//! The project's own build tasks.
//!
//! ```text
//! cargo xtask ci              every gate, in order, with a table at the end
//! cargo xtask ci STEP…        only these
//! cargo xtask ci --thorough   and the deep runs, which take hours
//! cargo xtask ci --list       the gates and what each is for
//! cargo xtask cases [CASE…]   each fault that was found once, the test that holds it, the result
//! cargo xtask bench           every backend raced with other libraries; the tables are written
//! cargo xtask explore         the sync engine's deep explorations, some minutes
//! cargo xtask lives           the deep lives of whole arrays, an hour
//! cargo xtask fuzz TARGET     one fuzz target, from its seeds; see docs/fuzzing.md
//! cargo xtask fresh [STEP…]   the README's commands on a machine with nothing but a compiler
//! cargo xtask mutants [PATH…] changes of meaning that no test notices, against the lists in docs/mutants
//! cargo xtask recover         raid-inspect's guess on sets of real file systems
//! cargo xtask size            docs/size.md, what firmware pays, written anew
//! cargo xtask stack           the list of what takes more stack than the limits, written anew
//! cargo xtask vm [SCENARIO…]  what needs a Linux kernel, in an emulated machine
//! ```

mod bench;
mod cases;
mod ci;
mod explore;
mod fresh;
mod lives;
mod mutants;
mod recover;
mod vm;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask ci [--list] [--thorough] [STEP…]
       cargo xtask vm [--list] [SCENARIO…]
       cargo xtask cases [CASE…]
       cargo xtask fuzz TARGET [SECONDS]
       cargo xtask fresh [--keep] [STEP…]
       cargo xtask mutants [--shard K/N] [--again] [PATH…]
       cargo xtask recover [--sets N] [--seed S] [--only SEED]
       cargo xtask bench [--quick | --render] | explore | lives | size | stack

  ci          run every step and end with a table of what passed, failed and was skipped
  ci STEP…    run only these steps
  ci --thorough   and the deep runs: hours
  ci --list   name the steps, with their budgets
  cases       run the tests that hold the cases of docs/cases.md, or these, and print each with its result
  fuzz        run one fuzz target from its seeds, for a minute unless told otherwise
  explore     explore the sync engine deeply and print the tables of docs/interlock.md
  lives       live the deep lives of whole arrays and print their table of docs/interlock.md; goes on where it was stopped
  fresh       run the README's commands in a Debian made for it, as root; with steps, only these of ci
  mutants     try mutants of what decides, or of these files and folders; goes on where it was stopped
  recover     make sets of real file systems, split in every way, and judge what raid-inspect guesses of them
  size        write docs/size.md, what firmware pays, which ci compares
  stack       write the list of frames and chains of calls above the limits, which ci compares
  vm          run every scenario on a Linux kernel in an emulated machine
  vm NAME…    run only these scenarios
  vm --list   name the scenarios";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("bench") => bench::main(&arguments.collect::<Vec<_>>()),
        Some("ci") => ci::main(&arguments.collect::<Vec<_>>()),
        Some("cases") => cases::main(&arguments.collect::<Vec<_>>()),
        Some("fuzz") => ci::fuzz::main(&arguments.collect::<Vec<_>>()),
        Some("explore") => explore::main(),
        Some("lives") => lives::main(),
        Some("fresh") => fresh::main(&arguments.collect::<Vec<_>>()),
        Some("mutants") => mutants::main(&arguments.collect::<Vec<_>>()),
        Some("recover") => recover::main(&arguments.collect::<Vec<_>>()),
        Some("size") => ci::size::main(),
        Some("stack") => ci::stack::main(),
        Some("vm") => vm::main(&arguments.collect::<Vec<_>>()),
        Some("help" | "--help" | "-h") => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        Some(other) => {
            eprintln!("unknown task `{other}`\n\n{USAGE}");
            ExitCode::from(2)
        }
        None => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}
