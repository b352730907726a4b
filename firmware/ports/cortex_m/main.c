/* Start, the loop, and what the core asks of a port, on a Cortex-M4. */
#include "../../core/device.h"
#include "../../core/frame.h"
#include "../array_channel.h"
#include "board.h"

#include <stddef.h>
#include <string.h>

typedef char opcode_where_counting_py_reads_it[offsetof(struct run, opcode) == 49 ? 1 : -1];

#ifdef FLASH
extern const struct flash FLASH;
#endif

/* Places that the linker gives names to: bounds of the same memory. */
extern uint32_t stack_top[], data_start[], data_end[], data_image[], bss_start[], bss_end[];

void reset(void);
int main(void);

struct config config = {.memory = MEMORY_ROOM, .icw_store = ICW_OWN, .tty = true};

static void hang(void) { fatal("a fault of the processor"); }

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    stack_top, (void *)reset, (void *)hang, (void *)hang, (void *)hang, (void *)hang, (void *)hang};

void reset(void)
{
    /* cppcheck-suppress comparePointers */
    for (uint32_t *to = data_start, *from = data_image; to < data_end;)
        *to++ = *from++;
    /* cppcheck-suppress comparePointers */
    for (uint32_t *to = bss_start; to < bss_end;)
        *to++ = 0;
    main();
}

uint64_t now(void)
{
    uint32_t high = CLOCK_MS_HIGH;
    return (uint64_t)high << 32 | CLOCK_MS;
}

void fatal(const char *what)
{
    STOPPED = (uint32_t)(uintptr_t)what;
    for (;;) { }
}

void random_bytes(uint8_t *p, size_t size)
{
    while (size--)
        *p++ = (uint8_t)RANDOM;
}

void drop_connection(struct wire *w) { (void)w; }

/* ---- the array's channel ---- */

void channel_send(const uint8_t *p, size_t size)
{
    ARRAY_CHANNEL->address = (uint32_t)(uintptr_t)p;
    ARRAY_CHANNEL->size = (uint32_t)size;
    ARRAY_CHANNEL->send = 1;
}

void channel_receive(uint8_t *p, size_t size)
{
    ARRAY_CHANNEL->address = (uint32_t)(uintptr_t)p;
    ARRAY_CHANNEL->size = (uint32_t)size;
    (void)ARRAY_CHANNEL->receive_all;
}

/* ---- the loop ---- */

static uint32_t receive(void)
{
    static uint8_t bytes[512];
    UART->address = (uint32_t)(uintptr_t)bytes;
    UART->size = sizeof bytes;
    uint32_t size = UART->receive;
    for (uint32_t i = 0; i < size; i++)
        take_byte(&wires[0], bytes[i]);
    return size;
}

static void transmit(void)
{
    if (!wires[0].out_size)
        return;
    UART->address = (uint32_t)(uintptr_t)wires[0].out;
    UART->size = (uint32_t)wires[0].out_size;
    UART->send = 1;
    wires[0].out_size = 0;
}

static bool loop(void)
{
    bool busy = receive() > 0;
    for (int i = 0; i < SESSIONS; i++)
        if (sessions[i].used)
            work_off(&sessions[i]);
    run_without_host();
    for (int steps = 0; steps < 8; steps++)
        if (!work_in_hand())
            break;
        else
            busy = true;
    array_flush();
    for (int i = 0; i < SESSIONS; i++) {
        struct session *s = &sessions[i];
        if (s->used && s->wire)
            tick(s);
        else if (s->used && now() - s->gone_at >= config.resume)
            end_session(s);
    }
    transmit();
    return busy;
}

int main(void)
{
    config.heartbeat = SETTINGS[0];
    config.silence = SETTINGS[1];
    config.resume = SETTINGS[2];
    random_bytes(config.boot_id, 8);
#ifdef FLASH
    config.flash = &FLASH;
#endif
    store.budget = config.memory;
    store.icw_room = config.icw_store;
    wires[0].last_heard = now();
    array_begin();
    for (;;)
        if (!loop())
            SLEEP = 1;
}
