/* Our frames in the vendor's packets: bytes in and out. */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

void transport_start(void);                            /* the vendor's system, and our callback */
size_t transport_receive(uint8_t *bytes, size_t room); /* what has come in, at once */
void transport_send(const uint8_t *bytes, size_t size);
void transport_say(const char *what);                  /* a sentence for the vendor's host application */

#ifdef __cplusplus
}
#endif

#endif
