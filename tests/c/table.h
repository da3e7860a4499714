/*
 * Rows of a table of calls: each is one call, made in several situations, with the answer that is
 * right in each of them. They register themselves, as sentences do. tests/tables.rs fails when a
 * function of the header has no rows.
 *
 *     ROW(antpool_tune, <what the row is about>, OK, CLOSED, FORKED, (pool, 3))
 *
 * A call is written as what follows the name of the function; `pool` is the pool it is about. An
 * answer is a status, or the number that a getter gives.
 */
#ifndef ANTPOOL_SPEC_TABLE_H
#define ANTPOOL_SPEC_TABLE_H

#include "spec.h"
#include <fcntl.h>

/* The statuses, short enough for a table. */
enum {
    OK = ANTPOOL_OK,
    INVALID = ANTPOOL_ERR_INVALID_ARGUMENT,
    CLOSED = ANTPOOL_ERR_CLOSED,
    OVERLOAD = ANTPOOL_ERR_OVERLOAD,
    TIMED_OUT = ANTPOOL_ERR_TIMED_OUT,
    NO_FUNCTION = ANTPOOL_ERR_NO_FUNCTION,
    DEADLOCK = ANTPOOL_ERR_DEADLOCK,
    FORKED = ANTPOOL_ERR_FORKED,
    NO_RETURN = -1000, /* the call does not come back, its task ends */
    ABORTS = -1001     /* nor does its process */
};

/* An end of a pipe that a write to would not block, or that a read from would. */
static inline int pipe_end(bool writable)
{
    static int ends[2] = {-1, -1};
    if (ends[0] < 0)
        CHECK_EQ(pipe(ends), 0);
    return ends[writable];
}

/* Where any amount may be written to. */
static inline int nowhere(void)
{
    static int fd = -1;
    if (fd < 0)
        fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    return fd;
}

/* The most situations of a table. */
enum { SITUATIONS = 4 };

typedef struct row_t {
    const char *function;
    const char *about;
    int line;
    long long answers[SITUATIONS];
    long long (*call)(antpool_t *pool);
    struct row_t *next;
} row_t;

static row_t *first_row, **end_of_rows = &first_row;

static inline void row_register(row_t *row)
{
    *end_of_rows = row;
    end_of_rows = &row->next;
}

/* A row whose call and answers are known. */
#define TABLE_ROW(function, about, ...) TABLE_ROW_(function, about, __VA_ARGS__)
#define TABLE_ROW_(function, about, a, b, c, d, ...)                                              \
    static long long call_##function##_##about(antpool_t *pool)                                   \
    {                                                                                             \
        (void)pool;                                                                               \
        return (long long)(function __VA_ARGS__);                                                 \
    }                                                                                             \
    __attribute__((constructor)) static void row_##function##_##about(void)                       \
    {                                                                                             \
        static row_t row = {#function, #about, __LINE__, {a, b, c, d}, call_##function##_##about, \
                            NULL};                                                                \
        row_register(&row);                                                                       \
    }

static inline void row_check(const char *file, const row_t *row, int situation,
                             const char *situation_name, long long answer)
{
    if (answer != row->answers[situation])
        spec_fail(file, row->line, "%s, %s, %s: %lld and not %lld", row->function, row->about,
                  situation_name, answer, row->answers[situation]);
}

#endif
