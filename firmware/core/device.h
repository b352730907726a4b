/* The parts of the device and what they know of each other. */
#ifndef DEVICE_H
#define DEVICE_H

#include "fifo.h"
#include "limits.h"
#include "objects.h"

enum message {
    MSG_HELLO = 1, MSG_WELCOME, MSG_QUERY, MSG_HOLDINGS, MSG_PUT, MSG_STORED, MSG_OPEN_TREE, MSG_TREE_OPENED,
    MSG_SHOW, MSG_DONE, MSG_START_FRAME, MSG_RESULT, MSG_CANCEL_FRAME, MSG_FAULT, MSG_READ_PLANE, MSG_PLANE_PART,
    MSG_PING, MSG_PONG, MSG_LEAVE, MSG_STOPPING, MSG_GET_STATUS, MSG_STATUS, MSG_CHALLENGE, MSG_PROOF,
    MSG_PUT_SEVERAL, MSG_STORED_SEVERAL,
    MSG_ACK = 30, MSG_ERROR, MSG_NOTICE = 33, MSG_EXECUTE = 40, MSG_READ_OUT, MSG_EXECUTED, MSG_SET_EXPOSURE = 45, MSG_EXPOSURE
};
enum error {
    ERR_BAD_FRAME = 1, ERR_MALFORMED, ERR_UNEXPECTED, ERR_VERSION, ERR_BUSY, ERR_BAD_OBJECT, ERR_DIGEST_MISMATCH,
    ERR_NO_ROOM, ERR_BAD_UPLOAD, ERR_BAD_TREE, ERR_CANNOT_SHOW, ERR_NO_TREE, ERR_FAULT_TIMEOUT, ERR_CREDIT_OVERRUN,
    ERR_OUT_OF_RANGE, ERR_INTERNAL, ERR_AUTHENTICATION, ERR_NOT_DRIVER, ERR_UNSUPPORTED
};
enum { DRIVE, OBSERVE };

#define VERSION 1                                      /* of the protocol */
#define BIGGEST (2 + 9 + MAX_BODY + 4)
#define HELLO_ROOM (42 + 64 + 1)                       /* of a HELLO, as much as is used: its client's name is cut */
#define MAX_TOGETHER 32u                               /* objects in one PUT_SEVERAL */
/* Greatest body that we send, but for a RESULT: a list of objects, or a part of a plane or read-out. */
#define LIST_ROOM (22u + 16u * GREATER(MAX_OBJECTS + MAX_TOGETHER, 1 + MOST_SLOTS))
#define MAX_ANSWER GREATER(LIST_ROOM, 10 + PART)
#define GREATER(a, b) ((a) > (b) ? (a) : (b))
#define DEVICE_NAME "Pixeltree firmware"

/* What lies in a session's queue of requests. */
struct request { uint32_t wire_bytes; uint16_t size; uint8_t payload[]; };
#define REQUEST_ROOM (WINDOW / 4 * 5 + BIGGEST + 8)    /* records of small frames are larger than those */
/* A RESULT that does not fit the window goes when nothing else is under way. */
#define ANSWER_ROOM \
    (SEND_WINDOW < WIRE_ROOM(9 + GREATEST) ? GREATER(SEND_WINDOW + WIRE_ROOM(9 + MAX_ANSWER), WIRE_ROOM(9 + GREATEST)) + 8 \
                                           : SEND_WINDOW + WIRE_ROOM(9 + GREATEST) + 8)

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
    struct fifo requests, answers;
    uint8_t request_room[REQUEST_ROOM], answer_room[ANSWER_ROOM];
    uint32_t window;                                                         /* what goes out */
    uint16_t next, received, peer_handled, resend, fresh, polled;            /* fresh: first never sent */
    uint8_t poll;
    bool asked, went_back, waiting;
    uint32_t unhandled_bytes, pause;
    uint64_t moved_at, resent_bytes;
    struct { uint8_t *frame; uint32_t size; uint16_t received, handled; } kept[KEPT]; /* by number modulo KEPT */
    struct { uint16_t request; uint8_t areg, dreg; } planes[PLANES];             /* READ_PLANEs, the oldest first */
    unsigned plane_count;
    uint32_t plane_at;                                 /* what was sent of the first */
    uint64_t plane_since;                              /* ms: when its first part was sent */
};

struct wire {
    int fd;                                            /* -1: this place is free */
    enum { NEW, CHALLENGED, READY } state;
    uint8_t in[COBS_ROOM(BIGGEST)], out[OUT_ROOM], hello[HELLO_ROOM], challenge[16], proof[32];
    size_t in_size, out_size;
    const uint8_t *rest;                               /* of a frame that out has no room for yet */
    size_t rest_size;
    uint16_t rest_number;                              /* that frame's */
    bool too_long, resumed;
    uint64_t last_sent, last_heard;
    struct session *session;
};


struct config {
    uint32_t heartbeat, silence, resume;               /* ms */
    uint32_t memory, icw_store;                        /* bytes and words for objects */
    size_t token_size;
    uint8_t token[TOKEN_ROOM], boot_id[8];
    bool tty;                                          /* one wire, which is always there */
    const struct flash *flash;                         /* NULL where there are no objects in it */
};

extern struct config config;
extern struct wire wires[WIRES];
extern struct session sessions[SESSIONS];
extern uint32_t damaged_frames;

/* main.c: the operating system's part. */
uint64_t now(void);                                    /* ms */
void fatal(const char *what);
void random_bytes(uint8_t *p, size_t size);
void drop_connection(struct wire *w);

/* delivery.c: frames in and out, in order and once. A payload is built by start and add, one at a time, and then
 * sent by send_link, as a message of the link, or by answer, which keeps it until it is received. */
void start(uint8_t code, uint16_t request);
void add(uint64_t value, size_t bytes);
void add_bytes(const void *p, size_t size);
void add_text(const char *text);
void overwrite(size_t offset, uint64_t value, size_t bytes);   /* what was added, counted in the body */
uint8_t *add_room(size_t size);                        /* room for bytes, to be written at once */
size_t added(void);                                    /* bytes of the body so far */
void shorten(size_t size);                             /* the body to so many bytes */
const uint8_t *body(void);                             /* what was added */
bool send_link(struct wire *w);                        /* false: there is no room now */
void notice(struct wire *w, enum error code, const char *detail);
bool can_answer(const struct session *s);              /* room for one more answer, of any size */
bool has_window(const struct session *s);              /* room for the greatest message */
bool has_room_for_bulk(const struct session *s);       /* room for a part of a plane or read-out, and more */
void answer(struct session *s);
void answer_with(struct session *s, uint8_t *payload, size_t size);   /* built elsewhere; its numbers are written in */
void error(struct session *s, uint16_t request, enum error code, const char *detail);
void take_byte(struct wire *w, uint8_t byte);          /* for every byte of the wire */
void take_numbers(struct session *s, uint16_t received, uint16_t handled);
void tick(struct session *s);                          /* sends what is due; the session has a wire */

/* handshake.c: who is at the other end. */
void take_hello(struct wire *w, const uint8_t *p, size_t size);
void take_proof(struct wire *w, const uint8_t *p, size_t size);
void detach(struct wire *w);                           /* takes the session off this wire */
void close_wire(struct wire *w);
void end_session(struct session *s);
struct session *driver(void);

/* requests.c: what a session asks for. */
void work_off(struct session *s);
void driver_left(void);
void driver_came(void);
void driver_is_back(struct session *s);

#endif
