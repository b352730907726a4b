/* The controller, step by step: chunks of bytes and of time come in, what it answers goes out, and nothing else happens.
 * So a run depends on its input alone. Arguments: a token, or "-"; a number that random bytes come from; an array's URL.
 *
 * In: wire, a byte, to which 128 is added where the wire was cut before these bytes; milliseconds that pass first, 4
 * bytes; size, 4 bytes; so many bytes. Out: a byte, 1 where the wire is closed, 2 where there is more to do; frames that
 * were done, 4 bytes; bytes that sessions have sent again, 4 bytes; size, 4 bytes; so many bytes. */
#include "../../core/array.h"
#include "../../core/device.h"
#include "../../core/frame.h"
#include "stepped.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AT_A_TIME = 64, CUT = 128 };                    /* steps of a program, for each chunk */

struct config config = {.heartbeat = 1000, .silence = 5000, .resume = 30000, .memory = MEMORY_ROOM < 65536 ? MEMORY_ROOM : 65536,
                        .icw_store = ICW_OWN};
static uint64_t time_ms = 1;
static uint32_t seed = 1;
static bool busy;

uint64_t now(void) { return time_ms; }
void fatal(const char *what) { fprintf(stderr, "%s\n", what); abort(); }
void drop_connection(struct wire *w) { w->fd = -1; }

void random_bytes(uint8_t *p, size_t size)
{
    while (size--) {
        seed = seed * 1664525u + 1013904223u;
        *p++ = (uint8_t)(seed >> 24);
    }
}

static void turn(void)
{
    for (int i = 0; i < WIRES; i++)
        if (wires[i].fd >= 0 && wires[i].state == NEW && now() - wires[i].last_heard >= config.silence)
            close_wire(&wires[i]);                     /* nobody greets */
    for (int i = 0; i < SESSIONS; i++)
        if (sessions[i].used)
            work_off(&sessions[i]);
    busy = true;
    for (int i = 0; i < AT_A_TIME && busy; i++)
        busy = work_in_hand();
    array_flush();
    for (int i = 0; i < SESSIONS; i++) {
        struct session *s = &sessions[i];
        if (s->used && s->wire)
            tick(s);
        else if (s->used && now() - s->gone_at >= config.resume)
            end_session(s);
    }
}

static uint32_t read_number(void)
{
    uint8_t bytes[4];
    if (fread(bytes, 1, 4, stdin) != 4)
        exit(0);
    return u32(bytes);
}

static void put_number(uint32_t value)
{
    uint8_t bytes[4];
    store_little(bytes, value, 4);
    fwrite(bytes, 1, 4, stdout);
}

static uint32_t sent_again(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < SESSIONS; i++)
        sum += sessions[i].used ? sessions[i].resent_bytes : 0;
    return (uint32_t)sum;
}

static void begin(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "-")) {
        config.token_size = strlen(argv[1]) < TOKEN_ROOM ? strlen(argv[1]) : TOKEN_ROOM;
        memcpy(config.token, argv[1], config.token_size);
    }
    if (argc > 2)
        seed = (uint32_t)strtoul(argv[2], NULL, 10);
    if (argc > 3)
        array_open(argv[3]);
    random_bytes(config.boot_id, 8);
    store.budget = config.memory;
    store.icw_room = config.icw_store;
    for (int i = 0; i < WIRES; i++)
        wires[i].fd = -1;
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    for (int number; (number = getchar()) != EOF;) {
        struct wire *w = &wires[number % CUT % WIRES];
        time_ms += read_number();
        uint32_t size = read_number();
        if (number >= CUT && w->fd >= 0)
            close_wire(w);
        if (w->fd < 0) {
            memset(w, 0, sizeof *w);
            w->fd = number % CUT;
            w->last_heard = now();
        }
        for (int byte; size-- && (byte = getchar()) != EOF;)
            take_byte(w, (uint8_t)byte);
        turn();
        putchar((w->fd < 0 ? 1 : 0) | (busy ? 2 : 0));
        put_number((uint32_t)frames_done);
        put_number(sent_again());
        put_number((uint32_t)w->out_size);
        fwrite(w->out, 1, w->out_size, stdout);
        w->out_size = 0;
        fflush(stdout);
    }
    return 0;
}
