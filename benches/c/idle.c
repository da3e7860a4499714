/*
 * What idle pools cost: one pool for each combination of options, each of them used once and left alone
 * until its workers have expired, and then nothing for as many seconds as the last argument says.
 *
 *     PROGRAM antpool idle-wakeups SECONDS     how often a thread of the library was given a CPU
 *     PROGRAM antpool idle-cpu SECONDS         nanoseconds of CPU that they used
 */
#include "bench.h"

#include <antpool.h>
#include <sys/resource.h>

enum { WORKERS = 4, EXPIRY_MS = 50, MAX_POOLS = 256 };

static antpool_t *pools[MAX_POOLS];
static int count;

static void nothing(void *arg)
{
    (void)arg;
}

static void make(uint32_t kind, unsigned flags, size_t queue, size_t min_workers)
{
    antpool_options_t options = ANTPOOL_OPTIONS_INIT;
    options.worker_kind = kind;
    options.expiry_ms = EXPIRY_MS;
    options.pre_alloc = (flags & 1) != 0;
    options.nonblocking = (flags & 2) != 0;
    options.disable_purge = (flags & 4) != 0;
    options.queue_capacity = queue;
    options.min_workers = min_workers;
    if (options.pre_alloc && queue == ANTPOOL_QUEUE_UNBOUNDED)
        return; /* There is no such pool. */
    if (antpool_new(WORKERS, &options, &pools[count]) != ANTPOOL_OK)
        bench_fail("a pool could not be made");
    for (int task = 0; task < 10 * WORKERS; task++)
        while (antpool_submit(pools[count], nothing, NULL) == ANTPOOL_ERR_OVERLOAD)
            bench_nap(1);
    count++;
}

static void make_all(void)
{
    static const size_t queues[] = { 0, 64, ANTPOOL_QUEUE_UNBOUNDED };
    for (uint32_t kind = ANTPOOL_WORKER_THREAD; kind <= ANTPOOL_WORKER_FIBER; kind++)
        for (unsigned flags = 0; flags < 8; flags++)
            for (int queue = 0; queue < 3; queue++)
                for (size_t least = 0; least <= 2; least += 2)
                    make(kind, flags, queues[queue], least);
}

static int64_t cpu_ns(const struct rusage *usage)
{
    return (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * INT64_C(1000000000)
           + (usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * INT64_C(1000);
}

/* What all threads but this one have used so far. */
static int64_t used(bool cpu)
{
    struct rusage all, own;
    if (getrusage(RUSAGE_SELF, &all) != 0 || getrusage(RUSAGE_THREAD, &own) != 0)
        bench_fail("getrusage");
    if (cpu)
        return cpu_ns(&all) - cpu_ns(&own);
    return all.ru_nvcsw + all.ru_nivcsw - own.ru_nvcsw - own.ru_nivcsw;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        bench_fail("usage: PROGRAM antpool idle-wakeups|idle-cpu SECONDS");
    bool cpu = strcmp(argv[2], "idle-cpu") == 0;
    long seconds = bench_number(argv[3], 1, 3600);
    make_all();
    for (int i = 0; i < count; i++)
        if (antpool_wait(pools[i]) != ANTPOOL_OK)
            bench_fail("antpool_wait");
    bench_nap(20 * EXPIRY_MS);
    int64_t before = used(cpu);
    bench_nap(seconds * 1000);
    int64_t after = used(cpu);
    for (int i = 0; i < count; i++)
        if (antpool_destroy(pools[i]) != ANTPOOL_OK)
            bench_fail("antpool_destroy");
    printf("%s %s %.1f\n", argv[1], argv[2], (double)(after - before));
    return EXIT_SUCCESS;
}
