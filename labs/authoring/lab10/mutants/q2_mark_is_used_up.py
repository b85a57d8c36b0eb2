# The mark of a release bars one reserve, and a copy gets through.
# expect: lab10.q2 fails, hint=RESERVE_AFTER

# answer: lab10.q2
class Stock:
    def __init__(self, free):
        self.free, self.orders = free, {}

    def reserve(self, order, pieces):
        if order in self.orders and self.orders[order] is None:
            del self.orders[order]
            return "refused"

        if order not in self.orders:
            self.orders[order] = pieces if pieces <= self.free else None
            self.free -= self.orders[order] or 0
        return "refused" if self.orders[order] is None else "done"

    def release(self, order):
        self.free += self.orders.get(order) or 0
        self.orders[order] = None
        return "done"
