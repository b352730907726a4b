/* The handshake and the sessions: docs/reference/protocol.md, "Handshake", "Authentication", "Resuming". */
#include "device.h"

#include <string.h>

struct wire wires[WIRES];
struct session sessions[SESSIONS];

struct session *driver(void)
{
    for (int i = 0; i < SESSIONS; i++)
        if (sessions[i].used && sessions[i].role == DRIVE)
            return &sessions[i];
    return NULL;
}

void end_session(struct session *s)
{
    if (s->role == DRIVE)
        driver_left();
    s->used = false;
}

void detach(struct wire *w)                     /* takes the session off this wire */
{
    struct session *s = w->session;
    w->session = NULL;
    w->state = NEW;
    w->last_heard = now();
    w->out_size = w->rest_size = 0;
    if (!s)
        return;
    s->wire = NULL;
    s->gone_at = now();
    if (!s->confirmed || !config.resume)
        end_session(s);
}

void close_wire(struct wire *w)
{
    detach(w);
    drop_connection(w);
}

static struct session *free_session(void)
{
    for (int i = 0; i < SESSIONS; i++)
        if (!sessions[i].used)
            return &sessions[i];
    return NULL;
}

static struct session *new_session(uint8_t wanted)
{
    struct session *other = driver();
    if (wanted == DRIVE && other && !other->wire)
        end_session(other);                            /* it is away: who is here drives */
    for (int i = 0; wanted == DRIVE && !free_session() && i < SESSIONS; i++)
        if (sessions[i].role == OBSERVE && !sessions[i].wire)
            end_session(&sessions[i]);                 /* all are taken, but who wanted to look is not here */
    struct session *s = free_session();
    if (!s)
        return NULL;
    memset(s, 0, sizeof *s);
    s->role = driver() ? OBSERVE : wanted;
    s->used = true;
    if (s->role == DRIVE)
        driver_came();
    fifo_begin(&s->requests, s->request_room, sizeof s->request_room);
    fifo_begin(&s->answers, s->answer_room, sizeof s->answer_room);
    s->pause = 25;
    random_bytes(s->id, 8);
    return s;
}

static void send_welcome(struct wire *w)
{
    struct session *s = w->session;
    start(MSG_WELCOME, 0);
    add(VERSION, 1);
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
    add_text(DEVICE_NAME);
    add(256, 2);
    add(256, 2);
    add(config.icw_store, 4);
    add(config.memory, 4);
    add(config.memory < MAX_OBJECT ? config.memory : MAX_OBJECT, 4);
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
    driver_is_back(s);
    send_welcome(w);
}

void take_hello(struct wire *w, const uint8_t *p, size_t size)
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
        if (body[0] > VERSION || body[1] < VERSION) {
            notice(w, ERR_VERSION, "this device speaks version 1");
            return;
        }
        if (body[26] > OBSERVE || u32(body + 27) < 65801 || size >= 1024) {
            notice(w, ERR_OUT_OF_RANGE, "role is 0 or 1, the window at least 65801, the client's name below 980 bytes");
            return;
        }
        memset(w->hello, 0, sizeof w->hello);
        memcpy(w->hello, p, size < sizeof w->hello ? size : sizeof w->hello);
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

void take_proof(struct wire *w, const uint8_t *p, size_t size)
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
