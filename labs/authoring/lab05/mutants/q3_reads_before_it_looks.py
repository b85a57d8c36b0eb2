# Reads a frame before it asks whether there is one.
# expect: lab05.q3 fails, hint=END_RAISES

# answer: lab05.q3
def find(index, offset):
    at = 0
    for noted, position in index:
        if noted <= offset:
            at = position
    return at


def read(file, index, offset, most=10):
    at = find(index, offset)
    try:
        record, _ = read_frame(file, at)
        if at and (record.offset, at) not in index:
            at = 0
    except Damaged:
        at = 0
    found = []
    while True:
        record, at = read_frame(file, at)
        if record.offset >= offset:
            found.append(record)
        if at == len(file) or len(found) == most:
            return found
