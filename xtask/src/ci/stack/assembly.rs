// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who calls whom with how large a frame, read from the assembly that the compiler writes.
//!
//! ```text
//!     .section .text.NAME      begins an item: a function, or a table that refers to some
//! NAME:
//!     bl  OTHER                every symbol that it names is an edge, called or only taken the address of
//!     blx r3                   an indirect call: led to what the addresses in reach lead to
//!     .section .stack_sizes    the frame of the function before it, in LEB128
//! ```

use rustc_demangle::demangle;
use std::collections::{BTreeMap, BTreeSet};

/// Names as a person would write them, without the hashes that differ from build to build.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub(super) items: BTreeMap<String, Item>,
}

#[derive(Debug, Default)]
pub(super) struct Item {
    /// Bytes; `None` for a table.
    pub(super) frame: Option<u64>,
    pub(super) edges: BTreeSet<String>,
    pub(super) calls_indirectly: bool,
    /// Seen from outside the library.
    pub(super) exported: bool,
}

impl Program {
    /// Fails where a frame cannot be read: the gate would be blind.
    pub(super) fn parse(assembly: &str) -> Result<Self, String> {
        let known: BTreeSet<&str> = assembly.lines().filter_map(item_label).collect();
        let exported: BTreeSet<&str> =
            assembly.lines().filter_map(|line| line.strip_prefix("\t.globl\t")).collect();
        let mut items: BTreeMap<&str, Item> = BTreeMap::new();
        let mut at = "";
        let mut lines = assembly.lines();
        while let Some(line) = lines.next() {
            if let Some(label) = item_label(line) {
                at = label;
                items.entry(at).or_default().exported = exported.contains(at);
            } else if line.starts_with("\t.section\t.stack_sizes,") {
                let bytes = lines.by_ref().skip(1).map_while(bytes_of).flatten();
                let frame = leb128(bytes).ok_or_else(|| format!("no frame of {at}"))?;
                items.entry(at).or_default().frame = Some(frame);
            } else if !at.is_empty() && refers(line) {
                let item = items.entry(at).or_default();
                item.calls_indirectly |= is_indirect(line);
                let names = line.split(|c: char| !(c.is_ascii_alphanumeric() || "_.$".contains(c)));
                item.edges
                    .extend(names.filter(|name| known.contains(name) && *name != at).map(readable));
                if names_itself(line, at) {
                    item.edges.insert(readable(at));
                }
            }
        }
        let mut program = Self::default();
        for (name, item) in items {
            let into = program.items.entry(readable(name)).or_default();
            into.frame = into.frame.max(item.frame);
            into.edges.extend(item.edges);
            into.calls_indirectly |= item.calls_indirectly;
            into.exported |= item.exported;
        }
        Ok(program)
    }
}

/// The name before the colon, if it is not a label within a function.
fn item_label(line: &str) -> Option<&str> {
    let label = line.split_once(':').map(|(label, _)| label)?;
    let inner =
        [".LBB", ".LCPI", ".LJTI", ".Ltmp", ".Lfunc_", ".Lsec_", ".Ldebug", ".Linfo", ".Lcu_"];
    let whole =
        !label.is_empty() && !label.contains(|c: char| c.is_whitespace() || "\"@#".contains(c));
    (whole && !inner.iter().any(|prefix| label.starts_with(prefix))).then_some(label)
}

/// Whether a line can name what is called or whose address is taken: an instruction, or data.
fn refers(line: &str) -> bool {
    let Some(line) = line.strip_prefix('\t') else { return false };
    !line.starts_with('.') || [".long", ".quad", ".word"].iter().any(|data| line.starts_with(data))
}

/// A branch back to the own first instruction is a loop; a call of it is recursion.
fn names_itself(line: &str, at: &str) -> bool {
    let mut words = line.split_whitespace();
    // What is exported may be called through the table of global offsets.
    let called =
        |to: &str| to.split('@').next().map(|name| name.trim_start_matches('*')) == Some(at);
    matches!(words.next(), Some("bl" | "callq")) && words.next().is_some_and(called)
}

/// Not a jump, which mostly is one of a table within the function.
fn is_indirect(line: &str) -> bool {
    let mut words = line.split_whitespace();
    match (words.next(), words.next()) {
        (Some("blx"), Some(_)) => true,
        (Some("callq"), Some(to)) => to.starts_with('*') && !to.contains("GOTPCREL"),
        _ => false,
    }
}

/// What `.byte N` and `.ascii "…"` put there.
fn bytes_of(line: &str) -> Option<Vec<u8>> {
    let line = line.trim_start();
    if let Some(number) = line.strip_prefix(".byte\t") {
        return Some(vec![number.trim().parse().ok()?]);
    }
    let text = line.strip_prefix(".ascii\t\"").or_else(|| line.strip_prefix(".asciz\t\""))?;
    let mut bytes = Vec::new();
    let mut rest = text.strip_suffix('"')?.bytes().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next()? {
            b'b' => 8,
            b't' => 9,
            b'n' => 10,
            b'f' => 12,
            b'r' => 13,
            first @ b'0'..=b'7' => {
                let mut value = u32::from(first - b'0');
                for _ in 0..2 {
                    if let Some(digit) = rest.next_if(|digit| (b'0'..=b'7').contains(digit)) {
                        value = value * 8 + u32::from(digit - b'0');
                    }
                }
                u8::try_from(value).ok()?
            }
            other => other,
        });
    }
    if line.starts_with(".asciz") {
        bytes.push(0);
    }
    Some(bytes)
}

fn leb128(bytes: impl Iterator<Item = u8>) -> Option<u64> {
    let mut value = 0;
    for (index, byte) in bytes.take(9).enumerate() {
        value |= u64::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn readable(name: &str) -> String {
    format!("{:#}", demangle(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const THUMB: &str = "\
\t.globl\tdeep
\t.section\t.text.deep,\"ax\",%progbits
deep:
.Lfunc_begin0:
\tsub.w\tsp, sp, #6784
\tbl\tleaf
\tldr\tr3, .LCPI0_0
\tblx\tr3
.LCPI0_0:
\t.long\t.Lanon.1
\t.section\t.stack_sizes,\"o\",%progbits,.text.deep
\t.long\t.Lfunc_begin0
\t.ascii\t\"\\210\\065\"
\t.section\t.text.deep,\"ax\",%progbits
leaf:
\tb\tleaf
\t.section\t.stack_sizes,\"o\",%progbits,.text.leaf
\t.long\t.Lfunc_begin1
\t.byte\t40
.Lanon.1:
\t.long\tleaf
";

    #[test]
    fn frames_and_edges_are_read() {
        let program = Program::parse(THUMB).unwrap();
        let deep = &program.items["deep"];
        assert_eq!(deep.frame, Some(6792));
        assert!(deep.exported && deep.calls_indirectly);
        assert_eq!(deep.edges.iter().collect::<Vec<_>>(), [".Lanon.1", "leaf"]);
        let leaf = &program.items["leaf"];
        assert_eq!((leaf.frame, leaf.exported, leaf.edges.len()), (Some(40), false, 0));
        assert_eq!(program.items[".Lanon.1"].frame, None);
    }

    #[test]
    fn a_call_of_itself_is_an_edge_and_a_frame_that_cannot_be_read_is_an_error() {
        for call in ["bl\tagain", "callq\tagain", "callq\t*again@GOTPCREL(%rip)"] {
            let program = Program::parse(&format!("again:\n\t{call}\n")).unwrap();
            assert!(program.items["again"].edges.contains("again"), "{call}");
        }
        let torn = "f:\n\t.section\t.stack_sizes,\"o\"\n\t.long\tf\n\t.byte\t200\n";
        assert!(Program::parse(torn).unwrap_err().contains("no frame of f"));
    }

    #[test]
    fn escapes_are_bytes() {
        assert_eq!(
            bytes_of("\t.ascii\t\"\\b\\\"\\\\x\\377\""),
            Some(vec![8, b'"', b'\\', b'x', 255])
        );
        assert_eq!(bytes_of("\t.asciz\t\"\\200\""), Some(vec![128, 0]));
        assert_eq!(bytes_of("\tbl\tf"), None);
    }
}
