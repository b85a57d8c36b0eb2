# Puts all that stays into the first file.
# expect: lab05.q4 fails, hint=OTHER_FILES

# answer: lab05.q4
def compact(files, expired):
    last = {}
    for file in files[:-1]:
        for record in records_of(file):
            last[record.key] = record
    kept = sorted(record for record in last.values() if record.value is not None or record.offset >= expired)
    return [b"".join(frame(*record) for record in kept)] + [b""] * (len(files) - 2) + files[-1:]



def records_of(file):
    found, at = [], 0
    while at < len(file):
        record, at = read_frame(file, at)
        found.append(record)
    return found
