/*
 * antpool_release_discard(): tasks that have not begun never run, and somebody gets their arguments.
 */
#include "spec.h"

#include "child.h"

static count_t ran = COUNT_INIT, discarded = COUNT_INIT;

static void run_one(void *arg)
{
    (void)arg;
    count_add(&ran, 1);
}

static void discard_one(void *arg)
{
    count_add(arg != NULL ? (count_t *)arg : &discarded, 1);
}

static antpool_stats_t stats_of(antpool_t *pool)
{
    antpool_stats_t stats = ANTPOOL_STATS_INIT;
    CHECK_STATUS(antpool_get_stats(pool, &stats), ANTPOOL_OK);
    return stats;
}

enum { QUEUED = 200 };

/* A pool of this number of workers, all of them at the gate, with QUEUED tasks behind them. */
static antpool_t *held_pool(long workers, gate_t *gate, antpool_options_t *options)
{
    options->queue_capacity = ANTPOOL_QUEUE_UNBOUNDED;
    antpool_t *pool = spec_pool(workers, options);
    spec_hold(pool, gate, workers);
    for (int i = 0; i < QUEUED; i++)
        CHECK_STATUS(antpool_submit(pool, run_one, NULL), ANTPOOL_OK);
    return pool;
}

SPEC(tasks_that_have_not_begun_never_run_and_those_that_run_go_on)
{
    gate_t gate = GATE_INIT;
    antpool_options_t options = spec_options();
    antpool_t *pool = held_pool(2, &gate, &options);
    CHECK_STATUS(antpool_release_discard(pool, discard_one), ANTPOOL_OK);
    CHECK_EQ(count_get(&discarded), QUEUED); /* No worker is free: in the call. */
    CHECK_STATUS(antpool_submit(pool, run_one, NULL), ANTPOOL_ERR_CLOSED);
    CHECK_EQ(stats_of(pool).canceled, QUEUED);
    CHECK_EQ(stats_of(pool).completed, QUEUED);
    CHECK_STATUS(antpool_release_timeout(pool, 0), ANTPOOL_ERR_TIMED_OUT);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_EQ(count_get(&gate.passed), 2);
    CHECK_EQ(count_get(&ran), 0);
    CHECK_EQ(count_get(&discarded), QUEUED);
    CHECK_EQ(stats_of(pool).completed, QUEUED + 2);
    CHECK_EQ(stats_of(pool).submitted, QUEUED + 2);
    spec_destroy(pool);
}

static gate_t in_the_call = GATE_INIT;
static pthread_t calling;

/* Holds the call; workers go on. */
static void discard_slowly_in_the_call(void *arg)
{
    if (pthread_equal(pthread_self(), calling))
        gate_task(&in_the_call);
    discard_one(arg);
}

static void *discard_on_a_thread(void *pool)
{
    calling = pthread_self();
    CHECK_STATUS(antpool_release_discard((antpool_t *)pool, discard_slowly_in_the_call),
                 ANTPOOL_OK);
    return NULL;
}

SPEC(workers_that_come_free_discard_tasks_instead_of_running_them)
{
    gate_t gate = GATE_INIT;
    antpool_options_t options = spec_options();
    options.carriers = 2;
    antpool_t *pool = held_pool(2, &gate, &options);
    pthread_t thread = spec_thread(discard_on_a_thread, pool);
    count_wait(&in_the_call.arrived, 1);
    gate_open(&gate);
    count_wait(&discarded, QUEUED - 1);
    CHECK_EQ(count_get(&ran), 0);
    gate_open(&in_the_call);
    spec_join(thread);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&discarded), QUEUED);
    CHECK_EQ(stats_of(pool).canceled, QUEUED);
    spec_destroy(pool);
}

SPEC(arguments_that_nobody_wants_are_left_alone)
{
    gate_t gate = GATE_INIT;
    antpool_options_t options = spec_options();
    antpool_t *pool = held_pool(1, &gate, &options);
    CHECK_STATUS(antpool_release_discard(pool, NULL), ANTPOOL_OK);
    CHECK_EQ(stats_of(pool).canceled, QUEUED);
    gate_open(&gate);
    spec_destroy(pool);
    CHECK_EQ(count_get(&ran), 0);
}

static void discard_copy(void *arg)
{
    CHECK_TEXT((const char *)arg, "seven");
    count_add(&discarded, 1);
}

SPEC(a_copy_is_discarded_by_its_bytes)
{
    gate_t gate = GATE_INIT;
    antpool_options_t options = spec_options();
    options.queue_capacity = 1;
    antpool_t *pool = spec_pool(1, &options);
    spec_hold(pool, &gate, 1);
    CHECK_STATUS(antpool_submit_copy(pool, run_one, "seven", 6), ANTPOOL_OK);
    CHECK_STATUS(antpool_release_discard(pool, discard_copy), ANTPOOL_OK);
    CHECK_EQ(count_get(&discarded), 1);
    gate_open(&gate);
    spec_destroy(pool);
}

SPEC(a_handle_says_that_its_task_is_canceled)
{
    gate_t gate = GATE_INIT;
    count_t mine = COUNT_INIT;
    antpool_task_t *task, *own;
    antpool_options_t options = spec_options();
    antpool_t *pool = held_pool(1, &gate, &options);
    CHECK_STATUS(antpool_task_submit(pool, run_one, NULL, &task), ANTPOOL_OK);
    CHECK_STATUS(antpool_task_submit(pool, run_one, &mine, &own), ANTPOOL_OK);
    CHECK_STATUS(antpool_task_cancel(own), ANTPOOL_OK);
    CHECK_STATUS(antpool_release_discard(pool, discard_one), ANTPOOL_OK);
    CHECK_STATUS(antpool_task_wait(task), ANTPOOL_ERR_CANCELED);
    CHECK_STATUS(antpool_task_cancel(task), ANTPOOL_ERR_CANCELED);
    CHECK_STATUS(antpool_task_wait(own), ANTPOOL_ERR_CANCELED);
    CHECK_EQ(count_get(&discarded), QUEUED + 1);
    CHECK_EQ(count_get(&mine), 0); /* Whoever canceled it has it. */
    CHECK_EQ(stats_of(pool).canceled, QUEUED + 2);
    CHECK_STATUS(antpool_task_destroy(task), ANTPOOL_OK);
    CHECK_STATUS(antpool_task_destroy(own), ANTPOOL_OK);
    gate_open(&gate);
    spec_destroy(pool);
}

SPEC(a_group_is_empty_when_its_tasks_are_discarded)
{
    gate_t gate = GATE_INIT;
    antpool_group_t *group;
    antpool_options_t options = spec_options();
    antpool_t *pool = held_pool(1, &gate, &options);
    CHECK_STATUS(antpool_group_new(&group), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_submit(group, pool, run_one, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_release_discard(pool, discard_one), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_wait(group), ANTPOOL_OK);
    CHECK_STATUS(antpool_group_destroy(group), ANTPOOL_OK);
    CHECK_EQ(count_get(&discarded), QUEUED + 1);
    gate_open(&gate);
    spec_destroy(pool);
}

static count_t delivered = COUNT_INIT;

static void deliver(void *arg, antpool_status_t status)
{
    (void)arg;
    CHECK_STATUS(status, ANTPOOL_ERR_CANCELED);
    count_add(&delivered, 1);
}

SPEC(completions_deliver_a_task_that_never_runs_as_canceled)
{
    gate_t gate = GATE_INIT;
    antpool_completions_t *completions;
    antpool_options_t options = spec_options();
    antpool_t *pool = held_pool(1, &gate, &options);
    CHECK_STATUS(antpool_completions_new(0, &completions), ANTPOOL_OK);
    CHECK_STATUS(antpool_completions_submit(completions, pool, run_one, deliver, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_release_discard(pool, discard_one), ANTPOOL_OK);
    CHECK_EQ(antpool_completions_dispatch(completions, 0), 1);
    CHECK_EQ(count_get(&delivered), 1);
    CHECK_EQ(count_get(&discarded), QUEUED);
    CHECK_STATUS(antpool_completions_destroy(completions), ANTPOOL_OK);
    gate_open(&gate);
    spec_destroy(pool);
}

SPEC(callers_that_wait_get_closed_and_keep_their_argument)
{
    gate_t gate = GATE_INIT;
    caller_t caller;
    antpool_t *pool = spec_pool(1, NULL);
    spec_hold(pool, &gate, 1);
    caller_wait_in(&caller, pool, run_one, NULL);
    CHECK_STATUS(antpool_release_discard(pool, discard_one), ANTPOOL_OK);
    CHECK_STATUS(caller_join(&caller), ANTPOOL_ERR_CLOSED);
    gate_open(&gate);
    spec_destroy(pool);
    CHECK_EQ(count_get(&ran) + count_get(&discarded), 0);
}

static void discard_the_rest(void *gate)
{
    gate_task(gate);
    CHECK_STATUS(antpool_release_discard(antpool_current(), discard_one), ANTPOOL_OK);
    CHECK_EQ(count_get(&discarded), QUEUED);
}

SPEC(a_task_may_discard_those_behind_it)
{
    gate_t gate = GATE_INIT;
    antpool_options_t options = spec_options();
    options.queue_capacity = ANTPOOL_QUEUE_UNBOUNDED;
    antpool_t *pool = spec_pool(1, &options);
    CHECK_STATUS(antpool_submit(pool, discard_the_rest, &gate), ANTPOOL_OK);
    for (int i = 0; i < QUEUED; i++)
        CHECK_STATUS(antpool_submit(pool, run_one, NULL), ANTPOOL_OK);
    gate_open(&gate);
    spec_destroy(pool);
    CHECK_EQ(count_get(&ran), 0);
    CHECK_EQ(count_get(&discarded), QUEUED);
}

SPEC(a_closed_pool_discards_what_is_left)
{
    gate_t gate = GATE_INIT;
    antpool_options_t options = spec_options();
    antpool_t *pool = held_pool(1, &gate, &options);
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&discarded), 0);
    CHECK_STATUS(antpool_release_discard(pool, discard_one), ANTPOOL_OK);
    CHECK_STATUS(antpool_release_discard(pool, discard_one), ANTPOOL_OK);
    CHECK_EQ(count_get(&discarded), QUEUED);
    gate_open(&gate);
    spec_destroy(pool);
    CHECK_EQ(count_get(&ran), 0);
}

SPEC(a_pool_that_is_opened_again_runs_its_tasks)
{
    gate_t gate = GATE_INIT;
    antpool_options_t options = spec_options();
    antpool_t *pool = held_pool(1, &gate, &options);
    CHECK_STATUS(antpool_release_discard(pool, discard_one), ANTPOOL_OK);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    for (int i = 0; i < QUEUED; i++)
        CHECK_STATUS(antpool_submit(pool, run_one, NULL), ANTPOOL_OK);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), QUEUED);
    CHECK_EQ(count_get(&discarded), QUEUED);
    spec_destroy(pool);
}

/* ---- Discarding that fails ------------------------------------------------------------------- */

static count_t reported = COUNT_INIT;

static void note_failure(void *data, const antpool_panic_info_t *info)
{
    (void)data;
    CHECK(antpool_current() == info->pool);
    CHECK_TEXT(info->message, "on purpose");
    count_add(&reported, 1);
}

static void fail_to_discard(void *arg)
{
    CHECK(antpool_current() != NULL);
    CHECK_STATUS(antpool_wait(antpool_current()), ANTPOOL_ERR_DEADLOCK);
    discard_one(arg);
    antpool_panic("on purpose");
}

SPEC(a_discard_that_fails_is_reported_and_the_next_task_follows)
{
    gate_t gate = GATE_INIT;
    antpool_options_t options = spec_options();
    options.panic_handler = note_failure;
    antpool_t *pool = held_pool(1, &gate, &options);
    CHECK_STATUS(antpool_release_discard(pool, fail_to_discard), ANTPOOL_OK);
    CHECK_EQ(count_get(&discarded), QUEUED);
    CHECK_EQ(count_get(&reported), QUEUED);
    CHECK_EQ(stats_of(pool).panicked, QUEUED);
    CHECK(antpool_current() == NULL);
    gate_open(&gate);
    spec_destroy(pool);
}

static void end_the_thread(void *arg)
{
    (void)arg;
    pthread_exit(NULL);
}

static void discard_in_child(void *arg)
{
    (void)arg;
    gate_t gate = GATE_INIT;
    antpool_options_t options = spec_options();
    antpool_t *pool = held_pool(1, &gate, &options);
    (void)antpool_release_discard(pool, end_the_thread);
}

SPEC(a_discard_that_ends_the_thread_of_the_call_ends_the_process_with_a_message)
{
    char said[4096];
    CHECK_ABORTED(child_run(discard_in_child, NULL, said, sizeof said));
    CHECK(strstr(said, "pthread_exit() in what discards a task") != NULL);
}

/* ---- Loops and gangs ------------------------------------------------------------------------- */

typedef struct gang_t {
    antpool_t *pool;
    meeting_t meeting;
    count_t inside;
    gate_t gate;
} gang_t;

static void meet_in_gang(void *arg, size_t slot)
{
    gang_t *gang = (gang_t *)arg;
    if (slot == 0) {
        count_add(&gang->inside, 1);
        gate_task(&gang->gate);
    }
    meeting_task(&gang->meeting);
}

static void *run_gang(void *arg)
{
    gang_t *gang = (gang_t *)arg;
    CHECK_STATUS(antpool_run_together(gang->pool, 3, meet_in_gang, gang), ANTPOOL_OK);
    return NULL;
}

SPEC(a_gang_that_has_begun_goes_on)
{
    static gang_t gang;
    antpool_options_t options = spec_options();
    for (size_t round = spec_rounds(200); round > 0; round--) {
        memset(&gang, 0, sizeof gang);
        gang.pool = spec_pool(2, &options);
        meeting_init(&gang.meeting, 3);
        gate_open(&gang.gate);
        pthread_t thread = spec_thread(run_gang, &gang);
        count_wait(&gang.inside, 1);
        CHECK_STATUS(antpool_release_discard(gang.pool, discard_one), ANTPOOL_OK);
        spec_join(thread);
        CHECK_EQ(count_get(&gang.meeting.met), 3);
        CHECK_EQ(count_get(&discarded), 0);
        CHECK_EQ(stats_of(gang.pool).canceled, 0);
        spec_destroy(gang.pool);
    }
}

/* ---- All at once ----------------------------------------------------------------------------- */

typedef struct storm_t {
    antpool_t *pool;
    count_t accepted;
    gate_t stop;
} storm_t;

static void *submit_all_the_time(void *arg)
{
    storm_t *storm = (storm_t *)arg;
    while (!gate_take(&storm->stop)) {
        antpool_status_t status = antpool_submit(storm->pool, run_one, NULL);
        CHECK(status == ANTPOOL_OK || status == ANTPOOL_ERR_CLOSED);
        if (status == ANTPOOL_OK)
            count_add(&storm->accepted, 1);
    }
    return NULL;
}

SPEC(each_accepted_task_runs_or_is_discarded_once_whatever_happens_meanwhile)
{
    enum { SUBMITTERS = 3 };
    storm_t storm = {NULL, COUNT_INIT, GATE_INIT};
    antpool_options_t options = spec_options();
    options.queue_capacity = 50;
    storm.pool = spec_pool(2, &options);
    pthread_t threads[SUBMITTERS];
    for (int i = 0; i < SUBMITTERS; i++)
        threads[i] = spec_thread(submit_all_the_time, &storm);
    for (size_t round = spec_rounds(1000); round > 0; round--) {
        CHECK_STATUS(antpool_release_discard(storm.pool, discard_one), ANTPOOL_OK);
        if (round % 4 == 0)
            CHECK_STATUS(antpool_release_timeout(storm.pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
        CHECK_STATUS(antpool_reboot(storm.pool), ANTPOOL_OK);
    }
    gate_open(&storm.stop);
    for (int i = 0; i < SUBMITTERS; i++)
        spec_join(threads[i]);
    CHECK_STATUS(antpool_wait(storm.pool), ANTPOOL_OK);
    antpool_stats_t stats = stats_of(storm.pool);
    CHECK_EQ(count_get(&ran) + count_get(&discarded), count_get(&storm.accepted));
    CHECK_EQ(stats.submitted, count_get(&storm.accepted));
    CHECK_EQ(stats.completed, stats.submitted);
    CHECK_EQ(stats.canceled, count_get(&discarded));
    spec_destroy(storm.pool);
}

SPEC_MAIN()
