/* What the controller works out of read-outs: the fully connected layer, and fields of packed segments. */
#include "program.h"
#include "ternary_weights.h"

enum { COLUMNS = 7, BIASES = 39 };                     /* offsets in a segment of layout 4 */

static unsigned ones(const uint8_t *bytes, unsigned count)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < count; i++)
        for (uint8_t b = bytes[i]; b; b &= (uint8_t)(b - 1))
            sum++;
    return sum;
}

uint32_t bits_wanted(const uint8_t *segment)
{
    uint32_t taken = ones(segment + COLUMNS, 32), inputs = u16(segment + 3);
    return taken == 256 ? inputs : inputs / taken * 256;
}

static unsigned ones_of(uint32_t word)                 /* without an instruction that counts them */
{
    word -= word >> 1 & 0x55555555u;
    word = (word & 0x33333333u) + (word >> 2 & 0x33333333u);
    word = (word + (word >> 4)) & 0x0F0F0F0Fu;
    return word * 0x01010101u >> 24;
}

static unsigned unlike(const uint8_t *a, const uint8_t *b, uint32_t bits)
{
    unsigned sum = 0;
    for (; bits >= 32; bits -= 32, a += 4, b += 4)
        sum += ones_of(u32(a) ^ u32(b));
    for (; bits >= 8; bits -= 8)
        sum += ones_of((uint32_t)(*a++ ^ *b++));
    return bits ? sum + ones_of((uint32_t)(*a ^ *b) & ((1u << bits) - 1)) : sum;
}

static int32_t weight(unsigned plane, unsigned size, unsigned unlike_ones)
{
    return ((int32_t)size - 2 * (int32_t)unlike_ones) * (1 << plane);
}

/* The next so many inputs, up to 32: of the bits from *from on those that the layer takes. */
static uint32_t inputs_of(const uint8_t *segment, const uint8_t *bits, uint32_t *from, uint32_t size)
{
    uint32_t chosen = 0;
    for (uint32_t i = 0; i < size; (*from)++)
        if (segment[COLUMNS + *from % 256 / 8] >> *from % 8 & 1) {
            chosen |= (uint32_t)(bits[*from / 8] >> *from % 8 & 1) << i;
            i++;
        }
    return chosen;
}

/* A layer that leaves bits out: 32 inputs at a time, as there is no room for all of them apart from the bits. */
static void add_chosen(const uint8_t *segment, const uint8_t *bits, int32_t *logits)
{
    uint32_t inputs = u16(segment + 3), outputs = segment[5], planes = segment[6], row = (inputs + 7) / 8, from = 0;
    const uint8_t *weights = segment + BIASES + 4 * outputs;
    for (uint32_t at = 0; at < inputs; at += 32) {
        uint32_t left = inputs - at, size = left < 32 ? left : 32;
        uint32_t next = inputs_of(segment, bits, &from, size);
        uint8_t chosen[4] = {(uint8_t)next, (uint8_t)(next >> 8), (uint8_t)(next >> 16), (uint8_t)(next >> 24)};
        for (uint32_t n = 0; n < outputs; n++)
            for (uint32_t j = 0; j < planes; j++)
                logits[n] += weight(j, size, unlike(weights + (n * planes + j) * row + at / 8, chosen, size));
    }
}

/* Ternary weights: five inputs at a time. Of weights that are not 0, those that disagree count against the others. */
static void add_ternary(const uint8_t *segment, const uint8_t *bits, int32_t *logits)
{
    uint32_t inputs = u16(segment + 3), outputs = segment[5], row = row_bytes(segment), from = 0;
    const uint8_t *weights = segment + BIASES + 4 * outputs;
    for (uint32_t at = 0; at < inputs; at += 5, weights++) {
        uint32_t size = inputs - at < 5 ? inputs - at : 5, next = inputs_of(segment, bits, &from, size);
        for (uint32_t n = 0; n < outputs; n++) {
            uint32_t these = TERNARY_WEIGHTS[weights[n * row]], there = these & ((1u << size) - 1);
            logits[n] += (int32_t)ones_of(there) - 2 * (int32_t)ones_of((these >> 5 ^ next) & there);
        }
    }
}

void fully_connected(const uint8_t *segment, const uint8_t *bits, int32_t *logits)
{
    uint32_t inputs = u16(segment + 3), outputs = segment[5], planes = segment[6], row = (inputs + 7) / 8;
    const uint8_t *weights = segment + BIASES + 4 * outputs;
    bool all = bits_wanted(segment) == inputs;
    for (uint32_t n = 0; n < outputs; n++) {
        int32_t sum = (int32_t)u32(segment + BIASES + 4 * n);
        for (uint32_t j = 0; j < planes && all; j++, weights += row)
            sum += weight(j, inputs, unlike(weights, bits, inputs));
        logits[n] = sum;
    }
    if (!planes)
        add_ternary(segment, bits, logits);
    else if (!all)
        add_chosen(segment, bits, logits);
}

static size_t packed_at(const uint8_t *segment, size_t size, uint32_t *bytes)
{
    size_t at = 3;
    varint(bytes, segment, size, &at);
    return at;
}

uint32_t packed_bits(const uint8_t *segment, size_t size)
{
    uint32_t bytes;
    packed_at(segment, size, &bytes);
    return segment[2] == 3 ? 8 * bytes : 0;
}

static const uint8_t *packed_bytes(const uint8_t *segment, size_t size)
{
    uint32_t bytes;
    return segment + packed_at(segment, size, &bytes);
}

uint32_t packed_field(const uint8_t *segment, size_t size, uint32_t bit, unsigned width)
{
    uint32_t value = 0;
    const uint8_t *data = packed_bytes(segment, size);
    for (unsigned i = 0; i < width; i++)
        value |= (uint32_t)(data[(bit + i) / 8] >> (bit + i) % 8 & 1) << i;
    return value;
}
