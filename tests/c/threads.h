/*
 * A look at the threads of the process, and calls that block, each on a thread of its own.
 */
#ifndef ANTPOOL_SPEC_THREADS_H
#define ANTPOOL_SPEC_THREADS_H

#include "tools.h"
#include <dirent.h>
#include <sys/syscall.h>

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

/* ---- Calls that block ----------------------------------------------------------------------- */

/* Any call that blocks, on a thread of its own. */
typedef struct call_t {
    antpool_status_t (*call)(antpool_t *pool, uint64_t timeout_ms);
    antpool_t *pool;
    uint64_t timeout_ms;
    pthread_t thread;
    long tid;                /* of the thread, once it is about to call */
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

/* Its state, as the kernel has it; 0 if there is no such thread any more. */
static inline char spec_state(long tid)
{
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/self/task/%ld/stat", tid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    const bool there = fgets(text, sizeof text, file) != NULL;
    CHECK_EQ(fclose(file), 0);
    const char *name_end = strrchr(text, ')');
    CHECK(!there || name_end != NULL);
    return there ? name_end[2] : 0;
}

/*
 * Starts a call that has to block, and returns when its thread has slept for a while. One with a limit may be over before
 * that on a busy machine: then its status says what it has done.
 */
static inline void call_block_in(call_t *call, antpool_status_t (*function)(antpool_t *, uint64_t),
                                 antpool_t *pool, uint64_t timeout_ms)
{
    long tid = 0;
    call->call = function;
    call->pool = pool;
    call->timeout_ms = timeout_ms;
    call->tid = 0;
    call->thread = spec_thread(call_body, call);
    EVENTUALLY((tid = __atomic_load_n(&call->tid, __ATOMIC_ACQUIRE)) != 0);
    const bool has_limit = timeout_ms != 0 && timeout_ms != ANTPOOL_WAIT_FOREVER;
    for (int asleep = 0; asleep < 10; spec_sleep_ms(1)) {
        const char state = spec_state(tid);
        if (has_limit && state == 0)
            return;
        CHECK(state != 0);
        asleep = state == 'S' ? asleep + 1 : 0;
    }
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
