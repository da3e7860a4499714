/*
 * Asio's thread_pool (standalone Asio). Its wait() ends the pool's threads, so the tasks
 * themselves say when the last one has run.
 *
 * asio          its queue has no limit
 * asio-bounded  a counting semaphore, taken before each post and given back by each task, makes the
 *               caller wait when workers + queue tasks are unfinished
 */
#include "bench.h"

#include <asio/post.hpp>
#include <asio/thread_pool.hpp>

#include <optional>

static std::optional<asio::thread_pool> pool;

static sem_t places;

static void open_pool(const bench_params_t *params)
{
    if (params->queue != BENCH_QUEUE_UNBOUNDED)
        bench_unsupported("asio::thread_pool has an unbounded queue and no other");
    pool.emplace(static_cast<std::size_t>(params->workers));
}

static void produce(long count)
{
    for (long i = 0; i < count; i++)
        asio::post(*pool, [] { bench_task(); });
}

static void open_bounded(const bench_params_t *params)
{
    if (params->queue == BENCH_QUEUE_UNBOUNDED)
        bench_unsupported("for a pool with a limit");
    sem_init(&places, 0, static_cast<unsigned>(params->workers + params->queue));
    pool.emplace(static_cast<std::size_t>(params->workers));
}

static void produce_bounded(long count)
{
    for (long i = 0; i < count; i++) {
        while (sem_wait(&places) != 0)
            continue;
        asio::post(*pool, [] {
            bench_task();
            sem_post(&places);
        });
    }
}

static void close_pool()
{
    pool->join();
    pool.reset();
}

BENCH_MAIN({ "asio", open_pool, produce, bench_wait_for_tasks, close_pool },
           { "asio-bounded", open_bounded, produce_bounded, bench_wait_for_tasks, close_pool })
