/* Groups of tasks: waiting for them, canceling them, and work that is no task. */
#include "spec.h"

#include "child.h"

static antpool_group_t *group;
static gate_t gate = GATE_INIT;
static count_t ran = COUNT_INIT, discarded = COUNT_INIT, handled = COUNT_INIT;

static void discard(void *arg)
{
    CHECK(arg == &ran || arg == &gate);
    CHECK(antpool_is_canceled());
    count_add(&discarded, 1);
}

static void fail(void *arg)
{
    (void)arg;
    antpool_task_fail("on purpose");
}

static void end_thread(void *arg)
{
    (void)arg;
    pthread_exit(NULL);
}

static void count_failure(void *data, const antpool_panic_info_t *info)
{
    (void)data;
    (void)info;
    count_add(&handled, 1);
}

static void end_in_handler(void *data, const antpool_panic_info_t *info)
{
    (void)data;
    (void)info;
    pthread_exit(NULL);
}

/* A pool with a queue of 64, and a new group. */
static antpool_t *pool_and_group(int64_t capacity, antpool_panic_fn handler)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = 64;
    options.panic_handler = handler;
    CHECK_STATUS(antpool_group_new(&group), ANTPOOL_OK);
    CHECK(group != NULL);
    return spec_pool(capacity, &options);
}

static void end(antpool_t *pool)
{
    CHECK_STATUS(antpool_group_destroy(group), ANTPOOL_OK);
    spec_destroy(pool);
}

static void submit(antpool_t *pool, antpool_task_fn fn, void *arg)
{
    CHECK_STATUS(antpool_group_submit(group, pool, fn, arg), ANTPOOL_OK);
}

/* Calls on the group for threads of their own. */
static antpool_status_t call_group_wait(antpool_t *pool, uint64_t timeout_ms)
{
    (void)pool;
    return antpool_group_wait_timeout(group, timeout_ms);
}

static antpool_status_t call_group_submit(antpool_t *pool, uint64_t timeout_ms)
{
    return antpool_group_submit_timeout(group, pool, count_task, &ran, timeout_ms);
}

static void plus_one(void *arg)
{
    ++*(int *)arg;
}

SPEC(a_wait_sees_what_every_task_wrote)
{
    antpool_t *pool = pool_and_group(2, NULL);
    int numbers[16] = {0};
    const size_t rounds = spec_rounds(1000);
    for (size_t round = 1; round <= rounds; round++) {
        for (int i = 0; i < 16; i++)
            submit(pool, plus_one, &numbers[i]);
        CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
        for (int i = 0; i < 16; i++)
            CHECK_EQ(numbers[i], round);
    }
    end(pool);
}

SPEC(an_empty_group_is_waited_for_at_once)
{
    antpool_t *pool = pool_and_group(1, NULL);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_wait_timeout(group, 0), ANTPOOL_OK);
    end(pool);
}

SPEC(a_wait_is_for_the_group_and_not_for_the_pool)
{
    antpool_t *pool = pool_and_group(2, NULL);
    spec_hold(pool, &gate, 1);
    submit(pool, count_task, &ran);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 1);
    CHECK_EQ(count_get(&gate.passed), 0);
    gate_open(&gate);
    end(pool);
}

SPEC(a_group_spans_pools_and_outlives_them)
{
    antpool_t *pool = pool_and_group(1, NULL);
    antpool_options_t options = spec_options();
    options.worker_kind = ANTPOOL_WORKER_THREAD;
    antpool_t *other = spec_pool(1, &options);
    submit(pool, count_task, &ran);
    submit(other, count_task, &ran);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 2);
    submit(other, count_task, &ran);
    spec_destroy(other);
    spec_destroy(pool);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 3);
    CHECK_STATUS(antpool_group_destroy(group), ANTPOOL_OK);
}

SPEC(a_wait_with_a_limit_ends_with_it_and_takes_nothing)
{
    antpool_t *pool = pool_and_group(2, count_failure);
    submit(pool, fail, NULL);
    submit(pool, gate_task, &gate);
    CHECK_STATUS(antpool_group_wait_timeout(group, 0), ANTPOOL_ERR_TIMED_OUT);
    const uint64_t start = spec_now();
    CHECK_STATUS(antpool_group_wait_timeout(group, 5), ANTPOOL_ERR_TIMED_OUT);
    CHECK_GE(spec_now() - start, 5 * MS);
    gate_open(&gate);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_ERR_TASK_FAILED);
    end(pool);
}

SPEC(any_number_of_callers_wait_and_are_told_the_same)
{
    enum { WAITERS = 5 };
    antpool_t *pool = pool_and_group(1, count_failure);
    call_t waits[WAITERS];
    submit(pool, gate_task, &gate);
    submit(pool, fail, NULL);
    for (int i = 0; i < WAITERS; i++)
        call_block_in(&waits[i], call_group_wait, pool, ANTPOOL_WAIT_FOREVER);
    gate_open(&gate);
    for (int i = 0; i < WAITERS; i++)
        CHECK_STATUS(call_join(&waits[i]), ANTPOOL_ERR_TASK_FAILED);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    end(pool);
}

SPEC(a_failure_is_told_to_the_next_wait_and_to_no_other)
{
    antpool_t *pool = pool_and_group(2, count_failure);
    submit(pool, fail, NULL);
    submit(pool, count_task, &ran);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_ERR_TASK_FAILED);
    CHECK_EQ(count_get(&handled), 1);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    submit(pool, count_task, &ran);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    end(pool);
}

static void stay_in_handler(void *data, const antpool_panic_info_t *info)
{
    (void)data;
    (void)info;
    gate_task(&gate);
}

SPEC(a_task_is_unfinished_until_its_handler_has_returned)
{
    spec_ends_a_thread();
    const antpool_task_fn fails[] = {fail, end_thread};
    antpool_t *pool = pool_and_group(1, stay_in_handler);
    for (int i = 0; i < 2; i++) {
        submit(pool, fails[i], NULL);
        count_wait(&gate.arrived, i + 1);
        CHECK_STATUS(antpool_group_wait_timeout(group, 2), ANTPOOL_ERR_TIMED_OUT);
        gate_let(&gate, 1);
        CHECK_STATUS(antpool_group_wait(group), ANTPOOL_ERR_TASK_FAILED);
    }
    end(pool);
}

SPEC(a_task_that_ends_its_thread_has_failed)
{
    spec_ends_a_thread();
    antpool_t *pool = pool_and_group(2, count_failure);
    submit(pool, end_thread, NULL);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_ERR_TASK_FAILED);
    CHECK_EQ(count_get(&handled), 1);
    end(pool);
}

SPEC(a_task_whose_handler_ends_its_thread_has_failed)
{
    spec_ends_a_thread();
    antpool_t *pool = pool_and_group(1, end_in_handler);
    submit(pool, end_thread, NULL);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_ERR_TASK_FAILED);
    end(pool);
}

SPEC(a_canceled_group_runs_nothing_more_and_discards_each_argument_once)
{
    antpool_t *pool = pool_and_group(1, NULL);
    submit(pool, gate_task, &gate);
    count_wait(&gate.arrived, 1);
    for (int i = 0; i < 10; i++)
        submit(pool, count_task, &ran);
    CHECK_STATUS(antpool_group_cancel(group, discard), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_submit(group, pool, count_task, &ran), ANTPOOL_ERR_CANCELED);
    CHECK_STATUS(antpool_try_group_submit(group, pool, count_task, &ran), ANTPOOL_ERR_CANCELED);
    CHECK_STATUS(antpool_group_submit_timeout(group, pool, count_task, &ran, 1),
                 ANTPOOL_ERR_CANCELED);
    gate_open(&gate);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    CHECK_EQ(count_get(&discarded), 10);
    CHECK_EQ(count_get(&ran), 0);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    antpool_stats_t stats = ANTPOOL_STATS_INIT;
    CHECK_STATUS(antpool_get_stats(pool, &stats), ANTPOOL_OK);
    CHECK_EQ(stats.submitted, 11);
    CHECK_EQ(stats.completed, 11);
    CHECK_EQ(stats.canceled, 10);
    /* The wait has opened it again. */
    submit(pool, count_task, &ran);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 1);
    end(pool);
}

SPEC(a_cancel_may_discard_nothing_and_the_first_one_stands)
{
    antpool_t *pool = pool_and_group(1, NULL);
    submit(pool, gate_task, &gate);
    count_wait(&gate.arrived, 1);
    submit(pool, count_task, &ran);
    CHECK_STATUS(antpool_group_cancel(group, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_cancel(group, discard), ANTPOOL_OK);
    gate_open(&gate);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran) + count_get(&discarded), 0);
    end(pool);
}

SPEC(an_empty_group_that_is_canceled_stays_so_until_a_wait)
{
    antpool_t *pool = pool_and_group(1, NULL);
    CHECK_STATUS(antpool_group_cancel(group, discard), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_submit(group, pool, count_task, &ran), ANTPOOL_ERR_CANCELED);
    CHECK_STATUS(antpool_group_add(group, 1), ANTPOOL_ERR_CANCELED);
    void *arg = &ran;
    size_t accepted = 7;
    CHECK_STATUS(antpool_group_submit_batch(group, pool, count_task, &arg, 1, &accepted),
                 ANTPOOL_ERR_CANCELED);
    CHECK_EQ(accepted, 0);
    CHECK_STATUS(antpool_group_wait_timeout(group, 0), ANTPOOL_OK);
    submit(pool, count_task, &ran);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    end(pool);
}

static void until_canceled(void *arg)
{
    CHECK(!antpool_is_canceled());
    count_add((count_t *)arg, 1);
    EVENTUALLY(antpool_is_canceled());
}

SPEC(running_tasks_of_a_canceled_group_are_asked_to_stop_and_no_others)
{
    antpool_options_t options = spec_options();
    options.carriers = 1;
    CHECK_STATUS(antpool_group_new(&group), ANTPOOL_OK);
    antpool_t *pool = spec_pool(3, &options);
    antpool_group_t *other = NULL;
    CHECK_STATUS(antpool_group_new(&other), ANTPOOL_OK);
    count_t others = COUNT_INIT;
    CHECK_STATUS(antpool_group_submit(other, pool, until_canceled, &others), ANTPOOL_OK);
    submit(pool, until_canceled, &ran);
    submit(pool, until_canceled, &ran);
    count_wait(&ran, 2);
    count_wait(&others, 1);
    CHECK_STATUS(antpool_group_cancel(group, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_wait_timeout(other, 1), ANTPOOL_ERR_TIMED_OUT);
    CHECK_STATUS(antpool_group_cancel(other, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_wait(other), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_destroy(other), ANTPOOL_OK);
    end(pool);
}

static void cancel_own_group(void *arg)
{
    (void)arg;
    CHECK_STATUS(antpool_group_cancel(group, discard), ANTPOOL_OK);
    CHECK(antpool_is_canceled());
    antpool_task_fail("the first failure");
}

static int written;

static void read_when_canceled(void *arg)
{
    count_add(&ran, 1);
    EVENTUALLY(antpool_is_canceled());
    *(int *)arg = written;
}

SPEC(a_task_that_is_asked_to_stop_sees_what_was_written_before)
{
    antpool_t *pool = pool_and_group(1, NULL);
    int seen = 0;
    submit(pool, read_when_canceled, &seen);
    count_wait(&ran, 1);
    written = 7;
    CHECK_STATUS(antpool_group_cancel(group, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    CHECK_EQ(seen, 7);
    end(pool);
}

SPEC(a_task_cancels_its_own_group)
{
    antpool_t *pool = pool_and_group(1, count_failure);
    spec_hold(pool, &gate, 1);
    submit(pool, cancel_own_group, NULL);
    for (int i = 0; i < 5; i++)
        submit(pool, count_task, &ran);
    gate_open(&gate);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_ERR_TASK_FAILED);
    CHECK_EQ(count_get(&discarded), 5);
    CHECK_EQ(count_get(&ran), 0);
    end(pool);
}

static void failing_discard(void *arg)
{
    (void)arg;
    antpool_task_fail("in a discard");
}

static void ending_discard(void *arg)
{
    (void)arg;
    pthread_exit(NULL);
}

SPEC(a_discard_that_fails_or_ends_its_thread_is_reported_and_the_pool_goes_on)
{
    spec_ends_a_thread();
    const antpool_task_fn discards[] = {failing_discard, ending_discard};
    antpool_t *pool = pool_and_group(1, count_failure);
    for (int i = 0; i < 2; i++) {
        submit(pool, gate_task, &gate);
        count_wait(&gate.arrived, i + 1);
        submit(pool, count_task, &ran);
        CHECK_STATUS(antpool_group_cancel(group, discards[i]), ANTPOOL_OK);
        gate_let(&gate, 1);
        CHECK_STATUS(antpool_group_wait(group), ANTPOOL_ERR_TASK_FAILED);
        CHECK_EQ(count_get(&handled), i + 1);
    }
    CHECK_EQ(count_get(&ran), 0);
    submit(pool, count_task, &ran);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    end(pool);
}

SPEC(work_that_is_no_task_is_waited_for)
{
    antpool_t *pool = pool_and_group(1, NULL);
    CHECK_STATUS(antpool_group_add(group, 3), ANTPOOL_OK);
    submit(pool, count_task, &ran);
    CHECK_STATUS(antpool_group_done(group), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_wait_timeout(group, 1), ANTPOOL_ERR_TIMED_OUT);
    CHECK_STATUS(antpool_group_add(group, -1), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_wait_timeout(group, 1), ANTPOOL_ERR_TIMED_OUT);
    call_t wait;
    call_block_in(&wait, call_group_wait, pool, ANTPOOL_WAIT_FOREVER);
    CHECK_STATUS(antpool_group_done(group), ANTPOOL_OK);
    CHECK_STATUS(call_join(&wait), ANTPOOL_OK);
    end(pool);
}

SPEC(what_was_not_added_cannot_be_done)
{
    antpool_t *pool = pool_and_group(1, NULL);
    CHECK_STATUS(antpool_group_done(group), ANTPOOL_ERR_INVALID_ARGUMENT);
    submit(pool, gate_task, &gate);
    CHECK_STATUS(antpool_group_done(group), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(antpool_group_add(group, -1), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(antpool_group_add(group, INT64_MIN), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(antpool_group_add(group, INT64_MAX), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_add(group, 1), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(antpool_group_add(group, 0), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_add(group, -INT64_MAX), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_wait_timeout(group, 1), ANTPOOL_ERR_TIMED_OUT);
    gate_open(&gate);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    end(pool);
}

SPEC(a_group_is_destroyed_when_nothing_is_unfinished)
{
    antpool_t *pool = pool_and_group(1, NULL);
    submit(pool, gate_task, &gate);
    CHECK_STATUS(antpool_group_destroy(group), ANTPOOL_ERR_BUSY);
    gate_open(&gate);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_add(group, 1), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_destroy(group), ANTPOOL_ERR_BUSY);
    CHECK_STATUS(antpool_group_done(group), ANTPOOL_OK);
    end(pool);
}

SPEC(a_group_may_be_destroyed_as_soon_as_a_wait_has_returned)
{
    antpool_t *pool = pool_and_group(2, NULL);
    for (size_t i = 0; i < spec_rounds(20000); i++) {
        submit(pool, nothing, NULL);
        if (i % 2 == 0)
            submit(pool, nothing, NULL);
        CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
        CHECK_STATUS(antpool_group_destroy(group), ANTPOOL_OK);
        CHECK_STATUS(antpool_group_new(&group), ANTPOOL_OK);
    }
    end(pool);
}

static void wait_for_own_group(void *arg)
{
    antpool_status_t *statuses = (antpool_status_t *)arg;
    statuses[0] = antpool_group_wait(group);
    statuses[1] = antpool_group_wait_timeout(group, 0);
    statuses[2] = antpool_group_destroy(group);
}

SPEC(a_task_that_waits_for_its_own_group_is_told)
{
    antpool_t *pool = pool_and_group(1, NULL);
    antpool_status_t statuses[3];
    submit(pool, wait_for_own_group, statuses);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    CHECK_STATUS(statuses[0], ANTPOOL_ERR_DEADLOCK);
    CHECK_STATUS(statuses[1], ANTPOOL_ERR_DEADLOCK);
    CHECK_STATUS(statuses[2], ANTPOOL_ERR_BUSY);
    end(pool);
}

/* A task that splits its work, and waits for the parts in a group of their own. */
typedef struct split_t {
    antpool_t *pool;
    int depth;
} split_t;

static void split(void *arg)
{
    const split_t *whole = (const split_t *)arg;
    count_add(&ran, 1);
    if (whole->depth == 0)
        return;
    split_t part = {whole->pool, whole->depth - 1};
    antpool_group_t *parts = NULL;
    CHECK_STATUS(antpool_group_new(&parts), ANTPOOL_OK);
    for (int i = 0; i < 2; i++)
        CHECK_STATUS(antpool_group_submit(parts, part.pool, split, &part), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_wait(parts), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_destroy(parts), ANTPOOL_OK);
}

SPEC(tasks_wait_for_groups_of_their_own)
{
    antpool_options_t options = spec_options();
    options.carriers = 1;
    antpool_t *pool = spec_pool(64, &options);
    split_t whole = {pool, 4};
    CHECK_STATUS(antpool_group_new(&group), ANTPOOL_OK);
    submit(pool, split, &whole);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 31);
    end(pool);
}

SPEC(a_batch_belongs_to_the_group)
{
    antpool_t *pool = pool_and_group(2, NULL);
    void *args[50];
    for (int i = 0; i < 50; i++)
        args[i] = &ran;
    size_t accepted = 0;
    CHECK_STATUS(antpool_group_submit_batch(group, pool, count_task, args, 50, &accepted),
                 ANTPOOL_OK);
    CHECK_EQ(accepted, 50);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 50);
    end(pool);
}

SPEC(what_a_full_or_closed_pool_refuses_is_not_in_the_group)
{
    antpool_options_t options = spec_options();
    options.nonblocking = true;
    antpool_t *pool = spec_pool(1, &options);
    CHECK_STATUS(antpool_group_new(&group), ANTPOOL_OK);
    spec_hold(pool, &gate, 1);
    void *args[3] = {&ran, &ran, &ran};
    size_t accepted = 7;
    CHECK_STATUS(antpool_group_submit(group, pool, count_task, &ran), ANTPOOL_ERR_OVERLOAD);
    CHECK_STATUS(antpool_try_group_submit(group, pool, count_task, &ran), ANTPOOL_ERR_OVERLOAD);
    CHECK_STATUS(antpool_group_submit_timeout(group, pool, count_task, &ran, 1),
                 ANTPOOL_ERR_TIMED_OUT);
    CHECK_STATUS(antpool_group_submit_batch(group, pool, count_task, args, 3, &accepted),
                 ANTPOOL_ERR_OVERLOAD);
    CHECK_EQ(accepted, 0);
    CHECK_STATUS(antpool_group_wait_timeout(group, 0), ANTPOOL_OK);
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_submit(group, pool, count_task, &ran), ANTPOOL_ERR_CLOSED);
    CHECK_STATUS(antpool_group_wait_timeout(group, 0), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_cancel(group, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_submit(group, pool, count_task, &ran), ANTPOOL_ERR_CANCELED);
    gate_open(&gate);
    end(pool);
}

SPEC(a_release_and_a_reboot_leave_the_group_as_it_is)
{
    antpool_t *pool = pool_and_group(1, NULL);
    submit(pool, gate_task, &gate);
    submit(pool, count_task, &ran);
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    submit(pool, count_task, &ran);
    CHECK_STATUS(antpool_group_wait_timeout(group, 1), ANTPOOL_ERR_TIMED_OUT);
    gate_open(&gate);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 2);
    end(pool);
}

SPEC(a_submit_that_waits_when_its_group_is_canceled_is_canceled_when_it_has_room)
{
    antpool_t *pool = spec_pool(1, NULL);
    CHECK_STATUS(antpool_group_new(&group), ANTPOOL_OK);
    spec_hold(pool, &gate, 1);
    call_t late, accepted;
    call_block_in(&accepted, call_group_submit, pool, ANTPOOL_WAIT_FOREVER);
    CHECK_STATUS(antpool_group_cancel(group, discard), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_wait_timeout(group, 1), ANTPOOL_ERR_TIMED_OUT);
    gate_open(&gate);
    CHECK_STATUS(call_join(&accepted), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    CHECK_EQ(count_get(&discarded), 1);

    /* One that gives up is in nobody's way. */
    gate_t again = GATE_INIT;
    spec_hold(pool, &again, 1);
    call_block_in(&late, call_group_submit, pool, 100);
    CHECK_STATUS(antpool_group_cancel(group, discard), ANTPOOL_OK);
    CHECK_STATUS(call_join(&late), ANTPOOL_ERR_TIMED_OUT);
    CHECK_STATUS(antpool_group_wait_timeout(group, 0), ANTPOOL_OK);
    CHECK_EQ(count_get(&discarded), 1);
    CHECK_EQ(count_get(&ran), 0);
    gate_open(&again);
    end(pool);
}

static void answer_in_child(void *arg)
{
    antpool_t *pool = (antpool_t *)arg;
    void *args[1] = {NULL};
    size_t accepted = 7;
    CHECK_STATUS(antpool_group_submit(group, pool, nothing, NULL), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_try_group_submit(group, pool, nothing, NULL), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_group_submit_timeout(group, pool, nothing, NULL, 0), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_group_submit_batch(group, pool, nothing, args, 1, &accepted),
                 ANTPOOL_ERR_FORKED);
    CHECK_EQ(accepted, 0);
    CHECK_STATUS(antpool_group_submit(group, NULL, nothing, NULL), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(antpool_group_add(group, 1), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_group_done(group), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_group_wait_timeout(group, 0), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_group_cancel(group, NULL), ANTPOOL_ERR_FORKED);
    CHECK(!antpool_is_canceled());
    CHECK_STATUS(antpool_group_destroy(group), ANTPOOL_OK);
}

static void use_a_new_group(void *arg)
{
    antpool_t *pool = (antpool_t *)arg;
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_new(&group), ANTPOOL_OK);
    submit(pool, count_task, &ran);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 1);
    end(pool);
}

/* What a child does while a task of the group is unfinished. */
static void fork_beside_a_task(child_fn in_child)
{
    antpool_t *pool = pool_and_group(1, NULL);
    submit(pool, gate_task, &gate);
    count_wait(&gate.arrived, 1);
    char text[4096];
    const int status = child_run(in_child, pool, text, sizeof text);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        spec_fail(__FILE__, __LINE__, "%s", text);
    gate_open(&gate);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    end(pool);
}

SPEC(in_a_forked_child_a_group_says_so)
{
    fork_beside_a_task(answer_in_child);
}

SPEC(a_forked_child_has_groups_of_its_own)
{
    child_starts_threads();
    fork_beside_a_task(use_a_new_group);
}

/* A group that no pool was made before knows of a fork as well. */
static void find_it_foreign(void *arg)
{
    (void)arg;
    CHECK_STATUS(antpool_group_wait_timeout(group, 0), ANTPOOL_ERR_FORKED);
}

SPEC(a_group_made_before_any_pool_knows_of_a_fork)
{
    CHECK_STATUS(antpool_group_new(&group), ANTPOOL_OK);
    char text[4096];
    const int status = child_run(find_it_foreign, NULL, text, sizeof text);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_STATUS(antpool_group_destroy(group), ANTPOOL_OK);
}

/* Producers go on all the time, and the group is empty again and again. */
static bool stop_producing;

static void *produce(void *arg)
{
    antpool_t *pool = (antpool_t *)arg;
    while (!__atomic_load_n(&stop_producing, __ATOMIC_ACQUIRE)) {
        submit(pool, nothing, NULL);
        CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    }
    return NULL;
}

SPEC(waits_end_while_others_submit)
{
    antpool_t *pool = pool_and_group(2, NULL);
    pthread_t producer = spec_thread(produce, pool);
    for (size_t i = 0; i < spec_rounds(5000); i++) {
        submit(pool, count_task, &ran);
        CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
        CHECK_GE(count_get(&ran), i + 1);
    }
    __atomic_store_n(&stop_producing, true, __ATOMIC_RELEASE);
    spec_join(producer);
    end(pool);
}

/* Each task either runs or is discarded, never both and never neither. */
static void *cancel_again_and_again(void *arg)
{
    while (!__atomic_load_n(&stop_producing, __ATOMIC_ACQUIRE)) {
        CHECK_STATUS(antpool_group_cancel((antpool_group_t *)arg, discard), ANTPOOL_OK);
        spec_sleep_ms(1);
    }
    return NULL;
}

SPEC(a_cancel_and_a_worker_never_both_have_a_task)
{
    antpool_t *pool = pool_and_group(2, NULL);
    pthread_t canceler = spec_thread(cancel_again_and_again, group);
    long accepted = 0;
    for (size_t i = 0; i < spec_rounds(2000); i++) {
        for (int j = 0; j < 20; j++) {
            const antpool_status_t status = antpool_group_submit(group, pool, count_task, &ran);
            CHECK(status == ANTPOOL_OK || status == ANTPOOL_ERR_CANCELED);
            accepted += status == ANTPOOL_OK;
        }
        CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
        CHECK_EQ(count_get(&ran) + count_get(&discarded), accepted);
    }
    __atomic_store_n(&stop_producing, true, __ATOMIC_RELEASE);
    spec_join(canceler);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    antpool_stats_t stats = ANTPOOL_STATS_INIT;
    CHECK_STATUS(antpool_get_stats(pool, &stats), ANTPOOL_OK);
    CHECK_EQ(stats.canceled, count_get(&discarded));
    CHECK_EQ(stats.completed, accepted);
    end(pool);
}

SPEC_MAIN()
