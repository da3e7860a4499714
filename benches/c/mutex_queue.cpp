/*
 * The pool that most C++ programs carry in some form (BS::thread_pool is the best known): a
 * std::queue of std::function under one mutex, one condition variable for tasks that are there,
 * one for everything done. Written for this benchmark, after the pattern.
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
    explicit MutexQueuePool(int workers)
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
            std::scoped_lock lock(mutex_);
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
            if (waiting_ && running_ == 0 && tasks_.empty())
                all_done_.notify_all();
        }
    }

    std::mutex mutex_;
    std::condition_variable task_there_;
    std::condition_variable all_done_;
    std::queue<std::function<void()>> tasks_;
    int running_ = 0;
    bool waiting_ = false;
    bool closed_ = false;
    std::vector<std::thread> threads_;
};

static std::optional<MutexQueuePool> pool;

static void open_pool(const bench_params_t *params)
{
    if (params->queue != BENCH_QUEUE_UNBOUNDED)
        bench_unsupported("this pool has an unbounded queue and no other");
    pool.emplace(params->workers);
}

static void produce(long count)
{
    for (long i = 0; i < count; i++)
        pool->submit([] { bench_task_ran(); });
}

static void wait_for_all()
{
    pool->wait();
}

static void close_pool()
{
    pool.reset();
}

BENCH_MAIN({ "mutex-queue", open_pool, produce, wait_for_all, close_pool })
