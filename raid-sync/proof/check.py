# SPDX-License-Identifier: MIT OR Apache-2.0
"""The model speaks of the code of today: every function that a guard names is there, every defect of
`src/defect.rs` is in the model or in the list of those that are not, and every defect of the lists is planted
somewhere. Needs no solver.
"""
import pathlib
import re
import sys

import defects
import invariant
from model import ACTIONS, WORLD
from prove import parameters_of
from state import State

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent / "src"
# What the tests alone see is not the protocol.
TESTS = {"exploration", "scenarios", "state_tables.rs", "tests.rs", "mutation.rs"}


def functions():
    """Names of the functions of the crate, those of its tests left out."""
    names = set()
    for path in SOURCE.rglob("*.rs"):
        if not TESTS & set(path.relative_to(SOURCE).parts):
            text = path.read_text().split("mod tests {")[0]
            names |= set(re.findall(r"\bfn (\w+)", text))
    return names


def defects_of_the_code():
    text = (SOURCE / "defect.rs").read_text()
    body = re.search(r"pub\(crate\) enum Defect \{(.*?)\n\}", text, re.S)[1]
    return set(re.findall(r"^    (\w+),$", body, re.M))


def main():
    faults, known = [], functions()
    guards = 0
    for name, action in ACTIONS.items():
        if not action.about:
            faults.append(f"action {name}: says nothing of itself")
        for asker, _ in action.apply(State(), parameters_of(action)[0])[0]:
            guards += asker != WORLD
            if asker != WORLD and asker not in known:
                faults.append(f"action {name}: a guard names `{asker}`, and raid-sync/src has no such function")
    faults += [f"conjunct {name}: says nothing of itself"
               for name, conjunct in invariant.INVARIANT.items() if not conjunct.__doc__]
    listed, there = {*defects.OF_THE_CODE, *defects.OUTSIDE}, defects_of_the_code()
    faults += [f"defect {name}: in src/defect.rs, but in no list of defects.py" for name in there - listed]
    faults += [f"defect {name}: in defects.py, but not in src/defect.rs" for name in listed - there]
    text = (HERE / "model.py").read_text() + (HERE / "invariant.py").read_text()
    planted = {name for call in re.findall(r"planted\(((?:\"\w+\"(?:, )?)+)\)", text)
               for name in re.findall(r"\w+", call)} - {"Name", "Relaxed"}
    lists = set(defects.ALL) | {name for name in defects.OUTSIDE if name in planted}
    faults += [f"defect {name}: in a list, but planted nowhere" for name in lists - planted]
    faults += [f"defect {name}: planted, but in no list" for name in planted - lists]
    faults += [f"defect {name}: of the few, but in no list" for name in set(defects.FEW) - set(defects.ALL)]
    print("\n".join(faults) if faults else
          f"{guards} guards name functions that exist; {len(there)} defects of the code, "
          f"{len(defects.OF_THE_CODE)} of them in the model; {len(defects.OF_THE_MODEL)} of the model alone")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
