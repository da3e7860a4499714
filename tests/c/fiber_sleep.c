/* Sleeping and yielding: never early, in order, and without blocking the carrier. */
#include "spec.h"

#include "failures.h"
#include "fiber_tools.h"

/* ---- How long ------------------------------------------------------------------------------- */

static void sleep_and_measure(void *arg)
{
    const uint64_t microseconds = *(const uint64_t *)arg;
    uint64_t before = spec_now();
    if (microseconds % 1000 == 0)
        antpool_sleep_ms(microseconds / 1000);
    else
        antpool_sleep_us(microseconds);
    CHECK_GE(spec_now() - before, microseconds * 1000);
}

SPEC(no_sleep_of_any_length_ends_early)
{
    static const uint64_t lengths[] = {0,    1,    2,     49,    64,    65,     66,    999,
                                       1000, 1001, 16384, 16777, 17000, 100000, 131072};
    enum { LENGTHS = sizeof lengths / sizeof *lengths };
    const long rounds = (long)spec_rounds(200);
    antpool_t *pool = fiber_pool(LENGTHS * 4, 2);
    for (long round = 0; round < rounds; round++)
        for (long i = 0; i < LENGTHS; i++)
            CHECK_STATUS(antpool_submit(pool, sleep_and_measure, (void *)&lengths[i]), ANTPOOL_OK);
    finish(pool);
    for (long i = 0; i < LENGTHS; i++)
        sleep_and_measure((void *)&lengths[i]); /* outside a pool */
}

static void sleep_often(void *arg)
{
    for (size_t i = spec_rounds(20000); i > 0; i--)
        antpool_sleep_us(i % 2);
    tally_task(arg);
}

SPEC(sleeps_of_next_to_nothing_come_to_an_end)
{
    long done = 0;
    antpool_t *pool = fiber_pool(4, 1);
    submit_times(pool, sleep_often, &done, 4);
    finish(pool);
    CHECK_EQ(done, 4);
}

typedef struct endless_t {
    void (*sleep)(uint64_t);
    long begun, ended;
} endless_t;

static void sleep_for_ever(void *arg)
{
    endless_t *endless = (endless_t *)arg;
    tally_task(&endless->begun);
    endless->sleep(UINT64_MAX);
    tally_task(&endless->ended);
}

SPEC(the_longest_sleep_does_not_come_round_to_a_short_one)
{
    endless_t endless[] = {{antpool_sleep_ms, 0, 0}, {antpool_sleep_us, 0, 0}};
    antpool_t *pool = fiber_pool(3, 1);
    SUBMIT_EACH(pool, sleep_for_ever, endless, 2);
    for (int i = 0; i < 2; i++)
        EVENTUALLY(tally_get(&endless[i].begun) == 1);
    spec_sleep_ms(100);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(tally_get(&endless[i].ended), 0);
    CHECK_STATUS(antpool_wait_timeout(pool, 0), ANTPOOL_ERR_TIMED_OUT);
    _exit(0); /* The pool cannot be destroyed any more. */
}

/* ---- Many ----------------------------------------------------------------------------------- */

typedef struct sleeper_t {
    uint64_t us;     /* how long */
    uint64_t before; /* when it was about to ask */
    long began;      /* its place among those that began, and among those that woke */
    long woke;
} sleeper_t;

static long begun, woken;

static void sleep_in_order(void *arg)
{
    sleeper_t *sleeper = (sleeper_t *)arg;
    sleeper->began = begun++; /* One carrier: there is nobody else. */
    sleeper->before = spec_now();
    antpool_sleep_us(sleeper->us);
    sleeper->woke = woken++;
}

SPEC_FIBERS(sleepers_of_different_lengths_wake_in_order)
{
    const long count = (long)spec_rounds(10000);
    sleeper_t *sleepers = zeroed(count, sizeof *sleepers);
    antpool_t *pool = fiber_pool(count, 1);
    for (long i = 0; i < count; i++)
        sleepers[i].us = 100000 + (uint64_t)(i * 7919 % count) * 50;
    SUBMIT_EACH(pool, sleep_in_order, sleepers, count);
    finish(pool);

    /* When the next one began is after the moment from which the library counts. */
    sleeper_t **begins = zeroed(count, sizeof *begins), **wakes = zeroed(count, sizeof *wakes);
    for (long i = 0; i < count; i++)
        begins[sleepers[i].began] = wakes[sleepers[i].woke] = &sleepers[i];
    uint64_t latest = 0; /* of those that are awake, when they were due at the earliest */
    for (long i = 0; i + 1 < count; i++) {
        const sleeper_t *sleeper = wakes[i];
        if (sleeper->began + 1 == count)
            continue;
        uint64_t due_at_most = begins[sleeper->began + 1]->before + sleeper->us * 1000;
        CHECK_GE(due_at_most + 1 * MS, latest);
        uint64_t due_at_least = sleeper->before + sleeper->us * 1000;
        latest = due_at_least > latest ? due_at_least : latest;
    }
    free(wakes);
    free(begins);
    free(sleepers);
}

static void sleep_100_ms(void *tally)
{
    antpool_sleep_ms(100);
    tally_task(tally);
}

SPEC_FIBERS(many_sleepers_on_one_carrier_take_about_as_long_as_one)
{
    const long count = (long)spec_rounds(10000);
    long done = 0;
    antpool_t *pool = fiber_pool(count, 1);
    uint64_t before = spec_now();
    submit_times(pool, sleep_100_ms, &done, count);
    finish(pool);
    CHECK_EQ(done, count);
    uint64_t one_by_one = (uint64_t)count * 100 * MS;
    CHECK_LE(spec_now() - before, one_by_one / 10);
}

SPEC(each_place_of_a_pool_is_used_again_and_again_by_sleepers)
{
    const long count = (long)spec_rounds(20000);
    long done = 0;
    uint64_t two = 2000;
    antpool_t *pool = fiber_pool(100, 2);
    for (long i = 0; i < count; i++) {
        CHECK_STATUS(antpool_submit(pool, sleep_and_measure, &two), ANTPOOL_OK);
        CHECK_STATUS(antpool_submit(pool, tally_task, &done), ANTPOOL_OK);
        CHECK_LE(antpool_running(pool), 100);
    }
    finish(pool);
    CHECK_EQ(done, count);
}

/* ---- Where ---------------------------------------------------------------------------------- */

static long slept, flag;

static void sleep_in_hook(void *data, antpool_t *pool, size_t index)
{
    (void)data;
    (void)pool;
    (void)index;
    uint64_t two = 2000;
    sleep_and_measure(&two);
    tally_task(&slept);
}

SPEC(hooks_may_sleep)
{
    antpool_options_t options = spec_options();
    options.on_worker_start = options.on_worker_stop = sleep_in_hook;
    options.carriers = 1;
    antpool_t *pool = spec_pool(1, &options);
    run_task(pool, nothing, NULL);
    CHECK_EQ(tally_get(&slept), 1);
    spec_destroy(pool);
    CHECK_EQ(tally_get(&slept), 2);
}

static void handler_waits_for_flag(void *handled, const antpool_panic_info_t *info)
{
    CHECK_TEXT(info->message, "wait");
    stay_until_set(&flag);
    tally_task(handled);
}

SPEC(a_panic_handler_that_sleeps_lets_the_others_run)
{
    long handled = 0;
    antpool_options_t options = spec_options();
    options.panic_handler = handler_waits_for_flag;
    options.panic_data = &handled;
    options.carriers = 1;
    antpool_t *pool = spec_pool(3, &options);
    char message[] = "wait";
    CHECK_STATUS(antpool_submit(pool, fail_with, message), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit(pool, panic_with, message), ANTPOOL_OK);
    spec_sleep_ms(20);
    CHECK_EQ(tally_get(&handled), 0);
    CHECK_STATUS(antpool_submit(pool, tally_task, &flag), ANTPOOL_OK);
    finish(pool);
    CHECK_EQ(handled, 2);
}

static void logger_waits_for_flag(void *logged, antpool_log_level_t level, const char *message)
{
    CHECK_EQ(level, ANTPOOL_LOG_ERROR);
    CHECK(strstr(message, "wait") != NULL);
    stay_until_set(&flag);
    tally_task(logged);
}

SPEC(a_logger_that_sleeps_lets_the_others_run)
{
    long logged = 0;
    antpool_options_t options = spec_options();
    options.logger = logger_waits_for_flag;
    options.logger_data = &logged;
    options.carriers = 1;
    antpool_t *pool = spec_pool(2, &options);
    char message[] = "wait";
    CHECK_STATUS(antpool_submit(pool, fail_with, message), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit(pool, tally_task, &flag), ANTPOOL_OK);
    finish(pool);
    CHECK_EQ(logged, 1);
}

/* ---- Giving way ----------------------------------------------------------------------------- */

enum { TURNS = 200, PLAYERS = 100 };

typedef struct game_t {
    long present;
    long at;
    long turns[TURNS * PLAYERS];
} game_t;

static game_t game;

static void take_turns(void *arg)
{
    const long player = *(const long *)arg;
    game.present++;
    while (game.present < PLAYERS)
        antpool_yield();
    for (int turn = 0; turn < TURNS; turn++) {
        game.turns[game.at++] = player;
        antpool_yield();
    }
}

SPEC_FIBERS(fibers_that_yield_take_turns)
{
    long players[PLAYERS];
    antpool_t *pool = fiber_pool(PLAYERS, 1);
    for (long i = 0; i < PLAYERS; i++)
        players[i] = i;
    SUBMIT_EACH(pool, take_turns, players, PLAYERS);
    finish(pool);
    CHECK_EQ(game.at, TURNS * PLAYERS);
    for (long i = PLAYERS; i < TURNS * PLAYERS; i++)
        CHECK_EQ(game.turns[i], game.turns[i - PLAYERS]);
}

static void yield_until_set(void *arg)
{
    while (tally_get((const long *)arg) == 0)
        antpool_yield();
}

static void sleep_then_set(void *arg)
{
    antpool_sleep_ms(5);
    tally_task(arg);
}

SPEC(a_task_that_keeps_giving_way_holds_up_neither_sleepers_nor_new_tasks)
{
    long set = 0, set_later = 0;
    antpool_t *pool = fiber_pool(3, 1);
    CHECK_STATUS(antpool_submit(pool, yield_until_set, &set), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit(pool, yield_until_set, &set_later), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit(pool, sleep_then_set, &set), ANTPOOL_OK);
    EVENTUALLY(tally_get(&set) == 1);
    CHECK_STATUS(antpool_submit(pool, tally_task, &set_later), ANTPOOL_OK);
    finish(pool);
}

SPEC(giving_way_outside_a_pool_returns)
{
    for (int i = 0; i < 1000; i++)
        antpool_yield();
}

SPEC_MAIN()
