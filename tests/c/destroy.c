/*
 * antpool_destroy(): what happens to tasks, to calls that are blocked, and to what the pool has used.
 */
#include "spec.h"

SPEC(destroy_of_nothing_is_ok)
{
    CHECK_STATUS(antpool_destroy(NULL), ANTPOOL_OK);
}

SPEC(destroy_runs_what_was_accepted)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = ANTPOOL_QUEUE_UNBOUNDED;
    antpool_t *pool = spec_pool(2, &options);
    count_t done = COUNT_INIT;
    for (int i = 0; i < 1000; i++)
        CHECK_STATUS(antpool_submit(pool, count_task, &done), ANTPOOL_OK);
    spec_destroy(pool);
    CHECK_EQ(count_get(&done), 1000);
}

SPEC(destroy_returns_the_calls_that_are_blocked_on_the_pool_first)
{
    enum { CALLERS = 4 };
    antpool_t *pool = spec_pool(1, NULL);
    gate_t gate = GATE_INIT;
    count_t ran = COUNT_INIT;
    caller_t callers[CALLERS];
    call_t wait, release, destroy;
    spec_hold(pool, &gate, 1);
    for (int i = 0; i < CALLERS; i++)
        caller_wait_in(&callers[i], pool, count_task, &ran);
    call_block_in(&wait, call_wait, pool, 0);
    call_block_in(&destroy, call_destroy, pool, 0);
    for (int i = 0; i < CALLERS; i++)
        CHECK_STATUS(caller_join(&callers[i]), ANTPOOL_ERR_CLOSED);
    gate_open(&gate);
    CHECK_STATUS(call_join(&wait), ANTPOOL_OK);
    CHECK_STATUS(call_join(&destroy), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 0);

    pool = spec_pool(1, NULL);
    gate_t other_gate = GATE_INIT;
    spec_hold(pool, &other_gate, 1);
    call_block_in(&release, antpool_release_timeout, pool, ANTPOOL_WAIT_FOREVER);
    call_block_in(&destroy, call_destroy, pool, 0);
    gate_open(&other_gate);
    CHECK_STATUS(call_join(&release), ANTPOOL_OK);
    CHECK_STATUS(call_join(&destroy), ANTPOOL_OK);
}

SPEC(destroy_may_follow_wait_at_once)
{
    for (size_t i = 0; i < spec_rounds(1000); i++) {
        antpool_t *pool = spec_pool(2, NULL);
        count_t done = COUNT_INIT;
        CHECK_STATUS(antpool_submit(pool, count_task, &done), ANTPOOL_OK);
        CHECK_STATUS(antpool_submit(pool, count_task, &done), ANTPOOL_OK);
        CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
        spec_destroy(pool);
        CHECK_EQ(count_get(&done), 2);
    }
}

SPEC(a_thousand_pools_leave_no_thread_and_no_file_behind)
{
    spec_start_first_thread();
    const long threads = spec_threads(), files = spec_entries("/proc/self/fd");
    antpool_options_t options = spec_options();
    options.min_workers = 1;
    for (size_t i = 0; i < spec_rounds(1000); i++) {
        antpool_t *pool = spec_pool(3, &options);
        count_t done = COUNT_INIT;
        for (int task = 0; task < 3; task++)
            CHECK_STATUS(antpool_submit(pool, count_task, &done), ANTPOOL_OK);
        spec_destroy(pool);
        EVENTUALLY(spec_threads() <= threads && spec_entries("/proc/self/fd") <= files);
    }
}

/* Whether the pool's memory is used after its end is for valgrind and the sanitizers to see. */
SPEC(a_submit_that_is_blocked_when_destroy_begins_gets_in_or_is_told_and_touches_nothing_after)
{
    for (size_t i = 0; i < spec_rounds(200); i++) {
        antpool_t *pool = spec_pool(1, NULL);
        gate_t gate = GATE_INIT;
        count_t ran = COUNT_INIT;
        caller_t caller;
        spec_hold(pool, &gate, 1);
        caller_wait_in(&caller, pool, count_task, &ran);
        gate_open(&gate); /* The caller gets in, or destroy comes before. */
        spec_destroy(pool);
        const antpool_status_t status = caller_join(&caller);
        CHECK_STATUS(status, count_get(&ran) == 1 ? ANTPOOL_OK : ANTPOOL_ERR_CLOSED);
    }
}

static antpool_t *to_destroy;

static void *destroy_it(void *begun)
{
    count_add((count_t *)begun, 1);
    spec_destroy(to_destroy);
    return NULL;
}

SPEC(a_submit_that_is_blocked_when_destroy_begins_gets_closed)
{
    for (size_t i = 0; i < spec_rounds(100); i++) {
        gate_t gate = GATE_INIT;
        count_t begun = COUNT_INIT, ran = COUNT_INIT;
        caller_t caller;
        to_destroy = spec_pool(1, NULL);
        spec_hold(to_destroy, &gate, 1);
        caller_wait_in(&caller, to_destroy, count_task, &ran);
        pthread_t thread = spec_thread(destroy_it, &begun);
        EVENTUALLY(antpool_is_closed(to_destroy));
        gate_open(&gate);
        CHECK_STATUS(caller_join(&caller), ANTPOOL_ERR_CLOSED);
        spec_join(thread);
        CHECK_EQ(count_get(&ran), 0);
    }
}

SPEC_MAIN()
