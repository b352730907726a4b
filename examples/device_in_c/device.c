/* A device in C without an array, written from docs/protocol.md and docs/objects.md alone. See README.md. */
#define _POSIX_C_SOURCE 200809L
#include "objects.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum message {
    MSG_HELLO = 1, MSG_WELCOME, MSG_QUERY, MSG_HOLDINGS, MSG_PUT, MSG_STORED, MSG_OPEN_TREE, MSG_TREE_OPENED,
    MSG_SCENE, MSG_DONE, MSG_START_FRAME, MSG_RESULT, MSG_CANCEL_FRAME, MSG_FAULT, MSG_READ_PLANE, MSG_PLANE_PART,
    MSG_PING, MSG_PONG, MSG_LEAVE, MSG_STOPPING, MSG_GET_STATUS, MSG_STATUS, MSG_CHALLENGE, MSG_PROOF,
    MSG_ACK = 30, MSG_ERROR, MSG_NOTICE = 33, MSG_EXECUTE = 40, MSG_READ_OUT, MSG_EXECUTED
};
enum error {
    ERR_BAD_FRAME = 1, ERR_MALFORMED, ERR_UNEXPECTED, ERR_VERSION, ERR_BUSY, ERR_BAD_OBJECT, ERR_DIGEST_MISMATCH,
    ERR_NO_ROOM, ERR_BAD_UPLOAD, ERR_BAD_TREE, ERR_BAD_SCENE, ERR_NO_TREE, ERR_FAULT_TIMEOUT, ERR_CREDIT_OVERRUN,
    ERR_OUT_OF_RANGE, ERR_INTERNAL, ERR_AUTHENTICATION, ERR_NOT_DRIVER, ERR_UNSUPPORTED
};
enum { DRIVE, OBSERVE };

#define MAX_BODY 8192u
#define BIGGEST (2 + 9 + MAX_BODY + 4)
#define WINDOW 65536u                                  /* bytes that the host may have under way */
#define SEND_WINDOW 65536u                             /* what we have under way ourselves, at most */
#define KEPT 256u                                      /* frames that we have under way, at most */
#define MAX_ANSWER 8320u                               /* greatest body that we send */
#define PART 4096u                                     /* of a plane */
#define MEMORY (4u << 20)
#define MAX_OBJECT (2u << 20)
#define ICW_STORE 1024u
#define PLANES 16                                      /* asked for at a time; a request more must wait */
#define WIRES 4
#define SESSIONS 4
#define OUT_ROOM 32768u
#define NOTICE_ROOM 16384u

struct request { struct request *next; uint32_t wire_bytes; uint16_t size; uint8_t payload[]; };

struct session {
    bool used, confirmed;                              /* confirmed: the host knows of it */
    uint8_t id[8], role;
    char client[64];
    struct wire *wire;
    uint64_t gone_at;
    uint16_t expected, handled, told_received, told_handled, rejected;       /* what comes in */
    bool has_rejected, reject_due, ack_now;
    uint8_t answer_due;
    uint32_t held_bytes, handled_bytes;
    uint64_t came_in_at;
    struct request *queue, **queue_end;
    uint32_t window;                                                         /* what goes out */
    uint16_t next, received, peer_handled, resend, fresh, polled;            /* fresh: first never sent */
    uint8_t poll;
    bool asked, went_back, waiting;
    uint32_t unhandled_bytes, pause;
    uint64_t moved_at, resent_bytes;
    struct { uint8_t *frame; uint16_t size, received, handled; } kept[KEPT]; /* by number modulo KEPT */
    struct { uint16_t request; uint32_t total; } planes[PLANES];             /* READ_PLANEs, the oldest first */
    unsigned plane_count;
    uint32_t plane_at;                                 /* what was sent of the first */
};

struct wire {
    int fd;                                            /* -1: this place is free */
    enum { NEW, CHALLENGED, READY } state;
    uint8_t in[COBS_ROOM(BIGGEST)], out[OUT_ROOM], hello[1024], challenge[16], proof[32];
    size_t in_size, out_size, hello_size;
    bool too_long, resumed;
    uint64_t last_sent, last_heard;
    struct session *session;
};

static struct wire wires[WIRES];
static struct session sessions[SESSIONS];
static bool is_needed(const uint8_t digest[16]);
static struct store store = {.budget = MEMORY, .icw_room = ICW_STORE, .is_needed = is_needed};
static struct { bool open; uint8_t digest[16], capture[16]; uint32_t fault_timeout; } tree;
static struct {
    struct session *session;                           /* NULL: no frame is in hand */
    uint16_t request;
    uint32_t number;
    uint8_t missing[511][16];
    unsigned missing_count;
    uint64_t part_at;                                  /* when a part of an object last came in */
} frame;
static struct { uint32_t heartbeat, silence, resume; size_t token_size; uint8_t token[4096], boot_id[8]; bool tty; }
    config = {.heartbeat = 1000, .silence = 5000, .resume = 30000};
static uint32_t damaged_frames;
static uint64_t started;
static volatile sig_atomic_t stopping;

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void fatal(const char *what) { perror(what); exit(1); }

static void random_bytes(uint8_t *p, size_t size)
{
    int fd = open("/dev/urandom", O_RDONLY);
    if (fd < 0 || read(fd, p, size) != (ssize_t)size)
        fatal("/dev/urandom");
    close(fd);
}

/* Payloads are built here, one at a time: start, add, then send or answer. */

static struct { uint8_t bytes[9 + MAX_ANSWER]; size_t size; } reply;

static void start(uint8_t code, uint16_t request)
{
    memset(reply.bytes, 0, 9);
    reply.bytes[0] = code;
    store_little(reply.bytes + 1, request, 2);
    reply.size = 9;
}

static void add(uint64_t value, size_t bytes)
{
    store_little(reply.bytes + reply.size, value, bytes);
    reply.size += bytes;
}

static void add_bytes(const void *p, size_t size)
{
    if (size)
        memcpy(reply.bytes + reply.size, p, size);
    reply.size += size;
}

static void add_text(const char *text) { add(strlen(text), 2); add_bytes(text, strlen(text)); }

/* Sending: messages of the link go straight to the wire, answers are kept until they are received. */

static bool has_room(const struct wire *w, size_t size) { return w->out_size + 1 + size <= OUT_ROOM; }

static void emit(struct wire *w, const uint8_t *bytes, size_t size)
{
    if (!w->out_size)
        w->out[w->out_size++] = 0;                     /* each burst begins with a zero */
    memcpy(w->out + w->out_size, bytes, size);
    w->out_size += size;
    w->last_sent = now();
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

static bool send_link(struct wire *w)                  /* false: no room now */
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
    emit(w, bytes, size);
    if (s)
        told(s, s->expected, s->handled);
    return true;
}

static void notice(struct wire *w, enum error code, const char *detail)
{
    if (w->out_size > NOTICE_ROOM)
        return;
    start(MSG_NOTICE, 0);
    add(code, 2);
    add_text(detail);
    send_link(w);
}

static bool can_answer(const struct session *s)        /* room for one more answer, of any size */
{
    uint32_t window = s->window < SEND_WINDOW ? s->window : SEND_WINDOW;
    return (uint16_t)(s->next - s->peer_handled) < KEPT && s->unhandled_bytes + WIRE_ROOM(9 + MAX_ANSWER) <= window;
}

static void answer(struct session *s)
{
    store_little(reply.bytes + 3, s->next, 2);
    store_little(reply.bytes + 5, s->expected, 2);
    store_little(reply.bytes + 7, s->handled, 2);
    uint8_t *bytes = malloc(WIRE_ROOM(reply.size));
    if (!bytes)
        fatal("answer");
    size_t size = frame_encode(bytes, reply.bytes, reply.size);
    s->kept[s->next % KEPT].frame = bytes;
    s->kept[s->next % KEPT].size = (uint16_t)size;
    s->kept[s->next % KEPT].received = s->expected;
    s->kept[s->next % KEPT].handled = s->handled;
    s->unhandled_bytes += (uint32_t)size;
    s->next++;
}

static void error(struct session *s, uint16_t request, enum error code, const char *detail)
{
    start(MSG_ERROR, request);
    add(code, 2);
    add_text(detail);
    answer(s);
}

/* Sessions. */

static struct session *driver(void)
{
    for (int i = 0; i < SESSIONS; i++)
        if (sessions[i].used && sessions[i].role == DRIVE)
            return &sessions[i];
    return NULL;
}

static void end_session(struct session *s)
{
    if (s->role == DRIVE) {                            /* objects and uploads stay */
        frame.session = NULL;
        tree.open = false;
        store.budget = MEMORY;
    }
    for (; s->received != s->next; s->received++)
        free(s->kept[s->received % KEPT].frame);
    while (s->queue) {
        struct request *r = s->queue;
        s->queue = r->next;
        free(r);
    }
    s->used = false;
}

static void detach(struct wire *w)                     /* takes the session off this wire */
{
    struct session *s = w->session;
    w->session = NULL;
    w->state = NEW;
    w->last_heard = now();
    w->out_size = 0;
    if (!s)
        return;
    s->wire = NULL;
    s->gone_at = now();
    if (!s->confirmed || !config.resume)
        end_session(s);
}

static void close_wire(struct wire *w)
{
    detach(w);
    if (config.tty)
        return;
    close(w->fd);
    w->fd = -1;
}

static struct session *new_session(uint8_t wanted)
{
    struct session *other = driver();
    if (wanted == DRIVE && other && !other->wire)
        end_session(other);                            /* it is away: who is here drives */
    for (int i = 0; i < SESSIONS; i++) {
        struct session *s = &sessions[i];
        if (s->used)
            continue;
        memset(s, 0, sizeof *s);
        s->role = driver() ? OBSERVE : wanted;
        s->used = true;
        s->queue_end = &s->queue;
        s->pause = 25;
        random_bytes(s->id, 8);
        return s;
    }
    return NULL;
}

static void take_numbers(struct session *s, uint16_t received, uint16_t handled);

static void send_welcome(struct wire *w)
{
    struct session *s = w->session;
    start(MSG_WELCOME, 0);
    add(2, 1);
    add_bytes(w->hello + 11, 16);
    add_bytes(config.boot_id, 8);
    add_bytes(s->id, 8);
    add(w->resumed, 1);
    add(s->role, 1);
    add(config.token_size ? 32 : 0, 1);
    if (config.token_size)
        add_bytes(w->proof, 32);
    add(config.heartbeat, 2);
    add(config.silence, 2);
    add(config.resume, 4);
    add_text("C example");
    add(256, 2);
    add(256, 2);
    add(ICW_STORE, 4);
    add(MEMORY, 4);
    add(MAX_OBJECT, 4);
    add(MAX_BODY, 2);
    add(WINDOW, 4);
    send_link(w);
}

static void greet(struct wire *w)                      /* w->hello is whole, in range, and proven */
{
    const uint8_t *body = w->hello + 9;
    static const uint8_t none[8];
    struct session *s = NULL;
    for (int i = 0; i < SESSIONS; i++)
        if (sessions[i].used && !memcmp(sessions[i].id, body + 18, 8) && memcmp(none, body + 18, 8)
            && sessions[i].role == body[26])
            s = &sessions[i];
    w->resumed = s != NULL;
    if (s) {
        s->confirmed = true;                           /* who names it knows of it */
        if (s->wire && s->wire != w)
            close_wire(s->wire);                       /* half open: the newest wire has it */
    }
    if (!s && !(s = new_session(body[26]))) {
        notice(w, ERR_BUSY, "all sessions are taken; try again later");
        w->state = NEW;
        return;
    }
    if (!w->resumed) {
        size_t size = u16(body + 31);
        if (size >= sizeof s->client)
            for (size = sizeof s->client - 1; size && (body[33 + size] & 0xC0) == 0x80; size--) { }
        memcpy(s->client, body + 33, size);            /* cut between characters */
        s->window = u32(body + 27);
    }
    s->wire = w;
    w->session = s;
    w->state = READY;
    if (w->resumed)
        take_numbers(s, u16(w->hello + 5), u16(w->hello + 7));
    s->resend = s->received;
    s->went_back = s->next != s->received;
    s->asked = s->has_rejected = s->reject_due = false;
    s->ack_now = w->resumed;
    s->answer_due = 0;
    s->pause = 25;
    s->moved_at = now();
    if (s == frame.session)
        frame.part_at = now();                         /* its host could send nothing meanwhile */
    send_welcome(w);
}

static void take_hello(struct wire *w, const uint8_t *p, size_t size)
{
    const uint8_t *body = p + 9;
    bool parses = size >= 42 && size == 42u + u16(body + 31) && is_utf8(body + 33, size - 42);
    bool again = parses && w->state != NEW && !memcmp(w->hello + 11, body + 2, 16);
    if (again && w->state == READY) {
        send_welcome(w);
        return;
    }
    if (!parses) {
        notice(w, ERR_MALFORMED, "HELLO does not parse");
        return;
    }
    if (!again) {
        if (w->session && (memcmp(w->session->id, body + 18, 8) || w->session->role != body[26]))
            w->session->confirmed = false;             /* nobody asks for it any more */
        detach(w);
        if (body[0] > 2 || body[1] < 2) {
            notice(w, ERR_VERSION, "this device speaks version 2");
            return;
        }
        if (body[26] > OBSERVE || u32(body + 27) < 65801 || size + 1 > sizeof w->hello) {
            notice(w, ERR_OUT_OF_RANGE, "role is 0 or 1, the window at least 65801, the client's name below 980 bytes");
            return;
        }
        memcpy(w->hello, p, size);
        w->hello[size] = 0;
        if (!config.token_size) {
            greet(w);
            return;
        }
        random_bytes(w->challenge, 16);
        w->state = CHALLENGED;
    }
    start(MSG_CHALLENGE, 0);
    add_bytes(w->hello + 11, 16);
    add_bytes(w->challenge, 16);
    send_link(w);
}

static void take_proof(struct wire *w, const uint8_t *p, size_t size)
{
    uint8_t right[32], differs = 0;
    if (size != 41)
        notice(w, ERR_MALFORMED, "PROOF does not parse");
    if (size != 41 || w->state != CHALLENGED)
        return;
    hmac_sha256(right, config.token, config.token_size, "pixeltree host", w->hello + 11, w->challenge);
    for (int i = 0; i < 32; i++)
        differs |= right[i] ^ p[9 + i];
    if (differs) {
        w->state = NEW;
        notice(w, ERR_AUTHENTICATION, "wrong token");
        return;
    }
    hmac_sha256(w->proof, config.token, config.token_size, "pixeltree device", w->hello + 11, w->challenge);
    greet(w);
}

/* Delivery. */

static void moved(struct session *s) { s->pause = 25; s->moved_at = now(); }

static void take_numbers(struct session *s, uint16_t received, uint16_t handled)
{
    uint16_t arrived = received - s->received, done = handled - s->peer_handled;
    if (arrived && arrived <= (uint16_t)(s->fresh - s->received)) {
        if ((uint16_t)(s->resend - s->received) < arrived)
            s->resend = received;
        for (; s->received != received; s->received++)
            free(s->kept[s->received % KEPT].frame);
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
        struct request *r = malloc(sizeof *r + size);
        if (!r)
            return;                                    /* as if it were lost */
        r->next = NULL;
        r->size = (uint16_t)size;
        r->wire_bytes = (uint32_t)wire_bytes;
        memcpy(r->payload, p, size);
        *s->queue_end = r;
        s->queue_end = &r->next;
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

static void take_byte(struct wire *w, uint8_t byte)
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

/* Requests. */

static bool is_needed(const uint8_t digest[16])        /* by the frame in hand */
{
    if (!frame.session)
        return false;
    struct object *o = store_find(&store, tree.capture);
    if (!memcmp(digest, tree.capture, 16))
        return true;
    if (!o || !o->whole)
        return false;
    unsigned blocks = o->data[18], count = 1 + blocks + o->data[19 + 16 * blocks];
    for (unsigned i = 0; i < count; i++)
        if (!memcmp(digest, i ? o->data + (i <= blocks ? 3 : 4) + 16 * i : o->data + 2, 16))
            return true;
    return false;
}

static struct object *resident(const uint8_t digest[16], enum kind kind)   /* kind 0: any */
{
    struct object *o = store_find(&store, digest);
    return o && o->whole && (!kind || o->data[0] == kind) ? o : NULL;
}

static void on_query(struct session *s, uint16_t request, const uint8_t *p, size_t size)
{
    if (size < 2 || size != 2 + 16u * u16(p)) {
        error(s, request, ERR_MALFORMED, "QUERY does not parse");
        return;
    }
    start(MSG_HOLDINGS, request);
    add(u16(p), 2);
    for (unsigned i = 0; i < u16(p); i++) {
        struct object *o = store_find(&store, p + 2 + 16 * i);
        add(!o ? 0 : o->whole ? 0xFFFFFFFF : o->received, 4);
        if (o && s->role == DRIVE)
            store_touch(&store, o);
    }
    answer(s);
}

static void stored(struct session *s, uint16_t request, struct object *o)
{
    start(MSG_STORED, request);
    add_bytes(o->digest, 16);
    add(o->evicted_count, 2);
    add_bytes(o->evicted, 16u * o->evicted_count);
    answer(s);
    free(o->evicted);
    o->evicted = NULL;
    o->evicted_count = 0;
}

static void on_put(struct session *s, uint16_t request, const uint8_t *p, size_t size)
{
    if (size < 24) {
        error(s, request, ERR_MALFORMED, "PUT does not parse");
        return;
    }
    uint32_t total = u32(p + 16), offset = u32(p + 20);
    struct object *o = store_find(&store, p);
    uint8_t digest[16];
    size -= 24;
    if (o && o->whole) {
        stored(s, request, o);
        return;
    }
    if (!total || total > MAX_OBJECT || offset != (o ? o->received : 0) || (o && total != o->size) || size > total - offset) {
        error(s, request, ERR_BAD_UPLOAD, "this part does not continue what came in, or the object is too large");
        return;
    }
    if (!o && !(o = store_begin(&store, p, total))) {
        error(s, request, ERR_NO_ROOM, "the object does not fit");
        return;
    }
    memcpy(o->data + offset, p + 24, size);
    o->received += (uint32_t)size;
    frame.part_at = now();
    if (o->received < total)
        return;
    blake2b_128(digest, o->data, total);
    enum error code = memcmp(digest, p, 16) ? ERR_DIGEST_MISMATCH : !is_object(o->data, total) ? ERR_BAD_OBJECT
                    : !store_finish(&store, o) ? ERR_NO_ROOM : 0;
    if (code) {
        error(s, request, code, code == ERR_NO_ROOM ? "the instruction store has no room" : "not these bytes");
        store_drop(&store, o);
    } else {
        stored(s, request, o);
    }
}

static void on_open_tree(struct session *s, uint16_t request, const uint8_t *p, size_t size)
{
    if (size != 24) {
        error(s, request, ERR_MALFORMED, "OPEN_TREE does not parse");
        return;
    }
    struct object *o = resident(p, KIND_TREE), *gone;
    if (frame.session || u32(p + 20) > 3600000 || !o) {
        error(s, request, frame.session ? ERR_BUSY : o ? ERR_OUT_OF_RANGE : ERR_NO_TREE,
              frame.session ? "a frame is in hand" : o ? "fault_timeout_ms" : "no such tree is resident");
        return;
    }
    tree.open = true;
    memcpy(tree.digest, p, 16);
    memcpy(tree.capture, o->data + 3, 16);
    tree.fault_timeout = u32(p + 20);
    store_limit(&store, u32(p + 16) && u32(p + 16) < MEMORY ? u32(p + 16) : MEMORY);
    store_touch(&store, o);                            /* the last to go */
    start(MSG_TREE_OPENED, request);
    add(store.budget, 4);
    add(0, 2);
    while (store.used > store.budget && (gone = store_oldest(&store, false, NULL))) {
        add_bytes(gone->digest, 16);
        store_drop(&store, gone);
    }
    store_little(reply.bytes + 13, (reply.size - 15) / 16, 2);
    answer(s);
}

static void on_start_frame(struct session *s, uint16_t request, const uint8_t *p)
{
    if (frame.session || !tree.open) {
        error(s, request, tree.open ? ERR_BUSY : ERR_NO_TREE, tree.open ? "a frame is in hand" : "no tree is open");
        return;
    }
    frame.session = s;
    frame.request = request;
    frame.number = u32(p);
    frame.missing_count = 0;
    frame.part_at = now();
}

static void on_status(struct session *s, uint16_t request)
{
    static const uint8_t none[16];
    unsigned connected = 0, objects = 0;
    struct session *d = driver();
    for (int i = 0; i < SESSIONS; i++)
        connected += sessions[i].used && sessions[i].wire;
    for (struct object *o = store.first; o; o = o->next)
        objects += o->whole;
    start(MSG_STATUS, request);
    add(connected, 2);
    add_text(d ? d->client : "");
    add_bytes(tree.open ? tree.digest : none, 16);
    add(frame.session != NULL, 1);
    add(0, 8);                                         /* no frame ever ends with a result */
    add(store.budget, 4);
    add(store.used, 4);
    add(store.icw_used, 4);
    add(objects, 2);
    add((now() - started) * 1000000, 8);
    add(now() - started, 8);
    add(damaged_frames, 4);
    add(s->resent_bytes, 8);
    answer(s);
}

static void on_read_plane(struct session *s, uint16_t request, const uint8_t *p, size_t size)
{
    char name[8] = {0};
    if (size < 2 || size != 2u + u16(p) || !is_utf8(p + 2, size - 2)) {
        error(s, request, ERR_MALFORMED, "READ_PLANE does not parse");
        return;
    }
    memcpy(name, p + 2, size - 2 < 7 ? size - 2 : 7);
    bool areg = (size == 3 && *name >= 'A' && *name <= 'F') || (size == 6 && !strcmp(name, "NEWS"));
    bool dreg = *name == 'R' && ((size == 4 && name[1] >= '0' && name[1] <= '9')
                                 || (size == 5 && name[1] == '1' && name[2] >= '0' && name[2] <= '2'));
    if (!areg && !dreg) {
        error(s, request, ERR_OUT_OF_RANGE, "registers are A to F, NEWS, R0 to R12");
        return;
    }
    s->planes[s->plane_count].request = request;
    s->planes[s->plane_count++].total = areg ? 65536 : 8192;
}

static void on_execute(struct session *s, uint16_t request, const uint8_t *p, size_t size)
{
    size_t at = 0;
    const char *wrong = frame.session ? "a frame is in hand" : NULL;
    for (int list = 0; list < 2; list++) {
        if (size < at + 2 || size < at + 2 + 16u * u16(p + at)) {
            error(s, request, ERR_MALFORMED, "EXECUTE does not parse");
            return;
        }
        for (unsigned i = 0; i < u16(p + at) && !wrong; i++)
            if (!resident(p + at + 2 + 16 * i, list ? KIND_SEGMENT : KIND_BLOCK))
                wrong = "a block or segment is not resident";
        at += 2 + 16u * u16(p + at);
    }
    if (!wrong && (!is_object(p + at, size - at) || p[at] != KIND_PROGRAM))
        wrong = "the program is not valid";
    error(s, request, frame.session ? ERR_BUSY : wrong ? ERR_BAD_OBJECT : ERR_UNSUPPORTED,
          wrong ? wrong : "this device has no array to run programs on");
}

static bool is_one_of(uint8_t code, const uint8_t *list) { return strchr((const char *)list, code) != NULL; }

static void handle(struct session *s, const uint8_t *p, size_t size)
{
    static const uint8_t driven[] = {MSG_PUT, MSG_OPEN_TREE, MSG_SCENE, MSG_START_FRAME, MSG_CANCEL_FRAME, MSG_EXECUTE, 0};
    static const uint8_t four[] = {MSG_PING, MSG_START_FRAME, MSG_CANCEL_FRAME, 0};
    uint16_t request = u16(p + 1);
    const uint8_t *body = p + 9;
    uint8_t code = p[0];
    size -= 9;
    if (code && is_one_of(code, driven) && s->role != DRIVE) {
        error(s, request, ERR_NOT_DRIVER, "another session drives");
        return;
    }
    if ((code && is_one_of(code, four) && size != 4) || (code == MSG_GET_STATUS && size) || (code == MSG_SCENE && size < 9)) {
        error(s, request, ERR_MALFORMED, "the body has not the size of its message");
        return;
    }
    switch (code) {
    case MSG_PING:
        start(MSG_PONG, request);
        add_bytes(body, 4);
        answer(s);
        break;
    case MSG_GET_STATUS: on_status(s, request); break;
    case MSG_QUERY: on_query(s, request, body, size); break;
    case MSG_PUT: on_put(s, request, body, size); break;
    case MSG_OPEN_TREE: on_open_tree(s, request, body, size); break;
    case MSG_START_FRAME: on_start_frame(s, request, body); break;
    case MSG_READ_PLANE: on_read_plane(s, request, body, size); break;
    case MSG_EXECUTE: on_execute(s, request, body, size); break;
    case MSG_SCENE: error(s, request, ERR_BAD_SCENE, "this device is shown nothing"); break;
    case MSG_CANCEL_FRAME:
        if (frame.session && frame.number == u32(body))
            frame.session = NULL;
        start(MSG_DONE, request);
        answer(s);
        break;
    default: error(s, request, ERR_MALFORMED, "no message that a host sends");
    }
}

/* Work between two looks at the wires: requests, the plane in hand, the frame in hand. */

static void work_off(struct session *s)
{
    static const uint8_t zeros[PART];
    while (s->queue && can_answer(s) && s->plane_count < PLANES) {
        struct request *r = s->queue;
        handle(s, r->payload, r->size);
        if (!(s->queue = r->next))
            s->queue_end = &s->queue;
        s->handled++;
        s->held_bytes -= r->wire_bytes;
        s->handled_bytes += r->wire_bytes;
        free(r);
    }
    while (s->plane_count && (uint16_t)(s->next - s->peer_handled) < KEPT / 2
           && s->unhandled_bytes < SEND_WINDOW / 2) {          /* the rest is for what overtakes planes */
        start(MSG_PLANE_PART, s->planes[0].request);
        add(s->plane_at, 4);
        add(s->planes[0].total, 4);
        add_bytes(zeros, PART);
        answer(s);
        if ((s->plane_at += PART) == s->planes[0].total) {
            s->plane_at = 0;
            memmove(s->planes, s->planes + 1, --s->plane_count * sizeof *s->planes);
        }
    }
    s->waiting = s->plane_count || s->queue;
}

static void add_missing(uint8_t (*list)[16], unsigned *count, const uint8_t *digest, enum kind kind, bool *wrong)
{
    struct object *o = resident(digest, 0);
    for (unsigned i = 0; i < *count; i++)
        if (!memcmp(list[i], digest, 16))
            return;
    if (o)
        *wrong |= o->data[0] != kind;
    else
        memcpy(list[(*count)++], digest, 16);
}

static bool has_news(uint8_t (*missing)[16], unsigned count)   /* what the last FAULT did not name */
{
    for (unsigned i = 0, k; i < count; i++) {
        for (k = 0; k < frame.missing_count && memcmp(missing[i], frame.missing[k], 16); k++) { }
        if (k == frame.missing_count)
            return true;
    }
    return false;
}

static void work_on_frame(void)                        /* as far as a device without an array can go */
{
    static uint8_t missing[511][16];
    unsigned count = 0;
    struct session *s = frame.session;
    bool wrong = false;
    if (!s || !can_answer(s))
        return;
    add_missing(missing, &count, tree.capture, KIND_NODE, &wrong);
    if (!count && !wrong) {
        const uint8_t *p = resident(tree.capture, KIND_NODE)->data;
        unsigned blocks = p[18], segments = p[19 + 16 * blocks];
        add_missing(missing, &count, p + 2, KIND_PROGRAM, &wrong);
        for (unsigned i = 0; i < blocks; i++)
            add_missing(missing, &count, p + 19 + 16 * i, KIND_BLOCK, &wrong);
        for (unsigned i = 0; i < segments; i++)
            add_missing(missing, &count, p + 20 + 16 * (blocks + i), KIND_SEGMENT, &wrong);
    }
    if (wrong || !count) {
        error(s, frame.request, wrong ? ERR_BAD_TREE : ERR_UNSUPPORTED,
              wrong ? "an object of the capture node is of the wrong kind" : "this device has no array to run nodes on");
        frame.session = NULL;
    } else if (has_news(missing, count)) {
        memcpy(frame.missing, missing, 16 * count);
        frame.missing_count = count;
        frame.part_at = now();
        start(MSG_FAULT, frame.request);
        add(frame.number, 4);
        add_bytes(tree.capture, 16);
        add(count, 2);
        add_bytes(missing, 16 * count);
        answer(s);
    } else if (s->wire && now() - frame.part_at >= tree.fault_timeout) {
        error(s, frame.request, ERR_FAULT_TIMEOUT, "missing objects did not come");
        frame.session = NULL;
    }
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

static void tick(struct session *s)
{
    struct wire *w = s->wire;
    uint64_t t = now();
    if (s->received == s->fresh && !s->waiting)
        s->moved_at = t;                               /* the clock of polls starts with what is under way */
    for (; s->resend != s->next && has_room(w, s->kept[s->resend % KEPT].size); s->resend++) {
        unsigned i = s->resend % KEPT;
        emit(w, s->kept[i].frame, s->kept[i].size);
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

/* The operating system's part. */

static bool flush(struct wire *w)
{
    ssize_t n = w->out_size ? write(w->fd, w->out, w->out_size) : 0;
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    memmove(w->out, w->out + n, w->out_size - (size_t)n);
    w->out_size -= (size_t)n;
    return true;
}

static void look_at(struct wire *w, bool readable)
{
    uint8_t bytes[16384];
    ssize_t n = readable ? read(w->fd, bytes, sizeof bytes) : -1;
    if (readable && (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))) {
        close_wire(w);
        return;
    }
    for (ssize_t i = 0; i < n; i++)
        take_byte(w, bytes[i]);
    if (w->state == NEW && now() - w->last_heard >= config.silence && !config.tty)
        close_wire(w);                                 /* nobody greets */
}

static void open_wire(int fd)
{
    for (int i = 0; i < WIRES; i++)
        if (wires[i].fd < 0) {
            memset(&wires[i], 0, sizeof wires[i]);
            wires[i].fd = fd;
            wires[i].last_heard = now();
            fcntl(fd, F_SETFL, O_NONBLOCK);
            return;
        }
    close(fd);
}

static int listen_on(unsigned port)                    /* loopback only; a port of 0 chooses one */
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) || bind(fd, (struct sockaddr *)&a, size)
        || listen(fd, WIRES) || getsockname(fd, (struct sockaddr *)&a, &size))
        fatal("listen");
    printf("listening on tcp://127.0.0.1:%u\n", ntohs(a.sin_port));
    fflush(stdout);
    return fd;
}

static void open_tty(const char *path)
{
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
    struct termios t;
    if (fd < 0 || tcgetattr(fd, &t))
        fatal(path);
    t.c_iflag = t.c_oflag = t.c_lflag = 0;             /* raw: every byte as it is */
    t.c_cflag = CS8 | CREAD | CLOCAL;
#ifdef B3000000
    cfsetispeed(&t, B3000000);
    cfsetospeed(&t, B3000000);
#endif
    if (tcsetattr(fd, TCSANOW, &t))
        fatal(path);
    config.tty = true;
    open_wire(fd);
}

static void read_token(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fatal(path);
    config.token_size = fread(config.token, 1, sizeof config.token, file);
    while (config.token_size && strchr(" \t\r\n", config.token[config.token_size - 1]))
        config.token_size--;
    fclose(file);
    if (config.token_size < 16) {
        fprintf(stderr, "%s: a token has at least 16 bytes\n", path);
        exit(1);
    }
}

static void stop(int number) { (void)number; stopping = 1; }

static void serve(int listener)
{
    struct pollfd polls[WIRES + 1] = {{.fd = listener, .events = POLLIN}};
    for (int i = 0; i < WIRES; i++)
        polls[i + 1] = (struct pollfd){.fd = wires[i].fd, .events = (short)(POLLIN | (wires[i].out_size ? POLLOUT : 0))};
    if (poll(polls, WIRES + 1, 5) < 0)
        return;
    for (int i = 0; i < WIRES; i++)
        if (wires[i].fd >= 0)
            look_at(&wires[i], polls[i + 1].revents & (POLLIN | POLLHUP | POLLERR));
    if (polls[0].revents & POLLIN)
        open_wire(accept(listener, NULL, NULL));
    for (int i = 0; i < SESSIONS; i++)
        if (sessions[i].used)
            work_off(&sessions[i]);
    work_on_frame();
    for (int i = 0; i < SESSIONS; i++) {
        struct session *s = &sessions[i];
        if (s->used && s->wire)
            tick(s);
        else if (s->used && now() - s->gone_at >= config.resume)
            end_session(s);
    }
    for (int i = 0; i < WIRES; i++)
        if (wires[i].fd >= 0 && !flush(&wires[i]))
            close_wire(&wires[i]);
}

int main(int argc, char **argv)
{
    int listener = -1, port = 0;
    const char *tty = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--port")) port = atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--tty")) tty = argv[i + 1];
        else if (!strcmp(argv[i], "--token-file")) read_token(argv[i + 1]);
        else if (!strcmp(argv[i], "--heartbeat-ms")) config.heartbeat = (uint32_t)atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--silence-ms")) config.silence = (uint32_t)atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--resume-ms")) config.resume = (uint32_t)atoi(argv[i + 1]);
        else argc = 0;
    }
    if (argc % 2 == 0) {
        fprintf(stderr, "use: device [--port N | --tty PATH] [--token-file PATH] [--heartbeat-ms N] [--silence-ms N] [--resume-ms N]\n");
        return 2;
    }
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    started = now();
    random_bytes(config.boot_id, 8);
    for (int i = 0; i < WIRES; i++)
        wires[i].fd = -1;
    if (tty)
        open_tty(tty);
    else
        listener = listen_on((unsigned)port);
    while (!stopping)
        serve(listener);
    for (int i = 0; i < WIRES; i++)
        if (wires[i].fd >= 0 && wires[i].state == READY) {
            start(MSG_STOPPING, 0);
            add_text("the device was told to stop");
            send_link(&wires[i]);
            flush(&wires[i]);
        }
    return 0;
}
