/*
 * Callers that wait to submit: they are served in order, no newcomer keeps them out, and a release turns
 * all of them away.
 */
#include "spec.h"

/* ---- First come, first served ---------------------------------------------------------------- */

static struct {
    gate_t gate;
    long next;
} arrivals = {GATE_INIT, 0};

static void arrive_as(void *number)
{
    CHECK_EQ(arrivals.next, (long)(intptr_t)number);
    arrivals.next++; /* At capacity 1 nobody else is here. */
    gate_task(&arrivals.gate);
}

SPEC(waiting_callers_get_in_in_the_order_they_came)
{
    enum { CALLERS = 16 };
    antpool_t *pool = spec_pool(1, NULL);
    caller_t callers[CALLERS];
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 1);
    for (long i = 0; i < CALLERS; i++)
        caller_wait_in(&callers[i], pool, arrive_as, (void *)(intptr_t)i);
    gate_open(&gate);
    gate_open(&arrivals.gate);
    for (long i = 0; i < CALLERS; i++)
        CHECK_STATUS(caller_join(&callers[i]), ANTPOOL_OK);
    spec_destroy(pool);
    CHECK_EQ(arrivals.next, CALLERS);
}

typedef struct stream_t {
    antpool_t *pool;
    antpool_status_t (*submit)(antpool_t *pool, antpool_task_fn fn, void *arg);
    count_t done;
    bool stop;
} stream_t;

/* Submits for as long as the others want, whatever the answer. */
static void *stream(void *arg)
{
    stream_t *self = (stream_t *)arg;
    while (!__atomic_load_n(&self->stop, __ATOMIC_RELAXED)) {
        antpool_status_t status = self->submit(self->pool, count_task, &self->done);
        CHECK(status == ANTPOOL_OK || status == ANTPOOL_ERR_OVERLOAD);
    }
    return NULL;
}

/* A stream of new callers goes on until each of some waiting callers has got in. */
static void check_not_starved(stream_t *self, int streams)
{
    pthread_t threads[3];
    for (int i = 0; i < streams; i++)
        threads[i] = spec_thread(stream, self);
    for (size_t i = 0; i < spec_rounds(1000); i++)
        CHECK_STATUS(antpool_submit(self->pool, count_task, &self->done), ANTPOOL_OK);
    __atomic_store_n(&self->stop, true, __ATOMIC_RELAXED);
    for (int i = 0; i < streams; i++)
        spec_join(threads[i]);
    spec_destroy(self->pool);
}

SPEC(a_producer_in_a_loop_does_not_starve_a_waiting_caller)
{
    stream_t tries = {spec_pool(1, NULL), antpool_try_submit, COUNT_INIT, false};
    check_not_starved(&tries, 1);
    stream_t submits = {spec_pool(1, NULL), antpool_submit, COUNT_INIT, false};
    check_not_starved(&submits, 1);
}

SPEC(several_producers_in_a_loop_do_not_starve_a_waiting_caller)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = 2;
    stream_t tries = {spec_pool(2, &options), antpool_try_submit, COUNT_INIT, false};
    check_not_starved(&tries, 3);
    stream_t submits = {spec_pool(2, &options), antpool_submit, COUNT_INIT, false};
    check_not_starved(&submits, 3);
}

static struct {
    antpool_t *pool;
    long ran;  /* tasks of the stream */
    long seen; /* how many had run when the waiting caller's task did */
    bool stop;
} overtakers;

static void overtake(void *unused)
{
    (void)unused;
    __atomic_fetch_add(&overtakers.ran, 1, __ATOMIC_SEQ_CST);
    antpool_sleep_us(200);
}

static void *overtake_again_and_again(void *unused)
{
    while (!__atomic_load_n(&overtakers.stop, __ATOMIC_RELAXED)) {
        antpool_status_t status = antpool_try_submit(overtakers.pool, overtake, NULL);
        CHECK(status == ANTPOOL_OK || status == ANTPOOL_ERR_OVERLOAD);
    }
    return unused;
}

static void see_how_many_ran(void *unused)
{
    (void)unused;
    __atomic_store_n(&overtakers.seen, __atomic_load_n(&overtakers.ran, __ATOMIC_SEQ_CST),
                     __ATOMIC_SEQ_CST);
}

/* New callers that look all the time, where the waiting one has to be woken first. */
SPEC(a_waiting_caller_is_not_overtaken_for_long)
{
    enum { LONG = 1024 + 4 }; /* The bound, and what was under way when it was looked at. */
    overtakers.pool = spec_pool(1, NULL);
    pthread_t threads[2] = {spec_thread(overtake_again_and_again, NULL),
                            spec_thread(overtake_again_and_again, NULL)};
    for (size_t i = 0; i < spec_rounds(40); i++) {
        caller_t caller;
        overtakers.seen = -1;
        caller_start(&caller, overtakers.pool, see_how_many_ran, NULL);
        while (antpool_waiting(overtakers.pool) == 0 &&
               __atomic_load_n(&overtakers.seen, __ATOMIC_SEQ_CST) < 0)
            sched_yield();
        const long ran = __atomic_load_n(&overtakers.ran, __ATOMIC_SEQ_CST);
        CHECK_STATUS(caller_join(&caller), ANTPOOL_OK);
        EVENTUALLY(__atomic_load_n(&overtakers.seen, __ATOMIC_SEQ_CST) >= 0);
        CHECK_LE(overtakers.seen - ran, LONG);
    }
    __atomic_store_n(&overtakers.stop, true, __ATOMIC_RELAXED);
    spec_join(threads[0]);
    spec_join(threads[1]);
    spec_destroy(overtakers.pool);
}

/* ---- Release --------------------------------------------------------------------------------- */

SPEC(release_turns_all_waiting_callers_away)
{
    enum { CALLERS = 64 };
    antpool_t *pool = spec_pool(1, NULL);
    caller_t callers[CALLERS];
    count_t ran = COUNT_INIT;
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 1);
    for (int i = 0; i < CALLERS; i++)
        caller_start(&callers[i], pool, count_task, &ran);
    EVENTUALLY(antpool_waiting(pool) == CALLERS);
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    for (int i = 0; i < CALLERS; i++)
        CHECK_STATUS(caller_join(&callers[i]), ANTPOOL_ERR_CLOSED);
    CHECK_EQ(antpool_waiting(pool), 0);
    gate_open(&gate);
    spec_destroy(pool);
    CHECK_EQ(count_get(&ran), 0);
}

static struct {
    antpool_t *pool;
    long closed_since; /* in which round the pool was closed; 0 while it may be open */
    count_t turned_away;
    bool stop;
} door;

static void *knock(void *unused)
{
    count_t done = COUNT_INIT;
    while (!__atomic_load_n(&door.stop, __ATOMIC_SEQ_CST)) {
        const long round = __atomic_load_n(&door.closed_since, __ATOMIC_SEQ_CST);
        const antpool_status_t status = antpool_submit(door.pool, count_task, &done);
        if (round != 0 && __atomic_load_n(&door.closed_since, __ATOMIC_SEQ_CST) == round) {
            CHECK_STATUS(status, ANTPOOL_ERR_CLOSED);
            count_add(&door.turned_away, 1);
        }
    }
    CHECK_STATUS(antpool_wait(door.pool), ANTPOOL_OK); /* with `done` */
    return unused;
}

SPEC(a_submit_that_begins_after_release_returned_is_never_accepted)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = 4;
    door.pool = spec_pool(4, &options);
    pthread_t threads[2] = {spec_thread(knock, NULL), spec_thread(knock, NULL)};
    const long rounds = (long)spec_rounds(300);
    for (long round = 1; round <= rounds; round++) {
        CHECK_STATUS(antpool_release(door.pool), ANTPOOL_OK);
        __atomic_store_n(&door.closed_since, round, __ATOMIC_SEQ_CST);
        count_wait(&door.turned_away, count_get(&door.turned_away) + 3);
        __atomic_store_n(&door.closed_since, 0, __ATOMIC_SEQ_CST);
        CHECK_STATUS(antpool_reboot(door.pool), ANTPOOL_OK);
    }
    __atomic_store_n(&door.stop, true, __ATOMIC_SEQ_CST);
    spec_join(threads[0]);
    spec_join(threads[1]);
    spec_destroy(door.pool);
}

SPEC_MAIN()
