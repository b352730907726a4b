/* The array behind a channel of bytes that keeps their order and loses none. */
#ifndef ARRAY_CHANNEL_H
#define ARRAY_CHANNEL_H

#include "../core/array.h"

#include <stddef.h>

#ifndef ARRAY_BATCH
#define ARRAY_BATCH (1 << 17)                          /* most bytes of a batch that wait */
#endif

/* The port writes these two. */
void channel_send(const uint8_t *p, size_t size);
void channel_receive(uint8_t *p, size_t size);

void array_begin(void);                                /* once the channel is there */
void array_flush(void);                                /* sends the commands that wait */

#endif
