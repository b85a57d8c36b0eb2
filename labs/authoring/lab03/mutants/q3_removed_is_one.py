# Minds a field that the new code does not ask for.
# expect: lab03.q3 fails, hint=WRONG_DIRECTION

# answer: lab03.q3
def problems(old, new):
    found = []
    for name, field in new.items():
        if name not in old:
            if "default" not in field:
                found.append(name)
            continue
        written, reads = old[name]["type"], field["type"]
        if written != reads and (written, reads) != ("int", "float"):
            found.append(name)
    return found + [name for name in old if name not in new]
