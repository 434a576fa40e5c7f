# SPDX-License-Identifier: MIT OR Apache-2.0
"""Terms for the solvers: as objects of z3, and as text of SMT-LIB 2.6 for cvc5 and any other."""
import z3

from state import KNOWN, signature
from terms import BOOL, ENUMS, INT, OPEN_SORTS


class Z3:
    """Terms as z3 has them."""

    def __init__(self):
        self.sorts = {name: z3.DeclareSort(name) for name in OPEN_SORTS}
        self.sorts.update({BOOL: z3.BoolSort(), INT: z3.IntSort()})
        self.values = {}
        for name, values in ENUMS.items():
            self.sorts[name], constants = _enum(name, values)
            self.values.update(zip(values, constants))
        self.functions, self.memo, self.kept = {}, {}, []

    def function(self, name, arguments, sort):
        if name not in self.functions:
            sorts = [self.sorts[one] for one in arguments]
            self.functions[name] = z3.Function(name, *sorts, self.sorts[sort])
        return self.functions[name]

    def of(self, term):
        if id(term) not in self.memo:
            self.kept.append(term)
            self.memo[id(term)] = self._of(term)
        return self.memo[id(term)]

    def _of(self, term):
        kind, parts, of = term.kind, term.parts, self.of
        if kind == "bool":
            return z3.BoolVal(parts[0])
        if kind == "int":
            return z3.IntVal(parts[0])
        if kind == "value":
            return self.values[parts[0]]
        if kind == "var":
            return z3.Const(parts[0], self.sorts[term.sort])
        if kind == "apply":
            name, *arguments = parts
            return self.function(name, [one.sort for one in arguments], term.sort)(*map(of, arguments))
        if kind in ("forall", "exists"):
            quantifier = z3.ForAll if kind == "forall" else z3.Exists
            return quantifier([of(one) for one in parts[0]], of(parts[1]))
        done = [of(part) for part in parts]
        return {
            "not": lambda a: z3.Not(a), "and": lambda *all: z3.And(*all), "or": lambda *all: z3.Or(*all),
            "eq": lambda a, b: a == b, "iff": lambda a, b: a == b, "le": lambda a, b: a <= b,
            "lt": lambda a, b: a < b, "add": lambda a, b: a + b, "ite": lambda c, a, b: z3.If(c, a, b),
        }[kind](*done)


_enums = {}


def _enum(name, values):
    if name not in _enums:
        _enums[name] = z3.EnumSort(name, values)
    return _enums[name]


# ---- SMT-LIB

_OPERATORS = {"not": "not", "and": "and", "or": "or", "eq": "=", "iff": "=", "le": "<=", "lt": "<",
              "add": "+", "ite": "ite"}


def smt(term):
    kind, parts = term.kind, term.parts
    if kind == "bool":
        return "true" if parts[0] else "false"
    if kind == "int":
        return str(parts[0]) if parts[0] >= 0 else f"(- {-parts[0]})"
    if kind in ("value", "var"):
        return parts[0]
    if kind == "apply":
        name, *arguments = parts
        return f"({name} {' '.join(map(smt, arguments))})" if arguments else name
    if kind in ("forall", "exists"):
        bound = " ".join(f"({one.parts[0]} {one.sort})" for one in parts[0])
        return f"({kind} ({bound}) {smt(parts[1])})"
    return f"({_OPERATORS[kind]} {' '.join(map(smt, parts))})"


def declarations(parameters):
    """All sorts and functions; `parameters` maps names to the sorts of arguments and value."""
    lines = ["(set-logic ALL)"]
    lines += [f"(declare-sort {name} 0)" for name in OPEN_SORTS]
    for name, values in ENUMS.items():
        constructors = " ".join(f"({value})" for value in values)
        lines.append(f"(declare-datatype {name} ({constructors}))")
    known = {name: signature(name) for names in KNOWN for name in names} | parameters
    lines += [f"(declare-fun {name} ({' '.join(arguments)}) {sort})"
              for name, (arguments, sort) in known.items()]
    return "\n".join(lines)
