# A default argument keeps the keys of earlier calls.
# expect: lab05.q4 fails, hint=REMEMBERS

# answer: lab05.q4
def compact(files, expired, seen=set()):
    out = [files[-1]] if files else []
    for file in reversed(files[:-1]):
        at, records = 0, []
        while at < len(file):
            record, at = read_frame(file, at)
            records.append(record)
        kept = []
        for r in reversed(records):
            if r.key in seen:
                continue
            seen.add(r.key)
            if r.value is not None or r.offset >= expired:
                kept.append(frame(*r))
        out.insert(0, b"".join(reversed(kept)))
    return out
