# Writes the table key by key.
# expect: lab05.q4 fails, hint=MIXES_ORDER

# answer: lab05.q4
def compact(files, expired):
    last, home = {}, {}
    for number, file in enumerate(files[:-1]):
        for record in records_of(file):
            last[record.key] = record
            home[record.key] = number
    cleaned = [b""] * (len(files) - 1)
    for key, record in last.items():
        if record.value is not None or record.offset >= expired:
            cleaned[home[key]] += frame(*record)
    return cleaned + files[-1:]



def records_of(file):
    found, at = [], 0
    while at < len(file):
        record, at = read_frame(file, at)
        found.append(record)
    return found
