# Thinks that a default helps against a changed type, too.
# expect: lab03.q3 fails, hint=TYPE_CHANGED

# answer: lab03.q3
def problems(old, new):
    found = []
    for name, field in new.items():
        if "default" in field:
            continue
        if name not in old:
            found.append(name)
            continue
        written, reads = old[name]["type"], field["type"]
        if written != reads and (written, reads) != ("int", "float"):
            found.append(name)
    return found
