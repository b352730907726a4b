/* Frames in and out, in order and once: docs/reference/protocol.md, "Delivery". */
#include "device.h"

#include <string.h>

uint32_t damaged_frames;

/* Payloads are built here, one at a time: start, add, then send or answer. */

static struct { uint8_t bytes[9 + MAX_ANSWER]; size_t size; } reply;

void start(uint8_t code, uint16_t request)
{
    memset(reply.bytes, 0, 9);
    reply.bytes[0] = code;
    store_little(reply.bytes + 1, request, 2);
    reply.size = 9;
}

void add(uint64_t value, size_t bytes)
{
    store_little(reply.bytes + reply.size, value, bytes);
    reply.size += bytes;
}

void add_bytes(const void *p, size_t size)
{
    if (size)
        memcpy(reply.bytes + reply.size, p, size);
    reply.size += size;
}

uint8_t *add_room(size_t size)
{
    reply.size += size;
    return reply.bytes + reply.size - size;
}

void add_text(const char *text) { add(strlen(text), 2); add_bytes(text, strlen(text)); }
void overwrite(size_t offset, uint64_t value, size_t bytes) { store_little(reply.bytes + 9 + offset, value, bytes); }
size_t added(void) { return reply.size - 9; }
void shorten(size_t size) { reply.size = 9 + size; }
const uint8_t *body(void) { return reply.bytes + 9; }

/* Sending: messages of the link go straight to the wire, answers are kept until they are received. */

static bool has_room(const struct wire *w, size_t size) { return !w->rest_size && w->out_size + 1 + size <= OUT_ROOM; }

static void put_on_wire(struct wire *w, const uint8_t *bytes, size_t size)
{
    memcpy(w->out + w->out_size, bytes, size);
    w->out_size += size;
    w->last_sent = now();
}

static void begin_burst(struct wire *w)
{
    if (!w->out_size)
        w->out[w->out_size++] = 0;                     /* each burst begins with a zero */
}

/* As much of a frame as there is room for; a byte is left for the zero of one that is broken off. */
static void send_rest(struct wire *w)
{
    size_t room = OUT_ROOM - 1 - w->out_size, size = w->rest_size < room ? w->rest_size : room;
    if (!size)
        return;
    put_on_wire(w, w->rest, size);
    w->rest += size;
    w->rest_size -= size;
}

/* A frame's memory is given back while it is sent again, as it has arrived: what is out there counts as damaged. */
static void break_off(struct wire *w, uint16_t number)
{
    if (!w || !w->rest_size || w->rest_number != number)
        return;
    w->rest_size = 0;
    w->out[w->out_size++] = 0;
}

static void told(struct session *s, uint16_t received, uint16_t handled)
{
    if ((uint16_t)(received - s->told_received) < 0x8000)
        s->told_received = received;
    if ((uint16_t)(handled - s->told_handled) < 0x8000) {
        if (handled == s->handled)
            s->handled_bytes = 0;
        s->told_handled = handled;
    }
}

bool send_link(struct wire *w)                  /* false: no room now */
{
    uint8_t bytes[WIRE_ROOM(9 + 1024)];
    struct session *s = w->session;
    if (s) {
        store_little(reply.bytes + 5, s->expected, 2);
        store_little(reply.bytes + 7, s->handled, 2);
    }
    size_t size = frame_encode(bytes, reply.bytes, reply.size);
    if (!has_room(w, size))
        return false;
    begin_burst(w);
    put_on_wire(w, bytes, size);
    if (s)
        told(s, s->expected, s->handled);
    return true;
}

void notice(struct wire *w, enum error code, const char *detail)
{
    if (w->out_size > NOTICE_ROOM)
        return;
    start(MSG_NOTICE, 0);
    add(code, 2);
    add_text(detail);
    send_link(w);
}

bool can_answer(const struct session *s)        /* room for one more answer, of any size */
{
    uint32_t window = s->window < SEND_WINDOW ? s->window : SEND_WINDOW;
    return (uint16_t)(s->next - s->peer_handled) < KEPT && s->unhandled_bytes + WIRE_ROOM(9 + MAX_ANSWER) <= window;
}

static uint32_t window_of(const struct session *s) { return s->window < SEND_WINDOW ? s->window : SEND_WINDOW; }

bool has_window(const struct session *s)
{
    return (uint16_t)(s->next - s->peer_handled) < KEPT
        && (!s->unhandled_bytes || s->unhandled_bytes + WIRE_ROOM(9 + GREATEST) <= window_of(s));
}

bool has_room_for_bulk(const struct session *s)        /* the rest is for what overtakes it */
{
    return (uint16_t)(s->next - s->peer_handled) < KEPT / 2 && s->unhandled_bytes < window_of(s) / 2;
}

void answer(struct session *s) { answer_with(s, reply.bytes, reply.size); }

void answer_with(struct session *s, uint8_t *payload, size_t payload_size)
{
    store_little(payload + 3, s->next, 2);
    store_little(payload + 5, s->expected, 2);
    store_little(payload + 7, s->handled, 2);
    uint32_t room = (uint32_t)WIRE_ROOM(payload_size);
    uint8_t *bytes = fifo_take(&s->answers, room);
    if (!bytes)
        fatal("no room for an answer");
    size_t size = frame_encode(bytes, payload, payload_size);
    fifo_shorten(&s->answers, room, (uint32_t)size);
    s->kept[s->next % KEPT].frame = bytes;
    s->kept[s->next % KEPT].size = (uint32_t)size;
    s->kept[s->next % KEPT].received = s->expected;
    s->kept[s->next % KEPT].handled = s->handled;
    s->unhandled_bytes += (uint32_t)size;
    s->next++;
}

void error(struct session *s, uint16_t request, enum error code, const char *detail)
{
    start(MSG_ERROR, request);
    add(code, 2);
    add_text(detail);
    answer(s);
}

/* Delivery. */

static void moved(struct session *s) { s->pause = 25; s->moved_at = now(); }

void take_numbers(struct session *s, uint16_t received, uint16_t handled)
{
    uint16_t arrived = received - s->received, done = handled - s->peer_handled;
    if (arrived && arrived <= (uint16_t)(s->fresh - s->received)) {
        if ((uint16_t)(s->resend - s->received) < arrived)
            s->resend = received;
        for (; s->received != received; s->received++) {
            break_off(s->wire, s->received);
            fifo_give_back(&s->answers, s->kept[s->received % KEPT].size);
        }
        s->went_back = false;
        moved(s);
    }
    if (done && done <= (uint16_t)(s->received - s->peer_handled)) {
        for (; s->peer_handled != handled; s->peer_handled++)
            s->unhandled_bytes -= s->kept[s->peer_handled % KEPT].size;
        moved(s);
    }
}

static void go_back(struct session *s)
{
    s->resend = s->received;
    s->went_back = s->next != s->received;
    s->asked = false;
}

static void take_ack(struct session *s, const uint8_t *p)
{
    uint16_t received = u16(p + 5);
    if (p[9])
        s->answer_due = p[9];
    if (p[10] && s->asked && p[10] == s->poll) {
        uint16_t lost = s->polled - received;
        s->asked = false;
        if (lost && lost < 0x8000)
            go_back(s);
    }
    if (p[11] && received == s->received && !s->went_back)
        go_back(s);
}

static void missed(struct session *s)
{
    if (s->has_rejected && s->rejected == s->expected)
        return;
    s->has_rejected = s->reject_due = true;
    s->rejected = s->expected;
}

static void take_damage(struct wire *w)
{
    damaged_frames++;
    notice(w, ERR_BAD_FRAME, "a damaged frame");
    if (w->state == READY)
        missed(w->session);
}

static void take_sequenced(struct wire *w, const uint8_t *p, size_t size, size_t wire_bytes)
{
    struct session *s = w->session;
    if (w->state != READY) {
        notice(w, ERR_UNEXPECTED, "there is no session on this wire; send HELLO");
        return;
    }
    s->confirmed = true;
    s->came_in_at = s->told_received == s->expected && s->told_handled == s->handled ? now() : s->came_in_at;
    take_numbers(s, u16(p + 5), u16(p + 7));
    uint16_t ahead = u16(p + 3) - s->expected;
    if (ahead >= 0x8000) {
        s->ack_now = true;
    } else if (ahead) {
        missed(s);
    } else if (s->held_bytes + wire_bytes > WINDOW) {
        notice(w, ERR_CREDIT_OVERRUN, "more than the window holds");
    } else {
        struct request *r = fifo_take(&s->requests, (uint32_t)(sizeof *r + size));
        if (!r)
            return;                                    /* as if it were lost */
        r->size = (uint16_t)size;
        r->wire_bytes = (uint32_t)wire_bytes;
        memcpy(r->payload, p, size);
        s->expected++;
        s->held_bytes += (uint32_t)wire_bytes;
        s->has_rejected = false;
    }
}

static void take_payload(struct wire *w, const uint8_t *p, size_t size, size_t wire_bytes)
{
    w->last_heard = now();
    switch (p[0]) {
    case MSG_HELLO: take_hello(w, p, size); return;
    case MSG_PROOF: take_proof(w, p, size); return;
    case MSG_WELCOME: case MSG_CHALLENGE: case MSG_NOTICE: case MSG_STOPPING:
        notice(w, ERR_MALFORMED, "a device sends this, and takes none");
        return;
    case MSG_LEAVE:
        if (size != 9) {
            notice(w, ERR_MALFORMED, "LEAVE does not parse");
        } else if (w->state == READY) {
            w->session->confirmed = false;
            detach(w);
        }
        return;
    case MSG_ACK:
        if (size != 12)
            notice(w, ERR_MALFORMED, "ACK does not parse");
        else if (w->state != READY)
            notice(w, ERR_UNEXPECTED, "there is no session on this wire; send HELLO");
        else {
            w->session->confirmed = true;
            take_numbers(w->session, u16(p + 5), u16(p + 7));
            take_ack(w->session, p);
        }
        return;
    default: take_sequenced(w, p, size, wire_bytes);
    }
}

void take_byte(struct wire *w, uint8_t byte)
{
    if (byte) {
        if (w->in_size < sizeof w->in)
            w->in[w->in_size++] = byte;
        else
            w->too_long = true;
        return;
    }
    size_t wire_bytes = w->in_size + 1, size = w->too_long ? 0 : frame_decode(w->in, w->in_size);
    w->too_long = false;
    w->in_size = 0;
    if (wire_bytes == 1)
        return;
    if (size < 9 || size > 9 + MAX_BODY)
        take_damage(w);
    else
        take_payload(w, w->in + 2, size, wire_bytes);
}

static void send_ack(struct session *s, bool ask)
{
    if (!has_room(s->wire, WIRE_ROOM(12)))
        return;                                        /* what is due stays due */
    if (ask) {
        s->poll = s->poll == 255 ? 1 : s->poll + 1;
        s->polled = s->next;
        s->asked = true;
        s->moved_at = now();
        s->pause = s->pause < 200 ? 2 * s->pause : 400;
    }
    start(MSG_ACK, 0);
    add(ask ? s->poll : 0, 1);
    add(s->answer_due, 1);
    add(s->reject_due, 1);
    send_link(s->wire);
    s->answer_due = 0;
    s->reject_due = s->ack_now = false;
}

void tick(struct session *s)
{
    struct wire *w = s->wire;
    uint64_t t = now();
    if (s->received == s->fresh && !s->waiting)
        s->moved_at = t;                               /* the clock of polls starts with what is under way */
    send_rest(w);
    for (; s->resend != s->next && has_room(w, 1); s->resend++) {
        unsigned i = s->resend % KEPT;
        begin_burst(w);
        w->rest = s->kept[i].frame;
        w->rest_size = s->kept[i].size;
        w->rest_number = s->resend;
        send_rest(w);
        if (s->resend == s->fresh) {
            s->fresh++;
            told(s, s->kept[i].received, s->kept[i].handled);
        } else {
            s->resent_bytes += s->kept[i].size;
        }
    }
    bool untold = s->told_received != s->expected || s->told_handled != s->handled;
    bool ask = s->resend == s->next && (s->received != s->next || s->waiting) && t - s->moved_at >= s->pause;
    if (ask || s->reject_due || s->answer_due || s->ack_now || (untold && t - s->came_in_at >= 10)
        || (untold && s->handled_bytes >= WINDOW / 8) || t - w->last_sent >= config.heartbeat)
        send_ack(s, ask);
    if (t - w->last_heard >= config.silence)
        detach(w);
}
