/* The life of a pool whose fibers are suspended: its end, its size, and fibers that are lost. */
#include "spec.h"

#include "failures.h"
#include "fiber_tools.h"

enum { FEW = 100 };

static void wait_until_readable(void *fd)
{
    CHECK_STATUS(antpool_wait_fd(*(int *)fd, READ, ANTPOOL_WAIT_FOREVER, NULL), ANTPOOL_OK);
}

/* ---- Closing -------------------------------------------------------------------------------- */

SPEC(a_pool_that_is_released_lets_its_sleepers_finish)
{
    long done = 0;
    antpool_t *pool = fiber_pool(FEW, 2);
    submit_times(pool, sleep_20_ms, &done, FEW);
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit(pool, nothing, NULL), ANTPOOL_ERR_CLOSED);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_EQ(done, FEW);
    CHECK_EQ(antpool_running(pool), 0);
    spec_destroy(pool);
}

SPEC(a_pool_that_is_destroyed_waits_for_all_that_its_tasks_wait_for)
{
    long done = 0, set = 0;
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    antpool_t *pool = fiber_pool(FEW + 2, 2);
    submit_times(pool, sleep_20_ms, &done, FEW);
    CHECK_STATUS(antpool_submit(pool, stay_until_set, &set), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit(pool, wait_until_readable, &ends[0]), ANTPOOL_OK);
    call_t destroy;
    call_block_in(&destroy, call_destroy, pool, 0);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    tally_add(&set, 1);
    CHECK_STATUS(call_join(&destroy), ANTPOOL_OK);
    CHECK_EQ(done, FEW);
    CHECK_EQ(close(ends[0]), 0);
    CHECK_EQ(close(ends[1]), 0);
}

SPEC(a_pool_is_rebooted_while_sleepers_of_before_count_against_its_capacity)
{
    long done = 0, set = 0;
    antpool_t *pool = fiber_pool(2, 1);
    submit_times(pool, stay_until_set, &set, 2);
    for (int round = 0; round < 3; round++) {
        CHECK_STATUS(antpool_release_timeout(pool, 1), ANTPOOL_ERR_TIMED_OUT);
        CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
        CHECK_STATUS(antpool_try_submit(pool, tally_task, &done), ANTPOOL_ERR_OVERLOAD);
    }
    tally_add(&set, 1);
    submit_times(pool, sleep_20_ms, &done, 10);
    finish(pool);
    CHECK_EQ(done, 10);
}

SPEC(tuning_a_pool_of_sleepers_ends_none_and_holds_later_submits_to_it)
{
    long done = 0, set = 0;
    antpool_t *pool = fiber_pool(FEW, 2);
    submit_times(pool, stay_until_set, &set, FEW);
    CHECK_STATUS(antpool_tune(pool, 3), ANTPOOL_OK);
    CHECK_EQ(antpool_running(pool), FEW);
    CHECK_STATUS(antpool_try_submit(pool, tally_task, &done), ANTPOOL_ERR_OVERLOAD);
    CHECK_STATUS(antpool_tune(pool, FEW + 2), ANTPOOL_OK);
    submit_times(pool, tally_task, &done, 2);
    CHECK_STATUS(antpool_tune(pool, 3), ANTPOOL_OK);
    tally_add(&set, 1);
    EVENTUALLY(antpool_running(pool) <= 3);
    submit_times(pool, sleep_20_ms, &done, 9);
    CHECK_LE(antpool_running(pool), 3);
    finish(pool);
    CHECK_EQ(done, 11);
}

SPEC(a_pool_without_tasks_uses_no_processor_time_and_in_the_end_no_thread)
{
    spec_start_first_thread();
    const long threads = spec_threads();
    long done = 0;
    antpool_options_t options = spec_options();
    options.expiry_ms = 1000;
    options.carriers = 4;
    antpool_t *pool = spec_pool(FEW, &options);
    CHECK_EQ(spec_threads(), threads);
    submit_times(pool, sleep_20_ms, &done, FEW);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    spec_sleep_ms(100); /* Carriers may look for work for a moment. */
    uint64_t before = cpu_time();
    spec_sleep_ms(500);
    CHECK_LE(cpu_time() - before, 50 * MS);
    EVENTUALLY(spec_threads() == threads);
    CHECK_EQ(antpool_running(pool), 0);
    submit_times(pool, sleep_20_ms, &done, FEW);
    finish(pool);
    CHECK_EQ(done, 2 * FEW);
}

SPEC_FIBERS(a_hundred_thousand_fibers_wait_at_a_time)
{
    const long count = (long)spec_rounds(100000);
    dam_t dam;
    dam_build(&dam);
    antpool_t *pool = fiber_pool(count, 2);
    submit_times(pool, dam_task, &dam, count);
    CHECK_EQ(antpool_busy(pool), count);
    CHECK_STATUS(antpool_try_submit(pool, nothing, NULL), ANTPOOL_ERR_OVERLOAD);
    dam_open(&dam);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(stats_of(pool).completed, count);
    CHECK_EQ(stats_of(pool).peak_running, count);
    spec_destroy(pool);
    dam_remove(&dam);
}

/* ---- Lost fibers ---------------------------------------------------------------------------- */

static void exit_thread_later(void *tally)
{
    antpool_yield();
    tally_task(tally);
    pthread_exit(NULL);
}

static __thread long carrier;

static void check_carrier(void *first)
{
    if (*(long **)first == NULL)
        *(long **)first = &carrier;
    CHECK(*(long **)first == &carrier);
}

SPEC_FIBERS(a_task_that_calls_pthread_exit_costs_its_fiber_and_not_the_carrier)
{
    spec_needs_true_fibers();
    const long count = (long)spec_rounds(1000);
    failures_t failures = FAILURES_INIT;
    long ended = 0, done = 0, *only = NULL;
    antpool_options_t options = failures_handled(&failures);
    options.carriers = 1;
    antpool_t *pool = spec_pool(FEW, &options);
    for (long i = 0; i < count; i++) {
        CHECK_STATUS(antpool_submit(pool, exit_thread_later, &ended), ANTPOOL_OK);
        CHECK_STATUS(antpool_submit(pool, sleep_20_ms, &done), ANTPOOL_OK);
        CHECK_STATUS(antpool_submit(pool, check_carrier, &only), ANTPOOL_OK);
    }
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(ended, count);
    CHECK_EQ(done, count);
    CHECK_EQ(count_get(&failures.handled), count);
    antpool_stats_t stats = stats_of(pool);
    CHECK_EQ(stats.lost, count);
    CHECK_EQ(stats.panicked, count);
    CHECK_EQ(stats.completed, 3 * count);
    CHECK_LE(stats.running, FEW);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC_MAIN()
