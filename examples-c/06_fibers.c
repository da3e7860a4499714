/*
 * Fibers: 100,000 workers, all asleep at the same time, on two threads. A task is plain code on a
 * stack of its own; while it sleeps, its thread runs the others.
 *
 * Build and run:
 *     cc -Iinclude examples-c/06_fibers.c target/release/libantpool.a -lpthread -ldl -lm -o fibers
 *     ./fibers
 * Prints:
 *     workers that lived at the same time: 100000
 *     threads that ran them: 2
 *     tasks done: 100000, woken too early: 0
 *     slept together for 10000 s, in less than a hundredth of the time: yes
 */
#define _POSIX_C_SOURCE 200809L

#include <antpool.h>

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SLEEPERS 100000
#define NAP_MS 100

/* The two threads run fibers at the same time, so what fibers count is counted atomically. */
static int carriers, arrived, woken_early;

/* The clock that antpool measures its waits with: it goes on evenly when the date is changed. */
static int64_t now_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        perror("clock_gettime");
        exit(EXIT_FAILURE);
    }
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Called once on each thread that runs fibers. */
static void count_carrier(void *data, antpool_t *pool, size_t index)
{
    (void)data;
    (void)pool;
    (void)index;
    __atomic_fetch_add(&carriers, 1, __ATOMIC_RELAXED);
}

/* Naps until everybody is here, so that the count of workers is always the same. */
static void sleeper(void *arg)
{
    (void)arg;
    __atomic_fetch_add(&arrived, 1, __ATOMIC_RELAXED);
    do {
        int64_t before = now_ns();
        antpool_sleep_ms(NAP_MS); /* Suspends this fiber and nothing else. */
        if (now_ns() - before < NAP_MS * INT64_C(1000000))
            __atomic_fetch_add(&woken_early, 1, __ATOMIC_RELAXED);
    } while (__atomic_load_n(&arrived, __ATOMIC_RELAXED) < SLEEPERS);
}

static void must(antpool_status_t status)
{
    if (status != ANTPOOL_OK) {
        fprintf(stderr, "%s\n", antpool_status_message(status));
        exit(EXIT_FAILURE);
    }
}

int main(void)
{
    /* The only difference from a pool of threads is in the options. */
    antpool_options_t options = ANTPOOL_OPTIONS_INIT;
    options.worker_kind = ANTPOOL_WORKER_FIBER;
    options.carriers = 2;
    options.on_worker_start = count_carrier;
    antpool_t *pool;
    must(antpool_new(SLEEPERS, &options, &pool));

    int64_t before = now_ns();
    for (int i = 0; i < SLEEPERS; i++)
        must(antpool_submit(pool, sleeper, NULL));
    must(antpool_wait(pool));
    int64_t took_ms = (now_ns() - before) / 1000000;

    antpool_stats_t stats = ANTPOOL_STATS_INIT;
    must(antpool_get_stats(pool, &stats));
    must(antpool_destroy(pool)); /* After this both threads have ended. */

    const int64_t together_ms = INT64_C(1) * SLEEPERS * NAP_MS;
    printf("workers that lived at the same time: %" PRId64 "\n", stats.peak_running);
    printf("threads that ran them: %d\n", carriers);
    printf("tasks done: %" PRIu64 ", woken too early: %d\n", stats.completed, woken_early);
    printf("slept together for %" PRId64 " s, in less than a hundredth of the time: %s\n",
           together_ms / 1000, took_ms < together_ms / 100 ? "yes" : "no");
    return EXIT_SUCCESS;
}
