# Leaves out a file of which nothing stays.
# expect: lab05.q4 fails, hint=OTHER_FILES

# answer: lab05.q4
def compact(files, expired):
    last = {}
    for file in files[:-1]:
        for record in records_of(file):
            last[record.key] = record.offset
    cleaned = []
    for file in files[:-1]:
        kept = []
        for record in records_of(file):
            if record.offset != last[record.key]:
                continue
            if record.value is None and record.offset < expired:
                continue
            kept.append(frame(*record))
        if kept:
            cleaned.append(b"".join(kept))
    return cleaned + files[-1:]


def records_of(file):
    found, at = [], 0
    while at < len(file):
        record, at = read_frame(file, at)
        found.append(record)
    return found
