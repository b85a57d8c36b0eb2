# Lets a tombstone go only together with a record that it replaces.
# expect: lab05.q4 fails, hint=KEEPS_TOMBSTONE

# answer: lab05.q4
def records_of(file):
    at = 0
    while at < len(file):
        record, at = read_frame(file, at)
        yield record


def compact(files, expired):
    # a tombstone goes only if something of its key was there
    last, seen = {}, {}
    for f in files[:-1]:
        for r in records_of(f):
            last[r.key] = r.offset
            seen[r.key] = seen.get(r.key, 0) + 1
    return [b"".join(frame(*r) for r in records_of(f) if r.offset == last[r.key]
                     and (r.value is not None or r.offset >= expired or seen[r.key] == 1))
            for f in files[:-1]] + [files[-1]]
