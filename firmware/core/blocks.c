/* Instruction words in a block, arithmetic-coded: docs/reference/objects.md, "Block". */
#include "objects.h"
#include "scratch.h"
#include "words.h"

#include <string.h>

enum { REGISTERS = 29, MNEMONICS = 27, UNNAMED = 27, FIRST = 28, BEFORES = 29, MOST_NAMED = 15 };

struct word { uint8_t mnemonic, count[2], operands[2][MOST_NAMED], bits[10], clock; };    /* 0 destinations */

/* What words there are. Bits have their names in objects.md, bit 0 first. */

static const char BITS[] =
    "selsq selpix rstpix seldiffe seldiffs s_in rana sels bit8 sele selx rid seln W1 W2 W3 W4 W5 W6 W7 wrf SEL1 SEL2 "
    "SEL3 SEL4 SEL5 SEL6 SEL7 setf selw pupd fbus RR1 RR2 RR3 RR4 RR5 RR6 RR7 RR8 RR9 RR10 RR11 RR12 LR1 LR2 LR3 LR4 "
    "LR5 LR6 LR7 LR8 LR9 LR10 LR11 LR12 lfl rfl nbit nb plwb plrb bit bitmode wr ana dig8 g_start g_stop col_out dir "
    "row_out s0_left s1_left rst_start rst_stop s0_bot s1_bot pgdb pgdbobus";

struct bits { uint64_t low, high; };

/* In the order in which a block begins; as a destination and as a source, NULL where it is none. */
static const struct { char name[7]; bool analog; const char *bits[2]; } OPERANDS[REGISTERS] = {
    {"R8", false, {"LR8", "RR8"}}, {"R9", false, {"LR9", "RR9"}}, {"R10", false, {"LR10", "RR10"}},
    {"R11", false, {"LR11", "RR11"}}, {"R0", false, {"lfl", "rfl"}}, {"R7", false, {"LR7", "RR7"}},
    {"R6", false, {"LR6", "RR6"}}, {"R1", false, {"LR1", "RR1"}}, {"R2", false, {"LR2", "RR2"}},
    {"R3", false, {"LR3", "RR3"}}, {"R4", false, {"LR4", "RR4"}}, {"R5", false, {"LR5", "RR5"}},
    {"R12", false, {"LR12", "RR12"}}, {"NEWS", true, {"W4 SEL4 selx", "SEL4 selx"}}, {"IN", true, {NULL, "s_in"}},
    {"B", true, {"W2 SEL2", "SEL2"}}, {"A", true, {"W1 SEL1", "SEL1"}}, {"C", true, {"W3 SEL3", "SEL3"}},
    {"D", true, {"W5 SEL5", "SEL5"}}, {"E", true, {"W6 SEL6", "SEL6"}}, {"F", true, {"W7 SEL7", "SEL7"}},
    {"XN", true, {"W4 SEL4 sels", "SEL4 sels"}}, {"XE", true, {"W4 SEL4 sele", "SEL4 sele"}},
    {"XS", true, {"W4 SEL4 seln", "SEL4 seln"}}, {"XW", true, {"W4 SEL4 selw", "SEL4 selw"}},
    {"PIX", true, {NULL, "selpix"}}, {"FLAG", false, {NULL, "rana"}}, {"SELECT", false, {NULL, "wr"}},
    {"RECT", false, {NULL, "wr s0_left s0_bot"}}};
enum { NEWS = 13, XN = 21, XW = 24, SELECT = 27, RECT = 28, SQ = 10, BUS = 3 };

enum { ANALOG, DIGITAL, DNEWS, PROP, CLOCKS = 7 };

static const struct form {
    uint8_t mnemonic;
    char name[10];
    uint8_t clock;
    bool analog;                                       /* what its operands are */
    const char *bits;
    uint8_t least[2], most[2];                         /* destinations, sources */
} FORMS[] = {
    {0, "nop", ANALOG, true, "", {0, 0}, {0, 0}},
    {1, "rpix", ANALOG, true, "selpix rstpix", {0, 0}, {0, 0}},
    {2, "aout", ANALOG, true, "ana", {0, 1}, {0, 1}},
    {BUS, "bus", ANALOG, true, "", {1, 0}, {1, 13}},
    {4, "bus2", ANALOG, true, "", {2, 0}, {2, 2}},
    {5, "bus3", ANALOG, true, "", {3, 1}, {3, 1}},
    {BUS, "bus", ANALOG, true, "", {2, 0}, {11, 13}},
    {6, "blurset", DIGITAL, false, "RR1 RR2", {0, 0}, {0, 0}},
    {7, "blur", ANALOG, true, "seldiffe seldiffs", {1, 1}, {1, 1}},
    {8, "blurh", ANALOG, true, "seldiffe", {1, 1}, {1, 1}},
    {9, "blurv", ANALOG, true, "seldiffs", {1, 1}, {1, 1}},
    {SQ, "sq", ANALOG, true, "selsq selx W4 SEL4", {0, 1}, {0, 2}},
    {11, "where", ANALOG, true, "wrf", {0, 1}, {0, 3}},
    {12, "WHERE", DIGITAL, false, "rid wrf plrb", {0, 1}, {0, 3}},
    {13, "all", ANALOG, true, "rid setf plrb", {0, 0}, {0, 0}},
    {14, "SET", DIGITAL, false, "s_in plwb", {1, 0}, {4, 0}},
    {15, "CLR", DIGITAL, false, "s_in plrb bit bitmode", {1, 0}, {4, 0}},
    {16, "MOV", DIGITAL, false, "s_in plrb bit bitmode", {1, 1}, {1, 1}},
    {17, "OR", DIGITAL, false, "s_in plrb bit bitmode", {1, 2}, {1, 4}},
    {18, "NOT", DIGITAL, false, "s_in nbit plwb plrb bitmode", {1, 1}, {1, 1}},
    {19, "NOR", DIGITAL, false, "s_in nbit plwb plrb bitmode", {1, 2}, {1, 4}},
    {20, "REFRESH_R", DIGITAL, false, "s_in plrb bit bitmode", {0, 1}, {0, 1}},
    {21, "REFRESH_L", DIGITAL, false, "s_in bit bitmode", {1, 0}, {1, 0}},
    {22, "DNEWS0", DNEWS, false, "s_in rid fbus nb plrb bit", {1, 1}, {1, 1}},
    {23, "DNEWS1", DNEWS, false, "s_in rid pupd fbus nb plrb bit", {1, 1}, {1, 1}},
    {24, "PROP_R", ANALOG, false, "s_in RR12 plrb bit bitmode", {0, 0}, {0, 0}},
    {25, "PROP_0", PROP, false, "s_in rid fbus RR12 LR12 nb", {0, 0}, {0, 0}},
    {26, "PROP_1", PROP, false, "s_in rid pupd fbus RR12 LR12 nb", {0, 0}, {0, 0}}};
enum { FORM_COUNT = sizeof FORMS / sizeof *FORMS };

static size_t name_size(const char *text) { return strcspn(text, "(), ;"); }

static bool is_name(const char *name, const char *text)
{
    return strlen(name) == name_size(text) && !strncmp(name, text, name_size(text));
}

static struct bits bits_of(const char *names)
{
    struct bits found = {0, 0};
    for (; *names; names += name_size(names), names += *names == ' ') {
        int number = 0;
        for (const char *at = BITS; name_size(at) != name_size(names) || strncmp(at, names, name_size(at)); number++)
            at += name_size(at) + 1;
        *(number < 64 ? &found.low : &found.high) |= 1ull << number % 64;
    }
    return found;
}

/* Registers in the order of their bits in a mask: what puts them on a bus, and what writes them. */
static const struct { uint8_t bit; const char *read, *written; } TOUCHED[] = {
    {0, "rfl", "lfl"}, {1, "RR1", "LR1"}, {2, "RR2", "LR2"}, {3, "RR3", "LR3"}, {4, "RR4", "LR4"}, {5, "RR5", "LR5"},
    {6, "RR6", "LR6"}, {7, "RR7", "LR7"}, {8, "RR8", "LR8"}, {9, "RR9", "LR9"}, {10, "RR10", "LR10"},
    {11, "RR11", "LR11"}, {12, "RR12", "LR12"}, {16, "SEL1", "W1"}, {17, "SEL2", "W2"}, {18, "SEL3", "W3"},
    {19, "SEL5", "W5"}, {20, "SEL6", "W6"}, {21, "SEL7", "W7"}, {22, "selx SEL4", "W4"}};

enum { TOUCHED_COUNT = sizeof TOUCHED / sizeof *TOUCHED };

static struct bits operand_bits[REGISTERS][2], form_bits[FORM_COUNT], touched_bits[TOUCHED_COUNT][2], port_bus, neighbours;

static void translate_names(void)
{
    static bool translated;
    if (translated)
        return;
    for (int i = 0; i < FORM_COUNT; i++)
        form_bits[i] = bits_of(FORMS[i].bits);
    for (int i = 0; i < 2 * REGISTERS; i++)
        if (OPERANDS[i / 2].bits[i % 2])
            operand_bits[i / 2][i % 2] = bits_of(OPERANDS[i / 2].bits[i % 2]);
    for (int i = 0; i < TOUCHED_COUNT; i++) {
        touched_bits[i][0] = bits_of(TOUCHED[i].read);
        touched_bits[i][1] = bits_of(TOUCHED[i].written);
    }
    port_bus = bits_of("SEL4");
    neighbours = bits_of("nb");
    translated = true;
}

static bool holds(struct bits all, struct bits some) { return !(some.low & ~all.low) && !(some.high & ~all.high); }

static bool is_port(uint8_t name) { return name == NEWS || (name >= XN && name <= XW); }

/* Whether a word of that form may have these operands, each of which is named once in its group. */
static bool fits(const struct form *f, const struct word *w)
{
    unsigned ports[2] = {0, 0}, named[REGISTERS] = {0};
    for (int group = 0; group < 2; group++) {
        if (w->count[group] < f->least[group] || w->count[group] > f->most[group])
            return false;
        for (unsigned i = 0; i < w->count[group]; i++) {
            uint8_t name = w->operands[group][i];
            if (OPERANDS[name].analog != f->analog || !OPERANDS[name].bits[group] || named[name]++)
                return false;
            ports[group] += is_port(name);
        }
    }
    if (f->mnemonic == BUS && ((w->count[0] == 2 && w->count[1] <= 2) || (w->count[0] == 3 && w->count[1] == 1)))
        return false;                                  /* it is bus2 or bus3 */
    return !(ports[0] && ports[0] + ports[1] > 1) && !(f->mnemonic == SQ && ports[1])
        && !(named[SELECT] && named[RECT]);
}

/* Whether bits without a mnemonic are a word of that form: then they must not come without it. */
static bool has_form(const struct form *f, const struct word *raw)
{
    struct bits all = {0, 0}, made = form_bits[f - FORMS], rest;
    struct word w = {.mnemonic = f->mnemonic};
    for (int i = 0; i < 80; i++)
        *(i < 64 ? &all.low : &all.high) |= (uint64_t)(raw->bits[i / 8] >> i % 8 & 1) << i % 64;
    if (raw->clock != f->clock || !holds(all, made))
        return false;
    rest = (struct bits){all.low & ~made.low, all.high & ~made.high};
    bool used[REGISTERS] = {false};
    for (int group = 0; group < 2; group++)
        for (int k = REGISTERS; k-- && f->most[group];) {      /* RECT before SELECT, whose bit it has too */
            struct bits own = operand_bits[k][group];
            bool is_operand = OPERANDS[k].analog == f->analog && OPERANDS[k].bits[group];
            if (!is_operand || used[k] || (k == SELECT && used[RECT]) || !holds(rest, own))
                continue;
            if (w.count[group] == MOST_NAMED)
                return false;
            used[k] = true;
            w.operands[group][w.count[group]++] = (uint8_t)k;
            made.low |= own.low;
            made.high |= own.high;
        }
    return holds(made, all) && fits(f, &w);
}

static bool is_word(const struct word *w)
{
    for (int i = 0; i < FORM_COUNT; i++)
        if (w->mnemonic == UNNAMED ? has_form(FORMS + i, w) : w->mnemonic == FORMS[i].mnemonic && fits(FORMS + i, w))
            return w->mnemonic != UNNAMED;
    return w->mnemonic == UNNAMED && w->clock < CLOCKS;
}

/* What is known of decisions: of the contexts that were met, by number, in a table with open places. */

union scratch scratch;
static uint32_t *const met = scratch.contexts.met;     /* 16 times the context's number, and how often it was met */
static int16_t *const of_zero = scratch.contexts.of_zero;    /* its estimate of a 0, less 32,768 */
static unsigned met_count;

/* Numbers of contexts: each kind has a range of its own, and room for the bits of a number before. */
enum {
    AT_MNEMONIC = 1, AT_COUNTS = AT_MNEMONIC + BEFORES * 32, AT_OPERANDS = AT_COUNTS + 2 * MNEMONICS * BEFORES * 16,
    AT_BITS = AT_OPERANDS + MNEMONICS * BEFORES * 2 * MOST_NAMED * 32, AT_CLOCK = AT_BITS + 80
};

static bool find(uint32_t key, unsigned *at)           /* false where the table is full */
{
    unsigned i = key * 2654435761u % CONTEXTS;
    while (met[i] >> 4 != key) {
        if (!met[i]) {
            if (met_count == CONTEXTS - 1)
                return false;
            met_count++;
            met[i] = key << 4;
            of_zero[i] = 0;
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

static void to_front(struct coder *c, const struct word *w)
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

/* Reads a word, or learns from the one that is given; false where there is no such word. */
static bool code_word(struct coder *c, struct word *w)
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
    for (uint8_t i = 0; i < REGISTERS; i++)
        c.list[i] = i;
    for (int i = 0; code && i < 4; i++)
        c.value = c.value << 8 | next_byte(&c);
    return c;
}

/* The instruction at text, whose end it moves behind; operands in the order in which they are written. */
static struct word parse(const char **text)
{
    const char *at = *text;
    int form = 0;
    while (!is_name(FORMS[form].name, at))
        form++;
    struct word w = {.mnemonic = FORMS[form].mnemonic};
    at += name_size(at);
    for (int operands = 0; *at && *at != ';'; operands++) {
        int group = operands >= FORMS[form].most[0];
        uint8_t name = 0;
        at += strspn(at, "(, ");
        while (!is_name(OPERANDS[name].name, at))
            name++;
        w.operands[group][w.count[group]++] = name;
        at += name_size(at);
        at += *at == ')';
    }
    *text = at + strspn(at, "; ");
    return w;
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
        struct word w = parse(&text);
        sort_operands(&c, &w);
        code_word(&c, &w);
    }
}

int main(void)
{
    for (size_t i = 0; i < sizeof LEARNED / sizeof *LEARNED; i++)
        learn(LEARNED[i]);
    for (unsigned i = 0; i < CONTEXTS; i++)
        if (met[i])
            printf("%u %d\n", (unsigned)met[i], of_zero[i]);
    return 0;
}

#else

#include "learned.h"

/* What a block begins with: the contexts after the words of LEARNED. */
static void begin_with_learned(void)
{
    memset(met, 0, sizeof scratch.contexts.met);
    met_count = 0;
    for (unsigned i = 0; i < LEARNED_CONTEXTS; i++) {
        unsigned at = 0;
        find(LEARNED_MET[i] >> 4, &at);
        met[at] = LEARNED_MET[i];
        of_zero[at] = LEARNED_OF_ZERO[i];
    }
}

static struct icw icw_of(const struct word *w)
{
    struct icw icw = {0, 0, w->clock};
    if (w->mnemonic == UNNAMED) {
        for (int i = 0; i < 8; i++)
            icw.low |= (uint64_t)w->bits[i] << 8 * i;
        icw.high = (uint16_t)(w->bits[8] | w->bits[9] << 8);
        return icw;
    }
    int form = 0;
    while (FORMS[form].mnemonic != w->mnemonic)
        form++;
    struct bits all = form_bits[form];
    for (int group = 0; group < 2; group++)
        for (unsigned i = 0; i < w->count[group]; i++) {
            all.low |= operand_bits[w->operands[group][i]][group].low;
            all.high |= operand_bits[w->operands[group][i]][group].high;
        }
    return (struct icw){all.low, (uint16_t)all.high, FORMS[form].clock};
}

unsigned assemble(const char *text, struct icw *out)
{
    unsigned count = 0;
    translate_names();
    while (*text) {
        struct word w = parse(&text);
        out[count++] = icw_of(&w);
    }
    return count;
}

void or_selection(unsigned dreg, struct icw out[2])
{
    translate_names();
    struct bits read = bits_of("plrb bit bitmode wr"), load = bits_of("bit bitmode");
    out[0] = (struct icw){read.low | touched_bits[dreg][0].low, (uint16_t)(read.high | touched_bits[dreg][0].high), DIGITAL};
    out[1] = (struct icw){load.low | touched_bits[dreg][1].low, (uint16_t)(load.high | touched_bits[dreg][1].high), DIGITAL};
}

void word_registers(const struct icw *word, uint32_t *reads, uint32_t *writes)
{
    enum { NEWS_BIT = 22 };
    const struct bits all = {word->low, word->high};
    translate_names();
    *reads = *writes = 0;
    for (int i = 0; i < TOUCHED_COUNT; i++) {
        if (holds(all, touched_bits[i][1]))
            *writes |= 1u << TOUCHED[i].bit;
        else if (holds(all, touched_bits[i][0]))
            *reads |= 1u << TOUCHED[i].bit;
    }
    if (holds(all, port_bus) && !(*writes >> NEWS_BIT & 1))
        *reads |= 1u << NEWS_BIT;
    if (holds(all, neighbours))
        *reads |= 0x1E;                                /* R1 to R4, also where it writes them */
    if (*writes >> 12 & 1)
        *reads |= 1;
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

/* Decodes a block, and hands on its words where take is not NULL; false where it is none. */
static bool decode(const uint8_t *p, size_t size, void (*take)(void *, const struct icw *), void *context)
{
    uint32_t words, code;
    size_t at = 2;
    if (!varint(&words, p, size, &at) || words < 1 || words > 1024 || !varint(&code, p, size, &at) || size - at != code)
        return false;
    translate_names();
    begin_with_learned();
    struct coder c = begin(p + at, code);
    if (c.value >= c.range)
        return false;
    while (words--) {
        struct word w = {0};
        if (!code_word(&c, &w) || c.overflown || !is_word(&w))
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
