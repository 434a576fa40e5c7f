// SPDX-License-Identifier: MIT OR Apache-2.0
//! What compiled code refers to: panics, an allocator, floats, 128-bit division.
//!
//! ```text
//! archive ─▶ object ─▶ section (one function or table each) ─▶ relocation ─▶ symbol
//! ```
//!
//! Every call that was not inlined leaves a relocation, so the relocations are the call graph. A
//! forbidden function that nothing of ours leads to does not matter; for each that matters, the
//! finding is the shortest way to it.

use object::read::archive::ArchiveFile;
use object::{File, Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionKind};
use rustc_demangle::demangle;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::error::Error;
use std::path::Path;

/// Something that none of the four crates may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Forbidden {
    Panic,
    Allocation,
    Float,
    Division128,
}

/// Who refers to whom, in one library.
#[derive(Debug, Default)]
pub(crate) struct References {
    edges: BTreeMap<String, BTreeSet<String>>,
    roots: BTreeSet<String>,
    functions: usize,
}

impl References {
    /// Reads the objects of crate `name` in a static or Rust library; others, such as the compiler's
    /// own runtime, define the forbidden helpers for those who call them.
    pub(crate) fn read(library: &Path, name: &str) -> Result<Self, Box<dyn Error>> {
        let bytes = std::fs::read(library)?;
        let mut all = Self::default();
        for member in ArchiveFile::parse(&*bytes)?.members() {
            let member = member?;
            let file = String::from_utf8_lossy(member.name());
            if file.starts_with(name) && file.ends_with(".o") {
                all.add(&File::parse(member.data(&*bytes)?)?)?;
            }
        }
        Ok(all)
    }

    /// Sections of code seen.
    pub(crate) const fn functions(&self) -> usize {
        self.functions
    }

    fn add(&mut self, object: &File<'_>) -> Result<(), Box<dyn Error>> {
        for section in object.sections() {
            match section.kind() {
                SectionKind::Text => self.functions += 1,
                SectionKind::Data
                | SectionKind::ReadOnlyData
                | SectionKind::ReadOnlyDataWithRel => {}
                _ => continue,
            }
            let to = self.edges.entry(readable(section.name()?)).or_default();
            for (_, relocation) in section.relocations() {
                let RelocationTarget::Symbol(index) = relocation.target() else { continue };
                let symbol = object.symbol_by_index(index)?;
                // A local function or table is referred to through the section that holds it.
                let name = match symbol.section_index() {
                    Some(section) => object.section_by_index(section)?.name()?,
                    None => symbol.name()?,
                };
                to.insert(readable(name));
            }
        }
        for symbol in object.symbols().filter(ObjectSymbol::is_global) {
            if let Some(section) = symbol.section_index() {
                self.roots.insert(readable(object.section_by_index(section)?.name()?));
            }
        }
        Ok(())
    }

    /// The shortest way to each forbidden function, from the exported functions for which `ours`.
    pub(crate) fn findings(&self, ours: impl Fn(&str) -> bool) -> Vec<(Forbidden, String)> {
        let mut came_from: BTreeMap<&str, Option<&str>> = BTreeMap::new();
        let mut queue = VecDeque::new();
        for root in self.roots.iter().filter(|name| ours(name)) {
            came_from.insert(root, None);
            queue.push_back(root.as_str());
        }
        let mut findings = Vec::new();
        while let Some(name) = queue.pop_front() {
            if let Some(kind) = forbidden(name) {
                let way: Vec<&str> = std::iter::successors(Some(name), |step| {
                    came_from.get(step).copied().flatten()
                })
                .collect();
                findings.push((kind, way.join(" <- ")));
                continue;
            }
            for next in self.edges.get(name).into_iter().flatten() {
                if !came_from.contains_key(next.as_str()) {
                    came_from.insert(next, Some(name));
                    queue.push_back(next);
                }
            }
        }
        findings
    }
}

/// Bytes of code and constants in the objects of crate `name` in a Rust library: what it brings along
/// before a linker leaves out what nobody calls. Generic code counts where it is used.
pub(crate) fn size(library: &Path, name: &str) -> Result<u64, Box<dyn Error>> {
    let bytes = std::fs::read(library)?;
    let mut size = 0;
    for member in ArchiveFile::parse(&*bytes)?.members() {
        let member = member?;
        let file = String::from_utf8_lossy(member.name());
        if file.starts_with(name) && file.ends_with(".o") {
            let object = File::parse(member.data(&*bytes)?)?;
            let kept = |kind| {
                matches!(
                    kind,
                    SectionKind::Text
                        | SectionKind::Data
                        | SectionKind::ReadOnlyData
                        | SectionKind::ReadOnlyDataWithRel
                )
            };
            let sections = object.sections().filter(|section| kept(section.kind()));
            size += sections.map(|section| section.size()).sum::<u64>();
        }
    }
    Ok(size)
}

/// A symbol or section name as a person would write it.
fn readable(name: &str) -> String {
    let mangled = [".text.unlikely.", ".text.", ".rodata.", ".data.rel.ro.", ".data."]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name);
    format!("{:#}", demangle(mangled))
}

fn forbidden(name: &str) -> Option<Forbidden> {
    let ours = name.starts_with("raid_") || name.starts_with("<raid_");
    if !ours && (name.contains("panic") || name.ends_with("_fail") || name.ends_with("_failed")) {
        return Some(Forbidden::Panic);
    }
    if name.contains("__rust_alloc") || name.starts_with("alloc::") || name == "malloc" {
        return Some(Forbidden::Allocation);
    }
    let helper = name.strip_prefix("__")?;
    let division = ["udivti3", "umodti3", "divti3", "modti3", "udivmodti4", "divmodti4"];
    if division.contains(&helper) {
        return Some(Forbidden::Division128);
    }
    // The compiler's float helpers: __adddf3, __floatundisf, __fixdfdi, __aeabi_dadd, __gesf2 …
    let float = ["sf", "df", "hf", "tf", "xf"].iter().any(|kind| {
        helper.match_indices(kind).any(|(at, _)| at > 0 && !helper[at + 2..].contains('_'))
    });
    let arm = ["aeabi_d", "aeabi_f", "aeabi_cd", "aeabi_cf", "aeabi_i2", "aeabi_ui2", "aeabi_l2"];
    if float || arm.iter().any(|prefix| helper.starts_with(prefix)) {
        return Some(Forbidden::Float);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn helpers_are_told_apart_by_name() {
        for (name, want) in [
            ("core::panicking::panic_bounds_check", Some(Forbidden::Panic)),
            ("core::option::unwrap_failed", Some(Forbidden::Panic)),
            ("core::slice::index::slice_index_fail", Some(Forbidden::Panic)),
            ("raid_core::array::MemberState::is_failed", None),
            ("__rust_alloc", Some(Forbidden::Allocation)),
            ("__udivti3", Some(Forbidden::Division128)),
            ("__multi3", None),
            ("__udivdi3", None),
            ("__aeabi_uldivmod", None),
            ("__aeabi_memcpy", None),
            ("__adddf3", Some(Forbidden::Float)),
            ("__floatundisf", Some(Forbidden::Float)),
            ("__aeabi_dadd", Some(Forbidden::Float)),
            ("memcpy", None),
        ] {
            assert_eq!(forbidden(name), want, "{name}");
        }
    }
}
