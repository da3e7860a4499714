/*
 * antpool_destroy_later(): a pool that is given up ends by itself. That nothing of it is left is for the sanitizers and
 * valgrind to see, and for the number of threads.
 */
#include "spec.h"

#include "child.h"

static count_t done = COUNT_INIT;

static void count_done(void *arg)
{
    (void)arg;
    count_add(&done, 1);
}

static void give_up_own(void *arg)
{
    gate_task((gate_t *)arg);
    antpool_t *pool = antpool_current();
    CHECK_STATUS(antpool_destroy_later(pool), ANTPOOL_OK);
    CHECK(antpool_is_closed(pool));
    CHECK_STATUS(antpool_submit(pool, count_done, NULL), ANTPOOL_ERR_CLOSED);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_ERR_CLOSED);
    CHECK_EQ(antpool_capacity(pool), 2);
    count_add(&done, 1);
}

static void note_stop(void *data, antpool_t *pool, size_t index)
{
    (void)index;
    CHECK(antpool_current() == pool);
    CHECK(antpool_is_closed(pool));
    count_add((count_t *)data, 1);
}

/* Waits until as many threads are there as before. */
static void threads_are_gone(long before)
{
    EVENTUALLY(spec_threads() == before);
}

SPEC(a_task_may_give_its_own_pool_up_and_those_that_were_accepted_still_run)
{
    enum { QUEUED = 20 };
    gate_t gate = GATE_INIT;
    count_t stopped = COUNT_INIT;
    antpool_options_t options = spec_options();
    options.queue_capacity = ANTPOOL_QUEUE_UNBOUNDED;
    options.carriers = 2;
    options.on_worker_stop = note_stop;
    options.worker_data = &stopped;
    spec_start_first_thread();
    const long before = spec_threads();
    antpool_t *pool = spec_pool(2, &options);
    CHECK_STATUS(antpool_submit(pool, give_up_own, &gate), ANTPOOL_OK);
    for (int i = 0; i < QUEUED; i++)
        CHECK_STATUS(antpool_submit(pool, count_done, NULL), ANTPOOL_OK);
    gate_open(&gate);
    count_wait(&done, QUEUED + 1);
    threads_are_gone(before);
    CHECK_EQ(count_get(&done), QUEUED + 1);
    CHECK_EQ(count_get(&stopped), 2);
}

SPEC(a_pool_without_workers_is_given_up_at_once)
{
    antpool_options_t options = spec_options();
    options.expiry_ms = 1;
    spec_start_first_thread();
    const long before = spec_threads();
    CHECK_STATUS(antpool_destroy_later(spec_pool(2, &options)), ANTPOOL_OK);
    antpool_t *pool = spec_pool(2, &options);
    CHECK_STATUS(antpool_submit(pool, count_done, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    threads_are_gone(before);
    CHECK_STATUS(antpool_destroy_later(pool), ANTPOOL_OK);
    pool = spec_pool(2, &options);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_STATUS(antpool_destroy_later(pool), ANTPOOL_OK);
    threads_are_gone(before);
}

SPEC(idle_workers_leave_a_pool_that_is_given_up)
{
    gate_t gate = GATE_INIT;
    antpool_options_t options = spec_options();
    options.disable_purge = true;
    options.min_workers = 2;
    spec_start_first_thread();
    const long before = spec_threads();
    antpool_t *pool = spec_pool(8, &options);
    spec_hold(pool, &gate, 8);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_destroy_later(pool), ANTPOOL_OK);
    threads_are_gone(before);
}

SPEC(a_caller_that_waits_gets_closed_from_a_pool_that_is_given_up)
{
    gate_t gate = GATE_INIT;
    caller_t caller;
    spec_start_first_thread();
    const long before = spec_threads();
    antpool_t *pool = spec_pool(1, NULL);
    spec_hold(pool, &gate, 1);
    caller_wait_in(&caller, pool, count_done, NULL);
    CHECK_STATUS(antpool_destroy_later(pool), ANTPOOL_OK);
    CHECK_STATUS(caller_join(&caller), ANTPOOL_ERR_CLOSED);
    gate_open(&gate);
    threads_are_gone(before);
    CHECK_EQ(count_get(&done), 0);
}

SPEC(many_pools_are_given_up_while_their_tasks_run)
{
    enum { TASKS = 3 };
    const long rounds = (long)spec_rounds(200);
    antpool_options_t options = spec_options();
    options.carriers = 2;
    spec_start_first_thread();
    const long before = spec_threads();
    for (long round = 0; round < rounds; round++) {
        antpool_t *pool = spec_pool(TASKS, &options);
        for (int i = 0; i < TASKS; i++)
            CHECK_STATUS(antpool_submit(pool, count_done, NULL), ANTPOOL_OK);
        CHECK_STATUS(antpool_destroy_later(pool), ANTPOOL_OK);
    }
    count_wait(&done, TASKS * rounds);
    threads_are_gone(before);
    CHECK_EQ(count_get(&done), TASKS * rounds);
}

static void ignore_failure(void *data, const antpool_panic_info_t *info)
{
    (void)data;
    CHECK(antpool_is_closed(info->pool));
    count_add(&done, 1);
}

static void give_up_and_end_the_thread(void *arg)
{
    (void)arg;
    CHECK_STATUS(antpool_destroy_later(antpool_current()), ANTPOOL_OK);
    pthread_exit(NULL);
}

SPEC(a_task_that_gives_its_pool_up_and_ends_its_thread_is_reported)
{
    spec_needs_true_fibers(); /* Else the thread that stands in for the fiber is never ended. */
    antpool_options_t options = spec_options();
    options.panic_handler = ignore_failure;
    spec_start_first_thread();
    const long before = spec_threads();
    CHECK_STATUS(antpool_submit(spec_pool(1, &options), give_up_and_end_the_thread, NULL),
                 ANTPOOL_OK);
    count_wait(&done, 1);
    threads_are_gone(before);
}

static void block_after_giving_up(void *arg)
{
    CHECK_STATUS(antpool_destroy_later(antpool_current()), ANTPOOL_OK);
    CHECK_STATUS(antpool_block(count_done, arg), ANTPOOL_OK);
}

SPEC(a_task_may_block_in_a_pool_that_is_given_up)
{
    spec_start_first_thread();
    const long before = spec_threads();
    CHECK_STATUS(antpool_submit(spec_pool(1, NULL), block_after_giving_up, NULL), ANTPOOL_OK);
    count_wait(&done, 1);
    threads_are_gone(before);
}

static void give_up_in_child(void *pool)
{
    spec_start_first_thread();
    const long before = spec_threads();
    CHECK_STATUS(antpool_reboot((antpool_t *)pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit((antpool_t *)pool, count_done, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_destroy_later((antpool_t *)pool), ANTPOOL_OK);
    count_wait(&done, 1);
    threads_are_gone(before);
}

SPEC(a_child_that_has_opened_the_pool_again_may_give_it_up)
{
    child_starts_threads();
    char said[4096];
    antpool_t *pool = spec_pool(1, NULL);
    CHECK_EXIT(child_run(give_up_in_child, pool, said, sizeof said), 0);
    CHECK_STATUS(antpool_submit(pool, count_done, NULL), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC_MAIN()
