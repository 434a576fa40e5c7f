# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a system of the proof is made of: actions, conjuncts of its invariant, planted defects.

`planted("Name")` is true if that defect is to be planted; the names are those of `src/defect.rs` where it has one
(`defects.py` holds the list).
"""
from terms import term

# Who asks a guard that is no decision of the core.
WORLD = "(the world)"
_planted = None


class Action:
    def __init__(self, function, parameters):
        self.name, self.function, self.parameters = function.__name__, function, parameters
        self.about = function.__doc__

    def apply(self, s, p):
        """The guards, as pairs of the function that asks and the term; the updates."""
        guards, updates = self.function(s, p)
        return [(asker, term(guard)) for asker, guard in guards], updates


def actions():
    """The actions of a system, by name, and what adds one: given its parameters with the sort of their value; a
    tuple is a function, its value last."""
    known = {}
    def action(**parameters):
        sorts = {name: sort if isinstance(sort, tuple) else (sort,) for name, sort in parameters.items()}
        def add(function):
            known[function.__name__] = Action(function, sorts)
            return function
        return add
    return known, action


def conjuncts():
    """The conjuncts of an invariant, by name, and what adds one."""
    known = {}
    def conjunct(function):
        known[function.__name__] = function
        return function
    return known, conjunct


def plant(name):
    global _planted
    _planted = name


def planted(*names):
    """Whether one of these defects is planted."""
    return _planted in names


def only(x, y):
    """Where the two are the same."""
    return x == y
