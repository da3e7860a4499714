/*
 * antpool_get_stats() and the getters: what each figure means, and that a snapshot is consistent while
 * everything changes.
 */
#include "spec.h"
#include <stddef.h>

static antpool_stats_t look_at(const antpool_t *pool)
{
    antpool_stats_t stats = ANTPOOL_STATS_INIT;
    CHECK_STATUS(antpool_get_stats(pool, &stats), ANTPOOL_OK);
    CHECK_EQ(stats.struct_size, sizeof stats);
    return stats;
}

SPEC(a_new_pool_has_done_nothing)
{
    antpool_t *pool = spec_pool(7, NULL);
    antpool_stats_t expected = ANTPOOL_STATS_INIT, stats = look_at(pool);
    expected.capacity = 7;
    CHECK(memcmp(&stats, &expected, sizeof stats) == 0);
    spec_destroy(pool);
}

SPEC(an_unlimited_pool_has_the_capacity_minus_one)
{
    antpool_t *pool = spec_pool(ANTPOOL_UNLIMITED, NULL);
    CHECK_EQ(look_at(pool).capacity, -1);
    spec_destroy(pool);
}

SPEC(what_there_is_now_is_counted)
{
    antpool_options_t options = spec_options();
    options.disable_purge = true;
    options.queue_capacity = 3;
    antpool_t *pool = spec_pool(4, &options);
    gate_t gate = GATE_INIT;
    caller_t callers[2];
    spec_hold(pool, &gate, 4);
    for (int i = 0; i < 3; i++)
        CHECK_STATUS(antpool_submit(pool, gate_task, &gate), ANTPOOL_OK);
    for (int i = 0; i < 2; i++)
        caller_wait_in(&callers[i], pool, gate_task, &gate);
    antpool_stats_t stats = look_at(pool);
    CHECK_EQ(stats.capacity, 4);
    CHECK_EQ(stats.running, 4);
    CHECK_EQ(stats.busy, 4);
    CHECK_EQ(stats.idle, 0);
    CHECK_EQ(stats.queued, 3);
    CHECK_EQ(stats.waiting, 2);
    CHECK_EQ(stats.submitted, 7);
    CHECK_EQ(stats.completed, 0);
    CHECK_EQ(antpool_capacity(pool), 4);
    CHECK_EQ(antpool_running(pool), 4);
    CHECK_EQ(antpool_busy(pool), 4);
    CHECK_EQ(antpool_waiting(pool), 2);
    CHECK_EQ(antpool_available(pool), 0);

    gate_let(&gate, 8);
    for (int i = 0; i < 2; i++)
        CHECK_STATUS(caller_join(&callers[i]), ANTPOOL_OK);
    EVENTUALLY(look_at(pool).completed == 8);
    stats = look_at(pool);
    CHECK_EQ(stats.running, 4);
    CHECK_EQ(stats.busy, 1);
    CHECK_EQ(stats.idle, 3);
    CHECK_EQ(stats.queued, 0);
    CHECK_EQ(stats.waiting, 0);
    CHECK_EQ(antpool_busy(pool), 1);
    CHECK_EQ(antpool_available(pool), 6);
    gate_open(&gate);
    spec_destroy(pool);
}

SPEC(peaks_stay)
{
    antpool_options_t options = spec_options();
    options.expiry_ms = 1;
    antpool_t *pool = spec_pool(5, &options);
    gate_t gate = GATE_INIT;
    caller_t callers[3];
    spec_hold(pool, &gate, 5);
    for (int i = 0; i < 3; i++)
        caller_wait_in(&callers[i], pool, gate_task, &gate);
    gate_open(&gate);
    for (int i = 0; i < 3; i++)
        CHECK_STATUS(caller_join(&callers[i]), ANTPOOL_OK);
    EVENTUALLY(antpool_running(pool) == 0);
    antpool_stats_t stats = look_at(pool);
    CHECK_EQ(stats.running, 0);
    CHECK_EQ(stats.peak_running, 5);
    CHECK_EQ(stats.waiting, 0);
    CHECK_EQ(stats.peak_waiting, 3);
    spec_destroy(pool);
}

SPEC(workers_that_came_and_went_are_counted)
{
    antpool_options_t options = spec_options();
    options.disable_purge = true;
    antpool_t *pool = spec_pool(5, &options);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 5);
    CHECK_EQ(look_at(pool).spawned, 5);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(look_at(pool).purged, 0);
    CHECK_STATUS(antpool_tune(pool, 2), ANTPOOL_OK);
    EVENTUALLY(look_at(pool).running == 2);
    antpool_stats_t stats = look_at(pool);
    CHECK_EQ(stats.spawned, 5);
    CHECK_EQ(stats.purged, 3);
    CHECK_EQ(stats.lost, 0);
    CHECK_EQ(stats.spawn_failures, 0);
    spec_destroy(pool);
}

static void fail(void *unused)
{
    (void)unused;
    antpool_task_fail("on purpose");
}

static void ignore_panic(void *count, const antpool_panic_info_t *info)
{
    (void)info;
    count_task(count);
}

SPEC(tasks_that_failed_are_counted_as_completed_too)
{
    antpool_options_t options = spec_options();
    count_t seen = COUNT_INIT;
    options.panic_handler = ignore_panic;
    options.panic_data = &seen;
    antpool_t *pool = spec_pool(2, &options);
    for (int i = 0; i < 10; i++)
        CHECK_STATUS(antpool_submit(pool, i % 5 ? count_task : fail, &seen), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    antpool_stats_t stats = look_at(pool);
    CHECK_EQ(stats.panicked, 2);
    CHECK_EQ(stats.completed, 10);
    CHECK_EQ(stats.submitted, 10);
    CHECK_EQ(stats.canceled, 0);
    spec_destroy(pool);
    CHECK_EQ(count_get(&seen), 10);
}

static void submit_to_own_full_pool(void *unused)
{
    CHECK_STATUS(antpool_submit(antpool_current(), fail, unused), ANTPOOL_ERR_DEADLOCK);
}

SPEC(submits_that_were_turned_away_are_counted)
{
    antpool_t *pool = spec_pool(1, NULL);
    gate_t gate = GATE_INIT;
    CHECK_STATUS(antpool_submit(pool, submit_to_own_full_pool, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(look_at(pool).rejected, 1);
    spec_hold(pool, &gate, 1);
    for (int i = 0; i < 3; i++)
        CHECK_STATUS(antpool_try_submit(pool, gate_task, &gate), ANTPOOL_ERR_OVERLOAD);
    for (int i = 0; i < 2; i++)
        CHECK_STATUS(antpool_submit_timeout(pool, gate_task, &gate, 1), ANTPOOL_ERR_TIMED_OUT);
    antpool_stats_t stats = look_at(pool);
    CHECK_EQ(stats.rejected, 4);
    CHECK_EQ(stats.timed_out, 2);
    CHECK_EQ(stats.submitted, 2);
    gate_open(&gate);
    spec_destroy(pool);
}

static uint64_t sum_of(const uint64_t counts[32])
{
    uint64_t sum = 0;
    for (int i = 0; i < 32; i++)
        sum += counts[i];
    return sum;
}

static void sleep_20_ms(void *unused)
{
    (void)unused;
    antpool_sleep_ms(20);
}

SPEC(run_time_is_at_least_the_time_that_a_sampled_task_took_and_is_in_its_bucket)
{
    antpool_t *pool = spec_pool(1, NULL);
    CHECK_STATUS(antpool_submit(pool, sleep_20_ms, NULL),
                 ANTPOOL_OK); /* the first of a thread is sampled */
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    antpool_stats_t stats = ANTPOOL_STATS_INIT;
    CHECK_STATUS(antpool_get_stats(pool, &stats), ANTPOOL_OK);
    CHECK_EQ(stats.run_time_samples, 1);
    CHECK_GE(stats.run_time_max_ns, 20 * MS);
    CHECK_EQ(stats.run_time_total_ns, stats.run_time_max_ns);
    CHECK_EQ(sum_of(stats.run_time_counts), 1);
    CHECK_EQ(sum_of(stats.queue_time_counts), stats.queue_time_samples);
    /* 2^24 ns is about 16.8 ms: the buckets up to there are empty. */
    for (int i = 0; i <= 24 - 6; i++)
        CHECK_EQ(stats.run_time_counts[i], 0);
    spec_destroy(pool);
}

SPEC(queue_time_is_at_least_the_time_a_task_was_held_up)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = ANTPOOL_QUEUE_UNBOUNDED;
    antpool_t *pool = spec_pool(1, &options);
    gate_t gate = GATE_INIT;
    count_t done = COUNT_INIT;
    spec_hold(pool, &gate, 1);
    for (int i = 0; i < 1000; i++)
        CHECK_STATUS(antpool_submit(pool, count_task, &done), ANTPOOL_OK);
    spec_sleep_ms(20);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    antpool_stats_t stats = look_at(pool);
    CHECK_GE(stats.queue_time_samples, 2);
    CHECK_LE(stats.queue_time_samples, 1001);
    CHECK_GE(stats.queue_time_max_ns, 20 * MS);
    CHECK_GE(stats.queue_time_total_ns, stats.queue_time_max_ns);
    CHECK_LE(stats.queue_time_total_ns, stats.queue_time_max_ns * stats.queue_time_samples);
    spec_destroy(pool);
}

SPEC(a_closed_pool_still_has_its_figures)
{
    antpool_t *pool = spec_pool(3, NULL);
    count_t done = COUNT_INIT;
    CHECK_STATUS(antpool_submit(pool, count_task, &done), ANTPOOL_OK);
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    antpool_stats_t stats = look_at(pool);
    CHECK_EQ(stats.capacity, 3);
    CHECK_EQ(stats.completed, 1);
    CHECK_EQ(stats.running, 0);
    CHECK_EQ(antpool_capacity(pool), 3);
    CHECK_EQ(antpool_running(pool), 0);
    CHECK_EQ(antpool_busy(pool), 0);
    CHECK_EQ(antpool_waiting(pool), 0);
    CHECK_EQ(antpool_available(pool), 0);
    spec_destroy(pool);
}

/* ---- One look while everything moves --------------------------------------------------------- */

enum { PRODUCERS = 3, MOST = 6, ROOM = 4 };

static struct {
    antpool_t *pool;
    count_t done;
    bool stop;
} busy;

static void *produce(void *unused)
{
    for (unsigned i = 0; !__atomic_load_n(&busy.stop, __ATOMIC_RELAXED); i++) {
        antpool_status_t status =
            i % 3 == 0   ? antpool_try_submit(busy.pool, count_task, &busy.done)
            : i % 3 == 1 ? antpool_submit_timeout(busy.pool, count_task, &busy.done, 1)
                         : antpool_submit(busy.pool, i % 64 ? count_task : fail, &busy.done);
        CHECK(status == ANTPOOL_OK || i % 3 != 2);
    }
    return unused;
}

static void check_fits_together(const antpool_stats_t *stats, const antpool_stats_t *before)
{
    CHECK_EQ(stats->busy + stats->idle, stats->running);
    CHECK_GE(stats->busy, 0);
    CHECK_GE(stats->idle, 0);
    CHECK_GE(stats->queued, 0);
    CHECK_LE(stats->busy + stats->queued, MOST + ROOM);
    CHECK_LE(stats->completed, stats->submitted);
    CHECK_LE(stats->panicked, stats->completed);
    CHECK_LE(stats->running, stats->peak_running);
    CHECK_LE(stats->peak_running, MOST);
    CHECK_LE(stats->waiting, stats->peak_waiting);
    CHECK_LE(stats->peak_waiting, PRODUCERS);
    CHECK_LE(stats->purged + (uint64_t)stats->running, stats->spawned);
    CHECK_GE(stats->submitted, before->submitted);
    CHECK_GE(stats->completed, before->completed);
    CHECK_GE(stats->rejected, before->rejected);
    CHECK_GE(stats->timed_out, before->timed_out);
    CHECK_GE(stats->spawned, before->spawned);
}

SPEC(one_look_fits_together_while_everything_moves)
{
    antpool_options_t options = spec_options();
    count_t failed = COUNT_INIT;
    options.queue_capacity = ROOM;
    options.panic_handler = ignore_panic;
    options.panic_data = &failed;
    busy.pool = spec_pool(MOST, &options);
    pthread_t threads[PRODUCERS];
    for (int i = 0; i < PRODUCERS; i++)
        threads[i] = spec_thread(produce, NULL);
    antpool_stats_t before = look_at(busy.pool);
    for (size_t i = 0; i < spec_rounds(20000); i++) {
        if (i % 100 == 0)
            CHECK_STATUS(antpool_tune(busy.pool, 1 + (int64_t)(i / 100) % MOST), ANTPOOL_OK);
        antpool_stats_t stats = look_at(busy.pool);
        check_fits_together(&stats, &before);
        before = stats;
    }
    __atomic_store_n(&busy.stop, true, __ATOMIC_RELAXED);
    for (int i = 0; i < PRODUCERS; i++)
        spec_join(threads[i]);
    CHECK_STATUS(antpool_wait(busy.pool), ANTPOOL_OK);
    antpool_stats_t stats = look_at(busy.pool);
    CHECK_EQ(stats.completed, stats.submitted);
    CHECK_EQ(stats.completed, count_get(&busy.done) + count_get(&failed));
    CHECK_EQ(stats.panicked, count_get(&failed));
    CHECK_EQ(stats.busy, 0);
    CHECK_EQ(stats.queued, 0);
    CHECK_EQ(stats.waiting, 0);
    spec_destroy(busy.pool);
}

/* ---- struct_size ----------------------------------------------------------------------------- */

SPEC(an_older_and_smaller_struct_is_filled_as_far_as_it_goes)
{
    antpool_t *pool = spec_pool(5, NULL);
    antpool_stats_t stats;
    memset(&stats, 0x55, sizeof stats);
    stats.struct_size = offsetof(antpool_stats_t, running);
    CHECK_STATUS(antpool_get_stats(pool, &stats), ANTPOOL_OK);
    CHECK_EQ(stats.capacity, 5);
    CHECK_EQ(stats.struct_size, offsetof(antpool_stats_t, running));
    CHECK_EQ(stats.running, 0x5555555555555555);
    spec_destroy(pool);
}

SPEC(what_is_unknown_in_a_newer_and_larger_struct_becomes_zero)
{
    struct {
        antpool_stats_t known;
        uint64_t unknown[3], beyond;
    } stats;
    antpool_t *pool = spec_pool(5, NULL);
    memset(&stats, 0x55, sizeof stats);
    stats.known.struct_size = sizeof stats - sizeof stats.beyond;
    CHECK_STATUS(antpool_get_stats(pool, &stats.known), ANTPOOL_OK);
    CHECK_EQ(stats.known.capacity, 5);
    CHECK_EQ(stats.known.queue_time_samples, 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(stats.unknown[i], 0);
    CHECK_EQ(stats.beyond, 0x5555555555555555);
    spec_destroy(pool);
}

SPEC(a_size_that_is_none_is_refused_and_nothing_is_written)
{
    antpool_t *pool = spec_pool(5, NULL);
    const size_t sizes[] = {0, 1, sizeof(size_t) + 1, offsetof(antpool_stats_t, submitted) + 4,
                            sizeof(antpool_stats_t) - 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        antpool_stats_t stats, untouched;
        memset(&stats, 0x55, sizeof stats);
        stats.struct_size = sizes[i];
        untouched = stats;
        CHECK_STATUS(antpool_get_stats(pool, &stats), ANTPOOL_ERR_INVALID_ARGUMENT);
        CHECK(memcmp(&stats, &untouched, sizeof stats) == 0);
    }
    spec_destroy(pool);
}

SPEC_MAIN()
