/* Calls of a pool that wait, made by fibers: they suspend the fiber and never block its carrier. */
#include "spec.h"

#include "failures.h"
#include "fiber_tools.h"

enum { MANY = 50 };

/* A pool of fibers or of threads, as the sentence is run. */
static antpool_t *other_pool(int of_fibers, int64_t capacity)
{
    antpool_options_t options = ANTPOOL_OPTIONS_INIT;
    options.worker_kind = of_fibers ? ANTPOOL_WORKER_FIBER : ANTPOOL_WORKER_THREAD;
    return spec_pool(capacity, &options);
}

/* ---- Full pools ----------------------------------------------------------------------------- */

/* What a task wants of another pool. */
typedef struct wish_t {
    antpool_t *other;
    long done, told, late;
} wish_t;

static void submit_to_other(void *arg)
{
    wish_t *wish = (wish_t *)arg;
    CHECK_STATUS(antpool_submit(wish->other, tally_task, &wish->done), ANTPOOL_OK);
}

static void submit_to_other_for_a_while(void *arg)
{
    wish_t *wish = (wish_t *)arg;
    uint64_t before = spec_now();
    CHECK_STATUS(antpool_submit_timeout(wish->other, tally_task, &wish->done, 20),
                 ANTPOOL_ERR_TIMED_OUT);
    CHECK_GE(spec_now() - before, 20 * MS);
    CHECK_STATUS(antpool_try_submit(wish->other, tally_task, &wish->done), ANTPOOL_ERR_OVERLOAD);
    tally_add(&wish->late, 1);
}

SPEC(tasks_that_wait_to_submit_to_a_full_pool_leave_their_carrier_to_others)
{
    for (int of_fibers = 0; of_fibers < 2; of_fibers++) {
        long set = 0, going_on = 0;
        wish_t wish = {other_pool(of_fibers, 1), 0, 0, 0};
        CHECK_STATUS(antpool_submit(wish.other, stay_until_set, &set), ANTPOOL_OK);
        antpool_t *pool = fiber_pool(2 * MANY + 1, 1);
        submit_times(pool, submit_to_other, &wish, MANY);
        submit_times(pool, submit_to_other_for_a_while, &wish, MANY);
        EVENTUALLY(tally_get(&wish.late) == MANY);
        EVENTUALLY(antpool_waiting(wish.other) == MANY);
        CHECK_STATUS(antpool_submit(pool, tally_task, &going_on), ANTPOOL_OK);
        EVENTUALLY(tally_get(&going_on) == 1);
        CHECK_EQ(tally_get(&wish.done), 0);
        tally_add(&set, 1);
        finish(pool);
        finish(wish.other);
        CHECK_EQ(wish.done, MANY);
    }
}

static void submit_batch_to_other(void *arg)
{
    wish_t *wish = (wish_t *)arg;
    void *args[MANY];
    size_t accepted = 0;
    for (int i = 0; i < MANY; i++)
        args[i] = &wish->done;
    CHECK_STATUS(antpool_submit_batch(wish->other, tally_task, args, MANY, &accepted), ANTPOOL_OK);
    CHECK_EQ(accepted, MANY);
}

SPEC(a_batch_waits_for_each_of_its_places_without_the_carrier)
{
    for (int of_fibers = 0; of_fibers < 2; of_fibers++) {
        wish_t wish = {other_pool(of_fibers, 2), 0, 0, 0};
        antpool_t *pool = fiber_pool(20, 1);
        submit_times(pool, submit_batch_to_other, &wish, 20);
        finish(pool);
        finish(wish.other);
        CHECK_EQ(wish.done, 20 * MANY);
    }
}

static void submit_until_closed(void *arg)
{
    wish_t *wish = (wish_t *)arg;
    CHECK_STATUS(antpool_submit(wish->other, tally_task, &wish->done), ANTPOOL_ERR_CLOSED);
    tally_add(&wish->told, 1);
}

SPEC(tasks_that_wait_to_submit_are_told_when_the_pool_closes)
{
    for (int of_fibers = 0; of_fibers < 2; of_fibers++) {
        long set = 0;
        wish_t wish = {other_pool(of_fibers, 1), 0, 0, 0};
        CHECK_STATUS(antpool_submit(wish.other, stay_until_set, &set), ANTPOOL_OK);
        antpool_t *pool = fiber_pool(MANY, 1);
        submit_times(pool, submit_until_closed, &wish, MANY);
        EVENTUALLY(antpool_waiting(wish.other) == MANY);
        CHECK_STATUS(antpool_release(wish.other), ANTPOOL_OK);
        finish(pool);
        CHECK_EQ(wish.told, MANY);
        tally_add(&set, 1);
        finish(wish.other);
        CHECK_EQ(wish.done, 0);
    }
}

/* ---- Waiting for other pools ---------------------------------------------------------------- */

static void wait_for_other(void *arg)
{
    wish_t *wish = (wish_t *)arg;
    uint64_t before = spec_now();
    CHECK_STATUS(antpool_wait_timeout(wish->other, 20), ANTPOOL_ERR_TIMED_OUT);
    CHECK_GE(spec_now() - before, 20 * MS);
    tally_add(&wish->late, 1);
    CHECK_STATUS(antpool_wait(wish->other), ANTPOOL_OK);
    CHECK_EQ(tally_get(&wish->done), 1);
    antpool_status_t status = antpool_release_timeout(wish->other, ANTPOOL_WAIT_FOREVER);
    if (status != ANTPOOL_OK) /* An earlier one has returned. */
        CHECK_STATUS(status, ANTPOOL_ERR_CLOSED);
    CHECK_EQ(antpool_running(wish->other), 0);
}

static void destroy_other(void *arg)
{
    wish_t *wish = (wish_t *)arg;
    tally_add(&wish->told, 1);
    CHECK_STATUS(antpool_destroy(wish->other), ANTPOOL_OK);
    CHECK_EQ(tally_get(&wish->done), 2);
    tally_add(&wish->done, 1);
}

static void stay_and_tell(void *arg)
{
    wish_t *wish = (wish_t *)arg;
    tally_await(&wish->told, 1);
    tally_add(&wish->done, 1);
}

SPEC(tasks_that_wait_for_another_pool_leave_their_carrier_to_others)
{
    for (int of_fibers = 0; of_fibers < 2; of_fibers++) {
        wish_t wish = {other_pool(of_fibers, 2), 0, 0, 0};
        long going_on = 0;
        antpool_t *pool = fiber_pool(MANY + 1, 1);
        CHECK_STATUS(antpool_submit(wish.other, stay_and_tell, &wish), ANTPOOL_OK);
        submit_times(pool, wait_for_other, &wish, MANY);
        EVENTUALLY(tally_get(&wish.late) == MANY);
        CHECK_STATUS(antpool_submit(pool, tally_task, &going_on), ANTPOOL_OK);
        EVENTUALLY(tally_get(&going_on) == 1);
        tally_add(&wish.told, 1);
        CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
        CHECK_EQ(stats_of(pool).panicked, 0);

        CHECK_STATUS(antpool_reboot(wish.other), ANTPOOL_OK);
        wish.told = 0;
        CHECK_STATUS(antpool_submit(wish.other, stay_and_tell, &wish), ANTPOOL_OK);
        CHECK_STATUS(antpool_submit(pool, destroy_other, &wish), ANTPOOL_OK);
        finish(pool);
        CHECK_EQ(wish.done, 3);
    }
}

/* ---- Two pools that wait for each other ----------------------------------------------------- */

typedef struct hop_t {
    antpool_t *pools[2];
    long hops;
    long last;
    long *ended;
} hop_t;

/* Goes to the other pool, until there have been enough of it. */
static void hop(void *arg)
{
    hop_t *ball = (hop_t *)arg;
    long at = ball->hops++; /* A ball is in one place at a time. */
    if (at == ball->last)
        tally_add(ball->ended, 1);
    else
        CHECK_STATUS(antpool_submit(ball->pools[at % 2], hop, ball), ANTPOOL_OK);
}

SPEC(two_full_pools_whose_tasks_submit_to_each_other_go_on)
{
    enum { BALLS = 3 }; /* With two places in each pool there is always room for one of them. */
    long ended = 0;
    hop_t balls[BALLS];
    antpool_t *pools[] = {fiber_pool(2, 1), fiber_pool(2, 1)};
    for (int i = 0; i < BALLS; i++) {
        hop_t ball = {{pools[1], pools[0]}, 0, (long)spec_rounds(20000), &ended};
        balls[i] = ball;
        CHECK_STATUS(antpool_submit(pools[0], hop, &balls[i]), ANTPOOL_OK);
    }
    EVENTUALLY(tally_get(&ended) == BALLS);
    CHECK_STATUS(antpool_wait(pools[0]), ANTPOOL_OK);
    finish(pools[1]);
    finish(pools[0]);
}

static void wait_a_while_for_other(void *arg)
{
    wish_t *wish = (wish_t *)arg;
    CHECK_STATUS(antpool_wait_timeout(wish->other, 30), ANTPOOL_ERR_TIMED_OUT);
    tally_add(&wish->late, 1);
}

SPEC(two_pools_whose_tasks_wait_for_each_other_time_out)
{
    /* None of them may end before all have given up. */
    long set = 0;
    antpool_t *pools[] = {fiber_pool(MANY + 1, 1), fiber_pool(MANY + 1, 1)};
    wish_t wishes[] = {{pools[1], 0, 0, 0}, {pools[0], 0, 0, 0}};
    for (int i = 0; i < 2; i++)
        CHECK_STATUS(antpool_submit(pools[i], stay_until_set, &set), ANTPOOL_OK);
    for (int i = 0; i < 2; i++)
        submit_times(pools[i], wait_a_while_for_other, &wishes[i], MANY);
    for (int i = 0; i < 2; i++)
        EVENTUALLY(tally_get(&wishes[i].late) == MANY);
    tally_add(&set, 1);
    finish(pools[0]);
    finish(pools[1]);
}

/* ---- Deadlock ------------------------------------------------------------------------------- */

typedef struct crowd_t {
    antpool_t *pool;
    long arrived, in, told, done;
} crowd_t;

static void submit_to_own(void *arg)
{
    crowd_t *crowd = (crowd_t *)arg;
    tally_add(&crowd->arrived, 1);
    tally_await(&crowd->arrived, MANY);
    antpool_status_t status = antpool_submit(crowd->pool, tally_task, &crowd->done);
    if (status != ANTPOOL_OK)
        CHECK_STATUS(status, ANTPOOL_ERR_DEADLOCK);
    tally_add(status == ANTPOOL_OK ? &crowd->in : &crowd->told, 1);
}

SPEC(of_many_tasks_that_fill_their_pool_and_submit_to_it_one_is_told)
{
    for (size_t carriers = 1; carriers <= 2; carriers++) {
        crowd_t crowd = {fiber_pool(MANY, carriers), 0, 0, 0, 0};
        submit_times(crowd.pool, submit_to_own, &crowd, MANY);
        finish(crowd.pool);
        CHECK_EQ(crowd.told, 1);
        CHECK_EQ(crowd.in, MANY - 1);
        CHECK_EQ(crowd.done, MANY - 1);
    }
}

static void arrive_and_sleep(void *arg)
{
    crowd_t *crowd = (crowd_t *)arg;
    tally_add(&crowd->arrived, 1);
    while (antpool_waiting(crowd->pool) < MANY - 1)
        antpool_sleep_ms(1);
    antpool_sleep_ms(20);
    CHECK_EQ(antpool_waiting(crowd->pool), MANY - 1);
}

SPEC(nobody_is_told_of_a_deadlock_while_one_task_of_the_pool_only_sleeps)
{
    crowd_t crowd = {fiber_pool(MANY, 1), 0, 0, 0, 0};
    CHECK_STATUS(antpool_submit(crowd.pool, arrive_and_sleep, &crowd), ANTPOOL_OK);
    submit_times(crowd.pool, submit_to_own, &crowd, MANY - 1);
    finish(crowd.pool);
    CHECK_EQ(crowd.told, 0);
    CHECK_EQ(crowd.done, MANY - 1);
}

/* ---- Time and room at once ------------------------------------------------------------------ */

static void sleep_a_little(void *tally)
{
    antpool_sleep_us(500);
    tally_task(tally);
}

static void submit_in_a_hurry(void *arg)
{
    wish_t *wish = (wish_t *)arg;
    for (size_t i = spec_rounds(50); i > 0; i--) {
        antpool_status_t status =
            antpool_submit_timeout(wish->other, sleep_a_little, &wish->done, i % 3);
        if (status != ANTPOOL_OK)
            CHECK_STATUS(status, ANTPOOL_ERR_TIMED_OUT);
        tally_add(status == ANTPOOL_OK ? &wish->told : &wish->late, 1);
    }
}

SPEC(room_that_comes_with_the_deadline_is_neither_lost_nor_given_twice)
{
    for (int of_fibers = 0; of_fibers < 2; of_fibers++) {
        wish_t wish = {other_pool(of_fibers, 4), 0, 0, 0};
        antpool_t *pool = fiber_pool(MANY, 2);
        submit_times(pool, submit_in_a_hurry, &wish, MANY);
        finish(pool);
        CHECK_STATUS(antpool_wait(wish.other), ANTPOOL_OK);
        CHECK_EQ(antpool_available(wish.other), 4);
        CHECK_EQ(wish.done, wish.told);
        CHECK_EQ(wish.told + wish.late, MANY * (long)spec_rounds(50));
        antpool_stats_t stats = stats_of(wish.other);
        CHECK_EQ(stats.submitted, wish.told);
        CHECK_EQ(stats.timed_out, wish.late);
        spec_destroy(wish.other);
    }
}

SPEC_MAIN()
