"""The checks of lab05, a log on disk: what each question promises, and the files with which it may break.

Nothing here races. A file is bytes that the judge has made, so it knows what is in it, where each frame begins, and
which piece of it was bent. Frames are made and read here once more; the partitioner is evlab's own.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

from evlab.course.judge import AnswerRaised, Case, Lab, Object
from evlab.log.partitioner import murmur2, partition
from evlab.sim.history import describe

lab = Lab("lab05", "A log on disk")

ARTICLES = (b"mug", b"cup", b"pot", b"pan")
Record = tuple[int, bytes, bytes | None]
HEAD = 16
"""Bytes in front of a frame's key and value: offset, length, CRC."""


def frame(offset: int, key: bytes, value: bytes | None) -> bytes:
    body = struct.pack(">H?", len(key), value is not None) + key + (value or b"")
    return struct.pack(">qII", offset, len(body), zlib.crc32(struct.pack(">q", offset) + body)) + body


def file_of(records: list[Record]) -> bytes:
    return b"".join(frame(*record) for record in records)


def parsed(file: Any) -> list[Record] | None:
    """The records of a file; None if it is no file of whole frames."""
    found, at = [], 0
    while isinstance(file, bytes) and at < len(file):
        try:
            offset, length, _ = struct.unpack_from(">qII", file, at)
            size, has_value = struct.unpack_from(">H?", file, at + HEAD)
        except struct.error:
            return None
        end = at + HEAD + length
        record = offset, file[at + HEAD + 3:at + HEAD + 3 + size], file[at + HEAD + 3 + size:end] if has_value else None
        if frame(*record) != file[at:end]:
            return None
        found.append(record)
        at = end
    return found if isinstance(file, bytes) else None


def places(records: list[Record]) -> list[int]:
    """The byte at which each frame begins."""
    return [len(file_of(records[:number])) for number in range(len(records))]


def word(data: Any) -> str:
    if not isinstance(data, bytes):
        return describe(data)
    said = data.decode("ascii", "backslashreplace")
    return said if len(said) <= 30 else f"{said[:6]}... ({len(data)} bytes)"


def told(record: Any) -> str:
    """"3 mug=12"; without a value "3 mug deleted"."""
    if not (isinstance(record, tuple) and len(record) == 3):
        return describe(record)
    offset, key, value = record
    said = " deleted" if value is None else "=" + (word(value) or '""')
    return f"{describe(offset)} {word(key)}{said}"


def listed(records: Any) -> str:
    if not isinstance(records, list | tuple):
        return describe(records)
    return ", ".join(map(told, records)) or "nothing"


def pairs(index: Any) -> str:
    """An index in few words: (89, 72) (92, 144)."""
    if not isinstance(index, list) or not all(isinstance(entry, tuple) for entry in index):
        return describe(index)
    return " ".join(f"({', '.join(map(describe, entry))})" for entry in index) or "empty"


def remark(case: Case, text: str, node: str) -> int:
    """One line of the history; its number."""
    return case.history.add("note", text, node=node)


def show(case: Case, records: list[Record], node: str = "file") -> None:
    """One line of the history for each frame: where it begins, and what it holds."""
    for at, record in zip(places(records), records, strict=True):
        remark(case, f"byte {at}: {told(record)}", node=node)


def asked(case: Case, node: str, name: str, text: str, *args, say=describe) -> Any:
    """Call a function of the answer. The history shows `text` and what came."""
    operation = case.history.invoke(text, node=node)
    try:
        value = case.wait(case.actor(node).call(name, *args), node)
    except AnswerRaised as error:
        operation.fail(error.type)
        raise
    operation.ok(say(value))
    return value


def turn(case: Case, forms: int) -> int:
    """Which of the forms this history is about: each in turn, whatever the seed."""
    return case.world.seed % 1000 % forms


def stock(case: Case, count: int, base: int = 0, *, holes: bool = False) -> list[Record]:
    """Records of the shop's stock with rising offsets, values of 1 to 3 digits. `holes`: as in a cleaned log."""
    found, offset = [], base
    for _ in range(count):
        found.append((offset, case.random.choice(ARTICLES), str(case.random.randint(1, 999)).encode()))
        offset += case.random.randint(3, 5) if holes else 1
    return found


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# ------------------------------------------------------------------------------------ q1: same key, same partition

q1 = lab.question("q1", "Same key, same partition", points=2, defines=("partition", "split"))
COUNTS = (5, 7, 12)
"""Counts of partitions: with them, abs() can give another partition than each of the other rules."""
KEYS = 3
"""So many keys are tried at once: one alone may agree with a wrong rule by chance."""
RULES = ("ABS", "SIGN_STAYS", "LAST_IS_EMPTY", "NO_SUCH_PARTITION")


def wrong_rules(key: bytes, n: int) -> dict[str, tuple[int, ...]]:
    """What wrong rules make of a key, by the hint for them."""
    hash = murmur2(key)
    signs = {"ABS": (abs(hash) % n,), "SIGN_STAYS": (hash % n, hash % 2**32 % n)} if hash < 0 else {}
    return {"NO_SUCH_PARTITION": (partition(key, n) + 1,), "LAST_IS_EMPTY": (hash % (n - 1),)} | signs


def key_for(case: Case, n: int, negative: bool) -> bytes:
    """A key whose hash has that sign, and for which each wrong rule gives another partition than the right one."""
    while True:
        key = f"order-{case.random.randint(1, 9999)}".encode()
        wrong, due = wrong_rules(key, n), partition(key, n)
        apart = wrong["ABS"][0] not in wrong["SIGN_STAYS"] if "ABS" in wrong else due + 1 not in wrong["LAST_IS_EMPTY"]
        if (murmur2(key) < 0) == negative and apart and not any(due in found for found in wrong.values()):
            return key


def compare_partitions(case: Case, n: int, negative: bool) -> None:
    keys = [key_for(case, n, negative) for _ in range(KEYS)]
    got = [asked(case, "producer", "partition", f'partition("{word(key)}", {n})', key, n) for key in keys]
    entries, due = case.entries()[-KEYS:], [partition(key, n) for key in keys]
    for key, found, wanted, entry in zip(keys, got, due, entries, strict=True):
        if not is_whole(found) or not 0 <= found < n:
            case.blame("NO_SUCH_PARTITION", f"of {n} partitions, `{word(key)}` belongs to {wanted}, and got "
                                            f"{describe(found)}: there are 0 to {n - 1}", entry)
    if got == due:
        return
    at = next(at for at in range(KEYS) if got[at] != due[at])
    hash, what = murmur2(keys[at]), f"of {n} partitions, `{word(keys[at])}` belongs to {due[at]}, and got {got[at]}"
    why = {"ABS": f": that is abs({hash}) % {n}", "SIGN_STAYS": f": the hash is {hash}, and its sign has had its say",
           "LAST_IS_EMPTY": f": partition {n - 1} never gets anything", "NO_SUCH_PARTITION": ": one too high"}
    for code in RULES:
        if all(found in wrong_rules(key, n).get(code, ()) for key, found in zip(keys, got, strict=True)):
            case.blame(code, f"{what}{why[code]}", *entries)
    case.blame("OTHER_HASH", what, *entries)


@q1.check("a key goes where Kafka's hash says", histories=2)
def hash_decides(case: Case):
    compare_partitions(case, COUNTS[turn(case, 2)], negative=False)


@q1.check("a negative hash loses its sign bit, and nothing else", histories=2)
def sign_is_cleared(case: Case):
    compare_partitions(case, COUNTS[1 + turn(case, 2)], negative=True)


@q1.check("the empty key is a key", histories=1)
def empty_key(case: Case):
    got, due = asked(case, "producer", "partition", 'partition("", 7)', b"", 7), partition(b"", 7)
    if got != due:
        case.blame("EMPTY_KEY", f"the empty key belongs to {due} of 7 partitions, and got {describe(got)}",
                   *case.entries())


@q1.check("each partition holds its records, in the order in which they came", histories=2)
def order_is_kept(case: Case):
    n, keys = (2, 3) if turn(case, 2) else (6, 2)  # two keys in one partition; partitions without any
    names = [f"order-{number}".encode() for number in case.random.sample(range(1, 100), keys)]
    compare_split(case, [(name, what) for what in (b"placed", b"paid", b"shipped") for name in names], n)


@q1.check("a record is a record, also one that comes twice, has an empty key, an empty value or none", histories=4)
def odd_ones_stay(case: Case):
    name = f"order-{case.random.randint(1, 99)}".encode()
    odd = ((name, b"paid"), (b"", b"paid"), (name, None), (name, b""))[turn(case, 4)]
    compare_split(case, [(name, b"placed"), (name, b"paid"), odd], 3, lost="LOSES_RECORD")


@q1.check("a call knows nothing of the calls before it", histories=2)
def calls_stand_alone(case: Case):
    if turn(case, 2):
        for key in case.random.sample(range(1, 99), 2):
            name = f"order-{key}".encode()
            compare_split(case, [(name, b"placed"), (name, b"paid")], 3, lost="REMEMBERS", more="REMEMBERS")
        return
    key = next(name for name in (f"order-{case.random.randint(1, 9999)}".encode() for _ in range(10_000))
               if len({partition(name, n) for n in COUNTS}) == len(COUNTS))
    for n in COUNTS:
        got, due = asked(case, "producer", "partition", f'partition("{word(key)}", {n})', key, n), partition(key, n)
        if got != due:
            case.blame("REMEMBERS", f"`{word(key)}` was asked about before, with another number of partitions. Of {n} "
                                    f"it belongs to {due}, and got {describe(got)}", *case.entries())


def paired(pair: Any) -> str:
    """A pair of key and value in words."""
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        return describe(pair)
    key, value = pair
    return f"{'the empty key' if key == b'' else word(key)} {'an empty value' if value == b'' else word(value)}"


def compare_split(case: Case, records: list[tuple], n: int, lost: str = "WRONG_SPLIT", more: str = "WRONG_SPLIT"
                  ) -> None:
    """Blame the first partition that does not hold its records. `lost`, `more`: the hint for one that holds too few,
    or too many."""
    due = [[record for record in records if partition(record[0], n) == number] for number in range(n)]
    for number, record in enumerate(records):
        remark(case, f"{number}: {paired(record)}", node="arrives")

    def say(lists: Any) -> str:
        if not isinstance(lists, list | tuple):
            return describe(lists)
        return " | ".join(", ".join(map(paired, one)) if isinstance(one, list | tuple) else describe(one)
                          for one in lists)

    got = asked(case, "producer", "split", f"split({len(records)} records, {n})", records, n, say=say)
    entries = case.entries("invoke")
    if not isinstance(got, list | tuple) or len(got) != n or not all(isinstance(one, list | tuple) for one in got):
        found = len(got) if isinstance(got, list | tuple) else f"a {type(got).__name__}"
        case.blame("NOT_N_LISTS", f"`split` has to return {n} lists, one for each partition, and returned {found}",
                   *entries)
    for number, (found, wanted) in enumerate(zip(got, due, strict=True)):
        found = [tuple(pair) if isinstance(pair, list | tuple) else pair for pair in found]
        if found == wanted:
            continue
        if sorted(found, key=repr) == sorted(wanted, key=repr):
            at = next(at for at in range(len(wanted)) if found[at] != wanted[at])
            case.blame("REORDERS", f"in partition {number}, {paired(found[at])} stands where {paired(wanted[at])} came "
                                   "first", *entries)
        strange = next((at for at in range(len(wanted)) if at < len(found) and found[at] not in records), None)
        if len(found) == len(wanted) and strange is not None:
            case.blame("CHANGES_RECORD", f"({paired(wanted[strange])}) went into partition {number}, and "
                                         f"({paired(found[strange])}) is there", *entries)
        case.blame(lost if len(found) < len(wanted) else more if len(found) > len(wanted) else "WRONG_SPLIT",
                   f"partition {number} has to hold {len(wanted)} record{'s' * (len(wanted) != 1)}, and holds "
                   f"{len(found) if len(found) != len(wanted) else 'others'}", *entries)


# --------------------------------------------------------------------------- q2: append, with a note now and then

q2 = lab.question("q2", "Append, and note now and then", points=2, defines="Segment")

WRONG_RULES = {"counted first": "COUNTS_FIRST", "at the border": "AT_BORDER", "each": "EVERY_FRAME",
               "first too": "FIRST_ENTRY", "its end": "ENTRY_AT_END", "no reset": "NEVER_RESETS"}


def entries_of(records: list[Record], every: int, rule: str = "") -> list[tuple[int, int]]:
    """The sparse index of these frames; with the name of a wrong rule, what that one makes."""
    found, since = [], 0
    for number, (at, record) in enumerate(zip(places(records), records, strict=True)):
        size = len(frame(*record))
        if rule == "counted first":
            since += size
        if (since > every or rule == "each" or (rule == "first too" and not number)
                or (rule == "at the border" and since == every)):
            found.append((record[0], at + size if rule == "its end" else at))
            since = since if rule == "no reset" else 0
        if rule != "counted first":
            since += size
    return found


def made(case: Case, base: int, every: int) -> Object:
    segment = case.wait(case.actor("segment").call("Segment", base, every), "segment")
    if not isinstance(segment, Object):
        case.blame("NO_SEGMENT", f"`Segment({base}, {every})` gave {describe(segment)}")
    return segment


def append(case: Case, segment: Object, record: Record, to: str = "", hint: str = "WRONG_OFFSET") -> None:
    """Append a record, and compare the offset that comes back. `to`: which segment it is, where there are two."""
    offset, key, value = record
    operation = case.history.invoke(f"append {told(record).partition(' ')[2]}{to}", node="segment")
    got = case.wait(segment.actor.method(segment, "append", key, value), "segment")
    operation.ok(f"offset {describe(got)}")
    if not is_whole(got) or got != offset:
        case.blame(hint, f"the next offset{to and ' of'}{to.removeprefix(' to')} is {offset}, and `append` returned "
                         f"{describe(got)}", *case.entries("note"), operation.number)


def filled(case: Case, records: list[Record], every: int) -> Object:
    """A segment of the answer with these records in it. Blames a file that is not their frames back to back."""
    segment = made(case, records[0][0], every)
    for record in records:
        append(case, segment, record)
    file = segment.actor.get(segment, "file")
    if file == file_of(records):
        return segment
    found = parsed(file)
    if file == frame(*records[-1]):
        case.blame("OVERWRITES", f"after {len(records)} records the file holds the last one alone: {listed(found)}",
                   *case.entries())
    deleted = [word(key) for _, key, value in records if value is None]
    if deleted and file == file_of([record for record in records if record[2] is not None]):
        case.blame("NO_TOMBSTONE", f"{deleted[0]} was deleted, and nothing was written: who reads the log will never "
                                   "know", *case.entries())
    if deleted and file == file_of([(offset, key, value or b"") for offset, key, value in records]):
        case.blame("NO_TOMBSTONE", f"{deleted[0]} was deleted, and an empty value was written: who reads the log will "
                                   "never know", *case.entries())
    if file == file_of([(offset, key, value or None) for offset, key, value in records]):
        case.blame("EMPTY_IS_VALUE", f"an empty value was appended, and a deletion was written: {listed(found)}",
                   *case.entries())
    said = f"holds {listed(found)}" if found is not None else "is no row of whole frames"
    if not isinstance(file, bytes):
        said = f"is no bytes but a {type(file).__name__}"
    case.blame("WRONG_BYTES", f"after {listed(records)} the file {said}", *case.entries())


def index_of(segment: Object) -> Any:
    index = segment.actor.get(segment, "index")
    if isinstance(index, list | tuple) and all(isinstance(pair, list | tuple) for pair in index):
        return [tuple(pair) for pair in index]
    return index


@q2.check("frames stand back to back, and offsets count up from the base", histories=4)
def frames_stand(case: Case):
    form = turn(case, 4)
    records = stock(case, min(1 + form, 3), base=case.random.randint(10, 99))
    if form > 1:
        records[1] = (*records[1][:2], None if form == 2 else b"")
    filled(case, records, every=1000)


@q2.check("an entry for the first frame after more than `every` bytes", histories=3)
def entries_are_sparse(case: Case):
    base = case.random.randint(10, 99)
    while True:
        if turn(case, 3):
            records = stock(case, 8, base)
        else:
            records = [(base + number, b"mug", str(case.random.randint(10, 99)).encode()) for number in range(8)]
        if turn(case, 3) == 2:  # an entry may be due at a tombstone
            records = [(*record[:2], None if case.random.random() < 0.5 else record[2]) for record in records]
        every = sum(len(frame(*record)) for record in records[:2])
        wrong = [entries_of(records, every, rule) for rule in WRONG_RULES]
        due = entries_of(records, every)
        at_tombstone = any(value is None and offset in dict(due) for offset, _, value in records)
        if all(one != due and wrong.count(one) == 1 for one in wrong) and at_tombstone == (turn(case, 3) == 2):
            break
    index = index_of(filled(case, records, every))
    if index == due:
        return
    notes = [remark(case, f"byte {at}: offset {record[0]}, {len(frame(*record))} bytes"
                          f"{', a tombstone' if record[2] is None else ''}", node="file")
             for at, record in zip(places(records), records, strict=True)]
    what = f"`every` is {every}. The index is {pairs(index)}; {pairs(due)} was due"
    entries = [note for note, record in zip(notes, records, strict=True) if record[0] in dict(due)]
    for name, known_by in WRONG_RULES.items():
        if index == entries_of(records, every, name):
            case.blame(known_by, what, *entries)
    case.blame("WRONG_INDEX", what, *entries)


@q2.check("two segments know nothing of each other", histories=1)
def apart(case: Case):
    names, bases = ("the first segment", "the second segment"), (20, 60)
    segments = [made(case, base, 30) for base in bases]
    remark(case, "the first segment begins at 20, the second at 60", node="segment")
    stocks = [stock(case, 4, base) for base in bases]
    for records in zip(*stocks, strict=True):  # in turn: each goes on where it was
        for name, segment, record in zip(names, segments, records, strict=True):
            append(case, segment, record, f" to {name}", "SHARED")
    for name, segment, records in zip(names, segments, stocks, strict=True):
        file, index, due = segment.actor.get(segment, "file"), index_of(segment), entries_of(records, 30)
        if file != file_of(records):
            case.blame("SHARED", f"{name} was given {listed(records)}, and its file holds other bytes", *case.entries())
        if index != due:
            case.blame("SHARED", f"{name} has the index {pairs(index)}; {pairs(due)} was due", *case.entries())


# ------------------------------------------------------------------------------- q3: find the nearest note, doubt it

q3 = lab.question("q3", "Find the nearest note, and doubt it", points=3, defines=("find", "read"))
EVERY = 40
"""Bytes between two entries in the files that are read here: an entry for each second frame."""


@q3.check("begin at the last entry that is not above the offset", histories=5)
def nearest_entry(case: Case):
    positions = sorted(case.random.sample(range(40, 400), 3))
    index = list(zip(sorted(case.random.sample(range(10, 60), 3)), positions, strict=True))
    form = turn(case, 5)
    if form == 0:
        index = [(20, positions[0]), (30, positions[1])]
    # between two, at an entry, before the first, behind the last, and without any
    offset = (27, index[1][0], index[0][0] - 1, index[-1][0] + 5, 7)[form]
    if form == 4:
        index = []
    due = max((at for noted, at in index if noted <= offset), default=0)
    try:
        got = asked(case, "reader", "find", f"find({pairs(index)}, {offset})", index, offset)
    except AnswerRaised as error:
        if error.type not in ("IndexError", "ValueError", "TypeError", "UnboundLocalError") or due:
            raise
        case.blame("FIRST_BYTES", f"no entry is at or below {offset}, and {error} came out; the file begins at byte 0",
                   *case.entries())
    if is_whole(got) and got == due:
        return
    what, entries = f"to find offset {offset}, begin at byte {due}; `find` says {describe(got)}", case.entries()
    if due == 0:
        case.blame("FIRST_BYTES", f"{what}, and no entry is at or below {offset}", *entries)
    if got in [at for noted, at in index if noted > offset]:
        case.blame("ENTRY_BEYOND", f"{what}, which is behind it: files are read forward", *entries)
    if got in (0, *(at for _, at in index)):
        case.blame("OFF_BY_ONE", f"{what}, and there is a nearer entry", *entries)
    case.blame("WRONG_START", what, *entries)


def reading(case: Case, records: list[Record], file: bytes, index: list, offset: int, *most: int) -> Any:
    """What the answer reads; tuples for records."""
    text = f"read from {offset}" + (f", at most {most[0]}" if most else "")
    try:
        got = asked(case, "reader", "read", text, file, index, offset, *most, say=listed)
    except AnswerRaised as error:
        if error.type != "Damaged" or file != file_of(records) or index != entries_of(records, EVERY):
            raise
        end = f"the file ends with offset {records[-1][0]}" if records else "the file is empty"
        case.blame("END_RAISES", f"{end}; read from {offset}, {error} came out",
                   *case.entries())
    if not isinstance(got, list | tuple) or not all(
            isinstance(one, list | tuple) and len(one) == 3 and is_whole(one[0]) for one in got):
        case.blame("NO_RECORDS", f"`read` returns a list of records, as `read_frame` gives them; this is "
                                 f"{describe(got)}", *case.entries())
    return [tuple(record) for record in got]


def compare_read(case: Case, got: list, records: list[Record], offset: int, most: int = 10) -> None:
    due, entries = [record for record in records if record[0] >= offset][:most], case.entries()
    if got == due:
        return
    what = f"from {offset} on there is {listed(due)}; `read` found {listed(got)}"
    if [record for record in got if record[0] < offset]:
        case.blame("STARTS_EARLY", f"{what}, and {told(got[0])} is before it", *entries)
    if due and due[0][0] == offset and due[0] not in got:
        case.blame("FORGETS_EXACT", f"offset {offset} was asked for, and the first that came is "
                                    f"{told(got[0]) if got else 'nothing'}", *entries)
    if due and due[0][0] > offset and due[0] not in got:
        case.blame("LOST_AT_A_HOLE", f"offset {offset} was cleaned away, {due[0][0]} is the next one; `read` found "
                                     f"{listed(got)}", *entries)
    if len(got) != len(due):
        case.blame("WRONG_COUNT", f"{len(due)} records were due, at most {most}; `read` found {len(got)}", *entries)
    case.blame("NO_RECORDS", what, *entries)


@q3.check("what was asked for comes first, and then the rest, 10 of them if nothing else is said", histories=5)
def from_an_offset(case: Case):
    form = turn(case, 5)
    records = stock(case, 14 if form == 4 else 5, base=case.random.randint(0, 50))
    offset, most = records[1 + form % 2][0], (2,) if form in (2, 3) else ()
    index = entries_of(records, EVERY)
    show(case, records)
    got = reading(case, records, file_of(records), index, offset, *most)
    compare_read(case, got, records, offset, *most)


@q3.check("an offset that is gone is no end, and behind the end is nothing", histories=5)
def holes_and_ends(case: Case):
    form, records = turn(case, 5), stock(case, 5, base=case.random.randint(2, 50), holes=True)
    offset = (records[3][0] - 1, records[-1][0] + 1, records[0][0] - 2, records[2][0] + 1, records[0][0])[form]
    records = [] if form == 4 else records  # a segment that has just begun
    index = entries_of(records, EVERY)
    show(case, records)
    got = reading(case, records, file_of(records), index, offset)
    compare_read(case, got, records, offset)


@q3.check("what stands before the entry is not looked at", histories=2)
def index_is_used(case: Case):
    records = stock(case, 6, base=10)
    index, file, behind = entries_of(records, EVERY), bytearray(file_of(records)), []
    if turn(case, 2):  # a later entry lies, which is nobody's concern
        records += stock(case, 2, base=16)
        behind, file = [(17, 30)], bytearray(file_of(records))
    file[HEAD + 4] ^= 1  # in the key of the first frame
    show(case, records)
    damaged = remark(case, "byte 20: one bit has turned", node="file")
    remark(case, f"index: {pairs([*index, *behind])}", node="file")
    offset = index[-1][0] + 1
    try:
        got = reading(case, records, bytes(file), [*index, *behind], offset)
    except AnswerRaised as error:
        if error.type != "Damaged":
            raise
        case.blame("SCANS_ALL", f"offset {offset} is found from byte {index[-1][1]} on, and yet the damaged byte 20 "
                                "was read", damaged, *case.entries())
    if not got:
        case.blame("SCANS_ALL", f"offset {offset} is found from byte {index[-1][1]} on, and nothing was found", damaged,
                   *case.entries())
    compare_read(case, got, records, offset)


@q3.check("damage among what is read comes out, a torn frame at the end too", histories=4)
def damage_comes_out(case: Case):
    form, records = turn(case, 4), stock(case, 5, base=10)
    number, what = (2, 3, 4, 4)[form], "damaged"
    file, at = bytearray(file_of(records)), places(records)[number] + HEAD + 4
    show(case, records)
    if form < 2:
        file[at] ^= 1
        damaged = remark(case, f"byte {at}: one bit has turned", node="file")
    else:  # in the middle of the key, of the head
        file, what = file[:at - 2 if form == 2 else at - 14], "torn"
        damaged = remark(case, f"the file ends at byte {len(file)}, in the middle of a frame", node="file")
    try:
        got = reading(case, records, bytes(file), [], records[0][0])
    except AnswerRaised as error:
        if error.type == "Damaged":
            return
        raise
    case.blame("HIDES_DAMAGE", f"the frame of offset {records[number][0]} is {what}; read from {records[0][0]}, "
                               f"{listed(got)} was found, and not a word of it", damaged, *case.entries())


@q3.check("an index that lies is not believed", histories=6)
def index_may_lie(case: Case):
    form, records = turn(case, 6), stock(case, 6, base=10)
    if form == 5:  # a value in which the offset stands, as in a log of commits
        records[4] = (*records[4][:2], struct.pack(">q", records[2][0]))
    file, at = file_of(records), places(records)
    # the byte of a later frame; the middle of one; behind the end; where a length seems to fit; two lies in a row;
    # where the offset stands, and no frame
    lie = (at[4], at[2] + 7, len(file) + 40, at[3] - 4, at[2] + 7, at[5] - 8)[form]
    index, offset = [(records[2][0], lie)], records[3][0]
    if form == 4:
        index = [(records[1][0], at[4]), *index]
    show(case, records)
    entry = remark(case, f"index: {pairs(index)}", node="file")
    where = f"the index has offset {records[2][0]} at byte {lie}, and it stands at byte {at[2]}"
    if form == 4:
        where = f"both entries of the index, {pairs(index)}, lie"
    if form == 5:
        where += f"; what looks like that offset at byte {lie} is a value"
    try:
        got = reading(case, records, file, index, offset)
    except AnswerRaised as error:
        if error.type == "NotImplementedError":
            raise
        case.blame("BELIEVES_INDEX", f"{where}; {error} came out", entry, *case.entries())
    if got != records[3:]:
        case.blame("BELIEVES_INDEX", f"{where}; read from {offset}, {listed(got)} was found", entry, *case.entries())


# --------------------------------------------------------------------------------- q4: the last word of each key

q4 = lab.question("q4", "The last word of each key", points=4, defines="compact")


def compacted(case: Case, files: list[list[Record]], expired: int, torn: bytes = b"") -> list[list[Record]]:
    """The answer's files after a cleaning, as records. Blames what is no file, and an active one that has changed.

    torn: a piece of a frame, at the end of the active file.
    """
    for number, records in enumerate(files):
        active = number == len(files) - 1
        more = f", and {len(torn)} bytes of a frame" if active and torn else ""
        remark(case, f"{listed(records)}{more}", node="active file" if active else f"file {number}")
    before = [*map(file_of, files[:-1]), file_of(files[-1]) + torn]

    def say(found: Any) -> str:
        if not isinstance(found, list | tuple):
            return _kind(found)
        return " | ".join("as it was" if torn and file == before[-1] else
                          "no frames" if parsed(file) is None else listed(parsed(file)) for file in found)

    got = asked(case, "cleaner", "compact", f"compact, tombstones below {expired} have expired", before, expired,
                say=say)
    entries = case.entries()
    if not isinstance(got, list | tuple) or len(got) != len(files):
        count = f"{len(got)}" if isinstance(got, list | tuple) else f"no list but {_kind(got)}"
        case.blame("OTHER_FILES", f"{len(files)} files went in, and {count} came out", *entries)
    if torn and got[-1] != before[-1]:
        case.blame("CLEANS_ACTIVE", f"the active file had {len(before[-1])} bytes, the last {len(torn)} of them a part "
                                    f"of a frame; it has {_kind(got[-1])} now", *entries)
    found = [*map(parsed, got[:-1]), files[-1] if torn else parsed(got[-1])]
    for number, records in enumerate(found):
        if records is None:
            case.blame("OTHER_FILES", f"file {number} is no row of whole frames any more", *entries)
    if found[-1] != files[-1]:
        case.blame("CLEANS_ACTIVE", f"the active file held {listed(files[-1])}, and now {listed(found[-1])}: others "
                                    "write to it meanwhile", *entries)
    return found


def _kind(value: Any) -> str:
    return f"{len(value)} bytes" if isinstance(value, bytes) else describe(value)


def staying(files: list[list[Record]], expired: int) -> list[list[Record]]:
    """What stays of the closed files."""
    last = {key: offset for records in files[:-1] for offset, key, _ in records}
    return [[record for record in records if record[0] == last[record[1]]
             and (record[2] is not None or record[0] >= expired)] for records in files[:-1]]


def compare_files(case: Case, files: list[list[Record]], expired: int, *, lost: str = "", left: str = "") -> None:
    """Blame the first difference between what stays and what should. `lost`, `left`: the hint for a record that is
    missing, and for one too many, in place of the plain ones."""
    found, entries, due = compacted(case, files, expired), case.entries(), staying(files, expired)
    last = {key: offset for records in files[:-1] for offset, key, _ in records}
    if found[:-1] == due:
        return
    got, wanted = [one for records in found[:-1] for one in records], [one for records in due for one in records]
    if sorted(got, key=repr) == sorted(wanted, key=repr):
        if [one for records in found[:-1] for one in records] == wanted:
            case.blame("OTHER_FILES", "each record has to stay in its file, and one has moved to another", *entries)
        case.blame("MIXES_ORDER", f"{listed(wanted)} was due in this order, and {listed(got)} came: offsets rise in a "
                                  "file", *entries)
    if [one[1:] for one in got] == [one[1:] for one in wanted]:
        old, new = next((a[0], b[0]) for a, b in zip(wanted, got, strict=True) if a != b)
        case.blame("RENUMBERS", f"the record at offset {old} is at {new} now: who has committed {old} reads something "
                                "else", *entries)
    for record in wanted:
        if record not in got:
            older = next((one for one in got if one[1] == record[1] and one[0] < record[0]), None)
            if older is not None:
                case.blame("KEEPS_FIRST" if record[2] is not None else "REVIVES",
                           f"{told(older)} stayed, and {told(record)}, which is newer, went", *entries)
            plain = "DROPS_TOMBSTONE" if record[2] is None else "LOSES_LAST"
            case.blame(lost or plain, f"{told(record)} is the last word of its key in the closed files, and went",
                       *entries)
    more = next(record for record in got if record not in wanted)
    deleted = any(key == more[1] and offset == last[key] and value is None for file in files[:-1]
                  for offset, key, value in file)
    usual = "KEEPS_OLD"
    if deleted:
        usual = "KEEPS_TOMBSTONE" if more[2] is None and last[more[1]] == more[0] else "REVIVES"
    case.blame(left or usual, f"{told(more)} stayed; {_why(more, last, expired)}", *entries)


def _why(record: Record, last: dict[bytes, int], expired: int) -> str:
    offset, key, value = record
    if key not in last:
        return "nobody has written it"
    if offset != last[key]:
        return f"offset {last[key]} has replaced it"
    return f"it is a tombstone below {expired}, and every reader has seen it" if value is None else "it was not there"


ACTIVE: list[Record] = [(90, b"jug", b"1"), (91, b"jug", b"2")]
"""What an active file holds: a key of its own, twice."""


@q4.check("of each key the last record stays, with its offset and in its place", histories=4)
def last_stays(case: Case):
    a, b, c = case.random.sample(ARTICLES, 3)
    one, two, three, four = (str(number).encode() for number in case.random.sample(range(10, 99), 4))
    base = case.random.randint(3, 40)
    forms = ([(a, one), (a, two)], [(a, one), (b, two), (a, three)], [(a, one), (b, two), (c, three), (a, four)],
             [(a, one), (b, two), (a, one)])  # the last: the same value once more
    records = [(base + at, *pair) for at, pair in enumerate(forms[turn(case, 4)])]
    compare_files(case, [records, ACTIVE], expired=base + 2)


@q4.check("a key is one key in all files that are closed", histories=2)
def across_files(case: Case):
    a, b = case.random.sample(ARTICLES, 2)
    files = [[(4, a, b"10"), (5, b, b"20")], [(6, a, b"11"), (8, a, b"12")], ACTIVE]
    if case.size:
        files = [[(4, a, b"10")], [(6, a, b"11"), (7, b, b"20")], ACTIVE]
    compare_files(case, files, expired=0, left="EACH_FILE_ALONE")


@q4.check("the active file replaces nothing in the others", histories=2)
def active_does_not_count(case: Case):
    a, b = case.random.sample(ARTICLES, 2)
    active = [(9, a, b"13")] if not case.size else [(9, a, None)]
    compare_files(case, [[(4, a, b"10"), (5, b, b"20"), (6, a, b"11")], active], expired=0, lost="ACTIVE_COUNTS")


@q4.check("a tombstone stays while a reader may be away, and no longer than it is the last word", histories=5)
def tombstone_stays(case: Case):
    a, b = case.random.sample(ARTICLES, 2)
    records = [(4, a, b"10"), (5, b, b"20"), (6, a, None)]
    if turn(case, 5) == 3:
        records = [(4, a, None), (5, b, b"20"), (6, a, b"10")]  # it is back: the tombstone has been replaced
    if turn(case, 5) == 4:
        records = records[1:]  # an earlier cleaning has taken what it had replaced, and a reader may not know yet
    compare_files(case, [records, ACTIVE], expired=(0, 5, 6, 4, 6)[turn(case, 5)])


@q4.check("a tombstone that has expired goes, and brings nothing back", histories=4)
def tombstone_goes(case: Case):
    a, b = case.random.sample(ARTICLES, 2)
    form, records = turn(case, 4), [(4, a, b"10"), (5, a, None), (6, b, b"20")]
    if form == 1:
        records = [(4, a, None), (5, a, b"10"), (6, b, b"20")]  # it came back to life by itself
    if form == 3:
        records = [(5, a, None), (6, b, b"20")]  # an earlier cleaning has taken what it had replaced
    files = [records[:1], records[1:], ACTIVE] if form == 2 else [records, ACTIVE]
    tombstone = next(one for file in files[:-1] for one in file if one[2] is None)
    compare_files(case, files, expired=tombstone[0] + 1 + turn(case, 2))


@q4.check("an empty value is a value", histories=1)
def empty_value(case: Case):
    a, b = case.random.sample(ARTICLES, 2)
    records = [(4, a, b"10"), (5, b, b"20"), (6, a, b"")]
    compare_files(case, [records, ACTIVE], expired=9, lost="EMPTY_IS_VALUE")


@q4.check("a file without a frame is a file", histories=2)
def empty_file(case: Case):
    a, b = case.random.sample(ARTICLES, 2)
    files = [[], [(4, a, b"10"), (5, b, b"20"), (6, a, b"11")], ACTIVE]  # an earlier cleaning has emptied the first
    try:
        compare_files(case, files if not case.size else [*files[1:-1], []], expired=0)
    except AnswerRaised as error:
        if error.type == "NotImplementedError":
            raise
        case.blame("EMPTY_FILE", f"one of the files is empty, and {error} came out", *case.entries())


@q4.check("the active file is not read: its last frame may be half written", histories=2)
def active_is_not_read(case: Case):
    a, b = case.random.sample(ARTICLES, 2)
    files = [[(4, a, b"10"), (5, b, b"20"), (6, a, b"11")], ACTIVE]
    torn = frame(92, b"jug", b"3")[:5 if turn(case, 2) else HEAD + 4]
    try:
        compacted(case, files, 0, torn)
    except AnswerRaised as error:
        if error.type == "NotImplementedError":
            raise
        case.blame("READS_ACTIVE", f"the active file ends in the middle of a frame, and {error} came out",
                   *case.entries())


@q4.check("damage in a closed file comes out", histories=2)
def damage_is_not_cleaned(case: Case):
    a, b = case.random.sample(ARTICLES, 2)
    records = [(4, a, b"10"), (5, b, b"20"), (6, a, b"11")]
    file, at = bytearray(file_of(records)), places(records)[1] + HEAD + 4
    if turn(case, 2):
        file = file[:places(records)[2] + HEAD]
        what = f"file 0 ends at byte {len(file)}, in the middle of the frame of offset 6"
    else:
        file[at] ^= 1
        what = f"one bit of byte {at} of file 0 has turned, in the frame of offset 5"
    remark(case, listed(records), node="file 0")
    damaged = remark(case, what, node="file 0")
    try:
        asked(case, "cleaner", "compact", "compact", [bytes(file), file_of(ACTIVE)], 0, say=_files)
    except AnswerRaised as error:
        if error.type == "Damaged":
            return
        raise
    case.blame("CLEANS_DAMAGE", f"{what}; `compact` has written the file anew, and not a word of it", damaged,
               *case.entries())


def _files(found: Any) -> str:
    return " | ".join(map(_kind, found)) if isinstance(found, list | tuple) else _kind(found)


@q4.check("a cleaning knows nothing of the one before it", histories=1)
def cleanings_stand_alone(case: Case):
    a, b = case.random.sample(ARTICLES, 2)
    compacted(case, [[(14, a, b"10"), (15, b, b"20")], ACTIVE], 0)
    files = [[(4, a, b"10"), (5, b, b"20"), (6, a, b"11")], ACTIVE]  # another partition, with the same keys
    found, due = compacted(case, files, 0)[:-1], staying(files, 0)
    if found != due:
        case.blame("REMEMBERS", f"a second partition was cleaned: {listed(due[0])} was due, and {listed(found[0])} "
                                "stayed", *case.entries())


# --------------------------------------------------------------------------------------------- q5: torn, or damaged?

q5 = lab.question("q5", "Extra: torn, or damaged?", points=2, defines="recover")


def recovered(case: Case, file: bytes, what: str) -> tuple[Any, int]:
    """What the answer makes of the file, None if it refuses, and the entry of the history. `what` was done to it."""
    bent = remark(case, what, node="file")
    operation = case.history.invoke(f"recover {len(file)} bytes", node="recovery")
    try:
        got = case.wait(case.actor("recovery").call("recover", file), "recovery")
    except AnswerRaised as error:
        operation.fail(error.type)
        if error.type == "Damaged":
            return None, bent
        raise
    found = parsed(got)
    operation.ok(listed(found) if found is not None else f"{len(got)} bytes" if isinstance(got, bytes) else
                 describe(got))
    if not isinstance(got, bytes):
        case.blame("NO_BYTES", f"`recover` returns the bytes that stay, and returned {describe(got)}",
                   operation.number)
    return got, bent


def cut_right(case: Case, records: list[Record], file: bytes, what: str) -> None:
    """Blame anything but a file of exactly these records."""
    show(case, records)
    got, bent = recovered(case, file, what)
    entries, found, kept = (bent, *case.entries()), parsed(got), file_of(records)
    if got is None:
        case.blame("REFUSES_TORN", f"{what}. Nobody was told that this record is safe, and the file was refused",
                   *entries)
    if got == kept:
        return
    if len(got) > len(kept):
        case.blame("LEAVES_TAIL", f"{what}, and {len(got) - len(kept)} bytes of no frame stayed: the next append goes "
                                  "behind them", *entries)
    gone = listed(records[len(found):]) if found is not None else f"a piece of the {len(kept)} bytes"
    case.blame("CUTS_TOO_MUCH", f"{what}. {gone} was whole, and was cut", *entries)


@q5.check("a file of whole frames stays as it is", histories=2)
def whole_stays(case: Case):
    records = stock(case, 3 * round(case.size), base=30)
    cut_right(case, records, file_of(records), "nothing was done to the file")


@q5.check("a torn tail is cut, and nothing else", histories=4)
def tail_is_cut(case: Case):
    form = turn(case, 4)
    records = stock(case, 0 if form == 3 else 3, base=30)  # the first frame of a file may be torn, too
    offset = 30 + len(records)
    more = frame(offset, b"pan", b"7")
    written = (HEAD + 2, HEAD - case.random.randint(1, 12), len(more) - 1, HEAD + 2)[form]
    cut_right(case, records, file_of(records) + more[:written], f"of a frame for offset {offset}, {written} of "
                                                                f"{len(more)} bytes were written")


def refused(case: Case, records: list[Record], file: bytes, what: str, first: int, hint: str) -> None:
    """Blame an answer that does not refuse this file, whose record `first` is damaged."""
    show(case, records)
    got, bent = recovered(case, file, what)
    if got is None:
        return
    entries, found = (bent, *case.entries()), parsed(got)
    behind = records[first + 1:]
    if got == file:
        case.blame("NOT_SEEN", f"{what}, and the file stayed as it is, as if that were nothing", *entries)
    if behind and found is not None and behind[-1] in found:
        case.blame("SKIPS_DAMAGE", f"{what}; it was left out, and {listed(behind)} moved into its place", *entries)
    gone = listed(records[first:])
    case.blame(hint, f"{what}, and the file was cut there: {gone} had been acked", *entries)


@q5.check("damage in the middle is refused", histories=2)
def middle_is_refused(case: Case):
    records = stock(case, 4, base=30)
    first = 1 if not case.size else 2
    file, at = bytearray(file_of(records)), places(records)[first] + HEAD + 4
    file[at] ^= 1
    refused(case, records, bytes(file), f"one bit of byte {at} has turned", first, "CUTS_GOOD")


@q5.check("a wrong CRC in the last frame is no torn tail", histories=1)
def last_is_refused(case: Case):
    records = stock(case, 3, base=30)
    file = bytearray(file_of(records))
    file[-1] ^= 1
    refused(case, records, bytes(file), f"one bit of byte {len(file) - 1}, the last one, has turned", 2, "CUTS_LAST")


@q5.check("a length that reaches beyond the end is no torn tail if a whole frame stands behind it", histories=4)
def length_is_refused(case: Case):
    form, records = turn(case, 4), stock(case, 4, base=30)
    first = (2, 0, 1, 2)[form]
    if form == 3:  # a frame of more than a few bytes
        records[2] = (*records[2][:2], b"5" * case.random.randint(300, 999))
    file, at = bytearray(file_of(records)), places(records)[first] + 8 + (2, 0, 2, 1)[form]
    file[at] ^= 1
    what = f"one bit of byte {at} has turned, in a length"
    if form == 2:  # whole frames behind it, and a torn tail behind them
        file += frame(34, b"pan", b"7")[:-3]
        what += "; and the frame for offset 34 is torn"
    refused(case, records, bytes(file), what, first, "BELIEVES_LENGTH")
