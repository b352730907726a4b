/* What the core needs and the vendor's API, as far as it is known, does not give. Whoever ports this writes the first
 * three for the board. */
#ifndef BOARD_H
#define BOARD_H

#include "../../core/array.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Nanoseconds since the start: of the board's master tick, 144,000 a second, whose register is OPEN. */
uint64_t board_ns(void);
/* A byte that nobody can guess: of a source of entropy, or of the noise of many ADC samples. */
uint8_t board_random(void);
/* Starts the controller anew, after a fault that leaves nothing else to do. */
void board_reset(void);

/* The rest has defaults for a chip in defaults.c. The fake has others, because its array is an emulated one. */

/* The array's time: an emulated one has a clock of its own, which moves when the program waits. */
uint64_t board_array_ns(void);
/* There is nothing to do until a byte comes in or some milliseconds have passed. */
void board_idle(void);
/* See array_has_opinions, array_takes, array_show in core/array.h. */
bool board_has_opinions(void);
bool board_takes(const struct icw *words, unsigned count);
/* Replaces a DREG at once, if it can; a chip cannot, and is drawn into. */
bool board_writes(unsigned dreg, const uint8_t *plane);
bool board_shows(unsigned top, unsigned left, unsigned rows, unsigned columns, bool clear, const uint8_t *pixels);

#ifdef __cplusplus
}
#endif

#endif
