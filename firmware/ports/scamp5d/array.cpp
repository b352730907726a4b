// The array of a SCAMP-5d by the vendor's API: what core/array.h asks for.
#include <cstring>
#include <scamp5.hpp>

extern "C" {
#include "../../core/array.h"
}
#include "board.h"

using namespace SCAMP5_PE;

namespace {

constexpr unsigned STORE_WORDS = ICW_OWN + ICW_OWN_WORDS;
constexpr uint32_t SUM_16 = 64 * 64, SUM_64 = 32 * 32, SUM_FAST = 256 * 256, SUM_SPARSE = 1024, SUM_REGION = 64 * 64;
constexpr unsigned ADC_ZERO = 128;
constexpr unsigned MOST_EVENTS = 4000;                 // that the step ScanEvents may ask for

// Bits of a word by the numbers of the published table.
enum bit { S_IN = 5, RR1 = 32, LR1 = 44, LFL = 56, RFL = 57, PLWB = 60, PLRB = 61, BIT = 62, BITMODE = 63, WR = 64 };
constexpr unsigned DIGITAL = 1;

uint32_t icw_store[STORE_WORDS][5];

struct { bool rectangle; uint8_t v[4]; } selected;
unsigned changes;                                      // of the array: sums that were read together hold until then

// Calls f with the constant of an AREG, whatever its type.
template <class function> auto with_areg(unsigned number, function f)
{
    switch (number) {
    case 0: return f(A);
    case 1: return f(B);
    case 2: return f(C);
    case 3: return f(D);
    case 4: return f(E);
    case 5: return f(F);
    default: return f(NEWS);
    }
}

template <class function> auto with_dreg(unsigned number, function f)
{
    switch (number) {
    case 0: return f(R0);
    case 1: return f(R1);
    case 2: return f(R2);
    case 3: return f(R3);
    case 4: return f(R4);
    case 5: return f(R5);
    case 6: return f(R6);
    case 7: return f(R7);
    case 8: return f(R8);
    case 9: return f(R9);
    case 10: return f(R10);
    case 11: return f(R11);
    default: return f(R12);
    }
}

// Five port words of 16 bits each, with their place, and the clock class in the first.
void put(uint32_t (*to)[5], uint64_t low, uint16_t high, unsigned clock)
{
    for (unsigned k = 0; k < 5; k++) {
        uint32_t bits = k < 4 ? (uint32_t)(low >> 16 * k & 0xFFFF) : high;
        (*to)[k] = bits | k << 16 | (k ? 0u : (uint32_t)clock << 19);
    }
}

uint64_t one(unsigned bit) { return 1ull << bit; }

uint8_t within_a_byte(int32_t sum, uint32_t scale)
{
    int64_t twice = 2 * (int64_t)sum + scale, whole = 2 * (int64_t)scale;
    int64_t code = (twice >= 0 ? twice / whole : -((-twice + whole - 1) / whole)) + ADC_ZERO;
    return (uint8_t)(code < 0 ? 0 : code > 255 ? 255 : code);
}

bool chosen(unsigned line, uint8_t address, uint8_t any) { return !((line ^ address) & ~any & 0xFF); }

// Levels of the selected pixels, added one by one: slow, and right for any scale.
int32_t added(unsigned areg)
{
    static uint8_t column_codes[ARRAY_SIDE];
    const uint8_t *v = selected.v;
    int32_t sum = 0;
    for (unsigned c = 0; c < ARRAY_SIDE; c++) {
        if (selected.rectangle ? c < v[1] || c > v[3] : !chosen(c, v[1], v[3]))
            continue;
        with_areg(areg, [&](auto a) { scamp5_scan_areg(a, column_codes, 0, (uint8_t)c, 255, (uint8_t)c, 1, 1); });
        for (unsigned r = 0; r < ARRAY_SIDE; r++)
            if (selected.rectangle ? r >= v[0] && r <= v[2] : chosen(r, v[0], v[2]))
                sum += (int32_t)column_codes[r] - (int32_t)ADC_ZERO;
    }
    return sum;
}

void select_again()
{
    const uint8_t *v = selected.v;
    if (selected.rectangle)
        scamp5_select_rect(v[0], v[1], v[2], v[3]);
    else
        scamp5_select_pattern(v[0], v[1], v[2], v[3]);
}

// One of the sums that the vendor's API reads together; column by column (assumed).
uint8_t block_sum(unsigned areg, unsigned side)
{
    static uint8_t sums[64];
    static unsigned held_areg, held_side, held_changes;
    unsigned size = ARRAY_SIDE / side, row = selected.v[0] / size, column = selected.v[1] / size;
    if (held_side != side || held_areg != areg || held_changes != changes || (row == 0 && column == 0)) {
        with_areg(areg, [&](auto a) { side == 4 ? scamp5_global_sum_16(a, sums) : scamp5_global_sum_64(a, sums); });
        held_areg = areg, held_side = side, held_changes = changes;
    }
    return sums[column * side + row];
}

}

extern "C" {

bool array_has_opinions(void) { return board_has_opinions(); }
bool array_takes(const struct icw *words, unsigned count) { return board_takes(words, count); }

void array_load(unsigned start, const struct icw *words, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        put(&icw_store[start + i], words[i].low, words[i].high, words[i].clock);
}

void array_execute(unsigned start, unsigned count, unsigned times)
{
    changes++;
    while (times--)
        vs_scamp5_execute_icw(&icw_store[start], count);
}

void array_drive(unsigned dac)
{
    if (dac % 16)
        scamp5_load_dac((uint16_t)dac);
    else
        scamp5_load_in((int8_t)((int)(dac / 16) - 128));
}

void array_latch(unsigned r, unsigned c, unsigned rx, unsigned cx)
{
    selected = {false, {(uint8_t)r, (uint8_t)c, (uint8_t)rx, (uint8_t)cx}};
    select_again();
}

void array_rectangle(unsigned r0, unsigned c0, unsigned r1, unsigned c1)
{
    selected = {true, {(uint8_t)r0, (uint8_t)c0, (uint8_t)r1, (uint8_t)c1}};
    select_again();
}

uint8_t array_sample(unsigned areg, uint32_t scale)
{
    const uint8_t r = selected.v[0], c = selected.v[1], rx = selected.v[2], cx = selected.v[3];
    if (selected.rectangle) {
        if (scale == SUM_REGION)
            return with_areg(areg, [=](auto a) { return scamp5_global_sum_region(a, r, c, rx, cx); });
    } else if (!rx && !cx && scale == 1)
        return with_areg(areg, [=](auto a) { return scamp5_read_areg(a, r, c); });
    else if (rx == 63 && cx == 63 && scale == SUM_16)
        return block_sum(areg, 4);
    else if (rx == 31 && cx == 31 && scale == SUM_64)
        return block_sum(areg, 8);
    else if (rx == 255 && cx == 255 && scale == SUM_FAST)
        return with_areg(areg, [](auto a) { return scamp5_global_sum_fast(a); });
    else if (scale == SUM_SPARSE)
        return with_areg(areg, [=](auto a) { return scamp5_global_sum_sparse(a, r, c, rx, cx); });
    return within_a_byte(added(areg), scale);
}

uint32_t array_grid(unsigned areg, unsigned r0, unsigned c0, unsigned r1, unsigned c1, unsigned rs, unsigned cs, uint8_t *out)
{
    with_areg(areg, [=](auto a) {
        scamp5_scan_areg(a, out, (uint8_t)r0, (uint8_t)c0, (uint8_t)r1, (uint8_t)c1, (uint8_t)rs, (uint8_t)cs);
    });
    return ((r1 - r0) / rs + 1) * ((c1 - c0) / cs + 1);
}

void array_rows(unsigned dreg, unsigned row, unsigned row_step, unsigned rows, uint8_t *out)
{
    with_dreg(dreg, [=](auto d) {
        if (row_step == 1)
            scamp5_scan_dreg(d, out, (uint8_t)row, (uint8_t)(row + rows - 1));
        else
            for (unsigned i = 0; i < rows; i++) {
                uint8_t at = (uint8_t)(row + i * row_step);
                scamp5_scan_dreg(d, out + 32 * i, at, at);
            }
    });
}

bool array_or(unsigned dreg)
{
    const uint8_t *v = selected.v;
    return with_dreg(dreg, [=](auto d) { return scamp5_global_or(d, v[0], v[1], v[2], v[3]) != 0; });
}

// The vendor's calls give events from the first on, so a later part is read together with all before it.
void array_events(unsigned dreg, unsigned most, bool row_first, bool h_dir, bool v_dir, unsigned first, unsigned count,
                  uint8_t *out)
{
    static uint8_t all[2 * MOST_EVENTS];
    uint8_t *to = first ? all : out;
    uint16_t wanted = (uint16_t)(first + count < most ? first + count : most);
    with_dreg(dreg, [=](auto d) {
        if (row_first)
            scamp5_scan_events_rc(d, to, wanted, h_dir, v_dir);
        else
            scamp5_scan_events(d, to, wanted, h_dir, v_dir);
    });
    if (first)
        std::memcpy(out, all + 2 * first, 2 * count);
}

void array_box(unsigned dreg, uint8_t out[4])
{
    with_dreg(dreg, [=](auto d) { scamp5_scan_boundingbox(d, out); });
}

// Cleared, then 1s are added: a pair of words takes OR of itself and SELECT. The vendor's drawing calls would write R2
// and R3. Runs of 1s in a row are selected together where the address logic can.
void array_write(unsigned dreg, const uint8_t *plane)
{
    uint32_t clear[1][5], add[2][5];
    const uint64_t read = dreg ? one(RR1 + dreg - 1) : one(RFL), load = dreg ? one(LR1 + dreg - 1) : one(LFL);
    const uint64_t bus = one(S_IN) | one(BIT) | one(BITMODE);
    changes++;
    if (board_writes(dreg, plane))
        return;
    put(&clear[0], bus | one(PLRB) | load, 0, DIGITAL);
    put(&add[0], bus | one(PLRB) | read, 1 << (WR - 64), DIGITAL);
    put(&add[1], bus | load, 0, DIGITAL);
    vs_scamp5_execute_icw(clear, 1);
    for (unsigned r = 0; r < ARRAY_SIDE; r++) {
        const uint8_t *row = plane + 32 * r;
        for (unsigned c = 0; c < ARRAY_SIDE;) {
            unsigned run = 0, size = 1;
            while (c + run < ARRAY_SIDE && row[(c + run) / 8] >> (c + run) % 8 & 1)
                run++;
            while (2 * size <= run && c % (2 * size) == 0)
                size *= 2;
            if (run) {
                scamp5_select_pattern((uint8_t)r, (uint8_t)c, 0, (uint8_t)(size - 1));
                vs_scamp5_execute_icw(add, 2);
            }
            c += size;
        }
    }
    select_again();
}

void array_begin_frame(uint32_t frame) { (void)frame; }

// Steps that wait, or expose, only charge device time. Where it is ahead of the array's own time, the array has to be
// left alone for the difference.
void array_elapse(uint64_t now_ns)
{
    static uint64_t behind;                            // of device time, by what the array took longer
    uint64_t array = board_array_ns(), device = now_ns + behind;
    if (array > device)
        behind += array - device;
    else if (device - array >= 1000) {
        changes++;
        vs_wait((uint32_t)((device - array) / 1000));
    }
}

// The frame trigger's period is the exposure in its mode CONST_PIX; vs_init leaves 1/60 s.
void array_expose(uint32_t us)
{
    static uint32_t period = 16666;
    changes++;
    if (us != period)
        vs_frame_trigger_set(us, 1000000);
    period = us;
    vs_frame_loop_control();
}

void array_begin_exposure(void) { changes++; vs_vision_chip_reset_exposure(); }

bool array_show(unsigned top, unsigned left, unsigned rows, unsigned columns, bool clear, const uint8_t *pixels)
{
    return board_shows(top, left, rows, columns, clear, pixels);
}

bool array_shows_pix_and_flag(void) { return false; }

}
