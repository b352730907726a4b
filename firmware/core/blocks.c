/* Instruction words in a block, arithmetic-coded: docs/reference/objects.md, "Block". */
#include "instruction.h"
#include "objects.h"
#include "scratch.h"
#include "words.h"

#include <string.h>

enum { FIRST = 28, BEFORES = 29 };                     /* what a block's first instruction comes after; what may come before */

/* What is known of decisions: of the contexts that this block has met, by number, in a table with open places. */

union scratch scratch;
static uint32_t *const met = scratch.contexts.met;     /* 16 times the context's number, and how often it was met */
static int16_t *const of_zero = scratch.contexts.of_zero;    /* its estimate of a 0, less 32,768 */
static unsigned met_count;

/* Numbers of contexts: each kind has a range of its own, and room for the bits of a number before. */
enum {
    AT_MNEMONIC = 1, AT_COUNTS = AT_MNEMONIC + BEFORES * 32, AT_OPERANDS = AT_COUNTS + 2 * MNEMONICS * BEFORES * 16,
    AT_BITS = AT_OPERANDS + MNEMONICS * BEFORES * 2 * MOST_NAMED * 32, AT_CLOCK = AT_BITS + 80
};

#ifdef LEARNING
static void as_learned(unsigned i, uint32_t key) { met[i] = key << 4; }
#else
#include "learned.h"

/* What a block begins with: the contexts after the words of LEARNED, by their numbers. */
static void as_learned(unsigned i, uint32_t key)
{
    unsigned low = 0, high = LEARNED_CONTEXTS;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (LEARNED_MET[middle] >> 4 < key)
            low = middle + 1;
        else
            high = middle;
    }
    bool is_one = low < LEARNED_CONTEXTS && LEARNED_MET[low] >> 4 == key;
    met[i] = is_one ? LEARNED_MET[low] : key << 4;
    of_zero[i] = (int16_t)(is_one ? LEARNED_OF_ZERO[low] : 0);
}
#endif

static bool find(uint32_t key, unsigned *at)           /* false where the table is full */
{
    unsigned i = key * 2654435761u % CONTEXTS;
    while (met[i] >> 4 != key) {
        if (!met[i]) {
            if (met_count == CONTEXTS - 1)
                return false;
            met_count++;
            as_learned(i, key);
            break;
        }
        i = i + 1 == CONTEXTS ? 0 : i + 1;
    }
    *at = i;
    return true;
}

struct coder {
    const uint8_t *code;                               /* NULL where decisions are given, to learn from */
    size_t size, at;
    uint32_t range, value;
    uint8_t list[REGISTERS], before;
    bool overflown;                                    /* more contexts than there is room for */
};

static uint8_t next_byte(struct coder *c)
{
    uint8_t byte = c->at < c->size ? c->code[c->at] : 0;
    c->at++;
    return byte;
}

static unsigned decide(struct coder *c, uint32_t key, unsigned bit)
{
    unsigned at;
    if (!find(key, &at)) {
        c->overflown = true;
        return 0;
    }
    uint32_t count = met[at] & 15, p = (uint32_t)(of_zero[at] + 32768), bound = (c->range >> 16) * p;
    if (c->code) {
        bit = c->value >= bound;
        c->value -= bit ? bound : 0;
        c->range = bit ? c->range - bound : bound;
        for (; c->range < 1u << 24; c->range <<= 8)
            c->value = c->value << 8 | next_byte(c);
    }
    p = bit ? p - p * 2 / (2 * count + 3) : p + (65536 - p) * 2 / (2 * count + 3);
    p = p < 600 ? 600 : p > 65536 - 600 ? 65536 - 600 : p;
    of_zero[at] = (int16_t)((int32_t)p - 32768);
    met[at] += count < 15;
    return bit;
}

static unsigned number(struct coder *c, uint32_t contexts, int width, unsigned given)
{
    unsigned seen = 1;                                 /* the bits before, with a 1 in front of them */
    for (int i = width - 1; i >= 0; i--)
        seen = seen << 1 | decide(c, contexts + seen, given >> i & 1);
    return seen - (1u << width);
}

static uint8_t place_of(const struct coder *c, uint8_t name)
{
    return (uint8_t)((const uint8_t *)memchr(c->list, name, REGISTERS) - c->list);
}

static void to_front(struct coder *c, const struct instruction *w)
{
    uint8_t list[REGISTERS];
    size_t size = 0;
    bool moved[REGISTERS] = {false};
    for (int group = 1; group >= 0; group--)           /* sources first */
        for (unsigned i = 0; i < w->count[group]; i++)
            if (!moved[w->operands[group][i]]) {
                moved[w->operands[group][i]] = true;
                list[size++] = w->operands[group][i];
            }
    for (int i = 0; i < REGISTERS; i++)
        if (!moved[c->list[i]])
            list[size++] = c->list[i];
    memcpy(c->list, list, sizeof list);
}

/* Reads an instruction, or learns from the one that is given; false where there is no such one. */
static bool code_instruction(struct coder *c, struct instruction *w)
{
    w->mnemonic = (uint8_t)number(c, AT_MNEMONIC + 32u * c->before, 5, w->mnemonic);
    if (w->mnemonic > UNNAMED)
        return false;
    if (w->mnemonic == UNNAMED) {
        memset(w->bits, 0, sizeof w->bits);
        for (int i = 0; i < 80; i++)
            w->bits[i / 8] |= (uint8_t)(decide(c, AT_BITS + (uint32_t)i, 0) << i % 8);
        w->clock = (uint8_t)number(c, AT_CLOCK, 3, 0);
    } else {
        for (int group = 0; group < 2; group++)
            w->count[group] = (uint8_t)number(c, AT_COUNTS + 16u * (BEFORES * (uint32_t)(MNEMONICS * group + w->mnemonic) + c->before), 4, w->count[group]);
        uint32_t context = AT_OPERANDS + 32u * 2 * MOST_NAMED * (BEFORES * (uint32_t)w->mnemonic + c->before);
        for (int group = 0; group < 2; group++)
            for (int i = 0, before = -1; i < w->count[group]; i++) {
                int place = (int)number(c, context, 5, c->code ? 0 : place_of(c, w->operands[group][i]));
                context += 32;
                if (place <= before || place >= REGISTERS)
                    return false;
                before = place;
                w->operands[group][i] = c->list[place];
            }
        to_front(c, w);
    }
    c->before = w->mnemonic;
    return true;
}

static struct coder begin(const uint8_t *code, size_t size)
{
    struct coder c = {.code = code, .size = size, .range = 0xFFFFFFFF, .before = FIRST};
    for (int i = 0; i < REGISTERS; i++)
        c.list[i] = (uint8_t)i;
    for (int i = 0; code && i < 4; i++)
        c.value = c.value << 8 | next_byte(&c);
    return c;
}

#ifdef LEARNING                                        /* tools/make_firmware_tables.py: what learned.h is made of */

#include <stdio.h>

/* What a block begins with, as if these words had come before it. */

static const char *const LEARNED[] = {
    "CLR(R1, R2, R3, R4); CLR(R8, R9, R10, R11)",
    "CLR(R8, R9, R10, R11)",
    "all; bus(NEWS); bus(B, NEWS); MOV(R6, R5); MOV(R7, R6); CLR(R8, R9, R10, R11)",
    "all; bus(NEWS); bus(A, NEWS); OR(R10, R1, R2, R3, R4); WHERE(R10); bus(A, IN); all; bus(NEWS, A); "
    "bus(B, A); bus(A, B, NEWS); OR(R10, R6, R7, R8, R9); WHERE(R10); bus(NEWS, A, IN); bus(A, NEWS); "
    "CLR(R1, R2, R3, R4); CLR(R6, R7, R8, R9)",
    "OR(R0, R8, R9, R10, R11); NOR(R8, R0, R7); NOR(R9, R7, R8); NOR(R10, R0, R8); WHERE(R9, R10); bus(NEWS, B); "
    "bus(B, NEWS, IN); CLR(R1, R2, R3, R4); SET(R4)",
    "DNEWS0(R8, R7); DNEWS0(R7, R8); MOV(R8, R7); DNEWS0(R7, R8); DNEWS0(R8, R7); MOV(R7, R8)",
    "DNEWS0(R7, R6); DNEWS0(R6, R7); MOV(R7, R6); DNEWS0(R6, R7); DNEWS0(R7, R6); MOV(R6, R7)",
    "OR(R0, R8, R9, R10, R11); NOR(R8, R0, R7); NOR(R9, R7, R8); NOR(R10, R0, R8); WHERE(R9, R10); "
    "bus(NEWS, B, IN); bus(B, NEWS); MOV(R7, R6); CLR(R1, R2, R3, R4); SET(R2)",
    "OR(R0, R1, R2, R3, R4); NOR(R1, R0, R7); NOR(R2, R1, R7); NOR(R3, R0, R1); WHERE(R2, R3); bus(NEWS, B); "
    "bus(B, NEWS, IN); CLR(R1, R2, R3, R4); SET(R1); DNEWS0(R0, R7); MOV(R7, R0); OR(R0, R8, R9, R10, R11); "
    "NOR(R8, R0, R7); NOR(R1, R7, R8); NOR(R2, R0, R8); WHERE(R1, R2); bus(NEWS, B, IN); bus(B, NEWS); "
    "where(A, B); MOV(R6, FLAG)",
    "OR(R8, R6, R7); MOV(R6, R8)",
    "MOV(R7, R6); CLR(R2); SET(R1)"};

static void sort_operands(const struct coder *c, struct instruction *w)
{
    for (int group = 0; group < 2; group++)
        for (int i = 1; i < w->count[group]; i++)
            for (int k = i; k && place_of(c, w->operands[group][k]) < place_of(c, w->operands[group][k - 1]); k--) {
                uint8_t other = w->operands[group][k];
                w->operands[group][k] = w->operands[group][k - 1];
                w->operands[group][k - 1] = other;
            }
}

static void learn(const char *text)
{
    struct coder c = begin(NULL, 0);
    while (*text) {
        struct instruction w = read_instruction(&text);
        sort_operands(&c, &w);
        code_instruction(&c, &w);
    }
}

void print_word_bits(void);

int main(int argc, char **argv)                        /* bits: those of words; otherwise what was learned */
{
    (void)argv;
    if (argc > 1) {
        print_word_bits();
        return 0;
    }
    for (size_t i = 0; i < sizeof LEARNED / sizeof *LEARNED; i++)
        learn(LEARNED[i]);
    for (unsigned i = 0; i < CONTEXTS; i++)
        if (met[i])
            printf("%u %d\n", (unsigned)met[i], of_zero[i]);
    return 0;
}

#else

/* Whether the code is the shortest that decodes to this, and the smallest of those: what a decoder knows in the end is
 * how far the code lies above the least one with the same decisions (value), and how many there are (range). */
static bool is_shortest(const struct coder *c)
{
    if (c->size > c->at)
        return false;
    if (!c->size)
        return true;
    size_t zeros = c->at - c->size > 6 ? 6 : c->at - c->size;
    uint64_t unit = 1ull << 8 * zeros, last = c->code[c->size - 1];
    return last && c->value < unit && (256 - last) * unit >= c->range - c->value;
}

/* Decodes a block, and hands on its words where take is not NULL; false where it is none. */
static bool decode(const uint8_t *p, size_t size, void (*take)(void *, const struct icw *), void *context)
{
    uint32_t words, code;
    size_t at = 2;
    if (!varint(&words, p, size, &at) || words < 1 || words > 1024 || !varint(&code, p, size, &at) || size - at != code)
        return false;
    memset(met, 0, sizeof scratch.contexts.met);
    met_count = 0;
    struct coder c = begin(p + at, code);
    if (c.value >= c.range)
        return false;
    while (words--) {
        struct instruction w = {0};
        if (!code_instruction(&c, &w) || c.overflown || !is_instruction(&w))
            return false;
        struct icw word = icw_of(&w);
        if (take)
            take(context, &word);
    }
    return is_shortest(&c);
}

bool is_block(const uint8_t *p, size_t size) { return decode(p, size, NULL, NULL); }

void block_words(const uint8_t *p, size_t size, void (*take)(void *, const struct icw *), void *context)
{
    decode(p, size, take, context);
}

#endif
