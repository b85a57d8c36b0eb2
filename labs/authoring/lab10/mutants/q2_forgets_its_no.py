# Keeps a yes and forgets a no.
# expect: lab10.q2 fails, hint=FORGETS_NO

# answer: lab10.q2
class Stock:
    def __init__(self, free):
        self.free, self.orders = free, {}

    def reserve(self, order, pieces):
        if order not in self.orders and pieces <= self.free:
            self.orders[order] = pieces
            self.free -= pieces
        return "done" if self.orders.get(order) else "refused"

    def release(self, order):
        self.free += self.orders.get(order) or 0
        self.orders[order] = None
        return "done"
