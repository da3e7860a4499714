/*
 * Calls from inside a pool's own tasks that could only wait for themselves return an error instead.
 */
#include "spec.h"

/* Ends a pool, but only after its tasks have met it open. */
static void wait_and_destroy(antpool_t *pool)
{
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    spec_destroy(pool);
}

/* ---- Tasks that submit to their own full pool ------------------------------------------------ */

static struct {
    meeting_t all_inside;
    count_t told, accepted, ran;
} inner;

/* What a task's submit to its own pool may say. */
static void note(antpool_status_t status)
{
    CHECK(status == ANTPOOL_OK || status == ANTPOOL_ERR_DEADLOCK);
    count_add(status == ANTPOOL_OK ? &inner.accepted : &inner.told, 1);
}

static void submit_one(void *unused)
{
    (void)unused;
    note(antpool_submit(antpool_current(), count_task, &inner.ran));
}

static void submit_one_when_all_are_inside(void *unused)
{
    meeting_task(&inner.all_inside);
    submit_one(unused);
}

static void check_exactly_one_is_told(int64_t capacity, size_t rounds)
{
    antpool_t *pool = spec_pool(capacity, NULL);
    meeting_init(&inner.all_inside, capacity);
    for (size_t round = 0; round < rounds; round++) {
        const long told = count_get(&inner.told), ran = count_get(&inner.ran);
        for (int64_t i = 0; i < capacity; i++)
            CHECK_STATUS(antpool_submit(pool, submit_one_when_all_are_inside, NULL), ANTPOOL_OK);
        CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
        CHECK_EQ(count_get(&inner.told), told + 1);
        CHECK_EQ(count_get(&inner.ran), ran + capacity - 1);
        CHECK_EQ(count_get(&inner.accepted), count_get(&inner.ran));
    }
    spec_destroy(pool);
}

SPEC(the_only_task_of_a_full_pool_is_told)
{
    check_exactly_one_is_told(1, spec_rounds(200));
}

SPEC(of_four_tasks_that_fill_their_pool_exactly_one_is_told)
{
    check_exactly_one_is_told(4, spec_rounds(200));
}

static void submit_one_behind(void *gate)
{
    gate_task((gate_t *)gate);
    submit_one(NULL);
}

SPEC(a_caller_from_outside_that_waits_gets_in_too)
{
    antpool_t *pool = spec_pool(2, NULL);
    gate_t gate = GATE_INIT;
    count_t ran = COUNT_INIT;
    caller_t outside;
    for (int i = 0; i < 2; i++)
        CHECK_STATUS(antpool_submit(pool, submit_one_behind, &gate), ANTPOOL_OK);
    caller_wait_in(&outside, pool, count_task, &ran);
    gate_open(&gate);
    CHECK_STATUS(caller_join(&outside), ANTPOOL_OK);
    wait_and_destroy(pool);
    CHECK_EQ(count_get(&ran), 1);
    CHECK_EQ(count_get(&inner.ran), 1);
    CHECK_EQ(count_get(&inner.told), 1);
}

SPEC(a_task_that_waits_is_told_when_the_last_free_worker_leaves_by_a_shrink)
{
    antpool_t *pool = spec_pool(2, NULL);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 1);
    CHECK_STATUS(antpool_submit(pool, submit_one, NULL), ANTPOOL_OK);
    EVENTUALLY(antpool_waiting(pool) == 1);
    CHECK_STATUS(antpool_tune(pool, 1), ANTPOOL_OK);
    CHECK_EQ(antpool_waiting(pool), 1);
    gate_open(&gate);
    wait_and_destroy(pool);
    CHECK_EQ(count_get(&inner.told), 1);
    CHECK_EQ(count_get(&inner.ran), 0);
}

SPEC(tasks_that_wait_get_in_when_the_pool_grows)
{
    antpool_t *pool = spec_pool(2, NULL);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 1);
    CHECK_STATUS(antpool_submit(pool, submit_one, NULL), ANTPOOL_OK);
    EVENTUALLY(antpool_waiting(pool) == 1);
    CHECK_STATUS(antpool_tune(pool, 3), ANTPOOL_OK);
    count_wait(&inner.ran, 1);
    CHECK_EQ(count_get(&inner.told), 0);
    gate_open(&gate);
    wait_and_destroy(pool);
}

static void submit_two(void *unused)
{
    CHECK_STATUS(antpool_submit(antpool_current(), count_task, &inner.ran), ANTPOOL_OK);
    submit_one(unused);
}

SPEC(the_queue_counts_as_room)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = 1;
    antpool_t *pool = spec_pool(1, &options);
    CHECK_STATUS(antpool_submit(pool, submit_two, NULL), ANTPOOL_OK);
    wait_and_destroy(pool);
    CHECK_EQ(count_get(&inner.told), 1);
    CHECK_EQ(count_get(&inner.ran), 1);
}

static void submit_a_batch(void *unused)
{
    (void)unused;
    void *args[4] = {&inner.ran, &inner.ran, &inner.ran, &inner.ran};
    size_t accepted = 99;
    CHECK_STATUS(antpool_submit_batch(antpool_current(), count_task, args, 4, &accepted),
                 ANTPOOL_ERR_DEADLOCK);
    CHECK_EQ(accepted, 2);
}

SPEC(a_batch_that_could_only_wait_for_itself_has_a_prefix_accepted)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = 2;
    antpool_t *pool = spec_pool(1, &options);
    CHECK_STATUS(antpool_submit(pool, submit_a_batch, NULL), ANTPOOL_OK);
    wait_and_destroy(pool);
    CHECK_EQ(count_get(&inner.ran), 2);
}

/* ---- Calls with another answer --------------------------------------------------------------- */

static void submit_timed(void *unused)
{
    (void)unused;
    uint64_t before = spec_now();
    CHECK_STATUS(antpool_submit_timeout(antpool_current(), count_task, &inner.ran, 50),
                 ANTPOOL_ERR_TIMED_OUT);
    CHECK_GE(spec_now() - before, 50 * MS);
    count_add(&inner.told, 1);
}

SPEC(a_timed_submit_times_out_instead)
{
    antpool_t *pool = spec_pool(1, NULL);
    CHECK_STATUS(antpool_submit(pool, submit_timed, NULL), ANTPOOL_OK);
    wait_and_destroy(pool);
    CHECK_EQ(count_get(&inner.told), 1);
    CHECK_EQ(count_get(&inner.ran), 0);
}

static void submit_timed_behind(void *gate)
{
    gate_task((gate_t *)gate);
    submit_timed(NULL);
}

SPEC(a_task_that_waits_beside_a_timed_one_gets_in_after_it)
{
    antpool_t *pool = spec_pool(2, NULL);
    gate_t gate = GATE_INIT;
    CHECK_STATUS(antpool_submit(pool, submit_timed_behind, &gate), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit(pool, submit_one_behind, &gate), ANTPOOL_OK);
    gate_open(&gate);
    wait_and_destroy(pool);
    CHECK_EQ(count_get(&inner.accepted), 1);
    CHECK_EQ(count_get(&inner.ran), 1);
    CHECK_EQ(count_get(&inner.told), 1); /* the timed one, of the time */
}

static void submit_without_limit(void *unused)
{
    (void)unused;
    note(antpool_submit_timeout(antpool_current(), count_task, &inner.ran, ANTPOOL_WAIT_FOREVER));
}

SPEC(a_timed_submit_without_limit_is_told)
{
    antpool_t *pool = spec_pool(1, NULL);
    CHECK_STATUS(antpool_submit(pool, submit_without_limit, NULL), ANTPOOL_OK);
    wait_and_destroy(pool);
    CHECK_EQ(count_get(&inner.told), 1);
}

static void try_one(void *unused)
{
    (void)unused;
    CHECK_STATUS(antpool_try_submit(antpool_current(), count_task, &inner.ran),
                 ANTPOOL_ERR_OVERLOAD);
    count_add(&inner.told, 1);
}

static void submit_to_overload(void *gate)
{
    gate_task((gate_t *)gate);
    CHECK_STATUS(antpool_submit(antpool_current(), count_task, &inner.ran), ANTPOOL_ERR_OVERLOAD);
    count_add(&inner.told, 1);
}

SPEC(a_call_that_may_not_wait_is_turned_away_instead)
{
    antpool_options_t options = spec_options();
    options.nonblocking = true;
    antpool_t *pool = spec_pool(1, NULL), *nonblocking = spec_pool(1, &options);
    gate_t gate = GATE_INIT;
    gate_open(&gate);
    CHECK_STATUS(antpool_submit(pool, try_one, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit(nonblocking, submit_to_overload, &gate), ANTPOOL_OK);
    wait_and_destroy(pool);
    wait_and_destroy(nonblocking);
    CHECK_EQ(count_get(&inner.told), 2);
}

SPEC(too_many_callers_waiting_comes_before_deadlock)
{
    antpool_options_t options = spec_options();
    options.max_blocking_tasks = 1;
    antpool_t *pool = spec_pool(1, &options);
    gate_t gate = GATE_INIT;
    caller_t outside;
    CHECK_STATUS(antpool_submit(pool, submit_to_overload, &gate), ANTPOOL_OK);
    caller_wait_in(&outside, pool, count_task, &inner.accepted);
    gate_open(&gate);
    CHECK_STATUS(caller_join(&outside), ANTPOOL_OK);
    wait_and_destroy(pool);
    CHECK_EQ(count_get(&inner.told), 1);
    CHECK_EQ(count_get(&inner.accepted), 1);
}

/* ---- Callbacks of a carrier, which would stop its fibers if they waited ------------------------ */

static struct {
    count_t full;
    count_t calls, told, ran;
} callback;

static void submit_in_callback(antpool_t *pool)
{
    if (count_add(&callback.calls, 1) != 1)
        return;
    count_wait(&callback.full, 1);
    CHECK_STATUS(antpool_submit_timeout(pool, count_task, &callback.ran, 1), ANTPOOL_ERR_TIMED_OUT);
    CHECK_STATUS(antpool_submit(pool, count_task, &callback.ran), ANTPOOL_ERR_DEADLOCK);
    count_add(&callback.told, 1);
}

static void submit_in_hook(void *unused, antpool_t *pool, size_t index)
{
    (void)unused;
    (void)index;
    submit_in_callback(pool);
}

SPEC_FIBERS(a_hook_on_a_carrier_of_a_full_pool_is_told)
{
    antpool_options_t options = spec_options();
    options.carriers = 1;
    options.on_worker_start = submit_in_hook;
    antpool_t *pool = spec_pool(2, &options);
    for (int i = 0; i < 2; i++)
        CHECK_STATUS(antpool_submit(pool, count_task, &callback.ran), ANTPOOL_OK);
    count_add(&callback.full, 1);
    wait_and_destroy(pool);
    CHECK_EQ(count_get(&callback.told), 1);
    CHECK_EQ(count_get(&callback.ran), 2);
}

/* ---- Waiting for the pool from inside it ----------------------------------------------------- */

static void wait_for_oneself(void *done)
{
    antpool_t *pool = antpool_current();
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_ERR_DEADLOCK);
    CHECK_STATUS(antpool_wait_timeout(pool, 0), ANTPOOL_ERR_DEADLOCK);
    CHECK_STATUS(antpool_wait_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_ERR_DEADLOCK);
    CHECK_STATUS(antpool_release_timeout(pool, 0), ANTPOOL_ERR_DEADLOCK);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_ERR_DEADLOCK);
    CHECK_STATUS(antpool_destroy(pool), ANTPOOL_ERR_DEADLOCK);
    CHECK(!antpool_is_closed(pool));
    count_task(done);
}

SPEC(a_task_that_waits_for_its_own_pool_is_told_and_nothing_is_done)
{
    antpool_t *pool = spec_pool(2, NULL);
    count_t done = COUNT_INIT;
    CHECK_STATUS(antpool_submit(pool, wait_for_oneself, &done), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit(pool, count_task, &done), ANTPOOL_OK);
    spec_destroy(pool);
    CHECK_EQ(count_get(&done), 2);
}

static void use_and_destroy(void *pool)
{
    CHECK_STATUS(antpool_submit((antpool_t *)pool, count_task, &inner.ran), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait((antpool_t *)pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&inner.ran), 1);
    spec_destroy((antpool_t *)pool);
}

SPEC(a_task_may_wait_for_another_pool_and_destroy_it)
{
    antpool_t *pool = spec_pool(1, NULL), *other = spec_pool(1, NULL);
    CHECK_STATUS(antpool_submit(pool, use_and_destroy, other), ANTPOOL_OK);
    spec_destroy(pool);
    CHECK_EQ(count_get(&inner.ran), 1);
}

SPEC_MAIN()
