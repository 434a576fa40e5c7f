# SPDX-License-Identifier: MIT OR Apache-2.0
"""One row of a set with single parity: any number of data columns, and P.

The sum is abstracted: P *says* of each column which version it was computed from. A missing column is
determined if all others hold what P says of them; then it is the version that P says of it. Records, members and
positions are those of the mirror (`model.py`); here a record is written in one go.
"""
from action import WORLD, actions, conjuncts, only, planted
from state import KNOWN
from terms import BOOL, COLUMN, FALSE, INT, TRUE
from terms import all_of, any_of, forall, implies, ite, term

C = COLUMN
ACTIONS, action = actions()

STATE = {
    "missing": (C, BOOL),         # nobody holds this column: failed, or being filled
    "no_parity": (BOOL,),         # … nor P
    "filled": (C, BOOL),          # a disk being filled has this row
    "loss_recorded": (C, BOOL),
    "parity_loss_recorded": (BOOL,),
    "lost": (C, BOOL),            # announced: it went missing while P did not agree
    "halted": (BOOL,),            # too few members
    "content": (C, INT),          # what a read gives
    "stored": (C, INT),           # what survives a power cut
    "says": (C, INT),             # what P says of the column
    "says_stored": (C, INT),
    "dirty": (BOOL,),             # the region is recorded dirty
    "open": (BOOL,),              # a write is in flight
    "target": (C,),
    "data_leg": (BOOL,),
    "parity_leg": (BOOL,),
    "plan": (C, INT),             # what P is to say
    "syncing": (BOOL,),           # a resync has read the row, and keeps writers out
    "disagrees": (BOOL,),         # P may not agree: a resync is owed
    "newest": (C, INT),
    "told": (C, INT),
    "kept": (C, INT),
}

KNOWN.append(STATE)


def whole(s):
    return forall(C, lambda c: ~s.missing(c)) & ~s.no_parity()


def losses_recorded(s):
    data = forall(C, lambda c: implies(s.missing(c), s.loss_recorded(c)))
    return data & implies(s.no_parity(), s.parity_loss_recorded())


def flushed(s):
    data = forall(C, lambda c: implies(~s.missing(c) | s.filled(c), s.stored(c) == s.content(c)))
    return data & implies(~s.no_parity(), forall(C, lambda c: s.says_stored(c) == s.says(c)))


@action()
def parity_recorded_dirty(s, p):
    """The record that calls the region dirty is durable."""
    return [("write_wanted", ~s.halted())], {"dirty": lambda: TRUE}


@action(column=C)
def parity_admit(s, p):
    """A write of one column is let in. Where P does not agree, it is computed from all columns again; else it
    changes by what changes."""
    here = lambda c: only(c, p.column)
    new = s.newest(p.column) + 1
    keeps = lambda c: ite(s.disagrees(), s.content(c), s.says(c))
    return [
        ("acceptable", ~s.halted()),
        ("in_the_way", planted("AllowOverlap") or ~s.open()),
        ("window_edge", planted("SkipWindowCheck") or ~s.syncing()),
        ("may_write", planted("DirtyAfterWrite") or s.dirty()),
    ], {
        "open": lambda: TRUE, "target": lambda: p.column,
        "newest": lambda c: ite(here(c), new, s.newest(c)),
        "data_leg": lambda: ~s.missing(p.column) | s.filled(p.column),
        "parity_leg": lambda: ~s.no_parity(),
        "plan": lambda c: ite(here(c), new, keeps(c)),
    }


@action()
def parity_data_lands(s, p):
    """The write reaches its column."""
    return [(WORLD, s.open() & s.data_leg())], {
        "content": lambda c: ite(only(c, s.target()), s.newest(c), s.content(c)),
        "data_leg": lambda: FALSE,
    }


@action()
def parity_lands(s, p):
    """… and P."""
    return [(WORLD, s.open() & s.parity_leg())], {
        "says": lambda c: s.plan(c), "parity_leg": lambda: FALSE,
    }


@action()
def parity_complete(s, p):
    """Both have returned, or failed; the user is told, once a record has the loss."""
    data = implies(s.data_leg(), s.missing(s.target()) & ~s.filled(s.target()))
    return [
        (WORLD, s.open() & data & implies(s.parity_leg(), s.no_parity())),
        ("ack", ~s.halted()),
        ("names_failures", planted("AcknowledgeEarly") or losses_recorded(s)),
    ], {
        "open": lambda: FALSE, "data_leg": lambda: FALSE, "parity_leg": lambda: FALSE,
        "told": lambda c: ite(only(c, s.target()), s.newest(c), s.told(c)),
    }


@action()
def parity_flush(s, p):
    """A user's flush has reached all: what was told is a promise."""
    return [
        (WORLD, flushed(s)),
        ("complete_flush", ~s.halted() & any_of(planted("FlushNotGated"), losses_recorded(s))),
    ], {"kept": lambda c: s.told(c)}


@action(column=C)
def parity_write_back(s, p):
    """A cache writes back a column when it likes."""
    return [(WORLD, TRUE)], {
        "stored": lambda c: ite(only(c, p.column), s.content(c), s.stored(c)),
    }


@action()
def parity_write_back_p(s, p):
    """… or P."""
    return [(WORLD, TRUE)], {"says_stored": lambda c: s.says(c)}


@action(column=C)
def parity_fails(s, p):
    """A column goes missing. If P does not agree, it is lost, and the core says so: the write hole."""
    here = lambda c: only(c, p.column)
    hole = s.disagrees() & ~term(planted("HideWriteHole"))
    return [("member_failed", ~s.missing(p.column) | s.filled(p.column))], {
        "missing": lambda c: s.missing(c) | here(c),
        "filled": lambda c: s.filled(c) & ~here(c),
        "lost": lambda c: s.lost(c) | (here(c) & hole & ~s.missing(c)),
        "halted": lambda: any_of(s.halted(), s.no_parity(), ~forall(C, lambda c: here(c) | ~s.missing(c))),
        "syncing": lambda: FALSE,
    }


@action()
def parity_p_fails(s, p):
    """P goes missing."""
    return [("member_failed", ~s.no_parity())], {
        "no_parity": lambda: TRUE, "syncing": lambda: FALSE,
        "halted": lambda: s.halted() | ~forall(C, lambda c: ~s.missing(c)),
    }


@action()
def parity_loss_is_recorded(s, p):
    """The record that names who is missing is durable."""
    return [("next_record", ~s.halted())], {
        "loss_recorded": lambda c: s.missing(c), "parity_loss_recorded": lambda: s.no_parity(),
    }


@action()
def parity_cleaned(s, p):
    """All are flushed, nothing is in flight, nothing owed: the clean record is durable."""
    return [
        ("prepare_clean", ~s.halted() & s.dirty() & ~s.disagrees()),
        ("is_written", planted("CleanUnderWrites") or ~s.open()),
        ("lower_due", losses_recorded(s)),
        ("flushed", planted("RaiseWithoutFlush") or flushed(s)),
    ], {"dirty": lambda: FALSE}


@action()
def parity_resync_reads(s, p):
    """A resync reads all columns under the lock."""
    return [
        ("startable", whole(s) & s.disagrees() & ~s.halted()),
        ("ready", planted("OpenWithoutDraining") or ~s.open()),
    ], {"syncing": lambda: TRUE, "plan": lambda c: s.content(c)}


@action()
def parity_resync_lands(s, p):
    """… and writes P: it agrees."""
    return [("copied", s.syncing())], {
        "says": lambda c: s.plan(c), "syncing": lambda: FALSE, "disagrees": lambda: FALSE,
    }


@action(column=C, content=INT)
def parity_replaced(s, p):
    """Another disk takes the slot of a missing column."""
    here = lambda c: only(c, p.column)
    return [
        ("can_join", s.missing(p.column) & ~s.filled(p.column) & ~s.open() & ~s.halted()),
        ("names_failures", planted("SeatUnnamed") or losses_recorded(s)),
    ], {
        "content": lambda c: ite(here(c), p.content, s.content(c)),
        "stored": lambda c: ite(here(c), p.content, s.stored(c)),
    }


@action(column=C)
def parity_filled(s, p):
    """A rebuild computes the column from all others, under the lock."""
    here = lambda c: only(c, p.column)
    return [
        ("startable", s.missing(p.column) & s.loss_recorded(p.column) & ~s.halted()),
        ("ready", planted("OpenWithoutDraining") or ~s.open()),
    ], {
        "content": lambda c: ite(here(c), s.says(c), s.content(c)),
        "filled": lambda c: s.filled(c) | here(c),
    }


@action(column=C)
def parity_trusted(s, p):
    """All are flushed, and the record that ends the rebuild is durable."""
    here = lambda c: only(c, p.column)
    return [
        ("finish", s.filled(p.column) & ~s.halted() & ~s.open()),
        ("flushed", planted("RaiseWithoutFlush") or flushed(s)),
    ], {
        "missing": lambda c: s.missing(c) & ~here(c), "filled": lambda c: s.filled(c) & ~here(c),
        "loss_recorded": lambda c: s.loss_recorded(c) & ~here(c),
    }


@action(absent=(C, BOOL), absent_parity=BOOL)
def parity_power_cut_and_restart(s, p):
    """Power fails, and the set is started from who is present; not if it is short of a member and unclean (I9)."""
    missing = lambda c: s.loss_recorded(c) | p.absent(c)
    no_parity = s.parity_loss_recorded() | p.absent_parity
    one = forall(C, C, lambda c, k: implies(missing(c) & missing(k), c == k)) & forall(
        C, lambda c: ~(missing(c) & no_parity))
    complete = forall(C, lambda c: ~missing(c)) & ~no_parity
    return [
        ("suffice", one & ~s.halted()),
        ("restore", planted("StartDegradedDirty") or implies(s.dirty(), complete)),
    ], {
        "missing": missing, "no_parity": lambda: no_parity, "filled": lambda c: FALSE,
        "content": lambda c: s.stored(c), "says": lambda c: s.says_stored(c),
        "open": lambda: FALSE, "data_leg": lambda: FALSE, "parity_leg": lambda: FALSE,
        "syncing": lambda: FALSE,
        "disagrees": lambda: s.dirty() & ~term(planted("ForgetLog")),
        "told": lambda c: s.kept(c),
    }


def first_state(s):
    """All agree, and all is clean."""
    numbers = all_of(*[forall(C, lambda c, f=f: f(c) == 0) for f in (
        s.content, s.stored, s.says, s.says_stored, s.newest, s.told, s.kept)])
    none = all_of(*[forall(C, lambda c, f=f: ~f(c)) for f in (
        s.missing, s.filled, s.loss_recorded, s.lost)])
    return all_of(numbers, none, ~s.no_parity(), ~s.parity_loss_recorded(), ~s.halted(), ~s.dirty(),
                  ~s.open(), ~s.data_leg(), ~s.parity_leg(), ~s.syncing(), ~s.disagrees())


# ---- the invariant

INVARIANT, conjunct = conjuncts()


def due(s, c):
    """This column is written: it is there, or filled."""
    return ~s.missing(c) | s.filled(c)


def agrees(s):
    """P is to agree with what is there."""
    return ~s.disagrees() & ~s.no_parity() & ~s.halted()


@conjunct
def q1_no_acknowledged_write_is_lost(s):
    """A column that is there holds what its users were told, or newer, unless it was announced as lost."""
    there = lambda c: due(s, c) | ~s.loss_recorded(c)
    return forall(C, lambda c: implies(there(c) & ~s.halted() & ~s.lost(c), (s.told(c) <= s.content(c)) & (
        s.content(c) <= s.newest(c))))


@conjunct
def q2_a_missing_column_is_determined(s):
    """While nothing is in flight, all others hold what P says, and P says of it what its users were told, or
    newer."""
    determined = lambda c: (s.told(c) <= s.says(c)) & (s.says(c) <= s.newest(c)) & forall(
        C, lambda k: implies(k != c, s.content(k) == s.says(k)))
    return forall(C, lambda c: implies(
        all_of(s.missing(c), ~s.lost(c), ~s.open(), ~s.halted()), determined(c)))


@conjunct
def q3_parity_agrees(s):
    """So it is in a set that is whole, unless a resync is owed."""
    return implies(agrees(s) & ~s.open(), forall(C, lambda c: implies(
        due(s, c), s.content(c) == s.says(c))))


@conjunct
def r1_one_is_missing(s):
    """One member is missing at most."""
    return implies(~s.halted(), forall(C, C, lambda c, k: implies(s.missing(c) & s.missing(k), c == k)) & forall(
        C, lambda c: ~(s.missing(c) & s.no_parity())))


@conjunct
def r2_clean_is_stored(s):
    """In a clean region all that no record calls missing is on the media, and agrees."""
    p_there = ~s.parity_loss_recorded()
    return implies(~s.dirty() & ~s.halted(), all_of(~s.open(), ~s.disagrees(), forall(
        C, lambda c: implies(~s.loss_recorded(c), all_of(
            s.stored(c) == s.content(c), implies(p_there, s.content(c) == s.says(c))))), implies(
        p_there, forall(C, lambda c: s.says_stored(c) == s.says(c)))))


@conjunct
def r3_versions_are_in_order(s):
    """promised ≤ told ≤ admitted."""
    return forall(C, lambda c: all_of(s.kept(c) <= s.told(c), s.told(c) <= s.newest(c), implies(
        s.open() & (c == s.target()), s.told(c) < s.newest(c))))


@conjunct
def r4_promised_is_stored(s):
    """What was promised of a column that no record calls missing is on its medium."""
    return implies(~s.halted(), forall(C, lambda c: implies(~s.loss_recorded(c) & ~s.lost(c), (
        s.kept(c) <= s.stored(c)) & (s.stored(c) <= s.newest(c)))))


@conjunct
def r5_filled_is_missing(s):
    """A column that is being filled still counts as missing, and a record says so."""
    return forall(C, lambda c: implies(s.filled(c) & ~s.halted(), s.missing(c) & s.loss_recorded(c)))


@conjunct
def r6_recorded_is_missing(s):
    """Whom the record calls missing is."""
    return implies(~s.halted(), forall(C, lambda c: implies(s.loss_recorded(c), s.missing(c))) & implies(
        s.parity_loss_recorded(), s.no_parity()))


@conjunct
def r7_lost_if_parity_disagreed(s):
    """A column that went missing while P did not agree was announced as lost."""
    return forall(C, lambda c: implies(
        all_of(s.missing(c), ~s.lost(c), ~s.halted()), ~s.disagrees()))


@conjunct
def t1_what_is_on_its_way(s):
    """What a write in flight has reached has it."""
    t = s.target()
    return implies(s.open() & ~s.halted(), all_of(
        s.dirty(), ~s.syncing(), s.plan(t) == s.newest(t),
        implies(~s.data_leg() & due(s, t), s.content(t) == s.newest(t)),
        implies(~s.parity_leg() & ~s.no_parity(), forall(C, lambda c: s.says(c) == s.plan(c)))))


@conjunct
def t2_what_stays(s):
    """What a write does not change stays, and what P is to say of it as well."""
    return implies(s.open() & agrees(s), forall(C, lambda c: implies(c != s.target(), all_of(
        s.plan(c) == s.says(c), implies(due(s, c), s.content(c) == s.says(c)), implies(
            ~s.lost(c), (s.told(c) <= s.says(c)) & (s.says(c) <= s.newest(c)))))))


@conjunct
def t3_resync(s):
    """While a resync has the row, nobody writes it."""
    return implies(s.syncing() & ~s.halted(), all_of(
        ~s.open(), whole(s), s.disagrees(), forall(C, lambda c: s.plan(c) == s.content(c))))
