/*
 * Boost.Fiber: WORKERS fibers take tasks from a buffered_channel, which its documentation offers
 * for handing work to fibers and which makes the producer, a fiber too, wait.
 *
 * boost-fiber         the default scheduler, round_robin, on one thread
 * boost-fiber-shared  shared_work, which lets the threads take ready fibers from each other: as
 *                     many threads as there are CPUs, the producer's among them
 *
 * Stacks of 64 KiB, as antpool's: the default of 128 KiB would be one mapping each.
 */
#include "bench.h"
#include "costs.h"

#include <boost/fiber/all.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

namespace fibers = boost::fibers;

static fibers::fixedsize_stack stacks(64 * 1024);
static std::optional<fibers::buffered_channel<int>> tasks;
static std::vector<fibers::fiber> workers;
static std::vector<std::thread> threads;
static fibers::mutex mutex;
static fibers::condition_variable changed;
static bool closing;

static void sleep_for_ms(long ms)
{
    boost::this_fiber::sleep_for(std::chrono::milliseconds(ms));
}

static void work()
{
    int task;
    while (tasks->pop(task) == fibers::channel_op_status::success) {
        bench_task();
        if (__atomic_load_n(&bench_tasks.left, __ATOMIC_ACQUIRE) == 0) {
            std::scoped_lock lock(mutex);
            changed.notify_all();
        }
    }
}

static void open_pool(const bench_params_t *params)
{
    if (params->queue != BENCH_QUEUE_NONE || params->producers != 1)
        bench_unsupported("written for one producer that waits");
    bench_sleep_ms = sleep_for_ms;
    tasks.emplace(64); /* A power of two; the smallest that spares a switch for every task. */
    if (strcmp(params->name, "boost-fiber-shared") == 0) {
        for (unsigned i = 1; i < std::thread::hardware_concurrency(); i++)
            threads.emplace_back([] {
                fibers::use_scheduling_algorithm<fibers::algo::shared_work>(true);
                std::unique_lock lock(mutex);
                changed.wait(lock, [] { return closing; });
            });
        fibers::use_scheduling_algorithm<fibers::algo::shared_work>(true);
    }
    for (int i = 0; i < params->workers; i++)
        workers.emplace_back(fibers::launch::post, std::allocator_arg, stacks, work);
}

static void produce(long count)
{
    for (long i = 0; i < count; i++)
        if (tasks->push(0) != fibers::channel_op_status::success)
            bench_fail("push");
}

static void wait_for_all()
{
    std::unique_lock lock(mutex);
    changed.wait(lock, [] { return __atomic_load_n(&bench_tasks.left, __ATOMIC_ACQUIRE) == 0; });
}

static void close_pool()
{
    tasks->close();
    for (fibers::fiber &worker : workers)
        worker.join();
    {
        std::scoped_lock lock(mutex);
        closing = true;
        changed.notify_all();
    }
    for (std::thread &thread : threads)
        thread.join();
}

/* The costs: plain fibers on this thread. */

static void start(long count, void (*body)(long fiber))
{
    for (long i = 0; i < count; i++)
        workers.emplace_back(fibers::launch::post, std::allocator_arg, stacks,
                             [body, i] { body(i); });
}

static void join_all()
{
    for (fibers::fiber &worker : workers)
        worker.join();
}

static void yield()
{
    boost::this_fiber::yield();
}

int main(int argc, char **argv)
{
    static const bench_pool_t pools[] = {
        { "boost-fiber", open_pool, produce, wait_for_all, close_pool },
        { "boost-fiber-shared", open_pool, produce, wait_for_all, close_pool },
    };
    static const cost_fibers_t costs = { start, join_all, sleep_for_ms, yield };
    if (argc == 4)
        return cost_main(argv, &costs);
    return bench_main(argc, argv, pools, sizeof pools / sizeof *pools);
}
