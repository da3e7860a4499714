// Calls a task and catches the C++ exception that leaves it, without linking the C++ runtime.
//
// Every reference to that runtime is weak. In a process that has it (a C++ program, or a C program
// with a C++ library) they resolve and the exception is caught. In one that has not they stay null:
// no C++ exception can exist there, and the task is called directly. A type info that stayed null
// would make its catch clause match everything, so each symbol is looked at before a try is entered.

//
// It is compiled against whichever C++ library the compiler has, and meets another one at run time: so
// it includes only what both libstdc++ and libc++ define in the same way, and not <cxxabi.h>.

#include <exception>

__asm__(".weak __gxx_personality_v0");
__asm__(".weak __cxa_begin_catch");
__asm__(".weak __cxa_end_catch");
__asm__(".weak __cxa_rethrow");
__asm__(".weak __cxa_get_globals");
__asm__(".weak _ZSt9terminatev"); // clang calls it when the end of a handler throws.
__asm__(".weak _ZTISt9exception");
__asm__(".weak _ZTIN10__cxxabiv115__forced_unwindE");

extern "C" {
// Functions are declared as such: clang knows the personality by its being one.
int __gxx_personality_v0(...) __attribute__((weak));
void *__cxa_begin_catch(void *) noexcept __attribute__((weak));
void __cxa_end_catch() __attribute__((weak));
void __cxa_rethrow() __attribute__((weak));
void *__cxa_get_globals() __attribute__((weak));
extern const char exception_type __asm__("_ZTISt9exception") __attribute__((weak));
extern const char forced_type __asm__("_ZTIN10__cxxabiv115__forced_unwindE") __attribute__((weak));

using Function = void (*)(void *);
using Caught = void (*)(const char *);
using IsPanicking = bool (*)();
}

// What libstdc++ declares in <cxxabi.h>, and libc++ has not: the type under which the end of a thread
// unwinds. Its type information is the runtime's, because the destructor is.
namespace __cxxabiv1 {
class __forced_unwind {
    virtual ~__forced_unwind();
    virtual void __pure_dummy() = 0;
};
} // namespace __cxxabiv1

// libstdc++: the end of a thread (pthread_exit, a cancellation) is an exception too, and must go on.
static void call_under_libstdcxx(Function function, void *arg, Caught caught, IsPanicking is_panicking)
{
    try {
        function(arg);
    } catch (__cxxabiv1::__forced_unwind &) {
        throw;
    } catch (const std::exception &exception) {
        caught(exception.what());
    } catch (...) {
        // What it is cannot be asked: the type of a foreign exception is not to be looked at.
        if (is_panicking()) {
            throw;
        }
        caught("a C++ exception that is not a std::exception");
    }
}

// Another runtime, such as libc++, which has no type for the end of a thread and does not catch it.
static void call_under_other(Function function, void *arg, Caught caught, IsPanicking is_panicking)
{
    try {
        function(arg);
    } catch (const std::exception &exception) {
        caught(exception.what());
    } catch (...) {
        if (is_panicking()) {
            throw;
        }
        caught("a C++ exception that is not a std::exception");
    }
}

// Whether there is a runtime. Set before anything of the library is called.
extern "C" __attribute__((visibility("hidden"))) const bool antpool_shim_has_runtime =
    __gxx_personality_v0 && __cxa_begin_catch && __cxa_end_catch && __cxa_rethrow && &exception_type;

// Where the C++ runtime keeps what the calling thread's exceptions are at, or NULL. The ABI that it
// keeps to says what is there: a list of those caught and a count of those uncaught.
extern "C" __attribute__((visibility("hidden"))) void *antpool_shim_exceptions()
{
    return __cxa_get_globals ? __cxa_get_globals() : nullptr;
}

extern "C" __attribute__((visibility("hidden"))) void antpool_shim_call(Function function, void *arg,
                                                                        Caught caught,
                                                                        IsPanicking is_panicking)
{
    if (&forced_type) {
        call_under_libstdcxx(function, arg, caught, is_panicking);
    } else {
        call_under_other(function, arg, caught, is_panicking);
    }
}
