# One counter for all segments: the last one that was made has it.
# expect: lab05.q2 fails, hint=SHARED

# answer: lab05.q2
import itertools

_offsets = None

class Segment:
    def __init__(self, base, every):
        global _offsets
        self.file, self.index = b"", []
        self.every = every
        _offsets = itertools.count(base)
        self.since = 0

    def append(self, key, value):
        offset = next(_offsets)
        if self.since > self.every:
            self.index.append((offset, len(self.file)))
            self.since = 0
        data = frame(offset, key, value)
        self.file += data
        self.since += len(data)
        return offset
