// Loops, gangs and handles of single tasks.
#include "tools.hpp"

#include <atomic>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

SPEC(a_loop_runs_every_index_once)
{
    antpool::pool pool(3, how());
    std::vector<std::atomic<int>> runs(10000);
    antpool::parallel_for(pool, runs.size(), [&](std::size_t index) { ++runs[index]; });
    for (const auto &each : runs)
        CHECK_EQ(each.load(), 1);
}

SPEC(a_loop_may_be_given_ranges_and_slots)
{
    antpool::pool pool(3, how());
    std::atomic<std::size_t> sum{0};
    antpool::parallel_for(
        pool, 1000,
        [&](std::size_t begin, std::size_t end, std::size_t slot) {
            CHECK(slot < 2);
            CHECK(end - begin >= 10 || end == 1000);
            for (std::size_t index = begin; index != end; index++)
                sum += index;
        },
        10, 2);
    CHECK_EQ(sum.load(), 499500);
}

SPEC(a_reduction_combines_every_index)
{
    antpool::pool pool(3, how());
    const auto sum = antpool::parallel_reduce(
        pool, 100000, 0ULL, [](std::size_t index) { return index * 1ULL; },
        [](unsigned long long left, unsigned long long right) { return left + right; });
    CHECK_EQ(sum, 4999950000);
    const std::string longest = antpool::parallel_reduce(
        pool, 50, std::string(), [](std::size_t index) { return std::string(index, 'x'); },
        [](std::string left, std::string right) {
            return left.size() < right.size() ? right : left;
        });
    CHECK_EQ(longest.size(), 49);
}

#if defined(__cpp_exceptions)
SPEC(the_first_exception_of_a_loop_reaches_its_caller)
{
    antpool::pool pool(3, how());
    bool caught = false;
    try {
        antpool::parallel_for(pool, 1000, [](std::size_t index) {
            if (index == 500)
                throw std::runtime_error("index 500");
        });
    } catch (const std::runtime_error &error) {
        caught = error.what() == std::string("index 500");
    }
    CHECK(caught);
    CHECK_EQ(pool.stats().panicked, 0);
}

SPEC(a_loop_on_a_closed_pool_throws)
{
    antpool::pool pool(1, how());
    pool.release();
    status said = status::ok;
    try {
        antpool::parallel_for(pool, 10, [](std::size_t) { CHECK(false); });
    } catch (const std::system_error &error) {
        said = static_cast<status>(error.code().value());
    }
    CHECK_SAYS(said, status::closed);
}
#endif

SPEC(a_gang_runs_all_together_or_not_at_all)
{
    antpool::pool pool(2, how());
    std::atomic<int> inside{0};
    CHECK(antpool::run_together(pool, 3, [&](std::size_t slot) {
        CHECK(slot < 3);
        ++inside;
        while (inside < 3)
            antpool_sleep_us(50);
    }));
    CHECK(!antpool::run_together(pool, 4, [&](std::size_t) { ++inside; }));
    CHECK_EQ(inside.load(), 3);
}

SPEC(a_task_can_be_waited_for)
{
    antpool::pool pool(2, how());
    int result = 0;
    antpool::task task(pool, [&result, owner = std::make_unique<int>(7)] { result = *owner; });
    CHECK_SAYS(task.wait(), status::ok);
    CHECK(task.is_done());
    CHECK_EQ(result, 7);
    CHECK(!task.cancel());
    antpool::task other = std::move(task);
    CHECK(!task);
    CHECK_SAYS(task.wait(), status::invalid_argument);
    CHECK_SAYS(other.wait_for(1s), status::ok);
}

SPEC(the_callable_of_a_canceled_task_is_destroyed_and_never_called)
{
    antpool::options options = how();
    options.queue_capacity = 1;
    antpool::pool pool(1, std::move(options));
    auto kept = std::make_shared<int>(0);
    {
        Gate gate(pool, 1);
        antpool::task task(pool, [kept] { CHECK(false); });
        CHECK_EQ(kept.use_count(), 2);
        CHECK_SAYS(task.wait_for(0s), status::timed_out);
        CHECK(task.cancel());
        CHECK(!task.cancel());
        CHECK_EQ(kept.use_count(), 1);
        CHECK_SAYS(task.wait(), status::canceled);
    }
    CHECK_EQ(pool.stats().canceled, 1);
}

SPEC_MAIN()
