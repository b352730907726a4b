/* Targets for fuzzers that know libFuzzer's entry point, one for each value of TARGET. With -DDRIVER this file has a main
 * of its own, which reads files named as arguments, or standard input: to run a finding again without a fuzzer.
 *
 * OBJECTS and BLOCKS are the bytes of one. FRAMES and PROGRAMS are rows of records, each behind 2 bytes, little-endian:
 * the lower 14 bits are its size, the upper two its kind.
 *
 * FRAMES, a host that has greeted. Kind 0: code, request (2 bytes) and body of a message, which is given the right numbers,
 * checksum and framing; 1: a whole payload, which is given checksum and framing; 2: bytes of the wire as they are; 3: so
 * many milliseconds pass.
 * PROGRAMS, objects in memory. Kind 0: an object that is stored; 1: a program that is verified for itself and runs with the
 * blocks and segments before it; 2: one that a node has, whose manifest comes first, in 6 bytes: planes (3), input plane,
 * exits, whether it captures. */
#include "../../core/device.h"
#include "../../core/frame.h"
#include "../../core/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES, OBJECTS, BLOCKS, PROGRAMS };
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

struct record { const uint8_t *bytes; size_t size; unsigned kind; };

static bool next_record(const uint8_t **data, size_t *size, struct record *record)
{
    if (*size < 2)
        return false;
    size_t left = *size - 2, wanted = u16(*data) & 0x3FFF;
    *record = (struct record){*data + 2, wanted < left ? wanted : left, u16(*data) >> 14};
    *data += 2 + record->size;
    *size = left - record->size;
    return true;
}

/* No session and no object: each input is run by a controller that was started anew. */
static void start_anew(void)
{
    for (int i = 0; i < WIRES; i++) {
        detach(&wires[i]);
        memset(&wires[i], 0, sizeof wires[i]);
        wires[i].fd = -1;
    }
    for (int i = 0; i < SESSIONS; i++) {
        end_session(&sessions[i]);
        memset(&sessions[i], 0, sizeof sessions[i]);
    }
    for (struct object *o; (o = store_next(NULL));)
        store_drop(&store, o);
    store.budget = config.memory;
    store.icw_room = config.icw_store;
}

/* ---- FRAMES ---- */

static void turn(struct wire *w)
{
    for (int i = 0; i < SESSIONS; i++)
        if (sessions[i].used)
            work_off(&sessions[i]);
    for (int i = 0; i < 64 && work_in_hand(); i++) { }
    for (int i = 0; i < SESSIONS; i++)
        if (sessions[i].used && sessions[i].wire)
            tick(&sessions[i]);
    w->out_size = 0;
}

static void take(struct wire *w, const uint8_t *bytes, size_t size)
{
    while (size--)
        take_byte(w, *bytes++);
    turn(w);
}

static void take_framed(struct wire *w, const uint8_t *payload, size_t size)
{
    static uint8_t bytes[WIRE_ROOM(9 + 0x3FFF)];
    take(w, bytes, frame_encode(bytes, payload, size));
}

static void take_message(struct wire *w, const uint8_t *p, size_t size)
{
    static uint8_t payload[9 + 0x3FFF];
    const struct session *s = w->session;
    if (size < 3)
        return;
    memcpy(payload, p, 3);
    store_little(payload + 3, s ? s->expected : 0, 2);
    store_little(payload + 5, s ? s->fresh : 0, 2);
    store_little(payload + 7, s ? s->fresh : 0, 2);
    memcpy(payload + 9, p + 3, size - 3);
    take_framed(w, payload, size + 6);
}

static void greet(struct wire *w)
{
    enum { SIZE = 42 };
    uint8_t hello[SIZE] = {[0] = MSG_HELLO, [9] = VERSION, [10] = VERSION, [35] = DRIVE};
    store_little(hello + 36, 1u << 20, 4);
    take_framed(w, hello, SIZE);
}

static void frames(const uint8_t *data, size_t size)
{
    struct wire *w = &wires[0];
    struct record record;
    start_anew();
    w->fd = 0;
    w->last_heard = now();
    greet(w);
    while (next_record(&data, &size, &record)) {
        time_ms++;
        switch (record.kind) {
        case 0: take_message(w, record.bytes, record.size); break;
        case 1: take_framed(w, record.bytes, record.size); break;
        case 2: take(w, record.bytes, record.size); break;
        default: time_ms += record.size; turn(w);
        }
    }
    for (int i = 0; i < 20; i++) {                     /* what is under way goes on for a while, and is acknowledged */
        time_ms++;
        take_message(w, (const uint8_t[]){MSG_PING, 0, 0, 1, 2, 3, 4}, 7);
    }
}

/* ---- PROGRAMS ---- */

enum { MOST_STEPS = 2000 };

static struct image image;
static struct object *node;
static int32_t logits[2][MOST_LOGITS];

/* It is named by a number, as nobody asks for it by its digest. */
static void store_object(const struct record *r)
{
    static uint8_t digest[16];
    if (!is_object(r->bytes, r->size) || r->size > config.memory)
        return;
    store_little(digest, u64(digest) + 1, 8);
    struct object *o = store_begin(&store, digest, (uint32_t)r->size);
    if (!o)
        return;
    memcpy(o->data, r->bytes, r->size);
    if (!store_finish(&store, o))
        store_drop(&store, o);
    else
        store_told(o);
}

static void gather(enum kind kind, unsigned *count)
{
    for (struct object *o = store_next(NULL); o; o = store_next(o)) {
        if (o->data[0] == KIND_NODE)
            node = o;
        if (o->data[0] == kind && image.block_count + image.segment_count < MOST_SLOTS) {
            image.slots[image.block_count + image.segment_count] = o;
            ++*count;
        }
    }
}

static void run_program(const uint8_t *bytes, size_t size, const struct manifest *manifest)
{
    static uint8_t out[PART];
    struct run run;
    image.bytes = bytes;
    image.size = size;
    image.block_count = image.segment_count = 0;
    node = NULL;
    gather(KIND_BLOCK, &image.block_count);
    gather(KIND_SEGMENT, &image.segment_count);
    if (!size || bytes[0] != KIND_PROGRAM || !is_object(bytes, size) || verify(&image, manifest))
        return;
    run_begin(&run, manifest ? node : NULL, &image, logits[1], manifest ? manifest->exits : 0, logits[0]);
    for (unsigned i = 0; i < MOST_STEPS && run.index < run.count && !run.failure; i++) {
        if (!run_step(&run) || !run.reads_out)
            continue;
        for (uint32_t at = 0; at < run.read_out;)
            at += read_part(&run, at, out);
    }
}

static void programs(const uint8_t *data, size_t size)
{
    struct record r;
    start_anew();
    while (next_record(&data, &size, &r)) {
        if (r.kind == 0) {
            store_object(&r);
        } else if (r.kind == 1) {
            run_program(r.bytes, r.size, NULL);
        } else if (r.size >= 6) {
            struct manifest manifest = {(u32(r.bytes) & 0x7F1FFF), 1u << r.bytes[3] % 13, r.bytes[5] & 1, r.bytes[4]};
            run_program(r.bytes + 6, r.size - 6, &manifest);
        }
    }
}

/* ---- all of them ---- */

static void take_word(void *context, const struct icw *word) { *(unsigned *)context += (unsigned)word->low; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned sum = 0;
    switch (TARGET) {
    case FRAMES: frames(data, size); break;
    case PROGRAMS: programs(data, size); break;
    case OBJECTS: is_object(data, size); break;
    default:
        if (size >= 2 && is_block(data, size))
            block_words(data, size, take_word, &sum);
    }
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
    if (argc == 1)
        run(stdin);
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
