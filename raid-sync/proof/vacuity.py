# SPDX-License-Identifier: MIT OR Apache-2.0
"""The proof says something: under the invariant every action can happen, in a set of three members and two
regions or of three columns and P; and each planted defect breaks the proof.

    vacuity.py [--few | --defects NAME,NAME…]
"""
import argparse
import multiprocessing
import sys
import time

import z3

import defects
from action import plant
from prove import by_z3, parameters_of, step
from solve import Z3, smt
from state import signature
from systems import ACTIONS, INVARIANT, SYSTEMS, system_of
from terms import COLUMN, MEMBER, ROW, restart_names, term, var

SECONDS = 20


def can_happen(action):
    assumed, _, _, _ = step(action)
    terms, solver, s = Z3(), z3.Solver(), system_of(action).state()
    solver.set("timeout", SECONDS * 1000)
    some = lambda sort, count: [var(f"{sort}{number}", sort) for number in range(count)]
    members, rows, columns = some(MEMBER, 3), some(ROW, 2), some(COLUMN, 3)
    if system_of(action).name == "mirror":
        apart = s.region_of(rows[0]) != s.region_of(rows[1])
        scene = [apart, ~s.set_failed(), s.volatile(members[0]), s.volatile(members[1])]
    elif system_of(action).name == "parity":
        scene = [~s.halted()]
    else:
        scene = [s.confirmed() > 0]
    for distinct in (members, rows, columns):
        solver.add(z3.Distinct(*map(terms.of, distinct)))
    solver.add(*[terms.of(fact) for fact in (*assumed, *scene)])
    return action, str(solver.check())


def text_of(action, of_conjuncts):
    """What an action says, or the invariant, with variables named alike each time."""
    restart_names()
    s = system_of(action).state()
    if of_conjuncts:
        return [smt(conjunct(s)) for conjunct in system_of(action).invariant.values()]
    guards, updates = ACTIONS[action].apply(s, parameters_of(ACTIONS[action])[0])
    at = lambda name: [var(f"at{place}", sort) for place, sort in enumerate(signature(name)[0])]
    changed = [name + smt(term(update(*at(name)))) for name, update in updates.items()]
    return [smt(guard) for _, guard in guards] + changed


def breaks(defect):
    """The first obligations that do not hold with this defect, in each system that has it."""
    began = time.time()
    broken = [one for system in SYSTEMS for one in breaks_in(system, defect)]
    return defect, broken, time.time() - began


def breaks_in(system, defect):
    broken = []
    for action in system.actions:
        same = True
        for of_conjuncts in (False, True):
            plant(None)
            right = text_of(action, of_conjuncts)
            plant(defect)
            same &= text_of(action, of_conjuncts) == right
        if same:
            continue
        results = by_z3((action, list(INVARIANT), defect, SECONDS, False))
        broken += [f"{action} / {name}" for _, name, verdict, _, _ in results if verdict == "sat"]
        if broken:
            return broken[:1]
    return broken


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    options.add_argument("--few", action="store_true")
    options.add_argument("--defects")
    options = options.parse_args()
    chosen = defects.FEW if options.few else defects.ALL
    if options.defects:
        chosen = options.defects.split(",")
    harmless = () if options.few or options.defects else defects.HARMLESS
    began, wrong = time.time(), 0
    with multiprocessing.Pool(2) as pool:
        for action, verdict in pool.imap(can_happen, list(ACTIONS)):
            if verdict != "sat":
                wrong += 1
                print(f"NEVER HAPPENS: {action} ({verdict})", flush=True)
        for defect, broken, took in pool.imap_unordered(breaks, (*chosen, *harmless)):
            right = bool(broken) != (defect in harmless)
            wrong += not right
            print(f"{'' if right else 'WRONG: '}{defect:26} {'breaks' if broken else 'breaks nothing':14} "
                  f"{took:5.1f} s  {', '.join(broken[:2])}", flush=True)
    print(f"{len(ACTIONS)} actions, {len(chosen)} defects, {wrong} wrong, {time.time() - began:.1f} s")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
