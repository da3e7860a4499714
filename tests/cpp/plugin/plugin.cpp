// A plugin whose task throws.
#include <antpool.hpp>

#include <stdexcept>

extern "C" void plugin_start(antpool_t *pool)
{
    antpool::pool_view(pool).submit([] { throw std::runtime_error("from the plugin"); });
}
