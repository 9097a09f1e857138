"""The tasks of the smoke test of Celery. PORT is the server's."""

import os

from celery import Celery

url = f"redis://127.0.0.1:{os.environ['PORT']}"
app = Celery("smoke", broker=f"{url}/1", backend=f"{url}/2")
app.conf.update(broker_connection_retry_on_startup=True, worker_hijack_root_logger=False, result_expires=600,
                broker_transport_options={"visibility_timeout": 60})  # fmt: skip


@app.task
def add(a, b):
    return a + b


@app.task(bind=True, max_retries=3)
def flaky(self, failures):
    if self.request.retries < failures:
        raise self.retry(countdown=0.1)
    return self.request.retries


@app.task
def total(numbers):
    return sum(numbers)


@app.task
def broken():
    raise ValueError("on purpose")
