/* A plugin with the static library in it. What it offers to its host is this one function. */
#include <antpool.h>

int plugin_workers(void);

int plugin_workers(void)
{
    return (int)antpool_running(antpool_default());
}
