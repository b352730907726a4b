/* What holds for a chip; the fake replaces these. */
#include "board.h"

#define DEFAULT __attribute__((weak))

DEFAULT uint64_t board_array_ns(void) { return board_ns(); }
DEFAULT void board_idle(void) { }
DEFAULT bool board_has_opinions(void) { return false; }
DEFAULT bool board_takes(const struct icw *words, unsigned count) { (void)words; (void)count; return true; }

DEFAULT bool board_writes(unsigned dreg, const uint8_t *plane) { (void)dreg; (void)plane; return false; }

DEFAULT bool board_shows(unsigned top, unsigned left, unsigned rows, unsigned columns, bool clear, const uint8_t *pixels)
{
    (void)top; (void)left; (void)rows; (void)columns; (void)clear; (void)pixels;
    return false;                                      /* the optics are real */
}
