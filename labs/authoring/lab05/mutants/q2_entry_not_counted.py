# The frame that gets an entry is not counted.
# expect: lab05.q2 fails, hint=WRONG_INDEX

# answer: lab05.q2
class Segment:
    def __init__(self, base, every):
        self.file, self.index = b"", []
        self.every, self.next_offset = every, base
        self.since = 0

    def append(self, key, value):
        offset = self.next_offset
        data = frame(offset, key, value)
        if self.since > self.every:
            self.index.append((offset, len(self.file)))
            self.since = 0
        else:
            self.since += len(data)
        self.file += data
        self.next_offset += 1
        return offset
