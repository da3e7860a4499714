"""What one task costs: antpool.Executor and antpool.Pool beside ThreadPoolExecutor.

    python benchmarks/per_task.py [TASKS]

Each figure is the best of five rounds, in microseconds of the wall clock per task:

- burst: all calls are submitted, then all results are awaited; and the part of it that the
  submitting loop takes;
- round trip: one call at a time, each result awaited before the next submit;
- C tasks: libc's sem_post is submitted one by one and as a batch, until all have run.
"""

import ctypes
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import antpool

ROUNDS = 5


def burst(executor, count):
    start = time.perf_counter()
    futures = [executor.submit(abs, -1) for _ in range(count)]
    submitted = time.perf_counter()
    for future in futures:
        future.result()
    return time.perf_counter() - start, submitted - start


def round_trip(executor, count):
    start = time.perf_counter()
    for _ in range(count):
        executor.submit(abs, -1).result()
    return (time.perf_counter() - start,)


def one_by_one(pool, function, argument, count):
    start = time.perf_counter()
    for _ in range(count):
        pool.submit(function, argument)
    pool.wait()
    return (time.perf_counter() - start,)


def as_a_batch(pool, function, argument, count):
    start = time.perf_counter()
    pool.submit_batch(function, [argument] * count)
    pool.wait()
    return (time.perf_counter() - start,)


def best(measure, *arguments):
    count = arguments[-1]
    rounds = [measure(*arguments) for _ in range(ROUNDS)]
    return [min(figures) / count * 1e6 for figures in zip(*rounds)]


def main(count):
    python = sys.version.split()[0]
    print(f"Python {python}, {antpool.usable_cpus()} CPUs, {count} tasks; us per task")
    print(f"{'':34} {'burst':>7} {'submit':>7} {'round trip':>11}")
    for workers in (1, 2, 8):
        for kind in (ThreadPoolExecutor, antpool.Executor):
            with kind(workers) as executor:
                together, submits = best(burst, executor, count)
                (alone,) = best(round_trip, executor, count // 4)
            name = f"{kind.__module__.split('.')[0]} {kind.__name__}, {workers} workers"
            print(f"{name:34} {together:7.2f} {submits:7.2f} {alone:11.2f}")

    libc = ctypes.CDLL(None)
    semaphore = ctypes.create_string_buffer(64)
    libc.sem_init(semaphore, 0, 0)
    address = ctypes.addressof(semaphore)
    with antpool.Pool(2, queue_capacity=None) as pool:
        for measure in (one_by_one, as_a_batch):
            (cost,) = best(measure, pool, libc.sem_post, address, count)
            print(f"{'antpool Pool, 2 workers, ' + measure.__name__:34} {cost:7.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
