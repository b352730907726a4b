#include "objects.h"

#include <stdlib.h>
#include <string.h>

uint32_t row_bytes(const uint8_t *segment)
{
    uint32_t inputs = u16(segment + 3), planes = segment[6];
    return planes ? planes * ((inputs + 7) / 8) : (inputs + 4) / 5;
}

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

/* Rows of so many ternary weights, five to a byte: each byte is less than 3 to the power of how many it holds. */
static bool are_ternary(const uint8_t *p, unsigned rows, unsigned count)
{
    static const uint8_t powers[] = {243, 3, 9, 27, 81};
    for (; rows; rows--)
        for (unsigned at = 0; at < count; at += 5)
            if (*p++ >= powers[count - at < 5 ? count - at : 0])
                return false;
    return true;
}

static bool is_ternary(const uint8_t *p, size_t size)  /* layout 5; size is 6 or more */
{
    unsigned count = u16(p + 3);
    return count && count <= 32768 && size == 5 + (count + 4) / 5 && are_ternary(p + 5, 1, count);
}

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
    if (!inputs || !outputs || size != HEADER + outputs * (4 + (size_t)row_bytes(p)))
        return false;
    if (!planes && !are_ternary(p + HEADER + 4 * outputs, outputs, inputs))
        return false;
    int64_t most = 0x7FFFFFFF - ((1ll << (planes ? planes : 1)) - 1) * inputs;
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
    return p[2] == 5 ? is_ternary(p, size) : is_fully_connected(p, size);
}

static bool keeps_rules(const struct step *step, const int32_t *v)
{
    for (int i = 0; i < step->count; i++) {
        uint32_t bit = (step->analog >> i & 1 ? 1u << AREG_BIT : 1u) << (v[i] & 15);
        if (step->writes >> i & 1 && step->own & bit)
            return false;                              /* the step works with it itself */
        for (int k = 0; k < i; k++)
            if (step->distinct >> i & 1 && step->distinct >> k & 1 && v[i] == v[k])
                return false;
    }
    if (step->corners) {
        const int32_t *corner = v + step->corners - 1;
        if (corner[0] > corner[2] || corner[1] > corner[3])
            return false;
    }
    /* NOLINTNEXTLINE(clang-analyzer-core*): a ScanDreg has these operands */
    return step->opcode != STEP_SCAN_DREG || v[1] + v[2] * (v[3] - 1) <= 255;
}

size_t read_step(const uint8_t *p, size_t size, const struct step **form, int32_t values[MOST_OPERANDS])
{
    for (int i = 0; i < STEP_COUNT; i++) {
        const struct step *step = &STEPS[i];
        if (step->opcode != p[0])
            continue;
        size_t at = 1;
        for (int count = 0; count < step->count; count++) {
            struct operand o = OPERANDS[step->operands[count]];
            size_t bytes = (size_t)abs(o.bytes);
            if (size - at < bytes)
                return 0;
            int64_t v = bytes == 1 ? p[at] : bytes == 2 ? u16(p + at) : (int64_t)u32(p + at);
            if (o.bytes < 0 && v >> (8 * bytes - 1))
                v -= 1ll << 8 * bytes;
            if (v < o.least || v > o.most)
                return 0;
            values[count] = (int32_t)v;
            at += bytes;
        }
        *form = step;
        return keeps_rules(step, values) ? at : 0;
    }
    return 0;
}

int32_t least_of(const struct step *step, unsigned operand) { return OPERANDS[step->operands[operand]].least; }

bool decides(uint8_t opcode) { return opcode == STEP_ARGMAX || opcode == STEP_PROCEED; }

static bool is_program(const uint8_t *p, size_t size)
{
    size_t at = 4;
    if (size < 5 || !u16(p + 2))
        return false;
    for (unsigned left = u16(p + 2); left; left--) {
        const struct step *form;
        int32_t values[MOST_OPERANDS];
        size_t step = at < size ? read_step(p + at, size - at, &form, values) : 0;
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
