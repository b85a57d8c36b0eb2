# Another default than the question's.
# expect: lab05.q3 fails, hint=WRONG_COUNT

# answer: lab05.q3
def find(index, offset):
    return next((byte for first, byte in reversed(index) if first <= offset), 0)


def read(file, index, offset, most=1000):
    good = []
    for first, byte in index:
        try:
            if read_frame(file, byte)[0].offset == first:
                good.append((first, byte))
        except Damaged:
            pass
    at, out = find(good, offset), []
    while len(out) < most and at < len(file):
        record, at = read_frame(file, at)
        if record.offset >= offset:
            out.append(record)
    return out
