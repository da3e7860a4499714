/* How tasks fail, which handler is called, and that the pool goes on. */
#include "spec.h"

#include "failures.h"

/* A pool whose failures are handled and written down. */
static antpool_t *handled_pool(int64_t capacity, failures_t *failures)
{
    antpool_options_t options = failures_handled(failures);
    return spec_pool(capacity, &options);
}

SPEC(the_handler_is_told_everything_about_a_panic)
{
    failures_t failures = FAILURES_INIT;
    antpool_t *pool = handled_pool(1, &failures);
    char message[] = "out of cheese";
    run_task(pool, panic_with, message);
    CHECK_EQ(count_get(&failures.handled), 1);
    CHECK_TEXT(failures.message, "out of cheese");
    CHECK(failures.info.struct_size == sizeof(antpool_panic_info_t));
    CHECK(failures.info.pool == pool);
    CHECK(failures.info.fn == panic_with);
    CHECK(failures.info.arg == message);
    CHECK(!pthread_equal(failures.thread, pthread_self()));
    spec_destroy(pool);
}

static void fail_twice_and_go_on(void *went_on)
{
    antpool_task_fail("the first");
    antpool_task_fail("the second");
    count_add((count_t *)went_on, 1);
}

SPEC(a_failed_task_goes_on_and_its_first_message_stands)
{
    failures_t failures = FAILURES_INIT;
    count_t went_on = COUNT_INIT;
    antpool_t *pool = handled_pool(1, &failures);
    run_task(pool, fail_twice_and_go_on, &went_on);
    CHECK_EQ(count_get(&went_on), 1);
    CHECK_EQ(count_get(&failures.handled), 1);
    CHECK_TEXT(failures.message, "the first");
    CHECK(failures.info.fn == fail_twice_and_go_on);
    CHECK(failures.info.arg == &went_on);
    spec_destroy(pool);
}

static void fail_then_panic(void *arg)
{
    (void)arg;
    antpool_task_fail("the first");
    antpool_panic("the second");
}

SPEC(the_first_message_stands_also_before_a_panic)
{
    failures_t failures = FAILURES_INIT;
    antpool_t *pool = handled_pool(1, &failures);
    run_task(pool, fail_then_panic, NULL);
    CHECK_EQ(count_get(&failures.handled), 1);
    CHECK_TEXT(failures.message, "the first");
    CHECK_EQ(stats_of(pool).panicked, 1);
    spec_destroy(pool);
}

static void fail_with_a_passing_text(void *arg)
{
    (void)arg;
    char text[] = "copied";
    antpool_task_fail(text);
    memset(text, 'x', sizeof text - 1);
}

SPEC(messages_are_copied_and_never_null_and_always_utf_8)
{
    failures_t failures = FAILURES_INIT;
    antpool_t *pool = handled_pool(1, &failures);
    char latin_1[] = "caf\xe9";
    run_task(pool, fail_with_a_passing_text, NULL);
    CHECK_TEXT(failures.message, "copied");
    run_task(pool, fail_with, NULL);
    CHECK_TEXT(failures.message, "no message");
    run_task(pool, panic_with, NULL);
    CHECK_TEXT(failures.message, "no message");
    run_task(pool, panic_with, latin_1);
    CHECK_TEXT(failures.message, "caf\xef\xbf\xbd");
    spec_destroy(pool);
}

SPEC(a_failure_is_not_passed_on_to_the_next_task)
{
    failures_t failures = FAILURES_INIT;
    antpool_t *pool = handled_pool(1, &failures);
    char message[] = "mine";
    run_task(pool, fail_with, message);
    run_task(pool, nothing, NULL);
    run_task(pool, panic_with, message);
    run_task(pool, nothing, NULL);
    CHECK_EQ(count_get(&failures.handled), 2);
    antpool_stats_t stats = stats_of(pool);
    CHECK_EQ(stats.panicked, 2);
    CHECK_EQ(stats.completed, 4);
    spec_destroy(pool);
}

SPEC(a_worker_is_used_again_after_a_panic)
{
    failures_t failures = FAILURES_INIT;
    antpool_options_t options = failures_handled(&failures);
    options.disable_purge = true;
    antpool_t *pool = spec_pool(1, &options);
    const size_t rounds = spec_rounds(3000);
    for (size_t i = 0; i < rounds; i++)
        run_task(pool, i % 2 ? panic_with : fail_with, NULL);
    antpool_stats_t stats = stats_of(pool);
    CHECK_EQ(stats.panicked, rounds);
    CHECK_EQ(stats.completed, rounds);
    CHECK_EQ(count_get(&failures.handled), rounds);
    CHECK_EQ(stats.spawned, 1);
    CHECK_EQ(stats.lost, 0);
    spec_destroy(pool);
}

/* Takes the info's argument as a gate, and stays in the handler until it opens. */
static void handler_at_gate(void *data, const antpool_panic_info_t *info)
{
    (void)info;
    gate_task(data);
}

SPEC(a_task_is_finished_when_its_handler_has_returned)
{
    gate_t gate = GATE_INIT;
    antpool_options_t options = spec_options();
    options.panic_handler = handler_at_gate;
    options.panic_data = &gate;
    options.nonblocking = true;
    antpool_t *pool = spec_pool(1, &options);
    CHECK_STATUS(antpool_submit(pool, panic_with, NULL), ANTPOOL_OK);
    count_wait(&gate.arrived, 1);

    CHECK_EQ(antpool_busy(pool), 1);
    CHECK_EQ(antpool_available(pool), 0);
    CHECK_EQ(stats_of(pool).completed, 0);
    CHECK_STATUS(antpool_submit(pool, nothing, NULL), ANTPOOL_ERR_OVERLOAD);
    CHECK_STATUS(antpool_wait_timeout(pool, 20), ANTPOOL_ERR_TIMED_OUT);

    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    antpool_stats_t stats = stats_of(pool);
    CHECK_EQ(stats.panicked, 1);
    CHECK_EQ(stats.completed, 1);
    CHECK_EQ(antpool_available(pool), 1);
    run_task(pool, nothing, NULL);
    spec_destroy(pool);
}

static void gate_then_panic(void *gate)
{
    gate_task(gate);
    antpool_panic("after the gate");
}

SPEC(panics_in_all_ten_workers_admit_the_five_callers_that_wait)
{
    enum { WORKERS = 10, CALLERS = 5 };
    failures_t failures = FAILURES_INIT;
    gate_t gate = GATE_INIT;
    caller_t callers[CALLERS];
    antpool_t *pool = handled_pool(WORKERS, &failures);
    for (int i = 0; i < WORKERS; i++)
        CHECK_STATUS(antpool_submit(pool, gate_then_panic, &gate), ANTPOOL_OK);
    count_wait(&gate.arrived, WORKERS);
    for (int i = 0; i < CALLERS; i++)
        caller_wait_in(&callers[i], pool, gate_then_panic, &gate);

    gate_open(&gate);
    for (int i = 0; i < CALLERS; i++)
        CHECK_STATUS(caller_join(&callers[i]), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&failures.handled), WORKERS + CALLERS);
    antpool_stats_t stats = stats_of(pool);
    CHECK_EQ(stats.submitted, WORKERS + CALLERS);
    CHECK_EQ(stats.completed, WORKERS + CALLERS);
    CHECK_EQ(stats.panicked, WORKERS + CALLERS);

    spec_hold(pool, &gate, WORKERS); /* All ten places can be had again. */
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    spec_destroy(pool);
}

static void handler_submits(void *done, const antpool_panic_info_t *info)
{
    CHECK(antpool_current() == info->pool);
    CHECK_STATUS(antpool_submit(info->pool, count_task, done), ANTPOOL_OK);
}

SPEC(a_handler_may_submit_to_its_pool)
{
    count_t done = COUNT_INIT;
    antpool_options_t options = spec_options();
    options.panic_handler = handler_submits;
    options.panic_data = &done;
    antpool_t *pool = spec_pool(2, &options);
    run_task(pool, panic_with, NULL);
    CHECK_EQ(count_get(&done), 1);
    spec_destroy(pool);
}

static void handler_reads_copy(void *data, const antpool_panic_info_t *info)
{
    CHECK(memcmp(info->arg, "sixteen bytes...", 16) == 0);
    count_task(data);
}

SPEC(a_handler_sees_the_copied_bytes_of_a_task)
{
    count_t handled = COUNT_INIT;
    antpool_options_t options = spec_options();
    options.panic_handler = handler_reads_copy;
    options.panic_data = &handled;
    antpool_t *pool = spec_pool(1, &options);
    CHECK_STATUS(antpool_submit_copy(pool, fail_with, "sixteen bytes...", 17), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&handled), 1);
    spec_destroy(pool);
}

SPEC(an_invoked_task_is_reported_with_the_function_of_the_pool)
{
    failures_t failures = FAILURES_INIT;
    antpool_options_t options = failures_handled(&failures);
    antpool_t *pool = NULL;
    char message[] = "invoked";
    CHECK_STATUS(antpool_new_with_func(1, panic_with, &options, &pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_invoke(pool, message), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK(failures.info.fn == panic_with);
    CHECK(failures.info.arg == message);
    CHECK_TEXT(failures.message, "invoked");
    spec_destroy(pool);
}

SPEC_MAIN()
