/*
 * The thread pool of the Apache Portable Runtime (apr-util): as many threads at the start as it may
 * have. It keeps one queue without limit and has no wait; the tasks say when the last one has run.
 */
#include "bench.h"

#include <apr_general.h>
#include <apr_thread_pool.h>

static apr_pool_t *memory;
static apr_thread_pool_t *pool;

static void must(apr_status_t status, const char *what)
{
    if (status != APR_SUCCESS)
        bench_fail(what);
}

static void *APR_THREAD_FUNC task(apr_thread_t *thread, void *data)
{
    (void)thread;
    (void)data;
    bench_task();
    return NULL;
}

static void open_pool(const bench_params_t *params)
{
    if (params->queue != BENCH_QUEUE_UNBOUNDED)
        bench_unsupported("apr_thread_pool has an unbounded queue and no other");
    if (strcmp(params->measure, "memory-queued") == 0)
        bench_unsupported("to queue a million tasks takes it minutes");
    apr_size_t threads = (apr_size_t)params->workers;
    must(apr_initialize(), "apr_initialize");
    must(apr_pool_create(&memory, NULL), "apr_pool_create");
    must(apr_thread_pool_create(&pool, threads, threads, memory), "apr_thread_pool_create");
}

static void produce(long count)
{
    for (long i = 0; i < count; i++)
        must(apr_thread_pool_push(pool, task, NULL, APR_THREAD_TASK_PRIORITY_NORMAL, NULL),
             "apr_thread_pool_push");
}

static void close_pool(void)
{
    must(apr_thread_pool_destroy(pool), "apr_thread_pool_destroy");
    apr_pool_destroy(memory);
}

BENCH_MAIN({ "apr", open_pool, produce, bench_wait_for_tasks, close_pool })
