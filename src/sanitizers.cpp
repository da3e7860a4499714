// What a sanitizer in the program can be told, and is not there to be told in most programs.
//
// The library is not compiled with a sanitizer, so ThreadSanitizer sees neither its atomic operations nor
// its system calls, and no sanitizer sees that a fiber changes stacks. Every reference to their runtimes is
// weak: without a sanitizer the pointers below are null, and nothing is called.

#include <stddef.h>

extern "C" {
void __tsan_acquire(void *) __attribute__((weak));
void __tsan_release(void *) __attribute__((weak));
void *__tsan_get_current_fiber(void) __attribute__((weak));
void *__tsan_create_fiber(unsigned) __attribute__((weak));
void __tsan_destroy_fiber(void *) __attribute__((weak));
void __tsan_switch_to_fiber(void *, unsigned) __attribute__((weak));
void __sanitizer_start_switch_fiber(void **, const void *, size_t) __attribute__((weak));
void __sanitizer_finish_switch_fiber(void *, const void **, size_t *) __attribute__((weak));
void __asan_unpoison_memory_region(const volatile void *, size_t) __attribute__((weak));
void __lsan_register_root_region(const void *, size_t) __attribute__((weak));
void __lsan_unregister_root_region(const void *, size_t) __attribute__((weak));

struct antpool_sanitizer_calls {
    void (*acquire)(void *);
    void (*release)(void *);
    void *(*current_fiber)(void);
    void *(*create_fiber)(unsigned);
    void (*destroy_fiber)(void *);
    void (*switch_to_fiber)(void *, unsigned);
    void (*start_switch)(void **, const void *, size_t);
    void (*finish_switch)(void *, const void **, size_t *);
    void (*unpoison)(const volatile void *, size_t);
    void (*register_root)(const void *, size_t);
    void (*unregister_root)(const void *, size_t);
};

// The order of the fields is that of `Calls` in sanitizers.rs.
__attribute__((visibility("hidden"))) extern const antpool_sanitizer_calls antpool_sanitizers;
const antpool_sanitizer_calls antpool_sanitizers = {
    __tsan_acquire,
    __tsan_release,
    __tsan_get_current_fiber,
    __tsan_create_fiber,
    __tsan_destroy_fiber,
    __tsan_switch_to_fiber,
    __sanitizer_start_switch_fiber,
    __sanitizer_finish_switch_fiber,
    __asan_unpoison_memory_region,
    __lsan_register_root_region,
    __lsan_unregister_root_region,
};
}
