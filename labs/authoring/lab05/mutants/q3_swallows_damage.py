# Takes a damaged frame for the end of the file.
# expect: lab05.q3 fails, hint=HIDES_DAMAGE

# answer: lab05.q3
def find(index, offset):
    at = 0
    for noted, position in index:
        if noted <= offset:
            at = position
    return at


def scan(file, at, offset, most):
    found = []
    try:
        while at < len(file) and len(found) < most:
            record, at = read_frame(file, at)
            if record.offset >= offset:
                found.append(record)
    except Damaged:
        pass
    return found


def read(file, index, offset, most=10):
    at = find(index, offset)
    wanted = dict((p, o) for o, p in index).get(at)
    first = scan(file, at, 0, 1)
    if at and (not first or first[0].offset != wanted):
        at = 0
    return scan(file, at, offset, most)
