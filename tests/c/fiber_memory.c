/* The memory of fibers: given back when they expire, and refused without harm. */
#include "spec.h"

#include "failures.h"
#include "fiber_tools.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

enum { KIB = 1024, PAGE = 4096, DEFAULT_STACK = 64 * KIB };

/* Of this process, in bytes: address space (0) or memory (1). */
static long memory_used(int which)
{
    long pages[2];
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL);
    CHECK_EQ(fscanf(file, "%ld %ld", &pages[0], &pages[1]), 2);
    CHECK_EQ(fclose(file), 0);
    return pages[which] * sysconf(_SC_PAGESIZE);
}

static dam_t dam;

static void use_stack_and_stay(void *arg)
{
    volatile char bytes[32 * KIB];
    for (size_t at = 0; at < sizeof bytes; at += PAGE)
        bytes[at] = 1;
    tally_task(arg);
    dam_task(&dam);
}

SPEC_FIBERS(stacks_are_given_back_when_their_fibers_expire)
{
    spec_skip_if(SPEC_SANITIZED || spec_under_valgrind(), "the tool keeps memory of its own");
    enum { COUNT = 2000, USED = COUNT * 32 * KIB, MAPPED = COUNT * DEFAULT_STACK, SURVIVORS = 100 };
    long begun = 0, survive = 0;
    dam_build(&dam);
    antpool_options_t options = spec_options();
    options.expiry_ms = 20;
    options.carriers = 1;
    antpool_t *pool = spec_pool(COUNT + SURVIVORS, &options);
    submit_times(pool, nothing, NULL, 100);
    const long space = memory_used(0), memory = memory_used(1);
    for (int i = 0; i < SURVIVORS; i++) { /* They are everywhere among the others. */
        submit_times(pool, use_stack_and_stay, &begun, COUNT / SURVIVORS);
        CHECK_STATUS(antpool_submit(pool, stay_until_set, &survive), ANTPOOL_OK);
    }
    EVENTUALLY(tally_get(&begun) == COUNT);
    CHECK_GE(memory_used(0) - space, MAPPED);
    CHECK_GE(memory_used(1) - memory, USED);
    dam_open(&dam);
    EVENTUALLY(antpool_running(pool) == SURVIVORS);
    EVENTUALLY(memory_used(1) - memory < USED / 4);
    tally_add(&survive, 1);
    EVENTUALLY(antpool_running(pool) == 0);
    EVENTUALLY(memory_used(0) - space < MAPPED); /* of which the C library keeps some */
    spec_destroy(pool);
    dam_remove(&dam);
}

/* glibc gives a thread that allocates address space of its own, of which it hands some back at once. */
static void allocate_from_one_arena(void)
{
#ifdef __GLIBC__
    CHECK_EQ(mallopt(M_ARENA_MAX, 1), 1);
#endif
}

/* The pool has address space for three stacks and a half beyond what it has now. */
static void limit_to_three_stacks(size_t stack_size)
{
    const rlim_t space = (rlim_t)memory_used(0) + stack_size * 7 / 2;
    struct rlimit limit = {space, RLIM_INFINITY};
    CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
}

SPEC_FIBERS(without_memory_for_stacks_the_pool_is_full_and_loses_nothing)
{
    spec_skip_if(SPEC_SANITIZED || spec_under_valgrind(), "the tool needs address space itself");
    spec_skip_if(spec_emulated(), "the emulator does not limit address space");
    const size_t stack_size = (size_t)256 * KIB * KIB;
    const struct rlimit no_limit = {RLIM_INFINITY, RLIM_INFINITY}, little = {1, RLIM_INFINITY};
    long set = 0, done = 0;
    caller_t caller;
    antpool_options_t options = spec_options();
    options.stack_size = stack_size;
    options.carriers = 1;
    allocate_from_one_arena();
    antpool_t *pool = spec_pool(100, &options);
    CHECK_EQ(setrlimit(RLIMIT_AS, &little), 0);
    CHECK_STATUS(antpool_submit(pool, stay_until_set, &set), ANTPOOL_ERR_SPAWN);
    CHECK_EQ(setrlimit(RLIMIT_AS, &no_limit), 0);
    EVENTUALLY(antpool_submit(pool, stay_until_set, &set) == ANTPOOL_OK);

    limit_to_three_stacks(stack_size);
    antpool_status_t status;
    int accepted = 1;
    while ((status = antpool_try_submit(pool, stay_until_set, &set)) == ANTPOOL_OK)
        accepted++;
    CHECK_STATUS(status, ANTPOOL_ERR_OVERLOAD);
    CHECK_GE(accepted, 3);
    CHECK_LE(accepted, 4);
    CHECK_EQ(antpool_running(pool), accepted);
    CHECK_STATUS(antpool_submit_timeout(pool, nothing, NULL, 5), ANTPOOL_ERR_TIMED_OUT);
    caller_wait_in(&caller, pool, tally_task, &done);
    tally_add(&set, 1);
    CHECK_STATUS(caller_join(&caller), ANTPOOL_OK);
    submit_times(pool, tally_task, &done, 500);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(done, 501);
    antpool_stats_t stats = stats_of(pool);
    CHECK_EQ(stats.completed, (uint64_t)accepted + 501);
    CHECK_EQ(stats.spawned, (uint64_t)accepted);
    CHECK_GE(stats.spawn_failures, 2);
    spec_destroy(pool);
}

SPEC_MAIN()
