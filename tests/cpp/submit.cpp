// What can be submitted, what it costs, and what becomes of it when it is refused.
#include "tools.hpp"

#include <array>
#include <cstdlib>
#include <functional>
#include <memory>
#include <new>

namespace {

thread_local long allocations = 0;
std::atomic<long> calls{0};

void *allocate(std::size_t size, std::size_t alignment)
{
    allocations++;
    void *memory = nullptr;
    return posix_memalign(&memory, alignment, size) == 0 ? memory : nullptr;
}

// Checked because the throwing form must not return null.
void *allocate_or_stop(std::size_t size, std::size_t alignment)
{
    void *const memory = allocate(size, alignment);
    CHECK(memory != nullptr);
    return memory;
}

} // namespace

void *operator new(std::size_t size)
{
    return allocate_or_stop(size, 16);
}
void *operator new(std::size_t size, const std::nothrow_t &) noexcept
{
    return allocate(size, 16);
}
void *operator new(std::size_t size, std::align_val_t alignment)
{
    return allocate_or_stop(size, static_cast<std::size_t>(alignment));
}
void *operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t &) noexcept
{
    return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void *memory) noexcept
{
    std::free(memory);
}
void operator delete(void *memory, std::size_t) noexcept
{
    std::free(memory);
}
void operator delete(void *memory, const std::nothrow_t &) noexcept
{
    std::free(memory);
}
void operator delete(void *memory, std::align_val_t) noexcept
{
    std::free(memory);
}
void operator delete(void *memory, std::size_t, std::align_val_t) noexcept
{
    std::free(memory);
}
void operator delete(void *memory, std::align_val_t, const std::nothrow_t &) noexcept
{
    std::free(memory);
}

namespace {

void function()
{
    ++calls;
}

struct OnlyAsRvalue {
    void operator()() && { ++calls; }
    void operator()() & = delete;
};

// Carries bytes, and notes whether they arrived as they were.
template <std::size_t size> struct Carrier {
    std::array<unsigned char, size> bytes;
    explicit Carrier(unsigned char first)
    {
        for (std::size_t i = 0; i < size; i++)
            bytes[i] = static_cast<unsigned char>(first + i);
    }
    void operator()() const
    {
        for (std::size_t i = 0; i < size; i++)
            CHECK_EQ(bytes[i], static_cast<unsigned char>(bytes[0] + i));
        ++calls;
    }
};

struct alignas(64) Aligned {
    int value = 7;
    void operator()() const
    {
        CHECK_EQ(reinterpret_cast<std::uintptr_t>(this) % 64, 0);
        CHECK_EQ(value, 7);
        ++calls;
    }
};

// Functions that would be found by the type of their argument, had the header not said which of its
// own it means.
namespace greedy {
struct Task {
    void operator()() const { ++calls; }
};
template <class... Anything> void call(Anything &&...) = delete;
template <class... Anything> void guarded(Anything &&...) = delete;
template <class... Anything> void is_empty(Anything &&...) = delete;
template <class... Anything> void place(Anything &&...) = delete;
template <class... Anything> void invoke(Anything &&...) = delete;
} // namespace greedy

// How many allocations the submit made on the thread that called it.
template <class Callable> long allocations_of(antpool::pool_view pool, Callable &&callable)
{
    const long before = allocations;
    CHECK_SAYS(pool.submit(std::nothrow, std::forward<Callable>(callable)), status::ok);
    return allocations - before;
}

} // namespace

SPEC(whatever_can_be_called_is_called_once)
{
    antpool::pool pool(2, how());
    auto owner = std::make_unique<int>(3);
    int captured = 5;
    std::function<void()> kept = function;
    auto counting = [] { ++calls; };
    pool.submit(function);
    pool.submit(&function);
    pool.submit(counting);
    pool.submit(std::ref(counting));
    pool.submit([captured] { calls += captured == 5; });
    pool.submit([owner = std::move(owner)] { calls += *owner == 3; });
    pool.submit(kept);
    pool.submit(std::move(kept));
    pool.submit(OnlyAsRvalue{});
    pool.submit([]() -> int { return static_cast<int>(++calls); });
    pool.submit(Aligned{});
    pool.wait();
    CHECK_EQ(calls, 11);
    CHECK(owner == nullptr);
}

SPEC(a_task_gets_every_byte_of_its_callable)
{
    antpool::pool pool(2, how());
    for (unsigned char first = 0; first < 200; first++) {
        pool.submit(Carrier<1>(first));
        pool.submit(Carrier<7>(first));
        pool.submit(Carrier<8>(first));
        pool.submit(Carrier<9>(first));
        pool.submit(Carrier<32>(first));
        pool.submit(Carrier<33>(first));
        pool.submit(Carrier<1000>(first));
        CHECK(pool.submit_for(antpool::forever, Carrier<9>(first)));
        EVENTUALLY(pool.try_submit(Carrier<9>(first)));
    }
    pool.wait();
    CHECK_EQ(calls, 200 * 9);
}

SPEC(trivially_copyable_callables_up_to_the_copy_maximum_cost_no_allocation)
{
    antpool::pool pool(1, how());
    CHECK_EQ(allocations_of(pool, [] {}), 0);
    CHECK_EQ(allocations_of(pool, function), 0);
    CHECK_EQ(allocations_of(pool, Carrier<sizeof(void *)>(1)), 0);
    CHECK_EQ(allocations_of(pool, Carrier<ANTPOOL_COPY_MAX>(1)), 0);
    pool.wait();
    const long before = allocations;
    CHECK_SAYS(pool.try_submit(std::nothrow, Carrier<ANTPOOL_COPY_MAX>(1)), status::ok);
    CHECK_SAYS(pool.submit_for(std::nothrow, 1s, Carrier<sizeof(void *)>(1)), status::ok);
    CHECK_EQ(allocations, before);
}

SPEC(other_callables_cost_one_allocation)
{
    antpool::pool pool(1, how());
    auto owner = std::make_unique<int>(1);
    CHECK_EQ(allocations_of(pool, Carrier<ANTPOOL_COPY_MAX + 1>(1)), 1);
    CHECK_EQ(allocations_of(pool, [owner = std::move(owner)] {}), 1);
    CHECK_EQ(allocations_of(pool, Witness{}.ballast[0] == 0 ? Aligned{} : Aligned{}), 1);
}

SPEC(a_callable_is_destroyed_before_the_wait_ends)
{
    antpool::pool pool(2, how());
    for (int i = 0; i < 100; i++)
        pool.submit([witness = Witness()] { ++calls; });
    pool.wait();
    CHECK_EQ(calls, 100);
    CHECK_EQ(Witness::alive, 0);
}

SPEC(a_refused_callable_is_destroyed_and_never_called)
{
    antpool::pool pool(1, how());
    const auto refused = [witness = Witness()] { ++calls; };
    {
        Gate gate(pool, 1);
        CHECK_SAYS(pool.try_submit(std::nothrow, refused), status::overload);
        CHECK_SAYS(pool.submit_for(std::nothrow, 1ms, refused), status::timed_out);
        CHECK(!pool.try_submit(refused));
        CHECK(!pool.submit_for(1ms, refused));
        CHECK_EQ(Witness::alive, 1);
    }
    CHECK_SAYS(pool.release(std::nothrow), status::ok);
    CHECK_SAYS(pool.submit(std::nothrow, refused), status::closed);
    CHECK_SAYS(pool.try_submit(std::nothrow, [witness = Witness()] { ++calls; }), status::closed);
    CHECK_SAYS(pool.submit_for(std::nothrow, 1s, refused), status::closed);
    CHECK_EQ(Witness::alive, 1);
    CHECK_SAYS(pool.close(std::nothrow), status::ok);
    CHECK_EQ(calls, 0);
}

SPEC(functions_of_the_caller_are_not_taken_for_those_of_the_header)
{
    antpool::pool pool(1, how());
    pool.submit(greedy::Task{});
    pool.submit([task = greedy::Task{}, witness = Witness()] { task(); });
    pool.async(greedy::Task{}).get();
    pool.wait();
    CHECK_EQ(calls, 3);
}

SPEC(an_empty_function_is_refused_where_it_is_submitted)
{
    antpool::pool pool(1, how());
    void (*const pointer)() = nullptr;
    const std::function<int()> empty;
    CHECK_SAYS(pool.submit(std::nothrow, pointer), status::invalid_argument);
    CHECK_SAYS(pool.try_submit(std::nothrow, empty), status::invalid_argument);
    CHECK_SAYS(pool.submit_for(std::nothrow, 1s, empty), status::invalid_argument);
    CHECK_EQ(pool.stats().submitted, 0);
}

SPEC(a_full_pool_is_waited_for_as_long_as_the_form_says)
{
    antpool::pool pool(1, how());
    Gate gate(pool, 1);
    CHECK(!pool.try_submit([] { ++calls; }));

    uint64_t before = spec_now();
    CHECK(!pool.submit_for(20ms, [] { ++calls; }));
    CHECK_GE(spec_now() - before, 20 * MS);

    std::future<status> waiter =
        std::async(std::launch::async, [&] { return pool.submit(std::nothrow, [] { ++calls; }); });
    EVENTUALLY(pool.waiting() == 1);
    gate.open();
    CHECK_SAYS(waiter.get(), status::ok);
    CHECK(pool.submit_for(antpool::forever, [] { ++calls; }));
    pool.wait();
    CHECK_EQ(calls, 2);
}

SPEC(a_task_may_submit_to_its_own_pool)
{
    antpool::pool pool(2, how());
    pool.submit([&pool] {
        CHECK(antpool::current_pool() == pool);
        antpool::current_pool().submit([] { ++calls; });
        ++calls;
    });
    pool.wait();
    CHECK_EQ(calls, 2);
    CHECK(!antpool::current_pool());
}

SPEC(a_nothrow_form_throws_only_what_the_callable_does)
{
    struct Quiet {
        std::unique_ptr<int> owner;
        void operator()() const {}
    };
    struct Loud {
        Loud() = default;
        Loud(const Loud &) noexcept(false) {}
        void operator()() const {}
    };
    const antpool::pool_view pool;
    const auto second = 1s;
    static_assert(noexcept(pool.submit(std::nothrow, std::declval<Quiet>())));
    static_assert(noexcept(pool.try_submit(std::nothrow, std::declval<Quiet>())));
    static_assert(noexcept(pool.submit_for(std::nothrow, second, std::declval<Quiet>())));
    static_assert(!noexcept(pool.submit(std::nothrow, std::declval<Loud>())));
    static_assert(noexcept(pool.wait_for(std::nothrow, second)));
    CHECK_SAYS(pool.submit(std::nothrow, Loud{}), status::invalid_argument);
}

#if defined(__cpp_exceptions)

SPEC(a_copy_that_throws_leaves_nothing_behind)
{
    struct Thrower {
        Witness witness{};
        Thrower() = default;
        Thrower(const Thrower &other) : witness(other.witness) { throw 42; }
        void operator()() const { ++calls; }
    };
    antpool::pool pool(1, how());
    const Thrower thrower;
    int thrown = 0;
    try {
        pool.submit(thrower);
    } catch (int number) {
        thrown = number;
    }
    CHECK_EQ(thrown, 42);
    CHECK_EQ(Witness::alive, 1);
    CHECK_EQ(pool.stats().submitted, 0);
}

#endif

SPEC_MAIN()
