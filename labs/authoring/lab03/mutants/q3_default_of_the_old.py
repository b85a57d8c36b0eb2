# A field that had a default may change its type.
# expect: lab03.q3 fails, hint=TYPE_CHANGED

# answer: lab03.q3
def problems(old, new):
    return [n for n, f in new.items() if (n not in old and "default" not in f)
            or (n in old and ("default" not in old[n]) and old[n]["type"] != f["type"] and (old[n]["type"], f["type"]) != ("int", "float"))]
