/*
 * The calls that keep a copy of the argument inside the task, such as antpool_submit_copy(), and those that
 * submit several tasks, such as antpool_submit_batch().
 */
#include "spec.h"

/* ---- Copies ---------------------------------------------------------------------------------- */

typedef struct letter_t {
    gate_t *gate;
    long number;
    count_t *read;
} letter_t;

static void read_letter(void *arg)
{
    letter_t *letter = (letter_t *)arg;
    CHECK_EQ((uintptr_t)letter % 16, 0);
    gate_task(letter->gate);
    count_add(letter->read, letter->number);
    letter->number = -1; /* It is the task's own. */
}

SPEC(a_copy_is_what_the_data_was_at_the_submit)
{
    antpool_t *pool = spec_pool(8, NULL);
    gate_t gate = GATE_INIT;
    count_t read = COUNT_INIT;
    letter_t letter = {&gate, 0, &read};
    for (letter.number = 1; letter.number <= 8; letter.number++)
        CHECK_STATUS(antpool_submit_copy(pool, read_letter, &letter, sizeof letter), ANTPOOL_OK);
    memset(&letter, 0, sizeof letter);
    gate_open(&gate);
    spec_destroy(pool);
    CHECK_EQ(count_get(&read), 36);
}

SPEC(a_queued_copy_is_as_good)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = 7;
    antpool_t *pool = spec_pool(1, &options);
    gate_t gate = GATE_INIT;
    count_t read = COUNT_INIT;
    letter_t letter = {&gate, 0, &read};
    for (letter.number = 1; letter.number <= 8; letter.number++)
        CHECK_STATUS(antpool_try_submit_copy(pool, read_letter, &letter, sizeof letter),
                     ANTPOOL_OK);
    CHECK_STATUS(antpool_try_submit_copy(pool, read_letter, &letter, sizeof letter),
                 ANTPOOL_ERR_OVERLOAD);
    gate_open(&gate);
    spec_destroy(pool);
    CHECK_EQ(count_get(&read), 36);
}

static count_t matching;

static void match_bytes(void *arg)
{
    const unsigned char *bytes = (const unsigned char *)arg;
    long same = 0;
    while (same < bytes[0] && bytes[same] == bytes[0])
        same++;
    CHECK_EQ(same, bytes[0]);
    count_add(&matching, 1);
}

SPEC(a_copy_may_have_any_size_up_to_the_largest)
{
    antpool_t *pool = spec_pool(2, NULL);
    unsigned char bytes[ANTPOOL_COPY_MAX + 1];
    CHECK_GE(ANTPOOL_COPY_MAX, 32);
    for (size_t size = 1; size <= ANTPOOL_COPY_MAX; size++) {
        memset(bytes, (int)size, sizeof bytes);
        CHECK_STATUS(antpool_submit_copy(pool, match_bytes, bytes, size), ANTPOOL_OK);
    }
    CHECK_STATUS(antpool_submit_copy(pool, match_bytes, bytes, sizeof bytes),
                 ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(antpool_try_submit_copy(pool, match_bytes, bytes, SIZE_MAX),
                 ANTPOOL_ERR_INVALID_ARGUMENT);
    spec_destroy(pool);
    CHECK_EQ(count_get(&matching), ANTPOOL_COPY_MAX);
}

static void match_nothing(void *arg)
{
    (void)arg;
    count_add(&matching, 1);
}

SPEC(a_copy_of_nothing_needs_no_data)
{
    antpool_t *pool = spec_pool(2, NULL);
    CHECK_STATUS(antpool_submit_copy(pool, match_nothing, NULL, 0), ANTPOOL_OK);
    CHECK_STATUS(antpool_try_submit_copy(pool, match_nothing, NULL, 0), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit_copy(pool, match_nothing, NULL, 1), ANTPOOL_ERR_INVALID_ARGUMENT);
    spec_destroy(pool);
    CHECK_EQ(count_get(&matching), 2);
}

/* ---- Batches --------------------------------------------------------------------------------- */

enum { BATCH = 10 };

/* As many counts as the batch has tasks; each task adds one to its own. */
typedef struct batch_t {
    count_t counts[BATCH];
    void *args[BATCH];
} batch_t;

static void batch_init(batch_t *batch)
{
    memset(batch, 0, sizeof *batch);
    for (int i = 0; i < BATCH; i++) {
        CHECK_EQ(pthread_mutex_init(&batch->counts[i].mutex, NULL), 0);
        CHECK_EQ(pthread_cond_init(&batch->counts[i].changed, NULL), 0);
        batch->args[i] = &batch->counts[i];
    }
}

/* The first tasks ran once each, the others not at all. */
static void check_ran(batch_t *batch, int first)
{
    for (int i = 0; i < BATCH; i++)
        CHECK_EQ(count_get(&batch->counts[i]), i < first);
}

SPEC(a_batch_runs_each_of_its_tasks_once)
{
    batch_t batch;
    batch_init(&batch);
    antpool_t *pool = spec_pool(3, NULL);
    size_t accepted = 99;
    CHECK_STATUS(antpool_submit_batch(pool, count_task, batch.args, BATCH, &accepted), ANTPOOL_OK);
    CHECK_EQ(accepted, BATCH);
    spec_destroy(pool);
    check_ran(&batch, BATCH);
}

SPEC(a_batch_of_invocations_runs_each_once)
{
    batch_t batch;
    batch_init(&batch);
    antpool_options_t options = spec_options();
    antpool_t *pool;
    size_t accepted = 99;
    CHECK_STATUS(antpool_new_with_func(3, count_task, &options, &pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_invoke_batch(pool, batch.args, BATCH, &accepted), ANTPOOL_OK);
    CHECK_EQ(accepted, BATCH);
    spec_destroy(pool);
    check_ran(&batch, BATCH);
}

SPEC(a_batch_need_not_be_told_how_many)
{
    batch_t batch;
    batch_init(&batch);
    antpool_t *pool = spec_pool(3, NULL);
    CHECK_STATUS(antpool_submit_batch(pool, count_task, batch.args, BATCH, NULL), ANTPOOL_OK);
    spec_destroy(pool);
    check_ran(&batch, BATCH);
}

SPEC(an_empty_batch_is_accepted)
{
    antpool_t *pool = spec_pool(1, NULL);
    void *args[1] = {NULL};
    size_t accepted = 99;
    CHECK_STATUS(antpool_submit_batch(pool, count_task, args, 0, &accepted), ANTPOOL_OK);
    CHECK_EQ(accepted, 0);
    spec_destroy(pool);
}

SPEC(a_batch_that_may_not_wait_accepts_what_there_is_room_for)
{
    batch_t batch;
    batch_init(&batch);
    antpool_options_t options = spec_options();
    options.queue_capacity = 3;
    antpool_t *pool = spec_pool(2, &options);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 2);
    size_t accepted = 99;
    CHECK_STATUS(antpool_try_submit_batch(pool, count_task, batch.args, BATCH, &accepted),
                 ANTPOOL_ERR_OVERLOAD);
    CHECK_EQ(accepted, 3);
    CHECK_STATUS(antpool_try_submit_batch(pool, count_task, batch.args, BATCH, &accepted),
                 ANTPOOL_ERR_OVERLOAD);
    CHECK_EQ(accepted, 0);
    gate_open(&gate);
    spec_destroy(pool);
    check_ran(&batch, 3);
}

SPEC(a_batch_on_a_nonblocking_pool_accepts_what_there_is_room_for)
{
    antpool_options_t options = spec_options();
    options.nonblocking = true;
    antpool_t *pool = spec_pool(4, &options);
    gate_t gate = GATE_INIT;
    void *args[BATCH];
    for (int i = 0; i < BATCH; i++)
        args[i] = &gate;
    size_t accepted = 99;
    CHECK_STATUS(antpool_submit_batch(pool, gate_task, args, BATCH, &accepted),
                 ANTPOOL_ERR_OVERLOAD);
    CHECK_EQ(accepted, 4);
    count_wait(&gate.arrived, 4); /* Each has a worker of its own. */
    gate_open(&gate);
    spec_destroy(pool);
    CHECK_EQ(count_get(&gate.passed), 4);
}

typedef struct batch_call_t {
    batch_t batch;
    antpool_t *pool;
    size_t accepted;
    antpool_status_t status;
} batch_call_t;

static void *submit_the_batch(void *arg)
{
    batch_call_t *call = (batch_call_t *)arg;
    call->accepted = 99;
    call->status =
        antpool_submit_batch(call->pool, count_task, call->batch.args, BATCH, &call->accepted);
    return NULL;
}

SPEC(a_batch_waits_for_room)
{
    batch_call_t call;
    batch_init(&call.batch);
    call.pool = spec_pool(1, NULL);
    gate_t gate = GATE_INIT;
    spec_hold(call.pool, &gate, 1);
    pthread_t thread = spec_thread(submit_the_batch, &call);
    EVENTUALLY(antpool_waiting(call.pool) == 1);
    gate_open(&gate);
    spec_join(thread);
    CHECK_STATUS(call.status, ANTPOOL_OK);
    CHECK_EQ(call.accepted, BATCH);
    spec_destroy(call.pool);
    check_ran(&call.batch, BATCH);
}

SPEC(a_batch_that_waits_at_release_has_a_prefix_accepted)
{
    batch_call_t call;
    batch_init(&call.batch);
    antpool_options_t options = spec_options();
    options.queue_capacity = 6;
    call.pool = spec_pool(1, &options);
    gate_t gate = GATE_INIT;
    spec_hold(call.pool, &gate, 1);
    pthread_t thread = spec_thread(submit_the_batch, &call);
    EVENTUALLY(antpool_waiting(call.pool) == 1);
    CHECK_STATUS(antpool_release(call.pool), ANTPOOL_OK);
    spec_join(thread);
    CHECK_STATUS(call.status, ANTPOOL_ERR_CLOSED);
    CHECK_EQ(call.accepted, 6);
    gate_open(&gate);
    spec_destroy(call.pool);
    check_ran(&call.batch, 6);
}

SPEC(a_batch_on_a_closed_pool_says_that_it_accepted_none)
{
    batch_call_t call;
    batch_init(&call.batch);
    call.pool = spec_pool(1, NULL);
    CHECK_STATUS(antpool_release(call.pool), ANTPOOL_OK);
    submit_the_batch(&call);
    CHECK_STATUS(call.status, ANTPOOL_ERR_CLOSED);
    CHECK_EQ(call.accepted, 0);
    spec_destroy(call.pool);
    check_ran(&call.batch, 0);
}

SPEC_MAIN()
