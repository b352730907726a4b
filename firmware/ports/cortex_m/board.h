/* The board that emulate.py is: a UART and the array's channel, both moved by DMA; a clock, random words, and sleep. */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

struct channel {
    volatile uint32_t address, size;                   /* of memory to send from, or to receive into */
    volatile uint32_t send;                            /* written: sends all of it */
    volatile uint32_t receive;                         /* read: receives at most size bytes; how many */
    volatile uint32_t receive_all;                     /* read: waits until size bytes have come */
};

#define UART ((struct channel *)0x40000000)
#define ARRAY_CHANNEL ((struct channel *)0x40001000)
#define CLOCK_MS (*(volatile uint32_t *)0x40002000)
#define CLOCK_MS_HIGH (*(volatile uint32_t *)0x40002004)
#define RANDOM (*(volatile uint32_t *)0x40003000)
#define SLEEP (*(volatile uint32_t *)0x40004000)       /* written: until a byte comes or a millisecond has passed */
#define STOPPED (*(volatile uint32_t *)0x40005000)     /* written: the firmware gives up; the address of a sentence */

/* Settings of the board, in milliseconds: heartbeat, silence, resume; docs/reference/protocol.md has their meaning. */
#define SETTINGS ((volatile uint32_t *)0x40006000)

#endif
