// SPDX-License-Identifier: MIT OR Apache-2.0
//! How much stack the four crates take, read from what the compiler writes of an embedder.
//!
//! ```text
//! frame   of one function                                            at most FRAME
//! chain   the deepest sum of frames below an entry point             at most READER, or EVERYTHING
//! ```
//!
//! What is above stands in `xtask/stack.tsv` with its figure, which may shrink and not grow; what shrinks below the limit
//! is taken off. `cargo xtask stack` writes the list anew.
//!
//! An address that is taken counts as a call, so what is called through a table or a closure is followed; what a caller
//! brings in (`&mut dyn FnMut`) is the caller's stack.

mod assembly;

use super::shell::{Shell, cargo, root, target};
use super::toolchain::{NIGHTLY, Need};
use super::{Outcome, Stop, exit_code, no_panic};
use assembly::Program;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

/// Libraries that link all that an embedder can call, as they are delivered: the engine joins here.
const CONSUMERS: [&str; 1] = ["xtask/nopanic-consumer"];

/// Bytes of one function.
const FRAME: u64 = 2048;
/// Bytes below an entry that a reader of arrays calls.
const READER: u64 = 4096;
/// Bytes below any other entry.
const EVERYTHING: u64 = 8192;

/// What a return address takes: on 64 bits pushed by the call, on Arm a register that the frame holds.
const fn of_call(triple: &str) -> u64 {
    if triple.as_bytes()[0] == b'x' { 8 } else { 0 }
}

pub(super) const NEEDS: &[Need] = &[
    Need::Compiler(NIGHTLY, &[]),
    Need::TargetOf(NIGHTLY, no_panic::TARGETS[0]),
    Need::TargetOf(NIGHTLY, no_panic::TARGETS[1]),
];

/// Entries of one that finds arrays and reads them, also short of a member.
const READERS: [&str; 6] = [
    "raid_core::metadata::Format>::",
    "raid_core::layout",
    "raid_core::stripe::read",
    "raid_core::stripe::requests::ReadSteps",
    "raid_core::stripe::plan::RowPlan>::compute",
    "raid_core::stripe::plan::RowPlan>::extract",
];

/// Gives away the table in which it stands itself, and calls nothing.
fn gives_a_table(name: &str) -> bool {
    ["raid_core::metadata::Format>::run_time", "raid_core::metadata::Format>::admin"]
        .iter()
        .any(|giver| name.contains(giver))
}

/// What a consumer with the fault `stack` must be found as.
const CONTROLS: [&str; 2] = ["control_frame", "control_recursion"];

/// A figure of the list: of which target, what, and whose.
type Key = (String, &'static str, String);
type Figures = BTreeMap<Key, u64>;

pub(crate) fn gate(shell: &mut Shell) -> Outcome {
    let (found, functions) = measure(shell)?;
    let listed = read_list()?;
    let wrong = differences(&found, &listed);
    if let Some(first) = wrong.first() {
        wrong.iter().for_each(|line| shell.note(line));
        let more = "`cargo xtask stack` writes the list anew";
        return Err(Stop::Failed(format!("{} figures, e.g. {first}; {more}", wrong.len())));
    }
    controls(shell)?;
    let frames = found.keys().filter(|(_, what, _)| *what == "frame").count();
    Ok(format!(
        "{functions} functions; {frames} frames and {} chains above the limits are listed; 2 controls found",
        found.len() - frames
    ))
}

/// `cargo xtask stack`: writes the list.
pub(crate) fn main() -> ExitCode {
    let written = Shell::new("stack-list").map_err(|error| Stop::Failed(error.to_string()));
    let written = written.and_then(|mut shell| measure(&mut shell)).and_then(|(found, _)| {
        let lines = found
            .iter()
            .map(|((target, what, name), bytes)| format!("{target}\t{what}\t{bytes}\t{name}\n"));
        let text: String = std::iter::once(String::from(HEAD)).chain(lines).collect();
        fs::write(list(), text).map_err(|error| Stop::Failed(error.to_string()))
    });
    exit_code("stack", written)
}

const HEAD: &str = "# Stack above the limits of xtask/src/ci/stack.rs, written by `cargo xtask stack`: target, what, bytes, whose.\n";

fn list() -> PathBuf {
    root().join("xtask/stack.tsv")
}

fn read_list() -> Result<Figures, Stop> {
    let text = fs::read_to_string(list())
        .map_err(|error| Stop::Failed(format!("xtask/stack.tsv: {error}")))?;
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            parse(line)
                .ok_or_else(|| Stop::Failed(format!("xtask/stack.tsv: not a figure: {line}")))
        })
        .collect()
}

fn parse(line: &str) -> Option<(Key, u64)> {
    let mut parts = line.split('\t');
    let target = parts.next()?;
    let what = parts.next()?;
    let what = ["frame", "chain"].into_iter().find(|known| *known == what)?;
    let bytes = parts.next()?.parse().ok()?;
    Some(((String::from(target), what, String::from(parts.next()?)), bytes))
}

/// All that is above its limit, and how many functions were looked at.
fn measure(shell: &mut Shell) -> Result<(Figures, usize), Stop> {
    let (mut found, mut functions) = (Figures::new(), 0);
    for consumer in CONSUMERS {
        for triple in no_panic::TARGETS {
            let program = build(shell, consumer, triple, &[])?;
            functions += program.items.values().filter(|item| item.frame.is_some()).count();
            let stack = Stack::of(&program, of_call(triple)).map_err(Stop::Failed)?;
            for (what, name, bytes) in stack.above() {
                let figure = found.entry((String::from(triple), what, short(name))).or_default();
                *figure = bytes.max(*figure);
            }
        }
    }
    if functions == 0 {
        return Err(Stop::Failed(String::from("no function was seen: the gate is blind")));
    }
    Ok((found, functions))
}

fn controls(shell: &mut Shell) -> Result<(), Stop> {
    let triple = no_panic::TARGETS[0];
    let program = build(shell, CONSUMERS[0], triple, &["stack"])?;
    let deep = program.items.get(CONTROLS[0]).and_then(|item| item.frame);
    if deep.is_none_or(|frame| frame <= FRAME) {
        return Err(Stop::Failed(format!("control `{}` was not found", CONTROLS[0])));
    }
    match Stack::of(&program, of_call(triple)) {
        Err(why) if why.contains(CONTROLS[1]) => Ok(()),
        _ => Err(Stop::Failed(format!("control `{}` was not found", CONTROLS[1]))),
    }
}

fn build(
    shell: &mut Shell,
    consumer: &str,
    triple: &str,
    controls: &[&str],
) -> Result<Program, Stop> {
    let folder = target().join("stack");
    let mut build =
        cargo(&format!("+{NIGHTLY} rustc --locked --release --target {triple} --manifest-path"));
    build.arg(root().join(consumer).join("Cargo.toml")).env("CARGO_TARGET_DIR", &folder);
    build.args(["--", "-Zemit-stack-sizes", "--emit=asm,link"]);
    for control in controls {
        build.args(["--cfg", &format!("control=\"{control}\"")]);
    }
    // Each build leaves its own file: only that of this one is read.
    let assemblies = folder.join(triple).join("release/deps");
    let failed = |error| Stop::Failed(format!("{}: {error}", assemblies.display()));
    let written = || -> std::io::Result<Vec<PathBuf>> {
        let files = fs::read_dir(&assemblies)?.map(|entry| Ok(entry?.path()));
        let files = files.collect::<std::io::Result<Vec<_>>>()?;
        Ok(files
            .into_iter()
            .filter(|file| file.extension().is_some_and(|end| end == "s"))
            .collect())
    };
    if assemblies.exists() {
        for file in written().map_err(failed)? {
            fs::remove_file(file).map_err(failed)?;
        }
        // What is up to date is not written again.
        let fingerprints = folder.join(triple).join("release/.fingerprint");
        for entry in fs::read_dir(&fingerprints).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = consumer.rsplit('/').next().unwrap_or(consumer);
            if path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(name)) {
                fs::remove_dir_all(path).map_err(failed)?;
            }
        }
    }
    shell.run(&mut build)?;
    let files = written().map_err(failed)?;
    let [file] = files.as_slice() else {
        return Err(Stop::Failed(format!("{} files of assembly, 1 expected", files.len())));
    };
    Program::parse(&fs::read_to_string(file).map_err(failed)?).map_err(Stop::Failed)
}

/// The stack of every function, and the deepest way below it.
struct Stack<'a> {
    program: &'a Program,
    of_call: u64,
    depths: BTreeMap<&'a str, u64>,
}

impl<'a> Stack<'a> {
    /// Fails where a function can lead to itself.
    fn of(program: &'a Program, of_call: u64) -> Result<Self, String> {
        let mut stack = Self { program, of_call, depths: BTreeMap::new() };
        for name in program.items.keys() {
            stack.depth(name, &mut Vec::new())?;
        }
        Ok(stack)
    }

    fn depth(&mut self, name: &'a str, way: &mut Vec<&'a str>) -> Result<u64, String> {
        if let Some(depth) = self.depths.get(name) {
            return Ok(*depth);
        }
        // Formatting is core's; it leads to itself through the traits of what it formats.
        if name.contains("core::fmt") || gives_a_table(name) {
            return Ok(0);
        }
        let Some(item) = self.program.items.get(name) else { return Ok(0) };
        if let Some(at) = way.iter().position(|step| *step == name) {
            return Err(format!("recursion: {} -> {name}", way[at..].join(" -> ")));
        }
        way.push(name);
        let mut below = 0;
        for next in &item.edges {
            below = below.max(self.depth(next, way)?);
        }
        way.pop();
        let depth = below + item.frame.map_or(0, |frame| frame + self.of_call);
        self.depths.insert(name, depth);
        Ok(depth)
    }

    /// What is above its limit: functions, and the ways below entry points.
    fn above(&self) -> impl Iterator<Item = (&'static str, &'a str, u64)> {
        let frames = self.program.items.iter().filter_map(|(name, item)| {
            item.frame.filter(|frame| *frame > FRAME).map(|frame| ("frame", name.as_str(), frame))
        });
        let chains = self.entries().into_iter().filter_map(|name| {
            let reader = READERS.iter().any(|part| name.contains(part));
            let limit = if reader { READER } else { EVERYTHING };
            let depth = *self.depths.get(name)?;
            (depth > limit).then_some(("chain", name, depth))
        });
        frames.chain(chains)
    }

    /// Functions that are exported, or stand in tables that are.
    fn entries(&self) -> BTreeSet<&'a str> {
        let exported = self.program.items.iter().filter(|(_, item)| item.exported);
        let mut queue: Vec<&str> = exported.map(|(name, _)| name.as_str()).collect();
        let mut seen = BTreeSet::new();
        let mut entries = BTreeSet::new();
        while let Some(name) = queue.pop() {
            let Some(item) = self.program.items.get(name) else { continue };
            if !seen.insert(name) {
                continue;
            }
            if item.frame.is_some() {
                entries.insert(name);
            }
            if item.frame.is_none() || gives_a_table(name) {
                queue.extend(item.edges.iter().map(String::as_str));
            }
        }
        entries
    }
}

/// What is not as listed: above a limit and not in the list, larger than there by more than 2 %, or no longer above.
fn differences(found: &Figures, listed: &Figures) -> Vec<String> {
    let mut wrong = Vec::new();
    for ((target, what, name), bytes) in found {
        match listed.get(&(target.clone(), *what, name.clone())) {
            None => wrong.push(format!("{target}: {what} of {bytes} bytes is new: {name}")),
            Some(before) if *bytes > before + before / 50 => {
                wrong.push(format!("{target}: {what} grew from {before} to {bytes} bytes: {name}"));
            }
            Some(_) => {}
        }
    }
    for (target, what, name) in listed.keys().filter(|key| !found.contains_key(key)) {
        wrong.push(format!("{target}: {what} is within its limit, or gone: {name}"));
    }
    wrong
}

/// Without what stands in angle brackets more than two deep: the iterators of core name all that they go through.
pub(super) fn short(name: &str) -> String {
    let mut depth = 0_usize;
    let mut out = String::new();
    let mut before = ' ';
    for letter in name.chars() {
        if letter == '>' && before != '-' {
            depth = depth.saturating_sub(1);
        }
        if depth < 2 {
            out.push(letter);
        }
        if letter == '<' {
            depth += 1;
        }
        before = letter;
    }
    out.chars().take(160).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(text: &str) -> Program {
        Program::parse(text).unwrap()
    }

    fn function(name: &str, frame: &str, calls: &[&str]) -> String {
        let calls: String = calls.iter().map(|call| format!("\tbl\t{call}\n")).collect();
        format!("{name}:\n{calls}\t.section\t.stack_sizes,\n\t.long\t{name}\n\t.byte\t{frame}\n")
    }

    #[test]
    fn the_deepest_way_counts_and_tables_take_nothing() {
        let text = [
            "\t.globl\tTABLE\nTABLE:\n\t.long\tentry\n".into(),
            function("entry", "10", &["shallow", "deep"]),
            function("shallow", "100", &[]),
            function("deep", "60", &["deeper"]),
            function("deeper", "70", &[]),
        ];
        let program = program(&text.concat());
        let stack = Stack::of(&program, 8).unwrap();
        assert_eq!(stack.depths["entry"], 10 + 60 + 70 + 3 * 8);
        assert_eq!(stack.entries().into_iter().collect::<Vec<_>>(), ["entry"]);
    }

    #[test]
    fn recursion_is_an_error_that_names_the_way() {
        let text = [function("a", "1", &["b"]), function("b", "1", &["a"])].concat();
        let program = program(&text);
        let why = Stack::of(&program, 0).err().unwrap();
        assert_eq!(why, "recursion: a -> b -> a");
    }

    #[test]
    fn figures_may_shrink_and_not_grow() {
        let key = |name: &str| (String::from("t"), "frame", String::from(name));
        let listed = Figures::from([(key("f"), 5000), (key("gone"), 3000)]);
        let found = |bytes| Figures::from([(key("f"), bytes), (key("gone"), 3000)]);
        assert!(differences(&found(4000), &listed).is_empty());
        assert!(differences(&found(5100), &listed).is_empty(), "2 %");
        assert!(differences(&found(5101), &listed)[0].contains("grew from 5000 to 5101"));
        let wrong = differences(&Figures::from([(key("g"), 2100)]), &listed);
        assert_eq!(wrong.len(), 3, "{wrong:?}");
    }

    #[test]
    fn names_are_shortened_where_generics_nest() {
        assert_eq!(short("<a::B<c::D<e>> as f>::g"), "<a::B<> as f>::g");
        assert_eq!(short("raid_core::stripe::read::<X>"), "raid_core::stripe::read::<X>");
    }
}
