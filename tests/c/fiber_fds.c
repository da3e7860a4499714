/* Waiting for descriptors: many tasks at a time, for one or for many, and while they are closed. */
#include "spec.h"

#include "failures.h"
#include "fiber_tools.h"
#include <sys/socket.h>

/* One wait in a task, and what came of it. */
typedef struct waiter_t {
    int fd;
    uint32_t events;
    uint64_t timeout_ms;
    long *begun;
    long *ended;
    antpool_status_t status;
    uint32_t found;
    uint64_t took;
} waiter_t;

static void wait_in_task(void *arg)
{
    waiter_t *waiter = (waiter_t *)arg;
    tally_add(waiter->begun, 1);
    uint64_t before = spec_now();
    waiter->status =
        antpool_wait_fd(waiter->fd, waiter->events, waiter->timeout_ms, &waiter->found);
    waiter->took = spec_now() - before;
    tally_add(waiter->ended, 1);
}

static waiter_t waiter_for(int fd, uint32_t events, uint64_t timeout_ms)
{
    static long begun, ended;
    waiter_t waiter = {fd, events, timeout_ms, &begun, &ended, ANTPOOL_OK, 0, 0};
    return waiter;
}

/* Submits waiters, and returns when all of them have begun and have had time to wait. */
static void submit_waiters(antpool_t *pool, waiter_t *waiters, long count)
{
    long before = tally_get(waiters->begun);
    SUBMIT_EACH(pool, wait_in_task, waiters, count);
    EVENTUALLY(tally_get(waiters->begun) == before + count);
    spec_sleep_ms(20);
    CHECK_EQ(tally_get(waiters->ended), 0);
}

/* ---- What comes while somebody waits -------------------------------------------------------- */

static void close_it(int fd)
{
    CHECK_EQ(close(fd), 0);
}

static void end_it(int fd)
{
    CHECK_EQ(shutdown(fd, SHUT_WR), 0);
}

static void write_to_it(int fd)
{
    CHECK_EQ(write(fd, "x", 1), 1);
}

SPEC(a_task_that_waits_is_told_of_bytes_of_an_end_and_of_a_peer_that_goes)
{
    void (*const events[])(int) = {write_to_it, end_it, close_it};
    antpool_t *pool = fiber_pool(1, 1);
    for (int i = 0; i < 3; i++) {
        int ends[2];
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        waiter_t waiter = waiter_for(ends[0], READ, ANTPOOL_WAIT_FOREVER);
        submit_waiters(pool, &waiter, 1);
        events[i](ends[1]);
        CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
        CHECK_STATUS(waiter.status, ANTPOOL_OK);
        CHECK_EQ(waiter.found, READ);
        tally_add(waiter.ended, -1);
        CHECK_EQ(close(ends[0]), 0);
        if (events[i] != close_it)
            CHECK_EQ(close(ends[1]), 0);
    }
    spec_destroy(pool);
}

/* ---- Many waiters for one descriptor -------------------------------------------------------- */

enum { SHARERS = 60 };

static void share_a_socket(size_t carriers)
{
    waiter_t readers[SHARERS], writers[SHARERS], late = waiter_for(-1, READ, 30);
    static const char bytes[4096];
    int ends[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    while (write(ends[0], bytes, sizeof bytes) > 0)
        continue;
    antpool_t *pool = fiber_pool(2 * SHARERS + 1, carriers);
    late.fd = ends[0];
    for (int i = 0; i < SHARERS; i++) {
        readers[i] = waiter_for(ends[0], READ, ANTPOOL_WAIT_FOREVER);
        writers[i] = waiter_for(ends[0], WRITE, ANTPOOL_WAIT_FOREVER);
    }
    submit_waiters(pool, readers, SHARERS);
    submit_waiters(pool, writers, SHARERS);
    CHECK_STATUS(antpool_submit(pool, wait_in_task, &late), ANTPOOL_OK);
    EVENTUALLY(tally_get(late.ended) == 1); /* It leaves the others waiting. */
    CHECK_STATUS(late.status, ANTPOOL_ERR_TIMED_OUT);
    CHECK_GE(late.took, 30 * MS);

    CHECK_EQ(write(ends[1], "x", 1), 1);
    EVENTUALLY(tally_get(late.ended) == 1 + SHARERS);
    spec_sleep_ms(20);
    CHECK_EQ(tally_get(late.ended), 1 + SHARERS);
    char drained[4096];
    while (read(ends[1], drained, sizeof drained) > 0)
        continue;
    finish(pool);
    for (int i = 0; i < SHARERS; i++) {
        CHECK_STATUS(readers[i].status, ANTPOOL_OK);
        CHECK_EQ(readers[i].found, READ);
        CHECK_STATUS(writers[i].status, ANTPOOL_OK);
        CHECK_EQ(writers[i].found, WRITE);
    }
    tally_add(late.ended, -1 - 2 * SHARERS);
    CHECK_EQ(close(ends[0]), 0);
    CHECK_EQ(close(ends[1]), 0);
}

SPEC(everybody_who_waits_for_one_descriptor_is_told_of_what_was_asked_for_only)
{
    share_a_socket(1);
    share_a_socket(2);
}

/* ---- Many descriptors ----------------------------------------------------------------------- */

/* Raises the limit of open files as far as it goes, and says how many more may be opened. */
static long room_for_files(long wanted)
{
    struct rlimit limit;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    long room = (long)limit.rlim_cur - 200;
    return room < wanted ? room : wanted;
}

SPEC_FIBERS(ten_thousand_fibers_wait_for_as_many_descriptors)
{
    const long count = room_for_files((long)spec_rounds(10000));
    waiter_t *waiters = zeroed(count, sizeof *waiters);
    antpool_t *pool = fiber_pool(count, 2);
    for (long i = 0; i < count; i++)
        waiters[i] = waiter_for(new_eventfd(), READ, ANTPOOL_WAIT_FOREVER);
    submit_waiters(pool, waiters, count);
    CHECK_EQ(antpool_busy(pool), count);
    for (long i = 0; i < count; i += 2)
        CHECK_EQ(eventfd_write(waiters[i].fd, 1), 0);
    EVENTUALLY(tally_get(waiters->ended) == (count + 1) / 2);
    spec_sleep_ms(20);
    CHECK_EQ(tally_get(waiters->ended), (count + 1) / 2);
    for (long i = 1; i < count; i += 2)
        CHECK_EQ(eventfd_write(waiters[i].fd, 1), 0);
    finish(pool);
    for (long i = 0; i < count; i++) {
        CHECK_STATUS(waiters[i].status, ANTPOOL_OK);
        CHECK_EQ(waiters[i].found, READ);
        CHECK_EQ(close(waiters[i].fd), 0);
    }
    free(waiters);
}

SPEC(a_pool_that_waits_for_descriptors_uses_no_processor_time)
{
    enum { COUNT = 100 };
    waiter_t waiters[COUNT];
    antpool_t *pool = fiber_pool(COUNT, 2);
    for (int i = 0; i < COUNT; i++)
        waiters[i] = waiter_for(new_eventfd(), READ, ANTPOOL_WAIT_FOREVER);
    submit_waiters(pool, waiters, COUNT);
    spec_sleep_ms(100); /* Carriers may look for work for a moment. */
    uint64_t before = cpu_time();
    spec_sleep_ms(500);
    CHECK_LE(cpu_time() - before, 50 * MS);
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ(eventfd_write(waiters[i].fd, 1), 0);
    finish(pool);
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ(close(waiters[i].fd), 0);
}

/* ---- Closed while somebody waits ------------------------------------------------------------ */

SPEC(a_wait_for_a_descriptor_that_is_closed_goes_on_to_its_deadline)
{
    spec_skip_if(SPEC_SANITIZED, "a sanitizer tells of such a close");
    waiter_t waiter = waiter_for(new_eventfd(), READ, 150);
    antpool_t *pool = fiber_pool(1, 1);
    submit_waiters(pool, &waiter, 1);
    CHECK_EQ(close(waiter.fd), 0);
    finish(pool);
    CHECK_GE(waiter.took, 150 * MS);
    if (spec_current_kind == ANTPOOL_WORKER_FIBER)
        CHECK_STATUS(waiter.status, ANTPOOL_ERR_TIMED_OUT);
    else /* The system looks once more at the end, and sees that it is closed. */
        CHECK(waiter.status != ANTPOOL_OK);
}

SPEC_FIBERS(the_next_descriptor_of_the_same_number_is_told_apart_from_one_that_was_closed)
{
    spec_skip_if(SPEC_SANITIZED, "a sanitizer tells of such a close");
    for (int keeps_open = 0; keeps_open < 2; keeps_open++) {
        int first = new_eventfd(), kept = dup(first), next = new_eventfd();
        waiter_t old = waiter_for(first, READ, ANTPOOL_WAIT_FOREVER), new = old;
        antpool_t *pool = fiber_pool(2, 1);
        submit_waiters(pool, &old, 1);
        if (!keeps_open)
            CHECK_EQ(close(kept), 0);
        CHECK_EQ(dup2(next, first), first); /* closes it, and gives its number away */
        CHECK_STATUS(antpool_submit(pool, wait_in_task, &new), ANTPOOL_OK);
        EVENTUALLY(tally_get(old.ended) == 1);
        CHECK_STATUS(old.status, ANTPOOL_ERR_INVALID_ARGUMENT);
        if (keeps_open)
            CHECK_EQ(eventfd_write(kept, 1), 0); /* nobody's business any more */
        spec_sleep_ms(20);
        CHECK_EQ(tally_get(old.ended), 1);
        CHECK_EQ(eventfd_write(next, 1), 0);
        finish(pool);
        CHECK_STATUS(new.status, ANTPOOL_OK);
        CHECK_EQ(new.found, READ);
        tally_add(old.ended, -2);
        CHECK_EQ(close(next), 0);
        CHECK_EQ(close(first), 0);
        if (keeps_open)
            CHECK_EQ(close(kept), 0);
    }
}

/* ---- Beside other work ---------------------------------------------------------------------- */

SPEC(a_carrier_that_waits_for_descriptors_takes_new_tasks_and_wakes_sleepers)
{
    long set = 0;
    waiter_t waiter = waiter_for(new_eventfd(), READ, ANTPOOL_WAIT_FOREVER);
    antpool_t *pool = fiber_pool(3, 1);
    CHECK_STATUS(antpool_submit(pool, stay_until_set, &set), ANTPOOL_OK);
    submit_waiters(pool, &waiter, 1);
    CHECK_STATUS(antpool_submit(pool, tally_task, &set), ANTPOOL_OK);
    EVENTUALLY(antpool_busy(pool) == 1);
    CHECK_EQ(tally_get(waiter.ended), 0);
    CHECK_EQ(eventfd_write(waiter.fd, 1), 0);
    finish(pool);
    CHECK_EQ(close(waiter.fd), 0);
}

SPEC_MAIN()
