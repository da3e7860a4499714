/*
 * Tasks and hooks that end their thread, by pthread_exit() or a cancellation: the pool goes on
 * without it. On a fiber such a task ends its fiber, and the carrier goes on.
 */
#include "spec.h"

#include "failures.h"
#include "threads.h"

static void exit_thread(void *arg)
{
    pthread_exit(arg);
}

static void cancel_oneself(void *arg)
{
    (void)arg;
    CHECK_EQ(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL), 0);
    CHECK_EQ(pthread_cancel(pthread_self()), 0);
    pthread_testcancel();
    CHECK(false);
}

/* After one task on a pool of one: lost, counted, reported, and the place is free. */
static void check_lost(antpool_task_fn fn)
{
    failures_t failures = FAILURES_INIT;
    count_t done = COUNT_INIT;
    antpool_options_t options = failures_handled(&failures);
    antpool_t *pool = spec_pool(1, &options);
    int arg;
    run_task(pool, fn, &arg);
    CHECK_EQ(count_get(&failures.handled), 1);
    CHECK(failures.info.pool == pool);
    CHECK(failures.info.fn == fn);
    CHECK(failures.info.arg == &arg);
    CHECK(failures.message[0] != '\0');

    run_task(pool, count_task, &done);
    CHECK_EQ(count_get(&done), 1);
    antpool_stats_t stats = stats_of(pool);
    CHECK_EQ(stats.lost, 1);
    CHECK_EQ(stats.panicked, 1);
    CHECK_EQ(stats.completed, 2);
    CHECK_EQ(stats.spawned, 2);
    CHECK_LE(stats.running, 1);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC(a_task_that_calls_pthread_exit_costs_its_thread_only)
{
    check_lost(exit_thread);
}

SPEC(a_task_that_is_cancelled_costs_its_thread_only)
{
    check_lost(cancel_oneself);
}

static void cancel_in_vain(void *done)
{
    CHECK_EQ(pthread_cancel(pthread_self()), 0);
    pthread_testcancel();
    count_task(done);
}

SPEC(workers_cannot_be_cancelled)
{
    spec_needs_true_fibers();
    failures_t failures = FAILURES_INIT;
    count_t done = COUNT_INIT;
    antpool_options_t options = failures_handled(&failures);
    antpool_t *pool = spec_pool(1, &options);
    run_task(pool, cancel_in_vain, &done);
    run_task(pool, count_task, &done);
    CHECK_EQ(count_get(&done), 2);
    CHECK_EQ(count_get(&failures.handled), 0);
    CHECK_EQ(stats_of(pool).lost, 0);
    spec_destroy(pool);
}

static void mark(void *flag)
{
    *(bool *)flag = true;
}

static void exit_thread_with_cleanup(void *cleaned)
{
    pthread_cleanup_push(mark, cleaned);
    pthread_exit(NULL);
    pthread_cleanup_pop(0);
}

SPEC(the_cleanup_handlers_of_a_lost_thread_run)
{
    failures_t failures = FAILURES_INIT;
    antpool_options_t options = failures_handled(&failures);
    antpool_t *pool = spec_pool(1, &options);
    bool cleaned = false;
    run_task(pool, exit_thread_with_cleanup, &cleaned);
    CHECK(cleaned);
    CHECK_EQ(count_get(&failures.handled), 1);
    spec_destroy(pool);
}

static void fail_then_exit_thread(void *arg)
{
    antpool_task_fail("said before");
    pthread_exit(arg);
}

SPEC(the_first_message_stands_also_for_a_lost_thread)
{
    failures_t failures = FAILURES_INIT;
    antpool_options_t options = failures_handled(&failures);
    antpool_t *pool = spec_pool(1, &options);
    run_task(pool, fail_then_exit_thread, NULL);
    CHECK_EQ(count_get(&failures.handled), 1);
    CHECK_TEXT(failures.message, "said before");
    spec_destroy(pool);
}

SPEC(many_lost_threads_among_other_tasks_lose_no_task)
{
    enum { WORKERS = 4, LOST = 40, OTHERS = 400 };
    failures_t failures = FAILURES_INIT;
    count_t done = COUNT_INIT;
    antpool_options_t options = failures_handled(&failures);
    antpool_t *pool = spec_pool(WORKERS, &options);
    for (int i = 0; i < OTHERS; i++) {
        if (i % (OTHERS / LOST) == 0)
            CHECK_STATUS(antpool_submit(pool, exit_thread, NULL), ANTPOOL_OK);
        CHECK_STATUS(antpool_submit(pool, count_task, &done), ANTPOOL_OK);
        CHECK_LE(antpool_running(pool), WORKERS);
    }
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&done), OTHERS);
    CHECK_EQ(count_get(&failures.handled), LOST);
    antpool_stats_t stats = stats_of(pool);
    CHECK_EQ(stats.lost, LOST);
    CHECK_EQ(stats.completed, LOST + OTHERS);
    spec_destroy(pool);
}

static pthread_key_t of_thread;
static count_t destroyed = COUNT_INIT;

static void set_value_and_exit_thread(void *arg)
{
    CHECK_EQ(pthread_setspecific(of_thread, &destroyed), 0);
    pthread_exit(arg);
}

SPEC_THREADS(a_lost_thread_ends_like_any_other)
{
    enum { LOST = 200 };
    failures_t failures = FAILURES_INIT;
    antpool_options_t options = failures_handled(&failures);
    CHECK_EQ(pthread_key_create(&of_thread, count_task), 0);
    spec_start_first_thread();
    const long before = spec_threads();
    antpool_t *pool = spec_pool(2, &options);
    for (int i = 0; i < LOST; i++)
        CHECK_STATUS(antpool_submit(pool, set_value_and_exit_thread, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_EQ(count_get(&destroyed), LOST);
    EVENTUALLY(spec_threads() == before);
    spec_destroy(pool);
    CHECK_EQ(count_get(&failures.handled), LOST);
}

SPEC(a_lost_thread_admits_a_caller_that_waits)
{
    failures_t failures = FAILURES_INIT;
    gate_t gate = GATE_INIT;
    count_t done = COUNT_INIT;
    caller_t caller, last;
    antpool_options_t options = failures_handled(&failures);
    antpool_t *pool = spec_pool(1, &options);
    spec_hold(pool, &gate, 1);
    caller_wait_in(&caller, pool, exit_thread, NULL);
    caller_wait_in(&last, pool, count_task, &done);
    gate_open(&gate);
    CHECK_STATUS(caller_join(&caller), ANTPOOL_OK);
    CHECK_STATUS(caller_join(&last), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&done), 1);
    CHECK_EQ(stats_of(pool).lost, 1);
    spec_destroy(pool);
}

static void handler_exits_thread(void *handled, const antpool_panic_info_t *info)
{
    (void)info;
    count_task(handled);
    pthread_exit(NULL);
}

SPEC(a_handler_that_ends_its_thread_is_the_end_of_its_task_all_the_same)
{
    failures_t failures = FAILURES_INIT;
    count_t handled = COUNT_INIT, done = COUNT_INIT;
    antpool_options_t options = failures_logged(&failures);
    options.panic_handler = handler_exits_thread;
    options.panic_data = &handled;
    antpool_t *pool = spec_pool(1, &options);
    run_task(pool, exit_thread, NULL);
    CHECK_EQ(count_get(&handled), 1);
    CHECK_EQ(count_get(&failures.logged), 1);
    run_task(pool, count_task, &done);
    CHECK_EQ(count_get(&done), 1);
    antpool_stats_t stats = stats_of(pool);
    CHECK_EQ(stats.lost, 2);
    CHECK_EQ(stats.panicked, 1);
    CHECK_EQ(stats.completed, 2);
    spec_destroy(pool);
}

/* ---- Hooks that end their thread ------------------------------------------------------------- */

/* Which call of a hook ends its thread, and how often it has been called. */
typedef struct deadly_t {
    long call;
    count_t calls;
} deadly_t;

static void exit_in_hook(void *data, antpool_t *pool, size_t index)
{
    (void)pool;
    (void)index;
    deadly_t *deadly = (deadly_t *)data;
    if (count_add(&deadly->calls, 1) == deadly->call)
        pthread_exit(NULL);
}

/* The pool serves, and ends. */
static void check_serves(antpool_t *pool)
{
    count_t done = COUNT_INIT;
    for (int i = 1; i <= 3; i++) {
        run_task(pool, count_task, &done);
        CHECK_EQ(count_get(&done), i);
    }
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_EQ(antpool_running(pool), 0);
    spec_destroy(pool);
}

SPEC(a_start_hook_that_ends_its_thread_leaves_the_pool_serving)
{
    failures_t failures = FAILURES_INIT;
    deadly_t deadly = {1, COUNT_INIT};
    antpool_options_t options = failures_logged(&failures);
    options.disable_purge = true;
    options.on_worker_start = exit_in_hook;
    options.worker_data = &deadly;
    antpool_t *pool = spec_pool(1, &options);
    run_task(pool, nothing, NULL);
    CHECK_EQ(count_get(&deadly.calls), 1);
    CHECK_EQ(stats_of(pool).lost, 1);
    CHECK_EQ(stats_of(pool).panicked, 0);
    CHECK_EQ(count_get(&failures.logged), 1);
    check_serves(pool);
}

SPEC(a_start_hook_may_end_also_the_thread_that_takes_the_place_of_a_lost_one)
{
    failures_t failures = FAILURES_INIT;
    deadly_t deadly = {2, COUNT_INIT};
    antpool_options_t options = failures_logged(&failures);
    options.disable_purge = true;
    options.on_worker_start = exit_in_hook;
    options.worker_data = &deadly;
    antpool_t *pool = spec_pool(1, &options);
    run_task(pool, exit_thread, NULL);
    run_task(pool, nothing, NULL);
    CHECK_EQ(count_get(&deadly.calls), spec_on_fibers() ? 1 : 2);
    CHECK_EQ(stats_of(pool).lost, spec_on_fibers() ? 1 : 2);
    check_serves(pool);
}

SPEC(a_stop_hook_that_ends_its_thread_holds_up_no_release)
{
    failures_t failures = FAILURES_INIT;
    deadly_t deadly = {1, COUNT_INIT};
    antpool_options_t options = failures_logged(&failures);
    options.on_worker_stop = exit_in_hook;
    options.worker_data = &deadly;
    check_serves(spec_pool(1, &options));
    CHECK_EQ(count_get(&deadly.calls), 1);
}

SPEC_MAIN()
