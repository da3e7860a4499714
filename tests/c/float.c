/* Rounding: each task begins with the default, and keeps what it sets until it ends. */
#include "spec.h"

#include "failures.h"

#include <fenv.h>

static int seen;

static void leave_another_mode(void *unused)
{
    (void)unused;
    CHECK_EQ(fesetround(FE_DOWNWARD), 0);
}

static void look_at_mode(void *unused)
{
    (void)unused;
    seen = fegetround();
}

SPEC(a_task_begins_with_the_default_whatever_the_one_before_has_left)
{
    antpool_t *pool = spec_pool(1, NULL);
    run_task(pool, leave_another_mode, NULL);
    run_task(pool, look_at_mode, NULL);
    CHECK_EQ(seen, FE_TONEAREST);
    spec_destroy(pool);
}

SPEC(a_task_begins_with_the_default_whatever_the_submitter_has)
{
    antpool_t *pool = spec_pool(1, NULL);
    CHECK_EQ(fesetround(FE_UPWARD), 0);
    run_task(pool, look_at_mode, NULL);
    CHECK_EQ(seen, FE_TONEAREST);
    CHECK_EQ(fegetround(), FE_UPWARD);
    spec_destroy(pool);
}

static void keep_mode_over_waits(void *mode)
{
    int mine = *(int *)mode;
    volatile double one = 1, three = 3;
    CHECK_EQ(fesetround(mine), 0);
    double third = one / three;
    for (int i = 0; i < 20; i++) {
        antpool_yield();
        antpool_sleep_us(100);
        CHECK_EQ(fegetround(), mine);
        CHECK(one / three == third);
    }
}

SPEC(a_mode_stays_its_tasks_while_others_run)
{
    enum { TASKS = 16 };
    int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    antpool_options_t options = spec_options();
    options.carriers = 1;
    antpool_t *pool = spec_pool(TASKS, &options);
    for (int i = 0; i < TASKS; i++)
        CHECK_STATUS(antpool_submit(pool, keep_mode_over_waits, &modes[i % 4]), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC_MAIN()
