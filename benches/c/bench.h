/*
 * What every C and C++ benchmark program shares: arguments, bodies of tasks, producers, the clock, the
 * check that every task ran exactly once, and the one line of output. A program only says how its pool
 * is opened, filled, waited for and closed (bench_pool_t); everything that could make one program look
 * better than another is here and in measures.h, once.
 *
 *     PROGRAM NAME QUEUE TASKS WORKERS PRODUCERS MEASURE BODY WARM_UP
 *     NAME       which pool of the program (a program may hold several)
 *     QUEUE      "unbounded", "none" (submit waits when every worker is busy), or a number
 *     MEASURE    what is measured; measures.h says what each of them is
 *     BODY       what a task does before it is counted: "empty", "work=NS" or "sleep=MS"
 *     WARM_UP    how many tasks run before the clock starts
 *
 * prints `NAME MEASURE FIGURE` and exits with 0, or says on standard error what is wrong and exits with
 * 1 (2: this pool cannot do that row).
 */
#ifndef BENCH_H
#define BENCH_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BENCH_QUEUE_NONE 0L
#define BENCH_QUEUE_UNBOUNDED (-1L)
#define BENCH_MAX_PRODUCERS 16384
#define BENCH_EXIT_UNSUPPORTED 2

typedef struct bench_params_t {
    const char *name;
    long queue; /* BENCH_QUEUE_NONE, BENCH_QUEUE_UNBOUNDED, or how many tasks may wait. */
    long tasks;
    int workers;
    int producers;
    const char *measure;
    long warm_up;
} bench_params_t;

/* One pool under test. The functions end the program themselves when something fails. */
typedef struct bench_pool_t {
    const char *name;
    /* Makes the pool; calls bench_unsupported() for a row that it cannot do. */
    void (*open)(const bench_params_t *params);
    /* Submits `count` tasks that each call bench_task(); several threads do so at a time. */
    void (*produce)(long count);
    /* Returns when every task has run: the pool's own wait, or bench_wait_for_tasks(). */
    void (*wait)(void);
    void (*close)(void);
} bench_pool_t;

static inline void bench_fail(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(EXIT_FAILURE);
}

static inline void bench_unsupported(const char *why)
{
    fprintf(stderr, "bench: %s\n", why);
    exit(BENCH_EXIT_UNSUPPORTED);
}

static inline int64_t bench_clock_ns(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now) != 0)
        bench_fail("the clock cannot be read");
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline int64_t bench_now_ns(void)
{
    return bench_clock_ns(CLOCK_MONOTONIC);
}

/* CPU time of the whole process, all threads together. */
static inline int64_t bench_cpu_ns(void)
{
    return bench_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* ---- Tasks ---------------------------------------------------------------------------------- */

/* The count of tasks still to run has a cache line of its own: only the tasks touch it. */
static struct {
    char before[64];
    long left;
    char after[64];
} bench_tasks;
static sem_t bench_all_ran;

/* What a task does before it is counted; NULL: nothing. */
static void (*bench_body)(void);
static long bench_body_amount; /* rounds of work, or milliseconds of sleep */

static inline void bench_task_ran(void)
{
    if (__atomic_sub_fetch(&bench_tasks.left, 1, __ATOMIC_ACQ_REL) == 0)
        sem_post(&bench_all_ran);
}

/* The whole body of a task. If it is empty, that is a single atomic instruction, in every program. */
static inline void bench_task(void)
{
    if (bench_body != NULL)
        bench_body();
    bench_task_ran();
}

/* For pools that have no wait of their own that leaves them usable. */
static inline void bench_wait_for_tasks(void)
{
    while (sem_wait(&bench_all_ran) != 0)
        continue;
}

static inline void bench_nap_us(long us)
{
    struct timespec left = { us / 1000000, us % 1000000 * 1000 };
    while (nanosleep(&left, &left) != 0)
        continue;
}

static inline void bench_nap(long ms)
{
    bench_nap_us(ms * 1000);
}

/* How tasks sleep; to be changed by a pool of fibers when it opens. */
static void (*bench_sleep_ms)(long ms) = bench_nap;

static void bench_body_sleep(void)
{
    bench_sleep_ms(bench_body_amount);
}

static uint64_t bench_spin(long rounds)
{
    uint64_t value = (uint64_t)rounds;
    for (long i = 0; i < rounds; i++) {
        value ^= value << 13;
        value ^= value >> 7;
        value ^= value << 17;
    }
    return value;
}

/* Keeps the compiler from leaving out what computes the value. */
static inline void bench_keep(uint64_t value)
{
    __asm__ volatile("" : : "r"(value));
}

static void bench_body_work(void)
{
    bench_keep(bench_spin(bench_body_amount));
}

/* How many rounds an undisturbed CPU does in `ns` nanoseconds: the best of many tries. */
static inline long bench_rounds_for(long ns)
{
    enum { ROUNDS = 20000, TRIES = 200 };
    int64_t best = INT64_MAX;
    for (int i = 0; i < TRIES; i++) {
        int64_t begin = bench_now_ns();
        bench_keep(bench_spin(ROUNDS));
        int64_t took = bench_now_ns() - begin;
        best = took < best ? took : best;
    }
    return (long)((int64_t)ns * ROUNDS / best);
}

/* ---- Rounds --------------------------------------------------------------------------------- */

typedef struct bench_producer_t {
    const bench_pool_t *pool;
    pthread_barrier_t *start;
    long count;
    int64_t began;
} bench_producer_t;

static inline void *bench_produce(void *arg)
{
    bench_producer_t *producer = (bench_producer_t *)arg;
    pthread_barrier_wait(producer->start);
    producer->began = bench_now_ns();
    producer->pool->produce(producer->count);
    return NULL;
}

/* What a round took, since its first submit. */
typedef struct bench_times_t {
    int64_t submitted; /* until the last submit had returned */
    int64_t done;      /* until the wait had */
} bench_times_t;

static inline void bench_expect(long tasks)
{
    __atomic_store_n(&bench_tasks.left, tasks, __ATOMIC_RELEASE);
    while (sem_trywait(&bench_all_ran) == 0)
        continue; /* The previous round's pool had its own wait. */
}

static inline void bench_check_all_ran(void)
{
    if (__atomic_load_n(&bench_tasks.left, __ATOMIC_ACQUIRE) != 0)
        bench_fail("the wait ended although not every task had run exactly once");
}

/*
 * Runs `tasks` tasks through the open pool. The calling thread is the first producer; the others are
 * started before the clock, which starts when the first of them all begins.
 */
static inline bench_times_t bench_round(const bench_pool_t *pool, int producers, long tasks)
{
    static pthread_t threads[BENCH_MAX_PRODUCERS];
    static bench_producer_t each[BENCH_MAX_PRODUCERS];
    pthread_barrier_t start;
    const long share = tasks / producers;
    bench_times_t times;

    bench_expect(tasks);
    if (pthread_barrier_init(&start, NULL, (unsigned)producers) != 0)
        bench_fail("no barrier");
    for (int i = 0; i < producers; i++) {
        each[i].pool = pool;
        each[i].start = &start;
        each[i].count = i == 0 ? tasks - share * (producers - 1) : share;
        if (i > 0 && pthread_create(&threads[i], NULL, bench_produce, &each[i]) != 0)
            bench_fail("no thread for a producer");
    }
    bench_produce(&each[0]);
    for (int i = 1; i < producers; i++)
        pthread_join(threads[i], NULL);
    int64_t submitted = bench_now_ns();
    pool->wait();
    int64_t done = bench_now_ns(), begin = each[0].began;
    for (int i = 1; i < producers; i++)
        begin = each[i].began < begin ? each[i].began : begin;
    times.submitted = submitted - begin;
    times.done = done - begin;
    bench_check_all_ran();
    pthread_barrier_destroy(&start);
    return times;
}

/* ---- The program ---------------------------------------------------------------------------- */

static inline long bench_number(const char *text, long least, long most)
{
    char *rest = NULL;
    long value = strtol(text, &rest, 10);
    if (rest == text || *rest != '\0' || value < least || value > most)
        bench_fail("an argument is not a number in range");
    return value;
}

static inline long bench_queue(const char *text)
{
    if (strcmp(text, "unbounded") == 0)
        return BENCH_QUEUE_UNBOUNDED;
    if (strcmp(text, "none") == 0)
        return BENCH_QUEUE_NONE;
    return bench_number(text, 1, 1L << 30);
}

static inline void bench_set_body(const char *text)
{
    if (strncmp(text, "work=", 5) == 0) {
        bench_body_amount = bench_rounds_for(bench_number(text + 5, 1, 1000000000));
        bench_body = bench_body_work;
    } else if (strncmp(text, "sleep=", 6) == 0) {
        bench_body_amount = bench_number(text + 6, 1, 60000);
        bench_body = bench_body_sleep;
    } else if (strcmp(text, "empty") != 0)
        bench_fail("no such body");
}

static inline double bench_measure(const bench_pool_t *pool, const bench_params_t *params);

/* The main function of a program that holds `count` pools. */
static inline int bench_main(int argc, char **argv, const bench_pool_t *pools, size_t count)
{
    if (argc != 9)
        bench_fail("usage: PROGRAM NAME QUEUE TASKS WORKERS PRODUCERS MEASURE BODY WARM_UP");
    const bench_pool_t *pool = NULL;
    for (size_t i = 0; i < count; i++)
        if (strcmp(pools[i].name, argv[1]) == 0)
            pool = &pools[i];
    if (pool == NULL)
        bench_fail("no pool of that name in this program");

    bench_params_t params;
    params.name = argv[1];
    params.queue = bench_queue(argv[2]);
    params.tasks = bench_number(argv[3], 1, 1L << 40);
    params.workers = (int)bench_number(argv[4], 1, 1 << 20);
    params.producers = (int)bench_number(argv[5], 1, BENCH_MAX_PRODUCERS);
    params.measure = argv[6];
    bench_set_body(argv[7]);
    params.warm_up = bench_number(argv[8], 0, 1L << 40);
    if (sem_init(&bench_all_ran, 0, 0) != 0)
        bench_fail("no semaphore");

    printf("%s %s %.1f\n", pool->name, params.measure, bench_measure(pool, &params));
    fflush(stdout);
    _exit(EXIT_SUCCESS); /* In some measures tasks are still held. */
}

#define BENCH_MAIN(...)                                                     \
    int main(int argc, char **argv)                                         \
    {                                                                       \
        static const bench_pool_t pools[] = { __VA_ARGS__ };                \
        return bench_main(argc, argv, pools, sizeof pools / sizeof *pools); \
    }

#include "measures.h"

#endif
