#include "objects.h"

#include <stdlib.h>
#include <string.h>

bool varint(uint32_t *value, const uint8_t *p, size_t size, size_t *at)
{
    *value = 0;
    for (int i = 0; i < 3 && *at < size; i++) {
        uint8_t byte = p[(*at)++];
        *value |= (uint32_t)(byte & 0x7F) << 7 * i;
        if (byte < 0x80)
            return !i || byte;                         /* in as few bytes as it fits */
    }
    return false;
}

static bool is_grid(unsigned n) { return n == 1 || n == 2 || n == 4 || n == 8 || n == 16; }

/* Layout 4: how many planes of weights there are, and which of every 256 bits read are inputs; size is 6 or more. */
static bool is_fully_connected(const uint8_t *p, size_t size)
{
    enum { HEADER = 39 };
    if (p[2] != 4 || size < HEADER)
        return false;
    unsigned inputs = u16(p + 3), outputs = p[5], planes = p[6], taken = 0;
    for (int i = 0; i < 256; i++)
        taken += p[7 + i / 8] >> i % 8 & 1;
    if (!taken || (taken < 256 && inputs % taken) || planes > 7)
        return false;
    if (!planes || !inputs || !outputs || size != HEADER + outputs * (4 + (size_t)planes * ((inputs + 7) / 8)))
        return false;
    int64_t most = 0x7FFFFFFF - ((1ll << planes) - 1) * inputs;
    for (unsigned i = 0; i < outputs; i++) {
        int64_t bias = (int32_t)u32(p + HEADER + 4 * i);
        if (bias > most || bias < -most)
            return false;
    }
    return true;
}

static bool is_segment(const uint8_t *p, size_t size)
{
    uint32_t bytes_packed;
    size_t at = 3;
    if (size > 3 && p[2] == 3)
        return varint(&bytes_packed, p, size, &at) && bytes_packed >= 1 && bytes_packed <= 8192
            && size - at == bytes_packed;
    if (size < 6)
        return false;
    if (p[2] == 1) {
        unsigned bits = p[3] * p[4], bytes = (bits + 7) / 8;
        if (!is_grid(p[3]) || !is_grid(p[4]) || size != 6 + (size_t)p[5] * bytes)
            return false;
        for (unsigned i = 1; bits % 8 && i <= p[5]; i++)
            if (p[6 + i * bytes - 1] >> bits % 8)
                return false;
        return true;
    }
    return is_fully_connected(p, size);
}

struct operand { int bytes; int64_t least, most; };    /* bytes negative: signed */
enum rule { ANY, FIRST_DIFFERS_LAST, FIRST_TWO_DIFFER, RECTANGLE_AFTER_ONE, RECTANGLE_AFTER_FOUR, SCAN_DREG, SHIFTED, DRAWN };
enum { MOST_OPERANDS = 10 };
struct step { uint8_t opcode, rule; struct operand operands[MOST_OPERANDS]; };

#define BYTE {1, 0, 255}
#define AREG {1, 0, 6}
#define DREG {1, 0, 12}
#define LEVEL {-1, -128, 127}
#define DAC {2, 0, 4095}
#define FLAG {1, 0, 1}
#define SLOT {1, 0, 254}
#define WORD {2, 0, 65535}
#define COVER {1, 0, 11}
#define SHIFT {-2, -255, 255}
#define PLACE {-2, -256, 511}
#define SOME {1, 1, 255}
#define TIMES {1, 0, 255}
#define MICROSECONDS {4, 0, 10000000}

static const struct step STEPS[] = {
    {1, ANY, {SLOT, {2, 1, 1024}}}, {2, ANY, {LEVEL}}, {3, ANY, {BYTE, BYTE, BYTE, BYTE}},
    {4, ANY, {BYTE, BYTE, BYTE, BYTE}},
    {6, SCAN_DREG, {DREG, BYTE, SOME, {2, 1, 256}}}, {7, ANY, {SLOT}}, {8, ANY, {{0, 0, 0}}},
    {9, ANY, {SLOT, SLOT, SLOT, WORD, {1, 0, 8}, COVER, COVER, COVER, COVER}},
    {10, RECTANGLE_AFTER_FOUR, {SLOT, WORD, {1, 1, 127}, AREG, BYTE, BYTE, BYTE, BYTE, SOME, SOME}},
    {11, ANY, {SLOT, WORD, {2, 1, 65535}, AREG, BYTE, BYTE, BYTE, BYTE, {1, 0, 8}, {1, 0, 8}}},
    {12, ANY, {{4, 0, 0xFFFFFFFF}}}, {13, RECTANGLE_AFTER_ONE, {AREG, BYTE, BYTE, BYTE, BYTE, LEVEL, LEVEL}},
    {14, ANY, {{0, 0, 0}}}, {15, ANY, {{0, 0, 0}}}, {16, ANY, {SLOT, DREG}},
    {20, ANY, {DAC}}, {21, FIRST_DIFFERS_LAST, {AREG, LEVEL, AREG}}, {22, FIRST_DIFFERS_LAST, {AREG, LEVEL, AREG}},
    {23, FIRST_DIFFERS_LAST, {AREG, DAC, AREG}}, {24, FIRST_TWO_DIFFER, {{1, 0, 5}, {1, 0, 5}, {1, 1, 5}}},
    {25, ANY, {{1, 0, 5}, SHIFT, SHIFT}}, {26, FIRST_DIFFERS_LAST, {AREG, TIMES, FLAG, FLAG, AREG}},
    {27, ANY, {AREG, BYTE, BYTE}}, {28, ANY, {AREG}}, {29, ANY, {AREG}}, {30, ANY, {AREG}},
    {31, ANY, {AREG, BYTE, BYTE, BYTE, BYTE}}, {32, ANY, {AREG, BYTE, BYTE, BYTE, BYTE}},
    {33, SHIFTED, {DREG, SHIFT, SHIFT, FLAG, BYTE}}, {34, ANY, {DREG, BYTE, BYTE, BYTE, BYTE}},
    {35, ANY, {DREG, AREG, FLAG}}, {36, FIRST_TWO_DIFFER, {{1, 1, 12}, DREG, FLAG, TIMES, FLAG}},
    {37, ANY, {DREG, BYTE, BYTE, BYTE, BYTE}}, {38, ANY, {DREG, BYTE, BYTE, BYTE, BYTE}},
    {39, DRAWN, {DREG, PLACE, PLACE}}, {40, DRAWN, {DREG, PLACE, PLACE}},
    {41, DRAWN, {DREG, BYTE, BYTE, BYTE, BYTE}},
    {42, DRAWN, {DREG, PLACE, PLACE, PLACE, PLACE, FLAG}}, {43, DRAWN, {DREG, PLACE, PLACE, BYTE, FLAG}},
    {44, DRAWN, {DREG}}, {45, RECTANGLE_AFTER_ONE, {AREG, BYTE, BYTE, BYTE, BYTE, SOME, SOME}},
    {46, ANY, {AREG}}, {47, ANY, {DREG, {2, 0, 4000}, FLAG, FLAG, FLAG}}, {48, ANY, {DREG}},
    {49, ANY, {MICROSECONDS}}, {50, ANY, {MICROSECONDS}}};

static bool keeps_rule(enum rule rule, const int64_t *v, int count)
{
    switch (rule) {
    case FIRST_DIFFERS_LAST: return v[0] != v[count - 1];
    case FIRST_TWO_DIFFER: return v[0] != v[1];
    case RECTANGLE_AFTER_ONE: return v[1] <= v[3] && v[2] <= v[4];
    case RECTANGLE_AFTER_FOUR: return v[4] <= v[6] && v[5] <= v[7];
    case SHIFTED: return v[0] < 1 || v[0] > 4;         /* R1 to R4 are the directions */
    case DRAWN: return v[0] != 2 && v[0] != 3;         /* a primitive goes by R2 and R3 */
    case SCAN_DREG: return v[1] + v[2] * (v[3] - 1) <= 255;
    default: return true;
    }
}

static size_t step_size(const uint8_t *p, size_t size) /* 0 where it is no step */
{
    for (size_t i = 0; i < sizeof STEPS / sizeof *STEPS; i++) {
        const struct step *step = &STEPS[i];
        if (step->opcode != p[0])
            continue;
        int64_t values[MOST_OPERANDS] = {0};
        size_t at = 1;
        int count = 0;
        for (; count < MOST_OPERANDS && step->operands[count].bytes; count++) {
            struct operand o = step->operands[count];
            size_t bytes = (size_t)abs(o.bytes);
            if (size - at < bytes)
                return 0;
            int64_t v = bytes == 1 ? p[at] : bytes == 2 ? u16(p + at) : u32(p + at);
            if (o.bytes < 0 && v >> (8 * bytes - 1))
                v -= 1ll << 8 * bytes;
            if (v < o.least || v > o.most)
                return 0;
            values[count] = v;
            at += bytes;
        }
        return keeps_rule(step->rule, values, count) ? at : 0;
    }
    return 0;
}

static bool decides(uint8_t opcode)                    /* Argmax, Proceed */
{
    return opcode == 8 || opcode == 15;
}

static bool is_program(const uint8_t *p, size_t size)
{
    size_t at = 4;
    if (size < 5 || !u16(p + 2))
        return false;
    for (unsigned left = u16(p + 2); left; left--) {
        size_t step = at < size ? step_size(p + at, size - at) : 0;
        if (!step || (decides(p[at]) && left > 1))
            return false;
        at += step;
    }
    return at == size;
}

static bool is_node(const uint8_t *p, size_t size)
{
    size_t at = 18;
    for (int list = 0; list < 2; list++) {             /* blocks, segments */
        if (at >= size)
            return false;
        at += 1 + 16u * p[at];
    }
    if (at + 5 > size || u16(p + at) >> 13 || p[at + 2] >> 7 || u16(p + at + 3) > 1024)
        return false;
    unsigned left = u16(p + at + 3);
    for (at += 5; left; left--) {
        if (at >= size || p[at] > 1)
            return false;
        at += p[at] ? 17 : 3;
    }
    return at == size;
}

bool is_object(const uint8_t *p, size_t size)
{
    if (size < 2 || p[1] != 1)
        return false;
    switch (p[0]) {
    case KIND_BLOCK: return is_block(p, size);
    case KIND_SEGMENT: return is_segment(p, size);
    case KIND_PROGRAM: return is_program(p, size);
    case KIND_NODE: return is_node(p, size);
    case KIND_TREE: return size == 35 && p[2] <= 12;
    default: return false;
    }
}

struct object *store_find(struct store *s, const uint8_t digest[16])
{
    struct object *o = s->first;
    while (o && memcmp(o->digest, digest, 16))
        o = o->next;
    return o;
}

void store_touch(struct store *s, struct object *o) { o->used = ++s->clock; }

void store_drop(struct store *s, struct object *o)
{
    struct object **link = &s->first;
    while (*link != o)
        link = &(*link)->next;
    *link = o->next;
    s->count--;
    s->used -= o->size;
    s->icw_used -= o->words;
    free(o->data);
    free(o->evicted);
    free(o);
}

struct object *store_oldest(struct store *s, bool blocks_only, const struct object *spared)
{
    struct object *oldest = NULL;
    for (struct object *o = s->first; o; o = o->next)
        if (o != spared && o->whole && !(blocks_only && !o->words) && !s->is_needed(o->digest)
            && (!oldest || o->used < oldest->used))
            oldest = o;
    return oldest;
}

static bool evict_for(struct store *s, struct object *one)
{
    struct object *o = store_oldest(s, one->whole, one);
    uint8_t (*list)[16] = o ? realloc(one->evicted, 16u * (one->evicted_count + 1u)) : NULL;
    if (!list)
        return false;
    one->evicted = list;
    memcpy(list[one->evicted_count++], o->digest, 16);
    store_drop(s, o);
    return true;
}

/* Uploads go, all of them, where evicting objects is not enough but this is. An abandoned one must not hold
 * its room for ever. Returns whether `size` bytes fit then, once objects are evicted. */
static bool uploads_leave_room(struct store *s, uint32_t size)
{
    uint64_t needed = size, uploads = 0;
    unsigned needed_count = 1, upload_count = 0;
    for (struct object *o = s->first; o; o = o->next) {
        bool is_needed = o->whole && s->is_needed(o->digest);
        uploads += o->whole ? 0 : o->size;
        upload_count += !o->whole;
        needed += is_needed ? o->size : 0;
        needed_count += is_needed;
    }
    if (needed > s->budget || needed_count > MAX_OBJECTS)
        return false;
    bool keep = needed + uploads <= s->budget && needed_count + upload_count <= MAX_OBJECTS;
    for (struct object *o = s->first, *next; !keep && o; o = next) {
        next = o->next;
        if (!o->whole)
            store_drop(s, o);
    }
    return true;
}

void store_limit(struct store *s, uint32_t budget)
{
    s->budget = budget;
    uploads_leave_room(s, 0);
}

struct object *store_begin(struct store *s, const uint8_t digest[16], uint32_t size)
{
    struct object *one = uploads_leave_room(s, size) ? calloc(1, sizeof *one) : NULL;
    if (!one)
        return NULL;
    memcpy(one->digest, digest, 16);
    while ((s->used + size > s->budget || s->count >= MAX_OBJECTS) && evict_for(s, one)) { }
    one->data = malloc(size);
    if (!one->data || s->used + size > s->budget || s->count >= MAX_OBJECTS) {
        free(one->data);
        free(one->evicted);
        free(one);
        return NULL;
    }
    one->size = size;
    one->next = s->first;
    s->first = one;
    s->used += size;
    s->count++;
    store_touch(s, one);
    return one;
}

bool store_finish(struct store *s, struct object *o)
{
    uint32_t words = 0;
    size_t at = 2;
    if (o->data[0] == KIND_BLOCK)
        varint(&words, o->data, o->size, &at);
    uint32_t bound = words;
    for (struct object *other = s->first; other; other = other->next)
        if (other->whole && s->is_needed(other->digest))
            bound += other->words;
    if (bound > s->icw_room)
        return false;
    o->whole = true;
    while (s->icw_used + words > s->icw_room && evict_for(s, o)) { }
    o->words = words;
    s->icw_used += words;
    store_touch(s, o);
    return true;
}
