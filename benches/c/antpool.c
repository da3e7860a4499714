/* antpool, through its C header and its shared object. */
#include "bench.h"

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

static void open_pool(const bench_params_t *params)
{
    antpool_options_t options = ANTPOOL_OPTIONS_INIT;
    options.queue_capacity =
        params->queue == BENCH_QUEUE_UNBOUNDED ? ANTPOOL_QUEUE_UNBOUNDED : (size_t)params->queue;
    must(antpool_new(params->workers, &options, &pool));
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

BENCH_MAIN({ "antpool", open_pool, produce, wait_for_all, close_pool })
