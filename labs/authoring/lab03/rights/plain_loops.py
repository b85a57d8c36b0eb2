# Plain loops and copies, and lists instead of tests.

# answer: lab03.q1
import copy


def pass_on(data):
    passed = copy.deepcopy(data)
    currency = passed.get("currency")
    passed.update(currency=currency if currency else "EUR", risk=["low", "high"][data["total_cents"] >= 50_000])
    return passed


def serve(inbox):
    return [(data, pass_on(data)) for data in inbox]


# answer: lab03.q2
from decimal import Decimal


def v1_to_v2(data):
    newer = data.copy()
    newer["total_cents"] = int(Decimal(str(newer.pop("total"))) * 100)
    return newer


def v2_to_v3(data):
    newer = data.copy()
    words = newer.pop("customer").split(" ")
    newer["first"] = words[0]
    newer["last"] = " ".join(words[1:])
    return newer


class Reader:
    def __init__(self, log):
        self.log = log

    def read(self):
        steps = {1: v1_to_v2, 2: v2_to_v3}
        found = []
        for event in self.log:
            event = dict(event)
            while event["version"] in steps:
                event["data"] = steps[event["version"]](event["data"])
                event["version"] += 1
            found.append(event)
        return found


# answer: lab03.q3
def problems(old, new):
    new_fields = {name for name in new if name not in old and "default" not in new[name]}
    allowed = {("int", "float")}
    changed = {name for name in new if name in old and new[name]["type"] != old[name]["type"]
               and (old[name]["type"], new[name]["type"]) not in allowed}
    return sorted(new_fields | changed)


# answer: lab03.q4
class Registry:
    def __init__(self):
        self.by_number = {}

    def register(self, schema):
        newest = len(self.by_number)
        if newest and self.by_number[newest] == schema:
            return newest
        bad = {number: problems(old, schema) for number, old in self.by_number.items()}
        if any(bad.values()):
            raise ValueError(str(bad))
        self.by_number[newest + 1] = dict(schema)
        return newest + 1

    def read(self, version, data):
        schema = self.by_number[max(self.by_number)]
        full = {name: field.get("default") for name, field in schema.items()} | data
        return {name: float(full[name]) if field["type"] == "float" else full[name] for name, field in schema.items()}
