# SPDX-License-Identifier: MIT OR Apache-2.0
"""Proves that every action keeps every conjunct of the invariant, for any number of members, rows, regions,
user flushes, power cuts and restarts.

    prove.py [--solver z3|cvc5] [--action NAME] [--conjunct NAME] [--defect NAME] [--show]

One obligation is: where the invariant and the guards of the action hold, the conjunct holds in the state that
the action leaves. `--show` prints the counterexample of an obligation that fails as tables.
"""
import argparse
import itertools
import multiprocessing
import os
import sys
import time

from action import plant
from state import KNOWN, State
from systems import ACTIONS, BEGINNINGS, INVARIANT, system_of
from terms import INT, OPEN_SORTS, apply

SECONDS = 120


class Parameters:
    pass


def parameters_of(action):
    """The parameters as functions or constants, and their signatures."""
    given, signatures = Parameters(), {}
    for name, (*arguments, sort) in action.parameters.items():
        full = f"p_{name}"
        signatures[full] = (arguments, sort)
        value = (lambda *at, full=full, sort=sort: apply(full, at, sort)) if arguments else apply(full, (), sort)
        setattr(given, name, value)
    return given, signatures


def step(name):
    """What is assumed, the state after, what changes, and the signatures of the parameters."""
    system = system_of(name)
    s = system.state()
    if name == system.beginning:
        return [system.first_state(s)], s, None, {}
    given, signatures = parameters_of(ACTIONS[name])
    guards, updates = ACTIONS[name].apply(s, given)
    assumed = [conjunct(s) for conjunct in system.invariant.values()] + [guard for _, guard in guards]
    return assumed, s.after(updates), updates, signatures


def signatures():
    """The parts of all states."""
    return {name for names in KNOWN for name in names}


_reads = {}


def reads(conjunct):
    """The names that a conjunct is about: an action that changes none of them keeps it."""
    if conjunct not in _reads:
        seen = set()
        class Watched(State):
            def __getattribute__(self, name):
                seen.add(name)
                return super().__getattribute__(name)
        INVARIANT[conjunct](Watched(names=system_of(conjunct).names))
        _reads[conjunct] = seen
    return _reads[conjunct]


def obligations(action, updates, conjuncts):
    own = [name for name in conjuncts if name in system_of(action).invariant]
    return [name for name in own if updates is None or reads(name) & set(updates)]


def by_z3(job):
    action, conjuncts, defect, seconds, show = job
    import z3
    from solve import Z3
    plant(defect)
    assumed, after, updates, _ = step(action)
    terms, solver, out = Z3(), z3.Solver(), []
    solver.set("timeout", seconds * 1000)
    solver.add(*[terms.of(fact) for fact in assumed])
    for name in obligations(action, updates, conjuncts):
        began = time.time()
        solver.push()
        solver.add(terms.of(~INVARIANT[name](after)))
        verdict = str(solver.check())
        shown = tables(terms, solver.model()) if show and verdict == "sat" else ""
        solver.pop()
        out.append((action, name, verdict, time.time() - began, shown))
    return out


class Cvc5:
    """One solver, told in SMT-LIB."""

    def __init__(self, seconds, **options):
        import cvc5
        self.language = cvc5.InputLanguage.SMT_LIB_2_6
        self.solver = cvc5.Solver(cvc5.TermManager())
        for name, value in {"tlimit-per": str(seconds * 1000), **options}.items():
            self.solver.setOption(name.replace("_", "-"), value)
        self.parser = cvc5.InputParser(self.solver)

    def tell(self, text):
        answer = ""
        self.parser.setStringInput(self.language, text, "obligation")
        while not (command := self.parser.nextCommand()).isNull():
            answer += command.invoke(self.solver, self.parser.getSymbolManager())
        return answer.strip()


def by_cvc5(job):
    action, conjuncts, defect, seconds, _ = job
    from solve import declarations, smt
    plant(defect)
    assumed, after, updates, signatures = step(action)
    text = declarations(signatures) + "\n".join(f"(assert {smt(fact)})" for fact in assumed)
    solver, out = Cvc5(seconds, incremental="true"), []
    solver.tell(text)
    for name in obligations(action, updates, conjuncts):
        began, goal = time.time(), smt(~INVARIANT[name](after))
        verdict = solver.tell(f"(push) (assert {goal}) (check-sat) (pop)")
        if verdict != "unsat":
            # What it has learnt from other goals may keep it from an end.
            alone = Cvc5(seconds, full_saturate_quant="true")
            verdict = alone.tell(f"{text} (assert {goal}) (check-sat)")
        out.append((action, name, verdict, time.time() - began, ""))
    return out


SOLVERS = {"z3": by_z3, "cvc5": by_cvc5}


def tables(terms, found):
    """A counterexample: the state before and the parameters, name by name."""
    short = lambda value: str(value).replace("!val!", "")
    domains = {sort: list(found.get_universe(terms.sorts[sort]) or []) for sort in OPEN_SORTS}
    value = lambda name, *at: found.eval(terms.functions[name](*at), model_completion=True)
    numbers = {value(name).as_long() for name in ("last", "confirmed") if name in terms.functions}
    if "record" in terms.functions:
        numbers |= {value("record", member).as_long() for member in domains["Member"]}
    import z3
    domains[INT] = [z3.IntVal(number) for number in sorted(numbers)]
    lines = []
    for name in sorted(terms.functions, key=lambda name: (name.startswith("p_"), name)):
        function, entries = terms.functions[name], []
        sorts = [function.domain(index).name() for index in range(function.arity())]
        for at in itertools.product(*[domains[sort] for sort in sorts]):
            entry, where = value(name, *at), ",".join(map(short, at))
            if z3.is_bool(entry):
                if z3.is_true(entry):
                    entries.append(where or "yes")
            else:
                entries.append(f"{where}={short(entry)}" if where else short(entry))
        lines.append(f"    {name}: {'  '.join(entries)}")
    return "\n".join(lines)


def run(jobs, solver="z3", workers=2):
    with multiprocessing.Pool(workers) as pool:
        for results in pool.imap_unordered(SOLVERS[solver], jobs):
            yield from results


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    options.add_argument("--solver", choices=SOLVERS, default="z3")
    options.add_argument("--action", choices=[*BEGINNINGS, *ACTIONS])
    options.add_argument("--conjunct", choices=INVARIANT)
    options.add_argument("--defect")
    options.add_argument("--show", action="store_true")
    options = options.parse_args()
    actions = [options.action] if options.action else [*BEGINNINGS, *ACTIONS]
    conjuncts = [options.conjunct] if options.conjunct else list(INVARIANT)
    jobs = [(action, conjuncts, options.defect, SECONDS, options.show) for action in actions]
    began, proven, failed, slowest = time.time(), 0, 0, (0, "")
    for action, name, verdict, took, shown in run(jobs, options.solver):
        slowest = max(slowest, (took, f"{action} / {name}"))
        if verdict == "unsat":
            proven += 1
            continue
        failed += 1
        words = "NOT KEPT" if verdict == "sat" else f"UNKNOWN ({verdict})"
        print(f"{words}: {action} / {name}", flush=True)
        if shown:
            updates = step(action)[2] or {}
            asks = sorted(reads(name))
            print(f"  the action changes: {', '.join(updates)}")
            print(f"  the conjunct asks for: {', '.join(part for part in asks if part in signatures())}", flush=True)
            print(shown, flush=True)
    print(f"{options.solver}: {len(ACTIONS)} actions, {len(INVARIANT)} conjuncts, {proven} obligations proven, "
          f"{failed} not, {time.time() - began:.1f} s; slowest {slowest[1]}, {slowest[0]:.1f} s")
    sys.exit(failed > 0)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        # Who reads has seen enough: `| head`. Nothing more is written, not even at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
