/* Priorities: the order of the tasks that wait for a worker. */
#include "spec.h"

#include <stdlib.h>

enum { HIGH = ANTPOOL_PRIORITY_HIGH, NORMAL = ANTPOOL_PRIORITY_NORMAL, LOW = ANTPOOL_PRIORITY_LOW };

static gate_t gate = GATE_INIT;
static count_t ran = COUNT_INIT, discarded = COUNT_INIT;

/* One worker and a queue, so that tasks are begun one after the other. */
static antpool_t *pool_of_one(void)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = 1000;
    options.carriers = 1;
    return spec_pool(1, &options);
}

static void submit(antpool_t *pool, antpool_task_fn fn, void *arg, uint32_t priority)
{
    CHECK_STATUS(antpool_submit_with_priority(pool, fn, arg, priority), ANTPOOL_OK);
}

static antpool_stats_t stats_of(antpool_t *pool)
{
    antpool_stats_t stats = ANTPOOL_STATS_INIT;
    CHECK_STATUS(antpool_get_stats(pool, &stats), ANTPOOL_OK);
    return stats;
}

/* What the one worker has begun, in that order. */
enum { MOST = 200 };
static int seen[MOST], seen_count;

static void note(void *arg)
{
    CHECK(seen_count < MOST);
    seen[seen_count++] = *(const int *)arg;
}

SPEC(a_higher_priority_is_begun_first_and_one_priority_in_order)
{
    static int numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    const int expected[] = {2, 5, 8, 0, 3, 6, 1, 4, 7};
    antpool_t *pool = pool_of_one();
    spec_hold(pool, &gate, 1);
    for (int i = 0; i < 9; i += 3) {
        CHECK_STATUS(antpool_submit(pool, note, &numbers[i]), ANTPOOL_OK);
        submit(pool, note, &numbers[i + 1], LOW);
        submit(pool, note, &numbers[i + 2], HIGH);
    }
    CHECK_EQ(stats_of(pool).queued, 9);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(seen_count, 9);
    for (int i = 0; i < 9; i++)
        CHECK_EQ(seen[i], expected[i]);
    spec_destroy(pool);
}

SPEC(every_sixteenth_is_the_oldest_of_the_lowest_priority)
{
    static int numbers[MOST];
    int next[3] = {0, 100, 150}; /* high, normal, low; each has 40 */
    antpool_t *pool = pool_of_one();
    spec_hold(pool, &gate, 1);
    for (int i = 0; i < MOST; i++)
        numbers[i] = i;
    for (int i = 0; i < 40; i++) {
        submit(pool, note, &numbers[150 + i], LOW);
        submit(pool, note, &numbers[100 + i], NORMAL);
        submit(pool, note, &numbers[i], HIGH);
    }
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(seen_count, 120);
    const int end[3] = {40, 140, 190};
    for (int i = 0; i < 120; i++) {
        const bool turn = i % 16 == 15;
        int level = turn ? 2 : 0;
        while (next[level] == end[level])
            level += turn ? -1 : 1;
        CHECK_EQ(seen[i], next[level]++);
    }
    spec_destroy(pool);
}

/* A task that submits itself again, until it is told to stop. */
static bool stop_chain;

static void chain(void *arg)
{
    if (!__atomic_load_n(&stop_chain, __ATOMIC_ACQUIRE))
        submit((antpool_t *)arg, chain, arg, HIGH);
}

SPEC(endless_high_tasks_let_the_others_run)
{
    antpool_t *pool = pool_of_one();
    spec_hold(pool, &gate, 1);
    for (int i = 0; i < 3; i++)
        submit(pool, chain, pool, HIGH);
    for (int i = 0; i < 20; i++) {
        submit(pool, count_task, &ran, LOW);
        submit(pool, count_task, &ran, NORMAL);
    }
    gate_open(&gate);
    count_wait(&ran, 40);
    __atomic_store_n(&stop_chain, true, __ATOMIC_RELEASE);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC(a_task_with_a_priority_wakes_a_worker_that_sleeps)
{
    antpool_t *pool = spec_pool(2, NULL);
    for (size_t i = 0; i < spec_rounds(3000); i++) {
        submit(pool, count_task, &ran, i % 3 == 0 ? LOW : HIGH);
        if (i % 100 == 0)
            spec_sleep_ms(1);
        CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
        CHECK_EQ(count_get(&ran), i + 1);
    }
    spec_destroy(pool);
}

SPEC(each_task_has_a_worker_of_its_own_whatever_its_priority)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = 8;
    antpool_t *pool = spec_pool(3, &options);
    meeting_t meeting;
    meeting_init(&meeting, 3);
    submit(pool, meeting_task, &meeting, LOW);
    submit(pool, meeting_task, &meeting, HIGH);
    CHECK_STATUS(antpool_submit(pool, meeting_task, &meeting), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&meeting.met), 3);
    spec_destroy(pool);
}

SPEC(a_full_pool_is_full_for_every_priority)
{
    antpool_t *pool = spec_pool(1, NULL);
    spec_hold(pool, &gate, 1);
    CHECK_STATUS(antpool_try_submit_with_priority(pool, count_task, &ran, HIGH),
                 ANTPOOL_ERR_OVERLOAD);
    CHECK_STATUS(antpool_submit_with_priority_timeout(pool, count_task, &ran, HIGH, 0),
                 ANTPOOL_ERR_TIMED_OUT);
    const uint64_t start = spec_now();
    CHECK_STATUS(antpool_submit_with_priority_timeout(pool, count_task, &ran, LOW, 5),
                 ANTPOOL_ERR_TIMED_OUT);
    CHECK_GE(spec_now() - start, 5 * MS);
    gate_open(&gate);
    submit(pool, count_task, &ran, HIGH);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 1);
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit_with_priority(pool, count_task, &ran, HIGH), ANTPOOL_ERR_CLOSED);
    CHECK_STATUS(antpool_try_submit_with_priority(pool, count_task, &ran, LOW), ANTPOOL_ERR_CLOSED);
    spec_destroy(pool);
}

SPEC(a_pool_that_allocates_in_advance_has_priorities)
{
    antpool_options_t options = spec_options();
    options.pre_alloc = true;
    options.queue_capacity = 6;
    options.carriers = 1;
    antpool_t *pool = spec_pool(1, &options);
    static int numbers[] = {0, 1, 2, 3, 4, 5};
    const int expected[] = {4, 5, 2, 3, 0, 1};
    const uint32_t priorities[] = {LOW, LOW, NORMAL, NORMAL, HIGH, HIGH};
    for (int round = 0; round < 2; round++) {
        gate_t again = GATE_INIT;
        seen_count = 0;
        spec_hold(pool, &again, 1);
        for (int i = 0; i < 6; i++)
            submit(pool, note, &numbers[i], priorities[i]);
        CHECK_STATUS(antpool_try_submit(pool, nothing, NULL), ANTPOOL_ERR_OVERLOAD);
        gate_open(&again);
        CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
        for (int i = 0; i < 6; i++)
            CHECK_EQ(seen[i], expected[i]);
    }
    spec_destroy(pool);
}

static void discard(void *arg)
{
    CHECK(arg == &ran);
    count_add(&discarded, 1);
}

SPEC(a_release_that_discards_discards_every_priority)
{
    antpool_t *pool = pool_of_one();
    spec_hold(pool, &gate, 1);
    for (int i = 0; i < 10; i++) {
        submit(pool, count_task, &ran, LOW);
        submit(pool, count_task, &ran, NORMAL);
        submit(pool, count_task, &ran, HIGH);
    }
    CHECK_STATUS(antpool_release_discard(pool, discard), ANTPOOL_OK);
    CHECK_EQ(count_get(&discarded), 30);
    gate_open(&gate);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 0);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    submit(pool, count_task, &ran, LOW);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 1);
    spec_destroy(pool);
}

SPEC(a_destroy_runs_what_waits_whatever_its_priority)
{
    antpool_t *pool = pool_of_one();
    spec_hold(pool, &gate, 1);
    for (int i = 0; i < 10; i++) {
        submit(pool, count_task, &ran, LOW);
        submit(pool, count_task, &ran, HIGH);
    }
    gate_open(&gate);
    spec_destroy(pool);
    CHECK_EQ(count_get(&ran), 20);
}

/* ---- Exactly once --------------------------------------------------------------------------- */

enum { PRODUCERS = 3 };

typedef struct producer_t {
    antpool_t *pool;
    unsigned char *runs;
    size_t tasks;
    unsigned seed;
} producer_t;

static void run_once(void *place)
{
    __atomic_fetch_add((unsigned char *)place, 1, __ATOMIC_RELAXED);
}

static void *produce(void *arg)
{
    producer_t *producer = (producer_t *)arg;
    for (size_t i = 0; i < producer->tasks; i++) {
        producer->seed = producer->seed * 1664525u + 1013904223u;
        const unsigned choice = (producer->seed >> 16) % 4;
        antpool_t *pool = producer->pool;
        void *place = &producer->runs[i];
        if (choice == 3)
            CHECK_STATUS(antpool_submit(pool, run_once, place), ANTPOOL_OK);
        else
            submit(pool, run_once, place, choice);
    }
    return NULL;
}

SPEC(each_task_runs_once_while_the_pool_is_tuned)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = 64;
    antpool_t *pool = spec_pool(4, &options);
    producer_t producers[PRODUCERS];
    pthread_t threads[PRODUCERS];
    const size_t tasks = spec_rounds(20000);
    for (unsigned i = 0; i < PRODUCERS; i++) {
        unsigned char *runs = (unsigned char *)calloc(tasks, 1);
        CHECK(runs != NULL);
        const producer_t producer = {pool, runs, tasks, i};
        producers[i] = producer;
        threads[i] = spec_thread(produce, &producers[i]);
    }
    for (int i = 0; i < 20; i++) {
        CHECK_STATUS(antpool_tune(pool, 1 + i % 4), ANTPOOL_OK);
        spec_sleep_ms(1);
    }
    for (int i = 0; i < PRODUCERS; i++)
        spec_join(threads[i]);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    for (int i = 0; i < PRODUCERS; i++) {
        for (size_t j = 0; j < tasks; j++)
            CHECK_EQ(producers[i].runs[j], 1);
        free(producers[i].runs);
    }
    CHECK_EQ(stats_of(pool).submitted, PRODUCERS * tasks);
    CHECK_EQ(stats_of(pool).completed, PRODUCERS * tasks);
    spec_destroy(pool);
}

SPEC_MAIN()
