/*
 * A panic handler and a logger that keep what they get.
 */
#ifndef ANTPOOL_SPEC_FAILURES_H
#define ANTPOOL_SPEC_FAILURES_H

#include "spec.h"

/* What handlers and loggers have been told; the texts are those of the latest call. */
typedef struct failures_t {
    count_t handled;
    count_t logged;
    pthread_mutex_t mutex;
    antpool_panic_info_t info;
    pthread_t thread;
    char message[256];
    char line[256];
    antpool_log_level_t level;
} failures_t;

#define FAILURES_INIT                                                                              \
    {                                                                                              \
        COUNT_INIT, COUNT_INIT, PTHREAD_MUTEX_INITIALIZER, {0, NULL, NULL, NULL, NULL}, 0, "", "", \
            ANTPOOL_LOG_INFO                                                                       \
    }

static inline void failures_handler(void *data, const antpool_panic_info_t *info)
{
    failures_t *failures = (failures_t *)data;
    CHECK_EQ(pthread_mutex_lock(&failures->mutex), 0);
    failures->info = *info;
    failures->thread = pthread_self();
    snprintf(failures->message, sizeof failures->message, "%s", info->message);
    CHECK_EQ(pthread_mutex_unlock(&failures->mutex), 0);
    count_add(&failures->handled, 1);
}

static inline void failures_logger(void *data, antpool_log_level_t level, const char *message)
{
    failures_t *failures = (failures_t *)data;
    CHECK_EQ(pthread_mutex_lock(&failures->mutex), 0);
    failures->level = level;
    snprintf(failures->line, sizeof failures->line, "%s", message);
    CHECK_EQ(pthread_mutex_unlock(&failures->mutex), 0);
    count_add(&failures->logged, 1);
}

/* Tasks that fail, with a message as the argument. */
static inline void panic_with(void *message)
{
    antpool_panic((const char *)message);
}

static inline void fail_with(void *message)
{
    antpool_task_fail((const char *)message);
}

/* Options by which failures go to the handler above. */
static inline antpool_options_t failures_handled(failures_t *failures)
{
    antpool_options_t options = spec_options();
    options.panic_handler = failures_handler;
    options.panic_data = failures;
    return options;
}

/* Options without a handler, by which lines of the log go to the logger above. */
static inline antpool_options_t failures_logged(failures_t *failures)
{
    antpool_options_t options = spec_options();
    options.logger = failures_logger;
    options.logger_data = failures;
    return options;
}

static inline antpool_stats_t stats_of(antpool_t *pool)
{
    antpool_stats_t stats = ANTPOOL_STATS_INIT;
    CHECK_STATUS(antpool_get_stats(pool, &stats), ANTPOOL_OK);
    return stats;
}

/* Runs one task to its end. */
static inline void run_task(antpool_t *pool, antpool_task_fn fn, void *arg)
{
    CHECK_STATUS(antpool_submit(pool, fn, arg), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
}

#endif
