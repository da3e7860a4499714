/*
 * What the Go files call in C. A task's argument is a number here, so that no Go pointer can get
 * into C by mistake.
 */
#ifndef ANTPOOL_GO_BRIDGE_H
#define ANTPOOL_GO_BRIDGE_H

#include <antpool.h>

/* The task of every Go function that runs on its worker's thread: `slot` says which one. */
void bridge_run(void *slot);

/* The same for one that runs on a goroutine: hands it over and waits until it has returned. */
void bridge_run_on_goroutine(void *slot);

/* What is handed over: written as a whole to the pipe whose write end is `fd`. */
struct bridge_handover_t {
    uintptr_t slot;
    uintptr_t worker; /* For bridge_returned(). */
};
void bridge_hand_over_through(int fd);

/* Lets a worker go on whose function has returned. */
void bridge_returned(uintptr_t worker);

/*
 * antpool_new(), with `options` completed: failures and lines of the log go to the Go reporter that
 * `reporter` stands for. `name` may be empty; `cpus` has `options.cpu_count` elements.
 */
enum antpool_status_t bridge_new(int64_t capacity, antpool_options_t options, const char *name,
                                 const uint32_t *cpus, uintptr_t reporter, antpool_t **out_pool);

/* antpool_try_submit() and antpool_submit(). */
enum antpool_status_t bridge_try_submit(antpool_t *pool, antpool_task_fn fn, uintptr_t arg);
enum antpool_status_t bridge_submit(antpool_t *pool, antpool_task_fn fn, uintptr_t arg);

/* antpool_get_stats(). */
antpool_stats_t bridge_stats(const antpool_t *pool);
#endif
