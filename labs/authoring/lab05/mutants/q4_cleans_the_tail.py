# Writes the active file anew, without its last piece.
# expect: lab05.q4 fails, hint=CLEANS_ACTIVE

# answer: lab05.q4
def compact(files, expired):
    read, last = [], {}
    for file in files:
        at, records = 0, []
        try:
            while at < len(file):
                record, at = read_frame(file, at)
                records.append(record)
                if file is not files[-1]:
                    last[record.key] = record.offset
        except Damaged:
            pass
        read.append(records)
    return [b"".join(frame(*r) for r in records
                     if last[r.key] == r.offset and (r.value is not None or r.offset >= expired))
            for records in read[:-1]] + [b"".join(frame(*r) for r in read[-1])]
