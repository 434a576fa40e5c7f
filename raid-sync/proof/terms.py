# SPDX-License-Identifier: MIT OR Apache-2.0
"""Terms of many-sorted first-order logic, written with Python's operators.

`a & b`, `a | b`, `~a`, `a == b`, `a <= b`, `x + 1`; `implies`, `iff`, `ite`, `forall`, `exists`. Every term
knows its sort, and a term that mixes sorts is an error: `a & b == c` without parentheses is found at once.
One text of the model serves all readers: the solvers (`solve.py`) and the printer of Rust (`rust.py`).
"""
import itertools

BOOL, INT = "Bool", "Int"
MEMBER, ROW, REGION, FLUSH = "Member", "Row", "Region", "UserFlush"
COLUMN = "Column"
# Members, rows, regions, user flushes, columns: any number of each.
OPEN_SORTS = (MEMBER, ROW, REGION, FLUSH, COLUMN)

# Sorts with a fixed list of values.
ENUMS = {
    "RegionState": ("Clean", "Wanted", "Writing", "Dirty", "CleanWanted"),
    "WindowState": ("Free", "Closing", "Active", "Copying", "Landed"),
    "StreamState": ("Idle", "Flushing", "Lowering", "Raising"),
    "Operation": ("Nothing", "Rebuild", "Resync", "Scrub"),
}
ENUM_OF = {value: sort for sort, values in ENUMS.items() for value in values}

_numbers = itertools.count()


def restart_names():
    """Bound variables are numbered from 0 again, so that two texts can be compared."""
    global _numbers
    _numbers = itertools.count()


class Term:
    """`kind` and `parts`: a function of others, a constant, a variable, or a quantifier."""

    __slots__ = ("kind", "parts", "sort")

    def __init__(self, kind, parts, sort):
        self.kind, self.parts, self.sort = kind, parts, sort

    def __bool__(self):
        raise TypeError("a term is neither true nor false: use &, |, ~ and implies")

    def __and__(self, other):
        return all_of(self, other)

    def __rand__(self, other):
        return all_of(other, self)

    def __or__(self, other):
        return any_of(self, other)

    def __ror__(self, other):
        return any_of(other, self)

    def __invert__(self):
        if self.kind == "bool":
            return FALSE if self.parts[0] else TRUE
        if self.kind == "not":
            return self.parts[0]
        return Term("not", (of_sort(self, BOOL),), BOOL)

    def __eq__(self, other):
        other = term(other)
        if self.sort == BOOL or self.sort != other.sort:
            raise TypeError(f"{self.sort} == {other.sort}")
        return Term("eq", (self, other), BOOL)

    def __ne__(self, other):
        return ~(self == other)

    __hash__ = object.__hash__

    def __le__(self, other):
        return Term("le", (of_sort(self, INT), of_sort(term(other), INT)), BOOL)

    def __lt__(self, other):
        return Term("lt", (of_sort(self, INT), of_sort(term(other), INT)), BOOL)

    def __ge__(self, other):
        return term(other) <= self

    def __gt__(self, other):
        return term(other) < self

    def __add__(self, number):
        return Term("add", (of_sort(self, INT), term(number)), INT)


TRUE, FALSE = Term("bool", (True,), BOOL), Term("bool", (False,), BOOL)


def term(value):
    if isinstance(value, Term):
        return value
    if isinstance(value, bool):
        return TRUE if value else FALSE
    if isinstance(value, int):
        return Term("int", (value,), INT)
    raise TypeError(f"{value!r} is no term")


def of_sort(value, sort):
    if value.sort != sort:
        raise TypeError(f"{value.kind} of sort {value.sort}, expected {sort}")
    return value


def value_of(name):
    """A value of a sort of `ENUMS`."""
    return Term("value", (name,), ENUM_OF[name])


def var(name, sort):
    return Term("var", (name,), sort)


def apply(name, arguments, sort):
    return Term("apply", (name, *map(term, arguments)), sort)


def _join(kind, terms, absorbing):
    parts = []
    for part in map(term, terms):
        of_sort(part, BOOL)
        if part is absorbing:
            return absorbing
        if part.kind == kind:
            parts.extend(part.parts)
        elif part.kind != "bool":
            parts.append(part)
    if not parts:
        return ~absorbing
    return parts[0] if len(parts) == 1 else Term(kind, tuple(parts), BOOL)


def all_of(*terms):
    return _join("and", terms, FALSE)


def any_of(*terms):
    return _join("or", terms, TRUE)


def implies(condition, conclusion):
    return any_of(~term(condition), conclusion)


def iff(one, other):
    one, other = term(one), term(other)
    if one.kind == "bool":
        return other if one.parts[0] else ~other
    if other.kind == "bool":
        return one if other.parts[0] else ~one
    return Term("iff", (of_sort(one, BOOL), of_sort(other, BOOL)), BOOL)


def ite(condition, one, other):
    condition, one, other = term(condition), term(one), term(other)
    if condition.kind == "bool":
        return one if condition.parts[0] else other
    if one.sort == BOOL:
        return (condition & one) | (~condition & other) if BOOL == other.sort else of_sort(other, BOOL)
    return Term("ite", (condition, one, of_sort(other, one.sort)), one.sort)


def _bind(kind, arguments):
    *sorts, body = arguments
    bound = tuple(var(f"{sort[0].lower()}{next(_numbers)}", sort) for sort in sorts)
    body = term(body(*bound))
    return body if body.kind == "bool" else Term(kind, (bound, of_sort(body, BOOL)), BOOL)


def forall(*arguments):
    """`forall(MEMBER, ROW, lambda m, r: …)`."""
    return _bind("forall", arguments)


def exists(*arguments):
    return _bind("exists", arguments)
