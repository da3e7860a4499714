/* The header may be included in more than one file of a program; the other is second.c. */
#include <antpool.h>

const char *version_seen_by_second_file(void);

int main(void)
{
    return antpool_version() == version_seen_by_second_file() ? 0 : 1;
}
