/* fork(): what a child can do with the pools of its parent, and with its own. */
#include "child.h"

#include "failures.h"
#include "refusal.h"

/* A new pool of one's own, or a rebooted one, does what pools do. */
static void check_usable(antpool_t *pool)
{
    count_t done = COUNT_INIT;
    for (int i = 0; i < 100; i++)
        CHECK_STATUS(antpool_submit(pool, count_task, &done), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&done), 100);
}

/* A fiber at a gate looks again and again, so that its carrier may be inside the allocator when the
 * process forks. */
static void leave_out_fibers_that_are_sanitized(void)
{
    spec_skip_if(SPEC_SANITIZED && spec_on_fibers(),
                 "sanitizers leave locks of their own behind in the child");
}

/* A pool of 3, with 2 tasks that stay at the gate, and what the child does with it. */
static void run_child_of_busy_pool(child_fn body)
{
    leave_out_fibers_that_are_sanitized();
    gate_t gate = GATE_INIT;
    antpool_t *pool = spec_pool(3, NULL);
    spec_hold(pool, &gate, 2);
    CHECK_EXIT(child_wait(child_start(body, pool)), 0);

    CHECK_EQ(antpool_busy(pool), 2);
    CHECK(!antpool_is_closed(pool));
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    check_usable(pool);
    spec_destroy(pool);
}

static void reboot_and_use(void *arg)
{
    antpool_t *pool = (antpool_t *)arg;
    CHECK_STATUS(antpool_submit(pool, nothing, NULL), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    CHECK_EQ(antpool_capacity(pool), 3);
    CHECK_EQ(antpool_running(pool), 0);
    CHECK_EQ(antpool_available(pool), 3);
    CHECK_EQ(stats_of(pool).submitted, 0);
    check_usable(pool);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    check_usable(pool);
    CHECK_EQ(antpool_destroy(pool), ANTPOOL_OK);
}

SPEC(a_reboot_makes_the_pool_usable_and_empty_in_the_child)
{
    run_child_of_busy_pool(reboot_and_use);
}

static void destroy_at_once(void *pool)
{
    CHECK_EQ(antpool_destroy((antpool_t *)pool), ANTPOOL_OK);
}

SPEC(destroy_in_the_child_returns_at_once)
{
    run_child_of_busy_pool(destroy_at_once);
}

static void use_new_pools(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        antpool_t *pool = spec_pool(2, NULL);
        check_usable(pool);
        spec_destroy(pool);
    }
}

SPEC(a_new_pool_works_in_the_child)
{
    run_child_of_busy_pool(use_new_pools);
}

static void leave_by_exit(void *arg)
{
    (void)arg;
    exit(7);
}

SPEC(a_child_may_leave_by_exit)
{
    leave_out_fibers_that_are_sanitized();
    gate_t gate = GATE_INIT;
    antpool_t *pool = spec_pool(2, NULL);
    spec_hold(pool, &gate, 2);
    CHECK_EXIT(child_wait(child_start(leave_by_exit, NULL)), 7);
    gate_open(&gate);
    spec_destroy(pool);
}

static void use_the_default_pool(void *arg)
{
    antpool_t *parents = (antpool_t *)arg;
    CHECK(antpool_default() == parents);
    CHECK_STATUS(antpool_submit(parents, nothing, NULL), ANTPOOL_ERR_FORKED);
    CHECK_EQ(antpool_capacity(parents), 512);
    CHECK_EQ(antpool_busy(parents), 0);
    CHECK_EQ(antpool_destroy(parents), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(antpool_reboot(parents), ANTPOOL_OK);
    check_usable(antpool_default());
}

SPEC(the_default_pool_is_rebooted_in_the_child_like_any_other)
{
    gate_t gate = GATE_INIT;
    spec_hold(antpool_default(), &gate, 2);
    CHECK_EXIT(child_wait(child_start(use_the_default_pool, antpool_default())), 0);
    gate_open(&gate);
    check_usable(antpool_default());
}

static void use_a_fresh_default_pool(void *arg)
{
    (void)arg;
    check_usable(antpool_default());
}

SPEC(the_default_pool_may_be_made_by_the_child)
{
    run_child_of_busy_pool(use_a_fresh_default_pool);
}

static void expect_as_it_was(void *arg)
{
    antpool_t *pool = (antpool_t *)arg;
    CHECK(antpool_is_closed(pool));
    CHECK_EQ(antpool_capacity(pool), 5);
    CHECK_STATUS(antpool_submit(pool, nothing, NULL), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    CHECK(!antpool_is_closed(pool));
    CHECK_EQ(antpool_capacity(pool), 5);
    check_usable(pool);
    spec_destroy(pool);
}

SPEC(a_tuned_and_closed_pool_is_so_in_the_child_until_it_is_rebooted)
{
    antpool_t *pool = spec_pool(2, NULL);
    CHECK_STATUS(antpool_tune(pool, 5), ANTPOOL_OK);
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    CHECK_EXIT(child_wait(child_start(expect_as_it_was, pool)), 0);
    CHECK(antpool_is_closed(pool));
    spec_destroy(pool);
}

static void check_foreign_twice(void *arg)
{
    antpool_t *const *pools = (antpool_t **)arg;
    CHECK_STATUS(antpool_submit(pools[0], nothing, NULL), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_submit(pools[1], nothing, NULL), ANTPOOL_ERR_FORKED);
    use_new_pools(NULL);
}

static void fork_again(void *arg)
{
    antpool_t *pools[] = {(antpool_t *)arg, spec_pool(2, NULL)};
    check_usable(pools[1]);
    CHECK_EXIT(child_wait(child_start(check_foreign_twice, pools)), 0);
    check_usable(pools[1]);
    spec_destroy(pools[1]);
}

SPEC(a_child_of_a_child_knows_the_pools_of_both)
{
    run_child_of_busy_pool(fork_again);
}

static void reboot_with_one_grant(void *arg)
{
    antpool_t *pool = (antpool_t *)arg;
    count_t done = COUNT_INIT;
    grant(1);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_ERR_SPAWN);
    CHECK_STATUS(antpool_submit(pool, nothing, NULL), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_ERR_FORKED);
    CHECK_EQ(antpool_capacity(pool), 3);
    CHECK_EQ(antpool_running(pool), 0);
    CHECK(!antpool_is_closed(pool));
    grant(NO_LIMIT);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    CHECK_EQ(antpool_running(pool), 2);
    run_task(pool, count_task, &done);
    CHECK_EQ(count_get(&done), 1);
    spec_destroy(pool);
}

SPEC(a_reboot_in_a_child_that_is_refused_its_min_workers_changes_nothing)
{
    leave_out_fibers_that_are_sanitized();
    gate_t gate = GATE_INIT;
    antpool_options_t options = refusal_options();
    options.min_workers = 2;
    antpool_t *pool = spec_pool(3, &options);
    spec_hold(pool, &gate, 1);
    CHECK_EXIT(child_wait(child_start(reboot_with_one_grant, pool)), 0);
    CHECK_EQ(antpool_busy(pool), 1);
    gate_open(&gate);
    spec_destroy(pool);
}

/* ---- Forks while everything moves ----------------------------------------------------------- */

static void touch_everything(void *arg)
{
    antpool_t *pool = (antpool_t *)arg;
    antpool_stats_t stats = ANTPOOL_STATS_INIT;
    CHECK_STATUS(antpool_submit(pool, nothing, NULL), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_try_submit(pool, nothing, NULL), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_tune(pool, 2), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_get_stats(pool, &stats), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_release_timeout(pool, 1000), ANTPOOL_ERR_FORKED);
    CHECK_EQ(antpool_running(pool), 0);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    check_usable(pool);
    CHECK_EQ(antpool_destroy(pool), ANTPOOL_OK);
    use_new_pools(NULL);
}

typedef struct producer_t {
    antpool_t *pool;
    count_t done;
    bool stop;
    long submitted;
} producer_t;

static void *produce(void *arg)
{
    producer_t *producer = (producer_t *)arg;
    while (!__atomic_load_n(&producer->stop, __ATOMIC_ACQUIRE)) {
        CHECK_STATUS(antpool_submit(producer->pool, count_task, &producer->done), ANTPOOL_OK);
        producer->submitted++;
    }
    return NULL;
}

SPEC(forks_at_any_moment_of_a_busy_pool_hurt_neither_side)
{
    spec_skip_if(SPEC_SANITIZED, "sanitizers leave locks of their own behind in the child");
    producer_t producer = {NULL, COUNT_INIT, false, 0};
    antpool_options_t options = spec_options();
    options.expiry_ms = 1; /* Threads come and go all the time. */
    options.queue_capacity = 2;
    producer.pool = spec_pool(3, &options);
    pthread_t thread = spec_thread(produce, &producer);
    count_wait(&producer.done, 1);
    for (size_t i = spec_rounds(300); i > 0; i--)
        CHECK_EXIT(child_wait(child_start(touch_everything, producer.pool)), 0);
    __atomic_store_n(&producer.stop, true, __ATOMIC_RELEASE);
    spec_join(thread);
    CHECK_STATUS(antpool_wait(producer.pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&producer.done), producer.submitted);
    spec_destroy(producer.pool);
}

/* ---- Forks inside a task -------------------------------------------------------------------- */

static void use_from_inside(void *arg)
{
    antpool_t *pool = (antpool_t *)arg;
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_submit(pool, nothing, NULL), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_release_timeout(pool, 0), ANTPOOL_ERR_FORKED);
    use_new_pools(NULL);
    CHECK_EQ(antpool_destroy(pool), ANTPOOL_OK);
}

static void fork_inside(void *pool)
{
    CHECK_EXIT(child_wait(child_start(use_from_inside, pool)), 0);
}

SPEC(a_child_forked_inside_a_task_may_use_new_pools_and_leave)
{
    /* The thread that waits below may be inside the allocator when a task forks. */
    spec_skip_if(SPEC_SANITIZED, "sanitizers leave locks of their own behind in the child");
    antpool_t *pool = spec_pool(2, NULL);
    for (size_t i = spec_rounds(20); i > 0; i--)
        CHECK_STATUS(antpool_submit(pool, fork_inside, pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(stats_of(pool).panicked, 0);
    spec_destroy(pool);
}

SPEC_MAIN()
