/* Runs kernel.c apart from Python: as a libFuzzer target with -DFUZZ, else as a filter from stdin to stdout. */
#include "../../tbimage/pixels/png/kernel.c"
#include <stdio.h>
#include <stdlib.h>

#ifdef FUZZ
/* The first bytes of the input say what the picture is; the others are its pixels, repeated as often as need be. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 12) return 0;
    int64_t step = data[0] % 8 + 1, across = data[1] + 256 * (data[2] % (data[3] & 1 ? 64 : 2)) + 1;
    int64_t height = data[4] + 256 * (data[5] % 2) + 1, width = step * across, gap = data[6] % 9;
    int64_t first = data[7] & 1, last = data[7] >> 1 & 1, backwards = data[7] >> 2 & 1, baseline = data[7] >> 3 & 1;
    while (width * height > 1 << 20) height = height / 2 + 1, width = height == 1 ? step : width;
    int64_t rows = height + !first, stride = width + gap, bytes = (rows - 1) * stride + width;
    int64_t capacity = (width + 1) * height * 9 / 8 + 1024;
    int enough = data[8] < 200;
    if (!enough) capacity = capacity * data[9] / 256;
    static Scratch scratch;
    uint8_t *pixels = malloc((size_t)bytes), *out = malloc((size_t)capacity + !capacity);
    for (int64_t i = 0; i < bytes; i++) pixels[i] = data[10 + (size_t)i % (size - 10)];
    const uint8_t *start = pixels + (backwards ? (rows - 1) * stride : 0) + (first ? 0 : backwards ? -stride : stride);
    tbimage_kernel_start();
    Job job = {start, backwards ? -stride : stride, height, width, step, first, last, out, capacity, &scratch, baseline,
               0, 0, 0};
    int64_t status = tbimage_kernel_encode(&job, 1);
    if (status != DONE && (enough || status != NO_ROOM)) abort();
    if (status == DONE && (job.size < 1 || job.size > capacity)) abort();
    free(pixels), free(out);
    return 0;
}
#else
int main(void) { /* height, width, step, baseline; then the rows */
    int64_t head[4];
    if (fread(head, sizeof head, 1, stdin) != 1) return 1;
    size_t bytes = (size_t)(head[0] * head[1]), capacity = bytes * 2 + 4096;
    uint8_t *pixels = malloc(bytes), *out = malloc(capacity);
    if (fread(pixels, 1, bytes, stdin) != bytes) return 1;
    tbimage_kernel_start();
    Job job = {pixels, head[1], head[0], head[1], head[2], 1, 1, out, (int64_t)capacity, malloc(sizeof(Scratch)), head[3],
               0, 0, 0};
    if (tbimage_kernel_encode(&job, 1) != DONE) return 1;
    fwrite(&job.crc, sizeof job.crc, 1, stdout);
    fwrite(&job.adler, sizeof job.adler, 1, stdout);
    return fwrite(out, 1, (size_t)job.size, stdout) != (size_t)job.size;
}
#endif
