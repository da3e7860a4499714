/*
 * A TCP echo server that holds 10,000 connections on two threads, and its 10,000 clients, all in
 * one program on loopback. Each side of each connection is a fiber that reads as straight-line
 * code: where a read or a write would block, antpool_wait_fd suspends that fiber alone.
 *
 * A connection takes two descriptors here. Where the limit of the process does not allow that
 * many, there are fewer connections; -v says on stderr how many there were.
 *
 * Build and run:
 *     cc -Iinclude examples-c/07_echo_server.c target/release/libantpool.a -lpthread -ldl -lm \
 *         -o echo_server
 *     ./echo_server -v
 * Prints:
 *     every connection open at the same time: yes
 *     every message came back as it was sent: yes
 *     every connection closed in the end: yes
 */
#define _GNU_SOURCE

#include <antpool.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 10000
#define CARRIERS 2
#define TURNS 3
#define PATIENCE_MS 60000
#define OTHER_DESCRIPTORS 64 /* stdin and its like, the listener, what the pool itself needs. */

static antpool_t *pool;
static int connections; /* How many clients there are; set before the first one starts. */
static int listener;
static struct sockaddr_in address;

/* Two threads run the fibers, so these are changed atomically. */
static int open_now, open_peak, greeted, echoes, differences;

static void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static void must(antpool_status_t status)
{
    if (status != ANTPOOL_OK) {
        fprintf(stderr, "%s\n", antpool_status_message(status));
        exit(EXIT_FAILURE);
    }
}

/* Whether the call that has just said -1 is to be made again: it only had to wait, and has. */
static bool try_again(int fd, uint32_t event)
{
    if (errno == EINTR)
        return true;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
        return false;
    must(antpool_wait_fd(fd, event, PATIENCE_MS, NULL));
    return true;
}

static size_t read_some(int fd, char *bytes, size_t room)
{
    ssize_t count;
    while ((count = recv(fd, bytes, room, 0)) < 0)
        if (!try_again(fd, ANTPOOL_READABLE))
            fail("recv");
    return (size_t)count;
}

static void write_all(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t written = send(fd, bytes, count, MSG_NOSIGNAL);
        if (written < 0) {
            if (!try_again(fd, ANTPOOL_WRITABLE))
                fail("send");
            continue;
        }
        bytes += written;
        count -= (size_t)written;
    }
}

/* ---- The server: one fiber that accepts, one for each connection. ---- */

static void serve(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char bytes[256];
    size_t count;
    while ((count = read_some(fd, bytes, sizeof bytes)) > 0)
        write_all(fd, bytes, count);
    __atomic_sub_fetch(&open_now, 1, __ATOMIC_RELAXED);
    close(fd);
}

static void accept_all(void *arg)
{
    (void)arg;
    for (int i = 0; i < connections; i++) {
        int fd;
        while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) < 0)
            if (!try_again(listener, ANTPOOL_READABLE))
                fail("accept");
        /* Only this fiber raises the count, so it sees every peak. */
        int open = __atomic_add_fetch(&open_now, 1, __ATOMIC_RELAXED);
        if (open > open_peak)
            open_peak = open;
        must(antpool_submit(pool, serve, (void *)(intptr_t)fd));
    }
}

static void start_listening(void)
{
    socklen_t size = sizeof address;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK); /* Port 0: the system chooses one. */
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0)
        fail("socket");
    if (bind(listener, (struct sockaddr *)&address, size) != 0)
        fail("bind");
    if (listen(listener, SOMAXCONN) != 0)
        fail("listen");
    if (getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        fail("getsockname");
}

/* ---- The clients. ---- */

static int connect_to_server(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fail("socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        if (errno != EINPROGRESS)
            fail("connect");
        /* The socket is writable once the connection stands, or once it is known not to. */
        must(antpool_wait_fd(fd, ANTPOOL_WRITABLE, PATIENCE_MS, NULL));
        int outcome;
        socklen_t size = sizeof outcome;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &outcome, &size) != 0)
            fail("getsockopt");
        errno = outcome;
        if (outcome != 0)
            fail("connect");
    }
    return fd;
}

static void say_and_compare(int fd, int client, int turn)
{
    char said[64], heard[64];
    int size = snprintf(said, sizeof said, "client %d, turn %d\n", client, turn);
    write_all(fd, said, (size_t)size);
    for (size_t have = 0; have < (size_t)size;) {
        size_t more = read_some(fd, heard + have, (size_t)size - have);
        if (more == 0) {
            fprintf(stderr, "the server hung up on client %d\n", client);
            exit(EXIT_FAILURE);
        }
        have += more;
    }
    if (memcmp(said, heard, (size_t)size) != 0)
        __atomic_add_fetch(&differences, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&echoes, 1, __ATOMIC_RELAXED);
}

static void client(void *arg)
{
    int number = (int)(intptr_t)arg;
    int fd = connect_to_server();
    say_and_compare(fd, number, 1);

    /* Nobody goes on before everybody has been answered: all connections are open then. */
    __atomic_add_fetch(&greeted, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&greeted, __ATOMIC_RELAXED) < connections)
        antpool_sleep_ms(20);

    for (int turn = 2; turn <= TURNS; turn++)
        say_and_compare(fd, number, turn);
    close(fd);
}

/* Raises the limit for descriptors as far as it goes and says how many connections fit. */
static int connections_that_fit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        fail("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        fail("setrlimit");
    if (limit.rlim_cur < OTHER_DESCRIPTORS + 2) {
        fprintf(stderr, "the limit for descriptors is too low\n");
        exit(EXIT_FAILURE);
    }
    rlim_t fit = (limit.rlim_cur - OTHER_DESCRIPTORS) / 2;
    return fit < CONNECTIONS_MAX ? (int)fit : CONNECTIONS_MAX;
}

static const char *yes_if(bool condition)
{
    return condition ? "yes" : "no";
}

int main(int argc, char **argv)
{
    connections = connections_that_fit();
    start_listening();

    /* Room for every client, every handler and the fiber that accepts: no submit ever waits. */
    antpool_options_t options = ANTPOOL_OPTIONS_INIT;
    options.worker_kind = ANTPOOL_WORKER_FIBER;
    options.carriers = CARRIERS;
    must(antpool_new(2 * connections + 1, &options, &pool));

    must(antpool_submit(pool, accept_all, NULL));
    for (int i = 0; i < connections; i++)
        must(antpool_submit(pool, client, (void *)(intptr_t)i));
    must(antpool_wait(pool));
    must(antpool_destroy(pool));
    close(listener);

    if (argc > 1 && strcmp(argv[1], "-v") == 0)
        fprintf(stderr, "%d connections at the same time on %d threads, %d echoes\n", open_peak,
                CARRIERS, echoes);
    printf("every connection open at the same time: %s\n", yes_if(open_peak == connections));
    printf("every message came back as it was sent: %s\n",
           yes_if(echoes == TURNS * connections && differences == 0));
    printf("every connection closed in the end: %s\n", yes_if(open_now == 0));
    return EXIT_SUCCESS;
}
