/*
 * What can be measured of a pool, the same way in every C and C++ program; included by bench.h.
 *
 *     all            ns per task, from the first submit until the wait for all tasks returns
 *     submit         ns per task, from the first submit until the last one has returned
 *     wake-p50       ns from a submit to an idle pool until the task's first instruction: the median,
 *     wake-p99       and what one in a hundred exceeds
 *     trip           ns to submit one task and wait for it
 *     rare=US        ns of CPU per task, when one task is submitted every US microseconds, beyond what
 *                    the producer uses that only sleeps
 *     ramp           ns per task until TASKS tasks, none of which ends, all run at once
 *     fairness       how many times more tasks the luckiest of PRODUCERS has placed than the unluckiest
 *                    after TASKS milliseconds
 *     memory-pool    resident bytes per pool, of TASKS pools that have not been used
 *     memory-queued  resident bytes per task, of TASKS tasks that wait for a worker
 *     memory-worker  resident bytes per worker, of WORKERS workers that have run and are idle
 *     life           ns to make a pool and end it
 */
#ifndef BENCH_MEASURES_H
#define BENCH_MEASURES_H

#include "bench.h"

#include <limits.h>
#include <sys/prctl.h>

static inline long bench_resident_bytes(void)
{
    long size, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%ld %ld", &size, &resident) != 2)
        bench_fail("/proc/self/statm cannot be read");
    fclose(file);
    return resident * sysconf(_SC_PAGESIZE);
}

static inline int bench_compare(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static inline double bench_percentile(int64_t *samples, long count, long percent)
{
    qsort(samples, (size_t)count, sizeof *samples, bench_compare);
    return (double)samples[count * percent / 100];
}

/* ---- Latency -------------------------------------------------------------------------------- */

static int64_t bench_begun;

static void bench_body_stamp(void)
{
    __atomic_store_n(&bench_begun, bench_now_ns(), __ATOMIC_RELEASE);
}

static inline double bench_wake(const bench_pool_t *pool, const bench_params_t *params)
{
    int64_t *samples = (int64_t *)calloc((size_t)params->tasks, sizeof *samples);
    if (samples == NULL)
        bench_fail("no memory for samples");
    bench_body = bench_body_stamp;
    for (long i = 0; i < params->tasks; i++) {
        bench_expect(1);
        bench_nap(1); /* Long enough for the workers to park. */
        int64_t submitted = bench_now_ns();
        pool->produce(1);
        pool->wait();
        samples[i] = bench_begun - submitted;
    }
    return bench_percentile(samples, params->tasks,
                            strcmp(params->measure, "wake-p50") == 0 ? 50 : 99);
}

static inline double bench_trip(const bench_pool_t *pool, long tasks)
{
    int64_t begin = bench_now_ns();
    for (long i = 0; i < tasks; i++) {
        bench_expect(1);
        pool->produce(1);
        pool->wait();
    }
    return (double)(bench_now_ns() - begin) / (double)tasks;
}

/* ---- Rare tasks ----------------------------------------------------------------------------- */

/* The producer alone and the producer with tasks take turns, so that drift reaches both. */
static inline double bench_rare(const bench_pool_t *pool, long tasks, long us)
{
    const long turns = tasks < 10 ? 1 : 10, share = tasks / turns;
    int64_t alone = 0, with_tasks = 0;
    /* By default the system may end a sleep 50 us late. */
    if (prctl(PR_SET_TIMERSLACK, 1UL) != 0)
        bench_fail("the timer slack cannot be set");
    for (long turn = 0; turn < turns; turn++) {
        int64_t begin = bench_cpu_ns();
        for (long i = 0; i < share; i++)
            bench_nap_us(us);
        int64_t middle = bench_cpu_ns();
        bench_expect(share);
        for (long i = 0; i < share; i++) {
            bench_nap_us(us);
            pool->produce(1);
        }
        pool->wait();
        bench_check_all_ran();
        bench_nap(1); /* What the workers do until they park is part of the cost. */
        alone += middle - begin;
        with_tasks += bench_cpu_ns() - middle;
    }
    return (double)(with_tasks - alone) / (double)(share * turns);
}

/* ---- Tasks that are held -------------------------------------------------------------------- */

static long bench_held, bench_hold_at_once;
static sem_t bench_all_held, bench_gate;
static bool bench_gate_is_used;

static void bench_body_hold(void)
{
    if (__atomic_add_fetch(&bench_held, 1, __ATOMIC_ACQ_REL) == bench_hold_at_once)
        sem_post(&bench_all_held);
    if (!bench_gate_is_used) {
        bench_sleep_ms(120000);
        bench_fail("a held task went on before the measurement was over");
    }
    while (sem_wait(&bench_gate) != 0)
        continue;
    sem_post(&bench_gate); /* for the next */
}

/* Submits `tasks` tasks and returns how long it takes until all of them run at once. */
static inline int64_t bench_hold(const bench_pool_t *pool, long tasks)
{
    if (sem_init(&bench_all_held, 0, 0) != 0 || sem_init(&bench_gate, 0, 0) != 0)
        bench_fail("no semaphore");
    bench_body = bench_body_hold;
    bench_hold_at_once = tasks;
    bench_expect(tasks);
    int64_t begin = bench_now_ns();
    pool->produce(tasks);
    while (sem_wait(&bench_all_held) != 0)
        continue;
    return bench_now_ns() - begin;
}

static inline double bench_memory_queued(const bench_pool_t *pool, const bench_params_t *params)
{
    bench_hold(pool, params->workers);
    long before = bench_resident_bytes();
    pool->produce(params->tasks);
    return (double)(bench_resident_bytes() - before) / (double)params->tasks;
}

static inline double bench_memory_worker(const bench_pool_t *pool, const bench_params_t *params)
{
    bench_gate_is_used = true;
    long before = bench_resident_bytes();
    pool->open(params);
    bench_hold(pool, params->workers);
    sem_post(&bench_gate);
    pool->wait();
    bench_nap(100);
    return (double)(bench_resident_bytes() - before) / (double)params->workers;
}

/* ---- Callers that wait ---------------------------------------------------------------------- */

typedef struct bench_caller_t {
    pthread_t thread;
    long placed;
} bench_caller_t;

static const bench_pool_t *bench_callers_pool;
static pthread_barrier_t bench_callers_start;
static bool bench_callers_stop;

static inline void *bench_call(void *arg)
{
    bench_caller_t *caller = (bench_caller_t *)arg;
    pthread_barrier_wait(&bench_callers_start);
    while (!__atomic_load_n(&bench_callers_stop, __ATOMIC_RELAXED)) {
        bench_callers_pool->produce(1);
        caller->placed++;
    }
    return NULL;
}

static inline double bench_fairness(const bench_pool_t *pool, const bench_params_t *params)
{
    static bench_caller_t callers[BENCH_MAX_PRODUCERS];
    long least = LONG_MAX, most = 0, all = 0;
    bench_callers_pool = pool;
    bench_expect(LONG_MAX); /* How many there are is known at the end. */
    pthread_barrier_init(&bench_callers_start, NULL, (unsigned)params->producers);
    for (int i = 0; i < params->producers; i++)
        if (pthread_create(&callers[i].thread, NULL, bench_call, &callers[i]) != 0)
            bench_fail("no thread for a caller");
    bench_nap(params->tasks);
    __atomic_store_n(&bench_callers_stop, true, __ATOMIC_RELAXED);
    for (int i = 0; i < params->producers; i++) {
        pthread_join(callers[i].thread, NULL);
        least = callers[i].placed < least ? callers[i].placed : least;
        most = callers[i].placed > most ? callers[i].placed : most;
        all += callers[i].placed;
    }
    if (__atomic_sub_fetch(&bench_tasks.left, LONG_MAX - all, __ATOMIC_ACQ_REL) > 0)
        pool->wait();
    bench_check_all_ran();
    return (double)most / (double)(least > 0 ? least : 1);
}

/* ---- All of them ---------------------------------------------------------------------------- */

static inline double bench_life(const bench_pool_t *pool, const bench_params_t *params)
{
    int64_t begin = bench_now_ns();
    for (long i = 0; i < params->tasks; i++) {
        pool->open(params);
        pool->close();
    }
    return (double)(bench_now_ns() - begin) / (double)params->tasks;
}

static inline double bench_memory_pool(const bench_pool_t *pool, const bench_params_t *params)
{
    long before = bench_resident_bytes();
    for (long i = 0; i < params->tasks; i++)
        pool->open(params);
    return (double)(bench_resident_bytes() - before) / (double)params->tasks;
}

static inline double bench_measure(const bench_pool_t *pool, const bench_params_t *params)
{
    const char *measure = params->measure;
    if (strcmp(measure, "life") == 0)
        return bench_life(pool, params);
    if (strcmp(measure, "memory-pool") == 0)
        return bench_memory_pool(pool, params);
    if (strcmp(measure, "memory-worker") == 0)
        return bench_memory_worker(pool, params);

    pool->open(params);
    if (params->warm_up > 0)
        bench_round(pool, params->producers, params->warm_up);
    if (strncmp(measure, "wake-", 5) == 0)
        return bench_wake(pool, params);
    if (strcmp(measure, "trip") == 0)
        return bench_trip(pool, params->tasks);
    if (strncmp(measure, "rare=", 5) == 0)
        return bench_rare(pool, params->tasks, bench_number(measure + 5, 1, 1000000));
    if (strcmp(measure, "ramp") == 0)
        return (double)bench_hold(pool, params->tasks) / (double)params->tasks;
    if (strcmp(measure, "memory-queued") == 0)
        return bench_memory_queued(pool, params);
    if (strcmp(measure, "fairness") == 0)
        return bench_fairness(pool, params);

    bool until_submitted = strcmp(measure, "submit") == 0;
    if (!until_submitted && strcmp(measure, "all") != 0)
        bench_fail("no such measure");
    bench_times_t times = bench_round(pool, params->producers, params->tasks);
    pool->close();
    if (__atomic_load_n(&bench_tasks.left, __ATOMIC_ACQUIRE) != 0)
        bench_fail("a task ran more than once");
    return (double)(until_submitted ? times.submitted : times.done) / (double)params->tasks;
}

#endif
