// What a program shows of its planes, and what it saves.
#pragma once

#include "host.hpp"

namespace scamp5_shim {
inline void out(opcode code, vs_handle display, int a = 0, int b = 0, int c = 0, int d = 0) {
    link::the().instruction(code, {int16_t(display), int16_t(display >> 16), a, b, c, d});
}
inline void save(opcode code, int index, const std::string& path) {
    bytes row;
    put_instruction(row, code, {index});
    row.insert(row.end(), path.begin(), path.end());
    row.push_back(0);
    if (row.size() <= 292) link::the().send(INSTRUCTION_WITH_TEXT, row);
}
}  // namespace scamp5_shim

inline void scamp5_output_areg(AREG a, vs_handle display, int s = 1, int r0 = 0, int c0 = 0) {
    scamp5_shim::out(scamp5_shim::OUT_AREG, display, a.index, s, r0, c0);
}
inline void scamp5_output_image(AREG a, vs_handle display) { scamp5_output_areg(a, display); }
inline void scamp5_output_image(DREG d, vs_handle display) {
    scamp5_shim::out(scamp5_shim::OUT_DREG, display, d.index, 1, 0, 255);
}
inline void scamp5_output_events(DREG d, vs_handle display, int most = 1000, int h = 0, int v = 0) {
    scamp5_shim::out(scamp5_shim::OUT_EVENTS, display, d.index, most, h, v);
}
// The array does not answer OUT_AABB; who wants the corners asks for them.
inline void scamp5_output_boundingbox(DREG d, vs_handle display, uint8_t* corners = nullptr) {
    scamp5_shim::out(scamp5_shim::OUT_AABB, display, d.index);
    if (corners) scamp5_shim::copy(scamp5_shim::link::the().ask(scamp5_shim::SCAN_AABB, {d.index}), corners);
}
inline void scamp5_output_bitstack_begin(vs_handle display, int planes) {
    scamp5_shim::out(scamp5_shim::OUT_BITSTACK_HEADER, display, planes);
}
inline void scamp5_output_bitstack_bit(DREG d) { scamp5_shim::link::the().instruction(scamp5_shim::OUT_LAYER, {d.index}); }
inline void scamp5_output_bitstack_end() {}

inline void scamp5_display_boundingbox(vs_handle display, const uint8_t* corners, int count = 1) {
    scamp5_shim::post_data(scamp5_shim::AABB, 0, 2, 2, count, display,
                           scamp5_shim::bytes(corners, corners + 4 * size_t(count)));
}
inline void scamp5_display_events(vs_handle display, const uint8_t* pairs, int count) {
    scamp5_shim::post_data(scamp5_shim::EVENTS, 2, 2, count, 1, display,
                           scamp5_shim::bytes(pairs, pairs + 2 * size_t(count)));
}
inline void scamp5_display_image(vs_handle display, const uint8_t* samples, int columns, int rows) {
    scamp5_shim::post_data(scamp5_shim::AOUT, 0, columns, rows, 0, display,
                           scamp5_shim::bytes(samples, samples + size_t(columns * rows)));
}

// Of the simulation: images go to the folder that the array's listener was given.
inline void vs_sim_save_image(AREG a, const std::string& path) {
    scamp5_shim::save(scamp5_shim::SAVE_AREG_IMAGE, a.index, path);
}
inline void vs_sim_save_image(DREG d, const std::string& path) {
    scamp5_shim::save(scamp5_shim::SAVE_DREG_IMAGE, d.index, path);
}
