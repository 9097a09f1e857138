"""A producer or a worker of a reliable queue (BLMOVE to a list of the worker's own, LREM when done), for the kill test.

reliable.py produce NAME | work NAME; PORT is the server's. Prints `ready`, then `ack` or `done` and the job, until SIGTERM.
"""

import os
import signal
import sys
import time

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

QUEUE = "reliable"
AWAY = (redis.ConnectionError, redis.TimeoutError, redis.exceptions.BusyLoadingError)
stopping = False


def main():
    role, name = sys.argv[1:]
    signal.signal(signal.SIGTERM, stop)
    # A command sent again by the library would find its own work done: an LREM answers 0.
    once = Retry(NoBackoff(), 0)
    client = redis.Redis(port=int(os.environ["PORT"]), protocol=3, socket_timeout=20, decode_responses=True, retry=once)
    client.ping()
    say("ready")
    {"produce": produce, "work": work}[role](client, name)


def stop(*_):
    global stopping
    stopping = True


def say(line):
    os.write(1, f"{line}\n".encode())


def produce(client, name):
    """What was not acknowledged may be in the queue all the same; it is not pushed again."""
    number = 0
    while not stopping:
        jobs = [f"{name}:{number + n}" for n in range(5)]
        number += len(jobs)
        try:
            client.lpush(QUEUE, *jobs)
            say("\n".join(f"ack {job}" for job in jobs))
        except AWAY:
            time.sleep(0.05)
        time.sleep(0.001)


def work(client, name):
    """After a broken connection the worker's own list says what it had taken."""
    own, recover = f"{QUEUE}:{name}", True
    while not stopping:
        try:
            if recover:
                while client.lmove(own, QUEUE, "LEFT", "RIGHT"):
                    pass
                recover = False
            job = client.blmove(QUEUE, own, 0.5, "RIGHT", "LEFT")
            if job:
                say(f"done {job}")
                if client.lrem(own, 1, job) != 1:
                    say(f"error {job} was not in {own}")
        except AWAY:
            recover = True
            time.sleep(0.05)


main()
