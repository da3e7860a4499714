/*
 * Processes that a sentence forks: what they do, how they end, what they say on stderr.
 */
#ifndef ANTPOOL_SPEC_CHILD_H
#define ANTPOOL_SPEC_CHILD_H

#include "spec.h"
#include <errno.h>

/* Leaves the sentence out where the child of a process with threads cannot start one. */
static inline void child_starts_threads(void)
{
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
    const bool cannot = true;
#else
    const bool cannot = false;
#endif
    spec_skip_if(cannot,
                 "gcc's ThreadSanitizer takes the threads of a child for those of its parent");
}

typedef void (*child_fn)(void *arg);

/* Whether all other threads of the process sleep now. */
static inline bool child_others_sleep(void)
{
    const long this_one = (long)syscall(SYS_gettid);
    bool sleep = true;
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks != NULL);
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        const long tid = atol(entry->d_name);
        const char state = tid > 0 && tid != this_one ? spec_state(tid) : 0;
        if (state != 0 && state != 'S')
            sleep = false;
    }
    CHECK_EQ(closedir(tasks), 0);
    return sleep;
}

/* fork(). The child of clang's AddressSanitizer hangs if another thread is inside of its allocator, whose locks it
 * does not look after; so threads that are about to sleep get a moment for that. */
static inline pid_t child_fork(void)
{
    for (int look = 0; SPEC_SANITIZED && look < 50 && !child_others_sleep(); look++)
        spec_sleep_ms(1);
    fflush(NULL);
    pid_t process = fork();
    CHECK_GE(process, 0);
    return process;
}

/* Starts a process that runs the function and then ends with 0, by _exit(). */
static inline pid_t child_start(child_fn body, void *arg)
{
    pid_t process = child_fork();
    if (process == 0) {
        body(arg);
        _exit(0);
    }
    return process;
}

/* Waits for a process; the status that waitpid() gives. */
static inline int child_wait(pid_t process)
{
    int status = 0;
    pid_t ended;
    do
        ended = waitpid(process, &status, 0);
    while (ended < 0 && errno == EINTR);
    CHECK_EQ(ended, process);
    return status;
}

/* Runs a process to its end. What it writes to stderr goes into `said`, as far as it fits. */
static inline int child_run(child_fn body, void *arg, char *said, size_t size)
{
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    pid_t process = child_fork();
    if (process == 0) {
        CHECK_EQ(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
        body(arg);
        _exit(0);
    }
    CHECK_EQ(close(ends[1]), 0);
    size_t length = 0;
    ssize_t got;
    char rest[256];
    do {
        bool fits = length + 1 < size;
        got = fits ? read(ends[0], said + length, size - 1 - length)
                   : read(ends[0], rest, sizeof rest);
        if (fits && got > 0)
            length += (size_t)got;
    } while (got > 0);
    said[length] = '\0';
    CHECK_EQ(close(ends[0]), 0);
    return child_wait(process);
}

static inline void child_check_exit(const char *file, int line, int status, int code)
{
    if (!WIFEXITED(status) || WEXITSTATUS(status) != code)
        spec_fail(file, line, "a child ended by %s %d, not by exit %d",
                  WIFSIGNALED(status) ? "signal" : "exit",
                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), code);
}

static inline void child_check_abort(const char *file, int line, int status)
{
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
        spec_fail(file, line, "a child ended with status %#x, not by abort()", (unsigned)status);
}

/* How a process has to have ended, given what child_wait() or child_run() returned. */
#define CHECK_EXIT(status, code) child_check_exit(__FILE__, __LINE__, (status), (code))
#define CHECK_ABORTED(status) child_check_abort(__FILE__, __LINE__, (status))

#endif
