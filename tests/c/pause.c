/*
 * antpool_pause() and antpool_resume(): tasks that have not begun wait.
 */
#include "spec.h"

static count_t ran = COUNT_INIT;

static void run_one(void *arg)
{
    (void)arg;
    count_add(&ran, 1);
}

static void submit_some(antpool_t *pool, long tasks)
{
    for (long i = 0; i < tasks; i++)
        CHECK_STATUS(antpool_submit(pool, run_one, NULL), ANTPOOL_OK);
}

static antpool_t *pool_with_queue(long workers, size_t queue)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = queue;
    return spec_pool(workers, &options);
}

SPEC(a_paused_pool_accepts_tasks_and_begins_none_until_it_is_resumed)
{
    antpool_t *pool = pool_with_queue(4, 6);
    CHECK(!antpool_is_paused(pool));
    CHECK_STATUS(antpool_pause(pool), ANTPOOL_OK);
    CHECK(antpool_is_paused(pool));
    submit_some(pool, 10);
    CHECK_EQ(antpool_available(pool), 0);
    CHECK_EQ(antpool_running(pool), 4);
    CHECK_STATUS(antpool_try_submit(pool, run_one, NULL), ANTPOOL_ERR_OVERLOAD);
    CHECK_STATUS(antpool_submit_timeout(pool, run_one, NULL, 10), ANTPOOL_ERR_TIMED_OUT);
    const uint64_t before = spec_now();
    CHECK_STATUS(antpool_wait_timeout(pool, 50), ANTPOOL_ERR_TIMED_OUT);
    CHECK_GE(spec_now() - before, 50 * MS);
    CHECK_EQ(count_get(&ran), 0);
    CHECK_STATUS(antpool_resume(pool), ANTPOOL_OK);
    CHECK(!antpool_is_paused(pool));
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 10);
    spec_destroy(pool);
}

SPEC(a_pause_and_a_resume_more_change_nothing)
{
    antpool_t *pool = pool_with_queue(1, 4);
    CHECK_STATUS(antpool_resume(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_pause(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_pause(pool), ANTPOOL_OK);
    submit_some(pool, 3);
    CHECK_STATUS(antpool_resume(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_resume(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 3);
    spec_destroy(pool);
}

SPEC(tasks_that_run_go_on_in_a_paused_pool)
{
    gate_t gate = GATE_INIT;
    antpool_t *pool = pool_with_queue(2, 4);
    spec_hold(pool, &gate, 2);
    submit_some(pool, 3);
    CHECK_STATUS(antpool_pause(pool), ANTPOOL_OK);
    gate_open(&gate);
    count_wait(&gate.passed, 2);
    CHECK_STATUS(antpool_wait_timeout(pool, 20), ANTPOOL_ERR_TIMED_OUT);
    CHECK_EQ(count_get(&ran), 0);
    CHECK_STATUS(antpool_resume(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 3);
    spec_destroy(pool);
}

SPEC(idle_workers_begin_nothing_in_a_paused_pool)
{
    gate_t gate = GATE_INIT;
    antpool_t *pool = pool_with_queue(4, 0);
    spec_hold(pool, &gate, 4);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_pause(pool), ANTPOOL_OK);
    submit_some(pool, 4);
    CHECK_STATUS(antpool_wait_timeout(pool, 20), ANTPOOL_ERR_TIMED_OUT);
    CHECK_EQ(count_get(&ran), 0);
    CHECK_STATUS(antpool_resume(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    spec_destroy(pool);
}

typedef struct order_t {
    long number;
    count_t *next;
} order_t;

static void run_in_order(void *arg)
{
    order_t *own = (order_t *)arg;
    CHECK_EQ(count_add(own->next, 1), own->number);
}

SPEC(the_tasks_of_a_pause_run_in_their_order)
{
    enum { TASKS = 50 };
    order_t orders[TASKS];
    count_t next = COUNT_INIT;
    antpool_t *pool = pool_with_queue(1, TASKS);
    CHECK_STATUS(antpool_pause(pool), ANTPOOL_OK);
    for (int i = 0; i < TASKS; i++) {
        orders[i].number = i + 1;
        orders[i].next = &next;
        CHECK_STATUS(antpool_submit(pool, run_in_order, &orders[i]), ANTPOOL_OK);
    }
    CHECK_STATUS(antpool_resume(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&next), TASKS);
    spec_destroy(pool);
}

/* ---- Closing --------------------------------------------------------------------------------- */

SPEC(closing_a_pool_ends_its_pause)
{
    antpool_t *pool = pool_with_queue(2, 4);
    CHECK_STATUS(antpool_pause(pool), ANTPOOL_OK);
    submit_some(pool, 6);
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    CHECK(!antpool_is_paused(pool));
    CHECK_STATUS(antpool_pause(pool), ANTPOOL_ERR_CLOSED);
    CHECK_STATUS(antpool_resume(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 6);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    CHECK(!antpool_is_paused(pool));
    CHECK_STATUS(antpool_pause(pool), ANTPOOL_OK);
    submit_some(pool, 6);
    spec_destroy(pool);
    CHECK_EQ(count_get(&ran), 12);
}

static count_t discarded = COUNT_INIT;

static void discard_one(void *arg)
{
    (void)arg;
    count_add(&discarded, 1);
}

SPEC(tasks_of_a_paused_pool_can_all_be_discarded)
{
    antpool_t *pool = pool_with_queue(2, 8);
    CHECK_STATUS(antpool_pause(pool), ANTPOOL_OK);
    submit_some(pool, 10);
    CHECK_STATUS(antpool_release_discard(pool, discard_one), ANTPOOL_OK);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 0);
    CHECK_EQ(count_get(&discarded), 10);
    spec_destroy(pool);
}

SPEC(a_task_that_waits_for_the_end_of_a_pause_can_be_canceled)
{
    antpool_task_t *task;
    antpool_t *pool = pool_with_queue(1, 0);
    CHECK_STATUS(antpool_pause(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_task_submit(pool, run_one, NULL, &task), ANTPOOL_OK);
    CHECK_STATUS(antpool_task_wait_timeout(task, 20), ANTPOOL_ERR_TIMED_OUT);
    CHECK_STATUS(antpool_task_cancel(task), ANTPOOL_OK);
    CHECK_STATUS(antpool_task_wait(task), ANTPOOL_ERR_CANCELED);
    CHECK_STATUS(antpool_task_destroy(task), ANTPOOL_OK);
    CHECK_STATUS(antpool_resume(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 0);
    spec_destroy(pool);
}

SPEC(a_pool_may_be_tuned_while_it_is_paused)
{
    antpool_t *pool = pool_with_queue(4, 100);
    CHECK_STATUS(antpool_pause(pool), ANTPOOL_OK);
    submit_some(pool, 50);
    CHECK_STATUS(antpool_tune(pool, 1), ANTPOOL_OK);
    submit_some(pool, 10);
    CHECK_STATUS(antpool_tune(pool, 8), ANTPOOL_OK);
    CHECK_EQ(antpool_running(pool), 8);
    CHECK_STATUS(antpool_tune(pool, 2), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait_timeout(pool, 20), ANTPOOL_ERR_TIMED_OUT);
    CHECK_EQ(count_get(&ran), 0);
    CHECK_STATUS(antpool_resume(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 60);
    EVENTUALLY(antpool_running(pool) <= 2);
    spec_destroy(pool);
}

/* ---- Inside ---------------------------------------------------------------------------------- */

static void pause_own(void *arg)
{
    (void)arg;
    antpool_t *pool = antpool_current();
    CHECK_STATUS(antpool_pause(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit(pool, run_one, NULL), ANTPOOL_OK);
    antpool_sleep_ms(20);
    CHECK_EQ(count_get(&ran), 0);
    CHECK_STATUS(antpool_resume(pool), ANTPOOL_OK);
}

SPEC(a_task_may_pause_its_own_pool_and_goes_on)
{
    antpool_t *pool = pool_with_queue(2, 0);
    CHECK_STATUS(antpool_submit(pool, pause_own, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 1);
    spec_destroy(pool);
}

/* ---- Loops and gangs ------------------------------------------------------------------------- */

static pthread_t calling;

static void run_range(void *arg, size_t begin, size_t end, size_t slot)
{
    CHECK_EQ(slot, 0);
    CHECK(pthread_equal(pthread_self(), calling));
    count_add((count_t *)arg, (long)(end - begin));
}

static void never(void *arg, size_t slot)
{
    (void)arg;
    CHECK(slot == SIZE_MAX); /* it is never called */
}

SPEC(a_loop_on_a_paused_pool_is_its_callers_and_a_gang_is_overload)
{
    gate_t gate = GATE_INIT;
    count_t indices = COUNT_INIT;
    antpool_t *pool = pool_with_queue(4, 0);
    spec_hold(pool, &gate, 4);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_pause(pool), ANTPOOL_OK);
    calling = pthread_self();
    CHECK_STATUS(antpool_parallel_for(pool, 1000, 1, 4, run_range, &indices), ANTPOOL_OK);
    CHECK_EQ(count_get(&indices), 1000);
    CHECK_STATUS(antpool_run_together(pool, 2, never, NULL), ANTPOOL_ERR_OVERLOAD);
    CHECK_EQ(antpool_busy(pool), 0);
    spec_destroy(pool);
}

typedef struct gang_t {
    antpool_t *pool;
    meeting_t meeting;
} gang_t;

static void pause_and_meet(void *arg, size_t slot)
{
    gang_t *gang = (gang_t *)arg;
    if (slot == 0)
        CHECK_STATUS(antpool_pause(gang->pool), ANTPOOL_OK);
    meeting_task(&gang->meeting);
}

SPEC(a_gang_that_has_begun_goes_on_in_a_paused_pool)
{
    static gang_t gang;
    gang.pool = pool_with_queue(3, 0);
    for (size_t round = spec_rounds(100); round > 0; round--) {
        meeting_init(&gang.meeting, 4);
        CHECK_STATUS(antpool_run_together(gang.pool, 4, pause_and_meet, &gang), ANTPOOL_OK);
        CHECK_STATUS(antpool_resume(gang.pool), ANTPOOL_OK);
        CHECK_STATUS(antpool_wait(gang.pool), ANTPOOL_OK);
    }
    spec_destroy(gang.pool);
}

/* ---- Many times ------------------------------------------------------------------------------ */

static void check_allowed(void *allowed)
{
    CHECK(__atomic_load_n((bool *)allowed, __ATOMIC_RELAXED));
    run_one(NULL);
}

SPEC(no_task_that_is_submitted_after_a_pause_begins_before_the_resume)
{
    enum { TASKS = 3 };
    bool allowed = false;
    const long rounds = (long)spec_rounds(2000);
    antpool_t *pool = pool_with_queue(2, TASKS);
    for (long round = 1; round <= rounds; round++) {
        CHECK_STATUS(antpool_pause(pool), ANTPOOL_OK);
        for (int i = 0; i < TASKS; i++)
            CHECK_STATUS(antpool_submit(pool, check_allowed, &allowed), ANTPOOL_OK);
        __atomic_store_n(&allowed, true, __ATOMIC_RELAXED);
        CHECK_STATUS(antpool_resume(pool), ANTPOOL_OK);
        count_wait(&ran, round * TASKS);
        CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
        __atomic_store_n(&allowed, false, __ATOMIC_RELAXED);
    }
    spec_destroy(pool);
}

typedef struct storm_t {
    antpool_t *pool;
    gate_t stop;
} storm_t;

static void *pause_all_the_time(void *arg)
{
    storm_t *storm = (storm_t *)arg;
    while (!gate_take(&storm->stop)) {
        CHECK_STATUS(antpool_pause(storm->pool), ANTPOOL_OK);
        CHECK_STATUS(antpool_resume(storm->pool), ANTPOOL_OK);
    }
    return NULL;
}

SPEC(no_task_is_lost_to_pauses)
{
    enum { PAUSERS = 2 };
    storm_t storm = {NULL, GATE_INIT};
    pthread_t pausers[PAUSERS];
    const long tasks = (long)spec_rounds(5000);
    storm.pool = pool_with_queue(3, 20);
    for (int i = 0; i < PAUSERS; i++)
        pausers[i] = spec_thread(pause_all_the_time, &storm);
    submit_some(storm.pool, tasks);
    gate_open(&storm.stop);
    for (int i = 0; i < PAUSERS; i++)
        spec_join(pausers[i]);
    CHECK_STATUS(antpool_wait(storm.pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), tasks);
    spec_destroy(storm.pool);
}

SPEC_MAIN()
