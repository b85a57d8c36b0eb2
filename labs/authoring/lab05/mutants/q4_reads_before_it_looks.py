# Reads a frame before it asks whether there is one.
# expect: lab05.q4 fails, hint=EMPTY_FILE

# answer: lab05.q4
def records_of(file):
    found, at = [], 0
    while True:
        record, at = read_frame(file, at)
        found.append(record)
        if at == len(file):
            return found


def compact(files, expired):
    last = {}
    for file in files[:-1]:
        for record in records_of(file):
            last[record.key] = record.offset
    out = []
    for file in files[:-1]:
        out.append(b"".join(frame(*r) for r in records_of(file)
                            if r.offset == last[r.key] and (r.value is not None or r.offset >= expired)))
    return out + files[-1:]
