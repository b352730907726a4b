/* Targets for fuzzers that know libFuzzer's entry point, one for each value of TARGET: FRAMES are bytes of a wire, with a
 * millisecond between any two chunks; OBJECTS and BLOCKS are the bytes of one. With -DDRIVER this file has a main of its
 * own, which reads files named as arguments, or standard input once: for AFL++, and to run a finding again. */
#include "../../core/device.h"
#include "../../core/frame.h"
#include "../../core/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES, OBJECTS, BLOCKS };
#ifndef TARGET
#define TARGET FRAMES
#endif

struct config config = {.heartbeat = 1000, .silence = 5000, .resume = 30000,
                        .memory = MEMORY_ROOM < 65536 ? MEMORY_ROOM : 65536, .icw_store = ICW_OWN};
static uint64_t time_ms = 1;

uint64_t now(void) { return time_ms; }
void fatal(const char *what) { fprintf(stderr, "%s\n", what); abort(); }
void drop_connection(struct wire *w) { w->fd = -1; }
void random_bytes(uint8_t *p, size_t size) { memset(p, 7, size); }

static void take_word(void *context, const struct icw *word) { *(unsigned *)context += (unsigned)word->low; }

/* A new wire for each input; the store and sessions stay as the inputs before left them. */
static void frames(const uint8_t *data, size_t size)
{
    struct wire *w = &wires[0];
    if (w->fd >= 0)
        close_wire(w);
    memset(w, 0, sizeof *w);
    w->last_heard = now();
    store.budget = config.memory;
    store.icw_room = config.icw_store;
    while (size) {
        size_t chunk = size < 64 ? size : 64;
        for (size_t i = 0; i < chunk; i++)
            take_byte(w, *data++);
        size -= chunk;
        time_ms++;
        for (int i = 0; i < SESSIONS; i++)
            if (sessions[i].used)
                work_off(&sessions[i]);
        for (int i = 0; i < 64 && work_in_hand(); i++) { }
        for (int i = 0; i < SESSIONS; i++)
            if (sessions[i].used && sessions[i].wire)
                tick(&sessions[i]);
        w->out_size = 0;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned sum = 0;
    if (TARGET == FRAMES)
        frames(data, size);
    else if (TARGET == OBJECTS)
        is_object(data, size);
    else if (size >= 2 && is_block(data, size))
        block_words(data, size, take_word, &sum);
    return 0;
}

#ifdef DRIVER
static uint8_t input[1 << 20];

static void run(FILE *file)
{
    size_t size = fread(input, 1, sizeof input, file);
    uint8_t *exact = malloc(size ? size : 1);          /* so that sanitizers see its end */
    memcpy(exact, input, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

int main(int argc, char **argv)
{
    wires[0].fd = -1;
    if (argc == 1) {
#ifdef __AFL_LOOP
        while (__AFL_LOOP(1000))
#endif
            run(stdin);
    }
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (!file) {
            perror(argv[i]);
            return 1;
        }
        run(file);
        fclose(file);
    }
    return 0;
}
#endif
