/* Completions: results that are delivered to the thread that dispatches them. */
#include "spec.h"

#include "child.h"

#include <poll.h>
#include <sys/resource.h>

static antpool_completions_t *completions;
static gate_t gate = GATE_INIT;
static count_t ran = COUNT_INIT, handled = COUNT_INIT;
static pthread_t dispatcher; /* the only thread that calls what is done */

/* One submit, and what became of it. */
typedef struct job_t {
    int number;
    int worked;
    int done;
    antpool_status_t status;
} job_t;

static int order[100], delivered; /* the numbers of the jobs, as they were done */

static void work(void *arg)
{
    ((job_t *)arg)->worked++;
    count_add(&ran, 1);
}

static void fail(void *arg)
{
    work(arg);
    antpool_task_fail("on purpose");
}

static void end_thread(void *arg)
{
    work(arg);
    pthread_exit(NULL);
}

static void work_at_gate(void *arg)
{
    gate_task(&gate);
    work(arg);
}

static void done(void *arg, antpool_status_t status)
{
    job_t *job = (job_t *)arg;
    CHECK(pthread_equal(pthread_self(), dispatcher));
    CHECK_EQ(job->worked, 1);
    job->done++;
    job->status = status;
    if (delivered < (int)(sizeof order / sizeof *order))
        order[delivered] = job->number;
    delivered++;
}

static void count_failure(void *data, const antpool_panic_info_t *info)
{
    (void)data;
    (void)info;
    count_add(&handled, 1);
}

static antpool_t *pool_and_completions(int64_t capacity, uint32_t flags)
{
    antpool_options_t options = spec_options();
    options.queue_capacity = 64;
    options.panic_handler = count_failure;
    dispatcher = pthread_self();
    CHECK_STATUS(antpool_completions_new(flags, &completions), ANTPOOL_OK);
    CHECK(completions != NULL);
    return spec_pool(capacity, &options);
}

static void submit(antpool_t *pool, antpool_task_fn fn, job_t *job)
{
    CHECK_STATUS(antpool_completions_submit(completions, pool, fn, done, job), ANTPOOL_OK);
}

static void end(antpool_t *pool)
{
    CHECK_STATUS(antpool_completions_destroy(completions), ANTPOOL_OK);
    spec_destroy(pool);
}

/* Whether the descriptor is readable, now or before `timeout_ms` have passed. */
static bool is_readable(int timeout_ms)
{
    struct pollfd entry = {antpool_completions_fd(completions), POLLIN, 0};
    CHECK_GE(entry.fd, 0);
    const int ready = poll(&entry, 1, timeout_ms);
    CHECK_GE(ready, 0);
    return ready > 0;
}

/* How often the descriptor was written to since it was read. */
static uint64_t writes(void)
{
    char path[64], line[128];
    unsigned long long count = 0;
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", antpool_completions_fd(completions));
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    bool found = false;
    while (fgets(line, sizeof line, file) != NULL)
        found = sscanf(line, "eventfd-count: %llx", &count) == 1 || found;
    CHECK_EQ(fclose(file), 0);
    CHECK(found);
    return count;
}

SPEC(each_result_is_delivered_once_on_the_thread_that_dispatches)
{
    antpool_t *pool = pool_and_completions(2, 0);
    job_t jobs[50];
    for (int i = 0; i < 50; i++) {
        const job_t job = {i, 0, 0, ANTPOOL_ERR_UNKNOWN};
        jobs[i] = job;
        submit(pool, work, &jobs[i]);
    }
    while (antpool_completions_wait(completions, ANTPOOL_WAIT_FOREVER) == ANTPOOL_OK)
        CHECK_GE(antpool_completions_dispatch(completions, 0), 1);
    CHECK_STATUS(antpool_completions_wait(completions, 0), ANTPOOL_ERR_CLOSED);
    for (int i = 0; i < 50; i++) {
        CHECK_EQ(jobs[i].worked, 1);
        CHECK_EQ(jobs[i].done, 1);
        CHECK_STATUS(jobs[i].status, ANTPOOL_OK);
    }
    CHECK_EQ(antpool_completions_dispatch(completions, 0), 0);
    end(pool);
}

SPEC(the_descriptor_is_readable_while_there_is_something_to_dispatch)
{
    antpool_t *pool = pool_and_completions(2, 0);
    job_t first = {1, 0, 0, ANTPOOL_ERR_UNKNOWN}, second = {2, 0, 0, ANTPOOL_ERR_UNKNOWN};
    CHECK(!is_readable(0));
    submit(pool, work_at_gate, &first);
    CHECK(!is_readable(2));
    gate_open(&gate);
    CHECK(is_readable(-1));
    submit(pool, work, &second);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(antpool_completions_dispatch(completions, 1), 1);
    CHECK(is_readable(0));
    CHECK_EQ(antpool_completions_dispatch(completions, 1), 1);
    CHECK(!is_readable(0));
    end(pool);
}

SPEC(a_burst_writes_to_the_descriptor_once)
{
    spec_skip_if(spec_emulated(), "the kernel's view of a descriptor is not the program's");
    antpool_t *pool = pool_and_completions(4, 0);
    job_t jobs[60];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 60; i++) {
            const job_t job = {i, 0, 0, ANTPOOL_ERR_UNKNOWN};
            jobs[i] = job;
            submit(pool, work, &jobs[i]);
        }
        CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
        CHECK_EQ(writes(), 1);
        CHECK_EQ(antpool_completions_dispatch(completions, 0), 60);
        CHECK_EQ(writes(), 0);
    }
    end(pool);
}

SPEC(ordered_results_come_in_the_order_of_their_submits)
{
    antpool_t *pool = pool_and_completions(3, ANTPOOL_ORDERED);
    job_t jobs[40];
    for (int i = 0; i < 40; i++) {
        const job_t job = {i, 0, 0, ANTPOOL_ERR_UNKNOWN};
        jobs[i] = job;
        submit(pool, i == 0 ? work_at_gate : work, &jobs[i]);
    }
    count_wait(&ran, 39);
    CHECK(!is_readable(2)); /* the first one holds back the others */
    CHECK_EQ(antpool_completions_dispatch(completions, 0), 0);
    CHECK_STATUS(antpool_completions_wait(completions, 1), ANTPOOL_ERR_TIMED_OUT);
    gate_open(&gate);
    while (antpool_completions_wait(completions, ANTPOOL_WAIT_FOREVER) == ANTPOOL_OK)
        CHECK_GE(antpool_completions_dispatch(completions, 7), 1);
    CHECK_EQ(delivered, 40);
    for (int i = 0; i < 40; i++)
        CHECK_EQ(order[i], i);
    end(pool);
}

SPEC(without_order_a_result_waits_for_no_other)
{
    antpool_t *pool = pool_and_completions(2, 0);
    job_t first = {1, 0, 0, ANTPOOL_ERR_UNKNOWN}, second = {2, 0, 0, ANTPOOL_ERR_UNKNOWN};
    submit(pool, work_at_gate, &first);
    submit(pool, work, &second);
    CHECK_STATUS(antpool_completions_wait(completions, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_EQ(antpool_completions_dispatch(completions, 0), 1);
    CHECK_EQ(order[0], 2);
    gate_open(&gate);
    CHECK_STATUS(antpool_completions_wait(completions, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_EQ(antpool_completions_dispatch(completions, 0), 1);
    CHECK_EQ(order[1], 1);
    end(pool);
}

SPEC(a_failure_is_delivered_after_its_report)
{
    spec_ends_a_thread();
    const antpool_task_fn works[] = {fail, end_thread};
    antpool_t *pool = pool_and_completions(1, 0);
    for (int i = 0; i < 2; i++) {
        job_t job = {i, 0, 0, ANTPOOL_OK};
        submit(pool, works[i], &job);
        CHECK_STATUS(antpool_completions_wait(completions, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
        CHECK_EQ(count_get(&handled), i + 1);
        CHECK_EQ(antpool_completions_dispatch(completions, 0), 1);
        CHECK_STATUS(job.status, ANTPOOL_ERR_TASK_FAILED);
    }
    end(pool);
}

static void stay_in_handler(void *data, const antpool_panic_info_t *info)
{
    (void)data;
    (void)info;
    gate_task(&gate);
}

SPEC(a_failure_is_not_delivered_while_its_handler_runs)
{
    antpool_options_t options = spec_options();
    options.panic_handler = stay_in_handler;
    dispatcher = pthread_self();
    CHECK_STATUS(antpool_completions_new(0, &completions), ANTPOOL_OK);
    antpool_t *pool = spec_pool(1, &options);
    job_t job = {1, 0, 0, ANTPOOL_OK};
    submit(pool, fail, &job);
    count_wait(&gate.arrived, 1);
    CHECK(!is_readable(2));
    CHECK_EQ(antpool_completions_dispatch(completions, 0), 0);
    gate_open(&gate);
    CHECK(is_readable(-1));
    CHECK_EQ(antpool_completions_dispatch(completions, 0), 1);
    CHECK_STATUS(job.status, ANTPOOL_ERR_TASK_FAILED);
    end(pool);
}

SPEC(what_a_pool_refuses_is_not_delivered)
{
    dispatcher = pthread_self();
    CHECK_STATUS(antpool_completions_new(ANTPOOL_ORDERED, &completions), ANTPOOL_OK);
    antpool_t *pool = spec_pool(1, NULL);
    spec_hold(pool, &gate, 1);
    job_t job = {1, 0, 0, ANTPOOL_ERR_UNKNOWN};
    CHECK_STATUS(antpool_try_completions_submit(completions, pool, work, done, &job),
                 ANTPOOL_ERR_OVERLOAD);
    CHECK_STATUS(antpool_completions_submit_timeout(completions, pool, work, done, &job, 1),
                 ANTPOOL_ERR_TIMED_OUT);
    CHECK_STATUS(antpool_completions_wait(completions, ANTPOOL_WAIT_FOREVER), ANTPOOL_ERR_CLOSED);
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_completions_submit(completions, pool, work, done, &job),
                 ANTPOOL_ERR_CLOSED);
    gate_open(&gate);
    CHECK_STATUS(antpool_completions_wait(completions, 0), ANTPOOL_ERR_CLOSED);
    CHECK_EQ(job.worked + job.done, 0);
    end(pool);
}

/* Calls for threads of their own. */
static antpool_status_t call_wait_for_results(antpool_t *pool, uint64_t timeout_ms)
{
    (void)pool;
    return antpool_completions_wait(completions, timeout_ms);
}

static job_t late = {2, 0, 0, ANTPOOL_ERR_UNKNOWN};

static antpool_status_t call_submit(antpool_t *pool, uint64_t timeout_ms)
{
    return antpool_completions_submit_timeout(completions, pool, work, done, &late, timeout_ms);
}

SPEC(a_wait_ends_with_the_first_result)
{
    antpool_t *pool = pool_and_completions(1, 0);
    job_t job = {1, 0, 0, ANTPOOL_ERR_UNKNOWN};
    submit(pool, work_at_gate, &job);
    CHECK_STATUS(antpool_completions_wait(completions, 0), ANTPOOL_ERR_TIMED_OUT);
    const uint64_t start = spec_now();
    CHECK_STATUS(antpool_completions_wait(completions, 5), ANTPOOL_ERR_TIMED_OUT);
    CHECK_GE(spec_now() - start, 5 * MS);
    call_t waits[3];
    for (int i = 0; i < 3; i++)
        call_block_in(&waits[i], call_wait_for_results, pool, ANTPOOL_WAIT_FOREVER);
    gate_open(&gate);
    for (int i = 0; i < 3; i++)
        CHECK_STATUS(call_join(&waits[i]), ANTPOOL_OK);
    CHECK_EQ(antpool_completions_dispatch(completions, 0), 1);
    end(pool);
}

SPEC(a_submit_that_waits_for_room_keeps_its_place_in_the_order_and_leaves_it_when_it_gives_up)
{
    antpool_options_t options = spec_options();
    antpool_t *pool = spec_pool(1, &options);
    antpool_t *other = spec_pool(1, &options);
    dispatcher = pthread_self();
    CHECK_STATUS(antpool_completions_new(ANTPOOL_ORDERED, &completions), ANTPOOL_OK);
    spec_hold(pool, &gate, 1);
    call_t waiting, wait;
    call_block_in(&waiting, call_submit, pool, 200);
    job_t job = {1, 0, 0, ANTPOOL_ERR_UNKNOWN};
    submit(other, work, &job);
    CHECK_STATUS(antpool_wait(other), ANTPOOL_OK);
    call_block_in(&wait, call_wait_for_results, pool, 3600000); /* or is over, as the first */
    CHECK_STATUS(call_join(&waiting), ANTPOOL_ERR_TIMED_OUT);
    CHECK_STATUS(call_join(&wait), ANTPOOL_OK);
    CHECK(is_readable(0));
    CHECK_EQ(antpool_completions_dispatch(completions, 0), 1);
    CHECK_EQ(order[0], 1);
    gate_open(&gate);
    spec_destroy(other);
    end(pool);
}

/* A result that brings the next one, as often as it is told. */
static antpool_t *again_pool;
static long again_left;

static void submit_again(void *arg, antpool_status_t status)
{
    done(arg, status);
    ((job_t *)arg)->worked = 0;
    if (again_left-- > 0)
        CHECK_STATUS(antpool_completions_submit(completions, again_pool, work, submit_again, arg),
                     ANTPOOL_OK);
    CHECK_STATUS(antpool_completions_destroy(completions), ANTPOOL_ERR_BUSY);
}

SPEC(what_is_done_may_submit_again_and_a_dispatch_ends_all_the_same)
{
    antpool_t *pool = pool_and_completions(2, 0);
    again_pool = pool;
    again_left = 100;
    job_t job = {1, 0, 0, ANTPOOL_ERR_UNKNOWN};
    CHECK_STATUS(antpool_completions_submit(completions, pool, work, submit_again, &job),
                 ANTPOOL_OK);
    while (antpool_completions_wait(completions, ANTPOOL_WAIT_FOREVER) == ANTPOOL_OK)
        CHECK_EQ(antpool_completions_dispatch(completions, 0), 1);
    CHECK_EQ(delivered, 101);
    CHECK(!is_readable(0));
    end(pool);
}

static void dispatch_inside(void *arg, antpool_status_t status)
{
    done(arg, status);
    CHECK_EQ(antpool_completions_dispatch(completions, 0), 1);
}

SPEC(what_is_done_may_dispatch_and_keeps_the_order)
{
    antpool_t *pool = pool_and_completions(1, ANTPOOL_ORDERED);
    job_t jobs[3] = {{0, 0, 0, ANTPOOL_OK}, {1, 0, 0, ANTPOOL_OK}, {2, 0, 0, ANTPOOL_OK}};
    submit(pool, work, &jobs[0]);
    CHECK_STATUS(antpool_completions_submit(completions, pool, work, dispatch_inside, &jobs[1]),
                 ANTPOOL_OK);
    submit(pool, work, &jobs[2]);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(antpool_completions_dispatch(completions, 0), 2);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(order[i], i);
    CHECK(!is_readable(0));
    end(pool);
}

SPEC(completions_are_destroyed_when_everything_is_dispatched)
{
    antpool_t *pool = pool_and_completions(1, 0);
    job_t job = {1, 0, 0, ANTPOOL_ERR_UNKNOWN};
    submit(pool, work_at_gate, &job);
    CHECK_STATUS(antpool_completions_destroy(completions), ANTPOOL_ERR_BUSY);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_completions_destroy(completions), ANTPOOL_ERR_BUSY);
    CHECK_EQ(antpool_completions_dispatch(completions, 0), 1);
    end(pool);
}

SPEC(completions_may_be_destroyed_as_soon_as_the_last_result_is_dispatched)
{
    antpool_t *pool = pool_and_completions(2, 0);
    for (size_t i = 0; i < spec_rounds(5000); i++) {
        job_t job = {1, 0, 0, ANTPOOL_ERR_UNKNOWN};
        submit(pool, work, &job);
        while (antpool_completions_dispatch(completions, 0) == 0)
            if (i % 2 == 0)
                CHECK_STATUS(antpool_completions_wait(completions, ANTPOOL_WAIT_FOREVER),
                             ANTPOOL_OK);
        CHECK_STATUS(antpool_completions_destroy(completions), ANTPOOL_OK);
        CHECK_STATUS(antpool_completions_new(0, &completions), ANTPOOL_OK);
    }
    end(pool);
}

SPEC(results_outlive_their_pool)
{
    antpool_t *pool = pool_and_completions(1, 0);
    job_t job = {1, 0, 0, ANTPOOL_ERR_UNKNOWN};
    submit(pool, work, &job);
    spec_destroy(pool);
    CHECK_STATUS(antpool_completions_wait(completions, 0), ANTPOOL_OK);
    CHECK_EQ(antpool_completions_dispatch(completions, 0), 1);
    CHECK_STATUS(antpool_completions_destroy(completions), ANTPOOL_OK);
}

SPEC(a_release_and_a_reboot_leave_the_results_as_they_are)
{
    antpool_t *pool = pool_and_completions(1, ANTPOOL_ORDERED);
    job_t jobs[2] = {{0, 0, 0, ANTPOOL_ERR_UNKNOWN}, {1, 0, 0, ANTPOOL_ERR_UNKNOWN}};
    submit(pool, work_at_gate, &jobs[0]);
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    submit(pool, work, &jobs[1]);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(antpool_completions_dispatch(completions, 0), 2);
    end(pool);
}

/* An event loop that is itself a fiber: it waits for the descriptor as for any other. */
static void loop_in_a_task(void *arg)
{
    antpool_t *pool = (antpool_t *)arg;
    job_t jobs[10];
    dispatcher = pthread_self();
    for (int i = 0; i < 10; i++) {
        const job_t job = {i, 0, 0, ANTPOOL_ERR_UNKNOWN};
        jobs[i] = job;
        submit(pool, work, &jobs[i]);
    }
    size_t got = 0;
    while (got < 10) {
        if (got % 2 == 0)
            CHECK_STATUS(antpool_wait_fd(antpool_completions_fd(completions), ANTPOOL_READABLE,
                                         ANTPOOL_WAIT_FOREVER, NULL),
                         ANTPOOL_OK);
        else
            CHECK_STATUS(antpool_completions_wait(completions, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
        got += antpool_completions_dispatch(completions, 1);
    }
    CHECK_STATUS(antpool_completions_wait(completions, 0), ANTPOOL_ERR_CLOSED);
}

SPEC(a_task_may_be_the_loop)
{
    antpool_options_t options = spec_options();
    options.carriers = 1;
    options.queue_capacity = 16;
    antpool_t *pool = spec_pool(2, &options);
    CHECK_STATUS(antpool_completions_new(0, &completions), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit(pool, loop_in_a_task, pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_EQ(delivered, 10);
    end(pool);
}

SPEC(a_refused_descriptor_is_an_error_and_leaves_nothing)
{
    struct rlimit limit, none;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    antpool_completions_t *refused = NULL;
    CHECK_STATUS(antpool_completions_new(0, &refused), ANTPOOL_ERR_NO_MEMORY);
    CHECK(refused == NULL);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    const long before = spec_entries("/proc/self/fd");
    CHECK_STATUS(antpool_completions_new(0, &completions), ANTPOOL_OK);
    CHECK_EQ(spec_entries("/proc/self/fd"), before + 1);
    CHECK_STATUS(antpool_completions_destroy(completions), ANTPOOL_OK);
    CHECK_EQ(spec_entries("/proc/self/fd"), before);
}

static void answer_in_child(void *arg)
{
    antpool_t *pool = (antpool_t *)arg;
    job_t job = {1, 0, 0, ANTPOOL_ERR_UNKNOWN};
    CHECK_STATUS(antpool_completions_submit(completions, pool, work, done, &job),
                 ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_try_completions_submit(completions, pool, work, done, &job),
                 ANTPOOL_ERR_FORKED);
    CHECK_STATUS(antpool_completions_submit_timeout(completions, pool, work, done, &job, 0),
                 ANTPOOL_ERR_FORKED);
    CHECK_EQ(antpool_completions_fd(completions), -1);
    CHECK_EQ(antpool_completions_dispatch(completions, 0), 0);
    CHECK_STATUS(antpool_completions_wait(completions, 0), ANTPOOL_ERR_FORKED);
    const long before = spec_entries("/proc/self/fd");
    CHECK_STATUS(antpool_completions_destroy(completions), ANTPOOL_OK);
    CHECK_EQ(spec_entries("/proc/self/fd"), before - 1);
}

static void use_new_completions(void *arg)
{
    antpool_t *pool = (antpool_t *)arg;
    job_t job = {1, 0, 0, ANTPOOL_ERR_UNKNOWN};
    CHECK_STATUS(antpool_reboot(pool), ANTPOOL_OK);
    dispatcher = pthread_self();
    CHECK_STATUS(antpool_completions_new(0, &completions), ANTPOOL_OK);
    submit(pool, work, &job);
    CHECK_STATUS(antpool_completions_wait(completions, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_EQ(antpool_completions_dispatch(completions, 0), 1);
    end(pool);
}

/* What a child does while one result is there and another is not. */
static void fork_beside_results(child_fn in_child)
{
    antpool_t *pool = pool_and_completions(2, 0);
    job_t first = {1, 0, 0, ANTPOOL_ERR_UNKNOWN}, second = {2, 0, 0, ANTPOOL_ERR_UNKNOWN};
    submit(pool, work, &first);
    CHECK_STATUS(antpool_completions_wait(completions, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    submit(pool, work_at_gate, &second);
    count_wait(&gate.arrived, 1);
    char text[4096];
    const int status = child_run(in_child, pool, text, sizeof text);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        spec_fail(__FILE__, __LINE__, "%s", text);
    CHECK(is_readable(0));
    CHECK_EQ(antpool_completions_dispatch(completions, 0), 1);
    gate_open(&gate);
    CHECK_STATUS(antpool_completions_wait(completions, ANTPOOL_WAIT_FOREVER), ANTPOOL_OK);
    CHECK_EQ(antpool_completions_dispatch(completions, 0), 1);
    end(pool);
}

SPEC(in_a_forked_child_completions_say_so)
{
    fork_beside_results(answer_in_child);
}

SPEC(a_forked_child_has_completions_of_its_own)
{
    child_starts_threads();
    fork_beside_results(use_new_completions);
}

/* Several threads submit, and several dispatch: each result is delivered once, on one of them. */
enum { JOBS = 4000, THREADS = 3 };
static job_t many[THREADS][JOBS];
static size_t rounds;

static void done_anywhere(void *arg, antpool_status_t status)
{
    job_t *job = (job_t *)arg;
    CHECK_STATUS(status, job->number % 100 == 0 ? ANTPOOL_ERR_TASK_FAILED : ANTPOOL_OK);
    CHECK_EQ(__atomic_fetch_add(&job->done, 1, __ATOMIC_RELAXED), 0);
}

typedef struct crowd_t {
    antpool_t *pool;
    job_t *jobs;
    size_t dispatched;
} crowd_t;

static void *submit_and_dispatch(void *arg)
{
    crowd_t *crowd = (crowd_t *)arg;
    for (size_t i = 0; i < rounds; i++) {
        job_t *job = &crowd->jobs[i];
        job->number = (int)i;
        CHECK_STATUS(antpool_completions_submit(completions, crowd->pool,
                                                i % 100 == 0 ? fail : work, done_anywhere, job),
                     ANTPOOL_OK);
        if (i % 3 == 0)
            crowd->dispatched += antpool_completions_dispatch(completions, i % 5);
    }
    while (antpool_completions_wait(completions, ANTPOOL_WAIT_FOREVER) == ANTPOOL_OK)
        crowd->dispatched += antpool_completions_dispatch(completions, 0);
    return NULL;
}

static void crowd(uint32_t flags)
{
    antpool_t *pool = pool_and_completions(2, flags);
    rounds = spec_rounds(JOBS);
    pthread_t threads[THREADS];
    crowd_t crowds[THREADS];
    for (int i = 0; i < THREADS; i++) {
        const crowd_t one = {pool, many[i], 0};
        crowds[i] = one;
        threads[i] = spec_thread(submit_and_dispatch, &crowds[i]);
    }
    size_t dispatched = 0;
    for (int i = 0; i < THREADS; i++) {
        spec_join(threads[i]);
        dispatched += crowds[i].dispatched;
    }
    /* One that has found nothing outstanding may have left while others still submitted. */
    CHECK_EQ(dispatched, THREADS * rounds);
    for (int i = 0; i < THREADS; i++)
        for (size_t j = 0; j < rounds; j++)
            CHECK_EQ(many[i][j].done, 1);
    CHECK(!is_readable(0));
    end(pool);
}

SPEC(many_threads_submit_and_dispatch)
{
    crowd(0);
}

SPEC(many_threads_submit_and_dispatch_in_order)
{
    crowd(ANTPOOL_ORDERED);
}

SPEC_MAIN()
