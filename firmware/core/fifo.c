#include "fifo.h"

static uint32_t aligned(uint32_t n) { return (n + 3) & ~3u; }

void fifo_begin(struct fifo *f, uint8_t *room, uint32_t size)
{
    f->room = room;
    f->size = size;
    f->head = f->tail = f->count = 0;
    f->end = size;
}

void *fifo_take(struct fifo *f, uint32_t n)
{
    n = aligned(n);
    if (!f->count) {
        f->head = f->tail = 0;
        f->end = f->size;
    }
    if (f->head >= f->tail && f->size - f->head < n) { /* not in one piece before the end: go on at the start */
        if (f->tail <= n)
            return NULL;
        f->end = f->head;
        f->head = 0;
    } else if (f->head < f->tail && f->tail - f->head <= n) {
        return NULL;
    }
    f->count++;
    f->head += n;
    return f->room + f->head - n;
}

void fifo_shorten(struct fifo *f, uint32_t from, uint32_t to) { f->head -= aligned(from) - aligned(to); }

void *fifo_oldest(struct fifo *f)
{
    if (f->tail == f->end) {
        f->tail = 0;
        f->end = f->size;
    }
    return f->room + f->tail;
}

void fifo_give_back(struct fifo *f, uint32_t n)
{
    fifo_oldest(f);
    f->tail += aligned(n);
    f->count--;
}
