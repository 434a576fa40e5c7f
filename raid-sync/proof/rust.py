# SPDX-License-Identifier: MIT OR Apache-2.0
"""Prints the invariant and the actions as Rust: `src/proven.rs`, which the tests of raid-sync evaluate in the
states and the steps of the real core.

    rust.py            prints it
    rust.py --check    fails if raid-sync/src/proven.rs says something else
"""
import pathlib
import sys

from invariant import INVARIANT, readable
from model import ACTIONS
from prove import parameters_of
from state import FIXED, STATE, State, signature
from terms import BOOL, ENUMS, FLUSH, INT, MEMBER, REGION, ROW, Term, restart_names, term, var

FILE = pathlib.Path(__file__).resolve().parent.parent / "src" / "proven.rs"
# How many there are, and for how many there is room.
ROOM = {MEMBER: ("members", 4), ROW: ("rows", 6), REGION: ("regions", 6), FLUSH: ("flushes", 2),
        INT: ("records", 12)}


def rust_sort(sort):
    return {BOOL: "bool", INT: "i16"}.get(sort, "usize" if sort in ROOM else sort)


def free(term):
    """The bound variables that a term mentions."""
    if term.kind == "var":
        return {term.parts[0]}
    if term.kind in ("forall", "exists"):
        return free(term.parts[1]) - {one.parts[0] for one in term.parts[0]}
    return set().union(*(free(part) for part in term.parts if isinstance(part, Term)))


def alternatives(term):
    """A term as a list of which one must hold."""
    if term.kind == "or":
        return [one for part in term.parts for one in alternatives(part)]
    if term.kind == "not" and term.parts[0].kind == "and":
        return [one for part in term.parts[0].parts for one in alternatives(~part)]
    return [term]


def every(bound, body, outer=()):
    """A quantifier as nested loops: what does not depend on an inner one is asked outside."""
    if not bound:
        return rust(body)
    first, *rest = bound
    inner = {one.parts[0] for one in rest}
    parts = alternatives(body)
    outside = [part for part in parts if not free(part) & inner]
    inside = [part for part in parts if free(part) & inner]
    texts = [rust(part) for part in outside]
    if inside:
        texts.append(every(rest, Term("or", tuple(inside), BOOL) if len(inside) > 1 else inside[0]))
    count = ROOM[first.sort][0]
    return f"(0..s.{count}).all(|{first.parts[0]}| {' || '.join(texts)})"


def index(term):
    return f"{rust(term)} as usize" if term.sort == INT and term.kind != "var" else rust(term)


def value(term):
    """A record's number is an index where it is bound, and a number where it is compared."""
    return f"({rust(term)} as i16)" if term.kind == "var" and term.sort == INT else rust(term)


def rust(term):
    kind, parts = term.kind, term.parts
    if kind == "bool":
        return str(parts[0]).lower()
    if kind == "int":
        return str(parts[0])
    if kind == "value":
        return f"{term.sort}::{parts[0]}"
    if kind == "var":
        return parts[0]
    if kind == "apply":
        name, *at = parts
        name = f"p.{name[2:]}" if name.startswith("p_") else f"s.{name}"
        return name + "".join(f"[{index(one)}]" for one in at)
    if kind == "forall":
        return every(list(parts[0]), parts[1])
    if kind == "not":
        return f"!{rust(parts[0])}" if parts[0].kind in ("apply", "forall") else f"!({rust(parts[0])})"
    if kind in ("and", "or"):
        return "(" + (" && " if kind == "and" else " || ").join(map(rust, parts)) + ")"
    if kind == "ite":
        return f"(if {rust(parts[0])} {{ {rust(parts[1])} }} else {{ {rust(parts[2])} }})"
    sign = {"eq": "==", "iff": "==", "le": "<=", "lt": "<", "add": "+"}[kind]
    return f"({value(parts[0])} {sign} {value(parts[1])})"


def mentions(term, name):
    if term.kind == "apply" and term.parts[0] == name:
        return True
    parts = term.parts[1:] if term.kind in ("forall", "exists") else term.parts
    return any(mentions(part, name) for part in parts if isinstance(part, Term))


def rust_type(arguments, sort):
    text = rust_sort(sort)
    for one in reversed(arguments):
        text = f"[{text}; {ROOM[one][1]}]"
    return text


def update(name, change):
    """What an action does to a part of the state, as nested loops. Of the records only a new one changes."""
    arguments, _ = signature(name)
    at, loops = [], ""
    for place, sort in enumerate(arguments):
        if sort == INT:
            assert name.startswith("rec_"), name
            at.append(State().last() + 1)
        else:
            at.append(var(f"{sort[0].lower()}{place}", sort))
            loops += f"for {at[-1].parts[0]} in 0..s.{ROOM[sort][0]} {{ "
    target = f"t.{name}" + "".join(f"[{index(one)}]" for one in at)
    return f"    {loops}{target} = {rust(term(change(*at)))};" + " }" * loops.count("{")


def actions():
    """The parameters, the guards, and what each action does."""
    lines, parameters = ["/// The parameters of an action: each takes those it has.",
                         "#[derive(Clone, Copy, Debug, Default)]\npub(crate) struct With {"], {}
    for action in ACTIONS.values():
        for name, (*arguments, sort) in action.parameters.items():
            text = rust_type(arguments, sort)
            assert parameters.setdefault(name, text) == text, name
    lines += [f"    pub(crate) {name}: {text}," for name, text in parameters.items()]
    lines.append("}\n\n/// An action of the model.\n#[derive(Clone, Copy)]\npub(crate) struct Action {")
    lines.append("    pub(crate) name: &'static str,")
    lines.append("    /// The function of raid-sync that asks for what does not hold, if the action is refused.")
    lines.append("    pub(crate) refused_by: fn(&Abstract, &With) -> Option<&'static str>,")
    lines.append("    /// The state that it leaves.\n    pub(crate) after: fn(&Abstract, &With) -> Abstract,\n}\n")
    for name, action in ACTIONS.items():
        restart_names()
        guards, updates = action.apply(State(), parameters_of(action)[0])
        lines.append(f"/// {' '.join(action.about.split())}")
        lines.append(f"pub(crate) const {name.upper()}: Action = Action {{ name: \"{name}\", "
                     f"refused_by: {name}_refused_by, after: after_{name} }};\n")
        lines.append(f"fn {name}_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {{")
        lines += [f'    if !{rust(guard)} {{ return Some("{asker}"); }}' for asker, guard in guards]
        lines.append(f"    None\n}}\n\nfn after_{name}(s: &Abstract, p: &With) -> Abstract {{")
        lines.append("    let mut t = s.clone();")
        lines += [update(part, change) for part, change in updates.items()]
        if "last" in updates:
            lines.append("    t.records = t.records.max(t.last as usize + 1);")
        lines.append("    t\n}\n")
    return lines


HEAD = '''// SPDX-License-Identifier: MIT OR Apache-2.0
//! The proven invariant, and the actions that are proven to keep it, as `proof/rust.py` prints them from the text
//! that is proven: do not edit.
//!
//! A conjunct is a `fn(&Abstract) -> bool`. [`broken`] names the first that does not hold. An [`Action`] says
//! whether it may happen in a state, and which state it leaves.
'''


def main():
    lines = [HEAD]
    for name, values in ENUMS.items():
        lines.append("#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]")
        lines.append(f"pub(crate) enum {name} {{\n    #[default]")
        lines += [f"    {one}," for one in values] + ["}\n"]
    lines.append(f"/// Room for rows.\npub(crate) const ROWS: usize = {ROOM[ROW][1]};\n")
    lines.append(f"/// Room for records.\npub(crate) const RECORDS: usize = {ROOM[INT][1]};\n")
    lines.append("/// A state of the model, of a few members, rows and records.")
    lines.append("#[derive(Clone, Debug, Default, PartialEq)]\npub(crate) struct Abstract {")
    lines += [f"    pub(crate) {name}: usize," for name, _ in ROOM.values()]
    for name in (*FIXED, *STATE):
        arguments, sort = signature(name)
        lines.append(f"    pub(crate) {name}: {rust_type(arguments, sort)},")
    lines.append("}\n\nimpl Abstract {\n    /// What is not as in an empty state.")
    lines.append("    pub(crate) fn told(&self) -> std::vec::Vec<std::string::String> {")
    lines.append("        let (none, mut told) = (Self::default(), std::vec::Vec::new());")
    for name in (*FIXED, *STATE):
        lines.append(f"        if self.{name} != none.{name} {{ "
                     f'told.push(std::format!("{name}: {{:?}}", self.{name})); }}')
    lines.append('        told.iter().map(|text| text.replace("false", "-").replace("true", "x")).collect()\n    }')
    lines.append("\n    /// The parts in which it is not the same as another state.")
    lines.append("    pub(crate) fn apart(&self, other: &Self) -> std::vec::Vec<&'static str> {")
    lines.append("        let mut apart = std::vec::Vec::new();")
    lines += [f'        if self.{name} != other.{name} {{ apart.push("{name}"); }}' for name in (*FIXED, *STATE)]
    lines.append("        apart\n    }\n\n    /// A part as text.")
    lines.append("    pub(crate) fn part(&self, name: &str) -> std::string::String {\n        match name {")
    lines += [f'            "{name}" => std::format!("{{:?}}", self.{name}),' for name in (*FIXED, *STATE)]
    lines.append("            _ => std::string::String::new(),\n        }\n    }")
    lines.append("\n    /// Which parts are not as in an empty state.")
    lines.append("    pub(crate) fn seen(&self) -> [bool; PARTS.len()] {\n        let none = Self::default();\n        [")
    lines += [f"            self.{name} != none.{name}," for name in (*FIXED, *STATE)]
    lines.append("        ]\n    }\n\n    /// Takes a part back to an empty state.")
    lines.append("    pub(crate) fn forget(&mut self, part: usize) {\n        let none = Self::default();")
    lines.append("        match part {")
    lines += [f"            {place} => self.{name} = none.{name}," for place, name in enumerate((*FIXED, *STATE))]
    lines.append("            _ => {}\n        }\n    }")
    lines.append("}\n\n/// The parts of a state.\npub(crate) const PARTS: &[&str] = &[")
    lines += [f'    "{name}",' for name in (*FIXED, *STATE)]
    lines.append("];\n\ntype Conjunct = (&'static str, fn(&Abstract) -> bool);\n")
    texts = {}
    for name, conjunct in INVARIANT.items():
        restart_names()
        texts[name] = conjunct(State())
    media = [name for name in texts if mentions(texts[name], "medium")]
    for title, about, names in (
            ("ALL", "Every conjunct.", list(texts)),
            ("OF_MEDIA", "Those that speak of what is on a medium.", media)):
        lines.append(f"/// {about}\npub(crate) const {title}: &[Conjunct] = &[")
        lines += [f'    ("{name}", {name}),' for name in names]
        lines.append("];\n")
    for name, text in texts.items():
        lines.append(f"/// {' '.join(INVARIANT[name].__doc__.split())}")
        lines.append(f"fn {name}(s: &Abstract) -> bool {{\n    {rust(text)}\n}}\n")
    member, row = var("m", MEMBER), var("r", ROW)
    text = rust(readable(State(), member, row))
    lines.append("/// Whether a read of row `r` may be answered by member `m`.")
    lines.append(f"pub(crate) fn readable(s: &Abstract, m: usize, r: usize) -> bool {{\n    {text}\n}}\n")
    lines.append("/// The first of these that does not hold.")
    lines.append("pub(crate) fn broken(conjuncts: &[Conjunct], s: &Abstract) -> Option<&'static str> {")
    lines.append("    conjuncts.iter().find(|(_, holds)| !holds(s)).map(|(name, _)| *name)\n}\n")
    lines += actions()
    text = "\n".join(lines)
    if sys.argv[1:] == ["--check"]:
        if not FILE.exists() or FILE.read_text() != text:
            sys.exit("raid-sync/src/proven.rs is not what proof/rust.py prints: print it again with `rust.py > raid-sync/src/proven.rs`")
        print(f"raid-sync/src/proven.rs is what is proven: {len(texts)} conjuncts, {len(media)} of media, {len(ACTIONS)} actions")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
