/*
 * What `zstd -T4` does, without its files: MIB MiB of text, held in memory, are compressed at zstd's default
 * level by four workers. The clock runs while the workers are started, the text is compressed and the workers
 * are ended; then the output is decompressed and compared with the text.
 *
 *     PROGRAM NAME zstd MIB
 *
 * prints `NAME zstd MIB HASH FIGURE`: a hash of the output, which must not depend on the pool, and milliseconds.
 *
 * The program is linked with libzstd and its own pool (zstd), or with zstd_pool.c in place of that pool
 * (zstd-antpool); nothing else differs.
 */
#include "bench.h"

#include <zstd.h>

/* The text repeats, at a distance that is far outside the window in which zstd looks for repetitions. */
enum { WORKERS = 4, MIB = 1 << 20, TEXT = 16 * MIB, PIECE = 128 << 10 };

static char text[TEXT];

static size_t must(size_t result)
{
    if (ZSTD_isError(result))
        bench_fail(ZSTD_getErrorName(result));
    return result;
}

/* Words of two to nine letters; half of the text consists of some hundred of them. */
static void write_text(void)
{
    uint64_t random = 88172645463325252;
    for (size_t at = 0; at < TEXT;) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        const uint64_t word = random & (random >> 16) & (random >> 32) & 0xffff;
        uint64_t letters = (word + 1) * 0x9e3779b97f4a7c15;
        for (uint64_t left = 2 + (letters >> 61); left > 0 && at < TEXT; left--, letters >>= 5)
            text[at++] = (char)('a' + letters % 26);
        if (at < TEXT)
            text[at++] = ' ';
    }
}

static size_t compress_all(size_t size, void *output, size_t room)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    if (context == NULL)
        bench_fail("ZSTD_createCCtx");
    must(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1));
    must(ZSTD_CCtx_setParameter(context, ZSTD_c_nbWorkers, WORKERS));
    ZSTD_outBuffer out = { output, room, 0 };
    for (size_t at = 0; at < size; at += PIECE) {
        ZSTD_inBuffer in = { text + at % TEXT, PIECE, 0 };
        while (in.pos < in.size)
            must(ZSTD_compressStream2(context, &out, &in, ZSTD_e_continue));
    }
    ZSTD_inBuffer nothing = { NULL, 0, 0 };
    while (must(ZSTD_compressStream2(context, &out, &nothing, ZSTD_e_end)) > 0)
        continue;
    must(ZSTD_freeCCtx(context));
    return out.pos;
}

static void check(const void *compressed, size_t length, size_t size)
{
    static char piece[PIECE];
    size_t at = 0;
    ZSTD_DCtx *context = ZSTD_createDCtx();
    if (context == NULL)
        bench_fail("ZSTD_createDCtx");
    ZSTD_inBuffer in = { compressed, length, 0 };
    for (size_t left = 1; left > 0;) {
        ZSTD_outBuffer out = { piece, PIECE - at % PIECE, 0 };
        left = must(ZSTD_decompressStream(context, &out, &in));
        if (memcmp(piece, text + at % TEXT, out.pos) != 0)
            bench_fail("what was compressed is not the text");
        at += out.pos;
    }
    if (at != size || in.pos != length)
        bench_fail("not all of the text was compressed, and nothing else");
    ZSTD_freeDCtx(context);
}

/* FNV-1a. */
static uint64_t hash(const unsigned char *bytes, size_t length)
{
    uint64_t value = 0xcbf29ce484222325;
    for (size_t i = 0; i < length; i++)
        value = (value ^ bytes[i]) * 0x100000001b3;
    return value;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        bench_fail("usage: PROGRAM NAME zstd MIB");
    const size_t size = (size_t)bench_number(argv[3], 1, 1 << 14) * MIB,
                 room = ZSTD_compressBound(size);
    unsigned char *output = (unsigned char *)malloc(room);
    if (output == NULL)
        bench_fail("no memory");
    memset(output, 1, room); /* Its pages are there before the clock starts. */
    write_text();
    int64_t begin = bench_now_ns();
    const size_t length = compress_all(size, output, room);
    int64_t took = bench_now_ns() - begin;
    check(output, length, size);
    printf("%s %s %s %016llx %.2f\n", argv[1], argv[2], argv[3],
           (unsigned long long)hash(output, length), (double)took / 1e6);
    return EXIT_SUCCESS;
}
