// Several pools behind one object.
#include "tools.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

SPEC(several_pools_run_every_task_once)
{
    std::atomic<int> done{0};
    {
        antpool::multi_pool pools(3, 2, antpool::strategy::least_tasks, how());
        CHECK_EQ(pools.capacity(), 6);
        for (int i = 0; i < 300; i++)
            pools.submit([&] { ++done; });
        pools.wait();
        CHECK_EQ(done.load(), 300);
        pools.submit([&, owned = std::make_unique<int>(7)] { done += *owned; });
    }
    CHECK_EQ(done.load(), 307);
}

SPEC(a_full_set_of_pools_says_so)
{
    std::atomic<bool> open{false};
    antpool::multi_pool pools(2, 1, antpool::strategy::round_robin, how());
    const auto held = [&] {
        while (!open)
            antpool_sleep_ms(1);
    };
    CHECK(pools.try_submit(held));
    CHECK(pools.try_submit(held));
    CHECK(!pools.try_submit(held));
    CHECK(!pools.submit_for(std::chrono::milliseconds(1), held));
    CHECK(!pools.wait_for(std::chrono::milliseconds(1)));
    CHECK_EQ(pools.running(), 2);
    CHECK_EQ(pools.available(), 0);
    CHECK_EQ(pools.waiting(), 0);
    open = true;
    pools.wait();
    pools.tune(3);
    CHECK_EQ(pools.available(), 6);
    pools.release();
    CHECK(pools.is_closed());
    CHECK(pools.submit(std::nothrow, [] {}) == antpool::status::closed);
    pools.reboot();
    CHECK(!pools.is_closed());
}

SPEC(the_options_are_those_of_each_pool)
{
    std::atomic<int> failures{0};
    antpool::options options = how();
    options.panic_handler = [&](const antpool::panic_info &info) {
        failures += std::string(info.message) == "as it happens";
    };
    antpool::multi_pool pools(2, 1, antpool::strategy::round_robin, std::move(options));
    for (int i = 0; i < 4; i++)
        pools.submit([] { antpool_task_fail("as it happens"); });
    pools.wait();
    CHECK_EQ(failures.load(), 4);
}

SPEC_MAIN()
