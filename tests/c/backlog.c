/*
 * A worker that works off a backlog in a long queue does not tell everybody of each task that it has
 * finished. Nobody can see that: not in the figures, and not in what the pool does.
 */
#include "spec.h"

#include "failures.h"

#define BACKLOG 10

/* A sentence about both kinds of queue that are long enough. */
#define SPEC_QUEUES(sentence)                  \
    static void sentence(size_t queue);        \
    SPEC(sentence##_if_the_queue_has_no_limit) \
    {                                          \
        sentence(ANTPOOL_QUEUE_UNBOUNDED);     \
    }                                          \
    SPEC(sentence##_if_the_queue_has_a_limit)  \
    {                                          \
        sentence(1000);                        \
    }                                          \
    static void sentence(size_t queue)

/*
 * Two workers. One has run the whole backlog and is in a task that stays, the other is about to finish its
 * only one.
 */
typedef struct held_t {
    antpool_t *pool;
    gate_t first;
    gate_t last;
} held_t;

static void hold_after_a_backlog(held_t *held, antpool_options_t *options, size_t queue)
{
    count_t ran = COUNT_INIT;
    options->queue_capacity = queue;
    held->pool = spec_pool(2, options);
    held->first = (gate_t)GATE_INIT;
    held->last = (gate_t)GATE_INIT;
    spec_hold(held->pool, &held->first, 2);
    for (int i = 0; i < BACKLOG; i++)
        CHECK_STATUS(antpool_submit(held->pool, count_task, &ran), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit(held->pool, gate_task, &held->last), ANTPOOL_OK);
    gate_let(&held->first, 1);
    count_wait(&held->last.arrived, 1);
    CHECK_EQ(count_get(&ran), BACKLOG);
    gate_let(&held->first, 1);
    count_wait(&held->first.passed, 2);
}

static void let_go(held_t *held)
{
    gate_open(&held->last);
    CHECK_STATUS(antpool_wait(held->pool), ANTPOOL_OK);
    CHECK_EQ(stats_of(held->pool).completed, BACKLOG + 3);
    CHECK_EQ(antpool_busy(held->pool), 0);
    spec_destroy(held->pool);
}

SPEC_QUEUES(the_statistics_know_of_each_finished_task)
{
    antpool_options_t options = spec_options();
    options.disable_purge = true;
    held_t held;
    hold_after_a_backlog(&held, &options, queue);
    /* A task is completed just before its worker is free. */
    EVENTUALLY(stats_of(held.pool).busy == 1);
    CHECK_EQ(stats_of(held.pool).completed, BACKLOG + 2);
    antpool_stats_t stats = stats_of(held.pool);
    CHECK_EQ(stats.submitted, BACKLOG + 3);
    CHECK_EQ(stats.running, 2);
    CHECK_EQ(stats.busy, 1);
    CHECK_EQ(stats.idle, 1);
    CHECK_EQ(stats.queued, 0);
    let_go(&held);
}

SPEC_QUEUES(a_pool_knows_how_many_workers_are_busy)
{
    antpool_options_t options = spec_options();
    options.disable_purge = true;
    held_t held;
    hold_after_a_backlog(&held, &options, queue);
    EVENTUALLY(antpool_busy(held.pool) == 1);
    let_go(&held);
}

SPEC_QUEUES(a_pool_knows_how_much_it_would_accept)
{
    antpool_options_t options = spec_options();
    options.disable_purge = true;
    held_t held;
    hold_after_a_backlog(&held, &options, queue);
    antpool_t *twin = spec_pool(2, &options);
    EVENTUALLY(antpool_available(held.pool) == antpool_available(twin) - 1);
    spec_destroy(twin);
    let_go(&held);
}

SPEC_QUEUES(an_idle_worker_expires_beside_one_that_had_a_backlog)
{
    antpool_options_t options = spec_options();
    options.expiry_ms = 1;
    held_t held;
    hold_after_a_backlog(&held, &options, queue);
    EVENTUALLY(antpool_running(held.pool) == 1);
    let_go(&held);
}

SPEC_QUEUES(a_pool_that_grows_starts_no_worker_for_a_finished_task)
{
    antpool_options_t options = spec_options();
    options.disable_purge = true;
    held_t held;
    hold_after_a_backlog(&held, &options, queue);
    CHECK_STATUS(antpool_tune(held.pool, 20), ANTPOOL_OK);
    CHECK_EQ(antpool_running(held.pool), 2);
    let_go(&held);
}

SPEC_QUEUES(a_closed_pool_lets_an_idle_worker_go_beside_one_that_had_a_backlog)
{
    antpool_options_t options = spec_options();
    options.disable_purge = true;
    held_t held;
    hold_after_a_backlog(&held, &options, queue);
    CHECK_STATUS(antpool_release(held.pool), ANTPOOL_OK);
    EVENTUALLY(antpool_running(held.pool) == 1);
    let_go(&held);
}

/* One worker, which has finished BACKLOG + 1 tasks of a full queue and is in the next. */
static void hold_in_a_full_queue(held_t *held)
{
    enum { QUEUE = 200 };
    antpool_options_t options = spec_options();
    options.queue_capacity = QUEUE;
    held->pool = spec_pool(1, &options);
    held->first = (gate_t)GATE_INIT;
    held->last = (gate_t)GATE_INIT;
    spec_hold(held->pool, &held->first, 1);
    for (int i = 0; i < QUEUE; i++) {
        const antpool_task_fn f = i == BACKLOG ? gate_task : nothing;
        CHECK_STATUS(antpool_submit(held->pool, f, &held->last), ANTPOOL_OK);
    }
    CHECK_STATUS(antpool_try_submit(held->pool, nothing, NULL), ANTPOOL_ERR_OVERLOAD);
    gate_open(&held->first);
    count_wait(&held->last.arrived, 1);
}

static void let_the_full_queue_go(held_t *held)
{
    gate_open(&held->last);
    CHECK_STATUS(antpool_wait(held->pool), ANTPOOL_OK);
    spec_destroy(held->pool);
}

SPEC(a_full_queue_accepts_as_many_as_have_finished)
{
    held_t held;
    hold_in_a_full_queue(&held);
    for (int i = 0; i <= BACKLOG; i++)
        CHECK_STATUS(antpool_try_submit(held.pool, nothing, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_try_submit(held.pool, nothing, NULL), ANTPOOL_ERR_OVERLOAD);
    let_the_full_queue_go(&held);
}

SPEC(a_caller_does_not_wait_for_room_that_is_there)
{
    held_t held;
    hold_in_a_full_queue(&held);
    for (int i = 0; i <= BACKLOG; i++)
        CHECK_STATUS(antpool_submit(held.pool, nothing, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit_timeout(held.pool, nothing, NULL, 1), ANTPOOL_ERR_TIMED_OUT);
    let_the_full_queue_go(&held);
}

SPEC(a_full_queue_knows_how_much_it_would_accept)
{
    held_t held;
    hold_in_a_full_queue(&held);
    CHECK_EQ(antpool_available(held.pool), BACKLOG + 1);
    let_the_full_queue_go(&held);
}

static void end_its_thread(void *unused)
{
    (void)unused;
    pthread_exit(NULL);
}

SPEC_QUEUES(a_thread_that_a_task_ends_takes_no_finished_task_along)
{
    failures_t failures = FAILURES_INIT;
    antpool_options_t options = failures_handled(&failures);
    options.queue_capacity = queue;
    antpool_t *pool = spec_pool(1, &options);
    gate_t gate = GATE_INIT;
    count_t ran = COUNT_INIT;
    spec_hold(pool, &gate, 1);
    for (int i = 0; i < BACKLOG; i++)
        CHECK_STATUS(antpool_submit(pool, count_task, &ran), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit(pool, end_its_thread, NULL), ANTPOOL_OK);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), BACKLOG);
    CHECK_EQ(stats_of(pool).completed, BACKLOG + 2);
    spec_destroy(pool);
}

static void *wait_for(void *pool)
{
    CHECK_STATUS(antpool_wait((antpool_t *)pool), ANTPOOL_OK);
    return NULL;
}

SPEC_QUEUES(a_wait_ends_however_often_others_look_at_the_figures)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = queue;
    antpool_t *pool = spec_pool(2, &options);
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 2 * BACKLOG; i++)
            CHECK_STATUS(antpool_submit(pool, nothing, NULL), ANTPOOL_OK);
        pthread_t waiter = spec_thread(wait_for, pool);
        CHECK_LE(antpool_busy(pool), 2);
        spec_join(waiter);
        CHECK_EQ(antpool_busy(pool), 0);
    }
    spec_destroy(pool);
}

SPEC_MAIN()
