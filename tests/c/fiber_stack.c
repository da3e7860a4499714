/* The stacks of fibers: how much a task may use, and what happens beyond that. */
#include "spec.h"

#include "child.h"
#include "failures.h"
#include "fiber_tools.h"
#include <alloca.h>
#include <limits.h>
#include <sys/mman.h>

enum { KIB = 1024, PAGE = 4096, DEFAULT_STACK = 64 * KIB };

static antpool_t *pool_with_stack(size_t stack_size, int64_t capacity)
{
    antpool_options_t options = spec_options();
    options.stack_size = stack_size;
    options.carriers = 1;
    options.name = "deep-water";
    return spec_pool(capacity, &options);
}

/* ---- How much ------------------------------------------------------------------------------- */

/* Writes to each page of this number of bytes of stack, is suspended, and finds them unchanged. */
__attribute__((noinline)) static void use_stack(void *arg)
{
    const size_t size = *(const size_t *)arg;
    volatile unsigned char *bytes = alloca(size);
    for (size_t at = size; at > 0; at -= at < PAGE ? at : PAGE)
        bytes[at - 1] = (unsigned char)(at / PAGE);
    antpool_sleep_ms(1);
    for (size_t at = size; at > 0; at -= at < PAGE ? at : PAGE)
        CHECK_EQ(bytes[at - 1], (unsigned char)(at / PAGE));
}

SPEC_FIBERS(a_task_may_use_almost_all_of_its_stack)
{
    spec_needs_true_fibers();
    static const size_t sizes[] = {16 * KIB, 20000, 64 * KIB, 1024 * KIB, 8192 * KIB};
    spec_skip_if(SPEC_SANITIZED, "the frames of a sanitizer are larger, and elsewhere");
    antpool_sleep_ms(0); /* The first time the loader looks for it, which takes 2 KiB of stack. */
    for (int i = 0; i < 5; i++) {
        /* 2 KiB for the library, and 2 KiB for what the task calls. */
        size_t used = sizes[i] - 4 * KIB;
        antpool_t *pool = pool_with_stack(sizes[i], 4);
        submit_times(pool, use_stack, &used, 20);
        finish(pool);
    }
    size_t used = DEFAULT_STACK - 4 * KIB;
    antpool_t *pool = pool_with_stack(0, 4);
    submit_times(pool, use_stack, &used, 20);
    finish(pool);
}

static long tasks_done;

static void fail_and_talk(void *message)
{
    char text[256];
    snprintf(text, sizeof text, "%s %.3f", (const char *)message, 1.5);
    if (tally_add(&tasks_done, 1) % 2)
        antpool_task_fail(text);
    else
        antpool_panic(text);
}

SPEC(the_smallest_stack_is_enough_for_small_tasks_and_their_failures)
{
    failures_t failures = FAILURES_INIT;
    antpool_options_t options = failures_handled(&failures);
    options.stack_size = 16 * KIB;
    const size_t least = (size_t)sysconf(_SC_THREAD_STACK_MIN);
    if (!spec_on_fibers() && options.stack_size < least)
        options.stack_size = least;
    antpool_t *pool = spec_pool(10, &options);
    char text[] = "small";
    submit_times(pool, fail_and_talk, text, 100);
    finish(pool);
    CHECK_EQ(count_get(&failures.handled), 100);
    CHECK_TEXT(failures.message, "small 1.500");
}

SPEC_FIBERS(a_stack_that_is_too_small_or_absurd_is_an_invalid_argument)
{
    static const size_t wrong[] = {1, PAGE, 16 * KIB - 1, ((size_t)1 << 40) + 1, SIZE_MAX};
    for (int i = 0; i < 5; i++) {
        antpool_options_t options = spec_options();
        antpool_t *pool = NULL;
        options.stack_size = wrong[i];
        CHECK_STATUS(antpool_new(1, &options, &pool), ANTPOOL_ERR_INVALID_ARGUMENT);
        CHECK(pool == NULL);
    }
}

/* ---- Beyond that ---------------------------------------------------------------------------- */

__attribute__((noinline)) static int dive(int depth)
{
    volatile char frame[512];
    frame[0] = (char)depth;
    return depth == INT_MAX ? 0 : dive(depth + 1) + frame[0];
}

static void overrun(void *arg)
{
    *(int *)arg = dive(0);
}

static void overrun_later(void *arg)
{
    antpool_sleep_ms(1);
    *(int *)arg = dive(0);
}

/* One frame as large as the guard, of which only the far end is touched. */
static void leap(void *arg)
{
    volatile size_t size = 60 * KIB;
    volatile char *frame = alloca(size);
    frame[0] = 1;
    *(int *)arg = frame[0];
}

static void overrun_in_handler(void *data, const antpool_panic_info_t *info)
{
    (void)data;
    *(int *)info->arg = dive(0);
}

static void fail_only(void *arg)
{
    (void)arg;
    antpool_task_fail("and then the handler");
}

typedef struct drowner_t {
    antpool_task_fn fn;
    size_t stack_size;
} drowner_t;

static void drown(void *arg)
{
    const drowner_t *drowner = (const drowner_t *)arg;
    int result;
    antpool_options_t options = spec_options();
    options.stack_size = drowner->stack_size;
    options.name = "deep-water";
    options.panic_handler = overrun_in_handler;
    options.carriers = 2;
    antpool_t *pool = spec_pool(50, &options);
    submit_times(pool, nothing, NULL, 100);
    CHECK_STATUS(antpool_submit(pool, drowner->fn, &result), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
}

/* By a fault, after a line with the name of the pool and the size of the stack. */
static void check_drowned(int status, const char *said, const char *size)
{
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGSEGV);
    CHECK(strstr(said, "deep-water") != NULL);
    CHECK(strstr(said, size) != NULL);
}

SPEC_FIBERS(a_task_that_overruns_its_stack_ends_the_process_with_a_message)
{
    spec_needs_true_fibers();
    drowner_t drowners[] = {{overrun, 0},       {overrun, 16 * KIB}, {overrun, 1024 * KIB},
                            {overrun_later, 0}, {fail_only, 0},      {leap, 16 * KIB}};
    for (int i = 0; i < 6; i++) {
        char said[1024], size[32];
        size_t bytes = drowners[i].stack_size == 0 ? DEFAULT_STACK : drowners[i].stack_size;
        snprintf(size, sizeof size, "%zu", bytes);
        check_drowned(child_run(drown, &drowners[i], said, sizeof said), said, size);
    }
}

/* ---- Other faults --------------------------------------------------------------------------- */

static char *guarded_page;

static void handler_exits(int signal, siginfo_t *info, void *context)
{
    (void)context;
    bool as_expected = signal == SIGSEGV && info->si_addr == guarded_page;
    _exit(as_expected ? 42 : 43);
}

static void plain_handler_exits(int signal)
{
    _exit(signal == SIGSEGV ? 42 : 43);
}

static void handler_repairs(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    if (mprotect(info->si_addr, PAGE, PROT_READ | PROT_WRITE) != 0)
        _exit(43);
}

static void write_to_guarded_page(void *unused)
{
    (void)unused;
    *(volatile char *)guarded_page = 1;
}

static void handle_faults(void (*handler)(int, siginfo_t *, void *), void (*plain)(int))
{
    struct sigaction action = {.sa_flags = SA_ONSTACK};
    if (handler != NULL) {
        action.sa_sigaction = handler;
        action.sa_flags |= SA_SIGINFO;
    } else {
        action.sa_handler = plain;
    }
    CHECK_EQ(sigaction(SIGSEGV, &action, NULL), 0);
    guarded_page = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(guarded_page != MAP_FAILED);
}

static void fault_outside(void *unused)
{
    antpool_t *pool = pool_with_stack(0, 1);
    run_task(pool, nothing, NULL);
    write_to_guarded_page(unused);
    spec_destroy(pool);
}

static void fault_in_task(void *unused)
{
    antpool_t *pool = pool_with_stack(0, 1);
    run_task(pool, write_to_guarded_page, unused);
    spec_destroy(pool);
}

SPEC_FIBERS(every_other_fault_goes_to_the_handler_that_was_there)
{
    spec_skip_if(spec_under_valgrind(), "to valgrind a fault is a mistake, handled or not");
    const child_fn faults[] = {fault_outside, fault_in_task};
    for (int i = 0; i < 2; i++) {
        char said[1024];
        handle_faults(handler_exits, NULL);
        CHECK_EXIT(child_run(faults[i], NULL, said, sizeof said), 42);
        CHECK_TEXT(said, "");
        handle_faults(NULL, plain_handler_exits);
        CHECK_EXIT(child_run(faults[i], NULL, said, sizeof said), 42);
        handle_faults(handler_repairs, NULL);
        CHECK_EXIT(child_run(faults[i], NULL, said, sizeof said), 0);
        handle_faults(NULL, SIG_DFL);
        int status = child_run(faults[i], NULL, said, sizeof said);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
        CHECK(strstr(said, "overran") == NULL);
    }
}

SPEC_FIBERS(an_overrun_is_told_of_also_where_the_host_handles_faults)
{
    spec_needs_true_fibers();
    char said[1024];
    drowner_t drowner = {overrun, 0};
    handle_faults(handler_exits, NULL);
    check_drowned(child_run(drown, &drowner, said, sizeof said), said, "65536");
}

SPEC_MAIN()
