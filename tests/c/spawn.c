/* What callers get while the system refuses workers, and how their tasks are accepted all the same. */
#include "spec.h"

#include "failures.h"
#include "refusal.h"

/* ---- No worker lives ------------------------------------------------------------------------ */

SPEC(without_any_worker_each_kind_of_submit_says_spawn)
{
    antpool_t *pool = NULL;
    antpool_options_t options = refusal_options();
    options.queue_capacity = 10;
    void *arg = NULL;
    size_t accepted = 77;
    CHECK_STATUS(antpool_new_with_func(2, nothing, &options, &pool), ANTPOOL_OK);
    grant(0);
    CHECK_STATUS(antpool_submit(pool, nothing, NULL), ANTPOOL_ERR_SPAWN);
    CHECK_STATUS(antpool_try_submit(pool, nothing, NULL), ANTPOOL_ERR_SPAWN);
    CHECK_STATUS(antpool_submit_timeout(pool, nothing, NULL, 1000), ANTPOOL_ERR_SPAWN);
    CHECK_STATUS(antpool_submit_copy(pool, nothing, "", 1), ANTPOOL_ERR_SPAWN);
    CHECK_STATUS(antpool_try_submit_copy(pool, nothing, "", 1), ANTPOOL_ERR_SPAWN);
    CHECK_STATUS(antpool_submit_batch(pool, nothing, &arg, 1, &accepted), ANTPOOL_ERR_SPAWN);
    CHECK_EQ(accepted, 0);
    CHECK_STATUS(antpool_try_submit_batch(pool, nothing, &arg, 1, NULL), ANTPOOL_ERR_SPAWN);
    CHECK_STATUS(antpool_invoke(pool, NULL), ANTPOOL_ERR_SPAWN);
    CHECK_STATUS(antpool_try_invoke(pool, NULL), ANTPOOL_ERR_SPAWN);
    CHECK_STATUS(antpool_invoke_timeout(pool, NULL, 1000), ANTPOOL_ERR_SPAWN);
    CHECK_STATUS(antpool_invoke_batch(pool, &arg, 1, NULL), ANTPOOL_ERR_SPAWN);

    antpool_stats_t stats = stats_of(pool);
    CHECK_EQ(stats.submitted, 0);
    CHECK_EQ(stats.rejected, 11);
    CHECK_GE(stats.spawn_failures, 1);
    CHECK_EQ(stats.spawned, 0);
    CHECK_EQ(stats.running, 0);
    CHECK_EQ(stats.queued, 0);
    spec_destroy(pool);
}

SPEC(a_pool_that_was_refused_works_when_the_system_grants_again)
{
    count_t done = COUNT_INIT;
    const antpool_options_t options = refusal_options();
    antpool_t *pool = spec_pool(2, &options);
    grant(0);
    CHECK_STATUS(antpool_submit(pool, count_task, &done), ANTPOOL_ERR_SPAWN);
    grant(NO_LIMIT);
    EVENTUALLY(antpool_submit(pool, count_task, &done) == ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&done), 1);
    spec_destroy(pool);
}

/* ---- Some worker lives ---------------------------------------------------------------------- */

/* A pool of 3 with a single worker, which is held at the gate, and no more grants. */
static antpool_t *pool_with_one_worker(gate_t *gate, const antpool_options_t *options)
{
    const antpool_options_t defaults = refusal_options();
    antpool_t *pool = spec_pool(3, options ? options : &defaults);
    grant(1);
    spec_hold(pool, gate, 1);
    CHECK_EQ(antpool_running(pool), 1);
    return pool;
}

SPEC(room_in_the_queue_is_used_while_a_worker_lives)
{
    gate_t gate = GATE_INIT;
    count_t done = COUNT_INIT;
    antpool_options_t options = refusal_options();
    options.queue_capacity = 4;
    antpool_t *pool = pool_with_one_worker(&gate, &options);
    for (int i = 0; i < 4; i++)
        CHECK_STATUS(antpool_submit(pool, count_task, &done), ANTPOOL_OK);
    CHECK_EQ(antpool_running(pool), 1);
    CHECK_EQ(stats_of(pool).queued, 4);
    CHECK_EQ(count_get(&done), 0);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&done), 4);
    CHECK_GE(stats_of(pool).spawn_failures, 1);
    spec_destroy(pool);
}

SPEC(without_a_queue_what_may_not_wait_is_turned_away)
{
    gate_t gate = GATE_INIT;
    antpool_t *pool = pool_with_one_worker(&gate, NULL);
    CHECK_STATUS(antpool_try_submit(pool, nothing, NULL), ANTPOOL_ERR_OVERLOAD);
    uint64_t before = spec_now();
    CHECK_STATUS(antpool_submit_timeout(pool, nothing, NULL, 50), ANTPOOL_ERR_TIMED_OUT);
    CHECK_GE(spec_now() - before, 50 * MS);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(stats_of(pool).submitted, 1);
    spec_destroy(pool);
}

SPEC(a_refused_nonblocking_pool_says_overload)
{
    gate_t gate = GATE_INIT;
    antpool_options_t options = refusal_options();
    options.nonblocking = true;
    antpool_t *pool = pool_with_one_worker(&gate, &options);
    CHECK_STATUS(antpool_submit(pool, nothing, NULL), ANTPOOL_ERR_OVERLOAD);
    gate_open(&gate);
    spec_destroy(pool);
}

SPEC(callers_that_wait_get_in_when_the_system_grants_again)
{
    gate_t gate = GATE_INIT;
    caller_t callers[2];
    antpool_t *pool = pool_with_one_worker(&gate, NULL);
    for (int i = 0; i < 2; i++)
        caller_wait_in(&callers[i], pool, gate_task, &gate);
    grant(NO_LIMIT);
    for (int i = 0; i < 2; i++)
        CHECK_STATUS(caller_join(&callers[i]), ANTPOOL_OK);
    count_wait(&gate.arrived, 3); /* The first one still holds its worker. */
    CHECK_EQ(antpool_running(pool), 3);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC(callers_that_wait_get_in_when_the_worker_comes_free)
{
    gate_t gate = GATE_INIT;
    caller_t callers[2];
    antpool_t *pool = pool_with_one_worker(&gate, NULL);
    for (int i = 0; i < 2; i++)
        caller_wait_in(&callers[i], pool, gate_task, &gate);
    for (int i = 0; i < 2; i++) {
        gate_let(&gate, 1);
        CHECK_STATUS(caller_join(&callers[i]), ANTPOOL_OK);
        count_wait(&gate.arrived, i + 2);
        CHECK_EQ(antpool_running(pool), 1);
    }
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC(a_caller_that_waits_for_a_refused_worker_is_told_of_a_release)
{
    gate_t gate = GATE_INIT;
    caller_t caller;
    antpool_t *pool = pool_with_one_worker(&gate, NULL);
    caller_wait_in(&caller, pool, nothing, NULL);
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    CHECK_STATUS(caller_join(&caller), ANTPOOL_ERR_CLOSED);
    gate_open(&gate);
    spec_destroy(pool);
}

SPEC(the_system_is_asked_again_but_not_without_a_pause)
{
    gate_t gate = GATE_INIT;
    caller_t caller;
    antpool_t *pool = pool_with_one_worker(&gate, NULL);
    caller_wait_in(&caller, pool, nothing, NULL);
    long before = __atomic_load_n(&asked, __ATOMIC_SEQ_CST);
    EVENTUALLY(__atomic_load_n(&asked, __ATOMIC_SEQ_CST) >= before + 5);
    before = __atomic_load_n(&asked, __ATOMIC_SEQ_CST);
    spec_sleep_ms(300);
    CHECK_LE(__atomic_load_n(&asked, __ATOMIC_SEQ_CST) - before, 100);
    gate_open(&gate);
    CHECK_STATUS(caller_join(&caller), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC(a_pool_can_be_tuned_while_the_system_refuses)
{
    gate_t gate = GATE_INIT;
    caller_t caller;
    antpool_t *pool = pool_with_one_worker(&gate, NULL);
    caller_wait_in(&caller, pool, nothing, NULL);
    CHECK_STATUS(antpool_tune(pool, 8), ANTPOOL_OK);
    CHECK_EQ(antpool_capacity(pool), 8);
    CHECK_EQ(antpool_running(pool), 1);
    grant(NO_LIMIT);
    CHECK_STATUS(caller_join(&caller), ANTPOOL_OK);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC(a_late_grant_gives_each_task_up_to_the_capacity_a_worker)
{
    gate_t gate = GATE_INIT;
    antpool_options_t options = refusal_options();
    options.queue_capacity = 10;
    antpool_t *pool = pool_with_one_worker(&gate, &options);
    CHECK_STATUS(antpool_submit(pool, gate_task, &gate), ANTPOOL_OK); /* It is queued. */
    CHECK_EQ(antpool_running(pool), 1);
    grant(NO_LIMIT);
    spec_sleep_ms(300); /* Longer than the pause before the system is asked again. */
    CHECK_STATUS(antpool_submit(pool, gate_task, &gate), ANTPOOL_OK);
    count_wait(&gate.arrived, 3);
    CHECK_EQ(antpool_running(pool), 3);
    gate_open(&gate);
    spec_destroy(pool);
    CHECK_EQ(count_get(&gate.passed), 3);
}

SPEC(growing_within_the_pause_after_a_refusal_wakes_the_caller_that_waits)
{
    gate_t gate = GATE_INIT;
    caller_t caller;
    antpool_t *pool = pool_with_one_worker(&gate, NULL);
    for (int i = 0; i < 4; i++) { /* Each refusal makes the pause longer, up to a limit. */
        spec_sleep_ms(i == 0 ? 0 : 130);
        CHECK_STATUS(antpool_try_submit(pool, nothing, NULL), ANTPOOL_ERR_OVERLOAD);
    }
    CHECK_STATUS(antpool_tune(pool, 1), ANTPOOL_OK);
    caller_wait_in(&caller, pool, nothing, NULL);
    grant(NO_LIMIT);
    CHECK_STATUS(antpool_tune(pool, 3), ANTPOOL_OK);
    CHECK_STATUS(caller_join(&caller), ANTPOOL_OK);
    gate_open(&gate);
    spec_destroy(pool);
}

SPEC_MAIN()
