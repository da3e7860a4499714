/*
 * oneTBB, limited to WORKERS worker threads beside the producers, in the two ways that it offers:
 *
 * tbb-group    task_group::run inside a task_arena: the way its documentation recommends. Every
 *              producer has a slot of its own, fills that slot's deque, the workers steal from it.
 *              The producer helps with the tasks while it waits: that is how task_group::wait is
 *              made, and it gives TBB one thread more than the other pools have.
 * tbb-enqueue  task_arena::enqueue from outside: first in, first out through the arena's shared
 *              queue, no help from the producer; what the other pools do. No wait of its own.
 *
 * Without the global_control TBB would start only as many threads as the machine has CPUs, less
 * one for the caller, however many the arena has room for.
 */
#include "bench.h"

#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <optional>

static std::optional<tbb::global_control> limit;
static std::optional<tbb::task_arena> arena;
static std::optional<tbb::task_group> group;

static void open_arena(const bench_params_t *params, int producers)
{
    if (params->queue != BENCH_QUEUE_UNBOUNDED)
        bench_unsupported("a task_arena has an unbounded queue and no other");
    /* The limit counts the main thread too. */
    limit.emplace(tbb::global_control::max_allowed_parallelism,
                  static_cast<std::size_t>(params->workers) + 1);
    arena.emplace(params->workers + producers, static_cast<unsigned>(producers));
}

static void open_group(const bench_params_t *params)
{
    open_arena(params, params->producers);
    group.emplace();
}

static void open_enqueue(const bench_params_t *params)
{
    open_arena(params, 0);
}

static void run_in_group(long count)
{
    arena->execute([count] {
        for (long i = 0; i < count; i++)
            group->run([] { bench_task(); });
    });
}

static void enqueue(long count)
{
    for (long i = 0; i < count; i++)
        arena->enqueue([] { bench_task(); });
}

static void wait_for_group()
{
    arena->execute([] { group->wait(); });
}

static void close_arena()
{
    group.reset();
    arena.reset();
    limit.reset();
}

BENCH_MAIN({ "tbb-group", open_group, run_in_group, wait_for_group, close_arena },
           { "tbb-enqueue", open_enqueue, enqueue, bench_wait_for_tasks, close_arena })
