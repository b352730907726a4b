/* No array: read-outs are noise that depends on what was asked before, and operands out of range are fatal. */
#include "../../core/array.h"
#include "../../core/device.h"
#include "stepped.h"

static uint32_t noise = 1;

void array_open(const char *url) { (void)url; }
void array_flush(void) { }

static uint8_t next_noise(void)
{
    noise = noise * 1664525u + 1013904223u;
    return (uint8_t)(noise >> 24);
}

static void fill(uint8_t *p, size_t size)
{
    while (size--)
        *p++ = next_noise();
}

bool array_has_opinions(void) { return true; }
bool array_takes(const struct icw *words, unsigned count) { (void)words; return count <= 32; }
void array_load(unsigned start, const struct icw *words, unsigned count)
{
    (void)words;
    if (start + count > ICW_OWN + ICW_OWN_WORDS)
        fatal("words beyond the instruction store");
}
void array_execute(unsigned start, unsigned count, unsigned times)
{
    (void)times;
    if (start + count > ICW_OWN + ICW_OWN_WORDS)
        fatal("words beyond the instruction store are executed");
}
void array_drive(unsigned dac)
{
    if (dac > 4095)
        fatal("a DAC code of more than 12 bits");
}
void array_latch(unsigned r, unsigned c, unsigned rx, unsigned cx)
{
    if ((r | c | rx | cx) > 255)
        fatal("an address beyond the array");
}
void array_rectangle(unsigned r0, unsigned c0, unsigned r1, unsigned c1)
{
    if ((r0 | c0 | r1 | c1) > 255)
        fatal("a corner beyond the array");
}
uint8_t array_sample(unsigned areg, uint32_t scale)
{
    if (areg > 7 || !scale)
        fatal("a sample of no register");
    return next_noise();
}
uint32_t array_grid(unsigned areg, unsigned r0, unsigned c0, unsigned r1, unsigned c1, unsigned rs, unsigned cs, uint8_t *out)
{
    if (areg > 7 || (r0 | c0 | r1 | c1) > 255 || !rs || !cs || r1 < r0 || c1 < c0) {
        fatal("a grid beyond the array");
        return 0;
    }
    uint32_t size = ((r1 - r0) / rs + 1) * ((c1 - c0) / cs + 1);
    fill(out, size);
    return size;
}
void array_rows(unsigned dreg, unsigned row, unsigned row_step, unsigned rows, uint8_t *out)
{
    if (dreg > 13 || (rows && row + row_step * (rows - 1) > 255))
        fatal("rows beyond the array");
    fill(out, 32u * rows);
}
bool array_or(unsigned dreg) { (void)dreg; return next_noise() & 1; }
void array_events(unsigned dreg, unsigned most, bool row_first, bool h_dir, bool v_dir, unsigned first, unsigned count,
                  uint8_t *out)
{
    (void)dreg, (void)row_first, (void)h_dir, (void)v_dir;
    if (first + count > most)
        fatal("more events than were asked for");
    fill(out, 2u * count);
}
void array_box(unsigned dreg, uint8_t out[4]) { (void)dreg; fill(out, 4); }
void array_write(unsigned dreg, const uint8_t *plane)
{
    (void)dreg;
    for (unsigned i = 0; i < 8192; i++)
        noise += plane[i];                             /* all of it can be read */
}
void array_begin_frame(uint32_t frame) { (void)frame; }
void array_elapse(uint64_t now_ns) { (void)now_ns; }
void array_expose(uint32_t us) { (void)us; }
void array_begin_exposure(void) { }
bool array_show(unsigned top, unsigned left, unsigned rows, unsigned columns, bool clear, const uint8_t *pixels)
{
    (void)clear;
    if (top + rows > 256 || left + columns > 256)
        return false;
    for (size_t i = 0; i < (size_t)rows * columns; i++)
        noise += pixels[i];
    return true;
}
bool array_shows_pix_and_flag(void) { return true; }
