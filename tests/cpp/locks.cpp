// Mutexes, conditions and semaphores that suspend.
#include "tools.hpp"

#include <mutex>

SPEC(locks_of_the_standard_take_the_mutex)
{
    antpool::pool pool(8, how());
    antpool::mutex mutex, second;
    long number = 0;
    for (int task = 0; task < 8; task++) {
        pool.submit([&] {
            for (int i = 0; i < 100; i++) {
                const std::scoped_lock<antpool::mutex, antpool::mutex> both(mutex, second);
                const long before = number;
                antpool_yield();
                number = before + 1;
            }
        });
    }
    CHECK_SAYS(pool.wait(std::nothrow), status::ok);
    const std::lock_guard<antpool::mutex> own(mutex);
    CHECK_EQ(number, 800);
}

SPEC(a_mutex_is_tried_and_waited_for_up_to_a_limit)
{
    antpool::pool pool(1, how());
    antpool::mutex mutex;
    std::unique_lock<antpool::mutex> own(mutex);
    pool.submit([&] {
        CHECK(!mutex.try_lock());
        CHECK(!mutex.try_lock_for(1ms));
        CHECK(!mutex.try_lock_until(std::chrono::system_clock::now() + 1ms));
    });
    CHECK_SAYS(pool.wait(std::nothrow), status::ok);
    own.unlock();
    CHECK(own.try_lock_for(1s));
#if defined(__cpp_exceptions)
    CHECK_THROWS(mutex.lock(), status::deadlock);
#endif
}

SPEC(a_condition_ends_waits)
{
    antpool::pool pool(2, how());
    antpool::mutex mutex;
    antpool::condition changed;
    int number = 0;
    for (int task = 0; task < 2; task++) {
        pool.submit([&] {
            std::unique_lock<antpool::mutex> own(mutex);
            changed.wait(own, [&] { return number > 0; });
            number++;
            changed.notify_one();
        });
    }
    std::unique_lock<antpool::mutex> own(mutex);
    CHECK(!changed.wait_for(own, 1ms));
    number = 1;
    changed.notify_all();
    while (number < 3)
        changed.wait(own);
    own.unlock();
    CHECK_SAYS(pool.wait(std::nothrow), status::ok);
}

SPEC(a_semaphore_counts)
{
    antpool::pool pool(2, how());
    antpool::semaphore there(0), back(1);
    CHECK(back.try_acquire());
    CHECK(!back.try_acquire());
    CHECK(!back.try_acquire_for(1ms));
    for (int task = 0; task < 2; task++) {
        pool.submit([&] {
            there.acquire();
            back.release();
        });
    }
    there.release(2);
    back.acquire();
    CHECK(back.try_acquire_for(10s));
    CHECK_SAYS(pool.wait(std::nothrow), status::ok);
}

SPEC_MAIN()
