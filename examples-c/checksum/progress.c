#define _POSIX_C_SOURCE 200809L

#include "progress.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define WIDTH 40

static uint64_t total;
static uint64_t done; /* Atomic: every worker adds to it. */
static int shown;
static pthread_t painter;
static uint64_t painted_ms;

static uint64_t now_ms(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        return 0;
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void paint(uint64_t so_far)
{
    /* Files may grow while they are read. */
    double part = so_far < total ? (double)so_far / (double)total : 1.0;
    int filled = (int)(part * WIDTH);
    char bar[WIDTH + 1];
    for (int i = 0; i < WIDTH; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[WIDTH] = '\0';
    fprintf(stderr, "\r[%s] %3d%%", bar, (int)(part * 100));
}

void progress_begin(uint64_t expected)
{
    total = expected;
    painter = pthread_self();
    painted_ms = now_ms();
    shown = isatty(STDERR_FILENO);
    if (shown)
        paint(0);
}

void progress_add(uint64_t more)
{
    if (!shown)
        return;
    uint64_t so_far = __atomic_add_fetch(&done, more, __ATOMIC_RELAXED);
    if (!pthread_equal(pthread_self(), painter))
        return;
    uint64_t now = now_ms();
    if (now - painted_ms >= PROGRESS_INTERVAL_MS) {
        painted_ms = now;
        paint(so_far);
    }
}

void progress_end(void)
{
    /* The bar gives way to what is printed next. */
    if (shown)
        fprintf(stderr, "\r%*s\r", WIDTH + 7, "");
}
