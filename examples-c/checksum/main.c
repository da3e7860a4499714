/*
 * checksum: prints the SHA-256 of every regular file below the directories and files it is given,
 * in the format of sha256sum, sorted by path. The files are hashed by the workers of a pool.
 *
 * It shows a pool in a real program: the capacity of the pool is the only bound that is needed.
 * A submit waits while every worker has a file, so at most N files are open and N blocks in memory
 * however many files there are. With -j 0 the same work is done without a pool, one file after
 * the other; the output is the same, byte for byte.
 *
 * Build and run:
 *     cc -Iinclude examples-c/checksum/[a-z]*.c target/release/libantpool.a -lpthread -ldl -lm \
 *         -o checksum
 *     ./checksum src include
 */
#define _GNU_SOURCE /* getopt_long; O_NOFOLLOW and O_CLOEXEC also with -std=c99 */

#include "files.h"
#include "progress.h"

#include <antpool.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_SOME_FAILED = 1, EXIT_USAGE = 2, JOBS_MAX = 256, BLOCK_SIZE = 64 * 1024 };

static const char help[] =
    "Usage: checksum [-j N] PATH...\n"
    "Print the SHA-256 of each PATH that is a file and of every regular file below each PATH that\n"
    "is a directory, in the format of sha256sum, sorted by path. Symbolic links are not followed.\n"
    "\n"
    "  -j N    hash with N workers, 1 to 256 (default: the number of usable CPUs);\n"
    "          0 hashes one file after the other, without a pool\n"
    "  --help  print this help and exit\n"
    "\n"
    "Exit status: 0 if every file was hashed, 1 if not, 2 for a wrong command line.\n";

/* Returns 0 or an errno value. */
static int hash_open_file(int fd, uint8_t digest[SHA256_SIZE])
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return errno;
    if (!S_ISREG(status.st_mode)) /* It was one when it was found. */
        return NOT_A_FILE;

    struct sha256 hash;
    unsigned char block[BLOCK_SIZE];
    sha256_begin(&hash);
    for (;;) {
        ssize_t size = read(fd, block, sizeof block);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return errno;
        if (size == 0)
            break;
        sha256_add(&hash, block, (size_t)size);
        progress_add((uint64_t)size);
    }
    sha256_end(&hash, digest);
    return 0;
}

/* The task. Each writes only to its own file of the list, so no lock is needed. */
static void hash_file(void *arg)
{
    struct file *file = arg;
    /* O_NONBLOCK: if a pipe has taken the place of the file, do not wait for its writer. */
    int fd = open(file->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        file->error = errno;
        return;
    }
    file->error = hash_open_file(fd, file->digest);
    close(fd);
}

/* Waits for room as long as it takes, but comes back every now and then to paint the bar. */
static antpool_status_t submit(antpool_t *pool, struct file *file)
{
    antpool_status_t status;
    do {
        progress_add(0);
        status = antpool_submit_timeout(pool, hash_file, file, PROGRESS_INTERVAL_MS);
    } while (status == ANTPOOL_ERR_TIMED_OUT);
    return status;
}

static antpool_status_t hash_with_pool(struct file_list *list, int64_t jobs)
{
    antpool_options_t options = ANTPOOL_OPTIONS_INIT;
    options.name = "checksum";
    antpool_t *pool;
    antpool_status_t status = antpool_new(jobs, &options, &pool);
    if (status != ANTPOOL_OK)
        return status;

    for (size_t i = 0; i < list->count && status == ANTPOOL_OK; i++)
        if (list->files[i].error == 0)
            status = submit(pool, &list->files[i]);

    antpool_status_t waited;
    while ((waited = antpool_wait_timeout(pool, PROGRESS_INTERVAL_MS)) == ANTPOOL_ERR_TIMED_OUT)
        progress_add(0);
    antpool_status_t destroyed = antpool_destroy(pool);
    return status != ANTPOOL_OK ? status : waited != ANTPOOL_OK ? waited : destroyed;
}

static void hash_in_sequence(struct file_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->files[i].error == 0)
            hash_file(&list->files[i]);
}

static int64_t parse_jobs(const char *text)
{
    char *end;
    errno = 0;
    long jobs = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || jobs < 0 || jobs > JOBS_MAX) {
        fprintf(stderr, "checksum: -j takes a number from 0 to %d, not '%s'\n", JOBS_MAX, text);
        exit(EXIT_USAGE);
    }
    return jobs;
}

static int64_t default_jobs(void)
{
    size_t cpus = antpool_usable_cpus();
    return cpus < JOBS_MAX ? (int64_t)cpus : JOBS_MAX;
}

static int finish_output(int status)
{
    /* A full disk shows only when the buffer is written out. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("checksum: cannot write to standard output\n", stderr);
        return EXIT_SOME_FAILED;
    }
    return status;
}

int main(int argc, char **argv)
{
    static const struct option long_options[] = {{"help", no_argument, NULL, 'h'},
                                                 {NULL, 0, NULL, 0}};
    int64_t jobs = default_jobs();
    int option;
    while ((option = getopt_long(argc, argv, "j:", long_options, NULL)) != -1) {
        switch (option) {
        case 'j': jobs = parse_jobs(optarg); break;
        case 'h': fputs(help, stdout); return finish_output(EXIT_SUCCESS);
        default: /* getopt_long has said what is wrong. */
            fputs("Try 'checksum --help'.\n", stderr);
            return EXIT_USAGE;
        }
    }
    if (optind == argc) {
        fputs("checksum: no files given\nTry 'checksum --help'.\n", stderr);
        return EXIT_USAGE;
    }

    struct file_list list = {NULL, 0, 0};
    for (int i = optind; i < argc; i++)
        files_find(&list, argv[i]);
    files_sort(&list);

    uint64_t bytes = 0;
    for (size_t i = 0; i < list.count; i++)
        bytes += list.files[i].size;
    progress_begin(bytes);
    antpool_status_t status = ANTPOOL_OK;
    if (jobs > 0)
        status = hash_with_pool(&list, jobs);
    else
        hash_in_sequence(&list);
    progress_end();
    if (status != ANTPOOL_OK) {
        fprintf(stderr, "checksum: %s\n", antpool_status_message(status));
        files_free(&list);
        return EXIT_SOME_FAILED;
    }

    size_t errors = files_print(&list);
    files_free(&list);
    return finish_output(errors == 0 ? EXIT_SUCCESS : EXIT_SOME_FAILED);
}
