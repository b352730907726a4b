/* The steps of a program, one by one, each charged to the device clock: docs/reference/controller_api.md. */
#include "program.h"
#include "scratch.h"
#include "words.h"

#include <string.h>

/* What a step reads out that is not fetched in parts: 64 sums at most. */
static uint8_t read_out_bytes[64];

static int32_t floor_divided(int64_t a, int64_t b) { return (int32_t)(a >= 0 ? a / b : -((-a + b - 1) / b)); }

void run_begin(struct run *run, struct object *node, const struct image *image, int32_t *earlier, unsigned earlier_count,
               int32_t *logits)
{
    memset(run, 0, sizeof *run);
    run->covers.node = node;
    run->image = image;
    run->at = 4;
    run->count = u16(program_of(image) + 2);
    run->earlier = earlier;
    run->earlier_count = earlier_count;
    run->logits = logits;
    run->outcome = -1;
}

static bool run_block(struct run *run, const int32_t *v)   /* true when it was done as often as asked for */
{
    const struct object *block = block_at(run->image, v[0]);
    array_elapse(device_clock.now_ns);
    array_execute(block->at, block->words, 1);
    charge(COST_LAUNCH_NS);
    charge_words(block->words, words_ns(block), 1);
    if (++run->times < (unsigned)v[1])
        return false;
    run->times = 0;
    return true;
}

/* A bit of a packed or ternary segment; false where it is not defined. Ternary weights are digits to the base of 3: first
 * come bits for what is +1, then those for what is 0. */
static bool bit_of(const struct object *segment, uint32_t at, uint32_t *bit)
{
    const uint8_t *p = segment->data;
    if (p[2] != 5) {
        *bit = packed_field(p, segment->size, at, 1);
        return true;
    }
    uint32_t count = u16(p + 3), of = at % count;
    unsigned digit = p[5 + of / 5];
    for (unsigned i = of % 5; i; i--)
        digit /= 3;
    digit %= 3;
    *bit = at < count ? digit == 2 : digit == 1;
    return at >= count || digit != 1;
}

/* The weights of a step's positions: those in the mask take the segment's bits one by one. */
static void weights_of(const struct run *run, const int32_t *v, struct weights *out)
{
    const struct object *mask = segment_at(run->image, v[0]), *segment = segment_at(run->image, v[2]);
    const uint8_t *plane;
    uint32_t at = (uint32_t)v[3], bit;
    memset(out, 0, sizeof *out);
    out->positions = (unsigned)(mask->data[3] * mask->data[3]);
    plane = mask->data + 6 + (unsigned)v[1] * ((out->positions + 7) / 8);
    for (unsigned p = 0; p < out->positions; p++)
        if (plane[p / 8] >> p % 8 & 1) {
            out->care[p / 32] |= (uint32_t)bit_of(segment, at++, &bit) << p % 32;
            out->ones[p / 32] |= bit << p % 32;
        }
}

static unsigned cubes_of(struct run *run, const int32_t *v, struct cube *cubes)
{
    unsigned side = segment_at(run->image, v[0])->data[3], count;
    if (!covers_read(&run->covers, side * side, cubes, &count)) {
        struct weights weights;
        weights_of(run, v, &weights);
        count = cover(&weights, cubes);
        covers_keep(&run->covers, side * side, cubes, count);
    }
    return count;
}

static void load_cover(struct run *run, const int32_t *v)
{
    struct cube cubes[MOST_CUBES];
    unsigned side = segment_at(run->image, v[0])->data[3], shift = (unsigned)v[4], others = 255 & ~((side - 1) << shift);
    unsigned row = side == 16 ? 4 : side == 8 ? 3 : side / 2, column = side - 1;   /* a position's row begins at its bit row */
    unsigned count = cubes_of(run, v, cubes), merges = count > 4 ? count - 4 : 0;
    struct device_clock before = device_clock;
    for (unsigned i = 0; i < count; i++) {
        unsigned value = cubes[i].value, free = cubes[i].free;
        select_pattern(value >> row << shift, (value & column) << shift, free >> row << shift | others,
                       (free & column) << shift | others);
        if (i < 4)
            load_selection((unsigned)v[5 + i]);
        else
            merge_selection((unsigned)v[8]);
    }
    device_clock = before;
    charge((uint64_t)count * COST_SELECT_NS + (uint64_t)merges * COST_LAUNCH_NS);
    device_clock.words += count - merges;
    charge_digital(2 * merges);
}

static void scan_dreg(struct run *run, const int32_t *v)
{
    uint32_t size = 32u * (uint32_t)v[3];
    if (run->scanned + size <= SCANNED_ROOM)
        array_rows((unsigned)v[0], (unsigned)v[1], (unsigned)v[2], (unsigned)v[3], scratch.read_out + run->scanned);
    run->scanned += size;
    run->read_out = size;
    run->reads_out = true;
    charge((uint64_t)size * COST_SCAN_BYTE_NS);
}

static uint32_t samples_of(const int32_t *v)
{
    return (uint32_t)(((v[3] - v[1]) / v[5] + 1) * ((v[4] - v[2]) / v[6] + 1));
}

static uint32_t part_of_columns(const int32_t *v, uint32_t at, uint32_t total, uint8_t *out)
{
    uint32_t rows = (uint32_t)((v[3] - v[1]) / v[5] + 1), left = (total - at) / rows, columns = PART / rows;
    uint32_t first = (uint32_t)v[2] + (uint32_t)v[6] * (at / rows);
    columns = columns < left ? columns : left;
    return array_grid((unsigned)v[0], (unsigned)v[1], first, (unsigned)v[3], first + (uint32_t)v[6] * (columns - 1),
                      (unsigned)v[5], (unsigned)v[6], out);
}

uint32_t read_part(const struct run *run, uint32_t at, uint8_t *out)
{
    const int32_t *v = run->v;
    uint32_t left = run->read_out - at, size = left < PART ? left : PART;
    if (!size)
        return 0;
    if (run->opcode == STEP_SCAN_AREG)
        return part_of_columns(v, at, run->read_out, out);
    if (run->opcode == STEP_SCAN_DREG)
        array_rows((unsigned)v[0], (unsigned)v[1] + (unsigned)v[2] * (at / 32), (unsigned)v[2], size / 32, out);
    else if (run->opcode == STEP_SCAN_EVENTS)
        array_events((unsigned)v[0], (unsigned)v[1], v[2], v[3], v[4], at / 2, size / 2, out);
    else
        memcpy(out, read_out_bytes + at, size);
    return size;
}

static void apply_layer(struct run *run, const int32_t *v)
{
    const uint8_t *segment = segment_at(run->image, v[0])->data;
    uint32_t inputs = u16(segment + 3);
    fully_connected(segment, scratch.read_out, run->logits);
    run->logit_count = segment[5];
    uint64_t operations = (uint64_t)run->logit_count * segment[6] * ((inputs + 31) / 32);
    if (bits_wanted(segment) != inputs)
        operations += bits_wanted(segment) / 32;
    operations *= COST_FULLY_CONNECTED_OPERATIONS;
    if (!segment[6])
        operations += (uint64_t)run->logit_count * row_bytes(segment) * COST_TERNARY_OPERATIONS;
    charge(operations * COST_OPERATION_NS);
}

enum { LOGIT_NS = COST_ADC_SAMPLE_NS + COST_SAMPLE_LOGIT_OPERATIONS * COST_OPERATION_NS };

static int32_t offset_of(const struct run *run, const int32_t *v)
{
    const struct object *segment = segment_at(run->image, v[0]);
    return (int32_t)packed_field(segment->data, segment->size, (uint32_t)v[1], 32);
}

static void scan_logits(struct run *run, const int32_t *v)   /* row by row, each from its LEFT end */
{
    uint8_t column[ARRAY_SIDE];
    unsigned rows = (unsigned)((v[6] - v[4]) / v[8] + 1), columns = (unsigned)((v[7] - v[5]) / v[9] + 1);
    int32_t unit = v[2], offset = offset_of(run, v);
    run->logit_count = rows * columns;
    charge((uint64_t)run->logit_count * LOGIT_NS);
    if (run->logit_count > MOST_LOGITS)
        return;
    for (unsigned c = 0; c < columns; c++) {
        unsigned at = (unsigned)v[5] + c * (unsigned)v[9];
        array_grid((unsigned)v[3], (unsigned)v[4], at, (unsigned)v[6], at, (unsigned)v[8], 1, column);
        for (unsigned row = 0; row < rows; row++) {
            int32_t level = column[row] - 128;
            run->logits[row * columns + columns - 1 - c] = 2 * floor_divided(2 * level + unit, 2 * unit) + offset;
        }
    }
}

static unsigned bits_set(unsigned byte)
{
    unsigned sum = 0;
    for (; byte; byte &= byte - 1)
        sum++;
    return sum;
}

static void sum_logit(struct run *run, const int32_t *v)
{
    int32_t count = 0, unit = v[2];
    unsigned row = v[8] ? 1u << (v[8] - 1) : 0, column = v[9] ? 1u << (v[9] - 1) : 0, samples = 0;
    uint32_t pixels = 1u << (bits_set((unsigned)v[6]) + bits_set((unsigned)v[7]));
    for (unsigned i = 0; i < (row ? 2u : 1u); i++)
        for (unsigned k = 0; k < (column ? 2u : 1u); k++, samples++) {
            array_latch((unsigned)v[4] | (i ? row : 0), (unsigned)v[5] | (k ? column : 0), (unsigned)v[6], (unsigned)v[7]);
            count += floor_divided(512 * (128 - (int32_t)array_sample((unsigned)v[3], pixels)) + unit, 2 * unit);
        }
    select_again();
    if (run->logit_count < MOST_LOGITS)
        run->logits[run->logit_count] = offset_of(run, v) - 2 * count;
    run->logit_count++;
    charge((uint64_t)samples * LOGIT_NS);
}

static void raise_in(const int32_t *v)
{
    uint32_t pixels = (uint32_t)((v[3] - v[1] + 1) * (v[4] - v[2] + 1));
    array_rectangle((unsigned)v[1], (unsigned)v[2], (unsigned)v[3], (unsigned)v[4]);
    int32_t mean = array_sample((unsigned)v[0], pixels) - 128, level = in_level + v[5] * mean + v[6];
    select_again();
    in_level = level < -128 ? -128 : level > 127 ? 127 : level;
    array_drive((unsigned)(in_level + 128) * 16);
    charge(LOGIT_NS + COST_SET_IN_NS);
}

static void argmax(struct run *run)
{
    run->outcome = 0;
    for (unsigned i = 1; i < run->logit_count; i++)
        if (run->logits[i] > run->logits[run->outcome])
            run->outcome = (int)i;
    charge((uint64_t)run->logit_count * COST_OPERATION_NS);
}

static void add_logits(struct run *run)
{
    if (run->logit_count != run->earlier_count) {
        run->failure = "a node adds to logits of another number than the node before has";
        return;
    }
    for (unsigned i = 0; i < run->logit_count; i++)
        run->logits[i] = (int32_t)((uint32_t)run->logits[i] + (uint32_t)run->earlier[i]);
    charge((uint64_t)run->logit_count * COST_OPERATION_NS);
}

static void write_dreg(struct run *run, const int32_t *v)
{
    const struct object *segment = segment_at(run->image, v[0]);
    const uint8_t *plane = segment->data + segment->size - 8192;
    uint32_t ones = 0;
    for (unsigned i = 0; i < 8192; i++)
        ones += bits_set(plane[i]);
    uint32_t points = ones < 65536 - ones ? ones : 65536 - ones;
    array_write((unsigned)v[1], plane);
    charge(line_ns(8192));
    charge(8192 * COST_COPY_BYTE_NS);
    charge(COST_LAUNCH_NS + (uint64_t)points * (COST_SELECT_NS + COST_LAUNCH_NS));
    charge_digital(1 + 2 * points + (points < ones ? 2 : 0));
}

static bool do_step(struct run *run, uint8_t opcode, const int32_t *v)
{
    switch (opcode) {
    case STEP_LAUNCH: return run_block(run, v);
    case STEP_SET_IN: drive_level(v[0]); break;
    case STEP_SELECT_PATTERN:
        select_pattern((unsigned)v[0], (unsigned)v[1], (unsigned)v[2], (unsigned)v[3]);
        charge(COST_SELECT_NS);
        break;
    case STEP_SELECT_RECT:
        select_rectangle((unsigned)v[0], (unsigned)v[1], (unsigned)v[2], (unsigned)v[3]);
        charge(COST_SELECT_RECT_NS);
        break;
    case STEP_LOAD_COVER: load_cover(run, v); break;
    case STEP_SCAN_DREG: scan_dreg(run, v); break;
    case STEP_APPLY_FULLY_CONNECTED: apply_layer(run, v); break;
    case STEP_SCAN_LOGITS: scan_logits(run, v); break;
    case STEP_SUM_LOGIT: sum_logit(run, v); break;
    case STEP_RAISE_IN: raise_in(v); break;
    case STEP_ARGMAX: argmax(run); break;
    case STEP_ADD_LOGITS: add_logits(run); break;
    case STEP_PROCEED: run->outcome = 0; break;
    case STEP_WRITE_DREG: write_dreg(run, v); break;
    case STEP_SCAN_AREG:
        run->read_out = samples_of(v);
        run->reads_out = true;
        charge((uint64_t)run->read_out * COST_ADC_SAMPLE_NS);
        break;
    default: run->reads_out = control(opcode, v, read_out_bytes, &run->read_out);
    }
    return true;
}

bool run_step(struct run *run)
{
    const struct step *step;
    size_t size = read_with_uses(run, &step, run->times);
    run->opcode = step->opcode;
    run->read_out = 0;
    run->reads_out = false;
    if (!is_control(step->opcode)) {
        array_elapse(device_clock.now_ns);
        if (!do_step(run, step->opcode, run->v))
            return false;
    }
    if (run->logit_count > MOST_LOGITS)
        run->failure = "a program has more logits than this controller has room for";
    run->at += size;
    run->index += run->uses + 1u;
    run->step = (uint16_t)(run->index - 1);
    if (step->opcode == STEP_ANSWER) {
        store_little(read_out_bytes, (uint32_t)run->variables[run->v[0]], 4);
        run->read_out = 4;
        run->reads_out = true;
    }
    if (is_control(step->opcode))
        control_step(run, step->opcode);
    if (run->reads_out)
        take_read_out(run);
    return true;
}
