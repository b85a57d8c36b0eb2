# Knows the last record by its value.
# expect: lab05.q4 fails, hint=KEEPS_OLD

# answer: lab05.q4
def compact(files, expired):
    read, last = [], {}
    for file in files[:-1]:
        at, records = 0, []
        while at < len(file):
            record, at = read_frame(file, at)
            records.append(record)
            last[record.key] = record.value
        read.append(records)
    return [b"".join(frame(*r) for r in records
                     if last[r.key] == r.value and (r.value is not None or r.offset >= expired))
            for records in read] + files[-1:]
