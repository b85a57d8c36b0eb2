# Compares eight bytes at the entry, and looks for no frame.
# expect: lab05.q3 fails, hint=BELIEVES_INDEX

# answer: lab05.q3
def find(index, offset):
    return next((byte for first, byte in reversed(index) if first <= offset), 0)


def read(file, index, offset, most=10):
    good = [(o, at) for o, at in index if file[at:at + 8] == struct.pack(">q", o)]
    at, out = find(good, offset), []
    while len(out) < most and at < len(file):
        record, at = read_frame(file, at)
        if record.offset >= offset:
            out.append(record)
    return out
