/* The list of the files to hash: found by walking, sorted by path, printed at the end. */
#ifndef CHECKSUM_FILES_H
#define CHECKSUM_FILES_H

#include "sha256.h"

#include <stddef.h>
#include <stdint.h>

/* In place of an errno value: neither a regular file nor a directory. */
#define NOT_A_FILE (-1)

struct file {
    char *path;
    uint64_t size; /* When it was found; only the progress bar relies on it. */
    int error;     /* 0, an errno value or NOT_A_FILE. */
    uint8_t digest[SHA256_SIZE];
};

struct file_list {
    struct file *files;
    size_t count;
    size_t room;
};

/* Adds a file, or every regular file below a directory. Symbolic links are not followed. What
 * cannot be read is in the list too, with its error. Ends the program when memory runs out. */
void files_find(struct file_list *list, const char *path);
void files_sort(struct file_list *list);

/* Prints digests to stdout in the format of sha256sum and errors to stderr, both in the order of
 * the list. Returns the number of errors. */
size_t files_print(const struct file_list *list);
void files_free(struct file_list *list);

#endif
