// The controller API: levels, shifts, selections, drawing, read-outs.
#pragma once

#include "kernel.hpp"

inline void scamp5_load_dac(int dac) { scamp5_shim::link::the().instruction(scamp5_shim::DAC_IN, {dac}); }
inline void scamp5_load_dac(AREG a, int dac, AREG temp = SCAMP5_PE::NEWS) {
    scamp5_load_dac(dac);
    scamp5_shim::macro().bus(temp, SCAMP5_PE::IN).bus(a, temp);
}
inline void scamp5_load_in(int value) { scamp5_load_dac((int8_t(value) + 128) * 16); }
inline void scamp5_load_in(AREG a, int value, AREG temp = SCAMP5_PE::NEWS) {
    scamp5_load_dac(a, (int8_t(value) + 128) * 16, temp);
}
// Two transfers whose offsets cancel.
inline void scamp5_in(AREG a, int value, AREG temp = SCAMP5_PE::NEWS) {
    int other = -int8_t(value);
    scamp5_load_in(0);
    scamp5_shim::macro().bus(temp, SCAMP5_PE::IN);
    scamp5_load_in(other > 127 ? 127 : other);
    scamp5_shim::macro().bus(a, temp, SCAMP5_PE::IN);
}

inline void scamp5_kernel_all() { SCAMP5_PE::all(); }
inline void scamp5_kernel_refresh_dreg() {}

inline void scamp5_get_image(AREG yf, AREG yh, int gain = 1) {
    using namespace SCAMP5_PE;
    using scamp5_shim::RPIX;
    macro().all().bus(NEWS, PIX).add(RPIX, {}).bus(yf, NEWS, PIX).bus(NEWS, yf);
    for (int i = 1; i < gain && i < 5; i++) macro().bus(yh, NEWS).bus(yf, NEWS).bus(NEWS, yh, yf);
    macro().bus(yh, NEWS).bus(yf, NEWS).add(RPIX, {}).bus(NEWS, yh, yf, PIX).bus(yf, NEWS);
}

inline void scamp5_shift(AREG a, int h, int v) {
    using namespace SCAMP5_PE;
    const struct {
        int count;
        AREG away, behind;
    } axes[] = {{h, h > 0 ? XE : XW, h > 0 ? XW : XE}, {v, v > 0 ? XN : XS, v > 0 ? XS : XN}};
    for (auto& axis : axes) {
        int count = axis.count < 0 ? -axis.count : axis.count;
        for (int i = 0; i < count / 2; i++) macro().bus(axis.away, a).bus(a, axis.behind);
        if (count % 2) macro().bus(axis.away, a).bus(a, NEWS);
    }
}

inline void scamp5_shift(DREG d, int h, int v, int boundary = 0, int = 2) {
    using namespace SCAMP5_PE;
    const std::pair<int, DREG> axes[] = {{h, h > 0 ? R2 : R4}, {v, v > 0 ? R1 : R3}};
    auto code = boundary ? scamp5_shim::DNEWS_1 : scamp5_shim::DNEWS_0;
    for (auto& [signed_count, enable] : axes) {
        int count = signed_count < 0 ? -signed_count : signed_count;
        if (!count) continue;
        macro m;
        m.add(scamp5_shim::CLR_4, {R1.index, R2.index, R3.index, R4.index}).set(enable);
        for (int i = 0; i < count; i++) m.add(code, {i % 2 ? d.index : R0.index, i % 2 ? R0.index : d.index});
        if (count % 2) m.mov(d, R0);
    }
}

inline void scamp5_diffuse(AREG a, int iterations, bool vert = true, bool horiz = true, AREG t0 = SCAMP5_PE::NEWS) {
    scamp5_shim::link::the().instruction(scamp5_shim::DIFFUSE, {a.index, iterations, vert, horiz, t0.index});
}

inline void scamp5_flood(DREG target, DREG mask, int boundary, int iterations = 5, bool use_local = false) {
    scamp5_shim::link::the().instruction(scamp5_shim::FLOOD, {target.index, mask.index, boundary, iterations, use_local});
}

// ---- selections ----
inline void scamp5_load_point(DREG d, int r, int c) {
    scamp5_shim::link::the().instruction(scamp5_shim::LOAD_POINT, {uint8_t(r), uint8_t(c), d.index});
}
inline void scamp5_load_rect(DREG d, int r0, int c0, int r1, int c1) {
    scamp5_shim::link::the().instruction(scamp5_shim::LOAD_RECT,
                                         {uint8_t(r0), uint8_t(c0), uint8_t(r1), uint8_t(c1), d.index});
}
inline void scamp5_load_pattern(DREG d, int r, int c, int rx, int cx) {
    scamp5_shim::link::the().instruction(scamp5_shim::LOAD_PATTERN,
                                         {uint8_t(r), uint8_t(c), uint8_t(rx), uint8_t(cx), d.index});
}
inline void scamp5_select_point(int r, int c) {
    scamp5_shim::link::the().instruction(scamp5_shim::SELECT_POINT, {uint8_t(r), uint8_t(c)});
}
inline void scamp5_select_rect(int r0, int c0, int r1, int c1) {
    scamp5_shim::link::the().instruction(scamp5_shim::SELECT_RECT, {uint8_t(r0), uint8_t(c0), uint8_t(r1), uint8_t(c1)});
}
inline void scamp5_select_pattern(int r, int c, int rx, int cx) {
    scamp5_shim::link::the().instruction(scamp5_shim::SELECT_PATTERN,
                                         {uint8_t(r), uint8_t(c), uint8_t(rx), uint8_t(cx)});
}

// ---- drawing: each primitive is a selection and an OR; R2 and R3 are overwritten ----
namespace scamp5_shim {
inline DREG drawn{8};
inline void merge() {
    using namespace SCAMP5_PE;
    macro().mov(R2, drawn).or_(drawn, R2, R3);
}
}  // namespace scamp5_shim
inline void scamp5_draw_begin(DREG d) { scamp5_shim::drawn = d; }
inline void scamp5_draw_end() {}
inline void scamp5_draw_pixel(int r, int c) {
    scamp5_load_point(SCAMP5_PE::R3, r, c);
    scamp5_shim::merge();
}
inline bool scamp5_draw_point(int r, int c) {
    if (r < 0 || r > 255 || c < 0 || c > 255) return false;
    scamp5_draw_pixel(r, c);
    return true;
}
inline void scamp5_draw_rect(int r0, int c0, int r1, int c1) {
    scamp5_load_rect(SCAMP5_PE::R3, r0, c0, r1, c1);
    scamp5_shim::merge();
}
inline void scamp5_draw_negate() {
    scamp5_shim::macro().mov(SCAMP5_PE::R3, scamp5_shim::drawn).not_(scamp5_shim::drawn, SCAMP5_PE::R3);
}
inline void scamp5_draw_line(int r0, int c0, int r1, int c1, bool repeat = false) {
    int rows = std::abs(r1 - r0), columns = std::abs(c1 - c0);
    int row_step = r1 > r0 ? 1 : -1, column_step = c1 > c0 ? 1 : -1, error = columns - rows;
    for (;;) {
        if (repeat) scamp5_draw_pixel(r0, c0);
        else scamp5_draw_point(r0, c0);
        if (r0 == r1 && c0 == c1) return;
        int doubled = 2 * error;
        if (doubled > -rows) error -= rows, c0 += column_step;
        if (doubled < columns) error += columns, r0 += row_step;
    }
}
inline void scamp5_draw_circle(int r, int c, int radius, bool repeat = false) {
    int across = radius, along = 0, decision = 1 - radius;
    while (along <= across) {
        for (auto [a, b] : {std::pair{across, along}, std::pair{along, across}})
            for (int i = 0; i < 4; i++) {
                int row = r + (i & 1 ? -a : a), column = c + (i & 2 ? -b : b);
                if (repeat) scamp5_draw_pixel(row, column);
                else scamp5_draw_point(row, column);
            }
        along++;
        if (decision < 0) decision += 2 * along + 1;
        else across--, decision += 2 * (along - across) + 1;
    }
}

// ---- read-outs ----
namespace scamp5_shim {
inline int total(const bytes& from, uint8_t* to) {
    int sum = 0;
    for (size_t i = 0; i < from.size(); i++) {
        if (to) to[i] = from[i];
        sum += from[i];
    }
    return sum;
}
inline uint8_t one(const bytes& from) { return from.empty() ? 0 : from[0]; }
inline void copy(const bytes& from, uint8_t* to) {
    if (to) std::memcpy(to, from.data(), from.size());
}
}  // namespace scamp5_shim

inline uint8_t scamp5_read_areg(AREG a, int r, int c) {
    return scamp5_shim::one(scamp5_shim::link::the().ask(scamp5_shim::READ_AREG, {a.index, 0, uint8_t(r), uint8_t(c)}));
}
inline int scamp5_global_sum_16(AREG a, uint8_t* sums = nullptr) {
    return scamp5_shim::total(scamp5_shim::link::the().ask(scamp5_shim::SUM_16, {a.index, 4, 2}), sums);
}
inline int scamp5_global_sum_64(AREG a, uint8_t* sums = nullptr) {
    return scamp5_shim::total(scamp5_shim::link::the().ask(scamp5_shim::SUM_64, {a.index, 8, 1}), sums);
}
inline uint8_t scamp5_global_sum_fast(AREG a) {
    return scamp5_shim::one(scamp5_shim::link::the().ask(scamp5_shim::SUM_FAST, {a.index, 2, 2, 255, 255}));
}
inline uint8_t scamp5_global_sum_sparse(AREG a, int r = 2, int c = 2, int rx = 254, int cx = 254) {
    return scamp5_shim::one(scamp5_shim::link::the().ask(
        scamp5_shim::SUM_SPARSE, {a.index, uint8_t(r), uint8_t(c), uint8_t(rx), uint8_t(cx)}));
}
inline uint8_t scamp5_global_sum_region(AREG a, int r0, int c0, int r1, int c1) {
    return scamp5_shim::one(scamp5_shim::link::the().ask(
        scamp5_shim::SUM_REGION, {a.index, uint8_t(r0), uint8_t(c0), uint8_t(r1), uint8_t(c1)}));
}
inline uint8_t scamp5_global_or(DREG d, int r = 0, int c = 0, int rx = 255, int cx = 255) {
    return scamp5_shim::one(scamp5_shim::link::the().ask(
        scamp5_shim::GLOBAL_OR, {d.index, uint8_t(r), uint8_t(c), uint8_t(rx), uint8_t(cx)}));
}
inline int scamp5_global_count(DREG d, AREG temp, int options = 0) {
    auto data = scamp5_shim::link::the().ask(scamp5_shim::GLOBAL_COUNT, {d.index, temp.index, options});
    return data.size() < 2 ? 0 : data[0] | data[1] << 8;
}
inline void scamp5_scan_areg(AREG a, uint8_t* buffer, int r0, int c0, int r1, int c1, int rs, int cs) {
    scamp5_shim::copy(scamp5_shim::link::the().ask(scamp5_shim::SCAN_AREG, {a.index, 1, uint8_t(r0), uint8_t(c0),
                                                                              uint8_t(r1), uint8_t(c1), rs, cs}), buffer);
}
inline void scamp5_scan_areg_8x8(AREG a, uint8_t* buffer) {
    scamp5_shim::copy(scamp5_shim::link::the().ask(scamp5_shim::SCAN_AREG, {a.index, 2, 0, 0, 255, 255, 32, 32}), buffer);
}
inline void scamp5_scan_areg_mean_8x8(AREG a, uint8_t* buffer) {
    scamp5_shim::copy(scamp5_shim::link::the().ask(scamp5_shim::SCAN_AREG_MEAN, {a.index, 1, 8, 8}), buffer);
}
inline void scamp5_scan_dreg(DREG d, uint8_t* memory, int r0 = 0, int r1 = 255) {
    scamp5_shim::copy(scamp5_shim::link::the().ask(scamp5_shim::SCAN_DREG, {d.index, uint8_t(r0), uint8_t(r1), 1}), memory);
}
inline void scamp5_scan_events(DREG d, uint8_t* buffer, int most = 1, int h = 0, int v = 0) {
    scamp5_shim::copy(scamp5_shim::link::the().ask(scamp5_shim::SCAN_EVENTS, {d.index, most, h, v}), buffer);
}
inline void scamp5_scan_events_cr(DREG d, uint8_t* buffer, int most = 1, int h = 0, int v = 0) {
    scamp5_shim::copy(scamp5_shim::link::the().ask(scamp5_shim::SCAN_EVENTS_CR, {d.index, most, h, v}), buffer);
}
inline void scamp5_scan_events_rc(DREG d, uint8_t* buffer, int most = 1, int h = 0, int v = 0) {
    scamp5_shim::copy(scamp5_shim::link::the().ask(scamp5_shim::SCAN_EVENTS_RC, {d.index, most, h, v}), buffer);
}
inline void scamp5_scan_boundingbox(DREG d, uint8_t* corners) {
    scamp5_shim::copy(scamp5_shim::link::the().ask(scamp5_shim::SCAN_AABB, {d.index}), corners);
}
