# An entry that points at bytes whose CRC is wrong is let out as damage.
# expect: lab05.q3 fails, hint=BELIEVES_INDEX

# answer: lab05.q3
def find(index, offset):
    return next((byte for first, byte in reversed(index) if first <= offset), 0)


def read(file, index, offset, most=10):
    good = []
    for first, byte in index:
        try:
            if read_frame(file, byte)[0].offset == first:
                good.append((first, byte))
        except Damaged as d:
            if not d.torn and first <= offset:
                raise
    at, out = find(good, offset), []
    while len(out) < most and at < len(file):
        record, at = read_frame(file, at)
        if record.offset >= offset:
            out.append(record)
    return out
