// The half of the program that has exceptions. That the header comes first shows that it needs
// nothing before it; that it comes twice, that it may.
#include <antpool.hpp>
#include <antpool.hpp>

#include <cstdio>
#include <cstring>

// In without.cpp; the types of the two halves differ, and the handle is what they share.
int submit_without_exceptions(antpool_t *pool, int *sum);

int main()
{
    int sum = 0;
    antpool::pool pool(1);
    if (submit_without_exceptions(pool.native_handle(), &sum) != ANTPOOL_OK)
        return 1;
    pool.submit([&sum] { sum += 2; });
    pool.wait();
    if (sum != 3) {
        std::fprintf(stderr, "sum %d\n", sum);
        return 1;
    }
    pool.release();
    if (submit_without_exceptions(pool.native_handle(), &sum) != ANTPOOL_ERR_CLOSED)
        return 1;
    // Had the linker taken the other half's functions, this would abort.
    try {
        pool.submit([] {});
    } catch (const std::system_error &error) {
        return error.code() == antpool::status::closed ? 0 : 1;
    }
    return 1;
}
