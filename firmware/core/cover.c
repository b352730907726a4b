/* Which pattern selections make a plane of weights: docs/reference/objects.md, "Covers". */
#include "cover_sizes.h"
#include "program.h"

#include <string.h>

enum { MOST_POSITIONS = 256, EXACT = 16, MOST_CUBES = MOST_PATTERNS };

struct cube { uint8_t value, free; };
struct set { uint32_t bits[MOST_POSITIONS / 32]; };

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

/* ---- more positions: the irredundant cover of Minato and Morreale ---- */

static bool get(const struct set *s, unsigned i) { return s->bits[i / 32] >> i % 32 & 1; }

static struct set half_of(const struct set *s, unsigned from, unsigned count)
{
    struct set out = {{0}};
    for (unsigned i = 0; i < count; i++)
        out.bits[i / 32] |= (uint32_t)get(s, from + i) << i % 32;
    return out;
}

static struct set combined(const struct set *a, const struct set *b, int how)   /* 0 and, 1 or, 2 and not */
{
    struct set out;
    for (unsigned i = 0; i < MOST_POSITIONS / 32; i++)
        out.bits[i] = how == 0 ? a->bits[i] & b->bits[i] : how == 1 ? a->bits[i] | b->bits[i] : a->bits[i] & ~b->bits[i];
    return out;
}

static bool is_empty(const struct set *s)
{
    for (unsigned i = 0; i < MOST_POSITIONS / 32; i++)
        if (s->bits[i])
            return false;
    return true;
}

static bool is_full(const struct set *s, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (!get(s, i))
            return false;
    return true;
}

static unsigned irredundant(const struct set *lower, const struct set *upper, unsigned n, struct cube *out, struct set *f)
{
    memset(f, 0, sizeof *f);
    if (is_empty(lower))
        return 0;
    if (is_full(upper, n)) {
        *f = *upper;
        *out = (struct cube){0, (uint8_t)(n - 1)};
        return 1;
    }
    unsigned h = n / 2;
    struct set lower0 = half_of(lower, 0, h), lower1 = half_of(lower, h, h), upper0 = half_of(upper, 0, h),
               upper1 = half_of(upper, h, h), f0, f1, f2, a = combined(&lower0, &upper1, 2),
               b = combined(&lower1, &upper0, 2);
    unsigned count0 = irredundant(&a, &upper0, h, out, &f0);
    unsigned count1 = irredundant(&b, &upper1, h, out + count0, &f1);
    a = combined(&lower0, &f0, 2);
    b = combined(&lower1, &f1, 2);
    a = combined(&a, &b, 1);
    b = combined(&upper0, &upper1, 0);
    unsigned count2 = irredundant(&a, &b, h, out + count0 + count1, &f2);
    for (unsigned i = 0; i < count1; i++)
        out[count0 + i].value |= (uint8_t)h;
    for (unsigned i = 0; i < count2; i++)
        out[count0 + count1 + i].free |= (uint8_t)h;
    for (unsigned i = 0; i < h; i++) {
        f->bits[i / 32] |= (uint32_t)(get(&f0, i) || get(&f2, i)) << i % 32;
        f->bits[(h + i) / 32] |= (uint32_t)(get(&f1, i) || get(&f2, i)) << (h + i) % 32;
    }
    return count0 + count1 + count2;
}

/* ---- a step ---- */

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

unsigned cover_patterns(const int32_t *v, const struct image *image, struct pattern *out)
{
    struct cube found[MOST_CUBES];
    const struct object *mask = image->segments[v[0]], *packed = image->segments[v[2]];
    unsigned side = mask->data[3], positions = side * side, bytes = (positions + 7) / 8, count;
    const uint8_t *plane = mask->data + 6 + (unsigned)v[1] * bytes;
    struct set care = {{0}}, ones = {{0}}, upper = {{0}}, f;
    uint32_t bit = (uint32_t)v[3];
    for (unsigned p = 0; p < positions; p++) {
        if (plane[p / 8] >> p % 8 & 1) {
            care.bits[p / 32] |= 1u << p % 32;
            ones.bits[p / 32] |= packed_field(packed->data, packed->size, bit++, 1) << p % 32;
        } else {
            upper.bits[p / 32] |= 1u << p % 32;
        }
    }
    upper = combined(&upper, &ones, 1);
    count = positions <= EXACT ? smallest(ones.bits[0], care.bits[0], positions, found)
                               : irredundant(&ones, &upper, positions, found, &f);
    sort(found, count);
    unsigned shift = (unsigned)v[4], own = (side - 1) << shift, others = 255 & ~own;
    for (unsigned i = 0; i < count; i++)
        out[i] = (struct pattern){
            (uint8_t)(found[i].value / side << shift), (uint8_t)(found[i].value % side << shift),
            (uint8_t)((found[i].free / side << shift) | others), (uint8_t)((found[i].free % side << shift) | others)};
    return count;
}
