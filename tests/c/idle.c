/*
 * Workers without a task: when they leave, which of them stay, and that waiting costs nothing.
 */
#include "spec.h"
#include <dirent.h>

/* ---- Expiry ---------------------------------------------------------------------------------- */

enum { EXPIRY = 500 };

static __thread uint64_t last_task_ended;
static count_t stopped;

static void pass_and_note_the_time(void *gate)
{
    gate_task((gate_t *)gate);
    last_task_ended = spec_now();
}

static void check_stop_is_not_early(void *data, antpool_t *pool, size_t index)
{
    (void)data;
    (void)pool;
    (void)index;
    CHECK_GE(spec_now() - last_task_ended, EXPIRY * MS);
    count_add(&stopped, 1);
}

SPEC(idle_workers_leave_when_they_have_expired_and_none_earlier)
{
    const long tasks = (long)spec_rounds(500);
    antpool_options_t options = spec_options();
    options.expiry_ms = EXPIRY;
    options.stack_size = 256 * 1024;
    options.carriers = 2;
    options.on_worker_stop = check_stop_is_not_early;
    antpool_t *pool = spec_pool(tasks, &options);
    gate_t gate = GATE_INIT;
    for (long i = 0; i < tasks; i++)
        CHECK_STATUS(antpool_submit(pool, pass_and_note_the_time, &gate), ANTPOOL_OK);
    count_wait(&gate.arrived, tasks);
    CHECK_EQ(antpool_running(pool), tasks);
    const uint64_t opened = spec_now();
    gate_open(&gate);
    EVENTUALLY(antpool_running(pool) < tasks);
    CHECK_GE(spec_now() - opened, EXPIRY * MS);
    count_wait(&stopped, spec_threads_for(tasks, &options));
    EVENTUALLY(antpool_running(pool) == 0);
    spec_destroy(pool);
}

SPEC(an_expiry_of_zero_is_a_second)
{
    antpool_options_t options = spec_options();
    antpool_t *pool = spec_pool(1, &options);
    count_t done = COUNT_INIT;
    uint64_t before = spec_now();
    CHECK_STATUS(antpool_submit(pool, count_task, &done), ANTPOOL_OK);
    EVENTUALLY(antpool_running(pool) == 0);
    CHECK_GE(spec_now() - before, 1000 * MS);
    spec_destroy(pool);
}

SPEC(a_pool_whose_workers_have_expired_is_as_good_as_new)
{
    antpool_options_t options = spec_options();
    options.expiry_ms = 1;
    antpool_t *pool = spec_pool(4, &options);
    gate_t gate = GATE_INIT;
    for (int round = 0; round < 20; round++) {
        spec_hold(pool, &gate, 4);
        gate_let(&gate, 4);
        EVENTUALLY(antpool_running(pool) == 0);
        CHECK_EQ(antpool_available(pool), 4);
    }
    spec_destroy(pool);
    CHECK_EQ(count_get(&gate.passed), 80);
}

/* Submits that meet workers which are just about to leave. */
SPEC(no_task_is_lost_to_a_worker_that_expires)
{
    enum { TASKS = 4 };
    antpool_options_t options = spec_options();
    options.expiry_ms = 1;
    antpool_t *pool = spec_pool(TASKS, &options);
    count_t done = COUNT_INIT;
    const long rounds = (long)spec_rounds(1000);
    for (long round = 1; round <= rounds; round++) {
        for (int i = 0; i < TASKS; i++)
            CHECK_STATUS(antpool_submit(pool, count_task, &done), ANTPOOL_OK);
        count_wait(&done, TASKS * round);
        antpool_sleep_us((uint64_t)(950 + round % 100));
    }
    spec_destroy(pool);
}

/* ---- Those that stay ------------------------------------------------------------------------- */

SPEC(with_disable_purge_idle_workers_stay)
{
    antpool_options_t options = spec_options();
    options.disable_purge = true;
    options.expiry_ms = 1;
    antpool_t *pool = spec_pool(10, &options);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 10);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    spec_sleep_ms(200);
    CHECK_EQ(antpool_running(pool), 10);
    CHECK_EQ(antpool_busy(pool), 0);
    spec_destroy(pool);
}

SPEC(min_workers_are_started_by_new_and_stay)
{
    antpool_options_t options = spec_options();
    options.min_workers = 3;
    options.carriers = 2;
    options.expiry_ms = 20;
    spec_start_first_thread();
    const long threads = spec_threads();
    antpool_t *pool = spec_pool(8, &options);
    CHECK_EQ(antpool_running(pool), 3);
    CHECK_EQ(antpool_busy(pool), 0);
    CHECK_EQ(spec_threads(), threads + spec_threads_for(3, &options));
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 8);
    CHECK_EQ(antpool_running(pool), 8);
    gate_open(&gate);
    EVENTUALLY(antpool_running(pool) == 3);
    spec_sleep_ms(200);
    CHECK_EQ(antpool_running(pool), 3);
    spec_destroy(pool);
}

SPEC(min_workers_are_started_again_by_reboot)
{
    antpool_options_t options = spec_options();
    options.min_workers = 2;
    antpool_t *pool = spec_pool(2, &options);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_EQ(antpool_running(pool), 0);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    CHECK_EQ(antpool_running(pool), 2);
    spec_destroy(pool);
}

static void stop_slowly(void *stops, antpool_t *pool, size_t index)
{
    (void)pool;
    spec_sleep_ms(5 + 10 * (long)index);
    count_task(stops);
}

SPEC(release_timeout_returns_after_the_last_worker_has_stopped)
{
    antpool_options_t options = spec_options();
    count_t stops = COUNT_INIT;
    gate_t gate = GATE_INIT;
    options.on_worker_stop = stop_slowly;
    options.worker_data = &stops;
    options.carriers = 2;
    antpool_t *pool = spec_pool(4, &options);
    spec_hold(pool, &gate, 4);
    gate_open(&gate);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_EQ(count_get(&stops), spec_threads_for(4, &options));
    spec_destroy(pool);
}

/* ---- What idleness costs --------------------------------------------------------------------- */

enum { MOST_THREADS = 64 };

typedef struct threads_t {
    long tids[MOST_THREADS];
    size_t count;
} threads_t;

static threads_t list_threads(void)
{
    threads_t threads = {{0}, 0};
    DIR *directory = opendir("/proc/self/task");
    CHECK(directory != NULL);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        CHECK(threads.count < MOST_THREADS);
        threads.tids[threads.count++] = atol(entry->d_name);
    }
    CHECK_EQ(closedir(directory), 0);
    return threads;
}

static bool lists(const threads_t *threads, long tid)
{
    for (size_t i = 0; i < threads->count; i++) {
        if (threads->tids[i] == tid)
            return true;
    }
    return false;
}

/* How often a thread has been given a CPU and has left it again. */
static long switches_of(long tid)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/self/task/%ld/status", tid);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    long switches = 0, number;
    int found = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "voluntary_ctxt_switches: %ld", &number) == 1 ||
            sscanf(line, "nonvoluntary_ctxt_switches: %ld", &number) == 1) {
            switches += number;
            found++;
        }
    }
    CHECK_EQ(fclose(file), 0);
    CHECK_EQ(found, 2);
    return switches;
}

/* Threads that were not there before, and how often they have run, for one more second. */
static void check_nothing_runs(const threads_t *before, size_t new_threads)
{
    spec_sleep_ms(100 * spec_slowness()); /* The last one to have worked goes to sleep. */
    const threads_t threads = list_threads();
    long switches[MOST_THREADS];
    CHECK_EQ(threads.count, before->count + new_threads);
    for (size_t i = 0; i < threads.count; i++)
        switches[i] = switches_of(threads.tids[i]);
    spec_sleep_ms(1000);
    const threads_t later = list_threads();
    CHECK_EQ(later.count, threads.count);
    for (size_t i = 0; i < threads.count; i++) {
        CHECK(lists(&later, threads.tids[i]));
        if (!lists(before, threads.tids[i]))
            CHECK_EQ(switches_of(threads.tids[i]), switches[i]);
    }
}

SPEC(making_a_pool_starts_no_thread)
{
    spec_start_first_thread();
    const threads_t before = list_threads();
    antpool_options_t options = spec_options();
    options.pre_alloc = true;
    antpool_t *pools[3] = {spec_pool(100, NULL), spec_pool(ANTPOOL_UNLIMITED, NULL),
                           spec_pool(100, &options)};
    for (int i = 0; i < 3; i++)
        CHECK_EQ(antpool_running(pools[i]), 0);
    CHECK_EQ(list_threads().count, before.count);
    for (int i = 0; i < 3; i++)
        spec_destroy(pools[i]);
}

SPEC(a_pool_whose_workers_have_expired_has_no_thread)
{
    spec_start_first_thread();
    const threads_t before = list_threads();
    antpool_options_t options = spec_options();
    options.expiry_ms = 20;
    antpool_t *pool = spec_pool(4, &options);
    gate_t gate = GATE_INIT;
    gate_open(&gate);
    spec_hold(pool, &gate, 100);
    EVENTUALLY(antpool_running(pool) == 0);
    check_nothing_runs(&before, 0);
    spec_destroy(pool);
}

SPEC(workers_that_stay_never_wake)
{
    spec_start_first_thread();
    const threads_t before = list_threads();
    antpool_options_t minimum = spec_options(), for_ever = spec_options();
    minimum.expiry_ms = 20;
    minimum.min_workers = 2;
    minimum.carriers = 2;
    for_ever.disable_purge = true;
    for_ever.carriers = 2;
    antpool_t *pools[2] = {spec_pool(4, &minimum), spec_pool(3, &for_ever)};
    gate_t gate = GATE_INIT;
    spec_hold(pools[0], &gate, 4);
    spec_hold(pools[1], &gate, 3);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pools[1]), ANTPOOL_OK);
    EVENTUALLY(antpool_running(pools[0]) == 2);
    check_nothing_runs(&before, 2 + (size_t)spec_threads_for(3, &for_ever));
    spec_destroy(pools[0]);
    spec_destroy(pools[1]);
}

SPEC_MAIN()
