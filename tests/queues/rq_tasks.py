"""The jobs of the smoke test of rq; its workers import them by name."""

import redis


def power(base, exponent):
    return base**exponent


def fails_at_first(port):
    if redis.Redis(port=port).incr("tries") < 3:
        raise RuntimeError("on purpose")
    return "done"
