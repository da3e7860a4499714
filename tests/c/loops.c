/*
 * antpool_parallel_for() and antpool_run_together(): each index runs once, a slot belongs to one body at a time,
 * a loop neither waits for workers that are busy nor deadlocks, and a gang runs whole or not at all.
 */
#include "spec.h"

#include "child.h"
#include "failures.h"

/* ---- Loops ---------------------------------------------------------------------------------- */

enum { SLOTS = 8 };

/* What the bodies of a loop write down. */
typedef struct loop_t {
    unsigned char *runs; /* of each index */
    size_t count;
    size_t grain;
    long inside[SLOTS]; /* bodies that have the slot now */
    long ranges[SLOTS];
    unsigned sleep_us;
} loop_t;

static void loop_init(loop_t *loop, size_t count, size_t grain)
{
    memset(loop, 0, sizeof *loop);
    loop->runs = (unsigned char *)calloc(count + 1, 1);
    CHECK(loop->runs != NULL);
    loop->count = count;
    loop->grain = grain;
}

static void loop_body(void *arg, size_t begin, size_t end, size_t slot)
{
    loop_t *loop = (loop_t *)arg;
    CHECK(begin < end && end <= loop->count && slot < SLOTS);
    CHECK_EQ(__atomic_add_fetch(&loop->inside[slot], 1, __ATOMIC_SEQ_CST), 1);
    loop->ranges[slot]++;
    if (loop->grain > 0)
        CHECK(begin % loop->grain == 0 &&
              (end - begin == loop->grain || (end == loop->count && end - begin < loop->grain)));
    if (loop->sleep_us > 0)
        antpool_sleep_us(loop->sleep_us);
    for (size_t index = begin; index < end; index++)
        loop->runs[index]++; /* not atomic: nobody else may have the index */
    CHECK_EQ(__atomic_sub_fetch(&loop->inside[slot], 1, __ATOMIC_SEQ_CST), 0);
}

/* Every index has run once; gives the number of slots that were used. */
static long loop_check(loop_t *loop)
{
    long slots = 0;
    for (size_t index = 0; index < loop->count; index++)
        CHECK_EQ(loop->runs[index], 1);
    CHECK_EQ(loop->runs[loop->count], 0);
    for (size_t slot = 0; slot < SLOTS; slot++)
        slots += loop->ranges[slot] > 0;
    free(loop->runs);
    return slots;
}

SPEC(each_index_runs_once_whatever_the_count_and_the_grain)
{
    static const size_t counts[] = {0, 1, 2, 7, 64, 1000, 100000};
    static const size_t grains[] = {0, 1, 7, 64, 1000000, SIZE_MAX};
    antpool_t *pool = spec_pool(4, NULL);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        for (size_t g = 0; g < sizeof grains / sizeof *grains; g++) {
            loop_t loop;
            loop_init(&loop, counts[c], grains[g]);
            CHECK_STATUS(antpool_parallel_for(pool, counts[c], grains[g], 4, loop_body, &loop),
                         ANTPOOL_OK);
            CHECK_LE(loop_check(&loop), 4);
        }
    }
    spec_destroy(pool);
}

SPEC(the_library_chooses_ranges_that_cover_a_loop_of_uneven_bodies)
{
    antpool_t *pool = spec_pool(3, NULL);
    loop_t loop;
    loop_init(&loop, 3000, 0);
    loop.sleep_us = 100;
    CHECK_STATUS(antpool_parallel_for(pool, 3000, 0, 0, loop_body, &loop), ANTPOOL_OK);
    loop_check(&loop);
    spec_destroy(pool);
}

/* A body that returns when as many are under way as there are slots. */
static void meet_in_loop(void *arg, size_t begin, size_t end, size_t slot)
{
    (void)begin;
    (void)end;
    (void)slot;
    meeting_task(arg);
}

SPEC(idle_workers_and_new_ones_help_with_a_loop_of_few_long_bodies)
{
    /* Four indices whose bodies end only together: each has a thread of its own. */
    antpool_t *pool = spec_pool(3, NULL);
    for (int round = 0; round < 3; round++) {
        meeting_t meeting;
        meeting_init(&meeting, 4);
        CHECK_STATUS(antpool_parallel_for(pool, 4, 1, 4, meet_in_loop, &meeting), ANTPOOL_OK);
        CHECK_EQ(count_get(&meeting.met), 4);
    }
    CHECK_LE(antpool_running(pool), 3);
    spec_destroy(pool);
}

SPEC(no_more_slots_are_used_than_asked_for_nor_than_the_capacity_and_one)
{
    antpool_t *pool = spec_pool(2, NULL);
    for (size_t most = 1; most <= SLOTS; most++) {
        loop_t loop;
        loop_init(&loop, 64, 1);
        loop.sleep_us = 200;
        CHECK_STATUS(antpool_parallel_for(pool, 64, 1, most, loop_body, &loop), ANTPOOL_OK);
        long slots = loop_check(&loop);
        CHECK_LE(slots, (long)most);
        CHECK_LE(slots, 3);
    }
    spec_destroy(pool);
}

SPEC(on_a_busy_pool_the_caller_does_all_and_nothing_waits_in_the_queue)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = 100;
    antpool_t *pool = spec_pool(2, &options);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 2);
    loop_t loop;
    loop_init(&loop, 1000, 1);
    CHECK_STATUS(antpool_parallel_for(pool, 1000, 1, 4, loop_body, &loop), ANTPOOL_OK);
    CHECK_EQ(loop.ranges[0], 1000);
    CHECK_EQ(loop_check(&loop), 1);
    CHECK_EQ(antpool_available(pool), 100);
    gate_open(&gate);
    spec_destroy(pool);
}

SPEC(a_worker_that_comes_free_joins_a_loop_that_is_under_way)
{
    antpool_t *pool = spec_pool(1, NULL);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 1);
    gate_let(&gate, 1);
    loop_t loop;
    loop_init(&loop, 1000, 1);
    loop.sleep_us = 300;
    CHECK_STATUS(antpool_parallel_for(pool, 1000, 1, 2, loop_body, &loop), ANTPOOL_OK);
    CHECK_EQ(loop_check(&loop), 2);
    spec_destroy(pool);
}

/* A loop in each body of a loop. */
typedef struct nested_t {
    antpool_t *pool;
    count_t done;
} nested_t;

static void inner_body(void *arg, size_t begin, size_t end, size_t slot)
{
    (void)slot;
    count_add((count_t *)arg, (long)(end - begin));
}

static void outer_body(void *arg, size_t begin, size_t end, size_t slot)
{
    nested_t *nested = (nested_t *)arg;
    (void)slot;
    for (size_t index = begin; index < end; index++)
        CHECK_STATUS(antpool_parallel_for(nested->pool, 50, 5, 3, inner_body, &nested->done),
                     ANTPOOL_OK);
}

static void task_with_loop(void *arg)
{
    nested_t *nested = (nested_t *)arg;
    CHECK_STATUS(antpool_parallel_for(nested->pool, 20, 1, 4, outer_body, nested), ANTPOOL_OK);
}

SPEC(loops_in_loops_in_all_workers_of_a_pool_end)
{
    antpool_t *pool = spec_pool(3, NULL);
    nested_t nested = {pool, COUNT_INIT};
    for (int i = 0; i < 3; i++)
        CHECK_STATUS(antpool_submit(pool, task_with_loop, &nested), ANTPOOL_OK);
    task_with_loop(&nested);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&nested.done), 4 * 20 * 50);
    spec_destroy(pool);
}

static void *thread_with_loop(void *arg)
{
    task_with_loop(arg);
    return NULL;
}

SPEC(loops_of_several_threads_share_a_pool)
{
    antpool_t *pool = spec_pool(2, NULL);
    nested_t nested = {pool, COUNT_INIT};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        threads[i] = spec_thread(thread_with_loop, &nested);
    for (int i = 0; i < 4; i++)
        spec_join(threads[i]);
    CHECK_EQ(count_get(&nested.done), 4 * 20 * 50);
    spec_destroy(pool);
}

/* Loops that end while their helpers are still on their way, again and again. */
SPEC(a_helper_that_comes_late_does_nothing)
{
    antpool_t *pool = spec_pool(2, NULL);
    for (size_t round = 0; round < spec_rounds(20000); round++) {
        unsigned char runs[8] = {0};
        loop_t loop = {runs, 4, 1, {0}, {0}, 0};
        CHECK_STATUS(antpool_parallel_for(pool, 4, 1, 3, loop_body, &loop), ANTPOOL_OK);
        CHECK_EQ(runs[0] + runs[1] + runs[2] + runs[3], 4);
        memset(&loop, 0xff, sizeof loop); /* nobody looks at it any more */
    }
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    spec_destroy(pool);
}

/* ---- Bodies that fail ----------------------------------------------------------------------- */

typedef void (*any_fn)(void); /* what pointers to functions are compared as */

typedef struct failing_t {
    const char *how;
    bool on_helper; /* where it fails */
    count_t failed;
    count_t ranges;
    antpool_t *current;
} failing_t;

static void failing_body(void *arg, size_t begin, size_t end, size_t slot)
{
    failing_t *failing = (failing_t *)arg;
    (void)begin;
    (void)end;
    count_add(&failing->ranges, 1);
    if (failing->on_helper == (slot != 0) && count_add(&failing->failed, 1) == 1) {
        failing->current = antpool_current();
        if (strcmp(failing->how, "marked") == 0)
            antpool_task_fail("marked");
        else if (strcmp(failing->how, "left") == 0)
            antpool_panic("left");
        else
            pthread_exit(NULL);
        return;
    }
    /* The helper is asked for while slot 0 is at work: it goes on until that one fails. */
    if (count_get(&failing->failed) == 0)
        antpool_sleep_us(100);
}

static void check_failing(antpool_t *pool, failures_t *failures, const char *how, bool on_helper)
{
    failing_t failing = {how, on_helper, COUNT_INIT, COUNT_INIT, NULL};
    const long before = count_get(&failures->handled);
    CHECK_STATUS(antpool_parallel_for(pool, 1000000, 1, 2, failing_body, &failing),
                 ANTPOOL_ERR_TASK_FAILED);
    CHECK_LE(count_get(&failing.ranges), 999999); /* it was cut short */
    count_wait(&failures->handled, before + 1);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&failures->handled), before + 1);
    CHECK_TEXT(failures->message, strcmp(how, "exit") == 0 ? "the task ended its thread" : how);
    CHECK(failures->info.arg == &failing);
    CHECK((any_fn)failures->info.fn == (any_fn)failing_body);
    CHECK(failures->info.pool == pool);
    CHECK(failing.current == (on_helper ? pool : NULL));
    CHECK_EQ(pthread_equal(failures->thread, pthread_self()) != 0, !on_helper);
}

SPEC(a_body_that_fails_ends_the_loop_and_the_handler_is_told_once)
{
    failures_t failures = FAILURES_INIT;
    antpool_options_t options = failures_handled(&failures);
    antpool_t *pool = spec_pool(1, &options);
    check_failing(pool, &failures, "marked", false);
    check_failing(pool, &failures, "left", false);
    check_failing(pool, &failures, "marked", true);
    check_failing(pool, &failures, "left", true);
    antpool_stats_t stats = ANTPOOL_STATS_INIT;
    CHECK_STATUS(antpool_get_stats(pool, &stats), ANTPOOL_OK);
    CHECK_EQ(stats.panicked, 4);
    spec_destroy(pool);
}

SPEC(a_body_that_ends_its_helpers_thread_costs_that_and_ends_the_loop)
{
    failures_t failures = FAILURES_INIT;
    antpool_options_t options = failures_handled(&failures);
    antpool_t *pool = spec_pool(1, &options);
    check_failing(pool, &failures, "exit", true);
    antpool_stats_t stats = ANTPOOL_STATS_INIT;
    CHECK_STATUS(antpool_get_stats(pool, &stats), ANTPOOL_OK);
    CHECK_EQ(stats.lost, 1);
    CHECK_STATUS(antpool_parallel_for(pool, 0, 0, 0, failing_body, NULL), ANTPOOL_OK);
    spec_destroy(pool);
}

static void exit_in_slot_0(void *pool)
{
    failing_t failing = {"exit", false, COUNT_INIT, COUNT_INIT, NULL};
    antpool_status_t status =
        antpool_parallel_for((antpool_t *)pool, 10, 1, 1, failing_body, &failing);
    spec_fail(__FILE__, __LINE__, "it came back: %s", antpool_status_name(status));
}

static void exit_in_child(void *unused)
{
    (void)unused;
    exit_in_slot_0(spec_pool(1, NULL));
}

SPEC(pthread_exit_in_slot_0_ends_the_process_with_a_message)
{
    char said[256];
    CHECK_ABORTED(child_run(exit_in_child, NULL, said, sizeof said));
    CHECK(strstr(said, "pthread_exit() in the body of a loop") != NULL);
}

static void *canceled_in_loop(void *arg)
{
    nested_t *nested = (nested_t *)arg;
    CHECK_EQ(pthread_cancel(pthread_self()), 0); /* stays pending through the loop */
    CHECK_STATUS(antpool_parallel_for(nested->pool, 10, 1, 2, outer_body, nested), ANTPOOL_OK);
    pthread_testcancel();
    return NULL;
}

SPEC(a_cancellation_waits_for_the_end_of_the_loop)
{
    antpool_t *pool = spec_pool(2, NULL);
    nested_t nested = {pool, COUNT_INIT};
    pthread_t thread = spec_thread(canceled_in_loop, &nested);
    void *result;
    CHECK_EQ(pthread_join(thread, &result), 0);
    CHECK(result == PTHREAD_CANCELED);
    CHECK_EQ(count_get(&nested.done), 10 * 50);
    spec_destroy(pool);
}

static void task_whose_loop_fails(void *pool)
{
    failing_t failing = {"marked", false, COUNT_INIT, COUNT_INIT, NULL};
    CHECK_STATUS(antpool_parallel_for((antpool_t *)pool, 10, 1, 1, failing_body, &failing),
                 ANTPOOL_ERR_TASK_FAILED);
    CHECK(failing.current == pool);
}

SPEC(a_task_whose_loop_fails_has_not_failed_itself)
{
    failures_t failures = FAILURES_INIT;
    antpool_options_t options = failures_handled(&failures);
    antpool_t *pool = spec_pool(2, &options);
    CHECK_STATUS(antpool_submit(pool, task_whose_loop_fails, pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&failures.handled), 1);
    CHECK((any_fn)failures.info.fn == (any_fn)failing_body);
    spec_destroy(pool);
}

/* ---- Closing, forking ----------------------------------------------------------------------- */

static void release_in_loop(void *arg, size_t begin, size_t end, size_t slot)
{
    nested_t *nested = (nested_t *)arg;
    if (begin == 0)
        CHECK_STATUS(antpool_release(nested->pool), ANTPOOL_OK);
    (void)slot;
    count_add(&nested->done, (long)(end - begin));
}

SPEC(a_loop_goes_on_when_its_pool_is_closed)
{
    antpool_t *pool = spec_pool(2, NULL);
    nested_t nested = {pool, COUNT_INIT};
    CHECK_STATUS(antpool_parallel_for(pool, 1000, 1, 2, release_in_loop, &nested), ANTPOOL_OK);
    CHECK_EQ(count_get(&nested.done), 1000);
    CHECK_STATUS(antpool_parallel_for(pool, 1000, 1, 2, release_in_loop, &nested),
                 ANTPOOL_ERR_CLOSED);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_EQ(count_get(&nested.done), 1000);
    spec_destroy(pool);
}

typedef struct forking_t {
    gate_t held; /* a helper is inside a body */
    pid_t child;
    pid_t parent;
    long ranges_in_child;
} forking_t;

static void fork_in_loop(void *arg, size_t begin, size_t end, size_t slot)
{
    forking_t *forking = (forking_t *)arg;
    (void)begin;
    (void)end;
    if (slot != 0) {
        gate_task(&forking->held);
        return;
    }
    if (count_get(&forking->held.arrived) == 0) {
        antpool_sleep_us(100);
    } else if (forking->child < 0) {
        fflush(NULL);
        forking->child = fork();
        CHECK_GE(forking->child, 0);
        if (forking->child > 0)
            gate_open(&forking->held);
    } else if (getpid() != forking->parent) {
        forking->ranges_in_child++;
    }
}

SPEC(in_the_child_of_a_body_the_loop_ends_with_forked_and_waits_for_nobody)
{
    antpool_t *pool = spec_pool(1, NULL);
    forking_t forking = {GATE_INIT, -1, getpid(), 0};
    antpool_status_t status = antpool_parallel_for(pool, 1000000, 1, 2, fork_in_loop, &forking);
    if (getpid() != forking.parent) {
        CHECK_STATUS(status, ANTPOOL_ERR_FORKED);
        CHECK_EQ(forking.ranges_in_child, 0);
        /* What the child makes for itself works. */
        nested_t nested = {spec_pool(2, NULL), COUNT_INIT};
        task_with_loop(&nested);
        CHECK_EQ(count_get(&nested.done), 20 * 50);
        spec_destroy(nested.pool);
        _exit(0);
    }
    CHECK_STATUS(status, ANTPOOL_OK);
    CHECK_EXIT(child_wait(forking.child), 0);
    spec_destroy(pool);
}

/* ---- Gangs ---------------------------------------------------------------------------------- */

typedef struct gang_t {
    meeting_t meeting;
    long slots[SLOTS];
} gang_t;

static void gang_body(void *arg, size_t slot)
{
    gang_t *gang = (gang_t *)arg;
    CHECK(slot < SLOTS);
    CHECK_EQ(__atomic_add_fetch(&gang->slots[slot], 1, __ATOMIC_SEQ_CST), 1);
    meeting_task(&gang->meeting); /* a barrier */
}

SPEC(a_gang_runs_all_at_the_same_time_each_in_a_slot_of_its_own)
{
    antpool_t *pool = spec_pool(SLOTS - 1, NULL);
    for (long count = 0; count <= SLOTS; count++) {
        gang_t gang = {{COUNT_INIT, 0, COUNT_INIT}, {0}};
        meeting_init(&gang.meeting, count);
        CHECK_STATUS(antpool_run_together(pool, (size_t)count, gang_body, &gang), ANTPOOL_OK);
        for (long slot = 0; slot < SLOTS; slot++)
            CHECK_EQ(gang.slots[slot], slot < count);
    }
    spec_destroy(pool);
}

static void never_called(void *arg, size_t slot)
{
    (void)arg;
    spec_fail(__FILE__, __LINE__, "slot %zu runs", slot);
}

SPEC(a_gang_for_which_workers_are_missing_is_overload_and_none_of_it_runs)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = 100;
    antpool_t *pool = spec_pool(3, &options);
    gate_t gate = GATE_INIT;
    CHECK_STATUS(antpool_run_together(pool, 5, never_called, NULL), ANTPOOL_ERR_OVERLOAD);
    spec_hold(pool, &gate, 1);
    CHECK_STATUS(antpool_run_together(pool, 4, never_called, NULL), ANTPOOL_ERR_OVERLOAD);
    gang_t gang = {{COUNT_INIT, 0, COUNT_INIT}, {0}};
    meeting_init(&gang.meeting, 3);
    CHECK_STATUS(antpool_run_together(pool, 3, gang_body, &gang), ANTPOOL_OK);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    spec_destroy(pool);
}

static void *thread_with_gangs(void *arg)
{
    antpool_t *pool = (antpool_t *)arg;
    for (long runs = 0; runs < 20;) {
        gang_t gang = {{COUNT_INIT, 0, COUNT_INIT}, {0}};
        meeting_init(&gang.meeting, 3);
        antpool_status_t status = antpool_run_together(pool, 3, gang_body, &gang);
        CHECK(status == ANTPOOL_OK || status == ANTPOOL_ERR_OVERLOAD);
        CHECK_EQ(count_get(&gang.meeting.met), status == ANTPOOL_OK ? 3 : 0);
        runs += status == ANTPOOL_OK;
        if (status != ANTPOOL_OK)
            spec_nap();
    }
    return NULL;
}

SPEC(gangs_of_several_threads_never_take_each_others_workers_half)
{
    antpool_t *pool = spec_pool(3, NULL);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        threads[i] = spec_thread(thread_with_gangs, pool);
    for (int i = 0; i < 3; i++)
        spec_join(threads[i]);
    spec_destroy(pool);
}

static void task_with_gang(void *arg)
{
    gang_t gang = {{COUNT_INIT, 0, COUNT_INIT}, {0}};
    meeting_init(&gang.meeting, 3);
    CHECK_STATUS(antpool_run_together((antpool_t *)arg, 3, gang_body, &gang), ANTPOOL_OK);
    CHECK_STATUS(antpool_run_together((antpool_t *)arg, 4, never_called, NULL),
                 ANTPOOL_ERR_OVERLOAD);
}

SPEC(a_task_leads_a_gang_with_its_own_worker_as_one_of_it)
{
    antpool_t *pool = spec_pool(3, NULL);
    CHECK_STATUS(antpool_submit(pool, task_with_gang, pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    spec_destroy(pool);
}

static void gang_fails(void *arg, size_t slot)
{
    gang_body(arg, slot);
    if (slot == 1)
        antpool_task_fail("one of them");
}

SPEC(a_gang_of_which_one_fails_is_told_so_when_all_have_ended)
{
    failures_t failures = FAILURES_INIT;
    antpool_options_t options = failures_handled(&failures);
    antpool_t *pool = spec_pool(2, &options);
    gang_t gang = {{COUNT_INIT, 0, COUNT_INIT}, {0}};
    meeting_init(&gang.meeting, 3);
    CHECK_STATUS(antpool_run_together(pool, 3, gang_fails, &gang), ANTPOOL_ERR_TASK_FAILED);
    CHECK_EQ(count_get(&gang.meeting.met), 3);
    count_wait(&failures.handled, 1);
    CHECK_TEXT(failures.message, "one of them");
    spec_destroy(pool);
}

SPEC_MAIN()
