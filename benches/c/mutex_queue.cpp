/*
 * The pool that most C++ programs carry in some form (BS::thread_pool is the best known): a
 * std::queue of std::function under one mutex, one condition variable for tasks that are there,
 * one for everything done. Written for this benchmark, after the pattern.
 *
 * mutex-queue  its queue has no limit
 * hand-off     one condition variable more makes the caller wait while the queue is full or, without
 *              a queue, while no worker is free: the way of zstd's POOL_add()
 */
#include "bench.h"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <queue>
#include <thread>
#include <vector>

class MutexQueuePool {
public:
    static constexpr std::size_t no_limit = SIZE_MAX;

    /* At most `limit` tasks wait, beyond those for which a worker is free. */
    MutexQueuePool(int workers, std::size_t limit) : limit_(limit), workers_(workers)
    {
        for (int i = 0; i < workers; i++)
            threads_.emplace_back([this] { work(); });
    }

    ~MutexQueuePool()
    {
        wait();
        {
            std::scoped_lock lock(mutex_);
            closed_ = true;
        }
        task_there_.notify_all();
        for (std::thread &thread : threads_)
            thread.join();
    }

    template <typename F> void submit(F &&task)
    {
        {
            std::unique_lock lock(mutex_);
            if (limit_ != no_limit)
                room_there_.wait(lock, [this] {
                    return tasks_.size() + running_ < limit_ + static_cast<std::size_t>(workers_);
                });
            tasks_.emplace(std::forward<F>(task));
        }
        task_there_.notify_one();
    }

    void wait()
    {
        std::unique_lock lock(mutex_);
        waiting_ = true;
        all_done_.wait(lock, [this] { return tasks_.empty() && running_ == 0; });
        waiting_ = false;
    }

private:
    void work()
    {
        std::unique_lock lock(mutex_);
        for (;;) {
            task_there_.wait(lock, [this] { return closed_ || !tasks_.empty(); });
            if (tasks_.empty())
                return;
            std::function<void()> task = std::move(tasks_.front());
            tasks_.pop();
            running_++;
            lock.unlock();
            task();
            lock.lock();
            running_--;
            if (limit_ != no_limit)
                room_there_.notify_one();
            if (waiting_ && running_ == 0 && tasks_.empty())
                all_done_.notify_all();
        }
    }

    std::mutex mutex_;
    std::condition_variable task_there_;
    std::condition_variable room_there_;
    std::condition_variable all_done_;
    std::queue<std::function<void()>> tasks_;
    std::size_t limit_;
    int workers_;
    std::size_t running_ = 0;
    bool waiting_ = false;
    bool closed_ = false;
    std::vector<std::thread> threads_;
};

static std::optional<MutexQueuePool> pool;

static void open_pool(const bench_params_t *params)
{
    if (params->queue != BENCH_QUEUE_UNBOUNDED)
        bench_unsupported("this pool has an unbounded queue and no other");
    pool.emplace(params->workers, MutexQueuePool::no_limit);
}

static void open_bounded(const bench_params_t *params)
{
    if (params->queue == BENCH_QUEUE_UNBOUNDED)
        bench_unsupported("for a pool with a limit");
    pool.emplace(params->workers, static_cast<std::size_t>(params->queue));
}

static void produce(long count)
{
    for (long i = 0; i < count; i++)
        pool->submit([] { bench_task(); });
}

static void wait_for_all()
{
    pool->wait();
}

static void close_pool()
{
    pool.reset();
}

BENCH_MAIN({ "mutex-queue", open_pool, produce, wait_for_all, close_pool },
           { "hand-off", open_bounded, produce, wait_for_all, close_pool })
