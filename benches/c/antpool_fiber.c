/*
 * antpool with fibers as workers, through its C header and its shared object: as many carriers as
 * it takes by itself (antpool-fiber), or one (antpool-fiber-1). With three arguments it measures
 * what a fiber costs instead (costs.h).
 */
#include "bench.h"
#include "costs.h"

#include <antpool.h>

static antpool_t *pool;
static void must(antpool_status_t status)
{
    if (status != ANTPOOL_OK)
        bench_fail(antpool_status_message(status));
}

static void task(void *arg)
{
    (void)arg;
    bench_task();
}

static void sleep_in_fiber(long ms)
{
    antpool_sleep_ms((uint64_t)ms);
}

static void make_pool(int64_t capacity, size_t queue, size_t carriers)
{
    antpool_options_t options = ANTPOOL_OPTIONS_INIT;
    options.worker_kind = ANTPOOL_WORKER_FIBER;
    options.queue_capacity = queue;
    options.carriers = carriers;
    options.expiry_ms = 10000;
    must(antpool_new(capacity, &options, &pool));
}

static void open_pool(const bench_params_t *params)
{
    bench_sleep_ms = sleep_in_fiber;
    make_pool(params->workers,
              params->queue == BENCH_QUEUE_UNBOUNDED ? ANTPOOL_QUEUE_UNBOUNDED
                                                     : (size_t)params->queue,
              strcmp(params->name, "antpool-fiber-1") == 0 ? 1 : 0);
}

static void produce(long count)
{
    for (long i = 0; i < count; i++)
        must(antpool_submit(pool, task, NULL));
}

static void wait_for_all(void)
{
    must(antpool_wait(pool));
}

static void close_pool(void)
{
    must(antpool_destroy(pool));
}

/* The costs: a pool of exactly as many fibers as there are, on one carrier. */

static void (*body_of_fibers)(long fiber);

static void fiber(void *arg)
{
    body_of_fibers((long)(intptr_t)arg);
}

static void start(long fibers, void (*body)(long fiber))
{
    body_of_fibers = body;
    make_pool(fibers, 0, 1);
    for (long i = 0; i < fibers; i++)
        must(antpool_submit(pool, fiber, (void *)(intptr_t)i));
}

int main(int argc, char **argv)
{
    static const bench_pool_t pools[] = {
        { "antpool-fiber", open_pool, produce, wait_for_all, close_pool },
        { "antpool-fiber-1", open_pool, produce, wait_for_all, close_pool },
    };
    static const cost_fibers_t fibers = { start, wait_for_all, sleep_in_fiber, antpool_yield };
    if (argc == 4)
        return cost_main(argv, &fibers);
    return bench_main(argc, argv, pools, sizeof pools / sizeof *pools);
}
