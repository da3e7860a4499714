/*
 * What the Go files call in C. A task's argument is a number here, so that no Go pointer can get
 * into C by mistake.
 */
#ifndef ANTPOOL_GO_BRIDGE_H
#define ANTPOOL_GO_BRIDGE_H

#include <antpool.h>

/* The task of every Go function: `slot` says which one. */
void bridge_run(void *slot);

/*
 * antpool_new(), with `options` completed: failures and lines of the log go to the Go reporter that
 * `reporter` stands for. `name` may be empty.
 */
enum antpool_status_t bridge_new(int64_t capacity, antpool_options_t options, const char *name,
                                 uintptr_t reporter, antpool_t **out_pool);

/* antpool_try_submit() and antpool_submit(). */
enum antpool_status_t bridge_try_submit(antpool_t *pool, antpool_task_fn fn, uintptr_t arg);
enum antpool_status_t bridge_submit(antpool_t *pool, antpool_task_fn fn, uintptr_t arg);
#endif
