/* Belongs to first.c. */
#include <antpool.h>

const char *version_seen_by_second_file(void);

const char *version_seen_by_second_file(void)
{
    return antpool_version();
}
