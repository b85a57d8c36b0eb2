# bisect comes out at -1, and index[-1] is the last entry.
# expect: lab05.q3 fails, hint=FIRST_BYTES

# answer: lab05.q3
from bisect import bisect_right


def find(index, offset):
    if not index:
        return 0
    return index[bisect_right([noted for noted, _ in index], offset) - 1][1]


def read(file, index, offset, most=10):
    at, found = find(index, offset), []
    if not agrees(file, index, at):
        at = 0
    while at < len(file) and len(found) < most:
        record, at = read_frame(file, at)
        if record.offset >= offset:
            found.append(record)
    return found


def agrees(file, index, at):
    try:
        return at == 0 or (read_frame(file, at)[0].offset, at) in [tuple(entry) for entry in index]
    except Damaged:
        return False
