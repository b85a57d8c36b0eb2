# A bent word of bytes, properties in place of fields, an index that is looked through as a whole, a class, an error of
# its own.

# answer: lab05.q1
from collections import defaultdict


def partition(key, n):
    word = bytearray(murmur2(key).to_bytes(4, "big", signed=True))
    word[0] &= 0x7F
    return int.from_bytes(word, "big") % n


def split(records, n):
    shares = defaultdict(list)
    while records:
        first, *records = records
        shares[partition(first[0], n)].append(list(first))
    return [shares[number] for number in range(n)]


# answer: lab05.q2
from typing import NamedTuple


class Entry(NamedTuple):
    offset: int
    byte: int


class Segment:
    def __init__(self, base, every):
        self.base, self.every, self.frames, self.entries = base, every, [], []

    @property
    def file(self):
        return b"".join(self.frames)

    @property
    def index(self):
        return list(self.entries)

    def append(self, key, value):
        offset, size = self.base + len(self.frames), len(self.file)
        begin = self.entries[-1].byte if self.entries else 0
        if size - begin > self.every:
            self.entries.append(Entry(offset, size))
        self.frames.append(frame(offset, key, value))
        return offset


# answer: lab05.q3
def find(index, offset):
    if not index:
        return 0
    *before, (noted, byte) = index
    return byte if noted <= offset else find(before, offset)


def read(file, index, offset, most=10):
    true = []
    for noted, byte in index:
        try:
            if read_frame(file, byte)[0].offset == noted:
                true.append((noted, byte))
        except Damaged:
            pass
    return list(first_of(most, (record for record in frames(file, find(true, offset)) if record.offset >= offset)))


def frames(file, at):
    while at != len(file):
        record, at = read_frame(file, at)
        yield record


def first_of(most, records):
    for _ in range(most):
        try:
            yield tuple(next(records))
        except StopIteration:
            return


# answer: lab05.q4
class Cleaner:
    def __init__(self, expired):
        self.expired, self.newest = expired, {}

    def look(self, place, record):
        self.newest[record.key] = place

    def stays(self, place, record):
        return self.newest[record.key] == place and not (record.value is None and record.offset < self.expired)


def compact(files, expired):
    cleaner, placed = Cleaner(expired), {}
    for number, file in enumerate(files[:-1]):
        at = 0
        while at < len(file):
            record, after = read_frame(file, at)
            cleaner.look((number, at), record)
            placed[number, at] = record
            at = after
    cleaned = [bytearray() for _ in files[:-1]]
    for place, record in placed.items():
        if cleaner.stays(place, record):
            cleaned[place[0]] += frame(*record)
    return tuple(map(bytes, cleaned)) + tuple(files[-1:])


# answer: lab05.q5
def recover(file):
    kept = bytearray()
    while len(kept) < len(file):
        at = len(kept)
        try:
            record, _ = read_frame(file, at)
        except Damaged as found:
            for later in range(at + 1, len(file)):
                try:
                    read_frame(file, later)
                except Damaged:
                    continue
                raise Damaged(at, torn=False) from None
            if found.torn:
                return bytes(kept)
            raise
        kept += frame(*record)
    return bytes(kept)
