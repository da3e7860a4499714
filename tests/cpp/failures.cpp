// Tasks and callbacks that fail: by exceptions, where the build has them.
#include "tools.hpp"

#include <array>
#include <stdexcept>
#include <string>

#if defined(__cpp_exceptions)

namespace {

// What the panic handler and the logger were told last.
struct Heard {
    std::atomic<int> handled{0}, logged{0};
    std::string message, line;
    long alive_when_handled = -1;

    antpool::options options()
    {
        antpool::options options = how();
        options.panic_handler = [this](const antpool::panic_info &info) {
            message = info.message;
            alive_when_handled = Witness::alive;
            ++handled;
        };
        options.logger = [this](antpool::log_level, std::string_view text) {
            line = text;
            ++logged;
        };
        options.queue_capacity = 1;
        return options;
    }
};

// A message that dies with its exception.
struct Passing : std::exception {
    std::string text = std::string(60, 'a') + "z";
    const char *what() const noexcept override { return text.c_str(); }
};

} // namespace

SPEC(an_exception_reaches_the_panic_handler_with_its_what)
{
    Heard heard;
    antpool::pool pool(1, heard.options());
    pool.submit([] { throw std::runtime_error("in a pointer"); });
    pool.wait();
    CHECK_TEXT(heard.message.c_str(), "in a pointer");
    pool.submit([bytes = std::array<char, ANTPOOL_COPY_MAX>{}] {
        throw std::runtime_error("in a copy" + std::string(1, bytes[0]));
    });
    pool.wait();
    CHECK_TEXT(heard.message.c_str(), "in a copy");
    pool.submit([witness = Witness()] { throw Passing(); });
    pool.wait();
    CHECK_TEXT(heard.message.c_str(), Passing().what());
    CHECK_EQ(heard.handled, 3);
    CHECK_EQ(heard.logged, 0);
    CHECK_EQ(pool.stats().panicked, 3);
    CHECK_EQ(pool.stats().lost, 0);
    CHECK_EQ(pool.stats().spawned, 1);
}

SPEC(the_callable_is_destroyed_before_the_handler_is_called)
{
    Heard heard;
    antpool::pool pool(1, heard.options());
    {
        // Behind the gate, so that the caller's own callable has gone when the task begins.
        Gate gate(pool, 1);
        pool.submit([witness = Witness()] { throw std::runtime_error("gone"); });
    }
    CHECK_EQ(heard.alive_when_handled, 0);
    heard.alive_when_handled = -1;
    {
        Gate gate(pool, 1);
        pool.submit([witness = Witness()] { throw 42; });
    }
    CHECK_EQ(heard.alive_when_handled, 0);
    CHECK_EQ(heard.handled, 2);
}

SPEC(an_exception_of_any_type_fails_its_task_and_costs_no_thread)
{
    Heard heard;
    antpool::pool pool(1, heard.options());
    pool.submit([] { throw 42; });
    pool.submit([] { throw std::string("a text"); });
    pool.wait();
    CHECK_EQ(heard.handled, 2);
    CHECK(!heard.message.empty());
    CHECK_EQ(pool.stats().lost, 0);
}

SPEC(a_panic_passes_through_the_header_with_its_message)
{
    Heard heard;
    antpool::pool pool(1, heard.options());
    {
        Gate gate(pool, 1);
        pool.submit([witness = Witness()] { antpool_panic("a panic"); });
    }
    CHECK_TEXT(heard.message.c_str(), "a panic");
    CHECK_EQ(heard.alive_when_handled, 0);
    CHECK_EQ(pool.stats().lost, 0);
}

// libc++ comes with another unwinder than the one that glibc ends threads with: that crashes anywhere.
#if !defined(_LIBCPP_VERSION)
SPEC(a_task_that_ends_its_thread_is_destroyed_and_the_pool_goes_on)
{
    Heard heard;
    antpool::pool pool(1, heard.options());
    pool.submit([witness = Witness()] { pthread_exit(nullptr); });
    pool.wait();
    CHECK_EQ(heard.handled, 1);
    CHECK_EQ(Witness::alive, 0);
    CHECK_EQ(pool.stats().lost, 1);
    CHECK_EQ(pool.async([] { return 1; }).get(), 1);
}
#endif

SPEC(an_exception_that_leaves_a_callback_is_logged)
{
    Heard heard;
    antpool::options options = heard.options();
    options.panic_handler = [](const antpool::panic_info &) {
        throw std::runtime_error("the handler itself");
    };
    options.on_worker_start = [](antpool::pool_view, std::size_t) {
        throw std::runtime_error("the hook itself");
    };
    antpool::pool pool(1, std::move(options));
    pool.submit([] {});
    pool.wait();
    CHECK_EQ(heard.logged, 1);
    CHECK(heard.line.find("the hook itself") != std::string::npos);
    pool.submit([] { throw std::runtime_error("the task"); });
    pool.wait();
    CHECK_EQ(heard.logged, 2);
    CHECK(heard.line.find("the handler itself") != std::string::npos);
    CHECK_EQ(pool.stats().panicked, 1);
    CHECK_EQ(pool.stats().lost, 0);
}

SPEC(many_exceptions_leave_nothing_behind)
{
    Heard heard;
    antpool::options options = heard.options();
    std::atomic<std::size_t> handled{0};
    options.panic_handler = [&handled](const antpool::panic_info &) { ++handled; };
    options.queue_capacity = 100;
    antpool::pool pool(4, std::move(options));
    const std::size_t rounds = spec_rounds(4000);
    for (std::size_t i = 0; i < rounds; i++)
        pool.submit([witness = Witness()] { throw std::runtime_error("again"); });
    pool.wait();
    CHECK_EQ(handled, rounds);
    CHECK_EQ(Witness::alive, 0);
}

#else

SPEC(what_a_task_without_exceptions_says_reaches_the_panic_handler)
{
    std::string message;
    antpool::options options = how();
    options.panic_handler = [&message](const antpool::panic_info &info) { message = info.message; };
    antpool::pool pool(1, std::move(options));
    pool.submit([] { antpool_task_fail("said, not thrown"); });
    pool.wait();
    CHECK_TEXT(message.c_str(), "said, not thrown");
}

#endif

static void fails(void *)
{
    antpool_task_fail("in C");
}

SPEC(the_panic_handler_sees_the_function_and_the_argument_of_a_c_task)
{
    antpool_task_fn fn = nullptr;
    void *arg = nullptr;
    antpool::options options = how();
    options.panic_handler = [&fn, &arg](const antpool::panic_info &info) {
        fn = info.fn;
        arg = info.arg;
    };
    antpool::pool pool(1, std::move(options));
    int own = 0;
    CHECK_EQ(int(antpool_submit(pool.native_handle(), fails, &own)), int(ANTPOOL_OK));
    pool.wait();
    CHECK(fn == fails);
    CHECK(arg == &own);
}

SPEC_MAIN()
