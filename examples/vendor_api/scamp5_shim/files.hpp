// Pictures of a program's own, on displays and saved by its host; pictures and files that it asks its host for.
#pragma once

#include "host.hpp"

namespace scamp5_shim {

enum : uint8_t { FILEPATH = 15, BULK_M0 = 19, REQUEST = 20, DISPLAY_IMAGE = 25, IMAGE_PATCH = 33 };

// Ask for a path, and take what answers until `take` says that it is all; false after so many milliseconds.
inline bool request(uint8_t version, int size_code, int bits, const std::string& path, int timeout,
                    const std::function<bool(int, int, int, const uint8_t*, size_t)>& take) {
    auto& link = link::the();
    bool done = false;
    link.on_data = [&](const uint8_t* data, size_t size) {
        if (size < 16 || data[4] != BULK_M0 || data[5] != version || done) return;
        auto dim = [&](size_t at) { return int(data[at] | data[at + 1] << 8); };
        done = take(dim(6), dim(8), dim(10), data + 16, size - 16);
    };
    bytes data(path.begin(), path.end());
    data.push_back(0);
    post_data(REQUEST, version, int(path.size()), size_code, bits, panel::the().channel, data);
    link.flush();
    auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout);
    while (!done && std::chrono::steady_clock::now() < until) link.wait(10);
    link.on_data = nullptr;
    return done;
}

}  // namespace scamp5_shim

// Called for each bit plane, from the least significant: packed bits (row by row, bit 0 of byte 0 is the pixel at the top
// right), columns, rows, number; with number -1 where no answer comes in time. The calls are over when it returns.
inline void vs_gui_request_image(const std::string& path, int bits,
                                 const std::function<void(const uint8_t*, int, int, int)>& take, int timeout = 1000) {
    bool came = scamp5_shim::request(13, 0x2000, bits, path, timeout,
                                     [&](int columns, int rows, int number, const uint8_t* data, size_t size) {
                                         if (size * 8 < size_t(columns) * size_t(rows)) return false;
                                         take(data, columns, rows, number);
                                         return number + 1 >= bits;
                                     });
    if (!came) take(nullptr, 0, 0, -1);
}
// Called for each part of at most 4,096 bytes: bytes, how many, how many remain; with none where no answer comes in time.
inline void vs_gui_request_file(const std::string& path, const std::function<void(const uint8_t*, int, int)>& take,
                                int timeout = 1000) {
    bool came = scamp5_shim::request(19, 0x1000, 0, path, timeout,
                                     [&](int count, int remaining, int, const uint8_t* data, size_t size) {
                                         if (size < size_t(count)) return false;
                                         take(data, count, remaining);
                                         return remaining == 0;
                                     });
    if (!came) take(nullptr, 0, 0);
}

// Pixels row by row from the top left; the lowest four bits of the format are the bytes of a pixel, 1 or 3.
inline void vs_gui_display_image(vs_handle display, const uint8_t* pixels, int columns, int rows, int format = 1) {
    size_t size = size_t(columns) * size_t(rows) * size_t(format & 15);
    scamp5_shim::post_data(scamp5_shim::DISPLAY_IMAGE, 0, columns, rows, format, display,
                           scamp5_shim::bytes(pixels, pixels + size));
}
// The host saves what the display shows.
inline void vs_gui_save_image(vs_handle display, const std::string& path) {
    scamp5_shim::bytes data(path.begin(), path.end());
    data.push_back(0);
    scamp5_shim::post_data(scamp5_shim::FILEPATH, 2, int(path.size()), 0, 0, display, data);
}
// Part of a plane, column by column from its top right, at a row and column of the array.
inline void scamp5_display_image_patch(vs_handle display, const uint8_t* samples, int columns, int rows, int r0, int c0) {
    scamp5_shim::post_data(scamp5_shim::IMAGE_PATCH, 0, columns, rows, r0 << 8 | c0, display,
                           scamp5_shim::bytes(samples, samples + size_t(columns * rows)));
}
