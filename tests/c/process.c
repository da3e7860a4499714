/* The end of the process while workers are busy, and what a task knows of where it runs. */
#include "child.h"

#include "failures.h"

#include <sys/time.h>

/* For ThreadSanitizer: threads that are there when the process ends are what this is about. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "report_thread_leaks=0:atexit_sleep_ms=0";
}

/* ---- exit() --------------------------------------------------------------------------------- */

/* A task that never ends, and uses what exit() must not take away from it. */
static void allocate_for_ever(void *arg)
{
    (void)arg;
    for (size_t size = 1;; size = size % 5000 + 1) {
        volatile char *memory = (volatile char *)malloc(size);
        CHECK(memory != NULL);
        memory[size - 1] = 1;
        free((void *)memory);
    }
}

static void exit_with(void *code)
{
    exit(*(int *)code);
}

static antpool_t *busy_pool;

/* A pool with a worker that allocates, one that waits for ever, one that is idle. */
static void make_busy_pool(void)
{
    static gate_t gate = GATE_INIT;
    antpool_options_t options = spec_options();
    options.disable_purge = true;
    options.min_workers = 4;
    options.carriers = 3; /* One of which never comes back. */
    busy_pool = spec_pool(4, &options);
    CHECK_STATUS(antpool_submit(busy_pool, allocate_for_ever, NULL), ANTPOOL_OK);
    spec_hold(busy_pool, &gate, 1);
}

static void exit_from_main(void *code)
{
    make_busy_pool();
    exit_with(code);
}

static void exit_from_a_task(void *code)
{
    make_busy_pool();
    CHECK_STATUS(antpool_submit(busy_pool, exit_with, code), ANTPOOL_OK);
    for (;;)
        pause();
}

static void exit_with_the_default_pool_busy(void *code)
{
    CHECK_STATUS(antpool_submit(antpool_default(), allocate_for_ever, NULL), ANTPOOL_OK);
    exit_with(code);
}

static void release_at_exit(void)
{
    CHECK_STATUS(antpool_release(busy_pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit(busy_pool, count_task, NULL), ANTPOOL_ERR_CLOSED);
    antpool_status_t expected =
        antpool_current() == busy_pool ? ANTPOOL_ERR_DEADLOCK : ANTPOOL_ERR_TIMED_OUT;
    CHECK_STATUS(antpool_release_timeout(busy_pool, 1), expected);
}

static void exit_from_main_with_release(void *code)
{
    CHECK_EQ(atexit(release_at_exit), 0);
    exit_from_main(code);
}

static void exit_from_a_task_with_release(void *code)
{
    CHECK_EQ(atexit(release_at_exit), 0);
    exit_from_a_task(code);
}

/* Each time the process ends, and with the code that was asked for. */
static void check_exits(child_fn body)
{
    const size_t rounds = spec_rounds(100);
    for (size_t i = 0; i < rounds; i++) {
        int code = (int)(i % 100) + 1;
        char said[4096];
        int status = child_run(body, &code, said, sizeof said);
        if (said[0] != '\0')
            fputs(said, stderr);
        CHECK_EXIT(status, code);
        CHECK(said[0] == '\0');
    }
}

SPEC(exit_from_main_with_busy_workers_is_clean)
{
    check_exits(exit_from_main);
}

SPEC(exit_from_a_task_is_clean)
{
    check_exits(exit_from_a_task);
}

SPEC(exit_with_a_busy_default_pool_is_clean)
{
    check_exits(exit_with_the_default_pool_busy);
}

SPEC(a_release_by_an_atexit_handler_does_not_hang_the_exit)
{
    check_exits(exit_from_main_with_release);
}

SPEC(a_release_by_an_atexit_handler_does_not_hang_the_exit_of_a_task)
{
    check_exits(exit_from_a_task_with_release);
}

/* ---- Sleeping ------------------------------------------------------------------------------- */

static void sleep_and_measure(void *arg)
{
    for (uint64_t length = 0; length <= 30; length += 5) {
        uint64_t before = spec_now();
        antpool_sleep_ms(length);
        CHECK_GE(spec_now() - before, length * MS);
        before = spec_now();
        antpool_sleep_us(length * 100);
        CHECK_GE(spec_now() - before, length * MS / 10);
    }
    antpool_yield();
    count_task(arg);
}

SPEC(sleeps_never_end_early)
{
    count_t done = COUNT_INIT;
    sleep_and_measure(&done);
    antpool_t *pool = spec_pool(1, NULL);
    run_task(pool, sleep_and_measure, &done);
    CHECK_EQ(count_get(&done), 2);
    spec_destroy(pool);
}

static volatile sig_atomic_t alarms;

static void count_alarm(int number)
{
    (void)number;
    alarms = alarms + 1;
}

SPEC(signals_do_not_end_a_sleep_early)
{
    const struct itimerval often = {{0, 2000}, {0, 2000}};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = count_alarm; /* Without SA_RESTART. */
    CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
    CHECK_EQ(setitimer(ITIMER_REAL, &often, NULL), 0);
    uint64_t before = spec_now();
    antpool_sleep_ms(100);
    CHECK_GE(spec_now() - before, 100 * MS);
    CHECK(alarms > 0);
    before = spec_now();
    antpool_sleep_us(50000);
    CHECK_GE(spec_now() - before, 50 * MS);
}

/* ---- antpool_current() ---------------------------------------------------------------------- */

static void expect_current(void *pool)
{
    CHECK(antpool_current() == pool);
}

static void expect_current_also_after_waiting_for_others(void *arg)
{
    antpool_t *const *pools = (antpool_t **)arg;
    expect_current(pools[0]);
    run_task(pools[1], expect_current, pools[1]);
    expect_current(pools[0]);
}

SPEC(a_task_knows_its_pool_and_the_rest_of_the_program_has_none)
{
    antpool_t *pools[] = {spec_pool(1, NULL), spec_pool(1, NULL)};
    expect_current(NULL);
    run_task(pools[0], expect_current_also_after_waiting_for_others, pools);
    run_task(antpool_default(), expect_current, antpool_default());
    expect_current(NULL);
    spec_destroy(pools[0]);
    spec_destroy(pools[1]);
    expect_current(NULL);
}

static void handler_expects_current(void *handled, const antpool_panic_info_t *info)
{
    expect_current(info->pool);
    count_task(handled);
}

SPEC(a_panic_handler_knows_its_pool)
{
    count_t handled = COUNT_INIT;
    antpool_options_t options = spec_options();
    options.panic_handler = handler_expects_current;
    options.panic_data = &handled;
    antpool_t *pool = spec_pool(1, &options);
    run_task(pool, panic_with, NULL);
    run_task(pool, fail_with, NULL);
    CHECK_EQ(count_get(&handled), 2);
    spec_destroy(pool);
}

static void exit_thread_in_task(void *arg)
{
    pthread_exit(arg);
}

SPEC(a_handler_knows_its_pool_also_when_the_thread_was_lost)
{
    count_t handled = COUNT_INIT;
    antpool_options_t options = spec_options();
    options.panic_handler = handler_expects_current;
    options.panic_data = &handled;
    antpool_t *pool = spec_pool(1, &options);
    run_task(pool, exit_thread_in_task, NULL);
    CHECK_EQ(count_get(&handled), 1);
    spec_destroy(pool);
}

SPEC_MAIN()
