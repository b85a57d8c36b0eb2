# Compares whole fields, so a default that is new is a problem.
# expect: lab03.q3 fails, hint=MINDS_DEFAULTS

# answer: lab03.q3
def problems(old, new):
    found = []
    for name, field in new.items():
        if name not in old:
            if "default" not in field:
                found.append(name)
        elif old[name] != field and (old[name]["type"], field["type"]) != ("int", "float"):
            found.append(name)
    return found
