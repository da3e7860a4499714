/*
 * What a submit promises: every accepted task runs once, with what its caller wrote, on a worker of
 * its own as far as the capacity goes, and in order.
 */
#include "spec.h"

enum { NUMBERS = 1000, SUM = 499500 };

static long sum;

static void add(void *number)
{
    __atomic_fetch_add(&sum, *(long *)number, __ATOMIC_RELAXED);
}

static antpool_status_t submit_add(antpool_t *pool, void *number)
{
    return antpool_submit(pool, add, number);
}

static long sum_through(antpool_t *pool, antpool_status_t (*submit)(antpool_t *, void *))
{
    static long numbers[NUMBERS];
    sum = 0;
    for (long i = 0; i < NUMBERS; i++) {
        numbers[i] = i;
        CHECK_STATUS(submit(pool, &numbers[i]), ANTPOOL_OK);
    }
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    return sum;
}

/* Sums, and sums again after a release and a reboot. */
static void check_sums(antpool_t *pool, antpool_status_t (*submit)(antpool_t *, void *))
{
    CHECK_EQ(sum_through(pool, submit), SUM);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_EQ(antpool_running(pool), 0);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    CHECK_EQ(sum_through(pool, submit), SUM);
}

SPEC(the_default_pool_sums_up_a_thousand_numbers)
{
    CHECK(antpool_default() == antpool_default());
    check_sums(antpool_default(), submit_add);
    CHECK_STATUS(antpool_release_timeout(antpool_default(), ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
}

SPEC(a_pool_of_ten_sums_up_a_thousand_numbers)
{
    antpool_t *pool = spec_pool(10, NULL);
    check_sums(pool, submit_add);
    CHECK_LE(antpool_running(pool), 10);
    spec_destroy(pool);
}

SPEC(a_pool_with_a_function_sums_up_a_thousand_numbers)
{
    antpool_options_t options = spec_options();
    antpool_t *pool;
    CHECK_STATUS(antpool_new_with_func(10, add, &options, &pool), ANTPOOL_OK);
    check_sums(pool, antpool_invoke);
    spec_destroy(pool);
}

SPEC(a_pool_with_pre_alloc_sums_up_a_thousand_numbers)
{
    antpool_options_t options = spec_options();
    options.pre_alloc = true;
    options.queue_capacity = 32;
    antpool_t *pool = spec_pool(10, &options);
    check_sums(pool, submit_add);
    spec_destroy(pool);
}

SPEC(an_unlimited_pool_sums_up_a_thousand_numbers)
{
    antpool_t *pool = spec_pool(ANTPOOL_UNLIMITED, NULL);
    check_sums(pool, submit_add);
    spec_destroy(pool);
}

SPEC(a_pool_with_a_function_takes_other_functions_too)
{
    antpool_t *pool;
    count_t invoked = COUNT_INIT;
    gate_t gate = GATE_INIT;
    antpool_options_t options = spec_options();
    CHECK_STATUS(antpool_new_with_func(2, count_task, &options, &pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit(pool, gate_task, &gate), ANTPOOL_OK);
    CHECK_STATUS(antpool_invoke(pool, &invoked), ANTPOOL_OK);
    gate_open(&gate);
    spec_destroy(pool);
    CHECK_EQ(count_get(&gate.passed), 1);
    CHECK_EQ(count_get(&invoked), 1);
}

/* ---- Order ---------------------------------------------------------------------------------- */

static struct order {
    long next;
    bool kept;
} order;

static void in_order(void *number)
{
    order.kept = order.kept && order.next++ == (long)(intptr_t)number;
}

static void check_order(antpool_t *pool, long tasks)
{
    order.next = 0;
    order.kept = true;
    for (long i = 0; i < tasks; i++)
        CHECK_STATUS(antpool_submit(pool, in_order, (void *)(intptr_t)i), ANTPOOL_OK);
    spec_destroy(pool);
    CHECK_EQ(order.next, tasks);
    CHECK(order.kept);
}

SPEC(one_worker_takes_tasks_in_the_order_of_their_submits)
{
    check_order(spec_pool(1, NULL), (long)spec_rounds(5000));
    antpool_options_t options = spec_options();
    options.queue_capacity = ANTPOOL_QUEUE_UNBOUNDED;
    check_order(spec_pool(1, &options), (long)spec_rounds(100000));
}

/* Producers that take turns, so that each submit has returned before the next begins. */
typedef struct turns_t {
    antpool_t *pool;
    count_t taken;
    long rounds;
} turns_t;

static void *take_odd_turns(void *arg)
{
    turns_t *turns = (turns_t *)arg;
    for (long i = 1; i < turns->rounds; i += 2) {
        count_wait(&turns->taken, i);
        CHECK_STATUS(antpool_submit(turns->pool, in_order, (void *)(intptr_t)i), ANTPOOL_OK);
        count_add(&turns->taken, 1);
    }
    return NULL;
}

SPEC(a_submit_after_anothers_return_is_taken_after_it_whoever_made_them)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = 100;
    turns_t turns = {spec_pool(1, &options), COUNT_INIT, (long)spec_rounds(1000) / 2 * 2};
    order.kept = true;
    pthread_t other = spec_thread(take_odd_turns, &turns);
    for (long i = 0; i < turns.rounds; i += 2) {
        count_wait(&turns.taken, i);
        CHECK_STATUS(antpool_submit(turns.pool, in_order, (void *)(intptr_t)i), ANTPOOL_OK);
        count_add(&turns.taken, 1);
    }
    spec_join(other);
    spec_destroy(turns.pool);
    CHECK_EQ(order.next, turns.rounds);
    CHECK(order.kept);
}

/* ---- Visibility: plain memory on both sides, which ThreadSanitizer watches ------------------- */

static void double_it(void *number)
{
    *(long *)number *= 2;
}

static void check_doubled(antpool_t *pool, antpool_status_t (*wait)(antpool_t *, uint64_t))
{
    long numbers[100];
    for (long i = 0; i < 100; i++) {
        numbers[i] = i;
        CHECK_STATUS(antpool_submit(pool, double_it, &numbers[i]), ANTPOOL_OK);
    }
    CHECK_STATUS(wait(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    for (long i = 0; i < 100; i++)
        CHECK_EQ(numbers[i], 2 * i);
}

SPEC(what_tasks_wrote_is_visible_after_each_kind_of_wait)
{
    antpool_t *pool = spec_pool(4, NULL);
    for (size_t i = 0; i < spec_rounds(200); i++) {
        check_doubled(pool, call_wait);
        check_doubled(pool, antpool_wait_timeout);
    }
    check_doubled(pool, antpool_release_timeout);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    check_doubled(pool, call_destroy);
}

/* ---- A worker of its own --------------------------------------------------------------------- */

SPEC(running_counts_the_worker_of_a_task_when_submit_returns)
{
    antpool_t *pool = spec_pool(8, NULL);
    gate_t gate = GATE_INIT;
    for (long i = 1; i <= 8; i++) {
        CHECK_STATUS(antpool_submit(pool, gate_task, &gate), ANTPOOL_OK);
        CHECK_EQ(antpool_running(pool), i);
        CHECK_EQ(antpool_busy(pool), i);
        CHECK_EQ(antpool_available(pool), 8 - i);
    }
    gate_open(&gate);
    spec_destroy(pool);
}

SPEC(an_idle_worker_is_used_before_another_is_started)
{
    antpool_options_t options = spec_options();
    options.disable_purge = true;
    antpool_t *pool = spec_pool(8, &options);
    count_t done = COUNT_INIT;
    for (long i = 0; i < 50; i++) {
        CHECK_STATUS(antpool_submit(pool, count_task, &done), ANTPOOL_OK);
        CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
        CHECK_EQ(antpool_running(pool), 1);
    }
    spec_destroy(pool);
    CHECK_EQ(count_get(&done), 50);
}

static void check_meetings(long capacity, size_t queue_capacity, size_t rounds, bool wait_between)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = queue_capacity;
    antpool_t *pool = spec_pool(capacity, &options);
    meeting_t meeting;
    meeting_init(&meeting, capacity);
    for (size_t round = 0; round < rounds; round++) {
        for (long i = 0; i < capacity; i++)
            CHECK_STATUS(antpool_submit(pool, meeting_task, &meeting), ANTPOOL_OK);
        if (wait_between)
            CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    }
    spec_destroy(pool);
    CHECK_EQ(count_get(&meeting.met), capacity * (long)rounds);
}

SPEC(as_many_tasks_as_the_capacity_meet_at_a_barrier)
{
    check_meetings(2, 0, spec_rounds(1000), true);
    check_meetings(16, 0, spec_rounds(200), true);
}

SPEC(they_meet_also_when_the_pool_has_a_queue)
{
    check_meetings(2, 5, spec_rounds(1000), true);
    check_meetings(16, ANTPOOL_QUEUE_UNBOUNDED, spec_rounds(200), true);
}

SPEC(they_meet_also_when_the_next_ones_follow_at_once)
{
    check_meetings(4, 0, spec_rounds(500), false);
    check_meetings(4, 8, spec_rounds(500), false);
    check_meetings(4, ANTPOOL_QUEUE_UNBOUNDED, spec_rounds(500), false);
}

SPEC(tasks_that_block_delay_no_other_that_has_a_worker)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = 100;
    antpool_t *pool = spec_pool(4, &options);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 3);
    count_t done = COUNT_INIT;
    for (long i = 1; i <= 100; i++) {
        CHECK_STATUS(antpool_submit(pool, count_task, &done), ANTPOOL_OK);
        count_wait(&done, i);
    }
    gate_open(&gate);
    spec_destroy(pool);
}

/* ---- The queue ------------------------------------------------------------------------------- */

SPEC(queue_capacity_is_what_is_accepted_beyond_the_workers)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = 3;
    antpool_t *pool = spec_pool(2, &options);
    gate_t gate = GATE_INIT;
    CHECK_EQ(antpool_available(pool), 5);
    for (int i = 0; i < 5; i++)
        CHECK_STATUS(antpool_try_submit(pool, gate_task, &gate), ANTPOOL_OK);
    CHECK_STATUS(antpool_try_submit(pool, gate_task, &gate), ANTPOOL_ERR_OVERLOAD);
    CHECK_EQ(antpool_running(pool), 2);
    CHECK_EQ(antpool_available(pool), 0);
    gate_let(&gate, 1);
    EVENTUALLY(antpool_available(pool) == 1);
    CHECK_STATUS(antpool_try_submit(pool, gate_task, &gate), ANTPOOL_OK);
    CHECK_STATUS(antpool_try_submit(pool, gate_task, &gate), ANTPOOL_ERR_OVERLOAD);
    gate_open(&gate);
    spec_destroy(pool);
    CHECK_EQ(count_get(&gate.passed), 6);
}

SPEC(an_unbounded_queue_accepts_while_every_worker_is_held)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = ANTPOOL_QUEUE_UNBOUNDED;
    antpool_t *pool = spec_pool(1, &options);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 1);
    count_t done = COUNT_INIT;
    const long tasks = (long)spec_rounds(20000);
    for (long i = 0; i < tasks; i++)
        CHECK_STATUS(antpool_try_submit(pool, count_task, &done), ANTPOOL_OK);
    CHECK_EQ(count_get(&done), 0);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&done), tasks);
    spec_destroy(pool);
}

SPEC(an_unlimited_pool_accepts_while_every_worker_is_held)
{
    antpool_t *pool = spec_pool(ANTPOOL_UNLIMITED, NULL);
    gate_t gate = GATE_INIT;
    CHECK_EQ(antpool_capacity(pool), -1);
    CHECK_EQ(antpool_available(pool), -1);
    spec_hold(pool, &gate, 40);
    CHECK_EQ(antpool_running(pool), 40);
    CHECK_EQ(antpool_available(pool), -1);
    gate_open(&gate);
    spec_destroy(pool);
}

SPEC_MAIN()
