/*
 * The index of a worker: a place in a table that is nobody else's.
 */
#include "spec.h"

enum { MOST = 256 };

/* Which thread has which index, between its start hook and its stop hook. */
typedef struct table_t {
    pthread_mutex_t mutex;
    bool taken[MOST];
    pthread_t threads[MOST];
    count_t started;
    gate_t *stop; /* what the stop hooks wait at, or NULL */
} table_t;

#define TABLE_INIT                                                \
    {                                                             \
        PTHREAD_MUTEX_INITIALIZER, {false}, {0}, COUNT_INIT, NULL \
    }

static void take_place(void *data, antpool_t *pool, size_t index)
{
    table_t *table = (table_t *)data;
    CHECK(index < antpool_worker_index_limit(pool) && index < MOST);
    CHECK_EQ(antpool_worker_index(), index);
    CHECK_EQ(pthread_mutex_lock(&table->mutex), 0);
    CHECK(!table->taken[index]);
    table->taken[index] = true;
    table->threads[index] = pthread_self();
    CHECK_EQ(pthread_mutex_unlock(&table->mutex), 0);
    count_add(&table->started, 1);
}

static void leave_place(void *data, antpool_t *pool, size_t index)
{
    table_t *table = (table_t *)data;
    (void)pool;
    CHECK_EQ(antpool_worker_index(), index);
    if (table->stop != NULL)
        gate_task(table->stop);
    CHECK_EQ(pthread_mutex_lock(&table->mutex), 0);
    CHECK(table->taken[index] && pthread_equal(table->threads[index], pthread_self()));
    table->taken[index] = false;
    CHECK_EQ(pthread_mutex_unlock(&table->mutex), 0);
}

/* A task: its place is that of its worker. */
static void look_up(void *data)
{
    table_t *table = (table_t *)data;
    const size_t index = antpool_worker_index();
    CHECK(index < antpool_worker_index_limit(antpool_current()) && index < MOST);
    CHECK_EQ(pthread_mutex_lock(&table->mutex), 0);
    CHECK(table->taken[index] && pthread_equal(table->threads[index], pthread_self()));
    CHECK_EQ(pthread_mutex_unlock(&table->mutex), 0);
}

static antpool_options_t with_table(table_t *table)
{
    antpool_options_t options = spec_options();
    options.on_worker_start = take_place;
    options.on_worker_stop = leave_place;
    options.worker_data = table;
    options.carriers = 2;
    options.expiry_ms = 1;
    return options;
}

SPEC(a_task_has_the_index_that_the_hooks_of_its_worker_got)
{
    spec_needs_true_fibers();
    table_t table = TABLE_INIT;
    antpool_options_t options = with_table(&table);
    options.queue_capacity = ANTPOOL_QUEUE_UNBOUNDED;
    antpool_t *pool = spec_pool(4, &options);
    for (size_t round = spec_rounds(20); round > 0; round--) {
        for (int i = 0; i < 20; i++)
            CHECK_STATUS(antpool_submit(pool, look_up, &table), ANTPOOL_OK);
        EVENTUALLY(antpool_running(pool) == 0);
    }
    spec_destroy(pool);
}

/* What tasks that run at the same time have found. */
typedef struct places_t {
    meeting_t meeting;
    table_t *table;
    count_t by_index[MOST];
} places_t;

static void meet_with_index(void *arg)
{
    places_t *places = (places_t *)arg;
    const size_t index = antpool_worker_index();
    CHECK(index < antpool_worker_index_limit(antpool_current()) && index < MOST);
    count_add(&places->by_index[index], 1);
    meeting_task(&places->meeting);
    count_add(&places->by_index[index], -1);
}

SPEC_THREADS(workers_that_run_at_the_same_time_have_different_indices_after_a_tune_too)
{
    enum { BEFORE = 3, AFTER = 8 };
    static places_t places;
    antpool_t *pool = spec_pool(BEFORE, NULL);
    const size_t limit = antpool_worker_index_limit(pool);
    CHECK_GE(limit, BEFORE);
    for (int workers = BEFORE; workers <= AFTER; workers++) {
        memset(&places, 0, sizeof places);
        meeting_init(&places.meeting, workers + 1);
        CHECK_STATUS(antpool_tune(pool, workers), ANTPOOL_OK);
        CHECK_GE(antpool_worker_index_limit(pool), workers);
        for (int i = 0; i < workers; i++)
            CHECK_STATUS(antpool_submit(pool, meet_with_index, &places), ANTPOOL_OK);
        count_wait(&places.meeting.here, workers);
        for (int i = 0; i < MOST; i++)
            CHECK_LE(count_get(&places.by_index[i]), 1);
        meeting_task(&places.meeting);
        CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    }
    CHECK_EQ(antpool_worker_index_limit(pool), limit + AFTER - BEFORE);
    CHECK_STATUS(antpool_tune(pool, 1), ANTPOOL_OK);
    CHECK_EQ(antpool_worker_index_limit(pool), limit + AFTER - BEFORE);
    spec_destroy(pool);
}

static void end_the_thread(void *table)
{
    look_up(table);
    table_t *places = (table_t *)table;
    CHECK_EQ(pthread_mutex_lock(&places->mutex), 0);
    places->taken[antpool_worker_index()] = false; /* No stop hook will. */
    CHECK_EQ(pthread_mutex_unlock(&places->mutex), 0);
    pthread_exit(NULL);
}

static void handled(void *data, const antpool_panic_info_t *info)
{
    (void)info;
    look_up(data);
}

SPEC_THREADS(the_worker_in_the_place_of_a_lost_one_has_an_index_of_its_own)
{
    table_t table = TABLE_INIT;
    antpool_options_t options = with_table(&table);
    options.panic_handler = handled;
    options.panic_data = &table;
    options.disable_purge = true;
    antpool_t *pool = spec_pool(3, &options);
    for (size_t round = spec_rounds(300); round > 0; round--) {
        CHECK_STATUS(antpool_submit(pool, end_the_thread, &table), ANTPOOL_OK);
        CHECK_STATUS(antpool_submit(pool, look_up, &table), ANTPOOL_OK);
    }
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    spec_destroy(pool);
}

static void keep_index(void *arg)
{
    *(size_t *)arg = antpool_worker_index();
}

static void ask_in_block(void *arg)
{
    size_t inside = 0;
    const size_t mine = antpool_worker_index();
    CHECK_STATUS(antpool_block(keep_index, &inside), ANTPOOL_OK);
    CHECK_EQ(inside, spec_on_fibers() ? SIZE_MAX : mine);
    CHECK_EQ(antpool_worker_index(), mine);
    count_task(arg);
}

SPEC(in_a_blocking_call_there_is_no_index_but_that_of_a_worker_which_makes_it_itself)
{
    count_t done = COUNT_INIT;
    antpool_t *pool = spec_pool(1, NULL);
    CHECK_EQ(antpool_worker_index(), SIZE_MAX);
    CHECK_STATUS(antpool_submit(pool, ask_in_block, &done), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&done), 1);
    spec_destroy(pool);
}

SPEC_THREADS(a_worker_for_which_no_index_is_left_waits_for_a_stop_hook_to_return)
{
    table_t table = TABLE_INIT;
    gate_t stop = GATE_INIT;
    count_t done = COUNT_INIT;
    table.stop = &stop;
    antpool_options_t options = with_table(&table);
    antpool_t *pool = spec_pool(1, &options);
    const long limit = (long)antpool_worker_index_limit(pool);
    for (long i = 0; i < limit; i++) {
        CHECK_STATUS(antpool_submit(pool, look_up, &table), ANTPOOL_OK);
        count_wait(&stop.arrived, i + 1);
    }
    CHECK_EQ(count_get(&table.started), limit);

    CHECK_STATUS(antpool_submit(pool, count_task, &done), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait_timeout(pool, 50), ANTPOOL_ERR_TIMED_OUT);
    CHECK_EQ(count_get(&table.started), limit);
    gate_let(&stop, 1);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&done), 1);
    gate_open(&stop);
    spec_destroy(pool);
}

SPEC_MAIN()
