#include "cover.h"

#include "cover_sizes.h"

#include <stdbool.h>

enum { EXACT = 16, WORD = 32, MOST_WORDS = 256 / WORD };

/* ---- up to 16 positions: a smallest cover ---- */

/* Those that lie within so many positions, in their order. */
static unsigned candidates_within(unsigned positions, struct candidate *out)
{
    unsigned count = 0;
    for (unsigned i = 0; i < sizeof CANDIDATES / sizeof *CANDIDATES; i++)
        if (CANDIDATES[i].value < positions && CANDIDATES[i].free < positions)
            out[count++] = CANDIDATES[i];
    return count;
}

/* Size of the smallest cover of a set, from the table of all sets of 16 positions: fewer of them stand for groups. */
static unsigned size_of(uint32_t set, unsigned positions)
{
    for (unsigned n = positions; n < EXACT; n *= 2)
        set |= set << n;
    return COVER_SIZES[set / 2] >> (set & 1 ? 4 : 0) & 15;
}

/* The set that the definition comes from to this one, of n cubes: the least that has a cover of n - 1 cubes and becomes
 * this one by a cube; and the first such cube. */
static uint32_t set_before(uint32_t set, unsigned n, unsigned positions, const struct candidate *cubes, unsigned count,
                           unsigned *last)
{
    uint32_t least = UINT32_MAX;
    for (unsigned k = 0; k < count; k++) {
        uint32_t mask = cubes[k].mask, rest = set & ~mask;
        if (mask & ~set)
            continue;
        for (uint32_t part = 0;; part = (part - mask) & mask) {   /* the subsets of mask, ascending */
            uint32_t before = rest | part;
            if (before >= least || part == mask)
                break;
            if (size_of(before, positions) == n - 1) {
                least = before;
                *last = k;
                break;
            }
        }
    }
    return least;
}

static unsigned smallest(uint32_t ones, uint32_t care, unsigned positions, struct cube *out)
{
    struct candidate cubes[81];
    unsigned cube_count = candidates_within(positions, cubes), size = size_of(ones, positions), last = 0;
    uint32_t spare = ~care & ((1u << positions) - 1) & ~ones, best = ones;
    for (uint32_t more = spare;; more = (more - 1) & spare) {
        uint32_t set = ones | more;
        unsigned its = size_of(set, positions);
        if (its < size || (its == size && set < best)) {
            best = set;
            size = its;
        }
        if (!more)
            break;
    }
    for (unsigned n = size; n; n--) {
        best = set_before(best, n, positions, cubes, cube_count, &last);
        out[n - 1] = (struct cube){cubes[last].value, cubes[last].free};
    }
    return size;
}

/* ---- more positions: the irredundant cover of Minato and Morreale; f becomes what it contains ---- */

static unsigned irredundant_word(uint32_t lower, uint32_t upper, unsigned n, struct cube *out, uint32_t *f)
{
    uint32_t all = UINT32_MAX >> (WORD - n);
    *f = 0;
    if (!lower)
        return 0;
    if (upper == all) {
        *f = all;
        *out = (struct cube){0, (uint8_t)(n - 1)};
        return 1;
    }
    unsigned h = n / 2;
    uint32_t half = UINT32_MAX >> (WORD - h), f0, f1, f2;
    uint32_t lower0 = lower & half, lower1 = lower >> h, upper0 = upper & half, upper1 = upper >> h;
    unsigned count0 = irredundant_word(lower0 & ~upper1, upper0, h, out, &f0);
    unsigned count1 = irredundant_word(lower1 & ~upper0, upper1, h, out + count0, &f1);
    unsigned both = count0 + count1;
    unsigned count2 = irredundant_word((lower0 & ~f0) | (lower1 & ~f1), upper0 & upper1, h, out + both, &f2);
    for (unsigned i = count0; i < both; i++)
        out[i].value |= (uint8_t)h;
    for (unsigned i = both; i < both + count2; i++)
        out[i].free |= (uint8_t)h;
    *f = f0 | f2 | (f1 | f2) << h;
    return both + count2;
}

static bool is_all(const uint32_t *set, unsigned words, uint32_t word)
{
    while (words && *set == word)
        set++, words--;
    return !words;
}

/* The same over several words of positions. */
static unsigned irredundant(const uint32_t *lower, const uint32_t *upper, unsigned words, struct cube *out, uint32_t *f)
{
    uint32_t a[MOST_WORDS / 2], b[MOST_WORDS / 2], f0[MOST_WORDS / 2], f1[MOST_WORDS / 2], f2[MOST_WORDS / 2];
    unsigned h = words / 2, bit = h * WORD;
    if (words == 1)
        return irredundant_word(*lower, *upper, WORD, out, f);
    bool whole = is_all(upper, words, UINT32_MAX);
    if (whole || is_all(lower, words, 0)) {
        for (unsigned i = 0; i < words; i++)
            f[i] = is_all(lower, words, 0) ? 0 : UINT32_MAX;
        *out = (struct cube){0, (uint8_t)(2 * bit - 1)};
        return f[0] & 1;
    }
    for (unsigned i = 0; i < h; i++) {
        a[i] = lower[i] & ~upper[h + i];
        b[i] = lower[h + i] & ~upper[i];
    }
    unsigned count0 = irredundant(a, upper, h, out, f0), both = count0 + irredundant(b, upper + h, h, out + count0, f1);
    for (unsigned i = 0; i < h; i++) {
        a[i] = (lower[i] & ~f0[i]) | (lower[h + i] & ~f1[i]);
        b[i] = upper[i] & upper[h + i];
    }
    unsigned count2 = irredundant(a, b, h, out + both, f2);
    for (unsigned i = count0; i < both; i++)
        out[i].value |= (uint8_t)bit;
    for (unsigned i = both; i < both + count2; i++)
        out[i].free |= (uint8_t)bit;
    for (unsigned i = 0; i < h; i++) {
        f[i] = f0[i] | f2[i];
        f[h + i] = f1[i] | f2[i];
    }
    return both + count2;
}

static void sort(struct cube *cube, unsigned count)
{
    for (unsigned i = 1; i < count; i++)
        for (unsigned k = i; k; k--) {
            struct cube a = cube[k - 1], b = cube[k];
            if (a.value < b.value || (a.value == b.value && a.free <= b.free))
                break;
            cube[k - 1] = b;
            cube[k] = a;
        }
}

unsigned cover(const struct weights *weights, struct cube out[MOST_CUBES])
{
    uint32_t upper[MOST_WORDS], f[MOST_WORDS];
    unsigned words = weights->positions / WORD, count;
    for (unsigned i = 0; i < words; i++)
        upper[i] = weights->ones[i] | ~weights->care[i];
    count = words ? irredundant(weights->ones, upper, words, out, f)
                  : smallest(weights->ones[0], weights->care[0], weights->positions, out);
    sort(out, count);
    return count;
}
