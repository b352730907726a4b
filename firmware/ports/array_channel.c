/* The array behind a channel of bytes: docs/reference/array_port.md. Commands wait in a batch until an answer is needed,
 * or the batch is full, or the device has nothing else to do. */
#include "array_channel.h"

#include "../core/codec.h"
#include "../core/device.h"
#include "../core/tables.h"

#include <string.h>

enum { HEAD = 4, CHECK_AT = 2048 };

static uint8_t batch[HEAD + ARRAY_BATCH];
static size_t batch_size;
static unsigned unanswered;                            /* batches sent whose answers were not read yet */
static uint64_t told_ns;                               /* device time that the array knows of */

/* One answer, of at most room bytes; false where the array refused, which may_refuse allows. */
static bool receive_answer(uint8_t *data, size_t room, size_t *size, bool may_refuse)
{
    uint8_t head[HEAD + 1];
    channel_receive(head, sizeof head);
    *size = u32(head) - 1;
    unanswered--;
    if (head[HEAD]) {
        for (uint8_t letter; *size; --*size)
            channel_receive(&letter, 1);               /* the sentence is for people */
        if (!may_refuse)
            fatal("the array refused a command");
        return false;
    }
    if (*size > room)
        fatal("the array's answer is too long");
    if (*size)
        channel_receive(data, *size);
    return true;
}

void array_flush(void)
{
    if (!batch_size)
        return;
    store_little(batch, batch_size, HEAD);
    channel_send(batch, HEAD + batch_size);
    batch_size = 0;
    if (++unanswered < 64)
        return;
    while (unanswered) {                               /* its answers must not fill the socket up */
        size_t size;
        uint8_t none[1];
        receive_answer(none, 0, &size, false);
    }
}

static void begin(uint8_t opcode, size_t operands)
{
    if (batch_size + 1 + operands > ARRAY_BATCH)
        array_flush();
    batch[HEAD + batch_size++] = opcode;
}

static void put(uint64_t value, size_t bytes)
{
    store_little(batch + HEAD + batch_size, value, bytes);
    batch_size += bytes;
}

/* A command whose last operand is long: it goes out at once, the operand from where it lies. */
static void send_long(const uint8_t *p, size_t size)
{
    store_little(batch, batch_size + size, HEAD);
    channel_send(batch, HEAD + batch_size);
    channel_send(p, size);
    batch_size = 0;
    unanswered++;
}

static void skip_earlier_answers(void)                 /* of all batches but the last */
{
    uint8_t none[1];
    for (size_t size; unanswered > 1;)
        receive_answer(none, 0, &size, false);
}

static bool receive_last(uint8_t *data, size_t room, size_t *size, bool may_refuse)
{
    skip_earlier_answers();
    return receive_answer(data, room, size, may_refuse);
}

static void send_batch(void)
{
    store_little(batch, batch_size, HEAD);
    channel_send(batch, HEAD + batch_size);
    batch_size = 0;
    unanswered++;
}

/* Sends what waits, and reads the answer to the last command of it. */
static bool ask(uint8_t *data, size_t room, size_t *size, bool may_refuse)
{
    send_batch();
    return receive_last(data, room, size, may_refuse);
}

static void ask_for(uint8_t *data, size_t wanted)
{
    size_t size;
    ask(data, wanted, &size, false);
    if (size != wanted)
        fatal("the array gave an answer of the wrong length");
}

void array_begin(void)
{
    uint8_t described[8];
    begin(ARRAY_DESCRIBE, 0);
    ask_for(described, sizeof described);
    if (u16(described) != ARRAY_SIDE || u16(described + 2) != ARRAY_SIDE || u32(described + 4) < CHECK_AT + 1024)
        fatal("the array has another size, or less than 3,072 words of instruction store");
}

/* ---- what array.h declares ---- */

static void put_load(unsigned start, const struct icw *words, unsigned count)
{
    begin(ARRAY_LOAD, 4 + 20 * (size_t)count);
    put(start, 2);
    put(5u * count, 2);
    for (unsigned i = 0; i < count; i++)
        for (unsigned k = 0; k < 5; k++) {
            uint32_t bits = k < 4 ? (uint32_t)(words[i].low >> 16 * k & 0xFFFF) : words[i].high;
            put(bits | k << 16 | (k ? 0u : (uint32_t)words[i].clock << 19), 4);
        }
}

bool array_has_opinions(void) { return true; }

bool array_takes(const struct icw *words, unsigned count)
{
    uint8_t none[1];
    size_t size;
    put_load(CHECK_AT, words, count);
    return ask(none, 0, &size, true);
}

void array_load(unsigned start, const struct icw *words, unsigned count) { put_load(start, words, count); }

void array_execute(unsigned start, unsigned count, unsigned times)
{
    begin(ARRAY_EXECUTE, 6);
    put(start, 2);
    put(count, 2);
    put(times, 2);
}

void array_drive(unsigned dac) { begin(ARRAY_DRIVE_DAC, 2); put(dac, 2); }

static void put_four(uint8_t opcode, unsigned a, unsigned b, unsigned c, unsigned d)
{
    begin(opcode, 4);
    put(a, 1);
    put(b, 1);
    put(c, 1);
    put(d, 1);
}

void array_latch(unsigned r, unsigned c, unsigned rx, unsigned cx) { put_four(ARRAY_LATCH, r, c, rx, cx); }
void array_rectangle(unsigned r0, unsigned c0, unsigned r1, unsigned c1) { put_four(ARRAY_RECTANGLE, r0, c0, r1, c1); }

uint8_t array_sample(unsigned areg, uint32_t scale)
{
    uint8_t code;
    begin(ARRAY_SAMPLE, 5);
    put(areg, 1);
    put(scale, 4);
    ask_for(&code, 1);
    return code;
}

uint32_t array_grid(unsigned areg, unsigned r0, unsigned c0, unsigned r1, unsigned c1, unsigned rs, unsigned cs, uint8_t *out)
{
    uint32_t size = ((r1 - r0) / rs + 1) * ((c1 - c0) / cs + 1);
    begin(ARRAY_SAMPLE_GRID, 7);
    put(areg, 1);
    put(r0, 1);
    put(c0, 1);
    put(r1, 1);
    put(c1, 1);
    put(rs, 1);
    put(cs, 1);
    ask_for(out, size);
    return size;
}

void array_rows(unsigned dreg, unsigned row, unsigned row_step, unsigned rows, uint8_t *out)
{
    begin(ARRAY_READ_ROWS, 5);
    put(dreg, 1);
    put(row, 1);
    put(row_step, 1);
    put(rows, 2);
    ask_for(out, 32 * (size_t)rows);
}

bool array_or(unsigned dreg)
{
    uint8_t any;
    begin(ARRAY_GLOBAL_OR, 1);
    put(dreg, 1);
    ask_for(&any, 1);
    return any;
}

void array_events(unsigned dreg, unsigned most, bool row_first, bool h_dir, bool v_dir, unsigned first, unsigned count,
                  uint8_t *out)
{
    uint8_t head[HEAD + 1], other[2] = {0};
    begin(ARRAY_EVENTS, 6);
    put(dreg, 1);
    put(most, 2);
    put(row_first, 1);
    put(h_dir, 1);
    put(v_dir, 1);
    send_batch();
    skip_earlier_answers();
    unanswered--;
    channel_receive(head, sizeof head);
    if (head[HEAD] || u32(head) != 1 + 2 * most)
        fatal("the array gave no events");
    for (unsigned i = 0; i < most; i++)                /* the answer has all of them */
        channel_receive(i - first < count ? out + 2 * (i - first) : other, 2);
}

void array_box(unsigned dreg, uint8_t out[4])
{
    begin(ARRAY_BOUNDING_BOX, 1);
    put(dreg, 1);
    ask_for(out, 4);
}

void array_write(unsigned dreg, const uint8_t *plane)
{
    begin(ARRAY_WRITE_ROWS, 1);
    put(dreg, 1);
    send_long(plane, 8192);
}

void array_begin_frame(uint32_t frame) { begin(ARRAY_BEGIN_FRAME, 4); put(frame, 4); }

void array_elapse(uint64_t now_ns)
{
    if (now_ns == told_ns)
        return;
    begin(ARRAY_ELAPSE, 8);
    put(now_ns - told_ns, 8);
    told_ns = now_ns;
}

void array_expose(uint32_t us) { begin(ARRAY_EXPOSE, 4); put(us, 4); }
void array_begin_exposure(void) { begin(ARRAY_BEGIN_EXPOSURE, 0); }

bool array_show(unsigned top, unsigned left, unsigned rows, unsigned columns, bool clear, const uint8_t *pixels)
{
    uint8_t fits = 0;
    size_t size = (size_t)rows * columns;
    begin(ARRAY_SHOW, 13);
    put(top, 2);
    put(left, 2);
    put(rows, 2);
    put(columns, 2);
    put(clear, 1);
    put(size, 4);
    size_t answered;
    send_long(pixels, size);
    receive_last(&fits, 1, &answered, false);
    return fits;
}

bool array_shows_pix_and_flag(void) { return true; }
