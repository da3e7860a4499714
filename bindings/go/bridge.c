#include "bridge.h"

#include "_cgo_export.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* The signals that the threads of this program take. */
static sigset_t open_signals;

__attribute__((constructor)) static void remember_open_signals(void)
{
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    sigemptyset(&open_signals);
    for (int signal = 1; signal <= SIGRTMAX; signal++)
        if (sigismember(&blocked, signal) == 0)
            sigaddset(&open_signals, signal);
}

/*
 * To be called before Go is entered on a worker. Workers block signals, and a process that is
 * started from a thread inherits what it blocks. The Go runtime opens only some of them (those that
 * end a program, and the one by which it stops loops), so that a thread that is to run Go is made
 * to take what Go's own threads take. Threads that only run C functions stay as they are.
 */
static void become_a_go_thread(void)
{
    static _Thread_local bool done;
    if (!done) {
        pthread_sigmask(SIG_UNBLOCK, &open_signals, NULL);
        done = true;
    }
}

void bridge_run(void *slot)
{
    become_a_go_thread();
    antpoolGoRun((uintptr_t)slot);
}

static int handover_fd = -1;

void bridge_hand_over_through(int fd)
{
    handover_fd = fd;
}

void bridge_run_on_goroutine(void *slot)
{
    sem_t returned;
    sem_init(&returned, 0, 0);
    struct bridge_handover_t handover = {(uintptr_t)slot, (uintptr_t)&returned};
    /* So short a write is never a part of it. The read end is never closed. */
    while (write(handover_fd, &handover, sizeof handover) != sizeof handover)
        if (errno != EINTR)
            abort();
    while (sem_wait(&returned) != 0)
        ; /* Interrupted by a signal. */
    sem_destroy(&returned);
}

void bridge_returned(uintptr_t worker)
{
    sem_post((sem_t *)worker);
}

/* A Go panic does not come here: Go recovers and reports it itself, with its value. */
static void on_failure(void *reporter, const antpool_panic_info_t *info)
{
    become_a_go_thread();
    antpoolGoFailed((uintptr_t)reporter, (char *)info->message);
}

static void on_log(void *reporter, antpool_log_level_t level, const char *line)
{
    (void)level;
    become_a_go_thread();
    antpoolGoLog((uintptr_t)reporter, (char *)line);
}

enum antpool_status_t bridge_new(int64_t capacity, antpool_options_t options, const char *name,
                                 const uint32_t *cpus, uintptr_t reporter, antpool_t **out_pool)
{
    options.struct_size = sizeof options;
    options.name = *name ? name : NULL;
    options.cpus = cpus;
    options.panic_handler = on_failure;
    options.panic_data = (void *)reporter;
    options.logger = on_log;
    options.logger_data = (void *)reporter;
    return antpool_new(capacity, &options, out_pool);
}

enum antpool_status_t bridge_try_submit(antpool_t *pool, antpool_task_fn fn, uintptr_t arg)
{
    return antpool_try_submit(pool, fn, (void *)arg);
}

enum antpool_status_t bridge_submit(antpool_t *pool, antpool_task_fn fn, uintptr_t arg)
{
    return antpool_submit(pool, fn, (void *)arg);
}

antpool_stats_t bridge_stats(const antpool_t *pool)
{
    antpool_stats_t stats = {.struct_size = sizeof stats};
    (void)!antpool_get_stats(pool, &stats); /* Only a forked child is refused. */
    return stats;
}
