/*
 * antpool_trim() and antpool_set_expiry(): idle workers that leave before their time, or at another.
 */
#include "spec.h"

/* A pool with this number of idle workers, which stay for an hour. */
static antpool_t *idle_pool(long workers, antpool_options_t *options)
{
    gate_t gate = GATE_INIT;
    if (!options->disable_purge)
        options->expiry_ms = 3600000;
    antpool_t *pool = spec_pool(workers, options);
    spec_hold(pool, &gate, workers);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(antpool_running(pool), workers);
    return pool;
}

SPEC(a_trim_has_all_idle_workers_leave_and_the_pool_goes_on)
{
    antpool_options_t options = spec_options();
    count_t done = COUNT_INIT;
    antpool_t *pool = idle_pool(8, &options);
    CHECK_STATUS(antpool_trim(pool), ANTPOOL_OK);
    EVENTUALLY(antpool_running(pool) == 0);
    antpool_stats_t stats = ANTPOOL_STATS_INIT;
    CHECK_STATUS(antpool_get_stats(pool, &stats), ANTPOOL_OK);
    CHECK_EQ(stats.purged, 8);
    CHECK_STATUS(antpool_submit(pool, count_task, &done), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&done), 1);
    CHECK_EQ(antpool_running(pool), 1); /* It is idle since after the trim. */
    spec_destroy(pool);
}

SPEC(a_trim_keeps_min_workers_and_those_that_have_a_task)
{
    antpool_options_t options = spec_options();
    gate_t gate = GATE_INIT;
    options.min_workers = 3;
    antpool_t *pool = idle_pool(8, &options);
    spec_hold(pool, &gate, 5);
    CHECK_STATUS(antpool_trim(pool), ANTPOOL_OK);
    EVENTUALLY(antpool_running(pool) == 5);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(antpool_running(pool), 5);
    CHECK_STATUS(antpool_trim(pool), ANTPOOL_OK);
    EVENTUALLY(antpool_running(pool) == 3);
    CHECK_STATUS(antpool_trim(pool), ANTPOOL_OK);
    spec_sleep_ms(20);
    CHECK_EQ(antpool_running(pool), 3);
    spec_destroy(pool);
}

SPEC(a_trim_works_with_disable_purge)
{
    antpool_options_t options = spec_options();
    options.disable_purge = true;
    antpool_t *pool = idle_pool(4, &options);
    CHECK_STATUS(antpool_trim(pool), ANTPOOL_OK);
    EVENTUALLY(antpool_running(pool) == 0);
    spec_destroy(pool);
}

static void trim_own(void *arg)
{
    CHECK_STATUS(antpool_trim(antpool_current()), ANTPOOL_OK);
    EVENTUALLY(antpool_running(antpool_current()) == 1);
    count_task(arg);
}

SPEC(a_trim_from_inside_a_task_leaves_its_worker)
{
    spec_needs_true_fibers();
    antpool_options_t options = spec_options();
    count_t done = COUNT_INIT;
    antpool_t *pool = idle_pool(4, &options);
    CHECK_STATUS(antpool_submit(pool, trim_own, &done), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&done), 1);
    spec_destroy(pool);
}

/* Trims without end, until the gate is opened. */
static void *trim_all_the_time(void *arg)
{
    void **both = (void **)arg;
    while (!gate_take((gate_t *)both[1]))
        CHECK_STATUS(antpool_trim((antpool_t *)both[0]), ANTPOOL_OK);
    return NULL;
}

SPEC(no_task_is_lost_to_a_trim)
{
    enum { TASKS = 4 };
    antpool_options_t options = spec_options();
    count_t done = COUNT_INIT;
    gate_t stop = GATE_INIT;
    antpool_t *pool = spec_pool(TASKS, &options);
    void *both[] = {pool, &stop};
    pthread_t trimmer = spec_thread(trim_all_the_time, both);
    const long rounds = (long)spec_rounds(1000);
    for (long round = 1; round <= rounds; round++) {
        for (int i = 0; i < TASKS; i++)
            CHECK_STATUS(antpool_submit(pool, count_task, &done), ANTPOOL_OK);
        count_wait(&done, TASKS * round);
    }
    gate_open(&stop);
    spec_join(trimmer);
    spec_destroy(pool);
}

/* ---- The expiry ------------------------------------------------------------------------------ */

SPEC(idle_workers_follow_a_shorter_expiry)
{
    antpool_options_t options = spec_options();
    options.min_workers = 1;
    antpool_t *pool = idle_pool(4, &options);
    CHECK_STATUS(antpool_set_expiry(pool, 20), ANTPOOL_OK);
    EVENTUALLY(antpool_running(pool) == 1);
    spec_destroy(pool);
}

SPEC(idle_workers_follow_a_longer_expiry)
{
    enum { SHORT = 300, LONG = 900 };
    antpool_options_t options = spec_options();
    gate_t gate = GATE_INIT;
    options.expiry_ms = SHORT;
    antpool_t *pool = spec_pool(4, &options);
    spec_hold(pool, &gate, 4);
    const uint64_t opened = spec_now();
    gate_open(&gate);
    CHECK_STATUS(antpool_set_expiry(pool, LONG), ANTPOOL_OK);
    if (spec_now() - opened < SHORT * MS) { /* None has left by the old one. */
        EVENTUALLY(antpool_running(pool) < 4);
        CHECK_GE(spec_now() - opened, LONG * MS);
    }
    EVENTUALLY(antpool_running(pool) == 0);
    spec_destroy(pool);
}

SPEC(an_expiry_that_is_set_to_zero_is_a_second)
{
    antpool_options_t options = spec_options();
    gate_t gate = GATE_INIT;
    options.expiry_ms = 3600000;
    antpool_t *pool = spec_pool(1, &options);
    spec_hold(pool, &gate, 1);
    CHECK_STATUS(antpool_set_expiry(pool, 0), ANTPOOL_OK);
    const uint64_t opened = spec_now();
    gate_open(&gate);
    EVENTUALLY(antpool_running(pool) == 0);
    CHECK_GE(spec_now() - opened, 1000 * MS);
    spec_destroy(pool);
}

SPEC(workers_that_stay_for_ever_have_no_expiry_to_change)
{
    antpool_options_t options = spec_options();
    options.disable_purge = true;
    antpool_t *pool = idle_pool(2, &options);
    CHECK_STATUS(antpool_set_expiry(pool, 1), ANTPOOL_ERR_UNSUPPORTED);
    CHECK_STATUS(antpool_set_expiry(pool, -1), ANTPOOL_ERR_INVALID_EXPIRY);
    spec_sleep_ms(50);
    CHECK_EQ(antpool_running(pool), 2);
    spec_destroy(pool);
}

static void call_nothing(void *arg)
{
    CHECK_STATUS(antpool_block(nothing, arg), ANTPOOL_OK);
}

SPEC_FIBERS(the_threads_of_blocking_calls_follow_a_trim_and_an_expiry)
{
    spec_needs_true_fibers();
    antpool_options_t options = spec_options();
    options.carriers = 1;
    options.expiry_ms = 3600000;
    antpool_t *pool = spec_pool(1, &options);
    spec_start_first_thread();
    const long before = spec_threads();
    for (int round = 0; round < 2; round++) {
        CHECK_STATUS(antpool_submit(pool, call_nothing, NULL), ANTPOOL_OK);
        CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
        CHECK_EQ(spec_threads(), before + 2);
        /* A thread that is on its way back from its call is not idle yet. */
        if (round == 0)
            EVENTUALLY(antpool_trim(pool) == ANTPOOL_OK && spec_threads() == before);
        else
            CHECK_STATUS(antpool_set_expiry(pool, 1), ANTPOOL_OK);
        EVENTUALLY(spec_threads() == before);
    }
    spec_destroy(pool);
}

SPEC_MAIN()
