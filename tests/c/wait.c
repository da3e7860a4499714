/*
 * antpool_wait() and antpool_wait_timeout(): they return OK when there was an instant without an
 * unfinished task, and leave the pool open.
 */
#include "spec.h"

SPEC(a_wait_for_nothing_returns_at_once)
{
    antpool_t *pool = spec_pool(2, NULL);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait_timeout(pool, 0), ANTPOOL_OK);
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait_timeout(pool, 0), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC(a_wait_keeps_the_pool)
{
    antpool_t *pool = spec_pool(2, NULL);
    count_t done = COUNT_INIT;
    for (long i = 1; i <= 100; i++) {
        CHECK_STATUS(antpool_submit(pool, count_task, &done), ANTPOOL_OK);
        CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
        CHECK_EQ(count_get(&done), i);
        CHECK_EQ(antpool_busy(pool), 0);
        CHECK(!antpool_is_closed(pool));
    }
    spec_destroy(pool);
}

SPEC(a_timed_wait_never_ends_early)
{
    antpool_t *pool = spec_pool(2, NULL);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 1);
    const uint64_t timeouts[] = {0, 1, 3, 60};
    for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) {
        uint64_t before = spec_now();
        CHECK_STATUS(antpool_wait_timeout(pool, timeouts[i]), ANTPOOL_ERR_TIMED_OUT);
        CHECK_GE(spec_now() - before, timeouts[i] * MS);
    }
    gate_open(&gate);
    CHECK_STATUS(antpool_wait_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    spec_destroy(pool);
}

/* Tasks that other tasks end one by one do not make a wait begin its time anew. */
static struct {
    antpool_t *pool;
    bool stop;
} relay;

static void pass_on(void *unused)
{
    spec_sleep_ms(1);
    if (!__atomic_load_n(&relay.stop, __ATOMIC_RELAXED))
        CHECK_STATUS(antpool_submit(relay.pool, pass_on, unused), ANTPOOL_OK);
}

SPEC(a_timed_wait_has_one_deadline)
{
    relay.pool = spec_pool(2, NULL);
    CHECK_STATUS(antpool_submit(relay.pool, pass_on, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait_timeout(relay.pool, 100), ANTPOOL_ERR_TIMED_OUT);
    __atomic_store_n(&relay.stop, true, __ATOMIC_RELAXED);
    CHECK_STATUS(antpool_wait(relay.pool), ANTPOOL_OK);
    spec_destroy(relay.pool);
}

SPEC(waits_at_the_same_time_all_return)
{
    enum { CALLS = 6 };
    antpool_t *pool = spec_pool(2, NULL);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 2);
    call_t calls[CALLS];
    for (int i = 0; i < CALLS; i++)
        call_block_in(&calls[i], i % 2 ? call_wait : antpool_wait_timeout, pool, 3600000);
    gate_let(&gate, 1);
    EVENTUALLY(antpool_busy(pool) == 1);
    gate_let(&gate, 1);
    for (int i = 0; i < CALLS; i++)
        CHECK_STATUS(call_join(&calls[i]), ANTPOOL_OK);
    CHECK_EQ(count_get(&gate.passed), 2);
    spec_destroy(pool);
}

/* ---- Tasks that tasks submit ----------------------------------------------------------------- */

typedef struct chain_t {
    antpool_t *pool;
    long left;
} chain_t;

static void next_link(void *arg)
{
    chain_t *chain = (chain_t *)arg;
    if (--chain->left > 0)
        CHECK_STATUS(antpool_submit(chain->pool, next_link, chain), ANTPOOL_OK);
}

SPEC(a_wait_includes_the_tasks_that_tasks_submit)
{
    antpool_t *pool = spec_pool(2, NULL);
    for (int round = 0; round < 20; round++) {
        chain_t chain = {pool, 200};
        CHECK_STATUS(antpool_submit(pool, next_link, &chain), ANTPOOL_OK);
        CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
        CHECK_EQ(chain.left, 0);
    }
    spec_destroy(pool);
}

static antpool_t *tree_pool;
static long leaves;

static void grow(void *height)
{
    const long left = (long)(intptr_t)height;
    if (left == 0) {
        __atomic_fetch_add(&leaves, 1, __ATOMIC_RELAXED);
        return;
    }
    for (int branch = 0; branch < 2; branch++)
        CHECK_STATUS(antpool_submit(tree_pool, grow, (void *)(intptr_t)(left - 1)), ANTPOOL_OK);
}

SPEC(a_wait_includes_a_tree_of_tasks)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = ANTPOOL_QUEUE_UNBOUNDED;
    tree_pool = spec_pool(3, &options);
    CHECK_STATUS(antpool_submit(tree_pool, grow, (void *)(intptr_t)10), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(tree_pool), ANTPOOL_OK);
    CHECK_EQ(leaves, 1 << 10);
    spec_destroy(tree_pool);
}

/* ---- Other producers ------------------------------------------------------------------------- */

static struct {
    antpool_t *pool;
    count_t done;
    bool stop;
} others;

/* There is an instant without tasks after each submit: this thread's own wait has seen it. */
static void *submit_and_wait(void *unused)
{
    while (!__atomic_load_n(&others.stop, __ATOMIC_RELAXED)) {
        CHECK_STATUS(antpool_submit(others.pool, count_task, &others.done), ANTPOOL_OK);
        CHECK_STATUS(antpool_wait(others.pool), ANTPOOL_OK);
    }
    return unused;
}

SPEC(a_producer_that_goes_on_does_not_starve_a_wait)
{
    others.pool = spec_pool(2, NULL);
    pthread_t thread = spec_thread(submit_and_wait, NULL);
    for (size_t i = 0; i < spec_rounds(1000); i++)
        CHECK_STATUS(antpool_wait(others.pool), ANTPOOL_OK);
    for (long round = 1; round <= 20; round++) {
        count_wait(&others.done, round);
        CHECK_STATUS(antpool_wait(others.pool), ANTPOOL_OK);
    }
    __atomic_store_n(&others.stop, true, __ATOMIC_RELAXED);
    spec_join(thread);
    spec_destroy(others.pool);
}

/* One instant is enough: the pool is full again before the wait has a chance to look. */
SPEC(a_wait_that_was_asleep_at_the_instant_returns_all_the_same)
{
    for (size_t round = 0; round < spec_rounds(50); round++) {
        antpool_t *pool = spec_pool(1, NULL);
        gate_t gate = GATE_INIT, second = GATE_INIT;
        call_t wait;
        spec_hold(pool, &gate, 1);
        call_block_in(&wait, call_wait, pool, 0);
        gate_open(&gate);
        EVENTUALLY(antpool_busy(pool) == 0);
        CHECK_STATUS(antpool_try_submit(pool, gate_task, &second), ANTPOOL_OK);
        CHECK_STATUS(call_join(&wait), ANTPOOL_OK);
        CHECK_EQ(count_get(&second.passed), 0);
        gate_open(&second);
        spec_destroy(pool);
    }
}

SPEC(a_wait_goes_on_over_release_and_reboot)
{
    antpool_t *pool = spec_pool(1, NULL);
    gate_t gate = GATE_INIT;
    call_t wait;
    spec_hold(pool, &gate, 1);
    call_block_in(&wait, call_wait, pool, 0);
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&gate.passed), 0);
    gate_open(&gate);
    CHECK_STATUS(call_join(&wait), ANTPOOL_OK);
    CHECK_EQ(count_get(&gate.passed), 1);
    spec_destroy(pool);
}

/* ---- What is counted meanwhile --------------------------------------------------------------- */

static struct {
    antpool_t *pool;
    bool stop;
} looked_at;

static void *look_all_the_time(void *unused)
{
    while (!__atomic_load_n(&looked_at.stop, __ATOMIC_RELAXED)) {
        antpool_stats_t stats = ANTPOOL_STATS_INIT;
        CHECK_STATUS(antpool_get_stats(looked_at.pool, &stats), ANTPOOL_OK);
        CHECK_LE(stats.completed, stats.submitted);
    }
    return unused;
}

SPEC(after_a_wait_as_many_are_completed_as_were_submitted_whoever_looks_all_the_time)
{
    enum { LOOKERS = 2, TASKS = 200 };
    antpool_options_t options = spec_options();
    options.queue_capacity = 1000;
    looked_at.pool = spec_pool(4, &options);
    pthread_t threads[LOOKERS];
    for (int i = 0; i < LOOKERS; i++)
        threads[i] = spec_thread(look_all_the_time, NULL);
    for (size_t round = 1; round <= spec_rounds(300); round++) {
        for (int i = 0; i < TASKS; i++)
            CHECK_STATUS(antpool_submit(looked_at.pool, nothing, NULL), ANTPOOL_OK);
        CHECK_STATUS(antpool_wait(looked_at.pool), ANTPOOL_OK);
        antpool_stats_t stats = ANTPOOL_STATS_INIT;
        CHECK_STATUS(antpool_get_stats(looked_at.pool, &stats), ANTPOOL_OK);
        CHECK_EQ(stats.submitted, TASKS * round);
        CHECK_EQ(stats.completed, TASKS * round);
    }
    __atomic_store_n(&looked_at.stop, true, __ATOMIC_RELAXED);
    for (int i = 0; i < LOOKERS; i++)
        spec_join(threads[i]);
    spec_destroy(looked_at.pool);
}

SPEC_MAIN()
