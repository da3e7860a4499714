"""The same work on antpool.Executor and on a cluster: code that outgrows one machine moves on.

    python examples/cluster.py [BLOCKS]

The work is a Dask graph: the root of a Merkle tree, SHA-256 of pairs of SHA-256 of blocks of data.
Dask runs it, unchanged,

- on one thread;
- on an antpool.Executor, which is the pool of its scheduler for one machine;
- on a cluster of the package distributed: two worker processes on the loopback interface, each of
  which runs its tasks on an antpool.Executor of its own.

On a real cluster the workers are on other machines, and Client() is given the scheduler's address.
"""

import hashlib
import sys

import dask
from distributed import Client, LocalCluster, WorkerPlugin

import antpool

THREADS = 2


@dask.delayed
def block(number):
    """The hash of a block; hashlib gives the GIL up, so that blocks are hashed side by side."""
    return hashlib.sha256(number.to_bytes(8, "big") * 10_000).digest()


@dask.delayed
def parent(left, right):
    return hashlib.sha256(left + right).digest()


def merkle_root(blocks):
    nodes = [block(number) for number in range(blocks)]
    while len(nodes) > 1:
        odd = nodes[len(nodes) & ~1 :]
        nodes = [parent(*pair) for pair in zip(nodes[::2], nodes[1::2])] + odd
    return nodes[0]


class ThreadPoolExecutor(antpool.Executor):
    """An Executor that distributed knows to be one of threads: it looks for this word.

    Without it tasks are run as in another process, where get_worker() and the like do not work.
    """


class OnAntpool(WorkerPlugin):
    """Has a worker of distributed run its tasks on an antpool.Executor."""

    def setup(self, worker):
        worker.executors["default"].shutdown()
        # A worker has no more tasks begun than it has threads, so that there is nothing to queue.
        # One that comes a moment before a thread is free waits; the worker's event loop does not.
        worker.executors["default"] = ThreadPoolExecutor(worker.state.nthreads, queue_capacity=0)
        # The worker shuts it down at its own end.


def on_one_thread(work):
    return work.compute(scheduler="synchronous")


def on_an_executor(work):
    with antpool.Executor(THREADS, queue_capacity=THREADS) as executor:
        with dask.config.set(pool=executor):
            return work.compute(scheduler="threads")


def on_a_cluster(work):
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=THREADS, host="127.0.0.1", dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        client.register_plugin(OnAntpool())
        root = work.compute()  # A Client is what Dask computes on while there is one.
        completed = client.run(lambda dask_worker: dask_worker.executor.stats().completed)
        busy = sum(count > 0 for count in completed.values())
        print(f"{busy} of {len(completed)} workers had tasks on an antpool.Executor")
        return root


def main(blocks):
    work = merkle_root(blocks)
    roots = {}
    for where in (on_one_thread, on_an_executor, on_a_cluster):
        roots[where] = where(work)
        print(f"{where.__name__.replace('_', ' '):15} {roots[where].hex()}")
    if len(set(roots.values())) != 1:
        raise SystemExit("the roots differ")


# The workers are new processes, which import this file.
if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
