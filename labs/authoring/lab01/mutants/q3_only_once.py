# Notes the failure and leaves it at that.
# expect: lab01.q3 fails, hint=NOT_RETRIED

# answer: lab01.q3
def deliver(event, handler, env, give_up, attempts=4, first=0.5):

    try:
        handler(event)
    except Exception as error:
        print("failed:", error)
