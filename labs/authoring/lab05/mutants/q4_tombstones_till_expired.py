# Keeps each tombstone that has not expired, also one that was replaced.
# expect: lab05.q4 fails, hint=KEEPS_OLD

# answer: lab05.q4
def records_of(file):
    at = 0
    while at < len(file):
        record, at = read_frame(file, at)
        yield record


def compact(files, expired):
    last = {r.key: r.offset for f in files[:-1] for r in records_of(f)}
    def keep(r):
        if r.value is None:
            return r.offset >= expired
        return r.offset == last[r.key]
    return [b"".join(frame(*r) for r in records_of(f) if keep(r)) for f in files[:-1]] + [files[-1]]
