"""Executor under asyncio: a full one stops no event loop."""

import asyncio
import gc
import random
import threading
import time
import weakref

import pytest

import antpool
from antpool._abi import calls


@pytest.fixture
def door():
    """What calls are held at; it is opened in the end, however the test ends."""
    door = threading.Event()
    yield door
    door.set()


async def until(condition):
    """The loop goes on while it looks: a frozen one would meet the watchdog."""
    while not condition():
        await asyncio.sleep(0.001)


def test_run_in_executor_does_not_stop_the_loop_while_the_executor_is_full(door):
    async def main():
        loop = asyncio.get_running_loop()
        futures = [loop.run_in_executor(executor, held, n) for n in range(20)]
        await until(lambda: executor.stats().waiting == 16)
        assert executor.stats().busy == 2 and executor.stats().queued == 2
        door.set()
        return await asyncio.gather(*futures)

    def held(number):
        door.wait()
        return number * number

    with antpool.Executor(2, queue_capacity=2) as executor:
        assert asyncio.run(main()) == [n * n for n in range(20)]
        stats = executor.stats()
        assert (stats.waiting, stats.rejected, stats.timed_out) == (0, 0, 0)
        assert stats.peak_waiting == 16


def test_calls_that_wait_in_the_background_are_made_in_the_order_of_their_submits(door):
    order = []

    async def main():
        loop = asyncio.get_running_loop()
        first = loop.run_in_executor(executor, door.wait)
        futures = [loop.run_in_executor(executor, order.append, n) for n in range(100)]
        door.set()
        await asyncio.gather(first, *futures)

    with antpool.Executor(1, queue_capacity=0) as executor:
        asyncio.run(main())
    assert order == list(range(100))


def test_what_waits_in_the_background_is_not_overtaken_when_there_is_room(door, monkeypatch):
    """There is, but the admission thread has not asked for it yet."""
    ask = calls.submit_timeout
    asking = threading.Event()
    monkeypatch.setattr(calls, "submit_timeout", lambda *args: asking.wait() and ask(*args))

    async def main():
        loop = asyncio.get_running_loop()
        held = loop.run_in_executor(executor, door.wait)
        first = loop.run_in_executor(executor, pow, 2, 2)
        door.set()
        await held
        await until(lambda: executor.stats().busy == 0)
        with pytest.raises(antpool.OverloadError):
            executor.try_submit(pow, 2, 2)
        asking.set()
        assert await first == 4

    with antpool.Executor(1, queue_capacity=0) as executor:
        asyncio.run(main())


def test_exceptions_travel_to_the_coroutine(door):
    async def main():
        loop = asyncio.get_running_loop()
        held = loop.run_in_executor(executor, door.wait)
        failing = loop.run_in_executor(executor, int, "twelve")
        door.set()
        with pytest.raises(ValueError, match="twelve"):
            await failing
        assert await held

    with antpool.Executor(1, queue_capacity=0) as executor:
        asyncio.run(main())


def test_it_can_be_the_default_executor_of_a_loop(door):
    async def main():
        loop = asyncio.get_running_loop()
        loop.set_default_executor(executor)
        held = loop.run_in_executor(None, door.wait)
        futures = [asyncio.ensure_future(asyncio.to_thread(pow, n, 2)) for n in range(5)]
        await until(lambda: executor.stats().waiting == 5)
        door.set()
        assert await asyncio.gather(held, *futures) == [True, 0, 1, 4, 9, 16]
        # asyncio.run() shuts it down.

    executor = antpool.Executor(1, queue_capacity=0)
    asyncio.run(main())
    with pytest.raises(antpool.ClosedError):
        executor.submit(pow, 2, 2)


def test_submit_async_holds_a_producer_back_and_not_the_loop(door):
    produced = []

    async def produce():
        futures = []
        for number in range(50):
            futures.append(await executor.submit_async(held, number))
            produced.append(number)
        return [await future for future in futures]

    async def main():
        producer = asyncio.ensure_future(produce())
        await until(lambda: executor.stats().waiting == 1)
        await asyncio.sleep(0.05)  # As much as the bound allows, and no more.
        assert produced == [0, 1, 2, 3, 4]
        door.set()
        return await producer

    def held(number):
        door.wait()
        return -number

    with antpool.Executor(2, queue_capacity=3) as executor:
        assert asyncio.run(main()) == [-n for n in range(50)]
        assert executor.stats().rejected == 0


def test_a_submit_async_that_is_cancelled_makes_no_call(door):
    ran = []

    async def main():
        held = await executor.submit_async(door.wait)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(executor.submit_async(ran.append, 1), 0.05)
        assert not executor._workers.pending.keys() - {1}
        later = asyncio.ensure_future(executor.submit_async(ran.append, 2))
        await until(lambda: executor.stats().waiting >= 1)
        door.set()
        assert await held
        await (await later)

    with antpool.Executor(1, queue_capacity=0) as executor:
        asyncio.run(main())
    assert ran == [2]


def test_a_call_that_is_cancelled_while_it_waits_leaves_nothing_behind(door):
    class Argument:
        pass

    async def main():
        argument = Argument()
        gone = weakref.ref(argument)
        loop = asyncio.get_running_loop()
        held = loop.run_in_executor(executor, door.wait)
        futures = [loop.run_in_executor(executor, id, argument) for _ in range(100)]
        await until(lambda: executor.stats().waiting == 100)
        for call in futures:
            call.cancel()
        await asyncio.sleep(0)
        assert not executor._pool.wait_queue.waiting
        del argument, futures, call
        gc.collect()
        assert gone() is None
        door.set()
        assert await held

    with antpool.Executor(1, queue_capacity=0) as executor:
        asyncio.run(main())


def test_shutdown_lets_in_what_waits_in_the_background(door):
    async def main():
        loop = asyncio.get_running_loop()
        futures = [loop.run_in_executor(executor, held, n) for n in range(10)]
        executor.shutdown(wait=False)
        with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
            loop.run_in_executor(executor, pow, 2, 2)
        with pytest.raises(antpool.ClosedError):
            await executor.submit_async(pow, 2, 2)
        door.set()
        return await asyncio.gather(*futures)

    def held(number):
        door.wait()
        return number

    executor = antpool.Executor(1, queue_capacity=0)
    assert asyncio.run(main()) == list(range(10))
    executor.shutdown()
    assert executor.stats().running == 0


def test_shutdown_can_cancel_what_waits_in_the_background(door):
    started = threading.Event()

    async def main():
        loop = asyncio.get_running_loop()
        held = loop.run_in_executor(executor, lambda: (started.set(), door.wait()))
        futures = [loop.run_in_executor(executor, pow, 2, 2) for _ in range(10)]
        waiting = asyncio.ensure_future(executor.submit_async(pow, 2, 2))
        await until(lambda: started.is_set() and executor.stats().waiting == 11)
        executor.shutdown(wait=False, cancel_futures=True)
        assert antpool.Pool.closed.fget(executor._pool)  # At once: nobody is left to be let in.
        for call in futures:
            with pytest.raises(asyncio.CancelledError):
                await call
        with pytest.raises(antpool.ClosedError):
            await waiting
        door.set()
        await held

    executor = antpool.Executor(1, queue_capacity=0)
    asyncio.run(main())
    executor.shutdown()


def test_the_end_of_the_interpreter_makes_the_calls_that_wait(run_python):
    program = """
import antpool, asyncio, sys, time
executor = antpool.Executor(1, queue_capacity=0)
async def main():
    loop = asyncio.get_running_loop()
    for n in range(50):
        executor.submit(lambda n=n: (time.sleep(0.001), sys.stdout.write(f"{n}\\n")))
asyncio.run(main())
del executor
"""
    assert run_python(program) == "".join(f"{n}\n" for n in range(50))


def test_threads_and_coroutines_that_wait_take_turns(door):
    """Neither those in the background nor those that block are passed over for long."""
    order = []

    async def main():
        loop = asyncio.get_running_loop()
        held = loop.run_in_executor(executor, door.wait)
        futures = [loop.run_in_executor(executor, order.append, "coroutine") for _ in range(60)]
        threads = [
            threading.Thread(target=executor.submit, args=(order.append, "thread"))
            for _ in range(20)
        ]
        for thread in threads:
            thread.start()
        await until(lambda: executor.stats().waiting == 80)
        door.set()
        await asyncio.gather(held, *futures)
        for thread in threads:
            await asyncio.get_running_loop().run_in_executor(None, thread.join)

    with antpool.Executor(1, queue_capacity=0) as executor:
        asyncio.run(main())
    assert sorted(order) == ["coroutine"] * 60 + ["thread"] * 20
    assert "thread" in order[:40] and "coroutine" in order[:40]


def test_a_closed_loop_does_not_stop_the_calls_of_others(door):
    """The loop that waited for room is gone when there is some."""

    async def give_up():
        await executor.submit_async(door.wait)
        waiting = asyncio.ensure_future(executor.submit_async(pow, 2, 2))
        await until(lambda: executor.stats().waiting == 1)
        del waiting

    async def go_on():
        futures = [
            asyncio.get_running_loop().run_in_executor(executor, pow, n, 2) for n in (1, 2, 3)
        ]
        door.set()
        return await asyncio.gather(*futures)

    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # It would log that a task was left behind.
    with antpool.Executor(1, queue_capacity=0) as executor:
        loop.run_until_complete(give_up())
        loop.close()
        assert asyncio.run(go_on()) == [1, 4, 9]


def test_the_deadline_of_a_submit_that_waits_beside_the_line_holds(door):
    """Longer than a wait of the main thread lasts in one piece."""
    with antpool.Executor(1, queue_capacity=0) as executor:
        executor.submit(door.wait)
        start = time.monotonic()
        with pytest.raises(antpool.TimedOutError):
            executor.submit_timeout(0.5, pow, 2, 2)
        assert time.monotonic() - start >= 0.5
        stats = executor.stats()
        assert (stats.timed_out, stats.rejected, stats.waiting) == (1, 0, 0)
        timer = threading.Timer(0.5, door.set)
        timer.start()
        assert executor.submit_timeout(60, pow, 2, 2).result() == 4
        timer.join()
        assert executor.stats().timed_out == 1


@pytest.mark.parametrize("seed", range(8))
def test_a_call_is_made_if_and_only_if_its_submit_says_so(seed):
    """Whatever the race between admission and giving up, from coroutines and threads at once."""
    chance = random.Random(seed)
    executor = antpool.Executor(chance.randint(1, 3), queue_capacity=chance.choice([0, 1, 5]))
    made = [0] * 300
    ends = [None] * 300

    def call(number):
        made[number] += 1
        time.sleep(chance.choice([0, 0, 0, 0.0005]))
        return number

    async def submit_and_await(number):
        return await (await executor.submit_async(call, number))

    async def coroutine(number):
        await asyncio.sleep(chance.random() * 0.02)
        submit = number % 3
        try:
            if submit == 0:
                result = asyncio.get_running_loop().run_in_executor(executor, call, number)
            elif submit == 1:
                result = submit_and_await(number)
            else:
                result = asyncio.wrap_future(executor.try_submit(call, number))
            assert await asyncio.wait_for(result, chance.choice([60, 0.005])) == number
        except (asyncio.TimeoutError, antpool.OverloadError) as error:
            ends[number] = type(error)

    def thread(numbers):
        for number in numbers:
            try:
                executor.submit_timeout(chance.choice([60, 0.005]), call, number)
            except antpool.TimedOutError as error:
                ends[number] = type(error)

    async def main():
        ranges = [range(first, first + 50) for first in (200, 250)]
        threads = [threading.Thread(target=thread, args=(numbers,)) for numbers in ranges]
        for each in threads:
            each.start()
        await asyncio.gather(*map(coroutine, range(200)))
        await until(lambda: not any(each.is_alive() for each in threads))

    asyncio.run(main())
    executor.shutdown()
    for number, end in enumerate(ends):
        # A coroutine that gives up may do so while its call is being made.
        expected = {None: {1}, asyncio.TimeoutError: {0, 1}}.get(end, {0})
        assert made[number] in expected, (number, end)
    stats = executor.stats()
    assert (stats.rejected, stats.timed_out, stats.waiting) == (
        ends.count(antpool.OverloadError),
        ends.count(antpool.TimedOutError),
        0,
    )
    assert not executor._workers.pending
