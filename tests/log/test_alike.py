"""Records that are laid out alike are written and read by columns, with the result of the plain loop; or left to it."""

from random import Random

import pytest

from evlab.log import alike, rows
from evlab.log.alike import Unusual, join_alike, split_alike
from evlab.log.records import CorruptBatch

NOW = 1_790_000_000_000


def body_of(given):
    return rows.join_rows(given, range(len(given)), given[0][0] if given else NOW)[0]


def plainly(body, count, last, base):
    """The columns as lists, or None for a CorruptBatch."""
    try:
        return [list(column) for column in rows.read_plainly(body, count, last, base)]
    except CorruptBatch:
        return None


def by_columns(*batch):
    """The same; "unusual" where the columns are given up."""
    try:
        return [list(column) for column in split_alike(*batch)]
    except Unusual:
        return "unusual"


def stretches(*many):
    """Rows of one shape after the other: (how many, key, value, ms between two)."""
    found, now = [], NOW
    for count, key, value, step in many:
        for _ in range(count):
            found.append((now, key, value, ()))
            now += step
    return found


ALIKE = [
    stretches((500, b"order-000001", bytes(200), 0)),
    stretches((500, b"order-000001", bytes(200), 3)),  # from 64 ms on a byte more
    stretches((64, b"k", b"v", 0)),
    stretches((65, b"k", b"v", 0)),  # the last one alone has an offset of two bytes
    stretches((100, None, b"v" * 70, 1)),
    stretches((100, b"k" * 70, None, 0)),
    stretches((100, None, None, 0)),
    stretches((100, b"", b"", 0)),
    stretches((80, b"k", b"1", 0), (80, b"k", b"12", 0), (80, b"key", b"123456", 0), (80, None, b"key", 0)),
    stretches((9000, b"k", b"v", 0)),  # and from 8192 on three
    [(NOW + 3 * (n % 7) - 9, b"k%03d" % n, b"v%03d" % n, ()) for n in range(300)],
    [(NOW + 90 * n % 8000, b"k%03d" % n, b"v%03d" % n, ()) for n in range(300)],
]


@pytest.mark.parametrize("given", ALIKE, ids=range(len(ALIKE)))
def test_batches_with_long_stretches_are_read(given):
    body = body_of(given)
    batch = body, len(given), len(given) - 1, given[0][0]
    whole = [list(range(len(given))), *map(list, zip(*given, strict=True))]
    assert plainly(*batch) == whole
    assert [list(column) for column in rows.split_rows(*batch)] == whole
    if len(given) < 8192 and max(row[0] for row in given) - NOW < 4000 or len(given) == 500:
        assert by_columns(*batch) == whole


@pytest.mark.parametrize("given", [
    [(NOW, b"k", b"v" * (n % 5), ()) for n in range(100)],
    [(NOW, b"k", b"v", (("h", b""),)) for n in range(100)],
    [(NOW + 9000 * n, b"k", b"v", ()) for n in range(100)],
    stretches((80, b"key", b"", 0), (80, b"", b"key", 0)),  # of one size, but laid out differently
])
def test_what_is_not_alike_is_left_to_the_loop(given):
    batch = body_of(given), len(given), len(given) - 1, given[0][0]
    assert by_columns(*batch) == "unusual"
    assert [list(column) for column in rows.split_rows(*batch)] == plainly(*batch)


def test_offsets_with_holes_are_left_to_the_loop():
    given = stretches((100, b"k", b"v", 0))
    body, _ = rows.join_rows(given, range(0, 200, 2), NOW)
    assert by_columns(body, 100, 199, NOW) == "unusual"
    assert rows.split_rows(body, 100, 199, NOW)[0] == list(range(0, 200, 2))
    assert by_columns(body_of(given), 100, 98, NOW) == "unusual"  # one more than the header allows


def test_no_mutated_batch_is_read_otherwise_than_plainly(amount):
    """Most mutations strike one record; every tenth strikes the same byte of many."""
    chance, read = Random(7), 0
    bodies = [(len(given), body_of(given)) for given in (*ALIKE[2:9], stretches((100, b"ab", b"abc", 1)))]
    for turn in range(amount(1000, 100_000)):
        count, body = chance.choice(bodies)
        mutated, step = bytearray(body), len(body) // count
        at, new = chance.randrange(len(body)), chance.choice((0, 1, 2, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        if turn % 10 == 0:
            at %= step
            mutated[at::step] = bytes([new]) * len(mutated[at::step])
        else:
            mutated[at:at + chance.choice((0, 1, 1, 1, 1, 2))] = bytes([new]) * chance.choice((1, 1, 1, 0, 2))
        batch = bytes(mutated), count, chance.choice((count - 1, count - 1, count + 9, count - 2)), NOW
        found = by_columns(*batch)
        if found != "unusual":
            read += 1
            assert found == plainly(*batch)
        assert plainly(*batch) == outcome_of_all(*batch)
    assert read > 100


@pytest.mark.parametrize(("key", "value"), [(b"k", b"v"), (b"k" * 70, b"v" * 5), (None, b"v" * 70)])
def test_no_byte_of_a_record_amid_others_is_passed_over(key, value):
    """Each byte of one record with other values: what comes out is what the plain loop reads."""
    given = [(NOW + 100, key, value, ())] * 100
    body, _ = rows.join_rows(given, range(100), NOW)
    assert by_columns(body, 100, 99, NOW) == plainly(body, 100, 99, NOW)
    assert by_columns(body + b"\0", 100, 99, NOW) == by_columns(body[:-1], 100, 99, NOW) == "unusual"
    size = len(body) - len(rows.join_rows(given[:99], range(99), NOW)[0])
    for at in range(len(body) - 30 * size, len(body) - 29 * size):
        for new in (0, 1, body[at] ^ 1, body[at] ^ 2, body[at] ^ 64, body[at] ^ 128):
            mutated = bytearray(body)
            mutated[at] = new
            batch = bytes(mutated), 100, 99, NOW
            assert by_columns(*batch) in ("unusual", plainly(*batch))


def outcome_of_all(*batch):
    try:
        return [list(column) for column in rows.split_rows(*batch)]
    except CorruptBatch:
        return None


@pytest.mark.parametrize("base", [-2**63, 2**63 - 1, 2**62, -2**62])
def test_timestamps_at_the_ends_of_time_are_left_to_the_loop(base):
    assert by_columns(body_of(stretches((100, b"k", b"v", 0))), 100, 99, base) == "unusual"


def test_the_loop_is_not_asked_for_what_is_alike(monkeypatch):
    monkeypatch.setattr(rows, "_split_quickly", None)
    given = ALIKE[1]
    assert rows.split_rows(body_of(given), 500, 499, NOW)[2] == [b"order-000001"] * 500


def test_the_bytes_of_offsets_are_those_of_varints():
    for delta in range(8192):
        data = rows.encode_varint(delta)
        assert bytes(column[delta] for column in alike._DELTAS[len(data)]) == data


# ------------------------------------------------------------------------------------------------------------ writing


def written_plainly(given, base):
    records = [rows.encode_record(row[0] - base, delta, *row[1:]) for delta, row in enumerate(given)]
    return b"".join(rows.encode_varint(len(record), 32) + record for record in records)


def written_by_columns(given, base):
    times, keys, values, _ = zip(*given, strict=True)
    try:
        return join_alike(times, keys, values, base)
    except Unusual:
        return "unusual"


@pytest.mark.parametrize("moments", [[500], [250, 250], [63, 437], [64, 436], [65, 435], [1, 499], [499, 1], [100] * 5])
@pytest.mark.parametrize(("key", "value"), [(12, 200), (0, 0), (63, 64), (64, 63), (0, 8000), (300, 1)])
def test_a_batch_of_one_size_is_written_by_columns(moments, key, value):
    """moments: how many records each ms has."""
    times = [NOW + 40 * number for number, count in enumerate(moments) for _ in range(count)]
    given = [(time, bytes([n % 251]) * key, bytes([n % 241]) * value, ()) for n, time in enumerate(times)]
    for base in (NOW, NOW + 30):  # the first record is before the base timestamp, too
        assert written_by_columns(given, base) == written_plainly(given, base) == rows.join_rows(
            given, range(500), base)[0]


ODD = {
    "another key": (3, (NOW, b"kk", b"v", ())), "another value": (98, (NOW, b"k", b"vv", ())),
    "no key": (50, (NOW, None, b"v", ())), "no value": (0, (NOW, b"k", None, ())),
    "a later one amid them": (50, (NOW + 1, b"k", b"v", ())), "an earlier one": (99, (NOW - 1, b"k", b"v", ())),
    "far away": (99, (NOW + 9000, b"k", b"v", ())),
}


@pytest.mark.parametrize("odd", ODD)
def test_one_record_that_is_not_alike_leaves_the_batch_to_the_loop(odd):
    number, row = ODD[odd]
    given = stretches((100, b"k", b"v", 0))
    given[number] = row
    base = given[0][0]
    assert written_by_columns(given, base) == "unusual"
    assert rows.join_rows(given, range(100), base) == (written_plainly(given, base), max(row[0] for row in given))


@pytest.mark.parametrize("given", [
    stretches((100, b"k", b"v", 1)),  # each in a ms of its own
    stretches((9000, b"k", b"v", 0)),  # offsets of three bytes
    stretches((100, b"k", b"v" * 8200, 0)),
    stretches((100, b"k" * 8200, b"v", 0)),
])
def test_what_the_tables_do_not_have_is_left_to_the_loop(given):
    assert written_by_columns(given, NOW) == "unusual"
    assert rows.join_rows(given, range(len(given)), NOW)[0] == written_plainly(given, NOW)


def test_headers_and_holes_are_never_lost_among_records_that_are_alike():
    given = stretches((100, b"k", b"v", 0))
    given[70] = *given[70][:3], (("a", b"b"),)
    assert rows.join_rows(given, range(100), NOW)[0] == written_plainly(given, NOW)
    given = stretches((100, b"k", b"v", 0))
    body, _ = rows.join_rows(given, range(0, 200, 2), NOW)
    assert [*rows.read_plainly(body, 100, 199, NOW)[0]] == list(range(0, 200, 2))
