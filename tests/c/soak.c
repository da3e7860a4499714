/*
 * Exactly once: several producers give the pool tasks by every kind of submit, while it is tuned,
 * closed and opened again at random. What was accepted has run once, what was not has never run.
 *
 *     soak 10000000     with so many tasks instead of a hundred thousand
 */
#include "spec.h"

enum { PRODUCERS = 4, MOST_WORKERS = 6, ROOM = 64, LONGEST_BATCH = 16 };

static struct {
    antpool_t *pool;
    unsigned char *runs;     /* of each task: how often it ran */
    unsigned char *accepted; /* of each task: whether its submit said OK */
    size_t tasks;
    bool stop;
} soak;

static unsigned random_below(unsigned *seed, unsigned bound)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 16) % bound;
}

static void run(void *place)
{
    __atomic_fetch_add((unsigned char *)place, 1, __ATOMIC_RELAXED);
}

static void run_copy(void *number)
{
    run(&soak.runs[*(size_t *)number]);
}

/* Submits the tasks from `first`, at most `most` of them, and notes which were accepted; how many
 * it has dealt with. */
static size_t submit_some(unsigned *seed, size_t first, size_t most)
{
    void *args[LONGEST_BATCH];
    size_t count = 1, accepted = 0;
    antpool_status_t status;
    switch (random_below(seed, 8)) {
    case 0:
        status = antpool_try_submit(soak.pool, run, &soak.runs[first]);
        break;
    case 1:
        status = antpool_submit_timeout(soak.pool, run, &soak.runs[first], random_below(seed, 2));
        break;
    case 2:
        status = antpool_submit_copy(soak.pool, run_copy, &first, sizeof first);
        break;
    case 3:
        status = antpool_try_submit_copy(soak.pool, run_copy, &first, sizeof first);
        break;
    case 4:
    case 5:
        count = 1 + random_below(seed, LONGEST_BATCH);
        count = count < most ? count : most;
        for (size_t i = 0; i < count; i++)
            args[i] = &soak.runs[first + i];
        status = random_below(seed, 2)
                     ? antpool_submit_batch(soak.pool, run, args, count, &accepted)
                     : antpool_try_submit_batch(soak.pool, run, args, count, &accepted);
        CHECK((status == ANTPOOL_OK) == (accepted == count));
        break;
    default:
        status = antpool_submit(soak.pool, run, &soak.runs[first]);
    }
    CHECK(status == ANTPOOL_OK || status == ANTPOOL_ERR_OVERLOAD ||
          status == ANTPOOL_ERR_TIMED_OUT || status == ANTPOOL_ERR_CLOSED);
    if (count == 1 && status == ANTPOOL_OK)
        accepted = 1;
    memset(&soak.accepted[first], 1, accepted);
    if (status == ANTPOOL_ERR_CLOSED)
        spec_sleep_ms(1); /* Or all would be turned away before the pool is open again. */
    return count;
}

/* Each producer has a range of tasks of its own. */
static void *produce(void *number)
{
    const size_t index = (size_t)(intptr_t)number;
    const size_t end = soak.tasks * (index + 1) / PRODUCERS;
    unsigned seed = (unsigned)index + 1;
    for (size_t next = soak.tasks * index / PRODUCERS; next < end;)
        next += submit_some(&seed, next, end - next);
    return NULL;
}

/* Now and then something that every producer notices. */
static void *disturb(void *unused)
{
    unsigned seed = 99;
    while (!__atomic_load_n(&soak.stop, __ATOMIC_RELAXED)) {
        spec_sleep_ms(1);
        if (random_below(&seed, 20) == 0) {
            antpool_status_t status = antpool_release_timeout(soak.pool, random_below(&seed, 2));
            CHECK(status == ANTPOOL_OK || status == ANTPOOL_ERR_TIMED_OUT);
            CHECK_STATUS(antpool_reboot(soak.pool), ANTPOOL_OK);
        } else {
            const int64_t capacity = 1 + random_below(&seed, MOST_WORKERS);
            CHECK_STATUS(antpool_tune(soak.pool, capacity), ANTPOOL_OK);
        }
    }
    return unused;
}

static void check_exactly_once(const antpool_options_t *options)
{
    soak.pool = spec_pool(MOST_WORKERS, options);
    soak.tasks = spec_argument(spec_rounds(100000));
    soak.runs = (unsigned char *)calloc(soak.tasks, 1);
    soak.accepted = (unsigned char *)calloc(soak.tasks, 1);
    CHECK(soak.runs != NULL && soak.accepted != NULL);
    pthread_t producers[PRODUCERS], disturber = spec_thread(disturb, NULL);
    for (intptr_t i = 0; i < PRODUCERS; i++)
        producers[i] = spec_thread(produce, (void *)i);
    for (int i = 0; i < PRODUCERS; i++)
        spec_join(producers[i]);
    __atomic_store_n(&soak.stop, true, __ATOMIC_RELAXED);
    spec_join(disturber);
    CHECK_STATUS(antpool_wait(soak.pool), ANTPOOL_OK);

    antpool_stats_t stats = ANTPOOL_STATS_INIT;
    CHECK_STATUS(antpool_get_stats(soak.pool, &stats), ANTPOOL_OK);
    size_t accepted = 0;
    for (size_t i = 0; i < soak.tasks; i++) {
        CHECK_EQ(soak.runs[i], soak.accepted[i]);
        accepted += soak.accepted[i];
    }
    CHECK_EQ(stats.submitted, accepted);
    CHECK_EQ(stats.completed, accepted);
    CHECK_LE(stats.peak_running, MOST_WORKERS);
    CHECK_GE(accepted, soak.tasks / 4); /* Else it was no soak. */
    spec_destroy(soak.pool);
    free(soak.runs);
    free(soak.accepted);
}

SPEC(what_was_accepted_runs_once_and_what_was_not_never)
{
    check_exactly_once(NULL);
}

SPEC(so_it_is_with_a_queue_and_workers_that_come_and_go)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = ROOM;
    options.expiry_ms = 1;
    check_exactly_once(&options);
}

SPEC_MAIN()
