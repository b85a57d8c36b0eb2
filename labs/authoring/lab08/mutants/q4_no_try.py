# Lets the nack out.
# expect: lab08.q4 fails, hint=GIVES_UP

# answer: lab08.q4
def send(client, event, waits, sleep):
    confirm = client.publish("shop", event.routing_key, event, mandatory=True)
    return "sent" if confirm.returned is None else "unroutable"
