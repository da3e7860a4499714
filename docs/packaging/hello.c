#include <antpool.h>

#include <stdio.h>

static void greet(void *name)
{
    printf("hello, %s\n", (const char *)name);
}

int main(void)
{
    antpool_t *pool = NULL;
    if (antpool_new(4, NULL, &pool) != ANTPOOL_OK)
        return 1;
    if (antpool_submit(pool, greet, "world") != ANTPOOL_OK)
        return 1;
    return antpool_destroy(pool) != ANTPOOL_OK; /* Returns when the task has run. */
}
