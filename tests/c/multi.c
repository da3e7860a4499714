/* Several pools behind one handle. */
#include "spec.h"

#include "child.h"
#include "failures.h"

enum { POOLS = 3 };

static antpool_multi_t *multi_of(size_t pools, int64_t capacity_each, uint32_t strategy)
{
    antpool_options_t options = spec_options();
    antpool_multi_t *multi = NULL;
    CHECK_STATUS(antpool_multi_new(pools, capacity_each, strategy, &options, &multi), ANTPOOL_OK);
    return multi;
}

static void multi_end(antpool_multi_t *multi)
{
    CHECK_STATUS(antpool_multi_destroy(multi), ANTPOOL_OK);
}

typedef antpool_status_t figure_fn(const antpool_multi_t *, size_t, int64_t *);

static int64_t of(figure_fn *figure, const antpool_multi_t *multi, size_t index)
{
    int64_t value = -7;
    CHECK_STATUS(figure(multi, index, &value), ANTPOOL_OK);
    return value;
}

static void hold(antpool_multi_t *multi, gate_t *gate, int tasks)
{
    for (int i = 0; i < tasks; i++)
        CHECK_STATUS(antpool_try_multi_submit(multi, gate_task, gate), ANTPOOL_OK);
}

SPEC(every_task_runs_once_and_a_wait_has_seen_them_all)
{
    for (uint32_t strategy = ANTPOOL_ROUND_ROBIN; strategy <= ANTPOOL_LEAST_TASKS; strategy++) {
        antpool_multi_t *multi = multi_of(POOLS, 2, strategy);
        count_t done = COUNT_INIT;
        const long tasks = (long)spec_rounds(3000);
        for (long i = 0; i < tasks; i++)
            CHECK_STATUS(antpool_multi_submit(multi, count_task, &done), ANTPOOL_OK);
        CHECK_STATUS(antpool_multi_wait(multi), ANTPOOL_OK);
        CHECK_EQ(count_get(&done), tasks);
        multi_end(multi);
    }
}

SPEC(one_after_the_other_each_pool_gets_as_many_tasks)
{
    antpool_multi_t *multi = multi_of(POOLS, 4, ANTPOOL_ROUND_ROBIN);
    gate_t gate = GATE_INIT;
    hold(multi, &gate, 2 * POOLS);
    for (size_t i = 0; i < POOLS; i++) {
        CHECK_EQ(of(antpool_multi_running_by_index, multi, i), 2);
        CHECK_EQ(of(antpool_multi_available_by_index, multi, i), 2);
    }
    CHECK_EQ(antpool_multi_running(multi), 2 * POOLS);
    CHECK_EQ(antpool_multi_available(multi), 2 * POOLS);
    gate_open(&gate);
    multi_end(multi);
}

SPEC(the_pool_with_the_fewest_tasks_gets_the_next_one)
{
    antpool_multi_t *multi = multi_of(POOLS, 4, ANTPOOL_LEAST_TASKS);
    gate_t gate = GATE_INIT;
    for (size_t i = 0; i < 2 * POOLS; i++) {
        hold(multi, &gate, 1);
        CHECK_EQ(of(antpool_multi_running_by_index, multi, i % POOLS), (int64_t)(i / POOLS + 1));
    }
    gate_open(&gate);
    multi_end(multi);
}

SPEC(a_full_pool_passes_its_task_on_before_anything_waits_or_is_refused)
{
    for (uint32_t strategy = ANTPOOL_ROUND_ROBIN; strategy <= ANTPOOL_LEAST_TASKS; strategy++) {
        antpool_multi_t *multi = multi_of(POOLS, 1, strategy);
        gate_t gate = GATE_INIT;
        hold(multi, &gate, POOLS);
        CHECK_EQ(antpool_multi_available(multi), 0);
        CHECK_STATUS(antpool_try_multi_submit(multi, nothing, NULL), ANTPOOL_ERR_OVERLOAD);
        CHECK_STATUS(antpool_multi_submit_timeout(multi, nothing, NULL, 1), ANTPOOL_ERR_TIMED_OUT);
        CHECK_STATUS(antpool_multi_wait_timeout(multi, 1), ANTPOOL_ERR_TIMED_OUT);
        CHECK_STATUS(antpool_multi_release_timeout(multi, 1), ANTPOOL_ERR_TIMED_OUT);
        gate_open(&gate);
        CHECK_STATUS(antpool_multi_release_timeout(multi, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
        CHECK_STATUS(antpool_multi_release_timeout(multi, 0), ANTPOOL_ERR_CLOSED);
        multi_end(multi);
    }
}

typedef struct waiter_t {
    antpool_multi_t *multi;
    antpool_status_t status;
} waiter_t;

static void *submit_and_wait(void *arg)
{
    waiter_t *waiter = (waiter_t *)arg;
    waiter->status = antpool_multi_submit(waiter->multi, nothing, NULL);
    return NULL;
}

SPEC(a_caller_waits_when_all_are_full_and_is_counted)
{
    antpool_multi_t *multi = multi_of(2, 1, ANTPOOL_ROUND_ROBIN);
    gate_t gate = GATE_INIT;
    hold(multi, &gate, 2);
    waiter_t waiter = {multi, ANTPOOL_ERR_INVALID_ARGUMENT};
    pthread_t thread = spec_thread(submit_and_wait, &waiter);
    EVENTUALLY(antpool_multi_waiting(multi) == 1);
    CHECK_EQ(of(antpool_multi_waiting_by_index, multi, 0) +
                 of(antpool_multi_waiting_by_index, multi, 1),
             1);
    gate_open(&gate);
    spec_join(thread);
    CHECK_STATUS(waiter.status, ANTPOOL_OK);
    multi_end(multi);
}

SPEC(a_release_turns_waiting_callers_and_new_ones_away)
{
    antpool_multi_t *multi = multi_of(2, 1, ANTPOOL_ROUND_ROBIN);
    gate_t gate = GATE_INIT;
    hold(multi, &gate, 2);
    waiter_t waiter = {multi, ANTPOOL_OK};
    pthread_t thread = spec_thread(submit_and_wait, &waiter);
    EVENTUALLY(antpool_multi_waiting(multi) == 1);
    CHECK(!antpool_multi_is_closed(multi));
    CHECK_STATUS(antpool_multi_release(multi), ANTPOOL_OK);
    spec_join(thread);
    CHECK_STATUS(waiter.status, ANTPOOL_ERR_CLOSED);
    CHECK(antpool_multi_is_closed(multi));
    CHECK_STATUS(antpool_multi_submit(multi, nothing, NULL), ANTPOOL_ERR_CLOSED);
    gate_open(&gate);
    CHECK_STATUS(antpool_multi_wait(multi), ANTPOOL_OK);
    CHECK_STATUS(antpool_multi_reboot(multi), ANTPOOL_OK);
    CHECK(!antpool_multi_is_closed(multi));
    count_t done = COUNT_INIT;
    CHECK_STATUS(antpool_multi_submit(multi, count_task, &done), ANTPOOL_OK);
    CHECK_STATUS(antpool_multi_wait(multi), ANTPOOL_OK);
    CHECK_EQ(count_get(&done), 1);
    multi_end(multi);
}

SPEC(a_tune_is_one_of_each_pool)
{
    antpool_multi_t *multi = multi_of(POOLS, 1, ANTPOOL_ROUND_ROBIN);
    CHECK_STATUS(antpool_multi_tune(multi, 5), ANTPOOL_OK);
    CHECK_EQ(antpool_multi_capacity(multi), 5 * POOLS);
    CHECK_EQ(of(antpool_multi_capacity_by_index, multi, POOLS - 1), 5);
    CHECK_EQ(antpool_multi_available(multi), 5 * POOLS);
    multi_end(multi);
    multi = multi_of(2, ANTPOOL_UNLIMITED, ANTPOOL_ROUND_ROBIN);
    CHECK_STATUS(antpool_multi_tune(multi, 5), ANTPOOL_ERR_UNSUPPORTED);
    CHECK_EQ(antpool_multi_capacity(multi), ANTPOOL_UNLIMITED);
    CHECK_EQ(antpool_multi_available(multi), ANTPOOL_UNLIMITED);
    multi_end(multi);
}

SPEC(an_invoke_calls_the_function_of_all_pools)
{
    antpool_options_t options = spec_options();
    antpool_multi_t *multi = NULL;
    count_t done = COUNT_INIT;
    CHECK_STATUS(
        antpool_multi_new_with_func(POOLS, 1, count_task, ANTPOOL_ROUND_ROBIN, &options, &multi),
        ANTPOOL_OK);
    for (int i = 0; i < 30; i++)
        CHECK_STATUS(antpool_multi_invoke(multi, &done), ANTPOOL_OK);
    CHECK_STATUS(antpool_multi_invoke_timeout(multi, &done, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_STATUS(antpool_multi_wait(multi), ANTPOOL_OK);
    CHECK_STATUS(antpool_try_multi_invoke(multi, &done), ANTPOOL_OK);
    CHECK_STATUS(antpool_multi_wait(multi), ANTPOOL_OK);
    CHECK_EQ(count_get(&done), 32);
    multi_end(multi);
}

typedef struct tree_t {
    antpool_multi_t *multi;
    count_t done;
} tree_t;

typedef struct branch_t {
    tree_t *tree;
    int depth;
} branch_t;

/* Each task submits two more before it ends. */
static void grow(void *arg)
{
    branch_t branch = *(branch_t *)arg;
    free(arg);
    for (int i = 0; branch.depth > 0 && i < 2; i++) {
        branch_t *next = (branch_t *)malloc(sizeof *next);
        CHECK(next != NULL);
        next->tree = branch.tree;
        next->depth = branch.depth - 1;
        CHECK_STATUS(antpool_multi_submit(branch.tree->multi, grow, next), ANTPOOL_OK);
    }
    count_add(&branch.tree->done, 1);
}

SPEC(a_wait_includes_what_tasks_submit_to_the_other_pools)
{
    enum { DEPTH = 8 };
    tree_t tree = {NULL, COUNT_INIT};
    tree.multi = multi_of(POOLS, 1024, ANTPOOL_ROUND_ROBIN);
    branch_t *root = (branch_t *)malloc(sizeof *root);
    CHECK(root != NULL);
    root->tree = &tree;
    root->depth = DEPTH;
    CHECK_STATUS(antpool_multi_submit(tree.multi, grow, root), ANTPOOL_OK);
    CHECK_STATUS(antpool_multi_wait(tree.multi), ANTPOOL_OK);
    CHECK_EQ(count_get(&tree.done), (2 << DEPTH) - 1);
    multi_end(tree.multi);
}

typedef struct inside_t {
    antpool_multi_t *multi;
    antpool_status_t answers[4];
} inside_t;

static void wait_inside(void *arg)
{
    inside_t *inside = (inside_t *)arg;
    inside->answers[0] = antpool_multi_wait(inside->multi);
    inside->answers[1] = antpool_multi_wait_timeout(inside->multi, 0);
    inside->answers[2] = antpool_multi_release_timeout(inside->multi, 0);
    inside->answers[3] = antpool_multi_destroy(inside->multi);
}

SPEC(a_task_of_any_of_them_cannot_wait_for_itself)
{
    for (int i = 0; i < POOLS; i++) {
        inside_t inside = {multi_of(POOLS, 1, ANTPOOL_ROUND_ROBIN),
                           {ANTPOOL_OK, ANTPOOL_OK, ANTPOOL_OK, ANTPOOL_OK}};
        for (int skipped = 0; skipped < i; skipped++)
            CHECK_STATUS(antpool_multi_submit(inside.multi, nothing, NULL), ANTPOOL_OK);
        CHECK_STATUS(antpool_multi_submit(inside.multi, wait_inside, &inside), ANTPOOL_OK);
        CHECK_STATUS(antpool_multi_wait(inside.multi), ANTPOOL_OK);
        for (int answer = 0; answer < 4; answer++)
            CHECK_STATUS(inside.answers[answer], ANTPOOL_ERR_DEADLOCK);
        CHECK(!antpool_multi_is_closed(inside.multi));
        multi_end(inside.multi);
    }
}

SPEC(a_failure_names_the_pool_that_the_task_ran_in)
{
    failures_t failures = FAILURES_INIT;
    antpool_options_t options = failures_handled(&failures);
    antpool_multi_t *multi = NULL;
    char message[] = "as it happens";
    CHECK_STATUS(antpool_multi_new(2, 1, ANTPOOL_ROUND_ROBIN, &options, &multi), ANTPOOL_OK);
    CHECK_STATUS(antpool_multi_submit(multi, fail_with, message), ANTPOOL_OK);
    CHECK_STATUS(antpool_multi_wait(multi), ANTPOOL_OK);
    CHECK_TEXT(failures.message, message);
    CHECK(failures.info.pool != NULL);
    CHECK_EQ(antpool_capacity(failures.info.pool), 1);
    multi_end(multi);
}

static void in_child(void *arg)
{
    antpool_multi_t *multi = (antpool_multi_t *)arg;
    count_t done = COUNT_INIT;
    int64_t figure = -7;
    CHECK_STATUS(antpool_multi_submit(multi, nothing, NULL), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_multi_tune(multi, 3), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_multi_wait(multi), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_multi_release(multi), ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_multi_release_timeout(multi, 0), ANTPOOL_ERR_FORKED);
    CHECK_EQ(antpool_multi_capacity(multi), POOLS);
    CHECK_EQ(antpool_multi_running(multi), 0);
    CHECK_STATUS(antpool_multi_running_by_index(multi, 0, &figure), ANTPOOL_OK);
    CHECK_EQ(figure, 0);
    CHECK_EQ(antpool_multi_available(multi), 0);
    CHECK_STATUS(antpool_multi_reboot(multi), ANTPOOL_OK);
    for (int i = 0; i < 2 * POOLS; i++)
        CHECK_STATUS(antpool_multi_submit(multi, count_task, &done), ANTPOOL_OK);
    CHECK_STATUS(antpool_multi_wait(multi), ANTPOOL_OK);
    CHECK_EQ(count_get(&done), 2 * POOLS);
    CHECK_STATUS(antpool_multi_destroy(multi), ANTPOOL_OK);
}

SPEC(in_a_forked_child_it_is_forked_until_a_reboot)
{
    antpool_multi_t *multi = multi_of(POOLS, 1, ANTPOOL_ROUND_ROBIN);
    CHECK_STATUS(antpool_multi_submit(multi, nothing, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_multi_wait(multi), ANTPOOL_OK);
    char said[4096];
    int status = child_run(in_child, multi, said, sizeof said);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        spec_fail(__FILE__, __LINE__, "%s", said);
    CHECK_STATUS(antpool_multi_wait(multi), ANTPOOL_OK);
    multi_end(multi);
}

typedef struct last_t {
    antpool_multi_t *multi;
    count_t ran;
} last_t;

static void tell(void *arg)
{
    count_add(&((last_t *)arg)->ran, 1);
}

static void *submit_last(void *arg)
{
    last_t *last = (last_t *)arg;
    CHECK_STATUS(antpool_multi_submit(last->multi, tell, last), ANTPOOL_OK);
    return NULL;
}

SPEC(a_destroy_may_begin_when_the_last_task_has_told_of_itself)
{
    for (size_t i = 0; i < spec_rounds(300); i++) {
        last_t last = {multi_of(2, 1, ANTPOOL_LEAST_TASKS), COUNT_INIT};
        pthread_t thread = spec_thread(submit_last, &last);
        count_wait(&last.ran, 1);
        multi_end(last.multi);
        spec_join(thread);
    }
}

SPEC_MAIN()
