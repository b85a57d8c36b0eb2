# Deep copies, decimals, sets, and a class of errors; an older schema gets its old number.

# answer: lab03.q1
import copy


def risk(cents):
    if cents < 50_000:
        return "low"
    return "high"


def pass_on(data):
    passed = copy.deepcopy(data)
    passed["risk"] = risk(passed["total_cents"])
    if "currency" not in passed or passed["currency"] is None:
        passed["currency"] = "EUR"
    return passed


def serve(inbox):
    return [(data, pass_on(data)) for data in inbox]


# answer: lab03.q2
from decimal import Decimal


def v1_to_v2(data):
    match data:
        case {"total": total, **rest}:
            return rest | {"total_cents": int(Decimal(str(total)) * 100)}


def v2_to_v3(data):
    *first, last = data["customer"].split(" ", 1) if " " in data["customer"] else (data["customer"], "")
    return {"first": first[0], "last": last} | {k: v for k, v in data.items() if k != "customer"}


class Reader:
    def __init__(self, log):
        self.log = log

    def read(self):
        return [self.newest(event) for event in self.log]

    def newest(self, event):
        steps = {1: v1_to_v2, 2: v2_to_v3}
        version, data = event["version"], event["data"]
        while version in steps:
            data = steps[version](data)
            version += 1
        return {"type": event["type"], "version": version, "data": data}


# answer: lab03.q3
def problems(old, new):
    missing = {name for name in new.keys() - old.keys() if "default" not in new[name]}
    both = new.keys() & old.keys()
    changed = {name for name in both if new[name]["type"] != old[name]["type"]}
    widened = {name for name in both if (old[name]["type"], new[name]["type"]) == ("int", "float")}
    return sorted(missing | changed - widened)


# answer: lab03.q4
class Incompatible(ValueError):
    pass


class Registry:
    def __init__(self):
        self._by_number = {}

    @property
    def newest(self):
        return self._by_number[len(self._by_number)]

    def register(self, schema):
        for number, known in reversed(self._by_number.items()):
            if known == schema:
                return number
        bad = {n: p for n, k in self._by_number.items() if (p := problems(k, schema))}
        if bad:
            raise Incompatible(bad)
        number = len(self._by_number) + 1
        self._by_number[number] = {name: dict(field) for name, field in schema.items()}
        return number

    def read(self, version, data):
        return {name: self._one(data, name, **field) for name, field in self.newest.items()}

    @staticmethod
    def _one(data, name, type, default=None):
        value = data.get(name, default)
        return float(value) if type == "float" and value is not None else value
