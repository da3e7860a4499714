#define _GNU_SOURCE /* lstat, O_DIRECTORY, O_NOFOLLOW and fdopendir also with -std=c99 */

#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void *must_have(void *memory)
{
    if (memory == NULL) {
        fputs("checksum: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

/* The list takes the path over. */
static void append(struct file_list *list, char *path, uint64_t size, int error)
{
    if (list->count == list->room) {
        list->room = list->room == 0 ? 256 : 2 * list->room;
        list->files = must_have(realloc(list->files, list->room * sizeof *list->files));
    }
    struct file *file = &list->files[list->count++];
    memset(file, 0, sizeof *file);
    file->path = path;
    file->size = size;
    file->error = error;
}

static char *join(const char *directory, const char *name)
{
    size_t length = strlen(directory);
    size_t size = length + strlen(name) + 2;
    const char *slash = length > 0 && directory[length - 1] == '/' ? "" : "/";
    char *path = must_have(malloc(size));
    snprintf(path, size, "%s%s%s", directory, slash, name);
    return path;
}

/* Directories that are still to be read wait in a list of their own instead of on the call stack:
 * however deep the tree, one directory is open at a time. */
struct walk {
    struct file_list found;
    struct file_list pending;
};

/* What is neither a file nor a directory is passed over inside a directory, where it happens to
 * be, and an error where somebody has named it. The walk takes the path over. */
static void visit(struct walk *walk, char *path, int named)
{
    struct stat status;
    if (lstat(path, &status) != 0)
        append(&walk->found, path, 0, errno);
    else if (S_ISDIR(status.st_mode))
        append(&walk->pending, path, 0, 0);
    else if (S_ISREG(status.st_mode))
        append(&walk->found, path, (uint64_t)status.st_size, 0);
    else if (named)
        append(&walk->found, path, 0, NOT_A_FILE);
    else
        free(path);
}

static void read_directory(struct walk *walk, char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL) {
        append(&walk->found, path, 0, errno);
        if (fd >= 0)
            close(fd);
        return;
    }
    struct dirent *entry;
    while (errno = 0, (entry = readdir(directory)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            visit(walk, join(path, entry->d_name), 0);
    int error = errno;
    closedir(directory);
    if (error != 0)
        append(&walk->found, path, 0, error);
    else
        free(path);
}

void files_find(struct file_list *list, const char *path)
{
    struct walk walk = {*list, {NULL, 0, 0}};
    visit(&walk, must_have(strdup(path)), 1);
    while (walk.pending.count > 0)
        read_directory(&walk, walk.pending.files[--walk.pending.count].path);
    free(walk.pending.files);
    *list = walk.found;
}

static int by_path(const void *left, const void *right)
{
    const struct file *a = left, *b = right;
    return strcmp(a->path, b->path);
}

void files_sort(struct file_list *list)
{
    if (list->count > 0)
        qsort(list->files, list->count, sizeof *list->files, by_path);
}

/* A path with one of these in it could break the line or be read as an escape itself. */
static int needs_escape(const char *path)
{
    return path[strcspn(path, "\\\n\r")] != '\0';
}

static void print_path(FILE *stream, const char *path)
{
    for (; *path != '\0'; path++) {
        switch (*path) {
        case '\\': fputs("\\\\", stream); break;
        case '\n': fputs("\\n", stream); break;
        case '\r': fputs("\\r", stream); break;
        default: putc(*path, stream);
        }
    }
}

size_t files_print(const struct file_list *list)
{
    size_t errors = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct file *file = &list->files[i];
        if (file->error != 0) {
            errors++;
            fputs("checksum: ", stderr);
            print_path(stderr, file->path);
            fprintf(stderr, ": %s\n",
                    file->error == NOT_A_FILE ? "Neither a regular file nor a directory"
                                              : strerror(file->error));
            continue;
        }
        /* sha256sum says with a backslash at the start of the line that the path is escaped. */
        if (needs_escape(file->path))
            putchar('\\');
        for (size_t byte = 0; byte < SHA256_SIZE; byte++)
            printf("%02x", file->digest[byte]);
        fputs("  ", stdout);
        print_path(stdout, file->path);
        putchar('\n');
    }
    return errors;
}

void files_free(struct file_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->files[i].path);
    free(list->files);
}
