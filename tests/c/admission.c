/*
 * What becomes of a submit to a full pool: it is turned away, or waits, but for how long? And that
 * no more than its capacity ever runs.
 */
#include "spec.h"

/* ---- Turned away ----------------------------------------------------------------------------- */

SPEC(the_eleventh_task_of_a_nonblocking_pool_of_ten_is_turned_away)
{
    antpool_options_t options = spec_options();
    options.nonblocking = true;
    antpool_t *pool = spec_pool(10, &options);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 10);
    CHECK_STATUS(antpool_submit(pool, gate_task, &gate), ANTPOOL_ERR_OVERLOAD);
    gate_let(&gate, 1);
    EVENTUALLY(antpool_busy(pool) == 9);
    spec_hold(pool, &gate, 1);
    CHECK_STATUS(antpool_submit(pool, gate_task, &gate), ANTPOOL_ERR_OVERLOAD);
    gate_open(&gate);
    spec_destroy(pool);
    CHECK_EQ(count_get(&gate.passed), 11);
}

SPEC(a_try_on_a_full_pool_is_turned_away)
{
    antpool_options_t options = spec_options();
    antpool_t *pool;
    CHECK_STATUS(antpool_new_with_func(1, gate_task, &options, &pool), ANTPOOL_OK);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 1);
    CHECK_STATUS(antpool_try_submit(pool, gate_task, &gate), ANTPOOL_ERR_OVERLOAD);
    CHECK_STATUS(antpool_try_invoke(pool, &gate), ANTPOOL_ERR_OVERLOAD);
    CHECK_STATUS(antpool_try_submit_copy(pool, gate_task, &gate, 1), ANTPOOL_ERR_OVERLOAD);
    gate_open(&gate);
    spec_destroy(pool);
    CHECK_EQ(count_get(&gate.passed), 1);
}

SPEC(one_caller_more_than_max_blocking_tasks_is_turned_away)
{
    antpool_options_t options = spec_options();
    options.max_blocking_tasks = 1;
    antpool_t *pool = spec_pool(1, &options);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 1);
    caller_t waiting;
    caller_wait_in(&waiting, pool, gate_task, &gate);
    CHECK_EQ(antpool_waiting(pool), 1);
    CHECK_STATUS(antpool_submit(pool, gate_task, &gate), ANTPOOL_ERR_OVERLOAD);
    CHECK_STATUS(antpool_submit_timeout(pool, gate_task, &gate, 1000), ANTPOOL_ERR_OVERLOAD);
    gate_open(&gate);
    CHECK_STATUS(caller_join(&waiting), ANTPOOL_OK);
    spec_destroy(pool);
    CHECK_EQ(count_get(&gate.passed), 2);
}

SPEC(a_place_among_the_waiting_is_free_again_when_its_caller_got_in)
{
    antpool_options_t options = spec_options();
    options.max_blocking_tasks = 1;
    antpool_t *pool = spec_pool(1, &options);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 1);
    for (int i = 0; i < 20; i++) {
        caller_t waiting;
        caller_wait_in(&waiting, pool, gate_task, &gate);
        gate_let(&gate, 1);
        CHECK_STATUS(caller_join(&waiting), ANTPOOL_OK);
        CHECK_EQ(antpool_waiting(pool), 0);
    }
    gate_open(&gate);
    spec_destroy(pool);
}

/* ---- Limited patience ------------------------------------------------------------------------ */

SPEC(a_timed_submit_to_a_full_pool_never_ends_early)
{
    antpool_options_t options = spec_options();
    antpool_t *pool;
    CHECK_STATUS(antpool_new_with_func(1, gate_task, &options, &pool), ANTPOOL_OK);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 1);
    const uint64_t timeouts[] = {0, 1, 2, 7, 60};
    for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) {
        uint64_t before = spec_now();
        CHECK_STATUS(antpool_submit_timeout(pool, gate_task, &gate, timeouts[i]),
                     ANTPOOL_ERR_TIMED_OUT);
        CHECK_GE(spec_now() - before, timeouts[i] * MS);
        before = spec_now();
        CHECK_STATUS(antpool_invoke_timeout(pool, &gate, timeouts[i]), ANTPOOL_ERR_TIMED_OUT);
        CHECK_GE(spec_now() - before, timeouts[i] * MS);
    }
    CHECK_EQ(antpool_waiting(pool), 0);
    gate_open(&gate);
    spec_destroy(pool);
    CHECK_EQ(count_get(&gate.passed), 1);
}

SPEC(a_timed_submit_waits_also_on_a_nonblocking_pool)
{
    antpool_options_t options = spec_options();
    options.nonblocking = true;
    antpool_t *pool = spec_pool(1, &options);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 1);
    uint64_t before = spec_now();
    CHECK_STATUS(antpool_submit_timeout(pool, gate_task, &gate, 30), ANTPOOL_ERR_TIMED_OUT);
    CHECK_GE(spec_now() - before, 30 * MS);
    gate_open(&gate);
    CHECK_STATUS(antpool_submit_timeout(pool, gate_task, &gate, 60000), ANTPOOL_OK);
    spec_destroy(pool);
    CHECK_EQ(count_get(&gate.passed), 2);
}

static antpool_status_t submit_timed(antpool_t *pool, uint64_t timeout_ms)
{
    static gate_t open_gate = GATE_INIT;
    gate_open(&open_gate);
    return antpool_submit_timeout(pool, gate_task, &open_gate, timeout_ms);
}

SPEC(a_timed_submit_gets_in_when_there_is_room_in_time)
{
    const uint64_t timeouts[] = {600000, ANTPOOL_WAIT_FOREVER};
    for (int i = 0; i < 2; i++) {
        antpool_t *pool = spec_pool(1, NULL);
        gate_t gate = GATE_INIT;
        call_t call;
        spec_hold(pool, &gate, 1);
        call_block_in(&call, submit_timed, pool, timeouts[i]);
        gate_open(&gate);
        CHECK_STATUS(call_join(&call), ANTPOOL_OK);
        spec_destroy(pool);
    }
}

SPEC(a_timed_submit_with_room_does_not_need_time)
{
    antpool_t *pool = spec_pool(1, NULL);
    count_t done = COUNT_INIT;
    CHECK_STATUS(antpool_submit_timeout(pool, count_task, &done, 0), ANTPOOL_OK);
    spec_destroy(pool);
    CHECK_EQ(count_get(&done), 1);
}

/* ---- Never above the capacity ---------------------------------------------------------------- */

enum { MOST = 8, PRODUCERS = 16 };

static struct {
    antpool_t *pool;
    long inside;
    long most_inside;
    count_t done;
    bool stop;
} crowd;

static void be_inside(void *unused)
{
    (void)unused;
    long now = __atomic_add_fetch(&crowd.inside, 1, __ATOMIC_SEQ_CST);
    long most = __atomic_load_n(&crowd.most_inside, __ATOMIC_RELAXED);
    while (now > most && !__atomic_compare_exchange_n(&crowd.most_inside, &most, now, false,
                                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
    sched_yield();
    __atomic_sub_fetch(&crowd.inside, 1, __ATOMIC_SEQ_CST);
    count_add(&crowd.done, 1);
}

static void *crowd_in(void *unused)
{
    while (!__atomic_load_n(&crowd.stop, __ATOMIC_RELAXED))
        CHECK_STATUS(antpool_submit(crowd.pool, be_inside, NULL), ANTPOOL_OK);
    return unused;
}

SPEC(running_is_never_above_the_capacity_whatever_the_producers_and_tunes)
{
    crowd.pool = spec_pool(MOST, NULL);
    pthread_t threads[PRODUCERS];
    for (int i = 0; i < PRODUCERS; i++)
        threads[i] = spec_thread(crowd_in, NULL);
    unsigned seed = 1;
    for (size_t round = 0; round < spec_rounds(100); round++) {
        seed = seed * 1103515245u + 12345u;
        const int64_t capacity = 1 + seed / 65536 % MOST;
        CHECK_STATUS(antpool_tune(crowd.pool, capacity), ANTPOOL_OK);
        EVENTUALLY(antpool_running(crowd.pool) <= capacity);
        const long enough = count_get(&crowd.done) + 20;
        while (count_get(&crowd.done) < enough) {
            CHECK_LE(antpool_running(crowd.pool), capacity);
            sched_yield();
        }
    }
    __atomic_store_n(&crowd.stop, true, __ATOMIC_RELAXED);
    CHECK_STATUS(antpool_tune(crowd.pool, MOST), ANTPOOL_OK);
    for (int i = 0; i < PRODUCERS; i++)
        spec_join(threads[i]);
    antpool_stats_t stats = ANTPOOL_STATS_INIT;
    CHECK_STATUS(antpool_get_stats(crowd.pool, &stats), ANTPOOL_OK);
    spec_destroy(crowd.pool);
    CHECK_LE(stats.peak_running, MOST);
    CHECK_LE(crowd.most_inside, MOST);
}

SPEC_MAIN()
