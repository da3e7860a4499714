/*
 * The parts of sentences: numbers to wait for, gates that hold tasks back, pools, submits from threads of
 * their own.
 */
#ifndef ANTPOOL_SPEC_TOOLS_H
#define ANTPOOL_SPEC_TOOLS_H

#include "spec.h"

/* ---- Fibers --------------------------------------------------------------------------------- */

/* Whether the sentence is run for fibers. */
static inline bool spec_on_fibers(void)
{
    return spec_current_kind == ANTPOOL_WORKER_FIBER;
}

/* Leaves the sentence out for fibers where these are threads. */
static inline void spec_needs_true_fibers(void)
{
    spec_skip_if(FIBERS_ARE_THREADS && spec_on_fibers(), "fibers are threads here");
}

/* Leaves the sentence out where a task would end its thread on a fiber that ThreadSanitizer knows: for that the
 * thread itself has ended then. */
static inline void spec_ends_a_thread(void)
{
    spec_skip_if(FIBERS_ARE_THREADS && spec_on_fibers(), "no thread may end on a fiber here");
}

/* Whether the caller is a task on a fiber. A call that blocks there without the library knowing blocks
 * every other fiber of its carrier. */
static inline bool spec_in_fiber(void)
{
    return spec_on_fibers() && antpool_current() != NULL;
}

/* Lets some time pass before the caller polls again. */
static inline void spec_nap(void)
{
    if (spec_in_fiber())
        antpool_sleep_us(500);
    else
        spec_sleep_ms(1);
}

/* Waits until the condition holds. If it never does, the watchdog ends the sentence. */
#define EVENTUALLY(condition) \
    do {                      \
        while (!(condition))  \
            spec_nap();       \
    } while (0)

/* ---- Counts and gates ----------------------------------------------------------------------- */

/* A number that threads add to and wait for. */
typedef struct count_t {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    long value;
} count_t;

#define COUNT_INIT                                             \
    {                                                          \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 \
    }

/* Adds, and returns the sum. */
static inline long count_add(count_t *count, long more)
{
    CHECK_EQ(pthread_mutex_lock(&count->mutex), 0);
    const long sum = count->value += more;
    CHECK_EQ(pthread_cond_broadcast(&count->changed), 0);
    CHECK_EQ(pthread_mutex_unlock(&count->mutex), 0);
    return sum;
}

static inline long count_get(count_t *count)
{
    CHECK_EQ(pthread_mutex_lock(&count->mutex), 0);
    long value = count->value;
    CHECK_EQ(pthread_mutex_unlock(&count->mutex), 0);
    return value;
}

static inline void count_wait(count_t *count, long at_least)
{
    if (spec_in_fiber())
        EVENTUALLY(count_get(count) >= at_least);
    CHECK_EQ(pthread_mutex_lock(&count->mutex), 0);
    while (count->value < at_least)
        CHECK_EQ(pthread_cond_wait(&count->changed, &count->mutex), 0);
    CHECK_EQ(pthread_mutex_unlock(&count->mutex), 0);
}

/* A task (or any thread) that adds one. */
static inline void count_task(void *count)
{
    count_add((count_t *)count, 1);
}

/* A task that does nothing. */
static inline void nothing(void *arg)
{
    (void)arg;
}

/* A semaphore that counts its visitors: each task takes one ticket to pass, and waits until there is one. */
typedef struct gate_t {
    count_t arrived;
    count_t passed;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    long tickets;
} gate_t;

#define GATE_INIT                                                                      \
    {                                                                                  \
        COUNT_INIT, COUNT_INIT, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 \
    }

/* Takes a ticket if there is one. */
static inline bool gate_take(gate_t *gate)
{
    CHECK_EQ(pthread_mutex_lock(&gate->mutex), 0);
    bool taken = gate->tickets > 0;
    gate->tickets -= taken;
    CHECK_EQ(pthread_mutex_unlock(&gate->mutex), 0);
    return taken;
}

/* A task that stays until the gate lets it pass. */
static inline void gate_task(void *arg)
{
    gate_t *gate = (gate_t *)arg;
    count_add(&gate->arrived, 1);
    if (spec_in_fiber()) {
        EVENTUALLY(gate_take(gate));
    } else {
        CHECK_EQ(pthread_mutex_lock(&gate->mutex), 0);
        while (gate->tickets == 0)
            CHECK_EQ(pthread_cond_wait(&gate->changed, &gate->mutex), 0);
        gate->tickets--;
        CHECK_EQ(pthread_mutex_unlock(&gate->mutex), 0);
    }
    count_add(&gate->passed, 1);
}

/* Lets this number of tasks pass, now or when they come. */
static inline void gate_let(gate_t *gate, long tickets)
{
    CHECK_EQ(pthread_mutex_lock(&gate->mutex), 0);
    gate->tickets += tickets;
    CHECK_EQ(pthread_cond_broadcast(&gate->changed), 0);
    CHECK_EQ(pthread_mutex_unlock(&gate->mutex), 0);
}

/* Lets everybody pass from now on. */
static inline void gate_open(gate_t *gate)
{
    gate_let(gate, 1000000000);
}

/* A barrier: its tasks leave it together, which shows that all of them run at the same time. */
typedef struct meeting_t {
    count_t here;
    long tasks; /* at a time */
    count_t met;
} meeting_t;

static inline void meeting_init(meeting_t *meeting, long tasks)
{
    const meeting_t fresh = {COUNT_INIT, tasks, COUNT_INIT};
    *meeting = fresh;
}

static inline void meeting_task(void *arg)
{
    meeting_t *meeting = (meeting_t *)arg;
    const long place = count_add(&meeting->here, 1);
    count_wait(&meeting->here, (place + meeting->tasks - 1) / meeting->tasks * meeting->tasks);
    count_add(&meeting->met, 1);
}

/* ---- Pools and callers ---------------------------------------------------------------------- */

/* The defaults, with the kind of worker the sentence is run for. */
static inline antpool_options_t spec_options(void)
{
    antpool_options_t options = ANTPOOL_OPTIONS_INIT;
    options.worker_kind = spec_current_kind;
    return options;
}

/* A new pool; NULL means spec_options(). */
static inline antpool_t *spec_pool(int64_t capacity, const antpool_options_t *options)
{
    antpool_options_t defaults = spec_options();
    antpool_t *pool = NULL;
    CHECK_STATUS(antpool_new(capacity, options ? options : &defaults, &pool), ANTPOOL_OK);
    CHECK(pool != NULL);
    return pool;
}

/* The number of threads of this number of workers, which have been started one after the other. */
static inline long spec_threads_for(long workers, const antpool_options_t *options)
{
    const long carriers = (long)options->carriers;
    return spec_on_fibers() && carriers < workers ? carriers : workers;
}

static inline void spec_destroy(antpool_t *pool)
{
    CHECK_STATUS(antpool_destroy(pool), ANTPOOL_OK);
}

/* Submits tasks that stay at the gate, and returns when all of them have begun. */
static inline void spec_hold(antpool_t *pool, gate_t *gate, long tasks)
{
    long before = count_get(&gate->arrived);
    for (long i = 0; i < tasks; i++)
        CHECK_STATUS(antpool_submit(pool, gate_task, gate), ANTPOOL_OK);
    count_wait(&gate->arrived, before + tasks);
}

static inline pthread_t spec_thread(void *(*body)(void *), void *arg)
{
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, body, arg), 0);
    return thread;
}

static inline void spec_join(pthread_t thread)
{
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* A submit from a thread of its own, for submits that wait. */
typedef struct caller_t {
    antpool_t *pool;
    antpool_task_fn fn;
    void *arg;
    pthread_t thread;
    antpool_status_t status; /* valid after caller_join() */
} caller_t;

static inline void *caller_body(void *arg)
{
    caller_t *caller = (caller_t *)arg;
    caller->status = antpool_submit(caller->pool, caller->fn, caller->arg);
    return NULL;
}

static inline void caller_start(caller_t *caller, antpool_t *pool, antpool_task_fn fn, void *arg)
{
    caller->pool = pool;
    caller->fn = fn;
    caller->arg = arg;
    caller->thread = spec_thread(caller_body, caller);
}

/* Starts a caller that has to wait, and returns when it waits. */
static inline void caller_wait_in(caller_t *caller, antpool_t *pool, antpool_task_fn fn, void *arg)
{
    int64_t before = antpool_waiting(pool);
    caller_start(caller, pool, fn, arg);
    EVENTUALLY(antpool_waiting(pool) > before);
}

static inline antpool_status_t caller_join(caller_t *caller)
{
    spec_join(caller->thread);
    return caller->status;
}

#include "threads.h"

#endif
