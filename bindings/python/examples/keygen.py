"""Gives functions of another C library to a pool: they run side by side, Python is not in the way.

    python examples/keygen.py [SECONDS]

OpenSSL's EC_KEY_generate_key(EC_KEY *) has the shape of a task: one pointer, and the result is left
where it points. Keys are made in four ways:

- in a loop on this thread;
- by a ThreadPoolExecutor that calls the function as a binding does that keeps the GIL;
- by a ThreadPoolExecutor that calls it as ctypes.CDLL does, without the GIL;
- by an antpool.Pool, which is given the function itself.

A P-256 key takes about as long as an executor needs to hand one call to a thread, under the GIL:
there only the pool gains from a second CPU. A P-521 key takes many times as long: there it is
enough that the GIL is given up, and the pool is ahead by little. Each figure is the best of three.
"""

import ctypes
import ctypes.util
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import antpool

CURVES = {"P-256": 415, "P-521": 716}  # OpenSSL's numbers for them.


def load(kind):
    """OpenSSL's libcrypto, its functions called as `kind` (CDLL or PyDLL) does it."""
    crypto = kind(ctypes.util.find_library("crypto") or "libcrypto.so.3")
    crypto.EC_KEY_new_by_curve_name.restype = ctypes.c_void_p
    for function in (crypto.EC_KEY_generate_key, crypto.EC_KEY_check_key, crypto.EC_KEY_free):
        function.argtypes = [ctypes.c_void_p]
    return crypto


crypto = load(ctypes.CDLL)
crypto_keeping_the_gil = load(ctypes.PyDLL)
workers = antpool.usable_cpus()


def in_a_loop(keys):
    for key in keys:
        crypto.EC_KEY_generate_key(key)


def on_an_executor(function, keys):
    with ThreadPoolExecutor(workers) as executor:
        for key in keys:
            executor.submit(function, key)


def on_a_pool(keys):
    with antpool.Pool(workers, queue_capacity=None) as pool:
        pool.submit_batch(crypto.EC_KEY_generate_key, keys)


WAYS = {
    "one after the other": in_a_loop,
    "ThreadPoolExecutor, GIL kept": lambda keys: on_an_executor(
        crypto_keeping_the_gil.EC_KEY_generate_key, keys
    ),
    "ThreadPoolExecutor, GIL given up": lambda keys: on_an_executor(
        crypto.EC_KEY_generate_key, keys
    ),
    "antpool.Pool": on_a_pool,
}


def seconds_per_key(make, curve, count):
    keys = [crypto.EC_KEY_new_by_curve_name(curve) for _ in range(count)]
    start = time.perf_counter()
    make(keys)
    taken = time.perf_counter() - start
    for position, key in enumerate(keys):
        # The check of one key takes many times as long as making it; a sample has to do.
        if position % 100 == 0 and crypto.EC_KEY_check_key(key) != 1:
            raise SystemExit(f"key {position} is not valid")
        crypto.EC_KEY_free(key)
    return taken / count


def main(seconds):
    for name, curve in CURVES.items():
        count = max(100, int(seconds / seconds_per_key(in_a_loop, curve, 100)))
        print(f"{count} keys on {name}, {workers} threads")
        alone = None
        for way, make in WAYS.items():
            taken = min(seconds_per_key(make, curve, count) for _ in range(3))
            alone = alone or taken
            print(f"  {way:33} {taken * 1e6:7.1f} us per key   {alone / taken:4.2f} x")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 0.5)
