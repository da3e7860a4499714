/*
 * What a worker's thread is like, or the carrier of a fiber: its name, stack, signals, CPUs,
 * scheduling, and its hooks.
 */
#include "spec.h"

#include "failures.h"

#include <errno.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* Runs a task on a new worker of a pool with these options. */
static void run_on_worker(const antpool_options_t *options, antpool_task_fn fn, void *arg)
{
    antpool_t *pool = spec_pool(1, options);
    run_task(pool, fn, arg);
    spec_destroy(pool);
}

/* ---- Name ----------------------------------------------------------------------------------- */

static void read_name(void *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%ld/comm", (long)syscall(SYS_gettid));
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    CHECK(fgets((char *)name, 32, file) != NULL);
    ((char *)name)[strcspn((char *)name, "\n")] = '\0';
    CHECK_EQ(fclose(file), 0);
}

SPEC(threads_are_named_after_their_pool)
{
    char name[32];
    antpool_options_t options = spec_options();
    run_on_worker(&options, read_name, name);
    CHECK_TEXT(name, "antpool-0");
    options.name = "shop";
    run_on_worker(&options, read_name, name);
    CHECK_TEXT(name, "shop-0");
}

SPEC(a_long_name_is_cut_to_15_bytes_with_the_index)
{
    char name[32];
    antpool_options_t options = spec_options();
    options.name = "abcdefghijklmnopqrstuvwxyz";
    run_on_worker(&options, read_name, name);
    CHECK_TEXT(name, "abcdefghijklm-0");
}

SPEC(the_name_is_copied)
{
    char name[32], given[] = "copied";
    antpool_options_t options = spec_options();
    options.name = given;
    antpool_t *pool = spec_pool(1, &options);
    memset(given, 'x', sizeof given - 1);
    run_task(pool, read_name, name);
    CHECK_TEXT(name, "copied-0");
    spec_destroy(pool);
}

/* ---- Stack ---------------------------------------------------------------------------------- */

static void read_stack_size(void *size)
{
    pthread_attr_t attributes;
    CHECK_EQ(pthread_getattr_np(pthread_self(), &attributes), 0);
    CHECK_EQ(pthread_attr_getstacksize(&attributes, (size_t *)size), 0);
    CHECK_EQ(pthread_attr_destroy(&attributes), 0);
}

/* The C library does not know the stacks of fibers; programs about fibers tell of them. */
SPEC_THREADS(the_stack_has_the_size_that_was_asked_for)
{
    for (size_t asked = 256 << 10; asked <= 64 << 20; asked *= 4) {
        size_t size = 0;
        antpool_options_t options = spec_options();
        options.stack_size = asked;
        run_on_worker(&options, read_stack_size, &size);
        CHECK_GE(size, asked);
        CHECK_LE(size, 2 * asked);
    }
}

SPEC_THREADS(the_stack_has_8_mib_by_default_whatever_the_environment_says)
{
    size_t size = 0;
    CHECK_EQ(setenv("RUST_MIN_STACK", "65536", 1), 0);
    run_on_worker(NULL, read_stack_size, &size);
    CHECK_GE(size, 8 << 20);
    CHECK_LE(size, 16 << 20);
}

static void touch_three_megabytes(void *arg)
{
    volatile char space[3 << 20];
    for (size_t i = sizeof space; i > 0; i -= 1024)
        space[i - 1024] = 1;
    CHECK_EQ(space[0], 1);
    count_task(arg);
}

SPEC(the_stack_can_be_used)
{
    count_t done = COUNT_INIT;
    antpool_options_t options = spec_options();
    options.stack_size = 4 << 20;
    run_on_worker(&options, touch_three_megabytes, &done);
    CHECK_EQ(count_get(&done), 1);
}

/* ---- Signals -------------------------------------------------------------------------------- */

static void read_signal_mask(void *mask)
{
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, (sigset_t *)mask), 0);
}

static void check_mask_of_workers(void)
{
    const int unblocked[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPROF};
    sigset_t mask;
    sigemptyset(&mask);
    run_on_worker(NULL, read_signal_mask, &mask);
    for (int number = 1; number <= SIGRTMAX; number++) {
        bool blocked = number != SIGKILL && number != SIGSTOP;
        if (number > SIGSYS && number < SIGRTMIN)
            continue; /* The C library keeps these for itself. */
        if (number >= SIGRTMAX - 1 && spec_emulated())
            continue; /* And these are what the emulator has for those. */
        for (size_t i = 0; i < sizeof unblocked / sizeof *unblocked; i++)
            blocked = blocked && number != unblocked[i];
        if ((sigismember(&mask, number) == 1) != blocked)
            spec_fail(__FILE__, __LINE__, "signal %d is not %s", number,
                      blocked ? "blocked" : "unblocked");
    }
}

SPEC(workers_block_all_signals_but_faults_abort_and_prof)
{
    check_mask_of_workers();
}

SPEC(what_the_submitter_blocks_is_not_inherited_and_not_changed)
{
    sigset_t all, before, after;
    sigfillset(&all);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &all, NULL), 0);
    read_signal_mask(&before);
    check_mask_of_workers();
    read_signal_mask(&after);
    for (int number = 1; number <= SIGRTMAX; number++)
        CHECK_EQ(sigismember(&before, number), sigismember(&after, number));
}

/* ---- CPUs and scheduling -------------------------------------------------------------------- */

static void read_cpus(void *cpus)
{
    CHECK_EQ(sched_getaffinity(0, sizeof(cpu_set_t), (cpu_set_t *)cpus), 0);
}

static void pin(const cpu_set_t *cpus)
{
    CHECK_EQ(sched_setaffinity(0, sizeof *cpus, cpus), 0);
}

static void use_one_cpu(cpu_set_t *first)
{
    cpu_set_t mine;
    read_cpus(&mine);
    CPU_ZERO(first);
    for (int cpu = 0; CPU_COUNT(first) == 0; cpu++)
        if (CPU_ISSET(cpu, &mine))
            CPU_SET(cpu, first);
    pin(first);
}

static void *make_pinned(void *pool)
{
    cpu_set_t first;
    use_one_cpu(&first);
    *(antpool_t **)pool = spec_pool(1, NULL);
    return NULL;
}

static void *submit_pinned(void *pool)
{
    cpu_set_t first, workers, process;
    CHECK_EQ(sched_getaffinity(getpid(), sizeof process, &process), 0);
    use_one_cpu(&first);
    run_task(pool, read_cpus, &workers);
    CHECK(CPU_EQUAL(&workers, &process));
    return NULL;
}

SPEC(workers_have_the_cpus_of_the_process_whichever_thread_makes_the_pool_or_submits)
{
    antpool_t *pool = NULL;
    spec_join(spec_thread(make_pinned, &pool));
    spec_join(spec_thread(submit_pinned, pool));
    spec_destroy(pool);
}

SPEC(a_worker_has_the_cpus_that_the_process_has_when_the_worker_starts)
{
    cpu_set_t mine, first, workers;
    read_cpus(&mine);
    antpool_t *wide = spec_pool(1, NULL);
    use_one_cpu(&first);
    antpool_t *narrow = spec_pool(1, NULL);
    run_task(wide, read_cpus, &workers);
    CHECK(CPU_EQUAL(&workers, &first));
    pin(&mine);
    run_task(narrow, read_cpus, &workers);
    CHECK(CPU_EQUAL(&workers, &mine));
    spec_destroy(wide);
    spec_destroy(narrow);
}

static void read_policy(void *policy)
{
    *(int *)policy = sched_getscheduler(0);
}

static void set_policy(int policy, int priority)
{
    const struct sched_param parameters = {priority};
    int result = sched_setscheduler(0, policy, &parameters);
    spec_skip_if(result != 0 && errno == EPERM, "the system refuses the policy");
    CHECK_EQ(result, 0);
}

SPEC(workers_keep_a_policy_for_the_background_of_the_creator)
{
    int policy = -1;
    set_policy(SCHED_BATCH, 0);
    run_on_worker(NULL, read_policy, &policy);
    CHECK_EQ(policy, SCHED_BATCH);
}

SPEC(workers_have_not_the_policy_of_the_submitter)
{
    int policy = -1;
    antpool_t *pool = spec_pool(1, NULL);
    set_policy(SCHED_BATCH, 0);
    run_task(pool, read_policy, &policy);
    CHECK_EQ(policy, SCHED_OTHER);
    spec_destroy(pool);
}

SPEC(workers_are_never_real_time)
{
    int policy = -1;
    set_policy(SCHED_FIFO, 1);
    run_on_worker(NULL, read_policy, &policy);
    CHECK_EQ(policy, SCHED_OTHER);
}

static void read_nice(void *nice)
{
    *(int *)nice = getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid));
}

SPEC(workers_have_the_nice_value_of_the_creator)
{
    int mine = 0, nice = -1;
    CHECK_EQ(setpriority(PRIO_PROCESS, 0, 5), 0);
    read_nice(&mine);
    antpool_t *pool = spec_pool(1, NULL);
    CHECK_EQ(setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 7), 0);
    run_task(pool, read_nice, &nice);
    /* A user who may not raise a priority again cannot have a worker started at the creator's. */
    CHECK(nice == mine || nice == 7);
    if (geteuid() == 0)
        CHECK_EQ(nice, mine);
    spec_destroy(pool);
}

/* ---- Hooks ---------------------------------------------------------------------------------- */

/* A worker that is stopping may have an index beside those of all that may be running. */
enum { WORKERS = 4, INDICES = 64 };

/* What the hooks have seen; `live` are the indices of the workers between start and stop. */
typedef struct hooks_t {
    pthread_mutex_t mutex;
    antpool_t *pool;
    bool live[INDICES];
    pthread_t threads[INDICES];
    long started;
    long stopped;
} hooks_t;

#define HOOKS_INIT                                          \
    {                                                       \
        PTHREAD_MUTEX_INITIALIZER, NULL, {false}, {0}, 0, 0 \
    }

static void hook_start(void *data, antpool_t *pool, size_t index)
{
    hooks_t *hooks = (hooks_t *)data;
    CHECK_EQ(pthread_mutex_lock(&hooks->mutex), 0);
    CHECK(hooks->pool == NULL || hooks->pool == pool);
    CHECK(antpool_current() == pool);
    CHECK(index < INDICES && !hooks->live[index]);
    hooks->pool = pool;
    hooks->live[index] = true;
    hooks->threads[index] = pthread_self();
    hooks->started++;
    CHECK_EQ(pthread_mutex_unlock(&hooks->mutex), 0);
}

static void hook_stop(void *data, antpool_t *pool, size_t index)
{
    hooks_t *hooks = (hooks_t *)data;
    CHECK_EQ(pthread_mutex_lock(&hooks->mutex), 0);
    CHECK(hooks->pool == pool);
    CHECK(antpool_current() == pool);
    CHECK(index < INDICES && hooks->live[index]);
    CHECK(pthread_equal(hooks->threads[index], pthread_self()));
    hooks->live[index] = false;
    hooks->stopped++;
    CHECK_EQ(pthread_mutex_unlock(&hooks->mutex), 0);
}

/* A task: its thread is between its start and its stop. */
static void expect_live(void *data)
{
    hooks_t *hooks = (hooks_t *)data;
    bool found = false;
    CHECK_EQ(pthread_mutex_lock(&hooks->mutex), 0);
    for (int i = 0; i < INDICES; i++)
        found = found || (hooks->live[i] && pthread_equal(hooks->threads[i], pthread_self()));
    CHECK_EQ(pthread_mutex_unlock(&hooks->mutex), 0);
    CHECK(found);
}

static antpool_options_t hooked(hooks_t *hooks)
{
    antpool_options_t options = spec_options();
    options.on_worker_start = hook_start;
    options.on_worker_stop = hook_stop;
    options.worker_data = hooks;
    options.carriers = 2;
    return options;
}

SPEC(each_worker_is_announced_before_its_first_task_and_after_its_last)
{
    spec_needs_true_fibers();
    hooks_t hooks = HOOKS_INIT;
    antpool_options_t options = hooked(&hooks);
    options.expiry_ms = 1;
    antpool_t *pool = spec_pool(WORKERS, &options);
    for (size_t round = spec_rounds(50); round > 0; round--) {
        for (int i = 0; i < 10; i++)
            CHECK_STATUS(antpool_submit(pool, expect_live, &hooks), ANTPOOL_OK);
        EVENTUALLY(antpool_running(pool) == 0);
    }
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    antpool_stats_t stats = stats_of(pool);
    CHECK(hooks.pool == pool);
    CHECK_EQ(hooks.stopped, hooks.started);
    CHECK_GE(hooks.started, spec_rounds(50));
    if (spec_on_fibers()) /* Their carriers are announced. */
        CHECK_LE(hooks.started, stats.spawned);
    else
        CHECK_EQ(hooks.started, stats.spawned);
    spec_destroy(pool);
}

SPEC(hooks_are_called_once_on_each_thread)
{
    hooks_t hooks = HOOKS_INIT;
    gate_t gate = GATE_INIT;
    antpool_options_t options = hooked(&hooks);
    options.disable_purge = true;
    antpool_t *pool = spec_pool(WORKERS, &options);
    for (int i = 0; i < 2; i++) {
        spec_hold(pool, &gate, WORKERS);
        gate_let(&gate, WORKERS);
        CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    }
    CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_EQ(hooks.started, spec_threads_for(WORKERS, &options));
    CHECK_EQ(hooks.stopped, spec_threads_for(WORKERS, &options));
    spec_destroy(pool);
}

/* Lets the first worker start, and holds the second in its hook. */
static void hook_hold_second(void *gate, antpool_t *pool, size_t index)
{
    (void)pool;
    if (index == 1)
        gate_task(gate);
}

SPEC(a_start_hook_that_stays_delays_only_its_own_worker)
{
    gate_t hook = GATE_INIT, first = GATE_INIT;
    count_t done = COUNT_INIT;
    antpool_options_t options = spec_options();
    options.on_worker_start = hook_hold_second;
    options.worker_data = &hook;
    options.carriers = 2;
    antpool_t *pool = spec_pool(2, &options);
    spec_hold(pool, &first, 1);
    CHECK_STATUS(antpool_submit(pool, count_task, &done), ANTPOOL_OK); /* Starts the second. */
    count_wait(&hook.arrived, 1);
    gate_open(&first);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK); /* The first has run both. */
    CHECK_EQ(count_get(&done), 1);

    antpool_sleep_ms(20); /* It falls asleep; if it has not, this shows less. */
    CHECK_STATUS(antpool_submit(pool, count_task, &done), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&done), 2);
    gate_open(&hook);
    spec_destroy(pool);
}

SPEC_MAIN()
