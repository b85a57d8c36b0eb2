# A release of nothing is an error, it thinks.
# expect: lab10.q2 fails, hint=NEEDS_RESERVE

# answer: lab10.q2
class Stock:
    def __init__(self, free):
        self.free, self.orders = free, {}

    def reserve(self, order, pieces):
        if order not in self.orders:
            self.orders[order] = pieces if pieces <= self.free else None
            self.free -= self.orders[order] or 0
        return "refused" if self.orders[order] is None else "done"

    def release(self, order):
        if order not in self.orders:
            raise ValueError("never reserved")

        self.free += self.orders.get(order) or 0
        self.orders[order] = None
        return "done"
