// The half of the program that has no exceptions.
#include <antpool.hpp>

#if defined(__cpp_exceptions)
#error "to be compiled with -fno-exceptions"
#endif

int submit_without_exceptions(antpool_t *pool, int *sum);

int submit_without_exceptions(antpool_t *pool, int *sum)
{
    const antpool::pool_view view(pool);
    return static_cast<int>(view.submit(std::nothrow, [sum] { *sum += 1; }));
}
