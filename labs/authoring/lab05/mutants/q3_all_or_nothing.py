# One entry lies, and all of them are thrown away.
# expect: lab05.q3 fails, hint=SCANS_ALL

# answer: lab05.q3
def find(index, offset):
    return next((byte for first, byte in reversed(index) if first <= offset), 0)


def read(file, index, offset, most=10):
    try:
        fine = all(read_frame(file, at)[0].offset == o for o, at in index)
    except Damaged:
        fine = False
    at, out = find(index, offset) if fine else 0, []
    while len(out) < most and at < len(file):
        record, at = read_frame(file, at)
        if record.offset >= offset:
            out.append(record)
    return out
