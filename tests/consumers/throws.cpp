// A plain function throws, and the panic handler hears why; the exit status says whether it did.
#include <antpool.h>

#include <cstring>
#include <stdexcept>

static void throws(void *)
{
    throw std::runtime_error("picture 3 is broken");
}

static void on_panic(void *heard, const antpool_panic_info_t *info)
{
    *static_cast<bool *>(heard) = std::strcmp(info->message, "picture 3 is broken") == 0;
}

int main()
{
    bool heard = false;
    antpool_options_t options = ANTPOOL_OPTIONS_INIT;
    options.panic_handler = on_panic;
    options.panic_data = &heard;
    antpool_t *pool = nullptr;
    if (antpool_new(1, &options, &pool) != ANTPOOL_OK)
        return 1;
    if (antpool_submit(pool, throws, nullptr) != ANTPOOL_OK)
        return 2;
    if (antpool_destroy(pool) != ANTPOOL_OK)
        return 3;
    return heard ? 0 : 4;
}
