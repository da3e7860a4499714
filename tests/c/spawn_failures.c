/* The system refuses some workers: nothing is lost, nothing hangs, nothing is left behind. */
#include "spec.h"

#include "failures.h"
#include "refusal.h"

enum { PRODUCERS = 4, CAPACITY = 8 };

typedef struct producer_t {
    antpool_t *pool;
    count_t *done;
    long tasks;
    long accepted;
    pthread_t thread;
} producer_t;

static void *submit_many(void *arg)
{
    producer_t *producer = (producer_t *)arg;
    for (long i = 0; i < producer->tasks; i++) {
        antpool_status_t status = antpool_submit(producer->pool, count_task, producer->done);
        producer->accepted += status == ANTPOOL_OK;
        if (status != ANTPOOL_OK)
            CHECK_STATUS(status, ANTPOOL_ERR_SPAWN);
    }
    return NULL;
}

static void start_producers(producer_t *producers, antpool_t *pool, count_t *done, long tasks)
{
    own_routine = submit_many;
    for (int i = 0; i < PRODUCERS; i++) {
        producer_t producer = {pool, done, tasks, 0, 0};
        producers[i] = producer;
        producers[i].thread = spec_thread(submit_many, &producers[i]);
    }
}

/* Waits for the producers; how many tasks they have got in. */
static long join_producers(producer_t *producers)
{
    long accepted = 0;
    for (int i = 0; i < PRODUCERS; i++) {
        spec_join(producers[i].thread);
        accepted += producers[i].accepted;
    }
    return accepted;
}

SPEC(with_any_number_of_grants_nothing_is_lost_and_nothing_hangs)
{
    for (long granted = 0; granted <= 20; granted++) {
        producer_t producers[PRODUCERS];
        count_t done = COUNT_INIT;
        const long tasks = (long)spec_rounds(200);
        antpool_options_t options = refusal_options();
        options.queue_capacity = granted % 2 ? 4 : 0;
        options.disable_purge = true;
        antpool_t *pool = spec_pool(CAPACITY, &options);
        grant(granted);
        start_producers(producers, pool, &done, tasks);
        long accepted = join_producers(producers);
        CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
        CHECK_EQ(accepted, granted == 0 ? 0 : PRODUCERS * tasks);
        CHECK_EQ(count_get(&done), accepted);
        antpool_stats_t stats = stats_of(pool);
        CHECK_EQ(stats.completed, accepted);
        CHECK_LE(stats.spawned, granted < CAPACITY ? granted : CAPACITY);
        CHECK(granted > 0 || stats.spawn_failures > 0);
        spec_destroy(pool);
    }
}

SPEC(a_system_that_keeps_changing_its_mind_loses_no_task)
{
    producer_t producers[PRODUCERS];
    count_t done = COUNT_INIT;
    antpool_options_t options = refusal_options();
    options.expiry_ms = 1;
    antpool_t *pool = spec_pool(CAPACITY, &options);
    start_producers(producers, pool, &done, (long)spec_rounds(4000));
    for (long i = 0; i < 100; i++) {
        grant(i % 4);
        spec_sleep_ms(1);
    }
    grant(NO_LIMIT);
    long accepted = join_producers(producers);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&done), accepted);
    CHECK_EQ(stats_of(pool).submitted, accepted);
    spec_destroy(pool);
}

/* ---- Workers that have to be there ---------------------------------------------------------- */

typedef struct hooks_t {
    count_t started;
    count_t stopped;
} hooks_t;

static void on_start(void *data, antpool_t *pool, size_t index)
{
    (void)pool;
    (void)index;
    count_add(&((hooks_t *)data)->started, 1);
}

static void on_stop(void *data, antpool_t *pool, size_t index)
{
    (void)pool;
    (void)index;
    count_add(&((hooks_t *)data)->stopped, 1);
}

SPEC(a_group_counts_no_task_that_was_refused_its_worker)
{
    count_t done = COUNT_INIT;
    antpool_options_t options = refusal_options();
    antpool_t *pool = spec_pool(CAPACITY, &options);
    antpool_group_t *group = NULL;
    CHECK_STATUS(antpool_group_new(&group), ANTPOOL_OK);
    void *args[2] = {&done, &done};
    size_t accepted = 7;
    grant(0);
    CHECK_STATUS(antpool_group_submit(group, pool, count_task, &done), ANTPOOL_ERR_SPAWN);
    CHECK_STATUS(antpool_group_submit_batch(group, pool, count_task, args, 2, &accepted),
                 ANTPOOL_ERR_SPAWN);
    CHECK_EQ(accepted, 0);
    CHECK_STATUS(antpool_group_wait_timeout(group, 0), ANTPOOL_OK);
    grant(NO_LIMIT);
    /* The system is asked again a little later. */
    EVENTUALLY(antpool_group_submit(group, pool, count_task, &done) == ANTPOOL_OK);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    CHECK_EQ(count_get(&done), 1);
    CHECK_STATUS(antpool_group_destroy(group), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC(new_fails_with_spawn_and_leaves_nothing_when_min_workers_are_refused)
{
    enum { WORKERS = 4 };
    antpool_t *first = spec_pool(1, NULL); /* Tools start threads of their own with the first. */
    run_task(first, nothing, NULL);
    spec_destroy(first);
    spec_sleep_ms(20); /* A joined thread shows in /proc for a moment. */
    for (long granted = 0; granted < WORKERS; granted++) {
        hooks_t hooks = {COUNT_INIT, COUNT_INIT};
        antpool_options_t options = refusal_options();
        options.min_workers = WORKERS;
        options.carriers = 2;
        options.on_worker_start = on_start;
        options.on_worker_stop = on_stop;
        options.worker_data = &hooks;
        antpool_t *const untouched = (antpool_t *)(void *)&options;
        antpool_t *pool = untouched;
        long before = spec_threads();
        grant(granted);
        CHECK_STATUS(antpool_new(WORKERS, &options, &pool), ANTPOOL_ERR_SPAWN);
        CHECK(pool == untouched);
        EVENTUALLY(spec_threads() <= before);
        CHECK_EQ(count_get(&hooks.started), spec_threads_for(granted, &options));
        CHECK_EQ(count_get(&hooks.stopped), spec_threads_for(granted, &options));
    }
}

SPEC(a_reboot_that_is_refused_its_min_workers_leaves_the_pool_closed)
{
    count_t done = COUNT_INIT;
    antpool_options_t options = refusal_options();
    options.min_workers = 2;
    antpool_t *pool = spec_pool(3, &options);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    for (long granted = 0; granted < 2; granted++) {
        grant(granted);
        CHECK_STATUS(antpool_reboot(pool), ANTPOOL_ERR_SPAWN);
        CHECK(antpool_is_closed(pool));
        CHECK_STATUS(antpool_submit(pool, nothing, NULL), ANTPOOL_ERR_CLOSED);
        EVENTUALLY(antpool_running(pool) == 0);
    }
    grant(NO_LIMIT);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    CHECK_EQ(antpool_running(pool), 2);
    run_task(pool, count_task, &done);
    CHECK_EQ(count_get(&done), 1);
    spec_destroy(pool);
}

SPEC_FIBERS(one_carrier_is_enough_and_without_any_the_caller_is_told)
{
    enum { FIBERS = 4 };
    spec_needs_true_fibers();
    gate_t gate = GATE_INIT;
    antpool_options_t options = spec_options();
    options.carriers = 2;
    spec_start_first_thread();
    const long threads = spec_threads();
    antpool_t *pool = spec_pool(FIBERS, &options);
    refuse_carriers = true;
    grant(0);
    CHECK_STATUS(antpool_submit(pool, gate_task, &gate), ANTPOOL_ERR_SPAWN);
    CHECK_GE(stats_of(pool).spawn_failures, 1);
    grant(1);
    EVENTUALLY(antpool_submit(pool, gate_task, &gate) == ANTPOOL_OK);
    spec_hold(pool, &gate, FIBERS - 1);
    count_wait(&gate.arrived, FIBERS);
    CHECK_EQ(antpool_running(pool), FIBERS);
    CHECK_EQ(spec_threads(), threads + 1);
    gate_open(&gate);
    spec_destroy(pool);
    CHECK_EQ(count_get(&gate.passed), FIBERS);
}

/* ---- Lost threads that cannot be replaced --------------------------------------------------- */

static void exit_thread(void *arg)
{
    pthread_exit(arg);
}

SPEC(a_lost_thread_goes_on_serving_when_its_replacement_is_refused)
{
    failures_t failures = FAILURES_INIT;
    count_t done = COUNT_INIT;
    antpool_options_t options = failures_handled(&failures);
    char message[] = "on a lost thread";
    antpool_t *pool = spec_pool(1, &options);
    grant(1);
    for (int i = 1; i <= 4; i++) {
        run_task(pool, exit_thread, NULL);
        CHECK_EQ(antpool_running(pool), 1);
        run_task(pool, count_task, &done);
        run_task(pool, panic_with, message);
        CHECK_TEXT(failures.message, message);
        CHECK_EQ(count_get(&done), i);
        CHECK_EQ(count_get(&failures.handled), 2 * i);
    }
    antpool_stats_t stats = stats_of(pool);
    CHECK_EQ(stats.lost, 4);
    CHECK_EQ(stats.panicked, 8);
    CHECK_EQ(stats.completed, 12);
    if (spec_on_fibers()) { /* Another one has the stack of each that was lost. */
        CHECK_EQ(stats.spawned, 5);
    } else {
        CHECK_EQ(stats.spawned, 1);
        CHECK_GE(stats.spawn_failures, 4);
    }
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    spec_destroy(pool);
}

static void count_and_exit_thread(void *count)
{
    count_task(count);
    pthread_exit(NULL);
}

/* More than any stack had room for if each went on inside the one before. */
SPEC(any_number_of_lost_threads_may_be_refused_their_replacement)
{
    const long tasks = (long)spec_rounds(20000);
    failures_t failures = FAILURES_INIT;
    count_t ran = COUNT_INIT;
    antpool_options_t options = failures_handled(&failures);
    options.queue_capacity = ANTPOOL_QUEUE_UNBOUNDED;
    antpool_t *pool = spec_pool(1, &options);
    grant(1);
    for (long i = 0; i < tasks; i++)
        CHECK_STATUS(antpool_submit(pool, count_and_exit_thread, &ran), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), tasks);
    CHECK_EQ(stats_of(pool).lost, tasks);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC(a_lane_goes_on_whether_its_lost_threads_are_replaced_or_not)
{
    const long tasks = (long)spec_rounds(5000);
    failures_t failures = FAILURES_INIT;
    count_t ran = COUNT_INIT;
    antpool_options_t options = failures_handled(&failures);
    antpool_t *pool = spec_pool(1, &options);
    antpool_lane_t *lane = NULL;
    CHECK_STATUS(antpool_lane_new(pool, 1, &lane), ANTPOOL_OK);
    grant(10);
    for (long i = 0; i < tasks; i++)
        CHECK_STATUS(antpool_lane_submit(lane, count_and_exit_thread, &ran), ANTPOOL_OK);
    CHECK_STATUS(antpool_lane_wait(lane), ANTPOOL_ERR_TASK_FAILED);
    CHECK_EQ(count_get(&ran), tasks);
    CHECK_EQ(stats_of(pool).lost, tasks);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_EQ(stats_of(pool).completed, tasks);
    CHECK_STATUS(antpool_lane_destroy(lane), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC(a_lane_that_is_refused_its_first_worker_has_no_task)
{
    antpool_options_t options = refusal_options();
    antpool_t *pool = spec_pool(1, &options);
    antpool_lane_t *lane = NULL;
    count_t ran = COUNT_INIT;
    CHECK_STATUS(antpool_lane_new(pool, 1, &lane), ANTPOOL_OK);
    grant(0);
    CHECK_STATUS(antpool_lane_submit(lane, count_task, &ran), ANTPOOL_ERR_SPAWN);
    CHECK_STATUS(antpool_try_lane_submit(lane, count_task, &ran), ANTPOOL_ERR_SPAWN);
    CHECK_EQ(antpool_lane_queued(lane), 0);
    CHECK_STATUS(antpool_lane_wait_timeout(lane, 0), ANTPOOL_OK);
    grant(NO_LIMIT);
    /* The system is asked again a little later. */
    EVENTUALLY(antpool_lane_submit(lane, count_task, &ran) == ANTPOOL_OK);
    CHECK_STATUS(antpool_lane_wait(lane), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 1);
    CHECK_STATUS(antpool_lane_destroy(lane), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC_MAIN()
