// Declarations of the vendor's API, as far as this port uses it. They are written from what is published of it (names,
// the order of arguments, their defaults) and are none of the vendor's files. On a device, leave this folder out of the
// include path and let the vendor's scamp5.hpp be found. What is not known is marked OPEN; docs/how-to/porting.md
// lists it with what to measure.
#ifndef SCAMP5_HPP
#define SCAMP5_HPP

#include <stdint.h>

// OPEN: the types of registers. The port only names the constants, so that any type does.
struct areg_t { uint8_t number; };
struct dreg_t { uint8_t number; };

namespace SCAMP5_PE {
constexpr areg_t A{0}, B{1}, C{2}, D{3}, E{4}, F{5}, NEWS{6};
constexpr dreg_t R0{0}, R1{1}, R2{2}, R3{3}, R4{4}, R5{5}, R6{6}, R7{7}, R8{8}, R9{9}, R10{10}, R11{11}, R12{12};
}

// ---- system ----
void vs_init();
void vs_process_message();
void vs_frame_loop_control();
// OPEN: the types of the arguments. The period is numerator / denominator seconds.
void vs_frame_trigger_set(uint32_t numerator, uint32_t denominator);
void vs_wait(uint32_t microseconds);
void vs_vision_chip_reset_exposure();

// ---- instruction words ----
// OPEN: whether the first argument is an address of words, as here, or a place in the store of 1,024.
void vs_scamp5_execute_icw(const uint32_t (*words)[5], uint32_t count, bool highspeed = false);

// ---- IN and selections ----
void scamp5_load_in(int8_t value);
void scamp5_load_dac(uint16_t dac);
void scamp5_select_pattern(uint8_t r, uint8_t c, uint8_t rx, uint8_t cx);
void scamp5_select_rect(uint8_t r0, uint8_t c0, uint8_t r1, uint8_t c1);

// ---- read-out ----
uint8_t scamp5_read_areg(areg_t areg, uint8_t r, uint8_t c);
int scamp5_global_sum_16(areg_t areg, uint8_t *result16 = nullptr);
int scamp5_global_sum_64(areg_t areg, uint8_t *result64 = nullptr);
uint8_t scamp5_global_sum_fast(areg_t areg);
uint8_t scamp5_global_sum_sparse(areg_t areg, uint8_t r = 2, uint8_t c = 2, uint8_t rx = 254, uint8_t cx = 254);
uint8_t scamp5_global_sum_region(areg_t areg, uint8_t r0, uint8_t c0, uint8_t r1, uint8_t c1);
int scamp5_global_or(dreg_t dreg, uint8_t r = 0, uint8_t c = 0, uint8_t rx = 255, uint8_t cx = 255);
void scamp5_scan_areg(areg_t areg, uint8_t *buffer, uint8_t r0, uint8_t c0, uint8_t r1, uint8_t c1, uint8_t rs, uint8_t cs);
void scamp5_scan_dreg(dreg_t dreg, uint8_t *memory, uint8_t r0 = 0, uint8_t r1 = 255);
void scamp5_scan_events(dreg_t dreg, uint8_t *buffer, uint16_t max_num = 1, uint8_t h_dir = 0, uint8_t v_dir = 0);
void scamp5_scan_events_rc(dreg_t dreg, uint8_t *buffer, uint16_t max_num = 1, uint8_t h_dir = 0, uint8_t v_dir = 0);
void scamp5_scan_boundingbox(dreg_t dreg, uint8_t *vec4);

// ---- the host ----
void vs_post_set_channel(uint32_t channel);
void vs_post_int8(const int8_t *data, int rows, int columns);
void vs_post_text(const char *format, ...);
// OPEN: the types of the callback's arguments. A USER_VALUE message carries a byte and 32 bits.
void vs_on_user_value(void (*callback)(uint8_t id, int32_t value));

#endif
