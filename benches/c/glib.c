/*
 * GLib's GThreadPool: exclusive, so that its threads exist from the start and serve it alone. It
 * has no wait that leaves the pool usable; the tasks themselves say when the last one has run.
 */
#include "bench.h"

#include <glib.h>

static GThreadPool *pool;

static void task(gpointer data, gpointer user_data)
{
    (void)data;
    (void)user_data;
    bench_task();
}

static void open_pool(const bench_params_t *params)
{
    if (params->queue != BENCH_QUEUE_UNBOUNDED)
        bench_unsupported("GThreadPool has an unbounded queue and no other");
    /* Where it is measured what a pool or its threads cost, they start when they are needed. */
    static const char *const costs[] = { "life", "memory-pool", "memory-worker", "ramp" };
    gboolean exclusive = TRUE;
    for (size_t i = 0; i < sizeof costs / sizeof *costs; i++)
        exclusive = exclusive && strcmp(params->measure, costs[i]) != 0;
    pool = g_thread_pool_new(task, NULL, params->workers, exclusive, NULL);
    if (pool == NULL)
        bench_fail("g_thread_pool_new");
}

static void produce(long count)
{
    /* A task is one pointer, and it must not be NULL. */
    for (long i = 0; i < count; i++)
        if (!g_thread_pool_push(pool, &pool, NULL))
            bench_fail("g_thread_pool_push");
}

static void close_pool(void)
{
    g_thread_pool_free(pool, FALSE, TRUE);
}

BENCH_MAIN({ "glib", open_pool, produce, bench_wait_for_tasks, close_pool })
