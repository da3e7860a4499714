/*
 * Random operations, and an oracle: threads make pools, call whatever the header has in whatever order, and end the
 * pools. Every argument is used once: by its task, or by a discard; or its submit, or a cancel, gave it back.
 *
 *     fuzz                          three seconds for each kind of worker
 *     fuzz 1200000                  a minute: 50 microseconds for each unit
 *     ANTPOOL_FUZZ_SEED=42 fuzz     the episodes of one seed only, which a failure prints
 */
#include "child.h"
#include "tools.h"

enum { MOST_POOLS = 3, MOST_ACTORS = 4, OPERATIONS = 150, RECORDS = 4 * OPERATIONS, LANES = 2 };

/* ---- Chance --------------------------------------------------------------------------------- */

typedef uint64_t chance_t;

static unsigned below(chance_t *chance, unsigned bound)
{
    *chance ^= *chance << 13;
    *chance ^= *chance >> 7;
    *chance ^= *chance << 17;
    return (unsigned)(*chance >> 33) % bound;
}

static bool one_in(chance_t *chance, unsigned bound)
{
    return below(chance, bound) == 0;
}

/* ---- Arguments ------------------------------------------------------------------------------ */

/* What a task is to do. */
typedef enum action_t {
    NOTHING,
    NAP,
    YIELD,
    WAIT_FOR_NOTHING,
    BLOCK,
    SUBMIT_ANOTHER,
    TUNE,
    MARK_FAILED,
    PANIC,
    EXIT_THREAD,
    ACTIONS
} action_t;

typedef struct record_t {
    struct record_t *self; /* first, so that a copy leads here as well */
    struct record_t *next; /* the argument of SUBMIT_ANOTHER, unused otherwise */
    antpool_t *pool;       /* where its task runs */
    int place;             /* of that pool among those of the episode */
    action_t action;
    int lane;            /* or -1 */
    bool accepted;       /* its submit said OK; written by its submitter, read when all is over */
    bool withdrawn;      /* a cancel gave it back */
    bool may_be_dropped; /* a discarding release uses nothing for it: the handle says so */
    int runs, discards, deliveries;
    antpool_status_t delivered;
} record_t;

typedef struct actor_t {
    pthread_t thread;
    chance_t chance;
    record_t *records;
    size_t used;
    antpool_group_t *group;
    antpool_completions_t *completions;
    size_t undelivered;
} actor_t;

static struct {
    int pools, actors;
    antpool_t *pool[MOST_POOLS];
    antpool_lane_t *lane[LANES];
    long lane_limit[LANES], lane_running[LANES];
    long failures[MOST_POOLS]; /* tasks that failed, as they know it */
    long reports[MOST_POOLS];  /* and as the panic handlers know it */
    bool threads_may_end;
    actor_t actor[MOST_ACTORS];
} episode;

static void run(void *arg);

static bool is_one_of(antpool_status_t status, const antpool_status_t *allowed, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (status == allowed[i])
            return true;
    return false;
}

#define CHECK_ALLOWED(call, ...)                                                               \
    do {                                                                                       \
        const antpool_status_t fuzz_status = (call), fuzz_allowed[] = {__VA_ARGS__};           \
        if (!is_one_of(fuzz_status, fuzz_allowed, sizeof fuzz_allowed / sizeof *fuzz_allowed)) \
            spec_fail(__FILE__, __LINE__, "%s: %s", #call, antpool_status_name(fuzz_status));  \
    } while (0)

static void check_submit(antpool_status_t status)
{
    CHECK_ALLOWED(status, ANTPOOL_OK, ANTPOOL_ERR_OVERLOAD, ANTPOOL_ERR_TIMED_OUT,
                  ANTPOOL_ERR_CLOSED, ANTPOOL_ERR_CANCELED, ANTPOOL_ERR_DEADLOCK);
}

/* ---- Tasks ---------------------------------------------------------------------------------- */

static void count_run(record_t *record)
{
    CHECK_EQ(__atomic_add_fetch(&record->runs, 1, __ATOMIC_RELAXED), 1);
}

static void count_failure(const record_t *record)
{
    __atomic_add_fetch(&episode.failures[record->place], 1, __ATOMIC_RELAXED);
}

static void leave_lane(const record_t *record)
{
    if (record->lane >= 0)
        __atomic_sub_fetch(&episode.lane_running[record->lane], 1, __ATOMIC_SEQ_CST);
}

static void block(void *record)
{
    CHECK(record != NULL);
    spec_sleep_ms(0);
}

static void act(record_t *record)
{
    switch (record->action) {
    case NAP: antpool_sleep_us(50); break;
    case YIELD: antpool_yield(); break;
    case WAIT_FOR_NOTHING: {
        uint32_t events = 0;
        CHECK_ALLOWED(antpool_wait_fd(-1, ANTPOOL_READABLE, 1, &events),
                      ANTPOOL_ERR_INVALID_ARGUMENT);
        break;
    }
    case BLOCK: CHECK_STATUS(antpool_block(block, record), ANTPOOL_OK); break;
    case SUBMIT_ANOTHER: {
        const antpool_status_t status = antpool_try_submit(record->pool, run, record->next);
        check_submit(status);
        record->next->accepted = status == ANTPOOL_OK;
        break;
    }
    case TUNE: CHECK_STATUS(antpool_tune(record->pool, 1 + record->place), ANTPOOL_OK); break;
    case MARK_FAILED:
        count_failure(record);
        leave_lane(record);
        antpool_task_fail("fuzz");
        return;
    case PANIC:
        count_failure(record);
        leave_lane(record);
        antpool_panic("fuzz");
    case EXIT_THREAD:
        count_failure(record);
        leave_lane(record);
        pthread_exit(NULL);
    case NOTHING:
    case ACTIONS: break;
    }
    leave_lane(record);
}

static void run(void *arg)
{
    record_t *record = ((record_t *)arg)->self;
    CHECK(antpool_current() == record->pool);
    count_run(record);
    if (record->lane >= 0)
        CHECK_LE(__atomic_add_fetch(&episode.lane_running[record->lane], 1, __ATOMIC_SEQ_CST),
                 episode.lane_limit[record->lane]);
    act(record);
}

/* Of a copy only the first member is there. */
static void run_copy(void *self)
{
    run(*(record_t **)self);
}

static void discard(void *arg)
{
    record_t *record = ((record_t *)arg)->self;
    CHECK_EQ(__atomic_add_fetch(&record->discards, 1, __ATOMIC_RELAXED), 1);
    CHECK_EQ(__atomic_load_n(&record->runs, __ATOMIC_RELAXED), 0);
}

static void deliver(void *arg, antpool_status_t how)
{
    record_t *record = ((record_t *)arg)->self;
    record->deliveries++;
    record->delivered = how;
}

static void report(void *place, const antpool_panic_info_t *info)
{
    CHECK(info != NULL && info->message != NULL);
    __atomic_add_fetch(&episode.reports[(intptr_t)place], 1, __ATOMIC_RELAXED);
}

/* ---- Operations ----------------------------------------------------------------------------- */

static record_t *take_plain(actor_t *actor, int place)
{
    record_t *record = &actor->records[actor->used++];
    record->self = record;
    record->place = place;
    record->pool = episode.pool[place];
    record->lane = -1;
    return record;
}

/* An unused argument for a task of that pool. */
static record_t *take(actor_t *actor, int place)
{
    record_t *record = take_plain(actor, place);
    if (one_in(&actor->chance, 3))
        record->action = (action_t)below(&actor->chance, ACTIONS);
    if (record->action == EXIT_THREAD && !episode.threads_may_end)
        record->action = NOTHING;
    if (record->action == SUBMIT_ANOTHER)
        record->next = take_plain(actor, place);
    return record;
}

static void submit_one(actor_t *actor, int place)
{
    antpool_t *pool = episode.pool[place];
    record_t *record = take(actor, place);
    antpool_status_t status;
    switch (below(&actor->chance, 6)) {
    case 0: status = antpool_submit(pool, run, record); break;
    case 1: status = antpool_try_submit(pool, run, record); break;
    case 2: status = antpool_submit_timeout(pool, run, record, below(&actor->chance, 2)); break;
    case 3: status = antpool_submit_copy(pool, run_copy, &record->self, sizeof record->self); break;
    default: status = antpool_try_submit_copy(pool, run_copy, &record->self, sizeof record->self);
    }
    check_submit(status);
    record->accepted = status == ANTPOOL_OK;
}

static void submit_without_waiting(actor_t *actor, int place)
{
    record_t *record = take(actor, place);
    const antpool_status_t status = antpool_try_submit(episode.pool[place], run, record);
    check_submit(status);
    record->accepted = status == ANTPOOL_OK;
}

static void submit_batch(actor_t *actor, int place)
{
    enum { MOST = 6 };
    void *args[MOST];
    record_t *records[MOST];
    size_t accepted = 0;
    const size_t count = 1 + below(&actor->chance, MOST);
    for (size_t i = 0; i < count; i++)
        args[i] = records[i] = take(actor, place);
    antpool_t *pool = episode.pool[place];
    antpool_status_t status;
    switch (below(&actor->chance, 3)) {
    case 0: status = antpool_submit_batch(pool, run, args, count, &accepted); break;
    case 1: status = antpool_try_submit_batch(pool, run, args, count, &accepted); break;
    default: status = antpool_group_submit_batch(actor->group, pool, run, args, count, &accepted);
    }
    check_submit(status);
    CHECK((status == ANTPOOL_OK) == (accepted == count));
    for (size_t i = 0; i < accepted; i++)
        records[i]->accepted = true;
}

static void submit_with_handle(actor_t *actor, int place)
{
    antpool_t *pool = episode.pool[place];
    record_t *record = take(actor, place);
    antpool_task_t *task = NULL;
    antpool_status_t status;
    switch (below(&actor->chance, 3)) {
    case 0: status = antpool_task_submit(pool, run, record, &task); break;
    case 1: status = antpool_try_task_submit(pool, run, record, &task); break;
    default: status = antpool_task_submit_timeout(pool, run, record, 1, &task);
    }
    check_submit(status);
    record->accepted = status == ANTPOOL_OK;
    CHECK(record->accepted == (task != NULL));
    if (task == NULL)
        return;
    record->may_be_dropped = true;
    switch (below(&actor->chance, 4)) {
    case 0: break; /* It is not waited for at all. */
    case 1: {
        const antpool_status_t canceled = antpool_task_cancel(task);
        CHECK_ALLOWED(canceled, ANTPOOL_OK, ANTPOOL_ERR_ALREADY_STARTED, ANTPOOL_ERR_CANCELED);
        record->withdrawn = canceled == ANTPOOL_OK;
        break;
    }
    default: {
        const uint64_t limit = one_in(&actor->chance, 2) ? 1 : ANTPOOL_WAIT_FOREVER;
        const antpool_status_t ended = antpool_task_wait_timeout(task, limit);
        CHECK_ALLOWED(ended, ANTPOOL_OK, ANTPOOL_ERR_TIMED_OUT, ANTPOOL_ERR_CANCELED,
                      ANTPOOL_ERR_TASK_FAILED);
        if (ended == ANTPOOL_OK || ended == ANTPOOL_ERR_TASK_FAILED)
            CHECK_EQ(__atomic_load_n(&record->runs, __ATOMIC_RELAXED), 1);
        if (ended == ANTPOOL_ERR_CANCELED)
            CHECK_EQ(__atomic_load_n(&record->runs, __ATOMIC_RELAXED), 0);
    }
    }
    CHECK_STATUS(antpool_task_destroy(task), ANTPOOL_OK);
}

static void use_group(actor_t *actor, int place)
{
    antpool_t *pool = episode.pool[place];
    switch (below(&actor->chance, 6)) {
    case 0: CHECK_STATUS(antpool_group_cancel(actor->group, discard), ANTPOOL_OK); break;
    case 1:
        CHECK_ALLOWED(antpool_group_wait_timeout(actor->group, below(&actor->chance, 2)),
                      ANTPOOL_OK, ANTPOOL_ERR_TIMED_OUT, ANTPOOL_ERR_TASK_FAILED);
        break;
    case 2:
        CHECK_ALLOWED(antpool_group_wait(actor->group), ANTPOOL_OK, ANTPOOL_ERR_TASK_FAILED);
        break;
    default: {
        record_t *record = take(actor, place);
        const antpool_status_t status =
            one_in(&actor->chance, 2) ? antpool_group_submit(actor->group, pool, run, record)
                                      : antpool_try_group_submit(actor->group, pool, run, record);
        check_submit(status);
        record->accepted = status == ANTPOOL_OK;
    }
    }
}

static void use_completions(actor_t *actor, int place)
{
    if (one_in(&actor->chance, 3)) {
        actor->undelivered -=
            antpool_completions_dispatch(actor->completions, below(&actor->chance, 4));
        return;
    }
    record_t *record = take(actor, place);
    const antpool_status_t status = antpool_try_completions_submit(
        actor->completions, episode.pool[place], run, deliver, record);
    check_submit(status);
    record->accepted = record->may_be_dropped = status == ANTPOOL_OK;
    actor->undelivered += record->accepted;
}

/* The lanes belong to the first pool. */
static void use_lane(actor_t *actor)
{
    const int number = (int)below(&actor->chance, LANES);
    antpool_lane_t *lane = episode.lane[number];
    record_t *record = take(actor, 0);
    record->lane = number;
    antpool_status_t status;
    switch (below(&actor->chance, 4)) {
    case 0: status = antpool_try_lane_submit(lane, run, record); break;
    case 1: status = antpool_lane_submit_timeout(lane, run, record, 1); break;
    default: status = antpool_lane_submit(lane, run, record);
    }
    check_submit(status);
    record->accepted = status == ANTPOOL_OK;
    if (one_in(&actor->chance, 8))
        CHECK_ALLOWED(antpool_lane_wait_timeout(lane, 1), ANTPOOL_OK, ANTPOOL_ERR_TIMED_OUT,
                      ANTPOOL_ERR_TASK_FAILED);
    if (one_in(&actor->chance, 16))
        CHECK_STATUS(antpool_lane_cancel(lane, discard), ANTPOOL_OK);
}

/* What the caller has submitted to the pool has ended when a wait has. */
static void wait_for_pool(actor_t *actor, int place)
{
    const antpool_status_t status = antpool_wait_timeout(
        episode.pool[place], one_in(&actor->chance, 2) ? 1 : ANTPOOL_WAIT_FOREVER);
    CHECK_ALLOWED(status, ANTPOOL_OK, ANTPOOL_ERR_TIMED_OUT);
    for (size_t i = 0; i < actor->used && status == ANTPOOL_OK; i++) {
        const record_t *record = &actor->records[i];
        const bool counts = record->place == place && record->accepted && !record->withdrawn &&
                            !record->may_be_dropped && record->lane < 0;
        if (counts && record->action != SUBMIT_ANOTHER)
            CHECK_EQ(__atomic_load_n(&record->runs, __ATOMIC_RELAXED) +
                         __atomic_load_n(&record->discards, __ATOMIC_RELAXED),
                     1);
    }
}

static void change_pool(actor_t *actor, int place)
{
    antpool_t *pool = episode.pool[place];
    chance_t *chance = &actor->chance;
    switch (below(chance, 8)) {
    case 0:
    case 1: CHECK_STATUS(antpool_tune(pool, 1 + below(chance, 6)), ANTPOOL_OK); break;
    case 2: CHECK_STATUS(antpool_trim(pool), ANTPOOL_OK); break;
    case 3: CHECK_STATUS(antpool_set_expiry(pool, below(chance, 3)), ANTPOOL_OK); break;
    case 4:
        CHECK_ALLOWED(antpool_pause(pool), ANTPOOL_OK, ANTPOOL_ERR_CLOSED);
        submit_without_waiting(actor, place);
        CHECK_STATUS(antpool_resume(pool), ANTPOOL_OK);
        break;
    case 5:
        CHECK_ALLOWED(antpool_release_timeout(pool, below(chance, 3)), ANTPOOL_OK,
                      ANTPOOL_ERR_TIMED_OUT, ANTPOOL_ERR_CLOSED, ANTPOOL_ERR_CANCELED);
        CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
        break;
    case 6:
        CHECK_ALLOWED(antpool_release_discard(pool, discard), ANTPOOL_OK, ANTPOOL_ERR_CLOSED);
        CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
        break;
    default: {
        antpool_stats_t stats = ANTPOOL_STATS_INIT;
        CHECK_STATUS(antpool_get_stats(pool, &stats), ANTPOOL_OK);
        CHECK_LE(stats.completed, stats.submitted);
        CHECK_EQ(stats.busy + stats.idle, stats.running);
    }
    }
}

static void add_index(void *sum, size_t begin, size_t end, size_t slot)
{
    (void)slot;
    for (size_t i = begin; i < end; i++)
        __atomic_add_fetch((size_t *)sum, i, __ATOMIC_RELAXED);
}

static void loop(actor_t *actor, int place)
{
    const size_t count = below(&actor->chance, 300);
    size_t sum = 0;
    CHECK_ALLOWED(antpool_parallel_for(episode.pool[place], count, 1 + below(&actor->chance, 50), 0,
                                       add_index, &sum),
                  ANTPOOL_OK, ANTPOOL_ERR_CLOSED);
    CHECK(sum == 0 || sum == count * (count - 1) / 2);
}

/* A pool of the caller's own, from its first to its last call. */
static void end_later(void *pool)
{
    CHECK_STATUS(antpool_destroy_later((antpool_t *)pool), ANTPOOL_OK);
}

static void use_own_pool(actor_t *actor)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = below(&actor->chance, 3);
    antpool_t *pool = spec_pool(1 + below(&actor->chance, 3), &options);
    count_t ran = COUNT_INIT;
    long accepted = 0;
    for (int i = 0; i < 5; i++)
        accepted += antpool_submit(pool, count_task, &ran) == ANTPOOL_OK;
    CHECK_EQ(accepted, 5);
    if (one_in(&actor->chance, 2)) {
        CHECK_STATUS(antpool_submit(pool, end_later, pool), ANTPOOL_OK);
        count_wait(&ran, 5);
    } else {
        spec_destroy(pool);
        CHECK_EQ(count_get(&ran), 5);
    }
}

static void in_child(void *unused)
{
    (void)unused;
    count_t ran = COUNT_INIT;
    for (int i = 0; i < episode.pools; i++) {
        CHECK_STATUS(antpool_try_submit(episode.pool[i], count_task, &ran), ANTPOOL_ERR_FORKED);
        CHECK_STATUS(antpool_wait_timeout(episode.pool[i], 0), ANTPOOL_ERR_FORKED);
    }
    antpool_t *pool = spec_pool(1, NULL);
    CHECK_STATUS(antpool_submit(pool, count_task, &ran), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 1);
}

static void *play(void *arg)
{
    actor_t *actor = (actor_t *)arg;
    for (int i = 0; i < OPERATIONS; i++) {
        const int place = (int)below(&actor->chance, (unsigned)episode.pools);
        if (actor->used + 20 > RECORDS)
            break;
        switch (below(&actor->chance, 16)) {
        case 0: change_pool(actor, place); break;
        case 1: wait_for_pool(actor, place); break;
        case 2: submit_batch(actor, place); break;
        case 3:
        case 4: submit_with_handle(actor, place); break;
        case 5:
        case 6: use_group(actor, place); break;
        case 7: use_completions(actor, place); break;
        case 8:
        case 9: use_lane(actor); break;
        case 10: loop(actor, place); break;
        case 11:
            if (one_in(&actor->chance, 8))
                use_own_pool(actor);
            break;
        default: submit_one(actor, place);
        }
    }
    return NULL;
}

/* ---- Episodes ------------------------------------------------------------------------------- */

static void begin_episode(chance_t *chance)
{
    memset(&episode, 0, sizeof episode);
    episode.threads_may_end = !(FIBERS_ARE_THREADS && spec_on_fibers()) && !spec_under_valgrind();
    episode.pools = 1 + (int)below(chance, MOST_POOLS);
    episode.actors = 1 + (int)below(chance, MOST_ACTORS);
    for (int i = 0; i < episode.pools; i++) {
        static const size_t rooms[] = {0, 1, 8, ANTPOOL_QUEUE_UNBOUNDED};
        antpool_options_t options = spec_options();
        options.queue_capacity = rooms[below(chance, 4)];
        options.carriers = 1 + below(chance, 3);
        options.expiry_ms = below(chance, 2);
        options.nonblocking = one_in(chance, 5);
        options.max_blocking_tasks = below(chance, 3);
        options.panic_handler = report;
        options.panic_data = (void *)(intptr_t)i;
        episode.pool[i] = spec_pool(1 + below(chance, 6), &options);
    }
    for (int i = 0; i < LANES; i++) {
        episode.lane_limit[i] = 1 + (long)below(chance, 3);
        CHECK_STATUS(
            antpool_lane_new(episode.pool[0], (size_t)episode.lane_limit[i], &episode.lane[i]),
            ANTPOOL_OK);
    }
    for (int i = 0; i < episode.actors; i++) {
        actor_t *actor = &episode.actor[i];
        actor->chance = *chance + (chance_t)i * 0x9E3779B97F4A7C15u + 1;
        actor->records = (record_t *)calloc(RECORDS, sizeof *actor->records);
        CHECK(actor->records != NULL);
        CHECK_STATUS(antpool_group_new(&actor->group), ANTPOOL_OK);
        CHECK_STATUS(
            antpool_completions_new(one_in(chance, 2) ? ANTPOOL_ORDERED : 0, &actor->completions),
            ANTPOOL_OK);
    }
}

static void end_actor(actor_t *actor)
{
    CHECK_ALLOWED(antpool_group_wait(actor->group), ANTPOOL_OK, ANTPOOL_ERR_TASK_FAILED);
    CHECK_STATUS(antpool_group_destroy(actor->group), ANTPOOL_OK);
    while (antpool_completions_wait(actor->completions, ANTPOOL_WAIT_FOREVER) == ANTPOOL_OK)
        actor->undelivered -= antpool_completions_dispatch(actor->completions, 0);
    CHECK_EQ(actor->undelivered, 0);
    CHECK_STATUS(antpool_completions_destroy(actor->completions), ANTPOOL_OK);
}

/* How often an argument was used: once, if its submit said OK. */
static void check_record(const record_t *record)
{
    const int used = record->runs + record->discards + record->withdrawn;
    CHECK_LE(used, record->accepted);
    if (record->accepted && !record->may_be_dropped)
        CHECK_EQ(used, 1);
    if (record->deliveries > 0) {
        CHECK_EQ(record->deliveries, 1);
        CHECK((record->delivered == ANTPOOL_ERR_CANCELED) == (record->runs == 0));
    }
}

static void end_episode(void)
{
    for (int i = 0; i < episode.actors; i++)
        end_actor(&episode.actor[i]);
    for (int i = 0; i < LANES; i++) {
        CHECK_ALLOWED(antpool_lane_wait(episode.lane[i]), ANTPOOL_OK, ANTPOOL_ERR_TASK_FAILED);
        CHECK_STATUS(antpool_lane_destroy(episode.lane[i]), ANTPOOL_OK);
    }
    for (int i = 0; i < episode.pools; i++) {
        antpool_stats_t stats = ANTPOOL_STATS_INIT;
        CHECK_STATUS(antpool_wait(episode.pool[i]), ANTPOOL_OK);
        CHECK_STATUS(antpool_get_stats(episode.pool[i], &stats), ANTPOOL_OK);
        CHECK_EQ(stats.submitted, stats.completed);
        CHECK_EQ(stats.panicked, episode.failures[i]);
        spec_destroy(episode.pool[i]);
        CHECK_EQ(episode.reports[i], episode.failures[i]);
    }
    for (int i = 0; i < episode.actors; i++) {
        for (size_t k = 0; k < episode.actor[i].used; k++)
            check_record(&episode.actor[i].records[k]);
        free(episode.actor[i].records);
    }
}

static void play_episode(uint64_t seed)
{
    static char name[128];
    snprintf(name, sizeof name, "an episode of ANTPOOL_FUZZ_SEED=%" PRIu64, seed);
    spec_name = name;
    chance_t chance = seed * 0x9E3779B97F4A7C15u + 1;
    begin_episode(&chance);
    for (int i = 0; i < episode.actors; i++)
        episode.actor[i].thread = spec_thread(play, &episode.actor[i]);
    if (one_in(&chance, 20) && !SPEC_SANITIZED && !spec_under_valgrind() && !spec_emulated())
        CHECK_EXIT(child_wait(child_start(in_child, NULL)), 0);
    for (int i = 0; i < episode.actors; i++)
        spec_join(episode.actor[i].thread);
    end_episode();
}

static uint64_t now_us(void)
{
    struct timespec now;
    CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

SPEC(whatever_is_called_in_whatever_order_each_argument_is_used_once)
{
    const uint64_t end = now_us() + 50 * spec_argument(60000);
    const char *chosen = getenv("ANTPOOL_FUZZ_SEED");
    uint64_t seed = chosen ? strtoull(chosen, NULL, 10) : now_us();
    do
        play_episode(chosen ? seed : seed++);
    while (now_us() < end);
}

SPEC_MAIN()
