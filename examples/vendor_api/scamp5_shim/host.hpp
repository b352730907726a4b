// The frame loop, and what a program and its host tell each other: displays, sliders, texts, numbers.
#pragma once

#include <array>
#include <chrono>
#include <cstdarg>
#include <functional>

#include "kernel.hpp"

typedef uint32_t vs_handle;

enum vs_display_style : uint16_t {
    VS_DISPLAY_IMAGE = 16, VS_DISPLAY_SCOPE, VS_DISPLAY_BARPLOT, VS_DISPLAY_SCATTER, VS_DISPLAY, VS_DISPLAY_FIGURE,
    VS_DISPLAY_LINEPLOT
};

namespace scamp5_shim {

enum : uint16_t { HOST = 0xCCDE };
enum data_type : uint8_t {
    GUI = 2, AOUT = 3, AABB = 5, EVENTS = 6, DATA_TEXT = 8, INT8 = 9, INT16 = 10, INT32 = 11, FLOAT = 12, DISPLAY_TEXT = 24
};

struct display {
    std::string name;
    int row, column, size;
    uint16_t shape;
    int32_t least, most, window;
};

struct element {
    std::string name;
    uint16_t shape;  // 1 button, 2 slider, 3 switch
    int32_t least, most, initial, value;
    int* variable;
    std::function<void(int)> changed;
};

struct panel {
    std::vector<display> displays;
    std::vector<element> elements;
    uint32_t loop = 0, channel = 0;
    bool host = false, trigger = true;

    static panel& the() {
        static panel only;
        return only;
    }
};

// A packet of the host protocol, tunnelled.
inline void post(uint8_t packet_kind, const bytes& payload) {
    bytes whole = {0x20, 0x17, 0xAA, packet_kind, uint8_t(payload.size()), uint8_t(payload.size() >> 8),
                   uint8_t(payload.size() >> 16), 0};
    whole[7] = uint8_t(whole[3] + whole[4] + whole[5] + whole[6]);
    whole.insert(whole.end(), payload.begin(), payload.end());
    link::the().send(TUNNEL, whole);
}

inline void post_data(uint8_t type, uint8_t version, int dim0, int dim1, int dim2, uint32_t channel, const bytes& data) {
    bytes payload;
    put32(payload, panel::the().loop);
    payload.push_back(type);
    payload.push_back(version);
    for (int dim : {dim0, dim1, dim2}) put16(payload, uint16_t(dim));
    put32(payload, channel);
    payload.insert(payload.end(), data.begin(), data.end());
    post(0x10, payload);
}

inline void put_name(bytes& to, uint32_t key, const std::string& name) {
    put32(to, key);
    std::string shown = name.substr(0, 79);
    to.insert(to.end(), shown.begin(), shown.end());
    to.push_back(0);
}

inline void post_gui() {
    auto& shown = panel::the();
    bytes rows;
    uint32_t key = 0;
    for (auto& each : shown.displays) {
        bool plot = each.shape == VS_DISPLAY_SCOPE || each.shape == VS_DISPLAY_BARPLOT ||
                    each.shape == VS_DISPLAY_LINEPLOT;
        put16(rows, each.shape);
        put32(rows, key), put32(rows, key + 1);
        put16(rows, each.shape);
        for (int cells : {each.size, each.size, each.column, each.row}) put16(rows, uint16_t(cells * 256));
        put16(rows, 0);
        if (plot) {
            put32(rows, uint32_t(each.least)), put32(rows, uint32_t(each.most)), put32(rows, uint32_t(each.window));
            put16(rows, each.shape == VS_DISPLAY_BARPLOT ? 4 : 1), put16(rows, 0);
        }
        put_name(rows, key, each.name);
        put_name(rows, key + 1, "default_style");
        key += 2;
    }
    post_data(GUI, 10, int(shown.displays.size()), 2, 4, 0, rows);
    rows.clear();
    key = 0;
    for (auto& each : shown.elements) {
        put16(rows, each.shape);
        put32(rows, key);
        put16(rows, each.shape);
        put16(rows, 1);
        if (each.shape == 2)
            for (int32_t value : {each.least, each.most, each.value, 1}) put32(rows, uint32_t(value));
        if (each.shape == 3) put32(rows, uint32_t(each.value));
        put_name(rows, key++, each.name);
    }
    post_data(GUI, 11, int(shown.elements.size()), 2, 4, 0, rows);
}

inline void take_message(uint16_t, uint8_t code, uint8_t item, uint32_t data) {
    auto& shown = panel::the();
    if (code == 130) shown.host = true;
    if (code == 131) shown.host = false;
    if (code == 132) post_gui();
    if (code != 133 || !shown.host || item >= shown.elements.size()) return;
    auto& moved = shown.elements[item];
    moved.value = int32_t(data);
    if (moved.variable) *moved.variable = moved.value;
    if (moved.changed) moved.changed(moved.value);
}

inline vs_handle add_element(element each) {
    if (each.variable) *each.variable = each.initial;
    panel::the().elements.push_back(std::move(each));
    return vs_handle(panel::the().elements.size() - 1);
}

}  // namespace scamp5_shim

// ---- frame loop ----
inline void vs_init() {
    auto& link = scamp5_shim::link::the();
    link.on_message = scamp5_shim::take_message;
    link.open();
    link.instruction(scamp5_shim::SIM_RESET_MODEL, {2});
    link.flush();
}
inline void vs_process_message() { scamp5_shim::link::the().poll(); }
inline void vs_enable_frame_trigger() { scamp5_shim::panel::the().trigger = true; }
inline void vs_disable_frame_trigger() { scamp5_shim::panel::the().trigger = false; }
inline void vs_frame_trigger_set(int, int) {}
inline void vs_wait(uint32_t) {}
inline uint32_t vs_loop_counter_get() { return scamp5_shim::panel::the().loop; }
inline void vs_loop_counter_reset() { scamp5_shim::panel::the().loop = 0; }
inline void vs_frame_loop_control() {
    auto& shown = scamp5_shim::panel::the();
    auto& link = scamp5_shim::link::the();
    shown.loop++;
    link.instruction(scamp5_shim::LOOP_COUNTER_UPDATE, {int16_t(shown.loop), int16_t(shown.loop >> 16)});
    if (shown.trigger) link.wait_frame();
    else link.flush();
    vs_process_message();
}
// Light for numerator / denominator seconds; of the simulation.
inline void vs_sim_pix_integrate(int numerator, int denominator) {
    scamp5_shim::link::the().instruction(scamp5_shim::PIX_INTEGRATE, {numerator, denominator});
}

class vs_stopwatch {
  public:
    void reset() { began_ = std::chrono::steady_clock::now(); }
    int get_usec() const {
        return int(std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began_).count());
    }

  private:
    std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

// ---- displays and elements ----
inline vs_handle vs_gui_add_display(const std::string& name, int row, int column, int size = 1,
                                    uint16_t style = VS_DISPLAY) {
    auto& displays = scamp5_shim::panel::the().displays;
    if (displays.size() < 16) displays.push_back({name, row, column, size, style, 0, 0, 0});
    return vs_handle(99 + displays.size());
}
namespace scamp5_shim {
inline void set_plot(vs_handle at, uint16_t shape, int least, int most, int window) {
    auto& displays = panel::the().displays;
    if (at < 100 || at - 100 >= displays.size()) return;
    auto& each = displays[at - 100];
    each.shape = shape, each.least = least, each.most = most, each.window = window;
}
}  // namespace scamp5_shim
inline void vs_gui_set_barplot(vs_handle at, int least, int most, int = 4) {
    scamp5_shim::set_plot(at, VS_DISPLAY_BARPLOT, least, most, 0);
}
inline void vs_gui_set_scope(vs_handle at, int least, int most, int window) {
    scamp5_shim::set_plot(at, VS_DISPLAY_SCOPE, least, most, window);
}
inline void vs_gui_set_lineplot(vs_handle at, int least, int most, int window = 0) {
    scamp5_shim::set_plot(at, VS_DISPLAY_LINEPLOT, least, most, window);
}
inline vs_handle vs_gui_add_slider(const std::string& name, int least, int most, int initial, int* variable = nullptr) {
    return scamp5_shim::add_element({name, 2, least, most, initial, initial, variable, {}});
}
inline vs_handle vs_gui_add_slider(const std::string& name, int least, int most, int initial,
                                   std::function<void(int)> changed) {
    return scamp5_shim::add_element({name, 2, least, most, initial, initial, nullptr, std::move(changed)});
}
inline vs_handle vs_gui_add_switch(const std::string& name, int initial, int* variable = nullptr) {
    return scamp5_shim::add_element({name, 3, 0, 1, initial, initial, variable, {}});
}
inline vs_handle vs_gui_add_button(const std::string& name, std::function<void(int)> pressed) {
    return scamp5_shim::add_element({name, 1, 0, 1, 0, 0, nullptr, std::move(pressed)});
}
inline int vs_gui_read_slider(vs_handle at) {
    auto& elements = scamp5_shim::panel::the().elements;
    return at < elements.size() ? elements[at].value : 0;
}
// ---- posts ----
inline void vs_post_message(uint8_t code0, uint8_t code1 = 0, uint32_t value = 0) {
    scamp5_shim::bytes row;
    scamp5_shim::put16(row, scamp5_shim::HOST);
    row.push_back(code0), row.push_back(code1);
    scamp5_shim::put32(row, value);
    scamp5_shim::post(7, row);
}
inline void vs_gui_move_slider(vs_handle at, int value) {
    auto& elements = scamp5_shim::panel::the().elements;
    if (at >= elements.size()) return;
    elements[at].value = value;
    if (elements[at].variable) *elements[at].variable = value;
    vs_post_message(136, uint8_t(at), uint32_t(value));
}
inline void vs_post_set_channel(uint32_t channel) { scamp5_shim::panel::the().channel = channel; }
inline void vs_post_text(const char* format, ...) {
    char words[4000];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    size_t size = std::strlen(words) + 1;
    scamp5_shim::post_data(scamp5_shim::DATA_TEXT, 1, int(size), 0, 0, scamp5_shim::panel::the().channel,
                           scamp5_shim::bytes(words, words + size));
}
namespace scamp5_shim {
template <class number>
void post_numbers(uint8_t type, const number* data, int rows, int columns) {
    auto* from = reinterpret_cast<const uint8_t*>(data);  // little-endian, as every machine that this runs on
    post_data(type, 2, columns, rows, 0, panel::the().channel, bytes(from, from + sizeof(number) * size_t(rows * columns)));
}
}  // namespace scamp5_shim
inline void vs_post_int8(const int8_t* data, int rows, int columns) {
    scamp5_shim::post_numbers(scamp5_shim::INT8, data, rows, columns);
}
inline void vs_post_int16(const int16_t* data, int rows, int columns) {
    scamp5_shim::post_numbers(scamp5_shim::INT16, data, rows, columns);
}
inline void vs_post_int32(const int32_t* data, int rows, int columns) {
    scamp5_shim::post_numbers(scamp5_shim::INT32, data, rows, columns);
}
inline void vs_post_float(const float* data, int rows, int columns) {
    scamp5_shim::post_numbers(scamp5_shim::FLOAT, data, rows, columns);
}
inline void vs_gui_display_text(vs_handle display, int column, int row, const char* words,
                                std::array<uint8_t, 4> colour = {255, 255, 255, 255}) {
    scamp5_shim::bytes data;
    scamp5_shim::put16(data, uint16_t(column));
    scamp5_shim::put16(data, uint16_t(row));
    data.insert(data.end(), colour.begin(), colour.end());
    scamp5_shim::put32(data, uint32_t(std::strlen(words)));
    data.insert(data.end(), words, words + std::strlen(words) + 1);
    scamp5_shim::post_data(scamp5_shim::DISPLAY_TEXT, 1, 1, 0, 0, display, data);
}
