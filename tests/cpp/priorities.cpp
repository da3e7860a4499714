// Priorities of tasks that wait for a worker.
#include "tools.hpp"

#include <array>
#include <stdexcept>
#include <vector>

using antpool::priority;

// One worker and a queue, so that tasks are begun one after the other.
static antpool::options one_after_the_other()
{
    antpool::options options = how();
    options.queue_capacity = 10;
    options.carriers = 1;
    return options;
}

SPEC(callables_are_begun_by_their_priority)
{
    antpool::pool pool(1, one_after_the_other());
    std::vector<int> seen; // Only the one worker touches it.
    {
        Gate gate(pool, 1);
        const std::array<long, 8> ballast{};
        pool.submit(priority::low, [&seen] { seen.push_back(5); });
        pool.submit([&seen] { seen.push_back(3); });
        pool.submit(priority::high, [&seen, ballast] { seen.push_back(1 + int(ballast[0])); });
        CHECK(pool.try_submit(priority::low, [&seen] { seen.push_back(6); }));
        CHECK(pool.submit_for(priority::high, 1ms, [&seen] { seen.push_back(2); }));
        CHECK_SAYS(pool.submit(std::nothrow, priority::normal, [&seen] { seen.push_back(4); }),
                   status::ok);
    }
    CHECK_SAYS(pool.wait(std::nothrow), status::ok);
    CHECK_EQ(seen.size(), 6);
    for (int i = 0; i < 6; i++)
        CHECK_EQ(seen[static_cast<std::size_t>(i)], i + 1);
}

SPEC(what_is_refused_is_destroyed_whatever_its_priority)
{
    antpool::pool pool(1, how());
    {
        Gate gate(pool, 1);
        CHECK(!pool.try_submit(priority::high, [witness = Witness()] {}));
        CHECK(!pool.submit_for(priority::low, 1ms, [witness = Witness()] {}));
        CHECK_EQ(Witness::alive.load(), 0);
    }
    CHECK_SAYS(pool.submit(std::nothrow, static_cast<priority>(7), [witness = Witness()] {}),
               status::invalid_argument);
    CHECK_EQ(Witness::alive.load(), 0);
}

#if defined(__cpp_exceptions)
SPEC(what_cannot_be_submitted_is_thrown)
{
    antpool::pool pool(1, how());
    CHECK_THROWS(pool.submit(static_cast<priority>(3), [] {}), status::invalid_argument);
    CHECK_SAYS(pool.release(std::nothrow), status::ok);
    CHECK_THROWS(pool.submit(priority::high, [] {}), status::closed);
}
#endif

SPEC_MAIN()
