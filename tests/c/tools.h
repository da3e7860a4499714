/*
 * What the sentences of the test programs are made of: numbers to wait for, gates that hold tasks
 * back, pools, submits from threads of their own, and a look at the threads of the process.
 */
#ifndef ANTPOOL_SPEC_TOOLS_H
#define ANTPOOL_SPEC_TOOLS_H

#include "spec.h"
#include <dirent.h>
#include <sys/syscall.h>

/* ---- Counts and gates ----------------------------------------------------------------------- */

/* A number that threads add to and wait for. */
typedef struct count_t {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    long value;
} count_t;

#define COUNT_INIT {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0}

static inline void count_add(count_t *count, long more)
{
    CHECK_EQ(pthread_mutex_lock(&count->mutex), 0);
    count->value += more;
    CHECK_EQ(pthread_cond_broadcast(&count->changed), 0);
    CHECK_EQ(pthread_mutex_unlock(&count->mutex), 0);
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

/* What holds tasks back: each takes one ticket to pass, and waits until there is one. */
typedef struct gate_t {
    count_t arrived;
    count_t passed;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    long tickets;
} gate_t;

#define GATE_INIT {COUNT_INIT, COUNT_INIT, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0}

/* A task that stays until the gate lets it pass. */
static inline void gate_task(void *arg)
{
    gate_t *gate = (gate_t *)arg;
    count_add(&gate->arrived, 1);
    CHECK_EQ(pthread_mutex_lock(&gate->mutex), 0);
    while (gate->tickets == 0)
        CHECK_EQ(pthread_cond_wait(&gate->changed, &gate->mutex), 0);
    gate->tickets--;
    CHECK_EQ(pthread_mutex_unlock(&gate->mutex), 0);
    count_add(&gate->passed, 1);
}

/* Lets as many pass, now or when they come. */
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

/* What tasks can only leave together: it shows that all of them run at the same time. */
typedef struct meeting_t {
    pthread_barrier_t barrier;
    count_t met;
} meeting_t;

static inline void meeting_init(meeting_t *meeting, unsigned tasks)
{
    CHECK_EQ(pthread_barrier_init(&meeting->barrier, NULL, tasks), 0);
    CHECK_EQ(pthread_mutex_init(&meeting->met.mutex, NULL), 0);
    CHECK_EQ(pthread_cond_init(&meeting->met.changed, NULL), 0);
    meeting->met.value = 0;
}

static inline void meeting_task(void *arg)
{
    meeting_t *meeting = (meeting_t *)arg;
    int status = pthread_barrier_wait(&meeting->barrier);
    CHECK(status == 0 || status == PTHREAD_BARRIER_SERIAL_THREAD);
    count_add(&meeting->met, 1);
}

static inline void meeting_end(meeting_t *meeting)
{
    CHECK_EQ(pthread_barrier_destroy(&meeting->barrier), 0);
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

/* ---- Threads of the process ----------------------------------------------------------------- */

/* How many entries a directory of /proc has: threads in "task", open files in "fd". */
static inline long spec_entries(const char *directory)
{
    DIR *open_directory = opendir(directory);
    CHECK(open_directory != NULL);
    long entries = 0;
    for (struct dirent *entry; (entry = readdir(open_directory)) != NULL;)
        entries += entry->d_name[0] != '.';
    CHECK_EQ(closedir(open_directory), 0);
    return entries;
}

static inline void *spec_tell_tid(void *tid)
{
    *(long *)tid = (long)syscall(SYS_gettid);
    return NULL;
}

/* To be called before threads are counted: what watches a program's threads may start one of its
 * own together with the first. */
static inline void spec_start_first_thread(void)
{
    char path[64];
    long tid = 0;
    spec_join(spec_thread(spec_tell_tid, &tid));
    snprintf(path, sizeof path, "/proc/self/task/%ld", tid);
    EVENTUALLY(access(path, F_OK) != 0);
}

static inline long spec_threads(void)
{
    return spec_entries("/proc/self/task");
}

/* Any call that blocks, on a thread of its own. */
typedef struct call_t {
    antpool_status_t (*call)(antpool_t *pool, uint64_t timeout_ms);
    antpool_t *pool;
    uint64_t timeout_ms;
    pthread_t thread;
    long tid; /* of the thread, once it is about to call */
    antpool_status_t status; /* valid after call_join() */
    uint64_t took;           /* nanoseconds; likewise */
} call_t;

static inline void *call_body(void *arg)
{
    call_t *call = (call_t *)arg;
    __atomic_store_n(&call->tid, (long)syscall(SYS_gettid), __ATOMIC_RELEASE);
    uint64_t before = spec_now();
    call->status = call->call(call->pool, call->timeout_ms);
    call->took = spec_now() - before;
    return NULL;
}

static inline bool spec_sleeps(long tid)
{
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/self/task/%ld/stat", tid);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    CHECK(fgets(text, sizeof text, file) != NULL);
    CHECK_EQ(fclose(file), 0);
    const char *name_end = strrchr(text, ')');
    CHECK(name_end != NULL);
    return name_end[2] == 'S';
}

/* Starts a call that has to block, and returns when its thread has slept for a while. */
static inline void call_block_in(call_t *call,
                                 antpool_status_t (*function)(antpool_t *, uint64_t),
                                 antpool_t *pool, uint64_t timeout_ms)
{
    long tid = 0;
    call->call = function;
    call->pool = pool;
    call->timeout_ms = timeout_ms;
    call->tid = 0;
    call->thread = spec_thread(call_body, call);
    EVENTUALLY((tid = __atomic_load_n(&call->tid, __ATOMIC_ACQUIRE)) != 0);
    for (int asleep = 0; asleep < 10; spec_sleep_ms(1))
        asleep = spec_sleeps(tid) ? asleep + 1 : 0;
}

static inline antpool_status_t call_join(call_t *call)
{
    spec_join(call->thread);
    return call->status;
}

/* antpool_wait() and antpool_destroy() as calls. */
static inline antpool_status_t call_wait(antpool_t *pool, uint64_t unused)
{
    (void)unused;
    return antpool_wait(pool);
}

static inline antpool_status_t call_destroy(antpool_t *pool, uint64_t unused)
{
    (void)unused;
    return antpool_destroy(pool);
}

#endif
