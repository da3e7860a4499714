/*
 * Exactly once: several producers give the pool tasks by every kind of submit, while it is tuned,
 * closed and opened again at random. What was accepted has run once, what was not has never run.
 *
 *     soak 10000000     with this number of tasks instead of a hundred thousand
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
    switch (random_below(seed, 9)) {
    case 8:
        status = antpool_submit_with_priority(soak.pool, run, &soak.runs[first],
                                              random_below(seed, ANTPOOL_PRIORITY_LOW + 1));
        break;
    case 0: status = antpool_try_submit(soak.pool, run, &soak.runs[first]); break;
    case 1:
        status = antpool_submit_timeout(soak.pool, run, &soak.runs[first], random_below(seed, 2));
        break;
    case 2: status = antpool_submit_copy(soak.pool, run_copy, &first, sizeof first); break;
    case 3: status = antpool_try_submit_copy(soak.pool, run_copy, &first, sizeof first); break;
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
    default: status = antpool_submit(soak.pool, run, &soak.runs[first]);
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

/* ---- Handles, groups, lanes and completions, with cancels ------------------------------------------ */

enum { GROUPS = 3, LANES = 3, HANDLES = 8 };

static struct {
    antpool_group_t *groups[GROUPS];
    antpool_lane_t *lanes[LANES]; /* of one, two and three tasks at a time */
    int inside[LANES];
    antpool_completions_t *completions[2]; /* as they come, and in order */
    unsigned char *delivered;              /* of each task: how often its result was */
    unsigned char *expected;               /* of each task: whether it has to be */
    size_t canceled;
} tracked;

static void deliver(void *place, antpool_status_t status)
{
    CHECK_STATUS(status, ANTPOOL_OK);
    const size_t task = (size_t)((unsigned char *)place - soak.runs);
    CHECK_EQ(__atomic_load_n(&soak.runs[task], __ATOMIC_RELAXED), 1);
    __atomic_fetch_add(&tracked.delivered[task], 1, __ATOMIC_RELAXED);
}

/* The argument of a task that never runs: whoever gets it counts as its run. */
static void discard(void *place)
{
    CHECK(antpool_is_canceled());
    run(place);
    __atomic_fetch_add(&tracked.canceled, 1, __ATOMIC_RELAXED);
}

static void end_handle(antpool_task_t **handle, void **place, unsigned *seed)
{
    if (*handle == NULL)
        return;
    if (random_below(seed, 2) && antpool_task_cancel(*handle) == ANTPOOL_OK) {
        run(*place);
        __atomic_fetch_add(&tracked.canceled, 1, __ATOMIC_RELAXED);
        CHECK_STATUS(antpool_task_wait(*handle), ANTPOOL_ERR_CANCELED);
    } else if (random_below(seed, 2)) {
        CHECK_STATUS(antpool_task_wait(*handle), ANTPOOL_OK);
        CHECK_EQ(__atomic_load_n((unsigned char *)*place, __ATOMIC_RELAXED), 1);
    }
    CHECK_STATUS(antpool_task_destroy(*handle), ANTPOOL_OK);
    *handle = NULL;
}

static antpool_status_t submit_to_completions(unsigned *seed, size_t task)
{
    void *place = &soak.runs[task];
    antpool_completions_t *to = tracked.completions[random_below(seed, 2)];
    antpool_status_t status;
    switch (random_below(seed, 3)) {
    case 0: status = antpool_try_completions_submit(to, soak.pool, run, deliver, place); break;
    case 1:
        status = antpool_completions_submit_timeout(to, soak.pool, run, deliver, place, 1);
        break;
    default: status = antpool_completions_submit(to, soak.pool, run, deliver, place);
    }
    tracked.expected[task] = status == ANTPOOL_OK;
    if (random_below(seed, 4) == 0)
        antpool_completions_dispatch(to, random_below(seed, 6));
    return status;
}

static antpool_status_t submit_to_group(unsigned *seed, size_t first, size_t *count,
                                        size_t *accepted)
{
    void *args[LONGEST_BATCH];
    antpool_group_t *group = tracked.groups[random_below(seed, GROUPS)];
    const size_t most = *count;
    *count = 1;
    switch (random_below(seed, 4)) {
    case 0: return antpool_try_group_submit(group, soak.pool, run, &soak.runs[first]);
    case 1: return antpool_group_submit_timeout(group, soak.pool, run, &soak.runs[first], 1);
    case 2:
        *count = 1 + random_below(seed, LONGEST_BATCH);
        *count = *count < most ? *count : most;
        for (size_t i = 0; i < *count; i++)
            args[i] = &soak.runs[first + i];
        return antpool_group_submit_batch(group, soak.pool, run, args, *count, accepted);
    default: return antpool_group_submit(group, soak.pool, run, &soak.runs[first]);
    }
}

/* A task of one of the lanes. */
static void run_in_lane(size_t lane, void *place)
{
    CHECK_LE((size_t)__atomic_add_fetch(&tracked.inside[lane], 1, __ATOMIC_SEQ_CST), lane + 1);
    run(place);
    __atomic_sub_fetch(&tracked.inside[lane], 1, __ATOMIC_SEQ_CST);
}

static void run_in_first(void *place)
{
    run_in_lane(0, place);
}

static void run_in_second(void *place)
{
    run_in_lane(1, place);
}

static void run_in_third(void *place)
{
    run_in_lane(2, place);
}

static antpool_status_t submit_to_lane(unsigned *seed, void *place)
{
    const antpool_task_fn runs[LANES] = {run_in_first, run_in_second, run_in_third};
    const unsigned number = random_below(seed, LANES);
    antpool_lane_t *lane = tracked.lanes[number];
    if (antpool_lane_queued(lane) > 1000)
        spec_sleep_ms(1); /* Nothing else bounds it. */
    switch (random_below(seed, 3)) {
    case 0: return antpool_try_lane_submit(lane, runs[number], place);
    case 1: return antpool_lane_submit_timeout(lane, runs[number], place, 1);
    default: return antpool_lane_submit(lane, runs[number], place);
    }
}

static void *produce_tracked(void *number)
{
    const size_t index = (size_t)(intptr_t)number;
    const size_t end = soak.tasks * (index + 1) / PRODUCERS;
    unsigned seed = (unsigned)index + 1;
    antpool_task_t *handles[HANDLES] = {NULL};
    void *places[HANDLES] = {NULL};
    for (size_t next = soak.tasks * index / PRODUCERS; next < end;) {
        size_t count = end - next, accepted = 0;
        antpool_status_t status;
        const unsigned handle = random_below(&seed, HANDLES);
        switch (random_below(&seed, 4)) {
        case 3:
            count = 1;
            status = submit_to_lane(&seed, &soak.runs[next]);
            break;
        case 0:
            count = 1;
            end_handle(&handles[handle], &places[handle], &seed);
            places[handle] = &soak.runs[next];
            status = antpool_task_submit(soak.pool, run, places[handle], &handles[handle]);
            break;
        case 1:
            count = 1;
            status = submit_to_completions(&seed, next);
            break;
        default: status = submit_to_group(&seed, next, &count, &accepted);
        }
        CHECK(status == ANTPOOL_OK || status == ANTPOOL_ERR_OVERLOAD ||
              status == ANTPOOL_ERR_TIMED_OUT || status == ANTPOOL_ERR_CLOSED ||
              status == ANTPOOL_ERR_CANCELED);
        if (count == 1 && status == ANTPOOL_OK)
            accepted = 1;
        memset(&soak.accepted[next], 1, accepted);
        if (status == ANTPOOL_ERR_CLOSED)
            spec_sleep_ms(1);
        next += count;
    }
    for (int i = 0; i < HANDLES; i++)
        end_handle(&handles[i], &places[i], &seed);
    return NULL;
}

/* Cancels groups and lanes, and waits for them, which opens them again. */
static void *cancel_groups(void *unused)
{
    unsigned seed = 77;
    while (!__atomic_load_n(&soak.stop, __ATOMIC_RELAXED)) {
        antpool_lane_t *lane = tracked.lanes[random_below(&seed, LANES)];
        if (random_below(&seed, 3) == 0)
            CHECK_STATUS(antpool_lane_cancel(lane, discard), ANTPOOL_OK);
        const antpool_status_t said = antpool_lane_wait_timeout(lane, random_below(&seed, 3));
        CHECK(said == ANTPOOL_OK || said == ANTPOOL_ERR_TIMED_OUT);
        antpool_group_t *group = tracked.groups[random_below(&seed, GROUPS)];
        if (random_below(&seed, 3) == 0)
            CHECK_STATUS(antpool_group_cancel(group, discard), ANTPOOL_OK);
        const antpool_status_t status = antpool_group_wait_timeout(group, random_below(&seed, 3));
        CHECK(status == ANTPOOL_OK || status == ANTPOOL_ERR_TIMED_OUT);
    }
    return unused;
}

static void dispatch_all(void)
{
    for (int i = 0; i < 2; i++) {
        while (antpool_completions_wait(tracked.completions[i], ANTPOOL_WAIT_FOREVER) == ANTPOOL_OK)
            antpool_completions_dispatch(tracked.completions[i], 0);
        CHECK_STATUS(antpool_completions_destroy(tracked.completions[i]), ANTPOOL_OK);
    }
}

SPEC(each_argument_is_given_to_one_run_discard_or_cancel_and_each_result_is_delivered_once)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = ROOM;
    soak.pool = spec_pool(MOST_WORKERS, &options);
    soak.tasks = spec_argument(spec_rounds(100000));
    soak.runs = (unsigned char *)calloc(soak.tasks, 1);
    soak.accepted = (unsigned char *)calloc(soak.tasks, 1);
    tracked.delivered = (unsigned char *)calloc(soak.tasks, 1);
    tracked.expected = (unsigned char *)calloc(soak.tasks, 1);
    CHECK(soak.runs != NULL && soak.accepted != NULL && tracked.delivered != NULL &&
          tracked.expected != NULL);
    for (int i = 0; i < GROUPS; i++)
        CHECK_STATUS(antpool_group_new(&tracked.groups[i]), ANTPOOL_OK);
    for (size_t i = 0; i < LANES; i++)
        CHECK_STATUS(antpool_lane_new(soak.pool, i + 1, &tracked.lanes[i]), ANTPOOL_OK);
    CHECK_STATUS(antpool_completions_new(0, &tracked.completions[0]), ANTPOOL_OK);
    CHECK_STATUS(antpool_completions_new(ANTPOOL_ORDERED, &tracked.completions[1]), ANTPOOL_OK);

    pthread_t producers[PRODUCERS];
    pthread_t disturber = spec_thread(disturb, NULL), canceler = spec_thread(cancel_groups, NULL);
    for (intptr_t i = 0; i < PRODUCERS; i++)
        producers[i] = spec_thread(produce_tracked, (void *)i);
    for (int i = 0; i < PRODUCERS; i++)
        spec_join(producers[i]);
    __atomic_store_n(&soak.stop, true, __ATOMIC_RELAXED);
    spec_join(disturber);
    spec_join(canceler);
    for (int i = 0; i < GROUPS; i++) {
        CHECK_STATUS(antpool_group_wait(tracked.groups[i]), ANTPOOL_OK);
        CHECK_STATUS(antpool_group_destroy(tracked.groups[i]), ANTPOOL_OK);
    }
    for (int i = 0; i < LANES; i++) {
        CHECK_STATUS(antpool_lane_wait(tracked.lanes[i]), ANTPOOL_OK);
        CHECK_STATUS(antpool_lane_destroy(tracked.lanes[i]), ANTPOOL_OK);
    }
    dispatch_all();
    CHECK_STATUS(antpool_wait(soak.pool), ANTPOOL_OK);

    antpool_stats_t stats = ANTPOOL_STATS_INIT;
    CHECK_STATUS(antpool_get_stats(soak.pool, &stats), ANTPOOL_OK);
    size_t accepted = 0;
    for (size_t i = 0; i < soak.tasks; i++) {
        CHECK_EQ(soak.runs[i], soak.accepted[i]);
        CHECK_EQ(tracked.delivered[i], tracked.expected[i]);
        accepted += soak.accepted[i];
    }
    CHECK_EQ(stats.submitted, accepted);
    CHECK_EQ(stats.completed, accepted);
    CHECK_EQ(stats.canceled, tracked.canceled);
    CHECK_GE(tracked.canceled, 1);
    CHECK_GE(accepted, soak.tasks / 8); /* Else it was no soak. */
    spec_destroy(soak.pool);
    free(soak.runs);
    free(soak.accepted);
    free(tracked.delivered);
    free(tracked.expected);
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
