# Returns the entry's offset.
# expect: lab05.q3 fails, hint=WRONG_START

# answer: lab05.q3
def find(index, offset):
    return max((noted for noted, position in index if noted <= offset), default=0)


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
