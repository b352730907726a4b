/* Instruction words: their names, operands and bits. What a word may be is in docs/reference/objects.md, "Block". */
#include "instruction.h"
#include "words.h"

#include <string.h>

enum { NEWS = 13, XN = 21, XW = 24, SELECT = 27, RECT = 28, SQ = 10, BUS = 3 };
enum { ANALOG, DIGITAL, DNEWS, PROP };

/* In the order in which a block begins. */
static const struct { char name[7]; bool analog; } OPERANDS[REGISTERS] = {
    {"R8", false}, {"R9", false}, {"R10", false}, {"R11", false}, {"R0", false}, {"R7", false}, {"R6", false},
    {"R1", false}, {"R2", false}, {"R3", false}, {"R4", false}, {"R5", false}, {"R12", false}, {"NEWS", true},
    {"IN", true}, {"B", true}, {"A", true}, {"C", true}, {"D", true}, {"E", true}, {"F", true}, {"XN", true},
    {"XE", true}, {"XS", true}, {"XW", true}, {"PIX", true}, {"FLAG", false}, {"SELECT", false}, {"RECT", false}};

static const struct form {
    uint8_t mnemonic;
    char name[10];
    uint8_t clock;
    bool analog;                                       /* what its operands are */
    uint8_t least[2], most[2];                         /* destinations, sources */
} FORMS[] = {
    {0, "nop", ANALOG, true, {0, 0}, {0, 0}}, {1, "rpix", ANALOG, true, {0, 0}, {0, 0}},
    {2, "aout", ANALOG, true, {0, 1}, {0, 1}}, {BUS, "bus", ANALOG, true, {1, 0}, {1, 13}},
    {4, "bus2", ANALOG, true, {2, 0}, {2, 2}}, {5, "bus3", ANALOG, true, {3, 1}, {3, 1}},
    {BUS, "bus", ANALOG, true, {2, 0}, {11, 13}}, {6, "blurset", DIGITAL, false, {0, 0}, {0, 0}},
    {7, "blur", ANALOG, true, {1, 1}, {1, 1}}, {8, "blurh", ANALOG, true, {1, 1}, {1, 1}},
    {9, "blurv", ANALOG, true, {1, 1}, {1, 1}}, {SQ, "sq", ANALOG, true, {0, 1}, {0, 2}},
    {11, "where", ANALOG, true, {0, 1}, {0, 3}}, {12, "WHERE", DIGITAL, false, {0, 1}, {0, 3}},
    {13, "all", ANALOG, true, {0, 0}, {0, 0}}, {14, "SET", DIGITAL, false, {1, 0}, {4, 0}},
    {15, "CLR", DIGITAL, false, {1, 0}, {4, 0}}, {16, "MOV", DIGITAL, false, {1, 1}, {1, 1}},
    {17, "OR", DIGITAL, false, {1, 2}, {1, 4}}, {18, "NOT", DIGITAL, false, {1, 1}, {1, 1}},
    {19, "NOR", DIGITAL, false, {1, 2}, {1, 4}}, {20, "REFRESH_R", DIGITAL, false, {0, 1}, {0, 1}},
    {21, "REFRESH_L", DIGITAL, false, {1, 0}, {1, 0}}, {22, "DNEWS0", DNEWS, false, {1, 1}, {1, 1}},
    {23, "DNEWS1", DNEWS, false, {1, 1}, {1, 1}}, {24, "PROP_R", ANALOG, false, {0, 0}, {0, 0}},
    {25, "PROP_0", PROP, false, {0, 0}, {0, 0}}, {26, "PROP_1", PROP, false, {0, 0}, {0, 0}}};
enum { FORM_COUNT = sizeof FORMS / sizeof *FORMS };

enum { TOUCHED_COUNT = 20 };                           /* R0 to R12, A to F and NEWS: as in masks of registers */

static size_t name_size(const char *text) { return strcspn(text, "(), ;"); }

static bool is_name(const char *name, const char *text)
{
    return strlen(name) == name_size(text) && !strncmp(name, text, name_size(text));
}

struct instruction read_instruction(const char **text)
{
    const char *at = *text;
    int form = 0;
    while (!is_name(FORMS[form].name, at))
        form++;
    struct instruction w = {.mnemonic = FORMS[form].mnemonic};
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

#ifdef LEARNING                                        /* tools/make_firmware_tables.py: what word_bits.h is made of */

#include <stdio.h>

/* Bits have their names in objects.md, bit 0 first. */

static const char BITS[] =
    "selsq selpix rstpix seldiffe seldiffs s_in rana sels bit8 sele selx rid seln W1 W2 W3 W4 W5 W6 W7 wrf SEL1 SEL2 "
    "SEL3 SEL4 SEL5 SEL6 SEL7 setf selw pupd fbus RR1 RR2 RR3 RR4 RR5 RR6 RR7 RR8 RR9 RR10 RR11 RR12 LR1 LR2 LR3 LR4 "
    "LR5 LR6 LR7 LR8 LR9 LR10 LR11 LR12 lfl rfl nbit nb plwb plrb bit bitmode wr ana dig8 g_start g_stop col_out dir "
    "row_out s0_left s1_left rst_start rst_stop s0_bot s1_bot pgdb pgdbobus";

/* Of each operand as a destination and as a source, "" where it is none; of each form; of what puts each register on a
 * bus, and what writes it. */
static const char *const OPERAND_NAMES[REGISTERS][2] = {
    {"LR8", "RR8"}, {"LR9", "RR9"}, {"LR10", "RR10"}, {"LR11", "RR11"}, {"lfl", "rfl"}, {"LR7", "RR7"},
    {"LR6", "RR6"}, {"LR1", "RR1"}, {"LR2", "RR2"}, {"LR3", "RR3"}, {"LR4", "RR4"}, {"LR5", "RR5"}, {"LR12", "RR12"},
    {"W4 SEL4 selx", "SEL4 selx"}, {"", "s_in"}, {"W2 SEL2", "SEL2"}, {"W1 SEL1", "SEL1"}, {"W3 SEL3", "SEL3"},
    {"W5 SEL5", "SEL5"}, {"W6 SEL6", "SEL6"}, {"W7 SEL7", "SEL7"}, {"W4 SEL4 sels", "SEL4 sels"},
    {"W4 SEL4 sele", "SEL4 sele"}, {"W4 SEL4 seln", "SEL4 seln"}, {"W4 SEL4 selw", "SEL4 selw"}, {"", "selpix"},
    {"", "rana"}, {"", "wr"}, {"", "wr s0_left s0_bot"}};
static const char *const FORM_NAMES[FORM_COUNT] = {
    "", "selpix rstpix", "ana", "", "", "", "", "RR1 RR2", "seldiffe seldiffs", "seldiffe", "seldiffs",
    "selsq selx W4 SEL4", "wrf", "rid wrf plrb", "rid setf plrb", "s_in plwb", "s_in plrb bit bitmode",
    "s_in plrb bit bitmode", "s_in plrb bit bitmode", "s_in nbit plwb plrb bitmode", "s_in nbit plwb plrb bitmode",
    "s_in plrb bit bitmode", "s_in bit bitmode", "s_in rid fbus nb plrb bit", "s_in rid pupd fbus nb plrb bit",
    "s_in RR12 plrb bit bitmode", "s_in rid fbus RR12 LR12 nb", "s_in rid pupd fbus RR12 LR12 nb"};
static const char *const TOUCHED_NAMES[TOUCHED_COUNT][2] = {
    {"rfl", "lfl"}, {"RR1", "LR1"}, {"RR2", "LR2"}, {"RR3", "LR3"}, {"RR4", "LR4"}, {"RR5", "LR5"}, {"RR6", "LR6"},
    {"RR7", "LR7"}, {"RR8", "LR8"}, {"RR9", "LR9"}, {"RR10", "LR10"}, {"RR11", "LR11"}, {"RR12", "LR12"},
    {"SEL1", "W1"}, {"SEL2", "W2"}, {"SEL3", "W3"}, {"SEL5", "W5"}, {"SEL6", "W6"}, {"SEL7", "W7"},
    {"selx SEL4", "W4"}};

static void print_bits(const char *names)
{
    uint64_t found[2] = {0, 0};
    for (; *names; names += name_size(names), names += *names == ' ') {
        int number = 0;
        for (const char *at = BITS; name_size(at) != name_size(names) || strncmp(at, names, name_size(at)); number++)
            at += name_size(at) + 1;
        found[number / 64] |= 1ull << number % 64;
    }
    printf("{0x%llx, 0x%llx}, ", (unsigned long long)found[0], (unsigned long long)found[1]);
}

static void print_pairs(const char *name, const char *const names[][2], int count)
{
    printf("static const struct bits %s[%d][2] = {", name, count);
    for (int i = 0; i < count; i++) {
        printf("{");
        print_bits(names[i][0]);
        print_bits(names[i][1]);
        printf("}, ");
    }
    printf("};\n");
}

void print_word_bits(void)
{
    static const char *const OTHERS[][2] = {{"SEL4", "nb"}, {"plrb bit bitmode wr", "bit bitmode"}};
    printf("static const struct bits FORM_BITS[%d] = {", FORM_COUNT);
    for (int i = 0; i < FORM_COUNT; i++)
        print_bits(FORM_NAMES[i]);
    printf("};\n");
    print_pairs("OPERAND_BITS", OPERAND_NAMES, REGISTERS);
    print_pairs("TOUCHED_BITS", TOUCHED_NAMES, TOUCHED_COUNT);
    print_pairs("BUS_BITS", OTHERS, 1);                /* of a port, of neighbours */
    print_pairs("OR_BITS", OTHERS + 1, 1);             /* what reads, what loads */
}

#else

struct bits { uint64_t low; uint16_t high; };

#include "word_bits.h"

static bool holds(struct bits all, struct bits some) { return !(some.low & ~all.low) && !(some.high & ~all.high); }

static bool is_none(struct bits bits) { return !bits.low && !bits.high; }

static bool is_port(uint8_t name) { return name == NEWS || (name >= XN && name <= XW); }

/* Whether a word of that form may have these operands, each of which is named once in its group. */
static bool fits(const struct form *f, const struct instruction *w)
{
    unsigned ports[2] = {0, 0}, named[REGISTERS] = {0};
    for (int group = 0; group < 2; group++) {
        if (w->count[group] < f->least[group] || w->count[group] > f->most[group])
            return false;
        for (unsigned i = 0; i < w->count[group]; i++) {
            uint8_t name = w->operands[group][i];
            if (OPERANDS[name].analog != f->analog || is_none(OPERAND_BITS[name][group]) || named[name]++)
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
static bool has_form(const struct form *f, const struct instruction *raw)
{
    struct bits all = {0, 0}, made = FORM_BITS[f - FORMS], rest;
    struct instruction w = {.mnemonic = f->mnemonic};
    for (int i = 0; i < 8; i++)
        all.low |= (uint64_t)raw->bits[i] << 8 * i;
    all.high = (uint16_t)(raw->bits[8] | raw->bits[9] << 8);
    if (raw->clock != f->clock || !holds(all, made))
        return false;
    rest = (struct bits){all.low & ~made.low, (uint16_t)(all.high & ~made.high)};
    bool used[REGISTERS] = {false};
    for (int group = 0; group < 2; group++)
        for (int k = REGISTERS; k-- && f->most[group];) {      /* RECT before SELECT, whose bit it has too */
            struct bits own = OPERAND_BITS[k][group];
            bool is_operand = OPERANDS[k].analog == f->analog && !is_none(OPERAND_BITS[k][group]);
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

bool is_instruction(const struct instruction *w)
{
    for (int i = 0; i < FORM_COUNT; i++)
        if (w->mnemonic == UNNAMED ? has_form(FORMS + i, w) : w->mnemonic == FORMS[i].mnemonic && fits(FORMS + i, w))
            return w->mnemonic != UNNAMED;
    return w->mnemonic == UNNAMED && w->clock < CLOCKS;
}

struct icw icw_of(const struct instruction *w)
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
    struct bits all = FORM_BITS[form];
    for (int group = 0; group < 2; group++)
        for (unsigned i = 0; i < w->count[group]; i++) {
            all.low |= OPERAND_BITS[w->operands[group][i]][group].low;
            all.high |= OPERAND_BITS[w->operands[group][i]][group].high;
        }
    return (struct icw){all.low, (uint16_t)all.high, FORMS[form].clock};
}

unsigned assemble(const char *text, struct icw *out)
{
    unsigned count = 0;
    while (*text) {
        struct instruction w = read_instruction(&text);
        out[count++] = icw_of(&w);
    }
    return count;
}

void or_selection(unsigned dreg, struct icw out[2])
{
    const struct bits read = OR_BITS[0][0], load = OR_BITS[0][1];
    out[0] = (struct icw){read.low | TOUCHED_BITS[dreg][0].low, (uint16_t)(read.high | TOUCHED_BITS[dreg][0].high), DIGITAL};
    out[1] = (struct icw){load.low | TOUCHED_BITS[dreg][1].low, (uint16_t)(load.high | TOUCHED_BITS[dreg][1].high), DIGITAL};
}

void word_registers(const struct icw *word, uint32_t *reads, uint32_t *writes)
{
    enum { NEWS_BIT = TOUCHED_COUNT - 1 };
    const struct bits all = {word->low, word->high};
    *reads = *writes = 0;
    for (int i = 0; i < TOUCHED_COUNT; i++) {
        if (holds(all, TOUCHED_BITS[i][1]))
            *writes |= 1u << i;
        else if (holds(all, TOUCHED_BITS[i][0]))
            *reads |= 1u << i;
    }
    if (holds(all, BUS_BITS[0][0]) && !(*writes >> NEWS_BIT & 1))
        *reads |= 1u << NEWS_BIT;
    if (holds(all, BUS_BITS[0][1]))
        *reads |= 0x1E;                                /* R1 to R4, also where it writes them */
    if (*writes >> 12 & 1)
        *reads |= 1;
}

#endif
