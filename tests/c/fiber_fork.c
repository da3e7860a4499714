/* fork() and exit() while fibers are suspended. */
#include "spec.h"

#include "child.h"
#include "failures.h"
#include "fiber_tools.h"

enum { FEW = 100 };

/* ---- fork() --------------------------------------------------------------------------------- */

static void use_new_pool(void)
{
    long done = 0;
    antpool_t *pool = fiber_pool(FEW, 2);
    submit_times(pool, sleep_20_ms, &done, FEW);
    finish(pool);
    CHECK_EQ(done, FEW);
}

static void use_in_child(void *arg)
{
    antpool_t *pool = (antpool_t *)arg;
    long done = 0;
    CHECK_STATUS(antpool_submit(pool, nothing, NULL), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_ERR_FORKED);
    CHECK_EQ(antpool_busy(pool), 0);
    use_new_pool();
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    submit_times(pool, sleep_20_ms, &done, FEW);
    finish(pool);
    CHECK_EQ(done, FEW);
}

SPEC(a_child_forked_while_fibers_sleep_can_use_new_pools_and_reboot_the_old)
{
    spec_skip_if(SPEC_SANITIZED, "sanitizers leave locks of their own behind in the child");
    long set = 0;
    antpool_t *pool = fiber_pool(FEW, 2);
    submit_times(pool, stay_until_set, &set, FEW);
    for (int i = 0; i < 5; i++)
        CHECK_EXIT(child_wait(child_start(use_in_child, pool)), 0);
    tally_add(&set, 1);
    finish(pool);
}

/* What suspends a fiber blocks the thread that is left in the child. */
static void wait_in_child(void *arg)
{
    int ends[2];
    CHECK_STATUS(antpool_submit((antpool_t *)arg, nothing, NULL), ANTPOOL_ERR_FORKED);
    uint64_t before = spec_now();
    antpool_sleep_ms(5);
    CHECK_GE(spec_now() - before, 5 * MS);
    antpool_yield();
    CHECK_EQ(pipe(ends), 0);
    CHECK_STATUS(antpool_wait_fd(ends[0], READ, 5, NULL), ANTPOOL_ERR_TIMED_OUT);
    CHECK_GE(spec_now() - before, 10 * MS);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_STATUS(antpool_wait_fd(ends[0], READ, ANTPOOL_WAIT_FOREVER, NULL), ANTPOOL_OK);
    long called = 0;
    CHECK_STATUS(antpool_block(tally_task, &called), ANTPOOL_OK);
    CHECK_EQ(called, 1);
    use_new_pool();
    CHECK_STATUS(antpool_destroy((antpool_t *)arg), ANTPOOL_OK);
}

static void await_child(void *child)
{
    CHECK_EXIT(child_wait(*(pid_t *)child), 0);
}

static void fork_inside(void *pool)
{
    antpool_sleep_ms(1);
    pid_t child = child_start(wait_in_child, pool);
    CHECK_STATUS(antpool_block(await_child, &child), ANTPOOL_OK);
}

SPEC(in_a_child_forked_inside_a_task_waits_block_plainly)
{
    spec_skip_if(SPEC_SANITIZED, "sanitizers leave locks of their own behind in the child");
    antpool_t *pool = fiber_pool(3, 2);
    submit_times(pool, fork_inside, pool, 6);
    finish(pool);
}

/* ---- exit() --------------------------------------------------------------------------------- */

static void leave_with_sleepers(void *code)
{
    long set = 0;
    submit_times(fiber_pool(FEW, 2), stay_until_set, &set, FEW);
    exit(*(int *)code);
}

static void exit_with(void *code)
{
    antpool_sleep_ms(1);
    exit(*(int *)code);
}

static void leave_from_a_task(void *code)
{
    long set = 0;
    antpool_t *pool = fiber_pool(FEW, 2);
    submit_times(pool, stay_until_set, &set, FEW - 1);
    CHECK_STATUS(antpool_submit(pool, exit_with, code), ANTPOOL_OK);
    antpool_wait(pool);
}

static void check_exit(child_fn leave)
{
    spec_skip_if(SPEC_SANITIZED, "what looks for leaks misses the stacks of carriers with fibers");
    int code = 7;
    CHECK_EXIT(child_wait(child_start(leave, &code)), 7);
}

SPEC(exit_with_sleepers_is_clean)
{
    check_exit(leave_with_sleepers);
}

SPEC(exit_from_a_task_among_sleepers_is_clean)
{
    check_exit(leave_from_a_task);
}

SPEC_MAIN()
