# Takes a default of None, 0 or "" for none at all.
# expect: lab03.q3 fails, hint=IGNORES_DEFAULT

# answer: lab03.q3
def problems(old, new):
    found = []
    for name, field in new.items():
        if name not in old:
            if not field.get("default"):
                found.append(name)
            continue
        written, reads = old[name]["type"], field["type"]
        if written != reads and (written, reads) != ("int", "float"):
            found.append(name)
    return found
