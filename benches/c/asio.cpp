/*
 * Asio's thread_pool (standalone Asio). Its wait() ends the pool's threads, so the tasks
 * themselves say when the last one has run.
 */
#include "bench.h"

#include <asio/post.hpp>
#include <asio/thread_pool.hpp>

#include <optional>

static std::optional<asio::thread_pool> pool;

static void open_pool(const bench_params_t *params)
{
    if (params->queue != BENCH_QUEUE_UNBOUNDED)
        bench_unsupported("asio::thread_pool has an unbounded queue and no other");
    pool.emplace(static_cast<std::size_t>(params->workers));
}

static void produce(long count)
{
    for (long i = 0; i < count; i++)
        asio::post(*pool, [] { bench_task_ran(); });
}

static void close_pool()
{
    pool->join();
    pool.reset();
}

BENCH_MAIN({ "asio", open_pool, produce, bench_wait_for_tasks, close_pool })
