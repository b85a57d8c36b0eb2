# Sets the shelf back to what it was before the reserve.
# expect: lab10.q2 fails, hint=RELEASES_WRONG

# answer: lab10.q2
class Stock:
    def __init__(self, free):
        self.free, self.orders, self.before = free, {}, {}

    def reserve(self, order, pieces):
        if order not in self.orders:
            self.before[order] = self.free

        if order not in self.orders:
            self.orders[order] = pieces if pieces <= self.free else None
            self.free -= self.orders[order] or 0
        return "refused" if self.orders[order] is None else "done"

    def release(self, order):
        if self.orders.get(order):
            self.free = self.before[order]
        self.orders[order] = None
        return "done"
