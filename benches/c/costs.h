/*
 * What single things cost that fibers do, measured the same way in every C and C++ program:
 *
 *     PROGRAM NAME COST FIBERS
 *     memory        bytes of resident memory for each of FIBERS that sleep at the same time
 *     yield         ns for each of the times that FIBERS fibers yield in turn
 *     cycle         ns of CPU, of the whole process, for each time a fiber sleeps 1 ms
 *     lateness-p50  how many ns after its 10 ms a sleep returns: the median,
 *     lateness-p99  and the time that one in a hundred exceeds
 *
 * prints `NAME COST FIBERS FIGURE`. All fibers run on one thread. A program only says how fibers
 * are started, waited for, sleep and yield (cost_fibers_t).
 */
#ifndef COSTS_H
#define COSTS_H

#include "bench.h"

#define COST_YIELDS 4000000L
#define COST_CYCLES 1000000L
#define COST_SLEEPS 1000L

typedef struct cost_fibers_t {
    /* Starts fibers that each call body(0), body(1), and so on; they may begin at once. */
    void (*start)(long fibers, void (*body)(long fiber));
    void (*wait)(void);
    void (*sleep)(long ms);
    void (*yield)(void);
} cost_fibers_t;

static const cost_fibers_t *cost_fibers;
static long cost_share; /* How often each fiber does the thing that is measured. */
static long cost_done;
static int64_t cost_late[COST_SLEEPS];

/* Every fiber says that it did all of its share; the figure counts only if all of them do. */
static inline void cost_add(long count)
{
    __atomic_add_fetch(&cost_done, count, __ATOMIC_ACQ_REL);
}

static inline void cost_sleeps_long(long fiber)
{
    (void)fiber;
    cost_add(1);
    cost_fibers->sleep(120000); /* The process ends before any fiber wakes up. */
    bench_fail("a fiber woke up before the memory was looked at");
}

static inline void cost_yields(long fiber)
{
    (void)fiber;
    for (long i = 0; i < cost_share; i++)
        cost_fibers->yield();
    cost_add(cost_share);
}

static inline void cost_naps(long fiber)
{
    (void)fiber;
    for (long i = 0; i < cost_share; i++)
        cost_fibers->sleep(1);
    cost_add(cost_share);
}

static inline void cost_is_late(long fiber)
{
    for (long i = 0; i < cost_share; i++) {
        int64_t begin = bench_now_ns();
        cost_fibers->sleep(10);
        int64_t late = bench_now_ns() - begin - 10000000;
        if (late < 0)
            bench_fail("a sleep ended early");
        cost_late[fiber * cost_share + i] = late;
    }
    cost_add(cost_share);
}

/* Runs FIBERS bodies that do `total` things together, by one clock or the other. */
static inline double cost_each(long fibers, long total, void (*body)(long), int64_t (*clock)(void))
{
    cost_share = total / fibers;
    int64_t begin = clock();
    cost_fibers->start(fibers, body);
    cost_fibers->wait();
    int64_t end = clock();
    if (cost_done != cost_share * fibers)
        bench_fail("not every fiber did its share");
    return (double)(end - begin) / (double)cost_done;
}

static inline double cost_memory(long fibers)
{
    long before = bench_resident_bytes();
    cost_fibers->start(fibers, cost_sleeps_long);
    while (__atomic_load_n(&cost_done, __ATOMIC_ACQUIRE) < fibers)
        cost_fibers->sleep(10);
    cost_fibers->sleep(100); /* The last one to arrive has to get from its count to its sleep. */
    return (double)(bench_resident_bytes() - before) / (double)fibers;
}

static inline int cost_main(char **argv, const cost_fibers_t *with)
{
    const char *cost = argv[2];
    long fibers = bench_number(argv[3], 1, 10000000);
    double figure = 0;
    cost_fibers = with;
    if (strcmp(cost, "memory") == 0)
        figure = cost_memory(fibers);
    else if (strcmp(cost, "yield") == 0)
        figure = cost_each(fibers, COST_YIELDS, cost_yields, bench_now_ns);
    else if (strcmp(cost, "cycle") == 0)
        figure = cost_each(fibers, COST_CYCLES, cost_naps, bench_cpu_ns);
    else if (strncmp(cost, "lateness-", 9) == 0 && COST_SLEEPS % fibers == 0) {
        cost_each(fibers, COST_SLEEPS, cost_is_late, bench_now_ns);
        figure = bench_percentile(cost_late, COST_SLEEPS, bench_number(cost + 10, 1, 99));
    } else
        bench_fail("no such cost");
    printf("%s %s %ld %.1f\n", argv[1], cost, fibers, figure);
    fflush(stdout);
    _exit(EXIT_SUCCESS); /* Fibers may still be asleep. */
}

#endif
