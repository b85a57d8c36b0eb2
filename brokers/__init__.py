"""Real Kafka, RabbitMQ and PostgreSQL on this machine, each in a folder of its own, on loopback, without Docker.

`make brokers` starts what is installed and prints the addresses; Ctrl-C stops all of it. The tests start the same way.
Each module has `running(folder)`, a context manager that starts one server, gives its address, and stops it.
"""
