/*
 * No function is a cancellation point: a thread with a cancellation pending comes back from each, and is
 * canceled later.
 */
#include "spec.h"

typedef struct called {
    void (*call)(antpool_t *pool);
    antpool_t *pool;
    bool came_back;
} called;

static void *call_with_a_cancellation_pending(void *data)
{
    called *called = data;
    CHECK_EQ(pthread_cancel(pthread_self()), 0);
    called->call(called->pool);
    called->came_back = true;
    pthread_testcancel();
    return NULL;
}

static void comes_back(void (*call)(antpool_t *pool), antpool_t *pool)
{
    called called = {call, pool, false};
    void *result = NULL;
    pthread_t thread = spec_thread(call_with_a_cancellation_pending, &called);
    CHECK_EQ(pthread_join(thread, &result), 0);
    CHECK(called.came_back);
    CHECK(result == PTHREAD_CANCELED);
}

static void count_cpus(antpool_t *unused)
{
    (void)unused;
    CHECK_GE(antpool_usable_cpus(), 1);
}

static void make_and_destroy(antpool_t *unused)
{
    (void)unused;
    antpool_options_t options = spec_options();
    options.min_workers = 1;
    antpool_t *pool;
    CHECK_STATUS(antpool_new(2, &options, &pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_destroy(pool), ANTPOOL_OK);
}

static void submit_and_wait(antpool_t *pool)
{
    for (int i = 0; i < 100; i++)
        CHECK_STATUS(antpool_submit(pool, nothing, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
}

static void tune(antpool_t *pool)
{
    CHECK_STATUS(antpool_tune(pool, 3), ANTPOOL_OK);
}

static void release_and_reboot(antpool_t *pool)
{
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
}

static void sleep_and_yield(antpool_t *unused)
{
    (void)unused;
    antpool_sleep_ms(1);
    antpool_sleep_us(1);
    antpool_yield();
}

static void wait_for_a_descriptor(antpool_t *unused)
{
    (void)unused;
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    CHECK_STATUS(antpool_wait_fd(ends[0], ANTPOOL_READABLE, 1, NULL), ANTPOOL_ERR_TIMED_OUT);
}

static void look(antpool_t *pool)
{
    antpool_stats_t stats = ANTPOOL_STATS_INIT;
    CHECK_STATUS(antpool_get_stats(pool, &stats), ANTPOOL_OK);
    CHECK_GE(antpool_running(pool) + antpool_busy(pool) + antpool_waiting(pool), 0);
}

static void fail(void *unused)
{
    (void)unused;
    antpool_task_fail("to be logged");
}

static void submit_what_is_logged(antpool_t *pool)
{
    CHECK_STATUS(antpool_submit(pool, fail, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
}

SPEC(no_function_is_a_cancellation_point)
{
    comes_back(count_cpus, NULL);
    comes_back(make_and_destroy, NULL);
    antpool_t *pool = spec_pool(2, NULL);
    comes_back(submit_and_wait, pool);
    comes_back(tune, pool);
    comes_back(release_and_reboot, pool);
    comes_back(sleep_and_yield, pool);
    comes_back(wait_for_a_descriptor, pool);
    comes_back(look, pool);
    comes_back(submit_what_is_logged, pool);
    spec_destroy(pool);
}

SPEC_MAIN()
