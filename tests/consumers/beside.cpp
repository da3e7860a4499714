// antpool's static library in one program with another one written in Rust and with C++ exceptions:
// each catches its own. The exit status says whether they do.
#include <antpool.h>

#include <cstring>
#include <stdexcept>

extern "C" int other_catches();

static int heard;

static void on_panic(void *, const antpool_panic_info_t *info)
{
    heard +=
        std::strcmp(info->message, "from C") == 0 || std::strcmp(info->message, "from C++") == 0;
}

static bool is_caught()
{
    try {
        throw std::runtime_error("the program's own");
    } catch (const std::exception &) {
        return true;
    }
}

int main()
{
    antpool_options_t options = ANTPOOL_OPTIONS_INIT;
    options.panic_handler = on_panic;
    antpool_t *pool = nullptr;
    if (!is_caught() || antpool_new(1, &options, &pool) != ANTPOOL_OK)
        return 1;
    if (antpool_submit(
            pool, [](void *) { throw std::runtime_error("from C++"); }, nullptr) != ANTPOOL_OK)
        return 2;
    if (antpool_submit(
            pool, [](void *) { antpool_panic("from C"); }, nullptr) != ANTPOOL_OK)
        return 3;
    if (antpool_destroy(pool) != ANTPOOL_OK || heard != 2)
        return 4;
    return other_catches() && is_caught() ? 0 : 5;
}
