/*
 * antpool through its C++ header, beside the C calls that it stands for: the same closure, once as
 * a callable of antpool::pool, once as a function and the bytes or the pointer that a C program
 * would give it. The closures differ in size only:
 *
 *     hpp-0, c-0      nothing captured          antpool_submit
 *     hpp-8, c-8      a pointer                 antpool_submit
 *     hpp-32, c-32    ANTPOOL_COPY_MAX bytes    antpool_submit_copy
 *     hpp-heap        one pointer more: the first that has to be allocated
 */
#include "bench.h"

#include <antpool.hpp>

#include <array>

static antpool::pool pool;

static void must(antpool::status status)
{
    if (status != antpool::status::ok)
        bench_fail(antpool::status_message(status));
}

static void open_pool(const bench_params_t *params)
{
    antpool::options options;
    options.queue_capacity = params->queue == BENCH_QUEUE_UNBOUNDED
                                 ? antpool::unbounded
                                 : static_cast<std::size_t>(params->queue);
    must(pool.open(std::nothrow, params->workers, options));
}

static void wait_for_all()
{
    pool.wait();
}

static void close_pool()
{
    pool.close();
}

/* What a closure of `size` bytes has captured. */
template <std::size_t size> struct captured {
    std::array<void *, size / sizeof(void *)> words{};
};

/* Every task reads what it was given, so that it has to be there. */
template <std::size_t size> static inline void task_of(const captured<size> &data)
{
    for (void *word : data.words)
        if (word != nullptr)
            bench_fail("a task was not given what was submitted");
    bench_task();
}

static void produce_hpp_0(long count)
{
    for (long i = 0; i < count; i++)
        pool.submit([] { bench_task(); });
}

template <std::size_t size> static void produce_hpp(long count)
{
    for (long i = 0; i < count; i++)
        pool.submit([data = captured<size>()] { task_of(data); });
}

static void must_c(antpool_status_t status)
{
    if (status != ANTPOOL_OK)
        bench_fail(antpool_status_message(status));
}

static void run_c_0(void *)
{
    bench_task();
}

static void run_c_8(void *arg)
{
    task_of(captured<8>{ { arg } });
}

static void run_c_32(void *arg)
{
    task_of(*static_cast<captured<ANTPOOL_COPY_MAX> *>(arg));
}

static void produce_c_0(long count)
{
    for (long i = 0; i < count; i++)
        must_c(antpool_submit(pool.native_handle(), run_c_0, nullptr));
}

static void produce_c_8(long count)
{
    for (long i = 0; i < count; i++)
        must_c(antpool_submit(pool.native_handle(), run_c_8, nullptr));
}

static void produce_c_32(long count)
{
    for (long i = 0; i < count; i++) {
        const captured<ANTPOOL_COPY_MAX> data;
        must_c(antpool_submit_copy(pool.native_handle(), run_c_32, &data, sizeof data));
    }
}

BENCH_MAIN({ "hpp-0", open_pool, produce_hpp_0, wait_for_all, close_pool },
           { "c-0", open_pool, produce_c_0, wait_for_all, close_pool },
           { "hpp-8", open_pool, produce_hpp<8>, wait_for_all, close_pool },
           { "c-8", open_pool, produce_c_8, wait_for_all, close_pool },
           { "hpp-32", open_pool, produce_hpp<ANTPOOL_COPY_MAX>, wait_for_all, close_pool },
           { "c-32", open_pool, produce_c_32, wait_for_all, close_pool },
           { "hpp-heap", open_pool, produce_hpp<ANTPOOL_COPY_MAX + sizeof(void *)>, wait_for_all,
             close_pool })
