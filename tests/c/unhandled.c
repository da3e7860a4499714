/* Failures that nobody handles, and callbacks that fail themselves. */
#include "spec.h"

#include "child.h"
#include "failures.h"

SPEC(without_a_handler_one_line_goes_to_the_logger)
{
    failures_t failures = FAILURES_INIT;
    antpool_options_t options = failures_logged(&failures);
    antpool_t *pool = spec_pool(1, &options);
    char message[] = "nobody handles this";
    run_task(pool, panic_with, message);
    CHECK_EQ(count_get(&failures.logged), 1);
    CHECK_EQ(failures.level, ANTPOOL_LOG_ERROR);
    CHECK(strstr(failures.line, "nobody handles this") != NULL);
    CHECK(strchr(failures.line, '\n') == NULL);
    CHECK_EQ(stats_of(pool).panicked, 1);
    run_task(pool, nothing, NULL);
    CHECK_EQ(count_get(&failures.logged), 1);
    spec_destroy(pool);
}

static void panic_on_a_pool_without_anything(void *abort_on_panic)
{
    antpool_options_t options = spec_options();
    options.abort_on_panic = abort_on_panic != NULL;
    antpool_t *pool = spec_pool(1, &options);
    char message[] = "to stderr";
    run_task(pool, panic_with, message);
    run_task(pool, nothing, NULL);
    spec_destroy(pool);
}

/* How many lines of a text contain the words. */
static int lines_with(const char *text, const char *words)
{
    int lines = 0;
    for (const char *at = text; (at = strstr(at, words)) != NULL; at = strchr(at, '\n')) {
        lines++;
        CHECK(strchr(at, '\n') != NULL);
    }
    return lines;
}

static void fail_in_several_lines(void *unused)
{
    (void)unused;
    antpool_task_fail("one\nantpool: forged\r\x1b[2J end");
}

SPEC(a_message_of_several_lines_is_logged_in_one)
{
    failures_t failures = FAILURES_INIT;
    antpool_options_t options = failures_logged(&failures);
    antpool_t *pool = spec_pool(1, &options);
    run_task(pool, fail_in_several_lines, NULL);
    spec_destroy(pool);
    CHECK_TEXT(failures.line, "a task failed: one\\nantpool: forged\\r\\u{1b}[2J end");
}

SPEC(the_lines_of_a_pool_that_has_a_name_begin_with_it)
{
    failures_t failures = FAILURES_INIT;
    antpool_options_t options = failures_logged(&failures);
    options.name = "mail";
    antpool_t *pool = spec_pool(1, &options);
    run_task(pool, fail_in_several_lines, NULL);
    spec_destroy(pool);
    CHECK(strncmp(failures.line, "mail: a task failed: one", 24) == 0);
}

SPEC(without_a_logger_the_line_goes_to_stderr)
{
    char said[4096];
    CHECK_EXIT(child_run(panic_on_a_pool_without_anything, NULL, said, sizeof said), 0);
    CHECK_EQ(lines_with(said, "to stderr"), 1);
}

static void panic_on_the_default_pool(void *message)
{
    run_task(antpool_default(), panic_with, message);
}

SPEC(the_default_pool_survives_a_panic)
{
    char said[4096], message[] = "on the default pool";
    CHECK_EXIT(child_run(panic_on_the_default_pool, message, said, sizeof said), 0);
    CHECK_EQ(lines_with(said, message), 1);
}

SPEC(abort_on_panic_logs_and_then_aborts)
{
    char said[4096], yes;
    CHECK_ABORTED(child_run(panic_on_a_pool_without_anything, &yes, said, sizeof said));
    CHECK_EQ(lines_with(said, "to stderr"), 1);
}

SPEC(abort_on_panic_leaves_a_panic_that_is_handled_alone)
{
    failures_t failures = FAILURES_INIT;
    antpool_options_t options = failures_handled(&failures);
    options.abort_on_panic = true;
    antpool_t *pool = spec_pool(1, &options);
    run_task(pool, panic_with, NULL);
    CHECK_EQ(count_get(&failures.handled), 1);
    spec_destroy(pool);
}

SPEC(antpool_panic_outside_a_task_aborts_with_its_message)
{
    char said[4096], message[] = "nowhere";
    CHECK_ABORTED(child_run(panic_with, message, said, sizeof said));
    CHECK(strstr(said, "nowhere") != NULL);
}

SPEC(antpool_task_fail_outside_a_task_does_nothing)
{
    char said[4096], message[] = "nowhere";
    CHECK_EXIT(child_run(fail_with, message, said, sizeof said), 0);
    CHECK(strstr(said, "nowhere") == NULL);
}

/* ---- Callbacks that fail themselves --------------------------------------------------------- */

static void handler_panics(void *data, const antpool_panic_info_t *info)
{
    (void)data;
    (void)info;
    antpool_panic("the handler itself");
}

SPEC(a_panic_in_the_handler_is_logged_and_the_pool_goes_on)
{
    failures_t failures = FAILURES_INIT;
    antpool_options_t options = failures_logged(&failures);
    options.panic_handler = handler_panics;
    antpool_t *pool = spec_pool(1, &options);
    for (int i = 1; i <= 10; i++) {
        run_task(pool, panic_with, NULL);
        CHECK_EQ(count_get(&failures.logged), i);
        CHECK(strstr(failures.line, "the handler itself") != NULL);
    }
    antpool_stats_t stats = stats_of(pool);
    CHECK_EQ(stats.panicked, 10);
    CHECK_EQ(stats.completed, 10);
    CHECK_EQ(stats.lost, 0);
    spec_destroy(pool);
}

static void handler_fails(void *data, const antpool_panic_info_t *info)
{
    (void)data;
    (void)info;
    antpool_task_fail("the handler failed");
}

SPEC(a_handler_that_fails_is_logged_and_does_not_fail_the_next_task)
{
    failures_t failures = FAILURES_INIT;
    antpool_options_t options = failures_logged(&failures);
    options.panic_handler = handler_fails;
    antpool_t *pool = spec_pool(1, &options);
    run_task(pool, fail_with, NULL);
    CHECK_EQ(count_get(&failures.logged), 1);
    CHECK(strstr(failures.line, "the handler failed") != NULL);
    run_task(pool, nothing, NULL);
    CHECK_EQ(stats_of(pool).panicked, 1);
    spec_destroy(pool);
}

static void logger_panics(void *called, antpool_log_level_t level, const char *message)
{
    (void)level;
    (void)message;
    count_task(called);
    antpool_panic("the logger itself");
}

static void panic_under_a_logger_that_panics(void *arg)
{
    (void)arg;
    count_t called = COUNT_INIT;
    antpool_options_t options = spec_options();
    options.logger = logger_panics;
    options.logger_data = &called;
    antpool_t *pool = spec_pool(1, &options);
    char message[] = "to be logged";
    run_task(pool, panic_with, message);
    run_task(pool, nothing, NULL);
    CHECK_EQ(count_get(&called), 1);
    CHECK_EQ(stats_of(pool).completed, 2);
    CHECK_EQ(stats_of(pool).lost, 0);
    spec_destroy(pool);
}

SPEC(a_panic_in_the_logger_loses_no_line_and_the_pool_goes_on)
{
    char said[4096];
    CHECK_EXIT(child_run(panic_under_a_logger_that_panics, NULL, said, sizeof said), 0);
    CHECK(strstr(said, "to be logged") != NULL);
}

static void hook_panics(void *called, antpool_t *pool, size_t index)
{
    (void)pool;
    (void)index;
    count_task(called);
    antpool_panic("the hook itself");
}

SPEC(panics_in_the_hooks_are_logged_and_the_pool_goes_on)
{
    failures_t failures = FAILURES_INIT;
    count_t called = COUNT_INIT, done = COUNT_INIT;
    antpool_options_t options = failures_logged(&failures);
    options.on_worker_start = hook_panics;
    options.on_worker_stop = hook_panics;
    options.worker_data = &called;
    antpool_t *pool = spec_pool(1, &options);
    run_task(pool, count_task, &done);
    CHECK_EQ(count_get(&done), 1);
    CHECK_EQ(count_get(&failures.logged), 1);
    CHECK(strstr(failures.line, "the hook itself") != NULL);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_EQ(count_get(&called), 2);
    CHECK_EQ(count_get(&failures.logged), 2);
    CHECK_EQ(stats_of(pool).panicked, 0);
    spec_destroy(pool);
}

SPEC_MAIN()
