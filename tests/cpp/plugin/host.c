/*
 * A C program that uses antpool and then loads a plugin written in C++: the library was there
 * before the C++ runtime. The text of an exception that leaves a task of the plugin has to arrive.
 */
#include <antpool.h>

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static char message[100];

static void handler(void *data, const antpool_panic_info_t *info)
{
    (void)data;
    snprintf(message, sizeof message, "%s", info->message);
}

static int fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    return 1;
}

int main(int argc, char **argv)
{
    antpool_options_t options = ANTPOOL_OPTIONS_INIT;
    antpool_stats_t stats = ANTPOOL_STATS_INIT;
    antpool_t *pool;
    options.panic_handler = handler;
    if (argc != 2)
        return fail("usage: host PLUGIN");
    if (dlsym(RTLD_DEFAULT, "__cxa_throw") != NULL)
        return fail("the C++ runtime is there already, so that nothing would be shown");
    if (antpool_new(1, &options, &pool) != ANTPOOL_OK)
        return fail("no pool");

    void *plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (plugin == NULL)
        return fail(dlerror());
    void (*start)(antpool_t *);
    *(void **)&start = dlsym(plugin, "plugin_start");
    if (start == NULL)
        return fail("the plugin has no plugin_start");
    start(pool);

    if (antpool_wait(pool) != ANTPOOL_OK || antpool_get_stats(pool, &stats) != ANTPOOL_OK)
        return fail("the pool is out of order");
    if (strcmp(message, "from the plugin") != 0)
        return fail(message);
    if (stats.lost != 0)
        return fail("the exception cost a thread");
    return antpool_destroy(pool) == ANTPOOL_OK ? 0 : 1;
}
