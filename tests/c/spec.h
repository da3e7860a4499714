/*
 * The base of every test program of this directory. Include it first.
 *
 *     SPEC(a_closed_pool_accepts_nothing)
 *     {
 *         antpool_t *pool = spec_pool(1, NULL);
 *         CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
 *         CHECK_STATUS(antpool_submit(pool, gate_task, &gate), ANTPOOL_ERR_CLOSED);
 *         spec_destroy(pool);
 *     }
 *     SPEC_MAIN()
 *
 * A sentence registers itself and runs in a process of its own, once for each kind of worker. A sentence
 * about one kind only is a SPEC_THREADS or SPEC_FIBERS. A check that fails, on any thread, ends that
 * process. So does the watchdog after 60 seconds times ANTPOOL_TEST_TIMEOUT_SCALE; where gdb is
 * installed, it prints the stacks of all threads.
 * A program runs all its sentences, or those that its arguments name. An argument that is a number is
 * spec_argument() to the sentences, and gives them 50 microseconds more for each unit.
 *
 * A sentence that cannot be tested in its environment calls spec_skip_if(); the last line counts it.
 *
 * tools.h, which this file includes, has the parts of sentences: counts, gates, pools, callers.
 * threads.h inspects the threads of the process, and has calls that block.
 */
#ifndef ANTPOOL_SPEC_H
#define ANTPOOL_SPEC_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <antpool.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- Sentences ------------------------------------------------------------------------------ */

enum { ANY_KIND = -1 };

typedef struct spec_sentence {
    const char *name;
    void (*run)(void);
    long only; /* the kind of worker that it is about, or ANY_KIND */
    struct spec_sentence *next;
} spec_sentence;

typedef struct spec_kind {
    const char *name;
    uint32_t kind;
} spec_kind;

/* The kinds of workers that every sentence has to be true for. */
static const spec_kind spec_kinds[] = {{"thread", ANTPOOL_WORKER_THREAD},
                                       {"fiber", ANTPOOL_WORKER_FIBER}};

static spec_sentence *spec_first, **spec_end = &spec_first;
static const char *spec_name = "";
static uint32_t spec_current_kind;
static long spec_number = -1;

#define SPEC(sentence) SPEC_REGISTER(sentence, ANY_KIND)
#define SPEC_THREADS(sentence) SPEC_REGISTER(sentence, ANTPOOL_WORKER_THREAD)
#define SPEC_FIBERS(sentence) SPEC_REGISTER(sentence, ANTPOOL_WORKER_FIBER)
#define SPEC_REGISTER(sentence, only)                                       \
    static void sentence(void);                                             \
    __attribute__((constructor)) static void spec_register_##sentence(void) \
    {                                                                       \
        static spec_sentence entry = {#sentence, sentence, only, NULL};     \
        *spec_end = &entry;                                                 \
        spec_end = &entry.next;                                             \
    }                                                                       \
    static void sentence(void)

/* How much slower than on its own the program runs (valgrind, sanitizers): 1 or more. */
static inline long spec_slowness(void)
{
    const char *text = getenv("ANTPOOL_TEST_TIMEOUT_SCALE");
    long scale = text ? atol(text) : 1;
    return scale < 1 ? 1 : scale;
}

/* How many rounds of a loop are right at this slowness. */
static inline size_t spec_rounds(size_t rounds)
{
    size_t fewer = rounds / (size_t)spec_slowness();
    return fewer == 0 ? 1 : fewer;
}

/* The number among the program's arguments. */
static inline size_t spec_argument(size_t otherwise)
{
    return spec_number < 0 ? otherwise : (size_t)spec_number;
}

/* ---- Where it runs -------------------------------------------------------------------------- */

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SPEC_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SPEC_SANITIZED 1
#endif
#ifndef SPEC_SANITIZED
#define SPEC_SANITIZED 0
#endif

/* TSan cannot follow a thread from stack to stack: for it fibers are threads that take turns. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FIBERS_ARE_THREADS 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define FIBERS_ARE_THREADS 1
#endif
#ifndef FIBERS_ARE_THREADS
#define FIBERS_ARE_THREADS 0
#endif

static inline bool spec_under_valgrind(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

/* Under qemu a system call may be a little less than it is. */
static inline bool spec_emulated(void)
{
    return getenv("ANTPOOL_TEST_EMULATED") != NULL;
}

/* What the process of a sentence ends with that is left out. */
enum { SPEC_SKIPPED = 77 };

/* Leaves the sentence out, because of something about where it runs. */
static inline void spec_skip_if(bool condition, const char *reason)
{
    if (condition) {
        printf("%s is left out: %s\n", spec_name, reason);
        fflush(stdout);
        _exit(SPEC_SKIPPED);
    }
}

/* ---- Checks --------------------------------------------------------------------------------- */

__attribute__((noreturn, format(printf, 3, 4))) static inline void
spec_fail(const char *file, int line, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    flockfile(stderr);
    fprintf(stderr, "%s:%d: in %s: ", file, line, spec_name);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    funlockfile(stderr);
    va_end(values);
    fflush(stderr);
    _exit(1); /* Not exit(): the pool's other threads may be anywhere. */
}

static inline void spec_compare(const char *file, int line, const char *left, const char *sign,
                                const char *right, long long a, long long b, bool holds)
{
    if (!holds)
        spec_fail(file, line, "%s %s %s: %lld and %lld", left, sign, right, a, b);
}

static inline void spec_status(const char *file, int line, const char *call, int status,
                               int expected)
{
    if (status != expected)
        spec_fail(file, line, "%s: %s, not %s", call, antpool_status_name(status),
                  antpool_status_name(expected));
}

static inline void spec_text(const char *file, int line, const char *what, const char *text,
                             const char *expected)
{
    if (text == NULL || strcmp(text, expected) != 0)
        spec_fail(file, line, "%s: \"%s\", not \"%s\"", what, text ? text : "(NULL)", expected);
}

#define CHECK(condition) \
    ((condition) ? (void)0 : spec_fail(__FILE__, __LINE__, "not so: %s", #condition))
#define SPEC_COMPARE(a, sign, b)                                                             \
    do {                                                                                     \
        long long spec_a = (long long)(a), spec_b = (long long)(b);                          \
        spec_compare(__FILE__, __LINE__, #a, #sign, #b, spec_a, spec_b, spec_a sign spec_b); \
    } while (0)
#define CHECK_EQ(a, b) SPEC_COMPARE(a, ==, b)
#define CHECK_LE(a, b) SPEC_COMPARE(a, <=, b)
#define CHECK_GE(a, b) SPEC_COMPARE(a, >=, b)
#define CHECK_STATUS(call, expected) spec_status(__FILE__, __LINE__, #call, (call), (expected))
#define CHECK_TEXT(text, expected) spec_text(__FILE__, __LINE__, #text, (text), (expected))

/* ---- Time ----------------------------------------------------------------------------------- */

#define MS UINT64_C(1000000) /* nanoseconds */

static inline uint64_t spec_now(void)
{
    struct timespec now;
    CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec;
}

/* Sleeps without the library under test. */
static inline void spec_sleep_ms(long ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * (long)MS};
    while (nanosleep(&left, &left) != 0)
        continue;
}

/* ---- The program ---------------------------------------------------------------------------- */

/* The stacks of a process that is stuck, as far as gdb is there and may look. */
static inline void spec_show_stacks(pid_t process)
{
    char command[160];
    snprintf(command, sizeof command,
             "gdb -p %ld -batch -ex 'set pagination off' -ex 'thread apply all bt 24' 1>&2",
             (long)process);
    if (access("/usr/bin/gdb", X_OK) == 0 && system(command) != 0)
        fprintf(stderr, "gdb could not look at process %ld\n", (long)process);
}

/* Waits for the process of a sentence: 0 if it ended well, SPEC_SKIPPED, or anything else. */
static inline int spec_watch(pid_t process)
{
    const uint64_t allowed = 60000 * MS + spec_argument(0) * (MS / 20);
    const uint64_t limit = spec_now() + (uint64_t)spec_slowness() * allowed;
    int status = 0;
    pid_t ended;
    while ((ended = waitpid(process, &status, WNOHANG)) == 0 && spec_now() < limit)
        spec_sleep_ms(1);
    if (ended == 0) {
        fprintf(stderr, "%s is stuck\n", spec_name);
        spec_show_stacks(process);
        kill(process, SIGKILL);
        ended = waitpid(process, &status, 0);
    }
    kill(-process, SIGKILL); /* what the sentence has forked and left behind */
    if (ended == process && WIFSIGNALED(status))
        fprintf(stderr, "%s was ended by signal %d\n", spec_name, WTERMSIG(status));
    return ended == process && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Runs a sentence in a process of its own, and says what spec_watch() says of it. */
static inline int spec_run(const spec_sentence *sentence)
{
    spec_name = sentence->name;
    fflush(NULL);
    pid_t process = fork();
    CHECK_GE(process, 0);
    if (process == 0) {
        CHECK_EQ(setpgid(0, 0), 0);
        CHECK_EQ(prctl(PR_SET_PDEATHSIG, SIGKILL), 0); /* Nothing outlives the program. */
        sentence->run();
        exit(0); /* by exit(), so that what looks for leaks can look */
    }
    return spec_watch(process);
}

static inline bool spec_chosen(const spec_sentence *sentence, int argc, char **argv)
{
    bool any_name = false;
    for (int i = 1; i < argc; i++) {
        char *end;
        long number = strtol(argv[i], &end, 10);
        if (end != argv[i] && *end == '\0') {
            spec_number = number;
            continue;
        }
        any_name = true;
        if (strcmp(argv[i], sentence->name) == 0)
            return true;
    }
    return !any_name;
}

static inline int spec_main(int argc, char **argv)
{
    int passed = 0, failed = 0, skipped = 0;
    for (size_t i = 0; i < sizeof spec_kinds / sizeof *spec_kinds; i++) {
        spec_current_kind = spec_kinds[i].kind;
        for (const spec_sentence *sentence = spec_first; sentence; sentence = sentence->next) {
            bool concerned = sentence->only == ANY_KIND || sentence->only == spec_current_kind;
            if (!concerned || !spec_chosen(sentence, argc, argv))
                continue;
            const char *outcome = "FAIL";
            int ended = spec_run(sentence);
            if (ended == 0) {
                outcome = "ok  ";
                passed++;
            } else if (ended == SPEC_SKIPPED) {
                outcome = "skip";
                skipped++;
            } else {
                failed++;
            }
            printf("%s [%s] %s\n", outcome, spec_kinds[i].name, sentence->name);
        }
    }
    printf("%d passed, %d failed", passed, failed);
    printf(skipped == 0 ? "\n" : ", %d left out\n", skipped);
    return failed == 0 && passed + skipped > 0 ? 0 : 1;
}

#define SPEC_MAIN()                   \
    int main(int argc, char **argv)   \
    {                                 \
        return spec_main(argc, argv); \
    }

#include "tools.h"

#endif
