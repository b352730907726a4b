#include "clock.h"

#include "tables.h"

struct device_clock device_clock;

static const uint32_t WORD_NS[CLOCK_CLASSES] = {
    COST_ANALOG_WORD_NS, COST_DIGITAL_WORD_NS, COST_DNEWS_WORD_NS, COST_PROP_WORD_NS, COST_AER_WORD_NS,
    COST_DOUT_WORD_NS, COST_FAST_WORD_NS};

void charge(uint64_t ns) { device_clock.now_ns += ns; }

uint32_t word_ns(unsigned class) { return WORD_NS[class]; }

void charge_words(uint32_t words, uint32_t ns, uint32_t times)
{
    device_clock.now_ns += (uint64_t)ns * times;
    device_clock.words += (uint64_t)words * times;
}

void charge_digital(uint32_t count)
{
    device_clock.now_ns += (uint64_t)count * COST_DIGITAL_WORD_NS;
    device_clock.words += count;
}

uint64_t line_ns(uint64_t wire_bytes) { return wire_bytes * 8 * 1000000000u / COST_LINE_BITS_PER_SECOND; }
