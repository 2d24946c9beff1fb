/* Filter and deflate a strip of rows of a PNG picture, and compute the checksums, in one call.
 *
 * PNG: third edition, section 9. Deflate: RFC 1951; section numbers below refer to it. Adler-32: RFC 1950.
 *
 * - Noisy pictures (photographs) are encoded with Huffman codes and runs. Masks and drawings repeat, so they are
 *   encoded with matches. An entropy estimate and a trial on some rows choose the filter, and runs or matches.
 * - All arithmetic is in integers, so the bytes do not depend on the processor or on the compiler.
 * - Nothing is allocated. The caller provides the scratch memory and the output memory. It is an error if the output
 *   does not fit. Nothing is written outside of this memory. Only the rows of the job and the row above them are read.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "GCC or Clang, and a little-endian processor"
#endif
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif
#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif
/* HOT functions are inlined into their callers, so they are compiled for AVX2 if the caller is. */
#define HOT static inline __attribute__((always_inline))
enum { DONE = 0, NO_ROOM = -1, BAD_JOB = -2 };
enum {
    ABI = 2,            /* must equal ABI in libraries.py; add 1 if Job changes */
    HISTORY = 32768,    /* the maximum distance of a match (3.2.5) */
    CHUNK = 61440,      /* bytes filtered at once; a stored block has at most 65535 (3.2.4) */
    SLACK = 64,         /* bytes after the used part of a buffer, which may be read and written */
    MOST_TOKENS = 16384,
    LEAST_MATCH = 4, LONGEST_MATCH = 258, /* number of hashed bytes; 3.2.5 */
    LAZY_BELOW = 32,    /* a shorter match is replaced if the next byte has a longer match */
    DEPTH = 4, DEEPER = 12, DRAWING = 154, /* tries per hash: DEEPER below 0.6 bits a byte (DRAWING), else DEPTH */
    GOOD = 128, HASH_BITS = 15, /* a match of GOOD bytes ends the search */
    MOST_BITS = 14,     /* the longest code: four codes and the 7 bits that drain() leaves fit in 64 bits */
    LITERALS = 288, DISTANCES = 32, END = 256, /* 3.2.5, 3.2.6 */
    SMOOTH = 640,       /* 1/256 bits: below 2.5 bits a byte, matches are tried (SMOOTH_BITS in strategy.py) */
    SAMPLED_ROWS = 24, LEAST_SAMPLED = 48, MOST_SAMPLED = 256, TRIAL = 8192, LONGEST_TRIAL = 32768, /* rows; bytes */
    UP = 2, REPEAT = 5  /* REPEAT: Up for rows that equal the row above, None for the others (filters.py) */
};
typedef struct {
    const uint8_t *rows;   /* the first row */
    int64_t row_stride;    /* bytes from one row to the next, positive or negative */
    int64_t height, width; /* number of rows, and bytes of each row */
    int64_t step;          /* bytes of a pixel, 1 to 8 */
    int64_t first, last;   /* whether the rows include the picture's first row and its last row */
    uint8_t *out; int64_t capacity; void *scratch;
    int64_t baseline;      /* whether to use only instructions that every processor of the architecture has */
    int64_t size;          /* result: bytes of the output */
    int64_t crc;           /* CRC-32 of the bytes before the output; result: of these bytes and the output */
    int64_t adler;         /* result: Adler-32 of the filtered rows */
} Job;
typedef struct { uint32_t literals; uint16_t length, distance; } Token; /* number of literals; the match after them */
typedef struct {
    uint8_t buffer[HISTORY + CHUNK + SLACK]; /* filtered rows */
    uint8_t literals[CHUNK + SLACK];         /* literals of a block with matches */
    Token tokens[MOST_TOKENS];
    uint32_t heads[1 << HASH_BITS], before[HISTORY]; /* last position of each hash; previous one of its hash */
    uint32_t counts[5][256], literal_counts[LITERALS], distance_counts[DISTANCES];
    uint32_t literal_codes[LITERALS], distance_codes[DISTANCES]; /* code << 8 | number of its bits */
    size_t token_count, literal_count, pending, depth; /* pending: literals after the last token */
    uint32_t base, hash_bits;                /* position of buffer[0], see forget(); number of bits of a hash */
} Scratch;
typedef struct { uint8_t *out, *end; uint64_t bits; unsigned count; } Writer;
static uint32_t crc_tables[16][256];
HOT uint64_t load64(const uint8_t *p) { uint64_t x; memcpy(&x, p, 8); return x; }
HOT uint32_t load32(const uint8_t *p) { uint32_t x; memcpy(&x, p, 4); return x; }
HOT int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
HOT int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
HOT unsigned log2_floor(uint32_t x) { return 31u - (unsigned)__builtin_clz(x); }
/* --- checksums --------------------------------------------------------------------------------------------------- */
static void make_crc_tables(void) {
    for (uint32_t i = 0, crc = 0; i < 256; crc_tables[0][i] = crc, crc = ++i)
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1)));
    for (uint32_t *t = crc_tables[1]; t < crc_tables[15] + 256; t++) *t = t[-256] >> 8 ^ crc_tables[0][t[-256] & 255];
}
typedef uint32_t Crc(uint32_t crc, const uint8_t *p, size_t n);
static uint32_t crc_by_tables(uint32_t crc, const uint8_t *p, size_t n) {
    for (; n >= 16; p += 16, n -= 16) {
        uint64_t a = load64(p) ^ crc, b = load64(p + 8);
        crc = 0;
        for (int i = 0; i < 8; i++) crc ^= crc_tables[15 - i][a >> 8 * i & 255] ^ crc_tables[7 - i][b >> 8 * i & 255];
    }
    for (; n > 0; p++, n--) crc = crc >> 8 ^ crc_tables[0][(crc ^ *p) & 255];
    return crc;
}
#if defined(__x86_64__)
/* Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel 2009. */
__attribute__((target("pclmul,sse4.1"))) static __m128i crc_fold(__m128i x, __m128i data, __m128i by) {
    __m128i low = _mm_clmulepi64_si128(x, by, 0x00), high = _mm_clmulepi64_si128(x, by, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), data);
}
__attribute__((target("pclmul,sse4.1"))) static uint32_t crc_by_folding(uint32_t crc, const uint8_t *p, size_t n) {
    const __m128i by4 = _mm_set_epi64x(0x1C6E41596, 0x154442BD4), by1 = _mm_set_epi64x(0x0CCAA009E, 0x1751997D0);
    __m128i x[4];
    uint8_t rest[16]; /* 16 bytes with the same CRC as all bytes before p, for crc_by_tables() */
    if (n < 128) return crc_by_tables(crc, p, n);
    for (int i = 0; i < 4; i++) x[i] = _mm_loadu_si128((const __m128i *)p + i);
    x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128((int)crc));
    for (p += 64, n -= 64; n >= 64; p += 64, n -= 64)
        for (int i = 0; i < 4; i++) x[i] = crc_fold(x[i], _mm_loadu_si128((const __m128i *)p + i), by4);
    for (int i = 1; i < 4; i++) x[0] = crc_fold(x[0], x[i], by1);
    _mm_storeu_si128((__m128i *)rest, x[0]);
    return crc_by_tables(crc_by_tables(0, rest, 16), p, n);
}
#endif
HOT uint32_t adler32(uint32_t adler, const uint8_t *p, size_t n) {
    uint32_t low = adler & 0xFFFF, high = adler >> 16;
    while (n > 0) {
        size_t part = (size_t)least((int64_t)n, 5536); /* the sums may exceed 32 bits for 5553 bytes (zlib's NMAX) */
        for (n -= part; part >= 32; part -= 32, p += 32) {
            high += 32 * low;
            for (int i = 0; i < 32; i++) low += p[i];
            for (int i = 0; i < 32; i++) high += (uint32_t)(int16_t)(p[i] * (32 - i));
        }
        for (; part > 0; part--) high += low += *p++;
        low %= 65521, high %= 65521;
    }
    return high << 16 | low;
}
/* --- filters ----------------------------------------------------------------------------------------------------- */
/* The filter to use in place of each filter if there is no row above. The differences change only for Average. */
static const int WITHOUT_ABOVE[6] = {0, 1, 0, 1, 1, 0};
/* Like paeth_predictor in filters.py: minima and maxima find the nearest of three bytes. */
HOT uint8_t paeth(uint8_t left, uint8_t above, uint8_t corner) {
    uint8_t low = left < above ? left : above, high = left < above ? above : left;
    uint8_t over = (uint8_t)((corner > low ? corner : low) - low);
    uint8_t under = (uint8_t)(high - (corner < high ? corner : high));
    uint8_t near_low = over >> 1 >= under ? low : corner;
    return under >> 1 >= over ? high : near_low;
}
/* Filter n bytes of a row, beginning with row[from]. `up` is the row above. If it is NULL, kind must be 0 or 1. */
HOT void filter_bytes(int kind, const uint8_t *row, const uint8_t *up, size_t from, size_t n, size_t step,
                      uint8_t *restrict out) {
    size_t i = 0;
    row += from;
    if (up != NULL) up += from;
    for (; i < n && from + i < step; i++) /* there is no pixel to the left */
        out[i] = (uint8_t)(row[i] - (kind == 2 || kind == 4 ? up[i] : kind == 3 ? up[i] >> 1 : 0));
    if (i == n) return;
    const uint8_t *left = row - step, *corner = up == NULL ? NULL : up - step;
    switch (kind) {
    case 0: memcpy(out + i, row + i, n - i); return;
    case 1: for (; i < n; i++) out[i] = (uint8_t)(row[i] - left[i]); return;
    case 2: for (; i < n; i++) out[i] = (uint8_t)(row[i] - up[i]); return;
    case 3: for (; i < n; i++) out[i] = (uint8_t)(row[i] - (left[i] & up[i]) - ((left[i] ^ up[i]) >> 1)); return;
    default: for (; i < n; i++) out[i] = (uint8_t)(row[i] - paeth(left[i], up[i], corner[i]));
    }
}
typedef struct { int64_t y, x, stop; int kind, now; } Place; /* next byte to filter; x = -1: the filter byte */
HOT const uint8_t *row_at(const Job *job, int64_t y) { return job->rows + y * job->row_stride; }
/* Write filtered rows into `out` until it is full, or until row `place->stop`. Returns the number of bytes. */
HOT size_t fill(const Job *job, Place *place, uint8_t *out, size_t room) {
    size_t filled = 0;
    while (place->y < place->stop && filled < room) {
        const uint8_t *row = row_at(job, place->y);
        const uint8_t *up = place->y == 0 && job->first ? NULL : row - job->row_stride;
        if (place->x < 0) {
            place->now = up == NULL ? WITHOUT_ABOVE[place->kind] : place->kind, place->x = 0;
            if (place->now == REPEAT) place->now = memcmp(row, up, (size_t)job->width) == 0 ? UP : 0;
            out[filled++] = (uint8_t)place->now;
        }
        size_t n = (size_t)least(job->width - place->x, (int64_t)(room - filled));
        filter_bytes(place->now, row, up, (size_t)place->x, n, (size_t)job->step, out + filled);
        filled += n, place->x += (int64_t)n;
        if (place->x == job->width) place->y++, place->x = -1;
    }
    return filled;
}
/* --- literals and matches (3.2.5) --------------------------------------------------------------------------------- */
HOT unsigned length_symbol(unsigned length, unsigned *extra) {
    unsigned x = length - 3;
    *extra = x < 8 || length == LONGEST_MATCH ? 0 : log2_floor(x) - 2;
    return length == LONGEST_MATCH ? 285 : 257 + 4 * *extra + (x >> *extra);
}
HOT unsigned distance_symbol(unsigned distance, unsigned *extra) {
    unsigned x = distance - 1;
    *extra = x < 4 ? 0 : log2_floor(x) - 1;
    return 2 * *extra + (x >> *extra);
}
static void begin_block(Scratch *s) {
    memset(s->counts, 0, sizeof s->counts), memset(s->literal_counts, 0, sizeof s->literal_counts);
    memset(s->distance_counts, 0, sizeof s->distance_counts);
    s->token_count = s->literal_count = s->pending = 0;
}
static void sum_counts(Scratch *s) {
    for (int i = 0; i < 256; i++)
        s->literal_counts[i] = s->counts[0][i] + s->counts[1][i] + s->counts[2][i] + s->counts[3][i];
    s->literal_counts[END] = 1;
}
HOT void add_match(Scratch *s, size_t literals, size_t length, size_t distance) {
    unsigned extra;
    s->tokens[s->token_count++] = (Token){(uint32_t)literals, (uint16_t)length, (uint16_t)distance};
    s->literal_counts[length_symbol((unsigned)length, &extra)]++;
    s->distance_counts[distance_symbol((unsigned)distance, &extra)]++;
}
HOT void add_literal(Scratch *s, uint8_t byte) {
    s->counts[s->literal_count & 3][byte]++, s->pending++;
    s->literals[s->literal_count++] = byte;
}
HOT size_t same_bytes(const uint8_t *a, const uint8_t *b, size_t room) {
    for (size_t n = 0; n < room; n += 8) {
        uint64_t x = load64(a + n) ^ load64(b + n);
        if (x != 0) return (size_t)least((int64_t)room, (int64_t)n + __builtin_ctzll(x) / 8);
    }
    return room;
}
/* Make matches of runs in the first n bytes, and count the other bytes. Runs of 16 bytes or more are always found. */
HOT void find_runs(Scratch *s, size_t n) {
    const uint8_t *b = s->buffer;
    size_t p = 1, done = 0; /* bytes before `done` belong to tokens */
    s->counts[0][b[0]]++;
    while (p + 8 <= n) {
        uint64_t x = load64(b + p);
        if (x != load64(b + p - 1)) {
            s->counts[0][x & 255]++, s->counts[1][x >> 8 & 255]++, s->counts[2][x >> 16 & 255]++;
            s->counts[3][x >> 24 & 255]++, s->counts[0][x >> 32 & 255]++, s->counts[1][x >> 40 & 255]++;
            s->counts[2][x >> 48 & 255]++, s->counts[3][x >> 56]++;
            p += 8;
            continue;
        }
        size_t from = p;
        while (from > done + 1 && b[from - 1] == b[from - 2]) s->counts[0][b[--from]]--; /* was counted as a literal */
        p += 8 + same_bytes(b + p + 8, b + p + 7, n - p - 8);
        while (from < p) {
            size_t left = p - from, length = left <= LONGEST_MATCH ? left : LONGEST_MATCH;
            if (left - length == 1 || left - length == 2) length -= 3; /* else the rest is too short for a match */
            add_match(s, from - done, length, 1);
            done = from += length;
        }
        if (p < n) s->counts[0][b[p++]]++;
    }
    for (; p < n; p++) s->counts[0][b[p]]++;
    s->pending = n - done;
}
HOT uint32_t *head_of(Scratch *s, uint32_t bytes) { return &s->heads[bytes * 0x9E3779B1u >> (32 - s->hash_bits)]; }
HOT void insert(Scratch *s, size_t p) {
    uint32_t *head = head_of(s, load32(s->buffer + p)), place = s->base + (uint32_t)p;
    s->before[place % HISTORY] = *head, *head = place;
}
/* Returns the length of the longest match found at p: 0, or 3 or more. Bytes are compared, as hashes may collide. */
HOT size_t find_match(Scratch *s, size_t p, size_t end, size_t pitch, size_t step, size_t *distance) {
    const uint8_t *b = s->buffer;
    const size_t tried[2] = {step, pitch}; /* distances of the pixel before and the row above */
    size_t room = (size_t)least((int64_t)(end - p), LONGEST_MATCH), best = 0;
    uint32_t place = s->base + (uint32_t)p, bytes = load32(b + p), nearest = 0, back = place - *head_of(s, bytes);
    for (int i = 0; i < 2; i++) {
        size_t d = tried[i];
        if (d > HISTORY || d > p || ((load32(b + p - d) ^ bytes) & 0xFFFFFF) != 0) continue;
        size_t length = same_bytes(b + p, b + p - d, room);
        if (length > best) best = length, *distance = d;
    }
    for (size_t i = 0; i < s->depth && best < GOOD; i++) {
        if (back <= nearest || back > HISTORY || back > p) break; /* older positions were overwritten */
        if (load32(b + p - back) == bytes && b[p + best] == b[p + best - back]) {
            size_t length = same_bytes(b + p, b + p - back, room);
            if (length > best) best = length, *distance = back;
        }
        nearest = back, back = place - s->before[(place - back) % HISTORY];
    }
    insert(s, p);
    return best;
}
/* Make literals and matches of the bytes from `p` to `end`, or until the block is full. Returns the next position. */
HOT size_t find_matches(Scratch *s, size_t p, size_t end, size_t pitch, size_t step) {
    while (p < end && s->token_count < MOST_TOKENS && s->literal_count < CHUNK - 1) {
        size_t distance = 0, next_distance = 0, next_length = 0, known = 1;
        size_t length = p + LEAST_MATCH <= end ? find_match(s, p, end, pitch, step, &distance) : 0;
        if (length > 0 && length < LAZY_BELOW && p + 1 + LEAST_MATCH <= end)
            next_length = find_match(s, p + 1, end, pitch, step, &next_distance), known = 2;
        if (length == 0 || next_length > length) {
            add_literal(s, s->buffer[p++]);
            length = next_length, distance = next_distance, known = 1;
        }
        if (length == 0) continue;
        add_match(s, s->pending, length, distance), s->pending = 0;
        if (length >= GOOD) known = length - 8; /* only the last positions of a long match are inserted */
        for (; known < length && p + known + LEAST_MATCH <= end; known++) insert(s, p + known);
        p += length;
    }
    return p;
}
/* --- Huffman codes (3.2.2) --------------------------------------------------------------------------------------- */
/* Sort the symbols with counts above 0 by their counts, which are below 2¹⁸. Returns the number of these symbols. */
static int sort_symbols(const uint32_t *counts, int n, uint16_t *order) {
    uint16_t other[LITERALS], places[512];
    uint32_t used = 0, all = 0;
    for (int i = 0; i < n; i++) if (counts[i] > 0) order[used++] = (uint16_t)i, all |= counts[i];
    for (int shift = 0; used > 1 && all >> shift > 0; shift += 9) { /* once or twice */
        memset(places, 0, sizeof places);
        for (uint32_t i = 0; i < used; i++) places[counts[order[i]] >> shift & 511]++;
        for (int i = 0, sum = 0; i < 512; i++) { int count = places[i]; places[i] = (uint16_t)sum; sum += count; }
        for (uint32_t i = 0; i < used; i++) other[places[counts[order[i]] >> shift & 511]++] = order[i];
        memcpy(order, other, used * sizeof *order);
    }
    return (int)used;
}
/* Find the length of each code, at most `limit` bits: Huffman's algorithm with a queue of symbols and one of pairs. */
static void make_lengths(const uint32_t *counts, int n, int limit, uint8_t *lengths) {
    uint16_t order[LITERALS], parents[2 * LITERALS];
    uint32_t weights[2 * LITERALS], with_bits[16] = {0}, total = 0; /* first weights, then depths */
    int used = sort_symbols(counts, n, order), symbol = 0, pair = used, next = 0;
    for (int i = 0; i < used; i++) weights[i] = counts[order[i]];
    for (int made = used; made < 2 * used - 1; made++) {
        weights[made] = 0;
        for (int child = 0; child < 2; child++) {
            int taken = symbol < used && (pair == made || weights[symbol] <= weights[pair]) ? symbol++ : pair++;
            weights[made] += weights[taken], parents[taken] = (uint16_t)made;
        }
    }
    if (used > 0) weights[2 * used - 2] = used == 1; /* the root: depth 0, but 1 if there is only one symbol */
    for (int i = 2 * used - 3; i >= 0; i--) weights[i] = weights[parents[i]] + 1;
    for (int i = 0; i < used; i++) with_bits[least(weights[i], limit)]++;
    for (int i = 1; i <= limit; i++) total += with_bits[i] << (limit - i);
    for (; total > 1u << limit; total--) { /* too many codes: lengthen the longest code below `limit` by one bit */
        int i = limit - 1;
        while (with_bits[i] == 0) i--;
        with_bits[limit]--, with_bits[i]--, with_bits[i + 1] += 2;
    }
    memset(lengths, 0, (size_t)n);
    for (int i = limit; i > 0; i--)
        for (uint32_t left = with_bits[i]; left > 0; left--) lengths[order[next++]] = (uint8_t)i;
}
static void make_codes(const uint8_t *lengths, int n, uint32_t *codes) {
    uint32_t next[17] = {0}, count[16] = {0};
    for (int i = 0; i < n; i++) count[lengths[i]] += lengths[i] > 0;
    for (int bits = 1; bits <= 15; bits++) next[bits + 1] = (next[bits] + count[bits]) << 1;
    for (int i = 0; i < n; i++) {
        uint32_t code = next[lengths[i]]++ << (16 - lengths[i]); /* reversed: the first bit is the lowest (3.1.1) */
        code = (code & 0x5555) << 1 | (code >> 1 & 0x5555), code = (code & 0x3333) << 2 | (code >> 2 & 0x3333);
        code = (code & 0xF0F) << 4 | (code >> 4 & 0xF0F), codes[i] = (code & 0xFF) << 16 | (code & 0xFF00) | lengths[i];
    }
}
/* --- blocks (3.2.3 to 3.2.7) ------------------------------------------------------------------------------------- */
HOT void put(Writer *w, uint64_t bits, unsigned count) { w->bits |= bits << w->count, w->count += count; }
HOT void put_code(Writer *w, uint32_t code) { put(w, code >> 8, code & 255); }
HOT void drain(Writer *w) { /* leaves at most 7 bits; writes 8 bytes of memory */
    memcpy(w->out, &w->bits, 8), w->out += w->count >> 3, w->bits >>= w->count & 56, w->count &= 7;
}
static void align(Writer *w) { w->count = (w->count + 7) & ~7u, drain(w); }
typedef struct { /* the encoded code lengths of a block (3.2.7) */
    uint8_t symbols[LITERALS + DISTANCES], extra[LITERALS + DISTANCES];
    uint32_t codes[19];
    int64_t count, literals, distances, lengths, bits;
} Header;
static const uint8_t LENGTHS_ORDER[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
static const uint8_t REPEAT_BITS[3] = {2, 3, 7}; /* extra bits of the symbols 16, 17, 18 */
static void make_header(Header *h, const uint8_t *literals, const uint8_t *distances) {
    uint8_t all[LITERALS + DISTANCES], lengths[19];
    uint32_t counts[19] = {0};
    for (h->literals = 286; h->literals > 257 && literals[h->literals - 1] == 0;) h->literals--;
    for (h->distances = 30; h->distances > 1 && distances[h->distances - 1] == 0;) h->distances--;
    int n = (int)(h->literals + h->distances);
    memcpy(all, literals, (size_t)h->literals), memcpy(all + h->literals, distances, (size_t)h->distances);
    h->count = 0;
    for (int i = 0, run; i < n; i += run) {
        int symbol = all[i], base = 0;
        for (run = 1; i + run < n && all[i + run] == symbol && run < 138; run++) {}
        if (symbol == 0 && run >= 3) base = run < 11 ? 3 : 11, symbol = run < 11 ? 17 : 18;
        else if (i > 0 && all[i - 1] == symbol && run >= 3) base = 3, symbol = 16, run = (int)least(run, 6);
        else run = 1;
        h->symbols[h->count] = (uint8_t)symbol, h->extra[h->count++] = (uint8_t)(run - base), counts[symbol]++;
    }
    make_lengths(counts, 19, 7, lengths), make_codes(lengths, 19, h->codes);
    for (h->lengths = 19; h->lengths > 4 && lengths[LENGTHS_ORDER[h->lengths - 1]] == 0;) h->lengths--;
    h->bits = 3 + 5 + 5 + 4 + 3 * h->lengths;
    for (int i = 0; i < 19; i++) h->bits += (int64_t)counts[i] * (lengths[i] + (i < 16 ? 0 : REPEAT_BITS[i - 16]));
}
static void put_header(Writer *w, const Header *h) {
    put(w, (uint64_t)((h->literals - 257) | (h->distances - 1) << 5 | (h->lengths - 4) << 10), 14);
    for (int i = 0; i < h->lengths; i++) drain(w), put(w, h->codes[LENGTHS_ORDER[i]] & 255, 3);
    for (int i = 0; i < h->count; i++) {
        drain(w), put_code(w, h->codes[h->symbols[i]]);
        if (h->symbols[i] >= 16) put(w, h->extra[i], REPEAT_BITS[h->symbols[i] - 16]);
    }
    drain(w);
}
static int64_t bits_of_symbols(const Scratch *s, const uint8_t *literals, const uint8_t *distances) {
    int64_t bits = 0;
    for (int i = 0; i < 286; i++) bits += (int64_t)s->literal_counts[i] * literals[i];
    for (int i = 265; i < 285; i++) bits += (int64_t)s->literal_counts[i] * ((i - 261) / 4);
    for (int i = 0; i < 30; i++) bits += (int64_t)s->distance_counts[i] * (distances[i] + (i < 4 ? 0 : i / 2 - 1));
    return bits;
}
HOT void put_literals(Writer *writer, const uint32_t *codes, const uint8_t *p, size_t n) {
    Writer w = *writer; /* a copy stays in registers. `& 63` is free: the shift instruction does it */
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t x = load64(p);
        for (int half = 0; half < 2; half++, x >>= 32) {
            uint32_t a = codes[x & 255], b = codes[x >> 8 & 255], c = codes[x >> 16 & 255], d = codes[x >> 24 & 255];
            uint64_t ab = a >> 8 | (uint64_t)(b >> 8) << (a & 63), cd = c >> 8 | (uint64_t)(d >> 8) << (c & 63);
            put(&w, ab, (a + b) & 63), put(&w, cd, (c + d) & 63), drain(&w);
        }
    }
    for (; n > 0; n--, p++) put_code(&w, codes[*p]), drain(&w);
    *writer = w;
}
/* `p` is the first literal. If `apart` is 1, the literals are adjacent; else the bytes of matches are between them. */
HOT void put_tokens(Writer *w, const Scratch *s, const uint8_t *p, int apart) {
    for (size_t i = 0; i < s->token_count; i++) {
        Token token = s->tokens[i];
        unsigned extra, symbol = length_symbol(token.length, &extra);
        put_literals(w, s->literal_codes, p, token.literals);
        p += token.literals + (apart ? 0 : token.length);
        put_code(w, s->literal_codes[symbol]), put(w, (token.length - 3u) & ((1u << extra) - 1), extra);
        symbol = distance_symbol(token.distance, &extra);
        put_code(w, s->distance_codes[symbol]), put(w, (token.distance - 1u) & ((1u << extra) - 1), extra);
        drain(w);
    }
    put_literals(w, s->literal_codes, p, s->pending);
    put_code(w, s->literal_codes[END]), drain(w);
}
static int64_t put_stored(Writer *w, const uint8_t *raw, size_t n, int64_t last) {
    if (w->end - w->out < (int64_t)n + 32) return NO_ROOM;
    put(w, (uint64_t)last, 3), align(w);
    put(w, n | (uint64_t)(n ^ 0xFFFF) << 16, 32), drain(w);
    if (n > 0) memcpy(w->out, raw, n), w->out += n;
    return DONE;
}
/* Write the shortest kind of block: dynamic codes, fixed codes or stored. `raw` has all bytes of the block.
 * If `raw` is NULL, the literals are in s->literals, and a stored block is not possible. */
HOT int64_t put_block(Writer *w, Scratch *s, const uint8_t *raw, size_t raw_size, int64_t last) {
    uint8_t literals[LITERALS], distances[DISTANCES], fixed[LITERALS], fixed_distances[DISTANCES];
    Header header;
    sum_counts(s);
    make_lengths(s->literal_counts, 286, MOST_BITS, literals);
    make_lengths(s->distance_counts, 30, MOST_BITS, distances);
    make_header(&header, literals, distances);
    for (int i = 0; i < LITERALS; i++) fixed[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    memset(fixed_distances, 5, sizeof fixed_distances);
    int64_t bits = header.bits + bits_of_symbols(s, literals, distances), dynamic_bits = bits;
    bits = least(bits, 3 + bits_of_symbols(s, fixed, fixed_distances));
    int is_fixed = bits < dynamic_bits;
    if (raw != NULL && 8 * (int64_t)(raw_size + 5) <= bits) return put_stored(w, raw, raw_size, last);
    if (w->end - w->out < bits / 8 + 32) return NO_ROOM;
    put(w, (uint64_t)(last | (is_fixed ? 2 : 4)), 3);
    if (!is_fixed) put_header(w, &header);
    make_codes(is_fixed ? fixed : literals, is_fixed ? LITERALS : 286, s->literal_codes);
    make_codes(is_fixed ? fixed_distances : distances, is_fixed ? DISTANCES : 30, s->distance_codes);
    put_tokens(w, s, raw != NULL ? raw : s->literals, raw == NULL);
    return DONE;
}
/* --- choice of the filter, and of runs or matches ----------------------------------------------------------------- */
/* n · log₂(n) in 1/256 bits, for n > 0. Parabolas approximate log₂(n), with an error below 0.013. */
HOT int64_t compute_times_log2(uint32_t n) {
    unsigned whole = log2_floor(n);
    uint64_t part = ((uint64_t)n << 16 >> whole) - 65536;
    uint64_t curve = part + (part * (65536 - part) >> 16) * 22500 / 65536;
    return (int64_t)n * (int64_t)((whole << 8) + (curve >> 8));
}
static int32_t times_log2_table[256]; /* Entry 0 is 0. A branch for counts of 0 and 1 would be hard to predict. */
HOT int64_t times_log2(uint32_t n) { return n < 256 ? times_log2_table[n] : compute_times_log2(n); }
HOT int64_t entropy(const uint32_t *counts, int n) { /* sum over all symbols, in 1/256 bits */
    int64_t total = 0, sum = 0;
    for (int i = 0; i < n; i++) total += counts[i], sum += times_log2(counts[i]);
    return times_log2((uint32_t)total) - sum;
}
/* Returns the filter with the least entropy in a sample of rows. Sets `bits` to this entropy, in 1/256 bits a byte. */
HOT int best_filter(const Job *job, Scratch *s, int64_t *bits) {
    int64_t rows = least(job->height, SAMPLED_ROWS), step = job->step;
    int64_t n = least(job->width, least(most(job->height * job->width / (16 * rows), LEAST_SAMPLED), MOST_SAMPLED));
    uint8_t *b = s->buffer;
    uint32_t random = 1, kind = 0;
    begin_block(s);
    for (int64_t i = 0; i < rows; i++) {
        random = random * 1664525u + 1013904223u; /* irregular distances, as patterns repeat at regular ones */
        int64_t from = job->height * i / rows, y = from + (random >> 16) % (job->height * (i + 1) / rows - from);
        int64_t x = (random >> 8 & 0xFFFF) * (job->width - n) >> 16;
        const uint8_t *row = row_at(job, y), *up = y == 0 && job->first ? NULL : row - job->row_stride;
        for (int k = 0; k < 5; k++)
            filter_bytes(up == NULL ? WITHOUT_ABOVE[k] : k, row, up, (size_t)x, (size_t)n, (size_t)step, b + k * n);
        for (int64_t j = 0; j < n; j++)
            for (int k = 0; k < 5; k++) s->counts[k][b[j + k * n]]++;
    }
    *bits = INT64_MAX;
    for (int64_t k = 0, left; k < 5; k++)
        if ((left = entropy(s->counts[k], 256)) < *bits) *bits = left, kind = (uint32_t)k;
    *bits /= rows * n;
    return (int)kind;
}
HOT void forget(Scratch *s, int64_t bytes) {
    s->hash_bits = (uint32_t)most(8, least(HASH_BITS, log2_floor((uint32_t)least(bytes, 1 << 20))));
    s->base = HISTORY + 1; /* so that position 0 (no entry) is always too far back */
    memset(s->heads, 0, sizeof s->heads[0] << s->hash_bits);
}
/* Returns an estimate of the compressed size of two bands of rows, in 1/256 bits. */
HOT int64_t trial(const Job *job, Scratch *s, int kind, int matches) {
    int64_t all = job->height * job->width; /* bytes to try: 1/32 of the picture, more of a small one */
    int64_t bytes = most(least(all / 32, LONGEST_TRIAL), least(most(all / 4, TRIAL / 4), TRIAL));
    int64_t band = most(1, least(job->height / 2, bytes / 2 / (job->width + 1)));
    size_t n = 0;
    for (int i = 0; i < 2; i++) {
        int64_t y = (job->height - band) * (2 * i + 1) / 4;
        Place place = {y, -1, y + band, kind, 0};
        n += fill(job, &place, s->buffer + n, CHUNK / 2);
    }
    begin_block(s);
    if (matches) forget(s, (int64_t)n), find_matches(s, 0, n, (size_t)job->width + 1, (size_t)job->step);
    else find_runs(s, n);
    sum_counts(s);
    static const uint8_t none[LITERALS] = {0}; /* codes of 0 bits: only the extra bits are summed */
    return 256 * bits_of_symbols(s, none, none) + entropy(s->literal_counts, 286) + entropy(s->distance_counts, 30);
}
HOT int64_t encode_with_runs(const Job *job, Scratch *s, Writer *w, int kind, uint32_t *adler) {
    Place place = {0, -1, job->height, kind, 0};
    int64_t status = DONE;
    while (place.y < job->height && status == DONE) {
        size_t n = fill(job, &place, s->buffer, CHUNK);
        *adler = adler32(*adler, s->buffer, n);
        begin_block(s), find_runs(s, n);
        status = put_block(w, s, s->buffer, n, job->last && place.y == job->height);
    }
    return status;
}
HOT int64_t encode_with_matches(const Job *job, Scratch *s, Writer *w, int kind, uint32_t *adler) {
    Place place = {0, -1, job->height, kind, 0};
    size_t p = 0;
    forget(s, job->height * (job->width + 1)), begin_block(s);
    while (place.y < job->height) {
        size_t gone = p > HISTORY ? p - HISTORY : 0; /* bytes beyond the maximum distance */
        if (gone > 0) memmove(s->buffer, s->buffer + gone, HISTORY);
        s->base += (uint32_t)gone, p -= gone;
        size_t end = p + fill(job, &place, s->buffer + p, CHUNK);
        *adler = adler32(*adler, s->buffer + p, end - p);
        while ((p = find_matches(s, p, end, (size_t)job->width + 1, (size_t)job->step)) < end) {
            if (put_block(w, s, NULL, 0, 0) != DONE) return NO_ROOM;
            begin_block(s);
        }
    }
    return put_block(w, s, NULL, 0, job->last);
}
typedef int64_t Encoder(const Job *job, Scratch *s, Writer *w, int kind, uint32_t *adler);
HOT int64_t encode(Job *job, Encoder *with_runs, Encoder *with_matches, Crc *crc32) {
    Scratch *s = job->scratch;
    Writer w = {job->out, job->out + job->capacity, 0, 0};
    uint32_t adler = 1;
    int64_t bits, size = INT64_MAX, status;
    int kind = best_filter(job, s, &bits), matches = 0;
    s->depth = bits < DRAWING ? DEEPER : DEPTH;
    if (bits < SMOOTH) {
        const int kinds[4] = {kind, kind, REPEAT, UP}; /* the first with runs, the others with matches */
        for (int i = 0; i < (kinds[1] == UP ? 3 : 4); i++) { /* do not try UP twice */
            int64_t tried = trial(job, s, kinds[i], i > 0);
            if (tried < size) size = tried, kind = kinds[i], matches = i > 0;
        }
    }
    status = (matches ? with_matches : with_runs)(job, s, &w, kind, &adler);
    if (status == DONE && !job->last) status = put_stored(&w, NULL, 0, 0); /* to a byte boundary, for the next strip */
    if (status != DONE || w.end - w.out < 8) return NO_ROOM;
    align(&w), job->size = w.out - job->out, job->adler = adler;
    job->crc = (uint32_t)~crc32(~(uint32_t)job->crc, job->out, (size_t)job->size);
    return DONE;
}
/* Two functions, because GCC keeps too few values in registers in one large function. */
#define BUILD(name, crc, target) \
    target static __attribute__((noinline)) int64_t name##_runs( \
        const Job *j, Scratch *s, Writer *w, int k, uint32_t *a) { return encode_with_runs(j, s, w, k, a); } \
    target static __attribute__((noinline)) int64_t name##_matches( \
        const Job *j, Scratch *s, Writer *w, int k, uint32_t *a) { return encode_with_matches(j, s, w, k, a); } \
    target static int64_t name(Job *job) { return encode(job, name##_runs, name##_matches, crc); }
BUILD(encode_baseline, crc_by_tables, )
#if defined(__x86_64__)
BUILD(encode_avx2, crc_by_folding, __attribute__((target("avx2,bmi,bmi2,lzcnt"))))
#endif
static int64_t (*fastest)(Job *job);
static int64_t (*find_fastest(void))(Job *job) {
#if defined(__x86_64__)
    unsigned a, b, c, d, low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (~c & (bit_OSXSAVE | bit_AVX | bit_PCLMUL))) return encode_baseline;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0)); /* whether the system saves the AVX registers */
    if ((low & 6) != 6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return encode_baseline;
    if (~b & (bit_AVX2 | bit_BMI | bit_BMI2)) return encode_baseline;
    if (__get_cpuid(0x80000001, &a, &b, &c, &d) && (c & bit_LZCNT)) return encode_avx2;
#endif
    return encode_baseline;
}
/* --- exported functions ------------------------------------------------------------------------------------------- */
EXPORT int64_t tbimage_kernel_start(void) { /* call this before the other functions */
    make_crc_tables();
    for (uint32_t n = 1; n < 256; n++) times_log2_table[n] = (int32_t)compute_times_log2(n);
    fastest = find_fastest();
    return ABI;
}
EXPORT int64_t tbimage_kernel_scratch_bytes(void) { return sizeof(Scratch); }
/* Encodes jobs until one fails. Returns its status, else DONE. */
EXPORT int64_t tbimage_kernel_encode(Job *job, int64_t count) {
    int64_t status = DONE;
    for (Job *end = job + count; job < end && status == DONE; job++) {
        if (job->rows == NULL || job->out == NULL || job->scratch == NULL || job->capacity < 0) return BAD_JOB;
        if (job->step < 1 || job->step > 8 || job->width < job->step || job->width % job->step != 0) return BAD_JOB;
        if (job->height < 1 || job->width >= (int64_t)1 << 40 || job->height >= ((int64_t)1 << 44) / job->width)
            return BAD_JOB; /* so that products are below 2⁶³ */
        status = (job->baseline ? encode_baseline : fastest)(job);
    }
    return status;
}
