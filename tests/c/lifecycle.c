/*
 * Release and reboot: what becomes of tasks, of workers, and of calls that are blocked.
 */
#include "spec.h"

/* ---- Release --------------------------------------------------------------------------------- */

SPEC(a_released_pool_accepts_nothing)
{
    antpool_options_t options = spec_options();
    antpool_t *pool;
    CHECK_STATUS(antpool_new_with_func(2, count_task, &options, &pool), ANTPOOL_OK);
    count_t ran = COUNT_INIT;
    CHECK(!antpool_is_closed(pool));
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    CHECK(antpool_is_closed(pool));
    CHECK_STATUS(antpool_submit(pool, count_task, &ran), ANTPOOL_ERR_CLOSED);
    CHECK_STATUS(antpool_try_submit(pool, count_task, &ran), ANTPOOL_ERR_CLOSED);
    CHECK_STATUS(antpool_submit_timeout(pool, count_task, &ran, 0), ANTPOOL_ERR_CLOSED);
    CHECK_STATUS(antpool_submit_copy(pool, count_task, &ran, 1), ANTPOOL_ERR_CLOSED);
    CHECK_STATUS(antpool_invoke(pool, &ran), ANTPOOL_ERR_CLOSED);
    CHECK_STATUS(antpool_try_invoke(pool, &ran), ANTPOOL_ERR_CLOSED);
    CHECK_STATUS(antpool_invoke_timeout(pool, &ran, 0), ANTPOOL_ERR_CLOSED);
    spec_destroy(pool);
    CHECK_EQ(count_get(&ran), 0);
}

SPEC(a_second_release_is_ok_and_does_nothing)
{
    antpool_t *pool = spec_pool(2, NULL);
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    CHECK(antpool_is_closed(pool));
    spec_destroy(pool);
}

SPEC(release_does_not_wait_and_accepted_tasks_still_run)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = 50;
    antpool_t *pool = spec_pool(2, &options);
    gate_t gate = GATE_INIT;
    for (int i = 0; i < 52; i++)
        CHECK_STATUS(antpool_try_submit(pool, gate_task, &gate), ANTPOOL_OK);
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&gate.passed), 0);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&gate.passed), 52);
    spec_destroy(pool);
}

SPEC(release_sends_idle_workers_home)
{
    antpool_options_t options = spec_options();
    options.disable_purge = true;
    options.min_workers = 3;
    antpool_t *pool = spec_pool(6, &options);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 6);
    gate_let(&gate, 5);
    EVENTUALLY(antpool_busy(pool) == 1);
    CHECK_EQ(antpool_running(pool), 6);
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    EVENTUALLY(antpool_running(pool) == 1);
    gate_open(&gate);
    EVENTUALLY(antpool_running(pool) == 0);
    spec_destroy(pool);
}

/* ---- Release and wait ------------------------------------------------------------------------ */

SPEC(release_timeout_times_out_then_succeeds_then_says_closed)
{
    antpool_t *pool = spec_pool(2, NULL);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 2);
    const uint64_t timeouts[] = {0, 1, 50};
    for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) {
        uint64_t before = spec_now();
        CHECK_STATUS(antpool_release_timeout(pool, timeouts[i]), ANTPOOL_ERR_TIMED_OUT);
        CHECK_GE(spec_now() - before, timeouts[i] * MS);
        CHECK(antpool_is_closed(pool));
    }
    gate_open(&gate);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_EQ(count_get(&gate.passed), 2);
    CHECK_EQ(antpool_running(pool), 0);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_ERR_CLOSED);
    CHECK_STATUS(antpool_release_timeout(pool, 0), ANTPOOL_ERR_CLOSED);
    spec_destroy(pool);
}

SPEC(release_timeout_of_a_pool_without_workers_needs_no_time)
{
    antpool_t *pool = spec_pool(2, NULL);
    CHECK_STATUS(antpool_release_timeout(pool, 0), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC(release_timeout_after_release_waits_for_the_same_closing)
{
    antpool_t *pool = spec_pool(2, NULL);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 1);
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_release_timeout(pool, 1), ANTPOOL_ERR_TIMED_OUT);
    gate_open(&gate);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC(release_timeouts_that_wait_at_the_same_time_all_succeed)
{
    enum { CALLS = 8 };
    antpool_t *pool = spec_pool(2, NULL);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 2);
    call_t calls[CALLS];
    for (int i = 0; i < CALLS; i++)
        call_block_in(&calls[i], antpool_release_timeout, pool,
                      i % 2 ? ANTPOOL_WAIT_FOREVER : 3600000);
    gate_open(&gate);
    for (int i = 0; i < CALLS; i++)
        CHECK_STATUS(call_join(&calls[i]), ANTPOOL_OK);
    CHECK_STATUS(antpool_release_timeout(pool, 0), ANTPOOL_ERR_CLOSED);
    spec_destroy(pool);
}

SPEC(no_thread_is_left_when_release_timeout_returns)
{
    spec_start_first_thread();
    const long before = spec_threads();
    antpool_t *pool = spec_pool(4, NULL);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 4);
    gate_open(&gate);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    EVENTUALLY(spec_threads() == before); /* The system lists a thread a moment too long. */
    spec_destroy(pool);
}

/* ---- Reboot ---------------------------------------------------------------------------------- */

SPEC(reboot_of_an_open_pool_does_nothing)
{
    antpool_t *pool = spec_pool(2, NULL);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 2);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    CHECK_EQ(antpool_busy(pool), 2);
    CHECK_STATUS(antpool_try_submit(pool, gate_task, &gate), ANTPOOL_ERR_OVERLOAD);
    gate_open(&gate);
    spec_destroy(pool);
    CHECK_EQ(count_get(&gate.passed), 2);
}

SPEC(reboot_ends_a_pending_release_timeout)
{
    antpool_t *pool = spec_pool(2, NULL);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 2);
    call_t calls[3];
    for (int i = 0; i < 3; i++)
        call_block_in(&calls[i], antpool_release_timeout, pool, ANTPOOL_WAIT_FOREVER);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    for (int i = 0; i < 3; i++)
        CHECK_STATUS(call_join(&calls[i]), ANTPOOL_ERR_CANCELED);
    CHECK(!antpool_is_closed(pool));
    gate_open(&gate);
    spec_destroy(pool);
}

SPEC(tasks_from_before_a_reboot_count_against_the_capacity)
{
    antpool_t *pool = spec_pool(2, NULL);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 2);
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    CHECK_EQ(antpool_running(pool), 2);
    CHECK_STATUS(antpool_try_submit(pool, gate_task, &gate), ANTPOOL_ERR_OVERLOAD);
    gate_let(&gate, 1);
    EVENTUALLY(antpool_available(pool) == 1);
    spec_hold(pool, &gate, 1);
    CHECK_STATUS(antpool_try_submit(pool, gate_task, &gate), ANTPOOL_ERR_OVERLOAD);
    CHECK_EQ(antpool_running(pool), 2);
    gate_open(&gate);
    spec_destroy(pool);
    CHECK_EQ(count_get(&gate.passed), 3);
}

SPEC(each_closing_is_waited_for_anew)
{
    antpool_t *pool = spec_pool(2, NULL);
    count_t done = COUNT_INIT;
    for (int i = 0; i < 20; i++) {
        CHECK_STATUS(antpool_submit(pool, count_task, &done), ANTPOOL_OK);
        CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
        CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_ERR_CLOSED);
        CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    }
    spec_destroy(pool);
    CHECK_EQ(count_get(&done), 20);
}

SPEC(a_rebooted_pool_has_its_capacity_and_options)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = 3;
    options.nonblocking = true;
    options.pre_alloc = true;
    antpool_t *pool = spec_pool(2, &options);
    gate_t gate = GATE_INIT;
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    for (int i = 0; i < 5; i++)
        CHECK_STATUS(antpool_submit(pool, gate_task, &gate), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit(pool, gate_task, &gate), ANTPOOL_ERR_OVERLOAD);
    CHECK_EQ(antpool_capacity(pool), 2);
    gate_open(&gate);
    spec_destroy(pool);
    CHECK_EQ(count_get(&gate.passed), 5);
}

static void release_own_pool(void *done)
{
    CHECK_STATUS(antpool_release(antpool_current()), ANTPOOL_OK);
    count_task(done);
}

static void release_and_reboot_own_pool(void *done)
{
    release_own_pool(done);
    CHECK_STATUS(antpool_reboot(antpool_current()), ANTPOOL_OK);
    CHECK_STATUS(antpool_try_submit(antpool_current(), count_task, done), ANTPOOL_OK);
}

SPEC(a_task_may_release_and_reboot_its_own_pool)
{
    antpool_t *pool = spec_pool(2, NULL);
    count_t done = COUNT_INIT;
    CHECK_STATUS(antpool_submit(pool, release_and_reboot_own_pool, &done), ANTPOOL_OK);
    count_wait(&done, 2);
    CHECK(!antpool_is_closed(pool));
    CHECK_STATUS(antpool_submit(pool, release_own_pool, &done), ANTPOOL_OK);
    count_wait(&done, 3);
    CHECK(antpool_is_closed(pool));
    spec_destroy(pool);
}

/* ---- The default pool ------------------------------------------------------------------------ */

SPEC(the_default_pool_is_not_to_be_destroyed)
{
    count_t done = COUNT_INIT;
    CHECK_STATUS(antpool_destroy(antpool_default()), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK(!antpool_is_closed(antpool_default()));
    CHECK_EQ(antpool_capacity(antpool_default()), 512);
    CHECK_STATUS(antpool_tune(antpool_default(), 2), ANTPOOL_OK);
    CHECK_EQ(antpool_capacity(antpool_default()), 2);
    CHECK_STATUS(antpool_submit(antpool_default(), count_task, &done), ANTPOOL_OK);
    CHECK_STATUS(antpool_release_timeout(antpool_default(), ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_STATUS(antpool_destroy(antpool_default()), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_EQ(count_get(&done), 1);
}

/* ---- A thread's own end ----------------------------------------------------------------------- */

static struct {
    pthread_key_t key;
    gate_t gate;
} slow_end = {0, GATE_INIT};

static void end_slowly(void *unused)
{
    gate_task(&slow_end.gate);
    (void)unused;
}

static void have_a_slow_end(void *unused)
{
    (void)unused;
    CHECK_EQ(pthread_setspecific(slow_end.key, &slow_end), 0);
}

SPEC(a_release_with_a_limit_waits_no_longer_for_destructors_of_the_host)
{
    spec_skip_if(FIBERS_ARE_THREADS, "TSan does not know a thread any more that runs destructors");
    CHECK_EQ(pthread_key_create(&slow_end.key, end_slowly), 0);
    antpool_t *pool = spec_pool(1, NULL);
    CHECK_STATUS(antpool_submit(pool, have_a_slow_end, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_release_timeout(pool, 20), ANTPOOL_ERR_TIMED_OUT);
    count_wait(&slow_end.gate.arrived, 1);
    CHECK_STATUS(antpool_release_timeout(pool, 20), ANTPOOL_ERR_TIMED_OUT);
    gate_open(&slow_end.gate);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_STATUS(antpool_release_timeout(pool, 0), ANTPOOL_ERR_CLOSED);
    spec_destroy(pool);
}

SPEC_MAIN()
