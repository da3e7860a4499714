// Runs one task, whose result the exit status says.
#include <antpool.hpp>

int main()
{
    antpool::pool pool(1);
    return pool.async([] { return 0; }).get();
}
