# SPDX-License-Identifier: MIT OR Apache-2.0
"""The model speaks of the code of today: every function that a guard names is there, every defect of
`src/defect.rs` is in the model or in the list of those that are not, and every defect of the lists is planted
somewhere. Needs no solver.
"""
import pathlib
import re
import sys

import defects
from action import WORLD
from prove import parameters_of
from systems import ACTIONS, INVARIANT, system_of

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent / "src"
# The rule which record speaks is the formats' as well, so it is on the ground floor.
RULE = HERE.parent.parent / "raid-core" / "src" / "metadata" / "freshest.rs"
DOCS = HERE.parent.parent / "docs"
# What the tests alone see is not the protocol.
TESTS = {"exploration", "scenarios", "state_tables.rs", "tests.rs", "mutation.rs"}


def functions():
    """Names of the functions of the crate and of the rule which record speaks, those of tests left out."""
    names = set()
    for path in [*SOURCE.rglob("*.rs"), RULE]:
        if path == RULE or not TESTS & set(path.relative_to(SOURCE).parts):
            text = path.read_text().split("mod tests {")[0]
            names |= set(re.findall(r"\bfn (\w+)", text))
    return names


def defects_of_the_code():
    text = (SOURCE / "defect.rs").read_text()
    body = re.search(r"pub\(crate\) enum Defect \{(.*?)\n\}", text, re.S)[1]
    return set(re.findall(r"^    (\w+),$", body, re.M))


def pages():
    """The page on the proof lists what there is; the table of guards names conjuncts that exist."""
    faults = []
    proof, guards = (DOCS / "proof.md").read_text(), (DOCS / "interlock.md").read_text()
    for name, about in ((name, of.about) for name, of in ACTIONS.items()):
        if f"| `{name}` | {' '.join(about.split())} |" not in proof:
            faults.append(f"docs/proof.md: no row says of action {name} what model.py says")
    for name, conjunct in INVARIANT.items():
        if f"| `{name}` | {' '.join(conjunct.__doc__.split())} |" not in proof:
            faults.append(f"docs/proof.md: no row says of conjunct {name} what invariant.py says")
    for name, why in defects.OUTSIDE.items():
        if f"| `{name}` | {why} |" not in proof:
            faults.append(f"docs/proof.md: no row says of defect {name} what defects.py says")
    for line in guards.splitlines():
        if line.startswith("| I") and "`scenario_" in line:
            cells = [cell.strip(" `") for cell in line.split("|")]
            defect, named = cells[4], cells[6]
            if bool(named) != (defect in defects.OF_THE_CODE):
                faults.append(f"docs/interlock.md: {defect} is to name a conjunct if the model has it")
            if named and named not in INVARIANT:
                faults.append(f"docs/interlock.md: {defect} names `{named}`, which is no conjunct")
    return faults


def main():
    faults, known = [], functions()
    guards = 0
    for name, action in ACTIONS.items():
        if not action.about:
            faults.append(f"action {name}: says nothing of itself")
        for asker, _ in action.apply(system_of(name).state(), parameters_of(action)[0])[0]:
            guards += asker != WORLD
            if asker != WORLD and asker not in known:
                faults.append(f"action {name}: a guard names `{asker}`, and neither raid-sync/src nor {RULE.name} has it")
    faults += [f"conjunct {name}: says nothing of itself"
               for name, conjunct in INVARIANT.items() if not conjunct.__doc__]
    listed, there = {*defects.OF_THE_CODE, *defects.OUTSIDE}, defects_of_the_code()
    faults += [f"defect {name}: in src/defect.rs, but in no list of defects.py" for name in there - listed]
    faults += [f"defect {name}: in defects.py, but not in src/defect.rs" for name in listed - there]
    text = (HERE / "model.py").read_text() + (HERE / "invariant.py").read_text()
    text += (HERE / "parity.py").read_text() + (HERE / "starts.py").read_text()
    planted = {name for call in re.findall(r"planted\(((?:\"\w+\"(?:, )?)+)\)", text)
               for name in re.findall(r"\w+", call)} - {"Name"}
    lists = set(defects.ALL) | {name for name in defects.OUTSIDE if name in planted}
    faults += [f"defect {name}: in a list, but planted nowhere" for name in lists - planted]
    faults += [f"defect {name}: planted, but in no list" for name in planted - lists]
    faults += [f"defect {name}: of the few, but in no list" for name in set(defects.FEW) - set(defects.ALL)]
    faults += pages()
    print("\n".join(faults) if faults else
          f"{guards} guards name functions that exist; {len(there)} defects of the code, "
          f"{len(defects.OF_THE_CODE)} of them in the model; {len(defects.OF_THE_MODEL)} of the model alone")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
