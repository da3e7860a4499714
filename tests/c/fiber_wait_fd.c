/* What antpool_wait_fd() returns for each kind of descriptor, in tasks and outside any pool. */
#include "spec.h"

#include "failures.h"
#include "fiber_tools.h"
#include <arpa/inet.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>

enum { BOTH = READ | WRITE, UNTOUCHED = 77 };

/* Runs the body where the sentence is about, and outside any pool. */
static void everywhere(antpool_task_fn body)
{
    antpool_t *pool = fiber_pool(1, 1);
    run_task(pool, body, NULL);
    CHECK_EQ(stats_of(pool).panicked, 0);
    spec_destroy(pool);
    body(NULL);
}

/* What it says it is ready for, when it is ready. */
static uint32_t ready(int fd, uint32_t events)
{
    uint32_t found = UNTOUCHED;
    CHECK_STATUS(antpool_wait_fd(fd, events, ANTPOOL_WAIT_FOREVER, &found), ANTPOOL_OK);
    uint32_t at_once = UNTOUCHED;
    CHECK_STATUS(antpool_wait_fd(fd, events, 0, &at_once), ANTPOOL_OK);
    CHECK_EQ(found, at_once);
    CHECK_STATUS(antpool_wait_fd(fd, events, 0, NULL), ANTPOOL_OK);
    return found;
}

static void check_not_ready(int fd, uint32_t events)
{
    uint32_t found = UNTOUCHED;
    CHECK_STATUS(antpool_wait_fd(fd, events, 0, &found), ANTPOOL_ERR_TIMED_OUT);
    CHECK_STATUS(antpool_wait_fd(fd, events, 3, &found), ANTPOOL_ERR_TIMED_OUT);
    CHECK_EQ(found, UNTOUCHED);
}

static void put(int fd)
{
    CHECK_EQ(write(fd, "x", 1), 1);
}

static void get(int fd)
{
    char byte;
    CHECK_EQ(read(fd, &byte, 1), 1);
}

/* Writes until there is no room. */
static void fill(int fd)
{
    static const char bytes[4096];
    const int flags = fcntl(fd, F_GETFL);
    CHECK_EQ(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
    while (write(fd, bytes, sizeof bytes) > 0)
        continue;
    while (write(fd, bytes, 1) > 0)
        continue;
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(fcntl(fd, F_SETFL, flags), 0);
}

static void drain(int fd)
{
    char bytes[4096];
    const int flags = fcntl(fd, F_GETFL);
    CHECK_EQ(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
    while (read(fd, bytes, sizeof bytes) > 0)
        continue;
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(fcntl(fd, F_SETFL, flags), 0);
}

static void close_two(const int *ends)
{
    CHECK_EQ(close(ends[0]), 0);
    CHECK_EQ(close(ends[1]), 0);
}

/* ---- Kinds of descriptors ------------------------------------------------------------------- */

static void look_at_pipe(void *unused)
{
    (void)unused;
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    check_not_ready(ends[0], READ);
    check_not_ready(ends[0], BOTH);
    CHECK_EQ(ready(ends[1], WRITE), WRITE);
    CHECK_EQ(ready(ends[1], BOTH), WRITE);
    put(ends[1]);
    CHECK_EQ(ready(ends[0], READ), READ);
    get(ends[0]);
    check_not_ready(ends[0], READ);
    fill(ends[1]);
    check_not_ready(ends[1], WRITE);
    drain(ends[0]);
    CHECK_EQ(ready(ends[1], WRITE), WRITE);
    close_two(ends);
}

SPEC(a_pipe_is_readable_when_it_has_bytes_and_writable_when_it_has_room)
{
    everywhere(look_at_pipe);
}

static void look_at_socket(void *unused)
{
    (void)unused;
    int ends[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    CHECK_EQ(ready(ends[0], BOTH), WRITE);
    check_not_ready(ends[0], READ);
    put(ends[1]);
    CHECK_EQ(ready(ends[0], BOTH), BOTH);
    CHECK_EQ(ready(ends[0], READ), READ);
    CHECK_EQ(ready(ends[0], WRITE), WRITE);
    fill(ends[0]);
    check_not_ready(ends[0], WRITE);
    CHECK_EQ(ready(ends[0], BOTH), READ);
    close_two(ends);
}

SPEC(a_socket_is_asked_for_either_or_both)
{
    everywhere(look_at_socket);
}

static void look_at_eventfd(void *unused)
{
    (void)unused;
    int fd = new_eventfd();
    CHECK_EQ(ready(fd, BOTH), WRITE);
    check_not_ready(fd, READ);
    CHECK_EQ(eventfd_write(fd, UINT64_MAX - 1), 0);
    CHECK_EQ(ready(fd, BOTH), READ);
    check_not_ready(fd, WRITE);
    CHECK_EQ(close(fd), 0);
}

SPEC(an_eventfd_is_ready_by_its_count)
{
    everywhere(look_at_eventfd);
}

static void look_at_timerfd(void *unused)
{
    (void)unused;
    const struct itimerspec in_20_ms = {{0, 0}, {0, 20 * (long)MS}};
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    CHECK_GE(fd, 0);
    check_not_ready(fd, READ);
    uint64_t before = spec_now();
    CHECK_EQ(timerfd_settime(fd, 0, &in_20_ms, NULL), 0);
    CHECK_EQ(ready(fd, READ), READ);
    CHECK_GE(spec_now() - before, 20 * MS);
    CHECK_EQ(close(fd), 0);
}

SPEC(a_timerfd_is_readable_when_it_has_expired)
{
    everywhere(look_at_timerfd);
}

static void look_at_files(void *unused)
{
    (void)unused;
    static const char *const paths[] = {"/proc/self/exe", "/dev/null", "/"};
    for (int i = 0; i < 3; i++) {
        int fd = open(paths[i], O_RDONLY);
        CHECK_GE(fd, 0);
        CHECK_EQ(ready(fd, READ), READ);
        CHECK_EQ(ready(fd, WRITE), WRITE);
        CHECK_EQ(ready(fd, BOTH), BOTH);
        CHECK_EQ(close(fd), 0);
    }
}

SPEC(what_cannot_be_waited_for_is_always_ready)
{
    everywhere(look_at_files);
}

/* ---- Ends and errors ------------------------------------------------------------------------ */

static void look_at_ends(void *unused)
{
    (void)unused;
    char byte;
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(close(ends[1]), 0);
    CHECK_EQ(ready(ends[0], READ), READ);
    CHECK_EQ(read(ends[0], &byte, 1), 0);
    CHECK_EQ(close(ends[0]), 0);

    CHECK_EQ(pipe(ends), 0);
    fill(ends[1]);
    CHECK_EQ(close(ends[0]), 0);
    CHECK_EQ(ready(ends[1], WRITE), WRITE);
    CHECK_EQ(close(ends[1]), 0);

    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    CHECK_EQ(shutdown(ends[1], SHUT_WR), 0);
    CHECK_EQ(ready(ends[0], READ), READ);
    fill(ends[0]);
    check_not_ready(ends[0], WRITE);
    CHECK_EQ(close(ends[1]), 0);
    CHECK_EQ(ready(ends[0], BOTH), BOTH);
    CHECK_EQ(close(ends[0]), 0);
}

SPEC(an_end_of_file_and_a_peer_that_has_gone_count_as_ready)
{
    everywhere(look_at_ends);
}

static void connect_to_nobody(void *unused)
{
    (void)unused;
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct sockaddr *any = (struct sockaddr *)&address;
    socklen_t size = sizeof address, int_size = sizeof(int);
    int taken = socket(AF_INET, SOCK_STREAM, 0); /* Bound, and nobody listens there. */
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_EQ(bind(taken, any, size), 0);
    CHECK_EQ(getsockname(taken, any, &size), 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int outcome = connect(fd, any, size), reason = errno;
    if (outcome != 0 && reason == EINPROGRESS) {
        CHECK_EQ(ready(fd, WRITE), WRITE);
        CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_ERROR, &reason, &int_size), 0);
    }
    CHECK_EQ(reason, ECONNREFUSED);
    CHECK_EQ(close(fd), 0);
    CHECK_EQ(close(taken), 0);
}

SPEC(an_error_on_the_descriptor_counts_as_ready)
{
    everywhere(connect_to_nobody);
}

static void ask_wrongly(void *unused)
{
    (void)unused;
    uint32_t found = UNTOUCHED;
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    put(ends[1]);
    static const uint32_t no_events[] = {0, 4, 7, UINT32_MAX};
    for (int i = 0; i < 4; i++)
        CHECK_STATUS(antpool_wait_fd(ends[0], no_events[i], 0, &found),
                     ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_EQ(close(ends[0]), 0);
    struct rlimit limit;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    /* Descriptors beyond the limit are where valgrind keeps its own. */
    const int beyond = spec_under_valgrind() ? INT_MAX - 1 : (int)limit.rlim_cur;
    const int not_open[] = {-1, INT_MIN, ends[0], beyond, INT_MAX};
    static const uint64_t timeouts[] = {0, 3, ANTPOOL_WAIT_FOREVER};
    for (int i = 0; i < 15; i++)
        CHECK_STATUS(antpool_wait_fd(not_open[i % 5], BOTH, timeouts[i / 5], &found),
                     ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_EQ(found, UNTOUCHED);
    CHECK_EQ(close(ends[1]), 0);
}

SPEC(what_is_not_open_and_what_is_no_event_is_an_invalid_argument)
{
    everywhere(ask_wrongly);
}

/* ---- Deadlines ------------------------------------------------------------------------------ */

static void wait_in_vain(void *unused)
{
    (void)unused;
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    for (uint64_t ms = 0; ms < 40; ms = 2 * ms + 1) {
        uint64_t before = spec_now();
        CHECK_STATUS(antpool_wait_fd(ends[0], READ, ms, NULL), ANTPOOL_ERR_TIMED_OUT);
        CHECK_GE(spec_now() - before, ms * MS);
    }
    close_two(ends);
}

SPEC(no_wait_times_out_early)
{
    everywhere(wait_in_vain);
}

static void ignore(int signal)
{
    (void)signal;
}

SPEC(signals_do_not_end_a_wait_early)
{
    const struct itimerval each_ms = {{0, 1000}, {0, 1000}};
    struct sigaction action = {.sa_handler = ignore};
    CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
    CHECK_EQ(setitimer(ITIMER_REAL, &each_ms, NULL), 0);
    everywhere(wait_in_vain);
}

static void wait_as_it_was(void *unused)
{
    (void)unused;
    for (int flags = 0; flags <= O_NONBLOCK; flags += O_NONBLOCK) {
        int ends[2];
        CHECK_EQ(pipe2(ends, flags), 0);
        check_not_ready(ends[0], READ);
        CHECK_EQ(ready(ends[1], WRITE), WRITE);
        CHECK_EQ(fcntl(ends[0], F_GETFL) & O_NONBLOCK, flags);
        CHECK_EQ(fcntl(ends[1], F_GETFL) & O_NONBLOCK, flags);
        close_two(ends);
    }
}

SPEC(a_wait_does_not_change_the_descriptor)
{
    everywhere(wait_as_it_was);
}

/* ---- Told apart ------------------------------------------------------------------------------- */

static struct {
    int fd;
    count_t waiting;
    antpool_status_t reader, writer;
} apart = {0, COUNT_INIT, ANTPOOL_ERR_UNSUPPORTED, ANTPOOL_ERR_UNSUPPORTED};

static void read_apart(void *unused)
{
    (void)unused;
    count_add(&apart.waiting, 1);
    apart.reader = antpool_wait_fd(apart.fd, READ, ANTPOOL_WAIT_FOREVER, NULL);
}

static void write_apart(void *unused)
{
    (void)unused;
    count_add(&apart.waiting, 1);
    apart.writer = antpool_wait_fd(apart.fd, WRITE, ANTPOOL_WAIT_FOREVER, NULL);
}

/* The socket is closed, but for a duplicate, and its number is given to another, while two wait. */
SPEC_FIBERS(a_waiter_is_not_told_of_the_descriptor_that_has_the_number_now)
{
    int first[2], second[2];
    const char zeros[4096] = {0};
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, first), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, second), 0);
    apart.fd = first[0];
    while (send(apart.fd, zeros, sizeof zeros, MSG_DONTWAIT) > 0)
        continue;
    CHECK_GE(dup(apart.fd), 0);
    antpool_t *pool = fiber_pool(4, 1);
    CHECK_STATUS(antpool_submit(pool, read_apart, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_submit(pool, write_apart, NULL), ANTPOOL_OK);
    count_wait(&apart.waiting, 2);
    count_t free = COUNT_INIT;
    CHECK_STATUS(antpool_submit(pool, count_task, &free), ANTPOOL_OK);
    count_wait(&free, 1); /* The only carrier is free: both wait. */
    CHECK_EQ(dup2(second[0], apart.fd), apart.fd);
    put(first[1]);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    CHECK_STATUS(apart.reader, ANTPOOL_OK);
    CHECK_STATUS(apart.writer, ANTPOOL_ERR_INVALID_ARGUMENT);
    spec_destroy(pool);
}

/* ---- No further descriptors ------------------------------------------------------------------- */

static int last_ends[2];

static void *put_later(void *unused)
{
    spec_sleep_ms(20);
    put(last_ends[1]);
    return unused;
}

/* A fiber that has to wait needs descriptors of the library's own. */
static void find_ready_ones(void *unused)
{
    (void)unused;
    put(last_ends[1]);
    CHECK_EQ(ready(last_ends[0], READ), READ);
    get(last_ends[0]);
    uint32_t found = UNTOUCHED;
    CHECK_STATUS(antpool_wait_fd(last_ends[0], READ, 3, &found), ANTPOOL_ERR_NO_MEMORY);
    CHECK_EQ(found, UNTOUCHED);
}

static void wait_without_descriptors_of_our_own(void)
{
    check_not_ready(last_ends[0], READ);
    CHECK_EQ(ready(last_ends[1], WRITE), WRITE);
    put(last_ends[1]);
    CHECK_EQ(ready(last_ends[0], READ), READ);
    get(last_ends[0]);
    pthread_t thread = spec_thread(put_later, NULL);
    CHECK_EQ(ready(last_ends[0], READ), READ);
    spec_join(thread);
    get(last_ends[0]);
    uint32_t found = UNTOUCHED;
    CHECK_STATUS(antpool_wait_fd(INT_MAX, READ, 0, &found), ANTPOOL_ERR_INVALID_ARGUMENT);
    CHECK_EQ(found, UNTOUCHED);
}

/* As a process has it in a sandbox that it has entered when it had opened all it needs. */
SPEC_FIBERS(descriptors_are_waited_for_where_none_may_be_opened)
{
    struct rlimit before;
    CHECK_EQ(pipe(last_ends), 0);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit none = {0, before.rlim_max};
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    wait_without_descriptors_of_our_own();
    antpool_t *pool = fiber_pool(1, 1);
    run_task(pool, find_ready_ones, NULL);
    spec_destroy(pool);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0); /* What looks for leaks opens files. */
}

SPEC_MAIN()
