/* The header may be included more than once in a file. */
#include <antpool.h>
#include <antpool.h>

int main(void)
{
    return antpool_status_name(ANTPOOL_OK) != NULL ? 0 : 1;
}
