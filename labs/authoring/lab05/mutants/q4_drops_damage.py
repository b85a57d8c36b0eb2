# Stops reading a closed file at damage, and drops the rest of it.
# expect: lab05.q4 fails, hint=CLEANS_DAMAGE

# answer: lab05.q4
def compact(files, expired):
    read, last = [], {}
    for file in files[:-1]:
        at, records = 0, []
        try:
            while at < len(file):
                record, at = read_frame(file, at)
                records.append(record)
                last[record.key] = record.offset
        except Damaged:
            pass
        read.append(records)
    return [b"".join(frame(*r) for r in records
                     if last[r.key] == r.offset and (r.value is not None or r.offset >= expired))
            for records in read] + files[-1:]
