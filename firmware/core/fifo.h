/* Pieces of memory that are given back in the order in which they were taken: nothing is allocated while a device runs. */
#ifndef FIFO_H
#define FIFO_H

#include <stddef.h>
#include <stdint.h>

struct fifo { uint8_t *room; uint32_t size, head, tail, end, count; };

void fifo_begin(struct fifo *f, uint8_t *room, uint32_t size);
/* A piece of n bytes, aligned to four; NULL where there is no room. */
void *fifo_take(struct fifo *f, uint32_t n);
/* The piece taken last becomes shorter. */
void fifo_shorten(struct fifo *f, uint32_t from, uint32_t to);
/* The oldest piece, and giving it back: n is its size. */
void *fifo_oldest(struct fifo *f);
void fifo_give_back(struct fifo *f, uint32_t n);

#endif
