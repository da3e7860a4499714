/* Names, messages, versions and the number of CPUs. */
#include "spec.h"

#include <ctype.h>
#include <limits.h>
#include <sched.h>

typedef struct status_row_t {
    antpool_status_t status;
    int number;
    const char *name;
} status_row_t;

/* The numbers are part of the ABI: programs in other languages have copied them. */
#define STATUS(status, number)  \
    {                           \
        status, number, #status \
    }
static const status_row_t statuses[] = {
    STATUS(ANTPOOL_OK, 0),
    STATUS(ANTPOOL_ERR_INVALID_ARGUMENT, 1),
    STATUS(ANTPOOL_ERR_CLOSED, 2),
    STATUS(ANTPOOL_ERR_OVERLOAD, 3),
    STATUS(ANTPOOL_ERR_TIMED_OUT, 4),
    STATUS(ANTPOOL_ERR_NO_FUNCTION, 5),
    STATUS(ANTPOOL_ERR_INVALID_EXPIRY, 6),
    STATUS(ANTPOOL_ERR_INVALID_PREALLOC, 7),
    STATUS(ANTPOOL_ERR_INVALID_POOL_INDEX, 8),
    STATUS(ANTPOOL_ERR_INVALID_STRATEGY, 9),
    STATUS(ANTPOOL_ERR_INVALID_POOL_COUNT, 10),
    STATUS(ANTPOOL_ERR_SPAWN, 11),
    STATUS(ANTPOOL_ERR_NO_MEMORY, 12),
    STATUS(ANTPOOL_ERR_DEADLOCK, 13),
    STATUS(ANTPOOL_ERR_FORKED, 14),
    STATUS(ANTPOOL_ERR_CANCELED, 15),
    STATUS(ANTPOOL_ERR_ALREADY_STARTED, 16),
    STATUS(ANTPOOL_ERR_UNSUPPORTED, 17),
    STATUS(ANTPOOL_ERR_TASK_FAILED, 18),
    STATUS(ANTPOOL_ERR_BUSY, 19),
};
enum { STATUSES = sizeof statuses / sizeof *statuses };

SPEC(each_status_has_its_number_and_its_name)
{
    for (int i = 0; i < STATUSES; i++) {
        CHECK_EQ(statuses[i].status, statuses[i].number);
        CHECK_TEXT(antpool_status_name(statuses[i].number), statuses[i].name);
    }
}

SPEC(each_status_has_a_message_of_its_own_without_a_line_end)
{
    for (int i = 0; i < STATUSES; i++) {
        const char *message = antpool_status_message(i);
        CHECK(message != NULL && isprint((unsigned char)message[0]));
        CHECK(strchr(message, '\n') == NULL);
        for (int other = 0; other < i; other++)
            CHECK(strcmp(message, antpool_status_message(other)) != 0);
    }
}

SPEC(any_other_integer_has_a_name_and_a_message_too)
{
    const int others[] = {ANTPOOL_ERR_UNKNOWN, STATUSES, 1000, INT_MAX, INT_MIN, INT_MIN + 1};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        CHECK_TEXT(antpool_status_name(others[i]), "ANTPOOL_ERR_UNKNOWN");
        CHECK(antpool_status_message(others[i]) != NULL);
        CHECK(antpool_status_message(others[i])[0] != '\0');
    }
}

SPEC(names_and_messages_are_constant)
{
    for (int i = -1; i <= STATUSES; i++) {
        CHECK(antpool_status_name(i) == antpool_status_name(i));
        CHECK(antpool_status_message(i) == antpool_status_message(i));
    }
}

SPEC(the_version_of_the_header_is_that_of_the_library)
{
    char version[64];
    snprintf(version, sizeof version, "%d.%d.%d", ANTPOOL_VERSION_MAJOR, ANTPOOL_VERSION_MINOR,
             ANTPOOL_VERSION_PATCH);
    CHECK_TEXT(antpool_version(), version);
}

SPEC(the_constants_keep_what_was_promised)
{
    CHECK_GE(ANTPOOL_CAPACITY_MAX, (1 << 24) - 1);
    CHECK_EQ(ANTPOOL_UNLIMITED, -1);
    CHECK_GE(ANTPOOL_COPY_MAX, 32);
    CHECK(ANTPOOL_WAIT_FOREVER == UINT64_MAX);
    CHECK(ANTPOOL_QUEUE_UNBOUNDED == SIZE_MAX);
    CHECK_EQ(ANTPOOL_WORKER_THREAD, 0);
    CHECK_EQ(ANTPOOL_WORKER_FIBER, 1);
}

SPEC(usable_cpus_respects_the_affinity)
{
    size_t all = antpool_usable_cpus();
    CHECK_GE(all, 1);
    CHECK_LE(all, sysconf(_SC_NPROCESSORS_ONLN));

    cpu_set_t mine, one;
    CHECK_EQ(sched_getaffinity(0, sizeof mine, &mine), 0);
    int first = 0;
    while (!CPU_ISSET(first, &mine))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    CHECK_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    CHECK_EQ(antpool_usable_cpus(), 1);
}

SPEC_MAIN()
