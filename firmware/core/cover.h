/* Which pattern selections make a plane of weights: docs/reference/objects.md, "Covers". */
#ifndef COVER_H
#define COVER_H

#include <stdint.h>

enum { MOST_CUBES = 128 };

/* Positions that agree with value in every bit that free leaves. */
struct cube { uint8_t value, free; };

/* What a plane of weights is: positions, a power of two, and as bits those that are 1, and those that must be right. */
struct weights { unsigned positions; uint32_t ones[8], care[8]; };

/* Cubes whose union is 1 at ones and 0 at the rest of care, in their order; returns how many. */
unsigned cover(const struct weights *weights, struct cube out[MOST_CUBES]);

#endif
