// Channels of values.
#include "tools.hpp"

#include <memory>

SPEC(values_are_moved_through_a_channel)
{
    antpool::pool pool(2, how());
    for (const std::size_t capacity : {0, 1, 100}) {
        antpool::channel<std::unique_ptr<int>> numbers(capacity);
        pool.submit([&] {
            for (int i = 0; i < 100; i++)
                numbers.send(std::make_unique<int>(i));
            numbers.close();
        });
        for (int i = 0; i < 100; i++) {
            const auto got = numbers.receive();
            CHECK(got.has_value());
            CHECK_EQ(**got, i);
        }
        CHECK(!numbers.receive().has_value());
        CHECK_SAYS(pool.wait(std::nothrow), status::ok);
    }
}

SPEC(what_is_not_received_is_destroyed)
{
    {
        antpool::channel<Witness> witnesses(2);
        CHECK(!witnesses.try_receive().has_value());
        CHECK(!witnesses.receive_for(1ms).has_value());
        CHECK(witnesses.try_send(Witness()));
        CHECK(witnesses.send_for(1s, Witness()));
        CHECK(!witnesses.try_send(Witness()));
        CHECK(!witnesses.send_for(1ms, Witness()));
        CHECK_EQ(Witness::alive.load(), 2);
        CHECK(witnesses.receive().has_value());
        CHECK_EQ(Witness::alive.load(), 1);
        witnesses.close();
#if defined(__cpp_exceptions)
        CHECK_THROWS(witnesses.send(Witness()), status::closed);
#endif
    }
    CHECK_EQ(Witness::alive.load(), 0);
}

SPEC_MAIN()
