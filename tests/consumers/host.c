/* Closes a plugin that has left workers behind, and lives on. */
#define _GNU_SOURCE

#include <dirent.h>
#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static sigjmp_buf before_the_fault;

static void on_fault(int signal)
{
    (void)signal;
    siglongjmp(before_the_fault, 1);
}

static int threads(void)
{
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    while (tasks != NULL && readdir(tasks) != NULL)
        count++;
    if (tasks != NULL)
        closedir(tasks);
    return count - 2; /* The directory and its parent. */
}

int main(int argc, char **argv)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_fault;
    sigaction(SIGSEGV, &action, NULL);

    void *plugin = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    int (*workers)(void) = NULL;
    if (plugin != NULL)
        *(void **)&workers = dlsym(plugin, "plugin_workers");
    if (workers == NULL || workers() != 1 || dlclose(plugin) != 0) {
        fprintf(stderr, "the plugin cannot be used: %s\n", dlerror());
        return 1;
    }
    /* The workers expire in code that is still there, and so does a fault of the host's find its handler. */
    for (int tenths = 0; threads() > 1; tenths++) {
        if (tenths == 600) {
            fprintf(stderr, "%d threads are left\n", threads());
            return 1;
        }
        usleep(100 * 1000);
    }
    if (sigsetjmp(before_the_fault, 1) == 0) {
        volatile int *volatile nowhere = NULL;
        *nowhere = 1;
    }
    puts("the host goes on");
    return 0;
}
