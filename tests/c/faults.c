/* In a program that has made a fiber pool, SIGSEGV does what it would do without the library. */
#include "spec.h"

#include "failures.h"

#include "child.h"
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static void *guarded_page;

static void make_a_pool(void)
{
    antpool_t *pool = spec_pool(1, NULL);
    run_task(pool, nothing, NULL);
    spec_destroy(pool);
    guarded_page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(guarded_page != MAP_FAILED);
}

static void install(void (*handler)(int), int flags, int also_masked)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = flags;
    if (also_masked != 0)
        CHECK_EQ(sigaddset(&action.sa_mask, also_masked), 0);
    CHECK_EQ(sigaction(SIGSEGV, &action, NULL), 0);
}

static void check_ended_by_sigsegv(void (*body)(void *))
{
    int status = child_wait(child_start(body, NULL));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void be_sent_one(void *unused)
{
    (void)unused;
    install(SIG_DFL, 0, 0);
    make_a_pool();
    CHECK_EQ(kill(getpid(), SIGSEGV), 0);
    spec_sleep_ms(1000);
}

SPEC(a_sent_signal_ends_the_process)
{
    spec_skip_if(SPEC_SANITIZED || spec_under_valgrind(), "the tool handles the signal");
    check_ended_by_sigsegv(be_sent_one);
}

static void be_sent_one_that_is_ignored(void *unused)
{
    (void)unused;
    install(SIG_IGN, 0, 0);
    make_a_pool();
    for (int i = 0; i < 3; i++)
        CHECK_EQ(raise(SIGSEGV), 0);
}

SPEC(a_sent_signal_that_the_program_ignores_is_ignored)
{
    spec_skip_if(SPEC_SANITIZED || spec_under_valgrind(), "the tool handles the signal");
    CHECK_EXIT(child_wait(child_start(be_sent_one_that_is_ignored, NULL)), 0);
}

static volatile sig_atomic_t calls;

static void count_and_return(int signal)
{
    (void)signal;
    if (++calls == 100)
        _exit(77);
}

static void fault_with_a_handler_for_one_fault(void *unused)
{
    (void)unused;
    install(count_and_return, (int)SA_RESETHAND, 0);
    make_a_pool();
    *(volatile char *)guarded_page = 1;
}

SPEC(a_handler_that_was_to_be_called_once_is_called_once)
{
    spec_skip_if(SPEC_SANITIZED || spec_under_valgrind(), "the tool handles the signal");
    check_ended_by_sigsegv(fault_with_a_handler_for_one_fault);
}

static void exit_if_masked(int signal)
{
    sigset_t now;
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &now), 0);
    _exit(sigismember(&now, signal) && sigismember(&now, SIGUSR1) ? 42 : 1);
}

static void fault_with_a_handler_that_masks(void *unused)
{
    (void)unused;
    install(exit_if_masked, 0, SIGUSR1);
    make_a_pool();
    *(volatile char *)guarded_page = 1;
}

SPEC(a_handler_runs_with_the_signals_blocked_that_it_asked_for)
{
    spec_skip_if(SPEC_SANITIZED || spec_under_valgrind(), "the tool handles the signal");
    CHECK_EXIT(child_wait(child_start(fault_with_a_handler_that_masks, NULL)), 42);
}

SPEC_MAIN()
