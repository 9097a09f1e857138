"""Closed loops of requests that time each reply, in processes of their own."""

import array
import gc
import multiprocessing
import os
import random
import time

from support.tables import percentile


class Loops:
    """While the `with` block runs, `count` connections send what `requests(rng)` yields: pairs of a name and encoded bytes.

    A loop sends its next request `think_seconds` after a reply. Afterwards `latencies` holds milliseconds by name.
    """

    def __init__(self, server, requests, count, think_seconds):
        self.server, self.requests, self.count, self.think_seconds = server, requests, count, think_seconds
        self.latencies = {}

    def __enter__(self):
        self.stop = multiprocessing.Event()
        self.loops = []
        for number in range(self.count):
            receiver, sender = multiprocessing.Pipe(duplex=False)
            process = multiprocessing.Process(target=self.run, args=(number, sender), daemon=True)
            process.start()
            self.loops.append((process, receiver))
        for _, receiver in self.loops:
            receiver.recv()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for process, receiver in self.loops:
            for name, figures in receiver.recv().items():
                self.latencies.setdefault(name, array.array("d")).extend(figures)
            process.join()

    def run(self, number, sender):
        gc.disable()
        try:
            os.nice(-15)  # the loop's own delays are not the server's; only root may
        except PermissionError:
            pass
        latencies = {}
        with self.server.connect() as connection:
            connection.ask("PING")
            sender.send("ready")
            for name, request in self.requests(random.Random(number)):
                started = time.perf_counter_ns()
                connection.send(request)
                connection.receive()
                latencies.setdefault(name, array.array("d")).append((time.perf_counter_ns() - started) / 1e6)
                if self.stop.is_set():
                    break
                if self.think_seconds:
                    time.sleep(self.think_seconds)
        sender.send(latencies)

    def shown(self):
        """Samples, p50, p99, p99.9 and the greatest."""
        every = sorted(figure for figures in self.latencies.values() for figure in figures)
        return (len(every), *(percentile(every, share) for share in (0.5, 0.99, 0.999, 1)))
