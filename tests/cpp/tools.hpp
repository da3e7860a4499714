// What the sentences about antpool.hpp share: ../c/spec.h, and what is C++ about them.
#ifndef ANTPOOL_CPP_TOOLS_HPP
#define ANTPOOL_CPP_TOOLS_HPP

#include "../c/spec.h"

#include <antpool.hpp>

#include <atomic>
#include <chrono>
#include <type_traits>
#include <utility>

using namespace std::chrono_literals;
using antpool::status;

// How a call with std::nothrow has to end.
#define CHECK_SAYS(call, expected) CHECK_STATUS(static_cast<int>(call), static_cast<int>(expected))

// The defaults, with the kind of worker that the sentence is run for.
inline antpool::options how()
{
    antpool::options options;
    options.worker = static_cast<antpool::worker_kind>(spec_current_kind);
    return options;
}

// A gate of spec.h that holds tasks of a pool back. It lets them pass when it goes out of scope, so
// that it has to be declared after the pool.
class Gate {
public:
    explicit Gate(antpool::pool_view pool, long tasks = 0) : pool_(pool) { hold(tasks); }
    Gate(const Gate &) = delete;
    Gate &operator=(const Gate &) = delete;
    ~Gate()
    {
        open();
        CHECK_SAYS(pool_.wait(std::nothrow), status::ok);
    }

    // Returns when this number of further tasks has begun and stays.
    void hold(long tasks) { spec_hold(pool_.native_handle(), &gate_, tasks); }
    void open() { gate_open(&gate_); }

private:
    antpool::pool_view pool_;
    gate_t gate_ = GATE_INIT;
};

// Counts the objects that live. Neither small nor trivially copyable.
struct Witness {
    static inline std::atomic<long> alive{0};
    long ballast[8] = {};

    Witness() noexcept { ++alive; }
    Witness(const Witness &) noexcept { ++alive; }
    Witness(Witness &&) noexcept { ++alive; }
    Witness &operator=(const Witness &) = delete;
    Witness &operator=(Witness &&) = delete;
    ~Witness() { --alive; }
};

#if defined(__cpp_exceptions)
// The status with which a call throws; ok if it does not.
template <class Call> status thrown_by(Call &&call)
{
    try {
        static_cast<void>(std::forward<Call>(call)());
    } catch (const std::system_error &error) {
        CHECK(error.code().category() == antpool::error_category());
        return static_cast<status>(error.code().value());
    }
    return status::ok;
}
#define CHECK_THROWS(call, expected) CHECK_SAYS(thrown_by([&] { return (call); }), expected)
#endif

#endif
