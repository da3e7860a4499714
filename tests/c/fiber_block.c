/* antpool_block(): a blocking function does not block the carrier; a task that does so is logged. */
#include "spec.h"

#include "failures.h"
#include "fiber_tools.h"
#include "refusal.h"

/* A pool with one carrier. */
static antpool_t *pool_with(antpool_options_t options, int64_t capacity)
{
    options.carriers = 1;
    return spec_pool(capacity, &options);
}

static void block_at_gate(void *gate)
{
    CHECK_STATUS(antpool_block(gate_task, gate), ANTPOOL_OK);
}

/* ---- Where ---------------------------------------------------------------------------------- */

SPEC(a_function_that_blocks_does_not_hold_the_carrier)
{
    gate_t gate = GATE_INIT;
    long done = 0;
    antpool_t *pool = pool_with(spec_options(), 3);
    submit_times(pool, block_at_gate, &gate, 2);
    count_wait(&gate.arrived, 2);
    for (int i = 0; i < 100; i++)
        CHECK_STATUS(antpool_submit(pool, tally_task, &done), ANTPOOL_OK);
    EVENTUALLY(tally_get(&done) == 100);
    CHECK_EQ(count_get(&gate.passed), 0);
    CHECK_EQ(antpool_busy(pool), 2);
    gate_open(&gate);
    finish(pool);
    CHECK_EQ(count_get(&gate.passed), 2);
}

typedef struct place_t {
    pthread_t thread;
    antpool_t *pool;
    long seen;
} place_t;

static void note_place(void *arg)
{
    place_t *place = (place_t *)arg;
    place->thread = pthread_self();
    place->pool = antpool_current();
    place->seen++;
}

static void check_place(void *arg)
{
    antpool_t *pool = (antpool_t *)arg;
    place_t place = {0, NULL, 0};
    CHECK_STATUS(antpool_block(note_place, &place), ANTPOOL_OK);
    CHECK_EQ(place.seen, 1);
    CHECK(place.pool == pool);
    bool in_place = pthread_equal(place.thread, pthread_self()) != 0;
    CHECK_EQ(in_place, pool == NULL || spec_current_kind == ANTPOOL_WORKER_THREAD);
    CHECK_STATUS(antpool_block(NULL, &place), ANTPOOL_ERR_INVALID_ARGUMENT);
}

SPEC(of_a_fiber_it_runs_on_another_thread_and_elsewhere_in_place)
{
    antpool_t *pool = pool_with(spec_options(), 4);
    submit_times(pool, check_place, pool, 20);
    finish(pool);
    check_place(NULL);
}

static void nest(void *arg)
{
    place_t outer = *(place_t *)arg;
    note_place(&outer);
    CHECK_STATUS(antpool_block(note_place, arg), ANTPOOL_OK);
    CHECK(pthread_equal(outer.thread, ((place_t *)arg)->thread));
    CHECK(antpool_current() == outer.pool);
    antpool_yield();
    antpool_sleep_ms(2);
    CHECK_STATUS(antpool_wait_fd(STDERR_FILENO, WRITE, 0, NULL), ANTPOOL_OK);
    note_place(&outer);
    CHECK(pthread_equal(outer.thread, ((place_t *)arg)->thread));
}

static void block_and_nest(void *place)
{
    CHECK_STATUS(antpool_block(nest, place), ANTPOOL_OK);
}

SPEC(inside_of_it_all_calls_stay_on_its_thread)
{
    place_t place = {0, NULL, 0};
    antpool_options_t options = spec_options();
    options.max_block_threads = 1;
    antpool_t *pool = pool_with(options, 1);
    run_task(pool, block_and_nest, &place);
    CHECK_EQ(place.seen, 1);
    CHECK(place.pool == pool);
    spec_destroy(pool);
}

static void use_own_pool(void *arg)
{
    antpool_t *pool = (antpool_t *)arg;
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_ERR_DEADLOCK);
    CHECK_STATUS(antpool_release_timeout(pool, 0), ANTPOOL_ERR_DEADLOCK);
    CHECK_STATUS(antpool_destroy(pool), ANTPOOL_ERR_DEADLOCK);
    CHECK_STATUS(antpool_submit(pool, nothing, NULL), ANTPOOL_ERR_DEADLOCK);
}

static void block_and_use_own_pool(void *pool)
{
    CHECK_STATUS(antpool_block(use_own_pool, pool), ANTPOOL_OK);
}

SPEC(it_counts_as_inside_the_task_for_calls_that_could_only_wait_for_it)
{
    antpool_t *pool = pool_with(spec_options(), 1);
    run_task(pool, block_and_use_own_pool, pool);
    CHECK(!antpool_is_closed(pool));
    spec_destroy(pool);
}

/* ---- How many ------------------------------------------------------------------------------- */

SPEC_FIBERS(no_more_threads_block_at_a_time_than_the_pool_may_have)
{
    enum { THREADS = 3, CALLS = 20 };
    gate_t gate = GATE_INIT;
    long done = 0;
    antpool_options_t options = spec_options();
    options.max_block_threads = THREADS;
    antpool_t *pool = pool_with(options, CALLS + 1);
    submit_times(pool, block_at_gate, &gate, CALLS);
    for (int passed = 0; passed + THREADS <= CALLS; passed++) {
        count_wait(&gate.arrived, passed + THREADS);
        spec_sleep_ms(2);
        CHECK_EQ(count_get(&gate.arrived), passed + THREADS);
        CHECK_STATUS(antpool_submit(pool, tally_task, &done), ANTPOOL_OK);
        EVENTUALLY(tally_get(&done) == passed + 1); /* Nobody else waits for them. */
        gate_let(&gate, 1);
    }
    gate_open(&gate);
    finish(pool);
    CHECK_EQ(count_get(&gate.passed), CALLS);
}

SPEC(its_threads_expire)
{
    spec_start_first_thread();
    const long before = spec_threads();
    gate_t gate = GATE_INIT;
    antpool_options_t options = spec_options();
    options.expiry_ms = 20;
    antpool_t *pool = pool_with(options, 10);
    for (int round = 0; round < 3; round++) {
        submit_times(pool, block_at_gate, &gate, 10);
        count_wait(&gate.arrived, 10 * (round + 1));
        CHECK_GE(spec_threads(), before + 10);
        gate_let(&gate, 10);
        CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
        EVENTUALLY(spec_threads() == before);
    }
    spec_destroy(pool);
}

typedef struct sum_t {
    long value;
    long *total;
} sum_t;

static void add_some(void *arg)
{
    ((sum_t *)arg)->value++; /* No lock: one call comes after the other. */
}

static void block_often(void *arg)
{
    sum_t sum = {0, (long *)arg};
    const long rounds = (long)spec_rounds(50);
    for (long i = 1; i <= rounds; i++) {
        CHECK_STATUS(antpool_block(add_some, &sum), ANTPOOL_OK);
        CHECK_EQ(sum.value, i);
    }
    tally_add(sum.total, sum.value);
}

SPEC(what_it_has_written_is_visible_to_the_task)
{
    long total = 0;
    antpool_options_t options = spec_options();
    options.max_block_threads = 4;
    options.carriers = 2;
    antpool_t *pool = spec_pool(200, &options);
    submit_times(pool, block_often, &total, 200);
    finish(pool);
    CHECK_EQ(total, 200 * (long)spec_rounds(50));
}

/* ---- Failures ------------------------------------------------------------------------------- */

static void exit_thread(void *arg)
{
    pthread_exit(arg);
}

static long gone_on;

static void block_and_fail(void *message)
{
    CHECK_STATUS(antpool_block(fail_with, message), ANTPOOL_OK);
    antpool_task_fail("said later");
    tally_task(&gone_on);
}

static void block_and_panic(void *message)
{
    CHECK_STATUS(antpool_block(panic_with, message), ANTPOOL_OK);
    CHECK(false);
}

static void block_and_exit_thread(void *arg)
{
    CHECK_STATUS(antpool_block(exit_thread, arg), ANTPOOL_OK);
    CHECK(false);
}

static void check_failure(antpool_task_fn fn, const char *message)
{
    failures_t failures = FAILURES_INIT;
    antpool_options_t options = failures_handled(&failures);
    options.max_block_threads = 1;
    antpool_t *pool = pool_with(options, 1);
    char text[] = "said inside";
    place_t place = {0, NULL, 0};
    for (int round = 1; round <= 20; round++) {
        run_task(pool, fn, text);
        CHECK_EQ(count_get(&failures.handled), round);
        CHECK(failures.info.fn == fn);
        CHECK(failures.info.arg == text);
        CHECK(failures.info.pool == pool);
        if (message != NULL)
            CHECK_TEXT(failures.message, message);
        run_task(pool, block_and_nest, &place);
        CHECK_EQ(count_get(&failures.handled), round);
    }
    antpool_stats_t stats = stats_of(pool);
    CHECK_EQ(stats.panicked, 20);
    CHECK_EQ(stats.completed, 40);
    spec_destroy(pool);
}

SPEC(a_failure_in_it_is_the_tasks_which_goes_on)
{
    check_failure(block_and_fail, "said inside");
    CHECK_EQ(gone_on, 20);
}

SPEC(a_panic_in_it_is_the_tasks_which_ends)
{
    check_failure(block_and_panic, "said inside");
}

SPEC(a_thread_that_it_ends_costs_that_task_only)
{
    check_failure(block_and_exit_thread, NULL);
}

/* ---- Threads that the system refuses -------------------------------------------------------- */

/* The system is not asked again at once. */
static void block_when_granted(void *gate)
{
    antpool_status_t status;
    while ((status = antpool_block(gate_task, gate)) != ANTPOOL_OK) {
        CHECK_STATUS(status, ANTPOOL_ERR_SPAWN);
        antpool_sleep_ms(1);
    }
}

static void block_refused(void *place)
{
    CHECK_STATUS(antpool_block(note_place, place), ANTPOOL_ERR_SPAWN);
}

SPEC_FIBERS(without_any_thread_it_says_spawn_and_has_not_called)
{
    spec_needs_true_fibers();
    gate_t gate = GATE_INIT;
    place_t place = {0, NULL, 0};
    antpool_t *pool = pool_with(spec_options(), 4);
    run_task(pool, nothing, NULL);
    refuse_carriers = true; /* and all other threads */
    grant(0);
    run_task(pool, block_refused, &place);
    CHECK_EQ(place.seen, 0);
    grant(1);
    submit_times(pool, block_when_granted, &gate, 3);
    gate_open(&gate); /* One thread does it for all three. */
    finish(pool);
    CHECK_EQ(count_get(&gate.passed), 3);
}

/* ---- Holding a carrier ---------------------------------------------------------------------- */

/* Longer than anybody takes for a moment. */
enum { LONG_MS = 1500 };

void hold_the_carrier(void *unused)
{
    (void)unused;
    spec_sleep_ms(LONG_MS);
}

static void block_or_sleep_for_long(void *unused)
{
    CHECK_STATUS(antpool_block(hold_the_carrier, unused), ANTPOOL_OK);
    antpool_sleep_ms(LONG_MS);
}

SPEC_FIBERS(a_carrier_that_is_held_for_long_is_reported_once_in_the_life_of_a_pool)
{
    failures_t failures = FAILURES_INIT;
    antpool_options_t options = failures_logged(&failures);
    options.name = "held";
    antpool_t *pool = pool_with(options, 2);
    run_task(pool, block_or_sleep_for_long, NULL);
    spec_sleep_ms(50);
    CHECK_EQ(count_get(&failures.logged), 0);
    run_task(pool, hold_the_carrier, NULL);
    count_wait(&failures.logged, 1);
    char address[32];
    snprintf(address, sizeof address, "%p", *(void **)&(antpool_task_fn){hold_the_carrier});
    CHECK(strstr(failures.line, "hold_the_carrier") != NULL ||
          strstr(failures.line, address) != NULL);
    CHECK(strstr(failures.line, "antpool_block") != NULL);
    run_task(pool, hold_the_carrier, NULL);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    run_task(pool, hold_the_carrier, NULL);
    spec_destroy(pool);
    CHECK_EQ(count_get(&failures.logged), 1);
}

SPEC_FIBERS(a_carrier_that_is_held_while_its_pool_is_destroyed_is_reported_too)
{
    failures_t failures = FAILURES_INIT;
    antpool_options_t options = failures_logged(&failures);
    options.name = "ended";
    antpool_t *pool = pool_with(options, 1);
    CHECK_STATUS(antpool_submit(pool, hold_the_carrier, NULL), ANTPOOL_OK);
    spec_destroy(pool);
    CHECK_EQ(count_get(&failures.logged), 1);
    CHECK(strncmp(failures.line, "ended: the task ", 16) == 0);
}

static void block_once(void *unused)
{
    CHECK_STATUS(antpool_block(nothing, unused), ANTPOOL_OK);
}

static bool closes;

static void *close_again_and_again(void *pool)
{
    while (__atomic_load_n(&closes, __ATOMIC_RELAXED)) {
        const antpool_status_t status =
            antpool_release_timeout((antpool_t *)pool, ANTPOOL_WAIT_FOREVER);
        CHECK(status == ANTPOOL_OK || status == ANTPOOL_ERR_CLOSED ||
              status == ANTPOOL_ERR_CANCELED);
    }
    return NULL;
}

/* Whoever closes a pool ends its threads for blocking calls, a moment after the last fiber; another may have opened the
 * pool by then. */
SPEC(a_pool_that_another_thread_opens_again_blocks_as_ever)
{
    antpool_t *pool = spec_pool(2, NULL);
    __atomic_store_n(&closes, true, __ATOMIC_RELAXED);
    pthread_t closer = spec_thread(close_again_and_again, pool);
    for (size_t round = 0; round < spec_rounds(10000); round++) {
        antpool_status_t status;
        while ((status = antpool_submit(pool, block_once, NULL)) == ANTPOOL_ERR_CLOSED)
            CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
        CHECK_STATUS(status, ANTPOOL_OK);
    }
    __atomic_store_n(&closes, false, __ATOMIC_RELAXED);
    spec_join(closer);
    spec_destroy(pool);
}

SPEC_MAIN()
