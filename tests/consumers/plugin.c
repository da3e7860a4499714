/* A plugin with the static library in it. What it offers to its host is this one function. */
#include <antpool.h>
#include <stddef.h>

int plugin_workers(void);

static void nothing(void *arg)
{
    (void)arg;
}

/* Leaves a pool of threads, one of fibers and the default pool behind, with workers that go on for a while. */
int plugin_workers(void)
{
    antpool_options_t options = ANTPOOL_OPTIONS_INIT;
    options.expiry_ms = 100;
    for (uint32_t kind = ANTPOOL_WORKER_THREAD; kind <= ANTPOOL_WORKER_FIBER; kind++) {
        antpool_t *pool = NULL;
        options.worker_kind = kind;
        if (antpool_new(2, &options, &pool) != ANTPOOL_OK ||
            antpool_submit(pool, nothing, NULL) != ANTPOOL_OK || antpool_wait(pool) != ANTPOOL_OK)
            return -1;
    }
    if (antpool_submit(antpool_default(), nothing, NULL) != ANTPOOL_OK)
        return -1;
    return (int)antpool_running(antpool_default());
}
