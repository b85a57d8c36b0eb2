# A version 2 event is changed in place; version 1 is copied.
# expect: lab03.q2 fails, hint=MUTATES_STORE

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
        if event["version"] == 1:
            event = {**event, "version": 2, "data": v1_to_v2(event["data"])}
        if event["version"] == 2:
            event["data"] = v2_to_v3(event["data"])
            event["version"] = 3
        return event
