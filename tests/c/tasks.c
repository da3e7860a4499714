/* One task: waiting for it, canceling it, and what becomes of its handle. */
#include "spec.h"

static bool begun, opened, stopped, survived;
static int runs;
static antpool_task_t *self;
static antpool_status_t said;

#define GET(what) __atomic_load_n(&(what), __ATOMIC_ACQUIRE)
#define SET(what) __atomic_store_n(&(what), true, __ATOMIC_RELEASE)

static void hold(void *arg)
{
    (void)arg;
    SET(begun);
    EVENTUALLY(GET(opened));
    __atomic_fetch_add(&runs, 1, __ATOMIC_ACQ_REL);
}

static void count(void *arg)
{
    (*(int *)arg)++;
}

static void fail(void *arg)
{
    (void)arg;
    antpool_task_fail("on purpose");
}

static void until_canceled(void *arg)
{
    (void)arg;
    CHECK(!antpool_is_canceled());
    SET(begun);
    EVENTUALLY(antpool_is_canceled());
    SET(stopped);
}

static void end_thread(void *arg)
{
    (void)arg;
    pthread_exit(NULL);
}

static void ignore(void *data, const antpool_panic_info_t *info)
{
    (void)data;
    (void)info;
}

static void end_in_handler(void *data, const antpool_panic_info_t *info)
{
    (void)data;
    (void)info;
    pthread_exit(NULL);
}

/* A pool with one worker and a queue. */
static antpool_t *queued_pool(antpool_panic_fn handler)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = 16;
    options.panic_handler = handler;
    return spec_pool(1, &options);
}

static antpool_task_t *submitted(antpool_t *pool, antpool_task_fn fn, void *arg)
{
    antpool_task_t *task = NULL;
    CHECK_STATUS(antpool_task_submit(pool, fn, arg, &task), ANTPOOL_OK);
    CHECK(task != NULL);
    return task;
}

SPEC(a_wait_sees_what_the_task_wrote)
{
    antpool_t *pool = queued_pool(NULL);
    int number = 0;
    for (size_t i = 0; i < spec_rounds(1000); i++) {
        antpool_task_t *task = submitted(pool, count, &number);
        CHECK_STATUS(antpool_task_wait(task), ANTPOOL_OK);
        CHECK_EQ(number, (int)i + 1);
        CHECK(antpool_task_is_done(task));
        CHECK_STATUS(antpool_task_wait_timeout(task, 0), ANTPOOL_OK);
        CHECK_STATUS(antpool_task_destroy(task), ANTPOOL_OK);
    }
    spec_destroy(pool);
}

SPEC(a_wait_with_a_limit_ends_with_it)
{
    antpool_t *pool = queued_pool(NULL);
    antpool_task_t *task = submitted(pool, hold, NULL);
    CHECK(!antpool_task_is_done(task));
    CHECK_STATUS(antpool_task_wait_timeout(task, 0), ANTPOOL_ERR_TIMED_OUT);
    CHECK_STATUS(antpool_task_wait_timeout(task, 2), ANTPOOL_ERR_TIMED_OUT);
    SET(opened);
    CHECK_STATUS(antpool_task_wait(task), ANTPOOL_OK);
    CHECK_STATUS(antpool_task_destroy(task), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC(a_canceled_task_is_done_at_once_and_never_runs)
{
    antpool_t *pool = queued_pool(NULL);
    int number = 0;
    antpool_task_t *first = submitted(pool, hold, NULL);
    EVENTUALLY(GET(begun));
    antpool_task_t *second = submitted(pool, count, &number);
    CHECK_STATUS(antpool_task_cancel(second), ANTPOOL_OK);
    CHECK_STATUS(antpool_task_wait(second), ANTPOOL_ERR_CANCELED);
    CHECK(antpool_task_is_done(second));
    CHECK_STATUS(antpool_task_cancel(second), ANTPOOL_ERR_CANCELED);
    SET(opened);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(number, 0);
    antpool_stats_t stats = ANTPOOL_STATS_INIT;
    CHECK_STATUS(antpool_get_stats(pool, &stats), ANTPOOL_OK);
    CHECK_EQ(stats.submitted, 2);
    CHECK_EQ(stats.completed, 2);
    CHECK_EQ(stats.canceled, 1);
    CHECK_STATUS(antpool_task_destroy(first), ANTPOOL_OK);
    CHECK_STATUS(antpool_task_destroy(second), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC(a_running_task_is_asked_to_stop)
{
    antpool_t *pool = queued_pool(NULL);
    antpool_task_t *task = submitted(pool, until_canceled, NULL);
    EVENTUALLY(GET(begun));
    CHECK_STATUS(antpool_task_cancel(task), ANTPOOL_ERR_ALREADY_STARTED);
    CHECK_STATUS(antpool_task_wait(task), ANTPOOL_OK);
    CHECK(GET(stopped));
    CHECK_STATUS(antpool_task_cancel(task), ANTPOOL_ERR_ALREADY_STARTED);
    CHECK_STATUS(antpool_task_destroy(task), ANTPOOL_OK);
    spec_destroy(pool);
}

static void ask(void *arg)
{
    *(bool *)arg = antpool_is_canceled();
}

/* On fibers it shares its carrier with one that is canceled. */
SPEC(only_the_canceled_task_is_asked)
{
    antpool_options_t options = spec_options();
    options.carriers = 1;
    antpool_t *pool = spec_pool(2, &options);
    antpool_task_t *task = submitted(pool, hold, NULL);
    EVENTUALLY(GET(begun));
    CHECK_STATUS(antpool_task_cancel(task), ANTPOOL_ERR_ALREADY_STARTED);
    bool asked = true;
    antpool_task_t *other = submitted(pool, ask, &asked);
    CHECK_STATUS(antpool_task_wait(other), ANTPOOL_OK);
    CHECK(!asked);
    SET(opened);
    CHECK_STATUS(antpool_task_wait(task), ANTPOOL_OK);
    CHECK_STATUS(antpool_task_destroy(task), ANTPOOL_OK);
    CHECK_STATUS(antpool_task_destroy(other), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC(a_wait_for_a_failed_task_says_so)
{
    antpool_t *pool = queued_pool(ignore);
    antpool_task_t *task = submitted(pool, fail, NULL);
    CHECK_STATUS(antpool_task_wait(task), ANTPOOL_ERR_TASK_FAILED);
    CHECK_STATUS(antpool_task_destroy(task), ANTPOOL_OK);
    int number = 0;
    task = submitted(pool, count, &number);
    CHECK_STATUS(antpool_task_wait(task), ANTPOOL_OK);
    CHECK_STATUS(antpool_task_destroy(task), ANTPOOL_OK);
    spec_destroy(pool);
}

static void stay_in_handler(void *data, const antpool_panic_info_t *info)
{
    (void)data;
    (void)info;
    hold(NULL);
}

SPEC(a_task_has_not_ended_while_its_handler_runs)
{
    antpool_t *pool = queued_pool(stay_in_handler);
    antpool_task_t *task = submitted(pool, fail, NULL);
    EVENTUALLY(GET(begun));
    CHECK(!antpool_task_is_done(task));
    CHECK_STATUS(antpool_task_wait_timeout(task, 2), ANTPOOL_ERR_TIMED_OUT);
    SET(opened);
    CHECK_STATUS(antpool_task_wait(task), ANTPOOL_ERR_TASK_FAILED);
    CHECK_STATUS(antpool_task_destroy(task), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC(a_task_that_ends_its_thread_has_failed)
{
    spec_ends_a_thread();
    antpool_t *pool = queued_pool(ignore);
    antpool_task_t *task = submitted(pool, end_thread, NULL);
    CHECK_STATUS(antpool_task_wait(task), ANTPOOL_ERR_TASK_FAILED);
    CHECK_STATUS(antpool_task_destroy(task), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC(a_task_whose_handler_ends_its_thread_has_failed)
{
    spec_ends_a_thread();
    antpool_t *pool = queued_pool(end_in_handler);
    const antpool_task_fn fails[] = {fail, end_thread};
    /* The message of the first is given up with the thread's stack, and LeakSanitizer sees that. */
    for (int i = SPEC_SANITIZED; i < 2; i++) {
        antpool_task_t *task = submitted(pool, fails[i], NULL);
        CHECK_STATUS(antpool_task_wait(task), ANTPOOL_ERR_TASK_FAILED);
        CHECK_STATUS(antpool_task_destroy(task), ANTPOOL_OK);
    }
    spec_destroy(pool);
}

SPEC(a_handle_may_be_given_up_before_the_task_ends_and_outlive_the_pool)
{
    antpool_t *pool = queued_pool(NULL);
    antpool_task_t *first = submitted(pool, hold, NULL);
    CHECK_STATUS(antpool_task_destroy(first), ANTPOOL_OK);
    antpool_task_t *second = submitted(pool, hold, NULL);
    SET(opened);
    spec_destroy(pool);
    CHECK_EQ(GET(runs), 2);
    CHECK_STATUS(antpool_task_wait(second), ANTPOOL_OK);
    CHECK_STATUS(antpool_task_destroy(second), ANTPOOL_OK);
}

SPEC(what_a_closed_or_full_pool_refuses_has_no_handle)
{
    antpool_t *pool = spec_pool(1, NULL);
    antpool_task_t *task = submitted(pool, hold, NULL), *none = NULL;
    CHECK_STATUS(antpool_try_task_submit(pool, hold, NULL, &none), ANTPOOL_ERR_OVERLOAD);
    CHECK_STATUS(antpool_task_submit_timeout(pool, hold, NULL, 1, &none), ANTPOOL_ERR_TIMED_OUT);
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_task_submit(pool, hold, NULL, &none), ANTPOOL_ERR_CLOSED);
    CHECK(none == NULL);
    SET(opened);
    CHECK_STATUS(antpool_task_wait(task), ANTPOOL_OK);
    CHECK_STATUS(antpool_task_destroy(task), ANTPOOL_OK);
    spec_destroy(pool);
}

static void wait_for_self(void *arg)
{
    (void)arg;
    EVENTUALLY(GET(begun));
    said = antpool_task_wait(self);
}

SPEC(a_task_that_waits_for_itself_is_told)
{
    antpool_t *pool = queued_pool(NULL);
    self = submitted(pool, wait_for_self, NULL);
    SET(begun);
    CHECK_STATUS(antpool_task_wait(self), ANTPOOL_OK);
    CHECK_STATUS(said, ANTPOOL_ERR_DEADLOCK);
    CHECK_STATUS(antpool_task_destroy(self), ANTPOOL_OK);
    spec_destroy(pool);
}

static void wait_for_another(void *arg)
{
    said = antpool_task_wait((antpool_task_t *)arg);
    SET(survived);
}

SPEC(a_task_waits_for_another_one)
{
    antpool_options_t options = spec_options();
    options.carriers = 1;
    antpool_t *pool = spec_pool(2, &options);
    antpool_task_t *first = submitted(pool, hold, NULL);
    said = ANTPOOL_ERR_UNKNOWN;
    antpool_task_t *second = submitted(pool, wait_for_another, first);
    SET(opened);
    CHECK_STATUS(antpool_task_wait(second), ANTPOOL_OK);
    CHECK(GET(survived));
    CHECK_STATUS(said, ANTPOOL_OK);
    CHECK_STATUS(antpool_task_destroy(first), ANTPOOL_OK);
    CHECK_STATUS(antpool_task_destroy(second), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC(in_a_forked_child_a_handle_says_so)
{
    antpool_t *pool = queued_pool(NULL);
    antpool_task_t *task = submitted(pool, hold, NULL);
    EVENTUALLY(GET(begun));
    const pid_t child = fork();
    CHECK_GE(child, 0);
    if (child == 0) {
        bool right = antpool_task_wait(task) == ANTPOOL_ERR_FORKED &&
                     antpool_task_wait_timeout(task, 0) == ANTPOOL_ERR_FORKED &&
                     antpool_task_cancel(task) == ANTPOOL_ERR_FORKED &&
                     !antpool_task_is_done(task) && antpool_task_destroy(task) == ANTPOOL_OK;
        _exit(right ? 0 : 1);
    }
    int status = -1;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    SET(opened);
    CHECK_STATUS(antpool_task_wait(task), ANTPOOL_OK);
    CHECK_STATUS(antpool_task_destroy(task), ANTPOOL_OK);
    spec_destroy(pool);
}

/* Each either runs or is canceled, never both and never neither. */
SPEC(a_cancel_and_a_worker_never_both_have_the_task)
{
    antpool_t *pool = queued_pool(NULL);
    for (size_t i = 0; i < spec_rounds(20000); i++) {
        int number = 0;
        antpool_task_t *task = submitted(pool, count, &number);
        const antpool_status_t canceled = antpool_task_cancel(task);
        const antpool_status_t waited = antpool_task_wait(task);
        CHECK_STATUS(waited, canceled == ANTPOOL_OK ? ANTPOOL_ERR_CANCELED : ANTPOOL_OK);
        CHECK_EQ(number, canceled == ANTPOOL_OK ? 0 : 1);
        CHECK_STATUS(antpool_task_destroy(task), ANTPOOL_OK);
    }
    spec_destroy(pool);
}

SPEC_MAIN()
