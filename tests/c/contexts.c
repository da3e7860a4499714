/*
 * The table function x context that the introduction of the header shows: what each function
 * answers inside a task (or a handler, or a hook) of its own pool, with room in the pool and
 * without; on a closed pool; and in a forked child.
 */
#include "table.h"

#include "child.h"

enum { ROOM, FULL, CLOSED_POOL, FORKED_POOL };

static void *argument;
static void **const arguments = &argument;
static size_t accepted;
static antpool_t *made;
static antpool_stats_t stats = ANTPOOL_STATS_INIT;
static antpool_options_t options;

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

/* Nobody else uses them, so that each call answers as anywhere. */
static antpool_mutex_t mutex = ANTPOOL_MUTEX_INIT;
static antpool_cond_t cond = ANTPOOL_COND_INIT;
static antpool_sem_t sem = ANTPOOL_SEM_INIT(1000);

/* The mutex, which the caller has afterwards, or has not. */
static antpool_mutex_t *locked(bool wanted)
{
    mutex = (antpool_mutex_t)ANTPOOL_MUTEX_INIT;
    if (wanted)
        CHECK_STATUS(antpool_mutex_lock(&mutex), ANTPOOL_OK);
    return &mutex;
}

static antpool_chan_t *chan;
static antpool_chan_case_t chan_case = {NULL, NULL, ANTPOOL_CHAN_RECV, 0};

/* Where the next channel goes; the one before is given up. */
static antpool_chan_t **next_chan(void)
{
    CHECK_STATUS(antpool_chan_destroy(chan), ANTPOOL_OK);
    chan = NULL;
    return &chan;
}

/* A channel that was made where the call is, with this number of values in it. What one of the parent says in a child:
 * channels.c. */
static antpool_chan_t **some_chan(int values)
{
    CHECK_STATUS(antpool_chan_destroy(chan), ANTPOOL_OK);
    CHECK_STATUS(antpool_chan_new(1, &chan), ANTPOOL_OK);
    for (int i = 0; i < values; i++)
        CHECK_STATUS(antpool_try_chan_send(chan, NULL), ANTPOOL_OK);
    return &chan;
}

static antpool_completions_t *completions;

/* Completions for all rows. */
static antpool_completions_t *some_completions(void)
{
    if (completions == NULL)
        CHECK_STATUS(antpool_completions_new(0, &completions), ANTPOOL_OK);
    return completions;
}

static antpool_completions_t *made_completions;

/* Where the next ones go; those before are given up. */
static antpool_completions_t **next_completions(void)
{
    (void)antpool_completions_destroy(made_completions);
    made_completions = NULL;
    return &made_completions;
}

static void no_result(void *arg, antpool_status_t status)
{
    (void)arg;
    CHECK_STATUS(status, ANTPOOL_OK);
}

static antpool_group_t *made_group;

/* Where the next group goes; the one before is given up. */
static antpool_group_t **next_group(void)
{
    (void)antpool_group_destroy(made_group);
    made_group = NULL;
    return &made_group;
}

static antpool_lane_t *made_lane;

/* Where the next lane goes; the one before is given up. */
static antpool_lane_t **next_lane(void)
{
    (void)antpool_lane_destroy(made_lane);
    made_lane = NULL;
    return &made_lane;
}

static antpool_lane_t *lane;

/* A new lane of that pool; the one before is empty. In a child there is none: lanes.c. */
static antpool_lane_t *lane_of(antpool_t *pool)
{
    CHECK_STATUS(antpool_lane_destroy(lane), ANTPOOL_OK);
    if (antpool_lane_new(pool, 1, &lane) != ANTPOOL_OK)
        lane = NULL;
    return lane;
}

static antpool_multi_t *multi;
static int64_t figure;

/* Where the next multi-pool goes; the one before is given up. */
static antpool_multi_t **next_multi(void)
{
    (void)antpool_multi_destroy(multi);
    multi = NULL;
    return &multi;
}

static void no_range(void *arg, size_t begin, size_t end, size_t slot)
{
    (void)arg;
    CHECK(begin < end && end <= 3 && slot < 2);
}

static void no_body(void *arg, size_t slot)
{
    (void)arg;
    CHECK(slot < 2);
}

#define ROW(function, ...) TABLE_ROW(function, its_answers, __VA_ARGS__)

/* clang-format off */
/*                             room       full       closed  forked */
ROW(antpool_new,               OK,        OK,        OK,     OK,     (1, NULL, &made))
ROW(antpool_new_with_func,     OK,        OK,        OK,     OK,     (1, nothing, NULL, &made))
ROW(antpool_default,           1,         1,         1,      1,      () != NULL)
ROW(antpool_submit,            OK,        DEADLOCK,  CLOSED, FORKED, (pool, nothing, NULL))
ROW(antpool_try_submit,        OK,        OVERLOAD,  CLOSED, FORKED, (pool, nothing, NULL))
ROW(antpool_submit_timeout,    OK,        TIMED_OUT, CLOSED, FORKED, (pool, nothing, NULL, 1))
ROW(antpool_submit_with_priority, OK,     DEADLOCK,  CLOSED, FORKED, (pool, nothing, NULL, 1))
ROW(antpool_try_submit_with_priority, OK, OVERLOAD,  CLOSED, FORKED, (pool, nothing, NULL, 1))
ROW(antpool_submit_with_priority_timeout, OK, TIMED_OUT, CLOSED, FORKED,
    (pool, nothing, NULL, 2, 1))
ROW(antpool_submit_copy,       OK,        DEADLOCK,  CLOSED, FORKED, (pool, nothing, "", 1))
ROW(antpool_try_submit_copy,   OK,        OVERLOAD,  CLOSED, FORKED, (pool, nothing, "", 1))
ROW(antpool_submit_batch,      OK,        DEADLOCK,  CLOSED, FORKED,
    (pool, nothing, arguments, 1, &accepted))
ROW(antpool_try_submit_batch,  OK,        OVERLOAD,  CLOSED, FORKED,
    (pool, nothing, arguments, 1, &accepted))
ROW(antpool_invoke,            OK,        DEADLOCK,  CLOSED, FORKED, (pool, NULL))
ROW(antpool_try_invoke,        OK,        OVERLOAD,  CLOSED, FORKED, (pool, NULL))
ROW(antpool_invoke_timeout,    OK,        TIMED_OUT, CLOSED, FORKED, (pool, NULL, 1))
ROW(antpool_invoke_batch,      OK,        DEADLOCK,  CLOSED, FORKED, (pool, arguments, 1, NULL))
ROW(antpool_task_submit,       OK,        DEADLOCK,  CLOSED, FORKED,
    (pool, nothing, NULL, next_task()))
ROW(antpool_try_task_submit,   OK,        OVERLOAD,  CLOSED, FORKED,
    (pool, nothing, NULL, next_task()))
ROW(antpool_task_submit_timeout, OK,      TIMED_OUT, CLOSED, FORKED,
    (pool, nothing, NULL, 1, next_task()))
/* What these say of a task: tasks.c. */
ROW(antpool_task_wait,         INVALID,   INVALID,   INVALID, INVALID, (NULL))
ROW(antpool_task_wait_timeout, INVALID,   INVALID,   INVALID, INVALID, (NULL, 0))
ROW(antpool_task_cancel,       INVALID,   INVALID,   INVALID, INVALID, (NULL))
ROW(antpool_task_is_done,      false,     false,     false,  false,  (NULL))
ROW(antpool_task_destroy,      OK,        OK,        OK,     OK,     (NULL))
ROW(antpool_is_canceled,       false,     false,     false,  false,  ())
ROW(antpool_group_new,         OK,        OK,        OK,     OK,     (next_group()))
ROW(antpool_group_submit,      OK,        DEADLOCK,  CLOSED, FORKED,
    (some_group(), pool, nothing, NULL))
ROW(antpool_try_group_submit,  OK,        OVERLOAD,  CLOSED, FORKED,
    (some_group(), pool, nothing, NULL))
ROW(antpool_group_submit_timeout, OK,     TIMED_OUT, CLOSED, FORKED,
    (some_group(), pool, nothing, NULL, 1))
ROW(antpool_group_submit_batch, OK,       DEADLOCK,  CLOSED, FORKED,
    (some_group(), pool, nothing, arguments, 1, &accepted))
/* What these say in a forked child: groups.c. */
ROW(antpool_group_add,         OK,        OK,        OK,     OK,     (some_group(), 1))
ROW(antpool_group_done,        OK,        OK,        OK,     INVALID, (some_group()))
ROW(antpool_group_wait,        OK,        OK,        OK,     OK,     (some_group()))
ROW(antpool_group_wait_timeout, OK,       OK,        OK,     OK,     (some_group(), 0))
ROW(antpool_group_cancel,      INVALID,   INVALID,   INVALID, INVALID, (NULL, nothing))
ROW(antpool_group_destroy,     OK,        OK,        OK,     OK,     (NULL))
/* What these say of a lane in a forked child: lanes.c. */
ROW(antpool_lane_new,          OK,        OK,        OK,     FORKED, (pool, 1, next_lane()))
ROW(antpool_lane_submit,       OK,        DEADLOCK,  CLOSED, INVALID, (lane_of(pool), nothing, NULL))
ROW(antpool_try_lane_submit,   OK,        OVERLOAD,  CLOSED, INVALID, (lane_of(pool), nothing, NULL))
ROW(antpool_lane_submit_timeout, OK,      TIMED_OUT, CLOSED, INVALID,
    (lane_of(pool), nothing, NULL, 1))
ROW(antpool_lane_wait,         OK,        OK,        OK,     INVALID, (lane_of(pool)))
ROW(antpool_lane_wait_timeout, OK,        OK,        OK,     INVALID, (lane_of(pool), 0))
ROW(antpool_lane_running,      0,         0,         0,      0,      (lane_of(pool)), 0)
ROW(antpool_lane_queued,       0,         0,         0,      0,      (lane_of(pool)), 0)
ROW(antpool_lane_cancel,       OK,        OK,        OK,     INVALID, (lane_of(pool), nothing))
ROW(antpool_lane_destroy,      OK,        OK,        OK,     OK,     (NULL))
ROW(antpool_mutex_lock,        OK,        OK,        OK,     OK,     (locked(false)))
ROW(antpool_mutex_trylock,     OK,        OK,        OK,     OK,     (locked(false)))
ROW(antpool_mutex_lock_timeout, OK,       OK,        OK,     OK,     (locked(false), 1))
ROW(antpool_mutex_unlock,      OK,        OK,        OK,     OK,     (locked(true)))
/* What a wait that others have begun says in a child: locks.c. */
ROW(antpool_cond_wait,         INVALID,   INVALID,   INVALID, INVALID, (&cond, locked(false)))
ROW(antpool_cond_wait_timeout, INVALID,   INVALID,   INVALID, INVALID, (&cond, locked(false), 1))
ROW(antpool_cond_signal,       OK,        OK,        OK,     OK,     (&cond))
ROW(antpool_cond_broadcast,    OK,        OK,        OK,     OK,     (&cond))
ROW(antpool_sem_post,          OK,        OK,        OK,     OK,     (&sem, 1))
ROW(antpool_sem_wait,          OK,        OK,        OK,     OK,     (&sem))
ROW(antpool_sem_trywait,       OK,        OK,        OK,     OK,     (&sem))
ROW(antpool_sem_wait_timeout,  OK,        OK,        OK,     OK,     (&sem, 1))
ROW(antpool_chan_new,          OK,        OK,        OK,     OK,     (1, next_chan()))
ROW(antpool_chan_send,         OK,        OK,        OK,     OK,     (*some_chan(0), NULL))
ROW(antpool_try_chan_send,     OK,        OK,        OK,     OK,     (*some_chan(0), NULL))
ROW(antpool_chan_send_timeout, OK,        OK,        OK,     OK,     (*some_chan(0), NULL, 1))
ROW(antpool_chan_recv,         OK,        OK,        OK,     OK,     (*some_chan(1), &argument))
ROW(antpool_try_chan_recv,     OK,        OK,        OK,     OK,     (*some_chan(1), &argument))
ROW(antpool_chan_recv_timeout, OK,        OK,        OK,     OK,     (*some_chan(1), &argument, 1))
ROW(antpool_chan_select,       TIMED_OUT, TIMED_OUT, TIMED_OUT, TIMED_OUT, (&chan_case, 1, 0, &accepted))
ROW(antpool_chan_close,        OK,        OK,        OK,     OK,     (*some_chan(0)))
ROW(antpool_chan_destroy,      OK,        OK,        OK,     OK,     (NULL))
ROW(antpool_completions_new,   OK,        OK,        OK,     OK,     (0, next_completions()))
ROW(antpool_completions_submit, OK,       DEADLOCK,  CLOSED, FORKED,
    (some_completions(), pool, nothing, no_result, NULL))
ROW(antpool_try_completions_submit, OK,   OVERLOAD,  CLOSED, FORKED,
    (some_completions(), pool, nothing, no_result, NULL))
ROW(antpool_completions_submit_timeout, OK, TIMED_OUT, CLOSED, FORKED,
    (some_completions(), pool, nothing, no_result, NULL, 1))
/* What these say of completions: completions.c. */
ROW(antpool_completions_fd,    -1,        -1,        -1,     -1,     (NULL))
ROW(antpool_completions_dispatch, 0,      0,         0,      0,      (NULL, 0))
ROW(antpool_completions_wait,  INVALID,   INVALID,   INVALID, INVALID, (NULL, 0))
ROW(antpool_completions_destroy, OK,      OK,        OK,     OK,     (NULL))
ROW(antpool_parallel_for,      OK,        OK,        CLOSED, FORKED, (pool, 3, 1, 2, no_range, NULL))
ROW(antpool_run_together,      OK,        OVERLOAD,  CLOSED, FORKED, (pool, 2, no_body, NULL))
ROW(antpool_capacity,          2,         1,         2,      2,      (pool))
ROW(antpool_running,           1,         1,         0,      0,      (pool))
ROW(antpool_busy,              1,         1,         0,      0,      (pool))
ROW(antpool_available,         1,         0,         0,      0,      (pool))
ROW(antpool_waiting,           0,         0,         0,      0,      (pool))
ROW(antpool_is_closed,         false,     false,     true,   false,  (pool))
ROW(antpool_get_stats,         OK,        OK,        OK,     FORKED, (pool, &stats))
ROW(antpool_dump,              OK,        OK,        OK,     OK,     (pool, nowhere()))
ROW(antpool_metrics,           OK,        OK,        OK,     OK,     (nowhere()))
ROW(antpool_tune,              OK,        OK,        OK,     FORKED, (pool, 3))
ROW(antpool_pause,             OK,        OK,        CLOSED, FORKED, (pool))
ROW(antpool_resume,            OK,        OK,        OK,     FORKED, (pool))
ROW(antpool_is_paused,         false,     false,     false,  false,  (pool))
ROW(antpool_trim,              OK,        OK,        OK,     FORKED, (pool))
ROW(antpool_set_expiry,        OK,        OK,        OK,     FORKED, (pool, 0))
ROW(antpool_wait,              DEADLOCK,  DEADLOCK,  OK,     FORKED, (pool))
ROW(antpool_wait_timeout,      DEADLOCK,  DEADLOCK,  OK,     FORKED, (pool, 0))
ROW(antpool_release,           OK,        OK,        OK,     FORKED, (pool))
ROW(antpool_release_discard,   OK,        OK,        OK,     FORKED, (pool, nothing))
ROW(antpool_release_timeout,   DEADLOCK,  DEADLOCK,  OK,     FORKED, (pool, 0))
ROW(antpool_reboot,            OK,        OK,        OK,     OK,     (pool))
ROW(antpool_destroy,           DEADLOCK,  DEADLOCK,  OK,     OK,     (pool))
ROW(antpool_destroy_later,     OK,        OK,        OK,     OK,     (pool))
ROW(antpool_multi_new,         OK,        OK,        OK,     OK,     (2, 1, 0, NULL, next_multi()))
ROW(antpool_multi_new_with_func, OK,      OK,        OK,     OK,
    (2, 1, nothing, 0, NULL, next_multi()))
/* What these say of a multi-pool: multi.c. */
ROW(antpool_multi_submit,      INVALID,   INVALID,   INVALID, INVALID, (NULL, nothing, NULL))
ROW(antpool_try_multi_submit,  INVALID,   INVALID,   INVALID, INVALID, (NULL, nothing, NULL))
ROW(antpool_multi_submit_timeout, INVALID, INVALID,  INVALID, INVALID, (NULL, nothing, NULL, 1))
ROW(antpool_multi_invoke,      INVALID,   INVALID,   INVALID, INVALID, (NULL, NULL))
ROW(antpool_try_multi_invoke,  INVALID,   INVALID,   INVALID, INVALID, (NULL, NULL))
ROW(antpool_multi_invoke_timeout, INVALID, INVALID,  INVALID, INVALID, (NULL, NULL, 1))
ROW(antpool_multi_capacity,    0,         0,         0,      0,      (NULL))
ROW(antpool_multi_running,     0,         0,         0,      0,      (NULL))
ROW(antpool_multi_available,   0,         0,         0,      0,      (NULL))
ROW(antpool_multi_waiting,     0,         0,         0,      0,      (NULL))
ROW(antpool_multi_capacity_by_index, INVALID, INVALID, INVALID, INVALID, (NULL, 0, &figure))
ROW(antpool_multi_running_by_index, INVALID, INVALID, INVALID, INVALID, (NULL, 0, &figure))
ROW(antpool_multi_available_by_index, INVALID, INVALID, INVALID, INVALID, (NULL, 0, &figure))
ROW(antpool_multi_waiting_by_index, INVALID, INVALID, INVALID, INVALID, (NULL, 0, &figure))
ROW(antpool_multi_is_closed,   true,      true,      true,   true,   (NULL))
ROW(antpool_multi_tune,        INVALID,   INVALID,   INVALID, INVALID, (NULL, 1))
ROW(antpool_multi_wait,        INVALID,   INVALID,   INVALID, INVALID, (NULL))
ROW(antpool_multi_wait_timeout, INVALID,  INVALID,   INVALID, INVALID, (NULL, 0))
ROW(antpool_multi_release,     INVALID,   INVALID,   INVALID, INVALID, (NULL))
ROW(antpool_multi_release_timeout, INVALID, INVALID, INVALID, INVALID, (NULL, 0))
ROW(antpool_multi_reboot,      INVALID,   INVALID,   INVALID, INVALID, (NULL))
ROW(antpool_multi_destroy,     OK,        OK,        OK,     OK,     (NULL))
ROW(antpool_panic,             NO_RETURN, NO_RETURN, ABORTS, ABORTS, ("on purpose"), 0)
ROW(antpool_task_fail,         0,         0,         0,      0,      ("on purpose"), 0)
ROW(antpool_current,           1,         1,         0,      0,      () == pool)
ROW(antpool_worker_index,      1,         1,         0,      0,      () != SIZE_MAX)
ROW(antpool_worker_index_limit, 1,        1,         1,      1,      (pool) > 1)
ROW(antpool_sleep_ms,          0,         0,         0,      0,      (1), 0)
ROW(antpool_sleep_us,          0,         0,         0,      0,      (1), 0)
ROW(antpool_yield,             0,         0,         0,      0,      (), 0)
ROW(antpool_wait_fd,           OK,        OK,        OK,     OK,
    (pipe_end(true), ANTPOOL_WRITABLE, 1, NULL))
ROW(antpool_block,             OK,        OK,        OK,     OK,     (nothing, NULL))
ROW(antpool_options_init,      0,         0,         0,      0,      (&options, sizeof options), 0)
ROW(antpool_status_name,       1,         1,         1,      1,      (ANTPOOL_OK) != NULL)
ROW(antpool_status_message,    1,         1,         1,      1,      (ANTPOOL_OK) != NULL)
ROW(antpool_version,           1,         1,         1,      1,      () != NULL)
ROW(antpool_usable_cpus,       1,         1,         1,      1,      () >= 1)
/* clang-format on */

/* One call, made where the sentence wants it. */
typedef struct place_t {
    const row_t *row;
    antpool_t *pool;
    bool submitted; /* the task that takes the call there */
    bool begun;
    long long answer;
} place_t;

/* Makes the call, once, when the submit that led there has returned. */
static void make_call(place_t *place, antpool_t *pool)
{
    if (__atomic_exchange_n(&place->begun, true, __ATOMIC_ACQ_REL))
        return;
    EVENTUALLY(__atomic_load_n(&place->submitted, __ATOMIC_ACQUIRE));
    place->answer = NO_RETURN;
    place->answer = place->row->call(pool);
}

static void call_in_task(void *arg)
{
    place_t *place = (place_t *)arg;
    make_call(place, place->pool);
}

static void fail(void *arg)
{
    (void)arg;
    antpool_task_fail("to be handled");
}

static void call_in_handler(void *data, const antpool_panic_info_t *info)
{
    make_call((place_t *)data, info->pool);
}

static void call_in_hook(void *data, antpool_t *pool, size_t index)
{
    (void)index;
    make_call((place_t *)data, pool);
}

static void ignore_panic(void *data, const antpool_panic_info_t *info)
{
    (void)data;
    (void)info;
}

static void ignore_line(void *data, antpool_log_level_t level, const char *message)
{
    (void)data;
    (void)level;
    (void)message;
}

/* A pool with a function and with callbacks that say nothing. */
static antpool_t *quiet_pool(int64_t capacity, antpool_panic_fn handler, antpool_worker_fn hook,
                             place_t *place)
{
    antpool_options_t quiet = spec_options();
    quiet.panic_handler = handler;
    quiet.panic_data = place;
    quiet.logger = ignore_line;
    quiet.on_worker_start = hook;
    quiet.worker_data = place;
    antpool_t *pool = NULL;
    CHECK_STATUS(antpool_new_with_func(capacity, nothing, &quiet, &pool), ANTPOOL_OK);
    return pool;
}

/* Ends the pool that a row has made, if it did. */
static void unmake(void)
{
    CHECK_STATUS(antpool_destroy(made), ANTPOOL_OK);
    made = NULL;
}

/* Runs all rows on a worker: task, handler and hook each are NULL or make the call. */
static void run_inside(antpool_task_fn task, antpool_panic_fn handler, antpool_worker_fn hook,
                       const char *name)
{
    for (int situation = ROOM; situation <= FULL; situation++) {
        for (const row_t *row = first_row; row; row = row->next) {
            if (strcmp(row->function, "antpool_destroy_later") == 0)
                continue; /* Nothing can be asked of the pool after it: destroy_later.c. */
            place_t place = {row, NULL, false, false, 0};
            place.pool = quiet_pool(situation == FULL ? 1 : 2, handler, hook, &place);
            antpool_t *pool = place.pool;
            CHECK_STATUS(antpool_submit(pool, task, &place), ANTPOOL_OK);
            __atomic_store_n(&place.submitted, true, __ATOMIC_RELEASE);
            while (antpool_wait_timeout(pool, 100) != ANTPOOL_OK) /* It may be paused. */
                CHECK_STATUS(antpool_resume(pool), ANTPOOL_OK);
            CHECK_STATUS(antpool_release_timeout(pool, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
            CHECK(place.begun);
            row_check(__FILE__, row, situation, name, place.answer);
            unmake();

            /* Whatever it was, the pool is as good as before. */
            count_t done = COUNT_INIT;
            CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
            CHECK_STATUS(antpool_submit(pool, count_task, &done), ANTPOOL_OK);
            CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
            CHECK_EQ(count_get(&done), 1);
            spec_destroy(pool);
        }
    }
}

SPEC(inside_a_task_of_its_own_pool_each_function_answers_as_documented)
{
    run_inside(call_in_task, ignore_panic, NULL, "inside a task");
}

SPEC(inside_a_panic_handler_each_function_answers_as_documented)
{
    run_inside(fail, call_in_handler, NULL, "inside a handler");
}

SPEC(inside_a_start_hook_each_function_answers_as_documented)
{
    run_inside(nothing, ignore_panic, call_in_hook, "inside a hook");
}

/* What a row answers outside of any task, checked at once: its process may end with it. */
static void call_closed(void *arg)
{
    place_t *place = (place_t *)arg;
    row_check(__FILE__, place->row, CLOSED_POOL, "on a closed pool", place->row->call(place->pool));
}

static void call_forked(void *arg)
{
    place_t *place = (place_t *)arg;
    row_check(__FILE__, place->row, FORKED_POOL, "in a forked child",
              place->row->call(place->pool));
}

static void call_in_child(place_t *place, child_fn call, bool aborts)
{
    char said[4096];
    int status = child_run(call, place, said, sizeof said);
    if (aborts)
        CHECK_ABORTED(status);
    else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        spec_fail(__FILE__, place->row->line, "%s: %s", place->row->function, said);
}

SPEC(on_a_closed_pool_each_function_answers_as_documented)
{
    for (const row_t *row = first_row; row; row = row->next) {
        place_t place = {row, quiet_pool(2, ignore_panic, NULL, NULL), false, false, 0};
        CHECK_STATUS(antpool_release(place.pool), ANTPOOL_OK);
        if (row->answers[CLOSED_POOL] == ABORTS)
            call_in_child(&place, call_closed, true);
        else
            call_closed(&place);
        unmake();
        if (strncmp(row->function, "antpool_destroy", strlen("antpool_destroy")) != 0)
            spec_destroy(place.pool);
    }
}

SPEC(in_a_forked_child_each_function_answers_as_documented)
{
    for (const row_t *row = first_row; row; row = row->next) {
        gate_t gate = GATE_INIT;
        place_t place = {row, quiet_pool(2, ignore_panic, NULL, NULL), false, false, 0};
        spec_hold(place.pool, &gate, 1);
        call_in_child(&place, call_forked, row->answers[FORKED_POOL] == ABORTS);

        /* The parent has noticed nothing. */
        CHECK_EQ(antpool_busy(place.pool), 1);
        gate_open(&gate);
        CHECK_STATUS(antpool_wait(place.pool), ANTPOOL_OK);
        spec_destroy(place.pool);
    }
}

/* ---- The logger, which must not submit, but may ask and must not wait ------------------------ */

static void logger_asks(void *asked, antpool_log_level_t level, const char *message)
{
    (void)level;
    (void)message;
    antpool_t *pool = antpool_current();
    CHECK(pool != NULL);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_ERR_DEADLOCK);
    CHECK_STATUS(antpool_wait_timeout(pool, 0), ANTPOOL_ERR_DEADLOCK);
    CHECK_STATUS(antpool_release_timeout(pool, 0), ANTPOOL_ERR_DEADLOCK);
    CHECK_STATUS(antpool_destroy(pool), ANTPOOL_ERR_DEADLOCK);
    CHECK_EQ(antpool_busy(pool), 1);
    count_task(asked);
}

SPEC(a_logger_on_a_worker_counts_as_inside_the_task)
{
    count_t asked = COUNT_INIT;
    antpool_options_t asking = spec_options();
    asking.logger = logger_asks;
    asking.logger_data = &asked;
    antpool_t *pool = spec_pool(1, &asking);
    CHECK_STATUS(antpool_submit(pool, fail, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(count_get(&asked), 1);
    spec_destroy(pool);
}

/* ---- Another pool's tasks are outside ------------------------------------------------------- */

static void use_another_pool(void *arg)
{
    antpool_t *other = (antpool_t *)arg;
    CHECK(antpool_current() != other);
    CHECK_STATUS(antpool_submit(other, nothing, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(other), ANTPOOL_OK);
    CHECK_STATUS(antpool_release_timeout(other, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_STATUS(antpool_destroy(other), ANTPOOL_OK);
}

SPEC(a_task_may_wait_for_and_end_another_pool)
{
    antpool_t *pool = spec_pool(1, NULL);
    CHECK_STATUS(antpool_submit(pool, use_another_pool, spec_pool(1, NULL)), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC_MAIN()
