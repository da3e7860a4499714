/* Lanes: tasks in order, at most a number of them at a time. */
#include "spec.h"

#include "child.h"

#include <malloc.h>

static antpool_lane_t *lane;
static gate_t gate = GATE_INIT;
static count_t ran = COUNT_INIT, discarded = COUNT_INIT, handled = COUNT_INIT;

static void discard(void *arg)
{
    CHECK(arg == &ran || arg == &gate);
    CHECK(antpool_is_canceled());
    count_add(&discarded, 1);
}

static void fail(void *arg)
{
    (void)arg;
    antpool_task_fail("on purpose");
}

static void end_thread(void *arg)
{
    (void)arg;
    pthread_exit(NULL);
}

static void count_failure(void *data, const antpool_panic_info_t *info)
{
    (void)data;
    (void)info;
    count_add(&handled, 1);
}

static void end_in_handler(void *data, const antpool_panic_info_t *info)
{
    (void)data;
    (void)info;
    pthread_exit(NULL);
}

/* A pool without a queue, and a new lane of it. */
static antpool_t *pool_and_lane(int64_t capacity, size_t limit, antpool_panic_fn handler)
{
    antpool_options_t options = spec_options();
    options.panic_handler = handler;
    antpool_t *pool = spec_pool(capacity, &options);
    CHECK_STATUS(antpool_lane_new(pool, limit, &lane), ANTPOOL_OK);
    CHECK(lane != NULL);
    return pool;
}

static void end(antpool_t *pool)
{
    CHECK_STATUS(antpool_lane_destroy(lane), ANTPOOL_OK);
    spec_destroy(pool);
}

static void submit(antpool_task_fn fn, void *arg)
{
    CHECK_STATUS(antpool_lane_submit(lane, fn, arg), ANTPOOL_OK);
}

static void wait_for_lane(void)
{
    CHECK_STATUS(antpool_lane_wait(lane), ANTPOOL_OK);
}

static antpool_stats_t stats_of(antpool_t *pool)
{
    antpool_stats_t stats = ANTPOOL_STATS_INIT;
    CHECK_STATUS(antpool_get_stats(pool, &stats), ANTPOOL_OK);
    return stats;
}

/* Calls on the lane for threads of their own. */
static antpool_status_t call_lane_wait(antpool_t *pool, uint64_t timeout_ms)
{
    (void)pool;
    return antpool_lane_wait_timeout(lane, timeout_ms);
}

static antpool_status_t call_lane_submit(antpool_t *pool, uint64_t timeout_ms)
{
    (void)pool;
    return antpool_lane_submit_timeout(lane, count_task, &ran, timeout_ms);
}

/* ---- Order and number ----------------------------------------------------------------------- */

/* What the tasks of a serial lane write without a lock. */
enum { NUMBERS = 20000 };
static int seen[NUMBERS], seen_count;

static void note(void *arg)
{
    seen[seen_count++] = *(const int *)arg;
}

SPEC(tasks_of_a_serial_lane_run_one_after_the_other_in_order)
{
    static int numbers[NUMBERS];
    antpool_t *pool = pool_and_lane(4, 1, NULL);
    submit(gate_task, &gate);
    for (int i = 0; i < NUMBERS; i++) {
        numbers[i] = i;
        submit(note, &numbers[i]);
        if (i == NUMBERS / 2)
            gate_open(&gate);
    }
    wait_for_lane();
    CHECK_EQ(seen_count, NUMBERS);
    for (int i = 0; i < NUMBERS; i++)
        CHECK_EQ(seen[i], i);
    end(pool);
}

/* How many are inside at a time. */
static int inside, most_inside;

static void be_inside(void *arg)
{
    const int now = __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
    CHECK_LE(now, *(const int *)arg);
    int most = __atomic_load_n(&most_inside, __ATOMIC_SEQ_CST);
    while (now > most && !__atomic_compare_exchange_n(&most_inside, &most, now, false,
                                                      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        continue;
    antpool_yield();
    __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
    count_add(&ran, 1);
}

static void *submit_insiders(void *arg)
{
    for (size_t i = 0; i < spec_rounds(5000); i++)
        submit(be_inside, arg);
    return NULL;
}

SPEC(never_more_than_the_limit_run_at_a_time)
{
    for (int limit = 1; limit <= 3; limit++) {
        antpool_t *pool = pool_and_lane(4, (size_t)limit, NULL);
        const long before = count_get(&ran);
        pthread_t threads[3];
        for (int i = 0; i < 3; i++)
            threads[i] = spec_thread(submit_insiders, &limit);
        for (int i = 0; i < 3; i++)
            spec_join(threads[i]);
        wait_for_lane();
        CHECK_EQ(count_get(&ran) - before, 3 * (long)spec_rounds(5000));
        end(pool);
    }
}

SPEC(as_many_as_the_limit_run_at_a_time)
{
    antpool_t *pool = pool_and_lane(4, 3, NULL);
    meeting_t meeting;
    meeting_init(&meeting, 3);
    for (int i = 0; i < 9; i++)
        submit(meeting_task, &meeting);
    wait_for_lane();
    CHECK_EQ(count_get(&meeting.met), 9);
    end(pool);
}

SPEC(what_may_not_run_yet_has_no_worker_and_takes_no_room)
{
    antpool_t *pool = pool_and_lane(2, 1, NULL);
    submit(gate_task, &gate);
    count_wait(&gate.arrived, 1);
    for (int i = 0; i < 100; i++)
        CHECK_STATUS(antpool_try_lane_submit(lane, count_task, &ran), ANTPOOL_OK);
    CHECK_EQ(antpool_lane_running(lane), 1);
    CHECK_EQ(antpool_lane_queued(lane), 100);
    CHECK_EQ(antpool_running(pool), 1);
    CHECK_EQ(antpool_available(pool), 1);
    count_t others = COUNT_INIT;
    CHECK_STATUS(antpool_submit(pool, count_task, &others), ANTPOOL_OK);
    count_wait(&others, 1);
    CHECK_EQ(count_get(&ran), 0);
    gate_open(&gate);
    wait_for_lane();
    CHECK_EQ(count_get(&ran), 100);
    CHECK_EQ(antpool_lane_running(lane), 0);
    CHECK_EQ(antpool_lane_queued(lane), 0);
    end(pool);
}

/* A task that says that it has begun, and stays. */
typedef struct stay_t {
    int number;
} stay_t;
static int begun[8], begun_count;

static void begin_and_stay(void *arg)
{
    begun[__atomic_fetch_add(&begun_count, 1, __ATOMIC_SEQ_CST)] = ((stay_t *)arg)->number;
    gate_task(&gate);
}

SPEC(tasks_of_a_wider_lane_begin_in_order_also_behind_a_queue)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = 16;
    antpool_t *pool = spec_pool(1, &options);
    CHECK_STATUS(antpool_lane_new(pool, 3, &lane), ANTPOOL_OK);
    gate_t first = GATE_INIT;
    spec_hold(pool, &first, 1);
    stay_t stays[8];
    for (int i = 0; i < 8; i++) {
        stays[i].number = i;
        submit(begin_and_stay, &stays[i]);
    }
    CHECK_EQ(antpool_lane_queued(lane), 8);
    CHECK_EQ(antpool_available(pool), 16 - 3);
    gate_open(&first);
    for (int i = 0; i < 8; i++) {
        count_wait(&gate.arrived, i + 1);
        CHECK_EQ(begun[i], i);
        gate_let(&gate, 1);
    }
    wait_for_lane();
    end(pool);
}

/* ---- Room ----------------------------------------------------------------------------------- */

SPEC(a_lane_below_its_limit_needs_room_in_the_pool)
{
    antpool_t *pool = pool_and_lane(1, 1, NULL);
    spec_hold(pool, &gate, 1);
    CHECK_STATUS(antpool_try_lane_submit(lane, count_task, &ran), ANTPOOL_ERR_OVERLOAD);
    CHECK_STATUS(antpool_lane_submit_timeout(lane, count_task, &ran, 0), ANTPOOL_ERR_TIMED_OUT);
    const uint64_t start = spec_now();
    CHECK_STATUS(antpool_lane_submit_timeout(lane, count_task, &ran, 5), ANTPOOL_ERR_TIMED_OUT);
    CHECK_GE(spec_now() - start, 5 * MS);
    CHECK_EQ(antpool_lane_queued(lane), 0);
    CHECK_STATUS(antpool_lane_wait_timeout(lane, 0), ANTPOOL_OK);
    call_t waiting[3];
    for (int i = 0; i < 3; i++)
        call_block_in(&waiting[i], call_lane_submit, pool, ANTPOOL_WAIT_FOREVER);
    CHECK_EQ(antpool_waiting(pool), 3);
    gate_open(&gate);
    for (int i = 0; i < 3; i++)
        CHECK_STATUS(call_join(&waiting[i]), ANTPOOL_OK);
    wait_for_lane();
    CHECK_EQ(count_get(&ran), 3);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(stats_of(pool).submitted, 4);
    CHECK_EQ(stats_of(pool).completed, 4);
    CHECK_EQ(antpool_available(pool), 1);
    end(pool);
}

SPEC(a_nonblocking_pool_refuses_a_lane_below_its_limit_and_no_other)
{
    antpool_options_t options = spec_options();
    options.nonblocking = true;
    antpool_t *pool = spec_pool(1, &options);
    CHECK_STATUS(antpool_lane_new(pool, 1, &lane), ANTPOOL_OK);
    gate_t others = GATE_INIT;
    spec_hold(pool, &others, 1);
    CHECK_STATUS(antpool_lane_submit(lane, count_task, &ran), ANTPOOL_ERR_OVERLOAD);
    gate_open(&others);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    submit(gate_task, &gate);
    submit(count_task, &ran);
    gate_open(&gate);
    wait_for_lane();
    CHECK_EQ(count_get(&ran), 1);
    end(pool);
}

SPEC(a_submit_that_finds_no_room_in_time_waits_in_the_lane_if_that_is_full_by_then)
{
    antpool_t *pool = pool_and_lane(1, 1, NULL);
    gate_t others = GATE_INIT;
    spec_hold(pool, &others, 1);
    call_t first, second;
    call_block_in(&first, call_lane_submit, pool, ANTPOOL_WAIT_FOREVER);
    call_block_in(&second, call_lane_submit, pool, 1000 * (uint64_t)spec_slowness());
    CHECK_STATUS(antpool_pause(pool),
                 ANTPOOL_OK); /* The first one gets the room, and does not begin. */
    gate_open(&others);
    CHECK_STATUS(call_join(&first), ANTPOOL_OK);
    CHECK_STATUS(call_join(&second), ANTPOOL_OK);
    CHECK_EQ(antpool_lane_queued(lane), 2);
    CHECK_STATUS(antpool_resume(pool), ANTPOOL_OK);
    wait_for_lane();
    CHECK_EQ(count_get(&ran), 2);
    end(pool);
}

SPEC(many_submits_at_once_give_back_the_room_that_they_do_not_need)
{
    antpool_t *pool = pool_and_lane(3, 1, NULL);
    int limit = 1;
    for (size_t round = 0; round < spec_rounds(20); round++) {
        pthread_t threads[3];
        for (int i = 0; i < 3; i++)
            threads[i] = spec_thread(submit_insiders, &limit);
        for (int i = 0; i < 3; i++)
            spec_join(threads[i]);
        wait_for_lane();
        CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
        CHECK_EQ(antpool_available(pool), 3);
        CHECK_EQ(antpool_busy(pool), 0);
    }
    CHECK_EQ(stats_of(pool).submitted, stats_of(pool).completed);
    end(pool);
}

/* ---- Turns ---------------------------------------------------------------------------------- */

/* A task of the lane that submits another one, until it is told to stop. */
static bool stop_chain;

static void chain(void *arg)
{
    count_add(&ran, 1);
    if (!__atomic_load_n(&stop_chain, __ATOMIC_ACQUIRE))
        submit(chain, arg);
}

SPEC(an_endless_lane_lets_the_tasks_of_the_queue_run)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = 100;
    options.carriers = 1;
    antpool_t *pool = spec_pool(1, &options);
    CHECK_STATUS(antpool_lane_new(pool, 1, &lane), ANTPOOL_OK);
    submit(chain, NULL);
    count_t others = COUNT_INIT;
    for (int i = 0; i < 100; i++)
        CHECK_STATUS(antpool_submit(pool, count_task, &others), ANTPOOL_OK);
    count_wait(&others, 100);
    EVENTUALLY(antpool_available(pool) == 100); /* The lane has one place. */
    const long before = count_get(&ran);
    count_wait(&ran, before + 1000);
    __atomic_store_n(&stop_chain, true, __ATOMIC_RELEASE);
    wait_for_lane();
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(stats_of(pool).submitted, stats_of(pool).completed);
    CHECK_EQ(stats_of(pool).completed, 100 + (uint64_t)count_get(&ran));
    end(pool);
}

SPEC(two_endless_lanes_on_one_worker_share_it)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = 1;
    antpool_t *pool = spec_pool(1, &options);
    antpool_lane_t *other = NULL;
    CHECK_STATUS(antpool_lane_new(pool, 1, &lane), ANTPOOL_OK);
    CHECK_STATUS(antpool_lane_new(pool, 1, &other), ANTPOOL_OK);
    submit(chain, NULL);
    count_t others = COUNT_INIT;
    for (int i = 0; i < 1000; i++)
        CHECK_STATUS(antpool_lane_submit(other, count_task, &others), ANTPOOL_OK);
    count_wait(&others, 1000);
    __atomic_store_n(&stop_chain, true, __ATOMIC_RELEASE);
    CHECK_STATUS(antpool_lane_wait(other), ANTPOOL_OK);
    CHECK_STATUS(antpool_lane_destroy(other), ANTPOOL_OK);
    wait_for_lane();
    end(pool);
}

static count_t woken = COUNT_INIT;

static void sleep_and_count(void *arg)
{
    antpool_sleep_ms(1);
    count_add((count_t *)arg, 1);
}

SPEC_FIBERS(an_endless_lane_lets_other_fibers_of_its_carrier_go_on)
{
    antpool_options_t options = spec_options();
    options.carriers = 1;
    antpool_t *pool = spec_pool(10, &options);
    CHECK_STATUS(antpool_lane_new(pool, 1, &lane), ANTPOOL_OK);
    submit(chain, NULL);
    for (int i = 0; i < 9; i++)
        CHECK_STATUS(antpool_submit(pool, sleep_and_count, &woken), ANTPOOL_OK);
    count_wait(&woken, 9);
    __atomic_store_n(&stop_chain, true, __ATOMIC_RELEASE);
    wait_for_lane();
    end(pool);
}

SPEC(an_empty_lane_takes_less_than_256_bytes)
{
    antpool_t *pool = pool_and_lane(1, 1, NULL);
    CHECK_LE(malloc_usable_size(lane), 200);
    struct mallinfo2 before = mallinfo2();
    enum { LANES = 10000 };
    static antpool_lane_t *lanes[LANES];
    for (int i = 0; i < LANES; i++) {
        CHECK_STATUS(antpool_lane_new(pool, 1, &lanes[i]), ANTPOOL_OK);
        CHECK_STATUS(antpool_lane_submit(lanes[i], nothing, NULL), ANTPOOL_OK);
        CHECK_STATUS(antpool_lane_wait(lanes[i]), ANTPOOL_OK);
    }
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    struct mallinfo2 after = mallinfo2(); /* Sanitizers and valgrind say 0. */
    CHECK_LE((after.uordblks - before.uordblks) / LANES, 255);
    for (int i = 0; i < LANES; i++)
        CHECK_STATUS(antpool_lane_destroy(lanes[i]), ANTPOOL_OK);
    end(pool);
}

SPEC(many_lanes_on_one_pool)
{
    enum { LANES = 10000 };
    static antpool_lane_t *lanes[LANES];
    antpool_t *pool = spec_pool(2, NULL);
    for (int i = 0; i < LANES; i++) {
        CHECK_STATUS(antpool_lane_new(pool, 1, &lanes[i]), ANTPOOL_OK);
        CHECK_STATUS(antpool_lane_submit(lanes[i], count_task, &ran), ANTPOOL_OK);
    }
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), LANES);
    for (int i = 0; i < LANES; i++)
        CHECK_STATUS(antpool_lane_destroy(lanes[i]), ANTPOOL_OK);
    spec_destroy(pool);
}

/* ---- Waiting -------------------------------------------------------------------------------- */

SPEC(an_empty_lane_is_waited_for_at_once)
{
    antpool_t *pool = pool_and_lane(1, 1, NULL);
    wait_for_lane();
    CHECK_STATUS(antpool_lane_wait_timeout(lane, 0), ANTPOOL_OK);
    end(pool);
}

SPEC(a_wait_with_a_limit_ends_with_it_and_takes_nothing)
{
    antpool_t *pool = pool_and_lane(2, 1, count_failure);
    submit(fail, NULL);
    submit(gate_task, &gate);
    CHECK_STATUS(antpool_lane_wait_timeout(lane, 0), ANTPOOL_ERR_TIMED_OUT);
    const uint64_t start = spec_now();
    CHECK_STATUS(antpool_lane_wait_timeout(lane, 5), ANTPOOL_ERR_TIMED_OUT);
    CHECK_GE(spec_now() - start, 5 * MS);
    call_t waits[3];
    for (int i = 0; i < 3; i++)
        call_block_in(&waits[i], call_lane_wait, pool, ANTPOOL_WAIT_FOREVER);
    gate_open(&gate);
    for (int i = 0; i < 3; i++)
        CHECK_STATUS(call_join(&waits[i]), ANTPOOL_ERR_TASK_FAILED);
    wait_for_lane();
    CHECK_EQ(count_get(&handled), 1);
    end(pool);
}

SPEC(a_lane_may_be_destroyed_as_soon_as_a_wait_has_returned)
{
    antpool_t *pool = pool_and_lane(2, 1, NULL);
    for (size_t i = 0; i < spec_rounds(20000); i++) {
        submit(nothing, NULL);
        if (i % 2 == 0)
            submit(nothing, NULL);
        wait_for_lane();
        CHECK_STATUS(antpool_lane_destroy(lane), ANTPOOL_OK);
        CHECK_STATUS(antpool_lane_new(pool, 1 + i % 2, &lane), ANTPOOL_OK);
    }
    end(pool);
}

SPEC(a_lane_with_tasks_is_not_destroyed)
{
    antpool_t *pool = pool_and_lane(1, 1, NULL);
    submit(gate_task, &gate);
    CHECK_STATUS(antpool_lane_destroy(lane), ANTPOOL_ERR_BUSY);
    submit(count_task, &ran);
    CHECK_STATUS(antpool_lane_destroy(lane), ANTPOOL_ERR_BUSY);
    gate_open(&gate);
    wait_for_lane();
    CHECK_EQ(count_get(&ran), 1);
    end(pool);
}

static void wait_for_own_lane(void *arg)
{
    antpool_status_t *statuses = (antpool_status_t *)arg;
    statuses[0] = antpool_lane_wait(lane);
    statuses[1] = antpool_lane_wait_timeout(lane, 0);
    statuses[2] = antpool_lane_destroy(lane);
    CHECK_EQ(antpool_lane_running(lane), 1);
}

SPEC(a_task_that_waits_for_its_own_lane_is_told)
{
    antpool_t *pool = pool_and_lane(1, 1, NULL);
    antpool_status_t statuses[3];
    submit(wait_for_own_lane, statuses);
    wait_for_lane();
    CHECK_STATUS(statuses[0], ANTPOOL_ERR_DEADLOCK);
    CHECK_STATUS(statuses[1], ANTPOOL_ERR_DEADLOCK);
    CHECK_STATUS(statuses[2], ANTPOOL_ERR_BUSY);
    end(pool);
}

static void wait_for_the_lane(void *arg)
{
    submit(count_task, arg);
    submit(count_task, arg);
    wait_for_lane();
    CHECK_EQ(count_get((count_t *)arg), 2);
}

SPEC(another_task_of_the_pool_waits_for_the_lane)
{
    antpool_t *pool = pool_and_lane(2, 1, NULL);
    CHECK_STATUS(antpool_submit(pool, wait_for_the_lane, &ran), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 2);
    end(pool);
}

SPEC(a_task_of_the_full_lane_submits_to_it_without_waiting)
{
    antpool_t *pool = pool_and_lane(1, 1, NULL);
    __atomic_store_n(&stop_chain, false, __ATOMIC_RELEASE);
    submit(chain, NULL);
    count_wait(&ran, 1000);
    __atomic_store_n(&stop_chain, true, __ATOMIC_RELEASE);
    wait_for_lane();
    end(pool);
}

/* ---- Canceling ------------------------------------------------------------------------------ */

SPEC(a_canceled_lane_runs_nothing_more_and_discards_each_argument_once)
{
    antpool_t *pool = pool_and_lane(2, 1, NULL);
    submit(gate_task, &gate);
    count_wait(&gate.arrived, 1);
    for (int i = 0; i < 10; i++)
        submit(count_task, &ran);
    CHECK_STATUS(antpool_lane_cancel(lane, discard), ANTPOOL_OK);
    CHECK_STATUS(antpool_lane_cancel(lane, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_lane_submit(lane, count_task, &ran), ANTPOOL_ERR_CANCELED);
    CHECK_STATUS(antpool_try_lane_submit(lane, count_task, &ran), ANTPOOL_ERR_CANCELED);
    CHECK_STATUS(antpool_lane_submit_timeout(lane, count_task, &ran, 1), ANTPOOL_ERR_CANCELED);
    gate_open(&gate);
    wait_for_lane();
    CHECK_EQ(count_get(&discarded), 10);
    CHECK_EQ(count_get(&ran), 0);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(stats_of(pool).submitted, 11);
    CHECK_EQ(stats_of(pool).completed, 11);
    CHECK_EQ(stats_of(pool).canceled, 10);
    /* The wait has opened it again. */
    submit(count_task, &ran);
    wait_for_lane();
    CHECK_EQ(count_get(&ran), 1);
    end(pool);
}

SPEC(a_canceled_lane_may_discard_nothing_and_an_empty_one_stays_canceled_until_a_wait)
{
    antpool_t *pool = pool_and_lane(1, 1, NULL);
    submit(gate_task, &gate);
    submit(count_task, &ran);
    CHECK_STATUS(antpool_lane_cancel(lane, NULL), ANTPOOL_OK);
    gate_open(&gate);
    wait_for_lane();
    CHECK_EQ(count_get(&ran), 0);
    CHECK_STATUS(antpool_lane_cancel(lane, discard), ANTPOOL_OK);
    CHECK_STATUS(antpool_lane_submit(lane, count_task, &ran), ANTPOOL_ERR_CANCELED);
    CHECK_STATUS(antpool_lane_wait_timeout(lane, 0), ANTPOOL_OK);
    submit(count_task, &ran);
    wait_for_lane();
    CHECK_EQ(count_get(&ran), 1);
    end(pool);
}

static int written;

static void read_when_canceled(void *arg)
{
    count_add(&ran, 1);
    EVENTUALLY(antpool_is_canceled());
    *(int *)arg = written;
}

SPEC(running_tasks_of_a_canceled_lane_are_asked_to_stop)
{
    antpool_t *pool = pool_and_lane(2, 2, NULL);
    int saw[2] = {0, 0};
    submit(read_when_canceled, &saw[0]);
    submit(read_when_canceled, &saw[1]);
    count_wait(&ran, 2);
    written = 7;
    CHECK_STATUS(antpool_lane_cancel(lane, NULL), ANTPOOL_OK);
    wait_for_lane();
    CHECK(saw[0] == 7 && saw[1] == 7);
    end(pool);
}

SPEC(a_submit_that_waits_for_room_when_its_lane_is_canceled_says_so)
{
    antpool_t *pool = pool_and_lane(1, 1, NULL);
    spec_hold(pool, &gate, 1);
    call_t waiting;
    call_block_in(&waiting, call_lane_submit, pool, ANTPOOL_WAIT_FOREVER);
    CHECK_STATUS(antpool_lane_cancel(lane, discard), ANTPOOL_OK);
    gate_open(&gate);
    CHECK_STATUS(call_join(&waiting), ANTPOOL_ERR_CANCELED);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(antpool_available(pool), 1);
    CHECK_EQ(count_get(&ran) + count_get(&discarded), 0);
    end(pool);
}

static void failing_discard(void *arg)
{
    (void)arg;
    antpool_task_fail("in a discard");
}

/* Each task either runs or is discarded, never both and never neither. */
static void *cancel_again_and_again(void *arg)
{
    (void)arg;
    while (!__atomic_load_n(&stop_chain, __ATOMIC_ACQUIRE)) {
        CHECK_STATUS(antpool_lane_cancel(lane, discard), ANTPOOL_OK);
        spec_sleep_ms(1);
    }
    return NULL;
}

SPEC(a_cancel_and_a_worker_never_both_have_a_task)
{
    antpool_t *pool = pool_and_lane(2, 2, NULL);
    pthread_t canceler = spec_thread(cancel_again_and_again, NULL);
    long accepted = 0;
    for (size_t i = 0; i < spec_rounds(2000); i++) {
        for (int j = 0; j < 20; j++) {
            const antpool_status_t status = antpool_lane_submit(lane, count_task, &ran);
            CHECK(status == ANTPOOL_OK || status == ANTPOOL_ERR_CANCELED);
            accepted += status == ANTPOOL_OK;
        }
        wait_for_lane();
        CHECK_EQ(count_get(&ran) + count_get(&discarded), accepted);
    }
    __atomic_store_n(&stop_chain, true, __ATOMIC_RELEASE);
    spec_join(canceler);
    wait_for_lane();
    end(pool);
}

/* ---- Failures, and workers that are lost ---------------------------------------------------- */

SPEC(a_task_that_fails_or_ends_its_thread_does_not_stop_the_lane)
{
    spec_ends_a_thread();
    const antpool_task_fn fails[] = {fail, end_thread};
    antpool_t *pool = pool_and_lane(2, 1, count_failure);
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 5; j++) {
            submit(fails[i], NULL);
            submit(count_task, &ran);
        }
        CHECK_STATUS(antpool_lane_wait(lane), ANTPOOL_ERR_TASK_FAILED);
        CHECK_EQ(count_get(&handled), 5 * (i + 1));
        CHECK_EQ(count_get(&ran), 5 * (i + 1));
    }
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(stats_of(pool).lost, 5);
    CHECK_EQ(stats_of(pool).completed, 20);
    CHECK_EQ(stats_of(pool).submitted, 20);
    end(pool);
}

SPEC(a_handler_or_a_discard_that_ends_its_thread_does_not_stop_the_lane)
{
    spec_ends_a_thread();
    antpool_t *pool = pool_and_lane(2, 1, end_in_handler);
    for (int j = 0; j < 5; j++) {
        submit(end_thread, NULL);
        if (!SPEC_SANITIZED) /* The message of a failure is given up with the handler's stack. */
            submit(fail, NULL);
        submit(count_task, &ran);
    }
    CHECK_STATUS(antpool_lane_wait(lane), ANTPOOL_ERR_TASK_FAILED);
    CHECK_EQ(count_get(&ran), 5);
    submit(gate_task, &gate);
    count_wait(&gate.arrived, 1);
    for (int j = 0; j < 5; j++)
        submit(count_task, &ran);
    CHECK_STATUS(antpool_lane_cancel(lane, end_thread), ANTPOOL_OK);
    gate_open(&gate);
    CHECK_STATUS(antpool_lane_wait(lane), ANTPOOL_ERR_TASK_FAILED);
    CHECK_EQ(count_get(&ran), 5);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(stats_of(pool).completed, stats_of(pool).submitted);
    end(pool);
}

SPEC(a_discard_that_fails_is_reported_and_the_lane_goes_on)
{
    antpool_t *pool = pool_and_lane(1, 1, count_failure);
    submit(gate_task, &gate);
    count_wait(&gate.arrived, 1);
    for (int j = 0; j < 5; j++)
        submit(count_task, &ran);
    CHECK_STATUS(antpool_lane_cancel(lane, failing_discard), ANTPOOL_OK);
    gate_open(&gate);
    CHECK_STATUS(antpool_lane_wait(lane), ANTPOOL_ERR_TASK_FAILED);
    CHECK_EQ(count_get(&handled), 5);
    CHECK_EQ(count_get(&ran), 0);
    end(pool);
}

/* A logger, too, that ends its thread while the lane goes on. */
static void end_in_logger(void *data, antpool_log_level_t level, const char *message)
{
    (void)data;
    (void)level;
    (void)message;
    pthread_exit(NULL);
}

SPEC(a_logger_that_ends_its_thread_does_not_stop_the_lane)
{
    spec_ends_a_thread();
    spec_skip_if(SPEC_SANITIZED, "the line is given up with the logger's stack");
    antpool_options_t options = spec_options();
    options.logger = end_in_logger;
    antpool_t *pool = spec_pool(2, &options);
    CHECK_STATUS(antpool_lane_new(pool, 1, &lane), ANTPOOL_OK);
    for (int j = 0; j < 3; j++) {
        submit(fail, NULL);
        submit(end_thread, NULL);
        submit(count_task, &ran);
    }
    CHECK_STATUS(antpool_lane_wait(lane), ANTPOOL_ERR_TASK_FAILED);
    CHECK_EQ(count_get(&ran), 3);
    end(pool);
}

static const void *told_fn, *told_arg;

static void keep_told(void *data, const antpool_panic_info_t *info)
{
    (void)data;
    memcpy(&told_fn, &info->fn, sizeof told_fn);
    told_arg = info->arg;
}

SPEC(the_handler_is_told_of_the_task_and_not_of_the_lane)
{
    const antpool_task_fn expected = fail;
    const void *expected_fn;
    memcpy(&expected_fn, &expected, sizeof expected_fn);
    antpool_t *pool = pool_and_lane(1, 1, keep_told);
    submit(gate_task, &gate);
    submit(fail, &ran);
    gate_open(&gate);
    CHECK_STATUS(antpool_lane_wait(lane), ANTPOOL_ERR_TASK_FAILED);
    CHECK(told_fn == expected_fn && told_arg == &ran);
    end(pool);
}

/* ---- The pool ------------------------------------------------------------------------------- */

SPEC(a_wait_for_the_pool_is_for_its_lanes_too)
{
    antpool_t *pool = pool_and_lane(1, 1, NULL);
    submit(gate_task, &gate);
    for (int i = 0; i < 200; i++)
        submit(count_task, &ran);
    CHECK_STATUS(antpool_wait_timeout(pool, 1), ANTPOOL_ERR_TIMED_OUT);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 200);
    CHECK_EQ(stats_of(pool).submitted, 201);
    CHECK_EQ(stats_of(pool).completed, 201);
    end(pool);
}

SPEC(a_release_lets_the_lane_run_to_its_end_and_a_reboot_opens_it)
{
    antpool_t *pool = pool_and_lane(2, 1, NULL);
    submit(gate_task, &gate);
    for (int i = 0; i < 100; i++)
        submit(count_task, &ran);
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_lane_submit(lane, count_task, &ran), ANTPOOL_ERR_CLOSED);
    CHECK_STATUS(antpool_try_lane_submit(lane, count_task, &ran), ANTPOOL_ERR_CLOSED);
    CHECK_STATUS(antpool_lane_submit_timeout(lane, count_task, &ran, 1), ANTPOOL_ERR_CLOSED);
    gate_open(&gate);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 100);
    CHECK_STATUS(antpool_lane_submit(lane, count_task, &ran), ANTPOOL_ERR_CLOSED);
    CHECK_STATUS(antpool_lane_wait_timeout(lane, 0), ANTPOOL_OK);
    CHECK_STATUS(antpool_lane_cancel(lane, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_lane_submit(lane, count_task, &ran), ANTPOOL_ERR_CANCELED);
    wait_for_lane();
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    submit(count_task, &ran);
    wait_for_lane();
    CHECK_EQ(count_get(&ran), 101);
    end(pool);
}

SPEC(a_destroy_runs_what_waits_and_the_lane_outlives_it)
{
    antpool_t *pool = pool_and_lane(2, 1, NULL);
    submit(gate_task, &gate);
    for (int i = 0; i < 100; i++)
        submit(count_task, &ran);
    call_t destroy;
    call_block_in(&destroy, call_destroy, pool, 0);
    CHECK_EQ(count_get(&ran), 0);
    gate_open(&gate);
    CHECK_STATUS(call_join(&destroy), ANTPOOL_OK);
    CHECK_EQ(count_get(&ran), 100);
    CHECK_STATUS(antpool_lane_submit(lane, count_task, &ran), ANTPOOL_ERR_CLOSED);
    CHECK_STATUS(antpool_lane_wait_timeout(lane, 0), ANTPOOL_OK);
    CHECK_EQ(antpool_lane_running(lane) + antpool_lane_queued(lane), 0);
    CHECK_STATUS(antpool_lane_destroy(lane), ANTPOOL_OK);
}

SPEC(a_pool_that_is_given_up_runs_what_waits_in_its_lane)
{
    antpool_t *pool = pool_and_lane(1, 1, NULL);
    submit(gate_task, &gate);
    for (int i = 0; i < 100; i++)
        submit(count_task, &ran);
    CHECK_STATUS(antpool_destroy_later(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_lane_submit(lane, count_task, &ran), ANTPOOL_ERR_CLOSED);
    gate_open(&gate);
    wait_for_lane();
    CHECK_EQ(count_get(&ran), 100);
    CHECK_STATUS(antpool_lane_destroy(lane), ANTPOOL_OK);
}

static void discard_any(void *arg)
{
    CHECK(arg == &ran);
    count_add(&discarded, 1);
}

SPEC(a_release_that_discards_discards_what_waits_in_the_lane)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = 8;
    antpool_t *pool = spec_pool(1, &options);
    CHECK_STATUS(antpool_lane_new(pool, 2, &lane), ANTPOOL_OK);
    gate_t others = GATE_INIT;
    spec_hold(pool, &others, 1);
    for (int i = 0; i < 100; i++)
        submit(count_task, &ran);
    CHECK_STATUS(antpool_release_discard(pool, discard_any), ANTPOOL_OK);
    gate_open(&others);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    wait_for_lane();
    CHECK_EQ(count_get(&discarded), 100);
    CHECK_EQ(count_get(&ran), 0);
    CHECK_EQ(stats_of(pool).canceled, 100);
    CHECK_EQ(stats_of(pool).completed, stats_of(pool).submitted);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    submit(count_task, &ran);
    wait_for_lane();
    CHECK_EQ(count_get(&ran), 1);
    end(pool);
}

SPEC(what_was_to_be_discarded_is_discarded_also_after_a_reboot)
{
    antpool_t *pool = pool_and_lane(2, 1, NULL);
    submit(gate_task, &gate);
    count_wait(&gate.arrived, 1);
    for (int i = 0; i < 10; i++)
        submit(count_task, &ran);
    CHECK_STATUS(antpool_release_discard(pool, discard_any), ANTPOOL_OK);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    for (int i = 0; i < 5; i++)
        submit(count_task, &ran);
    gate_open(&gate);
    wait_for_lane();
    CHECK_EQ(count_get(&discarded), 10);
    CHECK_EQ(count_get(&ran), 5);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(stats_of(pool).canceled, 10);
    CHECK_EQ(stats_of(pool).completed, stats_of(pool).submitted);
    end(pool);
}

SPEC(an_endless_lane_lets_a_pool_shrink_and_grow)
{
    antpool_t *pool = pool_and_lane(4, 3, NULL);
    meeting_t meeting;
    for (int i = 0; i < 3; i++)
        submit(chain, NULL);
    EVENTUALLY(antpool_running(pool) >= 3);
    for (int round = 0; round < 3; round++) {
        CHECK_STATUS(antpool_tune(pool, 1), ANTPOOL_OK);
        EVENTUALLY(antpool_running(pool) == 1);
        EVENTUALLY(antpool_lane_running(lane) <= 1);
        const long before = count_get(&ran);
        count_wait(&ran, before + 100);
        CHECK_LE(antpool_lane_running(lane), 1);
        CHECK_STATUS(antpool_tune(pool, 4), ANTPOOL_OK);
        EVENTUALLY(antpool_running(pool) >= 3);
    }
    __atomic_store_n(&stop_chain, true, __ATOMIC_RELEASE);
    wait_for_lane();
    meeting_init(&meeting, 3);
    for (int i = 0; i < 3; i++)
        submit(meeting_task, &meeting);
    wait_for_lane();
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(antpool_available(pool), 4);
    CHECK_EQ(stats_of(pool).completed, stats_of(pool).submitted);
    end(pool);
}

static void pause_pool(void *arg)
{
    CHECK_STATUS(antpool_pause((antpool_t *)arg), ANTPOOL_OK);
    count_add(&gate.arrived, 1);
}

SPEC(a_paused_pool_holds_the_lane_back_between_two_tasks)
{
    antpool_t *pool = pool_and_lane(1, 1, NULL);
    gate_t first = GATE_INIT;
    submit(gate_task, &first);
    submit(pause_pool, pool);
    for (int i = 0; i < 10; i++)
        submit(count_task, &ran);
    gate_open(&first);
    count_wait(&gate.arrived, 1);
    CHECK_STATUS(antpool_lane_wait_timeout(lane, 5), ANTPOOL_ERR_TIMED_OUT);
    CHECK_EQ(count_get(&ran), 0);
    submit(count_task, &ran);
    CHECK_EQ(antpool_lane_queued(lane), 11);
    CHECK_STATUS(antpool_resume(pool), ANTPOOL_OK);
    wait_for_lane();
    CHECK_EQ(count_get(&ran), 11);
    end(pool);
}

SPEC(a_lane_works_while_its_pool_grows_and_shrinks)
{
    antpool_t *pool = pool_and_lane(4, 3, NULL);
    int limit = 3;
    for (size_t round = 0; round < spec_rounds(200); round++) {
        for (int i = 0; i < 50; i++)
            submit(be_inside, &limit);
        CHECK_STATUS(antpool_tune(pool, round % 2 == 0 ? 1 : 4), ANTPOOL_OK);
    }
    wait_for_lane();
    CHECK_EQ(count_get(&ran), 50 * (long)spec_rounds(200));
    CHECK_STATUS(antpool_tune(pool, 1), ANTPOOL_OK);
    EVENTUALLY(antpool_running(pool) <= 1);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    end(pool);
}

SPEC(a_lane_of_a_pool_that_allocates_in_advance)
{
    antpool_options_t options = spec_options();
    options.pre_alloc = true;
    options.queue_capacity = 2;
    antpool_t *pool = spec_pool(2, &options);
    CHECK_STATUS(antpool_lane_new(pool, 2, &lane), ANTPOOL_OK);
    int limit = 2;
    pthread_t thread = spec_thread(submit_insiders, &limit);
    for (size_t i = 0; i < spec_rounds(5000); i++)
        CHECK_STATUS(antpool_submit(pool, nothing, NULL), ANTPOOL_OK);
    spec_join(thread);
    wait_for_lane();
    CHECK_EQ(count_get(&ran), (long)spec_rounds(5000));
    end(pool);
}

SPEC(a_lane_of_the_default_pool)
{
    CHECK_STATUS(antpool_lane_new(antpool_default(), 1, &lane), ANTPOOL_OK);
    submit(count_task, &ran);
    wait_for_lane();
    CHECK_EQ(count_get(&ran), 1);
    CHECK_STATUS(antpool_lane_destroy(lane), ANTPOOL_OK);
}

/* ---- fork() --------------------------------------------------------------------------------- */

static void answer_in_child(void *arg)
{
    antpool_lane_t *another = NULL;
    CHECK_STATUS(antpool_lane_new((antpool_t *)arg, 1, &another), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_lane_submit(lane, nothing, NULL), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_lane_submit(lane, NULL, NULL), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(antpool_try_lane_submit(lane, nothing, NULL), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_lane_submit_timeout(lane, nothing, NULL, 0), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_lane_wait(lane), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_lane_wait_timeout(lane, 0), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_lane_cancel(lane, NULL), ANTPOOL_ERR_FORKED);
    CHECK_EQ(antpool_lane_running(lane), 0);
    CHECK_EQ(antpool_lane_queued(lane), 0);
    CHECK(!antpool_is_canceled());
    CHECK_STATUS(antpool_lane_destroy(lane), ANTPOOL_OK);
}

static void use_a_new_lane(void *arg)
{
    antpool_t *pool = (antpool_t *)arg;
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_lane_submit(lane, nothing, NULL), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_lane_new(pool, 1, &lane), ANTPOOL_OK);
    submit(count_task, &ran);
    submit(count_task, &ran);
    wait_for_lane();
    CHECK_EQ(count_get(&ran), 2);
    end(pool);
}

/* What a child does while tasks of the lane are unfinished. */
static void fork_beside_a_task(child_fn in_child)
{
    antpool_t *pool = pool_and_lane(1, 1, NULL);
    submit(gate_task, &gate);
    count_wait(&gate.arrived, 1);
    submit(nothing, NULL);
    char text[4096];
    const int status = child_run(in_child, pool, text, sizeof text);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        spec_fail(__FILE__, __LINE__, "%s", text);
    gate_open(&gate);
    wait_for_lane();
    end(pool);
}

SPEC(in_a_forked_child_a_lane_says_so)
{
    fork_beside_a_task(answer_in_child);
}

SPEC(a_forked_child_has_lanes_of_its_own)
{
    child_starts_threads();
    fork_beside_a_task(use_a_new_lane);
}

SPEC_MAIN()
