/*
 * antpool_tune(): growing admits callers and starts workers for queued tasks, shrinking lets
 * workers go without interrupting a task.
 */
#include "spec.h"

/* ---- Growing --------------------------------------------------------------------------------- */

SPEC(growing_admits_as_many_waiting_callers_as_now_fit)
{
    enum { CALLERS = 10 };
    antpool_t *pool = spec_pool(2, NULL);
    gate_t gate = GATE_INIT;
    caller_t callers[CALLERS];
    spec_hold(pool, &gate, 2);
    for (int i = 0; i < CALLERS; i++)
        caller_start(&callers[i], pool, gate_task, &gate);
    EVENTUALLY(antpool_waiting(pool) == CALLERS);
    CHECK_EQ(antpool_running(pool), 2);
    const int64_t capacities[] = {3, 8};
    for (int i = 0; i < 2; i++) {
        CHECK_STATUS(antpool_tune(pool, capacities[i]), ANTPOOL_OK);
        count_wait(&gate.arrived, capacities[i]);
        EVENTUALLY(antpool_waiting(pool) == CALLERS + 2 - capacities[i]);
        CHECK_EQ(antpool_capacity(pool), capacities[i]);
        CHECK_EQ(antpool_running(pool), capacities[i]);
        CHECK_EQ(antpool_available(pool), 0);
        CHECK_EQ(count_get(&gate.arrived), capacities[i]);
    }
    gate_open(&gate);
    for (int i = 0; i < CALLERS; i++)
        CHECK_STATUS(caller_join(&callers[i]), ANTPOOL_OK);
    spec_destroy(pool);
    CHECK_EQ(count_get(&gate.passed), CALLERS + 2);
}

SPEC(growing_starts_workers_for_queued_tasks)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = 10;
    antpool_t *pool = spec_pool(1, &options);
    gate_t gate = GATE_INIT;
    for (int i = 0; i < 6; i++)
        CHECK_STATUS(antpool_try_submit(pool, gate_task, &gate), ANTPOOL_OK);
    CHECK_EQ(antpool_running(pool), 1);
    CHECK_STATUS(antpool_tune(pool, 3), ANTPOOL_OK);
    count_wait(&gate.arrived, 3);
    CHECK_EQ(antpool_running(pool), 3);
    CHECK_STATUS(antpool_tune(pool, 20), ANTPOOL_OK);
    count_wait(&gate.arrived, 6);
    CHECK_EQ(antpool_running(pool), 6);
    gate_open(&gate);
    spec_destroy(pool);
}

SPEC(growing_makes_room_for_new_submits)
{
    antpool_t *pool = spec_pool(1, NULL);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 1);
    CHECK_STATUS(antpool_try_submit(pool, gate_task, &gate), ANTPOOL_ERR_OVERLOAD);
    CHECK_STATUS(antpool_tune(pool, 2), ANTPOOL_OK);
    CHECK_EQ(antpool_available(pool), 1);
    CHECK_STATUS(antpool_try_submit(pool, gate_task, &gate), ANTPOOL_OK);
    CHECK_STATUS(antpool_try_submit(pool, gate_task, &gate), ANTPOOL_ERR_OVERLOAD);
    gate_open(&gate);
    spec_destroy(pool);
    CHECK_EQ(count_get(&gate.passed), 2);
}

/* ---- Shrinking ------------------------------------------------------------------------------- */

SPEC(shrinking_lets_idle_workers_go_at_once_and_busy_ones_after_their_task)
{
    antpool_options_t options = spec_options();
    options.disable_purge = true;
    antpool_t *pool = spec_pool(8, &options);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 8);
    gate_let(&gate, 3);
    EVENTUALLY(antpool_busy(pool) == 5);
    CHECK_EQ(antpool_running(pool), 8);
    CHECK_STATUS(antpool_tune(pool, 2), ANTPOOL_OK);
    EVENTUALLY(antpool_running(pool) == 5);
    for (long busy = 5; busy > 2; busy--) {
        CHECK_EQ(antpool_available(pool), 0);
        CHECK_STATUS(antpool_try_submit(pool, gate_task, &gate), ANTPOOL_ERR_OVERLOAD);
        gate_let(&gate, 1);
        EVENTUALLY(antpool_running(pool) == busy - 1);
    }
    CHECK_STATUS(antpool_try_submit(pool, gate_task, &gate), ANTPOOL_ERR_OVERLOAD);
    gate_let(&gate, 1);
    EVENTUALLY(antpool_available(pool) == 1);
    spec_hold(pool, &gate, 1);
    CHECK_STATUS(antpool_try_submit(pool, gate_task, &gate), ANTPOOL_ERR_OVERLOAD);
    CHECK_EQ(antpool_running(pool), 2);
    gate_open(&gate);
    spec_destroy(pool);
    CHECK_EQ(count_get(&gate.passed), 9);
}

SPEC(shrinking_loses_no_queued_task)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = 100;
    antpool_t *pool = spec_pool(4, &options);
    gate_t gate = GATE_INIT;
    for (int i = 0; i < 104; i++)
        CHECK_STATUS(antpool_try_submit(pool, gate_task, &gate), ANTPOOL_OK);
    CHECK_STATUS(antpool_tune(pool, 1), ANTPOOL_OK);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&gate.passed), 104);
    EVENTUALLY(antpool_running(pool) <= 1);
    spec_destroy(pool);
}

/* A worker on its way to a task is not idle. */
SPEC(shrinking_takes_no_worker_from_an_accepted_task)
{
    enum { TASKS = 4 };
    antpool_t *pool = spec_pool(TASKS, NULL);
    meeting_t meeting;
    meeting_init(&meeting, TASKS);
    for (size_t round = 0; round < spec_rounds(500); round++) {
        CHECK_STATUS(antpool_tune(pool, TASKS), ANTPOOL_OK);
        for (int i = 0; i < TASKS; i++)
            CHECK_STATUS(antpool_submit(pool, meeting_task, &meeting), ANTPOOL_OK);
        CHECK_STATUS(antpool_tune(pool, 1 + (int64_t)round % 2), ANTPOOL_OK);
        CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    }
    spec_destroy(pool);
}

/* ---- At once --------------------------------------------------------------------------------- */

static struct {
    long now, most;
} at_once;

static void count_at_once(void *gate)
{
    long now = __atomic_add_fetch(&at_once.now, 1, __ATOMIC_SEQ_CST);
    long most = __atomic_load_n(&at_once.most, __ATOMIC_RELAXED);
    while (now > most && !__atomic_compare_exchange_n(&at_once.most, &most, now, false,
                                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
    if (gate != NULL)
        gate_task(gate);
    __atomic_sub_fetch(&at_once.now, 1, __ATOMIC_SEQ_CST);
}

SPEC(tasks_submitted_after_a_shrink_run_no_more_at_once_than_the_new_capacity)
{
    enum { FROM = 16, TASKS = 40 };
    antpool_options_t options = spec_options();
    options.queue_capacity = 1000;
    options.disable_purge = true;
    options.carriers = 2;
    const long on_their_way = spec_on_fibers() ? (long)options.carriers : 0;
    antpool_t *pool = spec_pool(FROM, &options);
    for (size_t round = 0; round < spec_rounds(100); round++) {
        const int64_t to = 1 + (int64_t)round % 3;
        gate_t gate = GATE_INIT;
        CHECK_STATUS(antpool_tune(pool, FROM), ANTPOOL_OK);
        spec_hold(pool, &gate, FROM);
        gate_open(&gate);
        if (round % 2 == 0) /* Else the workers are on their way back. */
            CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
        else
            count_wait(&gate.passed, FROM);
        CHECK_STATUS(antpool_tune(pool, to), ANTPOOL_OK);
        CHECK_LE(antpool_running(pool), FROM);
        at_once.most = 0;
        gate_t later = GATE_INIT;
        for (int i = 0; i < TASKS; i++)
            CHECK_STATUS(antpool_submit(pool, count_at_once, i < to ? &later : NULL), ANTPOOL_OK);
        count_wait(&later.arrived, to);
        gate_open(&later);
        CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
        CHECK_LE(to, at_once.most);
        CHECK_LE(at_once.most, to + on_their_way);
    }
    spec_destroy(pool);
}

SPEC(a_shrink_that_is_taken_back_leaves_every_task_and_worker_in_place)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = 100;
    antpool_t *pool = spec_pool(8, &options);
    for (size_t round = 0; round < spec_rounds(200); round++) {
        gate_t gate = GATE_INIT;
        CHECK_STATUS(antpool_tune(pool, 1), ANTPOOL_OK);
        for (int i = 0; i < 20; i++)
            CHECK_STATUS(antpool_submit(pool, gate_task, &gate), ANTPOOL_OK);
        CHECK_STATUS(antpool_tune(pool, 8), ANTPOOL_OK);
        count_wait(&gate.arrived, 8);
        CHECK_STATUS(antpool_tune(pool, 2), ANTPOOL_OK);
        gate_open(&gate);
        CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
        CHECK_EQ(count_get(&gate.passed), 20);
    }
    spec_destroy(pool);
}

/* ---- A submit after tune --------------------------------------------------------------------- */

enum { HIGH = 8, LOW = 2, PRODUCERS = 4 };

static struct {
    antpool_t *pool;
    long low_since; /* in which round the pool was tuned to LOW; 0 while it may be above that */
    long inside;
    count_t held_to_low;
    bool stop;
} tuned;

/* Knows whether its submit began when the pool had been tuned to LOW. As long as it has not been
 * tuned again, no more than LOW tasks can be unfinished when it runs. */
static void be_within(void *low_since)
{
    const long inside = __atomic_add_fetch(&tuned.inside, 1, __ATOMIC_SEQ_CST);
    const long round = (long)(intptr_t)low_since;
    if (round != 0 && __atomic_load_n(&tuned.low_since, __ATOMIC_SEQ_CST) == round) {
        CHECK_LE(inside, LOW);
        count_add(&tuned.held_to_low, 1);
    }
    sched_yield();
    __atomic_sub_fetch(&tuned.inside, 1, __ATOMIC_SEQ_CST);
}

static void *submit_within(void *unused)
{
    while (!__atomic_load_n(&tuned.stop, __ATOMIC_SEQ_CST)) {
        const long round = __atomic_load_n(&tuned.low_since, __ATOMIC_SEQ_CST);
        CHECK_STATUS(antpool_submit(tuned.pool, be_within, (void *)(intptr_t)round), ANTPOOL_OK);
    }
    return unused;
}

SPEC(a_submit_that_begins_after_tune_returned_never_exceeds_the_new_limit)
{
    tuned.pool = spec_pool(HIGH, NULL);
    pthread_t threads[PRODUCERS];
    for (int i = 0; i < PRODUCERS; i++)
        threads[i] = spec_thread(submit_within, NULL);
    const long rounds = (long)spec_rounds(300);
    for (long round = 1; round <= rounds; round++) {
        CHECK_STATUS(antpool_tune(tuned.pool, LOW), ANTPOOL_OK);
        __atomic_store_n(&tuned.low_since, round, __ATOMIC_SEQ_CST);
        count_wait(&tuned.held_to_low, count_get(&tuned.held_to_low) + 20);
        __atomic_store_n(&tuned.low_since, 0, __ATOMIC_SEQ_CST);
        CHECK_STATUS(antpool_tune(tuned.pool, HIGH), ANTPOOL_OK);
    }
    __atomic_store_n(&tuned.stop, true, __ATOMIC_SEQ_CST);
    for (int i = 0; i < PRODUCERS; i++)
        spec_join(threads[i]);
    spec_destroy(tuned.pool);
}

/* ---- What cannot be tuned -------------------------------------------------------------------- */

SPEC(a_capacity_out_of_range_changes_nothing)
{
    antpool_t *pool = spec_pool(2, NULL);
    const int64_t capacities[] = {0, -1, -2, INT64_MIN, ANTPOOL_CAPACITY_MAX + 1, INT64_MAX};
    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        CHECK_STATUS(antpool_tune(pool, capacities[i]), ANTPOOL_ERR_INVALID_ARGUMENT);
        CHECK_EQ(antpool_capacity(pool), 2);
    }
    CHECK_STATUS(antpool_tune(pool, ANTPOOL_CAPACITY_MAX), ANTPOOL_OK);
    CHECK_EQ(antpool_capacity(pool), ANTPOOL_CAPACITY_MAX);
    CHECK_EQ(antpool_available(pool), ANTPOOL_CAPACITY_MAX);
    spec_destroy(pool);
}

SPEC(an_unlimited_pool_cannot_be_tuned)
{
    antpool_t *pool = spec_pool(ANTPOOL_UNLIMITED, NULL);
    CHECK_STATUS(antpool_tune(pool, 2), ANTPOOL_ERR_UNSUPPORTED);
    CHECK_EQ(antpool_capacity(pool), ANTPOOL_UNLIMITED);
    spec_destroy(pool);
}

SPEC(a_pool_with_pre_alloc_cannot_be_tuned)
{
    antpool_options_t options = spec_options();
    options.pre_alloc = true;
    antpool_t *pool = spec_pool(2, &options);
    CHECK_STATUS(antpool_tune(pool, 3), ANTPOOL_ERR_UNSUPPORTED);
    CHECK_EQ(antpool_capacity(pool), 2);
    CHECK_EQ(antpool_available(pool), 2);
    spec_destroy(pool);
}

SPEC(a_closed_pool_keeps_what_it_is_tuned_to)
{
    antpool_t *pool = spec_pool(2, NULL);
    gate_t gate = GATE_INIT;
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_tune(pool, 3), ANTPOOL_OK);
    CHECK_EQ(antpool_capacity(pool), 3);
    CHECK_EQ(antpool_available(pool), 0);
    CHECK_STATUS(antpool_try_submit(pool, gate_task, &gate), ANTPOOL_ERR_CLOSED);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    spec_hold(pool, &gate, 3);
    CHECK_STATUS(antpool_try_submit(pool, gate_task, &gate), ANTPOOL_ERR_OVERLOAD);
    gate_open(&gate);
    spec_destroy(pool);
}

static void tune_own_pool(void *done)
{
    CHECK_STATUS(antpool_tune(antpool_current(), 2), ANTPOOL_OK);
    count_task(done);
}

SPEC(a_task_may_tune_its_own_pool)
{
    antpool_t *pool = spec_pool(1, NULL);
    count_t done = COUNT_INIT;
    CHECK_STATUS(antpool_submit(pool, tune_own_pool, &done), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(antpool_capacity(pool), 2);
    spec_destroy(pool);
    CHECK_EQ(count_get(&done), 1);
}

SPEC_MAIN()
