# Writes a deletion for an empty value.
# expect: lab05.q2 fails, hint=EMPTY_IS_VALUE

# answer: lab05.q2
class Segment:
    def __init__(self, base, every):
        self.file, self.index = b"", []
        self.every, self.next_offset = every, base
        self.since = 0
        self.base = base

    def append(self, key, value):
        offset = self.next_offset
        data = frame(offset, key, value if value else None)
        if self.since > self.every:
            self.index.append((offset, len(self.file)))
            self.since = 0
        self.file += data
        self.since += len(data)
        self.next_offset += 1
        return offset
