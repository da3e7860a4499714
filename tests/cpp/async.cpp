// Futures: results and exceptions of tasks.
#include "tools.hpp"

#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

SPEC(a_future_has_what_its_task_returned)
{
    antpool::pool pool(2, how());
    int place = 0;
    std::future<int> number = pool.async([] { return 42; });
    std::future<std::string> text = pool.async([] { return std::string(100, 'x'); });
    std::future<int &> reference = pool.async([&place]() -> int & { return place; });
    std::future<std::unique_ptr<int>> owner = pool.async([] { return std::make_unique<int>(7); });
    std::future<void> nothing_at_all = pool.async([&place] { place = 9; });
    CHECK_EQ(number.get(), 42);
    CHECK(text.get() == std::string(100, 'x'));
    CHECK(&reference.get() == &place);
    CHECK_EQ(*owner.get(), 7);
    nothing_at_all.get();
    CHECK_EQ(place, 9);
}

SPEC(an_async_callable_may_be_move_only_and_callable_once)
{
    struct Once {
        std::unique_ptr<int> owner;
        int operator()() && { return *owner; }
    };
    antpool::pool pool(1, how());
    CHECK_EQ(pool.async(Once{std::make_unique<int>(3)}).get(), 3);
}

SPEC(many_futures_come_true_whatever_the_order_they_are_asked_in)
{
    antpool::options options = how();
    options.queue_capacity = antpool::unbounded;
    antpool::pool pool(3, std::move(options));
    std::vector<std::future<std::size_t>> futures;
    const std::size_t count = spec_rounds(2000);
    for (std::size_t i = 0; i < count; i++)
        futures.push_back(pool.async([i] { return i; }));
    for (std::size_t i = count; i-- > 0;)
        CHECK_EQ(futures[i].get(), i);
}

SPEC(a_future_outlives_its_pool)
{
    std::future<int> future;
    {
        antpool::pool pool(1, how());
        future = pool.async([] { return 1; });
    }
    CHECK(future.wait_for(0s) == std::future_status::ready);
    CHECK_EQ(future.get(), 1);
}

SPEC(a_future_that_is_dropped_does_not_wait)
{
    antpool::pool pool(1, how());
    count_t done = COUNT_INIT;
    gate_t held = GATE_INIT;
    {
        const std::future<void> dropped = pool.async([&] {
            gate_task(&held);
            count_task(&done);
        });
    }
    CHECK_EQ(count_get(&done), 0);
    gate_open(&held);
    pool.wait();
    CHECK_EQ(count_get(&done), 1);
}

SPEC(a_packaged_task_can_be_submitted_in_every_way)
{
    antpool::pool pool(1, how());
    std::packaged_task<int()> first([] { return 1; });
    std::packaged_task<int()> second([] { return 2; });
    std::future<int> one = first.get_future();
    std::future<int> two = second.get_future();
    CHECK_SAYS(pool.try_submit(std::nothrow, std::move(first)), status::ok);
    CHECK_EQ(one.get(), 1);
    CHECK(pool.submit_for(antpool::forever, std::move(second)));
    CHECK_EQ(two.get(), 2);
}

#if defined(__cpp_exceptions)

SPEC(an_exception_travels_in_the_future_and_is_no_failure_of_the_task)
{
    std::atomic<int> handled{0};
    antpool::options options = how();
    options.panic_handler = [&](const antpool::panic_info &) { ++handled; };
    antpool::pool pool(1, std::move(options));
    std::future<int> runtime = pool.async([]() -> int { throw std::runtime_error("no"); });
    std::future<void> number = pool.async([] { throw 42; });
    int caught = 0;
    try {
        runtime.get();
    } catch (const std::runtime_error &error) {
        CHECK_TEXT(error.what(), "no");
        caught++;
    }
    try {
        number.get();
    } catch (int value) {
        CHECK_EQ(value, 42);
        caught++;
    }
    CHECK_EQ(caught, 2);
    pool.wait();
    CHECK_EQ(handled, 0);
    CHECK_EQ(pool.stats().panicked, 0);
}

SPEC(a_refused_async_throws_and_its_callable_is_destroyed_without_a_call)
{
    std::atomic<int> calls{0};
    antpool::options options = how();
    options.nonblocking = true;
    antpool::pool pool(1, std::move(options));
    const auto task = [&calls, witness = Witness()] { ++calls; };
    {
        Gate gate(pool, 1);
        CHECK_THROWS(pool.async(task), status::overload);
    }
    pool.release();
    CHECK_THROWS(pool.async(task), status::closed);
    CHECK_THROWS(pool.async(std::function<void()>()), status::invalid_argument);
    CHECK_EQ(Witness::alive, 1);
    pool.close();
    CHECK_EQ(calls, 0);
}

#endif

SPEC_MAIN()
