"""More and more Dask workers before an API that keeps each request waiting: what each one adds."""

import time
from collections.abc import Iterator
from pathlib import Path

from tests.s3_server import S3
from tests.slow.measures import peak, say
from tests.slow.places import Place, ended, failed
from tests.slow.waiting import middle_rate, waiting

THREADS = 4  # of each worker
LEAST = 0.9  # of linear


def latency(folder: Path, s3: S3, latency_ms: int, pages: int, rounds: int, most: int) -> list[str]:
    """1, 2, 4, … workers with four threads, which have so many partitions one after the other.

    Ideal is one page a thread and latency; linear is the middle of the run of one worker, as often
    as there are workers. The middle is that between the first and the last quarter of the requests,
    when all workers are there and none is out of work.
    """
    wrong, alone = [], 0.0
    for workers in _doubled(most):
        place = Place(folder, s3, s3.place())
        slots = workers * THREADS
        ideal = slots / (latency_ms / 1000)
        with waiting(pages, 5, latency_ms / 1000) as api:
            path = place.yaml(api.base_url, slots * rounds)
            code, took, cpu = ended(
                place.line("run", path, "--engine", "dask", "--workers", workers, "--threads", 4),
                place.env,
            )
            counted = api.counted("moments")
        asked = slots * rounds * pages
        moments = counted["moments"]
        whole = len(moments) / (moments[-1] - moments[0] + latency_ms / 1000)
        middle = middle_rate(moments)
        alone = alone or middle
        say(f"{workers:2} workers × {THREADS}: {asked:,} pages, {whole:.1f} pages/s from the first "
            f"request to the last answer ({whole / ideal:.2f} of ideal), {middle:.1f} in the "
            f"middle ({middle / ideal:.2f}): {middle / (workers * alone):.2f} of linear; "
            f"{took:.0f} s, {cpu:.0f} s of CPU, at most {peak():.0f} MB")  # fmt: skip
        wrong += failed(
            (f"{workers} workers ended with {code}", code == 0),
            (f"each page once: {counted['requests']} of {asked}", counted["requests"] == asked),
            (f"{workers} workers: {LEAST} of linear", middle >= LEAST * workers * alone),
        )
        time.sleep(1)  # for what has ended to be gone
    return wrong


def _doubled(most: int) -> Iterator[int]:
    workers = 1
    while workers <= most:
        yield workers
        workers *= 2
