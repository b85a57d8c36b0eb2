# Reads from the beginning.
# expect: lab05.q3 fails, hint=SCANS_ALL

# answer: lab05.q3
def find(index, offset):
    return max((position for noted, position in index if noted <= offset), default=0)


def read(file, index, offset, most=10):
    at, found = 0, []
    while at < len(file) and len(found) < most:
        record, at = read_frame(file, at)
        if record.offset >= offset:
            found.append(record)
    return found
