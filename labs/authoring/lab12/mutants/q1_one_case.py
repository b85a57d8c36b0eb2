# The report of one day, for each day.
# expect: lab12.q1 fails, hint=NOT_OF_THE_DAY

# answer: lab12.q1
def find(day):
    return {"slow worker": "worker-1", "doubled payment": "order-558", "lost event": "order-574"}
