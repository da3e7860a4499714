// Durations of every type become milliseconds that are never too few.
#include "tools.hpp"

#include <limits>
#include <ratio>

namespace {

template <class Duration> uint64_t given(Duration duration)
{
    return antpool::detail::milliseconds_of(duration);
}

} // namespace

SPEC(a_duration_is_rounded_up_to_milliseconds)
{
    using fractions = std::chrono::duration<double>;
    using small = std::chrono::duration<signed char, std::milli>;
    using picoseconds = std::chrono::duration<int64_t, std::pico>;
    CHECK_EQ(given(0ms), 0);
    CHECK_EQ(given(1ms), 1);
    CHECK_EQ(given(1ns), 1);
    CHECK_EQ(given(picoseconds(1)), 1);
    CHECK_EQ(given(1000us), 1);
    CHECK_EQ(given(1001us), 2);
    CHECK_EQ(given(2h), 7200000);
    CHECK_EQ(given(fractions(0.0015)), 2);
    CHECK_EQ(given(fractions(1e-30)), 1);
    CHECK_EQ(given(small(127)), 127);
}

SPEC(a_negative_duration_does_not_wait)
{
    CHECK_EQ(given(-1ns), 0);
    CHECK_EQ(given(-1h), 0);
    CHECK_EQ(given(std::chrono::hours::min()), 0);
    CHECK_EQ(given(std::chrono::nanoseconds::min()), 0);
    CHECK_EQ(given(std::chrono::duration<double>(-1e300)), 0);
}

SPEC(a_duration_beyond_all_clocks_is_for_ever)
{
    CHECK(given(antpool::forever) == ANTPOOL_WAIT_FOREVER);
    CHECK(given(std::chrono::hours::max()) == ANTPOOL_WAIT_FOREVER);
    CHECK(given(std::chrono::duration<double>(1e300)) == ANTPOOL_WAIT_FOREVER);
    CHECK(given(std::chrono::duration<double>(std::numeric_limits<double>::infinity())) ==
          ANTPOOL_WAIT_FOREVER);
    // The longest that nanoseconds can say is a time, and not for ever.
    CHECK_EQ(given(std::chrono::nanoseconds::max()), INT64_MAX / 1000000 + 1);
}

SPEC(a_timed_call_never_ends_early)
{
    antpool::pool pool(1, how());
    Gate gate(pool, 1);
    uint64_t before = spec_now();
    CHECK(!pool.wait_for(2500us));
    CHECK_GE(spec_now() - before, 5 * MS / 2);
    before = spec_now();
    CHECK(!pool.submit_for(2500us, [] {}));
    CHECK_GE(spec_now() - before, 5 * MS / 2);
    CHECK(!pool.wait_for(-1s));
}

SPEC_MAIN()
