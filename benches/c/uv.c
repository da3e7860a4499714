/*
 * libuv's thread pool by uv_queue_work(): one pool for the process, filled from the thread of the loop
 * only, which also has to hear of the end of each task. Its loop is its wait.
 */
#include "bench.h"

#include <uv.h>

static uv_loop_t loop;

static void task(uv_work_t *request)
{
    (void)request;
    bench_task();
}

static void done(uv_work_t *request, int status)
{
    if (status != 0)
        bench_fail(uv_strerror(status));
    free(request);
}

static void open_pool(const bench_params_t *params)
{
    if (params->queue != BENCH_QUEUE_UNBOUNDED)
        bench_unsupported("libuv has an unbounded queue and no other");
    if (params->producers != 1)
        bench_unsupported("only the thread of the loop may submit");
    if (params->workers > 1024)
        bench_unsupported("libuv has 1024 threads at most");
    if (strcmp(params->measure, "life") == 0)
        bench_unsupported("libuv has one pool, for the life of the process");
    char threads[16];
    snprintf(threads, sizeof threads, "%d", params->workers);
    setenv("UV_THREADPOOL_SIZE", threads, 1);
    if (uv_loop_init(&loop) != 0)
        bench_fail("uv_loop_init");
}

static void produce(long count)
{
    for (long i = 0; i < count; i++) {
        uv_work_t *request = malloc(sizeof *request);
        if (request == NULL || uv_queue_work(&loop, request, task, done) != 0)
            bench_fail("uv_queue_work");
    }
}

static void wait_for_all(void)
{
    uv_run(&loop, UV_RUN_DEFAULT);
}

static void close_pool(void)
{
    uv_loop_close(&loop);
}

BENCH_MAIN({ "libuv", open_pool, produce, wait_for_all, close_pool })
