# Drops each message that it has seen before, without an answer.
# expect: lab10.q2 fails, hint=NO_ANSWER

# answer: lab10.q2
class Stock:
    def __init__(self, free):
        self.free, self.orders, self.seen = free, {}, set()

    def reserve(self, order, pieces):
        if ("reserve", order) in self.seen:
            return None
        self.seen.add(("reserve", order))

        if order not in self.orders:
            self.orders[order] = pieces if pieces <= self.free else None
            self.free -= self.orders[order] or 0
        return "refused" if self.orders[order] is None else "done"

    def release(self, order):
        if ("release", order) in self.seen:
            return None
        self.seen.add(("release", order))

        self.free += self.orders.get(order) or 0
        self.orders[order] = None
        return "done"
