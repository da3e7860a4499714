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

/* Getters. */
ROW(antpool_capacity, null_handle, ALWAYS(0), (NULL))
ROW(antpool_running, null_handle, ALWAYS(0), (NULL))
ROW(antpool_busy, null_handle, ALWAYS(0), (NULL))
ROW(antpool_available, null_handle, ALWAYS(0), (NULL))
ROW(antpool_waiting, null_handle, ALWAYS(0), (NULL))
ROW(antpool_is_closed, null_handle, ALWAYS(true), (NULL))
ROW(antpool_get_stats, null_handle, ALWAYS(INVALID), (NULL, sized(sizeof stats)))
ROW(antpool_get_stats, null_out, ALWAYS(INVALID), (pool, NULL))
ROW(antpool_get_stats, zero, ALWAYS(INVALID), (pool, sized(0)))
ROW(antpool_get_stats, in_a_field, ALWAYS(INVALID), (pool, sized(sizeof stats - 1)))
ROW(antpool_get_stats, huge, ALWAYS(INVALID), (pool, sized(SIZE_MAX)))

/* What changes and ends a pool. */
ROW(antpool_tune, null_handle, ALWAYS(INVALID), (NULL, 1))
ROW(antpool_tune, zero, ALWAYS(INVALID), (pool, 0))
ROW(antpool_tune, negative, ALWAYS(INVALID), (pool, -1))
ROW(antpool_tune, huge, ALWAYS(INVALID), (pool, HUGE_CAPACITY))
ROW(antpool_tune, hugest, ALWAYS(INVALID), (pool, INT64_MAX))
ROW(antpool_wait, null_handle, ALWAYS(INVALID), (NULL))
ROW(antpool_wait_timeout, null_handle, ALWAYS(INVALID), (NULL, 0))
ROW(antpool_wait_timeout, zero, ON(OK, OK, FORKED), (pool, 0))
ROW(antpool_wait_timeout, huge, ON(OK, OK, FORKED), (pool, UINT64_MAX - 1))
ROW(antpool_release, null_handle, ALWAYS(INVALID), (NULL))
ROW(antpool_release_timeout, null_handle, ALWAYS(INVALID), (NULL, 0))
ROW(antpool_release_timeout, zero, ON(OK, OK, FORKED), (pool, 0))
ROW(antpool_release_timeout, huge, ON(OK, OK, FORKED), (pool, UINT64_MAX - 1))
ROW(antpool_reboot, null_handle, ALWAYS(INVALID), (NULL))
ROW(antpool_destroy, null_handle, ALWAYS(OK), (NULL))
ROW(antpool_destroy, the_default_pool, ALWAYS(INVALID), (antpool_default()))

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
