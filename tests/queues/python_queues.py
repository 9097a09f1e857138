"""Smoke test of Celery and rq, with real workers. PORT is the server's."""

import contextlib
import os
import pathlib
import subprocess
import sys
import time
import traceback

import redis

HERE = pathlib.Path(__file__).resolve().parent
PORT = int(os.environ["PORT"])
WAIT_SECONDS = 60
TESTS = []
os.chdir(HERE)  # workers import the tasks by name
sys.path.insert(0, str(HERE))


def test(function):
    TESTS.append(function)
    return function


def equal(actual, expected):
    assert actual == expected, f"got {actual!r}, expected {expected!r}"


def wait_for(what, condition):
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {WAIT_SECONDS} s: {what}"
        time.sleep(0.05)


@contextlib.contextmanager
def worker(*command):
    """A worker process, ended with TERM."""
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, "-m", *command], **quiet)
    try:
        yield process
        process.terminate()
        process.wait(WAIT_SECONDS)
    finally:
        process.kill()
        process.wait()


@test
def celery():
    from celery import chain, chord, group
    from celery_app import add, app, broken, flaky, total

    command = ("celery", "-A", "celery_app", "worker", "--pool", "threads", "--concurrency", "8", "--loglevel", "ERROR")
    get = lambda result: result.get(timeout=WAIT_SECONDS)
    with worker(*command):
        equal(get(add.delay(2, 3)), 5)
        equal(get(group(add.s(n, n) for n in range(100))()), [2 * n for n in range(100)])
        equal(get(chain(add.s(1, 2), add.s(3), add.s(4))()), 10)
        equal(get(chord((add.s(n, 1) for n in range(20)), total.s())()), sum(range(20)) + 20)
        equal(get(flaky.delay(2)), 2)
        equal(get(add.apply_async((1, 1), countdown=0.5)), 2)
        equal(type(broken.delay().get(timeout=WAIT_SECONDS, propagate=False)).__name__, "ValueError")
        equal(len(app.control.ping(timeout=5, limit=1)), 1)
        app.backend.client.close()


@test
def rq():
    from rq import Queue, Retry
    from rq.registry import FailedJobRegistry, FinishedJobRegistry
    from rq_tasks import fails_at_first, power

    r = redis.Redis(port=PORT)
    queue = Queue("smoke", connection=r)
    with worker("rq.cli", "worker", "smoke", "high", "--url", f"redis://127.0.0.1:{PORT}", "--with-scheduler", "--quiet",
                "--worker-class", "rq.SimpleWorker"):  # fmt: skip
        jobs = [queue.enqueue(power, n, 2) for n in range(30)]
        jobs += queue.enqueue_many([Queue.prepare_data(power, args=(n, 3)) for n in range(10)])
        after = queue.enqueue(power, 3, 4, depends_on=jobs[:3])
        retried = queue.enqueue(fails_at_first, PORT, retry=Retry(max=3))
        failed = queue.enqueue(power, "no number", 2)
        wait_for("all are finished", lambda: all(job.get_status(refresh=True) == "finished" for job in [*jobs, after, retried]))
        wait_for("the failed one has failed", lambda: failed.id in FailedJobRegistry(queue=queue))
        equal([job.return_value() for job in jobs[:5]], [0, 1, 4, 9, 16])
        equal(after.return_value(), 81)
        equal(len(FinishedJobRegistry(queue=queue)), 42)


def main():
    failed = 0
    for function in TESTS:
        try:
            redis.Redis(port=PORT).flushall()
            function()
            print(f"ok {function.__name__}", flush=True)
        except Exception as error:
            failed += 1
            where = traceback.extract_tb(error.__traceback__)
            line = next((f.lineno for f in reversed(where) if f.filename == __file__), 0)
            print(f"FAILED {function.__name__} (line {line}): {type(error).__name__}: {str(error)[:500]}", flush=True)
    print(f"{len(TESTS) - failed} passed, {failed} failed")
    raise SystemExit(1 if failed else 0)


main()
