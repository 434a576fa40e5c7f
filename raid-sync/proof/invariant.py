# SPDX-License-Identifier: MIT OR Apache-2.0
"""The invariant: the properties that are wanted (`p…`), and what makes them inductive.

Each conjunct says in one line what it is for. Every action keeps all of them: `prove.py`.
"""
from action import conjuncts, planted
from model import Active, Clean, CleanWanted, Closing, Copying, Dirty, Flushing, Free, Landed, Lowering
from model import Nothing, Raising, Rebuild, Writing
from model import all_named, commanded, findable, rec_claims, rec_differs, rec_good
from model import rec_trusts, trusted
from model import writing
from terms import INT, FLUSH, MEMBER, REGION, ROW
from terms import all_of, any_of, forall, iff, implies

M, R, G, U = MEMBER, ROW, REGION, FLUSH
INVARIANT, conjunct = conjuncts()


def within(low, version, high):
    return (low <= version) & (version <= high)


def readable(s, m, r):
    """A read may be answered by this member (`plan_read`)."""
    below = s.issued if planted("ReadByIssued") else s.held
    speaks = planted("ReadAnyTrusted") or implies(s.owed(r), m == s.speaker())
    listed = planted("ReadBadRange") or ~s.bad(m, r)
    fills = planted("ReadAnyTrusted") or ~s.owed(r)
    return ((trusted(s, m) & speaks) | all_of(s.filling(m), below(m, r), fills)) & listed


def counted_on(s, m, r):
    """The core takes this copy for a good one."""
    landed = all_of(s.window(r) == Landed, s.operation() == Rebuild, s.filling(m), s.issued(m, r))
    return (trusted(s, m) | ((s.filling(m) | s.waiting(m)) & s.held(m, r)) | landed) & ~s.bad(m, r)


def raise_covers(s, m):
    """The flush of the raise under way has reached this member, or needed not to."""
    flushed = (s.stream() == Flushing) & ~s.flush_leg(m) & ~s.lowered()
    return ~s.set_failed() & (flushed | (s.stream() == Raising))


def becomes_trusted(s, m):
    """The rebuild of this member is ending, and the flush has reached it."""
    flushed = (s.stream() == Flushing) & ~s.flush_leg(m) & ~s.lowered()
    raising = (s.stream() == Raising) & s.finishing()
    return all_of(s.finish(), s.filling(m), ~s.set_failed(), flushed | raising)


def becomes_clean(s, r):
    return (s.region(s.region_of(r)) == CleanWanted) | (s.region(s.region_of(r)) == Clean)


# ---- what is wanted

@conjunct
def p0_somebody_is_trusted(s):
    """A set that has not failed has a member that holds the data."""
    return implies(~s.set_failed(), trusted(s, s.speaker()))


@conjunct
def p1_no_acknowledged_write_is_lost(s):
    """What a read gives is what was acknowledged, or newer; after a restart: what was promised."""
    return forall(M, R, lambda m, r: implies(
        ~s.set_failed() & readable(s, m, r), within(s.acked(r), s.cached(m, r), s.admitted(r))))


@conjunct
def p1_copies_that_are_read_agree(s):
    """Two reads of a row that nobody writes give the same, whoever answers."""
    return forall(M, M, R, lambda m, k, r: implies(
        all_of(~s.set_failed(), readable(s, m, r), readable(s, k, r), ~s.in_flight(r)),
        s.cached(m, r) == s.cached(k, r)))


@conjunct
def p2_no_mark_is_ahead_of_flushed_data(s):
    """What a record claims of a member that it does not trust is on the medium."""
    return forall(INT, M, R, lambda n, m, r: implies(
        all_of(findable(s, n), rec_claims(s, n, m, r), ~rec_differs(s, n, r), ~s.strayed(m)),
        s.medium(m, r) == s.agreed(r)))


@conjunct
def p3_copies_agree_or_are_owed(s):
    """On the media of all whom a record trusts is the same, unless the record owes the row a resync."""
    return forall(INT, M, R, lambda n, m, r: implies(
        all_of(findable(s, n), rec_good(s, n, m, r), ~rec_differs(s, n, r)),
        s.medium(m, r) == s.agreed(r)))


@conjunct
def p4_no_copy_beside_a_write(s):
    """While a copy of a row is commanded, no write of the row is in flight."""
    return forall(R, lambda r: implies(commanded(s, r), ~s.in_flight(r)))


# ---- a: what excludes what

@conjunct
def a1_one_state_of_a_member(s):
    """Nobody is two of failed, filling, waiting."""
    return forall(M, lambda m: all_of(
        ~(s.failed(m) & s.filling(m)), ~(s.failed(m) & s.waiting(m)), ~(s.filling(m) & s.waiting(m))))


@conjunct
def a2_legs_of_a_write(s):
    """Only a write in flight has legs."""
    return forall(M, R, lambda m, r: implies(s.leg(m, r), s.in_flight(r)))


@conjunct
def a3_legs_of_a_copy(s):
    """Only a copy under way has targets."""
    return forall(M, R, lambda m, r: implies(s.copying(m, r), s.window(r) == Copying))


@conjunct
def a4_windows_of_an_operation(s):
    """Windows belong to an operation that runs."""
    return forall(R, lambda r: implies(s.window(r) != Free, (s.operation() != Nothing) & ~s.preparing()))


@conjunct
def a5_cleaning_in_a_raise(s):
    """A region becomes clean only with a record that raises."""
    return forall(G, lambda g: implies(
        s.region(g) == CleanWanted, (s.stream() == Flushing) | (s.stream() == Raising)))


@conjunct
def a6_dirty_record_under_way(s):
    """A region's dirty record is under way only while one that lowers is."""
    return forall(G, lambda g: implies(s.region(g) == Writing, s.stream() == Lowering))


@conjunct
def a7_flush_under_way(s):
    """Flushes of a raise are under way only while it waits for them."""
    return forall(M, lambda m: implies(s.flush_leg(m), s.stream() == Flushing))


@conjunct
def a8_finish_in_a_raise(s):
    """A rebuild ends with a record that raises."""
    raising = (s.stream() == Flushing) | (s.stream() == Raising)
    first = all_of(s.finish(), s.stream() == Flushing, ~s.lowered())
    return all_of(
        implies(s.finish(), raising), implies(s.finishing(), s.finish()), implies(first, s.finishing()))


@conjunct
def a9_strayed_is_away(s):
    """A disk that went on alone is away, and trusted by no record that may be found."""
    return forall(M, lambda m: implies(s.strayed(m), s.failed(m) | s.set_failed())) & forall(
        INT, M, lambda n, m: implies(s.strayed(m) & findable(s, n), s.rec_untrusted(n, m)))


# ---- b: positions, as sets of rows

@conjunct
def b1_positions_are_in_order(s):
    """durable, flushed and prepared are within held."""
    return forall(M, R, lambda m, r: implies(~trusted(s, m), all_of(
        implies(s.flushed(m, r), s.held(m, r)),
        implies(s.durable(m, r), s.flushed(m, r)),
        implies(s.prepared(m, r), s.held(m, r)))))


@conjunct
def b2_held_is_issued(s):
    """What a member being filled holds is written there."""
    return forall(M, R, lambda m, r: implies(s.filling(m) & s.held(m, r), s.issued(m, r)))


@conjunct
def b3_owed_is_not_held(s):
    """Nobody who is not trusted holds a row whose copies differ."""
    return forall(M, R, lambda m, r: implies(~trusted(s, m) & s.owed(r), ~s.held(m, r)))


@conjunct
def b4_rebuild_of_copies_that_agree(s):
    """A rebuild finds copies that agree."""
    return forall(R, lambda r: implies(s.operation() == Rebuild, ~s.owed(r)))


@conjunct
def b5_open_is_issued(s):
    """From the opening of its window on, a row is written on the targets."""
    return forall(M, R, lambda m, r: implies(
        all_of(s.operation() == Rebuild, s.filling(m), s.window(r) != Free), s.issued(m, r)))


@conjunct
def b6_owed_for_longer_on_disk(s):
    """What is owed is owed by every record, until a flush and a record after it."""
    raising = (s.stream() == Flushing) | (s.stream() == Raising)
    return forall(R, lambda r: implies(s.owed(r), s.owed_on_disk(r)) & implies(raising, all_of(
        implies(s.owed(r), s.owed_prepared(r)), implies(s.owed_prepared(r), s.owed_on_disk(r)))))


# ---- c: versions

@conjunct
def c1_versions_are_in_order(s):
    """promised ≤ acknowledged ≤ completed ≤ admitted."""
    return forall(R, lambda r: all_of(
        s.promised(r) <= s.acked(r), s.acked(r) <= s.admitted(r), s.completed(r) <= s.admitted(r),
        s.promised(r) >= 0, implies(s.unanswered(r), s.acked(r) <= s.completed(r)),
        implies(s.in_flight(r), (s.acked(r) < s.admitted(r)) & (s.completed(r) < s.admitted(r)))))


@conjunct
def c2_agreed_is_not_older(s):
    """The version that copies agree on is the one that users wait for, or know."""
    return forall(R, lambda r: (s.agreed(r) <= s.admitted(r)) & implies(~s.owed(r) & ~s.set_failed(), all_of(
        s.acked(r) <= s.agreed(r), implies(s.unanswered(r), s.completed(r) <= s.agreed(r)))))


@conjunct
def c3_agreed_where_a_record_says_equal(s):
    """So it is in every row that some record calls equal, whatever is owed now."""
    return forall(INT, R, lambda n, r: implies(findable(s, n) & ~rec_differs(s, n, r), (
        s.acked(r) <= s.agreed(r)) & implies(s.unanswered(r), s.completed(r) <= s.agreed(r))))


# ---- d: what copies hold while the set runs

@conjunct
def d1_quiet_copies_agree(s):
    """Who is counted on holds the agreed version of a row that nobody writes."""
    return forall(M, R, lambda m, r: implies(
        all_of(counted_on(s, m, r), ~s.owed(r), ~s.in_flight(r), ~s.set_failed()),
        s.cached(m, r) == s.agreed(r)))


@conjunct
def d2_not_reached_yet(s):
    """Whom a write has not reached holds what it held."""
    return forall(M, R, lambda m, r: implies(
        all_of(counted_on(s, m, r), ~s.owed(r), s.in_flight(r), s.leg(m, r), ~s.set_failed()),
        s.cached(m, r) == s.agreed(r)))


@conjunct
def d3_reached(s):
    """Whom a write has reached holds it."""
    return forall(M, R, lambda m, r: implies(
        all_of(counted_on(s, m, r), s.in_flight(r), ~s.leg(m, r), ~s.set_failed()),
        s.cached(m, r) == s.admitted(r)))


@conjunct
def d4_trusted_is_not_older(s):
    """A trusted member holds what was acknowledged, also where copies differ."""
    return forall(M, R, lambda m, r: implies(trusted(s, m) & ~s.bad(m, r), all_of(
        within(s.acked(r), s.cached(m, r), s.admitted(r)),
        implies(s.unanswered(r), s.completed(r) <= s.cached(m, r)))))


@conjunct
def d5_no_cache(s):
    """Without a cache, what is read is on the medium."""
    return forall(M, R, lambda m, r: implies(~s.volatile(m), s.cached(m, r) == s.medium(m, r)))


@conjunct
def d6_a_write_is_in_a_dirty_region(s):
    """A region with a write in flight is dirty."""
    return forall(R, lambda r: implies(s.in_flight(r), s.region(s.region_of(r)) == Dirty))


# ---- e: copies

@conjunct
def e1_sources(s):
    """A source that a commanded copy may read holds the data, also if it has failed since."""
    there = lambda m, r: (s.window(r) == Active) & s.source(m, r) & ~s.strayed(m)
    return forall(M, R, lambda m, r: implies(there(m, r), all_of(
        within(s.acked(r), s.cached(m, r), s.admitted(r)),
        implies(s.unanswered(r), s.completed(r) <= s.cached(m, r)),
        implies(~s.owed(r) & ~s.set_failed(), s.cached(m, r) == s.agreed(r)))))


@conjunct
def e2_buffer(s):
    """So does what was read from it."""
    return forall(R, lambda r: implies(s.window(r) == Copying, all_of(
        within(s.acked(r), s.buffer(r), s.admitted(r)),
        implies(s.unanswered(r), s.completed(r) <= s.buffer(r)),
        implies(~s.owed(r) & ~s.set_failed(), s.buffer(r) == s.agreed(r)))))


@conjunct
def e3_copied(s):
    """A target that the copy has reached, or needed not to, holds the same."""
    target = lambda m: trusted(s, m) | ((s.operation() == Rebuild) & s.filling(m))
    return forall(M, R, lambda m, r: implies(
        all_of(s.window(r) == Copying, ~s.copying(m, r), target(m), ~s.bad(m, r)),
        (s.cached(m, r) == s.buffer(r)) | s.set_failed()))


@conjunct
def e4_copies_of_equal_rows(s):
    """A copy of a row that some record calls equal changes nothing there."""
    return forall(INT, M, R, lambda n, m, r: implies(findable(s, n) & ~rec_differs(s, n, r), all_of(
        implies(s.window(r) == Copying, s.buffer(r) == s.agreed(r)),
        implies(all_of(s.window(r) == Active, s.source(m, r), ~s.strayed(m)), s.cached(m, r) == s.agreed(r)))))


# ---- f: records

@conjunct
def f1_numbers_of_records(s):
    """Whom the confirmed record trusts holds it, or a newer one."""
    return all_of(
        0 <= s.confirmed(), s.confirmed() <= s.last(), implies(writing(s), s.confirmed() < s.last()),
        forall(M, lambda m: (s.record(m) <= s.last()) & implies(
            rec_trusts(s, s.confirmed(), m), s.record(m) >= s.confirmed())))


@conjunct
def f2_dirty_in_all_records(s):
    """A dirty region is dirty in every record that may be found."""
    return forall(INT, G, lambda n, g: implies(findable(s, n) & (s.region(g) == Dirty), s.rec_dirty(n, g)))


@conjunct
def f3_dirty_in_the_record_under_way(s):
    """A region whose dirty record is under way is dirty in it."""
    return forall(G, lambda g: implies(s.region(g) == Writing, s.rec_dirty(s.last(), g)))


@conjunct
def f4_cleaning_is_dirty_before(s):
    """A region being cleaned is dirty in all records but the one that cleans it."""
    before = lambda n: implies(s.stream() == Raising, n < s.last())
    return forall(INT, G, lambda n, g: implies(
        all_of(s.region(g) == CleanWanted, findable(s, n), before(n)), s.rec_dirty(n, g)))


@conjunct
def f5_nothing_lowered(s):
    """Where nothing was lowered, the last record says who is trusted, and no record that may be found trusts
    anybody else, nor a bad range."""
    return implies(~s.lowered() & ~writing(s), forall(INT, M, R, lambda n, m, r: implies(
        findable(s, n) & rec_trusts(s, n, m), trusted(s, m) & implies(s.bad(m, r), s.rec_bad(n, m, r)))) & forall(
        M, lambda m: iff(s.rec_untrusted(s.last(), m), ~trusted(s, m))))


@conjunct
def f6_once_named_never_trusted(s):
    """Once the recorded image names all who are not trusted, no record that may be found trusts one of
    them: this is why acknowledgements are held."""
    earlier = lambda n: implies(writing(s), n < s.last())
    return implies(all_named(s), forall(INT, M, lambda n, m: implies(
        all_of(findable(s, n), earlier(n), rec_trusts(s, n, m)), trusted(s, m))))


@conjunct
def f7_trusted_is_not_named(s):
    """Nobody who is trusted is named, and the record under way goes to all of them."""
    return forall(M, lambda m: implies(trusted(s, m), ~s.named(m) & implies(
        writing(s), rec_trusts(s, s.last(), m) & s.addressed(m))))


@conjunct
def f8_failed_is_untrusted(s):
    """A record that calls a member failed does not trust it."""
    return forall(INT, M, lambda n, m: implies(
        findable(s, n) & s.rec_failed(n, m), s.rec_untrusted(n, m)))


@conjunct
def f9_trusted_is_addressed(s):
    """The record under way goes to all whom it trusts."""
    return forall(M, lambda m: implies(writing(s) & rec_trusts(s, s.last(), m), s.addressed(m)))


@conjunct
def f10_disks_of_records(s):
    """No record names a disk that is to come."""
    return forall(INT, M, lambda n, m: implies(findable(s, n), s.rec_disk(n, m) <= s.disk(m)))


@conjunct
def f11_bad_ranges_only_grow(s):
    """No record names a bad range of a trusted member that is none."""
    return forall(M, R, lambda m, r: implies(~s.bad(m, r) & trusted(s, m), ~s.bad_named(m, r) & implies(
        writing(s), ~s.rec_bad(s.last(), m, r))))


@conjunct
def f12_bad_ranges_of_all_records(s):
    """Once the recorded image names a bad range, no record that may be found takes it for good on a member
    that it trusts."""
    earlier = lambda n: implies(writing(s), n < s.last())
    return implies(all_named(s), forall(INT, M, R, lambda n, m, r: implies(
        all_of(findable(s, n), earlier(n), rec_good(s, n, m, r)), ~(s.bad(m, r) & s.bad_named(m, r)))))


@conjunct
def f13_bad_ranges_recorded(s):
    """Where nothing was lowered, the last record has the list; so has the one under way."""
    same = forall(M, R, lambda m, r: implies(s.bad(m, r), s.rec_bad(s.last(), m, r)))
    return implies(~s.lowered(), same)


# ---- g: media

@conjunct
def g1_promised_is_on_the_media(s):
    """Whom a record that may be found trusts has what was promised on its medium."""
    return forall(INT, M, R, lambda n, m, r: implies(findable(s, n) & rec_good(s, n, m, r), all_of(
        within(s.promised(r), s.medium(m, r), s.admitted(r)),
        within(s.promised(r), s.cached(m, r), s.admitted(r)))))


@conjunct
def g2_trusted_has_what_is_promised(s):
    """So has who is trusted, and a durable write that is still to be acknowledged as well."""
    return forall(M, R, lambda m, r: implies(trusted(s, m) & ~s.bad(m, r), all_of(
        within(s.promised(r), s.medium(m, r), s.admitted(r)),
        implies(s.unanswered(r) & s.completed_fua(r), s.completed(r) <= s.medium(m, r)))))


@conjunct
def g3_durable_write_reached(s):
    """A durable write is on the media that it has reached."""
    to = lambda m: trusted(s, m) | becomes_trusted(s, m)
    return forall(M, R, lambda m, r: implies(
        all_of(to(m), s.in_flight(r), s.fua(r), ~s.leg(m, r), ~s.set_failed(), ~s.bad(m, r)),
        s.medium(m, r) == s.admitted(r)))


@conjunct
def g4_user_flush_reached(s):
    """What a user's flush has reached is on the medium."""
    return forall(U, M, R, lambda u, m, r: implies(s.flush_open(u), (s.flush_upto(u, r) <= s.acked(r)) & implies(
        trusted(s, m) & ~s.bad(m, r) & ~s.flush_due(u, m), s.flush_upto(u, r) <= s.medium(m, r))))


@conjunct
def g5_clean_is_on_the_media(s):
    """A clean region that nothing is owed in is on the media of all who are counted on."""
    counts = lambda m, r: any_of(
        trusted(s, m), s.filling(m) & s.flushed(m, r), s.waiting(m) & s.held(m, r))
    return forall(M, R, lambda m, r: implies(
        all_of(s.region(s.region_of(r)) == Clean, ~s.owed_on_disk(r), ~s.set_failed(), counts(m, r),
               ~s.bad(m, r)),
        s.medium(m, r) == s.agreed(r)))


@conjunct
def g6_clean_for_all_records(s):
    """… and of all whom a record that may be found trusts."""
    return forall(INT, M, R, lambda n, m, r: implies(
        all_of(s.region(s.region_of(r)) == Clean, ~s.owed_on_disk(r), ~s.set_failed(), findable(s, n),
               rec_good(s, n, m, r)),
        (s.cached(m, r) == s.agreed(r)) & (s.medium(m, r) == s.agreed(r))))


@conjunct
def g7_cleaning_is_on_the_media(s):
    """A region being cleaned is on the media that the flush has reached."""
    counts = lambda m, r: any_of(
        trusted(s, m), s.filling(m) & (s.prepared(m, r) | s.flushed(m, r)), s.waiting(m) & s.held(m, r))
    return forall(M, R, lambda m, r: implies(
        all_of(raise_covers(s, m), becomes_clean(s, r), ~s.owed_prepared(r), counts(m, r), ~s.bad(m, r)),
        s.medium(m, r) == s.agreed(r)))


@conjunct
def g8_cleaning_for_all_records(s):
    """… and on those of all whom a record that may be found trusts."""
    return forall(INT, M, R, lambda n, m, r: implies(
        all_of(s.stream() == Raising, ~s.set_failed(), becomes_clean(s, r), ~s.owed_prepared(r),
               findable(s, n), rec_good(s, n, m, r)),
        (s.cached(m, r) == s.agreed(r)) & (s.medium(m, r) == s.agreed(r))))


@conjunct
def g9_accounts_hold(s):
    """A failed member has what its account says, on its medium."""
    here = lambda m, r: all_of(s.failed(m), s.held(m, r), ~s.set_failed(), ~s.bad(m, r), ~s.strayed(m))
    return forall(M, R, lambda m, r: implies(here(m, r), all_of(
        s.medium(m, r) == s.agreed(r), s.cached(m, r) == s.agreed(r), ~s.in_flight(r))))


@conjunct
def g10_called_equal_is_still(s):
    """A row that a record calls equal has not changed since, on nobody whom it trusts or vouches for."""
    counts = lambda n, m, r: any_of(
        trusted(s, m) & ~s.bad(m, r), rec_good(s, n, m, r), rec_claims(s, n, m, r) & ~s.strayed(m))
    return forall(INT, M, R, lambda n, m, r: implies(
        all_of(findable(s, n), ~rec_differs(s, n, r), counts(n, m, r)), all_of(
            s.cached(m, r) == s.agreed(r), s.medium(m, r) == s.agreed(r), ~s.in_flight(r))))


@conjunct
def g11_called_equal_by_another(s):
    """… nor on anybody whom another record trusts that may be found instead."""
    return forall(INT, INT, M, R, lambda n, k, m, r: implies(
        all_of(findable(s, n), findable(s, k), ~rec_differs(s, n, r), rec_good(s, k, m, r)),
        (s.cached(m, r) == s.agreed(r)) & (s.medium(m, r) == s.agreed(r))))


@conjunct
def g12_settled_is_on_the_media(s):
    """A settled row is on the media of all who are counted on as it is in their caches, but for a copy under way
    where copies differ."""
    counts = lambda m, r: any_of(
        trusted(s, m), s.filling(m) & s.flushed(m, r), s.waiting(m) & s.held(m, r))
    still = lambda r: ~s.in_flight(r) & ~(commanded(s, r) & s.owed(r))
    return forall(R, lambda r: implies(s.settled(r) | s.settling(r), ~s.in_flight(r))) & forall(
        M, R, lambda m, r: implies(
            all_of(s.settled(r), still(r), ~s.set_failed(), counts(m, r), ~s.bad(m, r)),
            s.medium(m, r) == s.cached(m, r)))


@conjunct
def g13_settling_is_on_the_media(s):
    """… and one that is settling, where the flush has reached it."""
    counts = lambda m, r: any_of(
        trusted(s, m), s.filling(m) & (s.prepared(m, r) | s.flushed(m, r)), s.waiting(m) & s.held(m, r))
    still = lambda r: ~(commanded(s, r) & s.owed(r))
    return forall(M, R, lambda m, r: implies(
        all_of(raise_covers(s, m), s.settled(r) | s.settling(r), still(r), counts(m, r), ~s.bad(m, r)),
        s.medium(m, r) == s.cached(m, r)))


# ---- h: the end of a rebuild

@conjunct
def h1_all_is_held(s):
    """A rebuild that is ending has filled its targets."""
    return implies(s.finishing(), forall(
        M, R, lambda m, r: implies(s.filling(m), s.held(m, r)) & ~s.owed(r)))


@conjunct
def h2_no_window_is_open(s):
    """… runs, and opens no window."""
    return implies(s.finishing(), all_of(
        s.operation() == Rebuild, ~s.preparing(), forall(R, lambda r: s.window(r) == Free)))


@conjunct
def h3_the_last_record_names_the_target(s):
    """Its record calls the targets trusted, with the bad ranges that they have, and goes to them."""
    return forall(M, lambda m: implies(
        all_of(s.stream() == Raising, s.finishing(), s.filling(m)),
        all_of(rec_trusts(s, s.last(), m), s.addressed(m), forall(
            R, lambda r: implies(~s.bad(m, r), ~s.rec_bad(s.last(), m, r))))))


@conjunct
def h4_the_target_has_what_is_promised(s):
    """A target that was flushed has all promises on its medium."""
    return forall(M, R, lambda m, r: implies(becomes_trusted(s, m) & ~s.bad(m, r), all_of(
        within(s.promised(r), s.medium(m, r), s.admitted(r)),
        implies(s.unanswered(r) & s.completed_fua(r), s.completed(r) <= s.medium(m, r)))))


@conjunct
def h5_the_target_has_what_is_flushed(s):
    """… and what users' flushes have reached."""
    return forall(U, M, R, lambda u, m, r: implies(
        all_of(becomes_trusted(s, m), s.flush_open(u), ~s.flush_due(u, m), ~s.bad(m, r)),
        s.flush_upto(u, r) <= s.medium(m, r)))


@conjunct
def h6_the_target_is_clean(s):
    """… and what is being cleaned."""
    return forall(M, R, lambda m, r: implies(
        all_of(becomes_trusted(s, m), ~s.owed_prepared(r), becomes_clean(s, r), ~s.bad(m, r)),
        s.medium(m, r) == s.agreed(r)))


@conjunct
def h7_the_target_for_other_records(s):
    """… and what any record calls equal."""
    return forall(INT, M, R, lambda n, m, r: implies(
        all_of(becomes_trusted(s, m), findable(s, n), ~rec_differs(s, n, r), ~s.bad(m, r)),
        (s.cached(m, r) == s.agreed(r)) & (s.medium(m, r) == s.agreed(r))))


@conjunct
def h8_the_image_under_way(s):
    """The record under way says who is trusted, unless something was lowered since."""
    untrusted = lambda m: s.failed(m) | s.waiting(m) | (s.filling(m) & ~s.finish())
    return implies(writing(s) & ~s.lowered(), forall(
        M, lambda m: iff(s.rec_untrusted(s.last(), m), untrusted(m))))


@conjunct
def h9_the_target_is_settled(s):
    """… and what is settled, or settling."""
    return forall(M, R, lambda m, r: implies(
        all_of(becomes_trusted(s, m), s.settled(r) | s.settling(r), ~s.bad(m, r)),
        s.medium(m, r) == s.cached(m, r)))
