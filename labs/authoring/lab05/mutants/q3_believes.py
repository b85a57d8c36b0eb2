# Follows the index, whatever stands there.
# expect: lab05.q3 fails, hint=BELIEVES_INDEX

# answer: lab05.q3
def find(index, offset):
    return max((position for noted, position in index if noted <= offset), default=0)


def read(file, index, offset, most=10):
    at, found = find(index, offset), []
    while at < len(file) and len(found) < most:
        record, at = read_frame(file, at)
        if record.offset >= offset:
            found.append(record)
    return found
