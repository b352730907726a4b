/* Start and loop on a SCAMP-5d. A host that connects anew is told by its HELLO, so that there is one wire, which is
 * always there. */
#include "../../core/device.h"
#include "../../core/frame.h"
#include "board.h"
#include "transport.h"

#include <string.h>

#ifdef FLASH
extern const struct flash FLASH;
#endif

enum { TURNS = 8, BYTES = 512, NS_OF_A_MS = 1000000 };

struct config config = {.heartbeat = 1000, .silence = 5000, .resume = 30000, .memory = MEMORY_ROOM,
                        .icw_store = ICW_OWN, .tty = true};

uint64_t now(void) { return board_ns() / NS_OF_A_MS; }

void fatal(const char *what)
{
    transport_say(what);
    board_reset();
    for (;;) { }
}

void random_bytes(uint8_t *p, size_t size)
{
    while (size--)
        *p++ = board_random();
}

void drop_connection(struct wire *w) { (void)w; }

static bool loop(void)
{
    static uint8_t bytes[BYTES];
    size_t size = transport_receive(bytes, sizeof bytes);
    bool busy = size > 0;
    for (size_t i = 0; i < size; i++)
        take_byte(&wires[0], bytes[i]);
    for (int i = 0; i < SESSIONS; i++)
        if (sessions[i].used)
            work_off(&sessions[i]);
    run_without_host();
    for (int steps = 0; steps < TURNS && work_in_hand(); steps++)
        busy = true;
    for (int i = 0; i < SESSIONS; i++) {
        struct session *s = &sessions[i];
        if (s->used && s->wire)
            tick(s);
        else if (s->used && now() - s->gone_at >= config.resume)
            end_session(s);
    }
    if (wires[0].out_size) {
        transport_send(wires[0].out, wires[0].out_size);
        wires[0].out_size = 0;
        busy = true;
    }
    return busy;
}

int main(void)
{
    transport_start();
    random_bytes(config.boot_id, 8);
#ifdef FLASH
    config.flash = &FLASH;
#endif
    store.budget = config.memory;
    store.icw_room = config.icw_store;
    wires[0].last_heard = now();
    for (;;)
        if (!loop())
            board_idle();
}
