/*
 * The parts of sentences about fibers. They must not block a carrier, so they count without locks and wait by
 * suspending themselves.
 */
#ifndef ANTPOOL_SPEC_FIBER_TOOLS_H
#define ANTPOOL_SPEC_FIBER_TOOLS_H

#include "spec.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

/* A pool of fibers (or threads, as the sentence is run) on this number of carriers. */
static inline antpool_t *fiber_pool(int64_t capacity, size_t carriers)
{
    antpool_options_t options = spec_options();
    options.carriers = carriers;
    return spec_pool(capacity, &options);
}

/* ---- Numbers that tasks share --------------------------------------------------------------- */

/* Adds, and returns the sum. */
static inline long tally_add(long *tally, long more)
{
    return __atomic_add_fetch(tally, more, __ATOMIC_SEQ_CST);
}

static inline long tally_get(const long *tally)
{
    return __atomic_load_n(tally, __ATOMIC_SEQ_CST);
}

/* A task that adds one to a long. */
static inline void tally_task(void *tally)
{
    tally_add((long *)tally, 1);
}

/* Waits until a tally has this value. On a fiber it does not block the carrier. */
static inline void tally_await(const long *tally, long at_least)
{
    EVENTUALLY(tally_get(tally) >= at_least);
}

/* A task that does so after a while. */
static inline void sleep_20_ms(void *tally)
{
    antpool_sleep_ms(20);
    tally_task(tally);
}

/* A task that stays until a long is not 0. */
static inline void stay_until_set(void *flag)
{
    tally_await((const long *)flag, 1);
}

/* ---- Descriptors ---------------------------------------------------------------------------- */

enum { READ = ANTPOOL_READABLE, WRITE = ANTPOOL_WRITABLE };

/* Not readable, and writable. */
static inline int new_eventfd(void)
{
    int fd = eventfd(0, EFD_NONBLOCK);
    CHECK_GE(fd, 0);
    return fd;
}

/* ---- A dam ---------------------------------------------------------------------------------- */

/* A latch for any number of fibers, which do not poll: it is a busy pool. */
typedef struct dam_t {
    antpool_t *pool;
    long open;
} dam_t;

static inline void dam_build(dam_t *dam)
{
    antpool_options_t threads = ANTPOOL_OPTIONS_INIT;
    dam->pool = spec_pool(1, &threads);
    dam->open = 0;
    CHECK_STATUS(antpool_submit(dam->pool, stay_until_set, &dam->open), ANTPOOL_OK);
}

/* A task that stays until the dam is opened. */
static inline void dam_task(void *dam)
{
    CHECK_STATUS(antpool_wait(((dam_t *)dam)->pool), ANTPOOL_OK);
}

static inline void dam_open(dam_t *dam)
{
    tally_add(&dam->open, 1);
}

/* Not before those who wait there are done. */
static inline void dam_remove(dam_t *dam)
{
    CHECK_STATUS(antpool_destroy(dam->pool), ANTPOOL_OK);
}

/* ---- Tasks in numbers ----------------------------------------------------------------------- */

static inline void submit_times(antpool_t *pool, antpool_task_fn fn, void *arg, long times)
{
    for (long i = 0; i < times; i++)
        CHECK_STATUS(antpool_submit(pool, fn, arg), ANTPOOL_OK);
}

/* Submits one task for each element of an array. */
#define SUBMIT_EACH(pool, fn, array, count)                                         \
    do {                                                                            \
        for (long each = 0; each < (long)(count); each++)                           \
            CHECK_STATUS(antpool_submit((pool), (fn), &(array)[each]), ANTPOOL_OK); \
    } while (0)

/* Waits for all tasks of a pool, and ends it. */
static inline void finish(antpool_t *pool)
{
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    spec_destroy(pool);
}

static inline void *zeroed(long count, size_t size)
{
    void *memory = calloc((size_t)count, size);
    CHECK(memory != NULL);
    return memory;
}

/* Nanoseconds of processor time that this process has used. */
static inline uint64_t cpu_time(void)
{
    struct timespec used;
    CHECK_EQ(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
    return (uint64_t)used.tv_sec * 1000 * MS + (uint64_t)used.tv_nsec;
}

#endif
