# One list of entries for all segments.
# expect: lab05.q2 fails, hint=SHARED

# answer: lab05.q2
class Segment:
    index = []

    def __init__(self, base, every):
        self.file = b""
        self.every, self.next_offset = every, base
        self.since = 0

    def append(self, key, value):
        offset = self.next_offset
        data = frame(offset, key, value)
        if self.since > self.every:
            self.index.append((offset, len(self.file)))
            self.since = 0
        self.file += data
        self.since += len(data)
        self.next_offset += 1
        return offset
