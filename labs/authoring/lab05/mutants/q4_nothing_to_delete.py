# Drops a tombstone if nothing is left that it deletes.
# expect: lab05.q4 fails, hint=DROPS_TOMBSTONE

# answer: lab05.q4
def compact(files, expired):
    rows, last, had = [], {}, set()
    for number, file in enumerate(files[:-1]):
        at = 0
        while at < len(file):
            record, at = read_frame(file, at)
            rows.append((number, record))
            last[record.key] = record.offset
            if record.value is not None:
                had.add(record.key)
    keep = lambda r: last[r.key] == r.offset and (r.value is not None or r.offset >= expired and r.key in had)
    return [b"".join(frame(*r) for n, r in rows if n == number and keep(r))
            for number in range(len(files) - 1)] + files[-1:]
