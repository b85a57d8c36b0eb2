# Looks at the nearest entry, and believes the one before it.
# expect: lab05.q3 fails, hint=BELIEVES_INDEX

# answer: lab05.q3
def find(index, offset):
    return next((byte for first, byte in reversed(index) if first <= offset), 0)


def read(file, index, offset, most=10):
    entries = [e for e in index if e[0] <= offset]
    at = 0
    if entries:
        named, at = entries[-1]
        try:
            lies = read_frame(file, at)[0].offset != named
        except Damaged:
            lies = True
        if lies:
            at = entries[-2][1] if len(entries) > 1 else 0
    out = []
    while len(out) < most and at < len(file):
        record, at = read_frame(file, at)
        if record.offset >= offset:
            out.append(record)
    return out
