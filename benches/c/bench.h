/*
 * What every C and C++ benchmark program shares: arguments, producers, the clock, the check that
 * every task ran exactly once, and the one line of output. A program only says how its pool is
 * opened, filled, waited for and closed (bench_pool_t); everything that could make one program
 * look better than another is here, once.
 *
 *     PROGRAM NAME QUEUE TASKS WORKERS PRODUCERS [SLEEP_MS WARM_UP]
 *     NAME       which pool of the program (a program may hold several)
 *     QUEUE      "unbounded", "none" (submit waits when every worker is busy), or a number
 *     SLEEP_MS   what a task does before it is counted; a program that can, defines BENCH_SLEEPS
 *     WARM_UP    how many tasks run before the clock starts; a tenth of them when it is not given
 *
 * prints `NAME queue=QUEUE,workers=WORKERS,producers=PRODUCERS NS_PER_TASK` and exits with 0, or
 * says on standard error what is wrong and exits with 1 (2: this pool cannot do that row).
 */
#ifndef BENCH_H
#define BENCH_H

#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BENCH_QUEUE_NONE 0L
#define BENCH_QUEUE_UNBOUNDED (-1L)
#define BENCH_MAX_PRODUCERS 64
#define BENCH_EXIT_UNSUPPORTED 2

typedef struct bench_params_t {
    const char *name;
    long queue; /* BENCH_QUEUE_NONE, BENCH_QUEUE_UNBOUNDED, or how many tasks may wait. */
    long tasks;
    int workers;
    int producers;
    long sleep_ms; /* 0: tasks are empty. */
    long warm_up;
} bench_params_t;

/* One pool under test. The functions end the program themselves when something fails. */
typedef struct bench_pool_t {
    const char *name;
    /* Makes the pool; calls bench_unsupported() for a row that it cannot do. */
    void (*open)(const bench_params_t *params);
    /* Submits `count` tasks that each call bench_task_ran(); several threads do so at a time. */
    void (*produce)(long count);
    /* Returns when every task has run: the pool's own wait, or bench_wait_for_tasks(). */
    void (*wait)(void);
    void (*close)(void);
} bench_pool_t;

/* The count of tasks still to run has a cache line of its own: only the tasks touch it. */
static struct {
    char before[64];
    long left;
    char after[64];
} bench_tasks;
static sem_t bench_all_ran;

/* The whole body of an empty task: the same single atomic instruction in every program. */
static inline void bench_task_ran(void)
{
    if (__atomic_sub_fetch(&bench_tasks.left, 1, __ATOMIC_ACQ_REL) == 0)
        sem_post(&bench_all_ran);
}

/* For pools that have no wait of their own that leaves them usable. */
static inline void bench_wait_for_tasks(void)
{
    while (sem_wait(&bench_all_ran) != 0)
        continue;
}

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

static inline int64_t bench_now_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        bench_fail("the clock cannot be read");
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

typedef struct bench_producer_t {
    const bench_pool_t *pool;
    pthread_barrier_t *start;
    long count;
} bench_producer_t;

static inline void *bench_produce(void *arg)
{
    const bench_producer_t *producer = (const bench_producer_t *)arg;
    pthread_barrier_wait(producer->start);
    producer->pool->produce(producer->count);
    return NULL;
}

/*
 * Runs `tasks` tasks through the open pool and returns the time from the first submit to the end
 * of the wait. The calling thread is the first producer; the others are started before the clock.
 */
static inline int64_t bench_round(const bench_pool_t *pool, int producers, long tasks)
{
    pthread_barrier_t start;
    pthread_t threads[BENCH_MAX_PRODUCERS];
    bench_producer_t others = { pool, &start, tasks / producers };

    bench_tasks.left = tasks;
    while (sem_trywait(&bench_all_ran) == 0)
        continue; /* The previous round's pool had its own wait. */
    if (pthread_barrier_init(&start, NULL, (unsigned)producers) != 0)
        bench_fail("no barrier");
    for (int i = 1; i < producers; i++)
        if (pthread_create(&threads[i], NULL, bench_produce, &others) != 0)
            bench_fail("no thread for a producer");

    pthread_barrier_wait(&start);
    int64_t begin = bench_now_ns();
    pool->produce(tasks - others.count * (producers - 1));
    for (int i = 1; i < producers; i++)
        pthread_join(threads[i], NULL);
    pool->wait();
    int64_t end = bench_now_ns();

    if (__atomic_load_n(&bench_tasks.left, __ATOMIC_ACQUIRE) != 0)
        bench_fail("the wait ended although not every task had run exactly once");
    pthread_barrier_destroy(&start);
    return end - begin;
}

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

/* The main function of a program that holds `count` pools. */
static inline int bench_main(int argc, char **argv, const bench_pool_t *pools, size_t count)
{
    if (argc != 6 && argc != 8)
        bench_fail("usage: PROGRAM NAME QUEUE TASKS WORKERS PRODUCERS [SLEEP_MS WARM_UP]");
    const bench_pool_t *pool = NULL;
    for (size_t i = 0; i < count; i++)
        if (strcmp(pools[i].name, argv[1]) == 0)
            pool = &pools[i];
    if (pool == NULL)
        bench_fail("no pool of that name in this program");

    bench_params_t params;
    params.name = argv[1];
    params.queue = bench_queue(argv[2]);
    params.tasks = bench_number(argv[3], 10, 1L << 40);
    params.workers = (int)bench_number(argv[4], 1, 1 << 20);
    params.producers = (int)bench_number(argv[5], 1, BENCH_MAX_PRODUCERS);
    params.sleep_ms = argc == 8 ? bench_number(argv[6], 0, 60000) : 0;
    params.warm_up = argc == 8 ? bench_number(argv[7], 0, 1L << 40) : params.tasks / 10;
#ifndef BENCH_SLEEPS
    if (params.sleep_ms != 0)
        bench_unsupported("the tasks of this program do not sleep");
#endif

    if (sem_init(&bench_all_ran, 0, 0) != 0)
        bench_fail("no semaphore");
    pool->open(&params);
    /* Some tasks first: workers exist, allocators and caches are warm. */
    if (params.warm_up > 0)
        bench_round(pool, params.producers, params.warm_up);
    int64_t elapsed = bench_round(pool, params.producers, params.tasks);
    pool->close();
    if (__atomic_load_n(&bench_tasks.left, __ATOMIC_ACQUIRE) != 0)
        bench_fail("a task ran more than once");

    printf("%s queue=%s,workers=%d,producers=%d %.1f\n", pool->name, argv[2], params.workers,
           params.producers, (double)elapsed / (double)params.tasks);
    return EXIT_SUCCESS;
}

#define BENCH_MAIN(...)                                                    \
    int main(int argc, char **argv)                                        \
    {                                                                      \
        static const bench_pool_t pools[] = { __VA_ARGS__ };               \
        return bench_main(argc, argv, pools, sizeof pools / sizeof *pools); \
    }

#endif
