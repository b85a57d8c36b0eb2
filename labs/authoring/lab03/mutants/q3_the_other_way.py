# Looks whether old code can read new events.
# expect: lab03.q3 fails, hint=NEW_REQUIRED

# answer: lab03.q3
def problems(old, new):
    found = []
    old, new = new, old
    for name, field in new.items():
        if name not in old:
            if "default" not in field:
                found.append(name)
            continue
        written, reads = old[name]["type"], field["type"]
        if written != reads and (written, reads) != ("int", "float"):
            found.append(name)
    return found
