/* Bytes and events that tasks pass on by descriptors: none is lost, and none comes twice. */
#include "spec.h"

#include "failures.h"
#include "fiber_tools.h"
#include <sys/socket.h>

/* ---- Both directions of one socket ---------------------------------------------------------- */

enum { CHUNK = 1000 };

typedef struct end_t {
    int fd;
    long left;
} end_t;

/* Byte number i of a stream is i % 251. */
static void write_stream(void *arg)
{
    end_t *end = (end_t *)arg;
    unsigned char bytes[CHUNK];
    for (long at = 0; at < end->left;) {
        for (int i = 0; i < CHUNK; i++)
            bytes[i] = (unsigned char)((at + i) % 251);
        long size = end->left - at < CHUNK ? end->left - at : CHUNK;
        ssize_t wrote = write(end->fd, bytes, (size_t)size);
        if (wrote < 0)
            CHECK_STATUS(antpool_wait_fd(end->fd, WRITE, ANTPOOL_WAIT_FOREVER, NULL), ANTPOOL_OK);
        else
            at += wrote;
    }
}

static void read_stream(void *arg)
{
    end_t *end = (end_t *)arg;
    unsigned char bytes[CHUNK];
    for (long at = 0; at < end->left;) {
        ssize_t got = read(end->fd, bytes, CHUNK);
        if (got < 0)
            CHECK_STATUS(antpool_wait_fd(end->fd, READ, ANTPOOL_WAIT_FOREVER, NULL), ANTPOOL_OK);
        for (long i = 0; i < got; i++)
            CHECK_EQ(bytes[i], (at + i) % 251);
        at += got < 0 ? 0 : got;
    }
}

SPEC(one_task_reads_while_another_writes_the_same_socket)
{
    const long size = (long)spec_rounds(5000000);
    for (size_t carriers = 1; carriers <= 2; carriers++) {
        int ends[2];
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
        end_t here = {ends[0], size}, there = {ends[1], size};
        antpool_t *pool = fiber_pool(4, carriers);
        CHECK_STATUS(antpool_submit(pool, read_stream, &here), ANTPOOL_OK);
        CHECK_STATUS(antpool_submit(pool, read_stream, &there), ANTPOOL_OK);
        CHECK_STATUS(antpool_submit(pool, write_stream, &here), ANTPOOL_OK);
        CHECK_STATUS(antpool_submit(pool, write_stream, &there), ANTPOOL_OK);
        finish(pool);
        CHECK_EQ(close(ends[0]), 0);
        CHECK_EQ(close(ends[1]), 0);
    }
}

/* ---- Events ---------------------------------------------------------------------------------- */

static void answer_each(void *arg)
{
    const int *ends = (const int *)arg;
    for (uint64_t at = 0; at < spec_rounds(5000); at++) {
        eventfd_t count;
        CHECK_STATUS(antpool_wait_fd(ends[0], READ, ANTPOOL_WAIT_FOREVER, NULL), ANTPOOL_OK);
        CHECK_EQ(eventfd_read(ends[0], &count), 0);
        CHECK_EQ(eventfd_write(ends[1], 1), 0);
    }
}

SPEC(no_event_is_lost_between_a_task_and_a_thread)
{
    int ends[] = {new_eventfd(), new_eventfd()}, back[] = {ends[1], ends[0]};
    antpool_t *pool = fiber_pool(1, 1);
    CHECK_STATUS(antpool_submit(pool, answer_each, ends), ANTPOOL_OK);
    CHECK_EQ(eventfd_write(ends[0], 1), 0);
    answer_each(back);
    finish(pool);
    CHECK_EQ(close(ends[0]), 0);
    CHECK_EQ(close(ends[1]), 0);
}

static void race_the_deadline(void *arg)
{
    const int fd = *(const int *)arg;
    for (size_t round = spec_rounds(500); round > 0; round--) {
        eventfd_t count;
        antpool_status_t status = antpool_wait_fd(fd, READ, round % 3, NULL);
        if (status != ANTPOOL_OK) {
            CHECK_STATUS(status, ANTPOOL_ERR_TIMED_OUT);
            CHECK_STATUS(antpool_wait_fd(fd, READ, ANTPOOL_WAIT_FOREVER, NULL), ANTPOOL_OK);
        }
        CHECK_EQ(eventfd_read(fd, &count), 0);
    }
    CHECK_EQ(close(fd), 0);
    *(int *)arg = -1;
}

SPEC_FIBERS(an_event_that_comes_with_the_deadline_is_neither_lost_nor_told_twice)
{
    int fd = new_eventfd(), same = dup(fd);
    antpool_t *pool = fiber_pool(2, 1);
    CHECK_STATUS(antpool_submit(pool, race_the_deadline, &fd), ANTPOOL_OK);
    while (antpool_busy(pool) > 0) {
        CHECK_EQ(eventfd_write(same, 1), 0);
        antpool_sleep_us(700);
    }
    finish(pool);
    CHECK_EQ(close(same), 0);
}

SPEC_MAIN()
