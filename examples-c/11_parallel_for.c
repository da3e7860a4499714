/*
 * A loop on all CPUs: a picture of the Mandelbrot set, row by row. Rows take different times, so that equal
 * shares would not end together; the pool gives each participant short ranges.
 *
 * Build and run:
 *     cc -Iinclude examples-c/11_parallel_for.c target/release/libantpool.a -lpthread -ldl -lm -o loop
 *     ./loop              or, to keep the picture:     ./loop picture.ppm
 * Prints:
 *     rows done: 400 of 400
 *     the same picture as without a pool: yes
 *     points of the set: some
 */
#include <antpool.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 600, HEIGHT = 400, STEPS = 200 };

typedef struct picture_t {
    unsigned char steps[HEIGHT][WIDTH];
    int rows_done;
    int painted; /* whether somebody watches the progress */
} picture_t;

static picture_t with_pool, without;

static unsigned char steps_of(double x, double y)
{
    double a = 0, b = 0;
    int step = 0;
    while (step < STEPS && a * a + b * b < 4) {
        double next = a * a - b * b + x;
        b = 2 * a * b + y;
        a = next;
        step++;
    }
    return (unsigned char)step;
}

/* The body of the loop: some rows. Slot 0 is the thread that called, which may paint. */
static void some_rows(void *arg, size_t begin, size_t end, size_t slot)
{
    picture_t *picture = (picture_t *)arg;
    for (size_t row = begin; row < end; row++)
        for (size_t column = 0; column < WIDTH; column++)
            picture->steps[row][column] =
                steps_of(3.0 * (double)column / WIDTH - 2.2, 2.0 * (double)row / HEIGHT - 1.0);
    int rows = (int)(end - begin);
    int done = __atomic_add_fetch(&picture->rows_done, rows, __ATOMIC_RELAXED);
    if (slot == 0 && picture->painted)
        fprintf(stderr, "\r%d %%", 100 * done / HEIGHT);
}

static int write_ppm(const char *path)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return 0;
    fprintf(file, "P6 %d %d 255\n", WIDTH, HEIGHT);
    for (size_t row = 0; row < HEIGHT; row++)
        for (size_t column = 0; column < WIDTH; column++) {
            int grey = 255 - with_pool.steps[row][column];
            fputc(grey, file), fputc(grey, file), fputc(grey, file);
        }
    return fclose(file) == 0;
}

int main(int argc, char **argv)
{
    with_pool.painted = argc > 1;
    antpool_status_t status =
        antpool_parallel_for(antpool_default(), HEIGHT, 0, 0, some_rows, &with_pool);
    if (status != ANTPOOL_OK) {
        fprintf(stderr, "%s\n", antpool_status_message(status));
        return EXIT_FAILURE;
    }
    some_rows(&without, 0, HEIGHT, 1);

    size_t inside = 0;
    for (size_t i = 0; i < sizeof with_pool.steps; i++)
        inside += ((unsigned char *)with_pool.steps)[i] == STEPS;
    int same = memcmp(with_pool.steps, without.steps, sizeof without.steps) == 0;
    printf("rows done: %d of %d\n", with_pool.rows_done, HEIGHT);
    printf("the same picture as without a pool: %s\n", same ? "yes" : "no");
    printf("points of the set: %s\n", inside > 0 ? "some" : "none");
    if (argc > 1 && !write_ppm(argv[1])) {
        perror(argv[1]);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
