/* Instruction words in a block, arithmetic-coded: docs/objects.md, "Block". */
#include "objects.h"

#include <string.h>

enum { REGISTERS = 29, MNEMONICS = 27, UNNAMED = 27, FIRST = 28, BEFORES = 29, MOST_OPERANDS = 15 };

struct word { uint8_t mnemonic, count[2], operands[2][MOST_OPERANDS], bits[10], clock; };    /* 0 destinations */

/* What is known of a decision. All zeros where it was never met. */
struct estimate { int16_t of_zero; uint16_t count; };  /* of_zero: less 32,768 */

/* 3 MB so that the text of the document can be followed; firmware keeps them in a table of those that were met. */
static struct {
    struct estimate mnemonic[BEFORES][32], counts[2][MNEMONICS][BEFORES][16];
    struct estimate operands[MNEMONICS][BEFORES][2 * MOST_OPERANDS][32], bits[80], clock[8];
} known;

struct coder {
    const uint8_t *code;                               /* NULL where decisions are given, to learn from */
    size_t size, at;
    uint32_t range, value;
    uint8_t list[REGISTERS], before;
};

static uint8_t next_byte(struct coder *c)
{
    uint8_t byte = c->at < c->size ? c->code[c->at] : 0;
    c->at++;
    return byte;
}

static unsigned decide(struct coder *c, struct estimate *e, unsigned bit)
{
    uint32_t p = (uint32_t)(e->of_zero + 32768), bound = (c->range >> 16) * p;
    if (c->code) {
        bit = c->value >= bound;
        c->value -= bit ? bound : 0;
        c->range = bit ? c->range - bound : bound;
        for (; c->range < 1u << 24; c->range <<= 8)
            c->value = c->value << 8 | next_byte(c);
    }
    p = bit ? p - p * 2 / (2u * e->count + 3) : p + (65536 - p) * 2 / (2u * e->count + 3);
    p = p < 600 ? 600 : p > 65536 - 600 ? 65536 - 600 : p;
    e->of_zero = (int16_t)((int32_t)p - 32768);
    e->count = (uint16_t)(e->count < 15 ? e->count + 1 : 15);
    return bit;
}

static unsigned number(struct coder *c, struct estimate *contexts, int width, unsigned given)
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

static void to_front(struct coder *c, const struct word *w)
{
    uint8_t list[REGISTERS];
    size_t size = 0;
    bool moved[REGISTERS] = {false};
    for (int group = 0; group < 2; group++)
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

/* Reads a word, or learns from the one that is given; false where there is no such word. */
static bool code_word(struct coder *c, struct word *w)
{
    w->mnemonic = (uint8_t)number(c, known.mnemonic[c->before], 5, w->mnemonic);
    if (w->mnemonic > UNNAMED)
        return false;
    if (w->mnemonic == UNNAMED) {
        memset(w->bits, 0, sizeof w->bits);
        for (int i = 0; i < 80; i++)
            w->bits[i / 8] |= (uint8_t)(decide(c, known.bits + i, 0) << i % 8);
        w->clock = (uint8_t)number(c, known.clock, 3, 0);
    } else {
        for (int group = 0; group < 2; group++)
            w->count[group] = (uint8_t)number(c, known.counts[group][w->mnemonic][c->before], 4, w->count[group]);
        struct estimate (*contexts)[32] = known.operands[w->mnemonic][c->before];
        for (int group = 0; group < 2; group++)
            for (int i = 0, before = -1; i < w->count[group]; i++) {
                int place = (int)number(c, *contexts++, 5, c->code ? 0 : place_of(c, w->operands[group][i]));
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
    for (uint8_t i = 0; i < REGISTERS; i++)
        c.list[i] = i;
    for (int i = 0; code && i < 4; i++)
        c.value = c.value << 8 | next_byte(&c);
    return c;
}

/* What a block begins with. */

static const char NAMES[REGISTERS][7] = {
    "R8", "R9", "R10", "R11", "R0", "R7", "R6", "R1", "R2", "R3", "R4", "R5", "R12", "NEWS", "IN", "B", "A", "C", "D",
    "E", "F", "XN", "XE", "XS", "XW", "PIX", "FLAG", "SELECT", "RECT"};

static const struct { char name[10]; uint8_t destinations; } WORDS[MNEMONICS] = {  /* how many operands they are */
    {"nop", 0}, {"rpix", 0}, {"aout", 0}, {"bus", 1}, {"bus2", 2}, {"bus3", 3}, {"blurset", 0}, {"blur", 1},
    {"blurh", 1}, {"blurv", 1}, {"sq", 0}, {"where", 0}, {"WHERE", 0}, {"all", 0}, {"SET", 15}, {"CLR", 15},
    {"MOV", 1}, {"OR", 1}, {"NOT", 1}, {"NOR", 1}, {"REFRESH_R", 0}, {"REFRESH_L", 1}, {"DNEWS0", 1}, {"DNEWS1", 1},
    {"PROP_R", 0}, {"PROP_0", 0}, {"PROP_1", 0}};

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

static size_t name_size(const char *text) { return strcspn(text, "(), ;"); }

static bool is_name(const char *name, const char *text)
{
    return strlen(name) == name_size(text) && !strncmp(name, text, name_size(text));
}

static void sort_operands(const struct coder *c, struct word *w)
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
        struct word w = {.mnemonic = 0};
        while (!is_name(WORDS[w.mnemonic].name, text))
            w.mnemonic++;
        text += name_size(text);
        for (int operands = 0; *text && *text != ';'; operands++) {
            int group = operands >= WORDS[w.mnemonic].destinations;
            uint8_t name = 0;
            text += strspn(text, "(, ");
            while (!is_name(NAMES[name], text))
                name++;
            w.operands[group][w.count[group]++] = name;
            text += name_size(text);
            text += *text == ')';
        }
        text += strspn(text, "; ");
        sort_operands(&c, &w);
        code_word(&c, &w);
    }
}

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

bool is_block(const uint8_t *p, size_t size)
{
    uint32_t words, code;
    size_t at = 2;
    if (!varint(&words, p, size, &at) || words < 1 || words > 1024 || !varint(&code, p, size, &at) || size - at != code)
        return false;
    memset(&known, 0, sizeof known);
    for (size_t i = 0; i < sizeof LEARNED / sizeof *LEARNED; i++)
        learn(LEARNED[i]);
    struct coder c = begin(p + at, code);
    if (c.value >= c.range)
        return false;
    while (words--) {
        struct word w;
        if (!code_word(&c, &w))
            return false;
    }
    return is_shortest(&c);
}
