# The dict is made once, in the class, for all its objects.
# expect: lab10.q2 fails, hint=KNOWS_ANOTHER

# answer: lab10.q2
class Stock:
    orders = {}

    def __init__(self, free):
        self.free = free

    def reserve(self, order, pieces):
        if order not in self.orders:
            self.orders[order] = pieces if pieces <= self.free else None
            self.free -= self.orders[order] or 0
        return "refused" if self.orders[order] is None else "done"

    def release(self, order):
        self.free += self.orders.get(order) or 0
        self.orders[order] = None
        return "done"
