/* What belongs to a fiber across a suspension, and what belongs to its carrier. */
#include "spec.h"

#include "failures.h"
#include "fiber_tools.h"

/* ---- Each way of being suspended ------------------------------------------------------------ */

/* What the ways below need: a full pool to submit to, a busy one to wait for, a descriptor. */
typedef struct surroundings_t {
    antpool_t *full;
    gate_t gate;
    int fd;
    long over;
} surroundings_t;

static surroundings_t around = {NULL, GATE_INIT, -1, 0};

static void by_sleeping(void)
{
    antpool_sleep_us(100);
}

static void by_wait_fd(void)
{
    CHECK_STATUS(antpool_wait_fd(around.fd, WRITE, 1000, NULL), ANTPOOL_OK);
}

static void by_wait_fd_in_vain(void)
{
    CHECK_STATUS(antpool_wait_fd(around.fd, READ, 1, NULL), ANTPOOL_ERR_TIMED_OUT);
}

static void by_submit(void)
{
    CHECK_STATUS(antpool_submit_timeout(around.full, nothing, NULL, 1), ANTPOOL_ERR_TIMED_OUT);
}

static void by_wait(void)
{
    CHECK_STATUS(antpool_wait_timeout(around.full, 1), ANTPOOL_ERR_TIMED_OUT);
}

static void set_errno(void *number)
{
    errno = *(int *)number;
}

static void by_block(void)
{
    int other = EXDEV;
    CHECK_STATUS(antpool_block(set_errno, &other), ANTPOOL_OK);
}

static void (*const ways[])(void) = {antpool_yield, by_sleeping, by_wait_fd, by_wait_fd_in_vain,
                                     by_submit,     by_wait,     by_block};
enum { WAYS = sizeof ways / sizeof *ways, FIBERS = 50 };

/* Contends for the locks that the ways above take. */
static void *get_in_the_way(void *arg)
{
    for (; !tally_get(&around.over); sched_yield())
        CHECK_EQ(stats_of(around.full).running, 1);
    return arg;
}

/* Runs the task on many fibers of one carrier, with all that the ways need; its stats. */
static antpool_stats_t run_among_others(antpool_options_t options, antpool_task_fn fn)
{
    long players[FIBERS];
    antpool_options_t threads = ANTPOOL_OPTIONS_INIT;
    options.carriers = 1;
    antpool_t *pool = spec_pool(FIBERS, &options);
    around.full = spec_pool(1, &threads);
    around.fd = new_eventfd();
    spec_hold(around.full, &around.gate, 1);
    for (long i = 0; i < FIBERS; i++)
        players[i] = i;
    around.over = 0;
    pthread_t rival = spec_thread(get_in_the_way, NULL);
    SUBMIT_EACH(pool, fn, players, FIBERS);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    tally_add(&around.over, 1);
    spec_join(rival);
    antpool_stats_t stats = stats_of(pool);
    CHECK_EQ(stats.completed, FIBERS);
    spec_destroy(pool);
    gate_open(&around.gate);
    finish(around.full);
    CHECK_EQ(close(around.fd), 0);
    return stats;
}

/* ---- errno ---------------------------------------------------------------------------------- */

static void keep_errno(void *arg)
{
    const long player = *(const long *)arg;
    for (long round = 0; round < 5 * WAYS; round++) {
        const int mine = (int)(player * 100 + round + 1);
        errno = mine;
        ways[round % WAYS]();
        CHECK_EQ(errno, mine);
    }
}

SPEC_FIBERS(errno_survives_every_suspension)
{
    run_among_others(spec_options(), keep_errno);
}

/* ---- The carrier ---------------------------------------------------------------------------- */

static __thread long of_the_thread;

static void stay_put(void *arg)
{
    const pthread_t here = pthread_self();
    long *mine = &of_the_thread;
    (void)arg;
    for (long round = 0; round < 5 * WAYS; round++) {
        ways[round % WAYS]();
        CHECK(pthread_equal(here, pthread_self()));
        CHECK(mine == &of_the_thread);
    }
}

SPEC(a_fiber_stays_on_its_carrier_whatever_it_waits_for)
{
    run_among_others(spec_options(), stay_put);
}

static void move_a_lot(void *arg)
{
    const pthread_t here = pthread_self();
    long *mine = &of_the_thread;
    for (size_t i = spec_rounds(1000); i > 0; i--) {
        if (i % 8 == 0)
            antpool_sleep_us(i % 50);
        else
            antpool_yield();
        CHECK(pthread_equal(here, pthread_self()));
        CHECK(mine == &of_the_thread);
        (*mine)++; /* No lock: the fibers of a carrier take turns. */
    }
    tally_add((long *)arg, 1);
}

SPEC(a_thousand_suspensions_leave_a_fiber_on_its_carrier)
{
    long done = 0;
    antpool_t *pool = fiber_pool(200, 4);
    submit_times(pool, move_a_lot, &done, 200);
    finish(pool);
    CHECK_EQ(done, 200);
}

/* ---- Which pool is calling ------------------------------------------------------------------ */

static void know_own_pool(void *arg)
{
    antpool_t *pool = *(antpool_t **)arg;
    for (size_t i = spec_rounds(200); i > 0; i--) {
        CHECK(antpool_current() == pool);
        if (i % 4 == 0)
            antpool_sleep_us(i % 50);
        else
            antpool_yield();
    }
    CHECK(antpool_current() == pool);
}

SPEC(each_of_many_tasks_of_two_pools_knows_its_own)
{
    antpool_t *pools[] = {fiber_pool(50, 1), fiber_pool(50, 1)};
    for (int i = 0; i < 100; i++)
        CHECK_STATUS(antpool_submit(pools[i % 2], know_own_pool, &pools[i % 2]), ANTPOOL_OK);
    CHECK(antpool_current() == NULL);
    finish(pools[0]);
    finish(pools[1]);
}

/* ---- Failures ------------------------------------------------------------------------------- */

static void fail_then_go_on(void *arg)
{
    char message[32];
    snprintf(message, sizeof message, "%ld", *(const long *)arg);
    antpool_task_fail(message);
    for (int i = 0; i < WAYS; i++)
        ways[i]();
}

static void panic_then(void *arg)
{
    char message[32];
    for (int i = 0; i < WAYS; i++)
        ways[i]();
    snprintf(message, sizeof message, "%ld", *(const long *)arg);
    antpool_panic(message);
}

static void check_message(void *handled, const antpool_panic_info_t *info)
{
    char expected[32];
    snprintf(expected, sizeof expected, "%ld", *(const long *)info->arg);
    antpool_yield();
    CHECK_TEXT(info->message, expected);
    antpool_sleep_ms(1);
    CHECK_TEXT(info->message, expected);
    tally_task(handled);
}

static void check_failures(antpool_task_fn fn)
{
    long handled = 0;
    antpool_options_t options = spec_options();
    options.panic_handler = check_message;
    options.panic_data = &handled;
    antpool_stats_t stats = run_among_others(options, fn);
    CHECK_EQ(handled, FIBERS);
    CHECK_EQ(stats.panicked, FIBERS);
    CHECK_EQ(stats.lost, 0);
}

SPEC(what_a_task_says_of_its_failure_stays_its_own_across_suspensions)
{
    check_failures(fail_then_go_on);
}

SPEC(a_panic_after_suspensions_is_that_tasks)
{
    check_failures(panic_then);
}

/* ---- Numbers and registers ------------------------------------------------------------------ */

typedef struct aligned_t {
    double lanes[8];
} __attribute__((aligned(64))) aligned_t;

/* Many values at a time, in whatever registers the compiler keeps them. */
static void keep_numbers(void *arg)
{
    const long player = *(const long *)arg;
    double a = (double)player, b = a + 0.5, c = a * a, d = -a;
    long e = player, f = player * 3, g = player ^ 0x55, h = ~player;
    aligned_t sum = {{0}};
    CHECK_EQ((uintptr_t)&sum % 64, 0);
    for (long round = 0; round < 100; round++) {
        ways[round % 2]();
        for (int lane = 0; lane < 8; lane++)
            sum.lanes[lane] += a + b * c + d;
        e += f ^ g;
        h -= e;
    }
    double expected = 0;
    long e2 = player, h2 = ~player;
    for (long round = 0; round < 100; round++) {
        expected += (double)player + b * c + d;
        e2 += (player * 3) ^ (player ^ 0x55);
        h2 -= e2;
    }
    for (int lane = 0; lane < 8; lane++)
        CHECK(sum.lanes[lane] == expected);
    CHECK_EQ(e, e2);
    CHECK_EQ(h, h2);
}

SPEC(what_a_task_keeps_in_registers_and_on_its_stack_survives)
{
    run_among_others(spec_options(), keep_numbers);
}

/* ---- Signals -------------------------------------------------------------------------------- */

static void look_at_signals(void *seen)
{
    static const int open[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPROF};
    static const int closed[] = {SIGTERM, SIGINT, SIGALRM, SIGUSR1, SIGCHLD, SIGPIPE, SIGHUP};
    sigset_t mask;
    antpool_yield();
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
    for (int i = 0; i < 8; i++)
        CHECK_EQ(sigismember(&mask, open[i]), 0);
    for (int i = 0; i < 7; i++)
        CHECK_EQ(sigismember(&mask, closed[i]), 1);
    tally_task(seen);
}

static void block_and_look(void *seen)
{
    look_at_signals(seen);
    CHECK_STATUS(antpool_block(look_at_signals, seen), ANTPOOL_OK);
}

SPEC(carriers_and_threads_that_block_leave_signals_to_the_host)
{
    long seen = 0;
    antpool_t *pool = fiber_pool(20, 2);
    submit_times(pool, block_and_look, &seen, 20);
    finish(pool);
    CHECK_EQ(seen, 40);
}

static void sleep_while_ticking(void *arg)
{
    for (int i = 0; i < 20; i++) {
        uint64_t before = spec_now();
        antpool_sleep_ms(5);
        CHECK_GE(spec_now() - before, 5 * MS);
    }
    CHECK_STATUS(antpool_wait_fd(around.fd, READ, 20, NULL), ANTPOOL_ERR_TIMED_OUT);
    tally_task(arg);
}

static long ticks;

static void count_ticks(int signal)
{
    (void)signal;
    tally_add(&ticks, 1);
}

static void burn_until_ticked(void *arg)
{
    (void)arg;
    while (tally_get(&ticks) < 20)
        antpool_yield();
}

SPEC(a_profiler_that_interrupts_the_carriers_disturbs_nobody)
{
    long done = 0;
    const struct itimerspec each_ms = {{0, (long)MS}, {0, (long)MS}};
    struct sigaction action = {.sa_handler = count_ticks};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGPROF};
    timer_t timer;
    CHECK_EQ(sigaction(SIGPROF, &action, NULL), 0);
    CHECK_EQ(timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer), 0);
    CHECK_EQ(timer_settime(timer, 0, &each_ms, NULL), 0);
    around.fd = new_eventfd();
    antpool_t *pool = fiber_pool(101, 1);
    CHECK_STATUS(antpool_submit(pool, burn_until_ticked, NULL), ANTPOOL_OK);
    submit_times(pool, sleep_while_ticking, &done, 100);
    finish(pool);
    CHECK_EQ(done, 100);
    CHECK_EQ(close(around.fd), 0);
}

SPEC_MAIN()
