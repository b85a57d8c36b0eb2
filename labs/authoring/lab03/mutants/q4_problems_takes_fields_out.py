# problems takes the fields out of the old schema, which the registry keeps.
# expect: lab03.q4 fails, hint=REFUSES_GOOD

# answer: lab03.q3
def problems(old, new):
    found = []
    for n, f in new.items():
        o = old.pop(n, None)
        if o is None:
            if "default" not in f:
                found.append(n)
        elif o["type"] != f["type"] and (o["type"], f["type"]) != ("int", "float"):
            found.append(n)
    return found
