# SPDX-License-Identifier: MIT OR Apache-2.0
"""Which record a start believes (`assembly.rs`): members and their records alone, of any number and content.

In `model.py` a start chooses a record that may be found: one from the confirmed one on. Nobody can see that. What a
start can know is what the records of those present say of each other, and their numbers, which are counted from
the disks that were present at a start: so two may be equal, and an older one may have the higher. Here the rule of
`freshest` is all that a start has, disks that are away may be started alone, rolled back, or forged, and what is
proven is that the record which is chosen may be found (`sound`).
"""
from action import WORLD, actions, conjuncts, only, planted
from model import findable
from state import KNOWN
from terms import BOOL, FALSE, INT, MEMBER, TRUE
from terms import all_of, any_of, forall, implies, ite

M = MEMBER
ACTIONS, action = actions()

STATE = {
    # As in the mirror.
    "failed": (M, BOOL),
    "record": (M, INT),
    "last": (INT,),
    "confirmed": (INT,),
    "named": (M, BOOL),
    "addressed": (M, BOOL),
    "lowered": (BOOL,),
    "rec_failed": (INT, M, BOOL),
    # Waiting or being filled.
    "rebuilding": (M, BOOL),
    "rec_rebuilding": (INT, M, BOOL),
    "recording": (BOOL,),       # a record is under way
    "number": (INT, INT),       # what a record says of its own place
    "counter": (INT,),          # the number of the last record of this run, or of what it found
    "sound": (BOOL,),           # ghost: the last start chose a record that may be found
}

KNOWN.append(STATE)


def trusted(s, m):
    return ~s.failed(m) & ~s.rebuilding(m)


def rec_untrusted(s, n, m):
    return s.rec_failed(n, m) | s.rec_rebuilding(n, m)


def all_named(s):
    return forall(M, lambda m: implies(~trusted(s, m), s.named(m)))


# ---- the rule

def accuses(s, one, other):
    """The record of one says that the other is not to be believed (`Seen::accuses`)."""
    says = s.rec_failed if planted("BelieveWhoIsFilled") else (lambda n, m: rec_untrusted(s, n, m))
    return (one != other) & says(s.record(one), other)


def overrules(s, one, other):
    return accuses(s, one, other) & ~accuses(s, other, one)


def stands(s, present, m):
    return forall(M, lambda k: implies(present(k), ~overrules(s, k, m)))


def trusts_itself(s, m):
    return ~rec_untrusted(s, s.record(m), m)


# ---- a run

def issue(s, failed, rebuilding):
    new = s.last() + 1
    put = lambda name, content: lambda n, *at: ite(n == new, content(*at), getattr(s, name)(n, *at))
    return {
        "rec_failed": put("rec_failed", failed), "rec_rebuilding": put("rec_rebuilding", rebuilding),
        "number": put("number", lambda: s.counter() + 1), "counter": lambda: s.counter() + 1,
        "last": lambda: new, "recording": lambda: TRUE, "lowered": lambda: FALSE,
        "addressed": lambda m: ~s.failed(m),
    }


@action()
def starts_issue(s, p):
    """A record that says who has failed and who is being filled."""
    return [("next_record", ~s.recording())], issue(s, s.failed, s.rebuilding)


@action(filled=(M, BOOL))
def starts_issue_trust(s, p):
    """A record that trusts some of those that were filled: not before one has named all of them."""
    due = planted("TrustBeforeNamed") or ~s.lowered()
    return [("next_record", ~s.recording()), ("lower_due", due)], issue(
        s, s.failed, lambda m: s.rebuilding(m) & ~p.filled(m))


@action(member=M)
def starts_record_lands(s, p):
    """The record reaches one member."""
    return [(WORLD, s.recording() & s.addressed(p.member))], {
        "record": lambda m: ite(only(m, p.member), s.last(), s.record(m)),
    }


@action(durable=BOOL, lacks=M)
def starts_persisted(s, p):
    """The record has returned from all; whom it did not reach has failed. Whom it trusts is trusted."""
    got = lambda m: s.record(m) == s.last()
    good = lambda m: ~rec_untrusted(s, s.last(), m)
    back = forall(M, lambda m: implies(s.addressed(m), got(m) | s.failed(m)))
    on_all = forall(M, lambda m: implies(good(m), got(m)))
    return [
        (WORLD, s.recording() & back),
        ("persisted", ite(p.durable, on_all, good(p.lacks) & ~got(p.lacks))),
    ], {
        "recording": lambda: FALSE,
        "confirmed": lambda: ite(p.durable, s.last(), s.confirmed()),
        "named": lambda m: rec_untrusted(s, s.last(), m),
        "rebuilding": lambda m: s.rebuilding(m) & ~(good(m) & got(m)),
    }


@action(member=M)
def starts_fail(s, p):
    """A member is gone."""
    return [("member_failed", ~s.failed(p.member))], {
        "failed": lambda m: s.failed(m) | only(m, p.member),
        "rebuilding": lambda m: s.rebuilding(m) & (m != p.member),
        "lowered": lambda: TRUE,
    }


@action(member=M, blank=BOOL)
def starts_join(s, p):
    """A disk takes the seat of a failed member: with its old record, whatever it says, or blank."""
    here = lambda m: only(m, p.member)
    return [
        ("can_join", s.failed(p.member)),
        ("names_failures", all_named(s)),
        ("records_name", ~(s.recording() & s.addressed(p.member))),
    ], {
        "failed": lambda m: s.failed(m) & ~here(m),
        "rebuilding": lambda m: s.rebuilding(m) | here(m),
        "record": lambda m: ite(here(m) & p.blank, -1, s.record(m)),
        "lowered": lambda: TRUE,
    }


@action(member=M, own=INT, absent=(M, BOOL), filling=(M, BOOL), counts=INT)
def starts_stray(s, p):
    """A disk that is away, and that no record trusts which may be found, gets a record of its own: of any number and
    content. It was started without the others, rolled back, or forged."""
    here = lambda m: only(m, p.member)
    away = forall(INT, lambda n: implies(findable(s, n), rec_untrusted(s, n, p.member)))
    put = lambda name, content: lambda n, *at: ite(n == p.own, content(*at), getattr(s, name)(n, *at))
    return [
        (WORLD, s.failed(p.member) & away & (p.own < -1)),
        (WORLD, forall(M, lambda m: implies(s.record(m) == p.own, here(m)))),
    ], {
        "record": lambda m: ite(here(m), p.own, s.record(m)),
        "rec_failed": put("rec_failed", p.absent), "rec_rebuilding": put("rec_rebuilding", p.filling),
        "number": put("number", lambda: p.counts),
    }


@action(present=(M, BOOL), holder=M, top=M, first=M, by=M, rank=(M, INT))
def starts_start(s, p):
    """Power fails, and the set is started from those that are present, by what their records say. Numbers are
    counted on from the highest among them. Who is overruled is so, over others, by one that is not: `rank` counts
    them. One, at least, is present whose record may be found; of these `first` has the fewest before it, and is
    overruled by nobody, or `by` one before it."""
    h = p.holder
    merge = planted("MergeSplitBrain", "HighestNumber")
    there = lambda m: p.present(m) & (s.record(m) != -1)
    number = lambda m: s.number(s.record(m))
    apart = lambda m: accuses(s, m, h) & accuses(s, h, m)
    split = forall(M, lambda m: implies(there(m) & apart(m), ~stands(s, there, m)))
    rival = lambda m: all_of(there(m), stands(s, there, m), trusts_itself(s, m))
    highest = implies(trusts_itself(s, h), forall(M, lambda m: implies(rival(m), number(m) <= number(h))))
    found = s.record(h)
    found_there = lambda m: there(m) & (s.confirmed() <= s.record(m))
    before = all_of(there(p.by), overrules(s, p.by, p.first), p.rank(p.by) < p.rank(p.first))
    no_ring = stands(s, there, p.first) | before
    return [
        (WORLD, there(h) & there(p.top) & forall(M, lambda m: implies(there(m), number(m) <= number(p.top)))),
        (WORLD, found_there(p.first) & forall(M, lambda m: implies(
            found_there(m), p.rank(p.first) <= p.rank(m)))),
        ("overrules", planted("HighestNumber") or stands(s, there, h)),
        ("overruled", planted("HighestNumber") or no_ring),
        ("freshest", merge or split),
        ("is_newer_than", planted("NewestByPlace") or highest),
    ], {
        "sound": lambda: s.confirmed() <= found,
        "failed": lambda m: s.rec_failed(found, m) | ~there(m),
        "rebuilding": lambda m: s.rec_rebuilding(found, m) & ~s.rec_failed(found, m) & there(m),
        "counter": lambda: number(p.top),
        "recording": lambda: FALSE, "named": lambda m: FALSE, "lowered": lambda: TRUE,
        "addressed": lambda m: FALSE,
    }


def first_state(s):
    """A new set: record 0 trusts all, and is on all."""
    return all_of(
        s.last() == 0, s.confirmed() == 0, ~s.recording(), ~s.lowered(), s.sound(), s.counter() == 0,
        forall(M, lambda m: all_of(
            ~s.failed(m), ~s.rebuilding(m), s.record(m) == 0, ~s.named(m), ~s.addressed(m),
            ~s.rec_failed(0, m), ~s.rec_rebuilding(0, m))))


# ---- what holds

INVARIANT, conjunct = conjuncts()


@conjunct
def u1_a_start_chooses_what_may_be_found(s):
    """A start that is not refused chooses the confirmed record, or a later one."""
    return s.sound()


@conjunct
def u2_who_is_behind_is_accused(s):
    """Whose record is older than the confirmed one is called absent, or being filled, by every record that may be
    found: whatever the numbers are."""
    return forall(INT, M, lambda n, m: implies(
        findable(s, n) & (s.record(m) < s.confirmed()), rec_untrusted(s, n, m)))


@conjunct
def u3_numbers_of_records(s):
    """The confirmed record was issued, and no member has a record that was not."""
    return all_of(
        0 <= s.confirmed(), s.confirmed() <= s.last(), implies(s.recording(), s.confirmed() < s.last()),
        forall(M, lambda m: s.record(m) <= s.last()))


@conjunct
def u4_who_is_behind_is_not_trusted(s):
    """Who is not failed and is trusted, or may become so by the next record, is not behind."""
    return forall(M, lambda m: implies(trusted(s, m), s.record(m) >= s.confirmed()) & implies(
        all_of(~s.lowered(), ~s.failed(m)), ite(s.recording(), s.addressed(m), s.record(m) >= s.confirmed())))


@conjunct
def u5_once_named_never_trusted(s):
    """Once the recorded image names all who are not trusted, no record that may be found trusts one of them."""
    earlier = lambda n: implies(s.recording(), n < s.last())
    return implies(all_named(s), forall(INT, M, lambda n, m: implies(
        all_of(findable(s, n), earlier(n), ~rec_untrusted(s, n, m)), trusted(s, m))))


@conjunct
def u6_the_record_under_way(s):
    """The record under way goes to all whom it trusts, and to all who have not failed, unless they joined since."""
    return implies(s.recording(), forall(M, lambda m: all_of(
        implies(~rec_untrusted(s, s.last(), m), s.addressed(m)),
        implies(trusted(s, m), s.addressed(m) & ~rec_untrusted(s, s.last(), m)))))


@conjunct
def u7_trusted_is_not_named(s):
    """Nobody who is trusted is named."""
    return forall(M, lambda m: implies(trusted(s, m), ~s.named(m)))
