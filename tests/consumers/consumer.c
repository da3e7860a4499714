/* Runs one task, and prints a sentence of the library; the exit status says whether it ran. */
#include <antpool.h>

#include <stdio.h>

static void set(void *flag)
{
    *(int *)flag = 1;
}

int main(void)
{
    int ran = 0;
    antpool_t *pool = NULL;
    if (antpool_new(1, NULL, &pool) != ANTPOOL_OK)
        return 1;
    if (antpool_submit(pool, set, &ran) != ANTPOOL_OK)
        return 2;
    if (antpool_destroy(pool) != ANTPOOL_OK)
        return 3;
    puts(antpool_status_message(ANTPOOL_ERR_CLOSED));
    return ran ? 0 : 4;
}
