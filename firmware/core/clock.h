/* The device clock: what each step costs, in ns. The prices are in tables.h. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

enum { CLOCK_CLASSES = 7 };

struct device_clock { uint64_t now_ns, words; };
extern struct device_clock device_clock;

void charge(uint64_t ns);
uint32_t word_ns(unsigned class);                      /* what a word of a clock class takes */
/* Words that take so long together, times times. */
void charge_words(uint32_t words, uint32_t ns, uint32_t times);
/* Digital words, which most of the controller's own are. */
void charge_digital(uint32_t count);
/* Time that bytes need on the line, at 8 bits a byte. */
uint64_t line_ns(uint64_t wire_bytes);

#endif
