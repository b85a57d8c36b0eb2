# Reads the active file as well, though it does not use what is in it.
# expect: lab05.q4 fails, hint=READS_ACTIVE

# answer: lab05.q4
def compact(files, expired):
    read = []
    for file in files:
        at, records = 0, []
        while at < len(file):
            record, at = read_frame(file, at)
            records.append(record)
        read.append(records)
    last = {record.key: record.offset for records in read[:-1] for record in records}
    return [b"".join(frame(*record) for record in records if last[record.key] == record.offset
                     and (record.value is not None or record.offset >= expired))
            for records in read[:-1]] + files[-1:]
