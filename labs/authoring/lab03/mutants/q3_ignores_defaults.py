# Takes every new field for a problem.
# expect: lab03.q3 fails, hint=IGNORES_DEFAULT

# answer: lab03.q3
def problems(old, new):
    found = []
    for name, field in new.items():
        if name not in old:
            found.append(name)
            continue
        written, reads = old[name]["type"], field["type"]
        if written != reads and (written, reads) != ("int", "float"):
            found.append(name)
    return found
