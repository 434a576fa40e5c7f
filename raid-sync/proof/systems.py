# SPDX-License-Identifier: MIT OR Apache-2.0
"""What is proven: the mirror, with records and members; the row of a set with single parity; which record a start
believes."""
import invariant
import model
import parity
import starts
from state import STATE, State


class System:
    def __init__(self, name, names, module, conjuncts):
        self.name, self.names, self.first_state = name, names, module.first_state
        self.actions, self.invariant = module.ACTIONS, conjuncts
        self.beginning = f"first_state_of_{name}"

    def state(self):
        return State(names=self.names)


SYSTEMS = (
    System("mirror", STATE, model, invariant.INVARIANT),
    System("parity", parity.STATE, parity, parity.INVARIANT),
    System("starts", starts.STATE, starts, starts.INVARIANT),
)
ACTIONS = {name: action for system in SYSTEMS for name, action in system.actions.items()}
INVARIANT = {name: conjunct for system in SYSTEMS for name, conjunct in system.invariant.items()}
BEGINNINGS = [system.beginning for system in SYSTEMS]


def system_of(name):
    """The system that has this action, conjunct, or beginning."""
    return next(system for system in SYSTEMS
                if name in system.actions or name in system.invariant or name == system.beginning)
