# SPDX-License-Identifier: MIT OR Apache-2.0
"""The protocol of raid-sync as a transition system: a mirror of any number of members, rows, regions, windows
and requests in flight, through any number of power cuts and restarts.

An action has parameters, guards and updates. Beside each guard stands the function of raid-sync that asks the
same question; `WORLD` marks what is no decision of the core: a disk that answers, a cache, a user, the power.
`check.py` fails if a function of that name is gone. The updates name what changes, as functions of the state
before.
"""
from action import WORLD, actions, only, planted
from state import State
from terms import BOOL, ENUMS, FALSE, FLUSH, INT, MEMBER, REGION, ROW, TRUE
from terms import all_of, any_of, forall, iff, implies, ite, term, value_of

M, R, G, U = MEMBER, ROW, REGION, FLUSH
ACTIONS, action = actions()

for _values in ENUMS.values():
    for _name in _values:
        globals()[_name] = value_of(_name)


# ---- what the names mean

def trusted(s, m):
    return ~s.failed(m) & ~s.filling(m) & ~s.waiting(m)


def rec_trusts(s, n, m):
    return ~s.rec_untrusted(n, m)


def rec_good(s, n, m, r):
    """Record n trusts this member, and this row of it."""
    return ~s.rec_untrusted(n, m) & ~s.rec_bad(n, m, r)


def rec_differs(s, n, r):
    """Record n says that copies of this row may differ."""
    return s.rec_dirty(n, s.region_of(r)) | s.rec_owed(n, r)


def rec_claims(s, n, m, r):
    """Record n says that this very disk, though it is not trusted, holds this row (I11)."""
    same = planted("AnyIdentity") or s.rec_disk(n, m) == s.disk(m)
    return s.rec_held(n, m, r) & ~s.rec_bad(n, m, r) & same


def findable(s, n):
    """A start may find this record: older ones are replaced on all whom the confirmed one trusts."""
    return (s.confirmed() <= n) & (n <= s.last())


def writing(s):
    return (s.stream() == Lowering) | (s.stream() == Raising)


def commanded(s, r):
    """A copy of this row is on its way."""
    return (s.window(r) == Active) | (s.window(r) == Copying)


def rebuilds(s):
    return s.operation() == Rebuild


def all_named(s):
    """The recorded image names all who are not trusted."""
    return forall(M, lambda m: implies(~trusted(s, m), s.named(m)))


def all_bad_named(s):
    """… and all bad ranges."""
    return forall(M, R, lambda m, r: implies(s.bad(m, r), s.bad_named(m, r)))


def say_failures(s):
    """… and so does the one that is being written."""
    if planted("AcknowledgeEarly"):
        return TRUE
    written = forall(M, lambda m: implies(~trusted(s, m), s.rec_untrusted(s.last(), m)))
    listed = TRUE
    if not planted("BadRangeUnnamed"):
        listed = all_bad_named(s) & implies(writing(s), forall(
            M, R, lambda m, r: implies(s.bad(m, r), s.rec_bad(s.last(), m, r))))
    return all_of(all_named(s), implies(writing(s), written), listed)


def none_wanted(s):
    return forall(G, lambda g: s.region(g) != Wanted)


def unsettled(s, row):
    """A row changes in the caches."""
    keep = lambda rows: (lambda r: rows(r) & ~only(r, row))
    return {"settled": keep(s.settled), "settling": keep(s.settling)}


# ---- users

@action(row=R, fua=BOOL, through=BOOL, early=(M, BOOL))
def admit(s, p):
    """A write is let in, and where it goes is decided. `through`: a member being filled may be written above
    the position. `early`: members whose own record does not say yet that they are being filled."""
    in_order = any_of(
        s.region(s.region_of(p.row)) == Dirty,
        planted("DirtyAfterWrite"),
        planted("DirtyUntilCleanCompletes") and s.region(s.region_of(p.row)) == CleanWanted)
    closed = planted("SkipWindowCheck", "WindowEndsEarly") or any_of(s.window(p.row) == Free, s.window(p.row) == Landed)
    runs = rebuilds(s) & ~s.preparing()
    cursor = s.held if planted("RouteByDone") else s.issued
    if planted("SkipStraddlingWrite"):
        cursor = lambda m, r: FALSE
    given = lambda m: s.filling(m) & s.issued(m, p.row) & ~p.early(m)
    sent = lambda m: trusted(s, m) | (s.filling(m) & ((cursor(m, p.row) & ~p.early(m)) | p.through))
    missed = lambda m, r: only(r, p.row) & ~trusted(s, m) & ~given(m)
    if planted("WritesUncharged"):
        missed = lambda m, r: FALSE
    keep = lambda rows: (lambda m, r: rows(m, r) & ~missed(m, r))
    return [
        ("acceptable", ~s.set_failed()),
        ("in_the_way", planted("AllowOverlap") or ~s.in_flight(p.row)),
        ("window_edge", closed),
        ("may_write", in_order),
        ("filled_at", forall(M, lambda m: implies(p.early(m), ~runs))),
    ], {
        "in_flight": lambda r: only(r, p.row) | s.in_flight(r),
        "fua": lambda r: ite(only(r, p.row), p.fua, s.fua(r)),
        "admitted": lambda r: ite(only(r, p.row), s.admitted(r) + 1, s.admitted(r)),
        "leg": lambda m, r: ite(only(r, p.row), sent(m), s.leg(m, r)),
        "issued": keep(s.issued), "held": keep(s.held), "flushed": keep(s.flushed),
        "durable": keep(s.durable), "prepared": keep(s.prepared),
        **unsettled(s, p.row),
    }


@action(row=R)
def want(s, p):
    """A write waits for the record that calls its region dirty."""
    here = s.region_of(p.row)
    clean = (s.region(here) == Clean) | (s.region(here) == CleanWanted)
    return [("acceptable", ~s.set_failed()), ("write_wanted", clean)], {
        "region": lambda g: ite(only(g, here), Wanted, s.region(g)),
    }


@action(member=M, row=R)
def land(s, p):
    """A write reaches one member; with FUA, or where there is no cache, its medium."""
    here = lambda m, r: only(m, p.member) & only(r, p.row)
    hard = s.fua(p.row) | ~s.volatile(p.member)
    return [(WORLD, s.leg(p.member, p.row))], {
        "cached": lambda m, r: ite(here(m, r), s.admitted(r), s.cached(m, r)),
        "medium": lambda m, r: ite(here(m, r) & hard, s.admitted(r), s.medium(m, r)),
        "leg": lambda m, r: s.leg(m, r) & ~here(m, r),
    }


@action(member=M, row=R)
def unwritable(s, p):
    """A write fails on one row of a member that goes on otherwise: the row goes on the list of bad ranges."""
    here = lambda m, r: only(m, p.member) & only(r, p.row)
    return [(WORLD, s.leg(p.member, p.row)), ("unwritable", ~s.failed(p.member))], {
        "leg": lambda m, r: s.leg(m, r) & ~here(m, r),
        "bad": lambda m, r: s.bad(m, r) | here(m, r),
        "lowered": lambda: TRUE,
    }


@action(row=R)
def complete(s, p):
    """All legs have returned. A member that a leg did not reach has failed: `fail` came first."""
    back = forall(M, lambda m: implies(s.leg(m, p.row), s.failed(m)))
    here = lambda r: only(r, p.row)
    good = lambda r: here(r) & ~s.set_failed()
    return [("complete", s.in_flight(p.row)), (WORLD, back)], {
        "in_flight": lambda r: s.in_flight(r) & ~here(r),
        "leg": lambda m, r: s.leg(m, r) & ~here(r),
        "completed": lambda r: ite(good(r), s.admitted(r), s.completed(r)),
        "completed_fua": lambda r: ite(good(r), s.fua(r), s.completed_fua(r)),
        "agreed": lambda r: ite(good(r), s.admitted(r), s.agreed(r)),
        "unanswered": lambda r: good(r) | s.unanswered(r),
    }


@action(row=R)
def acknowledge(s, p):
    """The user is told. A durable write is a promise; a plain one is none before a flush."""
    here = lambda r: only(r, p.row)
    plain = s.relaxed() & ~s.completed_fua(p.row)
    return [
        (WORLD, s.unanswered(p.row)),
        ("ack", ~s.set_failed()),
        ("names_failures", any_of(plain, say_failures(s))),
    ], {
        "acked": lambda r: ite(here(r), s.completed(r), s.acked(r)),
        "promised": lambda r: ite(here(r) & s.completed_fua(r), s.completed(r), s.promised(r)),
        "unanswered": lambda r: s.unanswered(r) & ~here(r),
    }


@action(flush=U)
def user_flush(s, p):
    """A user asks for a flush of what was acknowledged."""
    here = lambda u: only(u, p.flush)
    return [(WORLD, ~s.flush_open(p.flush) & ~s.set_failed())], {
        "flush_open": lambda u: s.flush_open(u) | here(u),
        "flush_due": lambda u, m: ite(here(u), ~s.failed(m), s.flush_due(u, m)),
        "flush_upto": lambda u, r: ite(here(u), s.acked(r), s.flush_upto(u, r)),
    }


@action(flush=U, member=M)
def user_flush_lands(s, p):
    """It reaches one member."""
    here = lambda u, m: only(u, p.flush) & only(m, p.member)
    return [(WORLD, s.flush_due(p.flush, p.member))], {
        "medium": lambda m, r: ite(only(m, p.member), s.cached(m, r), s.medium(m, r)),
        "flush_due": lambda u, m: s.flush_due(u, m) & ~here(u, m),
    }


@action(flush=U)
def complete_flush(s, p):
    """The user is told. The answer is held like that of a durable write (I6)."""
    back = forall(M, lambda m: implies(s.flush_due(p.flush, m), s.failed(m)))
    upto = lambda r: s.flush_upto(p.flush, r)
    return [
        (WORLD, s.flush_open(p.flush)),
        (WORLD, back),
        ("ack", ~s.set_failed()),
        ("complete_flush", planted("FlushNotGated") or say_failures(s)),
    ], {
        "promised": lambda r: ite(s.promised(r) < upto(r), upto(r), s.promised(r)),
        "flush_open": lambda u: s.flush_open(u) & ~only(u, p.flush),
    }


@action(member=M, row=R)
def write_back(s, p):
    """A cache writes back what it likes, when it likes."""
    here = lambda m, r: only(m, p.member) & only(r, p.row)
    return [(WORLD, TRUE)], {
        "medium": lambda m, r: ite(here(m, r), s.cached(m, r), s.medium(m, r)),
    }


# ---- members

@action(member=M, heir=M)
def fail(s, p):
    """A member is gone. What it holds becomes its account; another one may speak now."""
    left = lambda m: any_of(trusted(s, m), planted("CountFillingLegs") and s.filling(m)) & (m != p.member)
    was = trusted(s, p.member)
    lost = was & forall(M, lambda m: ~left(m))
    had = lambda m, r: trusted(s, m) | (s.filling(m) & s.flushed(m, r)) | (s.waiting(m) & s.held(m, r))
    still = lambda r: planted("ForgetDebtOfLeaver") or s.settled(r)
    # The record that cleans it may be on all others already: its flush has returned.
    settles = lambda r: (s.stream() == Raising) & s.settling(r)
    account = lambda m, r: all_of(any_of(still(r), settles(r)), ~s.owed(r), had(m, r))
    keep = lambda rows: (lambda m, r: ite(only(m, p.member), account(m, r), rows(m, r)))
    return [
        ("member_failed", ~s.failed(p.member)),
        ("suffice", lost | left(p.heir)),
    ], {
        "failed": lambda m: s.failed(m) | only(m, p.member),
        "filling": lambda m: s.filling(m) & (m != p.member),
        "waiting": lambda m: s.waiting(m) & (m != p.member),
        "set_failed": lambda: s.set_failed() | lost,
        "speaker": lambda: ite(only(s.speaker(), p.member) & ~lost, p.heir, s.speaker()),
        "held": keep(s.held), "flushed": keep(s.flushed), "durable": keep(s.durable),
        "prepared": keep(s.prepared),
        "lowered": lambda: TRUE,
    }


def can_join(s, m):
    names = (writing(s) & s.addressed(m)) | s.flush_leg(m)
    quiet = forall(R, lambda r: ~s.leg(m, r) & ~commanded(s, r))
    return [
        ("can_join", s.failed(m) & ~s.set_failed()),
        ("names_failures", planted("SeatUnnamed") or all_named(s)),
        ("elders", quiet),
        ("records_name", ~names),
    ]


@action(member=M, keeps_record=BOOL, content=(R, INT), awaited=BOOL)
def join(s, p):
    """Another disk, or one that is taken for another: of any content, perhaps with an old record. `awaited`:
    flushes of users that named the one before are still to return."""
    here = lambda m: only(m, p.member)
    none = lambda rows: (lambda m, r: rows(m, r) & ~here(m))
    put = lambda m, r, old: ite(here(m), p.content(r), old)
    return can_join(s, p.member), {
        "failed": lambda m: s.failed(m) & ~here(m),
        "waiting": lambda m: s.waiting(m) | here(m),
        "issued": none(s.issued), "held": none(s.held), "flushed": none(s.flushed),
        "durable": none(s.durable), "prepared": none(s.prepared),
        "bad": none(s.bad), "strayed": lambda m: s.strayed(m) & ~here(m),
        "cached": lambda m, r: put(m, r, s.cached(m, r)),
        "medium": lambda m, r: put(m, r, s.medium(m, r)),
        "record": lambda m: ite(here(m) & ~p.keeps_record, -1, s.record(m)),
        "disk": lambda m: ite(here(m), s.disk(m) + 1, s.disk(m)),
        "flush_due": lambda u, m: s.flush_due(u, m) & (~here(m) | p.awaited),
        "lowered": lambda: TRUE,
    }


@action(member=M, content=(R, INT))
def stray(s, p):
    """A disk that is away, and that no record trusts which may be found, is started without the others, or
    rolled back to what it held once. Its own record shows it."""
    here = lambda m: only(m, p.member)
    away = forall(INT, lambda n: implies(findable(s, n), s.rec_untrusted(n, p.member)))
    return [(WORLD, s.failed(p.member) & ~s.set_failed() & away)], {
        "strayed": lambda m: s.strayed(m) | here(m),
        "cached": lambda m, r: ite(here(m), p.content(r), s.cached(m, r)),
        "medium": lambda m, r: ite(here(m), p.content(r), s.medium(m, r)),
    }


@action(member=M, awaited=BOOL)
def come_back(s, p):
    """The same disk is back, its cache lost, and owes what its account says; unless its record shows that it was
    written without the others, or is older than the account."""
    here = lambda m: only(m, p.member)
    return [
        *can_join(s, p.member),
        ("member_returned", planted("TakeWhoStrayed") or ~s.strayed(p.member)),
    ], {
        "failed": lambda m: s.failed(m) & ~here(m),
        "waiting": lambda m: s.waiting(m) | here(m),
        "issued": lambda m, r: s.issued(m, r) & ~here(m),
        "cached": lambda m, r: ite(here(m), s.medium(m, r), s.cached(m, r)),
        "flush_due": lambda u, m: s.flush_due(u, m) & (~here(m) | p.awaited),
        "lowered": lambda: TRUE,
    }


@action(member=M, kept=(R, BOOL), sure=(R, BOOL), ready=(R, BOOL))
def forget(s, p):
    """Any part of an account or of a position may be given up: regions are coarser than rows, the room for
    accounts is bounded, and formats hold less."""
    cut = lambda rows: (lambda m, r: rows(m, r) & implies(only(m, p.member), p.kept(r)))
    return [("owe_everything", ~trusted(s, p.member) & ~(s.filling(p.member) & s.finish()))], {
        "held": cut(s.held), "flushed": cut(s.flushed),
        "prepared": lambda m, r: cut(s.prepared)(m, r) & implies(only(m, p.member), p.ready(r)),
        "issued": lambda m, r: cut(s.issued)(m, r) | (s.issued(m, r) & (s.window(r) != Free)),
        "durable": lambda m, r: cut(s.durable)(m, r) & implies(only(m, p.member), p.sure(r)),
    }


@action(rows=(R, BOOL))
def doubt(s, p):
    """What was flushed since it was written may be forgotten: regions are coarser than rows."""
    return [("write_wanted", TRUE)], {
        "settled": lambda r: s.settled(r) & ~p.rows(r),
        "settling": lambda r: s.settling(r) & ~p.rows(r),
    }


@action()
def agree_alone(s, p):
    """The last copy agrees with itself, but for rows that a copy under way may still change."""
    alone = forall(M, lambda m: implies(trusted(s, m), only(m, s.speaker())))
    stays = lambda r: commanded(s, r) | s.bad(s.speaker(), r)
    return [("agree_alone", ~s.set_failed() & alone)], {
        "owed": lambda r: s.owed(r) & stays(r),
        "agreed": lambda r: ite(s.owed(r) & ~stays(r), s.cached(s.speaker(), r), s.agreed(r)),
    }


# ---- the record stream

@action(regions=(G, BOOL), sweeps=(R, BOOL), marks=BOOL, agrees=BOOL, finish=BOOL, target=M)
def collect(s, p):
    """What may be raised is taken together: regions without a write in flight, the position, the end of a
    rebuild. Every member with a cache is to be flushed. `sweeps`: rows that the log itself remembers."""
    quiet = lambda r: ~s.in_flight(r)
    still = forall(R, lambda r: implies(p.regions(s.region_of(r)) | p.sweeps(r), quiet(r)))
    full = all_of(
        rebuilds(s), ~s.preparing(), s.filling(p.target),
        forall(M, R, lambda m, r: implies(s.filling(m), s.held(m, r))),
        forall(R, lambda r: s.window(r) == Free))
    rows = s.issued if planted("MarkAtIssue") else s.held
    flush = lambda m: ~s.failed(m) & s.volatile(m)
    if planted("RaiseWithoutFlush"):
        flush = lambda m: FALSE
    if planted("FlushTargetOnly"):
        flush = lambda m: s.filling(m) & s.volatile(m)
    early = planted("TrustBeforeRecord") and p.finish
    return [
        ("next_record", (s.stream() == Idle) & ~s.set_failed()),
        ("lower_due", ~s.lowered() & none_wanted(s)),
        ("prepare_clean", forall(G, lambda g: implies(p.regions(g), s.region(g) == Dirty))),
        ("is_written", planted("CleanUnderWrites") or still),
        ("settle", implies(p.finish, full)),
    ], {
        "region": lambda g: ite(p.regions(g), CleanWanted, s.region(g)),
        "settling": lambda r: p.sweeps(r),
        "prepared": lambda m, r: ite(s.filling(m) & p.marks, rows(m, r), s.durable(m, r)),
        "owed_prepared": lambda r: ite(p.agrees, s.owed(r), s.owed_on_disk(r)),
        "finish": lambda: p.finish, "finishing": lambda: p.finish,
        "filling": lambda m: s.filling(m) & ~term(early),
        "flush_leg": flush,
        "stream": lambda: Flushing,
        "addressed": lambda m: ~s.failed(m),
    }


@action(member=M)
def flush_lands(s, p):
    """The flush reaches one member."""
    return [(WORLD, s.flush_leg(p.member) & ~s.failed(p.member))], {
        "medium": lambda m, r: ite(only(m, p.member), s.cached(m, r), s.medium(m, r)),
        "flush_leg": lambda m: s.flush_leg(m) & (m != p.member),
    }


def flush_returned(s):
    out = lambda m: s.flush_leg(m) & ~s.failed(m) if planted("SkipRecheck") else s.flush_leg(m)
    return (s.stream() == Flushing) & forall(M, lambda m: ~out(m))


@action(settles=BOOL)
def note_flushed(s, p):
    """The flush has returned, and nobody failed: the position that it covers counts as flushed, and so do the
    rows that only the log remembers."""
    return [("flushed", flush_returned(s)), ("drop_raise", ~s.lowered())], {
        "flushed": lambda m, r: s.flushed(m, r) | (s.filling(m) & s.prepared(m, r)),
        "settled": lambda r: s.settled(r) | (p.settles & s.settling(r)),
    }


@action()
def drop_raise(s, p):
    """What was being raised is not true any more, or only the memory of the log depended on it."""
    return [("drop_raise", s.stream() == Flushing)], {
        "stream": lambda: Idle, "finish": lambda: FALSE, "finishing": lambda: FALSE,
        "flush_leg": lambda m: FALSE, "settling": lambda r: FALSE,
        "region": lambda g: ite(s.region(g) == CleanWanted, Dirty, s.region(g)),
    }


def issue(s, says):
    """A record is issued: to all that are there, and as the newest."""
    number = s.last() if planted("SameSequence") else s.last() + 1
    def put(name, content):
        return lambda n, *at: ite(n == number, content(*at), getattr(s, name)(n, *at))
    updates = {name: put(name, content) for name, content in says.items()}
    to = (lambda m: TRUE) if planted("RecordToFailed") else (lambda m: ~s.failed(m))
    return {**updates, "last": lambda: number, "lowered": lambda: FALSE, "addressed": to}


@action()
def said_already(s, p):
    """What was lowered is what the last record says."""
    says = forall(M, lambda m: iff(s.rec_untrusted(s.last(), m), ~trusted(s, m)))
    listed = forall(M, R, lambda m, r: implies(s.bad(m, r), s.rec_bad(s.last(), m, r)))
    others = forall(INT, M, R, lambda n, m, r: implies(
        findable(s, n) & rec_trusts(s, n, m), trusted(s, m) & implies(s.bad(m, r), s.rec_bad(n, m, r))))
    where = any_of(writing(s) & ~s.finish(), (s.stream() == Idle) & others)
    return [("lower_due", all_of(where, says, listed))], {"lowered": lambda: FALSE}


@action(less=(M, R, BOOL), more=(R, BOOL), coarse=(G, BOOL))
def issue_raise(s, p):
    """The prepared record, if nothing was lowered since (I15). A record may say less than is true."""
    gone = lambda m: s.failed(m) & ~s.addressed(m) if planted("SkipRecheck") else s.failed(m)
    clean = lambda g: (s.region(g) == Clean) | (s.region(g) == CleanWanted)
    holds = lambda m, r: all_of(
        p.less(m, r), ~trusted(s, m), ite(s.filling(m), s.prepared(m, r), s.held(m, r)))
    owed = (lambda r: p.more(r)) if planted("ForgetOwed") else (lambda r: s.owed_prepared(r) | p.more(r))
    return [
        ("flushed", flush_returned(s) & ~s.set_failed()),
        ("lower_due", planted("SkipRecheck") or (~s.lowered() & none_wanted(s))),
    ], {
        **issue(s, {
            "rec_failed": gone, "rec_disk": lambda m: s.disk(m),
            "rec_untrusted": lambda m: gone(m) | s.waiting(m) | (s.filling(m) & ~s.finish()),
            "rec_dirty": lambda g: ~clean(g) | p.coarse(g), "rec_owed": owed, "rec_held": holds,
            "rec_bad": lambda m, r: s.bad(m, r),
        }),
        "stream": lambda: Raising,
    }


@action(less=(M, R, BOOL), more=(R, BOOL), coarse=(G, BOOL))
def issue_lower(s, p):
    """What is to be said at once: every loss of trust, no gain."""
    holds = lambda m, r: all_of(
        p.less(m, r), ~trusted(s, m), ite(s.filling(m), s.durable(m, r), s.held(m, r)))
    owed = (lambda r: p.more(r)) if planted("ForgetOwed") else (lambda r: s.owed_on_disk(r) | p.more(r))
    free = any_of(s.stream() == Idle, planted("TwoRecords") and writing(s))
    return [("next_record", free & ~s.set_failed())], {
        **issue(s, {
            "rec_failed": lambda m: s.failed(m), "rec_disk": lambda m: s.disk(m),
            "rec_untrusted": lambda m: s.failed(m) | s.waiting(m) | s.filling(m),
            "rec_dirty": lambda g: (s.region(g) != Clean) | p.coarse(g),
            "rec_owed": owed, "rec_held": holds,
            "rec_bad": lambda m, r: FALSE if planted("BadRangeForgotten") else s.bad(m, r),
        }),
        "stream": lambda: Lowering, "finish": lambda: FALSE, "finishing": lambda: FALSE,
        "settling": lambda r: FALSE,
        "region": lambda g: ite(s.region(g) == Wanted, Writing, s.region(g)),
    }


@action(member=M)
def record_lands(s, p):
    """The record reaches one member."""
    return [(WORLD, writing(s) & s.addressed(p.member))], {
        "record": lambda m: ite(only(m, p.member), s.last(), s.record(m)),
    }


def returned(s, p, excused):
    """The record has returned from all; whom it did not reach has failed, but for those who are excused."""
    got = lambda m: s.record(m) == s.last()
    back = forall(M, lambda m: implies(s.addressed(m), got(m) | s.failed(m) | excused(m)))
    on_all = forall(M, lambda m: implies(rec_trusts(s, s.last(), m), got(m)))
    counts = planted("DirtyBeforeDurable") or p.durable
    raised = s.stream() == Raising
    ends = all_of(raised, s.finish(), s.finishing(), rebuilds(s))
    next_speaker = ite(ends, trusted(s, p.speaker) | s.filling(p.speaker), only(p.speaker, s.speaker()))
    vouched = lambda m, r: all_of(raised, s.filling(m), s.prepared(m, r), s.flushed(m, r))
    written = ite(term(counts), Dirty, Wanted)
    forgiven = lambda m, r: term(planted("ForgetDebtWhenClean") and all_of(
        raised, ~trusted(s, m), s.region(s.region_of(r)) == CleanWanted))
    return [
        (WORLD, writing(s) & ~s.set_failed() & back),
        ("persisted", s.addressed(p.has) & got(p.has)),
        ("persisted", ite(p.durable, on_all, rec_trusts(s, s.last(), p.lacks) & ~got(p.lacks))),
        ("trust_filled", next_speaker),
    ], {
        "stream": lambda: Idle, "finish": lambda: FALSE, "finishing": lambda: FALSE,
        "named": lambda m: s.rec_untrusted(s.last(), m),
        "bad_named": lambda m, r: s.rec_bad(s.last(), m, r),
        "confirmed": lambda: ite(p.durable, s.last(), s.confirmed()),
        "region": lambda g: ite(s.region(g) == Writing, written, ite(
            raised & (s.region(g) == CleanWanted), Clean, s.region(g))),
        "held": lambda m, r: s.held(m, r) | forgiven(m, r),
        "durable": lambda m, r: s.durable(m, r) | vouched(m, r),
        "owed_on_disk": lambda r: ite(raised, s.owed_prepared(r), s.owed_on_disk(r)),
        "filling": lambda m: s.filling(m) & ~ends,
        "operation": lambda: ite(ends, Nothing, s.operation()),
        "speaker": lambda: p.speaker,
        "lowered": lambda: any_of(s.lowered(), raised & s.finish() & ~ends),
        "settled": lambda r: s.settled(r) | (raised & s.settling(r)),
        "settling": lambda r: FALSE,
    }


@action(durable=BOOL, lacks=M, has=M, speaker=M)
def persisted(s, p):
    """The record has returned from all; whom it did not reach has failed. `durable`: all hold it whom it
    trusts; else `lacks` does not. `has` holds it."""
    return returned(s, p, lambda m: FALSE)


@action(durable=BOOL, lacks=M, has=M, speaker=M, member=M, heir=M)
def persisted_short(s, p):
    """The same, but one member fails by it, when what the record raises counts already."""
    guards, updates = returned(s, p, lambda m: only(m, p.member))
    fails, then = fail(s.after(updates), p)
    return [*guards, *fails], {**updates, **then}


# ---- operations and windows

@action(row=R, gives_up=BOOL)
def owe(s, p):
    """Copies of a row may differ, somebody says, perhaps because a write was given up in the middle; not while a
    rebuild runs. From now on nobody who is not trusted counts as holding it."""
    here = lambda r: only(r, p.row)
    keep = lambda rows: (lambda m, r: rows(m, r) & (trusted(s, m) | ~here(r)))
    if planted("SyncWritesUncharged"):
        keep = lambda rows: rows
    given_up = lambda r: here(r) & p.gives_up
    return [("owe_rows", ~s.set_failed() & ~rebuilds(s))], {
        "owed": lambda r: s.owed(r) | here(r),
        "owed_on_disk": lambda r: s.owed_on_disk(r) | here(r),
        "owed_prepared": lambda r: s.owed_prepared(r) | here(r),
        "in_flight": lambda r: s.in_flight(r) & ~given_up(r),
        "leg": lambda m, r: s.leg(m, r) & ~given_up(r),
        "held": keep(s.held), "flushed": keep(s.flushed), "durable": keep(s.durable),
        "prepared": keep(s.prepared),
        "lowered": lambda: TRUE,
    }


@action(what="Operation", targets=(M, BOOL), lowers=BOOL)
def start(s, p):
    """An operation starts. A rebuild and a scrub need copies that agree. Targets that were waiting are filled
    from now on, and who is no target waits. A check is a scrub that commands no copy."""
    refill = p.what == Rebuild
    agree = planted("RebuildFirst") or forall(R, lambda r: ~s.owed(r))
    untrusted = lambda m: s.filling(m) | s.waiting(m)
    taken = lambda m: refill & s.waiting(m) & p.targets(m)
    put_off = lambda m: refill & s.filling(m) & ~p.targets(m)
    back = lambda rows: (lambda m, r: ite(put_off(m), s.flushed(m, r), rows(m, r)))
    if planted("KeepMarkOfOthers"):
        back = lambda rows: rows
    return [
        ("startable", (s.operation() == Nothing) & ~s.set_failed() & (p.what != Nothing)),
        ("startable", implies(refill | (p.what == Scrub), agree)),
        ("lower_due", p.lowers | ~s.finish()),
    ], {
        "operation": lambda: p.what, "preparing": lambda: TRUE,
        "lowered": lambda: s.lowered() | p.lowers,
        "finishing": lambda: FALSE,
        "filling": lambda m: ite(refill, untrusted(m) & p.targets(m), s.filling(m)),
        "waiting": lambda m: ite(refill, untrusted(m) & ~p.targets(m), s.waiting(m)),
        "issued": lambda m, r: ite(taken(m) | put_off(m), taken(m) & s.held(m, r), s.issued(m, r)),
        "held": back(s.held), "durable": back(s.durable),
        "prepared": lambda m, r: back(s.prepared)(m, r) & ~taken(m),
    }


@action()
def begin(s, p):
    """The record that names the operation is durable: windows may open."""
    return [
        ("settle", (s.operation() != Nothing) & s.preparing()),
        ("lower_due", none_wanted(s)),
    ], {"preparing": lambda: FALSE}


@action(row=R)
def open_window(s, p):
    """A window closes its row for new writers; from now on its targets are written."""
    here = lambda r: only(r, p.row)
    return [
        ("may_open", (s.operation() != Nothing) & ~s.preparing() & ~s.set_failed() & ~s.finishing()),
        ("open_window", s.window(p.row) == Free),
    ], {
        "window": lambda r: ite(here(r), Closing, s.window(r)),
        "issued": lambda m, r: s.issued(m, r) | (rebuilds(s) & here(r) & s.filling(m)),
    }


@action(row=R)
def command_copy(s, p):
    """The writes before it are drained: the copy is commanded, from all who are trusted now."""
    here = lambda r: only(r, p.row)
    anybody = lambda m: trusted(s, m) | term(planted("CopyFromAnybody") and ~s.failed(m))
    good = lambda m, r: TRUE if planted("CopyFromBadRange") else ~s.bad(m, r)
    drained = planted("OpenWithoutDraining", "DrainAnyWindow") or ~s.in_flight(p.row)
    if planted("RepairAtFirstLook", "CheckWrites"):
        # What is seen without the lock is fixed at once.
        drained = drained | (s.operation() == Scrub)
    return [
        ("next_copy", s.window(p.row) == Closing),
        ("ready", drained),
    ], {
        "window": lambda r: ite(here(r), Active, s.window(r)),
        "source": lambda m, r: ite(here(r), anybody(m) & good(m, r), s.source(m, r)),
    }


@action(row=R, member=M, gone=(M, BOOL))
def copy_reads(s, p):
    """A source is read that was trusted when the copy was commanded; it may have failed since. So may a target:
    the copy goes there nevertheless, or not (`gone`)."""
    here = lambda r: only(r, p.row)
    late = lambda m: s.failed(m) & ~p.gone(m)
    target = lambda m: ite(rebuilds(s), (s.filling(m) | late(m)) & ~s.held(m, p.row),
                           (trusted(s, m) | late(m)) & (m != p.member))
    there = s.source(p.member, p.row) & ~s.strayed(p.member)
    return [(WORLD, (s.window(p.row) == Active) & there)], {
        "buffer": lambda r: ite(here(r), s.cached(p.member, r), s.buffer(r)),
        "copying": lambda m, r: ite(here(r), target(m), s.copying(m, r)),
        "window": lambda r: ite(here(r), Copying, s.window(r)),
    }


@action(member=M, row=R)
def copy_lands(s, p):
    """The copy reaches one target."""
    here = lambda m, r: only(m, p.member) & only(r, p.row)
    hard = lambda m, r: here(m, r) & ~s.volatile(m)
    return [(WORLD, s.copying(p.member, p.row))], {
        "cached": lambda m, r: ite(here(m, r), s.buffer(r), s.cached(m, r)),
        "medium": lambda m, r: ite(hard(m, r), s.buffer(r), s.medium(m, r)),
        "copying": lambda m, r: s.copying(m, r) & ~here(m, r),
    }


@action(row=R)
def unreadable(s, p):
    """No source gives the row: its targets take it as a bad range, and the pass goes on."""
    here = lambda r: only(r, p.row)
    target = lambda m, r: here(r) & s.filling(m) & ~s.held(m, r)
    return [
        ("copied", (s.window(p.row) == Active) & rebuilds(s)),
        ("note_bad", ~s.set_failed()),
    ], {
        "window": lambda r: ite(here(r), Landed, s.window(r)),
        "bad": lambda m, r: s.bad(m, r) | target(m, r),
        "lowered": lambda: TRUE,
    }


def copy_returned(s, r):
    return forall(M, lambda m: implies(s.copying(m, r), s.failed(m)))


@action(row=R, agrees=BOOL)
def copied(s, p):
    """The copy has returned from all; whom it did not reach has failed. A resync makes its row agree, or its region
    only when all of it was copied."""
    here = lambda r: only(r, p.row)
    resync = s.operation() == Resync
    return [("copied", s.window(p.row) == Copying), (WORLD, copy_returned(s, p.row))], {
        "window": lambda r: ite(here(r), Landed, s.window(r)),
        "copying": lambda m, r: s.copying(m, r) & ~here(r),
        "agreed": lambda r: ite(here(r) & s.owed(r), s.buffer(r), s.agreed(r)),
        "owed": lambda r: s.owed(r) & ~(here(r) & resync & p.agrees),
        "settled": lambda r: s.settled(r) & ~(here(r) & (resync | s.owed(r))),
        "settling": lambda r: s.settling(r) & ~(here(r) & (resync | s.owed(r))),
    }


@action(row=R)
def copy_ends_early(s, p):
    """No source gave the row, or the operation is being given up. Part of the copy may have landed."""
    here = lambda r: only(r, p.row)
    return [("copied", commanded(s, p.row)), (WORLD, copy_returned(s, p.row))], {
        "window": lambda r: ite(here(r), Free, s.window(r)),
        "copying": lambda m, r: s.copying(m, r) & ~here(r),
        "settled": lambda r: s.settled(r) & ~(here(r) & s.owed(r)),
        "settling": lambda r: s.settling(r) & ~(here(r) & s.owed(r)),
    }


@action(row=R, anew=BOOL)
def advance(s, p):
    """`done` passes a row whose copy has landed. `anew`: a resync had copied it, but goes back to it."""
    here = lambda r: only(r, p.row)
    early = planted("AbortAdvancesDone") and s.window(p.row) == Closing
    fills = lambda m, r: all_of(rebuilds(s), here(r), s.filling(m), s.issued(m, r))
    listed = planted("BadRangeAfterDone") or forall(
        M, lambda m: implies(s.bad(m, p.row), s.bad_named(m, p.row)))
    again = lambda r: all_of(p.anew, here(r), s.window(r) == Landed, s.operation() == Resync)
    keep = lambda rows: (lambda m, r: rows(m, r) & (trusted(s, m) | ~again(r)))
    return [
        ("advance_done", any_of(s.window(p.row) == Landed, early)),
        ("recorded", listed),
    ], {
        "window": lambda r: ite(here(r), Free, s.window(r)),
        "owed": lambda r: s.owed(r) | again(r),
        "owed_on_disk": lambda r: s.owed_on_disk(r) | again(r),
        "owed_prepared": lambda r: s.owed_prepared(r) | again(r),
        "held": lambda m, r: keep(s.held)(m, r) | fills(m, r),
        "flushed": keep(s.flushed), "durable": keep(s.durable), "prepared": keep(s.prepared),
    }


@action(row=R)
def give_up_window(s, p):
    """A window is given up that nothing is commanded for."""
    idle = (s.window(p.row) == Closing) | (s.window(p.row) == Landed)
    return [("give_up_windows", idle)], {
        "window": lambda r: ite(only(r, p.row), Free, s.window(r)),
    }


@action(lowers=BOOL, pauses=BOOL, again=(R, BOOL))
def stop(s, p):
    """A pause, an abort, or the end of a resync: no copy is under way, and `issued` falls back to `done`. After
    a pause the operation goes on as it is. `again`: a resync had copied them, but `done` had not come there."""
    kept = lambda r: s.window(r) == Closing if planted("PauseKeepsWindows") else FALSE
    again = lambda r: all_of(p.again(r), s.window(r) == Landed, s.operation() == Resync)
    keep = lambda rows: (lambda m, r: rows(m, r) & (trusted(s, m) | ~again(r)))
    owed = lambda r: FALSE if planted("EndAtCursor") else s.owed(r) | again(r)
    return [
        ("settle", s.operation() != Nothing),
        ("end", ~((s.stream() == Flushing) & s.finish())),
        ("stop", forall(R, lambda r: ~commanded(s, r))),
    ], {
        "operation": lambda: ite(p.pauses, s.operation(), Nothing), "preparing": lambda: p.pauses,
        "window": lambda r: ite(kept(r), Closing, Free),
        "owed": owed,
        "owed_on_disk": lambda r: s.owed_on_disk(r) | again(r),
        "owed_prepared": lambda r: s.owed_prepared(r) | again(r),
        "held": keep(s.held), "flushed": keep(s.flushed), "durable": keep(s.durable),
        "prepared": keep(s.prepared),
        "finishing": lambda: FALSE,
        "issued": lambda m, r: ite(s.filling(m), s.held(m, r) & ~again(r), s.issued(m, r)),
        "lowered": lambda: s.lowered() | p.lowers,
    }


# ---- power

@action(present=(M, BOOL), fill=(M, BOOL), speaker=M, found=INT, holder=M, witness=M)
def power_cut_and_restart(s, p):
    """Power fails, and the set is started from the members that are present. The newest record among them
    speaks. One of them, at least, is trusted by the newest record that all hold whom it trusts: with fewer,
    no core could know what was promised."""
    here = p.present(p.holder) & (s.record(p.holder) == p.found)
    failed = lambda m: s.rec_failed(p.found, m) | ~p.present(m)
    untrusted = lambda m: s.rec_untrusted(p.found, m) & ~failed(m)
    believed = lambda m: ~failed(m) & ~untrusted(m)
    differs = lambda r: FALSE if planted("ForgetLog") else rec_differs(s, p.found, r)
    mark = planted("TrustMarkAfterUnclean")
    apart = planted("MergeSplitBrain") or forall(M, lambda m: implies(p.present(m), ~s.strayed(m)))
    vouched = lambda m, r: rec_trusts(s, p.found, m) | rec_claims(s, p.found, m, r)
    held = lambda m, r: all_of(vouched(m, r), any_of(~differs(r), mark), ~believed(m))
    dirty = Dirty if planted("DirtyNotConfirmed") else Wanted
    found_named = (lambda m: s.rec_untrusted(p.found, m)) if planted("FoundIsConfirmed") else (
        lambda m: FALSE)
    return [
        ("freshest", here & any_of(planted("NewestByPlace"), s.confirmed() <= p.found)),
        ("went_on_without", apart),
        (WORLD, forall(M, lambda m: implies(p.present(m), s.record(m) >= 0))),
        (WORLD, p.present(p.witness) & rec_trusts(s, s.confirmed(), p.witness)),
        ("suffice", believed(p.speaker)),
    ], {
        "failed": failed,
        "filling": lambda m: untrusted(m) & p.fill(m),
        "waiting": lambda m: untrusted(m) & ~p.fill(m),
        "speaker": lambda: p.speaker, "set_failed": lambda: FALSE,
        "region": lambda g: ite(s.rec_dirty(p.found, g), dirty, Clean),
        "owed": differs, "owed_on_disk": differs, "owed_prepared": lambda r: TRUE,
        "settled": lambda r: TRUE, "settling": lambda r: FALSE,
        "issued": held, "held": held, "flushed": held, "durable": held,
        "prepared": lambda m, r: FALSE,
        "operation": lambda: Nothing, "preparing": lambda: FALSE, "window": lambda r: Free,
        "copying": lambda m, r: FALSE, "source": lambda m, r: FALSE,
        "in_flight": lambda r: FALSE, "leg": lambda m, r: FALSE, "unanswered": lambda r: FALSE,
        "acked": lambda r: s.promised(r),
        "cached": lambda m, r: s.medium(m, r),
        "stream": lambda: Idle, "finish": lambda: FALSE, "finishing": lambda: FALSE,
        "flush_leg": lambda m: FALSE, "addressed": lambda m: FALSE, "lowered": lambda: TRUE,
        "named": found_named,
        "bad": lambda m, r: s.rec_bad(p.found, m, r), "bad_named": lambda m, r: FALSE,
        "flush_open": lambda u: FALSE, "flush_due": lambda u, m: FALSE,
    }


def first_state(s):
    """A new set: all hold version 0 of every row, and record 0 says so."""
    zero = {"cached", "medium", "agreed", "admitted", "completed", "acked", "promised", "record", "disk",
            "last", "confirmed"}
    false = {"failed", "filling", "waiting", "set_failed", "owed", "owed_on_disk", "settled", "settling", "issued", "held",
             "flushed", "durable", "prepared", "preparing", "copying", "source", "in_flight", "leg",
             "unanswered", "finish", "finishing", "flush_leg", "addressed", "lowered", "named", "strayed",
             "bad", "bad_named",
             "flush_open", "flush_due"}
    from state import signature
    parts = []
    for name in sorted(zero | false):
        sorts, _ = signature(name)
        function = getattr(s, name)
        fact = (lambda *at, f=function: f(*at) == 0) if name in zero else (lambda *at, f=function: ~f(*at))
        parts.append(forall(*sorts, fact) if sorts else fact())
    for name in ("rec_failed", "rec_untrusted", "rec_dirty", "rec_owed", "rec_held", "rec_bad"):
        sorts, _ = signature(name)
        function = getattr(s, name)
        parts.append(forall(*sorts[1:], lambda *at, f=function: ~f(0, *at)))
    return all_of(
        *parts,
        forall(M, lambda m: s.rec_disk(0, m) == 0),
        forall(G, lambda g: s.region(g) == Clean),
        forall(R, lambda r: s.window(r) == Free),
        s.operation() == Nothing, s.stream() == Idle)
