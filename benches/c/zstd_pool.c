/*
 * zstd's internal pool, POOL_* of lib/common/pool.h, as antpool provides it. It is linked before libzstd, so
 * that the pool in there is left out. The allocator that zstd passes on is not used: antpool has its own.
 */
#include <antpool.h>
#include <common/pool.h>

#include <stdlib.h>

struct POOL_ctx_s {
    antpool_t *pool;
};

POOL_ctx *POOL_create(size_t threads, size_t queue)
{
    antpool_options_t options = ANTPOOL_OPTIONS_INIT;
    options.queue_capacity = queue;
    POOL_ctx *ctx = malloc(sizeof *ctx);
    if (ctx == NULL)
        return NULL;
    if (antpool_new((int64_t)threads, &options, &ctx->pool) != ANTPOOL_OK) {
        free(ctx);
        return NULL;
    }
    return ctx;
}

POOL_ctx *POOL_create_advanced(size_t threads, size_t queue, ZSTD_customMem memory)
{
    (void)memory;
    return POOL_create(threads, queue);
}

void POOL_free(POOL_ctx *ctx)
{
    if (ctx == NULL)
        return;
    if (antpool_destroy(ctx->pool) != ANTPOOL_OK)
        abort();
    free(ctx);
}

void POOL_joinJobs(POOL_ctx *ctx)
{
    if (antpool_wait(ctx->pool) != ANTPOOL_OK)
        abort();
}

int POOL_resize(POOL_ctx *ctx, size_t threads)
{
    return ctx == NULL || antpool_tune(ctx->pool, (int64_t)threads) != ANTPOOL_OK;
}

size_t POOL_sizeof(const POOL_ctx *ctx)
{
    return ctx == NULL ? 0 : sizeof *ctx;
}

void POOL_add(POOL_ctx *ctx, POOL_function function, void *opaque)
{
    if (antpool_submit(ctx->pool, function, opaque) != ANTPOOL_OK)
        abort();
}

int POOL_tryAdd(POOL_ctx *ctx, POOL_function function, void *opaque)
{
    return antpool_try_submit(ctx->pool, function, opaque) == ANTPOOL_OK;
}
