/* The vendor's controller API, step by step: docs/reference/controller_api.md. A function is one launch, however many
 * words it sends; a load costs what its select costs, its MOV included. */
#include "program.h"
#include "words.h"

#include <string.h>

int in_level;

static const char *const AREGS[] = {"A", "B", "C", "D", "E", "F", "NEWS"};
static const char *const DREGS[] = {"R0", "R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R9", "R10", "R11", "R12"};

/* ---- the controller's own words: each text is made and loaded once ---- */

/* The last of them load selections: one word for each DREG, and two that merge. */
enum { DREG_COUNT = 13, LOADS_AT = ICW_OWN + ICW_OWN_WORDS - 3 * DREG_COUNT, MERGES_AT = LOADS_AT + DREG_COUNT };
enum { TEXT = 92, MOST_OWN = 40, MOST_NAMES = 5 };

/* Texts and names are known by where they lie: the same ones at two places are made twice. */
static struct { const char *text, *names[MOST_NAMES]; uint32_t ns; uint16_t at, count; } own[OWN_TEXTS];
static unsigned own_count, own_at = ICW_OWN;

/* The text with its names put in; returns how many. */
static unsigned write_out(char *out, const char *text, const char *const *names)
{
    unsigned count = 0;
    for (; *text; text++)
        if (*text == '$') {
            size_t size = strlen(names[count]);
            memcpy(out, names[count++], size);
            out += size;
        } else {
            *out++ = *text;
        }
    *out = 0;
    return count;
}

static bool is_own(unsigned i, const char *text, const char *const *names)
{
    if (own[i].text != text)
        return false;
    for (unsigned k = 0; k < MOST_NAMES && own[i].names[k]; k++)
        if (own[i].names[k] != names[k])               /* NOLINT(clang-analyzer-core*): a text has as many names as ever */
            return false;
    return true;
}

static unsigned find_own(const char *text, const char *const *names)
{
    struct icw words[MOST_OWN];
    char full[TEXT];
    unsigned i = 0;
    while (i < own_count && !is_own(i, text, names))
        i++;
    if (i < own_count)
        return i;
    unsigned name_count = write_out(full, text, names), count = assemble(full, words);
    if (own_count == OWN_TEXTS || own_at + count > LOADS_AT) {
        own_count = 0;
        own_at = ICW_OWN;
    }
    i = own_count++;
    memset(&own[i], 0, sizeof own[i]);
    own[i].text = text;
    for (unsigned k = 0; k < name_count; k++)
        own[i].names[k] = names[k];                    /* NOLINT(clang-analyzer-core*): the same */
    own[i].at = (uint16_t)own_at;
    own[i].count = (uint16_t)count;
    for (unsigned k = 0; k < count; k++)
        own[i].ns += word_ns(words[k].clock);
    array_load(own_at, words, count);
    own_at += count;
    return i;
}

void send_words(unsigned times, const char *text, const char *const *names)
{
    if (!times)
        return;
    unsigned i = find_own(text, names);
    array_elapse(device_clock.now_ns);
    array_execute(own[i].at, own[i].count, times);
    charge_words(own[i].count, own[i].ns, times);
}

static void send_digital(unsigned at, unsigned count)
{
    array_elapse(device_clock.now_ns);
    array_execute(at, count, 1);
    charge_digital(count);
}

void load_selection(unsigned dreg)
{
    static uint16_t loaded;                            /* a bit for each DREG */
    if (!(loaded >> dreg & 1)) {
        struct icw word;
        char full[TEXT];
        write_out(full, "MOV($, SELECT)", &DREGS[dreg]);
        assemble(full, &word);
        array_load(LOADS_AT + dreg, &word, 1);
        loaded |= (uint16_t)(1u << dreg);
    }
    send_digital(LOADS_AT + dreg, 1);
}

void merge_selection(unsigned dreg)                    /* no instruction has a name for it */
{
    static uint16_t loaded;
    if (!(loaded >> dreg & 1)) {
        struct icw words[2];
        or_selection(dreg, words);
        array_load(MERGES_AT + 2 * dreg, words, 2);
        loaded |= (uint16_t)(1u << dreg);
    }
    send_digital(MERGES_AT + 2 * dreg, 2);
}

void launch(void) { charge(COST_LAUNCH_NS); }

void drive_level(int level)
{
    in_level = level;
    array_drive((unsigned)(level + 128) * 16);
    charge(COST_SET_IN_NS);
}

/* ---- selections ---- */

static struct { bool rectangle; uint8_t v[4]; } selected = {false, {0, 0, 0, 0}};

static unsigned last_of(unsigned start, unsigned end) { return end >= start ? end : ARRAY_SIDE - 1; }

void select_pattern(unsigned r, unsigned c, unsigned rx, unsigned cx)
{
    selected.rectangle = false;
    selected.v[0] = (uint8_t)r, selected.v[1] = (uint8_t)c, selected.v[2] = (uint8_t)rx, selected.v[3] = (uint8_t)cx;
    array_latch(r, c, rx, cx);
}

void select_rectangle(unsigned r0, unsigned c0, unsigned r1, unsigned c1)
{
    selected.rectangle = true;
    selected.v[0] = (uint8_t)r0, selected.v[1] = (uint8_t)c0, selected.v[2] = (uint8_t)r1, selected.v[3] = (uint8_t)c1;
    array_rectangle(r0, c0, last_of(r0, r1), last_of(c0, c1));
}

void select_again(void)
{
    const uint8_t *v = selected.v;
    if (selected.rectangle)
        select_rectangle(v[0], v[1], v[2], v[3]);
    else
        select_pattern(v[0], v[1], v[2], v[3]);
}

static void load_point(unsigned dreg, unsigned r, unsigned c, unsigned rx, unsigned cx)
{
    select_pattern(r, c, rx, cx);
    uint64_t before = device_clock.now_ns;
    load_selection(dreg);
    device_clock.now_ns = before + COST_SELECT_NS;
}

static void load_rectangle(unsigned dreg, const int32_t *v)
{
    select_rectangle((unsigned)v[0], (unsigned)v[1], (unsigned)v[2], (unsigned)v[3]);
    uint64_t before = device_clock.now_ns;
    send_words(1, "MOV($, RECT)", NAMES(DREGS[dreg]));
    device_clock.now_ns = before + COST_SELECT_RECT_NS;
}

/* ---- analog ---- */

static void load_in(const char *areg, int level, const char *temp)
{
    drive_level(level);
    launch();
    send_words(1, "bus($, IN); bus($, $)", NAMES(temp, areg, temp));
}

static void load_in_exactly(const char *areg, int level, const char *temp)
{
    drive_level(0);
    launch();
    send_words(1, "bus($, IN)", NAMES(temp));
    drive_level(-level < 127 ? -level : 127);
    launch();
    send_words(1, "bus($, $, IN)", NAMES(areg, temp));
}

static void get_image(const char *yf, const char *yh, unsigned gain)
{
    launch();
    send_words(1, "all; bus(NEWS, PIX); rpix; bus($, NEWS, PIX); bus(NEWS, $)", NAMES(yf, yf));
    send_words(gain - 1, "bus($, NEWS); bus($, NEWS); bus(NEWS, $, $)", NAMES(yh, yf, yh, yf));
    send_words(1, "bus($, NEWS); bus($, NEWS); rpix; bus(NEWS, $, $, PIX); bus($, NEWS)", NAMES(yh, yf, yh, yf, yf));
}

static void shift_areg(const char *areg, int h, int v)
{
    static const char *const PORTS[4][2] = {{"XE", "XW"}, {"XW", "XE"}, {"XN", "XS"}, {"XS", "XN"}};
    launch();
    for (int axis = 0; axis < 2; axis++) {
        int count = axis ? v : h;
        const char *const *ports = PORTS[2 * axis + (count <= 0)];
        unsigned steps = (unsigned)distance(count);
        send_words(steps / 2, "bus($, $); bus($, $)", NAMES(ports[0], areg, areg, ports[1]));
        send_words(steps % 2, "bus($, $); bus($, NEWS)", NAMES(ports[0], areg, areg));
    }
}

static void diffuse(const char *areg, unsigned iterations, bool vertical, bool horizontal, const char *temp)
{
    launch();
    send_words(1, "$(R1); $(R2); blurset", NAMES(vertical ? "SET" : "CLR", horizontal ? "SET" : "CLR"));
    send_words(iterations, "blur($, $); blur($, $)", NAMES(temp, areg, areg, temp));
}

/* ---- analog read-out ---- */

static uint32_t samples(const int32_t *v, uint8_t *out)
{
    uint32_t size = array_grid((unsigned)v[0], (unsigned)v[1], (unsigned)v[2], (unsigned)v[3], (unsigned)v[4],
                               (unsigned)v[5], (unsigned)v[6], out);
    charge((uint64_t)size * COST_ADC_SAMPLE_NS);
    return size;
}

static uint32_t block_sums(unsigned areg, unsigned side, uint32_t scale, uint8_t *out)
{
    unsigned size = ARRAY_SIDE / side, at = 0;
    for (unsigned column = 0; column < side; column++)
        for (unsigned row = 0; row < side; row++) {
            array_latch(row * size, column * size, size - 1, size - 1);
            out[at++] = array_sample(areg, scale);
        }
    select_again();
    charge((uint64_t)at * COST_ADC_SAMPLE_NS);
    return at;
}

enum { SUM_16_SCALE = 64 * 64, SUM_64_SCALE = 32 * 32, SUM_FAST_SCALE = 256 * 256, SUM_SPARSE_SCALE = 1024,
       SUM_REGION_SCALE = 64 * 64 };

static uint32_t one_sum(unsigned areg, uint32_t scale, uint8_t *out)
{
    *out = array_sample(areg, scale);
    select_again();
    charge(COST_ADC_SAMPLE_NS);
    return 1;
}

uint32_t fast_sum(unsigned areg, uint8_t *out)
{
    array_latch(0, 0, 255, 255);
    return one_sum(areg, SUM_FAST_SCALE, out);
}

/* areg_min, areg_max, floor, span of global sums (fact sheet 4.1). */
static void count_range(bool eight, int32_t range[4])
{
    int32_t blocks = eight ? 64 : 16, low = eight ? -110 : -120, high = eight ? 105 : 115;
    range[0] = low;
    range[1] = high;
    range[2] = blocks * (128 + low);                   /* a block of a level reads 128 + level: its scale is its size */
    range[3] = blocks * (128 + high) - range[2];
}

static uint32_t global_count(const char *dreg, unsigned temp, bool eight, uint8_t *out)
{
    uint8_t sums[64];
    int32_t range[4], total = 0;
    count_range(eight, range);
    drive_level(-range[0]);
    launch();
    send_words(1, "all; bus($, IN); WHERE($)", NAMES(AREGS[temp], dreg));
    drive_level(-range[1]);
    launch();
    send_words(1, "bus($, IN); all", NAMES(AREGS[temp]));
    uint32_t count = block_sums(temp, eight ? 8 : 4, eight ? SUM_64_SCALE : SUM_16_SCALE, sums);
    for (uint32_t i = 0; i < count; i++)
        total += sums[i];
    charge((uint64_t)count * COST_OPERATION_NS);
    int64_t share = 2ll * 4095 * (total - range[2]) + range[3];
    share = share < 0 ? 0 : share / (2 * range[3]);
    store_little(out, (uint64_t)(share > 4095 ? 4095 : share), 2);
    return 2;
}

/* ---- digital ---- */

static bool is_masking(unsigned dreg) { return dreg == 0 || dreg == 12; }

static void shift_dreg(const int32_t *v)
{
    static const char *const CLEARED[] = {"CLR(R1, R3, R4); SET(R2)", "CLR(R1, R2, R3); SET(R4)",
                                          "CLR(R2, R3, R4); SET(R1)", "CLR(R1, R2, R4); SET(R3)"};
    const char *own_name = DREGS[v[0]], *step = v[3] ? "DNEWS1($, $)" : "DNEWS0($, $)";
    bool by_flag = is_masking((unsigned)v[0]);
    unsigned done = 0, refresh = (unsigned)v[4];
    launch();
    for (int axis = 0; axis < 2; axis++) {
        int count = v[1 + axis];
        const char *here = own_name, *there = "R0";
        if (!count)
            continue;
        send_words(1, CLEARED[2 * axis + (count < 0)], NULL);
        for (unsigned left = (unsigned)distance(count); left; left--) {
            if (by_flag) {
                send_words(1, v[3] ? "WHERE($); DNEWS1($, FLAG)" : "WHERE($); DNEWS0($, FLAG)", NAMES(own_name, own_name));
            } else {
                send_words(1, step, NAMES(there, here));
                const char *other = here;
                here = there;
                there = other;
            }
            if (refresh && ++done % refresh == 0)
                send_words(1, "REFRESH_R($); REFRESH_L($)", NAMES(here, here));
        }
        if (here != own_name)
            send_words(1, "MOV($, R0)", NAMES(own_name));
    }
    if (by_flag && (v[1] || v[2]))
        send_words(1, "all", NULL);
}

static void flood(const int32_t *v)
{
    const char *target = DREGS[v[0]], *mask = DREGS[v[1]];
    bool by_flag = is_masking((unsigned)v[1]), in_place = v[0] == 12;
    static const char *const BEFORE[2][2][2] = {       /* by flag, in place, boundary */
        {{"SET(R0); MOV(R12, $); MOV(R0, $); SET(R1, R2, R3, R4)", "SET(R0); MOV(R12, $); MOV(R0, $)"},
         {"SET(R0); MOV(R0, $); SET(R1, R2, R3, R4)", "SET(R0); MOV(R0, $)"}},
        {{"WHERE($); SET(R0); MOV(R12, $); MOV(R0, $); SET(R1, R2, R3, R4)", "WHERE($); SET(R0); MOV(R12, $); MOV(R0, $)"},
         {"WHERE($); SET(R0); MOV(R0, $); SET(R1, R2, R3, R4)", "WHERE($); SET(R0); MOV(R0, $)"}}};
    static const char *const AFTER[2][2] = {{"MOV($, R12); SET(R0)", "SET(R0)"}, {"MOV($, R12); SET(R0); all", "SET(R0); all"}};
    const char *names[3];
    unsigned count = 0;
    if (by_flag)
        names[count++] = mask;
    if (!in_place)
        names[count++] = target;
    names[count] = by_flag ? "FLAG" : mask;
    launch();
    send_words(1, BEFORE[by_flag][in_place][v[4] != 0], names);
    send_words((unsigned)v[3], v[2] ? "PROP_R; PROP_1" : "PROP_R; PROP_0", NULL);
    send_words(1, AFTER[by_flag][in_place], &target);
}

/* ---- drawing: a primitive is loaded into R3, and ORed with what is there, which R2 keeps ---- */

static void merge(const char *dreg)
{
    launch();
    send_words(1, "MOV(R2, $); OR($, R2, R3)", NAMES(dreg, dreg));
}

static bool is_inside(int32_t r, int32_t c) { return r >= 0 && r < ARRAY_SIDE && c >= 0 && c < ARRAY_SIDE; }

static void draw(unsigned dreg, int32_t r, int32_t c, bool wraps)
{
    if (!wraps && !is_inside(r, c))
        return;
    load_point(3, (unsigned)r & 255, (unsigned)c & 255, 0, 0);
    merge(DREGS[dreg]);
}

static void draw_line(const int32_t *v)                /* Bresenham's, both ends included */
{
    int32_t r = v[1], c = v[2], rows = distance(v[3] - r), columns = distance(v[4] - c), error = columns - rows;
    draw((unsigned)v[0], r, c, v[5]);
    while (r != v[3] || c != v[4]) {
        int32_t doubled = 2 * error;
        if (doubled > -rows) {
            error -= rows;
            c += v[4] > v[2] ? 1 : -1;
        }
        if (doubled < columns) {
            error += columns;
            r += v[3] > v[1] ? 1 : -1;
        }
        draw((unsigned)v[0], r, c, v[5]);
    }
}

static void draw_octants(const int32_t *v, int32_t across, int32_t along)   /* each of up to eight pixels once */
{
    int32_t seen[8][2];
    unsigned count = 0;
    for (int way = 0; way < 8; way++) {
        int32_t a = way < 4 ? across : along, b = way < 4 ? along : across;
        int32_t r = v[1] + (way & 2 ? -a : a), c = v[2] + (way & 1 ? -b : b);
        unsigned i = 0;
        while (i < count && (seen[i][0] != r || seen[i][1] != c))
            i++;
        if (i < count)
            continue;
        seen[count][0] = r;
        seen[count++][1] = c;
        draw((unsigned)v[0], r, c, v[4]);
    }
}

static void draw_circle(const int32_t *v)              /* the midpoint circle */
{
    int32_t across = v[3], along = 0, decision = 1 - v[3];
    while (along <= across) {
        draw_octants(v, across, along);
        along++;
        if (decision < 0) {
            decision += 2 * along + 1;
        } else {
            across--;
            decision += 2 * (along - across) + 1;
        }
    }
}

/* ---- all of them ---- */

static bool analog(uint8_t opcode, const int32_t *v)
{
    switch (opcode) {
    case STEP_SET_DAC: drive_level(v[0] / 16 - 128); return true;
    case STEP_LOAD_IN: load_in(AREGS[v[0]], v[1], AREGS[v[2]]); return true;
    case STEP_IN: load_in_exactly(AREGS[v[0]], v[1], AREGS[v[2]]); return true;
    case STEP_LOAD_DAC: load_in(AREGS[v[0]], v[1] / 16 - 128, AREGS[v[2]]); return true;
    case STEP_GET_IMAGE: get_image(AREGS[v[0]], AREGS[v[1]], (unsigned)v[2]); return true;
    case STEP_SHIFT_AREG: shift_areg(AREGS[v[0]], v[1], v[2]); return true;
    case STEP_DIFFUSE: diffuse(AREGS[v[0]], (unsigned)v[1], v[2], v[3], AREGS[v[4]]); return true;
    default: return false;
    }
}

static bool digital(uint8_t opcode, const int32_t *v)
{
    switch (opcode) {
    case STEP_SHIFT_DREG: shift_dreg(v); return true;
    case STEP_FLOOD: flood(v); return true;
    case STEP_LOAD_PATTERN:
        load_point((unsigned)v[0], (unsigned)v[1], (unsigned)v[2], (unsigned)v[3], (unsigned)v[4]);
        return true;
    case STEP_LOAD_RECT: load_rectangle((unsigned)v[0], v + 1); return true;
    case STEP_DRAW_PIXEL: draw((unsigned)v[0], v[1], v[2], true); return true;
    case STEP_DRAW_RECT: load_rectangle(3, v + 1); merge(DREGS[v[0]]); return true;
    case STEP_DRAW_LINE: draw_line(v); return true;
    case STEP_DRAW_CIRCLE: draw_circle(v); return true;
    case STEP_DRAW_NEGATE: launch(); send_words(1, "MOV(R3, $); NOT($, R3)", NAMES(DREGS[v[0]], DREGS[v[0]])); return true;
    case STEP_EXPOSE: array_begin_exposure(); charge((uint64_t)v[0] * 1000); return true;
    case STEP_WAIT: charge((uint64_t)v[0] * 1000); return true;
    default: return false;
    }
}

static uint32_t read_analog(uint8_t opcode, const int32_t *v, uint8_t *out)
{
    const int32_t one[] = {v[0], v[1], v[2], v[1], v[2], 1, 1};
    switch (opcode) {
    case STEP_READ_AREG: return samples(one, out);
    case STEP_GLOBAL_SUM16: return block_sums((unsigned)v[0], 4, SUM_16_SCALE, out);
    case STEP_GLOBAL_SUM64: return block_sums((unsigned)v[0], 8, SUM_64_SCALE, out);
    case STEP_SCAN_AREG_MEAN8X8: return block_sums((unsigned)v[0], 8, 32 * 32, out);
    case STEP_GLOBAL_SUM_FAST: return fast_sum((unsigned)v[0], out);
    case STEP_GLOBAL_SUM_SPARSE:
        array_latch((unsigned)v[1], (unsigned)v[2], (unsigned)v[3], (unsigned)v[4]);
        return one_sum((unsigned)v[0], SUM_SPARSE_SCALE, out);
    case STEP_GLOBAL_SUM_REGION:
        array_rectangle((unsigned)v[1], (unsigned)v[2], last_of((unsigned)v[1], (unsigned)v[3]),
                        last_of((unsigned)v[2], (unsigned)v[4]));
        return one_sum((unsigned)v[0], SUM_REGION_SCALE, out);
    default: return 0;
    }
}

static uint32_t read_digital(uint8_t opcode, const int32_t *v, uint8_t *out)
{
    int32_t range[4];
    switch (opcode) {
    case STEP_DRAW_POINT:
        draw((unsigned)v[0], v[1], v[2], false);
        *out = is_inside(v[1], v[2]);
        return 1;
    case STEP_GLOBAL_OR:
        array_latch((unsigned)v[1], (unsigned)v[2], (unsigned)v[3], (unsigned)v[4]);
        *out = array_or((unsigned)v[0]);
        select_again();
        charge(COST_GLOBAL_OR_NS);
        return 1;
    case STEP_GLOBAL_COUNT: return global_count(DREGS[v[0]], (unsigned)v[1], v[2], out);
    case STEP_SCAN_EVENTS:
        charge((uint64_t)v[1] * COST_EVENT_NS);
        return 2 * (uint32_t)v[1];
    case STEP_SCAN_BOUNDING_BOX:
        array_box((unsigned)v[0], out);
        charge(COST_BOUNDING_BOX_NS);
        return 4;
    case STEP_GET_PARAMETER:
        count_range(v[0] >= 8, range);
        store_little(out, (uint32_t)range[v[0] % 4], 4);
        charge(COST_OPERATION_NS);
        return 4;
    default: return 0;
    }
}

bool control(uint8_t opcode, const int32_t *v, uint8_t *out, uint32_t *size)
{
    if (analog(opcode, v) || digital(opcode, v))
        return false;
    *size = read_analog(opcode, v, out);
    if (!*size)
        *size = read_digital(opcode, v, out);
    return true;
}
