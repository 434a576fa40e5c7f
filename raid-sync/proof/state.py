# SPDX-License-Identifier: MIT OR Apache-2.0
"""The state of the model: named functions over members, rows, regions, user flushes and record numbers.

Versions of a row and numbers of records are integers that are compared and counted up, nothing else.
"""
from terms import BOOL, FLUSH, INT, MEMBER, REGION, ROW, apply

M, R, G, U = MEMBER, ROW, REGION, FLUSH

# Name: the sorts of its arguments, and the sort of its value last.
STATE = {
    # Members (member.rs). Who is none of these three is trusted.
    "failed": (M, BOOL),
    "filling": (M, BOOL),
    "waiting": (M, BOOL),
    "speaker": (M,),            # of the trusted ones, the one that answers where copies may differ
    "set_failed": (BOOL,),
    "strayed": (M, BOOL),       # an absent disk that was started alone, or rolled back; its record shows it
    "bad": (M, R, BOOL),        # on the list of bad ranges: what it holds here counts for nothing
    "bad_named": (M, R, BOOL),  # … as the recorded image says
    "disk": (M, INT),           # which disk sits in the slot (debt.rs, MemberKey)
    # Regions (region.rs). A format with one flag has one region.
    "region": (G, "RegionState"),
    "owed": (R, BOOL),          # copies may differ
    "owed_on_disk": (R, BOOL),  # … as far as the records may say, and caches may hold
    "owed_prepared": (R, BOOL),  # … as the prepared record will say
    "settled": (R, BOOL),       # flushed everywhere since it was written last, whatever the records say
    "settling": (R, BOOL),      # … if the flush of the raise under way returns
    # Positions and debts, both as sets of rows (mark.rs, debt.rs).
    "issued": (M, R, BOOL),     # a write goes to this member as well
    "held": (M, R, BOOL),       # `done`: a read may use it
    "flushed": (M, R, BOOL),
    "durable": (M, R, BOOL),
    "prepared": (M, R, BOOL),   # what the prepared record will say it holds
    # The operation and its windows (operation.rs, window.rs).
    "operation": ("Operation",),
    "preparing": (BOOL,),
    "window": (R, "WindowState"),
    "buffer": (R, INT),         # what a copy has read
    "copying": (M, R, BOOL),    # it is on its way to this member
    "source": (M, R, BOOL),     # a copy that was commanded may read this member
    # Writes (ticket.rs), and what users know of them.
    "in_flight": (R, BOOL),
    "fua": (R, BOOL),           # … and is to be durable
    "leg": (M, R, BOOL),        # … and has not reached this member
    "admitted": (R, INT),       # the newest version that was let in
    "completed": (R, INT),
    "completed_fua": (R, BOOL),
    "unanswered": (R, BOOL),    # completed, and its user waits
    "acked": (R, INT),
    "promised": (R, INT),
    # Media.
    "cached": (M, R, INT),      # what a read gives
    "medium": (M, R, INT),      # what survives a power cut
    "agreed": (R, INT),         # ghost: the version that the copies agree on
    # The record stream (record.rs).
    "stream": ("StreamState",),
    "finish": (BOOL,),          # the prepared record ends the rebuild
    "finishing": (BOOL,),       # … and the operation still is in that phase
    "flush_leg": (M, BOOL),
    "addressed": (M, BOOL),     # the record under way goes to this member
    "lowered": (BOOL,),         # something was lowered that no record says
    "named": (M, BOOL),         # the recorded image says that this member is not to be trusted
    # Records: their numbers, which of them may be found, and what each says.
    "record": (M, INT),         # the one on this member
    "last": (INT,),             # the newest that was issued
    "confirmed": (INT,),        # the newest that all hold whom it trusts
    "rec_failed": (INT, M, BOOL),
    "rec_untrusted": (INT, M, BOOL),
    "rec_dirty": (INT, G, BOOL),
    "rec_owed": (INT, R, BOOL),
    "rec_held": (INT, M, R, BOOL),
    "rec_disk": (INT, M, INT),
    "rec_bad": (INT, M, R, BOOL),
    # User flushes.
    "flush_open": (U, BOOL),
    "flush_due": (U, M, BOOL),  # it has not reached this member
    "flush_upto": (U, R, INT),  # the version that it promises
}

# What never changes.
# `relaxed`: a plain write is acknowledged before a record names who has failed (Config::strict).
FIXED = {"region_of": (R, G), "volatile": (M, BOOL), "relaxed": (BOOL,)}


# All that a state may have; `parity.py` adds its own.
KNOWN = [STATE, FIXED]


def signature(name):
    """The sorts of the arguments, and of the value."""
    *arguments, sort = next(names[name] for names in KNOWN if name in names)
    return arguments, sort


def _function(name):
    arguments, sort = signature(name)
    def call(*given):
        assert len(given) == len(arguments), name
        return apply(name, given, sort)
    return call


class State:
    """Each name as a function. `after` gives the state that an action leaves."""

    def __init__(self, functions=None, names=STATE):
        self.functions = functions or {name: _function(name) for name in names}
        self.__dict__.update(self.functions)
        self.__dict__.update({name: _function(name) for name in FIXED})

    def after(self, updates):
        unknown = set(updates) - set(self.functions)
        assert not unknown, unknown
        return State({**self.functions, **updates})
