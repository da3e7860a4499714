// Calls a task and catches the C++ exception that leaves it, whichever C++ runtime threw it.
//
// The library is linked to no C++ runtime. A process may have none; one in the global scope (a C++ program);
// or several that only their users see (the extensions of a Python, the plugins of a server), loaded before
// the library or after it. So the catching frame has a personality of its own, which needs no runtime: it
// stops exceptions by their class. What is caught says by whom: its cleanup function lies in its runtime.
//
// It is compiled against whichever C++ library the compiler has, and meets another one at run time: so
// it includes only what both libstdc++ and libc++ define in the same way, and not <cxxabi.h>.

#include <dlfcn.h>
#include <exception>
#include <setjmp.h>
#include <stdint.h>
#include <unwind.h>

// The runtime in the global scope, if there is one. A program that has it inside exports it for this, too.
extern "C" {
void *__cxa_begin_catch(void *) noexcept __attribute__((weak));
void __cxa_end_catch() __attribute__((weak));
const void *__cxa_current_exception_type() __attribute__((weak));
void *__cxa_current_primary_exception() noexcept __attribute__((weak)); // libc++ has it
void *__cxa_get_globals() noexcept __attribute__((weak));
extern const char exception_type __asm__("_ZTISt9exception") __attribute__((weak));

using Function = void (*)(void *);
using Caught = void (*)(const char *);
}

namespace {

// What is used of a C++ runtime.
struct Runtime {
    void *(*begin_catch)(void *);
    void (*end_catch)();
    const void *(*current_type)();
    void *(*current_primary)();
    const void *exception_type;

    bool is_complete() const { return begin_catch && end_catch && current_type && exception_type; }
};

// The start of the file that has this address in memory.
const void *file_of(const void *address)
{
    Dl_info info;
    return dladdr(address, &info) ? info.dli_fbase : nullptr;
}

template <typename Pointer> void look_up(void *file, const char *name, Pointer &found)
{
    found = reinterpret_cast<Pointer>(dlsym(file, name));
}

// The runtime that has the function at `origin`.
Runtime runtime_of(const void *origin)
{
    Runtime global = {__cxa_begin_catch, __cxa_end_catch, __cxa_current_exception_type,
                      __cxa_current_primary_exception, &exception_type};
    Dl_info info;
    if (!dladdr(origin, &info)) {
        return global; // Statically linked: there is no other.
    }
    const void *begin_catch = reinterpret_cast<const void *>(global.begin_catch);
    if (begin_catch && file_of(begin_catch) == info.dli_fbase) {
        return global;
    }
    Runtime runtime = {};
    if (void *file = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD)) {
        look_up(file, "__cxa_begin_catch", runtime.begin_catch);
        look_up(file, "__cxa_end_catch", runtime.end_catch);
        look_up(file, "__cxa_current_exception_type", runtime.current_type);
        look_up(file, "__cxa_current_primary_exception", runtime.current_primary);
        look_up(file, "_ZTISt9exception", runtime.exception_type);
        dlclose(file); // The exception keeps it.
    }
    return runtime;
}

// The first seven bytes of the class say whose it is, the last one whether it is a further reference to
// an exception that is kept elsewhere (std::rethrow_exception).
constexpr uint64_t of_gnu = 0x474e5543432b2b00;  // "GNUCC++"
constexpr uint64_t of_llvm = 0x434c4e47432b2b00; // "CLNGC++"

uint64_t vendor_of(uint64_t exception_class)
{
    return exception_class & ~uint64_t{0xff};
}

// What was thrown: it lies behind its header.
void *thrown_by(_Unwind_Exception *exception, const Runtime &runtime)
{
    if ((exception->exception_class & 0xff) == 0) {
        return exception + 1;
    }
    if (vendor_of(exception->exception_class) == of_llvm) {
        return runtime.current_primary ? runtime.current_primary() : nullptr;
    }
    // libstdc++ keeps the pointer to it first in the header of a reference, 80 bytes before this part.
    return reinterpret_cast<void **>(exception)[-10];
}

_Unwind_Reason_Code stop(_Unwind_Context *, void *)
{
    return _URC_END_OF_STACK;
}

// The message of the exception that the runtime has in hand, if it is a std::exception.
const char *message_of(_Unwind_Exception *exception, const Runtime &runtime)
{
    void *thrown = thrown_by(exception, runtime);
    const void *type = runtime.current_type();
    if (thrown && type) {
        // The question that a catch clause asks of its type: is that one mine, and where in it am I? Both
        // runtimes have it fifth in the table of virtual functions.
        using Catches = bool (*)(const void *self, const void *type, void **thrown, unsigned outer);
        const Catches *table = *static_cast<const Catches *const *>(runtime.exception_type);
        if (table[4](runtime.exception_type, type, &thrown, 1)) {
            return static_cast<const std::exception *>(thrown)->what();
        }
    }
    return "a C++ exception that is not a std::exception";
}

} // namespace

extern "C" {

// Calls function(arg); NULL when it has returned, else the C++ exception that has left it.
__attribute__((visibility("hidden"))) _Unwind_Exception *antpool_shim_catching(Function function,
                                                                               void *arg);
__attribute__((visibility("hidden"))) extern const char antpool_shim_landing;

// The personality of that frame. Whatever is not a C++ exception goes on: a panic of Rust, and the end of a
// thread, which the frames above know.
__attribute__((visibility("hidden"))) _Unwind_Reason_Code
antpool_shim_personality(int, _Unwind_Action actions, uint64_t exception_class,
                         _Unwind_Exception *exception, _Unwind_Context *context)
{
    uint64_t vendor = vendor_of(exception_class);
    if ((actions & _UA_FORCE_UNWIND) || (vendor != of_gnu && vendor != of_llvm)) {
        return _URC_CONTINUE_UNWIND;
    }
    if (actions & _UA_SEARCH_PHASE) {
        return _URC_HANDLER_FOUND;
    }
    if (!(actions & _UA_HANDLER_FRAME)) {
        return _URC_CONTINUE_UNWIND;
    }
    // An exception of code that is linked with an unwinder of its own may be the first thing that ours hears of:
    // it sets itself up in a call of this kind only.
    _Unwind_Backtrace(stop, nullptr);
    _Unwind_SetGR(context, __builtin_eh_return_data_regno(0),
                  reinterpret_cast<uintptr_t>(exception));
    _Unwind_SetIP(context, reinterpret_cast<uintptr_t>(&antpool_shim_landing));
    return _URC_INSTALL_CONTEXT;
}

// Tells of an exception that antpool_shim_catching() has caught, and ends it.
__attribute__((visibility("hidden"))) void antpool_shim_end_exception(_Unwind_Exception *exception,
                                                                      Caught caught)
{
    const void *origin = reinterpret_cast<const void *>(exception->exception_cleanup);
    Runtime runtime = runtime_of(origin);
    if (!runtime.is_complete()) {
        caught("a C++ exception of a runtime that shows nothing of itself");
        _Unwind_DeleteException(exception);
        return;
    }
    runtime.begin_catch(exception);
    caught(message_of(exception, runtime));
    runtime.end_catch();
}

// Where the C++ runtime keeps what the calling thread's exceptions are at, or NULL. The ABI that it
// keeps to says what is there: a list of those caught and a count of those uncaught.
__attribute__((visibility("hidden"))) void *antpool_shim_exceptions()
{
    return __cxa_get_globals ? __cxa_get_globals() : nullptr;
}
}

// 0x1b: the personality's address is relative to where it stands. The landing finds what the call left, and the
// exception in the register of a result.
#if defined(__x86_64__)
__asm__(R"(
    .text
    .p2align 4
    .hidden antpool_shim_catching
    .globl antpool_shim_catching
    .type antpool_shim_catching, @function
antpool_shim_catching:
    .cfi_startproc
    .cfi_personality 0x1b, antpool_shim_personality
    endbr64
    subq $8, %rsp
    .cfi_def_cfa_offset 16
    movq %rdi, %rax
    movq %rsi, %rdi
    call *%rax
    xorl %eax, %eax
    .hidden antpool_shim_landing
    .globl antpool_shim_landing
antpool_shim_landing:
    endbr64
    addq $8, %rsp
    .cfi_def_cfa_offset 8
    ret
    .cfi_endproc
    .size antpool_shim_catching, . - antpool_shim_catching
)");
#elif defined(__aarch64__)
__asm__(R"(
    .text
    .p2align 4
    .hidden antpool_shim_catching
    .globl antpool_shim_catching
    .type antpool_shim_catching, %function
antpool_shim_catching:
    .cfi_startproc
    .cfi_personality 0x1b, antpool_shim_personality
    hint #34
    stp x29, x30, [sp, #-16]!
    .cfi_def_cfa_offset 16
    .cfi_offset x29, -16
    .cfi_offset x30, -8
    mov x29, sp
    mov x9, x0
    mov x0, x1
    blr x9
    mov x0, #0
    .hidden antpool_shim_landing
    .globl antpool_shim_landing
antpool_shim_landing:
    hint #36
    ldp x29, x30, [sp], #16
    .cfi_def_cfa_offset 0
    .cfi_restore x29
    .cfi_restore x30
    ret
    .cfi_endproc
    .size antpool_shim_catching, . - antpool_shim_catching
)");
#else
#error "antpool_shim_catching() is written for x86-64 and for aarch64"
#endif

// Calls body(arg). False if that was left by antpool_shim_go_back(). Where to is written to *place.
extern "C" __attribute__((visibility("hidden"))) bool antpool_shim_call_at(Function body, void *arg,
                                                                           void **place)
{
    jmp_buf here;
    *place = &here;
    if (_setjmp(here)) {
        return false;
    }
    body(arg);
    return true;
}

extern "C" __attribute__((visibility("hidden"), noreturn)) void antpool_shim_go_back(void *place)
{
    longjmp(*static_cast<jmp_buf *>(place), 1);
}
