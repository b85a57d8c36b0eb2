# Builds version 3 from the fields it knows.
# expect: lab03.q2 fails, hint=DROPS_FIELDS

# answer: lab03.q2
def v1_to_v2(data):
    newer = {name: value for name, value in data.items() if name != "total"}
    newer["total_cents"] = round(data["total"] * 100)
    return newer


def v2_to_v3(data):
    first, _, last = data["customer"].partition(" ")
    return {"order": data["order"], "total_cents": data["total_cents"], "first": first, "last": last}


class Reader:
    def __init__(self, log):
        self.log = log

    def read(self):
        return [self.newest(event) for event in self.log]

    def newest(self, event):
        version, data = event["version"], event["data"]
        if version == 1:
            version, data = 2, v1_to_v2(data)
        if version == 2:
            version, data = 3, v2_to_v3(data)
        return {**event, "version": version, "data": data}
