/* The code of instruction words: adaptive decisions, arithmetic-coded. docs/objects.md, "Block". Which operands
 * a mnemonic takes is left to the array, which this device does not have. */
#include "objects.h"

#include <stdlib.h>
#include <string.h>

enum { RAW = 27, REGISTERS = 29, CONTEXTS = 1 << 18, LEAST = 600, MOST_SEEN = 15 };

/* Where the numbers of contexts begin, one range for each kind. */
enum { OF_MNEMONIC = 1, OF_COUNT = OF_MNEMONIC + 32 * 32, OF_OPERAND = OF_COUNT + 2 * 32 * 32 * 16,
       OF_RAW = OF_OPERAND + 32 * 32 * 32 * 32, OF_CLOCK = OF_RAW + 80 };

struct estimate { uint32_t context; uint16_t zero, seen; };  /* no context: 0 */

struct walk {
    struct estimate *estimates;                        /* a hash table of CONTEXTS */
    const uint8_t *code;                               /* NULL while learning from the primer */
    size_t size, at;
    uint32_t value, range;
    uint8_t recent[REGISTERS];
    unsigned previous;
    bool valid;
};

/* The primer of docs/objects.md: of each word its mnemonic, 16 x destinations + sources, and these as numbers
 * of the first list of registers; 255 ends a block. */
static const uint8_t PRIMER[] = {
    15, 64, 7, 8, 9, 10, 15, 64, 0, 1, 2, 3, 255, 15, 64, 0, 1, 2, 3, 255, 13, 0, 3, 16, 13, 3, 17, 15, 13, 16,
    17, 6, 11, 16, 17, 5, 6, 15, 64, 0, 1, 2, 3, 255, 13, 0, 3, 16, 13, 3, 17, 16, 13, 17, 20, 2, 7, 8, 9, 10,
    12, 1, 2, 3, 17, 16, 14, 13, 0, 3, 17, 13, 16, 3, 17, 15, 16, 3, 18, 16, 15, 13, 17, 20, 2, 6, 5, 0, 1, 12,
    1, 2, 3, 18, 13, 16, 14, 3, 17, 16, 13, 15, 64, 7, 8, 9, 10, 15, 64, 6, 5, 0, 1, 255, 17, 20, 4, 0, 1, 2, 3,
    19, 18, 0, 4, 5, 19, 18, 1, 5, 0, 19, 18, 2, 4, 0, 12, 2, 1, 2, 3, 17, 13, 15, 3, 18, 15, 13, 14, 15, 64, 7,
    8, 9, 10, 14, 16, 10, 255, 22, 17, 0, 5, 22, 17, 5, 0, 16, 17, 0, 5, 22, 17, 5, 0, 22, 17, 0, 5, 16, 17, 5,
    0, 255, 22, 17, 5, 6, 22, 17, 6, 5, 16, 17, 5, 6, 22, 17, 6, 5, 22, 17, 5, 6, 16, 17, 6, 5, 255, 17, 20, 4,
    0, 1, 2, 3, 19, 18, 0, 4, 5, 19, 18, 1, 5, 0, 19, 18, 2, 4, 0, 12, 2, 1, 2, 3, 18, 13, 15, 14, 3, 17, 15,
    13, 16, 17, 5, 6, 15, 64, 7, 8, 9, 10, 14, 16, 8, 255, 17, 20, 4, 7, 8, 9, 10, 19, 18, 7, 4, 5, 19, 18, 8,
    7, 5, 19, 18, 9, 4, 7, 12, 2, 8, 9, 3, 17, 13, 15, 3, 18, 15, 13, 14, 15, 64, 7, 8, 9, 10, 14, 16, 7, 22,
    17, 4, 5, 16, 17, 5, 4, 17, 20, 4, 0, 1, 2, 3, 19, 18, 0, 4, 5, 19, 18, 7, 5, 0, 19, 18, 8, 4, 0, 12, 2, 7,
    8, 3, 18, 13, 15, 14, 3, 17, 15, 13, 11, 2, 16, 15, 16, 17, 6, 26, 255, 17, 18, 0, 6, 5, 16, 17, 6, 0, 255,
    16, 17, 5, 6, 15, 16, 8, 14, 16, 7, 255,
};

static struct estimate *find(struct estimate *table, uint32_t context)
{
    uint32_t slot = context * 2654435761u >> 14;       /* 18 bits; 1,024 words have fewer contexts than that */
    while (table[slot].context && table[slot].context != context)
        slot = (slot + 1) % CONTEXTS;
    if (!table[slot].context)
        table[slot] = (struct estimate){context, 1u << 15, 0};
    return &table[slot];
}

static unsigned decide(struct walk *w, uint32_t context, unsigned bit)
{
    struct estimate *e = find(w->estimates, context);
    uint32_t zero = e->zero, step = 2u * e->seen + 3;
    if (w->code) {
        uint32_t bound = (w->range >> 16) * zero;
        bit = w->value >= bound;
        w->value -= bit ? bound : 0;
        w->range = bit ? w->range - bound : bound;
        for (; w->range < 1u << 24; w->range <<= 8, w->at++)
            w->value = w->value << 8 | (w->at < w->size ? w->code[w->at] : 0u);
    }
    zero = bit ? zero - zero * 2 / step : zero + (65536 - zero) * 2 / step;
    e->zero = (uint16_t)(zero < LEAST ? LEAST : zero > 65536 - LEAST ? 65536 - LEAST : zero);
    e->seen = (uint16_t)(e->seen < MOST_SEEN ? e->seen + 1 : MOST_SEEN);
    return bit;
}

static unsigned number(struct walk *w, uint32_t context, unsigned value, int width)
{
    unsigned node = 1;
    for (int place = width - 1; place >= 0; place--)
        node = node << 1 | decide(w, context + node, value >> place & 1);
    return node - (1u << width);
}

static unsigned age_of(const struct walk *w, unsigned register_)
{
    unsigned age = 0;
    while (w->recent[age] != register_)
        age++;
    return age;
}

/* One word; p is its entry in the primer while learning, else NULL. Returns what follows it there. */
static const uint8_t *word(struct walk *w, const uint8_t *p)
{
    unsigned before = w->previous, named[30], count = 0;
    unsigned symbol = w->previous = number(w, OF_MNEMONIC + 32 * before, p ? p[0] : 0, 5);
    if (symbol == RAW) {
        for (unsigned place = 0; place < 80; place++)
            decide(w, OF_RAW + place, 0);
        w->valid &= number(w, OF_CLOCK, 0, 3) <= 6;
        return NULL;
    }
    if (symbol > RAW) {
        w->valid = false;
        return NULL;
    }
    unsigned destinations = number(w, OF_COUNT + (symbol * 32 + before) * 16, p ? p[1] >> 4 : 0, 4);
    unsigned sources = number(w, OF_COUNT + ((32 + symbol) * 32 + before) * 16, p ? p[1] & 15 : 0, 4);
    unsigned last = 0;
    for (; count < destinations + sources && w->valid; count++) {
        unsigned wanted = 0;
        if (p) {                                       /* each group from the youngest on */
            unsigned first = count < destinations ? 0 : destinations;
            unsigned end = count < destinations ? destinations : destinations + sources;
            wanted = REGISTERS;
            for (unsigned i = first; i < end; i++) {
                unsigned age = age_of(w, p[2 + i]);
                if ((count == first || age > last) && age < wanted)
                    wanted = age;
            }
        }
        uint32_t context = OF_OPERAND + ((symbol * 32 + before) * 32 + count) * 32;
        unsigned age = number(w, context, wanted, 5);
        w->valid = age < REGISTERS && (count == 0 || count == destinations || age > last);
        named[count] = w->valid ? w->recent[age] : 0;
        last = age;
    }
    for (unsigned i = 0; i < count && w->valid; i++) { /* destinations, then sources, the last one first */
        unsigned register_ = named[i < destinations ? destinations - 1 - i : count - 1 - (i - destinations)];
        unsigned age = age_of(w, register_);
        memmove(w->recent + 1, w->recent, age);
        w->recent[0] = (uint8_t)register_;
    }
    return p ? p + 2 + destinations + sources : NULL;
}

static void begin(struct walk *w)
{
    for (unsigned i = 0; i < REGISTERS; i++)
        w->recent[i] = (uint8_t)i;
    w->previous = RAW + 1;
}

/* Whether an encoder would have written these bytes: the shortest that decode so, the smallest of these. */
static bool is_shortest(const struct walk *w)
{
    if (w->size > w->at || (w->size && !w->code[w->size - 1]))
        return false;
    size_t zeros = w->at - w->size;
    if (!w->size || zeros >= 4)
        return true;
    uint64_t unit = 1ull << 8 * zeros, rest = (256u - w->code[w->size - 1]) * unit;
    return w->value < unit && rest >= w->range - w->value;
}

bool is_code(const uint8_t *code, size_t size, unsigned words)
{
    static struct estimate *primed;
    struct walk w = {.valid = true};
    if (!primed) {
        w.estimates = primed = calloc(CONTEXTS, sizeof *primed);
        if (!primed)
            return false;
        for (const uint8_t *p = PRIMER; p < PRIMER + sizeof PRIMER; p++)
            for (begin(&w); *p != 255;)
                p = word(&w, p);
    }
    w.estimates = malloc(CONTEXTS * sizeof *primed);
    if (!w.estimates)
        return false;
    memcpy(w.estimates, primed, CONTEXTS * sizeof *primed);
    w.code = code;
    w.size = size;
    w.range = 0xFFFFFFFF;
    for (; w.at < 4; w.at++)
        w.value = w.value << 8 | (w.at < size ? code[w.at] : 0u);
    begin(&w);
    for (unsigned i = 0; i < words && w.valid; i++)
        word(&w, NULL);
    bool found = w.valid && is_shortest(&w);
    free(w.estimates);
    return found;
}
