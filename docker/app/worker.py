"""The background job: takes what /jobs put aside and writes it into the bucket."""

import pathlib
import signal
import sys
import time

import stores

POLL_SECONDS = 1
ALIVE = pathlib.Path("/tmp/worker-alive")  # touched at each look that worked: for the health check


def work():
    """One job; False where there is none."""
    with stores.database() as connection:
        job = connection.execute(
            "SELECT id, text FROM jobs WHERE done_at IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED").fetchone()
        if not job:
            return False
        client, name = stores.bucket()
        client.put_object(Bucket=name, Key=f"jobs/{job[0]}", Body=job[1].encode())
        connection.execute("UPDATE jobs SET done_at = now() WHERE id = %s", (job[0],))
    return True


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True:
    try:
        while work():
            pass
        ALIVE.touch()
    except Exception as error:  # the next look may find the database or the store again
        print(f"worker: {type(error).__name__}", file=sys.stderr, flush=True)
    time.sleep(POLL_SECONDS)
