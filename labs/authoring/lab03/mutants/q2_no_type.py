# Makes the event anew, without its type.
# expect: lab03.q2 fails, hint=NO_READER

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
        data = event["data"]
        if event["version"] == 1:
            data = v1_to_v2(data)
        if event["version"] <= 2:
            data = v2_to_v3(data)
        return {"version": 3, "data": data}
