/* What antpool_dump() says of a pool in each of its states. */
#include "spec.h"

#include "child.h"

/* The text, which is short enough for a pipe. */
static const char *dump_of(const antpool_t *pool)
{
    static char text[32768];
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    CHECK_STATUS(antpool_dump(pool, ends[1]), ANTPOOL_OK);
    close(ends[1]);
    size_t length = 0;
    for (ssize_t got; (got = read(ends[0], text + length, sizeof text - 1 - length)) > 0;)
        length += (size_t)got;
    close(ends[0]);
    text[length] = '\0';
    return text;
}

#define SAYS(text, part)                                                        \
    do {                                                                        \
        if (strstr((text), (part)) == NULL)                                     \
            spec_fail(__FILE__, __LINE__, "no \"%s\" in:\n%s", (part), (text)); \
    } while (0)

static antpool_t *named(int64_t capacity, size_t queue_capacity)
{
    antpool_options_t options = spec_options();
    options.name = "kitchen";
    options.queue_capacity = queue_capacity;
    options.carriers = 2;
    return spec_pool(capacity, &options);
}

/* Has a name that the program exports. */
ANTPOOL_API void stirs_the_soup(void *arg);
void stirs_the_soup(void *arg)
{
    gate_task(arg);
}

SPEC(an_empty_pool_is_open_and_has_nobody)
{
    antpool_t *pool = named(3, 5);
    const char *text = dump_of(pool);
    SAYS(text, spec_on_fibers() ? "pool \"kitchen\" open, fibers, capacity 3, queue 5\n"
                                : "pool \"kitchen\" open, threads, capacity 3, queue 5\n");
    SAYS(text, "  workers: 0 running, 0 busy, 0 idle\n");
    SAYS(text, "  tasks: 0 submitted, 0 unfinished, 0 queued\n");
    SAYS(text, "  callers: 0 wait to submit\n");
    SAYS(text, "  waits: 0 for all tasks, 0 for the last worker\n");
    spec_destroy(pool);
    pool = spec_pool(ANTPOOL_UNLIMITED, NULL);
    SAYS(dump_of(pool), "capacity unlimited, queue 0\n");
    spec_destroy(pool);
}

SPEC(a_busy_pool_shows_its_tasks_and_those_that_wait)
{
    antpool_t *pool = named(2, 3);
    gate_t gate = GATE_INIT;
    for (int i = 0; i < 4; i++)
        CHECK_STATUS(antpool_submit(pool, stirs_the_soup, &gate), ANTPOOL_OK);
    count_wait(&gate.arrived, 2);
    const char *text = dump_of(pool);
    SAYS(text, "  workers: 2 running, 2 busy, 0 idle\n");
    SAYS(text, "  tasks: 4 submitted, 4 unfinished, 2 queued\n");
    if (spec_on_fibers())
        SAYS(text, "  fibers: 2 with a task, 0 without\n");
    gate_open(&gate);
    spec_destroy(pool);
}

/* Keeps its thread, also on fibers. */
static void holds_its_thread(void *arg)
{
    gate_t *gate = (gate_t *)arg;
    count_add(&gate->arrived, 1);
    while (!gate_take(gate))
        usleep(1000);
}

SPEC(a_worker_that_is_stuck_is_shown_with_its_function_and_since_when)
{
    antpool_t *pool = named(1, 0);
    gate_t gate = GATE_INIT;
    CHECK_STATUS(antpool_submit(pool, holds_its_thread, &gate), ANTPOOL_OK);
    count_wait(&gate.arrived, 1);
    usleep(300 * 1000);
    const char *text = dump_of(pool);
    const char *line = strstr(text, spec_on_fibers() ? "  carrier 0: runs " : "  worker 0: runs ");
    if (line == NULL)
        spec_fail(__FILE__, __LINE__, "nobody runs it:\n%s", text);
    const char *since = strstr(line, " for ");
    CHECK(since != NULL && strchr(line, '+') != NULL);
    const double seconds = strtod(since + 5, NULL);
    if (seconds < 0.25 || seconds > 60)
        spec_fail(__FILE__, __LINE__, "it has run for 0.3 s:\n%s", text);
    gate_open(&gate);
    spec_destroy(pool);
}

SPEC(a_worker_that_has_nothing_to_do_is_parked)
{
    antpool_options_t options = spec_options();
    options.disable_purge = true;
    antpool_t *pool = spec_pool(1, &options);
    CHECK_STATUS(antpool_submit(pool, nothing, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    EVENTUALLY(strstr(dump_of(pool), "0 searching, 1 parked\n") != NULL);
    SAYS(dump_of(pool), "  workers: 1 running, 0 busy, 1 idle\n");
    spec_destroy(pool);
}

static void *submit_one(void *arg)
{
    CHECK_STATUS(antpool_submit((antpool_t *)arg, nothing, NULL), ANTPOOL_OK);
    return NULL;
}

static void *wait_for_all(void *arg)
{
    CHECK_STATUS(antpool_wait((antpool_t *)arg), ANTPOOL_OK);
    return NULL;
}

SPEC(callers_that_wait_are_counted_by_what_they_wait_for)
{
    antpool_t *pool = named(1, 0);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 1);
    pthread_t submitter = spec_thread(submit_one, pool);
    EVENTUALLY(strstr(dump_of(pool), "  callers: 1 wait to submit\n") != NULL);
    pthread_t waiter = spec_thread(wait_for_all, pool);
    EVENTUALLY(strstr(dump_of(pool), "  waits: 1 for all tasks, 0 for the last worker\n") != NULL);
    gate_open(&gate);
    spec_join(submitter);
    spec_join(waiter);
    spec_destroy(pool);
}

SPEC(a_paused_pool_and_a_closed_one_say_so)
{
    antpool_t *pool = named(1, 0);
    gate_t gate = GATE_INIT;
    spec_hold(pool, &gate, 1);
    CHECK_STATUS(antpool_pause(pool), ANTPOOL_OK);
    SAYS(dump_of(pool), "pool \"kitchen\" paused, ");
    CHECK_STATUS(antpool_release(pool), ANTPOOL_OK);
    SAYS(dump_of(pool), "pool \"kitchen\" closed, ");
    gate_open(&gate);
    spec_destroy(pool);
}

static void dump_in_child(void *arg)
{
    SAYS(dump_of((antpool_t *)arg), "pool \"kitchen\" belongs to the parent of this process\n");
}

SPEC(in_a_forked_child_the_pool_is_the_parents)
{
    antpool_t *pool = named(1, 0);
    char said[4096];
    CHECK_STATUS(antpool_submit(pool, nothing, NULL), ANTPOOL_OK);
    int status = child_run(dump_in_child, pool, said, sizeof said);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        spec_fail(__FILE__, __LINE__, "%s", said);
    spec_destroy(pool);
}

SPEC(what_cannot_be_written_to_is_an_invalid_argument)
{
    antpool_t *pool = named(1, 0);
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    errno = 77;
    CHECK_STATUS(antpool_dump(pool, ends[0]), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_EQ(errno, 77);
    close(ends[0]);
    close(ends[1]);
    CHECK_STATUS(antpool_dump(pool, ends[1]), ANTPOOL_ERR_INVALID_ARGUMENT);
    spec_destroy(pool);
}

static void dump_itself(void *arg)
{
    SAYS(dump_of((antpool_t *)arg), "  workers: 1 running, 1 busy, 0 idle\n");
}

SPEC(a_task_may_look_at_its_own_pool)
{
    antpool_t *pool = named(1, 0);
    CHECK_STATUS(antpool_submit(pool, dump_itself, pool), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    spec_destroy(pool);
}

SPEC_MAIN()
