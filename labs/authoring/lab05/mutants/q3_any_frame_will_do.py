# Begins there if a whole frame does, whichever.
# expect: lab05.q3 fails, hint=BELIEVES_INDEX

# answer: lab05.q3
def find(index, offset):
    return max((position for noted, position in index if noted <= offset), default=0)


def read(file, index, offset, most=10):
    at, found = find(index, offset), []
    if not is_whole(file, at):
        at = 0
    while at < len(file) and len(found) < most:
        record, at = read_frame(file, at)
        if record.offset >= offset:
            found.append(record)
    return found


def is_whole(file, at):
    try:
        return read_frame(file, at) is not None
    except Damaged:
        return False
