/* The array, as a controller drives it. A port implements these few functions for its hardware; docs/porting says how.
 *
 * Coordinates are the chip's: row 0 is the top one, column 0 the RIGHT one. AREGs are numbered 0 to 6 for A B C D E F
 * NEWS, DREGs by their number. Nothing here returns an error: an array that fails calls fatal. */
#ifndef ARRAY_H
#define ARRAY_H

#include <stdbool.h>
#include <stdint.h>

/* An instruction word: bits 0 to 63 and 64 to 79 of the chip's 80, and its clock class. */
struct icw { uint64_t low; uint16_t high; uint8_t clock; };

enum {
    ARRAY_SIDE = 256,
    ICW_OWN = 1024,                                    /* first word of the store that is the controller's own */
    ICW_OWN_WORDS = 1024
};

/* Whether the array refuses words without a meaning: an emulated one does. A chip executes whatever it gets. */
bool array_has_opinions(void);
/* Whether the array has a meaning for all these words. */
bool array_takes(const struct icw *words, unsigned count);
/* Words into the instruction store, from word start on. */
void array_load(unsigned start, const struct icw *words, unsigned count);
/* Sends the words start to start + count - 1 to the array, as often as times says. */
void array_execute(unsigned start, unsigned count, unsigned times);
/* IN from the 12-bit DAC: 16 codes are one level, 2,048 is level 0. */
void array_drive(unsigned dac);
/* The four address latches: row, column, and the bits of each that may be anything. */
void array_latch(unsigned r, unsigned c, unsigned rx, unsigned cx);
/* The address logic set to a rectangle, corners inclusive; (r0, c0) is the top RIGHT one. */
void array_rectangle(unsigned r0, unsigned c0, unsigned r1, unsigned c1);
/* One ADC sample over the selected pixels: 128 + sum of levels / scale, to the nearest, within a byte. */
uint8_t array_sample(unsigned areg, uint32_t scale);
/* ADC samples of single pixels, a byte each, column by column from the top right; returns their number. */
uint32_t array_grid(unsigned areg, unsigned r0, unsigned c0, unsigned r1, unsigned c1, unsigned rs, unsigned cs,
                    uint8_t *out);
/* Rows of a DREG by the digital byte, 32 bytes each: bit i of byte j is column 8 j + i. */
void array_rows(unsigned dreg, unsigned row, unsigned row_step, unsigned rows, uint8_t *out);
/* Whether any selected pixel is 1. */
bool array_or(unsigned dreg);
/* Addresses of the first 1s, two bytes each; unused pairs are 0. Of at most most events, count of them from first on. */
void array_events(unsigned dreg, unsigned most, bool row_first, bool h_dir, bool v_dir, unsigned first, unsigned count,
                  uint8_t *out);
/* Top row, right column, bottom row, left column of the 1s. */
void array_box(unsigned dreg, uint8_t out[4]);
/* Replaces a DREG, where R0 is 1 if it is R12: 8,192 bytes as array_rows reads them. A chip draws it point by point. */
void array_write(unsigned dreg, const uint8_t *plane);

/* What an emulated array must be told, because it has no light and no time of its own. A chip does nothing. */
void array_begin_frame(uint32_t frame);
void array_elapse(uint64_t now_ns);                    /* device time since the start */
/* PIX becomes what a frame's exposure of so many microseconds, ending now, leaves: 1 to 1,000,000. It may differ from
 * frame to frame. And: PIX integrates from its reset level on. */
void array_expose(uint32_t us);
void array_begin_exposure(void);
/* Paints a part of the scene, or gives the sensor back to its source (0 rows, 0 columns); false with real optics. */
bool array_show(unsigned top, unsigned left, unsigned rows, unsigned columns, bool clear, const uint8_t *pixels);
/* PIX and FLAG, which leave a chip only through another register: false there. */
enum { ARRAY_PIX_PLANE = 7, ARRAY_FLAG_PLANE = 13 };   /* as areg of array_grid, as dreg of array_rows */
bool array_shows_pix_and_flag(void);

#endif
