# Whatever was written may be read as a float.
# expect: lab03.q3 fails, hint=TYPE_CHANGED

# answer: lab03.q3
def problems(old, new):
    return [n for n, f in new.items() if (n not in old and "default" not in f)
            or (n in old and old[n]["type"] != f["type"] and f["type"] != "float")]
