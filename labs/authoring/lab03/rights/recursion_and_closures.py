# A chain of maps, recursion, and a registry that is a function.

# answer: lab03.q1
from collections import ChainMap


def pass_on(data):
    known = {k: v for k, v in data.items() if not (k == "currency" and v is None)}
    return dict(ChainMap({"risk": "high" if data["total_cents"] > 49_999 else "low"}, known, {"currency": "EUR"}))


def serve(inbox):
    return [(data, pass_on(data)) for data in inbox]


# answer: lab03.q2
def v1_to_v2(data):
    new = dict(data)
    new["total_cents"] = round(new.pop("total") * 100)
    return new


def v2_to_v3(data):
    new = dict(data)
    first, _, last = new.pop("customer").partition(" ")
    return {**new, "first": first, "last": last}


class Reader:
    def __init__(self, log):
        self.log = log

    def read(self):
        return [self.newest(event) for event in self.log]

    def newest(self, event):
        if event["version"] == 3:
            return event
        step = (v1_to_v2, v2_to_v3)[event["version"] - 1]
        return self.newest(event | {"version": event["version"] + 1, "data": step(event["data"])})


# answer: lab03.q3
def problems(old, new):
    found = []
    if not new:
        return found
    (name, field), *rest = new.items()
    try:
        written = old[name]["type"]
    except KeyError:
        if "default" not in field:
            found.append(name)
    else:
        if (written, field["type"]) not in {(t, t) for t in ("string", "int", "float", "bool")} | {("int", "float")}:
            found.append(name)
    return found + problems(old, dict(rest))


# answer: lab03.q4
def Registry():
    schemas = []
    class R:
        def register(self, schema):
            if schemas[-1:] == [schema]:
                return len(schemas)
            wrong = [name for old in schemas for name in problems(old, schema)]
            if wrong:
                raise ValueError(wrong)
            schemas.append(schema)
            return len(schemas)
        def read(self, version, data):
            def one(name, field):
                value = data[name] if name in data else field["default"]
                return value if isinstance(value, bool) or field["type"] != "float" or value is None else float(value)
            return {n: one(n, f) for n, f in schemas[-1].items()}
    return R()
