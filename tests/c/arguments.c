/*
 * Every function, given what it must not be given: what it answers on an open pool, on a closed
 * one and in a forked child. An argument that is wrong is found first, wherever the call is made.
 */
#include "table.h"

#include "child.h"

#include <limits.h>

enum { OPEN_POOL, CLOSED_POOL, FORKED_POOL };

static antpool_stats_t stats;
static antpool_options_t options;
static antpool_t *made;
static size_t accepted;
static uint32_t events;
static void *argument;
static void **const arguments = &argument;
static char bytes[ANTPOOL_COPY_MAX + 1];

static antpool_task_t *task;

/* Where the next handle goes; the one before is given up. */
static antpool_task_t **next_task(void)
{
    (void)antpool_task_destroy(task);
    task = NULL;
    return &task;
}

static antpool_group_t *group;

/* A group for all rows. */
static antpool_group_t *some_group(void)
{
    if (group == NULL)
        CHECK_STATUS(antpool_group_new(&group), ANTPOOL_OK);
    return group;
}

static antpool_lane_t *lane, *made_lane;

/* A lane for all rows, of a pool of its own. In a forked child it is the parent's. */
static antpool_lane_t *some_lane(void)
{
    if (lane == NULL)
        CHECK_STATUS(antpool_lane_new(antpool_default(), 1, &lane), ANTPOOL_OK);
    return lane;
}

/* Where the next lane goes; the one before is given up. */
static antpool_lane_t **next_lane(void)
{
    CHECK_STATUS(antpool_lane_destroy(made_lane), ANTPOOL_OK);
    made_lane = NULL;
    return &made_lane;
}

static antpool_mutex_t mutex = ANTPOOL_MUTEX_INIT;
static antpool_cond_t cond = ANTPOOL_COND_INIT;
static antpool_sem_t sem = ANTPOOL_SEM_INIT(0);

static antpool_chan_t *chan;
static antpool_chan_case_t chan_case = {NULL, NULL, ANTPOOL_CHAN_RECV, 0};

/* A channel for all rows. */
static antpool_chan_t *some_chan(void)
{
    if (chan == NULL)
        CHECK_STATUS(antpool_chan_new(1, &chan), ANTPOOL_OK);
    return chan;
}

static antpool_completions_t *completions;

/* Completions for all rows. */
static antpool_completions_t *some_completions(void)
{
    if (completions == NULL)
        CHECK_STATUS(antpool_completions_new(0, &completions), ANTPOOL_OK);
    return completions;
}

static void no_result(void *arg, antpool_status_t status)
{
    (void)arg;
    CHECK_STATUS(status, ANTPOOL_OK);
}

/* Beyond any size, count or capacity. */
#define HUGE_SIZE (SIZE_MAX / 2)
#define HUGE_CAPACITY (ANTPOOL_CAPACITY_MAX + 1)

/* Options with a field that is not as it has to be. */
static const antpool_options_t *garbage_kind(void)
{
    options = spec_options();
    options.worker_kind = UINT32_MAX;
    return &options;
}

static antpool_stats_t *sized(size_t size)
{
    stats.struct_size = size;
    return &stats;
}

static antpool_multi_t *multi;
static antpool_multi_t *made_multi;
static int64_t figure;

/* A multi-pool for all rows, which is made when the first of them runs. */
static antpool_multi_t *some_multi(void)
{
    if (multi == NULL)
        CHECK_STATUS(antpool_multi_new(2, 1, ANTPOOL_ROUND_ROBIN, NULL, &multi), ANTPOOL_OK);
    return multi;
}

static void no_range(void *arg, size_t begin, size_t end, size_t slot)
{
    (void)arg;
    CHECK(begin == end && slot == 0); /* it is never called */
}

static void all_indices(void *arg, size_t begin, size_t end, size_t slot)
{
    (void)arg;
    CHECK(begin == 0 && end == SIZE_MAX && slot == 0);
}

static void no_body(void *arg, size_t slot)
{
    (void)arg;
    CHECK(slot == SIZE_MAX); /* it is never called */
}

#define ALWAYS(answer) answer, answer, answer, 0
#define ON(open, closed, forked) open, closed, forked, 0
#define ROW TABLE_ROW

/* Makers. What is not the pool's does not depend on it. */
ROW(antpool_new, null_out, ALWAYS(INVALID), (1, NULL, NULL))
ROW(antpool_new, zero, ALWAYS(INVALID), (0, NULL, &made))
ROW(antpool_new, negative, ALWAYS(INVALID), (-2, NULL, &made))
ROW(antpool_new, huge, ALWAYS(INVALID), (HUGE_CAPACITY, NULL, &made))
ROW(antpool_new, hugest, ALWAYS(INVALID), (INT64_MAX, NULL, &made))
ROW(antpool_new, garbage, ALWAYS(INVALID), (1, garbage_kind(), &made))
ROW(antpool_new_with_func, null_function, ALWAYS(NO_FUNCTION), (1, NULL, NULL, &made))
ROW(antpool_new_with_func, null_out, ALWAYS(INVALID), (1, nothing, NULL, NULL))
ROW(antpool_new_with_func, zero, ALWAYS(INVALID), (0, nothing, NULL, &made))
ROW(antpool_new_with_func, negative, ALWAYS(INVALID), (-2, nothing, NULL, &made))
ROW(antpool_new_with_func, huge, ALWAYS(INVALID), (HUGE_CAPACITY, nothing, NULL, &made))
ROW(antpool_new_with_func, garbage, ALWAYS(INVALID), (1, nothing, garbage_kind(), &made))
ROW(antpool_default, no_argument, ALWAYS(1), () != NULL)

/* Submits. */
ROW(antpool_submit, null_handle, ALWAYS(INVALID), (NULL, nothing, NULL))
ROW(antpool_submit, null_function, ALWAYS(INVALID), (pool, NULL, NULL))
ROW(antpool_try_submit, null_handle, ALWAYS(INVALID), (NULL, nothing, NULL))
ROW(antpool_try_submit, null_function, ALWAYS(INVALID), (pool, NULL, NULL))
ROW(antpool_submit_timeout, null_handle, ALWAYS(INVALID), (NULL, nothing, NULL, 0))
ROW(antpool_submit_timeout, null_function, ALWAYS(INVALID), (pool, NULL, NULL, 0))
ROW(antpool_submit_timeout, zero, ON(OK, CLOSED, FORKED), (pool, nothing, NULL, 0))
ROW(antpool_submit_timeout, huge, ON(OK, CLOSED, FORKED), (pool, nothing, NULL, UINT64_MAX - 1))

ROW(antpool_task_submit, null_handle, ALWAYS(INVALID), (NULL, nothing, NULL, next_task()))
ROW(antpool_task_submit, null_function, ALWAYS(INVALID), (pool, NULL, NULL, next_task()))
ROW(antpool_task_submit, null_out, ALWAYS(INVALID), (pool, nothing, NULL, NULL))
ROW(antpool_try_task_submit, null_handle, ALWAYS(INVALID), (NULL, nothing, NULL, next_task()))
ROW(antpool_try_task_submit, null_function, ALWAYS(INVALID), (pool, NULL, NULL, next_task()))
ROW(antpool_try_task_submit, null_out, ALWAYS(INVALID), (pool, nothing, NULL, NULL))
ROW(antpool_task_submit_timeout, null_handle, ALWAYS(INVALID),
    (NULL, nothing, NULL, 0, next_task()))
ROW(antpool_task_submit_timeout, null_function, ALWAYS(INVALID), (pool, NULL, NULL, 0, next_task()))
ROW(antpool_task_submit_timeout, null_out, ALWAYS(INVALID), (pool, nothing, NULL, 0, NULL))
ROW(antpool_task_submit_timeout, zero, ON(OK, CLOSED, FORKED),
    (pool, nothing, NULL, 0, next_task()))
ROW(antpool_task_submit_timeout, huge, ON(OK, CLOSED, FORKED),
    (pool, nothing, NULL, UINT64_MAX - 1, next_task()))
ROW(antpool_task_wait, null_handle, ALWAYS(INVALID), (NULL))
ROW(antpool_task_wait_timeout, zero, ALWAYS(INVALID), (NULL, 0))
ROW(antpool_task_wait_timeout, huge, ALWAYS(INVALID), (NULL, UINT64_MAX - 1))
ROW(antpool_task_cancel, null_handle, ALWAYS(INVALID), (NULL))
ROW(antpool_task_is_done, null_handle, ALWAYS(false), (NULL))
ROW(antpool_task_destroy, null_handle, ALWAYS(OK), (NULL))
ROW(antpool_is_canceled, outside_a_task, ALWAYS(false), ())

ROW(antpool_group_new, null_out, ALWAYS(INVALID), (NULL))
ROW(antpool_group_submit, null_group, ALWAYS(INVALID), (NULL, pool, nothing, NULL))
ROW(antpool_group_submit, null_handle, ALWAYS(INVALID), (some_group(), NULL, nothing, NULL))
ROW(antpool_group_submit, null_function, ALWAYS(INVALID), (some_group(), pool, NULL, NULL))
ROW(antpool_try_group_submit, null_group, ALWAYS(INVALID), (NULL, pool, nothing, NULL))
ROW(antpool_try_group_submit, null_handle, ALWAYS(INVALID), (some_group(), NULL, nothing, NULL))
ROW(antpool_try_group_submit, null_function, ALWAYS(INVALID), (some_group(), pool, NULL, NULL))
ROW(antpool_group_submit_timeout, null_group, ALWAYS(INVALID), (NULL, pool, nothing, NULL, 0))
ROW(antpool_group_submit_timeout, null_handle, ALWAYS(INVALID),
    (some_group(), NULL, nothing, NULL, 0))
ROW(antpool_group_submit_timeout, null_function, ALWAYS(INVALID),
    (some_group(), pool, NULL, NULL, 0))
ROW(antpool_group_submit_timeout, zero, ON(OK, CLOSED, FORKED),
    (some_group(), pool, nothing, NULL, 0))
ROW(antpool_group_submit_timeout, huge, ON(OK, CLOSED, FORKED),
    (some_group(), pool, nothing, NULL, UINT64_MAX - 1))
ROW(antpool_group_submit_batch, null_group, ALWAYS(INVALID),
    (NULL, pool, nothing, arguments, 1, &accepted))
ROW(antpool_group_submit_batch, null_handle, ALWAYS(INVALID),
    (some_group(), NULL, nothing, arguments, 1, &accepted))
ROW(antpool_group_submit_batch, null_function, ALWAYS(INVALID),
    (some_group(), pool, NULL, arguments, 1, &accepted))
ROW(antpool_group_submit_batch, null_data, ALWAYS(INVALID),
    (some_group(), pool, nothing, NULL, 1, &accepted))
ROW(antpool_group_submit_batch, null_out, ON(OK, CLOSED, FORKED),
    (some_group(), pool, nothing, arguments, 1, NULL))
ROW(antpool_group_submit_batch, zero, ON(OK, CLOSED, FORKED),
    (some_group(), pool, nothing, NULL, 0, &accepted))
ROW(antpool_group_submit_batch, huge, ALWAYS(INVALID),
    (some_group(), pool, nothing, arguments, SIZE_MAX, &accepted))
ROW(antpool_group_add, null_handle, ALWAYS(INVALID), (NULL, 1))
ROW(antpool_group_add, negative, ALWAYS(INVALID), (some_group(), -1))
ROW(antpool_group_add, hugest, ALWAYS(INVALID), (some_group(), INT64_MIN))
ROW(antpool_group_done, null_handle, ALWAYS(INVALID), (NULL))
ROW(antpool_group_done, without_add, ALWAYS(INVALID), (some_group()))
ROW(antpool_group_wait, null_handle, ALWAYS(INVALID), (NULL))
ROW(antpool_group_wait_timeout, null_handle, ALWAYS(INVALID), (NULL, 1))
ROW(antpool_group_wait_timeout, zero, ALWAYS(INVALID), (NULL, 0))
ROW(antpool_group_wait_timeout, huge, ALWAYS(OK), (some_group(), UINT64_MAX - 1))
ROW(antpool_group_cancel, null_handle, ALWAYS(INVALID), (NULL, nothing))
ROW(antpool_group_destroy, null_handle, ALWAYS(OK), (NULL))
ROW(antpool_lane_new, null_handle, ALWAYS(INVALID), (NULL, 1, next_lane()))
ROW(antpool_lane_new, null_out, ALWAYS(INVALID), (pool, 1, NULL))
ROW(antpool_lane_new, zero, ALWAYS(INVALID), (pool, 0, next_lane()))
ROW(antpool_lane_new, huge, ON(OK, OK, FORKED), (pool, SIZE_MAX, next_lane()))
ROW(antpool_lane_submit, null_handle, ALWAYS(INVALID), (NULL, nothing, NULL))
ROW(antpool_lane_submit, null_function, ALWAYS(INVALID), (some_lane(), NULL, NULL))
ROW(antpool_try_lane_submit, null_handle, ALWAYS(INVALID), (NULL, nothing, NULL))
ROW(antpool_try_lane_submit, null_function, ALWAYS(INVALID), (some_lane(), NULL, NULL))
ROW(antpool_lane_submit_timeout, null_handle, ALWAYS(INVALID), (NULL, nothing, NULL, 0))
ROW(antpool_lane_submit_timeout, null_function, ALWAYS(INVALID), (some_lane(), NULL, NULL, 0))
ROW(antpool_lane_submit_timeout, zero, ALWAYS(INVALID), (NULL, nothing, NULL, 0))
ROW(antpool_lane_submit_timeout, huge, ALWAYS(INVALID), (NULL, nothing, NULL, UINT64_MAX - 1))
ROW(antpool_lane_wait, null_handle, ALWAYS(INVALID), (NULL))
ROW(antpool_lane_wait_timeout, null_handle, ALWAYS(INVALID), (NULL, 1))
ROW(antpool_lane_wait_timeout, zero, ALWAYS(INVALID), (NULL, 0))
ROW(antpool_lane_wait_timeout, huge, ALWAYS(INVALID), (NULL, UINT64_MAX - 1))
ROW(antpool_lane_running, null_handle, ALWAYS(0), (NULL))
ROW(antpool_lane_queued, null_handle, ALWAYS(0), (NULL))
ROW(antpool_lane_cancel, null_handle, ALWAYS(INVALID), (NULL, nothing))
ROW(antpool_lane_destroy, null_handle, ALWAYS(OK), (NULL))

ROW(antpool_mutex_lock, null_handle, ALWAYS(INVALID), (NULL))
ROW(antpool_mutex_trylock, null_handle, ALWAYS(INVALID), (NULL))
ROW(antpool_mutex_lock_timeout, zero, ALWAYS(INVALID), (NULL, 0))
ROW(antpool_mutex_lock_timeout, huge, ALWAYS(INVALID), (NULL, UINT64_MAX - 1))
ROW(antpool_mutex_unlock, null_handle, ALWAYS(INVALID), (NULL))
ROW(antpool_mutex_unlock, not_locked, ALWAYS(INVALID), (&mutex))
ROW(antpool_cond_wait, null_handle, ALWAYS(INVALID), (NULL, &mutex))
ROW(antpool_cond_wait, null_mutex, ALWAYS(INVALID), (&cond, NULL))
ROW(antpool_cond_wait, not_locked, ALWAYS(INVALID), (&cond, &mutex))
ROW(antpool_cond_wait_timeout, null_handle, ALWAYS(INVALID), (NULL, &mutex, 1))
ROW(antpool_cond_wait_timeout, null_mutex, ALWAYS(INVALID), (&cond, NULL, 1))
ROW(antpool_cond_wait_timeout, zero, ALWAYS(INVALID), (&cond, &mutex, 0))
ROW(antpool_cond_wait_timeout, huge, ALWAYS(INVALID), (&cond, &mutex, UINT64_MAX - 1))
ROW(antpool_cond_signal, null_handle, ALWAYS(INVALID), (NULL))
ROW(antpool_cond_broadcast, null_handle, ALWAYS(INVALID), (NULL))
ROW(antpool_sem_post, null_handle, ALWAYS(INVALID), (NULL, 1))
ROW(antpool_sem_post, zero, ALWAYS(INVALID), (&sem, 0))
ROW(antpool_sem_post, huge, ALWAYS(INVALID), (&sem, SIZE_MAX))
ROW(antpool_sem_post, above_the_limit, ALWAYS(INVALID), (&sem, (size_t)ANTPOOL_SEM_MAX + 1))
ROW(antpool_sem_wait, null_handle, ALWAYS(INVALID), (NULL))
ROW(antpool_sem_trywait, null_handle, ALWAYS(INVALID), (NULL))
ROW(antpool_sem_wait_timeout, zero, ALWAYS(INVALID), (NULL, 0))
ROW(antpool_sem_wait_timeout, huge, ALWAYS(INVALID), (NULL, UINT64_MAX - 1))

ROW(antpool_chan_new, null_out, ALWAYS(INVALID), (1, NULL))
ROW(antpool_chan_new, huge, ALWAYS(INVALID), ((size_t)ANTPOOL_TASKS_MAX + 1, &chan))
ROW(antpool_chan_new, hugest, ALWAYS(INVALID), (SIZE_MAX, &chan))
ROW(antpool_chan_send, null_handle, ALWAYS(INVALID), (NULL, NULL))
ROW(antpool_try_chan_send, null_handle, ALWAYS(INVALID), (NULL, NULL))
ROW(antpool_chan_send_timeout, zero, ALWAYS(INVALID), (NULL, NULL, 0))
ROW(antpool_chan_send_timeout, huge, ALWAYS(INVALID), (NULL, NULL, UINT64_MAX - 1))
ROW(antpool_chan_recv, null_handle, ALWAYS(INVALID), (NULL, &argument))
ROW(antpool_chan_recv, null_out, ALWAYS(INVALID), (some_chan(), NULL))
ROW(antpool_try_chan_recv, null_handle, ALWAYS(INVALID), (NULL, &argument))
ROW(antpool_try_chan_recv, null_out, ALWAYS(INVALID), (some_chan(), NULL))
ROW(antpool_chan_recv_timeout, zero, ALWAYS(INVALID), (NULL, &argument, 0))
ROW(antpool_chan_recv_timeout, huge, ALWAYS(INVALID), (NULL, &argument, UINT64_MAX - 1))
ROW(antpool_chan_recv_timeout, null_out, ALWAYS(INVALID), (some_chan(), NULL, 0))
ROW(antpool_chan_select, null_cases, ALWAYS(INVALID), (NULL, 1, 0, &accepted))
ROW(antpool_chan_select, null_out, ALWAYS(INVALID), (&chan_case, 1, 0, NULL))
ROW(antpool_chan_select, zero, ALWAYS(INVALID), (&chan_case, 0, 0, &accepted))
ROW(antpool_chan_select, huge, ALWAYS(INVALID), (&chan_case, SIZE_MAX, 0, &accepted))
ROW(antpool_chan_close, null_handle, ALWAYS(INVALID), (NULL))
ROW(antpool_chan_destroy, null_handle, ALWAYS(OK), (NULL))

ROW(antpool_completions_new, null_out, ALWAYS(INVALID), (0, NULL))
ROW(antpool_completions_new, unknown_flags, ALWAYS(INVALID), (ANTPOOL_ORDERED << 1, &completions))
ROW(antpool_completions_new, all_flags, ALWAYS(INVALID), (UINT32_MAX, &completions))
ROW(antpool_completions_fd, null_handle, ALWAYS(-1), (NULL))
ROW(antpool_completions_submit, null_completions, ALWAYS(INVALID),
    (NULL, pool, nothing, no_result, NULL))
ROW(antpool_completions_submit, null_handle, ALWAYS(INVALID),
    (some_completions(), NULL, nothing, no_result, NULL))
ROW(antpool_completions_submit, null_function, ALWAYS(INVALID),
    (some_completions(), pool, NULL, no_result, NULL))
ROW(antpool_completions_submit, null_done, ALWAYS(INVALID),
    (some_completions(), pool, nothing, NULL, NULL))
ROW(antpool_try_completions_submit, null_completions, ALWAYS(INVALID),
    (NULL, pool, nothing, no_result, NULL))
ROW(antpool_try_completions_submit, null_handle, ALWAYS(INVALID),
    (some_completions(), NULL, nothing, no_result, NULL))
ROW(antpool_try_completions_submit, null_function, ALWAYS(INVALID),
    (some_completions(), pool, NULL, no_result, NULL))
ROW(antpool_try_completions_submit, null_done, ALWAYS(INVALID),
    (some_completions(), pool, nothing, NULL, NULL))
ROW(antpool_completions_submit_timeout, null_completions, ALWAYS(INVALID),
    (NULL, pool, nothing, no_result, NULL, 0))
ROW(antpool_completions_submit_timeout, null_handle, ALWAYS(INVALID),
    (some_completions(), NULL, nothing, no_result, NULL, 0))
ROW(antpool_completions_submit_timeout, null_function, ALWAYS(INVALID),
    (some_completions(), pool, NULL, no_result, NULL, 0))
ROW(antpool_completions_submit_timeout, null_done, ALWAYS(INVALID),
    (some_completions(), pool, nothing, NULL, NULL, 0))
ROW(antpool_completions_submit_timeout, zero, ON(OK, CLOSED, FORKED),
    (some_completions(), pool, nothing, no_result, NULL, 0))
ROW(antpool_completions_submit_timeout, huge, ON(OK, CLOSED, FORKED),
    (some_completions(), pool, nothing, no_result, NULL, UINT64_MAX - 1))
ROW(antpool_completions_dispatch, null_handle, ALWAYS(0), (NULL, 0))
ROW(antpool_completions_wait, null_handle, ALWAYS(INVALID), (NULL, 1))
ROW(antpool_completions_wait, zero, ALWAYS(INVALID), (NULL, 0))
ROW(antpool_completions_wait, huge, ALWAYS(INVALID), (NULL, UINT64_MAX - 1))
ROW(antpool_completions_destroy, null_handle, ALWAYS(OK), (NULL))

ROW(antpool_submit_with_priority, null_handle, ALWAYS(INVALID), (NULL, nothing, NULL, 0))
ROW(antpool_submit_with_priority, null_function, ALWAYS(INVALID), (pool, NULL, NULL, 0))
ROW(antpool_submit_with_priority, zero, ON(OK, CLOSED, FORKED), (pool, nothing, NULL, 0))
ROW(antpool_submit_with_priority, unknown, ALWAYS(INVALID),
    (pool, nothing, NULL, ANTPOOL_PRIORITY_LOW + 1))
ROW(antpool_submit_with_priority, huge, ALWAYS(INVALID), (pool, nothing, NULL, UINT32_MAX))
ROW(antpool_submit_with_priority, garbage, ALWAYS(INVALID), (pool, nothing, NULL, 0x10000))
ROW(antpool_try_submit_with_priority, null_handle, ALWAYS(INVALID), (NULL, nothing, NULL, 1))
ROW(antpool_try_submit_with_priority, null_function, ALWAYS(INVALID), (pool, NULL, NULL, 1))
ROW(antpool_try_submit_with_priority, zero, ON(OK, CLOSED, FORKED), (pool, nothing, NULL, 0))
ROW(antpool_try_submit_with_priority, huge, ALWAYS(INVALID), (pool, nothing, NULL, UINT32_MAX))
ROW(antpool_try_submit_with_priority, garbage, ALWAYS(INVALID), (pool, nothing, NULL, 3))
ROW(antpool_submit_with_priority_timeout, null_handle, ALWAYS(INVALID), (NULL, nothing, NULL, 1, 0))
ROW(antpool_submit_with_priority_timeout, null_function, ALWAYS(INVALID), (pool, NULL, NULL, 1, 0))
ROW(antpool_submit_with_priority_timeout, zero, ON(OK, CLOSED, FORKED), (pool, nothing, NULL, 0, 0))
ROW(antpool_submit_with_priority_timeout, huge, ON(OK, CLOSED, FORKED),
    (pool, nothing, NULL, 2, UINT64_MAX - 1))
ROW(antpool_submit_with_priority_timeout, garbage, ALWAYS(INVALID), (pool, nothing, NULL, 3, 1))

ROW(antpool_submit_copy, null_handle, ALWAYS(INVALID), (NULL, nothing, bytes, 1))
ROW(antpool_submit_copy, null_function, ALWAYS(INVALID), (pool, NULL, bytes, 1))
ROW(antpool_submit_copy, null_data, ALWAYS(INVALID), (pool, nothing, NULL, 1))
ROW(antpool_submit_copy, zero, ON(OK, CLOSED, FORKED), (pool, nothing, NULL, 0))
ROW(antpool_submit_copy, large, ALWAYS(INVALID), (pool, nothing, bytes, ANTPOOL_COPY_MAX + 1))
ROW(antpool_submit_copy, huge, ALWAYS(INVALID), (pool, nothing, bytes, SIZE_MAX))
ROW(antpool_try_submit_copy, null_handle, ALWAYS(INVALID), (NULL, nothing, bytes, 1))
ROW(antpool_try_submit_copy, null_function, ALWAYS(INVALID), (pool, NULL, bytes, 1))
ROW(antpool_try_submit_copy, null_data, ALWAYS(INVALID), (pool, nothing, NULL, 1))
ROW(antpool_try_submit_copy, zero, ON(OK, CLOSED, FORKED), (pool, nothing, NULL, 0))
ROW(antpool_try_submit_copy, huge, ALWAYS(INVALID), (pool, nothing, bytes, SIZE_MAX))

ROW(antpool_submit_batch, null_handle, ALWAYS(INVALID), (NULL, nothing, arguments, 1, &accepted))
ROW(antpool_submit_batch, null_function, ALWAYS(INVALID), (pool, NULL, arguments, 1, &accepted))
ROW(antpool_submit_batch, null_data, ALWAYS(INVALID), (pool, nothing, NULL, 1, &accepted))
ROW(antpool_submit_batch, null_out, ON(OK, CLOSED, FORKED), (pool, nothing, arguments, 1, NULL))
ROW(antpool_submit_batch, zero, ON(OK, CLOSED, FORKED), (pool, nothing, NULL, 0, &accepted))
ROW(antpool_submit_batch, huge, ALWAYS(INVALID), (pool, nothing, NULL, HUGE_SIZE, &accepted))
ROW(antpool_try_submit_batch, null_handle, ALWAYS(INVALID),
    (NULL, nothing, arguments, 1, &accepted))
ROW(antpool_try_submit_batch, null_function, ALWAYS(INVALID), (pool, NULL, arguments, 1, &accepted))
ROW(antpool_try_submit_batch, null_data, ALWAYS(INVALID), (pool, nothing, NULL, 1, &accepted))
ROW(antpool_try_submit_batch, null_out, ON(OK, CLOSED, FORKED), (pool, nothing, arguments, 1, NULL))
ROW(antpool_try_submit_batch, zero, ON(OK, CLOSED, FORKED), (pool, nothing, NULL, 0, &accepted))
ROW(antpool_try_submit_batch, huge, ALWAYS(INVALID), (pool, nothing, NULL, HUGE_SIZE, &accepted))

/* Invokes; this pool was made without a function. */
ROW(antpool_invoke, null_handle, ALWAYS(INVALID), (NULL, NULL))
ROW(antpool_invoke, null_function, ON(NO_FUNCTION, NO_FUNCTION, FORKED), (pool, NULL))
ROW(antpool_try_invoke, null_handle, ALWAYS(INVALID), (NULL, NULL))
ROW(antpool_try_invoke, null_function, ON(NO_FUNCTION, NO_FUNCTION, FORKED), (pool, NULL))
ROW(antpool_invoke_timeout, null_handle, ALWAYS(INVALID), (NULL, NULL, 0))
ROW(antpool_invoke_timeout, zero, ON(NO_FUNCTION, NO_FUNCTION, FORKED), (pool, NULL, 0))
ROW(antpool_invoke_timeout, huge, ON(NO_FUNCTION, NO_FUNCTION, FORKED), (pool, NULL, UINT64_MAX))
ROW(antpool_invoke_batch, null_handle, ALWAYS(INVALID), (NULL, arguments, 1, &accepted))
ROW(antpool_invoke_batch, null_data, ALWAYS(INVALID), (pool, NULL, 1, &accepted))
ROW(antpool_invoke_batch, null_out, ON(NO_FUNCTION, NO_FUNCTION, FORKED),
    (pool, arguments, 1, NULL))
ROW(antpool_invoke_batch, zero, ON(NO_FUNCTION, NO_FUNCTION, FORKED), (pool, NULL, 0, &accepted))
ROW(antpool_invoke_batch, huge, ALWAYS(INVALID), (pool, NULL, HUGE_SIZE, &accepted))

/* Loops and gangs. */
ROW(antpool_parallel_for, null_handle, ALWAYS(INVALID), (NULL, 1, 1, 1, no_range, NULL))
ROW(antpool_parallel_for, null_function, ALWAYS(INVALID), (pool, 1, 1, 1, NULL, NULL))
ROW(antpool_parallel_for, zero, ON(OK, CLOSED, FORKED), (pool, 0, 0, 0, no_range, NULL))
ROW(antpool_parallel_for, huge, ON(OK, CLOSED, FORKED),
    (pool, SIZE_MAX, SIZE_MAX, SIZE_MAX, all_indices, NULL))
ROW(antpool_run_together, null_handle, ALWAYS(INVALID), (NULL, 1, no_body, NULL))
ROW(antpool_run_together, null_function, ALWAYS(INVALID), (pool, 1, NULL, NULL))
ROW(antpool_run_together, zero, ON(OK, CLOSED, FORKED), (pool, 0, no_body, NULL))
ROW(antpool_run_together, more_than_workers, ON(OVERLOAD, CLOSED, FORKED), (pool, 4, no_body, NULL))
ROW(antpool_run_together, huge, ON(OVERLOAD, CLOSED, FORKED), (pool, SIZE_MAX, no_body, NULL))

/* Multi-pools. */
ROW(antpool_multi_new, no_pools, ALWAYS(ANTPOOL_ERR_INVALID_POOL_COUNT), (0, 0, 9, NULL, NULL))
ROW(antpool_multi_new, huge_count, ALWAYS(ANTPOOL_ERR_INVALID_POOL_COUNT),
    (SIZE_MAX, 1, 0, NULL, &made_multi))
ROW(antpool_multi_new, garbage, ALWAYS(ANTPOOL_ERR_INVALID_STRATEGY),
    (2, 0, UINT32_MAX, garbage_kind(), NULL))
ROW(antpool_multi_new, null_out, ALWAYS(INVALID), (2, 1, 0, NULL, NULL))
ROW(antpool_multi_new, zero, ALWAYS(INVALID), (2, 0, 0, NULL, &made_multi))
ROW(antpool_multi_new, negative, ALWAYS(INVALID), (2, -2, 0, NULL, &made_multi))
ROW(antpool_multi_new, huge, ALWAYS(INVALID), (2, HUGE_CAPACITY, 0, NULL, &made_multi))
ROW(antpool_multi_new, garbage_options, ALWAYS(INVALID), (2, 1, 0, garbage_kind(), &made_multi))
ROW(antpool_multi_new_with_func, no_pools, ALWAYS(ANTPOOL_ERR_INVALID_POOL_COUNT),
    (0, 0, nothing, 9, NULL, NULL))
ROW(antpool_multi_new_with_func, huge_count, ALWAYS(ANTPOOL_ERR_INVALID_POOL_COUNT),
    (SIZE_MAX, 1, nothing, 0, NULL, &made_multi))
ROW(antpool_multi_new_with_func, garbage, ALWAYS(ANTPOOL_ERR_INVALID_STRATEGY),
    (2, 0, nothing, UINT32_MAX, garbage_kind(), NULL))
ROW(antpool_multi_new_with_func, null_out, ALWAYS(INVALID), (2, 1, nothing, 0, NULL, NULL))
ROW(antpool_multi_new_with_func, zero, ALWAYS(INVALID), (2, 0, nothing, 0, NULL, &made_multi))
ROW(antpool_multi_new_with_func, negative, ALWAYS(INVALID), (2, -2, nothing, 0, NULL, &made_multi))
ROW(antpool_multi_new_with_func, huge, ALWAYS(INVALID),
    (2, HUGE_CAPACITY, nothing, 0, NULL, &made_multi))
ROW(antpool_multi_new_with_func, garbage_options, ALWAYS(INVALID),
    (2, 1, nothing, 0, garbage_kind(), &made_multi))
ROW(antpool_multi_new_with_func, null_function, ALWAYS(NO_FUNCTION),
    (2, 0, NULL, 1, garbage_kind(), NULL))
ROW(antpool_multi_submit, null_handle, ALWAYS(INVALID), (NULL, nothing, NULL))
ROW(antpool_multi_submit, null_function, ALWAYS(INVALID), (some_multi(), NULL, NULL))
ROW(antpool_try_multi_submit, null_handle, ALWAYS(INVALID), (NULL, nothing, NULL))
ROW(antpool_try_multi_submit, null_function, ALWAYS(INVALID), (some_multi(), NULL, NULL))
ROW(antpool_multi_submit_timeout, null_handle, ALWAYS(INVALID), (NULL, nothing, NULL, 0))
ROW(antpool_multi_submit_timeout, null_function, ALWAYS(INVALID), (some_multi(), NULL, NULL, 0))
ROW(antpool_multi_submit_timeout, zero, ALWAYS(OK), (some_multi(), nothing, NULL, 0))
ROW(antpool_multi_submit_timeout, huge, ALWAYS(OK), (some_multi(), nothing, NULL, UINT64_MAX - 1))
ROW(antpool_multi_invoke, null_handle, ALWAYS(INVALID), (NULL, NULL))
ROW(antpool_multi_invoke, null_function, ALWAYS(NO_FUNCTION), (some_multi(), NULL))
ROW(antpool_try_multi_invoke, null_handle, ALWAYS(INVALID), (NULL, NULL))
ROW(antpool_try_multi_invoke, null_function, ALWAYS(NO_FUNCTION), (some_multi(), NULL))
ROW(antpool_multi_invoke_timeout, null_handle, ALWAYS(INVALID), (NULL, NULL, 0))
ROW(antpool_multi_invoke_timeout, null_function, ALWAYS(NO_FUNCTION), (some_multi(), NULL, 0))
ROW(antpool_multi_invoke_timeout, zero, ALWAYS(NO_FUNCTION), (some_multi(), NULL, 0))
ROW(antpool_multi_invoke_timeout, huge, ALWAYS(NO_FUNCTION), (some_multi(), NULL, UINT64_MAX))
ROW(antpool_multi_capacity, null_handle, ALWAYS(0), (NULL))
ROW(antpool_multi_capacity_by_index, null_handle, ALWAYS(INVALID), (NULL, 0, &figure))
ROW(antpool_multi_capacity_by_index, null_figure, ALWAYS(INVALID), (some_multi(), 0, NULL))
ROW(antpool_multi_capacity_by_index, beyond, ALWAYS(ANTPOOL_ERR_INVALID_POOL_INDEX),
    (some_multi(), 2, &figure))
ROW(antpool_multi_capacity_by_index, huge, ALWAYS(ANTPOOL_ERR_INVALID_POOL_INDEX),
    (some_multi(), SIZE_MAX, &figure))
ROW(antpool_multi_running, null_handle, ALWAYS(0), (NULL))
ROW(antpool_multi_running_by_index, null_handle, ALWAYS(INVALID), (NULL, 0, &figure))
ROW(antpool_multi_running_by_index, null_figure, ALWAYS(INVALID), (some_multi(), 0, NULL))
ROW(antpool_multi_running_by_index, beyond, ALWAYS(ANTPOOL_ERR_INVALID_POOL_INDEX),
    (some_multi(), 2, &figure))
ROW(antpool_multi_running_by_index, huge, ALWAYS(ANTPOOL_ERR_INVALID_POOL_INDEX),
    (some_multi(), SIZE_MAX, &figure))
ROW(antpool_multi_available, null_handle, ALWAYS(0), (NULL))
ROW(antpool_multi_available_by_index, null_handle, ALWAYS(INVALID), (NULL, 0, &figure))
ROW(antpool_multi_available_by_index, null_figure, ALWAYS(INVALID), (some_multi(), 0, NULL))
ROW(antpool_multi_available_by_index, beyond, ALWAYS(ANTPOOL_ERR_INVALID_POOL_INDEX),
    (some_multi(), 2, &figure))
ROW(antpool_multi_available_by_index, huge, ALWAYS(ANTPOOL_ERR_INVALID_POOL_INDEX),
    (some_multi(), SIZE_MAX, &figure))
ROW(antpool_multi_waiting, null_handle, ALWAYS(0), (NULL))
ROW(antpool_multi_waiting_by_index, null_handle, ALWAYS(INVALID), (NULL, 0, &figure))
ROW(antpool_multi_waiting_by_index, null_figure, ALWAYS(INVALID), (some_multi(), 0, NULL))
ROW(antpool_multi_waiting_by_index, beyond, ALWAYS(ANTPOOL_ERR_INVALID_POOL_INDEX),
    (some_multi(), 2, &figure))
ROW(antpool_multi_waiting_by_index, huge, ALWAYS(ANTPOOL_ERR_INVALID_POOL_INDEX),
    (some_multi(), SIZE_MAX, &figure))
ROW(antpool_multi_is_closed, null_handle, ALWAYS(true), (NULL))
ROW(antpool_multi_tune, null_handle, ALWAYS(INVALID), (NULL, 1))
ROW(antpool_multi_tune, zero, ALWAYS(INVALID), (some_multi(), 0))
ROW(antpool_multi_tune, negative, ALWAYS(INVALID), (some_multi(), -1))
ROW(antpool_multi_tune, huge, ALWAYS(INVALID), (some_multi(), HUGE_CAPACITY))
ROW(antpool_multi_wait, null_handle, ALWAYS(INVALID), (NULL))
ROW(antpool_multi_wait_timeout, null_handle, ALWAYS(INVALID), (NULL, 0))
ROW(antpool_multi_wait_timeout, zero, ALWAYS(INVALID), (NULL, 0))
ROW(antpool_multi_wait_timeout, huge, ALWAYS(OK), (some_multi(), UINT64_MAX - 1))
ROW(antpool_multi_release, null_handle, ALWAYS(INVALID), (NULL))
ROW(antpool_multi_release_timeout, zero, ALWAYS(INVALID), (NULL, 0))
ROW(antpool_multi_release_timeout, huge, ALWAYS(INVALID), (NULL, UINT64_MAX - 1))
ROW(antpool_multi_reboot, null_handle, ALWAYS(INVALID), (NULL))
ROW(antpool_multi_destroy, null_handle, ALWAYS(OK), (NULL))

/* Getters. */
ROW(antpool_capacity, null_handle, ALWAYS(0), (NULL))
ROW(antpool_running, null_handle, ALWAYS(0), (NULL))
ROW(antpool_busy, null_handle, ALWAYS(0), (NULL))
ROW(antpool_available, null_handle, ALWAYS(0), (NULL))
ROW(antpool_waiting, null_handle, ALWAYS(0), (NULL))
ROW(antpool_worker_index, outside_a_task, ALWAYS(1), () == SIZE_MAX)
ROW(antpool_worker_index_limit, null_handle, ALWAYS(0), (NULL))
ROW(antpool_is_closed, null_handle, ALWAYS(true), (NULL))
ROW(antpool_get_stats, null_handle, ALWAYS(INVALID), (NULL, sized(sizeof stats)))
ROW(antpool_get_stats, null_out, ALWAYS(INVALID), (pool, NULL))
ROW(antpool_get_stats, zero, ALWAYS(INVALID), (pool, sized(0)))
ROW(antpool_get_stats, in_a_field, ALWAYS(INVALID), (pool, sized(sizeof stats - 1)))
ROW(antpool_get_stats, huge, ALWAYS(INVALID), (pool, sized(SIZE_MAX)))

ROW(antpool_dump, null_handle, ALWAYS(INVALID), (NULL, 2))
ROW(antpool_dump, negative, ALWAYS(INVALID), (pool, -1))
ROW(antpool_dump, garbage, ALWAYS(INVALID), (pool, 1 << 20))
ROW(antpool_metrics, negative, ALWAYS(INVALID), (-1))
ROW(antpool_metrics, garbage, ALWAYS(INVALID), (1 << 20))

/* What changes and ends a pool. */
ROW(antpool_tune, null_handle, ALWAYS(INVALID), (NULL, 1))
ROW(antpool_tune, zero, ALWAYS(INVALID), (pool, 0))
ROW(antpool_tune, negative, ALWAYS(INVALID), (pool, -1))
ROW(antpool_tune, huge, ALWAYS(INVALID), (pool, HUGE_CAPACITY))
ROW(antpool_tune, hugest, ALWAYS(INVALID), (pool, INT64_MAX))
ROW(antpool_pause, null_handle, ALWAYS(INVALID), (NULL))
ROW(antpool_resume, null_handle, ALWAYS(INVALID), (NULL))
ROW(antpool_is_paused, null_handle, ALWAYS(false), (NULL))
ROW(antpool_trim, null_handle, ALWAYS(INVALID), (NULL))
ROW(antpool_set_expiry, null_handle, ALWAYS(INVALID), (NULL, -1))
ROW(antpool_set_expiry, negative, ALWAYS(ANTPOOL_ERR_INVALID_EXPIRY), (pool, -1))
ROW(antpool_set_expiry, most_negative, ALWAYS(ANTPOOL_ERR_INVALID_EXPIRY), (pool, INT64_MIN))
ROW(antpool_set_expiry, zero, ON(OK, OK, FORKED), (pool, 0))
ROW(antpool_set_expiry, huge, ON(OK, OK, FORKED), (pool, INT64_MAX))
ROW(antpool_wait, null_handle, ALWAYS(INVALID), (NULL))
ROW(antpool_wait_timeout, null_handle, ALWAYS(INVALID), (NULL, 0))
ROW(antpool_wait_timeout, zero, ON(OK, OK, FORKED), (pool, 0))
ROW(antpool_wait_timeout, huge, ON(OK, OK, FORKED), (pool, UINT64_MAX - 1))
ROW(antpool_release, null_handle, ALWAYS(INVALID), (NULL))
ROW(antpool_release_discard, null_handle, ALWAYS(INVALID), (NULL, nothing))
ROW(antpool_release_discard, null_function, ON(OK, OK, FORKED), (pool, NULL))
ROW(antpool_release_timeout, null_handle, ALWAYS(INVALID), (NULL, 0))
ROW(antpool_release_timeout, zero, ON(OK, OK, FORKED), (pool, 0))
ROW(antpool_release_timeout, huge, ON(OK, OK, FORKED), (pool, UINT64_MAX - 1))
ROW(antpool_reboot, null_handle, ALWAYS(INVALID), (NULL))
ROW(antpool_destroy, null_handle, ALWAYS(OK), (NULL))
ROW(antpool_destroy, the_default_pool, ALWAYS(INVALID), (antpool_default()))
ROW(antpool_destroy_later, null_handle, ALWAYS(OK), (NULL))
ROW(antpool_destroy_later, the_default_pool, ALWAYS(INVALID), (antpool_default()))

/* What has nothing to do with a pool. */
ROW(antpool_options_init, null_out, ALWAYS(0), (NULL, sizeof(antpool_options_t)), 0)
ROW(antpool_options_init, zero, ALWAYS(0), (&options, 0), 0)
ROW(antpool_options_init, huge, ALWAYS(0), (NULL, SIZE_MAX), 0)
ROW(antpool_status_name, garbage, ALWAYS(1), (-12345) != NULL)
ROW(antpool_status_message, garbage, ALWAYS(1), (-12345) != NULL)
ROW(antpool_panic, null_data, ALWAYS(ABORTS), (NULL), 0)
ROW(antpool_task_fail, null_data, ALWAYS(0), (NULL), 0)
ROW(antpool_sleep_ms, zero, ALWAYS(0), (0), 0)
ROW(antpool_sleep_us, zero, ALWAYS(0), (0), 0)
ROW(antpool_yield, no_argument, ALWAYS(0), (), 0)
ROW(antpool_wait_fd, negative, ALWAYS(INVALID), (-1, ANTPOOL_READABLE, 0, &events))
ROW(antpool_wait_fd, garbage, ALWAYS(INVALID), (INT_MAX, ANTPOOL_READABLE, 0, &events))
ROW(antpool_wait_fd, no_events, ALWAYS(INVALID), (pipe_end(true), 0, 0, &events))
ROW(antpool_wait_fd, unknown_events, ALWAYS(INVALID), (pipe_end(true), UINT32_MAX, 0, &events))
ROW(antpool_wait_fd, null_out, ALWAYS(OK), (pipe_end(true), ANTPOOL_WRITABLE, 0, NULL))
ROW(antpool_wait_fd, zero, ALWAYS(TIMED_OUT), (pipe_end(false), ANTPOOL_READABLE, 0, &events))
ROW(antpool_wait_fd, huge, ALWAYS(OK), (pipe_end(true), ANTPOOL_WRITABLE, UINT64_MAX - 1, NULL))
ROW(antpool_block, null_function, ALWAYS(INVALID), (NULL, NULL))
ROW(antpool_block, null_data, ALWAYS(OK), (nothing, NULL))
ROW(antpool_current, no_argument, ALWAYS(1), () == NULL)
ROW(antpool_usable_cpus, no_argument, ALWAYS(1), () >= 1)
ROW(antpool_version, no_argument, ALWAYS(1), () != NULL)

/* Where one call is made. */
typedef struct place_t {
    const row_t *row;
    antpool_t *pool;
    int situation;
} place_t;

static const char *const names[] = {"on an open pool", "on a closed pool", "in a forked child"};

static void make_call(void *arg)
{
    const place_t *place = (const place_t *)arg;
    const antpool_t *const untouched = (antpool_t *)(void *)&made;
    const antpool_options_t no_options = ANTPOOL_OPTIONS_INIT;
    made = (antpool_t *)(void *)&made;
    accepted = 77;
    events = 77;
    options = no_options;
    memset(&stats, 0x55, sizeof stats);

    row_check(__FILE__, place->row, place->situation, names[place->situation],
              place->row->call(place->pool));
    CHECK(made == untouched);
    CHECK_EQ(events, 77);
    CHECK_EQ(stats.capacity, INT64_C(0x5555555555555555));
    CHECK(options.struct_size == sizeof options);
    bool counts = strstr(place->row->function, "_batch") != NULL;
    bool ignored = strcmp(place->row->about, "null_out") == 0;
    CHECK_EQ(accepted, counts && !ignored ? 0 : 77);
}

/* On an error nothing has happened; what has happened otherwise ends as it should. */
static void check_nothing_happened(const place_t *place)
{
    antpool_stats_t now = ANTPOOL_STATS_INIT;
    CHECK_STATUS(antpool_get_stats(place->pool, &now), ANTPOOL_OK);
    CHECK_EQ(now.capacity, 2);
    CHECK_EQ(now.submitted, 0);
    CHECK_EQ(now.rejected, 0);
    CHECK_EQ(now.timed_out, 0);
    CHECK_EQ(now.spawned, 0);
    CHECK_EQ(antpool_is_closed(place->pool), place->situation == CLOSED_POOL);
}

static void run_rows(int situation)
{
    for (const row_t *row = first_row; row; row = row->next) {
        char said[512];
        place_t place = {row, spec_pool(2, NULL), situation};
        if (situation == CLOSED_POOL)
            CHECK_STATUS(antpool_release(place.pool), ANTPOOL_OK);
        if (row->answers[situation] == ABORTS)
            CHECK_ABORTED(child_run(make_call, &place, said, sizeof said));
        else if (situation == FORKED_POOL)
            CHECK_EXIT(child_wait(child_start(make_call, &place)), 0);
        else
            make_call(&place);
        bool concerns_pool = row->answers[OPEN_POOL] == OK && row->answers[FORKED_POOL] == FORKED;
        if (!concerns_pool)
            check_nothing_happened(&place);
        spec_destroy(place.pool);
    }
}

SPEC(wrong_arguments_on_an_open_pool_are_answered_and_nothing_happens)
{
    run_rows(OPEN_POOL);
}

SPEC(wrong_arguments_on_a_closed_pool_are_answered_and_nothing_happens)
{
    run_rows(CLOSED_POOL);
}

SPEC(wrong_arguments_in_a_forked_child_are_answered_and_nothing_happens)
{
    run_rows(FORKED_POOL);
}

SPEC_MAIN()
